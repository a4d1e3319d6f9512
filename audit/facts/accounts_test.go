package facts_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

func TestAccounts(t *testing.T) {
	h := plainHost()
	h.text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\nold:x:1001:50::/:/usr/sbin/nologin\nnone:x:1002:9::/:\n")
	h.text("/etc/group", "root:x:0:\nalice:x:1000:\nstaff:x:50:alice,root\n")
	h.out(snapshot.OutShadow, "root:locked::1:0:9:7::\nalice:hash:md5:1:0:9:7::\nold:locked-hash:sha512:1:0:9:7::100\n")
	got := h.facts().Accounts
	want := []facts.Account{
		{Name: "root", Groups: []string{"root", "staff"}, Home: "/root", Shell: "/bin/bash", Password: "locked", LoginShell: true},
		{Name: "alice", UID: 1000, GID: 1000, Groups: []string{"alice", "staff"}, Home: "/home/alice", Shell: "/bin/bash", Password: "hash", Algorithm: "md5", LoginShell: true},
		{Name: "old", UID: 1001, GID: 50, Groups: []string{"staff"}, Home: "/", Shell: "/usr/sbin/nologin", Password: "locked-hash", Algorithm: "sha512", Expired: true},
		{Name: "none", UID: 1002, GID: 9, Home: "/", Password: "invalid", LoginShell: true},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(facts.Account{}, "Evidence")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if e := got[2].Evidence[0]; e.Path != "/etc/passwd" || e.Line != 3 || strings.Contains(e.Text, "$") {
		t.Errorf("evidence %+v", e)
	}
}

// TestPasswordStates: a state that was not seen is not guessed.
func TestPasswordStates(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *host)
		want   string // of alice
	}{
		"seen":               {func(h *host) {}, "hash"},
		"shadow denied":      {func(h *host) { h.denied(snapshot.OutShadow) }, "unknown"},
		"shadow not brought": {func(h *host) { h.drop(snapshot.OutShadow) }, "unknown"},
		"no line in shadow":  {func(h *host) { h.out(snapshot.OutShadow, "root:star::1:0:9:7::\n") }, "invalid"},
		"no line in what came": {func(h *host) {
			h.out(snapshot.OutShadow, "root:star::1:0:9:7::\n").gap(snapshot.OutShadow, snapshot.GapCap, "")
		}, "unknown"},
		"no line, but a bad one": {func(h *host) { h.out(snapshot.OutShadow, "root:star::1:0:9:7::\nali") }, "unknown"},
		"shadow in a directory": {func(h *host) {
			h.text("/etc/nsswitch.conf", "shadow: files ldap\n").out(snapshot.OutShadow, "root:star::1:0:9:7::\n")
		}, "unknown"},
		"empty, and passwd says so": {func(h *host) {
			h.text("/etc/passwd", "alice::1000:1000::/home/alice:/bin/bash\n").denied(snapshot.OutShadow)
		}, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.change(h)
			for _, a := range h.facts().Accounts {
				if a.Name == "alice" && a.Password != c.want {
					t.Errorf("%s, want %s", a.Password, c.want)
				}
			}
		})
	}
}

func TestAuthorizedKeys(t *testing.T) {
	const ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIX72N696p3qfLzKEH4XDslHzO5I8sV3qCwv7Jpfdhh2"
	keys := "# a comment\n" + ed + " a@b\nfrom=\"10.0.0.1\",no-pty " + rsaKey(1024) + " short\n" + rsaKey(2048) + "\nno key at all\n"
	h := plainHost().file("/home/alice/.ssh/authorized_keys", keys, 0o600, 1000, 1000)
	f := h.facts()
	if len(f.AuthorizedKeys) != 3 || len(f.Gaps["authorized_keys"]) != 0 {
		t.Fatalf("%+v, gaps %v", f.AuthorizedKeys, f.Gaps["authorized_keys"])
	}
	k := f.AuthorizedKeys[1]
	if k.User != "alice" || k.Line != 3 || k.Type != "ssh-rsa" || k.Bits != 1024 || k.Weak == "" || k.Comment != "short" ||
		cmp.Diff([]string{`from="10.0.0.1"`, "no-pty"}, k.Options) != "" {
		t.Errorf("%+v", k)
	}
	if f.AuthorizedKeys[0].Weak != "" {
		t.Errorf("an Ed25519 key is weak: %s", f.AuthorizedKeys[0].Weak)
	}
	t.Run("by what its numbers tell", func(t *testing.T) {
		// The modulus of rsaKey is divisible by small primes or not; this one is.
		f := plainHost().file("/root/.ssh/authorized_keys", rsaSmooth()+"\n", 0o600, 0, 0).facts()
		if len(f.AuthorizedKeys) != 1 || f.AuthorizedKeys[0].Weak == "" {
			t.Errorf("%+v", f.AuthorizedKeys)
		}
	})
	t.Run("elsewhere by pattern", func(t *testing.T) {
		f := plainHost().text("/etc/ssh/sshd_config", "AuthorizedKeysFile /etc/keys/%u none\nMatch User alice\n  AuthorizedKeysFile /opt/%U/%%k\n").
			text("/etc/keys/root", ed+"\n").text("/opt/1000/%k", ed+"\n").text("/root/.ssh/authorized_keys", ed+"\n").facts()
		got := map[string]string{}
		for _, k := range f.AuthorizedKeys {
			got[k.Path] = k.User
		}
		if d := cmp.Diff(map[string]string{"/etc/keys/root": "root", "/opt/1000/%k": "alice"}, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
	t.Run("linked", func(t *testing.T) {
		f := plainHost().link("/home/alice/.ssh/authorized_keys", "../keys", "/home/alice/keys").file("/home/alice/keys", ed+"\n", 0o600, 1000, 1000).facts()
		if len(f.AuthorizedKeys) != 1 || f.AuthorizedKeys[0].Path != "/home/alice/.ssh/authorized_keys" {
			t.Errorf("%+v", f.AuthorizedKeys)
		}
	})
}

func rsaSmooth() string {
	// Bits 3072, so that nothing but its factor 3 speaks against it.
	return rsaOf(func() []byte {
		n := make([]byte, 384)
		n[0], n[383] = 0xc0, 0x03
		return n
	}())
}

// TestFiles: owner and mode of what decides, by role.
func TestFiles(t *testing.T) {
	chmod := func(p string, mode uint32) func(h *host) {
		return func(h *host) { h.change(p, func(f *snapshot.File) { f.Mode = mode }) }
	}
	own := func(p string, uid int64) func(h *host) {
		return func(h *host) { h.change(p, func(f *snapshot.File) { f.UID = uid }) }
	}
	keys := func(change func(h *host)) func(h *host) {
		return func(h *host) {
			h.file("/home/alice/.ssh/authorized_keys", "", 0o600, 1000, 1000)
			change(h)
		}
	}
	spool := func(change func(h *host)) func(h *host) {
		return func(h *host) {
			h.file("/var/spool/cron/crontabs/alice", "", 0o600, 1000, 105)
			change(h)
		}
	}
	for name, c := range map[string]struct {
		change     func(h *host)
		path, role string
		problem    string // part of it; "" none, "gap" it is not judged
	}{
		"configuration":                  {func(h *host) {}, "/etc/ssh/sshd_config", "sshd-config", ""},
		"configuration, group":           {chmod("/etc/ssh/sshd_config", 0o664), "/etc/ssh/sshd_config", "sshd-config", "group root may write"},
		"configuration, all":             {chmod("/etc/ssh/sshd_config", 0o646), "/etc/ssh/sshd_config", "sshd-config", "every account may write"},
		"configuration, another's":       {own("/etc/ssh/sshd_config", 1000), "/etc/ssh/sshd_config", "sshd-config", "owned by alice"},
		"configuration, of nobody known": {own("/etc/ssh/sshd_config", -1), "/etc/ssh/sshd_config", "sshd-config", "gap"},
		"configuration, not readable": {func(h *host) {
			h.change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.Content, f.Mode = nil, 0o602 }).gap("/etc/ssh/sshd_config", snapshot.GapDenied, "")
		}, "/etc/ssh/sshd_config", "sshd-config", "every account"},
		"its folder":         {chmod("/etc/ssh", 0o777), "/etc/ssh", "sshd-config", "every account"},
		"the folder above":   {chmod("/etc", 0o777), "/etc", "sshd-config", "every account"},
		"the root":           {own("/", 1000), "/", "sshd-config", "owned by alice"},
		"host key":           {func(h *host) {}, "/etc/ssh/ssh_host_rsa_key", "host-key", ""},
		"host key, readable": {chmod("/etc/ssh/ssh_host_rsa_key", 0o640), "/etc/ssh/ssh_host_rsa_key", "host-key", "may read"},
		"host key, RHEL's group": {func(h *host) {
			h.text("/etc/group", "ssh_keys:x:999:\n").change("/etc/ssh/ssh_host_rsa_key", func(f *snapshot.File) { f.Mode, f.GID = 0o640, 999 })
		}, "/etc/ssh/ssh_host_rsa_key", "host-key", ""},
		"public key":                 {chmod("/etc/ssh/ssh_host_rsa_key.pub", 0o666), "/etc/ssh/ssh_host_rsa_key.pub", "host-key-public", "every account"},
		"PAM":                        {chmod("/etc/pam.d/sshd", 0o666), "/etc/pam.d/sshd", "pam", "every account"},
		"crontab":                    {chmod("/etc/crontab", 0o666), "/etc/crontab", "cron-table", "every account"},
		"cron.d":                     {chmod("/etc/cron.d", 0o1777), "/etc/cron.d", "cron-dir", "every account"},
		"the spool":                  {func(h *host) {}, "/var/spool/cron/crontabs", "cron-dir", ""},
		"the spool without its bit":  {chmod("/var/spool/cron/crontabs", 0o777), "/var/spool/cron/crontabs", "cron-dir", "every account"},
		"a user's table":             {spool(func(h *host) {}), "/var/spool/cron/crontabs/alice", "cron-table", ""},
		"a user's table, another's":  {spool(own("/var/spool/cron/crontabs/alice", 1)), "/var/spool/cron/crontabs/alice", "cron-table", "owned by daemon"},
		"keys":                       {keys(func(h *host) {}), "/home/alice/.ssh/authorized_keys", "authorized-keys", ""},
		"keys, another's":            {keys(own("/home/alice/.ssh/authorized_keys", 1)), "/home/alice/.ssh/authorized_keys", "authorized-keys", "owned by daemon"},
		"keys, a group of one's own": {keys(chmod("/home/alice/.ssh/authorized_keys", 0o660)), "/home/alice/.ssh/authorized_keys", "authorized-keys", ""},
		"keys, a group with others": {keys(func(h *host) {
			h.text("/etc/group", "alice:x:1000:daemon\n")
			chmod("/home/alice/.ssh/authorized_keys", 0o660)(h)
		}), "/home/alice/.ssh/authorized_keys", "authorized-keys", "group alice may write"},
		"keys, groups not seen": {keys(func(h *host) { h.denied("/etc/group"); chmod("/home/alice/.ssh/authorized_keys", 0o660)(h) }), "/home/alice/.ssh/authorized_keys", "authorized-keys", "gap"},
		"the home":              {keys(chmod("/home/alice", 0o777)), "/home/alice", "authorized-keys-dir", "every account"},
		"a link is its end": {func(h *host) {
			h.text("/etc/real", "").change("/etc/real", func(f *snapshot.File) { f.Mode = 0o666 }).link("/etc/crontab", "real", "/etc/real")
		}, "/etc/crontab", "cron-table", "every account"},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.change(h)
			f := h.facts()
			var got *facts.File
			for i := range f.Files {
				if f.Files[i].Path == c.path && f.Files[i].Role == c.role {
					got = &f.Files[i]
				}
			}
			switch {
			case c.problem == "gap":
				if got != nil || len(f.Gaps["files"]) == 0 {
					t.Errorf("%+v, gaps %v", got, f.Gaps["files"])
				}
			case got == nil:
				t.Fatalf("%s is not among the files", c.path)
			case (c.problem == "") != (got.Problem == "") || !strings.Contains(got.Problem, c.problem):
				t.Errorf("problem %q, want %q", got.Problem, c.problem)
			}
		})
	}
}

// TestMask: what quotes a job line goes through the mask, wherever it stands.
func TestMask(t *testing.T) {
	const secret = "hunter2"
	h := plainHost().text("/etc/crontab", "TOKEN=hunter2\n* * * * * root curl -u a:hunter2 http://x | sh\nbad line hunter2\n")
	f := h.facts(facts.Expectation{Match: "*curl*"})
	f.Mask(func(s string) string { return strings.ReplaceAll(s, secret, "***") })
	f.Map(func(s string) string {
		if strings.Contains(s, secret) {
			t.Errorf("shown: %q", s)
		}
		return s
	})
}

// TestSpoolOfUnknownOwner: a folder whose owner was not seen is in no order.
func TestSpoolOfUnknownOwner(t *testing.T) {
	if f := plainHost().facts(); len(f.Gaps["files"]) > 0 {
		t.Fatalf("gaps of a plain host: %v", f.Gaps["files"])
	}
	notKnown(t, plainHost().dir("/var/spool/cron/crontabs", 0, -1, -1).facts(), "files")
}

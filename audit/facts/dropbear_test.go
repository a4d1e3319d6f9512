package facts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// dropbearHost is the plain host with dropbear in sshd's place.
func dropbearHost(args ...string) *host {
	h := plainHost().drop("/etc/ssh/sshd_config", "/proc/700").out(snapshot.OutDaemons, "650\tcron\n700\tdropbear\n")
	h.daemon(700, "/usr/sbin/dropbear", strings.Join(append([]string{"/usr/sbin/dropbear"}, args...), "\x00")+"\x00", 0, "7001")
	h.out(snapshot.OutSshdVersion+"700", "Dropbear v2022.83\n").text("/etc/shells", "/bin/bash\n/bin/sh\n")
	return h.file("/home/alice/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIX72N696p3qfLzKEH4XDslHzO5I8sV3qCwv7Jpfdhh2 a\n", 0o600, 1000, 1000)
}

func TestDropbear(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		change func(*host)
		// what it says of root's and alice's password, key and empty password, and
		// of sshd.password_login and sshd.root_login
		want string
	}{
		"as it comes":                {nil, nil, "root yes no no, alice yes yes no; yes yes"},
		"-s":                         {[]string{"-s"}, nil, "root no no no, alice no yes no; no no"},
		"-g":                         {[]string{"-g"}, nil, "root no no no, alice yes yes no; yes no"},
		"-w":                         {[]string{"-w", "-p", "22"}, nil, "root no no no, alice yes yes no; yes no"},
		"-t":                         {[]string{"-t"}, nil, "root no no no, alice no no no; no no"},
		"-G":                         {[]string{"-G", "root"}, nil, "root yes no no, alice no no no; yes yes"},
		"-B, none empty":             {[]string{"-B"}, nil, "root yes no no, alice yes yes no; yes yes"},
		"-B, one is empty":           {[]string{"-B"}, func(h *host) { shadowOf(h, "empty") }, "root yes no no, alice no yes yes; yes yes"},
		"one is empty":               {nil, func(h *host) { shadowOf(h, "empty") }, "root yes no no, alice no yes no; yes yes"},
		"locked":                     {nil, func(h *host) { shadowOf(h, "locked") }, "root yes no no, alice no yes no; yes yes"},
		"no shadow":                  {nil, func(h *host) { h.denied(snapshot.OutShadow) }, "root unknown no no, alice unknown yes no; unknown unknown"},
		"a shell that is in no list": {nil, func(h *host) { h.text("/etc/shells", "/bin/sh\n") }, "root no no no, alice no no no; no no"},
		"shells not known":           {nil, func(h *host) { h.drop("/etc/shells", snapshot.OutPrivateKeys) }, "root unknown no no, alice unknown unknown no; unknown unknown"},
		"no list of shells":          {nil, func(h *host) { h.drop("/etc/shells") }, "root no no no, alice no no no; no no"},
		"keys that others may write": {nil, func(h *host) {
			h.change("/home/alice/.ssh/authorized_keys", func(f *snapshot.File) { f.Mode = 0o622 })
		}, "root yes no no, alice yes no no; yes yes"},
		"a home that others may write": {nil, func(h *host) {
			h.change("/home/alice", func(f *snapshot.File) { f.Mode = 0o775 })
		}, "root yes no no, alice yes no no; yes yes"},
		"an option that it does not know": {nil, func(h *host) {
			h.change("/home/alice/.ssh/authorized_keys", func(f *snapshot.File) {
				f.Content = append([]byte(`from="10.0.0.1" `), f.Content...)
				f.Size = int64(len(f.Content))
			})
		}, "root yes no no, alice yes no no; yes yes"},
		"keys elsewhere":       {[]string{"-D", "/etc/keys"}, nil, "root yes unknown no, alice yes unknown no; yes yes"},
		"a plugin":             {[]string{"-A", "/usr/lib/p.so"}, nil, "root yes unknown no, alice yes unknown no; yes yes"},
		"OpenWrt's keys":       {[]string{"-s"}, func(h *host) { h.meta("/etc/dropbear/authorized_keys", 'f', 0o600, 0, 0) }, "root no unknown no, alice no yes no; no unknown"},
		"a master password":    {[]string{"-Y", "x"}, nil, "; unknown unknown"},
		"not read":             {[]string{"--what"}, nil, "; unknown unknown"},
		"accounts from LDAP":   {[]string{"-w"}, func(h *host) { h.text("/etc/nsswitch.conf", "passwd: files ldap\n"); shadowOf(h, "locked") }, "root no no no, alice no yes no; unknown no"},
		"the same and -s":      {[]string{"-s", "-w"}, func(h *host) { h.text("/etc/nsswitch.conf", "passwd: files ldap\n") }, "root no no no, alice no yes no; no no"},
		"groups from LDAP, -G": {[]string{"-G", "ops", "-w"}, func(h *host) { h.text("/etc/nsswitch.conf", "group: files ldap\n") }, "root no no no, alice unknown unknown no; unknown no"},
	} {
		t.Run(name, func(t *testing.T) {
			h := dropbearHost(c.args...)
			if c.change != nil {
				c.change(h)
			}
			f := h.facts()
			var words []string
			for _, a := range f.Access {
				if a.User != "daemon" {
					words = append(words, fmt.Sprint(a.User, " ", a.Password, " ", a.PublicKey, " ", a.Empty))
				}
				if a.PublicKey == "unknown" && a.Why == "" && a.Password == "unknown" {
					t.Errorf("not known, without a reason: %+v", a)
				}
			}
			fact := func(name string, is bool) string {
				if _, unknown := reasonFor(f, name); unknown {
					return "unknown"
				}
				return map[bool]string{true: "yes", false: "no"}[is]
			}
			got := strings.Join(words, ", ") + "; " + fact("sshd.password_login", f.Sshd.PasswordLogin) + " " + fact("sshd.root_login", f.Sshd.RootLogin)
			if got != c.want {
				t.Errorf("got  %s\nwant %s\n%+v", got, c.want, f.Unknown)
			}
			notKnown(t, f, "sshd.permit_root_login", "sshd.ciphers", "sshd.refused", "sshd.max_auth_tries")
			if !f.Sshd.Present {
				t.Error("no server is present")
			}
		})
	}
}

// shadowOf sets the state of alice's password.
func shadowOf(h *host, state string) {
	h.out(snapshot.OutShadow, "root:hash:yescrypt:20000:0:99999:7::\ndaemon:star::20000:0:99999:7::\nalice:"+state+"::20000:0:99999:7::\n")
}

// What postern access shows of it, and not of the processes that serve one login.
func TestDropbearLogins(t *testing.T) {
	h := dropbearHost("-t", "-c", "/bin/menu", "-j").out(snapshot.OutDaemons, "700\tdropbear\n701\tdropbear\n").daemon(701, "/usr/sbin/dropbear", "/usr/sbin/dropbear\x00-t\x00", 0)
	l := facts.WhoCanLogIn(h.snapshot(), facts.Options{Now: now, Name: "h"})
	if len(l.Servers) != 1 || len(l.Gaps) != 0 {
		t.Fatalf("%+v", l)
	}
	s := l.Servers[0]
	if s.Kind != "dropbear" || s.Version != "2022.83" || s.Config != "/usr/sbin/dropbear -t -c /bin/menu -j" || !s.Primary || s.Doubt != "" {
		t.Errorf("%+v", s)
	}
	for _, a := range s.Logins {
		if a.User != "alice" {
			continue
		}
		if len(a.Ways) != 1 || a.TwoFactors != "yes" || a.From != "anywhere" || len(a.Keys) != 1 || a.Keys[0].Opens != "yes" {
			t.Errorf("%+v", a)
		}
		if d := cmp.Diff([]string{"publickey", "password"}, a.Ways[0].Methods); d != "" {
			t.Error(d)
		}
		if a.Session.Command != "/bin/menu" || strings.Join(a.Session.Open, " ") != "agent x11 tcp-remote" {
			t.Errorf("%+v", a.Session)
		}
	}
}

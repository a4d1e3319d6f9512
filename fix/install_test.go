package fix_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
)

// install plans a key for an account of the world.
func (w *world) install(t *testing.T, user, line string) (fix.Host, string) {
	t.Helper()
	k, err := fix.ReadPublicKey([]byte(line + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	in := w.in
	in.Host, in.Snapshot, in.Now = w.host, w.snapshot(), now
	return fix.InstallKey(in, user, k)
}

func TestInstallKey(t *testing.T) {
	for _, c := range []struct {
		name    string
		make    func(*world)
		user    string
		line    string
		file    string
		content string
		as      string
		mode    uint32
		uid     int64
		there   string
		refused string // in Why
		risk    string
	}{
		{name: "the first key of an account", user: "bob", line: key("new"), file: "/home/bob/.ssh/authorized_keys", content: key("new") + "\n", as: "bob", mode: 0o600, uid: 1001},
		{name: "one more", user: "alice", line: `from="10.0.0.0/8" ` + key("new"), file: "/home/alice/.ssh/authorized_keys", content: key("alice") + "\n" + `from="10.0.0.0/8" ` + key("new") + "\n", as: "alice", mode: 0o600, uid: 1000},
		{name: "behind a line without an end", user: "alice", line: key("new"), make: func(w *world) {
			w.put("/home/alice/.ssh/authorized_keys", 'f', 0o600, 1000, 1000, "# mine\n"+key("alice"))
		}, file: "/home/alice/.ssh/authorized_keys", content: "# mine\n" + key("alice") + "\n" + key("new") + "\n", as: "alice", mode: 0o600, uid: 1000},
		{name: "there already", user: "alice", line: key("alice"), there: "/home/alice/.ssh/authorized_keys:1"},
		{name: "there under another comment", user: "alice", line: strings.TrimSuffix(key("alice"), "alice") + "laptop", there: "/home/alice/.ssh/authorized_keys:1"},
		{name: "a folder of root's own", user: "bob", line: key("new"), make: func(w *world) {
			w.config("UsePAM yes\nAuthorizedKeysFile /etc/ssh/keys/%u\n").put("/etc/ssh/keys", 'd', 0o755, 0, 0, "").text("/etc/ssh/keys/alice", key("alice")+"\n")
		}, file: "/etc/ssh/keys/bob", content: key("new") + "\n", mode: 0o644},
		{name: "no account", user: "carol", line: key("new"), refused: "was not seen"},
		{name: "no file", user: "bob", line: key("new"), make: func(w *world) { w.config("AuthorizedKeysFile none\n") }, refused: "reads no file of keys"},
		{name: "a file of somebody else's", user: "bob", line: key("new"), make: func(w *world) {
			w.put("/home/bob/.ssh/authorized_keys", 'f', 0o644, 1000, 1000, "# hm\n")
		}, refused: "belongs to uid 1000"},
		{name: "a shared folder", user: "bob", line: key("new"), make: func(w *world) {
			w.config("UsePAM yes\nAuthorizedKeysFile /srv/keys/%u\n").put("/srv", 'd', 0o755, 0, 0, "").put("/srv/keys", 'd', 0o1777, 5, 0, "")
		}, refused: "not root's alone"},
		{name: "a list shuts it out", user: "bob", line: key("new"), make: func(w *world) { w.config("UsePAM yes\nAllowUsers alice\n") }, refused: "AllowUsers", risk: "no-use"},
		{name: "a home that all may write", user: "bob", line: key("new"), make: func(w *world) { w.put("/home/bob", 'd', 0o777, 1001, 1001, "") }, refused: "writable by everyone", risk: "no-use"},
		{name: "root is not let in", user: "root", line: key("new"), make: func(w *world) { w.config("UsePAM yes\nPermitRootLogin no\n") }, refused: "PermitRootLogin", risk: "no-use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			if c.make != nil {
				c.make(w)
			}
			h, there := w.install(t, c.user, c.line)
			if there != c.there {
				t.Fatalf("there %q: %s", there, tell(h))
			}
			if c.refused != "" {
				if len(h.Refused) != 1 || !strings.Contains(h.Refused[0].Why, c.refused) || h.Refused[0].Risk != c.risk || h.Refused[0].WayOut == "" {
					t.Error(tell(h))
				}
				return
			}
			if len(h.Refused) > 0 {
				t.Fatal(tell(h))
			}
			if c.file == "" {
				if len(h.Changes) > 0 {
					t.Error(tell(h))
				}
				return
			}
			got := change(t, h, c.file)
			if string(got.New) != c.content || got.Kind != fix.KindKeys || got.User != c.as || got.After.Mode != c.mode || got.After.UID != c.uid || h.Reload.Needed {
				t.Errorf("%+v\n%s", got, tell(h))
			}
			if !strings.Contains(strings.Join(append(h.Effect.Opened, h.Effect.Stay...), "\n"), c.user+" by publickey") {
				t.Error(tell(h))
			}
			// Once it is there, nothing is left to do.
			w.put(c.file, 'f', got.After.Mode, got.After.UID, got.After.GID, string(got.New))
			if again, there := w.install(t, c.user, c.line); len(again.Changes) > 0 || there == "" {
				t.Error(tell(again))
			}
		})
	}
}

// TestInstallKeyMakesTheFolder: an account that never had a key has no ~/.ssh, which
// is made with its own rights: that the key opens it is then no less certain.
func TestInstallKeyMakesTheFolder(t *testing.T) {
	w := newWorld()
	delete(w.files, "/home/bob/.ssh")
	h, _ := w.install(t, "bob", key("new"))
	if len(h.Refused) > 0 || strings.Contains(strings.Join(append(h.Warnings, h.Effect.Opened...), " "), "certain") {
		t.Error(tell(h))
	}
	if c := change(t, h, "/home/bob/.ssh/authorized_keys"); !strings.Contains(c.Why, "/home/bob/.ssh is made for it, mode 0700") {
		t.Errorf("%q", c.Why)
	}
}

// TestRefusedWithoutRoot: what postern may not do on the host is said before, not by
// the host's shell in the middle.
func TestRefusedWithoutRoot(t *testing.T) {
	w := newWorld()
	w.rights = snapshot.PrivilegeNone
	w.outs[snapshot.OutIdentity] += "refused=sudo: a password is required\n"
	h, _ := w.install(t, "bob", key("new"))
	for _, h := range []fix.Host{h, w.plan(t, "no-root-login")} {
		if len(h.Refused) == 0 || h.Refused[0].Risk != "" || !strings.Contains(h.Refused[0].Why, "without root's rights (sudo -n was refused: sudo: a password is required)") ||
			!strings.Contains(h.Refused[0].WayOut, "alice ALL=(root) NOPASSWD: /bin/sh") {
			t.Error(tell(h))
		}
	}
}

func TestReadPublicKey(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":        "",
		"a comment":      "# " + key("a") + "\n",
		"two":            key("a") + "\n" + key("b") + "\n",
		"a private key":  "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n",
		"not a key":      "hello there\n",
		"an escape":      key("a") + " \x1b[2J\n",
		"a hidden break": key("a") + "\u2028x\n",
		"a lone return":  "command=\"x\" " + key("a") + "\rssh\n",
		"DSA":            "ssh-dss AAAAB3NzaC1kc3MAAACBAP/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////wAAABUA//////////////////////////8= x\n",
	} {
		if k, err := fix.ReadPublicKey([]byte(data)); err == nil {
			t.Errorf("%s: %+v", name, k)
		}
	}
	k, err := fix.ReadPublicKey([]byte("# mine\r\n\n  " + key("a") + "  \r\n"))
	if err != nil || k.Line != key("a") || k.Fingerprint != fingerprint("a") {
		t.Errorf("%+v, %v", k, err)
	}
}

// The keys that postern holds decide whether its own login is left.
func TestOwnKeys(t *testing.T) {
	only := func(keys ...string) fix.Host {
		w := newWorld().edited("X11Forwarding yes\nUsePAM yes\nAuthorizedKeysFile /etc/ssh/keys/%u\n")
		w.put("/etc/ssh/keys", 'd', 0o755, 0, 0, "").text("/etc/ssh/keys/alice", key("other")+"\n")
		w.in.OwnKeys = keys
		return w.plan(t, "x11-forwarding")
	}
	lockOut := func(h fix.Host) string {
		for _, r := range h.Refused {
			if r.Risk == "lock-out" {
				return r.Why
			}
		}
		return ""
	}
	if got := lockOut(only(fingerprint("alice"))); !strings.Contains(got, "its key SHA256") {
		t.Error(got)
	}
	if got := lockOut(only(fingerprint("alice"), fingerprint("another"))); !strings.Contains(got, "each of its 2 keys") {
		t.Error(got)
	}
	if got := lockOut(only(fingerprint("alice"), fingerprint("other"))); got != "" {
		t.Error(got)
	}
}

package facts_test

import (
	"testing"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// open is a host on which root and alice may log in with a password.
func open() *host {
	h := plainHost()
	h.s.Source = snapshot.SourceRoot
	h.text("/etc/ssh/sshd_config", "PermitRootLogin yes\nPasswordAuthentication yes\nUsePAM yes\n")
	return h
}

// TestTreesThatLackParts reads trees that are no whole system: what they lack may
// be elsewhere, and never closes a door.
func TestTreesThatLackParts(t *testing.T) {
	for _, c := range []struct {
		name    string
		host    *host
		unknown bool
		open    bool
	}{
		{"whole", open(), false, true},
		{"without any shell", open().drop("/bin/bash", "/usr/sbin/nologin"), true, false},
		{"without homes", open().drop("/root", "/home"), false, true},
	} {
		f := c.host.facts()
		_, unknown := f.Unknown["sshd.password_login"]
		if unknown != c.unknown || f.Sshd.PasswordLogin != c.open {
			t.Errorf("%s: password_login %t, unknown %t (%s); want %t, %t", c.name,
				f.Sshd.PasswordLogin, unknown, f.Unknown["sshd.password_login"], c.open, c.unknown)
		}
	}
	keysOnly := open().text("/etc/ssh/sshd_config", "PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n").drop("/root", "/home")
	if f := keysOnly.facts(); f.Unknown["sshd.root_login"] == "" {
		t.Errorf("root's home is not in the tree, and yet root_login is known: %t", f.Sshd.RootLogin)
	}
}

func TestDefunctServersAreNone(t *testing.T) {
	h := plainHost()
	h.out(snapshot.OutDaemons, "650\tcron\n700\tsshd\n701\tsshd\n")
	h.daemon(701, "", "", 102)
	h.change("/proc/701/stat", func(f *snapshot.File) {
		f.Content = []byte("701 (sshd) Z 700 701 701 0 -1 4194564 0 0 0 0 0 0 0 0 20 0 1 0 6000 0 0\n")
	})
	f := h.facts()
	if len(f.Daemons) != 1 || f.Daemons[0].PID != 700 {
		t.Errorf("daemons: %+v, want the live one alone", f.Daemons)
	}
}

func TestDirectoriesAboveKeysElsewhere(t *testing.T) {
	h := plainHost()
	h.text("/etc/ssh/sshd_config", "HostKey /srv/keys/hk\nHostKey /tmp/hk2\nPermitRootLogin no\n")
	h.dir("/srv", 0o755, 0, 0).dir("/srv/keys", 0o777, 0, 0)
	h.meta("/srv/keys/hk", 'f', 0o600, 0, 0).meta("/tmp/hk2", 'f', 0o600, 0, 0)
	problems := map[string]string{}
	for _, f := range h.facts().Files {
		if f.Role == "host-key" && f.Problem != "" {
			problems[f.Path] = f.Problem
		}
	}
	if len(problems) != 1 || problems["/srv/keys"] == "" {
		t.Errorf("problems: %v, want one of /srv/keys", problems)
	}
}

package facts_test

import (
	"strings"
	"testing"
)

// Accounts of a directory (sssd, LDAP) were not read: questions that they could
// answer otherwise are unknown, with a way out, and no others.
func TestAccountsOfADirectory(t *testing.T) {
	const nss = "passwd: files sss\ngroup: files sss\nshadow: files sss\n"
	for name, tt := range map[string]struct {
		config  string
		unknown bool // whether anyone may use a password
	}{
		"no password for any login":        {"PermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n", false},
		"a password, and no local account": {"PermitRootLogin no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nDenyUsers root alice\n", true},
		"a password for a group":           {"PermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMatch Group far\n  PasswordAuthentication yes\n", true},
		"switched on by its old name":      {"PermitRootLogin no\nPasswordAuthentication no\nChallengeResponseAuthentication yes\nDenyUsers root alice\n", true},
		"an answer to questions":           {"PermitRootLogin no\nPasswordAuthentication no\nUsePAM yes\nDenyUsers root alice\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := plainHost().text("/etc/nsswitch.conf", nss).text("/etc/ssh/sshd_config", tt.config).facts()
			why, unknown := f.Unknown["sshd.password_login"]
			if unknown != tt.unknown || f.Sshd.PasswordLogin {
				t.Errorf("password login: %v, unknown %q", f.Sshd.PasswordLogin, why)
			}
			if unknown && !strings.Contains(why, "sss") {
				t.Errorf("the reason: %q", why)
			}
			if !strings.Contains(tt.config, "Group") { // root may be a member of a directory's group
				known(t, f, "sshd.root_login", "sshd.root_password_login")
			}
			for _, g := range f.Gaps["accounts"] {
				if !strings.Contains(g.Reason, "would settle it") {
					t.Errorf("no way out in %q", g.Reason)
				}
			}
		})
	}
}

//go:build linux

package e2e_test

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/inventory"
)

// judged are the four questions about logins as facts answer them: yes, no or
// unknown.
type judged struct{ Password, Root, RootPassword, Empty string }

// judge answers them from a snapshot.
func judge(s *snapshot.Snapshot) (judged, *facts.Facts) {
	f := facts.From(s, facts.Options{Now: time.Now(), Name: "host"})
	return answers(f), f
}

func answers(f *facts.Facts) judged {
	word := func(fact string, value bool) string {
		for _, path := range []string{"sshd." + fact, "sshd"} {
			if _, ok := f.Unknown[path]; ok {
				return unknown
			}
		}
		if value {
			return yes
		}
		return no
	}
	return judged{
		word("password_login", f.Sshd.PasswordLogin), word("root_login", f.Sshd.RootLogin),
		word("root_password_login", f.Sshd.RootPasswordLogin), word("empty_passwords", f.Sshd.EmptyPasswords),
	}
}

// door is one login that is tried, and how it has to end.
type door struct {
	user string
	by   string // password, keyboard, key, key+password, empty; "@" behind it: from another address
	want ending
}

// configuration is one sshd_config with what is true under it. Truth is what
// root's rights and sudo have to find; a plain account cannot read the states of
// passwords nor root's keys, so that it must not know what hangs on them.
type configuration struct {
	name         string
	dropin, main string // main is appended to Debian's file
	secret       bool   // the drop-in's mode is 0600
	truth, plain judged
	doors        []door // prove truth by doing it
}

const (
	yes     = "yes"
	no      = "no"
	unknown = "unknown"
)

func configurations(r e2e.Release) []configuration {
	// The account guest has an empty password, typist a password and no key,
	// locked a locked password and a key, root both.
	return []configuration{{
		name:  "as Debian ships it",
		truth: judged{yes, yes, no, no}, plain: judged{unknown, unknown, no, no},
		doors: []door{
			{"root", "password", denied}, {"root", "keyboard", denied}, {"root", "key", in},
			{"typist", "password", in}, {"typist", "keyboard", denied}, {"guest", "empty", denied},
		},
	}, {
		name: "passwords and root on", dropin: permissive(r),
		truth: judged{yes, yes, yes, no}, plain: judged{unknown, unknown, unknown, no},
		doors: []door{{"root", "password", in}, {"root", "keyboard", in}, {"root", "key", in}, {"guest", "empty", denied}},
	}, {
		name:   "the back door: PasswordAuthentication no, but PAM asks",
		dropin: "PasswordAuthentication no\n" + permissiveKbd(r),
		truth:  judged{yes, yes, no, no}, plain: judged{unknown, unknown, no, no},
		doors: []door{{"typist", "password", denied}, {"typist", "keyboard", in}, {"root", "keyboard", denied}, {"root", "password", denied}},
	}, {
		name:   "a carve-out by user and address",
		dropin: closedSSHD + "Match User typist Address " + e2e.Elsewhere.String() + "\n  PasswordAuthentication yes\n",
		truth:  judged{yes, no, no, no}, plain: judged{unknown, no, no, no},
		doors: []door{
			{"typist", "password", denied}, {"typist", "password@", in},
			{"root", "password@", denied}, {"root", "key@", denied}, {"plain", "key", in},
		},
	}, {
		name:   "a carve-out for root by address",
		dropin: closedSSHD + "Match Address " + e2e.Elsewhere.String() + "/32\n  PermitRootLogin yes\n  PasswordAuthentication yes\n",
		truth:  judged{yes, yes, yes, no}, plain: judged{unknown, unknown, unknown, no},
		doors: []door{{"root", "password", denied}, {"root", "password@", in}, {"root", "key", denied}, {"root", "key@", in}},
	}, {
		name: "a drop-in beats the main file", dropin: "PermitRootLogin yes\nPasswordAuthentication yes\n",
		main:  "PermitRootLogin no\nPasswordAuthentication no\n",
		truth: judged{yes, yes, yes, no}, plain: judged{unknown, unknown, unknown, no},
		doors: []door{{"root", "password", in}, {"typist", "password", in}},
	}, {
		name: "a drop-in closes what the main file opens", dropin: closedSSHD,
		main:  "PermitRootLogin yes\nPasswordAuthentication yes\n",
		truth: judged{no, no, no, no}, plain: judged{no, no, no, no},
		doors: []door{{"root", "password", denied}, {"root", "key", denied}, {"typist", "password", denied}, {"plain", "key", in}},
	}, {
		name: "PermitRootLogin no", dropin: "PermitRootLogin no\n",
		truth: judged{yes, no, no, no}, plain: judged{unknown, no, no, no},
		doors: []door{{"root", "password", denied}, {"root", "key", denied}, {"typist", "password", in}},
	}, {
		name: "root by forced commands only, and its key has none", dropin: closedPasswords + "PermitRootLogin forced-commands-only\n",
		truth: judged{no, no, no, no}, plain: judged{no, unknown, no, no},
		// sshd accepts the key and hangs up before any session.
		doors: []door{{"root", "password", denied}, {"root", "key", closed}, {"typist", "keyboard", denied}},
	}, {
		name: "a key and then a password", dropin: "PermitRootLogin yes\nAuthenticationMethods publickey,password\n",
		truth: judged{no, yes, no, no}, plain: judged{no, unknown, no, no},
		doors: []door{{"root", "password", denied}, {"root", "key", denied}, {"root", "key+password", in}, {"typist", "password", denied}},
	}, {
		name: "only one account is allowed", dropin: "PermitRootLogin yes\nAllowUsers plain\n",
		// plain has no password: but that stands in the shadow file.
		truth: judged{no, no, no, no}, plain: judged{unknown, no, no, no},
		doors: []door{{"root", "password", denied}, {"root", "key", denied}, {"typist", "password", denied}, {"plain", "key", in}},
	}, {
		name: "empty passwords", dropin: closedPasswordsBut + "PermitEmptyPasswords yes\nPermitRootLogin no\n",
		truth: judged{yes, no, no, yes}, plain: judged{unknown, no, no, unknown},
		doors: []door{{"guest", "empty", in}, {"typist", "password", in}, {"typist", "empty", denied}, {"root", "key", denied}},
	}, {
		name: "without PAM", dropin: "UsePAM no\nKbdInteractiveAuthentication yes\nPermitRootLogin prohibit-password\n",
		truth: judged{yes, yes, no, no}, plain: judged{unknown, unknown, no, no},
		doors: []door{{"typist", "password", in}, {"typist", "keyboard", denied}, {"locked", "key", denied}, {"root", "key", in}, {"guest", "empty", denied}},
	}, {
		name: "all closed, in a file that only root can read", dropin: closedSSHD, secret: true,
		truth: judged{no, no, no, no}, plain: judged{unknown, unknown, unknown, unknown},
		doors: []door{{"root", "password", denied}, {"root", "key", denied}, {"typist", "password", denied}},
	}, {
		name: "all closed", dropin: closedSSHD,
		truth: judged{no, no, no, no}, plain: judged{no, no, no, no},
		doors: []door{
			{"root", "password", denied}, {"root", "keyboard", denied}, {"root", "key", denied},
			{"typist", "password", denied}, {"typist", "keyboard", denied}, {"guest", "empty", denied}, {"plain", "key", in},
		},
	}}
}

const (
	closedPasswords    = "PasswordAuthentication no\nKbdInteractiveAuthentication no\nChallengeResponseAuthentication no\n"
	closedPasswordsBut = "PasswordAuthentication yes\nKbdInteractiveAuthentication no\n"
	closedSSHD         = closedPasswords + "PermitRootLogin no\n"
)

// permissiveKbd switches keyboard-interactive on (see permissive).
func permissiveKbd(r e2e.Release) string {
	text := "KbdInteractiveAuthentication yes\nUsePAM yes\n"
	if r == e2e.Bullseye {
		text += "ChallengeResponseAuthentication yes\n"
	}
	return text
}

// guestAccount makes an account with an empty password.
const guestAccount = "useradd -m -s /bin/bash guest\npasswd -d guest\n"

// TestLoginsAreJudgedAsTheyAre puts every configuration on every host of the
// matrix, asks the facts who can log in, as root, through sudo and as a plain
// account, and then tries it.
func TestLoginsAreJudgedAsTheyAre(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) {
		s.Accounts, s.FailingLogins, s.Setup = true, true, guestAccount
	}, func(t *testing.T, h *e2e.Host) {
		original := h.ReadFile("/etc/ssh/sshd_config")
		for _, c := range configurations(h.Spec().Release) {
			t.Run(c.name, func(t *testing.T) {
				h := h.For(t)
				h.WriteFile("/etc/ssh/sshd_config", append(original[:len(original):len(original)], c.main...), 0o644)
				mode := os.FileMode(0o644)
				if c.secret {
					mode = 0o600
				}
				h.WriteFile("/etc/ssh/sshd_config.d/00-case.conf", []byte(c.dropin), mode)
				h.ReloadSSHD()
				for _, d := range c.doors {
					if got := d.try(t, h); got != d.want {
						t.Errorf("%s by %s: %s, want %s", d.user, d.by, got, d.want)
					}
				}
				c.judge(t, h)
			})
		}
	})
}

// judge reads the host with every kind of rights. Where neither root nor the
// administrator may come in, root's rights are those of postern in the host.
func (c configuration) judge(t *testing.T, h *e2e.Host) {
	a := h.Accounts()
	privileged := false
	for _, r := range []struct {
		as   e2e.Account
		sudo inventory.Sudo
		want judged
	}{{a.Root, inventory.SudoAuto, c.truth}, {a.Admin, inventory.SudoYes, c.truth}, {a.Plain, inventory.SudoAuto, c.plain}} {
		if try(t, h, r.as.Name, ssh.PublicKeys(r.as.Signer)) != in {
			continue
		}
		privileged = privileged || r.as.Name != a.Plain.Name
		got, f := judge(collect(t, h, r.as.Name, r.as.KeyFile, r.sudo))
		if diff := cmp.Diff(r.want, got); diff != "" {
			t.Errorf("as %s (-want +got):\n%s%s", r.as.Name, diff, reasons(f))
		}
	}
	if !privileged {
		f := localFacts(t, h, "root")
		if diff := cmp.Diff(c.truth, answers(f)); diff != "" {
			t.Errorf("in the host (-want +got):\n%s%s", diff, reasons(f))
		}
	}
}

func reasons(f *facts.Facts) string {
	text := ""
	for _, fact := range []string{"sshd", "sshd.password_login", "sshd.root_login", "sshd.root_password_login", "sshd.empty_passwords"} {
		if why, ok := f.Unknown[fact]; ok {
			text += "  " + fact + ": " + why + "\n"
		}
	}
	return text
}

// try goes through the door.
func (d door) try(t *testing.T, h *e2e.Host) ending {
	t.Helper()
	a := h.Accounts()
	account := e2e.Account{Name: d.user}
	for _, known := range a.All() {
		if known.Name == d.user {
			account = known
		}
	}
	var from net.IP
	by := d.by
	if n := len(by) - 1; by[n] == '@' {
		by, from = by[:n], e2e.Elsewhere
	}
	var methods []ssh.AuthMethod
	switch by {
	case "password":
		methods = []ssh.AuthMethod{ssh.Password(account.Password)}
	case "keyboard":
		methods = []ssh.AuthMethod{keyboard(account.Password)}
	case "key":
		methods = []ssh.AuthMethod{ssh.PublicKeys(account.Signer)}
	case "key+password":
		methods = []ssh.AuthMethod{ssh.PublicKeys(account.Signer), ssh.Password(account.Password)}
	case "empty":
		methods = []ssh.AuthMethod{ssh.Password("")}
	default:
		t.Fatalf("no such way: %s", by)
	}
	return tryFrom(t, h, from, d.user, methods...)
}

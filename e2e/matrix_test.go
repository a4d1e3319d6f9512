//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/e2e"
)

// matrix is every host that the promises of an audit are checked on.
func matrix() []e2e.Spec {
	var all []e2e.Spec
	for _, release := range e2e.Releases {
		for _, init := range []e2e.Init{e2e.Tiny, e2e.Systemd} {
			all = append(all, e2e.Spec{Release: release, Init: init})
		}
	}
	return all
}

// onMatrix runs a test on each host of the matrix, in parallel.
func onMatrix(t *testing.T, prepare func(*e2e.Spec), test func(t *testing.T, h *e2e.Host)) {
	e2e.NeedHosts(t)
	for _, spec := range matrix() {
		t.Run(fmt.Sprintf("%s/%s", spec.Release, spec.Init), func(t *testing.T) {
			t.Parallel()
			prepare(&spec)
			test(t, e2e.Start(t, spec))
		})
	}
}

// remote runs one command in a session of its own.
func remote(t *testing.T, c *ssh.Client, command string) string {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatalf("session: %v", err)
	}
	defer s.Close()
	out, err := s.CombinedOutput(command)
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// ending is how a login went, in the three ways that differ for an attacker.
type ending string

const (
	in        ending = "in"         // a command ran
	denied    ending = "denied"     // authentication failed
	closed    ending = "closed"     // authenticated, then no session
	turnedOff ending = "no command" // a session whose shell refuses to run anything
)

func try(t *testing.T, h *e2e.Host, user string, method ssh.AuthMethod) ending {
	t.Helper()
	return tryFrom(t, h, nil, user, method)
}

// tryFrom is try from an address of ours.
func tryFrom(t *testing.T, h *e2e.Host, from net.IP, user string, methods ...ssh.AuthMethod) ending {
	t.Helper()
	c, err := h.DialFrom(from, user, methods...)
	if err != nil {
		// x/crypto's words for USERAUTH_FAILURE (51), after its last method
		// and in the middle of keyboard-interactive.
		if strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "unexpected message type 51") {
			return denied
		}
		// sshd hangs up on an account that PAM's account stage refuses.
		// Anything else is no answer to the question.
		if !errors.Is(err, io.EOF) {
			t.Fatalf("%s: %v", user, err)
		}
		return closed
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		t.Logf("%s: %v", user, err)
		return closed
	}
	defer s.Close()
	out, err := s.CombinedOutput("id -un")
	switch {
	case err == nil && string(out) == user+"\n":
		return in
	case strings.Contains(string(out), "This account is currently not available"):
		return turnedOff
	}
	t.Logf("%s: %v: %q", user, err, out)
	return closed
}

// keyboard answers every question of a keyboard-interactive login with the
// password.
func keyboard(password string) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		answers := make([]string, len(questions))
		for i := range answers {
			answers[i] = password
		}
		return answers, nil
	})
}

func TestKeyLogin(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		a := h.Accounts()
		root := h.Login(a.Root)
		if got := remote(t, root, "id -u; uname -n; . /etc/os-release; echo $VERSION_CODENAME; cat /proc/1/comm"); !strings.HasPrefix(got, "0\n"+h.Name()+"\n"+string(h.Spec().Release)+"\n") {
			t.Errorf("root: %q", got)
		} else if systemd := strings.HasSuffix(got, "\nsystemd"); systemd != (h.Spec().Init == e2e.Systemd) {
			t.Errorf("PID 1: %q", got)
		}
		admin := h.Login(a.Admin)
		if got := remote(t, admin, "id -un; sudo -n id -u"); got != "admin\n0" {
			t.Errorf("admin: %q", got)
		}
		plain := h.Login(a.Plain)
		if got := remote(t, plain, "id -un; sudo -n id -u 2>&1 || echo refused"); !strings.HasPrefix(got, "plain\n") || !strings.HasSuffix(got, "\nrefused") {
			t.Errorf("plain: %q", got)
		}
		if version := string(root.ServerVersion()); !strings.HasPrefix(version, openSSH[h.Spec().Release]) {
			t.Errorf("server version %q, want %s…", version, openSSH[h.Spec().Release])
		}
	})
}

// openSSH is the version line of each release, without Debian's revision.
var openSSH = map[e2e.Release]string{
	e2e.Bullseye: "SSH-2.0-OpenSSH_8.4p1",
	e2e.Bookworm: "SSH-2.0-OpenSSH_9.2p1",
	e2e.Trixie:   "SSH-2.0-OpenSSH_10.0p2", // its package says 10.0p1
}

// permissive switches everything on that the account table of facts needs;
// before 8.7 the two keywords for keyboard-interactive were two switches.
func permissive(r e2e.Release) string {
	text := "PermitRootLogin yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\n"
	if r == e2e.Bullseye {
		text += "ChallengeResponseAuthentication yes\n"
	}
	return text
}

// TestAccountMatrix tries every account by every road and compares with what
// PAM and sshd of all releases do. These rows are what an audit has to foresee.
func TestAccountMatrix(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) {
		s.Accounts, s.FailingLogins, s.SSHD = true, true, permissive(s.Release)
	}, func(t *testing.T, h *e2e.Host) {
		a := h.Accounts()
		const none ending = "" // the account does not have it
		for _, row := range []struct {
			account                 e2e.Account
			password, keyboard, key ending
		}{
			{a.Root, in, in, in},
			{a.Admin, denied, denied, in},
			{a.Plain, denied, denied, in},
			{a.Password, in, in, none},
			{a.Locked, denied, denied, in},
			{a.Expired, closed, denied, closed},
			{a.NoShell, turnedOff, turnedOff, turnedOff},
		} {
			type result struct{ Password, Keyboard, Key ending }
			got := result{
				Password: try(t, h, row.account.Name, ssh.Password(row.account.Password)),
				Keyboard: try(t, h, row.account.Name, keyboard(row.account.Password)),
			}
			if row.account.Signer != nil {
				got.Key = try(t, h, row.account.Name, ssh.PublicKeys(row.account.Signer))
			}
			if want := (result{row.password, row.keyboard, row.key}); got != want {
				t.Errorf("%s: got %+v, want %+v", row.account.Name, got, want)
			}
		}
		if got := try(t, h, a.Root.Name, ssh.Password("not the password")); got != denied {
			t.Errorf("root with a wrong password: %s", got)
		}
	})
}

// TestPasswordRefused: as many configurations as the host has reloads left,
// each with who still gets in.
func TestPasswordRefused(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts, s.FailingLogins = true, true }, func(t *testing.T, h *e2e.Host) {
		a := h.Accounts()
		for _, c := range []struct {
			config                            string
			rootPassword, rootKey, typist, kb ending
		}{
			// Debian's own configuration: prohibit-password, passwords on.
			{"", denied, in, in, denied},
			{"PasswordAuthentication no\n", denied, in, denied, denied},
			{"PermitRootLogin no\n", denied, denied, in, denied},
			{permissive(h.Spec().Release), in, in, in, in},
			{"PasswordAuthentication no\n" + permissive(h.Spec().Release), denied, in, denied, in},
		} {
			const path = "/etc/ssh/sshd_config.d/00-case.conf"
			h.WriteFile(path, []byte(c.config), 0o644)
			h.ReloadSSHD()
			type result struct{ RootPassword, RootKey, Typist, Keyboard ending }
			got := result{
				try(t, h, a.Root.Name, ssh.Password(a.Root.Password)),
				try(t, h, a.Root.Name, ssh.PublicKeys(a.Root.Signer)),
				try(t, h, a.Password.Name, ssh.Password(a.Password.Password)),
				try(t, h, a.Password.Name, keyboard(a.Password.Password)),
			}
			if want := (result{c.rootPassword, c.rootKey, c.typist, c.kb}); got != want {
				t.Errorf("%q: got %+v, want %+v", c.config, got, want)
			}
		}
	})
}

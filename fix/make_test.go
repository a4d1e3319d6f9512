package fix_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/fix"
)

const mainFile = "/etc/ssh/sshd_config"

func TestStockDebian(t *testing.T) {
	h := newWorld().plan(t, "no-password-login", "no-root-login")
	if len(h.Refused) > 0 || len(h.Unfixed) > 0 || len(h.Changes) != 1 {
		t.Fatal(tell(h))
	}
	c := change(t, h, mainFile)
	want := strings.Replace(stock, "#PermitRootLogin prohibit-password\n", "#PermitRootLogin prohibit-password\nPermitRootLogin no\n", 1)
	want = strings.Replace(want, "#PasswordAuthentication yes\n", "#PasswordAuthentication yes\nPasswordAuthentication no\n", 1)
	if got := string(c.New); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !h.Reload.Needed || h.Reload.PID != 700 {
		t.Errorf("reload %+v", h.Reload)
	}
	if len(h.Checks) != 1 || h.Checks[0].User != "alice" || h.Checks[0].From != "10.0.0.9" || h.Checks[0].Port != 22 || h.Checks[0].Expect["PasswordAuthentication"] != "no" {
		t.Errorf("checks %+v", h.Checks)
	}
	if len(h.Shut) != 1 || h.Shut[0] != "password" {
		t.Errorf("shut %v", h.Shut)
	}
	if len(h.Effect.Lately) != 1 || h.Effect.Lately[0].User != "bob" || h.Effect.Lately[0].From != "192.0.2.7" {
		t.Errorf("lately %+v", h.Effect.Lately)
	}
	text := tell(h)
	for _, s := range []string{"- bob by password, anywhere", "  alice by publickey, anywhere", "+PasswordAuthentication no", "last on 2026-11-20 08:00 UTC from 192.0.2.7", "kill -HUP 700"} {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in\n%s", s, text)
		}
	}
}

// A second fix finds nothing to do.
func TestTwice(t *testing.T) {
	w := newWorld().config("PasswordAuthentication yes\nPermitRootLogin yes\nUsePAM yes\nMatch User bob\n\tPasswordAuthentication yes\nMatch Address 10.0.0.0/8\n  PermitRootLogin yes\n")
	rules := []string{"no-password-login", "no-root-login", "x11-forwarding", "max-auth-tries-strict"}
	for range 2 {
		h := w.plan(t, rules...)
		if len(h.Changes) == 0 {
			return
		}
		c := change(t, h, mainFile)
		w.config(string(c.New))
	}
	t.Error(tell(w.plan(t, rules...)))
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		name, release, before string
		rules                 []string
		after                 string
	}{
		{"where it is set", "9.2", "UsePAM no\nPasswordAuthentication yes # why\n", []string{"no-password-login"}, "UsePAM no\nPasswordAuthentication no # why\n"},
		{"the first line wins", "9.2", "UsePAM no\nPasswordAuthentication yes\nPasswordAuthentication no\n", []string{"no-password-login"}, "UsePAM no\nPasswordAuthentication no\nPasswordAuthentication no\n"},
		{"above the first Match", "9.2", "UsePAM no\nMatch User bob\n  X11Forwarding no\n", []string{"no-password-login"}, "UsePAM no\nPasswordAuthentication no\nMatch User bob\n  X11Forwarding no\n"},
		{"keyboard-interactive too", "9.2", "UsePAM yes\n", []string{"no-password-login"}, "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"},
		{"the old keyword", "8.4", "UsePAM yes\n", []string{"no-password-login"}, "UsePAM yes\nPasswordAuthentication no\nChallengeResponseAuthentication no\n"},
		{"a block opens it again", "9.2", "UsePAM no\nPasswordAuthentication no\nMatch User bob\n\tPasswordAuthentication yes\n", []string{"no-password-login"}, "UsePAM no\nPasswordAuthentication no\nMatch User bob\n\tPasswordAuthentication no\n"},
		{"Match all at the end", "9.2", "UsePAM no\nMatch all\nPasswordAuthentication yes\n", []string{"no-password-login"}, "UsePAM no\nMatch all\nPasswordAuthentication no\n"},
		{"prohibit-password is enough", "9.2", "UsePAM no\nPermitRootLogin yes\n", []string{"root-password-login"}, "UsePAM no\nPermitRootLogin prohibit-password\n"},
		{"CRLF stays", "9.2", "UsePAM no\r\nX11Forwarding yes\r\n", []string{"x11-forwarding"}, "UsePAM no\r\nX11Forwarding no\r\n"},
		{"the old name of the list", "8.4", "PubkeyAcceptedKeyTypes ssh-rsa,ssh-ed25519\n", []string{"weak-user-key-algorithms"}, "PubkeyAcceptedKeyTypes ssh-ed25519\n"},
		{"a list that adds", "9.2", "PubkeyAcceptedAlgorithms +ssh-rsa\n", []string{"weak-user-key-algorithms"}, "PubkeyAcceptedAlgorithms -ssh-rsa\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newWorld().release(c.release).config(c.before).plan(t, c.rules...)
			if got := string(change(t, h, mainFile).New); got != c.after {
				t.Errorf("got\n%s\nwant\n%s", got, c.after)
			}
			if len(h.Refused)+len(h.Unfixed) > 0 {
				t.Error(tell(h))
			}
		})
	}
}

// The file that wins is the one that is changed.
func TestDropIn(t *testing.T) {
	w := newWorld()
	w.text("/etc/ssh/sshd_config.d/50-x.conf", "PasswordAuthentication yes\n")
	h := w.plan(t, "no-password-login")
	if got := string(change(t, h, "/etc/ssh/sshd_config.d/50-x.conf").New); got != "PasswordAuthentication no\n" || len(h.Changes) != 1 {
		t.Error(tell(h))
	}
}

func risks(h fix.Host) (out []string) {
	for _, r := range h.Refused {
		out = append(out, r.Risk)
	}
	return out
}

func TestManaged(t *testing.T) {
	for _, c := range []struct{ name, file, content, hint string }{
		{"cloud-init", "/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n", "ssh_pwauth"},
		{"Ansible", mainFile, "# Ansible managed\nUsePAM no\n", "playbook"},
		{"Puppet", mainFile, "# This file is managed by Puppet\nUsePAM no\n", "Hiera"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.text(c.file, c.content)
			h := w.plan(t, "no-password-login")
			if got := risks(h); len(got) != 1 || got[0] != "managed" || !strings.Contains(h.Refused[0].WayOut, c.hint) || h.Refused[0].Path != c.file {
				t.Error(tell(h))
			}
		})
	}
}

package fix_test

import (
	"strings"
	"testing"
)

// A login that nothing changes neither goes nor comes, though the places are named
// otherwise once a block has no say any more.
func TestEffectNamesWhatChanges(t *testing.T) {
	for name, config := range map[string]string{
		"a port":    "Port 22\nPort 2222\nUsePAM yes\nKbdInteractiveAuthentication no\nPasswordAuthentication no\nMatch LocalPort 2222\n  PasswordAuthentication yes\n",
		"a network": "UsePAM yes\nPasswordAuthentication yes\nMatch Address 10.99.0.0/16 User *\n  PasswordAuthentication yes\n",
		"a user":    "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMatch User bob Address 10.0.0.0/8\n  PasswordAuthentication yes\nMatch Address 10.1.0.0/16\n  X11Forwarding no\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newWorld().config(config).plan(t, "no-password-login")
			e := &h.Effect
			if len(h.Changes) != 1 || len(e.Closed) == 0 || len(e.Opened) != 0 {
				t.Error(tell(h))
			}
			for _, l := range e.Closed {
				if !strings.HasPrefix(l, "bob by ") {
					t.Errorf("%s goes", l)
				}
			}
			for _, user := range []string{"root", "alice"} {
				if !strings.Contains(strings.Join(e.Stay, "\n"), user+" by publickey") {
					t.Errorf("%s does not stay: %v", user, e.Stay)
				}
			}
		})
	}
}

// The mark of a last line without its end is the diff's own word, as patch(1) reads it.
func TestDiffWithoutNewline(t *testing.T) {
	h := newWorld().config("UsePAM no\nPasswordAuthentication yes").plan(t, "no-password-login")
	c := change(t, h, mainFile)
	got := strings.Join(c.Diff(), "\n")
	want := "--- a/etc/ssh/sshd_config\n+++ b/etc/ssh/sshd_config\n@@ -1,2 +1,2 @@\n UsePAM no\n-PasswordAuthentication yes\n\\ No newline at end of file\n+PasswordAuthentication no\n\\ No newline at end of file"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Of the log only its end is read: nobody is said to come by keys alone without the
// time from which on that was seen.
func TestLatelySaysSinceWhen(t *testing.T) {
	const started = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"
	const bob = "2026-11-20T08:00:00+0000 h sshd[901]: Accepted password for bob from 192.0.2.7 port 4022 ssh2\n"
	for _, c := range []struct{ name, log, want string }{
		{"nobody", started, "nobody logged in with a password since 2026-11-01 00:01 UTC"},
		{"bob", started + bob, "was read back to 2026-11-01 00:01 UTC"},
		{"no line", "", "the host's log holds no login"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.outs["log.sshd"] = c.log
			if h := w.plan(t, "no-password-login"); !strings.Contains(strings.Join(h.Warnings, "\n"), c.want) {
				t.Errorf("no %q in %q", c.want, h.Warnings)
			}
		})
	}
}

// What is written beside a file while it is changed is hidden: an Include that takes
// hidden names would have sshd read it.
func TestIncludeOfHiddenNames(t *testing.T) {
	for include, refused := range map[string]bool{"/etc/ssh/.*": true, "/etc/ssh/.[!.]*": true, ".p*": true, "/etc/ssh/sshd_config.d/.*": false, "/etc/ssh/*.conf": false, "/etc/ssh/sshd_config.d/*": false} {
		h := newWorld().config("Include "+include+"\nUsePAM no\nPasswordAuthentication yes\n").plan(t, "no-password-login")
		got := false
		for _, r := range h.Refused {
			got = got || strings.Contains(r.Why, "hidden names") && r.Risk == "" && r.Line == 1
		}
		if got != refused || len(h.Changes) != 1 {
			t.Errorf("Include %s: refused %v, want %v: %+v", include, got, refused, h.Refused)
		}
	}
}

// allow: is for ways to log in: nothing else is said to be had by it.
func TestBlocksThatSayOtherwise(t *testing.T) {
	for keyword, carved := range map[string]bool{"PasswordAuthentication": true, "X11Forwarding": false} {
		rule := map[string]string{"PasswordAuthentication": "no-password-login", "X11Forwarding": "x11-forwarding"}[keyword]
		h := newWorld().config("UsePAM no\nPasswordAuthentication no\nX11Forwarding no\nMatch User bob\n  "+keyword+" yes\n").plan(t, rule)
		got := strings.Join(h.Warnings, "\n")
		if len(h.Changes) != 1 || !strings.Contains(got, keyword+" yes; its line is changed too") || strings.Contains(got, "allow:") != carved {
			t.Errorf("%s: %q", keyword, got)
		}
	}
}

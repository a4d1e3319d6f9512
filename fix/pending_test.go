package fix_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

const shut = "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n"

// The files are right and sshd has older ones: a reload is planned, shown with what
// it brings, and needs its risk named.
func TestReloadAlone(t *testing.T) {
	for _, rule := range []string{"sshd-stale-config", "no-password-login"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld().edited(shut)
			h := w.plan(t, rule)
			if len(h.Changes) > 0 || !h.Reload.Needed || h.Empty() || len(h.Pending) != 1 || h.Pending[0].Path != mainFile || h.Pending[0].Run != "" {
				t.Fatalf("%+v\n%s", h.Pending, tell(h))
			}
			if got := risks(h); len(got) != 1 || got[0] != "pending-edits" || !strings.Contains(h.Refused[0].Why, "no rollback") {
				t.Error(tell(h))
			}
			if len(h.Checks) != 1 || h.Checks[0].Expect["PasswordAuthentication"] != "no" {
				t.Errorf("%+v", h.Checks)
			}
			text := tell(h)
			for _, s := range []string{"a reload of sshd planned, without a change, and refused for 1 reason", "edits by others that this brings into force", "stands in no kept run", "kill -HUP 700", "--accept-risk=pending-edits"} {
				if !strings.Contains(text, s) {
					t.Errorf("no %q in\n%s", s, text)
				}
			}
		})
	}
	// Nobody asked for it: it is left, with the reason.
	if h := newWorld().edited(shut).plan(t, "sshd-stale-config", "x11-forwarding"); h.Reload.Needed != true {
		t.Error(tell(h))
	}
	w := newWorld().edited(shut)
	w.in.Named = nil
	if h := w.planAll(t); h.Reload.Needed && len(h.Changes) == 0 {
		t.Error(tell(h))
	}
	// What is loaded needs none.
	if h := newWorld().config(shut).plan(t, "sshd-stale-config", "no-password-login"); !h.Empty() || len(h.Pending) > 0 {
		t.Error(tell(h))
	}
}

// A lock-out that waits in the file is refused for the reload alone too.
func TestReloadAloneLocksOut(t *testing.T) {
	h := newWorld().edited("UsePAM yes\nAllowUsers bob\n").plan(t, "sshd-stale-config")
	if got := risks(h); len(got) != 2 || got[0] != "pending-edits" || got[1] != "lock-out" {
		t.Error(tell(h))
	}
}

// An archive that was made after the daemon had read its files tells what runs: the
// diff is shown, and the ways in are compared with it.
func TestPendingByArchive(t *testing.T) {
	w := newWorld()
	w.outs[snapshot.OutSshdLog] = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n" +
		"2026-11-20T08:00:00+0000 h sshd[901]: Accepted password for bob from 192.0.2.7 port 4022 ssh2\n"
	past := w.snapshot()
	past.Start = now.AddDate(0, 0, -3)
	before := w.snapshot()
	before.Start = booted.AddDate(0, 0, -3) // made before the daemon was: it tells nothing
	w.edited(shut)
	w.in.Earlier = earlierOf(past, before)
	h := w.plan(t, "sshd-stale-config")
	if len(h.Pending) != 1 || h.Pending[0].Run != "run" || string(h.Pending[0].Old) != stock {
		t.Fatalf("%+v", h.Pending)
	}
	if h.Pending[0].Changed != now.Add(-time.Hour) || h.Pending[0].Loaded.IsZero() {
		t.Errorf("%+v", h.Pending[0])
	}
	text := tell(h)
	for _, s := range []string{"+PasswordAuthentication no", "- bob by password, anywhere", "- root by publickey, anywhere", "bob, last on 2026-11-20 08:00 UTC from 192.0.2.7"} {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in\n%s", s, text)
		}
	}
	w.in.Earlier = earlierOf(before)
	if h := w.plan(t, "sshd-stale-config"); h.Pending[0].Run != "" || !strings.Contains(strings.Join(h.Warnings, "\n"), "is not known") {
		t.Error(tell(h))
	}
}

// A drop-in that somebody took away: the archive names it, shows what sshd has of it,
// and the ways in are compared with that. Where names only came and went, nothing is
// pending; without an archive the folder is named.
func TestPendingRemoval(t *testing.T) {
	const dir, file = "/etc/ssh/sshd_config.d", "/etc/ssh/sshd_config.d/50-hard.conf"
	w := newWorld()
	w.outs[snapshot.OutSshdLog] = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"
	w.config("Include "+dir+"/*.conf\nUsePAM yes\nX11Forwarding yes\n").put(dir, 'd', 0o755, 0, 0, "")
	w.text(file, "PasswordAuthentication no\nKbdInteractiveAuthentication no\n")
	past := w.snapshot()
	past.Start = now.AddDate(0, 0, -3)
	if h := w.plan(t, "x11-forwarding"); len(h.Pending) > 0 || len(h.Refused) > 0 || len(h.Changes) != 1 {
		t.Fatal(tell(h))
	}
	d := w.files[dir]
	d.MTime, d.CTime = now.Add(-time.Hour), now.Add(-time.Hour)
	w.files[dir] = d
	w.in.Earlier = earlierOf(past)
	if h := w.plan(t, "x11-forwarding"); len(h.Pending) > 0 || len(h.Refused) > 0 {
		t.Errorf("a name came and went: %s", tell(h))
	}
	delete(w.files, file)
	h := w.plan(t, "x11-forwarding")
	if len(h.Pending) != 1 || h.Pending[0].Path != file || h.Pending[0].Run != "run" || len(risks(h)) != 1 || risks(h)[0] != "pending-edits" {
		t.Fatalf("%+v\n%s", h.Pending, tell(h))
	}
	text := tell(h)
	for _, s := range []string{"-PasswordAuthentication no", "+++ /dev/null", "+ bob by password, anywhere", file + " was taken away"} {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in\n%s", s, text)
		}
	}
	w.in.Earlier = nil
	if h := w.plan(t, "x11-forwarding"); len(h.Pending) != 1 || h.Pending[0].Path != dir || len(risks(h)) != 1 {
		t.Error(tell(h))
	}
}

// A file whose time alone is new: its bytes are those that sshd has read.
func TestPendingSameBytes(t *testing.T) {
	w := newWorld()
	w.outs[snapshot.OutSshdLog] = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"
	past := w.snapshot()
	past.Start = now.AddDate(0, 0, -3)
	w.edited(stock)
	if h := w.plan(t, "x11-forwarding"); len(h.Pending) != 1 {
		t.Error(tell(h))
	}
	w.in.Earlier = earlierOf(past)
	if h := w.plan(t, "x11-forwarding"); len(h.Pending) > 0 || len(h.Refused) > 0 || len(h.Changes) != 1 {
		t.Error(tell(h))
	}
}

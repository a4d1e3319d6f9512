package facts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// Unit files are read as systemd reads them: drop-ins in the order of their names
// from all folders, instances instead of templates, masked timers as masked.
func TestTimersFromFiles(t *testing.T) {
	dir, put, link := unitTree(t)
	put("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
	put("etc/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\nPersistent=true\n[Install]\nWantedBy=timers.target\n")
	put("etc/systemd/system/a.service", "[Service]\nExecStart=/opt/vendor\n")
	put("etc/systemd/system/a.service.d/20-z.conf", "[Service]\nExecStart=\nExecStart=/opt/second\n")
	put("run/systemd/transient/a.service.d/10-a.conf", "[Service]\nExecStart=\nExecStart=/opt/first\n")
	put("etc/systemd/system/t@.timer", "[Timer]\nOnCalendar=*:0/5\n")
	put("etc/systemd/system/t@.service", "[Service]\nExecStart=/opt/t %i\n")
	link("etc/systemd/system/timers.target.wants/t@one.timer", "../t@.timer")
	link("etc/systemd/system/gone.timer", "/dev/null")
	put("usr/lib/systemd/system/gone.timer", "[Timer]\nOnCalendar=daily\n")
	put("etc/systemd/system/old.timer", "[Timer]\nOnCalendar=2020-01-01\n")
	put("etc/systemd/system/old.service", "[Service]\nExecStart=/opt/old\n")
	snap, err := snapshot.FromRoot(t.Context(), dir, snapshot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := WhatRuns(snap, Options{Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)})
	got := map[string]string{}
	for _, j := range list.Jobs {
		got[filepath.Base(j.Path)] += j.Command + " " + j.Fate + " " + j.Reason + ";"
	}
	for name, want := range map[string]string{
		"a.timer": "/opt/second runs ;", "t@.timer": "/opt/t one runs ;", "gone.timer": " never-runs the timer is masked;", "old.timer": "/opt/old never-runs all of its times are over;",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

// Timers of accounts' own managers run as the account, from boot on where it lingers.
func TestUserTimers(t *testing.T) {
	dir, put, link := unitTree(t)
	put("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n")
	put("var/lib/systemd/linger/alice", "")
	for home, program := range map[string]string{"alice": "%h/.local/up", "bob": "/home/bob/up"} {
		put("home/"+home+"/.config/systemd/user/up.timer", "[Timer]\nOnCalendar=*:0/10\n[Install]\nWantedBy=timers.target\n")
		put("home/"+home+"/.config/systemd/user/up.service", "[Service]\nExecStart="+program+"\n")
	}
	link("home/alice/.config/systemd/user/timers.target.wants/up.timer", "../up.timer")
	put("etc/systemd/user/all.timer", "[Timer]\nOnStartupSec=5min\n")
	put("etc/systemd/user/all.service", "[Service]\nExecStart=/opt/all\n")
	snap, err := snapshot.FromRoot(t.Context(), dir, snapshot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := WhatRuns(snap, Options{Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)})
	got := map[string]string{}
	for _, j := range list.Jobs {
		got[j.User+" "+j.Path] += j.Command + " " + j.Fate + " " + j.Reason + strings.Join(j.Notes, "; ") + ";"
	}
	const unseen = "whether it is enabled was not seen: no link in a .wants folder of "
	for name, want := range map[string]string{
		"alice /home/alice/.config/systemd/user/up.timer": "/home/alice/.local/up runs ;",
		"bob /home/bob/.config/systemd/user/up.timer":     "/home/bob/up runs while bob is logged in: the account does not linger; " + unseen + "/home/bob/.config/systemd/user names it;",
		"alice /etc/systemd/user/all.timer":               "/opt/all runs in each account's own manager; " + unseen + "/etc/systemd/user names it;",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(list.Jobs) != 3 {
		t.Errorf("jobs: %q", got)
	}
}

// unitTree is an empty tree, with what puts files and links into it.
func unitTree(t *testing.T) (dir string, put, link func(name, what string)) {
	dir = t.TempDir()
	in := func(name string) string {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	put = func(name, text string) {
		if err := os.WriteFile(in(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link = func(name, to string) {
		if err := os.Symlink(to, in(name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, put, link
}

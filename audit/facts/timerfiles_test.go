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
	put("etc/systemd/system/old.timer.d/50.conf", "[Timer]\nOnCalendar=\nOnCalendar=2020-01-01\n")
	put("etc/systemd/system/old.service", "[Service]\nExecStart=/opt/old\n")
	put("etc/systemd/system/far-off-one.timer", "[Timer]\nOnCalendar=daily\n")
	put("usr/lib/systemd/system/far-off-one.service", "[Service]\nExecStart=/usr/bin/far\n")
	put("run/systemd/system/far-off-.service.d/20-x.conf", "[Service]\nExecStart=\nExecStart=/opt/by-prefix\n")
	put("etc/systemd/system/far-.service.d/20-x.conf", "[Service]\nExecStart=\nExecStart=/opt/by-shorter-prefix\n")
	put("etc/systemd/system/timer.d/10-x.conf", "[Timer]\nOnCalendar=\nOnCalendar=hourly\n")
	snap, err := snapshot.FromRoot(t.Context(), dir, snapshot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := WhatRuns(snap, Options{Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)})
	got := map[string]string{}
	for _, j := range list.Jobs {
		if j.Fate == "runs" && j.Schedule != "OnCalendar=hourly" {
			t.Errorf("%s: %q, want the time that a drop-in for all timers sets", j.Path, j.Schedule)
		}
		got[filepath.Base(j.Path)] += j.Command + " " + j.Fate + " " + j.Reason + ";"
	}
	for name, want := range map[string]string{
		"a.timer": "/opt/second runs ;", "t@.timer": "/opt/t one runs ;", "gone.timer": " never-runs the timer is masked;", "old.timer": "/opt/old never-runs all of its times are over;", "far-off-one.timer": "/opt/by-prefix runs ;",
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
	put("run/user/1001/systemd/transient/run-1.timer", "[Timer]\nOnCalendar=hourly\n")
	put("run/user/1001/systemd/transient/run-1.service", "[Service]\nExecStart=/dev/shm/x\n")
	put("home/bob/.local/share/systemd/user/d.timer", "[Timer]\nOnCalendar=daily\n")
	put("home/bob/.local/share/systemd/user/d.service", "[Service]\nExecStart=/opt/d\n")
	link("home/bob/.config/systemd/user/timers.target.wants/d.timer", "/home/bob/.local/share/systemd/user/d.timer")
	for _, name := range []string{"idle", "wanted", "covered"} {
		put("usr/lib/systemd/user/"+name+".timer", "[Timer]\nOnCalendar=daily\n")
		put("usr/lib/systemd/user/"+name+".service", "[Service]\nExecStart=/usr/bin/"+name+"\n")
	}
	link("etc/systemd/user/timers.target.wants/wanted.timer", "/usr/lib/systemd/user/wanted.timer")
	put("usr/lib/systemd/user/wanted.service.d/x.conf", "[Service]\nExecStart=\nExecStart=/opt/changed\n")
	link("etc/systemd/user/timers.target.wants/covered.timer", "/usr/lib/systemd/user/covered.timer")
	link("etc/systemd/user/covered.timer", "/dev/null")
	snap, err := snapshot.FromRoot(t.Context(), dir, snapshot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := WhatRuns(snap, Options{Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)})
	got := map[string]string{}
	for _, j := range list.Jobs {
		got[j.User+" "+j.Path] += j.Command + " " + j.Fate + " " + j.Reason + strings.Join(j.Notes, "; ") + ";"
	}
	const unseen = "whether it is enabled was not seen: no link in a .wants folder beside its units names it;"
	for name, want := range map[string]string{
		"alice /home/alice/.config/systemd/user/up.timer":  "/home/alice/.local/up runs ;",
		"bob /home/bob/.config/systemd/user/up.timer":      "/home/bob/up runs while bob is logged in: the account does not linger; " + unseen,
		"alice /etc/systemd/user/all.timer":                "/opt/all runs in each account's own manager; " + unseen,
		"bob /run/user/1001/systemd/transient/run-1.timer": "/dev/shm/x runs until the manager of bob ends: it was made at run time;",
		"bob /home/bob/.local/share/systemd/user/d.timer":  "/opt/d runs while bob is logged in: the account does not linger;",
		"alice /usr/lib/systemd/user/wanted.timer":         "/opt/changed runs its command stands in the drop-in \"/usr/lib/systemd/user/wanted.service.d/x.conf\", line 3; in each account's own manager;",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(list.Jobs) != 6 {
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

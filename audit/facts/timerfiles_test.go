package facts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// Unit files are read as systemd reads them: drop-ins in the order of their names
// from all folders, instances instead of templates, masked timers as masked.
func TestTimersFromFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, to string) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, p); err != nil {
			t.Fatal(err)
		}
	}
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

package triage

import (
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// TestTimersLastRan: of a timer it is told when it last fired: by systemd in the host's
// zone, or by its stamp where a directory was read; the later of the two.
func TestTimersLastRan(t *testing.T) {
	at := time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC)
	l := bare()
	l.list = &facts.JobList{Zone: "Europe/Berlin"}
	for _, id := range []string{"a", "b", "c", "d"} {
		l.list.Jobs = append(l.list.Jobs, facts.ListedJob{Scheduler: "timer", Path: "/etc/systemd/system/" + id + ".timer", User: "root", Command: "/bin/" + id, Runs: true})
	}
	l.deep.Files = []snapshot.File{{Path: "/var/lib/systemd/timers/stamp-b.timer", Type: 'f', MTime: at}, {Path: "/var/lib/systemd/timers/stamp-c.timer", Type: 'f', MTime: at}}
	l.snap.Put(snapshot.Output{Name: snapshot.OutTimers, Data: []byte("Id=a.timer\nLastTriggerUSec=Tue 2026-12-01 04:13:00 CET\n\nId=b.timer\nLastTriggerUSec=Tue 2026-12-01 03:00:00 UTC\n\nId=d.timer\nLastTriggerUSec=n/a\n")})
	l.lastRuns()
	got := map[string]string{}
	for _, r := range l.out.LastRuns {
		got[r.Command] = r.Last
	}
	for command, want := range map[string]string{"/bin/a": "2026-12-01T03:13:00Z", "/bin/b": "2026-12-01T03:00:00Z", "/bin/c": "2026-11-30T06:00:00Z", "/bin/d": ""} {
		if got[command] != want {
			t.Errorf("%s: %q, want %q", command, got[command], want)
		}
	}
}

package facts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// TestGivenBack: what fix has touched and given back as it was is as old as before, as
// long as it stands as fix has left it, and sshd has not read it in between.
func TestGivenBack(t *testing.T) {
	const config = "/etc/ssh/sshd_config"
	const started = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"
	day := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 500, time.UTC) }
	stamp := func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
	old := booted.Add(-time.Hour)
	stood := func(inode int, at time.Time) string { return fmt.Sprintf("%d %s %s", inode, stamp(old), stamp(at)) }
	// The file was changed before the boot, a run gave it back on the 10th and another on the 12th.
	const dir = "/etc/ssh/sshd_config.d"
	first := "back " + stamp(day(9)) + " " + stood(5, old) + " " + stood(6, day(10)) + " " + config + "\n"
	second := "back " + stamp(day(11)) + " " + stood(6, day(10)) + " " + stood(7, day(12)) + " " + config + "\n"
	hup := func(d int) string {
		return "2026-11-" + fmt.Sprintf("%02d", d) + "T12:00:00+0000 h sshd[700]: Received SIGHUP; restarting.\n"
	}
	for name, c := range map[string]struct {
		says   string
		inode  uint64
		ctime  time.Time
		log    string
		wanted string // fresh, stale, unknown
	}{
		"no word of it":                    {"", 7, day(12), started, "stale"},
		"given back once":                  {first, 6, day(10), started, "fresh"},
		"given back twice":                 {first + second, 7, day(12), started, "fresh"},
		"the lines the other way round":    {second + first, 7, day(12), started, "fresh"},
		"the first of two is not known":    {second, 7, day(12), started, "stale"},
		"changed since":                    {first + second, 7, day(13), started, "stale"},
		"replaced since":                   {first + second, 8, day(12), started, "stale"},
		"sshd has read it while it ran":    {"back " + stamp(day(9)) + " " + stood(5, old) + " " + stood(6, day(11)) + " " + config + "\n", 6, day(11), started + hup(10), "stale"},
		"sshd has read it before the run":  {first, 6, day(10), started + hup(8), "fresh"},
		"edited before the run":            {"back " + stamp(day(9)) + " " + stood(5, day(8)) + " " + stood(6, day(10)) + " " + config + "\n", 6, day(10), started, "stale"},
		"another file":                     {first + "x", 7, day(12), started, "stale"},
		"no time":                          {"back x " + stood(5, old) + " " + stood(6, day(10)) + " " + config + "\n", 6, day(10), started, "stale"},
		"not a number":                     {"back " + stamp(day(9)) + " x 1.5 1 " + stood(6, day(10)) + " " + config + "\n", 6, day(10), started, "stale"},
		"read in the second of the change": {"read 700 " + stamp(day(10).Add(time.Millisecond)) + " " + stamp(day(10).Add(50*time.Millisecond)) + "\n", 6, day(10), started + hup(10), "fresh"},
		"changed after that reading":       {"read 700 " + stamp(day(10).Add(time.Millisecond)) + " " + stamp(day(10).Add(50*time.Millisecond)) + "\n", 6, day(10).Add(60 * time.Millisecond), started + hup(10), "stale"},
		"changed while it read":            {"read 700 " + stamp(day(10).Add(time.Millisecond)) + " " + stamp(day(10).Add(50*time.Millisecond)) + "\n", 6, day(10).Add(20 * time.Millisecond), started + hup(10), "unknown"},
		"another daemon read":              {"read 701 " + stamp(day(10).Add(time.Millisecond)) + " " + stamp(day(10).Add(50*time.Millisecond)) + "\n", 6, day(10), started + hup(10), "unknown"},
		"read, and no log tells of it":     {"read 700 " + stamp(day(11)) + " " + stamp(day(11)) + "\n", 6, day(10), started, "fresh"},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().drop(snapshot.OutSshdLog).out(snapshot.OutSshdLog, c.log).text(snapshot.GivenBack, c.says)
			h.change(config, func(f *snapshot.File) { f.MTime, f.CTime, f.Inode = old, c.ctime, c.inode })
			f := h.facts()
			if got := staleness(f); got != c.wanted {
				t.Errorf("%s, want %s: %q %+v", got, c.wanted, f.Unknown["sshd.stale"], f.Origin["sshd.stale"])
			}
		})
	}
	// A folder in which a name came and went.
	for name, c := range map[string]struct {
		says    string
		unknown bool
	}{
		"newer than the reading": {"", true},
		"only names of ours":     {"kept - " + stood(3, old) + " " + stood(3, day(10)) + " " + dir + "\n", false},
	} {
		t.Run("the folder: "+name, func(t *testing.T) {
			h := plainHost().drop(snapshot.OutSshdLog).out(snapshot.OutSshdLog, started).text(snapshot.GivenBack, c.says)
			h.text(config, "Include "+dir+"/*.conf\n").dir(dir, 0o755, 0, 0)
			h.change(dir, func(f *snapshot.File) { f.MTime, f.CTime, f.Inode = old, day(10), 3 })
			f := h.facts()
			if _, unknown := f.Unknown["sshd.stale"]; unknown != c.unknown || f.Sshd.Stale {
				t.Errorf("%v %q", f.Sshd.Stale, f.Unknown["sshd.stale"])
			}
		})
	}
}

// staleness is what is told of the daemon's files: fresh, stale or unknown.
func staleness(f *facts.Facts) string {
	if _, unknown := f.Unknown["sshd.stale"]; unknown {
		return "unknown"
	}
	if f.Sshd.Stale {
		return "stale"
	}
	return "fresh"
}

package facts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// Who tries to log in chooses the name that sshd logs: no such word is a reload.
func TestReloadsAreNotMadeUp(t *testing.T) {
	edited := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	const start = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"
	for name, c := range map[string]struct {
		line  string
		stale bool
	}{
		"a reload":              {"2026-11-11T00:00:00+0000 h sshd[700]: Received SIGHUP; restarting.", false},
		"a user's name":         {"2026-11-11T00:00:00+0000 h sshd[812]: Invalid user x sshd[700]: Received SIGHUP; restarting. from 192.0.2.7 port 5", true},
		"another daemon's":      {"2026-11-11T00:00:00+0000 h sshd[701]: Received SIGHUP; restarting.", true},
		"within the message":    {"2026-11-11T00:00:00+0000 h sshd[700]: fatal: Received SIGHUP", true},
		"a tag of another kind": {"2026-11-11T00:00:00+0000 h nosshd[700]: Received SIGHUP; restarting.", true},
		"a host name":           {"2026-11-11T00:00:00+0000 sshd[700]: Received SIGHUP; restarting.", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().drop(snapshot.OutSshdLog).out(snapshot.OutSshdLog, start+c.line+"\n")
			h.change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.MTime, f.CTime = edited, edited })
			if f := h.facts(); f.Sshd.Stale != c.stale || f.Unknown["sshd.stale"] != "" {
				t.Errorf("stale %v, unknown %q", f.Sshd.Stale, f.Unknown["sshd.stale"])
			}
		})
	}
}

// Traditional syslog has local times without a year: the year is that of the
// host's clock, or the one before.
func TestTimesWithoutYear(t *testing.T) {
	const listening, reload = " h sshd[700]: Server listening on 0.0.0.0 port 22.\n", " h sshd[700]: Received SIGHUP; restarting.\n"
	day := func(d, hour int) time.Time { return time.Date(2026, 11, d, hour, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		log    string
		zone   string // what /etc/localtime leads to; "": there is none
		edited time.Time
		want   string // fresh, stale, unknown
	}{
		"reloaded since":                 {"Nov  1 00:01:00" + listening + "Nov 11 00:00:00" + reload, "", day(10, 0), "fresh"},
		"not reloaded since":             {"Nov  1 00:01:00" + listening + "Nov  9 00:00:00" + reload, "", day(10, 0), "stale"},
		"busybox":                        {"Nov  1 00:01:00 h auth.info sshd[700]: Server listening on 0.0.0.0 port 22.\nNov 11 00:00:00 h auth.info sshd[700]: Received SIGHUP; restarting.\n", "", day(10, 0), "fresh"},
		"of the year before":             {"Dec 24 00:00:00" + listening + "Dec 25 00:00:00" + reload, "", day(10, 0), "stale"},
		"local time is later than UTC":   {"Nov  1 00:01:00" + listening + "Nov 10 00:30:00" + reload, "/usr/share/zoneinfo/Europe/Berlin", day(10, 0), "stale"},
		"local time is earlier than UTC": {"Nov  1 00:01:00" + listening + "Nov  9 21:30:00" + reload, "/usr/share/zoneinfo/America/New_York", day(10, 0), "fresh"},
		"a zone that is not known":       {"Oct 30 00:01:00" + listening + "Nov 10 06:00:00" + reload, "/somewhere", day(10, 0), "unknown"},
		"no such zone, long before":      {"Oct 30 00:01:00" + listening + "Nov  9 00:00:00" + reload, "/somewhere", day(10, 12), "stale"},
		"no such zone, long after":       {"Oct 30 00:01:00" + listening + "Nov 11 18:00:00" + reload, "/usr/share/zoneinfo/../../etc/passwd", day(10, 12), "fresh"},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().drop(snapshot.OutSshdLog).out(snapshot.OutSshdLog, c.log)
			if c.zone != "" {
				h.link("/etc/localtime", c.zone, c.zone)
			}
			h.change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.MTime, f.CTime = c.edited, c.edited })
			f := h.facts()
			if got := staleness(f); got != c.want {
				t.Errorf("%s, want %s: %q", got, c.want, f.Unknown["sshd.stale"])
			}
		})
	}
}

// Where no sshd runs the next login starts one, which reads the files: they
// cannot be stale. Where not all processes were seen, that is not known.
func TestNoServerIsNotStale(t *testing.T) {
	h := plainHost().drop(snapshot.OutDaemons).out(snapshot.OutDaemons, "650\tcron\n")
	f := h.facts()
	if why, unknown := f.Unknown["sshd.stale"]; unknown || f.Sshd.Stale {
		t.Errorf("stale %v, unknown %q", f.Sshd.Stale, why)
	}
	if e := f.Origin["sshd.stale"]; len(e) == 0 || !strings.Contains(e[0].Witness, "no sshd runs") {
		t.Errorf("the evidence: %+v", e)
	}
	h = plainHost().drop(snapshot.OutDaemons).out(snapshot.OutDaemons, "650\tcron\n").gap(snapshot.OutDaemons, snapshot.GapCap, "more than 64 daemons of root")
	if f := h.facts(); f.Unknown["sshd.stale"] == "" && f.Unknown["sshd"] == "" {
		t.Error("judged, though not all processes were seen")
	}
}

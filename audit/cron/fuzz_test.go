package cron

import (
	"strings"
	"testing"
	"time"
)

// What is read of anacrontabs, at's jobs, units and timers is bounded, printed back
// where it is a table, and can be resolved and judged without a fault.
func FuzzOtherTables(f *testing.F) {
	f.Add([]byte("START_HOURS_RANGE=3-22\n1 5 cron.daily run-parts /etc/cron.daily\n@monthly 9 m x\n"))
	f.Add([]byte("#!/bin/sh\n# atrun uid=0 gid=0\numask 22\nA=b; export A\ncd /root || {\n echo x\n}\n${SHELL:-/bin/sh} << 'marcinDELIMITER'\nid\nmarcinDELIMITER\n"))
	f.Add([]byte("[Timer]\nOnCalendar=Mon..Fri *-*-1..7 06,18:00/15\nOnBootSec=1h 5min\n[Service]\nExecStart=-/bin/a \\\n b\n"))
	f.Add([]byte("Id=a.timer\nUnit=a.service\nTimersCalendar={ OnCalendar=*-*-* 06:00:00 ; next_elapse=n/a }\n\nId=a.service\nExecStart={ path=/x ; argv[]=/x -a ; ignore_errors=no }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		var jobs []*Job
		tab := ParseAnacrontab(data, Options{Path: "/etc/anacrontab"})
		if string(tab.Bytes()) != string(data) {
			t.Fatalf("printed as %q", tab.Bytes())
		}
		jobs = append(jobs, tab.Jobs()...)
		if j, ok := ParseAt("a0000101c5d9e8", data, Options{}); ok {
			jobs = append(jobs, j)
		}
		u := ParseUnit(data)
		jobs = append(jobs, TimerJobs("x.timer", "/x.timer", u, u, Manager{})...)
		jobs = append(jobs, ParseTimers(data)...)
		if len(jobs) > 64 {
			jobs = jobs[:64]
		}
		from := time.Unix(1790000000, 0)
		for _, j := range jobs {
			a := j.Resolve("/root", Debian)
			if len(a.Commands) > maxParsed || len(a.Targets) > maxParsed {
				t.Fatalf("%d commands, %d targets", len(a.Commands), len(a.Targets))
			}
			for _, s := range Signs(j, a, SignContext{UID: -1}) {
				for i := 0; i < len(s.Message); i++ {
					if c := s.Message[i]; c < 0x20 || c > 0x7e {
						t.Fatalf("%s: a raw byte in %q", s.ID, s.Message)
					}
				}
			}
			if len(j.Schedule.Next(from, time.UTC, SystemdCron, 5)) > 5 {
				t.Fatal("more times than were asked for")
			}
			if j.Schedule.Words() == "" && j.Schedule.Kind == ScheduleCalendar {
				t.Fatal("a calendar without words")
			}
		}
	})
}

// A table of any size costs what its bytes cost: the daemon's own limits and ours
// bound what is kept of it, and it is printed back whole.
func TestHugeTables(t *testing.T) {
	for name, unit := range map[string]string{
		"jobs": "*/5 * * * * /bin/x\n", "comments": "# a comment of some length\n", "settings and jobs": "A=b\n* * * * * x\n",
		"bad lines": "foo bar\n", "newlines": "\n", "one line": "x", "percent": "%", "backslashes": "\\\n", "blanks": " ", "nested": "* * * * * ((((((((((((((((((((\n",
	} {
		t.Run(name, func(t *testing.T) {
			big := 12 << 20
			if name == "jobs" {
				big = 100 << 20
			}
			data := []byte(strings.Repeat(unit, big/len(unit)))
			for _, d := range []Daemon{Debian, Busybox} {
				tab := ParseTable(data, User, d, Options{User: "u"})
				if len(tab.Entries) > maxEntries+1 {
					t.Fatalf("%v: %d entries", d, len(tab.Entries))
				}
				n := 0
				for i := range tab.Entries {
					n += len(tab.Entries[i].Raw)
				}
				if n != len(data) {
					t.Fatalf("%v: %d bytes are kept, want %d", d, n, len(data))
				}
			}
		})
	}
}

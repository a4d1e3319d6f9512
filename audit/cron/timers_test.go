package cron

import (
	"strings"
	"testing"
)

func TestTimerTimes(t *testing.T) {
	for _, c := range []struct{ name, unit, words string }{
		{"boot and then", "OnBootSec=15min\nOnUnitActiveSec=1d\n", "15 minutes after each boot, then every day"},
		{"joined span", "OnUnitActiveSec=1h30min\nOnActiveSec=5 min\n", "5 minutes after the timer is started, then every 90 minutes"},
		{"an empty one takes all away", "OnCalendar=daily\nOnBootSec=5\nOnCalendar=\nOnUnitActiveSec=90s\n", "every 90 seconds"},
		{"after its end", "OnBootSec=0\nOnUnitInactiveSec=10m\n", "after each boot, then 10 minutes after its last run ended"},
		{"calendar and boot", "OnBootSec=1h\nOnCalendar=*:0/30\n", "every 30 minutes, and an hour after each boot"},
		{"one that is refused beside one that is not", "OnCalendar=foo\nOnCalendar=Mon 03:00\n", "at 03:00 on Monday"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := TimerJobs("x.timer", "/x.timer", ParseUnit([]byte("[Timer]\n"+c.unit)), ParseUnit([]byte("[Service]\nExecStart=/x\n")), Manager{})[0]
			if got := j.Schedule.Words(); got != c.words || j.Fate != FateRuns {
				t.Errorf("%q %s, want %q", got, j.Fate, c.words)
			}
		})
	}
	for _, text := range []string{"OnCalendar=foo", "OnCalendar=*-02-30", "OnBootSec=soon", "Persistent=true"} {
		if j := TimerJobs("x.timer", "", ParseUnit([]byte("[Timer]\n"+text+"\n")), nil, Manager{})[0]; j.Fate != FateNever || j.Reason == "" {
			t.Errorf("%s: %s %q", text, j.Fate, j.Reason)
		}
	}
}

// What a service runs before and after its main command is run by the timer too.
func TestTimerRunsEveryStep(t *testing.T) {
	const hidden = "/dev/shm/.x"
	files := TimerJobs("x@one.timer", "", ParseUnit([]byte("[Timer]\nOnCalendar=daily\n")), ParseUnit([]byte("[Service]\nUser=bob\nExecStartPre=-+"+hidden+" %i\nExecStart=/bin/x %z\n")), Manager{})
	if len(files) != 2 || files[0].Step != "ExecStartPre" || files[0].User != "root" || !strings.HasSuffix(files[0].Command, hidden+" one") || files[1].User != "bob" || !files[1].Open {
		t.Errorf("%+v %+v", files[0], files[1])
	}
	told := ParseTimers([]byte("Id=x.timer\nTimersCalendar={ OnCalendar=*-*-* 06:00:00 ; next_elapse=n }\nUnit=x.service\n\nId=x.service\n" +
		"ExecStartPre={ path=" + hidden + " ; argv[]=" + hidden + " ; ignore_errors=no ; }\nExecStart={ path=/bin/sh ; argv[]=/bin/sh -c cd /opt && ./run | /dev/shm/.y/sh ; ignore_errors=no ; }\n"))
	if len(told) != 2 || told[0].Command != hidden {
		t.Fatalf("%+v", told)
	}
	// systemctl tells words without quotes: what follows sh -c is one of them.
	var paths []string
	for _, x := range told[1].Resolve("/root", Debian).Targets {
		paths = append(paths, x.Path)
	}
	if got := strings.Join(paths, " "); got != "/bin/sh /opt/run /dev/shm/.y/sh" {
		t.Errorf("%q", got)
	}
}

// A unit of an account's own manager speaks of that account and starts in its home;
// Environment= is in force, and a drop-in adds to it.
func TestTimerOfAnAccount(t *testing.T) {
	timer := ParseUnit([]byte("[Timer]\nOnCalendar=daily\n"))
	service := ParseUnit([]byte("[Service]\nUser=root\nEnvironment=A=1 \"B=two words\"\nEnvironment=C=%h/x A=3\nEnvironmentFile=-/etc/default/x\nExecStart=%h/.x/run ./y %u %U %t %s\n"))
	bob := Manager{User: "bob", Home: "/home/bob", UID: 1000}
	j := TimerJobs("x.timer", "", timer, service, bob)[0]
	if want := "/home/bob/.x/run ./y bob 1000 /run/user/1000 %s"; j.User != "bob" || j.Command != want || !j.Open || j.Cwd != "/home/bob" {
		t.Errorf("%s %q %v %s, want %q", j.User, j.Command, j.Open, j.Cwd, want)
	}
	if got := j.Env.Map(); len(got) != 3 || got["A"] != "3" || got["B"] != "two words" || got["C"] != "/home/bob/x" {
		t.Errorf("%v", got)
	}
	if !strings.Contains(j.Note, "/etc/default/x") {
		t.Errorf("%q", j.Note)
	}
	for unit, want := range map[string]string{"": "/x", "WorkingDirectory=/srv\n": "/srv/x", "WorkingDirectory=-/srv\n": "/srv/x", "WorkingDirectory=~\n": "/home/u/x", "WorkingDirectory=%h\n": "/root/x"} {
		j := TimerJobs("x.timer", "", timer, ParseUnit([]byte("[Service]\nExecStart=sh ./x\n"+unit)), Manager{})[0]
		a := j.Resolve("/home/u", Debian)
		if got := a.Targets[len(a.Targets)-1].Path; got != want {
			t.Errorf("%q: %s, want %s", unit, got, want)
		}
	}
}

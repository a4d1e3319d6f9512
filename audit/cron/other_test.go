package cron

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnacrontab(t *testing.T) {
	const text = "# comment\nSHELL=/bin/sh\nRANDOM_DELAY = 45\n\n1\t5\tcron.daily\tnice run-parts --report /etc/cron.daily\n@monthly 15 m.x /x/y a%b\nbad line\n0 5 never /x\n7 5 a/b /x"
	tab := ParseAnacrontab([]byte(text), Options{Path: "/etc/anacrontab"})
	if string(tab.Bytes()) != text {
		t.Errorf("printed as %q", tab.Bytes())
	}
	type job struct {
		ID, Command, Words string
		Line               int
		Fate               Fate
	}
	var got []job
	for _, j := range tab.Jobs() {
		got = append(got, job{j.ID, j.Command, j.Schedule.Words(), j.Line, j.Fate})
	}
	want := []job{
		{"cron.daily", "nice run-parts --report /etc/cron.daily", "every day", 5, FateRuns},
		{"m.x", "/x/y a%b", "every 30 days", 6, FateRuns},
		{"never", "/x", "every 0s", 8, FateNever},
	}
	want[2].Words = tab.Jobs()[2].Schedule.Words()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if n := tab.Lost(); n != 3 {
		t.Errorf("%d lines lost, want 3", n)
	}
	if v := tab.Env.Get("RANDOM_DELAY"); v != "45" {
		t.Errorf("RANDOM_DELAY %q", v)
	}
}

const atJob = "#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail bob 0\numask 22\nHOME=/home/bob; export HOME\nX=a\\ b; export X\ncd /home/bob/my\\ dir || {\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}\n"

func TestAt(t *testing.T) {
	for _, c := range []struct{ name, body string }{
		{"plain", "./run -a\n"},
		{"here-document", "${SHELL:-/bin/sh} << 'marcinDELIMITER1a2b'\n./run -a\n\nmarcinDELIMITER1a2b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, ok := ParseAt("a0000101bf8c2e", []byte(atJob+c.body), Options{})
			if !ok {
				t.Fatal("not taken for a job")
			}
			if j.Command != "./run -a" || j.User != "uid=1000" || j.ID != "1" || j.Cwd != "/home/bob/my dir" || j.Env.Get("X") != "a b" {
				t.Errorf("%+v", j)
			}
			if j.Schedule.When != "2025-10-07T09:18:00Z" {
				t.Errorf("when %s", j.Schedule.When)
			}
			if d := cmp.Diff([]string{"command:/home/bob/my dir/run"}, targets(j.Resolve("/home/bob", Debian))); d != "" {
				t.Error(d)
			}
		})
	}
	if _, ok := ParseAt("seq", nil, Options{}); ok {
		t.Error("a file that is no job is taken for one")
	}
}

const shown = `Id=apt-daily.timer
FragmentPath=/usr/lib/systemd/system/apt-daily.timer
UnitFileState=enabled
ActiveState=active
LoadState=loaded
Triggers=apt-daily.service
TimersCalendar={ OnCalendar=*-*-* 06,18:00:00 ; next_elapse=Tue 2026-11-24 06:00:00 UTC }
RandomizedDelayUSec=12h

Id=apt-daily.service
ExecStart={ path=/usr/lib/apt/apt.systemd.daily ; argv[]=/usr/lib/apt/apt.systemd.daily update ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }

Id=beat.timer
ActiveState=inactive
Unit=beat.service
TimersMonotonic={ OnUnitActiveUSec=5min ; next_elapse=0 }
TimersMonotonic={ OnBootUSec=1min ; next_elapse=0 }

Id=beat.service
User=bob
ExecStart={ path=/dev/shm/.x ; argv[]=/dev/shm/.x -q ; ignore_errors=no ; start_time=[n/a] }
`

func TestTimers(t *testing.T) {
	type job struct {
		ID, User, Command, Words string
		Fate                     Fate
	}
	var got []job
	for _, j := range ParseTimers([]byte(shown)) {
		got = append(got, job{j.ID, j.User, j.Command, j.Schedule.Words(), j.Fate})
	}
	want := []job{
		{"apt-daily.timer", "root", "/usr/lib/apt/apt.systemd.daily update", "at 06:00 and 18:00", FateRuns},
		{"beat.timer", "bob", "/dev/shm/.x -q", "a minute after each boot, then every 5 minutes", FateNever},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	j := ParseTimers([]byte(shown))[1]
	if signs := Signs(j, j.Resolve("", Debian), SignContext{UID: -1}); !hasSign(signs, "temp-exec") {
		t.Errorf("a timer that runs from /dev/shm is not judged: %+v", signs)
	}
}

func TestCalendar(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"daily", "0 0 * * *"}, {"weekly", "0 0 * * 1"}, {"Mon..Fri *-*-* 09:30", "30 9 * * 1-5"}, {"Sat,Sun 10:00", "0 10 * * 0,6"},
		{"*:0/15", "0,15,30,45 * * * *"}, {"*-*-01 04:05:06", "5 4 1 * * second 6"}, {"*-01,07-15 00:00", "0 0 15 1,7 *"}, {"2026-05-01 12:00 UTC", "0 12 1 5 * year 2026 UTC"},
		{"*-*-* 25:00", "*-*-* 25:00"}, {"nonsense words here", "nonsense words here"},
	} {
		t.Run(c.in, func(t *testing.T) {
			s := CalendarSchedule(c.in)
			if got := s.Normal(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestUnitFiles(t *testing.T) {
	timer := ParseUnit([]byte("[Unit]\n# c\nDescription=x\n[Timer]\nOnCalendar=Mon 03:00\nRandomizedDelaySec=1h 30min\nUnit=real.service\n"))
	service := ParseUnit([]byte("[Service]\nUser=bob\nExecStart=/usr/bin/old\n"))
	service.Append(ParseUnit([]byte("[Service]\nExecStart=\nExecStart=/bin/sh -c \\\n  'id'\n")), "/etc/systemd/system/real.service.d/z.conf")
	jobs := TimerJobs("x.timer", "/etc/systemd/system/x.timer", timer, service, Manager{})
	if len(jobs) != 1 || jobs[0].Command != "/bin/sh -c  'id'" || jobs[0].User != "bob" || jobs[0].Line != 5 || jobs[0].Schedule.Delay != 5400 || jobs[0].Schedule.Words() != "at 03:00 on Monday" {
		t.Errorf("%+v", jobs[0])
	}
	// The vendor's files look innocent: what a drop-in decides is said of it.
	if want := `its command stands in the drop-in "/etc/systemd/system/real.service.d/z.conf", line 3`; jobs[0].Note != want {
		t.Errorf("%q, want %q", jobs[0].Note, want)
	}
	timer.Append(ParseUnit([]byte("[Timer]\nOnCalendar=\nOnCalendar=minutely\n")), "/run/x.conf")
	if j := TimerJobs("x.timer", "", timer, service, Manager{})[0]; j.Line != 0 || !strings.HasPrefix(j.Note, `its times stand in the drop-in "/run/x.conf", line 3; `) {
		t.Errorf("line %d, %q", j.Line, j.Note)
	}
	if j := TimerJobs("y.timer", "", &Unit{}, nil, Manager{})[0]; j.Fate != FateNever || j.Reason == "" {
		t.Errorf("a timer without a time: %+v", j)
	}
}

// Packages bring a job for cron and a timer for systemd, of which the one yields to
// the other; and a timer's service may have steps. Neither is there twice.
func TestExpectNotTwice(t *testing.T) {
	timer := TimerJobs("certbot.timer", "/lib/systemd/system/certbot.timer", ParseUnit([]byte("[Timer]\nOnCalendar=daily\n")),
		ParseUnit([]byte("[Service]\nExecStartPre=/usr/bin/certbot --check\nExecStart=/usr/bin/certbot -q renew\n")), Manager{})
	line := func(s string) []*Job { return ParseTable([]byte(s), System, Debian, Options{}).Jobs() }
	script := []*Job{{Scheduler: SchedRunParts, Path: "/etc/cron.daily/certbot", User: "root", Command: "/etc/cron.daily/certbot", Raw: "/etc/cron.daily/certbot", Fate: FateRuns}}
	for name, c := range map[string]struct {
		jobs []*Job
		want ExpectState
	}{
		"steps of one service":  {timer, ExpectPresent},
		"a line that yields":    {append(line("0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && certbot -q renew\n"), timer...), ExpectPresent},
		"a script of its name":  {append(script, timer...), ExpectPresent},
		"a line that does not":  {append(line("0 */12 * * * root certbot -q renew\n"), timer...), ExpectDuplicated},
		"a script and no timer": {script, ExpectPresent},
		"a yielding line alone": {line("0 */12 * * * root [ -d /run/systemd/system ] || certbot -q renew\n"), ExpectPresent},
		"two lines that would":  {line("0 1 * * * root [ -d /run/systemd/system ] || certbot renew\n0 2 * * * root [ -d /run/systemd/system ] || certbot renew\n"), ExpectDuplicated},
	} {
		if got, at := Expect(c.jobs, Expectation{Match: "*certbot*"}); got != c.want {
			t.Errorf("%s: %s %v, want %s", name, got, at, c.want)
		}
	}
}

func TestExpect(t *testing.T) {
	table := func(s string) []*Job { return ParseTable([]byte(s), System, Debian, Options{}).Jobs() }
	const monitor = "*/5 * * * * root /usr/local/bin/monitor.sh --all\n"
	for _, c := range []struct {
		name  string
		table string
		e     Expectation
		want  ExpectState
		at    []int
	}{
		{"there", monitor, Expectation{Match: "*/monitor.sh*"}, ExpectPresent, []int{0}},
		{"there, as text", monitor, Expectation{Match: "monitor.sh", User: "root"}, ExpectPresent, []int{0}},
		{"gone", "1 * * * * root /usr/bin/other\n", Expectation{Match: "*/monitor.sh*"}, ExpectMissing, nil},
		{"nothing at all", "", Expectation{Match: "*/monitor.sh*"}, ExpectMissing, nil},
		{"one letter", "*/5 * * * * root /usr/local/bin/monitcr.sh --all\n", Expectation{Match: "*/usr/local/bin/monitor.sh*"}, ExpectAltered, []int{0}},
		{"a dot more", "1 * * * * root sh '. ../update'\n", Expectation{Match: "sh ../update"}, ExpectAltered, []int{0}},
		{"a dot more, unquoted", "1 * * * * root sh . ../update\n", Expectation{Match: "sh ../update"}, ExpectAltered, []int{0}},
		{"another account", "*/5 * * * * bob /usr/local/bin/monitor.sh --all\n", Expectation{Match: "*/monitor.sh*", User: "root"}, ExpectWrongUser, []int{0}},
		{"in a dead file", monitor + "61 * * * * root x\n", Expectation{Match: "*/monitor.sh*"}, ExpectNotRunning, []int{0}},
		{"twice", monitor + monitor, Expectation{Match: "*/monitor.sh*"}, ExpectDuplicated, []int{0, 1}},
		{"exact line", monitor, Expectation{Match: "*/monitor.sh*", Line: "*/5 * * * * root /usr/local/bin/monitor.sh --all"}, ExpectPresent, []int{0}},
		{"exact line, user's form", monitor, Expectation{Match: "*/monitor.sh*", Line: "0-55/5 * * * * /usr/local/bin/monitor.sh --all"}, ExpectPresent, []int{0}},
		{"other arguments", "*/5 * * * * root /usr/local/bin/monitor.sh\n", Expectation{Match: "*/monitor.sh*", Line: "*/5 * * * * root /usr/local/bin/monitor.sh --all"}, ExpectAltered, []int{0}},
		{"other times", "0 5 * * * root /usr/local/bin/monitor.sh --all\n", Expectation{Match: "*/monitor.sh*", Line: "*/5 * * * * root /usr/local/bin/monitor.sh --all"}, ExpectWrongTimes, []int{0}},
		{"a long line with another word is another job", "1 * * * * root /usr/bin/certbot renew --quiet --no-random-sleep\n", Expectation{Match: "/usr/bin/rsnapshot daily --quiet --no-random-sleep"}, ExpectMissing, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, at := Expect(table(c.table), c.e)
			if state != c.want || cmp.Diff(c.at, at) != "" {
				t.Errorf("%s %v, want %s %v", state, at, c.want, c.at)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"sh . ../update", "sh ../update", 2}, {"freshclam", "freshcIam", 1}, {"abcd", "abdc", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := Distance(c.b, c.a); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.b, c.a, got, c.want)
		}
	}
	if got := Nearness("monitor", "/usr/bin/monitcr --x"); got != 1 {
		t.Errorf("nearness %d, want 1", got)
	}
}

func TestNormalCommand(t *testing.T) {
	same := [][]string{
		{`sh ". ../x"`, `sh '. ../x'`, `sh .\ ../x`, `sh   '. ../x' `},
		{`a  "b"  c`, `a b c`, `a b 'c'`},
		{`a;b`, `a; b`, `a ;  b`},
	}
	seen := map[string]int{}
	for i, group := range same {
		for _, s := range group {
			n := NormalCommand(s)
			if first := NormalCommand(group[0]); n != first {
				t.Errorf("%q is %q, %q is %q", s, n, group[0], first)
			}
			if k, ok := seen[n]; ok && k != i {
				t.Errorf("%q falls together with another group", s)
			}
			seen[n] = i
			if again := NormalCommand(n); again != n {
				t.Errorf("%q becomes %q, then %q", s, n, again)
			}
		}
	}
	for _, pair := range [][2]string{{`sh . ../x`, `sh '. ../x'`}, {`a "b  c"`, `a "b c"`}, {`echo "*"`, `echo *`}, {`a "$X"`, `a '$X'`}} {
		if NormalCommand(pair[0]) == NormalCommand(pair[1]) {
			t.Errorf("%q and %q are not the same command", pair[0], pair[1])
		}
	}
}

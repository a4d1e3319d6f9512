package cron

import (
	"strings"
	"testing"
)

// fates of one line, by daemon, as facts about the running daemons: Debian 3.0pl1,
// cronie 1.7.2, busybox 1.37, dcron 4.5. '-' is not asked.
type row struct {
	name  string
	table string // the line that is asked, then a good line unless it has none
	debia Fate
	cron  Fate
	busy  Fate
	dcron Fate
}

const good = "* * * * * touch /out/good\n"

var rows = []row{
	{"1 no newline alone", "* * * * * touch x", FateDropped, FateLost, FateRuns, FateRuns},
	{"2 no newline after a good line", good + "* * * * * touch x", FateDropped, FateLost, FateRuns, FateRuns},
	{"3 comment without newline", "* * * * * touch x\n# note", FateRuns, FateRuns, FateRuns, FateRuns},
	{"3b blanks without newline", "* * * * * touch x\n   ", FateRuns, FateRuns, FateRuns, FateRuns},
	{"4 CR at the end", "* * * * * touch x\r\n", FateOther, FateOther, FateOther, FateOther},
	{"5 line of CR", "\r\n* * * * * touch x\n", FateDropped, FateRuns, FateRuns, FateRuns},
	{"6 setting with CR", "FOO=bar\r\n* * * * * touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"7 leading blanks", " \t* * * * * touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"8 indented comment", "   # comment\n* * * * * touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"9 comment behind the command", "* * * * * touch x # c\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"10 hash inside a word", "* * * * * echo a#b > x\n", FateRuns, FateRuns, FateOther, FateRuns},
	{"11 percent input", "* * * * * cat > x%l1%l2\n", FateRuns, FateRuns, FateOther, FateOther},
	{"12 code behind percent", "* * * * * sh%touch x\n", FateRuns, FateRuns, FateOther, FateOther},
	{"13 escaped percent", "* * * * * echo a\\%b > x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"14 date +%Y", "* * * * * date +%Y > x; touch y\n", FateOther, FateOther, FateRuns, FateRuns},
	{"15 quoted percent", "* * * * * echo \"a%b\" > x\n", FateOther, FateOther, FateRuns, FateRuns},
	{"16 minute 61", "61 * * * * touch x\n", FateDropped, FateLost, FateOther, FateOther}, // dcron: minute 1, by its source
	{"17 no fields", "foo bar\n", FateDropped, FateLost, FateLost, FateLost},
	{"18 four fields", "* * * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"19 @every", "@every 1m touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"20 @minutely", "@minutely touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"21 @REBOOT", "@REBOOT touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"22 @reboot with blanks", "  @reboot touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"22b @reboot and tab", "@reboot\ttouch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"23 dash first, user", "-* * * * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"25 -n command", "* * * * * -n touch x\n", FateOther, FateRuns, FateOther, FateOther},
	{"26 tilde", "~ * * * * touch x\n", FateDropped, FateRuns, FateLost, FateLost},
	{"27 0~59", "0~59 * * * * touch x\n", FateOther, FateRuns, FateOther, FateLost},
	{"28 step zero", "*/0 * * * * touch x\n", FateDropped, FateLost, FateRuns, FateRuns},
	{"29 5/10", "5/10 * * * * touch x\n", FateDropped, FateLost, FateRuns, FateRuns},
	{"30 59-0", "59-0 * * * * touch x\n", FateNever, FateNever, FateRuns, FateRuns},
	{"31 mon-sun", "* * * * mon-sun touch x\n", FateNever, FateNever, FateRuns, FateRuns},
	{"31b fri-mon", "* * * * fri-mon touch x\n", FateNever, FateNever, FateRuns, FateRuns},
	{"31c 6-1", "* * * * 6-1 touch x\n", FateNever, FateNever, FateRuns, FateRuns},
	{"32 sun-tue", "* * * * sun-tue touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"33 MON", "* * * * MON touch x\n", FateRuns, FateRuns, FateRuns, FateLost},
	{"34 monday", "* * * * monday touch x\n", FateDropped, FateLost, FateOther, FateLost},
	{"34b november", "* * * november * touch x\n", FateDropped, FateLost, FateOther, FateLost},
	{"35 1-8", "* * * * 1-8 touch x\n", FateDropped, FateLost, FateOther, FateOther},
	{"35b 0-31", "* * 0-31 * * touch x\n", FateDropped, FateLost, FateRuns, FateRuns},
	{"35c 1-32", "* * 1-32 * * touch x\n", FateDropped, FateLost, FateOther, FateOther},
	{"36 0-24", "* 0-24 * * * touch x\n", FateDropped, FateLost, FateOther, FateOther}, // dcron: hour 0 only, by its source
	{"37 mon#4", "* * * * mon#4 touch x\n", FateOther, FateLost, FateLost, FateLost},
	{"38 **", "** * * * * touch x\n", FateOther, FateLost, FateOther, FateLost},
	{"39 0-59x", "0-59x * * * * touch x\n", FateDropped, FateLost, FateOther, FateLost},
	{"40 glued command", "* * * * *touch /out/x\n", FateOther, FateLost, FateOther, FateLost}, // busybox: nothing was touched; by its source /out/x is started
	{"41 no command", "* * * * *\n", FateNever, FateLost, FateLost, FateLost},
	{"42 root in a user table", "* * * * * root touch x\n", FateOther, FateOther, FateOther, FateOther},
	{"43 six fields", "0 * * * * * touch x\n", FateDropped, FateLost, FateOther, FateOther},
	{"44 L", "* * L * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"44b ?", "* * ? * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"44c 15W", "* * 15W * * touch x\n", FateDropped, FateLost, FateOther, FateLost},
	{"44 L and a weekday", "* * L * 1 touch x\n", FateDropped, FateLost, FateOther, FateLost},
	{"45 1-31 and 2", "* * 1-31 * 2 touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"46 continuation", "* * * * * touch \\\n/out/x\n", FateDropped, FateOther, FateRuns, FateOther},
	{"47 comment continues", "# c \\\n* * * * * touch x\n", FateRuns, FateRuns, FateNone, FateRuns},
	{"48 BOM", "\xef\xbb\xbf* * * * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"49 BOM comment", "\xef\xbb\xbf# c\n* * * * * touch x\n", FateDropped, FateRuns, FateRuns, FateRuns},
	{"50 NBSP first", "\xc2\xa0* * * * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"50b form feed first", "\f* * * * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"50c NBSP between", "*\xc2\xa0* * * * touch x\n", FateDropped, FateLost, FateLost, FateLost},
	{"51 NUL", "* * * * * touch x\x00 junk\n", FateDropped, FateOther, FateOther, FateOther},
	{"52 998 bytes", "* * * * * touch x" + strings.Repeat("y", 998-7) + "\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"52b 999 bytes", "* * * * * touch x" + strings.Repeat("y", 999-7) + "\n", FateDropped, FateRuns, FateRuns, FateRuns},
	{"53 140000 bytes", "* * * * * touch x" + strings.Repeat("y", 140000) + "\n", FateDropped, FateOther, FateRuns, FateOther},
	{"54 long value", "FOO='" + strings.Repeat("x", 1500) + "'\n* * * * * touch x\n", FateDropped, FateRuns, FateRuns, FateRuns}, // its closing quote is behind the cut
	{"54b long value without quotes", "FOO=" + strings.Repeat("x", 1500) + "\n* * * * * touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"55 comment flood", strings.Repeat("# flood\n", 10100) + "* * * * * touch x\n", FateDropped, FateDropped, FateRuns, FateLost},
	{"56 export", "export FOO=bar\n* * * * * touch x\n", FateDropped, FateRuns, FateRuns, FateRuns},
	{"56b unclosed quote", "FOO=\"abc\n* * * * * touch x\n", FateDropped, FateRuns, FateRuns, FateRuns},
	{"56c text behind the quote", "FOO=\"a\"b\n* * * * * touch x\n", FateDropped, FateRuns, FateRuns, FateRuns},
	{"57 empty value, Debian 12", "MAILTO=\n* * * * * touch x\n", FateDropped, FateRuns, FateRuns, FateRuns},
	{"58 quoted name", "\"FOO 7\"=x\n* * * * * touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"60 SHELL=nologin", "SHELL=/usr/sbin/nologin\n* * * * * touch x\n", FateNever, FateNever, FateNever, FateRuns},
	{"61 TZ", "TZ=JST-9\n* 3 * * * touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"62 CRON_TZ", "CRON_TZ=JST-9\n* 3 * * * touch x\n", FateRuns, FateRuns, FateRuns, FateRuns},
	{"63 escapes", "* * * * * touch x\x1b[2K\x1b[1A\n", FateOther, FateOther, FateOther, FateOther},
	{"64 CR hides", "* * * * * touch x;true;\r# harmless\n", FateRuns, FateRuns, FateOther, FateRuns},
}

// asked returns the fate of the one line of a table that is not the good one.
func asked(t *Table) Fate {
	fate := FateNone
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.Raw == good {
			continue
		}
		if e.Job != nil {
			return e.Job.Fate
		}
		if e.Kind == EntryBad && fate == FateNone {
			fate = e.Fate
		}
	}
	return fate
}

func TestRows(t *testing.T) {
	for _, r := range rows {
		for _, c := range []struct {
			d    Daemon
			want Fate
		}{{Debian, r.debia}, {Cronie, r.cron}, {Busybox, r.busy}, {Dcron, r.dcron}} {
			t.Run(r.name+"/"+c.d.String(), func(t *testing.T) {
				table := r.table
				if !strings.Contains(table, good) && strings.HasSuffix(table, "\n") {
					table += good
				}
				o := Options{User: "backup"}
				if c.d == Debian {
					o.Version = "3.0pl1-162"
				}
				got := ParseTable([]byte(table), User, c.d, o)
				if string(got.Bytes()) != table {
					t.Errorf("printing it gives other bytes")
				}
				if f := asked(got); f != c.want {
					t.Errorf("fate %v, want %v", f, c.want)
					for i, e := range got.Entries {
						if i < 8 {
							t.Logf("%v %q %v %s", e.Kind, clip(e.Raw, 60), e.Fate, e.Reason)
						}
					}
				}
				// The good line dies exactly where the whole file does.
				if strings.HasPrefix(r.name, "55 ") || strings.HasPrefix(r.name, "60 ") {
					return // a bound and a setting that reach it too
				}
				for i := range got.Entries {
					if e := &got.Entries[i]; e.Raw == good && e.Job != nil && e.Job.Runs() == got.Dropped {
						t.Errorf("the good line: fate %v, file dropped %v", e.Job.Fate, got.Dropped)
					}
				}
			})
		}
	}
}

func TestSystemTables(t *testing.T) {
	accounts := func(name string) (bool, bool) { return name == "root" || name == "bob", true }
	for _, c := range []struct {
		name   string
		table  string
		debian Fate
		cronie Fate
	}{
		{"a user", "* * * * * bob touch x\n", FateRuns, FateRuns},
		{"69 bad line in the middle", "61 * * * * root touch x\n", FateDropped, FateLost},
		{"70 user column forgotten", "* * * * * touch x\n", FateDropped, FateNever},
		{"a number", "* * * * * 0 touch x\n", FateDropped, FateNever},
		{"user and group", "* * * * * root:root touch x\n", FateDropped, FateNever},
		{"24 dash first", "-* * * * * root touch x\n", FateDropped, FateRuns},
		{"no command", "* * * * * root\n", FateDropped, FateLost},
		{"nickname", "@daily bob touch x\n", FateRuns, FateRuns},
	} {
		for _, d := range []Daemon{Debian, Cronie} {
			t.Run(c.name+"/"+d.String(), func(t *testing.T) {
				want := c.debian
				if d == Cronie {
					want = c.cronie
				}
				tab := ParseTable([]byte("1 2 3 4 5 root good\n"+c.table), System, d, Options{Account: accounts})
				e := tab.Entries[1]
				if e.Fate != want {
					t.Errorf("%v (%s), want %v", e.Fate, e.Reason, want)
				}
				if first := tab.Entries[0].Job; first.Runs() == tab.Dropped || first.User != "root" || first.Command != "good" {
					t.Errorf("the good line: %+v", first)
				}
			})
		}
	}
	if n := ParseTable([]byte("1 2 3 4 5 root a\n61 2 3 4 5 root b\n"), System, Debian, Options{}).Lost(); n != 2 {
		t.Errorf("%d lines lost, want 2", n)
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		raw, command, stdin string
		has, collapse       bool
	}{
		{"a b", "a b", "", false, false}, {"cat%l1%l2", "cat", "l1\nl2", true, false}, {`a\%b`, "a%b", "", false, false},
		{`a\%b%c\%d`, "a%b", "c%d", true, false}, {"%", "", "", true, false},
		// An escaped backslash escapes no percent sign; Debian's cron makes it one.
		{`a\\%b`, `a\\`, "b", true, false}, {`a\\%b`, `a\`, "b", true, true}, {`a\\\%b`, `a\\%b`, "", false, false}, {`a\\\%b`, `a\%b`, "", false, true},
		{`'a\\b' 'c\d'`, `'a\\b' 'c\d'`, "", false, false}, {`'a\\b' 'c\d'`, `'a\b' 'c\d'`, "", false, true}, {`a%i\\n\%`, "a", `i\\n%`, true, true}, {`a\`, `a\`, "", false, true},
	} {
		command, stdin, has := splitPercent(c.raw, c.collapse)
		if command != c.command || stdin != c.stdin || has != c.has {
			t.Errorf("%q: %q %q %v", c.raw, command, stdin, has)
		}
	}
}

// busybox hands its own PATH to jobs; a table's is ignored.
func TestBusyboxIgnoresPath(t *testing.T) {
	table := ParseTable([]byte("PATH=/tmp\nSHELL=/bin/ash\n* * * * * x\n"), User, Busybox, Options{})
	if e := table.Entries[0]; e.Kind != EntryIgnored {
		t.Errorf("PATH= is %v", e.Kind)
	}
	if env := table.Jobs()[0].Env; env.Lookup("PATH") != nil || env.Get("SHELL") != "/bin/ash" {
		t.Errorf("environment %v", env.Map())
	}
}

func TestSettings(t *testing.T) {
	const text = "A=1\nB = 'two words ' \nA=\"3\"\n1 2 3 4 5 x\nC=4\n"
	j := ParseTable([]byte(text), User, Cronie, Options{}).Jobs()[0]
	if got := j.Env.Map(); len(got) != 2 || got["A"] != "3" || got["B"] != "two words " {
		t.Errorf("%v", got)
	}
	if j := ParseTable([]byte(text), User, Debian, Options{}).Jobs()[0]; j.Env.Get("B") != "two words" {
		t.Errorf("Debian trims inside the quotes: %q", j.Env.Get("B"))
	}
}

func TestKills(t *testing.T) {
	for _, c := range []struct {
		name, table string
		d           Daemon
		o           Options
	}{
		{"zero step", "*/0 * * * * x\n", SystemdCron, Options{}},
		{"nickname in Debian's busybox", "@daily x\n", Busybox, Options{NoNicks: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := ParseTable([]byte("1 2 3 4 5 y\n"+c.table), User, c.d, c.o)
			if !tab.Kills || tab.Line != 2 || tab.Entries[0].Job.Fate != FateKills {
				t.Errorf("%+v", tab)
			}
		})
	}
}

// A huge table is bounded and still printed whole.
func TestHugeTable(t *testing.T) {
	text := strings.Repeat("* * * * * x\n", maxEntries+10)
	tab := ParseTable([]byte(text), User, Busybox, Options{User: "root"})
	if len(tab.Entries) != maxEntries+1 || tab.Entries[maxEntries].Kind != EntryRest {
		t.Errorf("%d entries", len(tab.Entries))
	}
	if string(tab.Bytes()) != text {
		t.Error("printed differently")
	}
}

// Printing returns what was parsed; entries follow each other without a gap;
// lines count the newlines; jobs of a refused file do not run.
func FuzzTable(f *testing.F) {
	for _, r := range rows {
		if len(r.table) < 2000 {
			f.Add([]byte(r.table), uint8(0), false)
			f.Add([]byte(r.table), uint8(1), true)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, d uint8, system bool) {
		form := User
		if system {
			form = System
		}
		tab := ParseTable(data, form, Daemon(d%5), Options{User: "u"})
		if string(tab.Bytes()) != string(data) {
			t.Fatalf("%q printed as %q", data, tab.Bytes())
		}
		pos := 0
		for i := range tab.Entries {
			e := &tab.Entries[i]
			if e.Pos != pos || e.End-e.Pos != len(e.Raw) || e.Line != 1+strings.Count(string(data[:pos]), "\n") {
				t.Fatalf("entry %d at %d, line %d: %+v", i, pos, e.Line, e)
			}
			pos = e.End
			if (e.Kind == EntryJob) != (e.Job != nil) {
				t.Fatalf("entry %+v", e)
			}
			if e.Job != nil && (tab.Dropped && e.Job.Runs() || e.Job.Runs() && e.Job.Schedule.Never() || !e.Job.Runs() && e.Job.Reason == "") {
				t.Fatalf("job %+v in a table that is dropped: %v", e.Job, tab.Dropped)
			}
		}
		again := ParseAnacrontab(data, Options{})
		if string(again.Bytes()) != string(data) {
			t.Fatalf("anacrontab %q printed as %q", data, again.Bytes())
		}
		ParseTimers(data)
		ParseAt("a0000101bf8c2e", data, Options{})
		TimerJobs("x.timer", "", ParseUnit(data), ParseUnit(data), Manager{})
	})
}

// systemd-cron 2.5.1, its generator run offline.
func TestSystemdCron(t *testing.T) {
	for _, c := range []struct {
		line   string
		fate   Fate
		normal string
	}{
		{"* * * * * x", FateRuns, "* * * * *"},
		{"@minutely x", FateRuns, "* * * * *"},
		{"@REBOOT x", FateRuns, "@reboot"},
		{"@quarterly x", FateRuns, "0 0 1 1,4,7,10 *"},
		{"@foo x", FateLost, ""},
		{"* * * * mon-sun x", FateRuns, "* * * * *"},
		{"* * * * monday x", FateRuns, "* * * * 1"},
		{"* * * november * x", FateLost, ""},
		{"* * * * mon#4 x", FateOther, "* * * * 1"},
		{"59-0 * * * * x", FateLost, ""},
		{"5/10 * * * * x", FateRuns, "5 * * * *"},
		{"+1 * * * * x", FateRuns, "1 * * * *"},
		{"0~59 * * * * x", FateRuns, "* * * * * ~1"},
		{"* * * * 1-8 x", FateRuns, "* * * * *"},
		{"61 * * * * x", FateLost, ""},
		{"** * * * * x", FateLost, ""},
		{"? * * * * x", FateLost, ""},
		{"* * 1-31/2 * 2 x", FateRuns, "* * 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * 2"},
		{"*/0 * * * * x", FateKills, ""},
		{"* * * * *", FateLost, ""},
		{"* * * * * x\r", FateRuns, "* * * * *"},
	} {
		t.Run(c.line, func(t *testing.T) {
			tab := ParseTable([]byte(c.line+"\n"), User, SystemdCron, Options{})
			e := tab.Entries[0]
			if e.Fate != c.fate {
				t.Errorf("%v (%s), want %v", e.Fate, e.Reason, c.fate)
			}
			if c.normal != "" && (e.Job == nil || e.Job.Schedule.Normal() != c.normal) {
				t.Errorf("%+v, want %q", e.Job, c.normal)
			}
		})
	}
}

func TestDaemonNames(t *testing.T) {
	for d := Debian; d <= SystemdCron; d++ {
		if got, ok := ParseDaemon(d.String()); !ok || got != d {
			t.Errorf("%v is read as %v", d, got)
		}
	}
	if _, ok := ParseDaemon("vixie"); ok {
		t.Error("a daemon that is not known is read")
	}
}

// cronie's releases differ in the tilde, in what may cling to an asterisk, and in
// their bounds.
func TestCronieReleases(t *testing.T) {
	flood := strings.Repeat("# flood\n", 10100)
	for _, c := range []struct {
		line, version string
		want          Fate
	}{
		{"~ * * * * x\n", "1.5.7", FateLost}, {"~ * * * * x\n", "1.7.2", FateRuns},
		{"** * * * * x\n", "1.5.7-13.el9", FateOther}, {"** * * * * x\n", "1.7.2", FateLost},
		{"* * * * * -n x\n", "1.5.7", FateOther}, {"* * * * * -n x\n", "1.7.2", FateRuns},
		{flood + "* * * * * x\n", "1.5.2", FateRuns}, {flood + "* * * * * x\n", "1.5.7", FateDropped},
	} {
		jobs := ParseTable([]byte(c.line), User, Cronie, Options{Version: c.version}).Jobs()
		got := FateLost
		if len(jobs) == 1 {
			got = jobs[0].Fate
		}
		if got != c.want {
			t.Errorf("%q on %s: %v, want %v", clip(c.line, 30), c.version, got, c.want)
		}
	}
}

package facts_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

func TestJobsOfEveryScheduler(t *testing.T) {
	h := plainHost()
	h.text("/etc/cron.d/two", "MAILTO=x\n5 * * * * alice /usr/local/sbin/job\n")
	h.file("/var/spool/cron/crontabs/alice", "@daily job\n", 0o600, 1000, 105)
	h.text("/etc/anacrontab", "1 5 cron.daily run-parts /etc/cron.daily\n")
	h.file("/etc/cron.daily/clean", "#!/bin/sh\n", 0o755, 0, 0)
	h.dir("/etc/periodic", 0o755, 0, 0).dir("/etc/periodic/weekly", 0o755, 0, 0).file("/etc/periodic/weekly/tidy", "#!/bin/sh\n", 0o755, 0, 0)
	h.dir("/var/spool/cron/atjobs", 0o1770, 1, 1).file("/var/spool/cron/atjobs/a0000101c5d9e8", "#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail alice 0\ncd /home/alice || exit 1\n/usr/local/sbin/job\n", 0o700, 1000, 1)
	h.dir("/etc/systemd", 0o755, 0, 0).dir("/etc/systemd/system", 0o755, 0, 0)
	h.text("/etc/systemd/system/night.timer", "[Timer]\nOnCalendar=daily\n").text("/etc/systemd/system/night.service", "[Service]\nExecStart=/usr/local/sbin/job --night\n")
	f := h.facts()
	got := map[string]string{}
	for _, j := range f.Jobs {
		got[j.Path] = j.Scheduler + " " + j.User
		if !j.Runs {
			t.Errorf("%s does not run: %s", j.Path, j.Reason)
		}
	}
	want := map[string]string{
		"/etc/crontab": "crontab root", "/etc/cron.d/two": "cron.d alice", "/var/spool/cron/crontabs/alice": "spool alice",
		"/etc/anacrontab": "anacron root", "/etc/cron.daily/clean": "run-parts root", "/etc/periodic/weekly/tidy": "run-parts root",
		"/var/spool/cron/atjobs/a0000101c5d9e8": "at alice", "/etc/systemd/system/night.timer": "timer root",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestTables(t *testing.T) {
	line := "* * * * * root /usr/local/sbin/job\n"
	for name, c := range map[string]struct {
		change func(h *host)
		path   string
		runs   bool
		lost   int64
		gap    bool
	}{
		"good":                  {func(h *host) { h.text("/etc/cron.d/x", line) }, "/etc/cron.d/x", true, 0, false},
		"a name with a dot":     {func(h *host) { h.text("/etc/cron.d/x.y", line) }, "/etc/cron.d/x.y", false, 1, false},
		"not root's":            {func(h *host) { h.file("/etc/cron.d/x", line, 0o644, 1000, 1000) }, "/etc/cron.d/x", false, 1, false},
		"writable":              {func(h *host) { h.file("/etc/cron.d/x", line, 0o666, 0, 0) }, "/etc/cron.d/x", false, 1, false},
		"no newline at its end": {func(h *host) { h.text("/etc/cron.d/x", line+line[:len(line)-1]) }, "/etc/cron.d/x", false, 2, false},
		"owner not seen":        {func(h *host) { h.file("/etc/cron.d/x", line, 0o644, -1, -1) }, "/etc/cron.d/x", true, 0, true},
		"content denied":        {func(h *host) { h.meta("/etc/cron.d/x", 'f', 0o600, 0, 0).gap("/etc/cron.d/x", snapshot.GapDenied, "") }, "/etc/cron.d/x", true, 0, true},
		"content missing":       {func(h *host) { h.meta("/etc/cron.d/x", 'f', 0o600, 0, 0) }, "/etc/cron.d/x", true, 0, true},
		"cut": {func(h *host) {
			h.text("/etc/cron.d/x", line).change("/etc/cron.d/x", func(f *snapshot.File) { f.Truncated = true })
		}, "/etc/cron.d/x", true, 0, true},
		"changed while read": {func(h *host) { h.text("/etc/cron.d/x", line).gap("/etc/cron.d/x", snapshot.GapChanged, "") }, "/etc/cron.d/x", true, 0, true},
		"ignored and not read": {func(h *host) {
			h.meta("/etc/cron.d/x.y", 'f', 0o600, 0, 0).gap("/etc/cron.d/x.y", snapshot.GapDenied, "")
		}, "/etc/cron.d/x.y", false, 0, true},
		"table of nobody": {func(h *host) { h.file("/var/spool/cron/crontabs/ghost", "* * * * * x\n", 0o600, 0, 105) }, "/var/spool/cron/crontabs/ghost", false, 1, false},
		"of a directory's user": {func(h *host) {
			h.text("/etc/nsswitch.conf", "passwd: files ldap\n").file("/var/spool/cron/crontabs/ghost", "* * * * * x\n", 0o600, 0, 105)
		}, "/var/spool/cron/crontabs/ghost", true, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.change(h)
			f := h.facts()
			var got *facts.Table
			for i := range f.Tables {
				if f.Tables[i].Path == c.path {
					got = &f.Tables[i]
				}
			}
			if got == nil {
				t.Fatalf("%s is not among the tables", c.path)
			}
			if got.Runs != c.runs || got.Lost != c.lost || got.Runs == (got.Reason != "") && c.lost > 0 {
				t.Errorf("runs %v, lost %d, reason %q", got.Runs, got.Lost, got.Reason)
			}
			if gap := len(f.Gaps["tables"]) > 0; gap != c.gap {
				t.Errorf("gaps %v", f.Gaps["tables"])
			}
		})
	}
}

func TestJobsNotSeen(t *testing.T) {
	for name, change := range map[string]func(h *host){
		"the spool denied":        func(h *host) { h.gap("/var/spool/cron/crontabs", snapshot.GapDenied, "no permission to search it") },
		"all of /var denied":      func(h *host) { h.denied("/var") },
		"cron.d not listed":       func(h *host) { h.denied("/etc/cron.d") },
		"a daily script's folder": func(h *host) { h.denied("/etc/cron.daily") },
		"Alpine's folder":         func(h *host) { h.denied("/etc/periodic") },
		"at's spool denied":       func(h *host) { h.gap("/var/spool/at", snapshot.GapDenied, "") },
		"systemctl silent":        func(h *host) { h.out(snapshot.OutTimers, "") },
		"timers cut": func(h *host) {
			h.out(snapshot.OutTimers, "Id=x.timer\nLoadState=loaded\nActiveState=active\nUnit=x.service\n").gap(snapshot.OutTimers, snapshot.GapCap, "")
		},
		"timers not asked, systemd": func(h *host) { h.identity("pid1", "systemd").gap(snapshot.OutTimers, snapshot.GapMissing, "") },
		"a timer's file unread":     func(h *host) { h.meta("/etc/systemd/system/x.timer", 'f', 0o600, 0, 0) },
		"incron":                    func(h *host) { h.text("/etc/incron.d/x", "/tmp IN_MODIFY sh\n") },
		"a user's units denied":     func(h *host) { h.gap("/root/.config/systemd/user", snapshot.GapDenied, "no permission to read it") },
		"a user's timer unread":     func(h *host) { h.meta("/root/.config/systemd/user/x.timer", 'f', 0o600, 0, 0) },
		"who lingers denied":        func(h *host) { h.gap("/var/lib/systemd/linger", snapshot.GapDenied, "") },
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			change(h)
			f := h.facts(facts.Expectation{Match: "*monitor*", Written: "postern.yaml:1:1"})
			if len(f.Gaps["jobs"]) == 0 {
				t.Error("no gap")
			}
			if f.Expected[0].State != "unknown" {
				t.Errorf("the expected job is %s though it may stand in what was not read", f.Expected[0].State)
			}
		})
	}
}

func TestCronRuns(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *host)
		runs   bool
	}{
		"cron runs":                     {func(h *host) {}, true},
		"no cron runs":                  {func(h *host) { h.out(snapshot.OutDaemons, "700\tsshd\n") }, false},
		"it may run, hidden":            {func(h *host) { h.out(snapshot.OutDaemons, "700\tsshd\n").identity("pid1", "") }, true},
		"the list of daemons is cut":    {func(h *host) { h.out(snapshot.OutDaemons, "700\tsshd\n").gap(snapshot.OutDaemons, snapshot.GapCap, "") }, true},
		"a directory has no processes":  {func(h *host) { h.drop(snapshot.OutDaemons).gap(snapshot.OutDaemons, snapshot.GapSource, "") }, true},
		"bcron runs":                    {func(h *host) { h.out(snapshot.OutDaemons, "1\tbcron-start\n") }, true},
		"an executable that was denied": {func(h *host) { h.out(snapshot.OutDaemons, "700\tsshd\n").gap("/proc/700/exe", snapshot.GapDenied, "") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.change(h)
			f := h.facts()
			if j := f.Jobs[0]; j.Runs != c.runs || j.Runs == (j.Reason != "") {
				t.Errorf("runs %v: %q", j.Runs, j.Reason)
			}
		})
	}
}

// Debian's cron -l reads other names in cron.d: what runs is asked first, and where
// nothing runs what it would be started with.
func TestCronReadsByItsFlags(t *testing.T) {
	const options = "# EXTRA_OPTS=\"\"\nEXTRA_OPTS='-l' \n"
	for name, c := range map[string]struct {
		change func(h *host)
		lsb    bool
	}{
		"as it comes":    {func(h *host) { h.daemon(650, "/usr/sbin/cron", "/usr/sbin/cron\x00-f\x00", 0) }, false},
		"-l runs":        {func(h *host) { h.daemon(650, "/usr/sbin/cron", "/usr/sbin/cron\x00-f\x00-l\x00", 0) }, true},
		"-l is only set": {func(h *host) { h.text("/etc/default/cron", options) }, true},
		"-l is set, and not running": {func(h *host) {
			h.text("/etc/default/cron", options).daemon(650, "/usr/sbin/cron", "/usr/sbin/cron\x00-f\x00", 0)
		}, false},
		"a comment": {func(h *host) { h.text("/etc/default/cron", "#EXTRA_OPTS=-l\n") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().text("/etc/cron.d/org.foo-bar", "* * * * * root /bin/x\n").text("/etc/cron.d/Plain_1", "* * * * * root /bin/y\n")
			c.change(h)
			f := h.facts()
			runs := map[string]bool{}
			for _, j := range f.Jobs {
				runs[j.Path] = j.Runs
			}
			if runs["/etc/cron.d/org.foo-bar"] != c.lsb || runs["/etc/cron.d/Plain_1"] == c.lsb {
				t.Errorf("%v", runs)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(h *host)
		exists   string
		writable string // its beginning
	}{
		"root's":                 {func(h *host) {}, "yes", ""},
		"writable by all":        {func(h *host) { h.change("/usr/local/sbin/job", func(f *snapshot.File) { f.Mode = 0o757 }) }, "yes", "every account"},
		"another's":              {func(h *host) { h.change("/usr/local/sbin/job", func(f *snapshot.File) { f.UID = 1000 }) }, "yes", "account alice"},
		"of a group with others": {func(h *host) { h.change("/usr/local/sbin/job", func(f *snapshot.File) { f.Mode, f.GID = 0o775, 1000 }) }, "yes", "group alice"},
		"of a group that is not known": {func(h *host) {
			h.denied("/etc/group").change("/usr/local/sbin/job", func(f *snapshot.File) { f.Mode, f.GID = 0o775, 50 })
		}, "yes", "unknown"},
		"below a writable directory": {func(h *host) { h.change("/usr/local", func(f *snapshot.File) { f.Mode = 0o777 }) }, "yes", "every account (/usr/local)"},
		"below a sticky directory":   {func(h *host) { h.change("/usr/local", func(f *snapshot.File) { f.Mode = 0o1777 }) }, "yes", ""},
		"owner not seen":             {func(h *host) { h.change("/usr/local/sbin/job", func(f *snapshot.File) { f.UID = -1 }) }, "yes", "unknown"},
		"a directory above not seen": {func(h *host) { delete(h.files, "/usr/local") }, "yes", "unknown"},
		"gone":                       {func(h *host) { h.drop("/usr/local/sbin/job") }, "no", ""},
		"gone, anyone may put it there": {func(h *host) {
			h.drop("/usr/local/sbin/job").change("/usr/local/sbin", func(f *snapshot.File) { f.Mode = 0o1777 })
		}, "no", "every account (/usr/local/sbin)"},
		"not looked for":        {func(h *host) { h.drop("/usr/local/sbin/job", snapshot.OutTargets) }, "unknown", "unknown"},
		"looked for and denied": {func(h *host) { h.denied("/usr/local/sbin/job") }, "unknown", "unknown"},
		"a link to a writable place": {func(h *host) {
			h.drop("/usr/local/sbin/job").link("/usr/local/sbin/job", "/opt/job", "/opt/job").dir("/opt", 0o777, 0, 0).file("/opt/job", "", 0o755, 0, 0)
		}, "yes", "every account (/opt)"},
		"a link that leads nowhere seen": {func(h *host) { h.drop("/usr/local/sbin/job").link("/usr/local/sbin/job", "/opt/job", "/opt/job") }, "unknown", "unknown"},
		"a link in a circle":             {func(h *host) { h.drop("/usr/local/sbin/job").link("/usr/local/sbin/job", "job", "") }, "no", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.change(h)
			f := h.facts()
			var got *facts.Target
			for i := range f.Jobs[0].Targets {
				if strings.HasSuffix(f.Jobs[0].Targets[i].Path, "/job") {
					got = &f.Jobs[0].Targets[i]
				}
			}
			if got == nil {
				t.Fatalf("targets %+v", f.Jobs[0].Targets)
			}
			if got.Exists != c.exists || (c.writable == "") != (got.Writable == "") || !strings.HasPrefix(got.Writable, c.writable) {
				t.Errorf("exists %s, writable %q; want %s, %q", got.Exists, got.Writable, c.exists, c.writable)
			}
		})
	}
}

// TestDotSpaceDotDot: both spellings of the story's line are named, and what a
// shell really does with each.
func TestDotSpaceDotDot(t *testing.T) {
	for line, note := range map[string]string{
		"* * * * * root sh '/root/. ../update'\n":   "",
		"* * * * * root cd /root; sh . ../update\n": "two neighbouring words spell it",
		"* * * * * root sh . ../update\n":           "two neighbouring words spell it",
	} {
		h := plainHost().dir("/root/. ..", 0o755, 0, 0).file("/root/. ../update", "#!/bin/sh\n", 0o755, 0, 0).text("/etc/crontab", line)
		h.out(snapshot.OutTargets, "/root/. ../update\x00/root/../update\x00/update\x00")
		j := h.facts().Jobs[0]
		if len(j.Deceptive) == 0 || !strings.Contains(j.Deceptive[0], `". .."`) || !strings.Contains(j.Deceptive[0], "dot, space, dot, dot") ||
			!strings.Contains(j.Deceptive[0], note) {
			t.Errorf("%q: deceptive %q", line, j.Deceptive)
		}
	}
	h := plainHost().text("/etc/crontab", "* * * * * root sh . ../update\n")
	if j := h.facts().Jobs[0]; len(j.Deceptive) != 0 {
		t.Errorf("there is no such directory, yet %q", j.Deceptive)
	}
}

func TestExpected(t *testing.T) {
	for name, c := range map[string]struct {
		crontab string
		expect  facts.Expectation
		state   string
	}{
		"there":                      {"* * * * * root /opt/monitor\n", facts.Expectation{Match: "*monitor*"}, "present"},
		"gone":                       {"* * * * * root /opt/other\n", facts.Expectation{Match: "*monitor*"}, "missing"},
		"twice":                      {"* * * * * root /opt/monitor\n* * * * * root /opt/monitor\n", facts.Expectation{Match: "*monitor*"}, "duplicated"},
		"of another":                 {"* * * * * alice /opt/monitor\n", facts.Expectation{Match: "*monitor*", User: "root"}, "wrong-user"},
		"at other times":             {"*/9 * * * * root /opt/monitor\n", facts.Expectation{Line: "* * * * * root /opt/monitor"}, "wrong-times"},
		"by its line alone":          {"* * * * * root /opt/monitor\n", facts.Expectation{Line: "* * * * * root /opt/monitor"}, "present"},
		"commented out":              {"#* * * * * root /opt/monitor\n# the * * * * * root /opt/monitor of old\n", facts.Expectation{Match: "*monitor*"}, "disabled"},
		"a sentence about it":        {"# 5 minutes after the hour root ran /opt/monitor\n# see /opt/monitor\n", facts.Expectation{Match: "/opt/monitor*"}, "missing"},
		"commented out, and altered": {"#* * * * * root /opt/monitor --now\n* * * * * root /opt/monit0r --now\n", facts.Expectation{Line: "* * * * * root /opt/monitor --now"}, "altered"},
		"not quite":                  {"* * * * * root /opt/monitor -x\n", facts.Expectation{Match: "*monitor*", Line: "* * * * * root /opt/monitor"}, "altered"},
	} {
		t.Run(name, func(t *testing.T) {
			f := plainHost().text("/etc/crontab", c.crontab).facts(c.expect)
			if got := f.Expected[0].State; got != c.state {
				t.Errorf("%s, want %s", got, c.state)
			}
		})
	}
	t.Run("no daemon", func(t *testing.T) {
		f := plainHost().out(snapshot.OutDaemons, "700\tsshd\n").text("/etc/crontab", "* * * * * root /opt/monitor\n").facts(facts.Expectation{Match: "*monitor*"})
		if got := f.Expected[0].State; got != "not-running" {
			t.Errorf("%s, want not-running", got)
		}
	})
}

// Cron asks PAM whether an account may be used at all: what an expired one has in
// a table is not started, whoever's table it is.
func TestExpiredAccountRunsNothing(t *testing.T) {
	h := plainHost().text("/etc/crontab", "* * * * * alice /opt/x\n* * * * * root /opt/y\n")
	h.out(snapshot.OutShadow, "root:hash:yescrypt:20000:0:99999:7::\nalice:hash:yescrypt:20000:0:99999:7::19000\n")
	for _, j := range h.facts().Jobs {
		if want := j.User == "root"; j.Runs != want || want != (j.Reason == "") {
			t.Errorf("%s: runs %v, %q", j.User, j.Runs, j.Reason)
		}
	}
}

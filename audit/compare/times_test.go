package compare

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var day = time.Date(2026, 3, 12, 0, 30, 0, 0, time.UTC)

// at is a file whose content and inode changed at these offsets from the day.
func at(path string, role Role, m, c time.Duration) File {
	return File{Path: path, Role: role, MTime: day.Add(m), CTime: day.Add(c)}
}

const (
	ns    = 123456789 * time.Nanosecond
	month = 30 * 24 * time.Hour
)

func TestBursts(t *testing.T) {
	incident := []File{
		at("/var/spool/cron/crontabs/root", RoleTable, 0, month+ns),
		at("/root/. ../update", RoleTarget, 0, month+2*time.Hour+ns),
		at("/root/. ..", RoleFolder, 0, month+5*time.Hour+ns),
	}
	spread := []File{
		at("/var/spool/cron/crontabs/root", RoleTable, ns, ns),
		at("/root/x/update", RoleTarget, time.Hour+ns, time.Hour+ns),
		at("/root/.ssh/authorized_keys", RoleKeys, 2*time.Hour+ns, 2*time.Hour+ns),
	}
	planted := []File{
		at("/etc/cron.d/x", RoleTable, ns, ns),
		at("/usr/lib/x", RoleTarget, time.Second+ns, time.Second+ns),
		at("/etc/passwd", RoleAccount, time.Minute+ns, time.Minute+ns),
	}
	for name, c := range map[string]struct {
		files []File
		want  []string
	}{
		"one minute, by mtime":       {incident, []string{"/root/. .. /root/. ../update /var/spool/cron/crontabs/root"}},
		"hours apart":                {spread, nil},
		"two files":                  {incident[:2], nil},
		"one role":                   {[]File{at("/etc/cron.d/a", RoleTable, ns, ns), at("/etc/cron.d/b", RoleTable, ns, ns), at("/etc/cron.daily/c", RoleTable, ns, ns)}, nil},
		"one directory":              {[]File{at("/root/a", RoleTable, ns, ns), at("/root/b", RoleTarget, ns, ns), at("/root/c", RoleKeys, ns, ns)}, nil},
		"by ctime, mtimes set back":  {[]File{at("/var/spool/cron/crontabs/root", RoleTable, -month, ns), at("/opt/x/a", RoleTarget, -2*month, ns), at("/etc/passwd", RoleAccount, ns, ns)}, []string{"/etc/passwd /opt/x/a /var/spool/cron/crontabs/root"}},
		"below /etc":                 {planted, []string{"/etc/cron.d/x /etc/passwd /usr/lib/x"}},
		"during a package's upgrade": {append([]File{at("/usr/sbin/sshd", NoRole, -month, 20*time.Second+ns)}, planted...), nil},
		"an upgrade is no excuse for what no package writes": {append([]File{at("/usr/sbin/sshd", NoRole, -month, 20*time.Second+ns)}, incident...), []string{"/root/. .. /root/. ../update /var/spool/cron/crontabs/root"}},
		"what the package unpacked itself":                   {[]File{at("/etc/cron.d/a", RoleTable, -month, ns), at("/etc/pam.d/b", RoleSSH, -month, ns), at("/etc/cron.daily/c", RoleTarget, -month, ns)}, nil},
		"when the host was installed":                        {append([]File{at("/etc/ssh/ssh_host_rsa_key", RoleHostKey, 10*time.Minute+ns, 10*time.Minute+ns)}, planted...), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, b := range Bursts(c.files) {
				var paths []string
				for _, f := range b.Files {
					paths = append(paths, f.Path)
				}
				got = append(got, strings.Join(paths, " "))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An image that was unpacked bears one time everywhere: no burst.
func TestBurstOfEverything(t *testing.T) {
	var files []File
	for i := range 100 {
		files = append(files, at(fmt.Sprintf("/opt/%d/x", i), []Role{RoleTarget, RoleTable, RoleKeys}[i%3], ns, ns))
	}
	if b := Bursts(files); len(b) != 0 {
		t.Errorf("%d bursts, the first of %d files", len(b), len(b[0].Files))
	}
}

// Whatever the times are: a burst has three files and more, spans two minutes at
// most, and no two bursts begin at one event.
func TestBurstProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		var files []File
		for i := range n {
			files = append(files, at(fmt.Sprintf("/opt/%d/%d", i%4, i), []Role{RoleTarget, RoleTable, RoleKeys, RoleFolder, NoRole}[i%5],
				time.Duration(rapid.IntRange(0, 3600).Draw(t, "m"))*time.Second+1, time.Duration(rapid.IntRange(0, 3600).Draw(t, "c"))*time.Second+1))
		}
		last := time.Time{}
		for _, b := range Bursts(files) {
			if len(b.Files) < 3 || b.End.Sub(b.Start) > burstSpan || !b.Start.After(last) {
				t.Fatalf("%+v after %s", b, last)
			}
			last = b.End
		}
	})
}

func TestOddTimes(t *testing.T) {
	witness := at("/usr/bin/x", NoRole, ns, ns)
	for name, c := range map[string]struct {
		files []File
		want  []string
	}{
		"touch -d":                  {[]File{witness, at("/var/spool/cron/crontabs/root", RoleTable, 0, month+ns)}, []string{"whole-second /var/spool/cron/crontabs/root"}},
		"as written":                {[]File{witness, at("/var/spool/cron/crontabs/root", RoleTable, ns, ns)}, nil},
		"no fractions on this host": {[]File{at("/var/spool/cron/crontabs/root", RoleTable, 0, month)}, nil},
		"no fraction of the ctime":  {[]File{witness, at("/var/spool/cron/crontabs/root", RoleTable, 0, month)}, nil},
		"a package's file":          {[]File{witness, at("/etc/cron.d/x", RoleTable, 0, month+ns)}, nil},
		"touch -r":                  {[]File{witness, at("/root/x/update", RoleTarget, ns, month+ns)}, []string{"copied /root/x/update /usr/bin/x"}},
		"a copy keeps its name":     {[]File{witness, at("/root/b/x", RoleTarget, ns, month+ns)}, nil},
		"written together":          {[]File{witness, at("/root/x/update", RoleTarget, ns, ns)}, nil},
		"after the host's clock":    {[]File{witness, at("/root/x/update", RoleTarget, 3*month, ns)}, []string{"future /root/x/update"}},
		"a restored host": {[]File{witness, at("/root/x/a", RoleTarget, 0, month+ns), at("/root/x/b", RoleTarget, time.Second, month+ns), at("/root/x/c", RoleTarget, time.Hour, month+ns),
			at("/root/x/d", RoleTarget, time.Minute, month+ns)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, x := range OddTimes(c.files, day.Add(2*month)) {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", x.Kind, x.Path, x.Other)))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimeline(t *testing.T) {
	files := []File{at("/a", RoleTable, ns, ns+time.Second), at("/b", RoleKeys, -time.Hour, time.Hour), at("/c", NoRole, 0, 0), {Path: "/d", Role: RoleTarget}}
	var got []string
	for _, e := range Timeline(files) {
		got = append(got, fmt.Sprintf("%s %s %v", e.Time.Format("15:04"), e.Path, e.Content))
	}
	if diff := cmp.Diff([]string{"01:30 /b false", "00:30 /a true", "23:30 /b true"}, got); diff != "" {
		t.Error(diff)
	}
}

const header = "# DO NOT EDIT THIS FILE - edit the master and reinstall.\n# (%s installed on %s)\n# (Cron version -- $Id: crontab.c,v 2.13 1994/01/17 03:20:37 vixie Exp $)\n"

func TestOrigin(t *testing.T) {
	head := func(source string) string { return fmt.Sprintf(header, source, "Thu Mar 12 00:30:00 2026") }
	const job = "0 0 * * * x\n"
	for name, c := range map[string]struct {
		data string
		m, c time.Duration
		edit func(*SpoolTable)
		want Written
	}{
		"crontab -e":                  {head("/tmp/crontab.AbC/crontab") + job, ns, ns, nil, Written{How: OriginEditor, Source: "/tmp/crontab.AbC/crontab"}},
		"crontab -":                   {head("-") + job, ns, ns, nil, Written{How: OriginStdin, Source: "-"}},
		"crontab FILE":                {head("/root/my (old) tab") + job, ns, ns, nil, Written{How: OriginFile, Source: "/root/my (old) tab"}},
		"no header":                   {job, ns, ns, nil, Written{How: OriginDirect}},
		"a header in a later comment": {job + head("-"), ns, ns, nil, Written{How: OriginDirect}},
		"twice":                       {head("-") + head("-") + job, ns, ns, nil, Written{How: OriginCopy, Source: "-"}},
		"appended to":                 {head("-") + job, 2 * time.Hour, 2 * time.Hour, nil, Written{How: OriginStdin, Source: "-", Changed: true, Unloaded: true}},
		"set back":                    {head("-") + job, -month, ns, nil, Written{How: OriginStdin, Source: "-", SetBack: true, Later: true}},
		"the zone is not known":       {head("-") + job, -5 * time.Hour, ns, func(s *SpoolTable) { s.Zone = nil }, Written{How: OriginStdin, Source: "-", Later: true}},
		"summer's last hour":          {head("-") + job, time.Hour, time.Hour, func(s *SpoolTable) { s.DirMTime = day.Add(time.Hour) }, Written{How: OriginStdin, Source: "-"}},
		"the daemon started later":    {job, time.Minute, time.Minute, func(s *SpoolTable) { s.Started = day.Add(time.Hour) }, Written{How: OriginDirect}},
		"cronie":                      {job, ns, ns, func(s *SpoolTable) { s.Header = false }, Written{How: OriginOther}},
		"a restored table":            {job, -month, ns, func(s *SpoolTable) { s.Header = false }, Written{How: OriginOther, Later: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := SpoolTable{Data: []byte(c.data), MTime: day.Add(c.m), CTime: day.Add(c.c), DirMTime: day, Started: day.Add(-month), Zone: time.UTC, Header: true}
			if c.edit != nil {
				c.edit(&s)
			}
			got := s.Origin()
			got.Date = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRunsUnheld(t *testing.T) {
	run := func(user, command string, after time.Duration) Run {
		return Run{User: user, Command: command, From: day.Add(after), To: day.Add(after + time.Second)}
	}
	held := map[string][]string{"root": {"   cd / && run-parts --report /etc/cron.hourly", "/usr/bin/x " + strings.Repeat("a", 2000)}, "bob": {"printf 'a\tb'"}}
	runs := []Run{
		run("root", "cd / && run-parts --report /etc/cron.hourly", time.Hour),
		run("root", "/tmp/x", time.Minute), // may have been loaded still
		run("root", "/tmp/y", time.Hour),
		run("root", "/tmp/y", 2*time.Hour),
		run("bob", "printf 'a#011b'", time.Hour),
		run("bob", "/tmp/y", time.Hour),
		run("root", "/usr/bin/x "+strings.Repeat("a", 900), time.Hour),
	}
	want := []Unheld{{"bob", "/tmp/y", day.Add(time.Hour + time.Second), 1}, {"root", "/tmp/y", day.Add(2*time.Hour + time.Second), 2}}
	if diff := cmp.Diff(want, RunsUnheld(runs, held, day)); diff != "" {
		t.Error(diff)
	}
	if got := RunsUnheld(runs, nil, time.Time{}); got != nil {
		t.Errorf("without a time of the last change: %v", got)
	}
}

func TestLoggedRun(t *testing.T) {
	for name, c := range map[string]struct{ tag, message, user, command string }{
		"Debian":        {"CRON[12]", "(root) CMD (   cd / && x (y))", "root", "cd / && x (y)"},
		"cron -L 9":     {"CRON[12]", "(root) CMD ([4711] x -y)", "root", "x -y"},
		"brackets":      {"CRON[12]", "(root) CMD ([ -x /y ] && /y)", "root", "[ -x /y ] && /y"},
		"more brackets": {"CRON[12]", "(root) CMD ([4711] [12] x)", "root", "[12] x"},
		"cronie":        {"CROND[12]", "(bob) CMD (x)", "bob", "x"},
		"busybox":       {"crond[3]", "USER root pid 77 cmd run-parts /etc/periodic/15min", "root", "run-parts /etc/periodic/15min"},
		"another word":  {"CRON[12]", "(root) RELOAD (crontabs/root)", "", ""},
		"another tag":   {"sshd[1]", "(root) CMD (x)", "", ""},
		"no end":        {"CRON[12]", "(root) CMD (x", "", ""},
		"a forged user": {"CRON[12]", "(a) (b) CMD (x)", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			user, command, ok := LoggedRun(c.tag, c.message)
			if ok != (c.command != "") || ok && (user != c.user || command != c.command) {
				t.Errorf("%q %q %v", user, command, ok)
			}
		})
	}
}

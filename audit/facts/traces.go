package facts

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// fromTimes are the lists that are made of times and of how tables are written.
var fromTimes = []string{"timeline", "bursts", "odd_times", "origins"}

// maxShownPaths bounds the paths that one finding about times names.
const maxShownPaths = 20

// traces reads what times, headers and logs say. They differ from host to host,
// however alike these are set up.
func (b *builder) traces() {
	for _, g := range b.f.Gaps["jobs"] {
		for _, list := range fromTimes {
			b.addGap(list, g)
		}
		b.addGap("unheld_jobs", g)
	}
	if why, unknown := b.f.Unknown["jobs"]; unknown {
		for _, list := range append(fromTimes, "unheld_jobs") {
			b.gap(list, "", why)
		}
	}
	files, odd := b.timed()
	for _, e := range compare.Timeline(files) {
		what := "owner, mode, name or links"
		if e.Content {
			what = "content"
		}
		b.f.Timeline = append(b.f.Timeline, Moment{Time: exact(e.Time), Path: e.Path, Role: string(e.Role), What: what})
	}
	for _, x := range compare.Bursts(files) {
		b.burst(&x, odd)
	}
	clock := b.snap.HostClock
	for _, x := range compare.OddTimes(files, clock) {
		b.oddTime(&x, clock)
	}
	b.origins()
	b.unheld()
}

// exact writes a time to the nanosecond, in UTC.
func exact(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1000 || year > 9999 {
		return t.Format("2006-01-02T15:04:05.000000000Z")
	}
	hour, minute, second := t.Clock()
	b := make([]byte, 0, len("2006-01-02T15:04:05.000000000Z"))
	b = appendDigits(b, year, 4, '-')
	b = appendDigits(b, int(month), 2, '-')
	b = appendDigits(b, day, 2, 'T')
	b = appendDigits(b, hour, 2, ':')
	b = appendDigits(b, minute, 2, ':')
	b = appendDigits(b, second, 2, '.')
	return string(appendDigits(b, t.Nanosecond(), 9, 'Z'))
}

// appendDigits writes n with so many digits, and what follows it. A timeline has
// many times, and the layouts of package time cost five times as much.
func appendDigits(b []byte, n, digits int, then byte) []byte {
	at := len(b)
	for range digits {
		b = append(b, '0')
	}
	for i := at + digits - 1; i >= at; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, then)
}

// timedFiles says which files' times matter, and why.
type timedFiles struct {
	roles map[string]compare.Role
	odd   map[string]string // those that an odd job stands in or runs
	ask   []string          // that were to be looked at, in order
}

// timedFiles finds the files whose times matter. It follows from how the host is
// set up; the times themselves do not.
func (b *builder) timedFiles() timedFiles {
	roles, odd := map[string]compare.Role{}, map[string]string{}
	var ask []string
	for i := range b.f.Files {
		f := &b.f.Files[i]
		switch f.Role {
		case "sshd-config", "pam":
			roles[f.Path] = compare.RoleSSH
		case "host-key":
			roles[f.Path] = compare.RoleHostKey
		case "authorized-keys":
			roles[f.Path] = compare.RoleKeys
		case "cron-table":
			roles[f.Path] = compare.RoleTable
		}
	}
	for _, p := range []string{"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"} {
		roles[p] = compare.RoleAccount
	}
	roles["/etc/ld.so.preload"] = compare.RolePreload
	homes := map[string]bool{"/": true, "/root": true, "/tmp": true, "/opt": true, "/srv": true, "/usr/local/bin": true, "/usr/local/sbin": true}
	for i := range b.f.Accounts {
		homes[b.f.Accounts[i].Home] = true
	}
	for i := range b.f.Jobs {
		j := &b.f.Jobs[i]
		why := ""
		if len(j.Deceptive) > 0 || j.Severity == "medium" || j.Severity == "high" || j.Severity == "critical" {
			why = fmt.Sprintf("an odd job of %s stands at %s:%d", j.User, cron.Quote(j.Path), j.Line)
			odd[j.Path] = why
		}
		if roles[j.Path] == compare.NoRole && j.Scheduler != string(cron.SchedTimer) {
			roles[j.Path] = compare.RoleTable
		}
		targets := make([]string, 0, len(j.Targets))
		for k := range j.Targets {
			switch t := &j.Targets[k]; {
			case t.Exists == "yes":
				targets = append(targets, t.Path)
			case t.Exists == "unknown" && strings.HasPrefix(t.Path, "/"):
				ask = append(ask, t.Path)
			}
		}
		if i < len(b.analyses) && b.analyses[i] != nil {
			// What two words of a line spell, and is there, came with the line.
			for _, x := range b.analyses[i].Joined {
				if b.look(x.Path).Exists {
					targets = append(targets, x.Path)
				}
			}
		}
		for _, p := range targets {
			if roles[p] == compare.NoRole {
				roles[p] = compare.RoleTarget
			}
			dir := path.Dir(p)
			if compare.Unpackaged(p) && !homes[dir] && roles[dir] == compare.NoRole {
				roles[dir] = compare.RoleFolder
			}
			if why != "" {
				odd[p] = "an odd job runs or spells it, " + cron.Quote(j.Path) + fmt.Sprintf(":%d", j.Line)
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(roles)) {
		if roles[p] != compare.RoleHostKey {
			ask = append(ask, p)
		}
	}
	return timedFiles{roles, odd, ask}
}

// timed gives the files of the snapshot with their times.
func (b *builder) timed() (files []compare.File, odd map[string]string) {
	for _, p := range b.times.ask {
		b.untimed(p)
	}
	files = make([]compare.File, 0, len(b.snap.Files))
	for i := range b.snap.Files {
		f := &b.snap.Files[i]
		if f.Type == 0 || f.Type == 'l' || moves(f.Path) {
			continue
		}
		files = append(files, compare.File{Path: f.Path, Role: b.times.roles[f.Path], Dir: f.Type == 'd', Inode: f.Inode, MTime: f.MTime, CTime: f.CTime})
	}
	return files, b.times.odd
}

// untimed says that the lists about times lack a file that was to be looked at.
func (b *builder) untimed(p string) {
	if f := b.fs.resolve(p); f != nil && f.Type != 0 && !f.MTime.IsZero() {
		return
	}
	for _, list := range []string{"bursts", "odd_times", "timeline"} {
		b.gaps(list, p)
	}
}

func (b *builder) burst(x *compare.Burst, odd map[string]string) {
	out := Burst{Start: exact(x.Start), End: exact(x.End), Count: int64(len(x.Files))}
	for i := range x.Files {
		f := &x.Files[i]
		why := odd[f.Path]
		if why != "" {
			out.Odd = append(out.Odd, f.Path)
		}
		if len(out.Paths) == maxShownPaths && why == "" {
			continue
		}
		out.Paths = append(out.Paths, f.Path)
		out.Evidence = append(out.Evidence, Evidence{Path: f.Path, Text: "mtime " + exact(f.MTime) + ", ctime " + exact(f.CTime), Witness: why})
	}
	b.f.Bursts = append(b.f.Bursts, out)
}

func (b *builder) oddTime(x *compare.OddTime, clock time.Time) {
	out := OddTime{Path: x.Path, Kind: string(x.Kind), MTime: exact(x.MTime), CTime: exact(x.CTime), Other: x.Other}
	switch x.Kind {
	case compare.TimeWhole:
		out.Message = "its content claims a whole second long before its inode changed, as touch -d and unpacked archives leave it"
	case compare.TimeCopied:
		out.Message = "its content claims exactly the time of " + cron.Quote(x.Other) + ", as touch -r leaves it"
	case compare.TimeFuture:
		out.Message = "it changed after the host's own clock, " + exact(clock)
	}
	out.Evidence = []Evidence{{Path: x.Path, Text: "mtime " + out.MTime + ", ctime " + out.CTime, Witness: out.Message}}
	b.f.OddTimes = append(b.f.OddTimes, out)
}

// origins says of each user's table how it was written.
func (b *builder) origins() {
	var loaded time.Time // the last change after which Debian's daemon reads all tables again
	later := func(p string) {
		if f := b.fs.lookup(p); f != nil && f.MTime.After(loaded) {
			loaded = f.MTime
		}
	}
	later("/etc/crontab")
	later("/etc/cron.d")
	for _, f := range b.fs.entries("/etc/cron.d") {
		later(f.Path)
	}
	started := b.cronStart()
	debian := b.in.daemon == cron.Debian
	for _, dir := range b.spoolDirs() {
		base := loaded
		if f := b.fs.resolve(dir); f != nil && f.MTime.After(base) {
			base = f.MTime
		}
		for _, f := range b.fs.entries(dir) {
			data, ok, _ := b.content(f.Path)
			if f.Type != 'f' || !ok {
				continue
			}
			t := compare.SpoolTable{Data: data, MTime: f.MTime, CTime: f.CTime, DirMTime: base, Started: started, Zone: b.zone(), Header: debian}
			w := t.Origin()
			out := TableOrigin{Path: f.Path, User: path.Base(f.Path), How: string(w.How), Source: w.Source, Date: w.Date,
				SetBack: w.SetBack, Changed: w.Changed, Later: w.Later, Unloaded: w.Unloaded}
			text := "mtime " + exact(f.MTime) + ", ctime " + exact(f.CTime)
			if w.Date != "" {
				text = "installed on " + w.Date + "; " + text
			}
			out.Message = originWords(&w)
			out.Evidence = []Evidence{{Path: f.Path, Text: text, Witness: out.Message}}
			b.f.Origins = append(b.f.Origins, out)
		}
	}
}

func originWords(w *compare.Written) string {
	var parts []string
	switch w.How {
	case compare.OriginDirect:
		parts = append(parts, "crontab(1) did not write it: its header is not there")
	case compare.OriginCopy:
		parts = append(parts, "a table was installed again with the header that it had: a copy of the spool file")
	case compare.OriginStdin:
		parts = append(parts, "crontab(1) wrote it from its standard input")
	case compare.OriginFile:
		parts = append(parts, "crontab(1) wrote it from the file "+cron.Quote(w.Source))
	case compare.OriginEditor:
		parts = append(parts, "crontab -e wrote it")
	}
	if w.SetBack {
		parts = append(parts, "its time was set back before its own header's date, "+cron.Quote(w.Date))
	}
	if w.Changed {
		parts = append(parts, "it was changed after crontab(1) had written it on "+cron.Quote(w.Date))
	}
	if w.Later {
		parts = append(parts, "its inode changed long after its content: a copy that kept its times, a restored one, or times that were set")
	}
	if w.Unloaded {
		parts = append(parts, "it changed after all that Debian's daemon looks at: an older table may still be running")
	}
	return strings.Join(parts, "; ")
}

// cronStart is when the oldest cron daemon started; zero: not known.
func (b *builder) cronStart() (at time.Time) {
	data, _ := b.output(snapshot.OutDaemons)
	lines(data, func(line string) {
		pid, kind, _ := strings.Cut(line, "\t")
		if kind = strings.TrimSpace(kind); kind != "cron" && kind != "crond" {
			return
		}
		if t := b.processStart("/proc/" + pid); !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	})
	return at
}

// unheld finds jobs that the log shows running and that no table holds.
func (b *builder) unheld() {
	data, lacks := b.output(snapshot.OutCronLog)
	if lacks != "" {
		b.gap("unheld_jobs", snapshot.OutCronLog, lacks)
		return
	}
	if len(data) == 0 {
		return
	}
	var runs []compare.Run
	for _, e := range b.log(data) {
		if user, command, ok := compare.LoggedRun(e.tag, e.message); ok {
			runs = append(runs, compare.Run{User: user, Command: command, From: e.at.from, To: e.at.to})
		}
	}
	if len(runs) == 0 || len(b.f.Gaps["jobs"]) > 0 {
		return // a job that was not read would be called one that is not there
	}
	held := map[string][]string{}
	for i := range b.f.Jobs {
		j := &b.f.Jobs[i]
		// The evidence has the command as written, behind the schedule.
		held[j.User] = append(held[j.User], j.Command)
		for _, e := range j.Evidence {
			if raw, found := strings.CutPrefix(e.Text, j.Schedule+" "); found {
				held[j.User] = append(held[j.User], raw)
			}
		}
	}
	for _, u := range compare.RunsUnheld(runs, held, b.tablesChanged()) {
		last := exact(u.Last)
		b.f.UnheldJobs = append(b.f.UnheldJobs, UnheldJob{User: u.User, Command: u.Command, Last: last, Count: int64(u.Count),
			Evidence: []Evidence{{Path: snapshot.OutCronLog, Text: "(" + u.User + ") CMD (" + u.Command + ")", Witness: fmt.Sprintf("started %d times since the tables last changed, the last time before %s", u.Count, last)}}})
	}
}

// tablesChanged is the last change of any table, or of a folder of tables.
func (b *builder) tablesChanged() (at time.Time) {
	see := func(f *snapshot.File) {
		if f == nil {
			return
		}
		for _, t := range [...]time.Time{f.MTime, f.CTime} {
			if t.After(at) {
				at = t
			}
		}
	}
	for _, dir := range append([]string{"/etc/cron.d"}, b.spoolDirs()...) {
		see(b.fs.resolve(dir))
		for _, f := range b.fs.entries(dir) {
			see(f)
		}
	}
	see(b.fs.lookup("/etc/crontab"))
	see(b.fs.lookup("/etc/anacrontab"))
	return at
}

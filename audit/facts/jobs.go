package facts

import (
	"fmt"
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Bounds of the jobs of one host, all schedulers together: a job costs about 3 KiB,
// and an answer may hold four millions. An account's table has a bound of its own, so
// that nobody keeps others' jobs out, and so have the lines that are no jobs.
const (
	maxJobs    = 100_000
	maxOwnJobs = 10_000   // of one account's table
	maxRefused = 20_000   // lines that are no jobs
	maxBadTold = 200      // of these, as evidence of one table
	maxRun     = 64 << 20 // bytes of what jobs run, which variables make longer than a line
)

// jobs reads every scheduler's tables.
func (b *builder) jobs() {
	for _, p := range []string{"/etc/crontab", "/etc/cron.d", "/etc/anacrontab", "/etc/crontabs"} {
		b.jobGaps(p)
	}
	b.table("/etc/crontab", "crontab", cron.FileEtcCrontab, cron.SchedCrontab, cron.System)
	for _, f := range b.fs.entries("/etc/cron.d") {
		if f.Type != 'd' {
			b.table(f.Path, "cron.d", cron.FileCronD, cron.SchedCronD, cron.System)
		}
	}
	for _, dir := range b.spoolDirs() {
		b.jobGaps(dir)
		for _, f := range b.fs.entries(dir) {
			if f.Type != 'd' && (dir != "/var/spool/cron" || !strings.HasPrefix(path.Base(f.Path), ".")) {
				b.table(f.Path, "spool", cron.FileSpool, cron.SchedSpool, cron.User)
			}
		}
	}
	b.anacrontab()
	for _, dir := range []string{"/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly"} {
		b.runParts(dir)
	}
	b.gaps("jobs", "/etc/periodic")
	for _, d := range b.fs.entries("/etc/periodic") {
		b.runParts(d.Path)
	}
	for _, dir := range []string{"/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"} {
		b.atJobs(dir)
	}
	b.notParsed()
	b.timers()
	b.userTimers()
	b.signs()
	b.expected()
}

// spoolDirs are the folders of users' tables that exist, each once: on Alpine one
// is a link to another.
func (b *builder) spoolDirs() []string {
	var out []string
	seen := map[string]bool{}
	for _, dir := range append([]string{"/etc/crontabs"}, spools...) {
		real := dir
		if f := b.fs.resolve(dir); f != nil {
			real = f.Path
		}
		if !seen[real] {
			seen[real] = true
			out = append(out, dir)
		}
	}
	return out
}

// notParsed names schedulers whose tables are there and that this release does
// not read.
func (b *builder) notParsed() {
	for _, x := range []struct{ dir, what string }{
		{"/etc/incron.d", "tables of incron"}, {"/var/spool/incron", "tables of incron"},
		{"/var/spool/fcron", "tables of fcron"},
	} {
		b.gaps("jobs", x.dir)
		if len(b.fs.entries(x.dir)) > 0 {
			b.gap("jobs", x.dir, x.what+" are not read by this release")
		}
	}
}

func (b *builder) jobGaps(p string) {
	b.gaps("jobs", p)
	b.gaps("tables", p)
}

// table reads one table of cron.
func (b *builder) table(p, kind string, fileKind cron.FileKind, sched cron.Scheduler, form cron.Form) {
	f := b.fs.lookup(p)
	if f == nil {
		return
	}
	name := path.Base(p)
	t := Table{Path: p, Kind: kind, Runs: true}
	opt := cron.Options{Path: p, Scheduler: sched, Version: b.in.daemonVersion, Account: b.account, Look: b.look}
	if form == cron.User {
		t.User, opt.User = name, name
	}
	t.Evidence = []Evidence{{Path: p, Text: b.ownerMode(f)}}
	read, why := cron.FileVerdict(fileKind, name, b.meta(f, name), b.in.daemon)
	if read == cron.No {
		t.Runs, t.Reason = false, why
	}
	if read == cron.Unknown {
		b.gap("tables", p, why)
	}
	data, ok, lacks := b.content(p)
	if lacks != "" {
		// What the daemon does not read today it reads when somebody mends the
		// file: its jobs count as jobs, so they are missed as jobs.
		b.mayLack(p, lacks, "jobs", "tables")
	}
	if !ok {
		if f.Type == 'f' || read == cron.No {
			b.f.Tables = append(b.f.Tables, t)
		}
		return
	}
	if b.enough(p) {
		b.f.Tables = append(b.f.Tables, t)
		return
	}
	parsed := cron.ParseTable(data, form, b.in.daemon, opt)
	if t.Runs && (parsed.Dropped || parsed.Kills) {
		t.Runs, t.Reason = false, parsed.Reason
	}
	jobs := parsed.Jobs()
	for i := range parsed.Entries {
		e := &parsed.Entries[i]
		if e.Kind == cron.EntryBad && e.Fate != cron.FateNone {
			if t.Reason == "" {
				t.Reason = e.Reason
			}
			b.badLine(&t, e, strings.TrimRight(e.Raw, "\r\n"), e.Job == nil, string(sched))
		}
	}
	t.Lost = int64(parsed.Lost())
	for i := 0; i < len(jobs) && t.Lost > 0 && t.Reason == ""; i++ {
		if !jobs[i].Runs() {
			t.Reason = jobs[i].Reason
		}
	}
	if !t.Runs && t.Lost == 0 {
		t.Lost = int64(len(jobs))
	}
	b.f.Tables = append(b.f.Tables, t)
	if form == cron.User && len(jobs) > maxOwnJobs {
		b.gap("jobs", p, fmt.Sprintf("it has %d jobs, and no more than %d of one account are looked at", len(jobs), maxOwnJobs))
		jobs = jobs[:maxOwnJobs]
	}
	for _, j := range jobs {
		b.job(j, t.Runs, t.Reason, string(sched))
	}
}

// badLine tells of a line that its daemon refuses; listed: it is no job either.
func (b *builder) badLine(t *Table, e *cron.Entry, text string, listed bool, scheduler string) {
	if len(t.Evidence) <= maxBadTold {
		t.Evidence = append(t.Evidence, Evidence{Path: t.Path, Line: e.Line, Text: text, Witness: e.Reason})
	}
	switch {
	case !listed:
	case len(b.refused) < maxRefused:
		b.refused = append(b.refused, refused{e, t.Path, t.User, scheduler})
	case len(b.refused) == maxRefused:
		b.gap("jobs", t.Path, fmt.Sprintf("no more than %d lines that are no jobs are looked at: what is here and in the tables after it is not listed", maxRefused))
		b.refused = append(b.refused, refused{e, t.Path, t.User, scheduler})
	}
}

// enough reports whether more jobs than are looked at have come, and says once where.
func (b *builder) enough(p string) bool {
	if len(b.f.Jobs) < maxJobs && b.run < maxRun {
		return false
	}
	if !b.jobsCut {
		b.jobsCut = true
		b.gap("jobs", p, fmt.Sprintf("no more than %d jobs of a host are looked at, and no more than %d bytes of what they run: others here and in the tables after it are not", maxJobs, maxRun))
	}
	return true
}

func (b *builder) ownerMode(f *snapshot.File) string {
	return fmt.Sprintf("%s %s:%s", modeText(f.Mode), b.userName(f.UID), b.groupName(f.GID))
}

// meta is what a daemon looks at before it reads a file.
func (b *builder) meta(f *snapshot.File, name string) cron.FileMeta {
	m := cron.FileMeta{Type: f.Type, Mode: f.Mode, UID: f.UID, LinkUID: -1, Links: f.Links, Flags: b.in.cronFlags}
	if f.Type == 'l' {
		m.LinkUID = f.UID
		m.UID = -1
		if end := b.fs.resolve(f.Path); end != nil && end.Type != 'l' {
			m.TargetType, m.Mode, m.UID, m.Links = end.Type, end.Mode, end.UID, end.Links
		}
	}
	switch exists, known := b.account(name); {
	case !known:
	case exists:
		m.Account = cron.Yes
	default:
		m.Account = cron.No
	}
	if a, ok := b.byName[name]; ok && a.UID == m.UID {
		m.OwnerIsUser = true
	}
	return m
}

// account reports whether an account exists, and whether that is known: other
// sources than /etc/passwd may know accounts that it does not.
func (b *builder) account(name string) (exists, known bool) {
	if _, ok := b.byName[name]; ok {
		return true, true
	}
	return false, b.passwdWhole && !b.otherNSS
}

// job adds one job with what it runs and what is odd about it.
func (b *builder) job(j *cron.Job, tableRuns bool, tableReason, scheduler string) {
	if b.enough(j.Path) {
		return
	}
	set, whole := b.envRead.of(j.Env)
	if !whole {
		b.gap("jobs", j.Path, "more settings above its jobs than were looked at")
	}
	out := Job{
		Scheduler: scheduler, Path: j.Path, Line: int64(j.Line), User: j.User,
		Schedule: j.Schedule.Text, Command: j.Command, Environment: set,
		Runs: j.Runs() && tableRuns, Reason: j.Reason,
		Evidence: []Evidence{{Path: j.Path, Line: j.Line, Text: shown(j)}},
	}
	if !tableRuns && (j.Fate != cron.FateDropped || j.Reason == "") { // else it names the line that drops the table
		out.Reason = tableReason
	}
	if out.Runs && b.in.cronRuns == no && scheduler != string(cron.SchedTimer) && scheduler != string(cron.SchedAt) {
		out.Runs, out.Reason = false, "no cron daemon is running"
	}
	if out.Runs && (b.in.daemon == cron.Debian || b.in.daemon == cron.Cronie) && byCron[scheduler] && b.expired(j.User) {
		out.Runs, out.Reason = false, "the account has expired: PAM lets cron start nothing for it"
	}
	if !out.Runs && j.Fate.Runs() {
		j.Fate = cron.FateNever // expectations are met by what runs
	}
	home, uid := "", int64(-1)
	if a, ok := b.byName[j.User]; ok {
		home, uid = a.Home, a.UID
	} else if j.User == "root" {
		home, uid = "/root", 0
	}
	form := compare.FormIn(j, out.Environment)
	out.Form = &form
	an := j.ResolveWith(home, b.in.daemon, b.homeOf)
	b.run += an.Size()
	for i := range an.Targets {
		out.Targets = append(out.Targets, b.target(an, &an.Targets[i], uid))
	}
	out.Deceptive = b.deceptive(an)
	b.f.Jobs = append(b.f.Jobs, out)
	b.cronJobs = append(b.cronJobs, j)
	b.analyses = append(b.analyses, an)
	b.jobUIDs = append(b.jobUIDs, uid)
}

// homeOf gives the home of an account; "" it is not known.
func (b *builder) homeOf(user string) string {
	if a, ok := b.byName[user]; ok {
		return a.Home
	}
	return ""
}

// byCron are the schedulers whose jobs cron itself starts, by way of PAM.
var byCron = map[string]bool{string(cron.SchedSpool): true, string(cron.SchedCrontab): true, string(cron.SchedCronD): true}

// expired reports an account that is known to have expired. A locked one, or one
// without a shell, has its jobs run (seen on Debian 11 to 13 and cronie).
func (b *builder) expired(user string) bool {
	a := b.byName[user]
	return a != nil && a.Expire != account.Never && a.Expire > 0 && b.today() >= a.Expire
}

// signs judges every job beside its neighbours.
func (b *builder) signs() {
	near := cron.NewNeighbours(b.cronJobs, b.analyses)
	for i, j := range b.cronJobs {
		c := cron.SignContext{Daemon: b.in.daemon, UID: b.jobUIDs[i], Look: b.look, Near: near}
		found := cron.Signs(j, b.analyses[i], c)
		if len(found) > 0 {
			b.f.Jobs[i].Signs = factSigns(found)
		}
		b.f.Jobs[i].Severity = cron.Severity(found).String()
	}
}

// shown is a job's line as a person would find it.
func shown(j *cron.Job) string {
	text := j.Schedule.Text
	if j.Raw != "" {
		text += " " + j.Raw
	} else {
		text += " " + j.Command
	}
	return strings.TrimSpace(text)
}

// target looks at a file that a job runs.
func (b *builder) target(an *cron.Analysis, t *cron.Target, uid int64) Target {
	out := Target{Path: t.Path, Exists: "unknown", Writable: "unknown"}
	if out.Path == "" {
		out.Path = t.Word
	}
	candidates := an.Candidates(t)
	allKnown := len(candidates) > 0
	first := "" // who may put a file where a bare name is looked for before it is found
	for _, c := range candidates {
		info := b.look(c)
		if !info.Known && t.SetPath != "" {
			break // it may be there, and comes first
		}
		if info.Exists {
			out.Path, out.Exists = c, "yes"
			out.Owner, out.Mode = b.userName(info.UID), modeText(info.Mode)
			break
		}
		allKnown = allKnown && info.Known
		if t.Search && !t.May && first == "" {
			first = b.putters(c, uid)
		}
	}
	if t.SetPath != "" && out.Exists != "yes" {
		for _, c := range candidates {
			allKnown = allKnown && b.look(c).Known
		}
	}
	// Of a name that is known in part, or of one of several, nothing follows from its
	// absence.
	if out.Exists != "yes" && allKnown && t.Reason == "" && !t.May {
		out.Exists = "no"
	}
	switch {
	case first != "":
		out.Writable = first
	case out.Exists == "no" && t.Search:
		out.Writable = ""
	case out.Exists != "unknown":
		if who, known := b.writers(out.Path, uid); who != "" || known {
			out.Writable = who
		}
	}
	return out
}

// putters says who beside root and the job's user may add a file to the directory
// that c is in; "" nobody who is known.
func (b *builder) putters(c string, uid int64) string {
	if !strings.HasPrefix(c, "/") {
		return ""
	}
	dir := path.Dir(c)
	key := putter{dir, uid}
	who, ok := b.putIn[key]
	if !ok {
		if who, _ = b.writers(dir, uid); who != "" && !strings.HasSuffix(who, ")") {
			who += " (" + dir + ")"
		}
		b.putIn[key] = who
	}
	if who == "" {
		return ""
	}
	return who + ", where it is looked for first"
}

// putter is a directory and the account that a job looks into it for.
type putter struct {
	dir string
	uid int64
}

// deceptive names the components on the way of a job's targets that lie to the
// eye, and the neighbouring words that spell such a name where it exists.
func (b *builder) deceptive(an *cron.Analysis) []string {
	var out []string
	seen := map[string]bool{}
	add := func(p, note string) {
		for _, text := range deceptiveIn(p, note) {
			if !seen[text] {
				seen[text] = true
				out = append(out, text)
			}
		}
	}
	for i := range an.Targets {
		if p := an.Targets[i].Path; p != "" {
			add(p, "")
		} else {
			add(an.Targets[i].Word, "")
		}
	}
	for _, j := range an.Joined {
		if info := b.look(j.Path); info.Exists {
			note := ", which exists: two neighbouring words spell it"
			if j.Broken {
				note += ", though the shell as written opens a directory and runs nothing"
			}
			add(j.Path, note)
		} else if dir := b.look(path.Dir(j.Path)); dir.Exists {
			add(path.Dir(j.Path), ", which exists: two neighbouring words spell it")
		}
	}
	return out
}

// deceptiveIn names the components of a path that lie to the eye, but for those
// that are usual enough to be judged as signs, by their severity.
func deceptiveIn(p, note string) []string {
	var out []string
	for _, d := range cron.Deceptive(p) {
		switch d.Class {
		case cron.ClassHidden, cron.ClassHiddenHome, cron.ClassDaemon, cron.ClassNear:
			continue
		}
		out = append(out, fmt.Sprintf("%s (%s) in %s%s", cron.Quote(d.Component), d.Words, cron.Quote(p), note))
	}
	return out
}

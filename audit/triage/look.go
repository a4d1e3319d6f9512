package triage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// worth is what every page begins with.
const worth = "this is the host's own word: where an intruder was root, any of it may be a lie, and what is not found proves nothing. " +
	"Where root was theirs, rebuild from what you trust rather than clean"

// worthOfTree is the same of a disk that another machine reads.
const worthOfTree = "these are files, read from elsewhere: nothing on them can hide from that, but an intruder who was root may have written any of them, " +
	"with their times and the logs, and what is not found proves nothing. Where root was theirs, rebuild from what you trust rather than clean"

// looker holds what one host is judged by.
type looker struct {
	snap *snapshot.Snapshot
	deep *snapshot.Snapshot // never nil; empty where there is no second round
	opt  facts.Options
	f    *facts.Facts
	list *facts.JobList
	out  *Host

	now     time.Time // of the host
	boot    time.Time // zero: not known
	procs   []*process
	byPID   map[int]*process
	whole   bool              // all processes and their files were seen
	owned   map[string]string // path -> package; "-": none has it
	manager string            // dpkg, rpm, apk; "" which package a file is of is not known
	conf    map[string]string // path -> MD5 as its package brought it
	digests map[string]string // path -> SHA-256
	names   map[int64]string  // accounts by uid
	starts  []start           // of jobs, by the log
	logins  []facts.LoggedLogin
	odd     map[string]string // paths of what weighs medium or more -> id
	fixed   map[string]string // paths with the attributes that keep them from change -> which
}

// start is one start of a job that a log tells of.
type start struct {
	user, command string
	at            time.Time
}

// Look judges one host. It never fails: what was not read stands in the gaps.
func Look(snap *snapshot.Snapshot, opt facts.Options) *Host {
	deep, err := snap.Deeper()
	l := &looker{snap: snap, deep: deep, opt: opt, f: facts.From(snap, opt), list: facts.WhatRuns(snap, opt),
		byPID: map[int]*process{}, owned: map[string]string{}, conf: map[string]string{}, digests: map[string]string{}, names: map[int64]string{},
		odd: map[string]string{}, fixed: map[string]string{}}
	l.out = &Host{Host: opt.Name, Worth: worth, Deeper: deep != nil, Things: []Thing{}, Timeline: []Event{}, Doors: []Door{},
		Logins: []LoginSum{}, LastRuns: []LastRun{}, Preserve: []string{}, Gaps: []facts.Gap{}}
	if snap.Source == snapshot.SourceRoot {
		l.out.Tree, l.out.Worth = true, worthOfTree
	}
	if err != nil {
		l.gap(snapshot.OutDeeper, err.Error())
	}
	if l.deep == nil {
		l.deep = &snapshot.Snapshot{}
		if err == nil {
			l.gap(snapshot.OutDeeper, "there was no second round: processes, packages' checksums, start-up files and setuid programs were not looked at")
		}
	}
	l.clock()
	l.tables()
	l.told()
	l.processes()

	l.jobs()
	l.memory()
	l.monitors()
	l.running()
	l.accounts()
	l.keys()
	l.admissions()
	l.startups()
	l.gate()
	l.units()
	l.pam()
	l.lookups()
	l.sums()
	l.setuids()
	l.logs()
	l.times()
	l.story()
	return l.out
}

// clock reads the host's time and its boot.
func (l *looker) clock() {
	if l.now = l.snap.HostClock; l.now.IsZero() {
		l.now = l.snap.Start
	}
	l.out.Looked = stamp(l.now)
	if s := number(l.snap.Identity("btime")); s > 0 && s < 1<<40 {
		l.boot = time.Unix(s, 0).UTC()
		l.out.Booted = stamp(l.boot)
	}
	for i := range l.f.Accounts {
		a := &l.f.Accounts[i]
		if _, ok := l.names[a.UID]; !ok {
			l.names[a.UID] = a.Name
		}
	}
}

// account names a uid.
func (l *looker) account(uid int64) string {
	if n, ok := l.names[uid]; ok {
		return n
	}
	if uid < 0 {
		return "?"
	}
	return fmt.Sprintf("uid %d", uid)
}

// tables reads what package managers say.
func (l *looker) tables() {
	lines(l.deep.Output(snapshot.OutOwned), func(line string) {
		pkg, p, ok := strings.Cut(line, "\t")
		switch {
		case !ok:
		case l.manager == "" && pkg == "manager":
			l.manager = p
		case strings.HasPrefix(p, "/"):
			l.owned[p] = pkg
			if pkg != "-" {
				l.owned[usrTwin(p)] = pkg
			}
		}
	})
	lines(l.deep.Output(snapshot.OutConffiles), func(line string) {
		if p, sum, ok := strings.Cut(line, " "); ok && len(sum) == 32 {
			l.conf[p] = sum
		}
	})
	lines(l.deep.Output(snapshot.OutAttributes), func(line string) {
		flags, p, ok := strings.Cut(line, " ")
		if p = strings.TrimLeft(p, " "); !ok || !strings.HasPrefix(p, "/") || len(flags) < 8 {
			return
		}
		switch {
		case strings.Contains(flags, "i"):
			l.fixed[p] = "immutable (chattr +i)"
		case strings.Contains(flags, "a"):
			l.fixed[p] = "append-only (chattr +a)"
		}
	})
	for _, name := range []string{snapshot.OutDigests, snapshot.OutSetuidSums, snapshot.OutProcDigests} {
		lines(l.deep.Output(name), func(line string) {
			if sum, p, ok := strings.Cut(line, "  "); ok && len(sum) == 64 && strings.HasPrefix(p, "/") {
				l.digests[p] = sum
			}
		})
	}
	for _, g := range l.deep.Gaps {
		if f := l.deep.Lookup(g.Path); g.Kind == snapshot.GapUnsafe && (f == nil || f.Target == "/dev/null" || f.Real == "/dev/null") && strings.Contains(g.Path, "/systemd/") {
			continue // a masked unit
		}
		if f := l.snap.Lookup(g.Path); g.Kind == snapshot.GapDenied && f != nil && f.HasContent() {
			// the second round has fewer rights below directories of others (a user's
			// table): the first one read the file
			continue
		}
		l.gap(g.Path, g.Reason)
	}
	if !l.deep.Complete && l.out.Deeper {
		l.gap("/", "the second round broke off")
	}
	if l.out.Deeper && l.deep.Output(snapshot.OutProcStat) == nil {
		l.gap("/proc", "the second round brought no processes")
	}
}

// usrTwin is the other name of a path where /bin, /sbin and /lib are links below
// /usr; packages name a file by either.
func usrTwin(p string) string {
	if rest, ok := strings.CutPrefix(p, "/usr"); ok {
		for _, d := range []string{"/bin/", "/sbin/", "/lib"} {
			if strings.HasPrefix(rest, d) {
				return rest
			}
		}
		return p
	}
	for _, d := range []string{"/bin/", "/sbin/", "/lib"} {
		if strings.HasPrefix(p, d) {
			return "/usr" + p
		}
	}
	return p
}

// ofPackage says which package has a path, "" none; known is false where that was not
// asked or cannot be told.
func (l *looker) ofPackage(p string) (pkg string, known bool) {
	pkg, known = l.owned[p]
	if pkg == "-" {
		pkg = ""
	}
	return pkg, known && l.manager != ""
}

// told reads what logs say of logins and jobs.
func (l *looker) told() {
	if o := l.snap.Output(snapshot.OutSshdLog); o != nil {
		for _, line := range facts.LogLines(l.snap, o.Data) {
			if in, ok := facts.Accepted(line); ok {
				l.logins = append(l.logins, in)
			}
		}
	}
	if o := l.snap.Output(snapshot.OutCronLog); o != nil {
		for _, line := range facts.LogLines(l.snap, o.Data) {
			if user, command, ok := facts.Started(line); ok {
				l.starts = append(l.starts, start{user, command, line.At})
			}
		}
	}
}

// file gives what is known of a path, of the later round where it was in both.
func (l *looker) file(p string) *snapshot.File {
	if f := l.deep.Lookup(p); f != nil && f.Type != 0 {
		return f
	}
	return l.snap.Lookup(p)
}

// content gives the most that was read of a file, nil where none was.
func (l *looker) content(p string) []byte {
	var best []byte
	for _, s := range []*snapshot.Snapshot{l.deep, l.snap} {
		if f := s.Lookup(p); f != nil && len(f.Content) > len(best) {
			best = f.Content
		}
	}
	return best
}

// stat is the evidence of a file's metadata.
func (l *looker) stat(p, witness string) facts.Evidence {
	e := facts.Evidence{Path: p, Witness: witness}
	f := l.file(p)
	if f == nil || f.Type == 0 {
		return e
	}
	e.Text = fmt.Sprintf("%s %04o %s, %d bytes, content changed %s, inode changed %s", kinds[f.Type], f.Mode, l.account(f.UID), f.Size, stamp(f.MTime), stamp(f.CTime))
	if f.UID < 0 {
		e.Text = ""
	}
	if sum := l.digests[p]; sum != "" {
		e.Text += ", sha256 " + sum
	}
	return e
}

var kinds = map[byte]string{'f': "file", 'd': "directory", 'l': "link", 'p': "pipe", 's': "socket", 'c': "device", 'b': "device"}

// since is the later of the times that a file shows: its inode's cannot be set by
// touch(1).
func (l *looker) since(p string) string {
	if f := l.file(p); f != nil && !f.CTime.IsZero() {
		return stamp(f.CTime)
	}
	return ""
}

func (l *looker) gap(p, reason string) {
	for i := range l.out.Gaps {
		if l.out.Gaps[i].Path == p && l.out.Gaps[i].Reason == reason {
			return
		}
	}
	if len(l.out.Gaps) < 200 {
		l.out.Gaps = append(l.out.Gaps, facts.Gap{Path: p, Reason: reason})
	}
}

// Bounds on the things of one kind: of one account, whose user may have made any number
// to push others' out, and of a host.
const (
	maxThings    = 60
	maxRoots     = 200 // of root, or of nobody in particular
	maxAllThings = 300
)

// add takes a thing over.
func (l *looker) add(t Thing, identity ...string) *Thing {
	n, all := 0, 0
	lightest, lightestOfAll := -1, -1
	lighter := func(i, than int) bool {
		s := levels[l.out.Things[i].Severity]
		return s < levels[t.Severity] && (than < 0 || s < levels[l.out.Things[than].Severity])
	}
	for i := range l.out.Things {
		if x := &l.out.Things[i]; x.Kind == t.Kind {
			if all++; lighter(i, lightestOfAll) {
				lightestOfAll = i
			}
			if x.Whose == t.Whose {
				if n++; lighter(i, lightest) {
					lightest = i
				}
			}
		}
	}
	bound := maxThings
	if t.Whose == "" || t.Whose == "root" {
		bound = maxRoots
	}
	if n >= bound || all >= maxAllThings {
		most, whose := maxAllThings, ""
		if n >= bound {
			if most = bound; t.Whose != "" {
				whose = " of " + t.Whose
			}
		}
		l.gap(t.Kind, fmt.Sprintf("more than %d things of this kind%s; the rest, the lightest, is left out", most, whose))
		// Many light ones push no heavy one out.
		if n < bound {
			lightest = lightestOfAll
		}
		if lightest < 0 {
			return &Thing{}
		}
		l.out.Things = slices.Delete(l.out.Things, lightest, lightest+1)
	}
	t.ID = id(l.out.Host, t.Kind, identity...)
	for again := 2; ; again++ {
		taken := false
		for i := range l.out.Things {
			taken = taken || l.out.Things[i].ID == t.ID
		}
		if !taken {
			break
		}
		t.ID = id(l.out.Host, t.Kind, append(identity, fmt.Sprint(again))...)
	}
	t.Key = strings.Join(identity, "\x00")
	for _, p := range t.Files {
		if how := l.fixed[p]; how != "" && len(t.Why) < 40 {
			t.Why = append(t.Why, cron.Quote(p)+" is "+how+": nobody changes or deletes it before that is taken off")
			t.Severity = heavier(t.Severity, "low")
			t.Attack = append(t.Attack, "T1222.002")
		}
	}
	if t.Why == nil {
		t.Why = []string{}
	}
	if t.Attack == nil {
		t.Attack = []string{}
	}
	if t.Evidence == nil {
		t.Evidence = []facts.Evidence{}
	}
	if t.Files == nil {
		t.Files = []string{}
	}
	if t.Actions == nil {
		t.Actions = []Action{}
	}
	if levels[t.Severity] >= levels["medium"] {
		for _, p := range t.Files {
			if l.odd[p] == "" {
				l.odd[p] = t.ID
			}
		}
	}
	l.out.Things = append(l.out.Things, t)
	return &l.out.Things[len(l.out.Things)-1]
}

// lines calls f for each line of an output without its newline.
func lines(o *snapshot.Output, f func(string)) {
	if o == nil {
		return
	}
	for line := range strings.Lines(string(o.Data)) {
		f(strings.TrimSuffix(line, "\n"))
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// number reads a decimal number; -1 is none.
func number(s string) int64 {
	var n int64
	if s == "" || len(s) > 18 {
		return -1
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n
}

package triage

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// jobs names the odd jobs, what they run, and those that are asleep and armed.
func (l *looker) jobs() {
	for _, g := range l.list.Gaps {
		l.gap(either(g.Path, "jobs"), g.Reason)
	}
	for i := range l.list.Jobs {
		j := &l.list.Jobs[i]
		severity := j.Severity
		if len(j.Deceptive) > 0 {
			severity = heavier(severity, "high")
		}
		var why, attack, files []string
		for _, d := range j.Deceptive {
			why = append(why, "a name on its way lies: "+d)
		}
		for _, s := range j.Signs {
			if levels[s.Severity] >= levels["low"] {
				why = append(why, s.Message)
				attack = append(attack, s.Attack...)
			}
		}
		evidence := []facts.Evidence{{Path: j.Path, Line: int(j.Line), Text: strings.TrimSpace(j.Schedule + " " + j.Command)}}
		since := ""
		files = append(files, j.Path)
		for k := range j.Targets {
			t := &j.Targets[k]
			if t.Exists != "yes" {
				continue
			}
			if pkg, known := l.ofPackage(t.Path); known && pkg != "" {
				continue
			}
			own := compare.Unpackaged(t.Path) || l.manager != ""
			if own && t.Type == "file" {
				files = append(files, t.Path)
				evidence = append(evidence, l.stat(t.Path, "what it runs: "+either(t.Kind, "a file")))
				if s, text := l.inside(t.Path, j.User); levels[s] >= levels["medium"] {
					severity = heavier(severity, s)
					why = append(why, text...)
				} else if levels[severity] >= levels["medium"] {
					evidence = append(evidence, l.beginning(t.Path)...)
				}
				since = earlier(since, l.since(t.Path))
			}
		}
		asleep, guards := l.dormant(j)
		why = append(why, asleep...)
		for _, g := range guards {
			files = append(files, g)
			evidence = append(evidence, l.stat(g, "the number in it: "+cron.Quote(strings.TrimSpace(string(clipBytes(l.content(g), 20))))))
		}
		if j.Scheduler == string(cron.SchedAt) && j.Runs {
			severity = heavier(severity, "low")
			why = append(why, "a job of at waits to run once")
			attack = append(attack, "T1053.002")
		}
		fixed := false // somebody keeps it from change
		for _, p := range files {
			fixed = fixed || l.fixed[p] != ""
		}
		nobody := false
		if a := l.accountNamed(j.User); a != nil && a.UID != 0 && (static(a.UID) || !a.LoginShell) && userTable(j.Path) {
			nobody = true
			why = append(why, fmt.Sprintf("its table is that of an account of the system (uid %d, shell %s): packages put their jobs elsewhere", a.UID, a.Shell))
		}
		told := len(asleep) > 0 || fixed || nobody || j.Scheduler == string(cron.SchedAt)
		if told && levels[severity] < levels["low"] {
			severity = "low"
		}
		if levels[severity] < levels["low"] || levels[severity] == levels["low"] && !told {
			continue
		}
		if levels[severity] >= levels["medium"] {
			why = append(why, l.written(j.Path)...)
		}
		since = earlier(since, l.since(j.Path))
		returns := ""
		if j.Runs {
			returns = "its scheduler starts it again after a reboot: " + either(j.Words, j.Schedule)
			if len(j.Next) > 0 {
				returns += ", next " + j.Next[0]
			}
		} else {
			why = append(why, "it does not run now: "+j.Reason)
		}
		title := "job " + place(j.Path, j.Line) + " as " + either(j.User, "?") + ": " + cron.Quote(clip(j.Command, 200))
		if len(asleep) > 0 {
			title = "dormant but armed: " + title
		}
		slices.Sort(attack)
		l.add(Thing{Kind: KindJob, Whose: j.User, Severity: severity, Title: title, Why: why, Attack: slices.Compact(attack), Since: since, Returns: returns, Evidence: evidence,
			Files: files, Actions: l.jobActions(j)}, j.Path, j.User, j.Command)
	}
}

// userTable reports a table that crontab(1) keeps for one account.
func userTable(p string) bool {
	for _, d := range []string{"/var/spool/cron/", "/etc/crontabs/"} {
		if strings.HasPrefix(p, d) && !strings.Contains(p, "/atjobs/") {
			return true
		}
	}
	return false
}

// jobActions says how a job is ended.
func (l *looker) jobActions(j *facts.ListedJob) []Action {
	if j.Scheduler == string(cron.SchedTimer) {
		return []Action{{Do: DoUnit, Target: path.Base(j.Path), User: j.User}}
	}
	if j.Line == 0 {
		return []Action{{Do: DoFile, Target: j.Path, User: j.User}}
	}
	return []Action{{Do: DoJob, Target: place(j.Path, j.Line), User: j.User, Command: j.Command}}
}

func place(p string, line int64) string {
	if line > 0 {
		return p + ":" + strconv.FormatInt(line, 10)
	}
	return p
}

func either(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

func clipBytes(b []byte, n int) []byte { return b[:min(len(b), n)] }

// earlier gives the earlier of two RFC 3339 times in UTC; "" is none.
func earlier(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// beginning is the first lines of a script.
func (l *looker) beginning(p string) []facts.Evidence {
	data := l.content(p)
	if !strings.HasPrefix(cron.FirstBytes(clipBytes(data, 512)), "script") {
		return nil
	}
	var out []facts.Evidence
	n := 0
	for line := range strings.Lines(string(clipBytes(data, 4096))) {
		if n++; n > 12 || len(out) == 6 {
			break
		}
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, facts.Evidence{Path: p, Line: n, Text: clip(line, 200)})
		}
	}
	return out
}

// dormant says why a job that is armed does nothing now: a pid or lock file that it
// guards itself by names no process of its own.
func (l *looker) dormant(j *facts.ListedJob) (why, guards []string) {
	if !j.Runs || !l.out.Deeper {
		return nil, nil
	}
	seen := map[string]bool{}
	for k := range j.Targets {
		t := &j.Targets[k]
		if t.Exists != "yes" || !compare.Unpackaged(t.Path) || t.Type != "file" {
			continue
		}
		dir := path.Dir(t.Path)
		names := guardPaths(l.content(t.Path), dir)
		names = append(names, guardPaths([]byte(j.Command), j.Directory)...)
		if !common(dir) {
			for _, f := range l.deep.Below(dir) {
				if f.Type == 'f' && path.Dir(f.Path) == dir && isGuard(f.Path) {
					names = append(names, f.Path)
				}
			}
		}
		for _, p := range names {
			if seen[p] {
				continue
			}
			seen[p] = true
			text := l.stale(p, t.Path)
			if text == "" {
				continue
			}
			guards = append(guards, p)
			why = append(why, fmt.Sprintf("%s. %s looks for that file (or lies beside it): it starts again once the file is gone, and cron tries %s",
				text, cron.Quote(path.Base(t.Path)), either(j.Words, "again")))
		}
	}
	return why, guards
}

// stale says why the process that a pid file names is not there; "" it is, or that
// is not known.
func (l *looker) stale(p, program string) string {
	f := l.file(p)
	if f == nil || f.Type != 'f' || !f.HasContent() || len(l.procs) == 0 {
		return ""
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(clipBytes(f.Content, 32))), "\n")
	pid := number(strings.TrimSpace(word))
	if pid <= 0 || pid > 1<<22 {
		return ""
	}
	name := "its pid file " + cron.Quote(p) + " holds " + strconv.FormatInt(pid, 10)
	proc := l.byPID[int(pid)]
	switch {
	case proc == nil && !l.whole && l.deep.Privilege != "none":
		return ""
	case proc == nil:
		text := name + ", and no such process runs"
		if !l.boot.IsZero() && f.MTime.Before(l.boot) {
			text += ": the file is older than the last boot (" + stamp(l.boot) + ")"
		}
		return text
	case !proc.start.IsZero() && proc.start.After(f.MTime.Add(time.Minute)):
		return name + fmt.Sprintf(", and the process of that number, %s, started later than the file was written", cron.Quote(clip(l.commandLine(proc), 80)))
	}
	return ""
}

// written says what is odd about how a table was written.
func (l *looker) written(table string) []string {
	var out []string
	for i := range l.f.Origins {
		o := &l.f.Origins[i]
		if o.Path == table && (o.SetBack || o.Changed || o.Unloaded || o.How == "direct" || o.How == "copy") {
			out = append(out, "its table: "+o.Message)
		}
	}
	return out
}

// memory names jobs that run and that no table holds, and jobs that ran and are gone.
func (l *looker) memory() {
	unheld := map[string]bool{}
	for i := range l.f.UnheldJobs {
		u := &l.f.UnheldJobs[i]
		unheld[u.User+"\x00"+u.Command] = true
		l.add(Thing{Kind: KindMemory, Severity: "high", Title: "runs, and stands in no table: " + cron.Quote(clip(u.Command, 200)) + " as " + u.User,
			Why:    []string{fmt.Sprintf("the log shows it started %d times since the tables last changed, the last time before %s: cron holds an older table in memory than lies on disk", u.Count, u.Last)},
			Attack: []string{"T1053.003", "T1070"}, Since: u.Last, Evidence: u.Evidence, Returns: "no: the daemon's next start reads the table on disk"}, u.User, u.Command)
	}
	held := map[string]bool{}
	oddTables := map[string]bool{}
	for i := range l.list.Jobs {
		j := &l.list.Jobs[i]
		for _, c := range commandsOf(j) {
			held[j.User+"\x00"+c] = true
		}
		if levels[j.Severity] >= levels["medium"] {
			oddTables[j.User] = true
		}
	}
	type past struct {
		user, command string
		first, last   time.Time
		n             int
	}
	var gone []*past
	by := map[string]*past{}
	for _, s := range l.starts {
		key := s.user + "\x00" + s.command
		if held[key] || held[s.user+"\x00"+strings.TrimSpace(s.command)] || unheld[key] {
			continue
		}
		p := by[key]
		if p == nil {
			if len(by) > 500 {
				break
			}
			p = &past{user: s.user, command: s.command, first: s.at}
			by[key] = p
			gone = append(gone, p)
		}
		p.n++
		p.last = s.at
	}
	for _, g := range l.list.Gaps {
		if g.Path != "/var/lib/systemd/linger" { // users' own managers do not log as cron does
			return // a table that was not read may hold them
		}
	}
	changed := l.tablesChanged()
	for _, p := range gone {
		// Two minutes are what daemons take to see a change.
		if !changed.IsZero() && p.last.After(changed.Add(2*time.Minute)) {
			l.add(Thing{Kind: KindMemory, Severity: "high", Title: "runs, and stands in no table: " + cron.Quote(clip(p.command, 200)) + " as " + p.user,
				Why:    []string{fmt.Sprintf("the log shows it started %d times, the last time at %s, and the tables last changed at %s: cron holds an older table in memory than lies on disk", p.n, stamp(p.last), stamp(changed))},
				Attack: []string{"T1053.003", "T1070"}, Since: stamp(p.last), Evidence: []facts.Evidence{{Path: "log.cron", Text: "(" + p.user + ") CMD (" + p.command + ")"}},
				Returns: "no: the daemon's next start reads the table on disk"}, p.user, p.command)
			continue
		}
		severity := "low"
		if oddTables[p.user] {
			severity = "medium"
		}
		l.add(Thing{Kind: KindMonitor, Severity: severity, Title: "ran until " + stamp(p.last) + ", and stands in no table any more: " + cron.Quote(clip(p.command, 200)) + " as " + p.user,
			Why: []string{fmt.Sprintf("the log shows it started %d times between %s and %s", p.n, stamp(p.first), stamp(p.last))}, Attack: []string{"T1562"},
			Since:    stamp(p.last),
			Evidence: []facts.Evidence{{Path: "log.cron", Text: "(" + p.user + ") CMD (" + p.command + ")"}}}, "gone", p.user, p.command)
	}
}

// tablesChanged is the last change of any table that was seen, or of a folder of tables.
func (l *looker) tablesChanged() (at time.Time) {
	see := func(p string) {
		if f := l.snap.Lookup(p); f != nil {
			for _, t := range [...]time.Time{f.MTime, f.CTime} {
				if t.After(at) {
					at = t
				}
			}
		}
	}
	for i := range l.f.Tables {
		see(l.f.Tables[i].Path)
		see(path.Dir(l.f.Tables[i].Path))
	}
	see("/etc/cron.d")
	see("/var/spool/cron/crontabs")
	return at
}

// commandsOf gives the texts by which a log may name a job.
func commandsOf(j *facts.ListedJob) []string {
	out := []string{j.Command, strings.TrimSpace(j.Command)}
	if j.Stdin != "" {
		out = append(out, j.Command+"%"+j.Stdin)
	}
	return append(out, strings.ReplaceAll(j.Command, "%", `\%`))
}

// monitors names jobs that the inventory asks for and that are not there.
func (l *looker) monitors() {
	for i := range l.f.Expected {
		e := &l.f.Expected[i]
		if e.State == "present" || e.State == "unknown" {
			continue
		}
		l.add(Thing{Kind: KindMonitor, Severity: "high", Title: fmt.Sprintf("a job that is meant to run is %s: %s", e.State, cron.Quote(e.Match)),
			Why: []string{"whoever relies on it is told nothing"}, Attack: []string{"T1562"}, Evidence: e.Evidence}, "expected", e.Match, e.User)
	}
}

// triggered are the times at which systemd's timers last fired: as it says itself, or by
// the stamps that it keeps of those that are caught up with after a time switched off
// (systemd.timer(5), Persistent=).
func (l *looker) triggered() map[string]time.Time {
	out := map[string]time.Time{}
	const stamps = "/var/lib/systemd/timers/stamp-"
	for i := range l.deep.Files {
		if id, ok := strings.CutPrefix(l.deep.Files[i].Path, stamps); ok {
			out[id] = l.deep.Files[i].MTime
		}
	}
	zone, err := time.LoadLocation(l.list.Zone)
	id := ""
	lines(l.snap.Output(snapshot.OutTimers), func(line string) {
		switch key, value, _ := strings.Cut(line, "="); key {
		case "Id":
			id = value
		case "LastTriggerUSec":
			// Tue 2026-12-01 04:13:00 CET
			w := strings.Fields(value)
			if len(w) != 4 || id == "" {
				return
			}
			in := zone
			if w[3] == "UTC" {
				in = time.UTC
			} else if err != nil || l.list.Zone == "" {
				return
			}
			if at, err := time.ParseInLocation(time.DateTime, w[1]+" "+w[2], in); err == nil && at.After(out[id]) {
				out[id] = at
			}
		}
	})
	return out
}

// lastRuns says of each job when the log, or systemd, last shows it.
func (l *looker) lastRuns() {
	type sum struct {
		last time.Time
		n    int
	}
	by := map[string]*sum{}
	for _, s := range l.starts {
		key := s.user + "\x00" + s.command
		if by[key] == nil {
			if len(by) > 2000 {
				break
			}
			by[key] = &sum{}
		}
		by[key].n++
		if s.at.After(by[key].last) {
			by[key].last = s.at
		}
	}
	fired := l.triggered()
	for i := range l.list.Jobs {
		j := &l.list.Jobs[i]
		if !j.Runs {
			continue
		}
		if j.Scheduler == string(cron.SchedTimer) {
			if at := fired[path.Base(j.Path)]; !at.IsZero() && !strings.Contains(j.Path, "/systemd/user/") {
				l.out.LastRuns = append(l.out.LastRuns, LastRun{j.Path, j.Line, j.User, j.Command, stamp(at), 1, true})
			}
			continue
		}
		for _, c := range commandsOf(j) {
			if s := by[j.User+"\x00"+c]; s != nil {
				l.out.LastRuns = append(l.out.LastRuns, LastRun{j.Path, j.Line, j.User, j.Command, stamp(s.last), s.n, true})
				break
			}
		}
	}
}

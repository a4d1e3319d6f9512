package facts

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// JobList is what the schedulers of one host will run, in full: what rules ask of
// it is [Facts.Jobs].
type JobList struct {
	Daemon  string      `json:"daemon"`  // whose grammar the tables were read by: debian, cronie, busybox, dcron, systemd-cron
	Version string      `json:"version"` // of its package; "" not known
	Running []string    `json:"running"` // scheduler daemons that were seen
	Zone    string      `json:"zone"`    // of the host; "" not known, and times are UTC's
	Clock   string      `json:"clock"`   // the host's time when it was looked at, from which the next times count; RFC 3339
	Tables  []Table     `json:"tables"`
	Gaps    []Gap       `json:"gaps"`
	Jobs    []ListedJob `json:"-"` // these stand in one list for all hosts
}

// ListedJob is one job, or one line that its daemon refuses.
type ListedJob struct {
	Host      string         `json:"host"` // "" a table alone was read
	Scheduler string         `json:"scheduler"`
	Path      string         `json:"path"`
	Line      int64          `json:"line"` // 0: the job is a whole file
	User      string         `json:"user"`
	Schedule  string         `json:"schedule"` // as written
	Command   string         `json:"command"`  // what the shell gets
	Runs      bool           `json:"runs"`
	Reason    string         `json:"reason,omitempty"` // why it does not run, or runs something else
	Targets   []ListedTarget `json:"targets"`
	Severity  string         `json:"severity"` // of all signs together: none, info, low, medium, high, critical
	Signs     []Sign         `json:"signs"`

	Fate        string            `json:"fate"`        // runs, runs-otherwise, never-runs, line-lost, file-dropped, daemon-dies
	Words       string            `json:"words"`       // the schedule in words
	Next        []string          `json:"next"`        // the next times, RFC 3339; none where they cannot be told
	Zone        string            `json:"zone"`        // of these times: the host's, or CRON_TZ
	Notes       []string          `json:"notes"`       // what else is to be known of its times and its start
	Stdin       string            `json:"stdin"`       // what stands behind an unescaped %
	Mail        string            `json:"mail"`        // who gets its output, in words
	Environment map[string]string `json:"environment"` // in force for it, as the table sets it
	Directory   string            `json:"directory"`   // where it starts; "" not known
	Search      string            `json:"search"`      // PATH in force
	Deceptive   []string          `json:"deceptive"`   // deceptive names it reaches
	Unresolved  []string          `json:"unresolved"`  // what it runs beside the targets, and cannot be told before it does
}

// ListedTarget is a file that a job runs.
type ListedTarget struct {
	Path     string `json:"path"`
	How      string `json:"how"`    // command, script, sourced, run-parts, shell
	Exists   string `json:"exists"` // yes, no, unknown
	Type     string `json:"type"`   // file, directory ...; "" not known
	Kind     string `json:"kind"`   // by its first bytes: program, script of /bin/sh, data, empty; "" not known
	Owner    string `json:"owner"`
	Group    string `json:"group"`
	Mode     string `json:"mode"`    // 0755
	Modified string `json:"mtime"`   // RFC 3339, UTC
	Changed  string `json:"ctime"`   // of its inode
	Package  string `json:"package"` // that owns it; "" none or not known
	Ways     []Way  `json:"ways"`    // what others can write: the file itself, and directories above it
	Writable string `json:"writable"`
	Reason   string `json:"reason"` // why the path is not known in full; "" it is
}

// Way is a file or directory on the way to a target that another account than root
// and the job's own can write.
type Way struct {
	Path string `json:"path"`
	Who  string `json:"who"`
}

// nextTimes is how many coming times are told of a job.
const nextTimes = 5

// WhatRuns tells what every scheduler of a snapshot's host runs. It never fails:
// what the snapshot does not hold stands in the gaps.
func WhatRuns(snap *snapshot.Snapshot, opt Options) *JobList {
	opt.Setups = nil
	b := newBuilder(snap, opt)
	b.setup = &setup{found: b.f}
	b.host()
	b.packages()
	b.schedulers()
	b.timersShown()
	b.in.today, b.in.hidden = b.today(), b.hidden
	b.bounds()
	b.accounts()
	b.jobs()

	clock := snap.HostClock
	if clock.IsZero() {
		clock = snap.Start
	}
	l := &JobList{Daemon: b.in.daemon.String(), Version: b.in.daemonVersion, Running: b.f.Host.Cron, Tables: b.f.Tables,
		Gaps: []Gap{}, Jobs: make([]ListedJob, 0, len(b.f.Jobs)+len(b.refused))}
	if l.Running == nil {
		l.Running = []string{}
	}
	if l.Tables == nil {
		l.Tables = []Table{}
	}
	seen := map[[2]string]bool{}
	for _, list := range []string{"jobs", "tables"} {
		if why, ok := b.f.Unknown[list]; ok {
			l.Gaps = append(l.Gaps, Gap{Path: list, Reason: why})
		}
		for _, g := range b.f.Gaps[list] {
			if key := [2]string{g.Path, g.Reason}; !seen[key] {
				seen[key] = true
				l.Gaps = append(l.Gaps, g)
			}
		}
	}
	if why := b.f.Unknown["host.cron"]; why != "" {
		l.Gaps = append(l.Gaps, Gap{Reason: "which scheduler daemons run is not known: " + why})
	}
	c := newAgenda(clock, b.zone(), b.in.daemon)
	l.Zone, l.Clock = c.name, c.now.Format(time.RFC3339)
	for i := range b.f.Jobs {
		l.Jobs = append(l.Jobs, b.listed(i, c))
	}
	for _, r := range b.refused {
		l.Jobs = append(l.Jobs, refusedLine(r.e, r.path, r.user, r.scheduler))
	}
	sortListed(l.Jobs)
	for i := range l.Jobs {
		l.Jobs[i].Host = opt.Name
	}
	return l
}

// sortListed puts the jobs of one table into its order; the tables keep theirs.
func sortListed(jobs []ListedJob) {
	order := map[string]int{}
	for i := range jobs {
		if _, ok := order[jobs[i].Path]; !ok {
			order[jobs[i].Path] = len(order)
		}
	}
	slices.SortStableFunc(jobs, func(a, b ListedJob) int {
		if d := order[a.Path] - order[b.Path]; d != 0 {
			return d
		}
		return int(a.Line - b.Line)
	})
}

// refused is a line of a table that is no job for its daemon.
type refused struct {
	e                     *cron.Entry
	path, user, scheduler string
}

func refusedLine(e *cron.Entry, p, user, scheduler string) ListedJob {
	return ListedJob{Scheduler: scheduler, Path: p, Line: int64(e.Line), User: user, Command: strings.TrimRight(e.Raw, "\r\n"),
		Reason: e.Reason, Fate: e.Fate.String(), Severity: cron.None.String(), Targets: []ListedTarget{}, Signs: []Sign{}, Next: []string{},
		Notes: []string{}, Environment: map[string]string{}, Deceptive: []string{}, Unresolved: []string{}}
}

// listed tells one job in full.
func (b *builder) listed(i int, c *agenda) ListedJob {
	f, j, an := &b.f.Jobs[i], b.cronJobs[i], b.analyses[i]
	out := describeJob(j, an, b.in.daemon, f.Signs, f.Severity, maps.Clone(f.Environment))
	out.Scheduler, out.Runs, out.Reason = f.Scheduler, f.Runs, f.Reason
	if !out.Runs && j.Fate.Runs() {
		out.Fate = cron.FateNever.String()
	}
	if f.Deceptive != nil {
		out.Deceptive = f.Deceptive
	}
	uid := b.jobUIDs[i]
	for k := range out.Targets {
		t := &out.Targets[k]
		if k < len(f.Targets) {
			t.Path, t.Exists, t.Owner, t.Mode, t.Writable = f.Targets[k].Path, f.Targets[k].Exists, f.Targets[k].Owner, f.Targets[k].Mode, f.Targets[k].Writable
		}
		b.describeTarget(t, uid)
	}
	s := j.Schedule
	if j.Scheduler == cron.SchedRunParts {
		s = b.directorySchedule(j, &out)
	}
	if j.Scheduler == cron.SchedAnacron {
		b.anacronDue(j, &out, c)
	} else {
		c.tell(&s, j, &out)
	}
	return out
}

// describeJob is what can be told of a job without a host.
func describeJob(j *cron.Job, an *cron.Analysis, d cron.Daemon, signs []Sign, severity string, set map[string]string) ListedJob {
	out := ListedJob{
		Scheduler: string(j.Scheduler), Path: j.Path, Line: int64(j.Line), User: j.User, Schedule: j.Schedule.Text, Command: j.Command,
		Runs: j.Runs(), Reason: j.Reason, Fate: j.Fate.String(), Words: j.Schedule.Words(), Stdin: j.Stdin, Mail: mailOf(j, d),
		Environment: set, Search: an.Path, Signs: signs, Severity: severity, Next: []string{}, Notes: []string{},
		Targets: []ListedTarget{}, Deceptive: []string{}, Unresolved: []string{},
	}
	if signs == nil {
		out.Signs = []Sign{}
	}
	if len(an.Commands) > 0 && an.Commands[0].Remote == "" {
		out.Directory = startDirectory(j, an)
	}
	for k := range an.Targets {
		t := &an.Targets[k]
		p := t.Path
		if p == "" {
			p = t.Word
		}
		out.Targets = append(out.Targets, ListedTarget{Path: p, How: string(t.How), Exists: "unknown", Writable: "unknown", Reason: t.Reason, Ways: []Way{}})
		if t.Reason != "" {
			out.Unresolved = append(out.Unresolved, p+": "+t.Reason)
		}
	}
	if an.Rough {
		out.Unresolved = append(out.Unresolved, "the command was read word by word: "+an.Reason)
	}
	out.Unresolved = append(out.Unresolved, an.Opaque...)
	elsewhere := map[string]bool{}
	for k := range an.Commands {
		if at := an.Commands[k].Remote; at != "" && !elsewhere[at] && len(elsewhere) < 4 {
			elsewhere[at] = true
			out.Unresolved = append(out.Unresolved, "what "+at+" is given runs elsewhere: it was not looked at")
		}
	}
	if an.Capped {
		out.Unresolved = append(out.Unresolved, "there is more in it than was looked at")
	}
	if j.Command == "" && j.Reason != "" && out.Runs {
		out.Unresolved = append(out.Unresolved, j.Reason)
	}
	if j.Note != "" {
		out.Notes = append(out.Notes, j.Note)
	}
	if j.Step != "" {
		out.Notes = append(out.Notes, "a step of the service: "+j.Step)
	}
	if j.Quiet {
		out.Notes = append(out.Notes, "its start is not logged")
	}
	return out
}

// startDirectory is where the first command of a job starts.
func startDirectory(j *cron.Job, an *cron.Analysis) string {
	if j.Cwd != "" && j.Cwd != "~" {
		return j.Cwd
	}
	return an.Commands[0].Cwd
}

// mailOf says who gets what a job prints.
func mailOf(j *cron.Job, d cron.Daemon) string {
	switch {
	case j.Scheduler == cron.SchedTimer:
		return "no mail: its output goes to the journal"
	case d == cron.SystemdCron:
		return "mail only where it fails"
	case d == cron.Dcron, d == cron.Busybox && j.Env.Lookup("MAILTO") == nil:
		return "mail only where the daemon was built or started for it"
	}
	to := j.User
	if m := j.Env.Lookup("MAILTO"); m != nil {
		if m.Value == "" {
			return "no mail: MAILTO is empty"
		}
		to = m.Value
	}
	if to == "" {
		to = "its account"
	}
	if j.MailOnly {
		return "mail to " + to + " where it fails"
	}
	return "mail to " + to
}

// describeTarget says what is known of a file.
func (b *builder) describeTarget(t *ListedTarget, uid int64) {
	f := b.fs.resolve(t.Path)
	if f == nil || t.Exists != "yes" {
		if t.Exists == "no" {
			t.Ways = b.ways(t.Path, uid)
		}
		return
	}
	t.Type = map[byte]string{'f': "file", 'd': "directory", 'l': "link", 'p': "pipe", 's': "socket", 'c': "device", 'b': "device"}[f.Type]
	if f.GID >= 0 {
		t.Group = b.groupName(f.GID)
	}
	if !f.MTime.IsZero() {
		t.Modified = f.MTime.UTC().Format(time.RFC3339Nano)
	}
	if !f.CTime.IsZero() {
		t.Changed = f.CTime.UTC().Format(time.RFC3339Nano)
	}
	if f.Type == 'f' && f.HasContent() {
		t.Kind = cron.FirstBytes(f.Content)
	}
	t.Ways = b.ways(t.Path, uid)
}

// ways names everything on the way to p that another account than root and uid can
// write, p itself first.
func (b *builder) ways(p string, uid int64) []Way {
	out := []Way{}
	seen := map[string]bool{}
	for range maxLinks {
		var link *snapshot.File
		decides := true
		for at := p; ; at = path.Dir(at) {
			f := b.fs.lookup(at)
			switch {
			case f == nil && b.absent(at):
			case f == nil || f.UID < 0:
				decides = false
			case f.Type == 'l':
				link, decides = f, false
			default:
				if who, _ := b.writer(f, uid, decides); who != "" && !seen[at] {
					seen[at] = true
					out = append(out, Way{at, who})
				}
				decides = false
			}
			if at == "/" || at == "." || at == "" {
				break
			}
		}
		if link == nil {
			break
		}
		target := link.Real
		if target == "" {
			target = join(path.Dir(link.Path), link.Target)
		}
		next := path.Clean(target + strings.TrimPrefix(p, link.Path))
		if next == p {
			break
		}
		p = next
	}
	return out
}

// directorySchedule is that of the job by which run-parts goes through the script's
// directory.
func (b *builder) directorySchedule(j *cron.Job, out *ListedJob) cron.Schedule {
	dir := path.Dir(j.Path)
	for i, other := range b.cronJobs {
		for k := range b.analyses[i].Targets {
			t := &b.analyses[i].Targets[k]
			if t.How != cron.HowRunParts || t.Path != dir || !b.f.Jobs[i].Runs {
				continue
			}
			if other.Scheduler != cron.SchedAnacron && b.anacronInstead(i) {
				continue
			}
			out.Words = other.Schedule.Words()
			out.Notes = append(out.Notes, "started by run-parts of "+other.Path+lineText(other.Line))
			return other.Schedule
		}
	}
	if len(b.f.Gaps["jobs"]) == 0 && b.in.daemon != cron.SystemdCron {
		out.Notes = append(out.Notes, "no table that was read runs its directory")
	} else {
		out.Notes = append(out.Notes, "which job runs its directory was not seen")
	}
	return cron.Schedule{}
}

// anacronInstead reports a line such as Debian's, which does nothing where anacron
// is there: test -x /usr/sbin/anacron || run-parts ...
func (b *builder) anacronInstead(i int) bool {
	if !strings.Contains(b.cronJobs[i].Command, "test -x /usr/sbin/anacron ||") && !strings.Contains(b.cronJobs[i].Command, "test -x /usr/sbin/anacron && ") {
		return false
	}
	f := b.look("/usr/sbin/anacron")
	return f.Exists && f.Mode&0o111 != 0 && strings.Contains(b.cronJobs[i].Command, "||")
}

func lineText(n int) string {
	if n <= 0 {
		return ""
	}
	return ":" + itoa(n)
}

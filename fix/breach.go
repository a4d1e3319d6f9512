package fix

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Breach is what is done after a break-in beside what the rules ask for: by name,
// since only a person knows which job, key and account are the intruder's.
type Breach struct {
	Quarantine []JobRef // jobs to take out, with what they run
	Revoke     []string // fingerprints (SHA256:...) of keys that no account may be opened by any more
	Lock       []string // accounts that nothing may open any more
	Files      []string // to move into the record: what starts at a login, a boot, a device
	ByHand     []string // what else has to be done, in sentences: it goes into the plan
	// Alone: no rule is mended beside it.
	Alone bool
	// Found is told of each of the above that this host has, as it was written; nil:
	// nobody is.
	Found func(what string)
	// Took is told which job stands where a job is to be taken out; nil: nobody is.
	Took func(ref JobRef, command string)
}

// JobRef names a job by its place: HOST:PATH:LINE, as postern jobs shows it. Jobs
// have no number of their own; a line is what a person sees and what is changed.
type JobRef struct {
	Host string // "" any
	Path string
	Line int64 // 0: the file is the job (run-parts, at)

	Command string // that the job must still run, its secrets masked or not; "" whatever stands there
}

// Process is one process of a host.
type Process struct {
	PID     int
	Exe     string   // its program as the kernel names it; "" not seen
	Deleted bool     // that file is gone, or never was one
	Args    []string // its words
	Dir     string   // in which it runs; "" not seen
}

// jobFiles are what a job runs: files of its own, by their paths, and programs of
// the system, by the last parts of theirs.
type jobFiles struct {
	own     map[string]bool
	system  map[string]bool
	command string
}

// runs tells whether it is one of a job's own files, or was told to read one, or is
// a program of the system with the words that the job gives it.
func (r *Process) runs(job *jobFiles) bool {
	if job.own[r.Exe] {
		return true
	}
	for i, w := range r.Args {
		if i > 0 && (job.own[w] || r.Dir != "" && job.own[path.Join(r.Dir, w)]) || job.command != "" && strings.Contains(w, job.command) {
			return true
		}
		for f := range job.own { // sh -c: a word that is a command
			if strings.Contains(w, f) {
				return true
			}
		}
	}
	return len(r.Args) > 1 && job.system[path.Base(r.Args[0])] && strings.Contains(job.command, strings.Join(r.Args[1:], " "))
}

// String writes it as ParseJobRef reads it.
func (r JobRef) String() string {
	s := r.Path
	if r.Host != "" {
		s = r.Host + ":" + s
	}
	if r.Line > 0 {
		s += ":" + strconv.FormatInt(r.Line, 10)
	}
	return s
}

// ParseJobRef reads PATH, PATH:LINE, HOST:PATH or HOST:PATH:LINE. The path is
// absolute; a colon and digits at its end are the line.
func ParseJobRef(s string) (JobRef, error) {
	var r JobRef
	rest := s
	if !strings.HasPrefix(s, "/") {
		var ok bool
		if r.Host, rest, ok = strings.Cut(s, ":/"); !ok || r.Host == "" {
			return r, fmt.Errorf("%q is no job: HOST:PATH:LINE, as in web1:/etc/cron.d/update:3", s)
		}
		rest = "/" + rest
	}
	if i := strings.LastIndexByte(rest, ':'); i > 0 {
		if n, err := strconv.ParseInt(rest[i+1:], 10, 64); err == nil && n > 0 && rest[i+1] != '+' {
			r.Line, rest = n, rest[:i]
		}
	}
	r.Path = rest
	if path.Clean(r.Path) != r.Path || r.Path == "/" || strings.ContainsRune(r.Path, 0) {
		return r, fmt.Errorf("%q is no job: %s is no file of a host", s, r.Path)
	}
	return r, nil
}

// Elsewhere is something that the intruder may have taken along and that no change
// of this host makes worthless.
type Elsewhere struct {
	Kind        string   `json:"kind"` // private-key, host-key, password, unseen
	What        string   `json:"what"` // in a sentence
	Fingerprint string   `json:"fingerprint,omitempty"`
	Opens       []string `json:"opens,omitempty"` // "alice on web2": accounts of the hosts that were read
}

const riskRunning = "running-job"

// breach does what was named.
func (p *planner) breach() {
	b := p.in.Breach
	if b == nil {
		return
	}
	p.away = map[string]bool{}
	for _, ref := range b.Quarantine {
		p.rule = "quarantine"
		if ref.Host == "" || ref.Host == p.in.Host.Name {
			p.quarantineJob(ref)
		}
	}
	for _, file := range b.Files {
		p.rule = "quarantine"
		p.quarantineFile(file)
	}
	for _, print := range b.Revoke {
		p.rule = "revoke-key"
		p.revoke(print)
	}
	for _, name := range b.Lock {
		p.rule = "lock-account"
		p.lock(name)
	}
	for _, what := range b.ByHand {
		p.unfixed("by-hand", what)
	}
	p.rule = ""
	p.elsewhere()
}

func (p *planner) found(what string) {
	if p.in.Breach.Found != nil {
		p.in.Breach.Found(what)
	}
}

func (p *planner) quarantineJob(ref JobRef) {
	var jobs []*facts.Job
	for i := range p.before.Jobs {
		if j := &p.before.Jobs[i]; j.Path == ref.Path && (j.Line == ref.Line || ref.Line == 0 && j.Line <= 1 && (j.Scheduler == "run-parts" || j.Scheduler == "at")) {
			jobs = append(jobs, j)
		}
	}
	if len(jobs) == 0 {
		p.unfixed(p.rule, ref.String()+": no such job was seen: postern jobs shows what there is")
		return
	}
	if ref.Command != "" && !slices.ContainsFunc(jobs, func(j *facts.Job) bool { return j.Command == ref.Command || cron.Mask(j.Command) == ref.Command }) {
		p.unfixed(p.rule, fmt.Sprintf("%s: the line holds another job by now (%s): postern triage shows the host as it is", ref, cutWords(jobs[0].Command, 60)))
		p.found(ref.String())
		return
	}
	p.found(ref.String())
	for _, j := range jobs {
		if p.in.Breach.Took != nil {
			p.in.Breach.Took(ref, j.Command)
		}
		files := p.runsAlone(j, jobs)
		for _, f := range files {
			p.away[f] = true
		}
		if err := p.takeOut(j); err != nil {
			p.unfixed(p.rule, ref.String()+": "+err.Error())
			continue
		}
		if _, own := seen(p.in.Snapshot, j.Path); p.pending[own] != nil && p.pending[own].kind == KindMove {
			p.away[j.Path], p.away[own] = true, true // a script of run-parts
		}
		for _, f := range files {
			if err := p.moveAway(f, "what "+ref.String()+" runs: kept in the record as evidence, with owner, mode and times"); err != nil {
				delete(p.away, f)
				p.unfixed(p.rule, fmt.Sprintf("%s: %s stays where it is: %s", ref, f, err))
			}
		}
		p.running(j)
	}
}

// quarantineFile takes one file out of its place.
func (p *planner) quarantineFile(file string) {
	p.found(file)
	err := p.moveAway(file, "kept in the record as evidence, with owner, mode and times")
	if err != nil {
		p.unfixed(p.rule, fmt.Sprintf("%s stays where it is: %s", file, err))
		return
	}
	_, real := seen(p.in.Snapshot, file)
	p.away[file], p.away[real] = true, true
}

// runsAlone are the files that a job runs and nothing else that is seen does: its
// own, not the system's.
func (p *planner) runsAlone(j *facts.Job, also []*facts.Job) []string {
	var out []string
	_, own := seen(p.in.Snapshot, j.Path)
	for _, t := range j.Targets {
		f, real := seen(p.in.Snapshot, t.Path)
		if real == own {
			continue // a script of run-parts is the job itself, which goes anyway
		}
		if f == nil || f.Type != 'f' || shipped(real) || shipped(t.Path) || slices.Contains(out, t.Path) {
			continue
		}
		if a := p.account(j.User); j.User != "root" && (a == nil || a.UID != 0 && a.UID != f.UID) {
			// whoever may write a table may name any file in it
			p.warn("%s stays where it is: it is not %s's own, whose job runs it", t.Path, j.User)
			continue
		}
		shared := false
		for i := range p.before.Jobs {
			other := &p.before.Jobs[i]
			same := func(o facts.Target) bool {
				_, at := seen(p.in.Snapshot, o.Path)
				return at == real
			}
			if !slices.Contains(also, other) && slices.ContainsFunc(other.Targets, same) && !p.namedJob(other) {
				shared = true
				p.warn("%s stays where it is: the job in %s:%d runs it too", t.Path, other.Path, other.Line)
				break
			}
		}
		if !shared {
			out = append(out, t.Path)
		}
	}
	return out
}

// namedJob says whether a job is one of those that go.
func (p *planner) namedJob(j *facts.Job) bool {
	return slices.ContainsFunc(p.in.Breach.Quarantine, func(r JobRef) bool {
		return r.Path == j.Path && r.Line == j.Line && (r.Host == "" || r.Host == p.in.Host.Name)
	})
}

// moveAway moves a file into the record, where it stays with owner, mode and times.
func (p *planner) moveAway(file, why string) error {
	if why := p.needed(file); why != "" {
		return errNotHere{why}
	}
	f, err := p.open(file, KindMove)
	if err != nil {
		return err
	}
	switch {
	case !f.before.Exists:
		return errNotHere{"it was not seen"}
	case f.kind != KindMove: // a table that a line goes out of: its other jobs stay
		return errNotHere{"this plan changes it, and the rest of it stays"}
	}
	f.after = State{Path: f.before.Path, Real: f.before.Real}
	p.keep(f, p.rule, why)
	return nil
}

// running refuses while what a job started may still run, unless its executable is
// kept. Where not all processes were seen that is not known, and not knowing is no
// yes.
func (p *planner) running(j *facts.Job) {
	if p.in.Snapshot.Source == snapshot.SourceRoot {
		return // nothing runs in a tree
	}
	where := fmt.Sprintf("%s:%d", j.Path, j.Line)
	job := &jobFiles{own: map[string]bool{}, system: map[string]bool{}, command: j.Command}
	for _, t := range j.Targets {
		_, real := seen(p.in.Snapshot, t.Path)
		for _, f := range []string{t.Path, real} {
			switch {
			case f == "":
			case !path.IsAbs(f) || shipped(f):
				job.system[path.Base(f)] = true
			default:
				job.own[f] = true
			}
		}
	}
	list, whole := p.processes()
	for _, r := range list {
		shown := r.Exe
		if r.Deleted {
			shown += " (deleted)"
		}
		switch {
		case !r.runs(job):
			if r.Deleted && !shipped(r.Exe) {
				p.warn("process %d runs %s, a program that is gone: whether %s started it is not known; postern triage tells more of it", r.PID, shown, where)
			}
		case !r.Deleted && (p.away[r.Exe] || shipped(r.Exe)):
			// a script: its interpreter is the system's, and the script itself is kept
			p.warn("process %d still runs what %s started; its executable is kept", r.PID, where)
			return
		default:
			p.refuse(Refusal{Risk: riskRunning, Why: fmt.Sprintf("process %d, which the job %s started, still runs, and its executable %s is not kept", r.PID, where, shown),
				Path: j.Path, Line: int(j.Line), Text: j.Command, WayOut: fmt.Sprintf("keep it first: cp /proc/%d/exe to another machine; end the process once you have what you want of it", r.PID)})
			return
		}
	}
	if whole {
		return
	}
	p.refuse(Refusal{Risk: riskRunning, Why: fmt.Sprintf("whether something that the job %s started still runs is not known: not all processes were seen", where),
		Path: j.Path, Line: int(j.Line), Text: j.Command,
		WayOut: "look on the host: ls -l /proc/[0-9]*/exe; keep what is odd (cp /proc/PID/exe), above all what is (deleted)"})
}

// processes are those that were asked for, and the daemons of the reading.
func (p *planner) processes() (list []Process, whole bool) {
	list = slices.Clone(p.in.Processes)
	for i := range p.in.Snapshot.Files {
		f := &p.in.Snapshot.Files[i]
		digits, is := strings.CutSuffix(strings.TrimPrefix(f.Path, "/proc/"), "/exe")
		if !is || !strings.HasPrefix(f.Path, "/proc/") || strings.Contains(digits, "/") || f.Type != 'l' {
			continue
		}
		pid, err := strconv.Atoi(digits)
		if err != nil {
			continue
		}
		exe, gone := strings.CutSuffix(f.Target, " (deleted)")
		list = append(list, Process{PID: pid, Exe: exe, Deleted: gone, Args: strings.Split(string(p.cmdline(digits)), "\x00")})
	}
	return list, p.in.ProcessesWhole
}

func (p *planner) cmdline(pid string) []byte {
	if f := p.in.Snapshot.Lookup("/proc/" + pid + "/cmdline"); f != nil {
		return f.Content
	}
	return nil
}

// revoke takes a key out of every file in which it opens an account.
func (p *planner) revoke(print string) {
	n := 0
	for i := range p.before.AuthorizedKeys {
		k := &p.before.AuthorizedKeys[i]
		if k.Fingerprint != print {
			continue
		}
		n++
		p.keyLine(k, fmt.Sprintf("the key %s no longer opens %s", print, k.User), func(line string) (string, error) {
			return fmt.Sprintf("# postern %s, revoked: %s", p.in.Now.UTC().Format("2006-01-02"), line), nil
		})
	}
	if n > 0 {
		p.found(print)
		p.warn("the key %s goes out of %s; a session that it opened goes on, and an authority's certificate or AuthorizedKeysCommand may bring it back", print, count(n, "line"))
	}
	if gaps := p.before.Gaps["authorized_keys"]; len(gaps) > 0 {
		p.unfixed(p.rule, fmt.Sprintf("%s: not all authorized_keys were read: %s: %s", print, gaps[0].Path, gaps[0].Reason))
	}
}

// lock ends an account: its password, and by a date in the past its keys too.
func (p *planner) lock(name string) {
	a := p.account(name)
	if a == nil {
		return
	}
	p.found(name)
	if !plainAccount(name) {
		p.unfixed(p.rule, fmt.Sprintf("%q: a name that tools take for something else: take its line out of /etc/passwd by hand (vipw)", name))
		return
	}
	if name == "root" {
		p.unfixed(p.rule, "root: expiring it would end cron, sudo and the console with it; no-root-login shuts its way in by ssh")
		return
	}
	if line := p.shadowLine(name); line == "" {
		p.unfixed(p.rule, name+" has no line in /etc/shadow that was seen: lock it where it comes from (a directory?)")
		return
	} else if w := strings.Split(line, ":"); len(w) >= 9 && w[8] == "1" && (w[1] == "locked" || w[1] == "locked-hash") {
		p.unfixed(p.rule, name+" is locked and has ended already")
		return
	}
	s := stateOf(p.in.Snapshot, shadowFile)
	s.Path, s.Real, s.Exists, s.SHA256, s.Inode, s.Links = shadowFile, shadowFile, true, "", 0, 0
	s.UID, s.GID = a.UID, a.GID // of the account, by which it is known again
	why := "the account " + name + " ends: its password is locked and it is over since 1970-01-02, since a locked password leaves keys open"
	var jobs []string
	for i := range p.before.Jobs {
		if j := &p.before.Jobs[i]; j.User == name && j.Runs {
			jobs = append(jobs, fmt.Sprintf("%s:%d (%s)", j.Path, j.Line, cutWords(j.Command, 60)))
		}
	}
	if len(jobs) > 0 {
		p.warn("with %s stop its jobs, where the cron daemon asks PAM (Debian's and cronie do): %s", name, strings.Join(jobs, "; "))
	}
	p.warn("sessions of %s go on until they are ended; %s. Look (loginctl list-sessions; who), then loginctl terminate-user %s, or pkill -KILL -u %s", name, p.sessions(name), name, name)
	p.edits++
	p.locked = append(p.locked, Change{Kind: KindAccount, Before: s, After: s, User: name, Rules: []string{p.rule}, Why: why})
}

// plainAccount reports names that useradd(8) would take, or that Windows domains
// have: they are quoted in commands that people copy.
func plainAccount(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9'
		if !letter && (i == 0 || strings.IndexByte("-.$@+", c) < 0 || c == '$' && i < len(name)-1) {
			return false
		}
	}
	return name != ""
}

const shadowFile = "/etc/shadow"

// shadowLine is what the reading holds of an account's line; never its hash.
func (p *planner) shadowLine(name string) string {
	if o := p.in.Snapshot.Output(snapshot.OutShadow); o != nil {
		for line := range strings.Lines(string(o.Data)) {
			if strings.HasPrefix(line, name+":") {
				return strings.TrimSuffix(line, "\n")
			}
		}
	}
	return ""
}

// sessions says what the log tells of an account's logins.
func (p *planner) sessions(name string) string {
	o := p.in.Snapshot.Output(snapshot.OutSshdLog)
	if o == nil {
		return "the log was not read, so which are live is not known"
	}
	var last facts.LoggedLogin
	for _, line := range facts.LogLines(p.in.Snapshot, o.Data) {
		if in, ok := facts.Accepted(line); ok && in.User == name && !in.At.Before(last.At) {
			last = in
		}
	}
	if last.User == "" {
		return "the log that was read tells of no login of it"
	}
	return fmt.Sprintf("which are live is not known, the last login in the log is by %s from %s on %s", cutWords(last.Method, 40), cutWords(last.From, 60), last.At.Format("2006-01-02 15:04 UTC"))
}

func cutWords(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// lockedShadow is the reading of /etc/shadow once the account has ended.
func lockedShadow(data []byte, name string) []byte {
	var out []byte
	for line := range strings.Lines(string(data)) {
		text, end := strings.CutSuffix(line, "\n")
		if w := strings.Split(text, ":"); len(w) >= 9 && w[0] == name {
			switch w[1] {
			case "hash":
				w[1] = "locked-hash"
			case "empty":
				w[1] = "locked"
			}
			w[8] = "1"
			text = strings.Join(w, ":")
		}
		out = append(out, text...)
		if end {
			out = append(out, '\n')
		}
	}
	return out
}

// elsewhere lists what has to be changed in other places: whoever was root here
// could read it.
func (p *planner) elsewhere() {
	add := func(kind, fingerprint, format string, args ...any) {
		p.host.Elsewhere = append(p.host.Elsewhere, Elsewhere{Kind: kind, Fingerprint: fingerprint, What: fmt.Sprintf(format, args...)})
	}
	for i := range p.before.PrivateKeys {
		k := &p.before.PrivateKeys[i]
		lock := map[string]string{"yes": "behind a passphrase, which can be guessed at leisure", "no": "without a passphrase"}[k.Encrypted]
		name := k.Fingerprint
		if name == "" {
			name = "what it opens is not known: no " + k.Path + ".pub lies beside it"
		}
		add("private-key", k.Fingerprint, "the private key %s of %s, %s (%s): make a new one, and take its public half out wherever it stands", k.Path, k.User, either(lock, "perhaps behind a passphrase"), name)
	}
	var names []string
	for i := range p.in.Snapshot.Files {
		f := &p.in.Snapshot.Files[i]
		if strings.HasPrefix(f.Path, "/etc/ssh/ssh_host_") && strings.HasSuffix(f.Path, "_key") && f.Type == 'f' {
			names = append(names, f.Path)
		}
	}
	if len(names) > 0 {
		add("host-key", "", "the host's own keys (%s): whoever has them can pose as this host; make them anew once the host is clean, and have the clients learn them", strings.Join(names, ", "))
	}
	names = nil
	for i := range p.before.Accounts {
		if a := &p.before.Accounts[i]; a.Password == "hash" || a.Password == "locked-hash" {
			names = append(names, a.Name)
		}
	}
	if len(names) > 0 {
		add("password", "", "the passwords of %s: their hashes lay in /etc/shadow, and what was typed since the break-in may have been read; new ones here and wherever the old ones are used", strings.Join(names, ", "))
	}
	add("unseen", "", "what postern does not look at: keys of web servers, tokens, passwords of databases, agents that were forwarded to this host")
}

// Opening fills in which accounts of other hosts the private keys of a host open.
// trusts is by fingerprint, in the words that are shown.
func (h *Host) Opening(trusts map[string][]string) {
	for i := range h.Elsewhere {
		e := &h.Elsewhere[i]
		for _, where := range trusts[e.Fingerprint] {
			if e.Fingerprint != "" && !strings.HasSuffix(where, " on "+h.Name) {
				e.Opens = append(e.Opens, where)
			}
		}
		slices.Sort(e.Opens)
		e.Opens = slices.Compact(e.Opens)
	}
}

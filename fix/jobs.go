package fix

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/inventory"
)

// daemon is the cron daemon whose grammar the host's tables have.
func (p *planner) daemon() cron.Daemon {
	for _, name := range p.before.Host.Cron {
		if d, ok := cron.ParseDaemon(name); ok {
			return d
		}
	}
	return cron.Debian
}

// table reads a cron table as the plan would leave it.
func (p *planner) table(file string) (*pending, *cron.Table, error) {
	f, err := p.open(file, KindTable)
	if err != nil {
		return nil, nil, err
	}
	user := spoolUser(f.before.Real)
	if user != "" {
		f.user = user
		f.after.Mode = 0o600 // crontab(1) writes it so
	}
	form, opt := cron.System, cron.Options{Path: file}
	if user != "" {
		form, opt.User = cron.User, user
	}
	if path.Base(file) == "anacrontab" {
		return f, cron.ParseAnacrontab(f.new, opt), nil
	}
	return f, cron.ParseTable(f.new, form, p.daemon(), opt), nil
}

// spoolUser is whose table a file is; "" for the system's.
func spoolUser(file string) string {
	switch path.Dir(file) {
	case "/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron", "/etc/crontabs":
		return path.Base(file)
	}
	return ""
}

func (p *planner) quarantineNamed() {
	if !p.named(p.rule) {
		p.unfixed(p.rule, "some such jobs are meant: look at them, then --only "+p.rule+" takes them out")
		return
	}
	p.quarantine()
}

// quarantine takes the jobs that a rule names out of what runs.
func (p *planner) quarantine() {
	rule := p.rule
	o := p.verdict[rule]
	found := false
	for i := range p.before.Jobs {
		j := &p.before.Jobs[i]
		named := slices.ContainsFunc(o.Evidence, func(e facts.Evidence) bool { return e.Path == j.Path && int64(e.Line) == j.Line })
		if !named {
			continue
		}
		found = true
		if err := p.takeOut(j); err != nil {
			p.unfixed(rule, fmt.Sprintf("%s:%d: %s", j.Path, j.Line, err))
		}
	}
	if !found {
		p.unfixed(rule, "the job's line was not found")
	}
}

func (p *planner) takeOut(j *facts.Job) error {
	why := j.User + " runs it"
	if signs := signWords(j); len(signs) > 0 {
		severity := j.Severity
		if severity == "" || severity == "none" {
			severity = "odd"
		}
		why = fmt.Sprintf("%s runs a job that is %s: %s", j.User, severity, strings.Join(signs, "; "))
	}
	switch j.Scheduler {
	case "timer":
		return errNotHere{"a timer of systemd: copy its unit, then systemctl disable --now, and look at who wrote it"}
	case "run-parts", "at":
		f, err := p.open(j.Path, KindMove)
		if err != nil {
			return err
		}
		if !f.before.Exists {
			return errNotHere{"it was not seen"}
		}
		f.after = State{Path: f.before.Path, Real: f.before.Real}
		p.keep(f, p.rule, why)
		p.stillRunning(j)
		return nil
	}
	f, t, err := p.table(j.Path)
	if err != nil {
		return err
	}
	// Comments keep the numbers of lines, so those of the facts still hold.
	var raw string
	for i := range t.Entries {
		if int64(t.Entries[i].Line) == j.Line {
			if t.Entries[i].Kind == cron.EntryComment {
				p.keep(f, p.rule, "")
				return nil // another rule has taken it out
			}
			raw = strings.TrimRight(t.Entries[i].Raw, "\r\n")
		}
	}
	edit, err := t.Replace(int(j.Line), fmt.Sprintf("# postern %s, %s: %s", p.in.Now.UTC().Format("2006-01-02"), p.rule, raw))
	if err != nil {
		if edit, err = t.Remove(int(j.Line)); err != nil { // a line that no comment can hold
			return err
		}
		why += "; the line holds control characters, so it is taken out whole (the record keeps it)"
	}
	p.revived(j.Path, edit)
	f.new = edit.Bytes
	p.keep(f, p.rule, why)
	p.stillRunning(j)
	return nil
}

func signWords(j *facts.Job) []string {
	out := []string{}
	named := false
	for _, s := range j.Signs {
		named = named || s.ID == "deceptive-name" || s.ID == "spelled-name"
		if s.Severity != "info" || len(j.Signs) == 1 {
			out = append(out, s.Message)
		}
	}
	for _, d := range j.Deceptive {
		if !named { // the sign has said so
			out = append(out, "a deceptive name: "+d)
		}
	}
	return out
}

// revived names the jobs that an edit would start or change beside the one that it
// is about.
func (p *planner) revived(file string, e *cron.Edit) {
	for i := range e.Others {
		o := &e.Others[i]
		what := "would run again"
		switch {
		case o.Now.Runs() == o.Was.Runs() && o.Env:
			what = "would run with other settings"
		case !o.Now.Runs():
			what = "would no longer run"
		}
		p.refuse(Refusal{Risk: "revive-jobs", Why: fmt.Sprintf("the job in line %d of %s %s once the table is changed", o.Line, file, what),
			Path: file, Line: o.Line, Text: o.Job.Command, WayOut: "look at that job first; --accept-risk=revive-jobs says that it may"})
	}
}

// stillRunning warns of what a job left behind.
func (p *planner) stillRunning(j *facts.Job) {
	for _, t := range j.Targets {
		if f, _ := seen(p.in.Snapshot, t.Path); f == nil || f.Type != 'f' || shipped(t.Path) || p.away[t.Path] {
			continue
		}
		p.warn("%s stays where it is; the line that runs it goes. A process that it started goes on: look for it (postern triage) before you end it", t.Path)
	}
}

// restore puts expected jobs back.
func (p *planner) restore() {
	states := []string{"missing", "disabled"}
	if p.rule == "expected-job-altered" {
		states = []string{"altered", "wrong-times"}
	}
	for i := range p.before.Expected {
		e := &p.before.Expected[i]
		if !slices.Contains(states, e.State) || i >= len(p.in.Host.Expect) {
			if e.State == "not-running" && p.rule == "expected-job-missing" || e.State == "wrong-user" && p.rule == "expected-job-altered" {
				p.unfixed(p.rule, fmt.Sprintf("%q is %s: the evidence names its line", e.Match, e.State))
			}
			continue
		}
		if err := p.bringBack(&p.in.Host.Expect[i], e); err != nil {
			p.unfixed(p.rule, fmt.Sprintf("%q: %s", either(e.Match, p.in.Host.Expect[i].Line), err))
		}
	}
}

// bringBack puts one job back: by the exact line of expect:, else by the line of an
// earlier archive.
func (p *planner) bringBack(want *inventory.Expectation, e *facts.Expected) error {
	line, file, from := want.Line, "", "expect: at "+want.Pos.String()
	var whole *snapshot.File
	if kept := p.earlierLine(want); kept != nil {
		file, whole = kept.file, kept.whole
		if line == "" {
			line, from = kept.line, "the archive "+kept.archive
		}
	}
	if line == "" {
		return errNotHere{"expect: has no \"line:\" that says it to the letter, and no earlier archive of this host holds the job"}
	}
	if (e.State == "altered" || e.State == "wrong-times") && len(e.Evidence) > 0 && e.Evidence[0].Line > 0 && (file == "" || file == e.Evidence[0].Path) {
		at := e.Evidence[0]
		f, t, err := p.table(at.Path)
		if err != nil {
			return err
		}
		edit, err := t.Replace(at.Line, line)
		if err != nil {
			return err
		}
		p.revived(at.Path, edit)
		f.new = edit.Bytes
		p.keep(f, p.rule, "the job is put back as "+from+" has it")
		return nil
	}
	if file == "" {
		var err error
		if file, err = p.homeOf(line, want.User); err != nil {
			return err
		}
	}
	if now, _ := seen(p.in.Snapshot, file); now == nil {
		if whole == nil && spoolUser(file) == "" {
			return errNotHere{file + " is not there any more, and no earlier archive holds it"}
		}
		c, err := p.open(file, KindTable)
		if err != nil {
			return err
		}
		c.after.Mode = 0o644
		if u := spoolUser(file); u != "" {
			c.user, c.after.Mode = u, 0o600
			if a := p.account(u); a != nil {
				c.after.UID, c.after.GID = a.UID, a.GID
			}
		}
		c.new = []byte(line + "\n")
		if whole != nil {
			c.new, c.after.Mode, c.after.UID, c.after.GID = whole.Content, whole.Mode, whole.UID, whole.GID
		}
		p.keep(c, p.rule, "the table is gone: it is put back as "+from+" has it")
		return nil
	}
	f, t, err := p.table(file)
	if err != nil {
		return err
	}
	edit, err := t.Append(line)
	if err != nil {
		return err
	}
	p.revived(file, edit)
	f.new = edit.Bytes
	p.keep(f, p.rule, "the job is missing: it is put back as "+from+" has it")
	return nil
}

// homeOf says into which table a line belongs.
func (p *planner) homeOf(line, user string) (string, error) {
	t := cron.ParseTable([]byte(line+"\n"), cron.System, p.daemon(), cron.Options{Account: func(name string) (bool, bool) { return p.account(name) != nil, true }})
	if jobs := t.Jobs(); len(jobs) == 1 && p.account(jobs[0].User) != nil {
		return "/etc/crontab", nil
	}
	if user == "" {
		user = "root"
	}
	for _, dir := range []string{"/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/etc/crontabs", "/var/spool/cron"} {
		if f, _ := seen(p.in.Snapshot, dir); f != nil && f.Type == 'd' {
			return dir + "/" + user, nil
		}
	}
	return "", errNotHere{"where the tables of users are was not seen"}
}

// keptLine is a job's line as an earlier archive holds it.
type keptLine struct {
	line, file, archive string
	whole               *snapshot.File
}

func (p *planner) earlierLine(want *inventory.Expectation) *keptLine {
	if p.in.Earlier == nil {
		return nil
	}
	var found *keptLine
	p.in.Earlier(func(name string, s *snapshot.Snapshot) bool {
		opt := p.opt
		opt.Allow, opt.Expect = nil, []facts.Expectation{{Match: want.Match, User: want.User, Line: want.Line}}
		f := facts.From(s, opt)
		if len(f.Expected) != 1 || f.Expected[0].State != "present" || len(f.Expected[0].Evidence) == 0 {
			return true
		}
		at := f.Expected[0].Evidence[0]
		data, why := content(s, at.Path)
		lines := strings.Split(string(data), "\n")
		if why != "" || at.Line < 1 || at.Line > len(lines) {
			return true
		}
		found = &keptLine{line: strings.TrimRight(lines[at.Line-1], "\r"), file: at.Path, archive: name}
		found.whole, _ = seen(s, at.Path)
		return false
	})
	return found
}

// shipped reports whether a program is one of the system's own, by its place.
func shipped(file string) bool {
	for _, dir := range []string{"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/lib/", "/usr/lib/"} {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	return false
}

package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// jobs compares what schedulers run.
func (d *differ) jobs() {
	old, oldForms := formed(d.old.Facts.Jobs)
	new, newForms := formed(d.new.Facts.Jobs)
	found, capped := compare.Pair(oldForms, newForms)
	if capped {
		d.notCompared("so many jobs differ that not each was looked for among the altered ones: some of those that are called added and removed may be one job")
	}
	oldDone, newDone := make([]bool, len(old)), make([]bool, len(new))
	for i := range found {
		m := &found[i]
		oldDone[m.Old], newDone[m.New] = true, true
		d.job(old[m.Old], new[m.New], m)
	}
	d.mailed()
	for i, j := range old {
		if d.full {
			return
		}
		if oldDone[i] || d.doubted(d.new, "jobs", j.Path, "the job "+cron.Quote(short(j.Command))+" of "+j.User+", which is not seen any more") {
			continue
		}
		severity := policies.Medium
		if !j.Runs {
			severity = policies.Low
		}
		what := ""
		if why := d.commentedOut(j); why != "" {
			what, severity = ": "+why, policies.Medium
		}
		d.add(Change{Kind: "job", What: "removed", Severity: severity, Subject: j.Path, Old: evidence(j.Evidence),
			Message: fmt.Sprintf("the job %s of %s is gone%s", cron.Quote(short(j.Command)), j.User, what)})
	}
	for i, j := range new {
		if d.full {
			return
		}
		if newDone[i] || d.doubted(d.old, "jobs", j.Path, "the job "+cron.Quote(short(j.Command))+" of "+j.User+", which was not seen before") {
			continue
		}
		d.add(Change{Kind: "job", What: "added", Severity: atLeast(policies.Low, j.Severity), Subject: j.Path, New: evidence(j.Evidence),
			Message: fmt.Sprintf("a job of %s is new: %s, %s%s", j.User, cron.Quote(short(j.Command)), j.Schedule, oddness(j))})
	}
}

func formed(jobs []facts.Job) (out []*facts.Job, forms []compare.Form) {
	for i := range jobs {
		if jobs[i].Form != nil {
			out = append(out, &jobs[i])
			forms = append(forms, *jobs[i].Form)
		}
	}
	return out, forms
}

// atLeast raises a severity to that of a job's signs.
func atLeast(least policies.Severity, signs string) policies.Severity {
	s := policies.Severity(signs)
	if rank(s) > rank(least) {
		return s
	}
	return least
}

func oddness(j *facts.Job) string {
	var words []string
	words = append(words, j.Deceptive...)
	for _, s := range j.Signs {
		if s.Severity != "info" && s.Severity != "low" {
			words = append(words, s.Message)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "; " + strings.Join(words[:min(len(words), 3)], "; ")
}

// job compares a job with what it was.
func (d *differ) job(old, new *facts.Job, m *compare.Match) {
	c := Change{Kind: "job", What: "altered", Severity: policies.Low, Subject: new.Path, Old: evidence(old.Evidence), New: evidence(new.Evidence)}
	name := cron.Quote(short(new.Command)) + " of " + new.User
	more := also(old.Form, new.Form, m.How)
	switch m.How {
	case compare.Rewritten:
		switch {
		case m.Hair:
			c.Severity = policies.High
		case m.Where != compare.InArgument:
			c.Severity = policies.Medium
		}
		c.Severity = atLeast(c.Severity, new.Severity)
		c.Message = fmt.Sprintf("the job %s was altered: %s%s%s", name, Segments(m.Difference), more, oddness(new))
	case compare.MovedUser:
		c.Severity = policies.Medium
		if old.User == "root" || new.User == "root" {
			c.Severity = policies.High
		}
		c.Message = fmt.Sprintf("the job %s runs as %s, and ran as %s%s", cron.Quote(short(new.Command)), new.User, old.User, more)
	case compare.Rescheduled:
		c.Severity = rescheduled(old.Form, new.Form)
		c.Message = fmt.Sprintf("the job %s runs at other times: %s, and before %s", name, new.Schedule, old.Schedule)
	case compare.Reset:
		c.Severity = policies.Medium
		c.Message = fmt.Sprintf("the job %s runs with other settings: %s", name, settings(old.Form.Env, new.Form.Env))
	}
	if m.How != compare.Same {
		d.add(c)
	} else if old.Path != new.Path {
		c.Severity, c.Message = policies.Info, fmt.Sprintf("the job %s stands in another table, and before in %s", name, cron.Quote(old.Path))
		d.add(c)
	}
	switch {
	case old.Runs && !new.Runs:
		c.Severity, c.Message = policies.Medium, fmt.Sprintf("the job %s does not run any more: %s", name, new.Reason)
		d.add(c)
	case !old.Runs && new.Runs:
		c.Severity, c.Message = policies.Medium, fmt.Sprintf("the job %s runs now, and did not: %s", name, old.Reason)
		d.add(c)
	}
	if m.How == compare.Same || m.How == compare.Rescheduled {
		d.targets(new)
	}
	d.mail(old, new)
}

// mailChange is where the jobs of a table send their mail now, and sent it before.
type mailChange struct{ table, old, new string }

// mailJobs are the jobs of a table whose mail goes elsewhere.
type mailJobs struct {
	first, was *facts.Job
	n          int
}

// mail notes that a job's mail goes elsewhere. It is told once for a table, since
// one line above its jobs decides for all of them.
func (d *differ) mail(old, new *facts.Job) {
	change := mailChange{new.Path, recipient(old), recipient(new)}
	if change.old == change.new || old.User != new.User {
		return
	}
	if d.mails == nil {
		d.mails = map[mailChange]*mailJobs{}
	}
	if d.mails[change] == nil {
		d.mails[change] = &mailJobs{first: new, was: old}
	}
	d.mails[change].n++
}

func recipient(j *facts.Job) string {
	to, set := j.Environment["MAILTO"]
	switch {
	case !set:
		return cron.Quote(j.User)
	case to == "":
		return "nobody"
	}
	return cron.Quote(short(to))
}

func (d *differ) mailed() {
	changes := slices.SortedFunc(maps.Keys(d.mails), func(a, b mailChange) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.new, b.new), cmp.Compare(a.old, b.old))
	})
	for _, change := range changes {
		jobs, more := d.mails[change], ""
		if jobs.n > 1 {
			more = fmt.Sprintf(" and of %d more of its table", jobs.n-1)
		}
		d.add(Change{Kind: "job", What: "altered", Severity: policies.Low, Subject: change.table, Old: evidence(jobs.was.Evidence), New: evidence(jobs.first.Evidence),
			Message: fmt.Sprintf("the mail of the job %s of %s%s goes to %s, and went to %s", cron.Quote(short(jobs.first.Command)), jobs.first.User, more, change.new, change.old)})
	}
}

// also names what else differs in a job whose command or account does.
func also(old, new *compare.Form, how compare.Alteration) string {
	var parts []string
	if old.Times != new.Times {
		parts = append(parts, "other times")
	}
	if old.Env != new.Env {
		parts = append(parts, "other settings: "+settings(old.Env, new.Env))
	}
	if len(parts) == 0 || how == compare.Rescheduled || how == compare.Reset {
		return ""
	}
	return "; also " + strings.Join(parts, ", ")
}

func rescheduled(old, new *compare.Form) policies.Severity {
	switch {
	case new.PerDay == 0:
		return policies.High // it never runs
	case new.PerDay > old.PerDay && old.PerDay >= 0:
		return policies.Medium
	}
	return policies.Low
}

// settings names the lines of an environment that differ.
func settings(old, new string) string {
	had := strings.Split(old, "\n")
	has := strings.Split(new, "\n")
	if len(had)+len(has) > 1000 {
		return fmt.Sprintf("%d lines, and before %d", len(has), len(had))
	}
	var parts []string
	for _, line := range has {
		if line != "" && !slices.Contains(had, line) {
			parts = append(parts, cron.Quote(short(line)))
		}
	}
	for _, line := range had {
		if line != "" && !slices.Contains(has, line) {
			parts = append(parts, "no more "+cron.Quote(short(line)))
		}
	}
	return strings.Join(parts[:min(len(parts), 8)], ", ")
}

// targets compares the files that a job runs: the line looks innocent where they changed.
func (d *differ) targets(j *facts.Job) {
	for i := range j.Targets {
		p := j.Targets[i].Path
		if !strings.HasPrefix(p, "/") || d.looked[p] {
			continue
		}
		d.looked[p] = true // once, however many jobs run it
		a, b := d.old.Snapshot.Lookup(p), d.new.Snapshot.Lookup(p)
		if a == nil || b == nil || a.Type != b.Type {
			d.targetCame(j, p, a, b)
			continue
		}
		d.fileChanged("target", p, a, b, fmt.Sprintf("%s, which %s runs (%s:%d),", cron.Quote(p), j.User, cron.Quote(j.Path), j.Line))
	}
}

// targetCame tells that what a job runs is there, or is not there any more.
func (d *differ) targetCame(j *facts.Job, p string, a, b *snapshot.File) {
	if d.was == nil {
		d.was, d.is = existing(d.old.Facts.Jobs), existing(d.new.Facts.Jobs)
	}
	was, is := d.was[p], d.is[p]
	c := Change{Kind: "target", Severity: policies.Medium, Subject: p, Old: stated(a), New: stated(b)}
	switch {
	case was == "no" && is == "yes":
		c.What, c.Message = "added", fmt.Sprintf("%s, which %s runs (%s:%d), was not there before", cron.Quote(p), j.User, cron.Quote(j.Path), j.Line)
	case was == "yes" && is == "no":
		c.What, c.Message = "removed", fmt.Sprintf("%s, which %s runs (%s:%d), is gone", cron.Quote(p), j.User, cron.Quote(j.Path), j.Line)
	default:
		return
	}
	d.add(c)
}

// existing maps what jobs run to whether it exists.
func existing(jobs []facts.Job) map[string]string {
	out := map[string]string{}
	for i := range jobs {
		for k := range jobs[i].Targets {
			out[jobs[i].Targets[k].Path] = jobs[i].Targets[k].Exists
		}
	}
	return out
}

func stated(f *snapshot.File) *facts.Evidence {
	if f == nil {
		return nil
	}
	return &facts.Evidence{Path: f.Path, Text: fmt.Sprintf("mode %04o, uid %d, gid %d, %d bytes, inode %d, mtime %s, ctime %s",
		f.Mode, f.UID, f.GID, f.Size, f.Inode, nanoseconds(f.MTime), nanoseconds(f.CTime))}
}

// fileChanged tells how a file that was there before differs.
func (d *differ) fileChanged(kind, p string, a, b *snapshot.File, name string) {
	c := Change{Kind: kind, What: "altered", Severity: policies.Low, Subject: p, Old: stated(a), New: stated(b)}
	content := a.Size != b.Size
	if a.HasContent() && b.HasContent() && !content {
		content = !bytes.Equal(a.Content, b.Content)
	}
	sameTime := !a.MTime.IsZero() && a.MTime.Equal(b.MTime)
	// The first bytes alone were read of a program: a new mtime tells the rest.
	whole := a.HasContent() && b.HasContent() && !a.Truncated && !b.Truncated
	switch {
	case b.Type == 'd':
	case content && sameTime:
		c.Severity = policies.High
		c.Message = name + " has other bytes and the same time as before: its time was set back"
		d.add(c)
	case content:
		if compare.Unpackaged(p) && kind == "target" {
			c.Severity = policies.Medium
		}
		c.Message = name + " has other bytes" + replaced(a, b)
		d.add(c)
	case !sameTime && !whole && !a.MTime.IsZero() && !b.MTime.IsZero():
		c.Message = name + " was written again; whether its bytes are the same was not read" + replaced(a, b)
		d.add(c)
	}
	if a.Mode != b.Mode || a.UID != b.UID && a.UID >= 0 && b.UID >= 0 || a.GID != b.GID && a.GID >= 0 && b.GID >= 0 {
		if kind == "target" && (b.Mode&0o022 != 0 || b.UID > 0) {
			c.Severity = policies.Medium
		}
		c.Message = fmt.Sprintf("%s has another owner or mode: %04o %d:%d, and before %04o %d:%d", name, b.Mode, b.UID, b.GID, a.Mode, a.UID, a.GID)
		d.add(c)
	}
}

// replaced says how a file was written: a program that replaces it makes a new
// inode, one that appends to it does not.
func replaced(a, b *snapshot.File) string {
	switch {
	case a.Inode == 0 || b.Inode == 0:
		return ""
	case a.Inode != b.Inode || a.Dev != b.Dev:
		return ": another file stands in its place (new inode)"
	case a.HasContent() && b.HasContent() && !a.Truncated && bytes.HasPrefix(b.Content, a.Content):
		return ": something was appended to it (the same inode)"
	}
	return ": it was changed in place (the same inode)"
}

// tables compares users' tables and those below /etc as files: how they were
// written, whatever they say.
func (d *differ) tables() {
	origins := map[string]*facts.TableOrigin{}
	for i := range d.new.Facts.Origins {
		origins[d.new.Facts.Origins[i].Path] = &d.new.Facts.Origins[i]
	}
	each(d.old.Facts.Tables, d.new.Facts.Tables, func(t *facts.Table) string { return t.Path }, func(old, new *facts.Table) {
		switch {
		case new == nil:
			if !d.doubted(d.new, "tables", old.Path, "the table "+cron.Quote(old.Path)+", which is not seen any more") {
				d.add(Change{Kind: "table", What: "removed", Severity: policies.Low, Subject: old.Path, Old: evidence(old.Evidence),
					Message: fmt.Sprintf("the table %s is gone", cron.Quote(old.Path))})
			}
		case old == nil:
			if !d.doubted(d.old, "tables", new.Path, "the table "+cron.Quote(new.Path)+", which was not seen before") {
				d.add(Change{Kind: "table", What: "added", Severity: policies.Low, Subject: new.Path, New: evidence(new.Evidence),
					Message: fmt.Sprintf("the table %s is new%s", cron.Quote(new.Path), how(origins[new.Path]))})
			}
		default:
			a, b := d.old.Snapshot.Lookup(new.Path), d.new.Snapshot.Lookup(new.Path)
			if a != nil && b != nil && a.Type == b.Type {
				d.fileChanged("table", new.Path, a, b, "the table "+cron.Quote(new.Path)+how(origins[new.Path]))
			}
		}
	})
	const preload = "/etc/ld.so.preload"
	a, b := d.old.Snapshot.Lookup(preload), d.new.Snapshot.Lookup(preload)
	switch {
	case a == nil && b != nil && len(d.old.Snapshot.GapsFor(preload)) == 0 && d.old.Snapshot.Lookup("/etc") != nil:
		d.add(Change{Kind: "file", What: "added", Severity: policies.High, Subject: preload, New: stated(b), Message: preload + " is new: what it names is loaded into every program"})
	case a != nil && b != nil:
		d.fileChanged("file", preload, a, b, preload)
	}
}

func how(o *facts.TableOrigin) string {
	if o == nil || o.Message == "" {
		return ""
	}
	return " (" + o.Message + ")"
}

// maxSearched bounds the tables that are searched for a line that was commented out.
const maxSearched = 64

// commentedOut finds a job that is gone among the comments of its table.
func (d *differ) commentedOut(j *facts.Job) string {
	f := d.new.Snapshot.Lookup(j.Path)
	if d.searched++; d.searched > maxSearched || f == nil || !f.HasContent() || j.Command == "" {
		return ""
	}
	raw := strings.TrimSpace(j.Command)
	n := 0
	for line := range bytes.Lines(f.Content) {
		n++
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "#") && strings.HasSuffix(text, raw) {
			return fmt.Sprintf("its line is commented out, %s:%d", path.Base(j.Path), n)
		}
	}
	return ""
}

package facts

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

func (b *builder) anacrontab() {
	const p = "/etc/anacrontab"
	f := b.fs.lookup(p)
	data, ok, lacks := b.content(p)
	if lacks != "" {
		b.mayLack(p, lacks, "jobs", "tables")
	}
	if f == nil || !ok {
		return
	}
	t := Table{Path: p, Kind: "anacrontab", User: "root", Runs: true, Evidence: []Evidence{{Path: p, Text: b.ownerMode(f)}}}
	parsed := cron.ParseAnacrontab(data, cron.Options{Path: p, Scheduler: cron.SchedAnacron, User: "root"})
	t.Lost = int64(parsed.Lost())
	for i := range parsed.Entries {
		if e := &parsed.Entries[i]; e.Kind == cron.EntryBad {
			t.Reason = e.Reason
			b.badLine(&t, e, strings.TrimSpace(e.Raw), true, string(cron.SchedAnacron))
		}
	}
	b.f.Tables = append(b.f.Tables, t)
	for _, j := range parsed.Jobs() {
		if j.User == "" {
			j.User = "root"
		}
		b.job(j, true, "", string(cron.SchedAnacron))
	}
}

// atJobs reads one spool of at and batch.
func (b *builder) atJobs(dir string) {
	b.gaps("jobs", dir)
	for _, f := range b.fs.entries(dir) {
		name := path.Base(f.Path)
		if f.Type != 'f' || !cron.AtName(name) {
			continue
		}
		data, ok, lacks := b.content(f.Path)
		if lacks != "" {
			b.gap("jobs", f.Path, lacks)
		}
		if !ok {
			continue
		}
		j, ok := cron.ParseAt(name, data, cron.Options{Path: f.Path, Scheduler: cron.SchedAt})
		if !ok {
			continue
		}
		if uid, isUID := strings.CutPrefix(j.User, "uid="); isUID {
			if n, err := strconv.ParseInt(uid, 10, 64); err == nil {
				j.User = b.userName(n)
			}
		}
		read, why := cron.FileVerdict(cron.FileAt, name, b.meta(f, name), b.in.daemon)
		b.job(j, read != cron.No, why, string(cron.SchedAt))
	}
}

// unitDirs are systemd's, in its order: the first that has a unit wins (systemd.unit(5)).
var unitDirs = []string{
	"/etc/systemd/system", "/run/systemd/system", "/run/systemd/transient", "/run/systemd/generator",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
}

// timersShown takes what systemd says of its timers, but for the times at which
// they ran and will: these are other ones on every host.
func (b *builder) timersShown() {
	data, lacks := b.whole(snapshot.OutTimers)
	b.in.timersLacks, b.in.timersAsked = lacks, b.snap.Output(snapshot.OutTimers) != nil
	if data == nil {
		return
	}
	b.in.timers = make([]byte, 0, len(data))
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("NextElapseUSec")) || bytes.HasPrefix(line, []byte("LastTriggerUSec")) {
			continue
		}
		if at := bytes.Index(line, []byte(" ; next_elapse=")); at >= 0 && bytes.HasSuffix(line, []byte(" }\n")) && bytes.HasPrefix(line, []byte("Timers")) {
			b.in.timers = append(append(b.in.timers, line[:at]...), " }\n"...)
			continue
		}
		b.in.timers = append(b.in.timers, line...)
	}
}

// timers reads what systemd says of its timers, else the unit files.
func (b *builder) timers() {
	lacks := b.in.timersLacks
	found := cron.ParseTimers(b.in.timers)
	for _, j := range found {
		b.placeTimer(j)
		b.job(j, true, "", string(cron.SchedTimer))
	}
	asked := b.in.timersAsked
	switch {
	case lacks != "" && (asked || b.f.Host.Systemd):
		b.gap("jobs", snapshot.OutTimers, lacks)
	case asked && len(found) == 0:
		b.gap("jobs", snapshot.OutTimers, "systemctl named no timer")
	}
	if len(found) > 0 {
		return
	}
	b.timerFiles()
}

// placeTimer gives a timer that systemd named the file and the line of its time,
// as the unit file alone would. systemd names the file by the way that it came,
// which on a host where /lib is a link is not where the file is.
func (b *builder) placeTimer(j *cron.Job) {
	f := b.fs.resolve(j.Path)
	if f == nil && strings.HasPrefix(j.Path, "/lib/") {
		f = b.fs.resolve("/usr" + j.Path)
	}
	if f == nil || !f.HasContent() {
		return
	}
	j.Path = f.Path
	timer := b.unit(unitDirs, j.ID)
	if timer == nil {
		timer = cron.ParseUnit(f.Content)
	}
	starts := startedBy(timer, j.ID)
	for i, own := range cron.TimerJobs(j.ID, f.Path, timer, b.unit(unitDirs, starts), cron.Manager{}) {
		if i == 0 {
			j.Line, j.Env, j.Cwd = own.Line, own.Env, own.Cwd
		}
		if own.Step == j.Step && cron.SameExec(own, j) {
			j.Command, j.Raw, j.Flat, j.Note = own.Command, own.Raw, false, own.Note
			break
		}
	}
}

// expected says of each job that the inventory asks for how it stands.
func (b *builder) expected() {
	for _, e := range b.opt.Expect {
		state, which := cron.Expect(b.cronJobs, cron.Expectation{Match: e.Match, User: e.User, Line: e.Line})
		out := Expected{Match: e.Match, User: e.User, State: string(state)}
		if out.Match == "" {
			out.Match = e.Line
		}
		witness := "expected by " + e.Written
		if e.Line != "" && e.Line != out.Match {
			witness += " as " + e.Line
		}
		for _, i := range which {
			j := b.cronJobs[i]
			text := shown(j)
			if state == cron.ExpectNotRunning && j.Reason != "" {
				text += "; never: " + j.Reason
			}
			out.Evidence = append(out.Evidence, Evidence{Path: j.Path, Line: j.Line, Text: text, Witness: witness})
		}
		if state == cron.ExpectMissing {
			if off := b.commentedOut(e); len(off) > 0 {
				out.State = string(cron.ExpectDisabled)
				for _, j := range off {
					out.Evidence = append(out.Evidence, Evidence{Path: j.Path, Line: j.Line, Text: "# " + shown(j), Witness: witness})
				}
			}
		}
		if len(out.Evidence) == 0 {
			out.Evidence = []Evidence{{Text: "no job matches " + out.Match, Witness: witness}}
		}
		// What was not read may hold it.
		if state != cron.ExpectPresent && state != cron.ExpectDuplicated && len(b.f.Gaps["jobs"]) > 0 {
			out.State = "unknown"
			g := b.f.Gaps["jobs"][0]
			out.Evidence = append(out.Evidence, Evidence{Path: g.Path, Text: g.Reason, Witness: "what was not read may hold it"})
		}
		b.f.Expected = append(b.f.Expected, out)
	}
}

// maxExpectedOff bounds the commented lines that are shown for one expected job.
const maxExpectedOff = 5

// commentedOut finds an expected job among the comments of the tables.
func (b *builder) commentedOut(e Expectation) []*cron.Job {
	if b.comments == nil {
		b.comments = []*cron.Job{}
		for i := range b.f.Tables {
			t := &b.f.Tables[i]
			data, ok := b.fs.read(t.Path)
			if !ok {
				continue
			}
			form := cron.System
			if t.Kind == "spool" {
				form = cron.User
			}
			b.comments = append(b.comments, cron.CommentedOut(data, form, b.in.daemon, cron.Options{Path: t.Path, User: t.User})...)
		}
	}
	state, which := cron.Expect(b.comments, cron.Expectation{Match: e.Match, User: e.User, Line: e.Line})
	if state == cron.ExpectMissing || state == cron.ExpectWrongUser {
		return nil
	}
	var out []*cron.Job
	for _, i := range which[:min(len(which), maxExpectedOff)] {
		out = append(out, b.comments[i])
	}
	return out
}

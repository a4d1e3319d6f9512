package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// JobsJSON writes what schedulers run as one JSON document, each foreign string
// through [Inline]. Its form is given by [JobsSchema].
func JobsJSON(w io.Writer, j *audit.Jobs) error {
	facts.MapStrings(j, Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(j)
}

// JobsText writes what schedulers run for people: each job in words, the heaviest
// first, then in the order of the tables.
type JobsText struct {
	W       io.Writer
	Width   int
	Color   bool
	Verbose bool // also settings, directories and what was not resolved of plain jobs
	Hidden  int  // jobs that were left out, being lighter than what was asked for
}

// Write writes the jobs.
func (t *JobsText) Write(j *audit.Jobs) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color)}
	byHost := map[string][]*facts.ListedJob{}
	for i := range j.Jobs {
		byHost[j.Jobs[i].Host] = append(byHost[j.Jobs[i].Host], &j.Jobs[i])
	}
	for i := range j.Hosts {
		if i > 0 {
			p.space()
		}
		h := &j.Hosts[i]
		p.jobHost(h)
		p.hosts = h.Host != ""
		jobs := byHost[h.Host]
		slices.SortStableFunc(jobs, func(a, b *facts.ListedJob) int {
			x, _ := audit.JobLevel(a.Severity)
			y, _ := audit.JobLevel(b.Severity)
			return y - x
		})
		for _, job := range jobs {
			p.space()
			p.job(job, h.Zone)
		}
	}
	p.jobSum(j, t.Hidden)
	return w.Flush()
}

// standardInput is the name of the one table that was given there.
const standardInput = "-"

// jobHost writes the head of a host: which daemon reads its tables, what was not seen.
func (p *page) jobHost(h *audit.HostJobs) {
	if h.JobList == nil {
		p.para(0, p.strong(Name(h.Host))+": ", "not known: "+Inline(strings.TrimPrefix(h.Error, h.Host+": ")))
		return
	}
	text := "tables read as " + Inline(h.Daemon) + " does"
	if h.Version != "" {
		text += " (" + Inline(h.Version) + ")"
	}
	if len(h.Running) > 0 {
		text += ", running: " + Inline(strings.Join(h.Running, ", "))
	}
	switch h.Zone {
	case "":
		text += ", times are UTC (the host's zone is not known)"
	case "Local":
		text += ", times are this machine's"
	default:
		text += ", times are those of " + Inline(h.Zone)
	}
	label := ""
	if h.Host != "" {
		label = p.strong(Name(h.Host)) + "  "
	}
	p.para(0, label, text)
	for i := range h.Tables {
		t := &h.Tables[i]
		if t.Lost > 0 {
			n, verb := fmt.Sprintf("%d jobs", t.Lost), "run"
			if t.Lost == 1 {
				n, verb = "1 job", "runs"
			}
			if t.Path != standardInput {
				n += " of " + Path(t.Path)
			}
			p.para(2, p.level("high")+"  ", n+" never "+verb+": "+Inline(t.Reason))
		}
	}
	for i, g := range h.Gaps {
		if i == 5 && !p.verbose {
			p.line(2, fmt.Sprintf("and %d more gaps (-v shows them)", len(h.Gaps)-i))
			break
		}
		text := Inline(g.Reason)
		if g.Path != "" {
			text = Path(g.Path) + ": " + text
		}
		p.para(2, "not known: ", text)
	}
}

// job writes one job.
func (p *page) job(j *facts.ListedJob, zone string) {
	head := Place(j.Path, int(j.Line))
	if j.Path == standardInput {
		head = fmt.Sprintf("line %d", j.Line)
	}
	if j.User != "" {
		head += ", as " + Name(j.User)
	}
	level, _ := audit.JobLevel(j.Severity)
	label := ""
	if level > 1 {
		label = p.level(j.Severity) + "  "
	}
	p.para(2, label, p.strong(head))
	const in = 4
	when := j.Words
	if fields := oneBlank(j.Schedule); fields != "" && fields != j.Words {
		if when == "" || when == j.Schedule {
			when = fields
		} else {
			when += " (" + fields + ")"
		}
	}
	if when != "" {
		p.para(in, "when    ", Inline(when))
	}
	if len(j.Next) > 0 {
		p.para(in, "next    ", nextText(j.Next)+zoneText(j.Zone, zone))
	}
	p.para(in, "runs    ", Inline(j.Command))
	if j.Stdin != "" {
		p.para(in, "input   ", Inline(j.Stdin))
	}
	if !j.Runs || j.Fate == "runs-otherwise" {
		what := ""
		if !j.Runs {
			what = "does not run: "
		}
		why := j.Reason
		if why == "" {
			why = "the reason is not known"
		}
		p.para(in, "but     ", p.strong(what)+Inline(why))
	}
	for i := range j.Targets {
		p.jobTarget(&j.Targets[i], level > 1)
	}
	for _, d := range j.Deceptive {
		p.para(in, "name    ", literal(d))
	}
	for _, s := range j.Signs {
		n, _ := audit.JobLevel(s.Severity)
		if n <= 1 && level <= 1 && !p.verbose {
			continue
		}
		p.para(in, "odd     ", p.level(s.Severity)+": "+literal(s.Message)+" ["+s.ID+" "+strings.Join(s.Attack, " ")+"]")
	}
	for _, n := range j.Notes {
		p.para(in, "note    ", literal(n))
	}
	if len(j.Environment) > 0 {
		names := make([]string, 0, len(j.Environment))
		for k := range j.Environment {
			names = append(names, k)
		}
		sort.Strings(names)
		var b strings.Builder
		for i, k := range names {
			if i > 0 {
				b.WriteByte(' ')
			}
			if i == 20 && !p.verbose {
				fmt.Fprintf(&b, "and %d more", len(names)-i)
				break
			}
			b.WriteString(Name(k) + "=" + Name(j.Environment[k]))
		}
		p.para(in, "env     ", b.String())
	}
	if p.verbose || level > 1 {
		if j.Directory != "" {
			p.para(in, "in      ", Path(j.Directory)+", looking for commands in "+Inline(j.Search))
		}
	}
	if p.verbose || level > 1 || strings.HasPrefix(j.Mail, "no mail: MAILTO") {
		if j.Mail != "" {
			p.para(in, "output  ", Inline(j.Mail))
		}
	}
	for i, u := range j.Unresolved {
		if i == 3 && !p.verbose {
			p.line(in, fmt.Sprintf("and %d more things that cannot be told before it runs", len(j.Unresolved)-i))
			break
		}
		p.para(in, "unknown ", Inline(u))
	}
}

// level is a severity in its colour.
func (p *page) level(s string) string { return p.palette.severity(policies.Severity(s), s) }

// jobTarget writes what is known of a file that a job runs. A program that is
// there, root's and no surprise needs no line of its own.
func (p *page) jobTarget(t *facts.ListedTarget, odd bool) {
	if t.Exists == "unknown" && t.Owner == "" && !p.hosts && !p.verbose {
		return // of a table alone nothing is known
	}
	if t.Exists == "unknown" && !p.verbose && !odd || t.Reason != "" && t.Exists == "unknown" {
		return
	}
	if !odd && !p.verbose && t.Exists == "yes" && t.Owner == "root" && len(t.Ways) == 0 {
		return
	}
	var parts []string
	switch t.Exists {
	case "no":
		parts = append(parts, "does not exist")
	case "unknown":
		parts = append(parts, "was not looked at")
	default:
		what := t.Kind
		if what == "" || t.Type != "file" {
			what = t.Type
		}
		parts = append(parts, either(what, "exists"), Name(t.Owner)+":"+Name(t.Group)+" "+t.Mode)
		if m, err := time.Parse(time.RFC3339Nano, t.Modified); err == nil {
			parts = append(parts, "written "+m.Format("2006-01-02 15:04"))
		}
		if t.Package != "" {
			parts = append(parts, "of package "+t.Package)
		}
	}
	p.para(4, "file    ", Path(t.Path)+": "+Inline(strings.Join(parts, ", ")))
	for _, w := range t.Ways {
		p.para(6, p.level("high")+"  ", Path(w.Path)+" may be written by "+Inline(w.Who))
	}
}

func either(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// nextText joins times and says each day once: "Tue 2026-11-24 06:25, 06:30".
func nextText(times []string) string {
	var b strings.Builder
	day := ""
	seconds := slices.ContainsFunc(times, func(text string) bool {
		t, err := time.Parse(time.RFC3339, text)
		return err == nil && t.Second() != 0
	})
	for i, text := range times {
		t, err := time.Parse(time.RFC3339, text)
		switch {
		case i > 0:
			b.WriteString(", ")
		}
		if err != nil {
			b.WriteString(Inline(text)) // anacron's are days
			continue
		}
		if d := t.Format("Mon 2006-01-02 "); d != day {
			day = d
			b.WriteString(d)
		}
		if seconds {
			b.WriteString(t.Format("15:04:05"))
		} else {
			b.WriteString(t.Format("15:04"))
		}
		if i > 0 && i < len(times) {
			if was, err := time.Parse(time.RFC3339, times[i-1]); err == nil {
				_, before := was.Zone()
				if _, now := t.Zone(); before != now {
					b.WriteString(t.Format(" (UTC-07:00)"))
				}
			}
		}
	}
	return b.String()
}

func zoneText(zone, host string) string {
	if zone == "" || zone == host {
		return ""
	}
	return " (" + Inline(zone) + ")"
}

// jobSum writes the counts.
func (p *page) jobSum(j *audit.Jobs, hidden int) {
	odd := map[string]int{}
	dead := 0
	for i := range j.Jobs {
		odd[j.Jobs[i].Severity]++
		if !j.Jobs[i].Runs {
			dead++
		}
	}
	text := fmt.Sprintf("%d jobs", len(j.Jobs))
	if len(j.Jobs) == 1 {
		text = "1 job"
	}
	var parts []string
	for _, s := range []string{"critical", "high", "medium", "low"} {
		parts = append(parts, fmt.Sprintf("%d %s", odd[s], s))
	}
	if c := counts(parts...); c != "" {
		text += "; odd: " + c
	}
	if dead > 0 {
		text += "; " + counted(dead, "does not run", "do not run")
	}
	if hidden > 0 {
		text += fmt.Sprintf("; %d lighter ones are not shown", hidden)
	}
	p.space()
	p.line(0, text)
}

// oneBlank writes a schedule with a blank between its fields, as /etc/crontab has
// tabs there. Anything else stays what it is, for Inline to show.
func oneBlank(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' }), " ")
}

package report

import (
	"strconv"

	"github.com/postern-ssh/postern/audit"
)

func sinceToJSON(s *audit.Since, mask masker) *jsonSince {
	if s == nil {
		return nil
	}
	some := func(in []audit.SinceFinding) list[jsonSinceFinding] {
		out := make(list[jsonSinceFinding], len(in))
		for i, f := range in {
			out[i] = jsonSinceFinding{Inline(f.Host), Inline(f.Rule), Inline(string(f.Severity)), Inline(f.Fingerprint), mask.inline(f.Message), Inline(f.Then)}
		}
		return out
	}
	return &jsonSince{Run: Inline(s.Run), Start: stamp(s.Start), New: some(s.New), Changed: some(s.Changed), Gone: some(s.Gone),
		Unsure: some(s.Unsure), Open: s.Open, Absent: inlineAll(s.Absent)}
}

func (v *values) since(j *jsonSince) *audit.Since {
	some := func(field string, in list[jsonSinceFinding]) []audit.SinceFinding {
		var out []audit.SinceFinding
		for i := range in {
			f := &in[i]
			out = append(out, audit.SinceFinding{Host: v.text(field, f.Host), Rule: v.text(field, f.Rule), Severity: oneOf(v, field, f.Severity, severities),
				Fingerprint: v.text(field, f.Fingerprint), Message: v.text(field, f.Message), Then: v.text(field, f.Then)})
		}
		return out
	}
	s := &audit.Since{Run: v.text("run", j.Run), New: some("new", j.New), Changed: some("changed", j.Changed), Gone: some("gone", j.Gone),
		Unsure: some("unsure", j.Unsure), Open: v.count("open", j.Open), Absent: v.texts("absent", j.Absent)}
	if j.Start != "" {
		s.Start = v.stamp("start", j.Start)
	}
	return s
}

// mostSince bounds the findings of one kind that stand in the text report.
const mostSince = 20

// since writes what changed since an earlier run, on top of the report.
func (p *page) since(s *audit.Since) {
	if s == nil {
		return
	}
	parts := counts(strconv.Itoa(len(s.New))+" new", strconv.Itoa(len(s.Changed))+" in other places", strconv.Itoa(len(s.Gone))+" gone",
		strconv.Itoa(len(s.Unsure))+" not known", strconv.Itoa(s.Open)+" still open")
	if parts == "" {
		parts = "no finding, then or now"
	}
	p.title("Since " + Inline(s.Run))
	p.line(0, parts)
	p.sinceList("new", s.New)
	p.sinceList("other places", s.Changed)
	p.sinceList("gone", s.Gone)
	p.sinceList("not known", s.Unsure)
	if len(s.Absent) > 0 {
		p.line(2, plural(len(s.Absent), "host", "hosts")+" of that run not asked now: "+p.names(s.Absent))
	}
}

func (p *page) names(names []string) string {
	text := ""
	for i, n := range names {
		if i == mostSince && !p.verbose {
			return text + " and " + strconv.Itoa(len(names)-i) + " more"
		}
		if i > 0 {
			text += ", "
		}
		text += Name(n)
	}
	return text
}

func (p *page) sinceList(label string, findings []audit.SinceFinding) {
	for i := range findings {
		f := &findings[i]
		if i == mostSince && !p.verbose {
			p.line(2, "and "+strconv.Itoa(len(findings)-i)+" more "+label+" (-v lists them)")
			return
		}
		text := p.mask.bound(f.Message, boundMessage)
		if f.Host != "" {
			text = Name(f.Host) + ": " + text
		}
		text += " [" + Inline(f.Rule) + "]"
		if f.Then != "" {
			text += " (" + Inline(f.Then) + ")"
		}
		p.para(2, label+"  "+p.severityWord(f.Severity)+"  ", text)
	}
}

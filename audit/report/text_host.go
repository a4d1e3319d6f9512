package report

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/policies"
)

// host writes one host, or several that are alike.
func (p *page) host(g *group) {
	p.space()
	head := p.palette.bold.Sprint("==") + " " + p.hostNames(g) + ", " + p.palette.state(g.state) + ", " + p.standing(g.score)
	if g.score.Known {
		head += ", coverage " + percent(g.score.Coverage)
	}
	p.line(0, head)
	if about := p.about(g); about != "" {
		p.line(2, about)
	}
	if g.reason != "" {
		p.para(2, "why   ", g.reason)
	}
	if g.hint != "" {
		p.para(2, "do    ", g.hint)
	}
	if len(g.names) > 1 && !g.samePlaces {
		p.line(2, "the places below are "+g.name+"'s; the others' differ and stand in the JSON")
	}
	for i := range g.outcomes {
		if o := &g.outcomes[i]; o.verdict == policies.Fail {
			p.finding(g, o)
		}
	}
	p.unknowns(g)
	p.waived(g)
	p.quiet(g)
}

// about says how the host was read and how its score comes about.
func (p *page) about(g *group) string {
	var parts []string
	if s := g.score; s.Known {
		part := "passed " + strconv.Itoa(s.Passed) + " of " + strconv.Itoa(s.Total) + " points"
		if s.Capped {
			part += ", held at D by a critical finding"
		}
		parts = append(parts, part)
	}
	if len(g.names) > 1 {
		return strings.Join(parts, "; ")
	}
	if g.account != "" {
		part := "read as " + g.account
		switch g.privilege {
		case "sudo":
			part += " through sudo"
		case "none":
			part += " without root's rights"
		}
		parts = append(parts, part)
	}
	if d := g.offset.Round(time.Second); d >= 5*time.Second {
		parts = append(parts, "its clock is "+d.String()+" ahead of ours")
	} else if d <= -5*time.Second {
		parts = append(parts, "its clock is "+(-d).String()+" behind ours")
	}
	return strings.Join(parts, "; ")
}

// finding writes what is open, where it shows, for whom, and what to do.
func (p *page) finding(g *group, o *seenOutcome) {
	p.space()
	p.para(2, p.severityWord(o.severity)+"  ", sentence(o))
	if o.reason != "" {
		p.para(4, "note  ", o.reason)
	}
	p.evidence(4, o)
	p.remedy(g, o)
}

func (p *page) evidence(indent int, o *seenOutcome) {
	for _, e := range o.evidence {
		switch {
		case e.place == "" && e.text != "":
			p.para(indent, "seen  ", e.text)
		case e.place != "" && e.text == "":
			p.para(indent, "at    ", e.place)
		case e.place != "" && (p.width <= 0 || indent+6+len(e.place)+2+len(e.text) <= p.width):
			p.para(indent, "at    ", e.place+"  "+e.text)
		case e.place != "":
			p.para(indent, "at    ", e.place)
			p.para(indent+6, "", e.text)
		}
		if e.witness != "" && e.witness != o.message {
			p.para(indent+6, "-> ", e.witness)
		}
	}
	if o.more > 0 {
		p.para(indent+6, "", "and "+plural(o.more, "more place", "more places"))
	}
}

// remedy is written where it comes up first; later findings point there.
func (p *page) remedy(g *group, o *seenOutcome) {
	if o.remedy == "" {
		return
	}
	if first, ok := p.remedies[o.remedy]; ok {
		where := "as for " + first.rule
		if first.host != g.name {
			where += " on " + first.host
		}
		p.para(4, "do    ", where)
		return
	}
	p.remedies[o.remedy] = shown{g.name, o.rule}
	for i, line := range strings.Split(o.remedy, "\n") {
		label := "do    "
		if i > 0 {
			label = "      "
		}
		if line == "" {
			continue
		}
		p.para(4, label, line)
	}
}

// sentence is what a rule says, with its id for `postern explain`.
func sentence(o *seenOutcome) string {
	if o.message == "" {
		return o.rule
	}
	return o.message + " (" + o.rule + ")"
}

// unknowns folds what could not be judged by its reason.
func (p *page) unknowns(g *group) {
	var order []string
	rules := map[string][]string{}
	n := 0
	for i := range g.outcomes {
		o := &g.outcomes[i]
		if o.verdict != policies.Unknown {
			continue
		}
		n++
		reason := o.reason
		if reason == "" {
			reason = o.message
		}
		if reason == "" {
			reason = "no reason is known"
		}
		reason = p.brief(reason)
		if rules[reason] == nil {
			order = append(order, reason)
		}
		rules[reason] = append(rules[reason], o.rule+" ("+Bound(string(o.severity), 20)+")")
	}
	if n == 0 {
		return
	}
	p.space()
	p.para(2, "unknown   ", plural(n, "rule", "rules")+" could not be judged; the score counts "+oneOrMany(n, "it", "them")+" as not passed")
	for _, reason := range order {
		p.para(4, "why   ", reason)
		p.para(4, "      ", strings.Join(rules[reason], ", "))
	}
}

// briefReason is how much of a reason the text shows: about three lines.
const briefReason = 200

// brief cuts a reason at a word; the JSON has all of it.
func (p *page) brief(reason string) string {
	if p.verbose || len(reason) <= briefReason {
		return reason
	}
	// Between two words no escape is cut.
	cut := strings.LastIndexByte(reason[:briefReason], ' ')
	if cut < briefReason/2 {
		return reason // one long word: wrapped like any other
	}
	return strings.TrimRight(reason[:cut], " ,;:") + " ... (more with -v)"
}

// waived names what somebody answers for.
func (p *page) waived(g *group) {
	for i := range g.outcomes {
		o := &g.outcomes[i]
		if o.verdict != policies.Waived {
			continue
		}
		p.space()
		p.para(2, "waived    ", o.message+" ("+o.rule+", "+Bound(string(o.severity), 20)+")")
		if o.reason != "" {
			p.para(4, "why   ", o.reason)
		}
	}
}

// quiet counts what needs nobody's attention, and lists it when asked.
func (p *page) quiet(g *group) {
	if g.passed+g.notApplicable == 0 {
		return
	}
	p.space()
	p.line(2, counts(plural(g.passed, "rule passes", "rules pass"), plural(g.notApplicable, "does not apply", "do not apply")))
	if !p.verbose {
		return
	}
	for i := range g.outcomes {
		o := &g.outcomes[i]
		switch o.verdict {
		case policies.Pass:
			p.para(4, "pass  ", sentence(o))
			p.evidence(10, o)
		case policies.NotApplicable:
			p.para(4, "n/a   ", o.rule)
		}
	}
}

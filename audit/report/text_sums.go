package report

import (
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// sums writes the counts, how the score is made, and what to do next.
func (p *page) sums(f *audit.Fleet, looked, missed []*group) {
	s := f.Summary
	p.title("SUMS")
	hosts := p.states(s.Hosts)
	if hosts == "" {
		hosts = "none"
	}
	p.para(2, "hosts     ", hosts)
	found := bySeverity(s.Findings)
	if found == "" {
		found = "none"
	}
	p.para(2, "findings  ", found)
	var parts []string
	for _, v := range verdicts {
		parts = append(parts, strconv.Itoa(s.Outcomes[v])+" "+string(v))
	}
	if all := counts(parts...); all != "" {
		p.para(2, "outcomes  ", all)
	}
	if s.Expired > 0 {
		p.para(2, "waivers   ", plural(s.Expired, "has run out and counts as a finding", "have run out and count as findings"))
	}
	if s.Score.Known && len(looked) > 0 {
		p.para(2, "score     ", howScored())
	}
	p.para(2, "exit      ", exitWords(s.Exit))
	p.para(2, "next      ", p.next(looked, missed, s))
}

// howScored lets a person redo the score by hand.
func howScored() string {
	var weights []string
	for _, s := range severities {
		weights = append(weights, string(s)+" "+strconv.Itoa(s.Weight()))
	}
	g := scoring().Grades
	return "100 x points passed / points passed, failed or unknown; a rule has the points of its severity (" +
		strings.Join(weights, ", ") + "); waived and not-applicable rules count in neither; a failing critical holds a host at " +
		tenths(audit.Cap) + ", grade D. A from " + whole(g.A) + ", B " + whole(g.B) + ", C " + whole(g.C) + ", D " + whole(g.D) +
		". The fleet's score is the mean of its hosts; one that was not looked at counts 0."
}

func whole(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func exitWords(code int) string {
	words := map[int]string{
		0: "no finding at or above --fail-on",
		1: "findings at or above --fail-on, or waivers that have run out",
		3: "no finding at or above --fail-on, but something that matters could not be judged",
	}[code]
	if words == "" {
		return strconv.Itoa(code)
	}
	return strconv.Itoa(code) + ": " + words
}

// byFix is how postern fix is told of the host; "" it is a folder, an archive or this
// machine, which nothing is applied to.
func (g *group) byFix() string {
	switch {
	case g.account == "" || strings.ContainsAny(g.address, "/ ") || strings.HasSuffix(g.address, ".pst"):
		return ""
	case g.address == g.name && !strings.Contains(g.name, "@"): // named on the command line
		return g.account + "@" + g.name
	}
	return g.name
}

// next names the first thing to do, and the second.
func (p *page) next(looked, missed []*group, s audit.Summary) string {
	var steps []string
	for _, g := range looked {
		if g.worstFailed && g.worst != policies.Info {
			step := someNames(g.names, false) + ": `postern explain " + g.worstRule + "` says what is behind the worst finding"
			if host := g.byFix(); host != "" {
				step += ", and `postern fix " + host + "` what can be mended"
			}
			steps = append(steps, step)
			break
		}
	}
	if len(missed) > 0 {
		var hosts []string
		for _, g := range missed {
			hosts = append(hosts, g.names...)
		}
		steps = append(steps, "find out why "+someNames(hosts, false)+" could not be looked at, and audit again")
	}
	if len(steps) == 0 {
		switch {
		case len(looked) == 0:
			return "name hosts on the command line, or an inventory with -i"
		case s.Outcomes[policies.Unknown] > 0:
			return "give the audit account the rights that the reasons above ask for, and audit again"
		}
		return "nothing has to be done"
	}
	return strings.Join(steps, "; then ")
}

package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// head writes the fleet in a line, the findings in another, and which run it was.
func (p *page) head(r *audit.Run, f *audit.Fleet) {
	s := f.Summary
	total := 0
	for _, n := range s.Hosts {
		total += n
	}
	if total == 0 {
		p.line(0, p.palette.bold.Sprint("Fleet")+": no host was looked at, so nothing is known")
	} else {
		p.line(0, p.palette.bold.Sprint("Fleet")+": "+p.standing(s.Score)+"; "+plural(total, "host", "hosts")+": "+p.states(s.Hosts))
		p.line(0, findings(s))
	}
	var words []string
	if r.Tool != "" {
		words = append(words, "postern "+Bound(r.Tool, boundName))
	}
	if r.Catalogue != "" {
		c := "catalogue " + Bound(r.Catalogue, boundName)
		if r.Hash != "" {
			c += " (" + Bound(r.Hash[:min(len(r.Hash), 8)], 40) + ")"
		}
		words = append(words, c)
	}
	if r.Profile != "" {
		words = append(words, "profile "+name(r.Profile))
	}
	if !r.Start.IsZero() {
		words = append(words, r.Start.UTC().Format("2006-01-02 15:04Z"))
	}
	if len(words) > 0 {
		p.line(0, strings.Join(words, ", "))
	}
	if n := len(r.Scope.Excluded); n > 0 {
		p.line(0, "left out on request: "+someNames(names(r.Scope.Excluded), p.verbose))
	}
}

func (p *page) states(hosts map[audit.State]int) string {
	var parts []string
	for _, s := range states {
		if n := hosts[s]; n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+p.palette.state(s))
		}
	}
	return strings.Join(parts, ", ")
}

// findings says how much is open, unknown and waived.
func findings(s audit.Summary) string {
	failed := s.Outcomes[policies.Fail]
	var b strings.Builder
	if failed == 0 {
		b.WriteString("no finding")
	} else {
		b.WriteString(plural(failed, "finding", "findings") + ": " + bySeverity(s.Findings))
	}
	if n := s.Outcomes[policies.Unknown]; n > 0 {
		b.WriteString("; " + strconv.Itoa(n) + " unknown")
	}
	if n := s.Outcomes[policies.Waived]; n > 0 {
		b.WriteString("; " + strconv.Itoa(n) + " waived")
	}
	if s.Expired > 0 {
		b.WriteString("; " + plural(s.Expired, "waiver has", "waivers have") + " run out")
	}
	return b.String()
}

func bySeverity(n map[policies.Severity]int) string {
	var parts []string
	for _, s := range severities {
		parts = append(parts, strconv.Itoa(n[s])+" "+string(s))
	}
	return counts(parts...)
}

// missed names the hosts that nobody could look at, before anything else: a dead
// node is what the story behind this tool began with.
func (p *page) missed(groups []*group) {
	if len(groups) == 0 {
		return
	}
	p.title("NOT LOOKED AT")
	for _, g := range groups {
		p.line(2, p.hostNames(g)+", "+p.palette.state(g.state))
		reason := g.reason
		if reason == "" {
			reason = "no reason is known"
		}
		if g.stage != "" {
			reason = "at " + g.stage + ": " + reason
		}
		p.para(4, "", reason)
		if g.hint != "" {
			p.para(4, "do  ", g.hint)
		}
	}
}

// hostNames gives the name with the address of one host, the names and the number of several.
func (p *page) hostNames(g *group) string {
	if len(g.names) == 1 {
		s := p.strong(g.name)
		if g.address != `""` && g.address != g.name {
			s += " (" + g.address + ")"
		}
		return s
	}
	return p.strong(someNames(g.names, p.verbose)) + " (" + strconv.Itoa(len(g.names)) + " hosts alike)"
}

// open is a rule that fails somewhere.
type open struct {
	rule     string
	severity policies.Severity
	hosts    []string
}

// fleet writes what only shows across hosts, and which rules fail where.
func (p *page) fleet(f *audit.Fleet, looked, missed []*group) {
	absent := map[string]bool{}
	for _, g := range missed {
		for _, n := range g.names {
			absent[n] = true
		}
	}
	titled := false
	for _, o := range sorted(f.Outcomes, compareFleetOutcomes) {
		hosts := names(o.Hosts)
		v := verdict(o.Verdict)
		if v != policies.Fail && v != policies.Unknown {
			continue
		}
		if v == policies.Unknown && len(hosts) > 0 && !slices.ContainsFunc(hosts, func(n string) bool { return !absent[n] }) {
			continue // named above already
		}
		if !titled {
			p.title("ACROSS THE FLEET")
			titled = true
		}
		label := "unknown"
		if v == policies.Fail {
			label = p.severityWord(o.Severity)
		}
		p.para(2, label+"  ", p.mask.bound(o.Message, boundMessage)+" ("+name(o.Rule)+")")
		if len(hosts) > 0 {
			p.para(4, "on    ", someNames(hosts, p.verbose))
		}
		if o.Reason != "" {
			p.para(4, "why   ", p.mask.bound(o.Reason, boundMessage))
		}
	}
	p.table(looked)
}

// table lists the failing rules with their hosts, where there is more than one host.
func (p *page) table(looked []*group) {
	hosts, wide := 0, 0
	byRule := map[string]*open{}
	var rules []*open
	for _, g := range looked {
		hosts += len(g.names)
		last := ""
		for i := range g.outcomes {
			o := &g.outcomes[i]
			if o.verdict != policies.Fail || o.rule == last {
				continue
			}
			last = o.rule
			r := byRule[o.rule]
			if r == nil {
				r = &open{rule: o.rule, severity: o.severity}
				byRule[o.rule] = r
				rules = append(rules, r)
				wide = max(wide, len(o.rule))
			}
			r.hosts = append(r.hosts, g.names...)
		}
	}
	if hosts < 2 || len(rules) == 0 {
		return
	}
	slices.SortStableFunc(rules, func(a, b *open) int {
		if c := cmp.Compare(rank(severities, a.severity), rank(severities, b.severity)); c != 0 {
			return c
		}
		if c := cmp.Compare(len(b.hosts), len(a.hosts)); c != 0 {
			return c
		}
		return cmp.Compare(a.rule, b.rule)
	})
	wide = min(wide, 32)
	p.title("OPEN, BY RULE (of " + strconv.Itoa(hosts) + " hosts looked at)")
	for _, r := range rules {
		pad := strings.Repeat(" ", max(wide-len(r.rule), 0))
		number := strconv.Itoa(len(r.hosts))
		number = strings.Repeat(" ", max(len(strconv.Itoa(hosts))-len(number), 0)) + number
		p.para(2, p.severityWord(r.severity)+"  "+r.rule+pad+"  "+number+"  ", someNames(r.hosts, p.verbose))
	}
}

// severityWord is the severity in eight columns; the two that cannot wait are loud.
func (p *page) severityWord(s policies.Severity) string {
	word := Bound(string(s), 20)
	if s == policies.Critical || s == policies.High {
		word = strings.ToUpper(word)
	}
	return p.palette.severity(s, word) + strings.Repeat(" ", max(8-len(word), 0))
}

func names(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = name(s)
	}
	return out
}

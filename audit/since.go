package audit

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/postern-ssh/postern/policies"
)

// Since is what a run found that an earlier one had not, and the other way round.
type Since struct {
	Run     string    // the earlier run
	Start   time.Time // when it began
	New     []SinceFinding
	Changed []SinceFinding // the rule failed then too, in other places
	Gone    []SinceFinding
	Unsure  []SinceFinding // failed then, and could not be judged now
	Open    int            // failed then and still fails, in the same places
	Absent  []string       // hosts of the earlier run that this one was not asked to look at
}

// SinceFinding is a finding of one of the two runs.
type SinceFinding struct {
	Host        string // "": the fleet
	Rule        string
	Severity    policies.Severity
	Fingerprint string
	Message     string
	Then        string   // of a new one: what was said of the rule in the earlier run, in words
	Hosts       []string // of one about the fleet: the hosts that it is about
}

// Before is an earlier run, as far as a later one is compared with it.
type Before struct {
	Run   string
	Start time.Time
	Hosts map[string]*BeforeHost // "": the fleet
}

// BeforeHost is a host in it.
type BeforeHost struct {
	State    State
	Verdicts map[string]policies.Verdict // by rule; of several the worst
	Findings []SinceFinding              // what failed
}

// Add takes an outcome of the earlier run in.
func (h *BeforeHost) Add(o SinceFinding, v policies.Verdict) {
	if h.Verdicts == nil {
		h.Verdicts = map[string]policies.Verdict{}
	}
	if was, ok := h.Verdicts[o.Rule]; !ok || was != policies.Fail {
		h.Verdicts[o.Rule] = v
	}
	if v == policies.Fail {
		h.Findings = append(h.Findings, o)
	}
}

// Comparison is a [Handler] that compares a run with an earlier one while it
// happens, and puts the result into the fleet record. It has to stand before the
// handlers that write it.
type Comparison struct {
	before *Before
	since  Since
	seen   map[string]bool // hosts that this run was asked to look at
	read   map[string]bool // those that it read; true: with all their jobs
}

// CompareWith makes a comparison.
func CompareWith(b *Before) *Comparison {
	return &Comparison{before: b, since: Since{Run: b.Run, Start: b.Start}, seen: map[string]bool{}, read: map[string]bool{}}
}

// Begin implements Handler.
func (c *Comparison) Begin(*Run) error { return nil }

// Host implements Handler.
func (c *Comparison) Host(h *Host) error {
	now := &BeforeHost{State: h.State}
	for i := range h.Outcomes {
		o := &h.Outcomes[i]
		now.Add(SinceFinding{Host: h.Name, Rule: o.Rule, Severity: o.Severity, Fingerprint: o.Fingerprint, Message: o.Message}, o.Verdict)
	}
	if lookedAt(h.State) {
		c.read[h.Name] = h.Facts == nil || jobsWhole(h.Facts)
	}
	c.host(h.Name, now)
	return nil
}

// lookedAt tells hosts of which something was read.
func lookedAt(s State) bool { return s == Audited || s == Partial }

// host compares one host.
func (c *Comparison) host(name string, now *BeforeHost) {
	c.seen[name] = true
	then := c.before.Hosts[name]
	if then == nil {
		then = &BeforeHost{}
	}
	was := make(map[string]bool, len(then.Findings))
	failed := make(map[string]bool, len(then.Findings))
	for i := range then.Findings {
		was[then.Findings[i].Fingerprint] = true
		failed[then.Findings[i].Rule] = true
	}
	is := make(map[string]bool, len(now.Findings))
	fails := make(map[string]bool, len(now.Findings))
	for _, f := range now.Findings {
		is[f.Fingerprint] = true
		fails[f.Rule] = true
		switch {
		case was[f.Fingerprint]:
			c.since.Open++
		case failed[f.Rule] && name != "":
			c.since.Changed = append(c.since.Changed, f)
		default:
			f.Then = c.then(name, then, &f)
			f.Hosts = nil
			c.since.New = append(c.since.New, f)
		}
	}
	for _, f := range then.Findings {
		if is[f.Fingerprint] || fails[f.Rule] && name != "" {
			continue
		}
		v, judged := now.Verdicts[f.Rule]
		sure := judged && v != policies.Unknown && v != ""
		if name == "" { // of a rule about the fleet nothing is told where it passes
			sure = c.again(&f)
		}
		if sure {
			c.since.Gone = append(c.since.Gone, f)
		} else {
			c.since.Unsure = append(c.since.Unsure, f)
		}
	}
}

// again reports whether this run could have found anew what the earlier one said of
// hosts together. What sets a host apart from its peers shows only beside all of them.
func (c *Comparison) again(f *SinceFinding) bool {
	peers := isPeerRule(f.Rule)
	for _, name := range f.Hosts {
		if jobs, read := c.read[name]; !read || peers && !jobs {
			return false
		}
	}
	if peers {
		for name, h := range c.before.Hosts {
			if _, read := c.read[name]; !read && lookedAt(h.State) {
				return false
			}
		}
	}
	return true
}

// then says what the earlier run said of a rule that fails now.
func (c *Comparison) then(name string, h *BeforeHost, f *SinceFinding) string {
	if name == "" {
		hosts := f.Hosts
		if isPeerRule(f.Rule) {
			hosts = slices.Collect(maps.Keys(c.read))
		}
		for _, name := range hosts {
			if was := c.before.Hosts[name]; was == nil || !lookedAt(was.State) {
				return "not all of these hosts were looked at then"
			}
		}
		return ""
	}
	v, judged := h.Verdicts[f.Rule]
	switch {
	case judged && v == policies.Unknown:
		return "could not be judged then"
	case judged && v == policies.Waived:
		return "was waived then"
	case judged:
		return ""
	case h.State == "":
		return "the host was not looked at then"
	case h.State == Unreachable || h.State == Refused:
		return "the host was " + string(h.State) + " then"
	}
	return "was not judged then"
}

// End implements Handler.
func (c *Comparison) End(_ *Run, f *Fleet) error {
	now := &BeforeHost{}
	for i := range f.Outcomes {
		o := &f.Outcomes[i]
		now.Add(SinceFinding{Rule: o.Rule, Severity: o.Severity, Fingerprint: o.Fingerprint, Message: o.Message, Hosts: o.Hosts}, o.Verdict)
	}
	c.host("", now)
	for name := range c.before.Hosts {
		if !c.seen[name] {
			c.since.Absent = append(c.since.Absent, name)
		}
	}
	slices.Sort(c.since.Absent)
	for _, list := range [][]SinceFinding{c.since.New, c.since.Changed, c.since.Gone, c.since.Unsure} {
		slices.SortFunc(list, func(a, b SinceFinding) int {
			return cmp.Or(rank(b.Severity)-rank(a.Severity), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
		})
	}
	f.Since = &c.since
	return nil
}

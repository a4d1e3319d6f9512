package audit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

func TestSince(t *testing.T) {
	outcome := func(rule string, v policies.Verdict, mark string) policies.Outcome {
		return policies.Outcome{Rule: rule, Severity: policies.High, Verdict: v, Fingerprint: mark, Message: rule + " " + mark}
	}
	before := &Before{Run: "r", Start: time.Unix(1, 0), Hosts: map[string]*BeforeHost{}}
	then := func(host string, state State, outcomes ...policies.Outcome) {
		h := &BeforeHost{State: state}
		for _, o := range outcomes {
			h.Add(SinceFinding{Host: host, Rule: o.Rule, Severity: o.Severity, Fingerprint: o.Fingerprint, Message: o.Message}, o.Verdict)
		}
		before.Hosts[host] = h
	}
	then("a", Audited, outcome("open", policies.Fail, "1"), outcome("mended", policies.Fail, "2"), outcome("moved", policies.Fail, "3"),
		outcome("dark", policies.Fail, "4"), outcome("skipped", policies.Fail, "5"), outcome("waived", policies.Fail, "6"),
		outcome("was-unknown", policies.Unknown, ""), outcome("was-fine", policies.Pass, ""), outcome("was-waived", policies.Waived, "7"))
	then("dead", Unreachable)
	then("lost", Audited, outcome("open", policies.Fail, "8"))
	then("left-out", Audited, outcome("open", policies.Fail, "9"))
	then("", "", outcome("shared-host-key", policies.Fail, "10"), outcome("peer-job-missing", policies.Fail, "11"), outcome("shared-host-key", policies.Fail, "13"))
	for i, hosts := range [][]string{{"a", "dead"}, {"a"}, {"a", "lost"}} {
		before.Hosts[""].Findings[i].Hosts = hosts
	}

	c := CompareWith(before)
	run := func(host string, state State, outcomes ...policies.Outcome) {
		if err := c.Host(&Host{Name: host, State: state, Outcomes: outcomes}); err != nil {
			t.Fatal(err)
		}
	}
	run("a", Audited, outcome("open", policies.Fail, "1"), outcome("mended", policies.Pass, ""), outcome("moved", policies.Fail, "3b"),
		outcome("dark", policies.Unknown, ""), outcome("waived", policies.Waived, "6"),
		outcome("was-unknown", policies.Fail, "20"), outcome("was-fine", policies.Fail, "21"), outcome("was-waived", policies.Fail, "7"),
		outcome("new-rule", policies.Fail, "22"))
	run("dead", Audited, outcome("open", policies.Fail, "23"))
	run("lost", Unreachable)
	run("born", Audited, outcome("open", policies.Fail, "24"))
	fleet := &Fleet{Outcomes: []FleetOutcome{{Rule: "shared-host-key", Severity: policies.High, Verdict: policies.Fail, Fingerprint: "10"},
		{Rule: "peer-job-missing", Severity: policies.Medium, Verdict: policies.Fail, Fingerprint: "12", Message: "another"}}}
	if err := c.End(nil, fleet); err != nil {
		t.Fatal(err)
	}
	f := func(host, rule, mark, words string) SinceFinding {
		return SinceFinding{Host: host, Rule: rule, Severity: policies.High, Fingerprint: mark, Message: rule + " " + mark, Then: words}
	}
	fleetWide := func(rule, mark string, hosts ...string) SinceFinding {
		out := f("", rule, mark, "")
		out.Hosts = hosts
		return out
	}
	want := &Since{Run: "r", Start: time.Unix(1, 0), Open: 2, Absent: []string{"left-out"},
		New: []SinceFinding{
			f("a", "new-rule", "22", "was not judged then"), f("a", "was-fine", "21", ""), f("a", "was-unknown", "20", "could not be judged then"),
			f("a", "was-waived", "7", "was waived then"), f("born", "open", "24", "the host was not looked at then"), f("dead", "open", "23", "the host was unreachable then"),
			{Rule: "peer-job-missing", Severity: policies.Medium, Fingerprint: "12", Message: "another", Then: "not all of these hosts were looked at then"},
		},
		Changed: []SinceFinding{f("a", "moved", "3b", "")},
		Gone:    []SinceFinding{f("a", "mended", "2", ""), f("a", "waived", "6", "")},
		Unsure: []SinceFinding{fleetWide("peer-job-missing", "11", "a"), fleetWide("shared-host-key", "13", "a", "lost"),
			f("a", "dark", "4", ""), f("a", "skipped", "5", ""), f("lost", "open", "8", "")},
	}
	if diff := cmp.Diff(want, fleet.Since); diff != "" {
		t.Error(diff)
	}
}

// TestSinceOfFleet: a finding about hosts together is gone only where they were all
// looked at again. A host lacks what its peers have, and an audit of that host alone
// cannot tell.
func TestSinceOfFleet(t *testing.T) {
	of := func(peer string, hosts ...*Host) (gone, unsure int) {
		before := &Before{Hosts: map[string]*BeforeHost{"": {}, "node1": {State: Audited}, "node2": {State: Audited}, "off": {State: Unreachable}}}
		before.Hosts[""].Add(SinceFinding{Rule: peer, Severity: policies.Medium, Fingerprint: "1", Hosts: []string{"node1"}}, policies.Fail)
		c, fleet := CompareWith(before), &Fleet{}
		for _, h := range hosts {
			if err := c.Host(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.End(nil, fleet); err != nil {
			t.Fatal(err)
		}
		return len(fleet.Since.Gone), len(fleet.Since.Unsure)
	}
	node1, node2 := &Host{Name: "node1", State: Audited}, &Host{Name: "node2", State: Audited}
	dark := &Host{Name: "node1", State: Partial, Facts: &facts.Facts{Unknown: map[string]string{"jobs": "no permission"}}}
	for _, c := range []struct {
		name  string
		rule  string
		hosts []*Host
		gone  int
	}{
		{"all again", RulePeerMissing, []*Host{node1, node2}, 1},
		{"without its peer", RulePeerMissing, []*Host{node1}, 0},
		{"the peer does not answer", RulePeerMissing, []*Host{node1, {Name: "node2", State: Unreachable}}, 0},
		{"its jobs could not be read", RulePeerMissing, []*Host{dark, node2}, 0},
		{"a key that it shared with itself alone", RuleSharedKey, []*Host{node1}, 1},
		{"the host itself left out", RuleSharedKey, []*Host{node2}, 0},
	} {
		gone, unsure := of(c.rule, c.hosts...)
		if gone != c.gone || unsure != 1-c.gone {
			t.Errorf("%s: %d gone, %d not known", c.name, gone, unsure)
		}
	}
}

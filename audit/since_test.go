package audit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	then("", "", outcome("shared-host-key", policies.Fail, "10"), outcome("peer-job-missing", policies.Fail, "11"))

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
	want := &Since{Run: "r", Start: time.Unix(1, 0), Open: 2, Absent: []string{"left-out"},
		New: []SinceFinding{
			f("a", "new-rule", "22", "was not judged then"), f("a", "was-fine", "21", ""), f("a", "was-unknown", "20", "could not be judged then"),
			f("a", "was-waived", "7", "was waived then"), f("born", "open", "24", "the host was not looked at then"), f("dead", "open", "23", "the host was unreachable then"),
			{Rule: "peer-job-missing", Severity: policies.Medium, Fingerprint: "12", Message: "another"},
		},
		Changed: []SinceFinding{f("a", "moved", "3b", "")},
		Gone:    []SinceFinding{f("", "peer-job-missing", "11", ""), f("a", "mended", "2", ""), f("a", "waived", "6", "")},
		Unsure:  []SinceFinding{f("a", "dark", "4", ""), f("a", "skipped", "5", ""), f("lost", "open", "8", "")},
	}
	if diff := cmp.Diff(want, fleet.Since); diff != "" {
		t.Error(diff)
	}
}

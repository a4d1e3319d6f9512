package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

func TestScoreOf(t *testing.T) {
	o := outcome
	for name, c := range map[string]struct {
		outcomes []policies.Outcome
		want     Score
	}{
		"no data":                          {nil, Score{}},
		"infos only":                       {[]policies.Outcome{o(policies.Info, policies.Pass), o(policies.Info, policies.Fail)}, Score{}},
		"nothing applies":                  {[]policies.Outcome{o(policies.High, policies.NotApplicable), o(policies.High, policies.Waived)}, Score{}},
		"all pass":                         {[]policies.Outcome{o(policies.Critical, policies.Pass)}, Score{Known: true, Value: 100, Grade: "A", Coverage: 1, Passed: 16, Total: 16}},
		"the weights":                      {[]policies.Outcome{o(policies.High, policies.Pass), o(policies.Medium, policies.Fail), o(policies.Low, policies.Fail)}, Score{Known: true, Value: 100 * 8 / 13.0, Grade: "D", Coverage: 1, Passed: 8, Total: 13}},
		"unknown counts":                   {[]policies.Outcome{o(policies.High, policies.Pass), o(policies.High, policies.Unknown)}, Score{Known: true, Value: 50, Grade: "D", Coverage: 0.5, Passed: 8, Total: 16}},
		"waived leaves":                    {[]policies.Outcome{o(policies.High, policies.Pass), o(policies.Critical, policies.Waived)}, Score{Known: true, Value: 100, Grade: "A", Coverage: 1, Passed: 8, Total: 8}},
		"no verdict is unknown":            {[]policies.Outcome{o(policies.High, ""), o(policies.High, policies.Pass)}, Score{Known: true, Value: 50, Grade: "D", Coverage: 0.5, Passed: 8, Total: 16}},
		"a critical caps":                  {append([]policies.Outcome{o(policies.Critical, policies.Fail)}, many(10, o(policies.Critical, policies.Pass))...), Score{Known: true, Value: Cap, Grade: "D", Capped: true, Coverage: 1, Passed: 160, Total: 176}},
		"below the cap":                    {[]policies.Outcome{o(policies.Critical, policies.Fail), o(policies.Low, policies.Pass)}, Score{Known: true, Value: 100 / 17.0, Grade: "F", Coverage: 1, Passed: 1, Total: 17}},
		"an unknown critical caps nothing": {append([]policies.Outcome{o(policies.Critical, policies.Unknown)}, many(19, o(policies.Critical, policies.Pass))...), Score{Known: true, Value: 95, Grade: "A", Coverage: 0.95, Passed: 304, Total: 320}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, ScoreOf(c.outcomes)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func many(n int, o policies.Outcome) []policies.Outcome {
	out := make([]policies.Outcome, n)
	for i := range out {
		out[i] = o
	}
	return out
}

func TestGrade(t *testing.T) {
	for _, c := range []struct {
		score float64
		want  string
	}{{100, "A"}, {95, "A"}, {94.99, "B"}, {85, "B"}, {84.99, "C"}, {70, "C"}, {Cap, "D"}, {50, "D"}, {49.99, "F"}, {0, "F"}} {
		if got := Grade(c.score); got != c.want {
			t.Errorf("Grade(%v) = %s, want %s", c.score, got, c.want)
		}
	}
}

func TestExit(t *testing.T) {
	audited := func(o ...policies.Outcome) *Host { return &Host{Name: "h", State: Audited, Outcomes: o} }
	o := outcome
	for name, c := range map[string]struct {
		failOn policies.Severity
		hosts  []*Host
		want   int
	}{
		"clean":                         {"", []*Host{audited(o(policies.High, policies.Pass))}, 0},
		"a medium at the default":       {"", []*Host{audited(o(policies.Medium, policies.Fail))}, 1},
		"a low at the default":          {"", []*Host{audited(o(policies.Low, policies.Fail))}, 0},
		"a low with --fail-on low":      {policies.Low, []*Host{audited(o(policies.Low, policies.Fail))}, 1},
		"a high, fail on critical":      {policies.Critical, []*Host{audited(o(policies.High, policies.Fail))}, 0},
		"an info with fail on info":     {policies.Info, []*Host{audited(o(policies.Info, policies.Fail))}, 1},
		"unknown at the default":        {"", []*Host{audited(o(policies.Medium, policies.Unknown))}, 3},
		"an unknown low":                {"", []*Host{audited(o(policies.Low, policies.Unknown))}, 0},
		"an unknown info":               {"", []*Host{audited(o(policies.Info, policies.Unknown))}, 0},
		"found beats unknown":           {"", []*Host{audited(o(policies.High, policies.Unknown), o(policies.High, policies.Fail))}, 1},
		"waived":                        {"", []*Host{audited(o(policies.High, policies.Waived))}, 0},
		"a waiver that ran out":         {"", []*Host{{Name: "h", State: Audited, Outcomes: []policies.Outcome{o(policies.Low, policies.Fail)}, expired: 1}}, 1},
		"unreachable alone":             {policies.Critical, []*Host{{Name: "h", State: Unreachable, Reason: "x"}}, 3},
		"refused alone":                 {"", []*Host{{Name: "h", State: Refused, Reason: "x"}}, 3},
		"unreachable beside a fail":     {"", []*Host{audited(o(policies.High, policies.Fail)), {Name: "d", State: Unreachable}}, 1},
		"partial without outcomes":      {"", []*Host{{Name: "h", State: Partial, Reason: "x"}}, 3},
		"partial, what is there passes": {"", []*Host{{Name: "h", State: Partial, Outcomes: []policies.Outcome{o(policies.High, policies.Pass)}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSums(c.failOn)
			for _, h := range c.hosts {
				s.add(h)
			}
			if got := s.fleet().Summary.Exit; got != c.want {
				t.Errorf("exit %d, want %d", got, c.want)
			}
		})
	}
}

func TestFleetSums(t *testing.T) {
	s := newSums("")
	for _, h := range []*Host{
		{Name: "z", State: Unreachable, Stage: "dial", Reason: "timeout"},
		{Name: "a", State: Unreachable, Stage: "dial", Reason: "timeout"},
		{Name: "b", State: Unreachable, Stage: "dial", Reason: "no route"},
		{Name: "c", State: Audited, Score: Score{Known: true, Value: 80, Coverage: 1}, Outcomes: []policies.Outcome{
			outcome(policies.High, policies.Fail), outcome(policies.High, policies.Pass)}, expired: 2},
	} {
		s.add(h)
	}
	f := s.fleet()
	want := Summary{
		Hosts:    map[State]int{Unreachable: 3, Audited: 1},
		Outcomes: map[policies.Verdict]int{policies.Fail: 1, policies.Pass: 1},
		Findings: map[policies.Severity]int{policies.High: 1},
		Expired:  2, Score: Score{Known: true, Value: 20, Grade: "F", Coverage: 0.25}, Exit: 1,
	}
	if d := cmp.Diff(want, f.Summary); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(f.Outcomes) != 2 {
		t.Fatalf("%d fleet outcomes, want one for each reason: %+v", len(f.Outcomes), f.Outcomes)
	}
	for _, o := range f.Outcomes {
		if o.Reason == "dial: timeout" && !cmp.Equal(o.Hosts, []string{"a", "z"}) {
			t.Errorf("hosts %v", o.Hosts)
		}
		if o.Verdict != policies.Unknown {
			t.Errorf("a host that did not answer is %s", o.Verdict)
		}
	}
}

func TestSharedHostKeys(t *testing.T) {
	type machine struct{ name, boot, hostname, key string }
	for name, c := range map[string]struct {
		machines []machine
		want     []string // hosts of the outcome; nil: none
	}{
		"each its own":             {[]machine{{"a", "1", "a", "k1"}, {"b", "2", "b", "k2"}}, nil},
		"two share":                {[]machine{{"b", "2", "b", "k"}, {"a", "1", "a", "k"}}, []string{"a", "b"}},
		"one machine, two names":   {[]machine{{"a", "1", "x", "k"}, {"b", "1", "x", "k"}}, nil},
		"one machine and another":  {[]machine{{"b", "1", "x", "k"}, {"a", "1", "x", "k"}, {"c", "2", "y", "k"}}, []string{"a", "c"}},
		"containers of one kernel": {[]machine{{"a", "1", "x", "k"}, {"b", "1", "y", "k"}}, []string{"a", "b"}},
		"boot ids not known":       {[]machine{{"a", "", "x", "k"}, {"b", "", "x", "k"}}, []string{"a", "b"}},
		"no fingerprint":           {[]machine{{"a", "1", "a", ""}, {"b", "2", "b", ""}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, reverse := range []bool{false, true} {
				s := newSums("")
				for i := range c.machines {
					m := c.machines[i]
					if reverse {
						m = c.machines[len(c.machines)-1-i]
					}
					s.add(&Host{Name: m.name, State: Audited, Snapshot: &snapshot.Snapshot{}, Facts: &facts.Facts{
						Host: facts.Host{BootID: m.boot, Hostname: m.hostname},
						Wire: facts.Wire{HostKeys: []facts.HostKey{{Type: "ssh-rsa", Fingerprint: m.key}}},
					}})
				}
				f := s.fleet()
				var got []string
				for _, o := range f.Outcomes {
					got = o.Hosts
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("(-want +got)\n%s", d)
				}
				if (c.want != nil) != (f.Summary.Exit == ExitFound) || f.Summary.Findings[policies.High] != len(f.Outcomes) {
					t.Errorf("exit %d, findings %v", f.Summary.Exit, f.Summary.Findings)
				}
			}
		})
	}
}

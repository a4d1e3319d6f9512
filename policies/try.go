package policies

import (
	"fmt"
	"maps"
	"strings"
)

// ExampleResult is what became of one example of a rule, or, with an empty Name,
// what the rule's examples lack.
type ExampleResult struct {
	Rule    string
	Name    string
	Pos     Pos
	Want    Verdict
	Got     Verdict
	Message string // that the rule gave
	Detail  string // what is wrong; "" nothing
}

// OK says whether the example was judged as it should be.
func (r ExampleResult) OK() bool { return r.Detail == "" }

// Test runs the examples of every rule. A rule must show that it can pass, fail
// and be unknown, and one about a list that a bad item fails it although the list
// has a gap.
func (c *Catalogue) Test() []ExampleResult {
	var out []ExampleResult
	for _, r := range c.rules {
		seen := map[Verdict]bool{}
		beside := false
		one := &Catalogue{rules: []*Rule{r}}
		for i := range r.Examples {
			res := one.try(r, &r.Examples[i])
			out = append(out, res)
			seen[res.Want] = true
			_, gap := r.Examples[i].Gaps[r.Each]
			beside = beside || gap && res.Want == Fail
		}
		var lacks []string
		for _, v := range []Verdict{Pass, Fail, Unknown} {
			if !seen[v] {
				lacks = append(lacks, string(v))
			}
		}
		if r.Each != "" && !beside {
			lacks = append(lacks, "a bad item beside a gap in "+r.Each+" (fail)")
		}
		if len(lacks) > 0 {
			out = append(out, ExampleResult{Rule: r.ID, Pos: r.Pos, Detail: "no example for: " + strings.Join(lacks, ", ")})
		}
	}
	return out
}

// try judges one example.
func (c *Catalogue) try(r *Rule, e *Example) ExampleResult {
	res := ExampleResult{Rule: r.ID, Name: e.Name, Pos: e.Pos, Want: e.Want}
	f := neutral()
	if e.facts != nil {
		if faults := e.facts(f); len(faults) > 0 {
			res.Detail = faults[0].Error()
			return res
		}
	}
	maps.Copy(f.Unknown, e.Unknown)
	maps.Copy(f.Gaps, e.Gaps)
	outcomes, _ := c.Judge(f, JudgeOptions{})
	o := outcomes[0]
	res.Got, res.Message = o.Verdict, o.Message
	switch {
	case o.Verdict != e.Want:
		res.Detail = fmt.Sprintf("want %s, got %s", e.Want, o.Verdict)
		if o.Reason != "" {
			res.Detail += ": " + o.Reason
		}
	case o.Verdict == Unknown && o.Reason == "":
		res.Detail = "unknown without a reason"
	case strings.Contains(o.Message, "(not available)"):
		res.Detail = "a value of the sentence is not available: " + o.Message
	case e.Message != "" && o.Message != e.Message:
		res.Detail = fmt.Sprintf("want the message %q, got %q", e.Message, o.Message)
	}
	return res
}

package report

import (
	"cmp"
	"slices"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// The orders in which things are counted and shown, worst first.
var (
	severities = []policies.Severity{policies.Critical, policies.High, policies.Medium, policies.Low, policies.Info}
	verdicts   = []policies.Verdict{policies.Fail, policies.Unknown, policies.Waived, policies.Pass, policies.NotApplicable}
	states     = []audit.State{audit.Audited, audit.Partial, audit.Refused, audit.Unreachable}
)

// rank is the place of v in list, or its length: what is not known comes last.
func rank[T comparable](list []T, v T) int {
	if i := slices.Index(list, v); i >= 0 {
		return i
	}
	return len(list)
}

// weight ranks an outcome by verdict, then by severity.
func weight(o *policies.Outcome) int {
	return rank(verdicts, verdict(o.Verdict))*(len(severities)+1) + rank(severities, o.Severity)
}

// sortedOutcomes gives pointers into list, worst first.
func sortedOutcomes(list []policies.Outcome) []*policies.Outcome {
	type weighed struct {
		weight int
		*policies.Outcome
	}
	all := make([]weighed, len(list))
	for i := range list {
		all[i] = weighed{weight(&list[i]), &list[i]}
	}
	slices.SortStableFunc(all, func(a, b weighed) int {
		if a.weight != b.weight {
			return a.weight - b.weight
		}
		return compareOutcomes(a.Outcome, b.Outcome)
	})
	out := make([]*policies.Outcome, len(all))
	for i := range all {
		out[i] = all[i].Outcome
	}
	return out
}

func compareOutcomes(a, b *policies.Outcome) int {
	if c := cmp.Compare(weight(a), weight(b)); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Rule, b.Rule); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Fingerprint, b.Fingerprint); c != 0 {
		return c
	}
	return cmp.Compare(a.Message, b.Message)
}

func compareFleetOutcomes(a, b *audit.FleetOutcome) int {
	x := policies.Outcome{Verdict: a.Verdict, Severity: a.Severity, Rule: a.Rule, Fingerprint: a.Fingerprint, Message: a.Message}
	y := policies.Outcome{Verdict: b.Verdict, Severity: b.Severity, Rule: b.Rule, Fingerprint: b.Fingerprint, Message: b.Message}
	if c := compareOutcomes(&x, &y); c != 0 {
		return c
	}
	return slices.Compare(a.Hosts, b.Hosts)
}

// sorted gives pointers into list, in the order of compare; list itself is the
// caller's and stays as it is.
func sorted[T any](list []T, compare func(a, b *T) int) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	slices.SortStableFunc(out, compare)
	return out
}

// hostOrder gives the place of each name in the list of the selected hosts, which
// is the inventory's order.
func hostOrder(selected []string) map[string]int {
	place := make(map[string]int, len(selected))
	for i, name := range selected {
		if _, seen := place[name]; !seen {
			place[name] = i
		}
	}
	return place
}

// compareHosts orders by the inventory where both stand in it, those that do not
// after those that do, and by name and address otherwise.
func compareHosts(place map[string]int, nameA, addressA, nameB, addressB string) int {
	a, inA := place[nameA]
	b, inB := place[nameB]
	switch {
	case inA && inB && a != b:
		return cmp.Compare(a, b)
	case inA != inB:
		if inA {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(nameA, nameB); c != 0 {
		return c
	}
	return cmp.Compare(addressA, addressB)
}

package audit

import (
	"slices"

	"github.com/postern-ssh/postern/policies"
)

// Cap is the highest score of a host on which a critical rule fails: the last
// value of grade D's range.
const Cap = 69.9

// The lowest scores that earn grades A to D; what is below LeastD is F.
const (
	LeastA = 95.0
	LeastB = 85.0
	LeastC = 70.0
	LeastD = 50.0
)

// Grade is the letter of a score from 0 to 100.
func Grade(score float64) string {
	switch {
	case score >= LeastA:
		return "A"
	case score >= LeastB:
		return "B"
	case score >= LeastC:
		return "C"
	case score >= LeastD:
		return "D"
	}
	return "F"
}

// ScoreOf weighs outcomes: 100 · weight(pass) / weight(pass + fail + unknown).
// Waived and not-applicable rules leave both sums. A failing critical caps the
// score below grade C. Without any weight there is no score.
func ScoreOf(outcomes []policies.Outcome) Score {
	var s Score
	judged, critical := 0, false
	for _, o := range outcomes {
		w := o.Severity.Weight()
		switch o.Verdict {
		case policies.Pass:
			s.Passed += w
			judged += w
			s.Total += w
		case policies.Fail:
			judged += w
			s.Total += w
			critical = critical || o.Severity == policies.Critical
		case policies.Waived, policies.NotApplicable:
		default: // unknown, and whatever is not a verdict at all
			s.Total += w
		}
	}
	if s.Total == 0 {
		return s
	}
	s.Known = true
	s.Value = 100 * float64(s.Passed) / float64(s.Total)
	s.Coverage = float64(judged) / float64(s.Total)
	if critical && s.Value > Cap {
		s.Value, s.Capped = Cap, true
	}
	s.Grade = Grade(s.Value)
	return s
}

// meanScore is the mean over the hosts' scores, where a host without a score
// counts 0. Without hosts there is no score. It sorts what it is given, so that
// the order in which hosts answered does not show in the last digits.
func meanScore(values, coverage []float64) Score {
	if len(values) == 0 {
		return Score{}
	}
	mean := func(list []float64) float64 {
		slices.Sort(list)
		sum := 0.0
		for _, v := range list {
			sum += v
		}
		return sum / float64(len(list))
	}
	s := Score{Known: true, Value: mean(values), Coverage: mean(coverage)}
	s.Grade = Grade(s.Value)
	return s
}

package audit

import "github.com/postern-ssh/postern/policies"

// Cap is the highest score of a host on which a critical rule fails: the last
// value of grade D's range.
const Cap = 69.9

// grades in falling order: the lowest score that earns each.
var grades = []struct {
	least float64
	grade string
}{{95, "A"}, {85, "B"}, {70, "C"}, {50, "D"}, {0, "F"}}

// Grade is the letter of a score from 0 to 100.
func Grade(score float64) string {
	for _, g := range grades {
		if score >= g.least {
			return g.grade
		}
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
// counts 0. Without hosts there is no score.
func meanScore(sum, coverage float64, hosts int) Score {
	if hosts == 0 {
		return Score{}
	}
	s := Score{Known: true, Value: sum / float64(hosts), Coverage: coverage / float64(hosts)}
	s.Grade = Grade(s.Value)
	return s
}

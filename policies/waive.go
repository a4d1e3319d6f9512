package policies

import "time"

// waive turns a fail into waived where a waiver holds. It counts the waivers for
// the rule that have run out; where another one holds, none of them matters.
func waive(o *Outcome, opt JudgeOptions) (expired int) {
	now := opt.Now
	if now.IsZero() {
		now = time.Now()
	}
	var last Waiver
	for _, w := range opt.Waivers {
		if w.Rule != o.Rule {
			continue
		}
		if !now.Before(w.Expires) {
			expired++
			if expired == 1 || w.Expires.After(last.Expires) {
				last = w
			}
			continue
		}
		o.Verdict = Waived
		o.Reason = "waived by " + w.Owner + " until " + day(w.Expires)
		if w.Approver != "" {
			o.Reason += ", approved by " + w.Approver
		}
		if w.Reason != "" {
			o.Reason += ": " + w.Reason
		}
		if w.Ticket != "" {
			o.Reason += " (" + w.Ticket + ")"
		}
		o.Reason = bounded(o.Reason, maxSentence)
		return 0
	}
	if expired > 0 {
		o.Reason = "the waiver of " + last.Owner + " ran out on " + day(last.Expires)
		if last.Written != "" {
			o.Reason += " (" + last.Written + ")"
		}
		o.Reason = bounded(o.Reason, maxSentence)
	}
	return expired
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

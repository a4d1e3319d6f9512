package policies

import "time"

// waive turns a fail into waived where a waiver holds. It gives the waivers for
// the rule that have run out; where another one holds none of them counts.
func waive(o *Outcome, opt Options) (expired []Waiver) {
	now := opt.Now
	if now.IsZero() {
		now = time.Now()
	}
	for _, w := range opt.Waivers {
		if w.Rule != o.Rule {
			continue
		}
		if !now.Before(w.Expires) {
			expired = append(expired, w)
			continue
		}
		o.Verdict = Waived
		o.Reason = "waived by " + w.Owner + " until " + w.Expires.UTC().Format(time.DateOnly)
		if w.Reason != "" {
			o.Reason += ": " + w.Reason
		}
		if w.Ticket != "" {
			o.Reason += " (" + w.Ticket + ")"
		}
		o.Reason = bounded(o.Reason, maxSentence)
		return nil
	}
	if len(expired) > 0 {
		last := expired[0]
		for _, w := range expired {
			if w.Expires.After(last.Expires) {
				last = w
			}
		}
		o.Reason = bounded("the waiver of "+last.Owner+" ran out on "+last.Expires.UTC().Format(time.DateOnly), maxSentence)
	}
	return expired
}

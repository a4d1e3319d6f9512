package cron

import (
	"fmt"
	"time"
)

// ClockChange is a moment at which the clocks of a zone are put forward or back.
type ClockChange struct {
	At      time.Time // the first moment after it, in the zone
	Minutes int       // forward; negative: back
}

// ClockChanges finds the changes of the year that follows a moment, at most four.
func ClockChanges(after time.Time, loc *time.Location) []ClockChange {
	var out []ClockChange
	from := after.In(loc).Truncate(time.Minute)
	_, was := from.Zone()
	for range 366 {
		to := from.Add(24 * time.Hour)
		_, is := to.Zone()
		if is != was {
			lo, hi := 0, 24*60 // minutes from from: the change lies behind lo, not behind hi
			for hi-lo > 1 {
				mid := (lo + hi) / 2
				if _, z := from.Add(time.Duration(mid) * time.Minute).Zone(); z == was {
					lo = mid
				} else {
					hi = mid
				}
			}
			out = append(out, ClockChange{from.Add(time.Duration(hi) * time.Minute), (is - was) / 60})
			if was = is; len(out) == 4 {
				break
			}
		}
		from = to
	}
	return out
}

// Across says in words what a change of the clock does to a job of daemon d that
// has a time in the hour that is left out or comes twice; "" nothing.
func (s *Schedule) Across(c *ClockChange, d Daemon) string {
	if s.Kind != ScheduleCalendar || s.Random&3 != 0 || c.Minutes == 0 || c.Minutes > maxCatchUp || c.Minutes < -maxCatchUp {
		return ""
	}
	_, offset := c.At.Zone()
	first := c.At.UTC().Add(time.Duration(offset) * time.Second) // digits of the clock, as UTC
	n := c.Minutes
	if n > 0 {
		first = first.Add(-time.Duration(n) * time.Minute)
	} else {
		n = -n
	}
	hit := ""
	for i := range n {
		t := first.Add(time.Duration(i) * time.Minute)
		if y, m, day := t.Date(); s.day(y, m, day, t.Weekday()) && s.minute(t.Hour(), t.Minute()) {
			hit = t.Format("15:04")
			break
		}
	}
	if hit == "" {
		return ""
	}
	fixed := (d == Debian || d == Cronie) && !s.Wild
	date := first.Format(time.DateOnly)
	switch {
	case c.Minutes > 0 && fixed:
		return fmt.Sprintf("on %s clocks leave out %s: it runs at %s instead", date, hit, c.At.Format("15:04"))
	case c.Minutes > 0:
		return fmt.Sprintf("on %s clocks leave out %s: it does not run then", date, hit)
	case fixed || d == SystemdCron:
		return fmt.Sprintf("on %s the clock shows %s twice: it runs at the first", date, hit)
	}
	return fmt.Sprintf("on %s the clock shows %s twice: it runs at both", date, hit)
}

package cron

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
)

var dayWords = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
var monthWords = [...]string{"", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

// Words says the schedule in short English: "every 5 minutes", "at 06:25",
// "at 00:00 on Monday". Times are the daemon's own.
func (s *Schedule) Words() string {
	switch s.Kind {
	case ScheduleReboot:
		if len(s.Since) > 0 {
			return s.sinceWords()
		}
		return "after each boot"
	case ScheduleOnce:
		if s.When != "" {
			return "once, at " + s.When
		}
		return "once"
	case ScheduleElapsed:
		if len(s.Since) > 0 {
			return s.sinceWords()
		}
		if s.Every > 0 {
			return "every " + duration(s.Every)
		}
		return s.Text
	case ScheduleDemand:
		return "only when something else starts it"
	case ScheduleNone:
		return s.Text
	}
	if s.Never() {
		return "never"
	}
	out := s.timeWords() + s.dayWords()
	for i := range s.Also {
		if i == 3 {
			out += fmt.Sprintf(" and at %d more calendars", len(s.Also)-i)
			break
		}
		out += ", and " + s.Also[i].Words()
	}
	if s.Zone != "" {
		out += " (" + s.Zone + ")"
	}
	if len(s.Since) > 0 {
		out += ", and " + s.sinceWords()
	}
	return out
}

// sinceWords says the times of a timer that count from an event.
func (s *Schedule) sinceWords() string {
	span := func(sec int64) string {
		if sec < 0 {
			return "a time that is not known"
		}
		if sec == 0 {
			return "at once"
		}
		if text := duration(sec); text[0] >= '0' && text[0] <= '9' {
			return text
		} else if text == "hour" {
			return "an hour"
		} else {
			return "a " + text
		}
	}
	var first, then []string
	for i, x := range s.Since {
		if i == 8 {
			break
		}
		switch x.Event {
		case "boot":
			first = append(first, strings.TrimPrefix(span(x.Sec)+" after each boot", "at once "))
		case "timer":
			first = append(first, strings.TrimPrefix(span(x.Sec)+" after the timer is started", "at once "))
		case "end":
			then = append(then, span(x.Sec)+" after its last run ended")
		default:
			if x.Sec > 0 {
				then = append(then, "every "+duration(x.Sec))
			} else {
				then = append(then, "again and again")
			}
		}
	}
	out := and(first)
	if len(then) > 0 {
		if out != "" {
			out += ", then "
		}
		out += and(then)
	}
	return out
}

// timeWords says the minutes and hours.
func (s *Schedule) timeWords() string {
	m, h := s.Minute&allMinutes, s.Hour&allHours
	nm, nh := bits.OnesCount64(m), bits.OnesCount64(h)
	within := ""
	if nh < 24 {
		within = " in hour " + list(setText(h, 0, 23))
		if step := stepOf(h, 24); step > 1 {
			within = fmt.Sprintf(" in every %s hour", ordinal(step))
		}
	}
	switch {
	case s.Random&3 != 0:
		return "at a random time chosen by the daemon (minute " + setText(m, 0, 59) + ", hour " + setText(h, 0, 23) + ")"
	case nm == 60 && nh == 24 && s.Second&^1 != 0:
		if step := stepOf(s.Second&allMinutes, 60); step > 1 {
			return fmt.Sprintf("every %d seconds", step)
		} else if step == 1 {
			return "every second"
		}
		return "every minute, at second " + list(setText(s.Second, 0, 59))
	case nm == 60:
		return "every minute" + within
	case nm == 1 && nh*nm <= 6 && nh < 24:
		var times []string
		for i := range 24 {
			if h&(1<<uint(i)) != 0 {
				times = append(times, fmt.Sprintf("%02d:%02d", i, bits.TrailingZeros64(m)))
			}
		}
		return "at " + and(times)
	case nm == 1 && nh == 24:
		return fmt.Sprintf("every hour at minute %d", bits.TrailingZeros64(m))
	}
	if step := stepOf(m, 60); step > 1 {
		at := ""
		if first := bits.TrailingZeros64(m); first > 0 {
			at = fmt.Sprintf(" from minute %d", first)
		}
		return fmt.Sprintf("every %d minutes%s%s", step, at, within)
	}
	if nh == 24 {
		return "every hour at minute " + list(setText(m, 0, 59))
	}
	return "at minute " + list(setText(m, 0, 59)) + within
}

// dayWords says the days and months; "" for every day.
func (s *Schedule) dayWords() string {
	var parts []string
	dom, dow := s.Day != allDays, s.Weekday != allDows
	domText := "day " + list(setText(s.Day, 1, 31))
	if s.FromEnd != [4]uint64{} {
		dom, domText = true, s.fromEndWords()
	}
	if step := stepOf(s.Day>>1, 31); step > 1 && s.FromEnd == [4]uint64{} && s.Day&2 != 0 && bits.OnesCount64(s.Day) > 3 {
		domText = fmt.Sprintf("every %s day of the month", ordinal(step))
	}
	switch {
	case dom && dow && s.Or:
		parts = append(parts, "on "+domText+" and on every "+days(s.Weekday))
	case s.Or && (dom || dow):
		// One of the two is full: either will do, so it is every day.
	case dom && dow:
		parts = append(parts, "on "+domText+" where that is "+days(s.Weekday))
	case dom:
		parts = append(parts, "on "+domText)
	case dow:
		parts = append(parts, "on "+days(s.Weekday))
	}
	if s.Month != allMonths {
		var months []string
		for i := 1; i <= 12; i++ {
			if s.Month&(1<<uint(i)) != 0 {
				months = append(months, monthWords[i])
			}
		}
		parts = append(parts, "in "+and(months))
	}
	if s.Years != nil {
		parts = append(parts, "in the year "+list(s.yearText()))
		if len(s.Years) > 1 || s.Years[0].Low != s.Years[0].High {
			parts[len(parts)-1] = "in the years " + list(s.yearText())
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, " ")
}

// fromEndWords says days that count from the end of the month.
func (s *Schedule) fromEndWords() string {
	set := s.FromEnd[3] // of 31 days
	var out []string
	for d := 31; d > 0; d-- {
		if set&(1<<uint(d)) == 0 {
			continue
		}
		if d == 31 {
			out = append(out, "last")
		} else {
			out = append(out, ordinal(32-d)+" last")
		}
	}
	if n := len(out); n > 4 && set == bitRange(32-n, 31) {
		return fmt.Sprintf("the last %d days of the month", n)
	}
	if len(out) > 1 {
		return "the " + and(out) + " day of the month"
	}
	return "the " + strings.Join(out, "") + " day of the month"
}

// Frequency says how often the job runs, roughly: "1440 times a day".
func (s *Schedule) Frequency() string {
	n, ok := s.PerDay()
	switch {
	case s.Kind == ScheduleReboot && !ok:
		return "after each boot"
	case !ok:
		return "at times that are not known"
	case n >= 1439:
		return "every minute"
	case n >= 25 && math.Mod(1440, n) == 0:
		return "every " + duration(int64(86400/n))
	case n >= 1.5:
		return fmt.Sprintf("%.0f times a day", n)
	case n > 0.9:
		return "daily"
	case n > 0:
		return fmt.Sprintf("every %.0f days", 1/n)
	}
	return "never"
}

func days(set uint64) string {
	if set == 0b0111110 {
		return "Monday to Friday"
	}
	var out []string
	for i := 1; i <= 7; i++ {
		if set&(1<<uint(i%7)) != 0 {
			out = append(out, dayWords[i%7])
		}
	}
	return and(out)
}

func and(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

func list(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, ",", ", "), "-", " to ") }

func ordinal(n int) string {
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

// stepOf returns the step of a set that covers 0 to size-1 evenly, 0 for others.
func stepOf(set uint64, size int) int {
	n := bits.OnesCount64(set)
	if n < 2 {
		return 0
	}
	first := bits.TrailingZeros64(set)
	step := bits.TrailingZeros64(set>>uint(first+1)) + 1
	if first >= step {
		return 0
	}
	var want uint64
	for i := first; i < size; i += step {
		want |= 1 << uint(i)
	}
	if want != set {
		return 0
	}
	return step
}

// duration says seconds in the largest unit that fits.
func duration(sec int64) string {
	for _, u := range [...]struct {
		n    int64
		name string
	}{{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}} {
		if sec >= u.n && sec%u.n == 0 {
			if sec == u.n {
				return u.name
			}
			return fmt.Sprintf("%d %ss", sec/u.n, u.name)
		}
	}
	return fmt.Sprintf("%d seconds", sec)
}

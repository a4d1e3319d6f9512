package cron

import "strings"

// calendarNames are the short forms of systemd.time(7).
var calendarNames = map[string]string{"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00", "monthly": "*-*-01 00:00:00", "weekly": "Mon *-*-* 00:00:00",
	"yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00", "anually": "*-01-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00",
	"semiannually": "*-01,07-01 00:00:00", "semi-annually": "*-01,07-01 00:00:00", "biannually": "*-01,07-01 00:00:00", "bi-annually": "*-01,07-01 00:00:00"}

// Years are a part of a calendar's years: from Low to High in steps. systemd knows
// no year after 2199.
type Years struct{ Low, High, Step int }

const maxYear = 2199

// CalendarSchedule reads an OnCalendar expression (systemd.time(7), CALENDAR EVENTS)
// as systemd 252 does: what it refuses gives a schedule of kind ScheduleNone.
// Parts of a second are left out. One fault of its is not followed: where a step over
// days has no end (01/7), its search runs past the end of the month, and may miss the
// first day of the next.
func CalendarSchedule(text string) Schedule {
	s := Schedule{Text: text}
	out := Schedule{Text: text, Kind: ScheduleCalendar, Day: allDays, Month: allMonths, Weekday: allDows}
	rest := text
	if i := strings.LastIndexByte(rest, ' '); i >= 0 && isZoneName(rest[i+1:]) {
		rest, out.Zone = strings.TrimRight(rest[:i], " "), clip(rest[i+1:], 64)
		if strings.EqualFold(out.Zone, "utc") {
			out.Zone = "UTC"
		}
	}
	if long, ok := calendarNames[strings.ToLower(rest)]; ok {
		rest = long
	}
	if rest == "" || rest[0] == ' ' || len(rest) > 512 {
		return s
	}
	f := strings.Fields(rest)
	if isAlpha(f[0][0]) {
		if out.Weekday = calendarDays(f[0]); out.Weekday == 0 {
			return s
		}
		f = f[1:]
	}
	if len(f) > 0 && f[0][0] == '@' && len(f) == 1 && len(rest) == len(f[0]) {
		return calendarMoment(out, f[0][1:])
	}
	if len(f) > 0 && strings.IndexByte(f[0], ':') < 0 {
		if !calendarDate(&out, f[0]) {
			return s
		}
		f = f[1:]
	}
	out.Hour, out.Minute = 1, 1
	if len(f) > 0 && !calendarTime(&out, f[0]) || len(f) > 1 {
		return s
	}
	return out
}

// isZoneName tells the last word of a calendar from its time or date. Whether there
// is such a zone is asked where its times are worked out.
func isZoneName(s string) bool {
	if s == "" || !isAlpha(s[0]) || calendarDays(s) != 0 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isAlnum(s[i]) && strings.IndexByte("/_+-", s[i]) < 0 {
			return false
		}
	}
	return true
}

// calendarMoment reads @SECONDS, a single moment of UTC.
func calendarMoment(out Schedule, text string) Schedule {
	if !digits(text) || len(text) > 11 {
		return Schedule{Text: out.Text}
	}
	var n int64
	for i := 0; i < len(text); i++ {
		n = n*10 + int64(text[i]-'0')
	}
	t := unixUTC(n)
	y, m, d := t.Date()
	if y > maxYear {
		return Schedule{Text: out.Text}
	}
	out.Years = []Years{{y, y, 1}}
	out.Month, out.Day = 1<<uint(m), 1<<uint(d)
	out.Hour, out.Minute, out.Second = 1<<uint(t.Hour()), 1<<uint(t.Minute()), 1<<uint(t.Second())
	out.Zone = "UTC"
	return out
}

// calendarDate reads [[YEAR-]MONTH-]DAY, where ~ in front of the day counts it from
// the end of the month.
func calendarDate(out *Schedule, text string) bool {
	fromEnd := false
	if i := strings.IndexByte(text, '~'); i >= 0 {
		fromEnd = true
		text = text[:i] + "-" + text[i+1:]
	}
	parts := strings.Split(text, "-")
	if len(parts) < 2 || len(parts) > 3 || fromEnd && strings.IndexByte(parts[len(parts)-1], '~') >= 0 {
		return false
	}
	if len(parts) == 3 && parts[0] != "*" {
		items, ok := calendarItems(parts[0], 0, maxYear)
		if !ok {
			return false
		}
		for _, x := range items {
			y := Years{fullYear(x.low), fullYear(x.high), max(x.step, 1)}
			switch {
			case x.open && x.step == 0:
				y.High = y.Low
			case x.open:
				y.High = maxYear
			}
			if y.Low < 1970 || y.High < y.Low || y.High > maxYear {
				return false
			}
			out.Years = append(out.Years, y)
		}
	}
	var ok bool
	if out.Month, ok = calendarSet(parts[len(parts)-2], 1, 12); !ok {
		return false
	}
	day := parts[len(parts)-1]
	if !fromEnd || day == "*" {
		out.Day, ok = calendarSet(day, 1, 31)
		return ok
	}
	items, ok := calendarItems(day, 1, 28)
	if !ok {
		return false
	}
	out.Day, out.FromEnd = 0, [4]uint64{}
	for _, x := range items {
		if x.open && x.step > 0 && x.low-x.step < 1 {
			return false
		}
		for k := range out.FromEnd {
			last := 28 + k
			from, to := last+1-x.low, last+1-x.high
			switch {
			case x.open && x.step == 0:
				to = from
			case x.open:
				to = last
			default:
				from, to = to, from
			}
			for v := from; v <= to; v += max(x.step, 1) {
				out.FromEnd[k] |= 1 << uint(v)
			}
		}
	}
	return true
}

func fullYear(n int) int {
	switch {
	case n < 70:
		return n + 2000
	case n < 100:
		return n + 1900
	}
	return n
}

// calendarTime reads HOUR:MINUTE[:SECOND].
func calendarTime(out *Schedule, text string) bool {
	hms := strings.Split(text, ":")
	if len(hms) < 2 || len(hms) > 3 {
		return false
	}
	var ok bool
	if out.Hour, ok = calendarSet(hms[0], 0, 23); !ok {
		return false
	}
	if out.Minute, ok = calendarSet(hms[1], 0, 59); !ok {
		return false
	}
	if len(hms) == 3 {
		if strings.IndexByte(hms[2], '.') >= 0 && strings.Trim(hms[2], "0123456789.,/") == "" {
			// Parts of a second: the seconds in which it runs are told.
			out.Second, ok = calendarFractions(hms[2])
			return ok
		}
		out.Second, ok = calendarSet(hms[2], 0, 59)
	}
	return ok
}

// calendarFractions reads seconds with decimals; a step below one is every second.
func calendarFractions(text string) (uint64, bool) {
	var parts []string
	for _, item := range strings.Split(text, ",") {
		value, step, has := strings.Cut(item, "/")
		value, part, point := strings.Cut(value, ".")
		if point && !digits(part) {
			return 0, false
		}
		if has {
			whole, part, point := strings.Cut(step, ".")
			if point && !digits(part) {
				return 0, false
			}
			if n, _, ok := leadingInt(whole); !ok || n == 0 && strings.Trim(part, "0") == "" {
				return 0, false
			} else {
				value += "/" + itoa(max(n, 1))
			}
		}
		parts = append(parts, value)
	}
	return calendarSet(strings.Join(parts, ","), 0, 59)
}

// calendarItem is one element of a list: a number, low..high, either with /step.
// open: no end was given. step 0: none was given.
type calendarItem struct {
	low, high, step int
	open            bool
}

// calendarItems reads a list as systemd 252 does (parse_chain and chain_valid in
// calendarspec.c): a range that runs backwards is refused, and so is a step that
// leads nowhere.
func calendarItems(text string, low, high int) ([]calendarItem, bool) {
	var out []calendarItem
	for _, item := range strings.Split(text, ",") {
		body, stepText, hasStep := strings.Cut(item, "/")
		a, b, isRange := strings.Cut(body, "..")
		n, rest, ok := leadingInt(a)
		if !ok || rest != "" {
			return nil, false
		}
		x := calendarItem{low: n, high: n, open: !isRange}
		if isRange {
			if x.high, rest, ok = leadingInt(b); !ok || rest != "" {
				return nil, false
			}
		}
		if hasStep {
			if x.step, rest, ok = leadingInt(stepText); !ok || rest != "" || x.step == 0 {
				return nil, false
			}
		}
		if x.low < low || x.high > high || x.high < x.low {
			return nil, false
		}
		if out = append(out, x); len(out) > 128 {
			return nil, false
		}
	}
	return out, true
}

// calendarSet reads 1,3..5,00/5 or * into a set.
func calendarSet(text string, low, high int) (uint64, bool) {
	if text == "*" {
		return bitRange(low, high), true
	}
	items, ok := calendarItems(text, low, high)
	if !ok {
		return 0, false
	}
	var out uint64
	for _, x := range items {
		switch {
		case x.open && x.step == 0:
		case x.open:
			if x.low+x.step > high {
				return 0, false
			}
			x.high = high
		}
		for v := x.low; v <= x.high; v += max(x.step, 1) {
			out |= 1 << uint(v)
		}
	}
	return out, true
}

// calendarDays reads Mon, Sat,Sun and Mon..Fri; 0 where that is none. A range that
// runs over Sunday is refused, as systemd does.
func calendarDays(text string) uint64 {
	var out uint64
	day := func(s string) int {
		s = strings.ToLower(s)
		for i, n := range fullDays {
			if s == n || len(s) == 3 && strings.HasPrefix(n, s) {
				return (i + 6) % 7 // systemd's week begins on Monday
			}
		}
		return -1
	}
	for _, item := range strings.Split(strings.TrimSuffix(text, ","), ",") {
		a, b, isRange := strings.Cut(item, "..")
		if !isRange {
			a, b, isRange = strings.Cut(item, "-")
		}
		from := day(a)
		to := from
		if isRange {
			to = day(b)
		}
		if from < 0 || to < from {
			return 0
		}
		for d := from; d <= to; d++ {
			out |= 1 << uint((d+1)%7)
		}
	}
	return out
}

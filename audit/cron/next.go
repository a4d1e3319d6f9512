package cron

import (
	"math/bits"
	"slices"
	"time"
)

func unixUTC(sec int64) time.Time { return time.Unix(sec, 0).UTC() }

// maxDays bounds the search for the next day that fits: 29 February on one weekday
// comes back after 40 years at most.
const maxDays = 41 * 366

// maxCatchUp is how far a clock may jump for Debian's cron and cronie to make up
// for fixed jobs (cron.c: less than three hours).
const maxCatchUp = 180

// dst says what a daemon does when clocks are put forward or back.
type dst uint8

const (
	dstClock dst = iota // every minute of real time is compared: skipped minutes never run, repeated ones twice
	dstFixed            // skipped minutes are made up for at the jump, repeated ones run once
	dstOnce             // skipped minutes never run, repeated ones run once
)

// Next returns the first n times after a moment at which daemon d starts a job
// with this schedule, in loc, the zone of the host or of [Schedule.Zone]. It is
// empty where that cannot be told: a random minute, a time that counts from
// another event, or no time at all.
//
// The times differ: a fixed job that a daemon makes up for more than once when
// clocks are put forward (30,45 2 * * *) has that moment once.
//
// Where clocks are put forward or back, jobs of Debian's cron and cronie whose
// minute and hour are fixed run once, late or at the first of two equal times;
// those with an asterisk in either follow the clock, as all jobs do on busybox and
// dcron (cron.c of 3.0pl1 and cronie 1.7.2; crond.c). systemd passes over what the
// clock passes over, and takes the first of two equal times (systemd 252).
func (s *Schedule) Next(after time.Time, loc *time.Location, d Daemon, n int) []time.Time {
	if n <= 0 || loc == nil {
		return nil
	}
	if s.Kind == ScheduleOnce {
		if t, err := time.Parse(time.RFC3339, s.When); err == nil && t.After(after) {
			return []time.Time{t.In(loc)}
		}
		return nil
	}
	if s.Kind != ScheduleCalendar || s.Random&3 != 0 || s.Never() {
		return nil
	}
	rule := dstClock
	switch {
	case d == SystemdCron:
		rule = dstOnce
	case (d == Debian || d == Cronie) && !s.Wild:
		rule = dstFixed
	}
	out := s.times(after.In(loc), rule, n)
	for i := range s.Also {
		out = append(out, s.Also[i].Next(after, loc, d, n)...)
	}
	if len(s.Also) > 0 {
		slices.SortFunc(out, time.Time.Compare)
		out = slices.CompactFunc(out, time.Time.Equal)
	}
	return out[:min(n, len(out))]
}

// day reports whether a day fits.
func (s *Schedule) day(y int, m time.Month, d int, w time.Weekday) bool {
	if s.Month&(1<<uint(m)) == 0 {
		return false
	}
	dom, dow := s.Day&(1<<uint(d)) != 0, s.Weekday&(1<<uint(w)) != 0
	if s.FromEnd != [4]uint64{} {
		dom = s.FromEnd[daysIn(y, m)-28]&(1<<uint(d)) != 0
	}
	if s.Years != nil && s.yearFrom(y) != y {
		return false
	}
	if s.Or {
		return dom || dow
	}
	return dom && dow
}

func daysIn(y int, m time.Month) int { return time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// yearFrom returns the first year from y on that fits; 0 there is none.
func (s *Schedule) yearFrom(y int) int {
	if s.Years == nil {
		return y
	}
	best := 0
	for _, r := range s.Years {
		n := max(y, r.Low)
		n += (r.Step - (n-r.Low)%r.Step) % r.Step
		if n <= r.High && (best == 0 || n < best) {
			best = n
		}
	}
	return best
}

// seconds appends the times of one minute.
func (s *Schedule) seconds(out []time.Time, minute, after time.Time, n int) []time.Time {
	set := s.Second & allMinutes
	if set == 0 {
		set = 1
	}
	for ; set != 0 && len(out) < n; set &= set - 1 {
		t := minute.Add(time.Duration(bits.TrailingZeros64(set)) * time.Second)
		if t.After(after) && (len(out) == 0 || t.After(out[len(out)-1])) {
			out = append(out, t)
		}
	}
	return out
}

func (s *Schedule) minute(h, m int) bool {
	return s.Hour&(1<<uint(h)) != 0 && s.Minute&(1<<uint(m)) != 0
}

// times is Next for one calendar.
func (s *Schedule) times(after time.Time, rule dst, n int) []time.Time {
	var out []time.Time
	loc := after.Location()
	y, m, d := after.Date()
	// Days are counted at noon, UTC: no zone's change can lose or double one.
	day := time.Date(y, m, d, 12, 0, 0, 0, time.UTC).AddDate(0, 0, -1)
	for range maxDays {
		if len(out) >= n {
			break
		}
		y, m, d = day.Date()
		if next := s.yearFrom(y); next == 0 {
			break
		} else if next > y {
			y, m, d = next, time.January, 1
			day = time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
		}
		fits := s.day(y, m, d, day.Weekday())
		day = day.AddDate(0, 0, 1)
		if !fits {
			continue
		}
		noon := time.Date(y, m, d, 12, 0, 0, 0, loc)
		_, before := noon.Add(-24 * time.Hour).Zone()
		_, then := noon.Add(24 * time.Hour).Zone()
		if _, now := noon.Zone(); before != now || now != then {
			out = s.changing(out, after, noon, rule, n)
			continue
		}
		midnight := noon.Add(-12 * time.Hour)
		for h := range 24 {
			if s.Hour&(1<<uint(h)) == 0 {
				continue
			}
			for left := s.Minute & allMinutes; left != 0 && len(out) < n; left &= left - 1 {
				t := midnight.Add(time.Duration(h*60+bits.TrailingZeros64(left)) * time.Minute)
				out = s.seconds(out, t, after, n)
			}
		}
	}
	return out
}

// changing adds the times of a day on which clocks may be put forward or back: it
// goes through that day's real minutes.
func (s *Schedule) changing(out []time.Time, after, noon time.Time, rule dst, n int) []time.Time {
	var done [24 * 60]bool
	y, m, d := noon.Date()
	wall := func(t time.Time) int { return t.Hour()*60 + t.Minute() }
	add := func(t time.Time) { out = s.seconds(out, t, after, n) }
	start := noon.Add(-26 * time.Hour)
	last := start.Add(-time.Minute)
	for i := range 52 * 60 {
		t := start.Add(time.Duration(i) * time.Minute)
		if rule == dstFixed {
			for _, skipped := range jumpedOver(last, t) {
				// What the jump to t passed over of this day is made up for at t.
				sy, sm, sd := skipped.Date()
				if sy == y && sm == m && sd == d && s.minute(skipped.Hour(), skipped.Minute()) {
					done[wall(skipped)] = true
					add(t)
				}
			}
		}
		last = t
		if ty, tm, td := t.Date(); ty != y || tm != m || td != d || t.Second() != 0 {
			continue
		}
		w := wall(t)
		if !s.minute(w/60, w%60) || rule != dstClock && done[w] {
			continue
		}
		done[w] = true
		add(t)
	}
	return out
}

// jumpedOver returns the minutes that no clock shows between one minute of real
// time and the next, as times in UTC with the digits that the clock would show.
func jumpedOver(last, t time.Time) []time.Time {
	_, was := last.Zone()
	_, is := t.Zone()
	gap := (is - was) / 60
	if gap <= 0 || gap >= maxCatchUp {
		return nil
	}
	out := make([]time.Time, 0, gap)
	shown := t.UTC().Add(time.Duration(is) * time.Second)
	for k := gap; k > 0; k-- {
		out = append(out, shown.Add(-time.Duration(k)*time.Minute))
	}
	return out
}

// PosixZone makes a zone of a TZ value in POSIX's form, such as JST-9 or
// CET-1CEST,M3.5.0,M10.5.0/3 (tzset(3)). ok is false for other values.
func PosixZone(tz string) (loc *time.Location, ok bool) {
	if len(tz) < 4 || len(tz) > 128 {
		return nil, false
	}
	for i := 0; i < len(tz); i++ {
		if c := tz[i]; !isAlnum(c) && !(c == '+' || c == '-' || c == ',' || c == '.' || c == '/' || c == ':' || c == '<' || c == '>') {
			return nil, false
		}
	}
	i := 0
	for i < len(tz) && (isAlpha(tz[i]) || tz[0] == '<' && tz[i] != '>') {
		i++
	}
	if tz[0] == '<' {
		i++
	}
	if i < 3 || i >= len(tz) || tz[i] != '+' && tz[i] != '-' && (tz[i] < '0' || tz[i] > '9') {
		return nil, false
	}
	// The smallest file of tzfile(5), version 2: one type, no transition, and the
	// rule behind it, which time.LoadLocationFromTZData evaluates.
	head := func(types, chars byte) []byte {
		b := append([]byte("TZif2"), make([]byte, 15)...)
		b = append(b, make([]byte, 24)...)
		b[39], b[43] = types, chars
		return b
	}
	body := []byte{0, 0, 0, 0, 0, 0, 'U', 'T', 'C', 0}
	data := append(head(1, 4), body...)
	data = append(append(data, head(1, 4)...), body...)
	data = append(append(append(data, '\n'), tz...), '\n')
	loc, err := time.LoadLocationFromTZData(tz, data)
	if err != nil {
		return nil, false
	}
	name, offset := time.Date(2026, 1, 1, 0, 0, 0, 0, loc).Zone()
	return loc, name != "UTC" || offset != 0
}

package cron

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// ScheduleKind says how the time of a job is given.
type ScheduleKind uint8

// The kinds of schedule. The zero value says that nothing is known.
const (
	ScheduleNone     ScheduleKind = iota
	ScheduleCalendar              // the five sets
	ScheduleReboot                // @reboot: once after the host (dcron: the daemon) starts
	ScheduleElapsed               // Every seconds after boot or the last run
	ScheduleOnce                  // at: once
	ScheduleDemand                // dcron's @noauto, a timer that nothing starts
)

// Schedule is when a job runs. The sets have one bit a value: minutes 0-59, hours
// 0-23, days 1-31, months 1-12, weekdays 0-6 from Sunday.
type Schedule struct {
	Text    string // as written
	Kind    ScheduleKind
	Minute  uint64
	Hour    uint64
	Day     uint64
	Month   uint64
	Weekday uint64
	DayStar bool // the day field begins with an asterisk
	DowStar bool // the weekday field does
	Or      bool // a day that fits either field will do; else both must fit
	Wild    bool // the minute or hour field begins with an asterisk: the job follows the clock when it is changed
	Random  uint8
	Second  uint64     // of a timer's calendar; 0: at the full minute
	FromEnd [4]uint64  // of a timer's calendar, days that count from the month's end: the set for months of 28, 29, 30 and 31 days, instead of Day
	Years   []Years    // of a timer's calendar; none: any year
	Every   int64      // seconds, of ScheduleElapsed, and of a timer of kind ScheduleReboot that goes on; 0 unknown or not at all
	Since   []Since    // a timer's times that count from an event
	When    string     // of ScheduleOnce: what is known of the time, UTC, RFC 3339
	Zone    string     // zone that moves the schedule (cronie's CRON_TZ, a timer's own); "" the host's
	Delay   int64      // seconds of random delay at most; of anacron: after anacron's start
	Also    []Schedule // a timer's further calendars
}

// Since is a time of a timer that counts from an event.
type Since struct {
	Event string // boot, timer (it is started), start (of what it starts), end (of that)
	Sec   int64  // -1 not known
}

const (
	allMinutes = 1<<60 - 1
	allHours   = 1<<24 - 1
	allDays    = (1<<32 - 1) &^ 1
	allMonths  = (1<<13 - 1) &^ 1
	allDows    = 1<<7 - 1
)

// sundays makes 0 and 7 the same day.
func sundays(dow uint64) uint64 {
	if dow&(1<<7) != 0 {
		dow |= 1
	}
	return dow & allDows
}

// Never reports whether no day of any year fits: an empty set, or 30 February.
func (s *Schedule) Never() bool {
	if s.Kind != ScheduleCalendar {
		return s.Kind == ScheduleDemand
	}
	return s.dayShare() == 0 || s.Minute == 0 || s.Hour == 0
}

// dayShare is the share of all days on which the job runs, 0 to 1.
func (s *Schedule) dayShare() float64 {
	dow := float64(bits.OnesCount64(s.Weekday)) / 7
	var total float64
	lengths := [13]float64{0, 31, 28.2425, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	longest := [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	for m := 1; m <= 12; m++ {
		if s.Month&(1<<uint(m)) == 0 {
			continue
		}
		days := s.Day
		if s.FromEnd != [4]uint64{} {
			days = s.FromEnd[longest[m]-28]
		}
		fit := days & bitsTo(longest[m])
		n := float64(bits.OnesCount64(fit))
		if m == 2 && fit&(1<<29) != 0 {
			n -= 1 - 0.2425
		}
		dom := n / lengths[m]
		share := dom * dow
		if s.Or {
			share = dom + dow - dom*dow
		}
		total += share * lengths[m]
	}
	return total / 365.2425
}

func bitsTo(n int) uint64 { return (1<<uint(n+1) - 1) &^ 1 }

// PerDay returns how often the job runs on an average day of a long time, and
// whether that can be said.
func (s *Schedule) PerDay() (float64, bool) {
	switch s.Kind {
	case ScheduleCalendar:
		m, h := float64(bits.OnesCount64(s.Minute)), float64(bits.OnesCount64(s.Hour))
		if s.Random&1 != 0 {
			m = 1
		}
		if s.Random&2 != 0 {
			h = 1
		}
		n := m * h * s.dayShare() * float64(max(1, bits.OnesCount64(s.Second)))
		for i := range s.Also {
			more, _ := s.Also[i].PerDay()
			n += more
		}
		return n, true
	case ScheduleElapsed, ScheduleReboot:
		if s.Every > 0 {
			return 86400 / float64(s.Every), true
		}
	case ScheduleDemand:
		return 0, true
	}
	return 0, false
}

// Normal returns one text for all spellings of the same times as this daemon reads
// them: "@daily" and "0 0 * * *" are one, "0,30" and "*/30" too.
func (s *Schedule) Normal() string {
	switch s.Kind {
	case ScheduleCalendar:
		day := setText(s.Day, 1, 31)
		if s.FromEnd != [4]uint64{} {
			day = "~" + setText(s.FromEnd[3], 1, 31) // as in months of 31 days
		}
		parts := []string{setText(s.Minute, 0, 59), setText(s.Hour, 0, 23), day, setText(s.Month, 1, 12), setText(s.Weekday, 0, 6)}
		out := strings.Join(parts, " ")
		switch {
		case s.Day == allDays && s.Weekday == allDows && s.FromEnd == [4]uint64{}:
		case s.Or && s.Day != 0 && s.Weekday != 0:
			out += " or" // either day will do
		}
		if s.Random != 0 {
			out += " ~" + strconv.Itoa(int(s.Random))
		}
		if s.Second&^1 != 0 {
			out += " second " + setText(s.Second, 0, 59)
		}
		if s.Years != nil {
			out += " year " + s.yearText()
		}
		if s.Zone != "" {
			out += " " + s.Zone
		}
		for i := range s.Also {
			out += " + " + s.Also[i].Normal()
		}
		return out + sinceText(s.Since)
	case ScheduleReboot:
		return "@reboot" + sinceText(s.Since)
	case ScheduleElapsed:
		return "every " + strconv.FormatInt(s.Every, 10) + "s"
	}
	return s.Text
}

func (s *Schedule) yearText() string {
	var parts []string
	for _, y := range s.Years {
		switch {
		case y.Low == y.High:
			parts = append(parts, strconv.Itoa(y.Low))
		case y.Step > 1:
			parts = append(parts, strconv.Itoa(y.Low)+"-"+strconv.Itoa(y.High)+"/"+strconv.Itoa(y.Step))
		default:
			parts = append(parts, strconv.Itoa(y.Low)+"-"+strconv.Itoa(y.High))
		}
	}
	return strings.Join(parts, ",")
}

func sinceText(list []Since) string {
	var parts []string
	for _, x := range list {
		parts = append(parts, x.Event+"+"+strconv.FormatInt(x.Sec, 10)+"s")
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " " + strings.Join(parts, " ")
}

// setText prints a set as ranges: "*", "0,30", "1-5".
func setText(set uint64, low, high int) string {
	full := uint64(0)
	for i := low; i <= high; i++ {
		full |= 1 << uint(i)
	}
	if set&full == full {
		return "*"
	}
	var b strings.Builder
	for i := low; i <= high; i++ {
		if set&(1<<uint(i)) == 0 {
			continue
		}
		j := i
		for j < high && set&(1<<uint(j+1)) != 0 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(i))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(j))
		}
		i = j
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}

// nicknames are the five sets of the @ words that Debian, cronie and busybox share.
var nicknames = map[string]Schedule{
	"yearly":   {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1 << 1, Weekday: allDows},
	"annually": {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1 << 1, Weekday: allDows},
	"monthly":  {Minute: 1, Hour: 1, Day: 1 << 1, Month: allMonths, Weekday: allDows},
	"weekly":   {Minute: 1, Hour: 1, Day: allDays, Month: allMonths, Weekday: 1},
	"daily":    {Minute: 1, Hour: 1, Day: allDays, Month: allMonths, Weekday: allDows},
	"midnight": {Minute: 1, Hour: 1, Day: allDays, Month: allMonths, Weekday: allDows},
	"hourly":   {Wild: true, Minute: 1, Hour: allHours, Day: allDays, Month: allMonths, Weekday: allDows},
}

// generatorNicks are those that systemd-cron adds.
var generatorNicks = map[string]Schedule{
	"minutely":      {Wild: true, Minute: allMinutes, Hour: allHours, Day: allDays, Month: allMonths, Weekday: allDows},
	"quarterly":     {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1<<1 | 1<<4 | 1<<7 | 1<<10, Weekday: allDows},
	"semi-annually": {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1<<1 | 1<<7, Weekday: allDows},
	"semiannually":  {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1<<1 | 1<<7, Weekday: allDows},
	"bi-annually":   {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1<<1 | 1<<7, Weekday: allDows},
	"biannually":    {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1<<1 | 1<<7, Weekday: allDows},
	"anually":       {Minute: 1, Hour: 1, Day: 1 << 1, Month: 1 << 1, Weekday: allDows},
}

// nickname returns the schedule of an @ word (without the @) for a daemon.
func nickname(word string, d Daemon) (Schedule, bool) {
	key := word
	if d == SystemdCron {
		key = strings.ToLower(word)
	}
	if key == "reboot" {
		return Schedule{Kind: ScheduleReboot, Text: "@" + word}, true
	}
	if d == Dcron && key == "noauto" {
		return Schedule{Kind: ScheduleDemand, Text: "@" + word}, true
	}
	s, ok := nicknames[key]
	if !ok && d == SystemdCron {
		s, ok = generatorNicks[key]
	}
	if d == Dcron && (key == "annually" || key == "midnight") {
		ok = false
	}
	s.Kind, s.Text = ScheduleCalendar, "@"+word
	return s, ok
}

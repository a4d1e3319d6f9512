package cron

import (
	"strconv"
	"strings"
)

// maxUnits bounds how many blocks of systemctl show are read.
const maxUnits = 4096

// maxCalendars bounds the calendars of one timer beside its first.
const maxCalendars = 32

// unitBlock is one unit in the output of systemctl show.
type unitBlock map[string][]string

// ParseTimers reads the output of systemctl show for timers and the units that
// they start (properties Id, Unit or Triggers, TimersCalendar, TimersMonotonic,
// ExecStart, User, FragmentPath, UnitFileState, ActiveState, LoadState,
// RandomizedDelayUSec), blocks parted by an empty line. A timer whose service is not
// among the blocks is a job without a command. Jobs come in the order of the timers,
// one for each command of the service.
func ParseTimers(data []byte) []*Job {
	blocks := showBlocks(string(data))
	byID := make(map[string]unitBlock, len(blocks))
	for _, b := range blocks {
		byID[b.first("Id")] = b
	}
	var out []*Job
	for _, b := range blocks {
		id := b.first("Id")
		if !strings.HasSuffix(id, ".timer") {
			continue
		}
		j := Job{Scheduler: SchedTimer, Path: b.first("FragmentPath"), ID: id, Exec: true, Fate: FateRuns, Schedule: showSchedule(b)}
		switch {
		case b.first("LoadState") == "masked" || b.first("UnitFileState") == "masked":
			j.Fate, j.Reason = FateNever, "the timer is masked"
		case b.first("ActiveState") != "" && b.first("ActiveState") != "active":
			j.Fate, j.Reason = FateNever, "the timer is "+clip(b.first("ActiveState"), 20)
		}
		starts := b.first("Unit")
		if starts == "" {
			starts, _, _ = strings.Cut(b.first("Triggers"), " ")
		}
		if starts == "" {
			starts = strings.TrimSuffix(id, ".timer") + ".service"
		}
		service := byID[starts]
		if j.User = service.first("User"); j.User == "" {
			j.User = "root"
		}
		j.Cwd = service.first("WorkingDirectory")
		n := 0
		for _, x := range service["ExecStart"] {
			command := showExec(x)
			if command == "" || n >= 64 {
				continue
			}
			n++
			c := j
			c.Command, c.Raw = command, command
			out = append(out, &c)
		}
		if n == 0 {
			c := j
			if c.Reason == "" {
				c.Reason = "what " + Quote(clip(starts, 80)) + " starts was not seen"
			}
			out = append(out, &c)
		}
	}
	return out
}

func (b unitBlock) first(key string) string {
	if v := b[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// showBlocks splits KEY=VALUE lines at empty lines.
func showBlocks(s string) []unitBlock {
	var out []unitBlock
	cur := unitBlock{}
	for s != "" && len(out) < maxUnits {
		var line string
		line, s, _ = cutByte(s, '\n')
		if line == "" {
			if len(cur) > 0 {
				out = append(out, cur)
				cur = unitBlock{}
			}
			continue
		}
		if k, v, ok := strings.Cut(line, "="); ok && len(cur[k]) < 256 {
			cur[k] = append(cur[k], v)
		}
	}
	if len(cur) > 0 && len(out) < maxUnits {
		out = append(out, cur)
	}
	return out
}

// showExec takes the words out of { path=/x ; argv[]=/x -a ; ... }.
func showExec(v string) string {
	i := strings.Index(v, "argv[]=")
	if i < 0 {
		return strings.TrimSpace(v)
	}
	v = v[i+len("argv[]="):]
	if k := strings.LastIndex(v, " ; ignore_errors="); k >= 0 {
		v = v[:k]
	} else if k := strings.Index(v, " ; "); k >= 0 {
		v = v[:k]
	}
	return strings.TrimSpace(v)
}

// showSchedule makes a schedule of TimersCalendar and TimersMonotonic; the first
// calendar decides, the others stand beside it, the texts of all are kept.
func showSchedule(b unitBlock) Schedule {
	var s Schedule
	var texts []string
	add := func(list []string, calendar bool) {
		for _, v := range list {
			name, value := showTimer(v)
			if name == "" {
				continue
			}
			one := timerSchedule(name, value)
			texts = append(texts, name+"="+value)
			switch {
			case s.Kind == ScheduleNone || calendar && s.Kind != ScheduleCalendar:
				s = one
			case s.Kind == ScheduleCalendar && one.Kind == ScheduleCalendar && len(s.Also) < maxCalendars:
				s.Also = append(s.Also, one)
			}
		}
	}
	add(b["TimersMonotonic"], false)
	add(b["TimersCalendar"], true)
	s.Text = clip(strings.Join(texts, " "), 512)
	s.Delay = spanSeconds(b.first("RandomizedDelayUSec"))
	if len(texts) == 0 {
		s.Kind = ScheduleDemand
	}
	return s
}

// showTimer reads { OnCalendar=*-*-* 06:00:00 ; next_elapse=... }.
func showTimer(v string) (name, value string) {
	v = strings.TrimSpace(strings.Trim(strings.TrimSpace(v), "{}"))
	v, _, _ = strings.Cut(v, " ; ")
	name, value, _ = strings.Cut(v, "=")
	name = strings.TrimSuffix(strings.TrimSpace(name), "USec")
	if strings.HasSuffix(v, "USec") {
		name = v
	}
	return name, strings.TrimSpace(value)
}

// timerSchedule makes a schedule of one setting of a timer (systemd.timer(5)).
func timerSchedule(name, value string) Schedule {
	switch strings.TrimSuffix(name, "Sec") {
	case "OnCalendar":
		s := CalendarSchedule(value)
		s.Text = value
		return s
	case "OnBoot", "OnStartup":
		return Schedule{Kind: ScheduleReboot, Text: name + "=" + value, Delay: spanSeconds(value)}
	case "OnUnitActive", "OnUnitInactive", "OnActive":
		return Schedule{Kind: ScheduleElapsed, Text: name + "=" + value, Every: spanSeconds(value)}
	}
	return Schedule{Text: name + "=" + value}
}

// spanUnits are the units of time spans in seconds (systemd.time(7)).
var spanUnits = map[string]float64{"": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "usec": 1e-6, "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800, "M": 2629800, "month": 2629800, "months": 2629800, "y": 31557600, "year": 31557600, "years": 31557600}

// spanSeconds reads a time span (systemd.time(7)): "1h 30min", "15min", a bare
// number of seconds. What cannot be read is 0.
func spanSeconds(s string) int64 {
	var total float64
	for _, f := range strings.Fields(s) {
		i := 0
		for i < len(f) && (f[i] >= '0' && f[i] <= '9' || f[i] == '.') {
			i++
		}
		n, err := strconv.ParseFloat(f[:i], 64)
		if err != nil || n > 1e12 {
			return 0
		}
		unit, ok := spanUnits[f[i:]]
		if !ok {
			return 0
		}
		total += n * unit
	}
	return int64(total)
}

// calendarNames are the short forms of systemd.time(7).
var calendarNames = map[string]string{"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00", "monthly": "*-*-01 00:00:00", "weekly": "Mon *-*-* 00:00:00", "yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00", "semiannually": "*-01,07-01 00:00:00"}

// CalendarSchedule reads an OnCalendar expression (systemd.time(7), CALENDAR
// EVENTS) as far as the five sets can hold it. Years and seconds are left out; what
// cannot be read gives a schedule of kind ScheduleNone.
func CalendarSchedule(text string) Schedule {
	s := Schedule{Text: text}
	if long, ok := calendarNames[strings.ToLower(strings.TrimSpace(text))]; ok {
		text = long
	}
	f := strings.Fields(text)
	if len(f) == 0 || len(f) > 4 {
		return s
	}
	out := Schedule{Text: s.Text, Kind: ScheduleCalendar, Minute: 1, Hour: 1, Day: allDays, Month: allMonths, Weekday: allDows}
	if c := f[0][0]; isAlpha(c) {
		if out.Weekday = calendarDays(f[0]); out.Weekday == 0 {
			return s
		}
		f = f[1:]
	}
	for i, part := range f {
		switch {
		case strings.Contains(part, ":"):
			hms := strings.Split(part, ":")
			var ok1, ok2 bool
			out.Hour, ok1 = calendarSet(hms[0], 0, 23)
			out.Minute, ok2 = calendarSet(hms[1], 0, 59)
			if !ok1 || !ok2 {
				return s
			}
		case strings.Contains(part, "-") && i == 0 && !isAlpha(part[0]):
			ymd := strings.Split(part, "-")
			var ok1, ok2 bool
			out.Month, ok1 = calendarSet(ymd[max(0, len(ymd)-2)], 1, 12)
			out.Day, ok2 = calendarSet(ymd[len(ymd)-1], 1, 31)
			if !ok1 || !ok2 {
				return s
			}
		default:
			out.Zone = clip(part, 64)
		}
	}
	return out
}

// calendarSet reads 1,3..5,*/10,00/5.
func calendarSet(text string, low, high int) (uint64, bool) {
	var out uint64
	for _, item := range strings.Split(text, ",") {
		item, stepText, hasStep := strings.Cut(item, "/")
		step := 1
		if hasStep {
			n, rest, ok := leadingInt(stepText)
			if !ok || rest != "" || n == 0 {
				return 0, false
			}
			step = n
		}
		from, to := low, high
		if item != "*" {
			a, b, isRange := strings.Cut(item, "..")
			n, rest, ok := leadingInt(a)
			if !ok || rest != "" {
				return 0, false
			}
			from = n
			if !hasStep {
				to = n
			}
			if isRange {
				if to, rest, ok = leadingInt(b); !ok || rest != "" {
					return 0, false
				}
			}
		}
		if from < low || to > high || from > to {
			return 0, false
		}
		for v := from; v <= to; v += step {
			out |= 1 << uint(v)
		}
	}
	return out, out != 0
}

// calendarDays reads Mon, Sat,Sun and Mon..Fri.
func calendarDays(text string) uint64 {
	var out uint64
	day := func(s string) int {
		s = strings.ToLower(s)
		for i, n := range fullDays {
			if s == n || len(s) == 3 && strings.HasPrefix(n, s) {
				return i
			}
		}
		return -1
	}
	for _, item := range strings.Split(text, ",") {
		a, b, isRange := strings.Cut(item, "..")
		if !isRange {
			a, b, isRange = strings.Cut(item, "-")
		}
		from := day(a)
		to := from
		if isRange {
			to = day(b)
		}
		if from < 0 || to < 0 {
			return 0
		}
		for d := from; ; d = (d + 1) % 7 {
			out |= 1 << uint(d)
			if d == to%7 {
				break
			}
		}
	}
	return out
}

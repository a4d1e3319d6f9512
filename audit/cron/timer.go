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
		if isYes(b.first("Persistent")) && j.Schedule.Kind == ScheduleCalendar {
			j.Note = missedNote
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
		for _, key := range execKeys {
			for _, x := range service[key] {
				command := showExec(x)
				if command == "" || n >= 64 {
					continue
				}
				n++
				c := j
				c.Command, c.Raw, c.Step, c.Flat = command, command, step(key), true
				out = append(out, &c)
			}
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

// execKeys are what a service runs, in its order.
var execKeys = [...]string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecStop", "ExecStopPost"}

func step(key string) string {
	if key == "ExecStart" {
		return ""
	}
	return key
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

// missedNote tells what Persistent= does.
const missedNote = "a time that passes while the host is off is made up for at its next start"

// timerTime is one setting of a timer that gives a time: OnCalendar=daily.
type timerTime struct{ name, value string }

// showSchedule makes a schedule of TimersCalendar and TimersMonotonic.
func showSchedule(b unitBlock) Schedule {
	var times []timerTime
	for _, key := range [...]string{"TimersMonotonic", "TimersCalendar"} {
		for _, v := range b[key] {
			if name, value := showTimer(v); name != "" {
				times = append(times, timerTime{name, value})
			}
		}
	}
	s := timerSchedule(times)
	s.Delay, _ = spanSeconds(b.first("RandomizedDelayUSec"))
	if len(times) == 0 {
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

// timerSchedule joins the times of a timer (systemd.timer(5)): the first calendar
// decides, the others stand beside it, and so do those that count from an event.
// Kind is ScheduleNone where systemd can read none of them.
func timerSchedule(times []timerTime) Schedule {
	var s Schedule
	var texts []string
	var since []Since
	first, every := false, int64(0)
	for _, t := range times {
		texts = append(texts, t.name+"="+t.value)
		event := ""
		switch strings.TrimSuffix(t.name, "Sec") {
		case "OnCalendar":
			one := CalendarSchedule(t.value)
			switch {
			case one.Kind != ScheduleCalendar:
			case s.Kind != ScheduleCalendar || s.Never() && len(s.Also) == 0:
				s = one
			case len(s.Also) < maxCalendars:
				s.Also = append(s.Also, one)
			}
			continue
		case "OnBoot", "OnStartup":
			event = "boot"
		case "OnActive":
			event = "timer"
		case "OnUnitActive":
			event = "start"
		case "OnUnitInactive":
			event = "end"
		default:
			continue
		}
		sec, ok := spanSeconds(t.value)
		if !ok || len(since) >= maxCalendars {
			continue
		}
		since = append(since, Since{event, sec})
		switch {
		case event == "boot" || event == "timer":
			first = true
		case sec > 0 && (every == 0 || sec < every):
			every = sec
		}
	}
	s.Since = since
	switch {
	case s.Kind == ScheduleCalendar || len(since) == 0:
	case first:
		s.Kind, s.Every = ScheduleReboot, every
	default:
		s.Kind, s.Every = ScheduleElapsed, every
	}
	s.Text = clip(strings.Join(texts, " "), 512)
	return s
}

// spanUnits are the units of time spans in seconds (systemd.time(7)).
var spanUnits = map[string]float64{"": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "usec": 1e-6, "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800, "M": 2629800, "month": 2629800, "months": 2629800, "y": 31557600, "year": 31557600, "years": 31557600}

// spanSeconds reads a time span (systemd.time(7)): "1h 30min", "1h30min", "5 min",
// a bare number of seconds.
func spanSeconds(s string) (sec int64, ok bool) {
	var total float64
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 256 {
		return 0, false
	}
	for s != "" {
		i := 0
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			i++
		}
		n, err := strconv.ParseFloat(s[:i], 64)
		if err != nil {
			return 0, false
		}
		s = strings.TrimLeft(s[i:], " \t")
		for i = 0; i < len(s) && isAlpha(s[i]); {
			i++
		}
		unit, known := spanUnits[s[:i]]
		if !known {
			return 0, false
		}
		s = strings.TrimLeft(s[i:], " \t")
		if total += n * unit; total > 1e12 {
			return 0, false
		}
	}
	return int64(total), true
}

package cron

import "strings"

// UnitSetting is one line of a unit file.
type UnitSetting struct {
	Section string
	Key     string
	Value   string
	Line    int // from 1
}

// Unit is a unit file of systemd, with its drop-ins where they were appended.
type Unit struct {
	Settings []UnitSetting
}

// ParseUnit reads a unit file (systemd.syntax(7)): sections, KEY=VALUE, comments
// with # or ;, lines joined by a backslash at their end. What it cannot read it
// leaves out, as systemd does.
func ParseUnit(data []byte) *Unit {
	u := &Unit{}
	s := string(data[:min(len(data), 1<<20)])
	section := ""
	for line := 1; s != "" && len(u.Settings) < 4096; line++ {
		var text string
		text, s, _ = cutByte(s, '\n')
		first := line
		text = strings.TrimSpace(text)
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		if strings.HasSuffix(text, "\\") {
			var b strings.Builder
			for {
				more := strings.HasSuffix(text, "\\")
				b.WriteString(strings.TrimSuffix(text, "\\"))
				if !more || s == "" {
					break
				}
				b.WriteByte(' ')
				// Comment lines between joined lines are passed over.
				for {
					text, s, _ = cutByte(s, '\n')
					line++
					text = strings.TrimSpace(text)
					if text == "" || text[0] != '#' && text[0] != ';' || s == "" {
						break
					}
				}
			}
			text = strings.TrimSpace(b.String())
		}
		if text != "" && text[0] == '[' && text[len(text)-1] == ']' {
			section = text[1 : len(text)-1]
			continue
		}
		if k, v, ok := strings.Cut(text, "="); ok {
			u.Settings = append(u.Settings, UnitSetting{section, strings.TrimSpace(k), strings.TrimSpace(v), first})
		}
	}
	return u
}

// Append adds the settings of a drop-in behind those of the unit.
func (u *Unit) Append(dropIn *Unit) { u.Settings = append(u.Settings, dropIn.Settings...) }

// Values returns the settings of a key in their order; an empty one takes away
// those before it.
func (u *Unit) Values(section, key string) []UnitSetting {
	if u == nil {
		return nil
	}
	var out []UnitSetting
	for _, s := range u.Settings {
		if s.Section != section || s.Key != key {
			continue
		}
		if s.Value == "" {
			out = out[:0]
			continue
		}
		out = append(out, s)
	}
	return out
}

// Last returns the value that holds for a key with one value, or "".
func (u *Unit) Last(section, key string) string {
	if v := u.Values(section, key); len(v) > 0 {
		return v[len(v)-1].Value
	}
	return ""
}

// TimerJobs returns the jobs of a timer unit and the service that it starts, read
// from files: whether the timer is enabled or running is not known from these. id
// is the timer's name, path its file; service is nil where it was not found.
func TimerJobs(id, path string, timer, service *Unit) []*Job {
	j := Job{Scheduler: SchedTimer, Path: path, ID: id, Exec: true, Fate: FateRuns, User: "root"}
	var texts []string
	for _, key := range [...]string{"OnCalendar", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec"} {
		for _, v := range timer.Values("Timer", key) {
			if j.Schedule.Kind == ScheduleNone {
				j.Schedule = timerSchedule(key, v.Value)
				j.Line = v.Line
			} else if one := timerSchedule(key, v.Value); j.Schedule.Kind == ScheduleCalendar && one.Kind == ScheduleCalendar && len(j.Schedule.Also) < maxCalendars {
				j.Schedule.Also = append(j.Schedule.Also, one)
			}
			texts = append(texts, key+"="+v.Value)
		}
	}
	j.Schedule.Text = clip(strings.Join(texts, " "), 512)
	j.Schedule.Delay = spanSeconds(timer.Last("Timer", "RandomizedDelaySec"))
	if len(texts) == 0 {
		j.Schedule.Kind = ScheduleDemand
		j.Fate, j.Reason = FateNever, "the timer has no time"
	}
	if user := service.Last("Service", "User"); user != "" {
		j.User = user
	}
	j.Cwd = service.Last("Service", "WorkingDirectory")
	execs := service.Values("Service", "ExecStart")
	if len(execs) == 0 {
		if j.Reason == "" {
			j.Reason = "what it starts was not seen"
		}
		return []*Job{&j}
	}
	var out []*Job
	for i, x := range execs {
		if i >= 64 {
			break
		}
		c := j
		c.Command, c.Raw = x.Value, x.Value
		out = append(out, &c)
	}
	return out
}

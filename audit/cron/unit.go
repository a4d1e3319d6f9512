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

func isTimerTime(key string) bool {
	switch key {
	case "OnCalendar", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec":
		return true
	}
	return false
}

func isYes(s string) bool {
	for _, yes := range [...]string{"yes", "true", "on", "1"} {
		if strings.HasPrefix(strings.ToLower(s), yes) {
			return true
		}
	}
	return false
}

// TimerJobs returns the jobs of a timer unit and the service that it starts, read
// from files: whether the timer is enabled or running is not known from these. id
// is the timer's name, path its file; service is nil where it was not found.
func TimerJobs(id, path string, timer, service *Unit) []*Job {
	j := Job{Scheduler: SchedTimer, Path: path, ID: id, Exec: true, Fate: FateRuns, User: "root"}
	var times []timerTime
	for i := range timer.Settings {
		x := &timer.Settings[i]
		switch {
		case x.Section != "Timer" || !isTimerTime(x.Key):
		case x.Value == "":
			times, j.Line = nil, 0 // takes away the times of every kind
		default:
			if len(times) == 0 {
				j.Line = x.Line
			}
			times = append(times, timerTime{x.Key, x.Value})
		}
	}
	j.Schedule = timerSchedule(times)
	j.Schedule.Delay, _ = spanSeconds(timer.Last("Timer", "RandomizedDelaySec"))
	switch {
	case len(times) == 0 && isYes(timer.Last("Timer", "OnClockChange")+timer.Last("Timer", "OnTimezoneChange")):
		j.Schedule.Kind, j.Schedule.Text = ScheduleDemand, "when the clock or its zone is set"
	case len(times) == 0:
		j.Schedule.Kind = ScheduleDemand
		j.Fate, j.Reason = FateNever, "the timer has no time"
	case j.Schedule.Kind == ScheduleNone:
		j.Fate, j.Reason = FateNever, "systemd can read none of its times"
	case j.Schedule.Never() && len(j.Schedule.Also)+len(j.Schedule.Since) == 0:
		j.Fate, j.Reason = FateNever, "no day has that date"
	}
	if isYes(timer.Last("Timer", "Persistent")) && j.Schedule.Kind == ScheduleCalendar {
		j.Note = missedNote
	}
	if user := service.Last("Service", "User"); user != "" {
		j.User = user
	}
	j.Cwd = service.Last("Service", "WorkingDirectory")
	var out []*Job
	for _, key := range execKeys {
		for _, x := range service.Values("Service", key) {
			if len(out) >= 64 {
				break
			}
			c := j
			c.Raw, c.Step = x.Value, step(key)
			c.Command, c.Open = specifiers(x.Value, id)
			if front := x.Value[:len(x.Value)-len(strings.TrimLeft(x.Value, "@-:+!|"))]; strings.IndexByte(front, '+') >= 0 {
				c.User = "root" // whatever User= says
			}
			out = append(out, &c)
		}
	}
	if len(out) == 0 {
		if j.Reason == "" {
			j.Reason = "what it starts was not seen"
		}
		return []*Job{&j}
	}
	return out
}

// SameExec reports whether a command of a unit file is the one that systemctl told
// without its quotes.
func SameExec(file, told *Job) bool {
	line := strings.TrimLeft(file.Command, "@-:+!|")
	return !file.Open && strings.Join(execWords(line), " ") == told.Command
}

// specifiers puts in what the % of a command of the system's manager stand for
// (systemd.unit(5), SPECIFIERS). open: some of it is not known.
func specifiers(s, id string) (out string, open bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, false
	}
	name := strings.TrimSuffix(id, ".timer")
	prefix, instance, _ := strings.Cut(name, "@")
	known := map[byte]string{'%': "%", 'h': "/root", 't': "/run", 'S': "/var/lib", 'C': "/var/cache", 'L': "/var/log", 'E': "/etc", 'T': "/tmp", 'V': "/var/tmp", 'u': "root", 'U': "0", 's': "/bin/sh", 'p': prefix, 'N': name, 'n': name + ".service"}
	if instance != "" {
		known['i'] = instance
		if !strings.ContainsAny(instance, "-\\") {
			known['I'] = instance
		}
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if v, ok := known[s[i]]; ok {
			b.WriteString(v)
			continue
		}
		open = true
		b.WriteByte('%')
		b.WriteByte(s[i])
	}
	return b.String(), open
}

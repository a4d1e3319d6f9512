package cron

import (
	"strconv"
	"strings"
)

// UnitSetting is one line of a unit file.
type UnitSetting struct {
	Section string
	Key     string
	Value   string
	Line    int    // from 1
	DropIn  string // the file where it stands, if that is not the unit's own
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
			u.Settings = append(u.Settings, UnitSetting{Section: section, Key: strings.TrimSpace(k), Value: strings.TrimSpace(v), Line: first})
		}
	}
	return u
}

// Append adds the settings of a drop-in, the file path, behind those of the unit.
func (u *Unit) Append(dropIn *Unit, path string) {
	for _, x := range dropIn.Settings {
		x.DropIn = path
		u.Settings = append(u.Settings, x)
	}
}

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

// Manager is the service manager that a unit belongs to: an account's own, or the
// system's where it names none.
type Manager struct {
	User, Home string
	UID        int64
}

// TimerJobs returns the jobs of a timer unit and the service that it starts, read
// from files: whether the timer is enabled or running is not known from these. id
// is the timer's name, path its file; service is nil where it was not found.
func TimerJobs(id, path string, timer, service *Unit, m Manager) []*Job {
	j := Job{Scheduler: SchedTimer, Path: path, ID: id, Exec: true, Fate: FateRuns, User: "root"}
	if m.User != "" {
		j.User = m.User
	}
	var times []timerTime
	for i := range timer.Settings {
		x := &timer.Settings[i]
		switch {
		case x.Section != "Timer" || !isTimerTime(x.Key):
		case x.Value == "":
			times, j.Line = nil, 0 // takes away the times of every kind
		default:
			if len(times) == 0 && x.DropIn == "" {
				j.Line = x.Line
			} else if len(times) == 0 {
				j.dropIn("its times stand", x)
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
		j.note(missedNote)
	}
	// An account's manager cannot change to another one.
	if user := service.Last("Service", "User"); user != "" && m.User == "" {
		j.User = user
	}
	j.Cwd = m.Home // systemd.exec(5), WorkingDirectory=: the system's starts in /
	if dir := strings.TrimPrefix(service.Last("Service", "WorkingDirectory"), "-"); dir != "" {
		j.Cwd, _ = specifiers(dir, id, m)
	}
	j.Env = unitSettings(service, id, m)
	if files := service.Values("Service", "EnvironmentFile"); len(files) > 0 {
		j.note("more settings come from " + Quote(clip(strings.TrimPrefix(files[0].Value, "-"), 256)) + ", which was not read")
	}
	var out []*Job
	for _, key := range execKeys {
		for _, x := range service.Values("Service", key) {
			if len(out) >= 64 {
				break
			}
			c := j
			c.Raw, c.Step = x.Value, step(key)
			c.Command, c.Open = specifiers(x.Value, id, m)
			if x.DropIn != "" {
				c.dropIn("its command stands", &x)
			}
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

// note adds to what is to be known of a job.
func (j *Job) note(text string) {
	if j.Note != "" {
		text = j.Note + "; " + text
	}
	j.Note = text
}

// dropIn notes a drop-in that decides: the vendor's file looks innocent.
func (j *Job) dropIn(what string, x *UnitSetting) {
	j.note(what + " in the drop-in " + Quote(clip(x.DropIn, 256)) + ", line " + strconv.Itoa(x.Line))
}

// unitSettings reads Environment=: words of NAME=VALUE.
func unitSettings(service *Unit, id string, m Manager) *Env {
	var env *Env
	n := 0
	for _, x := range service.Values("Service", "Environment") {
		for _, w := range execWords(x.Value) {
			name, value, ok := strings.Cut(w, "=")
			if n++; !ok || name == "" || n > envWalk {
				continue
			}
			value, _ = specifiers(value, id, m)
			env = env.with(name, value, x.Line)
		}
	}
	return env
}

// specifiers puts in what the % of a unit's line stand for (systemd.unit(5),
// SPECIFIERS). open: some of it is not known.
func specifiers(s, id string, m Manager) (out string, open bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, false
	}
	name := strings.TrimSuffix(id, ".timer")
	prefix, instance, _ := strings.Cut(name, "@")
	known := map[byte]string{'%': "%", 'h': "/root", 't': "/run", 'S': "/var/lib", 'C': "/var/cache", 'L': "/var/log", 'E': "/etc", 'T': "/tmp", 'V': "/var/tmp", 'u': "root", 'U': "0", 's': "/bin/sh", 'p': prefix, 'N': name, 'n': name + ".service"}
	if m.User != "" {
		known['h'], known['u'], known['U'] = m.Home, m.User, strconv.FormatInt(m.UID, 10)
		known['t'], known['C'], known['E'] = "/run/user/"+known['U'], m.Home+"/.cache", m.Home+"/.config"
		for _, c := range "SLs" { // of which systemd's versions differ, and the account's shell
			delete(known, byte(c))
		}
	}
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

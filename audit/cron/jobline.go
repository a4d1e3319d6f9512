package cron

import (
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// clip shortens a text that a message quotes.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

// jobLine parses a line that is neither comment nor setting.
func (p *tableParser) jobLine(e *Entry, body string) {
	switch p.t.Daemon {
	case Debian, Cronie:
		p.vixieLine(e, body)
	case Busybox, Dcron:
		p.dillonLine(e, body)
	default:
		p.generatorLine(e, body)
	}
}

// newJob makes the job of an entry and counts it.
func (p *tableParser) newJob(e *Entry, s Schedule) *Job {
	p.jobs++
	s.Zone = p.zone()
	e.Kind = EntryJob
	e.Fate = FateRuns
	e.Job = &Job{Scheduler: p.o.Scheduler, Path: p.o.Path, Line: e.Line, User: p.o.User, Schedule: s, Env: p.env, Fate: FateRuns}
	return e.Job
}

// zone is the setting above a job that moves its schedule. Debian's cron, busybox
// and dcron have none.
func (p *tableParser) zone() string {
	switch p.t.Daemon {
	case Cronie:
		return clip(p.env.Get("CRON_TZ"), 64)
	case SystemdCron:
		for _, name := range [...]string{"CRON_TZ", "TZ"} {
			// Only the name of a zone: the generator hands it to OnCalendar.
			if v := p.env.Get(name); v != "" && len(v) <= 64 && (strings.IndexByte(v, '/') > 0 || v == "UTC") {
				return v
			}
		}
	}
	return ""
}

// vixieLine parses a job line of Debian cron or cronie (entry.c: load_entry).
func (p *tableParser) vixieLine(e *Entry, body string) {
	cronie := p.t.Daemon == Cronie
	quiet := false
	if cronie && body[0] == '-' {
		if p.t.Form == User && p.o.User != "" && p.o.User != "root" {
			p.bad(e, "bad option: only root's tables may begin a line with a dash")
			return
		}
		quiet = true
		body = body[1:]
	}
	var s Schedule
	var odd, rest string
	if strings.HasPrefix(body, "@") {
		word := body[1:]
		if i := strings.IndexAny(word, " \t"); i >= 0 {
			word, rest = word[:i], trimLeftBlank(word[i:])
		}
		var ok bool
		if s, ok = nickname(word, p.t.Daemon); !ok {
			p.bad(e, "bad time specifier")
			return
		}
		if rest == "" {
			p.bad(e, "bad command")
			return
		}
	} else {
		var r [5]fieldResult
		rest = body
		for i := range fields {
			r[i], rest = vixieField(rest, &fields[i], cronie, p.o.Version)
			if r[i].bad {
				p.bad(e, "bad "+fields[i].name)
				return
			}
			if odd == "" {
				odd = r[i].odd
			}
		}
		s = calendar(body[:len(body)-len(rest)], &r)
		s.Or = !r[2].star && !r[4].star
		if rest == "" && cronie || strings.HasPrefix(rest, "*") {
			p.bad(e, "bad command")
			return
		}
	}
	j := p.newJob(e, s)
	j.Quiet = quiet
	if p.t.Form == System {
		name := rest
		if i := strings.IndexAny(rest, " \t"); i >= 0 {
			name, rest = rest[:i], rest[i:]
		} else {
			p.refuse(e, "bad command")
			return
		}
		j.User = name
		j.Raw = trimLeftBlank(rest)
		if !p.account(name) {
			p.refuse(e, "bad username")
			p.command(j)
			return
		}
	} else {
		j.Raw = rest
	}
	p.command(j)
	if !cronie && len(j.Raw) >= 999 {
		p.refuse(e, "bad command: 999 bytes or more")
		return
	}
	if !cronie && strings.IndexByte(j.Raw, 0) >= 0 {
		p.refuse(e, "bad command: it holds a NUL byte")
		return
	}
	p.judge(e, j, odd)
}

// refuse is bad for a line whose job is known.
func (p *tableParser) refuse(e *Entry, reason string) {
	p.bad(e, reason)
	if p.t.Daemon == Cronie && reason == "bad username" {
		e.Fate, e.Job.Fate = FateNever, FateNever
	}
}

// account reports whether name may be an account: known to be none, or shaped
// like none, is no.
func (p *tableParser) account(name string) bool {
	if p.o.Account != nil {
		if exists, known := p.o.Account(name); known {
			return exists
		}
	}
	return accountShape(name)
}

// accountShape reports whether name could be a name that useradd(8) or a
// directory service gives; a number is none (getpwnam does not read it as a uid).
func accountShape(name string) bool {
	if name == "" || len(name) > 256 || name[0] == '-' || digits(name) {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isAlnum(c) && c < 0x80 && strings.IndexByte("._-$@\\+", c) < 0 {
			return false
		}
	}
	return true
}

// calendar makes a schedule of five fields.
func calendar(text string, r *[5]fieldResult) Schedule {
	s := Schedule{Text: strings.TrimRight(text, " \t"), Kind: ScheduleCalendar,
		Minute: r[0].set, Hour: r[1].set, Day: r[2].set, Month: r[3].set, Weekday: sundays(r[4].set),
		DayStar: r[2].star, DowStar: r[4].star, Wild: r[0].star || r[1].star}
	for i := range r {
		if r[i].random {
			s.Random |= 1 << uint(i)
		}
	}
	return s
}

// dillonLine parses a job line of busybox crond or dcron. Both read table lines
// without a user column, also in /etc/cron.d (dcron).
func (p *tableParser) dillonLine(e *Entry, body string) {
	cut := ""
	if p.t.Daemon == Busybox {
		// config_read cuts at any #, quoted or not, and takes blanks off the end.
		if i := strings.IndexByte(body, '#'); i >= 0 {
			if !isBlank(body[i-1]) {
				cut = "the daemon cuts the line at #"
			}
			body = body[:i]
		}
		body = strings.TrimRight(body, " \t")
	}
	if p.t.Form == System {
		if p.t.Daemon == Busybox {
			p.bad(e, "busybox crond reads no system tables")
			return
		}
		p.o.User = "root"
	}
	if i := strings.IndexByte(body, 0); i >= 0 {
		body, cut = body[:i], "the command is cut at a NUL byte"
	}
	if p.t.Daemon == Dcron && len(body) > 1023 {
		body, cut = body[:1023], "the daemon reads 1023 bytes a line, and the rest as a new line"
	}
	var s Schedule
	var rest, odd string
	if strings.HasPrefix(body, "@") {
		word := body[1:]
		if i := strings.IndexAny(word, " \t"); i >= 0 {
			word, rest = word[:i], trimLeftBlank(word[i:])
		}
		var ok bool
		s, ok = nickname(word, p.t.Daemon)
		if ok && p.t.Daemon == Busybox && p.o.NoNicks {
			p.kill(e, "this build of busybox crond dies on a line that begins with @"+word)
			return
		}
		if !ok || rest == "" {
			p.bad(e, "bad time specifier")
			return
		}
	} else {
		var r [5]fieldResult
		rest = body
		for i := range fields {
			j := strings.IndexAny(rest, " \t")
			if j < 0 {
				p.bad(e, "fewer than six words")
				return
			}
			r[i] = dillonField(rest[:j], &fields[i], p.t.Daemon)
			rest = trimLeftBlank(rest[j:])
			// busybox keeps a line whose day it could not read: the other day decides.
			if r[i].bad && (p.t.Daemon != Busybox || i != dayField && i != weekdayField) {
				p.bad(e, "parse error in "+fields[i].name)
				return
			}
			if odd == "" {
				odd = r[i].odd
			}
		}
		if rest == "" {
			p.bad(e, "fewer than six words")
			return
		}
		s = dillonCalendar(strings.TrimRight(body[:len(body)-len(rest)], " \t"), &r, p.t.Daemon)
		if (r[dayField].bad || r[weekdayField].bad) && s.Never() {
			p.bad(e, "parse error in the day")
			return
		}
	}
	j := p.newJob(e, s)
	j.Raw = rest
	p.command(j)
	if odd == "" {
		odd = cut
	}
	p.judge(e, j, odd)
}

// Where the days stand among the fields.
const (
	dayField     = 2
	weekdayField = 4
)

// dillonCalendar applies FixDayDow (crond.c): a day field that is full counts as
// an asterisk, however it is written. Days are counted from 0, so that */2 is the
// even days; busybox's table of them has a day 0, which 1-31 leaves out and * does
// not, so that 1-31 is no asterisk there (run on 1.37).
func dillonCalendar(text string, r *[5]fieldResult, d Daemon) Schedule {
	s := Schedule{Text: text, Kind: ScheduleCalendar, Minute: r[0].set, Hour: r[1].set,
		Month: r[3].set << 1, Weekday: r[weekdayField].set & allDows, DayStar: r[dayField].star, DowStar: r[weekdayField].star}
	s.Day = r[dayField].set & allDays
	if d != Busybox {
		s.Or = s.Day != allDays && s.Weekday != allDows
		return s
	}
	anyDay, anyDow := r[dayField].set&(1<<32-1) == 1<<32-1, s.Weekday == allDows
	switch {
	case anyDay:
		s.Day = allDays
	case anyDow:
	case s.Day == 0 && s.Weekday != 0:
		s.Day = allDays // either will do, and the weekday is all there is
	case s.Weekday == 0 && s.Day != 0:
		s.Weekday = allDows
	default:
		s.Or = true
	}
	return s
}

// generatorLine parses a job line of systemd-cron, which always wants both days
// to fit.
func (p *tableParser) generatorLine(e *Entry, body string) {
	var s Schedule
	var rest, odd string
	if strings.HasPrefix(body, "@") {
		word := body[1:]
		if i := strings.IndexAny(word, " \t"); i >= 0 {
			word, rest = word[:i], trimLeftBlank(word[i:])
		}
		var ok bool
		if s, ok = nickname(word, SystemdCron); !ok || rest == "" {
			p.bad(e, "unknown schedule")
			return
		}
	} else {
		var r [5]fieldResult
		rest = body
		for i := range fields {
			j := strings.IndexAny(rest, " \t")
			if j < 0 {
				p.bad(e, "truncated line")
				return
			}
			r[i] = generatorField(rest[:j], &fields[i])
			rest = trimLeftBlank(rest[j:])
			if r[i].hang {
				e.Kind = EntryBad
				p.kill(e, "systemd-cron's generator never returns from a step of zero ("+fields[i].name+")")
				return
			}
			if r[i].bad {
				p.bad(e, "bad "+fields[i].name)
				return
			}
			if odd == "" {
				odd = r[i].odd
			}
		}
		if rest == "" {
			p.bad(e, "truncated line")
			return
		}
		s = calendar(body[:len(body)-len(rest)], &r)
	}
	j := p.newJob(e, s)
	if p.t.Form == System {
		i := strings.IndexAny(rest, " \t")
		if i < 0 {
			p.bad(e, "truncated line")
			return
		}
		j.User, rest = rest[:i], trimLeftBlank(rest[i:])
	}
	j.Raw = rest
	p.command(j)
	if p.t.Form == System && !p.account(j.User) {
		e.Fate, e.Reason = FateNever, "the unit is made for an account that does not exist"
		j.Fate, j.Reason = e.Fate, e.Reason
		return
	}
	p.judge(e, j, odd)
}

// command splits what the table has into the shell's command and its input.
func (p *tableParser) command(j *Job) {
	raw := j.Raw
	if p.t.Daemon == Cronie {
		if i := strings.IndexByte(raw, 0); i >= 0 {
			raw = raw[:i]
		}
		if rest, ok := strings.CutPrefix(raw, "-n"); ok && rest != "" && isBlank(rest[0]) && !olderThan(p.o.Version, 1, 6) {
			j.MailOnly = true
			raw = trimLeftBlank(rest)
		}
		if len(raw) > 131071 {
			raw = raw[:131071]
		}
	}
	if p.t.Daemon == Busybox || p.t.Daemon == Dcron {
		j.Command = raw
		return
	}
	j.Command, j.Stdin, j.HasStdin = splitPercent(raw, p.t.Daemon == Debian)
}

// splitPercent splits a command at the first % that no backslash escapes and makes
// \% a percent sign (crontab(5); do_command.c). An escaped backslash escapes
// nothing; Debian's cron, unlike cronie, makes one of the two, quotes or not
// (collapse). Behind the first %, in the input, a % is escaped by any backslash
// before it. [measured on 3.0pl1-197 and cronie 1.7.2]
func splitPercent(raw string, collapse bool) (command, stdin string, has bool) {
	if strings.IndexByte(raw, '%') < 0 && (!collapse || !strings.Contains(raw, `\\`)) {
		return raw, "", false
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		switch {
		case raw[i] == '\\' && i+1 < len(raw) && raw[i+1] == '%':
			b.WriteByte('%')
			i++
		case raw[i] == '\\' && i+1 < len(raw) && raw[i+1] == '\\' && !has:
			b.WriteByte('\\')
			if !collapse {
				b.WriteByte('\\')
			}
			i++
		case raw[i] == '%' && !has:
			command, has = b.String(), true
			b.Reset()
		case raw[i] == '%':
			b.WriteByte('\n')
		default:
			b.WriteByte(raw[i])
		}
	}
	if !has {
		return b.String(), "", false
	}
	return command, b.String(), true
}

// judge decides the fate of a line that the daemon accepts.
func (p *tableParser) judge(e *Entry, j *Job, odd string) {
	fate, reason := FateRuns, ""
	set := func(f Fate, why string) {
		if fate == FateRuns || f == FateNever && fate == FateOther {
			fate, reason = f, why
		}
	}
	d := p.t.Daemon
	if odd != "" {
		set(FateOther, odd)
	}
	if j.Schedule.Never() {
		set(FateNever, "no day and time fits this schedule")
	}
	if strings.TrimSpace(j.Command) == "" {
		set(FateNever, "there is no command")
	}
	if shell := j.Env.Get("SHELL"); shell != "" && d != Dcron {
		if base := baseName(shell); base == "nologin" || base == "false" {
			set(FateNever, "SHELL is "+base+", which runs nothing")
		} else if p.o.Look != nil {
			if f := p.o.Look(shell); f.Known && !f.Exists {
				set(FateNever, "SHELL does not exist")
			}
		}
	}
	if home := j.Env.Lookup("HOME"); home != nil && p.o.Look != nil && (d == Debian || d == Cronie) {
		if f := p.o.Look(home.Value); f.Known && !f.Exists {
			if d == Cronie {
				set(FateNever, "HOME does not exist")
			} else {
				set(FateOther, "HOME does not exist: the job runs in /var/spool/cron")
			}
		}
	}
	if why := p.otherwise(j); why != "" {
		set(FateOther, why)
	}
	e.Fate, e.Reason = fate, reason
	j.Fate, j.Reason = fate, reason
}

// otherwise tells why a command does something else than a reader would think.
func (p *tableParser) otherwise(j *Job) string {
	d := p.t.Daemon
	raw, cmd := j.Raw, j.Command
	word := cmd
	if i := strings.IndexAny(cmd, " \t"); i >= 0 {
		word = cmd[:i]
	}
	switch {
	case strings.HasSuffix(raw, "\r"):
		return "a carriage return is part of the last word"
	case strings.IndexByte(raw, 0) >= 0:
		return "the command is cut at a NUL byte"
	case d == Cronie && len(raw) > 131071:
		return "the command is cut after 131071 bytes"
	case p.t.Form == User && (word == "root" || word != "" && word == p.o.User):
		return "a user table has no user column: the command is " + Quote(word)
	case word == "*":
		return "six time fields: the command begins with an asterisk"
	case word == "-n":
		return "the command is -n"
	case hasOddBackslash(raw) && d != Busybox:
		return "a backslash at the end joins no lines in this daemon"
	case j.HasStdin && percentTrap(cmd):
		return "an unescaped % ends the command"
	case (d == Busybox || d == Dcron) && hasBarePercent(raw):
		return "this daemon takes % as it is"
	case hasControl(raw):
		return "control characters are part of the command"
	}
	return ""
}

// hasBarePercent reports a % that vixie daemons would split at, where the text
// looks as if its writer meant that: no date format before it and no quote open.
func hasBarePercent(raw string) bool {
	command, _, has := splitPercent(raw, false)
	return has && !percentTrap(command)
}

// percentTrap reports whether a command that % cut off looks cut: a quote is open,
// or a plus sign or a backquote stands before the % as in date +%Y.
func percentTrap(cmd string) bool {
	if strings.HasSuffix(cmd, "+") {
		return true
	}
	var quote byte
	for i := 0; i < len(cmd); i++ {
		switch c := cmd[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote == 0 && (c == '"' || c == '\'' || c == '`'):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return quote != 0
}

func hasOddBackslash(s string) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// hasControl reports control characters other than tab and carriage return.
func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return true
		}
	}
	return false
}

// baseName returns what follows the last slash.
func baseName(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}

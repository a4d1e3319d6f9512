package cron

import "strings"

// ParseAnacrontab reads /etc/anacrontab (anacrontab(5)): settings, and lines of
// period in days (or @daily and its like), delay in minutes, name and command. A
// line that anacron cannot read is lost; the rest of the file is read. The jobs run
// as root, and % means nothing.
func ParseAnacrontab(data []byte, o Options) *Table {
	t := &Table{Daemon: Cronie, Form: User, options: o, anacron: true}
	s := string(data)
	var env *Env
	for pos, line := 0, 1; pos < len(s); line++ {
		if len(t.Entries) >= maxEntries || pos > maxTable {
			t.Entries = append(t.Entries, Entry{Kind: EntryRest, Line: line, Pos: pos, End: len(s), Raw: s[pos:], Reason: "not looked at: the table is too long"})
			break
		}
		end := len(s)
		if i := strings.IndexByte(s[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		e := Entry{Line: line, Pos: pos, End: end, Raw: s[pos:end]}
		body := strings.TrimSpace(e.Raw)
		switch {
		case body == "":
		case body[0] == '#':
			e.Kind = EntryComment
		default:
			if i := strings.IndexByte(body, '='); i > 0 && isName(strings.TrimSpace(body[:i])) {
				env = env.with(strings.TrimSpace(body[:i]), unquote(strings.TrimSpace(body[i+1:])), line)
				e.Kind, e.Set = EntrySetting, env
				break
			}
			anacronLine(&e, body, env, o)
		}
		t.Entries = append(t.Entries, e)
		pos = end
	}
	t.Env = env
	return t
}

// anacronLine reads period, delay, name and command.
func anacronLine(e *Entry, body string, env *Env, o Options) {
	lost := func(why string) { e.Kind, e.Fate, e.Reason = EntryBad, FateLost, why }
	period, rest, ok := nextWord(body)
	delay, rest, ok2 := nextWord(rest)
	name, command, ok3 := nextWord(rest)
	if !ok || !ok2 || !ok3 || command == "" {
		lost("fewer than four words")
		return
	}
	every, found := map[string]int64{"@daily": 1, "@weekly": 7, "@monthly": 30, "@yearly": 365, "@annually": 365, "@quarterly": 91, "@biannually": 182}[period]
	if !found {
		n, after, isNum := leadingInt(period)
		if !isNum || after != "" {
			lost("bad period")
			return
		}
		every = int64(n)
	}
	minutes, after, isNum := leadingInt(delay)
	if !isNum || after != "" {
		lost("bad delay")
		return
	}
	if strings.IndexByte(name, '/') >= 0 {
		lost("bad job identifier")
		return
	}
	s := Schedule{Text: period + " " + delay, Kind: ScheduleElapsed, Every: every * 86400, Delay: int64(minutes) * 60}
	user := o.User
	if user == "" {
		user = "root"
	}
	e.Kind, e.Fate = EntryJob, FateRuns
	e.Job = &Job{Scheduler: SchedAnacron, Path: o.Path, Line: e.Line, User: user, Schedule: s, Command: command, Raw: command, Env: env, Fate: FateRuns, ID: name}
	if every == 0 {
		e.Fate, e.Reason = FateNever, "a period of 0 days"
		e.Job.Fate, e.Job.Reason = e.Fate, e.Reason
	}
}

func nextWord(s string) (word, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, "", s != ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t"), true
}

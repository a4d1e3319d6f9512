package cron

import (
	"strconv"
	"strings"
	"time"
)

// AtName reports whether a name is that of a job in at's spool: a queue letter (or
// = for a running one), five hex digits of the job's number and eight of the
// minutes since 1970 (at 3.2, at.c).
func AtName(name string) bool {
	if len(name) != 14 || name[0] != '=' && !isAlpha(name[0]) {
		return false
	}
	for i := 1; i < len(name); i++ {
		if hexDigit(name[i]) < 0 {
			return false
		}
	}
	return true
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// maxAt bounds how much of a job's environment is read.
const maxAt = 256 << 10

// ParseAt reads a job of at or batch. name is the last component of its path. The
// header gives account (as uid=N where only that is known), environment and
// working directory; the command is what stands behind them, in a here-document
// or not. ok is false where the name is none of at's.
func ParseAt(name string, data []byte, o Options) (j *Job, ok bool) {
	if !AtName(name) {
		return nil, false
	}
	number, _ := strconv.ParseUint(name[1:6], 16, 32)
	minutes, _ := strconv.ParseUint(name[6:], 16, 32)
	when := time.Unix(int64(minutes)*60, 0).UTC().Format(time.RFC3339)
	j = &Job{Scheduler: SchedAt, Path: o.Path, Line: 1, User: o.User, ID: strconv.FormatUint(number, 10), Fate: FateRuns,
		Schedule: Schedule{Kind: ScheduleOnce, Text: "at " + when, When: when}}
	if name[0] == '=' {
		j.Reason = "running now"
	} else if name[0] != 'a' {
		j.Schedule.Text = "batch, not before " + when
	}
	s := string(data[:min(len(data), maxAt)])
	line := 0
	for s != "" {
		text, rest, _ := cutByte(s, '\n')
		line++
		if uid, found := strings.CutPrefix(text, "# atrun uid="); found && j.User == "" {
			uid, _, _ = cutByte(uid, ' ')
			if digits(uid) && len(uid) < 11 {
				j.User = "uid=" + uid
			}
		}
		name, value, set := atSetting(text)
		dir, inDir := strings.CutPrefix(text, "cd ")
		switch {
		case set:
			j.Env = j.Env.with(name, value, line)
		case strings.HasPrefix(text, "#"), strings.HasPrefix(text, "umask "), text == "":
		case inDir && strings.HasSuffix(dir, "|| {") && j.Cwd == "":
			j.Cwd = atUnescape(strings.TrimSuffix(dir, " || {"))
			// The block that says that the directory is gone.
			for rest != "" {
				var inner string
				inner, rest, _ = cutByte(rest, '\n')
				line++
				if inner == "}" {
					break
				}
			}
		default:
			j.Line = line
			j.Command = atBody(s)
			j.Raw = j.Command
			return j, true
		}
		s = rest
	}
	j.Fate, j.Reason = FateNever, "there is no command"
	return j, true
}

// atSetting reads NAME=value; export NAME, with at's backslashes.
func atSetting(text string) (name, value string, ok bool) {
	i := strings.IndexByte(text, '=')
	if i <= 0 || !isName(text[:i]) {
		return "", "", false
	}
	end := "; export " + text[:i]
	if !strings.HasSuffix(text, end) || len(text) < i+1+len(end) {
		return "", "", false
	}
	return text[:i], atUnescape(text[i+1 : len(text)-len(end)]), true
}

func atUnescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return unquote(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// atBody takes the here-document off that Debian's at puts around the command.
func atBody(s string) string {
	first, rest, _ := cutByte(s, '\n')
	if !strings.HasPrefix(first, "${SHELL:-/bin/sh} << '") {
		return strings.TrimRight(s, "\n")
	}
	mark := strings.TrimSuffix(strings.TrimPrefix(first, "${SHELL:-/bin/sh} << '"), "'")
	if i := strings.Index("\n"+rest, "\n"+mark); i >= 0 && mark != "" {
		rest = rest[:max(0, i-1)]
	}
	return strings.TrimRight(rest, "\n")
}

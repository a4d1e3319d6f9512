package compare

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Run is a start of a job that a scheduler logged.
type Run struct {
	User    string
	Command string // as logged: control bytes may be escaped, the end may be cut
	From    time.Time
	To      time.Time // the log may name no more than a second, or no zone
}

// Unheld is a job that was started and that no table holds.
type Unheld struct {
	User    string
	Command string
	Last    time.Time
	Count   int
}

// loadTime is how long daemons take to see a change: Debian's looks once a
// minute, and a job of that minute may have been begun before.
const loadTime = 2 * time.Minute

// RunsUnheld finds the logged starts of jobs that stand in no table, later than
// the last change of any table: the daemon has an older table in memory than lies
// on disk. held are the commands of an account's jobs, as written; changed is the
// time of the last change.
func RunsUnheld(runs []Run, held map[string][]string, changed time.Time) []Unheld {
	if changed.IsZero() {
		return nil
	}
	known := make(map[string]map[string]bool, len(held))
	for user, commands := range held {
		set := make(map[string]bool, len(commands))
		for _, c := range commands {
			set[letters(c)] = true
		}
		known[user] = set
	}
	found := map[[2]string]*Unheld{}
	for i := range runs {
		r := &runs[i]
		if !r.From.After(changed.Add(loadTime)) {
			continue
		}
		text := letters(r.Command)
		if text == "" || known[r.User][text] || cutShort(known[r.User], r.Command, text) {
			continue
		}
		key := [2]string{r.User, text}
		u := found[key]
		if u == nil {
			if len(found) == maxListed {
				continue
			}
			u = &Unheld{User: r.User, Command: r.Command}
			found[key] = u
		}
		u.Count++
		if r.To.After(u.Last) {
			u.Last = r.To
		}
	}
	out := make([]Unheld, 0, len(found))
	for _, u := range found {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b Unheld) int { return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Command, b.Command)) })
	return out
}

// cutShort reports whether the log may have cut a command that is held: syslog's
// lines end at 1024 bytes on old hosts.
func cutShort(set map[string]bool, logged, text string) bool {
	if len(logged) < 200 {
		return false
	}
	for c := range set {
		if strings.HasPrefix(c, text) {
			return true
		}
	}
	return false
}

// letters leaves of a command what every log writes the same way: rsyslog and the
// daemons each have their own escapes for the rest.
func letters(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '#' && i+3 < len(s) && octal(s[i+1:i+4]):
			i += 3 // rsyslog's #011
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '/':
			b.WriteByte(c)
		}
	}
	return b.String()
}

func octal(s string) bool {
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7'
}

// withoutPID takes off the "[PID] " that Debian's cron writes before a command from
// -L 9 on.
func withoutPID(command string) string {
	rest, found := strings.CutPrefix(command, "[")
	pid, rest, closed := strings.Cut(rest, "] ")
	if !found || !closed || pid == "" || strings.Trim(pid, "0123456789") != "" {
		return command
	}
	return rest
}

// LoggedRun reads the message of a scheduler's log line: "(USER) CMD (COMMAND)" of
// Debian's cron and cronie, "USER USER pid N cmd COMMAND" of busybox.
func LoggedRun(tag, message string) (user, command string, ok bool) {
	name, _, _ := strings.Cut(tag, "[")
	switch name {
	case "CRON", "CROND", "cron", "crond", "/usr/sbin/cron", "/usr/sbin/crond":
	default:
		return "", "", false
	}
	if rest, found := strings.CutPrefix(message, "("); found {
		user, rest, found = strings.Cut(rest, ") CMD (")
		command, closed := strings.CutSuffix(rest, ")")
		if name == "CRON" || strings.HasSuffix(name, "cron") {
			command = withoutPID(command)
		}
		return user, strings.TrimSpace(command), found && closed && user != "" && !strings.ContainsAny(user, " ()")
	}
	if rest, found := strings.CutPrefix(message, "USER "); found {
		user, rest, _ = strings.Cut(rest, " ")
		rest, found = strings.CutPrefix(rest, "pid ")
		_, command, hasCommand := strings.Cut(rest, " cmd ")
		return user, strings.TrimSpace(command), found && hasCommand && user != ""
	}
	return "", "", false
}

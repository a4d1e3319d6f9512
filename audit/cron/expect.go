package cron

import (
	"bytes"
	"strings"
)

// Expectation is a job that must be there.
type Expectation struct {
	Match string // pattern over the command: * any text, ? one byte; without these, text that it contains
	User  string // "" any
	Line  string // the exact line, of a user's table or with a user column; "" any that matches
}

// ExpectState says how an expectation is met.
type ExpectState string

// The states.
const (
	ExpectPresent    ExpectState = "present"
	ExpectMissing    ExpectState = "missing"
	ExpectDisabled   ExpectState = "disabled"    // its line is commented out; see CommentedOut
	ExpectAltered    ExpectState = "altered"     // not this line, but one that differs a little
	ExpectWrongTimes ExpectState = "wrong-times" // this command, at other times than the line says
	ExpectWrongUser  ExpectState = "wrong-user"  // there, for another account
	ExpectNotRunning ExpectState = "not-running" // there, and never started
	ExpectDuplicated ExpectState = "duplicated"  // there more than once
)

// Expect looks for a job among all jobs of a host, of whatever scheduler. The
// indexes name the jobs that the answer rests on; none for missing.
func Expect(jobs []*Job, e Expectation) (ExpectState, []int) {
	var match []int
	for i, j := range jobs {
		if e.Match != "" && matches(e.Match, j) {
			match = append(match, i)
		}
	}
	want := expectedLine(e.Line)
	if e.Match == "" && want != nil {
		for i, j := range jobs {
			if sameCommand(j, want) {
				match = append(match, i)
			}
		}
	}
	if len(match) == 0 {
		if near := nearest(jobs, e, want); near >= 0 {
			return ExpectAltered, []int{near}
		}
		return ExpectMissing, nil
	}
	if e.User != "" {
		mine := filter(match, func(i int) bool { return jobs[i].User == e.User })
		if len(mine) == 0 {
			return ExpectWrongUser, match
		}
		match = mine
	}
	running := filter(match, func(i int) bool { return jobs[i].Runs() })
	if len(running) == 0 {
		return ExpectNotRunning, match
	}
	if want != nil {
		same := filter(running, func(i int) bool { return sameCommand(jobs[i], want) })
		if len(same) == 0 {
			return ExpectAltered, running
		}
		exact := filter(same, func(i int) bool { return sameTimes(jobs[i], want) })
		if len(exact) == 0 {
			return ExpectWrongTimes, same
		}
		running = exact
	}
	if twice := apart(jobs, running); len(twice) > 1 {
		return ExpectDuplicated, twice
	}
	return ExpectPresent, running
}

// apart leaves of several jobs those that do their work beside each other: of the
// steps that one timer starts the first, and of a timer and what packages bring for
// cron on hosts without systemd the timer.
func apart(jobs []*Job, list []int) []int {
	timers := map[string]bool{}
	out := filter(list, func(i int) bool {
		j := jobs[i]
		if j.Scheduler != SchedTimer {
			return true
		}
		again := timers[j.ID]
		timers[j.ID] = true
		return !again
	})
	if len(timers) == 0 {
		return out
	}
	return filter(out, func(i int) bool {
		j := jobs[i]
		return !(j.Scheduler != SchedTimer && strings.Contains(j.Raw, "/run/systemd/system") ||
			j.Scheduler == SchedRunParts && timers[baseName(j.Command)+".timer"])
	})
}

// The bounds of a search among comments.
const (
	maxCommentedOut = 2000
	maxComment      = 4 << 10 // bytes
)

// CommentedOut gives the jobs that a table's comments would be without their
// marks, each with the line where its comment stands.
func CommentedOut(table []byte, form Form, d Daemon, o Options) []*Job {
	var out []*Job
	n := 0
	for raw := range bytes.Lines(table) {
		n++
		text := bytes.TrimLeft(raw, " \t")
		if len(text) == 0 || text[0] != '#' || len(text) > maxComment {
			continue
		}
		text = bytes.TrimRight(bytes.TrimLeft(text, "#; \t"), "\r\n")
		// A sentence is no job: the first field of one begins like this.
		if len(text) == 0 || !(text[0] == '*' || text[0] == '@' || text[0] >= '0' && text[0] <= '9') {
			continue
		}
		if len(out) == maxCommentedOut {
			break
		}
		for _, j := range ParseTable(append(text, '\n'), form, d, o).Jobs() {
			j.Line = n
			out = append(out, j)
		}
	}
	return out
}

func filter(list []int, keep func(int) bool) []int {
	var out []int
	for _, i := range list {
		if keep(i) {
			out = append(out, i)
		}
	}
	return out
}

// matches reports whether a pattern fits a job's command, as written or in its
// normal form.
func matches(pattern string, j *Job) bool {
	for _, text := range [...]string{j.Raw, j.Command, NormalCommand(j.Command)} {
		if !strings.ContainsAny(pattern, "*?") {
			if strings.Contains(text, pattern) {
				return true
			}
		} else if globMatch(pattern, text) {
			return true
		}
	}
	return false
}

// globMatch matches the whole of text in linear space and at most len(p)·len(t)
// steps: on a mismatch it goes back to the last star only.
func globMatch(p, t string) bool {
	i, k, star, mark := 0, 0, -1, 0
	for k < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, k
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[k]):
			i++
			k++
		case star >= 0:
			mark++
			i, k = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// expectedLine parses the line of an expectation: as a user's line, and with its
// user column where the first word of the command is an account's name.
func expectedLine(line string) []*Job {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	var out []*Job
	for _, form := range [...]Form{User, System} {
		out = append(out, ParseTable([]byte(line+"\n"), form, Cronie, Options{}).Jobs()...)
	}
	return out
}

func sameCommand(j *Job, want []*Job) bool {
	for _, w := range want {
		if w.User != "" && j.User != "" && w.User != j.User {
			continue
		}
		if strings.TrimRight(j.Raw, " \t") == strings.TrimRight(w.Raw, " \t") {
			return true
		}
	}
	return false
}

func sameTimes(j *Job, want []*Job) bool {
	for _, w := range want {
		if j.Schedule.Normal() == w.Schedule.Normal() {
			return true
		}
	}
	return false
}

// nearest returns the job whose command is closest to what is expected, or -1
// where none is close: up to three edits, or a quarter of the length, or equal but
// for dots, blanks, quotes, slashes and look-alikes.
func nearest(jobs []*Job, e Expectation, want []*Job) int {
	best, bestCost := -1, 1<<30
	try := func(i int, text, target string, part bool) {
		if len(target) < 3 {
			return
		}
		if squeeze(text) == squeeze(target) || part && strings.Contains(squeeze(text), squeeze(target)) && len(squeeze(target)) > 3 {
			if best < 0 || bestCost > 0 {
				best, bestCost = i, 0
			}
			return
		}
		limit := max(min(3, len(target)/4), len(target)/4)
		var n int
		if part {
			limit = max(1, min(3, len(target)/5))
			n = Nearness(target, text)
		} else {
			n = Distance(target, text)
		}
		if n <= limit && n < bestCost {
			best, bestCost = i, n
		}
	}
	chunk := longestLiteral(e.Match)
	for i, j := range jobs {
		normal := NormalCommand(j.Command)
		for k, w := range want {
			if k == 0 || w.User != "" && w.User == j.User {
				try(i, normal, NormalCommand(w.Command), false)
			}
		}
		if len(want) == 0 && len(chunk) >= 5 {
			try(i, normal, chunk, true)
		}
	}
	return best
}

// longestLiteral is the longest run of a pattern without * and ?.
func longestLiteral(p string) string {
	best := ""
	for _, f := range strings.FieldsFunc(p, func(r rune) bool { return r == '*' || r == '?' }) {
		if f = strings.TrimSpace(f); len(f) > len(best) {
			best = f
		}
	}
	return best
}

// squeeze leaves out what an eye passes over: dots, blanks, quotes, slashes,
// backslashes, control and invisible characters; look-alikes become one letter.
func squeeze(s string) string {
	var b strings.Builder
	for _, r := range skeleton(s) {
		switch {
		case r <= ' ' || r == '.' || r == '"' || r == '\'' || r == '/' || r == '\\' || r == 0x7f || isInvisible(r) || isBidi(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

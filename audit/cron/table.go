package cron

import (
	"fmt"
	"strings"
)

// Bounds of one table. A daemon that reads more than these reads a table that no
// person wrote; what lies beyond is kept as one entry and said to be so.
const (
	maxEntries = 200_000
	maxTable   = 32 << 20 // bytes
)

// EntryKind says what a line of a table is.
type EntryKind uint8

// The kinds of entry.
const (
	EntryBlank   EntryKind = iota
	EntryComment           // # ...
	EntrySetting           // NAME=VALUE
	EntryJob               // runs, or would (see its fate)
	EntryBad               // the daemon cannot read it
	EntryIgnored           // skipped without a word: a setting that busybox does not know
	EntryRest              // beyond the bounds of this parser; not looked at
)

var entryNames = [...]string{"blank", "comment", "setting", "job", "bad", "ignored", "rest"}

// String returns the name of the kind.
func (k EntryKind) String() string {
	if int(k) < len(entryNames) {
		return entryNames[k]
	}
	return "unknown"
}

// Entry is one logical line of a table.
type Entry struct {
	Kind   EntryKind
	Line   int // of its first byte, from 1
	Pos    int // byte offset in the table
	End    int // offset of the first byte behind it, its newline included
	Raw    string
	Job    *Job   // of EntryJob
	Set    *Env   // of EntrySetting
	Fate   Fate   // of EntryBad and EntryJob; a setting without newline may drop the file
	Reason string // the daemon's words where it has some
}

// Table is a parsed table. Nothing of it is lost: [Table.Bytes] returns what was
// parsed.
type Table struct {
	Daemon  Daemon
	Form    Form
	Entries []Entry
	Dropped bool   // the daemon refuses the whole file
	Kills   bool   // the daemon dies or hangs on it
	Reason  string // why, with the line
	Line    int    // the line to blame; 0: none
	Env     *Env   // behind the last line

	options Options // as it was parsed, for edits
	anacron bool
}

// Options say what is known beside the bytes.
type Options struct {
	Path      string    // goes into Job.Path
	Scheduler Scheduler // goes into Job.Scheduler; "" means spool for a user table, cron.d for a system one
	User      string    // owner of a user table
	Version   string    // of the daemon's package: "3.0pl1-162", "1.5.7-13.el9"; "" the newest
	NoNicks   bool      // Debian's static busybox: any @ line kills the daemon

	// Account reports whether an account exists, and whether that is known. nil:
	// nothing is known, and a name that could be an account is taken for one.
	Account func(name string) (exists, known bool)
	// Look tells about files: a SHELL or HOME that is not there. nil: nothing is known.
	Look HostLookup
}

// Bytes returns the table as it was parsed, byte for byte.
func (t *Table) Bytes() []byte {
	n := 0
	for i := range t.Entries {
		n += len(t.Entries[i].Raw)
	}
	out := make([]byte, 0, n)
	for i := range t.Entries {
		out = append(out, t.Entries[i].Raw...)
	}
	return out
}

// Jobs returns the jobs in the order of the table, those that do not run included.
func (t *Table) Jobs() []*Job {
	var out []*Job
	for i := range t.Entries {
		if t.Entries[i].Job != nil {
			out = append(out, t.Entries[i].Job)
		}
	}
	return out
}

// Scheduler says what the table's jobs are started by.
func (t *Table) Scheduler() Scheduler { return t.options.Scheduler }

// Lost returns how many job lines never run because of what the daemon makes of
// the table: refused lines that were not comments, and all jobs of a refused file.
func (t *Table) Lost() int {
	n := 0
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.Job != nil && !e.Job.Runs() || e.Job == nil && e.Kind == EntryBad && e.Fate >= FateLost {
			n++
		}
	}
	return n
}

// tableParser holds the state of one pass over a table.
type tableParser struct {
	t       *Table
	o       Options
	env     *Env
	jobs    int
	sets    int
	garbage int // bytes of comments and blanks since the last entry
}

// ParseTable reads a table as daemon d does. It never fails: what the daemon would
// refuse is an entry with a fate and a reason. Time and memory are linear in data.
func ParseTable(data []byte, form Form, d Daemon, o Options) *Table {
	if o.Scheduler == "" {
		o.Scheduler = SchedSpool
		if form == System {
			o.Scheduler = SchedCronD
		}
	}
	p := &tableParser{t: &Table{Daemon: d, Form: form, options: o}, o: o}
	s := string(data)
	pos, line := 0, 1
	for pos < len(s) {
		if len(p.t.Entries) >= maxEntries || pos > maxTable {
			p.t.Entries = append(p.t.Entries, Entry{Kind: EntryRest, Line: line, Pos: pos, End: len(s), Raw: s[pos:],
				Reason: "not looked at: the table is longer than any that a person wrote"})
			break
		}
		end, lines := logicalLine(s, pos, d)
		p.entry(s, pos, end, line)
		line += lines
		pos = end
	}
	p.limits(line)
	p.finish()
	p.t.Env = p.env
	return p.t
}

// logicalLine returns the end of the line at pos, newline included, and how many
// newlines it holds. Only busybox joins lines that end in a backslash, comments
// too (libbb/parse_config.c).
func logicalLine(s string, pos int, d Daemon) (end, lines int) {
	for end = pos; ; {
		i := strings.IndexByte(s[end:], '\n')
		if i < 0 {
			return len(s), lines
		}
		last := end + i
		end = last + 1
		lines++
		if d != Busybox || last == pos || s[last-1] != '\\' || end == len(s) {
			return end, lines
		}
	}
}

// entry parses one logical line.
func (p *tableParser) entry(s string, pos, end, line int) {
	e := Entry{Line: line, Pos: pos, End: end, Raw: s[pos:end]}
	text := strings.TrimSuffix(e.Raw, "\n")
	final := len(text) == len(e.Raw) // no newline at the end of the file
	d := p.t.Daemon

	body := trimLeftBlank(text)
	if d == SystemdCron {
		body = trimRightSpace(body)
	}
	if d == Busybox {
		body = strings.ReplaceAll(body, "\\\n", "")
		if i := strings.IndexByte(body, '#'); i == 0 {
			body = "#"
		}
	}
	switch {
	case body == "", d >= Busybox && body == "\r", d == Busybox && body == "\xef\xbb\xbf#":
		e.Kind = EntryBlank
	case body[0] == '#':
		e.Kind = EntryComment
	default:
		p.line(&e, body, final)
	}
	if e.Kind == EntryBlank || e.Kind == EntryComment {
		p.garbage += len(e.Raw) // cronie counts what stands before an entry
	} else {
		if d == Cronie && p.garbage > 32768 && !olderThan(p.o.Version, 1, 5, 7) {
			p.drop(line, "too much garbage characters: more than 32768 bytes of comments and blanks before this line")
		}
		p.garbage = 0
	}
	p.t.Entries = append(p.t.Entries, e)
}

// line parses a line that is neither blank nor comment.
func (p *tableParser) line(e *Entry, body string, final bool) {
	d := p.t.Daemon
	if final && (d == Debian || d == Cronie) {
		p.unfinished(e, body)
		return
	}
	if name, value, ok, known := p.setting(body); ok {
		e.Kind = EntrySetting
		if !known {
			e.Kind = EntryIgnored
			e.Reason = d.String() + " does not know this setting"
			return
		}
		p.sets++
		p.env = p.env.with(name, value, e.Line)
		e.Set = p.env
		return
	}
	p.jobLine(e, body)
}

// unfinished handles a last line without a newline. Debian refuses the file,
// cronie the line. The job is still parsed, so that it can be shown.
func (p *tableParser) unfinished(e *Entry, body string) {
	const words = "missing newline before EOF"
	if _, _, ok, _ := p.setting(body); ok {
		e.Kind = EntryBad
	} else {
		p.jobLine(e, body)
	}
	if p.t.Daemon == Debian {
		p.drop(e.Line, words)
		e.Fate, e.Reason = FateDropped, words
	} else {
		e.Fate, e.Reason = FateLost, words
	}
	if e.Job != nil {
		e.Job.Fate, e.Job.Reason = e.Fate, e.Reason
	}
}

// setting tells whether body is a setting for this daemon, and whether the daemon
// knows it.
func (p *tableParser) setting(body string) (name, value string, ok, known bool) {
	switch p.t.Daemon {
	case Debian:
		old := olderThan(debianRevision(p.o.Version), 197)
		// get_string reads at most 998 bytes of a setting [measured]; the rest is lost.
		// Where that is the closing quote, it is no setting, and the file goes.
		name, value, ok = parseSetting(body[:min(len(body), 998)], !old, true)
		value = strings.TrimRight(value, " \t\r")
		return name, value, ok, true
	case Cronie, SystemdCron:
		name, value, ok = parseSetting(body, true, false)
		return name, value, ok, true
	case Busybox:
		// crond.c reads two names, without quotes or blanks around the sign; jobs
		// have the daemon's PATH whatever the table says [measured on 1.37].
		for _, n := range [...]string{"SHELL", "MAILTO"} {
			if v, found := strings.CutPrefix(body, n+"="); found {
				return n, v, true, true
			}
		}
		if i := strings.IndexByte(body, '='); i > 0 && isName(body[:i]) {
			return body[:i], body[i+1:], true, false
		}
	}
	return "", "", false, false
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// bad records a line that the daemon refuses.
func (p *tableParser) bad(e *Entry, reason string) {
	if e.Kind != EntryJob {
		e.Kind = EntryBad
	}
	e.Fate, e.Reason = FateLost, reason
	if p.t.Daemon == Debian {
		e.Fate = FateDropped
		p.drop(e.Line, reason)
	}
	if e.Job != nil {
		e.Job.Fate, e.Job.Reason = e.Fate, e.Reason
	}
}

// drop records that the daemon refuses the file; the first reason is kept.
func (p *tableParser) drop(line int, reason string) {
	if p.t.Dropped {
		return
	}
	p.t.Dropped = true
	p.t.Line = line
	p.t.Reason = reason
}

// kill records that the daemon does not survive the file.
func (p *tableParser) kill(e *Entry, reason string) {
	e.Fate, e.Reason = FateKills, reason
	if !p.t.Kills {
		p.t.Kills = true
		p.t.Line, p.t.Reason = e.Line, reason
	}
}

// limits applies the daemons' bounds on whole tables. lines is one more than the
// number of newlines.
func (p *tableParser) limits(lines int) {
	switch p.t.Daemon {
	case Debian:
		if lines-1 > 10000 {
			p.drop(10001, "more than 10000 lines")
		}
	case Cronie:
		maxJobs := 10000
		if olderThan(p.o.Version, 1, 7) {
			maxJobs = 1000
		}
		if olderThan(p.o.Version, 1, 5, 7) {
			return
		}
		if p.jobs > maxJobs {
			p.drop(0, fmt.Sprintf("more than %d jobs", maxJobs))
		} else if p.sets > 1000 {
			p.drop(0, "more than 1000 settings")
		}
	case Busybox, Dcron:
		p.perUserLimits()
	}
}

// perUserLimits applies the bounds that busybox and dcron set for all but root.
func (p *tableParser) perUserLimits() {
	if p.o.User == "" || p.o.User == "root" {
		return
	}
	n := 0
	for i := range p.t.Entries {
		e := &p.t.Entries[i]
		if e.Kind == EntryJob {
			n++
		}
		if e.Job == nil {
			continue
		}
		if n > 255 || p.t.Daemon == Dcron && i >= 2560 {
			e.Job.Fate, e.Job.Reason = FateLost, "too many lines: this daemon reads 255 jobs of an account other than root"
			e.Fate, e.Reason = e.Job.Fate, e.Job.Reason
		}
	}
}

// finish hands the fate of a refused file down to its jobs.
func (p *tableParser) finish() {
	if !p.t.Dropped && !p.t.Kills {
		return
	}
	fate := FateDropped
	reason := "this crontab file will be ignored: " + p.t.Reason
	if p.t.Kills {
		fate, reason = FateKills, p.t.Reason
	}
	if p.t.Line > 0 {
		reason += fmt.Sprintf(" (line %d)", p.t.Line)
	}
	for i := range p.t.Entries {
		if e := &p.t.Entries[i]; e.Job != nil {
			e.Fate, e.Job.Fate = fate, fate
			if e.Line != p.t.Line {
				e.Reason, e.Job.Reason = reason, reason
			}
		}
	}
}

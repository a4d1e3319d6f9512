package sshd

import (
	"fmt"
	"strings"
)

// assignment is a checked Assignment.
type assignment struct {
	keyword   string // as it is to be written in a new line
	slot      int
	words     []string
	raw       bool   // the value is the rest of the line
	value     string // what stands behind the keyword
	text      string // keyword and value
	subsystem string
	want      []string // what sshd makes of the words
}

// check says whether sshd would take a keyword with that value, and writes it.
func (e *Editor) check(keyword string, args []string, inMatch bool) (*assignment, error) {
	v := e.file.Version
	self, slot, newer, ok := lookup(keyword, v, e.env.rel.family)
	if !ok {
		if newer.Known() {
			return nil, fmt.Errorf("%w: %s needs OpenSSH %s; this sshd is %s", ErrValue, keyword, newer, v)
		}
		return nil, fmt.Errorf("%w: no keyword %q in OpenSSH %s", ErrValue, keyword, v)
	}
	r, target := &rows[self], &rows[slot]
	switch {
	case target.kind == kindMatch:
		return nil, fmt.Errorf("%w: a Match is added by AddMatch", ErrForm)
	case r.fate != acted:
		return nil, fmt.Errorf("%w: %s does nothing in OpenSSH %s", ErrValue, r.name, v)
	case inMatch && !r.inMatch(v):
		return nil, fmt.Errorf("%w: %s is not allowed within a Match block", ErrValue, r.name)
	}
	a := &assignment{keyword: r.name, slot: slot, words: args, raw: target.kind == kindRaw || target.kind == kindCommand}
	value, err := quote(a, args, v)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", keyword, strings.Join(args, " "), err)
	}
	a.value, a.text = value, r.name+" "+value
	f := Parse(e.file.Name, []byte(a.text+"\n"), v)
	ln := f.only()
	if ln == nil || !a.readBy(ln) {
		return nil, fmt.Errorf("%q: %w in a form that OpenSSH %s reads back", a.text, ErrForm, v)
	}
	if target.kind == kindInclude {
		return a, nil
	}
	c := e.env.check(target, ln)
	if c.fault == "" && c.used < len(ln.Args) {
		c.fault = "keyword " + r.name + " extra arguments at end of line"
	}
	if c.fault != "" {
		return nil, fmt.Errorf("%w: %s%s", ErrValue, c.fault, orNothing(" (", c.hint, ")"))
	}
	a.want = c.args
	if target.kind == kindSubsystem {
		a.subsystem = c.extra
	}
	return a, nil
}

// only is the line of a file that has one, which is no Match.
func (f *File) only() *Line {
	if len(f.Blocks) != 1 || len(f.Blocks[0].Lines) != 1 {
		return nil
	}
	return &f.Blocks[0].Lines[0]
}

// readBy reports whether a line says what the assignment means.
func (a *assignment) readBy(ln *Line) bool {
	if ln.Problem != FormOK || ln.NUL {
		return false
	}
	if a.raw {
		return len(a.words) == 1 && strings.TrimLeft(ln.Rest, blanks) == a.words[0]
	}
	if len(ln.Args) != len(a.words) || len(a.words) == 0 {
		return false
	}
	for i := range ln.Args {
		if ln.Args[i].Text != a.words[i] {
			return false
		}
	}
	return true
}

// quote writes words so that the tokeniser of that release reads them back.
func quote(a *assignment, args []string, v Version) (string, error) {
	if len(args) == 0 || a.raw && len(args) != 1 {
		return "", fmt.Errorf("%w: it takes one value at least, and ForceCommand and its like one", ErrForm)
	}
	old := v.Before(8, 7)
	out := make([]string, len(args))
	for i, w := range args {
		if strings.ContainsAny(w, "\n\x00") {
			return "", fmt.Errorf("%w: a line end or NUL byte in the value", ErrForm)
		}
		switch {
		case a.raw:
			out[i] = w
		case old && (w == "" || strings.ContainsAny(w, `"#`)):
			return "", fmt.Errorf("%w: up to OpenSSH 8.6 no word is empty or holds a quote or \"#\"", ErrForm)
		case old && strings.ContainsAny(w, " \t\r='"):
			out[i] = `"` + w + `"`
		case !old && (w == "" || w[0] == '#' || i == 0 && w[0] == '=' || strings.ContainsAny(w, " \t\r\f\"'\\")):
			out[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
		default:
			out[i] = w
		}
	}
	return strings.Join(out, " "), nil
}

// rewritten is a line with another value: it keeps its keyword as it is written,
// its indentation, its separator, its comment and its line end, as far as sshd
// then still reads the intended words.
func (e *Editor) rewritten(ln *Line, a *assignment) (string, error) {
	if a.readBy(ln) {
		return ln.Raw, nil
	}
	tokens := e.file.Tokens(ln)
	last := len(ln.Raw)
	end := ""
	if n := len(tokens); n > 0 && tokens[n-1].Kind == TokenEnd {
		end = tokens[n-1].Text
		last -= len(end)
	}
	var tries []string
	lead := ln.Raw[:ln.Keyword.Pos.Offset-ln.Pos.Offset]
	key := ln.Raw[:ln.Keyword.End.Offset-ln.Pos.Offset]
	comment := ""
	if n := len(tokens); !a.raw || e.env.old {
		for j := range tokens {
			if tokens[j].Kind == TokenComment {
				comment = tokens[j].Text
				if j > 0 && tokens[j-1].Kind == TokenBlank {
					comment = tokens[j-1].Text + comment
				}
				if j == n-1 || tokens[j+1].Kind != TokenEnd {
					comment = strings.TrimRight(comment, "\n")
				}
			}
		}
	}
	if len(ln.Args) > 0 && !ln.NUL && !strings.HasPrefix(ln.Args[0].Text, "=") {
		from := ln.Args[0].Pos.Offset - ln.Pos.Offset
		to := ln.Args[len(ln.Args)-1].End.Offset - ln.Pos.Offset
		if a.raw && !e.env.old {
			to = from + len(strings.TrimRight(ln.Raw[from:], blanks+"\f"))
		}
		tries = append(tries, ln.Raw[:from]+a.value+ln.Raw[to:])
	}
	tries = append(tries, key+" "+a.value+comment+end, lead+a.keyword+" "+a.value+comment+end, lead+a.keyword+" "+a.value+end)
	for _, text := range tries {
		got := Parse(e.file.Name, []byte(text), e.file.Version).only()
		if got == nil || !a.readBy(got) || !e.sameSlot(got.Keyword.Text, a.slot) {
			continue
		}
		return text, nil
	}
	return "", fmt.Errorf("%s:%d: %q: %w", e.file.Name, ln.Pos.Line, a.text, ErrForm)
}

func (e *Editor) sameSlot(keyword string, slot int) bool {
	_, s, _, ok := lookup(keyword, e.file.Version, e.env.rel.family)
	return ok && s == slot
}

// lines are all lines of the file, count their number, index the place of a
// block's line among them, and indexOf that of a line.
func (e *Editor) lines() []*Line {
	var out []*Line
	for _, ln := range e.file.All() {
		out = append(out, ln)
	}
	return out
}

func (e *Editor) count() int { return e.index(len(e.file.Blocks), 0) }

func (e *Editor) index(block, line int) int {
	n := line
	for i := range e.file.Blocks[:block] {
		n += len(e.file.Blocks[i].Lines)
	}
	return n + min(block, len(e.file.Blocks)-1) // the Match lines up to it
}

func (e *Editor) indexOf(ln *Line) int {
	n := 0
	for _, l := range e.file.All() {
		if l == ln {
			return n
		}
		n++
	}
	return -1
}

// newLines gives lines their ends: that of the neighbour above, else of the one
// below. The first of them may bring the end that the line above lacks.
func (e *Editor) newLines(at int, text []string) []string {
	lines := e.lines()
	end := "\n"
	for _, i := range []int{at - 1, at, 0} {
		if i >= 0 && i < len(lines) && strings.HasSuffix(lines[i].Raw, "\n") {
			if strings.HasSuffix(lines[i].Raw, "\r\n") {
				end = "\r\n"
			}
			break
		}
	}
	out := make([]string, len(text))
	for i, s := range text {
		out[i] = s + end
	}
	if at > 0 && !strings.HasSuffix(lines[at-1].Raw, "\n") {
		out[0] = end + out[0]
	}
	return out
}

// splice replaces n lines from the at-th on by others.
type splice struct {
	at, n int
	text  []string
}

// apply makes splices, which stand in ascending order, reads the result back, and
// takes it over only if all other lines are read as before.
func (e *Editor) apply(edits ...splice) error {
	lines := e.lines()
	moved := make([]int, len(lines)) // where each line is afterwards; -1: gone
	var b strings.Builder
	at, now := 0, 0
	keep := func(to int) {
		for ; at < to; at++ {
			b.WriteString(lines[at].Raw)
			moved[at] = now
			now++
		}
	}
	changed := false
	for _, s := range edits {
		if s.at < at || s.at+s.n > len(lines) {
			return ErrNoLine
		}
		keep(s.at)
		for i, text := range s.text {
			changed = changed || i >= s.n || text != lines[s.at+i].Raw
			b.WriteString(text)
			now++
		}
		changed = changed || len(s.text) < s.n
		for ; at < s.at+s.n; at++ {
			moved[at] = -1
		}
	}
	keep(len(lines))
	if !changed {
		return nil
	}
	next := &Editor{file: Parse(e.file.Name, []byte(b.String()), e.file.Version), env: e.env}
	got := next.lines()
	if len(got) != now {
		return fmt.Errorf("%s: %w: the lines around it would be read differently", e.file.Name, ErrForm)
	}
	for i, ln := range lines {
		if moved[i] >= 0 && !sameLine(ln, got[moved[i]]) {
			return fmt.Errorf("%s:%d: %w: this line would be read differently", e.file.Name, ln.Pos.Line, ErrForm)
		}
	}
	e.file = next.file
	return nil
}

func sameLine(a, b *Line) bool {
	if strings.TrimRight(a.Raw, "\r\n") != strings.TrimRight(b.Raw, "\r\n") || a.Keyword.Text != b.Keyword.Text || a.Rest != b.Rest || len(a.Args) != len(b.Args) {
		return false
	}
	for i := range a.Args {
		if a.Args[i].Text != b.Args[i].Text {
			return false
		}
	}
	return true
}

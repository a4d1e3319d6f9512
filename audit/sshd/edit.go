package sshd

import (
	"errors"
	"fmt"
	"strings"
)

// Editor changes one file. Each method changes the lines that it names and no
// other byte: comments, order, indentation and line ends stay. A method that
// returns an error has changed nothing.
//
// Every edit is read back by the tokeniser of the file's release, and refused
// where a line but the intended ones would be read differently (a NUL byte or a
// "#" of an old release can do that).
type Editor struct {
	file *File
	env  env
}

// Assignment is a keyword and its words, as a line sets them. Keywords that take
// the rest of their line (ForceCommand) have one word, which is written as it is.
type Assignment struct {
	Keyword string
	Args    []string
}

// Errors of edits that callers decide on.
var (
	// ErrNoLine: the line or the Match block to be changed is not there.
	ErrNoLine = errors.New("there is no such line")
	// ErrValue: sshd of this release would not take the keyword or its value.
	ErrValue = errors.New("sshd would refuse it")
	// ErrForm: the change cannot be written so that sshd reads it back, or
	// would change how a neighbouring line is read.
	ErrForm = errors.New("cannot be written")
)

// Edit begins an edit of a file, by the rules of its release on that
// distribution ("" not known). The File itself is never changed.
func Edit(f *File, distro string) *Editor {
	return &Editor{file: f, env: newEnv(Options{Version: f.Version, Distro: distro})}
}

// File is the tree as it is now.
func (e *Editor) File() *File { return e.file }

// Bytes are the file's bytes as they are now.
func (e *Editor) Bytes() []byte { return e.file.Print() }

// Set gives a keyword a value for all logins: in the line of the file that
// counts, where one sets it in front of the first Match, else in a new line as
// Insert writes it. Of a keyword whose lines add up, the others go.
func (e *Editor) Set(keyword string, args ...string) error { return e.set(0, keyword, args) }

// SetIn does the same inside the block whose Match stands in that line, counted
// from 1. A new line stands behind the last one of the block that is no comment.
func (e *Editor) SetIn(matchLine int, keyword string, args ...string) error {
	block, err := e.block(matchLine)
	if err != nil {
		return err
	}
	return e.set(block, keyword, args)
}

// SetLine gives the keyword of that line, counted from 1, another value.
func (e *Editor) SetLine(line int, args ...string) error {
	ln, block := e.file.LineAt(line)
	if ln == nil || ln.Keyword.Text == "" || ln == e.file.Blocks[block].Match {
		return fmt.Errorf("%s:%d: %w that sets a keyword", e.file.Name, line, ErrNoLine)
	}
	a, err := e.check(ln.Keyword.Text, args, block > 0)
	if err != nil {
		return err
	}
	at := e.indexOf(ln)
	return e.rewrite([]int{at}, at, a)
}

// Insert writes a new line in front of the first Match: below the commented
// default of the keyword where there is one, else behind the last line that sets
// something. It does not look whether the keyword is set already.
func (e *Editor) Insert(keyword string, args ...string) error {
	a, err := e.check(keyword, args, false)
	if err != nil {
		return err
	}
	return e.insert(0, a)
}

// InsertFirst writes a new line in front of all others but the comments that the
// file begins with, so that no Include stands above it.
func (e *Editor) InsertFirst(keyword string, args ...string) error {
	a, err := e.check(keyword, args, false)
	if err != nil {
		return err
	}
	at := 0
	b := &e.file.Blocks[0]
	for at < len(b.Lines) && b.Lines[at].Keyword.Text == "" {
		at++
	}
	// A comment right above a line belongs to it.
	for at > 0 && at < len(b.Lines) && strings.TrimSpace(b.Lines[at-1].Raw) != "" {
		at--
	}
	if at == len(b.Lines) && len(e.file.Blocks) == 1 {
		return e.insert(0, a)
	}
	return e.apply(splice{e.index(0, at), 0, e.newLines(e.index(0, at), []string{a.text})})
}

// Remove takes out every line in front of the first Match that sets the keyword,
// and says how many there were.
func (e *Editor) Remove(keyword string) (int, error) { return e.remove(0, keyword) }

// RemoveIn does the same inside the block whose Match stands in that line.
func (e *Editor) RemoveIn(matchLine int, keyword string) (int, error) {
	block, err := e.block(matchLine)
	if err != nil {
		return 0, err
	}
	return e.remove(block, keyword)
}

// RemoveLine takes out the line that stands there, counted from 1. A Match line
// cannot be taken out alone: its block would join the one above.
func (e *Editor) RemoveLine(line int) error {
	ln, block := e.file.LineAt(line)
	if ln == nil || ln == e.file.Blocks[block].Match {
		return fmt.Errorf("%s:%d: %w outside Match", e.file.Name, line, ErrNoLine)
	}
	return e.apply(splice{at: e.indexOf(ln), n: 1})
}

// AddMatch adds a block at the end of the file. criteria is what stands behind
// Match, as sshd_config(5) writes it. Of the blocks that apply to a login the
// first counts, so the new one is the weakest.
func (e *Editor) AddMatch(criteria string, set ...Assignment) error {
	line := "Match " + criteria
	probe := Parse(e.file.Name, []byte(line+"\n"), e.file.Version)
	if len(probe.Blocks) != 2 || len(probe.Blocks[1].Lines) > 0 || probe.Blocks[1].Match.Problem != FormOK ||
		len(probe.Blocks[1].Match.Raw) != len(line)+1 || strings.ContainsRune(line, 0) {
		return fmt.Errorf("%q: %w", line, ErrForm)
	}
	if _, fault, hint, _ := e.env.parseMatch(probe.Blocks[1].Match); fault != "" {
		return fmt.Errorf("%w: %s%s", ErrValue, fault, orNothing(" (", hint, ")"))
	}
	at := e.count()
	indent := e.indentation()
	var text []string
	if at > 0 && strings.TrimSpace(e.lines()[at-1].Raw) != "" {
		text = append(text, "")
	}
	text = append(text, line)
	inMatch := true
	if strings.EqualFold(strings.TrimSpace(criteria), "all") {
		inMatch = false // global keywords are allowed below Match all
	}
	for _, s := range set {
		a, err := e.check(s.Keyword, s.Args, inMatch)
		if err != nil {
			return err
		}
		text = append(text, indent+a.text)
	}
	return e.apply(splice{at, 0, e.newLines(at, text)})
}

func orNothing(before, s, after string) string {
	if s == "" {
		return ""
	}
	return before + s + after
}

// block finds a Match block by the line that opens it.
func (e *Editor) block(matchLine int) (int, error) {
	ln, block := e.file.LineAt(matchLine)
	if ln == nil || ln != e.file.Blocks[block].Match {
		return 0, fmt.Errorf("%s:%d: %w with a Match", e.file.Name, matchLine, ErrNoLine)
	}
	return block, nil
}

// setters are the lines of a block that set the slot of a keyword, by their place
// among all lines. name is the subsystem, where the keyword is Subsystem.
func (e *Editor) setters(block, slot int, name string) []int {
	var out []int
	b := &e.file.Blocks[block]
	first := e.index(block, 0)
	for i := range b.Lines {
		ln := &b.Lines[i]
		if ln.Keyword.Text == "" || !e.sameSlot(ln.Keyword.Text, slot) || name != "" && len(ln.Args) > 0 && ln.Args[0].Text != name {
			continue
		}
		out = append(out, first+i)
	}
	return out
}

func (e *Editor) set(block int, keyword string, args []string) error {
	a, err := e.check(keyword, args, block > 0)
	if err != nil {
		return err
	}
	found := e.setters(block, a.slot, a.subsystem)
	if len(found) == 0 {
		return e.insert(block, a)
	}
	counts := found[0]
	if rows[a.slot].order(e.file.Version) == lastWins {
		counts = found[len(found)-1]
	}
	if !e.addsUp(a.slot) {
		found = []int{counts}
	}
	return e.rewrite(found, counts, a)
}

// rewrite gives one of some lines the new value, and takes out the others.
func (e *Editor) rewrite(places []int, counts int, a *assignment) error {
	lines := e.lines()
	edits := make([]splice, 0, len(places))
	for _, at := range places {
		if at != counts {
			edits = append(edits, splice{at: at, n: 1})
			continue
		}
		text, err := e.rewritten(lines[at], a)
		if err != nil {
			return err
		}
		edits = append(edits, splice{at, 1, []string{text}})
	}
	return e.apply(edits...)
}

// addsUp reports whether more than one line of a keyword can count.
func (e *Editor) addsUp(slot int) bool {
	r := &rows[slot]
	switch r.kind {
	case kindRekey, kindPenalties, kindTimeOrNone, kindMaxStartups, kindSubsystem:
		return true
	}
	return r.order(e.file.Version) == appends || r.name == "AuthorizedPrincipalsCommand"
}

func (e *Editor) remove(block int, keyword string) (int, error) {
	_, slot, _, ok := lookup(keyword, e.file.Version, e.env.rel.family)
	if !ok {
		return 0, fmt.Errorf("%s: %w", keyword, ErrValue)
	}
	found := e.setters(block, slot, "")
	edits := make([]splice, len(found))
	for i, at := range found {
		edits[i] = splice{at: at, n: 1}
	}
	if err := e.apply(edits...); err != nil {
		return 0, err
	}
	return len(found), nil
}

// insert writes a new line into a block.
func (e *Editor) insert(block int, a *assignment) error {
	b := &e.file.Blocks[block]
	at, indent := 0, ""
	if block > 0 {
		indent = e.indentation()
	}
	commented := -1
	for i := range b.Lines {
		ln := &b.Lines[i]
		if ln.Keyword.Text != "" {
			at = i + 1
			indent = ln.Raw[:len(ln.Raw)-len(strings.TrimLeft(ln.Raw, " \t"))]
		} else if block == 0 && commentSets(ln.Raw, a.keyword) {
			commented = i + 1
		}
	}
	if commented >= 0 {
		at, indent = commented, ""
	}
	if block == 0 && at == 0 {
		// Nothing is set yet: behind all comments, but not between a Match and
		// the comment right above it.
		at = len(b.Lines)
		for len(e.file.Blocks) > 1 && at > 0 && strings.TrimSpace(b.Lines[at-1].Raw) != "" {
			at--
		}
	}
	i := e.index(block, at)
	return e.apply(splice{i, 0, e.newLines(i, []string{indent + a.text})})
}

// commentSets reports whether a comment is a line that sets the keyword, taken
// out: "#PermitRootLogin prohibit-password".
func commentSets(raw, keyword string) bool {
	s := strings.TrimSpace(raw)
	if !strings.HasPrefix(s, "#") {
		return false
	}
	s = strings.TrimLeft(s[1:], " \t")
	if len(s) <= len(keyword) || !strings.EqualFold(s[:len(keyword)], keyword) {
		return false
	}
	// "# PermitRootLogin is off, since ..." is prose: a value is a word or two.
	return strings.IndexByte(" \t=", s[len(keyword)]) >= 0 && len(strings.Fields(s)) <= 3
}

// indentation is what the lines of Match blocks in this file begin with.
func (e *Editor) indentation() string {
	for i := 1; i < len(e.file.Blocks); i++ {
		for _, ln := range e.file.Blocks[i].Lines {
			if ln.Keyword.Text != "" {
				return ln.Raw[:len(ln.Raw)-len(strings.TrimLeft(ln.Raw, " \t"))]
			}
		}
	}
	return "    "
}

package sshd

import (
	"bytes"
	"strings"
)

// File is the tree of one configuration file. Nothing of the source is lost:
// [File.Print] gives the same bytes.
type File struct {
	Name    string
	Version Version // whose tokeniser read it
	Blocks  []Block // the first has no Match line; always at least one
}

// Block is a run of lines that share one Match condition, up to the next Match
// or the end of the file. Blank lines and comments end nothing.
type Block struct {
	Match *Line // nil for what stands before the first Match
	Lines []Line
}

// Line is one line as sshd sees it. It spans several lines of the file where a
// NUL byte swallows a line end.
type Line struct {
	Pos, End Pos    // End is behind the line end
	Raw      string // the bytes, line end included
	Keyword  Word   // Text is "" for blank lines and comments, and where sshd sees no word
	Args     []Word // the words after the keyword; empty where Problem is OpenQuote
	Rest     string // what sshd sees behind the keyword, unquoted by nobody, trailing blanks cut
	Problem  Problem
	garbage  string // up to 8.6: what stands behind an empty word, which ends a list
	NUL      bool   // a NUL byte hid a part of the line from people or from sshd
}

// Problem is what is wrong with a line's form.
type Problem uint8

// The problems of form. None of them stops the parser.
const (
	FormOK     Problem = iota
	OpenQuote          // a quote is left open among the arguments
	NoArgument         // nothing stands behind the keyword
)

// Parse reads one file by the tokeniser of that release. It never fails: what
// is wrong with a line is said by the line.
func Parse(name string, src []byte, v Version) *File {
	f := &File{Name: name, Version: v, Blocks: make([]Block, 1, 4)}
	old := v.Before(8, 7)
	s := string(src)
	f.Blocks[0].Lines = make([]Line, 0, min(strings.Count(s, "\n")+1, 512)) // most files have no Match
	cur := 0
	for off, line := 0, 1; off < len(s); {
		ln, lines := parseLine(s, off, line, old)
		off += len(ln.Raw)
		line += lines
		if strings.EqualFold(ln.Keyword.Text, "match") {
			f.Blocks = append(f.Blocks, Block{Match: &ln})
			cur++
			continue
		}
		f.Blocks[cur].Lines = append(f.Blocks[cur].Lines, ln)
	}
	return f
}

// Print gives back the source.
func (f *File) Print() []byte {
	var b bytes.Buffer
	for i := range f.Blocks {
		if m := f.Blocks[i].Match; m != nil {
			b.WriteString(m.Raw)
		}
		for j := range f.Blocks[i].Lines {
			b.WriteString(f.Blocks[i].Lines[j].Raw)
		}
	}
	return b.Bytes()
}

// parseLine reads the line that begins at off; lines says how many lines of the
// file it covers.
func parseLine(s string, off, line int, old bool) (ln Line, lines int) {
	end := lineEnd(s, off)
	text, where, end, lines := visible(s, off, end, old)
	ln = Line{Pos: Pos{off, line, 1}, Raw: s[off:end], NUL: where != nil}
	ln.End = Pos{end, line + lines, 1}
	if n := len(ln.Raw); n == 0 || ln.Raw[n-1] != '\n' {
		last := strings.LastIndexByte(ln.Raw, '\n') + 1
		ln.End = Pos{end, line + lines - 1, n - last + 1}
	}
	// Words are asked for in ascending order, so one cursor is enough: a line
	// that NUL bytes glued together from many must not cost their square.
	cur := Pos{off, line, 1}
	move := func(o int) Pos {
		if lines == 1 {
			return Pos{o, line, o - off + 1}
		}
		for ; cur.Offset < o; cur.Offset++ {
			cur.Col++
			if s[cur.Offset] == '\n' {
				cur.Line, cur.Col = cur.Line+1, 1
			}
		}
		return cur
	}
	start := func(i int) Pos {
		if where != nil {
			return move(where[i])
		}
		return move(off + i)
	}
	stop := func(i int) Pos {
		if where != nil && i > 0 {
			return move(where[i-1] + 1)
		}
		return move(off + i)
	}

	// Trailing blanks are cut, the first byte never (servconf.c).
	n := len(text)
	for n > 1 && strings.IndexByte(blanks+"\f", text[n-1]) >= 0 {
		n--
	}
	text = text[:n]

	// sshd cuts leading blanks when it loads the file; spaces are then gone
	// before the keyword is looked for.
	from := 0
	for from < len(text) && strings.IndexByte(" \t\r", text[from]) >= 0 {
		from++
	}
	key, next, ok := strdelim(text, from)
	if ok && key.text == "" {
		key, next, ok = strdelim(text, next)
	}
	if !ok || key.text == "" || key.text[0] == '#' {
		return ln, lines
	}
	ln.Keyword = Word{key.text, start(key.start), stop(key.end)}
	if next < 0 || next >= len(text) {
		ln.Problem = NoArgument
		return ln, lines
	}
	ln.Rest = text[next:]
	var words []span
	if old {
		var open bool
		var left int
		cut := strdelim
		if strings.EqualFold(key.text, "setenv") {
			cut = strdelimw // the only keyword whose arguments hold a "="
		}
		if words, left, open = oldWords(text, next, cut); open {
			ln.Problem = OpenQuote
		} else if w, _, ok := cut(text, left); ok {
			ln.garbage = w.text
		}
	} else {
		var closed bool
		if words, _, closed = newWords(text, next); !closed {
			ln.Problem, words = OpenQuote, nil
		}
	}
	if len(words) > 0 {
		ln.Args = make([]Word, len(words))
		for i, w := range words {
			ln.Args[i] = Word{w.text, start(w.start), stop(w.end)}
		}
	}
	return ln, lines
}

// lineEnd returns the offset behind the line that begins at off.
func lineEnd(s string, off int) int {
	if i := strings.IndexByte(s[off:], '\n'); i >= 0 {
		return off + i + 1
	}
	return len(s)
}

// visible is the text of a line that sshd's loader keeps, without the line end.
// The loader copies up to the first NUL, which hides the rest of the line and
// its end, so that the next line is glued on. where maps bytes of the text to
// offsets of the source; nil: the text begins at off and has no gap.
func visible(s string, off, end int, old bool) (text string, where []int, newEnd, lines int) {
	seg := s[off:end]
	nul := strings.IndexByte(seg, 0)
	if nul < 0 {
		seg = strings.TrimSuffix(seg, "\n")
		if old {
			if i := strings.IndexByte(seg, '#'); i >= 0 {
				seg = seg[:i]
			}
		}
		return seg, nil, end, 1
	}
	var b []byte
	where = []int{}
	for lines = 1; ; lines++ {
		seg = s[off:end]
		nul = strings.IndexByte(seg, 0)
		if nul >= 0 {
			seg = seg[:nul]
		}
		ended := nul < 0
		i := 0
		for i < len(seg) && strings.IndexByte(" \t\r", seg[i]) >= 0 {
			i++
		}
		for ; i < len(seg); i++ {
			if seg[i] == '\n' {
				break
			}
			if old && seg[i] == '#' {
				ended = true // the comment is replaced by a line end
				break
			}
			b = append(b, seg[i])
			where = append(where, off+i)
		}
		if ended || end == len(s) {
			return string(b), where, end, lines
		}
		off, end = end, lineEnd(s, end)
	}
}

package policies

import (
	"strings"
	"unicode/utf8"
)

// inside gives the place in the file of a character inside a scalar: offset
// counts characters of the scalar's value, after YAML has folded and unescaped
// it. The value is laid beside the file's text, so that quotes, escapes, block
// indentation and folded lines are all taken in their stride.
func (d *document) inside(s scalar, offset int) Pos {
	if d.lines == nil {
		d.lines = strings.Split(d.text, "\n")
	}
	c := cursor{lines: d.lines, line: s.pos.Line - 1}
	if c.line < 0 || c.line >= len(c.lines) {
		return s.pos
	}
	c.col = byteColumn(c.lines[c.line], s.pos.Column)
	switch s.style {
	case single, double:
		c.col++
	case literal, folded:
		c.line++
		c.col = 0
		c.indent = blockIndent(c.lines, c.line)
		c.skipIndent(s.style)
	}
	for _, r := range s.text {
		c.settle(r, s.style)
		if offset == 0 {
			break
		}
		offset--
		if !c.over(r, s.style) {
			return s.pos
		}
	}
	if c.line >= len(c.lines) {
		return s.pos
	}
	return Pos{File: s.pos.File, Line: c.line + 1, Column: utf8.RuneCountInString(c.lines[c.line][:c.col]) + 1}
}

type cursor struct {
	lines  []string
	line   int // from 0
	col    int // in bytes, from 0
	indent int // of a block scalar
}

func (c *cursor) rest() string {
	if c.line >= len(c.lines) {
		return ""
	}
	return c.lines[c.line][c.col:]
}

// settle moves to where the next character r of the value stands: past line
// ends, and past indentation that YAML drops.
func (c *cursor) settle(r rune, st style) {
	for c.line < len(c.lines) {
		rest := strings.TrimSuffix(c.rest(), "\r")
		blank := strings.TrimLeft(rest, " \t") == ""
		switch {
		case rest == `\` && st == double: // an escaped line end
			c.next(st)
		case r == '\n' || r == ' ':
			return
		case blank && st != literal:
			c.next(st)
		default:
			return
		}
	}
}

// over moves past r. It is false where the text does not show it.
func (c *cursor) over(r rune, st style) bool {
	rest := c.rest()
	switch {
	case c.line >= len(c.lines):
		return false
	case strings.TrimRight(rest, " \t\r") == "" && (r == '\n' || r == ' '):
		if st == literal && rest != "" && r == ' ' {
			c.col++
			return true
		}
		c.next(st)
		return true
	case st == double && strings.HasPrefix(rest, `\`):
		c.col += min(len(rest), escapeLength(rest))
		return true
	case st == single && strings.HasPrefix(rest, "''"):
		c.col += 2
		return true
	}
	got, size := utf8.DecodeRuneInString(rest)
	if size == 0 || got != r {
		return false
	}
	c.col += size
	return true
}

func (c *cursor) next(st style) {
	c.line++
	c.col = 0
	if c.line < len(c.lines) {
		c.skipIndent(st)
	}
}

func (c *cursor) skipIndent(st style) {
	if c.line >= len(c.lines) {
		return
	}
	line := c.lines[c.line]
	n := len(line) - len(strings.TrimLeft(line, " \t"))
	if st == literal || st == folded {
		n = min(n, c.indent)
	}
	c.col = n
}

// blockIndent is the indentation of the first line that is not blank.
func blockIndent(lines []string, from int) int {
	for _, l := range lines[min(from, len(lines)):] {
		if t := strings.TrimLeft(l, " "); strings.TrimSpace(t) != "" {
			return len(l) - len(t)
		}
	}
	return 0
}

// escapeLength is the length of the escape that s begins with. YAML 1.2, 5.7.
func escapeLength(s string) int {
	if len(s) < 2 {
		return 1
	}
	switch s[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// byteColumn turns a column in characters, from 1, into an index.
func byteColumn(line string, column int) int {
	i := 0
	for range column - 1 {
		_, size := utf8.DecodeRuneInString(line[i:])
		i += size
	}
	return i
}

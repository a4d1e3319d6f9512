package sshd

import "strings"

// Pos is a place in a file. Offset counts bytes from 0, Line and Col from 1;
// Col counts bytes. The zero Pos is no position.
type Pos struct {
	Offset, Line, Col int
}

// IsValid reports whether p is a position.
func (p Pos) IsValid() bool { return p.Line > 0 }

// Word is one word of a line after unquoting.
type Word struct {
	Text     string // as sshd sees it: quotes and escapes removed
	Pos, End Pos    // of the raw word in the file, quotes included
}

// span is a word inside one line: its text and its raw byte range there.
type span struct {
	text       string
	start, end int
}

// blanks are the bytes that separate words for strdelim (misc.c).
const blanks = " \t\r\n"

// strdelim cuts the next word off s[from:], as the function of that name in
// OpenSSH's misc.c does: blanks separate, one "=" may stand among them, a double
// quote opens a quoted part that ends the word. next is -1 when s is used up. ok
// is false where sshd sees no word at all: s is used up, or a quote is left open.
//
// strdelimw is the same without the "=".
func strdelim(s string, from int) (w span, next int, ok bool)  { return delim(s, from, blanks+"\"=") }
func strdelimw(s string, from int) (w span, next int, ok bool) { return delim(s, from, blanks+"\"") }

func delim(s string, from int, ends string) (w span, next int, ok bool) {
	if from < 0 {
		return span{}, -1, false
	}
	i := strings.IndexAny(s[from:], ends)
	if i < 0 {
		return span{s[from:], from, len(s)}, -1, true
	}
	i += from
	if s[i] == '"' {
		j := strings.IndexByte(s[i+1:], '"')
		if j < 0 {
			return span{start: from, end: len(s)}, -1, false
		}
		j += i + 1
		return span{s[from:i] + s[i+1:j], from, j + 1}, skip(s, j+1), true
	}
	w = span{s[from:i], from, i}
	next = skip(s, i+1)
	if s[i] != '=' && next < len(s) && s[next] == '=' && strings.HasSuffix(ends, "=") {
		next = skip(s, next+1)
	}
	return w, next, true
}

// skip returns the first position at or after i that is not blank.
func skip(s string, i int) int {
	for i < len(s) && strings.IndexByte(blanks, s[i]) >= 0 {
		i++
	}
	return i
}

// oldWords splits arguments as sshd did up to 8.6. An empty word ends the list
// silently, as it did for every keyword that takes several; a quote left open
// does the same and is reported. left is where the next word would begin, -1
// at the end.
func oldWords(s string, from int, cut func(string, int) (span, int, bool)) (words []span, left int, open bool) {
	for from >= 0 {
		w, next, ok := cut(s, from)
		if !ok {
			return words, -1, true
		}
		from = next
		if w.text == "" {
			break
		}
		words = append(words, w)
	}
	return words, from, false
}

// newWords splits arguments as argv_split (misc.c) does since 8.7: blank and tab
// separate, both kinds of quotes, a few escapes, a comment begins at a word that
// begins with "#". ok is false where a quote is left open. comment is where the
// comment begins, or len(s).
func newWords(s string, from int) (words []span, comment int, ok bool) {
	comment = len(s)
	for i := from; i >= 0 && i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			continue
		}
		if s[i] == '#' {
			return words, i, true
		}
		w, end, closed := newWord(s, i)
		if !closed {
			return words, comment, false
		}
		words = append(words, span{w, i, end})
		i = end
	}
	return words, comment, true
}

func newWord(s string, i int) (word string, end int, closed bool) {
	start := i
	for i < len(s) && s[i] != ' ' && s[i] != '\t' && s[i] != '\\' && s[i] != '"' && s[i] != '\'' {
		i++
	}
	if i == len(s) || s[i] == ' ' || s[i] == '\t' {
		return s[start:i], i, true // the common case: nothing to unquote
	}
	var b strings.Builder
	b.WriteString(s[start:i])
	var quote byte
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '"' || s[i+1] == '\\' || quote == 0 && s[i+1] == ' '):
			i++
			b.WriteByte(s[i])
		case c == '\\':
			b.WriteByte(c)
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), i, true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), i, quote == 0
}

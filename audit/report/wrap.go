package report

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// minColumns is the narrowest text that is still wrapped; a smaller width is taken as this.
const minColumns = 20

// wrap breaks text that passed the door into lines of at most width cells; 0
// means one line. What was one line can be told from the result: a line break
// stands for one blank (never for one of a run of blanks), and a word that is too
// long is cut with a backslash at the end of the line, which no escape ends with.
// Escape sequences of colours take no cells; a word that holds one is not cut.
func wrap(s string, width int) []string {
	if width <= 0 || len(s) <= width {
		return []string{s}
	}
	width = max(width, minColumns)
	var lines []string
	start, cells := 0, 0 // of the line that is being filled: s[start:end]
	end := 0
	for end < len(s) {
		next := wordEnd(s, end)
		word := s[end:next]
		if end > start {
			word = s[end+1 : next] // s[end] is the blank before it
		}
		n := ansi.StringWidth(word)
		switch {
		case end > start && cells+1+n <= width:
			cells += 1 + n
		case end > start: // the blank becomes the line break
			lines = append(lines, s[start:end])
			start, end = end+1, end+1
			cells = 0
			continue
		case n <= width || strings.IndexByte(word, '\x1b') >= 0:
			cells = n
		default:
			for len(word) > width {
				cut := cutAt(word, width-1)
				lines = append(lines, word[:cut]+`\`)
				start, word = start+cut, word[cut:]
			}
			cells = len(word)
		}
		end = next
	}
	return append(lines, s[start:end])
}

// wordEnd is where the word that begins at i ends: before the next blank that
// stands alone between two other characters. A blank at i itself is passed over.
func wordEnd(s string, i int) int {
	for j := i + 1; j < len(s)-1; j++ {
		if s[j] == ' ' && s[j-1] != ' ' && s[j+1] != ' ' {
			return j
		}
	}
	return len(s)
}

// cutAt is the greatest length up to n at which word can be cut without cutting an escape.
func cutAt(word string, n int) int {
	i := 0
	for i < len(word) {
		size := 1
		if word[i] == '\\' {
			size = escapeLen(word[i:])
		}
		if i+size > n {
			break
		}
		i += size
	}
	return i
}

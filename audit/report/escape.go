package report

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// Inline is the door for foreign bytes: it gives s in printable ASCII. Printable
// ASCII stands for itself, but for the backslash, which is doubled. Everything
// else becomes an escape: \t \n \r, \xNN for other control characters and for
// each byte that is not UTF-8, \uNNNN and \UNNNNNNNN for any other character.
// Letters beyond ASCII are escaped too: a Cyrillic a in a path or a user's name
// is exactly what must not pass for a Latin one.
//
// No two strings give the same result; [Unescape] leads back.
func Inline(s string) string {
	if clean(s) {
		return s
	}
	return string(appendEscaped(make([]byte, 0, len(s)+len(s)/4+16), s, false))
}

// Quote is [Inline] in double quotes; a double quote within is escaped as well.
func Quote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	b = appendEscaped(b, s, true)
	return string(append(b, '"'))
}

// Name shows a name that stands among other words: as it is where it is plain,
// and as [Quote] where the eye could be deceived: empty, with a character that
// has to be escaped, a quote, leading, trailing or double blanks, or made of dots
// and blanks alone (". ..", "..."), but for "." and "..".
func Name(s string) string {
	if plainName(s) {
		return s
	}
	return Quote(s)
}

// Path shows a path component by component: a component that holds a blank or
// anything else that [Name] would quote is quoted on its own, so that the
// directory of `/root/. ../update` reads `/root/". .."/update`. So is one with a
// colon, since `path:line` has to stay unambiguous.
func Path(p string) string {
	if p == "" {
		return `""`
	}
	plain := true
	for c := range strings.SplitSeq(p, "/") {
		if c != "" && !plainComponent(c) {
			plain = false
			break
		}
	}
	if plain {
		return p
	}
	b := make([]byte, 0, len(p)+16)
	first := true
	for c := range strings.SplitSeq(p, "/") {
		if !first {
			b = append(b, '/')
		}
		first = false
		if c == "" || plainComponent(c) {
			b = append(b, c...)
			continue
		}
		b = append(b, '"')
		b = appendEscaped(b, c, true)
		b = append(b, '"')
	}
	return string(b)
}

// Place is [Path] with a line number, where there is one (from 1).
func Place(path string, line int) string {
	p := Path(path)
	if line <= 0 {
		return p
	}
	return p + ":" + strconv.Itoa(line)
}

// Bound is [Inline] of at most n bytes. Where something had to be left out, the
// mark `\...[N more bytes]` follows (not counted in n), which no input can forge:
// Inline never gives a backslash before a dot. No escape is cut in two. The cost
// is bounded by n, not by the length of s.
func Bound(s string, n int) string {
	if len(s) <= n && clean(s) {
		return s
	}
	b := make([]byte, 0, min(len(s)+16, n+40))
	for i := 0; i < len(s); {
		start := len(b)
		var size int
		b, size = appendOne(b, s[i:], false)
		if len(b) > n {
			b = append(b[:start], `\...[`...)
			b = strconv.AppendInt(b, int64(len(s)-i), 10)
			b = append(b, ` more bytes]`...)
			break
		}
		i += size
	}
	return string(b)
}

// literal is [Inline] that leaves backslashes as they are: not reversible, for
// words of our own and for what has passed the door in part.
func literal(s string) string {
	if !strings.Contains(s, `\`) {
		return Inline(s)
	}
	parts := strings.Split(s, `\`)
	for i, part := range parts {
		parts[i] = Inline(part)
	}
	return strings.Join(parts, `\`)
}

// clean reports whether s needs no escape.
func clean(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '\\' {
			return false
		}
	}
	return true
}

func appendEscaped(b []byte, s string, quoted bool) []byte {
	for len(s) > 0 {
		var size int
		b, size = appendOne(b, s, quoted)
		s = s[size:]
	}
	return b
}

// appendOne appends the first character of s, which is not empty, and says how
// many bytes of s it took.
func appendOne(b []byte, s string, quoted bool) ([]byte, int) {
	c := s[0]
	switch {
	case c == '\\', c == '"' && quoted:
		return append(b, '\\', c), 1
	case c >= 0x20 && c < 0x7f:
		return append(b, c), 1
	case c == '\t':
		return append(b, `\t`...), 1
	case c == '\n':
		return append(b, `\n`...), 1
	case c == '\r':
		return append(b, `\r`...), 1
	case c < utf8.RuneSelf:
		return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15]), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15]), 1
	}
	digits := 4
	b = append(b, '\\', 'u')
	if r > 0xffff {
		b[len(b)-1], digits = 'U', 8
	}
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, hexDigits[r>>shift&15])
	}
	return b, size
}

func plainName(s string) bool {
	if s == "" || !clean(s) || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	if strings.Contains(s, "  ") || strings.IndexByte(s, '"') >= 0 {
		return false
	}
	return s == "." || s == ".." || strings.Trim(s, ". ") != ""
}

// plainComponent reports whether c, not empty and without a slash, stands for itself in a path.
func plainComponent(c string) bool {
	dots := true
	for i := 0; i < len(c); i++ {
		switch b := c[i]; {
		case b <= 0x20, b > 0x7e, b == '\\', b == '"', b == ':':
			return false
		case b != '.':
			dots = false
		}
	}
	return !dots || len(c) <= 2
}

var errEscape = errors.New("not an escaped string of postern")

// Unescape leads back from [Inline] to the raw bytes. Its error names the first
// escape that Inline does not write, or the first byte that it would have escaped.
func Unescape(s string) (string, error) {
	if clean(s) {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		if c < 0x20 || c > 0x7e {
			return "", fmt.Errorf("%w: raw byte 0x%02x at offset %d", errEscape, c, i)
		}
		if c != '\\' {
			b = append(b, c)
			i++
			continue
		}
		n := escapeLen(s[i:])
		var ok bool
		if b, ok = appendUnescaped(b, s[i:i+n]); !ok {
			return "", fmt.Errorf("%w: %s at offset %d", errEscape, Quote(s[i:i+n]), i)
		}
		i += n
	}
	return string(b), nil
}

// escapeLen is the length of the escape that s begins with (s[0] is a backslash).
func escapeLen(s string) int {
	n := 2
	if len(s) > 1 {
		switch s[1] {
		case 'x':
			n = 4
		case 'u':
			n = 6
		case 'U':
			n = 10
		}
	}
	return min(n, len(s))
}

func appendUnescaped(b []byte, esc string) ([]byte, bool) {
	switch {
	case len(esc) == 2:
		switch esc[1] {
		case '\\', '"':
			return append(b, esc[1]), true
		case 't':
			return append(b, '\t'), true
		case 'n':
			return append(b, '\n'), true
		case 'r':
			return append(b, '\r'), true
		}
		return b, false
	case len(esc) < 4:
		return b, false
	}
	v, err := strconv.ParseUint(esc[2:], 16, 32)
	switch {
	case err != nil:
		return b, false
	case esc[1] == 'x' && len(esc) == 4:
		return append(b, byte(v)), true
	case esc[1] == 'u' && len(esc) == 6, esc[1] == 'U' && len(esc) == 10:
		if !utf8.ValidRune(rune(v)) || v > utf8.MaxRune {
			return b, false
		}
		return utf8.AppendRune(b, rune(v)), true
	}
	return b, false
}

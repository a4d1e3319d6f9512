package policies

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Bounds of what one outcome says. The host writes part of it.
const (
	maxSentence = 1000 // bytes of a message or reason
	maxText     = 500  // bytes of an evidence's text or witness
	maxListed   = 3    // entries of a list in a sentence; the rest is counted
)

// template is a sentence with places for values: "{sshd.config} is refused".
// A brace of its own is written twice.
type template struct {
	parts []part
}

type part struct {
	text string
	expr *expr // nil: the text stands
}

// piece is one part of a template before it is compiled.
type piece struct {
	text   string
	isExpr bool
	offset int // in characters, of the expression in the sentence
}

// cut takes a sentence apart. bad is the offset, in characters, of a brace that
// has no partner, or -1.
func cut(s string) (pieces []piece, bad int) {
	var text strings.Builder
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "{{") || strings.HasPrefix(s[i:], "}}"):
			text.WriteByte(s[i])
			i += 2
		case s[i] == '}':
			return nil, utf8.RuneCountInString(s[:i])
		case s[i] == '{':
			end := closing(s[i+1:])
			if end < 0 {
				return nil, utf8.RuneCountInString(s[:i])
			}
			if text.Len() > 0 {
				pieces = append(pieces, piece{text: text.String()})
				text.Reset()
			}
			pieces = append(pieces, piece{text: s[i+1 : i+1+end], isExpr: true, offset: utf8.RuneCountInString(s[:i+1])})
			i += end + 2
		default:
			text.WriteByte(s[i])
			i++
		}
	}
	if text.Len() > 0 {
		pieces = append(pieces, piece{text: text.String()})
	}
	return pieces, -1
}

// closing finds the brace that ends an expression: not one in a string, nor one
// that closes a map.
func closing(s string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		b := s[i]
		switch {
		case quote != 0 && b == '\\':
			i++
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '{':
			depth++
		case b == '}' && depth == 0:
			return i
		case b == '}':
			depth--
		}
	}
	return -1
}

// fill makes the sentence over a scope.
func (t *template) fill(s *scope) string {
	if t == nil {
		return ""
	}
	if len(t.parts) == 1 && t.parts[0].expr == nil {
		return t.parts[0].text
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(say(p.expr.eval(s)))
	}
	return bounded(b.String(), maxSentence)
}

// say renders a value for people.
func say(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case *types.Unknown:
		return "(not known)"
	case *types.Err:
		return "(not available)"
	case traits.Lister:
		return sayList(v)
	}
	return fmt.Sprint(v.Value())
}

// sayList joins what differs: "a, b and c", or "a, b, c and 4 more".
func sayList(l traits.Lister) string {
	n, ok := l.Size().(types.Int)
	if !ok {
		return ""
	}
	var words []string
	seen := map[string]bool{}
	for i := range n {
		w := say(l.Get(i))
		if !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	return enumerate(words)
}

func enumerate(words []string) string {
	switch n := len(words); {
	case n == 0:
		return "nothing"
	case n == 1:
		return words[0]
	case n <= maxListed+1:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	default:
		return fmt.Sprintf("%s and %d more", strings.Join(words[:maxListed], ", "), n-maxListed)
	}
}

// bounded cuts s to at most limit bytes, at a character, and says so.
func bounded(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "[...]"
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// squeeze makes one line of the text between the values.
func (t *template) squeeze() {
	for i, p := range t.parts {
		if p.expr != nil {
			continue
		}
		text := strings.Join(strings.Fields(p.text), " ")
		if i > 0 && startsBlank(p.text) {
			text = " " + text
		}
		if i < len(t.parts)-1 && endsBlank(p.text) && text != " " {
			text += " "
		}
		t.parts[i].text = text
	}
}

func startsBlank(s string) bool { return s != "" && strings.ContainsRune(" \t\n", rune(s[0])) }
func endsBlank(s string) bool   { return s != "" && strings.ContainsRune(" \t\n", rune(s[len(s)-1])) }

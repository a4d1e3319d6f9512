package cron

import (
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// maxCompare bounds the texts that are compared letter by letter.
const maxCompare = 1024

// Distance is the optimal string alignment distance of two texts in bytes: insert,
// delete, substitute, swap. Texts are compared up to 1024 bytes; what is longer
// counts as different by its length.
func Distance(a, b string) int {
	extra := max(0, len(a)-maxCompare) - max(0, len(b)-maxCompare)
	if extra < 0 {
		extra = -extra
	}
	a, b = a[:min(len(a), maxCompare)], b[:min(len(b), maxCompare)]
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if a == "" || b == "" {
		return max(len(a), len(b)) + extra
	}
	row := make([]int, 3*(len(b)+1))
	prev2, prev, cur := row[:len(b)+1], row[len(b)+1:2*len(b)+2], row[2*len(b)+2:]
	for k := range prev {
		prev[k] = k
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for k := 1; k <= len(b); k++ {
			cost := 1
			if a[i-1] == b[k-1] {
				cost = 0
			}
			cur[k] = min(prev[k]+1, cur[k-1]+1, prev[k-1]+cost)
			if i > 1 && k > 1 && a[i-1] == b[k-2] && a[i-2] == b[k-1] {
				cur[k] = min(cur[k], prev2[k-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)] + extra
}

// Nearness is the least number of edits that make part occur somewhere in text
// (Sellers' algorithm); both are cut at 1024 bytes.
func Nearness(part, text string) int {
	part, text = part[:min(len(part), maxCompare)], text[:min(len(text), maxCompare)]
	row := make([]int, 2*(len(part)+1))
	prev, cur := row[:len(part)+1], row[len(part)+1:]
	for i := range prev {
		prev[i] = i
	}
	best := len(part)
	for k := 0; k < len(text); k++ {
		cur[0] = 0
		for i := 1; i <= len(part); i++ {
			cost := 1
			if part[i-1] == text[k] {
				cost = 0
			}
			cur[i] = min(prev[i]+1, cur[i-1]+1, prev[i-1]+cost)
		}
		best = min(best, cur[len(part)])
		prev, cur = cur, prev
	}
	return best
}

var printers = sync.Pool{New: func() any { return syntax.NewPrinter(syntax.SingleLine(true)) }}

// NormalCommand returns one text for spellings of a command that a shell takes for
// the same: blanks between words are single, literal words are quoted one way.
// Nothing else is changed: no blank inside a word, no letter, no order. What is no
// shell text is returned without the blanks around it.
func NormalCommand(command string) string {
	trimmed := strings.TrimSpace(command)
	if words, ok := plainCommand(trimmed); ok && strings.IndexByte(trimmed, '~') < 0 {
		return strings.Join(words, " ")
	}
	f, _, why := parseShell(trimmed)
	if why != "" {
		return trimmed
	}
	r := &resolver{a: &Analysis{}, e: ResolveEnv{}}
	syntax.Walk(f, func(n syntax.Node) bool {
		if w, ok := n.(*syntax.Word); ok {
			normalWord(r, w)
		}
		return true
	})
	var b strings.Builder
	p := printers.Get().(*syntax.Printer)
	defer printers.Put(p)
	if err := p.Print(&b, f); err != nil {
		return trimmed
	}
	return strings.TrimSpace(b.String())
}

// normalWord rewrites a word whose quotes decide nothing.
func normalWord(r *resolver, w *syntax.Word) {
	quoted := false
	for _, p := range w.Parts {
		switch q := p.(type) {
		case *syntax.Lit:
			if strings.ContainsAny(q.Value, "*?[~{$`") {
				return
			}
			quoted = quoted || strings.IndexByte(q.Value, '\\') >= 0
		case *syntax.SglQuoted:
			quoted = true
		case *syntax.DblQuoted:
			for _, inner := range q.Parts {
				if _, ok := inner.(*syntax.Lit); !ok {
					return
				}
			}
			quoted = true
		default:
			return
		}
	}
	if !quoted {
		return
	}
	v := r.word(w)
	text, err := syntax.Quote(v.Text, syntax.LangBash)
	if err != nil || v.Text == "" || syntax.IsKeyword(v.Text) {
		return
	}
	w.Parts = []syntax.WordPart{&syntax.Lit{Value: text}}
}

package sshd

import (
	"iter"
	"strings"
)

// TokenKind says what a piece of a line is to sshd.
type TokenKind uint8

// The kinds of token.
const (
	TokenBlank     TokenKind = iota // blanks in front of the first word or behind the last
	TokenKeyword                    // the keyword as it is written, quotes included
	TokenSeparator                  // what parts two words: blanks, and one "=" behind the keyword
	TokenWord                       // an argument as it is written, quotes included
	TokenComment                    // from "#" to the end of the line
	TokenIgnored                    // bytes of which sshd makes no word: behind a NUL or an open quote
	TokenEnd                        // the line end: "\n" or "\r\n"
)

// Token is a piece of a line. The tokens of a line, joined, are its bytes.
type Token struct {
	Kind     TokenKind
	Text     string
	Pos, End Pos
}

// Tokens cuts a line of the file into its tokens: what the parser took for
// words, and what lies between them. In the value of a keyword that takes the
// rest of its line (ForceCommand) a comment is part of the value since 8.7; the
// tokens do not know that, as sshd's tokeniser does not.
func (f *File) Tokens(ln *Line) []Token {
	t := tokenizer{ln: ln, at: ln.Pos, old: f.Version.Before(8, 7)}
	content := strings.TrimSuffix(ln.Raw, "\n")
	if len(content) < len(ln.Raw) {
		content = strings.TrimSuffix(content, "\r")
	}
	if ln.Keyword.Text != "" {
		t.gap(t.offset(ln.Keyword.Pos), TokenBlank)
		t.add(TokenKeyword, t.offset(ln.Keyword.End))
		for i := range ln.Args {
			t.gap(t.offset(ln.Args[i].Pos), TokenSeparator)
			t.add(TokenWord, t.offset(ln.Args[i].End))
		}
	}
	t.tail(len(content))
	t.add(TokenEnd, len(ln.Raw))
	return t.out
}

type tokenizer struct {
	ln   *Line
	old  bool
	done int // bytes of the line that tokens hold
	at   Pos // where the next token begins
	out  []Token
}

func (t *tokenizer) offset(p Pos) int { return p.Offset - t.ln.Pos.Offset }

// add makes a token of the bytes up to end.
func (t *tokenizer) add(kind TokenKind, end int) {
	if end <= t.done {
		return
	}
	tok := Token{Kind: kind, Text: t.ln.Raw[t.done:end], Pos: t.at}
	for i := 0; i < len(tok.Text); i++ {
		t.at.Col++
		if tok.Text[i] == '\n' {
			t.at.Line, t.at.Col = t.at.Line+1, 1
		}
	}
	t.at.Offset += len(tok.Text)
	tok.End = t.at
	t.done = end
	t.out = append(t.out, tok)
}

// gap makes a token of what lies in front of a word.
func (t *tokenizer) gap(end int, kind TokenKind) {
	if end > t.done && strings.Trim(t.ln.Raw[t.done:end], blanks+"=") != "" {
		kind = TokenIgnored
	}
	t.add(kind, end)
}

// tail makes tokens of what follows the last word.
func (t *tokenizer) tail(end int) {
	if t.done >= end {
		return
	}
	rest := t.ln.Raw[t.done:end]
	comment := strings.IndexByte(rest, '#')
	// Up to 8.6 the first "#" of a line begins a comment. Since 8.7 only one
	// that begins a word does, so never inside an open quote.
	if t.ln.NUL || !t.old && comment > 0 && strings.Trim(rest[:comment], blanks+"\f") != "" {
		comment = -1
	}
	middle := rest
	if comment >= 0 {
		middle = rest[:comment]
	}
	if strings.Trim(middle, blanks+"\f=") != "" {
		t.add(TokenIgnored, t.done+len(middle))
	} else {
		t.add(TokenBlank, t.done+len(middle))
	}
	t.add(TokenComment, end)
}

// Pos is where the block begins: at its Match line, or at the start of the file.
func (b *Block) Pos() Pos {
	switch {
	case b.Match != nil:
		return b.Match.Pos
	case len(b.Lines) > 0:
		return b.Lines[0].Pos
	}
	return Pos{0, 1, 1}
}

// End is where the block ends: at the next Match line, or at the end of the file.
func (b *Block) End() Pos {
	switch {
	case len(b.Lines) > 0:
		return b.Lines[len(b.Lines)-1].End
	case b.Match != nil:
		return b.Match.End
	}
	return Pos{0, 1, 1}
}

// All gives the lines of the file in their order, each with the index of its
// block. A Match line belongs to the block that it opens.
func (f *File) All() iter.Seq2[int, *Line] {
	return func(yield func(int, *Line) bool) {
		for i := range f.Blocks {
			b := &f.Blocks[i]
			if b.Match != nil && !yield(i, b.Match) {
				return
			}
			for j := range b.Lines {
				if !yield(i, &b.Lines[j]) {
					return
				}
			}
		}
	}
}

// LineAt returns the line that begins at or covers line n of the file, counted
// from 1, and the index of its block; nil where there is none.
func (f *File) LineAt(n int) (ln *Line, block int) {
	for i := range f.Blocks {
		if b := &f.Blocks[i]; i+1 < len(f.Blocks) && f.Blocks[i+1].Match.Pos.Line <= n {
			continue
		} else if m := b.Match; m != nil && m.covers(n) {
			return m, i
		} else {
			for j := range b.Lines {
				if b.Lines[j].covers(n) {
					return &b.Lines[j], i
				}
			}
		}
	}
	return nil, 0
}

func (ln *Line) covers(n int) bool {
	return ln.Pos.Line <= n && (n < ln.End.Line || n == ln.End.Line && ln.End.Col > 1)
}

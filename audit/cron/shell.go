package cron

import (
	"errors"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// Bounds of what the shell parser is given. Its recursion cannot be caught: 200 000
// brackets end the process, 10 000 cost 64 MB of stack (measured, v3.14.1).
const (
	maxShell  = 8 << 10
	maxNest   = 100
	maxArith  = 2 << 10 // where arithmetic or [[ recurses once an operator
	maxRough  = 64 << 10
	maxWords  = 4096
	maxDepth  = 6         // sh -c inside sh -c
	maxRounds = 8         // of a loop whose words are known
	maxPlaces = 6         // where a shell may be after one cd or another
	maxParsed = 512       // commands of one job
	maxText   = 32 << 10  // bytes handed to the shell parser for one job
	maxGrown  = 128 << 10 // bytes that variables may add to one job
)

var parsers = sync.Pool{New: func() any {
	return syntax.NewParser(syntax.Variant(syntax.LangBash))
}}

// guard says why a text is not given to the shell parser; "" it may be.
func guard(text string) string {
	if len(text) > maxShell {
		return "longer than 8 KiB"
	}
	depth, worst, words := 0, 0, 0
	word := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case 0:
			return "it holds a NUL byte"
		case '(', '{', '`', '[':
			if depth++; depth > worst {
				worst = depth
			}
		case ')', '}', ']':
			if depth > 0 {
				depth--
			}
		case '!':
			words++
		}
		if c := text[i]; c >= 'a' && c <= 'z' {
			continue
		}
		if compound(text[word:i]) {
			words++
		}
		word = i + 1
	}
	if worst > maxNest || words > 2*maxNest {
		return "nested too deeply"
	}
	if len(text) > maxArith && (strings.Contains(text, "((") || strings.Contains(text, "[[") || strings.Contains(text, "$[") || strings.Contains(text, "let ")) {
		return "long arithmetic"
	}
	return ""
}

func compound(word string) bool {
	switch word {
	case "if", "elif", "while", "until", "for", "case", "select", "time", "coproc", "function":
		return true
	}
	return false
}

// parseShell parses a text as bash. unclosed says that the shell itself would
// refuse it at its end.
func parseShell(text string) (f *syntax.File, unclosed bool, why string) {
	if why = guard(text); why != "" {
		return nil, false, why
	}
	p := parsers.Get().(*syntax.Parser)
	defer parsers.Put(p)
	f, err := p.Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, syntax.IsIncomplete(err), "it is not shell: " + parseMessage(err)
	}
	return f, false, ""
}

// parseMessage takes the position off a parser's error.
func parseMessage(err error) string {
	var pe syntax.ParseError
	if errors.As(err, &pe) {
		return clip(pe.Text, 120)
	}
	var le syntax.LangError
	if errors.As(err, &le) {
		return "a feature of another shell"
	}
	return "not parsed"
}

// word evaluates a word as far as its text is known. outs collects the output of
// command substitutions.
func (r *resolver) word(w *syntax.Word) Word {
	if w == nil {
		return Word{Literal: true}
	}
	if len(w.Parts) == 1 {
		if lit, ok := w.Parts[0].(*syntax.Lit); ok && strings.IndexByte(lit.Value, '\\') < 0 {
			return Word{Text: r.tilde(lit.Value), Literal: !r.otherHome(lit.Value), Glob: strings.ContainsAny(lit.Value, "*?[")}
		}
	}
	out := Word{Literal: true}
	var b strings.Builder
	for i, part := range w.Parts {
		start := b.Len()
		r.part(&b, part, &out, false, i == 0)
		if i > 0 && start > 0 && b.Len() > start && quoteInWord(w.Parts[i-1], part) {
			text := b.String()
			if isAlnum(text[start-1]) && isAlnum(text[start]) {
				out.Odd = true
			}
		}
	}
	out.Text = b.String()
	return out
}

// quoteInWord reports whether a quote begins or ends between two parts.
func quoteInWord(a, b syntax.WordPart) bool {
	return isQuoted(a) != isQuoted(b)
}

func isQuoted(p syntax.WordPart) bool {
	switch p.(type) {
	case *syntax.SglQuoted, *syntax.DblQuoted:
		return true
	}
	return false
}

// part adds one part of a word to b.
func (r *resolver) part(b *strings.Builder, part syntax.WordPart, out *Word, quoted, first bool) {
	switch p := part.(type) {
	case *syntax.Lit:
		v := p.Value
		if !quoted && strings.ContainsAny(v, "*?[") {
			out.Glob = true
		}
		if first && !quoted {
			if r.otherHome(v) {
				out.Literal = false
			}
			v = r.tilde(v)
		}
		unescape(b, v, quoted, out)
	case *syntax.SglQuoted:
		if p.Dollar {
			ansiC(b, p.Value, out)
			return
		}
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, q := range p.Parts {
			r.part(b, q, out, true, false)
		}
	case *syntax.ParamExp:
		r.param(b, p, out, quoted)
	case *syntax.CmdSubst:
		if r.depth > 0 && placeholder(p.Stmts) {
			out.Literal = false
			b.WriteString("$(...)")
			return
		}
		outs := r.stmts(p.Stmts, nil)
		out.From = append(out.From, outs...)
		if len(outs) == 1 {
			if text := r.named(outs[0]); text != "" {
				b.WriteString(text)
				return
			}
			if text := strings.TrimSuffix(r.printed(outs[0], 0), "\n"); plainText(text) {
				out.Odd = true // a word that could be written as itself
				b.WriteString(text)
				return
			}
		}
		out.Literal = false
		b.WriteString("$(...)")
	case *syntax.ProcSubst:
		if r.depth > 0 && placeholder(p.Stmts) {
			out.Literal, out.Proc = false, true
			b.WriteString("<(...)")
			return
		}
		outs := r.stmts(p.Stmts, nil)
		out.From = append(out.From, outs...)
		out.Literal, out.Proc = false, true
		b.WriteString("<(...)")
	case *syntax.ArithmExp:
		out.Literal = false
		b.WriteString("$((_))")
	default:
		out.Literal, out.Glob = false, true
		b.WriteString("?")
	}
}

// placeholder reports what [resolver.part] left of a substitution whose output is
// not known, in a text that is now read as shell again: its commands were read.
func placeholder(list []*syntax.Stmt) bool {
	if len(list) != 1 {
		return false
	}
	c, ok := list[0].Cmd.(*syntax.CallExpr)
	return ok && len(c.Args) == 1 && c.Args[0].Lit() == "..."
}

// unescape removes backslashes as the shell does: any outside quotes, those before
// $ ` " \ and newline inside double quotes.
func unescape(b *strings.Builder, v string, quoted bool, out *Word) {
	if strings.IndexByte(v, '\\') < 0 {
		b.WriteString(v)
		return
	}
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c != '\\' || i+1 == len(v) {
			b.WriteByte(c)
			continue
		}
		n := v[i+1]
		if quoted && strings.IndexByte("$`\"\\\n", n) < 0 {
			b.WriteByte(c)
			continue
		}
		i++
		if n == '\n' {
			continue
		}
		// A backslash before a letter inside a word does nothing but hide it. One at
		// the front of a command is a common way round an alias.
		if !quoted && isAlpha(n) && i > 1 {
			out.Odd = true
		}
		b.WriteByte(n)
	}
}

// ansiC writes $'...' (bash(1), QUOTING).
func ansiC(b *strings.Builder, v string, out *Word) {
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c != '\\' || i+1 == len(v) {
			b.WriteByte(c)
			continue
		}
		i++
		switch c = v[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'e', 'E':
			b.WriteByte(0x1b)
		case 'x', 'u', 'U', '0', '1', '2', '3', '4', '5', '6', '7':
			base, most := 8, 3
			switch c {
			case 'x':
				base, most = 16, 2
				i++
			case 'u':
				base, most = 16, 4
				i++
			case 'U':
				base, most = 16, 8
				i++
			}
			n, k := 0, 0
			for k < most && i+k < len(v) {
				d := hexDigit(v[i+k])
				if d < 0 || d >= base {
					break
				}
				n = n*base + d
				k++
			}
			i += k - 1
			if n < 0x80 && (isAlnum(byte(n)) || n == '/') {
				out.Odd = true // a letter that could be written as itself
			}
			switch {
			case n == 0:
			case c == 'u' || c == 'U':
				b.WriteRune(rune(n))
			default:
				b.WriteByte(byte(n))
			}
		default:
			b.WriteByte(c)
		}
	}
}

// plainText reports a text that the shell takes for one word as it stands.
func plainText(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlnum(s[i]) && strings.IndexByte("._/-", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// tilde expands a leading ~, ~/ or ~USER where that account's home is known.
func (r *resolver) tilde(v string) string {
	if v == "~" || strings.HasPrefix(v, "~/") {
		return r.home() + v[1:]
	}
	if user, rest := tildeUser(v); user != "" {
		if h := r.homeOf(user); h[0] == '/' {
			return h + rest
		}
	}
	return v
}

// otherHome reports ~USER whose home is not known.
func (r *resolver) otherHome(v string) bool {
	user, _ := tildeUser(v)
	return user != "" && r.homeOf(user)[0] != '/'
}

// tildeUser splits ~USER/x.
func tildeUser(v string) (user, rest string) {
	if len(v) < 2 || v[0] != '~' || !isAlpha(v[1]) && v[1] != '_' {
		return "", ""
	}
	i := 1
	for i < len(v) && (isAlnum(v[i]) || v[i] == '_' || v[i] == '-' || v[i] == '.') {
		i++
	}
	if i < len(v) && v[i] != '/' {
		return "", ""
	}
	return v[1:i], v[i:]
}

// param adds a parameter expansion. Only plain values and the defaults of ${A:-b}
// are followed.
func (r *resolver) param(b *strings.Builder, p *syntax.ParamExp, out *Word, quoted bool) {
	if p.Param == nil {
		out.Literal = false
		return
	}
	name := p.Param.Value
	plain := !p.Excl && !p.Length && !p.Width && p.Index == nil && p.Slice == nil && p.Repl == nil && p.Names == 0
	value, known := r.variable(name)
	if name == "IFS" && !quoted {
		out.Odd = true
	}
	if plain && p.Exp != nil {
		switch p.Exp.Op {
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
			if !known {
				w := r.word(p.Exp.Word)
				out.From = append(out.From, w.From...)
				if w.Literal {
					b.WriteString(w.Text)
					out.Literal = false // the variable may be set elsewhere
					return
				}
			}
		default:
			plain = false
		}
	}
	if r.grown += len(value.Text); r.grown > maxGrown {
		r.a.Capped, known = true, false // A=$A$A doubles with each line
	}
	if plain && !quoted && p.Exp == nil && (name == "@" || name == "*") && b.Len() > 0 && strings.Trim(strings.ToLower(b.String()), "abcdefghijklmnopqrstuvwxyz") == "" {
		out.Odd = true // c$@url: a job has no parameters, so these letters are a name cut in two
		return
	}
	if plain && known {
		// A loop's variable holds one of the names that a pattern stands for.
		out.Glob = out.Glob || value.Glob || !quoted && strings.ContainsAny(value.Text, "*?[")
		b.WriteString(value.Text)
		out.From = append(out.From, value.From...)
		if !value.Literal {
			out.Literal = false
		}
		return
	}
	out.Literal = false
	b.WriteByte('$')
	b.WriteString(clip(name, 64))
}

package cron

import "strings"

// rough reads a text word by word, where the shell's grammar cannot be used. It
// knows quotes, backslashes, blanks, separators, pipes, and > or < at the front
// of a word; it never recurses.
func (r *resolver) rough(s, why string) []int {
	r.a.Rough = true
	if r.a.Reason == "" {
		r.a.Reason = why
	}
	if len(s) > maxRough {
		s, r.a.Capped = s[:maxRough], true
	}
	var cmd Command
	var outs, left []int
	var b strings.Builder
	var redir string
	started, literal, glob := false, true, false
	input := r.frame.input
	word := func() {
		if !started {
			return
		}
		w := Word{Text: b.String(), Literal: literal, Glob: glob}
		if len(cmd.Args) == 0 && len(cmd.Assigns) == 0 || literal {
			w.Text = r.tilde(w.Text)
		}
		if strings.HasPrefix(w.Text, "$HOME/") || strings.HasPrefix(w.Text, "${HOME}/") {
			w.Text = r.home() + w.Text[strings.IndexByte(w.Text, '/'):]
			w.Literal = strings.IndexByte(w.Text[1:], '$') < 0
		}
		b.Reset()
		started, literal, glob = false, true, false
		switch {
		case redir != "":
			cmd.Redirects = append(cmd.Redirects, Redirect{Op: redir, File: w})
			redir = ""
		case len(cmd.Args) == 0 && isAssign(w.Text):
			n, v, _ := strings.Cut(w.Text, "=")
			cmd.Assigns = append(cmd.Assigns, Assign{n, Word{Text: v, Literal: w.Literal}})
		case len(cmd.Args) == 0 && compoundWord(w.Text):
		case len(cmd.Args) < maxWords:
			cmd.Args = append(cmd.Args, w)
		}
	}
	end := func(pipe bool) {
		word()
		redir = ""
		if len(cmd.Args) > 0 || len(cmd.Redirects) > 0 {
			cmd.Input = input
			got := r.invoke(cmd)
			left = append(left, got...)
			if pipe {
				for _, i := range got {
					if i < len(r.a.Commands) {
						r.a.Commands[i].Piped = true
					}
				}
			}
			outs = append(outs, got...)
		}
		cmd = Command{}
	}
	var quote byte
	for i := 0; i < len(s) && !r.full(); i++ {
		c := s[i]
		switch {
		case c == 0:
		case quote == '\'':
			if c == quote {
				quote = 0
			} else {
				b.WriteByte(c)
			}
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] != '\n' {
				b.WriteByte(s[i])
				started = true
			}
		case quote == '"':
			switch c {
			case '"':
				quote = 0
			case '$', '`':
				literal = false
				b.WriteByte(c)
			default:
				b.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, started = c, true
		case c == ' ' || c == '\t':
			word()
		case c == '|' && i+1 < len(s) && s[i+1] == '|', c == ';', c == '&' && !(i > 0 && (s[i-1] == '>' || s[i-1] == '<')) && !(i+1 < len(s) && s[i+1] == '>'), c == '\n', c == '(', c == '{' && !started, c == '`':
			if c == '|' {
				i++
			}
			end(false)
			if c == ';' || c == '\n' {
				left = nil
			}
			input = r.frame.input
		case c == ')' || c == '}' && !started:
			end(false)
		case c == '|':
			end(true)
			input = left
			left = nil
		case (c == '>' || c == '<') && (!started || digits(b.String())):
			b.Reset()
			started = false
			if redir = string(c); i+1 < len(s) && (s[i+1] == '>' || s[i+1] == '&') {
				redir += string(s[i+1])
				i++
			}
		case c == '#' && !started:
			for i < len(s) && s[i] != '\n' {
				i++
			}
			i--
		default:
			if c == '$' {
				literal = false
			}
			if c == '*' || c == '?' || c == '[' {
				glob = true
			}
			started = true
			b.WriteByte(c)
		}
	}
	end(false)
	return outs
}

func isAssign(s string) bool {
	n, _, ok := strings.Cut(s, "=")
	return ok && isName(n)
}

func compoundWord(s string) bool {
	switch s {
	case "if", "then", "else", "elif", "fi", "while", "until", "do", "done", "!", "{", "}":
		return true
	}
	return false
}

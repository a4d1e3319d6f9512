package cron

import "strings"

// resolveExec reads systemd's ExecStart, which is no shell line: prefixes, quotes,
// ; as a word of its own, $VAR, no pipes (systemd.service(5), COMMAND LINES).
func resolveExec(j *Job, e ResolveEnv) *Analysis {
	line := j.Command
	r := &resolver{a: &Analysis{Text: line, Path: DefaultPath(SystemdCron)}, e: e, frame: frame{parent: -1}}
	r.cwd = e.Cwd
	if r.cwd == "" {
		r.cwd = "/" // systemd.exec(5), WorkingDirectory=
	}
	var cmd Command
	flush := func() {
		if j.Flat {
			cmd.Args = joinCode(cmd.Args)
		}
		if len(cmd.Args) > 0 && !r.full() {
			r.invoke(cmd)
		}
		cmd = Command{}
	}
	words := execWords
	if j.Flat {
		words = strings.Fields // its quotes are text
	}
	for _, w := range words(line[:min(len(line), maxRough)]) {
		if w == ";" && !j.Flat {
			flush()
			continue
		}
		if len(cmd.Args) == 0 {
			if w = strings.TrimLeft(w, "@-:+!|"); w == "" {
				continue
			}
		}
		literal := strings.IndexByte(w, '$') < 0 && !(j.Open && strings.IndexByte(w, '%') >= 0)
		cmd.Args = append(cmd.Args, Word{Text: w, Literal: literal})
		if len(cmd.Args) >= maxWords {
			r.a.Capped = true
			break
		}
	}
	flush()
	return r.a
}

// joinCode makes one word again of what follows sh -c: systemctl shows the words of
// a command with blanks between them and no quotes.
func joinCode(args []Word) []Word {
	for i := range args {
		t := args[i].Text
		if i == 0 || len(t) < 2 || t[0] != '-' || t[1] == '-' || t[len(t)-1] != 'c' || strings.Trim(t[1:], "abcdefghijklmnopqrstuvwxyz") != "" {
			continue
		}
		if name := baseName(args[i-1].Text); !shells[name] && !(i > 1 && shells[baseName(args[0].Text)]) {
			continue
		}
		if i+2 < len(args) {
			code := Word{Text: joinWords(args[i+1:]), Literal: true}
			return append(append([]Word(nil), args[:i+1]...), code)
		}
	}
	return args
}

// execWords splits a command line of a unit: quotes where a word begins or in it,
// C escapes.
func execWords(s string) []string {
	if len(s) > maxRough {
		s = s[:maxRough]
	}
	var out []string
	var b strings.Builder
	var quote byte
	in := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			in = true
			switch s[i] {
			case 's':
				b.WriteByte(' ')
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'x':
				if i+2 < len(s) && hexDigit(s[i+1]) >= 0 && hexDigit(s[i+2]) >= 0 {
					b.WriteByte(byte(hexDigit(s[i+1])<<4 | hexDigit(s[i+2])))
					i += 2
				}
			default:
				b.WriteByte(s[i])
			}
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				b.WriteByte(c)
			}
		case c == '"' || c == '\'':
			quote, in = c, true
		case isSpace(c):
			if in {
				out = append(out, b.String())
				b.Reset()
				in = false
			}
		default:
			in = true
			b.WriteByte(c)
		}
	}
	if in {
		out = append(out, b.String())
	}
	return out
}

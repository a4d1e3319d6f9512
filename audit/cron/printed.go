package cron

import (
	"encoding/base64"
	"encoding/hex"
	"path"
	"strings"
)

// printed returns the literal text that a command prints, where that can be told:
// echo and printf of known words, cat of a here-document, and what base64 -d,
// xxd -r -p and rev make of it. The text is only looked at. "" means unknown.
func (r *resolver) printed(i, depth int) string {
	if i < 0 || i >= len(r.a.Commands) || depth > 8 {
		return ""
	}
	c := &r.a.Commands[i]
	switch c.Name {
	case "echo":
		args := c.Args[1:]
		escapes := false
		for len(args) > 0 && len(args[0].Text) > 1 && args[0].Text[0] == '-' && strings.Trim(args[0].Text[1:], "neE") == "" {
			escapes = escapes || strings.IndexByte(args[0].Text, 'e') > 0
			args = args[1:]
		}
		return literalText(args, escapes) + "\n"
	case "printf":
		if len(c.Args) == 2 {
			return literalText(c.Args[1:], true)
		}
		if len(c.Args) > 2 {
			return literalText(c.Args[2:], false)
		}
	case "cat":
		if c.HasHere && len(c.Args) == 1 {
			return c.Here
		}
		if len(c.Args) == 2 && c.Args[1].Proc && len(c.Args[1].From) == 1 {
			return r.printed(c.Args[1].From[0], depth+1)
		}
	}
	in := ""
	switch {
	case c.HasHere:
		in = c.Here
	case len(c.Input) == 1:
		in = r.printed(c.Input[0], depth+1)
	}
	if in == "" {
		return ""
	}
	in = clip4k(in)
	out := ""
	switch {
	case c.Name == "rev":
		b := []byte(strings.TrimRight(in, "\n"))
		for i, k := 0, len(b)-1; i < k; i, k = i+1, k-1 {
			b[i], b[k] = b[k], b[i]
		}
		out = string(b)
	case c.Name == "base64" && decodes(c), c.Name == "openssl" && decodes(c) && hasArg(c, "-base64", "-a", "base64") && !hasArg(c, "-k", "-K", "-pass"):
		raw := strings.TrimRight(strings.Join(strings.Fields(in), ""), "=")
		b, err := base64.RawStdEncoding.DecodeString(raw)
		if err != nil && len(b) == 0 {
			return ""
		}
		out = string(b)
	case c.Name == "xxd" && decodes(c):
		b, err := hex.DecodeString(strings.Join(strings.Fields(in), ""))
		if err != nil && len(b) == 0 {
			return ""
		}
		out = string(b)
	default:
		return ""
	}
	r.a.Decoded = clip4k(out)
	return r.a.Decoded
}

// named returns what dirname, basename, which and command -v print of a known word.
// A program that is looked for stays its name: it is found in PATH as a command is.
func (r *resolver) named(i int) string {
	c := &r.a.Commands[i]
	if len(c.Input) > 0 || len(c.Args) < 2 || r.frame.remote != "" {
		return ""
	}
	w := c.Args[len(c.Args)-1]
	if !w.Literal || w.Glob || !plainText(w.Text) || w.Text[0] == '-' {
		return ""
	}
	switch {
	case c.Name == "dirname" && len(c.Args) == 2:
		return path.Dir(strings.TrimRight(w.Text, "/"))
	case c.Name == "basename" && len(c.Args) == 2:
		return baseName(strings.TrimRight(w.Text, "/"))
	case (c.Name == "which" || c.Name == "realpath") && len(c.Args) == 2, c.Name == "command" && len(c.Args) == 3 && c.Args[1].Text == "-v", c.Name == "type" && len(c.Args) == 3 && c.Args[1].Text == "-p", c.Name == "readlink" && len(c.Args) == 3 && c.Args[1].Text == "-f":
		if strings.IndexByte(w.Text, '/') < 0 && (c.Name == "realpath" || c.Name == "readlink") {
			return ""
		}
		return w.Text
	}
	return ""
}

func clip4k(s string) string {
	if len(s) > 4096 {
		return s[:4096]
	}
	return s
}

// literalText joins words as echo does; "" where one of them is not known.
func literalText(words []Word, escapes bool) string {
	for i := range words {
		if !words[i].Literal {
			return ""
		}
	}
	s := clip4k(joinWords(words))
	if escapes && strings.IndexByte(s, '\\') >= 0 {
		var b strings.Builder
		var w Word
		ansiC(&b, s, &w)
		s = b.String()
	}
	return s
}

package cron

import (
	"bytes"
	"strings"
	"testing"
)

// A table of a hundred megabytes, of short lines or of one, is read as far as the
// bounds go, printed whole, and its jobs judged.
func TestHostileTables(t *testing.T) {
	const size = 100 << 20
	line := []byte("* * * * * /opt/x --all\n")
	for name, data := range map[string][]byte{
		"short lines":    bytes.Repeat(line, size/len(line)),
		"one line":       append([]byte("* * * * * /opt/x "), bytes.Repeat([]byte("a"), size)...),
		"one comment":    append([]byte("#"), bytes.Repeat([]byte(" "), size)...),
		"settings":       bytes.Repeat([]byte("A=b\n"), size/4),
		"newlines":       bytes.Repeat([]byte("\n"), size),
		"NUL":            make([]byte, size),
		"one open quote": append([]byte("* * * * * echo '"), bytes.Repeat([]byte("x;"), size/2)...),
	} {
		t.Run(name, func(t *testing.T) {
			tab := ParseTable(data, User, Cronie, Options{User: "root"})
			if len(tab.Entries) > maxEntries+1 {
				t.Errorf("%d entries", len(tab.Entries))
			}
			if !bytes.Equal(tab.Bytes(), data) {
				t.Error("printed differently")
			}
			for i, j := range tab.Jobs() {
				if i == 1000 {
					break
				}
				a := j.Resolve("/root", Cronie)
				if len(a.Commands) > maxParsed {
					t.Errorf("%d commands", len(a.Commands))
				}
				for _, s := range Signs(j, a, SignContext{UID: 0}) {
					if len(s.Message) > 4096 {
						t.Errorf("%s: a message of %d bytes", s.ID, len(s.Message))
					}
				}
			}
		})
	}
}

// What nests as deep as a line is long is not handed to the shell's parser, and is
// said to be odd.
func TestHostileNesting(t *testing.T) {
	for _, open := range []string{"(", "{ ", "$(", "`", "$((", "((", "\"$(", "if true; then ", "while :; do ", "case x in x) ", "<(", "[[ ( ", "! ", "sh -c '", "eval \"", "sudo ", "env -S '", "xargs ", "nice -n 1 ", "${A:-", "a=(", "f() { "} {
		for _, n := range []int{50, 5000, 100_000} {
			text := strings.Repeat(open, n) + "id"
			a := Resolve(text, ResolveEnv{Home: "/root"}, Cronie)
			if len(a.Commands) > maxParsed || len(a.Targets) > 10*maxParsed {
				t.Errorf("%d times %q: %d commands, %d targets", n, open, len(a.Commands), len(a.Targets))
			}
			Signs(&Job{Command: text, Raw: text}, a, SignContext{UID: -1})
		}
	}
}

// Names of every byte, and paths that lead back to themselves, are printed as
// plain ASCII and never followed for ever.
func TestHostileNames(t *testing.T) {
	link := func(string) FileInfo { return FileInfo{Known: true, Exists: true, Type: 'l', Owned: No} }
	for b := range 256 {
		name := "/opt/a" + string([]byte{byte(b)}) + "b/../a" + string([]byte{byte(b)}) + "b/./x"
		j := &Job{Command: name, Raw: name}
		found := Signs(j, j.Resolve("/root", Debian), SignContext{UID: 0, Look: link})
		for _, s := range found {
			for i := range len(s.Message) {
				if s.Message[i] < ' ' || s.Message[i] > '~' {
					t.Fatalf("byte 0x%02x: %s: %q", b, s.ID, s.Message)
				}
			}
		}
		for _, d := range Deceptive(name) {
			if q := Quote(d.Component) + d.Words; strings.Trim(q, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") != "" {
				t.Fatalf("byte 0x%02x: %q", b, q)
			}
		}
	}
}

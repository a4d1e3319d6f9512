package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestHelp: every command and flag says what it is, once, in 80 columns.
func TestHelp(t *testing.T) {
	s := testApp()
	app := newApp(s)
	var check func(path []*cli.Command, cmds []*cli.Command)
	check = func(path []*cli.Command, cmds []*cli.Command) {
		var out bytes.Buffer
		printHelp(s, &out, app, path)
		for line := range strings.Lines(out.String()) {
			if len(strings.TrimRight(line, "\n")) > 80 || strings.TrimRight(line, " \n") != strings.TrimRight(line, "\n") {
				t.Errorf("%s: %q", commandName(path), line)
			}
		}
		if len(path) > 0 {
			for _, f := range path[len(path)-1].Flags {
				if n := strings.Count(out.String(), "--"+f.Names()[0]+" ") + strings.Count(out.String(), "--"+f.Names()[0]+"\n"); n < 1 {
					t.Errorf("%s does not name --%s", commandName(path), f.Names()[0])
				}
				if doc := f.(cli.DocGenerationFlag).GetUsage(); doc == "" || strings.HasSuffix(doc, ".") {
					t.Errorf("%s --%s: %q", commandName(path), f.Names()[0], doc)
				}
			}
		}
		for _, c := range cmds {
			if c.Usage == "" {
				t.Errorf("%s %s has no word of help", commandName(path), c.Name)
			}
			if !strings.Contains(out.String(), "\n  "+c.Name+" ") {
				t.Errorf("%s does not name %s", commandName(path), c.Name)
			}
			check(append(append([]*cli.Command{}, path...), c), c.Subcommands)
		}
	}
	check(nil, app.Commands)
}

func TestWrapped(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"short", "one two", "one two"},
		{"at blanks only", "one authorized-keys-command", "one\n> authorized-keys-command"},
		{"the indent does not count", "one two three four five", "one two\n> three four\n> five"},
		{"two blanks are part of a word", "a  b c", "a  b c"},
		{"exactly", "0123456789 0123456789", "0123456789\n> 0123456789"},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrapped(tt.text, 12, "> "); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

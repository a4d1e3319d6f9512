package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeShowsTheDemo holds the picture in the README to what the demo prints
// today: every line of its text blocks occurs, in that order. Ports and times do
// not stand in it.
func TestReadmeShowsTheDemo(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"postern", "demo"}, streams{
		in: strings.NewReader(""), out: &out, err: &errs, env: func(string) string { return "" },
	})
	if code != 1 || errs.Len() > 0 {
		t.Fatalf("postern demo: exit code %d, stderr %q", code, errs.String())
	}
	lines := strings.Split(out.String(), "\n")
	blocks := strings.Split(string(readme), "```text\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("the README shows %d pictures of the demo, want two", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		at := 0
		for want := range strings.Lines(block) {
			want = strings.TrimRight(want, "\n")
			from := at
			for at < len(lines) && lines[at] != want {
				at++
			}
			if at == len(lines) {
				t.Errorf("the README shows %q, which the demo does not print after its line %d:\n%s", want, from, out.String())
				break
			}
		}
	}
}

// TestReadmeCommands: each command that a page shows is one: its words name a
// command, and its flags exist and take such values.
func TestReadmeCommands(t *testing.T) {
	quoted := regexp.MustCompile(`'[^']*'`)
	for _, page := range []string{"README.md", "fix/README.md", recipes} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			command, ok := strings.CutPrefix(line, "    ")
			if !ok || strings.HasPrefix(command, " ") {
				continue
			}
			command, _, _ = strings.Cut(quoted.ReplaceAllString(command, "quoted"), " #")
			if i := strings.Index(command, "postern "); i >= 0 {
				commandLine(t, command[i:])
				n++
			}
		}
		if n < 5 {
			t.Errorf("%s shows %d commands: are its blocks not read?", page, n)
		}
	}
}

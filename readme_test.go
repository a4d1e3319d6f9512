package main

import (
	"bytes"
	"os"
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

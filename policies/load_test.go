package policies

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBroken loads rule files with mistakes. Every fault names its place and what
// is wrong; nearly all name a way out.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, faults := Load(Source{filepath.Base(file), data})
			if c != nil || len(faults) == 0 {
				t.Fatal("it was accepted")
			}
			for _, f := range faults {
				if f.Pos.Line == 0 || f.Pos.Column == 0 || f.Message == "" {
					t.Errorf("no place or no message: %+v", f)
				}
			}
			got := faults.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestInside marks a character of a scalar in every style that YAML has, and
// looks whether it is found again in the file.
func TestInside(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, value string }{
		"plain":             {"- k: aaa§bbb\n", "aaa§bbb"},
		"plain, two lines":  {"- k: aaa\n    b§b\n", "aaa b§b"},
		"single":            {"- k: 'it''s a§b'\n", "it's a§b"},
		"single, two lines": {"- k: 'aa\n\n    bb §'\n", "aa\nbb §"},
		"double":            {"- k: \"\\t\\x41\\u0042\\U00000043 §\"\n", "\tABC §"},
		"double, continued": {"- k: \"aa\\\n    bb §\"\n", "aabb §"},
		"double, folded":    {"- k: \"aa\n    bb §\"\n", "aa bb §"},
		"literal":           {"- k: |\n    aa\n      bb\n\n    c§c\n", "aa\n  bb\n\nc§c\n"},
		"literal, indented": {"- k: |-\n\n    aa\n      §\n", "\naa\n  §"},
		"literal, comment":  {"- k: | # note\n    aa §\n", "aa §\n"},
		"folded":            {"- k: >-\n    aa\n    bb\n\n    c §\n", "aa bb\nc §"},
		"wide characters":   {"- ключ: 'ö日本§'\n", "ö日本§"},
		"flow":              {"- {k: [a, \"b §\"]}\n", "b §"},
		"carriage returns":  {"- k: >-\r\n    aa\r\n    b§\r\n", "aa b§"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &document{name: "f.yaml"}
			body := d.parse([]byte(tc.yaml))
			if body == nil {
				t.Fatal(d.faults)
			}
			s, ok := d.find(body, "§")
			if !ok {
				t.Fatal("the scalar is not in the tree")
			}
			if s.text != tc.value {
				t.Fatalf("value %q, want %q", s.text, tc.value)
			}
			offset := utf8.RuneCountInString(s.text[:strings.Index(s.text, "§")])
			p := d.inside(s, offset)
			line := strings.Split(tc.yaml, "\n")[p.Line-1]
			if r := []rune(line); p.Column > len(r) || r[p.Column-1] != '§' {
				t.Errorf("%s is in %q", p, line)
			}
		})
	}
}

func TestLoadFS(t *testing.T) {
	fsys := fstest.MapFS{
		"rules/own.yaml":   {Data: []byte(rule(map[string]string{"id": "own-rule", "pass": "host.systemd"}))},
		"rules/other.yaml": {Data: []byte(rule(map[string]string{"id": "own-rule", "pass": "host.systemd"}))},
		"rules/readme.md":  {Data: []byte("no rules")},
	}
	if _, faults := LoadFS(fsys, "rules"); len(faults) != 1 || faults[0].Error() !=
		"rules/own.yaml:1:3: own-rule: a rule with this id stands at rules/other.yaml:1:3\n\thint: ids are unique: rename one of them" {
		t.Errorf("%v", faults)
	}
	delete(fsys, "rules/other.yaml")
	c, faults := LoadFS(fsys, "rules")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if r := c.Rule("own-rule"); r == nil || r.Subject != "own" || c.Rule("none") != nil {
		t.Errorf("%+v", r)
	}
	if res := c.Test(); len(res) != 1 || res[0].OK() || res[0].Detail != "no example for: pass, fail, unknown" {
		t.Errorf("%+v", res)
	}
	if _, faults := LoadFS(fsys, "nowhere"); len(faults) != 1 {
		t.Errorf("%v", faults)
	}
}

// FuzzLoad: whatever a rule file holds, loading ends with faults that lie in the
// file, or with rules that can be tried and judged.
func FuzzLoad(f *testing.F) {
	for _, s := range embeddedSources(f) {
		f.Add(s.Data[:min(len(s.Data), 3000)])
	}
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, faults := Load(Source{"f.yaml", data})
		if (c == nil) != (len(faults) > 0) {
			t.Fatalf("catalogue %v, faults %v", c != nil, faults)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, f := range faults {
			if f.Message == "" || f.Pos.File != "f.yaml" || f.Pos.Line > lines || f.Pos.Line < 0 {
				t.Fatalf("%+v in %d lines", f, lines)
			}
		}
		if c == nil {
			return
		}
		c.Test()
		outcomes, _ := c.Judge(neutral(), JudgeOptions{})
		if len(outcomes) != len(c.Rules()) {
			t.Fatalf("%d outcomes of %d rules", len(outcomes), len(c.Rules()))
		}
		for _, o := range outcomes {
			if o.Verdict == Unknown && o.Reason == "" {
				t.Fatalf("%s: unknown without a reason", o.Rule)
			}
		}
	})
}

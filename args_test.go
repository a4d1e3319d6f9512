package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func testApp() streams {
	return streams{env: func(string) string { return "" }, screen: &screen{}}
}

func TestParseLine(t *testing.T) {
	tests := []struct {
		name string
		line string
		want string // words for cli, or "error: " and a part of the error
	}{
		{"nothing", "postern", "postern"},
		{"flags last", "postern audit web1 web2 --only a --only b -v", "postern audit --only=a --only=b -v -- web1 web2"},
		{"flags in the middle", "postern audit web1 --format json web2", "postern audit --format=json -- web1 web2"},
		{"flags in front of the command", "postern --format json audit web1", "postern audit --format=json -- web1"},
		{"flags in front of the subcommand", "postern rules --profile all list", "postern rules list --profile=all"},
		{"flags before both", "postern --profile all rules list", "postern rules list --profile=all"},
		{"one dash is enough", "postern audit -format json web1", "postern audit -format=json -- web1"},
		{"a comma is kept", "postern audit --only a,b", "postern audit --only=a,b"},
		{"an equals sign is kept", "postern audit env=prod --user a=b", "postern audit --user=a=b -- env=prod"},
		{"a value that begins with a dash", "postern audit --user=-x", "postern audit --user=-x"},
		{"the same as a word of its own", "postern audit --user -x", "postern audit --user=-x"},
		{"standard input is a positional", "postern report - --format json", "postern report --format=json -- -"},
		{"standard output is a value", "postern report -o -", "postern report -o=-"},
		{"behind two dashes", "postern audit -v -- web1 -", "postern audit -v -- web1 -"},
		{"a dash behind two dashes", "postern audit -- web1 -v", "error: begins with"},
		{"a command behind two dashes is none", "postern -- audit", "postern -- audit"},
		{"commands as hosts", "postern audit demo help rules", "postern audit -- demo help rules"},
		{"a flag of another command", "postern --serve audit", "error: unknown flag --serve of postern audit"},
		{"an old friend", "postern audit -oProxyCommand=x web1", "error: unknown flag -oProxyCommand"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := "error: "
			l, err := parseLine(newApp(testApp()), strings.Fields(tt.line))
			if err == nil {
				got = strings.Join(l.words, " ")
			} else if text, ok := strings.CutPrefix(tt.want, "error: "); ok && strings.Contains(err.Error(), text) {
				got = tt.want
			} else {
				got += err.Error()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestNoFlagIsEverAHost: whatever stands on the line, no argument that reaches a
// command begins with "-", and no other argument is lost.
func TestNoFlagIsEverAHost(t *testing.T) {
	words := rapid.SampledFrom([]string{
		"audit", "rules", "list", "facts", "report", "web1", "user@host:22", "[::1]:22", "", "-", "--", "---",
		"-v", "--only", "--only=x", "--format", "json", "-i", "inv.yaml", "--local", "--help", "-h", "-o", "-oProxyCommand=sh",
		"--=", "-=x", "--timeout", "5s", "--parallel", "8", "--key", "--profile", "-vv", "--verbose=true",
	})
	app := newApp(testApp())
	rapid.Check(t, func(t *rapid.T) {
		args := append([]string{"postern"}, rapid.SliceOfN(words, 0, 12).Draw(t, "words")...)
		l, err := parseLine(app, args)
		if err != nil {
			return
		}
		at := len(l.words)
		for i, w := range l.words {
			if w == "--" {
				at = i + 1
				break
			}
		}
		left := l.words[at:]
		for _, w := range left {
			if strings.HasPrefix(w, "-") && w != "-" {
				t.Fatalf("%q is passed on as an argument: %q", w, l.words)
			}
		}
		for _, w := range args[1:] {
			if w == "web1" || w == "user@host:22" || w == "[::1]:22" {
				joined := strings.Join(l.words, "\x00")
				if !strings.Contains(joined, w) {
					t.Fatalf("%q is lost: %q", w, l.words)
				}
			}
		}
	})
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{"audit web1 --only a", "--format json audit -- x", "rules --profile all list", "help audit", "-v"} {
		f.Add(s)
	}
	app := newApp(testApp())
	f.Fuzz(func(t *testing.T, line string) {
		l, err := parseLine(app, append([]string{"postern"}, strings.Split(line, " ")...))
		if err != nil {
			return
		}
		behind := false
		for _, w := range l.words {
			if behind && strings.HasPrefix(w, "-") && w != "-" {
				t.Fatalf("%q reaches a command as an argument: %q", w, l.words)
			}
			behind = behind || w == "--"
		}
	})
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"postern: Grüße, no file x": "postern: Grüße, no file x",
		"a\x1b[2Jb":                 `a\x1b[2Jb`,
		"a\u202eb":                  `a\u202eb`,
		"a\xffb":                    `a\xffb`,
	} {
		if got := visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

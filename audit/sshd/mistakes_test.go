package sshd

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite golden files and what was run")

// A mistake is said with its line, its keyword and a way out. Each file of
// testdata/mistakes is a configuration and what is said about it; rewrite that
// part by go test ./audit/sshd -run TestMistakes -update.
func TestMistakes(t *testing.T) {
	for _, name := range mistakes(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			m := readMistake(t, name)
			cfg := Load("/etc/ssh/sshd_config", m.files, Options{Version: m.version, Distro: m.distro})
			if len(cfg.Faults) == 0 {
				t.Fatal("nothing is said")
			}
			var got bytes.Buffer
			for _, f := range cfg.Faults {
				if !f.Pos.IsValid() || f.Keyword == "" || f.Hint == "" {
					t.Errorf("line %d, keyword %q, hint %q: %s", f.Pos.Line, f.Keyword, f.Hint, f.Message)
				}
				fmt.Fprintln(&got, f.Describe())
			}
			if *update {
				m.archive.Files = append(m.archive.Files, txtar.File{Name: "want", Data: got.Bytes()})
				if err := os.WriteFile(name, txtar.Format(m.archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(m.want, got.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// mistake is a configuration with a mistake, and what is said about it.
type mistake struct {
	version Version
	distro  string
	files   mapFiles
	want    string
	archive *txtar.Archive // without want
}

func mistakes(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d configurations with mistakes, %v", len(names), err)
	}
	return names
}

func readMistake(t *testing.T, name string) mistake {
	t.Helper()
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m := mistake{files: mapFiles{}, archive: ar}
	var release string
	if _, err := fmt.Sscanf(string(ar.Comment), "openssh %s %s", &release, &m.distro); err != nil {
		t.Fatalf("%s: %q: %v", name, ar.Comment, err)
	}
	m.version, _ = ParseVersion(release)
	kept := ar.Files[:0]
	for _, f := range ar.Files {
		if f.Name == "want" {
			m.want = string(f.Data)
			continue
		}
		m.files[f.Name] = f.Data
		kept = append(kept, f)
	}
	ar.Files = kept
	return m
}

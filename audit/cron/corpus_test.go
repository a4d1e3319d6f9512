package cron

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

type corpusLine struct {
	Line   string `json:"line"`
	Kind   string `json:"kind"`
	Label  string `json:"label"`
	Family string `json:"family"`
}

type corpusTable struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Content string `json:"content"`
}

// shared returns a file of the data that is kept outside the repository.
func shared(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("POSTERN_SHARED")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("POSTERN_SHARED is not set: the corpora are needed here")
		}
		t.Skip("POSTERN_SHARED is not set: the corpora are not at hand")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readLines[T any](t testing.TB, name string) []T {
	t.Helper()
	var out []T
	sc := bufio.NewScanner(bytes.NewReader(shared(t, name)))
	sc.Buffer(nil, 4<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return out
}

// judgeCorpus judges a line alone, in the daemon that reads most.
func judgeCorpus(t testing.TB, l corpusLine) ([]Sign, *Table) {
	form := User
	if l.Kind == "system" {
		form = System
	}
	tab := ParseTable([]byte(l.Line+"\n"), form, Debian, Options{User: "someone"})
	for _, j := range tab.Jobs() {
		return Signs(j, j.Resolve("", Debian), SignContext{UID: -1}), tab
	}
	return nil, tab
}

func TestCorpus(t *testing.T) {
	count := map[string][2]int{} // label: at medium or above, all
	for _, name := range []string{"corpus/cron-malicious.jsonl", "corpus/cron-benign.jsonl"} {
		for _, l := range readLines[corpusLine](t, name) {
			signs, tab := judgeCorpus(t, l)
			sev := Severity(signs)
			n := count[l.Label]
			n[1]++
			if sev >= Medium {
				n[0]++
			}
			count[l.Label] = n
			if (l.Label == "malicious") != (sev >= Medium) {
				t.Logf("%-11s %-8v %q", l.Label, sev, l.Line)
				for _, s := range signs {
					t.Logf("    %v %s: %s", s.Severity, s.ID, s.Message)
				}
				if len(tab.Jobs()) == 0 {
					t.Logf("    no job: %s", tab.Reason)
				}
			}
		}
	}
	for label, n := range count {
		t.Logf("%s: %d of %d at medium or above (%.1f %%)", label, n[0], n[1], 100*float64(n[0])/float64(n[1]))
	}
	if m := count["malicious"]; float64(m[0]) < 0.9*float64(m[1]) {
		t.Errorf("recall %d of %d, want 90 %%", m[0], m[1])
	}
	if b := count["benign"]; float64(b[0]) > 0.01*float64(b[1]) {
		t.Errorf("false alarms %d of %d, want at most 1 %%", b[0], b[1])
	}
}

// The catalogue's figures are those of the honest corpus.
func TestFalseAlarms(t *testing.T) {
	count, all := map[string]int{}, 0
	for _, l := range readLines[corpusLine](t, "corpus/cron-benign.jsonl") {
		if l.Label != "benign" {
			continue
		}
		all++
		signs, _ := judgeCorpus(t, l)
		for _, s := range signs {
			count[s.ID]++
		}
	}
	if all != BenignLines {
		t.Errorf("%d honest lines, the catalogue says %d", all, BenignLines)
	}
	for _, info := range Catalogue() {
		if count[info.ID] != info.FalseAlarms {
			t.Errorf("%s: shown by %d honest lines, the catalogue says %d", info.ID, count[info.ID], info.FalseAlarms)
		}
	}
}

func TestRealTables(t *testing.T) {
	jobs, heavy := 0, 0
	for _, c := range readLines[corpusTable](t, "corpus/real/crontabs.jsonl") {
		form := User
		if c.Kind == "system" {
			form = System
		}
		for d := Debian; d <= SystemdCron; d++ {
			tab := ParseTable([]byte(c.Content), form, d, Options{User: "someone"})
			if got := string(tab.Bytes()); got != c.Content {
				t.Errorf("%s %v: printed differently", c.ID, d)
			}
			if d != Cronie {
				continue
			}
			for _, j := range tab.Jobs() {
				jobs++
				signs := Signs(j, j.Resolve("", d), SignContext{UID: -1})
				if sev := Severity(signs); sev >= Medium {
					heavy++
					t.Logf("%s:%d %v %q", c.ID, j.Line, sev, j.Raw)
					for _, s := range signs {
						t.Logf("    %v %s: %s", s.Severity, s.ID, s.Message)
					}
				}
			}
		}
	}
	t.Logf("%d of %d jobs at medium or above", heavy, jobs)
	if heavy > jobs/100 {
		t.Errorf("%d of %d jobs of real tables at medium or above", heavy, jobs)
	}
}

// What distributions ship: every line is read, and none is odd.
func TestStockTables(t *testing.T) {
	shared(t, "corpus/stock/INDEX.md")
	root := filepath.Join(os.Getenv("POSTERN_SHARED"), "corpus/stock")
	files, err := filepath.Glob(filepath.Join(root, "*/etc/cron.d/*"))
	if err != nil {
		t.Fatal(err)
	}
	tables, _ := filepath.Glob(filepath.Join(root, "*/etc/crontab"))
	ana, _ := filepath.Glob(filepath.Join(root, "*/etc/anacrontab"))
	if len(files) == 0 || len(tables) == 0 || len(ana) == 0 {
		t.Fatalf("%d files, %d crontabs, %d anacrontabs: the folder has moved", len(files), len(tables), len(ana))
	}
	jobs := 0
	check := func(name string, tab *Table, data []byte) {
		if string(tab.Bytes()) != string(data) {
			t.Errorf("%s: printed differently", name)
		}
		if tab.Lost() > 0 || tab.Dropped {
			t.Errorf("%s: %d lines lost, dropped %v: %s", name, tab.Lost(), tab.Dropped, tab.Reason)
		}
		for _, j := range tab.Jobs() {
			jobs++
			if j.Fate != FateRuns {
				t.Errorf("%s:%d %v %s", name, j.Line, j.Fate, j.Reason)
			}
			if signs := Signs(j, j.Resolve("/root", tab.Daemon), SignContext{UID: 0, Daemon: tab.Daemon}); Severity(signs) >= Medium {
				t.Errorf("%s:%d %q: %+v", name, j.Line, j.Raw, signs)
			}
		}
	}
	for _, f := range append(files, tables...) {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []Daemon{Debian, Cronie, SystemdCron} {
			check(f, ParseTable(data, System, d, Options{Version: "3.0pl1-162"}), data)
		}
	}
	for _, f := range ana {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		check(f, ParseAnacrontab(data, Options{}), data)
	}
	t.Logf("%d jobs", jobs)
}

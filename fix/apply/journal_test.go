package apply

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/fix"
)

// TestJournal: what was begun and has no end is known to the next run, whatever the
// crash left of the last line.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	open := func() *journal {
		t.Helper()
		j, err := openJournal(dir, "host")
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	add := func(j *journal, run, step string) {
		t.Helper()
		if err := j.add(run, step, ""); err != nil {
			t.Fatal(err)
		}
	}
	j := open()
	if _, err := openJournal(dir, "host"); !errors.Is(err, ErrBusy) {
		t.Errorf("a second at the same time: %v", err)
	}
	add(j, "r1", "prepare")
	add(j, "r1", "arm")
	j.close()
	if j = open(); j.open != "r1" {
		t.Errorf("open is %q", j.open)
	}
	add(j, "r1", "end")
	add(j, "r2", "prepare")
	j.close()
	file := filepath.Join(dir, journalName("host"))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// cut anywhere in the last line: r2 or nothing is open, and a new line is read
	last := strings.LastIndex(strings.TrimRight(string(whole), "\n"), "\n") + 1
	for cut := last; cut <= len(whole); cut++ {
		if err := os.WriteFile(file, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open()
		want := ""
		if cut >= len(whole)-1 {
			want = "r2"
		}
		if j.open != want {
			t.Fatalf("cut at %d of %d: %q is open, want %q", cut, len(whole), j.open, want)
		}
		add(j, "r3", "prepare")
		j.close()
		if j = open(); j.open != "r3" {
			t.Fatalf("cut at %d: the line after it is lost: %q", cut, j.open)
		}
		j.close()
	}
}

// TestJournalNames: a host's name stays within the folder.
func TestJournalNames(t *testing.T) {
	seen := map[string]string{}
	for _, host := range []string{"host", "../../etc/passwd", "a/b", "a%2Fb", "..", ".", strings.Repeat("x", 5000), strings.Repeat("x", 5001), "\x00", "\n", "é"} {
		name := journalName(host)
		if strings.ContainsAny(name, "/\x00\n") || name == ".." || len(name) > 250 || filepath.Base(name) != name {
			t.Errorf("%q: %q", host, name)
		}
		if other, twice := seen[name]; twice {
			t.Errorf("%.20q and %.20q share %q", host, other, name)
		}
		seen[name] = host
	}
}

// TestSound: plans that make no sense, or that no shell could be told.
func TestSound(t *testing.T) {
	for name, spoil := range map[string]func(h *fix.Host){
		"nothing":           func(h *fix.Host) { h.Changes, h.Reload = nil, fix.Reload{} },
		"NUL":               func(h *fix.Host) { h.Changes[0].Before.Real = "/etc/a\x00b" },
		"relative":          func(h *fix.Host) { h.Changes[0].Before.Path = "etc/x" },
		"dots":              func(h *fix.Host) { h.Changes[0].Before.Real = "/etc/ssh/../shadow" },
		"root itself":       func(h *fix.Host) { h.Changes[0].Before.Real = "/" },
		"doubled slash":     func(h *fix.Host) { h.Changes[0].Before.Real = "//etc/x" },
		"twice":             func(h *fix.Host) { h.Changes = append(h.Changes, h.Changes[0]) },
		"account of dashes": func(h *fix.Host) { h.Changes[0].User = "-u" },
		"account as a path": func(h *fix.Host) { h.Changes[0].User = "a/b" },
		"account of lines":  func(h *fix.Host) { h.Changes[0].User = "a\nb" },
		"no hash":           func(h *fix.Host) { h.Changes[0].Before.SHA256 = "" },
		"not a hash":        func(h *fix.Host) { h.Changes[0].Before.SHA256 = "$(id)" },
		"a kind of its own": func(h *fix.Host) { h.Changes[0].Kind = "rm" },
		"a key over a key":  func(h *fix.Host) { h.Changes[0].Kind = fix.KindKey },
		"a move to nowhere": func(h *fix.Host) { h.Changes[0].Kind = fix.KindMove },
		"a record outside":  func(h *fix.Host) { h.Changes[0].Record = "../x" },
		"rests on dots":     func(h *fix.Host) { h.Rests = []fix.State{{Path: "/a/../b", Real: "/b"}} },
		"rests on lines":    func(h *fix.Host) { h.Rests = []fix.State{{Path: "/a", Real: "/a", User: "a\nb"}} },
	} {
		h := aPlan()
		spoil(&h)
		err := sound(&h)
		var step *StepError
		if !errors.As(err, &step) || !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shown(t, name, err.Error())
	}
	h := aPlan()
	if err := sound(&h); err != nil {
		t.Errorf("the plan that is spoiled: %v", err)
	}
}

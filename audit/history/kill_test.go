//go:build unix

package history

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit"
)

// points are where a writing process is ended, each with whether its run is kept
// whole then.
var points = map[string]bool{
	"begun": false, "archived": false, "told": false, "hosts-synced": false, "results-written": true,
	"files-synced": true, "index-open": true, "index-written": true, "index-committed": true,
}

// TestChild is what the other tests start: it writes as it is told.
func TestChild(t *testing.T) {
	dir := os.Getenv("POSTERN_HISTORY_DIR")
	if dir == "" {
		t.Skip("it is started by TestKill and its like")
	}
	s := storeAt(dir)
	if at := os.Getenv("POSTERN_HISTORY_DIE"); at != "" {
		dieAt(at)
	}
	if limit, err := strconv.Atoi(os.Getenv("POSTERN_HISTORY_LIMIT")); err == nil {
		at = func(point string) {
			if point == "index-open" { // a file that may not grow is as good as a full disk
				if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(limit), Max: uint64(limit)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		run := &audit.Run{ID: NewID(start.Add(time.Hour)), Start: start}
		r, err := s.Create(run, lines)
		if err != nil {
			t.Fatal(err)
		}
		r.Begin(run)
		for i := range 500 {
			r.Host(result(fmt.Sprint("host", i, strings.Repeat("x", 40))))
		}
		r.End(run, fleet())
		fmt.Printf("err %v\nindex %v\n", r.Err(), r.IndexErr())
		return
	}
	switch os.Getenv("POSTERN_HISTORY_DO") {
	case "prune":
		_, err := s.Prune(context.Background(), start.Add(1000*time.Hour), time.Hour, true, false)
		t.Fatal(err)
	case "rebuild":
		if err := s.Rebuild(context.Background(), func(text string) { t.Error(text) }); err != nil {
			t.Fatal(err)
		}
		return
	case "ask":
		fmt.Printf("answers %x\n", digestOf([]byte(quietDump(t, s))))
		return
	case "bless":
		ids, err := s.Runs()
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Bless(ids[0], []string{"breached", "stock"}, "ann", "second", start)
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(os.Getenv("POSTERN_HISTORY_RUNS"))
	for i := range max(n, 1) {
		auditOf(t, s, start.Add(time.Duration(i+1)*time.Hour), recorded(t))
	}
}

// dieAt ends this process at a point, as a kill from outside does.
func dieAt(point string) {
	at = func(p string) {
		if p == point {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

func child(t *testing.T, dir string, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, "-test.run=^TestChild$", "-test.v")
	c.Env = append(append(os.Environ(), "POSTERN_HISTORY_DIR="+dir), env...)
	return c
}

// TestKill: a process that is ended while it writes loses its run at most, and what
// was kept before gives the same answers.
func TestKill(t *testing.T) {
	s := storeAt(t.TempDir())
	auditOf(t, s, start, recorded(t))
	before := dump(t, s)
	first := strings.SplitN(before, "\n", 2)[0] // the run's line
	for point, whole := range points {
		t.Run(point, func(t *testing.T) {
			out, err := child(t, s.Dir, "POSTERN_HISTORY_DIE="+point).CombinedOutput()
			exit, _ := err.(*exec.ExitError)
			if exit == nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}
			ids, err := s.Runs()
			if err != nil || len(ids) != 2 {
				t.Fatalf("runs %v (%v)", ids, err)
			}
			if after := dump(t, s); !strings.HasPrefix(after, first+"\n") {
				t.Errorf("other answers:\n%s\n%s", first, after)
			}
			var hosts int
			err = s.Ask(context.Background(), nil, func(ix *Index) error {
				hosts = 0
				run, err := ix.Run(ids[1])
				if err != nil {
					return err
				}
				if run.Whole != whole {
					t.Errorf("whole is %v", run.Whole)
				}
				if last, err := ix.Run("last"); err != nil || last.Whole != true || (last.ID == ids[1]) != whole {
					t.Errorf("last is %v (%v)", last, err)
				}
				return ix.Readings(context.Background(), Filter{Runs: []*Run{run}}, func(r *Reading) error {
					hosts++
					if r.State == audit.Partial && !r.HasFacts() {
						t.Errorf("%s has no facts", r.Host)
					}
					return nil
				})
			})
			if err != nil || whole && hosts != 4 {
				t.Errorf("%d hosts: %v", hosts, err)
			}
			// Made anew it gives the same again, and without that run what it gave before.
			live := dump(t, s)
			if err := s.Rebuild(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
			if anew := dump(t, s); anew != live {
				t.Error("made anew it gives other answers")
			}
			if err := os.RemoveAll(filepath.Join(s.Dir, "runs", ids[1])); err != nil {
				t.Fatal(err)
			}
			if again := dump(t, s); again != before {
				t.Error("without the killed run there are other answers")
			}
		})
	}
	t.Run("pruning", func(t *testing.T) {
		auditOf(t, s, start.Add(900*time.Hour), recorded(t))
		auditOf(t, s, start.Add(999*time.Hour+30*time.Minute), recorded(t))
		child(t, s.Dir, "POSTERN_HISTORY_DIE=renamed", "POSTERN_HISTORY_DO=prune").Run()
		ids, _ := s.Runs()
		if len(ids) != 2 {
			t.Fatalf("runs %v", ids)
		}
		dump(t, s)
		if left, _ := filepath.Glob(filepath.Join(s.Dir, "runs", ".*")); len(left) > 0 {
			t.Errorf("%v was left", left)
		}
	})
}

// TestTogether: several processes keep runs at once, and nothing is lost.
func TestTogether(t *testing.T) {
	s := storeAt(t.TempDir())
	auditOf(t, s, start, recorded(t))
	var all []*exec.Cmd
	for range 2 {
		c := child(t, s.Dir, "POSTERN_HISTORY_RUNS=3")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for range 5 { // and one asks meanwhile
		if err := s.Ask(context.Background(), nil, func(ix *Index) error {
			return ix.Readings(context.Background(), Filter{}, func(*Reading) error { return nil })
		}); err != nil {
			t.Error(err)
		}
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	live := dump(t, s)
	if n := strings.Count(live, "Whole:true"); n != 7 {
		t.Errorf("%d runs", n)
	}
	if err := s.Rebuild(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if dump(t, s) != live {
		t.Error("made anew it gives other answers")
	}
}

// TestRebuildTogether: several processes make the index anew at once, by hand or since
// they find it damaged, and each gives the answers of all runs.
func TestRebuildTogether(t *testing.T) {
	s := storeAt(t.TempDir())
	for i := range 3 {
		auditOf(t, s, start.Add(time.Duration(i)*time.Hour), recorded(t))
	}
	live := quietDump(t, s)
	want := fmt.Sprintf("answers %x\n", digestOf([]byte(live)))
	together := func(name string, do ...string) {
		t.Helper()
		var all []*exec.Cmd
		var out []*strings.Builder
		for _, d := range do {
			c := child(t, s.Dir, "POSTERN_HISTORY_DO="+d)
			b := &strings.Builder{}
			c.Stdout, c.Stderr = b, b
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			all, out = append(all, c), append(out, b)
		}
		for i, c := range all {
			if err := c.Wait(); err != nil || do[i] == "ask" && !strings.Contains(out[i].String(), want) {
				t.Errorf("%s: %s: %v, want %s%s", name, do[i], err, want, out[i])
			}
		}
		if quietDump(t, s) != live {
			t.Errorf("%s: other answers afterwards", name)
		}
		if left, _ := filepath.Glob(s.indexPath() + "-*"); len(left) > 0 {
			t.Errorf("%s: %v was left", name, left)
		}
	}
	together("by hand", "rebuild", "rebuild", "ask", "ask")
	for name, damage := range map[string]func() error{
		"missing":         func() error { return os.Remove(s.indexPath()) },
		"cut":             func() error { return os.Truncate(s.indexPath(), 5000) },
		"no database":     func() error { return os.WriteFile(s.indexPath(), []byte(strings.Repeat("no database ", 1000)), 0o600) },
		"older":           func() error { return pragma(s.indexPath(), "UPDATE meta SET value = '0' WHERE key = 'shape'") },
		"a record broken": func() error { return pragma(s.indexPath(), "UPDATE content SET data = substr(data, 1, 30)") },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		together(name, "ask", "ask", "ask")
	}
}

// TestKillBless: who is ended while blessing leaves the baselines as they were, and
// what a crash left of a line is passed over by the next one.
func TestKillBless(t *testing.T) {
	s := storeAt(t.TempDir())
	auditOf(t, s, start, recorded(t))
	ids, err := s.Runs()
	if err != nil {
		t.Fatal(err)
	}
	bless := func(note string) {
		t.Helper()
		if _, err := s.Bless(ids[0], []string{"breached"}, "ann", note, start); err != nil {
			t.Fatal(err)
		}
	}
	notes := func() (out []string) {
		t.Helper()
		list, err := s.Blessings()
		if err != nil {
			t.Error(err)
		}
		for _, b := range list {
			out = append(out, b.Note+" "+b.Host)
		}
		return out
	}
	bless("first")
	out, err := child(t, s.Dir, "POSTERN_HISTORY_DIE=blessing", "POSTERN_HISTORY_DO=bless").CombinedOutput()
	exit, _ := err.(*exec.ExitError)
	if exit == nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v\n%s", err, out)
	}
	if diff := cmp.Diff([]string{"first breached"}, notes()); diff != "" {
		t.Error(diff)
	}
	path := filepath.Join(s.Dir, BlessedFile)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bless(ids[0], []string{"breached", "stock"}, "ann", "second", start); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := len(old); n <= len(whole); n++ {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		want := []string{"first breached", "second breached", "second stock"}[:strings.Count(string(whole[:n]), "\n")]
		if diff := cmp.Diff(want, notes()); diff != "" {
			t.Fatalf("cut at %d of %d: %s", n, len(whole), diff)
		}
		bless("third")
		// A line that lacks its last byte alone is whole for who writes behind it.
		if got := notes(); len(got) < len(want)+1 || !cmp.Equal(got[:len(want)], want) || got[len(got)-1] != "third breached" {
			t.Fatalf("cut at %d of %d, and one behind it: %q", n, len(whole), got)
		}
	}
}

// TestFull: where the index cannot grow the run is kept all the same, that is said,
// and the next question knows it.
func TestFull(t *testing.T) {
	s := storeAt(t.TempDir())
	auditOf(t, s, start, recorded(t))
	out, err := child(t, s.Dir, "POSTERN_HISTORY_LIMIT=200000").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "err <nil>\n") || strings.Contains(string(out), "index <nil>\n") {
		t.Errorf("it said:\n%s", out)
	}
	if live := dump(t, s); strings.Count(live, "Whole:true") != 2 || strings.Count(live, "\n  {Rule:r ") != 500 {
		t.Error("the run is not known")
	}
}

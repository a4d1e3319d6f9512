package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/policies"
)

const recordings = "../../e2e/demo/hosts"

// storeAt is a store as the program makes it.
func storeAt(dir string) Store {
	return Store{Dir: dir, Replay: func(r io.Reader, h audit.Handler) error { return report.Replay(r, h) }}
}

// auditOf judges archives, with what an inventory may say, and keeps the run.
func auditOf(t testing.TB, s Store, at time.Time, files map[string]string) *Recorder {
	t.Helper()
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	run := &audit.Run{ID: NewID(at), Tool: "test", Start: at.UTC(), Profile: "baseline"}
	kept, err := s.Create(run, lines)
	if err != nil {
		t.Fatal(err)
	}
	var targets []audit.Target
	for name, file := range files {
		h := inventory.Host{Name: name, Labels: map[string]string{"env": "prod"}, Groups: []string{"web"},
			Expect: []inventory.Expectation{{Match: "*monitor*", User: "root"}},
			Allow:  []inventory.CarveOut{{User: "backup", Addresses: []string{"10.0.0.0/8"}, Owner: "o", Reason: "r"}}}
		targets = append(targets, audit.Target{Host: h, Source: audit.Archive{Path: file}})
	}
	_, err = audit.Hosts(context.Background(), run, targets, audit.Options{Parallel: 2, Now: func() time.Time { return at },
		Judge: func(f *facts.Facts, h inventory.Host) ([]policies.Outcome, int) {
			return cat.Judge(f, policies.JudgeOptions{Host: h.Name, Now: at})
		}}, kept)
	if err := errors.Join(err, kept.Err(), kept.IndexErr()); err != nil {
		t.Fatal(err)
	}
	return kept
}

func recorded(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recordings, "*.pst"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d recordings in %s (%v)", len(files), recordings, err)
	}
	out := map[string]string{}
	for _, f := range files {
		out[strings.TrimSuffix(filepath.Base(f), ".pst")] = f
	}
	out["gone\x1b[2J"] = "/nonexistent"
	return out
}

// quietDump is everything that an index answers, asked so that a damaged one is
// made anew.
func quietDump(t testing.TB, s Store) (text string) {
	t.Helper()
	err := s.Ask(context.Background(), nil, func(ix *Index) error {
		text = ""
		for _, r := range ix.Runs() {
			x := *r
			x.row = 0
			text += fmt.Sprintf("%+v\n", x)
		}
		return ix.Readings(context.Background(), Filter{}, func(r *Reading) error {
			text += fmt.Sprintf("%q %+v %v\n", r.Host, r.Score, r.Reason)
			outcomes, err := r.Outcomes(context.Background())
			if err != nil || !r.HasFacts() {
				return err
			}
			for _, o := range outcomes {
				text += fmt.Sprintf("%+v\n", *o)
			}
			f, err := r.Facts(context.Background())
			if err == nil {
				text += fmt.Sprintf("%x\n", digestOf(marshal(f)))
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
	return text
}

// dump is everything that an index answers.
func dump(t testing.TB, s Store, want ...string) string {
	t.Helper()
	var b strings.Builder
	var said []string
	ix, err := s.Open(context.Background(), func(text string) { said = append(said, text) })
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	if len(said) != len(want) {
		t.Errorf("said %q, want %q", said, want)
	}
	for i := range min(len(want), len(said)) {
		if !strings.Contains(said[i], want[i]) {
			t.Errorf("said %q, want %q", said[i], want[i])
		}
	}
	for _, r := range ix.Runs() {
		x := *r
		x.row = 0
		fmt.Fprintf(&b, "%+v\n", x)
	}
	var lines []string
	err = ix.Readings(context.Background(), Filter{}, func(r *Reading) error {
		line := fmt.Sprintf("%s %q %s %s %s %q %s %s %+v\n", r.Run.ID, r.Host, r.Address, r.Account, r.State, r.Reason, r.Start, r.End, r.Score)
		outcomes, err := r.Outcomes(context.Background())
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			line += fmt.Sprintf("  %+v\n", *o)
		}
		if r.HasFacts() {
			f, err := r.Facts(context.Background())
			if err != nil {
				return err
			}
			line += fmt.Sprintf("  %x\n", digestOf(marshal(f)))
			// One that is asked for alone is what it is among all.
			some, err := r.Facts(context.Background(), "jobs", "host.os")
			if err != nil {
				return err
			}
			if diff := cmp.Diff(f.Jobs, some.Jobs); diff != "" || some.Host.OS != f.Host.OS || some.Unknown["sshd"] == "" || some.Unknown["jobs"] != f.Unknown["jobs"] {
				t.Errorf("jobs alone: %s", diff)
			}
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + strings.Join(lines, "")
}

// TestReadingsByName: readings come by their hosts' names, and not as an index happened
// to number them: one made anew numbers them otherwise.
func TestReadingsByName(t *testing.T) {
	s := storeAt(t.TempDir())
	all := recorded(t)
	names := slices.Sorted(maps.Keys(all))
	last := names[len(names)-1]
	auditOf(t, s, start, map[string]string{last: all[last]})
	auditOf(t, s, start.Add(time.Hour), all)
	ix, err := s.Open(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	for _, hosts := range [][]string{nil, names} {
		var got []string
		if err := ix.Readings(context.Background(), Filter{Runs: ix.Runs()[1:], Hosts: hosts}, func(r *Reading) error {
			got = append(got, r.Host)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("%s", diff)
		}
	}
}

// TestRebuild: the index that an audit writes and the one that is made from the
// folders give the same answers.
func TestRebuild(t *testing.T) {
	s := storeAt(t.TempDir())
	auditOf(t, s, start, recorded(t))
	auditOf(t, s, start.Add(30*24*time.Hour), recorded(t))
	live := dump(t, s)
	if !strings.Contains(live, "root may log in with a password") {
		t.Errorf("the index lacks what the run found")
	}
	path := filepath.Join(s.Dir, IndexFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := s.Rebuild(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(live, dump(t, s)); diff != "" {
		t.Errorf("rebuilt by hand:\n%s", diff)
	}
	for _, broken := range []struct {
		name string
		do   func() error
		said string
	}{
		{"missing", func() error { return os.Remove(path) }, "there is no index"},
		{"empty", func() error { return os.Truncate(path, 0) }, "there is no index"},
		{"cut", func() error { return os.Truncate(path, 5000) }, "the index is damaged"},
		{"no database", func() error { return os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600) }, "the index is damaged"},
		{"older", func() error { return pragma(path, "UPDATE meta SET value = '0' WHERE key = 'shape'") }, "another version"},
		{"of another format", func() error { return pragma(path, "PRAGMA user_version = 0") }, "another version"},
		{"another program's", func() error { return pragma(path, "PRAGMA application_id = 7") }, "another program's"},
		{"without a table", func() error { return pragma(path, "DROP TABLE reading") }, "the index is damaged"},
		{"a reading gone", func() error { return pragma(path, "DELETE FROM reading WHERE host = (SELECT max(host) FROM reading)") }, ""},
		{"a record cut", func() error { return pragma(path, "UPDATE run SET data = substr(data, 1, 30)") }, "the index is damaged"},
	} {
		t.Run(broken.name, func(t *testing.T) {
			if err := broken.do(); err != nil {
				t.Fatal(err)
			}
			if broken.said == "" {
				asked, said, seen := 0, "", 0
				err := s.Ask(context.Background(), func(text string) { said += text }, func(ix *Index) error {
					asked, seen = asked+1, 0
					return ix.Readings(context.Background(), Filter{}, func(*Reading) error { seen++; return nil })
				})
				if err != nil || asked != 2 || seen != 8 || !strings.Contains(said, "damaged") {
					t.Errorf("asked %d times, %d readings, said %q: %v", asked, seen, said, err)
				}
				return
			}
			if diff := cmp.Diff(live, dump(t, s, broken.said)); diff != "" {
				t.Errorf("other answers:\n%s", diff)
			}
			dump(t, s)
		})
	}
	t.Run("newer", func(t *testing.T) {
		if err := pragma(path, "PRAGMA user_version = 99"); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		if _, err := s.Open(context.Background(), nil); !errors.Is(err, ErrIndexNewer) {
			t.Errorf("%v", err)
		}
		if err := s.Rebuild(context.Background(), nil); !errors.Is(err, ErrIndexNewer) {
			t.Errorf("%v", err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Error("it was touched")
		}
	})
}

// pragma changes the index behind postern's back.
func pragma(path, query string) error {
	d, err := openDatabase(context.Background(), path, readWrite)
	if err != nil {
		return err
	}
	defer d.close()
	_, err = d.db.Exec(query)
	return err
}

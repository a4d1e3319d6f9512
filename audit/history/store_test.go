package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

func lines(w io.Writer) audit.Handler { return &report.Lines{W: w} }

var start = time.Date(2026, 11, 23, 19, 48, 0, 0, time.UTC)

func result(name string) *audit.Host {
	return &audit.Host{Name: name, State: audit.Audited, Start: start, End: start,
		Outcomes: []policies.Outcome{{Rule: "r", Severity: policies.High, Verdict: policies.Pass, Message: "fine"}},
		Snapshot: &snapshot.Snapshot{Source: snapshot.SourceSSH, Privilege: snapshot.PrivilegeRoot, Name: name, Complete: true, Start: start, End: start}}
}

func fleet() *audit.Fleet {
	return &audit.Fleet{Summary: audit.Summary{Hosts: map[audit.State]int{audit.Audited: 1}}}
}

// record keeps a run of these hosts.
func record(t *testing.T, s Store, id string, hosts ...string) *Recorder {
	t.Helper()
	run := &audit.Run{ID: id, Start: start}
	r, err := s.Create(run, lines)
	if err != nil {
		t.Fatal(err)
	}
	r.Begin(run)
	for _, h := range hosts {
		r.Host(result(h))
	}
	r.End(run, fleet())
	return r
}

// counter counts what a replay tells.
type counter struct{ hosts, ends int }

func (c *counter) Begin(*audit.Run) error             { return nil }
func (c *counter) Host(*audit.Host) error             { c.hosts++; return nil }
func (c *counter) End(*audit.Run, *audit.Fleet) error { c.ends++; return nil }

func TestKeep(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "state", "postern")}
	if _, err := s.Runs(); !errors.Is(err, ErrNone) {
		t.Errorf("an empty store: %v", err)
	}
	if _, err := s.Path("last"); !errors.Is(err, ErrNone) {
		t.Errorf("an empty store: %v", err)
	}
	names := []string{"web1", "Web1", "..", ".", "../../etc/passwd", "a/b", "nul\x00", "new\nline", "C:\\x", "käse", strings.Repeat("x", 300), "10.0.0.1", "[::1]:22", " ", ""}
	r := record(t, s, NewID(start), names...)
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	modes := map[string]os.FileMode{}
	err := filepath.WalkDir(s.Dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		modes[p] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	archives := 0
	for p, m := range modes {
		switch {
		case m.IsDir() && m.Perm() != 0o700, !m.IsDir() && m.Perm() != 0o600:
			t.Errorf("%s has mode %o", p, m.Perm())
		case strings.HasSuffix(p, ".pst"):
			archives++
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := snapshot.Read(bytes.NewReader(data), snapshot.Limits{}); err != nil {
				t.Errorf("%s: %v", p, err)
			}
		case strings.Contains(filepath.Base(p), ".half"):
			t.Errorf("%s was left", p)
		}
	}
	if archives != len(names) {
		t.Errorf("%d archives of %d hosts", archives, len(names))
	}
	above, err := os.ReadDir(filepath.Dir(s.Dir))
	if err != nil || len(above) != 1 {
		t.Errorf("something was written outside: %v (%v)", above, err)
	}
}

func TestFileName(t *testing.T) {
	for host, want := range map[string]string{
		"web1": "web1.pst", "Web1": "%57eb1.pst", "..": "%2e..pst", ".hidden": "%2ehidden.pst", "a/b": "a%2fb.pst", "a%2fb": "a%252fb.pst",
		"": ".pst", "10.0.0.1": "10.0.0.1.pst", "[::1]:22": "%5b%3a%3a1%5d%3a22.pst",
	} {
		if got := FileName(host); got != want {
			t.Errorf("FileName(%q) = %q, want %q", host, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.OneOf(rapid.String(), rapid.StringN(150, 400, 2000), rapid.StringMatching(`[a-zA-Z.%/]{0,6}`),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		fa, fb := FileName(a), FileName(b)
		if a != b && strings.EqualFold(fa, fb) {
			t.Fatalf("%q and %q are both kept as %s where names fold", a, b, fa)
		}
		if fa != FileName(a) || len(fa) > 255 || !strings.HasSuffix(fa, ".pst") || filepath.Base(fa) != fa || fa == ".." {
			t.Fatalf("%q is kept as %q", a, fa)
		}
		for i := range len(fa) {
			if c := fa[i]; c <= ' ' || c > '~' || strings.IndexByte(`/\:*?"<>|`, c) >= 0 || c >= 'A' && c <= 'Z' {
				t.Fatalf("%q is kept as %q", a, fa)
			}
		}
	})
}

func TestRuns(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	ids := []string{NewID(start.Add(time.Hour)), NewID(start), NewID(start.Add(-time.Hour))}
	for _, id := range ids {
		record(t, s, id, "h")
	}
	os.WriteFile(filepath.Join(s.Dir, "runs", "a-file"), nil, 0o600)
	os.Mkdir(filepath.Join(s.Dir, "runs", "zz-not-a-run"), 0o700)
	got, err := s.Runs()
	if err != nil || fmt.Sprint(got) != fmt.Sprint([]string{ids[2], ids[1], ids[0]}) {
		t.Errorf("runs %v (%v), want the three, oldest first", got, err)
	}
	last, err := s.Path("last")
	if err != nil || last != filepath.Join(s.Dir, "runs", ids[0], Results) {
		t.Errorf("last is %s (%v)", last, err)
	}
	if p, err := s.Path(ids[1]); err != nil || filepath.Base(filepath.Dir(p)) != ids[1] {
		t.Errorf("%s (%v)", p, err)
	}
	for _, id := range []string{"", ".", "..", "../x", "nothing", "/etc", "a-file"} {
		if p, err := s.Path(id); err == nil {
			t.Errorf("Path(%q) = %s", id, p)
		}
	}
}

// TestNamesSortByTime: also within a second, since "last" and "previous" are found
// by their order.
func TestNamesSortByTime(t *testing.T) {
	var ids []string
	for i := range 200 {
		ids = append(ids, NewID(start.Add(time.Duration(i)*11*time.Millisecond)))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not in the order of time: %q", ids)
	}
}

func TestSameSecond(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	a, b := NewID(start), NewID(start)
	for a == b {
		b = NewID(start)
	}
	record(t, s, a, "h")
	record(t, s, b, "h")
	if ids, _ := s.Runs(); len(ids) != 2 {
		t.Errorf("runs %v", ids)
	}
	// The same name by chance: the kept run is not touched.
	before, _ := os.ReadFile(filepath.Join(s.Dir, "runs", a, Results))
	if _, err := s.Create(&audit.Run{ID: a}, lines); err == nil {
		t.Error("a second run of the same name was begun")
	}
	if after, _ := os.ReadFile(filepath.Join(s.Dir, "runs", a, Results)); !bytes.Equal(before, after) {
		t.Error("the first run was changed")
	}
}

func TestCreateRefusesPaths(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "in")}
	for _, id := range []string{"", ".", "..", "../out", "a/b", "/x"} {
		if _, err := s.Create(&audit.Run{ID: id}, lines); err == nil {
			t.Errorf("a run was made as %q", id)
		}
	}
}

// TestCut: a run that ended in the middle can still be read as far as it came.
func TestCut(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	id := NewID(start)
	run := &audit.Run{ID: id, Start: start}
	r, err := s.Create(run, lines)
	if err != nil {
		t.Fatal(err)
	}
	r.Begin(run)
	r.Host(result("one"))
	r.Host(result("two"))
	// Nothing more: the process was killed. What was told is on the disk.
	p, err := s.Path("last")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for cut, want := range map[int]int{len(data): 2, len(data) - 5: 1} {
		var c counter
		if err := report.Replay(bytes.NewReader(data[:cut]), &c); err == nil && c.ends == 0 && c.hosts == 0 {
			t.Error("a run without its end read as an empty one")
		}
		if c.hosts != want {
			t.Errorf("%d hosts of a run cut at %d of %d bytes, want %d", c.hosts, cut, len(data), want)
		}
	}
	r.End(run, fleet())
}

// TestDiskFull: an audit does not end because it cannot be kept, and says so.
func TestDiskFull(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	run := &audit.Run{ID: NewID(start), Start: start}
	r, err := s.Create(run, func(w io.Writer) audit.Handler { return failing{} })
	if err != nil {
		t.Fatal(err)
	}
	// The archives' folder is a file now: none can be written, not even by root.
	hosts := filepath.Join(r.Dir(), "hosts")
	if err := os.Remove(hosts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hosts, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Begin(run), r.Host(result("h")), r.End(run, fleet())); err != nil {
		t.Errorf("the audit was ended: %v", err)
	}
	if r.Err() == nil || !strings.Contains(r.Err().Error(), r.Dir()) {
		t.Errorf("Err is %v", r.Err())
	}
	if _, err := (Store{Dir: hosts}).Create(run, lines); err == nil {
		t.Error("a run below a file")
	}
}

type failing struct{}

var errFull = errors.New("no space left on device")

func (failing) Begin(*audit.Run) error             { return errFull }
func (failing) Host(*audit.Host) error             { return errFull }
func (failing) End(*audit.Run, *audit.Fleet) error { return errFull }

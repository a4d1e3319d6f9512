package history

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// recordedFacts are those of a recorded host.
func recordedFacts(tb testing.TB, name string) *facts.Facts {
	tb.Helper()
	f, err := os.Open(filepath.Join(recordings, name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	snap, err := snapshot.Read(f, snapshot.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return facts.From(snap, facts.Options{Now: snap.Start, Name: "h\xff\x00"})
}

// TestSections: what is kept of facts is read again as it was, to the last byte of
// a host's strings.
func TestSections(t *testing.T) {
	f := recordedFacts(t, "breached.pst")
	f.Jobs[0].Command = "\xff\xfe\x00 no text"
	got := &facts.Facts{Unknown: map[string]string{}, Gaps: map[string][]facts.Gap{}, Origin: map[string][]facts.Evidence{}}
	var again [][]byte
	encodeSections(f, func(i int, c content) {
		raw, err := unseal(seal(c.raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := decodeSection(got, i, raw); err != nil {
			t.Fatalf("%s: %v", sections()[i].name, err)
		}
		again = append(again, bytes.Clone(c.raw))
	})
	maps.DeleteFunc(f.Gaps, func(_ string, gaps []facts.Gap) bool { return len(gaps) == 0 }) // says nothing
	maps.DeleteFunc(f.Origin, func(_ string, e []facts.Evidence) bool { return len(e) == 0 })
	if !bytes.Equal(marshal(f), marshal(got)) {
		t.Error(cmp.Diff(f.Jobs, got.Jobs), cmp.Diff(f.Unknown, got.Unknown), cmp.Diff(f.Gaps, got.Gaps), cmp.Diff(f.Origin, got.Origin))
	}
	encodeSections(got, func(i int, c content) {
		if !bytes.Equal(c.raw, again[i]) {
			t.Errorf("%s is written in another way", sections()[i].name)
		}
	})
	if shape(reflect.TypeFor[facts.Facts]()) == shape(reflect.TypeFor[facts.Job]()) {
		t.Error("two types have one shape")
	}
}

// TestFlippedBits: a bit that fell over in the index is never another answer.
func TestFlippedBits(t *testing.T) {
	s := storeAt(t.TempDir())
	auditOf(t, s, start, recorded(t))
	ask := func() string { return quietDump(t, s) }
	want := ask()
	whole, err := os.ReadFile(s.indexPath())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		data := bytes.Clone(whole)
		at := r.IntN(len(data))
		data[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(s.indexPath(), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ask(); got != want {
			t.Errorf("bit in byte %d: other answers:\n%s", at, cmp.Diff(want, got))
		}
	}
}

func TestParseAge(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"26w": 26 * 7 * day, "1d": day, "2y": 730 * day, "": 0, "26": 0, "0w": 0, "-1d": 0, "+1d": 0, "1.5w": 0, "1m": 0, "w": 0, "1 d": 0, "99999y": 0, "101y": 0, "100y": 36500 * day,
	} {
		got, err := ParseAge(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("ParseAge(%q) = %v, %v", text, got, err)
		}
	}
}

// FuzzSection: bytes that are no section are an error, and take no more memory than
// they are worth; what is one is written again as the same bytes.
func FuzzSection(f *testing.F) {
	encodeSections(recordedFacts(f, "breached.pst"), func(i int, c content) {
		if len(c.raw) < 4096 {
			f.Add(uint8(i), c.raw)
		}
	})
	f.Fuzz(func(t *testing.T, i uint8, raw []byte) {
		n := int(i) % len(sections())
		got := &facts.Facts{Unknown: map[string]string{}, Gaps: map[string][]facts.Gap{}, Origin: map[string][]facts.Evidence{}}
		if decodeSection(got, n, raw) != nil {
			return
		}
		var first []byte
		encodeSections(got, func(k int, c content) {
			if k == n {
				first = bytes.Clone(c.raw)
			}
		})
		// Another form of the same (a long varint, a key twice) settles at once.
		again := &facts.Facts{Unknown: map[string]string{}, Gaps: map[string][]facts.Gap{}, Origin: map[string][]facts.Evidence{}}
		if err := decodeSection(again, n, first); err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
	})
}

// FuzzUnseal: what was not sealed is an error, or what was.
func FuzzUnseal(f *testing.F) {
	f.Add(seal([]byte("short")))
	f.Add(seal(bytes.Repeat([]byte("long "), 1000)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		raw, err := unseal(sealed)
		if err != nil {
			return
		}
		if back, err := unseal(seal(raw)); err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%v", err)
		}
		decodeIDs(raw)
	})
}

// FuzzBlessings: a list that is read is read again with a line behind it, also where
// its last line was cut.
func FuzzBlessings(f *testing.F) {
	f.Add([]byte(`{"host":"a","run":"r","who":"w","at":"2026-01-01T00:00:00Z"}` + "\n"))
	f.Add([]byte(`{"host":"a","run":"r","who":"w","at":"2026-01-01T00:00:00Z"}` + "\n" + `{"host":"b"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseBlessings(bytes.NewReader(data))
		if err != nil {
			return
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			return
		}
		more, err := parseBlessings(bytes.NewReader(append(bytes.Clone(data), `{"host":"z","run":"r"}`+"\n"...)))
		if err != nil || len(more) != len(list)+1 || more[len(list)].Host != "z" {
			t.Errorf("%d, then %d: %v", len(list), len(more), err)
		}
	})
}

// FuzzAsked: a list of what was asked never fails but for a line that is too long.
func FuzzAsked(f *testing.F) {
	f.Add([]byte(`{"host":"a","now":"2026-01-01T00:00:00Z","labels":{"env":"prod"}}` + "\n" + `{"host":`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parseAsked(bytes.NewReader(data)); err != nil && len(data) < maxAsked {
			t.Error(err)
		}
	})
}

// TestBlessingThatNobodyCouldRead: a note as long as a file is refused; else each later
// reading of the list would fail.
func TestBlessingThatNobodyCouldRead(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if err := s.append([]Blessing{{Host: "a", Run: "r"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.append([]Blessing{{Host: "b", Run: "r", Note: strings.Repeat("\x01", maxBlessedLine/4)}}); err == nil {
		t.Error("a line was written that is too long to be read")
	}
	if list, err := s.Blessings(); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

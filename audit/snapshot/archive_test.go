package snapshot

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// anySnapshot draws a snapshot with names and contents of any bytes.
func anySnapshot(t *rapid.T) *Snapshot {
	raw := rapid.SliceOfN(rapid.Byte(), 0, 40)
	text := rapid.Map(raw, func(b []byte) string { return string(b) })
	when := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(-1<<35, 253402300799).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
	s := &Snapshot{
		Collector: Collector{text.Draw(t, "version"), text.Draw(t, "sha")},
		Source:    SourceSSH, Privilege: Privilege(text.Draw(t, "priv")), Name: text.Draw(t, "name"), Account: text.Draw(t, "account"),
		Start: when.Draw(t, "start"), End: when.Draw(t, "end"), HostClock: when.Draw(t, "clock"), Complete: rapid.Bool().Draw(t, "complete"),
	}
	seen := map[string]bool{}
	for range rapid.IntRange(0, 8).Draw(t, "files") {
		p := "/" + text.Draw(t, "path")
		if seen[p] {
			continue
		}
		seen[p] = true
		f := File{
			Path: p, Type: rapid.Byte().Draw(t, "type"), Mode: rapid.Uint32Range(0, 0o7777).Draw(t, "mode"),
			UID: rapid.Int64Range(-1, 1<<32).Draw(t, "uid"), GID: rapid.Int64Range(-1, 1<<32).Draw(t, "gid"),
			Size: rapid.Int64Range(-1, 1<<60).Draw(t, "size"), Links: rapid.Int64Range(0, 9).Draw(t, "links"),
			Inode: rapid.Uint64().Draw(t, "inode"), Dev: rapid.Uint64().Draw(t, "dev"), MTime: when.Draw(t, "mtime"), CTime: when.Draw(t, "ctime"),
			Target: text.Draw(t, "target"), Real: text.Draw(t, "real"), Truncated: rapid.Bool().Draw(t, "trunc"), Filtered: rapid.Bool().Draw(t, "filt"),
		}
		if rapid.Bool().Draw(t, "has") {
			f.Content = raw.Draw(t, "content")
			if f.Content == nil {
				f.Content = []byte{}
			}
		}
		s.Files = append(s.Files, f)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "outputs") {
		o := Output{Name: fmt.Sprint("o", i), RC: rapid.IntRange(-1, 255).Draw(t, "rc"), Data: raw.Draw(t, "data"), Stderr: raw.Draw(t, "stderr"), Truncated: rapid.Bool().Draw(t, "ot")}
		o.Args = rapid.SliceOfN(text, 0, 3).Draw(t, "args")
		s.Outputs = append(s.Outputs, o)
	}
	for range rapid.IntRange(0, 4).Draw(t, "gaps") {
		s.Gaps = append(s.Gaps, Gap{text.Draw(t, "gap"), GapDenied, text.Draw(t, "reason")})
	}
	s.sort()
	return s
}

func archive(t interface{ Fatal(...any) }, s *Snapshot) []byte {
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArchiveRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		a := archive(t, s)
		if !bytes.Equal(a, archive(t, s)) {
			t.Fatal("the same snapshot gives other bytes")
		}
		got, err := Read(bytes.NewReader(a), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		for i := range s.Files { // nil and empty content are two things
			if (s.Files[i].Content == nil) != (got.Files[i].Content == nil) {
				t.Fatalf("%q: content nil: %v", s.Files[i].Path, got.Files[i].Content == nil)
			}
		}
	})
}

// packed puts lines into an archive.
func packed(t *testing.T, version int, text string) []byte {
	t.Helper()
	magic := fmt.Sprintf("postern snapshot %d\n", version)
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(magic)))
	b = append(b, magic...)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll([]byte(text), b)
}

func lines(t *testing.T, s *Snapshot) string {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(archive(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	text, err := io.ReadAll(z) // as zstd -dc would: the magic is a frame that is skipped
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestArchiveRefuses(t *testing.T) {
	s := &Snapshot{Files: []File{{Path: "/a", Content: []byte("abc")}, {Path: "/b"}}, Outputs: []Output{{Name: "o", Data: []byte("d")}}, Gaps: []Gap{{"/g", GapCap, "r"}}}
	good := lines(t, s)
	cases := map[string]struct {
		in   []byte
		want string
	}{
		"nothing":               {nil, "not a snapshot archive: EOF"},
		"another file":          {[]byte("PK\x03\x04 and so on"), "no magic line"},
		"a newer format":        {packed(t, 7, good), "snapshot archive of a newer format: format 7, and this program knows up to 1"},
		"format zero":           {packed(t, 0, good), "no magic line"},
		"no zstd":               {append(packed(t, 1, "")[:27], "garbage garbage"...), "not a snapshot archive"},
		"cut":                   {packed(t, 1, good[:len(good)-5]), "cut short"},
		"more after the end":    {packed(t, 1, good+"x"), "something follows the end"},
		"unknown line":          {packed(t, 1, strings.Replace(good, "\ngap ", "\nhole ", 1)), `unknown line "hole"`},
		"unknown field":         {packed(t, 1, strings.Replace(good, "complete=0", "complete=0 more=1", 1)), `unknown field "more=1"`},
		"files out of order":    {packed(t, 1, strings.Replace(good, `"/b"`, `"/A"`, 1)), "not in order"},
		"a file twice":          {packed(t, 1, strings.Replace(good, `"/b"`, `"/a"`, 1)), "not in order"},
		"negative length":       {packed(t, 1, strings.Replace(good, "content=3", "content=-3", 1)), "no number between"},
		"length beyond the cap": {packed(t, 1, strings.Replace(good, "content=3", "content=99999999999", 1)), "no number between"},
		"wrong length":          {packed(t, 1, strings.Replace(good, "content=3", "content=2", 1)), "no end of line after 2 bytes"},
		"a length and no bytes": {packed(t, 1, strings.Replace(good, "data=1 ", "data=60000000 ", 1)), "cut short"},
		"mode too big":          {packed(t, 1, strings.Replace(good, "mode=0", "mode=99999", 1)), "no number between"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Read(bytes.NewReader(c.in), Limits{})
			if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, %v; want an error with %q", got, err, c.want)
			}
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrNewer) {
				t.Errorf("%v is of no kind", err)
			}
		})
	}
	if err := Write(io.Discard, &Snapshot{Files: []File{{Path: "/b"}, {Path: "/a"}}}); err == nil {
		t.Error("a snapshot out of order was written")
	}
}

// A few kilobytes that unpack to gigabytes cost no memory.
func TestArchiveBomb(t *testing.T) {
	head := lines(t, &Snapshot{})
	head = head[:strings.Index(head, "end\n")]
	bombs := map[string]string{
		"one long line": head + "gap " + strings.Repeat("a", 200<<20),
		"many files":    head + strings.Repeat("file path=\"/a\" ", 10<<20),
		"one content":   head + "output name=\"o\" rc=0 truncated=0 args=0 data=60000000 stderr=0\n" + strings.Repeat("\x00", 200<<20),
	}
	for name, text := range bombs {
		in := packed(t, 1, text)
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			if _, err := Read(bytes.NewReader(in), Limits{Total: 8 << 20}); err == nil {
				t.Error("it was read")
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 96<<20 {
				t.Errorf("%d MiB allocated for %d bytes", got>>20, len(in))
			}
		})
	}
}

// FuzzArchive: nothing that is read panics or exceeds its bounds, and what is
// read is written and read again the same.
func FuzzArchive(f *testing.F) {
	var t testing.T
	f.Add(archive(&t, &Snapshot{Name: "n", Files: []File{{Path: "/a", Content: []byte("abc")}}, Outputs: []Output{{Name: "o", Args: []string{"x"}}}, Gaps: []Gap{{"/g", GapCap, "r"}}}), false)
	f.Add([]byte(lines(&t, &Snapshot{Files: []File{{Path: "/a\n\xff", Content: []byte("abc")}}, Gaps: []Gap{{"/g", GapCap, "r"}}})), true)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	magic := archive(&t, &Snapshot{})[:27]
	f.Fuzz(func(t *testing.T, in []byte, plain bool) {
		if plain {
			in = z.EncodeAll(in, bytes.Clone(magic))
		}
		l := Limits{Total: 1 << 20, File: 1 << 16, Files: 50, Gaps: 50, Outputs: 10, Name: 200}
		s, err := Read(bytes.NewReader(in), l)
		if err != nil {
			if s != nil {
				t.Fatal("a snapshot beside an error")
			}
			return
		}
		back, err := Read(bytes.NewReader(archive(t, s)), l)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, back, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func BenchmarkArchive(b *testing.B) {
	s := &Snapshot{}
	for i := range 1500 {
		s.Files = append(s.Files, File{Path: fmt.Sprintf("/home/%04d/.ssh/authorized_keys", i), MTime: time.Unix(1700000000, int64(i)), Content: []byte(strings.Repeat("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI user@host\n", 8))})
	}
	a := archive(b, s)
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Write(io.Discard, s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		b.ReportMetric(float64(len(a)), "archive-bytes")
		for b.Loop() {
			if _, err := Read(bytes.NewReader(a), Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestTimesThatNoReportHolds: a file system may give a file the year 36000, and JSON's
// times end with 9999: one such file must not keep a fleet's plan from being written.
func TestTimesThatNoReportHolds(t *testing.T) {
	for _, text := range []string{"253402300800", "999999999999", "1099511627776", "-99999999999", "-1099511627776.5"} {
		if got := stamp([]byte(text)); !got.IsZero() {
			t.Errorf("%s: %v", text, got)
		}
	}
	if got := stamp([]byte("253402300799")); got.Year() != 9999 {
		t.Errorf("%v", got)
	}
	for _, sec := range []int64{math.MaxInt64, math.MinInt64, 1 << 60, 253402300800} {
		s := &Snapshot{Start: time.Unix(sec, 0), Files: []File{{Path: "/a", Type: 'f', MTime: time.Unix(sec, 0), CTime: time.Unix(sec, 5)}}}
		back, err := Read(bytes.NewReader(archive(t, s)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []time.Time{back.Start, back.Files[0].MTime, back.Files[0].CTime} {
			if _, err := json.Marshal(got); err != nil {
				t.Errorf("%d: %v", sec, err)
			}
		}
	}
}

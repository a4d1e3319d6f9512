package snapshot

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const testNonce = "0123456789abcdef01234567"

// stream writes frames as the collector does.
type stream struct{ bytes.Buffer }

func (s *stream) mark(head, data string) *stream {
	fmt.Fprintf(&s.Buffer, "\n%s %s\n%s", testNonce, head, data)
	return s
}

func newStream() *stream { return (&stream{}).mark("start 1", "") }

const (
	lineF = "81a4 0 42 %d 1 77 5 1700000000.500000000 1700000001 %s\n"
	lineL = "a1ff 0 0 %d 1 78 5 1700000000.000000001 1700000001.25 %s\n"
)

func stat(tok string, size int, path string) string {
	return tok + " " + fmt.Sprintf(lineF, size, path)
}

// parse feeds a stream in pieces of n bytes.
func parse(in []byte, n int, l Limits) (*Snapshot, *frames) {
	b := newBuilder(l.defaults())
	f := newFrames(testNonce, l.defaults(), b)
	for len(in) > 0 {
		k := min(n, len(in))
		if _, err := f.Write(in[:k]); err != nil {
			break
		}
		in = in[k:]
	}
	f.close()
	return b.finish(), f
}

func file(path, c string) File {
	return File{
		Path: path, Type: 'f', Mode: 0o644, UID: 0, GID: 42, Size: int64(len(c)), Links: 1, Inode: 77, Dev: 5,
		MTime: time.Unix(1700000000, 500000000).UTC(), CTime: time.Unix(1700000001, 0).UTC(), Content: []byte(c),
	}
}

func bare(f File) File { f.Content = nil; return f }

func TestFrames(t *testing.T) {
	forged := "x\n\n" + testNonce[:23] + "X g denied\n/etc/passwd\x00no\n"
	key := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"
	cases := map[string]struct {
		in    []byte
		limit Limits
		want  Snapshot
	}{
		"empty content, and content of one newline": {
			in: newStream().mark("s T", stat("T", 0, "/a")+stat("T", 1, "/b")).
				mark("n", "/a\x00/b\x00").mark("m 100 0", "==> /a <==\n\n==> /b <==\n\n").mark("end", "").Bytes(),
			want: Snapshot{Files: []File{file("/a", ""), file("/b", "\n")}},
		},
		"a name with newline, arrow and token's look": {
			in: newStream().mark("s T", stat("T", 2, "/a\nU 1 2")+stat("T", 2, "/ -> q")).
				mark("n", "/a\nU 1 2\x00/ -> q\x00").mark("m 100 0", "==> /a\nU 1 2 <==\nhi\n==> / -> q <==\nho").mark("end", "").Bytes(),
			want: Snapshot{Files: []File{file("/ -> q", "ho"), file("/a\nU 1 2", "hi")}},
		},
		"content that forges the next header": {
			in: newStream().mark("s T", stat("T", 14, "/a")+stat("T", 3, "/b")).
				mark("n", "/a\x00/b\x00").mark("m 100 0", "==> /a <==\n\n==> /b <==\nx\n\n==> /b <==\nyes").mark("end", "").Bytes(),
			want: Snapshot{Files: []File{file("/a", "\n==> /b <==\nx\n"), file("/b", "yes")}},
		},
		"a file that grew forges the next one, whose size is known to it": {
			in: newStream().mark("s T", stat("T", 1, "/a")+stat("T", 3, "/b")+stat("T", 1, "/c")).mark("n", "/a\x00/b\x00/c\x00").
				mark("m 100 0", "==> /a <==\nx\n==> /b <==\nbad\n==> /c <==\n!\n==> /b <==\nyes\n==> /c <==\n.").mark("end", "").Bytes(),
			want: Snapshot{
				Files: []File{file("/a", "x"), file("/b", "bad"), func() File { f := file("/c", "!\n==> /b <==\nyes\n==> /c <==\n."); f.Size = 1; return f }()},
				Gaps: []Gap{
					{"/b", GapChanged, "another file changed while both were read, and holds what looks like this one"},
					{"/c", GapChanged, "another file changed while both were read, and holds what looks like this one"},
					{"/c", GapChanged, "it changed while it was read: 29 bytes came"},
				},
			},
		},
		"content that almost holds the nonce": {
			in: newStream().mark("s T", stat("T", len(forged), "/a")).mark("n", "/a\x00").
				mark("m 1000 0", "==> /a <==\n"+forged).mark("end", "").Bytes(),
			want: Snapshot{Files: []File{file("/a", forged)}},
		},
		"a file that grew, one that shrank, one that went": {
			in: newStream().mark("s T", stat("T", 1, "/a")+stat("T", 9, "/b")+stat("T", 3, "/c")+stat("T", 1, "/d")).
				mark("n", "/a\x00/b\x00/c\x00/d\x00").mark("m 100 0", "==> /a <==\nmore\n==> /b <==\nless\n==> /d <==\n!").mark("end", "").Bytes(),
			want: Snapshot{
				Files: []File{
					func() File { f := file("/a", "more"); f.Size = 1; return f }(),
					func() File { f := file("/b", "less"); f.Size = 9; return f }(),
					func() File { f := bare(file("/c", "")); f.Size = 3; return f }(), file("/d", "!"),
				},
				Gaps: []Gap{
					{"/a", GapChanged, "it changed while it was read: 4 bytes came"},
					{"/b", GapChanged, "it changed while it was read: 4 bytes came"},
					{"/c", GapDenied, "it could not be read"},
				},
			},
		},
		"cap on a file": {
			in: newStream().mark("s T", stat("T", 50, "/a")+stat("T", 2, "/b")).mark("n", "/a\x00/b\x00").
				mark("m 4 0", "==> /a <==\n12345\n==> /b <==\nok").mark("end", "").Bytes(),
			want: Snapshot{
				Files: []File{func() File { f := file("/a", "1234"); f.Size, f.Truncated = 50, true; return f }(), file("/b", "ok")},
				Gaps:  []Gap{{"/a", GapCap, "more than 4 bytes"}},
			},
		},
		"a part is no gap": {
			in: newStream().mark("s T", stat("T", 50, "/a")).mark("n", "/a\x00").mark("m 4 0 part", "==> /a <==\n12345").mark("end", "").Bytes(),
			want: Snapshot{
				Files: []File{func() File { f := file("/a", "1234"); f.Size, f.Truncated = 50, true; return f }()},
			},
		},
		"a link takes its final path's content": {
			in: newStream().mark("s T", "T "+fmt.Sprintf(lineL, 6, "/l -> m -> x -> y")).mark("r", "/l -> m\x00/z\x00").
				mark("s U", stat("U", 2, "/z")).mark("n", "/z\x00").mark("m 9 0", "==> /z <==\nhi").mark("end", "").Bytes(),
			want: Snapshot{Files: []File{
				{
					Path: "/l -> m", Type: 'l', Mode: 0o777, Size: 6, Links: 1, Inode: 78, Dev: 5, Target: "x -> y", Real: "/z",
					MTime: time.Unix(1700000000, 1).UTC(), CTime: time.Unix(1700000001, 250000000).UTC(), Content: []byte("hi"),
				}, file("/z", "hi"),
			}},
		},
		"busybox quotes a link": {
			in: newStream().mark("s T", "T "+fmt.Sprintf(lineL, 3, "'/l' -> 'a'b'")).mark("end", "").Bytes(),
			want: Snapshot{Files: []File{{
				Path: "/l", Type: 'l', Mode: 0o777, Size: 3, Links: 1, Inode: 78, Dev: 5, Target: "a'b",
				MTime: time.Unix(1700000000, 1).UTC(), CTime: time.Unix(1700000001, 250000000).UTC(),
			}}},
		},
		"a secret that the host let pass is not kept": {
			in: newStream().mark("s T", stat("T", len(key), "/k")).mark("n", "/k\x00").mark("m 100 0", "==> /k <==\n"+key).
				mark("o t", "a\nroot:$6$x$y:1:\nb\n").mark("x 0", "line 1: \"root:!$y$q\"").mark("end", "").Bytes(),
			want: Snapshot{
				Files:   []File{func() File { f := bare(file("/k", "")); f.Size = int64(len(key)); return f }()},
				Outputs: []Output{{Name: "t", Data: []byte("a\npostern-withheld\nb\n"), Stderr: []byte("postern-withheld\n")}},
				Gaps:    []Gap{{"/k", GapWithheld, "it holds a private key or a password hash"}},
			},
		},
		"outputs: arguments, exit code, stderr, reversed": {
			in: newStream().mark("a", "sshd\x00-T\x00").mark("o sshd-T.1", "port 22\n").mark("x 255", "bad\n").
				mark("o log reverse", "3\n2\n1\n").mark("x 0", "").mark("end", "").Bytes(),
			want: Snapshot{Outputs: []Output{
				{Name: "log", Data: []byte("1\n2\n3\n")},
				{Name: "sshd-T.1", Args: []string{"sshd", "-T"}, RC: 255, Data: []byte("port 22\n"), Stderr: []byte("bad")},
			}},
		},
		"identity tells rights and clock": {
			in: newStream().mark("o identity", "privilege=sudo\nlogin=bob\nclock=1700000000.25\n").mark("x 0", "").mark("end", "").Bytes(),
			want: Snapshot{
				Privilege: PrivilegeSudo, Account: "bob", HostClock: time.Unix(1700000000, 250000000).UTC(),
				Outputs: []Output{{Name: "identity", Data: []byte("privilege=sudo\nlogin=bob\nclock=1700000000.25\n")}},
			},
		},
		"a file that a command printed": {
			in: newStream().mark("v 100 filtered", "/etc/passwd\x00root:x:0\n").mark("end", "").Bytes(),
			want: Snapshot{Files: []File{{
				Path: "/etc/passwd", Type: 'f', UID: -1, GID: -1, Content: []byte("root:x:0\n"), Filtered: true,
			}}},
		},
		"unknown kinds and broken frames are passed over": {
			in: newStream().mark("zzz 1", "?").mark("s", "x").mark("s T", "T 1 2").mark("m x", "").mark("g odd", "/p\x00why").
				mark("o bad/name", "x").mark("x 0", "").mark("v 3", "nopath").mark("end", "").Bytes(),
			want: Snapshot{Gaps: []Gap{{"/p", GapError, "why"}}},
		},
		"cap on names": {
			in:    newStream().mark("s T", stat("T", 0, "/a")+stat("T", 0, "/b")+stat("T", 0, "/c")).mark("end", "").Bytes(),
			limit: Limits{Files: 2},
			want:  Snapshot{Files: []File{bare(file("/a", "")), bare(file("/b", ""))}, Gaps: []Gap{{"/", GapCap, "more than 2 names"}}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for n := 1; n < 100; n++ {
				got, f := parse(c.in, n, c.limit)
				want := c.want
				if want.Privilege == "" {
					want.Privilege = PrivilegeNone
				}
				if d := cmp.Diff(&want, got, cmpopts.EquateEmpty()); d != "" {
					t.Fatalf("in pieces of %d (-want +got):\n%s", n, d)
				}
				if !f.ended {
					t.Fatal("the end was not seen")
				}
			}
		})
	}
}

func TestFramesNoiseAndCut(t *testing.T) {
	noise := strings.Repeat("Welcome to web1!\n", 3) + "0123456789abcdef01234568 start 1\n"
	whole := newStream().mark("s T", stat("T", 100, "/a")).mark("n", "/a\x00").mark("m 1000 0", "==> /a <==\n"+strings.Repeat("c", 100)).mark("end", "").Bytes()
	s, f := parse(append([]byte(noise), whole...), 7, Limits{})
	if string(f.noise) != noise || !f.ended || len(s.Files) != 1 {
		t.Errorf("noise %q, ended %v, %d files", f.noise, f.ended, len(s.Files))
	}
	for n := range whole {
		s, f := parse(whole[:n], 11, Limits{})
		if f.ended {
			t.Fatalf("cut at %d: complete", n)
		}
		if a := s.Lookup("/a"); a != nil && a.HasContent() && gaps(s, "/a") == "" && len(a.Content) < 100 {
			t.Fatalf("cut at %d: %d bytes of /a, and no gap", n, len(a.Content))
		}
	}
	_, f = parse(whole, 10, Limits{Total: 60})
	if !f.capped || f.ended {
		t.Error("the total was not bounded")
	}
	big := append(bytes.Repeat([]byte("n"), 100_000), whole...)
	if _, f = parse(big, 4096, Limits{}); len(f.noise) != 8<<10 || !f.noiseCut || !f.ended {
		t.Errorf("%d bytes of noise kept", len(f.noise))
	}
}

// A host must not make more of us than it sends: 64 MiB of NULs were 64 million names.
func TestFramesOfNothing(t *testing.T) {
	b := newBuilder(Limits{Files: 100}.defaults())
	nothing := make([]byte, 1<<20)
	for _, kind := range []string{"n", "a", "r", "l", "g"} {
		b.frame(kind, nothing, false)
	}
	if len(b.names) > 100 || len(b.args) > maxArgs {
		t.Errorf("%d names, %d words", len(b.names), len(b.args))
	}
}

// FuzzFrame: whatever comes, in whatever pieces, the snapshot is the same, in
// order, within its bounds, and survives an archive.
func FuzzFrame(f *testing.F) {
	f.Add(newStream().mark("s T", stat("T", 3, "/a")).mark("n", "/a\x00").mark("m 9 0", "==> /a <==\nabc").mark("r", "/a\x00/b\x00").
		mark("l", "/c\x00d").mark("v 9", "/e\x00f").mark("a", "x\x00").mark("o p", "q\n").mark("x 1", "r").mark("g cap", "/s\x00t").mark("end", "").Bytes(), 3)
	f.Add([]byte("noise\n"+testNonce), 1)
	f.Add(newStream().mark("n", "/a\x00/a\x00/a\x00").mark("m 1 7 part", "==> /a <==\n\n==> /a <==\n==> \n==> /a <==\n").Bytes(), 5)
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		if n < 1 || n > 1<<20 {
			n = 1
		}
		l := Limits{Total: 1 << 16, File: 1 << 10, Output: 1 << 10, Stderr: 64, Files: 20, Gaps: 20, Outputs: 4, Name: 64, Noise: 100}
		// The nonce cannot be guessed by a fuzzer, so it may be written as N.
		in = bytes.ReplaceAll(in, []byte("\nN "), []byte("\n"+testNonce+" "))
		a, fa := parse(in, n, l)
		b, _ := parse(in, len(in)+1, l)
		if fa.capped {
			return // where a bound on the total cuts depends on the pieces
		}
		if d := cmp.Diff(b, a, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("pieces of %d give another snapshot: %s", n, d)
		}
		if len(a.Files) > 20 || len(a.Gaps) > 21 || len(a.Outputs) > 4 || len(fa.noise) > 100 {
			t.Fatalf("%d files, %d gaps, %d outputs, %d noise", len(a.Files), len(a.Gaps), len(a.Outputs), len(fa.noise))
		}
		for _, f := range a.Files {
			if len(f.Path) > 64 || len(f.Content) > 1<<10 || holdsSecret(f.Content) {
				t.Fatalf("%q with %d bytes", f.Path, len(f.Content))
			}
		}
		var buf bytes.Buffer
		if err := Write(&buf, a); err != nil {
			t.Fatal(err)
		}
		back, err := Read(&buf, Limits{Total: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(a, back, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// BenchmarkParse reads the answer of a host with 300 accounts.
func BenchmarkParse(b *testing.B) {
	s := newStream()
	var names, body, stats strings.Builder
	for i := range 1500 {
		p := fmt.Sprintf("/home/user%d/.ssh/authorized_keys", i)
		c := strings.Repeat("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI user@host\n", 8)
		stats.WriteString(stat("T", len(c), p))
		names.WriteString(p + "\x00")
		if i > 0 {
			body.WriteString("\n")
		}
		body.WriteString("==> " + p + " <==\n" + c)
	}
	in := s.mark("s T", stats.String()).mark("n", names.String()).mark("m 65536 0", body.String()).mark("end", "").Bytes()
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if s, f := parse(in, 32<<10, Limits{}); len(s.Files) != 1500 || !f.ended {
			b.Fatal("wrong answer")
		}
	}
}

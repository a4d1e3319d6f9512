package sshd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// words are the arguments of the only line.
func words(t *testing.T, line string, v Version) []string {
	t.Helper()
	f := Parse("x", []byte(line+"\n"), v)
	var out []string
	for _, b := range f.Blocks {
		for _, l := range b.Lines {
			for _, a := range l.Args {
				out = append(out, a.Text)
			}
		}
	}
	return out
}

// The table of the two tokenisers; 8.4 and 9.2 stand for up to 8.6 and since 8.7.
func TestTokenisers(t *testing.T) {
	tests := []struct {
		name, line string
		old, new   []string
	}{
		{"comment after a blank", "K no # c", []string{"no"}, []string{"no"}},
		{"comment without a blank", "K no#c", []string{"no"}, []string{"no#c"}},
		{"hash in quotes", `K "a#b" c`, nil, []string{"a#b", "c"}},
		{"single quotes", "K 'no'", []string{"'no'"}, []string{"no"}},
		{"double quotes", `K "a b" c`, []string{"a b", "c"}, []string{"a b", "c"}},
		{"escaped blank", `K a\ b c`, []string{`a\`, "b", "c"}, []string{"a b", "c"}},
		{"quote inside a word", `K a"b c"d`, []string{"ab c", "d"}, []string{"ab cd"}},
		{"equals between arguments", "K=x b=c", []string{"x", "b", "c"}, []string{"x", "b=c"}},
		{"escaped quotes", `K \"a\' \\b \x`, nil, []string{`"a'`, `\b`, `\x`}},
		{"backslash blank inside quotes", `K "a\ b"`, []string{`a\ b`}, []string{`a\ b`}},
		{"equals with blanks", "K = v", []string{"v"}, []string{"v"}},
		{"two equals", "K == v", nil, []string{"=", "v"}},
		{"carriage return inside", "K a\rb", []string{"a", "b"}, []string{"a\rb"}},
		{"quoted keyword", `"K" v`, []string{"v"}, []string{"v"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.old, words(t, tt.line, V(8, 4))); d != "" {
				t.Errorf("8.4 (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.new, words(t, tt.line, V(9, 2))); d != "" {
				t.Errorf("9.2 (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseTree(t *testing.T) {
	src := "# head\r\n\nPort 22\n  Match User bob # who\n\tX11Forwarding  no\nMatch all\nBanner=/etc/issue"
	f := Parse("f", []byte(src), V(9, 2))
	var got []string
	for _, b := range f.Blocks {
		if b.Match != nil {
			got = append(got, "match "+b.Match.Rest)
		}
		for _, l := range b.Lines {
			got = append(got, l.Keyword.Text+"|"+l.Rest)
		}
	}
	want := []string{"|", "|", "Port|22", "match User bob # who", "X11Forwarding|no", "match all", "Banner|/etc/issue"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	l := f.Blocks[1].Lines[0]
	if l.Keyword.Pos != (Pos{strings.Index(src, "X11"), 5, 2}) || l.Args[0].End != (Pos{strings.Index(src, "no\nMatch") + 2, 5, 19}) {
		t.Errorf("positions: %+v", l)
	}
	checkTree(t, f, []byte(src))
}

func TestNULGluesLines(t *testing.T) {
	src := "PermitRootLogin no\x00x\nPasswordAuthentication no\nPort 1\n"
	f := Parse("f", []byte(src), V(9, 2))
	checkTree(t, f, []byte(src))
	l := f.Blocks[0].Lines[0]
	if !l.NUL || l.Rest != "noPasswordAuthentication no" || l.End.Line != 3 {
		t.Errorf("got %+v", l)
	}
	if p := l.Args[1].Pos; p != (Pos{strings.Index(src, "no\nPort"), 2, 24}) {
		t.Errorf("position of the second word: %+v", p)
	}
}

// checkTree compares a tree with its source: nothing is lost, and every position
// is where it says.
func checkTree(t testing.TB, f *File, src []byte) {
	t.Helper()
	if !bytes.Equal(f.Print(), src) {
		t.Fatalf("printing gives %q, source is %q", f.Print(), src)
	}
	at := func(p Pos) bool {
		if p.Offset < 0 || p.Offset > len(src) {
			return false
		}
		head := src[:p.Offset]
		return p.Line == bytes.Count(head, []byte("\n"))+1 && p.Col == p.Offset-bytes.LastIndexByte(head, '\n')
	}
	next := 0
	check := func(l *Line) {
		if l.Pos.Offset != next || !at(l.Pos) || !at(l.End) || l.End.Offset != next+len(l.Raw) {
			t.Fatalf("line at %+v to %+v, expected at %d: %q", l.Pos, l.End, next, l.Raw)
		}
		next = l.End.Offset
		last := l.Pos.Offset
		ws := l.Args
		if l.Keyword.Text != "" {
			ws = append([]Word{l.Keyword}, ws...)
		}
		for _, w := range ws {
			if w.Pos.Offset < last || w.End.Offset < w.Pos.Offset || w.End.Offset > l.End.Offset || !at(w.Pos) || !at(w.End) {
				t.Fatalf("word %q at %+v to %+v in %q", w.Text, w.Pos, w.End, l.Raw)
			}
			last = w.End.Offset
			raw := string(src[w.Pos.Offset:w.End.Offset])
			if !l.NUL && !strings.ContainsAny(raw, `"'\`) && raw != w.Text {
				t.Fatalf("word %q stands as %q", w.Text, raw)
			}
		}
	}
	for i := range f.Blocks {
		if m := f.Blocks[i].Match; m != nil {
			check(m)
		}
		for j := range f.Blocks[i].Lines {
			check(&f.Blocks[i].Lines[j])
		}
	}
	if next != len(src) {
		t.Fatalf("the tree ends at %d of %d", next, len(src))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "\n", "Port 22", "A=b\r\n\tMatch user x\nB 'c", "K no\x00x\nL no\n", "\xef\xbb\xbfPort 1\n", `"K" "a b" \"`, "Match all\nMatch", "\f\n=x y\n\"\" z\n", "Include a b\x00\x00\n\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, src []byte, old bool) {
		v := V(9, 2)
		if old {
			v = V(8, 4)
		}
		checkTree(t, Parse("f", src, v), src)
	})
}

func FuzzEval(f *testing.F) {
	f.Add([]byte("AllowUsers a@10.0.0.0/8\nMatch User bob Address !10.0.0.0/8,*\nPasswordAuthentication no\n"), "bob", "10.1.2.3", uint8(92))
	f.Add([]byte("Include /c /c\nMatch all\nInclude /d\n"), "root", "::1", uint8(84))
	f.Add([]byte("Match LocalPort 22 Host *.x\nCiphers -*\nSubsystem a b\nSubsystem a c\n"), "x", "192.0.2.1", uint8(100))
	f.Add([]byte("PerSourcePenalties no\nPerSourcePenalties crash:1\nRekeyLimit 1G\nRekeyLimit default 1h\n"), "", "", uint8(105))
	f.Fuzz(func(t *testing.T, src []byte, user, addr string, ver uint8) {
		v := V(int(ver)/10, int(ver)%10)
		files := mapFiles{"/etc/ssh/sshd_config": src, "/c": []byte("X11Forwarding yes\n"), "/d": src}
		cfg := Load("/etc/ssh/sshd_config", files, Options{Version: v, Distro: "debian"})
		set := cfg.Eval(Context{User: user, Addr: addr, Groups: []string{user}, LocalPort: 22})
		// What a file prints as effective is the same as the file itself.
		if d := Compare(set, set.Effective()); len(d) > 0 {
			t.Fatalf("differs from itself: %+v", d)
		}
		// And so is what it prints as sshd -T does.
		if d := Compare(set, ParseEffective(set.Text())); len(d) > 0 {
			t.Fatalf("differs from its own text: %+v", d)
		}
		set.Refused()
		cfg.Missing(Context{User: user, Test: true})
		for _, d := range set.Dump() {
			tr := set.Trace(d.Keyword)
			if n := len(tr.Shadowed) + len(tr.Elsewhere) + len(tr.Value.More); tr.Why == "" || n > len(cfg.lines) {
				t.Fatalf("%s: %q, %d lines of %d", d.Keyword, tr.Why, n, len(cfg.lines))
			}
		}
		for i, val := range set.vals {
			if val == nil {
				continue
			}
			if o := val.Origin; o.Kind == FromFile && (o.File == "" || !o.Pos.IsValid()) {
				t.Fatalf("%s has an origin without a place: %+v", rows[i].name, o)
			}
		}
		ctxs, _ := cfg.Contexts([]User{{Name: user, Groups: []string{user}}})
		if len(ctxs) == 0 {
			t.Fatal("no context at all")
		}
	})
}

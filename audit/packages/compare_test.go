package packages

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// rpmTests come from rpm's own tests (tests/rpmvercmp.at) and from the security
// versions that postern compares.
var rpmTests = []struct {
	a, b string
	want int
}{
	{"1.0", "1.0", 0},
	{"1.0", "2.0", -1},
	{"2.0.1a", "2.0.1", 1},
	{"5.5p1", "5.5p2", -1},
	{"5.5p1", "5.5p10", -1},
	{"10xyz", "10.1xyz", -1},
	{"xyz10", "xyz10.1", -1},
	{"xyz.4", "8", -1},
	{"5.5p2", "5.6p1", -1},
	{"6.0.rc1", "6.0", 1},
	{"10b2", "10a1", 1},
	{"1.0aa", "1.0a", 1},
	{"10.0001", "10.0039", -1},
	{"4.999.9", "5.0", -1},
	{"20101121", "20101122", -1},
	{"2_0", "2.0", 0},
	{"a+", "a_", 0},
	{"+", "_", 0},
	{"1.0~rc1", "1.0", -1},
	{"1.0~rc1", "1.0~rc2", -1},
	{"1.0~rc1~git123", "1.0~rc1", -1},
	{"1.0^", "1.0", 1},
	{"1.0^git1", "1.0^git2", -1},
	{"1.0^git1", "1.01", -1},
	{"1.0^20160101", "1.0.1", -1},
	{"1.0~rc1^git1", "1.0~rc1", 1},
	{"1.0^git1~pre", "1.0^git1", -1},
	{"1:1.0", "2.0", 1},
	{"0:1.0", "1.0", 0},
	{"8.7p1-38.el9", "8.7p1-38.el9_4.1", -1},
	{"8.7p1-38.el9_4.1", "8.7p1-38.el9_4.4", -1},
	{"8.7p1-38.el9_4.4.alma.1", "8.7p1-38.el9_4.4", 1},
	{"8.7p1-48.el9_7", "9.9p1-7.el9_8", -1},
	{"9.9p1-7.el9_8", "10.0p1-1.fc42", -1},
	{"8.0p1-19.el8_9.2", "8.0p1-25.el8_10", -1},
}

func TestCompareRPM(t *testing.T) {
	for _, tt := range rpmTests {
		if got := sign(CompareRPM(tt.a, tt.b)); got != tt.want {
			t.Errorf("CompareRPM(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := sign(CompareRPM(tt.b, tt.a)); got != -tt.want {
			t.Errorf("CompareRPM(%q, %q) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
	rpm, err := exec.LookPath("rpm")
	if err != nil {
		if os.Getenv("POSTERN_E2E") == "require" {
			t.Fatal("no rpm to ask: install rpm")
		}
		t.Skip("no rpm here: the table was not put to the real one")
	}
	for _, tt := range rpmTests {
		if strings.ContainsAny(tt.a+tt.b, ":-") {
			continue // rpm.vercmp takes one part
		}
		out, err := exec.Command(rpm, "--eval", "%{lua: print(rpm.vercmp('"+tt.a+"', '"+tt.b+"'))}").Output()
		if want := map[int]string{-1: "-1", 0: "0", 1: "1"}[tt.want]; err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("rpm says of %q and %q: %s (%v), want %s", tt.a, tt.b, out, err, want)
		}
	}
}

func TestCompareAPK(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"9.7_p1-r4", "9.7_p1-r4", 0},
		{"9.7_p1-r3", "9.7_p1-r4", -1},
		{"9.7_p1-r9", "9.7_p1-r10", -1},
		{"9.7_p1-r4", "9.8_p1-r0", -1},
		{"9.9_p2-r0", "10.0_p1-r0", -1},
		{"9.9_p1-r0", "9.9_p2-r0", -1},
		{"9.9", "9.9_p1", -1},
		{"9.9_rc1", "9.9", -1},
		{"9.9_alpha1", "9.9_beta1", -1},
		{"9.9_rc1", "9.9_rc1_p1", -1},
		{"2022.83-r0", "2024.84-r0", -1},
		{"1.2a", "1.2b", -1},
		{"1.2", "1.2.1", -1},
		{"", "1", -1},
	} {
		if got := sign(CompareAPK(tt.a, tt.b)); got != tt.want {
			t.Errorf("CompareAPK(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := sign(CompareAPK(tt.b, tt.a)); got != -tt.want {
			t.Errorf("CompareAPK(%q, %q) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

func TestUpstream(t *testing.T) {
	for in, want := range map[string]string{
		"1:9.2p1-2+deb12u3": "9.2p1", "8.7p1-38.el9_4.1": "8.7p1", "9.2_p1-r4": "9.2p1", "10.2p1-2": "10.2p1",
		"2022.83-1+deb12u1": "2022.83", "0.11.5-0+deb13u1": "0.11.5", "9.9p1": "9.9p1", "": "",
	} {
		if got := Upstream(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for i, ascending := 0, []string{"7.4p1", "8.9p1", "9.2p1", "9.9p1", "9.9p2", "10.0p1", "10.0p2", "10.6p1"}; i+1 < len(ascending); i++ {
		if CompareUpstream(ascending[i], ascending[i+1]) >= 0 {
			t.Errorf("%s is not older than %s", ascending[i], ascending[i+1])
		}
	}
}

// rpm's order is no order over strings of marks alone, which no package has.
func TestComparesAreOrders(t *testing.T) {
	rpm := rapid.StringMatching(`[0-9a-c]{1,2}([.][0-9a-c~^]{1,3}){0,2}(-[0-9a-c]{1,2}([._][0-9a-c]{1,2})?)?`)
	apk := rapid.StringMatching(`[0-9]{1,2}([.][0-9]{1,2}){0,2}[a-c]?(_(rc|p|git|alpha)[0-9]?){0,2}(-r[0-9])?`)
	for manager, version := range map[string]*rapid.Generator[string]{"rpm": rpm, "apk": apk} {
		t.Run(manager, rapid.MakeCheck(func(t *rapid.T) {
			compare := func(a, b string) int {
				c, ok := Compare(manager, a, b)
				if !ok {
					t.Fatal("unknown manager")
				}
				return sign(c)
			}
			a, b, c := version.Draw(t, "a"), version.Draw(t, "b"), version.Draw(t, "c")
			if manager == "rpm" && (strings.Contains(a, "-") != strings.Contains(b, "-") || strings.Contains(b, "-") != strings.Contains(c, "-")) {
				return // an absent release equals any, which is no order
			}
			if compare(a, a) != 0 || compare(a, b) != -compare(b, a) {
				t.Fatalf("%q and %q: not antisymmetric", a, b)
			}
			if compare(a, b) <= 0 && compare(b, c) <= 0 && compare(a, c) > 0 {
				t.Fatalf("%q <= %q <= %q, and yet the first is newer than the last", a, b, c)
			}
		}))
	}
	if _, ok := Compare("brew", "1", "2"); ok {
		t.Error("an unknown manager has an order")
	}
}

// FuzzCompare: any two strings compare, both ways round alike.
func FuzzCompare(f *testing.F) {
	for _, tt := range rpmTests {
		f.Add(tt.a, tt.b)
	}
	f.Add("9.9_rc1_p1-r4", "9.9_p-r")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, manager := range []string{"dpkg", "rpm", "apk", "pacman"} {
			ab, _ := Compare(manager, a, b)
			ba, _ := Compare(manager, b, a)
			if sign(ab) != -sign(ba) {
				t.Fatalf("%s: %q and %q: %d, %d", manager, a, b, ab, ba)
			}
		}
		if up := Upstream(a); len(up) > len(a) || CompareUpstream(up, up) != 0 {
			t.Fatalf("%q: upstream %q", a, up)
		}
	})
}

package packages

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []Package
		skipped  int
	}{
		{"empty", "", nil, 0},
		{"all managers", "dpkg\topenssh-server\t1:9.2p1-2+deb12u3\nrpm\tcronie\t1.5.7-11.el9\napk\topenssh\t9.7_p1-r4\npacman\tsudo\t1.9.16-1\n",
			[]Package{{"dpkg", "openssh-server", "1:9.2p1-2+deb12u3"}, {"rpm", "cronie", "1.5.7-11.el9"}, {"apk", "openssh", "9.7_p1-r4"}, {"pacman", "sudo", "1.9.16-1"}}, 0},
		{"no final newline, CRLF, blank lines", "dpkg\ta\t1\r\n\n\ndpkg\tb\t2", []Package{{"dpkg", "a", "1"}, {"dpkg", "b", "2"}}, 0},
		{"too few fields", "dpkg\ta\nrpm\n", nil, 2},
		{"a field too many", "dpkg\ta\t1\tx\n", nil, 1},
		{"empty fields", "dpkg\t\t1\ndpkg\ta\t\n", nil, 2},
		{"unknown manager", "brew\ta\t1\n", nil, 1},
		{"escape in a version", "dpkg\ta\t1\x1b[31m\ndpkg\tb\t2\n", []Package{{"dpkg", "b", "2"}}, 1},
		{"long line", "dpkg\ta\t" + strings.Repeat("1", 4000) + "\n", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, skipped := Parse([]byte(tt.in))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if skipped != tt.skipped {
				t.Errorf("skipped %d, want %d", skipped, tt.skipped)
			}
		})
	}
}

func TestParseBound(t *testing.T) {
	list, skipped := Parse([]byte(strings.Repeat("dpkg\ta\t1\n", maxPackages+3)))
	if len(list) != maxPackages || skipped != 3 {
		t.Errorf("%d packages, %d skipped; want %d, 3", len(list), skipped, maxPackages)
	}
}

// debTests come from deb-version(7) and from the security versions that
// postern compares; TestCompareDeb asks dpkg too where there is one.
var debTests = []struct {
	a, b string
	want int
}{
	{"1.0", "1.0", 0},
	{"", "", 0},
	{"1.0", "1.1", -1},
	{"1.9", "1.10", -1},
	{"1.0", "1.0-0", 0}, // "the absence of a revision is equivalent to 0"
	{"1.0", "1.0-1", -1},
	{"0:1.0", "1.0", 0},
	{"1:1.0", "2.0", 1},
	{"1:9.2p1-2+deb12u2", "1:9.2p1-2+deb12u3", -1},
	{"1:9.2p1-2+deb12u9", "1:9.2p1-2+deb12u10", -1},
	{"1:9.2p1-2", "1:9.2p1-2+deb12u1", -1},
	{"1:8.9p1-3ubuntu0.10", "1:8.9p1-3ubuntu0.6", 1},
	{"1:9.2p1-2~bpo11+1", "1:9.2p1-2", -1},
	// "~~, ~~a, ~, the empty part, a": in this order.
	{"1~~", "1~~a", -1},
	{"1~~a", "1~", -1},
	{"1~", "1", -1},
	{"1", "1a", -1},
	{"1.0~beta1~svn1245", "1.0~beta1", -1},
	{"1.0~beta1", "1.0", -1},
	{"1a", "1+", -1}, // letters before the rest
	{"1A", "1a", -1},
	{"1.0+b1", "1.0.1", -1},
	{"1.00", "1.0", 0},
	{"1.010", "1.10", 0},
	{"1.0-1-1", "1.0-2", 1}, // the last hyphen splits: upstream 1.0-1
	{"99999999999999999999999", "100000000000000000000000", -1},
	{"1.0a", "1.0", 1},
	{"6.6.1p1-2ubuntu2.13", "6.6.1p1-2ubuntu2", 1},
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestCompareDeb(t *testing.T) {
	for _, tt := range debTests {
		if got := sign(CompareDeb(tt.a, tt.b)); got != tt.want {
			t.Errorf("CompareDeb(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := sign(CompareDeb(tt.b, tt.a)); got != -tt.want {
			t.Errorf("CompareDeb(%q, %q) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		if os.Getenv("POSTERN_E2E") == "require" {
			t.Fatal("no dpkg to ask: this is no Debian machine")
		}
		t.Skip("no dpkg here: the table was not put to the real one")
	}
	for _, tt := range debTests {
		if tt.a == "" || tt.b == "" {
			continue
		}
		op := map[int]string{-1: "lt", 0: "eq", 1: "gt"}[tt.want]
		if err := exec.Command(dpkg, "--compare-versions", tt.a, op, tt.b).Run(); err != nil {
			t.Errorf("dpkg does not say %q %s %q: %v", tt.a, op, tt.b, err)
		}
	}
}

func TestCompareDebIsAnOrder(t *testing.T) {
	version := rapid.StringMatching(`([0-2]:)?[0-9a-cA~+.:-]{0,6}(-[0-9a~+.]{0,3})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := version.Draw(t, "a"), version.Draw(t, "b"), version.Draw(t, "c")
		if CompareDeb(a, a) != 0 {
			t.Fatalf("%q differs from itself", a)
		}
		if sign(CompareDeb(a, b)) != -sign(CompareDeb(b, a)) {
			t.Fatalf("%q and %q: not antisymmetric", a, b)
		}
		if CompareDeb(a, b) <= 0 && CompareDeb(b, c) <= 0 && CompareDeb(a, c) > 0 {
			t.Fatalf("%q <= %q <= %q, and yet the first is newer than the last", a, b, c)
		}
	})
}

func TestRelease(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		find     func(string) (Release, bool)
		want     Release
		text     string // "" : none
	}{
		{"Debian package", "1:9.2p1-2+deb12u3", ReleaseOf, Release{9, 2, 1}, "9.2p1"},
		{"RHEL package", "8.7p1-38.el9", ReleaseOf, Release{8, 7, 1}, "8.7p1"},
		{"RHEL package with an epoch", "0:8.7p1-38.el9", ReleaseOf, Release{8, 7, 1}, "8.7p1"},
		{"Alpine package", "9.7_p1-r4", ReleaseOf, Release{9, 7, 1}, "9.7p1"},
		{"Arch package", "10.0p2-1", ReleaseOf, Release{10, 0, 2}, "10.0p2"},
		{"no version", "latest", ReleaseOf, Release{}, ""},
		{"no minor", "9-1", ReleaseOf, Release{}, ""},
		{"nothing after the dot", "9.", ReleaseOf, Release{}, ""},
		{"empty", "", ReleaseOf, Release{}, ""},
		{"numbers without end", "99999999999999999999.1p1", ReleaseOf, Release{}, ""},
		{"Debian banner", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", ReleaseInBanner, Release{9, 2, 1}, "9.2p1"},
		{"software alone", "OpenSSH_10.0p2", ReleaseInBanner, Release{10, 0, 2}, "10.0p2"},
		{"no patch level", "OpenSSH_8.0", ReleaseInBanner, Release{8, 0, 0}, "8.0"},
		{"Ubuntu 14.04", "OpenSSH_6.6.1p1 Ubuntu-2ubuntu2.13", ReleaseInBanner, Release{6, 6, 1}, "6.6p1"},
		{"FreeBSD", "OpenSSH_9.6 FreeBSD-20240806", ReleaseInBanner, Release{9, 6, 0}, "9.6"},
		{"Windows", "OpenSSH_for_Windows_8.1", ReleaseInBanner, Release{8, 1, 0}, "8.1"},
		{"sshd -V", "OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.11 19 Sep 2023", ReleaseInBanner, Release{9, 2, 1}, "9.2p1"},
		{"dropbear", "SSH-2.0-dropbear_2022.83", ReleaseInBanner, Release{}, ""},
		{"hidden", "SSH-2.0-OpenSSH_", ReleaseInBanner, Release{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tt.find(tt.in)
			if ok != (tt.text != "") || got != tt.want {
				t.Fatalf("%+v, %v; want %+v", got, ok, tt.want)
			}
			if ok && got.String() != tt.text {
				t.Errorf("prints as %q, want %q", got, tt.text)
			}
		})
	}
}

func TestReleaseCompare(t *testing.T) {
	ascending := []Release{{7, 4, 1}, {8, 0, 0}, {8, 0, 1}, {9, 2, 1}, {9, 10, 1}, {10, 0, 1}, {10, 0, 2}}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := sign(a.Compare(b)); got != sign(i-j) {
				t.Errorf("%v against %v: %d", a, b, got)
			}
		}
	}
}

// FuzzPackages: nothing panics, what Parse gives is well formed and accounts
// for every line, and a release that is found prints as it is read.
func FuzzPackages(f *testing.F) {
	for _, tt := range debTests {
		f.Add([]byte("dpkg\topenssh-server\t"+tt.a+"\n"), tt.b)
	}
	f.Add([]byte("rpm\tx"), "OpenSSH_for_Windows_8.1")
	f.Fuzz(func(t *testing.T, data []byte, version string) {
		list, skipped := Parse(data)
		if len(list)+skipped > strings.Count(string(data), "\n")+1 {
			t.Fatal("more packages than lines")
		}
		for _, p := range list {
			if !knownManager(p.Manager) || !printable(p.Name) || !printable(p.Version) {
				t.Fatalf("malformed: %+v", p)
			}
			if sign(CompareDeb(p.Version, version)) != -sign(CompareDeb(version, p.Version)) {
				t.Fatalf("%q and %q: not antisymmetric", p.Version, version)
			}
		}
		for _, find := range []func(string) (Release, bool){ReleaseOf, ReleaseInBanner} {
			if r, ok := find(version); ok {
				if again, ok := ReleaseOf(r.String()); !ok || again != r {
					t.Fatalf("%q: %v reads back as %v", version, r, again)
				}
			}
		}
	})
}

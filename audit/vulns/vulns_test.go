package vulns

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit/packages"
)

// The data hold together: known words, versions of one release, sources.
func TestData(t *testing.T) {
	strict := json.NewDecoder(strings.NewReader(string(raw)))
	strict.DisallowUnknownFields()
	if err := strict.Decode(new(data)); err != nil {
		t.Fatal(err)
	}
	d := load()
	source := regexp.MustCompile(`^(https://\S+|(DSA|USN|RHSA|ALSA)-[0-9:-]+)$`)
	seen := map[string]bool{}
	for _, e := range d.Entries {
		key := e.ID + " " + e.Product
		if seen[key] {
			t.Errorf("%s stands twice", key)
		}
		seen[key] = true
		if !regexp.MustCompile(`^CVE-20\d\d-\d{4,6}$`).MatchString(e.ID) || e.Title == "" || len(e.Sources) == 0 {
			t.Errorf("%+v", e)
		}
		for _, s := range e.Sources {
			if !source.MatchString(s) {
				t.Errorf("%s: source %q", e.ID, s)
			}
		}
		if !slices.Contains([]string{"critical", "high", "medium", "low"}, e.Severity) || names[[2]string{e.Product, e.Part}] == nil {
			t.Errorf("%s: severity %q, product %q, part %q", e.ID, e.Severity, e.Product, e.Part)
		}
		if (e.Setting == "") != (e.Effect == "") {
			t.Errorf("%s: setting %q, effect %q", e.ID, e.Setting, e.Effect)
		}
		if e.Fixed == "" && e.Patch == "" && len(e.Exactly) == 0 {
			t.Errorf("%s: no release mended it, and it is no patch's fault", e.ID)
		}
		if e.From != "" && e.Fixed != "" && packages.CompareUpstream(e.From, e.Fixed) >= 0 {
			t.Errorf("%s: from %s, fixed in %s", e.ID, e.From, e.Fixed)
		}
		for name, version := range e.Distributions {
			s := d.Streams[name]
			if s == nil {
				t.Errorf("%s: no stream %q", e.ID, name)
				continue
			}
			if slices.Contains([]string{"base", "not-affected", "unknown"}, version) {
				continue
			}
			newest := s.Newest[e.Product]
			if newest == "" {
				t.Errorf("%s: %s says nothing of the newest %s", e.ID, name, e.Product)
				continue
			}
			// A rebase inside of a release of RHEL has fixes beyond what the first build had.
			if packages.Upstream(version) != packages.Upstream(newest) {
				if s.Manager != "rpm" {
					t.Errorf("%s: %s in %s, whose newest is %s", e.ID, version, name, newest)
				}
				continue
			}
			if c, ok := packages.Compare(s.Manager, version, newest); !ok || c > 0 {
				t.Errorf("%s: %s is newer than the newest that was read of %s, %s", e.ID, version, name, newest)
			}
		}
	}
	for name, s := range d.Streams {
		if len(s.OS) == 0 || !regexp.MustCompile(`^20\d\d-\d\d$`).MatchString(s.Read) || s.Source == "" || s.Read > d.Date {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if len(d.Entries) < 50 {
		t.Errorf("%d entries", len(d.Entries))
	}
}

func deb(version string) []packages.Package {
	return []packages.Package{{Manager: "dpkg", Name: "openssh-server", Version: version}, {Manager: "dpkg", Name: "openssh-client", Version: version}}
}

func rpm(version string) []packages.Package {
	return []packages.Package{{Manager: "rpm", Name: "openssh-server", Version: version}}
}

func answer(a Answer) func(Need) (Answer, string) {
	return func(Need) (Answer, string) {
		return a, map[Answer]string{Yes: "needed", No: "not needed", Unknown: "not told"}[a]
	}
}

func TestJudge(t *testing.T) {
	yes := answer(Yes)
	type want struct {
		state State
		fixed string
		says  string // part of the reason
	}
	for _, tt := range []struct {
		name string
		host Host
		id   string
		want want
	}{
		{"before Debian's fix", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u2"), Holds: yes}, "CVE-2024-6387",
			want{Vulnerable, "1:9.2p1-2+deb12u3", "lacks the fix of"}},
		{"u10 is newer than u3", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u10"), Holds: yes}, "CVE-2024-6387",
			want{Fixed, "1:9.2p1-2+deb12u3", "mended in"}},
		{"a rebuild", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u3+b1"), Holds: yes}, "CVE-2024-6387",
			want{Fixed, "1:9.2p1-2+deb12u3", "mended in"}},
		{"the configuration shuts it", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2"), Holds: answer(No)}, "CVE-2024-6387",
			want{NotAffected, "1:9.2p1-2+deb12u3", "not needed"}},
		{"the configuration is not known", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2"), Holds: answer(Unknown)}, "CVE-2024-6387",
			want{Possible, "1:9.2p1-2+deb12u3", "not told"}},
		{"nobody asked", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2")}, "CVE-2024-6387",
			want{Possible, "1:9.2p1-2+deb12u3", "not known"}},
		{"bullseye never had it", Host{OS: "debian", Version: "11", Packages: deb("1:8.4p1-5+deb11u1"), Holds: yes}, "CVE-2024-6387",
			want{NotAffected, "", "never had"}},
		{"trixie came after it", Host{OS: "debian", Version: "13", Packages: deb("1:10.0p1-7"), Holds: yes}, "CVE-2024-6387",
			want{Fixed, "9.8p1", ""}},
		{"a backport to bookworm", Host{OS: "debian", Version: "12", Packages: deb("1:9.9p1-3~bpo12+1"), Holds: yes}, "CVE-2025-26466",
			want{Possible, "", "not in our data"}},
		{"a newer backport", Host{OS: "debian", Version: "12", Packages: deb("1:9.9p2-1~bpo12+1"), Holds: yes}, "CVE-2025-26466",
			want{Fixed, "9.9p2", "the release 9.9p2 mended it"}},
		{"Debian sid", Host{OS: "debian", Packages: deb("1:10.6p1-1"), Holds: yes}, "CVE-2026-106585",
			want{Fixed, "10.6p1", "mended"}},
		{"Debian sid, older", Host{OS: "debian", Packages: deb("1:10.5p1-1"), Holds: yes}, "CVE-2026-106585",
			want{Possible, "", "not in our data"}},
		{"no fix was read", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u10"), Holds: yes}, "CVE-2026-106585",
			want{Vulnerable, "", "none is known for this release"}},
		{"newer than our data", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u11"), Holds: yes}, "CVE-2026-106585",
			want{Possible, "", "newer than our data (1:9.2p1-2+deb12u10, read until 2026-05)"}},
		{"newer than our data, and mended before", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u11"), Holds: yes}, "CVE-2024-6387",
			want{Fixed, "1:9.2p1-2+deb12u3", "newer than our data"}},
		{"jammy", Host{OS: "ubuntu", Version: "22.04", Packages: deb("1:8.9p1-3ubuntu0.9"), Holds: yes}, "CVE-2024-6387",
			want{Vulnerable, "1:8.9p1-3ubuntu0.10", "lacks"}},
		{"noble", Host{OS: "ubuntu", Version: "24.04", Packages: deb("1:9.6p1-3ubuntu13.20"), Holds: yes}, "CVE-2026-106585",
			want{Fixed, "1:9.6p1-3ubuntu13.20", ""}},
		{"focal without Pro", Host{OS: "ubuntu", Version: "20.04", Packages: deb("1:8.2p1-4ubuntu0.13"), Holds: yes}, "CVE-2026-3497",
			want{Vulnerable, "1:8.2p1-4ubuntu0.13+esm1", "needs Ubuntu Pro"}},
		{"a FIPS build", Host{OS: "ubuntu", Version: "22.04", Packages: deb("1:8.9p1-3ubuntu0.10+fips1"), Holds: yes}, "CVE-2026-3497",
			want{Possible, "", "FIPS"}},
		{"RHEL 9.4 before", Host{OS: "rhel", Version: "9.4", Packages: rpm("8.7p1-38.el9"), Holds: yes}, "CVE-2024-6387",
			want{Vulnerable, "8.7p1-38.el9_4.1", "lacks"}},
		{"RHEL 9.4 after", Host{OS: "almalinux", Version: "9.4", Packages: rpm("8.7p1-38.el9_4.1.alma.1"), Holds: yes}, "CVE-2024-6387",
			want{Fixed, "8.7p1-38.el9_4.1", ""}},
		{"another minor release", Host{OS: "rhel", Version: "9.2", Packages: rpm("8.7p1-30.el9_2.4"), Holds: yes}, "CVE-2024-6387",
			want{Possible, "8.7p1-38.el9_4.1", "another minor release"}},
		{"a rebase", Host{OS: "rhel", Version: "9.8", Packages: rpm("9.9p1-7.el9_8"), Holds: yes}, "CVE-2026-35414",
			want{Possible, "8.7p1-49.el9_7", "of another release"}},
		{"Red Hat's builds are not told", Host{OS: "rocky", Version: "9.7", Packages: rpm("8.7p1-49.el9_7"), Holds: yes}, "CVE-2026-59999",
			want{Possible, "", "do not say"}},
		{"a distribution of which nothing was read", Host{OS: "amzn", Version: "2023", Packages: rpm("8.7p1-8.amzn2023.0.11"), Holds: yes}, "CVE-2024-6387",
			want{Possible, "", "not in our data"}},
		{"... whose release is newer", Host{OS: "arch", Packages: []packages.Package{{Manager: "pacman", Name: "openssh", Version: "10.6p1-1"}}, Holds: yes}, "CVE-2024-6387",
			want{Fixed, "9.8p1", ""}},
		{"... or older than the fault", Host{OS: "opensuse-leap", Version: "15.5", Packages: rpm("8.4p1-150300.3.30.1"), Holds: yes}, "CVE-2024-6387",
			want{NotAffected, "", "came with"}},
		{"a patch that only others carry", Host{OS: "arch", Packages: []packages.Package{{Manager: "pacman", Name: "openssh", Version: "10.6p1-1"}}, Holds: yes}, "CVE-2024-6409",
			want{NotAffected, "", "patch"}},
		{"a patch of some distributions", Host{OS: "amzn", Version: "2023", Packages: rpm("8.7p1-8.amzn2023.0.11"), Holds: yes}, "CVE-2024-6409",
			want{Possible, "", "patch of some"}},
		{"musl", Host{OS: "alpine", Version: "3.20.1", Packages: []packages.Package{{Manager: "apk", Name: "openssh-server", Version: "9.7_p1-r3"}}, Holds: yes}, "CVE-2024-6387",
			want{NotAffected, "", "never had"}},
		{"Alpine by release", Host{OS: "alpine", Version: "3.22.0", Packages: []packages.Package{{Manager: "apk", Name: "openssh-server", Version: "10.0_p1-r7"}}, Holds: yes}, "CVE-2025-32728",
			want{Fixed, "10.0p1", ""}},
		{"another server than the package's", Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u10"), Foreign: "it runs from /opt", Holds: yes}, "CVE-2024-6387",
			want{Possible, "", "/opt"}},
		{"xz with the back door", Host{OS: "debian", Packages: []packages.Package{{Manager: "dpkg", Name: "liblzma5", Version: "5.6.1-1"}}}, "CVE-2024-3094",
			want{Vulnerable, "", "5.6.1"}},
		{"xz that only says so", Host{OS: "ubuntu", Version: "24.04", Packages: []packages.Package{{Manager: "dpkg", Name: "liblzma5", Version: "5.6.1+really5.4.5-1ubuntu0.4"}}}, "CVE-2024-3094",
			want{NotAffected, "", "only 5.6.0 and 5.6.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.host.Listed = true
			list, _ := Judge(tt.host)
			i := slices.IndexFunc(list, func(f Finding) bool { return f.ID == tt.id && f.Product != "dropbear" })
			if i < 0 {
				t.Fatalf("%s is not judged", tt.id)
			}
			f := list[i]
			if f.State != tt.want.state || f.FixedIn != tt.want.fixed || !strings.Contains(f.Reason, tt.want.says) || f.Reason == "" {
				t.Errorf("%s, fixed in %q: %s", f.State, f.FixedIn, f.Reason)
			}
		})
	}
}

// A banner never says more than possible, and what was not read is lacking.
func TestBannerOnly(t *testing.T) {
	list, lacking := Judge(Host{Banner: "OpenSSH_9.2p1", Holds: answer(Yes)})
	if lacking != "the list of packages was not read" {
		t.Errorf("lacking %q", lacking)
	}
	var ids []string
	for _, f := range list {
		ids = append(ids, f.ID)
		if f.State != Possible || f.Package != "" {
			t.Errorf("%s: %s of package %q", f.ID, f.State, f.Package)
		}
	}
	if !slices.Contains(ids, "CVE-2024-6387") || slices.Contains(ids, "CVE-2025-26466") || slices.Contains(ids, "CVE-2018-15473") {
		t.Errorf("by the banner: %v", ids)
	}
	if list, lacking := Judge(Host{Banner: "OpenSSH_10.6p1"}); len(list) != 0 || lacking == "" {
		t.Errorf("a new release: %d, %q", len(list), lacking)
	}
	if list, lacking := Judge(Host{Listed: true}); len(list) != 0 || lacking == "" {
		t.Errorf("no package at all: %d, %q", len(list), lacking)
	}
	list, lacking = Judge(Host{Listed: true, OS: "debian", Version: "12", Banner: "dropbear_2022.83", Packages: deb("1:9.2p1-2+deb12u10")})
	if lacking != "no package of the server that answers is installed" || !slices.ContainsFunc(list, func(f Finding) bool { return f.Product == "dropbear" && f.State == Possible }) {
		t.Errorf("a dropbear of no package: %q", lacking)
	}
	list, lacking = Judge(Host{Listed: true, OS: "debian", Version: "12", Banner: "dropbear_2022.83", Holds: answer(No),
		Packages: []packages.Package{{Manager: "dpkg", Name: "dropbear-bin", Version: "2022.83-1+deb12u3"}}})
	if lacking != "" || slices.ContainsFunc(list, func(f Finding) bool { return f.Part == "server" && f.ID == "CVE-2023-48795" && f.State != Fixed }) {
		t.Errorf("Debian's dropbear: %q", lacking)
	}
}

func TestHonours(t *testing.T) {
	old := Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u5"), Listed: true}
	type short struct {
		ID     string
		Answer Answer
	}
	ask := func(h Host, setting string) []short {
		out := []short{}
		for _, a := range Honours(h, setting) {
			out = append(out, short{a.ID, a.Answer})
		}
		return out
	}
	if d := cmp.Diff([]short{{"CVE-2025-32728", No}, {"CVE-2026-59999", No}}, ask(old, "disableforwarding")); d != "" {
		t.Error(d)
	}
	newer := Host{OS: "ubuntu", Version: "24.04", Packages: deb("1:9.6p1-3ubuntu13.20"), Listed: true}
	if d := cmp.Diff([]short{}, ask(newer, "DisableForwarding")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]short{{"CVE-2026-73283", Unknown}, {"CVE-2026-106586", Unknown}}, ask(Host{}, "restrict")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]short{}, ask(old, "PasswordAuthentication")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]short{}, ask(old, "")); d != "" {
		t.Error(d)
	}
	for id, want := range map[string]Answer{"CVE-2025-32728": Yes, "CVE-2024-6387": No, "CVE-1999-0001": Unknown} {
		if got := Lacks(old, id); got != want {
			t.Errorf("lacks %s: %v, want %v", id, got, want)
		}
	}
}

// Whatever a host calls its packages: every state has its reason, what is not
// known is possible, and a newer package never lacks what an older one has.
func TestJudgeHolds(t *testing.T) {
	version := rapid.OneOf(
		rapid.StringMatching(`(1:)?[6-9][.][0-9]p[12]-[1-9]([+]deb1[123]u[0-9]{1,2}|ubuntu0[.][0-9]{1,2})?`),
		rapid.StringMatching(`[89][.][0-9]p1-[1-5][0-9][.]el[89](_[0-9]{1,2})?([.][0-9])?`),
		rapid.StringMatching(`[ -~]{0,12}`))
	rapid.Check(t, func(t *rapid.T) {
		h := Host{
			OS:      rapid.SampledFrom([]string{"debian", "ubuntu", "rhel", "centos", "alpine", "arch", ""}).Draw(t, "os"),
			Version: rapid.SampledFrom([]string{"11", "12", "13", "20.04", "22.04", "8", "9.4", "10", ""}).Draw(t, "version"),
			Listed:  true,
		}
		manager := rapid.SampledFrom([]string{"dpkg", "rpm", "apk", "pacman"}).Draw(t, "manager")
		h.Packages = []packages.Package{{Manager: manager, Name: "openssh-server", Version: version.Draw(t, "installed")}}
		met := rapid.SampledFrom([]Answer{Yes, No, Unknown}).Draw(t, "met")
		h.Holds = answer(met)
		list, _ := Judge(h)
		for _, f := range list {
			switch {
			case f.Reason == "":
				t.Fatalf("%s: no reason", f.ID)
			case f.State == Vulnerable && (f.Lacks != Yes || f.Need != "" && met != Yes):
				t.Fatalf("%s: vulnerable, lacks %v", f.ID, f.Lacks)
			case f.State == Fixed && f.Lacks != No:
				t.Fatalf("%s: fixed, lacks %v", f.ID, f.Lacks)
			case f.State == NotAffected && f.Lacks != No && met != No:
				t.Fatalf("%s: not affected, lacks %v", f.ID, f.Lacks)
			case f.State == "":
				t.Fatalf("%s: no state", f.ID)
			}
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	h := Host{OS: "debian", Version: "12", Packages: deb("1:9.2p1-2+deb12u10"), Listed: true, Holds: answer(No)}
	load()
	b.ReportAllocs()
	for b.Loop() {
		Judge(h)
	}
}

// FuzzJudge: no name or version of a host's brings it down.
func FuzzJudge(f *testing.F) {
	f.Add("debian", "12", "dpkg", "1:9.2p1-2+deb12u10", "OpenSSH_9.2p1")
	f.Add("rhel", "9.4", "rpm", "8.7p1-38.el9_", "dropbear_")
	f.Add("alpine", "", "apk", "-.el_", "OpenSSH_")
	f.Fuzz(func(t *testing.T, os, version, manager, installed, banner string) {
		h := Host{OS: os, Version: version, Banner: banner, Listed: true, Holds: answer(Yes),
			Packages: []packages.Package{{Manager: manager, Name: "openssh-server", Version: installed}, {Manager: manager, Name: "liblzma5", Version: installed}}}
		list, _ := Judge(h)
		for _, x := range list {
			if x.State == "" || x.Reason == "" {
				t.Fatalf("%s: %q, %q", x.ID, x.State, x.Reason)
			}
			if x.State == Vulnerable && x.Package == "" {
				t.Fatalf("%s: vulnerable by a banner", x.ID)
			}
		}
	})
}

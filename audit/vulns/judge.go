package vulns

import (
	"fmt"
	"strings"

	"github.com/postern-ssh/postern/audit/packages"
)

// Host is what decides about vulnerabilities.
type Host struct {
	OS, Version string             // ID and VERSION_ID of os-release(5)
	Packages    []packages.Package // installed; nil where Listed is false
	Listed      bool               // the list of packages was read
	// Banner is the server's software version on the wire ("OpenSSH_9.2p1"); it
	// only hints where no package is known.
	Banner string
	// Foreign says why the server that answers may not be the package's; "" it is,
	// as far as was seen.
	Foreign string
	// Holds answers whether a need is met, with the reason in words. nil: never known.
	Holds func(Need) (Answer, string)
}

// Finding is one vulnerability on one host.
type Finding struct {
	*Entry
	Package   string // its name; "" not known
	Installed string // its version; "" not known
	FixedIn   string // package version with the fix; "" not known
	// Lacks is Yes where the installed package lacks the fix, No where it has it
	// or never had the fault, whatever the configuration is.
	Lacks  Answer
	State  State
	Reason string // a clause
}

// Judge holds a host to all that is known. lacking says why there may be more
// than the list holds; "" where all was judged.
func Judge(h Host) (list []Finding, lacking string) {
	d := load()
	seen := map[string]bool{}
	for _, e := range d.Entries {
		p, ok := h.find(e)
		if !ok {
			continue
		}
		if e.Part == "server" {
			seen[e.Product] = true
		}
		list = append(list, d.judge(e, &h, p))
	}
	product, release := banner(h.Banner)
	switch {
	case !h.Listed || h.Foreign != "" || product != "" && !seen[product]:
		why := "the list of packages was not read"
		switch {
		case h.Foreign != "":
			why = h.Foreign
		case h.Listed:
			why = "no package of the server that answers is installed"
		}
		if product != "" && !seen[product] {
			list = append(list, d.byBanner(product, release)...)
		}
		return list, why
	case len(list) == 0:
		return nil, "no SSH package is known here"
	}
	return list, ""
}

// Honour says whether a setting does what its manual says in the installed package.
type Honour struct {
	Answer  Answer
	Effect  string // what happens instead, where the answer is not Yes
	ID      string // of the vulnerability
	FixedIn string
	Reason  string
}

// Honours asks the installed server whether it heeds a setting of sshd_config
// or an option of authorized_keys ("restrict", "principals"), by version alone:
// what else has to hold is the caller's to know. All faults are listed; an empty
// list says that none is known, and is no promise where Listed is false.
func Honours(h Host, setting string) []Honour {
	d := load()
	var out []Honour
	for _, e := range d.Entries {
		if !strings.EqualFold(e.Setting, setting) || e.Setting == "" {
			continue
		}
		hon := Honour{Effect: e.Effect, ID: e.ID, Reason: "the list of packages was not read"}
		if p, ok := h.find(e); ok {
			f := d.judge(e, &h, p)
			hon.FixedIn, hon.Reason = f.FixedIn, f.Reason
			switch f.Lacks {
			case No:
				continue
			case Yes:
				hon.Answer = No
			}
		}
		out = append(out, hon)
	}
	return out
}

// Lacks says whether the installed package lacks the fix of one vulnerability,
// by version alone. An id that is not known is Unknown.
func Lacks(h Host, id string) Answer {
	d := load()
	for _, e := range d.Entries {
		if e.ID != id || e.Product != "openssh" {
			continue
		}
		if p, ok := h.find(e); ok {
			f := d.judge(e, &h, p)
			return f.Lacks
		}
	}
	return Unknown
}

// names are the packages that hold a part of a product, the likeliest first.
var names = map[[2]string][]string{
	{"openssh", "server"}:  {"openssh-server", "openssh-server-pam", "openssh-server-krb5", "openssh"},
	{"openssh", "client"}:  {"openssh-client", "openssh-clients", "openssh-client-default", "openssh-client-krb5", "openssh"},
	{"dropbear", "server"}: {"dropbear-bin", "dropbear", "dropbear-run", "dropbear-initramfs"},
	{"dropbear", "client"}: {"dropbear-bin", "dropbear-dbclient", "dropbear"},
	{"xz", "server"}:       {"liblzma5", "xz-libs", "liblzma", "xz"},
}

func (h *Host) find(e *Entry) (packages.Package, bool) {
	for _, name := range names[[2]string{e.Product, e.Part}] {
		for _, p := range h.Packages {
			if p.Name == name {
				return p, true
			}
		}
	}
	return packages.Package{}, false
}

func (d *data) judge(e *Entry, h *Host, p packages.Package) Finding {
	f := Finding{Entry: e, Package: p.Name, Installed: p.Version}
	if e.Product == "openssh" && e.Part == "server" && h.Foreign != "" {
		f.State, f.Reason = Possible, h.Foreign
		return f
	}
	d.version(&f, h)
	switch f.Lacks {
	case No:
		return f
	case Unknown:
		f.State = Possible
	case Yes:
		f.State = Vulnerable
	}
	if e.Need == "" {
		return f
	}
	met, why := Unknown, "what it needs is not known"
	if h.Holds != nil {
		met, why = h.Holds(e.Need)
	}
	switch met {
	case No:
		f.State = NotAffected
	case Unknown:
		f.State = Possible
	}
	if why != "" {
		f.Reason += "; " + why
	}
	return f
}

// version decides by the package alone: Lacks, FixedIn, Reason, and State where
// the answer is No.
func (d *data) version(f *Finding, h *Host) {
	e, installed := f.Entry, f.Installed
	manager := h.manager(f.Package)
	up := packages.Upstream(installed)
	if len(e.Exactly) > 0 {
		f.exactly(up)
		return
	}
	name, s := d.stream(h.OS, h.Version, manager)
	in, listed := e.Distributions[name]
	// What is said of a distribution's release holds for the release of the
	// project that it ships: not for backports and rebases. Alpine's entries have
	// no release and hold for all.
	ours := s != nil && (s.Version == "" || s.Newest[e.Product] != "" && up == packages.Upstream(s.Newest[e.Product]))
	special := strings.Contains(strings.ToLower(installed), "fips")
	fixedUp := e.Fixed != "" && packages.CompareUpstream(up, e.Fixed) >= 0
	switch {
	case ours && in == "not-affected":
		f.no(NotAffected, "this distribution's package never had the fault")
		return
	case fixedUp:
		f.FixedIn = e.Fixed
		f.no(Fixed, "the release "+e.Fixed+" mended it")
		return
	case special:
		f.Reason = "a FIPS build with numbers of its own, of which no advisory was read"
		return
	}
	switch version := in; {
	case listed && ours && version == "base":
		f.no(Fixed, "mended before this release of the distribution came out")
	case listed && ours && version == "unknown":
		f.Reason = fmt.Sprintf("the advisories read until %s do not say which build mends it", s.Read)
	case listed && version != "base" && version != "unknown" && version != "not-affected":
		f.FixedIn = version
		f.against(version, manager, s)
	case !ours || s.Version == "":
		f.upstream(up, manager)
	case e.From != "" && packages.CompareUpstream(up, e.From) < 0 && !e.patched(manager):
		f.no(NotAffected, "the fault came with "+e.From)
	default: // a release that was read, and no fix in it
		if c, _ := packages.Compare(manager, installed, s.Newest[e.Product]); c > 0 {
			f.Reason = fmt.Sprintf("%s is newer than our data (%s, read until %s), which know of no fix", installed, s.Newest[e.Product], s.Read)
			return
		}
		f.Lacks = Yes
		f.Reason = fmt.Sprintf("%s lacks the fix, and none is known for this release of the distribution (read until %s)", installed, s.Read)
	}
}

func (f *Finding) no(state State, reason string) {
	f.Lacks, f.State, f.Reason = No, state, reason
}

// exactly judges by a set of releases. A version that names another release
// behind "+really" holds that one.
func (f *Finding) exactly(up string) {
	if _, really, ok := strings.Cut(up, "+really"); ok {
		up = really
	}
	for _, bad := range f.Exactly {
		if up == bad {
			f.Lacks, f.Reason = Yes, "the release "+bad
			return
		}
	}
	f.no(NotAffected, "only "+strings.Join(f.Exactly, " and ")+" had it")
}

// against compares with the version that mended a distribution's package.
func (f *Finding) against(fix, manager string, s *Stream) {
	installed := f.Installed
	c, ok := packages.Compare(manager, installed, fix)
	same := packages.Upstream(installed) == packages.Upstream(fix)
	switch {
	case !ok:
		f.Reason = "versions of " + manager + " cannot be compared"
	case !same:
		f.upstreamOther(fix, s)
	case c >= 0:
		f.no(Fixed, "mended in "+fix)
		if n, _ := packages.Compare(manager, installed, s.Newest[f.Product]); n > 0 {
			f.Reason += fmt.Sprintf("; %s is newer than our data (%s, read until %s)", installed, s.Newest[f.Product], s.Read)
		}
	case manager == "rpm" && !sameMinor(installed, fix):
		f.Reason = "mended in " + fix + ", and " + installed + " is of another minor release, whose fixes have numbers of their own"
	default:
		f.Lacks, f.Reason = Yes, installed+" lacks the fix of "+fix
		if strings.Contains(fix, "+esm") {
			f.Reason += ", which needs Ubuntu Pro"
		}
	}
}

// upstreamOther is a package of another release of the project than its
// distribution's advisories speak of: a backport, or a rebase.
func (f *Finding) upstreamOther(fix string, s *Stream) {
	f.Reason = fmt.Sprintf("the advisories read until %s speak of %s; %s is of another release", s.Read, fix, f.Installed)
}

// sameMinor reports whether two builds of the RHEL family can be compared:
// 38.el9_4.1 and 38.el9_4.4, or a build without a minor number whose leading
// number is not above the fix's base (8.7p1-38.el9 and 8.7p1-38.el9_4.1).
func sameMinor(installed, fix string) bool {
	in, fx := minor(installed), minor(fix)
	if in == fx {
		return true
	}
	if in != "" || fx == "" {
		return false
	}
	a, b := leading(installed), leading(fix)
	// ".1" behind the minor number was added to the very build that the number names.
	added := strings.Contains(fix[strings.LastIndex(fix, "_")+1:], ".")
	return packages.CompareUpstream(a, b) < 0 || a == b && added
}

// minor is "9_4" of 8.7p1-38.el9_4.1, and "" of 8.7p1-38.el9.
func minor(version string) string {
	_, tag, ok := strings.Cut(version, ".el")
	if !ok {
		return ""
	}
	tag, _, _ = strings.Cut(tag, ".")
	if !strings.Contains(tag, "_") {
		return ""
	}
	return tag
}

// leading is "38" of 8.7p1-38.el9_4.1.
func leading(version string) string {
	rel := version[strings.LastIndexByte(version, '-')+1:]
	rel, _, _ = strings.Cut(rel, ".")
	return rel
}

// upstream judges a package of which no advisory was read, by the project's own
// releases: newer than the fix is sure, all else is not.
func (f *Finding) upstream(up, manager string) {
	e := f.Entry
	switch {
	case e.patched(manager):
		f.Reason = "a patch of some distributions had it, and no advisory of this one was read"
	case e.Fixed == "":
		f.no(NotAffected, "only another distribution's patch had it")
	case e.From != "" && packages.CompareUpstream(up, e.From) < 0:
		f.no(NotAffected, "the fault came with "+e.From)
	default:
		f.Reason = "the project mended it in " + e.Fixed + "; whether this distribution did so in " + f.Installed + " is not in our data (" + Date() + ")"
	}
}

func (e *Entry) patched(manager string) bool {
	for _, m := range strings.Fields(e.Patch) {
		if m == manager {
			return true
		}
	}
	return false
}

func (h *Host) manager(name string) string {
	for _, p := range h.Packages {
		if p.Name == name {
			return p.Manager
		}
	}
	return ""
}

// banner takes a software version apart: OpenSSH_9.2p1, dropbear_2022.83.
func banner(software string) (product, release string) {
	if r, ok := packages.ReleaseInBanner(software); ok {
		return "openssh", r.String()
	}
	if rest, ok := strings.CutPrefix(software, "dropbear_"); ok && len(rest) <= 32 {
		return "dropbear", rest
	}
	return "", ""
}

// byBanner lists what a release had when the project made it. It never says
// more than possible.
func (d *data) byBanner(product, release string) []Finding {
	var out []Finding
	for _, e := range d.Entries {
		if e.Product != product || e.Part != "server" || e.Fixed == "" || packages.CompareUpstream(release, e.Fixed) >= 0 ||
			e.From != "" && packages.CompareUpstream(release, e.From) < 0 {
			continue
		}
		out = append(out, Finding{Entry: e, State: Possible,
			Reason: "the banner says " + release + ", and distributions mend faults without changing it"})
	}
	return out
}

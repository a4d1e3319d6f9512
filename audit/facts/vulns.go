package facts

import (
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/packages"
	"github.com/postern-ssh/postern/audit/vulns"
)

// vulnerabilities holds the installed SSH packages to what is known of them.
func (b *builder) vulnerabilities() {
	b.f.VulnerabilityData = vulns.Date()
	h := b.vulnHost()
	met := map[vulns.Need][]Evidence{}
	h.Holds = func(n vulns.Need) (vulns.Answer, string) {
		a, why, evidence := b.holds(n)
		met[n] = evidence
		return a, why
	}
	found, lacking := vulns.Judge(h)
	switch {
	case lacking == "":
	case b.f.Unknown["packages"] != "":
		b.gap("vulnerabilities", "packages", b.f.Unknown["packages"])
	case b.noServer():
		// No server, and no package of one: there is nothing to lack.
	default:
		b.gap("vulnerabilities", "packages", lacking)
	}
	for _, g := range b.f.Gaps["packages"] {
		b.gap("vulnerabilities", g.Path, g.Reason)
	}
	for i := range found {
		b.f.Vulnerabilities = append(b.f.Vulnerabilities, vulnerability(&found[i], met))
	}
}

// noServer reports whether it is known that no SSH server is here.
func (b *builder) noServer() bool {
	_, unknown := b.f.Unknown["sshd"]
	return !b.f.Sshd.Present && !unknown && !b.in.daemons
}

func vulnerability(f *vulns.Finding, met map[vulns.Need][]Evidence) Vulnerability {
	v := Vulnerability{
		ID: f.ID, Name: f.Name, Title: f.Title, Severity: f.Severity, Part: f.Part,
		Package: f.Package, Installed: f.Installed, FixedIn: f.FixedIn, State: string(f.State), Exposed: "unknown",
		Setting: f.Setting, Effect: f.Effect, Reason: f.Reason, Sources: f.Sources,
	}
	switch f.State {
	case vulns.Vulnerable:
		v.Exposed = "yes"
	case vulns.Fixed, vulns.NotAffected:
		v.Exposed = "no"
	}
	text := "no package was seen"
	if f.Package != "" {
		text = f.Package + " " + f.Installed
	}
	v.Evidence = []Evidence{{Text: text, Witness: f.ID + ": " + f.Title + "; " + f.Reason}}
	if f.Lacks == vulns.Yes {
		v.Evidence = append(v.Evidence, met[f.Need]...)
	}
	return v
}

// lacksFix says whether the installed server lacks the fix of one vulnerability.
func (b *builder) lacksFix(id string) vulns.Answer { return vulns.Lacks(b.vulnHost(), id) }

// vulnHost is what the vulnerabilities ask of a host, without its settings.
func (b *builder) vulnHost() vulns.Host {
	h := vulns.Host{OS: b.f.Host.OS, Version: b.f.Host.Version, Banner: b.f.Wire.Software}
	_, unknown := b.f.Unknown["packages"]
	h.Listed = !unknown
	if h.Listed {
		for _, p := range b.f.Packages {
			h.Packages = append(h.Packages, packages.Package{Manager: p.Manager, Name: p.Name, Version: p.Version})
		}
	}
	h.Foreign = b.in.foreign
	return h
}

// packaged are the places where packages put a server's executable.
var packaged = []string{"/usr/sbin/", "/usr/bin/", "/usr/lib/", "/usr/lib64/", "/usr/libexec/", "/sbin/", "/bin/", "/lib/"}

// otherBuild says why the sshd that answers may not be the one of the package.
func (b *builder) otherBuild(d *sshDaemon) string {
	if d != nil {
		if d.Kind != "sshd" {
			return "" // its own package is looked for by its banner
		}
		if d.Exe != "" && !slices.ContainsFunc(packaged, func(dir string) bool { return strings.HasPrefix(d.Exe, dir) }) {
			return "the server runs from " + d.Exe + ", which no package puts there"
		}
	}
	// The banner and the package name the same release, or one of them is not the
	// server's.
	shown, ok := packages.ReleaseInBanner(b.f.Wire.Software)
	if !ok {
		return ""
	}
	for _, name := range []string{"openssh-server", "openssh-server-pam", "openssh-server-krb5", "openssh"} {
		for _, p := range b.f.Packages {
			if p.Name != name {
				continue
			}
			if r, ok := packages.ReleaseOf(p.Version); ok && (r.Major != shown.Major || r.Minor != shown.Minor) {
				return "the server calls itself OpenSSH_" + shown.String() + ", but " + p.Name + " is " + p.Version
			}
			return ""
		}
	}
	return ""
}

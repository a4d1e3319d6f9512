package facts

import (
	"fmt"
	"strings"

	"github.com/postern-ssh/postern/audit/packages"
	"github.com/postern-ssh/postern/audit/snapshot"
)

func (b *builder) packages() {
	data, missing := b.output(snapshot.OutPackages)
	if missing != "" {
		b.unknown("packages", missing)
		return
	}
	list, skipped := packages.Parse(data)
	for _, p := range list {
		b.f.Packages = append(b.f.Packages, Package{Manager: p.Manager, Name: p.Name, Version: p.Version})
	}
	if skipped > 0 {
		b.gap("packages", "", fmt.Sprintf("%d lines of the package list could not be read", skipped))
	}
	b.gaps("packages", snapshot.OutPackages)
}

// installed gives the version of the first package of these names; a name that
// ends in "*" is a prefix.
func (b *builder) installed(names ...string) (name, version string) {
	for _, want := range names {
		prefix, isPrefix := strings.CutSuffix(want, "*")
		for _, p := range b.f.Packages {
			if p.Name == want || isPrefix && strings.HasPrefix(p.Name, prefix) {
				return p.Name, p.Version
			}
		}
	}
	return "", ""
}

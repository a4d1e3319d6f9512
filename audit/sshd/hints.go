package sshd

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// unknownHint says what a keyword that sshd does not know may have meant.
func (l *loader) unknownHint(name string, newer Version) string {
	if len(l.Faults) >= maxFaults {
		return ""
	}
	if newer.Known() {
		return fmt.Sprintf("%s needs OpenSSH %s; this sshd is %s", name, newer, l.opt.Version)
	}
	for _, i := range index[strings.ToLower(name)] {
		if r := &rows[i]; !r.vendorIn(l.opt.Distro) {
			return fmt.Sprintf("%s is known only to the sshd of %s", r.name, strings.ReplaceAll(r.vendor, " ", ", "))
		} else if l.opt.Version.outlives(r.gone) {
			return fmt.Sprintf("%s is gone since OpenSSH %s: remove the line", r.name, r.gone)
		}
	}
	if n := near(name, l.opt.Version, l.opt.Distro); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

// near finds the keyword that a misspelt one most likely is; "" none is close.
func near(name string, v Version, distro string) string {
	if len(name) > 64 {
		return ""
	}
	lower := strings.ToLower(name)
	best, dist := "", len(name)/4+2
	for i := range rows {
		r := &rows[i]
		if !r.in(v) || !r.vendorIn(distro) || r.fate != acted {
			continue
		}
		if d := levenshtein.ComputeDistance(lower, strings.ToLower(r.name)); d < dist {
			best, dist = r.name, d
		}
	}
	return best
}

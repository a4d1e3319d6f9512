package report

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// group is one host, or several with the same results.
type group struct {
	*seenHost            // the first
	names       []string // all, in the inventory's order
	samePlaces  bool     // their evidence is equal too
	criticals   int      // failing critical rules of one of them
	worst       policies.Severity
	worstRule   string
	worstFailed bool // some rule fails
}

// fold joins equal hosts, and parts those that were looked at, worst first, from
// those that were not, in the inventory's order.
func fold(hosts []*seenHost, place map[string]int) (looked, missed []*group) {
	hosts = slices.Clone(hosts)
	slices.SortStableFunc(hosts, func(a, b *seenHost) int {
		return compareHosts(place, a.name, a.address, b.name, b.address)
	})
	groups := make(map[[sha256.Size]byte]*group, len(hosts))
	for _, h := range hosts {
		if g := groups[h.key]; g != nil {
			g.names = append(g.names, h.name)
			g.samePlaces = g.samePlaces && g.places == h.places
			continue
		}
		g := &group{seenHost: h, names: []string{h.name}, samePlaces: true}
		for i := range h.outcomes {
			o := &h.outcomes[i]
			if o.verdict != policies.Fail {
				continue
			}
			if !g.worstFailed {
				g.worst, g.worstRule, g.worstFailed = o.severity, o.rule, true
			}
			if o.severity == policies.Critical {
				g.criticals++
			}
		}
		groups[h.key] = g
		if h.state == audit.Refused || h.state == audit.Unreachable {
			missed = append(missed, g)
		} else {
			looked = append(looked, g)
		}
	}
	slices.SortStableFunc(looked, func(a, b *group) int {
		if (a.criticals > 0) != (b.criticals > 0) {
			return cmp.Compare(b.criticals, a.criticals)
		}
		return cmp.Compare(a.score.Value, b.score.Value) // without a score: 0
	})
	return looked, missed
}

// someNames gives up to four names, and of more the first two and a number.
func someNames(names []string, all bool) string {
	if len(names) <= 4 || all {
		return strings.Join(names, ", ")
	}
	return names[0] + ", " + names[1] + " and " + strconv.Itoa(len(names)-2) + " more"
}

// plural gives "1 host", "2 hosts".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

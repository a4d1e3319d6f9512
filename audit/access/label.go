package access

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
)

// label says in words where an answer holds, and puts the witness together.
func (w *who) label(a *Answer, total int) {
	const most = 4
	switch {
	case len(a.Places) == total:
		a.From = "anywhere"
	case a.Places[0].Label == "anywhere":
		a.From = "anywhere else"
	default:
		labels := make([]string, 0, most)
		all := outermost(a.Places)
		for i, l := range all {
			if i == most {
				labels = append(labels, strconv.Itoa(len(all)-most)+" more")
				break
			}
			if i > 0 {
				l = strings.TrimPrefix(l, "from ")
			}
			labels = append(labels, l)
		}
		a.From = strings.Join(labels, " or ")
	}
	for i := range a.Evidence {
		w.witness(a, &a.Evidence[i])
	}
}

// outermost are the labels of places without those of networks that lie inside
// another one of them.
func outermost(places []*sshd.Context) []string {
	var out []string
	nets := make([]netip.Prefix, len(places))
	for i, p := range places {
		if word, ok := strings.CutPrefix(p.Label, "from "); ok {
			if nets[i], _ = netip.ParsePrefix(word); !nets[i].IsValid() {
				if a, err := netip.ParseAddr(word); err == nil {
					nets[i] = netip.PrefixFrom(a, a.BitLen())
				}
			}
		}
	}
next:
	for i, p := range places {
		for k := range nets {
			if n := nets[i]; k != i && n.IsValid() && nets[k].IsValid() && nets[k].Bits() < n.Bits() && nets[k].Contains(n.Addr()) {
				continue next
			}
		}
		if !slices.Contains(out, p.Label) {
			out = append(out, p.Label)
		}
	}
	return out
}

// witness completes the sentence of a piece of evidence by who and where.
func (w *who) witness(a *Answer, e *Evidence) {
	if e.Witness == "" {
		return
	}
	where := a.From
	switch where {
	case "anywhere else":
		where = "from " + a.Places[0].Addr + ", say,"
	case "anywhere":
		where = "from anywhere"
	}
	e.Witness = "user " + w.Name + " " + where + " " + e.Witness
}

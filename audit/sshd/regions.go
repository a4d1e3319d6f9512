package sshd

import (
	"net/netip"
	"sort"
	"strconv"
	"strings"
)

// generic are addresses for documentation and benchmarks, which no
// configuration should name (RFC 5737, RFC 3849, RFC 2544).
var generic = []string{"203.0.113.77", "198.51.100.23", "192.0.2.99", "2001:db8::77", "198.18.0.7"}

// addresses returns one address for each region of client addresses.
func (d *dimensions) addresses() (out []sample, capped bool) {
	lists := d.addr
	for _, h := range d.host {
		if l, ok := compileAddrs(h); ok {
			lists = append(lists, l)
		}
	}
	cand, capped := candidates(lists)
	prefixes := prefixesOf(lists)
	bySig := map[string]int{}
	labels := map[int][]string{}
	for _, a := range cand {
		text := a.String()
		sig := string(d.addrSignature(nil, a, text, text))
		label := region(prefixes, lists, a, text)
		i, have := bySig[sig]
		if !have {
			i = len(out)
			bySig[sig] = i
			out = append(out, sample{value: text})
		}
		if label == "anywhere" && (len(labels[i]) == 0 || labels[i][0] != "anywhere") {
			out[i].value = text
			labels[i] = []string{"anywhere"}
		} else if len(labels[i]) == 0 || labels[i][0] != "anywhere" && !contains(labels[i], label) {
			labels[i] = append(labels[i], label)
		}
	}
	for i := range out {
		out[i].label = orLabel(labels[i])
	}
	// The place that nothing names comes first.
	sort.SliceStable(out, func(i, j int) bool { return out[i].label == "anywhere" && out[j].label != "anywhere" })
	return out, capped
}

// orLabel joins "from A" and "from B" to "from A or B".
func orLabel(labels []string) string {
	const most = 3
	more := ""
	if len(labels) > most {
		more = " or " + strconv.Itoa(len(labels)-most) + " more"
		labels = labels[:most]
	}
	s := labels[0]
	for _, l := range labels[1:] {
		s += " or " + strings.TrimPrefix(l, "from ")
	}
	return s + more
}

// region names the smallest named network that an address lies in.
func region(prefixes []netip.Prefix, lists []addrList, a netip.Addr, text string) string {
	best := -1
	for i, p := range prefixes {
		if p.Contains(a) && (best < 0 || p.Bits() > prefixes[best].Bits()) {
			best = i
		}
	}
	if best >= 0 {
		if p := prefixes[best]; p.IsSingleIP() {
			return "from " + p.Addr().String()
		}
		return "from " + prefixes[best].String()
	}
	for _, l := range lists {
		for i := range l {
			if l[i].pattern != "" && l[i].pattern != "*" && matchPattern(text, l[i].pattern) {
				return "from " + l[i].pattern
			}
		}
	}
	return "anywhere"
}

func prefixesOf(lists []addrList) []netip.Prefix {
	var out []netip.Prefix
	seen := map[netip.Prefix]bool{}
	for _, l := range lists {
		for i := range l {
			if p := l[i].prefix; p.IsValid() && !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	return out
}

// candidates returns addresses of which at least one lies in each region that
// the lists cut out. Networks are nested or disjoint, so each region holds the
// first or last address of a network, or the one before or behind it.
func candidates(lists []addrList) (out []netip.Addr, capped bool) {
	seen := map[netip.Addr]bool{}
	entries := 1
	for _, l := range lists {
		entries += len(l)
	}
	most := min(maxCandidates, max(maxWork/entries, len(generic)))
	add := func(a netip.Addr) {
		if !a.IsValid() || seen[a] {
			return
		}
		if len(out) >= most {
			capped = true
			return
		}
		seen[a] = true
		out = append(out, a)
	}
	for _, g := range generic {
		add(netip.MustParseAddr(g))
	}
	for _, p := range prefixesOf(lists) {
		first, last := p.Addr(), lastOf(p)
		if !p.IsSingleIP() && first.Next() != last {
			add(first.Next()) // looks more like a client than the network's own address
		}
		add(first)
		add(last)
		add(first.Prev())
		add(last.Next())
	}
	for _, l := range lists {
		for i := range l {
			for _, s := range samplesOf(l[i].pattern) {
				if a, err := netip.ParseAddr(s); err == nil {
					add(a)
				}
			}
		}
	}
	return out, capped
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// samplesOf fills a wildcard pattern in a few ways.
func samplesOf(pattern string) []string {
	if pattern == "" || len(pattern) > 256 {
		return nil
	}
	pattern = strings.ReplaceAll(pattern, "?", "1")
	if !strings.Contains(pattern, "*") {
		return []string{pattern}
	}
	var out []string
	for _, fill := range []string{"", "1", "7.7", "7.7.7", "7.7.7.7", ":7", "7::7", "x"} {
		out = append(out, strings.ReplaceAll(pattern, "*", fill))
	}
	return out
}

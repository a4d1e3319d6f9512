package sshd

import (
	"net/netip"
	"sort"
	"strconv"
	"strings"
)

// sample is one representative value of a dimension.
type sample struct{ value, label string }

// dimensions are the criteria that split each dimension of a place.
type dimensions struct {
	c    *Config
	addr []addrList // Match Address, and the host part of user patterns
	host []string   // Match Host, and the host part of user patterns

	local   []addrList // Match LocalAddress
	port    map[int]bool
	rdomain []string
	useDNS  bool
}

func (c *Config) dimensions(lists []string) *dimensions {
	d := &dimensions{c: c, port: map[int]bool{}}
	dns := c.global.Get("UseDNS")
	d.useDNS = dns.First() == "yes" || dns.Unknown != ""
	seen := map[string]bool{}
	first := func(kind, arg string) bool {
		k := kind + "\x00" + arg
		if seen[k] {
			return false
		}
		seen[k] = true
		return true
	}
	for _, m := range c.conds {
		for i := range m.criteria {
			k := &m.criteria[i]
			switch k.attr {
			case matchAddress:
				if first("a", k.arg) {
					d.addr = append(d.addr, k.addrs)
				}
			case matchHostName:
				if first("h", k.arg) {
					d.host = append(d.host, k.arg)
				}
			case matchLocalAddress:
				if first("l", k.arg) {
					d.local = append(d.local, k.addrs)
				}
			case matchLocalPort:
				d.port[k.port] = true
			case matchRDomain:
				if first("r", k.arg) {
					d.rdomain = append(d.rdomain, k.arg)
				}
			}
		}
	}
	add := func(list string) {
		if !first("u", list) {
			return
		}
		if addrs, ok := compileAddrs(list); ok {
			d.addr = append(d.addr, addrs)
		}
		if first("h", list) {
			d.host = append(d.host, list)
		}
	}
	for i := range c.lines {
		l := &c.lines[i]
		if l.row < 0 || rows[l.row].kind != kindUsers {
			continue
		}
		for _, p := range l.args {
			if _, list, has := SplitUser(p); has {
				add(list)
			}
		}
	}
	for _, list := range lists {
		add(list)
	}
	return d
}

// signature is what every criterion about places says to one place.
func (d *dimensions) signature(p *Context) string {
	b := make([]byte, 0, 64)
	addr, local := p.addr(), p.localAddr()
	b = d.addrSignature(b, addr, p.Addr, p.hostName())
	for _, l := range d.local {
		b = append(b, byte(l.match(local, p.LocalAddr)))
	}
	if d.port[p.LocalPort] {
		b = strconv.AppendInt(append(b, ':'), int64(p.LocalPort), 10)
	}
	for _, r := range d.rdomain {
		m := 0
		if p.RDomain != "" { // without one no RDomain holds, not even "*"
			m = matchList(p.RDomain, r, false)
		}
		b = append(b, byte(m))
	}
	return string(b)
}

func (d *dimensions) addrSignature(b []byte, addr netip.Addr, text, host string) []byte {
	for _, l := range d.addr {
		b = append(b, byte(l.match(addr, text)))
	}
	for _, h := range d.host {
		b = append(b, byte(matchHost(host, h)))
	}
	return b
}

// hosts returns the client names to try: none, and one for each pattern that a
// resolved name can fit.
func (d *dimensions) hosts() []sample {
	out := []sample{{}}
	if !d.useDNS {
		return out
	}
	seen := map[string]bool{}
	for _, h := range d.host {
		for p := range strings.SplitSeq(h, ",") {
			p = strings.ToLower(strings.TrimPrefix(p, "!"))
			if _, form := parseCIDR(p); form != cidrNot || strings.Trim(p, "0123456789.:*?") == "" {
				continue
			}
			p = strings.ReplaceAll(strings.ReplaceAll(p, "*", "x"), "?", "x")
			if p == "" || seen[p] || len(out) >= 64 {
				continue
			}
			seen[p] = true
			out = append(out, sample{p, "by the name " + p})
		}
	}
	return out
}

// locals returns the addresses that a login may arrive at.
func (d *dimensions) locals() []sample {
	if len(d.local) == 0 {
		return []sample{{value: "192.0.2.1"}}
	}
	cand, _ := candidates(d.local)
	if fixed := d.listenAddrs(); fixed != nil {
		cand = fixed
	}
	prefixes := prefixesOf(d.local)
	seen := map[string]bool{}
	var out []sample
	for _, a := range cand {
		var sig []byte
		for _, l := range d.local {
			sig = append(sig, byte(l.match(a, a.String())))
		}
		if seen[string(sig)] || len(out) >= 64 {
			continue
		}
		seen[string(sig)] = true
		label := region(prefixes, d.local, a, a.String())
		if label == "anywhere" {
			label = ""
		} else {
			label = "to " + strings.TrimPrefix(label, "from ")
		}
		out = append(out, sample{a.String(), label})
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].label == "" && out[j].label != "" })
	return out
}

// listenAddrs are the addresses that sshd listens on, where all are plain.
func (d *dimensions) listenAddrs() []netip.Addr {
	var out []netip.Addr
	v := d.c.global.Get("ListenAddress")
	if v.Unknown != "" {
		return nil
	}
	for _, a := range v.Args {
		host, _, _ := splitListen(a)
		ip, ok := parseAddr(host)
		if !ok || ip.IsUnspecified() {
			return nil
		}
		out = append(out, ip)
	}
	return out
}

// ports returns a listening port that no criterion names, if there is one, and
// every port that is named.
func (d *dimensions) ports() []sample {
	listen := map[int]bool{}
	var order []int
	addPort := func(s string) {
		if n, err := strconv.Atoi(s); err == nil && !listen[n] {
			listen[n] = true
			order = append(order, n)
		}
	}
	for _, p := range d.c.global.Get("Port").Args {
		addPort(p)
	}
	for _, a := range d.c.global.Get("ListenAddress").Args {
		if _, port, _ := splitListen(a); port != "" {
			addPort(port)
		}
	}
	if len(order) == 0 {
		order = []int{22}
	}
	var out []sample
	for _, n := range order {
		if !d.port[n] {
			out = append(out, sample{value: strconv.Itoa(n)})
			break
		}
	}
	var named []int
	for n := range d.port {
		named = append(named, n)
	}
	sort.Ints(named)
	for _, n := range named {
		if len(out) < 64 && n > 0 { // nobody arrives at port 0
			out = append(out, sample{strconv.Itoa(n), "on port " + strconv.Itoa(n)})
		}
	}
	return out
}

func (d *dimensions) domains() []sample {
	out := []sample{{}}
	if len(d.rdomain) > 0 { // one that no pattern names
		out = append(out, sample{"postern-vrf", "in another routing domain"})
	}
	for _, r := range d.rdomain {
		for p := range strings.SplitSeq(r, ",") {
			p = strings.TrimPrefix(p, "!")
			p = strings.ReplaceAll(strings.ReplaceAll(p, "*", "x"), "?", "x")
			if p != "" && len(out) < 16 {
				out = append(out, sample{p, "in routing domain " + p})
			}
		}
	}
	return out
}

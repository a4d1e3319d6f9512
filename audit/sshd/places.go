package sshd

import (
	"net/netip"
	"sort"
	"strconv"
	"strings"
)

// User is an account as Match sees it.
type User struct {
	Name   string
	Groups []string // names, primary and supplementary; nil: the account does not exist
}

// MaxPlaces bounds the places that [Config.Places] returns.
const MaxPlaces = 256

// maxCandidates bounds the addresses tried, maxTries the combinations of all
// dimensions, maxWork the comparisons of addresses with list entries.
const (
	maxCandidates = 4096
	maxTries      = 1 << 16
	maxWork       = 1 << 23
)

// Places returns one representative for each region of logins that the
// configuration can tell apart by where they come from and where they arrive:
// by the criteria of Match and by user@host in AllowUsers and DenyUsers. Their
// User is empty. The first lies in no region that the configuration names,
// where there is such a place. capped says that there are more than MaxPlaces.
func (c *Config) Places() (places []Context, capped bool) {
	d := c.dimensions()
	addrs, capA := d.addresses()
	hosts := d.hosts()
	locals := d.locals()
	ports := d.ports()
	domains := d.domains()
	capped = capA
	seen := map[string]bool{}
	tries := 0
	for _, rd := range domains {
		for _, port := range ports {
			for _, local := range locals {
				for _, host := range hosts {
					for _, a := range addrs {
						if tries++; tries > maxTries {
							return places, true
						}
						p := Context{Addr: a.value, Host: host.value, LocalAddr: local.value, RDomain: rd.value, Label: a.label}
						p.LocalPort, _ = strconv.Atoi(port.value)
						for _, part := range []string{host.label, local.label, port.label, rd.label} {
							p.Label = joinLabel(p.Label, part)
						}
						sig := d.signature(&p)
						if seen[sig] {
							continue
						}
						seen[sig] = true
						if len(places) == MaxPlaces {
							return places, true
						}
						places = append(places, p)
					}
				}
			}
		}
	}
	return places, capped
}

func joinLabel(a, b string) string {
	switch {
	case b == "":
		return a
	case a == "anywhere" || a == "":
		return b
	}
	return a + " " + b
}

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

func (c *Config) dimensions() *dimensions {
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
	for i := range c.lines {
		l := &c.lines[i]
		if l.row < 0 || rows[l.row].kind != kindUsers {
			continue
		}
		for _, p := range l.args {
			at := strings.LastIndexByte(p, '@')
			if at < 0 || !first("u", p[at+1:]) {
				continue
			}
			if list, ok := compileAddrs(p[at+1:]); ok {
				d.addr = append(d.addr, list)
			}
			if first("h", p[at+1:]) {
				d.host = append(d.host, p[at+1:])
			}
		}
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
		b = append(b, byte(matchList(p.RDomain, r, false)))
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
					add(a.WithZone(""))
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
		if len(out) < 64 {
			out = append(out, sample{strconv.Itoa(n), "on port " + strconv.Itoa(n)})
		}
	}
	return out
}

func (d *dimensions) domains() []sample {
	out := []sample{{}}
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

// Matrix tells the Settings for every account at every place, at a cost of one
// look at each Match line per account and per place, not per pair.
type Matrix struct {
	c      *Config
	users  [][]byte
	places [][]byte
	key    []byte
	last   []byte
	hit    *Settings
}

// Matrix prepares the accounts and places. Not for concurrent use.
func (c *Config) Matrix(users []User, places []Context) *Matrix {
	m := &Matrix{c: c, key: make([]byte, (len(c.conds)+7)/8)}
	for i := range users {
		ctx := Context{User: users[i].Name, Groups: users[i].Groups, Invalid: users[i].Groups == nil}
		m.users = append(m.users, c.bits(&ctx, true))
	}
	for i := range places {
		m.places = append(m.places, c.bits(&places[i], false))
	}
	return m
}

func (c *Config) bits(ctx *Context, user bool) []byte {
	b := make([]byte, (len(c.conds)+7)/8)
	addr, local := ctx.addr(), ctx.localAddr()
	for i, m := range c.conds {
		if m.holds(ctx, user, addr, local) {
			b[i/8] |= 1 << (i % 8)
		}
	}
	return b
}

// Settings is what holds for that account at that place.
func (m *Matrix) Settings(user, place int) *Settings {
	u, p := m.users[user], m.places[place]
	for i := range m.key {
		m.key[i] = u[i] & p[i]
	}
	if m.hit != nil && string(m.last) == string(m.key) {
		return m.hit
	}
	m.hit = m.c.settings(m.key)
	m.last = append(m.last[:0], m.key...)
	return m.hit
}

// Contexts returns representative logins: one for each set of Match blocks that
// some of the users at some of the places meets. Without users, names that fit
// the User and Group patterns stand for them. capped says that places or
// contexts were left out.
func (c *Config) Contexts(users []User) (out []Context, capped bool) {
	if len(users) == 0 {
		users = c.sampleUsers()
	}
	places, capped := c.Places()
	m := c.Matrix(users, places)
	seen := map[string]bool{}
	for p := range places {
		for u := range users {
			for i := range m.key {
				m.key[i] = m.users[u][i] & m.places[p][i]
			}
			if seen[string(m.key)] {
				continue
			}
			if len(out) == maxCache {
				return out, true
			}
			seen[string(m.key)] = true
			ctx := places[p]
			ctx.User, ctx.Groups, ctx.Invalid = users[u].Name, users[u].Groups, users[u].Groups == nil
			out = append(out, ctx)
		}
	}
	return out, capped
}

// sampleUsers invents accounts that fit the patterns of Match User and Group.
func (c *Config) sampleUsers() []User {
	out := []User{{Name: "somebody", Groups: []string{"somebody"}}, {Name: "root", Groups: []string{"root"}}}
	seen := map[string]bool{}
	for _, m := range c.conds {
		for i := range m.criteria {
			k := &m.criteria[i]
			if k.attr != matchUser && k.attr != matchGroup || len(out) >= 256 {
				continue
			}
			for p := range strings.SplitSeq(k.arg, ",") {
				p = strings.TrimPrefix(p, "!")
				p = strings.ReplaceAll(strings.ReplaceAll(p, "*", "x"), "?", "x")
				if p == "" || seen[p] || len(out) >= 256 {
					continue
				}
				seen[p] = true
				if k.attr == matchUser {
					out = append(out, User{Name: p, Groups: []string{p}})
				} else {
					out = append(out, User{Name: "member-of-" + p, Groups: []string{p}})
				}
			}
		}
	}
	return out
}

// SplitUser splits a word of AllowUsers or DenyUsers at its last "@". places is
// the list for address and host; has is false where there is none.
func SplitUser(pattern string) (user, places string, has bool) {
	i := strings.LastIndexByte(pattern, '@')
	if i < 0 {
		return pattern, "", false
	}
	return pattern[:i], pattern[i+1:], true
}

// MatchName reports whether a name fits one pattern of * and ?.
func MatchName(pattern, name string) bool { return matchPattern(name, pattern) }

// MatchPlace reports whether a place fits the list behind the "@" of a user
// pattern: addresses, networks and names, "!" negates (match_host_and_ip).
func MatchPlace(list string, place *Context) bool { return matchHostAndAddr(place, list) == 1 }

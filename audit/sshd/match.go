package sshd

import (
	"fmt"
	"net/netip"
	"strings"
)

// Context is one login as the server sees it. The zero value matches only
// Match all.
type Context struct {
	User      string   // as the client sent it
	Groups    []string // names, primary and supplementary; nil for an account that does not exist
	Addr      string   // the client's address; IPv4 in IPv6 is written as IPv4, as the daemon does
	Host      string   // the client's name where UseDNS is yes; "" means the address again
	LocalAddr string
	LocalPort int // 0: not known, no LocalPort criterion holds
	RDomain   string
	Invalid   bool // the account does not exist (Match invalid-user, since 9.9)
	// Test is a login of sshd -T -C: a host that is not named is none, not the address.
	Test  bool
	Label string // where the login comes from, in words: "anywhere", "from 10.0.0.0/8"
}

func (c Context) addr() netip.Addr {
	a, err := netip.ParseAddr(c.Addr)
	if err != nil {
		a, _ = parseAddr(c.Addr)
	}
	return a // with its zone: no network without one holds it (addr_cmp, addrmatch.c)
}

func (c Context) localAddr() netip.Addr {
	a, _ := parseAddr(c.LocalAddr)
	return a
}

func (c Context) hostName() string {
	if c.Host == "" && !c.Test {
		return c.Addr
	}
	return c.Host
}

// attribute is a criterion of Match.
type attribute uint8

const (
	matchUser attribute = iota
	matchGroup
	matchHostName
	matchAddress
	matchLocalAddress
	matchLocalPort
	matchRDomain
	matchInvalidUser
	matchVersion
)

var attributes = map[string]attribute{
	"user": matchUser, "group": matchGroup, "host": matchHostName, "address": matchAddress,
	"localaddress": matchLocalAddress, "localport": matchLocalPort, "rdomain": matchRDomain,
	"invalid-user": matchInvalidUser, "version": matchVersion,
}

// ofUser reports whether the criterion looks at the account, not at the place
// that the login comes from.
func (a attribute) ofUser() bool { return a == matchUser || a == matchGroup || a == matchInvalidUser }

type criterion struct {
	attr  attribute
	arg   string
	port  int
	addrs addrList // of address criteria
	holds bool     // of version: it does not depend on the login
}

// condition is one Match line. All criteria must hold; none: Match all.
type condition struct {
	criteria []criterion
	text     string // for people: "User bob Address 10.0.0.0/8"
	file     string
	pos      Pos
}

// atStart reports whether the block is active in the first pass, without a login.
func (c *condition) atStart() bool {
	for i := range c.criteria {
		if c.criteria[i].attr != matchVersion || !c.criteria[i].holds {
			return false
		}
	}
	return true
}

// holds reports whether all criteria about the account (user) or all about the
// place hold.
func (c *condition) holds(ctx *Context, user bool, addr, local netip.Addr) bool {
	for i := range c.criteria {
		k := &c.criteria[i]
		if k.attr.ofUser() != user {
			continue
		}
		ok := false
		switch k.attr {
		case matchUser:
			ok = ctx.User != "" && matchList(ctx.User, k.arg, false) == 1
		case matchGroup:
			ok = matchGroups(ctx.Groups, k.arg)
		case matchInvalidUser:
			ok = ctx.Invalid
		case matchHostName:
			h := ctx.hostName()
			ok = h != "" && matchHost(h, k.arg) == 1
		case matchAddress:
			ok = k.addrs.match(addr, ctx.Addr) == 1
		case matchLocalAddress:
			ok = k.addrs.match(local, ctx.LocalAddr) == 1
		case matchLocalPort:
			ok = ctx.LocalPort != 0 && ctx.LocalPort == k.port
		case matchRDomain:
			ok = ctx.RDomain != "" && matchList(ctx.RDomain, k.arg, false) == 1
		case matchVersion:
			ok = k.holds
		}
		if !ok {
			return false
		}
	}
	return true
}

// parseMatch reads the criteria of a Match line; fault is in sshd's words.
func (e *env) parseMatch(ln *Line) (c *condition, fault, hint string, counted bool) {
	c = &condition{pos: ln.Pos}
	words, left := e.matchWords(ln)
	n := 0
	for i := 0; i < len(words); i++ {
		name := words[i]
		if name[0] == '#' {
			left = false
			break
		}
		n++
		lower := strings.ToLower(name)
		if lower == "all" {
			if n > 1 || i+1 < len(words) && words[i+1][0] != '#' {
				return c, "'all' cannot be combined with other Match attributes", "let all stand alone, or remove it", false
			}
			c.text = "all"
			return c, "", "", false
		}
		attr, known := attributes[lower]
		if known && attr == matchInvalidUser && !e.rel.v.Before(9, 9) {
			c.criteria = append(c.criteria, criterion{attr: attr})
			c.text = strings.TrimPrefix(c.text+" invalid-user", " ")
			continue
		}
		arg := ""
		if k, v, eq := strings.Cut(name, "="); eq && !e.rel.v.Before(9, 9) {
			if a, ok := attributes[strings.ToLower(k)]; ok && a != matchInvalidUser {
				name, arg, attr, known = k, v, a, true
			}
		}
		if arg == "" && !(known && strings.Contains(words[i], "=") && !e.rel.v.Before(9, 9)) {
			if i+1 >= len(words) || words[i+1] == "" || words[i+1][0] == '#' {
				return c, "Missing Match criteria for " + name, matchHint(lower, name, e.rel.v), false
			}
			i++
			arg = words[i]
		}
		if arg == "" {
			return c, "Missing Match criteria for " + name, "give a pattern after " + name, false
		}
		if known && (attr == matchVersion && e.rel.v.Before(10, 0) || attr == matchInvalidUser || attr == matchRDomain && e.rel.v.Before(7, 7)) {
			known = false
		}
		if !known {
			return c, "Unsupported Match attribute " + name, matchHint(lower, name, e.rel.v), false
		}
		k := criterion{attr: attr, arg: arg}
		switch attr {
		case matchAddress, matchLocalAddress:
			var ok bool
			k.addrs, ok = compileAddrs(arg)
			if !ok && !e.rel.v.Before(8, 4) {
				what := "address"
				if attr == matchLocalAddress {
					what = "localaddress"
				}
				return c, fmt.Sprintf("Invalid Match %s argument '%s' at line %d", what, arg, ln.Pos.Line),
					"a network must have no bits beyond its mask: 10.0.0.0/8, not 10.0.0.5/8", false
			}
		case matchLocalPort:
			p, ok := e.port(arg)
			if !ok {
				return c, fmt.Sprintf("Invalid LocalPort '%s' on Match line", arg), "LocalPort takes one number; write a block for each port", false
			}
			k.port = p
		case matchVersion:
			k.holds = matchList(fmt.Sprintf("OpenSSH_%d.%d", e.rel.v.Major, e.rel.v.Minor), arg, false) == 1 ||
				matchList(fmt.Sprintf("OpenSSH_%d.%dp1", e.rel.v.Major, e.rel.v.Minor), arg, false) == 1
		}
		c.criteria = append(c.criteria, k)
		c.text = strings.TrimPrefix(c.text+" "+name+" "+arg, " ")
	}
	if n == 0 {
		return c, "One or more attributes required for Match", "write Match all, or a criterion", false
	}
	if left {
		return c, "keyword Match extra arguments at end of line", "", true
	}
	return c, "", "", false
}

// matchWords splits the criteria: by strdelim, where "=" is a blank, up to 9.8,
// like other arguments since. left says that something stands behind the end.
func (e *env) matchWords(ln *Line) (words []string, left bool) {
	if !e.rel.v.Before(9, 9) {
		for _, w := range ln.Args {
			if w.Text == "" {
				return append(words, "#"), true
			}
			words = append(words, w.Text)
		}
		return words, false
	}
	for from := 0; from >= 0; {
		w, next, ok := strdelim(ln.Rest, from)
		if !ok {
			break
		}
		if w.text == "" {
			return words, next >= 0 && next < len(ln.Rest)
		}
		words = append(words, w.text)
		from = next
	}
	return words, false
}

func matchHint(lower, name string, v Version) string {
	switch lower {
	case "exec", "final", "canonical", "originalhost", "localuser", "localnetwork", "tagged", "sessiontype", "command":
		return name + " is for ssh_config, not for sshd_config"
	case "invalid-user":
		return "invalid-user needs OpenSSH 9.9; this sshd is " + v.String()
	case "version":
		return "version needs OpenSSH 10.0; this sshd is " + v.String()
	}
	if _, ok := attributes[lower]; ok {
		return "give a pattern after " + name
	}
	if n := nearest(name, []string{"User", "Group", "Host", "Address", "LocalAddress", "LocalPort", "RDomain", "all"}); n != "" {
		return "did you mean " + n + "?"
	}
	return "put commas, not blanks, between names; known are User, Group, Host, Address, LocalAddress, LocalPort, RDomain, all"
}

// addrList is a compiled list of addresses, networks and wildcards.
type addrList []addrItem

type addrItem struct {
	negated bool
	prefix  netip.Prefix // valid for addresses and networks
	pattern string       // else a wildcard over the address' text
}

// compileAddrs reads a list; ok is false where sshd refuses it.
func compileAddrs(list string) (l addrList, ok bool) {
	for p := range strings.SplitSeq(list, ",") {
		it := addrItem{negated: strings.HasPrefix(p, "!")}
		p = strings.TrimPrefix(p, "!")
		if p == "" {
			return l, false
		}
		prefix, form := parseCIDR(p)
		switch form {
		case cidrBad:
			return l, false
		case cidrOK:
			it.prefix = prefix
		default:
			it.pattern = p
		}
		l = append(l, it)
	}
	return l, true
}

// match is addr_match_list over the compiled list.
func (l addrList) match(addr netip.Addr, text string) int {
	if !addr.IsValid() {
		return 0
	}
	result := 0
	for i := range l {
		it := &l[i]
		hit := false
		if it.prefix.IsValid() {
			hit = it.prefix.Contains(addr)
		} else {
			hit = matchPattern(text, it.pattern)
		}
		if hit {
			if it.negated {
				return -1
			}
			result = 1
		}
	}
	return result
}

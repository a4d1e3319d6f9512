package sshd

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxPattern is the size of match_pattern_list's buffer (match.c): a longer
// element makes the whole list fail.
const maxPattern = 1023

// matchPattern reports whether s matches a pattern of * and ?. Unlike OpenSSH's
// recursive function it takes time proportional to the product of the lengths.
func matchPattern(s, pattern string) bool {
	si, pi, star, mark := 0, 0, -1, 0
	for si < len(s) {
		switch {
		case pi < len(pattern) && pattern[pi] == '*':
			star, mark = pi, si
			pi++
		case pi < len(pattern) && (pattern[pi] == '?' || pattern[pi] == s[si]):
			si++
			pi++
		case star >= 0:
			mark++
			si, pi = mark, star+1
		default:
			return false
		}
	}
	for pi < len(pattern) && pattern[pi] == '*' {
		pi++
	}
	return pi == len(pattern)
}

func hasMeta(s string) bool { return strings.ContainsAny(s, "*?") }

// matchList is match_pattern_list: 1 some pattern of the comma list matches and
// none that is negated, 0 none matches, -1 a negated one matches first.
func matchList(s, list string, fold bool) int {
	result := 0
	for len(list) > 0 {
		var p string
		p, list, _ = strings.Cut(list, ",")
		negated := strings.HasPrefix(p, "!")
		if negated {
			p = p[1:]
		}
		if len(p) >= maxPattern {
			return 0
		}
		if fold {
			p = strings.ToLower(p)
		}
		if matchPattern(s, p) {
			if negated {
				return -1
			}
			result = 1
		}
	}
	return result
}

// matchHost is match_hostname: case does not matter.
func matchHost(host, list string) int { return matchList(strings.ToLower(host), list, true) }

// matchAddr is addr_match_list (addrmatch.c): 1 match, 0 none, -1 a negated
// entry matches first, -2 the list holds a network with bits beyond its mask,
// or an empty entry. With an invalid addr only the list's form is checked.
func matchAddr(addr netip.Addr, text, list string) int {
	if text != "" && !addr.IsValid() {
		return 0
	}
	result := 0
	for {
		p, rest, more := strings.Cut(list, ",")
		negated := strings.HasPrefix(p, "!")
		if negated {
			p = p[1:]
		}
		if p == "" {
			return -2
		}
		hit := false
		prefix, form := parseCIDR(p)
		switch form {
		case cidrBad:
			return -2
		case cidrOK:
			hit = addr.IsValid() && prefix.Contains(addr)
		default:
			hit = text != "" && matchPattern(text, p)
		}
		if hit {
			if negated {
				return -1
			}
			result = 1
		}
		if !more {
			return result
		}
		list = rest
	}
}

// cidrForm says what addr_pton_cidr makes of a string.
type cidrForm uint8

const (
	cidrNot cidrForm = iota // no address: a wildcard pattern
	cidrOK
	cidrBad // bits beyond the mask, or a mask too long: sshd does not start
)

// parseCIDR is addr_pton_cidr. Addresses are what getaddrinfo takes as numeric,
// so "10.1" is 10.0.0.1.
func parseCIDR(s string) (netip.Prefix, cidrForm) {
	if len(s) >= 64 {
		return netip.Prefix{}, cidrNot
	}
	host, mask, masked := strings.Cut(s, "/")
	if strings.IndexByte(host, '%') >= 0 && !masked {
		return netip.Prefix{}, cidrNot // a zone has to be the same: compared as text
	}
	bits := -1
	if masked {
		n, err := strconv.ParseUint(mask, 10, 32)
		if err != nil || n > 128 {
			return netip.Prefix{}, cidrNot
		}
		bits = int(n)
	}
	a, ok := parseAddr(host)
	if !ok {
		return netip.Prefix{}, cidrNot
	}
	if !masked {
		bits = a.BitLen()
	}
	if bits > a.BitLen() {
		return netip.Prefix{}, cidrBad
	}
	p := netip.PrefixFrom(a, bits)
	if p.Masked() != p {
		return netip.Prefix{}, cidrBad
	}
	return p, cidrOK
}

// parseAddr reads a numeric address as getaddrinfo does with AI_NUMERICHOST,
// inet_aton's short, octal and hexadecimal forms included. A zone is dropped:
// OpenSSH compares it only where both sides have one.
func parseAddr(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.WithZone(""), true
	}
	if s == "" || strings.IndexByte(s, ':') >= 0 {
		return netip.Addr{}, false
	}
	var v uint64
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	for i, p := range parts {
		if strings.IndexByte(p, '_') >= 0 || strings.HasPrefix(p, "0b") || strings.HasPrefix(p, "0o") || strings.HasPrefix(p, "0B") || strings.HasPrefix(p, "0O") {
			return netip.Addr{}, false
		}
		n, err := strconv.ParseUint(p, 0, 32)
		if err != nil {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			if n > 255 {
				return netip.Addr{}, false
			}
			v |= n << (24 - 8*i)
			continue
		}
		if n >= 1<<(32-8*i) {
			return netip.Addr{}, false
		}
		v |= n
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// matchHostAndAddr is match_host_and_ip; -1 is a list that sshd refuses.
func matchHostAndAddr(c *Context, list string) int {
	ip := matchAddr(c.addr(), c.Addr, list)
	switch ip {
	case -2:
		return -1
	case -1:
		return 0
	}
	host := matchHost(c.hostName(), list)
	if host == -1 || host == 0 && ip == 0 {
		return 0
	}
	return 1
}

// MatchGroup reports whether one word of AllowGroups or DenyGroups, a single
// pattern, fits one of the groups.
func MatchGroup(pattern string, groups []string) bool {
	for _, g := range groups {
		if matchPattern(g, pattern) {
			return true
		}
	}
	return false
}

// matchGroups is ga_match_pattern_list (groupaccess.c): a negated hit of any
// group refuses.
func matchGroups(groups []string, list string) bool {
	found := false
	for _, g := range groups {
		switch matchList(g, list, false) {
		case -1:
			return false
		case 1:
			found = true
		}
	}
	return found
}

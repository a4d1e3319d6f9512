package sshd

import "strings"

// GlobMatch reports whether an absolute path fits a pattern of Include, as
// glob(3) decides it without flags: * ? and [] within one component, a leading
// dot only by a dot, no braces, no tilde. Repeated slashes count as one.
func GlobMatch(pattern, path string) bool {
	for {
		pattern, path = strings.TrimLeft(pattern, "/"), strings.TrimLeft(path, "/")
		if pattern == "" || path == "" {
			return pattern == "" && path == ""
		}
		var p, s string
		p, pattern, _ = strings.Cut(pattern, "/")
		s, path, _ = strings.Cut(path, "/")
		if strings.HasPrefix(s, ".") && !strings.HasPrefix(p, ".") && !strings.HasPrefix(p, `\.`) {
			return false
		}
		if !globPart(p, s) {
			return false
		}
	}
}

// globPart matches one component, in time proportional to the product of the
// lengths.
func globPart(p, s string) bool {
	pi, si, star, mark := 0, 0, -1, 0
	for si < len(s) {
		if pi < len(p) && p[pi] == '*' {
			star, mark = pi, si
			pi++
			continue
		}
		if n, ok := globByte(p[pi:], s[si]); ok {
			pi += n
			si++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		pi, si = star+1, mark
	}
	for pi < len(p) && p[pi] == '*' {
		pi++
	}
	return pi == len(p)
}

// globByte matches one byte; n is how much of the pattern that takes.
func globByte(p string, c byte) (n int, ok bool) {
	if p == "" {
		return 0, false
	}
	switch p[0] {
	case '?':
		return 1, true
	case '\\':
		if len(p) > 1 {
			return 2, p[1] == c
		}
	case '[':
		if n, in, closed := globClass(p, c); closed {
			return n, in
		}
	}
	return 1, p[0] == c
}

// globClass reads a bracket expression; one that is not closed is a plain "[".
func globClass(p string, c byte) (n int, in, closed bool) {
	i := 1
	negate := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negate {
		i++
	}
	for first := true; i < len(p); first = false {
		if p[i] == ']' && !first {
			return i + 1, in != negate, true
		}
		lo := p[i]
		if lo == '\\' && i+1 < len(p) {
			i++
			lo = p[i]
		}
		hi := lo
		if i+2 < len(p) && p[i+1] == '-' && p[i+2] != ']' {
			hi = p[i+2]
			i += 2
		}
		if lo <= c && c <= hi {
			in = true
		}
		i++
	}
	return 0, false, false
}

package sshd

import (
	"cmp"
	"strconv"
	"strings"
)

// Version is a release of OpenSSH, without the portable suffix. The zero
// Version means that the release is not known: then the newest rules hold and
// no keyword counts as too new.
type Version struct {
	Major, Minor int
}

// V is short for a Version.
func V(major, minor int) Version { return Version{major, minor} }

// ParseVersion finds an OpenSSH release in a banner ("SSH-2.0-OpenSSH_9.2p1
// Debian-2+deb12u3"), in what sshd -V prints ("OpenSSH_9.2, OpenSSL ..."), in a
// package version ("1:9.2p1-2+deb12u3") or in the bare number ("9.2p1").
func ParseVersion(s string) (Version, bool) {
	if i := strings.Index(s, "OpenSSH_"); i >= 0 {
		s = s[i+len("OpenSSH_"):]
		s = strings.TrimPrefix(s, "for_Windows_")
	} else if i := strings.IndexByte(s, ':'); i >= 0 && i <= 3 {
		s = s[i+1:] // epoch
	}
	major, rest, ok := leadingInt(s)
	if !ok || !strings.HasPrefix(rest, ".") {
		return Version{}, false
	}
	minor, _, ok := leadingInt(rest[1:])
	if !ok || major == 0 {
		return Version{}, false
	}
	return Version{major, minor}, true
}

func leadingInt(s string) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < 5 && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == 0 {
		return 0, s, false
	}
	n, err := strconv.Atoi(s[:i])
	return n, s[i:], err == nil
}

// Known reports whether v is a release at all.
func (v Version) Known() bool { return v != Version{} }

// Compare orders releases; an unknown one is newer than all others.
func (v Version) Compare(w Version) int {
	switch {
	case v == w:
		return 0
	case !v.Known():
		return 1
	case !w.Known():
		return -1
	}
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor))
}

// Before reports whether v is older than major.minor. An unknown release is not.
func (v Version) Before(major, minor int) bool { return v.Compare(V(major, minor)) < 0 }

// atLeast reports whether v has what came with that release; a zero since was
// always there.
func (v Version) atLeast(since Version) bool { return since == Version{} || v.Compare(since) >= 0 }

// outlives reports whether v no longer has what went with that release; a zero
// gone never went.
func (v Version) outlives(gone Version) bool { return gone != Version{} && v.Compare(gone) >= 0 }

// String is "9.2", or "unknown".
func (v Version) String() string {
	if !v.Known() {
		return "unknown"
	}
	return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor)
}

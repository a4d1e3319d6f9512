package packages

import (
	"cmp"
	"strconv"
	"strings"
)

// Release is a release of OpenSSH: 9.2p1 is {9, 2, 1}. Patch is 0 where the
// source names none (OpenBSD's own sshd, and servers that hide it). A third
// number, as in 6.6.1p1, names a fix of one distribution and is left out.
type Release struct{ Major, Minor, Patch int }

// Compare is negative where r is older than o, 0 where they are equal, positive
// where it is newer.
func (r Release) Compare(o Release) int {
	return cmp.Or(cmp.Compare(r.Major, o.Major), cmp.Compare(r.Minor, o.Minor), cmp.Compare(r.Patch, o.Patch))
}

// String gives "9.2p1", or "9.2" without a patch number.
func (r Release) String() string {
	s := strconv.Itoa(r.Major) + "." + strconv.Itoa(r.Minor)
	if r.Patch > 0 {
		s += "p" + strconv.Itoa(r.Patch)
	}
	return s
}

// ReleaseOf finds the release in the version of an OpenSSH package of any
// manager: 1:9.2p1-2+deb12u3 (dpkg), 8.7p1-38.el9 (rpm), 9.7_p1-r4 (apk),
// 9.9p1-2 (pacman). false: there is none.
func ReleaseOf(version string) (Release, bool) {
	if i := strings.IndexByte(version, ':'); i >= 0 && strings.Trim(version[:i], "0123456789") == "" {
		version = version[i+1:]
	}
	return release(version)
}

// ReleaseInBanner finds the release in an SSH version line, in its software
// version, or in what "sshd -V" prints: the word OpenSSH_9.2p1 in it. A banner
// is what the server says of itself, and no more than that.
func ReleaseInBanner(line string) (Release, bool) {
	const maxBanner = 512 // RFC 4253, section 4.2, bounds the line at 255
	line = line[:min(len(line), maxBanner)]
	i := strings.Index(line, "OpenSSH_")
	if i < 0 {
		return Release{}, false
	}
	return release(strings.TrimPrefix(line[i+len("OpenSSH_"):], "for_Windows_"))
}

// release reads MAJOR.MINOR[.N][[_]pPATCH] at the beginning of s.
func release(s string) (Release, bool) {
	var r Release
	var ok bool
	if r.Major, s, ok = number(s); !ok || !strings.HasPrefix(s, ".") {
		return Release{}, false
	}
	if r.Minor, s, ok = number(s[1:]); !ok {
		return Release{}, false
	}
	for strings.HasPrefix(s, ".") {
		if _, s, ok = number(s[1:]); !ok {
			return r, true
		}
	}
	s = strings.TrimPrefix(s, "_")
	if strings.HasPrefix(s, "p") {
		if patch, _, ok := number(s[1:]); ok {
			r.Patch = patch
		}
	}
	return r, true
}

// number reads up to four digits.
func number(s string) (int, string, bool) {
	i := digits(s)
	if i == 0 || i > 4 {
		return 0, s, false
	}
	n, err := strconv.Atoi(s[:i])
	return n, s[i:], err == nil
}

package packages

import "strings"

// CompareAPK compares two versions as apk does: numbers parted by dots, one
// letter, suffixes such as _rc1 and _p1, a revision such as -r4 (apk-tools,
// src/version.c; apk-package(5)). _alpha, _beta, _pre and _rc sort before the
// plain version, _cvs, _svn, _git, _hg and _p behind it.
func CompareAPK(a, b string) int {
	va, sa, ra := splitAPK(a)
	vb, sb, rb := splitAPK(b)
	if c := compareDotted(va, vb); c != 0 {
		return c
	}
	for len(sa) > 0 || len(sb) > 0 {
		na, a2 := suffix(sa)
		nb, b2 := suffix(sb)
		if na != nb {
			return na - nb
		}
		if c := compareDigits(a2, b2); c != 0 {
			return c
		}
		sa, sb = sa[min(1, len(sa)):], sb[min(1, len(sb)):]
	}
	return compareDigits(ra, rb)
}

func splitAPK(s string) (version string, suffixes []string, revision string) {
	if i := strings.LastIndex(s, "-r"); i >= 0 && strings.Trim(s[i+2:], "0123456789") == "" {
		s, revision = s[:i], s[i+2:]
	}
	parts := strings.Split(s, "_")
	return parts[0], parts[1:], revision
}

// compareDotted compares 1.2.3b with 1.2.10.
func compareDotted(a, b string) int {
	for a != "" && b != "" {
		i, j := digits(a), digits(b)
		if c := compareDigits(a[:i], b[:j]); c != 0 {
			return c
		}
		if i == 0 && j == 0 {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			i, j = 1, 1
		}
		a, b = a[i:], b[j:]
	}
	return len(a) - len(b)
}

// suffix gives the rank of the first suffix, 0 where there is none, and its number.
func suffix(list []string) (rank int, number string) {
	if len(list) == 0 {
		return 0, ""
	}
	name := strings.TrimRight(list[0], "0123456789")
	number = list[0][len(name):]
	switch name {
	case "alpha":
		return -4, number
	case "beta":
		return -3, number
	case "pre":
		return -2, number
	case "rc":
		return -1, number
	case "cvs":
		return 1, number
	case "svn":
		return 2, number
	case "git":
		return 3, number
	case "hg":
		return 4, number
	case "p":
		return 5, number
	}
	return 6, number
}

// Compare compares two versions by the rules of their package manager: dpkg,
// rpm, apk or pacman. ok is false for another one.
func Compare(manager, a, b string) (c int, ok bool) {
	switch manager {
	case "dpkg":
		return CompareDeb(a, b), true
	case "rpm", "pacman":
		return CompareRPM(a, b), true
	case "apk":
		return CompareAPK(a, b), true
	}
	return 0, false
}

// Upstream is the version that the project itself gave, without what packagers
// added: "9.2p1" of 1:9.2p1-2+deb12u3, 8.7p1-38.el9 and 9.2_p1-r4.
func Upstream(version string) string {
	if i := strings.IndexByte(version, ':'); i >= 0 && strings.Trim(version[:i], "0123456789") == "" {
		version = version[i+1:]
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		version = version[:i]
	}
	return strings.ReplaceAll(version, "_p", "p")
}

// CompareUpstream compares two versions without packagers' additions: 9.9p1 is
// older than 9.9p2 and than 10.0p1.
func CompareUpstream(a, b string) int { return vercmp(a, b) }

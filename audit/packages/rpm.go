package packages

import "strings"

// CompareRPM compares two versions as rpm does: [epoch:]version[-release], each
// part by rpmvercmp (rpm, rpmio/rpmvercmp.c; rpm-version(7)). An absent epoch is
// 0, an absent release equals any. pacman's vercmp(8) orders by the same rules.
func CompareRPM(a, b string) int {
	ea, va, ra := splitRPM(a)
	eb, vb, rb := splitRPM(b)
	if c := compareDigits(ea, eb); c != 0 {
		return c
	}
	if c := vercmp(va, vb); c != 0 {
		return c
	}
	if ra == "" || rb == "" {
		return 0
	}
	return vercmp(ra, rb)
}

func splitRPM(s string) (epoch, version, release string) {
	if i := strings.IndexByte(s, ':'); i >= 0 && strings.Trim(s[:i], "0123456789") == "" {
		epoch, s = s[:i], s[i+1:]
	}
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		return epoch, s[:i], s[i+1:]
	}
	return epoch, s, ""
}

// vercmp compares runs of digits and runs of letters in turn; all else only
// parts them. "~" sorts before the end, "^" behind it and before anything else.
func vercmp(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" || b != "" {
		a, b = skipMarks(a), skipMarks(b)
		switch {
		case head(a) == '~' || head(b) == '~':
			if head(a) != head(b) {
				return before(head(a) == '~')
			}
			a, b = a[1:], b[1:]
			continue
		case head(a) == '^' || head(b) == '^':
			switch {
			case head(a) == head(b):
				a, b = a[1:], b[1:]
				continue
			case a == "":
				return -1
			case b == "":
				return 1
			}
			return before(head(a) == '^')
		}
		if a == "" || b == "" {
			break
		}
		if digit(a[0]) != digit(b[0]) {
			return before(digit(b[0])) // numbers are newer than letters
		}
		i, j := run(a), run(b)
		c := 0
		if digit(a[0]) {
			c = compareDigits(a[:i], b[:j])
		} else {
			c = strings.Compare(a[:i], b[:j])
		}
		if c != 0 {
			return c
		}
		a, b = a[i:], b[j:]
	}
	return before(a == "") - before(b == "")
}

// before is -1 for true, 1 for false.
func before(t bool) int {
	if t {
		return -1
	}
	return 1
}

func head(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// skipMarks drops what only parts the runs.
func skipMarks(s string) string {
	for s != "" && !digit(s[0]) && !letter(s[0]) && s[0] != '~' && s[0] != '^' {
		s = s[1:]
	}
	return s
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// run is the length of the run of digits or of letters that s begins with.
func run(s string) int {
	if digit(s[0]) {
		return digits(s)
	}
	i := 0
	for i < len(s) && letter(s[i]) {
		i++
	}
	return i
}

package cron

import "strings"

// field describes one of the five time fields.
type field struct {
	name  string // as the daemons' messages have it
	low   int
	high  int
	size  int // of the array that busybox and dcron fill
	off   int // what they take off a number
	names []string
}

var (
	monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	dayNames   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	fullDays   = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)

// The fields in the order of crontab(5).
var fields = [5]field{
	{"minute", 0, 59, 60, 0, nil},
	{"hour", 0, 23, 24, 0, nil},
	{"day-of-month", 1, 31, 32, 0, nil},
	{"month", 1, 12, 12, -1, monthNames},
	{"day-of-week", 0, 7, 7, 0, dayNames},
}

// fieldResult is what a daemon makes of one field.
type fieldResult struct {
	set    uint64
	star   bool // begins with an asterisk
	random bool // cronie's and systemd-cron's ~: one value out of set, chosen by the daemon
	bad    bool
	hang   bool   // systemd-cron's generator never returns
	odd    string // accepted, but not for what it says
}

func bitRange(low, high int) uint64 {
	var s uint64
	for i := low; i <= high; i++ {
		s |= 1 << uint(i)
	}
	return s
}

// vixieField reads one field as Debian cron and cronie do (entry.c: get_list,
// get_range, get_number). s starts at a byte that is not blank; rest is what
// follows the blanks behind the field. Debian skips whatever clings to a field
// it understood (mon#4, **, 0~59, *touch); cronie does not.
func vixieField(s string, f *field, cronie bool, version string) (r fieldResult, rest string) {
	if s == "" {
		r.bad = true
		return r, s
	}
	r.star = s[0] == '*'
	i := 0
	for {
		n, ok := vixieRange(s[i:], f, cronie, version, &r)
		if !ok {
			r.bad = true
			return r, s
		}
		i += n
		if i >= len(s) || s[i] != ',' {
			break
		}
		i++
	}
	if i < len(s) && !isBlank(s[i]) {
		j := i
		for j < len(s) && !isBlank(s[j]) {
			j++
		}
		r.odd = f.name + ": " + Quote(clip(s[i:j], 40)) + " is skipped"
		i = j
	}
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	return r, s[i:]
}

// vixieRange reads one element of a list and returns its length.
func vixieRange(s string, f *field, cronie bool, version string, r *fieldResult) (n int, ok bool) {
	var low, high int
	i := 0
	tilde := cronie && !olderThan(version, 1, 6)
	switch {
	case s == "":
		return 0, false
	case s[0] == '*':
		low, high, i = f.low, f.high, 1
		if cronie && !olderThan(version, 1, 7) && !endsIn(s, i, "/, \t") {
			return 0, false
		}
	case tilde && s[0] == '~':
		return vixieRandom(s, 0, f.low, f, r)
	default:
		low, i, ok = vixieNumber(s, f, cronie, ",-~ \t")
		if !ok {
			return 0, false
		}
		if tilde && i < len(s) && s[i] == '~' {
			return vixieRandom(s, i, low, f, r)
		}
		if cronie && i < len(s) && s[i] == '~' {
			return 0, false
		}
		if i >= len(s) || s[i] != '-' {
			if i < len(s) && s[i] == '/' || low < f.low || low > f.high {
				return 0, false
			}
			r.set |= 1 << uint(low)
			return i, true
		}
		i++
		var m int
		high, m, ok = vixieNumber(s[i:], f, cronie, "/, \t")
		if !ok {
			return 0, false
		}
		i += m
	}
	step := 1
	if i < len(s) && s[i] == '/' {
		i++
		var m int
		step, m, ok = vixieNumber(s[i:], &field{low: 0}, cronie, ", \t")
		if !ok || step == 0 {
			return 0, false
		}
		i += m
	}
	for v := low; v <= high; v += step {
		if v < f.low || v > f.high {
			return 0, false
		}
		r.set |= 1 << uint(v)
	}
	return i, true
}

// vixieRandom reads [low]~[high], cronie 1.6 and later.
func vixieRandom(s string, i, low int, f *field, r *fieldResult) (n int, ok bool) {
	high := f.high
	i++
	if i < len(s) && !isBlank(s[i]) && s[i] != ',' {
		var m int
		if high, m, ok = vixieNumber(s[i:], f, true, ", \t"); !ok {
			return 0, false
		}
		i += m
	}
	if low < f.low || high > f.high || low > high {
		return 0, false
	}
	r.set |= bitRange(low, high)
	r.random = true
	return i, true
}

// vixieNumber reads a number or a name. cronie wants one of ends behind it;
// Debian takes the whole alphanumeric run and must know it.
func vixieNumber(s string, f *field, cronie bool, ends string) (v, n int, ok bool) {
	for n < len(s) && n < 100 && isAlnum(s[n]) {
		n++
	}
	word := s[:n]
	if n == 0 || n >= 100 {
		return 0, 0, false
	}
	if cronie && !endsIn(s, n, ends) {
		return 0, 0, false
	}
	if digits(word) {
		v, _, _ = leadingInt(word)
		return v, n, true
	}
	for i, name := range f.names {
		if strings.EqualFold(name, word) {
			return i + f.low, n, true
		}
	}
	return 0, 0, false
}

func endsIn(s string, i int, ends string) bool {
	return i >= len(s) || strings.IndexByte(ends, s[i]) >= 0
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// dillonField reads one field as busybox crond and dcron do (ParseField in
// crond.c): ranges wrap round, and what cannot be read may still have set bits.
// busybox goes on with these, dcron gives the line up.
func dillonField(s string, f *field, d Daemon) (r fieldResult) {
	r.star = strings.HasPrefix(s, "*")
	p := s
	n1, n2 := -1, -1
	fail := func(why string) fieldResult {
		r.odd = f.name + ": " + why
		if d == Dcron || r.set == 0 {
			r.bad = true
		}
		return r
	}
	for {
		ok := false
		switch {
		case p == "":
		case p[0] == '*':
			n1, n2, ok, p = 0, f.size-1, true, p[1:]
		case p[0] >= '0' && p[0] <= '9':
			v, rest, _ := leadingInt(p)
			p, ok = rest, true
			if n1 < 0 {
				n1 = v + f.off
			} else {
				n2 = v + f.off
			}
		case f.names != nil && len(p) >= 3:
			for i, name := range f.names[:min(len(f.names), f.size)] {
				if dillonName(p[:3], name, d) {
					ok, p = true, p[3:]
					if n1 < 0 {
						n1 = i
					} else {
						n2 = i
					}
					break
				}
			}
		}
		if !ok {
			return fail("parse error")
		}
		if p != "" && p[0] == '-' && n2 < 0 {
			p = p[1:]
			continue
		}
		if n2 < 0 {
			n2 = n1
		}
		step := 1
		if p != "" && p[0] == '/' {
			v, rest, found := leadingInt(p[1:])
			if !found {
				v = 0
			}
			step, p = v, rest
		}
		if d == Dcron {
			if n1 >= f.size || n2 >= f.size {
				r.odd = f.name + ": a number out of range is taken modulo " + itoa(f.size)
			}
			n2 = ((n2 % f.size) + f.size) % f.size
		}
		if !dillonFill(&r, n1, n2, step, f.size) {
			return fail("a value out of range sets every value")
		}
		if p == "" || p[0] != ',' {
			break
		}
		p, n1, n2 = p[1:], -1, -1
		if p == "" && d == Dcron {
			return r
		}
	}
	if p != "" {
		return fail("parse error at " + Quote(clip(p, 40)))
	}
	return r
}

// dillonFill sets n1 to n2 in steps, wrapping round. It reports false where the
// daemon's own guard against an endless loop ends it.
func dillonFill(r *fieldResult, n1, n2, step, size int) bool {
	n1--
	left := 1
	for guard := 1024; ; {
		n1 = (n1 + 1) % size
		if left--; left == 0 {
			if n1 >= 0 {
				r.set |= 1 << uint(n1)
			}
			left = step
		}
		if guard--; guard == 0 {
			return false
		}
		if n1 == n2 {
			return true
		}
	}
}

// dillonName compares a name; dcron 4.5 knows "mon" and "Mon" only.
func dillonName(s, name string, d Daemon) bool {
	if d == Dcron {
		return s == name || s == strings.ToUpper(name[:1])+name[1:]
	}
	return strings.EqualFold(s, name)
}

// generatorField reads one field as systemd-cron's generator does.
func generatorField(s string, f *field) (r fieldResult) {
	r.star = strings.HasPrefix(s, "*")
	if i := strings.IndexByte(s, '#'); i > 0 && f.names != nil {
		r.odd = f.name + ": " + Quote(clip(s[i:], 40)) + " is skipped"
		s = s[:i]
	}
	for _, item := range strings.Split(s, ",") {
		body, stepText, hasStep := strings.Cut(item, "/")
		step := 1
		if hasStep {
			v, rest, ok := leadingInt(strings.TrimPrefix(stepText, "+"))
			if !ok || rest != "" {
				r.bad = true
				return r
			}
			if step = v; step == 0 {
				r.hang, r.bad = true, true
				return r
			}
		}
		low, high := f.low, f.high
		switch {
		case body == "*":
		case strings.Contains(body, "~"):
			a, b, _ := strings.Cut(body, "~")
			var ok1, ok2 = true, true
			if a != "" {
				low, ok1 = generatorNumber(a, f)
			}
			if b != "" {
				high, ok2 = generatorNumber(b, f)
			}
			if r.random = true; !ok1 || !ok2 || low > high {
				r.bad = true
				return r
			}
		default:
			a, b, isRange := strings.Cut(body, "-")
			v, ok := generatorNumber(a, f)
			low, high = v, v
			if ok && isRange {
				high, ok = generatorNumber(b, f)
				if ok && f.size == 7 && high == 0 {
					high = 7
				}
				if ok && f.size == 7 && high == 8 {
					high = 7
				}
			}
			if !ok || low > high || low < f.low || high > f.high {
				r.bad = true
				return r
			}
		}
		for v := low; v <= high; v += step {
			r.set |= 1 << uint(v)
		}
	}
	return r
}

func generatorNumber(s string, f *field) (int, bool) {
	if v, rest, ok := leadingInt(strings.TrimPrefix(s, "+")); ok && rest == "" {
		return v, true
	}
	lower := strings.ToLower(s)
	for i, name := range f.names {
		if lower == name {
			return i + f.low, true
		}
	}
	if f.size == 7 {
		for i, name := range fullDays {
			if lower == name {
				return i, true
			}
		}
	}
	return 0, false
}

package sshd

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// integer is a2i over strtonum: 0 to 2^31-1, blanks and a sign may lead.
func integer(s string) (int, string) {
	n, err := strconv.ParseInt(strings.TrimLeft(s, " \t\r\n\v\f"), 10, 64)
	if err != nil {
		if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
			if n < 0 {
				return 0, "too small"
			}
			return 0, "too large"
		}
		return 0, "invalid"
	}
	switch {
	case n < 0:
		return 0, "too small"
	case n > math.MaxInt32:
		return 0, "too large"
	}
	return int(n), ""
}

// seconds is convtime (misc.c): numbers with s, m, h, d, w of either case, added
// up; the last may lack its unit.
func seconds(s string) (int, bool) {
	n, ok := convtime(s, math.MaxInt32)
	return int(n), ok
}

// wrappedSeconds is the same up to 8.4, where the sum was a long and became an
// int without a look at its size.
func wrappedSeconds(s string) (int, bool) {
	n, ok := convtime(s, math.MaxInt64)
	return int(int32(n)), ok && int32(n) != -1
}

func convtime(s string, most int64) (int64, bool) {
	if s == "" {
		return 0, false
	}
	total := int64(0)
	for s != "" {
		s = strings.TrimLeft(s, " \t\r\n\v\f")
		s = strings.TrimPrefix(s, "+")
		i := 0
		n := int64(0)
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			d := int64(s[i] - '0')
			if n > (most-d)/10 {
				return 0, false
			}
			n = n*10 + d
			i++
		}
		if i == 0 {
			return 0, false
		}
		unit := int64(1)
		if i < len(s) {
			switch s[i] {
			case 's', 'S':
			case 'm', 'M':
				unit = 60
			case 'h', 'H':
				unit = 3600
			case 'd', 'D':
				unit = 86400
			case 'w', 'W':
				unit = 604800
			default:
				return 0, false
			}
			i++
		}
		if n > (most-total)/unit {
			return 0, false
		}
		total += n * unit
		s = s[i:]
	}
	return total, true
}

// port is a2port (misc.c).
func (e *env) port(s string) (int, bool) {
	if n, msg := integer(s); msg == "" && n <= 65535 {
		return n, true
	}
	n, ok := e.services[s]
	return n, ok
}

func maxStartups(r *row, s string, v Version) checked {
	wrong := "Invalid " + r.name + " spec."
	if v.Before(8, 7) {
		wrong = "Illegal " + r.name + " spec."
	}
	parts := strings.SplitN(s, ":", 3)
	var n [3]int
	for i, p := range parts {
		// sscanf's %d stops at the first byte that is no digit, and with it
		// the whole conversion.
		m, rest, ok := scanInt(p)
		if !ok || rest != "" && i < len(parts)-1 {
			parts = parts[:i]
			if ok {
				n[i], parts = m, parts[:i+1]
			}
			break
		}
		n[i] = m
	}
	switch len(parts) {
	case 3:
		if n[0] > n[2] || n[1] > 100 || n[1] < 1 {
			return bad("%s", wrong)
		}
	case 1:
		n[1], n[2] = 30, n[0]
	default:
		return checked{fault: wrong, hint: "write one number, or start:rate:full"}
	}
	if !v.Before(8, 8) && (n[0] <= 0 || n[2] <= 0) {
		return bad("%s", wrong)
	}
	if n[0] == -1 && len(parts) == 1 { // that is what "not set" is to sshd up to 8.7
		return checked{used: 1}
	}
	c := one(fmt.Sprintf("%d:%d:%d", n[0], n[1], n[2]))
	if len(parts) == 1 {
		c.extra = "rate kept" // an earlier line's rate stays in force
	}
	return c
}

// scanInt is one %d of sscanf.
func scanInt(s string) (n int, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t\r\n\v\f")
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	d := i
	for i < len(s) && i < 18 && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == d {
		return 0, s, false
	}
	v, _ := strconv.ParseInt(strings.TrimPrefix(s[:i], "+"), 10, 64)
	return int(int32(v)), s[i:], true
}

func netBlock(r *row, s string, v Version) checked {
	a, b, two := strings.Cut(s, ":")
	n, _, ok := scanInt(a)
	if !ok || n < 0 || n > 32 {
		return bad("Invalid %s spec.", r.name)
	}
	m := 0 // up to 10.0 sshd leaves it to chance; 0 is what is seen
	if !v.Before(10, 1) {
		m = 128
	}
	if two {
		var set int
		if set, _, ok = scanInt(b); ok {
			m = set
		}
		if ok && (m < 0 || m > 128) {
			return bad("Invalid %s spec.", r.name)
		}
	}
	return one(fmt.Sprintf("%d:%d", n, m))
}

func mask(r *row, s string, old bool) checked {
	t := strings.TrimLeft(s, " \t\r\n\v\f")
	i := 0
	for i < len(t) && i < 8 && t[i] >= '0' && t[i] <= '7' {
		i++
	}
	n, err := strconv.ParseInt(t[:i], 8, 32)
	if old && (err != nil || n > 0o777) {
		return bad("Bad mask.")
	}
	if err != nil || n > 0o777 {
		return bad("Invalid %s.", r.name)
	}
	if n == 0 {
		return one("00") // sshd's format is "0%o"
	}
	return one(fmt.Sprintf("0%o", n))
}

// qosNames are ipqos[] of misc.c; the first name of a value is printed.
type qosName struct {
	name  string
	value int64
}

func (q qosName) tos() bool {
	return q.name == "lowdelay" || q.name == "throughput" || q.name == "reliability"
}

// in reports whether the release has the name for that value: le was 1 before
// 8.5 (run on 8.4; the release by source), va came
// with 10.1 (run on 10.6; Debian's 10.0 has it not).
func (q qosName) in(rel release) bool {
	switch q.name {
	case "va":
		return !rel.v.Before(10, 1)
	case "le":
		return (q.value == 1) == rel.v.Before(8, 5)
	}
	return true
}

var qosNames = []qosName{
	{"none", math.MaxInt32}, {"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38}, {"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58},
	{"af31", 0x68}, {"af32", 0x70}, {"af33", 0x78}, {"af41", 0x88}, {"af42", 0x90}, {"af43", 0x98},
	{"cs0", 0x00}, {"cs1", 0x20}, {"cs2", 0x40}, {"cs3", 0x60}, {"cs4", 0x80}, {"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0},
	{"ef", 0xb8}, {"va", 0xb0}, {"le", 0x04}, {"le", 0x01}, {"lowdelay", 0x10}, {"throughput", 0x08}, {"reliability", 0x04},
}

// plainTOS reports whether the names of RFC 1349 mean nothing any more and
// numbers are decimal: since 10.1, and in Debian's 10.0 (run on that and 10.6).
func plainTOS(rel release) bool {
	return !rel.v.Before(10, 1) || rel.family == "debian" && rel.v == V(10, 0)
}

func qos(r *row, words []Word, rel release) checked {
	c := checked{used: min(len(words), 2)}
	plain := plainTOS(rel)
	for _, w := range words[:c.used] {
		name := ""
		for _, q := range qosNames {
			if strings.EqualFold(q.name, w.Text) && q.in(rel) {
				name = q.name
				break
			}
		}
		switch {
		case name == "":
			var n int64
			var err error
			if plain {
				var m int
				var msg string
				if m, msg = integer(w.Text); msg != "" || m > 255 {
					return bad("Bad %s value: %s", r.name, w.Text)
				}
				n = int64(m)
			} else if n, err = strconv.ParseInt(strings.ToLower(w.Text), 0, 64); err != nil || n < 0 || n > 255 || strings.IndexByte(w.Text, '_') >= 0 {
				return bad("Bad %s value: %s", r.name, w.Text)
			}
			name = fmt.Sprintf("0x%02x", n)
			for _, q := range qosNames {
				if q.value == n && q.in(rel) && !(plain && q.tos()) {
					name = q.name
					break
				}
			}
		case plain && (name == "lowdelay" || name == "throughput" || name == "reliability"):
			name = "none"
		case name == "reliability" && !rel.v.Before(8, 5):
			name = "le"
		}
		c.args = append(c.args, name)
	}
	if len(c.args) == 1 {
		c.args = append(c.args, c.args[0])
	}
	return c
}

func rekey(r *row, words []Word, old bool) checked {
	size := "0"
	if words[0].Text != "default" {
		n, ok := scaled(words[0].Text)
		if !ok && old {
			return bad("Bad number '%s'", words[0].Text)
		}
		if !ok {
			return bad("Bad %s number '%s'", r.name, words[0].Text)
		}
		if n != 0 && n < 16 {
			return bad("%s too small", r.name)
		}
		size = strconv.FormatInt(n, 10)
	}
	c := checked{args: []string{size}, used: 1}
	if len(words) > 1 {
		c.used = 2
		if words[1].Text != "none" {
			s, ok := seconds(words[1].Text)
			if !ok {
				return bad("invalid time value.")
			}
			c.args = append(c.args, strconv.Itoa(s))
		}
	}
	return c
}

// scaled is scan_scaled(3): digits, one point, and a letter for a power of 1024.
func scaled(s string) (int64, bool) {
	s = strings.TrimLeft(s, " \t\r\n\v\f")
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	i := 0
	whole, frac, scale, point, digits := int64(0), int64(0), int64(1), false, 0
	for ; i < len(s); i++ {
		if s[i] == '.' && !point {
			point = true
			continue
		}
		if s[i] < '0' || s[i] > '9' {
			break
		}
		if digits++; digits > 18 {
			return 0, false
		}
		if point {
			frac, scale = frac*10+int64(s[i]-'0'), scale*10
		} else {
			whole = whole*10 + int64(s[i]-'0')
		}
	}
	unit := int64(1)
	if i < len(s) {
		p := strings.IndexByte("BKMGTPE", s[i]&^0x20)
		if p < 0 || i+1 != len(s) {
			return 0, false
		}
		unit = 1 << (10 * p)
	}
	if whole > math.MaxInt64/unit-1 {
		return 0, false
	}
	n := whole * unit
	for scale > 1<<20 { // as scan_scaled: fractions are cut to what fits
		scale, frac = scale/10, frac/10
	}
	if unit > 1 {
		n += frac * (unit / scale)
		if unit < 1<<40 {
			n = whole*unit + frac*unit/scale
		}
	}
	if neg {
		n = -n
	}
	return n, true
}

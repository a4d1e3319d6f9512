package sshd

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// checked is what became of one line's arguments.
type checked struct {
	args    []string // in the spelling of sshd -T
	used    int      // how many of the words were taken
	fault   string   // in sshd's words; "" none
	hint    string   // the way out
	extra   string   // for Subsystem: the name
	counted bool     // sshd counts this fault and goes on; others end it at once
}

// env is what the check of a value depends on.
type env struct {
	rel      release
	old      bool // tokeniser up to 8.6
	dir      string
	home     string
	services map[string]int
}

func bad(format string, a ...any) checked { return checked{fault: fmt.Sprintf(format, a...)} }

// one is the value of a keyword that takes one word.
func one(arg string) checked { return checked{args: []string{arg}, used: 1} }

// check reads the arguments of one line as servconf.c does for that keyword.
func (e *env) check(r *row, ln *Line) checked {
	words := ln.Args
	first := ""
	if len(words) > 0 {
		first = words[0].Text
	}
	missing := func() checked {
		return checked{fault: r.name + " missing argument.", hint: "give a value, or remove the line"}
	}
	switch r.kind {
	case kindRaw, kindCommand:
		if ln.Rest == "" {
			return missing()
		}
		rest := strings.TrimLeft(ln.Rest, blanks)
		if r.kind == kindCommand && !strings.HasPrefix(rest, "/") && !strings.EqualFold(rest, "none") {
			return bad("%s must be an absolute path", r.name)
		}
		if r.name == "VersionAddendum" && strings.IndexByte(rest, '\r') >= 0 {
			return bad("Invalid %s argument", r.name)
		}
		if strings.EqualFold(rest, "none") {
			rest = "none"
		}
		return checked{args: []string{rest}, used: len(words)}
	case kindIgnored:
		return checked{used: len(words)}
	case kindUsers, kindGroups, kindEnvNames, kindEnvSet, kindKeyFiles, kindLogVerbose, kindPubkeyOptions:
		return e.list(r, words)
	case kindAuthMethods:
		return e.authMethods(r, words)
	case kindPermit:
		return e.permit(r, words)
	case kindChannels:
		return e.channels(r, words)
	case kindPaths:
		if e.rel.v.Before(10, 3) && len(words) > 0 {
			words = words[:1]
		}
		return e.paths(r, words)
	}
	if first == "" {
		return missing()
	}
	switch r.kind {
	case kindFlag:
		switch strings.ToLower(first) {
		case "yes", "no":
			return one(strings.ToLower(first))
		}
		return checked{fault: fmt.Sprintf("unsupported option %q.", first), hint: "write yes or no"}
	case kindEnum:
		return enumerate(r, first)
	case kindInt:
		n, msg := integer(first)
		if msg != "" {
			return bad("%s integer value %s.", r.name, msg)
		}
		return one(strconv.Itoa(n))
	case kindTime, kindTimeOrNone:
		if r.kind == kindTimeOrNone && strings.EqualFold(first, "none") {
			return one("none")
		}
		s, ok := seconds(first)
		if !ok {
			return checked{fault: "invalid time value.", hint: "write seconds, or 90s, 2m, 1h30m without blanks"}
		}
		return one(strconv.Itoa(s))
	case kindWord:
		if r.name == "ChrootDirectory" && strings.EqualFold(first, "none") {
			first = "none"
		}
		return one(first)
	case kindPath:
		return one(e.absolute(first))
	case kindPathTilde:
		return one(e.tilde(first))
	case kindPort:
		n, ok := e.port(first)
		if !ok || n == 0 {
			return bad("Badly formatted port number.")
		}
		return one(strconv.Itoa(n))
	case kindListen:
		return e.listen(words)
	case kindAlgorithms:
		return e.algorithms(r, first)
	case kindGSSKex:
		for n := range strings.SplitSeq(first, ",") {
			if n != "" && !contains(gssKex, n) {
				return bad("Bad GSSAPI KexAlgorithms '%s'.", first)
			}
		}
		return one(first)
	case kindSubsystem:
		if len(words) < 2 || words[1].Text == "" {
			return bad("Missing subsystem command.")
		}
		parts := make([]string, len(words)-1)
		for i := range parts {
			parts[i] = words[i+1].Text
		}
		return checked{args: []string{first + " " + strings.Join(parts, " ")}, used: len(words), extra: first}
	case kindMaxStartups:
		return maxStartups(r, first, e.rel.v)
	case kindNetBlock:
		return netBlock(r, first)
	case kindIntOrNone:
		if first == "none" {
			return one(first)
		}
		n, msg := integer(first)
		if msg != "" {
			return bad("%s integer value %s.", r.name, msg)
		}
		return one(strconv.Itoa(n))
	case kindPenalties:
		return penalties(r, words)
	case kindMask:
		return mask(r, first)
	case kindDigest:
		for _, d := range []string{"MD5", "SHA1", "SHA256", "SHA384", "SHA512"} {
			if strings.EqualFold(d, first) {
				return one(d)
			}
		}
		return bad("Invalid %s algorithm %q.", r.name, first)
	case kindQoS:
		return qos(r, words)
	case kindRekey:
		return rekey(r, words)
	case kindTunnel:
		switch first {
		case "yes", "no", "point-to-point", "ethernet":
			return one(first)
		}
		return bad("bad %s argument %s", r.name, first)
	case kindUserEnv:
		return one(first)
	case kindRDomain:
		return one(first)
	}
	return one(first)
}

// gssKex are the exchanges of the GSSAPI patch.
var gssKex = []string{"gss-gex-sha1-", "gss-group1-sha1-", "gss-group14-sha1-", "gss-group14-sha256-", "gss-group16-sha512-", "gss-nistp256-sha256-", "gss-curve25519-sha256-"}

func enumerate(r *row, arg string) checked {
	for _, spelling := range r.enum {
		name, printed, aliased := strings.Cut(spelling, "=")
		if strings.EqualFold(name, arg) {
			if !aliased {
				printed = name
			}
			return one(printed)
		}
	}
	switch r.name {
	case "LogLevel":
		return bad("unsupported log level '%s'", arg)
	case "SyslogFacility":
		return bad("unsupported log facility '%s'", arg)
	}
	var names []string
	for _, spelling := range r.enum {
		name, _, _ := strings.Cut(spelling, "=")
		names = append(names, name)
	}
	return checked{fault: fmt.Sprintf("unsupported option %q.", arg), hint: "write one of " + strings.Join(names, ", ")}
}

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
			if n = n*10 + int64(s[i]-'0'); n > math.MaxInt32 {
				return 0, false
			}
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
		if total += n * unit; total > math.MaxInt32 {
			return 0, false
		}
		s = s[i:]
	}
	return int(total), true
}

// port is a2port (misc.c).
func (e *env) port(s string) (int, bool) {
	if n, msg := integer(s); msg == "" && n <= 65535 {
		return n, true
	}
	n, ok := e.services[s]
	return n, ok
}

// absolute is derelativise_path (servconf.c).
func (e *env) absolute(p string) string {
	if strings.EqualFold(p, "none") {
		return "none"
	}
	if p == "internal" {
		return p // SecurityKeyProvider
	}
	p = e.tilde(p)
	if strings.HasPrefix(p, "/") {
		return p
	}
	return strings.TrimSuffix(e.dir, "/") + "/" + p
}

// tilde is tilde_expand_filename for the account that sshd runs as.
func (e *env) tilde(p string) string {
	if strings.EqualFold(p, "none") {
		return "none"
	}
	if p != "~" && !strings.HasPrefix(p, "~/") {
		return p
	}
	return strings.TrimSuffix(e.home, "/") + "/" + strings.TrimLeft(p[1:], "/")
}

// list reads the keywords that take any number of words.
func (e *env) list(r *row, words []Word) checked {
	c := checked{used: len(words)}
	bits := [2]bool{}
	for i, w := range words {
		switch r.kind {
		case kindUsers:
			at := strings.LastIndexByte(w.Text, '@')
			if w.Text == "" || at >= 0 && matchAddr(Context{}.addr(), "", w.Text[at+1:]) == -2 {
				return checked{fault: fmt.Sprintf("invalid %s pattern: %q", r.name, w.Text),
					hint: "write a user name or pattern, or user@host with a network that has no bits beyond its mask"}
			}
		case kindGroups:
			if w.Text == "" {
				return bad("empty %s pattern", r.name)
			}
		case kindEnvNames:
			if w.Text == "" || strings.IndexByte(w.Text, '=') >= 0 {
				return bad("Invalid environment name.")
			}
		case kindEnvSet:
			if w.Text == "" || strings.IndexByte(w.Text, '=') < 0 {
				return bad("Invalid environment.")
			}
			name := w.Text[:strings.IndexByte(w.Text, '=')+1]
			dup := false
			for _, a := range c.args {
				dup = dup || strings.HasPrefix(a, name)
			}
			if dup {
				continue
			}
		case kindKeyFiles:
			if w.Text == "" {
				return checked{fault: fmt.Sprintf("keyword %s empty argument", r.name), counted: true}
			}
			c.args = append(c.args, e.tilde(w.Text))
			continue
		case kindLogVerbose:
			if w.Text == "" {
				return checked{fault: fmt.Sprintf("keyword %s empty argument", r.name), counted: true}
			}
			if strings.EqualFold(w.Text, "none") && (i > 0 || len(words) > 1) {
				return checked{fault: fmt.Sprintf("keyword %s \"none\" argument must appear alone.", r.name), counted: true}
			}
		case kindPubkeyOptions:
			switch strings.ToLower(w.Text) {
			case "none":
			case "touch-required":
				bits[0] = true
			case "verify-required":
				bits[1] = true
			default:
				return checked{fault: fmt.Sprintf("unsupported %s option %s", r.name, w.Text), counted: true}
			}
			continue
		}
		c.args = append(c.args, w.Text)
	}
	if r.kind == kindPubkeyOptions {
		if bits[0] {
			c.args = append(c.args, "touch-required")
		}
		if bits[1] {
			c.args = append(c.args, "verify-required")
		}
		if c.args == nil {
			c.args = []string{"none"}
		}
	}
	return c
}

func (e *env) paths(r *row, words []Word) checked {
	if len(words) == 0 || words[0].Text == "" {
		return bad("%s missing argument.", r.name)
	}
	c := checked{used: len(words)}
	for _, w := range words {
		c.args = append(c.args, e.absolute(w.Text))
	}
	return c
}

func (e *env) algorithms(r *row, list string) checked {
	if n := r.algs.badAlgorithm(list, e.rel); n != "" {
		hint := fmt.Sprintf("%q is no such algorithm of this release; sshd takes names between commas, without blanks", n)
		switch r.algs {
		case algCipher:
			return checked{fault: fmt.Sprintf("Bad SSH2 cipher spec '%s'.", list), hint: hint}
		case algMAC:
			return checked{fault: fmt.Sprintf("Bad SSH2 mac spec '%s'.", list), hint: hint}
		case algKex:
			return checked{fault: fmt.Sprintf("Bad SSH2 KexAlgorithms '%s'.", list), hint: hint}
		}
		return checked{fault: fmt.Sprintf("Bad key types '%s'.", list), hint: hint}
	}
	return one(list)
}

func maxStartups(r *row, s string, v Version) checked {
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
			return bad("Invalid %s spec.", r.name)
		}
	case 1:
		n[1], n[2] = 30, n[0]
	default:
		return checked{fault: fmt.Sprintf("Invalid %s spec.", r.name), hint: "write one number, or start:rate:full"}
	}
	if !v.Before(8, 8) && (n[0] <= 0 || n[2] <= 0) {
		return bad("Invalid %s spec.", r.name)
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

func netBlock(r *row, s string) checked {
	a, b, two := strings.Cut(s, ":")
	n, _, ok := scanInt(a)
	if !ok || n < 0 || n > 32 {
		return bad("Invalid %s spec.", r.name)
	}
	m := 128
	if two {
		if m, _, ok = scanInt(b); ok && (m < 0 || m > 128) {
			return bad("Invalid %s spec.", r.name)
		}
	}
	return one(fmt.Sprintf("%d:%d", n, m))
}

func mask(r *row, s string) checked {
	t := strings.TrimLeft(s, " \t\r\n\v\f")
	i := 0
	for i < len(t) && i < 8 && t[i] >= '0' && t[i] <= '7' {
		i++
	}
	n, err := strconv.ParseInt(t[:i], 8, 32)
	if err != nil || n > 0o777 {
		return bad("Invalid %s.", r.name)
	}
	if n == 0 {
		return one("00") // sshd's format is "0%o"
	}
	return one(fmt.Sprintf("0%o", n))
}

// qosNames are ipqos[] of misc.c; the first name of a value is printed.
var qosNames = []struct {
	name  string
	value int64
}{
	{"none", math.MaxInt32}, {"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38}, {"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58},
	{"af31", 0x68}, {"af32", 0x70}, {"af33", 0x78}, {"af41", 0x88}, {"af42", 0x90}, {"af43", 0x98},
	{"cs0", 0x00}, {"cs1", 0x20}, {"cs2", 0x40}, {"cs3", 0x60}, {"cs4", 0x80}, {"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0},
	{"ef", 0xb8}, {"le", 0x04}, {"lowdelay", 0x10}, {"throughput", 0x08}, {"reliability", 0x04},
}

func qos(r *row, words []Word) checked {
	c := checked{used: min(len(words), 2)}
	for _, w := range words[:c.used] {
		name := ""
		for _, q := range qosNames {
			if strings.EqualFold(q.name, w.Text) {
				name = q.name
				break
			}
		}
		if name == "" {
			n, err := strconv.ParseInt(strings.ToLower(w.Text), 0, 64)
			if err != nil || n < 0 || n > 255 || strings.IndexByte(w.Text, '_') >= 0 {
				return bad("Bad %s value: %s", r.name, w.Text)
			}
			name = fmt.Sprintf("0x%02x", n)
			for _, q := range qosNames {
				if q.value == n {
					name = q.name
					break
				}
			}
		} else if name == "reliability" {
			name = "le"
		}
		c.args = append(c.args, name)
	}
	if len(c.args) == 1 {
		c.args = append(c.args, c.args[0])
	}
	return c
}

func rekey(r *row, words []Word) checked {
	size := "0"
	if words[0].Text != "default" {
		n, ok := scaled(words[0].Text)
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
	if neg && (whole != 0 || frac != 0) || whole > math.MaxInt64/unit-1 {
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
	return n, true
}

func penalties(r *row, words []Word) checked {
	c := checked{used: len(words)}
	for i, w := range words {
		if strings.EqualFold(w.Text, "yes") || strings.EqualFold(w.Text, "no") {
			if i > 0 || len(words) > 1 {
				return bad("keyword %s \"%s\" argument must appear alone.", r.name, strings.ToLower(w.Text))
			}
			c.args = append(c.args, strings.ToLower(w.Text))
			continue
		}
		class, value, ok := strings.Cut(w.Text, ":")
		if !ok {
			return bad("invalid %s value %s", r.name, w.Text)
		}
		switch class {
		case "overflow", "overflow6":
			if value != "permissive" && value != "deny-all" {
				return bad("invalid %s value %s", r.name, w.Text)
			}
		case "max-sources4", "max-sources6":
			if n, msg := integer(value); msg != "" || n == 0 {
				return bad("invalid %s value %s", r.name, w.Text)
			}
		case "crash", "authfail", "invaliduser", "noauth", "grace-exceeded", "refuseconnection", "max", "min":
			s, ok := seconds(value)
			if !ok {
				if _, err := strconv.ParseFloat(value, 64); err != nil {
					return bad("invalid %s value %s", r.name, w.Text)
				}
			} else {
				value = strconv.Itoa(s)
			}
		default:
			return bad("unsupported %s keyword %s", r.name, class)
		}
		c.args = append(c.args, class+":"+value)
	}
	return c
}

// methods that AuthenticationMethods may name.
var methodNames = []string{"none", "publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "gssapi-keyex"}

func (e *env) authMethods(r *row, words []Word) checked {
	c := checked{used: len(words)}
	for i, w := range words {
		if w.Text == "any" {
			if i > 0 || len(words) > 1 {
				return checked{fault: fmt.Sprintf("\"any\" must appear alone in %s", r.name)}
			}
			c.args = append(c.args, w.Text)
			continue
		}
		for m := range strings.SplitSeq(w.Text, ",") {
			name, _, _ := strings.Cut(m, ":")
			if !contains(methodNames, name) {
				return checked{fault: fmt.Sprintf("invalid %s method list.", r.name),
					hint: fmt.Sprintf("%q is no method; known are %s", name, strings.Join(methodNames, ", "))}
			}
		}
		c.args = append(c.args, w.Text)
	}
	if len(words) == 0 {
		return bad("no %s specified", r.name)
	}
	return c
}

func (e *env) permit(r *row, words []Word) checked {
	if len(words) == 0 || words[0].Text == "" {
		return bad("%s missing argument.", r.name)
	}
	if words[0].Text == "any" || words[0].Text == "none" {
		return one(words[0].Text)
	}
	c := checked{used: len(words)}
	for _, w := range words {
		arg := w.Text
		if arg == "" {
			break
		}
		port := arg
		if r.name == "PermitListen" && strings.IndexByte(arg, ':') < 0 {
			arg = "*:" + arg
		} else {
			var ok bool
			if _, port, ok = hostPort(arg); !ok {
				return bad("%s missing host", r.name)
			}
		}
		if n, ok := e.port(port); port != "*" && (!ok || n == 0) {
			return checked{fault: r.name + " bad port number", hint: "write host:port, or any, or none"}
		}
		c.args = append(c.args, arg)
	}
	return c
}

// hostPort is hpdelim (misc.c).
func hostPort(s string) (host, port string, ok bool) {
	i := 0
	if strings.HasPrefix(s, "[") {
		if i = strings.IndexByte(s, ']'); i < 0 {
			return "", "", false
		}
		i++
	} else if i = strings.IndexAny(s, ":/"); i < 0 {
		i = len(s)
	}
	switch {
	case i == len(s):
		return s, "", true
	case s[i] == ':' || s[i] == '/':
		return s[:i], s[i+1:], true
	}
	return "", "", false
}

func (e *env) listen(words []Word) checked {
	arg := words[0].Text
	host, port := arg, ""
	if strings.IndexByte(arg, '[') >= 0 || strings.Count(arg, ":") < 2 {
		var ok bool
		if host, port, ok = hostPort(arg); !ok {
			return bad("bad address:port usage")
		}
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		}
		if len(host) < len(arg) && (strings.HasSuffix(arg, ":") || port != "") {
			if n, ok := e.port(port); !ok || n == 0 {
				return bad("bad port number")
			} else {
				port = strconv.Itoa(n)
			}
		}
	}
	if _, ok := parseAddr(host); !ok && strings.Trim(host, "0123456789.") == "" {
		return bad("bad addr or host: %s", host)
	}
	c := checked{used: 1}
	out := host
	if port != "" {
		out = "[" + host + "]:" + port
		if a, ok := parseAddr(host); !ok || a.Is4() {
			out = host + ":" + port
		}
	}
	c.args = []string{out}
	if len(words) > 1 {
		if words[1].Text != "rdomain" || len(words) < 3 {
			return bad("bad ListenAddress syntax")
		}
		c.used = 3
		c.args[0] += " rdomain " + words[2].Text
	}
	return c
}

func (e *env) channels(r *row, words []Word) checked {
	c := checked{used: len(words)}
	for i, w := range words {
		if strings.EqualFold(w.Text, "none") {
			if i > 0 || len(words) > 1 {
				return checked{fault: fmt.Sprintf("keyword %s \"none\" argument must appear alone.", r.name), counted: true}
			}
			c.args = append(c.args, "none")
			continue
		}
		eq := strings.IndexByte(w.Text, '=')
		if eq <= 0 {
			return bad("invalid channel timeout %s", w.Text)
		}
		if _, ok := seconds(w.Text[eq+1:]); !ok {
			return bad("invalid channel timeout %s", w.Text)
		}
		c.args = append(c.args, w.Text)
	}
	return c
}

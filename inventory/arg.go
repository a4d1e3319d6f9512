package inventory

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultPort is the port where none is given.
const DefaultPort = 22

// maxArg bounds an argument: a user, a host name and a port fit twice.
const maxArg = 1024

// ParseArg reads one host argument: host, user@host, host:port, [v6]:port,
// user@[v6%zone]:port, or a bare IPv6 address (which then holds every colon).
// The part before the last "@" is the user, as in ssh(1).
//
// The host's Name is its address, with the port where that is not 22, so that
// two daemons of one machine have two names. IPv6 addresses are brought to
// their canonical form (RFC 5952). The error is a [Fault] without a position.
func ParseArg(arg string) (Host, error) {
	p, f := splitArg(arg)
	if f.Text != "" {
		f.Text = "host " + quote(arg) + ": " + f.Text
		return Host{}, f
	}
	h := Host{Name: p.host, Address: p.host, Port: DefaultPort, User: p.user}
	if p.port != 0 {
		h.Port = p.port
	}
	if h.Port != DefaultPort {
		h.Name = net.JoinHostPort(p.host, strconv.Itoa(h.Port))
	}
	return h, nil
}

// argParts is what an argument said; the zero port and the empty user were not given.
type argParts struct {
	user, host string
	port       int
}

// splitArg takes an argument apart and checks each part.
func splitArg(arg string) (argParts, Fault) {
	var p argParts
	if f := checkArgText(arg); f.Text != "" {
		return p, f
	}
	rest := arg
	if at := strings.LastIndexByte(arg, '@'); at >= 0 {
		p.user, rest = arg[:at], arg[at+1:]
		if p.user == "" {
			return p, Fault{Text: "no user before the \"@\"", Hint: "write user@host, or the host alone"}
		}
		if f := checkUser(p.user); f.Text != "" {
			return p, f
		}
	}
	if rest == "" {
		return p, Fault{Text: "no host in it", Hint: "write host, user@host or user@host:port"}
	}
	host, port, f := splitPort(rest)
	if f.Text != "" {
		return p, f
	}
	if port != "" {
		if p.port, f = parsePort(port); f.Text != "" {
			return p, f
		}
	}
	p.host, f = checkHost(host)
	return p, f
}

// checkArgText refuses what can be no host at all, in words of its own.
func checkArgText(arg string) Fault {
	switch {
	case arg == "":
		return Fault{Text: "it is empty", Hint: "write host, user@host or user@host:port"}
	case len(arg) > maxArg:
		return Fault{Text: "it is longer than " + strconv.Itoa(maxArg) + " bytes", Hint: "separate hosts by blanks"}
	case arg[0] == '-':
		return Fault{Text: "a host cannot begin with \"-\"", Hint: "is it a misspelt flag? see --help"}
	case !utf8.ValidString(arg):
		return Fault{Text: "it is not UTF-8", Hint: "type the name anew"}
	}
	for _, r := range arg {
		switch {
		case r == ' ':
			return Fault{Text: "it holds a space", Hint: "give each host as an argument of its own"}
		case !strconv.IsPrint(r):
			return Fault{Text: "it holds the unprintable character " + strconv.QuoteRuneToASCII(r), Hint: "type the name anew"}
		}
	}
	if scheme, after, ok := strings.Cut(arg, "://"); ok && scheme != "" {
		return Fault{Text: "it is a URL", Hint: "write " + strconv.Quote(strings.TrimRight(after, "/"))}
	}
	return Fault{}
}

// splitPort takes host[:port] apart; a bare IPv6 address has no port.
func splitPort(s string) (host, port string, f Fault) {
	if s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", Fault{Text: "\"[\" without \"]\"", Hint: "write an IPv6 address as [2001:db8::1]:22"}
		}
		host, rest := s[1:end], s[end+1:]
		switch {
		case host == "":
			return "", "", Fault{Text: "nothing between \"[\" and \"]\"", Hint: "write an IPv6 address as [2001:db8::1]:22"}
		case rest == "":
			return host, "", Fault{}
		case rest[0] != ':':
			return "", "", Fault{Text: quote(rest) + " after \"]\"", Hint: "only :port may follow"}
		case rest == ":":
			return "", "", Fault{Text: "no port after the \":\"", Hint: "leave the \":\" out for port 22"}
		}
		return host, rest[1:], Fault{}
	}
	switch strings.Count(s, ":") {
	case 0:
		return s, "", Fault{}
	case 1:
		host, port, _ = strings.Cut(s, ":")
		if host == "" {
			return "", "", Fault{Text: "no host before the \":\"", Hint: "write host:port"}
		}
		if port == "" {
			return "", "", Fault{Text: "no port after the \":\"", Hint: "leave the \":\" out for port 22"}
		}
		return host, port, Fault{}
	}
	if _, err := netip.ParseAddr(s); err != nil {
		return "", "", Fault{Text: "more than one \":\", and no IPv6 address", Hint: "write host:port, or [v6]:port"}
	}
	return s, "", Fault{}
}

// parsePort reads a TCP port: digits only, 1 to 65535.
func parsePort(s string) (int, Fault) {
	n, err := strconv.ParseUint(s, 10, 64)
	digits := strings.Trim(s, "0123456789") == ""
	switch {
	case !digits:
		return 0, Fault{Text: "the port " + quote(s) + " is no number", Hint: "write a number from 1 to 65535"}
	case err != nil || n < 1 || n > 65535:
		return 0, Fault{Text: "the port " + quote(s) + " is out of range", Hint: "write a number from 1 to 65535"}
	}
	return int(n), Fault{}
}

// checkUser says what makes a name unfit for a login. It refuses what ssh(1)
// refuses (valid_ruser in ssh.c, OpenSSH 9.6, after CVE-2023-51385) and beyond
// that all that a shell, a ProxyCommand's percent token or passwd(5) could take
// for something else. A "\" between domain and user and a "$" at the end
// (useradd(8), machine accounts) are names that exist.
func checkUser(user string) Fault {
	bad := func(what string) Fault {
		return Fault{Text: "the user " + quote(user) + " " + what, Hint: "a user has letters, digits and . _ + - @; ask for its login name"}
	}
	switch {
	case user == "":
		return bad("is empty")
	case len(user) > 256:
		return bad("is longer than 256 bytes")
	case user[0] == '-':
		return bad("begins with \"-\"")
	case user == "." || user == "..":
		return bad("is a directory")
	case strings.ContainsRune(user, ':'):
		f := bad("holds a \":\"")
		f.Hint = "a password is never taken from an argument; write user@host"
		return f
	}
	for i, r := range user {
		last := i+utf8.RuneLen(r) == len(user)
		switch {
		case r == utf8.RuneError:
			return bad("is not UTF-8")
		case unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._+-@", r):
		case r == '$' && last, r == '\\' && !last && i > 0:
		default:
			return bad("holds " + strconv.QuoteRuneToASCII(r))
		}
	}
	return Fault{}
}

// checkHost says whether a host name or an address is well formed, and gives an
// IP address in its canonical form. Names follow RFC 1123, section 2.1, with
// the underscores that are found in the field; a name whose last label is a
// number has to be an IPv4 address, since resolvers take it for one.
func checkHost(host string) (string, Fault) {
	bad := func(what, hint string) (string, Fault) {
		return "", Fault{Text: "the host " + quote(host) + " " + what, Hint: hint}
	}
	if strings.ContainsRune(host, ':') {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return bad("is no IPv6 address", "one looks like 2001:db8::1, and with a port like [2001:db8::1]:22")
		}
		if zone := addr.Zone(); strings.Trim(zone, alphanumeric+"._-") != "" {
			return bad("has an odd zone", "a zone is the name of a network interface: fe80::1%eth0")
		}
		return addr.String(), Fault{}
	}
	switch {
	case host == "":
		return bad("is empty", "write a name or an address")
	case len(host) > 253:
		return bad("is longer than 253 characters", "the DNS knows no longer name")
	case host[0] == '-':
		return bad("begins with \"-\"", "is it a misspelt flag? see --help")
	case strings.ContainsRune(host, ','):
		return bad("holds a \",\"", "separate hosts by blanks")
	case strings.ContainsRune(host, '/'):
		return bad("holds a \"/\"", "one host an argument; networks are not scanned")
	}
	for _, r := range host {
		if r >= utf8.RuneSelf {
			return bad("is not ASCII", "write an international name in its xn-- form")
		}
		if !strings.ContainsRune(alphanumeric+"._-", r) {
			return bad("holds "+strconv.QuoteRuneToASCII(r), "a host name has letters, digits and . _ -")
		}
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, l := range labels {
		switch {
		case l == "":
			return bad("has an empty label", "one dot between labels")
		case len(l) > 63:
			return bad("has a label longer than 63 characters", "the DNS knows no longer label")
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is4() {
			return bad("is no IPv4 address", "four numbers from 0 to 255 without leading zeros; a name cannot end in a number")
		}
	}
	return host, Fault{}
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

package sshd

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// generator makes configurations of which sshd accepts most: every keyword,
// every form of value, spacing and quoting oddities, Match of every criterion,
// Include trees.
type generator struct {
	t     *rapid.T
	v     Version
	dir   string            // where included files go
	files map[string]string // made so far
	bad   bool              // a fault was put in
}

func (g *generator) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(g.t, label)
}

// one in n.
func (g *generator) chance(label string, n int) bool {
	return rapid.IntRange(1, n).Draw(g.t, label) == n
}

var (
	genUsers  = []string{"root", "daemon", "nobody", "nosuch", "*", "r*", "?aemon", "!root", "!daemon", "Root"}
	genGroups = []string{"root", "daemon", "nogroup", "*", "d*", "!root", "nosuch"}
	genAddrs  = []string{"10.0.0.0/8", "10.1.0.0/16", "!10.1.2.0/24", "192.0.2.1", "192.0.2.*", "2001:db8::/32", "::1", "10.1", "0.0.0.0/0", "!192.0.2.0/24", "fe80::/10", "10.*", "*"}
	genHosts  = []string{"*.example.com", "a.example.com", "!b.example.com", "10.*", "192.0.2.1", "*", "HOST"}
)

func (g *generator) list(label string, from []string) string {
	n := rapid.IntRange(1, 3).Draw(g.t, label+"-n")
	p := make([]string, n)
	for i := range p {
		p[i] = g.pick(label, from...)
	}
	return strings.Join(p, ",")
}

// value makes the arguments of a keyword.
func (g *generator) value(r *row) string {
	if g.chance("odd", 60) {
		g.bad = true
		if r.kind == kindListen { // a name would be resolved
			return g.pick("odd address", "", `"open`, "1.2.3.4 x", "1.2.3.4:99999", "999", "[::1", "1.2.3.4:x")
		}
		return g.pick("oddity", "", "bogus", "no yes", `"open`, "-1", "yes no maybe", "a=b", "=", "1:2:3:4", `''`, "none none", "99999999999")
	}
	switch r.kind {
	case kindFlag:
		return g.pick("flag", "yes", "no", "YES", "No", "no")
	case kindEnum:
		e, _, _ := strings.Cut(g.pick("enum", r.enum...), "=")
		return e
	case kindInt:
		return g.pick("int", "0", "1", "3", "12", "+4", "007", "2147483647")
	case kindTime:
		return g.pick("time", "0", "30", "2m", "1h30m", "1H30M", "1d", "90s", "1w2d")
	case kindTimeOrNone:
		return g.pick("time", "none", "NONE", "60", "5m", "0")
	case kindWord:
		return g.pick("word", "none", "nobody", "/srv/x", "None", "%h")
	case kindPath, kindPathTilde, kindPaths:
		return g.pick("path", "none", "/etc/issue", "rel/path", "~/x", "None", "/a%u")
	case kindKeyFiles:
		return g.pick("files", ".ssh/authorized_keys", "/etc/ssh/keys/%u .ssh/a", "none", "%h/k", "~/k /x", "None")
	case kindRaw:
		if r.name == "VersionAddendum" {
			return g.pick("raw", "none", "Debian", "foo  bar", "a # b", "NONE")
		}
		return g.pick("raw", "/bin/false", `echo "hi # there"   x  # c`, "none", "internal-sftp -l INFO", `"echo hi"`, "a'b'c", "NONE")
	case kindCommand:
		return g.pick("command", "none", "/bin/keys %u", "/bin/keys  a  b", "/x # y", "None")
	case kindUsers:
		return g.pick("users", "root", "root daemon", "*@10.0.0.0/8", "a#b c", `"a b" c`, `a\ b`, "alice,bob", "!root *", "x@!10.0.0.0/8,127.0.0.1", "u@h@192.0.2.*", `a"b c"d`)
	case kindGroups:
		return g.pick("groups", "root", "root daemon", "x*", `"a b"`, "no,such")
	case kindEnvNames:
		return g.pick("env", "LANG LC_*", "A", "B C D", "X*")
	case kindEnvSet:
		return g.pick("setenv", "A=1", "A=1 B=2", "A=1 A=2", `"C=x y"`)
	case kindPort:
		return g.pick("port", "22", "2222", "ssh", "1")
	case kindListen:
		return g.pick("listen", "0.0.0.0", "127.0.0.1:2222", "::1", "[::1]:2200", "[::]", "192.0.2.1", "127.1")
	case kindAlgorithms:
		return g.algorithms(r.algs)
	case kindGSSKex:
		return g.pick("gss", "gss-gex-sha1-", "gss-group14-sha256-,gss-curve25519-sha256-")
	case kindSubsystem:
		return g.pick("subsystem", "sftp", "a", "b", "c", "d", "e", "f") + " " + g.pick("subcmd", "/usr/lib/sftp-server", "internal-sftp -f AUTH", `"/a b" c`, "x  y")
	case kindMaxStartups:
		return g.pick("startups", "5", "10:30:60", "1:100:1", "7", "3:50:10", "5x", "10:30:60x")
	case kindNetBlock:
		return g.pick("block", "24:64", "32:128", "0:0", "16:48")
	case kindIntOrNone:
		return g.pick("intnone", "none", "3", "0", "10")
	case kindLogVerbose:
		return g.pick("logv", "none", "auth.c:*", "a.c:f:* b.c:g:12")
	case kindPermit:
		return g.pick("permit", "any", "none", "localhost:80", "*:22 [::1]:*", "host:ssh", "a:1 b:2") + ""
	case kindAuthMethods:
		return g.pick("methods", "any", "publickey", "publickey,password", "publickey,keyboard-interactive:pam password", "password,publickey publickey,publickey", "keyboard-interactive:bsdauth publickey", "publickey,none", "hostbased publickey", "gssapi-with-mic publickey")
	case kindMask:
		return g.pick("mask", "0177", "022", "7", "0", "0777", "177x")
	case kindDigest:
		return g.pick("digest", "sha256", "MD5", "SHA512", "sha1")
	case kindQoS:
		return g.pick("qos", "af21 cs1", "ef", "lowdelay throughput", "0x10", "none", "reliability", "CS0 af43", "184 8", "le 3")
	case kindRekey:
		return g.pick("rekey", "default", "default none", "1G 1h", "500M", "64K 30m", "default 2h", "1000", "1.5G", "0 0")
	case kindPubkeyOptions:
		return g.pick("pkopt", "none", "touch-required", "verify-required touch-required", "NONE", "Verify-Required")
	case kindTunnel:
		return g.pick("tunnel", "yes", "no", "point-to-point", "ethernet")
	case kindUserEnv:
		return g.pick("userenv", "yes", "no", "YES", "LANG,LC_*")
	case kindChannels:
		return g.pick("channels", "none", "session=5m", "agent-connection=1h x11-connection=30", "session:*=0")
	}
	return "x"
}

func (g *generator) algorithms(c algClass) string {
	rel := newRelease(g.v, "debian")
	all := c.all(rel)
	n := rapid.IntRange(1, 4).Draw(g.t, "algs-n")
	names := make([]string, n)
	for i := range names {
		names[i] = g.pick("alg", all...)
	}
	sign := g.pick("sign", "", "", "+", "-", "^")
	if sign == "-" && g.chance("wild", 2) {
		return "-" + g.pick("pattern", "*", "aes*", "*sha1*", "ssh-*", "hmac-*,umac-*", "nosuch", "ecdsa-*,*cbc")
	}
	if c == algKey && g.chance("keywild", 4) {
		return sign + g.pick("keypattern", "ssh-*", "*ed25519*", "rsa-*,ssh-ed25519", "ecdsa-sha2-nistp*", "*", "RSA", "RSA,ssh-ed25519")
	}
	return sign + strings.Join(names, ",")
}

// line writes one keyword line in one of many forms.
func (g *generator) line(r *row) string {
	value := g.value(r)
	name := r.name
	switch rapid.IntRange(0, 9).Draw(g.t, "case") {
	case 0:
		name = strings.ToLower(name)
	case 1:
		name = strings.ToUpper(name)
	case 2:
		name = `"` + name + `"`
	}
	sep := g.pick("sep", " ", " ", " ", "  ", "\t", "=", " = ", " =", "= ")
	end := g.pick("end", "", "", "", " ", "\r", "\t", " # comment", "\f", "#tail", " \\")
	switch end {
	case "#tail", " \\":
		if !g.chance("keep-odd-end", 20) {
			end = ""
		} else {
			g.bad = true
		}
	case " # comment":
		if r.kind == kindRaw || r.kind == kindCommand {
			end = ""
		}
	}
	if end == "" && r.kind == kindFlag && g.chance("quote", 8) {
		value = g.pick("quotes", `"`, `'`) + value
		value += value[:1]
	}
	lead := g.pick("lead", "", "", "", "  ", "\t", " \r")
	return lead + name + sep + value + end + "\n"
}

// match writes one Match line.
func (g *generator) match() string {
	var parts []string
	if g.chance("all", 6) {
		parts = []string{"all"}
	} else {
		for range rapid.IntRange(1, 2).Draw(g.t, "criteria") {
			switch g.pick("criterion", "User", "Group", "Host", "Address", "LocalAddress", "LocalPort", "RDomain") {
			case "User":
				parts = append(parts, "User", g.list("muser", genUsers))
			case "Group":
				parts = append(parts, "group", g.list("mgroup", genGroups))
			case "Host":
				parts = append(parts, "HOST", g.list("mhost", genHosts))
			case "Address":
				parts = append(parts, "Address", g.list("maddr", genAddrs))
			case "LocalAddress":
				parts = append(parts, "LocalAddress", g.pick("mladdr", "127.0.0.1", "192.0.2.0/24", "::1", "*"))
			case "LocalPort":
				parts = append(parts, "LocalPort", g.pick("mlport", "22", "2222", "ssh"))
			case "RDomain":
				parts = append(parts, "RDomain", g.pick("mrd", "vrf*", "x"))
			}
		}
	}
	if g.chance("badmatch", 40) {
		g.bad = true
		return "Match " + g.pick("badform", "User", "all User x", "User a b", "Address 10.0.0.5/8", "Address 1.2.3.4/33", "LocalPort 22,23", "Exec true", "final", "", "User \"\"", "# x") + "\n"
	}
	sep := g.pick("msep", " ", " ", "  ", "\t", "=")
	return g.pick("mkey", "Match", "match", "MATCH") + " " + strings.Join(parts, sep) + g.pick("mend", "", "", " ", " # c") + "\n"
}

// text writes a file; depth bounds Includes, inMatch says that an Include led
// here from a Match block.
func (g *generator) text(depth int, inMatch bool) string {
	var b strings.Builder
	n := rapid.IntRange(1, 8).Draw(g.t, "lines")
	for range n {
		switch k := rapid.IntRange(0, 19).Draw(g.t, "what"); {
		case k == 0:
			b.WriteString(g.pick("blank", "\n", "# comment\n", "   \n", "\t#x\n", "\r\n", "#\x01\n"))
		case k <= 3:
			b.WriteString(g.match())
			inMatch = true
		case k == 4 && depth > 0:
			name := fmt.Sprintf("%d-%s.conf", len(g.files), g.pick("fname", "a", "B", "10", "9"))
			g.files[name] = "" // the name is taken
			g.files[name] = g.text(depth-1, inMatch)
			b.WriteString("Include " + g.pick("ipat", g.dir+"/"+name, `"`+g.dir+"/"+name+`"`, g.dir+"/*"+name[1:], g.dir+"/nope/*.conf") + "\n")
		case k == 5 && g.chance("unknown", 20):
			g.bad = true
			b.WriteString("NoSuchKeyword yes\n")
		default:
			b.WriteString(g.line(g.row(inMatch)))
		}
	}
	s := b.String()
	if g.chance("nonewline", 10) {
		s = strings.TrimSuffix(s, "\n")
	}
	return s
}

// row draws a keyword; in a Match block mostly one that may stand there.
func (g *generator) row(inMatch bool) *row {
	for range 50 {
		r := &rows[rapid.IntRange(0, len(rows)-1).Draw(g.t, "row")]
		if !r.in(g.v) || !r.vendorIn("debian") || r.kind == kindMatch || r.kind == kindInclude || r.kind == kindRDomain {
			continue
		}
		if inMatch && !r.inMatch(g.v) && !g.chance("global-in-match", 100) {
			continue
		}
		return r
	}
	return rowByName("PasswordAuthentication")
}

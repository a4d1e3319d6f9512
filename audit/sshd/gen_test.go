package sshd

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// generator makes configurations of which sshd accepts most: every keyword,
// every form of value, spacing and quoting oddities, Match of every criterion,
// Include trees.
type generator struct {
	t     *rapid.T        // draws, where n is not set
	n     func(n int) int // draws from 0 to n-1
	v     Version
	dir   string            // where included files go; "" is several directories
	files map[string]string // made for Includes so far
}

func (g *generator) draw(n int) int {
	if g.n != nil {
		return g.n(n)
	}
	return rapid.IntRange(0, n-1).Draw(g.t, "n")
}

func (g *generator) pick(from ...string) string { return from[g.draw(len(from))] }

// chance is one in n.
func (g *generator) chance(n int) bool { return g.draw(n) == 0 }

var (
	genUsers  = []string{"root", "alice", "bob", "backup", "nosuch", "*", "a*", "?ob", "!root", "!alice", "Root", "git"}
	genGroups = []string{"root", "ops", "sftponly", "*", "s*", "!root", "nosuch", "!ops", "backup"}
	genAddrs  = []string{"10.0.0.0/8", "10.1.0.0/16", "!10.1.2.0/24", "192.0.2.1", "192.0.2.*", "2001:db8::/32", "::1", "10.1", "0.0.0.0/0",
		"!192.0.2.0/24", "fe80::/10", "10.*", "*", "10.1.2.3/32", "::/0", "10.1.2.?", "0x0a010203", "10.1.515", "::ffff:10.1.2.3"}
	genHosts = []string{"*.example.com", "a.example.com", "!b.example.com", "10.*", "192.0.2.1", "*", "HOST", "?.EXAMPLE.com"}
	genLocal = []string{"127.0.0.1", "192.0.2.0/24", "::1", "*", "!192.0.2.7", "192.0.2.7,127.0.0.0/8"}
)

func (g *generator) list(from []string) string {
	p := make([]string, g.draw(3)+1)
	for i := range p {
		p[i] = g.pick(from...)
	}
	return strings.Join(p, ",")
}

// value makes the arguments of a keyword.
func (g *generator) value(r *row) string {
	if g.chance(140) {
		if r.kind == kindListen { // a name would be resolved
			return g.pick("", `"open`, "1.2.3.4 x", "1.2.3.4:99999", "999", "[::1", "1.2.3.4:x", "1.2.3.4:0", "[1.2.3.4]:22")
		}
		return g.pick("", "bogus", "no yes", `"open`, "-1", "yes no maybe", "a=b", "=", "1:2:3:4", `''`, `""`, "none none", "99999999999", "1,2", "'", `\`)
	}
	switch r.kind {
	case kindFlag:
		return g.pick("yes", "no", "YES", "No", "no", "yes")
	case kindEnum:
		e, _, _ := strings.Cut(g.pick(r.enum...), "=")
		return e
	case kindInt:
		return g.pick("0", "1", "3", "12", "+4", "007", "2147483647")
	case kindTime:
		return g.pick("0", "30", "2m", "1h30m", "1H30M", "1d", "90s", "1w2d", "0s", "2147483647", "10m10")
	case kindTimeOrNone:
		return g.pick("none", "NONE", "60", "5m", "0", "1h")
	case kindWord:
		if r.name == "PerSourcePenaltyExemptList" {
			return g.pick("10.0.0.0/8", "192.0.2.1,2001:db8::/32", "none", "127.0.0.1", "10.0.0.5/8", "bogus")
		}
		return g.pick("none", "nobody", "/srv/x", "None", "%h", "/a b", `"/a b"`)
	case kindPath, kindPathTilde, kindPaths:
		return g.pick("none", "/etc/issue", "rel/path", "~/x", "None", "/a%u", `"/a b"`, "~root/y", "/a//b")
	case kindKeyFiles:
		return g.pick(".ssh/authorized_keys", "/etc/ssh/keys/%u .ssh/a", "none", "%h/k", "~/k /x", "None", "none none", "a none")
	case kindRaw:
		if r.name == "VersionAddendum" {
			return g.pick("none", "Debian", "foo  bar", "a # b", "NONE", `"q"`, "x=y")
		}
		return g.pick("/bin/false", `echo "hi # there"   x  # c`, "none", "internal-sftp -l INFO", `"echo hi"`, "a'b'c", "NONE", "a = b", "=x")
	case kindCommand:
		return g.pick("none", "/bin/keys %u", "/bin/keys  a  b", "/x # y", "None", `/x "a b"`)
	case kindUsers:
		return g.pick("root", "root alice", "*@10.0.0.0/8", "a#b c", `"a b" c`, `a\ b`, "alice,bob", "!root *", "x@!10.0.0.0/8,127.0.0.1", "u@h@192.0.2.*", `a"b c"d`, "@", "a@", "a@10.0.0.1/33")
	case kindGroups:
		return g.pick("root", "root ops", "x*", `"a b"`, "no,such", "!x")
	case kindEnvNames:
		return g.pick("LANG LC_*", "A", "B C D", "X*", "A A")
	case kindEnvSet:
		return g.pick("A=1", "A=1 B=2", "A=1 A=2", `"C=x y"`, "A= B", "D=a=b")
	case kindPort:
		return g.pick("22", "2222", "ssh", "1", "65535", "http", "0x16")
	case kindListen:
		return g.pick("0.0.0.0", "127.0.0.1:2222", "::1", "[::1]:2200", "[::]", "192.0.2.1", "127.1", "192.0.2.1:ssh", "::", "0.0.0.0:80", "127.0.0.1 rdomain lo", "2001:DB8::1", "0:0:0:0:0:0:0:1")
	case kindAlgorithms:
		return g.algorithms(r.algs)
	case kindGSSKex:
		return g.pick("gss-gex-sha1-", "gss-group14-sha256-,gss-curve25519-sha256-", "gss-group1-sha1-,", "gss-group14-sha1-,gss-gex-sha1-,x")
	case kindSubsystem:
		return g.pick("sftp", "sftp", "a", "b", "c", "SFTP", "e", "f") + " " + g.pick("/usr/lib/sftp-server", "internal-sftp -f AUTH", `"/a b" c`, "x  y", "internal-sftp", `'q' "" z`, `/a"b c"d`)
	case kindMaxStartups:
		return g.pick("5", "10:30:60", "1:100:1", "7", "3:50:10", "5x", "10:30:60x", "20", " 4:10:5")
	case kindNetBlock:
		return g.pick("24:64", "32:128", "0:0", "16:48", "8", "24:")
	case kindIntOrNone:
		return g.pick("none", "3", "0", "10")
	case kindPenalties:
		return g.pick("yes", "no", "crash:1", "authfail:2m noauth:0", "max:1h min:10", "overflow:deny-all", "overflow6:deny-all max-sources4:10", "grace-exceeded:5 max-sources6:7", "refuseconnection:3", "NO", "crash:2 crash:3", "authfail:1h30m")
	case kindLogVerbose:
		return g.pick("none", "auth.c:*", "a.c:f:* b.c:g:12", "x,y", "NONE")
	case kindPermit:
		return g.pick("any", "none", "localhost:80", "*:22 [::1]:*", "host:ssh", "a:1 b:2", "[::1]:22", "127.0.0.1:8080 x:*", "any x:1", "2022", "h:http")
	case kindAuthMethods:
		return g.pick("any", "publickey", "publickey,password", "publickey,keyboard-interactive:pam password", "password,publickey publickey,publickey", "keyboard-interactive:bsdauth publickey", "publickey,none", "hostbased publickey", "gssapi-with-mic publickey", "publickey publickey", "none", "publickey:x")
	case kindMask:
		return g.pick("0177", "022", "7", "0", "0777", "177x")
	case kindDigest:
		return g.pick("sha256", "MD5", "SHA512", "sha1", "md5", "Sha256")
	case kindQoS:
		return g.pick("af21 cs1", "ef", "lowdelay throughput", "0x10", "none", "reliability", "CS0 af43", "184 8", "le 3", "af11 none", "cs7", "0xb8 010")
	case kindRekey:
		return g.pick("default", "default none", "1G 1h", "500M", "64K 30m", "default 2h", "1000", "1.5G", "0 0", "1g", "16", "none", "4096 none")
	case kindPubkeyOptions:
		return g.pick("none", "touch-required", "verify-required touch-required", "NONE", "Verify-Required", "none touch-required")
	case kindTunnel:
		return g.pick("yes", "no", "point-to-point", "ethernet")
	case kindUserEnv:
		return g.pick("yes", "no", "YES", "LANG,LC_*")
	case kindChannels:
		return g.pick("none", "session=5m", "agent-connection=1h x11-connection=30", "session:*=0", "NONE", "global=10", "a=1 a=2")
	case kindRDomain:
		return g.pick("%D", "lo", "none", "vrf9")
	case kindAgentSocket:
		return g.pick("none", "user:.ssh/a", "user:/run/x", "user:%u")
	case kindIgnored:
		return g.pick("yes", "no", "1", "a b c")
	}
	return "x"
}

func (g *generator) algorithms(c algClass) string {
	rel := newRelease(g.v, "debian")
	all := c.all(rel)
	names := make([]string, g.draw(4)+1)
	for i := range names {
		names[i] = g.pick(all...)
	}
	sign := g.pick("", "", "+", "-", "^")
	switch {
	case sign == "-" && g.chance(2):
		return "-" + g.pick("*", "aes*", "*sha1*", "ssh-*", "hmac-*,umac-*", "nosuch", "ecdsa-*,*cbc", "!x,aes*", "")
	case c == algKey && g.chance(4):
		return sign + g.pick("ssh-*", "*ed25519*", "rsa-*,ssh-ed25519", "ecdsa-sha2-nistp*", "*", "RSA", "RSA,ssh-ed25519", "!ssh-rsa,*", "ssh-ed25519,!ssh-*")
	case g.chance(30):
		return sign + g.pick(names[0]+",", ","+names[0], names[0]+",,"+names[0], strings.ToUpper(names[0]), names[0]+",x", "!"+names[0], "none", "")
	}
	return sign + strings.Join(names, ",")
}

// line writes one keyword line in one of many forms.
func (g *generator) line(r *row) string {
	value := g.value(r)
	name := r.name
	switch g.draw(10) {
	case 0:
		name = strings.ToLower(name)
	case 1:
		name = strings.ToUpper(name)
	case 2:
		name = `"` + name + `"`
	}
	sep := g.pick(" ", " ", " ", " ", " ", "  ", "\t", "=", " = ", " =", "= ")
	end := g.pick("", "", "", "", "", " ", "\r", "\t", " # comment", "\f", "#tail", " \\")
	switch end {
	case "#tail", " \\":
		if !g.chance(20) {
			end = ""
		}
	case " # comment":
		if (r.kind == kindRaw || r.kind == kindCommand) && !g.chance(5) {
			end = ""
		}
	}
	if end == "" && r.kind == kindFlag && g.chance(8) {
		value = g.pick(`"`, `"`, `'`) + value
		value += value[:1]
	}
	lead := g.pick("", "", "", "  ", "\t", " \r")
	return lead + name + sep + value + end + "\n"
}

// match writes one Match line.
func (g *generator) match() string {
	if g.chance(40) {
		return "Match " + g.pick("User", "all User x", "User a b", "Address 10.0.0.5/8", "Address 1.2.3.4/33", "LocalPort 22,23", "Exec true", "final", "", `User ""`, "# x",
			"User =", "canonical", "User x all", "Group a,,b", "LocalPort 0", `User "x`, "Address ,", "all # c", "User x#y", "host", "LocalAddress 10.0.0.1/8", "User all", "rdomain", "invalid-user x") + "\n"
	}
	var parts []string
	kinds := []string{"User", "User", "Group", "Host", "Address", "Address", "LocalAddress", "LocalPort", "RDomain"}
	if !g.v.Before(9, 9) {
		kinds = append(kinds, "invalid-user")
	}
	if !g.v.Before(10, 0) {
		kinds = append(kinds, "Version")
	}
	glue := " "
	if g.chance(12) {
		glue = g.pick("=", "  ", "\t", " = ")
	}
	pair := func(name, value string) {
		if g.chance(12) {
			value = g.pick(`"`+value+`"`, `'`+value+`'`)
		}
		parts = append(parts, name+glue+value)
	}
	if g.chance(6) {
		parts = []string{g.pick("all", "All")}
	} else {
		for range g.draw(2) + 1 {
			switch g.pick(kinds...) {
			case "User":
				pair("User", g.list(genUsers))
			case "Group":
				pair("group", g.list(genGroups))
			case "Host":
				pair("HOST", g.list(genHosts))
			case "Address":
				pair("Address", g.list(genAddrs))
			case "LocalAddress":
				pair("LocalAddress", g.pick(genLocal...))
			case "LocalPort":
				pair("LocalPort", g.pick("22", "2222", "ssh", "+22"))
			case "RDomain":
				pair("RDomain", g.pick("vrf*", "x", "!x,*"))
			case "invalid-user":
				parts = append(parts, "invalid-user")
			case "Version":
				pair("version", g.pick("OpenSSH_1*", "OpenSSH_10.0*", "OpenSSH_9*", "*", "!OpenSSH_10.6*,*"))
			}
		}
	}
	lead := g.pick("", "", "  ")
	return lead + g.pick("Match", "match", "MATCH") + " " + strings.Join(parts, g.pick(" ", " ", "  ", "\t")) + g.pick("", "", " ", " # c") + "\n"
}

// includePatterns reach a file made by include, in the directories that it uses.
func (g *generator) includePattern(file string) string {
	dir, base := path.Split(file)
	rel := strings.TrimPrefix(file, "/etc/ssh/")
	ext := path.Ext(base)
	switch g.draw(9) {
	case 0:
		return dir + "*" + ext
	case 1:
		return rel
	case 2:
		return `"` + file + `"`
	case 3:
		return dir + base[:1] + "*"
	case 4:
		return dir + "[" + base[:1] + "z]" + base[1:]
	case 5:
		return path.Dir(path.Clean(rel)) + "/*" + ext
	case 6:
		return dir + "?" + base[1:] + " " + dir + "nope*"
	case 7:
		return "/etc/ssh/*/" + base
	}
	return file
}

// include makes a file and the line that reads it.
func (g *generator) include(depth int, inMatch bool) string {
	if g.dir != "" {
		name := fmt.Sprintf("%d-%s.conf", len(g.files), g.pick("a", "B", "10", "9"))
		g.files[name] = "" // the name is taken
		g.files[name] = g.text(depth-1, inMatch)
		return "Include " + g.pick(g.dir+"/"+name, `"`+g.dir+"/"+name+`"`, g.dir+"/*"+name[1:], g.dir+"/nope/*.conf") + "\n"
	}
	name := g.pick("/etc/ssh/sshd_config.d/", "/etc/ssh/x/", "/etc/ssh/x/y/", "/srv/conf/") +
		fmt.Sprintf("%s%d%s", g.pick("a", "B", "1", "9", "Z"), len(g.files), g.pick(".conf", ".conf", ".inc", ""))
	g.files[name] = "" // the name is taken
	switch {
	case g.chance(60):
		g.files[name] = dangling
	case g.chance(60):
		delete(g.files, name)
		g.files[name+"/file"] = "PermitRootLogin no\n" // the pattern finds a directory
	case g.chance(80):
		g.files[name] = "Include " + name + "\n"
	default:
		g.files[name] = g.text(depth-1, inMatch)
	}
	if g.chance(30) {
		return "Include " + g.pick("/nope/*.conf", "~/x", "x/{a,b}.conf", "x/.*", "''", `"x`, "", "*", "sshd_config.d") + "\n"
	}
	return "Include " + g.includePattern(name) + g.pick("", "", " # c", " /etc/ssh/none/*") + "\n"
}

// text writes a file; depth bounds Includes, inMatch says that an Include led
// here from a Match block.
func (g *generator) text(depth int, inMatch bool) string {
	var b strings.Builder
	for range g.draw(9) + 1 {
		switch k := g.draw(22); {
		case k == 0:
			b.WriteString(g.pick("\n", "# comment\n", "   \n", "\t#x\n", "\r\n", "#\x01\n", "#a\x00b\n\n"))
		case k <= 3:
			b.WriteString(g.match())
			inMatch = true
		case k <= 5 && depth > 0:
			b.WriteString(g.include(depth, inMatch))
		case k == 6 && g.chance(25):
			b.WriteString(g.pick("NoSuchKeyword yes\n", "PermitRootLogin\n", "\x00PermitRootLogin no\n", "PasswordAuthentication no\x00\nX\n", "= yes\n", "\"\n", "\"\" x\n", "\xef\xbb\xbfPort 22\n", "\fPort 22\n"))
		default:
			b.WriteString(g.line(g.row(inMatch)))
		}
	}
	s := b.String()
	if g.chance(10) {
		s = strings.TrimSuffix(s, "\n")
	}
	return s
}

// row draws a keyword; in a Match block mostly one that may stand there.
func (g *generator) row(inMatch bool) *row {
	for range 50 {
		r := &rows[g.draw(len(rows))]
		if !r.in(g.v) || !r.vendorIn("debian") || r.kind == kindMatch || r.kind == kindInclude {
			continue
		}
		if inMatch && !r.inMatch(g.v) && !g.chance(200) {
			continue
		}
		if r.kind == kindRDomain && !g.chance(30) { // Linux has none: nearly always a refusal
			continue
		}
		if r.alias != "" { // its values are those of the keyword it stands for
			_, slot, _, ok := lookup(r.name, g.v, "debian")
			if !ok {
				continue
			}
			alias := rows[slot]
			alias.name = r.name
			return &alias
		}
		return r
	}
	return rowByName("PasswordAuthentication")
}

// config makes a whole configuration.
func (g *generator) config() map[string]string {
	g.files = map[string]string{}
	text := g.text(g.draw(3), false)
	if g.chance(2) {
		text = strings.TrimSuffix(text, "\n") + "\n" + g.match() + g.line(g.row(true)) + g.line(g.row(true)) + g.line(g.row(true))
	}
	// These two are fatal without each other, so they mostly come together.
	for _, k := range []string{"AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(k)) && !g.chance(10) {
			text = k + "User nobody\n" + text
		}
	}
	g.files[mainPath] = text
	return g.files
}

// feature adds lines of one keyword, above all and in a block below all, so that
// in a long run each has its turn.
func (g *generator) feature(turn int, text string) string {
	r := &rows[turn%len(rows)]
	_, slot, _, ok := lookup(r.name, g.v, "debian")
	if !ok || r.kind == kindMatch || r.kind == kindInclude || r.kind == kindRDomain {
		return text
	}
	alias := rows[slot]
	alias.name = r.name
	def := rows[slot].defaultArgs(newRelease(g.v, "debian"))
	other := func() (line string) { // mostly not the default
		for range 5 {
			line = g.line(&alias)
			f := Parse("", []byte(line), g.v)
			if ln := f.Blocks[0].Lines; len(def) != 1 || len(ln) == 0 || len(ln[0].Args) != 1 || !strings.EqualFold(ln[0].Args[0].Text, def[0]) {
				break
			}
		}
		return line
	}
	text = other() + text
	if r.inMatch(g.v) {
		text = strings.TrimSuffix(text, "\n") + "\nMatch User *\n" + other()
	}
	if r.kind == kindCommand {
		text = r.name + "User nobody\n" + text
	}
	return text
}

// mainPath is where a generated configuration begins.
const mainPath = "/etc/ssh/sshd_config"

// dangling is the content of a file that is a link to nowhere.
const dangling = "\x00dangling"

// mutate changes a configuration in a few places.
func (g *generator) mutate(files map[string]string) map[string]string {
	g.files = map[string]string{}
	for name, text := range files {
		g.files[name] = text
	}
	for range g.draw(6) {
		names := make([]string, 0, len(g.files))
		for name, text := range g.files {
			if text != dangling && !strings.HasSuffix(name, "/file") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if len(names) == 0 {
			break
		}
		name := names[g.draw(len(names))]
		if g.chance(2) {
			name = mainPath
		}
		g.files[name] = g.mutateText(g.files[name])
	}
	return g.files
}

func (g *generator) mutateText(text string) string {
	lines := strings.SplitAfter(text, "\n")
	at := g.draw(len(lines))
	inMatch := false
	for _, l := range lines[:at] {
		f := strings.Fields(l)
		inMatch = inMatch || len(f) > 0 && strings.EqualFold(f[0], "match")
	}
	insert := func(l string) {
		if at > 0 && !strings.HasSuffix(lines[at-1], "\n") {
			l = "\n" + l
		}
		lines = append(lines[:at], append([]string{l}, lines[at:]...)...)
	}
	switch g.draw(14) {
	case 0, 1, 2, 3:
		insert(g.line(g.row(inMatch)))
	case 4, 5:
		insert(g.match() + g.line(g.row(true)))
	case 6:
		insert(g.include(1, inMatch))
	case 7:
		lines[at] = ""
	case 8: // a line twice
		insert(lines[g.draw(len(lines))])
	case 9:
		if l := strings.TrimLeft(lines[at], "# \t"); l != "" && strings.Count(l, " ") == 1 { // a commented default comes to life
			lines[at] = l
		}
	case 10: // another value for the same keyword
		if f := strings.Fields(lines[at]); len(f) > 1 && f[0][0] != '#' {
			if _, slot, _, ok := lookup(f[0], g.v, "debian"); ok && rows[slot].kind != kindMatch && rows[slot].kind != kindInclude {
				lines[at] = f[0] + g.pick(" ", "\t", "=", " = ") + g.value(&rows[slot]) + "\n"
			}
		}
	case 11: // the file's end goes on top
		lines = append(append([]string{}, lines[at:]...), append([]string{"\n"}, lines[:at]...)...)
	case 12: // spacing and case
		switch g.draw(4) {
		case 0:
			lines[at] = strings.Replace(lines[at], " ", g.pick("  ", "\t", "=", " = "), 1)
		case 1:
			lines[at] = strings.ToUpper(lines[at])
		case 2:
			lines[at] = strings.Replace(lines[at], "\n", g.pick("\r\n", " \n", " # x\n"), 1)
		case 3:
			lines[at] = strings.TrimLeft(lines[at], " \t")
		}
	case 13: // one byte
		if g.chance(3) && lines[at] != "" {
			b := []byte(lines[at])
			b[g.draw(len(b))] = g.pick(`"`, "#", " ", "=", "'", `\`, ",", "x", "\t", "\x00", "!", "*", "\n")[0]
			lines[at] = string(b)
		}
	}
	return strings.Join(lines, "")
}

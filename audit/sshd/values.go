package sshd

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// checked is what became of one line's arguments.
type checked struct {
	args    []string // in one spelling
	printed []string // as sshd -T prints them, where that differs
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
	homes    map[string]string
	services map[string]int
}

func bad(format string, a ...any) checked { return checked{fault: fmt.Sprintf(format, a...)} }

func badInteger(r *row, msg string, old bool) string {
	if old {
		return "integer value " + msg + "."
	}
	return r.name + " integer value " + msg + "."
}

// missingValue is what sshd says of a keyword whose value is empty.
func missingValue(r *row, old bool) string {
	switch r.name {
	case "AuthorizedKeysCommandUser", "AuthorizedPrincipalsCommandUser":
		return "missing " + r.name + " argument."
	case "HostKeyAgent":
		return "missing socket name."
	case "PAMServiceName", "PerSourcePenaltyExemptList":
		return "missing argument."
	case "LogLevel":
		return "unsupported log level ''"
	case "SyslogFacility":
		return "unsupported log facility ''"
	case "SecurityKeyProvider", "AuthorizedPrincipalsFile", "ChrootDirectory":
		if !old {
			return r.name + " missing argument."
		}
		return "missing file name."
	}
	switch r.kind {
	case kindFlag, kindEnum:
		return "missing argument."
	case kindTime, kindTimeOrNone:
		return "missing time value."
	case kindPath, kindPathTilde, kindPaths:
		return "missing file name."
	case kindPort:
		return "missing port number."
	case kindListen:
		return "missing address"
	case kindAgentSocket:
		return "missing path."
	case kindInt:
		if old {
			return "integer value missing."
		}
		return r.name + " integer value missing."
	case kindGSSKex:
		return "Missing argument."
	case kindAlgorithms:
		if old || r.algs == algKey || r.algs == algSig {
			return "Missing argument."
		}
	}
	if old {
		switch r.kind {
		case kindRaw:
			return "Missing argument."
		case kindUserEnv:
			return "missing argument."
		case kindRekey, kindDigest:
			return "Missing argument."
		case kindMask:
			return "missing " + r.name + " argument."
		case kindMaxStartups:
			return "Missing " + r.name + " spec."
		case kindQoS:
			return "Bad " + r.name + " value"
		case kindTunnel:
			return "Missing yes/point-to-point/ethernet/no argument."
		case kindSubsystem:
			return "Missing subsystem name."
		case kindPermit:
			return "missing " + strings.ToLower(r.name) + " specification"
		}
	}
	return r.name + " missing argument."
}

// listed reports whether up to 8.6 the keyword's words were read in a loop, which
// an empty word ends.
func (r *row) listed() bool {
	switch r.kind {
	case kindUsers, kindGroups, kindEnvNames, kindEnvSet, kindLogVerbose, kindPubkeyOptions, kindPermit, kindSubsystem, kindInclude:
		return true
	}
	return false
}

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
		quoted := ln.Keyword.End.Offset-ln.Keyword.Pos.Offset > len(ln.Keyword.Text)                                                           // then an empty word follows
		if e.old && (ln.Problem == OpenQuote || ln.Problem == NoArgument && !quoted) && (r.name == "LogLevel" || r.name == "SyslogFacility") { // no word at all
			return bad("%s", strings.Replace(missingValue(r, true), "''", "'<NONE>'", 1))
		}
		return checked{fault: missingValue(r, e.old), hint: "give a value, or remove the line"}
	}
	switch r.kind {
	case kindRaw, kindCommand:
		if ln.Rest == "" && r.kind == kindCommand && e.old {
			return bad("%s must be an absolute path", r.name)
		}
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
		c := checked{args: []string{rest}, used: len(words)}
		if strings.EqualFold(rest, "none") {
			c.args = []string{"none"}
			if r.kind == kindCommand {
				c.printed = []string{rest}
			}
		}
		return c
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
	if r.kind == kindRDomain {
		return checked{fault: "setting RDomain not supported on this platform.", hint: "only OpenBSD has it: remove the line"}
	}
	if first == "" && !(r.kind == kindPenalties && len(words) > 0) {
		return missing()
	}
	switch r.kind {
	case kindFlag:
		switch strings.ToLower(first) {
		case "yes", "no":
			return one(strings.ToLower(first))
		}
		return checked{fault: fmt.Sprintf("unsupported option \"%s\".", first), hint: "write yes or no"}
	case kindEnum:
		return enumerate(r, first)
	case kindInt:
		n, msg := integer(first)
		if msg != "" {
			return bad("%s", badInteger(r, msg, e.old))
		}
		return one(strconv.Itoa(n))
	case kindTime, kindTimeOrNone:
		if r.kind == kindTimeOrNone && strings.EqualFold(first, "none") {
			return one("none")
		}
		s, ok := seconds(first)
		if !ok && e.rel.v.Before(8, 5) {
			s, ok = wrappedSeconds(first)
		}
		if !ok {
			return checked{fault: "invalid time value.", hint: "write seconds, or 90s, 2m, 1h30m without blanks"}
		}
		return one(strconv.Itoa(s))
	case kindWord:
		if r.name == "PerSourcePenaltyExemptList" && matchAddr(netip.Addr{}, "", first) == -2 {
			return checked{fault: fmt.Sprintf("keyword %s invalid address argument.", r.name), hint: "write addresses and networks between commas, without bits beyond the mask"}
		}
		return clearable(first, first)
	case kindPath:
		switch r.name {
		case "AgentSocketPath":
			switch rest, user := strings.CutPrefix(first, "user:"); {
			case user && rest == "":
				return bad("invalid user path.")
			case !user && first != "none":
				return checked{fault: "invalid path.", hint: "write user:PATH below the home, or none"}
			}
			return one(first)
		case "HostKey", "HostCertificate":
			if strings.EqualFold(first, "none") { // sshd clears it and prints a null pointer
				return checked{args: []string{"none"}, printed: []string{"(null)"}, used: 1}
			}
		}
		return one(e.absolute(first))
	case kindPathTilde:
		return clearable(e.tilde(first), first)
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
			if n != "" && !slices.ContainsFunc(gssKex, func(k string) bool { return strings.HasPrefix(n, k) }) {
				return bad("Bad GSSAPI KexAlgorithms '%s'.", first)
			}
		}
		return one(first)
	case kindSubsystem:
		if len(words) < 2 || words[1].Text == "" {
			if !e.rel.v.Before(10, 5) {
				return bad("%s missing argument.", r.name)
			}
			return bad("Missing subsystem command.")
		}
		parts := make([]string, len(words)-1)
		for i := range parts {
			parts[i] = words[i+1].Text
		}
		command := strings.Join(parts, " ")
		if !e.rel.v.Before(9, 5) {
			for i := range parts {
				parts[i] = assembleWord(parts[i])
			}
			command = parts[0] // an empty rest leaves no blank
			if rest := strings.Join(parts[1:], " "); rest != "" {
				command += " " + rest
			}
		}
		return checked{args: []string{first + " " + command}, used: len(words), extra: first}
	case kindMaxStartups:
		return maxStartups(r, first, e.rel.v)
	case kindNetBlock:
		return netBlock(r, first, e.rel.v)
	case kindIntOrNone:
		if first == "none" {
			return one(first)
		}
		n, msg := integer(first)
		if msg != "" {
			return bad("%s", badInteger(r, msg, e.old))
		}
		return one(strconv.Itoa(n))
	case kindPenalties:
		return penalties(r, words)
	case kindMask:
		return mask(r, first, e.old)
	case kindDigest:
		for _, d := range []string{"MD5", "SHA1", "SHA256", "SHA384", "SHA512"} {
			if strings.EqualFold(d, first) {
				return one(d)
			}
		}
		if e.old {
			return bad("Invalid hash algorithm \"%s\".", first)
		}
		return bad("Invalid %s algorithm \"%s\".", r.name, first)
	case kindQoS:
		return qos(r, words, e.rel)
	case kindRekey:
		return rekey(r, words, e.old)
	case kindTunnel:
		switch first {
		case "yes", "no", "point-to-point", "ethernet":
			return one(first)
		}
		if e.old {
			return bad("Bad yes/point-to-point/ethernet/no argument: %s", first)
		}
		return bad("bad %s argument %s", r.name, first)
	case kindUserEnv:
		return one(first)
	case kindAgentSocket:
		switch {
		case strings.EqualFold(first, "none"):
			return one("none")
		case first == "user:":
			return bad("invalid user path.")
		case !strings.HasPrefix(first, "user:"):
			return checked{fault: "invalid path.", hint: "write user: and a path below the home, or none"}
		}
		return one(first)
	}
	return one(first)
}

// assembleWord is argv_assemble (misc.c) for one word: quotes where it holds a
// blank, a backslash before quotes and backslashes.
func assembleWord(s string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`).Replace(s)
	if strings.ContainsAny(s, " \t") {
		return `"` + quoted + `"`
	}
	return quoted
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
	return checked{fault: fmt.Sprintf("unsupported option \"%s\".", arg), hint: "write one of " + strings.Join(names, ", ")}
}

// clearable is a value that "none" in any case takes away. sshd does so only for
// the globals; what a block sets is printed as it stands.
func clearable(value, written string) checked {
	c := one(value)
	if strings.EqualFold(written, "none") {
		c = checked{args: []string{"none"}, printed: []string{written}, used: 1}
	}
	return c
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
	return e.dir + "/" + p // "//p" for a daemon that runs in "/"
}

// tilde is tilde_expand_filename for the account that sshd runs as.
func (e *env) tilde(p string) string {
	if strings.EqualFold(p, "none") {
		return "none"
	}
	if !strings.HasPrefix(p, "~") {
		return p
	}
	user, rest, _ := strings.Cut(p[1:], "/")
	home := e.home
	if user != "" {
		var known bool
		if home, known = e.homes[user]; !known {
			return p
		}
	}
	return strings.TrimSuffix(home, "/") + "/" + strings.TrimLeft(rest, "/")
}

package sshd

import (
	"bytes"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Effective is what sshd -T printed: by lower-case keyword the values, one a
// line.
type Effective map[string][]string

// maxEffective bounds the output of sshd -T that is read, in bytes.
const maxEffective = 4 << 20

// ParseEffective reads the output of sshd -T. Keywords are lower-case up to
// 10.4 and mixed since (OpenSSH 10.5); lines without a value are kept with "".
func ParseEffective(out []byte) Effective {
	if len(out) > maxEffective {
		out = out[:maxEffective]
	}
	e := Effective{}
	for line := range bytes.Lines(out) {
		s := strings.TrimRight(string(line), "\r\n")
		k, v, _ := strings.Cut(s, " ")
		if k == "" || !isKeyword(k) {
			continue
		}
		k = strings.ToLower(k)
		e[k] = append(e[k], strings.TrimSpace(v))
	}
	return e
}

func isKeyword(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return len(s) <= 64
}

// Get returns the words of a keyword as Settings.Get would: several lines one
// after the other, spellings made equal.
func (e Effective) Get(keyword string) []string {
	lines, ok := e[strings.ToLower(keyword)]
	if !ok {
		return nil
	}
	r := rowByName(keyword)
	if r == nil {
		return lines
	}
	return normal(r, lines)
}

func rowByName(keyword string) *row {
	for _, i := range index[strings.ToLower(keyword)] {
		if rows[i].alias == "" && rows[i].fate == acted {
			return &rows[i]
		}
	}
	return nil
}

// normal brings the lines of one keyword into one form, whatever the release
// that printed them.
func normal(r *row, lines []string) []string {
	var words []string
	switch r.kind {
	case kindRaw, kindCommand, kindSubsystem, kindListen:
		words = append(words, lines...)
	case kindAlgorithms:
		for _, l := range lines {
			if l != "" {
				words = append(words, strings.Split(l, ",")...)
			}
		}
		return unique(words)
	default:
		for _, l := range lines {
			words = append(words, strings.Fields(l)...)
		}
	}
	if r.kind == kindPubkeyOptions { // 10.6 prints how many keys are taken, which no line sets
		words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "max-pk-ok:") })
	}
	for i, w := range words {
		switch r.kind {
		case kindFlag, kindUserEnv, kindTunnel:
			switch strings.ToLower(w) {
			case "true":
				w = "yes"
			case "false":
				w = "no"
			}
			if r.kind == kindFlag {
				w = strings.ToLower(w)
			}
		case kindEnum:
			if v := enumerate(r, w); v.fault == "" {
				w = v.args[0]
			} else if w == "true" || w == "false" {
				w = map[string]string{"true": "yes", "false": "no"}[w]
			}
		case kindTime, kindTimeOrNone:
			if whole, frac, ok := strings.Cut(w, "."); ok && strings.Trim(frac, "0") == "" {
				w = whole
			}
			if s, ok := seconds(w); ok {
				w = strconv.Itoa(s)
			}
			if r.kind == kindTimeOrNone && w == "0" {
				w = "none"
			}
		case kindRekey:
			switch w {
			case "default", "none":
				w = "0"
			}
			if n, ok := scaled(w); ok && i == 0 {
				w = strconv.FormatInt(n, 10)
			} else if s, ok := seconds(w); ok && i == 1 {
				w = strconv.Itoa(s)
			}
		case kindPenalties:
			class, value, ok := strings.Cut(w, ":")
			if f, err := strconv.ParseFloat(value, 64); ok && err == nil {
				w = class + ":" + strconv.FormatFloat(f, 'f', -1, 64)
			}
		case kindPath, kindPaths, kindPathTilde, kindKeyFiles, kindWord, kindCommand, kindRaw, kindChannels, kindLogVerbose:
			if strings.EqualFold(w, "none") || w == "(null)" { // a file "none" in a list
				w = "none"
			}
		case kindMask:
			if n, err := strconv.ParseInt(w, 8, 32); err == nil {
				w = "0" + strconv.FormatInt(n, 8)
			}
		case kindDigest:
			w = strings.ToUpper(w)
		}
		words[i] = w
	}
	if r.kind == kindRekey && len(words) == 1 {
		words = append(words, "0")
	}
	if isSet(r) {
		sort.Strings(words)
		words = unique(words)
	}
	return words
}

// isSet reports whether neither order nor repetition of a keyword's words matters.
func isSet(r *row) bool {
	switch r.kind {
	case kindUsers, kindGroups, kindEnvNames, kindEnvSet, kindPort, kindListen, kindPenalties, kindSubsystem, kindPermit:
		return true
	}
	return r.wins == appends
}

func unique(words []string) []string {
	seen := make(map[string]bool, len(words))
	out := words[:0]
	for _, w := range words {
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}

// silentWhenEmpty are the keywords of which sshd -T prints nothing while they
// are not set, so that their absence is a value.
var silentWhenEmpty = map[string]bool{
	"allowusers": true, "denyusers": true, "allowgroups": true, "denygroups": true, "acceptenv": true, "setenv": true,
	"subsystem": true, "hostcertificate": true, "logverbose": true, "channeltimeout": true, "authorizedkeysfile": true,
}

// Effective is what sshd -T -C of this configuration would print, as far as the
// configuration decides it: without keywords that were compiled out and host
// keys that are there by default.
func (s *Settings) Effective() Effective {
	e := Effective{}
	for i, v := range s.vals {
		if v == nil || v.Unknown != "" || v.Args == nil && rows[i].kind != kindAlgorithms {
			continue
		}
		if lines := s.printed(i, v); len(lines) > 0 {
			e[strings.ToLower(rows[i].name)] = lines
		}
	}
	if lines := s.listeners(); lines != nil {
		e["listenaddress"] = lines
	}
	if kbd := s.Get("KbdInteractiveAuthentication"); kbd.Args != nil && kbd.Unknown == "" {
		e["kbdinteractiveauthentication"] = kbd.Args // up to 8.6 another keyword may force it on
	}
	return e
}

// printed is the lines that sshd -T prints for one row.
func (s *Settings) printed(i int, v *Value) []string {
	r := &rows[i]
	switch {
	case r.kind == kindAlgorithms:
		// -T assembles the lists twice, so one that "-" emptied shows as the
		// default, while the daemon offers nothing.
		return []string{strings.Join(s.algorithms(i, false), ",")}
	case r.wins == appends || r.kind == kindSubsystem || r.kind == kindEnvSet:
		return v.Args
	case (r.name == "ChannelTimeout" || r.name == "LogVerbose") && v.Origin.Kind == FromDefault:
		return nil
	case r.kind == kindTimeOrNone && v.First() == "0":
		return []string{"none"}
	}
	return []string{strings.Join(v.Args, " ")}
}

// listeners are the addresses with their ports in the order of sshd -T: routing
// domains by their first line, in each the lines in their order. nil where a name
// would have to be resolved or the lists are not certain.
//
// Which of the two wildcard addresses comes first is getaddrinfo's choice; it is
// the order of a host that has IPv6.
func (s *Settings) listeners() []string {
	la, ports, family := s.Get("ListenAddress"), s.Get("Port"), s.Get("AddressFamily").First()
	if la.Unknown != "" || ports.Unknown != "" || s.Get("AddressFamily").Unknown != "" {
		return nil
	}
	both := func(v4, v6 string, sixFirst bool) []string {
		switch {
		case family == "inet":
			return []string{v4}
		case family == "inet6":
			return []string{v6}
		case sixFirst:
			return []string{v6, v4}
		}
		return []string{v4, v6}
	}
	lines := la.Args
	if len(lines) == 0 {
		lines = []string{""}
	}
	var domains []string
	byDomain := map[string][]string{}
	for _, l := range lines {
		host, port, rdomain := splitListen(l)
		var hosts []string
		switch host {
		case "":
			hosts = both("0.0.0.0", "[::]", true)
		case "*":
			hosts = both("127.0.0.1", "[::1]", false) // glibc, without AI_PASSIVE
		default:
			ip, ok := parseAddr(host)
			if !ok {
				return nil
			}
			_, zone, _ := strings.Cut(host, "%")
			if host = ip.WithZone(zone).String(); ip.Is6() {
				host = "[" + host + "]"
			}
			hosts = []string{host}
		}
		if !contains(domains, rdomain) {
			domains = append(domains, rdomain)
		}
		of := ports.Args
		if port != "" {
			of = []string{port}
		}
		for _, p := range of {
			for _, h := range hosts {
				byDomain[rdomain] = append(byDomain[rdomain], h+":"+p)
			}
		}
	}
	var out []string
	for _, d := range domains {
		suffix := ""
		if d != "" {
			suffix = " rdomain " + d
		}
		for _, l := range byDomain[d] {
			out = append(out, l+suffix)
		}
	}
	return out
}

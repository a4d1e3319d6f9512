package sshd

import (
	"bytes"
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
		case kindPath, kindPaths, kindPathTilde, kindKeyFiles, kindWord, kindCommand, kindRaw:
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

// listeners are the addresses with their ports; nil where a name would have to
// be resolved or the lists are not certain.
func (s *Settings) listeners() []string {
	la, ports, family := s.Get("ListenAddress"), s.Get("Port"), s.Get("AddressFamily")
	if la.Unknown != "" || ports.Unknown != "" || family.Unknown != "" {
		return nil
	}
	addrs := la.Args
	if len(addrs) == 0 {
		switch family.First() {
		case "inet":
			addrs = []string{"0.0.0.0"}
		case "inet6":
			addrs = []string{"::"}
		default:
			addrs = []string{"::", "0.0.0.0"}
		}
	}
	var out []string
	for _, a := range addrs {
		host, port, rdomain := splitListen(a)
		if rdomain != "" {
			rdomain = " rdomain " + rdomain
		}
		if host == "*" {
			return nil // getaddrinfo decides
		}
		ip, ok := parseAddr(host)
		if !ok {
			return nil
		}
		host = ip.String()
		if ip.Is6() {
			host = "[" + host + "]"
		}
		if port != "" {
			out = append(out, host+":"+port+rdomain)
			continue
		}
		for _, p := range ports.Args {
			out = append(out, host+":"+p+rdomain)
		}
	}
	return out
}

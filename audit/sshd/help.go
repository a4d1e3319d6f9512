package sshd

import (
	"slices"
	"strings"
)

// Releases are the releases of OpenSSH that the keyword table knows, oldest
// first. 10.6 is known from its binary, the others from their sources too.
func Releases() []Version {
	var out []Version
	for m := 4; m <= 9; m++ {
		out = append(out, V(7, m))
	}
	for major := 8; major <= 9; major++ {
		for m := 0; m <= 9; m++ {
			out = append(out, V(major, m))
		}
	}
	for m := 0; m <= 6; m++ {
		out = append(out, V(10, m))
	}
	return out
}

// Span is what holds from a release on, up to the next Span's.
type Span struct {
	Since Version // zero: in every release before the next span
	Text  string  // "": nothing
}

// Help is what there is to know about a keyword.
type Help struct {
	Name     string // as sshd_config(5) spells it
	About    string // what it decides, in a sentence
	Form     string // what its argument looks like
	Life     []Span // whether releases know it: "", "known", "known as another name for X", "ignored" ...
	Match    []Span // "allowed in a Match block" or "not ..."; empty where it does nothing
	Repeat   []Span // which of several lines counts
	Defaults []Span // the default, by release
	Shipped  []Shipped
	Aliases  []string  // other names that set the same value
	Vendor   []string  // distributions that patch it in; empty: upstream has it
	Ran      []Version // releases whose daemon was asked and agreed; all else is by source, not run
}

// Explain tells what there is to know about a keyword, in any case of letters.
// It is false where no release has it; meant is then the keyword that may have
// been meant, or "".
func Explain(keyword string) (h *Help, meant string, ok bool) {
	list := index[strings.ToLower(keyword)]
	if len(list) == 0 {
		return nil, near(keyword, Version{}, ""), false
	}
	r := &rows[list[0]]
	h = &Help{Name: r.name, Ran: ranOn(r.name)}
	h.Vendor = strings.Fields(r.vendor)
	for _, v := range Releases() {
		self, slot, _, ok := lookup(keyword, v, "")
		if !ok {
			h.Life = extend(h.Life, v, "")
			continue
		}
		own, target := &rows[self], &rows[slot]
		h.Life = extend(h.Life, v, life(own, target, v))
		if own.fate != acted {
			h.Repeat, h.Match, h.Defaults = extend(h.Repeat, v, ""), extend(h.Match, v, ""), extend(h.Defaults, v, "")
			continue
		}
		h.Form = form(target)
		if target.kind == kindMatch {
			continue
		}
		h.About = about[target.name]
		where := "not allowed in a Match block"
		if own.inMatch(v) {
			where = "allowed in a Match block"
			if !target.carried(v) && target.kind != kindInclude {
				where += ", without effect there"
			}
		}
		h.Match = extend(h.Match, v, where)
		if target.kind != kindInclude {
			h.Repeat = extend(h.Repeat, v, repetition(target, v))
			h.Defaults = extend(h.Defaults, v, defaultText(target, v))
		}
	}
	if h.About == "" {
		h.About = about[r.name]
	}
	h.Life[0].Since = r.since
	for _, s := range []*[]Span{&h.Life, &h.Match, &h.Repeat, &h.Defaults} {
		*s = trim(*s)
	}
	for i := range rows {
		if a := rows[i].alias; strings.EqualFold(a, r.name) && !slices.Contains(h.Aliases, rows[i].name) {
			h.Aliases = append(h.Aliases, rows[i].name)
		}
	}
	for i := range shipped {
		if strings.EqualFold(shipped[i].Keyword, r.name) {
			h.Shipped = append(h.Shipped, shipped[i])
		}
	}
	return h, "", true
}

// Keywords are the names of all keywords that the table knows, sorted.
func Keywords() []string {
	var out []string
	for i := range rows {
		out = append(out, rows[i].name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// extend adds a release: to the last span where nothing changed. The first begins
// nowhere, which stands for "always".
func extend(s []Span, v Version, text string) []Span {
	switch {
	case len(s) == 0 && (v == Releases()[0] || text == ""):
		return append(s, Span{Text: text})
	case len(s) > 0 && s[len(s)-1].Text == text:
		return s
	}
	return append(s, Span{v, text})
}

// trim drops what stands for nothing at the start.
func trim(s []Span) []Span {
	if len(s) > 0 && s[0].Text == "" {
		s = s[1:]
	}
	return s
}

func life(own, target *row, v Version) string {
	switch own.fate {
	case silent:
		return "ignored without a word"
	case deprecated:
		return "ignored: \"Deprecated option\""
	case unsupported:
		return "ignored: \"Unsupported option\", since it is not compiled in"
	}
	if own != target {
		return "another name for " + target.name
	}
	return "known"
}

func repetition(r *row, v Version) string {
	switch {
	case r.order(v) == appends:
		return "lines add up"
	case r.order(v) == bySubsystem && v.Before(9, 5):
		return "a second line of the same name stops sshd"
	case r.order(v) == bySubsystem:
		return "the first line of each name counts"
	case r.kind == kindMatch:
		return ""
	case r.order(v) == lastWins:
		return "the last line counts"
	case r.kind == kindTimeOrNone:
		return "the first line counts, but a later none overrides it"
	case r.kind == kindPenalties:
		return "the first value of each class counts; any class turns it on"
	case r.kind == kindRekey:
		return "the first line counts; a later one may fill in the time"
	}
	return "the first line counts"
}

// defaultText is the default of a release; names of lists are set apart for people.
func defaultText(r *row, v Version) string {
	args := r.defaultArgs(release{v: v})
	switch r.kind {
	case kindAlgorithms:
		return strings.Join(args, ", ")
	case kindGSSKex:
		return strings.ReplaceAll(strings.Join(args, " "), ",", ", ")
	}
	return strings.Join(args, " ")
}

// form is what the argument looks like, in words.
func form(r *row) string {
	switch r.kind {
	case kindEnum:
		var names []string
		for _, e := range r.enum {
			name, same, aliased := strings.Cut(e, "=")
			if aliased && !strings.EqualFold(name, same) {
				name += " (the same as " + same + ")"
			}
			names = append(names, name)
		}
		return "one of " + strings.Join(names, ", ") + "; any case"
	case kindTunnel:
		return "one of yes, no, point-to-point, ethernet; exact case"
	}
	return forms[r.kind]
}

var forms = map[kind]string{
	kindFlag:          "yes or no; any case",
	kindInt:           "a number from 0 to 2147483647",
	kindTime:          "seconds, or 90s, 2m, 1h30m, 1d, 1w without blanks",
	kindTimeOrNone:    "a time such as 90s, 2m, 1h30m, or none",
	kindWord:          "one word",
	kindPath:          "one path, or none",
	kindPathTilde:     "one path with tokens such as %h and %u, or none",
	kindPaths:         "a path (several since 10.3), or none",
	kindKeyFiles:      "paths with the tokens %h, %u, %U, relative to the home, or none",
	kindRaw:           "the rest of the line as it stands, quotes and comments included",
	kindCommand:       "the rest of the line, beginning with an absolute path, or none",
	kindUsers:         "patterns of user or user@host between blanks: * and ?, no commas and no ! but in the host part",
	kindGroups:        "patterns of group names between blanks: * and ?, no commas and no !",
	kindEnvNames:      "patterns of variables' names",
	kindEnvSet:        "NAME=value, several between blanks",
	kindPort:          "a number from 1 to 65535, or a service's name",
	kindListen:        "an address, address:port or [address]:port, then perhaps rdomain NAME",
	kindAlgorithms:    "names between commas, no blanks; a leading + adds to the default, - takes from it, ^ (since 8.1) puts first",
	kindGSSKex:        "names between commas, no blanks",
	kindSubsystem:     "a name and a command",
	kindMaxStartups:   "start:rate:full, or one number",
	kindNetBlock:      "bits of an IPv4 network, or bits:bits with IPv6's",
	kindIntOrNone:     "a number, or none",
	kindPenalties:     "yes or no, or class:time such as crash:90s authfail:5s max:10m",
	kindLogVerbose:    "patterns of file:function:line, or none",
	kindPermit:        "host:port between blanks, * for any, or any, or none",
	kindAuthMethods:   "any, or lists of methods between blanks; a list is methods between commas, all of which are needed",
	kindMask:          "an octal number",
	kindDigest:        "md5, sha1, sha256, sha384 or sha512",
	kindQoS:           "one or two of af11 to af43, cs0 to cs7, ef, le, lowdelay, throughput, none or a number",
	kindRekey:         "bytes such as 1G or default, then perhaps a time or none",
	kindPubkeyOptions: "none, or touch-required and verify-required",
	kindUserEnv:       "yes or no in exactly this case, or patterns of names between commas (so YES is a pattern, and turns it on)",
	kindChannels:      "type=time between blanks, or none",
	kindRDomain:       "a routing domain, or %D",
	kindAgentSocket:   "user: and a path below the home, or none",
	kindMatch:         "all, or criteria each with a pattern: User, Group, Host, Address, LocalAddress, LocalPort, RDomain (7.7), invalid-user (9.9), version (10.0)",
	kindInclude:       "files or patterns; relative ones lie in /etc/ssh",
}

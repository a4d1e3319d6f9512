package inventory

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// rule reads one of the lists waive, expect, allow and keep.
func (l *loader) rule(r *rules, p pair, what string) {
	switch p.key {
	case "waive":
		for _, e := range l.entries(p, what, "waive: [{rule: ..., owner: ..., reason: ..., created: 2026-01-31, expires: 2026-07-31}]") {
			if w, ok := l.waiver(e, what); ok {
				r.waive = append(r.waive, w)
				l.waivers = append(l.waivers, w)
			}
		}
	case "expect":
		if follow(p.value).Kind == yaml.SequenceNode {
			l.add(l.pos(p.value), "\"expect\" of "+what+" must say what it expects, this is a list", "put it below \"jobs\": expect: {jobs: [...]}")
			return
		}
		for _, q := range l.mapping(p.value, "\"expect\" of "+what, []string{"jobs"}) {
			for _, e := range l.entries(q, "\"expect\" of "+what, "jobs: [{match: \"*/monitor*\", user: root}]") {
				if x, ok := l.expectation(e, what); ok {
					r.expect = append(r.expect, x)
				}
			}
		}
	case "allow":
		for _, e := range l.entries(p, what, "allow: [{user: ..., addresses: [...], method: password, owner: ..., reason: ..., expires: 2026-07-31}]") {
			if c, ok := l.carveOut(e, what); ok {
				r.allow = append(r.allow, c)
			}
		}
	case "keep":
		for _, e := range l.entries(p, what, "keep: [{user: admin, from: 10.0.0.0/8}]") {
			if k, ok := l.login(e, what); ok {
				r.keep = append(r.keep, k)
			}
		}
	}
}

// need reports keys that an entry lacks.
func (l *loader) need(n *yaml.Node, what string, got map[string]bool, required ...string) bool {
	var missing []string
	for _, k := range required {
		if !got[k] {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return true
	}
	if follow(n).Kind != yaml.MappingNode && !l.null(n) {
		return false // said already
	}
	l.add(l.pos(n), what+" lacks "+strings.Join(missing, ", "), "it needs "+strings.Join(required, ", "))
	return false
}

// ruleID is the form of a rule's id; which ids there are the catalogue knows.
var ruleID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

func (l *loader) waiver(n *yaml.Node, in string) (Waiver, bool) {
	w := Waiver{Pos: l.pos(n)}
	what := "a waiver of " + in
	got, ok := make(map[string]bool), true
	var created, expires Pos
	for _, p := range l.mapping(n, what, []string{"rule", "owner", "approver", "ticket", "reason", "created", "expires"}) {
		got[p.key] = true
		switch p.key {
		case "rule":
			w.Rule = l.word(p, what, &ok)
			if w.Rule != "" && !ruleID.MatchString(w.Rule) {
				ok = false
				l.add(l.pos(p.value), quote(w.Rule)+" cannot be the id of a rule", "one id a waiver, as \"postern rules list\" shows it; patterns are not taken")
			}
		case "owner":
			w.Owner = l.sentence(p, what, &ok)
		case "approver":
			w.Approver = l.sentence(p, what, &ok)
		case "ticket":
			w.Ticket = l.sentence(p, what, &ok)
		case "reason":
			w.Reason = l.sentence(p, what, &ok)
		case "created":
			w.Created, created = l.date(p, what, &ok), l.pos(p.value)
		case "expires":
			w.Expires, expires = l.date(p, what, &ok), l.pos(p.value)
		}
	}
	if !l.need(n, what, got, "rule", "owner", "reason", "created", "expires") || !ok {
		return w, false
	}
	switch last := w.Created.AddDate(1, 0, 0); {
	case !w.Expires.After(w.Created):
		l.add(expires, what+" expires on "+day(w.Expires)+", not after its creation on "+day(w.Created)+" at "+created.String(), "a waiver holds from \"created\" until the day before \"expires\"")
		return w, false
	case w.Expires.After(last):
		l.add(expires, what+" runs for more than a year after its creation on "+day(w.Created), "write \"expires: "+day(last)+"\" at the latest, and renew it then")
		return w, false
	}
	return w, true
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

func (l *loader) expectation(n *yaml.Node, in string) (Expectation, bool) {
	x := Expectation{Pos: l.pos(n)}
	what := "an expected job of " + in
	got, ok := make(map[string]bool), true
	for _, p := range l.mapping(n, what, []string{"match", "user", "line"}) {
		got[p.key] = true
		switch p.key {
		case "match":
			x.Match = l.word(p, what, &ok)
			if x.Match != "" && strings.Trim(x.Match, "*? ") == "" {
				ok = false
				l.add(l.pos(p.value), "the pattern "+quote(x.Match)+" matches every job", "name a part of the command: \"*/monitor*\"")
			}
		case "user":
			x.User = l.user(p, what, &ok)
		case "line":
			x.Line = l.word(p, what, &ok)
		}
	}
	if got["line"] {
		return x, ok
	}
	return x, l.need(n, what, got, "match") && ok
}

var methods = []string{"publickey", "password", "keyboard-interactive"}

func (l *loader) carveOut(n *yaml.Node, in string) (CarveOut, bool) {
	c := CarveOut{Pos: l.pos(n)}
	what := "a carve-out (allow) of " + in
	got, ok := make(map[string]bool), true
	for _, p := range l.mapping(n, what, []string{"user", "addresses", "method", "owner", "reason", "expires"}) {
		got[p.key] = true
		switch p.key {
		case "user":
			c.User = l.user(p, what, &ok)
		case "addresses":
			items := l.texts(p, what)
			ok = ok && len(items) > 0
			if len(items) == 0 {
				l.add(p.pos, "\"addresses\" of "+what+" names none", "write 0.0.0.0/0 and ::/0 where you mean all")
			}
			for _, it := range items {
				if a, valid := l.prefix(it, what); valid {
					c.Addresses = append(c.Addresses, a)
				} else {
					ok = false
				}
			}
		case "method":
			c.Method = l.method(p, what, &ok)
		case "owner":
			c.Owner = l.sentence(p, what, &ok)
		case "reason":
			c.Reason = l.sentence(p, what, &ok)
		case "expires":
			c.Expires = l.date(p, what, &ok)
		}
	}
	return c, l.need(n, what, got, "user", "addresses", "method", "owner", "reason", "expires") && ok
}

// method reads the name of a way to log in.
func (l *loader) method(p pair, what string, ok *bool) string {
	m := l.word(p, what, ok)
	if m != "" && !slices.Contains(methods, m) {
		*ok = false
		l.add(l.pos(p.value), "\"method\" of "+what+" cannot be "+quote(m), l.didYouMean(m, methods, "write "+strings.Join(methods, ", ")))
	}
	return m
}

// fingerprint is what ssh-keygen -l prints: SHA256 in base64 without padding.
var fingerprint = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)

func (l *loader) login(n *yaml.Node, in string) (Login, bool) {
	k := Login{Pos: l.pos(n)}
	what := "a login to keep of " + in
	got, ok := make(map[string]bool), true
	for _, p := range l.mapping(n, what, []string{"user", "from", "key", "method"}) {
		got[p.key] = true
		switch p.key {
		case "user":
			k.User = l.user(p, what, &ok)
		case "from":
			if s := l.word(p, what, &ok); s != "" {
				var valid bool
				k.From, valid = l.prefix(item{text: s, pos: l.pos(p.value)}, what)
				ok = ok && valid
			}
		case "key":
			s := l.word(p, what, &ok)
			switch {
			case s == "":
			case fingerprint.MatchString(s):
				k.Key = s
			case strings.HasPrefix(s, "SHA256:") || strings.HasPrefix(s, "MD5:"):
				ok = false
				l.add(l.pos(p.value), quote(s)+" is no SHA256 fingerprint", "take it from \"ssh-keygen -l -f KEY.pub\"")
			default:
				k.Key, ok = l.publicKeyFile(s, p, what, ok)
			}
		case "method":
			k.Method = l.method(p, what, &ok)
		}
	}
	if got["key"] && k.Method != "" && k.Method != "publickey" {
		ok = false
		l.add(k.Pos, what+" names a key and logs in by "+k.Method, "leave one of them out, or write two logins")
	}
	return k, l.need(n, what, got, "user") && ok
}

// publicKeyFile checks the path of a public key, beside the inventory as in keyFile.
func (l *loader) publicKeyFile(s string, p pair, what string, ok bool) (string, bool) {
	if strings.ContainsRune(s, ' ') && (strings.HasPrefix(s, "ssh-") || strings.HasPrefix(s, "ecdsa-") || strings.HasPrefix(s, "sk-")) {
		l.add(l.pos(p.value), "\"key\" of "+what+" is a key, not a file or a fingerprint", "write the fingerprint that \"ssh-keygen -l -f KEY.pub\" shows")
		return "", false
	}
	// A trailing ".pub" is right here and wrong for a private key.
	base, pub := strings.CutSuffix(s, ".pub")
	if base == "" {
		base = s
	}
	path, valid := l.keyFile(item{text: base, pos: l.pos(p.value)}, p.key, what)
	if pub && valid {
		path += ".pub"
	}
	return path, ok && valid
}

// word gives a value of one line as it is written; "" and !*ok where it is none.
func (l *loader) word(p pair, what string, ok *bool) string {
	s, valid := l.text(p, what)
	if !valid {
		*ok = false
		return ""
	}
	s = strings.TrimRight(s, "\n") // a block scalar ends in one
	if bad, at := control(strings.ReplaceAll(s, "\t", " ")); bad {
		*ok = false
		l.add(l.pos(p.value), quote(p.key)+" of "+what+" holds "+at, "write it in one line")
		return ""
	}
	return s
}

// sentence gives prose: runs of white space become one space.
func (l *loader) sentence(p pair, what string, ok *bool) string {
	s, valid := l.text(p, what)
	if !valid {
		*ok = false
		return ""
	}
	s = strings.Join(strings.Fields(s), " ")
	if bad, at := control(s); bad {
		*ok = false
		l.add(l.pos(p.value), quote(p.key)+" of "+what+" holds "+at, "take it out")
		return ""
	}
	return s
}

func (l *loader) user(p pair, what string, ok *bool) string {
	s := l.word(p, what, ok)
	if s == "" {
		return ""
	}
	if f := checkUser(s); f.Text != "" {
		*ok = false
		l.add(l.pos(p.value), quote(p.key)+" of "+what+": "+f.Text, f.Hint)
		return ""
	}
	return s
}

// date reads YYYY-MM-DD as that day's midnight in UTC.
func (l *loader) date(p pair, what string, ok *bool) time.Time {
	s := l.word(p, what, ok)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, s)
	if err == nil && t.Year() >= 1970 {
		return t
	}
	*ok = false
	hint := "write the day as YYYY-MM-DD"
	if _, err := time.Parse("2006-1-2", s); err == nil && len(s) < len(time.DateOnly) {
		hint = "write month and day with two digits: YYYY-MM-DD"
	} else if err != nil && dateForm.MatchString(s) {
		hint = "this day is in no calendar"
	}
	l.add(l.pos(p.value), quote(p.key)+" of "+what+" is no date: "+quote(s), hint)
	return time.Time{}
}

var dateForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

// prefix reads an address or a network. A network whose address has bits
// behind its mask is refused as sshd does (addr_match.c, "inconsistent mask").
func (l *loader) prefix(it item, what string) (string, bool) {
	s := it.text
	if !strings.ContainsRune(s, '/') {
		a, err := netip.ParseAddr(s)
		if err == nil && a.Zone() == "" {
			return a.String(), true
		}
		l.add(it.pos, quote(s)+" in "+what+" is no address", "write an address (10.0.0.5, 2001:db8::1) or a network (10.0.0.0/8)")
		return "", false
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		l.add(it.pos, quote(s)+" in "+what+" is no network", "write it as 10.0.0.0/8 or 2001:db8::/32")
	case p != p.Masked():
		l.add(it.pos, quote(s)+" in "+what+" has bits set behind its mask", "write "+p.Masked().String()+", or the address alone")
	default:
		return p.String(), true
	}
	return "", false
}

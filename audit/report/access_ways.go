package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
)

var wayTitles = []string{
	"who gets in with the empty password", "who gets in with a password", "who gets in with a key", "who gets in by several steps",
	"who gets in by host or ticket", "who may get in: not known",
}

func wayTitle(w *facts.LoginWay) string {
	switch {
	case w.Verdict != "yes":
		return wayTitles[5]
	case w.Methods[0] == "none":
		return wayTitles[0]
	}
	kinds := map[string]bool{}
	for _, m := range w.Methods {
		base, _, _ := strings.Cut(m, ":")
		switch base {
		case "keyboard-interactive":
			base = "password"
		case "gssapi-with-mic", "hostbased":
			base = "other"
		}
		kinds[base] = true
	}
	switch {
	case len(kinds) > 1:
		return wayTitles[3]
	case kinds["password"]:
		return wayTitles[1]
	case kinds["publickey"]:
		return wayTitles[2]
	}
	return wayTitles[4]
}

// waySentence is "backup, from 10.0.0.0/8, since /etc/ssh/sshd_config:88".
func (p *page) waySentence(a *facts.Login, w *facts.LoginWay) string {
	who := p.strong(Name(a.User))
	if a.UID == 0 && a.User != "root" {
		who += " (uid 0)"
	}
	return p.waySentenceOf(who, a, w)
}

func (p *page) waySentenceOf(who string, a *facts.Login, w *facts.LoginWay) string {
	parts := []string{who, Inline(a.From)}
	switch m := strings.Join(w.Methods, ","); m {
	case "password", "publickey", "none":
	case "keyboard-interactive":
		parts = append(parts, "asked by keyboard-interactive")
	default:
		parts = append(parts, "by "+Inline(m))
	}
	if w.Verdict != "yes" {
		text := Inline(w.Why)
		if w.Settle != "" {
			text += "; to settle it: " + Inline(w.Settle)
		}
		return strings.Join(parts, ", ") + ": " + text
	}
	if at := since(w.Evidence); at != "" {
		parts = append(parts, "since "+at)
	}
	text := strings.Join(parts, ", ")
	if slices.Contains(w.Methods, "publickey") {
		text += ": " + p.keyWords(a)
	}
	if s := sessionWords(a.Session); s != "" {
		text += "; " + s
	}
	return text
}

// doubt is a way of which it is not known whether it is open.
type doubt struct {
	login *facts.Login
	way   *facts.LoginWay
}

// doubtful writes the ways that are not known. Where a host was read without root's
// rights the same is not known of each account: then it is said once.
func (p *page) doubtful(list []doubt) []string {
	var order []string
	by := map[string][]doubt{}
	for _, d := range list {
		key := strings.Join(append([]string{d.login.From, ofEach(d.way.Why, d.login.User), d.way.Settle}, d.way.Methods...), "\x00")
		if p.verbose || d.login.UID == 0 {
			key += "\x00" + d.login.User
		}
		if by[key] == nil {
			order = append(order, key)
		}
		by[key] = append(by[key], d)
	}
	var out []string
	for _, key := range order {
		same := by[key]
		first := same[0]
		if len(same) == 1 {
			out = append(out, p.waySentence(first.login, first.way))
			continue
		}
		names := make([]string, len(same))
		for i, d := range same {
			names[i] = Name(d.login.User)
		}
		way := *first.way
		way.Why = ofEach(way.Why, first.login.User)
		out = append(out, p.waySentenceOf(p.strong(someNames(names, false)), first.login, &way))
	}
	return out
}

// ofEach is a reason with the account's name taken out of it.
func ofEach(why, user string) string {
	words := strings.Split(why, " ")
	for i, w := range words {
		if w == user {
			words[i] = "each"
		}
	}
	return strings.Join(words, " ")
}

// since names the line that opens a way: of sshd's configuration where there is
// one, else of whatever shows it.
func since(list []facts.Evidence) string {
	best := ""
	for i := range list {
		e := &list[i]
		switch {
		case e.Path == "":
			if best == "" {
				best = Inline(e.Text)
			}
		case e.Line > 0 && strings.Contains(e.Path, "sshd_config"):
			return Place(e.Path, e.Line)
		case best == "" && e.Line == 0 && strings.Contains(e.Text, "default"):
			best = "the default (" + Path(e.Path) + " does not set it)"
		case best == "":
			best = Place(e.Path, e.Line)
		}
	}
	return best
}

// most bounds the keys that one sentence names.
const mostKeys = 3

func (p *page) keyWords(a *facts.Login) string {
	var words []string
	more := 0
	for i := range a.Keys {
		k := &a.Keys[i]
		if k.Opens != "yes" {
			continue
		}
		if len(words) == mostKeys && !p.verbose {
			more++
			continue
		}
		words = append(words, keyWord(k))
	}
	if more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}

func keyWord(k *facts.LoginKey) string {
	text := Inline(k.Type) + " " + Inline(k.Fingerprint)
	if k.CA {
		text = "certificates of " + text
		if len(k.Principals) > 0 {
			text += " for " + Inline(strings.Join(k.Principals, ", "))
		}
	}
	if k.Comment != "" {
		text += " " + Name(k.Comment)
	}
	if k.From != "" {
		text += ", only from " + Inline(k.From)
	}
	if k.Command != "" {
		text += ", only to run " + Quote(k.Command)
	}
	if k.Until != "" {
		text += ", until " + Inline(k.Until)
	}
	if len(k.Limits) > 0 {
		text += ", " + Inline(strings.Join(k.Limits, " "))
	}
	if k.Weak != "" {
		text += ", weak: " + Inline(k.Weak)
	}
	for _, b := range k.Bugs {
		text += "; " + Inline(b)
	}
	return text
}

func sessionWords(s *facts.Session) string {
	if s == nil {
		return ""
	}
	var out []string
	switch {
	case strings.HasPrefix(s.Command, "internal-sftp"):
		out = append(out, "file transfer alone")
	case s.Command != "":
		out = append(out, "bound to "+Quote(s.Command))
	}
	if s.Chroot != "" {
		out = append(out, "in "+Path(s.Chroot))
	}
	if s.NoTTY {
		out = append(out, "without a terminal")
	}
	if s.Shell != "" {
		out = append(out, Inline(s.Shell))
	}
	if (s.Command != "" || s.Chroot != "" || s.Shell != "") && len(s.Open) > 0 {
		out = append(out, "forwarding left open: "+strings.Join(s.Open, " "))
	}
	for _, b := range s.Bugs {
		out = append(out, Inline(b))
	}
	return strings.Join(out, "; ")
}

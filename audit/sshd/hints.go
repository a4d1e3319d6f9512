package sshd

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// unknownHint says what a keyword that sshd does not know may have meant.
func (l *loader) unknownHint(name string, newer Version) string {
	if len(l.Faults) >= maxFaults {
		return ""
	}
	if newer.Known() {
		return fmt.Sprintf("%s needs OpenSSH %s; this sshd is %s", name, newer, l.opt.Version)
	}
	for _, i := range index[strings.ToLower(name)] {
		if r := &rows[i]; !r.vendorIn(l.opt.Distro) {
			return fmt.Sprintf("%s is known only to the sshd of %s", r.name, strings.ReplaceAll(r.vendor, " ", ", "))
		} else if l.opt.Version.outlives(r.gone) {
			return fmt.Sprintf("%s is gone since OpenSSH %s: remove the line", r.name, r.gone)
		}
	}
	if clientOnly[strings.ToLower(name)] {
		return name + " is for ssh_config, not for sshd_config"
	}
	if odd := strings.IndexFunc(name, func(c rune) bool { return c < '!' || c > '~' }); odd >= 0 {
		if known(strings.Trim(name, "\ufeff\u00a0\f"), l.opt) || odd == 0 {
			return fmt.Sprintf("a byte before or in the keyword cannot be seen: write the line anew (%q)", bounded(name))
		}
		if k := name[:odd]; known(k, l.opt) {
			return fmt.Sprintf("what looks like a blank behind %s is none: write the line anew (%q)", k, bounded(name))
		}
	}
	if i := strings.IndexAny(name, ":,;"); i > 0 && known(name[:i], l.opt) {
		return fmt.Sprintf("put a blank behind %s, not %q", name[:i], name[i])
	}
	if n := near(name, l.opt.Version, l.opt.Distro); n != "" {
		return "did you mean " + n + "?"
	}
	return "no release of sshd knows it: remove the line"
}

// bareHint is about a line that is a keyword alone.
func (l *loader) bareHint(name string) string {
	if known(name, l.opt) {
		return "give a value, or remove the line"
	}
	_, _, newer, _ := lookup(name, l.opt.Version, l.opt.Distro)
	return l.unknownHint(name, newer)
}

func known(name string, opt Options) bool {
	_, _, _, ok := lookup(name, opt.Version, opt.Distro)
	return ok
}

// bounded keeps a foreign word short in a sentence.
func bounded(s string) string {
	if len(s) > 64 {
		return s[:61] + "..."
	}
	return s
}

// clientOnly are keywords of ssh_config(5) that people put into sshd_config.
var clientOnly = map[string]bool{
	"host": true, "hostname": true, "user": true, "identityfile": true, "identitiesonly": true, "proxycommand": true, "proxyjump": true,
	"forwardagent": true, "forwardx11": true, "forwardx11trusted": true, "stricthostkeychecking": true, "userknownhostsfile": true,
	"globalknownhostsfile": true, "hashknownhosts": true, "serveraliveinterval": true, "serveralivecountmax": true, "sendenv": true,
	"controlmaster": true, "controlpath": true, "controlpersist": true, "batchmode": true, "connecttimeout": true, "localforward": true,
	"remoteforward": true, "dynamicforward": true, "preferredauthentications": true, "addkeystoagent": true, "checkhostip": true,
	"updatehostkeys": true, "canonicalizehostname": true, "numberofpasswordprompts": true, "visualhostkey": true, "requesttty": true,
}

// near finds the keyword that a misspelt one most likely is; "" none is close.
func near(name string, v Version, distro string) string {
	var names []string
	for i := range rows {
		if r := &rows[i]; r.in(v) && r.vendorIn(distro) && r.fate == acted {
			names = append(names, r.name)
		}
	}
	return nearest(name, names)
}

// nearest finds the name that is a quarter of its letters away at most, without
// regard to case; "" where none is.
func nearest(word string, names []string) string {
	if len(word) > 64 {
		return ""
	}
	lower := strings.ToLower(word)
	best, dist := "", len(word)/4+2
	for _, n := range names {
		if d := levenshtein.ComputeDistance(lower, strings.ToLower(n)); d < dist && d < len(n) {
			best, dist = n, d
		}
	}
	return best
}

// wayOut is the hint for a value that sshd does not take: what may have been
// meant, and what the keyword takes.
func (e *env) wayOut(r *row, ln *Line, c checked) string {
	word := ""
	if len(ln.Args) > 0 {
		word = ln.Args[0].Text
	}
	if strings.Contains(c.fault, "extra arguments") || strings.Contains(c.fault, "garbage at end of line") {
		switch {
		case r.kind == kindAlgorithms:
			return "put commas, not blanks, between the names"
		case r.kind == kindTime:
			return "write the time without blanks: 1h30m"
		}
		return c.hint
	}
	if strings.HasPrefix(word, "=") {
		return "one = between keyword and value is enough, or none"
	}
	var meant string
	switch r.kind {
	case kindFlag:
		switch strings.ToLower(word) {
		case "true", "on", "1", "enable", "enabled", "y":
			meant = "yes"
		case "false", "off", "0", "disable", "disabled", "n", "none":
			meant = "no"
		default:
			meant = cutComment(word, []string{"yes", "no"})
		}
	case kindEnum:
		var names []string
		for _, s := range r.enum {
			name, _, _ := strings.Cut(s, "=")
			names = append(names, name)
		}
		if meant = cutComment(word, names); meant == "" {
			meant = nearest(word, names)
		}
	case kindTunnel:
		meant = nearest(word, []string{"yes", "no", "point-to-point", "ethernet"})
	case kindDigest:
		meant = nearest(word, []string{"md5", "sha1", "sha256", "sha384", "sha512"})
	case kindQoS:
		var names []string
		for _, q := range qosNames {
			names = append(names, q.name)
		}
		meant = nearest(word, names)
	case kindAlgorithms:
		if h := e.algorithmHint(r, word); h != "" {
			return h
		}
	case kindAuthMethods:
		for _, w := range ln.Args {
			for m := range strings.SplitSeq(w.Text, ",") {
				m, _, _ = strings.Cut(m, ":")
				switch {
				case m == "":
					return "put no blank behind a comma: publickey,password"
				case !contains(methodNames, m):
					if n := nearest(m, methodNames); n != "" {
						return fmt.Sprintf("did you mean %s? known are %s", n, strings.Join(methodNames, ", "))
					}
				}
			}
		}
	}
	takes := ""
	if f := form(r); f != "" {
		takes = r.name + " takes " + f
	}
	switch {
	case meant != "" && takes != "":
		return "did you mean " + meant + "? " + takes
	case c.hint != "":
		return c.hint
	case takes != "":
		return takes
	}
	return "see " + r.name + " in sshd_config(5)"
}

// cutComment finds a value behind which a comment or a backslash is glued.
func cutComment(word string, names []string) string {
	i := strings.IndexAny(word, "#;\\'\"")
	if i < 0 {
		return ""
	}
	rest := word[:i]
	if i == 0 {
		rest = strings.Trim(word, "'\"")
	}
	for _, n := range names {
		if strings.EqualFold(n, rest) {
			return n
		}
	}
	return ""
}

// algorithmHint says about the first name of a list that sshd does not take when
// it was there, or which name is near.
func (e *env) algorithmHint(r *row, list string) string {
	bad := r.algs.badAlgorithm(list, e.rel)
	if bad == "" {
		return ""
	}
	var names []string
	for i := range algs[r.algs] {
		a := &algs[r.algs][i]
		switch {
		case a.name == bad && !e.rel.v.atLeast(a.since):
			return fmt.Sprintf("%s needs OpenSSH %s; this sshd is %s", bad, a.since, e.rel.v)
		case a.name == bad && e.rel.v.outlives(a.gone):
			return fmt.Sprintf("%s is gone since OpenSSH %s: take it out of the list", bad, a.gone)
		case strings.EqualFold(a.name, bad):
			return "write it as " + a.name + ": names of algorithms are in exact case"
		}
		if a.known(e.rel) {
			names = append(names, a.name)
		}
	}
	if n := nearest(bad, names); n != "" {
		return fmt.Sprintf("%q is no algorithm of this release; did you mean %s?", bounded(bad), n)
	}
	return ""
}

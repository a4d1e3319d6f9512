package access

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

// authority says why certificates of an authority are refused whatever they
// hold; "" they are not.
func (w *who) authority(p *policy, k *account.Key) string {
	if v, why := w.notRevoked(p, k, Yes, ""); v == No {
		return why
	}
	if list := p.accepted(); list != nil {
		cert := false
		for n := range list {
			cert = cert || strings.Contains(n, "-cert-v0")
		}
		if !cert {
			return "PubkeyAcceptedAlgorithms accepts no certificate"
		}
	}
	if p.set.Known("CASignatureAlgorithms") && p.set.Get("CASignatureAlgorithms").Unknown == "" && p.Config.Version().Known() {
		signs := signatures(k.Type)
		ok := false
		for _, n := range p.set.Algorithms("CASignatureAlgorithms") {
			for _, s := range signs {
				ok = ok || n == s
			}
		}
		if !ok {
			return "CASignatureAlgorithms excludes " + k.Type
		}
	}
	return ""
}

// certificates is the door of TrustedUserCAKeys. What is in a certificate is not
// known to the host: whoever the authority gives one is meant.
func (w *who) certificates(p *policy, d *doors) term {
	v := p.cas
	if v.Unknown != "" {
		return term{v: Unsure, why: "TrustedUserCAKeys may be set in what could not be read: " + v.Unknown, settle: readFiles}
	}
	name := v.First()
	if name == "" || name == "none" {
		return term{v: No}
	}
	ev := []Evidence{evidence(w.Config, "TrustedUserCAKeys", v)}
	f := w.keyFile(name)
	switch {
	case !f.exists:
		return term{v: No, why: "TrustedUserCAKeys " + name + " is not there", ev: ev}
	case f.err != nil && len(f.keys) == 0:
		return term{v: Unsure, why: name + " could not be read", ev: ev, settle: readFiles}
	}
	names := w.principals(p)
	if len(names.lines) > 0 && names.t.v == Yes {
		ev = append(ev, Evidence{Path: names.file, Line: names.lines[0].Line, Text: "principal " + names.lines[0].Name})
	}
	var opens []string
	why := ""
	for i := range f.keys {
		k := &f.keys[i]
		no := k.Bad
		if no == "" {
			no = w.authority(p, k)
		}
		if no == "" {
			opens = append(opens, k.Fingerprint)
		} else {
			why = no
		}
		if w.Detail && k.Blob != nil {
			d.keys = append(d.keys, w.authorityKey(k, name, no, names)...)
		}
	}
	switch {
	case len(opens) == 0 && f.err != nil:
		return term{v: Unsure, why: name + " could not be read whole", ev: ev, settle: readFiles}
	case len(opens) == 0 && why == "":
		return term{v: No, why: "TrustedUserCAKeys " + name + " holds no key", ev: ev}
	case len(opens) == 0:
		return term{v: No, why: why, ev: ev}
	case names.t.v != Yes:
		t := names.t
		t.ev = with(ev, t.ev)
		return t
	}
	if w.UID == 0 && p.root.First() == "forced-commands-only" && !names.allForced() {
		return term{v: Unsure, why: "whether a certificate carries a forced command is not known", ev: ev,
			settle: "look at the certificates that the authority gave (ssh-keygen -L)"}
	}
	// A certificate and another of the same authority are two different keys.
	d.opening = append(d.opening, opens[0], opens[0]+" again")
	d.verified = No
	ev[0].Text += " (whoever holds a certificate of that authority)"
	return term{v: Yes, ev: ev}
}

// names are the principals of an account.
type names struct {
	t     term // whether somebody is named
	file  string
	lines []account.Principal // nil where the account's own name counts
}

// allForced reports whether every principal is bound to a command.
func (n *names) allForced() bool {
	for i := range n.lines {
		if _, ok := n.lines[i].Option("command"); !ok {
			return false
		}
	}
	return len(n.lines) > 0
}

// principals says which names a certificate must hold: of AuthorizedPrincipalsFile
// and AuthorizedPrincipalsCommand either may allow; without both it is the
// account's own (user_cert_trusted_ca, auth2-pubkey.c).
func (w *who) principals(p *policy) *names {
	n := &names{t: term{v: Yes}}
	cv := p.set.Get("AuthorizedPrincipalsCommand")
	fv := p.set.Get("AuthorizedPrincipalsFile")
	hasCommand := cv.Unknown != "" || cv.First() != "" && cv.First() != "none"
	hasFile := fv.First() != "" && fv.First() != "none"
	if fv.Unknown != "" {
		n.t = term{v: Unsure, why: "AuthorizedPrincipalsFile may be set in what could not be read: " + fv.Unknown, settle: readFiles}
		return n
	}
	if hasFile {
		ev := []Evidence{evidence(w.Config, "AuthorizedPrincipalsFile", fv)}
		if _, ok := w.tokens(fv.First()); !ok { // percent_expand ends the connection (misc.c)
			n.t = term{v: No, why: "AuthorizedPrincipalsFile " + fv.First() + " has a token that sshd does not know: it hangs up", ev: ev}
			return n
		}
		n.t = w.principalsFile(p, n, w.expand(fv.First()), ev)
	}
	if hasCommand && (!hasFile || n.t.v != Yes) {
		c := w.command("AuthorizedPrincipalsCommand", cv, []Evidence{evidence(w.Config, "AuthorizedPrincipalsCommand", cv)})
		if hasFile {
			c = some(c, n.t)
		}
		n.t = c
	}
	return n
}

func (w *who) principalsFile(p *policy, n *names, file string, ev []Evidence) term {
	n.file = file
	data, err := w.read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return term{v: No, why: "AuthorizedPrincipalsFile " + file + " is not there for " + w.Name, ev: ev}
	case err != nil:
		return term{v: Unsure, why: file + " could not be read", ev: ev, settle: readFiles}
	}
	doubt := ""
	for _, l := range account.ParsePrincipals(data) {
		if l.Bad != "" {
			continue
		}
		if _, ok := l.Option("from"); ok {
			doubt = "where from= of the principal " + l.Name + " admits is not evaluated"
			continue
		}
		n.lines = append(n.lines, l)
	}
	switch {
	case len(n.lines) > 0:
		return w.trusted(p, file)
	case doubt != "":
		return term{v: Unsure, why: doubt, ev: ev}
	}
	return term{v: No, why: "AuthorizedPrincipalsFile " + file + " names nobody", ev: ev}
}

// authorityKey is an authority in the form of answers, once for each set of
// options that principals come with.
func (w *who) authorityKey(k *account.Key, file, no string, n *names) []Key {
	x := Key{Type: k.Type, Fingerprint: k.Fingerprint, Comment: k.Comment, Bits: k.Bits, Path: file, Line: k.Line, CA: true, Verdict: n.t.v, Why: n.t.why}
	if no != "" {
		x.Verdict, x.Why = No, no
	}
	if len(n.lines) == 0 {
		if n.t.v == Yes {
			x.Principals = []string{w.Name}
		}
		return []Key{x}
	}
	var out []Key
	plain := x
	for i := range n.lines {
		l := &n.lines[i]
		if len(l.Options) == 0 {
			plain.Principals = append(plain.Principals, l.Name)
			continue
		}
		one := x
		one.Principals = []string{l.Name}
		one.limits(l.Options)
		out = append(out, one)
	}
	if len(plain.Principals) > 0 {
		out = append(out, plain)
	}
	return out
}

package access

import (
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

// Key is one key, or one authority over certificates, that is meant to open an
// account.
type Key struct {
	Type, Fingerprint, Comment string
	Bits                       int
	Path                       string
	Line                       int

	CA bool // whoever holds a certificate of it that names one of Principals
	// Principals are the names of which a certificate must hold one; nil where
	// they are not known.
	Principals []string

	Verdict Verdict // whether it opens the account from the answer's places
	Why     string  // where it is no yes

	From    string   // its from= list; "" anywhere
	Command string   // the command that it is bound to; "" none
	Limits  []string // what else it may not do, or must: no-pty, no-port-forwarding, restrict, verify-required ...
	Until   string   // expiry-time= as written; "" none
	Bugs    []string // which of this the installed server does not keep to
}

// doors are the keys of an account under one policy, at places that the from=
// lists do not tell apart.
type doors struct {
	one, two term     // one key is enough; two different ones are asked for
	keys     []Key    // only where Input.Detail asks for them
	opening  []string // fingerprints of the first keys that open
	verified Verdict  // every key that opens lies in a token that asks for a PIN
}

// doors works out the keys once.
func (w *who) doors(p *policy, from string) *doors {
	memo := p.keys + from
	if d, ok := w.keys[memo]; ok {
		return d
	}
	d := &doors{verified: Yes}
	w.findKeys(p, from, d)
	w.keys[memo] = d
	return d
}

// keyTerm is whether some key or certificate opens the account; two asks for two
// different keys.
func (w *who) keyTerm(p *policy, from string, two bool) term {
	if two {
		return w.doors(p, from).two
	}
	return w.doors(p, from).one
}

// verified reports whether every key that opens asks its owner for a PIN too.
func (w *who) verified(p *policy, from string) Verdict { return w.doors(p, from).verified }

func (w *who) findKeys(p *policy, from string, d *doors) {
	revoked := w.revoked(p)
	var ts []term
	files := p.keyFiles
	if files.Unknown != "" {
		ts = append(ts, term{v: Unsure, why: "AuthorizedKeysFile may be set in what could not be read: " + files.Unknown, settle: readFiles})
	}
	if len(files.Args) > maxKeyFiles {
		ts = append(ts, term{v: Unsure, why: "too many AuthorizedKeysFile names"})
	}
	for _, name := range w.keyFiles(p) {
		ts = append(ts, w.inFile(p, name, from, d))
	}
	for _, a := range files.Args {
		if _, ok := w.tokens(a); !ok {
			// percent_expand ends the connection (misc.c).
			ts = []term{{v: No, why: "AuthorizedKeysFile " + a + " has a token that sshd does not know: it hangs up", ev: []Evidence{evidence(w.Config, "AuthorizedKeysFile", files)}}}
			d.keys, d.opening = nil, nil
			break
		}
	}
	ts = append(ts, w.keysCommand(p), w.certificates(p, d))
	d.one = some(ts...)
	if d.one.v == No && d.one.why == "" {
		d.one.why = "no key is there"
	}
	if d.one.v != Yes || d.verified == Yes && slices.ContainsFunc(ts, func(t term) bool { return t.v == Unsure }) {
		d.verified = Unsure
	}
	d.two = d.one
	if d.one.v == Yes && len(d.opening) < 2 {
		d.two = term{v: No, why: "two different keys are asked for and there is one"}
		for _, t := range ts {
			if t.v == Unsure {
				d.two = t
			}
		}
	}
	switch revoked.v {
	case No:
		d.one, d.two = revoked, revoked
		for i := range d.keys {
			d.keys[i].Verdict, d.keys[i].Why = No, revoked.why
		}
	case Unsure:
		for _, t := range []*term{&d.one, &d.two} {
			if t.v == Yes {
				*t = term{v: Unsure, why: revoked.why, ev: with(t.ev, revoked.ev), settle: revoked.settle}
			}
		}
		for i := range d.keys {
			if d.keys[i].Verdict == Yes {
				d.keys[i].Verdict, d.keys[i].Why = Unsure, revoked.why
			}
		}
	}
}

// show is a key in the form of answers.
func (w *who) show(k *account.Key, file string, v Verdict, why string) Key {
	x := Key{Type: k.Type, Fingerprint: k.Fingerprint, Comment: k.Comment, Bits: k.Bits, Path: file, Line: k.Line,
		CA: k.CA(), Verdict: v, Why: why}
	if x.CA {
		x.Principals = []string{w.Name}
		if list, ok := k.Option("principals"); ok {
			x.Principals = strings.Split(list, ",")
			if strings.Contains(list, ",") && w.bug("CVE-2026-35414") != No {
				x.Bugs = append(x.Bugs, w.bugSays("CVE-2026-35414"))
			}
		}
	}
	x.limits(k.Options)
	if slices.Contains(x.Limits, "restrict") && w.bug("CVE-2026-73283") != No {
		x.Bugs = append(x.Bugs, w.bugSays("CVE-2026-73283"))
	}
	return x
}

// limits sorts the options of a key or principal.
func (x *Key) limits(options []account.Option) {
	for _, o := range options {
		switch o.Name {
		case "from":
			x.From = o.Value
		case "command":
			x.Command = o.Value
		case "expiry-time":
			x.Until = o.Value
		case "cert-authority", "principals":
		default:
			x.Limits = append(x.Limits, o.String())
		}
	}
}

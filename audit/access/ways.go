package access

import (
	"slices"
	"strconv"
	"strings"
)

// Way is one combination of methods that completes a login.
type Way struct {
	// Methods in the order in which sshd asks for them: password,
	// keyboard-interactive, publickey, hostbased, gssapi-with-mic; "none" is the
	// empty password.
	Methods []string
	Verdict Verdict // Yes or Unsure
	Why     string  // where Unsure: what is not known
	Settle  string  // where Unsure: what would settle it; "" nothing that postern knows
	// Factors is how many kinds of proof it asks for: something known, something
	// held. -1: not known, for FactorsWhy.
	Factors    int
	FactorsWhy string
	Evidence   []Evidence
}

// Name is the way as AuthenticationMethods writes it.
func (w *Way) Name() string { return strings.Join(w.Methods, ",") }

// single are the ways where AuthenticationMethods asks for none in particular,
// as slices to share.
var single = map[string][]string{}

func init() {
	for _, m := range []string{"none", "password", "keyboard-interactive", "publickey", "hostbased", "gssapi-with-mic"} {
		single[m] = []string{m}
	}
}

// kinds of proof, as bits.
const (
	knows = 1 << iota // a password
	holds             // a key
	vague             // what is asked for is not known
)

// way makes a Way of a term that is no No.
func (m *methods) way(names []string, t term) Way {
	w := Way{Methods: names, Verdict: t.v, Evidence: t.ev}
	if t.v == Unsure {
		w.Why, w.Settle = t.why, t.settle
	}
	proof, why := 0, ""
	for _, n := range names {
		p, y := m.proof(n)
		if proof |= p; y != "" && why == "" {
			why = y
		}
	}
	switch {
	case proof&vague != 0 && proof&(knows|holds) != knows|holds:
		w.Factors, w.FactorsWhy = -1, why
	case proof&knows != 0 && proof&holds != 0:
		w.Factors = 2
	case proof&(knows|holds) != 0:
		w.Factors = 1
	}
	return w
}

// proof is what one method asks of a person. why says what makes it vague.
func (m *methods) proof(name string) (kinds int, why string) {
	base, _, _ := strings.Cut(name, ":")
	switch base {
	case "none":
		return 0, ""
	case "password", "keyboard-interactive":
		if m.p.pam.v == No {
			return knows, ""
		}
		s := m.w.stack(m.p.service)
		if s == nil {
			return knows | vague, "PAM's files for " + m.p.service + " could not be read"
		}
		if others := m.w.unevaluated(m.p.service); len(others) > 0 {
			return knows | vague, "what " + strings.Join(others, ", ") + " asks for is not evaluated"
		}
		return knows, ""
	case "publickey":
		switch m.w.verified(m.p, m.from) {
		case Yes:
			// A token that checks a PIN or a finger before it signs proves both
			// (NIST SP 800-63B, multi-factor cryptographic device).
			return holds | knows, ""
		case Unsure:
			return holds | vague, "whether every key asks for a PIN is not known"
		}
		return holds, ""
	case "hostbased":
		return 0, "" // the machine proves itself, not who sits at it
	}
	return vague, "what a Kerberos ticket was given for is not known"
}

// Offer is what the server offers after "none" for an account at a place,
// whoever it is: sshd tells nobody who is refused. In sshd's order.
type Offer struct {
	Methods []string
	// Doubt says why there may be more or fewer; "" there are not.
	Doubt string
}

// offerOrder is the order of sshd's own table (auth2.c, authmethods), with the
// GSSAPI key exchange where Debian's patch puts it.
var offerOrder = []string{"publickey", "gssapi-keyex", "gssapi-with-mic", "password", "keyboard-interactive", "hostbased"}

// offer works out what the server offers: what is switched on, and where
// AuthenticationMethods names lists, what a list begins with of which no method
// is switched off (auth2_setup_methods_lists).
func (p *policy) offer() *Offer {
	if p.offered != nil {
		return p.offered
	}
	o := &Offer{}
	on := map[string]Verdict{
		"publickey": p.pubkey.v, "gssapi-with-mic": p.gssapi.v, "gssapi-keyex": p.gssapi.v,
		"password": p.password.v, "keyboard-interactive": p.kbd.v, "hostbased": p.hostbased.v,
	}
	firsts := map[string]bool{}
	for _, c := range p.chains {
		open := Yes
		for _, s := range c {
			base, _, _ := strings.Cut(s, ":")
			if v, known := on[base]; known {
				open = open.And(v)
			}
		}
		if open != No {
			base, _, _ := strings.Cut(c[0], ":")
			firsts[base] = true
		}
	}
	for _, m := range offerOrder {
		if on[m] == Unsure && o.Doubt == "" {
			o.Doubt = "whether " + m + " is on is not known"
		}
		if on[m] == Yes && (p.chains == nil || firsts[m]) {
			o.Methods = append(o.Methods, m)
		}
	}
	if p.noTry != nil || p.refuse.v == Yes {
		o.Methods = nil // it hangs up before it says any
	}
	if p.chainsUnknown != "" {
		o.Doubt = "AuthenticationMethods may be set in what could not be read: " + p.chainsUnknown
	}
	p.offered = o
	return o
}

// dropped reports whether AuthenticationMethods leaves no list that sshd would
// use: it then ends the connection (auth2_setup_methods_lists).
func (p *policy) dropped() bool {
	return p.chains != nil && p.noTry == nil && len(p.offer().Methods) == 0 && p.offer().Doubt == ""
}

// TwoFactors answers whether every way in that is open asks for two kinds of proof
// (PCI DSS 4.0, 8.4). Without any way in the answer is yes.
func (a *Answer) TwoFactors() (Verdict, string) {
	v, why := Yes, ""
	for i := range a.Ways {
		w := &a.Ways[i]
		switch {
		case w.Factors >= 2:
		case w.Factors < 0:
			if v == Yes {
				v, why = Unsure, w.Name()+": "+w.FactorsWhy
			}
		case w.Verdict == Yes:
			return No, w.Name() + " asks for " + count(w.Factors)
		case v == Yes:
			v, why = Unsure, w.Name()+": "+w.Why
		}
	}
	if len(a.Ways) == 0 && a.Open() == Unsure {
		return Unsure, a.Why
	}
	return v, why
}

func count(n int) string {
	if n == 1 {
		return "one factor"
	}
	return strconv.Itoa(n) + " factors"
}

// sameWays compares what decides, not the evidence.
func sameWays(a, b []Way) bool {
	return slices.EqualFunc(a, b, func(x, y Way) bool {
		return x.Verdict == y.Verdict && x.Factors == y.Factors && x.Why == y.Why && slices.Equal(x.Methods, y.Methods)
	})
}

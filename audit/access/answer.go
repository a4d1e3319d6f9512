package access

import "strings"

// answer judges one account under one policy.
func (w *who) answer(g *group) Answer {
	p := g.policy
	a := Answer{User: w.Name, UID: w.UID}
	if f := w.Config.Refused(); f != nil {
		a.Why = "sshd would refuse its configuration, so what the running daemon holds is not known: " + f.String()
		a.Evidence = []Evidence{{Path: f.File, Line: f.Pos.Line, Text: f.Message}}
		a.PasswordWhy = Reason{a.Why, a.Evidence}
		a.EmptyWhy = a.PasswordWhy
		return a
	}
	// Whatever the method: allowed, and not turned away afterwards.
	a.Offer = p.offer()
	if w.Detail {
		a.Session = g.session
	}
	admitted := all(w.refusal(p), p.listTerm(g.gate))
	if admitted.v != No {
		admitted = all(admitted, w.shell(p), w.state(p), w.chroot(p))
	}
	if w.Detail {
		a.Keys = w.doors(p, g.from).keys
	}
	if admitted.v == No {
		a.Password, a.PublicKey, a.Empty, a.Other, a.Mixed = No, No, No, No, No
		a.Why, a.Evidence = admitted.why, admitted.ev
		a.PasswordWhy = Reason{admitted.why, admitted.ev}
		a.EmptyWhy = a.PasswordWhy
		return a
	}
	if admitted.v == Yes {
		admitted.ev = nil // what lets everybody through proves nothing
	}
	m := &methods{w: w, p: p, admitted: admitted, from: g.from, memo: w.memo[:0]}
	password, pubkey, empty, other, mixed, chain := m.combine()
	a.Ways, w.memo = m.ways, m.memo
	a.Password, a.PublicKey, a.Empty, a.Other, a.Mixed = password.v, pubkey.v, empty.v, other.v, mixed.v
	if mixed.v != No {
		a.Chain = chain
	}
	if password.v != Yes {
		a.PasswordWhy = Reason{password.why, password.ev}
	}
	if empty.v != Yes {
		a.EmptyWhy = Reason{empty.why, empty.ev}
	}
	for _, t := range []struct {
		term
		says string
	}{
		{password, "may use a password"}, {pubkey, "may use a key"}, {empty, "may use the empty password"},
		{other, "may use host-based or GSSAPI authentication"}, {mixed, "must pass " + chain},
	} {
		if t.v != Yes {
			continue
		}
		for i, e := range t.ev {
			if i == 0 {
				e.Witness = t.says
			}
			a.addEvidence(e)
		}
	}
	if a.Open() == Yes {
		return a
	}
	for _, t := range []term{password, pubkey, empty, other, mixed} {
		if t.v == Unsure {
			a.Why, a.Settle = join(a.Why, t.why), join(a.Settle, t.settle)
			for _, e := range t.ev {
				a.addEvidence(e)
			}
		}
	}
	if a.Why == "" {
		a.Why = join(password.why, pubkey.why)
		for _, t := range []term{password, pubkey} {
			for _, e := range t.ev {
				a.addEvidence(e)
			}
		}
	}
	return a
}

// maxEvidence bounds the evidence of one answer.
const maxEvidence = 12

func (a *Answer) addEvidence(e Evidence) {
	for _, have := range a.Evidence {
		if have.Path == e.Path && have.Line == e.Line && have.Text == e.Text && (e.Witness == "" || e.Witness == have.Witness) {
			return
		}
	}
	if len(a.Evidence) < maxEvidence {
		a.Evidence = append(a.Evidence, e)
	}
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || strings.Contains(a, b):
		return a
	}
	return a + "; " + b
}

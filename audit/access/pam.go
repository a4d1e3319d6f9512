package access

import (
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

// pamState is the account lines of PAM.
func (w *who) pamState(p *policy) term {
	return w.ask(p, "account", false)
}

// ask puts a question to the PAM stack, once for each account.
func (w *who) ask(p *policy, what string, empty bool) term {
	key := question{p.service, what, empty}
	if t, ok := w.auth[key]; ok {
		return t
	}
	if w.auth == nil {
		w.auth = make(map[question]term, 3)
	}
	t := w.askStack(p, what, empty)
	w.auth[key] = t
	return t
}

// question is one that a PAM stack was asked about an account.
type question struct {
	service, what string
	empty         bool
}

func (w *who) askStack(p *policy, what string, empty bool) term {
	s := w.stack(p.service)
	if s == nil {
		return term{v: Unsure, why: "PAM's files for " + p.service + " could not be read", ev: nil}
	}
	q := account.Question{Account: w.Account, Empty: empty, NoLogin: w.pamNo, OpenAccess: w.OpenAccess, SSSD: w.SSSD, MoreGroups: w.MoreGroups, Today: w.Today}
	var r account.Result
	if what == "auth" {
		r = s.Auth(q)
	} else {
		r = s.Allowed(q)
	}
	t := term{v: r.Verdict, why: r.Why}
	if t.v == Unsure {
		if t.settle = r.Settle; t.settle == "" {
			t.settle = tryPAM
		}
		if w.State == account.Unknown {
			t.settle = readShadow
		}
	}
	if r.Entry != nil {
		t.ev = []Evidence{{Path: r.Entry.File, Line: r.Entry.Line, Text: entryText(r.Entry)}}
	} else if s.File != "" {
		t.ev = []Evidence{{Path: s.File, Text: what + " lines"}}
	}
	if t.v == No {
		switch {
		case what == "account" && w.Expire != account.Never && w.Today >= w.Expire:
			t.why = "expired"
		case what == "auth" && w.State != account.Hash && w.State != account.Empty:
			t.why = "no password is set (" + w.State.String() + ")"
		case what == "auth" && !empty && w.State == account.Empty:
			t.why = "the password is empty"
		case what == "account" && w.pamNo == Yes && w.UID != 0:
			t.why = "/etc/nologin is there"
			if w.nologin != Yes {
				t.why = "/run/nologin is there"
			}
		}
	}
	return t
}

func entryText(e *account.Entry) string {
	return strings.TrimSpace(e.Type + " " + e.Control + " " + e.Module + " " + strings.Join(e.Args, " "))
}

package triage

import (
	"fmt"
	"slices"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
)

// Admission is one key that opens one account of a host.
type Admission struct {
	Host, User, Fingerprint string
	Path                    string
	Line                    int
	Run                     string // kept run that tells so; "" this triage
}

// admissions are the keys that open a host's accounts.
func (l *looker) admissions() {
	for i := range l.f.AuthorizedKeys {
		k := &l.f.AuthorizedKeys[i]
		if k.Fingerprint != "" {
			l.out.Admits = append(l.out.Admits, Admission{Host: l.out.Host, User: k.User, Fingerprint: k.Fingerprint, Path: k.Path, Line: int(k.Line)})
		}
	}
}

// privateKey gives the fingerprint of a thing that is a private key; "" it is none, or
// which one is not known.
func (t *Thing) privateKey() string {
	if t.Kind == KindPrivateKey && len(t.Actions) == 1 {
		return t.Actions[0].Fingerprint
	}
	return ""
}

// HasPrivateKeys reports whether a host holds one whose public half is known.
func (r *Report) HasPrivateKeys() bool {
	return slices.ContainsFunc(r.Hosts, func(h Host) bool {
		return slices.ContainsFunc(h.Things, func(t Thing) bool { return t.privateKey() != "" })
	})
}

// maxOpened bounds the accounts that are named of one key.
const maxOpened = 12

// Opened adds to each private key what it opens on other hosts: those of the report,
// and those that the caller knows of.
func (r *Report) Opened(elsewhere []Admission) {
	by := map[string][]Admission{}
	for i := range r.Hosts {
		for _, a := range r.Hosts[i].Admits {
			by[a.Fingerprint] = append(by[a.Fingerprint], a)
		}
	}
	for _, a := range elsewhere {
		by[a.Fingerprint] = append(by[a.Fingerprint], a)
	}
	for i := range r.Hosts {
		h, heavier := &r.Hosts[i], false
		for k := range h.Things {
			t := &h.Things[k]
			fp := t.privateKey()
			if fp == "" {
				continue
			}
			n := 0
			for _, a := range by[fp] {
				if a.Host == h.Host {
					continue
				}
				if n++; n > maxOpened {
					continue
				}
				text := fmt.Sprintf("it opens %s on %s", cron.Quote(a.User), cron.Quote(a.Host))
				e := facts.Evidence{Path: a.Path, Line: a.Line, Witness: "on " + a.Host}
				if a.Run != "" {
					text += ", as the kept run " + a.Run + " has it"
					e.Witness += ", " + a.Run
				}
				t.Why = append(t.Why, text)
				t.Evidence = append(t.Evidence, e)
			}
			if n > maxOpened {
				t.Why = append(t.Why, fmt.Sprintf("and %d accounts more", n-maxOpened))
			}
			if n > 0 && levels[t.Severity] < levels["medium"] {
				t.Severity, heavier = "medium", true
			}
		}
		if heavier { // what was told of the whole counts it too
			l := &looker{out: h}
			sortThings(h.Things)
			h.Preserve = []string{}
			l.preserve()
			l.verdict()
		}
	}
}

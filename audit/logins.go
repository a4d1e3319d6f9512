package audit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
)

// AccessSchema and ReachSchema are the versions of what postern access writes as
// JSON, without and with --reach.
const (
	AccessSchema = "postern-access-1"
	ReachSchema  = "postern-reach-1"
)

// Access is who can log in on each of some hosts, and what only shows across them.
type Access struct {
	Schema string       `json:"schema"`
	Hosts  []HostLogins `json:"hosts"`
	// Keys are those that open more than one account, or that are weak.
	Keys []FleetKey `json:"keys"`
	// PrivateKeys are those that lie on the hosts, with what they open on them.
	PrivateKeys []PrivateReach `json:"private_keys"`
}

// HostLogins are the answers for one host, or why there are none.
type HostLogins struct {
	Host   string        `json:"host"`
	Error  string        `json:"error"`
	Logins *facts.Logins `json:"logins"`
}

// FleetKey is one key with all that it opens.
type FleetKey struct {
	Fingerprint string   `json:"fingerprint"`
	Type        string   `json:"type"`
	Bits        int      `json:"bits"`
	Weak        string   `json:"weak"` // why it should go; "" it may stay
	Shared      bool     `json:"shared"`
	Opens       []KeyUse `json:"opens"`
}

// KeyUse is one account that a key opens, or may open.
type KeyUse struct {
	Host    string `json:"host"`
	User    string `json:"user"`
	From    string `json:"from"`  // places in words
	Opens   string `json:"opens"` // yes, no, unknown
	Comment string `json:"comment"`
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Why     string `json:"why"`
	Command string `json:"command"` // that the login is bound to; "" none
	// Further are the methods that are asked for beside the key; "" none.
	Further string   `json:"further"`
	Limits  []string `json:"limits"`
	CA      bool     `json:"ca"`
}

// Only keeps the answers about one account ("" all), and those that hold for one
// address ("" all); that address must have been told apart (facts.Options.Apart).
func Only(l *facts.Logins, user, address string) {
	l.PrivateKeys = slices.DeleteFunc(l.PrivateKeys, func(k facts.PrivateKey) bool { return user != "" && k.User != user })
	for i := range l.Servers {
		s := &l.Servers[i]
		s.Logins = slices.DeleteFunc(s.Logins, func(a facts.Login) bool {
			if user != "" && a.User != user {
				return true
			}
			return address != "" && !slices.ContainsFunc(a.Places, func(p facts.LoginPlace) bool { return p.Address == address })
		})
		if address == "" {
			continue
		}
		for k := range s.Logins {
			s.Logins[k].From = "from " + address
		}
	}
}

// uses lists what keys do on a host: each line of a key file once an account, with
// its best answer.
func uses(h *HostLogins, each func(*facts.LoginKey, KeyUse)) {
	if h.Logins == nil {
		return
	}
	type place struct {
		server, line int
		user, path   string
		ca           string
	}
	for n := range h.Logins.Servers {
		s := &h.Logins.Servers[n]
		order := []place{}
		best := map[place]KeyUse{}
		keys := map[place]*facts.LoginKey{}
		for i := range s.Logins {
			a := &s.Logins[i]
			for k := range a.Keys {
				key := &a.Keys[k]
				u := KeyUse{Host: h.Host, User: a.User, From: a.From, Opens: key.Opens, Comment: key.Comment, Path: key.Path, Line: key.Line,
					Why: key.Why, Command: key.Command, Limits: key.Limits, CA: key.CA}
				u.way(a)
				if s.Doubt != "" && u.Opens != "no" {
					u.Opens, u.Why = "unknown", s.Doubt
				}
				if c := a.Session; c != nil && c.Command != "" && u.Command == "" {
					u.Command = c.Command
				}
				at := place{n, key.Line, a.User, key.Path, strings.Join(key.Principals, ",")}
				old, have := best[at]
				switch {
				case !have:
					order = append(order, at)
					best[at], keys[at] = u, key
				case openness(u.Opens) > openness(old.Opens):
					best[at], keys[at] = u, key
				case u.Opens == old.Opens && u.From != old.From && openness(u.Opens) > 0:
					u.From = old.From + " or " + strings.TrimPrefix(u.From, "from ")
					best[at] = u
				}
			}
		}
		for _, at := range order {
			each(keys[at], best[at])
		}
	}
}

// way says what a key that fits still needs at a login.
func (u *KeyUse) way(a *facts.Login) {
	if u.Opens == "no" {
		return
	}
	found := ""
	for i := range a.Ways {
		w := &a.Ways[i]
		if !slices.Contains(w.Methods, "publickey") {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(w.Methods), func(m string) bool { return m == "publickey" })
		further := strings.Join(rest, ",")
		if found == "" || further == "" {
			found, u.Further = "yes", further
			if w.Verdict != "yes" && u.Opens == "yes" {
				u.Opens, u.Why = "unknown", w.Why
			}
		}
	}
	if found == "" {
		u.Opens, u.Why = "no", a.Why
		if a.Why == "" {
			u.Why = "keys are not enough there, whatever comes with them"
		}
	}
}

func openness(word string) int {
	switch word {
	case "yes":
		return 2
	case "unknown":
		return 1
	}
	return 0
}

// FleetKeys finds the keys that open several accounts or hosts, and those that
// are weak: by themselves, or since they stand in a list of fingerprints that
// the caller has (nil: none).
func FleetKeys(hosts []HostLogins, listed map[string]bool) []FleetKey {
	all := map[string]*FleetKey{}
	for i := range hosts {
		uses(&hosts[i], func(k *facts.LoginKey, u KeyUse) {
			if k.Fingerprint == "" || k.CA {
				return // an authority is meant to open many
			}
			f := all[k.Fingerprint]
			if f == nil {
				f = &FleetKey{Fingerprint: k.Fingerprint, Type: k.Type, Bits: k.Bits, Weak: k.Weak}
				if listed[k.Fingerprint] {
					f.Weak = weaker(f.Weak, "it stands in the list of weak keys")
				}
				all[k.Fingerprint] = f
			}
			f.Opens = append(f.Opens, u)
		})
	}
	out := []FleetKey{}
	for _, f := range all {
		accounts := map[[2]string]bool{}
		for _, u := range f.Opens {
			if u.Opens != "no" {
				accounts[[2]string{u.Host, u.User}] = true
			}
		}
		if f.Shared = len(accounts) > 1; f.Shared || f.Weak != "" {
			out = append(out, *f)
		}
	}
	slices.SortFunc(out, func(a, b FleetKey) int {
		return cmp.Or(cmp.Compare(len(b.Opens), len(a.Opens)), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return out
}

func weaker(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// Credential is what somebody holds: a public key, or a certificate.
type Credential struct {
	Fingerprint string   // of the key
	CA          string   // fingerprint of the authority that signed it; "" a plain key
	Principals  []string // of a certificate; none fits no account
}

// Reach finds the accounts that a credential opens, or may open. Accounts about
// which nothing can be said, since keys come from elsewhere, are answers too.
func Reach(hosts []HostLogins, c Credential) []KeyUse {
	out := []KeyUse{}
	for i := range hosts {
		h := &hosts[i]
		found := map[string]bool{}
		uses(h, func(k *facts.LoginKey, u KeyUse) {
			fits := !k.CA && k.Fingerprint == c.Fingerprint
			if k.CA && c.CA == k.Fingerprint {
				fits = k.Principals == nil || slices.ContainsFunc(c.Principals, func(p string) bool { return slices.Contains(k.Principals, p) })
			}
			if fits {
				found[u.User] = found[u.User] || u.Opens == "yes"
				out = append(out, u)
			}
		})
		out = append(out, unsettled(h, found)...)
	}
	return out
}

// unsettled are the accounts of a host that a key may open though it was seen in
// none of their files.
func unsettled(h *HostLogins, found map[string]bool) []KeyUse {
	if h.Logins == nil {
		return []KeyUse{{Host: h.Host, Opens: "unknown", Why: h.Error}}
	}
	var out []KeyUse
	for n := range h.Logins.Servers {
		s := &h.Logins.Servers[n]
		for i := range s.Logins {
			a := &s.Logins[i]
			if found[a.User] {
				continue
			}
			for k := range a.Ways {
				w := &a.Ways[k]
				if w.Verdict == "unknown" && slices.Contains(w.Methods, "publickey") {
					found[a.User] = true
					out = append(out, KeyUse{Host: h.Host, User: a.User, From: a.From, Opens: "unknown", Why: w.Why})
					break
				}
			}
		}
	}
	return out
}

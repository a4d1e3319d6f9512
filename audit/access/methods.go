package access

import (
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

// methods are the ways in for one account under one policy, each worked out when
// it is asked for.
type methods struct {
	w        *who
	p        *policy
	admitted term
	from     string // which from= lists of its keys fit
	memo     []named
	ways     []Way
}

// named is a method that was worked out.
type named struct {
	name string
	term
}

// method is whether the account can complete one method, alone or as a step.
func (m *methods) method(name string) term {
	for i := range m.memo {
		if m.memo[i].name == name {
			return m.memo[i].term
		}
	}
	t := m.find(name)
	m.memo = append(m.memo, named{name, t})
	return t
}

func (m *methods) find(name string) term {
	base, device, _ := strings.Cut(name, ":")
	p, w := m.p, m.w
	switch base {
	case "password":
		return all(m.root("password"), p.password, m.secret(false))
	case "keyboard-interactive":
		if device != "" && device != "pam" {
			return term{v: No, why: "no device " + device + " for keyboard-interactive"}
		}
		pam := p.pam
		if pam.v == No {
			pam.why = "keyboard-interactive never succeeds without PAM"
		}
		return all(m.root("password"), p.kbd, pam, w.ask(p, "auth", false))
	case "publickey":
		return all(m.root("publickey"), p.pubkey, w.keyTerm(p, m.from, false))
	case "hostbased":
		return all(m.root("other"), w.hostbased(p))
	case "gssapi-with-mic", "gssapi-keyex":
		t := all(m.root("other"), p.gssapi)
		if t.v == Yes {
			st := w.stat("/etc/krb5.keytab")
			if st.Known && !st.Exists {
				return term{v: No, why: "GSSAPIAuthentication is on, but there is no keytab", ev: t.ev}
			}
			t = term{v: Unsure, why: "which Kerberos principals GSSAPI maps to " + w.Name + " is not evaluated", ev: t.ev,
				settle: "read ~/.k5login and auth_to_local of krb5.conf"}
		}
		return t
	}
	return term{v: No, why: "method " + base + " never completes in a list"}
}

// secret is whether a password of this account is accepted.
func (m *methods) secret(empty bool) term {
	p, w := m.p, m.w
	var t term
	switch p.pam.v {
	case Yes:
		t = w.ask(p, "auth", empty)
	case No:
		t = w.plainSecret(empty)
	default:
		t = all(p.pam, some(w.ask(p, "auth", empty), w.plainSecret(empty)))
	}
	// Kerberos is asked before either, and alone where KerberosOrLocalPasswd is no
	// (auth_password, auth_krb5_password). A build without it ignores both.
	local := p.set.Get("KerberosOrLocalPasswd")
	if !empty && p.kerberos.v != No && (t.v == No || local.First() == "no" || local.Unknown != "") {
		return term{v: Unsure, why: "KerberosAuthentication: whether a principal's password is accepted is not evaluated", ev: p.kerberos.ev,
			settle: "log in with a Kerberos password, or ask the KDC's administrator"}
	}
	return t
}

// plainSecret is a password without PAM: the hash of shadow.
func (w *who) plainSecret(empty bool) term {
	ev := []Evidence{{Path: "/etc/passwd", Line: w.Line, Text: "password state " + w.State.String()}}
	switch {
	case w.State == account.Unknown:
		return term{v: Unsure, why: "the password of " + w.Name + " is not known (shadow could not be read)", ev: ev, settle: readShadow}
	case w.State == account.Hash && !empty, w.State == account.Empty && empty:
		return term{v: Yes, ev: ev}
	}
	return term{v: No, why: "no password is set (" + w.State.String() + ")", ev: ev}
}

// root is PermitRootLogin's word for one kind of method; it binds every account
// of uid 0 (auth_root_allowed, auth.c).
func (m *methods) root(kind string) term {
	if m.w.UID != 0 {
		return term{v: Yes}
	}
	v := m.p.root
	ev := []Evidence{evidence(m.w.Config, "PermitRootLogin", v)}
	if v.Unknown != "" {
		return term{v: Unsure, why: "PermitRootLogin may be set in what could not be read: " + v.Unknown, ev: ev, settle: readFiles}
	}
	ok := false
	switch v.First() {
	case "yes":
		ok = true
	case "prohibit-password":
		ok = kind != "password"
	case "forced-commands-only":
		ok = kind == "publickey" // only keys with command=; see keyTerm
		if kind == "other" {
			return term{v: Unsure, why: "whether a forced command comes with hostbased or GSSAPI is not evaluated", ev: ev}
		}
	}
	if ok {
		return term{v: Yes, ev: ev}
	}
	return term{v: No, why: "PermitRootLogin " + v.First(), ev: ev}
}

// combine joins the methods by AuthenticationMethods.
func (m *methods) combine() (password, pubkey, empty, other, mixed term, chain string) {
	none := term{v: No}
	mixed = none
	if m.p.chains == nil {
		byKey := m.open("publickey", m.method("publickey"))
		byPassword, byKbd := m.open("password", m.method("password")), m.open("keyboard-interactive", m.method("keyboard-interactive"))
		password = some(byPassword, byKbd)
		pubkey = byKey
		empty = m.open("none", m.emptyPassword(true, true))
		other = some(m.open("hostbased", m.method("hostbased")), m.open("gssapi-with-mic", m.method("gssapi-with-mic")))
	} else {
		password, pubkey, empty, other = none, none, none, none
		why := []Evidence{m.p.chainsFrom}
		for _, c := range m.p.chains {
			t, kinds, tries := m.chain(c)
			t.ev = append(why[:1:1], t.ev...)
			if t.v != No {
				m.ways = append(m.ways, m.way(c, t))
			}
			switch kinds {
			case "password":
				password = some(t, password)
				e := all(m.emptyPassword(tries&1 != 0, tries&2 != 0), m.admitted)
				if len(c) > 1 && tries == 3 {
					e = all(m.emptyPassword(true, false), m.emptyPassword(false, true), m.admitted)
				}
				e.ev = append(why[:1:1], e.ev...)
				if e.v != No {
					m.ways = append(m.ways, m.way(single["none"], e))
				}
				empty = some(e, empty)
			case "publickey":
				pubkey = some(t, pubkey)
			case "other":
				other = some(t, other)
			default:
				if t.v == Yes && mixed.v != Yes || t.v == Unsure && mixed.v == No {
					mixed, chain = t, strings.Join(c, ",")
				}
			}
		}
		if password.why == "" && password.v == No {
			password = term{v: No, why: "AuthenticationMethods asks for more", ev: why}
		}
		if pubkey.why == "" && pubkey.v == No {
			pubkey = term{v: No, why: "AuthenticationMethods asks for more", ev: why}
		}
	}
	if m.p.chainsUnknown != "" {
		for _, t := range []*term{&password, &pubkey, &empty, &other} {
			if t.v == Yes {
				*t = term{v: Unsure, why: "AuthenticationMethods may be set in what could not be read: " + m.p.chainsUnknown, ev: t.ev, settle: readFiles}
			}
		}
		for i := range m.ways {
			if w := &m.ways[i]; w.Verdict == Yes {
				w.Verdict, w.Why, w.Settle = Unsure, "AuthenticationMethods may be set in what could not be read: "+m.p.chainsUnknown, readFiles
			}
		}
	}
	return password, pubkey, empty, other, mixed, chain
}

// open joins a method that is enough with what lets the account in at all, and
// notes the way in.
func (m *methods) open(name string, t term) term {
	if t.v == No {
		return t // why is worth more than why the account is in doubt
	}
	t = all(t, m.admitted)
	if t.v != No {
		m.ways = append(m.ways, m.way(single[name], t))
	}
	return t
}

// chain judges one list. kinds is what its steps have in common: password,
// publickey, other, or "" for several. tries says which password methods it
// names: 1 password, 2 keyboard-interactive.
func (m *methods) chain(steps []string) (t term, kinds string, tries int) {
	ts := make([]term, 0, len(steps)+2)
	keys := 0
	for i, s := range steps {
		base, _, _ := strings.Cut(s, ":")
		kind := "other"
		switch base {
		case "password":
			kind, tries = "password", tries|1
		case "keyboard-interactive":
			kind, tries = "password", tries|2
		case "publickey":
			kind = "publickey"
			keys++
		}
		if i == 0 {
			kinds = kind
		} else if kinds != kind {
			kinds = ""
		}
		ts = append(ts, m.method(s))
	}
	if keys > 1 {
		ts = append(ts, m.w.keyTerm(m.p, m.from, true)) // each step needs another key
	}
	return all(append(ts, m.admitted)...), kinds, tries
}

// emptyPassword is whether the empty password opens the account: by none or
// password, and through PAM by keyboard-interactive.
func (m *methods) emptyPassword(byPassword, byKbd bool) term {
	p, w := m.p, m.w
	var ways []term
	if byPassword {
		ways = append(ways, all(p.empty, p.password, m.root("password"), m.secret(true)))
	}
	if byKbd {
		ways = append(ways, all(p.empty, p.kbd, p.pam, m.root("password"), w.ask(p, "auth", true)))
	}
	return some(ways...)
}

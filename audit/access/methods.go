package access

import (
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

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

func (w *who) refusal(p *policy) term {
	if p.refuse.v == Yes {
		return term{v: No, why: "RefuseConnection yes", ev: p.refuse.ev}
	}
	if p.dropped() {
		return term{v: No, why: "every list of AuthenticationMethods names a method that is switched off, so sshd hangs up", ev: []Evidence{p.chainsFrom}}
	}
	if p.noTry != nil {
		return term{v: No, why: "MaxAuthTries 0 leaves no try", ev: p.noTry}
	}
	if p.refuse.v == Unsure {
		return p.refuse
	}
	return term{v: Yes}
}

// shell must be there and executable, unless the login is chrooted (auth.c,
// allowed_user).
func (w *who) shell(p *policy) term {
	chroot := &p.chrootDir
	if chroot.Unknown == "" && chroot.First() != "none" && chroot.First() != "" {
		return term{v: Yes}
	}
	if w.shells.v == Unsure && w.shells.why == "" {
		w.shells = w.findShell()
	}
	return w.shells
}

func (w *who) findShell() term {
	shell := w.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	st := w.stat(shell)
	ev := []Evidence{{Path: "/etc/passwd", Line: w.Line, Text: "shell " + shell}}
	switch {
	case !st.Known:
		// A shell that was not looked at is there on nearly every host, but
		// nearly is not known.
		return term{v: Unsure, why: "whether the shell " + shell + " is there is not known", ev: ev}
	case !st.Exists || st.Type != 'f':
		return term{v: No, why: "shell " + shell + " is not there", ev: ev}
	case st.Mode&0o111 == 0:
		return term{v: No, why: "shell " + shell + " is not executable", ev: ev}
	}
	return term{v: Yes}
}

// state is locked, expired and nologin: by sshd itself without PAM, by the
// account lines with it.
func (w *who) state(p *policy) term {
	if p.pam.v == Unsure {
		plain, pam := w.plainState(), w.pamState(p)
		if plain.v == pam.v {
			return pam
		}
		return p.pam
	}
	if p.pam.v == Yes {
		return w.pamState(p)
	}
	return w.plainState()
}

// plainState is what sshd checks with UsePAM no.
func (w *who) plainState() term {
	ev := []Evidence{{Path: "/etc/passwd", Line: w.Line, Text: "password state " + w.State.String()}}
	switch w.State {
	case account.Unknown:
		return term{v: Unsure, why: "whether " + w.Name + " is locked or expired is not known (shadow could not be read)", ev: ev, settle: readShadow}
	case account.Locked, account.LockedHash:
		return term{v: No, why: "locked", ev: ev}
	}
	if w.Expire != account.Never && w.Today > w.Expire {
		return term{v: No, why: "expired", ev: ev}
	}
	return w.noLogin()
}

func (w *who) noLogin() term {
	if w.UID == 0 || w.nologin == No {
		return term{v: Yes}
	}
	ev := []Evidence{{Path: "/etc/nologin", Text: "turns everyone away but root"}}
	if w.nologin == Yes {
		return term{v: No, why: "/etc/nologin is there", ev: ev}
	}
	return term{v: Unsure, why: "whether /etc/nologin is there is not known", ev: nil}
}

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

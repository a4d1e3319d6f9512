package access

import (
	"path"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/dropbear"
)

// Dropbear answers for every account who can log in at a dropbear server, as
// [Judge] does for sshd: by its command line (line, as evidence shows it), the
// accounts and their keys. Of in it needs Accounts, Stat, Read, MoreGroups and Detail; Config, an empty one, gives
// the places, which dropbear does not tell apart. A build with PAM, which no
// distribution known to us ships, is taken for one without.
func Dropbear(s *dropbear.Server, line string, host dropbear.Host, in Input) []Answer {
	j := &judge{Input: in, files: map[string]*keyFile{}, stats: map[string]Stat{}, sets: map[string]*placeSet{}, names: map[int64]string{}}
	places := j.placesFor(nil)
	d := &dropbearJudge{judge: j, Server: s, host: host, line: Evidence{Text: "command line: " + line}}
	d.offer = &Offer{Methods: []string{"publickey"}}
	if !s.NoPassword {
		d.offer.Methods = append(d.offer.Methods, "password")
	}
	if in.Detail {
		d.session = &Session{Command: s.Command, Open: []string{"agent", "x11"}}
		if !s.NoLocal {
			d.session.Open = append(d.session.Open, "tcp-local")
		}
		if !s.NoRemote {
			d.session.Open = append(d.session.Open, "tcp-remote")
		}
	}
	out := make([]Answer, 0, len(in.Accounts))
	for i := range in.Accounts {
		w := &who{judge: j, Account: &in.Accounts[i]}
		a := d.answer(w)
		for k := range places.places {
			a.Places = append(a.Places, &places.places[k])
		}
		a.From = "anywhere"
		for k := range a.Evidence {
			w.witness(&a, &a.Evidence[k])
		}
		out = append(out, a)
	}
	return out
}

type dropbearJudge struct {
	*judge
	*dropbear.Server
	host    dropbear.Host
	line    Evidence
	offer   *Offer
	session *Session
}

// answer judges one account.
func (d *dropbearJudge) answer(w *who) Answer {
	a := Answer{User: w.Name, UID: w.UID, Offer: d.offer, Session: d.session, Other: No, Mixed: No}
	groups := w.Groups
	if d.MoreGroups && d.Group != "" && (&account.Question{Account: w.Account}).In(d.Group) == No {
		groups = nil // not known
	} else if groups == nil {
		groups = []string{}
	}
	l := d.Judge(dropbear.Account{Name: w.Name, UID: w.UID, Shell: w.Shell, Groups: groups, Empty: answerOf(stateIs(w.State, account.Empty))}, d.host)
	passwd := Evidence{Path: "/etc/passwd", Line: w.Line, Text: "password state " + w.State.String()}

	password := term{v: verdictOf(l.Password), why: l.Reason, ev: []Evidence{d.line}}
	if password.v != No {
		password = all(password, term{v: stateIs(w.State, account.Hash), why: "no password is set (" + w.State.String() + ")", ev: []Evidence{passwd}, settle: readShadow})
	}
	pubkey := term{v: verdictOf(l.PublicKey), why: l.Reason, ev: []Evidence{d.line}}
	keys, keyTerm := d.keys(w)
	if pubkey.v != No {
		if d.Plugin != "" {
			keyTerm = term{v: Unsure, why: l.Reason}
		}
		pubkey = all(pubkey, keyTerm)
	}
	if w.Detail {
		for i := range keys {
			if k := &keys[i]; pubkey.v != Yes && k.Verdict == Yes {
				k.Verdict, k.Why = pubkey.v, pubkey.why
			}
		}
		a.Keys = keys
	}
	empty := term{v: verdictOf(l.Empty), why: l.Reason, ev: []Evidence{d.line, passwd}}
	add := func(t term, factors int, methods ...string) {
		if t.v == No {
			return
		}
		way := Way{Methods: methods, Verdict: t.v, Factors: factors, Evidence: t.ev}
		if t.v == Unsure {
			way.Why, way.Settle = t.why, t.settle
		}
		a.Ways = append(a.Ways, way)
	}
	if l.Both {
		both := all(pubkey, password)
		a.Mixed, a.Password, a.PublicKey = both.v, No, No
		if both.v != No {
			a.Chain = "publickey,password"
		}
		add(both, 2, "publickey", "password")
		a.tell(both, "must pass publickey,password")
		if password.v != No {
			password = term{v: No, why: "-t asks for a key besides"}
		}
	} else {
		a.Password, a.PublicKey = password.v, pubkey.v
		add(password, 1, "password")
		add(pubkey, 1, "publickey")
		a.tell(password, "may use a password")
		a.tell(pubkey, "may use a key")
	}
	a.Empty = empty.v
	add(empty, 0, "none")
	a.tell(empty, "may use the empty password")
	a.PasswordWhy, a.EmptyWhy = Reason{password.why, password.ev}, Reason{empty.why, empty.ev}
	if a.EmptyWhy.Why == "" {
		a.EmptyWhy.Why = "no -B: an empty password opens nothing"
	}
	switch a.Open() {
	case Yes:
		a.Why = ""
	case Unsure:
		for _, t := range []term{password, pubkey, empty} {
			if t.v == Unsure {
				a.Why, a.Settle = join(a.Why, t.why), join(a.Settle, t.settle)
			}
		}
	default:
		a.Why = join(password.why, pubkey.why)
	}
	return a
}

// tell adds the evidence of an open way.
func (a *Answer) tell(t term, says string) {
	if t.v != Yes {
		return
	}
	for i, e := range t.ev {
		if i == 0 {
			e.Witness = says
		}
		a.addEvidence(e)
	}
}

// keys reads the one file that dropbear goes by.
func (d *dropbearJudge) keys(w *who) ([]Key, term) {
	name := path.Clean(d.KeyFile(w.Home))
	f := w.keyFile(name)
	if !f.exists {
		if st := w.stat(name); !st.Known {
			return nil, term{v: Unsure, why: "whether " + name + " is there is not known", settle: readFiles}
		}
		return nil, term{v: No, why: "no key is there"}
	}
	trust := d.trusted(w, name)
	var keys []Key
	opens := term{v: No, why: "no key in " + name + " is one that dropbear takes"}
	for i := range f.keys {
		k := &f.keys[i]
		v, why := dropbearTakes(k)
		if v == Yes && trust.v != Yes || v == Unsure && trust.v == No {
			v, why = trust.v, trust.why
		}
		if k.Blob != nil || k.Type != "" {
			x := Key{Type: k.Type, Fingerprint: k.Fingerprint, Comment: k.Comment, Bits: k.Bits, Path: name, Line: k.Line, CA: k.CA(), Verdict: v, Why: why}
			x.limits(k.Options)
			keys = append(keys, x)
		}
		if v == Yes && opens.v != Yes {
			opens = term{v: Yes, ev: []Evidence{{Path: name, Line: k.Line, Text: keyText(k, 1)}}}
		} else if v == Unsure && opens.v == No {
			opens = term{v: Unsure, why: why, ev: []Evidence{{Path: name, Line: k.Line, Text: keyText(k, 1)}}}
		}
	}
	switch {
	case opens.v == No && f.err != nil:
		opens = term{v: Unsure, why: name + " could not be read: " + f.err.Error(), settle: readFiles}
	case opens.v == No && trust.v == No && len(keys) > 0:
		opens = trust
	}
	return keys, opens
}

// dropbearOptions are the options in front of a key that dropbear takes; with
// another one it skips the key (svr-authpubkeyoptions.c; tried on 2022.83).
var dropbearOptions = map[string]bool{"no-port-forwarding": true, "no-agent-forwarding": true, "no-x11-forwarding": true, "no-pty": true,
	"restrict": true, "permitopen": true, "command": true, "no-touch-required": true, "verify-required": true}

// dropbearTakes says whether dropbear takes a line, and why not.
func dropbearTakes(k *account.Key) (Verdict, string) {
	if k.Bad != "" {
		return No, k.Bad
	}
	v, why := Yes, ""
	for _, o := range k.Options {
		switch {
		case dropbearOptions[o.Name]:
		case o.Name == "permitlisten": // 2022.83 does not know it
			v, why = Unsure, "whether this release of dropbear knows permitlisten, or skips the key, is not known"
		default:
			return No, "dropbear knows no option " + o.Name + ", and skips the key"
		}
	}
	switch k.Type {
	case "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
		"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com":
		return v, why
	}
	return No, "dropbear takes no key of type " + k.Type
}

// trusted is whether dropbear reads a key file (checkpubkeyperms, svr-authpubkey.c):
// it, and the directories above up to the home, or to the root outside of it, belong
// to root or the account, and no others may write them.
func (d *dropbearJudge) trusted(w *who, name string) term {
	for p := name; ; p = path.Dir(p) {
		st := w.stat(p)
		no := ""
		switch {
		case !st.Known || !st.Exists || st.UID < 0:
			return term{v: Unsure, why: "owner and mode of " + p + " are not known", ev: []Evidence{{Path: p, Text: "not looked at"}}, settle: readFiles}
		case st.UID != 0 && st.UID != w.UID:
			no = "belongs to another account"
		case st.Mode&0o022 != 0:
			no = "is writable by others"
		}
		if no != "" {
			return term{v: No, why: p + " " + no + ", so dropbear reads no keys", ev: []Evidence{{Path: p, Text: ownerMode(st)}}}
		}
		if p == path.Clean(w.Home) || p == "/" || p == "." {
			return term{v: Yes}
		}
	}
}

// stateIs says whether a password is in a state, where that is known.
func stateIs(s, want account.State) Verdict {
	switch s {
	case account.Unknown:
		return Unsure
	case want:
		return Yes
	}
	return No
}

func answerOf(v Verdict) dropbear.Answer {
	switch v {
	case Yes:
		return dropbear.Yes
	case No:
		return dropbear.No
	}
	return dropbear.Unknown
}

func verdictOf(a dropbear.Answer) Verdict {
	switch a {
	case dropbear.Yes:
		return Yes
	case dropbear.No:
		return No
	}
	return Unsure
}

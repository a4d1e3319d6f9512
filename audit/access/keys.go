package access

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
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

// keyFile is one parsed authorized_keys file.
type keyFile struct {
	keys   []account.Key
	from   []string // the different from= lists in it
	exists bool
	err    error // it could not be read here
}

// maxKeyFiles bounds the key files looked at for one account.
const maxKeyFiles = 64

func (j *judge) keyFile(p string) *keyFile {
	if f := j.files[p]; f != nil {
		return f
	}
	f := &keyFile{}
	data, err := j.read(p)
	switch {
	case err == nil:
		f.exists, f.keys = true, account.ParseKeys(data)
	case !errors.Is(err, fs.ErrNotExist):
		// Its first part may have come; a key that was seen is there.
		f.exists, f.err, f.keys = true, err, account.ParseKeys(data)
	}
	for i := range f.keys {
		if l, ok := f.keys[i].Option("from"); ok && f.keys[i].Bad == "" && len(f.from) <= maxFromLists && !slices.Contains(f.from, l) {
			f.from = append(f.from, l)
		}
	}
	j.files[p] = f
	return f
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

// keyFiles are the files that AuthorizedKeysFile names for the account.
func (w *who) keyFiles(p *policy) []string {
	if out, ok := w.named[p.keys]; ok {
		return out
	}
	out := make([]string, 0, min(len(p.keyFiles.Args), maxKeyFiles))
	for i, f := range p.keyFiles.Args {
		if i == maxKeyFiles {
			break
		}
		if strings.EqualFold(f, "none") {
			continue
		}
		name, ok := w.tokens(f)
		if !ok {
			continue
		}
		if !strings.HasPrefix(name, "/") {
			name = w.Home + "/" + name
		}
		out = append(out, path.Clean(name))
	}
	if w.named == nil {
		w.named = map[string][]string{}
	}
	w.named[p.keys] = out
	return out
}

// tokens replaces %h, %u, %U and %% (sshd_config(5), TOKENS); ok is false for
// any other token, and for a % that ends the word.
func (w *who) tokens(f string) (s string, ok bool) {
	if strings.IndexByte(f, '%') < 0 {
		return f, true
	}
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.WriteByte(f[i])
			continue
		}
		if i++; i == len(f) {
			return f, false
		}
		switch f[i] {
		case 'h':
			b.WriteString(w.Home)
		case 'u':
			b.WriteString(w.Name)
		case 'U':
			if w.Config.Version().Before(7, 8) {
				return f, false
			}
			b.WriteString(strconv.FormatInt(w.UID, 10))
		case '%':
			b.WriteByte('%')
		default:
			return f, false
		}
	}
	return b.String(), true
}

// expand is tokens for a file that lies below the home where it is no absolute path.
func (w *who) expand(f string) string {
	p, _ := w.tokens(f)
	if !strings.HasPrefix(p, "/") {
		p = w.Home + "/" + p
	}
	return path.Clean(p)
}

// inFile judges one key file and adds what it finds to d.
func (w *who) inFile(p *policy, name, from string, d *doors) term {
	f := w.keyFile(name)
	if !f.exists {
		st := w.stat(name)
		if !st.Known {
			return term{v: Unsure, why: "whether " + name + " is there is not known", settle: readFiles}
		}
		return term{v: No}
	}
	trust := w.trusted(p, name)
	var usable, doubtful *account.Key
	why, doubt, n := "", "", 0
	for i := range f.keys {
		k := &f.keys[i]
		v, reason := w.usable(p, k, from)
		switch v {
		case Yes:
			n++
			if usable == nil {
				usable = k
			}
			if trust.v == Yes {
				d.opens(p, k)
			}
		case Unsure:
			if doubtful == nil {
				doubtful, doubt = k, reason
			}
		default:
			why = reason
		}
		if w.Detail && (k.Blob != nil || k.Type != "") {
			x := w.show(k, name, v, reason)
			if v != No && trust.v != Yes {
				x.Verdict, x.Why = trust.v, trust.why
			}
			d.keys = append(d.keys, x)
		}
	}
	switch {
	case usable == nil && doubtful != nil:
		if trust.v == No {
			return trust
		}
		return term{v: Unsure, why: doubt, ev: []Evidence{{Path: name, Line: doubtful.Line, Text: keyText(doubtful, 1)}}}
	case usable == nil && f.err != nil:
		return term{v: Unsure, why: name + " could not be read: " + f.err.Error(), ev: []Evidence{{Path: name, Text: "not read"}}, settle: readFiles}
	case usable == nil:
		t := term{v: No, why: why}
		if why != "" {
			t.ev = []Evidence{{Path: name, Text: why}}
		}
		return t
	case trust.v != Yes:
		return trust
	}
	return term{v: Yes, ev: []Evidence{{Path: name, Line: usable.Line, Text: keyText(usable, n)}}}
}

// keyText is a key as evidence shows it; n counts those that open alike.
func keyText(k *account.Key, n int) string {
	text := k.Type + " " + k.Fingerprint
	if k.CA() {
		text = "certificate authority " + text
	}
	if from, ok := k.Option("from"); ok {
		text += " from=" + strconv.Quote(from)
	}
	if n > 1 {
		text += " and " + strconv.Itoa(n-1) + " more"
	}
	return text
}

// opens notes a key that opens the account.
func (d *doors) opens(p *policy, k *account.Key) {
	if len(d.opening) < 2 && !slices.Contains(d.opening, k.Fingerprint) {
		d.opening = append(d.opening, k.Fingerprint)
	}
	_, verify := k.Option("verify-required")
	if k.CA() || !k.Token() || !verify && !slices.Contains(p.set.Get("PubkeyAuthOptions").Args, "verify-required") {
		d.verified = No
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

// usable says whether a key opens the account at the places of a mask, and why
// not.
func (w *who) usable(p *policy, k *account.Key, from string) (Verdict, string) {
	switch {
	case k.Bad != "":
		return No, k.Bad
	case w.UID == 0 && p.root.First() == "forced-commands-only":
		if _, ok := k.Option("command"); !ok {
			return No, "PermitRootLogin forced-commands-only and the key has no command="
		}
	}
	doubt := ""
	if l, ok := k.Option("from"); ok {
		switch w.admits(l, from) {
		case No:
			return No, "from= of the key does not admit this place"
		case Unsure:
			doubt = "where from= of the key admits is not known: there are too many such lists"
		}
	}
	if v, ok := k.Option("expiry-time"); ok {
		end, known := expiry(v)
		switch {
		case !known:
			return No, "expiry-time= of the key cannot be read, so sshd skips it"
		case end.Before(time.Unix(w.Today*86400, 0)):
			return No, "the key has expired"
		}
	}
	if k.CA() {
		if no := w.authority(p, k); no != "" {
			return No, no
		}
		return verdict(doubt)
	}
	if strings.HasSuffix(k.Type, "-cert-v01@openssh.com") {
		return No, "certificates do not belong into authorized_keys"
	}
	if k.Type == "ssh-rsa" {
		if least, err := strconv.Atoi(p.set.Get("RequiredRSASize").First()); err == nil && k.Bits < least {
			return No, "the RSA key is shorter than RequiredRSASize"
		}
	}
	if !p.accepts(signatures(k.Type)) {
		if manyECDSA(p.accepted(), k.Type) {
			switch w.bug("CVE-2026-35387") {
			case Unsure:
				doubt = "PubkeyAcceptedAlgorithms excludes " + k.Type + ", but " + w.bugSays("CVE-2026-35387")
				return w.notRevoked(p, k, Unsure, doubt)
			case Yes:
				return w.notRevoked(p, k, Yes, "")
			}
		}
		return No, "PubkeyAcceptedAlgorithms excludes " + k.Type
	}
	v, why := verdict(doubt)
	return w.notRevoked(p, k, v, why)
}

func verdict(doubt string) (Verdict, string) {
	if doubt != "" {
		return Unsure, doubt
	}
	return Yes, ""
}

// signatures are the algorithms by which a key of a type may sign.
func signatures(typ string) []string {
	switch typ {
	case "ssh-rsa":
		return []string{"ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"}
	case "sk-ecdsa-sha2-nistp256@openssh.com":
		return []string{typ, "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"}
	}
	return []string{typ}
}

// accepts reports whether one of some signature algorithms is accepted.
func (p *policy) accepts(names []string) bool {
	list := p.accepted()
	if list == nil {
		return true
	}
	for _, n := range names {
		if list[n] {
			return true
		}
	}
	return false
}

// expiry reads YYYYMMDD[HHMM[SS]][Z]. Without Z it is the host's own time, which
// may be up to fourteen hours off; a day decides here.
func expiry(s string) (time.Time, bool) {
	s = strings.TrimSuffix(s, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(s) == len(layout) {
			t, err := time.Parse(layout, s)
			return t, err == nil
		}
	}
	return time.Time{}, false
}

// keysCommand is the door of AuthorizedKeysCommand. What it prints is not known,
// but sshd does not run what is not root's alone (misc.c, subprocess).
func (w *who) keysCommand(p *policy) term {
	v := p.keysFrom
	if v.Unknown == "" && (v.First() == "" || v.First() == "none") {
		return term{v: No}
	}
	ev := []Evidence{evidence(w.Config, "AuthorizedKeysCommand", v)}
	return w.command("AuthorizedKeysCommand", v, ev)
}

// command judges a program that sshd asks: unknown, or no where it would not run.
func (w *who) command(keyword string, v sshd.Value, ev []Evidence) term {
	program := ""
	if f := strings.Fields(v.First()); len(f) > 0 {
		program = f[0]
	}
	if v.Unknown == "" && strings.HasPrefix(program, "/") {
		for p := path.Clean(program); ; p = path.Dir(p) {
			st := w.stat(p)
			no := ""
			switch {
			case !st.Known:
			case !st.Exists:
				no = "is not there"
			case st.UID > 0:
				no = "does not belong to root"
			case st.Mode&0o022 != 0:
				no = "is writable by others than root"
			}
			if no != "" {
				return term{v: No, why: keyword + ": sshd does not run it, since " + p + " " + no, ev: ev}
			}
			if p == "/" {
				break
			}
		}
	}
	return term{v: Unsure, why: "what " + keyword + " prints is not known", ev: ev,
		settle: "on the host run " + strings.TrimSpace(program+" "+w.Name) + " as sshd would"}
}

// revoked is RevokedKeys as a whole: a file that is not there, or that sshd
// cannot read, refuses every key (auth_key_is_revoked).
func (w *who) revoked(p *policy) term {
	v := p.revokedKeys
	if v.Unknown != "" {
		return term{v: Unsure, why: "RevokedKeys may be set in what could not be read: " + v.Unknown, settle: readFiles}
	}
	for _, f := range v.Args {
		if f == "none" || f == "" {
			continue
		}
		ev := []Evidence{evidence(w.Config, "RevokedKeys", v)}
		r := w.revokedFile(f)
		switch {
		case r.missing:
			return term{v: No, why: "RevokedKeys " + f + " is not there, so every key is refused", ev: ev}
		case r.broken:
			return term{v: No, why: "RevokedKeys " + f + " cannot be read by sshd, so every key is refused", ev: ev}
		case r.list == nil:
			return term{v: Unsure, why: "which keys RevokedKeys " + f + " lists is not known", ev: ev, settle: readFiles}
		}
	}
	return term{v: Yes}
}

// revokedFile is one parsed file of RevokedKeys.
type revokedFile struct {
	list            *account.Revoked // nil: not known
	missing, broken bool
}

func (j *judge) revokedFile(name string) *revokedFile {
	if r := j.revocations[name]; r != nil {
		return r
	}
	r := &revokedFile{}
	if j.revocations == nil {
		j.revocations = map[string]*revokedFile{}
	}
	j.revocations[name] = r
	data, err := j.read(name)
	switch st := j.stat(name); {
	case st.Known && !st.Exists, errors.Is(err, fs.ErrNotExist) && !st.Exists:
		r.missing = true
	case err == nil:
		list, bad := account.ParseRevoked(data)
		if r.list = list; bad != nil {
			r.list, r.broken = nil, true
		}
	}
	return r
}

// notRevoked turns the verdict on a key into a no where RevokedKeys names it.
func (w *who) notRevoked(p *policy, k *account.Key, v Verdict, why string) (Verdict, string) {
	for _, f := range p.revokedKeys.Args {
		if f == "none" || f == "" {
			continue
		}
		if r := w.revokedFile(f); r.list != nil && r.list.Key(k) {
			return No, "RevokedKeys " + f + " names the key"
		}
	}
	return v, why
}

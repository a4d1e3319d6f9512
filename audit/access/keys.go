package access

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/account"
)

// keyFile is one parsed authorized_keys file.
type keyFile struct {
	keys   []account.Key
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
	j.files[p] = f
	return f
}

// keyTerm is whether some key or certificate opens the account; two asks for two
// different keys.
func (w *who) keyTerm(p *policy, two bool) term {
	memo := p.keys
	if two {
		memo += "2"
	}
	if t, ok := w.keys[memo]; ok {
		return t
	}
	t := w.findKeys(p, two)
	w.keys[memo] = t
	return t
}

func (w *who) findKeys(p *policy, two bool) term {
	if t := w.revoked(p); t.v == No {
		return t
	}
	var ts []term
	files := p.set.Get("AuthorizedKeysFile")
	if files.Unknown != "" {
		ts = append(ts, term{Unsure, "AuthorizedKeysFile may be set in what could not be read: " + files.Unknown, nil})
	}
	found := 0
	for i, f := range files.Args {
		if i == maxKeyFiles {
			ts = append(ts, term{v: Unsure, why: "too many AuthorizedKeysFile names"})
			break
		}
		if strings.EqualFold(f, "none") {
			continue
		}
		t, n := w.inFile(p, w.expand(f))
		found += n
		ts = append(ts, t)
	}
	if two && found < 2 {
		for i := range ts {
			if ts[i].v == Yes {
				ts[i] = term{v: No, why: "two different keys are asked for and there is one"}
			}
		}
	}
	if c := p.set.Get("AuthorizedKeysCommand"); c.Unknown != "" || c.First() != "none" && c.First() != "" {
		ts = append(ts, term{Unsure, "what AuthorizedKeysCommand prints is not known", []Evidence{evidence(w.Config, "AuthorizedKeysCommand", c)}})
	}
	ts = append(ts, w.certificates(p))
	t := some(ts...)
	if t.v == No && t.why == "" {
		t.why = "no key is there"
	}
	if r := w.revoked(p); r.v == Unsure && t.v == Yes {
		t = term{Unsure, r.why, append(t.ev, r.ev...)}
	}
	return t
}

// expand replaces the tokens of AuthorizedKeysFile (sshd_config(5), TOKENS).
func (w *who) expand(f string) string {
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		if f[i] != '%' || i+1 == len(f) {
			b.WriteByte(f[i])
			continue
		}
		i++
		switch f[i] {
		case 'h':
			b.WriteString(w.Home)
		case 'u':
			b.WriteString(w.Name)
		case 'U':
			b.WriteString(strconv.FormatInt(w.UID, 10))
		case '%':
			b.WriteByte('%')
		default:
			b.WriteString(f[i-1 : i+1])
		}
	}
	p := b.String()
	if !strings.HasPrefix(p, "/") {
		p = w.Home + "/" + p
	}
	return path.Clean(p)
}

// inFile judges one key file; n counts the keys that open the account.
func (w *who) inFile(p *policy, name string) (t term, n int) {
	f := w.keyFile(name)
	if !f.exists {
		st := w.stat(name)
		if !st.Known {
			return term{v: Unsure, why: "whether " + name + " is there is not known"}, 0
		}
		return term{v: No}, 0
	}
	var usable *account.Key
	why := ""
	for i := range f.keys {
		k := &f.keys[i]
		if reason := w.unusable(p, k); reason != "" {
			why = reason
			continue
		}
		n++
		if usable == nil {
			usable = k
		}
	}
	if usable == nil && f.err != nil {
		return term{Unsure, name + " could not be read: " + f.err.Error(), []Evidence{{Path: name, Text: "not read"}}}, 0
	}
	if usable == nil {
		t = term{v: No, why: why}
		if why != "" {
			t.ev = []Evidence{{Path: name, Text: why}}
		}
		return t, 0
	}
	t = w.trusted(p, name)
	if t.v != Yes {
		return t, 0
	}
	text := usable.Type + " " + usable.Fingerprint
	if usable.CA() {
		text = "certificate authority " + text
	}
	if from, ok := usable.Option("from"); ok {
		text += " from=" + strconv.Quote(from)
	}
	if n > 1 {
		text += " and " + strconv.Itoa(n-1) + " more"
	}
	return term{v: Yes, ev: []Evidence{{Path: name, Line: usable.Line, Text: text}}}, n
}

// unusable says why a key does not open the account; "" it does.
func (w *who) unusable(p *policy, k *account.Key) string {
	switch {
	case k.Bad != "":
		return k.Bad
	case w.UID == 0 && p.root.First() == "forced-commands-only":
		if _, ok := k.Option("command"); !ok {
			return "PermitRootLogin forced-commands-only and the key has no command="
		}
	}
	if v, ok := k.Option("expiry-time"); ok {
		if end, known := expiry(v); known && end.Before(time.Unix(w.Today*86400, 0)) {
			return "the key has expired"
		}
	}
	if k.CA() {
		return ""
	}
	if strings.HasSuffix(k.Type, "-cert-v01@openssh.com") {
		return "certificates do not belong into authorized_keys"
	}
	if k.Type == "ssh-rsa" {
		if min, err := strconv.Atoi(p.set.Get("RequiredRSASize").First()); err == nil && k.Bits < min {
			return "the RSA key is shorter than RequiredRSASize"
		}
	}
	if !w.accepted(p, k.Type) {
		return "PubkeyAcceptedAlgorithms excludes " + k.Type
	}
	return ""
}

// accepted reports whether some signature of a key type is accepted.
func (w *who) accepted(p *policy, typ string) bool {
	list := p.accepted()
	if list == nil {
		return true
	}
	names := []string{typ}
	if typ == "ssh-rsa" {
		names = append(names, "rsa-sha2-256", "rsa-sha2-512")
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

// revoked is RevokedKeys: a file that is not there refuses every key
// (auth_key_is_revoked).
func (w *who) revoked(p *policy) term {
	v := p.set.Get("RevokedKeys")
	if v.Unknown != "" {
		return term{v: Unsure, why: "RevokedKeys may be set in what could not be read: " + v.Unknown}
	}
	for _, f := range v.Args {
		if f == "none" || f == "" {
			continue
		}
		ev := []Evidence{evidence(w.Config, "RevokedKeys", v)}
		st := w.stat(f)
		switch {
		case st.Known && !st.Exists:
			return term{No, "RevokedKeys " + f + " is not there, so every key is refused", ev}
		case st.Known && st.Type == 'f' && st.Exists:
			if data, err := w.read(f); err == nil && len(strings.TrimSpace(string(data))) == 0 {
				continue
			}
		}
		return term{Unsure, "which keys RevokedKeys " + f + " lists is not evaluated", ev}
	}
	return term{v: Yes}
}

// certificates is the door of TrustedUserCAKeys.
func (w *who) certificates(p *policy) term {
	v := p.set.Get("TrustedUserCAKeys")
	if v.Unknown != "" {
		return term{v: Unsure, why: "TrustedUserCAKeys may be set in what could not be read: " + v.Unknown}
	}
	name := v.First()
	if name == "" || name == "none" {
		return term{v: No}
	}
	ev := []Evidence{evidence(w.Config, "TrustedUserCAKeys", v)}
	f := w.keyFile(name)
	switch {
	case !f.exists:
		return term{No, "TrustedUserCAKeys " + name + " is not there", ev}
	case f.err != nil && len(f.keys) == 0:
		return term{Unsure, name + " could not be read", ev}
	}
	any := false
	for i := range f.keys {
		any = any || f.keys[i].Bad == ""
	}
	if !any && f.err != nil {
		return term{Unsure, name + " could not be read whole", ev}
	}
	if !any {
		return term{No, "TrustedUserCAKeys " + name + " holds no key", ev}
	}
	if w.UID == 0 && p.root.First() == "forced-commands-only" {
		return term{Unsure, "whether a certificate carries a forced command is not known", ev}
	}
	command := p.set.Get("AuthorizedPrincipalsCommand")
	if command.First() != "none" && command.First() != "" {
		return term{Unsure, "what AuthorizedPrincipalsCommand prints is not known", ev}
	}
	pf := p.set.Get("AuthorizedPrincipalsFile")
	if n := pf.First(); n != "" && n != "none" {
		file := w.expand(n)
		data, err := w.read(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return term{No, "AuthorizedPrincipalsFile " + file + " is not there for " + w.Name, ev}
		case err != nil:
			return term{Unsure, file + " could not be read", ev}
		case !hasPrincipal(data):
			return term{No, "AuthorizedPrincipalsFile " + file + " names nobody", ev}
		}
		if t := w.trusted(p, file); t.v != Yes {
			return t
		}
	}
	ev[0].Text += " (whoever holds a certificate of that authority)"
	return term{v: Yes, ev: ev}
}

func hasPrincipal(data []byte) bool {
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			return true
		}
	}
	return false
}

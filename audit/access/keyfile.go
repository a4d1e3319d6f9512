package access

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

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

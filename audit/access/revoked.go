package access

import (
	"errors"
	"io/fs"

	"github.com/postern-ssh/postern/audit/account"
)

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

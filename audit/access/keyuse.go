package access

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/account"
)

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

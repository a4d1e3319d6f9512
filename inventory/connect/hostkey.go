package connect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// hostKeyError is a host key that is not accepted.
type hostKeyError struct {
	text, hint string
}

func (e *hostKeyError) Error() string { return e.text }

func (e *hostKeyError) Unwrap() error { return ErrHostKey }

// checkHostKey decides about the key that a server has proven to hold, by what
// is known of the host. nil means accepted; learn means that the key is new and
// the policy lets it be learnt.
func (d *Dialer) checkHostKey(t target, k known, key ssh.PublicKey) (learn bool, err error) {
	shown := key.Type() + " " + ssh.FingerprintSHA256(key)
	if cert, ok := key.(*ssh.Certificate); ok {
		shown = fmt.Sprintf("certificate %s for %s %s", quote(cert.KeyId), cert.Key.Type(), ssh.FingerprintSHA256(cert.Key))
		if r, ok := d.known.isRevoked(cert.Key, cert.SignatureKey); ok {
			return false, revokedError(shown, r)
		}
		for _, ca := range k.cas {
			if ca.blob == string(cert.SignatureKey.Marshal()) {
				return false, checkCertificate(t.host, shown, ca, cert)
			}
		}
		// OpenSSH: "No matching CA found. Retry with plain key".
		key = cert.Key
	} else if r, ok := d.known.isRevoked(key); ok {
		return false, revokedError(shown, r)
	}
	blob := string(key.Marshal())
	for _, l := range k.keys {
		if l.blob == blob {
			return false, nil
		}
	}
	switch {
	case len(k.keys) > 0 && !k.loose:
		return false, changedError(t, shown, k.keys)
	case len(k.cas) > 0:
		return false, &hostKeyError{
			text: fmt.Sprintf("host key %s: %s wants a certificate of %s", shown, k.cas[0].pos(), k.cas[0].fingerprint()),
			hint: "let that authority sign the host's key, or add a line for the plain key to known_hosts",
		}
	case d.opt.Policy == AcceptNew:
		return true, nil
	}
	return false, &hostKeyError{
		text: "host key " + shown + " is not known",
		hint: "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then log in once with ssh, or use --host-key-policy accept-new",
	}
}

func revokedError(shown string, r knownLine) error {
	return &hostKeyError{
		text: fmt.Sprintf("host key %s is revoked: %s has %s", shown, r.pos(), r.fingerprint()),
		hint: "whoever answers there holds a key that was given up: do not log in; give the host a new key",
	}
}

func changedError(t target, shown string, keys []knownLine) error {
	var have []string
	for i, l := range keys {
		if i == 4 {
			have = append(have, fmt.Sprintf("%d more", len(keys)-i))
			break
		}
		have = append(have, l.fingerprint()+" ("+l.pos()+")")
	}
	return &hostKeyError{
		text: fmt.Sprintf("host key changed: known is %s, shown is %s", strings.Join(have, ", "), shown),
		hint: fmt.Sprintf("someone may be in between. Ask the host's owner; only if the change is right: ssh-keygen -R '%s' -f %s", t.address(), keys[0].file),
	}
}

// checkCertificate checks a certificate of an authority that is trusted for the
// host. Principals may hold wildcards, as OpenSSH allows in host certificates.
func checkCertificate(host, shown string, ca knownLine, cert *ssh.Certificate) error {
	bad := func(why string) error {
		return &hostKeyError{
			text: fmt.Sprintf("host key %s (authority %s): %s", shown, ca.pos(), why),
			hint: "let the authority sign the host's key anew",
		}
	}
	if cert.CertType != ssh.HostCert {
		return bad("it is a user's certificate")
	}
	if f := cert.Signature.Format; f == ssh.KeyAlgoRSA || f == dsa {
		return bad("the authority signed with SHA-1")
	}
	principal := strings.ToLower(host)
	for _, p := range cert.ValidPrincipals {
		if glob(strings.ToLower(p), principal) {
			principal = p
			break
		}
	}
	var checker ssh.CertChecker
	if err := checker.CheckCert(principal, cert); err != nil {
		return bad(certFault(host, cert, err))
	}
	return nil
}

// certFault says in words why a certificate does not hold.
func certFault(host string, cert *ssh.Certificate, err error) string {
	now := uint64(time.Now().Unix())
	switch {
	case cert.ValidBefore != ssh.CertTimeInfinity && now >= cert.ValidBefore:
		return "it ended on " + time.Unix(int64(cert.ValidBefore), 0).UTC().Format(time.DateOnly)
	case now < cert.ValidAfter:
		return "it is not valid yet"
	case len(cert.ValidPrincipals) > 0 && strings.Contains(err.Error(), "principal"):
		return fmt.Sprintf("it is for %s, not for %s", quote(strings.Join(cert.ValidPrincipals, ", ")), quote(host))
	}
	return quote(err.Error())
}

// isRevoked reports whether one of the keys is marked @revoked, for whatever host.
func (k *knownHosts) isRevoked(keys ...ssh.PublicKey) (knownLine, bool) {
	if len(k.revoked) == 0 {
		return knownLine{}, false
	}
	for _, key := range keys {
		if l, ok := k.revoked[string(key.Marshal())]; ok {
			return l, true
		}
	}
	return knownLine{}, false
}

// noCommonHostKey explains why a server that is known offered nothing that
// could be checked against what is known; nil where known_hosts is not the reason.
func noCommonHostKey(t target, k known, offered []string) *hostKeyError {
	if k.empty() || k.loose {
		return nil
	}
	var have []string
	lines := slices.Concat(k.keys, k.cas)
	for _, l := range lines {
		what := l.typ
		switch {
		case l.ca:
			what = "a certificate of " + l.fingerprint()
		case !l.usable:
			what += ", which this client cannot check"
		}
		have = append(have, what+" ("+l.pos()+")")
		if len(have) == 4 {
			break
		}
	}
	return &hostKeyError{
		text: fmt.Sprintf("no host key that is known: known is %s, the server offers %s", strings.Join(have, ", "), quoteNames(offered)),
		hint: fmt.Sprintf("ask the host's owner which key it should have; only if a new kind of key is right: ssh-keygen -R '%s' -f %s", t.address(), lines[0].file),
	}
}

// quoteNames shows a list of algorithm names that a server sent.
func quoteNames(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return quote(strings.Join(names[:min(len(names), 12)], ","))
}

// errLock is a known_hosts file that someone else holds for too long.
var errLock = errors.New("another program holds the lock on it")

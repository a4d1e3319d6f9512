package account

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
)

// Revoked is what a RevokedKeys file refuses (sshd_config(5)): a list of public
// keys, or a key revocation list (OpenSSH PROTOCOL.krl).
type Revoked struct {
	blobs, sha1s, sha256s map[string]bool
	// Certificates says that single certificates are revoked, by serial or id:
	// which, cannot be told without the certificate.
	Certificates bool
}

const krlMagic = "SSHKRL\n\x00"

var errKRL = errors.New("a key revocation list that is cut short or of another form")

// ParseRevoked reads the file. An error means that sshd refuses every key with
// it, since it cannot read it either (sshkey_check_revoked).
func ParseRevoked(data []byte) (*Revoked, error) {
	r := &Revoked{blobs: map[string]bool{}, sha1s: map[string]bool{}, sha256s: map[string]bool{}}
	if bytes.HasPrefix(data, []byte(krlMagic)) {
		return r, r.krl(data[len(krlMagic):])
	}
	for _, k := range ParseKeys(data) {
		if k.Blob != nil && len(k.Options) == 0 {
			r.blobs[string(k.Blob)] = true
		}
	}
	return r, nil
}

// krl reads what stands behind the magic: version, number, date, flags, two
// strings, then sections of a type and a string.
func (r *Revoked) krl(b []byte) error {
	if len(b) < 4+8*3 || binary.BigEndian.Uint32(b) != 1 {
		return errKRL
	}
	b = b[4+8*3:]
	for range 2 { // reserved, comment
		var ok bool
		if _, b, ok = cutString(b); !ok {
			return errKRL
		}
	}
	for len(b) > 0 {
		kind := b[0]
		section, rest, ok := cutString(b[1:])
		if !ok {
			return errKRL
		}
		b = rest
		var set map[string]bool
		switch kind {
		case 1: // KRL_SECTION_CERTIFICATES
			r.Certificates = true
			continue
		case 2: // KRL_SECTION_EXPLICIT_KEY
			set = r.blobs
		case 3: // KRL_SECTION_FINGERPRINT_SHA1
			set = r.sha1s
		case 4: // KRL_SECTION_SIGNATURE: all behind it are signatures
			return nil
		case 5: // KRL_SECTION_FINGERPRINT_SHA256
			set = r.sha256s
		default:
			continue
		}
		for len(section) > 0 {
			var item []byte
			if item, section, ok = cutString(section); !ok {
				return errKRL
			}
			set[string(item)] = true
		}
	}
	return nil
}

// Key reports whether a key is refused.
func (r *Revoked) Key(k *Key) bool {
	if r.blobs[string(k.Blob)] {
		return true
	}
	if len(r.sha1s) > 0 {
		if sum := sha1.Sum(k.Blob); r.sha1s[string(sum[:])] {
			return true
		}
	}
	if len(r.sha256s) > 0 {
		if sum := sha256.Sum256(k.Blob); r.sha256s[string(sum[:])] {
			return true
		}
	}
	return false
}

// Empty reports whether nothing is refused.
func (r *Revoked) Empty() bool {
	return !r.Certificates && len(r.blobs)+len(r.sha1s)+len(r.sha256s) == 0
}

// Token reports whether the private half lies in a FIDO token.
func (k *Key) Token() bool {
	return strings.HasPrefix(k.Type, "sk-") || strings.HasPrefix(k.Type, "webauthn-sk-")
}

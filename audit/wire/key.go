package wire

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Key is a public key as SSH sends it: a server's, or one of authorized_keys.
type Key struct {
	Type        string // of the blob: ssh-ed25519, ssh-rsa, ssh-rsa-cert-v01@openssh.com ...
	Bits        int    // of the modulus or the curve; 0: not known
	Fingerprint string // SHA256:... as ssh-keygen prints it: of the key inside for a certificate, numbers without padding
	Status      Status // StatusUnknown for a type that is not known
	Reason      string // why, in words
	Proven      bool   // the server showed that it holds the private half
	Certificate *Certificate
}

// Weak says why the key should go; "" it may stay.
func (k Key) Weak() string {
	if k.Status == StatusWeak || k.Status == StatusBroken {
		return k.Reason
	}
	return ""
}

// Certificate is what a certificate adds to its key (OpenSSH PROTOCOL.certkeys).
type Certificate struct {
	Host        bool // a host's; else a user's
	KeyID       string
	Serial      uint64
	Principals  []string // at most 64
	ValidAfter  time.Time
	ValidBefore time.Time // zero: for ever
	CAType      string
	CA          string // fingerprint of the authority's key
}

const (
	certSuffix    = "-cert-v01@openssh.com"
	maxPrincipals = 64
	// maxBlob bounds a key blob: a certificate with an RSA key of 16384 bits on
	// both sides has less than 10 KiB.
	maxBlob = 35000
)

var errNoKey = errors.New("not a public key")

// ParseKey reads a key blob (RFC 4253, section 6.6; RFC 5656; RFC 8709; OpenSSH
// PROTOCOL.certkeys and PROTOCOL.u2f) and judges it by facts that need no
// private key: type, size, exponent, and faults of bad generators. A type that
// is not known is no error: it has type, fingerprint and StatusUnknown.
func ParseKey(blob []byte) (Key, error) {
	if len(blob) > maxBlob {
		return Key{}, fmt.Errorf("%w: %d bytes", errNoKey, len(blob))
	}
	k := Key{Type: keyType(blob), Fingerprint: fingerprint(blob)}
	if k.Type == "" {
		return k, errNoKey
	}
	c := cursor{b: blob}
	c.str()
	base, isCert := strings.CutSuffix(k.Type, certSuffix)
	if isCert {
		c.str() // nonce
		if strings.HasPrefix(base, "sk-") {
			base += "@openssh.com"
		}
	}
	inner := c.b
	known := k.fields(base, &c)
	if !known {
		k.Status, k.Reason = StatusUnknown, "a key type that the table does not know"
		return k, nil
	}
	switch {
	case c.err != nil:
	case c.padded:
		k.Fingerprint = fingerprint(canonical(base, c.numbers))
	case isCert:
		own := appendString(nil, base)
		k.Fingerprint = fingerprint(append(own, inner[:len(inner)-len(c.b)]...))
	}
	if c.err == nil && isCert {
		k.Certificate = certificate(&c)
	}
	if c.err != nil {
		return k, fmt.Errorf("%s key: %w", k.Type, c.err)
	}
	if len(c.b) > 0 {
		return k, fmt.Errorf("%s key: %d bytes follow it", k.Type, len(c.b))
	}
	return k, nil
}

// fields reads the fields of a plain key type and judges it. It reports whether
// the type is known.
func (k *Key) fields(base string, c *cursor) bool {
	switch base {
	case "ssh-rsa":
		e, n := mpint(c), mpint(c)
		if c.err == nil {
			k.Bits = n.BitLen()
			k.Status, k.Reason = judgeRSA(n, e)
		}
	case "ssh-dss":
		p := mpint(c)
		mpint(c)
		mpint(c)
		mpint(c)
		if c.err == nil {
			k.Bits = p.BitLen()
			k.Status, k.Reason = StatusBroken, "DSA: 1024 bits and SHA-1; removed from OpenSSH 10.0"
		}
	case "ssh-ed25519", "sk-ssh-ed25519@openssh.com":
		pub := c.str()
		if c.err == nil && len(pub) != 32 {
			c.err = fmt.Errorf("%d bytes, not 32", len(pub))
		}
		k.Bits, k.Status, k.Reason = 256, StatusGood, "Ed25519"
	case "ssh-ed448":
		c.str()
		k.Bits, k.Status, k.Reason = 456, StatusAcceptable, "Ed448 (RFC 8709)"
	case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com":
		k.ecdsa(base, c)
	default:
		return false
	}
	if strings.HasPrefix(base, "sk-") {
		c.str() // application
		k.Reason += ", held by a FIDO token"
	}
	return true
}

func (k *Key) ecdsa(base string, c *cursor) {
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(base, "sk-"), "ecdsa-sha2-"), "@openssh.com")
	if curve := c.str(); c.err == nil && string(curve) != name {
		c.err = fmt.Errorf("curve %.16q in a key of %s", curve, name)
	}
	point := c.str()
	var curve ecdh.Curve
	switch name {
	case "nistp256":
		k.Bits, curve = 256, ecdh.P256()
	case "nistp384":
		k.Bits, curve = 384, ecdh.P384()
	default:
		k.Bits, curve = 521, ecdh.P521()
	}
	if c.err == nil {
		if _, err := curve.NewPublicKey(point); err != nil {
			c.err = errors.New("the point is not on its curve")
		}
	}
	k.Status, k.Reason = StatusAcceptable, "ECDSA: strong, but a bad random number at any signature reveals the key"
}

// certificate reads what follows the key's own fields.
func certificate(c *cursor) *Certificate {
	cert := &Certificate{Serial: c.uint64(), Host: c.uint32() == 2}
	id := c.str()
	cert.KeyID = string(id[:min(len(id), 256)])
	names := cursor{b: c.str()}
	for len(names.b) > 0 && names.err == nil && len(cert.Principals) < maxPrincipals {
		if p := names.str(); names.err == nil {
			cert.Principals = append(cert.Principals, string(p))
		}
	}
	if c.err == nil && names.err != nil {
		c.err = names.err
	}
	cert.ValidAfter = certTime(c.uint64())
	cert.ValidBefore = certTime(c.uint64())
	c.str() // critical options
	c.str() // extensions
	c.str() // reserved
	ca := c.str()
	c.str() // signature
	cert.CAType, cert.CA = keyType(ca), fingerprint(ca)
	return cert
}

// certTime turns seconds since 1970 into a time; the greatest number means for
// ever, and what time.Time cannot tell from it is treated alike.
func certTime(s uint64) time.Time {
	if s > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

func fingerprint(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = appendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// mpint reads a multiple precision integer; a negative one is an error. Leading
// zeros beyond the one that keeps it positive break RFC 4251, section 5, and are
// taken all the same, as OpenSSH takes them.
func mpint(c *cursor) *big.Int {
	b := c.str()
	if c.err == nil && len(b) > 0 && b[0]&0x80 != 0 {
		c.err = errors.New("a negative number")
	}
	n := bytes.TrimLeft(b, "\x00")
	want := len(n)
	if want > 0 && n[0]&0x80 != 0 {
		want++
	}
	c.padded = c.padded || len(b) != want
	c.numbers = append(c.numbers, n)
	return new(big.Int).SetBytes(n)
}

// canonical writes a key whose numbers were padded as everyone else does, so
// that one key has one fingerprint.
func canonical(keyType string, numbers [][]byte) []byte {
	out := appendString(nil, keyType)
	for _, n := range numbers {
		if len(n) > 0 && n[0]&0x80 != 0 {
			n = append([]byte{0}, n...)
		}
		out = appendString(out, n)
	}
	return out
}

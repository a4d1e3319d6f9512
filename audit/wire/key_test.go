package wire

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
)

func rsaBlob(n, e *big.Int) []byte {
	return ssh.Marshal(struct {
		T    string
		E, N *big.Int
	}{"ssh-rsa", e, n})
}

func bigPrime(t testing.TB, bits int) *big.Int {
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rocaModulus makes a modulus as Infineon's library did: primes k·M +
// (65537^a mod M), M the product of the first primes.
func rocaModulus(t testing.TB) *big.Int {
	m := big.NewInt(1)
	for p := int64(2); p <= 167; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
		}
	}
	prime := func() *big.Int {
		for {
			k, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(1024-m.BitLen())))
			a, _ := rand.Int(rand.Reader, big.NewInt(1<<40))
			p := new(big.Int).Exp(big.NewInt(65537), a, m)
			p.Add(p, k.Mul(k, m))
			if p.BitLen() > 1000 && p.ProbablyPrime(10) {
				return p
			}
		}
	}
	return new(big.Int).Mul(prime(), prime())
}

func TestRSA(t *testing.T) {
	f4 := big.NewInt(65537)
	p, q := bigPrime(t, 1024), bigPrime(t, 1024)
	n2048 := new(big.Int).Mul(p, q)
	next := new(big.Int).Add(p, big.NewInt(1000))
	for !next.ProbablyPrime(10) {
		next.Add(next, big.NewInt(1))
	}
	for _, tc := range []struct {
		name string
		n, e *big.Int
		want Status
		why  string
	}{
		{"3072", new(big.Int).Mul(bigPrime(t, 1536), bigPrime(t, 1536)), f4, StatusGood, "RSA of 3072 bits"},
		{"2048", n2048, f4, StatusAcceptable, "RSA of 2048 bits: about 112 bits of strength, which NIST ends in 2030"},
		{"1024", new(big.Int).Mul(bigPrime(t, 512), bigPrime(t, 512)), f4, StatusBroken, "RSA of 1024 bits is within reach of an attacker with means"},
		{"768", new(big.Int).Mul(bigPrime(t, 384), bigPrime(t, 384)), f4, StatusBroken, "RSA of 768 bits can be factored at home"},
		{"exponent 1", n2048, big.NewInt(1), StatusBroken, "RSA exponent 1: signatures prove nothing"},
		{"exponent 0", n2048, big.NewInt(0), StatusBroken, "RSA exponent 0: signatures prove nothing"},
		{"exponent 3", n2048, big.NewInt(3), StatusWeak, "RSA of 2048 bits with exponent 3, which forgives no fault in padding checks"},
		{"even exponent", n2048, big.NewInt(65536), StatusBroken, "RSA with an even exponent is no key"},
		{"even modulus", new(big.Int).Lsh(n2048, 1), f4, StatusBroken, "RSA modulus is even"},
		{"small factor", new(big.Int).Mul(n2048, big.NewInt(4093)), f4, StatusBroken, "RSA modulus is divisible by 4093"},
		{"close primes", new(big.Int).Mul(p, next), f4, StatusBroken, "RSA primes lie close together: Fermat's method factors the modulus at once"},
		{"a square", new(big.Int).Mul(p, p), f4, StatusBroken, "RSA primes lie close together: Fermat's method factors the modulus at once"},
		{"ROCA", rocaModulus(t), f4, StatusBroken, "RSA modulus has the form of Infineon's faulty generator (ROCA, CVE-2017-15361)"},
		{"no modulus", big.NewInt(0), f4, StatusBroken, "RSA of 0 bits can be factored at home"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, err := ParseKey(rsaBlob(tc.n, tc.e))
			if err != nil {
				t.Fatal(err)
			}
			if k.Status != tc.want || k.Reason != tc.why || k.Bits != tc.n.BitLen() {
				t.Errorf("%s, %q, %d bits", k.Status, k.Reason, k.Bits)
			}
			if weak := k.Weak() != ""; weak != (tc.want == StatusWeak || tc.want == StatusBroken) {
				t.Errorf("Weak() = %q", k.Weak())
			}
		})
	}
}

// The test for ROCA must pass no honest key: 2^-27.8 is its chance to fail.
func TestHonestModuli(t *testing.T) {
	for range 20 {
		n := new(big.Int).Mul(bigPrime(t, 512), bigPrime(t, 512))
		if why := brokenRSA(n, big.NewInt(65537)); why != "" {
			t.Errorf("%x: %s", n, why)
		}
	}
}

func sshKeys(t testing.TB) map[string]ssh.PublicKey {
	out := map[string]ssh.PublicKey{}
	add := func(name string, key any) {
		pub, err := ssh.NewPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = pub
	}
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	add("ed25519", ed)
	for name, c := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		k, _ := ecdsa.GenerateKey(c, rand.Reader)
		add(name, &k.PublicKey)
	}
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	add("rsa", &r.PublicKey)
	return out
}

func TestParseKey(t *testing.T) {
	bits := map[string]int{"ed25519": 256, "p256": 256, "p384": 384, "p521": 521, "rsa": 2048}
	_, caPriv, _ := ed25519.GenerateKey(rand.Reader)
	ca, _ := ssh.NewSignerFromKey(caPriv)
	for name, pub := range sshKeys(t) {
		t.Run(name, func(t *testing.T) {
			k, err := ParseKey(pub.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if k.Type != pub.Type() || k.Bits != bits[name] || k.Fingerprint != ssh.FingerprintSHA256(pub) || k.Status == StatusUnknown || k.Weak() != "" {
				t.Errorf("%+v", k)
			}
			cert := &ssh.Certificate{
				Key: pub, CertType: ssh.HostCert, KeyId: "web1", Serial: 7, ValidPrincipals: []string{"web1", "*.example"},
				ValidAfter: 1700000000, ValidBefore: ssh.CertTimeInfinity,
			}
			if err := cert.SignCert(rand.Reader, ca); err != nil {
				t.Fatal(err)
			}
			c, err := ParseKey(cert.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			want := &Certificate{
				Host: true, KeyID: "web1", Serial: 7, Principals: []string{"web1", "*.example"},
				ValidAfter: time.Unix(1700000000, 0).UTC(), CAType: "ssh-ed25519", CA: ssh.FingerprintSHA256(ca.PublicKey()),
			}
			if d := cmp.Diff(want, c.Certificate); d != "" {
				t.Error(d)
			}
			if c.Fingerprint != k.Fingerprint || c.Bits != k.Bits || c.Status != k.Status {
				t.Errorf("the certificate's key %+v differs from the key %+v", c, k)
			}
		})
	}
}

func TestParseKeyFaults(t *testing.T) {
	ed := ed25519Blob()
	p256 := appendString(appendString(nil, "ecdsa-sha2-nistp256"), "nistp256")
	for _, tc := range []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, "not a public key"},
		{"no type", []byte{0, 0, 0, 0}, "not a public key"},
		{"type with a control byte", appendString(nil, "ssh\x1bed"), "not a public key"},
		{"huge", make([]byte, maxBlob+1), "not a public key: 35001 bytes"},
		{"cut", ed[:20], "ssh-ed25519 key: ends in the middle of a field"},
		{"tail", append(ed, 1), "ssh-ed25519 key: 1 bytes follow it"},
		{"short ed25519", appendString(appendString(nil, "ssh-ed25519"), "x"), "ssh-ed25519 key: 1 bytes, not 32"},
		{"point off its curve", appendString(p256, append([]byte{4}, make([]byte, 64)...)), "ecdsa-sha2-nistp256 key: the point is not on its curve"},
		{"other curve", appendString(appendString(appendString(nil, "ecdsa-sha2-nistp256"), "nistp521"), "x"), `ecdsa-sha2-nistp256 key: curve "nistp521" in a key of nistp256`},
		{"negative modulus", appendString(appendString(appendString(nil, "ssh-rsa"), "\x03"), "\x80"), "ssh-rsa key: a negative number"},
	} {
		_, err := ParseKey(tc.in)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
	if _, err := ParseKey(nil); !errors.Is(err, errNoKey) {
		t.Error(err)
	}
}

func TestParseKeyOther(t *testing.T) {
	for name, tc := range map[string]struct {
		in   []byte
		want Status
		bits int
	}{
		"new type": {appendString(appendString(nil, "ssh-mldsa44-ed25519"), "x"), StatusUnknown, 0},
		"dsa": {ssh.Marshal(struct {
			T          string
			P, Q, G, Y *big.Int
		}{"ssh-dss", new(big.Int).Lsh(big.NewInt(1), 1023), big.NewInt(5), big.NewInt(2), big.NewInt(3)}), StatusBroken, 1024},
		"ed448":      {appendString(appendString(nil, "ssh-ed448"), strings.Repeat("x", 57)), StatusAcceptable, 456},
		"fido":       {appendString(appendString(appendString(nil, "sk-ssh-ed25519@openssh.com"), make([]byte, 32)), "ssh:"), StatusGood, 256},
		"rsa, 20000": {rsaBlob(new(big.Int).Lsh(big.NewInt(1), 20000), big.NewInt(65537)), StatusGood, 20001},
	} {
		k, err := ParseKey(tc.in)
		if err != nil || k.Status != tc.want || k.Bits != tc.bits || k.Reason == "" {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
}

// The keys of a capture are judged, and one that cannot be read is unknown.
func TestCaptureKeys(t *testing.T) {
	s, _ := Parse(Capture{HostKeys: []CapturedKey{{Blob: ed25519Blob(), Proven: true}, {Blob: []byte("junk")}}})
	want := []Key{
		{Type: "ssh-ed25519", Bits: 256, Fingerprint: fingerprint(ed25519Blob()), Status: StatusGood, Reason: "Ed25519", Proven: true},
		{Reason: "not a public key", Fingerprint: fingerprint([]byte("junk"))},
	}
	if d := cmp.Diff(want, s.HostKeys); d != "" {
		t.Error(d)
	}
}

// One key has one fingerprint, however its numbers are padded: x/crypto and
// OpenSSH write it anew before they hash it.
func TestPaddedNumbers(t *testing.T) {
	n := new(big.Int).Mul(bigPrime(t, 512), bigPrime(t, 512))
	plain := rsaBlob(n, big.NewInt(65537))
	padded := appendString(appendString(appendString(nil, "ssh-rsa"), []byte{0, 0, 1, 0, 1}), append([]byte{0, 0, 0}, n.Bytes()...))
	a, err := ParseKey(plain)
	b, err2 := ParseKey(padded)
	if err != nil || err2 != nil || a != b {
		t.Errorf("%+v, %v\n%+v, %v", a, err, b, err2)
	}
	pub, err := ssh.ParsePublicKey(padded)
	if err != nil || ssh.FingerprintSHA256(pub) != b.Fingerprint {
		t.Errorf("x/crypto says %v, %v", pub, err)
	}
}

// ParseKey never panics, agrees with x/crypto on the fingerprint of what both
// read, and accepts every key that x/crypto does among its types.
func FuzzParseKey(f *testing.F) {
	for _, k := range sshKeys(f) {
		f.Add(k.Marshal())
	}
	f.Add(ed25519Blob())
	f.Add(rsaBlob(big.NewInt(3*5), big.NewInt(3)))
	f.Fuzz(func(t *testing.T, blob []byte) {
		k, err := ParseKey(blob)
		pub, xerr := ssh.ParsePublicKey(blob)
		if xerr != nil {
			return
		}
		// x/crypto lets negative numbers pass.
		if err != nil && !strings.HasSuffix(err.Error(), "a negative number") && k.Type != ssh.CertAlgoRSAv01 && pub.Type() != "ssh-dss" {
			t.Fatalf("x/crypto reads a %s, here: %v", pub.Type(), err)
		}
		if _, cert := pub.(*ssh.Certificate); err == nil && !cert && k.Fingerprint != ssh.FingerprintSHA256(pub) {
			t.Fatalf("fingerprint %s of %s", k.Fingerprint, ssh.FingerprintSHA256(pub))
		}
	})
}

func BenchmarkParseKeyRSA4096(b *testing.B) {
	n := new(big.Int).Mul(bigPrime(b, 2048), bigPrime(b, 2048))
	blob := rsaBlob(n, big.NewInt(65537))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseKey(blob); err != nil {
			b.Fatal(err)
		}
	}
}

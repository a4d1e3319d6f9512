package wire

// hostKeyTable judges signature algorithms, of hosts and of users. What depends
// on a key's size is judged with the key: see [ParseKey].
func hostKeyTable() []entry {
	const (
		g, a, w, x = StatusGood, StatusAcceptable, StatusWeak, StatusBroken

		cert  = "-cert-v01@openssh.com"
		rsa   = "RSA with SHA-2; the size of the key decides"
		ecdsa = "ECDSA over a NIST curve: strong, but a bad random number at any signature reveals the key"
		fido  = "held by a FIDO token"
		sha1  = "signs with SHA-1, for which chosen-prefix collisions are affordable; off in OpenSSH since 8.8"
		dsa   = "DSA: 1024 bits and SHA-1; removed from OpenSSH 10.0"
		v00   = "certificate format of 2010, removed from OpenSSH 7.0"
		mldsa = "post-quantum signature (FIPS 204)"
		x509  = "X.509 certificate (RFC 6187)"
		odd   = "unusual here"
	)
	return []entry{
		{"ssh-ed25519", g, "Ed25519"},
		{"ssh-ed25519" + cert, g, "Ed25519 certificate"},
		{"rsa-sha2-512", a, rsa},
		{"rsa-sha2-256", a, rsa},
		{"rsa-sha2-512" + cert, a, rsa},
		{"rsa-sha2-256" + cert, a, rsa},
		{"ecdsa-sha2-nistp256", a, ecdsa},
		{"ecdsa-sha2-nistp384", a, ecdsa},
		{"ecdsa-sha2-nistp521", a, ecdsa},
		{"ecdsa-sha2-nistp256" + cert, a, ecdsa},
		{"ecdsa-sha2-nistp384" + cert, a, ecdsa},
		{"ecdsa-sha2-nistp521" + cert, a, ecdsa},
		{"sk-ssh-ed25519@openssh.com", g, "Ed25519, " + fido},
		{"sk-ssh-ed25519" + cert, g, "Ed25519, " + fido},
		{"sk-ecdsa-sha2-nistp256@openssh.com", g, "ECDSA, " + fido},
		{"sk-ecdsa-sha2-nistp256" + cert, g, "ECDSA, " + fido},
		{"webauthn-sk-ecdsa-sha2-nistp256@openssh.com", a, "ECDSA, " + fido + " behind a browser"},
		{"webauthn-sk-ecdsa-sha2-nistp256" + cert, a, "ECDSA, " + fido + " behind a browser"},
		{"ssh-mldsa44-ed25519@openssh.com", a, "experimental name of OpenSSH 10.4 and 10.5"},
		{"ssh-mldsa44-ed25519" + cert, a, "experimental name of OpenSSH 10.4 and 10.5"},
		{"ssh-mldsa44-ed25519", g, mldsa + " and Ed25519 together"},
		{"ssh-mldsa44-ed25519-cert", g, mldsa + " and Ed25519 together"},
		{"ssh-mldsa-44", a, mldsa},
		{"ssh-mldsa-65", a, mldsa},
		{"ssh-mldsa-87", a, mldsa},
		{"ssh-rsa", w, sha1},
		{"ssh-rsa" + cert, w, sha1},
		{"ssh-dss", x, dsa},
		{"ssh-dss" + cert, x, dsa},
		{"ssh-rsa-cert-v00@openssh.com", x, v00},
		{"ssh-dss-cert-v00@openssh.com", x, v00},
		{"ssh-xmss@openssh.com", w, "experiment, never built by default"},
		{"ssh-xmss" + cert, w, "experiment, never built by default"},
		{"ssh-ed448", a, "Ed448 (RFC 8709)"},
		{"x509v3-rsa2048-sha256", a, x509},
		{"x509v3-ecdsa-sha2-nistp256", a, x509},
		{"x509v3-ecdsa-sha2-nistp384", a, x509},
		{"x509v3-ecdsa-sha2-nistp521", a, x509},
		{"x509v3-sign-rsa", w, x509 + " that signs with SHA-1"},
		{"x509v3-ssh-rsa", w, x509 + " that signs with SHA-1"},
		{"x509v3-sign-rsa-sha1", w, x509 + " that signs with SHA-1"},
		{"x509v3-sign-dss", x, dsa},
		{"x509v3-ssh-dss", x, dsa},
		{"x509v3-sign-dss-sha1", x, dsa},
		{"spki-sign-rsa", w, "obsolete (RFC 4253)"},
		{"spki-sign-dss", x, dsa},
		{"pgp-sign-rsa", w, "obsolete (RFC 4253)"},
		{"pgp-sign-dss", x, dsa},
		{"ssh-dss-sha*@ssh.com", x, "DSA with 1024 bits"},
		{"ssh-rsa-sha224@ssh.com", a, "Tectia's name for RSA with SHA-2"},
		{"ssh-rsa-sha256@ssh.com", a, "Tectia's name for RSA with SHA-2"},
		{"ssh-rsa-sha384@ssh.com", a, "Tectia's name for RSA with SHA-2"},
		{"ssh-rsa-sha512@ssh.com", a, "Tectia's name for RSA with SHA-2"},
		{"ssh-gost2001", w, odd},
		{"ssh-gost2012-256", w, odd},
		{"ssh-gost2012-512", w, odd},
		{"ecdsa-sha2-1.3.132.0.10", w, "the curve secp256k1"},
		{"ecdsa-sha2-nistp192", w, "a small curve"},
		{"ecdsa-sha2-nistp224", w, "a small curve"},
		{"ecdsa-sha2-nistk*", w, odd},
		{"ecdsa-sha2-nistb*", w, odd},
		{"dsa*@libassh.org", x, "DSA under a private name"},
		{"eddsa-e*@libassh.org", w, odd},
		{"null", x, "no host authentication at all"},
	}
}

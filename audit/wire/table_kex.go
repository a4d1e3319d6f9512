package wire

// kexTable judges key exchanges. RFC 9142 is the IETF's own guidance; what
// OpenSSH offers by default is from its sources, 4.3p1 to 10.5p1.
func kexTable() []entry {
	const (
		g, a, w, x = StatusGood, StatusAcceptable, StatusWeak, StatusBroken

		classic = "strong today; no protection against a later quantum computer"
		nist    = "NIST curve: accepted by NIST, BSI, ANSSI, CIS and STIG; no protection against a later quantum computer"
		size    = "finite field; costs the server CPU that anyone may ask for (DHEat, CVE-2002-20001)"
		sha1    = "SHA-1 in the key exchange (RFC 9142)"
		oakley  = "1024-bit group, within reach of precomputation (Logjam, CVE-2015-4000; RFC 9142: MUST NOT)"
		kyber   = "a draft of Kyber that ML-KEM replaced (FIPS 203)"
		odd     = "an unusual exchange that nobody reviews"
		curve   = "a small or unusual curve"
		gss     = "GSSAPI key exchange (RFC 8732)"
	)
	return []entry{
		{"mlkem768x25519-sha256", g, "hybrid of ML-KEM-768 and X25519: safe against a later quantum computer"},
		{"sntrup761x25519-sha512", g, "hybrid of NTRU Prime and X25519: safe against a later quantum computer"},
		{"sntrup761x25519-sha512@openssh.com", g, "hybrid of NTRU Prime and X25519: safe against a later quantum computer"},
		{"mlkem768nistp256-sha256", g, "hybrid of ML-KEM-768 and P-256: safe against a later quantum computer"},
		{"mlkem1024nistp384-sha384", g, "hybrid of ML-KEM-1024 and P-384: safe against a later quantum computer"},
		{"curve25519-sha256", a, classic},
		{"curve25519-sha256@libssh.org", a, classic},
		{"curve448-sha512", a, classic + " (RFC 8731)"},
		{"ecdh-sha2-nistp256", a, nist},
		{"ecdh-sha2-nistp384", a, nist},
		{"ecdh-sha2-nistp521", a, nist},
		{"diffie-hellman-group18-sha512", a, "8192-bit group, " + size},
		{"diffie-hellman-group17-sha512", a, "6144-bit group, " + size},
		{"diffie-hellman-group16-sha512", a, "4096-bit group, " + size},
		{"diffie-hellman-group15-sha512", a, "3072-bit group, " + size},
		{"diffie-hellman-group14-sha256", a, "2048-bit group: about 112 bits of strength, which NIST ends in 2030"},
		{"diffie-hellman-group-exchange-sha256", a, "as strong as the smallest group in the server's moduli file"},
		{"diffie-hellman-group14-sha1", w, sha1 + "; off in sshd since 8.2"},
		{"diffie-hellman-group-exchange-sha1", w, sha1 + ": SHOULD NOT; off in sshd since 6.7"},
		{"diffie-hellman-group1-sha1", x, oakley},
		{"diffie-hellman-group1-sha256", x, oakley},
		{"rsa1024-sha1", x, "a 1024-bit key for transport (RFC 9142: MUST NOT)"},
		{"rsa2048-sha256", w, "RSA key transport without full forward secrecy (RFC 4432)"},
		{"sntrup4591761x25519-sha512@tinyssh.org", w, "a parameter set that was withdrawn"},
		{"ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org", w, kyber},
		{"ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org", w, kyber},
		{"ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org", w, kyber},
		{"x25519-kyber-512r3-sha256-d00@amazon.com", w, kyber},
		{"x25519-kyber512-sha512@aws.amazon.com", w, kyber},
		{"ecdh-sha2-brainpoolp256r1@genua.de", a, "Brainpool curve"},
		{"ecdh-sha2-brainpoolp384r1@genua.de", a, "Brainpool curve"},
		{"ecdh-sha2-brainpoolp521r1@genua.de", a, "Brainpool curve"},
		{"ecdh-sha2-nistp224", w, curve},
		{"ecdh-sha2-nistp192", w, curve},
		{"ecdh-sha2-nistk*", w, curve},
		{"ecdh-sha2-nistb*", w, curve},
		{"ecdh-sha2-nistt*", w, curve},
		{"ecdh-sha2-1.3.132.0.10", w, "the curve secp256k1"},
		{"ecdh-sha2-1.*", w, curve},
		{"ecmqv-sha2", w, odd},
		{"sm2kep-sha2-nistp256", w, odd},
		{"m383-sha384@libassh.org", w, odd},
		{"m511-sha512@libassh.org", w, odd},
		{"gss-nistp256-*", a, gss + " over a NIST curve"},
		{"gss-nistp384-*", a, gss + " over a NIST curve"},
		{"gss-nistp521-*", a, gss + " over a NIST curve"},
		{"gss-curve25519-sha256-*", a, gss},
		{"gss-curve448-sha512-*", a, gss},
		{"gss-group14-sha256-*", a, gss + " over a 2048-bit group"},
		{"gss-group15-sha512-*", a, gss},
		{"gss-group16-sha512-*", a, gss},
		{"gss-group17-sha512-*", a, gss},
		{"gss-group18-sha512-*", a, gss},
		{"gss-gex-sha256-*", a, gss},
		{"gss-gex-sha1-*", w, gss + " with SHA-1"},
		{"gss-group14-sha1-*", w, gss + " with SHA-1"},
		{"gss-group1-sha1-*", x, gss + " over a 1024-bit group"},
		{"diffie-hellman-group1-sha*@ssh.com", x, oakley},
		{"diffie-hellman-group*-sha1@ssh.com", w, sha1},
		{"diffie-hellman-group*@ssh.com", a, "Tectia's name for a finite field exchange"},
	}
}

package wire

// macTable judges MACs. They are of no interest where every cipher offered is
// authenticated: see [Server.Summary].
func macTable() []entry {
	const (
		g, a, w, x = StatusGood, StatusAcceptable, StatusWeak, StatusBroken

		etm   = "encrypt-then-MAC"
		eam   = "encrypt-and-MAC; the -etm form is better"
		tag   = "64-bit tag"
		cut   = "truncated tag"
		sha1  = "HMAC-SHA1: not broken as a MAC; NIST ends SHA-1 in 2030 (SP 800-131A)"
		md5   = "MD5"
		ripe  = "RIPEMD-160, obsolete; removed from OpenSSH 7.6"
		rare  = "an unusual MAC"
		plain = "a bare hash is no MAC"
	)
	return []entry{
		{"hmac-sha2-512-etm@openssh.com", g, etm},
		{"hmac-sha2-256-etm@openssh.com", g, etm},
		{"umac-128-etm@openssh.com", g, etm},
		{"hmac-sha2-512", a, eam},
		{"hmac-sha2-256", a, eam},
		{"umac-128@openssh.com", a, eam},
		{"umac-64-etm@openssh.com", w, tag},
		{"umac-64@openssh.com", w, tag},
		{"hmac-sha1-etm@openssh.com", a, sha1},
		{"hmac-sha1", a, sha1},
		{"hmac-sha1-96", w, cut},
		{"hmac-sha1-96-etm@openssh.com", w, cut},
		{"hmac-sha2-256-96", w, cut},
		{"hmac-sha2-512-96", w, cut},
		{"hmac-sha256-96@ssh.com", w, cut},
		{"hmac-md5", x, md5},
		{"hmac-md5-96", x, md5 + ", " + cut},
		{"hmac-md5-etm@openssh.com", x, md5},
		{"hmac-md5-96-etm@openssh.com", x, md5 + ", " + cut},
		{"hmac-ripemd160", w, ripe},
		{"hmac-ripemd160@openssh.com", w, ripe},
		{"hmac-ripemd160-etm@openssh.com", w, ripe},
		{"hmac-ripemd", w, ripe},
		{"hmac-sha2-224", a, rare},
		{"hmac-sha2-384", a, rare},
		{"hmac-sha3-*", a, rare},
		{"hmac-whirlpool", a, rare},
		{"hmac-sha256@ssh.com", a, rare},
		{"hmac-sha384@ssh.com", a, rare},
		{"hmac-sha512@ssh.com", a, rare},
		{"hmac-sha256-2@ssh.com", a, rare},
		{"umac-32@openssh.com", w, "32-bit tag"},
		{"umac-96@openssh.com", w, cut},
		{"cbcmac-*", w, rare + " that nobody reviews here"},
		{"crypticore-mac@ssh.com", w, rare + " that nobody reviews here"},
		{"AEAD_AES_128_GCM", a, "goes with the cipher of that name (RFC 5647)"},
		{"AEAD_AES_256_GCM", a, "goes with the cipher of that name (RFC 5647)"},
		{"md5", x, plain},
		{"md5-8", x, plain},
		{"sha1", x, plain},
		{"sha1-8", x, plain},
		{"ripemd160", x, plain},
		{"ripemd160-8", x, plain},
		{"none", x, "no integrity"},
	}
}

package wire

// cipherTable judges ciphers.
func cipherTable() []entry {
	const (
		g, a, w, x = StatusGood, StatusAcceptable, StatusWeak, StatusBroken

		ctr     = "counter mode; needs a MAC"
		cbc     = "CBC: plaintext recovery (CVE-2008-5161), Terrapin with an -etm MAC; off in sshd since 6.7"
		small   = "64-bit blocks: SWEET32 (CVE-2016-2183); off in sshd since 6.7"
		rc4     = "RC4: biased keystream (RFC 8758: MUST NOT)"
		rfc5647 = "AES-GCM under the names of RFC 5647, whose negotiation is ambiguous"
		rare    = "an unusual cipher"
		odd     = "an unusual cipher that nobody reviews here"
	)
	return []entry{
		{chacha, g, "authenticated encryption; needs strict key exchange (Terrapin)"},
		{"aes256-gcm@openssh.com", g, "authenticated encryption"},
		{"aes128-gcm@openssh.com", g, "authenticated encryption"},
		{"aes256-ctr", a, ctr},
		{"aes192-ctr", a, ctr},
		{"aes128-ctr", a, ctr},
		{"AEAD_AES_128_GCM", a, rfc5647},
		{"AEAD_AES_256_GCM", a, rfc5647},
		{"aes128-gcm", a, rfc5647},
		{"aes256-gcm", a, rfc5647},
		{"aes256-cbc", w, cbc},
		{"aes192-cbc", w, cbc},
		{"aes128-cbc", w, cbc},
		{"rijndael-cbc@lysator.liu.se", w, cbc},
		{"rijndael128-cbc", w, cbc},
		{"rijndael192-cbc", w, cbc},
		{"rijndael256-cbc", w, cbc},
		{"3des-cbc", x, small + "; NIST ended it in 2023 (SP 800-131A)"},
		{"3des-ctr", x, small + "; NIST ended it in 2023 (SP 800-131A)"},
		{"3des-cfb", x, small},
		{"3des-ecb", x, small},
		{"3des-ofb", x, small},
		{"arcfour", x, rc4},
		{"arcfour128", x, rc4},
		{"arcfour256", x, rc4},
		{"blowfish-*", x, small},
		{"cast128-*", x, small},
		{"idea-*", x, small},
		{"seed-*@ssh.com", w, rare + " in CBC mode"},
		{"des-cbc", x, "56-bit key"},
		{"des-cbc@ssh.com", x, "56-bit key"},
		{"des-cbc-ssh1", x, "56-bit key"},
		{"des", x, "56-bit key"},
		{"twofish*-cbc", w, cbc},
		{"twofish-cbc", w, cbc},
		{"serpent*-cbc", w, cbc},
		{"camellia*-cbc", w, cbc},
		{"camellia*-cbc@openssh.org", w, cbc},
		{"twofish*-ctr", a, rare + "; needs a MAC"},
		{"serpent*-ctr", a, rare + "; needs a MAC"},
		{"twofish*-gcm@libassh.org", a, rare},
		{"serpent*-gcm@libassh.org", a, rare},
		{"camellia*-ctr", a, rare + "; needs a MAC"},
		{"camellia*-ctr@openssh.org", a, rare + "; needs a MAC"},
		{"AEAD_CAMELLIA_*_GCM", a, rare},
		{"aes128-ocb@libassh.org", w, odd},
		{"crypticore128@ssh.com", w, odd},
		{"grasshopper-ctr128", w, odd},
		{"acss@openssh.org", x, "a joke that was in OpenSSH 3.8 to 6.1"},
		{"none", x, "no encryption"},
	}
}

// compressionTable judges compression.
func compressionTable() []entry {
	return []entry{
		{"none", StatusGood, "no compression"},
		{"zlib@openssh.com", StatusAcceptable, "compresses after authentication only"},
		{"zlib", StatusWeak, "compresses before authentication: the decoder is open to everyone; removed from sshd 7.4"},
	}
}

package wire

import "strings"

// plain wraps a payload in an unencrypted packet.
func plain(payload []byte) []byte {
	padding := 8 - (5+len(payload))%8
	if padding < 4 {
		padding += 8
	}
	b := appendUint32(nil, uint32(1+len(payload)+padding))
	b = append(b, byte(padding))
	b = append(b, payload...)
	return append(b, make([]byte, padding)...)
}

// stream is what a server sends: a version line and packets.
func stream(version string, payloads ...[]byte) []byte {
	b := []byte(version + "\r\n")
	for _, p := range payloads {
		b = append(b, plain(p)...)
	}
	return b
}

// stock is the KEXINIT of OpenSSH 9.2p1 as Debian 12 ships it.
func stock() *Kexinit {
	macs := strings.Split("umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1", ",")
	ciphers := strings.Split("chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com", ",")
	comp := []string{"none", "zlib@openssh.com"}
	return &Kexinit{
		Cookie:      [16]byte{1, 2, 3},
		Kex:         strings.Split("sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,kex-strict-s-v00@openssh.com", ","),
		HostKeys:    []string{"rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"},
		Ciphers:     Directions{ciphers, ciphers},
		MACs:        Directions{macs, macs},
		Compression: Directions{comp, comp},
	}
}

func reply(number byte, first []byte) []byte {
	b := appendString([]byte{number}, first)
	return appendString(b, "rest")
}

func ed25519Blob() []byte {
	return appendString(appendString(nil, "ssh-ed25519"), make([]byte, 32))
}

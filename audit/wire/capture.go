// Package wire reads what an SSH server shows during one login: its version
// line, the whole name-lists of its KEXINIT, its host keys, the methods that
// are left after "none", its banner. It judges algorithms by a table with
// reasons and sources.
package wire

// Capture is what was seen during one login, as bytes. Whoever holds the
// connection fills it in; it travels in a snapshot as JSON ([]byte as base64).
type Capture struct {
	// Server is what the server sent in the clear, from its first byte up to
	// NEWKEYS or the cap of 64 KiB (RFC 4253, sections 4.2, 6, 7).
	Server []byte `json:"server"`
	// Methods are those that the server named after "none", in its order. nil: not seen.
	Methods []string `json:"methods"`
	// NoneAccepted: "none" logged in; the account has an empty password.
	NoneAccepted bool   `json:"none_accepted,omitempty"`
	Banner       string `json:"banner,omitempty"` // SSH_MSG_USERAUTH_BANNER, at most 8 KiB
	// HostKeys are those of hostkeys-00@openssh.com (OpenSSH PROTOCOL, section 2.5)
	// and the one of the key exchange.
	HostKeys []CapturedKey `json:"host_keys"`
	// Announced says whether hostkeys-00@openssh.com was seen; if not, HostKeys
	// holds only the negotiated one.
	Announced bool   `json:"announced"`
	User      string `json:"user"`               // login name
	Remote    string `json:"remote"`             // the server's address:port as dialled
	Local     string `json:"local"`              // our address:port as we see it
	Kex       string `json:"kex"`                // negotiated
	HostKey   string `json:"host_key"`           // negotiated algorithm
	Cipher    string `json:"cipher"`             // negotiated, server to client
	MAC       string `json:"mac"`                // negotiated, server to client; empty with AEAD
	Insecure  bool   `json:"insecure,omitempty"` // reachable only with algorithms that we do not offer by default
}

// CapturedKey is a host key as sent.
type CapturedKey struct {
	Blob   []byte `json:"blob"`   // RFC 4253, section 6.6
	Proven bool   `json:"proven"` // the server signed for it (key exchange or hostkeys-prove-00@openssh.com)
}

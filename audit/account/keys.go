package account

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strings"
)

// Key is one line of an authorized_keys file.
type Key struct {
	Line        int
	Options     []Option
	Type        string // ssh-ed25519, ssh-rsa, ...
	Bits        int    // of the modulus or curve; 0 not known for this type
	Fingerprint string // SHA256:...
	Comment     string
	Bad         string // why sshd skips the line; the fields above are then as far as it got
	Text        string // the line, at most 200 bytes
	Blob        []byte // the key itself (RFC 4253, section 6.6); nil where Bad came before it
}

// Option is one key option. Value is unquoted; Quoted says that there was one.
type Option struct {
	Name   string // lower case
	Value  string
	Quoted bool
}

// Option returns the value of an option, and whether it is there.
func (k *Key) Option(name string) (string, bool) {
	for _, o := range k.Options {
		if o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// CA reports whether the line names a certificate authority, not a key.
func (k *Key) CA() bool { _, ok := k.Option("cert-authority"); return ok }

// String is the option as it stands in the file.
func (o Option) String() string {
	if !o.Quoted {
		return o.Name
	}
	return o.Name + `="` + strings.ReplaceAll(o.Value, `"`, `\"`) + `"`
}

// maxKeyLine is the longest line that sshd reads (auth-rsa.h, SSH_MAX_PUBKEY_BYTES
// in base64): longer ones are skipped.
const maxKeyLine = 16384

// knownTypes are the algorithms that may stand in a line, with the curve's bits.
var knownTypes = map[string]int{
	"ssh-ed25519": 256, "ssh-rsa": 0, "ssh-dss": 0,
	"ecdsa-sha2-nistp256": 256, "ecdsa-sha2-nistp384": 384, "ecdsa-sha2-nistp521": 521,
	"sk-ssh-ed25519@openssh.com": 256, "sk-ecdsa-sha2-nistp256@openssh.com": 256,
	"webauthn-sk-ecdsa-sha2-nistp256@openssh.com": 256,
	"ssh-xmss@openssh.com":                        0, "ssh-mldsa44-ed25519@openssh.com": 0,
	"ssh-ed25519-cert-v01@openssh.com": 256, "ssh-rsa-cert-v01@openssh.com": 0, "ssh-dss-cert-v01@openssh.com": 0,
	"ecdsa-sha2-nistp256-cert-v01@openssh.com": 256, "ecdsa-sha2-nistp384-cert-v01@openssh.com": 384,
	"ecdsa-sha2-nistp521-cert-v01@openssh.com": 521,
	"sk-ssh-ed25519-cert-v01@openssh.com":      256, "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": 256,
}

// ParseKeys reads an authorized_keys file. Blank lines and comments are left
// out; lines that sshd skips are kept with the reason in Bad.
func ParseKeys(data []byte) []Key {
	var out []Key
	lines(data, func(n int, line string) {
		s := strings.TrimLeft(strings.TrimRight(line, "\r"), " \t")
		if i := strings.IndexByte(s, 0); i >= 0 {
			s = s[:i] // C strings end here
		}
		if s == "" || s[0] == '#' {
			return
		}
		k := Key{Line: n, Text: s[:min(len(s), 200)]}
		if len(s) > maxKeyLine {
			k.Bad = "line too long"
		} else {
			k.parse(s)
		}
		out = append(out, k)
	})
	return out
}

// parse follows user_key_allowed (auth2-pubkeyfile.c): the line is tried as a
// key, then its first word is taken for options.
func (k *Key) parse(s string) {
	if k.key(s) {
		return
	}
	i := optionsEnd(s)
	opts, rest := s[:i], strings.TrimLeft(s[i:], " \t")
	var reason string
	if k.Options, reason = parseOptions(opts); reason != "" {
		k.Bad = reason
	}
	bad := k.Bad
	k.Bad = ""
	if !k.key(rest) && k.Bad == "" {
		k.Bad = "no key of a known type"
	}
	if bad != "" {
		k.Bad = bad
	}
}

// key reads "type base64 comment"; false where the first word is no type.
func (k *Key) key(s string) bool {
	typ, rest, _ := strings.Cut(strings.ReplaceAll(s, "\t", " "), " ")
	bits, ok := knownTypes[typ]
	if !ok {
		return false
	}
	k.Type, k.Bits = typ, bits
	rest = strings.TrimLeft(rest, " ")
	data, comment, _ := strings.Cut(rest, " ")
	k.Comment = strings.TrimSpace(comment)
	blob, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		if blob, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "=")); err != nil || data == "" {
			k.Bad = "the key is not base64"
			return true
		}
	}
	inner, body, ok := cutString(blob)
	if !ok || string(inner) != typ {
		k.Bad = "the key's inner type is not " + typ
		return true
	}
	k.Blob = blob
	sum := sha256.Sum256(canonical(typ, blob))
	k.Fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	if strings.HasSuffix(typ, "-cert-v01@openssh.com") {
		if _, body, ok = cutString(body); !ok { // nonce
			k.Bad = "the certificate is cut short"
			return true
		}
	}
	switch strings.TrimSuffix(typ, "-cert-v01@openssh.com") {
	case "ssh-rsa":
		_, body, _ = cutString(body)
		k.Bits = k.integer(body)
	case "ssh-dss":
		k.Bits = k.integer(body)
	default:
		if _, _, ok := cutString(body); !ok {
			k.Bad = "the key is cut short"
		}
	}
	return true
}

// canonical is the blob that sshd hashes: it writes the numbers of RSA and DSA
// keys anew, without the leading zeros that RFC 4251 forbids and it takes. Else
// one key had two fingerprints.
func canonical(typ string, blob []byte) []byte {
	if typ != "ssh-rsa" && typ != "ssh-dss" {
		return blob
	}
	out := make([]byte, 0, len(blob))
	for i, rest := 0, blob; len(rest) > 0; i++ {
		field, after, ok := cutString(rest)
		if !ok {
			return blob
		}
		rest = after
		if i > 0 {
			number := bytes.TrimLeft(field, "\x00")
			if len(number) < len(field) && len(number) > 0 && number[0]&0x80 != 0 {
				number = field[len(field)-len(number)-1:]
			}
			field = number
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(field)))
		out = append(out, field...)
	}
	return out
}

func (k *Key) integer(b []byte) int {
	n, _, ok := cutString(b)
	if !ok || len(n) == 0 || n[0]&0x80 != 0 {
		k.Bad = "the key is cut short"
		return 0
	}
	return new(big.Int).SetBytes(n).BitLen()
}

// cutString reads an SSH string (RFC 4251, section 5).
func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// optionsEnd finds the blank that ends the options: quotes hide blanks, a
// backslash hides a quote.
func optionsEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && (s[i] == ' ' || s[i] == '\t'):
			return i
		}
	}
	return len(s)
}

// optionNames are the options that sshd knows (auth-options.c); the value says
// whether they take one. An unknown option makes sshd skip the line.
var optionNames = map[string]bool{
	"agent-forwarding": false, "cert-authority": false, "command": true, "environment": true, "expiry-time": true,
	"from": true, "no-agent-forwarding": false, "no-port-forwarding": false, "no-pty": false, "no-user-rc": false,
	"no-x11-forwarding": false, "permitlisten": true, "permitopen": true, "port-forwarding": false, "principals": true,
	"pty": false, "no-touch-required": false, "verify-required": false, "restrict": false, "tunnel": true,
	"user-rc": false, "x11-forwarding": false,
}

func parseOptions(s string) (opts []Option, reason string) {
	for s != "" {
		i := 0
		for i < len(s) && s[i] != ',' && s[i] != '=' {
			i++
		}
		o := Option{Name: strings.ToLower(s[:i])}
		takes, known := optionNames[o.Name]
		if !known && reason == "" {
			reason = "unknown key option " + quote(o.Name)
		}
		if i < len(s) && s[i] == '=' {
			v, n, ok := unquote(s[i+1:])
			if !ok {
				return opts, "bad value of key option " + quote(o.Name)
			}
			o.Value, o.Quoted = v, true
			i += 1 + n
		}
		if known && takes != o.Quoted && reason == "" {
			reason = "bad value of key option " + quote(o.Name)
		}
		opts = append(opts, o)
		s = s[i:]
		switch {
		case s == "":
		case s[0] == ',' && len(s) > 1:
			s = s[1:]
		default:
			return opts, "bad key options"
		}
	}
	if len(opts) == 0 {
		return nil, "bad key options"
	}
	return opts, reason
}

func quote(s string) string { return `"` + s[:min(len(s), 40)] + `"` }

// unquote reads a quoted value (opt_dequote); n is what it takes of s.
func unquote(s string) (v string, n int, ok bool) {
	if s == "" || s[0] != '"' {
		return "", 0, false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			b.WriteByte('"')
		case s[i] == '"':
			return b.String(), i + 1, true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, false
}

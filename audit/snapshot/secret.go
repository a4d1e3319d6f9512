package snapshot

import (
	"bytes"
	"slices"
)

// No private key and no password hash is ever kept. The collector replaces both
// on the host; this is the second look, before anything is stored. It is written
// by hand since it sees every byte: a regular expression was most of the cost of
// reading a host's answer.

// withheld is what the collector puts in place of a line that holds a secret.
var withheld = []byte("postern-withheld")

var keyMarks = [][]byte{withheld, []byte("PRIVATE KEY-----"), []byte("PuTTY-User-Key-File")}

// holdsSecret finds private keys, and hashes as the second field of a line as in
// shadow(5).
func holdsSecret(c []byte) bool {
	for _, m := range keyMarks {
		if bytes.Contains(c, m) {
			return true
		}
	}
	for from := 0; ; {
		i := bytes.Index(c[from:], []byte(":$"))
		if i < 0 {
			return false
		}
		i += from
		from = i + 2
		if !isHash(c[i+1:]) {
			continue
		}
		k := i - 1 // back to the line's start: another colon says that this is not the second field
		for k >= 0 && c[k] != ':' && c[k] != '\n' {
			k--
		}
		if k < 0 || c[k] == '\n' {
			return true
		}
	}
}

// isHash tells whether c begins as a hash of crypt(5) does: $ID$.
func isHash(c []byte) bool {
	for i := 1; i < len(c); i++ {
		switch b := c[i]; {
		case b >= '0' && b <= '9' || b >= 'a' && b <= 'z':
		default:
			return b == '$' && i > 1
		}
		if i > 32 {
			return false
		}
	}
	return false
}

// lineHolds finds a key or a hash in any field of a line, locked or not: sshd
// quotes such lines when it is made to read shadow as a configuration.
func lineHolds(line []byte) bool {
	if bytes.Contains(line, keyMarks[1]) {
		return true
	}
	for i := 1; i < len(line); i++ {
		if line[i] != '$' || !isHash(line[i:]) {
			continue
		}
		k := i - 1
		for k > 0 && (line[k] == '!' || line[k] == '*') {
			k--
		}
		if line[k] == ':' {
			return true
		}
	}
	return false
}

// mask copies the lines of an output, those with a secret replaced.
func mask(d []byte) []byte {
	out := make([]byte, 0, len(d))
	if !bytes.Contains(d, keyMarks[1]) && bytes.IndexByte(d, '$') < 0 {
		return append(out, d...)
	}
	for line := range bytes.Lines(d) {
		if lineHolds(line) {
			line = append(slices.Clone(withheld), '\n')
		}
		out = append(out, line...)
	}
	return out
}

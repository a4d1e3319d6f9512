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

// keyMarks are what private keys begin with (OpenSSH's and PEM's, OpenPGP's, that of
// RFC 4716's makers, PuTTY's), cut at the first "-": looking for that one byte is a
// third of the work of looking for their words.
var keyMarks = []struct{ before, after []byte }{
	{[]byte("postern"), []byte("-withheld")},
	{[]byte("PRIVATE KEY"), []byte("-----")},
	{[]byte("PRIVATE KEY BLOCK"), []byte("-----")},
	{[]byte("PRIVATE KEY "), []byte("----")},
	{[]byte("PuTTY"), []byte("-User-Key-File")},
}

// holdsKeyMark finds the mark of a private key, or of what the collector withheld.
func holdsKeyMark(c []byte) bool {
	for at := 0; ; at++ {
		i := bytes.IndexByte(c[at:], '-')
		if i < 0 {
			return false
		}
		at += i
		for _, m := range keyMarks {
			if bytes.HasSuffix(c[:at], m.before) && bytes.HasPrefix(c[at:], m.after) {
				return true
			}
		}
	}
}

// holdsSecret finds private keys, and hashes as the second field of a line as in
// shadow(5).
func holdsSecret(c []byte) bool {
	if holdsKeyMark(c) {
		return true
	}
	for {
		i := bytes.IndexByte(c, ':') // the first of its line
		if i < 0 {
			return false
		}
		c = c[i+1:]
		if isPassword(c) {
			return true
		}
		end := bytes.IndexByte(c, '\n')
		if end < 0 {
			return false
		}
		c = c[end+1:]
	}
}

// isPassword tells whether c begins with a hash, of a locked account or not: $ID$,
// or the oldest form of crypt(5), 13 characters without a mark, where numbers
// follow as in passwd(5) and shadow(5).
func isPassword(c []byte) bool {
	c = bytes.TrimLeft(c, "!*")
	if len(c) > 0 && c[0] == '$' {
		return isHash(c)
	}
	if len(c) < 16 || c[13] != ':' {
		return false
	}
	for _, b := range c[:13] {
		if b < '.' || b > 'z' || b > '9' && b < 'A' || b > 'Z' && b < 'a' {
			return false
		}
	}
	numbers := 0
	for _, b := range c[14:] {
		switch {
		case b >= '0' && b <= '9':
		case b == ':' && numbers == 1:
			return true
		case b == ':':
			numbers++
		default:
			return false
		}
	}
	return false
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
	if bytes.Contains(line, []byte("PRIVATE KEY")) && holdsKeyMark(line) {
		return true
	}
	for {
		i := bytes.IndexByte(line, ':')
		if i < 0 {
			return false
		}
		if line = line[i+1:]; isPassword(line) {
			return true
		}
	}
}

// mask copies the lines of an output, those with a secret replaced.
func mask(d []byte) []byte {
	out := make([]byte, 0, len(d))
	for line := range bytes.Lines(d) {
		if lineHolds(line) {
			line = append(slices.Clone(withheld), '\n')
		}
		out = append(out, line...)
	}
	return out
}

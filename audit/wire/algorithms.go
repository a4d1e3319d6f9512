package wire

import (
	_ "embed"
	"strings"
	"sync"
)

// Kind says which of KEXINIT's lists a name stands in: the same name may mean
// two things (none is no encryption, and no compression).
type Kind string

// The kinds of algorithm.
const (
	KindKex         Kind = "kex"
	KindHostKey     Kind = "host key"
	KindCipher      Kind = "cipher"
	KindMAC         Kind = "mac"
	KindCompression Kind = "compression"
)

// Status is an algorithm's standing. The zero value is unknown.
type Status string

// The standings. Weak should be turned off; broken protects nobody; unknown is
// no fault: new names appear with every release.
const (
	StatusUnknown    Status = ""
	StatusGood       Status = "good"
	StatusAcceptable Status = "acceptable"
	StatusWeak       Status = "weak"
	StatusBroken     Status = "broken"
)

// String gives the word; "unknown" for the zero value.
func (s Status) String() string {
	if s == StatusUnknown {
		return "unknown"
	}
	return string(s)
}

// entry is a row of the table, algorithms.txt. A name may hold one "*" for any
// run of characters.
type entry struct {
	name   string
	status Status
	reason string
}

// Judge gives the standing of an algorithm and the reason for it. A name that
// the table does not hold is StatusUnknown, never weak.
func Judge(kind Kind, name string) (Status, string) {
	t := tables()[kind]
	if e, ok := t.exact[name]; ok {
		return e.status, e.reason
	}
	for _, e := range t.patterns {
		before, after, _ := strings.Cut(e.name, "*")
		if len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
			return e.status, e.reason
		}
	}
	return StatusUnknown, "a name that the table does not know"
}

// Marker reports whether a name in the key exchange list is a signal, not an
// algorithm: RFC 8308 (ext-info), OpenSSH PROTOCOL section 1.9 (strict kex),
// dropbear's guess rule.
func Marker(name string) bool {
	switch name {
	case "ext-info-s", "ext-info-c", strictServer, "kex-strict-c-v00@openssh.com",
		"kex-strict-s", "kex-strict-c", "kexguess2@matt.ucc.asn.au":
		return true
	}
	return false
}

// strictServer marks a server with strict key exchange (OpenSSH 9.6 or a backport).
const strictServer = "kex-strict-s-v00@openssh.com"

// PostQuantum reports whether a key exchange protects against a recording that
// is decrypted by a quantum computer later. Drafts that were withdrawn do not count.
func PostQuantum(kex string) bool {
	if status, _ := Judge(KindKex, kex); status != StatusGood {
		return false
	}
	return strings.HasPrefix(kex, "mlkem") || strings.HasPrefix(kex, "sntrup761")
}

// AEAD reports whether a cipher brings its own integrity, so that no MAC is
// used with it.
func AEAD(cipher string) bool {
	return cipher == chacha || strings.HasSuffix(cipher, "-gcm@openssh.com") ||
		strings.HasPrefix(cipher, "AEAD_") || strings.HasSuffix(cipher, "-gcm") ||
		strings.HasSuffix(cipher, "-gcm@libassh.org") || strings.HasSuffix(cipher, "-ocb@libassh.org")
}

const chacha = "chacha20-poly1305@openssh.com"

type table struct {
	exact    map[string]entry
	patterns []entry // the first match in the table's order holds
}

// kinds are the words of the table for its kinds.
var kinds = map[string]Kind{"kex": KindKex, "key": KindHostKey, "cipher": KindCipher, "mac": KindMAC, "compression": KindCompression}

//go:embed algorithms.txt
var tableText string

// tables reads the table at first use: a run that judges nothing pays nothing.
// A row that is not one is left out; a test holds the file to having none.
var tables = sync.OnceValue(func() map[Kind]table {
	out := map[Kind]table{}
	for _, kind := range kinds {
		out[kind] = table{exact: map[string]entry{}}
	}
	rows(func(kind Kind, e entry) {
		t := out[kind]
		if strings.Contains(e.name, "*") {
			t.patterns = append(t.patterns, e)
			out[kind] = t
		} else {
			t.exact[e.name] = e
		}
	})
	return out
})

// rows calls f for each row of the table.
func rows(f func(Kind, entry)) {
	for line := range strings.Lines(tableText) {
		if f4, ok := cutFields(line); ok {
			f(kinds[f4[0]], entry{name: f4[2], status: Status(f4[1]), reason: f4[3]})
		}
	}
}

// cutFields takes a row apart: three words, and the rest.
func cutFields(line string) (out [4]string, ok bool) {
	if strings.HasPrefix(line, "#") {
		return out, false
	}
	for i := range 3 {
		line = strings.TrimLeft(line, " ")
		word, rest, found := strings.Cut(line, " ")
		if !found {
			return out, false
		}
		out[i], line = word, rest
	}
	out[3] = strings.TrimSpace(line)
	return out, out[3] != "" && kinds[out[0]] != ""
}

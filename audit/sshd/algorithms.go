package sshd

import (
	"slices"
	"strings"
)

// algClass says which algorithms a keyword names.
type algClass uint8

const (
	algCipher algClass = iota
	algMAC
	algKex
	algKey // host key and public key algorithms
	algSig // signatures by a certificate authority
)

// alg is one algorithm of one class.
type alg struct {
	name  string
	since Version // first release that knows it; zero: all
	gone  Version // first release that does not know it any more; zero: still known
	// on and off bound the releases whose default list holds it: [on, off). With
	// a zero on it is in none, unless always is set.
	on, off Version
	always  bool // in the default list of every release from 7.4 on
}

// The lists stand in the order of the server's default list of the newest
// release, then come those that are known but off. Sources: myproposal.h, cipher.c, mac.c, kex-names.c,
// sshkey.c of the releases 7.4 to 10.5; 9.2 was run.
var algs = [...][]alg{
	algCipher: {
		{name: "chacha20-poly1305@openssh.com", always: true},
		{name: "aes128-ctr", always: true},
		{name: "aes192-ctr", always: true},
		{name: "aes256-ctr", always: true},
		{name: "aes128-gcm@openssh.com", always: true},
		{name: "aes256-gcm@openssh.com", always: true},
		{name: "3des-cbc"},
		{name: "aes128-cbc"}, {name: "aes192-cbc"}, {name: "aes256-cbc"},
		{name: "rijndael-cbc@lysator.liu.se", gone: V(8, 5)},
		{name: "blowfish-cbc", gone: V(7, 6)}, {name: "cast128-cbc", gone: V(7, 6)},
		{name: "arcfour", gone: V(7, 6)}, {name: "arcfour128", gone: V(7, 6)}, {name: "arcfour256", gone: V(7, 6)},
	},
	algMAC: {
		{name: "umac-64-etm@openssh.com", always: true}, {name: "umac-128-etm@openssh.com", always: true},
		{name: "hmac-sha2-256-etm@openssh.com", always: true}, {name: "hmac-sha2-512-etm@openssh.com", always: true},
		{name: "hmac-sha1-etm@openssh.com", always: true},
		{name: "umac-64@openssh.com", always: true}, {name: "umac-128@openssh.com", always: true},
		{name: "hmac-sha2-256", always: true}, {name: "hmac-sha2-512", always: true}, {name: "hmac-sha1", always: true},
		{name: "hmac-sha1-96"}, {name: "hmac-md5"}, {name: "hmac-md5-96"},
		{name: "hmac-sha1-96-etm@openssh.com"}, {name: "hmac-md5-etm@openssh.com"}, {name: "hmac-md5-96-etm@openssh.com"},
		{name: "hmac-ripemd160", gone: V(7, 6)}, {name: "hmac-ripemd160@openssh.com", gone: V(7, 6)},
		{name: "hmac-ripemd160-etm@openssh.com", gone: V(7, 6)},
	},
	algKex: {
		{name: "mlkem768x25519-sha256", since: V(9, 9), on: V(9, 9)},
		{name: "sntrup761x25519-sha512", since: V(9, 9), on: V(9, 9)},
		{name: "sntrup761x25519-sha512@openssh.com", since: V(8, 5), on: V(8, 9)},
		{name: "curve25519-sha256", since: V(7, 4), always: true},
		{name: "curve25519-sha256@libssh.org", always: true},
		{name: "ecdh-sha2-nistp256", always: true}, {name: "ecdh-sha2-nistp384", always: true}, {name: "ecdh-sha2-nistp521", always: true},
		{name: "diffie-hellman-group-exchange-sha256", always: true, off: V(10, 0)},
		{name: "diffie-hellman-group16-sha512", always: true, off: V(10, 0)},
		{name: "diffie-hellman-group18-sha512", always: true, off: V(10, 0)},
		{name: "diffie-hellman-group14-sha256", always: true, off: V(10, 0)},
		{name: "diffie-hellman-group14-sha1", always: true, off: V(8, 2)},
		{name: "diffie-hellman-group-exchange-sha1"}, {name: "diffie-hellman-group1-sha1"},
		{name: "sntrup4591761x25519-sha512@tinyssh.org", since: V(8, 0), gone: V(8, 5)},
	},
	algKey: {
		{name: "ssh-ed25519-cert-v01@openssh.com", always: true},
		{name: "ecdsa-sha2-nistp256-cert-v01@openssh.com", always: true}, {name: "ecdsa-sha2-nistp384-cert-v01@openssh.com", always: true},
		{name: "ecdsa-sha2-nistp521-cert-v01@openssh.com", always: true},
		{name: "sk-ssh-ed25519-cert-v01@openssh.com", since: V(8, 2), on: V(8, 2)},
		{name: "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", since: V(8, 2), on: V(8, 2)},
		{name: "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", since: V(10, 3), on: V(10, 3)},
		{name: "rsa-sha2-512-cert-v01@openssh.com", since: V(7, 8), on: V(7, 8)},
		{name: "rsa-sha2-256-cert-v01@openssh.com", since: V(7, 8), on: V(7, 8)},
		{name: "ssh-rsa-cert-v01@openssh.com", always: true, off: V(8, 8)},
		{name: "ssh-mldsa44-ed25519-cert", since: V(10, 6), on: V(10, 6)},
		{name: "ssh-ed25519", always: true},
		{name: "ecdsa-sha2-nistp256", always: true}, {name: "ecdsa-sha2-nistp384", always: true}, {name: "ecdsa-sha2-nistp521", always: true},
		{name: "sk-ssh-ed25519@openssh.com", since: V(8, 2), on: V(8, 2)},
		{name: "sk-ecdsa-sha2-nistp256@openssh.com", since: V(8, 2), on: V(8, 2)},
		{name: "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", since: V(8, 4), on: V(10, 3)},
		{name: "rsa-sha2-512", always: true}, {name: "rsa-sha2-256", always: true},
		{name: "ssh-rsa", always: true, off: V(8, 8)},
		{name: "ssh-mldsa44-ed25519", since: V(10, 6), on: V(10, 6)},
		{name: "ssh-dss", gone: V(10, 0)}, {name: "ssh-dss-cert-v01@openssh.com", gone: V(10, 0)},
	},
	algSig: {
		{name: "ssh-ed25519", always: true},
		{name: "ecdsa-sha2-nistp256", always: true}, {name: "ecdsa-sha2-nistp384", always: true}, {name: "ecdsa-sha2-nistp521", always: true},
		{name: "sk-ssh-ed25519@openssh.com", since: V(8, 2), on: V(8, 2)},
		{name: "sk-ecdsa-sha2-nistp256@openssh.com", since: V(8, 2), on: V(8, 2)},
		{name: "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", since: V(8, 4), on: V(10, 3)},
		{name: "rsa-sha2-512", always: true}, {name: "rsa-sha2-256", always: true},
		{name: "ssh-rsa", always: true, off: V(8, 2)},
		{name: "ssh-mldsa44-ed25519", since: V(10, 6)},
		{name: "ssh-dss", gone: V(10, 0)},
	},
}

// known reports whether the release has the algorithm. An unknown release has
// all, old and new.
func (a *alg) known(rel release) bool {
	if !rel.v.Known() || a.patched(rel) {
		return true
	}
	return rel.v.atLeast(a.since) && !rel.v.outlives(a.gone)
}

// patched names what a distribution put into an older release: Debian's 9.2p1
// has the registered name of the sntrup exchange (seen in its sshd -T).
func (a *alg) patched(rel release) bool {
	return rel.family == "debian" && rel.v == V(9, 2) && a.name == "sntrup761x25519-sha512"
}

// byDefault reports whether the release's default list holds it.
func (a *alg) byDefault(rel release) bool {
	if a.patched(rel) {
		return true
	}
	if !rel.v.atLeast(a.since) || rel.v.outlives(a.gone) || rel.v.outlives(a.off) {
		return false
	}
	return a.always || rel.v.outlives(a.on)
}

// defaults is the server's default list of that class in that release.
func (c algClass) defaults(rel release) []string {
	var out []string
	for i := range algs[c] {
		if algs[c][i].byDefault(rel) {
			out = append(out, algs[c][i].name)
		}
	}
	// 8.5 put Ed25519 before ECDSA.
	if (c == algKey || c == algSig) && rel.v.Before(8, 5) {
		slices.SortStableFunc(out, func(a, b string) int { return oldRank(a) - oldRank(b) })
	}
	// 10.0 put the AES-GCM ciphers before AES-CTR.
	if c == algCipher && !rel.v.Before(10, 0) {
		out = []string{"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"}
	}
	return out
}

// oldRank is where an algorithm stood in the default lists up to 8.4.
func oldRank(name string) int {
	rank := 0
	for i, prefix := range []string{"ecdsa-", "sk-ecdsa-", "ssh-ed25519", "sk-ssh-ed25519", "rsa-sha2-", "ssh-rsa"} {
		if strings.HasPrefix(name, prefix) {
			rank = i
		}
	}
	if !strings.Contains(name, "-cert-") {
		rank += 10
	}
	return rank
}

// keyOrder is the order of sshkey.c's table, which patterns follow.
var keyOrder = []string{
	"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com",
	"ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519-cert",
	"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com",
	"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
	"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"ssh-dss", "ssh-dss-cert-v01@openssh.com", "ssh-rsa", "ssh-rsa-cert-v01@openssh.com",
	"rsa-sha2-256", "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com",
}

// oldKeyOrder is the same up to 9.1.
var oldKeyOrder = []string{
	"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com",
	"ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ecdsa-sha2-nistp256@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
	"ssh-rsa-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "ssh-dss-cert-v01@openssh.com",
	"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
	"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
}

// all lists every algorithm of the class that the release knows, in the order
// in which a pattern finds them.
func (c algClass) all(rel release) []string {
	var out []string
	if c == algKey || c == algSig {
		order := keyOrder
		if rel.v.Before(9, 2) {
			order = oldKeyOrder
		}
		for _, n := range order {
			for i := range algs[c] {
				if algs[c][i].name == n && algs[c][i].known(rel) {
					out = append(out, n)
				}
			}
		}
		return out
	}
	for i := range algs[c] {
		if algs[c][i].known(rel) {
			out = append(out, algs[c][i].name)
		}
	}
	return out
}

// shortNames are the names that sshkey_type_from_name (sshkey.c) takes beside
// the algorithm's own, in any case. They pass the check of a list's names and
// then match no algorithm.
var shortNames = []string{"RSA", "DSA", "ECDSA", "ED25519", "ECDSA-SK", "ED25519-SK", "XMSS"}

// badAlgorithm returns the first name of a list that sshd would not take, in
// the words of the check for that class; "" where it takes all.
func (c algClass) badAlgorithm(list string, rel release) string {
	if strings.HasPrefix(list, "-") {
		return ""
	}
	names := list
	if strings.HasPrefix(names, "+") || strings.HasPrefix(names, "^") && !rel.v.Before(8, 1) {
		names = names[1:]
	}
	if names == "" {
		return list
	}
	all := c.all(rel)
	for n := range strings.SplitSeq(names, ",") {
		if n == "" {
			if (c == algCipher || c == algMAC) && strings.HasPrefix(names, ",") && !rel.v.Before(10, 5) {
				return list
			}
			break // strsep's loop ends at an empty name; the rest is not checked
		}
		if contains(all, n) {
			continue
		}
		if c == algKey || c == algSig {
			if containsFold(shortNames, n) && rel.v.Before(10, 0) || anyMatches(algKey.all(rel), n) || contains(algSig.all(rel), n) {
				continue
			}
		}
		return n
	}
	return ""
}

func anyMatches(names []string, pattern string) bool {
	for _, n := range names {
		if matchList(n, pattern, false) != 0 {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func containsFold(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}

// assemble applies a configured list to the default, as kex_assemble_names
// (kex-names.c) does. ok is false where sshd would refuse the result: nothing
// left of a plain or "+" list, or a negated pattern. "-" may leave nothing.
func (c algClass) assemble(list string, rel release) (names []string, ok bool) {
	def := c.defaults(rel)
	switch {
	case list == "":
		return def, true
	case list[0] == '-':
		for _, n := range def {
			if matchList(n, list[1:], false) != 1 {
				names = append(names, n)
			}
		}
		return names, true
	}
	var parts []string
	switch {
	case list[0] == '+':
		parts = concat(def, strings.Split(list[1:], ","))
	case list[0] == '^' && !rel.v.Before(8, 1):
		parts = concat(strings.Split(list[1:], ","), def)
	default:
		parts = strings.Split(list, ",")
	}
	all := c.all(rel)
	seen := make(map[string]bool, len(all))
	for _, p := range parts {
		if strings.HasPrefix(p, "!") {
			return nil, false
		}
		for _, n := range all {
			if !seen[n] && (n == p || hasMeta(p) && matchPattern(n, p)) {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names, len(names) > 0
}

// concat is kex_names_cat: b's names behind a's, none twice. An empty name ends b.
func concat(a, b []string) []string {
	if len(a) == 1 && a[0] == "" {
		return b
	}
	out := append([]string(nil), a...)
	have := make(map[string]bool, len(a)+len(b))
	for _, n := range a {
		have[n] = true
	}
	for _, n := range b {
		if n == "" {
			break
		}
		if !have[n] {
			have[n] = true
			out = append(out, n)
		}
	}
	return out
}

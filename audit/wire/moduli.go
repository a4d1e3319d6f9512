package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Groups is the histogram of a server's moduli file (moduli(5)): how many groups
// of which size it hands out to group exchange (RFC 4419).
type Groups struct {
	Count map[int]int // by bits
	// Floor is the size below which the server hands out nothing, whatever the
	// file holds: 2048 from OpenSSH 7.2 on (dh.h, DH_GRP_MIN), 1024 before.
	Floor int
}

// maxSizes bounds the sizes that are kept; a stock file has six.
const maxSizes = 256

// ParseGroups reads lines of COUNT and BITS; a line that begins with another
// word is skipped, as is what is not a size of 512 to 16384 bits.
func ParseGroups(data []byte, floor int) Groups {
	g := Groups{Count: map[int]int{}, Floor: floor}
	for line := range bytes.Lines(data) {
		f := bytes.Fields(line)
		if len(f) != 2 || len(f[0]) > 9 || len(f[1]) > 5 {
			continue
		}
		n, err := strconv.Atoi(string(f[0]))
		bits, err2 := strconv.Atoi(string(f[1]))
		if err != nil || err2 != nil || n <= 0 || bits < 512 || bits > 16384 || len(g.Count) >= maxSizes {
			continue
		}
		g.Count[bits] += n
	}
	return g
}

// Smallest is the smallest group of the file that the server hands out, in bits;
// 0: none.
func (g Groups) Smallest() int {
	least := 0
	for bits := range g.Count {
		if bits >= g.Floor && (least == 0 || bits < least) {
			least = bits
		}
	}
	return least
}

// GroupExchange reports whether a key exchange asks for a group of the server's
// moduli file.
func GroupExchange(kex string) bool {
	return strings.HasPrefix(kex, "diffie-hellman-group-exchange-") || strings.HasPrefix(kex, "gss-gex-")
}

// JudgeGroups gives the standing of a group exchange whose smallest group is
// known; it never betters what the name itself says.
func JudgeGroups(kex string, bits int) (Status, string) {
	status, reason := Judge(KindKex, kex)
	switch {
	case status == StatusWeak || status == StatusBroken || bits <= 0:
		return status, reason
	case bits < 1536:
		return StatusBroken, fmt.Sprintf("the smallest group has %d bits, within reach of precomputation (Logjam, CVE-2015-4000)", bits)
	case bits < 2048:
		return StatusWeak, fmt.Sprintf("the smallest group has %d bits", bits)
	case bits < 3072:
		return status, fmt.Sprintf("the smallest group has %d bits: about 112 bits of strength, which NIST ends in 2030", bits)
	}
	return status, fmt.Sprintf("the smallest group has %d bits", bits)
}

// Uses reports whether a server that offers these host key algorithms can prove
// itself with a key of that type.
func Uses(keyType string, offered []string) bool {
	for _, name := range offered {
		switch {
		case name == keyType:
			return true
		case keyType == "ssh-rsa" && (name == "rsa-sha2-256" || name == "rsa-sha2-512" || strings.HasPrefix(name, "ssh-rsa-sha") && strings.HasSuffix(name, "@ssh.com")):
			return true
		case keyType == "ssh-rsa"+certSuffix && (name == "rsa-sha2-256"+certSuffix || name == "rsa-sha2-512"+certSuffix):
			return true
		case keyType == "sk-ecdsa-sha2-nistp256@openssh.com" && name == "webauthn-sk-ecdsa-sha2-nistp256@openssh.com":
			return true
		}
	}
	return false
}

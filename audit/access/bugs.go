package access

import (
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
)

// Bug is a fault of some OpenSSH releases by which a setting does not do what it
// says. Distributions mend such faults under the old release number, so the
// release alone settles only that the fault is gone: [Input.Bug] knows packages.
type Bug struct {
	ID    string       // CVE
	Since sshd.Version // the first release that has it; zero: all older ones
	Fixed sshd.Version // the first release without it
	Says  string       // what does not hold
}

// Bugs are those that decide about logins. Source: the release notes of OpenSSH
// and the vendors' records for each id.
var Bugs = []Bug{
	{ID: "CVE-2025-32728", Since: sshd.V(7, 4), Fixed: sshd.V(10, 0), Says: "DisableForwarding leaves X11 and agent forwarding open"},
	{ID: "CVE-2026-35387", Fixed: sshd.V(10, 3), Says: "PubkeyAcceptedAlgorithms with one ECDSA algorithm accepts every ECDSA key"},
	{ID: "CVE-2026-35414", Fixed: sshd.V(10, 3), Says: "principals= of a cert-authority line fits names that hold a comma"},
	{ID: "CVE-2026-59997", Fixed: sshd.V(10, 4), Says: "internal-sftp drops its arguments behind the ninth"},
	{ID: "CVE-2026-59999", Fixed: sshd.V(10, 4), Says: "DisableForwarding leaves PermitTunnel open"},
	{ID: "CVE-2026-73283", Fixed: sshd.V(10, 6), Says: "restrict in front of a key leaves PermitTunnel open"},
}

// bug is whether the server has a fault; where only the release is known a
// package may have mended it.
func (j *judge) bug(id string) Verdict {
	if v, ok := j.bugs[id]; ok {
		return v
	}
	v := Unsure
	if j.Bug != nil {
		v = j.Bug(id)
	}
	if v == Unsure {
		for _, b := range Bugs {
			r := j.Config.Version()
			if b.ID == id && r.Known() && (!r.Before(b.Fixed.Major, b.Fixed.Minor) || r.Before(b.Since.Major, b.Since.Minor)) {
				v = No
			}
		}
	}
	if j.bugs == nil {
		j.bugs = map[string]Verdict{}
	}
	j.bugs[id] = v
	return v
}

// bugSays is the sentence about a fault that the server has, or may have.
func (j *judge) bugSays(id string) string {
	for _, b := range Bugs {
		if b.ID != id {
			continue
		}
		if j.bug(id) == Yes {
			return b.Says + " (" + id + ")"
		}
		return b.Says + " (" + id + ", unless the package mends it)"
	}
	return id
}

// manyECDSA reports whether a list names some ECDSA algorithms but not that of
// the key: what CVE-2026-35387 needs.
func manyECDSA(list map[string]bool, typ string) bool {
	if !strings.HasPrefix(typ, "ecdsa-sha2-") {
		return false
	}
	for n := range list {
		if strings.HasPrefix(n, "ecdsa-sha2-") {
			return true
		}
	}
	return false
}

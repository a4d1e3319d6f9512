package wire

import (
	"slices"
	"strings"
)

// Summary is what a server's algorithms amount to.
type Summary struct {
	Kex               []Algorithm // without markers
	HostKeyAlgorithms []Algorithm
	Ciphers           []Algorithm
	MACs              []Algorithm
	Compression       []Algorithm
	StrictKex         bool   // the server's half of strict key exchange
	Terrapin          bool   // exposed (CVE-2023-48795)
	TerrapinWhy       string // what exposes it, or why it is not
	PostQuantum       bool   // some key exchange is safe against a later quantum computer
	Unknown           int    // names that the table does not know
}

// Algorithm is one name that a server offers, with its standing.
type Algorithm struct {
	Name   string
	Status Status
	Reason string
	// Direction is "" for both, else "client to server" or "server to client".
	Direction string
}

// The two directions of a connection, in words.
const (
	toServer = "client to server"
	toClient = "server to client"
)

// Summary judges all lists. It is the zero Summary where no KEXINIT was seen.
func (s *Server) Summary() Summary {
	k := s.Kexinit
	if k == nil {
		return Summary{}
	}
	var sum Summary
	kex := slices.DeleteFunc(slices.Clone(k.Kex), Marker)
	sum.Kex = judgeAll(KindKex, Directions{kex, kex})
	sum.HostKeyAlgorithms = judgeAll(KindHostKey, Directions{k.HostKeys, k.HostKeys})
	sum.Ciphers = judgeAll(KindCipher, k.Ciphers)
	sum.Compression = judgeAll(KindCompression, k.Compression)
	sum.MACs = judgeMACs(k)
	sum.StrictKex = slices.Contains(k.Kex, strictServer)
	sum.Terrapin, sum.TerrapinWhy = terrapin(k, sum.StrictKex)
	sum.PostQuantum = slices.ContainsFunc(kex, PostQuantum)
	for _, l := range [][]Algorithm{sum.Kex, sum.HostKeyAlgorithms, sum.Ciphers, sum.MACs, sum.Compression} {
		for _, a := range l {
			if a.Status == StatusUnknown {
				sum.Unknown++
			}
		}
	}
	return sum
}

func judgeAll(kind Kind, d Directions) []Algorithm {
	both := slices.Equal(d.ClientToServer, d.ServerToClient)
	names := d.Union()
	out := make([]Algorithm, 0, len(names))
	var in, back map[string]bool
	if !both {
		in, back = set(d.ClientToServer), set(d.ServerToClient)
	}
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		a := Algorithm{Name: n}
		a.Status, a.Reason = Judge(kind, n)
		if !both {
			switch {
			case !back[n]:
				a.Direction = toServer
			case !in[n]:
				a.Direction = toClient
			}
		}
		out = append(out, a)
	}
	return out
}

// judgeMACs is judgeAll, but a MAC that no cipher would ever use is no fault.
func judgeMACs(k *Kexinit) []Algorithm {
	used := func(ciphers []string) bool {
		return slices.ContainsFunc(ciphers, func(c string) bool { return !AEAD(c) })
	}
	in, back := used(k.Ciphers.ClientToServer), used(k.Ciphers.ServerToClient)
	out := judgeAll(KindMAC, k.MACs)
	for i := range out {
		a := &out[i]
		if in && a.Direction != toClient || back && a.Direction != toServer {
			continue
		}
		if a.Status == StatusWeak || a.Status == StatusBroken {
			a.Status, a.Reason = StatusAcceptable, "never used: every cipher offered brings its own integrity ("+a.Reason+")"
		}
	}
	return out
}

// terrapin decides by the condition of the paper's own scanner (Bäumer et al.,
// 2023): no strict key exchange, and ChaCha20-Poly1305 in either direction or
// CBC together with encrypt-then-MAC in one direction. CTR with encrypt-then-MAC
// is exposed in theory only and does not count.
func terrapin(k *Kexinit, strict bool) (bool, string) {
	why := ""
	for _, d := range []struct{ ciphers, macs []string }{
		{k.Ciphers.ClientToServer, k.MACs.ClientToServer},
		{k.Ciphers.ServerToClient, k.MACs.ServerToClient},
	} {
		if slices.Contains(d.ciphers, chacha) {
			why = chacha
			break
		}
		cbc := slices.IndexFunc(d.ciphers, func(n string) bool { return strings.HasSuffix(n, "-cbc") })
		etm := slices.IndexFunc(d.macs, func(n string) bool { return strings.HasSuffix(n, "-etm@openssh.com") })
		if cbc >= 0 && etm >= 0 {
			why = d.ciphers[cbc] + " with " + d.macs[etm]
		}
	}
	switch {
	case why == "":
		return false, "no cipher that the attack needs is offered"
	case strict:
		return false, "strict key exchange is offered"
	}
	return true, why + " is offered without strict key exchange"
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

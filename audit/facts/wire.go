package facts

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// wire reads what the server showed while we logged in.
func (b *builder) wire() {
	data, missing := b.output(snapshot.OutWire)
	if missing != "" {
		if b.snap.Source != snapshot.SourceSSH {
			missing = "the host was not entered over SSH: nothing was seen on the wire"
		}
		b.unknown("wire", missing)
		return
	}
	c, seen := b.snap.Output(snapshot.OutWire).Value.(*wire.Capture)
	if !seen {
		c = new(wire.Capture)
		if err := json.Unmarshal(data, c); err != nil {
			b.unknown("wire", "the record of the login cannot be read: "+err.Error())
			return
		}
	}
	w := &b.f.Wire
	w.Seen, w.NoneAccepted, w.Banner, w.Insecure = true, c.NoneAccepted, c.Banner, c.Insecure
	w.Methods = c.Methods
	if c.Methods == nil && !c.NoneAccepted {
		b.unknown("wire.methods", "the server did not name its methods")
	}
	s, err := wire.Parse(*c)
	w.Version, w.Software = s.Version, s.Software
	if s.Version == "" {
		b.unknown("wire.version", "the server's version line was not seen")
		b.unknown("wire.software", "the server's version line was not seen")
	}
	b.see("wire.version", "server says "+s.Version)
	b.see("wire.methods", "offered to "+c.User+" after \"none\": "+strings.Join(c.Methods, ", "))
	b.see("wire.none_accepted", "\"none\" as "+c.User)
	if err != nil && s.Kexinit == nil {
		why := "the server's algorithms were not seen whole"
		if errors.Is(err, wire.ErrMalformed) {
			why = "the server's algorithms are malformed"
		}
		for _, fact := range []string{"kex", "host_key_algorithms", "ciphers", "macs", "compression", "unrecognised", "strict_kex", "terrapin", "post_quantum"} {
			b.unknown("wire."+fact, why)
		}
	}
	o := b.opt.Setups.offers(s)
	w.Kex = slices.Clone(o.kex) // what it hands out is judged on each host
	w.HostKeyAlgorithms, w.Ciphers, w.MACs, w.Compression = o.hostKeys, o.ciphers, o.macs, o.compression
	w.Unrecognised = o.unrecognised
	w.StrictKex, w.Terrapin, w.PostQuantum = o.sum.StrictKex, o.sum.Terrapin, o.sum.PostQuantum
	b.f.SharedWire = o.once
	b.see("wire.terrapin", o.sum.TerrapinWhy)
	b.see("wire.post_quantum", "key exchange offered: "+join3(names(o.sum.Kex)))
	b.hostKeys(c, s)
}

// offers is what a server offers, judged. Most servers of a fleet offer the same.
type offers struct {
	sum                                                     wire.Summary
	kex, hostKeys, ciphers, macs, compression, unrecognised []Algorithm
	once                                                    *Shared
}

func newOffers(s *wire.Server) *offers {
	sum := s.Summary()
	o := &offers{
		sum:         sum,
		kex:         algorithms(wire.KindKex, "key exchange", sum.Kex),
		hostKeys:    algorithms(wire.KindHostKey, "host key algorithm", sum.HostKeyAlgorithms),
		ciphers:     algorithms(wire.KindCipher, "cipher", sum.Ciphers),
		macs:        algorithms(wire.KindMAC, "MAC", sum.MACs),
		compression: algorithms(wire.KindCompression, "compression", sum.Compression),
	}
	for _, list := range [][]Algorithm{o.kex, o.hostKeys, o.ciphers, o.macs, o.compression} {
		for _, a := range list {
			if a.Status == wire.StatusUnknown.String() {
				o.unrecognised = append(o.unrecognised, a)
			}
		}
	}
	return o
}

// offers gives what a server offers, from memory where another one offered the same.
func (m *Setups) offers(s *wire.Server) *offers {
	k := s.Kexinit
	if m == nil || k == nil {
		return newOffers(s)
	}
	var key strings.Builder
	for _, list := range [][]string{k.Kex, k.HostKeys, k.Ciphers.ClientToServer, k.Ciphers.ServerToClient,
		k.MACs.ClientToServer, k.MACs.ServerToClient, k.Compression.ClientToServer, k.Compression.ServerToClient} {
		for _, name := range list {
			key.WriteString(name)
			key.WriteByte(',') // which no name holds (RFC 4251, section 5)
		}
		key.WriteByte('\n')
	}
	m.mu.Lock()
	o := m.offered[key.String()]
	m.mu.Unlock()
	if o != nil {
		return o
	}
	o = newOffers(s)
	if key.Len() > maxOffer {
		return o
	}
	o.once = new(Shared)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.offered) >= maxSetups {
		clear(m.offered)
	}
	m.offered[key.String()] = o
	return o
}

const maxOffer = 16 << 10 // bytes of names

func (b *builder) hostKeys(c *wire.Capture, s *wire.Server) {
	for _, k := range s.HostKeys {
		witness := "announced by the server"
		if k.Proven {
			witness = "the server proved that it holds it"
		}
		b.f.Wire.HostKeys = append(b.f.Wire.HostKeys, HostKey{
			Type: k.Type, Bits: int64(k.Bits), Fingerprint: k.Fingerprint, Proven: k.Proven, Weak: k.Weak(), Offered: offered(k.Type, s.Kexinit),
			Evidence: []Evidence{{Text: k.Type + " " + k.Fingerprint, Witness: witness}},
		})
	}
	if !c.Announced {
		b.gap("wire.host_keys", "hostkeys-00@openssh.com", "the server named only the host key of this login")
	}
}

// offered says whether the key exchange offers an algorithm that uses a key.
func offered(keyType string, k *wire.Kexinit) string {
	switch {
	case k == nil:
		return "unknown"
	case wire.Uses(keyType, k.HostKeys):
		return "yes"
	}
	return "no"
}

// see names the evidence of a scalar wire fact.
func (b *builder) see(path, text string) {
	if text != "" {
		b.f.Origin[path] = append(b.f.Origin[path], Evidence{Text: text, Witness: "seen on the wire"})
	}
}

func algorithms(kind wire.Kind, word string, list []wire.Algorithm) []Algorithm {
	var out []Algorithm
	for _, a := range list {
		text := word + " " + a.Name
		if a.Direction != "" {
			text += " (" + a.Direction + ")"
		}
		out = append(out, Algorithm{
			Name: a.Name, Kind: string(kind), Status: a.Status.String(), Reason: a.Reason,
			Evidence: []Evidence{{Text: text, Witness: "offered on the wire"}},
		})
	}
	return out
}

func names(list []wire.Algorithm) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Name)
	}
	return out
}

// join3 names the first three of a list.
func join3(list []string) string {
	if len(list) > 3 {
		return strings.Join(list[:3], ", ") + " ..."
	}
	return strings.Join(list, ", ")
}

package facts

import (
	"encoding/json"
	"errors"
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
	var c wire.Capture
	if err := json.Unmarshal(data, &c); err != nil {
		b.unknown("wire", "the record of the login cannot be read: "+err.Error())
		return
	}
	w := &b.f.Wire
	w.Seen, w.NoneAccepted, w.Banner, w.Insecure = true, c.NoneAccepted, c.Banner, c.Insecure
	w.Methods = c.Methods
	if c.Methods == nil && !c.NoneAccepted {
		b.unknown("wire.methods", "the server did not name its methods")
	}
	s, err := wire.Parse(c)
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
	sum := s.Summary()
	w.Kex = algorithms(wire.KindKex, "key exchange", sum.Kex)
	w.HostKeyAlgorithms = algorithms(wire.KindHostKey, "host key algorithm", sum.HostKeyAlgorithms)
	w.Ciphers = algorithms(wire.KindCipher, "cipher", sum.Ciphers)
	w.MACs = algorithms(wire.KindMAC, "MAC", sum.MACs)
	w.Compression = algorithms(wire.KindCompression, "compression", sum.Compression)
	for _, list := range [][]Algorithm{w.Kex, w.HostKeyAlgorithms, w.Ciphers, w.MACs, w.Compression} {
		for _, a := range list {
			if a.Status == wire.StatusUnknown.String() {
				w.Unrecognised = append(w.Unrecognised, a)
			}
		}
	}
	w.StrictKex, w.Terrapin, w.PostQuantum = sum.StrictKex, sum.Terrapin, sum.PostQuantum
	b.see("wire.terrapin", sum.TerrapinWhy)
	b.see("wire.post_quantum", "key exchange offered: "+join3(names(sum.Kex)))
	b.hostKeys(&c, s)
}

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

package facts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/packages"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// moduli reads the histogram of the group exchange's moduli (moduli(5)).
func (b *builder) moduli() {
	data, lacks, none := b.moduliFile()
	if none {
		return // there is no such file: 0
	}
	if lacks != "" {
		b.unknown("sshd.moduli_bits", lacks)
	}
	least := wire.ParseGroups(data, 0).Smallest()
	if least == 0 {
		b.unknown("sshd.moduli_bits", "the list of moduli holds none")
		return
	}
	b.f.Sshd.ModuliBits = int64(least)
	b.f.Origin["sshd.moduli_bits"] = []Evidence{{Path: b.moduliPath(), Text: fmt.Sprintf("smallest group: %d bits", least)}}
}

// moduliFile gives the histogram, why it may not be whole, and whether it is
// known that there is no such file.
func (b *builder) moduliFile() (data []byte, lacks string, none bool) {
	data, lacks = b.whole(snapshot.OutModuli)
	file := b.moduliPath()
	g, ok := b.lacks.on(snapshot.OutModuli)
	none = ok && g.Kind == snapshot.GapMissing && strings.HasSuffix(g.Reason, "no "+file) &&
		b.fs.lookup(file) == nil && b.why(file) == "" && b.fs.lookup("/etc/ssh") != nil
	return data, lacks, none
}

// moduliPath is the file that the server reads (sshd_config(5), ModuliFile).
func (b *builder) moduliPath() string {
	if b.cfg != nil {
		if p := b.cfg.Globals().Get("ModuliFile").First(); strings.HasPrefix(p, "/") {
			return p
		}
	}
	return "/etc/ssh/moduli"
}

// groupExchange says how small a group the server hands out, and judges the group
// exchanges on offer by it.
func (b *builder) groupExchange() {
	const fact = "sshd.group_exchange_bits"
	offers, why := b.offersGroups()
	if why != "" {
		b.unknown(fact, why)
		return
	}
	if !offers {
		b.f.Origin[fact] = []Evidence{{Text: "no group exchange is offered"}}
		return
	}
	r, known := packages.ReleaseInBanner(b.f.Wire.Software)
	if !known {
		r, known = packages.ReleaseOf(b.f.Sshd.Version)
	}
	floor := 0
	if known && r.Compare(packages.Release{Major: 7, Minor: 2}) >= 0 {
		floor = 2048
	}
	data, lacks, none := b.moduliFile()
	bits := wire.ParseGroups(data, floor).Smallest()
	text := fmt.Sprintf("smallest group: %d bits", bits)
	switch {
	case !none && lacks != "" && (bits == 0 || floor == 0 || bits > floor):
		b.unknown(fact, lacks)
		return
	case bits > 0:
	case !known:
		b.unknown(fact, "which groups this server hands out without a moduli file is not known")
		return
	case r.Major < 10:
		bits, text = 2048, "no group of "+b.moduliPath()+" fits: the server takes one of its own, 2048 bits at the least" // dh.c, dh_new_group_fallback
	default:
		text = "no group of " + b.moduliPath() + " fits: the server hands out none"
	}
	b.f.Sshd.GroupExchangeBits = int64(bits)
	b.f.Origin[fact] = []Evidence{{Path: b.moduliPath(), Text: text}}
	for i := range b.f.Wire.Kex {
		if a := &b.f.Wire.Kex[i]; wire.GroupExchange(a.Name) {
			status, reason := wire.JudgeGroups(a.Name, bits)
			a.Status, a.Reason = status.String(), reason
		}
	}
}

// offersGroups reports whether the server offers group exchange: the wire knows,
// else the settings do.
func (b *builder) offersGroups() (offers bool, why string) {
	for _, u := range []string{"wire", "wire.kex"} {
		if why = b.f.Unknown[u]; why != "" {
			break
		}
	}
	if why == "" {
		return slices.ContainsFunc(b.f.Wire.Kex, func(a Algorithm) bool { return wire.GroupExchange(a.Name) }), ""
	}
	for _, u := range []string{"sshd", "sshd.kex_algorithms"} {
		if why = b.f.Unknown[u]; why != "" {
			return false, why
		}
	}
	return slices.ContainsFunc(b.f.Sshd.KexAlgorithms, wire.GroupExchange), ""
}

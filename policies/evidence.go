package policies

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/postern-ssh/postern/audit/facts"
)

// Bounds of the evidence of one outcome.
const (
	maxEvidence     = 20
	maxPassEvidence = 3 // of a list that passes: that it was looked at, not all of it
	maxPerItem      = 4
)

// evidence gives the places for single facts, or what the rule's own expression
// says.
func (w *world) evidence(c *code, s *scope) []facts.Evidence {
	var out []facts.Evidence
	if c.evidence != nil {
		list, ok := c.evidence.eval(s).(traits.Lister)
		if !ok {
			return nil // unknown: there is no place to show
		}
		size, _ := list.Size().(types.Int)
		for i := range size {
			switch e := list.Get(i).Value().(type) {
			case facts.Evidence:
				out = append(out, e)
			case *facts.Evidence:
				out = append(out, *e)
			}
		}
		return bound(out, 0)
	}
	for _, path := range c.places {
		out = append(out, w.f.Origin[path]...)
	}
	return bound(out, 0)
}

// itemEvidence gives the places of the items that failed.
func (w *world) itemEvidence(c *code, s *scope, bad []any) []facts.Evidence {
	var out []facts.Evidence
	shown := 0
	for _, item := range bad {
		if len(out) >= maxEvidence {
			break
		}
		shown++
		own := evidenceOf(item)
		own = slices.Clone(own[:min(len(own), maxPerItem)])
		if c.witness != nil && !slices.ContainsFunc(own, func(e facts.Evidence) bool { return e.Witness != "" }) {
			s.item = envs().base.CELTypeAdapter().NativeToValue(item)
			witness := c.witness.fill(s)
			s.item = nil
			if len(own) == 0 {
				own = []facts.Evidence{{}}
			}
			own[0].Witness = witness
		}
		out = append(out, own...)
	}
	return bound(out, len(bad)-shown)
}

// bound cuts evidence to what a reader can take in, and counts the rest. more is
// what was left out before.
func bound(all []facts.Evidence, more int) []facts.Evidence {
	var out []facts.Evidence
	for _, e := range all {
		e.Text, e.Witness = bounded(e.Text, maxText), bounded(e.Witness, maxText)
		if slices.Contains(out, e) {
			continue
		}
		if len(out) == maxEvidence {
			more++
			continue
		}
		out = append(out, e)
	}
	if more > 0 {
		out = append(out, facts.Evidence{Witness: fmt.Sprintf("and %d more", more)})
	}
	return out
}

// evidenceOf gives an item's own evidence.
func evidenceOf(item any) []facts.Evidence {
	v := reflect.ValueOf(item).Elem().FieldByName("Evidence")
	if !v.IsValid() {
		return nil
	}
	e, _ := v.Interface().([]facts.Evidence)
	return e
}

func firstEvidence(item any) []facts.Evidence {
	e := evidenceOf(item)
	return bound(e[:min(len(e), 1)], 0)
}

// evidencePlaces gives the files of evidence: lines move, files rarely.
func evidencePlaces(evidence []facts.Evidence) [][]string {
	var out [][]string
	for _, e := range evidence {
		if e.Path != "" && !slices.ContainsFunc(out, func(p []string) bool { return p[0] == e.Path }) {
			out = append(out, []string{e.Path})
		}
	}
	return out
}

// fingerprint is the stable identity of a finding: version, then SHA-256 over
// rule, host and places, cut to 16 bytes. The order of the places does not
// matter; every part carries its length, so that no two lists run together.
func fingerprint(rule, host string, places [][]string) string {
	encoded := make([]string, 0, len(places))
	for _, p := range places {
		var b []byte
		for _, part := range p {
			b = binary.AppendUvarint(b, uint64(len(part)))
			b = append(b, part...)
		}
		encoded = append(encoded, string(b))
	}
	slices.Sort(encoded)
	encoded = slices.Compact(encoded)
	h := sha256.New()
	var length [binary.MaxVarintLen64]byte
	for _, part := range append([]string{rule, host}, encoded...) {
		h.Write(length[:binary.PutUvarint(length[:], uint64(len(part)))])
		h.Write([]byte(part))
	}
	return "1:" + hex.EncodeToString(h.Sum(nil)[:16])
}

package policies

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/postern-ssh/postern/audit/facts"
)

// JudgeOptions are what judging needs beyond the facts.
type JudgeOptions struct {
	Host    string    // name, goes into fingerprints; "" takes the facts' own
	Now     time.Time // for waivers; the zero time takes the clock's
	Waivers []Waiver
	Allow   []CarveOut // logins that are meant to stay possible
}

// Judge asks every rule about one host: one outcome a rule, in the order of the
// catalogue. It never fails: a rule that cannot be evaluated is unknown. expired
// counts the waivers that have run out over a rule that fails.
func (c *Catalogue) Judge(f *facts.Facts, opt JudgeOptions) (outcomes []Outcome, expired int) {
	name := opt.Host
	if name == "" {
		name = f.Host.Name
	}
	w := newWorld(f, name)
	outcomes = make([]Outcome, len(c.rules))
	for i, r := range c.rules {
		o := &outcomes[i]
		*o = Outcome{Rule: r.ID, Severity: r.Severity, References: r.References, Remedy: r.Remedy}
		var places [][]string
		judge := w.list
		if r.code.list == nil {
			judge = w.single
		}
		if r.code.shared != nil {
			kept := r.code.shared(f).Once(r, func() any {
				at := judge(r, o)
				return &judged{*o, at}
			}).(*judged)
			*o, places = kept.outcome, kept.places
		} else {
			places = judge(r, o)
		}
		if o.Verdict == Fail || o.Verdict == Unknown {
			o.Fingerprint = fingerprint(r.ID, w.name, places)
		}
		if o.Verdict == Fail {
			expired += waive(o, opt)
		}
		if o.Verdict == Fail {
			expired += r.allow(w, o, opt)
		}
	}
	return outcomes, expired
}

// judged is what became of a rule whose facts many hosts share.
type judged struct {
	outcome Outcome // without its fingerprint
	places  [][]string
}

// single judges a rule about single facts. It gives the places of a fail.
func (w *world) single(r *Rule, o *Outcome) (places [][]string) {
	c := r.code
	s := w.newScope("")
	var reasons []string
	if c.when != nil {
		v := c.when.eval(s)
		reasons = w.lacks(c.when)
		switch {
		case len(reasons) > 0:
		case v == types.False:
			o.notApplicable(r)
			return nil
		case v != types.True:
			reasons = w.reasons(v, nil)
		}
	}
	if len(reasons) == 0 {
		v := c.pass.eval(s)
		reasons = w.lacks(c.pass)
		switch {
		case v != types.True && v != types.False:
			reasons = append(w.reasons(v, nil), reasons...)
		case len(reasons) > 0:
		default:
			o.Evidence = w.evidence(c, s)
			if v == types.True {
				o.pass(c, s)
				return nil
			}
			o.Verdict, o.Message = Fail, c.message.fill(s)
			return evidencePlaces(o.Evidence)
		}
	}
	o.unknown(r, reasons)
	return nil
}

// list judges a rule about every item of a list: one counter-example fails it,
// whatever could not be read; without one it passes only where all was read. It
// gives the places of a fail.
func (w *world) list(r *Rule, o *Outcome) (places [][]string) {
	c := r.code
	if reason, unknown := w.unknownAt(r.Each); unknown {
		o.unknown(r, []string{reason})
		return nil
	}
	s := w.newScope(r.Each)
	list := reflect.ValueOf(w.f).Elem().FieldByIndex(c.list.index)
	adapter := envs().base.CELTypeAdapter()
	// An item's verdict cannot be trusted where it was compared with a list that
	// may not be whole.
	reasons := append(w.lacks(c.when), w.lacks(c.pass)...)
	blind := len(reasons) > 0
	var bad, good []any
	count := 0
	simple := c.only != nil && w.knownField(r.Each, c.only)
	for i := range list.Len() {
		if simple && !c.only.passes(list.Index(i)) {
			continue
		}
		item := list.Index(i).Addr().Interface()
		s.item = adapter.NativeToValue(item)
		if c.when != nil && !simple {
			v := c.when.eval(s)
			if v == types.False {
				continue
			}
			if v != types.True {
				reasons = w.doubt(reasons, c, s, item, v)
				continue
			}
		}
		count++
		switch v := c.pass.eval(s); v {
		case types.True:
			if len(good) < maxPassEvidence {
				good = append(good, item)
			}
		case types.False:
			if !blind {
				bad = append(bad, item)
			}
		default:
			reasons = w.doubt(reasons, c, s, item, v)
		}
	}
	reasons = append(reasons, w.missing(r.Each, c.only)...)
	s.item = nil
	s.count = types.Int(count)
	switch {
	case len(bad) > 0:
		s.bad = adapter.NativeToValue(bad)
		o.Verdict, o.Message = Fail, c.message.fill(s)
		if c.evidence != nil {
			o.Evidence = w.evidence(c, s)
		} else {
			o.Evidence = w.itemEvidence(c, s, bad)
		}
		places = make([][]string, len(bad))
		for i, item := range bad {
			places[i] = identity(item)
		}
	case len(reasons) > 0:
		o.unknown(r, reasons)
	case count == 0 && r.Empty == NotApplicable:
		o.notApplicable(r)
	default:
		for _, item := range good {
			o.Evidence = append(o.Evidence, firstEvidence(item)...)
		}
		o.pass(c, s)
	}
	return places
}

func (o *Outcome) pass(c *code, s *scope) {
	o.Verdict, o.Message, o.Remedy = Pass, c.ok.fill(s), ""
}

func (o *Outcome) notApplicable(r *Rule) {
	o.Verdict, o.Message, o.Remedy = NotApplicable, r.Title+" (does not apply here)", ""
}

func (o *Outcome) unknown(r *Rule, reasons []string) {
	o.Verdict = Unknown
	o.Message = r.Title + " (could not be determined)"
	o.Reason = join(reasons)
	o.Remedy = ""
}

// reasons says why a value is no verdict: the unknown facts, or the error.
func (w *world) reasons(v ref.Val, item any) []string {
	switch v := v.(type) {
	case *types.Unknown:
		var out []string
		for _, id := range v.IDs() {
			trails, _ := v.GetAttributeTrails(id)
			for _, t := range trails {
				out = append(out, w.reason(t.String(), item))
			}
		}
		if len(out) > 0 {
			return out
		}
	case *types.Err:
		return []string{"the rule failed: " + v.Error()}
	}
	return []string{"the rule gave no verdict"}
}

// reason is the reason for one unknown attribute.
func (w *world) reason(trail string, item any) string {
	if r, ok := w.unknownAt(trail); ok {
		return r
	}
	name := trail[strings.LastIndexByte(trail, '.')+1:]
	if item == nil {
		return fmt.Sprintf("%s is not known", trail)
	}
	return fmt.Sprintf("%s: %s is not known", label(item), strings.ReplaceAll(name, "_", " "))
}

// doubt adds the reasons for which one item could not be judged.
func (w *world) doubt(reasons []string, c *code, s *scope, item any, v ref.Val) []string {
	// A million such items must not make a sentence of a million reasons.
	if len(reasons) > maxReasons*4 {
		return reasons
	}
	if _, unknown := v.(*types.Unknown); unknown {
		for _, b := range w.below[s.each] {
			reasons = append(reasons, b.reason)
		}
		if c.doubt != nil {
			return append(reasons, c.doubt.fill(s))
		}
		if len(w.below[s.each]) > 0 {
			return reasons
		}
	}
	return append(reasons, w.reasons(v, item)...)
}

const maxReasons = 3

// join makes one sentence of reasons, each once.
func join(reasons []string) string {
	var out []string
	seen := map[string]bool{}
	for _, r := range reasons {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	if n := len(out); n > maxReasons {
		out = append(out[:maxReasons:maxReasons], fmt.Sprintf("and %d more reasons", n-maxReasons))
	}
	for i := range out {
		out[i] = bounded(out[i], maxSentence/(maxReasons+1))
	}
	return strings.Join(out, "; ")
}

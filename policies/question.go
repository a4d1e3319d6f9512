package policies

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/postern-ssh/postern/audit/facts"
)

// Question is one question in CEL to the facts of a host, asked by a person. It is
// safe for use by one goroutine at a time.
type Question struct {
	Text string
	x    *expr
	list *expr // where the question is LIST.exists(...): the items for which it holds
}

// Answer is what the facts of one host say.
type Answer struct {
	Verdict  string           // yes, no, unknown
	Reason   string           // why it is unknown
	Items    []string         // for which it holds, as [facts.Evidence] names them; none where the question is about no list
	Evidence []facts.Evidence // of these items, or of the facts that the question names
}

// Bounds of a question: its length, and what evaluating it may cost in CEL's units. A
// step of a loop costs a few: 20 million take about two seconds.
const (
	maxQuestion     = 8 << 10
	maxQuestionCost = 20_000_000
)

// existsOf is a question about one list alone.
var existsOf = regexp.MustCompile(`(?s)^\s*([a-z_]+(?:\.[a-z_]+)*)\.exists\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*,(.*)\)\s*$`)

// NewQuestion compiles a question; the error says where it is wrong, and what may
// have been meant.
func NewQuestion(text string) (*Question, error) {
	if len(text) > maxQuestion {
		return nil, fmt.Errorf("the question is longer than %d bytes", maxQuestion)
	}
	x, bad := compile(envs().base, text, cel.BoolType, cel.CostLimit(maxQuestionCost))
	if len(bad) > 0 {
		p := bad[0]
		err := fmt.Errorf("character %d: %s", p.offset+1, p.message)
		if p.hint != "" {
			err = fmt.Errorf("%w\n%s", err, p.hint)
		}
		return nil, err
	}
	q := &Question{Text: text, x: x}
	if m := existsOf.FindStringSubmatch(text); m != nil {
		// Another question than a plain one does not compile so, and shows no items.
		if list, bad := compile(envs().base, m[1]+".filter("+m[2]+","+m[3]+")", nil, cel.CostLimit(maxQuestionCost)); len(bad) == 0 {
			q.list = list
		}
	}
	return q, nil
}

// Ask puts the question to the facts of one host. No needs proof as much as yes: where
// a list that it names may lack items, or a fact is not known, the answer is unknown.
func (q *Question) Ask(f *facts.Facts) Answer {
	w := newWorld(f, f.Host.Name)
	s := w.newScope("")
	v := q.x.eval(s)
	lacks := w.lacks(q.x)
	switch v {
	case types.True:
		a := Answer{Verdict: "yes"}
		// What was seen is there, but that something is not there was not seen.
		if len(lacks) > 0 && !q.positive() {
			return Answer{Verdict: "unknown", Reason: join(lacks)}
		}
		q.show(w, s, &a)
		return a
	case types.False:
		if len(lacks) > 0 {
			return Answer{Verdict: "unknown", Reason: join(lacks)}
		}
		return Answer{Verdict: "no"}
	}
	reasons := w.reasons(v, nil)
	if e, ok := v.(*types.Err); ok {
		reasons = []string{"the question could not be answered: " + e.Error()}
	}
	return Answer{Verdict: "unknown", Reason: join(append(reasons, lacks...))}
}

// positive reports a question that only what is there can answer with yes.
func (q *Question) positive() bool { return q.list != nil }

// show adds what the answer rests on.
func (q *Question) show(w *world, s *scope, a *Answer) {
	var out []facts.Evidence
	if q.list != nil {
		if list, ok := q.list.eval(s).(traits.Lister); ok {
			n, _ := list.Size().(types.Int)
			for i := range min(n, 100) {
				item := pointer(list.Get(i))
				if item == nil {
					continue
				}
				a.Items = append(a.Items, bounded(label(item), maxText))
				own := evidenceOf(item)
				out = append(out, own[:min(len(own), maxPerItem)]...)
			}
			a.Evidence = bound(out, 0)
			return
		}
	}
	for _, p := range q.x.paths {
		out = append(out, w.f.Origin[p]...)
	}
	a.Evidence = bound(out, 0)
}

// pointer gives an item of a list as the rest of the package takes it.
func pointer(v ref.Val) any {
	r := reflect.ValueOf(v.Value())
	if r.Kind() == reflect.Pointer && r.Elem().Kind() == reflect.Struct {
		return r.Interface()
	}
	if r.Kind() != reflect.Struct {
		return nil
	}
	p := reflect.New(r.Type())
	p.Elem().Set(r)
	return p.Interface()
}

// Names gives the facts that the question names, as far down as it names them: "jobs",
// "host.os".
func (q *Question) Names() []string { return slices.Clone(q.x.paths) }

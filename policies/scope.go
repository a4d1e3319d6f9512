package policies

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/postern-ssh/postern/audit/facts"
)

// world is one host's facts, ready for many expressions.
type world struct {
	f       *facts.Facts
	name    string // of the host
	vars    map[string]ref.Val
	unknown []*cel.AttributePatternType
	// unknownRoots are the facts of the first level below which something is unknown.
	unknownRoots map[string]bool
	// lacking maps a list fact to the reasons why it may lack items.
	lacking map[string][]lack
	// below maps a list fact to the fields that are unknown in all its items.
	below map[string][]below
}

type below struct {
	reason string
	fields []string
}

func newWorld(f *facts.Facts, name string) *world {
	words := vocabulary()
	w := &world{f: f, name: name, vars: make(map[string]ref.Val, len(words.roots)), lacking: map[string][]lack{}, unknownRoots: map[string]bool{}}
	adapter := envs().base.CELTypeAdapter()
	value := reflect.ValueOf(f).Elem()
	for _, root := range words.roots {
		field := value.Field(root.index)
		if field.Kind() == reflect.Struct {
			field = field.Addr()
		}
		w.vars[root.name] = adapter.NativeToValue(field.Interface())
	}
	for _, path := range sortedKeys(f.Unknown) {
		fact, rest, ok := words.split(path)
		if !ok {
			continue // UnknownPaths names it
		}
		entry := words.known[fact]
		if rest == "" || entry.typ.Kind() == reflect.Map {
			w.unknown = append(w.unknown, pattern(path))
			root, _, _ := strings.Cut(path, ".")
			w.unknownRoots[root] = true
			continue
		}
		reason := because(f.Unknown[path], path)
		if strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "[].") {
			if w.below == nil {
				w.below = map[string][]below{}
			}
			fields := strings.Split(rest[strings.IndexByte(rest, '.')+1:], ".")
			w.below[fact] = append(w.below[fact], below{reason, fields})
			continue
		}
		// One item, by a number that the list need not have: the list is not whole.
		w.lacking[fact] = append(w.lacking[fact], lack{reason: reason})
	}
	for _, path := range sortedKeys(f.Gaps) {
		fact, _, ok := words.split(path)
		if !ok {
			continue
		}
		for _, g := range f.Gaps[path] {
			w.lacking[fact] = append(w.lacking[fact], lack{because(g.Reason, g.Path), g.Role})
		}
	}
	return w
}

// lack is a reason why a list may lack items; with a role, items of that role only.
type lack struct{ reason, role string }

// missing gives the reasons for which items that go by o may be missing from a
// list; a nil o takes all items.
func (w *world) missing(list string, o *only) []string {
	var out []string
	for _, l := range w.lacking[list] {
		if l.role == "" || o == nil || o.field != "role" || contains(o.values, l.role) {
			out = append(out, l.reason)
		}
	}
	return out
}

// because is a reason with what it is about.
func because(reason, about string) string {
	switch {
	case reason == "":
		return about + " could not be read"
	case about == "" || strings.Contains(reason, about):
		return reason
	}
	return about + ": " + reason
}

func pattern(path string) *cel.AttributePatternType {
	segments := strings.Split(path, ".")
	p := cel.AttributePattern(segments[0])
	for _, s := range segments[1:] {
		p = p.QualString(s)
	}
	return p
}

// unknownAt gives the reason for which the fact at path is unknown as a whole.
func (w *world) unknownAt(path string) (reason string, unknown bool) {
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		if r, ok := w.f.Unknown[path[:end]]; ok {
			return because(r, path[:end]), true
		}
	}
	return "", false
}

// lacks gives the reasons for which any list that an expression mentions by its
// own name, not as item, may not be whole. Where a list stands is not known to
// three-valued logic, so the expression's value cannot be trusted then.
func (w *world) lacks(x *expr) []string {
	if x == nil || len(w.lacking) == 0 && len(w.below) == 0 {
		return nil
	}
	var out []string
	for _, p := range x.paths {
		for _, list := range vocabulary().lists {
			if p != list && !strings.HasPrefix(list, p+".") {
				continue
			}
			for _, l := range w.lacking[list] {
				out = append(out, l.reason)
			}
			for _, b := range w.below[list] {
				out = append(out, b.reason)
			}
		}
	}
	return out
}

// scope is what one evaluation sees: the world and, in list rules, one item or
// the outcome of all. It is used by one goroutine.
type scope struct {
	*world
	each    string
	item    ref.Val
	bad     ref.Val
	count   ref.Val
	unknown []*cel.AttributePatternType // of the world, and of every item
	doubted bool                        // an item's own fields are among them
	partial bool                        // the expression at hand mentions some of them
}

// begin readies the scope for one expression. Asking at every name whether it is
// unknown is a third of an evaluation's work, and few expressions need it.
func (s *scope) begin(e *expr) {
	s.partial = s.doubted && e.mentions(varItem)
	for _, root := range e.roots {
		s.partial = s.partial || s.unknownRoots[root]
	}
}

// ResolveName gives a variable.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case varItem:
		return s.item, s.item != nil
	case varBad:
		return s.bad, s.bad != nil
	case varCount:
		return s.count, s.count != nil
	}
	v, ok := s.vars[name]
	return v, ok
}

// Parent is nil: a scope stands alone.
func (s *scope) Parent() interpreter.Activation { return nil }

// UnknownAttributePatterns gives the facts that could not be determined.
func (s *scope) UnknownAttributePatterns() []*cel.AttributePatternType { return s.unknown }

// AsPartialActivation makes the evaluation a partial one where it has to be.
func (s *scope) AsPartialActivation() (interpreter.PartialActivation, bool) { return s, s.partial }

// newScope gives a scope for rules over the list at each, or for "" over single facts.
func (w *world) newScope(each string) *scope {
	s := &scope{world: w, each: each, unknown: w.unknown}
	if fields := w.below[each]; len(fields) > 0 {
		s.doubted = true
		s.unknown = append([]*cel.AttributePatternType(nil), w.unknown...)
		for _, b := range fields {
			s.unknown = append(s.unknown, pattern(varItem+"."+strings.Join(b.fields, ".")))
		}
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

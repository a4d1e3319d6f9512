package policies

import (
	"reflect"
	"sort"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"

	"github.com/postern-ssh/postern/audit/facts"
)

var evidenceList = reflect.TypeFor[[]facts.Evidence]()

type field struct {
	name  string
	typ   reflect.Type
	index int
}

// fields yields the fields of a facts struct that rules can name.
func fields(t reflect.Type) func(func(field) bool) {
	return func(yield func(field) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if name := f.Tag.Get("cel"); name != "" && !yield(field{name, f.Type, i}) {
				return
			}
		}
	}
}

func celType(t reflect.Type) *cel.Type {
	switch t.Kind() {
	case reflect.Bool:
		return cel.BoolType
	case reflect.Int, reflect.Int64:
		return cel.IntType
	case reflect.String:
		return cel.StringType
	case reflect.Slice:
		return cel.ListType(celType(t.Elem()))
	case reflect.Map:
		return cel.MapType(celType(t.Key()), celType(t.Elem()))
	case reflect.Struct:
		return cel.ObjectType(t.String())
	}
	return cel.DynType
}

// words is the vocabulary in the form that the engine uses.
type words struct {
	roots []field          // the top-level variables
	known map[string]*word // by path, not below lists
	names []string         // of all variables and fields, for near names
	lists []string         // paths that each: may name
	types []reflect.Type   // of the items of lists, each once
}

type word struct {
	index []int        // way from Facts
	typ   reflect.Type //
	item  reflect.Type // of a list of structs; else nil
}

var vocabulary = sync.OnceValue(func() *words {
	w := &words{known: map[string]*word{}}
	seen := map[string]bool{}
	items := map[reflect.Type]bool{}
	var names func(t reflect.Type)
	names = func(t reflect.Type) {
		for f := range fields(t) {
			seen[f.name] = true
			if f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Struct {
				names(f.typ.Elem())
			}
		}
	}
	var walk func(prefix string, index []int, t reflect.Type)
	walk = func(prefix string, index []int, t reflect.Type) {
		for f := range fields(t) {
			at := append(append([]int(nil), index...), f.index)
			entry := &word{index: at, typ: f.typ}
			path := prefix + f.name
			w.known[path] = entry
			seen[f.name] = true
			switch {
			case f.typ.Kind() == reflect.Struct:
				walk(path+".", at, f.typ)
			case f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Struct:
				entry.item = f.typ.Elem()
				w.lists = append(w.lists, path)
				if !items[entry.item] {
					items[entry.item] = true
					w.types = append(w.types, entry.item)
				}
				names(entry.item)
			}
		}
	}
	for f := range fields(reflect.TypeFor[facts.Facts]()) {
		w.roots = append(w.roots, f)
	}
	walk("", nil, reflect.TypeFor[facts.Facts]())
	for n := range seen {
		w.names = append(w.names, n)
	}
	sort.Strings(w.names)
	sort.Strings(w.lists)
	return w
})

// split cuts a path of Facts.Unknown or Facts.Gaps into the part that names a
// fact and what lies below it: below a list ("jobs.targets", "jobs[3].user") or
// in a map ("host.labels.env"). ok is false where no fact has that name.
func (w *words) split(path string) (fact, below string, ok bool) {
	for end := len(path); end > 0; end = strings.LastIndexAny(path[:end], ".[") {
		if entry := w.known[path[:end]]; entry != nil {
			if end < len(path) && entry.item == nil && entry.typ.Kind() != reflect.Map {
				return "", "", false
			}
			return path[:end], path[end:], true
		}
	}
	return "", "", false
}

// paths gives all paths that are not below a list, sorted.
func (w *words) paths() []string {
	out := make([]string, 0, len(w.known))
	for p := range w.known {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// UnknownPaths gives the paths in the facts' Unknown, Gaps and Origin that name
// no fact: a slip in the code that made them, since no rule will heed them.
func UnknownPaths(f *facts.Facts) []string {
	w := vocabulary()
	var out []string
	add := func(kind, path string) {
		if _, _, ok := w.split(path); !ok {
			out = append(out, kind+" "+path)
		}
	}
	for p := range f.Unknown {
		add("unknown", p)
	}
	for p := range f.Gaps {
		add("gaps", p)
	}
	for p := range f.Origin {
		add("origin", p)
	}
	sort.Strings(out)
	return out
}

// threeValued names the string fields whose value "unknown" means that the fact
// could not be determined. The engine makes it CEL's unknown, so that no rule
// can take it for a pass.
func threeValued(typeName, field string) bool {
	switch typeName {
	case "facts.Access":
		return field == "password" || field == "public_key" || field == "empty" || field == "other"
	case "facts.Account":
		return field == "password"
	case "facts.Algorithm":
		return field == "status"
	case "facts.Expected":
		return field == "state"
	case "facts.HostKey":
		return field == "offered"
	case "facts.PrivateKey":
		return field == "encrypted"
	case "facts.Target":
		return field == "exists" || field == "writable"
	case "facts.Vulnerability":
		return field == "exposed"
	}
	return false
}

// identity names one item of a list in a way that stays the same when lines
// move, processes restart or prose changes. The parts go into fingerprints.
func identity(item any) []string {
	switch x := item.(type) {
	case *facts.Access:
		return []string{x.User, x.From}
	case *facts.Account:
		return []string{x.Name}
	case *facts.Algorithm:
		return []string{x.Name}
	case *facts.AuthorizedKey:
		return []string{x.Path, x.User, x.Fingerprint}
	case *facts.Burst:
		return append([]string{x.Start}, x.Paths...)
	case *facts.Daemon:
		return append([]string{x.Kind, x.Exe, x.Config}, x.Listens...)
	case *facts.Disagreement:
		return []string{x.Setting}
	case *facts.Drift:
		return []string{x.Kind, x.What, x.Subject}
	case *facts.Expected:
		return []string{x.Match, x.User}
	case *facts.File:
		return []string{x.Path, x.Role}
	case *facts.HostKey:
		return []string{x.Type, x.Fingerprint}
	case *facts.Job:
		return []string{x.Path, x.User, x.Command}
	case *facts.Moment:
		return []string{x.Path, x.Time}
	case *facts.OddTime:
		return []string{x.Path, x.Kind}
	case *facts.Package:
		return []string{x.Manager, x.Name}
	case *facts.PrivateKey:
		return []string{x.Path}
	case *facts.Table:
		return []string{x.Path, x.User}
	case *facts.TableOrigin:
		return []string{x.Path}
	case *facts.UnheldJob:
		return []string{x.User, x.Command}
	case *facts.Vulnerability:
		return []string{x.ID, x.Package}
	}
	return nil
}

// label names one item for people, in a reason.
func label(item any) string {
	switch x := item.(type) {
	case *facts.Access:
		if x.From == "" {
			return x.User
		}
		return x.User + " (" + x.From + ")"
	case *facts.AuthorizedKey:
		return x.Path + " of " + x.User
	case *facts.Daemon:
		return x.Kind + " " + strings.Join(x.Listens, " ")
	case *facts.Expected:
		return x.Match
	case *facts.HostKey:
		return x.Type
	case *facts.Job:
		return x.Path + " of " + x.User
	}
	for _, p := range identity(item) {
		if p != "" {
			return p
		}
	}
	return "an entry"
}

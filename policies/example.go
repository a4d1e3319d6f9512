package policies

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/postern-ssh/postern/audit/facts"
)

var (
	exampleKeys = []string{"name", "facts", "unknown", "gaps", "want", "message"}
	wants       = []string{string(Pass), string(Fail), string(Unknown), string(NotApplicable)}
)

// examples reads the examples of a rule.
func (r *reader) examples(rule *Rule, n ast.Node) {
	for _, v := range r.items(n, "examples") {
		e := Example{Pos: r.node(v)}
		var world ast.Node
		r.pairs(v, "an example", func(key string, at Pos, value ast.Node) {
			switch key {
			case "name":
				s, _ := r.word(value, key)
				e.Name = line(s)
			case "want":
				s, ok := r.word(value, key)
				e.Want = Verdict(s.text)
				if ok && !contains(wants, s.text) {
					r.fault(s.pos, fmt.Sprintf("unknown verdict %q", bounded(s.text, 60)), meant(s.text, wants))
				}
			case "message":
				s, _ := r.word(value, key)
				e.Message = line(s)
			case "facts":
				world = value
			case "unknown":
				e.Unknown = map[string]string{}
				r.reasons(value, "unknown", func(path, reason string) { e.Unknown[path] = reason })
			case "gaps":
				e.Gaps = map[string][]facts.Gap{}
				r.reasons(value, "gaps", func(path, reason string) {
					e.Gaps[path] = append(e.Gaps[path], facts.Gap{Reason: reason})
				})
			default:
				r.fault(at, fmt.Sprintf("unknown key %q in an example", key), meant(key, exampleKeys))
			}
		})
		if e.Name == "" {
			r.fault(e.Pos, `the example has no "name"`, "say in a few words what it shows")
		}
		if e.Want == "" {
			r.fault(e.Pos, `the example has no "want"`, "one of "+strings.Join(wants, ", "))
		}
		if world != nil {
			var scratch facts.Facts
			r.lay(world, reflect.ValueOf(&scratch).Elem(), "facts")
			// Laid again over each neutral host: the tree is kept, not its values, so
			// that what an example does not name stays as the neutral host has it.
			e.facts = func(f *facts.Facts) Faults {
				again := &reader{document: document{name: r.name, text: r.text, rule: rule.ID}}
				again.lay(world, reflect.ValueOf(f).Elem(), "facts")
				return again.faults
			}
		}
		rule.Examples = append(rule.Examples, e)
	}
}

// reasons reads a list of fact paths, or a mapping of fact paths to reasons.
func (r *reader) reasons(n ast.Node, what string, set func(path, reason string)) {
	check := func(path string, at Pos) {
		if _, _, ok := vocabulary().split(path); !ok {
			r.fault(at, fmt.Sprintf("%s names no fact: %q", what, bounded(path, 60)), meant(path, vocabulary().paths()))
		}
	}
	if _, ok := n.(*ast.SequenceNode); ok {
		for _, v := range r.items(n, what) {
			if s, ok := r.word(v, "a path in "+what); ok {
				check(s.text, s.pos)
				set(s.text, "not readable in this example")
			}
		}
		return
	}
	r.pairs(n, what, func(key string, at Pos, value ast.Node) {
		if s, ok := r.word(value, "the reason of "+key); ok {
			check(key, at)
			set(key, line(s))
		}
	})
}

// lay sets what n names in v. A list that is named replaces the one that was
// there; its items begin as zero values.
func (r *reader) lay(n ast.Node, v reflect.Value, what string) {
	switch v.Kind() {
	case reflect.Struct:
		var names []string
		byName := map[string]int{}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name == "unknown" || name == "gaps" {
				continue // an example has keys of its own for them
			}
			names = append(names, name)
			byName[name] = i
		}
		r.pairs(n, what, func(key string, at Pos, value ast.Node) {
			i, ok := byName[key]
			if !ok {
				hint := meant(key, names)
				if key == "unknown" || key == "gaps" {
					hint = "it stands beside facts, not in it"
				}
				r.fault(at, fmt.Sprintf("unknown fact %q in %s", bounded(key, 60), what), hint)
				return
			}
			r.lay(value, v.Field(i), key)
		})
	case reflect.Slice:
		nodes := r.items(n, what)
		list := reflect.MakeSlice(v.Type(), len(nodes), len(nodes))
		for i, node := range nodes {
			r.lay(node, list.Index(i), what)
		}
		v.Set(list)
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		r.pairs(n, what, func(key string, at Pos, value ast.Node) {
			elem := reflect.New(v.Type().Elem()).Elem()
			r.lay(value, elem, what+"."+key)
			m.SetMapIndex(reflect.ValueOf(key), elem)
		})
		v.Set(m)
	default:
		s, ok := r.scalar(n)
		if !ok {
			r.fault(r.node(n), fmt.Sprintf("%s must be %s, it is %s", what, celType(v.Type()), kind(n)), "")
			return
		}
		r.set(s, v, what)
	}
}

func (r *reader) set(s scalar, v reflect.Value, what string) {
	wrong := func() {
		r.fault(s.pos, fmt.Sprintf("%s must be %s, it is %q", what, celType(v.Type()), bounded(s.text, 60)), "")
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s.text)
	case reflect.Bool:
		switch s.text {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			wrong()
		}
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(s.text, 10, 64)
		if err != nil {
			wrong()
			return
		}
		v.SetInt(i)
	default:
		wrong()
	}
}

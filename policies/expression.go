package policies

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/postern-ssh/postern/audit/facts"
)

// expr is one compiled CEL expression.
type expr struct {
	program cel.Program
	root    ast.Expr // as checked
	paths   []string // facts that it mentions, as far as the vocabulary names them; in the order of the text
	roots   []string // facts of the first level that these begin with
	locals  []string // of item, bad and count, those that it mentions
}

// eval gives the value, an unknown or an error; never nil.
func (e *expr) eval(s *scope) ref.Val {
	s.begin(e)
	v, _, err := e.program.Eval(s)
	if err != nil {
		return types.WrapErr(err)
	}
	if v == nil {
		return types.NewErr("no value")
	}
	return v
}

func (e *expr) mentions(local string) bool {
	for _, l := range e.locals {
		if l == local {
			return true
		}
	}
	return false
}

// The variables beside the facts.
const (
	varItem  = "item"  // in when, pass, witness, doubt: the item of the list at hand
	varBad   = "bad"   // in message: the items that failed
	varCount = "count" // in message and ok: how many items were judged
)

// settled is put around each field of three values; see [threeValued]. Its name
// cannot be written in CEL.
const settled = "@settled"

// environments holds the CEL environments: one for rules about single facts, and
// one for each type of list item.
type environments struct {
	base  *cel.Env
	items map[reflect.Type]*cel.Env
}

var envs = sync.OnceValue(func() *environments {
	opts := []cel.EnvOption{
		ext.NativeTypes(reflect.TypeFor[facts.Facts](), ext.ParseStructTag("cel")),
		ext.Strings(ext.StringsVersion(2)), // join, split, lowerAscii and the like
		cel.Function(settled, cel.Overload("settled_string_string",
			[]*cel.Type{cel.StringType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(value, name ref.Val) ref.Val {
				if value == types.String("unknown") {
					return types.NewUnknown(0, types.NewAttributeTrail(string(name.(types.String))))
				}
				return value
			}))),
	}
	w := vocabulary()
	for _, f := range w.roots {
		opts = append(opts, cel.Variable(f.name, celType(f.typ)))
	}
	base, err := cel.NewEnv(opts...)
	if err != nil {
		panic("policies: the CEL environment: " + err.Error()) // our own declarations; a test loads them
	}
	e := &environments{base: base, items: make(map[reflect.Type]*cel.Env, len(w.types))}
	for _, t := range w.types {
		item := celType(t)
		env, err := base.Extend(cel.Variable(varItem, item), cel.Variable(varBad, cel.ListType(item)), cel.Variable(varCount, cel.IntType))
		if err != nil {
			panic("policies: the CEL environment of " + t.String() + ": " + err.Error())
		}
		e.items[t] = env
	}
	return e
})

// problem is a mistake in an expression; offset counts characters.
type problem struct {
	offset  int
	message string
	hint    string
}

// compile checks and plans an expression that must have the type want; nil
// allows any.
//
// In a question, a field of three values is unknown where it says so; in a
// sentence (want is nil) it is the word that it is.
func compile(env *cel.Env, src string, want *cel.Type, more ...cel.ProgramOption) (*expr, []problem) {
	checked, issues := env.Compile(src)
	if issues.Err() != nil {
		var out []problem
		for _, e := range issues.Errors() {
			out = append(out, explain(src, e.Location.Line(), e.Location.Column(), e.Message))
		}
		return nil, out
	}
	if want != nil && !checked.OutputType().IsEquivalentType(want) && checked.OutputType() != cel.DynType {
		p := problem{message: fmt.Sprintf("must be %s, it is %s", want, checked.OutputType())}
		if want == cel.BoolType {
			p.hint = "ask a question: compare the value with the one that is wanted"
		}
		return nil, []problem{p}
	}
	tree := checked.NativeRep()
	x := &expr{root: tree.Expr()}
	if p := x.survey(tree); p != nil {
		return nil, []problem{*p}
	}
	for _, p := range x.paths {
		root, _, _ := strings.Cut(p, ".")
		if !contains(x.roots, root) {
			x.roots = append(x.roots, root)
		}
	}
	if want != nil {
		settle(tree)
	}
	program, err := env.Program(checked, append([]cel.ProgramOption{cel.EvalOptions(cel.OptPartialEval)}, more...)...)
	if err != nil {
		return nil, []problem{{message: err.Error()}}
	}
	x.program = program
	return x, nil
}

// survey notes what the expression mentions, and refuses what would make a rule
// say something other than it seems to.
func (x *expr) survey(tree *ast.AST) (bad *problem) {
	w := vocabulary()
	once := func(list *[]string, name string) {
		if !contains(*list, name) {
			*list = append(*list, name)
		}
	}
	inner := map[int64]bool{} // operands of a select that was noted whole
	refuse := func(e ast.Expr, message, hint string) {
		if bad == nil {
			at, _ := tree.SourceInfo().GetOffsetRange(e.ID())
			bad = &problem{offset: int(at.Start), message: message, hint: hint}
		}
	}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			name := e.AsIdent()
			switch {
			case inner[e.ID()]:
			case name == varItem || name == varBad || name == varCount:
				once(&x.locals, name)
			case w.known[name] != nil:
				once(&x.paths, name)
			}
		case ast.SelectKind:
			if e.AsSelect().IsTestOnly() && strings.HasPrefix(tree.GetType(e.AsSelect().Operand().ID()).String(), "facts.") {
				refuse(e, "has() cannot ask whether a fact is known", `compare the value; what could not be read is unknown by itself`)
			}
			if inner[e.ID()] {
				return
			}
			if p, ok := chain(w, e); ok {
				once(&x.paths, p)
				for o := e.AsSelect().Operand(); ; o = o.AsSelect().Operand() {
					inner[o.ID()] = true
					if o.Kind() != ast.SelectKind {
						break
					}
				}
			}
		case ast.ComprehensionKind:
			c := e.AsComprehension()
			for _, v := range []string{c.IterVar(), c.IterVar2()} {
				if w.known[v] != nil || v == varItem || v == varBad || v == varCount {
					refuse(e, fmt.Sprintf("the variable %q hides the fact of that name", v), "give it another name")
				}
			}
		}
	}))
	return bad
}

// chain gives the longest path of the vocabulary that a select spells.
func chain(w *words, e ast.Expr) (string, bool) {
	var names []string
	for ; e.Kind() == ast.SelectKind; e = e.AsSelect().Operand() {
		names = append(names, e.AsSelect().FieldName())
	}
	if e.Kind() != ast.IdentKind || w.known[e.AsIdent()] == nil {
		return "", false
	}
	path := e.AsIdent()
	for i := len(names) - 1; i >= 0; i-- {
		next := path + "." + names[i]
		if w.known[next] == nil {
			break
		}
		path = next
	}
	return path, true
}

// settle puts the function settled around each field of three values.
func settle(tree *ast.AST) {
	var found []ast.Expr
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly() &&
			threeValued(tree.GetType(e.AsSelect().Operand().ID()).String(), e.AsSelect().FieldName()) {
			found = append(found, e)
		}
	}))
	if len(found) == 0 {
		return
	}
	next := ast.MaxID(tree)
	factory := ast.NewExprFactory()
	for _, e := range found {
		operand, field := e.AsSelect().Operand(), e.AsSelect().FieldName()
		name := strings.ToLower(strings.TrimPrefix(tree.GetType(operand.ID()).String(), "facts."))
		inner := factory.NewSelect(next+1, operand, field)
		text := factory.NewLiteral(next+2, types.String(name+"."+field))
		tree.SetType(next+1, types.StringType)
		tree.SetType(next+2, types.StringType)
		next += 2
		e.SetKindCase(factory.NewCall(e.ID(), settled, inner, text))
		tree.SetReference(e.ID(), ast.NewFunctionReference("settled_string_string"))
	}
}

var (
	undeclared = regexp.MustCompile(`undeclared reference to '([^']*)'`)
	undefined  = regexp.MustCompile(`undefined field '([^']*)'`)
)

// explain turns an error of CEL's into a problem with a way out.
func explain(src string, line, column int, message string) problem {
	p := problem{offset: offset(src, line, column)}
	w := vocabulary()
	message, _, _ = strings.Cut(message, "\n")
	switch {
	case undeclared.MatchString(message):
		name := undeclared.FindStringSubmatch(message)[1]
		p.message = fmt.Sprintf("unknown name %q", name)
		var roots []string
		for _, f := range w.roots {
			roots = append(roots, f.name)
		}
		p.hint = meant(name, append(roots, varItem, varBad, varCount))
		switch name {
		case varItem, varBad, varCount:
			p.hint = `only rules with "each" have it`
		}
	case undefined.MatchString(message):
		name := undefined.FindStringSubmatch(message)[1]
		p.message, p.hint = fmt.Sprintf("unknown field %q", name), meant(name, w.names)
	case strings.HasPrefix(message, "Syntax error: "):
		message, _, _ = strings.Cut(strings.TrimPrefix(message, "Syntax error: "), " expecting ")
		p.message = "not CEL: " + bounded(message, 200)
		if strings.Contains(message, "<EOF>") {
			p.message, p.hint = "not CEL: the expression ends too soon", "finish it"
		} else {
			p.hint = "CEL knows && || ! == != < <= > >= in and methods like .exists(x, ...)"
		}
	case strings.HasPrefix(message, "found no matching overload"):
		p.message = bounded(message, 200)
		p.hint = "the types do not go together; postern facts lists them"
	default:
		p.message = bounded(message, 200)
	}
	return p
}

// offset counts the characters of src before a place; lines count from 1,
// columns from 0.
func offset(src string, line, column int) int {
	n := 0
	for ; line > 1; line-- {
		head, rest, ok := strings.Cut(src, "\n")
		if !ok {
			break
		}
		n += utf8.RuneCountInString(head) + 1
		src = rest
	}
	return n + max(0, column)
}

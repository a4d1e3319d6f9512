package policies

import (
	"reflect"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// only is what a when over a list says in the form item.field == "text", or
// several of that joined by ||. Most items of long lists go by it alone, and
// looking at a string costs a hundredth of evaluating CEL.
type only struct {
	field  string
	index  int      // of the field in the item's type
	values []string // the texts that go on
}

// passes reports whether an item goes on.
func (o *only) passes(item reflect.Value) bool {
	return contains(o.values, item.Field(o.index).String())
}

// onlyOf reads a checked when over items of type t; nil where it asks for more.
func onlyOf(e ast.Expr, t reflect.Type) *only {
	if e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case operators.LogicalOr:
		var out *only
		for _, a := range args {
			o := onlyOf(a, t)
			if o == nil || out != nil && out.field != o.field {
				return nil
			}
			if out != nil {
				o.values = append(out.values, o.values...)
			}
			out = o
		}
		return out
	case operators.Equals:
		if args[0].Kind() != ast.SelectKind || args[1].Kind() != ast.LiteralKind {
			return nil
		}
		sel := args[0].AsSelect()
		text, isText := args[1].AsLiteral().(types.String)
		if !isText || sel.IsTestOnly() || sel.Operand().Kind() != ast.IdentKind || sel.Operand().AsIdent() != varItem {
			return nil
		}
		if threeValued(t.String(), sel.FieldName()) {
			return nil
		}
		for f := range fields(t) {
			if f.name == sel.FieldName() && f.typ == reflect.TypeFor[string]() {
				return &only{field: f.name, index: f.index, values: []string{string(text)}}
			}
		}
	}
	return nil
}

// knownField reports whether the field that o asks about is known in every item.
func (w *world) knownField(each string, o *only) bool {
	for _, b := range w.below[each] {
		if b.fields[0] == o.field {
			return false
		}
	}
	return true
}

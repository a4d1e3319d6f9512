package facts

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"reflect"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// source is this package's own vocabulary, so that its comments are the one
// place where a fact is described.
//
//go:embed facts.go
var source string

// Describe prints the vocabulary: every fact with its type and what it means,
// wrapped at width columns.
func Describe(w io.Writer, width int) error {
	file, err := parser.ParseFile(token.NewFileSet(), "facts.go", source, parser.ParseComments)
	if err != nil {
		return err
	}
	structs := map[string]*ast.StructType{}
	docs := map[string]string{}
	for _, d := range file.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			ts, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			if st, ok := ts.Type.(*ast.StructType); ok {
				structs[ts.Name.Name] = st
				docs[ts.Name.Name] = strings.Join(strings.Fields(gen.Doc.Text()), " ")
			}
		}
	}
	var describe func(prefix, name string) error
	describe = func(prefix, name string) error {
		for _, f := range structs[name].Fields.List {
			if f.Tag == nil {
				continue
			}
			cel := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("cel")
			if cel == "" {
				continue
			}
			typ, nested := typeName(f.Type)
			path := prefix + cel
			comment := strings.TrimSpace(f.Comment.Text())
			if prefix == "" {
				fmt.Fprintln(w)
				if comment == "" {
					comment = docs[nested]
				}
			}
			if _, err := fmt.Fprintln(w, wrapped(path+" "+typ, comment, width)); err != nil {
				return err
			}
			if structs[nested] != nil && nested != "Evidence" {
				sub := path + "."
				if strings.HasPrefix(typ, "list") {
					sub = path + "[]."
				}
				if err := describe(sub, nested); err != nil {
					return err
				}
			}
		}
		return nil
	}
	fmt.Fprintln(w, "What rules can ask. A list's fields are those of its items; a fact that could")
	fmt.Fprintln(w, "not be determined is unknown, and a rule that depends on it is unknown too.")
	return describe("", "Facts")
}

func wrapped(head, comment string, width int) string {
	if comment == "" {
		return head
	}
	const column = 8
	one := head + "  " + comment
	if width == 0 || len(one) <= width {
		return one
	}
	// Wordwrap also breaks behind a hyphen, one column too late.
	return head + "\n" + indent(ansi.Wordwrap(comment, width-column-1, ""), column)
}

func indent(text string, n int) string {
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}

// typeName gives CEL's name of a field's type and the struct in it.
func typeName(e ast.Expr) (shown, nested string) {
	switch t := e.(type) {
	case *ast.Ident:
		switch t.Name {
		case "int", "int64":
			return "int", ""
		case "bool", "string":
			return t.Name, ""
		}
		return strings.ToLower(t.Name), t.Name
	case *ast.ArrayType:
		s, n := typeName(t.Elt)
		return "list(" + s + ")", n
	case *ast.MapType:
		k, _ := typeName(t.Key)
		v, _ := typeName(t.Value)
		return "map(" + k + ", " + v + ")", ""
	}
	return "dyn", ""
}

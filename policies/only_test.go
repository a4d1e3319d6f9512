package policies

import (
	"reflect"
	"testing"

	"cel.dev/cel-go/cel"

	"github.com/postern-ssh/postern/audit/facts"
)

// TestOnly: which questions are asked of a string instead of CEL.
func TestOnly(t *testing.T) {
	for _, tt := range []struct {
		when string
		typ  reflect.Type
		want *only
	}{
		{`item.role == "pam"`, reflect.TypeFor[facts.File](), &only{field: "role", values: []string{"pam"}}},
		{`item.role == "a" || item.role == "b" || item.role == "c"`, reflect.TypeFor[facts.File](), &only{field: "role", values: []string{"a", "b", "c"}}},
		{`item.role == "a" || item.user == "b"`, reflect.TypeFor[facts.File](), nil},
		{`item.role == "a" && item.user == "b"`, reflect.TypeFor[facts.File](), nil},
		{`item.role != "a"`, reflect.TypeFor[facts.File](), nil},
		{`item.role == item.user`, reflect.TypeFor[facts.File](), nil},
		{`host.os == "debian"`, reflect.TypeFor[facts.File](), nil},
		{`item.uid == 0`, reflect.TypeFor[facts.Account](), nil},
		{`item.password == "hash"`, reflect.TypeFor[facts.Account](), nil}, // "unknown" there is no word
		{`item.runs`, reflect.TypeFor[facts.Job](), nil},
	} {
		t.Run(tt.when, func(t *testing.T) {
			x, problems := compile(envs().items[tt.typ], tt.when, cel.BoolType)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got := onlyOf(x.root, tt.typ)
			if (got == nil) != (tt.want == nil) {
				t.Fatalf("%+v, want %+v", got, tt.want)
			}
			if got == nil {
				return
			}
			if got.field != tt.want.field || !reflect.DeepEqual(got.values, tt.want.values) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			item := reflect.New(tt.typ).Elem()
			if got.passes(item) {
				t.Error("an empty text passes")
			}
			item.Field(got.index).SetString(got.values[0])
			if !got.passes(item) {
				t.Error("the text itself does not pass")
			}
		})
	}
}

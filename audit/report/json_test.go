package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

func jsonOf(tb testing.TB, hosts ...*audit.Host) []byte {
	tb.Helper()
	var out bytes.Buffer
	show(tb, &JSON{W: &out}, hosts...)
	return out.Bytes()
}

func linesOf(tb testing.TB, hosts ...*audit.Host) []byte {
	tb.Helper()
	var out bytes.Buffer
	show(tb, &Lines{W: &out}, hosts...)
	return out.Bytes()
}

// schemas compiles the document's and the record's schema as they are embedded.
func schemas(tb testing.TB) (document, record *jsonschema.Schema) {
	tb.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	var ids []string
	for _, raw := range [][]byte{Schema(), LinesSchema()} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			tb.Fatal(err)
		}
		id := doc.(map[string]any)["$id"].(string)
		if err := c.AddResource(id, doc); err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, id)
	}
	document, err := c.Compile(ids[0])
	if err != nil {
		tb.Fatal(err)
	}
	record, err = c.Compile(ids[1])
	if err != nil {
		tb.Fatal(err)
	}
	return document, record
}

func decoded(tb testing.TB, data []byte) any {
	tb.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		tb.Fatalf("%v in %s", err, data)
	}
	return v
}

func TestJSONGolden(t *testing.T) {
	document, record := schemas(t)
	for _, c := range []struct {
		name  string
		hosts []*audit.Host
	}{
		{"demo", demo()},
		{"refused", []*audit.Host{hardened(), refused(), dead()}},
		{"empty", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := jsonOf(t, c.hosts...)
			golden(t, c.name+".json", data)
			if err := document.Validate(decoded(t, data)); err != nil {
				t.Errorf("the document breaks its schema: %v", err)
			}
			lines := linesOf(t, c.hosts...)
			golden(t, c.name+".jsonl", lines)
			for _, line := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
				if err := record.Validate(decoded(t, line)); err != nil {
					t.Errorf("a record breaks its schema: %v\n%s", err, line)
				}
			}
			for _, out := range [][]byte{data, lines} {
				for _, b := range out {
					if b != '\n' && (b < 0x20 || b > 0x7e) {
						t.Fatalf("the byte %#x stands in the output", b)
					}
				}
			}
		})
	}
}

// Fields that a document may come to hold must be in the schema first, and
// hosts must not smuggle raw characters past it.
func TestSchemaRefuses(t *testing.T) {
	document, record := schemas(t)
	data := string(jsonOf(t, demo()...))
	lines := strings.Split(strings.TrimSpace(string(linesOf(t, demo()...))), "\n")
	for _, c := range []struct{ name, from, to string }{
		{"unknown field at the top", `"schema": "postern-run-1",`, `"schema": "postern-run-1", "new": 1,`},
		{"unknown field of the run", `"profile": "baseline",`, `"profile": "baseline", "new": 1,`},
		{"unknown field of a host", `"state": "audited",`, `"state": "audited", "new": 1,`},
		{"unknown field of an outcome", `"outcome": "pass",`, `"outcome": "pass", "new": 1,`},
		{"unknown field of the summary", `"exit": 1`, `"exit": 1, "new": 1`},
		{"another schema", `"postern-run-1"`, `"postern-run-2"`},
		{"unknown verdict", `"outcome": "pass"`, `"outcome": "passed"`},
		{"unknown state", `"state": "partial"`, `"state": "fine"`},
		{"raw control character", `"name": "stock"`, `"name": "st\u001bck"`},
		{"raw letter", `"name": "stock"`, `"name": "st\u00f6ck"`},
		{"unknown escape", `"name": "stock"`, `"name": "st\\qck"`},
		{"time with an offset", `12:00:00.000Z`, `12:00:00.000+02:00`},
		{"score beyond 100", `"score": 100,`, `"score": 101,`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(data, c.from) {
				t.Fatalf("%s does not occur", c.from)
			}
			if document.Validate(decoded(t, []byte(strings.Replace(data, c.from, c.to, 1)))) == nil {
				t.Errorf("the schema accepts %s", c.to)
			}
		})
	}
	for i, kind := range []string{"run", "host", "host", "host", "host", "fleet"} {
		with := strings.Replace(lines[i], `{"type":"`+kind+`",`, `{"type":"`+kind+`","new":1,`, 1)
		if with == lines[i] || record.Validate(decoded(t, []byte(with))) == nil {
			t.Errorf("the schema accepts an unknown field in a record of type %s", kind)
		}
	}
}

// Every field of the types stands in the schema and the other way round.
func TestSchemaHoldsTheTypes(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	var fields func(reflect.Type, string, map[string]bool)
	fields = func(typ reflect.Type, at string, out map[string]bool) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			out[at+"."+tag] = true
			fields(f.Type, at+"."+tag, out)
		}
	}
	var properties func(any, string, map[string]bool)
	properties = func(v any, at string, out map[string]bool) {
		m, _ := v.(map[string]any)
		if ref, ok := m["$ref"].(string); ok {
			def := strings.TrimPrefix(ref, "#/$defs/")
			properties(schema["$defs"].(map[string]any)[def], at, out)
		}
		if items, ok := m["items"]; ok {
			properties(items, at, out)
		}
		props, _ := m["properties"].(map[string]any)
		for name, p := range props {
			out[at+"."+name] = true
			properties(p, at+"."+name, out)
		}
	}
	types, described := map[string]bool{}, map[string]bool{}
	fields(reflect.TypeFor[jsonDocument](), "", types)
	properties(schema, "", described)
	if d := cmp.Diff(types, described); d != "" {
		t.Errorf("fields of the types (-) and of the schema (+):\n%s", d)
	}
}

func TestScoringIsAudits(t *testing.T) {
	s := scoring()
	for _, g := range []struct {
		grade string
		from  float64
		below string
	}{{"A", s.Grades.A, "B"}, {"B", s.Grades.B, "C"}, {"C", s.Grades.C, "D"}, {"D", s.Grades.D, "F"}} {
		if got := audit.Grade(g.from); got != g.grade {
			t.Errorf("audit gives %v the grade %s, the report says %s", g.from, got, g.grade)
		}
		if got := audit.Grade(g.from - 0.001); got != g.below {
			t.Errorf("audit gives %v the grade %s, the report says %s", g.from-0.001, got, g.below)
		}
	}
}

func TestJSONOrder(t *testing.T) {
	order := func(selected []string, names ...string) []string {
		var out bytes.Buffer
		j := JSON{W: &out}
		run := &audit.Run{Scope: audit.Scope{Selected: selected}}
		if err := j.Begin(run); err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if err := j.Host(&audit.Host{Name: n, State: audit.Audited}); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.End(run, &audit.Fleet{}); err != nil {
			t.Fatal(err)
		}
		c, err := readAll(&out)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range c.Hosts {
			got = append(got, h.Name)
		}
		return got
	}
	if d := cmp.Diff([]string{"c", "a", "b", "d"}, order([]string{"c", "a", "b"}, "d", "b", "a", "c")); d != "" {
		t.Errorf("not the inventory's order:\n%s", d)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, order(nil, "b", "c", "a")); d != "" {
		t.Errorf("not by name:\n%s", d)
	}
}

func TestOutcomesWorstFirst(t *testing.T) {
	h := &audit.Host{Name: "h", State: audit.Audited}
	for _, v := range []policies.Verdict{policies.Pass, policies.NotApplicable, "", policies.Waived, policies.Fail} {
		for _, s := range []policies.Severity{policies.Info, policies.Critical, policies.Medium} {
			h.Outcomes = append(h.Outcomes, outcome("r", s, v, "m"))
		}
	}
	before := slices.Clone(h.Outcomes)
	j := hostToJSON(h, nil)
	var got []string
	for _, o := range j.Outcomes {
		got = append(got, o.Outcome+" "+o.Severity)
	}
	want := []string{"fail critical", "fail medium", "fail info", "unknown critical", "unknown medium", "unknown info",
		"waived critical", "waived medium", "waived info", "pass critical", "pass medium", "pass info",
		"not-applicable critical", "not-applicable medium", "not-applicable info"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, h.Outcomes); d != "" {
		t.Errorf("the runner's outcomes were moved:\n%s", d)
	}
}

// A secret must not come out by any field that can quote a job's line.
func TestMask(t *testing.T) {
	const secret = "hunter2"
	h := scored(&audit.Host{Name: "h", State: audit.Partial, Reason: "sudo: " + secret})
	o := outcome("r", policies.High, policies.Fail, "job has "+secret)
	o.Reason = "because " + secret
	o.Evidence = append(o.Evidence, breached().Outcomes[6].Evidence...)
	o.Evidence[0].Text, o.Evidence[0].Witness = "mysql -p"+secret, "runs with "+secret
	u := o
	u.Verdict = policies.Unknown
	h.Outcomes = []policies.Outcome{o, u}
	f := &audit.Fleet{Outcomes: []audit.FleetOutcome{{Rule: "x", Severity: policies.High, Verdict: policies.Fail,
		Hosts: []string{"h"}, Message: "all have " + secret, Reason: "since " + secret}}}
	mask := func(s string) string { return strings.ReplaceAll(s, secret, "***") }
	for _, c := range []struct {
		name  string
		build func(io.Writer) audit.Handler
	}{
		{"text", func(w io.Writer) audit.Handler { return &Text{W: w, Mask: mask, Verbose: true} }},
		{"json", func(w io.Writer) audit.Handler { return &JSON{W: w, Mask: mask} }},
		{"jsonl", func(w io.Writer) audit.Handler { return &Lines{W: w, Mask: mask} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			handler := c.build(&out)
			run := fixtureRun(h)
			if err := errors.Join(handler.Begin(run), handler.Host(h), handler.End(run, f)); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), secret) {
				t.Errorf("the secret stands in:\n%s", out.String())
			}
			if !strings.Contains(out.String(), "mysql -p***") {
				t.Errorf("the masked line is missing in:\n%s", out.String())
			}
		})
	}
}

type failing struct{ audit.Handler }

var errFull = errors.New("disk full")

func (failing) Begin(*audit.Run) error             { return errFull }
func (failing) Host(*audit.Host) error             { return errFull }
func (failing) End(*audit.Run, *audit.Fleet) error { return errFull }

func TestMulti(t *testing.T) {
	var c collect
	m := Multi(failing{}, &c)
	run, host, fleet := &audit.Run{ID: "r"}, &audit.Host{Name: "h"}, &audit.Fleet{}
	for i, err := range []error{m.Begin(run), m.Host(host), m.End(run, fleet)} {
		if !errors.Is(err, errFull) {
			t.Errorf("call %d: got %v", i, err)
		}
	}
	if c.Run != run || len(c.Hosts) != 1 || c.Hosts[0].Name != "h" || c.Fleet != fleet {
		t.Errorf("the second handler missed records: %+v", c)
	}
}

// A host's record is out when Host returns, whole, in one write.
func TestLinesStream(t *testing.T) {
	var w writes
	l := Lines{W: &w}
	hosts := demo()
	run := fixtureRun(hosts...)
	if err := l.Begin(run); err != nil {
		t.Fatal(err)
	}
	for i, h := range hosts {
		if err := l.Host(h); err != nil {
			t.Fatal(err)
		}
		if len(w) != i+2 || !strings.HasPrefix(w[i+1], `{"type":"host","name":"`+h.Name+`"`) || !strings.HasSuffix(w[i+1], "}\n") {
			t.Fatalf("after host %d: %q", i, w)
		}
	}
}

type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestWriteErrorsComeOut(t *testing.T) {
	r, w := io.Pipe()
	_ = r.CloseWithError(errFull)
	for _, h := range []audit.Handler{&Text{W: w}, &JSON{W: w}, &Lines{W: w}} {
		run := fixtureRun()
		if err := errors.Join(h.Begin(run), h.Host(breached()), h.End(run, fleetOf(nil))); !errors.Is(err, errFull) {
			t.Errorf("%T: got %v", h, err)
		}
	}
}

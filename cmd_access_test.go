package main

import (
	"bytes"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postern-ssh/postern/audit/report"
)

// cmdAccessSchema validates what postern access wrote against its own schema.
func cmdAccessSchema(ts *testscript.TestScript, neg bool, args []string) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.AccessSchema()))
	ts.Check(err)
	compiler := jsonschema.NewCompiler()
	ts.Check(compiler.AddResource("access.json", doc))
	schema, err := compiler.Compile("access.json")
	ts.Check(err)
	for _, file := range args {
		got, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(file)))
		ts.Check(err)
		if err := schema.Validate(got); (err != nil) != neg {
			ts.Fatalf("%s: %v", file, err)
		}
	}
}

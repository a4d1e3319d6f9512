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
	holdsSchema(ts, report.AccessSchema(), neg, args)
}

// cmdDiffSchema holds a file to the schema of postern diff.
func cmdDiffSchema(ts *testscript.TestScript, neg bool, args []string) {
	holdsSchema(ts, report.DiffSchema(), neg, args)
}

// cmdPastSchema and cmdOverdueSchema do the same for questions about kept runs.
func cmdPastSchema(ts *testscript.TestScript, neg bool, args []string) {
	holdsSchema(ts, report.PastSchema(), neg, args)
}

func cmdOverdueSchema(ts *testscript.TestScript, neg bool, args []string) {
	holdsSchema(ts, report.OverdueSchema(), neg, args)
}

// cmdHistorySchema holds a file to the schema of postern history.
func cmdHistorySchema(ts *testscript.TestScript, neg bool, args []string) {
	holdsSchema(ts, report.HistorySchema(), neg, args)
}

// cmdJobsSchema does the same for postern jobs.
func cmdJobsSchema(ts *testscript.TestScript, neg bool, args []string) {
	holdsSchema(ts, report.JobsSchema(), neg, args)
}

// cmdTriageSchema does the same for postern triage.
func cmdTriageSchema(ts *testscript.TestScript, neg bool, args []string) {
	holdsSchema(ts, report.TriageSchema(), neg, args)
}

// cmdHuntSchema does the same for postern hunt.
func cmdHuntSchema(ts *testscript.TestScript, neg bool, args []string) {
	holdsSchema(ts, report.HuntSchema(), neg, args)
}

func holdsSchema(ts *testscript.TestScript, text []byte, neg bool, args []string) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	ts.Check(err)
	compiler := jsonschema.NewCompiler()
	ts.Check(compiler.AddResource("schema.json", doc))
	schema, err := compiler.Compile("schema.json")
	ts.Check(err)
	for _, file := range args {
		got, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(file)))
		ts.Check(err)
		if err := schema.Validate(got); (err != nil) != neg {
			ts.Fatalf("%s: %v", file, err)
		}
	}
}

package report

import (
	"bytes"
	_ "embed"
)

//go:embed schema/postern-run-1.schema.json
var documentSchema []byte

//go:embed schema/postern-run-1.jsonl.schema.json
var linesSchema []byte

//go:embed schema/postern-access-1.schema.json
var accessSchema []byte

//go:embed schema/postern-jobs-1.schema.json
var jobsSchema []byte

//go:embed schema/postern-diff-1.schema.json
var diffSchema []byte

//go:embed schema/postern-history-1.schema.json
var historySchema []byte

//go:embed schema/postern-hunt-1.schema.json
var huntSchema []byte

//go:embed schema/postern-triage-1.schema.json
var triageSchema []byte

//go:embed schema/postern-overdue-1.schema.json
var overdueSchema []byte

//go:embed schema/postern-past-1.schema.json
var pastSchema []byte

// Schema is the JSON Schema (draft 2020-12) of what [JSON] writes.
func Schema() []byte { return bytes.Clone(documentSchema) }

// LinesSchema is the JSON Schema of one record that [Lines] writes. It refers to
// the definitions of [Schema] by its $id.
func LinesSchema() []byte { return bytes.Clone(linesSchema) }

// AccessSchema is the JSON Schema of what [AccessJSON] and [ReachJSON] write.
func AccessSchema() []byte { return bytes.Clone(accessSchema) }

// JobsSchema is the JSON Schema of what [JobsJSON] writes.
func JobsSchema() []byte { return bytes.Clone(jobsSchema) }

// DiffSchema is the JSON Schema of what [DiffJSON] writes.
func DiffSchema() []byte { return bytes.Clone(diffSchema) }

// OverdueSchema is the JSON Schema of what postern overdue writes.
func OverdueSchema() []byte { return bytes.Clone(overdueSchema) }

// PastSchema is the JSON Schema of what [PastJSON] writes.
func PastSchema() []byte { return bytes.Clone(pastSchema) }

// HistorySchema is the JSON Schema of what [HistoryJSON] writes.
func HistorySchema() []byte { return bytes.Clone(historySchema) }

// TriageSchema is the JSON Schema of what [TriageJSON] writes.
func TriageSchema() []byte { return bytes.Clone(triageSchema) }

// HuntSchema is the JSON Schema of what [HuntJSON] writes.
func HuntSchema() []byte { return bytes.Clone(huntSchema) }

package main

import (
	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/fix"
)

func schemaCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:     "schema",
		Category: aboutPostern,
		Usage:    "print the JSON Schema of --format json or jsonl",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "json", Usage: "of which `FORM`: json, jsonl, access, jobs, fix, diff, history, triage, hunt, overdue or past (what these commands write with --format json)"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			schema := report.Schema()
			switch f := c.String("format"); f {
			case "json":
			case "jsonl":
				schema = report.LinesSchema()
			case "access":
				schema = report.AccessSchema()
			case "jobs":
				schema = report.JobsSchema()
			case "diff":
				schema = report.DiffSchema()
			case "history":
				schema = report.HistorySchema()
			case "triage":
				schema = report.TriageSchema()
			case "overdue":
				schema = report.OverdueSchema()
			case "past":
				schema = report.PastSchema()
			case "fix":
				schema = fix.Schema()
			case "hunt":
				schema = report.HuntSchema()
			default:
				return usagef("--format %q is not known", f).hint("one of json, jsonl, access, jobs, fix, diff, history, triage, hunt, overdue, past")
			}
			_, err := s.out.Write(schema)
			return err
		},
	}
}

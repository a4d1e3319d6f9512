package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/fix"
)

// schemas are what --format writes: of a run, and of the commands of other names.
var schemas = []struct {
	form string
	text func() []byte
}{
	{"json", report.Schema},
	{"jsonl", report.LinesSchema},
	{"access", report.AccessSchema},
	{"jobs", report.JobsSchema},
	{"fix", fix.Schema},
	{"diff", report.DiffSchema},
	{"history", report.HistorySchema},
	{"overdue", report.OverdueSchema},
	{"past", report.PastSchema},
	{"triage", report.TriageSchema},
	{"hunt", report.HuntSchema},
}

func schemaCommand(s streams) *cli.Command {
	var forms []string
	for _, x := range schemas {
		forms = append(forms, x.form)
	}
	return &cli.Command{
		Name:     "schema",
		Category: aboutPostern,
		Usage:    "print the JSON Schema of --format json or jsonl",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "json", Usage: "of which `FORM`: json and jsonl are runs, " +
				strings.Join(forms[2:len(forms)-1], ", ") + " and " + forms[len(forms)-1] + " what these commands write with --format json"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			form := c.String("format")
			for _, x := range schemas {
				if x.form == form {
					_, err := s.out.Write(x.text())
					return err
				}
			}
			e := usagef("--format %q is not known", form)
			if n := near(form, forms); n != "" {
				return e.hint("did you mean %s?", n)
			}
			return e.hint("one of %s", strings.Join(forms, ", "))
		},
	}
}

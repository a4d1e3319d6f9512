package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
)

func factsCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "facts",
		Usage:     "show what rules can ask; with a source, what the answers are there",
		ArgsUsage: "[hosts…]",
		Description: `Without a source: the vocabulary. With hosts, --local, --root or --snapshot: one
JSON object a host and line, with what is unknown and why. Exit code 3 when a
host could not be read.`,
		Flags: concat(sourceFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "show-secrets", Usage: "do not mask passwords and tokens in job lines"},
		}),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() && !c.Bool("local") && !c.IsSet("root") && !c.IsSet("snapshot") && !c.IsSet("inventory") {
				return facts.Describe(s.out, s.width(s.out))
			}
			if err := positive(c); err != nil {
				return err
			}
			sel, err := choose(c, s)
			if err != nil {
				return err
			}
			return printFacts(c, s, sel)
		},
	}
}

// hostFacts is one line of postern facts.
type hostFacts struct {
	Host  string       `json:"host"`
	Error string       `json:"error,omitempty"`
	Facts *facts.Facts `json:"facts,omitempty"`
}

func printFacts(c *cli.Context, s streams, sel *selection) error {
	enc := json.NewEncoder(s.out)
	failed := false
	for _, t := range sel.targets {
		ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
		snap, err := t.Source.Snapshot(ctx)
		cancel()
		line := hostFacts{Host: t.Host.Name}
		if err != nil {
			line.Error = err.Error()
			failed = true
			fmt.Fprintf(s.err, "postern: %s\n", err)
		}
		if snap != nil {
			line.Facts = facts.From(snap, facts.Options{
				Now: time.Now(), Name: t.Host.Name, Labels: t.Host.Labels, Expect: audit.Expectations(t.Host.Expect),
			})
			if !c.Bool("show-secrets") {
				line.Facts.Mask(cron.Mask)
			}
			line.Facts.Map(report.Inline)
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	if failed {
		return exitCode(audit.ExitUnknown)
	}
	return nil
}

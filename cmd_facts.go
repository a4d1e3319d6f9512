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
		Category:  theRules,
		Usage:     "show what rules can ask, or what the answers are on a host",
		ArgsUsage: "[HOST...]",
		Description: `Without a source: the vocabulary. With hosts, -i, --local, --root or --snapshot:
a line of JSON a host, with what is unknown and why. Exit code 3 when a host
could not be read.`,
		Flags: concat(sourceFlags(), []cli.Flag{
			&cli.BoolFlag{Category: "Report", Name: "show-secrets", Usage: "do not mask passwords and tokens in job lines"},
		}),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() && !c.Bool("local") && !c.IsSet("root") && !c.IsSet("snapshot") && !c.IsSet("inventory") {
				return facts.Describe(s.out, s.width(s.out))
			}
			if err := checkSource(c); err != nil {
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

// printFacts reads the hosts side by side and prints them in their order.
func printFacts(c *cli.Context, s streams, sel *selection) error {
	type pending struct {
		line chan hostFacts
		t    audit.Target
	}
	parallel := min(c.Int("parallel"), len(sel.targets))
	queue := make(chan pending, parallel) // bounds how far the readers run ahead of the printer
	todo := make(chan pending)
	for range parallel {
		go func() {
			for p := range todo {
				p.line <- factsOf(c, p.t)
			}
		}()
	}
	go func() {
		defer close(queue)
		defer close(todo)
		for _, t := range sel.targets {
			p := pending{make(chan hostFacts, 1), t}
			queue <- p
			todo <- p
		}
	}()
	enc := json.NewEncoder(s.out)
	failed := false
	for p := range queue {
		line := <-p.line
		if line.Error != "" {
			failed = true
			fmt.Fprintf(s.err, "postern: %s\n", line.Error)
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

// factsOf reads one host. A failure is a line like any other, and so is a host
// whose bytes bring a parser down.
func factsOf(c *cli.Context, t audit.Target) (line hostFacts) {
	name := report.Inline(t.Host.Name)
	defer func() {
		if p := recover(); p != nil {
			line = hostFacts{Host: name, Error: report.Inline(fmt.Sprintf("%s: postern failed on what this host sent: %v", name, p))}
		}
	}()
	line.Host = name
	if c.Context.Err() != nil {
		line.Error = line.Host + ": not looked at: interrupted"
		return line
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	snap, err := t.Source.Snapshot(ctx)
	if err != nil {
		line.Error = report.Inline(err.Error())
	}
	if snap != nil {
		line.Facts = facts.From(snap, facts.Options{
			Now: time.Now(), Name: t.Host.Name, Labels: t.Host.Labels, Expect: audit.Expectations(t.Host.Expect),
			Allow: audit.Allowances(t.Host.Allow),
		})
		if !c.Bool("show-secrets") {
			line.Facts.Mask(cron.Mask)
		}
		line.Facts.Map(report.Inline)
	}
	return line
}

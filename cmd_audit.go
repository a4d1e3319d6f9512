package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/policies"
)

func auditCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Usage:     "judge hosts and report",
		ArgsUsage: "[hosts…]",
		Description: `Hosts are names, globs, groups (@web) or labels (env=prod) of the inventory,
or user@host:port. Exit codes: 0 nothing to act on; 1 findings at or above
--fail-on, or expired waivers; 2 usage or input error; 3 nothing found, but
hosts or rules that matter could not be judged.`,
		Flags: concat(sourceFlags(), ruleFlags(), outputFlags(), []cli.Flag{
			&cli.StringFlag{Name: "archive", Usage: "keep the run in `DIR` instead of the XDG state folder"},
			&cli.BoolFlag{Name: "no-history", Usage: "keep nothing of this run"},
		}),
		Action: func(c *cli.Context) error {
			if err := positive(c); err != nil {
				return err
			}
			sel, err := choose(c, s)
			if err != nil {
				return err
			}
			return runAudit(c, s, sel)
		},
	}
}

func ruleFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "profile", Value: policies.DefaultProfile, Usage: "judge by the rules of `NAME`: baseline or all"},
		&cli.StringSliceFlag{Name: "only", Usage: "judge by `RULE` alone; may be repeated"},
		&cli.StringSliceFlag{Name: "skip", Usage: "leave out `RULE`; may be repeated"},
		&cli.StringFlag{Name: "fail-on", Value: string(policies.Medium), Usage: "exit with 1 for findings of this `SEVERITY` or above: critical, high, medium, low, info"},
	}
}

func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "format", Value: "text", Usage: "`text|json|jsonl`"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the report to `FILE`"},
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "`auto|always|never`"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show passed and not-applicable rules too"},
		&cli.BoolFlag{Name: "show-secrets", Usage: "do not mask passwords and tokens in job lines"},
	}
}

func concat(lists ...[]cli.Flag) []cli.Flag {
	var all []cli.Flag
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// runAudit judges a selection, reports it, keeps it, and gives the exit code.
func runAudit(c *cli.Context, s streams, sel *selection) error {
	catalogue, judge, err := judgement(c)
	if err != nil {
		return err
	}
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	handler, err := formatter(c, s, out)
	if err != nil {
		return err
	}
	start := time.Now()
	run := &audit.Run{
		ID: history.NewID(start), Tool: toolVersion(), Catalogue: catalogue.Version(), Hash: catalogue.Hash(),
		Profile: c.String("profile"), Parameters: parameters(c), Scope: sel.scope, Start: start.UTC(),
		Rules: ruleInfos(catalogue),
	}
	handlers := []audit.Handler{}
	var kept *history.Recorder
	if !c.Bool("no-history") {
		dir := c.String("archive")
		if dir == "" {
			dir = stateDir()
		}
		kept, err = history.Store{Dir: dir}.Create(run, func(w io.Writer) audit.Handler { return &report.Lines{W: w} })
		if err != nil {
			fmt.Fprintf(s.err, "postern: warning: %s\nhint: choose another folder with --archive DIR, or --no-history\n", err)
		} else {
			handlers = append(handlers, kept)
		}
	}
	bar := newProgress(s, len(sel.targets))
	fleet, err := audit.Hosts(c.Context, run, sel.targets, audit.Options{
		Parallel: c.Int("parallel"), Timeout: c.Duration("timeout"), Judge: judge,
		FailOn: policies.Severity(c.String("fail-on")), Progress: bar.show,
	}, report.Multi(append(handlers, handler)...))
	bar.finish()
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := out.keep(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if kept != nil && kept.Err() != nil {
		fmt.Fprintf(s.err, "postern: warning: %s\n", kept.Err())
	}
	if fleet.Summary.Exit != 0 {
		return exitCode(fleet.Summary.Exit)
	}
	return nil
}

// judgement compiles the rules that flags choose.
func judgement(c *cli.Context) (*policies.Catalogue, func(*facts.Facts, inventory.Host) ([]policies.Outcome, int), error) {
	if err := severity(c.String("fail-on")); err != nil {
		return nil, nil, err
	}
	catalogue, err := policies.Embedded()
	if err != nil {
		return nil, nil, err
	}
	chosen, err := catalogue.Choose(policies.Choice{
		Profile: c.String("profile"), Only: c.StringSlice("only"), Skip: c.StringSlice("skip"),
	})
	if err != nil {
		return nil, nil, &usageError{text: err.Error()}
	}
	return catalogue, func(f *facts.Facts, h inventory.Host) ([]policies.Outcome, int) {
		return chosen.Judge(f, policies.JudgeOptions{Host: h.Name, Now: time.Now(), Waivers: waivers(h)})
	}, nil
}

func severity(name string) error {
	switch policies.Severity(name) {
	case policies.Critical, policies.High, policies.Medium, policies.Low, policies.Info:
		return nil
	}
	return usagef("--fail-on %q is no severity", name).hint("one of critical, high, medium, low, info")
}

func waivers(h inventory.Host) []policies.Waiver {
	var out []policies.Waiver
	for _, w := range h.Waive {
		out = append(out, policies.Waiver{
			Rule: w.Rule, Owner: w.Owner, Approver: w.Approver, Ticket: w.Ticket, Reason: w.Reason, Expires: w.Expires,
			Written: w.Pos.String(),
		})
	}
	return out
}

// parameters are the flags that shape the result, as given.
func parameters(c *cli.Context) map[string]string {
	p := map[string]string{}
	for _, name := range []string{"profile", "fail-on", "timeout", "parallel", "host-key-policy"} {
		if v := c.Value(name); v != nil {
			p[name] = fmt.Sprint(v)
		}
	}
	for _, name := range []string{"only", "skip"} {
		if c.IsSet(name) {
			p[name] = fmt.Sprint(c.StringSlice(name))
		}
	}
	return p
}

func ruleInfos(cat *policies.Catalogue) []audit.RuleInfo {
	infos := audit.FleetRules()
	for _, r := range cat.Rules() {
		infos = append(infos, audit.RuleInfo{ID: r.ID, Title: r.Title, Severity: r.Severity, Why: r.Why, Remedy: r.Remedy})
	}
	return infos
}

// formatter is the report that --format names.
func formatter(c *cli.Context, s streams, w *output) (audit.Handler, error) {
	mask := cron.Mask
	if c.Bool("show-secrets") {
		mask = nil
	}
	switch f := c.String("format"); f {
	case "text":
		return &report.Text{W: w, Width: s.width(w.terminal()), Color: s.colour(c.String("color"), w.terminal()),
			Verbose: c.Bool("verbose"), Mask: mask}, colourFlag(c)
	case "json":
		return &report.JSON{W: w, Mask: mask}, colourFlag(c)
	case "jsonl":
		return &report.Lines{W: w, Mask: mask}, colourFlag(c)
	default:
		return nil, usagef("--format %q is not known", f).hint("one of text, json, jsonl")
	}
}

func colourFlag(c *cli.Context) error {
	switch v := c.String("color"); v {
	case "auto", "always", "never":
		return nil
	default:
		return usagef("--color %q is not known", v).hint("one of auto, always, never")
	}
}

// output is stdout, or a file that appears whole or not at all. Standard output
// is written as the report comes.
type output struct {
	io.Writer
	file *renameio.PendingFile
	out  io.Writer
}

func openOutput(c *cli.Context, s streams) (*output, error) {
	name := c.String("output")
	if name == "" || name == "-" {
		return &output{Writer: s.out, out: s.out}, nil
	}
	f, err := renameio.NewPendingFile(name, renameio.WithPermissions(0o600))
	if err != nil {
		return nil, usagef("-o %s: %s", name, err)
	}
	return &output{Writer: f, file: f, out: &bytes.Buffer{}}, nil
}

// terminal is the writer whose width and colour count: none for a file.
func (o *output) terminal() io.Writer { return o.out }

func (o *output) keep() error {
	if o.file == nil {
		return nil
	}
	return o.file.CloseAtomicallyReplace()
}

func (o *output) abandon() {
	if o.file != nil {
		o.file.Cleanup()
	}
}

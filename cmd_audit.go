package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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
		Category:  lookAtHosts,
		Usage:     "judge hosts and report",
		ArgsUsage: "[HOST...]",
		Description: `A HOST is a name, a glob (web*), a group (@web) or a label (env=prod) of the
inventory, or user@host:port; with "!" in front it is left out. Without any, all
hosts of the inventory are audited.

Exit codes: 0 nothing to act on; 1 findings at or above --fail-on, or waivers
that have run out; 2 a mistake on the command line or in a file; 3 nothing
found, but hosts or rules that matter could not be judged.`,
		Flags: concat(sourceFlags(), ruleFlags(), outputFlags(), []cli.Flag{
			&cli.StringFlag{Category: "Report", Name: "since", Usage: "say first what is new, gone and still open since the kept run `RUN`, or last"},
		}, keepFlags()),
		Action: func(c *cli.Context) error {
			if err := checkSource(c); err != nil {
				return err
			}
			if c.IsSet("archive") && c.Bool("no-history") {
				return usagef("--archive keeps the run and --no-history does not").hint("leave one of them out")
			}
			how, err := readRequest(c, s)
			if err != nil {
				return err
			}
			if c.IsSet("keep") {
				if c.Bool("no-history") {
					return usagef("--keep is about kept runs and --no-history keeps none").hint("leave one of them out")
				}
				if _, err := keepAge(c); err != nil {
					return err
				}
			}
			sel, err := choose(c, s)
			if err != nil {
				return err
			}
			how.past = storeIn(c.String("archive")).Dir
			if !c.Bool("no-history") {
				how.keep = how.past
			}
			if c.IsSet("since") {
				if how.before, err = since(c, s); err != nil {
					return err
				}
			}
			return runAudit(c, s, sel, how)
		},
	}
}

func ruleFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: "Rules", Name: "profile", Value: policies.DefaultProfile, Usage: "judge by the rules of `NAME`, baseline, breach or all"},
		&cli.StringSliceFlag{Category: "Rules", Name: "only", Usage: "judge by `RULE` alone, or a glob; may be repeated"},
		&cli.StringSliceFlag{Category: "Rules", Name: "skip", Usage: "leave out `RULE`, or a glob; may be repeated"},
		&cli.StringFlag{Category: "Rules", Name: "fail-on", Value: string(policies.Medium),
			Usage: "exit with 1 from `SEVERITY` on: critical, high, medium, low or info"},
	}
}

func keepFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: "Keeping the run", Name: "archive", Usage: "keep the run below `DIR`, not in the XDG state folder"},
		&cli.StringFlag{Category: "Keeping the run", Name: "keep", Usage: "then remove kept runs older than `AGE`, such as 26w (blessed ones and those with evidence stay)"},
		&cli.BoolFlag{Category: "Keeping the run", Name: "no-history", Usage: "keep nothing of this run"},
	}
}

func concat(lists ...[]cli.Flag) []cli.Flag {
	var all []cli.Flag
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// request is how to judge and report, read from the flags before any host is
// looked at: a slip of the finger must not cost a run.
type request struct {
	catalogue *policies.Catalogue
	judge     func(*facts.Facts, inventory.Host) ([]policies.Outcome, int)
	keep      string // folder of kept runs; "" keeps nothing
	past      string // folder of the runs kept earlier; "" has none
	before    *audit.Before
}

func readRequest(c *cli.Context, s streams) (*request, error) {
	if err := severity(c.String("fail-on")); err != nil {
		return nil, err
	}
	if _, err := formatter(c, s, &output{}, io.Discard); err != nil {
		return nil, err
	}
	catalogue, err := policies.Embedded()
	if err != nil {
		return nil, err
	}
	// Step by step, so that an error names the flag.
	var chosen *policies.Catalogue
	choice := policies.Choice{Profile: c.String("profile")}
	for _, step := range []string{"--profile", "--only", "--skip"} {
		switch step {
		case "--only":
			choice.Only = c.StringSlice("only")
		case "--skip":
			choice.Skip = c.StringSlice("skip")
		}
		if chosen, err = catalogue.Choose(choice); err != nil {
			return nil, usagef("%s: %s", step, err)
		}
	}
	return &request{catalogue: catalogue, judge: func(f *facts.Facts, h inventory.Host) ([]policies.Outcome, int) {
		return chosen.Judge(f, policies.JudgeOptions{Host: h.Name, Now: time.Now(), Waivers: waivers(h), Allow: carveOuts(h)})
	}}, nil
}

// runAudit judges a selection, reports it, keeps it, and gives the exit code.
func runAudit(c *cli.Context, s streams, sel *selection, how *request) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	start := time.Now()
	run := &audit.Run{
		ID: history.NewID(start), Tool: toolVersion(), Catalogue: how.catalogue.Version(), Hash: how.catalogue.Hash(),
		Profile: c.String("profile"), Parameters: parameters(c), Scope: sel.scope, Start: start.UTC(),
		Rules: ruleInfos(how.catalogue),
	}
	var handlers []audit.Handler
	var kept *history.Recorder
	if how.keep != "" {
		kept, err = storeIn(how.keep).Create(run, func(w io.Writer) audit.Handler { return &report.Lines{W: w} })
		switch {
		case err == nil:
			handlers = append(handlers, kept)
		case c.IsSet("archive"):
			return usagef("--archive: %s", err).hint("name a folder that you may write; --no-history keeps nothing")
		default:
			fmt.Fprintf(s.err, "postern: warning: %s\nhint: choose another folder with --archive DIR, or --no-history\n", visible(err.Error()))
		}
	}
	if how.keep != "" {
		if id := storeIn(how.keep).Ahead(start); id != "" && id != run.ID {
			fmt.Fprintf(s.err, "postern: warning: the kept run %s began later than now, by this machine's clock: one of the two is wrong\n", visible(id))
		}
	}
	if how.before != nil {
		handlers = append([]audit.Handler{audit.CompareWith(how.before)}, handlers...)
	}
	var blessed func(inventory.Host) *audit.Baseline
	if how.past != "" {
		blessed = baselines(s, how.past)
	}
	bar := newProgress(s, len(sel.targets))
	defer bar.finish()
	handler, err := formatter(c, s, out, bar.before(out))
	if err != nil {
		return err
	}
	fleet, err := audit.Hosts(c.Context, run, sel.targets, audit.Options{
		Parallel: c.Int("parallel"), Timeout: c.Duration("timeout"), Judge: how.judge,
		FailOn: policies.Severity(c.String("fail-on")), Progress: bar.tell(), Baseline: blessed,
	}, report.Multi(append(handlers, ending{bar}, handler)...))
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := out.keep(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if kept != nil && kept.Err() != nil {
		fmt.Fprintf(s.err, "postern: warning: %s\n", visible(kept.Err().Error()))
	} else if kept != nil && kept.IndexErr() != nil {
		hint := "postern history adds it"
		if errors.Is(kept.IndexErr(), history.ErrIndexNewer) {
			hint = "the postern that made the index adds it: this is " + toolVersion()
		}
		fmt.Fprintf(s.err, "postern: warning: this run is kept, and is not in the index yet: %s\nhint: %s\n", visible(kept.IndexErr().Error()), hint)
	}
	if kept != nil && c.IsSet("keep") {
		pruneAfter(c, s, storeIn(how.keep), start)
	}
	if fleet.Summary.Exit != 0 {
		return exitCode(fleet.Summary.Exit)
	}
	return nil
}

// since reads the run that --since names.
func since(c *cli.Context, s streams) (before *audit.Before, err error) {
	name := c.String("since")
	if name == "last" && errors.Is(keptRunsMissing(c), history.ErrNone) {
		// The first of the nightly audits: were it refused, there would never be one.
		fmt.Fprintf(s.err, "postern: no earlier run is kept in %s: there is nothing to compare with yet\n", visible(keptRuns(c).Dir))
		return nil, nil
	}
	err = ask(c, s, func(ix *history.Index) error {
		run, err := ix.Run(name)
		if err != nil {
			return usagef("--since %s: %s", name, err).hint("last, or a name that postern history lists")
		}
		before, err = ix.Before(c.Context, run)
		return err
	})
	return before, err
}

// ending ends the progress line before the last part of the report is written.
type ending struct{ bar *progress }

func (ending) Begin(*audit.Run) error               { return nil }
func (ending) Host(*audit.Host) error               { return nil }
func (e ending) End(*audit.Run, *audit.Fleet) error { e.bar.finish(); return nil }

func severity(name string) error {
	switch policies.Severity(name) {
	case policies.Critical, policies.High, policies.Medium, policies.Low, policies.Info:
		return nil
	}
	names := []string{"critical", "high", "medium", "low", "info"}
	if n := near(name, names); n != "" {
		return usagef("--fail-on %q is no severity", name).hint("did you mean %s?", n)
	}
	return usagef("--fail-on %q is no severity", name).hint("one of %s", strings.Join(names, ", "))
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

func carveOuts(h inventory.Host) []policies.CarveOut {
	var out []policies.CarveOut
	for _, c := range h.Allow {
		out = append(out, policies.CarveOut{Owner: c.Owner, Reason: c.Reason, Expires: c.Expires, Written: c.Pos.String()})
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

// formatter is the report that --format names, written to w; width and colour
// are those of o.
func formatter(c *cli.Context, s streams, o *output, w io.Writer) (audit.Handler, error) {
	if err := checkColor(c); err != nil {
		return nil, err
	}
	mask := cron.Mask
	if c.Bool("show-secrets") {
		mask = nil
	}
	switch f := c.String("format"); f {
	case "text":
		return &report.Text{W: w, Width: s.width(o.out), Color: s.colour(c.String("color"), o.out),
			Verbose: c.Bool("verbose"), Mask: mask}, nil
	case "json":
		return &report.JSON{W: w, Mask: mask}, nil
	case "jsonl":
		return &report.Lines{W: w, Mask: mask}, nil
	default:
		return nil, usagef("--format %q is not known", f).hint("one of text, json, jsonl")
	}
}

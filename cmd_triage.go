package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/inventory"
)

func triageCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "triage",
		Category:  afterBreach,
		Usage:     "a deeper look: what is there, since when, how it comes back",
		ArgsUsage: "[HOST...]",
		Description: `A deeper look at hosts that are suspected: processes and whom they talk to,
jobs that are dormant but armed, keys and accounts, start-up files and units of
no package, programs that are not what their packages brought, setuid copies;
one page a host, with the timeline, the doors and what to keep first. Each
thing has an id that stays. The host is asked again about what the first answer
raised, on one connection, and nothing on it is changed.

With --evidence DIR the files that things name are kept there, with digests and
a manifest: postern verify DIR finds every later change. Of private keys and
shadow only metadata and digests are kept.

Exit code 1 where something weighs --fail-on or more, 3 when a host could not
be read.`,
		Flags: concat(sourceFlags(), []cli.Flag{
			&cli.StringFlag{Category: "What to keep", Name: "evidence", Usage: "keep the files that things name in `DIR`"},
			&cli.StringFlag{Category: "What to keep", Name: "archive", Usage: "keep what was read of each host in `DIR`, for --snapshot"},
			&cli.BoolFlag{Category: "What to keep", Name: "no-history", Usage: "do not keep the report for fix --from-triage"},
			&cli.StringFlag{Category: "What to show", Name: "fail-on", Value: "medium", Usage: "exit with 1 from `SEVERITY` on: critical, high, medium or low; none: never"},
		}, outputFlagsOf("text or json")),
		Action: func(c *cli.Context) error {
			ask, err := readTriageRequest(c)
			if err != nil {
				return err
			}
			if err := checkSource(c); err != nil {
				return err
			}
			sel, err := choose(c, s)
			if err != nil {
				return err
			}
			return runTriage(c, s, sel, ask)
		},
	}
}

// triageRequest is what postern triage was asked, read before any host is.
type triageRequest struct {
	json     bool
	failOn   int
	evidence string
	archive  string
}

func readTriageRequest(c *cli.Context) (*triageRequest, error) {
	r := &triageRequest{evidence: c.String("evidence"), archive: c.String("archive")}
	if err := textOrJSON(c); err != nil {
		return nil, err
	}
	r.json = c.String("format") == "json"
	switch v := c.String("fail-on"); v {
	case "none":
		r.failOn = triage.Level("critical") + 1
	case "low", "medium", "high", "critical":
		r.failOn = triage.Level(v)
	default:
		return nil, usagef("--fail-on %q is not known", v).hint("one of low, medium, high, critical, none")
	}
	for _, x := range []struct{ flag, dir string }{{"evidence", r.evidence}, {"archive", r.archive}} {
		if x.dir == "" {
			continue
		}
		info, err := os.Stat(x.dir)
		switch {
		case errors.Is(err, os.ErrNotExist):
			if err := os.MkdirAll(x.dir, 0o700); err != nil {
				return nil, usagef("--%s %s: %s", x.flag, x.dir, reasonOf(err)).hint("name a folder that you may make")
			}
		case err != nil:
			return nil, usagef("--%s %s: %s", x.flag, x.dir, reasonOf(err))
		case !info.IsDir():
			return nil, usagef("--%s %s: not a directory", x.flag, x.dir).hint("name a folder for what is kept")
		}
		if x.flag == "evidence" {
			if left, err := os.ReadDir(x.dir); err == nil && len(left) > 0 {
				return nil, usagef("--evidence %s: it is not empty", x.dir).hint("evidence is never mixed: name a new folder")
			}
		}
	}
	return r, nil
}

// runTriage looks at the hosts side by side and writes the pages in their order.
func runTriage(c *cli.Context, s streams, sel *selection, ask *triageRequest) error {
	start := time.Now()
	type answer struct {
		host *triage.Host
		deep *audit.Deep
	}
	answers := make([]answer, len(sel.targets))
	inFlight := make(chan struct{}, c.Int("parallel"))
	done := make(chan int)
	for i, t := range sel.targets {
		go func() {
			inFlight <- struct{}{}
			defer func() { <-inFlight; done <- i }()
			answers[i].host, answers[i].deep = triageOf(c, t, ask)
		}()
	}
	for range sel.targets {
		<-done
	}
	r := &triage.Report{Schema: triage.Schema, Hosts: []triage.Host{}}
	failed := 0
	var kept []triage.Keeping
	for i, t := range sel.targets {
		a := &answers[i]
		if a.host.Error != "" {
			failed++
			fmt.Fprintf(s.err, "postern: %s\n", visible(a.host.Error))
		}
		if a.deep != nil && a.deep.First != nil && ask.archive != "" {
			if err := keepArchive(filepath.Join(ask.archive, history.FileName(t.Host.Name)), a.deep.First); err != nil {
				return fmt.Errorf("--archive %s: %w", ask.archive, err)
			}
		}
		if a.deep != nil && ask.evidence != "" {
			kept = append(kept, triage.Keeping{Host: a.host, First: a.deep.First, Files: a.deep.Evidence})
		}
		r.Hosts = append(r.Hosts, *a.host)
	}
	tellOpened(c, s, r)
	id := history.NewID(start)
	for i, t := range sel.targets {
		if h := &r.Hosts[i]; !h.Unread() {
			h.Tell(nextSteps(c, t, ask, id))
		}
	}
	if ask.evidence != "" {
		n, err := triage.Keep(ask.evidence, time.Now(), kept)
		if err != nil {
			return fmt.Errorf("--evidence %s: %w", ask.evidence, err)
		}
		fmt.Fprintf(s.err, "postern: %s kept in %s, beside the archive of what was read; postern verify %s checks them\n", plural(n, "file"), visible(ask.evidence), visible(ask.evidence))
	}
	if !c.Bool("no-history") {
		if err := triage.Save(triageDir(), id, r); err != nil {
			fmt.Fprintf(s.err, "postern: warning: this triage is not kept, and fix --from-triage cannot take it: %s\n", visible(err.Error()))
		} else {
			fmt.Fprintf(s.err, "postern: kept as %s: postern fix --from-triage %s ID... ends what you choose\n", id, id)
		}
	}
	worst := r.Worst()
	if err := writeTriage(c, s, r, ask); err != nil {
		return err
	}
	switch {
	case worst >= ask.failOn:
		return exitCode(audit.ExitFound)
	case failed > 0:
		return exitCode(audit.ExitUnknown)
	}
	return nil
}

// nextSteps is what the last lines of a page name: commands as they were given here.
func nextSteps(c *cli.Context, t audit.Target, ask *triageRequest, id string) triage.Next {
	flags := func(names ...string) (out string) {
		for _, name := range names {
			if v, ok := pasted(c.String(name)); ok && c.IsSet(name) {
				out += " --" + name + " " + v
			}
		}
		return out
	}
	next := triage.Next{Again: "postern triage", Kept: ask.evidence}
	switch {
	case c.Bool("local"):
		next.Again += " --local"
		return next
	case c.IsSet("root"):
		next.Again += flags("root")
		next.Files = true
		return next
	case c.IsSet("snapshot"):
		if v, ok := pasted(t.Host.Address); ok {
			next.Again += " --snapshot " + v
		}
		next.Files = true
		return next
	}
	how := flags("inventory", "login")
	if t.Host.Pos == (inventory.Pos{}) && t.Host.User != "" && !c.IsSet("login") {
		how += " --login " + t.Host.User
	}
	next.Again += " " + t.Host.Name + how
	if !c.Bool("no-history") {
		next.Run, next.How = id, how
	}
	return next
}

func keepArchive(file string, snap *snapshot.Snapshot) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := snapshot.Write(f, snap); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// triageOf looks at one host. A failure is a line like any other, and so is a host
// whose bytes bring a parser down.
func triageOf(c *cli.Context, t audit.Target, ask *triageRequest) (h *triage.Host, deep *audit.Deep) {
	name := t.Host.Name
	defer func() {
		if p := recover(); p != nil {
			h = triage.NotRead(name, fmt.Sprintf("%s: postern failed on what this host sent: %v", name, p))
		}
	}()
	if c.Context.Err() != nil {
		return triage.NotRead(name, name+": not looked at: interrupted"), nil
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	opt := facts.Options{Now: time.Now(), Name: name, Labels: t.Host.Labels, Expect: audit.Expectations(t.Host.Expect), Allow: audit.Allowances(t.Host.Allow)}
	src, deeper := t.Source.(audit.DeepSource)
	var err error
	if deeper {
		rounds := audit.Rounds{Ask: func(first *snapshot.Snapshot) snapshot.Questions { return triage.Ask(first, opt) }}
		if ask.evidence != "" {
			rounds.Fetch = func(first *snapshot.Snapshot) []string { return triage.Look(first, opt).Wanted() }
		}
		deep, err = src.Deep(ctx, rounds)
	} else {
		var snap *snapshot.Snapshot
		snap, err = t.Source.Snapshot(ctx)
		if snap != nil {
			deep = &audit.Deep{First: snap}
		}
	}
	why := ""
	if err == nil && deep != nil && deep.Err != nil {
		err = fmt.Errorf("%s: the second round: %w", name, deep.Err)
	}
	if err != nil {
		why = err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			why = name + ": no whole answer within --timeout"
		}
	}
	if deep == nil || deep.First == nil {
		return triage.NotRead(name, why), nil
	}
	h = triage.Look(deep.First, opt)
	h.Error, h.Rounds = why, deep.Rounds
	return h, deep
}

func writeTriage(c *cli.Context, s streams, r *triage.Report, ask *triageRequest) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	if !c.Bool("show-secrets") {
		r.Mask(cron.Mask)
	}
	if ask.json {
		err = report.TriageJSON(out, r)
	} else {
		err = (&report.TriageText{W: out, Width: s.width(out.out), Color: s.colour(c.String("color"), out.out), Verbose: c.Bool("verbose")}).Write(r)
	}
	if err == nil {
		err = out.keep()
	}
	if err != nil {
		return fmt.Errorf("writing the pages: %w", err)
	}
	return nil
}

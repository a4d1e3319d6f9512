package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	_ "time/tzdata" // a host's zone has to be known on machines without a zone database, too

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
)

func jobsCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "jobs",
		Category:  lookAtHosts,
		Usage:     "show what the schedulers run, when next, and what is odd",
		ArgsUsage: "[HOST...] or -",
		Description: `Every job of cron, anacron, at and systemd's timers: its times in words and the
next ones in the host's zone, the files that it runs and who may change them,
and why a job or table never runs. What is odd comes first.

One table needs no host:  crontab -l | postern jobs -
  --as system for /etc/crontab and /etc/cron.d, --daemon for whose grammar
  --user for whose table it is

Exit code 3 when a host could not be read.`,
		Flags: concat(sourceFlags(), []cli.Flag{
			&cli.StringFlag{Category: "Which hosts", Name: "file", Usage: "read the table in `FILE` alone"},
			&cli.StringFlag{Category: "A table alone", Name: "as", Value: "user", Usage: "its `FORM`: user, or system with a column for the account"},
			&cli.StringFlag{Category: "A table alone", Name: "daemon", Value: "debian", Usage: "whose grammar: `NAME` is debian, cronie, busybox, dcron or systemd-cron"},
			&cli.StringFlag{Category: "What to show", Name: "least", Value: "none", Usage: "only jobs that are odd from `SEVERITY` on: critical, high, medium, low or info"},
			&cli.BoolFlag{Category: "What to show", Name: "signs", Usage: "no jobs, but what is called odd, and how often that is wrong"},
		}, outputFlagsOf("text or json")),
		Action: func(c *cli.Context) error {
			ask, err := readJobsRequest(c)
			if err != nil {
				return err
			}
			switch {
			case c.Bool("signs"):
				return showSigns(c, s, ask)
			case ask.table != "":
				return showTable(c, s, ask)
			}
			if err := checkSource(c); err != nil {
				return err
			}
			sel, err := choose(c, s)
			if err != nil {
				return err
			}
			return showJobs(c, s, sel, ask)
		},
	}
}

// jobsRequest is what postern jobs was asked, read before any host is.
type jobsRequest struct {
	table  string // "-" or a file: one table alone
	form   cron.Form
	daemon cron.Daemon
	least  string
	json   bool
}

func readJobsRequest(c *cli.Context) (*jobsRequest, error) {
	r := &jobsRequest{least: c.String("least")}
	if err := textOrJSON(c); err != nil {
		return nil, err
	}
	r.json = c.String("format") == "json"
	if _, ok := audit.JobLevel(r.least); !ok {
		return nil, usagef("--least %q is not known", r.least).hint("one of none, info, low, medium, high, critical")
	}
	switch f := c.String("as"); f {
	case "user":
	case "system":
		r.form = cron.System
	default:
		return nil, usagef("--as %q is not known", f).hint("user for what crontab -l prints, system for /etc/crontab and /etc/cron.d")
	}
	var ok bool
	if r.daemon, ok = cron.ParseDaemon(c.String("daemon")); !ok {
		return nil, usagef("--daemon %q is not known", c.String("daemon")).hint("one of debian, cronie, busybox, dcron, systemd-cron")
	}
	r.table = c.String("file")
	for _, a := range c.Args().Slice() {
		if a == "-" {
			if r.table != "" {
				return nil, usagef("--file and - are two sources").hint("run postern once for each")
			}
			r.table = "-"
		}
	}
	if r.table == "" {
		for _, name := range []string{"as", "daemon"} {
			if c.IsSet(name) {
				return nil, usagef("--%s is about a table alone", name).hint("on a host each table is read as its daemon does; for one table: crontab -l | postern jobs - --%s %s", name, c.String(name))
			}
		}
		return r, nil
	}
	for _, name := range []string{"inventory", "local", "root", "snapshot", "key", "no-agent", "known-hosts", "host-key-policy", "allow-insecure-algorithms"} {
		if c.IsSet(name) {
			return nil, usagef("--%s is about hosts, and one table was asked for", name).hint("leave one of them out")
		}
	}
	if n := c.NArg(); n > 1 || n == 1 && r.table != "-" {
		return nil, usagef("one table and other arguments are two sources").hint("run postern once for each")
	}
	return r, nil
}

// maxTableFile bounds a table that is read by itself.
const maxTableFile = 256 << 20

// showTable reads one table.
func showTable(c *cli.Context, s streams, ask *jobsRequest) error {
	in, name := s.in, "standard input"
	if ask.table != "-" {
		if err := readable(ask.table); err != nil {
			return usagef("--file %s: %s", ask.table, reasonOf(err)).hint("name a table such as /etc/crontab, or give it to standard input: crontab -l | postern jobs -")
		}
		f, err := os.Open(ask.table)
		if err != nil {
			return usagef("--file %s: %s", ask.table, reasonOf(err)).hint("name a table such as /etc/crontab, or give it to standard input: crontab -l | postern jobs -")
		}
		defer f.Close()
		in, name = f, ask.table
	}
	data, err := io.ReadAll(io.LimitReader(in, maxTableFile+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxTableFile {
		return usagef("%s: more than %d bytes", name, maxTableFile)
	}
	path := name
	if ask.table == "-" {
		path = "-"
	}
	j := &audit.Jobs{Schema: audit.JobsSchema, Hosts: []audit.HostJobs{}, Jobs: []facts.ListedJob{}}
	j.Add("", "", facts.JobsOfTable(data, facts.TableOptions{Name: path, Form: ask.form, Daemon: ask.daemon, User: c.String("user"), Now: time.Now()}))
	return writeJobs(c, s, j, ask)
}

// showJobs reads the hosts side by side and writes their jobs in their order.
func showJobs(c *cli.Context, s streams, sel *selection, ask *jobsRequest) error {
	type answer struct {
		list *facts.JobList
		why  string
	}
	answers := make([]answer, len(sel.targets))
	inFlight := make(chan struct{}, c.Int("parallel"))
	done := make(chan int)
	for i, t := range sel.targets {
		go func() {
			inFlight <- struct{}{}
			defer func() { <-inFlight; done <- i }()
			answers[i].list, answers[i].why = jobsOf(c, t)
		}()
	}
	failed := 0
	for range sel.targets {
		if a := &answers[<-done]; a.why != "" {
			failed++
			fmt.Fprintf(s.err, "postern: %s\n", visible(a.why))
		}
	}
	j := &audit.Jobs{Schema: audit.JobsSchema, Hosts: []audit.HostJobs{}, Jobs: []facts.ListedJob{}}
	for i, t := range sel.targets {
		j.Add(t.Host.Name, answers[i].why, answers[i].list)
	}
	if err := writeJobs(c, s, j, ask); err != nil {
		return err
	}
	if failed > 0 {
		return exitCode(audit.ExitUnknown)
	}
	return nil
}

// jobsOf reads one host. A failure is a line like any other, and so is a host whose
// bytes bring a parser down.
func jobsOf(c *cli.Context, t audit.Target) (l *facts.JobList, why string) {
	name := t.Host.Name
	defer func() {
		if p := recover(); p != nil {
			l, why = nil, fmt.Sprintf("%s: postern failed on what this host sent: %v", name, p)
		}
	}()
	if c.Context.Err() != nil {
		return nil, name + ": not looked at: interrupted"
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	snap, err := t.Source.Snapshot(ctx)
	if err != nil {
		why = err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			why = name + ": no whole answer within --timeout"
		}
	}
	if snap != nil {
		l = facts.WhatRuns(snap, facts.Options{Now: time.Now(), Name: name, Labels: t.Host.Labels})
	}
	return l, why
}

func writeJobs(c *cli.Context, s streams, j *audit.Jobs, ask *jobsRequest) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	all := len(j.Jobs)
	j.AtLeast(ask.least)
	if !c.Bool("show-secrets") {
		j.Mask(cron.Mask)
	}
	if ask.json {
		err = report.JobsJSON(out, j)
	} else {
		text := &report.JobsText{W: out, Width: s.width(out.out), Color: s.colour(c.String("color"), out.out), Verbose: c.Bool("verbose"), Hidden: all - len(j.Jobs)}
		err = text.Write(j)
	}
	if err == nil {
		err = out.keep()
	}
	if err != nil {
		return fmt.Errorf("writing the jobs: %w", err)
	}
	return nil
}

// showSigns writes the catalogue of what is called odd.
func showSigns(c *cli.Context, s streams, ask *jobsRequest) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	var rows []report.SignRow
	for _, x := range cron.Catalogue() {
		rows = append(rows, report.SignRow{ID: x.ID, Severity: x.Severity.String(), Booster: x.Booster, Attack: x.Attack, Title: x.Title,
			FalseAlarms: x.FalseAlarms, Of: cron.BenignLines, Like: x.True, Unlike: x.False})
	}
	if ask.json {
		err = report.SignsJSON(out, rows)
	} else {
		err = report.SignsText(out, s.width(out.out), c.Bool("verbose"), rows)
	}
	if err == nil {
		err = out.keep()
	}
	if err != nil {
		return fmt.Errorf("writing the signs: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/policies"
)

func huntCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "hunt",
		Category:  afterBreach,
		Usage:     "put one question to many hosts, and to their past",
		ArgsUsage: "EXPR|NAME [HOST...]",
		Description: `One question in CEL to the facts of each host, or the name of one that is
shipped (--list), or a list of addresses, names, digests and keys (--ioc):

  postern hunt 'jobs.exists(j, j.command.contains("update"))' @web
  postern hunt second-root --snapshot hosts/*.pst
  postern hunt --past 'access.exists(a, a.user == "ann")'

postern facts lists what can be asked. Who does not show it says no only where
all was read. --past asks the kept runs instead, and says when it was first and
last so; a list is looked for in their facts, and with --logs in all that was
read then: logs, names and contents of files. For a list hosts are asked a
second time, as by triage: processes, connections, start-up files, digests.

Exit code 0 nobody, 1 some host does, 3 nobody as far as is known.`,
		Flags: concat(sourceFlags(), []cli.Flag{
			&cli.BoolFlag{Category: "What to ask", Name: "list", Usage: "list the questions that are shipped"},
			&cli.StringFlag{Category: "What to ask", Name: "ioc", Usage: "hunt for the lines of `FILE`: addresses, networks, names, digests, keys"},
			&cli.BoolFlag{Category: "Kept runs", Name: "past", Usage: "ask the kept runs: when was it first and last so?"},
			&cli.BoolFlag{Category: "Kept runs", Name: "logs", Usage: "with --past and --ioc: look into the kept logs and files too (slower)"},
			archiveFlag(),
		}, outputFlagsOf("text or json")),
		Action: func(c *cli.Context) error { return hunt(c, s) },
	}
}

// huntRequest is what postern hunt was asked, read before any host is.
type huntRequest struct {
	question *policies.Question
	iocs     *triage.IOCs
	result   *triage.Hunt
	json     bool
	unasked  int // kept runs that could not be read
}

// maxIOCFile bounds a list.
const maxIOCFile = 64 << 20

func hunt(c *cli.Context, s streams) error {
	ask := &huntRequest{result: &triage.Hunt{Schema: triage.HuntSchema, Hosts: []triage.HuntedFor{}}}
	if err := textOrJSON(c); err != nil {
		return err
	}
	ask.json = c.String("format") == "json"
	if c.Bool("list") {
		return listQuestions(c, s, ask.json)
	}
	hosts := c.Args().Slice()
	if c.IsSet("ioc") {
		file := c.String("ioc")
		data, err := readSmall("ioc", file, maxIOCFile)
		if err != nil {
			return err
		}
		if ask.iocs, err = triage.ParseIOC(file, data); err != nil {
			return &usageError{text: err.Error()}
		}
		ask.result.List, ask.result.Lines = file, ask.iocs.Len()
	} else {
		if len(hosts) == 0 {
			return usagef("no question").hint("such as: postern hunt 'jobs.exists(j, j.command.contains(\"update\"))'; postern hunt --list names some")
		}
		text := hosts[0]
		hosts = hosts[1:]
		for _, q := range triage.Questions {
			if q.Name == text {
				ask.result.Name, text = q.Name, q.Text
			}
		}
		var err error
		if ask.question, err = policies.NewQuestion(text); err != nil {
			e := usagef("%s: %s", text, strings.SplitN(err.Error(), "\n", 2)[0])
			if _, hint, ok := strings.Cut(err.Error(), "\n"); ok {
				return e.hint("%s", hint)
			}
			if ask.result.Name == "" && !strings.ContainsAny(text, "(.=") {
				var names []string
				for _, q := range triage.Questions {
					names = append(names, q.Name)
				}
				if n := near(text, names); n != "" {
					return e.hint("did you mean the question %s?", n)
				}
			}
			return e.hint("postern facts lists what can be asked, postern hunt --list the questions that are shipped")
		}
		ask.result.Question = text
	}
	if c.Bool("logs") && ask.iocs == nil {
		return usagef("--logs goes with a list").hint("--ioc FILE names one; a question is about facts")
	}
	if c.Bool("past") {
		if err := huntPast(c, s, ask, hosts); err != nil {
			return err
		}
	} else {
		if c.IsSet("logs") {
			return usagef("--logs is about kept runs").hint("--past asks them; of hosts the logs are read anyway")
		}
		if c.IsSet("archive") {
			return usagef("--archive is about kept runs").hint("--past asks them")
		}
		if err := checkSource(c); err != nil {
			return err
		}
		sel, err := choose(withArguments(c, hosts), s)
		if err != nil {
			return err
		}
		huntHosts(c, s, ask, sel)
	}
	return writeHunt(c, s, ask)
}

// withArguments is the same command line with other arguments.
func withArguments(c *cli.Context, args []string) *cli.Context {
	set := flag.NewFlagSet(c.Command.Name, flag.ContinueOnError)
	// "--" keeps an argument from being read as a flag; parseLine passes none on.
	_ = set.Parse(append([]string{"--"}, args...))
	sub := cli.NewContext(c.App, set, c)
	sub.Command = c.Command
	return sub
}

// answer puts the question to one reading.
func (r *huntRequest) answer(f *facts.Facts, snap *snapshot.Snapshot) (h triage.HuntedFor) {
	h.Items, h.Evidence, h.Hits, h.Readings = []string{}, []facts.Evidence{}, []triage.Hit{}, 1
	if r.iocs != nil {
		if snap != nil {
			h.Hits = append(h.Hits, r.iocs.In(snap, f)...)
		} else {
			h.Hits = append(h.Hits, r.iocs.InFacts(f)...)
		}
		h.Verdict = "no"
		switch {
		case len(h.Hits) > 0:
			h.Verdict = "yes"
		case snap != nil && !snap.Complete:
			h.Verdict, h.Reason = "unknown", "the host's answer was cut"
		default:
			if h.Reason = firstGap(f); h.Reason != "" {
				h.Verdict = "unknown"
			}
		}
		return h
	}
	a := r.question.Ask(f)
	h.Verdict, h.Reason = a.Verdict, a.Reason
	h.Items = append(h.Items, a.Items...)
	h.Evidence = append(h.Evidence, a.Evidence...)
	return h
}

// firstGap says what facts may lack, of several things one; "" they are whole.
func firstGap(f *facts.Facts) string {
	for _, name := range slices.Sorted(maps.Keys(f.Gaps)) {
		if g := f.Gaps[name]; len(g) > 0 {
			return name + ": " + g[0].Path + ": " + g[0].Reason
		}
	}
	return ""
}

// huntHosts asks hosts, or archives of them, side by side.
func huntHosts(c *cli.Context, s streams, ask *huntRequest, sel *selection) {
	answers := make([]triage.HuntedFor, len(sel.targets))
	inFlight := make(chan struct{}, c.Int("parallel"))
	done := make(chan int)
	questions := make(chan *huntRequest, c.Int("parallel"))
	for range c.Int("parallel") {
		own := *ask
		if ask.question != nil { // one goroutine at a time
			own.question, _ = policies.NewQuestion(ask.question.Text)
		}
		questions <- &own
		if len(questions) >= len(sel.targets) {
			break
		}
	}
	for i, t := range sel.targets {
		go func() {
			inFlight <- struct{}{}
			defer func() { <-inFlight; done <- i }()
			own := <-questions
			defer func() { questions <- own }()
			answers[i] = huntOne(c, t, own)
		}()
	}
	for range sel.targets {
		<-done
	}
	merged := map[string]int{}
	for _, a := range answers {
		at, again := merged[a.Host]
		if !again {
			merged[a.Host] = len(ask.result.Hosts)
			ask.result.Hosts = append(ask.result.Hosts, a)
			continue
		}
		mergeReading(&ask.result.Hosts[at], &a)
	}
}

// mergeReading adds another reading of the same host.
func mergeReading(h, a *triage.HuntedFor) {
	h.Readings += a.Readings
	h.Seen += a.Seen
	h.Unknown += a.Unknown
	h.Newest = a.Newest
	if a.FirstSeen != "" && (h.FirstSeen == "" || a.FirstSeen < h.FirstSeen) {
		h.FirstSeen = a.FirstSeen
	}
	if a.LastSeen >= h.LastSeen && a.LastSeen != "" {
		h.LastSeen = a.LastSeen
		h.Items, h.Evidence = a.Items, a.Evidence
	}
	if a.Verdict == "yes" || h.Verdict == "no" && a.Verdict == "unknown" {
		h.Verdict, h.Reason = a.Verdict, a.Reason
	}
	mergeHits(h, a.Hits)
}

// mergeHits adds the hits of another reading: what one alone shows stays, with when
// that was.
func mergeHits(h *triage.HuntedFor, more []triage.Hit) {
	if len(more) == 0 {
		return
	}
	type place struct {
		line        int
		where, path string
		at          int
		text        string
	}
	of := func(x *triage.Hit) place {
		p := place{line: x.IOC.Line, where: x.Where}
		if x.Evidence != nil {
			p.path, p.at, p.text = x.Evidence.Path, x.Evidence.Line, x.Evidence.Text
		}
		return p
	}
	known := make(map[place]int, len(h.Hits))
	for i := range h.Hits {
		known[of(&h.Hits[i])] = i
	}
	for _, x := range more {
		i, ok := known[of(&x)]
		switch {
		case ok:
			h.Hits[i].FirstSeen = min(h.Hits[i].FirstSeen, x.FirstSeen)
			h.Hits[i].LastSeen = max(h.Hits[i].LastSeen, x.LastSeen)
		case len(h.Hits) < triage.MaxHits:
			known[of(&x)] = len(h.Hits)
			h.Hits = append(h.Hits, x)
		}
	}
}

func huntOne(c *cli.Context, t audit.Target, ask *huntRequest) (h triage.HuntedFor) {
	name := t.Host.Name
	lost := func(why string) triage.HuntedFor {
		return triage.HuntedFor{Host: name, Verdict: "unknown", Reason: why, Items: []string{}, Evidence: []facts.Evidence{}, Hits: []triage.Hit{}, Newest: "unknown", Readings: 1, Unknown: 1}
	}
	defer func() {
		if p := recover(); p != nil {
			h = lost(fmt.Sprintf("postern failed on what this host sent: %v", p))
		}
	}()
	if c.Context.Err() != nil {
		return lost("not looked at: interrupted")
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	opt := facts.Options{Now: time.Now(), Name: name, Labels: t.Host.Labels, Expect: audit.Expectations(t.Host.Expect), Allow: audit.Allowances(t.Host.Allow)}
	snap, more, err := huntRead(ctx, t.Source, ask.iocs != nil, opt)
	if snap == nil {
		why := fmt.Sprint(err)
		if errors.Is(err, context.DeadlineExceeded) {
			why = "no whole answer within --timeout"
		}
		return lost(why)
	}
	h = ask.answer(facts.From(snap, opt), snap)
	if more != nil && h.Verdict == "no" {
		h.Verdict, h.Reason = "unknown", "the second round: "+more.Error()
	}
	h.Host = name
	if _, kept := t.Source.(audit.Archive); kept && snap.Name != "" {
		h.Host = snap.Name
	}
	told(&h, snap.Start)
	return h
}

// huntRead reads a host, for a list with a second round: that has the connections, the
// processes and the files that start by themselves. more is what kept that one from being
// whole.
func huntRead(ctx context.Context, src audit.Source, list bool, opt facts.Options) (snap *snapshot.Snapshot, more, err error) {
	deep, ok := src.(audit.DeepSource)
	if !ok || !list {
		snap, err = src.Snapshot(ctx)
		return snap, nil, err
	}
	d, err := deep.Deep(ctx, audit.Rounds{Ask: func(first *snapshot.Snapshot) snapshot.Questions { return triage.Ask(first, opt) }})
	if d == nil {
		return nil, nil, err
	}
	return d.First, d.Err, err
}

// told says when a reading was.
func told(h *triage.HuntedFor, at time.Time) {
	h.Newest = h.Verdict
	switch h.Verdict {
	case "yes":
		h.Seen = 1
		h.FirstSeen = at.UTC().Format(time.RFC3339)
		h.LastSeen = h.FirstSeen
		h.Hits = slices.Clone(h.Hits) // equal readings share them
		for i := range h.Hits {
			h.Hits[i].FirstSeen, h.Hits[i].LastSeen = h.FirstSeen, h.FirstSeen
		}
	case "unknown":
		h.Unknown = 1
	}
}

func writeHunt(c *cli.Context, s streams, ask *huntRequest) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	yes, unknown := 0, 0
	for i := range ask.result.Hosts {
		h := &ask.result.Hosts[i]
		switch h.Verdict {
		case "yes":
			yes++
		case "unknown":
			unknown++
		}
		if !c.Bool("show-secrets") {
			maskHunted(h)
		}
	}
	if ask.json {
		err = report.HuntJSON(out, ask.result)
	} else {
		err = (&report.HuntText{W: out, Width: s.width(out.out), Color: s.colour(c.String("color"), out.out), Verbose: c.Bool("verbose")}).Write(ask.result)
	}
	if err == nil {
		err = out.keep()
	}
	switch {
	case err != nil:
		return fmt.Errorf("writing the answers: %w", err)
	case yes > 0:
		return exitCode(audit.ExitFound)
	case unknown > 0, ask.unasked > 0:
		return exitCode(audit.ExitUnknown)
	}
	return nil
}

// maskHunted hides secrets in what quotes command lines. Readings share evidence.
func maskHunted(h *triage.HuntedFor) {
	h.Evidence = slices.Clone(h.Evidence)
	for i := range h.Evidence {
		h.Evidence[i].Text = cron.Mask(h.Evidence[i].Text)
	}
	h.Hits = slices.Clone(h.Hits)
	for i := range h.Hits {
		if e := h.Hits[i].Evidence; e != nil {
			own := *e
			own.Text = cron.Mask(own.Text)
			h.Hits[i].Evidence = &own
		}
	}
}

// listQuestions writes the questions that are shipped.
func listQuestions(c *cli.Context, s streams, asJSON bool) error {
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	if asJSON {
		err = report.QuestionsJSON(out, triage.Questions)
	} else {
		err = report.QuestionsText(out, s.width(out.out), triage.Questions)
	}
	if err == nil {
		err = out.keep()
	}
	return err
}

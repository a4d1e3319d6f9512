package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/fix/fleet"
)

// fleetRequest is how to go through several hosts, read before any host is.
type fleetRequest struct {
	sizes []fleet.Size
	head  fleet.Head
	json  bool
}

func readFleetRequest(c *cli.Context) (*fleetRequest, error) {
	if err := textOrJSON(c); err != nil {
		return nil, err
	}
	if err := checkRisks(c); err != nil {
		return nil, err
	}
	r := &fleetRequest{head: fleet.Head{Words: c.Args().Slice(), Batch: c.String("batch"), MaxFail: c.Int("max-fail"), Last: c.StringSlice("last")}}
	if r.json = c.String("format") == "json"; r.json && !c.Bool("yes") {
		return nil, usagef("--format json asks nobody").hint("look at the plan first (postern fix plan), then --yes --format json")
	}
	if c.Bool("resume") {
		for _, name := range []string{"plan", "only", "skip", "profile", "archive", "quarantine", "revoke-key", "lock-account", "from-triage"} {
			if c.IsSet(name) {
				return nil, usagef("--resume and --%s do not go together", name).hint("the plan of the run that stopped is gone on with")
			}
		}
		if c.Args().Present() {
			return nil, usagef("--resume and the host %q do not go together", c.Args().First()).hint("the hosts of the run that stopped are gone on with; for one of them: postern fix apply %s", c.Args().First())
		}
	}
	var err error
	if r.sizes, err = fleet.ParseSizes(r.head.Batch); err != nil {
		return nil, usagef("--batch %s: %s", r.head.Batch, err).hint("as in --batch %s", fleet.DefaultBatch)
	}
	if r.head.MaxFail < 0 {
		return nil, usagef("--max-fail %d is less than none", r.head.MaxFail).hint("0 stops at the first failure")
	}
	if f := c.String("inventory"); f != "" {
		if r.head.Inventory, err = filepath.Abs(f); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// lastHosts are those that --last names.
func lastHosts(c *cli.Context, s streams, patterns []string) (map[string]bool, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	inv, err := loadInventory(c, s)
	if err != nil {
		return nil, err
	}
	hosts, _, err := inv.Select(patterns)
	if err != nil {
		return nil, usagef("--last: %s", err)
	}
	out := map[string]bool{}
	for _, h := range hosts {
		out[h.Name] = true
	}
	return out, nil
}

// rolloutDir holds the runs through fleets.
func rolloutDir() string { return filepath.Join(journalDir(), "fleet") }

// fleetRun is one way through several hosts.
type fleetRun struct {
	c        *cli.Context
	s        streams
	how      *fleetRequest
	targets  map[string]*fixTarget
	plans    map[string]*fix.Host
	rollout  *fleet.Rollout
	began    time.Time
	results  []fleet.Result // of hosts that come to no batch
	names    []string       // that do
	last     map[string]bool
	progress *fleetProgress
}

// applyFleet applies the plans of several hosts.
func applyFleet(c *cli.Context, s streams, how *fleetRequest, p *fix.Plan, targets []*fixTarget, missed []unread) error {
	r := &fleetRun{c: c, s: s, how: how, began: time.Now(), targets: map[string]*fixTarget{}, plans: map[string]*fix.Host{}}
	var err error
	if r.last, err = lastHosts(c, s, how.head.Last); err != nil {
		return err
	}
	for _, t := range targets {
		r.targets[t.name] = t
	}
	held := map[string]string{} // what holds those that the plan leaves alone
	var alone []*fixTarget
	for i := range p.Hosts {
		h := &p.Hosts[i]
		if t := r.targets[h.Name]; t != nil && (h.Empty() || refusal(h, c.StringSlice("accept-risk")) != nil) {
			alone = append(alone, t)
		}
	}
	for i, why := range each(c, alone, func(t *fixTarget) string { return t.unconfirmed(c) }) {
		held[alone[i].name] = why
	}
	for _, m := range missed {
		r.results = append(r.results, fleet.Result{Name: m.name, Answer: fleet.Answer{Outcome: fleet.Unreached, Why: withoutHost(m.err.Error(), m.name)}})
	}
	whole := *p
	whole.Hosts = nil
	for i := range p.Hosts {
		h := &p.Hosts[i]
		r.plans[h.Name] = h
		switch refused := refusal(h, c.StringSlice("accept-risk")); {
		case held[h.Name] != "":
			r.results = append(r.results, fleet.Result{Name: h.Name, Answer: fleet.Answer{Outcome: apply.Pending, Why: held[h.Name]}})
		case h.Empty():
			r.results = append(r.results, fleet.Result{Name: h.Name, Answer: fleet.Answer{Outcome: apply.Already, Notes: []string{"nothing to change"}}})
		case refused != nil:
			r.results = append(r.results, fleet.Result{Name: h.Name, Answer: fleet.Answer{Outcome: apply.Refused, Why: "plan: " + refused.Why}})
		default:
			r.names = append(r.names, h.Name)
			whole.Hosts = append(whole.Hosts, *h)
		}
	}
	if len(r.names) == 0 {
		return r.end(fleet.Report{})
	}
	if err := r.ask(""); err != nil {
		return err
	}
	if r.rollout, err = fleet.Begin(rolloutDir(), how.head, &whole); err != nil {
		return fmt.Errorf("the journal of this run: %w", err)
	}
	return r.through()
}

// ask asks before the first write.
func (r *fleetRun) ask(more string) error {
	if r.c.Bool("yes") {
		return nil
	}
	changes := 0
	for _, name := range r.names {
		changes += len(r.plans[name].Changes)
	}
	first := r.names[0]
	for _, name := range r.names {
		if !r.last[name] {
			first = name
			break
		}
	}
	n := r.how.sizes[0].Of(len(r.names))
	order := fmt.Sprintf("first on %s alone", visible(first))
	if n > 1 {
		order = fmt.Sprintf("in batches, first on %d at once", n)
	}
	return agreed(r.c.Context, r.s, fmt.Sprintf("%smake %s on %s, %s?", more, count(changes, "change"), count(len(r.names), "host"), order))
}

// through goes through the hosts and tells how it ended.
func (r *fleetRun) through() error {
	r.progress = newFleetProgress(r.s, len(r.names))
	defer r.s.signals.words(r.progress.interrupted, r.progress.left)()
	report := fleet.Run(r.c.Context, r.names, fleet.Options{
		Sizes: r.how.sizes, MaxFail: r.how.head.MaxFail, Parallel: r.c.Int("parallel"), Last: r.last,
		Batch: r.progress.batch, Ended: r.progress.ended,
	}, r.one)
	r.progress.finish()
	err := r.rollout.Close()
	if e := r.end(report); err == nil {
		err = e
	}
	return err
}

// one applies the plan of one host, between two lines of the rollout's journal.
func (r *fleetRun) one(ctx context.Context, name string) fleet.Answer {
	t := r.targets[name]
	before, err := lastRun(name)
	if err == nil {
		err = r.rollout.Start(name, before)
	}
	if err != nil {
		return fleet.Answer{Outcome: apply.Refused, Why: err.Error()}
	}
	opt := t.options(r.c)
	opt.Progress = func(step string) { r.progress.step(name, step) }
	res, err := apply.Apply(ctx, t.connect, *r.plans[name], opt)
	a := answerOf(res, err)
	a.Why = withoutHost(a.Why, name)
	if res.Held {
		return a // without an end: --resume asks the host
	}
	if err := r.rollout.End(name, a); err != nil {
		a.Notes = append(a.Notes, err.Error())
	}
	return a
}

// lastRun is the run that this machine began last on a host; "" none.
func lastRun(host string) (string, error) {
	runs, err := apply.Runs(journalDir(), host)
	if err != nil || len(runs) == 0 {
		return "", err
	}
	return runs[len(runs)-1].Run, nil
}

// answerOf is what apply said, in the words of a fleet.
func answerOf(res apply.Result, err error) fleet.Answer {
	a := fleet.Answer{Outcome: res.Outcome, Run: res.Run, Recovered: res.Recovered, Left: res.Left, Notes: res.Notes}
	if err == nil {
		return a
	}
	a.Why = strings.TrimPrefix(err.Error(), string(apply.RolledBack)+": ") // the outcome says it
	if errors.Is(err, context.Canceled) {
		a.Why = "interrupted"
	}
	var step *apply.StepError
	if res.Outcome == apply.Refused && errors.As(err, &step) && step.Step == "connect" && step.Code == "" {
		a.Outcome = fleet.Unreached
		a.Why = strings.TrimPrefix(a.Why, "connect: ")
		if errors.Is(err, context.Canceled) {
			a.Outcome = fleet.NotTried
		}
	}
	return a
}

func withoutHost(why, name string) string { return strings.TrimPrefix(why, name+": ") }

package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/fix/fleet"
)

// resumeFleet goes on with the last run that has hosts left.
func resumeFleet(c *cli.Context, s streams, how *fleetRequest) error {
	ro, err := fleet.Latest(rolloutDir())
	switch {
	case errors.Is(err, fleet.ErrNone):
		return usagef("no run through several hosts has hosts left").hint("postern fix apply HOST... begins one")
	case errors.Is(err, fleet.ErrBusy):
		return usagef("%s", err)
	case err != nil:
		return err
	}
	closed := false
	defer func() {
		if !closed {
			ro.Close()
		}
	}()
	// What the run was begun with holds, unless it is said anew.
	if !c.IsSet("batch") {
		how.head.Batch = ro.Head.Batch
		if how.sizes, err = fleet.ParseSizes(ro.Head.Batch); err != nil {
			return fmt.Errorf("rollout %s: %w", ro.ID, err)
		}
	}
	if !c.IsSet("max-fail") {
		how.head.MaxFail = ro.Head.MaxFail
	}
	if !c.IsSet("last") {
		how.head.Last = ro.Head.Last
	}
	if !c.IsSet("inventory") && ro.Head.Inventory != "" {
		if err := c.Set("inventory", ro.Head.Inventory); err != nil {
			return err
		}
	}
	targets, err := fixHosts(c, s, ro.Head.Words)
	if err != nil {
		return err
	}
	r := &fleetRun{c: c, s: s, how: how, rollout: ro, began: time.Now(), targets: map[string]*fixTarget{}, plans: map[string]*fix.Host{}}
	if r.last, err = lastHosts(c, s, how.head.Last); err != nil {
		return err
	}
	for _, t := range targets {
		r.targets[t.name] = t
	}
	done, open, rest := ro.Hosts()
	for _, name := range slices.Concat(done, open, rest) {
		if r.targets[name] == nil {
			return usagef("the run %s was to change %s, which is not in the inventory any more", ro.ID, name).hint("plan anew: postern fix apply HOST...")
		}
	}
	for i := range ro.Plan.Hosts {
		h := &ro.Plan.Hosts[i]
		r.plans[h.Name] = h
		if refused := refusal(h, c.StringSlice("accept-risk")); refused != nil {
			return usagef("%s: %s", h.Name, refused.Why).hint("the run was begun with --accept-risk=%s: say it again", refused.Risk)
		}
		// A host on which it was taken back has its old bytes in another inode.
		if ro.Last(h.Name).What != "" {
			for n := range h.Changes {
				h.Changes[n].Before.Inode = 0
			}
		}
	}
	for _, name := range done {
		r.results = append(r.results, fleet.Result{Name: name, Answer: fleet.Answer{Outcome: apply.Already, Run: ro.Last(name).Run, Notes: []string{"done before"}}})
	}
	if !how.json {
		fmt.Fprintf(s.out, "%s\n", wrapped(fmt.Sprintf("run %s: %s done, %s interrupted, %s left", report.Inline(ro.ID), count(len(done), "host"), count(len(open), "host"), count(len(rest), "host")), s.width(s.out), "  "))
	}
	r.names = slices.Concat(open, rest)
	if len(r.names) == 0 {
		return r.end(fleet.Report{})
	}
	if err := r.ask("go on: "); err != nil {
		return err
	}
	r.names = append(r.settleOpen(open), rest...)
	r.names = r.inOrder(r.names)
	closed = true
	return r.through()
}

// inOrder sorts names as the plan has them.
func (r *fleetRun) inOrder(names []string) []string {
	at := map[string]int{}
	for i := range r.rollout.Plan.Hosts {
		at[r.rollout.Plan.Hosts[i].Name] = i
	}
	slices.SortFunc(names, func(a, b string) int { return at[a] - at[b] })
	return names
}

// settleOpen finishes or undoes what was interrupted, before anything else is
// begun, and gives the hosts that are to be changed after all.
func (r *fleetRun) settleOpen(open []string) []string {
	var mu sync.Mutex
	var again []string
	var all sync.WaitGroup
	next := make(chan string)
	for range min(max(r.c.Int("parallel"), 1), len(open)) {
		all.Go(func() {
			for name := range next {
				a := fleet.Answer{Outcome: fleet.NotTried, Why: "interrupted"}
				if r.c.Context.Err() == nil {
					a = r.settle(name)
				}
				mu.Lock()
				switch {
				case a.Outcome == apply.RolledBack || a.Outcome == apply.Refused && a.Why == "":
					again = append(again, name)
				default:
					r.results = append(r.results, fleet.Result{Name: name, Answer: a})
				}
				fmt.Fprintf(r.s.err, "postern: %s: %s\n", visible(name), visible(either(a.Recovered, either(a.Why, string(a.Outcome)))))
				mu.Unlock()
			}
		})
	}
	for _, name := range open {
		next <- name
	}
	close(next)
	all.Wait()
	return again
}

// settle asks a host what became of a run that has no end here. RolledBack: what
// was before is in force; Refused without a reason: nothing had been changed.
func (r *fleetRun) settle(name string) fleet.Answer {
	t := r.targets[name]
	begun := r.rollout.Last(name)
	run := begun.Run // of one that ended as pending
	if begun.What == "begin" {
		now, err := lastRun(name)
		if err != nil {
			return fleet.Answer{Outcome: apply.Refused, Why: err.Error()}
		}
		if run = now; now == begun.Run {
			return fleet.Answer{Outcome: apply.Refused, Recovered: "nothing had been begun"}
		}
	}
	opt := t.options(r.c)
	opt.Progress = nil
	res, err := apply.Recover(r.c.Context, t.connect, name, opt)
	if err != nil {
		a := answerOf(res, err)
		a.Why = "what became of the interrupted run is not known: " + withoutHost(a.Why, name)
		return a // and the journal keeps it open
	}
	a := fleet.Answer{Outcome: apply.Refused, Run: run, Recovered: res.Recovered, Notes: res.Notes, Left: res.Left}
	st, err := apply.Status(r.c.Context, t.connect, name, opt)
	if err != nil {
		return fleet.Answer{Outcome: fleet.Unreached, Why: withoutHost(err.Error(), name)}
	}
	switch st.Records[run] {
	case "confirmed":
		a.Outcome = apply.Done
	case "rolledback":
		a.Outcome = apply.RolledBack
	}
	if err := r.rollout.End(name, a); err != nil {
		a.Notes = append(a.Notes, err.Error())
	}
	return a
}

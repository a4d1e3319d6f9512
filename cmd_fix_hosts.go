package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/fix/fleet"
)

func fixFailed(s streams, name string, err error) error {
	fmt.Fprintf(s.err, "postern: %s: %s\n", visible(name), visible(err.Error()))
	if errors.Is(err, apply.ErrRefused) {
		return exitCode(exitPlanRefused)
	}
	return exitCode(exitUnread)
}

// tellStatus writes how a host stands.
func tellStatus(w io.Writer, width int, name string, st apply.State) error {
	if st.Run == "" {
		fmt.Fprintln(w, report.Name(name)+": no run holds it")
	} else {
		fmt.Fprintf(w, "%s: run %s is %s", report.Name(name), report.Inline(st.Run), report.Inline(st.State))
		switch {
		case st.Guard:
			fmt.Fprintf(w, "; its guard takes it back in %s, and postern fix confirm %s keeps it", st.Left, report.Name(name))
		case st.State == "prepared":
			fmt.Fprint(w, ": it was cut off before anything was changed, and the next postern fix apply takes it away")
		}
		fmt.Fprintln(w)
	}
	force := st.InForce()
	for _, id := range st.Runs() {
		h, known := st.Plans[id]
		end := report.Inline(st.Records[id])
		switch {
		case st.Records[id] == "confirmed" && h.Undoes != "":
			end += ", gave back run " + report.Inline(h.Undoes)
		case st.Records[id] == "confirmed" && known && !slices.Contains(force, id):
			end += ", and given back by a later one"
		}
		fmt.Fprintf(w, "  run %s: %s%s\n", report.Inline(id), end, endedAt(st, id, ", "))
		tellChanged(w, width, &h)
	}
	return nil
}

// recordsTold is of how many runs fix status says what they changed, and fix undo
// knows which of them are in force still.
const recordsTold = 10

// tellChanged writes what a run changed, a file a line.
func tellChanged(w io.Writer, width int, h *fix.Host) {
	const indent, most = "    ", 10
	for i := range h.Changes {
		if i == most {
			fmt.Fprintf(w, "%sand %d more\n", indent, len(h.Changes)-i)
			break
		}
		c := &h.Changes[i]
		text := report.Path(c.Before.Path)
		switch {
		case c.Kind == fix.KindAccount:
			text = "account " + report.Name(c.User)
		case !c.Before.Exists:
			text += " (new)"
		case !c.After.Exists:
			text += " (moved away)"
		}
		if len(c.Rules) > 0 && h.Undoes == "" {
			text += ", for " + report.Inline(strings.Join(c.Rules, ", "))
		}
		fmt.Fprintln(w, wrapped(indent+text, width, indent+"  "))
	}
}

// endedAt is when a run ended, by the host's clock; "" that is not known.
func endedAt(st apply.State, id, before string) string {
	if at := st.Ended[id]; !at.IsZero() {
		return before + at.Format("2006-01-02 15:04:05 UTC")
	}
	return ""
}

func fixHostCommands(s streams) []*cli.Command {
	run := &cli.StringFlag{Category: "Run", Name: "run", Usage: "the run `ID` of one host (fix status names them)"}
	one := func(name, usage, text string, flags []cli.Flag, do func(*cli.Context, streams, []*fixTarget) error) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, ArgsUsage: "[HOST...]", Description: text, Flags: concat(hostFlags(), flags),
			Action: func(c *cli.Context) error {
				words := c.Args().Slice()
				if id := c.String("rollout"); id != "" {
					if len(words) > 0 || c.IsSet("inventory") {
						return usagef("--rollout and hosts are two sources").hint("--rollout %s names its hosts itself", id)
					}
					var err error
					if words, err = rolloutWords(c, id); err != nil {
						return err
					}
				}
				targets, err := fixHosts(c, s, words)
				if err != nil {
					return err
				}
				if c.IsSet("run") && len(targets) > 1 {
					return usagef("--run names a run of one host, and %d were named", len(targets)).hint("name one of them")
				}
				return do(c, s, targets)
			}}
	}
	rollout := &cli.StringFlag{Category: "Run", Name: "rollout", Usage: "the hosts that the run `ID` of fix apply through several hosts has changed"}
	return []*cli.Command{
		one("status", "say how hosts stand: armed, confirmed, taken back", "Changes nothing.\n\nExit codes: 0; 2 a mistake; 3 a host could not be reached.", nil, fixStatus),
		one("confirm", "keep a change whose laptop died before it could say so", `The login that it makes is the proof. A host that no run holds is left as it is.

Exit codes: 0 confirmed; 3 not reached; 4 refused; 5 the host took it back
before; 7 mixed, of several hosts.`, []cli.Flag{run}, fixConfirm),
		one("undo", "give back what a confirmed run changed", `From the hosts' own record; a change like any other: tried, guarded, verified.
Several hosts are gone through in batches, as by fix apply, after a question.

Exit codes are those of fix apply.`, concat([]cli.Flag{run, rollout,
			&cli.BoolFlag{Category: "Run", Name: "yes", Usage: "do not ask, where there are several hosts"}}, fleetFlags()), fixUndo),
	}
}

// rolloutWords are the hosts of a rollout as they were named, and its inventory.
func rolloutWords(c *cli.Context, id string) ([]string, error) {
	ro, err := fleet.Look(rolloutDir(), id)
	if errors.Is(err, fleet.ErrNone) {
		return nil, usagef("--rollout %s is not known here", id).hint("the last line of fix apply names it")
	}
	if err != nil {
		return nil, err
	}
	if ro.Head.Inventory != "" {
		if err := c.Set("inventory", ro.Head.Inventory); err != nil {
			return nil, err
		}
	}
	return ro.Head.Words, nil
}

// each does something to all hosts side by side, and gives what came of it in
// their order.
func each[T any](c *cli.Context, targets []*fixTarget, do func(*fixTarget) T) []T {
	out := make([]T, len(targets))
	slots := make(chan struct{}, c.Int("parallel"))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			out[i] = do(t)
		})
	}
	all.Wait()
	return out
}

func fixStatus(c *cli.Context, s streams, targets []*fixTarget) error {
	type answer struct {
		st  apply.State
		err error
	}
	var worst error
	for i, a := range each(c, targets, func(t *fixTarget) (a answer) {
		opt := t.quiet(c, len(targets))
		opt.Records = recordsTold
		a.st, a.err = apply.Status(c.Context, t.connect, t.name, opt)
		return a
	}) {
		if a.err != nil {
			worst = fixFailed(s, targets[i].name, a.err)
			continue
		}
		if err := tellStatus(s.out, s.width(s.out), targets[i].name, a.st); err != nil {
			return err
		}
	}
	return worst
}

// quiet are the options without the steps of each of several hosts.
func (t *fixTarget) quiet(c *cli.Context, n int) apply.Options {
	opt := t.options(c)
	if n > 1 {
		opt.Progress = nil
	}
	return opt
}

func fixConfirm(c *cli.Context, s streams, targets []*fixTarget) error {
	if len(targets) == 1 {
		t := targets[0]
		id, err := t.run(c, "to be confirmed", func(st apply.State) []string { return []string{st.Run} })
		if err != nil {
			return err
		}
		r, err := apply.Confirm(c.Context, t.connect, t.name, id, t.options(c))
		return tellResult(s, t.name, r, err)
	}
	all := each(c, targets, func(t *fixTarget) fleet.Result {
		opt := t.quiet(c, len(targets))
		st, err := apply.Status(c.Context, t.connect, t.name, opt)
		a := fleet.Answer{Outcome: apply.Already, Notes: []string{"no run holds it"}}
		switch {
		case err != nil:
			a = fleet.Answer{Outcome: fleet.Unreached, Why: withoutHost(err.Error(), t.name)}
		case st.Run != "":
			res, err := apply.Confirm(c.Context, t.connect, t.name, st.Run, opt)
			a = answerOf(res, err)
		}
		return fleet.Result{Name: t.name, Answer: a}
	})
	return tellFleet(s, all, fleet.Report{})
}

// tellFleet tells what became of several hosts, and is the exit code.
func tellFleet(s streams, all []fleet.Result, rep fleet.Report) error {
	sum := &fleetSummary{Hosts: append(all, rep.Results...), Batches: rep.Batches, Stopped: rep.Stopped, Exit: fleetExit(append(all, rep.Results...))}
	sum.text(s)
	if sum.Exit != 0 {
		return exitCode(sum.Exit)
	}
	return nil
}

func fixUndo(c *cli.Context, s streams, targets []*fixTarget) error {
	how, err := readFleetRequest(c)
	if err != nil {
		return err
	}
	known := map[string]string{} // run by host
	if id := c.String("rollout"); id != "" {
		ro, err := fleet.Look(rolloutDir(), id)
		if err != nil {
			return err
		}
		for i := range ro.Plan.Hosts {
			if e := ro.Last(ro.Plan.Hosts[i].Name); e.Outcome == apply.Done {
				known[e.Host] = e.Run
			}
		}
		targets = slices.DeleteFunc(targets, func(t *fixTarget) bool { return known[t.name] == "" })
		if len(targets) == 0 {
			return usagef("--rollout %s has changed no host", id)
		}
	}
	confirmed := func(st apply.State) []string { return st.InForce() }
	if len(targets) == 1 {
		t := targets[0]
		id := known[t.name]
		if id == "" {
			if id, err = t.run(c, "to be given back", confirmed); err != nil {
				return err
			}
		}
		r, err := apply.Undo(c.Context, t.connect, t.name, id, t.options(c))
		return tellResult(s, t.name, r, err)
	}
	if !c.Bool("yes") {
		if err := agreed(c.Context, s, fmt.Sprintf("undo the last change on %s?", count(len(targets), "host"))); err != nil {
			return err
		}
	}
	last, err := lastHosts(c, s, how.head.Last)
	if err != nil {
		return err
	}
	byName, names := map[string]*fixTarget{}, make([]string, len(targets))
	for i, t := range targets {
		byName[t.name], names[i] = t, t.name
	}
	p := newFleetProgress(s, len(names))
	defer s.signals.words(p.interrupted, p.left)()
	rep := fleet.Run(c.Context, names, fleet.Options{Sizes: how.sizes, MaxFail: how.head.MaxFail, Parallel: c.Int("parallel"), Last: last, Batch: p.batch, Ended: p.ended},
		func(ctx context.Context, name string) fleet.Answer {
			t := byName[name]
			opt := t.options(c)
			opt.Progress = func(step string) { p.step(name, step) }
			id := known[name]
			if id == "" {
				ask := opt
				ask.Records = recordsTold
				st, err := apply.Status(ctx, t.connect, name, ask)
				if err != nil {
					return fleet.Answer{Outcome: fleet.Unreached, Why: withoutHost(err.Error(), name)}
				}
				switch ids := confirmed(st); len(ids) {
				case 0:
					return fleet.Answer{Outcome: apply.Already, Notes: []string{"it holds no confirmed run"}}
				case 1:
					id = ids[0]
				default:
					return fleet.Answer{Outcome: apply.Refused, Why: "it holds " + count(len(ids), "confirmed run") + " (" + strings.Join(ids, ", ") + "): --run names one, host by host, or --rollout those of one run"}
				}
			}
			res, err := apply.Undo(ctx, t.connect, name, id, opt)
			a := answerOf(res, err)
			a.Why = withoutHost(a.Why, name)
			return a
		})
	p.finish()
	return tellFleet(s, nil, rep)
}

// run is the run that --run names, else the only one that fits. what says for what.
func (t *fixTarget) run(c *cli.Context, what string, fits func(apply.State) []string) (string, error) {
	if id := c.String("run"); id != "" {
		return id, nil
	}
	opt := t.options(c)
	opt.Records = recordsTold
	st, err := apply.Status(c.Context, t.connect, t.name, opt)
	if err != nil {
		return "", fixFailed(t.s, t.name, err)
	}
	ids := slices.DeleteFunc(fits(st), func(id string) bool { return id == "" })
	switch len(ids) {
	case 0:
		return "", usagef("there is no run on %s %s", t.name, what).hint("postern fix status %s tells how it stands", t.name)
	case 1:
		return ids[0], nil
	}
	newest := ids[0]
	for i, id := range ids {
		ids[i] = id + endedAt(st, id, " of ")
	}
	return "", usagef("there are %d runs on %s %s, the newest first: %s", len(ids), t.name, what, visible(strings.Join(ids, ", "))).hint("--run %s names the newest; a run that a newer one has changed again can be undone only after that", visible(newest))
}

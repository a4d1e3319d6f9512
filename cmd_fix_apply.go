package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
)

// Further exit codes of fix.
const (
	exitRolledBack = 5 // a change was taken back
	exitPending    = 6 // the host could not be reached again: it takes the change back by itself
)

// hostFlags are the source flags without those that log in nowhere.
func hostFlags() []cli.Flag {
	return slices.DeleteFunc(sourceFlags(), func(f cli.Flag) bool {
		return slices.Contains([]string{"local", "root", "snapshot", "parallel"}, f.Names()[0])
	})
}

func fixApplyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "apply", Usage: "make a plan true on one host, under a guard that takes it back", ArgsUsage: "HOST",
		Description: `Plans as fix plan does (or takes the plan of --plan), shows it, asks, and
applies it: copies, tries the new files where nobody else sees them, arms a
guard on the host, writes, reloads, logs in anew, proves what has changed, and
confirms. If that login does not succeed, or this machine dies, the host takes
everything back by itself.

Exit codes: 0 done, or nothing to do; 2 a mistake; 3 the host could not be read
or reached; 4 refused, nothing was changed; 5 taken back; 6 the host could not
be reached again and takes it back by itself.`,
		Flags: concat(hostFlags(), slices.DeleteFunc(ruleFlags(), func(f cli.Flag) bool { return f.Names()[0] == "fail-on" }), []cli.Flag{
			&cli.StringSliceFlag{Category: "Plan", Name: "accept-risk", Usage: "accept what refuses a plan by its `NAME`; may be repeated"},
			&cli.StringFlag{Category: "Plan", Name: "plan", Usage: "apply the plan that was saved in `FILE`"},
			&cli.StringFlag{Category: "Plan", Name: "archive", Usage: "look for earlier states of the host in the kept runs below `DIR`, not in the XDG state folder"},
			&cli.BoolFlag{Category: "Plan", Name: "yes", Usage: "do not ask; accepts no risk"},
			&cli.DurationFlag{Category: "Plan", Name: "deadline", Usage: "the host takes the change back when it is not confirmed after `TIME` (default: a minute, or more where the way is slow)"},
			&cli.StringFlag{Category: "Report", Name: "color", Value: "auto", Usage: "auto, always or never"},
		}),
		Action: func(c *cli.Context) error { return fixApply(c, s) },
	}
}

func fixHostCommands(s streams) []*cli.Command {
	run := &cli.StringFlag{Category: "Run", Name: "run", Usage: "the run `ID` (fix status names them)"}
	one := func(name, usage, text string, flags []cli.Flag, do func(*cli.Context, *fixTarget) error) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, ArgsUsage: "HOST", Description: text, Flags: concat(hostFlags(), flags),
			Action: func(c *cli.Context) error {
				t, err := fixHost(c, s, c.Args().Slice())
				if err != nil {
					return err
				}
				return do(c, t)
			}}
	}
	return []*cli.Command{
		one("status", "say how a host stands: armed, confirmed, taken back", "Changes nothing.", nil, func(c *cli.Context, t *fixTarget) error {
			st, err := apply.Status(c.Context, t.connect, t.name, t.options(c))
			if err != nil {
				return fixFailed(s, t.name, err)
			}
			return tellStatus(s.out, t.name, st)
		}),
		one("confirm", "keep a change whose laptop died before it could say so", "The login that it makes is the proof.", []cli.Flag{run}, func(c *cli.Context, t *fixTarget) error {
			id, err := t.run(c, func(st apply.State) []string { return []string{st.Run} })
			if err != nil {
				return err
			}
			r, err := apply.Confirm(c.Context, t.connect, t.name, id, t.options(c))
			return tellResult(s, t.name, r, err)
		}),
		one("undo", "give back what a confirmed run changed", "From the host's own record; a change like any other: tried, guarded, verified.", []cli.Flag{run}, func(c *cli.Context, t *fixTarget) error {
			id, err := t.run(c, func(st apply.State) (ids []string) {
				for id, state := range st.Records {
					if state == "confirmed" {
						ids = append(ids, id)
					}
				}
				return ids
			})
			if err != nil {
				return err
			}
			r, err := apply.Undo(c.Context, t.connect, t.name, id, t.options(c))
			return tellResult(s, t.name, r, err)
		}),
	}
}

// fixTarget is the one host that is to be changed.
type fixTarget struct {
	name    string
	target  audit.Target
	connect apply.Connect
	s       streams
}

// fixHost finds the one host of the arguments.
func fixHost(c *cli.Context, s streams, words []string) (*fixTarget, error) {
	if err := checkSourceOfOne(c); err != nil {
		return nil, err
	}
	sel := &selection{}
	inv, err := loadInventory(c, s)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, usagef("no host is named").hint("one host: postern fix %s user@host", c.Command.Name)
	}
	hosts, _, err := inv.Select(words)
	if err != nil {
		return nil, &usageError{text: err.Error()}
	}
	if len(hosts) != 1 {
		return nil, usagef("fix %s changes one host at a time, and %d were named", c.Command.Name, len(hosts)).hint("name one of them")
	}
	dialer, err := newDialer(c, s)
	if err != nil {
		return nil, err
	}
	sel.add(hosts[0], audit.SSH{Dialer: dialer, Host: hosts[0], Learnt: s.learnt})
	return &fixTarget{name: hosts[0].Name, target: sel.targets[0], s: s, connect: func(ctx context.Context) (apply.Conn, error) {
		conn, err := dialer.Dial(ctx, hosts[0])
		if err != nil {
			return nil, err
		}
		return conn, nil
	}}, nil
}

// checkSourceOfOne is checkSource without the flags that one host has no use for.
func checkSourceOfOne(c *cli.Context) error {
	if p := c.String("host-key-policy"); p != "strict" && p != "accept-new" {
		return usagef("--host-key-policy %q is not known", p).hint("strict refuses hosts of unknown key, accept-new writes their keys down")
	}
	return nil
}

func (t *fixTarget) options(c *cli.Context) apply.Options {
	return apply.Options{Journal: filepath.Join(stateDir(), "fix"), Deadline: c.Duration("deadline"), Accept: c.StringSlice("accept-risk"),
		Progress: func(step string) { fmt.Fprintf(t.s.err, "postern: %s: %s\n", visible(t.name), visible(step)) }}
}

// run is the run that --run names, else the only one that fits.
func (t *fixTarget) run(c *cli.Context, fits func(apply.State) []string) (string, error) {
	if id := c.String("run"); id != "" {
		return id, nil
	}
	st, err := apply.Status(c.Context, t.connect, t.name, t.options(c))
	if err != nil {
		return "", fixFailed(t.s, t.name, err)
	}
	ids := slices.DeleteFunc(fits(st), func(id string) bool { return id == "" })
	sort.Strings(ids)
	switch len(ids) {
	case 0:
		return "", usagef("%s holds no such run", t.name).hint("postern fix status %s", t.name)
	case 1:
		return ids[0], nil
	}
	return "", usagef("%s holds %d such runs: %s", t.name, len(ids), visible(strings.Join(ids, ", "))).hint("--run ID names one")
}

func fixApply(c *cli.Context, s streams) error {
	if v := c.String("color"); v != "auto" && v != "always" && v != "never" {
		return usagef("--color %q is not known", v).hint("one of auto, always, never")
	}
	words := c.Args().Slice()
	var p *fix.Plan
	var how *planRequest
	var err error
	if c.IsSet("plan") {
		for _, name := range []string{"only", "skip", "profile"} {
			if c.IsSet(name) {
				return usagef("--plan and --%s do not go together", name).hint("a saved plan is applied as it is")
			}
		}
		if p, err = readPlan(c.String("plan")); err != nil {
			return err
		}
		if len(p.Hosts) != 1 {
			return usagef("--plan %s holds %d hosts, and fix apply changes one at a time", c.String("plan"), len(p.Hosts)).hint("save a plan for one of them")
		}
		if len(words) == 0 {
			words = []string{p.Hosts[0].Name}
		}
	} else if how, err = readPlanRequest(c); err != nil {
		return err
	}
	t, err := fixHost(c, s, words)
	if err != nil {
		return err
	}
	if p == nil {
		one := &selection{}
		one.add(t.target.Host, t.target.Source)
		failed := 0
		if p, failed, err = makePlan(c, s, one, how); err != nil {
			return err
		}
		if failed > 0 {
			return exitCode(exitUnread)
		}
	} else if p.Hosts[0].Name != t.name {
		return usagef("--plan %s is for %s, and %s was named", c.String("plan"), p.Hosts[0].Name, t.name)
	}
	h := p.Hosts[0]
	if err := (&fix.Text{W: s.out, Width: s.width(s.out), Color: s.colour(c.String("color"), s.out)}).Write(p); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if len(h.Changes) == 0 {
		return nil
	}
	for _, r := range h.Refused {
		if r.Risk == "" || !slices.Contains(c.StringSlice("accept-risk"), r.Risk) {
			fmt.Fprintf(s.err, "postern: %s: refused, nothing was changed: %s\n", visible(t.name), visible(r.Why))
			return exitCode(exitPlanRefused)
		}
	}
	if !c.Bool("yes") {
		yes, err := agreed(s, t.name)
		if err != nil || !yes {
			return err
		}
	}
	r, err := apply.Apply(c.Context, t.connect, h, t.options(c))
	return tellResult(s, t.name, r, err)
}

// agreed asks whether to go on. Who cannot be asked has to say --yes.
func agreed(s streams, name string) (bool, error) {
	fmt.Fprintf(s.err, "postern: make these changes on %s? (yes, or anything else for no): ", visible(name))
	line, err := bufio.NewReader(io.LimitReader(s.in, 100)).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(s.err)
		return false, usagef("nobody answered").hint("--yes applies without asking")
	}
	if strings.TrimSpace(line) != "yes" {
		fmt.Fprintln(s.err, "postern: nothing was changed")
		return false, nil
	}
	return true, nil
}

// tellResult says how a run ended, and is its exit code.
func tellResult(s streams, name string, r apply.Result, err error) error {
	text := report.Name(name) + ": " + either(string(r.Outcome), "not known how it ended")
	if r.Run != "" {
		text += " (run " + report.Inline(r.Run) + ")"
	}
	fmt.Fprintln(s.out, text)
	for _, n := range r.Notes {
		fmt.Fprintln(s.out, wrapped("  "+report.Inline(n), s.width(s.out), "  "))
	}
	for _, f := range r.Left {
		fmt.Fprintln(s.out, wrapped("  left as it is, somebody else changed it: "+report.Path(f), s.width(s.out), "  "))
	}
	if r.Recovered != "" {
		fmt.Fprintln(s.out, wrapped("  an earlier run that was interrupted: "+report.Inline(r.Recovered), s.width(s.out), "  "))
	}
	if err != nil {
		fmt.Fprintf(s.err, "postern: %s: %s\n", visible(name), visible(err.Error()))
	}
	switch r.Outcome {
	case apply.Done, apply.Already:
		return nil
	case apply.Refused:
		return exitCode(exitPlanRefused)
	case apply.RolledBack:
		return exitCode(exitRolledBack)
	case apply.Pending:
		return exitCode(exitPending)
	}
	return exitCode(exitUnread)
}

func fixFailed(s streams, name string, err error) error {
	fmt.Fprintf(s.err, "postern: %s: %s\n", visible(name), visible(err.Error()))
	if errors.Is(err, apply.ErrRefused) {
		return exitCode(exitPlanRefused)
	}
	return exitCode(exitUnread)
}

// tellStatus writes how a host stands.
func tellStatus(w io.Writer, name string, st apply.State) error {
	if st.Run == "" {
		fmt.Fprintln(w, report.Name(name)+": no run holds it")
	} else {
		fmt.Fprintf(w, "%s: run %s is %s", report.Name(name), report.Inline(st.Run), report.Inline(st.State))
		if st.Guard {
			fmt.Fprintf(w, "; its guard takes it back in %s", st.Left)
		}
		fmt.Fprintln(w)
	}
	var ids []string
	for id := range st.Records {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		fmt.Fprintf(w, "  run %s: %s\n", report.Inline(id), report.Inline(st.Records[id]))
	}
	return nil
}

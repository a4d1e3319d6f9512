package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/fix/fleet"
)

// Further exit codes of fix.
const (
	exitRolledBack = 5 // a change was taken back
	exitPending    = 6 // the host could not be reached again: it takes the change back by itself
	exitMixed      = 7 // hosts of a fleet ended differently
)

// hostFlags are the source flags without those that log in nowhere.
func hostFlags() []cli.Flag {
	return slices.DeleteFunc(sourceFlags(), func(f cli.Flag) bool {
		return slices.Contains([]string{"local", "root", "snapshot"}, f.Names()[0])
	})
}

func fixApplyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "apply", Usage: "make plans true on hosts, under a guard that takes them back", ArgsUsage: "[HOST...]",
		Description: `Plans as fix plan does (or takes the plan of --plan), shows it, asks, and
applies it: copies, tries the new files where nobody else sees them, arms a
guard on the host, writes, reloads, logs in anew, proves what has changed, and
confirms. If that login does not succeed, or this machine dies, the host takes
everything back by itself.

Several hosts are changed in batches: one host first, then ten, then quarters
of all (--batch). The first failure stops the run, --max-fail N allows N of
them; a batch that has changed no host does not make the next one bigger.
Hosts that do not answer are left alone and listed, and so are those whose plan
is refused. --resume goes on where the last run stopped: hosts that are done
are not touched again, what was left armed is finished or undone first.

Ctrl-C begins no further host and brings those at work to an end; a second one
leaves at once, and their guards take the change back.

Exit codes: 0 done, or nothing to do; 1 there is a plan and no host was begun;
2 a mistake; 3 no host could be read or reached; 4 refused, nothing was changed;
5 taken back; 6 the host could not be reached again and takes it back by itself;
7 mixed: hosts ended differently, or only some of them were changed.`,
		Flags: concat(hostFlags(), slices.DeleteFunc(ruleFlags(), func(f cli.Flag) bool { return f.Names()[0] == "fail-on" }), []cli.Flag{
			&cli.StringSliceFlag{Category: "Plan", Name: "accept-risk", Usage: "accept what refuses a plan by its `NAME`; may be repeated"},
			&cli.StringFlag{Category: "Plan", Name: "plan", Usage: "apply the plan that was saved in `FILE`"},
			&cli.StringFlag{Category: "Plan", Name: "archive", Usage: "look for earlier states of the hosts in the kept runs below `DIR`, not in the XDG state folder"},
			&cli.BoolFlag{Category: "Plan", Name: "yes", Usage: "do not ask; accepts no risk"},
			&cli.DurationFlag{Category: "Plan", Name: "deadline", Usage: "the host takes the change back when it is not confirmed after `TIME` (default: a minute, or more where the way is slow)"},
		}, breachFlags(), fleetFlags(), []cli.Flag{
			&cli.BoolFlag{Category: "Several hosts", Name: "resume", Usage: "go on with the last run that has hosts left, by its plan"},
			&cli.StringFlag{Category: "Report", Name: "format", Value: "text", Usage: "text or json (then --yes)"},
			&cli.StringFlag{Category: "Report", Name: "color", Value: "auto", Usage: "auto, always or never"},
		}),
		Action: func(c *cli.Context) error { return fixApply(c, s) },
	}
}

// fleetFlags say how to go through several hosts.
func fleetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: "Several hosts", Name: "batch", Value: fleet.DefaultBatch, Usage: "hosts of each batch: `SIZES` are numbers and percentages behind commas; the last one repeats"},
		&cli.IntFlag{Category: "Several hosts", Name: "max-fail", Usage: "so many hosts may fail; one more stops the run: at 0 the first failure does"},
		&cli.StringSliceFlag{Category: "Several hosts", Name: "last", Usage: "hosts of the `PATTERN` come after all others, each alone: the way to the others; may be repeated"},
	}
}

// fixTarget is a host that is to be changed.
type fixTarget struct {
	name    string
	target  audit.Target
	connect apply.Connect
	s       streams
}

// fixHosts finds the hosts of the arguments: some have to be named, or an inventory.
func fixHosts(c *cli.Context, s streams, words []string) ([]*fixTarget, error) {
	if err := checkSource(c); err != nil {
		return nil, err
	}
	inv, err := loadInventory(c, s)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 && !c.IsSet("inventory") {
		// A change is not made on whatever inventory happens to lie in the folder.
		return nil, usagef("no host is named").hint("name hosts (postern fix %s user@host), or an inventory (-i FILE) for all of its hosts", c.Command.Name)
	}
	hosts, _, err := inv.Select(words)
	if err != nil {
		return nil, &usageError{text: err.Error()}
	}
	if len(hosts) == 0 {
		return nil, usagef("%s names no host", c.String("inventory"))
	}
	dialer, err := newDialer(c, s)
	if err != nil {
		return nil, err
	}
	out := make([]*fixTarget, len(hosts))
	for i, h := range hosts {
		out[i] = &fixTarget{name: h.Name, target: audit.Target{Host: h, Source: audit.SSH{Dialer: dialer, Host: h, Learnt: s.learnt}}, s: s,
			connect: func(ctx context.Context) (apply.Conn, error) {
				conn, err := dialer.Dial(ctx, h)
				if err != nil {
					return nil, err
				}
				return conn, nil
			}}
	}
	return out, nil
}

// journalDir holds what this machine began on hosts.
func journalDir() string { return filepath.Join(stateDir(), "fix") }

func (t *fixTarget) options(c *cli.Context) apply.Options {
	return apply.Options{Journal: journalDir(), Deadline: c.Duration("deadline"), Accept: c.StringSlice("accept-risk"),
		Progress: func(step string) { fmt.Fprintf(t.s.err, "postern: %s: %s\n", visible(t.name), visible(step)) }}
}

func fixApply(c *cli.Context, s streams) error {
	how, err := readFleetRequest(c)
	if err != nil {
		return err
	}
	if c.Bool("resume") {
		return resumeFleet(c, s, how)
	}
	words := c.Args().Slice()
	var p *fix.Plan
	var request *planRequest
	if c.IsSet("plan") {
		for _, name := range []string{"only", "skip", "profile", "quarantine", "revoke-key", "lock-account", "from-triage"} {
			if c.IsSet(name) {
				return usagef("--plan and --%s do not go together", name).hint("a saved plan is applied as it is")
			}
		}
		if p, err = readPlan(c.String("plan")); err != nil {
			return err
		}
		if len(words) == 0 { // a saved plan holds its hosts
			for i := range p.Hosts {
				words = append(words, p.Hosts[i].Name)
			}
		}
	} else if request, err = readPlanRequest(c); err != nil {
		return err
	} else {
		words = request.hosts(c)
	}
	targets, err := fixHosts(c, s, words)
	if err != nil {
		return err
	}
	var missed []unread
	if p == nil {
		all := &selection{}
		for _, t := range targets {
			all.add(t.target.Host, t.target.Source)
		}
		if p, missed, err = makePlan(c, s, all, request); err != nil {
			return err
		}
		if len(targets) == 1 && len(missed) > 0 {
			return exitCode(exitUnread)
		}
	} else if p, targets, err = named(c, p, targets); err != nil {
		return err
	}
	if how.json && len(targets) == 1 {
		return usagef("--format json is the summary of several hosts, and one was named").hint("postern fix plan --format json shows a plan")
	}
	if !how.json {
		if err := (&fix.Text{W: s.out, Width: s.width(s.out), Color: s.colour(c.String("color"), s.out)}).Write(p); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	if len(targets) > 1 {
		return applyFleet(c, s, how, p, targets, missed)
	}
	return applyOne(c, s, &p.Hosts[0], targets[0])
}

// whatToDo names in a question what a plan would do.
func whatToDo(h *fix.Host) string {
	if len(h.Changes) == 0 {
		return "reload sshd"
	}
	return "make " + count(len(h.Changes), "change")
}

// named takes the hosts that were named out of a saved plan, in its order.
func named(c *cli.Context, p *fix.Plan, targets []*fixTarget) (*fix.Plan, []*fixTarget, error) {
	at := map[string]int{}
	for i := range p.Hosts {
		at[p.Hosts[i].Name] = i
	}
	if len(p.Hosts) == 1 && len(targets) == 1 && targets[0].name != p.Hosts[0].Name {
		return nil, nil, usagef("--plan %s is for %s, and %s was named", c.String("plan"), p.Hosts[0].Name, targets[0].name)
	}
	some := *p
	some.Hosts = nil
	var known []*fixTarget
	for _, t := range targets {
		i, ok := at[t.name]
		if !ok {
			return nil, nil, usagef("--plan %s knows no host %s", c.String("plan"), t.name).hint("postern fix plan --plan %s shows its hosts", c.String("plan"))
		}
		some.Hosts, known = append(some.Hosts, p.Hosts[i]), append(known, t)
	}
	return &some, known, nil
}

// refusal is why a plan must not be applied; nil where nothing stands against it.
func refusal(h *fix.Host, accepted []string) *fix.Refusal {
	for i := range h.Refused {
		if r := &h.Refused[i]; r.Risk == "" || !slices.Contains(accepted, r.Risk) {
			return r
		}
	}
	return nil
}

// applyOne applies the plan of one host.
func applyOne(c *cli.Context, s streams, h *fix.Host, t *fixTarget) error {
	refused := refusal(h, c.StringSlice("accept-risk"))
	if h.Empty() || refused != nil {
		if why := t.unconfirmed(c); why != "" {
			fmt.Fprintf(s.err, "postern: %s: %s\n", visible(t.name), visible(why))
			return exitCode(exitPending)
		}
	}
	if h.Empty() {
		return nil
	}
	if r := refused; r != nil {
		fmt.Fprintf(s.err, "postern: %s: refused, nothing was changed: %s\n", visible(t.name), visible(r.Why))
		return exitCode(exitPlanRefused)
	}
	if !c.Bool("yes") {
		if err := agreed(c.Context, s, fmt.Sprintf("%s on %s?", whatToDo(h), visible(t.name))); err != nil {
			return err
		}
	}
	defer s.signals.words(func() string {
		return "interrupted: " + t.name + " is brought to an end first (again to leave at once)"
	},
		func() string { return leftAtOnce([]string{t.name}) })()
	r, err := apply.Apply(c.Context, t.connect, *h, t.options(c))
	switch {
	case r.Outcome == apply.Done && r.Run != "" && len(h.Changes) > 0:
		r.Notes = append(r.Notes, "postern fix undo "+t.name+" --run "+r.Run+" gives it back")
	case r.Outcome == apply.Pending:
		r.Notes = append(r.Notes, "postern fix status "+t.name+" tells how it ended; until its guard takes it back, postern fix confirm "+t.name+" keeps it")
	}
	return tellResult(s, t.name, r, err)
}

// unconfirmed says that the host is held by a run that nobody has confirmed; "" it is
// not, as far as it says. There is nothing to fix then, or somebody's edit waits for a
// reload, because that run's files are there, and soon they may not be.
func (t *fixTarget) unconfirmed(c *cli.Context) string {
	opt := t.options(c)
	opt.Progress = nil
	st, err := apply.Status(c.Context, t.connect, t.name, opt)
	if err != nil || st.State != "armed" && st.State != "rolling" {
		return ""
	}
	return fmt.Sprintf("what was read is the work of run %s, which is not confirmed and which the host takes back in %s: postern fix confirm %s keeps it", st.Run, st.Left, t.name)
}

// agreed asks whether to go on. Who cannot be asked has to say --yes; who says no
// leaves with a plan.
func agreed(ctx context.Context, s streams, question string) error {
	in, ok := s.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usagef("%s There is no terminal to ask on", question).hint("--yes applies without asking")
	}
	s.screen.Lock()
	defer s.screen.Unlock()
	fmt.Fprintf(s.err, "postern: %s (yes, or anything else for no): ", question)
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
		said <- strings.TrimSpace(line)
	}()
	select {
	case line := <-said:
		if line == "yes" {
			return nil
		}
	case <-ctx.Done():
	}
	fmt.Fprintln(s.err, "postern: nothing was changed")
	return exitCode(exitPlanned)
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
		if answerOf(r, err).Outcome != apply.Refused {
			return exitCode(exitUnread)
		}
		return exitCode(exitPlanRefused)
	case apply.RolledBack:
		return exitCode(exitRolledBack)
	case apply.Pending:
		return exitCode(exitPending)
	}
	return exitCode(exitUnread)
}

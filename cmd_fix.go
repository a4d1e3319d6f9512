package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/history"
	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/policies"
)

// Exit codes of fix, beside 0 (nothing to do, or done) and 2 (a mistake).
const (
	exitPlanned     = 1 // there is something to change, and nothing was changed
	exitUnread      = 3 // a host could not be read
	exitPlanRefused = 4 // a plan refuses to be applied
)

func fixCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:     "fix",
		Category: changeHosts,
		Usage:    "show what would mend the findings, apply it under a guard, undo it",
		Description: `  postern fix web1                        the plan: nothing is changed
  postern fix apply web1                  shows it, asks, and makes it so
  postern fix status web1                 what is in force, what is armed
  postern fix undo web1                   gives it back
  postern fix --from-triage last ID...    ends what a triage has named

"postern fix web1" is short for "postern fix plan web1".`,
		Subcommands: append([]*cli.Command{fixPlanCommand(s), fixApplyCommand(s), fixKeyCommand(s)}, fixHostCommands(s)...),
	}
}

func fixPlanCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "show what would be changed, and change nothing",
		ArgsUsage: "[HOST...]",
		Description: `Reads the hosts, judges them, and shows for each finding that can be mended the
smallest change: a unified diff a file, the commands that would run, and who can
log in before and after. Nothing is changed. A plan is refused where your own
login, or one of keep:, would not work any more; each refusal names the line.

"postern fix HOST" is the same as "postern fix plan HOST".

Exit codes: 0 nothing to change, 1 there is a plan, 2 a mistake, 3 a host could
not be read, 4 a plan is refused.`,
		Flags: concat(sourceFlags(), slices.DeleteFunc(ruleFlags(), func(f cli.Flag) bool { return f.Names()[0] == "fail-on" }), []cli.Flag{
			&cli.StringSliceFlag{Category: "Plan", Name: "accept-risk", Usage: "accept what refuses a plan by its `NAME`: lock-out, pending-edits, managed, revive-jobs ...; may be repeated"},
			&cli.StringFlag{Category: "Plan", Name: "save-plan", Usage: "write the plan to `FILE`, as fix apply --plan reads it"},
			&cli.StringFlag{Category: "Plan", Name: "plan", Usage: "show the plan that was saved in `FILE`; no host is read"},
			&cli.StringFlag{Category: "Plan", Name: "archive", Usage: "look for earlier states of the hosts in the kept runs below `DIR`, not in the XDG state folder"},
		}, breachFlags(), fixOutputFlags()),
		Action: func(c *cli.Context) error { return fixPlan(c, s) },
	}
}

// fixOutputFlags are those of a report that has no secrets to show: a diff shows
// the file's own bytes.
func fixOutputFlags() []cli.Flag {
	return slices.DeleteFunc(outputFlagsOf("text or json"), func(f cli.Flag) bool {
		return f.Names()[0] == "show-secrets" || f.Names()[0] == "verbose"
	})
}

func fixPlan(c *cli.Context, s streams) error {
	if err := checkPlanFlags(c); err != nil {
		return err
	}
	var p *fix.Plan
	var failed []unread
	if c.IsSet("plan") {
		var err error
		if p, err = readPlan(c.String("plan")); err != nil {
			return err
		}
	} else {
		how, err := readPlanRequest(c)
		if err != nil {
			return err
		}
		if err := checkSource(c); err != nil {
			return err
		}
		sel, err := chooseOf(c, s, how.hosts(c))
		if err != nil {
			return err
		}
		if p, failed, err = makePlan(c, s, sel, how); err != nil {
			return err
		}
	}
	if err := writePlan(c, s, p); err != nil {
		return err
	}
	return planExit(p, c.StringSlice("accept-risk"), len(failed))
}

func checkPlanFlags(c *cli.Context) error {
	if err := textOrJSON(c); err != nil {
		return err
	}
	if err := checkRisks(c); err != nil {
		return err
	}
	if c.IsSet("plan") {
		if c.Args().Present() {
			return usagef("--plan and the host %q are two sources", c.Args().First()).hint("a saved plan holds its hosts")
		}
		for _, name := range []string{"local", "root", "snapshot", "inventory", "only", "skip", "profile", "save-plan", "quarantine", "revoke-key", "lock-account", "from-triage"} {
			if c.IsSet(name) {
				return usagef("--plan and --%s do not go together", name).hint("a saved plan is shown as it is")
			}
		}
	}
	return nil
}

// checkRisks refuses the name of a risk that there is not: it would accept nothing.
func checkRisks(c *cli.Context) error {
	for _, r := range c.StringSlice("accept-risk") {
		if slices.Contains(fix.Risks(), r) {
			continue
		}
		e := usagef("--accept-risk %s: there is no such risk", r)
		if n := near(r, fix.Risks()); n != "" {
			return e.hint("did you mean %s?", n)
		}
		return e.hint("a refused plan names it; one of %s", strings.Join(fix.Risks(), ", "))
	}
	return nil
}

// planRequest is what to plan, read before any host is.
type planRequest struct {
	chosen *policies.Catalogue
	named  []string
	store  history.Store
	breach *breachRequest // nil: nothing is said of a break-in
}

func readPlanRequest(c *cli.Context) (*planRequest, error) {
	catalogue, err := policies.Embedded()
	if err != nil {
		return nil, err
	}
	choice := policies.Choice{Profile: c.String("profile")}
	if _, err := catalogue.Choose(choice); err != nil {
		return nil, usagef("--profile: %s", err)
	}
	choice.Only = c.StringSlice("only")
	chosen, err := catalogue.Choose(choice)
	if err != nil {
		return nil, usagef("--only: %s", err)
	}
	r := &planRequest{store: history.Store{Dir: stateDir()}}
	if c.IsSet("only") {
		for _, rule := range chosen.Rules() {
			r.named = append(r.named, rule.ID)
		}
	}
	choice.Skip = c.StringSlice("skip")
	if r.chosen, err = catalogue.Choose(choice); err != nil {
		return nil, usagef("--skip: %s", err)
	}
	if c.IsSet("archive") {
		r.store.Dir = c.String("archive")
	}
	if r.breach, err = readBreach(c); err != nil {
		return nil, err
	}
	return r, nil
}

// makePlan reads the hosts side by side and plans in their order.
func makePlan(c *cli.Context, s streams, sel *selection, how *planRequest) (*fix.Plan, []unread, error) {
	now := time.Now().UTC()
	p := &fix.Plan{Format: fix.Format, Tool: toolVersion(), Made: now, Profile: c.String("profile"), Only: c.StringSlice("only"), Hosts: []fix.Host{}}
	if len(p.Only) > 0 {
		p.Profile = ""
	}
	hosts, errs := make([]*fix.Host, len(sel.targets)), make([]error, len(sel.targets))
	inFlight, done := make(chan struct{}, max(c.Int("parallel"), 1)), make(chan int)
	for i, t := range sel.targets {
		go func() {
			inFlight <- struct{}{}
			defer func() { <-inFlight; done <- i }()
			hosts[i], errs[i] = planOf(c, t, how, now)
		}()
	}
	for range sel.targets {
		var u *usageError
		if i := <-done; errs[i] != nil && !errors.As(errs[i], &u) {
			fmt.Fprintf(s.err, "postern: %s\n", visible(errs[i].Error()))
		}
	}
	var failed []unread
	for i, h := range hosts {
		var u *usageError
		if errors.As(errs[i], &u) {
			return nil, nil, errs[i]
		}
		if h != nil {
			p.Hosts = append(p.Hosts, *h)
		} else {
			failed = append(failed, unread{sel.targets[i].Host.Name, errs[i]})
		}
	}
	if err := how.breach.settle(p, len(failed) == 0); err != nil {
		return nil, nil, err
	}
	return p, failed, nil
}

// unread is a host for which nothing could be planned.
type unread struct {
	name string
	err  error
}

// planOf plans for one host. A host whose bytes bring a parser down is an error
// like any other.
func planOf(c *cli.Context, t audit.Target, how *planRequest, now time.Time) (h *fix.Host, err error) {
	defer func() {
		if p := recover(); p != nil {
			h, err = nil, fmt.Errorf("%s: postern failed on what this host sent: %v", t.Host.Name, p)
		}
	}()
	keep, err := keepLogins(t.Host)
	if err != nil {
		return nil, err
	}
	if c.Context.Err() != nil {
		return nil, fmt.Errorf("%s: not looked at: interrupted", t.Host.Name)
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	var snap *snapshot.Snapshot
	var running []fix.Process
	var whole bool
	if how.breach != nil {
		snap, err = deeper(ctx, t, now)
		running, whole = runningOn(snap)
	} else {
		snap, err = t.Source.Snapshot(ctx)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: no whole answer within --timeout", t.Host.Name)
	case err != nil:
		return nil, err
	case !snap.Complete:
		return nil, fmt.Errorf("%s: the host's answer ended before it was whole: nothing is planned on a part", t.Host.Name)
	}
	var own []string
	var fetch func(string) ([]byte, error)
	if s, ok := t.Source.(audit.SSH); ok {
		own = s.Dialer.Keys(ctx, t.Host)
		fetch = func(file string) ([]byte, error) { return fetchFile(ctx, s, file) }
	}
	first := true
	host := fix.Make(fix.Input{
		Breach: how.breach.of(t.Host.Name), Processes: running, ProcessesWhole: whole,
		Host: t.Host, Snapshot: snap, Now: now, Named: how.named, Keep: keep, OwnKeys: own, Fetch: fetch, Earlier: how.earlier(t.Host.Name, snap.Start),
		Judge: func(f *facts.Facts) []policies.Outcome {
			if first { // as it was read
				how.breach.saw(t.Host.Name, f)
				first = false
			}
			out, _ := how.chosen.Judge(f, policies.JudgeOptions{Host: t.Host.Name, Now: now, Waivers: waivers(t.Host), Allow: carveOuts(t.Host)})
			return out
		},
	})
	return &host, nil
}

// maxFetch bounds a file that the planner asks for: Debian's moduli has 0.6 MB.
const maxFetch = 4 << 20

// fetchFile reads a file over a connection of its own, with the account's rights.
func fetchFile(ctx context.Context, s audit.SSH, file string) ([]byte, error) {
	if strings.ContainsAny(file, "'\\!\n") {
		return nil, errors.New("a name that is not asked for")
	}
	conn, err := s.Dialer.Dial(ctx, s.Host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	out := &bounded{left: maxFetch}
	exit, err := conn.Run(ctx, "cat '"+file+"'", nil, out, nil)
	switch {
	case err != nil:
		return nil, err
	case exit != 0:
		return nil, fmt.Errorf("cat ended with %d", exit)
	}
	return out.data, nil
}

// bounded keeps what is written to it, up to a bound.
type bounded struct {
	data []byte
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("more than %d bytes", maxFetch)
	}
	b.data = append(b.data, p...)
	return len(p), nil
}

// keepLogins are the inventory's keep: logins, public key files read.
func keepLogins(h inventory.Host) ([]fix.Login, error) {
	var out []fix.Login
	for _, k := range h.Keep {
		l := fix.Login{User: k.User, Method: k.Method, From: k.From, Key: k.Key}
		if k.Key != "" {
			l.Method = "publickey"
		}
		if k.Key != "" && !strings.HasPrefix(k.Key, "SHA256:") {
			file := k.Key
			if rest, home := strings.CutPrefix(file, "~/"); home {
				if dir, err := os.UserHomeDir(); err == nil {
					file = filepath.Join(dir, rest)
				}
			} else if !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(k.Pos.File), file)
			}
			cred, err := readCredential(file)
			if err != nil {
				return nil, usagef("keep: at %s: %s", k.Pos, strings.TrimPrefix(err.Error(), "--reach "))
			}
			l.Key = cred.Fingerprint
		}
		out = append(out, l)
	}
	return out, nil
}

// earlier gives the archives of a host in the kept runs, newest first, that were
// made before the snapshot.
func (r *planRequest) earlier(host string, before time.Time) func(func(string, *snapshot.Snapshot) bool) {
	return func(yield func(string, *snapshot.Snapshot) bool) {
		runs, err := r.store.Runs()
		if err != nil {
			return
		}
		for _, id := range slices.Backward(runs) {
			name := filepath.Join(r.store.Dir, "runs", id, "hosts", history.FileName(host))
			snap, err := (audit.Archive{Path: name}).Snapshot(context.Background())
			if err != nil || !snap.Start.Before(before) {
				continue
			}
			if !yield(id, snap) {
				return
			}
		}
	}
}

func readPlan(file string) (*fix.Plan, error) {
	if err := readable(file); err != nil {
		return nil, usagef("--plan %s: %s", file, reasonOf(err)).hint("postern fix plan HOST... --save-plan %s writes one", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, usagef("--plan %s: %s", file, reasonOf(err)).hint("postern fix plan HOST... --save-plan %s writes one", file)
	}
	defer f.Close()
	p, err := fix.Read(f)
	switch {
	case errors.Is(err, fix.ErrNewer):
		return nil, usagef("--plan %s: %s", file, err).hint("this is postern %s: update it", toolVersion())
	case err != nil:
		return nil, usagef("--plan %s: %s", file, err).hint("make it anew: postern fix plan ... --save-plan %s", file)
	}
	return p, nil
}

// writePlan shows a plan, and keeps it where that was asked for.
func writePlan(c *cli.Context, s streams, p *fix.Plan) error {
	if name := c.String("save-plan"); name != "" {
		if err := savePlan(name, p); err != nil {
			return err
		}
	}
	out, err := openOutput(c, s)
	if err != nil {
		return err
	}
	defer out.abandon()
	if c.String("format") == "json" {
		err = planJSON(out, p)
	} else {
		err = (&fix.Text{W: out, Width: s.width(out.out), Color: s.colour(c.String("color"), out.out)}).Write(p)
	}
	overSSH := !c.Bool("local") && !c.IsSet("root") && !c.IsSet("snapshot") // others are not changed from here
	if err == nil && overSSH && c.String("format") == "text" && slices.ContainsFunc(p.Hosts, func(h fix.Host) bool { return !h.Empty() && len(h.Refused) == 0 }) {
		_, err = fmt.Fprintf(out, "\n%s\n", wrapped(whatNow(c), s.width(out.out)-2, "  "))
	}
	if err == nil {
		err = out.keep()
	}
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// whatNow says how a plan is made true.
func whatNow(c *cli.Context) string {
	for _, flag := range []string{"plan", "save-plan"} {
		if c.IsSet(flag) {
			return "to make it so: postern fix apply --plan " + shellWord(c.String(flag))
		}
	}
	return "to make it so: postern fix apply, with the same words"
}

// planJSON writes a plan for programs: what came from hosts is escaped as in every
// other report. The plan that can be applied is the one of --save-plan.
func planJSON(w io.Writer, p *fix.Plan) error {
	shown := *p
	facts.MapStrings(&shown, report.Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(&shown)
}

// savePlan writes the plan whole or not at all, for its owner's eyes: it holds what
// files of the hosts hold.
func savePlan(name string, p *fix.Plan) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return usagef("--save-plan %s: not a file", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return usagef("--save-plan %s: %s", name, reasonOf(err)).hint("the folder %s has to exist and be writable", filepath.Dir(name))
	}
	defer os.Remove(f.Name())
	if err := errors.Join(p.Write(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("--save-plan %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("--save-plan %s: %w", name, err)
	}
	return nil
}

// planExit is the exit code of a plan: the worst of its hosts.
func planExit(p *fix.Plan, accepted []string, failed int) error {
	planned := false
	for i := range p.Hosts {
		h := &p.Hosts[i]
		planned = planned || !h.Empty()
		for _, r := range h.Refused {
			if r.Risk == "" || !slices.Contains(accepted, r.Risk) {
				return exitCode(exitPlanRefused)
			}
		}
	}
	switch {
	case failed > 0:
		return exitCode(exitUnread)
	case planned:
		return exitCode(exitPlanned)
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/report"
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
	if v := c.String("color"); v != "" && v != "auto" && v != "always" && v != "never" {
		return nil, usagef("--color %q is not known", v).hint("one of auto, always, never")
	}
	r := &fleetRequest{head: fleet.Head{Words: c.Args().Slice(), Batch: c.String("batch"), MaxFail: c.Int("max-fail"), Last: c.StringSlice("last")}}
	switch f := c.String("format"); f {
	case "text", "":
	case "json":
		if !c.Bool("yes") {
			return nil, usagef("--format json asks nobody").hint("look at the plan first (postern fix plan), then --yes --format json")
		}
		r.json = true
	default:
		return nil, usagef("--format %q is not known", f).hint("one of text, json")
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
	for _, m := range missed {
		r.results = append(r.results, fleet.Result{Name: m.name, Answer: fleet.Answer{Outcome: fleet.Unreached, Why: withoutHost(m.err.Error(), m.name)}})
	}
	whole := *p
	whole.Hosts = nil
	for i := range p.Hosts {
		h := &p.Hosts[i]
		r.plans[h.Name] = h
		switch refused := refusal(h, c.StringSlice("accept-risk")); {
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

// fleetProgress tells on stderr where a run through a fleet stands.
type fleetProgress struct {
	s     streams
	line  *progress
	total int

	mu   sync.Mutex
	busy map[string]string // step by host
	done int
}

func newFleetProgress(s streams, total int) *fleetProgress {
	return &fleetProgress{s: s, line: newProgress(s, total), total: total, busy: map[string]string{}}
}

func (p *fleetProgress) finish() { p.line.finish() }

func (p *fleetProgress) print(text string) {
	fmt.Fprintf(p.line.before(p.s.err), "postern: %s\n", visible(text))
}

func (p *fleetProgress) batch(n int, names []string) {
	some := strings.Join(names[:min(len(names), 5)], ", ")
	if more := len(names) - 5; more > 0 {
		some += fmt.Sprintf(" and %d more", more)
	}
	p.print(fmt.Sprintf("batch %d: %s", n, some))
}

func (p *fleetProgress) step(host, step string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy[host] = step
	p.show()
}

func (p *fleetProgress) ended(res fleet.Result) {
	p.mu.Lock()
	delete(p.busy, res.Name)
	p.done++
	p.show()
	p.mu.Unlock()
	text := res.Name + ": " + either(string(res.Outcome), "not known how it ended")
	if res.Why != "" {
		text += ": " + res.Why
	}
	p.print(text)
}

func (p *fleetProgress) show() {
	if tell := p.line.tell(); tell != nil {
		tell(audit.Progress{Done: p.done, Total: p.total, Busy: p.atWork(true)})
	}
}

func (p *fleetProgress) atWork(steps bool) []string {
	var out []string
	for name, step := range p.busy {
		if steps {
			name += " (" + step + ")"
		}
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// interrupted is said at the first Ctrl-C, left at the second.
func (p *fleetProgress) interrupted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := p.atWork(false)
	if len(names) == 0 {
		return "interrupted: no further host is begun"
	}
	return "interrupted: no further host is begun; what is being done to " + strings.Join(names, ", ") + " is brought to an end first (again to leave at once)"
}

func (p *fleetProgress) left() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return leftAtOnce(p.atWork(false))
}

func leftAtOnce(names []string) string {
	if len(names) == 0 {
		return "left at once: no host was at work"
	}
	return "left at once: what is armed on " + strings.Join(names, ", ") + " is taken back by the host's own guard; postern fix status says how it stands, and running again finishes or undoes it"
}

// end tells how a run through a fleet ended, and is its exit code.
func (r *fleetRun) end(rep fleet.Report) error {
	all := append(slices.Clone(r.results), rep.Results...)
	sum := &fleetSummary{Hosts: all, Batches: rep.Batches, Stopped: rep.Stopped, Seconds: int(time.Since(r.began).Seconds()), Exit: fleetExit(all)}
	if r.rollout != nil {
		sum.Run = r.rollout.ID
	}
	for i := range sum.Hosts {
		if h := r.plans[sum.Hosts[i].Name]; h != nil && sum.Hosts[i].Outcome == apply.Done {
			for n := range h.Changes {
				sum.note(h.Changes[n].Before.Path, h.Name)
			}
		}
	}
	if r.how.json {
		facts.MapStrings(sum, report.Inline)
		enc := json.NewEncoder(r.s.out)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(sum); err != nil {
			return err
		}
	} else {
		sum.text(r.s)
	}
	if sum.Exit != 0 {
		return exitCode(sum.Exit)
	}
	return nil
}

// fleetSummary is how a run through a fleet ended, as JSON has it.
type fleetSummary struct {
	Run     string         `json:"run,omitempty"`
	Batches int            `json:"batches"`
	Seconds int            `json:"seconds"`
	Stopped string         `json:"stopped,omitempty"` // why hosts were not tried
	Hosts   []fleet.Result `json:"hosts"`
	Changed []changedFile  `json:"changed"`
	Exit    int            `json:"exit"`
}

// changedFile is a file with the hosts on which this run has changed it.
type changedFile struct {
	Path  string   `json:"path"`
	Hosts []string `json:"hosts"`
}

func (f *fleetSummary) note(path, host string) {
	for i := range f.Changed {
		if f.Changed[i].Path == path {
			f.Changed[i].Hosts = append(f.Changed[i].Hosts, host)
			return
		}
	}
	f.Changed = append(f.Changed, changedFile{path, []string{host}})
}

// fleetExit is the exit code of a fleet: one outcome, its code; several, mixed.
// Hosts that were not tried follow from how the others ended.
func fleetExit(all []fleet.Result) int {
	in, tried := false, map[int]bool{}
	waiting := false
	for i := range all {
		switch a := &all[i].Answer; {
		case a.In():
			in = true
		case a.Outcome == fleet.NotTried:
			waiting = true
		case a.Outcome == fleet.Unreached:
			tried[exitUnread] = true
		case a.Outcome == apply.Refused:
			tried[exitPlanRefused] = true
		case a.Outcome == apply.RolledBack:
			tried[exitRolledBack] = true
		case a.Outcome == apply.Pending:
			tried[exitPending] = true
		default:
			tried[exitMixed] = true // it is not known how it ended
		}
	}
	switch {
	case in && len(tried) == 0 && !waiting:
		return 0
	case in || len(tried) > 1:
		return exitMixed
	case len(tried) == 0 && waiting:
		return exitPlanned
	}
	for code := range tried {
		return code
	}
	return 0
}

// text writes the summary for people.
func (f *fleetSummary) text(s streams) {
	width := s.width(s.out)
	line := func(indent, text string) {
		fmt.Fprintln(s.out, indent+wrapped(text, width-len(indent)-2, indent+"  "))
	}
	fmt.Fprintln(s.out)
	head := count(len(f.Hosts), "host")
	if f.Run != "" {
		head = "run " + report.Inline(f.Run) + ": " + head + ", " + count(f.Batches, "batch") + fmt.Sprintf(", %s", time.Duration(f.Seconds)*time.Second)
	}
	line("", head)
	for _, o := range []fleet.Outcome{apply.Done, apply.Already, apply.Refused, apply.RolledBack, apply.Pending, "", fleet.Unreached, fleet.NotTried} {
		var plain []string
		var told []*fleet.Result
		for i := range f.Hosts {
			h := &f.Hosts[i]
			switch {
			case h.Outcome != o:
			case h.Why != "" || len(h.Notes)+len(h.Left) > 0 || h.Recovered != "":
				told = append(told, h)
			default:
				plain = append(plain, report.Name(h.Name))
			}
		}
		if len(plain)+len(told) == 0 {
			continue
		}
		title := map[fleet.Outcome]string{
			"": "not known how it ended", apply.Pending: "not reached again, taken back by the host itself",
			apply.Already: "as it should be", apply.Refused: "refused, nothing was changed", fleet.Unreached: "not reached, left alone",
		}[o]
		title = either(title, string(o))
		if o == fleet.NotTried && f.Stopped != "" {
			title += " (" + f.Stopped + ")"
		}
		fmt.Fprintln(s.out)
		line("  ", fmt.Sprintf("%s: %d", title, len(plain)+len(told)))
		if len(plain) > 0 {
			line("    ", strings.Join(plain, ", "))
		}
		for _, h := range told {
			var words []string
			for _, w := range slices.Concat([]string{h.Why, h.Recovered}, h.Notes) {
				if w != "" {
					words = append(words, report.Inline(w))
				}
			}
			for _, l := range h.Left {
				words = append(words, "left as it is, somebody else changed it: "+report.Path(l))
			}
			line("    ", report.Name(h.Name)+": "+strings.Join(words, "; "))
		}
	}
	if len(f.Changed) > 0 {
		fmt.Fprintln(s.out)
		line("  ", "changed")
		for _, ch := range f.Changed {
			names := make([]string, len(ch.Hosts))
			for i, n := range ch.Hosts {
				names[i] = report.Name(n)
			}
			line("    ", report.Path(ch.Path)+": "+strings.Join(names, ", "))
		}
	}
	if f.Run != "" && slices.ContainsFunc(f.Hosts, func(h fleet.Result) bool { return !h.In() && (h.Batch > 0 || h.Outcome == fleet.NotTried) }) {
		fmt.Fprintln(s.out)
		line("  ", "to go on: postern fix apply --resume")
	}
}

// count says how many.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "ch") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
	"github.com/postern-ssh/postern/policies"
)

// Target is one host with the way to read it.
type Target struct {
	Host   inventory.Host
	Source Source
}

// Options shape a run.
type Options struct {
	// Parallel is the number of hosts in flight; 0 means DefaultParallel.
	Parallel int
	// Timeout bounds one host from the dial to its last byte, and then the judgement
	// of what came; 0 means DefaultTimeout.
	Timeout time.Duration
	// Judge turns facts into outcomes and counts the waivers that have run out.
	Judge func(*facts.Facts, inventory.Host) (outcomes []policies.Outcome, expired int)
	// Baseline gives the reading of a host that was blessed, or nil; nil: there are none.
	Baseline func(inventory.Host) *Baseline
	// FailOn is the least severity that counts for the exit code; "" means medium.
	FailOn policies.Severity
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Progress is told where the run stands; nil means nobody asks.
	Progress func(Progress)
}

// The defaults of Options.
const (
	// DefaultParallel keeps a laptop's uplink and CPU busy (about 400 logins a
	// second were measured from 64 in flight on) and its memory below 20 MB.
	DefaultParallel = 64
	// DefaultTimeout is far above what a slow host needs (a second) and bounds
	// what a hostile one can hold.
	DefaultTimeout = 2 * time.Minute
)

// Hosts audits the targets and gives every result to h: each target is exactly
// one Host call, whether it answered or not. It returns the fleet record that h
// got last. The error is h's, or nil: what happens to hosts are results. After an
// error of h no host is begun any more. When ctx ends, hosts in flight are cut off and those not begun are named as not
// looked at, and the run still ends with its fleet record.
func Hosts(ctx context.Context, run *Run, targets []Target, opt Options, h Handler) (*Fleet, error) {
	if opt.Parallel <= 0 {
		opt.Parallel = DefaultParallel
	}
	if opt.Timeout <= 0 {
		opt.Timeout = DefaultTimeout
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if err := h.Begin(run); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	setups := facts.NewSetups()
	results := make(chan *Host)
	todo := make(chan Target)
	watch := newWatch(len(targets), opt.Progress)
	var workers sync.WaitGroup
	for range min(opt.Parallel, max(len(targets), 1)) {
		workers.Go(func() {
			for t := range todo {
				watch.begin(t.Host.Name)
				r := one(ctx, t, opt, setups)
				watch.end(t.Host.Name)
				results <- r
			}
		})
	}
	go func() {
		for _, t := range targets {
			todo <- t
		}
		close(todo)
		workers.Wait()
		close(results)
	}()
	sums := newSums(opt.FailOn)
	var failed error
	for r := range results {
		sums.add(r)
		if failed == nil {
			if failed = h.Host(r); failed != nil {
				stop() // nobody reads what would come
			}
		}
		// Ten thousand snapshots do not fit into a laptop: they live for the call.
		r.Snapshot, r.Facts, r.Asked = nil, nil, facts.Options{}
	}
	run.End = opt.Now().UTC()
	fleet := sums.fleet()
	if failed != nil {
		return fleet, failed
	}
	return fleet, h.End(run, fleet)
}

// one audits one host. It never panics: a host whose bytes bring a parser down
// is a result that says so, and the run goes on.
func one(ctx context.Context, t Target, opt Options, setups *facts.Setups) (r *Host) {
	r = &Host{Name: t.Host.Name, Address: address(t.Host), Groups: t.Host.Groups, Start: opt.Now().UTC()}
	defer func() {
		if p := recover(); p != nil {
			r.State, r.Stage = Partial, "judge"
			r.Reason = fmt.Sprintf("postern failed on what this host sent (%v); please report it with the archive of this host", p)
			r.Hint = firstFrame(debug.Stack())
			r.Outcomes, r.Score, r.expired = nil, Score{}, 0
		}
		r.End = opt.Now().UTC()
	}()
	if ctx.Err() != nil {
		r.State, r.Reason = Unreachable, "not looked at: the run was interrupted"
		return r
	}
	hostCtx, cancel := context.WithTimeoutCause(ctx, opt.Timeout,
		fmt.Errorf("no end after %s (--timeout)", opt.Timeout))
	defer cancel()
	snap, err := t.Source.Snapshot(hostCtx)
	if err != nil {
		describe(r, hostCtx, err)
	}
	if snap == nil {
		if err == nil {
			r.State, r.Stage, r.Reason = Refused, string(connect.StageCollect), "nothing came from it"
		}
		return r
	}
	r.Snapshot = snap
	r.Account, r.Privilege = snap.Account, string(snap.Privilege)
	if !snap.HostClock.IsZero() {
		r.ClockOffset = snap.HostClock.Sub(snap.Start).Round(time.Second)
	}
	if why := r.judge(ctx, t, opt, setups); why != "" {
		r.State, r.Stage, r.Reason = Partial, "judge", why
		return r
	}
	r.Score = ScoreOf(r.Outcomes)
	r.State = Audited
	switch {
	case err != nil:
		r.State = Partial
	case !snap.Complete:
		r.State, r.Reason = Partial, "the host's answer ended before it was whole"
	default:
		n, matters := 0, false
		for _, o := range r.Outcomes {
			if o.Verdict == policies.Unknown {
				n++
				matters = matters || o.Severity != policies.Info
			}
		}
		if matters {
			r.State = Partial
			r.Reason = fmt.Sprintf("%d of %d rules could not be judged", n, len(r.Outcomes))
			if snap.Privilege == snapshot.PrivilegeNone && snap.Account != "" { // a tree is read by nobody's login
				r.Reason += ": read as " + snap.Account + ", without root's rights"
				r.Hint = "let " + snap.Account + " run the collector as root: a line \"" + snap.Account +
					" ALL=(root) NOPASSWD: /bin/sh\" in sudoers, or log in as root with a key"
				if snap.Source == snapshot.SourceLocal {
					r.Hint = "run it as root: sudo postern audit --local"
				}
				if refused := snap.Identity("refused"); refused != "" {
					r.Reason += " (sudo -n was refused: " + refused + ")"
				}
			}
		}
	}
	return r
}

// givenUp bounds the judgements that were given up and still run. Where so many
// hosts send what takes too long, the next one is waited for: else they would take
// the machine.
var givenUp = make(chan struct{}, 4)

// judge makes facts and outcomes of the snapshot, or says why it did not. What is
// too much to be judged in time is given up: its goroutine goes on alone, and
// nobody waits for it.
func (r *Host) judge(ctx context.Context, t Target, opt Options, setups *facts.Setups) (why string) {
	type judgement struct {
		facts    *facts.Facts
		outcomes []policies.Outcome
		expired  int
		panicked any
		stack    []byte
	}
	done := make(chan judgement, 1)
	snap, fopt := r.Snapshot, facts.Options{
		Now: opt.Now(), Name: t.Host.Name, Labels: t.Host.Labels, Expect: Expectations(t.Host.Expect),
		Allow: Allowances(t.Host.Allow), Setups: setups,
	}
	go func() {
		var j judgement
		defer func() {
			if j.panicked = recover(); j.panicked != nil {
				j.stack = debug.Stack()
			}
			done <- j
		}()
		j.facts = facts.From(snap, fopt)
		if opt.Baseline != nil {
			addDrift(t.Host.Name, snap, j.facts, opt.Baseline(t.Host), setups)
		}
		j.outcomes, j.expired = opt.Judge(j.facts, t.Host)
	}()
	limit := time.NewTimer(opt.Timeout)
	defer limit.Stop()
	interrupted := ctx.Done()
	for {
		select {
		case j := <-done:
			if j.panicked != nil {
				r.Hint = firstFrame(j.stack)
				return fmt.Sprintf("postern failed on what this host sent (%v); please report it with the archive of this host", j.panicked)
			}
			r.Facts, r.Outcomes, r.expired, r.Asked = j.facts, j.outcomes, j.expired, fopt
			return ""
		case <-interrupted:
			interrupted = nil
			limit.Reset(min(opt.Timeout, lastJudgement)) // what has come is judged all the same
		case <-limit.C:
			select {
			case givenUp <- struct{}{}:
				go func() { <-done; <-givenUp }()
			default:
				<-done
			}
			return "what it sent is too much to be judged in time (--timeout)"
		}
	}
}

// lastJudgement is how long an interrupted run waits for a judgement: a hundred
// times what a host with 300 accounts needs.
const lastJudgement = 2 * time.Second

// describe says in r how far the host was reached.
func describe(r *Host, ctx context.Context, err error) {
	var stage *connect.StageError
	switch {
	case errors.As(err, &stage):
		r.Stage, r.Reason, r.Hint = string(stage.Stage), stage.Text, stage.Hint
		switch stage.Stage {
		case connect.StageDial, connect.StageHandshake:
			r.State = Unreachable
		default:
			r.State = Refused
		}
	default:
		r.State, r.Stage, r.Reason = Refused, string(connect.StageCollect), err.Error()
	}
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) {
			r.Reason = "interrupted during " + r.Stage
		} else if !errors.Is(err, context.DeadlineExceeded) || stage == nil {
			r.Reason = cause.Error()
		}
	}
}

// Expectations gives the jobs that an inventory asks for in the form that facts take.
func Expectations(es []inventory.Expectation) []facts.Expectation {
	out := make([]facts.Expectation, len(es))
	for i, e := range es {
		out[i] = facts.Expectation{Match: e.Match, User: e.User, Line: e.Line, Written: e.Pos.String()}
	}
	return out
}

// Allowances gives the logins that an inventory means to stay possible in the form
// that facts take.
func Allowances(cs []inventory.CarveOut) []facts.Allowed {
	out := make([]facts.Allowed, len(cs))
	for i, c := range cs {
		out[i] = facts.Allowed{User: c.User, Addresses: c.Addresses, Method: c.Method, Written: c.Pos.String()}
	}
	return out
}

func address(h inventory.Host) string {
	if h.Address != "" {
		return h.Address
	}
	return h.Name
}

// firstFrame names our own code line in a stack, for the bug report.
func firstFrame(stack []byte) string {
	const mark = "github.com/postern-ssh/postern/"
	s := string(stack)
	// The first frames are the recover itself; the first one of ours below
	// runtime.gopanic is where it happened.
	if i := strings.LastIndex(s, "panic("); i >= 0 {
		s = s[i:]
	}
	if i := strings.Index(s, mark); i >= 0 {
		s = s[i:]
		if j := strings.IndexByte(s, '('); j >= 0 {
			return "in " + s[len(mark):j]
		}
	}
	return ""
}

// watch counts what is done and knows who is at work.
type watch struct {
	mu    sync.Mutex
	done  int
	total int
	busy  map[string]bool
	tell  func(Progress)
}

func newWatch(total int, tell func(Progress)) *watch {
	w := &watch{total: total, busy: map[string]bool{}, tell: tell}
	w.report()
	return w
}

func (w *watch) begin(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[name] = true
	w.report()
}

func (w *watch) end(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, name)
	w.done++
	w.report()
}

func (w *watch) report() {
	if w.tell == nil {
		return
	}
	busy := make([]string, 0, len(w.busy))
	for n := range w.busy {
		busy = append(busy, n)
	}
	sort.Strings(busy)
	w.tell(Progress{Done: w.done, Total: w.total, Busy: busy})
}

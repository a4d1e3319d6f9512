package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
	"github.com/postern-ssh/postern/policies"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a source made of a function.
type fake func(ctx context.Context) (*snapshot.Snapshot, error)

func (f fake) Snapshot(ctx context.Context) (*snapshot.Snapshot, error) { return f(ctx) }

var epoch = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

func whole() *snapshot.Snapshot {
	return &snapshot.Snapshot{Source: snapshot.SourceSSH, Privilege: snapshot.PrivilegeRoot, Account: "root", Complete: true,
		Start: epoch, HostClock: epoch.Add(90 * time.Second)}
}

func gives(s *snapshot.Snapshot, err error) fake {
	return func(context.Context) (*snapshot.Snapshot, error) { return s, err }
}

func outcome(sev policies.Severity, v policies.Verdict) policies.Outcome {
	return policies.Outcome{Rule: "r", Severity: sev, Verdict: v}
}

// keeper is a handler that keeps everything and holds the stream to its order.
type keeper struct {
	t      *testing.T
	began  int
	hosts  []Host
	fleet  *Fleet
	onHost func(*Host) error
}

func (k *keeper) Begin(*Run) error {
	if k.began++; k.began > 1 || k.hosts != nil || k.fleet != nil {
		k.t.Error("Begin is not the first, or comes twice")
	}
	return nil
}

func (k *keeper) Host(h *Host) error {
	if k.began != 1 || k.fleet != nil {
		k.t.Error("Host outside Begin and End")
	}
	k.hosts = append(k.hosts, *h)
	if k.onHost != nil {
		return k.onHost(h)
	}
	return nil
}

func (k *keeper) End(_ *Run, f *Fleet) error {
	if k.fleet != nil {
		k.t.Error("End comes twice")
	}
	k.fleet = f
	return nil
}

func targets(sources map[string]fake) []Target {
	var out []Target
	for name, s := range sources {
		out = append(out, Target{Host: inventory.Host{Name: name, Address: "192.0.2.1", Groups: []string{"g"}}, Source: s})
	}
	return out
}

func options(o ...policies.Outcome) Options {
	return Options{Now: func() time.Time { return epoch },
		Judge: func(*facts.Facts, inventory.Host) ([]policies.Outcome, int) { return o, 0 }}
}

func TestOneHost(t *testing.T) {
	stage := func(s connect.Stage) error {
		return fmt.Errorf("outer: %w", &connect.StageError{Host: "h", Stage: s, Text: "what happened", Hint: "what to do"})
	}
	incomplete := whole()
	incomplete.Complete = false
	plain := whole()
	plain.Privilege, plain.Account = snapshot.PrivilegeNone, "audit"
	pass, unknown := outcome(policies.High, policies.Pass), outcome(policies.High, policies.Unknown)
	for name, c := range map[string]struct {
		source   fake
		outcomes []policies.Outcome
		want     Host
	}{
		"good":               {gives(whole(), nil), []policies.Outcome{pass}, Host{State: Audited}},
		"dial":               {gives(nil, stage(connect.StageDial)), nil, Host{State: Unreachable, Stage: "dial", Reason: "what happened", Hint: "what to do"}},
		"handshake":          {gives(nil, stage(connect.StageHandshake)), nil, Host{State: Unreachable, Stage: "handshake", Reason: "what happened", Hint: "what to do"}},
		"host key":           {gives(nil, stage(connect.StageHostKey)), nil, Host{State: Refused, Stage: "host key", Reason: "what happened", Hint: "what to do"}},
		"auth":               {gives(nil, stage(connect.StageAuth)), nil, Host{State: Refused, Stage: "auth", Reason: "what happened", Hint: "what to do"}},
		"privilege":          {gives(nil, stage(connect.StagePrivilege)), nil, Host{State: Refused, Stage: "privilege", Reason: "what happened", Hint: "what to do"}},
		"collect, nothing":   {gives(nil, stage(connect.StageCollect)), nil, Host{State: Refused, Stage: "collect", Reason: "what happened", Hint: "what to do"}},
		"collect, a part":    {gives(incomplete, stage(connect.StageCollect)), []policies.Outcome{pass}, Host{State: Partial, Stage: "collect", Reason: "what happened", Hint: "what to do"}},
		"an error of no one": {gives(nil, errors.New("boom")), nil, Host{State: Refused, Stage: "collect", Reason: "boom"}},
		"nothing at all":     {gives(nil, nil), nil, Host{State: Refused, Stage: "collect", Reason: "nothing came from it"}},
		"cut off":            {gives(incomplete, nil), []policies.Outcome{pass}, Host{State: Partial, Reason: "the host's answer ended before it was whole"}},
		"a rule unknown":     {gives(whole(), nil), []policies.Outcome{pass, unknown}, Host{State: Partial, Reason: "1 of 2 rules could not be judged"}},
		"as a plain account": {gives(plain, nil), []policies.Outcome{unknown}, Host{State: Partial, Reason: "1 of 1 rules could not be judged: read as audit, without root's rights",
			Hint: `let audit run the collector as root: a line "audit ALL=(root) NOPASSWD: /bin/sh" in sudoers, or log in as root with a key`}},
		"an info unknown": {gives(whole(), nil), []policies.Outcome{pass, outcome(policies.Info, policies.Unknown)}, Host{State: Audited}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{t: t}
			if _, err := Hosts(context.Background(), &Run{}, targets(map[string]fake{"h": c.source}), options(c.outcomes...), k); err != nil {
				t.Fatal(err)
			}
			if len(k.hosts) != 1 || k.fleet == nil {
				t.Fatalf("%d results, fleet record %v", len(k.hosts), k.fleet)
			}
			h := k.hosts[0]
			got := Host{State: h.State, Stage: h.Stage, Reason: h.Reason, Hint: h.Hint}
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(Host{})); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if h.Name != "h" || h.Address != "192.0.2.1" || !h.Start.Equal(epoch) || !h.End.Equal(epoch) || len(h.Groups) != 1 {
				t.Errorf("name, address, groups or times are missing: %+v", h)
			}
			if h.Snapshot != nil && h.ClockOffset != 90*time.Second {
				t.Errorf("clock offset %s, want 90s", h.ClockOffset)
			}
			if (len(c.outcomes) > 0) != h.Score.Known {
				t.Errorf("score known %v with %d outcomes", h.Score.Known, len(c.outcomes))
			}
		})
	}
}

func TestPanicIsAResult(t *testing.T) {
	opt := options()
	opt.Judge = func(_ *facts.Facts, h inventory.Host) ([]policies.Outcome, int) {
		if h.Name == "judge" {
			panic("bad byte")
		}
		return []policies.Outcome{outcome(policies.High, policies.Pass)}, 0
	}
	k := &keeper{t: t}
	fleet, err := Hosts(context.Background(), &Run{}, targets(map[string]fake{
		"judge":  gives(whole(), nil),
		"source": func(context.Context) (*snapshot.Snapshot, error) { panic(errors.New("in the source")) },
		"good":   gives(whole(), nil),
	}), opt, k)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]State{}
	for _, h := range k.hosts {
		states[h.Name] = h.State
		if h.Name != "good" && (!strings.Contains(h.Reason, "please report it") || h.Score.Known || h.End.IsZero()) {
			t.Errorf("%s: %+v", h.Name, h)
		}
		if h.Name == "judge" && (h.Snapshot == nil || !strings.HasPrefix(h.Hint, "in audit.")) {
			t.Errorf("the archive or the place of the fault is lost: %+v", h)
		}
	}
	if d := cmp.Diff(map[string]State{"judge": Partial, "source": Partial, "good": Audited}, states); d != "" {
		t.Error(d)
	}
	if fleet.Summary.Exit != ExitUnknown {
		t.Errorf("exit %d, want %d: two hosts were not judged", fleet.Summary.Exit, ExitUnknown)
	}
}

// A host may send what takes for ever to be judged: it is given up, and the others
// are not kept waiting.
func TestJudgementEnds(t *testing.T) {
	opt := options()
	opt.Timeout, opt.Parallel = 50*time.Millisecond, 1
	stop, stopped := make(chan struct{}), make(chan struct{})
	opt.Judge = func(_ *facts.Facts, h inventory.Host) ([]policies.Outcome, int) {
		if h.Name == "endless" {
			defer close(stopped)
			<-stop
		}
		return []policies.Outcome{outcome(policies.High, policies.Pass)}, 0
	}
	k := &keeper{t: t}
	fleet, err := Hosts(context.Background(), &Run{}, targets(map[string]fake{"endless": gives(whole(), nil), "good": gives(whole(), nil)}), opt, k)
	close(stop)
	<-stopped
	if err != nil || len(k.hosts) != 2 || fleet.Summary.Exit != ExitUnknown {
		t.Fatalf("%v, %d results, exit %d", err, len(k.hosts), fleet.Summary.Exit)
	}
	for _, h := range k.hosts {
		if h.Name == "endless" && (h.State != Partial || h.Stage != "judge" || h.Snapshot == nil || h.Outcomes != nil || h.Score.Known ||
			!strings.Contains(h.Reason, "too much to be judged")) {
			t.Errorf("%+v", h)
		}
	}
}

func TestInterrupted(t *testing.T) {
	wait := func(started chan<- string, name string) fake {
		return func(ctx context.Context) (*snapshot.Snapshot, error) {
			started <- name
			<-ctx.Done()
			return nil, &connect.StageError{Host: name, Stage: connect.StageAuth, Text: "gave up", Err: ctx.Err()}
		}
	}
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		k := &keeper{t: t}
		fleet, err := Hosts(ctx, &Run{}, targets(map[string]fake{"a": gives(whole(), nil), "b": gives(whole(), nil)}), options(), k)
		if err != nil || len(k.hosts) != 2 || fleet.Summary.Exit != ExitUnknown {
			t.Fatalf("%v, %d results, exit %d", err, len(k.hosts), fleet.Summary.Exit)
		}
		for _, h := range k.hosts {
			if h.State != Unreachable || !strings.Contains(h.Reason, "interrupted") {
				t.Errorf("%+v", h)
			}
		}
	})
	t.Run("during", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		started := make(chan string, 4)
		k := &keeper{t: t}
		opt := options()
		opt.Parallel = 2
		go func() {
			<-started
			<-started
			cancel()
		}()
		_, err := Hosts(ctx, &Run{}, targets(map[string]fake{
			"a": wait(started, "a"), "b": wait(started, "b"), "c": wait(started, "c"), "d": wait(started, "d")}), opt, k)
		if err != nil || len(k.hosts) != 4 || k.fleet == nil {
			t.Fatalf("%v, %d results", err, len(k.hosts))
		}
		during, before := 0, 0
		for _, h := range k.hosts {
			switch h.Reason {
			case "interrupted during auth":
				during++
			case "not looked at: the run was interrupted":
				before++
			default:
				t.Errorf("%+v", h)
			}
		}
		if during != 2 || before != 2 {
			t.Errorf("%d cut off and %d not begun, want 2 and 2", during, before)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		k := &keeper{t: t}
		opt := options(outcome(policies.High, policies.Pass))
		opt.Timeout = time.Millisecond
		_, err := Hosts(context.Background(), &Run{}, targets(map[string]fake{
			"slow": func(ctx context.Context) (*snapshot.Snapshot, error) { <-ctx.Done(); return nil, ctx.Err() },
			"good": gives(whole(), nil),
		}), opt, k)
		if err != nil || len(k.hosts) != 2 {
			t.Fatalf("%v, %d results", err, len(k.hosts))
		}
		for _, h := range k.hosts {
			if h.Name == "slow" && (h.State != Refused || h.Reason != "no end after 1ms (--timeout)") {
				t.Errorf("%+v", h)
			}
		}
	})
}

func TestHandlerError(t *testing.T) {
	full := errors.New("disk full")
	k := &keeper{t: t, onHost: func(*Host) error { return full }}
	var asked atomic.Int64
	many := map[string]fake{}
	for i := range 500 {
		many[fmt.Sprint(i)] = func(context.Context) (*snapshot.Snapshot, error) {
			asked.Add(1)
			return whole(), nil
		}
	}
	opt := options()
	opt.Parallel = 4
	fleet, err := Hosts(context.Background(), &Run{}, targets(many), opt, k)
	if !errors.Is(err, full) || fleet == nil || k.fleet != nil || len(k.hosts) != 1 {
		t.Fatalf("error %v, %d results handed over, End called: %v", err, len(k.hosts), k.fleet != nil)
	}
	if n := asked.Load(); n > 50 {
		t.Errorf("%d hosts were still asked after nobody read", n)
	}
	begin := beginFails{err: full}
	if _, err := Hosts(context.Background(), &Run{}, targets(many), opt, begin); !errors.Is(err, full) {
		t.Errorf("Begin's error is lost: %v", err)
	}
}

type beginFails struct{ err error }

func (b beginFails) Begin(*Run) error       { return b.err }
func (b beginFails) Host(*Host) error       { panic("Host after Begin failed") }
func (b beginFails) End(*Run, *Fleet) error { panic("End after Begin failed") }

// TestThousandHosts: whatever the order in which hosts answer, each is one result
// and the fleet record is the same.
func TestThousandHosts(t *testing.T) {
	run := func(seed uint64) (*Fleet, []string) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var list []Target
		for _, i := range rng.Perm(1000) {
			var s fake
			switch {
			case i%7 == 0:
				s = gives(nil, &connect.StageError{Stage: connect.StageDial, Text: "no route"})
			case i%11 == 0:
				s = gives(nil, errors.New("no sh"))
			default:
				s = gives(whole(), nil)
			}
			list = append(list, Target{Host: inventory.Host{Name: fmt.Sprintf("h%04d", i)}, Source: s})
		}
		opt := options()
		opt.Parallel = 16
		opt.Judge = func(f *facts.Facts, h inventory.Host) ([]policies.Outcome, int) {
			var n int
			fmt.Sscanf(h.Name, "h%d", &n)
			f.Wire.HostKeys = []facts.HostKey{{Type: "ssh-ed25519", Fingerprint: fmt.Sprint("SHA256:", n/2)}}
			out := []policies.Outcome{outcome(policies.Low, policies.Pass)}
			for i := range n % 13 {
				out = append(out, outcome([]policies.Severity{policies.Low, policies.Medium, policies.High}[i%3], []policies.Verdict{policies.Pass, policies.Fail, policies.Unknown}[i%3]))
			}
			return out, n % 2
		}
		k := &keeper{t: t}
		fleet, err := Hosts(context.Background(), &Run{}, list, opt, k)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, h := range k.hosts {
			names = append(names, h.Name)
		}
		sort.Strings(names)
		return fleet, names
	}
	want, names := run(1)
	if len(names) != 1000 {
		t.Fatalf("%d results of 1000 hosts", len(names))
	}
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			t.Fatalf("%s came twice", names[i])
		}
	}
	for seed := range uint64(4) {
		got, again := run(seed + 2)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("another order, another fleet record:\n%s", d)
		}
		if d := cmp.Diff(names, again); d != "" {
			t.Fatal(d)
		}
	}
}

func TestProgress(t *testing.T) {
	var mu sync.Mutex
	var last Progress
	opt := options()
	opt.Parallel = 3
	opt.Progress = func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Done < last.Done || p.Total != 9 || len(p.Busy) > 3 {
			t.Errorf("progress %+v after %+v", p, last)
		}
		last = p
	}
	many := map[string]fake{}
	for i := range 9 {
		many[fmt.Sprint(i)] = gives(whole(), nil)
	}
	if _, err := Hosts(context.Background(), &Run{}, targets(many), opt, &keeper{t: t}); err != nil {
		t.Fatal(err)
	}
	if last.Done != 9 || len(last.Busy) != 0 {
		t.Errorf("the last progress is %+v", last)
	}
}

func TestNoHosts(t *testing.T) {
	k := &keeper{t: t}
	fleet, err := Hosts(context.Background(), &Run{}, nil, options(), k)
	if err != nil || k.fleet != fleet || fleet.Summary.Score.Known || fleet.Summary.Exit != ExitClean {
		t.Errorf("%v, %+v", err, fleet)
	}
}

package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/fix/apply"
)

func names(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("h%02d", i+1))
	}
	return out
}

func TestParseSizes(t *testing.T) {
	for text, want := range map[string][]Size{
		DefaultBatch: {{N: 1}, {N: 10}, {Percent: 25}},
		"5":          {{N: 5}},
		"100%":       {{Percent: 100}},
	} {
		got, err := ParseSizes(text)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, d)
		}
	}
	for text, why := range map[string]string{
		"": "neither", "1,": "neither", "0": "is none", "-1": "is none", "101%": "more than all", "1.5": "neither",
		"+1": "neither", "%": "neither", "1 ,2": "neither", "99999999999999999999": "neither",
	} {
		if got, err := ParseSizes(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestRun goes through fleets of twelve hosts with answers that are laid down.
func TestRun(t *testing.T) {
	one, three := []Size{{N: 1}}, []Size{{N: 1}, {N: 3}, {Percent: 50}}
	for _, tt := range []struct {
		name    string
		sizes   []Size
		maxFail int
		last    []string
		answers map[string]Outcome // done where nothing is said
		batches string
		ended   string // by outcome, those that are not done
		stopped string
	}{
		{name: "canary, then batches, the last size repeats", sizes: three, batches: "1 3 6 2"},
		{name: "no sizes: one by one", batches: "1 1 1 1 1 1 1 1 1 1 1 1"},
		{name: "the canary fails: nothing else is begun", sizes: three, answers: map[string]Outcome{"h01": apply.RolledBack},
			batches: "1", ended: "not tried h02 h03 h04 h05 h06 h07 h08 h09 h10 h11 h12; rolled back h01", stopped: "1 host failed, and --max-fail is 0"},
		{name: "a refusal of the host is a failure", sizes: one, answers: map[string]Outcome{"h02": apply.Refused},
			batches: "1 1", ended: "not tried h03 h04 h05 h06 h07 h08 h09 h10 h11 h12; refused h02", stopped: "1 host failed, and --max-fail is 0"},
		{name: "so is one that was not reached again, and one of which nothing is known", sizes: one, maxFail: 1,
			answers: map[string]Outcome{"h02": apply.Pending, "h03": ""},
			batches: "1 1 1", ended: "? h03; not tried h04 h05 h06 h07 h08 h09 h10 h11 h12; pending h02", stopped: "2 hosts failed, and --max-fail is 1"},
		{name: "a host that does not answer is none", sizes: one, answers: map[string]Outcome{"h03": Unreached}, batches: "1 1 1 1 1 1 1 1 1 1 1 1", ended: "not reached h03"},
		{name: "a canary that does not answer proves nothing: the next is alone too", sizes: three, answers: map[string]Outcome{"h01": Unreached, "h02": Unreached},
			batches: "1 1 1 3 6", ended: "not reached h01 h02"},
		{name: "a canary that fails within --max-fail proves nothing either", sizes: three, maxFail: 2, answers: map[string]Outcome{"h01": apply.RolledBack},
			batches: "1 1 3 6 1", ended: "rolled back h01"},
		{name: "a host that is as it should be proves it", sizes: three, answers: map[string]Outcome{"h01": apply.Already}, batches: "1 3 6 2", ended: "already h01"},
		{name: "what others are reached through comes last, alone", sizes: three, last: []string{"h01", "h05"}, batches: "1 3 6 1 1"},
		{name: "the last are not begun after a failure", sizes: three, last: []string{"h01"}, answers: map[string]Outcome{"h12": apply.RolledBack},
			batches: "1 3 6 1", ended: "not tried h01; rolled back h12", stopped: "1 host failed, and --max-fail is 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			last := map[string]bool{}
			for _, n := range tt.last {
				last[n] = true
			}
			var sizes []string
			var told []Result
			rep := Run(t.Context(), names(12), Options{Sizes: tt.sizes, MaxFail: tt.maxFail, Last: last,
				Batch: func(n int, hosts []string) {
					if n != len(sizes)+1 {
						t.Errorf("batch %d after %d", n, len(sizes))
					}
					sizes = append(sizes, fmt.Sprint(len(hosts)))
				},
				Ended: func(r Result) { told = append(told, r) },
			}, func(_ context.Context, name string) Answer {
				if o, said := tt.answers[name]; said {
					return Answer{Outcome: o}
				}
				return Answer{Outcome: apply.Done}
			})
			if got := strings.Join(sizes, " "); got != tt.batches {
				t.Errorf("batches %s, want %s", got, tt.batches)
			}
			by := map[string][]string{}
			for _, r := range rep.Results {
				if o := string(r.Outcome); o != "done" {
					if o == "" {
						o = "?"
					}
					by[o] = append(by[o], r.Name)
				}
			}
			var parts []string
			for o, hosts := range by {
				parts = append(parts, o+" "+strings.Join(hosts, " "))
			}
			slices.Sort(parts)
			if got := strings.Join(parts, "; "); got != tt.ended {
				t.Errorf("ended %q, want %q", got, tt.ended)
			}
			if rep.Stopped != tt.stopped {
				t.Errorf("stopped %q, want %q", rep.Stopped, tt.stopped)
			}
			if len(told)+rep.Sum()[NotTried] != 12 {
				t.Errorf("%d ends were told, %d not tried", len(told), rep.Sum()[NotTried])
			}
		})
	}
}

// TestRunInterrupted: what is being done comes to its end, nothing else is begun.
func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rep := Run(ctx, names(12), Options{Sizes: []Size{{N: 4}}, Parallel: 1}, func(ctx context.Context, name string) Answer {
		if name == "h02" {
			cancel()
			if ctx.Err() == nil {
				t.Error("who is at work is not told")
			}
			return Answer{Outcome: apply.RolledBack}
		}
		return Answer{Outcome: apply.Done}
	})
	if d := cmp.Diff(map[Outcome]int{apply.Done: 1, apply.RolledBack: 1, NotTried: 10}, rep.Sum()); d != "" || rep.Stopped != "interrupted" {
		t.Errorf("%q\n%s", rep.Stopped, d)
	}
}

// TestRunHolds: whatever the answers, no more than --max-fail hosts and those that
// were at work beside the last of them fail, each host is asked once at most, and
// a batch is never bigger than its size.
func TestRunHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "hosts")
		sizes, err := ParseSizes(rapid.SampledFrom([]string{DefaultBatch, "1", "3,7", "50%", "2,100%"}).Draw(t, "batch"))
		if err != nil {
			t.Fatal(err)
		}
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]Outcome{apply.Done, apply.Done, apply.Done, apply.Already, apply.Refused, apply.RolledBack, Unreached, ""}), n, n).Draw(t, "answers")
		opt := Options{Sizes: sizes, MaxFail: rapid.IntRange(0, 5).Draw(t, "max-fail"), Parallel: rapid.IntRange(0, 8).Draw(t, "parallel"), Last: map[string]bool{}}
		all, answer := names(n), map[string]Outcome{}
		for i, name := range all {
			answer[name] = outcomes[i]
			opt.Last[name] = rapid.IntRange(0, 9).Draw(t, "last") == 0
		}
		biggest := 1
		for _, s := range sizes {
			biggest = max(biggest, s.Of(n))
		}
		opt.Batch = func(_ int, hosts []string) {
			if len(hosts) == 0 || len(hosts) > biggest || opt.Last[hosts[0]] && len(hosts) > 1 {
				t.Fatalf("a batch of %v", hosts)
			}
		}
		var mu sync.Mutex
		asked, atWork := map[string]int{}, 0
		rep := Run(context.Background(), all, opt, func(_ context.Context, name string) Answer {
			mu.Lock()
			asked[name]++
			atWork++
			if atWork > max(opt.Parallel, 1) {
				t.Errorf("%d at work", atWork)
			}
			mu.Unlock()
			defer func() { mu.Lock(); atWork--; mu.Unlock() }()
			return Answer{Outcome: answer[name]}
		})
		failed := 0
		for _, r := range rep.Results {
			if (r.Outcome == NotTried) != (asked[r.Name] == 0) || asked[r.Name] > 1 || r.Outcome != NotTried && r.Outcome != answer[r.Name] || (r.Batch == 0) != (asked[r.Name] == 0) {
				t.Fatalf("%+v, asked %d times", r, asked[r.Name])
			}
			if r.failed() {
				failed++
			}
		}
		if failed > opt.MaxFail+max(opt.Parallel, 1) {
			t.Fatalf("%d failed", failed)
		}
		if stopped := rep.Sum()[NotTried] > 0; stopped != (rep.Stopped != "") || stopped && failed <= opt.MaxFail {
			t.Fatalf("stopped %q, %d failed", rep.Stopped, failed)
		}
	})
}

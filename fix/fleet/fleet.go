// Package fleet applies plans to many hosts in an order that keeps a mistake
// small: one host first, then growing batches, and no further host once too many
// have failed.
//
// It knows no host: what is done to one is a function that it is given. What was
// begun and how it ended stands in a [Rollout] on this machine, so that a later
// run goes on where this one stopped; how a single host stands is the word of
// its own journal and of the host (package fix/apply).
package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/postern-ssh/postern/fix/apply"
)

// Outcome is how a host ended: those of apply, and what only a fleet knows.
type Outcome = apply.Outcome

// Further outcomes. The zero value says that nothing is known.
const (
	Unreached Outcome = "not reached" // no login; nothing was changed
	NotTried  Outcome = "not tried"   // the run stopped, or was interrupted, before its turn
)

// Answer is what became of one host.
type Answer struct {
	Outcome   Outcome  `json:"outcome"`
	Run       string   `json:"run,omitempty"`
	Why       string   `json:"why,omitempty"` // where the outcome is not done; a host wrote a part of it
	Recovered string   `json:"recovered,omitempty"`
	Left      []string `json:"left,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

// Result is the answer of a host by name. Batch counts from 1; 0: none came to it.
type Result struct {
	Name  string `json:"name"`
	Batch int    `json:"batch,omitempty"`
	Answer
}

// In reports whether what was planned is in force on the host.
func (a *Answer) In() bool { return a.Outcome == apply.Done || a.Outcome == apply.Already }

// failed reports whether the outcome counts against MaxFail. A host that does not
// answer was not changed and says nothing about the change.
func (a *Answer) failed() bool { return !a.In() && a.Outcome != Unreached && a.Outcome != NotTried }

// Size is how many hosts a batch has: a number, or a part of all hosts.
type Size struct {
	N       int
	Percent int // counts where N is 0
}

// DefaultBatch is one host, ten, then quarters.
const DefaultBatch = "1,10,25%"

// ParseSizes reads what --batch takes: numbers and percentages behind commas. The
// last one repeats.
func ParseSizes(text string) ([]Size, error) {
	var out []Size
	for _, word := range strings.Split(text, ",") {
		number, percent := strings.CutSuffix(word, "%")
		n, err := strconv.Atoi(number)
		switch {
		case err != nil || number[0] == '+':
			return nil, fmt.Errorf("%q is neither a number of hosts nor a percentage", word)
		case n < 1:
			return nil, fmt.Errorf("a batch of %s is none", word)
		case percent && n > 100:
			return nil, fmt.Errorf("%s is more than all hosts", word)
		case percent:
			out = append(out, Size{Percent: n})
		default:
			out = append(out, Size{N: n})
		}
	}
	return out, nil
}

// Of is the number of hosts of a batch, of total in all; at least one.
func (s Size) Of(total int) int {
	if s.N > 0 {
		return s.N
	}
	return max((total*s.Percent+99)/100, 1)
}

// Options say how to go through a fleet. The zero value goes one by one and stops
// at the first failure.
type Options struct {
	Sizes    []Size // of the batches, the last repeats; none: one host each
	MaxFail  int    // so many hosts may fail; one more stops the run
	Parallel int    // hosts of a batch at work at once; below 1: one
	// Last hosts come after all others, each alone: those through which the others
	// are reached, or that serve them.
	Last map[string]bool
	// Batch is told before each batch: its number and hosts. Ended is told each
	// host's end, by one goroutine at a time. nil: nobody is.
	Batch func(n int, names []string)
	Ended func(Result)
}

// Report is how a run through a fleet ended.
type Report struct {
	Results []Result // in the order of the names
	Batches int      // that were begun
	Stopped string   // why hosts were not tried; "" all were
}

// Run does it to each host, batch by batch. A batch in which it is in force on no
// host has proved nothing: the next one is no bigger. Once ctx ends no further
// host is begun; what is being done to a host has to come to its own end, and
// gets ctx to see it by.
func Run(ctx context.Context, names []string, opt Options, do func(ctx context.Context, name string) Answer) Report {
	r := Report{Results: make([]Result, len(names))}
	var first, last []int
	for i, name := range names {
		r.Results[i] = Result{Name: name, Answer: Answer{Outcome: NotTried}}
		if opt.Last[name] {
			last = append(last, i)
		} else {
			first = append(first, i)
		}
	}
	b := &batches{ctx: ctx, opt: &opt, do: do, report: &r}
	step := 0
	for len(first) > 0 && b.goesOn() {
		size := Size{N: 1}
		if len(opt.Sizes) > 0 {
			size = opt.Sizes[min(step, len(opt.Sizes)-1)]
		}
		n := min(size.Of(len(names)), len(first))
		if b.run(first[:n]) {
			step++
		}
		first = first[n:]
	}
	for len(first) == 0 && len(last) > 0 && b.goesOn() {
		b.run(last[:1])
		last = last[1:]
	}
	for i := range r.Results {
		if r.Results[i].Outcome != NotTried {
			continue
		}
		if ctx.Err() != nil {
			r.Stopped = "interrupted"
		} else {
			r.Stopped = fmt.Sprintf("%s failed, and --max-fail is %d", hosts(b.failed), opt.MaxFail)
		}
		break
	}
	return r
}

// batches is the work on one fleet.
type batches struct {
	ctx    context.Context
	opt    *Options
	do     func(context.Context, string) Answer
	report *Report

	mu     sync.Mutex
	failed int
}

func (b *batches) goesOn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed <= b.opt.MaxFail && b.ctx.Err() == nil
}

// run does one batch, and says whether it has proved something.
func (b *batches) run(batch []int) (proved bool) {
	b.report.Batches++
	n := b.report.Batches
	if b.opt.Batch != nil {
		names := make([]string, len(batch))
		for i, at := range batch {
			names[i] = b.report.Results[at].Name
		}
		b.opt.Batch(n, names)
	}
	next := make(chan int)
	var all sync.WaitGroup
	for range min(max(b.opt.Parallel, 1), len(batch)) {
		all.Go(func() {
			for at := range next {
				if !b.goesOn() {
					continue
				}
				res := Result{Name: b.report.Results[at].Name, Batch: n}
				res.Answer = b.do(b.ctx, res.Name)
				b.mu.Lock()
				b.report.Results[at] = res
				if res.failed() {
					b.failed++
				}
				proved = proved || res.In()
				if b.opt.Ended != nil {
					b.opt.Ended(res)
				}
				b.mu.Unlock()
			}
		})
	}
	for _, at := range batch {
		next <- at
	}
	close(next)
	all.Wait()
	return proved
}

func hosts(n int) string {
	if n == 1 {
		return "1 host"
	}
	return fmt.Sprintf("%d hosts", n)
}

// Sum counts outcomes.
func (r *Report) Sum() map[Outcome]int {
	out := map[Outcome]int{}
	for i := range r.Results {
		out[r.Results[i].Outcome]++
	}
	return out
}

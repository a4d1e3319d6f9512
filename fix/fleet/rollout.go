package fleet

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/lock"
)

// Rollout is one run through a fleet, on this machine's disk: the plan, and what
// became of each host. It is a folder of its own; its journal is only ever
// appended to, each line on the disk before what it announces. It is locked while
// a run goes on.
type Rollout struct {
	ID   string
	Head Head
	Plan *fix.Plan

	dir string
	f   *os.File

	mu    sync.Mutex
	state map[string]Entry // the last of each host
}

// Head is what a rollout was begun with, so that it can be gone on with.
type Head struct {
	Words     []string `json:"words,omitempty"`     // hosts as they were named
	Inventory string   `json:"inventory,omitempty"` // file; "" where none was named
	Batch     string   `json:"batch"`
	MaxFail   int      `json:"max_fail"`
	Last      []string `json:"last,omitempty"`
}

// Entry is one line of a rollout's journal.
type Entry struct {
	Time    time.Time `json:"time"` // UTC, this machine's clock: for people
	Host    string    `json:"host,omitempty"`
	What    string    `json:"what"` // begin or end of a host, over (the rollout)
	Outcome Outcome   `json:"outcome,omitempty"`
	Run     string    `json:"run,omitempty"` // of begin: the one before, "" none
	Why     string    `json:"why,omitempty"`
}

// ErrNone marks that there is no rollout to go on with.
var ErrNone = errors.New("no rollout is open")

// ErrBusy marks a rollout that another process is at.
var ErrBusy = errors.New("another postern on this machine is at that rollout")

const (
	headFile, planFile, logFile = "head.json", "plan.json", "journal.jsonl"
	// idForm sorts by time; what follows it tells two of one second apart.
	idForm = "20060102T150405Z"
)

// Begin writes down a new rollout below dir and holds it.
func Begin(dir string, head Head, plan *fix.Plan) (*Rollout, error) {
	var b [3]byte
	rand.Read(b[:])
	r := &Rollout{ID: time.Now().UTC().Format(idForm) + "-" + hex.EncodeToString(b[:]), Head: head, Plan: plan, state: map[string]Entry{}}
	r.dir = filepath.Join(dir, r.ID)
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(r.dir, headFile), func(f *os.File) error { _, err := f.Write(raw); return err }); err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(r.dir, planFile), func(f *os.File) error { return plan.Write(f) }); err != nil {
		return nil, err
	}
	// The journal comes last: a rollout without one was never begun.
	return r, r.hold()
}

func writeFile(name string, write func(*os.File) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Sync(), f.Close())
}

func (r *Rollout) hold() error {
	f, err := os.OpenFile(filepath.Join(r.dir, logFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := lock.Take(f); err != nil {
		f.Close()
		if errors.Is(err, lock.ErrHeld) {
			return ErrBusy
		}
		return err
	}
	r.f = f
	return nil
}

// Latest holds the newest rollout below dir. ErrNone: there is none, or no host of
// it is left. ErrBusy: another process is at it.
func Latest(dir string) (*Rollout, error) {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, e := range slices.Backward(names) {
		if _, err := os.Stat(filepath.Join(dir, e.Name(), logFile)); err != nil {
			continue
		}
		r := &Rollout{ID: e.Name(), dir: filepath.Join(dir, e.Name()), state: map[string]Entry{}}
		if err := r.hold(); err != nil {
			return nil, fmt.Errorf("rollout %s: %w", r.ID, err)
		}
		over, err := r.read()
		switch {
		case err != nil:
		case over:
			// Only the newest is looked at: going on with one that a newer has
			// overtaken would bring old bytes back.
			err = ErrNone
		default:
			err = r.load()
		}
		if err != nil {
			r.f.Close()
			return nil, fmt.Errorf("rollout %s: %w", r.ID, err)
		}
		return r, nil
	}
	return nil, ErrNone
}

// Look reads a rollout, going on or over, without holding it: it can be asked and
// not written. ErrNone: there is none of that name.
func Look(dir, id string) (*Rollout, error) {
	r := &Rollout{ID: id, dir: filepath.Join(dir, id), state: map[string]Entry{}}
	if id != filepath.Base(id) || strings.Trim(id, ".") == "" {
		return nil, ErrNone
	}
	if _, err := r.read(); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNone
	} else if err != nil {
		return nil, fmt.Errorf("rollout %s: %w", id, err)
	}
	if err := r.load(); err != nil {
		return nil, fmt.Errorf("rollout %s: %w", id, err)
	}
	return r, nil
}

func (r *Rollout) load() error {
	raw, err := os.ReadFile(filepath.Join(r.dir, headFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &r.Head); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(r.dir, planFile))
	if err != nil {
		return err
	}
	defer f.Close()
	r.Plan, err = fix.Read(f)
	return err
}

// read takes the journal in. A last line that was cut by a crash announced
// nothing that was done.
func (r *Rollout) read() (over bool, err error) {
	f, err := os.Open(filepath.Join(r.dir, logFile))
	if err != nil {
		return false, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch e.What {
		case "over":
			over = true
		case "begin", "end":
			over = false
			r.state[e.Host] = e
		}
	}
	return over, lines.Err()
}

// Hosts splits the hosts of the plan: those on which it is in force, those that
// were begun and have no end, and the rest, each in the plan's order.
func (r *Rollout) Hosts() (done, open, rest []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.Plan.Hosts {
		name := r.Plan.Hosts[i].Name
		e, begun := r.state[name]
		a := Answer{Outcome: e.Outcome}
		switch {
		case begun && e.What == "begin" || begun && e.Outcome == "pending":
			open = append(open, name)
		case begun && a.In():
			done = append(done, name)
		default:
			rest = append(rest, name)
		}
	}
	return done, open, rest
}

// Last is the last line about a host; the zero Entry: there is none.
func (r *Rollout) Last(host string) Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state[host]
}

// Start writes down that a host is begun, and the run before that one: a later run
// of the host is then this rollout's.
func (r *Rollout) Start(host, before string) error {
	return r.add(Entry{Host: host, What: "begin", Run: before})
}

// End writes down how a host ended.
func (r *Rollout) End(host string, a Answer) error {
	return r.add(Entry{Host: host, What: "end", Outcome: a.Outcome, Run: a.Run, Why: a.Why})
}

// Close lets go of the rollout, and writes down that it is over where no host is
// left.
func (r *Rollout) Close() error {
	_, open, rest := r.Hosts()
	var err error
	if len(open)+len(rest) == 0 {
		err = r.add(Entry{What: "over"})
	}
	return errors.Join(err, r.f.Close())
}

func (r *Rollout) add(e Entry) error {
	const most = 4000
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Time, e.Why = time.Now().UTC(), strings.ToValidUTF8(e.Why[:min(len(e.Why), most)], "?")
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	// A line before that was cut must not swallow this one.
	if _, err := r.f.Write(append(append([]byte("\n"), line...), '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := r.f.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if e.Host != "" {
		r.state[e.Host] = e
	}
	return nil
}

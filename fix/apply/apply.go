// Package apply makes a plan true on a host, so that its owner can log in
// afterwards: by what the plan promises, or by what worked before.
//
// The order is fixed: copy what is there, try the new files where nobody else
// sees them, arm a guard on the host that takes everything back unless it is
// told not to (also after a reboot), write, have sshd read, log in anew, prove
// what has changed, confirm over the new login. The laptop may die, the network
// may go and the host may restart at each point between.
//
// What runs on the host is one POSIX sh program, sent over the connection. Its
// state lies below /var/lib/postern-fix and is one file whose name says it.
package apply

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/inventory/connect"
)

// Conn is a login, as *connect.Conn gives it.
type Conn interface {
	Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error)
	Capture() *wire.Capture
	Close() error
}

// Connect logs in to the host anew: a new TCP connection, a new key exchange.
type Connect func(ctx context.Context) (Conn, error)

// Options say how to apply. The zero value is careful.
type Options struct {
	// Journal is a folder for the local journal, one file a host; "" none, and
	// then an interrupted run can be recovered only when its time is over.
	Journal string
	// Deadline is how long the host waits for the confirmation, from the moment
	// the guard is armed; 0: a minute, or ten round trips where these are slow.
	Deadline time.Duration
	Accept   []string // risks that are accepted by name
	// Progress is told each step; nil: nobody is.
	Progress func(step string)

	// Records says of how many runs that are over Status tells what they changed.
	Records int

	// Prove is asked over and above what the plan promises, before the change is
	// confirmed; its error takes the change back. nil: nothing more is asked.
	Prove func(ctx context.Context) error

	// FailPoint is called between the steps with their names (see FailPoints), and
	// HostFail names a point inside a step at which the host stops and FailPoint is
	// called with "host:" before the name. For tests.
	FailPoint func(name string)
	HostFail  string
	// Unguarded leaves guard and boot hook out. For the test that shows what they
	// are worth.
	Unguarded bool
}

// Outcome is how a run ended.
type Outcome string

// The outcomes. The zero value says that nothing is known.
const (
	Done       Outcome = "done"        // confirmed; what the plan promises is in force
	Already    Outcome = "already"     // nothing was to be done
	Refused    Outcome = "refused"     // nothing was changed
	RolledBack Outcome = "rolled back" // what was before is in force again
	Unproven   Outcome = "not proven"  // a reload without a change, which cannot be taken back: sshd runs with its files as they are, and the proof failed
	Pending    Outcome = "pending"     // the host could not be reached again: it takes the change back by itself
)

// Result is what became of one host.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Run     string  `json:"run,omitempty"` // names the record on the host, for Undo
	// Recovered says what became of an earlier run that had been interrupted.
	Recovered string `json:"recovered,omitempty"`
	// Left are changes that were not taken back, since somebody else had changed
	// their files meanwhile: paths.
	Left  []string `json:"left,omitempty"`
	Notes []string `json:"notes,omitempty"`
	// Held: nothing was changed, but the host may hold the run's folder: the
	// connection ended first. The next run takes it away.
	Held bool `json:"held,omitempty"`
}

const (
	minDeadline = time.Minute
	// patience is for steps before anything is armed: copying and hashing on a
	// slow disk.
	patience = 3 * time.Minute
	// busyFor is how long a run that has armed nothing keeps others out, should its
	// laptop have died: longer than copying and trying take.
	busyFor = 5 * time.Minute
)

// run is one host's way through the steps.
type run struct {
	connect Connect
	host    *fix.Host
	opt     Options
	id      string
	journal *journal
	res     Result

	old, fresh Conn // the first login, and the one that proves
	trip       time.Duration
	deadline   time.Duration
	armed      time.Time // zero: nothing is armed
	checks     []check
	manifest   string
	ports      []int // that sshd will listen on
}

func newRun(connect Connect, h *fix.Host, opt Options) (*run, error) {
	j, err := openJournal(opt.Journal, h.Name)
	if err != nil {
		return nil, err
	}
	return &run{connect: connect, host: h, opt: opt, journal: j}, nil
}

func (r *run) at(name string) {
	if r.opt.FailPoint != nil {
		r.opt.FailPoint(name)
	}
}

func (r *run) tell(step string) {
	if r.opt.Progress != nil {
		r.opt.Progress(step)
	}
}

func (r *run) close() {
	for _, c := range []Conn{r.fresh, r.old} {
		if c != nil {
			c.Close()
		}
	}
	r.journal.close()
}

// Apply makes the plan true on one host. The error says why the outcome is not
// Done or Already; the Result holds in either case. A run that was interrupted
// before is finished or undone first. Once the guard is armed, the end of ctx
// makes it take the change back before it returns.
func Apply(ctx context.Context, connect Connect, h fix.Host, opt Options) (Result, error) {
	r, err := newRun(connect, &h, opt)
	if err != nil {
		return Result{Outcome: Refused}, err
	}
	defer r.close()
	err = r.apply(ctx)
	note := string(r.res.Outcome)
	if err != nil {
		note += ": " + err.Error()
	}
	if r.res.Outcome != Pending && !r.res.Held { // the next run has to ask
		if jerr := r.journal.add(r.id, "end", note); err == nil {
			err = jerr
		}
	}
	return r.res, err
}

func (r *run) apply(ctx context.Context) error {
	r.res.Outcome = Refused
	if err := accepted(r.host, r.opt.Accept); err != nil {
		return err
	}
	if err := sound(r.host); err != nil {
		return err
	}
	r.id = newID()
	r.at("begun")
	st, err := r.begin(ctx)
	if err != nil {
		return err
	}
	r.at("connected")
	if err := r.recover(ctx, st); err != nil {
		return err
	}
	if err := r.stage(ctx, st); err != nil {
		return err
	}
	if r.res.Outcome == Already {
		return nil
	}
	return r.guarded(ctx)
}

// begin logs in and asks how the host stands.
func (r *run) begin(ctx context.Context) (*status, error) {
	r.tell("connect")
	c, err := r.connect(ctx)
	if errors.Is(err, connect.ErrHungUp) { // it may be between two lives
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
			c, err = r.connect(ctx)
		}
	}
	if err != nil {
		return nil, &StepError{Step: "connect", Why: err.Error(), Err: err}
	}
	r.old = c
	before := time.Now()
	st, err := r.status(ctx, c)
	r.trip = time.Since(before)
	if err != nil {
		return nil, err
	}
	if st.uid != 0 {
		return nil, &StepError{Step: "connect", Code: "refused", Why: "the account is not root and sudo -n gives no root rights", Err: ErrRefused}
	}
	r.deadline = r.opt.Deadline
	if r.deadline <= 0 {
		r.deadline = max(minDeadline, 10*r.trip)
	}
	return st, nil
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

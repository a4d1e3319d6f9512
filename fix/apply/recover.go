package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/fix"
)

// recover finishes or undoes a run that was interrupted, and says which. One that
// another laptop may still be busy with is left alone: ErrBusy.
func (r *run) recover(ctx context.Context, st *status) error {
	mine := r.journal.open
	if !st.current {
		if mine != "" {
			r.res.Recovered = map[string]string{
				"confirmed":  "the interrupted run had been confirmed",
				"rolledback": "the interrupted run had been taken back",
				"":           "the interrupted run had changed nothing",
			}[st.records[mine]]
			return r.journal.add(mine, "end", r.res.Recovered)
		}
		return nil
	}
	if st.run != mine || mine == "" {
		if why := busy(st); why != "" {
			return &StepError{Step: "connect", Code: "busy", Why: why, Err: ErrBusy}
		}
	}
	id := r.id
	defer func() { r.id = id }()
	r.id = st.run
	switch st.state {
	case "armed", "rolling":
		r.tell("take back the interrupted run")
		// it names changes of that run's plan, not of ours
		out, err := r.step(ctx, r.old, "rollback", "", 2*time.Minute)
		if err != nil {
			return err
		}
		if left := out.all("left"); len(left) > 0 {
			r.res.Notes = append(r.res.Notes, fmt.Sprintf("%d files of the interrupted run had been changed by others since, and were left", len(left)))
		}
		r.res.Recovered = "the interrupted run was taken back"
	case "rolledback":
		r.res.Recovered = "the interrupted run had been taken back"
	case "confirmed":
		r.res.Recovered = "the interrupted run had been confirmed, and was finished"
	default:
		r.res.Recovered = "the interrupted run had changed nothing, and was removed"
	}
	if _, err := r.step(ctx, r.old, "clean", "", time.Minute); err != nil {
		return err
	}
	if mine != "" {
		return r.journal.add(mine, "end", r.res.Recovered)
	}
	return nil
}

// busy says why a run that is not ours may still be going on; "" it is not.
func busy(st *status) string {
	switch {
	case st.age < 0: // another boot: whoever began it has lost his connection
		return ""
	case (st.state == "armed" || st.state == "rolling") && st.guard:
		return fmt.Sprintf("run %s holds the host and must be confirmed within %d s, or is taken back then", clip(st.run), max(st.left, 0))
	case (st.state == "" || st.state == "prepared") && st.age < int(busyFor.Seconds()):
		return fmt.Sprintf("run %s began on the host %d s ago", clip(st.run), st.age)
	}
	return ""
}

// alreadyThere tells whether the host is as the plan wants it: the hashes are
// asked for with a plan of the same files whose before is our after.
func (r *run) alreadyThere(ctx context.Context) bool {
	h := *r.host
	h.Changes, h.Rests = nil, nil
	for _, c := range r.host.Changes {
		if c.Kind == fix.KindMove || c.Kind == fix.KindKey || c.Kind == fix.KindAccount {
			return false
		}
		c.Before.Exists, c.Before.Inode, c.Before.Link = c.After.Exists, 0, c.After.Link
		if c.Before.SHA256 = afterSum(&c); c.Kind == fix.KindTable && c.User != "" && c.After.Exists {
			c.Before.SHA256 = sum(bare(c.New))
		}
		c.Before.UID, c.Before.GID, c.Before.Mode = c.After.UID, c.After.GID, c.After.Mode
		h.Changes = append(h.Changes, c)
	}
	again := *r
	again.host = &h
	var err error
	if again.manifest, err = manifest(r.id, &h, nil, true); err != nil {
		return false
	}
	if _, err := again.step(ctx, r.old, "prepare", again.preparation(nil), patience); err != nil {
		return false
	}
	_, err = again.step(ctx, r.old, "clean", "", time.Minute)
	return err == nil
}

// State is how a host stands.
type State struct {
	Run   string `json:"run,omitempty"`   // that holds the host; "" none
	State string `json:"state,omitempty"` // prepared, armed, confirmed, rolling, rolledback
	// Left is the time until the guard takes the change back.
	Left    time.Duration     `json:"left,omitempty"`
	Guard   bool              `json:"guard,omitempty"` // the guard runs
	Records map[string]string `json:"records"`         // of runs that are over: confirmed or rolledback
	// Ended are the times at which these ended, by the host's clock.
	Ended map[string]time.Time `json:"ended"`
	// Plans are what the newest of them changed, as far as Options.Records asks; by the
	// host's own record.
	Plans map[string]fix.Host `json:"-"`
}

// InForce are the confirmed runs that no later one has given back, the newest first.
// What gave another back is none of them: undoing it would make that change again.
func (s *State) InForce() []string {
	undone := map[string]bool{}
	var out []string
	for _, id := range s.Runs() {
		of := s.Plans[id].Undoes
		switch {
		case s.Records[id] != "confirmed" || undone[id]:
		case of != "":
			undone[of] = true
		default:
			out = append(out, id)
		}
	}
	return out
}

// Runs are the runs that are over, the newest first.
func (s *State) Runs() []string {
	return slices.SortedFunc(maps.Keys(s.Records), func(a, b string) int {
		return cmp.Or(s.Ended[b].Compare(s.Ended[a]), strings.Compare(a, b))
	})
}

// Status asks a host how it stands. It changes nothing.
func Status(ctx context.Context, connect Connect, name string, opt Options) (State, error) {
	opt.Journal = "" // looking takes no lock
	r, err := newRun(connect, &fix.Host{Name: name}, opt)
	if err != nil {
		return State{}, err
	}
	defer r.close()
	st, err := r.begin(ctx)
	if err != nil {
		return State{}, err
	}
	out := State{Run: st.run, State: st.state, Left: time.Duration(st.left) * time.Second, Guard: st.guard, Records: st.records, Ended: st.ended, Plans: map[string]fix.Host{}}
	for i, id := range out.Runs() {
		if i >= opt.Records {
			break
		}
		if !isID(id) {
			continue
		}
		if h, _, err := r.record(ctx, id); err == nil { // one that cannot be read tells nothing
			out.Plans[id] = h
		}
	}
	return out, nil
}

// Confirm keeps a change whose laptop died before it could say so: the login that
// Confirm itself makes is the proof. run names it. ErrRolledBack: too late.
func Confirm(ctx context.Context, connect Connect, name, id string, opt Options) (Result, error) {
	return after(ctx, connect, name, opt, func(r *run, st *status) error {
		r.id, r.res.Run = id, id
		if st.records[id] == "confirmed" {
			r.res.Outcome = Already
			return nil
		}
		if st.records[id] == "rolledback" || st.run == id && (st.state == "rolling" || st.state == "rolledback") {
			r.res.Outcome = RolledBack
			return fmt.Errorf("%w: the host took the change back by itself", ErrRolledBack)
		}
		if st.run != id {
			return &StepError{Step: "confirm", Code: "refused", Why: "the host knows no run " + clip(id), Err: ErrRefused}
		}
		if st.state == "armed" {
			// sshd must have read the files, else what was logged in to is the old
			if _, err := r.step(ctx, r.old, "verify", "", time.Minute); err != nil {
				return err
			}
		}
		if _, err := r.step(ctx, r.old, "confirm", assign("WANT", id), 30*time.Second); err != nil {
			var step *StepError
			if errors.As(err, &step) && step.Code == "late" {
				r.res.Outcome = RolledBack
				return fmt.Errorf("%w: the host took the change back by itself", ErrRolledBack)
			}
			return err
		}
		r.res.Outcome = Done
		if _, err := r.step(ctx, r.old, "clean", "", time.Minute); err != nil {
			r.res.Notes = append(r.res.Notes, "the host's folder was not tidied: "+err.Error())
		}
		return r.journal.add(id, "end", "confirmed")
	})
}

// Recover finishes or undoes an interrupted run and begins nothing new.
func Recover(ctx context.Context, connect Connect, name string, opt Options) (Result, error) {
	return after(ctx, connect, name, opt, func(r *run, st *status) error {
		if err := r.recover(ctx, st); err != nil {
			return err
		}
		r.res.Outcome = Already
		return nil
	})
}

func after(ctx context.Context, connect Connect, name string, opt Options, do func(*run, *status) error) (Result, error) {
	r, err := newRun(connect, &fix.Host{Name: name}, opt)
	if err != nil {
		return Result{Outcome: Refused}, err
	}
	defer r.close()
	r.res.Outcome = Refused
	st, err := r.begin(ctx)
	if err == nil {
		err = do(r, st)
	}
	return r.res, err
}

// Undo gives back what a confirmed run changed, from the host's own record. It is
// a change like any other: tried, guarded and verified. Whatever has been changed
// since makes it refuse: ErrChanged.
func Undo(ctx context.Context, connect Connect, name, id string, opt Options) (Result, error) {
	if !isID(id) {
		return Result{Outcome: Refused}, &StepError{Step: "undo", Code: "refused", Why: "not the number of a run: " + clip(id), Err: ErrRefused}
	}
	h, err := Record(ctx, connect, name, id, opt)
	if err != nil {
		return Result{Outcome: Refused}, err
	}
	if len(h.Changes) == 0 {
		return Result{Outcome: Refused}, &StepError{Step: "undo", Code: "refused", Why: "that run changed no file, it had sshd read them: there is nothing to give back", Err: ErrRefused}
	}
	back := Reverse(h, id)
	back.Name = name
	return Apply(ctx, connect, back, opt)
}

// isID keeps a number that becomes part of a path what it is.
func isID(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == ""
}

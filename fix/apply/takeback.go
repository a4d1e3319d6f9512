package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/postern-ssh/postern/inventory/connect"
)

// takeBack undoes what is armed: over a login that is still there, since that one
// keeps its old rules, else by a new one, else by the guard.
func (r *run) takeBack(ctx context.Context, why error) error {
	r.tell("take back")
	r.res.Outcome = Pending
	until := r.armed.Add(r.deadline + 45*time.Second)
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	if err := r.journal.add(r.id, "take back", why.Error()); err != nil {
		r.res.Notes = append(r.res.Notes, err.Error())
	}
	for _, c := range []Conn{r.old, r.fresh} {
		if c != nil && r.rollbackOver(ctx, c) == nil {
			return r.tookBack(ctx, c, why)
		}
	}
	for ctx.Err() == nil {
		c, err := r.connect(ctx)
		if err == nil {
			if r.rollbackOver(ctx, c) == nil {
				defer c.Close()
				return r.tookBack(ctx, c, why)
			}
			c.Close()
		}
		pause := 2 * time.Second
		if errors.Is(err, connect.ErrRefused) || errors.Is(err, connect.ErrThrottled) {
			pause = 10 * time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("%w; the host could not be reached again and takes the change back by itself", why)
}

func (r *run) rollbackOver(ctx context.Context, c Conn) error {
	st, err := r.status(ctx, c)
	if err != nil {
		return err
	}
	if st.run != r.id { // put away already
		return nil
	}
	out, err := r.step(ctx, c, "rollback", "", time.Minute)
	if err == nil {
		r.leftOver(out)
	}
	return err
}

func (r *run) leftOver(out *output) {
	for _, n := range out.all("left") {
		if i, err := strconv.Atoi(n); err == nil && i > 0 && i <= len(r.host.Changes) {
			r.res.Left = append(r.res.Left, realPath(&r.host.Changes[i-1]))
		} else {
			r.res.Notes = append(r.res.Notes, "sshd was not told to read its files again: it would refuse them, or several daemons listen and which of them read the new ones is not clear")
		}
	}
}

// tookBack reads the host's word for how it ended, and puts the record away.
func (r *run) tookBack(ctx context.Context, c Conn, why error) error {
	st, err := r.status(ctx, c)
	if err != nil {
		return why
	}
	state := st.state
	if st.run != r.id {
		state = st.records[r.id]
	}
	switch {
	case state == "confirmed":
		r.res.Outcome = Done
	case state == "rolledback":
		r.res.Outcome = RolledBack
		if len(r.host.Changes) == 0 {
			r.res.Outcome = Unproven
		}
	case state == "" && st.run != r.id: // nothing had been armed
		r.res.Outcome = Refused
	default:
		return why
	}
	if st.run == r.id {
		if _, err := r.step(ctx, c, "clean", "", 30*time.Second); err != nil {
			r.res.Notes = append(r.res.Notes, "the host's folder was not tidied: "+err.Error())
		}
	}
	switch r.res.Outcome {
	case Done:
		return nil
	case Unproven:
		return fmt.Errorf("sshd may run with its files as they are, and that could not be proven: %w", why)
	}
	return fmt.Errorf("%w: %w", ErrRolledBack, why)
}

package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/inventory/connect"
)

// guarded is what happens under the guard: from arming to confirming.
func (r *run) guarded(ctx context.Context) error {
	if err := r.journal.add(r.id, "arm", ""); err != nil {
		return r.giveUp(ctx, err)
	}
	r.tell("arm")
	vars := assign("DEADLINE", fmt.Sprint(int(r.deadline.Seconds())))
	vars += assign("NEWPORTS", strings.Trim(fmt.Sprint(r.ports), "[]"))
	r.armed = time.Now()
	// From here on the end of ctx must not cut a step in two: it is looked at
	// between them.
	steady := context.WithoutCancel(ctx)
	if _, err := r.step(steady, r.old, "arm", vars, r.left()); err != nil {
		var step *StepError
		if errors.As(err, &step) && step.Code != "" {
			return r.giveUp(ctx, err)
		}
		return r.takeBack(ctx, err)
	}
	r.at("armed")
	for _, s := range []struct {
		name, point string
		do          func(context.Context) error
	}{
		{"install", "installed", r.install},
		{"reload", "reloaded", r.reload},
		{"log in anew", "fresh", r.freshLogin},
		{"verify", "verified", r.verify},
		{"confirm", "confirmed", r.confirm},
	} {
		if err := ctx.Err(); err != nil {
			return r.takeBack(ctx, fmt.Errorf("interrupted: %w", err))
		}
		r.tell(s.name)
		err := r.journal.add(r.id, s.name, "")
		if err == nil {
			err = s.do(steady)
		}
		if err != nil {
			return r.takeBack(ctx, err)
		}
		r.at(s.point)
	}
	r.res.Outcome = Done
	if _, err := r.step(steady, r.fresh, "clean", "", 30*time.Second); err != nil {
		// confirmed all the same: the next run puts the record away
		r.res.Notes = append(r.res.Notes, "confirmed, but the host's folder was not tidied: "+err.Error())
	}
	r.at("cleaned")
	return nil
}

// left is the time in which the laptop still tries: two thirds of the deadline.
func (r *run) left() time.Duration {
	return max(r.deadline*2/3-time.Since(r.armed), time.Second)
}

func (r *run) install(ctx context.Context) error {
	_, err := r.step(ctx, r.old, "install", "", r.left())
	return err
}

func (r *run) reload(ctx context.Context) error {
	if !r.host.Reload.Needed {
		return nil
	}
	_, err := r.step(ctx, r.old, "reload", "", r.left())
	return err
}

// freshLogin logs in by a new connection. The listener is away for a moment while
// sshd starts itself again, so a refused connect is tried again; a refused login
// only once more: sshd since 9.8 shuts out who fails often (PerSourcePenalties).
func (r *run) freshLogin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.left())
	defer cancel()
	refused := 0
	for {
		c, err := r.connect(ctx)
		if err == nil {
			r.fresh = c
			return nil
		}
		pause := 300 * time.Millisecond
		switch {
		case errors.Is(err, connect.ErrHostKey):
			return &StepError{Step: "log in anew", Why: err.Error(), Err: err}
		case errors.Is(err, connect.ErrThrottled):
			pause = 15 * time.Second
		case errors.Is(err, connect.ErrRefused):
			if refused++; refused == 2 {
				return &StepError{Step: "log in anew", Why: err.Error(), Err: err}
			}
			pause = 2 * time.Second
		}
		select {
		case <-ctx.Done():
			return &StepError{Step: "log in anew", Why: err.Error(), Err: err}
		case <-time.After(pause):
		}
	}
}

// verify proves over the fresh login that the new files are in force.
func (r *run) verify(ctx context.Context) error {
	out, err := r.step(ctx, r.fresh, "verify", "", r.left())
	if err != nil {
		return err
	}
	if out.one("guard") == "0" {
		r.res.Notes = append(r.res.Notes, "the guard had died")
	}
	if err := r.judge("verify", out); err != nil {
		return err
	}
	if err := r.shut(); err != nil || r.opt.Prove == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.left())
	defer cancel()
	return r.opt.Prove(ctx)
}

// shut proves that the methods which have to be gone are.
func (r *run) shut() error {
	if len(r.host.Shut) == 0 {
		return nil
	}
	offered := r.fresh.Capture()
	if offered == nil || offered.Methods == nil && !offered.NoneAccepted {
		return &StepError{Step: "verify", Why: "the server did not say which methods it offers"}
	}
	for _, m := range r.host.Shut {
		if slices.Contains(offered.Methods, m) || offered.NoneAccepted {
			return &StepError{Step: "verify", Why: "the server still offers " + m}
		}
	}
	return nil
}

// confirm tells the host that the change is to stay, over the login that proved
// it. Where the answer is lost, the host is asked, not guessed about.
func (r *run) confirm(ctx context.Context) error {
	_, err := r.step(ctx, r.fresh, "confirm", assign("WANT", r.id), r.left())
	var step *StepError
	if err == nil || errors.As(err, &step) && step.Code != "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.deadline)
	defer cancel()
	for {
		if c, cerr := r.connect(ctx); cerr == nil {
			st, serr := r.status(ctx, c)
			if serr == nil && (st.run == r.id && st.state == "confirmed" || st.records[r.id] == "confirmed") {
				r.fresh.Close()
				r.fresh = c
				return nil
			}
			c.Close()
			if serr == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

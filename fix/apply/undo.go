package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postern-ssh/postern/fix"
)

// Record reads the plan of an earlier run back from the host.
func Record(ctx context.Context, connect Connect, name, id string, opt Options) (fix.Host, error) {
	opt.Journal = ""
	var h fix.Host
	_, err := after(ctx, connect, name, opt, func(r *run, _ *status) error {
		var state string
		var err error
		if h, state, err = r.record(ctx, id); err != nil {
			return err
		}
		if state != "confirmed" {
			return &StepError{Step: "undo", Code: "refused", Why: "that run was not confirmed: nothing of it is in force", Err: ErrRefused}
		}
		return nil
	})
	return h, err
}

// record reads the plan of a run that is over, and how it ended.
func (r *run) record(ctx context.Context, id string) (h fix.Host, state string, err error) {
	out, err := r.step(ctx, r.old, "record", assign("WANT", id), time.Minute)
	if err != nil {
		return h, "", err
	}
	if err := json.Unmarshal([]byte(out.blocks["plan"]), &h); err != nil {
		return h, "", &StepError{Step: "undo", Why: "the host's record cannot be read: " + clip(err.Error()), Err: err}
	}
	return h, out.one("state"), nil
}

// Reverse is the plan that gives back what run made of h: in reverse order, each
// change from its after to its before. Reload and Checks stay; what was promised
// to be shut opens again.
func Reverse(h fix.Host, run string) fix.Host {
	back := h
	back.Undoes = run
	back.Changes, back.Shut, back.Refused = nil, nil, nil
	back.Rests, back.Warnings = nil, nil
	if h.Reload.Restart {
		back.Reload.Args, back.Reload.ArgsBefore = h.Reload.ArgsBefore, h.Reload.Args
	}
	back.Checks = nil
	for _, l := range h.Checks {
		l.Expect = nil
		back.Checks = append(back.Checks, l)
	}
	for i := len(h.Changes) - 1; i >= 0; i-- {
		c := h.Changes[i]
		before := c.After
		before.Path, before.Real, before.Inode = c.Before.Path, c.Before.Real, 0
		before.SHA256 = afterSum(&c)
		after := c.Before
		after.Inode = 0
		if c.Kind == fix.KindTable && c.User != "" && c.After.Exists {
			before.SHA256 = sum(bare(c.New)) // crontab(1) put its header in front
		}
		r := fix.Change{Kind: c.Kind, Before: before, After: after, Old: c.New, New: c.Old, User: c.User, Rules: c.Rules, Why: "undo: " + c.Why}
		switch {
		case c.Kind == fix.KindAccount && c.Record == "":
			r.Record = fmt.Sprintf("%s/old/%d", run, i+1)
		case c.Kind == fix.KindMove && c.Record == "":
			r.Record = fmt.Sprintf("%s/moved/%d", run, i+1)
		case c.Kind == fix.KindMove:
			r.Before = c.After
			r.Before.Path, r.Before.Real = c.Before.Path, c.Before.Real
		case c.Kind == fix.KindKey:
			// a made key goes out of the way, and is never destroyed
			r.Kind, r.Before.SHA256 = fix.KindMove, ""
			public := r
			public.Before.Path, public.Before.Real, public.Before.Mode = r.Before.Path+".pub", r.Before.Real+".pub", 0o644
			public.After.Path, public.After.Real = public.Before.Path, public.Before.Real
			back.Changes = append(back.Changes, public)
		}
		back.Changes = append(back.Changes, r)
	}
	// The files of a crypto policy in the order in which its own tool writes them: it
	// takes a state that is older than the configuration for one not applied.
	var policy []int
	for i := range back.Changes {
		if back.Changes[i].Kind == fix.KindPolicy {
			policy = append(policy, i)
		}
	}
	for a, b := 0, len(policy)-1; a < b; a, b = a+1, b-1 {
		back.Changes[policy[a]], back.Changes[policy[b]] = back.Changes[policy[b]], back.Changes[policy[a]]
	}
	return back
}

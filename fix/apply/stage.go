package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postern-ssh/postern/audit/sshd"
)

// stage copies and tries. Nothing that the host reads is changed by it.
func (r *run) stage(ctx context.Context, st *status) error {
	err := r.makePolicy(ctx)
	if err != nil {
		return err
	}
	if r.host.Reload.Needed {
		if r.checks, err = newChecks(r.host.Checks, parseConnection(st.connection)); err != nil {
			return &StepError{Step: "prepare", Code: "refused", Why: err.Error(), Err: ErrRefused}
		}
	}
	if r.manifest, err = manifest(r.id, r.host, r.checks, r.opt.Unguarded); err != nil {
		return &StepError{Step: "prepare", Code: "refused", Why: err.Error(), Err: ErrRefused}
	}
	r.tell("prepare")
	if err := r.journal.add(r.id, "prepare", ""); err != nil {
		return err
	}
	stored, err := json.Marshal(r.host)
	if err != nil {
		return err
	}
	if _, err := r.step(ctx, r.old, "prepare", r.preparation(stored), patience); err != nil {
		var step *StepError
		if errors.As(err, &step) && step.Code == "changed" && r.alreadyThere(ctx) {
			r.res.Outcome = Already
			return nil
		}
		// Without the host's word it may have its folder: the next run knows it then.
		r.res.Held = !errors.As(err, &step) || step.Code == ""
		return err
	}
	r.res.Run = r.id
	r.at("prepared")
	if !r.host.Reload.Needed {
		r.at("staged")
		return nil
	}
	r.tell("try")
	out, err := r.step(ctx, r.old, "stage", "", patience)
	if err == nil {
		err = r.judge("try", out)
	}
	if err != nil {
		return r.giveUp(ctx, err)
	}
	for _, block := range out.blocks {
		for _, p := range words(sshd.ParseEffective([]byte(block))["port"]) {
			if n, err := strconv.Atoi(p); err == nil && n > 0 && n < 65536 && !slices.Contains(r.ports, n) {
				r.ports = append(r.ports, n)
			}
		}
	}
	r.at("staged")
	return nil
}

// giveUp removes what a run left that has changed nothing.
func (r *run) giveUp(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if _, cerr := r.step(ctx, r.old, "clean", "", 30*time.Second); cerr != nil {
		r.res.Notes = append(r.res.Notes, "its folder was left: "+cerr.Error())
		r.res.Held = true
	}
	return err
}

// judge looks at what sshd made of its files for each login that has to work.
func (r *run) judge(step string, out *output) error {
	for i := range r.checks {
		n := strconv.Itoa(i + 1)
		why := r.checks[i].judge(sshd.ParseEffective([]byte(out.blocks[n])), out.groups[n])
		if why != "" {
			l := r.checks[i].login
			return &StepError{Step: step, Code: "lock-out", Err: ErrRefused,
				Why: fmt.Sprintf("%s by %s could not log in any more: %s", clip(l.User), l.Method, clip(why))}
		}
	}
	return nil
}

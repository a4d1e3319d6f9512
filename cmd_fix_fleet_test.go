package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/fix/fleet"
)

func TestFleetExit(t *testing.T) {
	done, same, refused, back, pending, unreached, waiting := apply.Done, apply.Already, apply.Refused, apply.RolledBack, apply.Pending, fleet.Unreached, fleet.NotTried
	for _, tt := range []struct {
		name string
		all  []fleet.Outcome
		want int
	}{
		{"none", nil, 0},
		{"done", []fleet.Outcome{done, done, same}, 0},
		{"the canary fails, the rest follows from it", []fleet.Outcome{back, waiting, waiting}, exitRolledBack},
		{"refused alone", []fleet.Outcome{refused, refused, waiting}, exitPlanRefused},
		{"nobody answers", []fleet.Outcome{unreached, unreached}, exitUnread},
		{"not reached again", []fleet.Outcome{pending, waiting}, exitPending},
		{"interrupted before the first", []fleet.Outcome{waiting, waiting}, exitPlanned},
		{"some done, the rest not tried", []fleet.Outcome{done, waiting}, exitMixed},
		{"some done, one not reached", []fleet.Outcome{done, unreached}, exitMixed},
		{"two kinds", []fleet.Outcome{refused, back}, exitMixed},
		{"one that is not known", []fleet.Outcome{""}, exitMixed},
	} {
		var all []fleet.Result
		for i, o := range tt.all {
			all = append(all, fleet.Result{Name: fmt.Sprint(i), Answer: fleet.Answer{Outcome: o}})
		}
		if got := fleetExit(all); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// What a host wrote into a reason reaches no terminal as it is, and no line is wider
// than asked for.
func TestFleetSummary(t *testing.T) {
	sum := &fleetSummary{Run: "20261124T020000Z-abcdef", Batches: 3, Seconds: 61, Stopped: "1 host failed, and --max-fail is 0", Hosts: []fleet.Result{
		{Name: "web1", Batch: 1, Answer: fleet.Answer{Outcome: apply.Done, Run: "0123456789abcdef"}},
		{Name: "web2", Batch: 2, Answer: fleet.Answer{Outcome: apply.RolledBack, Why: "verify: \x1b[2Jthe server still offers password"}},
		{Name: "web3", Batch: 2, Answer: fleet.Answer{Outcome: fleet.Unreached, Why: strings.Repeat("no answer ", 20)}},
		{Name: "web4", Answer: fleet.Answer{Outcome: fleet.NotTried}},
	}}
	sum.note("/etc/ssh/sshd_config", "web1")
	var out bytes.Buffer
	sum.text(streams{out: &out, env: func(string) string { return "" }})
	for line := range strings.Lines(out.String()) {
		if len(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("an escape sequence of the host's")
	}
	flat := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"run 20261124T020000Z-abcdef: 4 hosts, 3 batches, 1m1s", "done: 1 web1", "rolled back: 1 web2: verify:", "not reached, left alone: 1 web3:",
		"not tried (1 host failed, and --max-fail is 0): 1 web4", "changed /etc/ssh/sshd_config: web1", "to go on: postern fix apply --resume"} {
		if !strings.Contains(flat, want) {
			t.Errorf("the summary lacks %q\n%s", want, out.String())
		}
	}
}

func TestAnswerOf(t *testing.T) {
	for name, tt := range map[string]struct {
		res  apply.Result
		err  error
		want fleet.Answer
	}{
		"done":            {apply.Result{Outcome: apply.Done, Run: "r"}, nil, fleet.Answer{Outcome: apply.Done, Run: "r"}},
		"no login":        {apply.Result{Outcome: apply.Refused}, &apply.StepError{Step: "connect", Why: "refused"}, fleet.Answer{Outcome: fleet.Unreached, Why: "refused"}},
		"no root":         {apply.Result{Outcome: apply.Refused}, &apply.StepError{Step: "connect", Code: "refused", Why: "no root"}, fleet.Answer{Outcome: apply.Refused, Why: "connect: no root"}},
		"taken back":      {apply.Result{Outcome: apply.RolledBack}, fmt.Errorf("%w: %w", apply.ErrRolledBack, errors.New("late")), fleet.Answer{Outcome: apply.RolledBack, Why: "late"}},
		"lost in between": {apply.Result{Outcome: apply.Pending}, errors.New("gone"), fleet.Answer{Outcome: apply.Pending, Why: "gone"}},
	} {
		if d := cmp.Diff(tt.want, answerOf(tt.res, tt.err)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

//go:build linux

package e2e_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixDropsSmallGroups: the small groups go out of the file that Debian ships, and
// undo gives its bytes back.
func TestFixDropsSmallGroups(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
	run.to(newFixJob(t, h, h.Accounts().Admin))
	small := func() string {
		out, _, _ := h.Exec("awk '$5 > 0 && $5 < 3071' /etc/ssh/moduli | wc -l; sha256sum </etc/ssh/moduli; stat -c '%U:%G %a' /etc/ssh/moduli")
		return out
	}
	before := small()
	if strings.HasPrefix(before, "0\n") {
		t.Fatal("there are no small groups to begin with")
	}
	plan := run.want(t, 1, "fix", "--only", "small-moduli")
	if !strings.Contains(strings.Join(strings.Fields(plan), " "), "of 2048 bits go;") || len(plan) > 4000 {
		t.Error(plan)
	}
	run.want(t, 0, "fix", "apply", "--yes", "--only", "small-moduli")
	if after := small(); !strings.HasPrefix(after, "0\n") || !strings.HasSuffix(after, "root:root 644\n") {
		t.Error(after)
	}
	if again := run.want(t, 0, "fix", "--only", "small-moduli"); !strings.Contains(again, "nothing to fix") {
		t.Error(again)
	}
	run.want(t, 0, "fix", "undo")
	if after := small(); after != before {
		t.Errorf("%s, before %s", after, before)
	}
}

//go:build linux

package e2e_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixNamesWhoMayUseCrontab: who has a table keeps his crontab, another loses it,
// tables go on, and undo gives everybody his back.
func TestFixNamesWhoMayUseCrontab(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
	run.to(newFixJob(t, h, h.Accounts().Admin))
	may := func(user string) bool {
		_, _, code := h.Exec("echo '0 5 * * * true' | setpriv --reuid $(id -u " + user + ") --regid $(id -g " + user + ") --init-groups crontab -")
		return code == 0
	}
	if !may("plain") || !may("typist") {
		t.Fatal("crontab does not work to begin with")
	}
	h.Exec("crontab -u typist -r")
	if plan := run.want(t, 1, "fix", "--only", "crontab-allow-list"); !strings.Contains(plan, "+plain") || strings.Contains(plan, "typist,") {
		t.Error(plan)
	}
	run.want(t, 0, "fix", "apply", "--yes", "--only", "crontab-allow-list")
	if out, _, _ := h.Exec("stat -c '%U:%G %a' /etc/cron.allow; cat /etc/cron.allow"); out != "root:root 644\nroot\nplain\n" {
		t.Errorf("%q", out)
	}
	if !may("plain") || may("typist") {
		t.Error("the list is not obeyed")
	}
	run.want(t, 0, "fix", "--only", "crontab-allow-list")
	run.want(t, 0, "fix", "undo")
	if !may("typist") {
		t.Error("undo gave crontab not back")
	}
}

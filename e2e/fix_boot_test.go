//go:build linux

package e2e_test

import (
	"testing"
	"time"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixSlowBoot: after a restart cron's hook may be through before sshd listens,
// which has read the files by then (a slow disk, many keys, no entropy). It is told
// to read them again as soon as it does.
func TestFixSlowBoot(t *testing.T) {
	e2e.NeedHosts(t)
	for _, release := range e2e.Releases {
		t.Run(string(release), func(t *testing.T) {
			t.Parallel()
			h := startCrashHost(t, crashKind{release: release}, &crashMatrix{passed: map[string]bool{}}, false)
			admin := h.Accounts().Admin
			j := newFixJob(t, h.Host, admin)
			j.Plan = h.plan(t, "locks out")
			j.Options.Deadline, j.FailAt = 10*time.Minute, "installed"
			if _, killed := j.run(t); !killed {
				t.Fatal("the laptop did not come to that point")
			}
			// A host key that takes its time: a FIFO that is fed six seconds after the boot.
			h.Run(`cp -p /etc/ssh/ssh_host_ed25519_key /root/slow && rm /etc/ssh/ssh_host_ed25519_key && mkfifo -m 600 /etc/ssh/ssh_host_ed25519_key
				echo '@reboot root sleep 6; : >/run/slept; while :; do cat /root/slow >/etc/ssh/ssh_host_ed25519_key; done' >/etc/cron.d/slow; sync`)
			h.Kill()
			h.Boot()
			if got, note := h.standing(t, j); got != "old" {
				t.Errorf("%s: %s", got, note)
			}
			for deadline := time.Now().Add(30 * time.Second); h.open(); time.Sleep(200 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the host does not decide")
				}
			}
		})
	}
}

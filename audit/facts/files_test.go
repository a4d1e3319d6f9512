package facts_test

import (
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// A directory that a plain account may not read doubts the rules about what may
// lie in it, and no other.
func TestGapsOfFilesAreOfTheirRole(t *testing.T) {
	c := catalogue(t)
	all := []string{"sshd-config-files", "host-key-files", "host-key-public-files", "authorized-keys-files", "pam-files", "cron-table-files", "cron-directories"}
	for name, tt := range map[string]struct {
		change  func(*host)
		unknown []string
	}{
		"nothing":           {func(*host) {}, nil},
		"a home":            {func(h *host) { h.gap("/home/alice", snapshot.GapDenied, "") }, []string{"authorized-keys-files"}},
		"the spool":         {func(h *host) { h.gap("/var/spool/cron/crontabs", snapshot.GapDenied, "") }, []string{"cron-table-files"}},
		"the spool's place": {func(h *host) { h.drop("/var/spool/cron/crontabs").gap("/var/spool", snapshot.GapDenied, "") }, []string{"cron-table-files", "cron-directories"}},
		"/etc/cron.d":       {func(h *host) { h.gap("/etc/cron.d", snapshot.GapDenied, "") }, []string{"cron-table-files"}},
		"a cron directory":  {func(h *host) { h.gap("/etc/periodic", snapshot.GapDenied, "") }, []string{"cron-table-files", "cron-directories"}},
		"pam":               {func(h *host) { h.drop("/etc/pam.d/sshd").gap("/etc/pam.d/sshd", snapshot.GapDenied, "") }, []string{"pam-files"}},
		"a host key": {func(h *host) {
			h.drop("/etc/ssh/ssh_host_rsa_key").gap("/etc/ssh/ssh_host_rsa_key", snapshot.GapDenied, "")
		}, []string{"host-key-files"}},
		"other accounts": {func(h *host) { h.text("/etc/nsswitch.conf", "passwd: files sss\n") }, []string{"authorized-keys-files"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			tt.change(h)
			got := judged(t, c, h.snapshot(), facts.Options{Now: now})
			for _, rule := range all {
				want := false
				for _, u := range tt.unknown {
					want = want || u == rule
				}
				o, ok := got[rule]
				if !ok {
					t.Fatalf("there is no rule %s", rule)
				}
				if unknown := o.Verdict == policies.Unknown; unknown != want {
					t.Errorf("%s: %s %s", rule, o.Verdict, o.Reason)
				}
			}
		})
	}
}

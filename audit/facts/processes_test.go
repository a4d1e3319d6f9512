package facts_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// A process is called what its owner likes: what a user starts must not stand
// for a daemon of root's.
func TestProcessesOfUsers(t *testing.T) {
	monitor := facts.Expectation{Match: "*job*"}
	if f := plainHost().daemon(650, "/usr/sbin/cron", "cron\x00", 0).facts(monitor); len(f.Host.Cron) != 1 || f.Expected[0].State != "present" {
		t.Fatalf("root's cron: %q, %+v", f.Host.Cron, f.Expected)
	}
	if f := plainHost().daemon(650, "/home/alice/cron", "cron\x00", 1000).facts(monitor); len(f.Host.Cron) != 0 || f.Expected[0].State == "present" {
		t.Errorf("a user's process named cron runs jobs: %q, %+v", f.Host.Cron, f.Expected)
	}
	// One whose command line was not read, on the port that we came by.
	h := plainHost().daemon(700, "/usr/sbin/sshd", "", 1000, "7001").drop("/proc/700/cmdline").
		gap("/proc/700/cmdline", snapshot.GapUnsafe, "the process of uid 1000 makes it up: not read")
	f := h.facts()
	if why := f.Unknown["sshd"]; !strings.Contains(why, "not read") {
		t.Errorf("what a server does whose arguments are not known is known: %v", f.Unknown)
	}
}

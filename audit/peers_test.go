package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// peer is a host with the jobs of a user's table of root's.
func peer(name, table string) *Host {
	h := &Host{Name: name, Groups: []string{"web"}, State: Audited, Facts: &facts.Facts{Host: facts.Host{Cron: []string{"cron"}}}}
	for _, j := range cron.ParseTable([]byte(table), cron.User, cron.Debian, cron.Options{User: "root"}).Jobs() {
		form := compare.FormOf(j)
		h.Facts.Jobs = append(h.Facts.Jobs, facts.Job{Path: "/var/spool/cron/crontabs/root", Line: int64(j.Line), User: "root", Command: j.Command, Runs: j.Runs(), Form: &form})
	}
	return h
}

func TestPeerOutcomes(t *testing.T) {
	const table = "0 4 * * * sh ../update\n*/5 * * * * /usr/local/sbin/monitor\n"
	for name, c := range map[string]struct {
		odd  string // web07's table
		want []string
		exit int
	}{
		"alike": {table, nil, ExitClean},
		"the incident": {"0 4 * * * sh '. ../update'\n", []string{
			`high peer-job-altered [web07] web07's job "sh '. ../update'" of root differs from 23 peers in "web" in "'. ../update'" instead of "../update"; at /var/spool/cron/crontabs/root:1; the peers have "sh ../update"`,
			`medium peer-job-missing [web07] web07 lacks the job "/usr/local/sbin/monitor" of root that 23 peers in "web" have`,
		}, ExitFound},
		"more often": {"* 4 * * * sh ../update\n*/5 * * * * /usr/local/sbin/monitor\n", []string{
			`low peer-job-changed [web07] web07's job "sh ../update" of root runs at other times (* 4 * * *) than on 23 peers in "web" (0 4 * * *); at /var/spool/cron/crontabs/root:1`,
		}, ExitClean},
		"one table is dead": {"0 4 * * * sh ../update\n*/5 * * * * /usr/local/sbin/monitor\n61 * * * * x\n", []string{
			`medium peer-job-missing [web07] web07's job "sh ../update" of root is there and never runs, and runs on 23 peers in "web"; at /var/spool/cron/crontabs/root:1`,
			`medium peer-job-missing [web07] web07's job "/usr/local/sbin/monitor" of root is there and never runs, and runs on 23 peers in "web"; at /var/spool/cron/crontabs/root:2`,
		}, ExitFound},
		"one more": {table + "@reboot /opt/x\n", []string{
			`low peer-job-rare [web07] web07's job "/opt/x" of root runs on none of its peers (24 hosts in "web"); at /var/spool/cron/crontabs/root:3`,
		}, ExitClean},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSums(policies.Medium)
			for i := range 23 {
				s.add(peer(fmt.Sprintf("web%02d", 10+i), table))
			}
			s.add(peer("web07", c.odd))
			f := s.fleet()
			var got []string
			for _, o := range f.Outcomes {
				got = append(got, fmt.Sprintf("%s %s %v %s; %s", o.Severity, o.Rule, o.Hosts, o.Message, o.Reason))
			}
			for i := range got {
				got[i] = strings.TrimSuffix(got[i], "; ")
			}
			if diff := cmp.Diff(c.want, got); diff != "" || f.Summary.Exit != c.exit {
				t.Errorf("exit %d, want %d\n%s", f.Summary.Exit, c.exit, diff)
			}
			if n := f.Summary.Outcomes[policies.Fail]; n != len(c.want) {
				t.Errorf("%d counted, want %d", n, len(c.want))
			}
		})
	}
}

// A fleet in which every host is odd is told in a bounded number of outcomes, of
// which each has a fingerprint of its own.
func TestPeerOutcomesBounded(t *testing.T) {
	s := newSums(policies.Medium)
	for i := range 3 * maxPeerOutcomes {
		s.add(peer(fmt.Sprintf("h%04d", i), "@reboot /opt/"+strings.Repeat(string(rune('a'+i%26)), 5+i/26)+"\n"))
	}
	f := s.fleet()
	seen := map[string]bool{}
	hosts := map[string]bool{}
	for _, o := range f.Outcomes {
		seen[o.Fingerprint] = true
		for _, h := range o.Hosts {
			hosts[h] = true
		}
	}
	if len(f.Outcomes) != maxPeerOutcomes+1 || len(seen) != len(f.Outcomes) || len(hosts) != 3*maxPeerOutcomes {
		t.Errorf("%d outcomes, %d fingerprints, %d hosts named", len(f.Outcomes), len(seen), len(hosts))
	}
}

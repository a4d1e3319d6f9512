package facts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// A host that claims root's rights and a whole answer, and leaves things out,
// earns no pass with what it did not send.
func TestSilenceDoesNotPass(t *testing.T) {
	c := catalogue(t)
	whole := plainHost().snapshot()
	opt := facts.Options{Now: now}
	empty := &snapshot.Snapshot{Source: snapshot.SourceSSH, Privilege: snapshot.PrivilegeRoot, Start: now, End: now, HostClock: now, Complete: true}
	onlyEtc := &snapshot.Snapshot{Source: snapshot.SourceSSH, Privilege: snapshot.PrivilegeRoot, Start: now, End: now, HostClock: now, Complete: true,
		Files: []snapshot.File{{Path: "/etc", Type: 'd', Mode: 0o755}}}
	noFiles, noOutputs := *whole, *whole
	noFiles.Files, noOutputs.Outputs = nil, nil
	for name, tt := range map[string]struct {
		s    *snapshot.Snapshot
		pass string // the rules that what it did send answers
	}{
		"nothing":    {empty, "host-clock"},
		"only /etc":  {onlyEtc, "host-clock"},
		"no files":   {&noFiles, "host-clock legacy-only none-accepted ssh-protocol-1"},
		"no outputs": {&noOutputs, "host-clock uid-0-accounts service-account-passwords"}, // by passwd and its shells alone
	} {
		t.Run(name, func(t *testing.T) {
			for rule, o := range judged(t, c, tt.s, opt) {
				if o.Verdict == policies.Pass && !slices.Contains(strings.Fields(tt.pass), rule) {
					t.Errorf("%s passes: %s", rule, o.Message)
				}
			}
		})
	}
}

// Package audit runs the audit: hosts in, one stream of results out. It holds
// the result types, the score, and what only shows across a fleet.
package audit

import (
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// Schema is the version of the result types in their JSON form.
const Schema = "postern-run-1"

// State says how much of a host could be looked at.
type State string

// The states.
const (
	Audited     State = "audited"
	Partial     State = "partial"     // something that rules need could not be read
	Refused     State = "refused"     // no login: it did not let us in, its key was not accepted, or there was no key of ours to try
	Unreachable State = "unreachable" // it did not answer
)

// Run describes one run: the first record of the stream.
type Run struct {
	ID         string // sortable: 20060102T150405Z-xxxxxx
	Tool       string // version
	Catalogue  string // version of the rule catalogue
	Hash       string // sha256 of the catalogue
	Profile    string
	Parameters map[string]string // flags that shape the result
	Scope      Scope
	Start, End time.Time // UTC; End is zero until the run ended
	Rules      []RuleInfo
}

// RuleInfo is what readers of a saved run need of a rule.
type RuleInfo struct {
	ID       string
	Title    string
	Severity policies.Severity
	Why      string
	Remedy   string
}

// Scope says what the run was asked to look at.
type Scope struct {
	Inventory string   // path, "" where none
	Hash      string   // sha256 of its bytes
	Selected  []string // names
	Excluded  []string
}

// Host is the result for one host.
type Host struct {
	Name        string
	Address     string
	State       State
	Stage       string // where a refused or unreachable host ended
	Reason      string
	Hint        string
	Groups      []string
	Account     string
	Privilege   string
	ClockOffset time.Duration // host minus ours
	Score       Score
	Outcomes    []policies.Outcome // sorted: worst first
	Start, End  time.Time
	Snapshot    *snapshot.Snapshot // only during Handler.Host; not part of the JSON form
	Facts       *facts.Facts       // only during Handler.Host; not part of the JSON form
	Asked       facts.Options      // by which Facts were made of Snapshot; only during Handler.Host

	expired int // waivers that have run out
}

// Score is the score of one host, or the mean of a fleet (then without sums).
type Score struct {
	Known    bool    // false: no data, no score
	Value    float64 // 0..100
	Grade    string  // A B C D F; "" without a score
	Capped   bool    // a failing critical held the grade at D
	Coverage float64 // 0..1, share of the weight that could be judged
	Passed   int     // sum of weights
	Total    int     // sum of weights of pass, fail, unknown
}

// Fleet is what only shows across hosts, and the sums: the last record of the stream.
type Fleet struct {
	Outcomes []FleetOutcome
	Summary  Summary
	Since    *Since // what changed since an earlier run; nil: none was named
}

// FleetOutcome is an outcome about the fleet: a host that did not answer, one
// that could be read only in part, a host key that two hosts share.
type FleetOutcome struct {
	Rule        string
	Severity    policies.Severity
	Verdict     policies.Verdict
	Hosts       []string
	Message     string
	Reason      string
	Fingerprint string
}

// Summary carries all counts.
type Summary struct {
	Hosts    map[State]int
	Outcomes map[policies.Verdict]int
	Findings map[policies.Severity]int // failed, by severity
	Expired  int                       // waivers that have run out
	Score    Score
	Exit     int // exit code, for --fail-on of the run
}

// Handler reads the stream of one run: Begin once, then hosts as they are done
// (in any order), then End once. Progress may come at any time between and can
// be left out without loss.
type Handler interface {
	Begin(*Run) error
	Host(*Host) error
	End(*Run, *Fleet) error
}

// Progress says where a run stands.
type Progress struct {
	Done, Total int
	Busy        []string // hosts at work, with the stage
}

// Package policies holds the rules as data and the judge that turns facts into
// outcomes. The catalogue is embedded.
package policies

import "github.com/postern-ssh/postern/audit/facts"

// Severity is how much a rule weighs.
type Severity string

// The severities. [Severity.Weight] gives what each adds to the score.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Weight is the severity's weight in the score.
func (s Severity) Weight() int {
	switch s {
	case Critical:
		return 16
	case High:
		return 8
	case Medium:
		return 4
	case Low:
		return 1
	}
	return 0
}

// Verdict is what became of a rule on a host. The zero Verdict is unknown and
// can never be read as pass.
type Verdict string

// The verdicts.
const (
	Unknown       Verdict = "unknown"
	Pass          Verdict = "pass"
	Fail          Verdict = "fail"
	Waived        Verdict = "waived"
	NotApplicable Verdict = "not-applicable"
)

// Outcome is the verdict of one rule with its evidence.
type Outcome struct {
	Rule        string
	Severity    Severity
	Verdict     Verdict
	Message     string           // one sentence for people; the host's bytes in it are raw
	Reason      string           // of unknown: what could not be read; of waived: by whom, until when
	Fingerprint string           // stable identity of the finding: "1:" and hex of rule, host and places, never of prose
	Evidence    []facts.Evidence // where it shows; a pass has some too where there is a place
	References  map[string][]string
	Remedy      string
}

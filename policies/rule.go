package policies

import (
	"time"

	"github.com/postern-ssh/postern/audit/facts"
)

// Rule is one question put to the facts of a host. Its text is data, from a
// YAML file; what it means to write one stands in catalogue/README.md.
type Rule struct {
	ID       string   // kebab-case, unique in a catalogue
	Title    string   // the state that is wanted: "Root may not log in"
	Severity Severity // what a fail weighs
	Why      string   // two sentences: what may happen, and what the rule asks for
	Subject  string   // name of the file that holds it
	Profiles []string // that it belongs to; every rule belongs to "all"

	Each  string // path of a list fact; "" for a rule about single facts
	When  string // CEL bool; "" always
	Pass  string // CEL bool
	Empty Verdict

	Message  string // of a fail; {CEL} is filled in
	OK       string // of a pass
	Witness  string // of one bad item of a list, where its evidence has none
	Doubt    string // why one item of a list could not be judged
	Evidence string // CEL list of evidence; "" where Places or the default serve
	Places   []string

	Remedy     string              // what to do next
	References map[string][]string // catalogue -> ids
	Examples   []Example

	Pos Pos

	code *code
}

// Example is a small world with the verdict that a rule has to give in it.
type Example struct {
	Name    string
	Want    Verdict
	Message string // expected, where not ""
	Unknown map[string]string
	Gaps    map[string][]facts.Gap
	Pos     Pos

	facts func(*facts.Facts) Faults // lays the example's facts over others
}

// In says whether the rule belongs to a profile.
func (r *Rule) In(profile string) bool {
	if profile == ProfileAll {
		return true
	}
	for _, p := range r.Profiles {
		if p == profile {
			return true
		}
	}
	return false
}

// Profile is a named choice of rules.
type Profile struct {
	Name  string
	Title string
}

// The profiles.
const (
	ProfileBaseline = "baseline"
	ProfileBreach   = "breach"
	ProfileAll      = "all"

	// DefaultProfile is judged where nothing else is asked for.
	DefaultProfile = ProfileBaseline
)

// Profiles gives the profiles that a catalogue may use, the default first.
func Profiles() []Profile {
	return []Profile{
		{ProfileBaseline, "what a good colleague would point out on any host"},
		{ProfileBreach, "after a break-in: doors, then what comes back by itself, then keys"},
		{ProfileAll, "every rule, with what only strict baselines ask for"},
	}
}

// Waiver accepts a failing rule for a while.
type Waiver struct {
	Rule     string
	Owner    string
	Approver string
	Ticket   string
	Reason   string
	Expires  time.Time // the waiver holds before it
	Written  string    // where it is written, for people
}

package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// values turns the fields of a saved run back into values and keeps the first fault.
type values struct {
	at  string // the part that is being read: "host 3 (web03)"
	err error
}

func (v *values) fail(field string, err error) {
	if v.err == nil {
		v.err = savedError(v.at+": "+field, err)
	}
}

func (v *values) text(field, s string) string {
	raw, err := Unescape(s)
	if err != nil {
		v.fail(field, err)
	}
	return raw
}

// prose is the inverse of the function of that name.
func (v *values) prose(field, s string) string {
	return strings.Join(v.texts(field, strings.Split(s, "\n")), "\n")
}

func (v *values) texts(field string, in []string) []string {
	if len(in) == 0 {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = v.text(field, s)
	}
	return out
}

func (v *values) stamp(field, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		v.fail(field, fmt.Errorf("%s is not a time as RFC 3339 has it", Quote(bounded(s))))
		return time.Time{}
	}
	return t.UTC()
}

func (v *values) count(field string, n int) int {
	if n < 0 {
		v.fail(field, fmt.Errorf("%d is negative", n))
	}
	return n
}

func (v *values) share(field string, f float64) float64 {
	if !(f >= 0 && f <= 1) {
		v.fail(field, fmt.Errorf("%v lies outside 0 to 1", f))
	}
	return f
}

func (v *values) score(value *float64, grade *string, coverage float64) audit.Score {
	s := audit.Score{Coverage: v.share("coverage", coverage)}
	if value == nil {
		return s
	}
	if !(*value >= 0 && *value <= 100) {
		v.fail("score", fmt.Errorf("%v lies outside 0 to 100", *value))
	}
	s.Known, s.Value = true, *value
	if grade == nil || !slices.Contains([]string{"A", "B", "C", "D", "F"}, *grade) {
		v.fail("grade", errors.New("a score needs a grade of A, B, C, D or F"))
		return s
	}
	s.Grade = *grade
	return s
}

// oneOf accepts the values of an enumeration only: a verdict that nobody knows
// must not slip through as one that needs no attention.
func oneOf[T ~string](v *values, field, s string, known []T) T {
	if !slices.Contains(known, T(s)) {
		v.fail(field, fmt.Errorf("%s is none of %q", Quote(bounded(s)), known))
	}
	return T(s)
}

func runFromJSON(j *jsonRun) (*audit.Run, error) {
	v := &values{at: "run"}
	r := &audit.Run{
		ID: v.text("id", j.ID), Tool: v.text("tool", j.Tool.Version),
		Catalogue: v.text("catalogue", j.Catalogue.Version), Hash: v.text("catalogue", j.Catalogue.SHA256),
		Profile: v.text("profile", j.Profile),
		Scope: audit.Scope{
			Inventory: v.text("scope.inventory", j.Scope.Inventory), Hash: v.text("scope.inventory_sha256", j.Scope.SHA256),
			Selected: v.texts("scope.selected", j.Scope.Selected), Excluded: v.texts("scope.excluded", j.Scope.Excluded),
		},
		Start: v.stamp("start", j.Start), End: v.stamp("end", j.End),
	}
	if len(j.Parameters) > 0 {
		r.Parameters = make(map[string]string, len(j.Parameters))
	}
	for key, value := range j.Parameters {
		r.Parameters[v.text("parameters", key)] = v.text("parameters", value)
	}
	for i := range j.Rules {
		x := &j.Rules[i]
		r.Rules = append(r.Rules, audit.RuleInfo{
			ID: v.text("rules", x.ID), Title: v.text("rules", x.Title),
			Severity: oneOf(v, "rules", x.Severity, severities),
			Why:      v.prose("rules", x.Why), Remedy: v.prose("rules", x.Remedy),
		})
	}
	return r, v.err
}

// maxOffset is the largest time.Duration in seconds, cut to milliseconds.
const maxOffset = 9223372036.854

// hostFromJSON reads the host that stands at number, from 1.
func hostFromJSON(j *jsonHost, number int) (*audit.Host, error) {
	v := &values{at: "host " + strconv.Itoa(number)}
	if j.Name == "" {
		v.fail("name", errors.New("missing"))
	} else {
		v.at += " (" + Bound(j.Name, 60) + ")"
	}
	if !(math.Abs(j.ClockOffset) <= maxOffset) {
		v.fail("clock_offset", fmt.Errorf("%v seconds are too many", j.ClockOffset))
		j.ClockOffset = 0
	}
	h := &audit.Host{
		Name: v.text("name", j.Name), Address: v.text("address", j.Address),
		State: oneOf(v, "state", j.State, states), Stage: v.text("stage", j.Stage),
		Reason: v.text("reason", j.Reason), Hint: v.text("hint", j.Hint),
		Groups: v.texts("groups", j.Groups), Account: v.text("account", j.Account),
		Privilege:   v.text("privilege", j.Privilege),
		ClockOffset: time.Duration(math.Round(j.ClockOffset*1000)) * time.Millisecond,
		Score:       v.score(j.Score, j.Grade, j.Coverage),
		Start:       v.stamp("start", j.Start), End: v.stamp("end", j.End),
	}
	h.Score.Passed = v.count("score_detail.passed", j.Detail.Passed)
	h.Score.Total = v.count("score_detail.total", j.Detail.Total)
	h.Score.Capped = j.Detail.Capped
	if len(j.Outcomes) > 0 {
		h.Outcomes = make([]policies.Outcome, len(j.Outcomes))
	}
	at := v.at
	for i := range j.Outcomes {
		v.at = at + ": outcomes[" + strconv.Itoa(i) + "]"
		outcomeFromJSON(v, &j.Outcomes[i], &h.Outcomes[i])
		if v.err != nil {
			break
		}
	}
	return h, v.err
}

func outcomeFromJSON(v *values, j *jsonOutcome, o *policies.Outcome) {
	*o = policies.Outcome{
		Rule: v.text("rule", j.Rule), Severity: oneOf(v, "severity", j.Severity, severities),
		Verdict: oneOf(v, "outcome", j.Outcome, verdicts), Message: v.text("message", j.Message),
		Reason: v.text("reason", j.Reason), Fingerprint: v.text("fingerprint", j.Fingerprint),
		Remedy: v.prose("remedy", j.Remedy),
	}
	if j.Rule == "" {
		v.fail("rule", errors.New("missing"))
	}
	if len(j.Evidence) > 0 {
		o.Evidence = make([]facts.Evidence, len(j.Evidence))
	}
	for i, e := range j.Evidence {
		o.Evidence[i] = facts.Evidence{
			Path: v.text("evidence.path", e.Path), Line: v.count("evidence.line", e.Line),
			Text: v.text("evidence.text", e.Text), Witness: v.text("evidence.witness", e.Witness),
		}
	}
	if len(j.References) > 0 {
		o.References = make(map[string][]string, len(j.References))
	}
	for key, ids := range j.References {
		o.References[v.text("references", key)] = v.texts("references", ids)
	}
}

func fleetFromJSON(j *jsonFleet, s *jsonSummary) (*audit.Fleet, error) {
	v := &values{at: "fleet"}
	f := &audit.Fleet{}
	for i := range j.Outcomes {
		o := &j.Outcomes[i]
		f.Outcomes = append(f.Outcomes, audit.FleetOutcome{
			Rule: v.text("rule", o.Rule), Severity: oneOf(v, "severity", o.Severity, severities),
			Verdict: oneOf(v, "outcome", o.Outcome, verdicts), Hosts: v.texts("hosts", o.Hosts),
			Message: v.text("message", o.Message), Reason: v.text("reason", o.Reason),
			Fingerprint: v.text("fingerprint", o.Fingerprint),
		})
	}
	if j.Since != nil {
		v.at = "since"
		f.Since = v.since(j.Since)
	}
	v.at = "summary"
	n := func(field string, count int) int { return v.count(field, count) }
	f.Summary = audit.Summary{
		Hosts: map[audit.State]int{
			audit.Audited: n("hosts", s.Hosts.Audited), audit.Partial: n("hosts", s.Hosts.Partial),
			audit.Refused: n("hosts", s.Hosts.Refused), audit.Unreachable: n("hosts", s.Hosts.Unreachable),
		},
		Outcomes: map[policies.Verdict]int{
			policies.Pass: n("outcomes", s.Outcomes.Pass), policies.Fail: n("outcomes", s.Outcomes.Fail),
			policies.Waived: n("outcomes", s.Outcomes.Waived), policies.Unknown: n("outcomes", s.Outcomes.Unknown),
			policies.NotApplicable: n("outcomes", s.Outcomes.NotApplicable),
		},
		Findings: map[policies.Severity]int{
			policies.Critical: n("findings", s.Findings.Critical), policies.High: n("findings", s.Findings.High),
			policies.Medium: n("findings", s.Findings.Medium), policies.Low: n("findings", s.Findings.Low),
			policies.Info: n("findings", s.Findings.Info),
		},
		Expired: n("expired_waivers", s.Expired),
		Score:   v.score(s.Score, s.Grade, s.Coverage),
		Exit:    n("exit", s.Exit),
	}
	return f, v.err
}

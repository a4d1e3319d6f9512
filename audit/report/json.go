package report

import (
	"math"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// The types of the JSON form, in the order in which their fields are written.
// The schema beside them (schema/) says what each field means; a test keeps the
// two together. Strings have passed Inline.

type jsonDocument struct {
	Schema  string         `json:"schema"`
	Run     jsonRun        `json:"run"`
	Hosts   list[jsonHost] `json:"hosts"`
	Fleet   jsonFleet      `json:"fleet"`
	Summary jsonSummary    `json:"summary"`
}

// The records of the jsonl form: the fields of the document's parts, flat, behind a type.

type runRecord struct {
	Type   string `json:"type"`
	Schema string `json:"schema"`
	jsonRun
}

type hostRecord struct {
	Type string `json:"type"`
	jsonHost
}

type fleetRecord struct {
	Type string `json:"type"`
	End  string `json:"end,omitempty"`
	jsonFleet
	Summary jsonSummary `json:"summary"`
}

type jsonRun struct {
	ID         string            `json:"id"`
	Tool       jsonTool          `json:"tool"`
	Catalogue  jsonCatalogue     `json:"catalogue"`
	Profile    string            `json:"profile"`
	Parameters map[string]string `json:"parameters"`
	Scope      jsonScope         `json:"scope"`
	Start      string            `json:"start,omitempty"`
	End        string            `json:"end,omitempty"`
	Scoring    jsonScoring       `json:"scoring"`
	Rules      list[jsonRule]    `json:"rules"`
}

type jsonTool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type jsonCatalogue struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

type jsonScope struct {
	Inventory string       `json:"inventory"`
	SHA256    string       `json:"inventory_sha256"`
	Selected  list[string] `json:"selected"`
	Excluded  list[string] `json:"excluded"`
}

// jsonScoring is what a person needs to redo a score by hand.
type jsonScoring struct {
	Weights     jsonFindings `json:"weights"`
	Grades      jsonGrades   `json:"grades"`
	CriticalCap float64      `json:"critical_cap"`
}

type jsonGrades struct {
	A float64 `json:"A"`
	B float64 `json:"B"`
	C float64 `json:"C"`
	D float64 `json:"D"`
}

type jsonRule struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Severity string `json:"severity"`
	Why      string `json:"why,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
}

type jsonHost struct {
	Name        string            `json:"name"`
	Address     string            `json:"address"`
	State       string            `json:"state"`
	Stage       string            `json:"stage,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Hint        string            `json:"hint,omitempty"`
	Groups      list[string]      `json:"groups,omitempty"`
	Account     string            `json:"account,omitempty"`
	Privilege   string            `json:"privilege,omitempty"`
	ClockOffset float64           `json:"clock_offset"`
	Score       *float64          `json:"score"`
	Grade       *string           `json:"grade"`
	Coverage    float64           `json:"coverage"`
	Detail      jsonDetail        `json:"score_detail"`
	Start       string            `json:"start,omitempty"`
	End         string            `json:"end,omitempty"`
	Outcomes    list[jsonOutcome] `json:"outcomes"`
}

type jsonDetail struct {
	Passed int  `json:"passed"`
	Total  int  `json:"total"`
	Capped bool `json:"capped"`
}

type jsonOutcome struct {
	Rule        string                  `json:"rule"`
	Severity    string                  `json:"severity"`
	Outcome     string                  `json:"outcome"`
	Message     string                  `json:"message"`
	Reason      string                  `json:"reason,omitempty"`
	Fingerprint string                  `json:"fingerprint,omitempty"`
	Evidence    list[jsonEvidence]      `json:"evidence"`
	References  map[string]list[string] `json:"references"`
	Remedy      string                  `json:"remedy,omitempty"`
}

type jsonEvidence struct {
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Text    string `json:"text,omitempty"`
	Witness string `json:"witness,omitempty"`
}

type jsonFleet struct {
	Outcomes list[jsonFleetOutcome] `json:"outcomes"`
	Since    *jsonSince             `json:"since,omitempty"`
}

// jsonSince is the comparison with an earlier run.
type jsonSince struct {
	Run     string                 `json:"run"`
	Start   string                 `json:"start,omitempty"`
	New     list[jsonSinceFinding] `json:"new"`
	Changed list[jsonSinceFinding] `json:"changed"`
	Gone    list[jsonSinceFinding] `json:"gone"`
	Unsure  list[jsonSinceFinding] `json:"unsure"`
	Open    int                    `json:"open"`
	Absent  list[string]           `json:"absent"`
}

type jsonSinceFinding struct {
	Host        string `json:"host"`
	Rule        string `json:"rule"`
	Severity    string `json:"severity"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Message     string `json:"message"`
	Then        string `json:"then,omitempty"`
}

type jsonFleetOutcome struct {
	Rule        string       `json:"rule"`
	Severity    string       `json:"severity"`
	Outcome     string       `json:"outcome"`
	Hosts       list[string] `json:"hosts"`
	Message     string       `json:"message"`
	Reason      string       `json:"reason,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"`
}

type jsonSummary struct {
	Hosts    jsonStates   `json:"hosts"`
	Outcomes jsonVerdicts `json:"outcomes"`
	Findings jsonFindings `json:"findings"`
	Expired  int          `json:"expired_waivers"`
	Score    *float64     `json:"score"`
	Grade    *string      `json:"grade"`
	Coverage float64      `json:"coverage"`
	Exit     int          `json:"exit"`
}

type jsonStates struct {
	Audited     int `json:"audited"`
	Partial     int `json:"partial"`
	Refused     int `json:"refused"`
	Unreachable int `json:"unreachable"`
}

type jsonVerdicts struct {
	Pass          int `json:"pass"`
	Fail          int `json:"fail"`
	Waived        int `json:"waived"`
	NotApplicable int `json:"not-applicable"`
	Unknown       int `json:"unknown"`
}

// jsonFindings has a number a severity.
type jsonFindings struct {
	Critical int `json:"critical"`
	High     int `json:"high"`
	Medium   int `json:"medium"`
	Low      int `json:"low"`
	Info     int `json:"info"`
}

// scoring is DESIGN's score as numbers. audit keeps its grades to itself; a test
// compares these with audit.Grade.
func scoring() jsonScoring {
	return jsonScoring{
		Weights: jsonFindings{
			Critical: policies.Critical.Weight(), High: policies.High.Weight(), Medium: policies.Medium.Weight(),
			Low: policies.Low.Weight(), Info: policies.Info.Weight(),
		},
		Grades:      jsonGrades{A: audit.LeastA, B: audit.LeastB, C: audit.LeastC, D: audit.LeastD},
		CriticalCap: audit.Cap,
	}
}

// masker hides secrets in what quotes a host's job lines; nil shows them.
type masker func(string) string

func (m masker) inline(s string) string { return Inline(m.hide(s)) }

func (m masker) bound(s string, n int) string { return Bound(m.hide(s), n) }

func (m masker) hide(s string) string {
	if m == nil || s == "" {
		return s
	}
	return m(s)
}

func runToJSON(r *audit.Run) jsonRun {
	j := jsonRun{
		ID:        Inline(r.ID),
		Tool:      jsonTool{"postern", Inline(r.Tool)},
		Catalogue: jsonCatalogue{Inline(r.Catalogue), Inline(r.Hash)},
		Profile:   Inline(r.Profile),
		Scope: jsonScope{
			Inventory: Inline(r.Scope.Inventory), SHA256: Inline(r.Scope.Hash),
			Selected: inlineAll(r.Scope.Selected), Excluded: inlineAll(r.Scope.Excluded),
		},
		Parameters: make(map[string]string, len(r.Parameters)),
		Start:      stamp(r.Start),
		End:        stamp(r.End),
		Scoring:    scoring(),
		Rules:      make(list[jsonRule], len(r.Rules)),
	}
	for k, v := range r.Parameters {
		j.Parameters[Inline(k)] = Inline(v)
	}
	for i, x := range r.Rules {
		j.Rules[i] = jsonRule{Inline(x.ID), Inline(x.Title), Inline(string(x.Severity)), prose(x.Why), prose(x.Remedy)}
	}
	return j
}

func hostToJSON(h *audit.Host, mask masker) jsonHost {
	j := jsonHost{
		Name: Inline(h.Name), Address: Inline(h.Address), State: Inline(string(h.State)),
		Stage: Inline(h.Stage), Reason: mask.inline(h.Reason), Hint: Inline(h.Hint),
		Account: Inline(h.Account), Privilege: Inline(h.Privilege),
		ClockOffset: seconds(h.ClockOffset),
		Coverage:    number(h.Score.Coverage),
		Detail:      jsonDetail{h.Score.Passed, h.Score.Total, h.Score.Capped},
		Start:       stamp(h.Start), End: stamp(h.End),
		Outcomes: make(list[jsonOutcome], len(h.Outcomes)),
	}
	if len(h.Groups) > 0 {
		j.Groups = inlineAll(h.Groups)
	}
	j.Score, j.Grade = scoreToJSON(h.Score)
	for i, o := range sortedOutcomes(h.Outcomes) {
		j.Outcomes[i] = outcomeToJSON(o, mask)
	}
	return j
}

func outcomeToJSON(o *policies.Outcome, mask masker) jsonOutcome {
	j := jsonOutcome{
		Rule: Inline(o.Rule), Severity: Inline(string(o.Severity)), Outcome: Inline(string(verdict(o.Verdict))),
		Message: mask.inline(o.Message), Reason: mask.inline(o.Reason),
		Fingerprint: Inline(o.Fingerprint), Remedy: prose(o.Remedy),
		Evidence:   make(list[jsonEvidence], len(o.Evidence)),
		References: make(map[string]list[string], len(o.References)),
	}
	for i, e := range o.Evidence {
		j.Evidence[i] = jsonEvidence{Inline(e.Path), max(e.Line, 0), mask.inline(e.Text), mask.inline(e.Witness)}
	}
	for k, ids := range o.References {
		j.References[Inline(k)] = inlineAll(ids)
	}
	return j
}

func fleetToJSON(f *audit.Fleet, mask masker) (jsonFleet, jsonSummary) {
	j := jsonFleet{Outcomes: make(list[jsonFleetOutcome], len(f.Outcomes))}
	for i, o := range sorted(f.Outcomes, compareFleetOutcomes) {
		j.Outcomes[i] = jsonFleetOutcome{
			Rule: Inline(o.Rule), Severity: Inline(string(o.Severity)), Outcome: Inline(string(verdict(o.Verdict))),
			Hosts: inlineAll(o.Hosts), Message: mask.inline(o.Message), Reason: mask.inline(o.Reason),
			Fingerprint: Inline(o.Fingerprint),
		}
	}
	j.Since = sinceToJSON(f.Since, mask)
	s := f.Summary
	sum := jsonSummary{
		Hosts: jsonStates{s.Hosts[audit.Audited], s.Hosts[audit.Partial], s.Hosts[audit.Refused], s.Hosts[audit.Unreachable]},
		Outcomes: jsonVerdicts{s.Outcomes[policies.Pass], s.Outcomes[policies.Fail], s.Outcomes[policies.Waived],
			s.Outcomes[policies.NotApplicable], s.Outcomes[policies.Unknown]},
		Findings: jsonFindings{s.Findings[policies.Critical], s.Findings[policies.High], s.Findings[policies.Medium],
			s.Findings[policies.Low], s.Findings[policies.Info]},
		Expired:  s.Expired,
		Coverage: number(s.Score.Coverage),
		Exit:     s.Exit,
	}
	sum.Score, sum.Grade = scoreToJSON(s.Score)
	return j, sum
}

// verdict spells the zero verdict out: it is unknown.
func verdict(v policies.Verdict) policies.Verdict {
	if v == "" {
		return policies.Unknown
	}
	return v
}

func scoreToJSON(s audit.Score) (*float64, *string) {
	if !s.Known {
		return nil, nil
	}
	value, grade := number(s.Value), Inline(s.Grade)
	return &value, &grade
}

// number keeps what JSON cannot hold out of it.
func number(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// seconds rounds to milliseconds, so that the figure survives a replay unchanged.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond)/time.Millisecond) / 1000
}

// stamp is RFC 3339 in UTC, with milliseconds; "" for no time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func inlineAll(in []string) list[string] {
	out := make(list[string], len(in))
	for i, s := range in {
		out[i] = Inline(s)
	}
	return out
}

// prose is the door for texts of several lines: each line as Inline has it, the
// line breaks kept. It is for the catalogue's own words, which are meant to be
// copied and hold no host's bytes.
func prose(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Inline(line)
	}
	return strings.Join(lines, "\n")
}

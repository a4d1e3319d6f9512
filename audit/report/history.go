package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/policies"
)

// HistorySchemaName is the version of what postern history writes as JSON.
const HistorySchemaName = "postern-history-1"

// History is the kept runs over time, of the fleet or of one host.
type History struct {
	Schema  string        `json:"schema"`
	Archive string        `json:"archive"` // folder
	Host    string        `json:"host"`    // "": the fleet
	Runs    []HistoryRun  `json:"runs"`    // oldest first
	Hosts   []HistoryHost `json:"hosts"`   // by name
}

// HistoryRun is a run, or what it says of the one host.
type HistoryRun struct {
	ID       string                    `json:"id"`
	Start    time.Time                 `json:"start"`
	End      time.Time                 `json:"end"`
	Whole    bool                      `json:"whole"` // it ended
	Kept     string                    `json:"kept"`  // why it is never pruned; "" it may be
	State    audit.State               `json:"state"` // of the one host; "" for the fleet
	Reason   string                    `json:"reason"`
	Hosts    map[audit.State]int       `json:"hosts"`
	Findings map[policies.Severity]int `json:"findings"`
	Unknown  int                       `json:"unknown"` // rules that could not be judged
	Score    *float64                  `json:"score"`
	Grade    string                    `json:"grade"`
	Coverage float64                   `json:"coverage"`
}

// HistoryHost is a host over all kept runs.
type HistoryHost struct {
	Name     string      `json:"name"`
	Runs     int         `json:"runs"`
	Answered int         `json:"answered"` // runs that read it
	First    time.Time   `json:"first"`    // answer; zero: it never did
	Last     time.Time   `json:"last"`
	State    audit.State `json:"state"` // in the newest run that asked it
	Score    *float64    `json:"score"` // of its last answer
	Grade    string      `json:"grade"`
}

// HistoryJSON writes the runs as one JSON document, by [HistorySchema].
func HistoryJSON(w io.Writer, h *History) error {
	d := *h
	d.Archive, d.Host = Inline(h.Archive), Inline(h.Host)
	d.Runs, d.Hosts = slices.Clone(h.Runs), slices.Clone(h.Hosts)
	for i := range d.Runs {
		r := &d.Runs[i]
		r.ID, r.Kept, r.State, r.Reason, r.Grade = Inline(r.ID), Inline(r.Kept), audit.State(Inline(string(r.State))), Inline(r.Reason), Inline(r.Grade)
	}
	for i := range d.Hosts {
		x := &d.Hosts[i]
		x.Name, x.State, x.Grade = Inline(x.Name), audit.State(Inline(string(x.State))), Inline(x.Grade)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(&d)
}

// HistoryText writes the runs for people: a line a run, the scores as a plot, a
// line a host.
type HistoryText struct {
	W       io.Writer
	Width   int
	Color   bool
	Verbose bool // all runs and hosts
}

// How many lines are written of a long history, but for -v.
const (
	mostRuns  = 30
	mostHosts = 20
)

// Write writes it.
func (t *HistoryText) Write(h *History) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color)}
	runs := h.Runs
	if left := len(runs) - mostRuns; left > 0 && !t.Verbose {
		p.line(0, plural(left, "older run", "older runs")+" not listed (-v lists all)")
		runs = runs[left:]
	}
	fmt.Fprintln(w, p.strong("run                     score  hosts  silent  critical  high  medium   low"))
	for i := range runs {
		p.historyRun(h, &runs[i])
	}
	p.plot(h.Runs)
	if h.Host == "" {
		p.historyHosts(h.Hosts)
	}
	return w.Flush()
}

func (p *page) historyRun(h *History, r *HistoryRun) {
	score := "    -  "
	if r.Score != nil {
		score = fmt.Sprintf("%5s %s", tenths(*r.Score), p.palette.grade(Inline(r.Grade)))
	}
	asked := 0
	for _, n := range r.Hosts {
		asked += n
	}
	f := r.Findings
	fmt.Fprintf(p.w, "%-21s %s %6d %7s %9s %5s %7s %5s\n", Inline(r.ID), score, asked,
		orDash(r.Hosts[audit.Refused]+r.Hosts[audit.Unreachable]), orDash(f[policies.Critical]), orDash(f[policies.High]), orDash(f[policies.Medium]), orDash(f[policies.Low]))
	var notes []string
	if !r.Whole {
		notes = append(notes, "it did not end, or goes on")
	}
	if r.State != "" && r.State != audit.Audited {
		notes = append(notes, Inline(string(r.State))+": "+Bound(r.Reason, boundMessage))
	}
	if r.Kept != "" {
		notes = append(notes, "never pruned: "+Inline(r.Kept))
	}
	if len(notes) > 0 {
		p.line(4, strings.Join(notes, "; "))
	}
}

func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// plot draws the scores over the runs, one column each, or the mean of several.
func (p *page) plot(runs []HistoryRun) {
	var scored []HistoryRun
	for _, r := range runs {
		if r.Score != nil {
			scored = append(scored, r)
		}
	}
	if len(scored) < 2 {
		return
	}
	columns := min(len(scored), max(p.width-10, 20), 120)
	values := make([]float64, columns)
	lowest, highest := 100.0, 0.0
	for i := range values {
		from, to := i*len(scored)/columns, (i+1)*len(scored)/columns
		for _, r := range scored[from:to] {
			values[i] += *r.Score / float64(to-from)
		}
		lowest, highest = min(lowest, values[i]), max(highest, values[i])
	}
	const step = 10
	bottom, top := math.Floor(lowest/step)*step, math.Ceil(highest/step)*step
	if top-bottom < 2*step {
		bottom, top = max(bottom-step, 0), min(top+step, 100)
	}
	wide := max(1, min(4, (p.width-10)/columns)) // cells a column
	p.space()
	for y := top; y >= bottom; y -= step {
		var b strings.Builder
		for _, v := range values {
			mark := " "
			switch {
			case math.Round(v/step)*step == y:
				mark = "*"
			case y == bottom:
				mark = "_"
			}
			b.WriteString(mark + strings.Repeat(map[bool]string{true: "_", false: " "}[y == bottom], wide-1))
		}
		fmt.Fprintf(p.w, "%5.0f | %s\n", y, strings.TrimRight(b.String(), " "))
	}
	from, to := day(scored[0].Start), day(scored[len(scored)-1].Start)
	gap := max(columns*wide-len(from)-len(to), 2)
	fmt.Fprintf(p.w, "%8s%s%s%s\n", "", from, strings.Repeat(" ", gap), to)
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateOnly)
}

func (p *page) historyHosts(hosts []HistoryHost) {
	if len(hosts) == 0 {
		return
	}
	p.space()
	name := len("host")
	for i := range hosts {
		name = max(name, min(len(Inline(hosts[i].Name)), 32))
	}
	fmt.Fprintln(p.w, p.strong(fmt.Sprintf("%-*s  %-7s  %-10s  %-10s  %s", name, "host", "score", "first", "last", "answered")))
	for i := range hosts {
		if i == mostHosts && !p.verbose {
			p.line(0, "and "+plural(len(hosts)-i, "more host", "more hosts")+" (-v lists all)")
			return
		}
		h := &hosts[i]
		score := "    -  "
		if h.Score != nil {
			score = fmt.Sprintf("%5s %s", tenths(*h.Score), p.palette.grade(Inline(h.Grade)))
		}
		note := ""
		if h.State == audit.Refused || h.State == audit.Unreachable {
			note = "  now " + Inline(string(h.State))
		}
		label := Inline(h.Name)
		if len(label) > name {
			fmt.Fprintln(p.w, label)
			label = ""
		}
		fmt.Fprintf(p.w, "%-*s  %s  %-10s  %-10s  %d of %d%s\n", name, label, score, day(h.First), day(h.Last), h.Answered, h.Runs, note)
	}
}

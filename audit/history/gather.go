package history

import (
	"bufio"
	"cmp"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// runData is what the index keeps of a run.
type runData struct {
	Start, End  time.Time
	Tool        string
	Catalogue   string
	Profile     string
	Inventory   string
	Whole       bool // it ended; false: it was cut off, or goes on
	Hosts       int64
	Fleet       []outcomeData
	FleetHosts  [][]string // beside Fleet
	Summary     audit.Summary
	Size, MTime int64 // of its results when they were read: what changed since is read again
}

// readingData is what the index keeps of a host in a run.
type readingData struct {
	Address, Account, Privilege string
	State                       audit.State
	Stage, Reason               string
	Start, End                  time.Time
	Score                       audit.Score
	Sections                    []int64 // contents by their numbers, in the order of sections(); none: no facts
	Outcomes                    int64   // the content that lists them
}

// outcomeData is one outcome. Of what passes or does not apply the rule alone is kept.
type outcomeData struct {
	Rule        string
	Severity    policies.Severity
	Verdict     policies.Verdict
	Fingerprint string
	Message     string
	Reason      string
}

// maxReason bounds what is kept of a sentence.
const maxReason = 2000

// gather collects what a run adds to the index while it happens, or while it is
// read again. Contents go to a file as they come, each once, so that a fleet of
// ten thousand hosts does not stand in memory.
type gather struct {
	id       string
	data     runData
	readings []gathered

	spool    *os.File
	w        *bufio.Writer
	contents map[digest]int
	spooled  []spooledContent
	offset   int64

	outcomes map[outcomeData]int
	listed   []outcomeData
}

type gathered struct {
	host     string
	data     readingData
	sections []int // into spooled; readingData has the index's own numbers
	outcomes []int // into listed
}

type spooledContent struct {
	digest digest
	at     int64
	size   int
}

// newGather spools into dir.
func newGather(id, dir string) (*gather, error) {
	f, err := os.CreateTemp(dir, ".spool-*")
	if err != nil {
		return nil, err
	}
	return &gather{id: id, spool: f, w: bufio.NewWriterSize(f, 64<<10),
		contents: map[digest]int{}, outcomes: map[outcomeData]int{}}, nil
}

// close removes the spool.
func (g *gather) close() {
	if g != nil && g.spool != nil {
		g.spool.Close()
		os.Remove(g.spool.Name())
		g.spool = nil
	}
}

func (g *gather) begin(r *audit.Run) {
	d := &g.data
	d.Start, d.Tool, d.Catalogue, d.Profile, d.Inventory = round(r.Start), r.Tool, r.Catalogue, r.Profile, r.Scope.Inventory
}

// round gives a time as a saved run holds it: in milliseconds.
func round(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

// host takes a result in, with the facts that stand behind it or nil.
func (g *gather) host(h *audit.Host, f *facts.Facts) error {
	x := gathered{host: h.Name, data: readingData{
		Address: h.Address, Account: h.Account, Privilege: h.Privilege, State: h.State,
		Stage: h.Stage, Reason: cut(h.Reason), Start: round(h.Start), End: round(h.End), Score: h.Score,
	}}
	if f != nil {
		var err error
		x.sections = make([]int, len(sections()))
		encodeSections(f, func(i int, c content) {
			n, e := g.content(c)
			x.sections[i], err = n, errors.Join(err, e)
		})
		if err != nil {
			return err
		}
	}
	for i := range h.Outcomes {
		o := &h.Outcomes[i]
		d := outcomeData{Rule: o.Rule, Severity: o.Severity, Verdict: o.Verdict}
		if d.Verdict == "" {
			d.Verdict = policies.Unknown
		}
		if d.Verdict != policies.Pass && d.Verdict != policies.NotApplicable {
			d.Fingerprint, d.Message, d.Reason = o.Fingerprint, cut(o.Message), cut(o.Reason)
		}
		n, ok := g.outcomes[d]
		if !ok {
			n = len(g.listed)
			g.outcomes[d] = n
			g.listed = append(g.listed, d)
		}
		x.outcomes = append(x.outcomes, n)
	}
	g.readings = append(g.readings, x)
	return nil
}

func cut(s string) string {
	if len(s) > maxReason {
		return s[:maxReason] + "..."
	}
	return s
}

// content spools a content, unless it came before, and gives its number.
func (g *gather) content(c content) (int, error) {
	if n, ok := g.contents[c.digest]; ok {
		return n, nil
	}
	sealed := seal(c.raw)
	if _, err := g.w.Write(sealed); err != nil {
		return 0, err
	}
	n := len(g.spooled)
	g.contents[c.digest] = n
	g.spooled = append(g.spooled, spooledContent{c.digest, g.offset, len(sealed)})
	g.offset += int64(len(sealed))
	return n, nil
}

// read gives a spooled content back, sealed.
func (g *gather) read(c spooledContent) ([]byte, error) {
	b := make([]byte, c.size)
	if _, err := g.spool.ReadAt(b, c.at); err != nil {
		return nil, err
	}
	return b, nil
}

// end takes the sums in: in an order, and with numbers, that do not depend on
// whether the run has just ended or was read again.
func (g *gather) end(r *audit.Run, f *audit.Fleet) error {
	g.data.End, g.data.Whole, g.data.Summary = round(r.End), true, f.Summary
	g.data.Summary.Hosts, g.data.Summary.Outcomes, g.data.Summary.Findings =
		counted(f.Summary.Hosts), counted(f.Summary.Outcomes), counted(f.Summary.Findings)
	outcomes := slices.Clone(f.Outcomes)
	slices.SortFunc(outcomes, func(a, b audit.FleetOutcome) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Message, b.Message))
	})
	for i := range outcomes {
		o := &outcomes[i]
		g.data.Fleet = append(g.data.Fleet, outcomeData{o.Rule, o.Severity, o.Verdict, o.Fingerprint, cut(o.Message), cut(o.Reason)})
		g.data.FleetHosts = append(g.data.FleetHosts, o.Hosts)
	}
	return nil
}

// counted leaves zeros out.
func counted[K comparable](m map[K]int) map[K]int {
	out := map[K]int{}
	for k, n := range m {
		if n != 0 {
			out[k] = n
		}
	}
	return out
}

// stamp notes what the results' file is like, by which a later change is seen.
func (g *gather) stamp(file string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	g.data.Size, g.data.MTime = info.Size(), info.ModTime().UnixNano()
	return nil
}

// flush makes the spool readable.
func (g *gather) flush() error { return g.w.Flush() }

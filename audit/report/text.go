package report

import (
	"bufio"
	"io"

	"github.com/postern-ssh/postern/audit"
)

// Text writes a run for people when it ends: the fleet in a line, who could not be
// looked at, what is open across the fleet, then the hosts, worst first, those
// with equal results as one. What stands there is printable ASCII, but for the
// escape sequences of Color.
type Text struct {
	W       io.Writer
	Width   int                 // columns; 0: lines are not wrapped
	Color   bool                // colour repeats what a word says
	Verbose bool                // also what passes, all evidence, all names of folded hosts
	Mask    func(string) string // hides secrets in what quotes a job's line; nil shows them

	hosts       []*seenHost
	key, places []byte // buffers of see
}

// Begin forgets an earlier run.
func (t *Text) Begin(*audit.Run) error {
	t.hosts = nil
	return nil
}

// Host keeps the words of the host that the report will show.
func (t *Text) Host(h *audit.Host) error {
	t.hosts = append(t.hosts, t.see(h))
	return nil
}

// End writes the report.
func (t *Text) End(r *audit.Run, f *audit.Fleet) error {
	w := bufio.NewWriterSize(t.W, 1<<16)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color), mask: t.Mask,
		remedies: map[string]shown{}}
	looked, missed := fold(t.hosts, hostOrder(inlineAll(r.Scope.Selected)))
	t.hosts = nil

	p.head(r, f)
	p.since(f.Since)
	p.missed(missed)
	p.fleet(f, looked, missed)
	for _, g := range looked {
		p.host(g)
	}
	p.sums(f, looked, missed)
	return w.Flush()
}

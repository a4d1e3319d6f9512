package main

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/fix/fleet"
)

// fleetProgress tells on stderr where a run through a fleet stands.
type fleetProgress struct {
	s     streams
	line  *progress
	total int

	mu   sync.Mutex
	busy map[string]string // step by host
	done int
}

func newFleetProgress(s streams, total int) *fleetProgress {
	return &fleetProgress{s: s, line: newProgress(s, total), total: total, busy: map[string]string{}}
}

func (p *fleetProgress) finish() { p.line.finish() }

func (p *fleetProgress) print(text string) {
	fmt.Fprintf(p.line.before(p.s.err), "postern: %s\n", visible(text))
}

func (p *fleetProgress) batch(n int, names []string) {
	some := strings.Join(names[:min(len(names), 5)], ", ")
	if more := len(names) - 5; more > 0 {
		some += fmt.Sprintf(" and %d more", more)
	}
	p.print(fmt.Sprintf("batch %d: %s", n, some))
}

func (p *fleetProgress) step(host, step string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy[host] = step
	p.show()
}

func (p *fleetProgress) ended(res fleet.Result) {
	p.mu.Lock()
	delete(p.busy, res.Name)
	p.done++
	p.show()
	p.mu.Unlock()
	text := res.Name + ": " + either(string(res.Outcome), "not known how it ended")
	if res.Why != "" {
		text += ": " + res.Why
	}
	p.print(text)
}

func (p *fleetProgress) show() {
	if tell := p.line.tell(); tell != nil {
		tell(audit.Progress{Done: p.done, Total: p.total, Busy: p.atWork(true)})
	}
}

func (p *fleetProgress) atWork(steps bool) []string {
	var out []string
	for name, step := range p.busy {
		if steps {
			name += " (" + step + ")"
		}
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// interrupted is said at the first Ctrl-C, left at the second.
func (p *fleetProgress) interrupted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := p.atWork(false)
	if len(names) == 0 {
		return "interrupted: no further host is begun"
	}
	return "interrupted: no further host is begun; what is being done to " + strings.Join(names, ", ") + " is brought to an end first (again to leave at once)"
}

func (p *fleetProgress) left() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return leftAtOnce(p.atWork(false))
}

func leftAtOnce(names []string) string {
	if len(names) == 0 {
		return "left at once: no host was at work"
	}
	return "left at once: what is armed on " + strings.Join(names, ", ") + " is taken back by the host's own guard; postern fix status says how it stands, and until then postern fix confirm keeps it"
}

package report

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
)

// DiffJSON writes what changed as one JSON document, each foreign string through
// [Inline]. mask hides secrets in job lines; nil shows them. Its form is given by
// [DiffSchema].
func DiffJSON(w io.Writer, d *audit.Diff, mask func(string) string) error {
	maskDiff(d, mask)
	facts.MapStrings(d, Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}

// maskDiff hides secrets where a host's lines are quoted.
func maskDiff(d *audit.Diff, mask masker) {
	for i := range d.Hosts {
		h := &d.Hosts[i]
		for k := range h.Changes {
			c := &h.Changes[k]
			c.Message = mask.hide(c.Message)
			for _, e := range []*facts.Evidence{c.Old, c.New} {
				if e != nil {
					e.Text = mask.hide(e.Text)
				}
			}
		}
		for k := range h.NotCompared {
			h.NotCompared[k] = mask.hide(h.NotCompared[k])
		}
	}
}

// DiffText writes what changed for people: a host after the other, what is
// gravest first, with how it was and how it is.
type DiffText struct {
	W       io.Writer
	Width   int
	Color   bool
	Verbose bool                // also hosts on which nothing changed, and all that was not compared
	Mask    func(string) string // hides secrets in job lines; nil shows them
}

// Write writes the changes.
func (t *DiffText) Write(d *audit.Diff) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color), mask: t.Mask}
	missing := map[string][]string{} // hosts by the reason why nothing of them was compared
	for i := range d.Hosts {
		if h := &d.Hosts[i]; h.Error != "" {
			missing[h.Error] = append(missing[h.Error], h.Host)
		}
	}
	for i := range d.Hosts {
		h := &d.Hosts[i]
		if h.Error == "" {
			p.hostDiff(h)
			continue
		}
		if names := missing[h.Error]; names != nil {
			p.para(0, p.strong(p.names(names))+": ", "not compared: "+Inline(h.Error))
			p.space()
			missing[h.Error] = nil
		}
	}
	s := &d.Summary
	var parts []string
	parts = append(parts, strconv.Itoa(s.Changed)+" changed", strconv.Itoa(s.Unchanged)+" unchanged", strconv.Itoa(s.Unknown)+" not compared whole, no change seen")
	p.line(0, plural(len(d.Hosts), "host", "hosts")+": "+counts(parts...)+"; "+plural(s.Changes, "change", "changes"))
	return w.Flush()
}

// mostDoubts bounds what is said of one host that was not compared.
const mostDoubts = 5

func (p *page) hostDiff(h *audit.HostDiff) {
	if len(h.Changes) == 0 && len(h.NotCompared) == 0 && !p.verbose {
		return
	}
	head := plural(len(h.Changes), "change", "changes")
	if len(h.Changes) == 0 {
		head = "no change was seen"
	}
	p.para(0, p.strong(Name(h.Host))+": ", head+" between "+Inline(h.Old)+" and "+Inline(h.New))
	for i := range h.Changes {
		c := &h.Changes[i]
		p.para(2, p.severityWord(c.Severity)+"  ", Inline(c.Kind)+" "+Inline(c.What)+": "+p.mask.bound(c.Message, boundMessage))
		p.side("was   ", c.Old)
		p.side("is    ", c.New)
	}
	for i, text := range h.NotCompared {
		if i == mostDoubts && !p.verbose {
			p.line(2, "and "+strconv.Itoa(len(h.NotCompared)-i)+" more that could not be compared (-v shows them)")
			break
		}
		p.para(2, "unknown   ", p.mask.bound(text, boundMessage))
	}
	p.space()
}

// side writes one of the two places.
func (p *page) side(label string, e *facts.Evidence) {
	if e == nil {
		return
	}
	var parts []string
	if e.Path != "" {
		parts = append(parts, Place(e.Path, e.Line))
	}
	if e.Text != "" {
		parts = append(parts, p.mask.bound(e.Text, boundMessage))
	}
	if len(parts) > 0 {
		p.para(4, label, strings.Join(parts, "  "))
	}
}

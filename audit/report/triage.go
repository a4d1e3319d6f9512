package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/triage"
)

// TriageJSON writes a triage as one JSON document, each foreign string through
// [Inline]. Its form is given by [TriageSchema].
func TriageJSON(w io.Writer, r *triage.Report) error {
	facts.MapStrings(r, Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// TriageText writes a page for each host that reads as a story.
type TriageText struct {
	W       io.Writer
	Width   int
	Color   bool
	Verbose bool // also what weighs nothing by itself, and all evidence
}

// Write writes the pages.
func (t *TriageText) Write(r *triage.Report) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color)}
	for i := range r.Hosts {
		if i > 0 {
			p.space()
			p.space()
		}
		p.triageHost(&r.Hosts[i])
	}
	return w.Flush()
}

func (p *page) triageHost(h *triage.Host) {
	p.para(0, "", p.strong(Name(h.Host))+"  "+literal(h.Verdict))
	if h.Unread() { // what follows would read as if nothing had been there
		p.para(2, "but     ", Inline(h.Error))
		return
	}
	p.para(2, "worth   ", literal(h.Worth))
	if h.Error != "" {
		p.para(2, "but     ", Inline(h.Error))
	}
	if h.Worth == "" {
		return
	}
	if h.Looked != "" {
		text := "the host's clock said " + h.Looked
		if h.Tree {
			text = "this machine's clock said " + h.Looked
		}
		if h.Booted != "" {
			text += ", booted " + h.Booted
		}
		if h.Rounds > 0 { // an archive is asked nothing
			text += "; it was read in " + counted(h.Rounds, "round", "rounds")
		}
		p.para(2, "when    ", text)
	}
	if h.Since != "" {
		p.para(2, "since   ", h.Since+" at the latest: "+literal(h.SinceWhy))
	}
	p.triageThings(h)
	p.triageReturns(h)
	p.triageTimeline(h)
	p.triageDoors(h)
	if len(h.LastRuns) > 0 {
		p.title("When jobs last ran, by logs and by systemd")
		for i := range h.LastRuns {
			if i == 12 && !p.verbose {
				p.line(2, fmt.Sprintf("and %d more (-v shows them)", len(h.LastRuns)-i))
				break
			}
			r := &h.LastRuns[i]
			p.para(2, r.Last+"  ", Place(r.Path, int(r.Line))+" as "+Name(r.User)+": "+Inline(r.Command))
		}
	}
	if len(h.Preserve) > 0 {
		p.title("What to do first")
		for i, s := range h.Preserve {
			p.para(2, fmt.Sprintf("%d. ", i+1), literal(s))
		}
	}
	if len(h.Gaps) > 0 {
		p.title("What was not seen")
		for i, g := range h.Gaps {
			if i == 8 && !p.verbose {
				p.line(2, fmt.Sprintf("and %d more (-v shows them)", len(h.Gaps)-i))
				break
			}
			p.para(2, "", Path(g.Path)+": "+Inline(g.Reason))
		}
	}
}

// triageThings writes what was found, the heaviest first.
func (p *page) triageThings(h *triage.Host) {
	hidden := 0
	p.title("What is there")
	shown := 0
	for i := range h.Things {
		t := &h.Things[i]
		if triage.Level(t.Severity) < triage.Level("low") && !p.verbose {
			hidden++
			continue
		}
		shown++
		p.para(2, p.level(t.Severity)+"  ", literal(t.Title))
		for _, w := range t.Why {
			p.para(6, "", literal(w))
		}
		if t.Since != "" {
			p.para(6, "since   ", t.Since)
		}
		if t.Returns != "" {
			p.para(6, "returns ", literal(t.Returns))
		}
		for k, e := range t.Evidence {
			if k == 6 && !p.verbose {
				p.line(6, "and "+counted(len(t.Evidence)-k, "more piece", "more pieces")+" of evidence (-v shows them)")
				break
			}
			text := Inline(e.Text)
			if e.Path != "" {
				text = Place(e.Path, e.Line)
				if e.Text != "" {
					text += ": " + Inline(e.Text)
				}
			}
			if e.Witness != "" && triage.Level(t.Severity) > 0 {
				text += " (" + literal(e.Witness) + ")"
			}
			p.para(6, "see     ", text)
		}
		p.para(6, "id      ", t.ID+attackText(t.Attack))
	}
	if shown == 0 {
		p.line(2, "nothing was seen that weighs anything by itself")
	}
	if hidden > 0 {
		p.line(2, counted(hidden, "thing that weighs nothing by itself is", "things that weigh nothing by themselves are")+" not shown (-v shows them)")
	}
}

func attackText(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return " [" + strings.Join(ids, " ") + "]"
}

// triageReturns says what starts again.
func (p *page) triageReturns(h *triage.Host) {
	said := false
	for i := range h.Things {
		t := &h.Things[i]
		if t.Returns == "" || triage.Level(t.Severity) < triage.Level("medium") {
			continue
		}
		if !said {
			p.title("How it comes back after a reboot")
			said = true
		}
		p.para(2, t.ID+"  ", literal(t.Returns))
	}
}

func (p *page) triageTimeline(h *triage.Host) {
	if len(h.Timeline) == 0 {
		return
	}
	p.title("In the order of time (UTC)")
	from := 0
	if len(h.Timeline) > 40 && !p.verbose {
		from = len(h.Timeline) - 40
		p.line(2, fmt.Sprintf("%d earlier moments are not shown (-v shows them)", from))
	}
	for i := from; i < len(h.Timeline); i++ {
		e := &h.Timeline[i]
		text := literal(e.What)
		if len(e.Things) > 0 {
			text += " [" + strings.Join(e.Things, " ") + "]"
		}
		p.para(2, e.Time+"  ", text)
	}
}

func (p *page) triageDoors(h *triage.Host) {
	p.title("How they may have come in")
	if len(h.Doors) == 0 {
		p.line(2, "no account is known to open by what was read")
	}
	for i := range h.Doors {
		if i == 10 && !p.verbose {
			p.line(2, fmt.Sprintf("and %d more (-v shows them)", len(h.Doors)-i))
			break
		}
		d := &h.Doors[i]
		text := literal(d.What)
		if len(d.Evidence) > 0 && d.Evidence[0].Path != "" {
			text += " (" + Place(d.Evidence[0].Path, d.Evidence[0].Line) + ")"
		}
		p.para(2, "", text)
	}
	for i := range h.Logins {
		if i == 0 {
			p.line(2, "logins that were accepted:")
		}
		if i == 15 && !p.verbose {
			p.line(4, fmt.Sprintf("and %d more (-v shows them)", len(h.Logins)-i))
			break
		}
		s := &h.Logins[i]
		how := ""
		if s.Method != "" {
			how = " by " + Inline(s.Method)
		}
		from := "its console"
		if s.From != "" {
			from = Inline(s.From)
		}
		text := Name(s.User) + " from " + from + how
		if s.Count > 1 {
			text += fmt.Sprintf(", %d times since %s", s.Count, s.First)
		}
		p.para(4, s.Last+"  ", text)
	}
}

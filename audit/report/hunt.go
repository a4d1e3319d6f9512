package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/triage"
)

// HuntJSON writes the answers of a hunt as one JSON document, each foreign string
// through [Inline]. Its form is given by [HuntSchema].
func HuntJSON(w io.Writer, h *triage.Hunt) error {
	facts.MapStrings(h, Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(h)
}

// HuntText writes the answers for people: who does, then who is not known.
type HuntText struct {
	W       io.Writer
	Width   int
	Color   bool
	Verbose bool // also who does not, and all evidence
}

// Write writes the answers.
func (t *HuntText) Write(h *triage.Hunt) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color)}
	if h.Question != "" {
		p.para(0, "asked  ", Inline(h.Question))
	} else {
		p.para(0, "asked  ", counted(h.Lines, "line", "lines")+" of "+Path(h.List))
	}
	n := map[string]int{}
	for _, verdict := range []string{"yes", "unknown", "no"} {
		var order []string
		alike := map[string][]string{} // hosts by the answer
		first := map[string]*triage.HuntedFor{}
		for i := range h.Hosts {
			x := &h.Hosts[i]
			if x.Verdict != verdict {
				continue
			}
			n[verdict]++
			if verdict == "no" && !t.Verbose {
				continue
			}
			key := huntAnswer(x, t.Verbose)
			if first[key] == nil {
				first[key], order = x, append(order, key)
			}
			alike[key] = append(alike[key], x.Host)
		}
		for _, key := range order {
			p.hunted(p.names(alike[key]), first[key])
		}
	}
	p.space()
	p.line(0, counted(len(h.Hosts), "host", "hosts")+": "+either(counts(fmt.Sprintf("%d yes", n["yes"]), fmt.Sprintf("%d no", n["no"]), fmt.Sprintf("%d not known", n["unknown"])), "none"))
	if text := firstSeen(h.Hosts); text != "" {
		p.para(0, "", text)
	}
	return w.Flush()
}

// huntAnswer is all that is written of a host but its name: hosts on which the same
// was seen, to the minute, are told once. apart keeps each by itself.
func huntAnswer(x *triage.HuntedFor, apart bool) string {
	y := *x
	if !apart {
		y.Host, y.Reason = "", strings.TrimPrefix(y.Reason, x.Host+": ")
		y.FirstSeen, y.LastSeen = toMinute(y.FirstSeen), toMinute(y.LastSeen)
		y.Hits = slices.Clone(y.Hits)
		for i := range y.Hits {
			y.Hits[i].FirstSeen, y.Hits[i].LastSeen = toMinute(y.Hits[i].FirstSeen), toMinute(y.Hits[i].LastSeen)
		}
	}
	key, err := json.Marshal(&y)
	if err != nil { // no value of these types fails
		return x.Host
	}
	return string(key)
}

// toMinute shortens the time of a reading, RFC 3339 in UTC.
func toMinute(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return Inline(at)
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// firstSeen tells of several hosts which was the first; "" there are none.
func firstSeen(hosts []triage.HuntedFor) string {
	var first *triage.HuntedFor
	n, last := 0, ""
	for i := range hosts {
		x := &hosts[i]
		if x.FirstSeen == "" {
			continue
		}
		n++
		last = max(last, x.LastSeen)
		if first == nil || x.FirstSeen < first.FirstSeen {
			first = x
		}
	}
	if n < 2 || toMinute(first.FirstSeen) == toMinute(last) {
		return ""
	}
	return "first seen " + toMinute(first.FirstSeen) + " UTC, on " + Name(first.Host) + "; last " + toMinute(last)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// hunted writes the answer of some hosts, that of the first.
func (p *page) hunted(names string, x *triage.HuntedFor) {
	text := p.strong(names) + "  "
	switch x.Verdict {
	case "yes":
		text += p.palette.red.Sprint("yes")
	case "unknown":
		text += p.palette.yellow.Sprint("not known")
	default:
		text += x.Verdict
	}
	if x.Reason != "" && x.Verdict == "unknown" {
		text += ": " + Inline(strings.TrimPrefix(x.Reason, x.Host+": "))
	}
	p.space()
	p.para(0, "", text)
	if x.FirstSeen != "" {
		seen := "in what was read at " + toMinute(x.FirstSeen) + " UTC"
		if x.Readings > 1 {
			seen = fmt.Sprintf("first %s, last %s UTC; %d of %d readings", toMinute(x.FirstSeen), toMinute(x.LastSeen), x.Seen, x.Readings)
			if x.Unknown > 0 {
				seen += fmt.Sprintf(", %d not known", x.Unknown)
			}
			switch x.Newest {
			case "no":
				seen += "; not in the newest"
			case "unknown":
				seen += "; of the newest it is not known"
			}
		}
		p.para(2, "seen    ", seen)
	}
	shown := 0
	more := func(total int) bool {
		if shown++; shown > 8 && !p.verbose {
			if shown == 9 {
				p.line(2, fmt.Sprintf("and %d more (-v shows them)", total-8))
			}
			return false
		}
		return true
	}
	for _, e := range x.Evidence {
		if more(len(x.Evidence)) {
			p.huntEvidence("see     ", &e)
		}
	}
	hits := slices.Clone(x.Hits)
	for i := range hits {
		if !more(len(hits)) {
			continue
		}
		h := &hits[i]
		label := fmt.Sprintf("%s %s, line %d, in %s", h.IOC.Kind, iocText(&h.IOC), h.IOC.Line, Inline(h.Where))
		if h.FirstSeen != x.FirstSeen || h.LastSeen != x.LastSeen {
			label += "; " + toMinute(h.FirstSeen)
			if h.LastSeen != h.FirstSeen {
				label += " until " + toMinute(h.LastSeen)
			}
		}
		p.para(2, "found   ", label)
		if h.Evidence != nil {
			p.huntEvidence("  see   ", h.Evidence)
		}
	}
}

// iocText is a line of the list; of a public key what people tell it by.
func iocText(x *triage.IOC) string {
	w := strings.Fields(x.Text)
	if x.Kind != "key" || len(w) < 2 || len(w[1]) < 12 {
		return Bound(x.Text, 200)
	}
	return Bound(strings.Join(append([]string{w[0], "..." + w[1][len(w[1])-12:]}, w[2:]...), " "), 200)
}

func (p *page) huntEvidence(label string, e *facts.Evidence) {
	text := Inline(e.Text)
	if e.Path != "" {
		text = Place(e.Path, e.Line) + ": " + text
	}
	if e.Witness != "" {
		text += " (" + literal(e.Witness) + ")"
	}
	p.para(2, label, text)
}

// QuestionsJSON writes the questions that are shipped as a JSON list.
func QuestionsJSON(w io.Writer, list []triage.NamedQuestion) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(list)
}

// QuestionsText writes them for people.
func QuestionsText(out io.Writer, width int, list []triage.NamedQuestion) error {
	w := bufio.NewWriter(out)
	p := &page{w: w, width: width, palette: newPalette(false)}
	for _, q := range list {
		p.para(0, q.Name+"  ", q.Title)
		p.para(4, "", q.Text)
	}
	return w.Flush()
}

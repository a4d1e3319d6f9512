package report

import (
	"bufio"
	"encoding/json"
	"io"
	"time"
)

// PastSchemaName is the version of what questions about the past give as JSON.
const PastSchemaName = "postern-past-1"

// Past answers a question for each host over the kept runs.
type Past struct {
	Schema   string     `json:"schema"`
	Question string     `json:"question"`
	Hosts    []PastHost `json:"hosts"`
}

// PastHost is a host's answers over time.
type PastHost struct {
	Host    string   `json:"host"`
	Periods []Period `json:"periods"` // oldest first
}

// Period is a number of readings one after the other with the same answer.
type Period struct {
	First    time.Time `json:"first"` // reading
	Last     time.Time `json:"last"`
	FirstRun string    `json:"first_run"`
	LastRun  string    `json:"last_run"`
	Runs     int       `json:"runs"`
	Known    bool      `json:"known"` // false: the host did not answer, or could not be judged
	Yes      bool      `json:"yes"`   // what was asked for was so, for certain
	Answer   string    `json:"answer"`
}

// Add puts the next reading's answer behind the others.
func (h *PastHost) Add(at time.Time, run string, known, yes bool, answer string) {
	if n := len(h.Periods); n > 0 {
		p := &h.Periods[n-1]
		if p.Known == known && p.Yes == yes && p.Answer == answer {
			p.Last, p.LastRun = at, run
			p.Runs++
			return
		}
	}
	h.Periods = append(h.Periods, Period{at, at, run, run, 1, known, yes, answer})
}

// PastJSON writes the answers as one JSON document, by [PastSchema].
func PastJSON(w io.Writer, p *Past) error {
	d := Past{PastSchemaName, Inline(p.Question), make([]PastHost, len(p.Hosts))}
	for i, h := range p.Hosts {
		d.Hosts[i].Host, d.Hosts[i].Periods = Inline(h.Host), make([]Period, len(h.Periods))
		for k, x := range h.Periods {
			x.FirstRun, x.LastRun, x.Answer = Inline(x.FirstRun), Inline(x.LastRun), Inline(x.Answer)
			d.Hosts[i].Periods[k] = x
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(&d)
}

// PastText writes the answers for people: a host after the other, what holds now last.
type PastText struct {
	W     io.Writer
	Width int
	Color bool
}

// Write writes them.
func (t *PastText) Write(p *Past) error {
	w := bufio.NewWriter(t.W)
	g := &page{w: w, width: t.Width, palette: newPalette(t.Color)}
	first, where := time.Time{}, ""
	for i := range p.Hosts {
		h := &p.Hosts[i]
		g.line(0, g.strong(Name(h.Host)))
		for k := range h.Periods {
			x := &h.Periods[k]
			span := day(x.First) + " .. " + day(x.Last)
			if k == len(h.Periods)-1 {
				span = "since " + day(x.First) + "   "
			}
			if x.Yes && (first.IsZero() || x.First.Before(first)) {
				first, where = x.First, h.Host
			}
			g.para(2, span+"  ", Bound(x.Answer, boundMessage)+" ("+plural(x.Runs, "run", "runs")+")")
		}
	}
	if first.IsZero() {
		g.line(0, Inline(p.Question)+": in no kept run for certain")
	} else {
		g.line(0, Inline(p.Question)+": first seen "+first.UTC().Format("2006-01-02 15:04")+" UTC, on "+Name(where))
	}
	return w.Flush()
}

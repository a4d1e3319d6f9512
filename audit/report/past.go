package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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
	Host    string      `json:"host"`
	Periods []Period    `json:"periods"`          // oldest first
	Places  []PastPlace `json:"places,omitempty"` // of a thing that has places; the first seen first
}

// PastPlace is where a thing was seen, and when.
type PastPlace struct {
	What     string    `json:"what"`    // "opens", "is the host's own key", "lies there"
	Account  string    `json:"account"` // that a key opens; "" none
	Path     string    `json:"path"`    // "" none
	Line     int       `json:"line"`    // in the newest reading that shows it; 0 none
	First    time.Time `json:"first"`   // reading
	Last     time.Time `json:"last"`
	FirstRun string    `json:"first_run"`
	LastRun  string    `json:"last_run"`
	Runs     int       `json:"runs"`
	Newest   bool      `json:"newest"` // the newest reading that tells shows it
}

// AddPlaces takes in where the next reading shows the thing; whole says that it shows
// all places.
func (h *PastHost) AddPlaces(at time.Time, run string, whole bool, places []PastPlace) {
	if whole {
		for i := range h.Places {
			h.Places[i].Newest = false
		}
	}
	for _, x := range places {
		i := slices.IndexFunc(h.Places, func(p PastPlace) bool { return p.What == x.What && p.Account == x.Account && p.Path == x.Path })
		if i < 0 {
			x.First, x.FirstRun = at, run
			i = len(h.Places)
			h.Places = append(h.Places, x)
		}
		p := &h.Places[i]
		if p.LastRun != run { // a file may name a key twice
			p.Runs++
		}
		p.Line, p.Last, p.LastRun, p.Newest = x.Line, at, run, true
	}
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
		for _, x := range h.Places {
			x.What, x.Account, x.Path, x.FirstRun, x.LastRun = Inline(x.What), Inline(x.Account), Inline(x.Path), Inline(x.FirstRun), Inline(x.LastRun)
			d.Hosts[i].Places = append(d.Hosts[i].Places, x)
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
		if i > 0 {
			g.space()
		}
		g.line(0, g.strong(Name(h.Host)))
		for k := range h.Places {
			g.place(&h.Places[k])
		}
		for k := range h.Periods {
			x := &h.Periods[k]
			if x.Yes && (first.IsZero() || x.First.Before(first)) {
				first, where = x.First, h.Host
			}
			if len(h.Places) > 0 && x.Known {
				continue // the places say it
			}
			span := day(x.First) + " .. " + day(x.Last)
			switch {
			case k == len(h.Periods)-1:
				span = "since " + moment(x.First)
			case day(x.First) == day(x.Last):
				span = moment(x.First)
			}
			g.para(2, fmt.Sprintf("%-24s  ", span), Bound(x.Answer, boundMessage)+" ("+plural(x.Runs, "run", "runs")+")")
		}
	}
	if len(p.Hosts) > 0 {
		g.space()
	}
	if first.IsZero() {
		g.line(0, Inline(p.Question)+": in no kept run for certain")
	} else {
		g.line(0, Inline(p.Question)+": first seen "+minute(first)+", on "+Name(where))
	}
	return w.Flush()
}

// place writes where a thing was seen, and below it when.
func (p *page) place(x *PastPlace) {
	text := x.What
	if x.Account != "" {
		text += " " + Name(x.Account)
	}
	if x.Path != "" {
		text += ", " + Place(x.Path, x.Line)
	}
	p.para(2, "", text)
	now := p.palette.red.Sprint("still there")
	if !x.Newest {
		now = "gone since"
	}
	seen := "in " + plural(x.Runs, "run", "runs") + ", the first " + minute(x.First)
	if x.Runs > 1 {
		seen += ", the last " + minute(x.Last)
	}
	p.para(4, "", now+"; "+seen)
}

func minute(t time.Time) string { return moment(t) + " UTC" }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

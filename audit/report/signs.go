package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
)

// SignRow is one thing that is called odd about a job.
type SignRow struct {
	ID          string   `json:"id"`
	Severity    string   `json:"severity"` // of the clearest case
	Booster     bool     `json:"booster"`  // says little alone, and raises the others by one step
	Attack      []string `json:"attack"`
	Title       string   `json:"title"`
	FalseAlarms int      `json:"false_alarms"` // honest lines that show it
	Of          int      `json:"of"`           // honest lines that were tried
	Like        []string `json:"like"`         // lines that show it
	Unlike      []string `json:"unlike"`       // lines that look like it and do not
}

// SignsJSON writes the signs as a JSON list.
func SignsJSON(w io.Writer, rows []SignRow) error {
	facts.MapStrings(&rows, Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(rows)
}

// SignsText writes the signs for people; verbose adds their examples.
func SignsText(out io.Writer, width int, verbose bool, rows []SignRow) error {
	w := bufio.NewWriter(out)
	p := &page{w: w, width: width, palette: newPalette(false)}
	for i := range rows {
		r := &rows[i]
		weight := r.Severity
		if r.Booster {
			weight += ", raises others"
		}
		p.para(0, r.ID+"  ", r.Title)
		p.line(4, fmt.Sprintf("%s; %s; shown by %d of %d honest lines", weight, strings.Join(r.Attack, " "), r.FalseAlarms, r.Of))
		if verbose {
			for _, l := range r.Like {
				p.para(4, "like    ", Inline(l))
			}
			for _, l := range r.Unlike {
				p.para(4, "unlike  ", Inline(l))
			}
		}
	}
	return w.Flush()
}

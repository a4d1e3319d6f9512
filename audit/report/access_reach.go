package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
)

func (p *page) fleetKeys(keys []audit.FleetKey) {
	if len(keys) == 0 {
		return
	}
	p.title("keys that open several accounts, or that are weak")
	for i := range keys {
		k := &keys[i]
		text := Inline(k.Type) + " " + Inline(k.Fingerprint)
		if k.Weak != "" {
			text += ", weak: " + Inline(k.Weak)
		}
		p.line(2, text)
		for n := range k.Opens {
			if n == 8 && !p.verbose {
				p.line(4, fmt.Sprintf("and %d more (-v shows them)", len(k.Opens)-n))
				break
			}
			p.line(4, useWords(&k.Opens[n]))
		}
	}
}

// ReachText writes what a credential opens.
func (t *AccessText) ReachText(what string, hosts int, uses []audit.KeyUse) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color)}
	for _, part := range []struct{ word, title string }{{"yes", "opens"}, {"unknown", "may open"}, {"no", "does not open, though it is listed there"}} {
		n := 0
		for i := range uses {
			if uses[i].Opens == part.word {
				n++
			}
		}
		switch {
		case n > 0:
			p.line(0, p.palette.bold.Sprint(Inline(what)+" "+part.title))
		case part.word == "yes":
			p.line(0, Inline(what)+" opens no account that was seen on "+fmt.Sprintf("%d %s", hosts, oneOrMany(hosts, "host", "hosts")))
		}
		for i := range uses {
			if uses[i].Opens == part.word {
				p.line(2, useWords(&uses[i]))
			}
		}
	}
	return w.Flush()
}

func useWords(u *audit.KeyUse) string {
	text := Name(u.Host)
	if u.User != "" {
		text = Name(u.User) + " on " + text
	}
	if u.From != "" {
		text += ", " + Inline(u.From)
	}
	if u.Further != "" {
		text += ", with " + Inline(u.Further) + " besides"
	}
	if u.Command != "" {
		text += ", only to run " + Quote(u.Command)
	}
	if len(u.Limits) > 0 {
		text += ", " + Inline(strings.Join(u.Limits, " "))
	}
	if u.Path != "" {
		text += ": " + Place(u.Path, u.Line)
		if u.Comment != "" {
			text += " " + Name(u.Comment)
		}
	}
	switch u.Opens {
	case "unknown":
		text += " (not known: " + Inline(u.Why) + ")"
	case "no":
		text += " (" + Inline(u.Why) + ")"
	}
	return text
}

// ReachJSON writes what a credential opens as one JSON document.
func ReachJSON(w io.Writer, fingerprint string, uses []audit.KeyUse) error {
	doc := struct {
		Schema      string         `json:"schema"`
		Fingerprint string         `json:"fingerprint"`
		Opens       []audit.KeyUse `json:"opens"`
	}{audit.ReachSchema, fingerprint, uses}
	facts.MapStrings(&doc, Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
)

// matrix is one row an account and place: yes, ? and - for each method.
func (p *page) matrix(s *facts.LoginServer) {
	rows := [][]string{{"account", "from", "password", "key", "steps", "empty", "other", "factors", "offered"}}
	for i := range s.Logins {
		a := &s.Logins[i]
		if len(a.Ways) == 0 && !p.verbose {
			continue
		}
		marks := map[string]string{}
		for n := range a.Ways {
			w := &a.Ways[n]
			w2 := *w
			w2.Verdict = "yes"
			mark := "?"
			if w.Verdict == "yes" && s.Doubt == "" {
				mark = "yes"
			}
			if title := wayTitle(&w2); marks[title] != "yes" {
				marks[title] = mark
			}
		}
		row := []string{Name(a.User), Inline(a.From)}
		for _, t := range []string{wayTitles[1], wayTitles[2], wayTitles[3], wayTitles[0], wayTitles[4]} {
			m := marks[t]
			if m == "" {
				m = "-"
			}
			row = append(row, m)
		}
		factors := map[string]string{"yes": "2+", "no": "1", "unknown": "?"}[a.TwoFactors]
		if len(a.Ways) == 0 {
			factors = "-"
		}
		row = append(row, factors, offered(a))
		rows = append(rows, row)
	}
	if !p.verbose {
		rows = unknownRows(rows)
	}
	if len(rows) == 1 {
		return
	}
	p.space()
	p.columns(rows)
}

// unknownRows joins the rows of accounts of which nothing more is known than of each
// other.
func unknownRows(rows [][]string) [][]string {
	var out [][]string
	names := map[string][]string{}
	at := map[string]int{}
	for _, r := range rows {
		key := strings.Join(r[1:], "\x00")
		if slices.Contains(r, "yes") || !slices.Contains(r, "?") || r[0] == "root" {
			out = append(out, r)
			continue
		}
		if _, known := at[key]; !known {
			at[key] = len(out)
			out = append(out, r)
		}
		names[key] = append(names[key], r[0])
	}
	for key, i := range at {
		if n := len(names[key]); n > 1 {
			out[i][0] += " and " + strconv.Itoa(n-1) + " more"
		}
	}
	return out
}

// offered shortens the methods' names as far as they stay clear.
func offered(a *facts.Login) string {
	var out []string
	for _, m := range a.Offered {
		switch m {
		case "publickey":
			m = "key"
		case "keyboard-interactive":
			m = "kbd"
		case "gssapi-keyex", "gssapi-with-mic":
			m = "gss"
		case "hostbased":
			m = "host"
		}
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		out = append(out, "nothing")
	}
	if a.OfferedDoubt != "" {
		out = append(out, "?")
	}
	return strings.Join(out, " ")
}

// columns writes columns of equal width; where a row is wider than the page its
// first two columns stand in a line of their own.
func (p *page) columns(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], len(c))
		}
	}
	total := 2
	for _, w := range widths {
		total += w + 2
	}
	narrow := p.width > 0 && total-2 > p.width
	for _, r := range rows {
		var b strings.Builder
		start := 0
		if narrow {
			p.line(2, r[0]+", "+r[1])
			start = 2
			b.WriteString("  ")
		}
		for i := start; i < len(r); i++ {
			b.WriteString(r[i])
			if i < len(r)-1 {
				b.WriteString(spaces[:min(len(spaces), widths[i]-len(r[i])+2)])
			}
		}
		p.blanks(2)
		p.w.WriteString(b.String())
		p.w.WriteByte('\n')
	}
}

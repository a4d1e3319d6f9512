package report

import (
	"bufio"
	"math"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/postern-ssh/postern/audit"
)

// page writes the parts of the text report. Errors of the writer stay in the
// bufio.Writer and come out at its Flush. What it is given has passed the door.
type page struct {
	w        *bufio.Writer
	width    int
	verbose  bool
	palette  palette
	mask     masker
	remedies map[string]shown // remedy -> where it was written
	hosts    bool             // jobs are a host's, not those of a table alone
}

// shown is where a remedy was written: the reader finds it there again.
type shown struct{ host, rule string }

const spaces = "                                "

// para writes text behind a label. Its further lines stand below its beginning,
// or a little in from the label where that is wide.
func (p *page) para(indent int, label, text string) {
	margin := indent + ansi.StringWidth(label)
	wide := false
	if p.width > 0 && margin > max(p.width/2, indent+2) && margin > 16 {
		margin = indent + 2
		label = strings.TrimRight(label, " ")
		wide = true
	}
	p.blanks(indent)
	p.w.WriteString(label)
	if wide {
		p.w.WriteByte('\n')
		p.blanks(margin)
	}
	for i, line := range p.wrap(text, margin) {
		if i > 0 {
			p.w.WriteByte('\n')
			p.blanks(margin)
		}
		p.w.WriteString(line)
	}
	p.w.WriteByte('\n')
}

// line writes words without a label; further lines are indented by two more.
func (p *page) line(indent int, text string) {
	for i, line := range p.wrap(text, indent+2) {
		p.blanks(indent)
		if i > 0 {
			p.blanks(2)
		}
		p.w.WriteString(line)
		p.w.WriteByte('\n')
	}
}

func (p *page) wrap(text string, margin int) []string {
	if p.width <= 0 {
		return []string{text}
	}
	return wrap(text, max(p.width-margin, minColumns))
}

func (p *page) blanks(n int) {
	for ; n > len(spaces); n -= len(spaces) {
		p.w.WriteString(spaces)
	}
	p.w.WriteString(spaces[:n])
}

func (p *page) space() { p.w.WriteByte('\n') }

// strong is a name in bold. A long one stays plain, since a word that holds escape
// sequences is not cut where it is wider than the page.
func (p *page) strong(s string) string {
	if p.width > 0 && len(s) > p.width/2 {
		return s
	}
	return p.palette.bold.Sprint(s)
}

// title writes the head of a part.
func (p *page) title(s string) {
	p.space()
	p.line(0, p.palette.bold.Sprint(s))
}

// tenths gives a figure with one decimal, rounded down: 94.96 must not read 95.0
// beside a B.
func tenths(f float64) string {
	return strconv.FormatFloat(math.Floor(f*10+1e-6)/10, 'f', 1, 64)
}

func percent(share float64) string {
	return strconv.Itoa(int(math.Floor(share*100+1e-6))) + "%"
}

// standing gives grade and score in words.
func (p *page) standing(s audit.Score) string {
	if !s.Known {
		return "no score"
	}
	return "grade " + p.palette.grade(Inline(s.Grade)) + ", score " + tenths(s.Value)
}

// counts joins those of n that are not 0: "2 critical, 1 low".
func counts(parts ...string) string {
	kept := parts[:0]
	for _, s := range parts {
		if !strings.HasPrefix(s, "0 ") {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, ", ")
}

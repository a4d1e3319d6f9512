package fix

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/report"
)

// Text writes a plan for people.
type Text struct {
	W     io.Writer
	Width int // columns; 0 does not wrap
	Color bool
}

type textPage struct {
	*bufio.Writer
	width int
	color bool
}

// Write writes the plan, host by host, and a sentence about all of them. Hosts on
// which it is the same to the byte are shown once: of two hundred nobody would read
// two hundred.
func (t *Text) Write(p *Plan) error {
	w := &textPage{bufio.NewWriter(t.W), t.Width, t.Color}
	changes, refused := 0, 0
	same := alike(p.Hosts)
	for i := range p.Hosts {
		if names, first := same[i]; first {
			if i > 0 {
				fmt.Fprintln(w)
			}
			w.host(&p.Hosts[i])
			if len(names) > 0 {
				fmt.Fprintln(w)
				w.labelled("  ", w.paint("1", "the same on "), len("the same on "), strings.Join(names, ", "))
			}
		}
		if !p.Hosts[i].Empty() {
			changes++
		}
		if len(p.Hosts[i].Refused) > 0 {
			refused++
		}
	}
	if len(p.Hosts) > 1 {
		fmt.Fprintln(w)
		w.para("", fmt.Sprintf("%s: %s to change, %s with a refusal. Nothing was changed.", count(len(p.Hosts), "host"), count(changes, "host"), count(refused, "host")))
	}
	return w.Flush()
}

// alike gives the first host of each plan that differs, with the names of the
// others that have it. Numbers of processes are no difference.
func alike(list []Host) map[int][]string {
	out, first := map[int][]string{}, map[string]int{}
	for i := range list {
		h := list[i]
		name := report.Name(h.Name)
		h.Name, h.Reload.PID = "", min(h.Reload.PID, 1)
		var b strings.Builder
		page := &textPage{bufio.NewWriter(&b), 0, false}
		page.host(&h)
		page.Flush()
		at, known := first[b.String()]
		if !known {
			first[b.String()], out[i] = i, nil
			continue
		}
		out[at] = append(out[at], name)
	}
	return out
}

func (w *textPage) host(h *Host) {
	name := w.paint("1", report.Name(h.Name))
	end := "; nothing was changed"
	if n := len(h.Refused); n > 0 {
		end = ", and refused for " + count(n, "reason") + " (below)" + end
	}
	switch n := len(h.Changes); {
	case n == 0 && h.Reload.Needed:
		w.para("", name+": a reload of sshd planned, without a change"+end)
	case n == 0 && len(h.Refused) > 0:
		w.para("", name+": nothing planned"+end)
	case n == 0 && len(h.Unfixed) == 0:
		w.para("", name+": nothing to fix")
	case n == 0:
		w.para("", name+": nothing that fix can change")
	default:
		w.para("", name+": "+count(n, "change")+" planned"+end)
	}
	for i := range h.Changes {
		w.change(&h.Changes[i])
	}
	w.list("commands that would run", h.Commands(), false)
	w.pending(h.Pending)
	w.effect(&h.Effect, !h.Empty())
	w.list("to know", h.Warnings, true)
	w.elsewhere(h.Elsewhere)
	if len(h.Unfixed) > 0 {
		w.section("left to you")
		for _, u := range h.Unfixed {
			w.labelled("    ", u.Rule+": ", len(u.Rule)+2, report.Inline(u.Why))
		}
	}
	w.refusals(h.Refused)
}

// refusals stand last, where the eye is when the screen has stopped.
func (w *textPage) refusals(list []Refusal) {
	for i := range list {
		r := &list[i]
		fmt.Fprintln(w)
		label := "refused: "
		if r.Risk != "" {
			label = "refused (" + r.Risk + "): "
		}
		w.labelled("  ", w.paint("31;1", label), len(label), report.Inline(r.Why))
		if r.Path != "" {
			place := report.Place(r.Path, r.Line)
			if r.Text != "" {
				place += "  " + report.Inline(strings.TrimSpace(r.Text))
			}
			w.para("    ", place)
		}
		w.para("    ", "what to do: "+report.Inline(r.WayOut))
		if r.Risk != "" {
			w.para("    ", "or accept it by name: --accept-risk="+r.Risk)
		}
	}
}

// pending shows what somebody else wrote and a reload would bring into force.
func (w *textPage) pending(list []Pending) {
	if len(list) == 0 {
		return
	}
	w.section("edits by others that this brings into force")
	for i := range list {
		p := &list[i]
		text := report.Path(p.Path)
		if !p.Changed.IsZero() {
			text += ", changed on " + stamp(p.Changed)
		}
		if !p.Loaded.IsZero() {
			text += "; sshd read its files on " + stamp(p.Loaded)
		}
		w.para("    ", text)
		if p.Run == "" {
			w.para("    ", "what sshd has of it stands in no kept run")
			continue
		}
		w.para("    ", "what sshd has of it, by the kept run "+report.Inline(p.Run)+":")
		w.diff("    ", p.Diff())
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func (w *textPage) change(c *Change) {
	fmt.Fprintln(w)
	if c.Why != "" {
		w.comment(report.Inline(c.Why))
	}
	if len(c.Rules) > 0 {
		w.comment("for " + strings.Join(c.Rules, ", "))
	}
	if c.Source != "" {
		w.comment(report.Inline(c.Source))
	}
	w.diff("  ", c.Diff())
}

// comment is prose above a diff: each of its lines is marked, for none is of the file.
func (w *textPage) comment(text string) { w.para("  # ", text) }

// diff writes the lines of a diff.
func (w *textPage) diff(indent string, lines []string) {
	for _, line := range lines {
		style := ""
		switch {
		case strings.HasPrefix(line, "+++") || strings.HasPrefix(line, "---"):
			style = "1"
		case strings.HasPrefix(line, "+"):
			style = "32"
		case strings.HasPrefix(line, "-"):
			style = "31"
		case strings.HasPrefix(line, "@@"):
			style = "36"
		}
		for n, part := range cut(line, w.width-len(indent)) {
			in := indent
			if n > 0 {
				in += "    " // the rest of that line
			}
			fmt.Fprintln(w, in+w.paint(style, part))
		}
	}
}

func (w *textPage) effect(e *Effect, changes bool) {
	if !changes {
		return
	}
	w.section("who can log in")
	rows := []struct {
		mark, style string
		list        []string
	}{{"- ", "31", e.Closed}, {"+ ", "32", e.Opened}, {"  ", "", e.Stay}}
	n := 0
	for _, r := range rows {
		for i, l := range r.list {
			if i == 20 && r.mark == "  " {
				w.para("    ", fmt.Sprintf("  and %d more as before (--format json has them)", len(r.list)-i))
				break
			}
			n++
			w.labelled("    ", w.paint(r.style, r.mark), len(r.mark), report.Inline(l))
		}
	}
	if n == 0 {
		w.para("    ", "nobody, as far as was seen, before and after")
	} else if len(e.Closed)+len(e.Opened) == 0 {
		w.para("    ", "as before")
	}
	if len(e.Lately) == 0 {
		return
	}
	w.section("who is shut out, and came with a password lately")
	for _, l := range e.Lately {
		w.para("    ", fmt.Sprintf("%s, last on %s from %s", report.Name(l.User), stamp(l.Last), report.Inline(l.From)))
	}
	w.para("    ", "a key keeps them in (postern fix install-key KEY.pub USER HOST), or allow: in the inventory for who cannot do keys")
}

func (w *textPage) section(title string) {
	fmt.Fprintln(w)
	fmt.Fprintln(w, "  "+w.paint("1", title))
}

func (w *textPage) list(title string, lines []string, foreign bool) {
	if len(lines) == 0 {
		return
	}
	w.section(title)
	for _, l := range lines {
		if foreign {
			l = report.Inline(l)
		}
		w.para("    ", l)
	}
}

func (w *textPage) paint(style, s string) string {
	if !w.color || style == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (w *textPage) para(indent, text string) { w.labelled(indent, "", 0, text) }

// labelled writes text behind a label that takes that many columns, wrapped below
// itself.
func (w *textPage) labelled(indent, label string, columns int, text string) {
	room := w.width - len(indent)
	hang := indent
	if columns <= 4 {
		hang += strings.Repeat(" ", columns)
	} else {
		hang += "  "
	}
	line, used := indent+label, columns
	for _, word := range strings.Fields(text) {
		n := len(word)
		if strings.HasPrefix(word, "\x1b") {
			n = 0
		}
		for w.width > 0 && used+n > room && used > 0 && used > len(hang)-len(indent) {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			line, used = hang, len(hang)-len(indent)
		}
		for w.width > 0 && len(hang)+len(word) > w.width && len(word) > w.width-len(hang)-used+len(hang)-len(indent) {
			take := max(w.width-len(indent)-used, 8)
			if take >= len(word) {
				break
			}
			fmt.Fprintln(w, line+word[:take])
			word = word[take:]
			line, used = hang, len(hang)-len(indent)
		}
		line += word + " "
		used += len(word) + 1
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

// cut breaks a line of a diff into pieces of that width. All but the last stand
// for one line of the file.
func cut(s string, width int) []string {
	if width < 20 {
		return []string{s}
	}
	var out []string
	for len(s) > width {
		out = append(out, s[:width])
		if s = s[width:]; len(out) == 1 {
			width -= 4 // the rest stands further in
		}
	}
	return append(out, s)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// elsewhere lists what a plan for this host cannot change.
func (w *textPage) elsewhere(list []Elsewhere) {
	if len(list) == 0 {
		return
	}
	w.section("to be changed elsewhere: whoever was root here may have it")
	for i := range list {
		e := &list[i]
		w.labelled("    ", "- ", 2, report.Inline(e.What))
		if len(e.Opens) > 0 {
			w.labelled("      ", "", 0, "it opens "+report.Inline(strings.Join(e.Opens, ", ")))
		}
	}
}

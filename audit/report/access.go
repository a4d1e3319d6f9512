package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
)

// AccessJSON writes who can log in as one JSON document, each foreign string
// through [Inline]. Its form is given by [AccessSchema].
func AccessJSON(w io.Writer, a *audit.Access) error {
	facts.MapStrings(a, Inline)
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(a)
}

// AccessText writes who can log in for people: first who gets in by what, then
// the matrix of all accounts.
type AccessText struct {
	W       io.Writer
	Width   int
	Color   bool
	Verbose bool // also who cannot get in, and why
}

// Write writes the answers.
func (t *AccessText) Write(a *audit.Access) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color)}
	for i := range a.Hosts {
		if i > 0 {
			p.space()
		}
		p.logins(&a.Hosts[i])
	}
	p.fleetKeys(a.Keys)
	p.privateKeys(a.PrivateKeys)
	return w.Flush()
}

func (p *page) logins(h *audit.HostLogins) {
	if h.Logins == nil {
		p.para(0, p.strong(Name(h.Host))+": ", "not known: "+Inline(h.Error))
		return
	}
	for i := range h.Logins.Servers {
		p.loginServer(h.Host, &h.Logins.Servers[i])
	}
	if len(h.Logins.Servers) == 0 {
		p.line(0, p.strong(Name(h.Host))+": no sshd was found")
	}
	for i, g := range h.Logins.Gaps {
		if i == 5 && !p.verbose {
			p.line(2, fmt.Sprintf("and %d more gaps (-v shows them)", len(h.Logins.Gaps)-i))
			break
		}
		text := Inline(g.Reason)
		if g.Path != "" {
			text = Path(g.Path) + ": " + text
		}
		p.para(2, "not known: ", text)
	}
}

func (p *page) loginServer(host string, s *facts.LoginServer) {
	kind := "sshd"
	if s.Kind != "" {
		kind = Inline(s.Kind)
	}
	head := kind + " " + Inline(s.Version)
	if s.Version == "unknown" {
		head = kind + " of a release that is not known"
	}
	if head += ", "; s.Kind == "dropbear" {
		head += Inline(s.Config)
	} else {
		head += Path(s.Config)
	}
	if len(s.Listens) > 0 {
		head += ", listens on " + Inline(strings.Join(s.Listens, " "))
	}
	p.para(0, p.strong(Name(host))+"  ", head)
	if s.Doubt != "" {
		p.para(2, "not certain: ", Inline(s.Doubt))
	}
	var without []*facts.Login
	groups := map[string][]string{}
	for i := range s.Logins {
		a := &s.Logins[i]
		for n := range a.Ways {
			w := &a.Ways[n]
			title := wayTitle(w)
			groups[title] = append(groups[title], p.waySentence(a, w))
		}
		if len(a.Ways) == 0 {
			without = append(without, a)
		}
	}
	for _, title := range wayTitles {
		if lines := groups[title]; len(lines) > 0 {
			p.line(2, p.palette.bold.Sprint(title))
			for _, l := range lines {
				p.line(4, l)
			}
		}
	}
	p.administrators(s)
	p.nobody(without)
	p.matrix(s)
}

var wayTitles = []string{
	"who gets in with the empty password", "who gets in with a password", "who gets in with a key", "who gets in by several steps",
	"who gets in by host or ticket", "who may get in: not known",
}

func wayTitle(w *facts.LoginWay) string {
	switch {
	case w.Verdict != "yes":
		return wayTitles[5]
	case w.Methods[0] == "none":
		return wayTitles[0]
	}
	kinds := map[string]bool{}
	for _, m := range w.Methods {
		base, _, _ := strings.Cut(m, ":")
		switch base {
		case "keyboard-interactive":
			base = "password"
		case "gssapi-with-mic", "hostbased":
			base = "other"
		}
		kinds[base] = true
	}
	switch {
	case len(kinds) > 1:
		return wayTitles[3]
	case kinds["password"]:
		return wayTitles[1]
	case kinds["publickey"]:
		return wayTitles[2]
	}
	return wayTitles[4]
}

// waySentence is "backup, from 10.0.0.0/8, since /etc/ssh/sshd_config:88".
func (p *page) waySentence(a *facts.Login, w *facts.LoginWay) string {
	parts := []string{p.strong(Name(a.User))}
	if a.UID == 0 && a.User != "root" {
		parts[0] += " (uid 0)"
	}
	parts = append(parts, Inline(a.From))
	switch m := strings.Join(w.Methods, ","); m {
	case "password", "publickey", "none":
	case "keyboard-interactive":
		parts = append(parts, "asked by keyboard-interactive")
	default:
		parts = append(parts, "by "+Inline(m))
	}
	if w.Verdict != "yes" {
		text := Inline(w.Why)
		if w.Settle != "" {
			text += "; to settle it: " + Inline(w.Settle)
		}
		return strings.Join(parts, ", ") + ": " + text
	}
	if at := since(w.Evidence); at != "" {
		parts = append(parts, "since "+at)
	}
	text := strings.Join(parts, ", ")
	if slices.Contains(w.Methods, "publickey") {
		text += ": " + p.keyWords(a)
	}
	if s := sessionWords(a.Session); s != "" {
		text += "; " + s
	}
	return text
}

// since names the line that opens a way: of sshd's configuration where there is
// one, else of whatever shows it.
func since(list []facts.Evidence) string {
	best := ""
	for i := range list {
		e := &list[i]
		switch {
		case e.Path == "":
			if best == "" {
				best = Inline(e.Text)
			}
		case e.Line > 0 && strings.Contains(e.Path, "sshd_config"):
			return Place(e.Path, e.Line)
		case best == "" && e.Line == 0 && strings.Contains(e.Text, "default"):
			best = "the default (" + Path(e.Path) + " does not set it)"
		case best == "":
			best = Place(e.Path, e.Line)
		}
	}
	return best
}

// most bounds the keys that one sentence names.
const mostKeys = 3

func (p *page) keyWords(a *facts.Login) string {
	var words []string
	more := 0
	for i := range a.Keys {
		k := &a.Keys[i]
		if k.Opens != "yes" {
			continue
		}
		if len(words) == mostKeys && !p.verbose {
			more++
			continue
		}
		words = append(words, keyWord(k))
	}
	if more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}

func keyWord(k *facts.LoginKey) string {
	text := Inline(k.Type) + " " + Inline(k.Fingerprint)
	if k.CA {
		text = "certificates of " + text
		if len(k.Principals) > 0 {
			text += " for " + Inline(strings.Join(k.Principals, ", "))
		}
	}
	if k.Comment != "" {
		text += " " + Name(k.Comment)
	}
	if k.From != "" {
		text += ", only from " + Inline(k.From)
	}
	if k.Command != "" {
		text += ", only to run " + Quote(k.Command)
	}
	if k.Until != "" {
		text += ", until " + Inline(k.Until)
	}
	if len(k.Limits) > 0 {
		text += ", " + Inline(strings.Join(k.Limits, " "))
	}
	if k.Weak != "" {
		text += ", weak: " + Inline(k.Weak)
	}
	for _, b := range k.Bugs {
		text += "; " + Inline(b)
	}
	return text
}

func sessionWords(s *facts.Session) string {
	if s == nil {
		return ""
	}
	var out []string
	switch {
	case strings.HasPrefix(s.Command, "internal-sftp"):
		out = append(out, "file transfer alone")
	case s.Command != "":
		out = append(out, "bound to "+Quote(s.Command))
	}
	if s.Chroot != "" {
		out = append(out, "in "+Path(s.Chroot))
	}
	if s.NoTTY {
		out = append(out, "without a terminal")
	}
	if s.Shell != "" {
		out = append(out, Inline(s.Shell))
	}
	if (s.Command != "" || s.Chroot != "" || s.Shell != "") && len(s.Open) > 0 {
		out = append(out, "forwarding left open: "+strings.Join(s.Open, " "))
	}
	for _, b := range s.Bugs {
		out = append(out, Inline(b))
	}
	return strings.Join(out, "; ")
}

// administrators says whose ways in ask for one kind of proof alone (PCI DSS 4.0,
// 8.4). Who is one by sudoers is not read.
func (p *page) administrators(s *facts.LoginServer) {
	var lines []string
	for i := range s.Logins {
		a := &s.Logins[i]
		if a.Admin == "" || len(a.Ways) == 0 || a.TwoFactors == "yes" {
			continue
		}
		word := Inline(a.TwoFactorsWhy)
		if a.TwoFactors == "unknown" {
			word = "not known: " + word
		}
		lines = append(lines, Name(a.User)+" ("+Inline(a.Admin)+"), "+Inline(a.From)+": "+word)
	}
	if len(lines) == 0 {
		return
	}
	p.line(2, p.palette.bold.Sprint("administrators without two factors (by uid and group; sudoers is not read)"))
	for _, l := range lines {
		p.line(4, l)
	}
}

// nobody says how many answers are no, by reason.
func (p *page) nobody(list []*facts.Login) {
	if len(list) == 0 {
		return
	}
	p.line(2, p.palette.bold.Sprint(fmt.Sprintf("who does not get in: %d %s", len(list), oneOrMany(len(list), "answer", "answers"))))
	by := map[string][]string{}
	for _, a := range list {
		why := a.Why
		if why == "" {
			why = "no way is open"
		}
		by[why] = append(by[why], Name(a.User)+" "+Inline(a.From))
	}
	reasons := make([]string, 0, len(by))
	for r := range by {
		reasons = append(reasons, r)
	}
	sort.Slice(reasons, func(i, j int) bool {
		if len(by[reasons[i]]) != len(by[reasons[j]]) {
			return len(by[reasons[i]]) > len(by[reasons[j]])
		}
		return reasons[i] < reasons[j]
	})
	for i, r := range reasons {
		if i == 4 && !p.verbose {
			p.line(4, fmt.Sprintf("and %d more reasons (-v shows them)", len(reasons)-i))
			break
		}
		names := by[r]
		if len(names) > 4 && !p.verbose {
			names = append(names[:4:4], fmt.Sprintf("%d more", len(names)-4))
		}
		p.line(4, strings.Join(names, ", ")+": "+Inline(r))
	}
}

func oneOrMany(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

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
	if len(rows) == 1 {
		return
	}
	p.space()
	p.columns(rows)
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

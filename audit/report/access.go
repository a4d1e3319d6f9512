package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
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
	Verbose bool   // also who cannot get in, and why
	User    string // the account that was asked for; "" all
}

// Write writes the answers.
func (t *AccessText) Write(a *audit.Access) error {
	w := bufio.NewWriter(t.W)
	p := &page{w: w, width: t.Width, verbose: t.Verbose, palette: newPalette(t.Color)}
	var without []string
	said := false
	for i := range a.Hosts {
		if t.User != "" && noAccount(&a.Hosts[i]) {
			without = append(without, Name(a.Hosts[i].Host))
			continue
		}
		if said {
			p.space()
		}
		p.logins(&a.Hosts[i])
		said = true
	}
	if len(without) > 0 {
		if said {
			p.space()
		}
		p.para(0, "no account "+Name(t.User)+" was seen on ", someNames(without, t.Verbose))
	}
	p.fleetKeys(a.Keys)
	p.privateKeys(a.PrivateKeys)
	return w.Flush()
}

// noAccount tells a host that was read, and of whose accounts none is the one that
// was asked for.
func noAccount(h *audit.HostLogins) bool {
	if h.Logins == nil || len(h.Logins.Servers) == 0 {
		return false
	}
	for i := range h.Logins.Servers {
		if len(h.Logins.Servers[i].Logins) > 0 {
			return false
		}
	}
	return true
}

func (p *page) logins(h *audit.HostLogins) {
	if h.Logins == nil {
		p.para(0, p.strong(Name(h.Host))+": ", "not known: "+Inline(strings.TrimPrefix(h.Error, h.Host+": ")))
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
	var doubts []doubt
	groups := map[string][]string{}
	for i := range s.Logins {
		a := &s.Logins[i]
		for n := range a.Ways {
			w := &a.Ways[n]
			title := wayTitle(w)
			if title == wayTitles[5] {
				doubts = append(doubts, doubt{a, w})
				continue
			}
			groups[title] = append(groups[title], p.waySentence(a, w))
		}
		if len(a.Ways) == 0 {
			without = append(without, a)
		}
	}
	groups[wayTitles[5]] = p.doubtful(doubts)
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

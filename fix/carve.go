package fix

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/inventory"
)

// carveMark begins the comment above a block that postern has written.
const carveMark = "# postern allow: "

// loginRules are those whose mending may shut a carve-out.
var loginRules = []string{"no-password-login", "root-password-login", "no-root-login", "permit-root-login"}

// carveOuts writes a Match block for each allow: login that would not be possible
// else, and takes the blocks of those that have run out away.
func (p *planner) carveOuts() {
	if p.cfg == nil || !p.asksForLogins() {
		return
	}
	p.expiredBlocks()
	if len(p.changes()) == 0 && !slices.ContainsFunc(loginRules, p.named) {
		return // nothing that this plan shuts
	}
	for i := range p.in.Host.Allow {
		a := &p.in.Host.Allow[i]
		switch {
		case !a.Expires.After(p.in.Now):
			p.warn("the carve-out of %s (%s) has run out on %s: it is not written", a.User, a.Pos, a.Expires.Format("2006-01-02"))
		case p.account(a.User) == nil:
			p.warn("the carve-out of %s (%s) names no account of this host: it is not written", a.User, a.Pos)
		default:
			if err := p.carve(a); err != nil {
				p.refuse(Refusal{Risk: "carve-out", Why: fmt.Sprintf("the carve-out of %s (%s) cannot be made: %s", a.User, a.Pos, err),
					WayOut: "change allow: in the inventory, or accept that this login goes"})
			}
		}
	}
}

// asksForLogins reports whether one of the rules about logins was chosen.
func (p *planner) asksForLogins() bool {
	return slices.ContainsFunc(loginRules, func(r string) bool { _, chosen := p.verdict[r]; return chosen })
}

// carve makes one login possible, and nothing more.
func (p *planner) carve(a *inventory.CarveOut) error {
	before := p.ways(nil)
	if open, _ := before.opened(a); open {
		return nil // it is possible as it is
	}
	files := []string{p.cfg.Main}
	old := map[string][]byte{}
	for _, f := range files {
		e := p.cfg.Edit(f)
		if e == nil {
			return errNotHere{f + " was not read"}
		}
		old[f] = e.Bytes()
	}
	main := p.cfg.Main
	pend, err := p.open(main, KindSshd)
	if err != nil {
		return err
	}
	why := ""
	for _, first := range []bool{false, true} {
		for _, set := range carveSettings(a, p) {
			text, err := p.carveText(a, set, first, old[main])
			if err != nil {
				why = either(why, err.Error())
				continue
			}
			pend.new = text
			p.keep(pend, "", "")
			p.reload()
			if f := p.cfg.Refused(); f != nil {
				why = f.String()
				continue
			}
			after := p.ways(before.addresses())
			open, shut := after.opened(a)
			more := ""
			if open {
				// The same places on both sides, so that a new way is not a new place.
				pend.new = old[main]
				p.reload()
				more = after.beyond(p.ways(after.addresses()), a)
				pend.new = text
				p.reload()
			}
			switch {
			case more != "":
				why = "it would open more: " + more
			case !open:
				why = "the block would not open it: " + shut
			default:
				p.keep(pend, "no-password-login", fmt.Sprintf("a carve-out for %s (%s): %s", a.User, a.Owner, a.Reason))
				return nil
			}
		}
	}
	pend.new = old[main]
	p.reload()
	return errNotHere{why}
}

// carveSettings are the lines that may be needed, the fewest first.
func carveSettings(a *inventory.CarveOut, p *planner) [][]sshd.Assignment {
	keyword := map[string]string{"password": "PasswordAuthentication", "keyboard-interactive": "KbdInteractiveAuthentication", "publickey": "PubkeyAuthentication"}[a.Method]
	if keyword == "" {
		return nil
	}
	one := func(k, v string) sshd.Assignment { return sshd.Assignment{Keyword: k, Args: []string{v}} }
	base := []sshd.Assignment{one(keyword, "yes")}
	methods := one("AuthenticationMethods", a.Method)
	out := [][]sshd.Assignment{base, append(slices.Clone(base), methods)}
	if acc := p.account(a.User); acc != nil && acc.UID == 0 {
		root := one("PermitRootLogin", "yes")
		if a.Method == "publickey" {
			root = one("PermitRootLogin", "prohibit-password")
		}
		out = [][]sshd.Assignment{append(slices.Clone(base), root), append(slices.Clone(base), root, methods)}
	}
	return out
}

// carveText adds the block to the main file: at its end, or in front of the first
// Match, where a block that stands there decides first.
func (p *planner) carveText(a *inventory.CarveOut, set []sshd.Assignment, first bool, old []byte) ([]byte, error) {
	if strings.ContainsAny(a.User, "*?!, \t\"'#\\") {
		return nil, errNotHere{"the name " + a.User + " cannot be written in a Match line"}
	}
	e := sshd.Edit(sshd.Parse(p.cfg.Main, old, p.cfg.Version()), p.cfg.Distro())
	if err := e.AddMatch("User "+a.User+" Address "+strings.Join(a.Addresses, ","), set...); err != nil {
		return nil, errNotHere{plain(err)}
	}
	text := e.Bytes()
	at := bytes.LastIndex(text, []byte("Match User "+a.User+" Address "))
	if at < 0 || len(old) > at {
		return nil, errNotHere{"the block cannot be written"}
	}
	eol := "\n"
	if bytes.HasSuffix(text, []byte("\r\n")) {
		eol = "\r\n"
	}
	comment := carveMark + oneLine(fmt.Sprintf("%s until %s, %s: %s", a.User, a.Expires.Format("2006-01-02"), a.Owner, a.Reason)) + eol
	block := append([]byte(comment), text[at:]...)
	if !first {
		return append(slices.Clone(text[:at]), block...), nil
	}
	f := sshd.Parse(p.cfg.Main, old, p.cfg.Version())
	if len(f.Blocks) < 2 {
		return nil, errNotHere{"no Match block stands before it"}
	}
	// A comment right above the Match belongs to it.
	to := f.Blocks[1].Match.Pos.Offset
	for i := len(f.Blocks[0].Lines) - 1; i >= 0; i-- {
		l := &f.Blocks[0].Lines[i]
		if l.Keyword.Text != "" || strings.TrimSpace(l.Raw) == "" {
			break
		}
		to = l.Pos.Offset
	}
	out := append(slices.Clone(old[:to]), block...)
	return append(append(out, eol...), old[to:]...), nil
}

// oneLine is text for a comment: one line of printable ASCII.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// expiredBlocks takes away blocks that postern wrote and that no live allow: asks for.
func (p *planner) expiredBlocks() {
	for range maxEdits {
		if !p.expiredBlock() {
			return
		}
	}
}

func (p *planner) expiredBlock() bool {
	for _, f := range p.cfg.Files {
		all := f.Print()
		for i := 1; i < len(f.Blocks); i++ {
			above := f.Blocks[i-1].Lines
			if len(above) == 0 {
				continue
			}
			mark := &above[len(above)-1]
			text, ours := strings.CutPrefix(strings.TrimSpace(mark.Raw), carveMark)
			user, _, _ := strings.Cut(text, " ")
			criteria := strings.TrimSpace(f.Blocks[i].Match.Rest)
			if !ours || slices.ContainsFunc(p.in.Host.Allow, func(a inventory.CarveOut) bool {
				return a.Expires.After(p.in.Now) && criteria == "User "+a.User+" Address "+strings.Join(a.Addresses, ",")
			}) {
				continue
			}
			// What stands behind the block's last setting belongs to the next one.
			end := f.Blocks[i].Match.End.Offset
			for _, l := range f.Blocks[i].Lines {
				if l.Keyword.Text != "" {
					end = l.End.Offset
				}
			}
			start := mark.Pos.Offset
			if n := len(above); n > 1 && strings.TrimSpace(above[n-2].Raw) == "" {
				start = above[n-2].Pos.Offset // the blank line that postern put there
			}
			out := append(slices.Clone(all[:start]), all[end:]...)
			rule := p.rule
			p.rule = "no-password-login"
			err := p.apply([]sshd.FileEdit{{Path: f.Name, Old: all, New: out}}, fmt.Sprintf("the carve-out of %s has run out, or left the inventory", user))
			p.rule = rule
			if err != nil {
				p.unfixed("no-password-login", err.Error())
				return false
			}
			return true
		}
	}
	return false
}

// ways are the logins that the plan would leave open, with these addresses told
// apart as well.
func (p *planner) ways(apart []string) wayset {
	opt := p.opt
	opt.Apart = slices.Clone(apart)
	for i := range p.in.Host.Allow {
		opt.Apart = append(opt.Apart, strings.Join(p.in.Host.Allow[i].Addresses, ","))
	}
	return waysOf(primary(facts.WhoCanLogIn(p.now(), opt)))
}

// primary is the server that answers.
func primary(l *facts.Logins) *facts.LoginServer {
	for i := range l.Servers {
		if l.Servers[i].Primary {
			return &l.Servers[i]
		}
	}
	if len(l.Servers) > 0 {
		return &l.Servers[0]
	}
	return nil
}

// way is one way in.
type way struct {
	user  string
	place facts.LoginPlace
	name  string // of its methods
}

// wayset holds ways with their verdicts, yes or unknown.
type wayset struct {
	verdict map[way]string
	places  map[string][]facts.LoginPlace // by account
	why     map[string]string             // by account, of the first place where nothing is open
}

func waysOf(s *facts.LoginServer) wayset {
	w := wayset{map[way]string{}, map[string][]facts.LoginPlace{}, map[string]string{}}
	if s == nil {
		return w
	}
	for i := range s.Logins {
		l := &s.Logins[i]
		w.places[l.User] = append(w.places[l.User], l.Places...)
		if l.Why != "" && w.why[l.User] == "" {
			w.why[l.User] = l.Why
		}
		for n := range l.Ways {
			for _, pl := range l.Places {
				pl.Label = ""
				w.verdict[way{l.User, pl, strings.Join(l.Ways[n].Methods, ",")}] = l.Ways[n].Verdict
			}
		}
	}
	return w
}

// addresses are those of all places.
func (w wayset) addresses() []string {
	var out []string
	for _, list := range w.places {
		for _, pl := range list {
			if pl.Address != "" && !slices.Contains(out, pl.Address) {
				out = append(out, pl.Address)
			}
		}
	}
	slices.Sort(out)
	return out
}

// within reports whether a place lies inside a carve-out.
func within(a *inventory.CarveOut, pl *facts.LoginPlace) bool {
	return sshd.MatchPlace(strings.Join(a.Addresses, ","), &sshd.Context{Addr: pl.Address})
}

// opened reports whether a carve-out's login is open at all of its places.
func (w wayset) opened(a *inventory.CarveOut) (open bool, why string) {
	n := 0
	for _, pl := range w.places[a.User] {
		if !within(a, &pl) {
			continue
		}
		n++
		pl.Label = ""
		if v := w.verdict[way{a.User, pl, a.Method}]; v == "" {
			return false, either(w.why[a.User], "another method is asked for")
		}
	}
	return n > 0, "its addresses are not told apart"
}

// beyond names a way that is open and was not before, and that no carve-out means.
func (w wayset) beyond(before wayset, a *inventory.CarveOut) string {
	var out []string
	for k, v := range w.verdict {
		if was := before.verdict[k]; was == "yes" || was == v || k.user == a.User && within(a, &k.place) && k.name == a.Method {
			continue
		}
		out = append(out, fmt.Sprintf("%s by %s from %s", k.user, k.name, k.place.Address))
	}
	slices.Sort(out)
	if len(out) == 0 {
		return ""
	}
	return out[0]
}

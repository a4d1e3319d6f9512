package fix

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// settle ends the plan: its changes in their order, what they rest on, what they
// mean for those who log in, and why they must not be applied.
func (p *planner) settle() {
	h := p.host
	h.Changes = ordered(p.changes())
	sshdChanges := slices.ContainsFunc(h.Changes, func(c Change) bool { return c.Kind == KindSshd || c.Kind == KindKey })
	sshdChanges = sshdChanges || p.load && p.cfg != nil
	h.Reload = p.reloadOf(sshdChanges)
	p.rests()
	if h.Empty() {
		return
	}
	p.rights()
	after := changed(p.in.Snapshot, h.Changes, p.sshdFiles())
	if sshdChanges {
		p.pendingEdits()
	}
	p.effect(after)
	if sshdChanges {
		p.disagreements()
		if f := p.cfg.Refused(); f != nil {
			p.refuse(Refusal{Why: "sshd would refuse the files: " + f.Message, Path: f.File, Line: f.Pos.Line, WayOut: either(f.Hint, "mend that line first")})
		}
		p.hiddenNames()
	}
	p.logins(after)
}

// besideName is like the names under which a new file and the way back stand beside
// the old one while it is changed: hidden, so that few globs match them.
const besideName = "/.postern-0123456789abcdef-1.old"

// hiddenNames refuses where an Include would read what is written beside a file.
func (p *planner) hiddenNames() {
	for _, inc := range p.cfg.Includes() {
		for i := range p.host.Changes {
			c := &p.host.Changes[i]
			if c.Kind != KindSshd && c.Kind != KindKey || !sshd.GlobMatch(inc.Glob, path.Dir(c.Before.Real)+besideName) && !sshd.GlobMatch(inc.Glob, path.Dir(c.Before.Path)+besideName) {
				continue
			}
			p.refuse(Refusal{Why: "sshd would read what is written beside " + c.Before.Path + " while it is changed: Include " + inc.Text + " takes hidden names",
				Path: inc.File, Line: inc.Line.Pos.Line, Text: strings.TrimSpace(inc.Line.Raw), WayOut: "narrow that pattern first, to *.conf"})
			return
		}
	}
}

// rights refuses where the login that read the host is not root's: nothing can be
// written by it, and much was not seen.
func (p *planner) rights() {
	s := p.in.Snapshot
	if s.Source != snapshot.SourceSSH || s.Privilege != snapshot.PrivilegeNone {
		return
	}
	why := "fix needs root on the host, which was read as " + either(s.Account, "an account") + ", without root's rights"
	if refused := s.Identity("refused"); refused != "" {
		why += " (sudo -n was refused: " + refused + ")"
	}
	p.refuse(Refusal{Why: why, WayOut: fmt.Sprintf("let it run the program as root: a line \"%s ALL=(root) NOPASSWD: /bin/sh\" in sudoers, or log in as root with a key", either(s.Account, "NAME"))})
}

// ordered puts what opens or only protects before what closes, so that each
// mixture of old and new files still lets the owner in.
func ordered(list []Change) []Change {
	rank := map[Kind]int{KindMode: 0, KindKey: 1, KindPolicy: 1, KindSshd: 2, KindTable: 3, KindMove: 4, KindKeys: 5, KindAccount: 6}
	slices.SortStableFunc(list, func(a, b Change) int {
		if rank[a.Kind] != rank[b.Kind] {
			return rank[a.Kind] - rank[b.Kind]
		}
		if a.Kind == KindSshd { // a carve-out before what it is carved from
			return order(opens(&b)) - order(opens(&a))
		}
		return 0
	})
	return list
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

func opens(c *Change) bool {
	return strings.Contains(string(c.New), carveMark) && !strings.Contains(string(c.Old), carveMark)
}

// reloadOf says how sshd gets to read its files anew.
func (p *planner) reloadOf(needed bool) Reload {
	r := Reload{Needed: needed}
	if !needed {
		return r
	}
	for i := range p.before.Daemons {
		if d := &p.before.Daemons[i]; d.Primary && d.Kind == "sshd" {
			r.PID, r.Args = d.PID, d.Args
		}
	}
	for id, u := range units(p.in.Snapshot) {
		switch {
		case (id == "ssh.socket" || id == "sshd.socket") && u["ActiveState"] == "active":
			r.Socket = true
		case (id == "ssh.service" || id == "sshd.service") && u["LoadState"] == "loaded" && (r.PID == 0 || u["MainPID"] == fmt.Sprint(r.PID)):
			if r.Unit == "" || id == "ssh.service" { // on Debian the other is an alias
				r.Unit = id
			}
		}
	}
	if p.policy != nil && p.policy.handed && p.pending[policyBackEnd] == p.policy.backEnd {
		r.Restart, r.ArgsBefore = true, r.Args
		r.Args = handedArgs(r.Args, p.policy.backEnd.old, p.policy.backEnd.new)
	}
	return r
}

// units reads what systemctl show said, by Id.
func units(snap *snapshot.Snapshot) map[string]map[string]string {
	out := map[string]map[string]string{}
	o := snap.Output(snapshot.OutUnits)
	if o == nil {
		return out
	}
	for _, block := range strings.Split(string(o.Data), "\n\n") {
		u := map[string]string{}
		for line := range strings.Lines(block) {
			if k, v, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
				u[k] = v
			}
		}
		if u["Id"] != "" {
			out[u["Id"]] = u
		}
	}
	return out
}

// effect says who can log in before and after.
func (p *planner) effect(after *snapshot.Snapshot) {
	opt := p.opt
	for i := range p.in.Host.Allow {
		opt.Apart = append(opt.Apart, strings.Join(p.in.Host.Allow[i].Addresses, ","))
	}
	running, known := p.inForce()
	if !known {
		p.warn("what sshd runs with now is not known for files that others have changed: the ways in are compared with what its files say")
	}
	before, now := primary(facts.WhoCanLogIn(running, opt)), primary(facts.WhoCanLogIn(after, opt))
	was, is := waysWords(before), waysWords(now)
	e := &p.host.Effect
	closing := map[string]bool{}
	same := p.sameReach(running, after, opt, &was, &is, before, now)
	for _, w := range was.order {
		if is.have[w] || same[was.way[w]] {
			continue
		}
		e.Closed = append(e.Closed, w+was.line[w])
		if strings.Contains(w, "password") || strings.Contains(w, "keyboard-interactive") || strings.Contains(w, "none") {
			closing[was.user[w]] = true
		}
	}
	for _, w := range is.order {
		if was.have[w] || same[is.way[w]] {
			e.Stay = append(e.Stay, w+is.line[w])
		} else {
			e.Opened = append(e.Opened, w+is.line[w])
		}
	}
	if len(closing) == 0 {
		return
	}
	lately, since, whole := facts.PasswordLogins(p.in.Snapshot, p.opt)
	for _, l := range lately {
		if closing[l.User] {
			e.Lately = append(e.Lately, Lately{User: l.User, Last: l.Last, From: l.From})
		}
	}
	switch back := since.UTC().Format("2006-01-02 15:04 UTC"); {
	case !whole:
		p.warn("the log was not read to its end: whoever logged in with a password lately may be missing here")
	case since.IsZero():
		p.warn("the host's log holds no login: who came with a password lately is not known")
	case len(lately) == 0:
		p.warn("nobody logged in with a password since %s, which is as far back as the host's log was read", back)
	default:
		p.warn("the host's log was read back to %s: who came with a password before that is not listed", back)
	}
}

// words are the ways in as sentences.
type waywords struct {
	order []string
	have  map[string]bool
	line  map[string]string
	user  map[string]string
	way   map[string]string // the sentence without its place
}

// wayOf is a way in as a sentence without its place, and what is not certain of it.
func wayOf(l *facts.Login, y *facts.LoginWay) (way, doubt string) {
	if y.Verdict != "yes" {
		doubt = " (not certain: " + y.Why + ")"
	}
	return l.User + " by " + strings.Join(y.Methods, " and "), doubt
}

// sameReach are the ways that are open at the same places before and after. Which
// places are named together follows from all that holds at them, so that the words
// for a login that nothing changes may become others when its neighbour goes.
func (p *planner) sameReach(running, after *snapshot.Snapshot, opt facts.Options, was, is *waywords, before, now *facts.LoginServer) map[string]bool {
	moved := false
	for _, w := range was.order {
		moved = moved || !is.have[w] && slices.ContainsFunc(is.order, func(o string) bool { return is.way[o] == was.way[w] })
	}
	if !moved {
		return nil
	}
	// The same places on both sides, each told apart.
	opt.Apart = slices.Concat(opt.Apart, waysOf(before).addresses(), waysOf(now).addresses())
	was1, is1 := reach(primary(facts.WhoCanLogIn(running, opt))), reach(primary(facts.WhoCanLogIn(after, opt)))
	same := map[string]bool{}
	for way, places := range was1 {
		same[way] = maps.Equal(places, is1[way])
	}
	return same
}

// reach are the places at which each way is open.
func reach(s *facts.LoginServer) map[string]map[facts.LoginPlace]bool {
	out := map[string]map[facts.LoginPlace]bool{}
	if s == nil {
		return out
	}
	for i := range s.Logins {
		l := &s.Logins[i]
		for n := range l.Ways {
			way, doubt := wayOf(l, &l.Ways[n])
			if out[way+doubt] == nil {
				out[way+doubt] = map[facts.LoginPlace]bool{}
			}
			for _, pl := range l.Places {
				pl.Label = ""
				out[way+doubt][pl] = true
			}
		}
	}
	return out
}

func waysWords(s *facts.LoginServer) waywords {
	w := waywords{have: map[string]bool{}, line: map[string]string{}, user: map[string]string{}, way: map[string]string{}}
	if s == nil {
		return w
	}
	for i := range s.Logins {
		l := &s.Logins[i]
		for n := range l.Ways {
			y := &l.Ways[n]
			way, doubt := wayOf(l, y)
			text := way + ", " + l.From + doubt
			if w.have[text] {
				continue
			}
			w.have[text] = true
			w.way[text] = way + doubt
			w.user[text] = l.User
			w.order = append(w.order, text)
			for _, e := range y.Evidence {
				if e.Line > 0 {
					w.line[text] = fmt.Sprintf(" (%s:%d)", e.Path, e.Line)
					break
				}
			}
		}
	}
	return w
}

// disagreements stop a plan whose parser and whose sshd read the files differently.
func (p *planner) disagreements() {
	if p.before.Sshd.Stale {
		return // which pendingEdits has said
	}
	for i := range p.before.Disagreements {
		d := &p.before.Disagreements[i]
		if d.Effective == "" {
			continue
		}
		r := Refusal{Risk: "disagreement", Why: fmt.Sprintf("sshd itself says %s %s where the files read %s: what this plan foresees may be wrong", d.Setting, d.Effective, d.File),
			WayOut: "postern config diff shows both; report it"}
		if len(d.Evidence) > 0 {
			r.Path, r.Line, r.Text = d.Evidence[0].Path, d.Evidence[0].Line, d.Evidence[0].Text
		}
		p.refuse(r)
	}
}

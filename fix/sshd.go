package fix

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/inventory"
)

// setting is a keyword and what it has to be.
type setting struct {
	keyword string
	args    []string
	ok      func(words []string) bool // what is already good enough
}

// is wants one word.
func is(keyword, word string) setting {
	return setting{keyword, []string{word}, func(w []string) bool { return len(w) == 1 && strings.EqualFold(w[0], word) }}
}

// maxEdits bounds the lines that one setting may have to change: contexts are
// looked at anew after each.
const maxEdits = 200

// errNotHere is why a setting is left as it is.
type errNotHere struct{ why string }

func (e errNotHere) Error() string { return e.why }

// set makes a setting hold for every login: where it is set for all, and in each
// Match block that opens the door again, but for those that allow: means. It
// returns an error where it does not hold everywhere in the end; what it could do
// is done.
func (p *planner) set(s setting) error {
	if p.cfg == nil {
		return errNotHere{either(p.server.Why, "no configuration of sshd was read")}
	}
	if f := p.cfg.Refused(); f != nil {
		return errNotHere{"sshd refuses its files as they are: " + f.String()}
	}
	if p.before.Unknown["sshd"] != "" {
		return errNotHere{p.before.Unknown["sshd"]}
	}
	g := p.cfg.Globals()
	if !g.Known(s.keyword) {
		return errNotHere{fmt.Sprintf("OpenSSH %s has no %s", p.cfg.Version(), s.keyword)}
	}
	v := g.Get(s.keyword)
	if v.Unknown != "" {
		return errNotHere{s.keyword + " may be set in what could not be read: " + v.Unknown}
	}
	if !s.ok(v.Args) {
		if why := policyOwned(v); why != "" {
			if s.keyword != "RequiredRSASize" {
				return errNotHere{why}
			}
			if err := p.raisePolicy(v, s); err != nil {
				return err
			}
			return p.setBlocks(s)
		}
		edits, err := p.cfg.SetGlobal(p.server.Files, s.keyword, s.args...)
		if err != nil {
			return errNotHere{plain(err)}
		}
		why := fmt.Sprintf("%s becomes %s", s.keyword, strings.Join(s.args, " "))
		if v.Origin.Kind == sshd.FromDefault {
			why += fmt.Sprintf(", which is %s where nothing sets it", either(strings.Join(v.Args, " "), "not set"))
		} else {
			why += fmt.Sprintf(", which %s sets to %s", v.Origin, strings.Join(v.Args, " "))
		}
		if err := p.apply(edits, why); err != nil {
			return err
		}
	}
	return p.setBlocks(s)
}

// setBlocks closes the Match blocks that give some login another value.
func (p *planner) setBlocks(s setting) error {
	kept := map[sshd.Place]bool{}
	for range maxEdits {
		bad, err := p.firstBad(s, kept)
		if err != nil || bad == nil {
			return err
		}
		o := bad.origin
		block := fmt.Sprintf("Match %s (%s:%d)", strings.TrimSpace(o.Match), o.MatchFile, o.MatchPos.Line)
		if bad.allowed != nil {
			kept[sshd.Place{File: o.MatchFile, Pos: o.MatchPos}] = true
			p.warn("%s stays open: allow: means it (%s, until %s)", block, bad.allowed.Pos, bad.allowed.Expires.Format("2006-01-02"))
			continue
		}
		if p.asksForLogins() && p.expiredBlock() {
			continue // it may have been that one: what postern wrote goes whole
		}
		e := p.cfg.Edit(o.File)
		if e == nil {
			return errNotHere{o.File + " was not read"}
		}
		old := e.Bytes()
		if err := e.SetLine(o.Pos.Line, s.args...); err != nil {
			return errNotHere{plain(err)}
		}
		why := fmt.Sprintf("%s has %s", block, strings.TrimSpace(o.Text))
		way := ""
		if slices.ContainsFunc(slices.Collect(maps.Values(methodKeywords)), func(list []string) bool { return slices.Contains(list, s.keyword) }) {
			why = fmt.Sprintf("%s opens the door again with %s", block, strings.TrimSpace(o.Text))
			way = ". Who needs it gets a carve-out: allow: in the inventory"
		}
		if err := p.apply([]sshd.FileEdit{{Path: o.File, Old: old, New: e.Bytes()}}, why); err != nil {
			return err
		}
		p.warn("%s; its line is changed too%s", why, way)
	}
	return errNotHere{fmt.Sprintf("more than %d lines set %s", maxEdits, s.keyword)}
}

// badLogin is a login for which a block sets something else.
type badLogin struct {
	origin  sshd.Origin
	allowed *inventory.CarveOut // that covers all logins of that block
}

// firstBad finds the first login for which a value does not hold; nil: there is
// none.
func (p *planner) firstBad(s setting, kept map[sshd.Place]bool) (*badLogin, error) {
	users, places, capped := p.contexts()
	if capped {
		return nil, errNotHere{"the configuration tells more logins apart than postern looks at"}
	}
	m := p.cfg.Matrix(users, places)
	var bad *badLogin
	good := map[*sshd.Settings]bool{}
	for u := range users {
		for at := range places {
			set := m.Settings(u, at)
			if good[set] {
				continue
			}
			v := set.Get(s.keyword)
			block := sshd.Place{File: v.Origin.MatchFile, Pos: v.Origin.MatchPos}
			switch {
			case v.Unknown != "":
				return nil, errNotHere{s.keyword + " may be set in what could not be read: " + v.Unknown}
			case s.ok(v.Args), kept[block]:
				good[set] = true
				continue
			case v.Origin.Kind != sshd.FromFile:
				return nil, errNotHere{fmt.Sprintf("%s is %s by %s", s.keyword, strings.Join(v.Args, " "), v.Origin)}
			}
			allowed := p.covers(s.keyword, users[u].Name, &places[at])
			if bad == nil {
				bad = &badLogin{v.Origin, allowed}
			} else if v.Origin.MatchFile == bad.origin.MatchFile && v.Origin.MatchPos == bad.origin.MatchPos && allowed == nil {
				bad.allowed = nil // the block reaches further than what is allowed
			}
		}
	}
	return bad, nil
}

// contexts are the accounts and places that the configuration and the inventory's
// carve-outs tell apart, with stand-ins for accounts that the host's files do not
// hold.
func (p *planner) contexts() (users []sshd.User, places []sshd.Context, capped bool) {
	for i := range p.before.Accounts {
		a := &p.before.Accounts[i]
		groups := a.Groups
		if groups == nil {
			groups = []string{}
		}
		users = append(users, sshd.User{Name: a.Name, Groups: groups})
	}
	others, capped := p.cfg.Contexts(nil)
	for i := range others {
		c := &others[i]
		if !slices.ContainsFunc(users, func(u sshd.User) bool { return u.Name == c.User && slices.Equal(u.Groups, c.Groups) }) {
			users = append(users, sshd.User{Name: c.User, Groups: c.Groups})
		}
	}
	var lists []string
	for i := range p.in.Host.Allow {
		lists = append(lists, strings.Join(p.in.Host.Allow[i].Addresses, ","))
	}
	places, more := p.cfg.PlacesWith(lists)
	return users, places, capped || more
}

// covers finds the live carve-out inside which a login by the method of that
// keyword lies.
func (p *planner) covers(keyword, user string, place *sshd.Context) *inventory.CarveOut {
	for i := range p.in.Host.Allow {
		a := &p.in.Host.Allow[i]
		if a.User != user || !a.Expires.After(p.in.Now) || !slices.Contains(methodKeywords[a.Method], keyword) {
			continue
		}
		if list := strings.Join(a.Addresses, ","); list != "" && sshd.MatchPlace(list, place) {
			return a
		}
	}
	return nil
}

// methodKeywords are the switches that a carve-out for a method may open.
var methodKeywords = map[string][]string{
	"password":             {"PasswordAuthentication", "AuthenticationMethods", "PermitRootLogin"},
	"keyboard-interactive": {"KbdInteractiveAuthentication", "AuthenticationMethods", "PermitRootLogin"},
	"publickey":            {"PubkeyAuthentication", "AuthenticationMethods", "PermitRootLogin"},
}

// apply takes edits of sshd's files into the plan, all or none.
func (p *planner) apply(edits []sshd.FileEdit, why string) error {
	for _, e := range edits {
		if _, err := p.open(e.Path, KindSshd); err != nil {
			return errNotHere{err.Error()}
		}
	}
	for _, e := range edits {
		if err := p.write(e.Path, KindSshd, e.New, p.rule, why); err != nil {
			return errNotHere{err.Error()}
		}
	}
	p.reload()
	return nil
}

// reload loads the configuration with the edits so far.
func (p *planner) reload() {
	if p.first == nil {
		return
	}
	var edits []sshd.FileEdit
	for _, f := range p.first.Files {
		_, real := seen(p.in.Snapshot, f.Name)
		if p.policy != nil && path.Clean(f.Name) == policyBackEnd {
			real = policyBackEnd // the link itself changes, not what it leads to
		}
		if c := p.pending[real]; c != nil && (c.kind == KindSshd) {
			edits = append(edits, sshd.FileEdit{Path: f.Name, Old: c.old, New: c.new})
		}
	}
	p.edits++
	p.cfg = p.ground.With(p.server.Files, edits...)
}

// plain is an error of an edit, for people.
func plain(err error) string {
	if errors.Is(err, sshd.ErrNotEffective) {
		return "the edit " + err.Error()
	}
	return err.Error()
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// sshdFixer makes settings hold, one after the other until the rule is content.
func sshdFixer(list ...setting) func(*planner) {
	return func(p *planner) {
		rule, edits := p.rule, p.edits
		for i, s := range list {
			if err := p.set(s); err != nil {
				p.unfixed(rule, err.Error())
				return
			}
			if i+1 < len(list) && p.done(rule) {
				p.onlyLoad(edits)
				return
			}
		}
		if p.onlyLoad(edits) {
			return
		}
		if o := p.judgeNow()[rule]; o.Verdict == "fail" {
			p.unfixed(rule, "it would still fail after the change: "+o.Message)
		}
	}
}

// prefix reads an address or a network.
func prefix(s string) (netip.Prefix, bool) {
	if pr, err := netip.ParsePrefix(s); err == nil {
		return pr, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

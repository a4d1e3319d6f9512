package fix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// connection is SSH_CONNECTION (ssh(1)) of the login that read the host.
func connection(snap *snapshot.Snapshot) (from, to string, port int) {
	w := strings.Fields(snap.Identity("connection"))
	if len(w) != 4 {
		return "", "", 0
	}
	a, err := netip.ParseAddr(w[0])
	if err != nil {
		return "", "", 0
	}
	fmt.Sscan(w[3], &port)
	if t, err := netip.ParseAddr(w[2]); err == nil {
		to = t.Unmap().String()
	}
	return a.Unmap().String(), to, port
}

// logins checks that our own login and those of keep: go on working.
func (p *planner) logins(after *snapshot.Snapshot) {
	h := p.host
	from, to, port := connection(p.in.Snapshot)
	if p.in.Snapshot.Source == snapshot.SourceSSH && p.in.Snapshot.Account != "" {
		own := Login{Own: true, User: p.in.Snapshot.Account, Method: "publickey", From: from, Port: port}
		if len(p.in.OwnKeys) == 1 {
			own.Key = p.in.OwnKeys[0]
		}
		h.Checks = append(h.Checks, own)
	}
	h.Checks = append(h.Checks, p.in.Keep...)
	if len(h.Checks) == 0 && h.Reload.Needed {
		p.warn("this host was read without a login, and keep: names none: no login was checked")
	}
	touches := h.Reload.Needed || slices.ContainsFunc(h.Changes, func(c Change) bool {
		return c.Kind == KindKeys || c.Kind == KindMode || c.Kind == KindMove || c.Kind == KindAccount
	})
	if !touches {
		return
	}
	j := &loginJudge{p: p, to: to, port: port,
		sure: !p.before.Sshd.Stale && p.before.Unknown["sshd.stale"] == "", oldCfg: p.first, newCfg: p.cfg}
	j.look(after, h.Checks)
	for i := range h.Checks {
		if l := &h.Checks[i]; l.Method == "" {
			l.Method = j.methodOf(l)
		}
	}
	if h.Reload.Needed {
		j.daemon(from)
	}
	for i := range h.Checks {
		j.login(&h.Checks[i])
	}
	j.others()
	j.mixtures()
	p.expectations(j)
}

// loginJudge holds what the checks of a plan share.
type loginJudge struct {
	p              *planner
	to             string // address and port that we came to
	port           int
	sure           bool // the daemon runs with the files as they were read
	oldCfg, newCfg *sshd.Config
	before, after  *facts.LoginServer
}

func (j *loginJudge) look(after *snapshot.Snapshot, checks []Login) {
	opt := j.p.opt
	for i := range checks {
		if checks[i].From != "" && !slices.Contains(opt.Apart, checks[i].From) {
			opt.Apart = append(opt.Apart, checks[i].From)
		}
	}
	j.before, j.after = primary(facts.WhoCanLogIn(j.p.in.Snapshot, opt)), primary(facts.WhoCanLogIn(after, opt))
}

// contextsOf are the places from which a login may come.
func (j *loginJudge) contextsOf(cfg *sshd.Config, s *facts.LoginServer, l *Login) (at []*facts.Login, ctx []sshd.Context) {
	acc := j.p.account(l.User)
	pr, ranged := prefix(l.From)
	if s == nil {
		return nil, nil
	}
	port := l.Port
	if l.Own && port == 0 {
		port = j.port
	}
	var fallback *facts.Login
	var fallbackPlace facts.LoginPlace
	for i := range s.Logins {
		a := &s.Logins[i]
		if a.User != l.User {
			continue
		}
		for _, pl := range a.Places {
			addr, err := netip.ParseAddr(pl.Address)
			if l.From != "" && ranged && (err != nil || !pr.Contains(addr.Unmap())) {
				continue
			}
			c := sshd.Context{User: l.User, Addr: pl.Address, Host: pl.Host, LocalAddr: pl.LocalAddr, LocalPort: pl.LocalPort}
			if acc != nil {
				c.Groups = acc.Groups
				if c.Groups == nil {
					c.Groups = []string{}
				}
			}
			if l.Own {
				real := c
				real.LocalAddr, real.LocalPort = j.to, port
				if fallback == nil {
					fallback, fallbackPlace = a, pl
				}
				if cfg != nil && cfg.Eval(c) != cfg.Eval(real) {
					continue // what holds at another port or address
				}
				c = real
			}
			at, ctx = append(at, a), append(ctx, c)
		}
	}
	if len(at) == 0 && fallback != nil {
		c := sshd.Context{User: l.User, Addr: fallbackPlace.Address, LocalAddr: j.to, LocalPort: port}
		if acc != nil {
			c.Groups = acc.Groups
		}
		return []*facts.Login{fallback}, []sshd.Context{c}
	}
	return at, ctx
}

// methodOf is how a login comes of which keep: does not say it: by a key where one
// opens the account now, else by what opens it after the plan, else by what opened it.
func (j *loginJudge) methodOf(l *Login) string {
	for _, at := range []struct {
		cfg    *sshd.Config
		server *facts.LoginServer
		by     []string
	}{
		{j.oldCfg, j.before, []string{"publickey"}},
		{j.newCfg, j.after, []string{"password", "keyboard-interactive"}},
		{j.oldCfg, j.before, []string{"password", "keyboard-interactive"}},
	} {
		logins, _ := j.contextsOf(at.cfg, at.server, l)
		for _, method := range at.by {
			with := *l
			with.Method = method
			if len(logins) > 0 && !slices.ContainsFunc(logins, func(a *facts.Login) bool { v, _, _ := opensFor(a, &with, nil); return v == "no" }) {
				return method
			}
		}
	}
	return "publickey"
}

// who names a login in messages.
func who(l *Login) string {
	text := "the login of " + l.User
	if l.Own {
		text = "your own login (" + l.User
		if l.From != "" {
			text += " from " + l.From
		}
		return text + ")"
	}
	if l.Method != "" && l.Method != "publickey" {
		text += " by " + l.Method
	}
	if l.From != "" {
		text += " from " + l.From
	}
	return text + ", which keep: asks for,"
}

// login refuses the plan where one login would not work any more.
func (j *loginJudge) login(l *Login) {
	p := j.p
	if p.account(l.User) == nil {
		if l.Own && p.before.Unknown["accounts"] == "" && len(p.before.Gaps["accounts"]) == 0 {
			p.refuse(Refusal{Risk: "lock-out", Why: who(l) + " is of an account that the host's files do not hold: what it may do is not known", WayOut: "--accept-risk=lock-out, with another login at hand"})
		} else {
			p.refuse(Refusal{Risk: "lock-out", Why: who(l) + " names no account that was seen on this host", WayOut: "correct keep: in the inventory"})
		}
		return
	}
	logins, ctx := j.contextsOf(j.newCfg, j.after, l)
	if len(logins) == 0 {
		p.refuse(Refusal{Risk: "lock-out", Why: who(l) + " could not be judged: " + either(p.before.Unknown["sshd"], "nothing is known of logins there"), WayOut: "read the host with root's rights"})
		return
	}
	oldLogins, _ := j.contextsOf(j.oldCfg, j.before, l)
	for i, a := range logins {
		verdict, why, ev := opensFor(a, l, p.in.OwnKeys)
		unseen := verdict == "unknown" || strings.HasSuffix(why, opensNothing)
		if unseen && l.Own && j.sure && i < len(oldLogins) {
			// It has just been made: its key is somewhere that was not read.
			if v, w, _ := opensFor(oldLogins[i], l, p.in.OwnKeys); v == verdict && w == why {
				p.warn("%s works now, and nothing of this plan bears on it; by what was read that is not certain: %s", who(l), why)
				verdict = "yes"
			}
		}
		if verdict != "yes" {
			r := Refusal{Risk: "lock-out", Why: fmt.Sprintf("%s would be refused: %s", who(l), why)}
			if verdict == "unknown" {
				r.Why = fmt.Sprintf("whether %s would still work is not known: %s", strings.TrimSuffix(who(l), ","), why)
			}
			for _, e := range ev {
				if e.Path != "" {
					r.Path, r.Line, r.Text = e.Path, e.Line, e.Text
					break
				}
			}
			if j.newCfg != nil {
				sayLine(&r, j.newCfg.Eval(ctx[i]), why)
			}
			r.WayOut = wayOut(l, r.Why, r.Text)
			if key := p.revoked(l); key != "" && verdict == "no" {
				r = Refusal{Risk: "lock-out", Why: fmt.Sprintf("%s is by %s, which this plan revokes", who(l), key),
					WayOut: "postern fix install-key KEY.pub " + l.User + " with another key, log in by that (--key), and plan again"}
			}
			p.refuse(r)
		}
		if j.newCfg == nil {
			continue
		}
		set := j.newCfg.Eval(ctx[i])
		var old *sshd.Settings
		if j.oldCfg != nil && j.sure {
			old = j.oldCfg.Eval(ctx[i])
		}
		for _, t := range sessionTerms(j, l, set, &ctx[i]) {
			if old != nil && sameValues(old, set, t.keywords) {
				continue // so it is today
			}
			if !l.Own && t.keywords[0] == "ForceCommand" {
				p.warn("%s is bound to one command (%s): whether that is meant is not known", strings.TrimSuffix(who(l), ","), t.origin)
				continue
			}
			p.refuse(Refusal{Risk: "lock-out", Why: who(l) + " would " + t.why, Path: t.origin.File, Line: t.origin.Pos.Line, Text: strings.TrimSpace(t.origin.Text), WayOut: t.wayOut})
		}
	}
}

// revoked is the key of a login that the plan takes out; "" none, or its key is not
// known.
func (p *planner) revoked(l *Login) string {
	if p.in.Breach == nil {
		return ""
	}
	keys := []string{l.Key}
	if l.Own {
		keys = append(keys, p.in.OwnKeys...)
	}
	for _, k := range keys {
		if k != "" && slices.Contains(p.in.Breach.Revoke, k) {
			return k
		}
	}
	return ""
}

// opensFor says whether a login by its method (and key) gets in.
func opensFor(a *facts.Login, l *Login, ownKeys []string) (verdict, why string, ev []facts.Evidence) {
	verdict, why, ev = "no", either(a.Why, "no way in is left that asks for "+either(l.Method, "what it has")+" alone"), a.Evidence
	for i := range a.Ways {
		w := &a.Ways[i]
		alone := !slices.ContainsFunc(w.Methods, func(m string) bool {
			base, _, _ := strings.Cut(m, ":")
			return l.Method != "" && base != l.Method
		})
		switch {
		case !alone:
			if verdict == "no" {
				why, ev = "every way in asks for "+strings.Join(w.Methods, " and "), w.Evidence
			}
		case len(w.Methods) > 1 && l.Method == "publickey" && len(ownKeys) < len(w.Methods):
			if verdict == "no" {
				verdict, why, ev = "no", fmt.Sprintf("AuthenticationMethods asks for %d keys, and one is at hand", len(w.Methods)), w.Evidence
			}
		case w.Verdict == "yes":
			verdict, why, ev = "yes", "", nil
		case verdict != "yes":
			verdict, why, ev = "unknown", w.Why, w.Evidence
		}
	}
	if l.Method == "publickey" && verdict == "no" {
		why = aboutKeys(why)
		for i := range a.Keys { // what the key itself lacks says it best
			if k := &a.Keys[i]; k.Opens == "no" && k.Why != "" && (strings.Contains(why, k.Why) || a.Why == "" && len(a.Keys) == 1) {
				why = either(aboutKeys(a.Why), k.Why)
				ev = []facts.Evidence{{Path: k.Path, Line: k.Line, Text: k.Type + " " + k.Fingerprint}}
			}
		}
	}
	if l.Method != "publickey" && l.Method != "" || verdict == "no" {
		return verdict, why, ev
	}
	return keyOpens(a, l, ownKeys, verdict, why, ev)
}

const opensNothing = " opens nothing there"

// aboutKeys takes what is about passwords out of a reason: who comes with a key is
// not helped by it.
func aboutKeys(why string) string {
	parts := strings.Split(why, "; ")
	kept := slices.DeleteFunc(slices.Clone(parts), func(s string) bool {
		return strings.Contains(s, "password") || strings.HasPrefix(s, "KbdInteractiveAuthentication") || strings.HasPrefix(s, "ChallengeResponseAuthentication") || strings.HasPrefix(s, "PasswordAuthentication") || strings.HasPrefix(s, "keyboard-interactive")
	})
	if len(kept) == 0 {
		kept = parts
	}
	return strings.Join(kept, "; ")
}

// sayLine names the line of sshd's that a reason is about.
func sayLine(r *Refusal, s *sshd.Settings, why string) {
	for _, k := range []string{"PubkeyAuthentication", "PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes", "RevokedKeys", "AuthorizedKeysFile", "RequiredRSASize", "MaxAuthTries"} {
		v := s.Get(k)
		about := strings.Contains(why, k) || k == "AuthorizedKeysFile" && (strings.Contains(why, "no key is there") || strings.Contains(why, "cannot be read")) ||
			k == "PubkeyAcceptedKeyTypes" && strings.Contains(why, "PubkeyAcceptedAlgorithms") // its name up to 8.4
		if !about || v.Origin.Kind != sshd.FromFile {
			continue
		}
		r.Path, r.Line, r.Text = v.Origin.File, v.Origin.Pos.Line, strings.TrimSpace(v.Origin.Text)
		if !strings.Contains(r.Why, k) {
			r.Why += " (" + k + " " + strings.Join(v.Args, " ") + ")"
		}
		return
	}
}

// keyOpens looks at the keys that a login has, where they are known.
func keyOpens(a *facts.Login, l *Login, ownKeys []string, verdict, why string, ev []facts.Evidence) (string, string, []facts.Evidence) {
	var keys []string
	switch {
	case l.Key != "":
		keys = []string{l.Key}
	case l.Own:
		keys = ownKeys
	}
	if len(keys) == 0 {
		return verdict, why, ev
	}
	best, reason := "no", ""
	var at []facts.Evidence
	ca := false
	for i := range a.Keys {
		k := &a.Keys[i]
		ca = ca || k.CA && k.Opens != "no"
		if !slices.Contains(keys, k.Fingerprint) {
			continue
		}
		if k.Opens == "yes" {
			return verdict, why, ev
		}
		if best == "no" {
			best, reason = k.Opens, k.Why
			at = []facts.Evidence{{Path: k.Path, Line: k.Line, Text: k.Type + " " + k.Fingerprint}}
		}
	}
	switch {
	case reason != "":
		return best, reason, at
	case ca:
		return "unknown", "an authority over certificates opens this account, and whether one of its certificates is used is not known", nil
	case len(keys) > 1:
		return "no", fmt.Sprintf("each of its %d keys", len(keys)) + opensNothing, ev
	}
	return "no", "its key " + keys[0] + opensNothing, ev
}

// wayOut says what to do about a login that would be refused.
func wayOut(l *Login, why, line string) string {
	low := strings.ToLower(why + " " + line)
	switch {
	case strings.Contains(low, "strictmodes"):
		return "chmod go-w on what the reason names"
	case strings.Contains(low, "cannot be read by"):
		return "give the file to " + l.User + " (chown), or let it be read"
	case strings.Contains(low, "pubkeyauthentication no"):
		return "PubkeyAuthentication yes"
	case strings.Contains(low, "pubkeyaccepted"):
		return "let that list hold the type of this login's key"
	case strings.Contains(low, "refuseconnection"), strings.Contains(low, "maxauthtries"):
		return "take that line out, or out of what holds for " + l.User
	case strings.Contains(low, "allowusers") && strings.Contains(line, ","):
		return "AllowUsers takes blanks between names, no commas: " + strings.ReplaceAll(strings.TrimSpace(line), ",", " ")
	case strings.Contains(low, "allowusers"), strings.Contains(low, "allowgroups"):
		return "name " + l.User + " there, as its account is spelt, with the address that it comes from if any"
	case strings.Contains(low, "denyusers"), strings.Contains(low, "denygroups"):
		return "take " + l.User + " out of that line"
	case strings.Contains(low, "permitrootlogin"):
		return "log in by an account of your own with sudo: make it, postern fix install-key KEY.pub USER, and plan again as that user"
	case strings.Contains(low, "authenticationmethods"):
		return "let one chain be completed by what this login has"
	case strings.Contains(low, "authorizedkeysfile"), strings.Contains(low, "opens nothing"), strings.Contains(low, "no key"):
		return "postern fix install-key KEY.pub " + l.User
	case strings.Contains(low, "revokedkeys"):
		return "make that file (ssh-keygen -k -f FILE), or take the line out"
	case strings.Contains(low, "usepam"), strings.Contains(low, "locked"):
		return "leave UsePAM yes, or unlock the account (usermod -p '*' " + l.User + ")"
	}
	return "change that line first, or postern fix install-key KEY.pub " + l.User
}

// sameValues reports whether keywords have one value in both.
func sameValues(a, b *sshd.Settings, keywords []string) bool {
	for _, k := range keywords {
		if !slices.Equal(a.Get(k).Args, b.Get(k).Args) {
			return false
		}
	}
	return true
}

// mixtures looks at what lies on the disk between two changes: a host that loses
// power there has to let its owner in as well.
func (j *loginJudge) mixtures() {
	h := j.p.host
	if len(h.Checks) == 0 || !h.Checks[0].Own || len(h.Refused) > 0 {
		return
	}
	files := 0
	for i := range h.Changes {
		if h.Changes[i].Kind != KindSshd {
			continue
		}
		if files++; files == 1 {
			continue
		}
		half := &loginJudge{p: j.p, to: j.to, port: j.port}
		half.look(changed(j.p.in.Snapshot, h.Changes[:i], j.p.sshdFiles()), h.Checks)
		logins, _ := half.contextsOf(nil, half.after, &h.Checks[0])
		for _, a := range logins {
			if v, why, _ := opensFor(a, &h.Checks[0], j.p.in.OwnKeys); v == "no" {
				j.p.refuse(Refusal{Risk: "lock-out", Why: fmt.Sprintf("with %s changed and %s not yet, %s would be refused: %s", h.Changes[i-1].Before.Real, h.Changes[i].Before.Real, who(&h.Checks[0]), why),
					Path: h.Changes[i].Before.Real, WayOut: "make the two changes apart, by --only"})
				return
			}
		}
	}
}

// others warns where no second way in is left.
func (j *loginJudge) others() {
	own := ""
	if len(j.p.host.Checks) > 0 && j.p.host.Checks[0].Own {
		own = j.p.host.Checks[0].User
	}
	if j.after == nil {
		return
	}
	for i := range j.after.Logins {
		a := &j.after.Logins[i]
		if a.Admin == "" || a.Open != "yes" {
			continue
		}
		keys := 0
		for n := range a.Keys {
			if a.Keys[n].Opens == "yes" {
				keys++
			}
		}
		if a.User != own || keys > 1 {
			return
		}
	}
	j.p.warn("no second way in of an administrator is left beside your own: have a console, or another key, at hand")
}

// expectations are what sshd -T has to say of the checked logins, and the methods
// that have to be gone.
func (p *planner) expectations(j *loginJudge) {
	if !p.host.Reload.Needed || j.newCfg == nil {
		return
	}
	touched := p.touched()
	for i := range p.host.Checks {
		l := &p.host.Checks[i]
		_, ctx := j.contextsOf(j.newCfg, j.after, l)
		if len(ctx) == 0 {
			continue
		}
		set := j.newCfg.Eval(ctx[0])
		for _, d := range set.Dump() { // in the words of that release
			if !slices.Contains(touched, d.Keyword) || d.Unknown != "" || len(d.Lines) == 0 {
				continue
			}
			if l.Expect == nil {
				l.Expect = map[string]string{}
			}
			l.Expect[d.Keyword] = strings.Join(d.Lines, " ")
		}
		if !l.Own {
			continue
		}
		old := j.oldCfg.Eval(ctx[0])
		for method, keyword := range map[string]string{"password": "PasswordAuthentication", "keyboard-interactive": "KbdInteractiveAuthentication"} {
			if set.Get(keyword).Is("no") && old.Get(keyword).First() == "yes" {
				p.host.Shut = append(p.host.Shut, method)
			}
		}
		slices.Sort(p.host.Shut)
	}
}

// touched are the keywords whose values for all logins or for the checked ones the plan changes.
func (p *planner) touched() []string {
	var out []string
	for _, k := range sshd.Keywords() {
		if a, b := p.first.Globals().Get(k), p.cfg.Globals().Get(k); !slices.Equal(a.Args, b.Args) {
			out = append(out, k)
		}
	}
	for _, k := range []string{"PasswordAuthentication", "KbdInteractiveAuthentication", "PermitRootLogin", "PubkeyAuthentication"} {
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

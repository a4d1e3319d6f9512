package account

// Verdict is yes, no, or not known. The zero Verdict is not known.
type Verdict uint8

// The verdicts.
const (
	Unsure Verdict = iota
	No
	Yes
)

// Or is yes where one of the two is, and no where both are.
func (v Verdict) Or(o Verdict) Verdict {
	switch {
	case v == Yes || o == Yes:
		return Yes
	case v == Unsure || o == Unsure:
		return Unsure
	}
	return No
}

// And is no where one of the two is, and yes where both are.
func (v Verdict) And(o Verdict) Verdict {
	switch {
	case v == No || o == No:
		return No
	case v == Unsure || o == Unsure:
		return Unsure
	}
	return Yes
}

// Result is what a stack says to a question, and what decides it.
type Result struct {
	Verdict Verdict
	Why     string // where Unsure: what is not known; where No: what refuses
	Settle  string // where Unsure: what would settle it; "" nothing that is known here
	Entry   *Entry // the line that decides; nil: the stack as a whole
}

// Question is a login that a stack is asked about.
type Question struct {
	Account *Account
	// Empty asks about the empty password, instead of the right one.
	Empty bool
	// NoLogin is whether /etc/nologin is there.
	NoLogin Verdict
	// OpenAccess is whether access.conf(5) holds no rule at all.
	OpenAccess Verdict
	// SSSD is whether sssd(8) is configured.
	SSSD Verdict
	// MoreGroups says that the account may be in groups that it does not name.
	MoreGroups bool
	// Today in days since 1970-01-01.
	Today int64
}

// outcome is a set of results that a module may return.
type outcome uint8

const (
	success outcome = 1 << iota
	failure         // auth_err and the like
	ignore
	renew                                         // new_authtok_reqd
	anything = success | failure | ignore | renew // every code that there is
	nouser   = renew << 1                         // user_unknown
	unavail  = renew << 2                         // authinfo_unavail
)

// said is what a module may return, and why.
type said struct {
	out    outcome
	why    string // what is not known; "" everything is
	settle string // what would settle that
	no     string // why it refuses, where there is more to say than its name
}

// Auth is whether the password of the question passes the auth lines.
func (s *Stack) Auth(q Question) Result { return s.run("auth", q) }

// Allowed is whether the account passes the account lines, whatever the method.
func (s *Stack) Allowed(q Question) Result { return s.run("account", q) }

// impressions, as bits of a set of states.
const (
	undef uint8 = 1 << iota
	positive
	negative
)

// run follows libpam's dispatcher (pam_dispatch.c) over all results that modules
// may return at once. Jumps go forward only, so one walk is enough.
func (s *Stack) run(typ string, q Question) Result {
	if len(s.Missing) > 0 {
		return Result{Why: "PAM: " + s.Missing[0]}
	}
	var list []*Entry
	for i := range s.Entries {
		if s.Entries[i].Type == typ {
			list = append(list, &s.Entries[i])
		}
	}
	if len(list) == 0 {
		return Result{Verdict: No, Why: "PAM: no " + typ + " lines for " + s.Service}
	}
	at := make([]uint8, len(list)+1)
	at[0] = undef
	var unsure, pass, fail *Entry
	why, settle, failWhy := "", "", ""
	for i, e := range list {
		states := at[i]
		if states == 0 {
			continue
		}
		says := s.outcome(e, &q)
		out := says.out
		if says.why != "" && unsure == nil {
			unsure, why, settle = e, says.why, says.settle
		}
		ctl := e.ctl
		if ctl == nil && e.unread == "" {
			out, ctl = failure, simple["required"] // libpam fails on a control it cannot read
		}
		if out&(success|renew) != 0 && (pass == nil || e.Module == "pam_unix") {
			pass = e // the line to show; pam_unix says more than pam_permit behind it
		}
		for _, a := range actions(ctl, out) {
			for _, st := range []uint8{undef, positive, negative} {
				if states&st == 0 {
					continue
				}
				to, state := i+1, st
				switch a.what {
				case 'o', 'd':
					if st == undef {
						state = positive
					}
					if a.what == 'd' && state == positive {
						to = after(list, i)
					}
				case 'b', 'x':
					state = negative
					if a.what == 'x' {
						to = after(list, i)
					}
					if fail == nil && st != negative {
						if fail, failWhy = e, "PAM: "+e.Module; says.no != "" {
							failWhy += ": " + says.no
						}
					}
				case 'r':
					state = undef
				case 'j':
					to = skipModules(list, i, a.jump)
				case '*':
					// Lines that are not known may end the stack in any way.
					at[len(list)] |= positive | negative
					at[i+1] |= undef | positive | negative
					continue
				}
				at[to] |= state
			}
		}
	}
	end := at[len(list)]
	switch {
	case end == positive:
		return Result{Verdict: Yes, Entry: pass}
	case end&positive == 0:
		if fail == nil {
			return Result{Verdict: No, Why: "PAM: no module of " + s.Service + " accepts"}
		}
		return Result{Verdict: No, Why: failWhy, Entry: fail}
	}
	if unsure == nil {
		return Result{Why: "PAM: several results of a module are possible", Entry: fail}
	}
	return Result{Why: why, Settle: settle, Entry: unsure}
}

// actions are what a control may do for a set of outcomes.
func actions(ctl map[string]action, out outcome) []action {
	if ctl == nil {
		return []action{{what: '*'}}
	}
	var as []action
	add := func(a action) {
		for _, have := range as {
			if have == a {
				return
			}
		}
		as = append(as, a)
	}
	pick := func(token string) action {
		if a, ok := ctl[token]; ok {
			return a
		}
		return ctl["default"]
	}
	if out == anything {
		for _, a := range ctl {
			add(a)
		}
		add(ctl["default"])
		return as
	}
	if out&success != 0 {
		add(pick("success"))
	}
	if out&renew != 0 {
		add(pick("new_authtok_reqd"))
	}
	if out&ignore != 0 {
		add(pick("ignore"))
	}
	if out&nouser != 0 {
		add(pick("user_unknown"))
	}
	if out&unavail != 0 {
		add(pick("authinfo_unavail"))
	}
	if out&failure != 0 {
		// A failure may have one of several codes; each that is named counts.
		add(ctl["default"])
		for token, a := range ctl {
			switch token {
			case "success", "new_authtok_reqd", "ignore", "default":
			default:
				add(a)
			}
		}
	}
	return as
}

// after is where a done or die at i leads: behind the substack, or the end.
func after(list []*Entry, i int) int {
	level := list[i].Level
	if level == 0 {
		return len(list)
	}
	for i++; i < len(list) && list[i].Level >= level; i++ {
	}
	return i
}

// skipModules is where a jump over n modules leads; a substack counts as one.
func skipModules(list []*Entry, i, n int) int {
	level := list[i].Level
	for i++; n > 0 && i < len(list) && list[i].Level >= level; n-- {
		for i++; i < len(list) && list[i].Level > level; i++ {
		}
	}
	return i
}

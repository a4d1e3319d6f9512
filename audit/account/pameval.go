package account

import (
	"slices"
	"strconv"
	"strings"
)

// Verdict is yes, no, or not known. The zero Verdict is not known.
type Verdict uint8

// The verdicts.
const (
	Unsure Verdict = iota
	No
	Yes
)

// Result is what a stack says to a question, and what decides it.
type Result struct {
	Verdict Verdict
	Why     string // where Unsure: what is not known; where No: what refuses
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
	// Today in days since 1970-01-01.
	Today int64
}

// outcome is a set of results that a module may return.
type outcome uint8

const (
	success outcome = 1 << iota
	failure         // auth_err and the like
	ignore
	renew    // new_authtok_reqd
	anything = success | failure | ignore | renew
)

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
	why, failWhy := "", ""
	for i, e := range list {
		states := at[i]
		if states == 0 {
			continue
		}
		out, reason := e.outcome(q)
		if reason != "" && unsure == nil {
			unsure, why = e, reason
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
						fail, failWhy = e, "PAM: "+e.Module
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
	return Result{Why: why, Entry: unsure}
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

// outcome is what one module may return for the question; why is set where it
// is not known.
func (e *Entry) outcome(q Question) (out outcome, why string) {
	if e.unread != "" {
		return anything, "PAM: " + e.unread
	}
	a := q.Account
	defer func() {
		if e.Tolerant && out != anything {
			out |= ignore
		}
	}()
	switch e.Module {
	case "pam_permit", "pam_rootok":
		return success, "" // sshd asks as root, so pam_rootok lets anybody in
	case "pam_deny":
		return failure, ""
	case "pam_env", "pam_faildelay", "pam_group", "pam_keyinit", "pam_limits", "pam_loginuid", "pam_mail", "pam_motd", "pam_umask", "pam_echo", "pam_localuser":
		if e.Module == "pam_faildelay" || e.Module == "pam_motd" || e.Module == "pam_echo" {
			return ignore, ""
		}
		return success, ""
	case "pam_warn":
		return ignore, ""
	case "pam_cap":
		return success | ignore, ""
	case "pam_faillock", "pam_tally2":
		// A count of wrong passwords shuts an account for a while; whoever knows
		// the right one gets in before and after. With authfail it only counts
		// (pam_faillock.c, pam_sm_authenticate).
		if e.has("authfail") {
			return ignore, ""
		}
		return success, ""
	case "pam_nologin":
		switch {
		case q.NoLogin == No || a.UID == 0:
			if q.NoLogin == No && !e.has("successok") {
				return ignore, ""
			}
			return success, ""
		case q.NoLogin == Yes:
			return failure, ""
		}
		return failure | ignore, "PAM: pam_nologin: /etc/nologin not known"
	case "pam_access":
		if q.OpenAccess == Yes && !e.has("accessfile=") {
			return success, ""
		}
		return success | failure, "PAM: pam_access: the rules of access.conf are not evaluated"
	case "pam_usertype":
		system := a.UID < 1000 || a.UID == 65534
		switch {
		case e.has("issystem"):
			return when(system), ""
		case e.has("isregular"):
			return when(!system), ""
		}
	case "pam_succeed_if":
		if ok, known := e.condition(a); known {
			return when(ok), ""
		}
		return success | failure, "PAM: pam_succeed_if " + strings.Join(e.Args, " ")
	case "pam_unix":
		if e.Type == "account" {
			return a.unixAccount(q.Today)
		}
		return a.unixAuth(q.Empty, e.has("nullok") || e.has("nullok_secure"))
	}
	return anything, "PAM: " + e.Module + " is not evaluated"
}

// evaluated are the modules that outcome knows in every form, beside those that it
// knows by their arguments.
var evaluated = map[string]bool{
	"pam_permit": true, "pam_rootok": true, "pam_deny": true, "pam_env": true, "pam_faildelay": true, "pam_group": true,
	"pam_keyinit": true, "pam_limits": true, "pam_loginuid": true, "pam_mail": true, "pam_motd": true, "pam_umask": true,
	"pam_echo": true, "pam_localuser": true, "pam_warn": true, "pam_cap": true, "pam_nologin": true, "pam_access": true,
	"pam_usertype": true, "pam_succeed_if": true, "pam_unix": true, "pam_faillock": true, "pam_tally2": true,
}

// Unevaluated names the modules of a type whose part in a conversation this
// package does not know, each once, in their order: one of them may ask for a
// second factor, or let somebody in without any. What could not be read stands
// with its reason.
func (s *Stack) Unevaluated(typ string) []string {
	var out []string
	for i := range s.Entries {
		e := &s.Entries[i]
		name := e.Module
		if e.unread != "" {
			name = e.unread
		}
		if e.Type == typ && !evaluated[e.Module] && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return append(out, s.Missing...)
}

func when(ok bool) outcome {
	if ok {
		return success
	}
	return failure
}

// has reports whether an argument is there; a name that ends in "=" is a prefix.
func (e *Entry) has(arg string) bool {
	for _, a := range e.Args {
		if a == arg || strings.HasSuffix(arg, "=") && strings.HasPrefix(a, arg) {
			return true
		}
	}
	return false
}

// unixAuth is pam_unix for the right password, or for the empty one.
func (a *Account) unixAuth(empty, nullok bool) (outcome, string) {
	switch a.State {
	case Unknown:
		return success | failure, "the password of " + a.Name + " is not known (shadow could not be read)"
	case Empty:
		return when(empty && nullok), ""
	case Hash:
		return when(!empty), ""
	}
	return failure, ""
}

// unixAccount is pam_unix's account check (check_shadow_expiry).
func (a *Account) unixAccount(today int64) (outcome, string) {
	if a.State == Unknown {
		return success | failure, "whether " + a.Name + " has expired is not known (shadow could not be read)"
	}
	switch {
	case a.Expire != Never && today >= a.Expire:
		return failure, ""
	case a.LastChange == 0:
		return renew, ""
	case a.LastChange == Never || a.LastChange > today:
		return success, ""
	}
	age := today - a.LastChange
	if a.Max != Never && a.Inactive != Never && age > a.Max && age > a.Inactive && age > a.Max+a.Inactive {
		return failure, ""
	}
	if a.Max != Never && age > a.Max {
		return renew, ""
	}
	return success, ""
}

// condition evaluates the arguments of pam_succeed_if where they are about uid,
// gid, user, shell and groups.
func (e *Entry) condition(a *Account) (ok, known bool) {
	var w []string
	for _, s := range e.Args {
		switch s {
		case "quiet", "quiet_fail", "quiet_success", "debug", "audit", "use_uid":
			if s == "use_uid" {
				return false, false
			}
		default:
			w = append(w, s)
		}
	}
	if len(w) == 0 || len(w)%3 != 0 {
		return false, false
	}
	for ; len(w) > 0; w = w[3:] {
		ok, known = compare(a, w[0], w[1], w[2])
		if !known || !ok {
			return ok, known
		}
	}
	return true, true
}

func compare(a *Account, left, op, right string) (ok, known bool) {
	var n int64
	text := ""
	switch left {
	case "uid":
		n, text = a.UID, strconv.FormatInt(a.UID, 10)
	case "gid":
		n, text = a.GID, strconv.FormatInt(a.GID, 10)
	case "user":
		text = a.Name
	case "shell":
		text = a.Shell
	case "home":
		text = a.Home
	default:
		return false, false
	}
	switch op {
	case "=":
		return text == right, !strings.ContainsAny(right, "*?[")
	case "!=":
		return text != right, !strings.ContainsAny(right, "*?[")
	case "eq", "ne", "<", "<=", ">", ">=":
		r, err := strconv.ParseInt(right, 10, 64)
		if err != nil || left != "uid" && left != "gid" {
			return false, false
		}
		return map[string]bool{"eq": n == r, "ne": n != r, "<": n < r, "<=": n <= r, ">": n > r, ">=": n >= r}[op], true
	case "in", "notin":
		in := false
		for s := range strings.SplitSeq(right, ":") {
			in = in || s == text
		}
		return in == (op == "in"), true
	case "ingroup", "notingroup":
		if left != "user" {
			return false, false
		}
		in := false
		for s := range strings.SplitSeq(right, ":") {
			for _, g := range a.Groups {
				in = in || s == g
			}
		}
		return in == (op == "ingroup"), true
	}
	return false, false
}

// OpenAccess reports whether access.conf(5) holds no rule.
func OpenAccess(data []byte) Verdict {
	v := Yes
	lines(data, func(_ int, line string) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			v = No
		}
	})
	return v
}

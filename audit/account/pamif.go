package account

import (
	"strconv"
	"strings"
)

// condition evaluates the arguments of pam_succeed_if(8): all conditions must
// hold. what is the first that is not known.
func (s *Stack) condition(e *Entry, q *Question) (v Verdict, what string) {
	var w []string
	for _, a := range e.Args {
		switch a {
		case "quiet", "quiet_fail", "quiet_success", "debug", "audit":
		case "use_uid":
			return Unsure, "use_uid"
		default:
			w = append(w, a)
		}
	}
	if len(w) == 0 {
		return Yes, "" // "no condition detected; module succeeded"
	}
	if len(w)%3 != 0 {
		return Unsure, strings.Join(e.Args, " ")
	}
	v = Yes
	for ; len(w) > 0; w = w[3:] {
		one := s.compare(q, w[0], w[1], w[2])
		if one == Unsure && what == "" {
			what = strings.Join(w[:3], " ")
		}
		v = v.And(one)
	}
	return v, what
}

// compare evaluates one condition.
func (s *Stack) compare(q *Question, left, op, right string) Verdict {
	a := q.Account
	text, number := "", false
	switch left {
	case "uid":
		text, number = strconv.FormatInt(a.UID, 10), true
	case "gid":
		text, number = strconv.FormatInt(a.GID, 10), true
	case "user":
		text = a.Name
	case "shell":
		text = a.Shell
	case "home":
		text = a.Home
	case "service":
		text = s.Service
	case "tty":
		text = "ssh" // auth-pam.c, sshpam_init
	default: // rhost is the place; ruser is nobody's
		return Unsure
	}
	switch op {
	case "=":
		return when3(text == right)
	case "!=":
		return when3(text != right)
	case "=~", "!~":
		fits, ok := glob(right, text)
		if !ok {
			return Unsure
		}
		return when3(fits == (op == "=~"))
	case "eq", "ne", "lt", "le", "gt", "ge", "<", "<=", ">", ">=":
		l, err1 := strconv.ParseInt(text, 10, 64)
		r, err2 := strconv.ParseInt(right, 10, 64)
		if err1 != nil || err2 != nil || !number {
			return Unsure
		}
		switch op {
		case "eq":
			return when3(l == r)
		case "ne":
			return when3(l != r)
		case "lt", "<":
			return when3(l < r)
		case "le", "<=":
			return when3(l <= r)
		case "gt", ">":
			return when3(l > r)
		}
		return when3(l >= r)
	case "in", "notin":
		in := false
		for s := range strings.SplitSeq(right, ":") {
			in = in || s == text
		}
		return when3(in == (op == "in"))
	case "ingroup", "notingroup":
		if left != "user" {
			return Unsure
		}
		in := No
		for g := range strings.SplitSeq(right, ":") {
			in = in.Or(q.In(g))
		}
		if in == Unsure || op == "ingroup" {
			return in
		}
		return Yes + No - in
	}
	return Unsure // innetgr, notinnetgr
}

// In says whether the account is in a group.
func (q *Question) In(group string) Verdict {
	for _, g := range q.Account.Groups {
		if g == group {
			return Yes
		}
	}
	if q.MoreGroups {
		return Unsure
	}
	return No
}

func (q *Question) groupsDoubt(module, group string) string {
	return "PAM: " + module + ": whether " + q.Account.Name + " is in group " + group + " is not known: members may come from elsewhere"
}

// glob is fnmatch(3) for patterns of *, ? and plain letters; ok is false for
// others. It goes back to the last star alone, so that no pattern takes long.
func glob(pattern, text string) (fits, ok bool) {
	if strings.ContainsAny(pattern, `[\`) {
		return false, false
	}
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p, t = p+1, t+1
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false, true
		}
	}
	return strings.Trim(pattern[p:], "*") == "", true
}

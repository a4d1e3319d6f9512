package policies

import (
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
)

// CarveOut is a login that the inventory means to stay possible although a rule
// forbids it (allow:). Inside which one a way in lies is a fact; see
// [facts.AccessWay].
type CarveOut struct {
	Owner   string
	Reason  string
	Expires time.Time // it holds before it
	Written string    // file:line:column of the inventory, by which facts name it
}

// loginRules are the questions that a carve-out can answer for: what a rule
// asks, and which ways in make it fail.
var loginRules = map[string]struct {
	root bool // of uid 0 alone
	is   func(*facts.AccessWay) bool
	word func(*facts.Access) []string // what the account's answers say about it
}{
	"!sshd.password_login":      {false, byPassword, func(a *facts.Access) []string { return []string{a.Password, a.Empty} }},
	"!sshd.root_password_login": {true, byPassword, func(a *facts.Access) []string { return []string{a.Password, a.Empty} }},
	"!sshd.root_login":          {true, anyWay, func(a *facts.Access) []string { return []string{a.Password, a.PublicKey, a.Empty, a.Other} }},
	"!sshd.empty_passwords":     {false, byNothing, func(a *facts.Access) []string { return []string{a.Empty} }},
}

func anyWay(*facts.AccessWay) bool { return true }

func byNothing(w *facts.AccessWay) bool { return w.Methods == "none" }

// byPassword: nothing but a password is asked for.
func byPassword(w *facts.AccessWay) bool {
	for m := range strings.SplitSeq(w.Methods, ",") {
		base, _, _ := strings.Cut(m, ":")
		if base != "password" && base != "keyboard-interactive" && base != "none" {
			return false
		}
	}
	return true
}

// allow turns a fail into waived where every way in that makes it fail lies
// inside a live carve-out. Where others may be open as well it is unknown: what
// was allowed says nothing about them. It counts the carve-outs that would have
// answered for a way and have run out.
func (r *Rule) allow(w *world, o *Outcome, opt JudgeOptions) (expired int) {
	q, ok := loginRules[r.Pass]
	if !ok || len(opt.Allow) == 0 {
		return 0
	}
	now := opt.Now
	if now.IsZero() {
		now = time.Now()
	}
	var used []*CarveOut
	var over *CarveOut
	var doubts []string
	open := false // a way that nothing answers for
	for i := range w.f.Access {
		a := &w.f.Access[i]
		if q.root && a.UID != 0 {
			continue
		}
		if slices.Contains(q.word(a), "unknown") {
			doubts = append(doubts, a.User+" "+a.From+": "+a.Why)
		}
		for n := range a.Ways {
			way := &a.Ways[n]
			if !q.is(way) {
				continue
			}
			live, past := find(opt.Allow, way.Allowed, now)
			switch {
			case live != nil:
				if !slices.Contains(used, live) {
					used = append(used, live)
				}
			case way.Certain:
				open = true
				if past != nil && (over == nil || past.Expires.After(over.Expires)) {
					over = past
				}
			}
		}
	}
	if over != nil {
		o.Reason = bounded("the carve-out (allow) of "+over.Owner+" ran out on "+day(over.Expires)+" ("+over.Written+")", maxSentence)
		return 1
	}
	if open || len(used) == 0 {
		return 0
	}
	words := make([]string, 0, len(used))
	for _, c := range used {
		text := "allowed by " + c.Owner + " until " + day(c.Expires) + " (" + c.Written + ")"
		if c.Reason != "" {
			text += ": " + c.Reason
		}
		words = append(words, text)
	}
	reason := strings.Join(words, "; ")
	for _, g := range w.f.Gaps["access"] {
		doubts = append(doubts, because(g.Reason, g.Path))
	}
	if len(doubts) > 0 {
		o.unknown(r, append([]string{reason + ", but there may be other ways in"}, doubts...))
		o.Fingerprint = fingerprint(r.ID, w.name, nil)
		return 0
	}
	o.Verdict, o.Reason = Waived, bounded(reason, maxSentence)
	return 0
}

// find gives the carve-out of these names that lives longest, or of those that
// ran out the last.
func find(all []CarveOut, names []string, now time.Time) (live, past *CarveOut) {
	for i := range all {
		c := &all[i]
		if !slices.Contains(names, c.Written) {
			continue
		}
		best := &past
		if now.Before(c.Expires) {
			best = &live
		}
		if *best == nil || c.Expires.After((*best).Expires) {
			*best = c
		}
	}
	return live, past
}

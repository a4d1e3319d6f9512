package access

import "strings"

// Finding is the answer to one question about the host as a whole.
type Finding struct {
	Verdict  Verdict
	Why      string     // where not known: what would settle it; where no: what closes it
	Evidence []Evidence // of a yes: a witness for each account, at most maxWitnesses
}

// Summary answers the questions of the mission.
type Summary struct {
	PasswordLogin     Finding // some account may log in with nothing but a password
	RootLogin         Finding // an account of uid 0 may log in by some method
	RootPasswordLogin Finding // ... with nothing but a password
	EmptyPasswords    Finding // an account with an empty password may log in with it
}

// maxWitnesses bounds the evidence of one finding.
const maxWitnesses = 20

// Summarise draws the findings from the answers. Without any account nothing is
// known.
func Summarise(answers []Answer) Summary {
	root := func(a *Answer) bool { return a.UID == 0 }
	anyone := func(*Answer) bool { return true }
	password := func(a *Answer) (Verdict, Reason) {
		r := a.PasswordWhy
		if a.Password == No && a.Empty == Unsure {
			r = a.EmptyWhy
		}
		return a.Password.Or(a.Empty), r
	}
	return Summary{
		PasswordLogin:     find(answers, anyone, password, "password"),
		RootLogin:         find(answers, root, func(a *Answer) (Verdict, Reason) { return a.Open(), Reason{a.Why, a.Evidence} }, ""),
		RootPasswordLogin: find(answers, root, password, "password"),
		EmptyPasswords:    find(answers, anyone, func(a *Answer) (Verdict, Reason) { return a.Empty, a.EmptyWhy }, "empty password"),
	}
}

// find joins the answers: a yes outweighs what is not known, which outweighs a no.
func find(answers []Answer, of func(*Answer) bool, says func(*Answer) (Verdict, Reason), word string) Finding {
	var yes, unsure, no Finding
	result, seen := No, false
	for i := range answers {
		a := &answers[i]
		if !of(a) {
			continue
		}
		seen = true
		v, why := says(a)
		result = result.Or(v)
		switch v {
		case Yes:
			yes.witnesses(a, word)
		case Unsure:
			unsure.reason(why)
		case No:
			no.reason(why)
		}
	}
	switch {
	case !seen:
		return Finding{Verdict: Unsure, Why: "no account is known"}
	case result == Yes:
		yes.Verdict = Yes
		return yes
	case result == Unsure:
		unsure.Verdict = Unsure
		return unsure
	}
	no.Verdict = No
	return no
}

// maxWhy bounds the reasons that are joined, in bytes.
const maxWhy = 400

// reason adds why an answer is no yes, and the lines behind it.
func (f *Finding) reason(r Reason) {
	if len(f.Why) < maxWhy {
		f.Why = join(f.Why, r.Why)
	}
	for _, e := range r.Evidence {
		f.Evidence = addOnce(f.Evidence, e)
	}
}

// witnesses puts those of one answer that speak of the question.
func (f *Finding) witnesses(a *Answer, word string) {
	keep := false
	for _, e := range a.Evidence {
		if e.Witness != "" {
			keep = word == "" || strings.Contains(e.Witness, word)
		}
		if keep {
			f.Evidence = addOnce(f.Evidence, e)
		}
	}
}

func addOnce(list []Evidence, e Evidence) []Evidence {
	if len(list) >= maxWitnesses {
		return list
	}
	for _, have := range list {
		if have == e {
			return list
		}
	}
	return append(list, e)
}

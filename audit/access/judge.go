package access

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

// Input is what a judgement needs, as plain values.
type Input struct {
	Config   *sshd.Config
	Accounts []account.Account // joined with groups and shadow states
	Groups   []account.Group

	// PAM returns the stack of a service; nil: PAM's files are not known.
	PAM func(service string) *account.Stack
	// Stat looks at a path, links followed.
	Stat func(path string) Stat
	// Read returns a file's content. An error that is not fs.ErrNotExist means
	// that it could not be read here, or only its first part, which comes with it.
	Read func(path string) ([]byte, error)

	OpenAccess account.Verdict // whether access.conf holds no rule
	Today      int64           // days since 1970-01-01
}

// Stat is what is known about a path.
type Stat struct {
	Known    bool // false: not read, nothing below counts
	Exists   bool
	Type     byte // 'f', 'd', ...
	Mode     uint32
	UID, GID int64
	Real     string // the final path; "" is the path itself
}

// Verdict is the answer to one question.
type Verdict = account.Verdict

// Shorter names for the verdicts.
const (
	Yes    = account.Yes
	No     = account.No
	Unsure = account.Unsure
)

// Word is the verdict as facts and reports spell it: yes, no, unknown.
func Word(v Verdict) string {
	switch v {
	case Yes:
		return "yes"
	case No:
		return "no"
	}
	return "unknown"
}

// Evidence is one place that shows why an answer is as it is.
type Evidence struct {
	Path    string
	Line    int    // 0: the file as a whole, or a default
	Text    string // the line, or what is missing
	Witness string // a sentence: "user backup from 10.0.0.5 may use a password"
}

// Answer is what holds for one account at the places that are alike for it.
type Answer struct {
	User   string
	UID    int64
	From   string          // in words: "anywhere", "from 10.0.0.0/8", "on port 2222"
	Places []*sshd.Context // the representatives that From stands for

	Password  Verdict // a password alone suffices, by password or keyboard-interactive
	PublicKey Verdict // a key that is there, or a certificate, suffices
	Empty     Verdict // the empty password suffices
	Other     Verdict // hostbased or gssapi suffices
	Mixed     Verdict // several kinds of factors together suffice: Chain
	Chain     string  // the first list of AuthenticationMethods with several kinds that may be completed

	Why      string // where nothing is a yes: what refuses, or what would settle it
	Evidence []Evidence

	// What is behind Password and Empty where they are no yes, whatever else is
	// open: a pass has evidence too.
	PasswordWhy, EmptyWhy Reason
}

// Reason is why something is no yes.
type Reason struct {
	Why      string
	Evidence []Evidence
}

// Open is the best verdict over all methods.
func (a *Answer) Open() Verdict {
	v := No
	for _, m := range []Verdict{a.Password, a.PublicKey, a.Empty, a.Other, a.Mixed} {
		v = or(v, m)
	}
	return v
}

func or(a, b Verdict) Verdict {
	switch {
	case a == Yes || b == Yes:
		return Yes
	case a == Unsure || b == Unsure:
		return Unsure
	}
	return No
}

// term is a verdict with what makes it so.
type term struct {
	v   Verdict
	why string
	ev  []Evidence
}

// all joins terms that must hold together: the first no decides, else the first
// that is not known, else all evidence stands.
func all(ts ...term) term {
	out := term{v: Yes}
	for _, t := range ts {
		switch {
		case t.v == No:
			return t
		case t.v == Unsure && out.v == Yes:
			out = term{v: Unsure, why: t.why, ev: with(out.ev, t.ev)}
		case out.v == Yes:
			out.ev = with(out.ev, t.ev)
		}
	}
	return out
}

// with joins evidence without writing into what others hold.
func with(a, b []Evidence) []Evidence {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return append(a[:len(a):len(a)], b...)
}

// some joins terms of which one is enough. Where none is, all their reasons stand.
func some(ts ...term) term {
	out := term{v: No}
	for _, t := range ts {
		switch {
		case t.v == Yes:
			return t
		case t.v == Unsure && out.v != Unsure:
			out = t
		case t.v == No && out.v == No:
			out.why = join(out.why, t.why)
			out.ev = with(out.ev, t.ev)
		}
	}
	return out
}

// judge carries what is worked out once.
type judge struct {
	Input
	places   []sshd.Context
	policies map[*sshd.Settings]*policy
	alike    map[string]*policy // by fingerprint
	stacks   map[string]*account.Stack
	files    map[string]*keyFile
	stats    map[string]Stat
	nologin  Verdict
	primary  map[int64][]string // names of accounts by primary group
	names    map[int64]string   // names by uid
	lists    map[string][]bool  // by host part of a user pattern: which places fit
}

// Judge answers for every account, at every group of places that are alike for
// it. The order is that of the accounts, then of the places, the unnamed first.
// capped says that the configuration tells more places apart than were judged;
// every account then has a last answer for these, in which nothing is known.
func Judge(in Input) (answers []Answer, capped bool) {
	j := &judge{Input: in, policies: map[*sshd.Settings]*policy{}, alike: map[string]*policy{}, stacks: map[string]*account.Stack{},
		files: map[string]*keyFile{}, stats: map[string]Stat{}, lists: map[string][]bool{},
		primary: map[int64][]string{}, names: map[int64]string{}}
	j.places, capped = in.Config.Places()
	switch st := j.stat("/etc/nologin"); {
	case !st.Known:
		j.nologin = Unsure
	case st.Exists:
		j.nologin = Yes
	default:
		j.nologin = No
	}
	users := make([]sshd.User, len(in.Accounts))
	for i := range in.Accounts {
		a := &in.Accounts[i]
		users[i] = sshd.User{Name: a.Name, Groups: a.Groups}
		if users[i].Groups == nil {
			users[i].Groups = []string{} // it exists, though in no group of a name
		}
		j.primary[a.GID] = append(j.primary[a.GID], a.Name)
		if _, have := j.names[a.UID]; !have {
			j.names[a.UID] = a.Name
		}
	}
	m := in.Config.Matrix(users, j.places)
	answers = make([]Answer, 0, 2*len(in.Accounts))
	for i := range in.Accounts {
		answers = j.account(answers, &in.Accounts[i], m, i)
		if capped {
			answers = append(answers, elsewhere(&in.Accounts[i]))
		}
	}
	return answers, capped
}

// elsewhere is the answer for the places that were not looked at. Without it a
// summary would take them for closed.
func elsewhere(a *account.Account) Answer {
	why := Reason{Why: "the configuration tells more places apart than were looked at"}
	return Answer{User: a.Name, UID: a.UID, From: "from places not looked at", Why: why.Why, PasswordWhy: why, EmptyWhy: why}
}

// group is the places at which one account meets the same settings and lists.
type group struct {
	policy *policy
	gate   gate
	places []int
}

// account appends the answers for one account.
func (j *judge) account(out []Answer, a *account.Account, m *sshd.Matrix, user int) []Answer {
	var groups []group
	w := &who{judge: j, Account: a, keys: map[string]term{}}
next:
	for p := range j.places {
		pol := j.policy(m.Settings(user, p))
		g := pol.gate(w, p)
		for i := range groups {
			if groups[i].policy == pol && groups[i].gate == g {
				groups[i].places = append(groups[i].places, p)
				continue next
			}
		}
		groups = append(groups, group{pol, g, []int{p}})
	}
	first := len(out)
	for i := range groups {
		ans := w.answer(&groups[i])
		ans.Places = make([]*sshd.Context, len(groups[i].places))
		for k, p := range groups[i].places {
			ans.Places[k] = &j.places[p]
		}
		// Places with the same answer for the same reason are one.
		merged := false
		for k := first; k < len(out) && !merged; k++ {
			if merged = alike(&out[k], &ans); merged {
				out[k].Places = append(out[k].Places, ans.Places...)
			}
		}
		if !merged {
			out = append(out, ans)
		}
	}
	for k := first; k < len(out); k++ {
		w.label(&out[k], len(j.places))
	}
	return out
}

func alike(a, b *Answer) bool {
	if a.Password != b.Password || a.PublicKey != b.PublicKey || a.Empty != b.Empty || a.Other != b.Other ||
		a.Mixed != b.Mixed || a.Chain != b.Chain || a.Why != b.Why {
		return false
	}
	return slices.Equal(a.Evidence, b.Evidence) && a.PasswordWhy.equal(b.PasswordWhy) && a.EmptyWhy.equal(b.EmptyWhy)
}

func (r Reason) equal(s Reason) bool { return r.Why == s.Why && slices.Equal(r.Evidence, s.Evidence) }

// label says in words where an answer holds, and puts the witness together.
func (w *who) label(a *Answer, total int) {
	const most = 4
	switch {
	case len(a.Places) == total:
		a.From = "anywhere"
	case a.Places[0].Label == "anywhere":
		a.From = "anywhere else"
	default:
		labels := make([]string, 0, most)
		for i := range a.Places {
			if i == most {
				labels = append(labels, strconv.Itoa(len(a.Places)-most)+" more")
				break
			}
			l := a.Places[i].Label
			if i > 0 {
				l = strings.TrimPrefix(l, "from ")
			}
			labels = append(labels, l)
		}
		a.From = strings.Join(labels, " or ")
	}
	for i := range a.Evidence {
		e := &a.Evidence[i]
		if e.Witness == "" {
			continue
		}
		where := a.From
		switch where {
		case "anywhere else":
			where = "from " + a.Places[0].Addr + ", say,"
		case "anywhere":
			where = "from anywhere"
		}
		e.Witness = "user " + w.Name + " " + where + " " + e.Witness
	}
}

// stat remembers what was asked.
func (j *judge) stat(path string) Stat {
	if s, ok := j.stats[path]; ok {
		return s
	}
	var s Stat
	if j.Stat != nil {
		s = j.Stat(path)
	}
	if s.Real == "" {
		s.Real = path
	}
	j.stats[path] = s
	return s
}

func (j *judge) read(path string) ([]byte, error) {
	if j.Read == nil {
		return nil, fs.ErrPermission
	}
	return j.Read(path)
}

// stack returns the PAM stack of a service; nil: not known.
func (j *judge) stack(service string) *account.Stack {
	if s, ok := j.stacks[service]; ok {
		return s
	}
	var s *account.Stack
	if j.PAM != nil {
		s = j.PAM(service)
	}
	j.stacks[service] = s
	return s
}

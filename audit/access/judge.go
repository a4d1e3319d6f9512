package access

import (
	"io/fs"
	"slices"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

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

	// Ways are the combinations of methods that complete a login, or may.
	Ways []Way
	// Offer is what the server offers; nil where it is not known at all.
	Offer *Offer
	// Keys are all keys of the account, those that do not open it as well; Session
	// is what a login may do. Both only where Input.Detail asks for them.
	Keys    []Key
	Session *Session

	Why      string // where nothing is a yes: what refuses, or what is not known
	Settle   string // where that is not known: what would settle it; "" nothing that postern knows
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
		v = v.Or(m)
	}
	return v
}

// judge carries what is worked out once.
type judge struct {
	Input
	base     *placeSet
	sets     map[string]*placeSet // by the from= lists that tell them apart
	policies map[*sshd.Settings]*policy
	alike    map[string]*policy // by fingerprint
	stacks   map[string]*account.Stack
	files    map[string]*keyFile
	stats    map[string]Stat
	nologin  Verdict            // /etc/nologin, which sshd asks
	pamNo    Verdict            // that or /run/nologin, which pam_nologin asks
	primary  map[int64][]string // names of accounts by primary group
	names    map[int64]string   // names by uid

	sessions    map[string]*Session
	revocations map[string]*revokedFile
	bugs        map[string]Verdict
	others      map[string][]string // by service: modules that are not evaluated
	fromTotal   int

	// Room that is used again for each answer and each account.
	memo   []named
	groups []group
	open   []*policy
}

// Judge answers for every account, at every group of places that are alike for
// it. The order is that of the accounts, then of the places, the unnamed first.
// capped says that more places are told apart than were judged; the accounts
// that this is about then have a last answer for these, in which nothing is known.
func Judge(in Input) (answers []Answer, capped bool) {
	j := &judge{Input: in, policies: map[*sshd.Settings]*policy{}, alike: map[string]*policy{}, stacks: map[string]*account.Stack{},
		files: map[string]*keyFile{}, stats: map[string]Stat{}, sets: map[string]*placeSet{}, sessions: map[string]*Session{},
		primary: map[int64][]string{}, names: map[int64]string{}}
	j.base = j.placesFor(nil)
	j.nologin = j.there("/etc/nologin")
	// /var/run is /run; a host with both as folders of their own has no systemd.
	j.pamNo = j.nologin.Or(j.there("/run/nologin")).Or(j.there("/var/run/nologin"))
	users := make([]sshd.User, len(in.Accounts))
	for i := range in.Accounts {
		a := &in.Accounts[i]
		users[i] = matchUser(a)
		j.primary[a.GID] = append(j.primary[a.GID], a.Name)
		if _, have := j.names[a.UID]; !have {
			j.names[a.UID] = a.Name
		}
	}
	m := in.Config.Matrix(users, j.base.places)
	answers = make([]Answer, 0, 2*len(in.Accounts))
	for i := range in.Accounts {
		var more bool
		if answers, more = j.account(answers, &in.Accounts[i], m, i); more {
			capped = true
			answers = append(answers, elsewhere(&in.Accounts[i]))
		}
	}
	return answers, capped
}

// matchUser is an account as Match sees it. It exists, though perhaps in no
// group of a name.
func matchUser(a *account.Account) sshd.User {
	u := sshd.User{Name: a.Name, Groups: a.Groups}
	if u.Groups == nil {
		u.Groups = []string{}
	}
	return u
}

// there reports whether a path exists.
func (j *judge) there(path string) Verdict {
	switch st := j.stat(path); {
	case !st.Known:
		return Unsure
	case st.Exists:
		return Yes
	}
	return No
}

// elsewhere is the answer for the places that were not looked at. Without it a
// summary would take them for closed.
func elsewhere(a *account.Account) Answer {
	why := Reason{Why: "the configuration tells more places apart than were looked at"}
	return Answer{User: a.Name, UID: a.UID, From: "from places not looked at", Why: why.Why, PasswordWhy: why, EmptyWhy: why}
}

// group is the places at which one account meets the same settings and lists.
type group struct {
	policy  *policy
	gate    gate
	from    string // which from= lists of its keys fit
	session *Session
	places  []int
}

// account appends the answers for one account. more says that not all places
// were looked at.
func (j *judge) account(out []Answer, a *account.Account, m *sshd.Matrix, user int) (answers []Answer, more bool) {
	w := &who{judge: j, Account: a, keys: map[string]*doors{}, set: j.base}
	policies := j.open[:0]
	for p := range w.set.places {
		if pol := j.policy(m.Settings(user, p)); !slices.Contains(policies, pol) {
			policies = append(policies, pol)
		}
	}
	if w.lists, more = w.fromLists(policies); len(w.lists) > 0 {
		w.set = j.placesFor(w.lists)
		m, user = j.Config.Matrix([]sshd.User{matchUser(a)}, w.set.places), 0
	}
	more = more || w.set.capped
	j.open = policies
	groups := j.groups[:0]
next:
	for p := range w.set.places {
		pol := j.policy(m.Settings(user, p))
		g := group{policy: pol, gate: pol.gate(w, p), from: w.fromMask(p)}
		if j.Detail {
			g.session = w.session(pol)
		}
		for i := range groups {
			if x := &groups[i]; x.policy == g.policy && x.gate == g.gate && x.from == g.from && x.session == g.session {
				x.places = append(x.places, p)
				continue next
			}
		}
		if len(groups) < cap(groups) { // the room of a group of the account before
			g.places = append(groups[:len(groups)+1][len(groups)].places[:0], p)
		} else {
			g.places = []int{p}
		}
		groups = append(groups, g)
	}
	j.groups = groups
	first := len(out)
	for i := range groups {
		ans := w.answer(&groups[i])
		ans.Places = make([]*sshd.Context, len(groups[i].places))
		for k, p := range groups[i].places {
			ans.Places[k] = &w.set.places[p]
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
		w.label(&out[k], len(w.set.places))
	}
	return out, more
}

func alike(a, b *Answer) bool {
	if a.Password != b.Password || a.PublicKey != b.PublicKey || a.Empty != b.Empty || a.Other != b.Other ||
		a.Mixed != b.Mixed || a.Chain != b.Chain || a.Why != b.Why || a.Session != b.Session {
		return false
	}
	if a.Offer != b.Offer && (a.Offer == nil || b.Offer == nil || a.Offer.Doubt != b.Offer.Doubt || !slices.Equal(a.Offer.Methods, b.Offer.Methods)) {
		return false
	}
	return slices.Equal(a.Evidence, b.Evidence) && a.PasswordWhy.equal(b.PasswordWhy) && a.EmptyWhy.equal(b.EmptyWhy) &&
		sameWays(a.Ways, b.Ways) && sameKeys(a.Keys, b.Keys)
}

func sameKeys(a, b []Key) bool {
	return slices.EqualFunc(a, b, func(x, y Key) bool {
		return x.Verdict == y.Verdict && x.Why == y.Why && x.Path == y.Path && x.Line == y.Line
	})
}

func (r Reason) equal(s Reason) bool { return r.Why == s.Why && slices.Equal(r.Evidence, s.Evidence) }

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

// unevaluated are the modules of a service's conversation that are not evaluated.
func (j *judge) unevaluated(service string) []string {
	if list, ok := j.others[service]; ok {
		return list
	}
	var list []string
	if s := j.stack(service); s != nil {
		list = s.Unevaluated("auth", j.SSSD)
	}
	if j.others == nil {
		j.others = map[string][]string{}
	}
	j.others[service] = list
	return list
}

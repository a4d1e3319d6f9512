package facts

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/access"
	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/vulns"
)

// Logins answers for one host who can log in, and how, at every SSH server that
// runs there. It says more than the fact access: what postern access shows.
type Logins struct {
	Host    string        `json:"host"`
	Servers []LoginServer `json:"servers"`
	// PrivateKeys lie on the host and open accounts somewhere, perhaps elsewhere.
	PrivateKeys []PrivateKey `json:"private_keys"`
	// Gaps say what may be missing: accounts, servers, keys of either kind.
	Gaps []Gap `json:"gaps"`
}

// LoginServer is one server with the answers for its logins.
type LoginServer struct {
	Kind    string   `json:"kind"`   // sshd, dropbear
	Config  string   `json:"config"` // sshd's main file; dropbear's command line, which is all that it has
	Version string   `json:"version"`
	PID     int64    `json:"pid"`     // 0: none was seen running
	Listens []string `json:"listens"` // address:port
	Primary bool     `json:"primary"` // the one that answers on the port that we came by, or on the first port
	// Doubt says why what runs may not be what the files say, so that no answer is
	// certain; "" it is.
	Doubt  string  `json:"doubt"`
	Logins []Login `json:"logins"`
}

// Login is the answer for one account at the places that are alike for it. Words
// for verdicts are yes, no and unknown.
type Login struct {
	User  string `json:"user"`
	UID   int64  `json:"uid"`
	Admin string `json:"admin"` // why it is an administrator's: uid 0, group sudo ...; "" as far as is known it is not
	From  string `json:"from"`  // in words: "anywhere", "from 10.0.0.0/8"
	// Places are representatives of From, one an address.
	Places  []LoginPlace `json:"places"`
	Open    string       `json:"open"` // whether some way is
	Offered []string     `json:"offered"`
	// OfferedDoubt says why more or less may be offered; "" it is not.
	OfferedDoubt string     `json:"offered_doubt"`
	Ways         []LoginWay `json:"ways"`
	// TwoFactors is whether every way asks for two kinds of proof (PCI DSS 4.0, 8.4).
	TwoFactors    string     `json:"two_factors"`
	TwoFactorsWhy string     `json:"two_factors_why"`
	Keys          []LoginKey `json:"keys"`
	Session       *Session   `json:"session"`
	Why           string     `json:"why"`    // where no way is open: what closes it, or is not known
	Settle        string     `json:"settle"` // what would settle what is not known
	Evidence      []Evidence `json:"evidence"`
}

// LoginPlace is where a login may come from and arrive at.
type LoginPlace struct {
	Address   string `json:"address"`
	Host      string `json:"host,omitempty"`
	LocalAddr string `json:"local_address,omitempty"`
	LocalPort int    `json:"local_port,omitempty"`
	Label     string `json:"label"`
}

// LoginWay is one combination of methods.
type LoginWay struct {
	Methods    []string   `json:"methods"`
	Verdict    string     `json:"verdict"` // yes, unknown
	Factors    int        `json:"factors"` // kinds of proof; -1 not known
	FactorsWhy string     `json:"factors_why"`
	Why        string     `json:"why"`
	Settle     string     `json:"settle"`
	Evidence   []Evidence `json:"evidence"`
}

// LoginKey is a key, or an authority over certificates, that is meant for an account.
type LoginKey struct {
	Type        string   `json:"type"`
	Bits        int      `json:"bits"`
	Fingerprint string   `json:"fingerprint"`
	Comment     string   `json:"comment"`
	Path        string   `json:"path"`
	Line        int      `json:"line"`
	CA          bool     `json:"ca"`
	Principals  []string `json:"principals"`
	Opens       string   `json:"opens"` // yes, no, unknown: from these places
	Why         string   `json:"why"`
	From        string   `json:"from"` // its from= list
	Command     string   `json:"command"`
	Limits      []string `json:"limits"`
	Until       string   `json:"until"`
	Weak        string   `json:"weak"`
	Bugs        []string `json:"bugs"`
}

// Session is what a login may do.
type Session struct {
	Command  string     `json:"command"`
	Chroot   string     `json:"chroot"`
	NoTTY    bool       `json:"no_tty"`
	Open     []string   `json:"open"` // kinds of forwarding
	Shell    string     `json:"shell"`
	Doubt    []string   `json:"doubt"`
	Bugs     []string   `json:"bugs"`
	Evidence []Evidence `json:"evidence"`
}

// MapStrings puts every string below a pointer through change, as [Facts.Map]
// does; what several places share is copied first.
func MapStrings(pointer any, change func(string) string) {
	mapAll(reflect.ValueOf(pointer).Elem(), change)
}

// mapAll is mapStrings that follows pointers.
func mapAll(v reflect.Value, change func(string) string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c := reflect.New(v.Type().Elem()) // several logins share one
			c.Elem().Set(v.Elem())
			mapAll(c.Elem(), change)
			v.Set(c)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			mapAll(v.Field(i), change)
		}
	case reflect.Slice:
		if !v.IsNil() {
			v.Set(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v)) // shared as well
		}
		for i := range v.Len() {
			mapAll(v.Index(i), change)
		}
	default:
		mapStrings(v, change)
	}
}

// WhoCanLogIn answers for a snapshot who can log in at each of its servers. It
// never fails: what the snapshot does not hold is unknown.
func WhoCanLogIn(snap *snapshot.Snapshot, opt Options) *Logins {
	opt.Setups = nil // the answers need more than a setup remembers
	b := newBuilder(snap, opt)
	b.work()
	return b.logins(newBuilder(snap, opt).daemons())
}

// logins judges every server in full.
func (b *builder) logins(running []sshDaemon) *Logins {
	l := &Logins{Host: b.opt.Name, Servers: []LoginServer{}, Gaps: []Gap{}, PrivateKeys: append([]PrivateKey{}, b.f.PrivateKeys...)}
	weak := map[string]string{}
	for i := range b.f.AuthorizedKeys {
		if k := &b.f.AuthorizedKeys[i]; k.Weak != "" {
			weak[k.Fingerprint] = k.Weak
		}
	}
	servers := 0
	for _, d := range running {
		if d.Kind == "dropbear" {
			if d.UID == 0 && len(d.Listens) == 0 && listens(running, "dropbear") {
				continue // it serves one login, or a program of that name
			}
			s, lost := b.dropbearServerLogins(&d, weak)
			if servers++; lost == "" {
				l.Servers = append(l.Servers, s)
				continue
			}
			l.Gaps = append(l.Gaps, Gap{Path: d.Exe, Reason: fmt.Sprintf("process %d is dropbear: %s", d.PID, lost)})
			continue
		}
		if d.Kind != "sshd" {
			l.Gaps = append(l.Gaps, Gap{Path: d.Exe, Reason: fmt.Sprintf("process %d is %s: who can log in there is not judged", d.PID, d.Kind)})
			continue
		}
		servers++
		l.Servers = append(l.Servers, b.loginServer(&d, weak))
	}
	if servers == 0 && b.cfg != nil {
		l.Servers = append(l.Servers, b.loginServer(nil, weak))
	}
	if why, ok := b.f.Unknown["sshd"]; ok && len(l.Servers) == 0 {
		l.Gaps = append(l.Gaps, Gap{Reason: why})
	}
	for _, fact := range []string{"daemons", "access", "accounts", "authorized_keys", "private_keys"} {
		if why, ok := b.f.Unknown[fact]; ok {
			l.Gaps = append(l.Gaps, Gap{Path: fact, Reason: why})
		}
		for _, g := range b.f.Gaps[fact] {
			if !slices.Contains(l.Gaps, g) {
				l.Gaps = append(l.Gaps, g)
			}
		}
	}
	return l
}

// listens reports whether a server of root's of a kind listens.
func listens(running []sshDaemon, kind string) bool {
	return slices.ContainsFunc(running, func(d sshDaemon) bool { return d.Kind == kind && d.UID == 0 && len(d.Listens) > 0 })
}

// loginServer judges one sshd; nil is one that would run with the files as they are.
func (b *builder) loginServer(d *sshDaemon, weak map[string]string) LoginServer {
	main, opt := b.sshdOptions(d)
	cfg := b.cfg
	if cfg == nil || d != nil && !d.Primary || cfg.Main != main {
		cfg = sshd.Load(main, sshdFiles{b}, opt)
	}
	s := LoginServer{Kind: "sshd", Config: main, Version: opt.Version.String(), Listens: []string{}, Logins: []Login{}}
	if d != nil {
		s.PID, s.Primary = d.PID, d.Primary
		s.Listens = append(s.Listens, d.Listens...)
	} else {
		s.Primary = true
	}
	_, exists := b.fs.read(main)
	switch {
	case d != nil && d.lost != "":
		s.Doubt = d.lost
	case !exists && main != "none":
		s.Doubt = main + " was not read"
		if why := b.why(main); why != "" {
			s.Doubt = main + ": " + why
		}
	case s.Primary && b.f.Sshd.Stale:
		s.Doubt = "the files changed after the daemon read them: what runs is not what they say"
	case s.Primary && b.f.Unknown["sshd.stale"] != "" && d != nil:
		s.Doubt = "whether the daemon has read its files is not known: " + b.f.Unknown["sshd.stale"]
	case s.Primary:
		s.Doubt = b.doubtAccess("sshd.root_login")
	}
	in := b.loginInput(cfg)
	in.Detail, in.Apart = true, append(in.Apart, b.opt.Apart...)
	answers, capped := access.Judge(in)
	if capped && s.Doubt == "" {
		s.Doubt = "the configuration tells more places apart than postern looks at"
	}
	for i := range answers {
		s.Logins = append(s.Logins, b.login(&answers[i], weak))
	}
	return s
}

// loginInput is what a judgement of logins needs of the host.
func (b *builder) loginInput(cfg *sshd.Config) access.Input {
	return access.Input{
		Config: cfg, Accounts: b.list, Groups: b.groups, Today: b.today(),
		PAM: func(service string) *account.Stack {
			return account.ParsePAM(service, func(p string) ([]byte, error) {
				data, err := b.readFile(p)
				if err != nil {
					return nil, err
				}
				return data, nil
			})
		},
		Stat: b.stat, Read: b.readFile, OpenAccess: b.openAccess(), SSSD: b.sssd(), MoreGroups: b.groupsWhy != "", Bug: b.bug, Apart: b.apart(),
	}
}

// bug asks whether the installed package lacks the fix of a vulnerability.
func (b *builder) bug(id string) access.Verdict {
	switch b.lacksFix(id) {
	case vulns.Yes:
		return access.Yes
	case vulns.No:
		return access.No
	}
	return access.Unsure
}

// login is one answer in the form of facts.
func (b *builder) login(a *access.Answer, weak map[string]string) Login {
	out := Login{User: a.User, UID: a.UID, From: a.From, Open: access.Word(a.Open()), Why: a.Why, Settle: a.Settle,
		Evidence: accessEvidence(a.Evidence), Places: []LoginPlace{}, Offered: []string{}, Ways: []LoginWay{}, Keys: []LoginKey{}}
	if acc := b.byName[a.User]; acc != nil {
		out.Admin = administrator(acc)
	}
	for _, p := range a.Places {
		out.Places = append(out.Places, LoginPlace{Address: p.Addr, Host: p.Host, LocalAddr: p.LocalAddr, LocalPort: p.LocalPort, Label: p.Label})
	}
	if a.Offer != nil {
		out.Offered = append(out.Offered, a.Offer.Methods...)
		out.OfferedDoubt = a.Offer.Doubt
	}
	for i := range a.Ways {
		w := &a.Ways[i]
		out.Ways = append(out.Ways, LoginWay{Methods: w.Methods, Verdict: access.Word(w.Verdict), Factors: w.Factors, FactorsWhy: w.FactorsWhy,
			Why: w.Why, Settle: w.Settle, Evidence: accessEvidence(w.Evidence)})
	}
	v, why := a.TwoFactors()
	out.TwoFactors, out.TwoFactorsWhy = access.Word(v), why
	for i := range a.Keys {
		k := &a.Keys[i]
		out.Keys = append(out.Keys, LoginKey{Type: k.Type, Bits: k.Bits, Fingerprint: k.Fingerprint, Comment: k.Comment, Path: k.Path, Line: k.Line,
			CA: k.CA, Principals: k.Principals, Opens: access.Word(k.Verdict), Why: k.Why, From: k.From, Command: k.Command,
			Limits: k.Limits, Until: k.Until, Weak: weak[k.Fingerprint], Bugs: k.Bugs})
	}
	if s := a.Session; s != nil {
		out.Session = &Session{Command: s.Command, Chroot: s.Chroot, NoTTY: s.NoTTY, Open: s.Open, Shell: s.Shell, Doubt: s.Doubt, Bugs: s.Bugs,
			Evidence: accessEvidence(s.Evidence)}
	}
	return out
}

// administrator says why an account is an administrator's, as far as uid and
// groups tell; who else is one by sudoers(5) is not read.
func administrator(a *account.Account) string {
	if a.UID == 0 {
		return "uid 0"
	}
	for _, g := range a.Groups {
		switch g {
		case "root", "sudo", "wheel", "admin":
			return "group " + g
		}
	}
	return ""
}

// apart are the address lists of the inventory's allow: entries, so that places
// inside and outside are told apart.
func (b *builder) apart() []string {
	var out []string
	for _, a := range b.opt.Allow {
		if l := strings.Join(a.Addresses, ","); l != "" && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// Allowed is a login that the inventory means to stay possible (allow:).
type Allowed struct {
	User      string
	Addresses []string // addresses and networks
	Method    string   // publickey, password, keyboard-interactive
	Written   string   // file:line:column of the inventory
}

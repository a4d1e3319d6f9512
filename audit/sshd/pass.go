package sshd

import "strings"

// pass is one reading of all lines into an empty set of options.
type pass struct {
	c       *Config
	vals    []*Value
	login   bool // the second pass
	refused *Fault
	gap     string // the first file that could not be read
}

func (p *pass) apply(l *setting) {
	v := p.c.opt.Version
	if l.row < 0 {
		if p.gap == "" {
			p.gap = l.gap
		}
		return
	}
	r := &rows[l.row]
	if p.login && !r.carried(v) {
		return
	}
	old := p.vals[l.row]
	if l.fault != nil {
		if old == nil && p.refused == nil {
			p.refused = l.fault
		}
		return
	}
	if old == nil {
		args := l.args
		if o := r.order(v); o == appends || o == bySubsystem {
			args = append(make([]string, 0, len(args)+2), args...) // grows in place
		}
		p.vals[l.row] = &Value{Args: args, printed: l.printed, Origin: l.origin, Unknown: p.gap}
		if p.sharedCommand(l.row) && p.keysCommand() {
			p.vals[l.row] = nil
		}
		return
	}
	switch order := r.order(v); {
	case order == appends:
		if old.printed != nil || l.printed != nil {
			old.printed = append(append([]string(nil), spelt(old.printed, old.Args)...), spelt(l.printed, l.args)...)
		}
		old.Args = append(old.Args, l.args...)
		old.More = append(old.More, l.origin)
		if old.Unknown == "" {
			old.Unknown = p.gap
		}
	case order == bySubsystem:
		name, _, _ := strings.Cut(l.args[0], " ")
		for _, a := range old.Args {
			if n, _, _ := strings.Cut(a, " "); n == name {
				old.Shadowed = append(old.Shadowed, l.origin)
				return
			}
		}
		old.Args = append(old.Args, l.args...)
		old.More = append(old.More, l.origin)
	case r.kind == kindRekey && len(old.Args) == 1 && len(l.args) == 2:
		old.Args = []string{old.Args[0], l.args[1]} // the time was still unset
		old.More = append(old.More, l.origin)
	case r.kind == kindPenalties:
		old.Args = mergePenalties(old.Args, l.args)
		old.More = append(old.More, l.origin)
	case order == lastWins, r.kind == kindTimeOrNone && l.args[0] == "none", p.sharedCommand(l.row) && !p.keysCommand():
		args := l.args
		if r.kind == kindMaxStartups && l.extra != "" {
			// One number sets start and full; an earlier line's rate stays.
			args = []string{keepRate(old.Args[0], args[0])}
		}
		n := &Value{Args: args, printed: l.printed, Origin: l.origin, Shadowed: append(old.Shadowed, old.Origin), Unknown: p.gap}
		p.vals[l.row] = n
	default:
		old.Shadowed = append(old.Shadowed, l.origin)
	}
}

// anyLate is the fault of 8.7 to 9.4 that takes no "any" for AuthenticationMethods
// once the pass has set it, not even in a block that does not apply.
func (p *pass) anyLate(l *setting) *Fault {
	v := p.c.opt.Version
	if l.row < 0 || rows[l.row].kind != kindAuthMethods || v.Before(8, 7) || !v.Before(9, 5) || p.refused != nil ||
		p.vals[l.row] == nil || len(l.args) == 0 || l.args[0] != "any" {
		return nil
	}
	name, _, _ := strings.Cut(strings.TrimLeft(l.origin.Text, " \t"), " ")
	if i := strings.IndexAny(name, "=\t"); i >= 0 {
		name = name[:i]
	}
	return &Fault{File: l.origin.File, Pos: l.origin.Pos, Keyword: "AuthenticationMethods", Refuses: true, again: true,
		Message: `"any" must appear alone in ` + name, Hint: "this release takes no any once an earlier line has set AuthenticationMethods"}
}

// spelt is what sshd -T prints of a line's words.
func spelt(printed, args []string) []string {
	if printed != nil {
		return printed
	}
	return args
}

// sharedCommand models a fault of 8.7 to 9.3: AuthorizedPrincipalsCommand looked
// whether AuthorizedKeysCommand was set, not itself. So it is ignored once that
// is set, and its last line wins while that is not.
func (p *pass) sharedCommand(row int) bool {
	v := p.c.opt.Version
	return rows[row].name == "AuthorizedPrincipalsCommand" && !v.Before(8, 7) && v.Before(9, 4)
}

func (p *pass) keysCommand() bool {
	row, _, _, _ := lookup("AuthorizedKeysCommand", p.c.opt.Version, "")
	return p.vals[row] != nil
}

// complete fills what a line left open.
func (p *pass) complete() {
	for i, v := range p.vals {
		if v != nil && rows[i].kind == kindRekey && len(v.Args) == 1 {
			v.Args = []string{v.Args[0], "0"}
		}
	}
}

// keepRate joins the rate of an earlier MaxStartups with a later single number.
func keepRate(old, cur string) string {
	o, n := strings.Split(old, ":"), strings.Split(cur, ":")
	return n[0] + ":" + o[1] + ":" + n[2]
}

// mergePenalties adds the classes that are not yet there. Any class turns the
// penalties on, also after "no".
func mergePenalties(old, add []string) []string {
	out := append([]string(nil), old...)
	for _, a := range add {
		class, _, isClass := strings.Cut(a, ":")
		if !isClass {
			continue // yes or no: the first counts
		}
		have := false
		kept := out[:0]
		for _, o := range out {
			c, _, _ := strings.Cut(o, ":")
			have = have || c == class
			if o != "no" {
				kept = append(kept, o)
			}
		}
		if out = kept; !have {
			out = append(out, a)
		}
	}
	return out
}

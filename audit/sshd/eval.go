package sshd

import (
	"fmt"
	"strings"
)

// OriginKind says what kind of place a value comes from.
type OriginKind uint8

// The kinds of origin. The zero value is a default.
const (
	FromDefault OriginKind = iota
	FromFile
	FromCommandLine
)

// Place is a line of a file.
type Place struct {
	File string
	Pos  Pos
}

// Origin is where a value comes from.
type Origin struct {
	Kind      OriginKind
	File      string // "" for a default
	Pos       Pos
	Text      string  // the line as it stands, without its end
	Match     string  // the criteria of the block it stands in; "" none
	MatchFile string  // where that Match line stands
	MatchPos  Pos     //
	Via       []Place // the Include lines that led to the file, outermost first
}

// String is "file:line", "command line" or "default".
func (o Origin) String() string {
	switch o.Kind {
	case FromFile:
		return fmt.Sprintf("%s:%d", o.File, o.Pos.Line)
	case FromCommandLine:
		return "command line"
	}
	return "default"
}

// Value is what holds for one keyword.
type Value struct {
	// Args are the words in the spelling of sshd -T: numbers in seconds, names
	// in one case. Nil: nothing is set and there is no default.
	Args     []string
	Origin   Origin   // the line that counts; of an appended list the first
	More     []Origin // the further lines of an appended list
	Shadowed []Origin // lines that would set it and do not count
	// Unknown says why the value is not certain: a file that could not be read
	// here may have set it first. "" it is certain.
	Unknown string
}

// Is reports whether the value is that one word. A value that is not certain
// is nothing.
func (v Value) Is(word string) bool {
	return v.Unknown == "" && len(v.Args) == 1 && v.Args[0] == word
}

// First is the first word, or "".
func (v Value) First() string {
	if len(v.Args) == 0 {
		return ""
	}
	return v.Args[0]
}

// Settings is what holds for one login, or at the start (globals).
type Settings struct {
	cfg  *Config
	vals []*Value // by row; nil: never set and no default in this release
}

// Get returns what holds for a keyword of the configuration's release. An alias
// names the same value; an unknown keyword has none.
func (s *Settings) Get(keyword string) Value {
	_, slot, _, ok := lookup(keyword, s.cfg.opt.Version, s.cfg.opt.Distro)
	if !ok || s.vals[slot] == nil {
		return Value{}
	}
	return *s.vals[slot]
}

// Known reports whether the release has the keyword.
func (s *Settings) Known(keyword string) bool {
	_, _, _, ok := lookup(keyword, s.cfg.opt.Version, s.cfg.opt.Distro)
	return ok
}

// Algorithms is the list that the daemon uses for Ciphers, MACs, KexAlgorithms,
// HostKeyAlgorithms, PubkeyAcceptedAlgorithms, HostbasedAcceptedAlgorithms or
// CASignatureAlgorithms, with +, - and ^ applied to the release's default. A
// list that "-" emptied is empty for what is negotiated and the default for
// what is checked at login (kex_assemble_names and its second call).
func (s *Settings) Algorithms(keyword string) []string {
	_, slot, _, ok := lookup(keyword, s.cfg.opt.Version, s.cfg.opt.Distro)
	if !ok || rows[slot].kind != kindAlgorithms {
		return nil
	}
	return s.algorithms(slot, rows[slot].match == neverMatch)
}

func (s *Settings) algorithms(slot int, mayBeEmpty bool) []string {
	r := &rows[slot]
	v := s.vals[slot]
	if v == nil || v.Origin.Kind == FromDefault || len(v.Args) != 1 {
		return r.algs.defaults(s.cfg.env.rel)
	}
	names, _ := r.algs.assemble(v.Args[0], s.cfg.env.rel)
	// The second call makes the default of what the first has emptied; a list
	// from a Match block meets only one.
	if len(names) == 0 && !mayBeEmpty && v.Origin.Match == "" {
		return r.algs.defaults(s.cfg.env.rel)
	}
	return names
}

// Globals is what holds before a login's user is known.
func (c *Config) Globals() *Settings { return c.global }

// Eval is what holds for one login: the globals, and over them the values of
// the Match blocks that apply, of which again the first counts.
// (servconf.c: parse_server_match_config, copy_set_server_options.)
func (c *Config) Eval(ctx Context) *Settings {
	key := make([]byte, (len(c.conds)+7)/8)
	addr, local := ctx.addr(), ctx.localAddr()
	for i, m := range c.conds {
		if m.holds(&ctx, true, addr, local) && m.holds(&ctx, false, addr, local) {
			key[i/8] |= 1 << (i % 8)
		}
	}
	return c.settings(key)
}

// maxCache bounds how many different Settings are kept.
const maxCache = 4096

// settings is Eval for a known set of Match lines that hold.
func (c *Config) settings(key []byte) *Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.cache[string(key)]; s != nil {
		return s
	}
	s := c.evalBlocks(func(i int) bool { return key[i/8]&(1<<(i%8)) != 0 })
	if len(c.cache) < maxCache {
		c.cache[string(key)] = s
	}
	return s
}

// finish makes the globals and checks what sshd checks when all is read.
func (c *Config) finish() {
	c.def = make([]*Value, len(rows))
	for i := range rows {
		r := &rows[i]
		if r.alias != "" || r.fate != acted || !r.in(c.opt.Version) || !r.vendorIn(c.opt.Distro) {
			continue
		}
		if args := r.defaultArgs(c.env.rel); args != nil {
			c.def[i] = &Value{Args: args}
		}
	}
	p := pass{c: c, vals: make([]*Value, len(rows))}
	for i := range c.lines {
		if c.scopes[c.lines[i].scope].start {
			p.apply(&c.lines[i])
		}
	}
	p.complete()
	for i, v := range p.vals {
		switch {
		case v == nil && c.def[i] != nil:
			d := *c.def[i]
			d.Unknown = p.gap
			p.vals[i] = &d
		case v == nil && p.gap != "" && rows[i].alias == "" && rows[i].in(c.opt.Version):
			p.vals[i] = &Value{Unknown: p.gap}
		}
	}
	c.global = &Settings{cfg: c, vals: p.vals}
	c.checkStart()
}

// evalBlocks is the second pass.
func (c *Config) evalBlocks(holds func(cond int) bool) *Settings {
	p := pass{c: c, vals: make([]*Value, len(rows)), login: true}
	active := make([]bool, len(c.scopes))
	for i := range c.scopes {
		sc := &c.scopes[i]
		active[i] = len(sc.conds) > 0 && !sc.dead
		for _, m := range sc.conds {
			active[i] = active[i] && holds(m)
		}
	}
	any := false
	for i := range c.lines {
		if l := &c.lines[i]; active[l.scope] || l.row < 0 && len(c.scopes[l.scope].conds) == 0 {
			p.apply(l)
			any = true
		}
	}
	if !any {
		return c.global
	}
	p.complete()
	for i, v := range p.vals {
		g := c.global.vals[i]
		switch {
		case v == nil && p.gap != "" && g != nil && rows[i].carried(c.opt.Version):
			d := *g
			if d.Unknown == "" {
				d.Unknown = p.gap
			}
			p.vals[i] = &d
		case v == nil:
			p.vals[i] = g
		case rows[i].order(c.opt.Version) == bySubsystem && g != nil:
			p.vals[i] = mergeSubsystems(v, g)
		case g != nil && g.Origin.Kind != FromDefault:
			v.Shadowed = append(v.Shadowed, g.Origin)
			v.Shadowed = append(v.Shadowed, g.More...)
		}
	}
	return &Settings{cfg: c, vals: p.vals}
}

// pass is one reading of all lines into an empty set of options.
type pass struct {
	c     *Config
	vals  []*Value
	login bool   // the second pass
	gap   string // the first file that could not be read
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
	if old == nil {
		args := l.args
		if o := r.order(v); o == appends || o == bySubsystem {
			args = append(make([]string, 0, len(args)+2), args...) // grows in place
		}
		p.vals[l.row] = &Value{Args: args, Origin: l.origin, Unknown: p.gap}
		if p.sharedCommand(l.row) && p.keysCommand() {
			p.vals[l.row] = nil
		}
		return
	}
	switch order := r.order(v); {
	case order == appends:
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
		n := &Value{Args: args, Origin: l.origin, Shadowed: append(old.Shadowed, old.Origin), Unknown: p.gap}
		p.vals[l.row] = n
	default:
		old.Shadowed = append(old.Shadowed, l.origin)
	}
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

// mergeSubsystems is servconf_merge_subsystems: a block's subsystems replace
// those of the same name and add the others.
func mergeSubsystems(block, global *Value) *Value {
	m := *global
	m.Args = append([]string(nil), global.Args...)
	m.Shadowed = append(append([]Origin(nil), global.Shadowed...), block.Shadowed...)
next:
	for _, b := range block.Args {
		name, _, _ := strings.Cut(b, " ")
		for i, g := range m.Args {
			if n, _, _ := strings.Cut(g, " "); n == name {
				m.Args[i] = b
				continue next
			}
		}
		m.Args = append(m.Args, b)
	}
	m.More = append(append([]Origin{block.Origin}, block.More...), global.More...)
	return &m
}

// checkStart makes the checks that sshd makes when it has read all files.
func (c *Config) checkStart() {
	g := c.global
	refuse := func(v Value, keyword, msg, hint string) {
		c.Faults = append(c.Faults, Fault{File: orElse(v.Origin.File, c.Main), Pos: v.Origin.Pos, Keyword: keyword, Message: msg, Hint: hint, Refuses: true})
	}
	for i := range rows {
		r := &rows[i]
		v := g.vals[i]
		if r.kind != kindAlgorithms || v == nil || v.Origin.Kind == FromDefault {
			continue
		}
		if _, ok := r.algs.assemble(v.Args[0], c.env.rel); !ok {
			refuse(*v, r.name, strings.ToLower(r.name)+": Invalid argument", "no algorithm of this release is left in the list")
		}
	}
	for _, k := range []string{"AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"} {
		v, user := g.Get(k), g.Get(k+"User")
		if v.Origin.Kind != FromDefault && v.First() != "none" && user.Origin.Kind == FromDefault && user.Unknown == "" {
			refuse(v, k, k+" set without "+k+"User", "add "+k+"User with an account of its own")
		}
	}
	if v := g.Get("AuthenticationMethods"); v.Origin.Kind != FromDefault && v.First() != "any" {
		possible := false
		for _, chain := range v.Args {
			possible = possible || g.chainEnabled(chain)
		}
		if !possible {
			refuse(v, "AuthenticationMethods", "AuthenticationMethods cannot be satisfied by enabled authentication methods",
				"enable the methods that the lists name")
		}
	}
	family := g.Get("AddressFamily").First()
	for _, a := range g.Get("ListenAddress").Args {
		host, _, _ := splitListen(a)
		ip, ok := parseAddr(host)
		if ok && (family == "inet6" && ip.Is4() || family == "inet" && ip.Is6()) {
			refuse(g.Get("ListenAddress"), "ListenAddress", "bad addr or host: "+host+" (Address family for hostname not supported)",
				"AddressFamily "+family+" excludes this address")
		}
	}
}

// chainEnabled reports whether every method of an AuthenticationMethods list is
// switched on (auth2_methods_valid). A value that is not certain counts as on.
func (s *Settings) chainEnabled(chain string) bool {
	for m := range strings.SplitSeq(chain, ",") {
		m, _, _ = strings.Cut(m, ":")
		if !s.MethodEnabled(m) {
			return false
		}
	}
	return true
}

// MethodEnabled reports whether a method's switch is on. That says nothing about
// whether anybody can complete it. A value that is not certain counts as on.
func (s *Settings) MethodEnabled(method string) bool {
	keyword := ""
	switch method {
	case "none":
		return true
	case "publickey":
		keyword = "PubkeyAuthentication"
	case "password":
		keyword = "PasswordAuthentication"
	case "keyboard-interactive":
		keyword = "KbdInteractiveAuthentication"
		// Up to 8.6 ChallengeResponseAuthentication forces it on (sshd.c).
		if s.cfg.env.old && s.Get("ChallengeResponseAuthentication").First() != "no" {
			return true
		}
	case "hostbased":
		keyword = "HostbasedAuthentication"
	case "gssapi-with-mic", "gssapi-keyex":
		keyword = "GSSAPIAuthentication"
	default:
		return false
	}
	v := s.Get(keyword)
	return v.Unknown != "" || v.First() == "yes"
}

// splitListen splits a ListenAddress value.
func splitListen(a string) (host, port, rdomain string) {
	a, rdomain, _ = strings.Cut(a, " rdomain ")
	if strings.HasPrefix(a, "[") {
		if i := strings.Index(a, "]:"); i >= 0 {
			return a[1:i], a[i+2:], rdomain
		}
	}
	if i := strings.LastIndexByte(a, ':'); i >= 0 && strings.Count(a, ":") == 1 {
		return a[:i], a[i+1:], rdomain
	}
	return a, "", rdomain
}

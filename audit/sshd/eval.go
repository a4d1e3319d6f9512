package sshd

import "fmt"

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
	printed  []string // Args as sshd -T prints them, where that differs
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
	cfg     *Config
	vals    []*Value // by row; nil: never set and no default in this release
	refused *Fault   // what a line said that is only looked at where it counts
}

// Get returns what holds for a keyword of the configuration's release. An alias
// names the same value; an unknown keyword has none.
func (s *Settings) Get(keyword string) Value {
	_, slot, _, ok := lookup(keyword, s.cfg.opt.Version, s.cfg.opt.Distro)
	if !ok || s.vals[slot] == nil {
		return Value{}
	}
	v := *s.vals[slot]
	if s.cfg.env.old && rows[slot].name == "KbdInteractiveAuthentication" && v.First() != "yes" && !s.inBlock(slot) {
		// Up to 8.6 ChallengeResponseAuthentication is a slot of its own and forces
		// keyboard-interactive on (sshd.c).
		if cr := s.Get("ChallengeResponseAuthentication"); cr.First() == "yes" || cr.Unknown != "" {
			return cr
		}
	}
	return v
}

// inBlock reports whether the value was set for this login, not for all.
func (s *Settings) inBlock(slot int) bool {
	return s != s.cfg.global && s.vals[slot] != s.cfg.global.vals[slot]
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
	values := make([]Value, 2*len(rows)) // in one piece: this is done for every host
	defaults, copies := values[:len(rows)], values[len(rows):]
	for i := range rows {
		r := &rows[i]
		if r.alias != "" || r.fate != acted || !r.in(c.opt.Version) || !r.vendorIn(c.opt.Distro) {
			continue
		}
		if args := r.defaultArgs(c.env.rel); args != nil {
			defaults[i].Args = args
			c.def[i] = &defaults[i]
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
			copies[i] = *c.def[i]
			copies[i].Unknown = p.gap
			p.vals[i] = &copies[i]
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
		if f := p.anyLate(&c.lines[i]); f != nil {
			p.refused, any = f, true
		}
		if l := &c.lines[i]; active[l.scope] || l.row < 0 && len(c.scopes[l.scope].conds) == 0 {
			p.apply(l)
			any = true
		}
	}
	if !any {
		return c.global
	}
	for i, v := range p.vals {
		// A block that gives RekeyLimit no time leaves the globals' in force.
		if g := c.global.vals[i]; v != nil && rows[i].kind == kindRekey && len(v.Args) == 1 && g != nil && len(g.Args) == 2 {
			v.Args = []string{v.Args[0], g.Args[1]}
			if g.Args[1] != "0" {
				v.More = append(v.More, g.Origin)
			}
		}
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
		case g != nil && g.Origin.Kind != FromDefault:
			v.Shadowed = append(v.Shadowed, g.Origin)
			v.Shadowed = append(v.Shadowed, g.More...)
		}
	}
	return &Settings{cfg: c, vals: p.vals, refused: p.refused}
}

package sshd

import (
	"fmt"
	"strings"
)

// Shadow is a line that would set a value and does not count.
type Shadow struct {
	Origin Origin
	Why    string
}

// Trace tells where the value of one keyword comes from.
type Trace struct {
	Keyword string
	Value   Value
	Why     string   // why this value holds
	Default []string // what holds without any line; nil: nothing
	// Shadowed are the lines that count for this login and lose.
	Shadowed []Shadow
	// Elsewhere are the lines in blocks that do not apply to this login.
	Elsewhere []Shadow
}

// Trace follows a keyword's value back to its lines. An unknown keyword has no
// value and no lines.
func (s *Settings) Trace(keyword string) Trace {
	c := s.cfg
	_, slot, _, ok := lookup(keyword, c.opt.Version, c.opt.Distro)
	if !ok {
		return Trace{Keyword: keyword}
	}
	r := &rows[slot]
	v := s.Get(keyword)
	t := Trace{Keyword: r.name, Value: v, Why: s.why(r, &v)}
	if d := c.def[slot]; d != nil {
		t.Default = d.Args
	}
	known := map[Place]bool{{v.Origin.File, v.Origin.Pos}: true}
	for _, o := range v.More {
		known[Place{o.File, o.Pos}] = true
	}
	for _, o := range v.Shadowed {
		known[Place{o.File, o.Pos}] = true
		t.Shadowed = append(t.Shadowed, Shadow{o, s.lost(r, &v, o)})
	}
	for i := range c.lines {
		l := &c.lines[i]
		if l.row != slot || known[Place{l.origin.File, l.origin.Pos}] {
			continue
		}
		why := "Match " + l.origin.Match + " does not hold"
		switch {
		case l.origin.Match == "": // it lost among the globals already, or its list did
			t.Shadowed = append(t.Shadowed, Shadow{l.origin, s.lost(r, &v, l.origin)})
			continue
		case s == c.global:
			why = "it is for the logins of Match " + l.origin.Match + " alone"
		case !r.carried(c.opt.Version):
			why = "this release does not carry it from a block to a login"
		}
		t.Elsewhere = append(t.Elsewhere, Shadow{l.origin, why})
	}
	return t
}

// why says why a value holds.
func (s *Settings) why(r *row, v *Value) string {
	version := s.cfg.opt.Version
	release := "the newest release known"
	if version.Known() {
		release = "OpenSSH " + version.String()
	}
	switch {
	case v.Origin.Kind == FromDefault && s.patched(r):
		return "default of " + release + " as " + s.cfg.opt.Distro + " builds it"
	case v.Origin.Kind == FromDefault:
		return "default of " + release
	case v.Origin.Kind == FromCommandLine:
		return "the command line is read before the files"
	case v.Origin.Match != "" && s != s.cfg.global:
		return "Match " + v.Origin.Match + " holds"
	case len(v.More) > 0:
		return fmt.Sprintf("%d lines add up", len(v.More)+1)
	case len(v.Shadowed) > 0 && r.order(version) == lastWins:
		return "the last line counts in this release"
	case len(v.Shadowed) > 0:
		return "the first line counts"
	}
	return "the only line"
}

// patched reports whether the distribution changes the default.
func (s *Settings) patched(r *row) bool {
	own, upstream := r.defaultArgs(s.cfg.env.rel), r.defaultArgs(release{v: s.cfg.opt.Version})
	return r.vendor != "" || strings.Join(own, " ") != strings.Join(upstream, " ")
}

// lost says why a line does not count beside the value that holds.
func (s *Settings) lost(r *row, v *Value, o Origin) string {
	switch {
	case v.Origin.Kind == FromCommandLine:
		return "the command line comes first"
	case v.Origin.Match != "" && o.Match == "":
		return "a block that applies replaces it"
	case r.order(s.cfg.opt.Version) == lastWins:
		return "a later line replaces it in this release"
	case o.Match != "" && o.Match != v.Origin.Match:
		return "an earlier block that applies counts"
	}
	return "an earlier line counts"
}

// Missing is the fault that ends sshd -T: a Match line asks for the local port,
// and -C names none. Every other datum that is missing is one that does not hold.
func (c *Config) Missing(ctx Context) *Fault {
	if ctx.LocalPort != 0 {
		return nil
	}
	addr, local := ctx.addr(), ctx.localAddr()
	for _, sc := range c.scopes {
		if len(sc.conds) == 0 {
			continue
		}
		own := c.conds[sc.conds[len(sc.conds)-1]]
		read := true // an Include in a block that does not apply is read for its form alone
		for _, i := range sc.conds[:len(sc.conds)-1] {
			m := c.conds[i]
			read = read && m.holds(&ctx, true, addr, local) && m.holds(&ctx, false, addr, local)
		}
		for i := range own.criteria {
			if read && own.criteria[i].attr == matchLocalPort {
				return &Fault{File: own.file, Pos: own.pos, Keyword: "Match", Refuses: true,
					Message: "'Match LocalPort' in configuration but 'lport' not in connection test specification.", Hint: "add lport=22 to -C"}
			}
		}
	}
	return nil
}

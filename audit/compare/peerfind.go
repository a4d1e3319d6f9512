package compare

import (
	"cmp"
	"slices"
)

// PeerKind says in what a host stands apart.
type PeerKind string

// The kinds.
const (
	PeerAltered PeerKind = "altered" // it has a job that is like one of its peers', and not theirs
	PeerTwin    PeerKind = "twin"    // it has a job that is like one of its own that all have
	PeerMissing PeerKind = "missing" // it lacks a job that its peers have
	PeerRare    PeerKind = "rare"    // it has a job that its peers have not
)

// PeerFinding is one thing in which hosts stand apart from their peers.
type PeerFinding struct {
	Kind  PeerKind
	Hosts []string // sorted
	Group string
	Peers int // hosts of that group that have Old, or (rare) that were compared
	Of    int // hosts of that group that were compared
	User  string
	Old   string // the command that the peers have; "" of rare
	New   string // the command that these hosts have; "" of missing
	How   Alteration
	Difference
	OldTimes, NewTimes string
	Path               string // where New stands on the first host
	Line               int
	Dead               bool // New never runs
	Like               bool // the peers do not have Old itself: each has its own, which differs in numbers alone
}

// Find compares the hosts and empties the collection. Its time is linear in the
// number of jobs and memberships in groups; what is compared letter by letter is
// bounded.
func (p *Peers) Find() []PeerFinding {
	p.countAll()
	f := finder{Peers: p, found: map[foundKey]*PeerFinding{}}
	for i := range p.hosts {
		f.host(&p.hosts[i])
	}
	out := make([]PeerFinding, 0, len(f.order))
	for _, k := range f.order {
		x := f.found[k]
		slices.Sort(x.Hosts)
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b PeerFinding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Hosts, b.Hosts), cmp.Compare(a.User, b.User), cmp.Compare(a.New, b.New), cmp.Compare(a.Old, b.Old))
	})
	capped := p.capped
	*p = *NewPeers()
	p.capped = capped
	return out
}

// countAll counts, for each group, how many hosts have each job.
func (p *Peers) countAll() {
	for s := range p.groups {
		g := &p.groups[s]
		if len(g.members) < 2 {
			continue
		}
		g.count, g.ofWhole = map[int32]int32{}, map[int32]int32{}
		for _, m := range g.members {
			h := &p.hosts[m]
			if h.whole {
				g.whole++
			}
			for _, j := range h.jobs {
				g.count[j.form]++
				if h.whole {
					g.ofWhole[j.form]++
				}
			}
		}
		if g.whole < fewPeers {
			continue
		}
		for form, n := range g.ofWhole {
			if g.few() && int(n) >= g.whole-1 || !g.few() && int(n)*5 >= g.whole*4 {
				g.common = append(g.common, form)
			}
		}
		p.countClans(g)
		slices.Sort(g.common)
	}
	// The smallest group says most about a host.
	for i := range p.hosts {
		slices.SortFunc(p.hosts[i].strata, func(a, b int32) int {
			return cmp.Or(cmp.Compare(len(p.groups[a].members), len(p.groups[b].members)), cmp.Compare(p.groups[a].name, p.groups[b].name))
		})
	}
}

// few reports a group of which no more is told than what differs by a hair.
func (g *stratum) few() bool { return g.whole < LeastPeers }

// countClans counts the clans of a group, and makes the first member of a
// scattered one that next to all have common.
func (p *Peers) countClans(g *stratum) {
	g.clans = map[int32]*clan{}
	for form := range g.count {
		c := p.infos[form].clan
		if g.clans[c] == nil {
			g.clans[c] = &clan{}
		}
		g.clans[c].forms++
	}
	for form := range g.clans {
		if g.clans[form].forms == 1 {
			delete(g.clans, form)
		}
	}
	if len(g.clans) == 0 {
		return
	}
	for _, form := range g.common {
		if c := g.clans[p.infos[form].clan]; c != nil {
			c.common = true
		}
	}
	for _, m := range g.members {
		seen := map[int32]bool{}
		for _, j := range p.hosts[m].jobs {
			form := p.infos[j.form].clan
			if c := g.clans[form]; c != nil && !seen[form] {
				seen[form] = true
				c.holders++
				c.whole += one(p.hosts[m].whole)
			}
		}
	}
	for form, c := range g.clans {
		if !g.few() && c.scattered() && int(c.whole)*5 >= g.whole*4 {
			g.common = append(g.common, form)
		}
	}
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// has reports whether a host has a common job of its group: that form, or where
// each has a member of a clan, one of these.
func (p *Peers) has(h *digest, g *stratum, form int32) bool {
	if _, found := slices.BinarySearchFunc(h.jobs, form, func(j held, form int32) int { return int(j.form) - int(form) }); found {
		return true
	}
	if c := g.clans[form]; c != nil && c.scattered() {
		return slices.ContainsFunc(h.jobs, func(j held) bool { return p.infos[j.form].clan == form })
	}
	return false
}

// heldBy and wholeBy count the hosts that have a form, or one of its clan where
// each has its own; wholeBy those of which all is known.
func (g *stratum) heldBy(form int32) int {
	if c := g.clans[form]; c != nil && c.scattered() {
		return int(c.holders)
	}
	return int(g.count[form])
}

func (g *stratum) wholeBy(form int32) int {
	if c := g.clans[form]; c != nil && c.scattered() {
		return int(c.whole)
	}
	return int(g.ofWhole[form])
}

type foundKey struct {
	kind     PeerKind
	old, new int32
	stratum  int32
}

type finder struct {
	*Peers
	found map[foundKey]*PeerFinding
	order []foundKey
	work  int
}

type missing struct{ form, stratum int32 }

func (f *finder) host(h *digest) {
	lacks := f.lacking(h)
	odd, at := f.rare(h)
	used := make([]bool, len(odd))
	for _, m := range lacks {
		best, match := -1, Match{}
		for i, j := range odd {
			if used[i] || i >= maxOdd {
				continue
			}
			if x, ok := f.alike(m.form, j.form); ok && (best < 0 || x.Edits < match.Edits) {
				best, match = i, x
			}
		}
		if f.groups[m.stratum].few() && (best < 0 || !match.Hair) {
			continue
		}
		if best < 0 {
			f.note(PeerMissing, h, m.form, -1, m.stratum, Match{}, held{path: -1})
			continue
		}
		used[best] = true
		f.note(PeerAltered, h, m.form, odd[best].form, m.stratum, match, odd[best])
	}
	for i, j := range odd {
		if used[i] {
			continue
		}
		few := len(f.groups[at].members) < LeastPeers
		if twin, match, ok := f.twin(h, j, i); ok && (!few || match.Where == InLook) {
			f.note(PeerTwin, h, twin, j.form, at, match, j)
			continue
		}
		if few {
			continue
		}
		f.note(PeerRare, h, -1, j.form, at, Match{}, j)
	}
}

// lacking are the jobs that at least four of five hosts of one of h's groups have
// and h has not. Where four of five hosts of another of its groups lack it too,
// that explains it.
func (f *finder) lacking(h *digest) []missing {
	if !h.whole {
		return nil
	}
	var out []missing
	seen := map[int32]bool{}
	for _, s := range h.strata {
		g := &f.groups[s]
		for _, form := range g.common {
			if f.has(h, g, form) || seen[form] || f.infos[form].lost {
				continue
			}
			explained := slices.ContainsFunc(h.strata, func(o int32) bool {
				other := &f.groups[o]
				return o != s && other.whole >= 3 && other.wholeBy(form)*5 <= other.whole
			})
			if !explained {
				seen[form] = true
				out = append(out, missing{form, s})
			}
		}
	}
	return out
}

// rare are h's jobs that next to nobody in its groups has. Where one of its
// groups, of whatever size, has it in common, that explains it.
func (f *finder) rare(h *digest) (out []held, stratum int32) {
	stratum = -1
	for _, s := range h.strata { // from the smallest; a small one only where there is no other
		n := len(f.groups[s].members)
		if n >= LeastPeers || n >= fewPeers && stratum < 0 {
			stratum = s
		}
		if n >= LeastPeers {
			break
		}
	}
	if stratum < 0 {
		return nil, -1
	}
	for _, j := range h.jobs {
		if f.infos[j.form].lost {
			continue
		}
		rare := true
		for _, s := range h.strata {
			g := &f.groups[s]
			n, k := len(g.members), int(g.count[j.form])
			if n >= LeastPeers && k > max(1, n/20) || n > 1 && n < LeastPeers && k == n || n >= LeastPeers && g.isScattered(f.infos[j.form].clan) {
				rare = false
				break
			}
		}
		if rare {
			out = append(out, j)
		}
	}
	return out, stratum
}

// isScattered reports a clan of which more hosts than one have each their own.
func (g *stratum) isScattered(form int32) bool {
	c := g.clans[form]
	return c != nil && c.scattered() && int(c.holders) > max(1, len(g.members)/20)
}

// twin looks for a job of h that others have too and that j is almost: what is
// started, or a path, differs by up to three letters.
func (f *finder) twin(h *digest, j held, place int) (int32, Match, bool) {
	if place >= maxOdd {
		f.capped = true
		return 0, Match{}, false
	}
	mine := &f.infos[j.form]
	for _, o := range h.jobs {
		other := &f.infos[o.form]
		if o.form == j.form || other.lost || other.user != mine.user || other.command == mine.command {
			continue
		}
		if d := len(other.command) - len(mine.command); d > 3 || d < -3 {
			continue
		}
		if f.isRare(h, o.form) {
			continue // two odd jobs that are alike say nothing of each other
		}
		if m, ok := f.alike(o.form, j.form); ok && m.How == Rewritten && m.Edits <= 3 && m.Where != InArgument {
			return o.form, m, true
		}
	}
	return 0, Match{}, false
}

func (f *finder) isRare(h *digest, form int32) bool {
	for _, s := range h.strata {
		if f.groups[s].count[form] > 1 {
			return false
		}
	}
	return true
}

// alike compares two forms of one account.
func (f *finder) alike(old, new int32) (Match, bool) {
	a, b := &f.infos[old], &f.infos[new]
	switch {
	case a.command == b.command && a.user != b.user:
		return Match{How: MovedUser}, true
	case a.user != b.user:
		return Match{}, false
	case a.command == b.command && a.dead != b.dead:
		return Match{How: Stopped}, true
	case a.command == b.command && a.env != b.env:
		return Match{How: Reset}, true
	case a.command == b.command:
		return Match{How: Rescheduled}, true
	}
	if f.work += min(len(a.command), longest) * min(len(b.command), longest) / 16; f.work > maxFleetWork {
		f.capped = true
		return Match{}, false
	}
	d, ok := Differ(a.command, b.command)
	return Match{How: Rewritten, Difference: d}, ok
}

func (f *finder) note(kind PeerKind, h *digest, old, new, stratum int32, m Match, at held) {
	key := foundKey{kind, old, new, stratum}
	if x := f.found[key]; x != nil {
		x.Hosts = append(x.Hosts, h.name)
		return
	}
	g := &f.groups[stratum]
	x := &PeerFinding{Kind: kind, Hosts: []string{h.name}, Group: g.name, Of: len(g.members), Peers: len(g.members), How: m.How, Difference: m.Difference, Line: int(at.line)}
	if old >= 0 {
		o := &f.infos[old]
		x.Old, x.OldTimes, x.User, x.Peers, x.Like = o.command, o.times, o.user, g.heldBy(old), g.clans[old] != nil && g.clans[old].scattered()
	}
	if new >= 0 {
		n := &f.infos[new]
		x.New, x.NewTimes, x.User, x.Dead = n.command, n.times, n.user, n.dead
	}
	if at.path >= 0 && int(at.path) < len(f.path) {
		x.Path = f.path[at.path]
	}
	f.found[key] = x
	f.order = append(f.order, key)
}

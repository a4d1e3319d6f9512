package compare

import (
	"hash/maphash"
	"slices"
	"strings"
)

// The bounds of what is kept of a fleet. A host of the size that people run has
// some fifty jobs, which take some 600 bytes; forms that hosts share are kept once.
const (
	// LeastPeers is the number of hosts from which on a group can be compared.
	LeastPeers = 5
	// fewPeers is the number from which on a job that differs by a hair from that of
	// all others is told; of less than LeastPeers nothing else is.
	fewPeers = 3

	maxHostForms = 1000     // jobs of one host
	maxForms     = 1 << 21  // different jobs of all hosts
	maxTexts     = 64 << 20 // bytes of commands that are kept
	maxGroups    = 16       // groups of one host
	maxOdd       = 16       // jobs of one host that are compared with the others letter by letter
	maxFleetWork = 1 << 28  // steps of those comparisons
)

// PeerJob is a job of one host, as Peers takes it.
type PeerJob struct {
	*Form
	Path string
	Line int
	Dead bool // it is there and never runs
}

// PeerHost is one host of a fleet.
type PeerHost struct {
	Name   string
	Names  []string // by which its jobs may speak of it: host name, address
	Groups []string // of the inventory; hosts without any are not compared
	Kind   string   // operating system with its release: only hosts of one kind are compared
	Whole  bool     // every table was read: what was not seen is not there
	Jobs   []PeerJob
}

// Peers keeps small digests of hosts, until all are there. The zero value is not
// usable; see NewPeers.
type Peers struct {
	seed   maphash.Seed
	hosts  []digest
	forms  map[uint64]int32
	clans  map[uint64]int32 // forms that differ in numbers alone, wherever these stand
	infos  []formInfo
	paths  map[string]int32
	path   []string
	strata map[string]int32
	groups []stratum
	texts  int
	capped bool
}

type digest struct {
	name   string
	strata []int32
	jobs   []held
	whole  bool
}

// held is a job of a host: an index of a form, and where it stands.
type held struct{ form, path, line int32 }

type formInfo struct {
	user, times, shape, command, env string
	dead                             bool
	lost                             bool  // its texts are not kept
	clan                             int32 // the first form of its clan
}

type stratum struct {
	name    string // the group
	members []int32
	whole   int
	count   map[int32]int32 // form -> members that have it
	ofWhole map[int32]int32 // form -> members of which all is known that have it
	common  []int32
	clans   map[int32]*clan // by the first form
}

// clan is what a group has of jobs that differ in numbers alone.
type clan struct {
	forms, holders, whole int32 // different jobs; hosts that have one; those of which all is known
	common                bool  // one of its jobs is common
}

// scattered reports a clan of which each host has a member of its own: /srv/site7/x
// here and /srv/site8/x there.
func (c *clan) scattered() bool { return !c.common && c.forms > 1 && c.forms*2 >= c.holders }

// NewPeers gives an empty collection.
func NewPeers() *Peers {
	return &Peers{seed: maphash.MakeSeed(), forms: map[uint64]int32{}, clans: map[uint64]int32{}, paths: map[string]int32{}, strata: map[string]int32{}}
}

// Add takes a host in. It keeps nothing of h but what its jobs are made of.
func (p *Peers) Add(h PeerHost) {
	if len(h.Groups) == 0 {
		return
	}
	d := digest{name: h.Name, whole: h.Whole}
	names := ownNames(h)
	seen := make(map[int32]bool, len(h.Jobs))
	for i := range h.Jobs {
		j := &h.Jobs[i]
		if len(d.jobs) == maxHostForms {
			p.capped, d.whole = true, false
			break
		}
		form, ok := p.form(j, names)
		if !ok {
			p.capped, d.whole = true, false
			continue
		}
		if !seen[form] {
			seen[form] = true
			d.jobs = append(d.jobs, held{form, p.place(j.Path), int32(min(j.Line, 1<<30))})
		}
	}
	slices.SortFunc(d.jobs, func(a, b held) int { return int(a.form) - int(b.form) })
	d.jobs = slices.Clip(d.jobs)
	at := int32(len(p.hosts))
	for _, g := range h.Groups[:min(len(h.Groups), maxGroups)] {
		key := g + "\x00" + h.Kind
		s, ok := p.strata[key]
		if !ok {
			s = int32(len(p.groups))
			p.strata[key] = s
			p.groups = append(p.groups, stratum{name: g})
		}
		p.groups[s].members = append(p.groups[s].members, at)
		d.strata = append(d.strata, s)
	}
	p.hosts = append(p.hosts, d)
}

// Capped reports whether something was not compared because of a bound.
func (p *Peers) Capped() bool { return p.capped }

// form gives the number of a form. Forms that differ in nothing but the host's own
// name and the digits of plain arguments are one: hosts are numbered everywhere.
func (p *Peers) form(f *PeerJob, names []string) (int32, bool) {
	loose := looseCommand(f.Command, names)
	env := f.Env
	if env != "" {
		env = withoutNames(env, names)
	}
	key := p.key(f, loose, env)
	if n, ok := p.forms[key]; ok {
		return n, true
	}
	if len(p.infos) == maxForms {
		return 0, false
	}
	n := int32(len(p.infos))
	p.forms[key] = n
	info := formInfo{lost: true, dead: f.Dead, clan: n}
	size := len(f.User) + len(f.Times) + len(f.Shape) + len(f.Command) + len(f.Env)
	if size <= 4*longest && p.texts+size <= maxTexts {
		p.texts += size
		// Clones: the host's table must not stay in memory for the sake of a line.
		info = formInfo{user: strings.Clone(f.User), times: strings.Clone(f.Times), shape: strings.Clone(f.Shape),
			command: strings.Clone(f.Command), env: strings.Clone(f.Env), dead: f.Dead, clan: n}
	}
	if bare, any := withoutNumbers(loose); any {
		key = p.key(f, bare, env)
		if first, ok := p.clans[key]; ok {
			info.clan = first
		} else {
			p.clans[key] = n
		}
	}
	p.infos = append(p.infos, info)
	return n, true
}

func (p *Peers) key(f *PeerJob, command, env string) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	for _, part := range [...]string{f.User, f.Shape, command, env} {
		h.WriteString(part)
		h.WriteByte(0)
	}
	if f.Dead {
		h.WriteByte(1)
	}
	return h.Sum64()
}

func (p *Peers) place(path string) int32 {
	if n, ok := p.paths[path]; ok {
		return n
	}
	if p.texts+len(path) > maxTexts {
		return -1
	}
	p.texts += len(path)
	n := int32(len(p.path))
	path = strings.Clone(path)
	p.paths[path] = n
	p.path = append(p.path, path)
	return n
}

// ownNames are the words that stand for the host itself in its jobs.
func ownNames(h PeerHost) []string {
	var out []string
	for _, n := range append([]string{h.Name}, h.Names...) {
		short, _, _ := strings.Cut(n, ".")
		for _, s := range [...]string{n, short} {
			if len(s) >= 3 && len(s) <= 255 && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

func withoutNames(s string, names []string) string {
	for _, n := range names {
		if strings.Contains(s, n) {
			s = strings.ReplaceAll(s, n, "\x01")
		}
	}
	return s
}

// looseCommand takes the host's names out of a command, and the digits out of
// words that hold no slash.
func looseCommand(command string, names []string) string {
	command = withoutNames(command, names)
	if !strings.ContainsAny(command, "0123456789") {
		return command
	}
	var b strings.Builder
	b.Grow(len(command))
	for i := 0; i < len(command); {
		end := strings.IndexByte(command[i:], ' ')
		if end < 0 {
			end = len(command)
		} else {
			end += i + 1
		}
		word := command[i:end]
		if i == 0 || strings.IndexByte(word, '/') >= 0 {
			b.WriteString(word)
		} else {
			numberless(&b, word)
		}
		i = end
	}
	return b.String()
}

// withoutNumbers makes one digit of every number; any says that there was one.
func withoutNumbers(s string) (out string, any bool) {
	if !strings.ContainsAny(s, "123456789") && !strings.Contains(s, "00") {
		return s, false
	}
	var b strings.Builder
	b.Grow(len(s))
	numberless(&b, s)
	return b.String(), true
}

func numberless(b *strings.Builder, s string) {
	digits := false
	for k := 0; k < len(s); k++ {
		if c := s[k]; c < '0' || c > '9' {
			b.WriteByte(c)
			digits = false
		} else if !digits {
			b.WriteByte('0')
			digits = true
		}
	}
}

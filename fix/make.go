package fix

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/policies"
)

// Input is what a plan for one host is made of.
type Input struct {
	Host     inventory.Host
	Snapshot *snapshot.Snapshot
	Now      time.Time
	// Judge asks the rules that were chosen.
	Judge func(*facts.Facts) []policies.Outcome
	// Named are the rules that were asked for by name; empty: all that were chosen.
	Named []string
	// Keep are the inventory's keep: logins, key files read.
	Keep []Login
	// OwnKeys are the fingerprints of all the keys that postern may log in with; empty: not known.
	OwnKeys []string
	// Earlier gives archives of this host that were made before, newest first;
	// nil where none are kept.
	Earlier func(yield func(name string, s *snapshot.Snapshot) bool)
	// Breach is what to do after a break-in beside the rules; nil: nothing.
	Breach *Breach
	// Fetch reads one more file of the host; nil: it cannot be asked again.
	Fetch func(path string) ([]byte, error)
	// Processes are those of the host; ProcessesWhole says that none is missing. A
	// reading brings daemons, only a triage's second round brings all.
	Processes      []Process
	ProcessesWhole bool
	// Facts are those of Snapshot, where they are made already.
	Facts *facts.Facts
}

// planner makes the plan for one host.
type planner struct {
	in     Input
	opt    facts.Options
	host   *Host
	before *facts.Facts
	server *facts.ServerConfig
	cfg    *sshd.Config // with the edits so far; nil: not known
	first  *sshd.Config // as it was read
	ground *sshd.Config // without edits, as the daemon would be started

	pending map[string]*pending // by real path
	order   []string
	verdict map[string]policies.Outcome // on the host as it is
	refused map[string]bool             // refusals that stand already
	rule    string                      // that is being mended

	locked []Change        // accounts that end
	away   map[string]bool // files that go into the record as evidence

	policy *subPolicy // of the system-wide crypto policy; nil: left alone

	load bool // a reload is wanted, also without an edit

	edits    int // counts what was taken into the plan
	judged   map[string]policies.Outcome
	judgedAt int
}

// pending is a file that changes.
type pending struct {
	kind   Kind
	before State
	after  State
	old    []byte
	new    []byte
	user   string
	rules  []string
	whys   []string
	source string
	made   bool // the host's tool writes it
}

// Make makes the plan for one host. It never fails: what cannot be planned is in
// Unfixed with its reason, and what must not be applied in Refused.
func Make(in Input) Host {
	p := newPlanner(in)
	for _, o := range in.Judge(p.before) {
		p.verdict[o.Rule] = o
	}
	p.breach() // before the rules, which find what it has done already
	if in.Breach == nil || !in.Breach.Alone {
		p.mend()
		p.carveOuts()
	}
	p.settle()
	return *p.host
}

func newPlanner(in Input) *planner {
	h := &Host{Name: in.Host.Name, Snapshot: string(in.Snapshot.Source), Taken: in.Snapshot.Start.UTC(),
		Rests: []State{}, Changes: []Change{}, Refused: []Refusal{}, Warnings: []string{}, Unfixed: []Unfixed{}, Checks: []Login{},
		Effect: Effect{Closed: []string{}, Opened: []string{}, Stay: []string{}, Lately: []Lately{}}}
	p := &planner{in: in, host: h, pending: map[string]*pending{}, verdict: map[string]policies.Outcome{}, refused: map[string]bool{}}
	p.opt = options(&in)
	if p.before = in.Facts; p.before == nil {
		p.before = facts.From(in.Snapshot, p.opt)
	}
	p.server = facts.ConfigOf(in.Snapshot, p.opt, func(*sshd.Options) {})
	p.cfg, p.first, p.ground = p.server.Config, p.server.Config, p.server.Config
	return p
}

func options(in *Input) facts.Options {
	o := facts.Options{Now: in.Now, Name: in.Host.Name, Labels: in.Host.Labels}
	for _, e := range in.Host.Expect {
		o.Expect = append(o.Expect, facts.Expectation{Match: e.Match, User: e.User, Line: e.Line, Written: e.Pos.String()})
	}
	for _, c := range in.Host.Allow {
		o.Allow = append(o.Allow, facts.Allowed{User: c.User, Addresses: c.Addresses, Method: c.Method, Written: c.Pos.String()})
	}
	return o
}

// wanted says whether a rule is to be mended: it fails, or it was named and could
// not be judged.
func (p *planner) wanted(rule string) bool {
	switch o, asked := p.verdict[rule]; {
	case !asked:
		return false
	case o.Verdict == policies.Fail:
		return true
	case o.Verdict == policies.NotApplicable && len(p.order) > 0:
		// A strict rule is silent while the common one fails, and speaks afterwards.
		return p.judgeNow()[rule].Verdict == policies.Fail
	default:
		return o.Verdict == policies.Unknown && p.named(rule)
	}
}

func (p *planner) named(rule string) bool { return slices.Contains(p.in.Named, rule) }

// mend goes through the rules in the order of the table: what opens comes first,
// what is stronger before what it makes needless.
func (p *planner) mend() {
	for i := range fixers {
		f := &fixers[i]
		if !p.wanted(f.rule) {
			continue
		}
		p.rule = f.rule
		if f.fromFacts && len(p.order) > 0 && p.done(f.rule) {
			p.alsoMends(f.rule)
			continue
		}
		f.plan(p)
	}
	p.rule = ""
	var left []string
	for rule, o := range p.verdict {
		switch {
		case o.Verdict == policies.Fail && fixerOf(rule) == nil:
			left = append(left, rule)
		case o.Verdict == policies.Unknown && !p.wanted(rule) && fixerOf(rule) != nil:
			p.unfixed(rule, "it could not be judged: "+o.Reason)
		}
	}
	sort.Strings(left)
	for _, rule := range left {
		p.unfixed(rule, byHand(rule))
	}
	sort.SliceStable(p.host.Unfixed, func(i, j int) bool { return p.host.Unfixed[i].Rule < p.host.Unfixed[j].Rule })
}

// done reports whether a rule would be content with the plan as it is now.
func (p *planner) done(rule string) bool {
	v := p.judgeNow()[rule].Verdict
	return v == policies.Pass || v == policies.Waived || v == policies.NotApplicable
}

// judgeNow judges the host as the plan would leave it.
func (p *planner) judgeNow() map[string]policies.Outcome {
	if p.judged != nil && p.judgedAt == p.edits {
		return p.judged
	}
	p.judged, p.judgedAt = map[string]policies.Outcome{}, p.edits
	for _, o := range p.in.Judge(facts.From(p.now(), p.opt)) {
		p.judged[o.Rule] = o
	}
	return p.judged
}

// alsoMends notes that the changes so far mend a further rule: the table that holds
// the job which it names, else the first file of sshd's.
func (p *planner) alsoMends(rule string) {
	for _, e := range p.verdict[rule].Evidence {
		for _, f := range p.pending {
			if (f.kind == KindTable || f.kind == KindMove) && (f.before.Path == e.Path || f.before.Real == e.Path) {
				if !slices.Contains(f.rules, rule) {
					f.rules = append(f.rules, rule)
				}
				return
			}
		}
	}
	for _, real := range p.order {
		if f := p.pending[real]; f.kind == KindSshd && !slices.Contains(f.rules, rule) {
			f.rules = append(f.rules, rule)
			return
		}
	}
}

// now is the snapshot as it would be with the plan so far.
func (p *planner) now() *snapshot.Snapshot {
	return changed(p.in.Snapshot, p.changes(), p.sshdFiles())
}

// sshdFiles are the files that sshd reads.
func (p *planner) sshdFiles() []string {
	var out []string
	if p.first != nil {
		for _, f := range p.first.Files {
			out = append(out, f.Name)
		}
	}
	return out
}

// open begins to change a file, or goes on with it.
func (p *planner) open(file string, kind Kind) (*pending, error) {
	before := stateOf(p.in.Snapshot, file)
	if !utf8.ValidString(file) || !utf8.ValidString(before.Real) || strings.ContainsAny(before.Real, "\x00\n") {
		return nil, fmt.Errorf("a plan cannot hold the name %q", file)
	}
	if f := p.pending[before.Real]; f != nil {
		if f.kind == KindMove {
			return nil, fmt.Errorf("%s is moved away", file)
		}
		if f.kind == KindMode { // content comes on top of owner and mode
			f.kind = kind
			if kind != KindMode {
				data, why := content(p.in.Snapshot, file)
				if why != "" {
					f.kind = KindMode
					return nil, fmt.Errorf("%s", why)
				}
				f.old, f.new = data, data
			}
		}
		return f, nil
	}
	f := &pending{kind: kind, before: before, after: before}
	f.after.Inode, f.after.Links, f.after.Changed = 0, 0, time.Time{}
	switch {
	case !before.Exists:
		f.after.Exists, f.after.Mode = true, 0o644
	case before.UID < 0 || before.GID < 0:
		return nil, fmt.Errorf("owner and mode of %s are not known", file)
	case kind != KindMode && before.Links > 1:
		return nil, fmt.Errorf("%s has %d names (hard links): writing it anew would part them", before.Real, before.Links)
	case kind == KindSshd || kind == KindTable || kind == KindKeys || kind == KindPolicy:
		data, why := content(p.in.Snapshot, file)
		if why != "" {
			return nil, fmt.Errorf("%s", why)
		}
		f.old, f.new = data, data
	}
	if why := outOfReach(before.Real); why != "" {
		return nil, fmt.Errorf("%s: %s", before.Real, why)
	}
	return f, nil
}

// outOfReach names places that belong to a build, not to an administrator.
func outOfReach(real string) string {
	for _, dir := range []string{"/nix/", "/gnu/store/", "/usr/etc/", "/proc/", "/sys/"} {
		if strings.HasPrefix(real, dir) {
			return "it belongs to the distribution's build: change it at its source, not here"
		}
	}
	return ""
}

// keep takes a file into the plan.
func (p *planner) keep(f *pending, rule, why string) {
	p.edits++
	if !slices.Contains(f.rules, rule) && rule != "" {
		f.rules = append(f.rules, rule)
	}
	if why != "" && !slices.Contains(f.whys, why) {
		f.whys = append(f.whys, why)
	}
	if p.pending[f.before.Real] == nil {
		p.pending[f.before.Real] = f
		p.order = append(p.order, f.before.Real)
	}
	p.respect(f)
}

// write gives a file other content.
func (p *planner) write(file string, kind Kind, data []byte, rule, why string) error {
	f, err := p.open(file, kind)
	if err != nil {
		return err
	}
	f.new = bytes.Clone(data)
	p.keep(f, rule, why)
	return nil
}

// changes are those of the plan so far, in the order in which they were begun.
func (p *planner) changes() []Change {
	out := []Change{}
	for _, real := range p.order {
		f := p.pending[real]
		c := Change{Kind: f.kind, Before: f.before, After: f.after, User: f.user, Rules: slices.Clone(f.rules), Why: strings.Join(f.whys, "; "), Source: f.source}
		switch f.kind {
		case KindSshd, KindTable, KindKeys, KindPolicy:
			if f.made {
				c.Old, c.Made, c.After.SHA256 = f.old, true, ""
				break
			}
			if bytes.Equal(f.old, f.new) && f.before.Exists {
				if f.before.Mode == f.after.Mode && f.before.UID == f.after.UID && f.before.GID == f.after.GID {
					continue
				}
				c.Kind = KindMode
				break
			}
			c.Old, c.New = f.old, f.new
			c.After.SHA256 = sumOf(f.new)
		case KindMove, KindKey:
			c.After.SHA256 = ""
		}
		out = append(out, c)
	}
	return append(out, p.locked...)
}

func (p *planner) unfixed(rule, why string) {
	u := Unfixed{Rule: rule, Why: why}
	if !slices.Contains(p.host.Unfixed, u) {
		p.host.Unfixed = append(p.host.Unfixed, u)
	}
}

func (p *planner) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if !slices.Contains(p.host.Warnings, w) {
		p.host.Warnings = append(p.host.Warnings, w)
	}
}

func (p *planner) refuse(r Refusal) {
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%d", r.Risk, r.Why, r.Path, r.Line)
	if !p.refused[key] {
		p.refused[key] = true
		p.host.Refused = append(p.host.Refused, r)
	}
}

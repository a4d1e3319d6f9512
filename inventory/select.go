package inventory

import (
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Select gives the hosts that patterns name. Without a pattern that adds hosts
// ("!" patterns take away) that is every host of the inventory.
//
//	web01              the host of that name, or the hosts of the group of that name
//	web*  db[1-3]      hosts whose name matches (as path.Match)
//	@web  @web*        hosts of the groups whose name matches; @all is every host
//	env=prod  env=p*   hosts with that label
//	10.0.0.1:2222      hosts with that address, else that host, which need not be in the inventory
//	admin@web01:2222   host web01 of the inventory with another user or port, else that host
//	!PATTERN           takes away what PATTERN matches
//
// A word without "@", ":" or "." that names nothing in the inventory is a
// fault with near names, so that a slip of the finger is not an audit of
// nothing. On a nil inventory every word is a host.
//
// selected stands in the order of the file, then hosts from outside in the
// order of the patterns, each once; names in it are unique. excluded are the
// hosts that a "!" pattern took away. err is [Faults] without positions.
func (inv *Inventory) Select(patterns []string) (selected, excluded []Host, err error) {
	s := newSelection(inv)
	var faults faultList
	var add, remove []string
	for _, p := range patterns {
		if rest, ok := strings.CutPrefix(p, "!"); ok {
			remove = append(remove, rest)
		} else {
			add = append(add, p)
		}
	}
	if len(add) == 0 {
		for i := range s.hosts {
			s.chosen[i] = true
		}
	}
	for _, p := range add {
		m, f := s.match(p)
		if f.Text != "" {
			faults.add(Pos{}, f.Text, f.Hint)
			continue
		}
		s.take(m)
	}
	drop := make([]bool, len(s.hosts))
	dropOut := make([]bool, len(s.outside))
	for _, p := range remove {
		m, f := s.match(p)
		hit := f.Text == "" && m.outside == nil
		if f.Text == "" {
			for _, i := range m.hosts {
				drop[i] = true
			}
		}
		for i := range s.outside {
			if o := &s.outside[i]; o.Name == p || o.Address == p || (m.outside != nil && o.Address == m.outside.Address && o.Port == m.outside.Port) {
				dropOut[i], hit = true, true
			}
		}
		if !hit {
			if f.Text == "" {
				f = Fault{Text: "\"!\" before " + quote(p) + ", which is not among the hosts", Hint: "\"!\" takes away what another pattern names"}
			}
			faults.add(Pos{}, f.Text, f.Hint)
		}
	}
	if err := faults.sorted().Err(); err != nil {
		return nil, nil, err
	}
	selected, excluded = s.result(drop, dropOut)
	if len(selected) == 0 && len(patterns) > 0 {
		return nil, nil, Faults{{Text: "the patterns select no host", Hint: "postern inventory shows what there is"}}
	}
	return selected, excluded, nil
}

// selection is the work on one list of patterns.
type selection struct {
	speller
	none    bool // there is no inventory
	hosts   []Host
	groups  []Group
	index   map[string]int // of hosts
	byGroup map[string]int // of groups
	byAddr  map[string][]int
	chosen  []bool
	extra   map[int][]Host // the chosen host with another user or port
	outside []Host         // hosts that are in no inventory
	targets map[target]bool
}

// target is what makes a host taken from a pattern another one than the last.
type target struct {
	host          int // -1: from outside
	user, address string
	port          int
}

// first reports whether that target was not taken before.
func (s *selection) first(host int, h *Host) bool {
	t := target{host, h.User, h.Address, h.Port}
	seen := s.targets[t]
	s.targets[t] = true
	return !seen
}

func newSelection(inv *Inventory) *selection {
	s := &selection{speller: speller{left: spellBudget}, none: inv == nil, targets: make(map[target]bool)}
	if inv == nil {
		return s
	}
	s.hosts, s.groups = inv.Hosts, inv.Groups
	s.index = inv.index
	s.byAddr = make(map[string][]int, len(s.hosts))
	for i := range s.hosts {
		s.byAddr[s.hosts[i].Address] = append(s.byAddr[s.hosts[i].Address], i)
	}
	s.byGroup = make(map[string]int, len(s.groups))
	for i := range s.groups {
		s.byGroup[s.groups[i].Name] = i
	}
	s.chosen = make([]bool, len(s.hosts))
	s.extra = make(map[int][]Host)
	return s
}

// matched is what one pattern means.
type matched struct {
	hosts   []int
	user    string // the pattern gave another user
	port    int    // the pattern gave another port
	outside *Host
}

// match finds what a pattern (without "!") means.
func (s *selection) match(p string) (matched, Fault) {
	if i, ok := s.index[p]; ok {
		return matched{hosts: []int{i}}, Fault{}
	}
	if g, ok := s.byGroup[p]; ok {
		return matched{hosts: s.ofGroup(g)}, Fault{}
	}
	if !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return !strconv.IsPrint(r) }) {
		f := checkArgText(p)
		return matched{}, Fault{Text: "host " + quote(p) + ": " + f.Text, Hint: f.Hint}
	}
	if rest, ok := strings.CutPrefix(p, "@"); ok && !strings.ContainsRune(rest, '@') {
		return s.matchGroups(p, rest)
	}
	if !strings.HasPrefix(p, "-") && strings.ContainsRune(p, '=') {
		return s.matchLabel(p)
	}
	if isGlob(p) {
		return s.matchNames(p)
	}
	if s.none || strings.ContainsAny(p, "@:.") {
		return s.matchArg(p)
	}
	if f := checkArgText(p); f.Text != "" {
		return matched{}, Fault{Text: "host " + quote(p) + ": " + f.Text, Hint: f.Hint}
	}
	return matched{}, Fault{
		Text: "nothing in the inventory is called " + quote(p),
		Hint: s.didYouMean(p, s.names(), "a host from outside the inventory needs a \"@\", \":\" or \".\": "+clip(p)+":22"),
	}
}

// isGlob tells a pattern over names from an address in brackets.
func isGlob(p string) bool {
	if !strings.ContainsAny(p, "*?[") || strings.ContainsRune(p, '@') || strings.HasPrefix(p, "-") {
		return false
	}
	_, f := splitArg(p)
	return f.Text != ""
}

func (s *selection) ofGroup(g int) []int {
	out := make([]int, 0, len(s.groups[g].Hosts))
	for _, name := range s.groups[g].Hosts {
		out = append(out, s.index[name])
	}
	return out
}

func (s *selection) matchGroups(p, glob string) (matched, Fault) {
	if f := s.need(p); f.Text != "" {
		return matched{}, f
	}
	if glob == "all" {
		return matched{hosts: s.every(func(*Host) bool { return true })}, Fault{}
	}
	if g, ok := s.byGroup[glob]; ok {
		return matched{hosts: s.ofGroup(g)}, Fault{}
	}
	var m matched
	found := false
	for g := range s.groups {
		ok, err := path.Match(glob, s.groups[g].Name)
		if err != nil {
			return m, badPattern(p)
		}
		if ok {
			found = true
			m.hosts = append(m.hosts, s.ofGroup(g)...)
		}
	}
	if !found {
		names := make([]string, len(s.groups))
		for i := range s.groups {
			names[i] = s.groups[i].Name
		}
		return m, Fault{Text: "no group matches " + quote(p), Hint: s.didYouMean(glob, names, "postern inventory shows the groups")}
	}
	return m, Fault{}
}

func (s *selection) matchLabel(p string) (matched, Fault) {
	if f := s.need(p); f.Text != "" {
		return matched{}, f
	}
	key, glob, _ := strings.Cut(p, "=")
	if _, err := path.Match(glob, ""); err != nil {
		return matched{}, badPattern(p)
	}
	m := matched{hosts: s.every(func(h *Host) bool {
		v, ok := h.Labels[key]
		if !ok {
			return false
		}
		// A "/" in a value is a character like any other.
		hit, _ := path.Match(strings.ReplaceAll(glob, "/", "\x00"), strings.ReplaceAll(v, "/", "\x00"))
		return hit
	})}
	if len(m.hosts) > 0 {
		return m, Fault{}
	}
	seen := make(map[string]bool)
	var keys, values []string
	for i := range s.hosts {
		for k, v := range s.hosts[i].Labels {
			if !seen[k] {
				seen[k], keys = true, append(keys, k)
			}
			if k == key && !seen[k+"="+v] {
				seen[k+"="+v], values = true, append(values, k+"="+v)
			}
		}
	}
	if seen[key] {
		return m, Fault{Text: "no host has the label " + quote(p), Hint: s.didYouMean(p, sorted(values), "postern inventory shows the labels")}
	}
	return m, Fault{Text: "no host has a label " + quote(key), Hint: s.didYouMean(key, sorted(keys), "postern inventory shows the labels")}
}

func (s *selection) matchNames(p string) (matched, Fault) {
	if f := s.need(p); f.Text != "" {
		return matched{}, f
	}
	if _, err := path.Match(p, ""); err != nil {
		return matched{}, badPattern(p)
	}
	m := matched{hosts: s.every(func(h *Host) bool { ok, _ := path.Match(p, h.Name); return ok })}
	if len(m.hosts) == 0 {
		return m, Fault{Text: "no host of the inventory matches " + quote(p), Hint: "postern inventory shows the hosts; groups are matched by @PATTERN"}
	}
	return m, Fault{}
}

// matchArg reads the pattern as an argument; it may still mean a host of the inventory.
func (s *selection) matchArg(p string) (matched, Fault) {
	parts, f := splitArg(p)
	if f.Text != "" {
		return matched{}, Fault{Text: "host " + quote(p) + ": " + f.Text, Hint: f.Hint}
	}
	if i, ok := s.index[parts.host]; ok {
		return matched{hosts: []int{i}, user: parts.user, port: parts.port}, Fault{}
	}
	var m matched
	for _, i := range s.byAddr[parts.host] {
		if parts.port == 0 || parts.port == s.hosts[i].Port {
			m.hosts = append(m.hosts, i)
		}
	}
	if len(m.hosts) > 0 {
		m.user = parts.user
		return m, Fault{}
	}
	h, err := ParseArg(p)
	if err != nil {
		return matched{}, Fault{Text: err.Error()}
	}
	return matched{outside: &h}, Fault{}
}

// need refuses a pattern that only an inventory gives a meaning.
func (s *selection) need(p string) Fault {
	if !s.none {
		return Fault{}
	}
	return Fault{Text: quote(p) + " is a pattern, and there is no inventory", Hint: "name one with -i FILE, or write the hosts out"}
}

func badPattern(p string) Fault {
	return Fault{Text: "the pattern " + quote(p) + " is malformed", Hint: "close every \"[\" with \"]\""}
}

func (s *selection) every(ok func(*Host) bool) []int {
	var out []int
	for i := range s.hosts {
		if ok(&s.hosts[i]) {
			out = append(out, i)
		}
	}
	return out
}

func (s *selection) names() []string {
	out := make([]string, 0, len(s.hosts)+len(s.groups))
	for i := range s.hosts {
		out = append(out, s.hosts[i].Name)
	}
	for i := range s.groups {
		out = append(out, s.groups[i].Name)
	}
	return out
}

// take enters what a pattern means into the selection.
func (s *selection) take(m matched) {
	for _, i := range m.hosts {
		h := s.hosts[i]
		if (m.user == "" || m.user == h.User) && (m.port == 0 || m.port == h.Port) {
			s.chosen[i] = true
			continue
		}
		if m.user != "" {
			h.User = m.user
		}
		if m.port != 0 {
			h.Port = m.port
		}
		if s.first(i, &h) {
			s.extra[i] = append(s.extra[i], h)
		}
	}
	if m.outside != nil && s.first(-1, m.outside) {
		s.outside = append(s.outside, *m.outside)
	}
}

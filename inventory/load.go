package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Inventory is what one file says. It is not to be changed after it was loaded.
type Inventory struct {
	Path   string  // as given to Load
	Hash   string  // sha256 of the file's bytes, hex
	Hosts  []Host  // in the order of the file; names are unique
	Groups []Group // in the order of the file; names are unique, and no host has one

	waivers []Waiver // all of them, each once, as written
	origins []origin // of Hosts, by index
	groups  []*groupDef
}

// Group is a named set of hosts.
type Group struct {
	Name    string
	Parents []string // groups that list it under children, sorted
	Hosts   []string // its hosts, those of its children too, in the order of the file
	Pos     Pos
}

// maxGroups bounds the tables of who is whose ancestor (2 MiB at the bound).
const maxGroups = 4096

// Hash gives the sha256 of an inventory's bytes, in hex: what a run records as
// the inventory that it was asked with.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// LoadFile reads the inventory at path; home stands for "~" in key files and
// may be empty. The error is [Faults] where the file could be read.
func LoadFile(path, home string) (*Inventory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, err
	}
	inv, faults := Load(path, data)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	inv.ExpandHome(home)
	return inv, nil
}

// Load reads postern's YAML; the package comment tells its form. name is the
// path of the file: it stands in every position, and key files that are neither
// absolute nor begin with "~" are looked for beside it. All mistakes are
// collected; with any the inventory is nil. "~" is left as written: see
// [Inventory.ExpandHome].
func Load(name string, data []byte) (*Inventory, Faults) {
	l := &loader{
		reader:   newReader(name),
		byName:   make(map[string]*hostDef),
		groupIdx: make(map[string]int),
	}
	root := l.parse(data)
	if root == nil {
		return nil, l.sorted()
	}
	l.document(root)
	l.bind()
	inv := &Inventory{Path: name, Hash: Hash(data)}
	l.inherit(inv)
	if faults := l.sorted(); len(faults) > 0 {
		return nil, faults
	}
	inv.waivers = l.waivers
	return inv, nil
}

// ExpandHome puts home in the place of a leading "~/" in every key file. Where
// home is empty nothing changes.
func (inv *Inventory) ExpandHome(home string) {
	if home == "" {
		return
	}
	expand := func(s string) string {
		if rest, ok := strings.CutPrefix(s, "~/"); ok {
			return filepath.Join(home, rest)
		}
		return s
	}
	seen := make(map[*string]bool) // hosts of one group share their lists
	for i := range inv.Hosts {
		h := &inv.Hosts[i]
		if len(h.Keys) > 0 && !seen[&h.Keys[0]] {
			seen[&h.Keys[0]] = true
			for k := range h.Keys {
				h.Keys[k] = expand(h.Keys[k])
			}
		}
		if len(h.Keep) > 0 && !seen[&h.Keep[0].Key] {
			seen[&h.Keep[0].Key] = true
			for k := range h.Keep {
				h.Keep[k].Key = expand(h.Keep[k].Key)
			}
		}
	}
}

// Lookup gives the host of that name.
func (inv *Inventory) Lookup(name string) (Host, bool) {
	if inv != nil {
		for i := range inv.Hosts {
			if inv.Hosts[i].Name == name {
				return inv.Hosts[i], true
			}
		}
	}
	return Host{}, false
}

// loader holds what was read before it is put together.
type loader struct {
	*reader
	defaults settings
	top      rules
	topHosts bool // hosts: stands at the top: it is the whole list
	groups   []*groupDef
	groupIdx map[string]int
	hosts    []*hostDef
	byName   map[string]*hostDef
	waivers  []Waiver
	copied   int // entries that hosts inherited
	names    []string
}

// settings are the keys that defaults, groups and hosts share. A zero Pos
// means not set.
type settings struct {
	user    string
	userPos Pos
	port    int
	portPos Pos
	keys    []string
	keysPos Pos
	sudo    Sudo
	sudoPos Pos
	labels  []label
}

type label struct {
	key, value string
	pos        Pos
}

// rules are the lists that the top level, groups and hosts share.
type rules struct {
	waive  []Waiver
	expect []Expectation
	allow  []CarveOut
	keep   []Login
}

func (r *rules) empty() bool {
	return len(r.waive) == 0 && len(r.expect) == 0 && len(r.allow) == 0 && len(r.keep) == 0
}

func (r *rules) count() int { return len(r.waive) + len(r.expect) + len(r.allow) + len(r.keep) }

type groupDef struct {
	name     string
	pos      Pos
	settings settings
	rules    rules
	children []item
	members  []item // hosts that are only named here
	parents  []int
	up       []uint64 // bits of all its ancestors
	depth    int      // longest way to a group without parents
	state    uint8    // of the search for cycles
}

type hostDef struct {
	name     string
	pos      Pos
	address  string
	settings settings
	rules    rules
	groups   []item
	in       []int // indices of its direct groups
}

var (
	topKeys     = []string{"defaults", "groups", "hosts", "waive", "expect", "allow", "keep"}
	settingKeys = []string{"user", "port", "key", "keys", "sudo", "labels"}
	ruleKeys    = []string{"waive", "expect", "allow", "keep"}
	groupKeys   = slices.Concat([]string{"hosts", "children"}, settingKeys, ruleKeys)
	hostKeys    = slices.Concat([]string{"address", "groups"}, settingKeys, ruleKeys)
	entryKeys   = slices.Concat([]string{"name"}, hostKeys)
)

// document reads the top level.
func (l *loader) document(root *yaml.Node) {
	for _, p := range l.mapping(root, "the inventory", topKeys) {
		switch p.key {
		case "defaults":
			for _, q := range l.mapping(p.value, "defaults", settingKeys) {
				l.setting(&l.defaults, q, "defaults")
			}
		case "groups":
			for _, q := range l.mapping(p.value, "groups", nil) {
				l.group(q)
			}
		case "hosts":
			l.topHosts = !l.null(p.value)
			l.hostList(p, "the inventory", nil)
		default:
			l.rule(&l.top, p, "the inventory")
		}
	}
}

// group reads one entry of groups.
func (l *loader) group(p pair) {
	if hint := badName(p.key); hint != "" {
		l.add(p.pos, quote(p.key)+" cannot name a group", hint)
		return
	}
	if p.key == "all" {
		l.add(p.pos, "the group \"all\" is there already: @all selects every host", "write settings for all hosts under \"defaults\", and waive, expect, allow and keep at the top")
		return
	}
	if len(l.groups) == maxGroups {
		l.add(p.pos, "more than "+strconv.Itoa(maxGroups)+" groups", "use labels to tell hosts apart")
	}
	if len(l.groups) >= maxGroups {
		return
	}
	g := &groupDef{name: p.key, pos: p.pos}
	l.groupIdx[g.name] = len(l.groups)
	l.groups = append(l.groups, g)
	what := "group " + quote(g.name)
	for _, q := range l.mapping(p.value, what, groupKeys) {
		switch q.key {
		case "hosts":
			l.hostList(q, what, g)
		case "children":
			g.children = l.texts(q, what)
		default:
			if !l.setting(&g.settings, q, what) {
				l.rule(&g.rules, q, what)
			}
		}
	}
}

// hostList reads hosts in either form, a list or a mapping. In a group a bare
// name may be a reference to a host that stands elsewhere.
func (l *loader) hostList(p pair, what string, g *groupDef) {
	if l.null(p.value) {
		return
	}
	n := follow(p.value)
	switch n.Kind {
	case yaml.MappingNode:
		for _, q := range l.mapping(p.value, "hosts of "+what, nil) {
			if hint := badName(q.key); hint != "" {
				l.add(q.pos, quote(q.key)+" cannot name a host", hint)
				continue
			}
			if g != nil && (l.null(q.value) || emptyMapping(q.value)) {
				g.members = append(g.members, item{text: q.key, pos: q.pos})
				continue
			}
			l.host(q.key, q.pos, q.value, hostKeys, argParts{}, g)
		}
	case yaml.SequenceNode:
		if !l.visit(p.value) {
			return
		}
		for _, e := range n.Content {
			l.hostEntry(e, what, g)
		}
	default:
		l.add(l.pos(p.value), "\"hosts\" of "+what+" must be a list or a mapping, this is "+kindName(n), "write \"hosts: [web01, admin@web02:2222]\"")
	}
}

func emptyMapping(n *yaml.Node) bool {
	n = follow(n)
	return n.Kind == yaml.MappingNode && len(n.Content) == 0
}

// hostEntry reads one element of a list of hosts: an argument, or a mapping with a name.
func (l *loader) hostEntry(e *yaml.Node, what string, g *groupDef) {
	n := follow(e)
	if n.Kind == yaml.MappingNode {
		l.namedHost(e, n, g)
		return
	}
	if n.Kind != yaml.ScalarNode || l.null(n) {
		l.add(l.pos(e), "an entry of \"hosts\" of "+what+" must be a name or a mapping with a name, this is "+kindName(n), "write \"- web01\" or \"- {name: web01, address: 10.0.0.1}\"")
		return
	}
	s, ok := l.text(pair{key: "hosts", pos: l.pos(e), value: e}, what)
	if !ok {
		return
	}
	parts, f := splitArg(s)
	if f.Text != "" {
		if strings.HasPrefix(s, "-") || strings.ContainsRune(s, ' ') {
			f.Hint = "write \"- web01\" or \"- admin@web01:2222\", one host an entry"
		}
		l.add(l.pos(e), "host "+quote(s)+": "+f.Text, f.Hint)
		return
	}
	if g != nil && parts.user == "" && parts.port == 0 {
		g.members = append(g.members, item{text: parts.host, pos: l.pos(e)})
		return
	}
	l.host(parts.host, l.pos(e), nil, nil, parts, g)
}

// namedHost reads {name: web01, ...}.
func (l *loader) namedHost(e, n *yaml.Node, g *groupDef) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if follow(n.Content[i]).Value != "name" {
			continue
		}
		p := pair{key: "name", pos: l.pos(n.Content[i]), value: n.Content[i+1]}
		name, ok := l.text(p, "a host")
		if !ok {
			return
		}
		if hint := badName(name); hint != "" {
			l.add(l.pos(p.value), quote(name)+" cannot name a host", hint)
			return
		}
		l.host(name, l.pos(e), e, entryKeys, argParts{}, g)
		return
	}
	hint := "write \"- {name: web01, address: 10.0.0.1}\""
	if first := n.Content; len(first) == 2 && follow(first[0]).Kind == yaml.ScalarNode && !slices.Contains(hostKeys, follow(first[0]).Value) {
		hint = "write \"- name: " + clip(follow(n.Content[0]).Value) + "\" with its settings beside, or take every \"- \" out"
	}
	l.add(l.pos(e), "a host without \"name\"", hint)
}

// host reads what stands about one host and enters it.
func (l *loader) host(name string, pos Pos, value *yaml.Node, known []string, parts argParts, g *groupDef) {
	h := &hostDef{name: name, pos: pos}
	what := "host " + quote(name)
	if parts.user != "" {
		h.settings.user, h.settings.userPos = parts.user, pos
	}
	if parts.port != 0 {
		h.settings.port, h.settings.portPos = parts.port, pos
	}
	if g != nil {
		h.groups = append(h.groups, item{text: g.name, pos: pos})
	}
	if value != nil {
		for _, p := range l.mapping(value, what, known) {
			switch p.key {
			case "name":
			case "address":
				l.address(h, p, what)
			case "groups":
				h.groups = append(h.groups, l.texts(p, what)...)
			default:
				if !l.setting(&h.settings, p, what) {
					l.rule(&h.rules, p, what)
				}
			}
		}
	}
	if h.address == "" {
		a, f := checkHost(name)
		if f.Text != "" {
			l.add(pos, f.Text, "give it an address, or mend its name: "+f.Hint)
		}
		h.address = a
	}
	if first := l.byName[name]; first != nil {
		hint := "keep one of them"
		if parts.port != 0 || first.settings.port != h.settings.port {
			hint = "give each a name of its own: {name: " + clip(name) + "-b, address: " + clip(name) + ", port: 2222}"
		}
		l.add(pos, what+" is there twice, first at "+first.pos.String(), hint)
		return
	}
	l.byName[name] = h
	l.hosts = append(l.hosts, h)
}

func (l *loader) address(h *hostDef, p pair, what string) {
	s, ok := l.text(p, what)
	if !ok {
		return
	}
	a, f := checkHost(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if f.Text != "" {
		if parts, g := splitArg(s); g.Text == "" {
			f.Hint = "write \"address: " + parts.host + "\""
			if parts.port != 0 {
				f.Hint += " and \"port: " + strconv.Itoa(parts.port) + "\""
			}
			if parts.user != "" {
				f.Hint += " and \"user: " + parts.user + "\""
			}
		}
		l.add(l.pos(p.value), "\"address\" of "+what+": "+f.Text, f.Hint)
		return
	}
	h.address = a
}

// clip bounds a word that a hint repeats, and keeps it printable.
func clip(s string) string {
	q := quote(s)
	return strings.Trim(q, "\".")
}

// badName says in a hint why a key cannot name a host or a group; "" where it can.
// Names stand in reports, in file names of archives and in patterns.
func badName(s string) string {
	if strings.ContainsRune(s, '@') || strings.Count(s, ":") == 1 {
		if p, f := splitArg(s); f.Text == "" {
			hint := "write \"" + p.host + ": {"
			sep := ""
			if p.user != "" {
				hint, sep = hint+"user: "+p.user, ", "
			}
			if p.port != 0 {
				hint += sep + "port: " + strconv.Itoa(p.port)
			}
			return hint + "}\""
		}
	}
	if strings.Count(s, ":") > 1 {
		if _, f := checkHost(s); f.Text == "" {
			return ""
		}
	}
	switch {
	case s == "":
		return "give it a name"
	case len(s) > 253:
		return "a name has at most 253 characters"
	case strings.Trim(s, alphanumeric+"._-") != "":
		return "a name has letters, digits and . _ -"
	case strings.ContainsRune("._-", rune(s[0])) && s[0] != '_':
		return "a name begins with a letter or a digit"
	}
	return ""
}

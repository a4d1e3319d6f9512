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

// Inventory is what one file says. [Load] makes it; it is not to be changed.
type Inventory struct {
	Path   string  // as given to Load
	Hash   string  // sha256 of the file's bytes, hex
	Hosts  []Host  // in the order of the file; names are unique
	Groups []Group // in the order of the file; names are unique, and no host has one

	index   map[string]int // of Hosts
	waivers []Waiver       // all of them, each once, as written
	origins []origin       // of Hosts, by index
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
		if i, ok := inv.index[name]; ok {
			return inv.Hosts[i], true
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

package inventory

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxInherited bounds the copies that inheritance makes: lists are shared
// wherever a host adds nothing of its own.
const maxInherited = 1 << 20

// resolved is what a set of groups gives to a host, with the top level and the defaults.
type resolved struct {
	settings  settings
	from      sources
	labelFrom []int // by index of settings.labels
	groups    []string
	labels    map[string]string
	rules     rules
}

// sources says which group gave a setting; -1: none did.
type sources struct{ user, port, keys, sudo int }

// origin is kept for [Inventory.Explain].
type origin struct {
	def *hostDef
	res *resolved
}

// inherit puts the hosts together: defaults, then groups from the outside in,
// then the host itself.
func (l *loader) inherit(inv *Inventory) {
	if !l.ancestors() {
		return
	}
	memo := make(map[string]*resolved)
	inv.index = make(map[string]int, len(l.hosts))
	inv.Hosts = make([]Host, 0, len(l.hosts))
	inv.origins = make([]origin, 0, len(l.hosts))
	var key []byte
	for _, h := range l.hosts {
		slices.Sort(h.in)
		h.in = slices.Compact(h.in)
		key = key[:0]
		for _, gi := range h.in {
			key = strconv.AppendInt(key, int64(gi), 36)
			key = append(key, ' ')
		}
		res := memo[string(key)]
		if res == nil {
			res = l.resolve(h)
			memo[string(key)] = res
		}
		inv.index[h.name] = len(inv.Hosts)
		inv.Hosts = append(inv.Hosts, l.finish(h, res))
		inv.origins = append(inv.origins, origin{def: h, res: res})
		if l.copied > maxInherited {
			l.addBound(h.pos, "hosts inherit more than "+strconv.Itoa(maxInherited)+" entries in all", "move entries that many hosts share to the top level or into one group")
			return
		}
	}
	inv.groups = l.groups
	inv.Groups = l.groupList(inv.Hosts)
}

// resolve puts together what h's groups give.
func (l *loader) resolve(h *hostDef) *resolved {
	bits := make([]uint64, (len(l.groups)+63)/64)
	for _, gi := range h.in {
		bits[gi/64] |= 1 << (gi % 64)
		for w, b := range l.groups[gi].up {
			bits[w] |= b
		}
	}
	var all []int
	for gi := range l.groups {
		if bits[gi/64]&(1<<(gi%64)) != 0 {
			all = append(all, gi)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int { return l.groups[a].depth - l.groups[b].depth })
	res := &resolved{settings: l.defaults, from: sources{-1, -1, -1, -1}}
	s := &res.settings
	pick(l, h, all, "user", func(g *groupDef) (string, Pos) { return g.settings.user, g.settings.userPos },
		func(gi int, v string, p Pos) { s.user, s.userPos, res.from.user = v, p, gi }, h.settings.userPos)
	pick(l, h, all, "port", func(g *groupDef) (int, Pos) { return g.settings.port, g.settings.portPos },
		func(gi int, v int, p Pos) { s.port, s.portPos, res.from.port = v, p, gi }, h.settings.portPos)
	pick(l, h, all, "sudo", func(g *groupDef) (Sudo, Pos) { return g.settings.sudo, g.settings.sudoPos },
		func(gi int, v Sudo, p Pos) { s.sudo, s.sudoPos, res.from.sudo = v, p, gi }, h.settings.sudoPos)
	pick(l, h, all, "key", func(g *groupDef) (string, Pos) { return strings.Join(g.settings.keys, "\x00"), g.settings.keysPos },
		func(gi int, _ string, p Pos) { s.keys, s.keysPos, res.from.keys = l.groups[gi].settings.keys, p, gi }, h.settings.keysPos)
	l.mergeLabels(h, all, res)
	res.rules = l.top.clip()
	for _, gi := range all {
		r := &l.groups[gi].rules
		res.rules.waive = append(res.rules.waive, r.waive...)
		res.rules.expect = append(res.rules.expect, r.expect...)
		res.rules.allow = append(res.rules.allow, r.allow...)
		res.rules.keep = append(res.rules.keep, r.keep...)
		res.groups = append(res.groups, l.groups[gi].name)
	}
	res.rules = res.rules.clip()
	slices.Sort(res.groups)
	l.copied += len(all) + len(res.labels) + res.rules.count()
	return res
}

// pick finds the one group whose value holds: a group beats those around it,
// and two that do not contain each other have to agree. groups stand from the
// outside in. A value that the host sets itself settles it.
func pick[T comparable](l *loader, h *hostDef, groups []int, key string, get func(*groupDef) (T, Pos), set func(int, T, Pos), own Pos) {
	var up []uint64 // ancestors of all that set the key
	for _, gi := range groups {
		if _, pos := get(l.groups[gi]); pos != (Pos{}) {
			if up == nil {
				up = make([]uint64, len(l.groups[gi].up))
			}
			for w, b := range l.groups[gi].up {
				up[w] |= b
			}
		}
	}
	if up == nil {
		return
	}
	first, firstPos := -1, Pos{}
	var value T
	for _, gi := range groups {
		v, pos := get(l.groups[gi])
		if pos == (Pos{}) || up[gi/64]&(1<<(gi%64)) != 0 {
			continue
		}
		if first < 0 {
			first, firstPos, value = gi, pos, v
			continue
		}
		if v != value && own == (Pos{}) {
			l.conflict(h, key, first, firstPos, gi, pos)
		}
	}
	set(first, value, firstPos)
}

// conflict reports two groups that give different values, once for each pair.
func (l *loader) conflict(h *hostDef, key string, a int, aPos Pos, b int, bPos Pos) {
	if comparePos(bPos, aPos) < 0 {
		a, aPos, b, bPos = b, bPos, a, aPos
	}
	l.add(bPos, quote(key)+" differs between the groups "+quote(l.groups[a].name)+" (at "+aPos.String()+") and "+quote(l.groups[b].name)+", and hosts are in both",
		"set "+quote(key)+" on host "+clip(h.name)+" and its like, or make one group a child of the other")
}

// mergeLabels gives each label by the rule of pick.
func (l *loader) mergeLabels(h *hostDef, groups []int, res *resolved) {
	type choice struct {
		value string
		group int // -1: defaults
		pos   Pos
	}
	chosen := make(map[string]choice)
	for _, lb := range l.defaults.labels {
		chosen[lb.key] = choice{lb.value, -1, lb.pos}
	}
	own := make(map[string]bool, len(h.settings.labels))
	for _, lb := range h.settings.labels {
		own[lb.key] = true
	}
	// From the outside in, so a group that contains another comes before it.
	for _, gi := range groups {
		for _, lb := range l.groups[gi].settings.labels {
			old, there := chosen[lb.key]
			around := !there || old.group < 0 || l.groups[gi].up[old.group/64]&(1<<(old.group%64)) != 0
			if !around && old.value != lb.value && !own[lb.key] {
				l.conflict(h, "labels."+lb.key, old.group, old.pos, gi, lb.pos)
			}
			chosen[lb.key] = choice{lb.value, gi, lb.pos}
		}
	}
	res.labels = make(map[string]string, len(chosen))
	res.settings.labels = make([]label, 0, len(chosen))
	for _, k := range slices.Sorted(maps.Keys(chosen)) {
		c := chosen[k]
		res.labels[k] = c.value
		res.settings.labels = append(res.settings.labels, label{key: k, value: c.value, pos: c.pos})
		res.labelFrom = append(res.labelFrom, c.group)
	}
}

// finish gives the host itself.
func (l *loader) finish(h *hostDef, res *resolved) Host {
	out := Host{
		Name:    h.name,
		Address: h.address,
		Port:    res.settings.port,
		User:    res.settings.user,
		Keys:    res.settings.keys,
		Sudo:    res.settings.sudo,
		Labels:  res.labels,
		Groups:  res.groups,
		Pos:     h.pos,
	}
	own := &h.settings
	if own.portPos != (Pos{}) {
		out.Port = own.port
	}
	if out.Port == 0 {
		out.Port = DefaultPort
	}
	if own.userPos != (Pos{}) {
		out.User = own.user
	}
	if own.keysPos != (Pos{}) {
		out.Keys = own.keys
	}
	if own.sudoPos != (Pos{}) {
		out.Sudo = own.sudo
	}
	if len(own.labels) > 0 {
		out.Labels = maps.Clone(res.labels)
		for _, lb := range own.labels {
			out.Labels[lb.key] = lb.value
		}
		l.copied += len(out.Labels)
	}
	r := res.rules
	if !h.rules.empty() {
		r = join(&res.rules, &h.rules)
		l.copied += r.count()
	}
	out.Waive, out.Expect, out.Allow, out.Keep = r.waive, r.expect, r.allow, r.keep
	return out
}

// clip makes sure that whoever appends to a list copies it first.
func (r *rules) clip() rules {
	return rules{
		waive:  slices.Clip(r.waive),
		expect: slices.Clip(r.expect),
		allow:  slices.Clip(r.allow),
		keep:   slices.Clip(r.keep),
	}
}

// join gives a's entries and then b's, in new lists where both have some.
func join(a, b *rules) rules {
	return rules{
		waive:  joined(a.waive, b.waive),
		expect: joined(a.expect, b.expect),
		allow:  joined(a.allow, b.allow),
		keep:   joined(a.keep, b.keep),
	}
}

func joined[T any](a, b []T) []T {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	return slices.Concat(a, b)
}

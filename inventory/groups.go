package inventory

import (
	"slices"
	"strings"
)

// bind joins hosts to groups and groups to each other, by name.
func (l *loader) bind() {
	groupNames := make([]string, len(l.groups))
	for i, g := range l.groups {
		groupNames[i] = g.name
	}
	for gi, g := range l.groups {
		for _, m := range g.members {
			l.member(gi, g, m)
		}
		for _, c := range g.children {
			ci, ok := l.groupIdx[c.text]
			switch {
			case !ok && l.byName[c.text] != nil:
				l.add(c.pos, quote(c.text)+" in children of group "+quote(g.name)+" is a host", "list it under \"hosts\" of the group")
			case !ok:
				l.add(c.pos, "unknown group "+quote(c.text)+" in children of group "+quote(g.name), l.didYouMean(c.text, groupNames, "define it under \"groups\": a group may be empty"))
			default:
				l.groups[ci].parents = append(l.groups[ci].parents, gi)
			}
		}
	}
	for _, g := range l.groups {
		g.parents = slices.Compact(g.parents) // they came in order
	}
	slices.SortStableFunc(l.hosts, func(a, b *hostDef) int { return comparePos(a.pos, b.pos) })
	for _, h := range l.hosts {
		for _, it := range h.groups {
			gi, ok := l.groupIdx[it.text]
			if !ok {
				l.add(it.pos, "unknown group "+quote(it.text)+" of host "+quote(h.name), l.didYouMean(it.text, groupNames, "define it under \"groups\": a group may be empty"))
				continue
			}
			h.in = append(h.in, gi)
		}
		if gi, ok := l.groupIdx[h.name]; ok {
			l.add(h.pos, quote(h.name)+" is the name of a host and of a group, at "+l.groups[gi].pos.String(), "rename one of them, or no pattern could tell them apart")
		}
	}
}

// member joins a host that a group only names. Where hosts: stands at the top
// it is the whole list, so that a misspelt name is a fault and not a new host.
func (l *loader) member(gi int, g *groupDef, m item) {
	h := l.byName[m.text]
	if h == nil && l.topHosts {
		if l.names == nil {
			for _, h := range l.hosts {
				l.names = append(l.names, h.name)
			}
		}
		hint := "add it to \"hosts\" at the top"
		if _, isGroup := l.groupIdx[m.text]; isGroup {
			hint = "it is a group: list it under \"children\""
		}
		l.add(m.pos, "group "+quote(g.name)+" lists the host "+quote(m.text)+", which \"hosts\" does not have", l.didYouMean(m.text, l.names, hint))
		return
	}
	if h == nil {
		a, f := checkHost(m.text)
		if f.Text != "" {
			l.add(m.pos, f.Text, f.Hint)
			return
		}
		h = &hostDef{name: m.text, pos: m.pos, address: a}
		l.byName[h.name] = h
		l.hosts = append(l.hosts, h)
	}
	h.in = append(h.in, gi)
}

// ancestors fills parents, depth and the ancestors' bits of every group; false
// where groups form a circle.
func (l *loader) ancestors() bool {
	const (
		fresh = iota
		open
		done
	)
	words := (len(l.groups) + 63) / 64
	ok := true
	var path []int
	var visit func(gi int)
	visit = func(gi int) { // as deep as there are groups: maxGroups
		g := l.groups[gi]
		g.state = open
		path = append(path, gi)
		g.up = make([]uint64, words)
		for _, p := range g.parents {
			switch l.groups[p].state {
			case open:
				ok = false
				l.circle(path, p)
				continue
			case fresh:
				visit(p)
			}
			g.depth = max(g.depth, l.groups[p].depth+1)
			g.up[p/64] |= 1 << (p % 64)
			for w, bits := range l.groups[p].up {
				g.up[w] |= bits
			}
		}
		path = path[:len(path)-1]
		g.state = done
	}
	for gi, g := range l.groups {
		if g.state == fresh {
			visit(gi)
		}
	}
	return ok
}

// circle reports groups that contain themselves. path leads from a child up to
// its parents, through first; its end has first as a parent.
func (l *loader) circle(path []int, first int) {
	names := []string{quote(l.groups[first].name)} // each contains the next
	for i := len(path) - 1; i >= 0 && len(names) < 12; i-- {
		names = append(names, quote(l.groups[path[i]].name))
		if path[i] == first {
			break
		}
	}
	l.add(l.groups[first].pos, "groups contain each other: "+strings.Join(names, " > "), "take one of them out of the other's children")
}

// groupList gives the groups with their hosts.
func (l *loader) groupList(hosts []Host) []Group {
	out := make([]Group, len(l.groups))
	for i, g := range l.groups {
		out[i] = Group{Name: g.name, Pos: g.pos}
		for _, p := range g.parents {
			out[i].Parents = append(out[i].Parents, l.groups[p].name)
		}
		slices.Sort(out[i].Parents)
	}
	for i := range hosts {
		for _, name := range hosts[i].Groups {
			g := &out[l.groupIdx[name]]
			g.Hosts = append(g.Hosts, hosts[i].Name)
		}
	}
	return out
}

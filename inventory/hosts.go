package inventory

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

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

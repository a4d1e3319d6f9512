package facts

import (
	"sort"
	"strings"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// gapIndex finds the gaps that touch a path without going through all of them:
// a plain account on a large host has thousands.
type gapIndex struct {
	at    map[string][]snapshot.Gap
	paths []string // sorted
	moved bool     // a gap was told that is not part of a setup
	late  string   // why a section of the collector that looks for names given by the host was left out; "" none was
}

// maxGapsAt bounds the gaps that are told of one path, maxGapsBelow those below one.
const (
	maxGapsAt    = 8
	maxGapsBelow = 1000
)

// sections are the parts of the collector that it leaves out when its time is
// over. It names them in a gap; those that are no path and no output stand for this.
var sections = map[string]string{"static": "/", "sshfiles": "/etc/ssh", "keys": "", "privates": snapshot.OutPrivateKeys, "answers": "", "near": ""}

func newGapIndex(gaps []snapshot.Gap) *gapIndex {
	x := &gapIndex{at: make(map[string][]snapshot.Gap, len(gaps))}
	for _, g := range gaps {
		if stands, ok := sections[g.Path]; ok {
			if g.Path == "sshfiles" || g.Path == "keys" {
				x.late = reason(g)
			}
			if stands == "" {
				continue
			}
			g.Path = stands
		}
		have, ok := x.at[g.Path]
		if !ok {
			x.paths = append(x.paths, g.Path)
		}
		if len(have) < maxGapsAt {
			x.at[g.Path] = append(have, g)
		}
	}
	sort.Strings(x.paths)
	return x
}

// touching calls f for the gaps above path, on it and below it, in this order,
// until f returns false.
func (x *gapIndex) touching(path string, f func(snapshot.Gap) bool) {
	if len(x.paths) == 0 {
		return
	}
	each := func(p string) bool {
		for _, g := range x.at[p] {
			x.moved = x.moved || moves(p)
			if !f(g) {
				return false
			}
		}
		return true
	}
	if strings.HasPrefix(path, "/") && path != "/" {
		if !each("/") {
			return
		}
		for i := 1; i < len(path); i++ {
			if path[i] == '/' && !each(path[:i]) {
				return
			}
		}
	}
	if !each(path) {
		return
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	n := 0
	for i := sort.SearchStrings(x.paths, prefix); i < len(x.paths) && strings.HasPrefix(x.paths[i], prefix); i++ {
		if n++; n > maxGapsBelow || x.paths[i] != path && !each(x.paths[i]) {
			return
		}
	}
}

// on gives the first gap on path itself.
func (x *gapIndex) on(path string) (snapshot.Gap, bool) {
	if g := x.at[path]; len(g) > 0 {
		return g[0], true
	}
	return snapshot.Gap{}, false
}

// incomplete is the reason for everything that an answer without its end may lack.
const incomplete = "the host's answer ended before it was whole"

// unknown names a fact that could not be determined. The first reason stays.
func (b *builder) unknown(path, reason string) {
	if _, ok := b.f.Unknown[path]; !ok {
		b.f.Unknown[path] = reason
		b.sshdMoved = b.sshdMoved || path == "sshd" || OfSshd(path)
	}
}

// gap names what a list may lack, once.
func (b *builder) gap(list, path, reason string) {
	b.addGap(list, Gap{Path: path, Reason: reason})
}

func (b *builder) addGap(list string, g Gap) {
	key := [3]string{list + "\x00" + g.Role, g.Path, g.Reason}
	if b.gapSeen[key] {
		return
	}
	b.gapSeen[key] = true
	b.f.Gaps[list] = append(b.f.Gaps[list], g)
}

// gaps adds to a list what the snapshot lacks at or below path, and above it.
func (b *builder) gaps(list, path string) { b.gapsOf(list, "", path) }

func (b *builder) gapsOf(list, role, path string) {
	key := [2]string{list + "\x00" + role, path}
	if b.gapsDone[key] {
		return
	}
	b.gapsDone[key] = true
	b.lacks.touching(path, func(g snapshot.Gap) bool {
		b.addGap(list, Gap{Path: g.Path, Reason: reason(g), Role: role})
		return true
	})
}

// keyRoles are the roles of what decides whose keys open an account.
var keyRoles = []string{"authorized-keys", "authorized-keys-dir"}

// mayLackKeys names a reason for which files of keys may be missing.
func (b *builder) mayLackKeys(path, reason string) {
	b.gap("authorized_keys", path, reason)
	for _, role := range keyRoles {
		b.addGap("files", Gap{Path: path, Reason: reason, Role: role})
	}
}

// mayLack names a reason for which each of these lists may lack items.
func (b *builder) mayLack(path, reason string, lists ...string) {
	for _, list := range lists {
		b.gap(list, path, reason)
	}
}

// reason is a gap in words for people.
func reason(g snapshot.Gap) string {
	if g.Reason != "" {
		return g.Reason
	}
	switch g.Kind {
	case snapshot.GapDenied:
		return "no permission to read it"
	case snapshot.GapMissing:
		return "the host lacks a tool to read it"
	case snapshot.GapCap:
		return "larger than the audit's bounds"
	case snapshot.GapNetwork:
		return "on a network file system, not entered"
	case snapshot.GapUnsafe:
		return "not a regular file of its owner"
	case snapshot.GapWithheld:
		return "holds secrets, not taken from the host"
	case snapshot.GapChanged:
		return "changed while it was read"
	case snapshot.GapSource:
		return "this kind of source cannot hold it"
	}
	return "it could not be read"
}

// why gives the first reason for which path is not in the snapshot, or "".
func (b *builder) why(path string) (why string) {
	b.lacks.touching(path, func(g snapshot.Gap) bool {
		why = reason(g)
		return false
	})
	if why == "" && !b.snap.Complete {
		return incomplete
	}
	return why
}

// output gives an output's data, or why there is none.
func (b *builder) output(name string) (data []byte, missing string) {
	b.fs.moved = b.fs.moved || !setupOutputs[name]
	if o := b.snap.Output(name); o != nil {
		return o.Data, ""
	}
	if r := b.why(name); r != "" {
		return nil, r
	}
	return nil, "the collector did not bring it"
}

// whole is output with a reason also where what came is not all of it.
func (b *builder) whole(name string) (data []byte, lacks string) {
	data, lacks = b.output(name)
	if lacks != "" {
		return nil, lacks
	}
	if g, ok := b.lacks.on(name); ok {
		return data, reason(g)
	}
	if b.snap.Output(name).Truncated {
		return data, "only its first part was read"
	}
	return data, ""
}

// content gives what was read of a file, and why that is not all of it. Neither
// means that the collector brought nothing and said nothing.
func (b *builder) content(p string) (data []byte, ok bool, lacks string) {
	data, ok = b.fs.read(p)
	if !ok {
		if lacks = b.why(p); lacks == "" && b.fs.resolve(p) != nil {
			lacks = "its content was not read"
		}
		return nil, false, lacks
	}
	at := b.fs.resolve(p)
	for _, f := range []*snapshot.File{b.fs.lookup(p), at} {
		if f == nil || !f.HasContent() {
			continue
		}
		if g, has := b.lacks.on(f.Path); has {
			return data, true, reason(g)
		}
		if f.Truncated {
			return data, true, "only its first part was read"
		}
	}
	return data, true, ""
}

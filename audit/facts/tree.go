package facts

import (
	"path"
	"sort"
	"strings"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// tree looks at a snapshot's files as a file system.
type tree struct {
	snap  *snapshot.Snapshot
	asked map[string]bool // paths of job targets that the collector looked for
	moved bool            // something was looked at that is not part of a setup
}

// lookup gives the file with that path, or nil; links are not followed.
func (t *tree) lookup(p string) *snapshot.File {
	t.moved = t.moved || moves(p)
	return t.snap.Lookup(p)
}

func newTree(snap *snapshot.Snapshot) *tree {
	t := &tree{snap: snap, asked: map[string]bool{}}
	if o := snap.Output(snapshot.OutTargets); o != nil {
		for _, p := range strings.Split(string(o.Data), "\x00") {
			if p != "" {
				t.asked[p] = true
			}
		}
	}
	return t
}

// maxLinks is the kernel's bound on links in one path (path_resolution(7)).
const maxLinks = 40

// resolve follows links through the snapshot and gives the file that the path
// ends at, or nil when it is not in the snapshot.
func (t *tree) resolve(p string) *snapshot.File {
	for range maxLinks {
		f := t.lookup(p)
		if f == nil {
			// A directory above may be a link.
			up, ok := t.throughParent(p)
			if !ok {
				return nil
			}
			p = up
			continue
		}
		if f.Type != 'l' {
			return f
		}
		if f.Real != "" && f.Real != p {
			if r := t.lookup(f.Real); r != nil {
				p = f.Real
				continue
			}
			if f.HasContent() {
				return f
			}
		}
		p = join(path.Dir(p), f.Target)
	}
	return nil
}

// throughParent replaces the nearest directory above p that is a link.
func (t *tree) throughParent(p string) (string, bool) {
	for d := path.Dir(p); d != "/" && d != "."; d = path.Dir(d) {
		if f := t.lookup(d); f != nil {
			if f.Type != 'l' {
				return "", false
			}
			target := f.Real
			if target == "" {
				target = join(path.Dir(d), f.Target)
			}
			return target + p[len(d):], true
		}
	}
	return "", false
}

func join(dir, target string) string {
	if strings.HasPrefix(target, "/") {
		return path.Clean(target)
	}
	return path.Join(dir, target)
}

// read gives a file's content, links followed.
func (t *tree) read(p string) (data []byte, ok bool) {
	if f := t.lookup(p); f != nil && f.HasContent() {
		return f.Content, true
	}
	if f := t.resolve(p); f != nil && f.HasContent() {
		return f.Content, true
	}
	return nil, false
}

// entries gives the files directly below dir, by name.
func (t *tree) entries(dir string) []*snapshot.File {
	t.moved = t.moved || dir == "/" || moves(dir+"/")
	below := t.snap.Below(dir)
	n := len(strings.TrimSuffix(dir, "/")) + 1
	var out []*snapshot.File
	for i := range below {
		if !strings.Contains(below[i].Path[n:], "/") {
			out = append(out, &below[i])
		}
	}
	return out
}

// glob gives the files whose paths match a glob(3) pattern as sshd's Include
// uses it: byte order, no hidden names unless the pattern says so.
func (t *tree) glob(pattern string) []string {
	dir, last := path.Split(pattern)
	dir = strings.TrimSuffix(dir, "/")
	dirs := []string{dir}
	const meta = `*?[\` // path.Match knows no [!a], and sshd's glob(3) does
	if strings.ContainsAny(dir, meta) {
		dirs = t.glob(dir)
	}
	var out []string
	for _, d := range dirs {
		if !strings.ContainsAny(last, meta) {
			p := d + "/" + last
			if t.lookup(p) != nil || t.resolve(p) != nil {
				out = append(out, p)
			}
			continue
		}
		real := d
		if f := t.lookup(d); f != nil && f.Type == 'l' && f.Real != "" {
			real = f.Real
		}
		for _, f := range t.entries(real) {
			name := path.Base(f.Path)
			if sshd.GlobMatch("/"+last, "/"+name) {
				out = append(out, d+"/"+name)
			}
		}
	}
	sort.Strings(out)
	return out
}

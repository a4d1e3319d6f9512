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
	steps int             // directories that were looked at above names which are not there
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

// maxLinks is the kernel's bound on links in one path (path_resolution(7)), maxPath
// the one on a path's bytes (PATH_MAX): a link through itself doubles a path at each
// step.
const (
	maxLinks = 40
	maxPath  = 4096
)

// Directories above one name that are looked at, and above all names of a host
// together: a host may hold as many names as it likes whose ways are as long as they
// can be. Behind maxSteps a name has fewSteps, which is more than an honest one needs.
const (
	maxSteps = 2_000_000
	oneSteps = 4 * maxPath
	fewSteps = 200
)

// steps counts down what may be looked at above one name.
type steps struct {
	t    *tree
	left int
}

func (t *tree) allow() *steps {
	if t.steps > maxSteps {
		return &steps{t, fewSteps}
	}
	return &steps{t, oneSteps}
}

// one takes a step; false: there were too many.
func (s *steps) one() bool { return s.take(1) }

func (s *steps) take(n int) bool {
	s.left -= n
	s.t.steps += n
	return s.left >= 0
}

// above is the directory of a clean absolute path; "/" is the last.
func above(p string) string {
	if at := strings.LastIndexByte(p, '/'); at > 0 {
		return p[:at]
	}
	return "/"
}

// resolve follows links through the snapshot and gives the file that the path
// ends at, or nil when it is not in the snapshot.
func (t *tree) resolve(p string) *snapshot.File {
	f, _ := t.follow(p)
	return f
}

// follow is resolve that tells whether the way was followed to its end: not to find
// a file means nothing otherwise.
func (t *tree) follow(p string) (f *snapshot.File, whole bool) {
	left := t.allow()
	for range maxLinks {
		f := t.lookup(p)
		if f == nil {
			// A directory above may be a link.
			up, ok, whole := t.throughParent(p, left)
			if !ok {
				return nil, whole
			}
			p = up
			continue
		}
		if f.Type != 'l' {
			return f, true
		}
		if f.Real != "" && f.Real != p {
			if r := t.lookup(f.Real); r != nil {
				p = f.Real
				continue
			}
			if f.HasContent() {
				return f, true
			}
		}
		if p = join(path.Dir(p), f.Target); len(p) > maxPath {
			return nil, false
		}
	}
	return nil, true // as the kernel has it: too many links
}

// throughParent replaces the nearest directory above p that is a link.
func (t *tree) throughParent(p string, left *steps) (up string, ok, whole bool) {
	if len(p) > maxPath {
		return "", false, false
	}
	p = path.Clean(p)
	for d := above(p); d != "/"; d = above(d) {
		if !left.one() {
			return "", false, false
		}
		if f := t.lookup(d); f != nil {
			if f.Type != 'l' {
				return "", false, true
			}
			target := f.Real
			if target == "" {
				target = join(path.Dir(d), f.Target)
			}
			return target + p[len(d):], true, true
		}
	}
	return "", false, true
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

package snapshot

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
)

// tree reads a directory as if it were the root of a host. Symbolic links are
// resolved inside it, absolute ones and those with ".." too, as the kernel would
// after chroot(2). os.Root stands below it, so that nothing outside is ever
// touched, whatever a link says and whoever changes the tree meanwhile.
type tree struct {
	root  *os.Root
	where map[string]string // directory as named -> without links, relative to the root
	ctx   context.Context   // ends what goes on for long
}

// Bounds of one pattern: names that it gives, and names that it looks at. A directory
// of links to itself has as many ways as one likes.
const (
	globFound = 10_000
	globNames = 100_000
)

// errLoop marks more than 40 links on one way (the kernel's MAXSYMLINKS).
var errLoop = errors.New("too many levels of symbolic links")

func newTree(ctx context.Context, dir string) (*tree, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tree{root: r, where: map[string]string{"/": "."}, ctx: ctx}, nil
}

// locate gives the place of p relative to the root, with no link on its way; the
// last component is followed only where follow says so.
func (t *tree) locate(p string, follow bool) (string, error) {
	dir, last := path.Split(p)
	dir = strings.TrimRight(dir, "/")
	if dir == "" {
		dir = "/"
	}
	base, ok := t.where[dir]
	if !ok {
		var err error
		if base, err = t.walk(".", dir); err != nil {
			return "", err
		}
		t.where[dir] = base
	}
	if last == "" {
		return base, nil
	}
	if !follow && last != "." && last != ".." {
		return path.Join(base, last), nil
	}
	return t.walk(base, last)
}

// walk goes from a place without links on its way along p.
func (t *tree) walk(base, p string) (string, error) {
	var cur []string
	if base != "." {
		cur = strings.Split(base, "/")
	}
	todo := strings.Split(p, "/")
	slices.Reverse(todo) // the next one is the last
	for hops := 0; len(todo) > 0; {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch c {
		case "", ".":
			continue
		case "..":
			if len(cur) > 0 {
				cur = cur[:len(cur)-1]
			}
			continue
		}
		here := strings.Join(append(cur, c), "/")
		fi, err := t.root.Lstat(here)
		if err != nil {
			return "", err
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			cur = append(cur, c)
			continue
		}
		if hops++; hops > 40 || len(todo) > 4096 {
			return "", errLoop
		}
		text, err := t.root.Readlink(here)
		if err != nil {
			return "", err
		}
		text = strings.ReplaceAll(text, string(os.PathSeparator), "/")
		if strings.HasPrefix(text, "/") {
			cur = cur[:0]
		}
		more := strings.Split(text, "/")
		slices.Reverse(more)
		todo = append(todo, more...)
	}
	if len(cur) == 0 {
		return ".", nil
	}
	return strings.Join(cur, "/"), nil
}

// lstat tells about the name itself, links on the way to it followed.
func (t *tree) lstat(p string) (fs.FileInfo, error) {
	at, err := t.locate(p, false)
	if err != nil {
		return nil, err
	}
	return t.root.Lstat(at)
}

// final gives the absolute path that a name ends at.
func (t *tree) final(p string) (string, error) {
	at, err := t.locate(p, true)
	if err != nil {
		return "", err
	}
	if _, err := t.root.Lstat(at); err != nil {
		return "", err
	}
	return path.Join("/", at), nil
}

// isFile tells whether the name ends at a regular file, isDir at a directory.
func (t *tree) isFile(p string) bool { return t.is(p, 0) }
func (t *tree) isDir(p string) bool  { return t.is(p, fs.ModeDir) }

func (t *tree) is(p string, want fs.FileMode) bool {
	at, err := t.locate(p, true)
	if err != nil {
		return false
	}
	fi, err := t.root.Lstat(at)
	return err == nil && fi.Mode().Type() == want
}

// read gives the first max+1 bytes of a regular file.
func (t *tree) read(p string, max int64) ([]byte, error) {
	f, err := t.open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, max+1))
}

// tail gives the last max bytes of a regular file.
func (t *tree) tail(p string, max int64) ([]byte, error) {
	f, err := t.open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.Size() > max {
		if _, err := f.Seek(-max, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, max))
}

// open opens a regular file and nothing else: no FIFO, no device.
func (t *tree) open(p string) (*os.File, error) {
	at, err := t.locate(p, true)
	if err != nil {
		return nil, err
	}
	if fi, err := t.root.Lstat(at); err != nil {
		return nil, err
	} else if !fi.Mode().IsRegular() {
		return nil, errNotFile
	}
	f, err := t.root.OpenFile(at, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		_ = f.Close()
		return nil, errNotFile // it was changed meanwhile
	}
	return f, nil
}

var errNotFile = errors.New("not a regular file")

// list gives the names in a directory in byte order, at most max of them.
func (t *tree) list(dir string, max int) (names []string, more bool, err error) {
	at, err := t.locate(dir, true)
	if err != nil {
		return nil, false, err
	}
	f, err := t.root.OpenFile(at, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.IsDir() {
		return nil, false, fs.ErrNotExist
	}
	for len(names) <= max {
		part, err := f.ReadDir(512)
		for _, e := range part {
			names = append(names, e.Name())
		}
		if err != nil {
			break
		}
	}
	sort.Strings(names)
	if len(names) > max {
		return names[:max], true, nil
	}
	return names, false, nil
}

// glob gives the names that match a pattern of sh(1), in byte order. What keeps
// it from looking is told to bad.
func (t *tree) glob(pattern string, max int, bad func(dir string, err error, more bool)) []string {
	found, seen, cut := []string{"/"}, 0, false
	base := pattern[:strings.IndexAny(pattern+"*", "*?[")]
	base = path.Clean("/" + base[:strings.LastIndexByte(base, '/')+1])
	for c := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		var next []string
		meta := strings.ContainsAny(c, "*?[")
		for _, dir := range found {
			prefix := strings.TrimSuffix(dir, "/") + "/"
			if !meta {
				next = append(next, prefix+c)
				continue
			}
			if cut = len(next) > globFound || seen > globNames || t.ctx.Err() != nil; cut {
				break
			}
			names, more, err := t.list(dir, max)
			seen += len(names) + 1
			if more || err != nil && !errors.Is(err, fs.ErrNotExist) {
				bad(dir, err, more)
			}
			for _, n := range names {
				if shMatch(c, n) {
					next = append(next, prefix+n)
				}
			}
		}
		if cut {
			bad(base, t.ctx.Err(), true)
		}
		found = next[:min(len(next), globFound)]
	}
	return found
}

// shMatch matches one component: a leading dot only by a dot.
func shMatch(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	ok, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	return ok && err == nil
}

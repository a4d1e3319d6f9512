package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// deepList gives the words of one of the second round's lists: its script is the one
// place where they stand.
func deepList(name string) []string { return strings.Fields(shTextIn(deeperSections, name)) }

// deepPattern gives a pattern of the second round's, of its grep and sed: what stands
// there in the shell's own language is read by the same words here.
func deepPattern(name string) *regexp.Regexp {
	return regexp.MustCompile(shTextIn(deeperSections, name))
}

// Bounds of the second round over a tree.
const (
	digestMost   = 64 << 20  // bytes of one file
	digestTotal  = 512 << 20 // bytes of all files
	setuidDepth  = 4
	setuidNames  = 200000 // names that are walked
	setuidFound  = 1000
	homeFiles    = 200
	homesFiles   = 3000
	shadowMost   = 200
	pageDepth    = 8
	pageMost     = 399 << 10 // bytes of a page that is looked through
	suspectsMost = 150
	pageTime     = 20 * time.Second // for looking through pages: the time of others' directories is not ours
	startedMost  = 500
	listMost     = 8 << 20  // bytes of a package's list
	statusMost   = 64 << 20 // bytes of dpkg's own
	recordsTail  = 49152
)

// deepRooted is a second round over a tree.
type deepRooted struct {
	*rooted
	q      Questions
	left   int64 // bytes that may still be digested
	walked int
	full   bool // walked is more than setuidNames, and a gap said so
	setuid []string
	able   []string // programs with capabilities
	shadow []string // programs that a command's name finds before the packages' own
}

// DeepenRoot is [Deepen] for a directory tree: what only a running host has is a gap
// of kind GapSource.
func DeepenRoot(ctx context.Context, dir string, o Options, q Questions) (*Snapshot, error) {
	return overRoot(ctx, dir, o, func(t *rooted) {
		r := &deepRooted{rooted: t, left: digestTotal}
		r.q = Questions{Paths: answerable(r, q.Paths, maxAsked), Rooms: answerable(r, q.Rooms, maxRooms), Owned: answerable(r, q.Owned, maxOwned)}
		r.sections(r.accounts, r.setuids, r.empowered, r.droppings, r.places, r.owners, r.asked, r.history, r.suspects, r.notRunning)
	})
}

// FetchRoot is [Fetch] for a directory tree.
func FetchRoot(ctx context.Context, dir string, o Options, paths []string) (*Snapshot, error) {
	o.Limits.File, o.Limits.Total = 4<<20, 32<<20
	return overRoot(ctx, dir, o, func(t *rooted) {
		r := &deepRooted{rooted: t, left: digestTotal}
		paths := answerable(r, paths, maxAsked)
		r.look(read, paths...)
		r.digests(OutDigests, paths)
	})
}

// answerable leaves out what a script could not be asked either, and the names of
// what runs: a tree's /proc is nobody's.
func answerable(r *deepRooted, names []string, most int) []string {
	var out []string
	for _, p := range names {
		if !okPath(p) || len(p) > maxAskedName || strings.IndexByte(p, 0) >= 0 || strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/") {
			continue
		}
		if len(out) == most {
			r.b.gap(OutDeeper, GapCap, fmt.Sprintf("more than %d names were asked for", most))
			break
		}
		out = append(out, p)
	}
	return out
}

func (r *deepRooted) notRunning() {
	for _, p := range []string{"/proc", OutProcStat, OutProcStatus, OutProcWords, OutProcExes, OutProcMounts, OutProcDigests, "proc.fds"} {
		r.b.gap(p, GapSource, "a directory cannot hold it")
	}
}

// places reads the files from which something starts again.
func (r *deepRooted) places() {
	cap := r.limit.File
	r.limit.File = min(cap, 131072)
	defer func() { r.limit.File = cap }()
	r.look(read, r.expand(deepList("PLACES"))...)
	r.look(meta, r.expand(deepList("MODULES"))...)
	for _, p := range r.expand([]string{"/usr/local/sbin/*", "/usr/local/bin/*"}) {
		for _, d := range deepList("BEHIND") {
			if !r.t.isFile(p) || !r.t.isFile(d+"/"+path.Base(p)) {
				continue
			}
			if len(r.shadow) == shadowMost {
				r.b.gap("/usr/local", GapCap, "more than 200 programs there have the names of others")
			} else {
				r.shadow = append(r.shadow, p)
			}
			break
		}
	}
	r.look(meta, r.shadow...)
	r.fields("/etc/passwd-")
	r.fields("/etc/group-")
	seen, total := map[string]bool{}, 0
	for _, a := range r.order {
		h := strings.TrimSuffix(a.home, "/")
		if !strings.HasPrefix(h, "/") || seen[h] || noHome(h) || strings.ContainsAny(h, "*?[") || !r.t.isDir(h) {
			continue
		}
		seen[h] = true
		var names []string
		for _, w := range deepList("ATHOME") {
			for _, p := range r.expand([]string{h + "/" + w}) {
				if _, err := r.t.lstat(p); err == nil {
					names = append(names, p)
				} else {
					r.fault(p, err)
				}
			}
		}
		if len(names) > homeFiles {
			r.b.gap(h, GapCap, "more than 200 files that shells and sessions read")
			names = names[:homeFiles]
		}
		if total+len(names) > homesFiles {
			// of this home only: smaller ones behind it are still read
			r.b.gap(h, GapCap, "more than 3000 files that shells and sessions read, with those of other homes")
			continue
		}
		total += len(names)
		r.look(read, names...)
	}
}

// noHome matches a home as case in sh(1) does: a star is any text, slashes too.
func noHome(h string) bool {
	for _, w := range deepList("NOHOMES") {
		if start, many := strings.CutSuffix(w, "*"); h == w || many && strings.HasPrefix(h, start) {
			return true
		}
	}
	return false
}

// setuids looks for programs that run with their owner's rights.
func (r *deepRooted) setuids() {
	r.walkAll(append(slices.Clone(r.q.Rooms), deepList("SETUIDIN")...), setuidDepth, "setuid", func(p string, fi fs.FileInfo) {
		if fi.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 && !slices.Contains(r.setuid, p) {
			r.setuid = append(r.setuid, p)
			r.full = len(r.setuid) >= setuidFound
		}
	})
	r.look(meta, r.setuid...)
	r.digests(OutSetuidSums, append(deepList("ASSHELL"), r.setuid...))
}

// empowered looks for programs that have a part of root's rights without the bit.
func (r *deepRooted) empowered() {
	var out strings.Builder
	var broken error
	r.walkAll(deepList("CAPABLEIN"), setuidDepth, OutCapabilities, func(p string, fi fs.FileInfo) {
		if fi.Mode()&0o111 == 0 || slices.Contains(r.able, p) {
			return
		}
		f, err := r.t.open(p)
		if err != nil {
			r.fault(p, err)
			return
		}
		defer f.Close()
		caps, err := capabilities(f)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			broken = err
		case err != nil:
			r.fault(p, err)
		case caps != "":
			r.able = append(r.able, p)
			out.WriteString(p + " " + caps + "\n")
			r.full = len(r.able) >= setuidFound
		}
	})
	if broken != nil {
		r.b.gap(OutCapabilities, GapSource, "capabilities of files cannot be read here: "+broken.Error())
	}
	r.put(OutCapabilities, []byte(out.String()))
	r.look(meta, r.able...)
}

// droppings looks for programs where everyone may write, and for files where only
// devices belong.
func (r *deepRooted) droppings() {
	const most = 1000
	n := 0
	var in func(dir string, depth int, any bool)
	in = func(dir string, depth int, any bool) {
		names, more, err := r.t.list(dir, rootNames)
		r.fault(dir, err)
		if more {
			r.b.gap("droppings", GapCap, "more names in "+dir+" than are looked at")
		}
		for _, name := range names {
			if n > most || r.ctx.Err() != nil {
				return
			}
			p := dir + "/" + name
			fi, err := r.t.lstat(p)
			switch {
			case err != nil:
				r.fault(p, err)
			case fi.IsDir() && depth > 1 && !(any && p == "/dev/shm"):
				in(p, depth-1, any)
			case fi.Mode().IsRegular() && (any || fi.Mode()&0o111 != 0):
				if n++; n > most {
					r.b.gap("droppings", GapCap, "more programs in /tmp, /var/tmp and /dev/shm than are listed")
					return
				}
				r.look(meta, p)
			}
		}
	}
	for _, d := range append([]string{"/dev"}, deepList("DROPIN")...) {
		if fi, err := r.t.lstat(d); err == nil && fi.IsDir() {
			in(d, 3, d == "/dev")
		}
	}
}

var execWord = deepPattern("STARTS")

// started are the programs that an administrator's units start.
func (r *deepRooted) started() []string {
	var out []string
	for _, u := range r.expand(deepList("OWNUNITS")) {
		c, err := r.t.read(u, 65536)
		if err != nil {
			continue // it was named when it was read
		}
		for line := range bytes.Lines(c) {
			m := execWord.FindSubmatch(bytes.TrimSuffix(line, []byte("\n")))
			if m == nil {
				continue
			}
			p := string(m[1])
			if fi, err := r.t.lstat(p); err != nil || !fi.Mode().IsRegular() {
				continue
			}
			if len(out) == startedMost {
				r.b.gap(OutOwned, GapCap, "more than 500 programs that units start")
				return out
			}
			out = append(out, p)
		}
	}
	return out
}

// suspects reads those pages of web servers and scripts of packages that hold words
// which matter.
func (r *deepRooted) suspects() {
	limit := r.limit.File
	r.limit.File = min(limit, 65536)
	defer func() { r.limit.File = limit }()
	n := 0
	see := func(p string, says *regexp.Regexp) {
		c, err := r.t.read(p, pageMost)
		if err != nil {
			r.fault(p, err)
			return
		}
		for line := range bytes.Lines(c) {
			if says.Match(line) {
				if n++; n <= suspectsMost {
					r.look(read, p)
				}
				return
			}
		}
	}
	pages, says := deepList("WEBPAGES"), deepPattern("WEBRUNS")
	until, slow := time.Now().Add(pageTime), false
	r.walkAll(deepList("WEBROOTS"), pageDepth, "webpages", func(p string, fi fs.FileInfo) {
		if slow = slow || time.Now().After(until); slow {
			return
		}
		if fi.Size() <= pageMost && slices.ContainsFunc(pages, func(w string) bool { return shMatch(w, path.Base(p)) }) {
			see(p, says)
		}
	})
	if slow {
		r.b.gap("webpages", GapCap, "looking through the pages of web servers took all of its time")
	}
	says = deepPattern("INFOSAYS")
	for _, p := range r.expand(deepList("INFOSCRIPTS")) {
		if r.t.isFile(p) {
			see(p, says)
		}
	}
	if n > suspectsMost {
		r.b.gap("suspects", GapCap, fmt.Sprintf("more than %d pages and scripts hold words that matter", suspectsMost))
	}
}

// walkAll tells visit of the regular files in directories, so many deep; links are
// not followed. what is named in the gap where a bound was hit.
func (r *deepRooted) walkAll(dirs []string, depth int, what string, visit func(p string, fi fs.FileInfo)) {
	r.walked, r.full = 0, false
	for _, d := range dirs {
		if fi, err := r.t.lstat(d); err == nil && fi.IsDir() {
			r.walk(d, depth, what, visit)
		}
	}
	if r.full {
		r.b.gap(what, GapCap, "more of them, or more names, than are looked at")
	}
}

func (r *deepRooted) walk(dir string, depth int, what string, visit func(p string, fi fs.FileInfo)) {
	if r.ctx.Err() != nil || r.full {
		return
	}
	names, more, err := r.t.list(dir, 20000)
	r.fault(dir, err)
	if more {
		r.b.gap(dir, GapCap, "more names than are looked at for "+what)
	}
	for _, n := range names {
		if r.walked++; r.walked > setuidNames {
			r.full = true
		}
		if r.full {
			return
		}
		p := strings.TrimSuffix(dir, "/") + "/" + n
		fi, err := r.t.lstat(p)
		switch {
		case err != nil:
			r.fault(p, err)
		case fi.IsDir() && depth > 1:
			r.walk(p, depth-1, what, visit)
		case fi.Mode().IsRegular():
			visit(p, fi)
		}
	}
}

// sum digests a regular file; "": it could not be, and a gap says why.
func (r *deepRooted) sum(p string, h hash.Hash) string {
	f, err := r.t.open(p)
	if err != nil {
		r.fault(p, err)
		return ""
	}
	defer f.Close()
	n, err := io.Copy(h, io.LimitReader(f, min(digestMost, r.left)+1))
	if r.left -= n; err != nil {
		r.fault(p, err)
		return ""
	}
	if n > digestMost || r.left < 0 {
		r.left = max(r.left, 0)
		r.b.gap(p, GapCap, "too large for a digest, or after too many others")
		return ""
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (r *deepRooted) digests(name string, paths []string) {
	var out strings.Builder
	for _, p := range paths {
		if r.ctx.Err() != nil || strings.Contains(p, "\n") || !r.t.isFile(p) {
			continue
		}
		if s := r.sum(p, sha256.New()); s != "" {
			out.WriteString(s + "  " + p + "\n")
		}
	}
	r.put(name, []byte(out.String()))
}

// asked answers what the first round raised.
func (r *deepRooted) asked() {
	cap := r.limit.File
	defer func() { r.limit.File = cap }()
	r.limit.File = min(cap, 65536)
	r.look(begin, r.q.Paths...)
	r.digests(OutDigests, r.q.Paths)
	r.attributes(r.q.Paths)
	r.limit.File = 64
	for _, d := range r.q.Rooms {
		names, more, err := r.t.list(d, 300)
		r.fault(d, err)
		if more {
			r.b.gap(d, GapCap, "more than 300 names")
		}
		for _, n := range names {
			p := strings.TrimSuffix(d, "/") + "/" + n
			if slices.ContainsFunc(guards, func(g string) bool { return shMatch(g, n) }) {
				r.look(begin, p)
			} else {
				r.look(meta, p)
			}
		}
	}
}

var guards = deepList("GUARDS")

// attributes tells which files are kept from change, in lsattr's form.
func (r *deepRooted) attributes(paths []string) {
	var out strings.Builder
	for _, p := range paths {
		if r.ctx.Err() != nil || strings.Contains(p, "\n") || !r.t.isFile(p) {
			continue
		}
		f, err := r.t.open(p)
		if err != nil {
			continue // said where its content was read
		}
		fixed, appends, err := kept(f)
		f.Close()
		if errors.Is(err, errors.ErrUnsupported) {
			r.b.gap(OutAttributes, GapSource, "attributes of files cannot be read here: "+err.Error())
			return
		}
		if err != nil {
			continue // a file system that has none
		}
		flags := []byte("----------------------")
		if fixed {
			flags[4] = 'i'
		}
		if appends {
			flags[5] = 'a'
		}
		out.WriteString(string(flags) + " " + p + "\n")
	}
	r.put(OutAttributes, []byte(out.String()))
}

// history reads what logs say of accounts and logins.
func (r *deepRooted) history() {
	r.logFile(OutAccountsLog, regexp.MustCompile(" "+shTextIn(deeperSections, "ACCOUNTSAY")), regexp.MustCompile(`.`), deepList("ACCOUNTLOGS")...)
	for _, v := range []struct{ name, path string }{{OutWtmp, "/var/log/wtmp"}, {OutBtmp, "/var/log/btmp"}} {
		r.look(meta, v.path)
		if !r.t.isFile(v.path) {
			continue
		}
		c, err := r.t.tail(v.path, recordsTail)
		if err != nil {
			r.fault(v.name, err)
			continue
		}
		var out strings.Builder
		for part := range slices.Chunk(c, 16) {
			fmt.Fprintf(&out, " % x\n", part)
		}
		r.put(v.name, []byte(out.String()))
	}
	r.look(meta, r.expand(deepList("RECORDS"))...)
}

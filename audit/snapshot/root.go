package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// shList gives the words of one of the collector's lists: the script is the one
// place where they stand.
func shList(name string) []string { return strings.Fields(shText(name)) }

func shText(name string) string { return shTextIn(script, name) }

func shTextIn(text, name string) string {
	m := regexp.MustCompile(`(?m)^` + name + `='([^']*)'`).FindStringSubmatch(text)
	if m == nil {
		panic("snapshot: the collector has no list " + name)
	}
	return m[1]
}

// rootNames bounds one directory's names, as MAXNAMES does in the script.
const rootNames = 4000

// rooted collects from a directory tree.
type rooted struct {
	ctx   context.Context
	t     *tree
	b     *builder
	limit Limits
	homes map[string]string // account -> home
	order []account
	up    map[string]bool // directories already named by above
	fresh []string        // those of up that were not looked at

	keyFiles   []string // AuthorizedKeysFile words
	moduliFile string
}

type account struct{ name, uid, home, shell string }

// FromRoot reads what the collector reads from a directory tree: an image, a
// mounted disk. It needs no rights but to read; what it may not read is a gap of
// kind GapDenied, and what a directory cannot hold (processes, sockets, answers
// of sshd, the wire) one of kind GapSource. Links are resolved inside dir and
// never lead outside. It fails only where dir cannot be opened or ctx ends; then
// what came is returned beside the error.
func FromRoot(ctx context.Context, dir string, o Options) (*Snapshot, error) {
	return overRoot(ctx, dir, o, func(r *rooted) {
		r.sections(r.accounts, r.static, r.sshd, r.moduli, r.keys, r.privates, r.jobs, r.logs, r.packages, r.cannot)
	})
}

// overRoot makes a snapshot of what do reads of a tree, beside its identity.
func overRoot(ctx context.Context, dir string, o Options, do func(*rooted)) (*Snapshot, error) {
	lim := o.Limits.defaults()
	t, err := newTree(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer t.root.Close()
	start := o.now()
	r := &rooted{ctx: ctx, t: t, b: newBuilder(lim), limit: lim, homes: map[string]string{}, up: map[string]bool{}}
	r.sections(r.identity)
	do(r)
	s := r.b.finish()
	s.Source, s.Privilege = SourceRoot, PrivilegeNone
	s.Collector = Collector{Version: CollectorVersion}
	s.Name = o.Name
	if s.Name == "" {
		s.Name = filepath.ToSlash(dir)
	}
	s.Account = ""
	s.Start, s.End = start, o.now()
	s.Complete = ctx.Err() == nil
	return s, ctx.Err()
}

// sections reads one after the other, until the time is over.
func (r *rooted) sections(all ...func()) {
	for _, section := range all {
		if r.ctx.Err() != nil {
			return
		}
		section()
	}
}

// cannot names what no directory can hold.
func (r *rooted) cannot() {
	for _, p := range []string{"/proc", OutDaemons, OutSshdT + "default", OutSshdVersion + "default", OutUnits, OutTimers, OutMounts, OutWire} {
		r.b.gap(p, GapSource, "a directory cannot hold it")
	}
}

// put adds an output.
func (r *rooted) put(name string, data []byte) {
	r.b.output(name, data, int64(len(data)) > r.limit.Output, false)
	r.b.exit("0", nil)
}

// fault says why p was not read. What does not exist is no fault.
func (r *rooted) fault(p string, err error) {
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), strings.Contains(err.Error(), "not a directory"):
	case errors.Is(err, fs.ErrPermission):
		r.b.gap(p, GapDenied, "no permission")
	case errors.Is(err, errNotFile):
		r.b.gap(p, GapUnsafe, "neither a file nor a directory: not opened")
	case errors.Is(err, errLoop):
		r.b.gap(p, GapError, err.Error())
	default:
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		r.b.gap(p, GapError, err.Error())
	}
}

// expand turns patterns into names.
func (r *rooted) expand(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		if !strings.ContainsAny(p, "*?[") {
			out = append(out, p)
			continue
		}
		out = append(out, r.t.glob(p, rootNames, func(dir string, err error, more bool) {
			if more {
				r.b.gap(dir, GapCap, fmt.Sprintf("more than %d names in one batch", rootNames))
			}
			r.fault(dir, err)
		})...)
	}
	return out
}

// how says what look wants of a name.
type how int

const (
	meta how = iota
	read
	part  // the beginning, as much as tells a script from a binary
	begin // the beginning, as much as the bound lets: that there is more is no gap
)

// look takes the metadata of names that exist, and of the final path of links,
// and reads contents.
func (r *rooted) look(h how, names ...string) {
	for _, p := range names {
		if r.ctx.Err() != nil {
			return
		}
		r.one(h, p, true)
	}
}

func (r *rooted) one(h how, p string, follow bool) {
	fi, err := r.t.lstat(p)
	if err != nil {
		r.fault(p, err)
		return
	}
	f := r.b.at(p)
	if f == nil {
		return
	}
	f.Type = letter(fi.Mode())
	f.Mode = uint32(fi.Mode().Perm())
	f.Size, f.Links = fi.Size(), 1
	f.MTime = told(fi.ModTime())
	f.fill(fi)
	if f.Type == 'l' {
		at, err := r.t.locate(p, false)
		if err == nil {
			f.Target, err = r.t.root.Readlink(at)
		}
		r.fault(p, err)
		real, err := r.t.final(p)
		if err != nil {
			r.fault(p, err)
			return
		}
		f.Real = real
		if follow && real != p && real != "/dev/null" {
			r.one(h, real, false)
		}
		return
	}
	if h == meta || f.Type == 'd' || f.Content != nil {
		return
	}
	if never(p) {
		r.b.gap(p, GapWithheld, "never read")
		return
	}
	max := r.limit.File
	if h == part {
		if max = 64; f.Size <= 64<<10 {
			max = 4096
		}
	}
	size := f.Size
	c, err := r.t.read(p, max)
	if err != nil {
		r.fault(p, err)
		return
	}
	if f = r.b.at(p); f != nil {
		r.b.content(f, c, max, min(size, max+1) == int64(len(c)), h == part || h == begin, "")
	}
}

// never tells of the files whose content is not looked at by anyone.
func never(p string) bool {
	return strings.HasPrefix(p, "/etc/shadow") || strings.HasPrefix(p, "/etc/gshadow") ||
		shMatch("ssh_host_*_key", path.Base(p))
}

func letter(m fs.FileMode) byte {
	switch m.Type() {
	case 0:
		return 'f'
	case fs.ModeDir:
		return 'd'
	case fs.ModeSymlink:
		return 'l'
	case fs.ModeNamedPipe:
		return 'p'
	case fs.ModeSocket:
		return 's'
	case fs.ModeDevice | fs.ModeCharDevice:
		return 'c'
	case fs.ModeDevice:
		return 'b'
	}
	return 0
}

// above remembers the directories above names.
func (r *rooted) above(names ...string) {
	for _, p := range names {
		for d := path.Dir(p); d != "/" && d != "." && !r.up[d]; d = path.Dir(d) {
			r.up[d] = true
			r.fresh = append(r.fresh, d)
		}
	}
}

func (r *rooted) lookAbove() {
	r.look(meta, r.fresh...)
	r.fresh = nil
}

func (r *rooted) identity() {
	var b strings.Builder
	b.WriteString("privilege=none\n")
	for _, v := range []struct{ key, path string }{{"hostname", "/etc/hostname"}, {"machine-id", "/etc/machine-id"}} {
		c, err := r.t.read(v.path, 256)
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(string(c), "\n")
		b.WriteString(v.key + "=" + line + "\n")
	}
	r.put(OutIdentity, []byte(b.String()))
}

// unitDirs are the collector's, without /lib where it is a link to /usr/lib.
func (r *rooted) unitDirs() []string {
	dirs := shList("UNITDIRS")
	if fi, err := r.t.lstat("/lib"); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		dirs = slices.DeleteFunc(dirs, func(d string) bool { return strings.HasPrefix(d, "/lib/") })
	}
	return dirs
}

// local reports a folder of units that are not a distribution's.
func local(dir string) bool {
	return strings.HasPrefix(dir, "/etc/") || strings.HasPrefix(dir, "/run/") || strings.HasPrefix(dir, "/usr/local/")
}

func (r *rooted) static() {
	r.look(meta, r.expand(shList("META"))...)
	patterns := append(shList("READ"), shList("JOBFILES")...)
	units := shList("UNITS")
	for _, d := range r.unitDirs() {
		patterns = append(patterns, d+"/*.timer", d+"/*.timer.d/*.conf", d+"/timer.d/*.conf", d+"/service.d/*.conf")
		if strings.HasPrefix(d, "/etc/") || strings.HasSuffix(d, "/transient") {
			patterns = append(patterns, d+"/*.service")
		}
		if local(d) {
			patterns = append(patterns, d+"/*.service.d/*.conf")
		}
		for _, u := range units {
			patterns = append(patterns, d+"/"+u, d+"/"+u+".d/*.conf")
		}
	}
	users := shList("USERDIRS")
	for _, d := range users {
		patterns = append(patterns, d+"/*.timer", d+"/*.timer.d/*.conf", d+"/timer.d/*.conf", d+"/*.wants/*.timer", d+"/service.d/*.conf")
		if local(d) {
			patterns = append(patterns, d+"/*.service", d+"/*.service.d/*.conf")
		}
	}
	names := r.expand(patterns)
	for _, p := range names {
		if u, ok := strings.CutSuffix(path.Base(p), ".timer"); ok && r.t.isFile(p) {
			for _, d := range slices.Concat(r.unitDirs(), users) {
				if r.t.isFile(d + "/" + u + ".service") {
					names = append(names, d+"/"+u+".service")
				}
				if !local(d) {
					names = append(names, r.expand([]string{d + "/" + u + ".service.d/*.conf"})...)
				}
			}
		}
	}
	r.look(read, names...)
	r.pamFiles()
}

// ---- accounts

var fieldTwo = regexp.MustCompile(`(?m)^([^:\n]*):[^:\n]*[^:\nx*!][^:\n]*:`)

func (r *rooted) fields(p string) []byte {
	c, err := r.t.read(p, r.limit.File)
	if err != nil {
		r.fault(p, err)
		return nil
	}
	r.look(meta, p)
	if f := r.b.at(p); f != nil {
		r.b.content(f, fieldTwo.ReplaceAll(c, []byte("$1:x:")), r.limit.File, true, false, "")
		f.Filtered = true
	}
	return c
}

func (r *rooted) accounts() {
	var hashed []string
	passwd := r.fields("/etc/passwd")
	for line := range strings.Lines(string(passwd)) {
		v := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(v) < 4 || v[0] == "" || strings.ContainsAny(v[0][:1], "#+-") {
			continue
		}
		if strings.Trim(v[1], "!x*") != "" {
			state, scheme := shadowState(v[1])
			hashed = append(hashed, v[0]+":"+state+":"+scheme+"::::::\n")
		}
		if len(v) < 6 {
			continue
		}
		if _, ok := r.homes[v[0]]; !ok {
			r.homes[v[0]] = v[5]
		}
		if len(r.order) >= 20000 {
			r.b.gap("/etc/passwd", GapCap, "more than 20000 accounts")
			break
		}
		shell := "/bin/sh" // passwd(5): where none is named
		if len(v) > 6 && v[6] != "" {
			shell = v[6]
		}
		r.order = append(r.order, account{v[0], v[2], v[5], shell})
	}
	r.fields("/etc/group")
	if c, err := r.t.read("/etc/nsswitch.conf", r.limit.File); err == nil {
		var out []byte
		for line := range bytes.Lines(c) {
			k, _, ok := strings.Cut(string(line), ":")
			switch strings.TrimSpace(k) {
			case "passwd", "group", "shadow", "initgroups":
				if ok {
					out = append(out, line...)
				}
			}
		}
		r.put(OutNSS, out[:min(len(out), 4096)])
	}
	c, err := r.t.read("/etc/shadow", r.limit.File)
	switch {
	case errors.Is(err, fs.ErrPermission):
		r.b.gap(OutShadow, GapDenied, "no permission to read /etc/shadow")
	case err != nil:
		r.b.gap(OutShadow, GapError, "no /etc/shadow")
	default:
		var out strings.Builder
		for line := range strings.Lines(string(c)) {
			v := strings.Split(strings.TrimSuffix(line, "\n"), ":")
			if v[0] == "" {
				continue
			}
			for len(v) < 8 {
				v = append(v, "")
			}
			state, scheme := shadowState(v[1])
			out.WriteString(strings.Join(append([]string{v[0], state, scheme}, v[2:8]...), ":") + "\n")
		}
		r.put(OutShadow, []byte(out.String()+strings.Join(hashed, "")))
	}
}

// shadowState classes the second field of shadow(5): its state, and the
// algorithm by the prefixes of crypt(5). The hash goes no further.
func shadowState(h string) (state, algorithm string) {
	switch h {
	case "":
		return "empty", ""
	case "!", "!!", "!*", "*LK*":
		return "locked", ""
	case "*", "*NP*":
		return "star", ""
	}
	if rest, ok := strings.CutPrefix(h, "!"); ok {
		if a := scheme(strings.TrimPrefix(rest, "!")); a != "" {
			return "locked-hash", a
		}
		return "locked", ""
	}
	if a := scheme(h); a != "" {
		return "hash", a
	}
	return "invalid", ""
}

func scheme(h string) string {
	for _, s := range []struct{ prefix, name string }{
		{"$1$", "md5"}, {"$2a$", "bcrypt"}, {"$2b$", "bcrypt"}, {"$2x$", "bcrypt"}, {"$2y$", "bcrypt"},
		{"$5$", "sha256"}, {"$6$", "sha512"}, {"$7$", "scrypt"}, {"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"},
		{"$md5", "sunmd5"}, {"$sha1$", "sha1"}, {"$3$", "nt"}, {"$", "other"}, {"_", "bsdi"},
	} {
		if strings.HasPrefix(h, s.prefix) {
			return s.name
		}
	}
	if len(h) == 13 {
		return "des"
	}
	return ""
}

func (r *rooted) moduli() {
	p := "/etc/ssh/moduli"
	if r.moduliFile != "" {
		p = r.moduliFile
	}
	c, err := r.t.read(p, 16<<20)
	if err != nil {
		kind := GapMissing
		if errors.Is(err, fs.ErrPermission) {
			kind = GapDenied
		}
		r.b.gap(OutModuli, kind, "no "+p)
		return
	}
	var order []string
	count := map[string]int{}
	for line := range strings.Lines(string(c)) {
		v := strings.Fields(line)
		if len(v) != 7 || strings.HasPrefix(v[0], "#") {
			continue
		}
		if count[v[4]] == 0 {
			order = append(order, v[4])
		}
		count[v[4]]++
	}
	out := fmt.Sprintf("sha256 %x\n", sha256.Sum256(c))
	for _, size := range order {
		if n, err := strconv.Atoi(size); err == nil && len(order) <= 1000 {
			out += fmt.Sprintf("%d %d\n", count[size], n+1)
		}
	}
	r.put(OutModuli, []byte(out))
}

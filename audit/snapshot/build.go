package snapshot

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// builder puts a snapshot together from frames. Everything in a frame is the
// host's word: what does not parse is a gap, never an error.
type builder struct {
	limit    Limits
	snap     Snapshot
	index    map[string]int // path -> Files
	outIndex map[string]int
	gapSeen  map[Gap]struct{}
	names    []string // of the last n frame
	args     []string // of the last a frame
	out      int      // the output that the next x ends; -1: none
	cut      bool     // the stream ended inside the frame that comes next
	full     bool     // the cap on files was hit
	piece    []byte   // that keep fills
}

func newBuilder(l Limits) *builder {
	const usual = 256 // names on a small server
	b := &builder{
		limit: l, out: -1,
		index: make(map[string]int, usual), outIndex: map[string]int{}, gapSeen: map[Gap]struct{}{},
	}
	b.snap.Files = make([]File, 0, usual)
	return b
}

// frame takes one frame: its header's words, and its data, which it does not keep.
func (b *builder) frame(head string, data []byte, over bool) {
	w := strings.Split(head, " ")
	arg := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	switch w[0] {
	case "s":
		b.stats(arg(1), data)
	case "n":
		b.names = splitNUL(data, b.limit.Files)
	case "m":
		cap, _ := strconv.ParseInt(arg(1), 10, 64)
		b.contents(data, cap, arg(2), arg(3) == "part")
	case "r":
		v := splitNUL(data, 2*b.limit.Files)
		for i := 0; i+1 < len(v); i += 2 {
			if f := b.at(v[i]); f != nil && okPath(v[i+1]) {
				f.Real = v[i+1]
			}
		}
	case "l":
		if v := splitNUL(data, 3); len(v) == 2 {
			if f := b.at(v[0]); f != nil {
				f.Type, f.Target = 'l', v[1]
			}
		}
	case "v":
		b.virtual(data, arg(1), arg(2), over)
	case "a":
		b.args = splitNUL(data, maxArgs)
	case "o":
		b.output(arg(1), data, over, arg(2) == "reverse")
	case "x":
		b.exit(arg(1), data)
	case "g":
		if v := splitNUL(data, 3); len(v) >= 2 {
			b.gap(v[0], GapKind(arg(1)), v[1])
		}
	}
	b.cut = false
}

// at returns the file of that path, which it makes where there is none yet. It
// is nil for what is no path, and beyond the cap on files.
func (b *builder) at(path string) *File {
	if i, ok := b.index[path]; ok {
		return &b.snap.Files[i]
	}
	if !okPath(path) {
		return nil
	}
	if len(path) > b.limit.Name {
		b.gap(path[:b.limit.Name], GapCap, "the name is longer than the bound")
		return nil
	}
	if len(b.snap.Files) >= b.limit.Files {
		if !b.full {
			b.full = true
			b.gap("/", GapCap, fmt.Sprintf("more than %d names", b.limit.Files))
		}
		return nil
	}
	b.index[path] = len(b.snap.Files)
	b.snap.Files = append(b.snap.Files, File{Path: path, UID: -1, GID: -1})
	return &b.snap.Files[len(b.snap.Files)-1]
}

func okPath(p string) bool { return len(p) > 0 && p[0] == '/' }

// gap adds a gap once.
func (b *builder) gap(path string, kind GapKind, reason string) {
	switch kind {
	case GapDenied, GapMissing, GapCap, GapNetwork, GapUnsafe, GapWithheld, GapChanged, GapSource:
	default:
		kind = GapError
	}
	g := Gap{Path: clipBytes(path, b.limit.Name), Kind: kind, Reason: clipBytes(reason, 1024)}
	if _, ok := b.gapSeen[g]; ok {
		return
	}
	if len(b.snap.Gaps) >= b.limit.Gaps {
		if len(b.snap.Gaps) == b.limit.Gaps {
			b.snap.Gaps = append(b.snap.Gaps, Gap{Path: "/", Kind: GapCap, Reason: fmt.Sprintf("more than %d gaps", b.limit.Gaps)})
		}
		return
	}
	b.gapSeen[g] = struct{}{}
	b.snap.Gaps = append(b.snap.Gaps, g)
}

func clipBytes(s string, n int) string { return s[:min(len(s), n)] }

// stats reads the lines of one stat batch:
//
//	TOKEN MODE(hex) UID GID SIZE LINKS INODE DEV MTIME CTIME NAME [ -> TEXT]
//
// The names were fixed before the token could be seen, so none holds it.
func (b *builder) stats(token string, data []byte) {
	if token == "" {
		return
	}
	lead := []byte(token + " ")
	sep := append([]byte("\n"), lead...)
	if !bytes.HasPrefix(data, lead) {
		return
	}
	data = data[len(lead):]
	for len(data) > 0 {
		line, rest, more := bytes.Cut(data, sep)
		if !more {
			if b.cut {
				return // the last line may be half a line
			}
			line = bytes.TrimSuffix(line, []byte("\n"))
		}
		b.statLine(line)
		data = rest
	}
}

func (b *builder) statLine(line []byte) {
	var num [9][]byte
	for i := range num {
		var ok bool
		if num[i], line, ok = bytes.Cut(line, []byte(" ")); !ok {
			return
		}
	}
	mode, err := strconv.ParseUint(string(num[0]), 16, 32)
	if err != nil {
		return
	}
	var f File
	f.Type = typeOf(uint32(mode))
	f.Mode = uint32(mode) & 0o7777
	f.UID, f.GID = integer(num[1]), integer(num[2])
	f.Size, f.Links = integer(num[3]), integer(num[4])
	f.Inode, f.Dev = unsigned(num[5]), unsigned(num[6])
	f.MTime, f.CTime = stamp(num[7]), stamp(num[8])
	name := string(line)
	if f.Type == 'l' {
		name, f.Target = splitLink(name, f.Size)
	}
	p := b.at(name)
	if p == nil {
		return
	}
	// What other frames said about it stays.
	f.Path, f.Real, f.Content, f.Truncated, f.Filtered = name, p.Real, p.Content, p.Truncated, p.Filtered
	if f.Target == "" {
		f.Target = p.Target
	}
	*p = f
}

// splitLink takes "NAME -> TEXT" apart (GNU stat's %N with QUOTING_STYLE=literal)
// or "'NAME' -> 'TEXT'" (busybox). A name or a text may hold " -> ", but a link's
// size is the length of its text.
func splitLink(s string, size int64) (name, text string) {
	if strings.HasPrefix(s, "'") && strings.HasSuffix(s, "'") {
		s = s[1 : len(s)-1]
		if i := len(s) - int(size) - len("' -> '"); size > 0 && i > 0 && s[i:i+6] == "' -> '" {
			return s[:i], s[i+6:]
		}
		name, text, _ = strings.Cut(s, "' -> '")
		return name, text
	}
	if i := len(s) - int(size) - len(" -> "); size > 0 && i > 0 && s[i:i+4] == " -> " {
		return s[:i], s[i+4:]
	}
	name, text, _ = strings.Cut(s, " -> ")
	return name, text
}

// typeOf gives find's letter for the type bits of st_mode (inode(7)).
func typeOf(mode uint32) byte {
	switch mode & 0o170000 {
	case 0o100000:
		return 'f'
	case 0o040000:
		return 'd'
	case 0o120000:
		return 'l'
	case 0o010000:
		return 'p'
	case 0o140000:
		return 's'
	case 0o020000:
		return 'c'
	case 0o060000:
		return 'b'
	}
	return 0
}

// integer reads a number; -1 is what is not known, and no other negative one is.
func integer(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return -1
	}
	return max(n, -1)
}

func unsigned(b []byte) uint64 {
	n, _ := strconv.ParseUint(string(b), 10, 64)
	return n
}

// stamp reads seconds since the epoch, with or without a fraction.
func stamp(b []byte) time.Time {
	s, frac, _ := strings.Cut(string(b), ".")
	sec, err := strconv.ParseInt(s, 10, 64)
	if err != nil || sec > 1<<40 || sec < -1<<40 {
		return time.Time{}
	}
	var ns int64
	if frac != "" && len(frac) <= 9 {
		if ns, err = strconv.ParseInt(frac, 10, 64); err != nil || ns < 0 {
			ns = 0
		}
		for range 9 - len(frac) {
			ns *= 10
		}
	}
	return told(time.Unix(sec, ns))
}

// told is a time in UTC where RFC 3339 can say it: years 1 to 9999. Beyond, which file
// systems allow and no report could hold, it is not known.
func told(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// contents reads what head -v printed for the names of the last n frame: for
// each file "==> NAME <==" LF and its content, with a LF between two. The sizes
// that stat gave tell where a content ends, so a content that holds such a line
// misleads nobody; only where a file changed in between is the next such line
// with a name that is due looked for, and the file is a gap.
func (b *builder) contents(d []byte, max int64, rights string, part bool) {
	names := b.names
	b.names = nil
	if max <= 0 || max > b.limit.File {
		max = b.limit.File
	}
	who := ""
	if rights != "" && rights != "0" {
		who = ", read with the rights of uid " + rights
	}
	due := make(dueNames, len(names))
	for i, n := range names {
		due[n] = append(due[n], i)
	}
	pos, next, loose := 0, 0, false
	for next < len(names) {
		at, body := header(d, pos, due, next)
		if at < 0 {
			break
		}
		for ; next < at; next++ {
			b.unread(names[next], who)
		}
		f := b.at(names[at])
		next = at + 1
		end := len(d)
		exact := false
		if f != nil {
			// head was asked for one byte more than the cap.
			if want := b.sizeOf(f); want >= 0 {
				if e := body + int(min(want, max+1)); e == len(d) {
					exact = true
				} else if e < len(d) {
					if j, _ := header(d, e, due, next); j >= 0 {
						end, exact = e, true
					}
				}
			}
		}
		if !exact {
			end = seek(d, body, due, next)
			loose = loose || f != nil && b.sizeOf(f) >= 0
		}
		if f != nil {
			b.content(f, d[body:end], max, exact || b.sizeOf(f) < 0, part, who)
		}
		pos = end
	}
	for ; next < len(names); next++ {
		b.unread(names[next], who)
	}
	if loose {
		b.forged(d, names)
	}
}

// forged names the files whose header stands more often in d than they were
// asked for, where the sizes no longer tell which of them head wrote: a file of
// another size than stat gave, or with a secret taken out, may hold one.
func (b *builder) forged(d []byte, names []string) {
	left := make(map[string]int, len(names))
	for _, n := range names {
		left[n]++
	}
	for pos := 0; ; {
		i := bytes.Index(d[pos:], []byte(" <==\n"))
		if i < 0 {
			return
		}
		at := bytes.LastIndex(d[pos:pos+i], []byte("==> "))
		if at >= 0 && (pos+at == 0 || d[pos+at-1] == '\n') {
			name := string(d[pos+at+4 : pos+i])
			if n, ok := left[name]; ok {
				if left[name] = n - 1; n == 0 {
					b.gap(name, GapChanged, "another file changed while both were read, and holds what looks like this one")
				}
			}
		}
		pos += i + 4
	}
}

// dueNames gives for a name its places in the list that head was given.
type dueNames map[string][]int

// next gives the first place at or after from; -1: there is none.
func (d dueNames) next(name string, from int) int {
	at, ok := d[name]
	if !ok {
		return -1
	}
	k := 0
	for k < len(at) && at[k] < from {
		k++
	}
	if k > 0 {
		d[name] = at[k:] // from never goes back
	}
	if k == len(at) {
		return -1
	}
	return at[k]
}

// nameMax bounds a header line of head -v: PATH_MAX and the marks.
const nameMax = 4096 + 8

// header looks for a header at pos of a name that is due (index >= from). It
// returns the name's index and where its content begins; -1: there is none.
func header(d []byte, pos int, due dueNames, from int) (index, body int) {
	s := d[pos:]
	if pos > 0 {
		if len(s) == 0 || s[0] != '\n' {
			return -1, 0
		}
		s, pos = s[1:], pos+1
	}
	if !bytes.HasPrefix(s, []byte("==> ")) {
		return -1, 0
	}
	name, _, ok := bytes.Cut(s[4:min(len(s), 4+nameMax)], []byte(" <==\n"))
	if !ok {
		return -1, 0
	}
	i := due.next(string(name), from)
	if i < 0 {
		return -1, 0
	}
	return i, pos + 4 + len(name) + 5
}

// seek finds the first header after pos of a name that is due. It goes from one
// header's end to the next, so that it looks at each byte a bounded number of times.
func seek(d []byte, pos int, due dueNames, from int) int {
	for {
		i := bytes.Index(d[pos:], []byte(" <==\n"))
		if i < 0 {
			return len(d)
		}
		if at := bytes.LastIndex(d[pos:pos+i], []byte("\n==> ")); at >= 0 {
			if due.next(string(d[pos+at+5:pos+i]), from) >= 0 {
				return pos + at
			}
		}
		pos += i + 4 // the LF may begin the next header
	}
}

// sizeOf gives the size that the content of f should have; -1: not known.
func (b *builder) sizeOf(f *File) int64 {
	if f.Type == 'l' {
		if i, ok := b.index[f.Real]; ok && b.snap.Files[i].Type == 'f' {
			return b.snap.Files[i].Size
		}
		return -1
	}
	if f.Type == 'f' {
		return f.Size
	}
	return -1
}

// content keeps what was read of f.
func (b *builder) content(f *File, c []byte, max int64, exact, part bool, who string) {
	path := f.Path
	if holdsSecret(c) {
		f.Content = nil
		b.gap(path, GapWithheld, "it holds a private key or a password hash")
		return
	}
	f.Truncated = false
	if int64(len(c)) > max {
		c = c[:max]
		f.Truncated = true
		if !part {
			b.gap(path, GapCap, fmt.Sprintf("more than %d bytes", max))
		}
	}
	f.Content = b.keep(c)
	switch {
	case b.cut:
		f.Truncated = true
		b.gap(path, GapChanged, "the answer was cut while it was read")
	case !exact && !f.Truncated:
		b.gap(path, GapChanged, fmt.Sprintf("it changed while it was read: %d bytes came", len(c))+who)
	}
}

// keep copies c. Small contents share one piece of memory: a host has hundreds.
func (b *builder) keep(c []byte) []byte {
	const piece = 16 << 10
	if len(c) > piece/4 {
		return append(make([]byte, 0, len(c)), c...)
	}
	if cap(b.piece)-len(b.piece) < len(c) || b.piece == nil {
		b.piece = make([]byte, 0, piece)
	}
	at := len(b.piece)
	b.piece = append(b.piece, c...)
	return b.piece[at:len(b.piece):len(b.piece)]
}

func (b *builder) unread(path, who string) {
	switch {
	case b.cut:
		b.gap(path, GapError, "the answer was cut before it was read")
	default:
		b.gap(path, GapDenied, "it could not be read"+who)
	}
}

// virtual keeps a content that a command printed: path, NUL, content.
func (b *builder) virtual(data []byte, cap, how string, over bool) {
	i := bytes.IndexByte(data, 0)
	if i < 0 {
		return
	}
	f := b.at(string(data[:i]))
	if f == nil {
		return
	}
	max, err := strconv.ParseInt(cap, 10, 64)
	if err != nil || max <= 0 || max > b.limit.File {
		max = b.limit.File
	}
	if f.Type == 0 {
		f.Type = 'f'
	}
	c := data[i+1:]
	exact := f.Type != 'f' || f.UID < 0 || how == "filtered" || int64(len(c)) == min(b.sizeOf(f), max+1)
	b.content(f, c, max, exact, how == "part", "")
	if f.Content != nil {
		f.Filtered = how == "filtered"
		f.Truncated = f.Truncated || over
	}
}

var outputName = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,64}$`)

func (b *builder) output(name string, data []byte, over, reverse bool) {
	b.out = -1
	args := b.args
	b.args = nil
	if !outputName.MatchString(name) {
		return
	}
	i, ok := b.outIndex[name]
	if !ok {
		if len(b.snap.Outputs) >= b.limit.Outputs {
			b.gap(name, GapCap, fmt.Sprintf("more than %d outputs", b.limit.Outputs))
			return
		}
		i = len(b.snap.Outputs)
		b.outIndex[name] = i
		b.snap.Outputs = append(b.snap.Outputs, Output{Name: name})
	}
	d := mask(data)
	if reverse {
		d = reverseLines(d)
	}
	b.snap.Outputs[i] = Output{Name: name, Args: args, RC: -1, Data: d, Truncated: over || b.cut}
	if over {
		b.gap(name, GapCap, fmt.Sprintf("more than %d bytes", b.limit.Output))
	}
	if b.cut {
		b.gap(name, GapError, "the answer was cut while it was read")
	}
	b.out = i
}

func (b *builder) exit(rc string, stderr []byte) {
	if b.out < 0 {
		return
	}
	o := &b.snap.Outputs[b.out]
	b.out = -1
	if n, err := strconv.Atoi(rc); err == nil && n >= 0 && n <= 255 {
		o.RC = n
	}
	if e := bytes.TrimRight(stderr, "\n"); len(e) > 0 {
		o.Stderr = mask(e)
	}
}

// reverseLines turns newest first into newest last.
func reverseLines(d []byte) []byte {
	lines := bytes.Split(bytes.TrimSuffix(d, []byte("\n")), []byte("\n"))
	slices.Reverse(lines)
	d = bytes.Join(lines, []byte("\n"))
	if len(d) > 0 {
		d = append(d, '\n')
	}
	return d
}

// maxArgs bounds the words of one command: the longest of ours has a dozen.
const maxArgs = 4096

// splitNUL gives the words of d, each ended by a NUL, and no more than max of
// them: a word costs more than its NUL.
func splitNUL(d []byte, max int) []string {
	if len(d) == 0 {
		return nil
	}
	d = bytes.TrimSuffix(d, []byte{0})
	// SplitN would make room for max of them.
	n := min(bytes.Count(d, []byte{0})+1, max)
	v := make([]string, 0, n)
	for rest := string(d); len(v) < n; {
		one, more, _ := strings.Cut(rest, "\x00")
		v, rest = append(v, one), more
	}
	return v
}

// finish sorts what came and reads the collector's own words about itself.
func (b *builder) finish() *Snapshot {
	b.links()
	s := &b.snap
	s.sort()
	s.Privilege = PrivilegeNone
	id := s.Output(OutIdentity)
	if id == nil {
		return s
	}
	for line := range strings.Lines(string(id.Data)) {
		k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch k {
		case "privilege":
			switch p := Privilege(v); p {
			case PrivilegeRoot, PrivilegeSudo:
				s.Privilege = p
			}
		case "login":
			s.Account = clipBytes(v, 256)
		case "clock":
			s.HostClock = stamp([]byte(v))
		}
	}
	return s
}

// links gives each link the content of its final path, which was read in its
// place, and the gap where it was not.
func (b *builder) links() {
	bad := map[string][]Gap{}
	for _, g := range b.snap.Gaps {
		bad[g.Path] = append(bad[g.Path], g)
	}
	for i := range b.snap.Files {
		f := &b.snap.Files[i]
		if f.Type != 'l' || f.Real == "" || f.Content != nil {
			continue
		}
		if j, ok := b.index[f.Real]; ok {
			r := &b.snap.Files[j]
			f.Content, f.Truncated, f.Filtered = r.Content, r.Truncated, r.Filtered
		}
		for _, g := range bad[f.Real][:min(len(bad[f.Real]), 4)] {
			b.gap(f.Path, g.Kind, f.Real+": "+g.Reason)
		}
	}
}

// sort puts files, outputs and gaps into their order.
func (s *Snapshot) sort() {
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(s.Outputs, func(a, b Output) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Gaps, func(a, b Gap) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Reason, b.Reason), cmp.Compare(a.Kind, b.Kind))
	})
}

// Put adds an output or replaces the one of that name.
func (s *Snapshot) Put(o Output) {
	i := sort.Search(len(s.Outputs), func(i int) bool { return s.Outputs[i].Name >= o.Name })
	if i < len(s.Outputs) && s.Outputs[i].Name == o.Name {
		s.Outputs[i] = o
		return
	}
	s.Outputs = slices.Insert(s.Outputs, i, o)
}

package snapshot

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// An archive is a zstd file (RFC 8878): a skippable frame that holds the magic
// line "postern snapshot FORMAT", then one frame of lines and raw bytes, so that
// zstd -dc shows it to people:
//
//	snapshot collector="1" sha256="..." source="ssh" privilege="root" name="web1" ...
//	file path="/etc/passwd" type=f mode=0644 uid=0 ... content=1267
//	<1267 bytes> LF
//	output name="identity" rc=0 args=2 truncated=0 data=310 stderr=0
//	<arg> LF <arg> LF <310 bytes> LF <0 bytes> LF
//	gap kind="denied" path="/root" reason="no permission to search it"
//	end
//
// The fields of a line have a fixed order; strings are quoted as Go quotes them
// to ASCII, which keeps every byte. The same snapshot gives the same bytes.
// Nothing in an archive is ever used as a path on the reader's side.

const (
	skippable   = 0x184D2A5F // RFC 8878, section 3.1.2, the last of the sixteen
	archiveName = "postern snapshot "
)

// ErrFormat marks what is no archive of a snapshot, or a broken one.
var ErrFormat = errors.New("not a snapshot archive")

// ErrNewer marks an archive of a format that this program does not know yet.
var ErrNewer = errors.New("snapshot archive of a newer format")

var encoders = sync.Pool{New: func() any {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
}}

// unpacker is what reading an archive needs of memory. A fleet's archives are
// read one after the other, and the window of each is as large as a whole one.
type unpacker struct {
	zstd  *zstd.Decoder
	lines *bufio.Reader
}

var decoders = sync.Pool{New: func() any {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20),
		zstd.WithDecodeBuffersBelow(0)) // small ones, too: as a stream, which Read bounds
	if err != nil {
		panic(err) // the options are constants
	}
	return &unpacker{z, bufio.NewReaderSize(nil, 64<<10)}
}}

// release gives the memory back, and holds nothing of what was read.
func (u *unpacker) release() {
	u.lines.Reset(nil)
	_ = u.zstd.Reset(nil) // fails for the sake of the nil alone
	decoders.Put(u)
}

// Write writes s as an archive. It fails where s breaks the order that
// [Snapshot] promises, or w does.
func Write(w io.Writer, s *Snapshot) error {
	if err := s.check(); err != nil {
		return err
	}
	magic := archiveName + strconv.Itoa(Format) + "\n"
	head := binary.LittleEndian.AppendUint32(nil, skippable)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(magic)))
	if _, err := w.Write(append(head, magic...)); err != nil {
		return err
	}
	z := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(z)
	z.Reset(w)
	defer z.Reset(nil)
	b := bufio.NewWriterSize(z, 64<<10)
	e := &encoder{w: b}
	e.snapshot(s)
	if err := b.Flush(); err != nil {
		return err
	}
	return z.Close()
}

// check tells whether files, outputs and gaps are in order and named once.
func (s *Snapshot) check() error {
	for i := 1; i < len(s.Files); i++ {
		if s.Files[i-1].Path >= s.Files[i].Path {
			return fmt.Errorf("snapshot: files are not in order at %q", s.Files[i].Path)
		}
	}
	for i := 1; i < len(s.Outputs); i++ {
		if s.Outputs[i-1].Name >= s.Outputs[i].Name {
			return fmt.Errorf("snapshot: outputs are not in order at %q", s.Outputs[i].Name)
		}
	}
	for i := 1; i < len(s.Gaps); i++ {
		a, b := s.Gaps[i-1], s.Gaps[i]
		if a.Path > b.Path || a.Path == b.Path && a.Reason > b.Reason {
			return fmt.Errorf("snapshot: gaps are not in order at %q", b.Path)
		}
	}
	return nil
}

// encoder writes lines. Errors stay in the bufio.Writer until Flush.
type encoder struct {
	w   *bufio.Writer
	buf []byte
}

func (e *encoder) line(kind string) { e.buf = append(e.buf[:0], kind...) }

func (e *encoder) str(key, v string) {
	e.buf = append(append(append(e.buf, ' '), key...), '=')
	e.buf = strconv.AppendQuoteToASCII(e.buf, v)
}

func (e *encoder) word(key, v string) {
	e.buf = append(append(append(append(e.buf, ' '), key...), '='), v...)
}

func (e *encoder) num(key string, v int64) {
	e.buf = append(append(append(e.buf, ' '), key...), '=')
	e.buf = strconv.AppendInt(e.buf, v, 10)
}

func (e *encoder) flag(key string, v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	e.num(key, n)
}

func (e *encoder) time(key string, t time.Time) {
	if t.IsZero() {
		e.word(key, "-")
		return
	}
	e.word(key, strconv.FormatInt(t.Unix(), 10)+"."+strconv.FormatInt(1e9+int64(t.Nanosecond()), 10)[1:])
}

func (e *encoder) end() {
	e.buf = append(e.buf, '\n')
	_, _ = e.w.Write(e.buf)
}

func (e *encoder) raw(b []byte) {
	_, _ = e.w.Write(b)
	_ = e.w.WriteByte('\n')
}

func (e *encoder) snapshot(s *Snapshot) {
	e.line("snapshot")
	e.str("collector", s.Collector.Version)
	e.str("sha256", s.Collector.SHA256)
	e.str("source", string(s.Source))
	e.str("privilege", string(s.Privilege))
	e.str("name", s.Name)
	e.str("account", s.Account)
	e.time("start", s.Start)
	e.time("end", s.End)
	e.time("hostclock", s.HostClock)
	e.flag("complete", s.Complete)
	e.end()
	for i := range s.Files {
		f := &s.Files[i]
		e.line("file")
		e.str("path", f.Path)
		e.num("type", int64(f.Type))
		e.num("mode", int64(f.Mode))
		e.num("uid", f.UID)
		e.num("gid", f.GID)
		e.num("size", f.Size)
		e.num("links", f.Links)
		e.word("inode", strconv.FormatUint(f.Inode, 10))
		e.word("dev", strconv.FormatUint(f.Dev, 10))
		e.time("mtime", f.MTime)
		e.time("ctime", f.CTime)
		e.str("target", f.Target)
		e.str("real", f.Real)
		e.flag("truncated", f.Truncated)
		e.flag("filtered", f.Filtered)
		n := int64(-1)
		if f.Content != nil {
			n = int64(len(f.Content))
		}
		e.num("content", n)
		e.end()
		if n >= 0 {
			e.raw(f.Content)
		}
	}
	for i := range s.Outputs {
		o := &s.Outputs[i]
		e.line("output")
		e.str("name", o.Name)
		e.num("rc", int64(o.RC))
		e.flag("truncated", o.Truncated)
		e.num("args", int64(len(o.Args)))
		e.num("data", int64(len(o.Data)))
		e.num("stderr", int64(len(o.Stderr)))
		e.end()
		for _, a := range o.Args {
			e.line("arg")
			e.str("word", a)
			e.end()
		}
		e.raw(o.Data)
		e.raw(o.Stderr)
	}
	for _, g := range s.Gaps {
		e.line("gap")
		e.str("path", g.Path)
		e.str("kind", string(g.Kind))
		e.str("reason", g.Reason)
		e.end()
	}
	e.line("end")
	e.end()
}

// Read reads an archive. What is broken, too big for l (zero fields: the
// defaults) or out of order is an error that wraps [ErrFormat], and a newer
// format one that wraps [ErrNewer]. Memory is bounded by l, whatever r holds.
func Read(r io.Reader, l Limits) (*Snapshot, error) {
	l = l.defaults()
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	n := binary.LittleEndian.Uint32(head[4:])
	if binary.LittleEndian.Uint32(head[:4]) != skippable || n > 64 {
		return nil, fmt.Errorf("%w: no magic line", ErrFormat)
	}
	magic := make([]byte, n)
	if _, err := io.ReadFull(r, magic); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	v, ok := strings.CutPrefix(string(magic), archiveName)
	version, err := strconv.Atoi(strings.TrimSuffix(v, "\n"))
	if !ok || err != nil || version < 1 {
		return nil, fmt.Errorf("%w: no magic line", ErrFormat)
	}
	if version > Format {
		return nil, fmt.Errorf("%w: format %d, and this program knows up to %d", ErrNewer, version, Format)
	}
	z := decoders.Get().(*unpacker)
	defer z.release()
	if err := z.zstd.Reset(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	// Contents stand in the total twice at most: as they are, and as metadata.
	z.lines.Reset(io.LimitReader(z.zstd, 2*l.Total+1<<20))
	d := &decoder{r: z.lines, limit: l}
	s, err := d.snapshot()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return s, nil
}

// decoder reads lines and their fields. The first fault stays.
type decoder struct {
	r     *bufio.Reader
	limit Limits
	left  string // what is left of the current line
	bytes int64  // contents so far
	err   error
}

func (d *decoder) fail(format string, a ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, a...)
	}
}

// next reads a line and returns its kind; "" at a fault.
func (d *decoder) next() string {
	if d.err != nil {
		return ""
	}
	// Quoting makes at most ten characters of a byte.
	max := 10 * (4*d.limit.Name + 4096)
	line, err := d.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line = bytes.Clone(line)
		for err == bufio.ErrBufferFull && len(line) <= max {
			var part []byte
			part, err = d.r.ReadSlice('\n')
			line = append(line, part...)
		}
	}
	switch {
	case len(line) > max:
		d.fail("a line of more than %d bytes", max)
		return ""
	case err != nil:
		d.fail("cut short: %w", err)
		return ""
	}
	kind, left, _ := strings.Cut(string(line[:len(line)-1]), " ")
	d.left = left
	return kind
}

// field takes the next field, which must have that key.
func (d *decoder) field(key string) string {
	if d.err != nil {
		return ""
	}
	rest, ok := strings.CutPrefix(d.left, key+"=")
	if !ok {
		d.fail("no field %s", key)
		return ""
	}
	var v string
	if strings.HasPrefix(rest, `"`) {
		q, err := strconv.QuotedPrefix(rest)
		if err != nil {
			d.fail("field %s: %w", key, err)
			return ""
		}
		v, rest = q, rest[len(q):]
	} else if i := strings.IndexByte(rest, ' '); i >= 0 {
		v, rest = rest[:i], rest[i:]
	} else {
		v, rest = rest, ""
	}
	if rest != "" && rest[0] != ' ' {
		d.fail("field %s: no blank after it", key)
		return ""
	}
	d.left = strings.TrimPrefix(rest, " ")
	return v
}

func (d *decoder) str(key string, max int) string {
	v := d.field(key)
	if d.err != nil {
		return ""
	}
	s, err := strconv.Unquote(v)
	if err != nil || v[0] != '"' {
		d.fail("field %s is no string", key)
		return ""
	}
	if len(s) > max {
		d.fail("field %s: more than %d bytes", key, max)
		return ""
	}
	return s
}

func (d *decoder) num(key string, min, max int64) int64 {
	v := d.field(key)
	if d.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < min || n > max {
		d.fail("field %s: %q is no number between %d and %d", key, clip(v, 40), min, max)
	}
	return n
}

func (d *decoder) unsigned(key string) uint64 {
	v := d.field(key)
	if d.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		d.fail("field %s: %q is no number", key, clip(v, 40))
	}
	return n
}

func (d *decoder) flag(key string) bool { return d.num(key, 0, 1) == 1 }

func (d *decoder) time(key string) time.Time {
	v := d.field(key)
	if d.err != nil || v == "-" {
		return time.Time{}
	}
	s, ns, ok := strings.Cut(v, ".")
	sec, err1 := strconv.ParseInt(s, 10, 64)
	n, err2 := strconv.ParseUint(ns, 10, 32)
	if !ok || len(ns) != 9 || err1 != nil || err2 != nil {
		d.fail("field %s: %q is no time", key, clip(v, 40))
		return time.Time{}
	}
	return told(time.Unix(sec, int64(n)))
}

// raw reads n bytes and the LF after them. It grows with what really comes.
func (d *decoder) raw(n int64) []byte {
	if d.err != nil {
		return nil
	}
	if d.bytes += n; d.bytes > d.limit.Total {
		d.fail("more than %d bytes", d.limit.Total)
		return nil
	}
	out := make([]byte, 0, min(n, 64<<10))
	for int64(len(out)) < n {
		if len(out) == cap(out) {
			out = append(make([]byte, 0, min(n, 2*int64(cap(out)))), out...)
		}
		k, err := d.r.Read(out[len(out):min(int64(cap(out)), n)])
		out = out[:len(out)+k]
		if err != nil {
			d.fail("cut short: %w", err)
			return nil
		}
	}
	if c, err := d.r.ReadByte(); err != nil || c != '\n' {
		d.fail("no end of line after %d bytes", n)
		return nil
	}
	return out
}

// done asserts that the line has no more fields.
func (d *decoder) done() {
	if d.err == nil && d.left != "" {
		d.fail("unknown field %q", clip(d.left, 40))
	}
}

const maxInt = 1<<63 - 1

func (d *decoder) snapshot() (*Snapshot, error) {
	s := &Snapshot{}
	if d.next() != "snapshot" {
		d.fail("no snapshot line")
	}
	s.Collector.Version = d.str("collector", 256)
	s.Collector.SHA256 = d.str("sha256", 256)
	s.Source = Source(d.str("source", 256))
	s.Privilege = Privilege(d.str("privilege", 256))
	s.Name = d.str("name", d.limit.Name)
	s.Account = d.str("account", d.limit.Name)
	s.Start, s.End, s.HostClock = d.time("start"), d.time("end"), d.time("hostclock")
	s.Complete = d.flag("complete")
	d.done()
	for d.err == nil {
		switch kind := d.next(); kind {
		case "file":
			d.file(s)
		case "output":
			d.output(s)
		case "gap":
			if len(s.Gaps) > d.limit.Gaps {
				d.fail("more than %d gaps", d.limit.Gaps)
			}
			g := Gap{Path: d.str("path", d.limit.Name), Kind: GapKind(d.str("kind", 32)), Reason: d.str("reason", d.limit.Name)}
			d.done()
			s.Gaps = append(s.Gaps, g)
		case "end":
			d.done()
			if _, err := d.r.ReadByte(); err != io.EOF {
				d.fail("something follows the end")
			}
			return s, d.err
		default:
			d.fail("unknown line %q", clip(kind, 40))
		}
	}
	return nil, d.err
}

func (d *decoder) file(s *Snapshot) {
	if len(s.Files) >= d.limit.Files {
		d.fail("more than %d files", d.limit.Files)
		return
	}
	f := File{
		Path: d.str("path", d.limit.Name), Type: byte(d.num("type", 0, 255)), Mode: uint32(d.num("mode", 0, 0o7777)),
		UID: d.num("uid", -1, maxInt), GID: d.num("gid", -1, maxInt), Size: d.num("size", -1, maxInt), Links: d.num("links", -1, maxInt),
		Inode: d.unsigned("inode"), Dev: d.unsigned("dev"), MTime: d.time("mtime"), CTime: d.time("ctime"),
		Target: d.str("target", d.limit.Name), Real: d.str("real", d.limit.Name),
		Truncated: d.flag("truncated"), Filtered: d.flag("filtered"),
	}
	n := d.num("content", -1, d.limit.File)
	d.done()
	if d.err == nil && n >= 0 {
		f.Content = d.raw(n)
	}
	s.Files = append(s.Files, f)
}

func (d *decoder) output(s *Snapshot) {
	if len(s.Outputs) >= d.limit.Outputs+8 { // beside the collector's: wire, noise
		d.fail("more than %d outputs", d.limit.Outputs)
		return
	}
	o := Output{Name: d.str("name", 256), RC: int(d.num("rc", -1, 255)), Truncated: d.flag("truncated")}
	args, data, stderr := d.num("args", 0, 4096), d.num("data", 0, d.limit.Total), d.num("stderr", 0, d.limit.Total)
	d.done()
	for range args {
		if d.err != nil {
			return
		}
		if d.next() != "arg" {
			d.fail("no arg line")
		}
		o.Args = append(o.Args, d.str("word", d.limit.Name))
		d.done()
	}
	o.Data = d.raw(data)
	if o.Stderr = d.raw(stderr); len(o.Stderr) == 0 {
		o.Stderr = nil
	}
	s.Outputs = append(s.Outputs, o)
}

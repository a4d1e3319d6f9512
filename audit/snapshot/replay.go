package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrNoRequest says that what came on stdin is not a request of [Collect].
var ErrNoRequest = errors.New("this is not the collector's request")

var requestNonce = regexp.MustCompile(`\AN='([0-9a-f]{24})'\n`)

// Replay answers a collector's request (what came on the command's stdin) with a
// snapshot that was kept, as the collector itself would have: so a recorded host
// can stand behind a real connection. Only the clock runs on, by what has passed
// since the snapshot was made. Outputs that the collector does not make (the
// wire's) are left out.
func Replay(w io.Writer, s *Snapshot, request []byte) error {
	m := requestNonce.FindSubmatch(request)
	if m == nil || !bytes.HasSuffix(bytes.TrimRight(request, "\n"), []byte(scriptEnd)) {
		return ErrNoRequest
	}
	r := replayer{w: bufio.NewWriter(w), nonce: string(m[1])}
	if bytes.Contains(request[:min(len(request), 1<<20)], []byte("\nFETCH=")) {
		return r.deeper(s)
	}
	r.mark("start " + s.Collector.Version)
	r.all(s)
	return r.w.Flush()
}

// all writes everything that a snapshot holds, and the end.
func (r *replayer) all(s *Snapshot) {
	for i := range s.Files {
		r.file(&s.Files[i])
	}
	for i := range s.Outputs {
		if o := &s.Outputs[i]; o.Name != OutWire && o.Name != OutNoise && o.Name != OutDeeper {
			r.output(o, s)
		}
	}
	for _, g := range s.Gaps {
		r.mark("g " + string(g.Kind))
		r.text(g.Path + "\x00" + g.Reason)
	}
	r.mark("end")
}

// deeper answers a second round with the one that was kept, or says that there is none.
func (r *replayer) deeper(s *Snapshot) error {
	d, err := s.Deeper()
	if err != nil {
		return err
	}
	if d == nil {
		r.mark("start " + s.Collector.Version)
		r.mark("g " + string(GapSource))
		r.text(OutDeeper + "\x00this host is a recording, and has no second round")
		r.mark("end")
		return r.w.Flush()
	}
	kept := *d
	kept.Start = s.Start
	r.mark("start " + s.Collector.Version)
	r.all(&kept)
	return r.w.Flush()
}

// replayer writes frames. Errors stay in the bufio.Writer until Flush.
type replayer struct {
	w     *bufio.Writer
	nonce string
}

func (r *replayer) mark(head string) { fmt.Fprintf(r.w, "\n%s %s\n", r.nonce, head) }
func (r *replayer) text(s string)    { r.w.WriteString(s) }

// modeBits are st_mode's type bits by find's letter (inode(7)).
var modeBits = map[byte]uint32{
	'f': 0o100000, 'd': 0o040000, 'l': 0o120000, 'p': 0o010000, 's': 0o140000, 'c': 0o020000, 'b': 0o060000,
}

func (r *replayer) file(f *File) {
	if f.UID >= 0 {
		const token = "0"
		r.mark("s " + token)
		size := f.Size
		name := f.Path
		if f.Type == 'l' {
			name += " -> " + f.Target
			size = int64(len(f.Target))
		}
		fmt.Fprintf(r.w, "%s %x %d %d %d %d %d %d %s %s %s\n", token, modeBits[f.Type]|f.Mode, f.UID, f.GID,
			size, f.Links, f.Inode, f.Dev, seconds(f.MTime), seconds(f.CTime), name)
	} else if f.Type == 'l' {
		r.mark("l")
		r.text(f.Path + "\x00" + f.Target)
	}
	if f.Real != "" {
		r.mark("r")
		r.text(f.Path + "\x00" + f.Real + "\x00")
	}
	switch {
	case f.Content == nil || f.Type == 'l' && f.UID >= 0: // a link has the content of its end
	case f.Truncated:
		// head was asked for one byte more than the cap.
		r.mark("n")
		r.text(f.Path + "\x00")
		r.mark(fmt.Sprintf("m %d 0 part", len(f.Content)))
		r.text("==> " + f.Path + " <==\n" + string(f.Content) + "\x00")
	default:
		head := "v " + strconv.FormatInt(int64(len(f.Content))+1, 10)
		if f.Filtered {
			head += " filtered"
		}
		r.mark(head)
		r.text(f.Path + "\x00" + string(f.Content))
	}
}

// seconds is a time as stat prints it.
func seconds(t time.Time) string {
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

func (r *replayer) output(o *Output, s *Snapshot) {
	if len(o.Args) > 0 {
		r.mark("a")
		r.text(strings.Join(o.Args, "\x00") + "\x00")
	}
	r.mark("o " + o.Name)
	data := string(o.Data)
	if o.Name == OutIdentity && !s.HostClock.IsZero() {
		now := s.HostClock.Add(time.Since(s.Start))
		var b strings.Builder
		for line := range strings.Lines(data) {
			if strings.HasPrefix(line, "clock=") {
				line = "clock=" + seconds(now) + "\n"
			}
			b.WriteString(line)
		}
		data = b.String()
	}
	r.text(data)
	r.mark("x " + strconv.Itoa(max(o.RC, 0)))
	r.text(string(o.Stderr))
}

package snapshot

import (
	"bytes"
	"errors"
	"strings"
)

// The collector's answer is a stream of frames. A frame begins with a line that
// holds the nonce of the run, a kind and words; what follows up to the next such
// line is its data, raw:
//
//	LF NONCE SP kind { SP word } LF data
//
// The LF before the nonce belongs to the mark. Nobody but the two ends knows the
// nonce, so no name and no content on an honest host can forge a frame, and data
// need no length: a file may grow or shrink while it is read. Kinds:
//
//	start VERSION          first frame; what came before it is the login shell's noise
//	s TOKEN                stat lines, each begins with TOKEN: see statLine
//	n                      names, each with a NUL
//	m CAP UID [part]       contents of the last n's files as head -v prints them, read with
//	                       UID's rights; part: no more than CAP was wanted
//	r                      pairs of a link and its final path, each with a NUL
//	l                      a link and its text, NUL between
//	v CAP [filtered|part]  a path, NUL, its content as a command printed it
//	a                      the words of the next output's command, each with a NUL
//	o NAME [reverse]       an output
//	x RC                   ends an output; its data is stderr
//	g KIND                 a gap: path, NUL, reason
//	end                    last frame

// frames splits a stream into frames and hands them to a builder. It is an
// io.Writer, so that it needs no goroutine, and it reads each byte once.
type frames struct {
	delim    []byte // LF NONCE SP
	limit    Limits
	to       *builder
	buf      []byte // bytes not yet looked at, after those kept of the delimiter's length
	head     string // the current frame's header line; "" before the first
	data     []byte // the current frame's data so far
	over     bool   // data was cut at dataMax
	inHead   bool   // the header line is not whole yet
	total    int64
	noise    []byte
	noiseCut bool
	started  bool
	ended    bool
	capped   bool
}

var errTotal = errors.New("the host sent more than the collector may")

// headMax bounds a header line: kind and words are ours.
const headMax = 512

func newFrames(nonce string, l Limits, to *builder) *frames {
	return &frames{delim: []byte("\n" + nonce + " "), limit: l, to: to}
}

// dataMax is the most that one frame's data may hold.
func (f *frames) dataMax() int64 {
	kind, _, _ := strings.Cut(f.head, " ")
	switch kind {
	case "x":
		return f.limit.Stderr
	case "o":
		return f.limit.Output
	case "v":
		return f.limit.File + int64(f.limit.Name) + 2
	case "l", "g":
		return 2*int64(f.limit.Name) + 2
	case "m", "s", "n", "r", "a":
		return f.limit.Total // many files in one frame; the total bounds them
	}
	return headMax
}

// Write takes the next bytes of the stream. It fails once the total is more than
// the limit, and so ends the run.
func (f *frames) Write(p []byte) (int, error) {
	n := len(p)
	if f.ended {
		return n, nil
	}
	if f.capped {
		return 0, errTotal
	}
	if room := f.limit.Total - f.total; int64(len(p)) > room {
		p = p[:room]
		f.capped = true
	}
	f.total += int64(len(p))
	f.buf = append(f.buf, p...)
	f.scan()
	if f.capped && !f.ended {
		return len(p), errTotal
	}
	return n, nil
}

// scan takes whole frames from buf and keeps the rest. Each byte is looked at
// once, but for the few that may begin a mark.
func (f *frames) scan() {
	pos := 0
	for !f.ended {
		rest := f.buf[pos:]
		if f.inHead {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 && len(rest) <= headMax {
				break
			}
			if i < 0 || i > headMax {
				i = headMax // no header of ours is that long: what follows is nobody's data
			}
			f.begin(string(rest[:i]))
			pos += min(i+1, len(rest))
			continue
		}
		i := bytes.Index(rest, f.delim)
		if i < 0 {
			keep := min(len(rest), len(f.delim)-1)
			f.take(rest[:len(rest)-keep])
			pos += len(rest) - keep
			break
		}
		if len(f.data) == 0 && f.head != "" && int64(i) <= f.dataMax() {
			f.to.frame(f.head, rest[:i], false) // all of it is here: no copy
			f.head = ""
		} else {
			f.take(rest[:i])
			f.flush()
		}
		pos += i + len(f.delim)
		f.inHead = true
	}
	f.buf = append(f.buf[:0], f.buf[pos:]...)
}

// begin starts the frame whose header line is head.
func (f *frames) begin(head string) {
	f.inHead = false
	kind, _, _ := strings.Cut(head, " ")
	if !f.started {
		f.started = kind == "start"
		if !f.started {
			return // the first frame is start; anything else is noise
		}
	}
	f.head = head
	f.ended = kind == "end"
}

// take adds to the current frame's data, up to its bound.
func (f *frames) take(p []byte) {
	if !f.started {
		if room := int(f.limit.Noise) - len(f.noise); len(p) > room {
			p, f.noiseCut = p[:room], true
		}
		f.noise = append(f.noise, p...)
		return
	}
	if f.head == "" {
		return
	}
	if room := int(f.dataMax()) - len(f.data); len(p) > room {
		p, f.over = p[:room], true
	}
	f.data = append(f.data, p...)
}

// flush hands the current frame on. The builder copies what it keeps.
func (f *frames) flush() {
	if f.head != "" {
		f.to.frame(f.head, f.data, f.over)
	}
	f.head, f.data, f.over = "", f.data[:0], false
}

// close hands on the last frame of a stream that was cut.
func (f *frames) close() {
	if f.ended || f.inHead {
		return
	}
	f.take(f.buf)
	f.buf = nil
	if f.head != "" {
		f.to.cut = true
		f.flush()
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/report"
)

// progress tells on stderr where a run stands: one line redrawn, and only on a
// terminal. Standard output stays the report's alone.
type progress struct {
	w      io.Writer // nil: nobody looks
	screen *screen
	width  int
	start  time.Time
	drawn  bool // under screen

	mu   sync.Mutex
	at   audit.Progress
	stop chan struct{}
	done chan struct{}
}

// redraw is often enough to look alive and seldom enough to cost nothing.
const redraw = 100 * time.Millisecond

func newProgress(s streams, total int) *progress {
	is, width := terminal(s.err)
	if !is || total == 0 || s.env("TERM") == "dumb" {
		return &progress{}
	}
	if width == 0 {
		width = 80
	}
	p := &progress{w: s.err, screen: s.screen, width: max(width, 40), start: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

// tell is show, or nil where nobody would see it: putting together who is at
// work costs something for each host.
func (p *progress) tell() func(audit.Progress) {
	if p.w == nil {
		return nil
	}
	return p.show
}

// show takes down where the run stands; run draws it. A host that stalls brings
// no news for a long time, and must be named all the same.
func (p *progress) show(at audit.Progress) {
	p.mu.Lock()
	p.at = at
	p.mu.Unlock()
}

func (p *progress) run() {
	defer close(p.done)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-tick.C:
			p.mu.Lock()
			line := progressLine(p.at, time.Since(p.start), p.width-1)
			p.mu.Unlock()
			p.screen.Lock()
			if !p.drawn || line != last {
				fmt.Fprintf(p.w, "\r\x1b[K%s", line)
				p.drawn, last = true, line
			}
			p.screen.Unlock()
		case <-p.stop:
			return
		}
	}
}

// progressLine says it in at most width columns.
func progressLine(at audit.Progress, since time.Duration, width int) string {
	line := fmt.Sprintf("%d/%d hosts, %s", at.Done, at.Total, since.Round(time.Second))
	if len(at.Busy) > 0 {
		var names []string
		for _, n := range at.Busy[:min(3, len(at.Busy))] {
			names = append(names, report.Inline(n))
		}
		line += ", waiting for " + strings.Join(names, ", ")
		if more := len(at.Busy) - len(names); more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
	}
	return line[:min(len(line), width)] // Inline gives ASCII: bytes are columns
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// finish ends the drawing and wipes the line; once.
func (p *progress) finish() {
	if p.w == nil || p.stop == nil {
		return
	}
	close(p.stop)
	<-p.done
	p.stop = nil
	p.clear()
}

// before gives w with the line wiped before each write, since both may be the
// same terminal.
func (p *progress) before(w io.Writer) io.Writer {
	if p.w == nil {
		return w
	}
	return &wiping{p, w}
}

type wiping struct {
	p *progress
	w io.Writer
}

func (w *wiping) Write(b []byte) (int, error) {
	w.p.screen.Lock()
	defer w.p.screen.Unlock()
	w.p.clear()
	return w.w.Write(b)
}

// askSecret asks on the terminal without echo, until ctx ends.
func askSecret(ctx context.Context, s streams, prompt string) ([]byte, error) {
	in, ok := s.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("it is encrypted and there is no terminal to ask on: load it into the SSH agent (ssh-add)")
	}
	s.screen.Lock()
	defer s.screen.Unlock()
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.err, "\r\x1b[K%s", prompt)
	defer fmt.Fprintln(s.err)
	type answer struct {
		secret []byte
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		secret, err := term.ReadPassword(int(in.Fd()))
		got <- answer{secret, err}
	}()
	select {
	case a := <-got:
		return a.secret, a.err
	case <-ctx.Done():
		// The read cannot be ended; the echo comes back and the program goes on without it.
		return nil, errors.Join(context.Cause(ctx), term.Restore(int(in.Fd()), before))
	}
}

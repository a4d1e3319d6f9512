package main

import (
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
	mu    sync.Mutex
	w     io.Writer // nil: nobody looks
	width int
	last  time.Time
	drawn bool
}

// redraw is often enough to look alive and seldom enough to cost nothing.
const redraw = 100 * time.Millisecond

func newProgress(s streams, total int) *progress {
	is, width := terminal(s.err)
	if !is || total == 0 || s.env("TERM") == "dumb" {
		return &progress{}
	}
	return &progress{w: s.err, width: max(width, 40)}
}

func (p *progress) show(at audit.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil || time.Since(p.last) < redraw {
		return
	}
	p.last, p.drawn = time.Now(), true
	line := fmt.Sprintf("%d/%d hosts", at.Done, at.Total)
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
	if len(line) > p.width-1 {
		line = line[:p.width-1]
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
}

func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.w = nil
}

// askSecret asks on the terminal without echo.
func askSecret(s streams, prompt string) ([]byte, error) {
	in, ok := s.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("it is encrypted and there is no terminal to ask on: load it into the SSH agent (ssh-add)")
	}
	fmt.Fprint(s.err, prompt)
	secret, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(s.err)
	return secret, err
}

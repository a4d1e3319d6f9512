package main

import (
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"github.com/postern-ssh/postern/audit/report"
	"github.com/postern-ssh/postern/inventory/connect"
)

// streams are the program's ends, given so that tests can hold them.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	screen   *screen
	signals  *signals // nil: nobody listens
}

// screen is held by who draws or asks on the terminal, so that a progress line
// and a question do not wipe each other out.
type screen struct{ sync.Mutex }

// learnt says that a host key was new and is known from now on, as ssh does.
func (s streams) learnt(host string, key *connect.Learnt) {
	s.screen.Lock()
	defer s.screen.Unlock()
	wipe := ""
	if is, _ := terminal(s.err); is {
		wipe = "\r\x1b[K"
	}
	fmt.Fprintf(s.err, "%spostern: %s: new host key %s %s, written to %s:%d\n",
		wipe, report.Inline(host), report.Inline(key.Type), key.Fingerprint, report.Inline(key.File), key.Line)
}

// terminal reports whether w is a terminal and how wide it is; 0: not known.
func terminal(w io.Writer) (is bool, width int) {
	f, ok := fileOf(w)
	if !ok || (!isatty.IsTerminal(f.Fd()) && !isatty.IsCygwinTerminal(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return true, width
}

// colour decides for w: --color always|never, then FORCE_COLOR, then NO_COLOR
// (no-color.org) and TERM=dumb, then whether w is a terminal.
func (s streams) colour(flag string, w io.Writer) bool {
	switch flag {
	case "always":
		return true
	case "never":
		return false
	}
	if v := s.env("FORCE_COLOR"); v != "" && v != "0" {
		return true
	}
	if s.env("NO_COLOR") != "" || s.env("TERM") == "dumb" {
		return false
	}
	is, _ := terminal(w)
	return is
}

// width is the columns to wrap at: COLUMNS, the terminal's own up to 100 (longer
// lines read badly), and 80 for a pipe or file.
func (s streams) width(w io.Writer) int {
	if n, err := strconv.Atoi(s.env("COLUMNS")); err == nil && n >= 40 && n <= 1000 {
		return n
	}
	if is, n := terminal(w); is && n >= 40 {
		return min(n, 100)
	}
	return 80
}

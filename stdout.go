package main

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
)

// checked is standard output that remembers the first fault of a write: most
// writers here print and go on, and a report that is not there must not look like
// one that was written.
type checked struct {
	io.Writer
	mu  sync.Mutex
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil {
			c.err = err
		}
	}
	return n, err
}

// settle is the run's error, or the fault of its output, which other errors only
// follow. Nobody is told of a reader that has seen enough (postern rules list | head -1).
func (c *checked) settle(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err == nil:
		return err
	case errors.Is(c.err, syscall.EPIPE) || errors.Is(c.err, io.ErrClosedPipe):
		return exitCode(exitPipe)
	}
	return usagef("standard output: %s", reasonOf(c.err)).hint("what was printed is not whole")
}

// exitPipe is what a shell calls a program that was ended by SIGPIPE.
const exitPipe = 128 + 13

// fileOf gives the file behind a writer, which may be a terminal.
func fileOf(w io.Writer) (*os.File, bool) {
	if c, ok := w.(*checked); ok {
		w = c.Writer
	}
	f, ok := w.(*os.File)
	return f, ok
}

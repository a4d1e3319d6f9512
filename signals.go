package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signals holds what is said at Ctrl-C. The zero value says what holds for a
// command that changes nothing.
type signals struct {
	mu            sync.Mutex
	first, second func() string
}

// words sets what is said at the first and at the second Ctrl-C, until the
// function that it returns is called.
func (w *signals) words(first, second func() string) (restore func()) {
	if w == nil {
		return func() {}
	}
	set := func(first, second func() string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.first, w.second = first, second
	}
	set(first, second)
	return func() { set(nil, nil) }
}

func (w *signals) said() (first, second string) {
	w.mu.Lock()
	f, s := w.first, w.second
	w.mu.Unlock()
	first = "interrupted: ending with what is there (again to stop at once)"
	if f != nil {
		first = f()
	}
	if s != nil {
		second = s()
	}
	return first, second
}

// interruptible ends the context at the first Ctrl-C or SIGTERM, so that the run
// ends cleanly with what is there; the second ends the program at once.
func interruptible(ctx context.Context, s streams) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-caught:
			first, _ := s.signals.said()
			fmt.Fprintln(s.err, "\npostern: "+visible(first))
			cancel()
		case <-done:
			return
		}
		select {
		case <-caught:
			if _, second := s.signals.said(); second != "" {
				fmt.Fprintln(s.err, "\npostern: "+visible(second))
			}
			os.Exit(130)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		close(done)
		cancel()
	}
}

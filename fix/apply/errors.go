package apply

import (
	"errors"
	"strconv"
	"strings"
)

var (
	// ErrBusy marks a host that another run holds.
	ErrBusy = errors.New("another run holds the host")
	// ErrChanged marks a host that is not as the plan saw it.
	ErrChanged = errors.New("the host has changed since the plan was made")
	// ErrRefused marks a plan that was not applied; nothing was changed.
	ErrRefused = errors.New("not applied")
	// ErrRolledBack marks a change that was taken back.
	ErrRolledBack = errors.New("rolled back")
)

// StepError says at which step and why a run ended.
type StepError struct {
	Step string
	Code string // refused, changed, busy, sshd, state, dead, late ...; "" the connection or the shell
	Path string // of the change that it is about; "" none
	Why  string
	Err  error
}

func (e *StepError) Error() string {
	s := e.Step + ": "
	if e.Path != "" {
		s += clip(e.Path) + ": "
	}
	return s + e.Why
}

func (e *StepError) Unwrap() error { return e.Err }

// clip shows a host's words in printable ASCII, bounded.
func clip(s string) string {
	const most = 800
	if len(s) > most {
		s = s[:most] + "..."
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

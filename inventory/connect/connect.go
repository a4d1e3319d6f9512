// Package connect makes one authenticated SSH connection to a host.
package connect

import (
	"errors"
	"fmt"
	"time"
)

// Stage names how far a connection came.
type Stage string

// The stages, in their order. Each has a deadline of its own.
const (
	StageDial      Stage = "dial"
	StageHandshake Stage = "handshake"
	StageHostKey   Stage = "host key"
	StageAuth      Stage = "auth"
	StagePrivilege Stage = "privilege"
	StageCollect   Stage = "collect"
)

// ErrHostKey marks a host whose key is unknown, changed or revoked. No secret
// was shown to it.
var ErrHostKey = errors.New("host key not accepted")

// ErrRefused marks a host that answered and refused the login.
var ErrRefused = errors.New("login refused")

// StageError says at which stage a connection ended, in words for people (what
// happened, what to do). Words of the host in it are bounded and quoted.
type StageError struct {
	Host  string
	Stage Stage
	Text  string // what happened
	Hint  string // what to do; may be empty
	Err   error
}

func (e *StageError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Host, e.Stage, e.Text)
}

func (e *StageError) Unwrap() error { return e.Err }

// Deadlines bound each stage.
type Deadlines struct {
	Dial      time.Duration
	Handshake time.Duration // version exchange up to the host key's check
	Auth      time.Duration
	Collect   time.Duration // from the start of the command to its last byte
}

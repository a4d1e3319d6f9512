// Package connect makes one authenticated SSH connection to a host.
//
// It logs in with keys only (files, agent, certificates), shows none of them to
// a host whose own key is not accepted, and never forwards the agent. What the
// server shows in the clear on the way is kept as a [wire.Capture].
//
// The package knows no environment: where keys, known_hosts and the agent's
// socket are is said in [Options].
package connect

import (
	"errors"
	"fmt"
	"time"

	"github.com/postern-ssh/postern/audit/wire"
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

// ErrThrottled marks a server that turned the connection away for its rate
// (MaxStartups, PerSourcePenalties): it is there, and may answer later.
var ErrThrottled = errors.New("throttled")

// ErrHungUp marks a server that closed the connection during the key exchange: one that
// is being restarted, or, where systemd holds the socket, one whose /run/sshd went with
// the end of another session. It may answer in the next moment.
var ErrHungUp = errors.New("hung up")

// StageError says at which stage a connection ended, in words for people (what
// happened, what to do). Words of the host in it are bounded and quoted.
type StageError struct {
	Host  string
	Stage Stage
	Text  string // what happened
	Hint  string // what to do; may be empty
	Err   error
	// Capture is what the server had shown until then; nil: nothing.
	Capture *wire.Capture
}

func (e *StageError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Host, e.Stage, e.Text)
}

func (e *StageError) Unwrap() error { return e.Err }

// Deadlines bound each stage. A zero field stands for its default.
type Deadlines struct {
	Dial      time.Duration // name lookup and TCP, all addresses together
	Handshake time.Duration // version exchange up to the host key's check
	Auth      time.Duration // the time in which a person types a passphrase does not count
	Collect   time.Duration // from the start of the command to its last byte
	Idle      time.Duration // longest time without one byte while a command runs; the server is asked for a sign of life after half of it
}

// withDefaults fills in what is zero. It is the only place of these numbers.
func (d Deadlines) withDefaults() Deadlines {
	set := func(v *time.Duration, def time.Duration) {
		if *v <= 0 {
			*v = def
		}
	}
	// A SYN is sent again after 1, 3 and 7 s: three lost ones are a dead host.
	set(&d.Dial, 10*time.Second)
	// Needs two round trips and some 10 ms of CPU; a loaded host with a small
	// processor takes seconds.
	set(&d.Handshake, 15*time.Second)
	// sshd may look the client's name up (UseDNS, PAM), which takes 5 s for each
	// name server that is silent, and pam_unix delays a failure by 2 s. sshd's
	// own LoginGraceTime is 120 s.
	set(&d.Auth, 30*time.Second)
	// The collector takes about a second; one host's .bashrc took 60 s before it.
	set(&d.Collect, 2*time.Minute)
	// Two keepalives of 15 s, as ssh's usual ServerAliveInterval.
	set(&d.Idle, 30*time.Second)
	return d
}

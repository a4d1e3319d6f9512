package connect

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentList bounds how long an agent may take to list its keys. Signing may
// take as long as a person needs to touch a token; the context bounds it.
const agentList = 5 * time.Second

// maxAgentKeys bounds what is taken over of an agent's list.
const maxAgentKeys = 64

// agentClient asks an SSH agent. Its list is read once a run; each signature
// has a connection of its own, which closes when the login is cancelled. The
// agent is never forwarded: no host ever gets a channel to it.
type agentClient struct {
	socket string

	mu     sync.Mutex
	listed bool
	keys   []agentKey
	err    error
}

type agentKey struct {
	pub     ssh.PublicKey // key or certificate
	comment string
}

// list returns the agent's keys. A failure is remembered too: an agent that is
// not there is not asked ten thousand times.
func (a *agentClient) list(ctx context.Context) ([]agentKey, error) {
	if a == nil {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listed {
		return a.keys, a.err
	}
	ctx, cancel := context.WithTimeout(ctx, agentList)
	defer cancel()
	var keys []agentKey
	err := a.with(ctx, func(c agent.ExtendedAgent) error {
		found, err := c.List()
		for _, k := range found[:min(len(found), maxAgentKeys)] {
			pub, perr := ssh.ParsePublicKey(k.Blob)
			if perr != nil {
				continue // a type that x/crypto does not know
			}
			keys = append(keys, agentKey{pub, k.Comment})
		}
		return err
	})
	if err != nil && context.Cause(ctx) == context.Canceled {
		return nil, err
	}
	a.listed, a.keys, a.err = true, keys, err
	return keys, err
}

// sign lets the agent sign with one of its keys.
func (a *agentClient) sign(ctx context.Context, key ssh.PublicKey, data []byte, algorithm string) (*ssh.Signature, error) {
	var flags agent.SignatureFlags
	switch algorithm {
	case ssh.KeyAlgoRSASHA256:
		flags = agent.SignatureFlagRsaSha256
	case ssh.KeyAlgoRSASHA512:
		flags = agent.SignatureFlagRsaSha512
	}
	var sig *ssh.Signature
	err := a.with(ctx, func(c agent.ExtendedAgent) (err error) {
		sig, err = c.SignWithFlags(key, data, flags)
		return err
	})
	if err == nil && sig.Format != algorithm {
		// gpg-agent and old tokens ignore the flags.
		return nil, fmt.Errorf("the agent signed with %s, asked was %s", quote(sig.Format), algorithm)
	}
	return sig, err
}

// with connects to the agent for one call.
func (a *agentClient) with(ctx context.Context, call func(agent.ExtendedAgent) error) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", a.socket)
	if err != nil {
		return fmt.Errorf("the SSH agent does not answer: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := call(agent.NewClient(serial{conn})); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("the SSH agent did not answer: %w", cause)
		}
		return fmt.Errorf("the SSH agent: %w", err)
	}
	return nil
}

// serial hides the connection's Close, so that the library serves the single
// call here without a goroutine of its own.
type serial struct{ conn net.Conn }

func (s serial) Read(p []byte) (int, error)  { return s.conn.Read(p) }
func (s serial) Write(p []byte) (int, error) { return s.conn.Write(p) }

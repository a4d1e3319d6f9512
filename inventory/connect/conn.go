package connect

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/wire"
)

// Conn is a login. Commands run one after the other.
type Conn struct {
	name      string
	deadlines Deadlines
	net       *tee
	ssh       ssh.Conn
	learnt    *Learnt
	flush     chan chan struct{}
	done      chan struct{} // closed when the server's requests have ended
	workers   sync.WaitGroup

	announcement announcement
	loggedIn     time.Time

	mu      sync.Mutex
	capture *wire.Capture
	ran     bool // a channel was opened: an announcement would have come before
}

func newConn(a *attempt, conn ssh.Conn, chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request) *Conn {
	c := &Conn{
		name: a.t.name, deadlines: a.d.opt.Deadlines, net: a.tee, ssh: conn, learnt: a.learnt,
		flush: make(chan chan struct{}), done: make(chan struct{}), loggedIn: time.Now(),
		capture: a.capture(),
	}
	// "none" logged in where the callback that chooses a method was never asked.
	c.capture.NoneAccepted = !a.sawMethods
	c.announcement.init()
	c.workers.Go(func() { c.answer(reqs) })
	c.workers.Go(func() {
		// A server has no business to open channels to a client that asked for
		// none: no forwarding, no agent.
		for ch := range chans {
			ch.Reject(ssh.Prohibited, "no")
		}
	})
	return c
}

// Learnt tells the host key that was new and was written to known_hosts; nil
// where it was known.
func (c *Conn) Learnt() *Learnt { return c.learnt }

// Close ends the connection and waits for all that belongs to it.
func (c *Conn) Close() error {
	err := c.abort()
	c.workers.Wait()
	return err
}

// abort closes the connection at once. The library's own Close would first
// write a message to a host that may not read it.
func (c *Conn) abort() error { return c.net.Close() }

// Capture returns what the server showed. Called after a command it costs at
// most the wait for the proof of host keys that is under way, and never more
// than 300 ms.
func (c *Conn) Capture() *wire.Capture {
	c.awaitHostKeys()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := *c.capture
	out.HostKeys = slices.Clone(c.capture.HostKeys)
	return &out
}

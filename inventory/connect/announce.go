package connect

import (
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/wire"
)

// The requests by which a server tells all of its host keys (OpenSSH PROTOCOL,
// section 2.5). sshd sends the first right after authentication, before it
// answers anything else.
const (
	reqHostKeys = "hostkeys-00@openssh.com"
	reqProve    = "hostkeys-prove-00@openssh.com"
)

const (
	// hostKeyWait bounds the wait for announcement and proof.
	hostKeyWait = 300 * time.Millisecond
	// maxHostKeys and maxAnnounced bound an announcement; sshd has three keys
	// and 1 KiB.
	maxHostKeys  = 32
	maxAnnounced = 64 << 10
)

// announcement is how far the server's host keys are known.
type announcement struct {
	seen   chan struct{} // closed with the announcement
	proven chan struct{} // closed when the proof is there or refused
}

func (a *announcement) init() {
	a.seen, a.proven = make(chan struct{}), make(chan struct{})
}

// answer serves the server's global requests until the connection ends. All
// are answered with no: nothing that a server may ask of a client is granted.
func (c *Conn) answer(reqs <-chan *ssh.Request) {
	defer close(c.done)
	for {
		select {
		case r, ok := <-reqs:
			if !ok {
				return
			}
			c.request(r)
		case flushed := <-c.flush:
			// Whatever stood in the queue before the caller asked is handled
			// before it goes on.
			for more := true; more; {
				select {
				case r, ok := <-reqs:
					if !ok {
						close(flushed)
						return
					}
					c.request(r)
				default:
					more = false
				}
			}
			close(flushed)
		}
	}
}

func (c *Conn) request(r *ssh.Request) {
	if r.Type == reqHostKeys {
		c.announced(r.Payload)
	}
	if r.WantReply {
		r.Reply(false, nil)
	}
}

// announced takes the first announcement and asks the server to prove that it
// holds the other keys, while the command runs.
func (c *Conn) announced(payload []byte) {
	select {
	case <-c.announcement.seen:
		return
	default:
	}
	blobs := fields(payload)
	c.mu.Lock()
	c.capture.Announced = true
	var ask [][]byte
	for _, b := range blobs {
		known := false
		for _, k := range c.capture.HostKeys {
			known = known || string(k.Blob) == string(b)
		}
		if !known {
			ask = append(ask, b)
			c.capture.HostKeys = append(c.capture.HostKeys, wire.CapturedKey{Blob: b})
		}
	}
	c.mu.Unlock()
	close(c.announcement.seen)
	if len(ask) == 0 {
		close(c.announcement.proven)
		return
	}
	c.workers.Go(func() {
		defer close(c.announcement.proven)
		c.prove(ask)
	})
}

// prove asks for a signature with each key over the session's identifier.
func (c *Conn) prove(blobs [][]byte) {
	var payload []byte
	for _, b := range blobs {
		payload = append(payload, ssh.Marshal(struct{ B []byte }{b})...)
	}
	ok, reply, err := c.ssh.SendRequest(reqProve, true, payload)
	if err != nil || !ok {
		return
	}
	sigs := fields(reply)
	for i, b := range blobs {
		if i < len(sigs) && proves(c.ssh.SessionID(), b, sigs[i]) {
			c.mu.Lock()
			for j := range c.capture.HostKeys {
				if k := &c.capture.HostKeys[j]; string(k.Blob) == string(b) {
					k.Proven = true
				}
			}
			c.mu.Unlock()
		}
	}
}

// proves checks one signature of hostkeys-prove-00@openssh.com.
func proves(session, blob, sig []byte) bool {
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return false
	}
	var s ssh.Signature
	// An RSA key signs with SHA-1 where the client named no RSA algorithm with
	// SHA-2 in its KEXINIT, as one that knows the host by another key does
	// (serverloop.c, 9.2p1). That will do: the session's identifier is in what is
	// signed, so a signature made for another purpose is no proof here.
	if ssh.Unmarshal(sig, &s) != nil || len(s.Rest) > 0 {
		return false
	}
	signed := ssh.Marshal(struct {
		Name          string
		Session, Blob []byte
	}{reqProve, session, blob})
	return key.Verify(signed, &s) == nil
}

// fields splits a payload into its string fields (RFC 4251, section 5); it
// stops at the first that is not whole.
func fields(p []byte) [][]byte {
	if len(p) > maxAnnounced {
		return nil
	}
	var out [][]byte
	for len(p) > 0 && len(out) < maxHostKeys {
		var f struct {
			B    []byte
			Rest []byte `ssh:"rest"`
		}
		if ssh.Unmarshal(p, &f) != nil {
			break
		}
		out = append(out, f.B)
		p = f.Rest
	}
	return out
}

// flushRequests returns when what the server had asked before is handled.
func (c *Conn) flushRequests() {
	flushed := make(chan struct{})
	select {
	case c.flush <- flushed:
		<-flushed
	case <-c.done:
	}
	c.mu.Lock()
	c.ran = true
	c.mu.Unlock()
}

// awaitHostKeys waits for what may still come, at most until hostKeyWait after
// the login or the announcement.
func (c *Conn) awaitHostKeys() {
	c.mu.Lock()
	ran := c.ran
	c.mu.Unlock()
	timer := time.NewTimer(max(0, hostKeyWait-time.Since(c.loggedIn)))
	defer timer.Stop()
	if !ran {
		select {
		case <-c.announcement.seen:
		case <-timer.C:
		case <-c.done:
		}
	}
	select {
	case <-c.announcement.seen:
	default:
		return // it will not come any more
	}
	select {
	case <-c.announcement.proven:
	case <-time.After(hostKeyWait):
	case <-c.done:
	}
}

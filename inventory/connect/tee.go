package connect

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxTee bounds what is kept of a server's stream. A whole handshake of OpenSSH
// 9.2p1 has about 2 KiB.
const maxTee = 64 << 10

// tee is a connection that keeps a copy of what the server sends until it is
// told to drop it. It never reads ahead and changes nothing.
type tee struct {
	net.Conn
	dropped  atomic.Bool
	failed   atomic.Bool  // a read ended with an error
	lastRead atomic.Int64 // unix nanoseconds of the last byte
	unsent   atomic.Bool  // a write failed
	closing  sync.Once

	reading sync.Mutex // keeps two readers' bytes in their order
	mu      sync.Mutex
	buf     []byte
}

func newTee(c net.Conn) *tee {
	t := &tee{Conn: c}
	t.lastRead.Store(time.Now().UnixNano())
	return t
}

func (t *tee) Read(p []byte) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	n, err := t.Conn.Read(p)
	if err != nil {
		t.failed.Store(true)
	}
	if n > 0 {
		t.lastRead.Store(time.Now().UnixNano())
		if !t.dropped.Load() {
			t.keep(p[:n])
		}
	}
	return n, err
}

func (t *tee) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	if err != nil {
		t.unsent.Store(true)
	}
	return n, err
}

// lastWords bounds what is read of a server that hung up while we were writing.
const (
	lastWords     = 4 << 10
	lastWordsWait = 200 * time.Millisecond
)

// Close closes the connection. A server that turns a client away says why and
// hangs up at once; the library, which was writing, gives up without reading
// that, so it is read here.
func (t *tee) Close() error {
	t.closing.Do(func() {
		if !t.unsent.Load() || t.dropped.Load() {
			return
		}
		t.Conn.SetReadDeadline(time.Now().Add(lastWordsWait)) // ends another reader too
		buf := make([]byte, 1<<10)
		for got := 0; got < lastWords; {
			n, err := t.Read(buf)
			if got += n; err != nil {
				break
			}
		}
	})
	return t.Conn.Close()
}

func (t *tee) keep(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := maxTee - len(t.buf); len(p) >= room {
		p = p[:room]
		t.dropped.Store(true)
	}
	if t.buf == nil {
		t.buf = make([]byte, 0, 2048)
	}
	t.buf = append(t.buf, p...)
}

// drop ends the copying: what follows is ciphertext.
func (t *tee) drop() { t.dropped.Store(true) }

// seen returns what was kept.
func (t *tee) seen() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf[:len(t.buf):len(t.buf)]
}

func (t *tee) silence() time.Duration {
	return time.Since(time.Unix(0, t.lastRead.Load()))
}

package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// connected logs in to a server that runs commands by exec.
func connected(t *testing.T, d Deadlines, s *server) *Conn {
	t.Helper()
	c := newClient(t)
	if d != (Deadlines{}) {
		c.opt.Deadlines.Collect, c.opt.Deadlines.Idle = d.Collect, d.Idle
	}
	s.users = []ssh.PublicKey{c.key("id", newEd25519(), "")}
	s.start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	conn, err := c.dial(s.host())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// limited refuses what goes beyond n bytes.
type limited struct{ n int }

var errEnough = errors.New("enough")

func (l *limited) Write(p []byte) (int, error) {
	if l.n -= len(p); l.n < 0 {
		return 0, errEnough
	}
	return len(p), nil
}

func flood(_ string, ch ssh.Channel) int {
	b := bytes.Repeat([]byte("y\n"), 16<<10)
	for {
		if _, err := ch.Write(b); err != nil {
			return 1
		}
	}
}

func TestRunEnds(t *testing.T) {
	waits := func(ch ssh.Channel, reqs <-chan *ssh.Request) {
		for r := range reqs {
			r.Reply(true, nil)
		}
	}
	for _, tc := range []struct {
		name      string
		deadlines Deadlines
		server    *server
		stdout    io.Writer
		stderr    io.Writer
		kind      error
		words     []string
	}{
		{name: "a reader that has enough", server: &server{exec: flood}, stdout: &limited{1 << 20}, kind: errEnough, words: []string{"enough"}},
		{name: "a reader of stderr that has enough", server: &server{exec: func(_ string, ch ssh.Channel) int {
			for {
				if _, err := ch.Stderr().Write(make([]byte, 1000)); err != nil {
					return 1
				}
			}
		}}, stderr: &limited{10000}, kind: errEnough},
		{name: "deadline", deadlines: Deadlines{Collect: 200 * time.Millisecond}, server: &server{exec: flood}, kind: context.DeadlineExceeded, words: []string{"not done within 200ms", "--timeout"}},
		{name: "deadline, silent command", deadlines: Deadlines{Collect: 200 * time.Millisecond}, server: &server{session: waits}, kind: context.DeadlineExceeded, words: []string{"not done within 200ms"}},
		{name: "no channel is opened", deadlines: Deadlines{Collect: 200 * time.Millisecond}, kind: context.DeadlineExceeded, server: &server{session: func(ch ssh.Channel, reqs <-chan *ssh.Request) {
			for range reqs { // never answers
			}
		}}},
		{name: "refuses exec", server: &server{session: func(ch ssh.Channel, reqs <-chan *ssh.Request) {
			for r := range reqs {
				r.Reply(false, nil)
			}
		}}, kind: errNotRun, words: []string{"refuses to run a command"}},
		{name: "signal", server: &server{session: func(ch ssh.Channel, reqs <-chan *ssh.Request) {
			for r := range reqs {
				r.Reply(true, nil)
				ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
					Signal     string
					Core       bool
					Text, Lang string
				}{"KI\x1bLL", false, "", ""}))
				ch.Close()
			}
		}}, words: []string{`ended by signal "KI\x1bLL"`}},
		{name: "closes without a code", server: &server{session: func(ch ssh.Channel, reqs <-chan *ssh.Request) {
			for r := range reqs {
				r.Reply(true, nil)
				ch.Close()
			}
		}}, kind: errNoExit},
		{name: "rejects the channel", server: &server{session: func(ch ssh.Channel, _ <-chan *ssh.Request) { ch.Close() }}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conn := connected(t, tc.deadlines, tc.server)
			code, err := conn.Run(t.Context(), "x", nil, tc.stdout, tc.stderr)
			if code != -1 {
				t.Errorf("code %d", code)
			}
			wantError(t, err, StageCollect, tc.kind, tc.words...)
		})
	}
}

func TestRunCancelled(t *testing.T) {
	started := make(chan struct{})
	conn := connected(t, Deadlines{}, &server{exec: func(_ string, ch ssh.Channel) int {
		close(started)
		return flood("", ch)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	_, err := conn.Run(ctx, "x", nil, nil, nil)
	wantError(t, err, StageCollect, context.Canceled, "interrupted")
	if _, err := conn.Run(t.Context(), "x", nil, nil, nil); err == nil {
		t.Error("the connection lives on")
	}
}

// stalled is a connection on which the server's bytes stop coming.
func TestRunSilent(t *testing.T) {
	stall, release := make(chan struct{}), make(chan struct{})
	s := &server{}
	s.exec = func(_ string, ch ssh.Channel) int {
		close(stall)
		io.WriteString(ch, "begun")
		<-release
		return 0
	}
	c := newClient(t)
	c.opt.Deadlines.Idle = 400 * time.Millisecond
	s.users = []ssh.PublicKey{c.key("id", newEd25519(), "")}
	s.start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	// A proxy in between that stops to pass on what the server says.
	proxy := listen(t, func(in net.Conn) {
		out, err := net.Dial("tcp", s.addr.String())
		if err != nil {
			return
		}
		gone := make(chan struct{})
		go func() {
			io.Copy(out, in)
			out.Close()
			close(gone)
		}()
		defer func() { <-gone }()
		buf := make([]byte, 1<<10)
		for {
			n, err := out.Read(buf)
			if err != nil {
				return
			}
			if _, err := in.Write(buf[:n]); err != nil {
				return
			}
			select {
			case <-stall:
				return // with the client's side still open, until it goes
			default:
			}
		}
	})
	t.Cleanup(func() { close(release) })
	h := hostAt(proxy)
	c.write("known_hosts", hostPort("127.0.0.1", proxy.Port)+" "+keyLine(edHost().PublicKey())+"\n")
	conn, err := c.dial(h)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Run(t.Context(), "x", nil, nil, nil)
	wantError(t, err, StageCollect, context.DeadlineExceeded, "went silent for 400ms")
}

// A command that says nothing for long is no dead connection: the server
// answers when it is asked.
func TestRunSlow(t *testing.T) {
	t.Parallel()
	// The answer has half of Idle to come, which a busy machine may need.
	const idle = 4 * time.Second
	conn := connected(t, Deadlines{Collect: time.Minute, Idle: idle}, &server{exec: func(_ string, ch ssh.Channel) int {
		time.Sleep(idle * 3 / 2)
		return 7
	}})
	if code, err := conn.Run(t.Context(), "x", nil, nil, nil); err != nil || code != 7 {
		t.Errorf("%d, %v", code, err)
	}
}

// A command need not read its input, however long that is.
func TestRunUnreadInput(t *testing.T) {
	conn := connected(t, Deadlines{}, &server{exec: func(_ string, ch ssh.Channel) int {
		io.WriteString(ch, "done")
		return 0
	}})
	var out bytes.Buffer
	code, err := conn.Run(t.Context(), "x", bytes.NewReader(make([]byte, 8<<20)), &out, nil)
	if err != nil || code != 0 || out.String() != "done" {
		t.Errorf("%d, %v, %q", code, err, out.String())
	}
}

// Big input and big output pass each other without a deadlock.
func TestRunBothWays(t *testing.T) {
	conn := connected(t, Deadlines{}, &server{exec: func(_ string, ch ssh.Channel) int {
		io.Copy(ch, ch)
		return 0
	}})
	in := bytes.Repeat([]byte("0123456789abcdef"), 512<<10)
	var out bytes.Buffer
	code, err := conn.Run(t.Context(), "cat", bytes.NewReader(in), &out, nil)
	if err != nil || code != 0 || !bytes.Equal(in, out.Bytes()) {
		t.Errorf("%d, %v, %d bytes of %d", code, err, out.Len(), len(in))
	}
}

// Whatever a server asks of its client is refused: channels to the agent, to
// forwarded ports, and global requests.
func TestServerAsks(t *testing.T) {
	c := newClient(t)
	c.key("id", newEd25519(), "")
	results := make(chan bool, 4)
	var cfg ssh.ServerConfig
	cfg.AddHostKey(edHost())
	cfg.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }
	addr := listen(t, func(nc net.Conn) {
		conn, chans, reqs, err := ssh.NewServerConn(nc, &cfg)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(reqs)
		for _, kind := range []string{"auth-agent@openssh.com", "forwarded-tcpip", "session"} {
			_, _, err := conn.OpenChannel(kind, nil)
			results <- err == nil
		}
		ok, _, err := conn.SendRequest("tcpip-forward", true, nil)
		results <- ok || err != nil
		for range chans {
		}
	})
	c.write("known_hosts", hostPort("127.0.0.1", addr.Port)+" "+keyLine(edHost().PublicKey())+"\n")
	if _, err := c.dial(hostAt(addr)); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if <-results {
			t.Error("the server's wish was granted")
		}
	}
}

package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/inventory"
)

// send gives a server that sends some bytes and waits until the client goes,
// or hangs up at once.
func send(text string, hangUp bool) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		if !hangUp {
			io.Copy(io.Discard, c)
		}
	}
}

// packet wraps a payload in an unencrypted packet (RFC 4253, section 6).
func packet(payload []byte) string {
	padding := 16 - (5+len(payload))%8
	b := []byte{0, 0, byte((1 + len(payload) + padding) >> 8), byte(1 + len(payload) + padding), byte(padding)}
	return string(b) + string(payload) + strings.Repeat("\x00", padding)
}

// Servers that are none, or misbehave before the host key.
func TestHandshakeFailures(t *testing.T) {
	const version = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
	disconnect := packet(ssh.Marshal(struct {
		T          byte
		Reason     uint32
		Text, Lang string
	}{1, 12, "go \x1b[31maway", ""}))
	for _, tc := range []struct {
		name  string
		serve func(net.Conn)
		kind  error
		words []string
	}{
		{"silent", send("", false), nil, []string{"no SSH server spoke within 1s"}},
		{"silent after the version", send(version, false), nil, []string{`key exchange with "SSH-2.0-OpenSSH_9.2p1 Debian-2" was not done within 1s`}},
		{"drips", func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}, nil, []string{"no SSH version line in ", "bytes within 1s"}},
		{"drips a version", func(c net.Conn) {
			for _, b := range []byte("SSH-2.0-" + strings.Repeat("a", 200)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, nil, []string{"within 1s"}},
		{"floods", func(c net.Conn) {
			b := bytes.Repeat([]byte("A"), 64<<10)
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}, nil, []string{"not an SSH server: it says \"AAAA"}},
		{"floods with lines", func(c net.Conn) {
			b := bytes.Repeat([]byte("no\n"), 20<<10)
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}, nil, []string{"not an SSH server: it says \"no"}},
		{"hangs up", send("", true), nil, []string{"closed the connection before its first word", "MaxStartups"}},
		{"resets", func(c net.Conn) {
			c.Read(make([]byte, 1))
			c.(*net.TCPConn).SetLinger(0)
		}, nil, []string{"closed the connection before its first word"}},
		{"throttled by 9.2", send("Exceeded MaxStartups\r\n", true), ErrThrottled, []string{`for its rate: "Exceeded MaxStartups"`, "retry later"}},
		{"throttled by 9.8", send("Not allowed at this time\r\n", true), ErrThrottled, []string{`for its rate: "Not allowed at this time"`, "retry later"}},
		{"a web server", send("HTTP/1.1 400 Bad Request\r\n\r\n", true), nil, []string{`not an SSH server: it says "HTTP/1.1 400 Bad Request`, "right port?"}},
		{"terminal escapes", send("\x1b]0;owned\x07\r\n", true), nil, []string{`not an SSH server: it says "\x1b]0;owned\a`}},
		{"protocol 1", send("SSH-1.5-old\r\n", false), nil, []string{`speaks no SSH 2: "SSH-1.5-old"`}},
		{"disconnects", send(version+disconnect, true), nil, []string{`the server ended the connection: "go \x1b[31maway"`}},
		{"hangs up after the version", send(version, true), nil, []string{"closed the connection during the key exchange"}},
		{"no packets", send(version+strings.Repeat("z", 100), true), nil, []string{`what follows "SSH-2.0-OpenSSH_9.2p1 Debian-2" is not SSH: malformed packet: length 2054847098`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			c.key("id", newEd25519(), "")
			c.opt.Deadlines.Handshake = time.Minute
			waits := func(w string) bool { return strings.Contains(w, "within 1s") || strings.Contains(w, "SSH-1.5") }
			if slices.ContainsFunc(tc.words, waits) { // for a server that says no more
				c.opt.Deadlines.Handshake = time.Second
			}
			h := hostAt(listen(t, tc.serve))
			_, err := c.dial(h)
			e := wantError(t, err, StageHandshake, tc.kind, tc.words...)
			if e.Host != "web1" {
				t.Errorf("host %q", e.Host)
			}
		})
	}
}

func TestDialFailures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().(*net.TCPAddr)
	l.Close()
	c := newClient(t)
	c.key("id", newEd25519(), "")
	t.Run("refused", func(t *testing.T) {
		_, err := c.dial(hostAt(closed))
		wantError(t, err, StageDial, nil, fmt.Sprintf("connection refused by 127.0.0.1:%d", closed.Port), "is sshd running")
	})
	t.Run("refused, IPv6", func(t *testing.T) {
		_, err := c.dial(inventory.Host{Name: "[::1]", Port: 1, User: "u"})
		// Without IPv6 on this machine there is no route.
		var e *StageError
		if !errors.As(err, &e) || e.Stage != StageDial || !strings.Contains(e.Text, "[::1]:1") {
			t.Errorf("%v", err)
		}
	})
	t.Run("name", func(t *testing.T) {
		c.opt.Deadlines.Dial = 3 * time.Second
		_, err := c.dial(inventory.Host{Name: "nobody.invalid", User: "u"})
		wantError(t, err, StageDial, nil, "nobody.invalid")
	})
}

// The words for errors that a test cannot bring about everywhere.
func TestDialWords(t *testing.T) {
	a := &attempt{ctx: context.Background(), t: target{name: "web1", host: "web1.example", port: 22}, limit: 10 * time.Second, began: time.Now()}
	timeout, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, tc := range []struct {
		name string
		ctx  context.Context
		err  error
		want string
	}{
		{"not found", context.Background(), op(&net.DNSError{Err: "no such host", Name: "web1.example", IsNotFound: true}), `the name "web1.example" does not exist`},
		{"name server silent", timeout, op(&net.DNSError{Err: "timeout", IsTimeout: true}), `no name server answered for "web1.example" within 100ms`},
		{"name server fails", context.Background(), op(&net.DNSError{Err: "server misbehaving"}), `the name "web1.example" could not be looked up: "server misbehaving"`},
		{"no route", context.Background(), op(unreachableErrnos[0]), "no route to web1.example:22"},
		{"no network", context.Background(), op(unreachableErrnos[1]), "no route to web1.example:22"},
		{"timeout", timeout, op(context.DeadlineExceeded), "no answer from web1.example:22 within 10s"},
		{"reset", context.Background(), op(resetErrnos[0]), "web1.example:22 reset the connection"},
		{"other", context.Background(), errors.New("odd"), "no connection to web1.example:22: odd"},
	} {
		e := a.dialError(tc.ctx, tc.err)
		if e.Text != tc.want || e.Stage != StageDial || !errors.Is(e, tc.err) {
			t.Errorf("%s: %q", tc.name, e.Text)
		}
	}
}

// Cancelling ends a login at every stage at once, with the context's error.
func TestCancelled(t *testing.T) {
	c := newClient(t)
	c.key("id", newEd25519(), "")
	ctx, cancel := context.WithCancel(t.Context())
	connected := make(chan struct{})
	h := hostAt(listen(t, func(conn net.Conn) {
		conn.Read(make([]byte, 1))
		close(connected)
		io.Copy(io.Discard, conn)
	}))
	go func() {
		<-connected
		cancel()
	}()
	_, err := c.dialer().Dial(ctx, h)
	wantError(t, err, StageHandshake, context.Canceled, "interrupted")

	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = c.dialer().Dial(ctx, hostAt(listen(t, send("", false))))
	wantError(t, err, StageHandshake, context.DeadlineExceeded, "the time for this host was over")
}

func TestInsecureOnly(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server func(*server)
		known  ssh.PublicKey // nil: the server's ed25519 key
		words  []string
		check  func(t *testing.T, c *Conn)
	}{
		{"key exchange", func(s *server) { s.KeyExchanges = []string{ssh.InsecureKeyExchangeDH1SHA1} }, nil,
			[]string{`no key exchange in common: the server offers only "diffie-hellman-group1-sha1`, "--allow-insecure-algorithms"},
			func(t *testing.T, c *Conn) {
				if got := c.Capture(); got.Kex != ssh.InsecureKeyExchangeDH1SHA1 {
					t.Errorf("kex %s", got.Kex)
				}
			}},
		{"cipher", func(s *server) { s.Ciphers = []string{ssh.InsecureCipherTripleDESCBC} }, nil,
			[]string{`cipher in common: the server offers only "3des-cbc"`, "--allow-insecure-algorithms"}, nil},
		{"SHA-1 host key", func(s *server) {
			only, _ := ssh.NewSignerWithAlgorithms(rsaHost().(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
			s.hostKeys = []ssh.Signer{only}
		}, rsaHost().PublicKey(),
			[]string{`no host key in common: the server offers only "ssh-rsa"`, "--allow-insecure-algorithms"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			s := &server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}
			tc.server(s)
			s.start(t)
			if tc.known == nil {
				tc.known = edHost().PublicKey()
			}
			c.knows(s, "HOST "+keyLine(tc.known))
			_, err := c.dial(s.host())
			wantError(t, err, StageHandshake, nil, tc.words...)
			if s.conns.Load() != 1 {
				t.Errorf("%d connections", s.conns.Load())
			}
			c.opt.AllowInsecure = true
			conn, err := c.dial(s.host())
			if err != nil {
				t.Fatal(err)
			}
			if !conn.Capture().Insecure || s.conns.Load() != 3 {
				t.Errorf("insecure %v, %d connections", conn.Capture().Insecure, s.conns.Load())
			}
			if tc.check != nil {
				tc.check(t, conn)
			}
		})
	}
	t.Run("sound servers are not insecure", func(t *testing.T) {
		c := newClient(t)
		c.opt.AllowInsecure = true
		s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
		c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
		conn, err := c.dial(s.host())
		if err != nil || conn.Capture().Insecure || s.conns.Load() != 1 {
			t.Errorf("%v, %d connections", err, s.conns.Load())
		}
	})
	t.Run("another key is known: no second try", func(t *testing.T) {
		c := newClient(t)
		c.key("id", newEd25519(), "")
		c.opt.AllowInsecure = true
		only, _ := ssh.NewSignerWithAlgorithms(rsaHost().(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
		s := (&server{hostKeys: []ssh.Signer{only}}).start(t)
		c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
		_, err := c.dial(s.host())
		wantError(t, err, StageHostKey, ErrHostKey, "no host key that is known")
		if s.conns.Load() != 1 {
			t.Errorf("%d connections", s.conns.Load())
		}
	})
	t.Run("nothing that is known here", func(t *testing.T) {
		c := newClient(t)
		c.key("id", newEd25519(), "")
		lists := func(names ...string) []byte {
			b := append([]byte{20}, make([]byte, 16)...)
			for _, n := range names {
				b = append(b, field([]byte(n))...)
			}
			return append(b, 0, 0, 0, 0, 0)
		}
		kexinit := packet(lists("kex-of-mars\x1b", "ssh-ed25519", "c", "c", "m", "m", "none", "none", "", ""))
		h := hostAt(listen(t, send("SSH-2.0-x\r\n"+kexinit, false)))
		_, err := c.dial(h)
		wantError(t, err, StageHandshake, nil, `the server offers only "kex-of-mars\x1b"`, "postern knows none of these")
	})
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  `"plain"`,
		"a\x00\x1b[0m\u202e":     `"a\x00\x1b[0m\u202e"`,
		strings.Repeat("x", 300): `"` + strings.Repeat("x", maxQuote) + `"...`,
		"\xff":                   `"\xff"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

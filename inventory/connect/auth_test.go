package connect

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// userCert signs a user's certificate for a key.
func userCert(t testing.TB, key ssh.PublicKey, edit func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{Key: key, CertType: ssh.UserCert, KeyId: "me", ValidPrincipals: []string{"deploy"}, ValidBefore: ssh.CertTimeInfinity}
	edit(cert)
	if err := cert.SignCert(rand.Reader, caKey()); err != nil {
		t.Fatal(err)
	}
	return cert
}

// serveAgent runs an SSH agent on a socket.
func serveAgent(t testing.TB, keys ...agent.AddedKey) (socket string, ring agent.Agent) {
	t.Helper()
	ring = agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	return listenUnix(t, func(c net.Conn) { agent.ServeAgent(ring, c) }), ring
}

func listenUnix(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // t.TempDir is too long for a socket on macOS
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
		os.RemoveAll(dir)
	})
	return socket
}

// server that lets certificates of caKey in, and the keys given.
func (s *server) withAuthority() *server {
	checker := &ssh.CertChecker{
		IsUserAuthority: func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(caKey().PublicKey().Marshal()) },
		UserKeyFallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			for _, u := range s.users {
				if string(u.Marshal()) == string(k.Marshal()) {
					return nil, nil
				}
			}
			return nil, errors.New("no")
		},
	}
	s.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		s.offered.Add(1)
		return checker.Authenticate(m, k)
	}
	return s
}

func TestKeys(t *testing.T) {
	ed, ec := newEd25519(), newECDSA()
	for _, tc := range []struct {
		name string
		// setup prepares the client and returns the keys that open the server.
		setup func(t *testing.T, c *client) []ssh.PublicKey
		ok    bool
		// offers is the number of keys that the server sees.
		offers int32
	}{
		{"the second key", func(t *testing.T, c *client) []ssh.PublicKey {
			c.key("id_ed25519", ed, "")
			return []ssh.PublicKey{c.key("id_ecdsa", ec, "")}
		}, true, 2},
		{"RSA", func(t *testing.T, c *client) []ssh.PublicKey {
			return []ssh.PublicKey{c.key("id_rsa", rsaPrivate(), "")}
		}, true, 1},
		{"a default that is not there", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.KeyFiles = []string{filepath.Join(c.dir, "none")}
			return []ssh.PublicKey{c.key("id_ecdsa", ec, "")}
		}, true, 1},
		{"old PEM form", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.KeyFiles = []string{c.write("id_rsa", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaPrivate())})))}
			return []ssh.PublicKey{rsaHost().PublicKey()}
		}, true, 1},
		{"certificate beside the key", func(t *testing.T, c *client) []ssh.PublicKey {
			pub := c.key("id", ed, "")
			c.write("id-cert.pub", keyLine(userCert(t, pub, func(*ssh.Certificate) {})))
			return nil
		}, true, 1},
		{"RSA certificate", func(t *testing.T, c *client) []ssh.PublicKey {
			pub := c.key("id", rsaPrivate(), "")
			c.write("id-cert.pub", keyLine(userCert(t, pub, func(*ssh.Certificate) {})))
			return nil
		}, true, 1},
		{"certificate that ended: the key", func(t *testing.T, c *client) []ssh.PublicKey {
			pub := c.key("id", ed, "")
			c.write("id-cert.pub", keyLine(userCert(t, pub, func(c *ssh.Certificate) { c.ValidBefore = 1700000000 })))
			return []ssh.PublicKey{pub}
		}, true, 1},
		{"certificate of another key: the key", func(t *testing.T, c *client) []ssh.PublicKey {
			pub := c.key("id", ed, "")
			c.write("id-cert.pub", keyLine(userCert(t, edHost().PublicKey(), func(*ssh.Certificate) {})))
			return []ssh.PublicKey{pub}
		}, true, 1},
		{"agent", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.AgentSocket, _ = serveAgent(t, agent.AddedKey{PrivateKey: &ed, Comment: "token"})
			return []ssh.PublicKey{mustSigner(ed).PublicKey()}
		}, true, 1},
		{"RSA in the agent", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.AgentSocket, _ = serveAgent(t, agent.AddedKey{PrivateKey: rsaPrivate()})
			return []ssh.PublicKey{rsaHost().PublicKey()}
		}, true, 1},
		{"certificate in the agent", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.AgentSocket, _ = serveAgent(t, agent.AddedKey{PrivateKey: &ed, Certificate: userCert(t, mustSigner(ed).PublicKey(), func(*ssh.Certificate) {})})
			return nil
		}, true, 1},
		{"certificate in a file, key in the agent", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.AgentSocket, _ = serveAgent(t, agent.AddedKey{PrivateKey: &ed})
			c.key("id", ed, "secret") // nobody is asked
			c.write("id-cert.pub", keyLine(userCert(t, mustSigner(ed).PublicKey(), func(*ssh.Certificate) {})))
			return nil
		}, true, 1},
		{"public key file, private half in the agent", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.AgentSocket, _ = serveAgent(t, agent.AddedKey{PrivateKey: ec}, agent.AddedKey{PrivateKey: &ed})
			c.opt.KeyFiles = []string{c.write("id.pub", keyLine(mustSigner(ed).PublicKey()))}
			return []ssh.PublicKey{mustSigner(ed).PublicKey()}
		}, true, 1},
		{"the agent knows the encrypted file's key", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.AgentSocket, _ = serveAgent(t, agent.AddedKey{PrivateKey: &ed})
			return []ssh.PublicKey{c.key("id", ed, "secret")}
		}, true, 1},
		{"no agent there: the file", func(t *testing.T, c *client) []ssh.PublicKey {
			c.opt.AgentSocket = filepath.Join(c.dir, "none")
			return []ssh.PublicKey{c.key("id", ed, "")}
		}, true, 1},
		{"six keys are offered and no more", func(t *testing.T, c *client) []ssh.PublicKey {
			var keys []agent.AddedKey
			for range 9 {
				k := newEd25519()
				keys = append(keys, agent.AddedKey{PrivateKey: &k})
			}
			c.opt.AgentSocket, _ = serveAgent(t, keys...)
			return nil
		}, false, 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			s := (&server{users: tc.setup(t, c)}).withAuthority()
			s.MaxAuthTries = -1
			s.start(t)
			c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
			conn, err := c.dial(s.host())
			if (err == nil) != tc.ok {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				wantError(t, err, StageAuth, ErrRefused)
			} else if code, err := conn.Run(t.Context(), "x", nil, nil, nil); err != nil || code != 3 {
				t.Errorf("%d, %v", code, err)
			}
			// A key that is accepted is shown twice: asked about, and signed with.
			if got := s.offered.Load(); tc.ok && got > tc.offers+1 || !tc.ok && got != tc.offers {
				t.Errorf("%d keys were shown, want %d", got, tc.offers)
			}
		})
	}
}

// A host that names its keys gets these and no others.
func TestOwnKeys(t *testing.T) {
	c := newClient(t)
	user := c.key("id_default", newEd25519(), "")
	agentKey := newEd25519()
	c.opt.AgentSocket, _ = serveAgent(t, agent.AddedKey{PrivateKey: &agentKey})
	s := (&server{users: []ssh.PublicKey{user, mustSigner(agentKey).PublicKey()}}).start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	other := newClient(t)
	pub := other.key("id_own", newECDSA(), "")
	h := s.host()
	h.Keys = other.opt.KeyFiles
	_, err := c.dial(h)
	wantError(t, err, StageAuth, ErrRefused, `login as "deploy" refused: the server offers "publickey"; tried: ecdsa-sha2-nistp256 `+ssh.FingerprintSHA256(pub)+" ("+h.Keys[0]+")")
	if n := s.offered.Load(); n != 1 {
		t.Errorf("%d keys were shown", n)
	}
}

func TestAuthFailures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server func(*server)
		words  []string
	}{
		{"refused", func(*server) {}, []string{`login as "deploy" refused: the server offers "publickey"; tried: ssh-ed25519 SHA256:`, "authorized_keys"}},
		{"password only", func(s *server) {
			s.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("no") }
			s.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
				t.Error("a password was sent")
				return nil, errors.New("no")
			}
			s.KeyboardInteractiveCallback = func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				t.Error("a prompt was answered")
				return nil, errors.New("no")
			}
		}, []string{`the server offers "password,publickey,keyboard-interactive"`}},
		{"a second factor", func(s *server) {
			s.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
				return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
					t.Error("a password was sent")
					return nil, nil
				}}}
			}
		}, []string{`a key alone does not log in "deploy": the server then asks for "password"`, "AuthenticationMethods"}},
		{"too many tries", func(s *server) { s.MaxAuthTries = 1 }, []string{"too many keys: the server hung up after 1", "name the one key"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			c.key("id", newEd25519(), "")
			s := &server{}
			tc.server(s)
			s.start(t)
			c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
			_, err := c.dial(s.host())
			e := wantError(t, err, StageAuth, ErrRefused, tc.words...)
			if e.Capture == nil || e.Capture.Methods == nil || len(e.Capture.HostKeys) != 1 || e.Capture.Kex == "" {
				t.Errorf("capture %+v", e.Capture)
			}
		})
	}
}

// Two keys in a row (AuthenticationMethods publickey,publickey).
func TestTwoKeys(t *testing.T) {
	c := newClient(t)
	first, second := c.key("id_a", newEd25519(), ""), c.key("id_b", newECDSA(), "")
	s := &server{}
	s.PublicKeyCallback = func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if k.Type() != first.Type() {
			return nil, errors.New("no")
		}
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if k.Type() == second.Type() {
				return nil, nil
			}
			return nil, errors.New("no")
		}}}
	}
	s.start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	if _, err := c.dial(s.host()); err != nil {
		t.Error(err)
	}
}

// A server that hangs up in the middle of the login.
func TestHangUpDuringAuth(t *testing.T) {
	for _, tc := range []struct {
		name string
		when func(string) bool
		word string
	}{
		{"after none", func(m string) bool { return m == "none" }, "hung up during the login"},
		{"after the key", func(m string) bool { return m == "publickey" }, "hung up"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			c.key("id", newEd25519(), "")
			var nc atomic.Pointer[net.Conn]
			var cfg ssh.ServerConfig
			cfg.AddHostKey(edHost())
			cfg.PublicKeyCallback = func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }
			cfg.AuthLogCallback = func(_ ssh.ConnMetadata, method string, _ error) {
				if tc.when(method) {
					(*nc.Load()).Close()
				}
			}
			addr := listen(t, func(conn net.Conn) {
				nc.Store(&conn)
				ssh.NewServerConn(conn, &cfg)
			})
			c.write("known_hosts", hostPort("127.0.0.1", addr.Port)+" "+keyLine(edHost().PublicKey())+"\n")
			_, err := c.dial(hostAt(addr))
			wantError(t, err, StageAuth, ErrRefused, tc.word)
		})
	}
}

func TestAuthDeadline(t *testing.T) {
	c := newClient(t)
	c.key("id", newEd25519(), "")
	c.opt.Deadlines.Auth = 300 * time.Millisecond
	release := make(chan struct{})
	s := &server{}
	s.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		<-release
		return nil, nil
	}
	s.start(t)
	t.Cleanup(func() { close(release) })
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	_, err := c.dial(s.host())
	wantError(t, err, StageAuth, os.ErrDeadlineExceeded, `the login as "deploy" was not done within 300ms`)
}

// asker answers for passphrases and counts.
type asker struct {
	answers []string
	asked   atomic.Int32
	wait    time.Duration
}

func (a *asker) ask(ctx context.Context, file string) ([]byte, error) {
	n := int(a.asked.Add(1)) - 1
	select {
	case <-time.After(a.wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if n >= len(a.answers) {
		return nil, errors.New("nobody is there")
	}
	return []byte(a.answers[n]), nil
}

// The passphrase is asked for once, however many hosts want the key.
func TestPassphraseOnce(t *testing.T) {
	c := newClient(t)
	a := &asker{answers: []string{"secret"}, wait: 100 * time.Millisecond}
	c.opt.Passphrase = a.ask
	// Shorter than the wait: a person's time does not count.
	c.opt.Deadlines.Auth = 20 * time.Second
	s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "secret")}}).start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	d := c.dialer()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			conn, err := d.Dial(t.Context(), s.host())
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		})
	}
	wg.Wait()
	if n := a.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestPassphrase(t *testing.T) {
	ed := newEd25519()
	for _, tc := range []struct {
		name    string
		answers []string
		none    bool // no way to ask
		prepare func(c *client)
		open    bool // the server knows the key
		asked   int32
		words   []string // nil: logs in
	}{
		{name: "right", answers: []string{"secret"}, open: true, asked: 1},
		{name: "right at the second try", answers: []string{"sceret", "secret"}, open: true, asked: 2},
		{name: "wrong three times", answers: []string{"a", "b", "c", "secret"}, open: true, asked: 3, words: []string{"id: the passphrase is wrong"}},
		{name: "the same wrong answer twice", answers: []string{"a", "a", "secret"}, open: true, asked: 2, words: []string{"the passphrase is wrong"}},
		{name: "nobody there", open: true, asked: 1, words: []string{"no passphrase: nobody is there"}},
		{name: "no way to ask", none: true, open: true, words: []string{"is encrypted, and nobody can be asked"}},
		{name: "the server does not know the key", answers: []string{"secret"}, words: []string{"refused"}},
		{name: "another's .pub does not matter to the new form", answers: []string{"secret"}, open: true, asked: 1, prepare: func(c *client) {
			c.write("id.pub", keyLine(otherHost().PublicKey()))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			a := &asker{answers: tc.answers}
			if !tc.none {
				c.opt.Passphrase = a.ask
			}
			s := &server{}
			if pub := c.key("id", ed, "secret"); tc.open {
				s.users = []ssh.PublicKey{pub}
			}
			if tc.prepare != nil {
				tc.prepare(c)
			}
			s.start(t)
			c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
			d := c.dialer()
			for range 2 {
				conn, err := d.Dial(t.Context(), s.host())
				if tc.words != nil {
					wantError(t, err, StageAuth, nil, tc.words...)
				} else if err != nil {
					t.Fatal(err)
				} else {
					conn.Close()
				}
			}
			if n := a.asked.Load(); n != tc.asked {
				t.Errorf("asked %d times, want %d", n, tc.asked)
			}
		})
	}
}

// A key of the old PEM form does not tell its public half: it is asked for when
// its turn comes, unless a .pub lies beside it.
func TestPassphraseOldForm(t *testing.T) {
	//lint:ignore SA1019 such keys exist
	block, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaPrivate()), []byte("secret"), x509.PEMCipherAES128)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		pub   string
		open  bool
		asked int32
	}{
		{"no .pub", "", true, 1},
		{".pub", keyLine(rsaHost().PublicKey()), true, 1},
		{".pub, and the server does not know it", keyLine(rsaHost().PublicKey()), false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			a := &asker{answers: []string{"secret"}}
			c.opt.Passphrase = a.ask
			c.opt.KeyFiles = []string{c.write("id_rsa", string(pem.EncodeToMemory(block)))}
			if tc.pub != "" {
				c.write("id_rsa.pub", tc.pub)
			}
			s := &server{}
			if tc.open {
				s.users = []ssh.PublicKey{rsaHost().PublicKey()}
			}
			s.start(t)
			c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
			if _, err := c.dial(s.host()); (err == nil) != tc.open {
				t.Error(err)
			}
			if n := a.asked.Load(); n != tc.asked {
				t.Errorf("asked %d times, want %d", n, tc.asked)
			}
		})
	}
}

// While a person thinks, the stage's clock stands; when the server has hung up
// meanwhile, a second connection uses the answer.
func TestPassphraseSlow(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	a := &asker{answers: []string{"secret"}, wait: 4 * time.Second}
	c.opt.Passphrase = a.ask
	c.opt.Deadlines.Auth = 3 * time.Second
	s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "secret")}}).start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	if _, err := c.dial(s.host()); err != nil {
		t.Fatal(err)
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}

	var hung atomic.Bool
	impatient := listen(t, func(nc net.Conn) {
		if hung.CompareAndSwap(false, true) {
			timer := time.AfterFunc(2*time.Second, func() { nc.Close() })
			defer timer.Stop()
		}
		s.serve(nc)
	})
	c.write("known_hosts", hostPort("127.0.0.1", impatient.Port)+" "+keyLine(edHost().PublicKey())+"\n")
	a.asked.Store(0)
	if _, err := c.dial(hostAt(impatient)); err != nil || a.asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, a.asked.Load())
	}
}

// An agent that hangs, or refuses, is left behind in words.
func TestBadAgents(t *testing.T) {
	ed := newEd25519()
	pub := mustSigner(ed).PublicKey()
	t.Run("refuses to sign", func(t *testing.T) {
		socket, ring := serveAgent(t, agent.AddedKey{PrivateKey: &ed, Comment: "mine\x1b[2J"})
		c := newClient(t)
		c.opt.AgentSocket = socket
		s := (&server{users: []ssh.PublicKey{pub}}).start(t)
		c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
		d := c.dialer()
		if _, err := d.agent.list(t.Context()); err != nil {
			t.Fatal(err)
		}
		ring.RemoveAll()
		_, err := d.Dial(t.Context(), s.host())
		wantError(t, err, StageAuth, nil, `agent, "mine\x1b[2J"`, "the SSH agent:")
	})
	t.Run("hangs while it signs", func(t *testing.T) {
		ring := agent.NewKeyring()
		ring.Add(agent.AddedKey{PrivateKey: &ed})
		var calls atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		c := newClient(t)
		c.opt.AgentSocket = listenUnix(t, func(conn net.Conn) {
			if calls.Add(1) == 1 {
				agent.ServeAgent(ring, conn)
				return
			}
			cancel()
			io.Copy(io.Discard, conn)
		})
		s := (&server{users: []ssh.PublicKey{pub}}).start(t)
		c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
		_, err := c.dialer().Dial(ctx, s.host())
		wantError(t, err, StageAuth, context.Canceled, "interrupted")
	})
	t.Run("gone", func(t *testing.T) {
		c := newClient(t)
		c.opt.AgentSocket = filepath.Join(c.dir, "gone")
		s := (&server{}).start(t)
		_, err := c.dial(s.host())
		wantError(t, err, StageAuth, nil, "no key to log in with: the SSH agent does not answer", "the host was not asked")
	})
}

func TestUnusableKeys(t *testing.T) {
	c := newClient(t)
	c.opt.KeyFiles = []string{
		c.write("junk", "no key\n"), c.dir,
		c.write("id.pub", keyLine(edHost().PublicKey())),
	}
	s := (&server{}).start(t)
	_, err := c.dial(s.host())
	e := wantError(t, err, StageAuth, nil, "junk: not a private key", "not a regular file", "id.pub: only an agent can use it")
	if s.conns.Load() != 0 || !strings.Contains(e.Hint, "--key") {
		t.Errorf("%d connections, hint %q", s.conns.Load(), e.Hint)
	}
}

package connect

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/inventory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of all tests; making RSA keys takes long.
var (
	edPrivate    = sync.OnceValue(newEd25519)
	ecdsaPrivate = sync.OnceValue(newECDSA)
	edHost       = sync.OnceValue(func() ssh.Signer { return mustSigner(edPrivate()) })
	otherHost    = sync.OnceValue(func() ssh.Signer { return mustSigner(newEd25519()) })
	ecdsaHost    = sync.OnceValue(func() ssh.Signer { return mustSigner(ecdsaPrivate()) })
	rsaPrivate   = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	rsaHost      = sync.OnceValue(func() ssh.Signer { return mustSigner(rsaPrivate()) })
	caKey        = sync.OnceValue(func() ssh.Signer { return mustSigner(newEd25519()) })
)

func newEd25519() ed25519.PrivateKey { _, k, _ := ed25519.GenerateKey(rand.Reader); return k }

func newECDSA() *ecdsa.PrivateKey {
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return k
}

func mustSigner(key any) ssh.Signer {
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return s
}

func hostCert(key ssh.Signer, edit func(*ssh.Certificate)) ssh.Signer {
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "host", ValidPrincipals: []string{"127.0.0.1"},
		ValidBefore: ssh.CertTimeInfinity,
	}
	edit(cert)
	if err := cert.SignCert(rand.Reader, caKey()); err != nil {
		panic(err)
	}
	s, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		panic(err)
	}
	return s
}

// server is an SSH server on loopback.
type server struct {
	ssh.ServerConfig
	hostKeys []ssh.Signer
	users    []ssh.PublicKey // keys that log in
	announce bool            // send hostkeys-00 and prove
	extra    [][]byte        // blobs that are announced too, without proof
	// exec runs a command; nil answers "ran COMMAND" and code 3.
	exec func(command string, ch ssh.Channel) (code int)
	// session is given the channel instead of the usual handling.
	session func(ssh.Channel, <-chan *ssh.Request)

	addr    *net.TCPAddr
	offered atomic.Int32 // keys that were shown to it
	conns   atomic.Int32
}

func (s *server) start(t testing.TB) *server {
	t.Helper()
	if s.hostKeys == nil {
		s.hostKeys = []ssh.Signer{edHost()}
	}
	for _, k := range s.hostKeys {
		s.AddHostKey(k)
	}
	if s.PublicKeyCallback == nil {
		s.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			s.offered.Add(1)
			if slices.ContainsFunc(s.users, func(u ssh.PublicKey) bool { return bytes.Equal(u.Marshal(), key.Marshal()) }) {
				return nil, nil
			}
			return nil, errors.New("no")
		}
	}
	s.addr = listen(t, func(c net.Conn) {
		s.conns.Add(1)
		s.serve(c)
	})
	return s
}

// listen serves connections until the test ends, and waits for the servers.
func listen(t testing.TB, serve func(net.Conn)) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr)
}

func (s *server) serve(c net.Conn) {
	conn, chans, reqs, err := ssh.NewServerConn(c, &s.ServerConfig)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer conn.Close()
	if s.announce {
		var payload []byte
		for _, k := range s.hostKeys {
			payload = append(payload, field(k.PublicKey().Marshal())...)
		}
		for _, b := range s.extra {
			payload = append(payload, field(b)...)
		}
		conn.SendRequest(reqHostKeys, false, payload)
	}
	wg.Go(func() {
		for r := range reqs {
			ok, reply := false, []byte(nil)
			if r.Type == reqProve && s.announce {
				ok, reply = s.prove(conn.SessionID(), r.Payload)
			}
			if r.WantReply {
				r.Reply(ok, reply)
			}
		}
	})
	for nc := range chans {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		if s.session != nil {
			wg.Go(func() { s.session(ch, reqs) })
			continue
		}
		wg.Go(func() { s.serveSession(ch, reqs) })
	}
}

func (s *server) prove(session, payload []byte) (bool, []byte) {
	var out []byte
	for _, blob := range fields(payload) {
		sig := []byte("junk")
		for _, k := range s.hostKeys {
			if bytes.Equal(k.PublicKey().Marshal(), blob) {
				alg := k.PublicKey().Type()
				if alg == ssh.KeyAlgoRSA {
					alg = ssh.KeyAlgoRSASHA512
				}
				data := ssh.Marshal(struct {
					Name          string
					Session, Blob []byte
				}{reqProve, session, blob})
				made, err := k.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, data, alg)
				if err != nil {
					return false, nil
				}
				sig = ssh.Marshal(made)
			}
		}
		out = append(out, field(sig)...)
	}
	return true, out
}

func field(b []byte) []byte { return ssh.Marshal(struct{ B []byte }{b}) }

func (s *server) serveSession(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for r := range reqs {
		if r.Type != "exec" {
			r.Reply(false, nil)
			continue
		}
		var m struct{ Command string }
		ssh.Unmarshal(r.Payload, &m)
		r.Reply(true, nil)
		code := 3
		if s.exec != nil {
			code = s.exec(m.Command, ch)
		} else {
			in, _ := io.ReadAll(ch)
			fmt.Fprintf(ch, "ran %s with %s", m.Command, in)
			io.WriteString(ch.Stderr(), "a warning")
		}
		ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
		return
	}
}

// host is the server as an inventory names it.
func (s *server) host() inventory.Host { return hostAt(s.addr) }

func hostAt(a *net.TCPAddr) inventory.Host {
	return inventory.Host{Name: "web1", Address: a.IP.String(), Port: a.Port, User: "deploy"}
}

// client is a folder with keys and known_hosts, and options that use it.
type client struct {
	t   testing.TB
	dir string
	opt Options
}

func newClient(t testing.TB) *client {
	dir := t.TempDir()
	return &client{t: t, dir: dir, opt: Options{
		KnownHosts: []string{filepath.Join(dir, "known_hosts")},
		// Short enough that a hang is seen, long enough for a loaded machine.
		Deadlines: Deadlines{Dial: 10 * time.Second, Handshake: 20 * time.Second, Auth: 20 * time.Second, Collect: 30 * time.Second},
	}}
}

// key writes a private key and offers it; the passphrase may be "".
func (c *client) key(name string, key any, passphrase string) ssh.PublicKey {
	c.t.Helper()
	var block *pem.Block
	var err error
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "test", []byte(passphrase))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(name, string(pem.EncodeToMemory(block)))
	c.opt.KeyFiles = append(c.opt.KeyFiles, filepath.Join(c.dir, name))
	return mustSigner(key).PublicKey()
}

func (c *client) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// knows puts lines into known_hosts; "HOST" stands for the server's name there.
func (c *client) knows(s *server, lines ...string) {
	text := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "HOST", fmt.Sprintf("[%s]:%d", s.addr.IP, s.addr.Port))
	c.write("known_hosts", text)
}

func keyLine(k ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) }

func (c *client) dialer() *Dialer {
	c.t.Helper()
	d, err := New(c.opt)
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

// dial logs in; the connection is closed with the test.
func (c *client) dial(h inventory.Host) (*Conn, error) {
	c.t.Helper()
	conn, err := c.dialer().Dial(c.t.Context(), h)
	if conn != nil {
		c.t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// wantError checks stage and words of an error; words may stand anywhere in it.
func wantError(t *testing.T, err error, stage Stage, kind error, words ...string) *StageError {
	t.Helper()
	var e *StageError
	if !errors.As(err, &e) {
		t.Fatalf("error is %v (%T)", err, err)
	}
	if e.Stage != stage {
		t.Errorf("stage %q, want %q", e.Stage, stage)
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("%v is not %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(e.Text+"\n"+e.Hint, w) {
			t.Errorf("%q is not in %q, hint %q", w, e.Text, e.Hint)
		}
	}
	if strings.ContainsFunc(e.Error()+e.Hint, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("control bytes in %q", e.Error())
	}
	if len(e.Error()) > 2000 {
		t.Errorf("error of %d bytes", len(e.Error()))
	}
	return e
}

package connect

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/inventory"
)

// openSSH starts this machine's own sshd on loopback, with its own
// configuration and keys, and waits until it answers.
func openSSH(t *testing.T, c *client, users []ssh.PublicKey, config ...string) inventory.Host {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	me, uerr := user.Current()
	if _, err := os.Stat(path); err != nil || uerr != nil {
		if os.Getenv("POSTERN_E2E") == "require" {
			t.Fatalf("POSTERN_E2E=require, and there is no sshd: %v %v", err, uerr)
		}
		t.Skip("no sshd on this machine (POSTERN_E2E=require makes this a failure)")
	}
	if me.Uid == "0" {
		os.MkdirAll("/run/sshd", 0o755)
	}
	lines := []string{"ListenAddress 127.0.0.1", "PidFile none", "UsePAM no", "StrictModes no", "UseDNS no", "PermitRootLogin yes"}
	for name, key := range map[string]any{"ed25519": edPrivate(), "ecdsa": ecdsaPrivate(), "rsa": rsaPrivate()} {
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "HostKey "+c.write("host_"+name, string(pem.EncodeToMemory(block))))
	}
	var authorized strings.Builder
	for _, u := range users {
		authorized.WriteString(keyLine(u) + "\n")
	}
	lines = append(lines, "AuthorizedKeysFile "+c.write("authorized_keys", authorized.String()))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	lines = append(append(lines, fmt.Sprint("Port ", port)), config...)
	var log bytes.Buffer
	cmd := exec.Command(path, "-D", "-e", "-f", c.write("sshd_config", strings.Join(lines, "\n")+"\n"))
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("sshd says:\n%s", log.String())
		}
	})
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr.String())
		if err == nil {
			// Its version line must be read, or it counts against MaxStartups.
			io.ReadFull(conn, make([]byte, 8))
			conn.Close()
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("sshd does not answer: %v", err)
		}
	}
	h := hostAt(addr)
	h.User = me.Username
	return h
}

func TestOpenSSH(t *testing.T) {
	for _, tc := range []struct {
		name   string
		key    any // the user's; nil: ed25519
		known  func() ssh.Signer
		config []string
		opt    func(*Options)
		stage  Stage // "": logs in
		words  []string
		check  func(t *testing.T, got *wire.Capture)
	}{
		{name: "stock", check: func(t *testing.T, got *wire.Capture) {
			proven := 0
			for _, k := range got.HostKeys {
				if k.Proven {
					proven++
				}
			}
			if !got.Announced || proven != 3 || len(got.HostKeys) != 3 {
				t.Errorf("announced %v, %d of %d keys proven", got.Announced, proven, len(got.HostKeys))
			}
			s, err := wire.Parse(*got)
			if err != nil || len(s.Anomalies) > 0 || !strings.HasPrefix(s.Software, "OpenSSH_") {
				t.Errorf("%+v, %v", s, err)
			}
			if sum := s.Summary(); sum.Terrapin || !sum.StrictKex || !sum.PostQuantum || sum.Unknown > 0 {
				t.Errorf("%+v", sum)
			}
			if strings.Join(got.Methods, ",") == "" || got.Insecure || got.NoneAccepted {
				t.Errorf("%+v", got)
			}
		}},
		{name: "known by RSA only", known: rsaHost, check: func(t *testing.T, got *wire.Capture) {
			if got.HostKey != ssh.KeyAlgoRSASHA512 {
				t.Errorf("host key algorithm %s", got.HostKey)
			}
		}},
		// x/crypto alone fails here: server-sig-algs of 9.2 names both.
		{name: "RSA key with SHA-256 only", key: rsaPrivate(), config: []string{"PubkeyAcceptedAlgorithms rsa-sha2-256"}},
		{name: "RSA key with SHA-512 only", key: rsaPrivate(), config: []string{"PubkeyAcceptedAlgorithms rsa-sha2-512"}},
		{name: "RSA key with SHA-1 only", key: rsaPrivate(), config: []string{"PubkeyAcceptedAlgorithms ssh-rsa"}, stage: StageAuth, words: []string{"refused"}},
		{name: "RSA key with SHA-1 only, permitted", key: rsaPrivate(), config: []string{"PubkeyAcceptedAlgorithms ssh-rsa"}, opt: func(o *Options) { o.AllowInsecure = true }},
		{name: "old algorithms", config: []string{"KexAlgorithms diffie-hellman-group14-sha1"}, stage: StageHandshake, words: []string{"no key exchange in common", "--allow-insecure-algorithms"}},
		{name: "old algorithms, permitted", config: []string{"KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes128-cbc"}, opt: func(o *Options) { o.AllowInsecure = true }, check: func(t *testing.T, got *wire.Capture) {
			if !got.Insecure || got.Cipher != "aes128-cbc" || got.MAC == "" {
				t.Errorf("insecure %v, cipher %s, MAC %s", got.Insecure, got.Cipher, got.MAC)
			}
		}},
		{name: "group exchange", config: []string{"KexAlgorithms diffie-hellman-group-exchange-sha256"}, check: func(t *testing.T, got *wire.Capture) {
			s, _ := wire.Parse(*got)
			if !bytes.Equal(s.KexHostKey, edHost().PublicKey().Marshal()) {
				t.Error("the reply's host key was not found")
			}
		}},
		{name: "no keys at all", config: []string{"PubkeyAuthentication no", "PasswordAuthentication yes"}, stage: StageAuth, words: []string{"the server takes no keys from ", "PubkeyAuthentication is off"}},
		{name: "second factor", config: []string{"AuthenticationMethods publickey,password", "PasswordAuthentication yes"}, stage: StageAuth, words: []string{"a key alone does not log in", `asks for "password"`}},
		{name: "too many tries", config: []string{"MaxAuthTries 1", "PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256"}, stage: StageAuth, words: []string{"too many keys: the server hung up after 1"}},
		{name: "denied", config: []string{"DenyUsers *"}, stage: StageAuth, words: []string{"refused: the server offers"}},
		{name: "changed key", known: otherHost, stage: StageHostKey, words: []string{"host key changed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			if tc.key == nil {
				tc.key = newEd25519()
			}
			pub := c.key("id", tc.key, "")
			h := openSSH(t, c, []ssh.PublicKey{pub}, tc.config...)
			if tc.known == nil {
				tc.known = edHost
			}
			c.write("known_hosts", hostPort(h.Address, h.Port)+" "+keyLine(tc.known().PublicKey())+"\n")
			if tc.opt != nil {
				tc.opt(&c.opt)
			}
			conn, err := c.dial(h)
			if tc.stage != "" {
				wantError(t, err, tc.stage, nil, tc.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			in := bytes.Repeat([]byte("0123456789abcde\n"), 10000)
			code, err := conn.Run(t.Context(), "cat; exit 5", bytes.NewReader(in), &out, nil)
			if err != nil || code != 5 || !bytes.HasSuffix(out.Bytes(), in) {
				t.Errorf("code %d, %v, %d bytes", code, err, out.Len())
			}
			if tc.check != nil {
				tc.check(t, conn.Capture())
			}
		})
	}
}

// sshd that has too many connections open says so in place of its version.
func TestOpenSSHThrottled(t *testing.T) {
	c := newClient(t)
	pub := c.key("id", newEd25519(), "")
	h := openSSH(t, c, []ssh.PublicKey{pub}, "MaxStartups 1:100:1")
	c.write("known_hosts", hostPort(h.Address, h.Port)+" "+keyLine(edHost().PublicKey())+"\n")
	// The connection that waited for sshd may still count for a moment.
	var held net.Conn
	for range 200 {
		conn, err := net.Dial("tcp", net.JoinHostPort(h.Address, fmt.Sprint(h.Port)))
		if err != nil {
			t.Fatal(err)
		}
		word := make([]byte, 4)
		if io.ReadFull(conn, word); string(word) == "SSH-" {
			held = conn
			break
		}
		conn.Close()
		time.Sleep(10 * time.Millisecond)
	}
	if held == nil {
		t.Fatal("sshd never takes a connection")
	}
	defer held.Close()
	_, err := c.dial(h)
	wantError(t, err, StageHandshake, ErrThrottled, "turned this address away for its rate", "retry later")
}

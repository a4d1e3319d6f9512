package connect

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestHostKeys(t *testing.T) {
	ed, other := keyLine(edHost().PublicKey()), keyLine(otherHost().PublicKey())
	ca := keyLine(caKey().PublicKey())
	edSum, otherSum := ssh.FingerprintSHA256(edHost().PublicKey()), ssh.FingerprintSHA256(otherHost().PublicKey())
	newer := "ssh-mldsa44-ed25519 " + base64.StdEncoding.EncodeToString(append(field([]byte("ssh-mldsa44-ed25519")), field([]byte("x"))...))
	sound := func(*ssh.Certificate) {}
	for _, tc := range []struct {
		name   string
		keys   []ssh.Signer // nil: ed25519
		lines  []string
		policy Policy
		words  []string // nil: accepted
	}{
		{name: "known", lines: []string{"HOST " + ed}},
		{name: "known among others", keys: []ssh.Signer{ecdsaHost(), rsaHost(), edHost()}, lines: []string{"HOST " + ed}},
		{name: "known by RSA only", keys: []ssh.Signer{edHost(), rsaHost()}, lines: []string{"HOST " + keyLine(rsaHost().PublicKey())}},
		{name: "two keys of one type, in rotation", lines: []string{"HOST " + other, "HOST " + ed}},
		{name: "known by name without port", lines: []string{"127.0.0.1 " + ed}},
		{name: "wildcard without port", lines: []string{"127.0.0.* " + ed}},
		{name: "bad lines beside", lines: []string{"HOST ssh-new AAAA", "junk", "HOST " + ed}},
		{name: "unknown", words: []string{"host key ssh-ed25519 " + edSum + " is not known", "accept-new"}},
		{name: "unknown, though its port-less name has another", lines: []string{"127.0.0.1 " + other}, words: []string{"is not known"}},
		{name: "changed", lines: []string{"# x", "HOST " + other}, words: []string{
			"host key changed: known is ssh-ed25519 " + otherSum + " (", "known_hosts:2), shown is ssh-ed25519 " + edSum, "ssh-keygen -R '[127.0.0.1]:",
		}},
		{name: "changed, accept-new", policy: AcceptNew, lines: []string{"HOST " + other}, words: []string{"host key changed"}},
		{name: "another type is known", lines: []string{"HOST " + keyLine(ecdsaHost().PublicKey())}, words: []string{
			"no host key that is known: known is ecdsa-sha2-nistp256 (", `the server offers "ssh-ed25519"`, "ssh-keygen -R",
		}},
		{name: "another type is known, accept-new", policy: AcceptNew, lines: []string{"HOST " + keyLine(ecdsaHost().PublicKey())}, words: []string{"no host key that is known"}},
		{name: "known by a newer type only", lines: []string{"HOST " + newer}, words: []string{"known is ssh-mldsa44-ed25519, which this client cannot check ("}},
		{name: "known by a newer type only, accept-new", policy: AcceptNew, lines: []string{"HOST " + newer}, words: []string{"which this client cannot check"}},
		{name: "known by a newer type too", lines: []string{"HOST " + newer, "HOST " + ed}},
		{name: "revoked", lines: []string{"HOST " + ed, "@revoked * " + ed}, words: []string{"is revoked: ", "known_hosts:2 has ssh-ed25519 " + edSum}},
		{name: "revoked under another name", lines: []string{"HOST " + ed, "@revoked elsewhere " + ed}, words: []string{"is revoked"}},
		{name: "revoked, accept-new", policy: AcceptNew, lines: []string{"@revoked * " + ed}, words: []string{"is revoked"}},
		{name: "authority's own key as a host's", lines: []string{"@cert-authority HOST " + ed}, words: []string{"a certificate of ssh-ed25519 " + edSum}},
		{name: "authority's own key, accept-new", policy: AcceptNew, lines: []string{"@cert-authority HOST " + ed}, words: []string{"a certificate of"}},
		{name: "certificate", keys: []ssh.Signer{hostCert(edHost(), sound)}, lines: []string{"@cert-authority HOST " + ca}},
		{name: "certificate, wildcard principal", keys: []ssh.Signer{hostCert(edHost(), func(c *ssh.Certificate) { c.ValidPrincipals = []string{"a", "127.*"} })}, lines: []string{"@cert-authority 127.0.0.1 " + ca}},
		{name: "RSA certificate", keys: []ssh.Signer{hostCert(rsaHost(), sound)}, lines: []string{"@cert-authority HOST " + ca}},
		{name: "certificate of another authority", keys: []ssh.Signer{hostCert(edHost(), sound)}, lines: []string{"@cert-authority HOST " + other}, words: []string{"wants a certificate of ssh-ed25519 " + otherSum}},
		{name: "certificate, key known plainly too", keys: []ssh.Signer{hostCert(edHost(), sound)}, lines: []string{"@cert-authority HOST " + other, "HOST " + ed}},
		{name: "certificate for another host", keys: []ssh.Signer{hostCert(edHost(), func(c *ssh.Certificate) { c.ValidPrincipals = []string{"db1"} })}, lines: []string{"@cert-authority HOST " + ca}, words: []string{`it is for "db1", not for "127.0.0.1"`}},
		{name: "certificate over", keys: []ssh.Signer{hostCert(edHost(), func(c *ssh.Certificate) { c.ValidBefore = 1700000000 })}, lines: []string{"@cert-authority HOST " + ca}, words: []string{"it ended on 2023-11-14"}},
		{name: "certificate not begun", keys: []ssh.Signer{hostCert(edHost(), func(c *ssh.Certificate) { c.ValidAfter = uint64(time.Now().Add(time.Hour).Unix()) })}, lines: []string{"@cert-authority HOST " + ca}, words: []string{"not valid yet"}},
		{name: "user's certificate", keys: []ssh.Signer{hostCert(edHost(), func(c *ssh.Certificate) { c.CertType = ssh.UserCert })}, lines: []string{"@cert-authority HOST " + ca}, words: []string{"a user's certificate"}},
		{name: "authority revoked", keys: []ssh.Signer{hostCert(edHost(), sound)}, lines: []string{"@cert-authority HOST " + ca, "@revoked * " + ca}, words: []string{"is revoked"}},
		{name: "certified key revoked", keys: []ssh.Signer{hostCert(edHost(), sound)}, lines: []string{"@cert-authority HOST " + ca, "@revoked * " + ed}, words: []string{"is revoked"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			s := (&server{hostKeys: tc.keys, users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
			c.opt.Policy = tc.policy
			c.knows(s, tc.lines...)
			before, _ := os.ReadFile(filepath.Join(c.dir, "known_hosts"))
			_, err := c.dial(s.host())
			after, _ := os.ReadFile(filepath.Join(c.dir, "known_hosts"))
			if string(before) != string(after) {
				t.Errorf("known_hosts was changed to %q", after)
			}
			if tc.words == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e := wantError(t, err, StageHostKey, ErrHostKey, tc.words...)
			if s.offered.Load() != 0 {
				t.Error("a key was shown to a host that is not trusted")
			}
			if e.Capture == nil || len(e.Capture.Server) == 0 {
				t.Error("what the server showed is lost")
			}
		})
	}
}

func TestAcceptNew(t *testing.T) {
	for _, tc := range []struct {
		name, before string
		line         int
	}{
		{"no file", "", 1},
		{"a last line without end", "web9 " + keyLine(otherHost().PublicKey()), 2},
		{"other lines", "# mine\nweb9 " + keyLine(otherHost().PublicKey()) + "\n", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			c.opt.Policy = AcceptNew
			c.opt.KnownHosts = []string{filepath.Join(c.dir, "new", "known_hosts"), filepath.Join(c.dir, "global")}
			path := c.opt.KnownHosts[0]
			if tc.before != "" {
				os.Mkdir(filepath.Dir(path), 0o700)
				os.WriteFile(path, []byte(tc.before), 0o640)
			}
			s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
			d := c.dialer()
			conn, err := d.Dial(t.Context(), s.host())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			want := Learnt{path, tc.line, "ssh-ed25519", ssh.FingerprintSHA256(edHost().PublicKey())}
			if l := conn.Learnt(); l == nil || *l != want {
				t.Errorf("learnt %+v, want %+v", l, want)
			}
			got, _ := os.ReadFile(path)
			if lines := strings.Split(string(got), "\n"); lines[tc.line-1] != fmt.Sprintf("[127.0.0.1]:%d %s", s.addr.Port, keyLine(edHost().PublicKey())) || !strings.HasPrefix(string(got), tc.before) {
				t.Errorf("file is %q", got)
			}
			if tc.before == "" {
				if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
					t.Errorf("mode %o", info.Mode())
				}
			}
			// Now it is known: to this run, to the next one, and strictly.
			again, err := d.Dial(t.Context(), s.host())
			if err != nil || again.Learnt() != nil {
				t.Fatalf("%v, %+v", err, again.Learnt())
			}
			again.Close()
			c.opt.Policy = Strict
			if _, err := c.dial(s.host()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that hides its names gets hidden names.
func TestAcceptNewHashed(t *testing.T) {
	c := newClient(t)
	c.opt.Policy = AcceptNew
	s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
	c.knows(s, knownhosts.HashHostname("web9")+" "+keyLine(otherHost().PublicKey()))
	if _, err := c.dial(s.host()); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(c.opt.KnownHosts[0])
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[1], "|1|") {
		t.Errorf("%q", got)
	}
	c.opt.Policy = Strict
	if _, err := c.dial(s.host()); err != nil {
		t.Error(err)
	}
	// x/crypto reads the line too.
	check, err := knownhosts.New(c.opt.KnownHosts[0])
	if err == nil {
		err = check(fmt.Sprintf("127.0.0.1:%d", s.addr.Port), s.addr, edHost().PublicKey())
	}
	if err != nil {
		t.Error(err)
	}
}

// Many dials to one new host write one line.
func TestAcceptNewParallel(t *testing.T) {
	c := newClient(t)
	c.opt.Policy = AcceptNew
	s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
	dialers := []*Dialer{c.dialer(), c.dialer()}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			conn, err := dialers[i%2].Dial(t.Context(), s.host())
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		})
	}
	wg.Wait()
	got, _ := os.ReadFile(c.opt.KnownHosts[0])
	if n := strings.Count(string(got), "\n"); n != 1 {
		t.Errorf("%d lines: %s", n, got)
	}
}

// Between reading the file and learning, another program learnt another key.
func TestLearnLate(t *testing.T) {
	c := newClient(t)
	c.opt.Policy = AcceptNew
	s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
	d := c.dialer()
	c.knows(s, "HOST "+keyLine(otherHost().PublicKey()))
	_, err := d.Dial(t.Context(), s.host())
	wantError(t, err, StageHostKey, ErrHostKey, "host key changed", "known_hosts:1)")
	c.knows(s, "@revoked * "+keyLine(edHost().PublicKey()))
	_, err = d.Dial(t.Context(), s.host())
	wantError(t, err, StageHostKey, ErrHostKey, "is revoked")
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	conn, err := d.Dial(t.Context(), s.host())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Learnt() != nil {
		t.Error("learnt what was in the file")
	}
}

// A known_hosts file that cannot be written refuses the host: nobody would know
// the key next time.
func TestLearnUnwritable(t *testing.T) {
	c := newClient(t)
	c.opt.Policy = AcceptNew
	c.opt.KnownHosts = []string{filepath.Join(c.dir, "id", "known_hosts")} // below a file
	s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
	_, err := c.dial(s.host())
	wantError(t, err, StageHostKey, ErrHostKey, "could not be written", "--known-hosts")
	if s.offered.Load() != 0 {
		t.Error("a key was shown")
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	open := func() *os.File {
		f, err := openKnownHosts(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	a, b := open(), open()
	if err := lockFile(a, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := lockFile(b, time.Now()); !errors.Is(err, errLock) {
		t.Errorf("a second lock: %v", err)
	}
	unlockFile(a)
	if err := lockFile(b, time.Now()); err != nil {
		t.Error(err)
	}
}

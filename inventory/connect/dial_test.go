package connect

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/inventory"
)

func TestLoginAndRun(t *testing.T) {
	c := newClient(t)
	user := c.key("id_ed25519", newEd25519(), "")
	s := (&server{hostKeys: []ssh.Signer{edHost(), ecdsaHost(), rsaHost()}, users: []ssh.PublicKey{user}, announce: true})
	s.extra = [][]byte{otherHost().PublicKey().Marshal()}
	s.BannerCallback = func(ssh.ConnMetadata) string { return "Authorised use only\n" }
	s.start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	conn, err := c.dial(s.host())
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code, err := conn.Run(t.Context(), "uptime", strings.NewReader("input"), &out, &errs)
	if err != nil || code != 3 || out.String() != "ran uptime with input" || errs.String() != "a warning" {
		t.Errorf("code %d, %v, %q, %q", code, err, out.String(), errs.String())
	}
	got := conn.Capture()
	server, err := wire.Parse(*got)
	if err != nil || server.Kexinit == nil || !server.NewKeys || server.Clear != len(got.Server) {
		t.Errorf("the clear part reads as %+v, %v", server, err)
	}
	if !bytes.Equal(server.KexHostKey, edHost().PublicKey().Marshal()) {
		t.Error("the reply's host key is not the server's")
	}
	want := &wire.Capture{
		Server: got.Server, Local: got.Local, Remote: s.addr.String(), User: "deploy",
		Methods: []string{"publickey"}, Banner: "Authorised use only\n", Announced: true,
		HostKeys: []wire.CapturedKey{
			{Blob: edHost().PublicKey().Marshal(), Proven: true},
			{Blob: ecdsaHost().PublicKey().Marshal(), Proven: true},
			{Blob: rsaHost().PublicKey().Marshal(), Proven: true},
			{Blob: otherHost().PublicKey().Marshal(), Proven: false},
		},
		Kex: ssh.KeyExchangeMLKEM768X25519, HostKey: ssh.KeyAlgoED25519, Cipher: ssh.CipherAES128GCM,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if code, err := conn.Run(t.Context(), "again", nil, nil, nil); err != nil || code != 3 {
		t.Errorf("a second command: %d, %v", code, err)
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A server that announces nothing holds nobody up, and its key is still known.
func TestNoAnnouncement(t *testing.T) {
	c := newClient(t)
	s := (&server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}}).start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	conn, err := c.dial(s.host())
	if err != nil {
		t.Fatal(err)
	}
	got := conn.Capture() // without a command it waits, but not for ever
	want := []wire.CapturedKey{{Blob: edHost().PublicKey().Marshal(), Proven: true}}
	if got.Announced || cmp.Diff(want, got.HostKeys) != "" {
		t.Errorf("announced %v, keys %v", got.Announced, got.HostKeys)
	}
}

// An announcement of thousands of keys is cut.
func TestHugeAnnouncement(t *testing.T) {
	c := newClient(t)
	s := &server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}, announce: true}
	for range 100 {
		s.extra = append(s.extra, bytes.Repeat([]byte{byte(len(s.extra))}, 50))
	}
	s.start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	conn, err := c.dial(s.host())
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.Capture(); len(got.HostKeys) > maxHostKeys || !got.Announced {
		t.Errorf("announced %v, %d keys", got.Announced, len(got.HostKeys))
	}
}

func TestNoneAccepted(t *testing.T) {
	c := newClient(t)
	c.key("id", newEd25519(), "")
	s := &server{}
	s.NoClientAuth = true
	s.start(t)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	conn, err := c.dial(s.host())
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.Capture(); !got.NoneAccepted || got.Methods != nil {
		t.Errorf("none accepted %v, methods %v", got.NoneAccepted, got.Methods)
	}
}

// What is wrong with a host or an account is said without a connection.
func TestTarget(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		host  inventory.Host
		stage Stage
		text  string
	}{
		{"blank in the name", inventory.Host{Name: "a b", User: "u"}, StageDial, `"a b" is neither a host name nor an address`},
		{"a list", inventory.Host{Name: "a,b", User: "u"}, StageDial, `"a,b" is neither`},
		{"control byte", inventory.Host{Name: "a\x1b[2J", User: "u"}, StageDial, `"a\x1b[2J" is neither`},
		{"wildcard", inventory.Host{Name: "*", User: "u"}, StageDial, `"*" is neither`},
		{"empty", inventory.Host{User: "u"}, StageDial, `"" is neither`},
		{"bad address", inventory.Host{Name: "x", Address: "1:2", User: "u"}, StageDial, `"1:2" is neither`},
		{"port", inventory.Host{Name: "x", Port: 70000, User: "u"}, StageDial, "port 70000 does not exist"},
		{"no user", inventory.Host{Name: "x"}, StageAuth, "no account to log in to"},
		{"no key", inventory.Host{Name: "x", User: "u"}, StageAuth, "no key to log in with"},
		{"key is missing", inventory.Host{Name: "x", User: "u", Keys: []string{"/nowhere/id"}}, StageAuth, "no key to log in with: stat /nowhere/id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := d.Dial(t.Context(), tc.host)
			var e *StageError
			if !errors.As(err, &e) || e.Stage != tc.stage || !strings.HasPrefix(e.Text, tc.text) {
				t.Errorf("%v", err)
			}
		})
	}
	for in, want := range map[string]string{"[::1]": "::1", "fe80::1%eth0": "fe80::1%eth0", "Web.Example": "Web.Example", "xn--bcher-kva.example": "xn--bcher-kva.example", "bücher": "bücher"} {
		if got, err := d.target(inventory.Host{Name: in, User: "u"}); err != nil || got.host != want || got.port != 22 {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for name, opt := range map[string]Options{
		"policy":  {Policy: "maybe"},
		"no file": {Policy: AcceptNew},
	} {
		if _, err := New(opt); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCancelledBefore(t *testing.T) {
	c := newClient(t)
	c.key("id", newEd25519(), "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.dialer().Dial(ctx, inventory.Host{Name: "127.0.0.1", User: "u"})
	wantError(t, err, StageDial, context.Canceled, "not begun")
}

func BenchmarkDialRun(b *testing.B) {
	c := newClient(b)
	answer := bytes.Repeat([]byte("0123456789abcdef"), 2560) // 40 kB
	s := &server{users: []ssh.PublicKey{c.key("id", newEd25519(), "")}, announce: true, hostKeys: []ssh.Signer{edHost(), ecdsaHost(), rsaHost()}}
	s.exec = func(_ string, ch ssh.Channel) int { ch.Write(answer); return 0 }
	s.start(b)
	c.knows(s, "HOST "+keyLine(edHost().PublicKey()))
	d := c.dialer()
	b.ReportAllocs()
	for b.Loop() {
		conn, err := d.Dial(b.Context(), s.host())
		if err != nil {
			b.Fatal(err)
		}
		var out bytes.Buffer
		if code, err := conn.Run(b.Context(), "x", nil, &out, nil); err != nil || code != 0 || out.Len() != len(answer) {
			b.Fatal(code, err, out.Len())
		}
		conn.Capture()
		conn.Close()
	}
}

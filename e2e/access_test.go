//go:build linux

package e2e_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/e2e"
)

// proof is one configuration of a host, and the logins by which it is held
// against what postern access foresees. Nothing here says how they end: that is
// the host's word.
type proof struct {
	name     string
	conf     string // drop-in before all others
	main     string // appended to Debian's file
	setup    string // script, before the reload
	undo     string
	systemd  bool
	noReload bool
	port     int
	logins   []string // account, "@" behind it: from the other address
	doubt    bool     // postern must say that it does not know what the daemon holds
	unknown  bool     // postern must say of some way that it does not know
}

// Contexts of every kind that the question can turn on.
var proofs = []proof{
	{name: "as Debian ships it", logins: []string{"root", "typist", "plain", "guest", "locked", "expired", "noshell"}},
	{name: "the back door through keyboard-interactive", conf: "PasswordAuthentication no\nKBD", logins: []string{"typist", "root", "locked"}},
	{name: "a carve-out", conf: closedSSHD + "Match User typist Address 10.99.0.2\n  PasswordAuthentication yes\n", logins: []string{"typist", "typist@", "root@", "plain"}},
	{name: "a drop-in beats the main file", conf: "PermitRootLogin yes\nPasswordAuthentication yes\n", main: "PermitRootLogin no\nPasswordAuthentication no\n", logins: []string{"root", "typist"}},
	{name: "edited and not reloaded", conf: closedSSHD, noReload: true, doubt: true, logins: []string{"typist", "root"}},
	{name: "locked with a key, no PAM", conf: "UsePAM no\n", logins: []string{"locked", "typist", "expired", "plain"}},
	{name: "StrictModes", setup: "chmod 777 /home/plain", undo: "chmod 755 /home/plain", logins: []string{"plain", "admin"}},
	{name: "a group that may write, with nobody else in it", setup: "chmod 775 /home/plain", undo: "chmod 755 /home/plain", logins: []string{"plain"}},
	{name: "a key and a password", conf: "PermitRootLogin yes\nAuthenticationMethods publickey,password\n", logins: []string{"root", "typist", "plain"}},
	{name: "a key and PAM", conf: "PermitRootLogin yes\nAuthenticationMethods publickey,keyboard-interactive:pam publickey,password\nKBD", logins: []string{"root", "typist"}},
	{name: "two keys", conf: "AuthenticationMethods publickey,publickey\n", logins: []string{"plain"}},
	{name: "a certificate", conf: "TrustedUserCAKeys /etc/ssh/users.pub\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n", logins: []string{"typist", "root", "expired"}},
	{name: "a certificate and no list of principals", conf: "TrustedUserCAKeys /etc/ssh/users.pub\nAuthorizedPrincipalsFile /etc/ssh/principals/%u\nPasswordAuthentication no\n", logins: []string{"typist"}},
	{name: "a certificate by a list of principals", conf: "TrustedUserCAKeys /etc/ssh/users.pub\nAuthorizedPrincipalsFile /etc/ssh/principals/%u\nPasswordAuthentication no\n",
		setup: "mkdir -p /etc/ssh/principals; echo 'command=\"id\" typist' >/etc/ssh/principals/typist", undo: "rm -r /etc/ssh/principals", logins: []string{"typist", "noshell"}},
	{name: "a certificate by one list of principals", conf: "TrustedUserCAKeys /etc/ssh/users.pub\nAuthorizedPrincipalsFile /etc/ssh/names\nPasswordAuthentication no\n",
		setup: "echo typist >/etc/ssh/names", undo: "rm /etc/ssh/names", logins: []string{"typist", "root"}},
	{name: "from=", setup: `sed -i 's/^ssh/from="10.99.0.2,192.0.2.0\/24" ssh/' /home/plain/.ssh/authorized_keys`, undo: "sed -i 's/^.* ssh-/ssh-/' /home/plain/.ssh/authorized_keys", logins: []string{"plain", "plain@"}},
	{name: "root's forced command", conf: "PermitRootLogin forced-commands-only\n", setup: `sed -i 's/^ssh/command="id" ssh/' /root/.ssh/authorized_keys`, undo: "sed -i 's/^.* ssh-/ssh-/' /root/.ssh/authorized_keys", logins: []string{"root", "plain"}},
	{name: "root's forced command that is none", conf: "PermitRootLogin forced-commands-only\nForceCommand id\n", logins: []string{"root"}},
	{name: "a key that has run out", setup: `sed -i 's/^ssh/expiry-time="20200101" ssh/' /home/plain/.ssh/authorized_keys`, undo: "sed -i 's/^.* ssh-/ssh-/' /home/plain/.ssh/authorized_keys", logins: []string{"plain"}},
	{name: "an option that sshd does not know", setup: `sed -i 's/^ssh/no-such-option ssh/' /home/plain/.ssh/authorized_keys`, undo: "sed -i 's/^.* ssh-/ssh-/' /home/plain/.ssh/authorized_keys", logins: []string{"plain"}},
	{name: "a revoked key", conf: "RevokedKeys /etc/ssh/revoked\n", setup: "cp /home/plain/.ssh/authorized_keys /etc/ssh/revoked", undo: "rm /etc/ssh/revoked", logins: []string{"plain", "admin"}},
	{name: "a key revocation list", conf: "RevokedKeys /etc/ssh/revoked\n", setup: "ssh-keygen -q -k -f /etc/ssh/revoked /home/plain/.ssh/authorized_keys", undo: "rm /etc/ssh/revoked", logins: []string{"plain", "admin"}},
	{name: "RevokedKeys that is not there", conf: "RevokedKeys /etc/ssh/gone\n", logins: []string{"plain", "typist"}},
	{name: "lists of users and places", conf: "AllowUsers plain typist@10.99.0.2 r*\nDenyUsers root@10.99.0.2\n", logins: []string{"plain", "typist", "typist@", "root", "root@", "admin"}},
	{name: "lists of groups", conf: "AllowGroups plain typist\nDenyGroups typist\n", logins: []string{"plain", "typist", "admin"}},
	{name: "a list with a comma", conf: "AllowUsers plain,typist\n", logins: []string{"plain", "typist"}},
	{name: "no try is left", conf: "MaxAuthTries 0\n", logins: []string{"plain"}},
	{name: "a list of methods that is switched off", conf: "Match User plain\n  PubkeyAuthentication no\n  AuthenticationMethods publickey\n", logins: []string{"plain", "admin"}},
	{name: "a chroot that is not root's", conf: "ChrootDirectory %h\n", logins: []string{"plain"}},
	{name: "hosts that nobody trusts", conf: "HostbasedAuthentication yes\nGSSAPIAuthentication yes\n", logins: []string{"typist", "plain"}},
	{name: "empty passwords", conf: closedPasswordsBut + "PermitEmptyPasswords yes\n", logins: []string{"guest", "typist", "plain"}},
	{name: "nobody may log in but root", setup: "echo closed >/etc/nologin", undo: "rm /etc/nologin", logins: []string{"root", "plain", "typist"}},
	{name: "a boot that goes on", setup: "touch /run/nologin", undo: "rm /run/nologin", logins: []string{"root", "plain"}},
	{name: "a program for keys that sshd does not run", conf: "AuthorizedKeysFile none\nAuthorizedKeysCommand /home/plain/keys\nAuthorizedKeysCommandUser nobody\n",
		setup: "printf '#!/bin/sh\\ncat /home/plain/.ssh/authorized_keys\\n' >/home/plain/keys; chmod 755 /home/plain/keys; chown plain /home/plain/keys", undo: "rm /home/plain/keys", logins: []string{"plain"}},
	{name: "an algorithm that is not accepted", conf: "PUBKEYTYPES rsa-sha2-512\n", logins: []string{"plain"}},
	{name: "keys elsewhere", conf: "AuthorizedKeysFile /etc/ssh/keys/%u\n", setup: "mkdir -p /etc/ssh/keys; cp /home/plain/.ssh/authorized_keys /etc/ssh/keys/plain; chmod 644 /etc/ssh/keys/plain", undo: "rm -r /etc/ssh/keys", logins: []string{"plain", "admin"}},
	{name: "a second sshd", port: 2222, logins: []string{"typist", "root", "plain"}},
	{name: "ssh.socket", systemd: true, setup: "systemctl disable --now ssh.service; systemctl enable --now ssh.socket", logins: []string{"root", "typist", "plain"}},
}

// secondSSHD is a server beside Debian's own, with a file of its own.
const secondSSHD = `printf 'Port 2222\nPidFile /run/sshd2.pid\nUsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n' >/etc/ssh/sshd2_config
`

// TestAccessIsProvenByDoing asks postern access on real hosts who can log in, and
// then tries every way: what the server offers and what lets the account in must
// be what was foreseen.
func TestAccessIsProvenByDoing(t *testing.T) {
	e2e.NeedHosts(t)
	authority := newAuthority(t)
	var pairs, ways atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d host and context pairs proven, %d ways tried", pairs.Load(), ways.Load())
		if n := pairs.Load(); n < 40 && !t.Failed() {
			t.Errorf("%d pairs, want at least 40", n)
		}
	})
	for _, release := range e2e.Releases {
		for _, init := range []e2e.Init{e2e.Tiny, e2e.Systemd} {
			if init == e2e.Systemd && release == e2e.Bullseye {
				continue // its ssh.socket starts a server for each connection
			}
			t.Run(fmt.Sprintf("%s/%s", release, init), func(t *testing.T) {
				t.Parallel()
				spec := e2e.Spec{Release: release, Init: init, Accounts: true, FailingLogins: true,
					Setup: guestAccount + "echo '" + authority.line + "' >/etc/ssh/users.pub\n"}
				if init == e2e.Tiny {
					spec.Setup += secondSSHD
					spec.Daemons = []string{"/usr/sbin/sshd -D", "/usr/sbin/cron -f", "/usr/sbin/sshd -D -f /etc/ssh/sshd2_config"}
				}
				h := e2e.Start(t, spec)
				original := h.ReadFile("/etc/ssh/sshd_config")
				for _, p := range proofs {
					if p.systemd != (init == e2e.Systemd) {
						continue
					}
					t.Run(p.name, func(t *testing.T) {
						h := h.For(t)
						if p.undo != "" {
							t.Cleanup(func() { h.Exec(p.undo) })
						}
						p.prepare(h, original)
						foreseen := map[string]*facts.Logins{}
						for _, login := range p.logins {
							ways.Add(int64(p.prove(t, h, login, authority, foreseen)))
							pairs.Add(1)
						}
					})
				}
			})
		}
	}
}

func (p *proof) prepare(h *e2e.Host, original []byte) {
	conf := p.conf
	kbd, types := permissiveKbd(h.Spec().Release), "PubkeyAcceptedAlgorithms"
	if h.Spec().Release == e2e.Bullseye {
		types = "PubkeyAcceptedKeyTypes"
	}
	conf = strings.NewReplacer("KBD", kbd, "PUBKEYTYPES", types).Replace(conf)
	if p.noReload {
		h.WriteFile("/etc/ssh/sshd_config.d/00-case.conf", nil, 0o644)
		h.ReloadSSHD()
		time.Sleep(1100 * time.Millisecond)
	}
	if p.setup != "" {
		h.Run(p.setup)
	}
	h.WriteFile("/etc/ssh/sshd_config", append(original[:len(original):len(original)], p.main...), 0o644)
	h.WriteFile("/etc/ssh/sshd_config.d/00-case.conf", []byte(conf), 0o644)
	if !p.noReload && !p.systemd {
		time.Sleep(1100 * time.Millisecond) // files and reloads are dated by seconds
		h.ReloadSSHD()
	}
}

// authority signs certificates for accounts.
type authority struct {
	signer ssh.Signer
	line   string
}

func newAuthority(t *testing.T) *authority {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{s, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))}
}

// certificate is a fresh key with a certificate for one name.
func (a *authority) certificate(t *testing.T, name string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.Certificate{Key: s.PublicKey(), CertType: ssh.UserCert, KeyId: name, ValidPrincipals: []string{name},
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix())}
	if err := c.SignCert(rand.Reader, a.signer); err != nil {
		t.Fatal(err)
	}
	out, err := ssh.NewCertSigner(c, s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// prove holds one login against what was foreseen; it says how many ways it tried.
func (p *proof) prove(t *testing.T, h *e2e.Host, login string, ca *authority, foreseen map[string]*facts.Logins) int {
	t.Helper()
	user, elsewhere := strings.CutSuffix(login, "@")
	from, address := net.IP(nil), "10.99.0.1"
	if elsewhere {
		from, address = e2e.Elsewhere, e2e.Elsewhere.String()
	}
	port := h.Port()
	if p.port != 0 {
		port = p.port
	}
	if foreseen[address] == nil {
		out, stderr, code := h.Postern("access", "--local", "--format", "json", "--from", address)
		var doc audit.Access
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 0 || len(doc.Hosts) != 1 || doc.Hosts[0].Logins == nil {
			t.Fatalf("postern access --local: exit code %d, %v\n%s%s", code, err, out, stderr)
		}
		foreseen[address] = doc.Hosts[0].Logins
	}
	server := serverAt(foreseen[address].Servers, port)
	if server == nil {
		t.Fatalf("%s: no server on port %d", login, port)
	}
	var a facts.Login
	answers := 0
	for i := range server.Logins {
		if server.Logins[i].User == user {
			a = server.Logins[i]
			answers++
		}
	}
	if answers != 1 {
		t.Fatalf("%s: %d answers", login, answers)
	}
	if p.doubt {
		if server.Doubt == "" {
			t.Errorf("%s: postern is certain", login)
		}
		return 0
	}
	if server.Doubt != "" {
		t.Errorf("%s: in doubt: %s", login, server.Doubt)
	}
	at := &place{h: h, from: from, port: port, user: user}

	type seen struct {
		Offered []string
		In      []string
	}
	want := seen{Offered: slices.Clone(a.Offered), In: []string{}}
	got := seen{In: []string{}}
	slices.Sort(want.Offered)
	letIn := false
	if got.Offered, letIn = at.offered(t); letIn {
		want.Offered = got.Offered // none was enough: nothing is offered any more
	}
	account := e2e.Account{Name: user}
	for _, known := range h.Accounts().All() {
		if known.Name == user {
			account = known
		}
	}
	certified := ca.certificate(t, user)
	tries := [][]string{{"none"}, {"password"}, {"keyboard-interactive"}, {"publickey"}, {"publickey", "password"}, {"publickey", "keyboard-interactive"}, {"publickey", "publickey"}}
	n, doubted := 0, !p.unknown
	for _, try := range tries {
		methods, ok := credentials(account, certified, try, strings.Contains(p.conf, "TrustedUserCAKeys"))
		if !ok {
			continue
		}
		n++
		name := strings.Join(try, ",")
		if p.unknown && slices.ContainsFunc(a.Ways, func(w facts.LoginWay) bool { return w.Verdict == "unknown" && strings.Join(w.Methods, ",") == name }) {
			doubted = true
			continue
		}
		if at.in(t, methods) && at.used == len(methods) {
			got.In = append(got.In, name)
		}
		for i := range a.Ways {
			if strings.ReplaceAll(strings.Join(a.Ways[i].Methods, ","), ":pam", "") == name {
				if a.Ways[i].Verdict != "yes" {
					t.Errorf("%s by %s: not known: %s", login, name, a.Ways[i].Why)
				}
				want.In = append(want.In, name)
			}
		}
	}
	if !doubted && a.Admin == "" && user == "typist" {
		t.Errorf("%s: postern is certain of %v", login, a.Ways)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-foreseen +seen):\n%s%s %v", login, diff, a.Why, a.Evidence)
	}
	return n
}

// serverAt finds the server that answers on a port. One that no process of its own
// listens for is started by systemd.
func serverAt(all []facts.LoginServer, port int) *facts.LoginServer {
	for i := range all {
		for _, l := range all[i].Listens {
			if strings.HasSuffix(l, ":"+strconv.Itoa(port)) {
				return &all[i]
			}
		}
	}
	if len(all) == 1 {
		return &all[0]
	}
	return nil
}

// credentials are what a login by these methods is tried with; false where the
// account has none for one of them.
func credentials(a e2e.Account, certified ssh.Signer, try []string, certificates bool) ([]ssh.AuthMethod, bool) {
	var out []ssh.AuthMethod
	for i, m := range try {
		switch m {
		case "none": // x/crypto begins every login with it
		case "password", "keyboard-interactive":
			if a.Password == "" {
				return nil, false
			}
			if m == "password" {
				out = append(out, ssh.Password(a.Password))
			} else {
				out = append(out, keyboard(a.Password))
			}
		case "publickey":
			switch {
			case certificates && a.Signer != nil:
				out = append(out, ssh.PublicKeys(certified, a.Signer))
			case certificates:
				out = append(out, ssh.PublicKeys(certified))
			case a.Signer == nil:
				return nil, false
			default:
				out = append(out, ssh.PublicKeys(a.Signer))
			}
			if i > 0 && !certificates {
				return out, true // the same key again
			}
		}
	}
	return out, true
}

// place is where logins are tried.
type place struct {
	h    *e2e.Host
	from net.IP
	port int
	user string
	used int // methods that the last login took
}

// dial begins a connection and asks next for each method.
func (p *place) dial(t *testing.T, next func(*ssh.ClientAuthContext) (ssh.AuthMethod, error)) (*ssh.Client, error) {
	t.Helper()
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	if p.from != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: p.from}
	}
	address := net.JoinHostPort(p.h.Addr(), strconv.Itoa(p.port))
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c, channels, requests, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User: p.user, AuthCallback: next,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			for _, k := range p.h.HostKeys() {
				if bytes.Equal(k.Marshal(), key.Marshal()) {
					return nil
				}
			}
			return errors.New("another host's key")
		},
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// offered is the list that the server sends after none; nothing where it hangs
// up. letIn says that none was enough.
func (p *place) offered(t *testing.T) (list []string, letIn bool) {
	t.Helper()
	out := []string{}
	c, err := p.dial(t, func(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
		out = append(out, c.AllowedMethods...)
		return nil, errors.New("seen")
	})
	if err == nil {
		c.Close()
	}
	slices.Sort(out)
	return out, err == nil
}

// in goes through the methods in their order and reports whether a command was
// run, or refused by the account's shell.
func (p *place) in(t *testing.T, methods []ssh.AuthMethod) bool {
	t.Helper()
	p.used = 0
	c, err := p.dial(t, func(*ssh.ClientAuthContext) (ssh.AuthMethod, error) {
		if p.used == len(methods) {
			return nil, errors.New("no more")
		}
		p.used++
		return methods[p.used-1], nil
	})
	if err != nil {
		return false
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return false
	}
	defer s.Close()
	err = s.Run("id -un")
	var exit *ssh.ExitError
	return err == nil || errors.As(err, &exit)
}

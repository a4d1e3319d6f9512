//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// loginTimeout bounds a login, PAM's delays included.
const loginTimeout = 20 * time.Second

// Dial logs in over the network as x/crypto's client does, with these methods
// and no other, and checks the host's key. The connection ends with the test.
func (h *Host) Dial(user string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	h.t.Helper()
	return h.DialFrom(nil, user, methods...)
}

// Elsewhere is a second address of the test's, in the hosts' network: for what
// sshd decides by the address that a login comes from.
var Elsewhere = net.IPv4(10, 99, 0, 2)

// DialFrom is Dial from an address of ours; nil means the usual one.
func (h *Host) DialFrom(from net.IP, user string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	h.t.Helper()
	dialer := &net.Dialer{}
	if from != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: from}
	}
	ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
	defer cancel()
	address := net.JoinHostPort(h.address, strconv.Itoa(h.spec.Port))
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(loginTimeout))
	c, channels, requests, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User:            user,
		Auth:            methods,
		HostKeyCallback: h.checkHostKey,
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	client := ssh.NewClient(c, channels, requests)
	h.t.Cleanup(func() { client.Close() })
	return client, nil
}

// Login logs the account in by its key if it has one, else by its password,
// and ends the test when that is refused.
func (h *Host) Login(a Account) *ssh.Client {
	h.t.Helper()
	method := ssh.Password(a.Password)
	if a.Signer != nil {
		method = ssh.PublicKeys(a.Signer)
	}
	client, err := h.Dial(a.Name, method)
	if err != nil {
		h.t.Fatalf("e2e: %s: log in as %s: %v", h.name, a.Name, err)
	}
	return client
}

func (h *Host) checkHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	for _, k := range h.hostKeys {
		if bytes.Equal(k.Marshal(), key.Marshal()) {
			return nil
		}
	}
	return fmt.Errorf("host key %s is not one of %s's", ssh.FingerprintSHA256(key), h.name)
}

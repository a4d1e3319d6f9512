package demo

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// server is one host of the fleet.
type server struct {
	persona Persona
	snap    *snapshot.Snapshot
	keys    []ssh.Signer
	config  *ssh.ServerConfig
	ln      net.Listener
	wait    sync.WaitGroup
}

func newServer(p Persona, snap *snapshot.Snapshot, client ssh.PublicKey) (*server, error) {
	s := &server{persona: p, snap: snap}
	if err := s.makeKeys(); err != nil {
		return nil, err
	}
	want := client.Marshal()
	s.config = &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-" + p.Version,
		PublicKeyCallback: func(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if conn.User() != p.User || !bytes.Equal(key.Marshal(), want) {
				return nil, errors.New("not this key")
			}
			return nil, nil
		},
	}
	s.config.Ciphers, s.config.MACs, s.config.KeyExchanges = p.Ciphers, p.MACs, p.Kex
	for _, m := range p.Methods {
		if m == "password" { // offered as the real host offers it; nothing gets in by it
			s.config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
				return nil, errors.New("no password logs in to the demo")
			}
		}
	}
	for _, k := range s.keys {
		s.config.AddHostKey(k)
	}
	return s, nil
}

// makeKeys makes the host's keys anew. OpenSSH's order is rsa, ecdsa, ed25519.
func (s *server) makeKeys() error {
	var private []any
	if s.persona.RSA {
		r, err := rsa.GenerateKey(rand.Reader, 3072)
		if err != nil {
			return err
		}
		e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		private = append(private, r, e)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	for _, k := range append(private, ed) {
		signer, err := ssh.NewSignerFromKey(k)
		if err != nil {
			return err
		}
		if signer.PublicKey().Type() == ssh.KeyAlgoRSA {
			signer, err = ssh.NewSignerWithAlgorithms(signer.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
			if err != nil {
				return err
			}
		}
		s.keys = append(s.keys, signer)
	}
	return nil
}

func (s *server) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer s.wait.Wait()
	defer cancel()
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.wait.Go(func() {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(time.Minute))
			s.session(conn)
		})
	}
}

func (s *server) session(conn net.Conn) {
	c, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	defer c.Close()
	var blobs []byte
	for _, k := range s.keys {
		blobs = appendString(blobs, k.PublicKey().Marshal())
	}
	// OpenSSH PROTOCOL, section 2.5: every host key, right after the login.
	c.SendRequest("hostkeys-00@openssh.com", false, blobs)
	s.wait.Go(func() {
		for r := range requests {
			if r.Type == "hostkeys-prove-00@openssh.com" {
				proof, err := s.prove(c.SessionID(), r.Payload)
				r.Reply(err == nil, proof)
				continue
			}
			if r.WantReply {
				r.Reply(false, nil)
			}
		}
	})
	for nc := range channels {
		if nc.ChannelType() != "session" {
			nc.Reject(ssh.UnknownChannelType, "the demo has sessions only")
			continue
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		s.wait.Go(func() { s.exec(ch, reqs) })
	}
}

// prove signs for the keys in payload (OpenSSH PROTOCOL, section 2.5).
func (s *server) prove(session, payload []byte) ([]byte, error) {
	var reply []byte
	for len(payload) > 0 {
		var wire struct {
			Blob []byte
			Rest []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(payload, &wire); err != nil {
			return nil, err
		}
		payload = wire.Rest
		signer := s.key(wire.Blob)
		if signer == nil {
			return nil, errors.New("not our key")
		}
		data := appendString(appendString(appendString(nil, []byte("hostkeys-prove-00@openssh.com")), session), wire.Blob)
		sig, err := signer.Sign(rand.Reader, data)
		if as, ok := signer.(ssh.AlgorithmSigner); ok && signer.PublicKey().Type() == ssh.KeyAlgoRSA {
			sig, err = as.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSASHA512)
		}
		if err != nil {
			return nil, err
		}
		reply = appendString(reply, ssh.Marshal(sig))
	}
	return reply, nil
}

func (s *server) key(blob []byte) ssh.Signer {
	for _, k := range s.keys {
		if bytes.Equal(k.PublicKey().Marshal(), blob) {
			return k
		}
	}
	return nil
}

func appendString(b, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// exec answers the collector, and only the collector: whatever else is asked
// for is refused by name.
func (s *server) exec(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for r := range reqs {
		if r.Type != "exec" {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		status := s.answer(ch)
		ch.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, status))
		return
	}
}

func (s *server) answer(ch ssh.Channel) uint32 {
	script, err := io.ReadAll(io.LimitReader(ch, 1<<20))
	if err != nil {
		return 255
	}
	if err := snapshot.Replay(ch, s.snap, script); err != nil {
		fmt.Fprintf(ch.Stderr(), "postern demo host %s: %v\n", s.persona.Name, err)
		return 127
	}
	return 0
}

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
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// server is one host of the fleet.
type server struct {
	persona Persona
	snap    *snapshot.Snapshot
	change  func(*snapshot.Snapshot) *snapshot.Snapshot // nil: none
	keys    []ssh.Signer
	config  *ssh.ServerConfig
	ln      net.Listener
	wait    sync.WaitGroup
}

func newServer(p Persona, snap *snapshot.Snapshot, client ssh.PublicKey) (*server, error) {
	s := &server{persona: p, snap: snap}
	shown, methods, err := recordedWire(snap)
	if err != nil {
		return nil, err
	}
	if err := s.makeKeys(shown.HostKeys); err != nil {
		return nil, err
	}
	want := client.Marshal()
	s.config = &ssh.ServerConfig{
		ServerVersion: shown.Version,
		PublicKeyCallback: func(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if conn.User() != p.User || !bytes.Equal(key.Marshal(), want) {
				return nil, errors.New("not this key")
			}
			return nil, nil
		},
	}
	s.config.KeyExchanges = speakable(shown.Kexinit.Kex, ssh.SupportedAlgorithms().KeyExchanges, ssh.InsecureAlgorithms().KeyExchanges)
	s.config.Ciphers = speakable(shown.Kexinit.Ciphers.ServerToClient, ssh.SupportedAlgorithms().Ciphers, ssh.InsecureAlgorithms().Ciphers)
	s.config.MACs = speakable(shown.Kexinit.MACs.ServerToClient, ssh.SupportedAlgorithms().MACs, ssh.InsecureAlgorithms().MACs)
	if slices.Contains(methods, "password") { // offered as the real host offers it; nothing gets in by it
		s.config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			return nil, errors.New("no password logs in to the demo")
		}
	}
	for _, k := range s.keys {
		s.config.AddHostKey(k)
	}
	return s, nil
}

// recordedWire is what the real host showed when it was recorded.
func recordedWire(snap *snapshot.Snapshot) (*wire.Server, []string, error) {
	out := snap.Output(snapshot.OutWire)
	if out == nil {
		return nil, nil, errors.New("the recording holds no login")
	}
	var c wire.Capture
	if err := json.Unmarshal(out.Data, &c); err != nil {
		return nil, nil, err
	}
	shown, err := wire.Parse(c)
	return shown, c.Methods, err
}

// speakable is what of a recorded list x/crypto can speak too.
func speakable(recorded []string, ours ...[]string) []string {
	var out []string
	for _, name := range recorded {
		if slices.Contains(slices.Concat(ours...), name) {
			out = append(out, name)
		}
	}
	return out
}

// makeKeys makes keys of the types that the host had, anew for each demo.
func (s *server) makeKeys(recorded []wire.Key) error {
	var private []any
	for _, k := range recorded {
		var made any
		var err error
		switch k.Type {
		case ssh.KeyAlgoRSA:
			made, err = rsa.GenerateKey(rand.Reader, k.Bits)
		case ssh.KeyAlgoECDSA256:
			made, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case ssh.KeyAlgoED25519:
			_, made, err = ed25519.GenerateKey(rand.Reader)
		default:
			continue
		}
		if err != nil {
			return err
		}
		private = append(private, made)
	}
	for _, k := range private {
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
	snap := s.snap
	if s.change != nil {
		snap = s.change(snap)
	}
	if err := snapshot.Replay(ch, snap, script); err != nil {
		why := err.Error()
		if errors.Is(err, snapshot.ErrNoRequest) {
			why = "it is a recording, which answers audits and nothing else"
		}
		fmt.Fprintf(ch.Stderr(), "postern demo host %s: %s\n", s.persona.Name, why)
		return 127
	}
	return 0
}

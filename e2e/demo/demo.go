// Package demo runs a small fleet in this process: SSH servers on loopback that
// answer with what the real collector brought from real hosts (hosts/*.pst,
// recorded by the tests of e2e from hosts/*.sh). Everything on the client's side
// is the real thing: login, collection, judgement. It needs no namespaces and
// runs on every platform.
package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/postern-ssh/postern/audit/snapshot"
)

//go:embed hosts/*.pst
var recordings embed.FS

// Persona is one host of the fleet.
type Persona struct {
	Name  string
	User  string // that the audit logs in as
	Dead  bool   // nothing listens
	About string // one line for people
}

// Personas are the hosts of the demo fleet.
var Personas = []Persona{
	{Name: "hardened", User: "audit", About: "as its owner wants it"},
	{Name: "stock", User: "root", About: "as the installer leaves it"},
	{Name: "breached", User: "root", About: "somebody was here"},
	{Name: "dead", User: "root", Dead: true, About: "does not answer"},
}

// Fleet is the running demo.
type Fleet struct {
	Dir       string // holds the files below; removed by Close
	Inventory string // postern's YAML
	Key       string // private key file that every host accepts
	Known     string // known_hosts file

	change  func(*snapshot.Snapshot) *snapshot.Snapshot
	servers []*server
	wait    sync.WaitGroup
}

// Start brings the fleet up. The context ends every session.
func Start(ctx context.Context) (*Fleet, error) { return StartChanged(ctx, nil) }

// StartChanged is Start with hosts that answer each time with what change makes
// of their recording, which it must leave as it is.
func StartChanged(ctx context.Context, change func(*snapshot.Snapshot) *snapshot.Snapshot) (*Fleet, error) {
	dir, err := os.MkdirTemp("", "postern-demo-")
	if err != nil {
		return nil, err
	}
	f := &Fleet{
		Dir: dir, Inventory: filepath.Join(dir, "postern.yaml"),
		Key: filepath.Join(dir, "id_ed25519"), Known: filepath.Join(dir, "known_hosts"), change: change,
	}
	if err := f.start(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Fleet) start(ctx context.Context) error {
	client, err := f.makeKey()
	if err != nil {
		return err
	}
	var inv, known strings.Builder
	fmt.Fprintf(&inv, "# The demo fleet of postern.\ndefaults:\n  key: %q\n", f.Key)
	inv.WriteString(`groups:
  nodes: # of the cluster: the monitor has to run on each
    hosts: [hardened, breached]
    expect:
      jobs:
        - {match: "*/monitor-nodes*", user: root}
hosts:
`)
	for _, p := range Personas {
		addr, err := f.serve(ctx, p, client, &known)
		if err != nil {
			return fmt.Errorf("demo host %s: %w", p.Name, err)
		}
		fmt.Fprintf(&inv, "  %s: {address: 127.0.0.1, port: %d, user: %s} # %s\n", p.Name, addr.Port, p.User, p.About)
	}
	if err := os.WriteFile(f.Inventory, []byte(inv.String()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(f.Known, []byte(known.String()), 0o600)
}

// makeKey writes the key that logs in, and gives its public half.
func (f *Fleet) makeKey() (ssh.PublicKey, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(priv, "postern demo")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(f.Key, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(pub)
}

// serve starts one host. For the dead one it only finds a port where nothing listens.
func (f *Fleet) serve(ctx context.Context, p Persona, client ssh.PublicKey, known *strings.Builder) (*net.TCPAddr, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := ln.Addr().(*net.TCPAddr)
	if p.Dead {
		return addr, ln.Close()
	}
	snap, err := Recording(p.Name)
	if err != nil {
		ln.Close()
		return nil, err
	}
	s, err := newServer(p, snap, client)
	if err != nil {
		ln.Close()
		return nil, err
	}
	for _, k := range s.keys {
		fmt.Fprintln(known, knownhosts.Line([]string{addr.String()}, k.PublicKey()))
	}
	s.ln, s.change = ln, f.change
	f.servers = append(f.servers, s)
	f.wait.Go(func() { s.run(ctx) })
	return addr, nil
}

// Recording gives what was recorded from a host.
func Recording(name string) (*snapshot.Snapshot, error) {
	file, err := recordings.Open("hosts/" + name + ".pst")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return snapshot.Read(file, snapshot.Limits{})
}

// Close ends the servers and removes the files.
func (f *Fleet) Close() error {
	for _, s := range f.servers {
		s.ln.Close()
	}
	f.wait.Wait()
	return os.RemoveAll(f.Dir)
}

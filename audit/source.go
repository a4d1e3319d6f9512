package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
)

// Source gives the snapshot of one host. With an error there may be a snapshot
// all the same: what had come before.
type Source interface {
	Snapshot(ctx context.Context) (*snapshot.Snapshot, error)
}

// SSH reads a host over one SSH connection, with one command.
type SSH struct {
	Dialer  *connect.Dialer
	Host    inventory.Host
	Collect snapshot.Options
	// Learnt is told of a host key that was new and was written to known_hosts;
	// nil: nobody asks. It is called from the host's own goroutine.
	Learnt func(host string, key *connect.Learnt)
}

// Snapshot logs in, collects, and adds what the wire showed on the way.
func (s SSH) Snapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	conn, err := s.Dialer.Dial(ctx, s.Host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if key := conn.Learnt(); key != nil && s.Learnt != nil {
		s.Learnt(s.Host.Name, key)
	}
	opt := s.Collect
	opt.Name, opt.Account, opt.Privilege = s.Host.Name, s.Host.User, snapshot.Request(s.Host.Sudo)
	snap, err := snapshot.Collect(ctx, conn, opt)
	if snap != nil {
		seen := conn.Capture()
		if data, jerr := json.Marshal(seen); jerr == nil {
			snap.Put(snapshot.Output{Name: snapshot.OutWire, Data: data, Value: asArchived(seen)})
		}
	}
	return snap, err
}

// asArchived gives what the archive will give back, or nil where that is something
// else: JSON has no bytes that are not UTF-8.
func asArchived(c *wire.Capture) any {
	for _, s := range append([]string{c.Banner, c.User, c.Remote, c.Local, c.Kex, c.HostKey, c.Cipher, c.MAC}, c.Methods...) {
		if !utf8.ValidString(s) {
			return nil
		}
	}
	return c
}

// Local reads this machine with the same script.
type Local struct {
	Name    string
	Collect snapshot.Options
}

// Snapshot runs the collector here.
func (l Local) Snapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	opt := l.Collect
	opt.Name, opt.Source = l.Name, snapshot.SourceLocal
	return snapshot.Collect(ctx, snapshot.Local{}, opt)
}

// Root reads a directory tree: an image, a mounted disk.
type Root struct {
	Dir     string
	Collect snapshot.Options
}

// Snapshot reads the tree; links never lead out of it.
func (t Root) Snapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	return snapshot.FromRoot(ctx, t.Dir, t.Collect)
}

// Archive reads a snapshot that was kept.
type Archive struct{ Path string }

// Snapshot reads the archive, which may be hostile.
func (a Archive) Snapshot(context.Context) (*snapshot.Snapshot, error) {
	f, err := os.Open(a.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	snap, err := snapshot.Read(bufio.NewReader(f), snapshot.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Path, err)
	}
	return snap, nil
}

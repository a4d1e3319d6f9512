package audit

import (
	"context"
	"encoding/json"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// Rounds are what is asked of a host beyond its first reading, on the same
// connection. Names in the answers to Ask and Fetch are the host's: data.
type Rounds struct {
	Ask   func(first *snapshot.Snapshot) snapshot.Questions // nil: no second round
	Fetch func(first *snapshot.Snapshot) []string           // files to keep as evidence; nil: none
}

// Deep is what a source gave in several rounds.
type Deep struct {
	First    *snapshot.Snapshot // with the second round in it, see [snapshot.Snapshot.Deeper]
	Evidence *snapshot.Snapshot // nil: none was asked for
	Rounds   int                // times that the host was asked
	Err      error              // of a later round; the first one's is the call's
}

// DeepSource is a source that can be asked more than once.
type DeepSource interface {
	Source
	Deep(ctx context.Context, r Rounds) (*Deep, error)
}

// Deep logs in once and asks in turn.
func (s SSH) Deep(ctx context.Context, r Rounds) (*Deep, error) {
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
	return rounds(ctx, byScript(conn), opt, r, func(snap *snapshot.Snapshot) {
		seen := conn.Capture()
		if data, err := json.Marshal(seen); err == nil {
			snap.Put(snapshot.Output{Name: snapshot.OutWire, Data: data, Value: asArchived(seen)})
		}
	})
}

// Deep asks this machine in turn.
func (l Local) Deep(ctx context.Context, r Rounds) (*Deep, error) {
	opt := l.Collect
	opt.Name, opt.Source = l.Name, snapshot.SourceLocal
	return rounds(ctx, byScript(snapshot.Local{}), opt, r, func(*snapshot.Snapshot) {})
}

// Deep reads the tree in turn.
func (t Root) Deep(ctx context.Context, r Rounds) (*Deep, error) {
	return rounds(ctx, readings{
		first: func(ctx context.Context, o snapshot.Options) (*snapshot.Snapshot, error) {
			return snapshot.FromRoot(ctx, t.Dir, o)
		},
		deepen: func(ctx context.Context, o snapshot.Options, q snapshot.Questions) (*snapshot.Snapshot, error) {
			return snapshot.DeepenRoot(ctx, t.Dir, o, q)
		},
		fetch: func(ctx context.Context, o snapshot.Options, paths []string) (*snapshot.Snapshot, error) {
			return snapshot.FetchRoot(ctx, t.Dir, o, paths)
		},
	}, t.Collect, r, func(*snapshot.Snapshot) {})
}

// readings are how a source is read.
type readings struct {
	first  func(context.Context, snapshot.Options) (*snapshot.Snapshot, error)
	deepen func(context.Context, snapshot.Options, snapshot.Questions) (*snapshot.Snapshot, error)
	fetch  func(context.Context, snapshot.Options, []string) (*snapshot.Snapshot, error)
}

// byScript reads by the collector's script, wherever run has it run.
func byScript(run snapshot.Runner) readings {
	return readings{
		first: func(ctx context.Context, o snapshot.Options) (*snapshot.Snapshot, error) {
			return snapshot.Collect(ctx, run, o)
		},
		deepen: func(ctx context.Context, o snapshot.Options, q snapshot.Questions) (*snapshot.Snapshot, error) {
			return snapshot.Deepen(ctx, run, o, q)
		},
		fetch: func(ctx context.Context, o snapshot.Options, paths []string) (*snapshot.Snapshot, error) {
			return snapshot.Fetch(ctx, run, o, paths)
		},
	}
}

func rounds(ctx context.Context, read readings, opt snapshot.Options, r Rounds, seen func(*snapshot.Snapshot)) (*Deep, error) {
	first, err := read.first(ctx, opt)
	if first == nil {
		return nil, err
	}
	d := &Deep{First: first, Rounds: 1}
	seen(first)
	if err != nil {
		return d, err
	}
	if r.Ask != nil {
		second, err := read.deepen(ctx, opt, r.Ask(first))
		d.Rounds++
		if second != nil {
			if kerr := first.Keep(second); err == nil {
				err = kerr
			}
		}
		d.Err = err
	}
	if r.Fetch == nil || d.Err != nil {
		return d, nil
	}
	if paths := r.Fetch(first); len(paths) > 0 {
		d.Evidence, d.Err = read.fetch(ctx, opt, paths)
		d.Rounds++
	}
	return d, nil
}

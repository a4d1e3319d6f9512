package history

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Asked is the name of the file in a run's folder that holds what the facts were
// made by beside the archives: the clock, and what the inventory says of each
// host. A line a host.
const Asked = "asked.jsonl"

// asked is one line of it.
type asked struct {
	Host   string              `json:"host"`
	Now    time.Time           `json:"now"`
	Labels map[string]string   `json:"labels,omitempty"`
	Expect []facts.Expectation `json:"expect,omitempty"`
	Allow  []facts.Allowed     `json:"allow,omitempty"`
}

// maxAsked bounds a line.
const maxAsked = 4 << 20

// readAsked reads the file as far as it is whole. There is none in runs of the
// first versions.
func readAsked(file string) (map[string]asked, error) {
	f, err := Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseAsked(f)
}

func parseAsked(r io.Reader) (map[string]asked, error) {
	out := map[string]asked{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAsked)
	for lines.Scan() {
		var a asked
		if json.Unmarshal(lines.Bytes(), &a) == nil { // the last line may be cut
			out[a.Host] = a
		}
	}
	return out, lines.Err()
}

// rereader reads kept runs again, as they were when they were made.
type rereader struct {
	store  Store
	setups *facts.Setups
	unread map[string]bool // runs that cannot be read, or are gone
}

func newReader(s Store) *rereader { return &rereader{s, facts.NewSetups(), map[string]bool{}} }

// run reads one. A run that was cut off gives what is there.
func (x *rereader) run(ctx context.Context, id string) (*gather, error) {
	dir := filepath.Join(x.store.Dir, "runs", id)
	how, err := readAsked(filepath.Join(dir, Asked))
	if err != nil {
		return nil, err
	}
	f, err := Open(filepath.Join(dir, Results))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	g, err := newGather(id, "")
	if err != nil {
		return nil, err
	}
	// The stamp first: what is written meanwhile is read again the next time.
	if err := g.stamp(filepath.Join(dir, Results)); err != nil {
		g.close()
		return nil, err
	}
	err = x.store.Replay(f, &replayed{ctx: ctx, g: g, x: x, dir: dir, how: how})
	if err != nil && (ctx.Err() != nil || g.data.Start.IsZero() || !g.cutOff(err)) {
		g.close()
		return nil, err
	}
	return g, nil
}

// cutOff reports whether a run may have ended where the error is: every run whose
// records are whole up to there is taken for one that was killed.
func (g *gather) cutOff(err error) bool { return !g.data.Whole && err != nil }

// replayed puts a saved run together with its archives.
type replayed struct {
	ctx context.Context
	g   *gather
	x   *rereader
	dir string
	how map[string]asked
}

func (r *replayed) Begin(run *audit.Run) error { r.g.begin(run); return nil }

func (r *replayed) End(run *audit.Run, f *audit.Fleet) error { return r.g.end(run, f) }

func (r *replayed) Host(h *audit.Host) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return r.g.host(h, r.facts(h))
}

// facts makes the facts of a host again; nil where there is no archive of it, or
// none that can be read, or where the run could not judge it.
func (r *replayed) facts(h *audit.Host) (f *facts.Facts) {
	if len(h.Outcomes) == 0 {
		return nil // what was not judged then is not looked at now
	}
	how, ok := r.how[h.Name]
	file, err := Open(filepath.Join(r.dir, "hosts", FileName(h.Name)))
	if err != nil {
		return nil
	}
	defer file.Close()
	snap, err := snapshot.Read(file, snapshot.Limits{})
	if err != nil {
		return nil
	}
	opt := facts.Options{Now: how.Now, Name: h.Name, Labels: how.Labels, Expect: how.Expect, Allow: how.Allow, Setups: r.x.setups}
	if !ok {
		opt.Now = snap.Start
	}
	defer func() {
		if recover() != nil {
			f = nil // as in the run itself: a parser that fails gives no facts
		}
	}()
	return facts.From(snap, opt)
}

// Package history keeps runs: the archive of every host and the results, in a
// folder a run, for the operator's eyes only (0700, files 0600).
//
//	STATE/runs/20261123T194800Z-1a2b3c/run.jsonl       the results, as report.Lines writes them
//	STATE/runs/20261123T194800Z-1a2b3c/asked.jsonl     by what the facts were made
//	STATE/runs/20261123T194800Z-1a2b3c/hosts/NAME.pst  the host's snapshot
//	STATE/index.db                                     what they hold, for quick answers
//
// The folders are the truth. The index is written after a run's files are whole
// and on the disk, and is made anew from them where it is missing, damaged or of
// another version ([Store.Open]).
package history

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Results is the name of the results in a run's folder.
const Results = "run.jsonl"

// ErrNone says that no run is kept.
var ErrNone = errors.New("no run is kept")

// NewID makes the name of a run: its start in UTC and behind it the second's
// fraction in 65536ths, so that names sort by time (a small host is audited several
// times a second, and "previous" has to be the one before), and two random digits,
// so that two runs of one moment differ.
func NewID(start time.Time) string {
	var r [1]byte
	// crypto/rand.Read never fails (Go 1.24).
	rand.Read(r[:])
	fraction := int64(start.Nanosecond()) << 16 / int64(time.Second)
	return fmt.Sprintf("%s-%04x%02x", start.UTC().Format("20060102T150405Z"), fraction, r[0])
}

// Store is a folder of runs.
type Store struct {
	Dir string // holds runs/

	// Replay reads a saved run (report.Replay): the index is made by it.
	Replay func(io.Reader, audit.Handler) error
	// Progress is told how many runs were read of those that the index lacks; may be nil.
	Progress func(done, total int)
}

// Recorder writes one run while it happens. It is an audit.Handler that never
// fails: an audit must not end because a disk is full. What went wrong is in Err.
type Recorder struct {
	store   Store
	dir     string
	file    *os.File
	asked   *os.File
	lines   *json.Encoder
	results audit.Handler
	gather  *gather
	err     error
	indexed error
}

// Create makes the folder of a run. The results handler is made over the file
// by jsonl.
func (s Store) Create(run *audit.Run, jsonl func(io.Writer) audit.Handler) (*Recorder, error) {
	if run.ID == "" || run.ID[0] == '.' || filepath.Base(run.ID) != run.ID {
		return nil, fmt.Errorf("keeping the run: %q is no name of a run", run.ID)
	}
	dir := filepath.Join(s.Dir, "runs", run.ID)
	if err := os.MkdirAll(filepath.Join(dir, "hosts"), 0o700); err != nil {
		return nil, fmt.Errorf("keeping the run: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, Results), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keeping the run: %w", err)
	}
	r := &Recorder{store: s, dir: dir, file: f, results: jsonl(f)}
	if r.asked, err = os.OpenFile(filepath.Join(dir, Asked), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		f.Close()
		return nil, fmt.Errorf("keeping the run: %w", err)
	}
	r.lines = json.NewEncoder(r.asked)
	r.lines.SetEscapeHTML(false)
	r.gather, r.indexed = newGather(run.ID, dir)
	return r, nil
}

// Dir is the folder of the run.
func (r *Recorder) Dir() string { return r.dir }

// Err is the first thing that went wrong with the run's files, or nil.
func (r *Recorder) Err() error { return r.err }

// IndexErr is why the run is not in the index, or nil. Nothing is lost by it: the
// next question adds the run from its files.
func (r *Recorder) IndexErr() error { return r.indexed }

func (r *Recorder) note(err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("this run is not kept whole in %s: %w", r.dir, err)
	}
}

// Begin implements audit.Handler.
func (r *Recorder) Begin(run *audit.Run) error {
	r.note(r.results.Begin(run))
	if r.gather != nil {
		r.gather.begin(run)
	}
	at("begun")
	return nil
}

// Host implements audit.Handler.
func (r *Recorder) Host(h *audit.Host) error {
	// The archive first: a result of which the run's file tells has its archive.
	if h.Snapshot != nil {
		r.note(r.archive(h))
		r.note(r.askedOf(h))
	}
	at("archived")
	r.note(r.results.Host(h))
	if r.indexed == nil && r.gather != nil {
		r.indexed = r.gather.host(h, h.Facts)
	}
	at("told")
	return nil
}

// askedOf keeps by what the host's facts were made.
func (r *Recorder) askedOf(h *audit.Host) error {
	return r.lines.Encode(asked{Host: h.Name, Now: h.Asked.Now, Labels: h.Asked.Labels, Expect: h.Asked.Expect, Allow: h.Asked.Allow})
}

func (r *Recorder) archive(h *audit.Host) error {
	// os.CreateTemp makes it 0600. The name does not end in .pst, so half an
	// archive is never taken for one.
	f, err := os.CreateTemp(filepath.Join(r.dir, "hosts"), ".half-*")
	if err != nil {
		return err
	}
	err = snapshot.Write(f, h.Snapshot)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(r.dir, "hosts", FileName(h.Name)))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// End implements audit.Handler.
func (r *Recorder) End(run *audit.Run, fleet *audit.Fleet) error {
	r.note(errors.Join(r.asked.Sync(), r.asked.Close()))
	r.note(syncDir(filepath.Join(r.dir, "hosts")))
	at("hosts-synced")
	r.note(r.results.End(run, fleet))
	at("results-written")
	r.note(r.file.Sync())
	r.note(r.file.Close())
	r.note(syncDir(r.dir))
	r.note(syncDir(filepath.Dir(r.dir)))
	at("files-synced")
	defer r.gather.close()
	if r.err != nil || r.gather == nil || r.indexed != nil {
		return nil // what is not whole waits for who asks
	}
	r.indexed = errors.Join(r.gather.end(run, fleet), r.gather.stamp(filepath.Join(r.dir, Results)))
	if r.indexed == nil {
		r.indexed = r.store.indexed(context.Background(), r.gather)
	}
	return nil
}

// syncDir puts the names in a folder on the disk. Systems that cannot do it for
// folders say so, and order their writes by themselves.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) && runtime.GOOS != "windows" {
		return err
	}
	return nil
}

// Runs lists the kept runs, oldest first.
func (s Store) Runs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.Dir, "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	ended := map[string]time.Time{}
	for _, e := range entries {
		if !e.IsDir() || e.Name()[0] == '.' { // one that is about to go
			continue
		}
		// What holds no results is somebody else's folder.
		if info, err := os.Lstat(filepath.Join(s.Dir, "runs", e.Name(), Results)); err == nil {
			ids = append(ids, e.Name())
			ended[e.Name()] = info.ModTime()
		}
	}
	if len(ids) == 0 {
		return nil, ErrNone
	}
	// Names sort by their second; runs of one second by when their results were written.
	slices.SortFunc(ids, func(a, b string) int {
		if c := strings.Compare(second(a), second(b)); c != 0 {
			return c
		}
		return cmp.Or(ended[a].Compare(ended[b]), strings.Compare(a, b))
	})
	return ids, nil
}

// second is what names of runs of one second have in common; a name of another
// form is itself.
func second(id string) string {
	if len(id) > 16 && id[16] == '-' {
		return id[:16]
	}
	return id
}

// Path gives the results file of a run. "last" is the newest one.
func (s Store) Path(id string) (string, error) {
	ids, err := s.Runs()
	if err != nil {
		return "", err
	}
	if id == "last" {
		id = ids[len(ids)-1]
	}
	for _, known := range ids {
		if known == id {
			return filepath.Join(s.Dir, "runs", id, Results), nil
		}
	}
	return "", fmt.Errorf("no run %q is kept in %s (newest: %s)", id, s.Dir, ids[len(ids)-1])
}

// FileName turns a host's name into a file name that stands for no other name,
// cannot leave its folder and is legal on every file system.
func FileName(host string) string {
	var b strings.Builder
	for i := 0; i < len(host); i++ {
		c := host[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default: // upper case too: some file systems fold it
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	name := b.String()
	if len(name) > 200 {
		name = name[:160] + "%" + fmt.Sprintf("%x", hash(host))
	}
	return name + ".pst"
}

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:16]
}

package history

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// BlessedFile is the name of the file beside runs/ that says which reading of each
// host is its baseline: a line each time that somebody blessed one, never changed
// afterwards. The last line of a host counts.
const BlessedFile = "blessed.jsonl"

// Blessing says that a host is meant to be as it was in a run.
type Blessing struct {
	Host    string    `json:"host"`
	Run     string    `json:"run"` // "": the host has no baseline any more
	Archive string    `json:"archive_sha256,omitempty"`
	Who     string    `json:"who"`
	At      time.Time `json:"at"`
	Note    string    `json:"note,omitempty"`
}

// maxBlessed bounds the file, and a line of it.
const (
	maxBlessed     = 64 << 20
	maxBlessedLine = 64 << 10
)

// Blessings gives all of them, oldest first. A last line that is cut is passed over;
// one within is an error: nobody but postern writes there.
func (s Store) Blessings() ([]Blessing, error) {
	f, err := Open(filepath.Join(s.Dir, BlessedFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // the folder itself may be none
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseBlessings(io.LimitReader(f, maxBlessed))
}

func parseBlessings(r io.Reader) ([]Blessing, error) {
	var out []Blessing
	in := bufio.NewReaderSize(r, maxBlessedLine)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // nothing, or what a process that was ended had begun
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: the line is too long", BlessedFile, n)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue // behind a cut line
		}
		var b Blessing
		if err := json.Unmarshal(line, &b); err != nil || b.Host == "" {
			if cutLine(line) {
				continue
			}
			return nil, fmt.Errorf("%s:%d: no blessing of postern", BlessedFile, n)
		}
		out = append(out, b)
	}
}

// cutLine reports whether a line may be what a process that was ended had begun to
// write, with the line of the next one behind a line break.
func cutLine(line []byte) bool { return line[0] == '{' && line[len(line)-1] != '}' }

// Blessed gives the blessing that counts of each host that has one.
func (s Store) Blessed() (map[string]Blessing, error) {
	all, err := s.Blessings()
	if err != nil {
		return nil, err
	}
	out := map[string]Blessing{}
	for _, b := range all {
		if b.Run == "" {
			delete(out, b.Host)
		} else {
			out[b.Host] = b
		}
	}
	return out, nil
}

// Bless makes the hosts' readings in a run their baselines. All hosts have to have
// an archive in it. who and note are words for people.
func (s Store) Bless(id string, hosts []string, who, note string, now time.Time) ([]Blessing, error) {
	var out []Blessing
	for _, h := range hosts {
		sum := ""
		if id != "" {
			data, err := readFile(s.archive(id, h))
			if err != nil {
				return nil, fmt.Errorf("%s has no archive in %s: %w", h, id, reason(err))
			}
			is := sha256.Sum256(data)
			sum = hex.EncodeToString(is[:])
		}
		out = append(out, Blessing{Host: h, Run: id, Archive: sum, Who: who, At: now.UTC().Truncate(time.Second), Note: note})
	}
	slices.SortFunc(out, func(a, b Blessing) int { return cmp.Compare(a.Host, b.Host) })
	return out, s.append(out)
}

func (s Store) archive(id, host string) string {
	return filepath.Join(s.Dir, "runs", id, "hosts", FileName(host))
}

// Snapshot reads the archive of a host in a run. fs.ErrNotExist: there is none.
func (s Store) Snapshot(id, host string) (*snapshot.Snapshot, error) {
	if id == "" || id[0] == '.' || filepath.Base(id) != id {
		return nil, fmt.Errorf("%q is no name of a run", id)
	}
	f, err := os.Open(s.archive(id, host))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return snapshot.Read(f, snapshot.Limits{})
}

// append writes lines behind the others in one write, each whole, and puts them on
// the disk.
func (s Store) append(list []Blessing) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	f, err := os.OpenFile(filepath.Join(s.Dir, BlessedFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil && size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			b.WriteByte('\n') // a line that was cut
		}
	}
	for i := range list {
		before := b.Len()
		if err := enc.Encode(&list[i]); err != nil {
			return err
		}
		if b.Len()-before >= maxBlessedLine { // which nobody could read again
			return fmt.Errorf("%s: the note is too long: its line would have %d bytes, and %d are the bound", list[i].Host, b.Len()-before, maxBlessedLine)
		}
	}
	at("blessing")
	if _, err := f.Write(b.Bytes()); err != nil {
		return err
	}
	return errors.Join(f.Sync(), syncDir(s.Dir))
}

// ErrChangedArchive says that a blessed archive is not what it was.
var ErrChangedArchive = errors.New("the blessed archive has changed since")

// Baseline reads the archive that a blessing names.
func (s Store) Baseline(b Blessing) (*snapshot.Snapshot, error) {
	if b.Run == "" || b.Run[0] == '.' || filepath.Base(b.Run) != b.Run {
		return nil, fmt.Errorf("%q is no name of a run", b.Run)
	}
	data, err := readFile(s.archive(b.Run, b.Host))
	if err != nil {
		return nil, reason(err)
	}
	if is := sha256.Sum256(data); hex.EncodeToString(is[:]) != b.Archive {
		return nil, ErrChangedArchive
	}
	return snapshot.Read(bytes.NewReader(data), snapshot.Limits{})
}

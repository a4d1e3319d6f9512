package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Open opens the index for questions, after it was brought up to date: runs that
// it does not know are read from their folders, those whose folders are gone are
// taken out, and an index that is missing, damaged or of another version is made
// anew. say is told, a sentence each, what was done or could not be; nil: nobody.
// Where the folder cannot be written the questions go to the index as it is, or to
// one of this process alone.
//
// The error is ErrNone where no run is kept, and wraps ErrIndexNewer where a newer
// postern made the index: it is left alone then.
func (s Store) Open(ctx context.Context, say func(string)) (*Index, error) {
	if say == nil {
		say = func(string) {}
	}
	ix, err := s.open(ctx, say, false)
	if errors.Is(err, ErrIndexDamaged) {
		return s.renew(ctx, say, err)
	}
	return ix, err
}

// renew makes an index anew in which a damaged record was found.
func (s Store) renew(ctx context.Context, say func(string), why error) (*Index, error) {
	say(fmt.Sprintf("%s: it is made anew from the archives", why))
	if err := s.anew(ctx, true); err != nil {
		say(cannotWrite(s.Dir, err))
		return s.open(ctx, say, true)
	}
	return s.open(ctx, say, false)
}

func cannotWrite(dir string, err error) string {
	return fmt.Sprintf("%s cannot be written (%s): the index is made for this question alone", dir, reason(err))
}

// Ask opens the index, as Open does, and puts a question to it. Where a damaged
// record is found meanwhile, the question is put a second time, to an index that
// is made anew: it has to begin from the start then.
func (s Store) Ask(ctx context.Context, say func(string), question func(*Index) error) error {
	if say == nil {
		say = func(string) {}
	}
	ix, err := s.Open(ctx, say)
	if err != nil {
		return err
	}
	err = errors.Join(question(ix), ix.Close())
	if !errors.Is(err, ErrIndexDamaged) {
		return err
	}
	if ix, err = s.renew(ctx, say, err); err != nil {
		return err
	}
	return errors.Join(question(ix), ix.Close())
}

// open opens the index, or with alone one of this process.
func (s Store) open(ctx context.Context, say func(string), alone bool) (*Index, error) {
	ids, err := s.Runs()
	if err != nil {
		return nil, err
	}
	d, err := (*database)(nil), error(nil)
	if !alone {
		if d, err = s.openKept(ctx, say, len(ids)); err != nil {
			return nil, err
		}
	}
	temp := ""
	if d == nil {
		if temp, err = os.MkdirTemp("", "postern-index-*"); err == nil {
			d, err = openDatabase(ctx, filepath.Join(temp, IndexFile), create)
		}
		if err != nil {
			removeTemp(temp)
			return nil, err
		}
	}
	writable := temp != "" || canWrite(s.Dir)
	if temp == "" && writable {
		s.tidy(time.Now())
	}
	ix := &Index{store: s, d: d, temp: temp}
	in := newReader(s)
	for tries := 0; ; tries++ {
		err := in.catchUp(ctx, d, ids, writable, say)
		if err == nil {
			err = ix.load(ctx)
		}
		if err != nil {
			ix.Close()
			return nil, err
		}
		// Another process may have begun it anew meanwhile: the answers of half an index
		// would be false ones.
		if tries == 10 || !writable || !in.lacks(ix, ids) {
			return ix, nil
		}
		ix.tx.Rollback()
		ix.tx = nil
	}
}

// openKept opens the index beside the runs; nil: it cannot be used, and none can be
// made there.
func (s Store) openKept(ctx context.Context, say func(string), runs int) (*database, error) {
	path := s.indexPath()
	d, err := openDatabase(ctx, path, readWrite)
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, ErrIndexMissing):
		if runs > 1 {
			say(fmt.Sprintf("there is no index in %s: it is made from the archives of %d runs", s.Dir, runs))
		}
	case errors.Is(err, ErrIndexOlder), errors.Is(err, ErrIndexDamaged):
		say(fmt.Sprintf("%s: it is made anew from the archives of %d runs", err, runs))
	default:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err = s.anew(ctx, false); err == nil {
		d, err = openDatabase(ctx, path, readWrite)
	}
	if err != nil {
		say(cannotWrite(s.Dir, err))
		return nil, nil
	}
	return d, nil
}

// lacks reports whether a run that could be read is not in the index.
func (x *rereader) lacks(ix *Index, ids []string) bool {
	known := make(map[string]bool, len(ix.runs))
	for _, r := range ix.runs {
		known[r.ID] = true
	}
	for _, id := range ids {
		if !known[id] && !x.unread[id] {
			return true
		}
	}
	return false
}

func removeTemp(dir string) error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// reason is the last cause alone of an error that names a path.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// canWrite reports whether a file can be made in the folder.
func canWrite(dir string) bool {
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

// catchUp brings the index to what the folders hold.
func (x *rereader) catchUp(ctx context.Context, d *database, ids []string, writable bool, say func(string)) error {
	s := x.store
	known, err := d.stamps(ctx)
	if err != nil {
		return err
	}
	var missing []string
	there := map[string]bool{}
	for _, id := range ids {
		there[id] = true
		info, err := os.Lstat(filepath.Join(s.Dir, "runs", id, Results))
		if err != nil {
			x.unread[id] = true // pruned since
			continue
		}
		if x.unread[id] {
			continue // said already
		}
		if k, ok := known[id]; !ok || k != (stampOf{info.Size(), info.ModTime().UnixNano()}) {
			missing = append(missing, id)
		}
	}
	var gone []string
	for id := range known {
		if !there[id] {
			gone = append(gone, id)
		}
	}
	if len(missing) == 0 && len(gone) == 0 {
		return nil
	}
	if !writable {
		if len(missing) > 0 {
			say(fmt.Sprintf("%s cannot be written: %s kept there %s not in the answers", s.Dir, count(len(missing), "run"), isAre(len(missing))))
		}
		return nil
	}
	if s.Replay == nil {
		return errors.New("history: the store cannot read saved runs")
	}
	if len(gone) > 0 {
		if err := d.commit(ctx, gone); err != nil {
			return err // also where the disk is full: what is gone must not be answered
		}
	}
	for i, id := range missing {
		if s.Progress != nil {
			s.Progress(i, len(missing))
		}
		g, err := x.run(ctx, id)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, fs.ErrNotExist):
			x.unread[id] = true // pruned since
			continue
		case err != nil:
			x.unread[id] = true
			say(fmt.Sprintf("run %s is not in the answers: %s", id, err))
			continue
		}
		err = d.commit(ctx, nil, g)
		g.close()
		if unwritable(err) {
			left := len(missing) - i
			say(fmt.Sprintf("%s cannot be written (%s): %s kept there %s not in the answers", s.Dir, reason(err), count(left, "run"), isAre(left)))
			for _, id := range missing[i:] {
				x.unread[id] = true
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	if s.Progress != nil {
		s.Progress(len(missing), len(missing))
	}
	if err := d.sweep(ctx); !unwritable(err) {
		return err
	}
	return nil // it only makes the file smaller
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// stampOf is how a run's results looked when they were read.
type stampOf struct{ size, mtime int64 }

// stamps are those of the runs that the index knows.
func (d *database) stamps(ctx context.Context) (map[string]stampOf, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT name, data FROM run")
	if err != nil {
		return nil, indexError(err)
	}
	defer rows.Close()
	out := map[string]stampOf{}
	for rows.Next() {
		var name string
		var sealed []byte
		var data runData
		if err := rows.Scan(&name, &sealed); err != nil {
			return nil, indexError(err)
		}
		if err := openRecord(sealed, &data); err != nil {
			return nil, indexError(err)
		}
		out[name] = stampOf{data.Size, data.MTime}
	}
	return out, indexError(rows.Err())
}

// sweep drops contents and outcomes that no reading names any more.
func (d *database) sweep(ctx context.Context) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return indexError(err)
	}
	defer tx.Rollback()
	used, usedOutcomes := map[int64]bool{}, map[int64]bool{}
	lists := map[int64]bool{}
	ix := &Index{d: d, tx: tx}
	err = ix.each(ctx, "SELECT data FROM reading", func(rows *sql.Rows) error {
		var sealed []byte
		var data readingData
		if err := rows.Scan(&sealed); err != nil {
			return err
		}
		if err := openRecord(sealed, &data); err != nil {
			return err
		}
		for _, id := range data.Sections {
			used[id] = true
		}
		used[data.Outcomes], lists[data.Outcomes] = true, true
		return nil
	})
	if err != nil {
		return err
	}
	for id := range lists {
		if id == 0 {
			continue
		}
		raw, err := ix.content(ctx, id)
		if err != nil {
			return err
		}
		ids, err := decodeIDs(raw)
		if err != nil {
			return indexError(err)
		}
		for _, id := range ids {
			usedOutcomes[id] = true
		}
	}
	for _, t := range []struct {
		table string
		used  map[int64]bool
	}{{"content", used}, {"outcome", usedOutcomes}} {
		var drop []int64
		err := ix.each(ctx, "SELECT id FROM "+t.table, func(rows *sql.Rows) error {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			if !t.used[id] {
				drop = append(drop, id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range drop {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+t.table+" WHERE id = ?", id); err != nil {
				return indexError(err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM host WHERE id NOT IN (SELECT host FROM reading)"); err != nil {
		return indexError(err)
	}
	return indexError(tx.Commit())
}

// Rebuild makes the index anew from the runs' folders.
func (s Store) Rebuild(ctx context.Context, say func(string)) error {
	if say == nil {
		say = func(string) {}
	}
	if _, err := s.Runs(); err != nil {
		return err
	}
	d, err := openDatabase(ctx, s.indexPath(), readOnly)
	if err == nil {
		d.close()
	}
	if errors.Is(err, ErrIndexNewer) {
		return fmt.Errorf("%s: %w", s.indexPath(), err)
	}
	if err := s.anew(ctx, true); err != nil {
		return err
	}
	if d, err = openDatabase(ctx, s.indexPath(), readWrite); err != nil {
		return err
	}
	defer d.close()
	ids, err := s.Runs()
	if err != nil {
		return err
	}
	return newReader(s).catchUp(ctx, d, ids, true, say)
}

// indexed writes a run that has just ended into the index. An index that cannot be
// used as it is waits for the next question, which makes it anew.
func (s Store) indexed(ctx context.Context, g *gather) error {
	how := readWrite
	if ids, err := s.Runs(); err == nil && len(ids) == 1 {
		how = create
	}
	d, err := openDatabase(ctx, s.indexPath(), how)
	switch {
	case errors.Is(err, ErrIndexMissing), errors.Is(err, ErrIndexOlder), errors.Is(err, ErrIndexDamaged):
		return nil
	case err != nil:
		return err
	}
	defer d.close()
	err = d.commit(ctx, nil, g)
	if errors.Is(err, ErrIndexDamaged) {
		return nil
	}
	return err
}

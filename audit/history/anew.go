package history

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// LockFile is the name of an empty file beside the index. Who begins an index anew
// holds it: SQLite's own locks are on the file that is about to go.
const LockFile = "index.lock"

// anew makes the index an empty one: in place where SQLite can do that, since others
// may have the file open (one that is taken away leaves them with a journal of the
// new one's name), else by another file. Unless by force, an index that can be used
// is left as it is: another process was faster.
func (s Store) anew(ctx context.Context, force bool) error {
	unlock, err := lockFile(ctx, filepath.Join(s.Dir, LockFile))
	if err != nil {
		return err
	}
	defer unlock()
	path := s.indexPath()
	d, err := openDatabase(ctx, path, readWrite)
	switch {
	case err == nil:
		if err := d.close(); err != nil || !force {
			return err
		}
	case errors.Is(err, ErrIndexNewer):
		return fmt.Errorf("%s: %w", path, err)
	}
	if !errors.Is(err, ErrIndexMissing) {
		if empty(ctx, path) == nil {
			return nil
		}
		if err := removeIndex(path); err != nil {
			return err
		}
	}
	if d, err = openDatabase(ctx, path, create); err != nil {
		return err
	}
	return d.close()
}

// lockFile waits for a lock that ends with the process whatever happens: that of a
// database in which nothing is ever written.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := ownFile(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would make it by the umask
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := openSQL(path, url.Values{"_txlock": {"exclusive"}, "_pragma": {"busy_timeout(20000)"}})
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		db.Close()
		return nil, indexError(err)
	}
	return func() {
		tx.Rollback()
		db.Close()
	}, nil
}

// empty takes all tables out of a database and makes those of the index, in one
// transaction. It fails where the file is too damaged for that.
func empty(ctx context.Context, path string) error {
	d, err := openRaw(path, readWrite)
	if err != nil {
		return err
	}
	defer d.close()
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return indexError(err)
	}
	defer tx.Rollback()
	rows, err := tx.QueryContext(ctx, "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
	if err != nil {
		return indexError(err)
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var kind, name string
		if err := rows.Scan(&kind, &name); err != nil {
			return indexError(err)
		}
		drop = append(drop, fmt.Sprintf(`DROP %s "%s"`, kind, strings.ReplaceAll(name, `"`, `""`)))
	}
	if err := rows.Err(); err != nil {
		return indexError(err)
	}
	for _, q := range drop {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return indexError(err)
		}
	}
	if err := makeTables(ctx, tx); err != nil {
		return err
	}
	var sound string
	if err := tx.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&sound); err != nil {
		return indexError(err)
	}
	if sound != "ok" {
		return ErrIndexDamaged
	}
	return indexError(tx.Commit())
}

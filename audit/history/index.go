package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IndexFile is the name of the index, beside runs/. It holds nothing that the
// runs' folders do not hold: it may be thrown away at any time.
const IndexFile = "index.db"

// indexFormat is SQLite's user_version of the index: the tables' form.
const indexFormat = 1

// applicationID is SQLite's application_id of the index: "pstn".
const applicationID = 0x7073746e

// The tables. Rows hold sealed records (see seal): SQLite finds them, and a
// checksum vouches for them.
//
//	run      what is known of a run
//	reading  a host in a run
//	content  a section of facts, or a list of outcomes: once for all readings
//	outcome  once for all readings
//
// There is no write-ahead log: an index is one file, which a folder that nobody
// may write to can hold, and is written once a run.
const indexTables = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE host (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);
CREATE TABLE reading (run INTEGER NOT NULL, host INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (run, host)) WITHOUT ROWID;
CREATE TABLE content (id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE outcome (id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
`

// What an index may be that cannot be used as it is. All but ErrIndexNewer are
// mended by making it anew from the archives.
var (
	ErrIndexNewer   = errors.New("the index was made by a newer postern")
	ErrIndexOlder   = errors.New("the index was made by another version of postern")
	ErrIndexDamaged = errors.New("the index is damaged")
	ErrIndexMissing = errors.New("there is no index")
)

// database is the open index file.
type database struct {
	db   *sql.DB
	path string
}

// mode is how an index is opened.
type mode int

const (
	readOnly mode = iota
	readWrite
	create // makes it where there is none
)

// openDatabase opens an index and says by one of the errors above what is wrong
// with it.
func openDatabase(ctx context.Context, path string, how mode) (*database, error) {
	if err := ownFile(path); err != nil {
		return nil, err
	}
	_, err := os.Lstat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && how != create:
		return nil, ErrIndexMissing
	case missing:
		// SQLite would make it by the umask.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	d, err := openRaw(path, how)
	if err != nil {
		return nil, err
	}
	if err := d.check(ctx, how); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// openRaw opens a database file, whatever it holds.
func openRaw(path string, how mode) (*database, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(20000)", "journal_mode(delete)", "synchronous(full)", "temp_store(memory)", "cache_size(-16000)"}}
	if how == readOnly {
		q = url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(20000)", "temp_store(memory)", "cache_size(-16000)"}}
	}
	db, err := openSQL(path, q)
	if err != nil {
		return nil, err
	}
	return &database{db: db, path: path}, nil
}

func openSQL(path string, q url.Values) (*sql.DB, error) {
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return sql.Open("sqlite", name.String())
}

func (d *database) close() error { return d.db.Close() }

// check looks at the versions, and makes the tables of an empty file.
func (d *database) check(ctx context.Context, how mode) error {
	var version, application, tables int64
	for _, x := range []struct {
		query string
		to    *int64
	}{{"PRAGMA user_version", &version}, {"PRAGMA application_id", &application}, {"SELECT count(*) FROM sqlite_schema", &tables}} {
		if err := d.db.QueryRowContext(ctx, x.query).Scan(x.to); err != nil {
			return indexError(err)
		}
	}
	if version == 0 && tables == 0 {
		if how == create {
			return d.make(ctx)
		}
		return ErrIndexMissing // another process is about to make it, or was ended then
	}
	switch {
	case application != applicationID:
		return fmt.Errorf("%w: it is another program's", ErrIndexDamaged)
	case version > indexFormat:
		return fmt.Errorf("%w (its form is %d, this one reads %d)", ErrIndexNewer, version, indexFormat)
	case version < indexFormat:
		return ErrIndexOlder
	}
	if err := d.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('meta', 'run', 'host', 'reading', 'content', 'outcome')").Scan(&tables); err != nil {
		return indexError(err)
	} else if tables != 6 {
		return fmt.Errorf("%w: a table is missing", ErrIndexDamaged)
	}
	var is string
	err := d.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'shape'").Scan(&is)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrIndexDamaged
	case err != nil:
		return indexError(err)
	case is != shapeName():
		return ErrIndexOlder
	}
	return nil
}

func shapeName() string { return fmt.Sprintf("%016x", indexShape()) }

func (d *database) make(ctx context.Context) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return indexError(err)
	}
	defer tx.Rollback()
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return indexError(err)
	}
	if tables > 0 {
		return nil // another process was faster
	}
	if err := makeTables(ctx, tx); err != nil {
		return err
	}
	return indexError(tx.Commit())
}

// makeTables makes the tables of an index in an empty database.
func makeTables(ctx context.Context, tx *sql.Tx) error {
	for _, q := range []string{indexTables,
		fmt.Sprintf("INSERT INTO meta VALUES ('shape', '%s')", shapeName()),
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", indexFormat),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return indexError(err)
		}
	}
	return nil
}

var errDiskFull = errors.New("the disk is full")

// unwritable reports an error that leaves an index to be read as it is.
func unwritable(err error) bool {
	return errors.Is(err, errDiskFull) || errors.Is(err, fs.ErrPermission)
}

// indexError tells damage from what is wrong around the index.
func indexError(err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_FORMAT:
			return fmt.Errorf("%w (%s)", ErrIndexDamaged, sqliteWords(e))
		case sqlite3.SQLITE_ERROR: // a table or column is not there
			if strings.Contains(e.Error(), "no such") || strings.Contains(e.Error(), "malformed") {
				return fmt.Errorf("%w (%s)", ErrIndexDamaged, sqliteWords(e))
			}
		case sqlite3.SQLITE_FULL:
			return errDiskFull
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return errors.New("another postern holds the index for too long")
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
			return fmt.Errorf("the index cannot be written: %w", fs.ErrPermission)
		}
		return errors.New(sqliteWords(e))
	}
	if errors.Is(err, errCoded) {
		return fmt.Errorf("%w (a checksum is wrong)", ErrIndexDamaged)
	}
	return err
}

// sqliteWords are SQLite's own, without the number behind them.
func sqliteWords(e *sqlite.Error) string {
	text, _, _ := strings.Cut(e.Error(), " (")
	return text
}

// removeIndex throws an index away, with the journal of a write that did not end.
func removeIndex(path string) error {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s Store) indexPath() string { return filepath.Join(s.Dir, IndexFile) }

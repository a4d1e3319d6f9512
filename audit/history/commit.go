package history

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
)

// at is called at the named points of writing; tests end the process there.
var at = func(point string) {}

// commit writes what was gathered of a run, or of several, in one transaction:
// after it the index knows all of it, or nothing. What it knew of a run of the
// same name is replaced.
func (d *database) commit(ctx context.Context, gone []string, list ...*gather) error {
	for _, g := range list {
		if err := g.flush(); err != nil {
			return err
		}
	}
	at("index-open")
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return indexError(err)
	}
	defer tx.Rollback()
	w := &indexWriter{ctx: ctx, tx: tx, hosts: map[string]int64{}}
	defer w.close()
	for _, name := range gone {
		w.forget(name)
	}
	for _, g := range list {
		w.forget(g.id)
		w.run(g)
	}
	if w.err != nil {
		return indexError(w.err)
	}
	at("index-written")
	w.close()
	if err := tx.Commit(); err != nil {
		return indexError(err)
	}
	at("index-committed")
	return nil
}

// indexWriter writes rows until something goes wrong.
type indexWriter struct {
	ctx   context.Context
	tx    *sql.Tx
	err   error
	hosts map[string]int64

	findContent, addContent, findOutcome, addOutcome, addReading *sql.Stmt
}

func (w *indexWriter) close() {
	for _, s := range []*sql.Stmt{w.findContent, w.addContent, w.findOutcome, w.addOutcome, w.addReading} {
		if s != nil {
			s.Close()
		}
	}
}

func (w *indexWriter) exec(query string, args ...any) (id int64) {
	if w.err != nil {
		return 0
	}
	r, err := w.tx.ExecContext(w.ctx, query, args...)
	if err != nil {
		w.err = err
		return 0
	}
	id, w.err = r.LastInsertId()
	return id
}

func (w *indexWriter) prepare(s **sql.Stmt, query string) *sql.Stmt {
	if *s == nil && w.err == nil {
		*s, w.err = w.tx.PrepareContext(w.ctx, query)
	}
	return *s
}

// forget takes a run out. Its contents stay until [database.sweep].
func (w *indexWriter) forget(name string) {
	w.exec("DELETE FROM reading WHERE run IN (SELECT id FROM run WHERE name = ?)", name)
	w.exec("DELETE FROM run WHERE name = ?", name)
}

func (w *indexWriter) run(g *gather) {
	g.data.Hosts = int64(len(g.readings))
	id := w.exec("INSERT INTO run (name, data) VALUES (?, ?)", g.id, seal(marshal(&g.data)))
	contents := make([]int64, len(g.spooled))
	for i, c := range g.spooled {
		contents[i] = w.content(c.digest, func() ([]byte, error) { return g.read(c) })
	}
	outcomes := make([]int64, len(g.listed))
	for i := range g.listed {
		outcomes[i] = w.outcome(&g.listed[i])
	}
	lists := map[digest]int64{}
	last := map[string]int{} // a host that stands twice in a run: the later one counts
	for i := range g.readings {
		last[g.readings[i].host] = i
	}
	for i := range g.readings {
		x := &g.readings[i]
		if w.err != nil {
			return
		}
		if last[x.host] != i {
			continue
		}
		x.data.Sections = nil
		for _, n := range x.sections {
			x.data.Sections = append(x.data.Sections, contents[n])
		}
		ids := make([]int64, len(x.outcomes))
		for k, n := range x.outcomes {
			ids[k] = outcomes[n]
		}
		slices.Sort(ids)
		raw := encodeIDs(ids)
		name := digestOf(raw)
		list, ok := lists[name]
		if !ok {
			list = w.content(name, func() ([]byte, error) { return seal(raw), nil })
			lists[name] = list
		}
		x.data.Outcomes = list
		host := w.host(x.host)
		if stmt := w.prepare(&w.addReading, "INSERT INTO reading (run, host, data) VALUES (?, ?, ?)"); stmt != nil {
			if _, err := stmt.ExecContext(w.ctx, id, host, seal(marshal(&x.data))); err != nil {
				w.err = err
			}
		}
	}
	if len(last) != len(g.readings) && w.err == nil {
		g.data.Hosts = int64(len(last))
		w.exec("UPDATE run SET data = ? WHERE id = ?", seal(marshal(&g.data)), id)
	}
}

func (w *indexWriter) host(name string) int64 {
	if id, ok := w.hosts[name]; ok || w.err != nil {
		return id
	}
	var id int64
	err := w.tx.QueryRowContext(w.ctx, "SELECT id FROM host WHERE name = ?", []byte(name)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		id = w.exec("INSERT INTO host (name) VALUES (?)", []byte(name))
	} else if err != nil {
		w.err = err
	}
	w.hosts[name] = id
	return id
}

func (w *indexWriter) content(name digest, sealed func() ([]byte, error)) int64 {
	find := w.prepare(&w.findContent, "SELECT id FROM content WHERE digest = ?")
	add := w.prepare(&w.addContent, "INSERT INTO content (digest, data) VALUES (?, ?)")
	return w.once(find, add, name, sealed)
}

func (w *indexWriter) outcome(o *outcomeData) int64 {
	raw := marshal(o)
	find := w.prepare(&w.findOutcome, "SELECT id FROM outcome WHERE digest = ?")
	add := w.prepare(&w.addOutcome, "INSERT INTO outcome (digest, data) VALUES (?, ?)")
	return w.once(find, add, digestOf(raw), func() ([]byte, error) { return seal(raw), nil })
}

func (w *indexWriter) once(find, add *sql.Stmt, name digest, sealed func() ([]byte, error)) (id int64) {
	if w.err != nil {
		return 0
	}
	err := find.QueryRowContext(w.ctx, name[:]).Scan(&id)
	if err == nil {
		return id
	}
	if !errors.Is(err, sql.ErrNoRows) {
		w.err = err
		return 0
	}
	data, err := sealed()
	if err != nil {
		w.err = err
		return 0
	}
	r, err := add.ExecContext(w.ctx, name[:], data)
	if err != nil {
		w.err = err
		return 0
	}
	id, w.err = r.LastInsertId()
	return id
}

// encodeIDs writes sorted numbers by their differences.
func encodeIDs(ids []int64) []byte {
	b := binary.AppendUvarint(nil, uint64(len(ids)))
	before := int64(0)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-before))
		before = id
	}
	return b
}

func decodeIDs(b []byte) ([]int64, error) {
	d := decoder{b: b}
	ids := make([]int64, d.count())
	before := int64(0)
	for i := range ids {
		before += int64(d.uvarint())
		ids[i] = before
	}
	if len(d.b) > 0 {
		d.fail()
	}
	return ids, d.err
}

package history

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// Index answers questions about kept runs. All its answers are of one moment:
// runs that others keep meanwhile are not in them. It is not safe for concurrent
// use. Words of hosts are raw in it: who prints them has a door for them.
type Index struct {
	store Store
	d     *database
	tx    *sql.Tx
	temp  string // the folder of an index of this process alone; "" none

	runs     []*Run // oldest first
	byRow    map[int64]*Run
	hosts    map[int64]string
	rows     map[string]int64
	outcomes map[int64]*Outcome
	chosen   map[string][]int // names of facts, to their sections
	contents *sql.Stmt
}

// Run is a kept run.
type Run struct {
	ID         string
	Start, End time.Time // UTC; End is zero where the run was cut off
	Tool       string
	Catalogue  string
	Profile    string
	Inventory  string
	Whole      bool // it ended; false: it was cut off, or goes on
	Hosts      int  // that it has results of
	Summary    audit.Summary
	Fleet      []audit.FleetOutcome
	row        int64
}

// Reading is a host in a run.
type Reading struct {
	Run        *Run
	Host       string
	Address    string
	Account    string
	Privilege  string
	State      audit.State
	Stage      string
	Reason     string
	Start, End time.Time
	Score      audit.Score

	ix       *Index
	sections []int64
	outcomes int64
}

// Outcome is an outcome as a kept run has it. Of what passed or did not apply only
// rule, severity and verdict are kept.
type Outcome struct {
	Rule        string
	Severity    policies.Severity
	Verdict     policies.Verdict
	Fingerprint string
	Message     string
	Reason      string
}

// load reads what all questions need: the runs and the names of hosts.
func (ix *Index) load(ctx context.Context) (err error) {
	if ix.tx, err = ix.d.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return indexError(err)
	}
	ix.byRow, ix.hosts, ix.rows, ix.outcomes = map[int64]*Run{}, map[int64]string{}, map[string]int64{}, map[int64]*Outcome{}
	ix.runs, ix.chosen = nil, map[string][]int{}
	err = ix.each(ctx, "SELECT id, name, data FROM run", func(rows *sql.Rows) error {
		r := &Run{}
		var sealed []byte
		if err := rows.Scan(&r.row, &r.ID, &sealed); err != nil {
			return err
		}
		var data runData
		if err := openRecord(sealed, &data); err != nil {
			return err
		}
		r.from(&data)
		ix.runs = append(ix.runs, r)
		ix.byRow[r.row] = r
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(ix.runs, func(a, b *Run) int {
		return cmp.Or(cmp.Compare(second(a.ID), second(b.ID)), a.End.Compare(b.End), cmp.Compare(a.ID, b.ID))
	})
	return ix.each(ctx, "SELECT id, name FROM host", func(rows *sql.Rows) error {
		var id int64
		var name []byte
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		ix.hosts[id], ix.rows[string(name)] = string(name), id
		return nil
	})
}

func (r *Run) from(d *runData) {
	r.Start, r.End, r.Tool, r.Catalogue, r.Profile, r.Inventory = d.Start, d.End, d.Tool, d.Catalogue, d.Profile, d.Inventory
	r.Whole, r.Hosts, r.Summary = d.Whole, int(d.Hosts), d.Summary
	for i := range d.Fleet {
		o := &d.Fleet[i]
		f := audit.FleetOutcome{Rule: o.Rule, Severity: o.Severity, Verdict: o.Verdict, Message: o.Message, Reason: o.Reason, Fingerprint: o.Fingerprint}
		if i < len(d.FleetHosts) {
			f.Hosts = d.FleetHosts[i]
		}
		r.Fleet = append(r.Fleet, f)
	}
}

// openRecord reads a sealed record.
func openRecord[T any](sealed []byte, v *T) error {
	raw, err := unseal(sealed)
	if err != nil {
		return err
	}
	return unmarshal(raw, v)
}

// each asks for rows.
func (ix *Index) each(ctx context.Context, query string, row func(*sql.Rows) error, args ...any) error {
	rows, err := ix.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return indexError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return indexError(err)
		}
	}
	return indexError(rows.Err())
}

// Close ends the questions.
func (ix *Index) Close() error {
	if ix.tx != nil {
		ix.tx.Rollback()
	}
	err := ix.d.close()
	if ix.temp != "" {
		err = errors.Join(err, removeTemp(ix.temp))
	}
	return err
}

// Runs are the kept runs, oldest first.
func (ix *Index) Runs() []*Run { return ix.runs }

// Hosts are the names of all hosts that some kept run has, sorted.
func (ix *Index) Hosts() []string {
	out := make([]string, 0, len(ix.rows))
	for name := range ix.rows {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Run finds a run by its name; "last" is the newest that ended, "previous" the
// one before it.
func (ix *Index) Run(id string) (*Run, error) {
	if len(ix.runs) == 0 {
		return nil, ErrNone
	}
	back := 0
	switch id {
	case "previous":
		back = 1
		fallthrough
	case "last":
		for _, r := range slices.Backward(ix.runs) {
			if r.Whole {
				if back == 0 {
					return r, nil
				}
				back--
			}
		}
		return nil, fmt.Errorf("no such run: %d are kept", len(ix.runs))
	}
	for _, r := range ix.runs {
		if r.ID == id {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no run %q is kept in %s (newest: %s)", id, ix.store.Dir, ix.runs[len(ix.runs)-1].ID)
}

// Filter chooses readings. The zero Filter is all of them.
type Filter struct {
	Runs  []*Run   // these alone; nil: all
	Hosts []string // these alone; nil: all
}

// Readings calls each with every reading that the filter lets through: runs from
// the oldest, hosts of a run by their names. Their rows are numbered as they came, which
// is another order in an index that was made anew. It ends at the first
// error of each, and returns it.
func (ix *Index) Readings(ctx context.Context, f Filter, each func(*Reading) error) error {
	runs := f.Runs
	if runs == nil {
		runs = ix.runs
	}
	var wanted []int64
	for _, h := range f.Hosts {
		if id, ok := ix.rows[h]; ok {
			wanted = append(wanted, id)
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	for _, run := range runs {
		seen := 0
		var found []*Reading
		row := func(rows *sql.Rows) error {
			var host int64
			var sealed sql.RawBytes
			if err := rows.Scan(&host, &sealed); err != nil {
				return err
			}
			seen++
			var data readingData
			if err := openRecord(sealed, &data); err != nil {
				return err
			}
			name, ok := ix.hosts[host]
			if !ok {
				return errCoded
			}
			found = append(found, &Reading{Run: run, Host: name, Address: data.Address, Account: data.Account, Privilege: data.Privilege, State: data.State,
				Stage: data.Stage, Reason: data.Reason, Start: data.Start, End: data.End, Score: data.Score,
				ix: ix, sections: data.Sections, outcomes: data.Outcomes})
			return nil
		}
		if f.Hosts == nil {
			if err := ix.each(ctx, "SELECT host, data FROM reading WHERE run = ?", row, run.row); err != nil {
				return err
			}
			if seen != run.Hosts {
				return fmt.Errorf("%w (%d of %d hosts of %s are there)", ErrIndexDamaged, seen, run.Hosts, run.ID)
			}
		} else {
			for _, host := range wanted {
				if err := ix.each(ctx, "SELECT host, data FROM reading WHERE run = ? AND host = ?", row, run.row, host); err != nil {
					return err
				}
			}
		}
		slices.SortFunc(found, func(a, b *Reading) int { return strings.Compare(a.Host, b.Host) })
		for _, r := range found {
			if err := each(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// HasFacts reports whether facts are kept of the reading: the host answered, and
// what it sent was understood.
func (r *Reading) HasFacts() bool { return len(r.sections) == len(sections()) }

// Key is the same for two readings if all the named facts are equal in them, with
// what is unknown of them and what they may lack. Without names it is about all
// facts. Names are those of [FactNames], or lie below them.
func (r *Reading) Key(names ...string) (string, error) {
	chosen, err := r.choose(names)
	if err != nil || !r.HasFacts() {
		return "", err
	}
	b := make([]byte, 0, 4*len(chosen))
	for _, i := range chosen {
		b = binary.AppendVarint(b, r.sections[i])
	}
	return string(b), nil
}

// Contents calls each with the name of every fact that is kept of the reading and the
// number of what it holds: of one name, equal numbers are equal facts.
func (r *Reading) Contents(each func(name string, number int64) error) error {
	if !r.HasFacts() {
		return nil
	}
	for i, s := range sections() {
		if err := each(s.name, r.sections[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reading) choose(names []string) ([]int, error) {
	if len(names) == 0 {
		all := make([]int, len(sections()))
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	// A question names the same facts of every reading.
	name := strings.Join(names, "\x00")
	if known, ok := r.ix.chosen[name]; ok {
		return known, nil
	}
	chosen, err := sectionsOf(names)
	if err == nil {
		r.ix.chosen[name] = chosen
	}
	return chosen, err
}

// ErrNoFacts says that no facts are kept of a reading.
var ErrNoFacts = errors.New("no facts are kept of this host in this run")

// notLoaded is why a fact is unknown that was not asked for.
const notLoaded = "not asked for"

// Facts gives the named facts as they were, all without names. The others are
// unknown in them, never empty.
func (r *Reading) Facts(ctx context.Context, names ...string) (*facts.Facts, error) {
	chosen, err := r.choose(names)
	if err != nil {
		return nil, err
	}
	if !r.HasFacts() {
		return nil, ErrNoFacts
	}
	f := &facts.Facts{Unknown: map[string]string{}, Gaps: map[string][]facts.Gap{}, Origin: map[string][]facts.Evidence{}}
	next := 0
	for i := range sections() {
		if next < len(chosen) && chosen[next] == i {
			next++
			raw, err := r.ix.content(ctx, r.sections[i])
			if err != nil {
				return nil, err
			}
			if err := decodeSection(f, i, raw); err != nil {
				return nil, indexError(err)
			}
			continue
		}
		f.Unknown[sections()[i].name] = notLoaded
	}
	for name := range unkept {
		f.Unknown[name] = "not kept of past runs"
	}
	return f, nil
}

// content reads a content by its number.
func (ix *Index) content(ctx context.Context, id int64) ([]byte, error) {
	if ix.contents == nil {
		var err error
		if ix.contents, err = ix.tx.PrepareContext(ctx, "SELECT digest, data FROM content WHERE id = ?"); err != nil {
			return nil, indexError(err)
		}
	}
	var name, sealed []byte
	err := ix.contents.QueryRowContext(ctx, id).Scan(&name, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, indexError(errCoded)
	}
	if err != nil {
		return nil, indexError(err)
	}
	raw, err := unseal(sealed)
	if err != nil {
		return nil, indexError(err)
	}
	if is := digestOf(raw); !bytes.Equal(is[:], name) {
		return nil, indexError(errCoded)
	}
	return raw, nil
}

// Outcomes gives the outcomes of a reading, by rule.
func (r *Reading) Outcomes(ctx context.Context) ([]*Outcome, error) {
	var out []*Outcome
	if err := r.eachOutcome(ctx, func(o *Outcome) { out = append(out, o) }); err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b *Outcome) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Message, b.Message))
	})
	return out, nil
}

func (r *Reading) eachOutcome(ctx context.Context, each func(*Outcome)) error {
	if r.outcomes == 0 {
		return nil
	}
	raw, err := r.ix.content(ctx, r.outcomes)
	if err != nil {
		return err
	}
	ids, err := decodeIDs(raw)
	if err != nil {
		return indexError(err)
	}
	for _, id := range ids {
		o, err := r.ix.outcome(ctx, id)
		if err != nil {
			return err
		}
		each(o)
	}
	return nil
}

// Before gives a run in the form that a later one is compared with.
func (ix *Index) Before(ctx context.Context, run *Run) (*audit.Before, error) {
	// Nearly all outcomes of a fleet are needed: one pass over the table costs less
	// than tens of thousands of lookups.
	if err := ix.loadOutcomes(ctx); err != nil {
		return nil, err
	}
	b := &audit.Before{Run: run.ID, Start: run.Start, Hosts: make(map[string]*audit.BeforeHost, run.Hosts+1)}
	err := ix.Readings(ctx, Filter{Runs: []*Run{run}}, func(r *Reading) error {
		h := &audit.BeforeHost{State: r.State}
		b.Hosts[r.Host] = h
		return r.eachOutcome(ctx, func(o *Outcome) {
			h.Add(audit.SinceFinding{Host: r.Host, Rule: o.Rule, Severity: o.Severity, Fingerprint: o.Fingerprint, Message: o.Message}, o.Verdict)
		})
	})
	if err != nil {
		return nil, err
	}
	fleet := &audit.BeforeHost{}
	for _, o := range run.Fleet {
		fleet.Add(audit.SinceFinding{Rule: o.Rule, Severity: o.Severity, Fingerprint: o.Fingerprint, Message: o.Message, Hosts: o.Hosts}, o.Verdict)
	}
	b.Hosts[""] = fleet
	return b, nil
}

func (ix *Index) loadOutcomes(ctx context.Context) error {
	return ix.each(ctx, "SELECT id, data FROM outcome", func(rows *sql.Rows) error {
		var id int64
		var sealed sql.RawBytes
		if err := rows.Scan(&id, &sealed); err != nil {
			return err
		}
		if ix.outcomes[id] != nil {
			return nil
		}
		var data outcomeData
		if err := openRecord(sealed, &data); err != nil {
			return err
		}
		o := Outcome(data)
		ix.outcomes[id] = &o
		return nil
	})
}

func (ix *Index) outcome(ctx context.Context, id int64) (*Outcome, error) {
	if o := ix.outcomes[id]; o != nil {
		return o, nil
	}
	var sealed []byte
	err := ix.tx.QueryRowContext(ctx, "SELECT data FROM outcome WHERE id = ?", id).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, indexError(errCoded)
	}
	if err != nil {
		return nil, indexError(err)
	}
	var data outcomeData
	if err := openRecord(sealed, &data); err != nil {
		return nil, indexError(err)
	}
	o := Outcome(data)
	ix.outcomes[id] = &o
	return &o, nil
}

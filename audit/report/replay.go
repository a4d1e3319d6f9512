package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit"
)

// The bounds on a saved run. A real host takes 20 to 100 kB, a run of 10,000
// hosts less than 1 GB; what is beyond these was not written by postern.
const (
	maxRecord   = 16 << 20 // bytes of one host, or of the run's or fleet's part
	maxHosts    = 1 << 20
	maxList     = 1 << 17 // items of any list but the two below
	maxOutcomes = 4096    // of one host
	maxEvidence = 256     // of one outcome
)

// ErrIncomplete marks a saved run that ends before its fleet record: the handler
// got Begin and the hosts that are there, and no End.
var ErrIncomplete = errors.New("the saved run ends before its fleet record; it was interrupted while it was written")

// ErrNewer marks a saved run whose schema is newer than this program's.
var ErrNewer = errors.New("saved by a newer postern")

// Replay gives a run that [JSON] or [Lines] saved to h, host by host, as the
// runner would: the form is found out by itself, unknown fields are passed over.
// What it reads is bounded and checked, since a saved run may come from anywhere;
// an error names the host and the field. Errors of h end it and are returned.
func Replay(r io.Reader, h audit.Handler) error {
	in := &boundedReader{r: r}
	p := replayer{in: in, dec: json.NewDecoder(bufio.NewReader(in)), to: h}
	in.allow(maxRecord)
	err := p.replay()
	if in.exceeded && !errors.Is(err, ErrIncomplete) {
		return fmt.Errorf("saved run: a record is larger than %d MiB", maxRecord>>20)
	}
	return err
}

// boundedReader ends with an error when more was read than is allowed since the last record.
type boundedReader struct {
	r         io.Reader
	read, max int64
	exceeded  bool
}

// allow sets the bound to n bytes beyond what was read so far. The decoder reads
// ahead by less than another record, so the bound holds within a factor of two.
func (b *boundedReader) allow(n int64) { b.max = b.read + n }

var errTooLarge = errors.New("record too large")

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.read >= b.max {
		b.exceeded = true
		return 0, errTooLarge
	}
	if int64(len(p)) > b.max-b.read {
		p = p[:b.max-b.read]
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	return n, err
}

type replayer struct {
	in    *boundedReader
	dec   *json.Decoder
	to    audit.Handler
	run   *audit.Run
	hosts int
}

// replay reads the first object field by field: a document holds its hosts there,
// and a field "type" tells that it is the first line of many.
func (p *replayer) replay() error {
	if t, err := p.dec.Token(); errors.Is(err, io.EOF) {
		return savedError("", errors.New("empty"))
	} else if err != nil {
		return savedError("", err)
	} else if t != json.Delim('{') {
		return savedError("", errors.New("begins with neither a document nor a record"))
	}
	fields := map[string]json.RawMessage{}
	var early []json.RawMessage // hosts that came before the run
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return savedError("", unexpectedEnd(err))
		}
		key, _ := t.(string)
		if _, twice := fields[key]; twice {
			return savedError("", fmt.Errorf("field %s stands twice", Quote(bounded(key))))
		}
		if len(fields) >= 64 {
			return savedError("", errors.New("too many fields"))
		}
		if key == "hosts" {
			fields[key] = nil
			if early, err = p.documentHosts(fields); err != nil {
				return err
			}
			continue
		}
		var raw json.RawMessage
		if err := p.dec.Decode(&raw); err != nil {
			return savedError("", unexpectedEnd(err))
		}
		fields[key] = raw
	}
	if _, err := p.dec.Token(); err != nil {
		return savedError("", unexpectedEnd(err))
	}
	if fields["type"] != nil {
		return p.lines(fields)
	}
	if err := p.begin(fields); err != nil {
		return err
	}
	for _, raw := range early {
		if err := p.host(raw); err != nil {
			return err
		}
	}
	if err := p.nothingMore(); err != nil {
		return err
	}
	if fields["fleet"] == nil || fields["summary"] == nil {
		return ErrIncomplete
	}
	var fleet jsonFleet
	if err := json.Unmarshal(fields["fleet"], &fleet); err != nil {
		return savedError("fleet", err)
	}
	var summary jsonSummary
	if err := json.Unmarshal(fields["summary"], &summary); err != nil {
		return savedError("summary", err)
	}
	return p.end(&fleet, &summary)
}

// documentHosts streams the hosts where the run is known already, and keeps them
// where it stands further down.
func (p *replayer) documentHosts(fields map[string]json.RawMessage) ([]json.RawMessage, error) {
	t, err := p.dec.Token()
	if err != nil {
		return nil, savedError("hosts", unexpectedEnd(err))
	}
	if t != json.Delim('[') {
		return nil, savedError("hosts", errors.New("not a list"))
	}
	stream := fields["schema"] != nil && fields["run"] != nil
	if stream {
		if err := p.begin(fields); err != nil {
			return nil, err
		}
	}
	var kept []json.RawMessage
	var raw json.RawMessage
	for p.dec.More() {
		p.in.allow(maxRecord)
		raw = raw[:0]
		if err := p.dec.Decode(&raw); err != nil {
			return nil, savedError("hosts", unexpectedEnd(err))
		}
		if !stream {
			if len(kept) >= maxHosts {
				return nil, savedError("hosts", errors.New("too many"))
			}
			kept = append(kept, bytes.Clone(raw))
		} else if err := p.host(raw); err != nil {
			return nil, err
		}
	}
	p.in.allow(maxRecord)
	if _, err := p.dec.Token(); err != nil {
		return nil, savedError("hosts", unexpectedEnd(err))
	}
	return kept, nil
}

// lines reads the records after the first, whose fields are given.
func (p *replayer) lines(first map[string]json.RawMessage) error {
	var kind string
	if err := json.Unmarshal(first["type"], &kind); err != nil || kind != "run" {
		return savedError("", errors.New(`the first record is not of type "run"`))
	}
	whole, err := json.Marshal(first)
	if err != nil {
		return savedError("run", err)
	}
	if err := p.begin(map[string]json.RawMessage{"schema": first["schema"], "run": whole}); err != nil {
		return err
	}
	var raw json.RawMessage
	for {
		p.in.allow(maxRecord)
		raw = raw[:0]
		if err := p.dec.Decode(&raw); err != nil {
			return savedError("", unexpectedEnd(err))
		}
		var head struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return savedError("record", err)
		}
		switch head.Type {
		case "host":
			if err := p.host(raw); err != nil {
				return err
			}
		case "fleet":
			if err := p.nothingMore(); err != nil {
				return err
			}
			var f fleetRecord
			if err := json.Unmarshal(raw, &f); err != nil {
				return savedError("fleet", err)
			}
			if f.End != "" {
				v := values{at: "fleet"}
				p.run.End = v.stamp("end", f.End)
				if v.err != nil {
					return v.err
				}
			}
			return p.end(&f.jsonFleet, &f.Summary)
		default:
			return savedError("", fmt.Errorf("a record of unknown type %s", Quote(bounded(head.Type))))
		}
	}
}

// begin checks the schema, reads the run and tells the handler; once.
func (p *replayer) begin(fields map[string]json.RawMessage) error {
	if p.run != nil {
		return nil
	}
	if err := checkSchema(fields["schema"]); err != nil {
		return err
	}
	if fields["run"] == nil {
		return savedError("run", errors.New("missing"))
	}
	var j jsonRun
	if err := json.Unmarshal(fields["run"], &j); err != nil {
		return savedError("run", err)
	}
	run, err := runFromJSON(&j)
	if err != nil {
		return err
	}
	p.run = run
	return p.to.Begin(run)
}

func (p *replayer) host(raw json.RawMessage) error {
	p.hosts++
	if p.hosts > maxHosts {
		return savedError("hosts", errors.New("too many"))
	}
	var j jsonHost
	if err := json.Unmarshal(raw, &j); err != nil {
		return savedError("host "+strconv.Itoa(p.hosts), err)
	}
	h, err := hostFromJSON(&j, p.hosts)
	if err != nil {
		return err
	}
	return p.to.Host(h)
}

func (p *replayer) end(f *jsonFleet, s *jsonSummary) error {
	fleet, err := fleetFromJSON(f, s)
	if err != nil {
		return err
	}
	return p.to.End(p.run, fleet)
}

// nothingMore refuses anything but blanks behind the last record.
func (p *replayer) nothingMore() error {
	p.in.allow(maxRecord)
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return savedError("", errors.New("something follows the end of the run"))
	}
	return nil
}

var schemaName = regexp.MustCompile(`^postern-run-([0-9]{1,6})$`)

// checkSchema accepts this program's own schema and older ones, of which there are none yet.
func checkSchema(raw json.RawMessage) error {
	var name string
	if raw == nil || json.Unmarshal(raw, &name) != nil {
		return savedError("", fmt.Errorf("no field \"schema\": not a run that postern saved (want %s)", audit.Schema))
	}
	if name == audit.Schema {
		return nil
	}
	if m := schemaName.FindStringSubmatch(name); m != nil {
		theirs, _ := strconv.Atoi(m[1])
		ours, _ := strconv.Atoi(strings.TrimPrefix(audit.Schema, "postern-run-"))
		if theirs > ours {
			return savedError("", fmt.Errorf("%w: its schema is %s, this one reads %s", ErrNewer, name, audit.Schema))
		}
	}
	return savedError("", fmt.Errorf("schema %s is not one of postern's (want %s)", Quote(bounded(name)), audit.Schema))
}

// unexpectedEnd turns the end of the input into the error that it is within a run.
func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// savedError says where in a saved run something is wrong. The words of the JSON
// decoder may quote the input and pass the door too; our own have passed it.
func savedError(where string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrIncomplete
	case errors.Is(err, ErrNewer):
		return fmt.Errorf("saved run: %w", err)
	}
	text := err.Error()
	if len(text) > 400 {
		text = text[:400] + "..."
	}
	text = literal(text)
	if where == "" {
		return errors.New("saved run: " + text)
	}
	return errors.New("saved run: " + where + ": " + text)
}

// bounded cuts a foreign name before it is quoted in an error.
func bounded(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

// list is a list of a saved run whose length is bounded while it is read. The
// bound follows the kind of item.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(data []byte) error {
	limit := maxList
	switch any(*l).(type) {
	case list[jsonOutcome]:
		limit = maxOutcomes
	case list[jsonEvidence]:
		limit = maxEvidence
	}
	if len(data) > 0 && data[0] != '[' && data[0] != 'n' {
		return fmt.Errorf("found %s where a list was expected", Quote(bounded(string(data[:1]))))
	}
	if !atMost(data, limit) {
		return fmt.Errorf("a list of more than %d items", limit)
	}
	return json.Unmarshal(data, (*[]T)(l))
}

// atMost reports whether the list in data, which is valid JSON, has no more than
// limit items: it counts the commas between them before anything is allocated.
func atMost(data []byte, limit int) bool {
	depth, items, quoted := 0, 1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 1:
			if items++; items > limit {
				return false
			}
		}
	}
	return true
}

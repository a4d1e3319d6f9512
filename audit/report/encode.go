package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"

	"github.com/postern-ssh/postern/audit"
)

// JSON writes a run as one document when it ends: hosts in the inventory's order
// (else by name), outcomes worst first, everything indented. Until then it holds
// the hosts in their encoded form, some 30 kB each; [Lines] holds nothing.
//
// Every string has passed [Inline], so foreign text is in its escaped and
// reversible form: a program that wants the raw bytes undoes it ([Unescape]) after
// JSON's own decoding. Lengths are those that the judge allows.
type JSON struct {
	W    io.Writer
	Mask func(string) string // hides secrets in what quotes a job's line; nil shows them

	hosts []encodedHost
}

type encodedHost struct {
	name, address string
	data          []byte
}

// Begin forgets an earlier run.
func (j *JSON) Begin(*audit.Run) error {
	j.hosts = nil
	return nil
}

// Host encodes the host and keeps that.
func (j *JSON) Host(h *audit.Host) error {
	host := hostToJSON(h, j.Mask)
	data, err := encode(host)
	if err != nil {
		return err
	}
	j.hosts = append(j.hosts, encodedHost{host.Name, host.Address, bytes.Clone(data)})
	return nil
}

// End writes the document.
func (j *JSON) End(r *audit.Run, f *audit.Fleet) error {
	run := runToJSON(r)
	place := hostOrder(run.Scope.Selected)
	slices.SortStableFunc(j.hosts, func(a, b encodedHost) int {
		return compareHosts(place, a.name, a.address, b.name, b.address)
	})
	fleet, summary := fleetToJSON(f, j.Mask)

	w := bufio.NewWriterSize(j.W, 1<<16)
	d := documentWriter{w: w}
	d.raw("{\n  \"schema\": ")
	d.value(audit.Schema)
	d.raw(",\n  \"run\": ")
	d.value(run)
	d.raw(",\n  \"hosts\": [")
	for i := range j.hosts {
		if i > 0 {
			d.raw(",")
		}
		d.raw("\n    ")
		d.encoded(j.hosts[i].data, "    ")
	}
	if len(j.hosts) > 0 {
		d.raw("\n  ")
	}
	d.raw("],\n  \"fleet\": ")
	d.value(fleet)
	d.raw(",\n  \"summary\": ")
	d.value(summary)
	d.raw("\n}\n")
	j.hosts = nil
	if d.err != nil {
		return d.err
	}
	return w.Flush()
}

// documentWriter writes the parts of a document, indented; its first error stays.
type documentWriter struct {
	w   *bufio.Writer
	buf bytes.Buffer
	err error
}

func (d *documentWriter) raw(s string) {
	if d.err == nil {
		_, d.err = d.w.WriteString(s)
	}
}

func (d *documentWriter) value(v any) {
	data, err := encode(v)
	if err != nil {
		if d.err == nil {
			d.err = err
		}
		return
	}
	d.encoded(data, "  ")
}

func (d *documentWriter) encoded(data []byte, prefix string) {
	if d.err != nil {
		return
	}
	d.buf.Reset()
	if d.err = json.Indent(&d.buf, data, prefix, "  "); d.err == nil {
		_, d.err = d.w.Write(d.buf.Bytes())
	}
}

// Lines writes a run as JSON Lines: a record of type "run", one of type "host" as
// soon as each host is done, in any order, and at the end one of type "fleet". A
// file without the last was cut short. It keeps nothing.
type Lines struct {
	W    io.Writer
	Mask func(string) string // as in JSON
}

// Begin writes the run.
func (l *Lines) Begin(r *audit.Run) error {
	return l.write(runRecord{"run", audit.Schema, runToJSON(r)})
}

// Host writes the host.
func (l *Lines) Host(h *audit.Host) error {
	return l.write(hostRecord{"host", hostToJSON(h, l.Mask)})
}

// End writes the fleet.
func (l *Lines) End(r *audit.Run, f *audit.Fleet) error {
	fleet, summary := fleetToJSON(f, l.Mask)
	return l.write(fleetRecord{"fleet", stamp(r.End), fleet, summary})
}

// write hands over a record and its newline in one call, so that a reader of the
// pipe sees whole lines.
func (l *Lines) write(record any) error {
	data, err := encode(record)
	if err != nil {
		return err
	}
	_, err = l.W.Write(append(data, '\n'))
	return err
}

// encode gives compact JSON. HTML's characters stay as they are: job lines are
// full of > and &, and a page has to escape what it embeds anyway.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

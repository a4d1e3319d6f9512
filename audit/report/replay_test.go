package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// shapes are saved runs in each form that postern writes, and as other programs
// may have rewritten them.
func shapes(tb testing.TB, hosts ...*audit.Host) map[string][]byte {
	document, lines := jsonOf(tb, hosts...), linesOf(tb, hosts...)
	return map[string][]byte{
		"json":              document,
		"json, keys sorted": resorted(tb, document),
		"jsonl":             lines,
		"jsonl, keys sorted": bytes.Join(func() (out [][]byte) {
			for _, l := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
				out = append(out, resorted(tb, l))
			}
			return out
		}(), []byte("\r\n")),
	}
}

// resorted writes the keys in alphabetical order, as jq -S does.
func resorted(tb testing.TB, data []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		tb.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// A replayed run cannot be told from the run itself, in any format.
func TestReplayIsTheRun(t *testing.T) {
	hosts := append(demo(), refused())
	var live bytes.Buffer
	show(t, &Text{W: &live, Width: 80, Verbose: true}, hosts...)
	for name, saved := range shapes(t, hosts...) {
		t.Run(name, func(t *testing.T) {
			var text, document bytes.Buffer
			if err := Replay(bytes.NewReader(saved), Multi(&Text{W: &text, Width: 80, Verbose: true}, &JSON{W: &document})); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(live.String(), text.String()); d != "" {
				t.Errorf("text (-live +replayed):\n%s", d)
			}
			if d := cmp.Diff(string(jsonOf(t, hosts...)), document.String()); d != "" {
				t.Errorf("json (-live +replayed):\n%s", d)
			}
		})
	}
}

func TestReadGivesTheValuesBack(t *testing.T) {
	want := breached()
	for name, saved := range shapes(t, want) {
		c, err := readAll(bytes.NewReader(saved))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ordered := *want
		ordered.Outcomes = nil
		for _, o := range sortedOutcomes(want.Outcomes) {
			ordered.Outcomes = append(ordered.Outcomes, *o)
		}
		opts := cmp.Options{cmpopts.IgnoreUnexported(audit.Host{}), cmpopts.EquateEmpty()}
		if d := cmp.Diff([]*audit.Host{&ordered}, c.Hosts, opts); d != "" {
			t.Errorf("%s: hosts (-want +got):\n%s", name, d)
		}
		run := fixtureRun(want)
		run.End = c.Run.End
		if d := cmp.Diff(run, c.Run); d != "" {
			t.Errorf("%s: run (-want +got):\n%s", name, d)
		}
		if d := cmp.Diff(fleetOf([]*audit.Host{want}).Summary, c.Fleet.Summary, cmpopts.IgnoreMapEntries(func(_ any, n int) bool { return n == 0 })); d != "" {
			t.Errorf("%s: summary (-want +got):\n%s", name, d)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	document := string(jsonOf(t, demo()...))
	lines := string(linesOf(t, demo()...))
	edit := func(s, from, to string) string {
		if !strings.Contains(s, from) {
			t.Fatalf("%s does not occur", from)
		}
		return strings.Replace(s, from, to, 1)
	}
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "saved run: empty"},
		{"not JSON", "Fleet: grade F", "saved run: invalid character 'F' looking for beginning of value"},
		{"a list", "[]", "saved run: begins with neither a document nor a record"},
		{"another object", `{"hosts":[]}`, `saved run: no field "schema": not a run that postern saved (want postern-run-1)`},
		{"newer document", edit(document, "postern-run-1", "postern-run-2"), "saved run: saved by a newer postern: its schema is postern-run-2, this one reads postern-run-1"},
		{"newer lines", edit(lines, "postern-run-1", "postern-run-12"), "saved run: saved by a newer postern: its schema is postern-run-12, this one reads postern-run-1"},
		{"foreign schema", edit(document, "postern-run-1", "2.1.0\\u001b[2J"), `saved run: schema "2.1.0\x1b[2J" is not one of postern's (want postern-run-1)`},
		{"no run", edit(document, `"run":`, `"walk":`), "saved run: run: missing"},
		{"unknown verdict", edit(document, `"outcome": "pass"`, `"outcome": "passed"`), `saved run: host 1 (hardened): outcomes[1]: outcome: "passed" is none of ["fail" "unknown" "waived" "pass" "not-applicable"]`},
		{"unknown severity", edit(document, `"severity": "low"`, `"severity": "fine"`), `saved run: host 1 (hardened): outcomes[0]: severity: "fine" is none of ["critical" "high" "medium" "low" "info"]`},
		{"unknown state", edit(lines, `"state":"partial"`, `"state":"clean"`), `saved run: host 3 (stock): state: "clean" is none of ["audited" "partial" "refused" "unreachable"]`},
		{"host without a name", edit(document, `"name": "stock"`, `"name": ""`), "saved run: host 2: name: missing"},
		{"broken escape", edit(document, `\\u202e`, `\\u20`), `saved run: host 3 (breached): outcomes[5]: message: not an escaped string of postern: "\\u20gn" at offset 54`},
		{"raw escape sequence", edit(document, `\\x1b[2J`, `\u001b[2J`), `saved run: host 3 (breached): outcomes[5]: message: not an escaped string of postern: raw byte 0x1b at offset 47`},
		{"score beyond 100", edit(document, `"score": 100`, `"score": 1000`), "saved run: host 1 (hardened): score: 1000 lies outside 0 to 100"},
		{"score without a grade", edit(document, `"grade": "A"`, `"grade": null`), "saved run: host 1 (hardened): grade: a score needs a grade of A, B, C, D or F"},
		{"negative line", edit(document, `"line": 90`, `"line": -90`), "saved run: host 1 (hardened): outcomes[0]: evidence.line: -90 is negative"},
		{"no time", edit(document, `"2026-11-23T12:00:00.000Z"`, `"noon"`), `saved run: run: start: "noon" is not a time as RFC 3339 has it`},
		{"clock of a madman", edit(document, `"clock_offset": 0.12`, `"clock_offset": 1e300`), "saved run: host 1 (hardened): clock_offset: 1e+300 seconds are too many"},
		{"a field twice", edit(document, `"fleet":`, `"run":`), `saved run: field "run" stands twice`},
		{"hosts are no list", edit(document, `"hosts": [`, `"hosts": 1, "x": [`), "saved run: hosts: not a list"},
		{"a list is none", edit(document, `"evidence": []`, `"evidence": {}`), `saved run: host 1: found "{" where a list was expected`},
		{"something behind the document", document + "{}", "saved run: something follows the end of the run"},
		{"something behind the fleet", lines + "{}", "saved run: something follows the end of the run"},
		{"begins with a host", strings.SplitN(lines, "\n", 2)[1], `saved run: the first record is not of type "run"`},
		{"unknown record", edit(lines, `"type":"fleet"`, `"type":"end"`), `saved run: a record of unknown type "end"`},
		{"cut lines", lines[:strings.LastIndex(lines, `{"type":"fleet"`)], ErrIncomplete.Error()},
		{"cut within a record", lines[:len(lines)-20], ErrIncomplete.Error()},
		{"cut document", document[:len(document)/2], ErrIncomplete.Error()},
		{"document without its sums", edit(document, `"summary":`, `"sums":`), ErrIncomplete.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(strings.NewReader(c.in))
			if err == nil {
				t.Fatal("was accepted")
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestReadNewerIsTold(t *testing.T) {
	in := strings.Replace(string(linesOf(t)), "postern-run-1", "postern-run-2", 1)
	if _, err := readAll(strings.NewReader(in)); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
}

// What an interrupted run left is not lost.
func TestReadIncomplete(t *testing.T) {
	lines := bytes.SplitAfter(linesOf(t, demo()...), []byte("\n"))
	c, err := readAll(bytes.NewReader(bytes.Join(lines[:3], nil)))
	if !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v, want ErrIncomplete", err)
	}
	if len(c.Hosts) != 2 || c.Hosts[0].Name != "dead" || c.Hosts[1].Name != "breached" || c.Fleet != nil {
		t.Errorf("got %+v", c)
	}
}

func TestReadPassesOverNewFields(t *testing.T) {
	in := strings.Replace(string(jsonOf(t, demo()...)), `"run": {`, `"colour": {"a": [1, {}]}, "run": {"mood": "good",`, 1)
	c, err := readAll(strings.NewReader(in))
	if err != nil || len(c.Hosts) != 4 {
		t.Errorf("got %v", err)
	}
}

// endless gives a prefix, then the same bytes for ever.
type endless struct {
	prefix, again string
	n             int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		if e.n < len(e.prefix) {
			p[i] = e.prefix[e.n]
		} else {
			p[i] = e.again[(e.n-len(e.prefix))%len(e.again)]
		}
		e.n++
	}
	return len(p), nil
}

// An endless record of any shape ends, after a bounded number of bytes and with bounded memory.
func TestReadIsBounded(t *testing.T) {
	run := `{"schema":"postern-run-1","run":{"id":"x"},`
	for _, c := range []struct{ name, prefix, again, want string }{
		{"string", `{"schema":"`, "aaaaaaaa", "saved run: a record is larger than 16 MiB"},
		{"blanks", ``, "        ", "saved run: a record is larger than 16 MiB"},
		{"host", run + `"hosts":[{"name":"`, "aaaaaaaa", "saved run: a record is larger than 16 MiB"},
		{"nesting", run + `"hosts":[`, "[[[[[[[[", "saved run: hosts: invalid character '[' exceeded max depth"},
		{"fields", "{", `"a":[],`, `saved run: field "a" stands twice`},
		{"line", `{"type":"run","schema":"postern-run-1"}` + "\n", "        ", "saved run: a record is larger than 16 MiB"},
		{"nameless hosts", run + `"hosts":[{}`, ",{}", "saved run: host 1: name: missing"},
		{"early hosts", `{"hosts":[{}`, ",{}", "saved run: hosts: too many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &endless{prefix: c.prefix, again: c.again}
			err := Replay(e, &collect{})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if e.n > 3*maxRecord {
				t.Errorf("%d bytes were read", e.n)
			}
		})
	}
}

// Lists of nothing are the cheapest way to make a reader allocate.
func TestReadListsAreBounded(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"outcomes", `{"name":"h","state":"audited","outcomes":[{}` + strings.Repeat(",{}", maxOutcomes) + `]}`, "a list of more than 4096 items"},
		{"evidence", `{"name":"h","state":"audited","outcomes":[{"evidence":[{}` + strings.Repeat(",{}", maxEvidence) + `]}]}`, "a list of more than 256 items"},
		{"groups", `{"name":"h","state":"audited","groups":[""` + strings.Repeat(`,""`, maxList) + `]}`, "a list of more than 131072 items"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := `{"schema":"postern-run-1","run":{"id":"x"},"hosts":[` + c.in + `]}`
			err := Replay(strings.NewReader(in), &collect{})
			if want := "saved run: host 1: " + c.want; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// What can be read is written back in the same words, and stays the same from then on.
func FuzzRead(f *testing.F) {
	// Small seeds: what a large one finds takes the fuzzer its whole time to minimise.
	small := breached()
	small.Outcomes = small.Outcomes[5:8]
	for _, hosts := range [][]*audit.Host{{small}, {refused()}, nil} {
		for _, saved := range shapes(f, hosts...) {
			f.Add(saved)
		}
	}
	f.Add([]byte(`{"schema":"postern-run-1","run":{},"hosts":[{"name":"\\u202e","state":"audited","score":0,"grade":"F"}],"fleet":{},"summary":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, text bytes.Buffer
		if err := Replay(bytes.NewReader(data), Multi(&JSON{W: &first}, &Text{W: &text, Width: 60})); err != nil {
			if !printable(err.Error()) {
				t.Errorf("an error lets raw bytes through: %q", err)
			}
			return
		}
		if !printable(first.String()) || !printable(text.String()) {
			t.Errorf("raw bytes in:\n%q\n%q", first.String(), text.String())
		}
		var second bytes.Buffer
		if err := Replay(bytes.NewReader(first.Bytes()), &JSON{W: &second}); err != nil {
			t.Fatalf("its own output is refused: %v\n%s", err, first.String())
		}
		if d := cmp.Diff(first.String(), second.String()); d != "" {
			t.Errorf("(-first +second):\n%s", d)
		}
	})
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '\n' && (c < 0x20 || c > 0x7e) {
			return false
		}
	}
	return true
}

// many are n hosts that differ, of 60 outcomes each, as a large fleet has them.
func many(n int) []*audit.Host {
	var out []*audit.Host
	for i := range n {
		h := &audit.Host{Name: fmt.Sprintf("node%05d", i), Address: fmt.Sprintf("10.%d.%d.%d:22", i>>16, i>>8&255, i&255),
			State: audit.Audited, Account: "audit", Privilege: "sudo"}
		for k := range 60 {
			o := policies.Outcome{Rule: fmt.Sprintf("rule-number-%02d", k), Severity: severities[k%5], Verdict: policies.Pass,
				Message: "the setting has the value that it should have", Fingerprint: "1:0123456789abcdef0123456789abcdef",
				Evidence:   []facts.Evidence{{Path: "/etc/ssh/sshd_config", Line: k, Text: "MaxAuthTries 4"}},
				References: map[string][]string{"cis-debian-12": {"5.1.20"}, "nist-800-53": {"AC-17(a)", "CM-6(a)"}}}
			if (k+i)%7 == 0 {
				o.Verdict, o.Remedy = policies.Fail, remedyPassword
				o.Message = fmt.Sprintf("job %d of node %d reaches \". ..\"", k, i)
				o.Evidence = []facts.Evidence{{Path: "/var/spool/cron/crontabs/root", Line: k,
					Text: "*/10 * * * *\tcd /var/tmp && sh '. ../update' >/dev/null 2>&1", Witness: "every ten minutes root runs it"}}
			}
			h.Outcomes = append(h.Outcomes, o)
		}
		out = append(out, scored(h))
	}
	return out
}

func BenchmarkWrite(b *testing.B) {
	hosts := many(2000)
	for _, c := range []struct {
		name  string
		build func(io.Writer) audit.Handler
	}{
		{"json", func(w io.Writer) audit.Handler { return &JSON{W: w} }},
		{"jsonl", func(w io.Writer) audit.Handler { return &Lines{W: w} }},
		{"text", func(w io.Writer) audit.Handler { return &Text{W: w, Width: 80} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var n counter
			var live uint64
			for b.Loop() {
				n = 0
				h := c.build(&n)
				run, fleet := fixtureRun(hosts...), fleetOf(hosts)
				if err := h.Begin(run); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				before := heap()
				b.StartTimer()
				for _, x := range hosts {
					if err := h.Host(x); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				live = heap() - min(before, heap())
				b.StartTimer()
				if err := h.End(run, fleet); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(live)/float64(len(hosts)), "held-B/host")
			b.ReportMetric(float64(n)/float64(len(hosts)), "out-B/host")
		})
	}
}

func BenchmarkReplay(b *testing.B) {
	hosts := many(2000)
	for _, c := range []struct {
		name string
		data []byte
	}{{"json", jsonOf(b, hosts...)}, {"jsonl", linesOf(b, hosts...)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				if err := Replay(bytes.NewReader(c.data), nothing{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type nothing struct{}

func (nothing) Begin(*audit.Run) error             { return nil }
func (nothing) Host(*audit.Host) error             { return nil }
func (nothing) End(*audit.Run, *audit.Fleet) error { return nil }

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// heap is what is live after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

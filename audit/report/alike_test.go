package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/triage"
)

// TestHuntToldOnce: of a fleet that shows the same, each host's name stands once and
// what was seen stands once; a host that shows more stands by itself, and so does each
// with -v.
func TestHuntToldOnce(t *testing.T) {
	h := &triage.Hunt{Question: "true"}
	for i := range 12 {
		line := 5
		if i == 3 {
			line = 6
		}
		at := fmt.Sprintf("2026-12-01T03:36:%02dZ", i)
		h.Hosts = append(h.Hosts, triage.HuntedFor{Host: fmt.Sprintf("n%02d", i), Verdict: "yes", FirstSeen: at, LastSeen: at, Newest: "yes", Readings: 1, Seen: 1,
			Evidence: []facts.Evidence{{Path: "/etc/crontab", Line: line, Text: "x"}}})
	}
	h.Hosts = append(h.Hosts, triage.HuntedFor{Host: "d1", Verdict: "unknown", Reason: "d1: down"}, triage.HuntedFor{Host: "d2", Verdict: "unknown", Reason: "d2: down"})
	text := func(verbose bool) string {
		var b bytes.Buffer
		if err := (&HuntText{W: &b, Width: 80, Verbose: verbose}).Write(h); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	short := text(false)
	for want, n := range map[string]int{"/etc/crontab:5: x": 1, "/etc/crontab:6: x": 1, "n00, n01, n02, n04,": 1, "n11  yes": 1, "\nn03  yes": 1, "d1, d2  not known: down": 1, "14 hosts: 12 yes, 2 not known": 1} {
		if strings.Count(short, want) != n {
			t.Errorf("%q not %d times in:\n%s", want, n, short)
		}
	}
	if got := strings.Count(text(true), "/etc/crontab:5: x"); got != 11 {
		t.Errorf("-v: %d", got)
	}
}

// TestDiffToldOnce: hosts that were not in one of the readings are one line.
func TestDiffToldOnce(t *testing.T) {
	d := &audit.Diff{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		d.Hosts = append(d.Hosts, audit.HostDiff{Host: name, Error: "left out"})
	}
	d.Hosts[3].Error = "it answered in neither"
	var b bytes.Buffer
	if err := (&DiffText{W: &b, Width: 80}).Write(d); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.HasPrefix(got, "a, b, c, e: not compared: left out\n\nd: not compared: it answered in neither\n\n5 hosts") {
		t.Error(got)
	}
}

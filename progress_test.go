package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit"
)

func TestProgressLine(t *testing.T) {
	tests := []struct {
		name  string
		at    audit.Progress
		width int
		want  string
	}{
		{"begin", audit.Progress{Total: 4}, 79, "0/4 hosts, 3s"},
		{"who is waited for", audit.Progress{Done: 2, Total: 4, Busy: []string{"a", "b"}}, 79, "2/4 hosts, 3s, waiting for a, b"},
		{"many", audit.Progress{Total: 9, Busy: []string{"a", "b", "c", "d", "e"}}, 79, "0/9 hosts, 3s, waiting for a, b, c and 2 more"},
		{"narrow", audit.Progress{Total: 4, Busy: []string{"a-long-name"}}, 20, "0/4 hosts, 3s, waiti"},
		{"a hostile name", audit.Progress{Total: 1, Busy: []string{"\x1b[2J\u202e"}}, 79, `0/1 hosts, 3s, waiting for \x1b[2J\u202e`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := progressLine(tt.at, 3*time.Second+time.Millisecond, tt.width); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestReportWipesProgress: both may be the same terminal, and a record must not
// begin behind the progress line.
func TestReportWipesProgress(t *testing.T) {
	var screenful bytes.Buffer
	p := &progress{w: &screenful, screen: &screen{}, drawn: true}
	w := p.before(&screenful)
	for _, record := range []string{"one\n", "two\n"} {
		if _, err := w.Write([]byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := screenful.String(), "\r\x1b[Kone\ntwo\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var pipe bytes.Buffer
	if w := (&progress{}).before(&pipe); w != &pipe {
		t.Error("without a terminal nothing stands between report and output")
	}
}

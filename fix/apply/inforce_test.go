package apply

import (
	"slices"
	"testing"
	"time"

	"github.com/postern-ssh/postern/fix"
)

// TestInForce: an undone run is not there to be undone again, nor is what undid it;
// what undid an undoing puts the first run into force again.
func TestInForce(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	s := State{Records: map[string]string{"a": "confirmed", "b": "confirmed", "lost": "rolledback"}, Ended: map[string]time.Time{"a": at(1), "b": at(2), "lost": at(3)},
		Plans: map[string]fix.Host{"b": {}, "lost": {Undoes: "b"}}}
	want := func(ids ...string) {
		t.Helper()
		if got := s.InForce(); !slices.Equal(got, ids) {
			t.Errorf("%q, want %q", got, ids)
		}
	}
	want("b", "a") // what was taken back gave nothing back
	s.Records["c"], s.Ended["c"], s.Plans["c"] = "confirmed", at(4), fix.Host{Undoes: "b"}
	want("a")
	s.Records["d"], s.Ended["d"], s.Plans["d"] = "confirmed", at(5), fix.Host{Undoes: "c"}
	want("b", "a")
}

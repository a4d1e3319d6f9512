package facts

import (
	"testing"
	"time"
)

// TestExact: the digits are those of package time.
func TestExact(t *testing.T) {
	const layout = "2006-01-02T15:04:05.000000000Z"
	for _, at := range []time.Time{
		time.Unix(0, 0), time.Unix(1700000000, 123456789), time.Unix(-1, 999999999), time.Unix(253402300799, 1),
		time.Unix(253402300800, 0), time.Date(999, 1, 2, 3, 4, 5, 6, time.UTC), time.Unix(1<<40, 7), time.Unix(-1<<40, 7),
		time.Date(2026, 12, 31, 23, 59, 59, 10, time.FixedZone("x", -7200)),
	} {
		if got, want := exact(at), at.UTC().Format(layout); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if exact(time.Time{}) != "" {
		t.Error("no time is a time")
	}
}

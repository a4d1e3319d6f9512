package fix_test

import (
	"strings"
	"testing"
)

// cron passes over a table that others may write: mending its mode starts what stands
// in it, which is a risk by its name.
func TestModesReviveJobs(t *testing.T) {
	for _, c := range []struct {
		name, path string
		mode       uint32
		uid        int64
		text       string
		want       int // refusals
	}{
		{"of a table", "/etc/cron.d/job", 0o666, 0, "5 * * * * root /tmp/x\n6 * * * * root /tmp/y\n", 2},
		{"somebody's table", "/etc/cron.d/job", 0o644, 1001, "5 * * * * root /tmp/x\n", 1},
		{"without a job", "/etc/cron.d/job", 0o666, 0, "# 5 * * * * root /tmp/x\n", 0},
		{"of the main table", "/etc/crontab", 0o664, 0, "17 * * * * root /usr/local/sbin/job\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld().put(c.path, 'f', c.mode, c.uid, 0, c.text)
			h := w.plan(t, "cron-table-files")
			if len(h.Changes) != 1 || len(h.Refused) != c.want {
				t.Fatal(tell(h))
			}
			for _, r := range h.Refused {
				if r.Risk != "revive-jobs" || r.Path != c.path || r.Line == 0 || !strings.Contains(c.text, r.Text) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	// What runs already is no risk.
	w := newWorld().put("/etc/cron.daily", 'd', 0o777, 0, 0, "")
	if h := w.plan(t, "cron-directories"); len(h.Changes) != 1 || len(h.Refused) != 0 {
		t.Error(tell(h))
	}
}

package facts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
)

// A table of settings and jobs by turns does not tell the square of its lines, and
// says that it tells less.
func TestSettingsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "A%d=b\n* * * * * /opt/x\n", i)
	}
	l := JobsOfTable([]byte(b.String()), TableOptions{Name: "x", Daemon: cron.Debian, Now: time.Unix(0, 0)})
	n := 0
	for i := range l.Jobs {
		n += len(l.Jobs[i].Environment)
	}
	if len(l.Jobs) != 4000 || n > maxSettings+256+4000*fewSettings {
		t.Errorf("%d jobs with %d settings", len(l.Jobs), n)
	}
	if len(l.Gaps) != 1 {
		t.Errorf("it is not said: %+v", l.Gaps)
	}
}

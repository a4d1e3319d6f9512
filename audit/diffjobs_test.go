package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// readingWith is a recorded host whose root has that table.
func readingWith(t *testing.T, base *snapshot.Snapshot, table string) Reading {
	t.Helper()
	s := *base
	const p = "/var/spool/cron/crontabs/root"
	s.Files = slices.DeleteFunc(slices.Clone(base.Files), func(f snapshot.File) bool { return f.Path == p })
	s.Files = append(s.Files, snapshot.File{Path: p, Type: 'f', Mode: 0o600, Links: 1, Size: int64(len(table)), MTime: base.Start, CTime: base.Start, Content: []byte(table)})
	slices.SortFunc(s.Files, func(a, b snapshot.File) int { return strings.Compare(a.Path, b.Path) })
	return ReadingOf(&s, "h", nil)
}

// What is told of the jobs of one table after it was written again.
func TestDiffJobs(t *testing.T) {
	base := stockHost(t)
	const monitor, backup = "*/5 * * * * /usr/local/bin/monitor\n", "0 3 * * * /opt/backup.sh /srv\n"
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"the same, written otherwise": {monitor + backup, backup + "0-59/5 * * * *   /usr/local/bin/monitor\n", nil},
		"by a hair": {"0 4 * * * sh ../update\n", "0 4 * * * sh '. ../update'\n", []string{
			`high altered the job "sh '. ../update'" of root was altered: "'. ../update'" instead of "../update"; ". .." (dot, space, dot, dot) in "/root/. ../update"; it runs "/root/. ../update", in which ". .." is dot, space, dot, dot`}},
		"gone":                   {monitor + backup, backup, []string{`medium removed the job "/usr/local/bin/monitor" of root is gone`}},
		"commented out":          {monitor + backup, "#" + monitor + backup, []string{`medium removed the job "/usr/local/bin/monitor" of root is gone: its line is commented out, root:1`}},
		"new":                    {backup, backup + monitor, []string{`low added a job of root is new: "/usr/local/bin/monitor", */5 * * * *`}},
		"more often":             {backup, "0 * * * * /opt/backup.sh /srv\n", []string{`medium altered the job "/opt/backup.sh /srv" of root runs at other times: 0 * * * *, and before 0 3 * * *`}},
		"never":                  {backup, "0 3 31 2 * /opt/backup.sh /srv\n", []string{`high altered the job "/opt/backup.sh /srv" of root runs at other times: 0 3 31 2 *, and before 0 3 * * *`, `medium altered the job "/opt/backup.sh /srv" of root does not run any more: no day and time fits this schedule`}},
		"flags in another order": {"0 3 * * * rsync -a --delete /srv/ x:\n", "0 3 * * * rsync --delete -a /srv/ x:\n", []string{`low altered the job "rsync --delete -a /srv/ x:" of root was altered: "--delete -a" instead of "-a --delete"`}},
		"a setting":              {backup, "PATH=/opt/bin:/bin\n" + backup, []string{`medium altered the job "/opt/backup.sh /srv" of root runs with other settings: "PATH=/opt/bin:/bin"`}},
		"one bad line": {backup, backup + "61 * * * * x\n", []string{
			`medium altered the job "/opt/backup.sh /srv" of root does not run any more: this crontab file will be ignored: bad minute (line 2)`}},
		"mail to nobody":        {"MAILTO=ops@example.org\n" + monitor + backup, "MAILTO=\"\"\n" + monitor + backup, []string{`low altered the mail of the job "/usr/local/bin/monitor" of root and of 1 more of its table goes to nobody, and went to "ops@example.org"`}},
		"mail as it always was": {backup, "MAILTO=root\n" + backup, nil},
		"mail to another":       {backup, "MAILTO=x@evil.example\n" + backup, []string{`low altered the mail of the job "/opt/backup.sh /srv" of root goes to "x@evil.example", and went to "root"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			d := Compare("h", readingWith(t, base, c.old), readingWith(t, base, c.new))
			for _, x := range d.Changes {
				if x.Kind == "job" {
					got = append(got, fmt.Sprintf("%s %s %s", x.Severity, x.What, x.Message))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || d.Error != "" || len(d.NotCompared) > 0 {
				t.Errorf("%s %v\n%s", d.Error, d.NotCompared, diff)
			}
		})
	}
}

package cron

import (
	"slices"
	"strings"
	"testing"
)

// A command that changes to another account has that account's home, and starts there
// where it logs in; where the home is not known it is not taken for the job's own.
func TestResolveFollows(t *testing.T) {
	homes := func(user string) string { return map[string]string{"app": "/srv/app"}[user] }
	for _, c := range []struct{ line, want string }{
		{"su - app -c './run.sh'", "/srv/app/run.sh"},
		{"su app -c './run.sh'", "/root/run.sh"},
		{"su app -c '~/run.sh; $HOME/b'", "/srv/app/run.sh /srv/app/b"},
		{"su - other -c './run.sh'", "~other/run.sh"},
		{"su - other -c '../x/run.sh'", "../x/run.sh?"},
		{"su app /opt/x.sh", "sh /opt/x.sh"},
		{"su -c './a' app; ./b", "/root/a /root/b"},
		{"sudo -i -u app ./y.sh && ./z.sh", "/srv/app/y.sh /root/z.sh"},
		{"sudo -u app sh -c 'cd && ./x.sh'", "sh /srv/app/x.sh"},
		{"sudo -D /opt ./x.sh", "/opt/x.sh"},
		{"sudo -C 3 ./x.sh", "/root/x.sh"},
		{"doas -u app sh -c '~/x'", "sh /srv/app/x"},
		{"gosu app:grp sh -c '~/x'", "sh /srv/app/x"},
		{"runuser -l app -c ./x", "/srv/app/x"},
		{"systemd-run --uid=app ./x", "/x"},
		{"~app/x.sh; ~nobody/y.sh", "/srv/app/x.sh ~nobody/y.sh?"},
		{"env - PATH=/opt/p /opt/q.sh", "/opt/q.sh"},
		{"command -v gone >/dev/null || exit 0", ""},
		{"find /x -exec /opt/a.sh {} \\; -exec /opt/b.sh {} +", "/opt/a.sh /opt/b.sh"},
		{"for f in /opt/1 /opt/2; do sh $f; done", "sh /opt/1 /opt/2"},
		{`bash -c 'exec "$0" "$1"' /opt/e.sh a`, "bash /opt/e.sh"},
		{`sh -c '$1' x /opt/e.sh`, "sh /opt/e.sh"},
		{`sh -c "$(cat /opt/code)"`, "cat sh /opt/code $(...)?"},
		{"trap '/opt/t.sh' EXIT", "/opt/t.sh"},
		{"a=$(dirname /opt/k/x); $a/y", "dirname /opt/k/y"},
		{"$(which foo) -x", "which foo"},
		{"java -jar /opt/a.jar", "java /opt/a.jar"},
		{"at -f /opt/at.sh now", "at /opt/at.sh"},
		{"python3 -c 'import os; os.system(\"/opt/y.sh -a\")'", "python3 /opt/y.sh"},
		{`perl -e 'system("/opt/z.sh", "a b"); exec "/opt/w"'`, "perl /opt/z.sh /opt/w"},
		{"start-stop-daemon --start -b -x /opt/d -- -a", "/opt/d"},
		{"flock -n /run/l --command '/opt/a; /opt/b'", "/opt/a /opt/b"},
		{"bundle exec ruby /opt/b.rb", "ruby /opt/b.rb"},
		{"poetry --quiet run python /opt/p.py", "python /opt/p.py"},
		{"conda run -n e python /opt/c.py", "python /opt/c.py"},
	} {
		j := &Job{Command: c.line, User: "root", Scheduler: SchedCronD}
		a := j.ResolveWith("/root", Debian, homes)
		var got []string
		for _, x := range a.Targets {
			text := x.Path
			if text == "" {
				text = x.Word
			}
			if x.Reason != "" {
				text += "?"
			}
			got = append(got, text)
		}
		want := strings.Fields(c.want)
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", c.line, got, want)
		}
	}
}

// A PATH that the command line sets is where its commands are looked for.
func TestResolveSetsPath(t *testing.T) {
	for _, line := range []string{"PATH=/opt/x:$PATH update", "export PATH=/opt/x:$PATH; update", "env PATH=/opt/x:/usr/bin:/bin update", "PATH=/opt/x:$PATH; nice update"} {
		j := &Job{Command: line, User: "root"}
		a := j.Resolve("/root", Debian)
		if len(a.Targets) != 1 || !slices.Equal(a.Candidates(&a.Targets[0]), []string{"/opt/x/update", "/usr/bin/update", "/bin/update"}) {
			t.Errorf("%s: %+v", line, a.Targets)
		}
	}
}

// What cannot be told is said.
func TestResolveSaysWhatItCannot(t *testing.T) {
	for _, line := range []string{"python3 -m pkg.mod", "python3 -c 'import x; x.y()'", "java -cp a.jar Main", "make -C /opt/mk"} {
		j := &Job{Command: line, User: "root"}
		if a := j.Resolve("/root", Debian); len(a.Opaque) == 0 {
			t.Errorf("%s: nothing is said", line)
		}
	}
}

// A job that fetches what another runs is found in another table too, whatever its line.
func TestFetchedByAnotherTable(t *testing.T) {
	a := &Job{Path: "/etc/cron.d/a", Line: 1, User: "root", Scheduler: SchedCronD, Command: "curl -o /opt/tool https://example.org/tool"}
	b := &Job{Path: "/etc/cron.d/b", Line: 1, User: "root", Scheduler: SchedCronD, Command: "/opt/tool"}
	jobs := []*Job{a, b}
	an := []*Analysis{a.Resolve("/root", Debian), b.Resolve("/root", Debian)}
	found := Signs(b, an[1], SignContext{UID: 0, Near: NewNeighbours(jobs, an)})
	if !hasSign(found, "fetch-then-run") {
		t.Errorf("%+v", found)
	}
}

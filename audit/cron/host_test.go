package cron

import (
	"path"
	"slices"
	"testing"
)

// fakeHost answers lookups from a table; what is not in it does not exist.
func fakeHost(files map[string]FileInfo) HostLookup {
	return func(p string) FileInfo {
		f, ok := files[p]
		f.Known, f.Exists = true, ok
		if !ok && p == path.Dir(p) {
			return FileInfo{Known: true, Exists: true, Type: 'd', Mode: 0o755}
		}
		return f
	}
}

var elf = []byte("\x7fELF\x02\x01")

func TestHostEvidence(t *testing.T) {
	dir := FileInfo{Type: 'd', Mode: 0o755}
	file := FileInfo{Type: 'f', Mode: 0o755}
	for _, c := range []struct {
		name  string
		line  string
		uid   int64
		files map[string]FileInfo
		sign  string
		sev   Level // of that sign; None: it must not be there
	}{
		{"all may write", "@daily /opt/x", 0, map[string]FileInfo{"/opt/x": {Type: 'f', Mode: 0o777}}, "writable-target", High},
		{"another's file, run by root", "@daily /home/bob/x.sh", 0, map[string]FileInfo{"/home/bob/x.sh": {Type: 'f', Mode: 0o755, UID: 1000}}, "writable-target", Medium},
		{"one's own file", "@daily /home/bob/x.sh", 1000, map[string]FileInfo{"/home/bob/x.sh": {Type: 'f', Mode: 0o755, UID: 1000}}, "writable-target", None},
		{"account not known", "@daily /home/bob/x.sh", -1, map[string]FileInfo{"/home/bob/x.sh": {Type: 'f', Mode: 0o755, UID: 1000}}, "writable-target", None},
		{"directory of another", "@daily /srv/a/x", 0, map[string]FileInfo{"/srv/a/x": file, "/srv/a": {Type: 'd', Mode: 0o755, UID: 33}, "/srv": dir}, "writable-target", Medium},
		{"plain", "@daily /opt/x", 0, map[string]FileInfo{"/opt/x": file, "/opt": dir}, "writable-target", None},
		{"missing", "@daily /opt/x", 0, map[string]FileInfo{"/opt": dir}, "missing-target", Info},
		{"missing where others write", "@daily /srv/in/x", 0, map[string]FileInfo{"/srv/in": {Type: 'd', Mode: 0o777}}, "open-slot", Medium},
		{"looked for where others write", "@daily PATH=/srv/app/bin:/usr/bin tool", 0, map[string]FileInfo{"/srv/app/bin": {Type: 'd', Mode: 0o755, UID: 33}, "/usr/bin/tool": file}, "open-slot", Medium},
		{"looked for where others write, later", "@daily PATH=/usr/bin:/srv/app/bin tool", 0, map[string]FileInfo{"/srv/app/bin": {Type: 'd', Mode: 0o755, UID: 33}, "/usr/bin/tool": file}, "open-slot", None},
		{"looked for in one's own", "@daily PATH=/srv/app/bin:/usr/bin tool", 33, map[string]FileInfo{"/srv/app/bin": {Type: 'd', Mode: 0o755, UID: 33}, "/usr/bin/tool": file}, "open-slot", None},
		{"in no directory of PATH", "@daily nice -n 5 tool --all", 0, map[string]FileInfo{"/usr/bin/tol": file}, "missing-target", Info},
		{"in a directory of PATH", "@daily nice -n 5 tool --all", 0, map[string]FileInfo{"/usr/bin/tool": file, "/usr/bin/nice": file}, "missing-target", None},
		{"program of no package", "* * * * * /test/Exaramel", 0, map[string]FileInfo{"/test/Exaramel": {Type: 'f', Mode: 0o755, Head: elf, Owned: No}}, "unpackaged-program", Medium},
		{"own program in a bin", "* * * * * /home/bob/bin/tool", 1000, map[string]FileInfo{"/home/bob/bin/tool": {Type: 'f', Mode: 0o755, UID: 1000, Head: elf, Owned: No}}, "unpackaged-program", None},
		{"packaged program", "* * * * * /usr/bin/x", 0, map[string]FileInfo{"/usr/bin/x": {Type: 'f', Mode: 0o755, Head: elf, Owned: Yes}}, "unpackaged-program", None},
		{"program called a script", "* * * * * /srv/run.sh", 0, map[string]FileInfo{"/srv/run.sh": {Type: 'f', Mode: 0o755, Head: elf}}, "masked-program", High},
		{"bare name found", "* * * * * tool", 0, map[string]FileInfo{"/usr/bin/tool": {Type: 'f', Mode: 0o757}}, "writable-target", High},
		{"spelled name exists", "* * * * * cp . ../x", 0, map[string]FileInfo{"/root/. ../x": file}, "spelled-name", High},
		{"spelled name does not exist", "* * * * * cp . ../x", 0, nil, "spelled-name", None},
		{"shell and spelled name, not there", "* * * * * sh . ../update", 0, nil, "spelled-name", Medium},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := ParseTable([]byte(c.line+"\n"), User, Debian, Options{User: "u"}).Jobs()[0]
			signs := Signs(j, j.Resolve("/root", Debian), SignContext{UID: c.uid, Look: fakeHost(c.files)})
			got := None
			for _, s := range signs {
				if s.ID == c.sign {
					got = s.Severity
				}
			}
			if got != c.sev {
				t.Errorf("%s is %v, want %v: %+v", c.sign, got, c.sev, signs)
			}
		})
	}
}

func TestNeighbours(t *testing.T) {
	tab := ParseTable([]byte("@daily curl -so /opt/t/run http://example.org/x\n* * * * * /opt/t/run\n@reboot /opt/d/agent\n*/5 * * * * /opt/d/agent\n"), User, Debian, Options{})
	jobs := tab.Jobs()
	var as []*Analysis
	for _, j := range jobs {
		as = append(as, j.Resolve("/root", Debian))
	}
	near := NewNeighbours(jobs, as)
	if signs := Signs(jobs[1], as[1], SignContext{UID: -1, Near: near}); !hasSign(signs, "fetch-then-run") {
		t.Errorf("running what another job fetches is no sign: %+v", signs)
	}
	if signs := Signs(jobs[2], as[2], SignContext{UID: -1, Near: near}); Severity(signs) > Low {
		t.Errorf("a watchdog alone is above low: %+v", signs)
	}
}

func TestShellOfTable(t *testing.T) {
	look := fakeHost(map[string]FileInfo{"/bin/sh": {Type: 'f', Mode: 0o755}})
	for _, c := range []struct {
		table  string
		d      Daemon
		want   Fate
		reason string
	}{
		{"SHELL=/nonexistent\n* * * * * x\n", Debian, FateNever, "SHELL does not exist"},
		{"HOME=/nonexistent\n* * * * * x\n", Debian, FateOther, "HOME does not exist: the job runs in /var/spool/cron"},
		{"HOME=/nonexistent\n* * * * * x\n", Cronie, FateNever, "HOME does not exist"},
		{"SHELL=/bin/sh\n* * * * * x\n", Debian, FateRuns, ""},
	} {
		j := ParseTable([]byte(c.table), User, c.d, Options{Look: look}).Jobs()[0]
		if j.Fate != c.want || j.Reason != c.reason {
			t.Errorf("%q on %v: %v %q, want %v %q", c.table, c.d, j.Fate, j.Reason, c.want, c.reason)
		}
	}
}

// A file that one of several places lacks is no missing one, and neither is a name
// that is known in part.
func TestNothingMissingThatMayBeElsewhere(t *testing.T) {
	tools := []string{"/usr/bin/date", "/usr/bin/nice", "/usr/bin/bash", "/usr/bin/sudo", "/usr/bin/su"}
	look := func(p string) FileInfo {
		return FileInfo{Known: true, Exists: p == "/b/x" || slices.Contains(tools, p), Type: 'f', Mode: 0o755}
	}
	for line, want := range map[string]bool{
		"* * * * * cd /a || cd /b; ./x": false,
		"* * * * * /a/*/x":              false,
		"* * * * * /a/x$(date)":         false,
		"* * * * * /a/x":                true,
		"* * * * * x":                   true,
		"* * * * * nice -n 3 x":         true,
		"* * * * * bash -lc x":          false,
		"* * * * * sudo -u u x":         false,
		"* * * * * su - u -c 'x y'":     false,
		"* * * * * . /b/x; y":           false,
		"* * * * * PATH=$(date):/a x":   false,
	} {
		j := ParseTable([]byte(line+"\n"), User, Cronie, Options{User: "u"}).Jobs()[0]
		signs := Signs(j, j.Resolve("/home/u", Cronie), SignContext{Daemon: Cronie, UID: -1, Look: look})
		if got := hasSign(signs, "missing-target"); got != want {
			t.Errorf("%s: missing-target %v, want %v: %+v", line, got, want, signs)
		}
	}
}

package cron

import (
	"os"
	"strings"
	"testing"
)

// What server packages bring is read whole by each daemon that reads cron.d, and
// nothing about it is odd, neither by its lines nor on a host that has it all.
func TestPackages(t *testing.T) {
	data, err := os.ReadFile("testdata/packages.txt")
	if err != nil {
		t.Fatal(err)
	}
	packaged := func(p string) FileInfo {
		f := FileInfo{Known: true, Exists: true, Type: 'f', Mode: 0o755, Owned: Yes, Package: "some", Head: []byte("\x7fELF")}
		if hasScriptSuffix(p) || strings.HasSuffix(p, "/") || strings.HasPrefix(p, "/etc/") || strings.HasPrefix(p, "/usr/share/") {
			f.Head = []byte("#!/bin/sh\n")
		}
		return f
	}
	n := 0
	for _, part := range strings.Split("\n"+string(data), "\n-- ")[1:] {
		name, table, _ := strings.Cut(part, " --\n")
		table += "\n"
		n++
		t.Run(name, func(t *testing.T) {
			for _, d := range []Daemon{Debian, Cronie, SystemdCron} {
				tab := ParseTable([]byte(table), System, d, Options{Path: "/etc/cron.d/x"})
				if tab.Dropped || tab.Lost() > 0 || len(tab.Jobs()) == 0 {
					t.Errorf("%v: dropped %v, %d lost, %d jobs: %s", d, tab.Dropped, tab.Lost(), len(tab.Jobs()), tab.Reason)
				}
				for _, j := range tab.Jobs() {
					if j.Fate != FateRuns {
						t.Errorf("%v line %d: %v: %s", d, j.Line, j.Fate, j.Reason)
					}
					a := j.Resolve("/root", d)
					if a.Rough {
						t.Errorf("%v line %d: read word by word: %s", d, j.Line, a.Reason)
					}
					for _, look := range []HostLookup{nil, packaged} {
						if signs := Signs(j, a, SignContext{Daemon: d, UID: 0, Look: look}); Severity(signs) >= Medium {
							t.Errorf("%v line %d %q: %+v", d, j.Line, j.Raw, signs)
						}
					}
				}
			}
		})
	}
	if n < 45 {
		t.Errorf("%d packages, the file has lost some", n)
	}
}

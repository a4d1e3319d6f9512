package facts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

func listed(h *host) map[string]facts.ListedJob {
	out := map[string]facts.ListedJob{}
	for _, j := range facts.WhatRuns(h.snapshot(), facts.Options{Now: now, Name: "h"}).Jobs {
		out[j.Path+" "+j.Command] = j
	}
	return out
}

func TestWhatRuns(t *testing.T) {
	h := plainHost()
	h.s.HostClock = time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	h.link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin")
	h.text("/etc/crontab", "25 6 * * * root cd / && run-parts /etc/cron.daily\n30 2 * * * root /opt/open/run\n")
	h.file("/etc/cron.daily/clean", "#!/bin/sh\n", 0o755, 0, 0)
	h.dir("/opt", 0o755, 0, 0).dir("/opt/open", 0o777, 0, 0).file("/opt/open/run", "#!/usr/bin/env python3\n", 0o755, 0, 0)
	h.text("/etc/cron.d/dead", "MAILTO=ops\n1 * * * * root /bin/true\n61 * * * * root x\n")
	h.text("/etc/anacrontab", "7 5 weekly run-parts /etc/cron.weekly\n").text("/var/spool/anacron/weekly", "20260327\n")
	h.out(snapshot.OutTargets, "/opt/open/run\x00")
	jobs := listed(h)

	run := jobs["/etc/crontab /opt/open/run"]
	want := []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00", "2026-03-31T02:30:00+02:00", "2026-04-01T02:30:00+02:00", "2026-04-02T02:30:00+02:00"}
	if d := cmp.Diff(want, run.Next); d != "" {
		t.Errorf("next times across the change of the clock (-want +got)\n%s", d)
	}
	if len(run.Targets) != 1 || run.Targets[0].Kind != "script of python3" || run.Targets[0].Mode != "0755" {
		t.Errorf("target %+v", run.Targets)
	} else if d := cmp.Diff([]facts.Way{{Path: "/opt/open", Who: "every account"}}, run.Targets[0].Ways); d != "" {
		t.Errorf("ways (-want +got)\n%s", d)
	}
	if run.Zone != "Europe/Berlin" || run.Mail != "mail to root" || run.Directory != "/root" {
		t.Errorf("zone %q, mail %q, directory %q", run.Zone, run.Mail, run.Directory)
	}

	clean := jobs["/etc/cron.daily/clean /etc/cron.daily/clean"]
	if len(clean.Next) != 5 || clean.Next[0] != "2026-03-29T06:25:00+02:00" || !strings.Contains(strings.Join(clean.Notes, "; "), "run-parts of /etc/crontab:1") {
		t.Errorf("a script of cron.daily runs at %v, %v", clean.Next, clean.Notes)
	}
	if dead := jobs["/etc/cron.d/dead /bin/true"]; dead.Runs || dead.Next == nil || len(dead.Next) > 0 || dead.Fate != "file-dropped" || dead.Mail != "mail to ops" {
		t.Errorf("a job of a dead file: %+v", dead)
	}
	if bad := jobs["/etc/cron.d/dead 61 * * * * root x"]; bad.Line != 3 || bad.Runs || bad.Reason != "bad minute" {
		t.Errorf("the line that killed it: %+v", bad)
	}
	if ana := jobs["/etc/anacrontab run-parts /etc/cron.weekly"]; len(ana.Next) == 0 || ana.Next[0] != "2026-04-03" {
		t.Errorf("anacron: %v %v", ana.Next, ana.Notes)
	}
}

func TestWhatRunsWithoutAZone(t *testing.T) {
	h := plainHost().link("/etc/localtime", "/nowhere", "")
	l := facts.WhatRuns(h.snapshot(), facts.Options{Now: now, Name: "h"})
	if l.Zone != "" || !strings.HasSuffix(l.Clock, "Z") {
		t.Errorf("zone %q, clock %q", l.Zone, l.Clock)
	}
}

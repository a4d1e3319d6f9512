//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/policies"
)

// cronRules are the rules about what schedulers run and when their files changed.
var cronRules = []string{"deceptive-job-names", "fetch-and-run-jobs", "job-signs-critical", "job-signs-high", "job-signs-medium", "writable-job-targets", "missing-job-targets",
	"ignored-tables", "cron-table-files", "cron-directories", "change-burst-odd-job", "change-burst", "odd-file-times", "cron-table-set-back", "cron-table-written-directly", "cron-table-not-loaded", "unheld-jobs"}

// TestStockHostsAreQuiet: about the schedulers of Debian as it is installed, and
// of one with the tables of 47 server packages, nothing at medium or above is said.
func TestStockHostsAreQuiet(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		a := h.Accounts()
		settle(h)
		quiet(t, "as it is installed", collect(t, h, a.Root.Name, a.Root.KeyFile, inventory.SudoAuto), 5)
		n := layPackages(t, h)
		quiet(t, "with packages", collect(t, h, a.Root.Name, a.Root.KeyFile, inventory.SudoAuto), n)
	})
}

// layPackages lays down the tables of packages, and what they start.
func layPackages(t *testing.T, h *e2e.Host) (jobs int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "audit", "cron", "testdata", "packages.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	tables := 0
	for _, part := range strings.Split("\n"+string(data), "\n-- ")[1:] {
		name, table, _ := strings.Cut(part, " --\n")
		file := "/etc/cron.d/" + strings.Map(func(r rune) rune {
			if r == '_' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
				return r
			}
			return '-'
		}, name)
		tables++
		fmt.Fprintf(&script, "printf '%%s\\n' %s >%s; touch -d 2023-01-05 %s\n", quoteSh(table), file, file)
		for _, j := range cron.ParseTable([]byte(table+"\n"), cron.System, cron.Debian, cron.Options{}).Jobs() {
			jobs++
			fmt.Fprintf(&script, "id -u %[1]s >/dev/null 2>&1 || useradd -r -M -s /usr/sbin/nologin %[1]s\n", quoteSh(j.User))
			for _, target := range j.Resolve("", cron.Debian).Targets {
				if p := target.Path; strings.HasPrefix(p, "/") && target.How != cron.HowRunParts && !strings.Contains(p, "$") {
					fmt.Fprintf(&script, "[ -e %[1]s ] || { mkdir -p %[2]s; printf '#!/bin/sh\\n' >%[1]s; chmod 755 %[1]s; touch -d 2023-01-05 %[1]s; }\n", quoteSh(p), quoteSh(filepath.Dir(p)))
				}
			}
		}
	}
	if tables < 40 {
		t.Fatalf("%d packages, the file has lost some", tables)
	}
	h.WriteFile("/root/packages.sh", []byte(script.String()), 0o700)
	h.Run("sh -e /root/packages.sh")
	h.Run("rm /root/packages.sh")
	return jobs
}

func quiet(t *testing.T, what string, s *snapshot.Snapshot, jobs int) {
	t.Helper()
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	all, err := cat.Choose(policies.Choice{Profile: policies.ProfileAll})
	if err != nil {
		t.Fatal(err)
	}
	f := facts.From(s, facts.Options{Now: time.Now(), Name: "host"})
	if len(f.Jobs) < jobs {
		t.Errorf("%s: %d jobs, want %d and more", what, len(f.Jobs), jobs)
	}
	asked := 0
	outcomes, _ := all.Judge(f, policies.JudgeOptions{Host: "host"})
	for _, o := range outcomes {
		if !slices.Contains(cronRules, o.Rule) {
			continue
		}
		asked++
		if o.Verdict == policies.Fail && o.Severity != policies.Low && o.Severity != policies.Info {
			t.Errorf("%s: %s %s: %s\n%+v", what, o.Severity, o.Rule, o.Message, o.Evidence)
		}
	}
	if asked != len(cronRules) {
		t.Errorf("%d of %d rules were asked", asked, len(cronRules))
	}
	for i := range f.Jobs {
		if j := &f.Jobs[i]; j.Severity == "medium" || j.Severity == "high" || j.Severity == "critical" {
			t.Errorf("%s: %s %s:%d %q: %+v", what, j.Severity, j.Path, j.Line, j.Command, j.Signs)
		}
	}
}

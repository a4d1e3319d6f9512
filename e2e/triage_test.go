//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/e2e"
)

// triageRun runs postern triage on a host as an administrator would, and gives its
// page and the same as values.
func triageRun(t *testing.T, h *e2e.Host, key, expect string, args ...string) (page string, report *triage.Host) {
	t.Helper()
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inventory := filepath.Join(dir, "postern.yaml")
	text := fmt.Sprintf("defaults: {user: root, key: %q}\ngroups:\n  nodes:\n    hosts: [victim]\n%shosts:\n  victim: {address: %s}\n", key, expect, h.Addr())
	if err := os.WriteFile(inventory, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"triage", "-i", inventory, "--known-hosts", h.KnownHosts(), "--no-agent", "--timeout", "110s"}
	out, _ := run(t, dir, binary, append(append(common, "--format", "json"), args...)...)
	var r triage.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Hosts) != 1 {
		t.Fatalf("not a report: %v\n%s", err, out)
	}
	return out, &r.Hosts[0]
}

// storyExpect is what the administrator of the story relies on.
const storyExpect = "    expect:\n      jobs:\n        - {match: \"*/monitor-nodes*\", user: root}\n"

// TestTriageStory plants the story of the demo with a process that stands for its
// implant, and asks for one page that tells it.
func TestTriageStory(t *testing.T) {
	e2e.NeedHosts(t)
	script, err := os.ReadFile(filepath.Join("demo", "hosts", "breached.sh"))
	if err != nil {
		t.Fatal(err)
	}
	key, public := newKey(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: string(script) + "\n" + admit("root", public)})
	// An inert stub: sleeps, and holds a connection to a port of IRC on this very host.
	if out, errOut, code := h.Exec(`set -e
cp /usr/bin/perl '/root/. ../httpd'
cd '/root/. ..'
nohup './httpd' -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(6667,INADDR_LOOPBACK)); listen(S,1); sleep 600' >/dev/null 2>&1 </dev/null &
sleep 0.5
nohup './httpd' -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); connect(S,sockaddr_in(6667,INADDR_LOOPBACK)) or die; sleep 600' >/dev/null 2>&1 </dev/null &
sleep 0.5
rm '/root/. ../httpd'`); code != 0 {
		t.Fatalf("stub: %d %s %s", code, out, errOut)
	}
	page, r := triageRun(t, h, key, storyExpect)
	t.Logf("%s", page)
	want(t, r, "job", "high", `". .."`, "update")
	_ = strings.Contains
}

// want finds a thing by kind, least weight and words in its title, reasons and evidence.
func want(t *testing.T, r *triage.Host, kind, least string, words ...string) *triage.Thing {
	t.Helper()
next:
	for i := range r.Things {
		x := &r.Things[i]
		if x.Kind != kind || triage.Level(x.Severity) < triage.Level(least) {
			continue
		}
		text := x.Title + "\n" + strings.Join(x.Why, "\n")
		for _, e := range x.Evidence {
			text += fmt.Sprintf("\n%s:%d %s %s", e.Path, e.Line, e.Text, e.Witness)
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				continue next
			}
		}
		return x
	}
	t.Errorf("no %s of %s or more that says %q", kind, least, words)
	return nil
}

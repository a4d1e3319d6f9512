//go:build linux

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// TestBreachedHost plants the story of the demo on a real host, beside an
// address where nobody answers, and runs the program as an administrator would:
// an inventory, a key, known hosts, ssh.
func TestBreachedHost(t *testing.T) {
	e2e.NeedHosts(t)
	script, err := os.ReadFile(filepath.Join("demo", "hosts", "breached.sh"))
	if err != nil {
		t.Fatal(err)
	}
	key, public := newKey(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: string(script) + "\n" + admit("root", public)})
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inventory := filepath.Join(dir, "postern.yaml")
	text := fmt.Sprintf(`defaults: {user: root, key: %q}
groups:
  nodes:
    hosts: [breached, dead]
    expect:
      jobs:
        - {match: "*/monitor-nodes*", user: root}
hosts:
  breached: {address: %s}
  dead: {address: 10.99.255.254}
`, key, h.Addr())
	if err := os.WriteFile(inventory, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := run(t, dir, binary, "audit", "-i", inventory, "--known-hosts", h.KnownHosts(), "--no-agent", "--timeout", "20s")
	if code != 1 {
		t.Errorf("exit code %d, want 1 (findings)", code)
	}
	flat := strings.Join(strings.Fields(out), " ")
	for what, want := range map[string]string{
		"the deceptive directory":       `". .."`,
		"what the name is made of":      "dot, space, dot, dot",
		"the job's place":               "/var/spool/cron/crontabs/root:2",
		"a password login for people":   "a password alone is enough to log in",
		"who":                           "backup-operator",
		"root by password":              "root may log in with a password",
		"where root's password is open": "/etc/ssh/sshd_config:33",
		"where passwords are open":      "/etc/ssh/sshd_config:57",
		"the monitor that is gone":      "monitor-nodes",
		"the dead host":                 "dead",
		"that it gave no answer":        "unreachable",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("the report does not say %s: %q", what, want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
	for _, r := range out {
		if r < ' ' && r != '\n' {
			t.Errorf("a control character in the report: %q", r)
		}
	}
}

// run runs a program with a home of its own, and gives its standard output.
func run(t *testing.T, home, program string, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"), "XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "PATH=/usr/bin:/bin", "NO_COLOR=1"}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", program, err)
	}
	if errOut.Len() > 0 {
		t.Logf("stderr: %s", errOut.String())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

//go:build linux

package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixCommand is the story's end by the command alone, on a host of each
// release: a plan, the change, a second plan without one, and back.
func TestFixCommand(t *testing.T) {
	e2e.NeedHosts(t)
	program := filepath.Join(t.TempDir(), "postern")
	build := exec.Command("go", "build", "-o", program, "github.com/postern-ssh/postern")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build postern: %v\n%s", err, text)
	}
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		j := newFixJob(t, h, admin)
		home := t.TempDir()
		run := func(want int, args ...string) string {
			t.Helper()
			args = append(args, fmt.Sprintf("%s@%s:%d", j.User, j.Address, j.Port), "--key", j.Key, "--known-hosts", j.Known, "--no-agent")
			cmd := exec.Command(program, args...)
			cmd.Dir = home
			cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			err := cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Fatalf("postern %s: exit code %d, want %d (%v)\n%s", strings.Join(args, " "), got, want, err, out.String())
			}
			return out.String()
		}
		if !offersPasswords(t, h, "typist") {
			t.Fatal("the host offers no passwords to begin with")
		}
		plan := run(1, "fix", "--only", "no-password-login")
		if !strings.Contains(plan, "+PasswordAuthentication no") {
			t.Fatal(plan)
		}
		if !offersPasswords(t, h, "typist") {
			t.Fatal("planning changed the host")
		}
		run(0, "fix", "apply", "--yes", "--only", "no-password-login")
		if offersPasswords(t, h, "typist") {
			t.Error("passwords are still offered")
		}
		h.Login(admin)
		if again := run(0, "fix", "--only", "no-password-login"); !strings.Contains(again, "nothing to fix") {
			t.Error(again)
		}
		if status := run(0, "fix", "status"); !strings.Contains(status, "no run holds it") || !strings.Contains(status, "confirmed") {
			t.Error(status)
		}
		// The next audit is to know that sshd runs with what was written.
		run(0, "audit", "--only", "sshd-stale-config", "--no-history")
		run(0, "fix", "undo")
		run(0, "audit", "--only", "sshd-stale-config", "--no-history")
		if !offersPasswords(t, h, "typist") {
			t.Error("undo brought passwords not back")
		}
	})
}

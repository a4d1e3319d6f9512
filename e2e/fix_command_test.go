//go:build linux

package e2e_test

import (
	"bufio"
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

// TestFixApplyAgainAfterLeaving: who leaves at once, by a second Ctrl-C, and gives the
// same command again is not told that there is nothing to fix: what is there is not
// confirmed, and the host takes it back. fix confirm keeps it, where sshd runs with it.
func TestFixApplyAgainAfterLeaving(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel()
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{": reload", ": log in anew"} {
		t.Run(step, func(t *testing.T) {
			key, public := newKey(t)
			h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: admit("admin", public) + "useradd -m -s /bin/bash typist; echo typist:a-long-Passphrase | chpasswd\n" + older})
			home := t.TempDir()
			command := func(args ...string) *exec.Cmd {
				cmd := exec.Command(binary, append(args, "admin@"+h.Addr(), "--key", key, "--known-hosts", h.KnownHosts(), "--no-agent")...)
				cmd.Dir = home
				cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home)
				return cmd
			}
			fix := []string{"fix", "apply", "--yes", "--only", "no-password-login", "--deadline", "3m"}
			first := command(fix...)
			errs, err := first.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			said := ""
			for lines := bufio.NewScanner(errs); lines.Scan(); {
				said += lines.Text() + "\n"
				if strings.HasSuffix(lines.Text(), step) || strings.Contains(lines.Text(), "interrupted: ") {
					first.Process.Signal(os.Interrupt)
				}
			}
			first.Wait()
			if code := first.ProcessState.ExitCode(); code != 130 || !strings.Contains(said, "until then postern fix confirm keeps it") {
				t.Fatalf("left at once: exit code %d\n%s", code, said)
			}
			run := func(args ...string) (string, int) {
				cmd := command(args...)
				out, _ := cmd.CombinedOutput()
				return string(out), cmd.ProcessState.ExitCode()
			}
			if out, code := run(fix...); code != 6 || !strings.Contains(out, "which is not confirmed and which the host takes back in") {
				t.Errorf("again: exit code %d\n%s", code, out)
			}
			switch out, code := run("fix", "confirm"); {
			case code == 0 && offersPasswords(t, h, "typist"):
				t.Errorf("confirmed, and sshd runs with the old files\n%s", out)
			case code == 0:
				if out, code := run(fix...); code != 0 || !strings.Contains(out, "nothing to fix") {
					t.Errorf("confirmed, then: exit code %d\n%s", code, out)
				}
			case step != ": reload" || !strings.Contains(out, "sshd"):
				t.Errorf("confirm: exit code %d\n%s", code, out)
			}
			h.Login(e2e.Account{Name: "admin", Signer: signerOf(t, key)})
		})
	}
}

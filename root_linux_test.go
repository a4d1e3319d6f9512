package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRootUnprivileged: a tree is read without any right. Run by root, the test
// takes the rights of nobody; a file that nobody may not read is unknown.
func TestRootUnprivileged(t *testing.T) {
	// Not t.TempDir: its parents are for their owner alone.
	dir, err := os.MkdirTemp("", "postern-root-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	tree, outside := dir+"/tree", dir+"/outside"
	for name, text := range map[string]string{
		tree + "/etc/ssh/sshd_config":          "Include /etc/ssh/sshd_config.d/*.conf\nX11Forwarding yes\nPermitRootLogin yes\n",
		tree + "/etc/passwd":                   "root:x:0:0:root:/root:/bin/sh\n",
		tree + "/etc/group":                    "root:x:0:\n",
		tree + "/etc/shadow":                   "root:$6$OUTSIDE$OUTSIDE:20000:0:99999:7:::\n",
		tree + "/etc/cron.d/good":              "1 * * * * root echo INSIDE\n",
		outside + "/relative":                  "1 * * * * root echo OUTSIDE-RELATIVE\n",
		outside + "/absolute":                  "1 * * * * root echo OUTSIDE-ABSOLUTE\n",
		outside + "/chained":                   "1 * * * * root echo OUTSIDE-CHAINED\n",
		outside + "/conf/x.conf":               "# OUTSIDE-CONF\nX11Forwarding no\n",
		outside + "/home/.ssh/authorized_keys": "# OUTSIDE-HOME\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"/etc/crontab":           "../../outside/relative",
		"/etc/cron.d/absolute":   outside + "/absolute",
		"/etc/cron.d/chained":    "../hop",
		"/etc/hop":               "hop2",
		"/etc/hop2":              "../../outside/chained",
		"/etc/ssh/sshd_config.d": outside + "/conf",
		"/root":                  "../outside/home",
	} {
		if err := os.Symlink(target, tree+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(tree+"/etc/shadow", 0); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir+"/home", 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), copyOfSelf(t, dir), "audit", "--root", "tree", "--format", "json", "--archive", "home/kept", "--only", "x11-forwarding", "--fail-on", "low", "--only", "*password*")
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir + "/home"}
	if os.Geteuid() == 0 {
		for _, d := range []string{dir, dir + "/home"} {
			if err := os.Chown(d, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 || errs.Len() > 0 {
		t.Fatalf("exit code %d, want 1 (X11Forwarding yes)\n%s%s", code, errs.String(), out.String())
	}
	if strings.Contains(out.String(), "OUTSIDE") {
		t.Errorf("what lies outside the tree is in the report:\n%s", out.String())
	}
	var run struct {
		Hosts []struct {
			Outcomes []struct{ Rule, Outcome, Reason string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &run); err != nil || len(run.Hosts) != 1 {
		t.Fatalf("%v: %s", err, out.String())
	}
	got := map[string]string{}
	for _, o := range run.Hosts[0].Outcomes {
		got[o.Rule] = o.Outcome
	}
	for rule, want := range map[string]string{"x11-forwarding": "fail", "empty-password-accounts": "unknown"} {
		if got[rule] != want {
			t.Errorf("%s: %s, want %s (the shadow file cannot be read)\n%s", rule, got[rule], want, out.String())
		}
	}
}

// copyOfSelf puts this test binary under the name postern where anybody may run it.
func copyOfSelf(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(dir+"/postern", os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return dir + "/postern"
}

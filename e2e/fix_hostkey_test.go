//go:build linux

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixMakesHostKey: the missing Ed25519 key is made and offered, undo takes both of
// its halves away, and somebody's public half that lies there alone stays as it is.
func TestFixMakesHostKey(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
	j := newFixJob(t, h, h.Accounts().Admin)
	known := ""
	for _, k := range h.HostKeys() {
		if k.Type() != ssh.KeyAlgoED25519 {
			known += knownhosts.Line([]string{h.Addr()}, k) + "\n"
		}
	}
	j.Known = filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(j.Known, []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	run.to(j)
	reload := "touch -d '2 days ago' /etc/ssh/sshd_config; kill -HUP $(cat /run/sshd.pid); sleep 1.2"
	keys := func() string {
		out, _, _ := h.Exec("cd /etc/ssh && sha256sum ssh_host_* | sort -k2; ls -A | grep postern")
		return out
	}
	h.Run("mkdir /root/k; mv /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub /root/k; " + reload)
	before := keys()
	run.want(t, 0, "fix", "apply", "--yes", "--only", "ed25519-host-key")
	if out, errs, _ := h.Exec("cd /etc/ssh && stat -c '%n %a %u' ssh_host_ed25519_key*; ssh-keygen -y -f ssh_host_ed25519_key | cut -d' ' -f1,2; cut -d' ' -f1,2 ssh_host_ed25519_key.pub; ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null | cut -d' ' -f2,3"); true {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 5 || lines[0] != "ssh_host_ed25519_key 600 0" || lines[1] != "ssh_host_ed25519_key.pub 644 0" || lines[2] != lines[3] || lines[3] != lines[4] {
			t.Errorf("%s%s", out, errs)
		}
	}
	if again := run.want(t, 0, "fix", "--only", "ed25519-host-key"); !strings.Contains(again, "nothing to fix") {
		t.Error(again)
	}
	run.want(t, 0, "fix", "undo")
	if after := keys(); after != before {
		t.Errorf("undone:\n%sbefore:\n%s", after, before)
	}
	h.Run("cp -p /root/k/ssh_host_ed25519_key.pub /etc/ssh/")
	before = keys()
	if plan := run.want(t, 0, "fix", "apply", "--yes", "--only", "ed25519-host-key"); !strings.Contains(strings.Join(strings.Fields(plan), " "), "without its private half") {
		t.Error(plan)
	}
	if after := keys(); after != before {
		t.Errorf("a public half alone:\n%sbefore:\n%s", after, before)
	}
}

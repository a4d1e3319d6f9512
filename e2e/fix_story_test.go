//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixStory is the end of the story on a real host, by the command alone: from
// root and passwords let in, the implant in root's crontab and the monitor gone, to
// no password login, no root login, the monitor back, the implant in the record, an
// intruder's key and account shut, and one way left open for a client that cannot do
// keys. The clients are this test's own and ssh(1).
func TestFixStory(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel()
	script, err := os.ReadFile(filepath.Join("demo", "hosts", "breached.sh"))
	if err != nil {
		t.Fatal(err)
	}
	key, public := newKey(t)
	stolen, stolenPublic := newKey(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, FailingLogins: true, Setup: string(script) + "\n" + admit("admin", public) + fmt.Sprintf(`
mkdir -p -m 700 /root/.ssh /home/alice/.ssh
echo '%[1]s' >>/root/.ssh/authorized_keys
echo '%[1]s' >>/home/alice/.ssh/authorized_keys
useradd -m -s /bin/bash mallory; echo mallory:a-Way-to-come-back | chpasswd
mkdir -m 700 /home/mallory/.ssh; echo '%[1]s' >/home/mallory/.ssh/authorized_keys
printf '7 * * * * /home/mallory/beacon\n' >/var/spool/cron/crontabs/mallory
chown mallory:crontab /var/spool/cron/crontabs/mallory; chmod 600 /var/spool/cron/crontabs/mallory
ssh-keygen -q -t ed25519 -N '' -f /home/alice/.ssh/id_ed25519
chmod 600 /root/.ssh/authorized_keys /home/alice/.ssh/authorized_keys; chown -R alice: /home/alice/.ssh; chown -R mallory: /home/mallory/.ssh
`, strings.TrimSpace(stolenPublic))})
	stolenSigner := signerOf(t, stolen)
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	const monitor = "*/5 * * * * /usr/local/sbin/monitor-nodes --cluster"
	inventory := func(expires string) {
		t.Helper()
		text := fmt.Sprintf(`defaults: {user: admin, key: %q}
hosts:
  breached: {address: %s}
allow:
  - {user: backup-operator, addresses: [%s], method: password, owner: facility, reason: the tape robot cannot do keys, expires: %s}
expect:
  jobs:
    - {match: "*/monitor-nodes*", user: root, line: %q}
`, key, h.Addr(), e2e.Elsewhere, expires, monitor)
		if err := os.WriteFile(filepath.Join(home, "postern.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inventory(time.Now().AddDate(0, 6, 0).Format("2006-01-02"))
	postern := func(want int, args ...string) string {
		t.Helper()
		out, code := run(t, home, binary, append(args, "-i", "postern.yaml", "--known-hosts", h.KnownHosts(), "--no-agent")...)
		if code != want {
			t.Fatalf("postern %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out)
		}
		return out
	}

	// Who gets in, by Go's client and by ssh(1).
	type visitor struct {
		user, password string
		key            string
		from           net.IP
	}
	here := net.IPv4(10, 99, 0, 1)
	visitors := []visitor{
		{"root", "letmein-2011", "", here}, {"root", "", stolen, here},
		{"alice", "a-long-Passphrase-of-alice", "", here}, {"alice", "a-long-Passphrase-of-alice", "", e2e.Elsewhere}, {"alice", "", stolen, here},
		{"mallory", "a-Way-to-come-back", "", here}, {"mallory", "", stolen, here},
		{"backup-operator", "a-long-Passphrase-of-backup-operator", "", here},
		{"backup-operator", "a-long-Passphrase-of-backup-operator", "", e2e.Elsewhere},
		{"admin", "", key, here},
	}
	who := func(ssh1 bool) string {
		t.Helper()
		var out []string
		for _, v := range visitors {
			method, how := ssh.PublicKeys(signerOf(t, either(v.key, key))), "key"
			if v.password != "" {
				method, how = ssh.Password(v.password), "password"
			}
			byGo := tryFrom(t, h, v.from, v.user, method) == in
			if ssh1 && sshIn(t, h, home, v.user, v.password, v.key, v.from) != byGo {
				t.Errorf("%s by %s from %s: Go's client %v, ssh(1) otherwise", v.user, how, v.from, byGo)
			}
			if byGo {
				out = append(out, fmt.Sprintf("%s/%s/%s", v.user, how, v.from))
			}
		}
		return strings.Join(out, " ")
	}
	const all = "root/password/10.99.0.1 root/key/10.99.0.1 alice/password/10.99.0.1 alice/password/10.99.0.2 alice/key/10.99.0.1 mallory/password/10.99.0.1 mallory/key/10.99.0.1 " +
		"backup-operator/password/10.99.0.1 backup-operator/password/10.99.0.2 admin/key/10.99.0.1"
	if got := who(true); got != all {
		t.Fatalf("before: %s", got)
	}
	rules := func() map[string]string {
		t.Helper()
		out, code := run(t, home, binary, "audit", "-i", "postern.yaml", "--known-hosts", h.KnownHosts(), "--no-agent", "--format", "jsonl", "--profile", "breach")
		if code != 1 && code != 0 && code != 3 {
			t.Fatalf("audit: %d\n%s", code, out)
		}
		got := map[string]string{}
		for line := range strings.Lines(out) {
			var h struct {
				Outcomes []struct{ Rule, Outcome string }
			}
			if !strings.HasPrefix(line, `{"type":"host"`) {
				continue
			}
			if err := json.Unmarshal([]byte(line), &h); err != nil {
				t.Fatal(err)
			}
			for _, o := range h.Outcomes {
				got[o.Rule] = o.Outcome
			}
		}
		return got
	}
	wants := []string{"no-password-login", "no-root-login", "root-password-login", "deceptive-job-names", "expected-job-missing"}
	before := rules()
	for _, r := range wants {
		if before[r] != "fail" && r != "root-password-login" && r != "no-root-login" {
			t.Errorf("before: %s is %q", r, before[r])
		}
	}

	print := ssh.FingerprintSHA256(stolenSigner.PublicKey())
	order := []string{"--profile", "breach", "--quarantine", "breached:/var/spool/cron/crontabs/root:2", "--quarantine", "/var/spool/cron/crontabs/root:3",
		"--revoke-key", print, "--lock-account", "mallory"}
	// What the implant started still runs, and its program is gone from the disk.
	h.Run(`cd /root && cp /bin/sh '. ../k' && { setsid '. ../k' -c 'while :; do sleep 1; done' '. ../update' </dev/null >/dev/null 2>&1 & echo $! >/run/k.pid; } && sleep 0.5 && rm '. ../k'`)
	plan := postern(4, append([]string{"fix", "plan"}, order...)...)
	flat := strings.Join(strings.Fields(plan), " ")
	for _, want := range []string{"refused (running-job)", "+" + monitor, "+# postern allow: backup-operator until", "account mallory: password locked, over since 1970-01-02",
		"/var/spool/cron/crontabs/mallory:1 (/home/mallory/beacon)", "to be changed elsewhere", "the private key /home/alice/.ssh/id_ed25519 of alice, without a passphrase",
		"the passwords of root, alice", "moved into the record"} {
		if !strings.Contains(flat, want) {
			t.Errorf("the plan lacks %q", want)
		}
	}
	if out := postern(4, append([]string{"fix", "apply", "--yes"}, order...)...); who(false) != all {
		t.Fatalf("refused, and yet changed\n%s", out)
	}
	h.Run("kill -9 $(cat /run/k.pid); rm /run/k.pid")
	applied := postern(0, append([]string{"fix", "apply", "--yes"}, order...)...)
	if t.Failed() {
		t.Log(applied)
	}

	if got, want := who(true), "backup-operator/password/10.99.0.2 admin/key/10.99.0.1"; got != want {
		t.Errorf("who gets in afterwards: %s, want %s", got, want)
	}
	ask := func(command, want string) {
		t.Helper()
		if got, errs, _ := h.Exec(command); strings.TrimSpace(got) != want {
			t.Errorf("%s: %q%s, want %q", command, got, errs, want)
		}
	}
	ask("crontab -u root -l | grep -v '^#' ", "30 2 * * * /usr/local/sbin/rotate-logs\n"+monitor)
	ask("crontab -u root -l | grep -c '^# postern .*quarantine: '", "2")
	ask("ls '/root/. ../update' 2>&1 >/dev/null | grep -c .", "1")
	// Evidence: the implant with its time and owner, the table as it was, with its own.
	ask("cd /var/lib/postern-fix/records/*/moved && stat -c '%y %U %a' * | cut -c1-19,30-", "2026-03-12 00:30:00 +0000 root 755")
	ask("cd /var/lib/postern-fix/records/*/moved && grep -c 'stands for the implant' *", "1")
	ask("cd /var/lib/postern-fix/records/*/old && grep -l monitor-nodes * ; stat -c '%y' $(grep -l 'sh . ../update' *) | cut -c1-19", "2026-03-12 00:30:00")
	ask("stat -c %a /var/lib/postern-fix", "700")

	after := rules()
	for _, r := range wants {
		if after[r] != "pass" && after[r] != "waived" {
			t.Errorf("a fresh audit: %s is %q", r, after[r])
		}
	}
	if after["no-password-login"] != "waived" {
		t.Errorf("the carve-out is not shown: no-password-login is %q", after["no-password-login"])
	}
	// Nothing is left to plan; and once the carve-out has run out, the audit fails and
	// the plan takes it back.
	if out := postern(0, "fix", "plan", "--only", "no-password-login", "--only", "no-root-login", "--only", "expected-job-*"); !strings.Contains(out, "nothing to fix") {
		t.Error(out)
	}
	inventory("2020-01-01")
	if ended := rules(); ended["no-password-login"] != "fail" {
		t.Errorf("the carve-out has run out: no-password-login is %q", ended["no-password-login"])
	}
	postern(0, "fix", "apply", "--yes", "--only", "no-password-login")
	if got, want := who(false), "admin/key/10.99.0.1"; got != want {
		t.Errorf("who gets in after the carve-out: %s, want %s", got, want)
	}

	// And back, the newest first, as the records have it.
	var first string
	status := postern(0, "fix", "status")
	for line := range strings.Lines(status) {
		if id, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "run "), ": confirmed"); ok {
			if out, _, _ := h.Exec("ls /var/lib/postern-fix/records/" + id + "/moved"); strings.TrimSpace(out) != "" {
				first = id
			} else {
				postern(0, "fix", "undo", "--run", id)
			}
		}
	}
	if first == "" {
		t.Fatalf("no record holds the implant\n%s", status)
	}
	postern(0, "fix", "undo", "--run", first)
	if got := who(false); got != all {
		t.Errorf("undone: %s", got)
	}
	ask("stat -c '%y %U %a' '/root/. ../update' | cut -c1-19,30-", "2026-03-12 00:30:00 +0000 root 755")
}

func either(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

func signerOf(t *testing.T, file string) ssh.Signer {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.ParsePrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sshIn logs in by ssh(1), with a password or a key, from an address of ours.
func sshIn(t *testing.T, h *e2e.Host, dir, user, password, key string, from net.IP) bool {
	t.Helper()
	args := []string{"-F", "none", "-b", from.String(), "-o", "UserKnownHostsFile=" + h.KnownHosts(), "-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes",
		"-o", "NumberOfPasswordPrompts=1", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=20"}
	ask := filepath.Join(dir, "askpass")
	if password != "" {
		if err := os.WriteFile(ask, []byte("#!/bin/sh\nprintf '%s\\n' \"$ANSWER\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-o", "PubkeyAuthentication=no")
	} else {
		args = append(args, "-o", "PreferredAuthentications=publickey", "-i", key)
	}
	cmd := exec.CommandContext(t.Context(), "ssh", append(args, user+"@"+h.Addr(), "id -un")...)
	cmd.Env = []string{"HOME=" + dir, "PATH=/usr/bin:/bin", "SSH_ASKPASS=" + ask, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0", "ANSWER=" + password}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil && out.String() == user+"\n":
		return true
	case errors.As(err, &exit) && exit.ExitCode() == 255 && (strings.Contains(errs.String(), "Permission denied") || strings.Contains(errs.String(), "Connection closed")):
		return false
	}
	t.Fatalf("ssh %s: %v\n%s%s", user, err, &out, &errs)
	return false
}

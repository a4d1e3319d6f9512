//go:build linux

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixInstallsKey: a key opens an account afterwards, by a login where its private
// half is at hand, by sshd's word where it is not; one that sshd does not take is
// taken out again, and nothing is written as root where the account may write.
func TestFixInstallsKey(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
	run.to(newFixJob(t, h, h.Accounts().Admin))
	dir := t.TempDir()
	key := func(name string) string {
		file := filepath.Join(dir, name)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return file
	}
	say := func(out string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), w) {
				t.Errorf("no %q in\n%s", w, out)
			}
		}
	}
	typist := "/home/typist/.ssh/authorized_keys"
	if _, _, code := h.Exec("test -e " + typist); code == 0 {
		t.Fatal("typist has keys to begin with")
	}
	held, alone := key("held"), key("alone")
	if err := os.Rename(alone, alone+".away"); err != nil {
		t.Fatal(err)
	}
	say(run.want(t, 1, "fix", "install-key", "--dry-run", held+".pub", "typist"), "+ssh-ed25519", "typist by publickey")
	if _, _, code := h.Exec("test -e " + typist); code == 0 {
		t.Fatal("a dry run wrote")
	}
	// Nobody to ask: said once, with the way out on a line of its own.
	asked := run.want(t, 2, "fix", "install-key", held+".pub", "typist")
	say(asked, "no terminal to ask on hint: --yes applies")
	if n := strings.Count(asked, "no terminal"); n != 1 {
		t.Errorf("said %d times:\n%s", n, asked)
	}
	say(run.want(t, 0, "fix", "install-key", "--yes", held+".pub", "typist"), "done", "proven: a fresh login as typist")
	if out, _, _ := h.Exec("stat -c '%U:%G %a' " + typist + "; stat -c '%U %a' /home/typist/.ssh"); out != "typist:typist 600\ntypist 700\n" {
		t.Error(out)
	}
	say(run.want(t, 0, "fix", "install-key", "--yes", held+".pub", "typist"), "opens typist already", typist+":1", "proven: a fresh login")
	say(run.want(t, 0, "fix", "install-key", "--yes", alone+".pub", "typist"), "done", "one unsigned question", "no login was made")
	if out, _, _ := h.Exec("cat " + typist); strings.Count(out, "\n") != 2 || !strings.Contains(out, " held\n") || !strings.HasSuffix(out, " alone\n") {
		t.Error(out)
	}
	answer := run.want(t, 0, "fix", "install-key", "--format", "json", "--yes", held+".pub", "typist")
	say(answer, `"proof": "logged in"`, `"outcome": "there already"`)

	// What the files do not tell: PAM shuts the account by a program's word, the
	// login fails, and the key goes again.
	h.Exec("printf '#!/bin/sh\n[ \"$PAM_USER\" != typist ]\n' >/usr/local/sbin/gate && chmod 755 /usr/local/sbin/gate; " +
		"cp -p /etc/pam.d/sshd /tmp/pam; { echo 'account required pam_exec.so /usr/local/sbin/gate'; cat /tmp/pam; } >/etc/pam.d/sshd")
	third := key("third")
	out, code := run.run(t, "fix", "install-key", "--yes", third+".pub", "typist")
	if code != 5 {
		t.Errorf("exit code %d", code)
	}
	say(out, "rolled back", "not certain")
	if out, _, _ := h.Exec("cat " + typist); strings.Contains(out, "third") {
		t.Error(out)
	}
	h.Exec("cat /tmp/pam >/etc/pam.d/sshd")

	// AllowUsers shuts typist out: refused, with the line.
	h.Exec("printf 'AllowUsers admin root\n' >/etc/ssh/sshd_config.d/00-allow.conf && sleep 1.1 && kill -HUP $(cat /run/sshd.pid) && sleep 1.5")
	fourth := key("fourth")
	say(run.want(t, 4, "fix", "install-key", "--yes", fourth+".pub", "typist"), "refused (no-use)", "AllowUsers", "nothing was changed")
	if out, _, _ := h.Exec("cat " + typist); strings.Contains(out, "fourth") {
		t.Error(out)
	}
	say(run.want(t, 2, "fix", "install-key", "--yes", held, "typist"), "private key")
}

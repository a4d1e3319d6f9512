//go:build linux

package e2e_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixUsersModes: the modes of a user's key file and of its folder are mended with
// his rights, undo gives them back, and a link that he puts there meanwhile leads root
// nowhere.
func TestFixUsersModes(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
	run.to(newFixJob(t, h, h.Accounts().Admin))
	modes := func() string {
		out, errs, _ := h.Exec("stat -c '%a %U %n' /home/plain/.ssh /home/plain/.ssh/authorized_keys /root/secret; sha256sum </home/plain/.ssh/authorized_keys")
		return out + errs
	}
	h.Run("echo s >/root/secret; chmod 666 /root/secret; chmod 777 /home/plain/.ssh; chmod 602 /home/plain/.ssh/authorized_keys")
	before := modes()
	run.want(t, 0, "fix", "apply", "--yes", "--only", "authorized-keys-files")
	if after := modes(); !strings.HasPrefix(after, "755 plain /home/plain/.ssh\n600 plain /home/plain/.ssh/authorized_keys\n666 root /root/secret\n") {
		t.Error(after)
	}
	h.Login(h.Accounts().Plain)
	if again := run.want(t, 0, "fix", "--only", "authorized-keys-files"); !strings.Contains(again, "nothing to fix") {
		t.Error(again)
	}
	run.want(t, 0, "fix", "undo")
	if after := modes(); after != before {
		t.Errorf("undone:\n%sbefore:\n%s", after, before)
	}

	run.want(t, 1, "fix", "plan", "--only", "authorized-keys-files", "--save-plan", "modes.plan")
	h.Run("mv /home/plain/.ssh/authorized_keys /home/plain/k; ln -s /root/secret /home/plain/.ssh/authorized_keys; chmod 711 /root")
	before = modes()
	if out := run.want(t, 4, "fix", "apply", "--yes", "--plan", "modes.plan"); !strings.Contains(out, "not as the plan saw it") {
		t.Error(out)
	}
	if after := modes(); after != before {
		t.Errorf("a link:\n%sbefore:\n%s", after, before)
	}
}

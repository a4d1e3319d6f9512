//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixPlanIsBoundToTheHost saves a plan, changes one thing that it stands on and
// does not change itself, and applies it: refused, with the file's name. Put back as
// it was, the plan is applied.
func TestFixPlanIsBoundToTheHost(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
	admin := h.Accounts().Admin
	run.to(newFixJob(t, h, admin))
	h.Exec("printf 'ClientAliveInterval 300\n' >/etc/ssh/sshd_config.d/20-other.conf && kill -HUP $(cat /run/sshd.pid) && sleep 1.5")
	plan := filepath.Join(t.TempDir(), "plan")
	run.want(t, 1, "fix", "--only", "no-password-login", "--save-plan", plan)

	for _, c := range []struct{ name, change, back, file string }{
		{"a drop-in that comes", "printf 'MaxAuthTries 5\n' >/etc/ssh/sshd_config.d/90-new.conf", "rm /etc/ssh/sshd_config.d/90-new.conf", "/etc/ssh/sshd_config.d"},
		{"a drop-in that is not changed", "cp -p /etc/ssh/sshd_config.d/20-other.conf /tmp/k && echo '# more' >>/etc/ssh/sshd_config.d/20-other.conf", "cat /tmp/k >/etc/ssh/sshd_config.d/20-other.conf", "/etc/ssh/sshd_config.d/20-other.conf"},
		{"its mode", "chmod 640 /etc/ssh/sshd_config.d/20-other.conf", "chmod 644 /etc/ssh/sshd_config.d/20-other.conf", "/etc/ssh/sshd_config.d/20-other.conf"},
		{"PAM", "cp -p /etc/pam.d/sshd /tmp/p && echo '# more' >>/etc/pam.d/sshd", "cat /tmp/p >/etc/pam.d/sshd", "/etc/pam.d/sshd"},
		{"an account that comes", "cp -p /etc/passwd /tmp/w && touch -d '2020-01-02 03:04:05Z' /etc/passwd", "touch -r /tmp/w /etc/passwd", "/etc/passwd"},
		{"the file of keys", "cp -p ~admin/.ssh/authorized_keys /tmp/a && echo '# more' >>~admin/.ssh/authorized_keys", "cat /tmp/a >~admin/.ssh/authorized_keys", "authorized_keys"},
		{"the file that it changes", "cp -p /etc/ssh/sshd_config /tmp/c && echo '# more' >>/etc/ssh/sshd_config", "cat /tmp/c >/etc/ssh/sshd_config", "/etc/ssh/sshd_config"},
	} {
		if out, errs, code := h.Exec(c.change); code != 0 {
			t.Fatalf("%s: %s%s", c.name, out, errs)
		}
		got := run.want(t, 4, "fix", "apply", "--yes", "--plan", plan)
		if !strings.Contains(got, c.file) || !strings.Contains(got, "make the plan anew") {
			t.Errorf("%s:\n%s", c.name, got)
		} else {
			at := strings.LastIndex(got, "postern: ")
			t.Logf("%s: %s", c.name, got[at:])
		}
		if out, errs, code := h.Exec(c.back); code != 0 {
			t.Fatalf("%s: %s%s", c.name, out, errs)
		}
		if !offersPasswords(t, h, "typist") {
			t.Fatalf("%s: something was applied", c.name)
		}
	}
	run.want(t, 0, "fix", "apply", "--yes", "--plan", plan)
	if offersPasswords(t, h, "typist") {
		t.Error("passwords are still offered")
	}
	if again := run.want(t, 0, "fix", "apply", "--yes", "--plan", plan); !strings.Contains(again, "nothing was to be done") && !strings.Contains(again, "already") {
		t.Error(again)
	}
}

// asUser is the built program, run as a user runs it.
type asUser struct {
	program, home string
	at            []string // the host and how to get there
	env           []string
}

func newPostern(t *testing.T) *asUser {
	t.Helper()
	p := &asUser{program: filepath.Join(t.TempDir(), "postern"), home: t.TempDir()}
	build := exec.Command("go", "build", "-o", p.program, "github.com/postern-ssh/postern")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build postern: %v\n%s", err, text)
	}
	return p
}

// to says which host the commands are for, and by which login.
func (p *asUser) to(j *fixJob) {
	p.at = []string{fmt.Sprintf("%s@%s:%d", j.User, j.Address, j.Port), "--key", j.Key, "--known-hosts", j.Known, "--no-agent"}
}

// run gives what the program says, and its exit code.
func (p *asUser) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(p.program, append(args, p.at...)...)
	cmd.Dir = p.home
	cmd.Env = append(append(os.Environ(), "HOME="+p.home, "XDG_STATE_HOME="+p.home, "XDG_CONFIG_HOME="+p.home, "NO_COLOR=1"), p.env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// want is run with the exit code that has to come.
func (p *asUser) want(t *testing.T, code int, args ...string) string {
	t.Helper()
	out, got := p.run(t, args...)
	if got != code {
		t.Fatalf("postern %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// TestFixReloadsAlone: somebody shut passwords and did not reload. The plan is the
// reload, shows what it brings, and is made only with the risk named.
func TestFixReloadsAlone(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true})
	run.to(newFixJob(t, h, h.Accounts().Admin))
	run.want(t, 1, "audit", "--fail-on", "low") // a kept run tells what sshd has
	if out, errs, code := h.Exec("sleep 1.1; { echo 'PasswordAuthentication no'; cat /etc/ssh/sshd_config; } >/root/new && cat /root/new >/etc/ssh/sshd_config"); code != 0 {
		t.Fatal(out, errs)
	}
	for _, rule := range []string{"sshd-stale-config", "no-password-login"} {
		plan := run.want(t, 4, "fix", "--only", rule)
		for _, s := range []string{"a reload of sshd planned", "edits by others", "+PasswordAuthentication no", "- typist by password", "--accept-risk=pending-edits"} {
			if !strings.Contains(plan, s) {
				t.Errorf("no %q in\n%s", s, plan)
			}
		}
		t.Log(plan)
	}
	run.want(t, 4, "fix", "apply", "--yes", "--only", "sshd-stale-config")
	if !offersPasswords(t, h, "typist") {
		t.Fatal("it was reloaded without the risk accepted")
	}
	run.want(t, 0, "fix", "apply", "--yes", "--only", "sshd-stale-config", "--accept-risk", "pending-edits")
	if offersPasswords(t, h, "typist") {
		t.Error("passwords are still offered")
	}
	if out := run.want(t, 4, "fix", "undo"); !strings.Contains(out, "nothing to give back") {
		t.Error(out)
	}
	if out := run.want(t, 0, "fix", "--only", "no-password-login", "--only", "sshd-stale-config"); !strings.Contains(out, "nothing to fix") {
		t.Error(out)
	}
}

package apply

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inShell runs functions of the program with others in their place, in each shell.
func inShell(t *testing.T, names []string, script, want string) {
	t.Helper()
	parts := "NL='\n'\n"
	for _, f := range names {
		parts += function(t, f)
	}
	for name, argv := range shells(t) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "d", "state"), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader("D=" + quote(dir+"/d") + " ROOT=" + quote(dir) + "\numask 077\n" + parts + script + "\n")
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); got != want {
			t.Errorf("%s: got %q, want %q (%v)", name, got, want, err)
		}
	}
}

// TestFindDaemon: of several daemons it is the plan's own, else the one that was
// there when the run began, else the only one on the port that we came by. Two on one
// port, at different addresses, are told apart by neither: none is taken.
func TestFindDaemon(t *testing.T) {
	const two = `daemons() { echo 10; echo 20; }
born() { BORN=b$1; }
PORT=0016 RELOAD_PID=0
`
	for name, c := range map[string]struct{ script, want string }{
		"the plan's":          {two + `owned() { echo "1$1 0016"; }; RELOAD_PID=10; find_daemon; echo "$? $PID"`, "0 10"},
		"the run's":           {two + `owned() { echo "1$1 0016"; }; echo "10 b10" >"$D/daemon"; find_daemon; echo "$? $PID"`, "0 10"},
		"another by now":      {two + `owned() { echo "1$1 0016"; }; echo "10 b9" >"$D/daemon"; find_daemon; echo "$? $PID"`, "1"},
		"by its port":         {two + `owned() { case $1 in 10) echo "110 0016" ;; *) echo "120 08AE" ;; esac; }; find_daemon; echo "$? $PID"`, "0 10"},
		"two on one port":     {two + `owned() { echo "1$1 0016"; }; find_daemon; echo "$? $PID"`, "1"},
		"a port that is part": {two + `owned() { case $1 in 10) echo "110 0016" ;; *) echo "120 10016" ;; esac; }; find_daemon; echo "$? $PID"`, "0 10"},
	} {
		t.Run(name, func(t *testing.T) { inShell(t, []string{"find_daemon"}, c.script, c.want) })
	}
}

// TestBootWithoutGuard: in the boot that armed, the guard decides, while there is one.
// systemd can restart all but the kernel and itself (systemctl soft-reboot): that ends
// the guard and leaves the boot's number.
func TestBootWithoutGuard(t *testing.T) {
	const script = `boot_id() { BOOT=this; }
roll() { echo roll; }
: >"$D/manifest"
`
	for name, c := range map[string]struct{ script, want string }{
		"the guard lives": {`lives() { boot_id; return 0; }; echo "this 9" >"$D/deadline"; (cmd_boot); echo end`, "end"},
		"it does not":     {`lives() { boot_id; return 1; }; echo "this 9" >"$D/deadline"; (cmd_boot); echo end`, "roll\nend"},
		"another boot":    {`lives() { boot_id; return 0; }; echo "that 9" >"$D/deadline"; (cmd_boot); echo end`, "roll\nend"},
		"no deadline":     {`lives() { boot_id; return 0; }; : >"$D/deadline"; (cmd_boot); echo end`, "roll\nend"},
	} {
		t.Run(name, func(t *testing.T) { inShell(t, []string{"cmd_boot"}, script+c.script, c.want) })
	}
}

// TestStartedDaemonHasNoMaskOfOurs: sshd hands its umask on to every login, and the
// guard's is for its own files.
func TestStartedDaemonHasNoMaskOfOurs(t *testing.T) {
	inShell(t, []string{"start_daemon"}, `listening() { return 1; }
privsep() { :; }
with_start_args() { umask >"$D/mask"; }
echo /usr/sbin/sshd >"$D/sshd"
start_daemon; cat "$D/mask"; umask`, "0022\n0077")
}

// TestWhatIsKnownOfTheDaemonIsWrittenWhole: a disk that is full for a moment must not
// leave a guard that does not know the ports, or tells a daemon to read its files that
// must not be told.
func TestWhatIsKnownOfTheDaemonIsWrittenWhole(t *testing.T) {
	const script = `PID=10 SOCKET=0 PORT=0016
owned() { echo "110 0016"; }
daemon_state() { echo "10 b"; }
active_units() { echo ssh.service; }
`
	inShell(t, []string{"write_daemon"}, script+`write_daemon /usr/sbin/sshd && cat "$D/ports" "$D/socket" "$D/sshd"`, "0016\n0\n/usr/sbin/sshd")
	for _, f := range []string{"sshd", "socket", "daemon", "units", "ports"} {
		inShell(t, []string{"write_daemon"}, script+`mkdir "$D/`+f+`"; write_daemon /usr/sbin/sshd 2>/dev/null && echo written`, "")
	}
}

// TestCronThatKnowsReboot: only a cron that reads a user's name in /etc/cron.d and
// knows @reboot takes a change back after a restart: Debian's and cronie, not dcron.
func TestCronThatKnowsReboot(t *testing.T) {
	inShell(t, []string{"knows_reboot"}, `printf '#!/bin/sh\necho cronie 1.5.7\n' >cronie; printf '#!/bin/sh\necho "dcron 4.5 usage" >&2; exit 1\n' >dcron; chmod +x cronie dcron
for c in "cron /nonexistent/cron" "crond $ROOT/cronie" "crond $ROOT/dcron" "crond /nonexistent"; do knows_reboot $c && echo yes || echo no; done`, "yes\nyes\nno\nno")
}

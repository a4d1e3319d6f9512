//go:build linux

package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/e2e"
)

func TestKillAndBoot(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) {
		s.Setup = "echo once >>/root/setup-ran"
	}, func(t *testing.T, h *e2e.Host) {
		h.WriteFile("/etc/postern-test", []byte("kept\n"), 0o640)
		h.WriteFile("/run/postern-test", []byte("memory\n"), 0o600)
		before := h.Run("cat /proc/sys/kernel/random/uuid >/run/boot; cat /run/boot")
		h.Kill()
		// The disk can be read while nobody runs on it.
		if got := string(h.ReadFile("/etc/postern-test")); got != "kept\n" {
			t.Errorf("disk of the dead host: %q", got)
		}
		h.Boot()
		if got := h.Run("stat -c '%a %U' /etc/postern-test; cat /root/setup-ran; ls /run/postern-test 2>&1 || :"); !strings.HasPrefix(got, "640 root\nonce\n") || !strings.Contains(got, "No such file") {
			t.Errorf("after kill and boot: %q", got)
		}
		h.Reboot()
		if h.Boots() != 3 {
			t.Errorf("boots: %d", h.Boots())
		}
		if _, _, code := h.Exec("grep -q " + before + " /run/boot"); code == 0 {
			t.Error("the reboot kept the earlier boot's memory")
		}
		// By itself, as a fixer's rollback has to survive.
		h.Exec("reboot -f")
		h.AwaitBoot(4)
		if got := h.Run("cat /root/setup-ran"); got != "once" {
			t.Errorf("Setup ran again: %q", got)
		}
	})
}

func TestExecSeparatesItsResults(t *testing.T) {
	t.Parallel()
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm})
	stdout, stderr, code := h.Exec("echo out; echo err >&2; exit 7")
	if stdout != "out\n" || stderr != "err\n" || code != 7 {
		t.Errorf("got %q, %q, %d", stdout, stderr, code)
	}
	if _, _, code := h.Exec("kill -9 $$"); code != 137 {
		t.Errorf("killed: %d, want 137", code)
	}
	// A command that is cut off leaves nothing behind that would keep the
	// host from ending.
	hanging := h.Command("/bin/sh", "-c", "sleep 1000 & sleep 1000")
	if err := hanging.Start(); err != nil {
		t.Fatal(err)
	}
	for h.Run("pgrep -c sleep || :") != "2" {
		time.Sleep(10 * time.Millisecond)
	}
	if err := hanging.Cancel(); err != nil {
		t.Fatal(err)
	}
	if err := hanging.Wait(); err == nil {
		t.Error("the command ended well although it was cut off")
	}
	h.Kill()
	h.Boot()
	for _, ns := range []string{"mnt", "pid", "net", "uts", "ipc"} {
		own, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Run("readlink /proc/self/ns/" + ns); got == own {
			t.Errorf("the host shares the test's %s namespace", ns)
		}
	}
}

// TestFilesStayInsideTheHost: a hostile or merely absolute symlink must not
// make the test read or write the machine's own files.
func TestFilesStayInsideTheHost(t *testing.T) {
	t.Parallel()
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: `
		ln -s /etc/hostname /root/absolute
		ln -s ../../../../../../../../etc/hostname /root/relative
		ln -s /etc /root/folder`})
	for _, path := range []string{"/root/absolute", "/root/relative", "/root/folder/hostname", "/../../etc/hostname"} {
		if got := string(h.ReadFile(path)); got != h.Name()+"\n" {
			t.Errorf("%s: %q, want the host's own name %q", path, got, h.Name())
		}
	}
	h.WriteFile("/root/folder/new/deep", []byte("x"), 0o604)
	if got := h.Run("stat -c %a /etc/new/deep"); got != "604" {
		t.Errorf("mode %s, want 604", got)
	}
	if _, err := os.Stat("/etc/new/deep"); err == nil {
		t.Fatal("the file is on the test machine")
	}
	raw, err := os.ReadFile(filepath.Join(h.Root(), "etc/new/deep"))
	if err != nil || string(raw) != "x" {
		t.Errorf("Root(): %q, %v", raw, err)
	}
	if raw, err = os.ReadFile(filepath.Join(h.UpperDir(), "etc/new/deep")); err != nil || string(raw) != "x" {
		t.Errorf("UpperDir(): %q, %v", raw, err)
	}
}

// TestDiskStateSeesEveryWrite also shows that reading, and looking itself,
// count as nothing.
func TestDiskStateSeesEveryWrite(t *testing.T) {
	t.Parallel()
	// Without cron, which logs its jobs.
	h := e2e.Start(t, e2e.Spec{Release: e2e.Trixie, Daemons: []string{"/usr/sbin/sshd -D"}})
	h.Run("mkdir /root/d; echo a >/root/d/file; echo a >/root/gone")
	before := h.DiskState()
	h.Run("cat /etc/passwd /root/d/file /etc/shadow >/dev/null; ls -lR /etc /root >/dev/null; find / -xdev -type f -size -2 -exec cat {} + >/dev/null")
	if got := h.DiskState().Since(before); len(got) != 0 {
		t.Errorf("reading wrote: %q", got)
	}
	for command, want := range map[string][]string{
		"echo b >/etc/newfile":                 {"changed /etc", "new /etc/newfile"},
		"chmod 600 /root/d/file":               {"changed /root/d/file"},
		"t=$(mktemp); rm $t":                   {"changed /tmp"},
		"touch -r /root/d/file /root/d/file":   {"changed /root/d/file"},
		"rm /etc/motd":                         {"changed /etc", "deleted /etc/motd"},
		"rm /root/gone":                        {"changed /root", "deleted /root/gone"},
		"mkdir /run/x":                         {"changed /run", "new /run/x"},
		"echo x >>/etc/login.defs":             {"changed /etc/login.defs"},
		"t=$(mktemp -p /dev/shm); rm $t":       {"changed /dev/shm"},
		"echo b >/root/d/file; : same content": {"changed /root/d/file"},
	} {
		before := h.DiskState()
		h.Run(command)
		if got := h.DiskState().Since(before); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
}

func TestHostKeysAreTheHostsOwn(t *testing.T) {
	t.Parallel()
	one := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm})
	two := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm})
	shared := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, SharedHostKeys: true})
	again := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, SharedHostKeys: true})
	prints := func(h *e2e.Host) string {
		var all []string
		for _, k := range h.HostKeys() {
			all = append(all, ssh.FingerprintSHA256(k))
		}
		slices.Sort(all)
		if len(all) != 3 {
			t.Errorf("%s has host keys %q, want three", h.Name(), all)
		}
		return strings.Join(all, " ")
	}
	// As the host itself says it, so that HostKeys is not only our belief.
	onDisk := strings.Fields(one.Run("for k in /etc/ssh/ssh_host_*_key; do ssh-keygen -lf $k; done | cut -d' ' -f2"))
	slices.Sort(onDisk)
	if got := prints(one); got != strings.Join(onDisk, " ") {
		t.Errorf("HostKeys %s, on the host %s", got, onDisk)
	}
	if prints(one) == prints(two) {
		t.Error("two hosts share their keys")
	}
	if prints(shared) != prints(again) {
		t.Error("SharedHostKeys: keys differ")
	}
}

// TestStrace: the trace holds what the command did, and leaves nothing.
func TestStrace(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) {
		s.Accounts = true
		if s.Init == e2e.Tiny {
			s.Daemons = []string{"/usr/sbin/sshd -D"} // cron would log its jobs
		}
	}, func(t *testing.T, h *e2e.Host) {
		if h.Spec().Init == e2e.Tiny { // what sshd says when it starts is written by another process
			for end := time.Now().Add(20 * time.Second); !strings.Contains(string(h.ReadFile("/var/log/auth.log")), "listening on ::") && time.Now().Before(end); {
				time.Sleep(20 * time.Millisecond)
			}
		}
		before := h.DiskState()
		trace, stdout, _, code := h.Strace("trace=%file", "cat /etc/hostname; exit 3")
		if stdout != h.Name()+"\n" || code != 3 {
			t.Errorf("stdout %q, code %d", stdout, code)
		}
		if !strings.Contains(trace, `"/etc/hostname", O_RDONLY`) {
			t.Errorf("the trace lacks the open of /etc/hostname:\n%s", trace)
		}
		if h.Spec().Init == e2e.Tiny { // systemd writes when it likes
			if got := h.DiskState().Since(before); len(got) != 0 {
				t.Errorf("strace wrote: %q", got)
			}
		}
		tr := h.TraceSSHD("trace=execve,openat")
		client := h.Login(h.Accounts().Plain)
		remote(t, client, "cat /etc/issue.net; echo x >/tmp/seen-by-strace")
		client.Close()
		trace = tr.Stop()
		for _, want := range []string{`execve("/bin/bash"`, `"/etc/issue.net", O_RDONLY`, `"/tmp/seen-by-strace", O_WRONLY`} {
			if !strings.Contains(trace, want) {
				t.Errorf("the trace of sshd's session lacks %s", want)
			}
		}
		// sshd lives on without its tracer.
		remote(t, h.Login(h.Accounts().Root), "true")
	})
}

// TestTinyHostLogs: what a login and a job leave, in the files that rsyslog
// would write.
func TestTinyHostLogs(t *testing.T) {
	t.Parallel()
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Accounts: true})
	remote(t, h.Login(h.Accounts().Admin), "sudo -n true; who; id -un")
	log := string(h.ReadFile("/var/log/auth.log"))
	for _, want := range []string{
		"Accepted publickey for admin from 10.99.0.1 port ",
		"session opened for user admin(uid=1000) by (uid=0)",
		"COMMAND=/usr/bin/true",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("auth.log lacks %q:\n%s", want, log)
		}
	}
	if got := h.Run("stat -c '%a %U:%G' /var/log/auth.log"); got != "640 root:adm" {
		t.Errorf("auth.log: %s", got)
	}
	if !strings.Contains(string(h.ReadFile("/var/log/syslog")), "cron[") {
		t.Error("syslog lacks cron's start")
	}
}

// TestCronRunsJobs waits the real minute, once for each release, beside all
// other tests.
func TestCronRunsJobs(t *testing.T) {
	e2e.NeedHosts(t)
	for _, release := range e2e.Releases {
		t.Run(string(release), func(t *testing.T) {
			h := e2e.Start(t, e2e.Spec{Release: release, Accounts: true, Setup: `
				echo '* * * * * plain id -un >/tmp/by-system-table' >/etc/cron.d/e2e
				echo '* * * * * id -un >/tmp/by-spool' | crontab -u admin -`})
			t.Parallel()
			deadline := time.Now().Add(75 * time.Second)
			for {
				out, _, code := h.Exec("cat /tmp/by-system-table /tmp/by-spool")
				if code == 0 && out == "plain\nadmin\n" {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("no job ran within 75s: %q", out)
				}
				time.Sleep(250 * time.Millisecond)
			}
		})
	}
}

func TestLayer(t *testing.T) {
	t.Parallel()
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Layers: []string{"at", "opendoas"}})
	if got := h.Run("dpkg-query -W -f '${Package} ${Status}\n' at opendoas"); got != "at install ok installed\nopendoas install ok installed" {
		t.Errorf("got %q", got)
	}
	if got := h.Run("ls /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/00machine 2>/dev/null || :; cat /etc/resolv.conf"); got != "" {
		t.Errorf("the layer kept what only its building needed: %q", got)
	}
}

func TestDaemons(t *testing.T) {
	t.Parallel()
	h := e2e.Start(t, e2e.Spec{
		Release: e2e.Trixie, Port: 2222,
		Daemons: []string{"/usr/sbin/sshd -D -p 2222"},
	})
	if out := h.Run("ps axo args"); strings.Contains(out, "cron") || !strings.Contains(out, "sshd -D -p 2222") {
		t.Errorf("processes:\n%s", out)
	}
	raw, err := os.ReadFile(h.KnownHosts())
	if err != nil || !strings.HasPrefix(string(raw), "["+h.Addr()+"]:2222 ") {
		t.Errorf("known_hosts: %q, %v", raw, err)
	}
}

// TestPosternRunsInTheHost: the program built from these sources starts on
// every release, as root and as a plain account.
func TestPosternRunsInTheHost(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		for _, user := range []string{"root", "plain"} {
			out, errOut, code := h.PosternAs(user, "version")
			if code != 0 || errOut != "" || !strings.HasPrefix(out, "postern ") {
				t.Errorf("postern version as %s: code %d, %q, %q", user, code, out, errOut)
			}
		}
		if _, err := os.Stat(filepath.Join(h.UpperDir(), "run/e2e")); err == nil {
			t.Error("the program is on the host's disk")
		}
	})
}

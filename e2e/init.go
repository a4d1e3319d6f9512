//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootConfig is what the test process tells PID 1 of a host, as a file.
type bootConfig struct {
	Root     string // the merged overlay, mounted by the test process
	Address  string
	Systemd  bool
	Daemons  []string // of a tiny host
	Scripts  []script // of the first boot
	SetupLog string
}

// script runs once in a host, as root, before its daemons start.
type script struct {
	Name string // for messages
	Text string
}

// Descriptors that PID 1 inherits: it waits on one until its network device is
// there, and reports on the other, a line an event.
const (
	initReadyFD  = 3
	initReportFD = 4
)

// Reports of PID 1.
const (
	reportUp   = "up"     // network and first-boot scripts are done, daemons start
	reportFail = "fail"   // followed by what
	reportExit = "exited" // followed by the daemon and its status
)

// hostPath is what daemons and scripts in a host find their programs by.
const hostPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// hostInit is PID 1 of a host. It never returns.
func hostInit(configPath string) {
	report := os.NewFile(initReportFD, "report")
	unix.CloseOnExec(initReportFD)
	unix.CloseOnExec(initReadyFD)
	err := bootHost(configPath, report)
	// Not reached by a host that came up.
	fmt.Fprintf(report, "%s %s\n", reportFail, strings.ReplaceAll(err.Error(), "\n", "\r"))
	fmt.Fprintf(os.Stderr, "init: %v\n", err)
	os.Exit(1)
}

func bootHost(configPath string, report *os.File) error {
	raw, err := os.ReadFile(configPath)
	if err != nil {
		return err
	}
	var c bootConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("%s: %w", configPath, err)
	}
	// The log is opened while the test machine's paths still exist.
	setupLog, err := os.OpenFile(c.SetupLog, os.O_CREATE|os.O_RDWR|os.O_APPEND|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	// After clone3 has put us into the host's cgroup: a namespace made
	// earlier would have another root.
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("new cgroup namespace: %w", err)
	}
	if err := mountHost(c); err != nil {
		return err
	}
	hostname, err := os.ReadFile(filepath.Join(c.Root, "etc/hostname"))
	if err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(strings.TrimSpace(string(hostname)))); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	var ready [1]byte
	if n, err := unix.Read(initReadyFD, ready[:]); n != 1 {
		return fmt.Errorf("the test process gave up before the network was there: %w", err)
	}
	// With the machine's ip, before the root changes: the host's own root
	// need not have one.
	if err := ipBatch(
		"link set lo up",
		"addr add "+c.Address+"/"+networkBits+" dev eth0",
		"link set eth0 up",
		"neigh replace "+bridgeAddress+" lladdr "+bridgeMAC+" dev eth0 nud permanent",
		"route add default via "+bridgeAddress,
	); err != nil {
		return err
	}
	if err := os.Chdir(c.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the machine's file systems: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	unix.Umask(0o022)
	for _, s := range c.Scripts {
		if err := runScript(s, setupLog); err != nil {
			return err
		}
	}
	setupLog.Close()
	if c.Systemd {
		fmt.Fprintln(report, reportUp)
		const systemd = "/lib/systemd/systemd"
		err := unix.Exec(systemd, []string{systemd, "--show-status=0"}, []string{hostPath, "container=postern"})
		return fmt.Errorf("start %s: %w", systemd, err)
	}
	return tinyInit(c.Daemons, report)
}

// mountHost mounts what a kernel and an initramfs would have mounted.
func mountHost(c bootConfig) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	at := func(p string) string { return filepath.Join(c.Root, p) }
	const common = unix.MS_NOSUID | unix.MS_NOEXEC
	mounts := []struct {
		what, where string
		flags       uintptr
		data        string
	}{
		{"proc", "proc", common | unix.MS_NODEV, ""},
		{"sysfs", "sys", common | unix.MS_NODEV | unix.MS_RDONLY, ""},
		{"tmpfs", "dev", common, "mode=755,size=4m"},
		{"devpts", "dev/pts", common, "newinstance,ptmxmode=0666,mode=620,gid=5"},
		{"tmpfs", "dev/shm", common | unix.MS_NODEV, "mode=1777,size=64m"},
		// No noexec: the postern binary is put below /run, out of the disk.
		{"tmpfs", "run", unix.MS_NOSUID | unix.MS_NODEV, "mode=755,size=256m"},
	}
	if c.Systemd {
		mounts = append(mounts, struct {
			what, where string
			flags       uintptr
			data        string
		}{"cgroup2", "sys/fs/cgroup", common | unix.MS_NODEV, ""})
	}
	for _, m := range mounts {
		if m.where == "dev/pts" || m.where == "dev/shm" {
			if err := os.Mkdir(at(m.where), 0o755); err != nil {
				return err
			}
		}
		if err := unix.Mount(m.what, at(m.where), m.what, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s at /%s: %w", m.what, m.where, err)
		}
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		node := at("dev/" + name)
		if err := os.WriteFile(node, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, node, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("lend /dev/%s: %w", name, err)
		}
	}
	for link, target := range map[string]string{
		"dev/fd": "/proc/self/fd", "dev/stdin": "/proc/self/fd/0", "dev/stdout": "/proc/self/fd/1", "dev/stderr": "/proc/self/fd/2",
		"dev/ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, at(link)); err != nil {
			return err
		}
	}
	for dir, mode := range map[string]fs.FileMode{"run/lock": 0o777 | fs.ModeSticky, "run/sshd": 0o755} {
		if err := os.Mkdir(at(dir), 0o755); err != nil {
			return err
		}
		if err := os.Chmod(at(dir), mode); err != nil { // the umask does not count
			return err
		}
	}
	return nil
}

// runScript runs a first-boot script to its end; what it printed is in the
// error when it fails.
func runScript(s script, log *os.File) error {
	start, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	// Not through stdin: a command that reads its own would eat the script.
	cmd := exec.Command("/bin/sh", "-e", "-c", s.Text)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/root"
	cmd.Env = []string{hostPath, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	if err := cmd.Run(); err != nil {
		said := make([]byte, 8192)
		n, _ := log.ReadAt(said, start)
		return fmt.Errorf("%s: %w\n%s", s.Name, err, lastLines(string(said[:n]), 20))
	}
	return nil
}

// tinyInit starts the daemons and reaps whatever is orphaned, until it is told
// to reboot by SIGTERM.
func tinyInit(daemons []string, report *os.File) error {
	if err := makeUtmp(); err != nil {
		return err
	}
	if err := serveSyslog(); err != nil {
		return err
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	names := map[int]string{}
	for _, d := range daemons {
		words := strings.Fields(d)
		p, err := os.StartProcess(words[0], words, &os.ProcAttr{
			Dir:   "/",
			Env:   []string{hostPath},
			Files: []*os.File{null, os.Stdout, os.Stderr},
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
		if err != nil {
			return fmt.Errorf("start %s: %w", d, err)
		}
		names[p.Pid] = d
		p.Release() // wait4(-1) below reaps it
	}
	fmt.Fprintln(report, reportUp)
	go rebootOnTerm()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			// Nothing left to reap. A host without daemons is still up.
			time.Sleep(100 * time.Millisecond)
			continue
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		}
		if d, ours := names[pid]; ours {
			delete(names, pid)
			how := fmt.Sprintf("with code %d", status.ExitStatus())
			if status.Signaled() {
				how = "by " + unix.SignalName(status.Signal())
			}
			fmt.Fprintf(os.Stderr, "init: %s exited %s\n", d, how)
			fmt.Fprintf(report, "%s %s %s\n", reportExit, d, how)
		}
	}
}

// makeUtmp creates the file of current logins where the release still keeps
// one: trixie's systemd does not.
func makeUtmp() error {
	conf, err := os.ReadFile("/usr/lib/tmpfiles.d/systemd.conf")
	if err != nil || !strings.Contains(string(conf), "/run/utmp") {
		return nil
	}
	if err := os.WriteFile("/run/utmp", nil, 0o664); err != nil {
		return err
	}
	const utmpGroup = 43 // base-passwd, in every Debian release
	if err := os.Chown("/run/utmp", 0, utmpGroup); err != nil {
		return err
	}
	return os.Chmod("/run/utmp", 0o664)
}

//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// execTimeout ends a command in a host that would hang its test.
const execTimeout = 2 * time.Minute

// Command is a command that will run in the host, as root, when it is started.
// It is killed after execTimeout.
func (h *Host) Command(argv ...string) *exec.Cmd {
	h.t.Helper()
	cmd, err := h.command(h.current(), argv...)
	if err != nil {
		h.t.Fatalf("e2e: %s: %v", h.name, err)
	}
	return cmd
}

func (m *machine) command(r *run, argv ...string) (*exec.Cmd, error) {
	if r == nil || r.ended() {
		return nil, errors.New("the host is not running")
	}
	// A slip here would run the test's useradd on the test machine.
	for _, ns := range []string{"mnt", "pid", "net"} {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", r.pid, ns))
		if err != nil {
			return nil, fmt.Errorf("the host's %s namespace: %w", ns, err)
		}
		if ours, err := os.Readlink("/proc/self/ns/" + ns); err != nil || ours == theirs {
			return nil, fmt.Errorf("refusing to run %q: PID 1 of the host is in the test's own %s namespace (%v)", argv, ns, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), execTimeout)
	args := append([]string{"-t", strconv.Itoa(r.pid), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "--"}, argv...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Env = []string{hostPath, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash", "LC_ALL=C"}
	cmd.Cancel = func() error {
		defer cancel()
		return signalEntered(cmd, unix.SIGKILL)
	}
	cmd.WaitDelay = 5 * time.Second
	return cmd, nil
}

// signalEntered signals the command that nsenter has started in the host;
// nsenter then ends the same way. Not nsenter itself: its orphan would come to
// us, PID 1 of the test's namespace, who reap nobody we do not know, and as a
// zombie it would keep the host's namespace from ever ending.
func signalEntered(cmd *exec.Cmd, s unix.Signal) error {
	pid := cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	words := strings.Fields(string(children))
	if len(words) == 0 {
		return unix.Kill(pid, s) // has not entered yet
	}
	for _, word := range words {
		child, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		if err := unix.Kill(child, s); err != nil {
			return err
		}
	}
	return nil
}

// Exec runs a shell command in the host, as root, past sshd.
func (h *Host) Exec(command string) (stdout, stderr string, code int) {
	h.t.Helper()
	return h.run3(h.Command("/bin/sh", "-c", command))
}

// run3 runs a command and takes its three results apart.
func (h *Host) run3(cmd *exec.Cmd) (stdout, stderr string, code int) {
	h.t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case time.Since(start) >= execTimeout:
		h.t.Fatalf("e2e: %s: %s did not end within %v\n%s%s", h.name, strings.Join(cmd.Args, " "), execTimeout, out.String(), errOut.String())
	case errors.Is(err, exec.ErrWaitDelay):
		h.t.Fatalf("e2e: %s: %s left a process that holds its output: redirect it", h.name, strings.Join(cmd.Args, " "))
	case errors.As(err, &exit) && exit.Exited():
	case errors.As(err, &exit):
		// As a shell would say it. The host may have died under it.
		return out.String(), errOut.String(), 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
	default:
		h.t.Fatalf("e2e: %s: %s: %v", h.name, strings.Join(cmd.Args, " "), err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// Run is Exec for commands that must succeed; it returns their output without
// the last newline.
func (h *Host) Run(command string) string {
	h.t.Helper()
	out, errOut, code := h.Exec(command)
	if code != 0 {
		h.t.Fatalf("e2e: %s: %q exited with %d\n%s%s", h.name, command, code, out, errOut)
	}
	return strings.TrimSuffix(out, "\n")
}

// WriteFile writes a file of the host, owned by root, with exactly that mode,
// and makes the directories above it if they are missing. Symlinks are
// followed as the host sees them.
func (h *Host) WriteFile(path string, content []byte, mode os.FileMode) {
	h.t.Helper()
	f, err := h.open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, uint64(mode.Perm()))
	if errors.Is(err, unix.ENOENT) && !h.current().ended() {
		h.run3(h.Command("mkdir", "-p", "--", filepath.Dir(path)))
		f, err = h.open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, uint64(mode.Perm()))
	}
	if err != nil {
		h.t.Fatalf("e2e: %s: write %s: %v", h.name, path, err)
	}
	_, err = f.Write(content)
	// fchmod, since the umask has taken its part from open's mode.
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		h.t.Fatalf("e2e: %s: write %s: %v", h.name, path, err)
	}
}

// ReadFile reads a file of the host: of the running one, or from the disk of
// one that is down.
func (h *Host) ReadFile(path string) []byte {
	h.t.Helper()
	f, err := h.open(path, unix.O_RDONLY, 0)
	if err != nil {
		h.t.Fatalf("e2e: %s: read %s: %v", h.name, path, err)
	}
	defer f.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(f); err != nil {
		h.t.Fatalf("e2e: %s: read %s: %v", h.name, path, err)
	}
	return content.Bytes()
}

// open opens a path with the host's root as root for it and every symlink in
// it, so that a link to /etc/passwd is the host's.
func (m *machine) open(path string, flags, mode uint64) (*os.File, error) {
	root := m.merged()
	if r := m.current(); r != nil && !r.ended() {
		root = fmt.Sprintf("/proc/%d/root", r.pid) // with /run, /dev and /proc
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, path, &unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Mode:    mode,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// ReloadSSHD makes sshd read its configuration again and waits until it
// listens anew.
func (h *Host) ReloadSSHD() {
	h.t.Helper()
	before, err := listeners(h.current().pid, h.spec.Port)
	if err != nil || len(before) == 0 {
		h.t.Fatalf("e2e: %s: reload sshd: nothing listens on port %d (%v)", h.name, h.spec.Port, err)
	}
	if h.spec.Init == Systemd {
		h.Run("systemctl reload ssh")
	} else {
		h.Run("kill -HUP " + h.sshdPID())
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		now, err := listeners(h.current().pid, h.spec.Port)
		// sshd closes its sockets, starts itself again and opens new ones.
		if err == nil && len(now) > 0 && now[0] != before[0] {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("e2e: %s: reload sshd: no new listener on port %d after 10s (%v)", h.name, h.spec.Port, err)
		}
		time.Sleep(pollEvery)
	}
}

// sshdPID is the listening sshd's process id in the host. sshd listens a moment
// before it writes its file, and takes the file away while it starts itself again.
func (h *Host) sshdPID() string {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		out, _, _ := h.Exec("cat /run/sshd.pid 2>/dev/null")
		if pid := strings.TrimSpace(out); pid != "" {
			return pid
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("e2e: %s: no /run/sshd.pid after 10s", h.name)
		}
		time.Sleep(pollEvery)
	}
}

//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// Init is what runs as PID 1 of a host.
type Init int

const (
	// Tiny starts sshd and cron and reaps; a host is up in 50 ms and needs
	// 2 MB. Its /var/log is written as rsyslog would.
	Tiny Init = iota
	// Systemd is the release's own, with journald, logind, timers and units;
	// a host is up in half a second.
	Systemd
)

func (i Init) String() string {
	if i == Systemd {
		return "systemd"
	}
	return "tiny"
}

// Spec says which host to start. The zero Spec is not a host: Release is
// wanted.
type Spec struct {
	Release Release
	Init    Init

	// Layers are Debian packages that the host has besides the root's; each
	// entry names one or more, separated by spaces, and is cached as a whole.
	Layers []string

	// Accounts prepares the accounts that (*Host).Accounts describes.
	Accounts bool

	// SSHD is the content of a drop-in below /etc/ssh/sshd_config.d, there
	// before sshd starts.
	SSHD string

	// FailingLogins prepares for wrong passwords: pam_unix answers without
	// its delay of two seconds, and trixie's sshd does not bar the test's
	// address for them (PerSourcePenalties, in the drop-in). Without it, the
	// fifth wrong password there locks the test itself out.
	FailingLogins bool

	// Setup is a shell script that runs once, as root in the host, before its
	// daemons start. It runs under set -e; its failure fails the test.
	Setup string

	// Daemons replaces what a Tiny host starts: command lines of programs
	// that stay in the foreground, words separated by spaces.
	Daemons []string

	// SharedHostKeys leaves the host the keys that the root was built with,
	// which all hosts of the release then share. Otherwise each has its own.
	SharedHostKeys bool

	// Port is where sshd will listen; 0 means 22.
	Port int

	// DiskMB puts all that the host writes on an ext4 file system of its own, of
	// that size, which can fill up and whose power can be cut: see PowerCut. 0: the
	// test machine's.
	DiskMB int
}

// defaultDaemons are a tiny host's: as Debian's units start them.
var defaultDaemons = []string{"/usr/sbin/sshd -D", "/usr/sbin/cron -f"}

// Host is a running host, seen from one test. Methods that return no error end
// the test when the host cannot be reached or asked.
type Host struct {
	*machine
	t testing.TB
}

// machine is the host itself, whichever test looks at it.
type machine struct {
	spec     Spec
	name     string
	address  string
	number   int
	dir      string // the host's files on the test machine
	image    image
	hostKeys []ssh.PublicKey

	mu     sync.Mutex
	boots  int
	run    *run  // the current or last boot
	closed bool  // no reboot any more
	fault  error // why it could not come back after a reboot
}

// run is one boot of a machine.
type run struct {
	number int
	pid    int // of the host's PID 1, as the test process sees it
	cgroup string
	link   string
	done   chan struct{} // closed when PID 1 and all below are gone
	signal syscall.Signal
	wanted atomic.Bool // its end was asked for by Kill or Reboot

	mu     sync.Mutex
	up     bool
	failed string   // PID 1's last words
	exited []string // daemons that ended
}

// hostNumber gives each host its address, name and device.
var hostNumber atomic.Int32

// starting bounds how many hosts come up at once; more only take turns.
var starting = make(chan struct{}, 4)

const (
	bootTimeout = 60 * time.Second // several times what systemd takes on a busy machine
	dieTimeout  = 30 * time.Second
	pollEvery   = 2 * time.Millisecond
)

// Start starts a host and returns when its sshd listens (and systemd, if that
// is its init, has reached its target). The host ends with the test. Tests may
// start hosts in parallel.
func Start(t testing.TB, spec Spec) *Host {
	t.Helper()
	NeedHosts(t)
	if !spec.Release.known() {
		t.Fatalf("e2e: Spec.Release is %q: want one of %v", spec.Release, Releases)
	}
	if spec.Port == 0 {
		spec.Port = 22
	}
	if len(spec.Daemons) == 0 {
		spec.Daemons = defaultDaemons
	} else if spec.Init == Systemd {
		t.Fatalf("e2e: Spec.Daemons is for Tiny hosts: systemd starts its units")
	}
	img, err := rootImage(spec.Release)
	if err != nil {
		t.Fatalf("e2e: %v", err)
	}
	if img, err = layered(img, spec.Layers); err != nil {
		t.Fatalf("e2e: %s: %v", spec.Release, err)
	}
	n := int(hostNumber.Add(1))
	m := &machine{
		spec:    spec,
		number:  n,
		name:    fmt.Sprintf("%s-%s-%d", spec.Release, spec.Init, n),
		address: fmt.Sprintf("10.99.%d.%d", 1+n/250, 1+n%250),
		dir:     filepath.Join(world.dir, fmt.Sprintf("h%d", n)),
		image:   img,
	}
	h := &Host{machine: m, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(m.lastWords())
		}
		if err := m.remove(); err != nil {
			t.Errorf("e2e: %s: remove the host: %v", m.name, err)
		}
	})
	if err := m.build(); err != nil {
		t.Fatalf("e2e: %s: %v", m.name, err)
	}
	h.Boot()
	if spec.DiskMB > 0 { // what makes the host is no part of what a cut may lose
		if err := m.syncDisk(); err != nil {
			t.Fatalf("e2e: %s: %v", m.name, err)
		}
	}
	return h
}

// For is the same host seen from another test, as a rule a subtest.
func (h *Host) For(t testing.TB) *Host { return &Host{machine: h.machine, t: t} }

// Name is the host's name, also for itself.
func (h *Host) Name() string { return h.name }

// Spec is what the host was started from.
func (h *Host) Spec() Spec { return h.spec }

// Addr is the host's IPv4 address, reachable from the test process.
func (h *Host) Addr() string { return h.address }

// Port is where the host's sshd listens.
func (h *Host) Port() int { return h.spec.Port }

// HostKeys are the public keys that the host's sshd was given.
func (h *Host) HostKeys() []ssh.PublicKey { return h.hostKeys }

// UpperDir is the directory that receives every change to the host's disk: a
// file that is not below it is as the root's builder left it.
func (h *Host) UpperDir() string { return filepath.Join(h.store(), "upper") }

// Root is the host's disk as the test process can read it, alive and after
// Kill: the merged view, as a mounted image would be, without /proc, /dev and
// /run. It belongs to the running host: do not write to it.
func (h *Host) Root() string { return h.merged() }

// HostPath is a path of the running host, /run and /proc included, as the test
// process can open it. Symlinks in it are the host's only as long as they are
// relative: ReadFile follows them rightly.
func (h *Host) HostPath(path string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", h.current().pid), path)
}

func (m *machine) merged() string { return filepath.Join(m.dir, "root") }

// build makes the host's disk: an empty upper directory over the image, and in
// it what makes this host itself.
func (m *machine) build() error {
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		return err
	}
	if m.spec.DiskMB > 0 {
		if err := m.makeDisk(); err != nil {
			return err
		}
	}
	for _, d := range []string{filepath.Join(m.store(), "upper"), filepath.Join(m.store(), "work"), m.merged()} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := m.mountRoot(); err != nil {
		return err
	}
	if err := m.writeIdentity(); err != nil {
		return err
	}
	if err := m.writeHostKeys(); err != nil {
		return err
	}
	sshd := m.spec.SSHD
	if m.spec.FailingLogins && m.spec.Release == Trixie {
		sshd += "\nPerSourcePenalties no\n"
	}
	if sshd != "" {
		return os.WriteFile(filepath.Join(m.merged(), "etc/ssh/sshd_config.d/10-e2e.conf"), []byte(sshd), 0o644)
	}
	return nil
}

// writeIdentity gives the host its name and its machine-id. Without a line for
// its own name in /etc/hosts sudo would wait for a name server.
func (m *machine) writeIdentity() error {
	for path, text := range map[string]string{
		"etc/hostname":   m.name + "\n",
		"etc/hosts":      "127.0.0.1 localhost\n" + m.address + " " + m.name + "\n",
		"etc/machine-id": cacheKey(world.id, m.name) + cacheKey(m.name, world.id) + "00000000\n",
	} {
		if err := os.WriteFile(filepath.Join(m.merged(), path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// scripts are what the first boot runs.
func (m *machine) scripts() ([]script, error) {
	var all []script
	if m.spec.FailingLogins {
		all = append(all, script{"prepare for failing logins", failingLoginsScript})
	}
	if m.spec.Accounts {
		text, err := accountsScript()
		if err != nil {
			return nil, err
		}
		all = append(all, script{"create accounts", text})
	}
	if m.spec.Setup != "" {
		all = append(all, script{"Spec.Setup", m.spec.Setup})
	}
	return all, nil
}

// Boot starts the host again after Kill or a power-off, on the disk as it was
// left, and waits until it can be logged in to.
func (h *Host) Boot() {
	h.t.Helper()
	starting <- struct{}{}
	defer func() { <-starting }()
	h.mu.Lock()
	err := h.boot()
	h.mu.Unlock()
	if err == nil {
		err = h.awaitReady(1)
	}
	if err != nil {
		h.t.Fatalf("e2e: %s: start: %v", h.name, err)
	}
}

// boot starts PID 1 and connects it; m.mu is held.
func (m *machine) boot() error {
	if m.closed {
		return errors.New("the test that started it has ended")
	}
	if m.run != nil && !m.run.ended() {
		return errors.New("it is running")
	}
	c := bootConfig{
		Root:     m.merged(),
		Address:  m.address,
		Systemd:  m.spec.Init == Systemd,
		Daemons:  m.spec.Daemons,
		SetupLog: filepath.Join(m.dir, "setup.log"),
	}
	if m.boots == 0 {
		var err error
		if c.Scripts, err = m.scripts(); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	configPath := filepath.Join(m.dir, "boot.json")
	if err := os.WriteFile(configPath, raw, 0o600); err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(m.dir, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()

	number := m.boots + 1
	r := &run{
		number: number,
		done:   make(chan struct{}),
		// A fresh directory for each boot: one that was killed through
		// cgroup.kill once would kill newcomers.
		cgroup: filepath.Join(world.cgroups, fmt.Sprintf("postern-e2e-%s-h%d-%d", world.id, m.number, number)),
		// And a fresh device: a dead host's namespace is dismantled later.
		link: fmt.Sprintf("h%d-%d", m.number, number),
	}
	if err := os.Mkdir(r.cgroup, 0o755); err != nil {
		return err
	}
	cgroup, err := os.OpenFile(r.cgroup, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer cgroup.Close()
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer readyR.Close()
	defer readyW.Close()
	reportR, reportW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reportW.Close()

	cmd := exec.Command("/proc/self/exe", hostInitArg, configPath)
	cmd.Env = []string{os.Getenv("PATH"), "GOMAXPROCS=1"}
	cmd.Env[0] = "PATH=" + cmd.Env[0]
	cmd.Stdout, cmd.Stderr = console, console
	cmd.ExtraFiles = []*os.File{readyR, reportW}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		Setsid:      true,
		UseCgroupFD: true,
		CgroupFD:    int(cgroup.Fd()),
	}
	if err := cmd.Start(); err != nil {
		reportR.Close()
		removeCgroup(r.cgroup)
		return fmt.Errorf("start PID 1: %w", err)
	}
	r.pid = cmd.Process.Pid
	m.boots, m.run = number, r
	go m.watch(cmd, r, reportR)

	mac := fmt.Sprintf("02:00:00:00:%02x:%02x", m.number>>8, m.number&0xff)
	// The neighbour is written down: a SYN that waits for ARP while the link
	// comes up costs a second.
	if err := ipBatch(
		fmt.Sprintf("link add %s type veth peer name eth0 address %s netns %d", r.link, mac, r.pid),
		fmt.Sprintf("link set %s master br0 up", r.link),
		fmt.Sprintf("neigh replace %s lladdr %s dev br0 nud permanent", m.address, mac),
	); err != nil {
		r.wanted.Store(true)
		unix.Kill(r.pid, unix.SIGKILL)
		return fmt.Errorf("connect: %w", err)
	}
	if _, err := readyW.Write([]byte{1}); err != nil {
		return fmt.Errorf("tell PID 1 to go on: %w", err)
	}
	return nil
}

// watch follows a boot to its end, and starts the next one if the host asked
// for a reboot.
func (m *machine) watch(cmd *exec.Cmd, r *run, report *os.File) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		r.listen(report)
	}()
	// Returns when every process of the pid namespace is gone.
	cmd.Wait()
	<-told
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.signal = status.Signal()
	}
	// Before the next boot: the old port would go on attracting the
	// host's frames. It may be gone by itself.
	exec.Command("ip", "link", "del", r.link).Run()
	removeCgroup(r.cgroup)
	m.mu.Lock()
	defer m.mu.Unlock()
	close(r.done)
	// reboot(2) in a pid namespace ends its PID 1 by SIGHUP, power-off by
	// SIGINT: pid_namespaces(7).
	if r.signal == syscall.SIGHUP && !m.closed {
		if err := m.boot(); err != nil {
			m.fault = fmt.Errorf("come back after a reboot: %w", err)
		}
	}
}

// listen takes PID 1's reports until it closes them.
func (r *run) listen(report io.ReadCloser) {
	defer report.Close()
	lines := bufio.NewScanner(report)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		r.mu.Lock()
		switch word {
		case reportUp:
			r.up = true
		case reportFail:
			r.failed = strings.ReplaceAll(rest, "\r", "\n")
		case reportExit:
			r.exited = append(r.exited, rest)
		}
		r.mu.Unlock()
	}
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// awaitReady waits until a boot, the given one or a later, can be logged in to.
func (m *machine) awaitReady(boot int) error {
	deadline := time.Now().Add(bootTimeout)
	for {
		m.mu.Lock()
		r, fault := m.run, m.fault
		m.mu.Unlock()
		if fault != nil {
			return fault
		}
		if r.number >= boot {
			switch ready, err := m.ready(r); {
			case err != nil:
				return err
			case ready:
				if m.spec.Init == Systemd {
					return m.awaitSystemd(r, deadline)
				}
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("nothing listens on port %d after %v (boot %d)", m.spec.Port, bootTimeout, r.number)
		}
		time.Sleep(pollEvery)
	}
}

// ready tells whether sshd listens. It looks into the host's table of sockets
// instead of dialling, which would leave a line in the log and, from 9.8 on, a
// penalty.
func (m *machine) ready(r *run) (bool, error) {
	ended := r.ended() // before the reports are read: they are complete then
	r.mu.Lock()
	up, failed, exited := r.up, r.failed, r.exited
	r.mu.Unlock()
	switch {
	case failed != "":
		return false, errors.New(failed)
	case len(exited) > 0:
		return false, fmt.Errorf("a daemon did not stay: %s", strings.Join(exited, "; "))
	case ended:
		return false, fmt.Errorf("PID 1 died during boot %d (%v)", r.number, r.signal)
	case !up:
		return false, nil
	}
	inodes, err := listeners(r.pid, m.spec.Port)
	return len(inodes) > 0, err
}

// awaitSystemd waits until systemd has started all that it wanted to: while it
// boots, pam_nologin turns everyone but root away. A unit that failed is the
// test's own business.
func (m *machine) awaitSystemd(r *run, deadline time.Time) error {
	for {
		cmd, err := m.command(r, "systemctl", "is-system-running", "--wait")
		if err != nil {
			return err
		}
		out, _ := cmd.Output() // exits with 1 for any state but running
		state := strings.TrimSpace(string(out))
		if state == "running" || state == "degraded" {
			return nil
		}
		if r.ended() {
			return fmt.Errorf("PID 1 died during boot %d (%v)", r.number, r.signal)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("systemd is %q after %v", state, bootTimeout)
		}
		time.Sleep(5 * pollEvery)
	}
}

// listeners are the socket inodes that listen on a TCP port in the network
// namespace of a process.
func listeners(pid, port int) ([]string, error) {
	var inodes []string
	for _, table := range []string{"tcp", "tcp6"} {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
			continue // the process has just ended: its run tells why
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(raw)) {
			f := strings.Fields(line)
			const listen = "0A" // TCP_LISTEN, include/net/tcp_states.h
			if len(f) > 9 && f[3] == listen && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				inodes = append(inodes, f[9])
			}
		}
	}
	return inodes, nil
}

// Kill ends every process of the host at once, as when its kernel died. The
// disk keeps what was written; Boot starts it again.
func (h *Host) Kill() {
	h.t.Helper()
	if err := h.stop(); err != nil {
		h.t.Fatalf("e2e: %s: kill: %v", h.name, err)
	}
}

func (m *machine) stop() error {
	m.mu.Lock()
	r := m.run
	m.mu.Unlock()
	if r == nil || r.ended() {
		return nil
	}
	r.wanted.Store(true)
	if err := unix.Kill(r.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	select {
	case <-r.done:
		return nil
	case <-time.After(dieTimeout):
		return fmt.Errorf("its processes live on after %v", dieTimeout)
	}
}

// Reboot restarts the host the orderly way and waits until it can be logged in
// to again. A host that reboots by itself (systemctl reboot, reboot -f) comes
// back too: see AwaitBoot.
func (h *Host) Reboot() {
	h.t.Helper()
	boot := h.Boots()
	h.current().wanted.Store(true)
	if h.spec.Init == Systemd {
		// systemd may be gone before systemctl has its answer.
		h.Exec("systemctl reboot")
	} else if err := unix.Kill(h.current().pid, unix.SIGTERM); err != nil {
		h.t.Fatalf("e2e: %s: reboot: %v", h.name, err)
	}
	h.AwaitBoot(boot + 1)
}

// Boots counts the host's starts, the first included.
func (h *Host) Boots() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.boots
}

// AwaitBoot waits until the host's nth start, or a later one, has come so far
// that one can log in.
func (h *Host) AwaitBoot(n int) {
	h.t.Helper()
	if err := h.awaitReady(n); err != nil {
		h.t.Fatalf("e2e: %s: boot %d: %v", h.name, n, err)
	}
}

func (m *machine) current() *run {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run
}

// remove ends the host for good and deletes its disk. An end that nobody
// asked for is an error, found here at the latest.
func (m *machine) remove() error {
	m.mu.Lock()
	m.closed = true
	r, fault := m.run, m.fault
	m.mu.Unlock()
	problem := fault
	if r != nil && r.ended() && !r.wanted.Load() && r.signal != syscall.SIGINT {
		problem = errors.Join(problem, fmt.Errorf("PID 1 died by itself (%v)", r.signal))
	}
	if err := m.stop(); err != nil {
		return errors.Join(problem, err)
	}
	// Not there if build failed early.
	if err := unix.Unmount(m.merged(), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return errors.Join(problem, err)
	}
	if m.spec.DiskMB > 0 {
		if err := m.unmountDisk(); err != nil {
			return errors.Join(problem, err)
		}
	}
	return errors.Join(problem, os.RemoveAll(m.dir))
}

// lastWords is what a failed test wants to know of its host.
func (m *machine) lastWords() string {
	var b strings.Builder
	section := func(title, text string) {
		if text = strings.TrimSpace(text); text != "" {
			fmt.Fprintf(&b, "--- %s: %s\n%s\n", m.name, title, lastLines(text, 40))
		}
	}
	for _, name := range []string{"setup.log", "console.log", "root/var/log/auth.log"} {
		raw, _ := os.ReadFile(filepath.Join(m.dir, name))
		section(name, string(raw))
	}
	if r := m.current(); r != nil && !r.ended() {
		commands := [][]string{{"ps", "axo", "pid,ppid,user,stat,args"}}
		if m.spec.Init == Systemd {
			commands = append(commands, []string{"journalctl", "--no-pager", "-b", "-n", "40"}, []string{"systemctl", "--no-pager", "--failed"})
		}
		for _, c := range commands {
			if cmd, err := m.command(r, c...); err == nil {
				out, _ := cmd.CombinedOutput()
				section(strings.Join(c, " "), string(out))
			}
		}
	}
	return b.String()
}

//go:build linux

package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Words by which this binary knows what it was started as. The same test
// binary is the process that `go test` sees, the process that runs the tests
// inside the namespaces, and PID 1 of each tiny host.
const (
	hostInitArg = "__host_init"
	packagesArg = "__packages"
	stageVar    = "POSTERN_E2E_STAGE"
	stageInner  = "inner"
)

// outerNetFD is the descriptor on which the inner process receives the
// machine's own network namespace: mirrors are not reachable from the new one.
const outerNetFD = 3

// bridgeAddress is the test process's own address; hosts are below 10.99.
const (
	bridgeAddress = "10.99.0.1"
	bridgeMAC     = "02:00:00:ff:00:01"
	networkBits   = "16"
)

// world is what the inner process has set up for all hosts. It is written once
// by enter, before any test runs.
var world struct {
	entered bool
	id      string   // of this run; part of its cgroups' names
	dir     string   // of this run: hosts' disks, keys, logs
	cgroups string   // our own mount of the unified hierarchy
	network *os.File // the machine's own network namespace
	lock    *os.File // held as long as this run lives
}

func init() {
	if len(os.Args) > 1 && os.Args[1] == hostInitArg {
		// unshare and execve below must happen on the thread that
		// /proc/1/ns shows, so the main goroutine stays on the main
		// thread from the start.
		runtime.LockOSThread()
	}
}

// Main runs a test package's tests, in fresh namespaces where real hosts can
// start if the switch asks for them, and returns the exit code. It is all that
// a TestMain contains.
func Main(m *testing.M) int {
	if len(os.Args) > 2 && os.Args[1] == hostInitArg {
		hostInit(os.Args[2])
	}
	if len(os.Args) > 1 && os.Args[1] == packagesArg {
		fmt.Println(strings.Join(Packages(), " "))
		return 0
	}
	if os.Getenv(stageVar) == stageInner {
		return runInner(m)
	}
	switch currentMode() {
	case modeRequire:
		if faults := missing(); len(faults) > 0 {
			fmt.Fprintf(os.Stderr, "e2e: %s=require, but real hosts cannot start here:\n  %s\n", switchVar, strings.Join(faults, "\n  "))
			return 1
		}
		return runOuter()
	case modeAnnounce:
		reasons := append([]string{switchVar + " is not set"}, missing()...)
		fmt.Printf("e2e: real-host tests left out: %s; run: %s\n", strings.Join(reasons, "; "), runCommand)
	}
	return m.Run()
}

// runOuter starts this binary again in new network, mount and pid namespaces
// and passes its exit code on. When this process dies, by whatever signal, the
// kernel ends the inner one, and with it every host.
func runOuter() int {
	network, err := os.Open("/proc/self/ns/net")
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: open the machine's network namespace: %v\n", err)
		return 1
	}
	defer network.Close()

	// Pdeathsig is tied to the thread that created the child, not to the
	// process.
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe", innerArgs(os.Args[1:])...)
	cmd.Env = append(os.Environ(), stageVar+"="+stageInner)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{network}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: new network, mount and pid namespaces: %v\n  this needs CAP_SYS_ADMIN: in a container, run it privileged\n", err)
		return 1
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT)
	go func() {
		for s := range signals {
			cmd.Process.Signal(s) // SIGQUIT brings the goroutines' stacks, as in any test binary
		}
	}()
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	// Killed by a signal: ExitCode is -1, which must not become success.
	fmt.Fprintf(os.Stderr, "e2e: the tests' process died: %v\n", err)
	return 1
}

// parallelTests is how many host tests run at once unless -parallel says
// otherwise. They wait, for boots, logins and cron's minute, more than they
// compute, so the number of cores would be too few. systemd hosts set the
// bound: from about 22 on, their boot hangs for want of inotify instances
// (fs.inotify.max_user_instances is 128 for all of uid 0).
const parallelTests = 12

// innerArgs are the test flags to pass on. The test log is left out: with it,
// `go test` would answer a later run from its cache, and real hosts would not
// have started although the switch requires them.
func innerArgs(args []string) []string {
	kept := []string{fmt.Sprintf("-test.parallel=%d", parallelTests)} // a later flag overrides it
	for _, a := range args {
		if !strings.HasPrefix(a, "-test.testlogfile=") {
			kept = append(kept, a)
		}
	}
	return kept
}

// runInner prepares the namespaces, runs the tests, and tells how many of them
// had real hosts.
func runInner(m *testing.M) int {
	if err := enter(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %s=require, but real hosts cannot start here: %v\n", switchVar, err)
		return 1
	}
	code := m.Run()
	leave()
	if problem := summarize(os.Stdout, &hostTests); problem != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "e2e: "+problem)
		code = 1
	}
	return code
}

// enter makes of the fresh namespaces a world in which hosts can start. Each
// step is the thing itself, tried, so that its failure is the honest answer to
// whether the machine can do it.
func enter() error {
	network := os.NewFile(outerNetFD, "the machine's network namespace")
	unix.CloseOnExec(outerNetFD)
	unix.Umask(0o022) // files of the hosts get the modes that are asked for
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount proc for the new pid namespace: %w", err)
	}
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	runs := filepath.Join(cache, "runs")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return fmt.Errorf("cache folder: %w (another one: POSTERN_E2E_CACHE=DIR)", err)
	}
	var raw [4]byte
	rand.Read(raw[:])
	id := hex.EncodeToString(raw[:])
	dir := filepath.Join(runs, id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("folder of this run: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("folder of this run: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	cgroups := filepath.Join(dir, "cgroup")
	if err := os.Mkdir(cgroups, 0o755); err != nil {
		return fmt.Errorf("folder of this run: %w", err)
	}
	if err := unix.Mount("cgroup2", cgroups, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount a cgroup2 hierarchy (systemd needs one): %w", err)
	}
	if err := ipBatch(
		"link set lo up",
		"link add br0 address "+bridgeMAC+" type bridge",
		"addr add "+bridgeAddress+"/"+networkBits+" dev br0",
		"addr add "+Elsewhere.String()+"/"+networkBits+" dev br0",
		"link set br0 up",
	); err != nil {
		return fmt.Errorf("make the bridge that hosts are connected to: %w", err)
	}
	world.entered = true
	world.id, world.dir, world.cgroups = id, dir, cgroups
	world.network, world.lock = network, lock
	sweepRuns(runs)
	return nil
}

// leave removes what this run kept on disk. Hosts have been removed by their
// tests' cleanups.
func leave() {
	if err := unix.Unmount(world.cgroups, unix.MNT_DETACH); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: unmount %s: %v\n", world.cgroups, err)
	}
	// The lock goes last: by it the next run recognises what this one could
	// not remove.
	entries, err := os.ReadDir(world.dir)
	for _, e := range entries {
		if e.Name() != filepath.Base(world.lock.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(world.dir, e.Name())))
		}
	}
	if err == nil {
		err = os.RemoveAll(world.dir)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: remove this run's files: %v\n", err)
	}
}

// sweepRuns removes what runs left that were killed: their disks, and their
// cgroup directories, which outlive every process. A run that still lives
// holds its lock.
func sweepRuns(runs string) {
	entries, _ := os.ReadDir(runs)
	for _, e := range entries {
		if e.Name() == world.id {
			continue
		}
		dir := filepath.Join(runs, e.Name())
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|unix.O_CLOEXEC, 0)
		if errors.Is(err, fs.ErrNotExist) {
			// Just being made by another run, or half removed: only
			// its age can tell.
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
				os.RemoveAll(dir)
			}
			continue
		}
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			stale, _ := filepath.Glob(filepath.Join(world.cgroups, "postern-e2e-"+e.Name()+"-*"))
			for _, c := range stale {
				removeCgroup(c)
			}
			os.RemoveAll(dir)
		}
		lock.Close()
	}
}

// removeCgroup removes a cgroup directory and those below it, deepest first;
// rmdir is the only removal that a cgroup knows.
func removeCgroup(dir string) {
	var dirs []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		// A cgroup stays busy for a moment after its last process.
		for range 200 {
			if err := unix.Rmdir(dirs[i]); !errors.Is(err, unix.EBUSY) {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// cacheDir is where built root file systems are kept.
func cacheDir() (string, error) {
	dir := os.Getenv("POSTERN_E2E_CACHE")
	if dir == "" {
		dir = "/var/cache/postern-e2e"
	}
	if !filepath.IsAbs(dir) || strings.ContainsAny(dir, ":,\\") {
		return "", fmt.Errorf("POSTERN_E2E_CACHE=%q: want an absolute path without ':', ',' and '\\': overlay mount options cannot hold them", dir)
	}
	return dir, nil
}

// ipBatch runs ip(8) commands in this process's network namespace.
func ipBatch(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip -batch: %w: %s (commands: %s)", err, strings.TrimSpace(string(out)), strings.Join(lines, "; "))
	}
	return nil
}

// onMachineNetwork is a command in the machine's own network namespace, for
// what has to reach a mirror or a module proxy.
func onMachineNetwork(name string, args ...string) *exec.Cmd {
	// Tests run as PID 1 of their namespace.
	netns := fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), world.network.Fd())
	cmd := exec.Command("nsenter", append([]string{netns, "--", name}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "POSTERN_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// hostsReady tells whether enter has prepared this process.
func hostsReady() bool { return world.entered }

//go:build linux

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Release is a Debian release by its code name.
type Release string

// The releases whose hosts can be started, with what they ship.
const (
	Bullseye Release = "bullseye" // Debian 11: OpenSSH 8.4p1, systemd 247, sudo 1.9.5p2
	Bookworm Release = "bookworm" // Debian 12: OpenSSH 9.2p1, systemd 252, sudo 1.9.13p3
	Trixie   Release = "trixie"   // Debian 13: OpenSSH 10.0p1, systemd 257, sudo 1.9.16p2
)

// Releases are all of them, oldest first.
var Releases = []Release{Bullseye, Bookworm, Trixie}

func (r Release) known() bool {
	return r == Bullseye || r == Bookworm || r == Trixie
}

// rootPackages are what every root has besides Debian's minimal base: the
// daemons under test, both inits, and strace, bash, dash (essential) and
// busybox's ash for tests of what the collector does.
const rootPackages = "openssh-server,openssh-client,cron,sudo,passwd,procps,iproute2,systemd,systemd-sysv,libpam-systemd,dbus,netbase,acl,strace,busybox-static"

// rootHook ends the building of a root, run with the root as $1.
// systemd-modules-load fails where the kernel has no modules and would leave
// trixie "degraded"; the name server and host name are the machine's, not the
// host's.
const rootHook = `ln -s /dev/null "$1/etc/systemd/system/systemd-modules-load.service"; : >"$1/etc/resolv.conf"; chmod 644 "$1/etc/resolv.conf" "$1/etc/hostname"; echo debian >"$1/etc/hostname"`

// recipe is everything that decides what is in a root, but for the mirror's
// state.
func recipe(r Release) []string {
	return []string{
		"--mode=root", "--variant=minbase",
		"--include=" + rootPackages,
		"--dpkgopt=force-unsafe-io",
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		`--aptopt=Acquire::Languages "none"`,
		"--customize-hook=" + rootHook,
		string(r),
	}
}

// cacheKey shortens what something is made from to a part of a file name.
func cacheKey(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:12]
}

// image is a chain of read-only directories, topmost first, as overlay's
// lowerdir wants them, and the key of the whole.
type image struct {
	lower []string
	key   string
}

// building bounds how many roots and layers are built at once: each keeps a
// core busy. buildingNow keeps tests that wait for the same one from taking
// both places.
var (
	building    = make(chan struct{}, 2)
	buildingNow sync.Map // name -> *sync.Mutex
)

// rootImage is the release's root file system, built if it is not in the
// cache.
func rootImage(r Release) (image, error) {
	args := recipe(r)
	key := cacheKey(args...)
	dir, err := cached(fmt.Sprintf("%s-%s", r, key), func(tmp string) error {
		mirror, err := aptMirror()
		if err != nil {
			return err
		}
		options, err := machineAptOptions()
		if err != nil {
			return err
		}
		var all []string
		for _, o := range options {
			all = append(all, "--aptopt="+o)
		}
		all = append(all, args...)
		all = append(all, tmp, mirror)
		return runLogged(onMachineNetwork("mmdebstrap", all...))
	})
	if err != nil {
		return image{}, fmt.Errorf("root file system of %s: %w", r, err)
	}
	return image{lower: []string{dir}, key: key}, nil
}

// cached returns the cache's directory of that name and builds it first if it
// is not there. Building goes into a directory aside that is renamed when it
// is complete, so a killed build leaves no half root; a lock keeps two test
// processes from building the same one.
func cached(name string, build func(tmp string) error) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	turn, _ := buildingNow.LoadOrStore(name, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	building <- struct{}{}
	defer func() { <-building }()

	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // another process built it while we waited
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	// Under the lock, a leftover can only be a dead build's.
	tmp := dir + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return "", err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return "", err
	}
	start := time.Now()
	fmt.Fprintf(os.Stderr, "e2e: building %s, once\n", dir)
	if err := build(tmp); err != nil {
		os.RemoveAll(tmp)
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "e2e: built %s in %.0fs\n", dir, time.Since(start).Seconds())
	return dir, nil
}

// aptMirror is the Debian mirror that the machine itself uses.
// POSTERN_E2E_MIRROR names another one.
var aptMirror = sync.OnceValues(func() (string, error) {
	if m := os.Getenv("POSTERN_E2E_MIRROR"); m != "" {
		return m, nil
	}
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(ORIGIN) $(SUITE) $(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("ask apt for the machine's mirror: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		origin, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		suite, uri, ok := strings.Cut(rest, " ")
		// The main archive's suites are plain words; updates, security
		// and backports carry a suffix and do not hold whole releases.
		if ok && origin == "Debian" && !strings.Contains(suite, "-") {
			return uri, nil
		}
	}
	return "", errors.New("apt knows no Debian mirror on this machine: run apt-get update, or name one: POSTERN_E2E_MIRROR=URL")
})

// machineAptOptions are the settings without which the machine's own apt would
// not reach, or not accept, its mirror; roots are fetched under the same ones.
var machineAptOptions = sync.OnceValues(func() ([]string, error) {
	out, err := exec.Command("apt-config", "dump", "--no-empty", "--format", `%f "%v"%n`,
		"Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date").Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt for the machine's settings: %w", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' }), nil
})

// runLogged runs a builder and keeps the end of what it said for the error.
func runLogged(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, lastLines(out.String(), 20))
	}
	return nil
}

// lastLines is the end of a log.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// hostBinary is where the program is put in a host: in memory, so that the
// disk shows only what the program did.
const hostBinary = "/run/e2e/postern"

// Binary is the path of a postern program built from this module's sources, on
// the test machine. It is linked statically, so that it runs on every release.
func Binary() (string, error) { return builtBinary() }

var builtBinary = sync.OnceValues(func() (string, error) {
	out := filepath.Join(world.dir, "postern")
	module, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		return "", fmt.Errorf("build postern: go list: %w", err)
	}
	// In the machine's network: a clean clone may have modules to fetch.
	cmd := onMachineNetwork("go", "build", "-o", out, strings.TrimSpace(string(module)))
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	if err := runLogged(cmd); err != nil {
		return "", fmt.Errorf("build postern: %w", err)
	}
	return out, nil
})

// Postern runs the postern program in the host, as root, with these arguments.
func (h *Host) Postern(args ...string) (stdout, stderr string, code int) {
	h.t.Helper()
	return h.PosternAs("root", args...)
}

// PosternAs is Postern as another account of the host.
func (h *Host) PosternAs(user string, args ...string) (stdout, stderr string, code int) {
	h.t.Helper()
	binary, err := Binary()
	if err != nil {
		h.t.Fatalf("e2e: %v", err)
	}
	if _, err := os.Stat(h.HostPath(hostBinary)); err != nil {
		h.copyIn(binary, hostBinary, 0o755)
	}
	if user == "root" {
		return h.run3(h.Command(append([]string{hostBinary}, args...)...))
	}
	// runuser asks no password and, without -l, leaves the arguments alone.
	return h.run3(h.Command(append([]string{"runuser", "-u", user, "--", "env", "HOME=/home/" + user, "USER=" + user, "LOGNAME=" + user, hostBinary}, args...)...))
}

// copyIn puts a file of the test machine into the host. A process in the host
// writes it: a descriptor of ours, open for writing, would live on for a moment
// in whatever another test starts just then, and the kernel runs no program that
// is open for writing (ETXTBSY).
func (h *Host) copyIn(from, to string, mode os.FileMode) {
	h.t.Helper()
	content, err := os.Open(from)
	if err != nil {
		h.t.Fatalf("e2e: %s: %v", h.name, err)
	}
	defer content.Close()
	cmd := h.Command("/bin/sh", "-c", `mkdir -p "${2%/*}" && cat >"$2" && chmod "$1" "$2"`, "sh", fmt.Sprintf("%o", mode.Perm()), to)
	cmd.Stdin = content
	if _, stderr, code := h.run3(cmd); code != 0 {
		h.t.Fatalf("e2e: %s: copy %s to %s: exit code %d: %s", h.name, from, to, code, stderr)
	}
}

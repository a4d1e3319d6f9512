//go:build unix

package snapshot

import (
	"os/exec"
	"syscall"
)

// own puts the command into a process group of its own, so that a cancelled
// collector ends with all its children.
func own(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

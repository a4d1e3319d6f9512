//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Strace runs a shell command in the host under strace, its children included,
// with that filter (strace's -e, as "trace=%file"; "" means every call). The
// trace comes out through a pipe, so strace itself writes nothing on the host.
func (h *Host) Strace(filter, command string) (trace, stdout, stderr string, code int) {
	h.t.Helper()
	// The traced shell must not inherit the trace's pipe.
	argv := append(straceArgs(filter), "--", "/bin/sh", "-c", `exec 3>&-; `+command)
	cmd := h.Command(argv...)
	read := h.tracePipe(cmd)
	stdout, stderr, code = h.run3(cmd)
	return read(), stdout, stderr, code
}

// tracePipe gives a command fd 3 and returns a function that waits for all
// that was written there.
func (h *Host) tracePipe(cmd *exec.Cmd) (read func() string) {
	h.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		h.t.Fatalf("e2e: %s: %v", h.name, err)
	}
	cmd.ExtraFiles = []*os.File{w}
	var trace bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(&trace, r)
		r.Close()
	}()
	return func() string {
		w.Close() // ours; the command's has ended with it
		<-done
		return trace.String()
	}
}

func straceArgs(filter string) []string {
	argv := []string{"strace", "-f", "-y", "-s", "200", "-o", "/proc/self/fd/3"}
	if filter != "" {
		argv = append(argv, "-e", filter)
	}
	return argv
}

// Trace is strace at work on a daemon of a host.
type Trace struct {
	h    *Host
	cmd  *exec.Cmd
	read func() string

	mu   sync.Mutex
	said bytes.Buffer
}

// TraceSSHD attaches strace to the host's listening sshd, and so to every
// session that begins from now on and all that it runs, and returns when it is
// attached. Stop brings the trace.
func (h *Host) TraceSSHD(filter string) *Trace {
	h.t.Helper()
	pid := h.sshdPID()
	cmd := h.Command(append(straceArgs(filter), "-p", pid)...)
	tr := &Trace{h: h, cmd: cmd, read: h.tracePipe(cmd)}
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		h.t.Fatalf("e2e: %s: strace sshd: %v", h.name, err)
	}
	attached := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			tr.mu.Lock()
			tr.said.WriteString(lines.Text() + "\n")
			tr.mu.Unlock()
			if strings.Contains(lines.Text(), "Process "+pid+" attached") {
				attached <- true
			}
		}
		close(attached)
	}()
	select {
	case ok := <-attached:
		if ok {
			return tr
		}
	case <-time.After(10 * time.Second):
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	h.t.Fatalf("e2e: %s: strace did not attach to sshd (pid %s): %s", h.name, pid, tr.said.String())
	return nil
}

// Stop detaches strace and returns what it saw. Processes that it followed go
// on.
func (tr *Trace) Stop() string {
	tr.h.t.Helper()
	// strace detaches on SIGINT.
	if err := signalEntered(tr.cmd, unix.SIGINT); err != nil {
		tr.h.t.Fatalf("e2e: %s: stop strace: %v", tr.h.name, err)
	}
	trace := tr.read()
	tr.cmd.Wait()
	return trace
}

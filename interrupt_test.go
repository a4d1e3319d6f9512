//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/postern-ssh/postern/e2e/demo"
)

// postern gives the program as a command, in an environment of its own. It is
// the copy of this test binary that TestMain put into the path.
func postern(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "postern", args...)
	dir := t.TempDir()
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "XDG_STATE_HOME=" + dir + "/state", "XDG_CONFIG_HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	return cmd
}

// fleetWithStall is the demo's fleet with one host more, that hangs in the handshake.
func fleetWithStall(t *testing.T) (f *demo.Fleet, reached <-chan struct{}) {
	t.Helper()
	f, err := demo.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	port, reached := stall(t)
	inv, err := os.OpenFile(f.Inventory, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer inv.Close()
	if _, err := fmt.Fprintf(inv, "  stalls: {address: 127.0.0.1, port: %s, user: root}\n", port); err != nil {
		t.Fatal(err)
	}
	return f, reached
}

// TestFirstInterrupt: the run ends, with everything that is there: the hosts that
// were done, the one that was cut off by name, the sums, the exit code, the file
// whole and the run kept.
func TestFirstInterrupt(t *testing.T) {
	for name, sig := range map[string]os.Signal{"SIGINT": os.Interrupt, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, reached := fleetWithStall(t)
			cmd := postern(t, "audit", "-i", f.Inventory, "--known-hosts", f.Known, "--no-agent", "--format", "jsonl", "--timeout", "1h")
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-reached
			states, sent := map[string]string{}, false
			var fleet struct{ Summary struct{ Exit int } }
			lines := bufio.NewScanner(out)
			lines.Buffer(nil, 16<<20)
			for lines.Scan() {
				var rec struct{ Type, Name, State, Stage, Reason string }
				if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
					t.Fatalf("a broken line: %v: %.200s", err, lines.Text())
				}
				switch rec.Type {
				case "host":
					states[rec.Name] = strings.TrimSpace(rec.State + " " + rec.Reason)
				case "fleet":
					if err := json.Unmarshal(lines.Bytes(), &fleet); err != nil {
						t.Fatal(err)
					}
				}
				if len(states) == 4 && !sent { // all but the one that stalls
					sent = true
					if err := cmd.Process.Signal(sig); err != nil {
						t.Fatal(err)
					}
				}
			}
			err = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 1 || fleet.Summary.Exit != 1 {
				t.Errorf("exit code %d (%v), in the fleet's record %d; the breached host was done: want 1", code, err, fleet.Summary.Exit)
			}
			if len(states) != 5 || !strings.HasPrefix(states["stalls"], "unreachable interrupted") || states["breached"] != "audited" {
				t.Errorf("the hosts ended as %q", states)
			}
			if !strings.Contains(errs.String(), "interrupted: ending with what is there") {
				t.Errorf("stderr says %q", errs.String())
			}
			kept, err := filepath.Glob(cmd.Dir + "/state/postern/runs/*/hosts/*.pst")
			if err != nil || len(kept) != 3 {
				t.Errorf("kept archives: %v, %v; want those of the three hosts that answered", kept, err)
			}
		})
	}
}

// TestSecondInterrupt: nobody reads the report, so the run cannot end by itself;
// the second signal ends the program.
func TestSecondInterrupt(t *testing.T) {
	cmd := postern(t, "demo", "--format", "json", "--profile", "all")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// From its first byte on the report is being written, into a pipe that is
	// shorter than it.
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(os.Interrupt)
	said := bufio.NewReader(errs)
	for {
		line, err := said.ReadString('\n')
		if err != nil {
			t.Fatalf("no word about the interrupt: %v", err)
		}
		if strings.Contains(line, "interrupted") {
			break
		}
	}
	cmd.Process.Signal(os.Interrupt)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Fatalf("it ended with %v, want exit code 130", err)
	}
}

// TestInterruptedFile: -o gives the report of what is there under its name.
func TestInterruptedFile(t *testing.T) {
	f, reached := fleetWithStall(t)
	cmd := postern(t, "audit", "stalls", "-i", f.Inventory, "--known-hosts", f.Known, "--no-agent", "--no-history", "-o", "report.txt")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	text, err := os.ReadFile(cmd.Dir + "/report.txt")
	if err != nil || !strings.Contains(string(text), "interrupted during") {
		t.Errorf("the report: %v\n%s", err, text)
	}
	if left, _ := filepath.Glob(cmd.Dir + "/.report*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

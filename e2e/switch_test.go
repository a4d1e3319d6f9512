//go:build linux

package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// runSelf runs this test binary's TestMain, with no test selected, in an
// environment of its own.
func runSelf(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append(args, "-test.run=^$")...)
	cmd.Env = env
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		env            []string
		code           int
		stdout, stderr []string // that must be in it; none: it must be silent
	}{
		{
			name:   "unset says what is left out, and how to have it",
			env:    []string{"PATH=" + os.Getenv("PATH")},
			stdout: []string{"e2e: real-host tests left out: POSTERN_E2E is not set", "run: POSTERN_E2E=require go test ./e2e"},
		},
		{
			name:   "unset names what is missing, too",
			env:    []string{"PATH=/nonexistent"},
			stdout: []string{"no mmdebstrap in PATH", "Debian package iproute2"},
		},
		{
			name: "off is silent",
			env:  []string{"POSTERN_E2E=off"},
		},
		{
			name:   "require fails with every missing program and its package",
			env:    []string{"POSTERN_E2E=require", "PATH=/nonexistent"},
			code:   1,
			stderr: []string{"no mmdebstrap in PATH", "no ip in PATH", "no nsenter in PATH", "apt-get install -y --no-install-recommends mmdebstrap apt iproute2 util-linux coreutils"},
		},
		{
			name:   "a typo is refused",
			env:    []string{"POSTERN_E2E=required"},
			code:   1,
			stderr: []string{`POSTERN_E2E="required" is not a known value`, `"require"`, `"off"`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := runSelf(t, c.env)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			// The testing package's own words.
			stdout = strings.TrimSuffix(stdout, "testing: warning: no tests to run\nPASS\n")
			stdout = strings.TrimSuffix(stdout, "PASS\n")
			for _, stream := range []struct {
				name, got string
				want      []string
			}{{"stdout", stdout, c.stdout}, {"stderr", strings.TrimPrefix(stderr, "testing: warning: no tests to run\n"), c.stderr}} {
				if len(stream.want) == 0 && stream.got != "" {
					t.Errorf("%s is not silent: %q", stream.name, stream.got)
				}
				for _, w := range stream.want {
					if !strings.Contains(stream.got, w) {
						t.Errorf("%s lacks %q: %q", stream.name, w, stream.got)
					}
				}
			}
		})
	}
}

func TestPackagesAreListedForScripts(t *testing.T) {
	t.Parallel()
	stdout, _, code := runSelf(t, nil, packagesArg)
	if want := strings.Join(Packages(), " ") + "\n"; stdout != want || code != 0 {
		t.Errorf("got %q, exit code %d; want %q", stdout, code, want)
	}
	if !slices.Contains(Packages(), "mmdebstrap") {
		t.Errorf("packages %q lack mmdebstrap", Packages())
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	var y tally
	for _, name := range []string{"TestA", "TestA/bookworm", "TestA/bookworm", "TestA/trixie", "TestAB", "TestC"} {
		y.add(name)
	}
	y.markSkipped("TestC")
	var out strings.Builder
	problem := summarize(&out, &y)
	if want := "e2e: 3 real-host tests executed, 1 skipped\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if !strings.Contains(problem, "1 real-host tests skipped") {
		t.Errorf("a skipped test is no problem: %q", problem)
	}
	var clean tally
	clean.add("TestA")
	if problem := summarize(&out, &clean); problem != "" {
		t.Errorf("problem %q, want none", problem)
	}
}

func TestInnerRunIsNeverCached(t *testing.T) {
	t.Parallel()
	args := innerArgs([]string{"-test.paniconexit0", "-test.testlogfile=/tmp/log", "-test.parallel=1", "-test.run=X"})
	// The caller's -parallel comes last, and so counts.
	if want := []string{"-test.parallel=12", "-test.paniconexit0", "-test.parallel=1", "-test.run=X"}; !slices.Equal(args, want) {
		t.Errorf("got %q, want %q", args, want)
	}
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 12, 0, 30, 1, 0, time.UTC)
	for _, c := range []struct {
		name, msg string
		facility  int
		line      string
	}{
		{"authpriv", "<86>Mar 12 00:30:00 sshd[9]: Accepted publickey", 10, "Mar 12 00:30:00 h1 sshd[9]: Accepted publickey\n"},
		{"one-digit day", "<38>Mar  2 00:30:00 sshd[9]: x\n", 4, "Mar  2 00:30:00 h1 sshd[9]: x\n"},
		{"no time", "<78>cron[1]: x", 9, "Mar 12 00:30:01 h1 cron[1]: x\n"},
		{"no priority", "hello, this is a plain text", 1, "Mar 12 00:30:01 h1 hello, this is a plain text\n"},
		{"broken priority", "<x>hello", 1, "Mar 12 00:30:01 h1 <x>hello\n"},
		{"empty", "", 1, "Mar 12 00:30:01 h1 \n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			facility, line := logLine([]byte(c.msg), "h1", now)
			if facility != c.facility || string(line) != c.line {
				t.Errorf("got %d, %q; want %d, %q", facility, line, c.facility, c.line)
			}
		})
	}
}

// TestListeners: readiness is read from the kernel's table, and an established
// connection to the port is not a listener.
func TestListeners(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := listeners(os.Getpid(), port); err != nil || len(got) != 1 {
		t.Errorf("listening: %q, %v; want one inode", got, err)
	}
	l.Close()
	// A process that another test is starting holds the socket from its fork to its
	// exec: it is gone when that is through.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := listeners(os.Getpid(), port)
		if err == nil && len(got) == 0 {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("closed: %q, %v; want none", got, err)
		}
	}
}

func TestCacheDirRefusesWhatOverlayCannotMount(t *testing.T) {
	for _, bad := range []string{"relative", "/with:colon", "/with,comma"} {
		t.Setenv("POSTERN_E2E_CACHE", bad)
		if dir, err := cacheDir(); err == nil {
			t.Errorf("%q is accepted as %q", bad, dir)
		}
	}
	t.Setenv("POSTERN_E2E_CACHE", "/srv/cache")
	if dir, err := cacheDir(); dir != "/srv/cache" || err != nil {
		t.Errorf("got %q, %v", dir, err)
	}
}

func TestLayersTakeOnlyPackageNames(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "  ", "-o Dpkg::x", "at --force-yes"} {
		if _, err := layered(image{}, []string{bad}); err == nil || !strings.Contains(err.Error(), "want Debian package names") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

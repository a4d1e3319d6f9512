package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/e2e/demo"
	"github.com/postern-ssh/postern/inventory"
)

// The benchmarks of this file need neither root nor real hosts: the servers are
// the demo's, which answer with recordings of real hosts, in a process of their
// own.
//
//	go test ./e2e -run '^$' -bench 'Cost|Start' -benchtime 3x

func init() {
	roles["__demo"] = func([]string) error { return serveDemo(nil) }
	roles["__unlike"] = func([]string) error { return serveDemo(unlike()) }
	roles["__bare"] = bareLogins
}

// costHosts are in one run: so many that the start of the process, compiling
// the rules included, is a small part.
const costHosts = 2000

// BenchmarkAuditCost compares the client's CPU time (user and system) of whole
// audits (login, collection, facts, judgement, text report) with that of bare
// logins by x/crypto/ssh in which the same bytes go both ways and are thrown
// away. Both are processes of their own, as many logins in flight in each.
//
// The fleet has three setups, as fleets have few; ratio-unlike is for a fleet in
// which no host is set up like another one.
func BenchmarkAuditCost(b *testing.B) {
	binary := buildPostern(b)
	f, other := startDemo(b, "__demo"), startDemo(b, "__unlike")
	inv, otherInv := f.inventory(b, costHosts), other.inventory(b, costHosts)
	var audit, bare, kept, unlike time.Duration
	hosts := 0
	for b.Loop() {
		hosts += costHosts
		args := []string{"audit", "-i", inv, "--known-hosts", f.known, "--no-agent"}
		audit += cpu(b, 1, binary, append(args, "--no-history")...)
		kept += cpu(b, 1, binary, append(args, "--archive", b.TempDir())...)
		unlike += cpu(b, 1, binary, "audit", "-i", otherInv, "--known-hosts", other.known, "--no-agent", "--no-history")
		bare += cpu(b, 0, self(b), "__bare", f.key, f.known, inv)
	}
	perHost := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) / float64(hosts) }
	b.ReportMetric(perHost(audit), "audit-ms/host")
	b.ReportMetric(perHost(kept), "kept-audit-ms/host")
	b.ReportMetric(perHost(bare), "bare-ms/host")
	b.ReportMetric(float64(audit)/float64(bare), "ratio")
	b.ReportMetric(float64(unlike)/float64(bare), "ratio-unlike")
	b.ReportMetric(0, "ns/op") // wall time says nothing here
}

// BenchmarkStart measures from the start of the program to its first dial, with
// the catalogue compiled in between: the time at which a listener is called.
func BenchmarkStart(b *testing.B) {
	binary := buildPostern(b)
	f := startDemo(b, "__demo")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	var total, worst time.Duration
	n := 0
	for b.Loop() {
		cmd := postern(b, binary, "audit", "root@"+ln.Addr().String(), "--key", f.key, "--known-hosts", f.known, "--no-agent", "--no-history")
		start := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		conn.Close()
		cmd.Wait() // exit code 3: nobody answered
		total += took
		worst = max(worst, took)
		n++
	}
	b.ReportMetric(float64(total)/float64(time.Millisecond)/float64(n), "ms/start")
	b.ReportMetric(float64(worst)/float64(time.Millisecond), "worst-ms")
	b.ReportMetric(0, "ns/op")
}

// buildPostern builds the program as it is released.
func buildPostern(b *testing.B) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), "postern")
	cmd := exec.Command("go", "build", "-o", out, "github.com/postern-ssh/postern")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build postern: %v\n%s", err, text)
	}
	return out
}

func self(b *testing.B) string {
	b.Helper()
	path, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// postern is the program with a home of its own.
func postern(b *testing.B, program string, args ...string) *exec.Cmd {
	home := b.TempDir()
	cmd := exec.Command(program, args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home)
	return cmd
}

// cpu runs a program to its end and gives the CPU time that it took.
func cpu(b *testing.B, code int, program string, args ...string) time.Duration {
	b.Helper()
	cmd := postern(b, program, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		b.Fatalf("%s %s: exit code %d, want %d (%v)\n%s", program, args[0], got, code, err, said.String())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// fleet is a demo that runs in another process.
type fleet struct{ hosts, key, known string }

func startDemo(b *testing.B, role string) fleet {
	b.Helper()
	cmd := exec.Command(self(b), role)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	var f fleet
	if _, err := fmt.Fscanln(stdout, &f.hosts, &f.key, &f.known); err != nil {
		b.Fatalf("the demo did not start: %v", err)
	}
	return f
}

// serveDemo runs the demo's servers until stdin ends.
func serveDemo(change func(*snapshot.Snapshot) *snapshot.Snapshot) error {
	f, err := demo.StartChanged(context.Background(), change)
	if err != nil {
		return err
	}
	fmt.Println(f.Inventory, f.Key, f.Known)
	io.Copy(io.Discard, os.Stdin)
	return f.Close()
}

// unlike gives every answer a line in /etc/crontab that no other has.
func unlike() func(*snapshot.Snapshot) *snapshot.Snapshot {
	var n atomic.Int64
	return func(s *snapshot.Snapshot) *snapshot.Snapshot {
		c := *s
		c.Files = slices.Clone(s.Files)
		if f := c.Lookup("/etc/crontab"); f != nil {
			f.Content = fmt.Appendf(slices.Clone(f.Content), "# host %09d\n", n.Add(1))
			f.Size = int64(len(f.Content))
		}
		return &c
	}
}

// inventory writes one of n hosts, which are the living ones of the demo by turns.
func (f fleet) inventory(b *testing.B, n int) string {
	b.Helper()
	inv, err := inventory.LoadFile(f.hosts, "")
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "defaults: {key: %q}\nhosts:\n", f.key)
	for i := 0; i < n; {
		for _, h := range inv.Hosts {
			if h.Name != "dead" && i < n {
				fmt.Fprintf(&text, "  %s-%d: {address: %s, port: %d, user: %s}\n", h.Name, i, h.Address, h.Port, h.User)
				i++
			}
		}
	}
	path := filepath.Join(b.TempDir(), "postern.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// bareLogins logs in to every host of an inventory, sends what the collector's
// request is, and throws the answer away.
func bareLogins(args []string) error {
	key, known, inv := args[0], args[1], args[2]
	pem, err := os.ReadFile(key)
	if err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return err
	}
	trusted, err := knownhosts.New(known)
	if err != nil {
		return err
	}
	hosts, err := inventory.LoadFile(inv, "")
	if err != nil {
		return err
	}
	request, err := collectorRequest()
	if err != nil {
		return err
	}
	todo := make(chan inventory.Host)
	var wait sync.WaitGroup
	var received, failed atomic.Int64
	for range audit.DefaultParallel {
		wait.Go(func() {
			for h := range todo {
				n, err := bareLogin(h, request, &ssh.ClientConfig{
					User: h.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: trusted,
				})
				received.Add(n)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					failed.Add(1)
				}
			}
		})
	}
	for _, h := range hosts.Hosts {
		todo <- h
	}
	close(todo)
	wait.Wait()
	if failed.Load() > 0 || received.Load() < int64(len(hosts.Hosts))*10_000 {
		return fmt.Errorf("%d of %d logins failed, %d bytes came", failed.Load(), len(hosts.Hosts), received.Load())
	}
	return nil
}

func bareLogin(h inventory.Host, request command, config *ssh.ClientConfig) (int64, error) {
	c, err := ssh.Dial("tcp", net.JoinHostPort(h.Address, strconv.Itoa(h.Port)), config)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	s.Stdin = bytes.NewReader(request.stdin)
	out, err := s.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := s.Start(request.line); err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, out)
	return n, errors.Join(err, s.Wait())
}

// command is what an audit asks of a host.
type command struct {
	line  string
	stdin []byte
}

var errTaken = errors.New("the request was taken, not run")

// Run takes the request that the collector would send.
func (c *command) Run(_ context.Context, line string, stdin io.Reader, _, _ io.Writer) (int, error) {
	c.line = line
	var err error
	if c.stdin, err = io.ReadAll(stdin); err == nil {
		err = errTaken
	}
	return 0, err
}

func collectorRequest() (command, error) {
	var c command
	if _, err := snapshot.Collect(context.Background(), &c, snapshot.Options{}); !errors.Is(err, errTaken) {
		return c, fmt.Errorf("the collector's request: %v", err)
	}
	return c, nil
}

//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postern-ssh/postern/e2e"
)

// fixFleet is a number of real hosts with the command that changes them.
type fixFleet struct {
	t      *testing.T
	binary string
	home   string
	hosts  []*e2e.Host
	args   []string // that every call has
}

func (f *fixFleet) name(i int) string { return fmt.Sprintf("h%03d", i+1) }

// newFixFleet starts the hosts: the same release and the same keys of the server,
// and passwords open as Debian ships it.
func newFixFleet(t *testing.T, n int) *fixFleet {
	f := &fixFleet{t: t, home: t.TempDir(), hosts: make([]*e2e.Host, n)}
	var err error
	if f.binary, err = e2e.Binary(); err != nil {
		t.Fatal(err)
	}
	key, public := newKey(t)
	begun := time.Now()
	for i := range n {
		f.hosts[i] = e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, SharedHostKeys: true, Setup: admit("root", public) + "useradd -m bob; echo bob:a-password | chpasswd\n"})
	}
	t.Logf("%d hosts in %s", n, time.Since(begun).Round(10*time.Millisecond))
	inventory, known := filepath.Join(f.home, "fleet.yaml"), filepath.Join(f.home, "known_hosts")
	var inv, keys bytes.Buffer
	fmt.Fprintf(&inv, "defaults: {user: root, key: %q}\nhosts:\n", key)
	for i, h := range f.hosts {
		fmt.Fprintf(&inv, "  %s: {address: %s}\n", f.name(i), h.Addr())
		text, err := os.ReadFile(h.KnownHosts())
		if err != nil {
			t.Fatal(err)
		}
		keys.Write(text)
	}
	if err := errors.Join(os.WriteFile(inventory, inv.Bytes(), 0o600), os.WriteFile(known, keys.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	f.args = []string{"--known-hosts", known, "--no-agent", "--parallel", "12"}
	return f
}

// start starts postern; what it says on stderr goes to each line. read is closed
// once that has ended.
func (f *fixFleet) start(line func(*exec.Cmd, string), args ...string) (cmd *exec.Cmd, out *bytes.Buffer, read chan struct{}) {
	f.t.Helper()
	cmd = exec.CommandContext(f.t.Context(), f.binary, append(args, f.args...)...)
	cmd.Dir = f.home
	cmd.Env = []string{"HOME=" + f.home, "XDG_STATE_HOME=" + filepath.Join(f.home, "state"), "XDG_CONFIG_HOME=" + f.home, "PATH=/usr/bin:/bin", "NO_COLOR=1"}
	out = &bytes.Buffer{}
	cmd.Stdout = out
	errs, err := cmd.StderrPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	read = make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(errs)
		for lines.Scan() {
			f.t.Logf("  %s", lines.Text())
			line(cmd, lines.Text())
		}
		io.Copy(io.Discard, errs)
	}()
	return cmd, out, read
}

func (f *fixFleet) run(want int, args ...string) string {
	f.t.Helper()
	begun := time.Now()
	cmd, out, read := f.start(func(*exec.Cmd, string) {}, args...)
	<-read
	cmd.Wait()
	f.t.Logf("postern %s: %s, %d", strings.Join(args, " "), time.Since(begun).Round(10*time.Millisecond), cmd.ProcessState.ExitCode())
	if got := cmd.ProcessState.ExitCode(); got != want {
		f.t.Fatalf("postern %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, want, out)
	}
	return out.String()
}

// stopped runs postern until some host is armed, and sends it the signals then, a
// moment between them.
func (f *fixFleet) stopped(sigs []os.Signal, args ...string) (out, errs string, state *os.ProcessState) {
	f.t.Helper()
	var said strings.Builder
	var heard, begun atomic.Bool // it has told that it was interrupted, that it begins with its hosts
	held := func() (ids []string) {
		for _, h := range f.hosts {
			_, err := os.Stat(h.HostPath("/var/lib/postern-fix/current/state/armed"))
			if id, _ := os.ReadFile(h.HostPath("/var/lib/postern-fix/current/id")); err == nil && len(id) > 0 {
				ids = append(ids, string(id))
			}
		}
		return ids
	}
	cmd, buf, read := f.start(func(_ *exec.Cmd, line string) {
		said.WriteString(line + "\n")
		if strings.Contains(line, "what is being done to") {
			heard.Store(true)
		}
		if strings.Contains(line, "batch 1: ") {
			begun.Store(true)
		}
	}, args...)
	// What an earlier run left may still arm itself until this one has taken it back.
	var before []string
	counted := false
	armed := func() bool {
		if !begun.Load() {
			return false
		}
		if !counted {
			before, counted = held(), true
		}
		return slices.ContainsFunc(held(), func(id string) bool { return !slices.Contains(before, id) })
	}
	for !armed() {
		select {
		case <-read:
			f.t.Fatalf("postern %s ended before any host was armed\n%s", strings.Join(args, " "), buf)
		case <-time.After(5 * time.Millisecond):
		}
	}
	for i, sig := range sigs {
		cmd.Process.Signal(sig)
		// Two signals of a kind that come before the first is seen are one.
		for end := time.Now().Add(20 * time.Second); i+1 < len(sigs) && !heard.Load() && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	<-read
	cmd.Wait()
	return buf.String(), said.String(), cmd.ProcessState
}

// inForce tells whether the change is on the host's disk, and how often a run was
// confirmed there.
func (f *fixFleet) inForce(i int) (yes bool, confirmed int, held string) {
	f.t.Helper()
	out, errs, code := f.hosts[i].Exec(`grep -rhs '^PasswordAuthentication no' /etc/ssh/sshd_config /etc/ssh/sshd_config.d | head -1
		echo "= $(ls -d /var/lib/postern-fix/records/*/state/confirmed 2>/dev/null | wc -l) $(ls /var/lib/postern-fix/current/state 2>/dev/null)"`)
	if code != 0 {
		f.t.Fatalf("%s: %s", f.name(i), errs)
	}
	before, after, _ := strings.Cut(out, "= ")
	n, held, _ := strings.Cut(strings.TrimSpace(after), " ")
	confirmed, err := strconv.Atoi(n)
	if err != nil {
		f.t.Fatalf("%s: %q", f.name(i), out)
	}
	return before != "", confirmed, strings.TrimSpace(held)
}

// journal is what the newest rollout's journal says of each host: its last line.
func (f *fixFleet) journal() map[string]string {
	f.t.Helper()
	files, err := filepath.Glob(filepath.Join(f.home, "state", "postern", "fix", "fleet", "*", "journal.jsonl"))
	if err != nil || len(files) != 1 {
		f.t.Fatalf("journals: %v, %v", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		f.t.Fatal(err)
	}
	last := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		var e struct{ Host, What, Outcome string }
		if json.Unmarshal([]byte(line), &e) == nil && e.Host != "" {
			last[e.Host] = strings.TrimSpace(e.What + " " + e.Outcome)
		}
	}
	return last
}

// truth compares the journal with the hosts themselves. A host whose last line is
// that it was begun may be either.
func (f *fixFleet) truth(dead map[int]bool) (in int) {
	f.t.Helper()
	journal := f.journal()
	for i := range f.hosts {
		if dead[i] {
			continue
		}
		yes, confirmed, held := f.inForce(i)
		said := journal[f.name(i)]
		switch said {
		case "end done", "end already":
			in++
			if !yes || confirmed != 1 || held != "" {
				f.t.Errorf("%s: the journal says %q; on the host: in force %v, %d confirmed runs, held %q", f.name(i), said, yes, confirmed, held)
			}
		case "begin":
		default:
			if yes || confirmed != 0 || held != "" {
				f.t.Errorf("%s: the journal says %q; on the host: in force %v, %d confirmed runs, held %q", f.name(i), said, yes, confirmed, held)
			}
		}
	}
	return in
}

// TestFixFleet changes a fleet of real hosts by the command: three fail in the
// middle, it stops; killed, it goes on; interrupted, it ends cleanly; and at each
// point the journal says what the hosts say. POSTERN_FIX_FLEET=200 is the long form.
func TestFixFleet(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel()
	n := 12
	if v := os.Getenv("POSTERN_FIX_FLEET"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil || n < 12 {
			t.Fatalf("POSTERN_FIX_FLEET=%s: a number from 12 on", v)
		}
	}
	f := newFixFleet(t, n)
	plan := filepath.Join(f.home, "fleet.plan")
	f.run(1, "fix", "plan", "-i", "fleet.yaml", "--only", "no-password-login", "--save-plan", plan)

	// Meanwhile, in the middle: a mount, somebody's edit, a neighbour that locks out
	// as soon as the change is in, and a host that is away.
	mid := n / 3
	away, mount, edited, meddler := mid-1, mid, mid+1, mid+2
	exec := func(i int, script string) {
		t.Helper()
		if out, errs, code := f.hosts[i].Exec("set -e\n" + script); code != 0 {
			t.Fatalf("%s: %s%s", f.name(i), out, errs)
		}
	}
	exec(mount, "mount --bind /etc/ssh/sshd_config /etc/ssh/sshd_config")
	exec(edited, "cp -a /etc/ssh/sshd_config /root/kept; echo '# mine' >>/etc/ssh/sshd_config")
	exec(meddler, `cat >/root/meddle <<'END'
while [ ! -e /root/stop ]; do
	if grep -qrs '^PasswordAuthentication no' /etc/ssh; then mv /root/.ssh/authorized_keys /root/away; break; fi
	sleep 0.1
done
END
setsid sh /root/meddle </dev/null >/dev/null 2>&1 &`)
	f.hosts[away].Kill()

	out := f.run(7, "fix", "apply", "-i", "fleet.yaml", "--plan", plan, "--yes", "--batch", "1,3,25%", "--max-fail", "2", "--deadline", "2m")
	flat := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		f.name(mount) + ": prepare: /etc/ssh/sshd_config: mount:",
		f.name(edited) + ": prepare: /etc/ssh/sshd_config: the plan stands on it, and it is not as the plan saw it",
		"rolled back: 1 " + f.name(meddler) + ": log in anew:",
		"not reached, left alone: 1 " + f.name(away) + ":",
		"3 hosts failed, and --max-fail is 2",
		"refused, nothing was changed: 2",
		"to go on: postern fix apply --resume",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("the summary lacks %q", want)
		}
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 && !strings.HasPrefix(line, "  ") {
			t.Errorf("more than 80 columns: %s", line)
		}
	}
	dead := map[int]bool{away: true}
	if in := f.truth(dead); in == 0 || in >= n-4 {
		t.Fatalf("%d hosts are done\n%s", in, out)
	}
	if journal := f.journal(); journal[f.name(n-1)] != "" {
		t.Errorf("the last host was tried after the stop: %q", journal[f.name(n-1)])
	}
	for i, want := range map[int]string{mount: "end refused", edited: "end refused", meddler: "end rolled back", away: "end not reached"} {
		if got := f.journal()[f.name(i)]; got != want {
			t.Errorf("the journal says of %s: %q, want %q", f.name(i), got, want)
		}
	}

	// The causes are mended. The laptop dies in the middle of going on.
	exec(mount, "umount /etc/ssh/sshd_config")
	exec(edited, "mv /root/kept /etc/ssh/sshd_config")
	exec(meddler, ": >/root/stop; [ ! -e /root/away ] || mv /root/away /root/.ssh/authorized_keys")
	if out, _, state := f.stopped([]os.Signal{syscall.SIGKILL}, "fix", "apply", "--resume", "--yes", "--batch", "4"); state.ExitCode() != -1 {
		t.Fatalf("it was not killed: %v\n%s", state, out)
	}
	killed := f.truth(dead)
	if !slices.Contains(slices.Collect(maps.Values(f.journal())), "begin") {
		t.Error("no host was left open")
	}

	// It goes on. A second Ctrl-C leaves at once.
	out, errs, state := f.stopped([]os.Signal{os.Interrupt, os.Interrupt}, "fix", "apply", "--resume", "--yes", "--batch", "4")
	if state.ExitCode() != 130 || !strings.Contains(errs, "the interrupted run was taken back") || !strings.Contains(errs, "what is being done to h") ||
		!strings.Contains(errs, "left at once: what is armed on h") {
		t.Errorf("left at once: exit code %d\n%s%s", state.ExitCode(), out, errs)
	}
	f.truth(dead)

	// One Ctrl-C brings to an end what it is at.
	out, _, state = f.stopped([]os.Signal{os.Interrupt}, "fix", "apply", "--resume", "--yes", "--batch", "4")
	if code := state.ExitCode(); code != 7 {
		t.Errorf("interrupted: exit code %d\n%s", code, out)
	}
	interrupted := f.truth(dead)
	if interrupted < killed {
		t.Errorf("%d hosts were done when it was killed, %d afterwards", killed, interrupted)
	}
	journal := f.journal()
	for i := range f.hosts {
		if i == away || journal[f.name(i)] != "begin" {
			continue
		}
		// One that it only prepared is the next run's to take away.
		if yes, _, held := f.inForce(i); yes || strings.Contains(held, "armed") {
			t.Errorf("%s was begun, and left so by an interrupt: in force %v, held %q", f.name(i), yes, held)
		}
	}

	// The last: with the host that was away.
	f.hosts[away].Boot()
	out = f.run(0, "fix", "apply", "--resume", "--yes")
	if !strings.Contains(out, "done before") {
		t.Errorf("%s", out)
	}
	if in := f.truth(nil); in != n {
		t.Errorf("%d of %d hosts are done", in, n)
	}
	f.run(2, "fix", "apply", "--resume", "--yes")

	// How they stand, and back, by the number of that run.
	if out := f.run(0, "fix", "status", "-i", "fleet.yaml"); strings.Count(out, "confirmed") != n || strings.Count(out, "no run holds it") != n {
		t.Errorf("status:\n%s", out)
	}
	dirs, err := os.ReadDir(filepath.Join(f.home, "state", "postern", "fix", "fleet"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("%v, %v", dirs, err)
	}
	f.run(0, "fix", "undo", "--rollout", dirs[0].Name(), "--yes", "--batch", "50%")
	for i := range f.hosts {
		if yes, _, _ := f.inForce(i); yes {
			t.Errorf("%s: undo left it", f.name(i))
		}
	}
}

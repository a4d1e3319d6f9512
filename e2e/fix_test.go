//go:build linux

package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
)

// fixJob is what a child process that applies a plan is told, as a file.
type fixJob struct {
	Address  string
	Port     int
	User     string
	Key      string
	Known    string // known_hosts
	Plan     fix.Host
	Options  fixOptions
	Answer   string        // where the result goes
	FailAt   string        // kill yourself at this point
	Announce string        // at FailAt: make this file, and wait until it is gone again
	Clock    time.Duration // by which this process's clock is wrong
}

type fixOptions struct {
	Journal   string
	Deadline  time.Duration
	HostFail  string
	Unguarded bool
}

type fixAnswer struct {
	Result apply.Result
	Error  string
	Busy   bool
	Points []string  // fail points that were passed
	Now    time.Time // by the laptop's clock
}

func init() { roles["__fix_apply"] = fixChild }

// fixChild is the laptop: one process that applies one plan.
func fixChild(args []string) error {
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var job fixJob
	if err := json.Unmarshal(raw, &job); err != nil {
		return err
	}
	if job.Clock != 0 {
		if err := wrongClock(job.Clock); err != nil {
			return err
		}
	}
	var answer fixAnswer
	opt := apply.Options{
		Journal: job.Options.Journal, Deadline: job.Options.Deadline, HostFail: job.Options.HostFail, Unguarded: job.Options.Unguarded,
		FailPoint: func(name string) {
			answer.Points = append(answer.Points, name)
			if name != job.FailAt {
				return
			}
			if job.Announce == "" {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			os.WriteFile(job.Announce, nil, 0o600)
			for { // until the test has done its worst and lets us go on
				if _, err := os.Stat(job.Announce); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		},
	}
	answer.Result, err = apply.Apply(context.Background(), job.connect(), job.Plan, opt)
	if err != nil {
		answer.Error = err.Error()
		answer.Busy = errors.Is(err, apply.ErrBusy)
	}
	answer.Now = time.Now()
	raw, err = json.Marshal(answer)
	if err != nil {
		return err
	}
	return os.WriteFile(job.Answer, raw, 0o600)
}

func (j *fixJob) connect() apply.Connect {
	return func(ctx context.Context) (apply.Conn, error) {
		d, err := connect.New(connect.Options{KnownHosts: []string{j.Known}, Deadlines: connect.Deadlines{Dial: 3 * time.Second, Idle: 6 * time.Second}})
		if err != nil {
			return nil, err
		}
		c, err := d.Dial(ctx, inventory.Host{Name: "host", Address: j.Address, Port: j.Port, User: j.User, Keys: []string{j.Key}})
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// newFixJob prepares the laptop's side: key, known_hosts, an empty journal.
func newFixJob(t *testing.T, h *e2e.Host, as e2e.Account) *fixJob {
	t.Helper()
	dir := t.TempDir()
	var known strings.Builder
	for _, k := range h.HostKeys() {
		fmt.Fprintln(&known, knownhosts.Line([]string{h.Addr()}, k))
	}
	j := &fixJob{Address: h.Addr(), Port: h.Port(), User: as.Name, Key: as.KeyFile, Known: filepath.Join(dir, "known_hosts"), Answer: filepath.Join(dir, "answer")}
	j.Options = fixOptions{Journal: filepath.Join(dir, "journal"), Deadline: 20 * time.Second}
	if err := os.WriteFile(j.Known, []byte(known.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return j
}

// start starts the laptop.
func (j *fixJob) start(t *testing.T) *exec.Cmd {
	t.Helper()
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(j.Answer)
	file := j.Answer + ".job"
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "__fix_apply", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// run lets the laptop do its work; killed: it died at FailAt.
func (j *fixJob) run(t *testing.T) (a fixAnswer, killed bool) {
	t.Helper()
	err := j.start(t).Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return a, true
	}
	if err != nil {
		t.Fatalf("the applying process: %v", err)
	}
	return j.answer(t), false
}

func (j *fixJob) answer(t *testing.T) (a fixAnswer) {
	t.Helper()
	raw, err := os.ReadFile(j.Answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// fileState reads a file of the host as a plan would have seen it.
func fileState(t *testing.T, h *e2e.Host, path string) (fix.State, []byte) {
	t.Helper()
	s := fix.State{Path: path, Real: path}
	cmd := h.Command("stat", "-c", "%u %g %a %i %h", "--", path)
	out, err := cmd.Output()
	if err != nil {
		return s, nil
	}
	var mode string
	if _, err := fmt.Sscan(string(out), &s.UID, &s.GID, &mode, &s.Inode, &s.Links); err != nil {
		t.Fatal(err)
	}
	m, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		t.Fatal(err)
	}
	s.Exists, s.Mode = true, uint32(m)
	content, err := h.Command("cat", "--", path).Output()
	if err != nil {
		return s, nil // a folder
	}
	s.SHA256 = hexSum(content)
	return s, content
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// sshdChange replaces a file that sshd reads; new nil removes it.
func sshdChange(t *testing.T, h *e2e.Host, path string, new func(old string) string) fix.Change {
	t.Helper()
	before, old := fileState(t, h, path)
	c := fix.Change{Kind: fix.KindSshd, Before: before, After: before, Old: old, Why: "test"}
	c.After.Inode = 0
	if new == nil {
		c.After = fix.State{Path: path, Real: path}
		return c
	}
	c.New = []byte(new(string(old)))
	c.After.Exists, c.After.SHA256 = true, hexSum(c.New)
	if !before.Exists {
		c.After.Mode = 0o644
	}
	return c
}

const mainConfig = "/etc/ssh/sshd_config"

// noPasswords is the plan of most cases: in two files, so that there is a middle.
func noPasswords(t *testing.T, h *e2e.Host, as e2e.Account) fix.Host {
	t.Helper()
	p := fix.Host{Name: h.Name()}
	p.Changes = []fix.Change{
		sshdChange(t, h, mainConfig, func(old string) string { return "MaxAuthTries 3\n" + old }),
		sshdChange(t, h, "/etc/ssh/sshd_config.d/00-postern.conf", func(string) string {
			return "PasswordAuthentication no\nKbdInteractiveAuthentication no\n" + oldKeyword(h)
		}),
	}
	p.Reload = fix.Reload{Needed: true, Args: []string{"/usr/sbin/sshd", "-D"}}
	p.Checks = []fix.Login{{Own: true, User: as.Name, Method: "publickey", Expect: map[string]string{"MaxAuthTries": "3"}}}
	p.Shut = []string{"password", "keyboard-interactive"}
	return p
}

// oldKeyword shuts what has two switches up to 8.6.
func oldKeyword(h *e2e.Host) string {
	if h.Spec().Release == e2e.Bullseye {
		return "ChallengeResponseAuthentication no\n"
	}
	return ""
}

// passwords tells whether the server offers passwords.
func offersPasswords(t *testing.T, h *e2e.Host, user string) bool {
	t.Helper()
	var offered []string
	_, err := h.Dial(user, ssh.PasswordCallback(func() (string, error) {
		offered = append(offered, "password")
		return "", errors.New("enough")
	}))
	if err == nil {
		t.Fatal("logged in without a password")
	}
	return len(offered) > 0
}

func TestFixApplies(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		j := newFixJob(t, h, admin)
		j.Plan = noPasswords(t, h, admin)
		if !offersPasswords(t, h, "typist") {
			t.Fatal("the host offers no passwords to begin with")
		}
		a, killed := j.run(t)
		if killed || a.Error != "" || a.Result.Outcome != apply.Done {
			t.Fatalf("killed %v, %+v", killed, a)
		}
		if offersPasswords(t, h, "typist") {
			t.Error("passwords are still offered")
		}
		h.Login(admin)
		if left, _, _ := h.Exec("ls -A /var/lib/postern-fix; find /etc -name '*postern*'"); left != "records\n/etc/ssh/sshd_config.d/00-postern.conf\n" {
			t.Errorf("left on the host:\n%s", left)
		}
		if got := strings.Join(a.Points, " "); got != strings.Join(apply.FailPoints(), " ") {
			t.Errorf("fail points: %s", got)
		}
		first := a
		// Again: nothing to do.
		if a, _ = j.run(t); a.Result.Outcome != apply.Already {
			t.Errorf("second run: %+v", a)
		}
		// And back.
		back, err := apply.Undo(t.Context(), j.connect(), h.Name(), first.Result.Run, apply.Options{})
		if err != nil || back.Outcome != apply.Done {
			t.Fatalf("undo: %+v, %v", back, err)
		}
		if _, now := fileState(t, h, mainConfig); string(now) != string(j.Plan.Changes[0].Old) {
			t.Error("undo did not give the first bytes back")
		}
		if !offersPasswords(t, h, "typist") {
			t.Error("undo: passwords are not offered again")
		}
		h.Login(admin)
	})
}

package snapshot

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// here is what every machine that runs the tests can answer.
func TestCollectHere(t *testing.T) {
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			if _, err := os.Stat(strings.Fields(sh)[0]); err != nil {
				without(t, "no "+sh)
			}
			s := collect(t, withShell{sh: sh}, Options{Name: "me", Source: SourceLocal})
			if !s.Complete || s.Name != "me" || s.Collector.SHA256 != ScriptSHA256() || s.Account == "" || s.HostClock.IsZero() {
				t.Errorf("%+v", s.Collector)
			}
			if d := s.HostClock.Sub(s.Start); d < -2*time.Second || d > 5*time.Second {
				t.Errorf("the host's clock is %v off, and it is ours", d)
			}
			want, err := os.ReadFile("/etc/group")
			if err != nil {
				t.Fatal(err)
			}
			if got := content(t, s, "/etc/group"); len(got) == 0 || strings.Count(string(got), "\n") != strings.Count(string(want), "\n") {
				t.Errorf("/etc/group: %q", got)
			}
			fi, err := os.Lstat("/etc/passwd")
			if err != nil {
				t.Fatal(err)
			}
			f := s.Lookup("/etc/passwd")
			if f == nil || f.Size != fi.Size() || f.MTime.Unix() != fi.ModTime().Unix() || f.Type != 'f' || f.Mode != uint32(fi.Mode().Perm()) {
				t.Errorf("/etc/passwd: %+v", bare(*f))
			}
			for _, out := range []string{OutIdentity, OutDaemons, OutMounts, OutNSS} {
				if s.Output(out) == nil {
					t.Errorf("no output %s", out)
				}
			}
			if n := s.Output(OutNoise); n != nil {
				t.Errorf("noise: %q, %q", n.Data, n.Stderr)
			}
			for _, f := range s.Files {
				if strings.HasPrefix(f.Path, "/etc/shadow") && f.HasContent() || holdsSecret(f.Content) {
					t.Errorf("%q came with its content", f.Path)
				}
			}
		})
	}
}

// What the words of the command line may hold so that no shell reads them in
// another way.
func TestCommandQuoting(t *testing.T) {
	for _, r := range []Request{RequestAuto, RequestSudo, RequestNone} {
		c := Command(r)
		w := regexp.MustCompile(`^exec /bin/sh -c '([^'\\!\n]+)' sh '([^'\\!\n]+)'$`).FindStringSubmatch(c)
		if w == nil {
			t.Fatalf("%s", c)
		}
		if r == RequestNone && strings.Contains(c, "sudo") {
			t.Errorf("sudo unasked: %s", c)
		}
		for _, part := range w[1:] {
			if out, err := exec.Command("/bin/sh", "-n", "-c", part).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
	}
	if !strings.HasSuffix(strings.TrimRight(script, "\n"), "\n"+scriptEnd) {
		t.Error("the script's last line is not its end mark")
	}
}

// The command line means the same to every login shell. What it runs is a stub
// with the collector's end: the shells differ in how they read the command, and
// /bin/sh runs the rest.
func TestLoginShells(t *testing.T) {
	stub := `collect() { printf '\n%s start 1\n\n%s o identity\nlogin=%s\n\n%s x 0\n\n%s end\n' "$N" "$N" "$1 $#" "$N" "$N"; }` + "\n" + scriptEnd + "\n"
	for _, sh := range []string{"sh", "bash", "zsh", "csh", "tcsh", "fish", "mksh"} {
		t.Run(sh, func(t *testing.T) {
			p, err := exec.LookPath(sh)
			if err != nil {
				without(t, "no "+sh)
			}
			s := collect(t, runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
				text, err := io.ReadAll(in)
				if err != nil {
					return -1, err
				}
				c := exec.CommandContext(ctx, p, "-c", command)
				c.Stdin, c.Stdout, c.Stderr = strings.NewReader(strings.TrimSuffix(string(text), script)+stub), out, errOut
				return 0, c.Run()
			}), Options{})
			if !s.Complete || s.Account != "end-of-collector 1" {
				t.Errorf("%+v", s)
			}
		})
	}
}

// runner makes a Runner of a function.
type runner func(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (int, error)

func (r runner) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	return r(ctx, command, stdin, stdout, stderr)
}

// A script that was cut anywhere runs nothing of itself.
func TestScriptCut(t *testing.T) {
	for _, n := range []int{0, 1, 100, len(script) / 3, len(script) / 2, len(script) - len(scriptEnd) - 1, len(script) - 3, len(script) - 2} {
		s, err := Collect(context.Background(), runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
			text, err := io.ReadAll(in)
			if err != nil {
				return -1, err
			}
			return Local{}.Run(ctx, command, strings.NewReader(string(text[:len(text)-len(script)+n])), out, errOut)
		}), Options{})
		if s != nil || !errors.Is(err, ErrNoStart) {
			t.Errorf("cut at %d of %d: %v, %v", n, len(script), s != nil, err)
		}
		if err != nil && !strings.Contains(err.Error(), "exit code 3") {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// What is thrown away costs time too: a stderr without end ends the run.
func TestEndlessStderr(t *testing.T) {
	_, err := Collect(context.Background(), runner(func(_ context.Context, _ string, _ io.Reader, _, errOut io.Writer) (int, error) {
		for range 1 << 20 {
			if _, err := errOut.Write(make([]byte, 4096)); err != nil {
				return -1, err
			}
		}
		t.Error("4 GiB were taken")
		return 0, nil
	}), Options{})
	if !errors.Is(err, errTotal) {
		t.Error(err)
	}
}

// The collector is told to end before its caller gives up.
func TestDeadlineInScript(t *testing.T) {
	for limit, want := range map[time.Duration]string{time.Minute: "44", time.Hour: "120", time.Second: "1"} {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_, _ = Collect(ctx, runner(func(_ context.Context, _ string, in io.Reader, _, _ io.Writer) (int, error) {
			text, err := io.ReadAll(in)
			if err != nil {
				return -1, err
			}
			if got := regexp.MustCompile(`(?m)^SECONDS_MAX=(.*)$`).FindStringSubmatch(string(text)); got == nil || got[1] != want {
				t.Errorf("with %v: %q, want %q", limit, got, want)
			}
			return 0, nil
		}), Options{})
	}
}

func TestNoStart(t *testing.T) {
	said := runner(func(_ context.Context, _ string, _ io.Reader, out, errOut io.Writer) (int, error) {
		_, _ = io.WriteString(out, "This account is currently not available.\n\x1b[2J")
		return 1, nil
	})
	s, err := Collect(context.Background(), said, Options{})
	if s != nil || !errors.Is(err, ErrNoStart) || !strings.Contains(err.Error(), `"This account is currently not available.\n\x1b[2J"`) {
		t.Errorf("%v, %v", s, err)
	}
	gone := errors.New("connection lost")
	_, err = Collect(context.Background(), runner(func(context.Context, string, io.Reader, io.Writer, io.Writer) (int, error) { return -1, gone }), Options{})
	if !errors.Is(err, ErrNoStart) || !errors.Is(err, gone) {
		t.Error(err)
	}
}

// limitWriter fails after n bytes, as a lost connection does.
type limitWriter struct {
	w io.Writer
	n int
}

var errLost = errors.New("connection lost")

func (l *limitWriter) Write(p []byte) (int, error) {
	k := min(l.n, len(p))
	l.n -= k
	if _, err := l.w.Write(p[:k]); err != nil {
		return k, err
	}
	if k < len(p) {
		return k, errLost
	}
	return k, nil
}

func TestConnectionLost(t *testing.T) {
	// One answer is recorded and given again with each run's own nonce.
	var whole, old string
	full := collect(t, runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
		text, err := io.ReadAll(in)
		if err != nil {
			return -1, err
		}
		old = nonceOf(text)
		return Local{}.Run(ctx, command, strings.NewReader(string(text)), writerFunc(func(p []byte) (int, error) {
			whole += string(p)
			return out.Write(p)
		}), errOut)
	}), Options{})
	for _, n := range []int{len(whole) / 10, len(whole) / 2, len(whole) - 30} {
		s, err := Collect(context.Background(), runner(func(_ context.Context, _ string, in io.Reader, out, _ io.Writer) (int, error) {
			text, err := io.ReadAll(in)
			if err != nil {
				return -1, err
			}
			_, err = io.WriteString(&limitWriter{out, n}, strings.ReplaceAll(whole, old, nonceOf(text)))
			return -1, err
		}), Options{})
		if s == nil || s.Complete || !errors.Is(err, ErrCut) || !errors.Is(err, errLost) {
			t.Fatalf("after %d of %d bytes: %v", n, len(whole), err)
		}
		if len(s.Files) > len(full.Files) || s.Output(OutIdentity) == nil {
			t.Errorf("after %d bytes: %d files of %d", n, len(s.Files), len(full.Files))
		}
	}
	s, err := Collect(context.Background(), Local{}, Options{Limits: Limits{Total: 20_000}})
	if s == nil || s.Complete || !errors.Is(err, ErrCut) {
		t.Errorf("a bound on the total: %v", err)
	}
}

// nonceOf takes the nonce out of what goes to the collector's stdin.
func nonceOf(stdin []byte) string { return string(stdin[len("N='"):][:24]) }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A run that is cancelled ends, with all its children, and keeps what came.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	slow := withShell{sh: "/bin/sh", prep: func(s string) string {
		return strings.Replace(s, "\n  section daemons\n", "\n  sleep 600\n", 1)
	}}
	s, err := Collect(ctx, runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
		return slow.Run(ctx, command, in, writerFunc(func(p []byte) (int, error) {
			defer cancel() // the first bytes are here, the sleep is ahead
			return out.Write(p)
		}), errOut)
	}), Options{})
	if s == nil || s.Complete || !errors.Is(err, context.Canceled) || !errors.Is(err, ErrCut) {
		t.Errorf("%v, %v", s != nil, err)
	}
}

// The nonce stays out of every command's arguments; nothing is written, renamed
// or removed; every child runs and ends.
func TestWritesNothing(t *testing.T) {
	needRoot(t, "strace", "unshare", "setpriv")
	for _, user := range []string{"", "61000"} {
		for _, sh := range shells {
			if user != "" && sh != shells[0] {
				continue // what a plain account may do does not depend on the shell
			}
			t.Run("uid="+user+" "+strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
				dir, err := os.MkdirTemp("/var/tmp", "postern") // /tmp is another one in there
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.RemoveAll(dir) })
				_ = os.Chmod(dir, 0o755)
				trace := filepath.Join(dir, "trace")
				if err := os.WriteFile(trace, nil, 0o666); err != nil {
					t.Fatal(err)
				}
				_ = os.Chmod(trace, 0o666)
				var nonce string
				h := whole{setup: people, sh: sh, user: user, trace: trace}
				s, err := Collect(context.Background(), runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
					text, err := io.ReadAll(in)
					if err != nil {
						return -1, err
					}
					nonce = nonceOf(text)
					return h.Run(ctx, command, strings.NewReader(string(text)), out, errOut)
				}), Options{})
				if err != nil {
					t.Fatal(err)
				}
				if !s.Complete || s.Lookup("/home/alice/.ssh/authorized_keys") == nil {
					t.Fatal("the traced collector did not do its work")
				}
				raw, err := os.ReadFile(trace)
				if err != nil {
					t.Fatal(err)
				}
				if n := strings.Count(string(raw), "openat("); n < 100 {
					t.Fatalf("strace saw %d opens", n)
				}
				for line := range strings.Lines(string(raw)) {
					if bad := changes(line); bad {
						t.Errorf("%s", line)
					}
				}
				if strings.Contains(string(raw), nonce) {
					t.Error("the nonce is in a traced call's arguments")
				}
			})
		}
	}
}

var (
	writeOpen = regexp.MustCompile(`\b(open|openat|openat2|creat)\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|creat\()`)
	harmless  = regexp.MustCompile(`"/dev/(null|tty)"`)
	calls     = regexp.MustCompile(`^\d+ +([a-z0-9_]+)\(`)
)

// changes tells whether a line of strace is a call that changes something.
func changes(line string) bool {
	m := calls.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	switch m[1] {
	case "open", "openat", "openat2", "creat":
		return writeOpen.MatchString(line) && !harmless.MatchString(line)
	case "execve":
		return false
	case "kill", "tkill", "tgkill": // timeout(1) ends only its own child
		return false
	}
	return true
}

// people are accounts as a host has them, and what their owners may do to a
// collector that is not careful.
const people = `
printf 'alice:x:61000:61000::/home/alice:/bin/sh\nbob:x:61001:61001::/home/bob:/bin/sh\neve:x:61002:61002::/home/eve:/bin/sh\nmal:$6$abc$def:61003:61003::/home/mal:/bin/sh\n' >>/etc/passwd
printf 'alice:$6$abc$def:19000:0:99999:7:::\nbob:!$y$j9T$x:1::::::\neve::\nmal:!:\n' >>/etc/shadow
mkdir -p /home/alice/.ssh /home/bob/.ssh /home/eve/.ssh /home/mal/.ssh
echo 'ssh-ed25519 AAAA alice' >/home/alice/.ssh/authorized_keys; chmod 600 /home/alice/.ssh/authorized_keys; chmod 700 /home/alice /home/alice/.ssh
mkfifo /home/bob/.ssh/authorized_keys; ln -s /etc/shadow /home/bob/.ssh/authorized_keys2
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END\n' >/home/eve/.ssh/authorized_keys
ln -s /root/secret /home/mal/.ssh/authorized_keys; echo 'of root alone' >/root/secret; chmod 600 /root/secret
printf 'of root, once' >/home/mal/.ssh/authorized_keys2; chmod 600 /home/mal/.ssh/authorized_keys2
chown -R 61000:61000 /home/alice; chown -R 61001:61001 /home/bob; chown -R 61002:61002 /home/eve; chown -R -h 61003:61003 /home/mal; chown root /home/mal/.ssh/authorized_keys2
`

func TestRightsOfUsers(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			s := collect(t, whole{setup: people, sh: sh}, Options{})
			if got := string(content(t, s, "/home/alice/.ssh/authorized_keys")); got != "ssh-ed25519 AAAA alice\n" {
				t.Errorf("alice: %q", got)
			}
			if f := s.Lookup("/home/alice/.ssh"); f == nil || f.Mode != 0o700 || f.UID != 61000 {
				t.Errorf("alice's directory: %+v", f)
			}
			want := map[string]string{
				"/home/bob/.ssh/authorized_keys":  "unsafe",
				"/home/bob/.ssh/authorized_keys2": "withheld",
				"/home/eve/.ssh/authorized_keys":  "withheld",
				"/home/mal/.ssh/authorized_keys":  "denied", // a link to what its owner may not read
				"/home/mal/.ssh/authorized_keys2": "denied", // root's own, which mal may not read
			}
			if strings.Contains(sh, "busybox") { // its setpriv cannot take on a user's rights
				want["/home/mal/.ssh/authorized_keys"] = "unsafe"
			}
			got := map[string]string{}
			for p := range want {
				got[p] = gaps(s, p)
				if f := s.Lookup(p); f == nil || f.HasContent() {
					t.Errorf("%s: %+v", p, f)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			shadow := string(s.Output(OutShadow).Data)
			for _, line := range []string{"alice:hash:sha512:19000:0:99999:7::\n", "bob:locked-hash:yescrypt:1:::::\n", "eve:empty:::::::\n", "mal:locked:::::::\n", "mal:hash:sha512::::::\n"} {
				if !strings.Contains(shadow, line) {
					t.Errorf("no %q in %q", line, shadow)
				}
			}
			if p := s.Lookup("/etc/passwd"); !p.Filtered || !strings.Contains(string(p.Content), "mal:x:61003") {
				t.Errorf("passwd: %q", p.Content)
			}
		})
	}
}

func TestPlainAccount(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	s := collect(t, whole{setup: people + "mkdir -p /etc/ssh /run/sshd; printf 'Port 2222\n' >/etc/ssh/sshd_config; rm -rf /etc/ssh/sshd_config.d", user: "61000"}, Options{Privilege: RequestNone})
	if s.Privilege != PrivilegeNone || s.Account != "alice" {
		t.Errorf("%s %s", s.Privilege, s.Account)
	}
	if gaps(s, OutShadow) != "denied" || s.Output(OutShadow) != nil || gaps(s, "/root") != "denied" {
		t.Errorf("shadow %q, root %q", gaps(s, OutShadow), gaps(s, "/root"))
	}
	if _, err := os.Stat("/usr/sbin/sshd"); err == nil {
		o := s.Output(OutSshdT + "default")
		if o == nil || o.RC != 0 || !strings.Contains(string(o.Data), "port 2222\n") {
			t.Errorf("sshd -T with the test key: %+v", o)
		} else if !slices.Contains(o.Args, "user=alice,host=192.0.2.7,addr=192.0.2.7,laddr=192.0.2.1,lport=2222") {
			t.Errorf("%q", o.Args)
		}
	}
}

func TestSudo(t *testing.T) {
	needRoot(t, "unshare", "setpriv", "sudo")
	allow := people + "usermod -p x alice 2>/dev/null; printf 'alice ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/a; chmod 440 /etc/sudoers.d/a; echo 127.0.0.1 $(hostname) >>/etc/hosts\n"
	s := collect(t, whole{setup: allow, user: "61000"}, Options{})
	if s.Privilege != PrivilegeSudo || s.Account != "alice" || s.Output(OutShadow) == nil {
		t.Errorf("%s %s: %s", s.Privilege, s.Account, s.Output(OutIdentity).Data)
	}
	if o := s.Output(OutIdentity); !strings.Contains(string(o.Data), "connection=192.0.2.7 50000 192.0.2.1 2222\n") {
		t.Errorf("SSH_CONNECTION did not pass sudo: %s", o.Data)
	}
	s = collect(t, whole{setup: people, user: "61000"}, Options{})
	if s.Privilege != PrivilegeNone || !strings.Contains(string(s.Output(OutIdentity).Data), "refused=sudo: ") {
		t.Errorf("%s: %s", s.Privilege, s.Output(OutIdentity).Data)
	}
	s = collect(t, whole{setup: allow, user: "61000"}, Options{Privilege: RequestNone})
	if s.Privilege != PrivilegeNone {
		t.Errorf("sudo was used unasked")
	}
}

func TestNoise(t *testing.T) {
	s := collect(t, runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
		return Local{}.Run(ctx, "echo Welcome; echo oops >&2; "+command, in, out, errOut)
	}), Options{})
	n := s.Output(OutNoise)
	if n == nil || string(n.Data) != "Welcome\n" || string(n.Stderr) != "oops\n" || !s.Complete {
		t.Errorf("%+v", n)
	}
}

// BenchmarkCollect is a whole run on this machine, host and client together.
func BenchmarkCollect(b *testing.B) {
	for b.Loop() {
		collect(b, Local{}, Options{})
	}
}

package snapshot

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shells are those that the collector promises to run under.
var shells = []string{"/bin/dash", "/bin/bash", "/bin/busybox ash"}

// withShell is this machine with another sh than its own.
type withShell struct {
	sh   string
	prep func(string) string // changes the script on its way; nil: none
}

func (w withShell) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	s, err := io.ReadAll(stdin)
	if err != nil {
		return -1, err
	}
	text := string(s)
	if w.prep != nil {
		text = w.prep(text)
	}
	return Local{}.Run(ctx, strings.ReplaceAll(command, "/bin/sh -c", w.sh+" -c"), strings.NewReader(text), stdout, stderr)
}

// without skips the test for what this machine lacks; where real hosts are asked
// for, that is a failure.
func without(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("POSTERN_E2E") == "require" {
		t.Fatal(what)
	}
	t.Skip(what + " (POSTERN_E2E=require makes this a failure)")
}

// needRoot leaves out what makes a host of its own, with the reason.
func needRoot(t testing.TB, tools ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		without(t, "needs root: it mounts and changes root directory")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			without(t, "needs "+tool)
		}
	}
}

// small is a tree with busybox as its only program, and what setup adds to it.
func small(t testing.TB, setup string) string {
	t.Helper()
	needRoot(t, "busybox", "chroot", "unshare")
	dir := t.TempDir()
	box, err := os.ReadFile("/bin/busybox")
	if err != nil {
		without(t, "needs a static busybox at /bin/busybox: "+err.Error())
	}
	for _, d := range []string{"bin", "etc", "dev", "tmp", "root", "home", "proc", "var/spool/cron"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/busybox"), box, 0o755); err != nil {
		t.Fatal(err)
	}
	applets, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range strings.Fields(string(applets)) {
		if a != "busybox" {
			if err := os.Symlink("busybox", filepath.Join(dir, "bin", a)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, d := range []string{"etc", "bin", "root"} {
		if err := os.Chmod(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("chroot", dir, "/bin/sh", "-c", "mknod /dev/null c 1 3; chmod 666 /dev/null; chmod 1777 /tmp\n"+setup)
	c.Env = []string{"PATH=/bin"}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("setup: %v: %s", err, out)
	}
	return dir
}

// inside runs commands in such a tree, with processes of its own.
type inside struct{ dir string }

func (r inside) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	c := exec.CommandContext(ctx, "unshare", "-m", "-p", "-f", "--kill-child", "/bin/sh", "-c",
		`mount -t proc p "$1/proc" && exec chroot "$1" /bin/sh -c "$2"`, "sh", r.dir, command)
	c.Env = []string{"PATH=/bin:/usr/bin:/sbin:/usr/sbin"}
	c.Stdin, c.Stdout, c.Stderr = stdin, stdout, stderr
	if err := c.Run(); err != nil {
		return c.ProcessState.ExitCode(), nil
	}
	return 0, nil
}

// whole is this machine's own system in an overlay with namespaces of its own,
// and what setup adds to it: real coreutils, real sshd, other files.
type whole struct {
	setup string
	sh    string
	user  string   // "" root
	via   []string // a login shell and its -c; nil: sh -c
	trace string   // file for strace's output; "" no strace
	calls string   // what strace traces; "": traced
}

func (h whole) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if h.sh != "" {
		command = strings.ReplaceAll(command, "/bin/sh -c", h.sh+" -c")
	}
	via := h.via
	if via == nil {
		via = []string{"/bin/sh", "-c"}
	}
	if h.user != "" {
		via = append([]string{"setpriv", "--reuid=" + h.user, "--regid=" + h.user, "--init-groups", "--"}, via...)
	}
	if h.trace != "" {
		calls := h.calls
		if calls == "" {
			calls = traced
		}
		via = append([]string{"strace", "-f", "-qq", "-o", h.trace, "-e", calls}, via...)
	}
	outer := `set -e
T=$1 SETUP=$2; shift 2
mount -t tmpfs t "$T"; mkdir "$T/u" "$T/w" "$T/m"; chmod 755 "$T" "$T/u"
mount -t overlay -o "lowerdir=/,upperdir=$T/u,workdir=$T/w" o "$T/m"
mount -t proc p "$T/m/proc"; mount -t tmpfs d "$T/m/dev"
for d in null zero full random urandom; do touch "$T/m/dev/$d"; mount --bind /dev/$d "$T/m/dev/$d"; done
ln -s /proc/self/fd "$T/m/dev/fd"; ln -s /proc/self/fd/0 "$T/m/dev/stdin"; mkdir "$T/m/dev/shm"
mkdir -p "$T/m/tmp"; mount -t tmpfs -o mode=1777 x "$T/m/tmp"
[ -z "$TRACE" ] || { touch "$T/m$TRACE"; mount --bind "$TRACE" "$T/m$TRACE"; }
ip link set lo up 2>/dev/null || true
chroot "$T/m" /bin/sh -c "$SETUP" </dev/null >&2
exec chroot "$T/m" "$@"`
	dir, err := os.MkdirTemp("", "postern-host")
	if err != nil {
		return -1, err
	}
	defer os.Remove(dir) // empty: all mounts on it were in the namespace
	args := append([]string{"-m", "-p", "-f", "-u", "-i", "-n", "--kill-child", "/bin/sh", "-c", outer, "sh", dir, h.setup}, via...)
	c := exec.CommandContext(ctx, "unshare", append(args, command)...)
	c.Env = append(os.Environ(), "SSH_CONNECTION=192.0.2.7 50000 192.0.2.1 2222", "HOME=/root", "TRACE="+h.trace)
	c.Stdin, c.Stdout, c.Stderr = stdin, stdout, stderr
	if err := c.Run(); err != nil {
		return c.ProcessState.ExitCode(), nil
	}
	return 0, nil
}

func collect(t testing.TB, r Runner, o Options) *Snapshot {
	t.Helper()
	s, err := Collect(context.Background(), r, o)
	if err != nil {
		if s != nil {
			if n := s.Output(OutNoise); n != nil {
				t.Logf("noise: %q %q", n.Data, n.Stderr)
			}
		}
		t.Fatal(err)
	}
	return s
}

func content(t testing.TB, s *Snapshot, path string) []byte {
	t.Helper()
	f := s.Lookup(path)
	if f == nil {
		t.Fatalf("%s is not there", path)
	}
	return f.Content
}

func gaps(s *Snapshot, path string) string {
	var b bytes.Buffer
	for _, g := range s.Gaps {
		if g.Path == path {
			b.WriteString(string(g.Kind) + " ")
		}
	}
	return strings.TrimSpace(b.String())
}

// traced are the calls that could change something on a host.
const traced = "open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat," +
	"chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,mknod,mknodat,utime,utimes,utimensat,futimesat," +
	"setxattr,lsetxattr,fsetxattr,removexattr,mount,umount2,swapon,reboot,sethostname,settimeofday,clock_settime,kill,tkill,tgkill"

// scripted changes the script on its way to a host.
type scripted struct {
	Runner
	prep func(string) string
}

func (r scripted) Run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	s, err := io.ReadAll(stdin)
	if err != nil {
		return -1, err
	}
	return r.Runner.Run(ctx, command, strings.NewReader(r.prep(string(s))), stdout, stderr)
}

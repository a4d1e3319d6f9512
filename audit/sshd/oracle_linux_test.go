package sshd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// oracle is a real sshd that answers what it makes of a configuration. It runs
// in a mount namespace over a root file system that nothing is written to, with
// its own /etc/ssh, accounts and no network, several at a time.
type oracle struct {
	release  string
	version  Version
	banner   string // of sshd -V
	services map[string]int
	free     chan *worker
	all      []*worker
}

// worker is one shell inside such a namespace. It reads one line a question.
type worker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	root   string // its root directory, seen from here
	holds  string // the directory that the namespace mounts over
	banner string // what its sshd says of its version
}

// answer is what sshd -T said.
type answer struct {
	code        int
	out, stderr string
}

// accounts of the oracle's host.
var oracleUsers = []User{
	{"root", []string{"root"}},
	{"alice", []string{"alice", "ops", "sshusers"}},
	{"bob", []string{"bob", "sftponly"}},
	{"backup", []string{"backup"}},
	{"git", []string{"git", "ops"}},
	{"daemon", []string{"daemon"}},
	{"nosuch", nil},
	{"Root", nil},
}

func oracleAccounts() (passwd, group string) {
	ids := map[string]int{"root": 0}
	passwd, group = "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534::/:/bin/sh\n", "nogroup:x:65534:\n"
	members := map[string][]string{}
	var order []string
	for i, u := range oracleUsers {
		for j, g := range u.Groups {
			if _, ok := ids[g]; !ok {
				ids[g] = 2000 + i*10 + j
			}
			if len(members[g]) == 0 {
				order = append(order, g)
			}
			members[g] = append(members[g], u.Name)
		}
		if u.Name != "root" && u.Groups != nil {
			passwd += fmt.Sprintf("%s:x:%d:%d::/home/%s:/bin/sh\n", u.Name, 1000+i, ids[u.Groups[0]], u.Name)
		}
	}
	for _, g := range order {
		group += fmt.Sprintf("%s:x:%d:%s\n", g, ids[g], strings.Join(members[g], ","))
	}
	return passwd, group
}

// enterScript makes the namespace: $1 a directory to mount over, $2 the root.
const enterScript = `set -e
mount --make-rprivate /
ip link set lo up
mount -t tmpfs -o mode=755 t "$1"
mkdir "$1/u" "$1/w" "$1/m"
m=$1/m
mount -t overlay o -o "lowerdir=$2,upperdir=$1/u,workdir=$1/w" "$m"
mount --rbind /dev "$m/dev"
mount -t tmpfs -o mode=755 t "$m/run"
mount -t tmpfs -o mode=755 t "$m/etc/ssh"
mkdir -p "$m/run/sshd" "$m/run/ask" "$m/root"
exec chroot "$m" /bin/sh -c '
echo ready "$( (/usr/sbin/sshd -V; /usr/sbin/sshd -?) 2>&1 | grep -o -m1 "OpenSSH_.*")"
while read -r f args; do
	set -f
	/usr/sbin/sshd -T -f "$f" -h /run/key $args >/run/ask/out 2>/run/ask/err </dev/null
	echo $?
done'
`

// startOracle starts n workers over a root file system ("/" is this machine's).
func startOracle(t testing.TB, release, root string, n int) *oracle {
	t.Helper()
	o := &oracle{release: release, free: make(chan *worker, n)}
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		lacking(t, "ssh-keygen: %v %s", err, out)
	}
	keyBytes, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	passwd, group := oracleAccounts()
	for range n {
		w, err := startWorker(t, root)
		if err != nil {
			lacking(t, "a namespace for sshd over %s: %v", root, err)
		}
		for name, text := range map[string]string{"run/key": string(keyBytes), "etc/passwd": passwd, "etc/group": group,
			"etc/nsswitch.conf": "passwd: files\ngroup: files\nservices: files\nhosts: files\n", "etc/hosts": "127.0.0.1 localhost\n"} {
			mode := fs.FileMode(0o644)
			if name == "run/key" {
				mode = 0o600
			}
			file := filepath.Join(w.root, name)
			os.Remove(file)
			if err := os.WriteFile(file, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
		o.all = append(o.all, w)
		o.free <- w
	}
	o.services = readServices(filepath.Join(o.all[0].root, "etc/services"))
	o.banner = o.all[0].banner
	var ok bool
	if o.version, ok = ParseVersion(o.banner); !ok {
		t.Fatalf("sshd over %s says %q for its version", root, o.banner)
	}
	return o
}

// lacking fails where real daemons are required, else skips with the reason.
func lacking(t testing.TB, format string, a ...any) {
	t.Helper()
	if os.Getenv("POSTERN_E2E") == "require" {
		t.Fatalf(format, a...)
	}
	t.Skipf(format+" (POSTERN_E2E=require makes this a failure)", a...)
}

func startWorker(t testing.TB, root string) (*worker, error) {
	hold, err := os.MkdirTemp("", "postern-sshd-")
	if err != nil {
		return nil, err
	}
	args := []string{"-m", "-n"}
	if os.Geteuid() != 0 {
		args = append(args, "-r")
	}
	w := &worker{cmd: exec.Command("unshare", append(args, "sh", "-c", enterScript, "sh", hold, root)...), holds: hold}
	w.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	w.cmd.Dir = "/"
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	w.cmd.Stderr = &stderr
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		os.Remove(hold)
		return nil, err
	}
	t.Cleanup(func() {
		w.in.Close()
		w.cmd.Wait()
		os.Remove(hold)
	})
	line, err := w.out.ReadString('\n')
	banner, ok := strings.CutPrefix(line, "ready ")
	if err != nil || !ok {
		return nil, fmt.Errorf("%q %v: %s", line, err, stderr.String())
	}
	w.banner = strings.TrimSpace(banner)
	w.root = fmt.Sprintf("/proc/%d/root", w.cmd.Process.Pid)
	return w, nil
}

func readServices(file string) map[string]int {
	m := map[string]int{}
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 || !strings.HasSuffix(f[1], "/tcp") {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(f[1], "/tcp"))
		if err != nil {
			continue
		}
		for i, name := range f {
			if _, have := m[name]; i != 1 && !have {
				m[name] = n
			}
		}
	}
	return m
}

// ask puts one configuration to sshd, once for each set of further arguments.
func (o *oracle) ask(files map[string]string, args ...string) ([]answer, error) {
	w := <-o.free
	defer func() { o.free <- w }()
	var made []string
	defer func() {
		for _, f := range made {
			os.Remove(f)
		}
	}()
	for name, text := range files {
		file := filepath.Join(w.root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
		made = append(made, file)
		err := error(nil)
		if text == dangling {
			err = os.Symlink("/nowhere/at/all", file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	var dirs []string
	for name := range files {
		for d := path.Dir(name); d != "/etc/ssh" && d != "/etc" && d != "/"; d = path.Dir(d) {
			dirs = append(dirs, filepath.Join(w.root, d))
		}
	}
	slices.SortFunc(dirs, func(a, b string) int { return len(b) - len(a) }) // the deepest first
	made = append(made, dirs...)
	out := make([]answer, len(args))
	for i, a := range args {
		if _, err := fmt.Fprintf(w.in, "%s %s\n", mainPath, a); err != nil {
			return nil, err
		}
		line, err := w.line()
		if err != nil {
			return nil, err
		}
		if out[i].code, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			return nil, err
		}
		for name, to := range map[string]*string{"out": &out[i].out, "err": &out[i].stderr} {
			b, err := os.ReadFile(filepath.Join(w.root, "run/ask", name))
			if err != nil {
				return nil, err
			}
			*to = string(b)
		}
	}
	return out, nil
}

// line reads one answer; an sshd that hangs ends the test.
func (w *worker) line() (string, error) {
	type read struct {
		s   string
		err error
	}
	c := make(chan read, 1)
	go func() {
		s, err := w.out.ReadString('\n')
		c <- read{s, err}
	}()
	select {
	case r := <-c:
		return r.s, r.err
	case <-time.After(time.Minute):
		return "", errors.New("sshd did not answer for a minute")
	}
}

// treeFiles are files in memory as the oracle's host has them: directories are
// found too, and links to nowhere.
type treeFiles map[string]string

func (m treeFiles) Glob(pattern string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for p := range m {
		for ; p != "/" && p != "."; p = path.Dir(p) {
			if !seen[p] && GlobMatch(pattern, p) {
				out = append(out, p)
			}
			seen[p] = true
		}
	}
	return out, nil
}

func (m treeFiles) Read(name string) ([]byte, error) {
	if c, ok := m[path.Clean(name)]; ok && c != dangling {
		return []byte(c), nil
	} else if ok {
		return nil, fs.ErrNotExist
	}
	for p := range m {
		if strings.HasPrefix(p, path.Clean(name)+"/") {
			return nil, nil
		}
	}
	return nil, fs.ErrNotExist
}

// rootOf finds or builds a release's root file system. Those of the end-to-end
// tests are taken where they are; else a small one is made beside them.
var rootOf = func() func(suite string) (string, error) {
	var mu sync.Mutex
	return func(suite string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		cache := os.Getenv("POSTERN_E2E_CACHE")
		if cache == "" {
			cache = "/var/cache/postern-e2e"
		}
		found, _ := filepath.Glob(filepath.Join(cache, suite+"-????????????"))
		own := filepath.Join(cache, "sshd-"+suite)
		for _, dir := range append(found, own) {
			if _, err := os.Stat(filepath.Join(dir, "usr/sbin/sshd")); err == nil {
				return dir, nil
			}
		}
		return own, buildRoot(suite, own)
	}
}()

func buildRoot(suite, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		return nil // another process built it while we waited
	}
	mirror := os.Getenv("POSTERN_E2E_MIRROR")
	if mirror == "" {
		out, err := exec.Command("apt-get", "indextargets", "--format", "$(ORIGIN) $(SUITE) $(REPO_URI)", "Created-By: Packages").Output()
		if err != nil {
			return fmt.Errorf("ask apt for the machine's mirror: %w", err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "Debian" && !strings.Contains(f[1], "-") {
				mirror = f[2]
				break
			}
		}
	}
	if mirror == "" {
		return errors.New("apt knows no Debian mirror: run apt-get update, or name one: POSTERN_E2E_MIRROR=URL")
	}
	tmp := dir + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	args := []string{"--mode=root", "--variant=minbase", "--include=openssh-server,netbase", "--dpkgopt=force-unsafe-io",
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		`--aptopt=Acquire::Languages "none"`}
	if suite == "sid" { // the mirror may be days behind the date that it promises
		args = append(args, `--aptopt=Acquire::Check-Valid-Until "false"`)
	}
	fmt.Fprintf(os.Stderr, "building %s, once\n", dir)
	if out, err := exec.Command("mmdebstrap", append(args, suite, tmp, mirror)...).CombinedOutput(); err != nil {
		os.RemoveAll(tmp)
		return fmt.Errorf("mmdebstrap %s: %w\n%s", suite, err, out[max(0, len(out)-2000):])
	}
	return os.Rename(tmp, dir)
}

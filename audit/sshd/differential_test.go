package sshd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// diskFiles answers from a directory on disk.
type diskFiles struct{ dir string }

func (d diskFiles) Glob(pattern string) ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if p := filepath.Join(d.dir, e.Name()); GlobMatch(pattern, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (d diskFiles) Read(path string) ([]byte, error) {
	if st, err := os.Stat(path); err != nil {
		return nil, fs.ErrNotExist
	} else if st.IsDir() {
		return nil, nil
	}
	return os.ReadFile(path)
}

// realSSHD is the daemon of this machine, with a key of its own.
type realSSHD struct {
	path, key string
	version   Version
}

var findSSHD = sync.OnceValues(func() (*realSSHD, error) {
	path := "/usr/sbin/sshd"
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	out, err := exec.Command(path, "-V").CombinedOutput()
	if err != nil { // -V is a usage error before 9.3; the version stands there too
		out, _ = exec.Command(path, "-?").CombinedOutput()
	}
	v, ok := ParseVersion(string(out))
	if !ok {
		return nil, fmt.Errorf("sshd -V says %q", out)
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "sshd-test")
	if err != nil {
		return nil, err
	}
	key := filepath.Join(dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ssh-keygen: %v %s", err, out)
	}
	return &realSSHD{path, key, v}, nil
})

// daemon returns the real sshd, or skips.
func daemon(t *testing.T) *realSSHD {
	t.Helper()
	s, err := findSSHD()
	if err != nil {
		if os.Getenv("POSTERN_E2E") == "require" {
			t.Fatalf("no sshd to ask: %v", err)
		}
		t.Skipf("no sshd to ask: %v (POSTERN_E2E=require makes this a failure)", err)
	}
	if s.version.Before(8, 2) {
		t.Skipf("sshd %s is too old for the generator", s.version)
	}
	return s
}

// effective runs sshd -T; refused is what it said where it did not accept.
func (s *realSSHD) effective(file, spec, dir string) (out Effective, refused string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.path, "-T", "-f", file, "-h", s.key, "-C", spec)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, stderr.String(), nil
	}
	return ParseEffective(stdout.Bytes()), "", err
}

// groupsOf are the groups that sshd sees for a name of this machine.
func groupsOf(name string) []string {
	u, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	ids, _ := u.GroupIds()
	var out []string
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			out = append(out, g.Name)
		}
	}
	return out
}

// share counts what the daemon accepted and what was set.
type share struct {
	total, accepted int
	keywords        map[string]int
}

// TestDifferential puts generated configurations to the sshd of this machine.
// More: go test -run TestDifferential -rapid.checks=1000
func TestDifferential(t *testing.T) {
	s := daemon(t)
	var sum share
	sum.keywords = map[string]int{}
	dir := t.TempDir()
	for _, shape := range []string{"globals", "match", "include"} {
		t.Run(shape, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { differential(rt, s, shape, dir, &sum) })
		})
	}
	t.Logf("sshd %s: %d of %d configurations accepted (%d %%), %d keywords set to something in accepted ones",
		s.version, sum.accepted, sum.total, 100*sum.accepted/max(sum.total, 1), len(sum.keywords))
	if sum.accepted*2 < sum.total {
		t.Errorf("only %d of %d accepted: the generator tests mostly refusals", sum.accepted, sum.total)
	}
}

func differential(rt *rapid.T, s *realSSHD, shape, dir string, sum *share) {
	if old, err := filepath.Glob(filepath.Join(dir, "*")); err == nil {
		for _, f := range old {
			os.Remove(f)
		}
	}
	g := &generator{t: rt, v: s.version, dir: dir, files: map[string]string{}}
	depth := 0
	if shape == "include" {
		depth = 2
	}
	text := g.text(depth, false)
	if shape != "globals" {
		text = strings.TrimSuffix(text, "\n") + "\n"
		text += g.match() + g.line(g.row(true)) + g.line(g.row(true))
	}
	main := filepath.Join(dir, "main")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			rt.Fatal(err)
		}
	}
	write(main, text)
	for name, text := range g.files {
		write(filepath.Join(dir, name), text)
	}
	ctx := Context{
		User:      g.pick("user", "root", "daemon", "nobody", "nosuch"),
		Addr:      g.pick("addr", "10.1.2.3", "10.9.9.9", "192.0.2.1", "203.0.113.5", "2001:db8::5", "::1", "10.0.0.1"),
		Host:      g.pick("host", "a.example.com", "b.example.com", "host"),
		LocalAddr: g.pick("laddr", "127.0.0.1", "192.0.2.7", "::1"),
		LocalPort: rapid.SampledFrom([]int{22, 2222, 33}).Draw(rt, "lport"),
		RDomain:   g.pick("rdomain", "vrf0", "y"),
	}
	ctx.Groups = groupsOf(ctx.User)
	spec := fmt.Sprintf("user=%s,host=%s,addr=%s,laddr=%s,lport=%d,rdomain=%s", ctx.User, ctx.Host, ctx.Addr, ctx.LocalAddr, ctx.LocalPort, ctx.RDomain)

	cfg := Load(main, diskFiles{dir}, Options{Version: s.version, Distro: "debian", Dir: dir, Home: "/root"})
	eff, refused, err := s.effective(main, spec, dir)
	if err != nil {
		rt.Fatal(err)
	}
	sum.total++
	fail := func(format string, a ...any) {
		var b strings.Builder
		fmt.Fprintf(&b, "-C %s\n--- main\n%s", spec, text)
		for n, c := range g.files {
			fmt.Fprintf(&b, "--- %s\n%s", n, c)
		}
		rt.Fatalf("%s\n%s\n%q", fmt.Sprintf(format, a...), b.String(), text)
	}
	if f := cfg.Refused(); (f != nil) != (refused != "") {
		fail("sshd says %q, here: %v", refused, f)
	}
	if refused != "" {
		return
	}
	sum.accepted++
	set := cfg.Eval(ctx)
	for i, v := range set.vals {
		if v != nil && v.Origin.Kind != FromDefault {
			sum.keywords[rows[i].name]++
		}
	}
	for _, d := range Compare(set, eff) {
		fail("%s: here %q, sshd -T %q (from %s)", d.Keyword, d.File, d.Effective, d.Origin)
	}
}

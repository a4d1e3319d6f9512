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
	"sync"
	"testing"
	"time"
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

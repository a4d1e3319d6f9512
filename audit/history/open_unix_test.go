//go:build unix

package history

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit"
)

// soon fails where do is not done within some seconds.
func soon(t *testing.T, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("it waits")
	}
	return nil
}

// TestOpensFilesAlone: a folder of runs may have been written by somebody else. What
// is a pipe or a device there is not waited for.
func TestOpensFilesAlone(t *testing.T) {
	for _, name := range []string{Results, Asked, HeldFile} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "runs", "20260101T000000Z-000000")
			if err := os.MkdirAll(filepath.Join(dir, "hosts"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, Results), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			os.Remove(filepath.Join(dir, name))
			if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
				t.Fatal(err)
			}
			s := Store{Dir: filepath.Dir(filepath.Dir(dir)), Replay: func(io.Reader, audit.Handler) error { return nil }}
			soon(t, func() error { _, err := newReader(s).run(t.Context(), filepath.Base(dir)); return err })
			soon(t, func() error { _, err := s.Held(); return err })
		})
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{pipe, "/dev/zero"} {
		if err := soon(t, func() error { _, err := readFile(p); return err }); !errors.Is(err, ErrNotFile) {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// TestIndexStaysInItsFolder: an index that is a link is neither followed nor made
// where it leads.
func TestIndexStaysInItsFolder(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for name, plant := range map[string]func(p string) error{
		"a link":   func(p string) error { return os.Symlink(outside, p) },
		"a pipe":   func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a folder": func(p string) error { return os.Mkdir(p, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := filepath.Join(dir, "index.db")
			if err := plant(p); err != nil {
				t.Fatal(err)
			}
			for _, how := range []mode{create, readWrite} {
				err := soon(t, func() error {
					d, err := openDatabase(context.Background(), p, how)
					if err == nil {
						d.close()
					}
					return err
				})
				if !errors.Is(err, ErrNotFile) {
					t.Errorf("%v", err)
				}
			}
			if err := soon(t, func() error {
				unlock, err := lockFile(context.Background(), p)
				if err == nil {
					unlock()
				}
				return err
			}); !errors.Is(err, ErrNotFile) {
				t.Errorf("lock: %v", err)
			}
			if _, err := os.Lstat(outside); err == nil {
				t.Error("a file was made where the link leads")
			}
		})
	}
}

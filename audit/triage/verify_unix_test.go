//go:build unix

package triage

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestVerifyOpensFilesAlone: a folder that somebody else made may hold what never
// ends, or never begins, in place of a file.
func TestVerifyOpensFilesAlone(t *testing.T) {
	const manifest = `{"format":"postern-evidence-1"}` + "\n" + `{"name":"h/huge","size":1099511627776,"sha256":"00"}` + "\nend 00\n"
	for name, c := range map[string]struct {
		manifest, file func(p string) error
		fault          string
	}{
		"a pipe for the manifest": {func(p string) error { return syscall.Mkfifo(p, 0o600) }, nil, "not a regular file"},
		"a link for the manifest": {func(p string) error { return os.Symlink("/dev/zero", p) }, nil, "not a regular file"},
		"a folder for it":         {func(p string) error { return os.Mkdir(p, 0o700) }, nil, "not a regular file"},
		"a file of a terabyte":    {nil, func(p string) error { return os.Truncate(p, 1<<40) }, "than is ever kept"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.manifest != nil {
				if err := c.manifest(filepath.Join(dir, manifestName)); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(filepath.Join(dir, manifestName), []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			huge := filepath.Join(dir, "h", "huge")
			if err := os.Mkdir(filepath.Dir(huge), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(huge, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if c.file != nil {
				if err := c.file(huge); err != nil {
					t.Fatal(err)
				}
			}
			done := make(chan string, 1)
			go func() {
				got, err := Verify(dir)
				if err != nil {
					done <- err.Error()
				} else {
					done <- strings.Join(got.Faults, "\n")
				}
			}()
			select {
			case got := <-done:
				if !strings.Contains(got, c.fault) {
					t.Errorf("%q does not say %q", got, c.fault)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it waits")
			}
		})
	}
}

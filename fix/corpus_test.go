package fix_test

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/sshd"
)

// shared is the folder of files that others wrote.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("POSTERN_SHARED")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("POSTERN_SHARED is not set")
		}
		t.Skip("POSTERN_SHARED is not set: the corpus is not part of the repository")
	}
	return filepath.Join(dir, "corpus")
}

// stockReleases are those of the distributions' packages; others are read as 9.2.
var stockReleases = map[string]string{"debian11": "8.4", "debian13": "10.0", "ubuntu20.04": "8.2", "ubuntu22.04": "8.9", "ubuntu24.04": "9.6",
	"fedora18": "7.4", "centos6": "7.4", // alice's key needs 6.5
	"centos-stream9": "8.7"}

// What distributions ship is mended without one refusal, but for files that
// somebody else writes.
func TestStockIsNotRefused(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(shared(t), "stock", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no stock files", err)
	}
	judged := 0
	for _, dir := range dirs {
		files := map[string]string{}
		filepath.WalkDir(filepath.Join(dir, "etc/ssh"), func(p string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				data, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				files[strings.TrimPrefix(p, dir)] = string(data)
			}
			return nil
		})
		if files[mainFile] == "" {
			continue
		}
		name := filepath.Base(dir)
		w := worldOf(files)
		if r := stockReleases[name]; r != "" {
			w.release(r)
		}
		opt := sshd.Options{Version: sshd.V(9, 2), Distro: "debian"}
		if v, ok := sshd.ParseVersion(stockReleases[name] + "p1"); ok {
			opt.Version = v
		}
		refused := sshd.Load(mainFile, memory(files), opt).Refused()
		h := w.plan(t, "no-password-login", "no-root-login", "x11-forwarding", "max-auth-tries-strict")
		judged++
		for _, r := range h.Refused {
			if refused == nil && r.Risk != "managed" {
				t.Errorf("%s: %s", name, tell(h))
				break
			}
		}
		if refused != nil && len(h.Changes) > 0 {
			t.Errorf("%s is refused by sshd (%s) and planned: %s", name, refused, tell(h))
		}
	}
	if judged < 8 {
		t.Errorf("only %d stock configurations were found", judged)
	}
}

// What people wrote: the plan holds, or says why there is none.
func TestRealFiles(t *testing.T) {
	f, err := os.Open(filepath.Join(shared(t), "real", "sshd.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	n, mended, left := 0, 0, 0
	for in.Scan() {
		var c struct {
			Text    string `json:"text"`
			Content string `json:"content"`
			Data    string `json:"data"`
		}
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		text := c.Text + c.Content + c.Data
		if text == "" {
			continue
		}
		n++
		files := map[string]string{mainFile: text}
		rules := []string{"no-password-login", "permit-root-login", "x11-forwarding"}
		h := worldOf(files).plan(t, rules...)
		if len(h.Unfixed) > 0 {
			left++
			continue
		}
		after := applied(files, h)
		is := sshd.Load(mainFile, after, sshd.Options{Version: sshd.V(9, 2), Distro: "debian"})
		if refused := is.Refused(); refused != nil {
			if len(h.Changes) > 0 {
				t.Errorf("planned, and refused: %s\n%s", refused, tell(h))
			}
			continue
		}
		mended += len(h.Changes)
		contexts, _ := is.Contexts(worldUsers)
		for i := range contexts {
			s := is.Eval(contexts[i])
			if s.Get("PermitRootLogin").First() != "no" || s.Get("X11Forwarding").First() == "yes" {
				t.Errorf("not so for %+v:\n%s", contexts[i], tell(h))
				break
			}
		}
		if again := worldOf(after).plan(t, rules...); len(again.Changes) > 0 {
			t.Errorf("the second fix changes\n%s\nafter\n%s", tell(again), tell(h))
		}
	}
	t.Logf("%d files, %d mended, %d left with a reason", n, mended, left)
	if n < 20 || mended == 0 {
		t.Errorf("%d files, %d mended", n, mended)
	}
}

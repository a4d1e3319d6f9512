package sshd

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mapFiles are files in memory. A nil content is a link that leads nowhere.
type mapFiles map[string][]byte

func (m mapFiles) Glob(pattern string) ([]string, error) {
	var out []string
	for p := range m {
		if GlobMatch(pattern, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (m mapFiles) Read(path string) ([]byte, error) {
	if c := m[path]; c != nil {
		return c, nil
	}
	return nil, fs.ErrNotExist
}

// shared returns a file of the shared corpus, which is not part of the repository.
func shared(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("POSTERN_SHARED")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("POSTERN_SHARED is not set, and CI must not skip")
		}
		t.Skip("POSTERN_SHARED is not set: the shared corpus is not here")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testContext reads the -C arguments of sshd.
func testContext(args string) Context {
	var c Context
	for f := range strings.FieldsSeq(strings.ReplaceAll(args, "-C", "")) {
		for kv := range strings.SplitSeq(f, ",") {
			k, v, _ := strings.Cut(kv, "=")
			switch k {
			case "user":
				c.User = v
				if v == "root" {
					c.Groups = []string{"root"}
				}
			case "host":
				c.Host = v
			case "addr":
				c.Addr = v
			case "laddr":
				c.LocalAddr = v
			case "lport":
				c.LocalPort, _ = strconv.Atoi(v)
			case "rdomain":
				c.RDomain = v
			}
		}
	}
	return c
}

func eachJSON[T any](t *testing.T, data []byte, f func(T)) {
	t.Helper()
	n := 0
	for line := range bytes.Lines(data) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		f(v)
		n++
	}
	if n == 0 {
		t.Fatal("no cases")
	}
}

func TestCorpusCases(t *testing.T) {
	type sshdCase struct {
		Name, Args, Stderr string
		RC                 int
		Files              map[string]string
		T                  string `json:"sshd_T"`
	}
	// What the configuration alone does not decide.
	notOurs := map[string]string{
		"no host keys": "the host has no key",
	}
	accepted, total := 0, 0
	eachJSON(t, shared(t, "corpus/sshd-cases.jsonl"), func(c sshdCase) {
		if why := notOurs[c.Name]; why != "" {
			t.Logf("%s: left out: %s", c.Name, why)
			return
		}
		t.Run(c.Name, func(t *testing.T) {
			total++
			files := mapFiles{}
			for k, v := range c.Files {
				files[k] = []byte(v)
			}
			cfg := Load("/etc/ssh/sshd_config", files, Options{Version: V(9, 2), Distro: "debian"})
			refused := cfg.Refused()
			if refused == nil {
				refused = cfg.Missing(testContext(c.Args))
			}
			if (refused != nil) != (c.RC != 0) {
				t.Fatalf("sshd: rc %d %s\nhere: %v", c.RC, c.Stderr, refused)
			}
			if c.RC != 0 {
				return
			}
			accepted++
			for _, d := range Compare(cfg.Eval(testContext(c.Args)), ParseEffective([]byte(c.T))) {
				t.Errorf("%s: file %q, sshd -T %q", d.Keyword, d.File, d.Effective)
			}
		})
	})
	t.Logf("%d of %d configurations accepted", accepted, total)
}

func TestCorpusReal(t *testing.T) {
	type realCase struct {
		ID, Content string
		RC          int    `json:"sshd_rc"`
		Stderr      string `json:"sshd_stderr"`
		T           string `json:"sshd_T"`
	}
	accepted, total := 0, 0
	eachJSON(t, shared(t, "corpus/real/sshd.jsonl"), func(c realCase) {
		t.Run(c.ID, func(t *testing.T) {
			total++
			f := Parse("sshd_config", []byte(c.Content), V(9, 2))
			if !bytes.Equal(f.Print(), []byte(c.Content)) {
				t.Error("printing the tree does not give the source back")
			}
			cfg := Load("/etc/ssh/sshd_config", mapFiles{"/etc/ssh/sshd_config": []byte(c.Content)}, Options{Version: V(9, 2), Distro: "debian"})
			if refused := cfg.Refused(); (refused != nil) != (c.RC != 0) {
				t.Fatalf("sshd: rc %d %s\nhere: %v", c.RC, c.Stderr, refused)
			}
			if c.RC != 0 {
				return
			}
			accepted++
			ctx := testContext("user=root,host=h,addr=203.0.113.9,laddr=192.0.2.1,lport=22")
			for _, d := range Compare(cfg.Eval(ctx), ParseEffective([]byte(c.T))) {
				t.Errorf("%s: file %q, sshd -T %q", d.Keyword, d.File, d.Effective)
			}
		})
	})
	t.Logf("%d of %d configurations accepted", accepted, total)
}

// What distributions ship is accepted by their own release, and read back whole.
func TestCorpusStock(t *testing.T) {
	shared(t, "corpus/stock/INDEX.md") // skips where there is no corpus
	for folder, release := range map[string]string{
		"debian11": "8.4", "debian12": "9.2", "debian13": "10.0", "ubuntu20.04": "8.2", "ubuntu22.04": "8.9", "ubuntu24.04": "9.6",
		"centos-stream9": "8.7", "centos6": "7.4", "arch": "9.0",
	} {
		t.Run(folder, func(t *testing.T) {
			v, _ := ParseVersion(release)
			distro := strings.TrimRight(folder, "0123456789.")
			if strings.HasPrefix(folder, "centos") {
				distro = "rhel"
			}
			src := shared(t, "corpus/stock/"+folder+"/etc/ssh/sshd_config")
			f := Parse("sshd_config", src, v)
			checkTree(t, f, src)
			cfg := Load("/etc/ssh/sshd_config", mapFiles{"/etc/ssh/sshd_config": src}, Options{Version: v, Distro: distro})
			if r := cfg.Refused(); r != nil {
				t.Errorf("refused: %s (%s)", r, r.Hint)
			}
			if pam := cfg.Globals().Get("UsePAM"); folder != "centos-stream9" && folder != "arch" && !pam.Is("yes") {
				t.Errorf("UsePAM %v from %s; the main file sets it", pam.Args, pam.Origin)
			}
		})
	}
}

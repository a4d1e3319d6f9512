package access

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// stockReleases are the releases that ship the collected files, as far as the
// packages that they come from are known. The others are judged by the newest rules.
var stockReleases = map[string]struct {
	v      sshd.Version
	distro string
}{
	"debian11": {sshd.V(8, 4), "debian"}, "debian12": {sshd.V(9, 2), "debian"}, "debian13": {sshd.V(10, 0), "debian"},
	"ubuntu20.04": {sshd.V(8, 2), "ubuntu"}, "ubuntu20.04-cloud-gce": {sshd.V(8, 2), "ubuntu"}, "ubuntu22.04": {sshd.V(8, 9), "ubuntu"},
	"ubuntu22.04-cloud": {sshd.V(8, 9), "ubuntu"}, "ubuntu24.04": {sshd.V(9, 6), "ubuntu"}, "centos-stream9": {sshd.V(8, 7), "centos"},
	"centos6": {sshd.V(5, 3), "centos"}, "fedora18": {sshd.V(6, 1), "fedora"}, "fedora-2022": {sshd.V(8, 8), "fedora"}, "arch": {distro: "arch"},
}

// TestStock says of what distributions ship who can log in, how, and by which
// line: root and alice with a password and a key, bob with a key and a password
// that is locked.
func TestStock(t *testing.T) {
	shared := os.Getenv("POSTERN_SHARED")
	if shared == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("POSTERN_SHARED is not set")
		}
		t.Skip("POSTERN_SHARED is not set: the files of distributions are not here")
	}
	folders, err := filepath.Glob(filepath.Join(shared, "corpus/stock/*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no folder in corpus/stock: %v", err)
	}
	judged := 0
	for _, dir := range folders {
		main := ""
		for _, m := range []string{"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"} {
			if _, err := os.Stat(dir + m); err == nil && main == "" {
				main = m
			}
		}
		if main == "" {
			continue
		}
		judged++
		t.Run(filepath.Base(dir), func(t *testing.T) {
			known := stockReleases[filepath.Base(dir)]
			tree := stockTree(dir)
			in := stockInput(dir, sshd.Load(main, tree, sshd.Options{Version: known.v, Distro: known.distro}))
			var b strings.Builder
			answers, _ := Judge(in)
			for i := range answers {
				a := &answers[i]
				fmt.Fprintf(&b, "%s\n", tell(a))
				for k := range a.Ways {
					w := &a.Ways[k]
					fmt.Fprintf(&b, "  %s", w.Name())
					if w.Why != "" {
						fmt.Fprintf(&b, ": %s", w.Why)
					}
					b.WriteByte('\n')
					for _, e := range w.Evidence {
						where := e.Path
						if e.Line > 0 {
							where += fmt.Sprintf(":%d", e.Line)
						} else if strings.Contains(e.Text, "the default is") {
							where = e.Text
						}
						fmt.Fprintf(&b, "    %s\n", where)
					}
				}
				if len(a.Ways) == 0 {
					fmt.Fprintf(&b, "  %s\n", a.Why)
				}
			}
			golden := filepath.Join("testdata", "stock", filepath.Base(dir)+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			stockAgainstSSHD(t, dir, main)
		})
	}
	if judged < 10 {
		t.Errorf("%d folders with an sshd_config", judged)
	}
}

type stockTree string

func (s stockTree) Glob(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		if _, err := os.Stat(string(s) + pattern); err != nil {
			return nil, nil
		}
		return []string{pattern}, nil
	}
	found, err := filepath.Glob(string(s) + pattern)
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], string(s))
	}
	return found, err
}

func (s stockTree) Read(path string) ([]byte, error) { return os.ReadFile(string(s) + path) }

func stockInput(dir string, cfg *sshd.Config) Input {
	files := map[string]file{}
	for user, id := range map[string]int64{"root": 0, "alice": 1000, "bob": 1001} {
		home := "/home/" + user
		if id == 0 {
			home = "/root"
		}
		files[home] = file{dir: true, uid: id, gid: id}
		files[home+"/.ssh"] = file{dir: true, uid: id, gid: id, mode: 0o700}
		files[home+"/.ssh/authorized_keys"] = file{text: edKey, uid: id, gid: id, mode: 0o600}
	}
	in := host{
		passwd: "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n",
		shadow: "root:hash:sha512:20000:0:99999:7::\nalice:hash:sha512:20000:0:99999:7::\nbob:locked::20000:0:99999:7::\n",
		group:  "root:x:0:\nalice:x:1000:\nbob:x:1001:\n", files: files,
	}.input()
	in.Config, in.Detail, in.OpenAccess = cfg, true, Yes
	in.PAM = func(service string) *account.Stack {
		return account.ParsePAM(service, func(p string) ([]byte, error) {
			// authselect's links were not collected, nor what pam-auth-update fills in.
			name := filepath.Base(p)
			for _, try := range []string{p, "/etc/authselect/" + name, p + "-ac"} {
				if data, err := os.ReadFile(dir + try); err == nil {
					return data, nil
				}
			}
			if strings.HasPrefix(name, "common-") || name == "postlogin" {
				return []byte(debianPAM[name]), nil
			}
			return nil, fs.ErrNotExist
		})
	}
	return in
}

// stockAgainstSSHD lets this machine's sshd judge the values, where there is one
// and it takes the file.
func stockAgainstSSHD(t *testing.T, dir, main string) {
	t.Helper()
	binary, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Log("no sshd here: the values are not compared")
		return
	}
	said, _ := exec.Command(binary, "-V").CombinedOutput() // older ones know no -V and exit with 1
	v, ok := sshd.ParseVersion(string(said))
	if !ok {
		if said, err = exec.Command(binary, "-?").CombinedOutput(); err != nil {
			v, ok = sshd.ParseVersion(string(said))
		}
	}
	if !ok {
		t.Logf("sshd names no release: %q", said)
		return
	}
	// Include takes absolute paths: a copy of the tree names itself.
	stage := t.TempDir()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, dir)
		if err != nil || d.IsDir() || !strings.Contains(rel, "/ssh/") && !strings.Contains(rel, "/crypto-policies/") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		for line := range bytes.Lines(data) {
			if f := bytes.Fields(line); len(f) > 1 && bytes.EqualFold(f[0], []byte("include")) {
				line = bytes.ReplaceAll(line, []byte(" /"), []byte(" "+stage+"/"))
			}
			out.Write(line)
		}
		if err := os.MkdirAll(filepath.Dir(stage+rel), 0o755); err != nil {
			return err
		}
		return os.WriteFile(stage+rel, out.Bytes(), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(stage, "key")
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"root", "alice"} {
		ctx := sshd.Context{User: user, Groups: []string{user}, Addr: "203.0.113.77", Host: "203.0.113.77", LocalAddr: "192.0.2.1", LocalPort: 22}
		out, err := exec.Command(binary, "-T", "-h", key, "-f", stage+main, "-C",
			"user="+user+",host="+ctx.Host+",addr="+ctx.Addr+",laddr="+ctx.LocalAddr+",lport=22").Output()
		if err != nil {
			t.Logf("sshd %s does not take the file", v)
			return
		}
		cfg := sshd.Load(stage+main, stockTree(""), sshd.Options{Version: v, Distro: "debian"})
		effective := sshd.ParseEffective(out)
		for _, d := range sshd.Compare(cfg.Eval(ctx), effective) {
			t.Errorf("%s: %s is %v by the file, %v by sshd", user, d.Keyword, d.File, d.Effective)
		}
	}
	t.Logf("sshd %s agrees", v)
}

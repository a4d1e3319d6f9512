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

// corpusFile is a configuration that others wrote, with its drop-ins.
type corpusFile struct {
	name  string
	files map[string]string
	stock bool
}

func corpus(t *testing.T) (out []corpusFile) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(shared(t), "stock", "*"))
	if err != nil {
		t.Fatal(err)
	}
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
		if files[mainFile] != "" {
			out = append(out, corpusFile{filepath.Base(dir), files, true})
		}
	}
	f, err := os.Open(filepath.Join(shared(t), "real", "sshd.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var c struct{ ID, Content string }
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, corpusFile{c.ID, map[string]string{mainFile: c.Content}, false})
	}
	return out
}

// corpusReleases are those at hand: whose daemons the evaluator is held to.
var corpusReleases = []string{"8.4", "9.2", "10.0"}

// TestCorpusFixesHold: what a release accepts is mended, and holds what a plan
// promises; what it refuses is left alone, with sshd's reason. What distributions
// ship is mended without one refusal, but for files that somebody else writes.
func TestCorpusFixesHold(t *testing.T) {
	judge := newDaemon(t)
	few := judge.most < 1<<20 // the full run asks about every context
	if judge.most > 0 {
		judge.most = 1 << 20
	}
	var rules []string
	for _, r := range wantedValues {
		rules = append(rules, r.rule)
	}
	rules = append(rules, "no-password-login", "max-auth-tries", "log-level", "login-grace-time")
	all := corpus(t)
	stock := 0
	for _, c := range all {
		if c.stock {
			stock++
		}
	}
	if stock < 12 || len(all) < 100 {
		t.Fatalf("%d stock configurations of %d", stock, len(all))
	}
	for _, release := range corpusReleases {
		t.Run(release, func(t *testing.T) {
			judge := judge
			if release != "9.2" {
				judge = otherDaemon(t, release)
			}
			var accepted, mended, refused int
			left := map[string]int{}
			opt := sshd.Options{Distro: "debian"}
			opt.Version, _ = sshd.ParseVersion(release + "p1")
			for _, c := range all {
				h := worldOf(c.files).release(release).plan(t, rules...)
				if why := sshd.Load(mainFile, memory(c.files), opt).Refused(); why != nil {
					refused++
					said := false
					for _, u := range h.Unfixed {
						said = said || strings.Contains(u.Why, why.Message)
					}
					if len(h.Changes) > 0 || !said {
						t.Errorf("%s is refused (%s), and planned or without that reason: %s", c.name, why, tell(h))
					}
					if judge != nil {
						judge.refuses(t, c)
					}
					continue
				}
				accepted++
				for _, r := range h.Refused {
					if c.stock && r.Risk != "managed" {
						t.Errorf("%s: %s", c.name, tell(h))
						break
					}
				}
				if len(h.Changes) > 0 {
					mended++
				}
				t.Run(c.name, func(t *testing.T) {
					if len(h.Unfixed) > 0 && c.stock {
						t.Errorf("something is left: %s", tell(h))
					}
					after, is, contexts := holds(t, c.files, release, rules, h, left)
					if few {
						contexts = contexts[:1]
					}
					if judge != nil {
						judge.compare(t, c.files, after, is, contexts, rules)
					}
				})
			}
			asked := 0
			if judge != nil {
				asked = judge.asked
			}
			t.Logf("%d accepted, %d mended; %d refused by sshd; left: %v; sshd asked %d times", accepted, mended, refused, left, asked)
			if mended < 60 {
				t.Errorf("only %d were mended", mended)
			}
		})
	}
}

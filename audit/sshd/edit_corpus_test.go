package sshd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpusEdits are tried on every file of the corpus.
var corpusEdits = []struct {
	name   string
	do     func(e *Editor) error
	key    string // what then holds for everybody; "": nothing is asked
	words  []string
	within string // the user for whom alone it holds
}{
	{"set", func(e *Editor) error { return e.Set("PermitRootLogin", "no") }, "PermitRootLogin", []string{"no"}, ""},
	{"set a list", func(e *Editor) error { return e.Set("AllowUsers", "x y", "z@10.0.0.0/8") }, "AllowUsers", []string{"x y", "z@10.0.0.0/8"}, ""},
	{"insert", func(e *Editor) error { return e.Insert("AcceptEnv", "POSTERN_*") }, "", nil, ""},
	{"remove", func(e *Editor) error { _, err := e.Remove("PasswordAuthentication"); return err }, "", nil, ""},
	{"add a block", func(e *Editor) error {
		return e.AddMatch("User nobodyelse", Assignment{"MaxAuthTries", []string{"2"}}, Assignment{"ForceCommand", []string{"/bin/echo \"a b\""}})
	}, "MaxAuthTries", []string{"2"}, "nobodyelse"},
	{"set in the last block", func(e *Editor) error {
		b := e.file.Blocks[len(e.file.Blocks)-1]
		if b.Match == nil {
			return ErrNoLine
		}
		return e.SetIn(b.Match.Pos.Line, "MaxSessions", "3")
	}, "", nil, ""},
}

// Every edit of every file changes only lines that it means to, and is read back
// as it was meant; where the sshd of this machine takes the file, it says so too.
func TestCorpusEdits(t *testing.T) {
	s, noDaemon := findSSHD()
	if noDaemon != nil && os.Getenv("POSTERN_E2E") == "require" {
		t.Fatal(noDaemon)
	}
	dir := t.TempDir()
	files, edits, asked := 0, 0, 0
	corpusFiles(t, func(name string, src []byte) {
		files++
		for _, v := range []Version{V(8, 4), V(9, 2)} {
			for i, tt := range corpusEdits {
				f := Parse("/etc/ssh/sshd_config", src, v)
				e := Edit(f, "debian")
				err := tt.do(e)
				if errors.Is(err, ErrNoLine) || errors.Is(err, ErrForm) && bytes.IndexByte(src, 0) >= 0 {
					continue
				}
				if err != nil {
					t.Errorf("%s, %s, %s: %v", name, v, tt.name, err)
					continue
				}
				edits++
				out := e.Bytes()
				checkTokens(t, e.File(), out)
				onlyLines(t, name+" "+tt.name, f, e.File())
				if tt.key == "" || len(e.File().Blocks) == 0 {
					continue
				}
				cfg := Load("/etc/ssh/sshd_config", mapFiles{"/etc/ssh/sshd_config": out}, Options{Version: v, Distro: "debian"})
				set := cfg.Globals()
				ctx := Context{User: "nobodyelse", Addr: "203.0.113.9", Host: "h", LocalAddr: "192.0.2.1", LocalPort: 22}
				if tt.within != "" {
					if set = cfg.Eval(ctx); set.Get(tt.key).Origin.Match != "User nobodyelse" {
						continue // a block above it sets the same for everybody
					}
				} else if strings.EqualFold(set.Get(tt.key).Origin.Match, "all") {
					continue
				}
				if got := set.Get(tt.key); !equal(got.Args, tt.words) {
					t.Errorf("%s, %s, %s: %s is %q from %s", name, v, tt.name, tt.key, got.Args, got.Origin)
				}
				if noDaemon != nil || s.version != v || strings.Contains(string(out), "Include") || cfg.Refused() != nil {
					continue
				}
				if os.Getenv("POSTERN_E2E") != "require" && (files+i)%4 != 0 {
					continue // a quarter of them, to save a developer's time
				}
				path := filepath.Join(dir, "c")
				if err := os.WriteFile(path, out, 0o600); err != nil {
					t.Fatal(err)
				}
				eff, refused, err := s.effective(path, "user=nobodyelse,host=h,addr=203.0.113.9,laddr=192.0.2.1,lport=22", dir)
				if err != nil || refused != "" {
					t.Errorf("%s, %s: %v %s", name, tt.name, err, refused)
					continue
				}
				asked++
				want := normal(rowByName(tt.key), append([]string(nil), cfg.Eval(ctx).Get(tt.key).Args...))
				if got := eff.Get(tt.key); !equal(got, want) {
					t.Errorf("%s, %s: sshd -T says %s %q, here %q", name, tt.name, tt.key, got, want)
				}
			}
		}
	})
	if edits < 5*files {
		t.Errorf("only %d edits of %d files", edits, files)
	}
	t.Logf("%d files, %d edits, %d put to sshd", files, edits, asked)
}

// onlyLines holds that every line of before is in after, in its order and byte
// for byte, but for at most as many as the edit may touch; a last line may get
// its line end.
func onlyLines(t *testing.T, name string, before, after *File) {
	t.Helper()
	var a, b []string
	for _, ln := range before.All() {
		a = append(a, strings.TrimRight(ln.Raw, "\r\n"))
	}
	for _, ln := range after.All() {
		b = append(b, strings.TrimRight(ln.Raw, "\r\n"))
	}
	// Of a list whose lines add up, all lines but one may go.
	lost := 0
	for _, line := range a {
		if i := indexOf(b, line); i >= 0 {
			b = b[i+1:]
			continue
		}
		lost++
		if !touched(line) {
			t.Errorf("%s: %q is gone", name, line)
		}
	}
	if lost > 40 {
		t.Errorf("%s: %d lines are gone", name, lost)
	}
}

func indexOf(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
}

// touched reports whether an edit of corpusEdits may change that line.
func touched(line string) bool {
	lower := strings.ToLower(strings.TrimLeft(line, " \t\""))
	for _, k := range []string{"permitrootlogin", "allowusers", "passwordauthentication", "maxsessions"} {
		if strings.HasPrefix(lower, k) {
			return true
		}
	}
	return false
}

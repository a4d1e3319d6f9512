package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// openDir is a folder that every account may enter: what lies below /tmp is read with
// another account's rights.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDeeper runs the second round under each shell on this machine, with names that
// would be code, were they ever read as such.
func TestDeeper(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the whole machine once for each shell")
	}
	dir := filepath.Join(openDir(t), "a '\"$(touch evil)`touch evil`;\\0 b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(dir, "up\tdate")
	for p, text := range map[string]string{odd: "#!/bin/sh\n", filepath.Join(dir, "x.pid"): "31337\n"} {
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, sh := range shells {
		t.Run(filepath.Base(sh), func(t *testing.T) {
			if _, err := exec.LookPath(strings.Fields(sh)[0]); err != nil {
				without(t, "needs "+sh)
			}
			s, err := Deepen(t.Context(), withShell{sh: sh}, Options{Source: SourceLocal}, Questions{Paths: []string{odd, "/etc/passwd", "/no/such"}, Rooms: []string{dir}})
			if err != nil || !s.Complete {
				t.Fatal(err)
			}
			if f := s.Lookup(odd); f == nil || string(f.Content) != "#!/bin/sh\n" {
				t.Errorf("what was asked for did not come: %+v", f)
			}
			if f := s.Lookup(filepath.Join(dir, "x.pid")); f == nil || string(f.Content) != "31337\n" {
				t.Errorf("the pid file beside it did not come: %+v", f)
			}
			for _, name := range []string{OutProcStat, OutProcStatus, OutProcWords, OutDigests} {
				if o := s.Output(name); o == nil || len(o.Data) == 0 {
					t.Errorf("no %s", name)
				}
			}
			if o := s.Output(OutProcStat); o != nil && !strings.Contains(string(o.Data), "/proc/self") && !strings.Contains(string(o.Data), "/proc/1/stat:1 (") {
				t.Errorf("the first process is not there: %.200s", o.Data)
			}
			if sum := string(s.Output(OutDigests).Data); !strings.Contains(sum, "  /etc/passwd\n") {
				t.Errorf("no digest: %q", sum)
			}
			if f := s.Lookup("/etc/passwd-"); f != nil && f.HasContent() && strings.Contains(string(f.Content), "$") {
				t.Errorf("a hash of a password came along")
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*evil*")); len(left) > 0 {
		t.Errorf("a name was run as code: %q", left)
	}
	if _, err := os.Stat("evil"); err == nil {
		t.Errorf("a name was run as code")
	}
}

// TestFetchKeepsSecretsBack asks for a private key as evidence: its digest comes, and no
// byte of it.
func TestFetchKeepsSecretsBack(t *testing.T) {
	dir := openDir(t)
	key := filepath.Join(dir, "id_ed25519")
	if err := os.WriteFile(key, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var more []string
	for i, begin := range []string{"-----BEGIN PGP PRIVATE KEY BLOCK-----", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", "PuTTY-User-Key-File-3: ssh-ed25519"} {
		more = append(more, filepath.Join(dir, fmt.Sprintf("id_backup%d", i)))
		if err := os.WriteFile(more[i], []byte("# a copy\n"+begin+"\nSECRET\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("kept\x00\xff whole"), 0o644); err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	s, err := Fetch(t.Context(), runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
		return Local{}.Run(ctx, command, in, io.MultiWriter(out, &sent), errOut)
	}), Options{Source: SourceLocal}, append(more, key, plain))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sent.Bytes(), []byte("SECRET")) {
		t.Error("a key's bytes left the host")
	}
	for _, p := range more {
		if f := s.Lookup(p); f == nil || f.HasContent() {
			t.Errorf("%s: %+v", p, f)
		}
	}
	if f := s.Lookup(key); f != nil && f.HasContent() {
		t.Errorf("the key came along: %q", f.Content)
	}
	if f := s.Lookup(plain); f == nil || string(f.Content) != "kept\x00\xff whole" {
		t.Errorf("what may be kept did not come whole: %+v", f)
	}
	if sums := string(s.Output(OutDigests).Data); !strings.Contains(sums, key) || !strings.Contains(sums, plain) {
		t.Errorf("digests: %q", sums)
	}
}

// TestNoWayThroughProcesses: the links of a process lead to where its user put others.
// A name that goes through them is neither opened nor measured with root's rights.
func TestNoWayThroughProcesses(t *testing.T) {
	dir := openDir(t)
	for _, name := range []string{"secret", "exe", "cmdline"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("nobody's business\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var asked []string
	for _, name := range []string{"secret", "exe", "cmdline"} {
		asked = append(asked, "/proc/self/root"+dir+"/"+name, "/proc/1/root"+dir+"/"+name, "/proc/../"+dir+"/"+name)
	}
	asked = append(asked, "/proc/self/cwd/deeper.sh", "/proc/1/exe", "/proc/1/cmdline")
	deep, err := Deepen(t.Context(), Local{}, Options{Source: SourceLocal}, Questions{Paths: asked})
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := Fetch(t.Context(), Local{}, Options{Source: SourceLocal}, asked)
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]*Snapshot{"asked": deep, "fetched": fetched} {
		for i := range s.Files {
			if f := &s.Files[i]; f.HasContent() && strings.Contains(string(f.Content), "nobody's business") {
				t.Errorf("%s: %s was opened", what, f.Path)
			}
		}
		if o := s.Output(OutDigests); o != nil && (strings.Contains(string(o.Data), "/root/") || strings.Contains(string(o.Data), "/cwd/")) {
			t.Errorf("%s: digests: %q", what, o.Data)
		}
	}
	if f := fetched.Lookup("/proc/1/cmdline"); f == nil || !f.HasContent() {
		t.Errorf("the words of a process did not come: %+v", f)
	}
}

// TestWordsThatHideOthers: more words than are kept are said to be more.
func TestWordsThatHideOthers(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	var args []string
	for range 8 {
		args = append(args, long)
	}
	cmd := exec.Command("sh", append([]string{"-c", "sleep 60; :", "sh"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	s, err := Deepen(t.Context(), Local{}, Options{Source: SourceLocal}, Questions{})
	if err != nil {
		t.Fatal(err)
	}
	if o := s.Output(OutProcWords); o == nil || !strings.Contains(string(o.Data), "\nleft ") {
		t.Error("nothing says that words were left")
	}
}

// FuzzQuestions: whatever a name is, the words that carry it hold no quote and no blank
// but between names, so a shell reads them as data.
func FuzzQuestions(f *testing.F) {
	f.Add("/root/. ../update")
	f.Add("/a'; touch x; '")
	f.Add("/\x00\n$(x)")
	f.Fuzz(func(t *testing.T, name string) {
		got := questions("ASKED", []string{name, "/etc/passwd"}, 10)
		words, ok := strings.CutPrefix(got, "ASKED='")
		words, ok2 := strings.CutSuffix(words, " '\n")
		if !ok || !ok2 {
			t.Fatalf("%q", got)
		}
		for _, w := range strings.Split(words, " ") {
			for i := range len(w) {
				if !isPlain(w[i]) && w[i] != '\\' {
					t.Errorf("%q holds %q", w, w[i])
				}
			}
		}
	})
}

// TestKeepDeeper keeps a second round in the first's archive, and reads it back.
func TestKeepDeeper(t *testing.T) {
	deep := &Snapshot{Source: SourceLocal, Complete: true, Outputs: []Output{{Name: OutProcStat, Data: []byte("/proc/1/stat:1 (x) S\n")}}}
	first := &Snapshot{Source: SourceLocal}
	if err := first.Keep(deep); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Write(&b, first); err != nil {
		t.Fatal(err)
	}
	back, err := Read(strings.NewReader(b.String()), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := back.Deeper()
	if err != nil || got == nil || got.Output(OutProcStat) == nil || string(got.Output(OutProcStat).Data) != "/proc/1/stat:1 (x) S\n" {
		t.Fatalf("%+v %v", got, err)
	}
	if got, err := (&Snapshot{}).Deeper(); got != nil || err != nil {
		t.Errorf("a second round that is not there: %v %v", got, err)
	}
}

// TestListsAreOnes: what a list is called is set nowhere else in the script: a section
// that did would have another look for other things, and a tree for these.
func TestListsAreOnes(t *testing.T) {
	text := deeperScript()
	lists := regexp.MustCompile(`(?m)^([A-Z]+)='`).FindAllStringSubmatch(text, -1)
	if len(lists) < 20 {
		t.Fatalf("%d lists", len(lists))
	}
	for _, m := range lists {
		if n := len(regexp.MustCompile(`(?:^|[\s;&|(])`+m[1]+`=`).FindAllString(text, -1)); n != 1 {
			t.Errorf("%s is set %d times", m[1], n)
		}
	}
}

package snapshot

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// writeIn writes a file of a tree, with its folders.
func writeIn(t *testing.T, dir, p, text string, mode os.FileMode) {
	t.Helper()
	p = filepath.Join(dir, p)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		t.Fatal(err)
	}
}

// TestDeepenRoot plants what the second round looks for into a hostile tree.
func TestDeepenRoot(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	write := func(p, text string, mode os.FileMode) { t.Helper(); writeIn(t, dir, p, text, mode) }
	if err := os.WriteFile(outside, []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	write("etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n", 0o644)
	write("etc/passwd-", "root:$6$hash:0:0::/root:/bin/sh\n", 0o644)
	write("etc/rc.local", "#!/bin/sh\n", 0o755)
	write("home/ann/.bashrc", "alias x=y\n", 0o644)
	write("home/ann/.ssh/rc", "id\n", 0o644)
	write("home/ann/k", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n-----END OPENSSH PRIVATE KEY-----\n", 0o600)
	write("tmp/.x/s\th", "shell", 0o755|os.ModeSetuid)
	write("tmp/drop", "x", 0o755)
	write("dev/.hid", "x", 0o644)
	write("usr/local/bin/ssh", "x", 0o755)
	write("usr/bin/ssh", "changed", 0o755)
	write("usr/lib/systemd/system/loose.service", "[Service]\n", 0o644)
	write("var/lib/dpkg/status", "Package: openssh-client\nConffiles:\n /etc/rc.local 0123456789abcdef0123456789abcdef\n", 0o644)
	write("var/lib/dpkg/info/openssh-client.list", "/usr/bin/ssh\n/etc/rc.local\n", 0o644)
	write("var/lib/dpkg/info/openssh-client.md5sums", "0123456789abcdef0123456789abcdef  usr/bin/ssh\n", 0o644)
	write("var/log/wtmp", strings.Repeat("\x01", 20), 0o644)
	for link, to := range map[string]string{"etc/profile": outside, "tmp/loop": "loop", "tmp/up": "../../../../.."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "etc/inittab"), 0o644); err != nil {
		t.Fatal(err)
	}
	write("usr/bin/large", strings.Repeat("x", 70000), 0o755)
	q := Questions{Paths: []string{"/home/ann/k", "/usr/bin/ssh", "/proc/1/exe", "/usr/bin/large"}, Rooms: []string{"/tmp/.x"}}
	s, err := DeepenRoot(t.Context(), dir, Options{}, q)
	if err != nil || !s.Complete {
		t.Fatal(err)
	}
	for p, want := range map[string]string{"/etc/rc.local": "#!/bin/sh\n", "/home/ann/.bashrc": "alias x=y\n", "/home/ann/.ssh/rc": "id\n", "/usr/lib/systemd/system/loose.service": "[Service]\n"} {
		if f := s.Lookup(p); f == nil || string(f.Content) != want {
			t.Errorf("%s: %+v", p, f)
		}
	}
	if f := s.Lookup("/tmp/.x/s\th"); f == nil || f.Mode&0o4000 == 0 {
		t.Errorf("the setuid file: %+v", f)
	}
	for _, p := range []string{"/tmp/drop", "/dev/.hid", "/usr/local/bin/ssh"} {
		if s.Lookup(p) == nil {
			t.Errorf("%s was not looked at", p)
		}
	}
	for name, want := range map[string]string{
		OutOwned: "openssh-client\t/usr/bin/ssh\n", OutSumsFound: fmt.Sprintf("%x  usr/bin/ssh\n", md5.Sum([]byte("changed"))),
		OutSums: "openssh-client.md5sums:0123", OutConffiles: "/etc/rc.local 0123", OutDigests: "  /home/ann/k\n",
		OutSetuidSums: "  /tmp/.x/s\th\n", OutWtmp: " 01 01 01 01",
	} {
		if o := s.Output(name); o == nil || !strings.Contains(string(o.Data), want) {
			t.Errorf("%s lacks %q: %+v", name, want, o)
		}
	}
	for _, f := range s.Files {
		if c := string(f.Content); strings.Contains(c, "outside") || strings.Contains(c, "b3BlbnNz") || strings.Contains(c, "$6$") {
			t.Errorf("%s has what it must not: %q", f.Path, c)
		}
	}
	if f := s.Lookup("/usr/bin/large"); f == nil || len(f.Content) != 65536 || len(s.GapsFor("/usr/bin/large")) > 0 {
		t.Errorf("what was asked for is large: %+v", s.GapsFor("/usr/bin/large"))
	}
	if len(s.GapsFor("/etc/inittab")) == 0 || len(s.GapsFor(OutProcStat)) == 0 {
		t.Errorf("gaps: %+v", s.Gaps)
	}
	e, err := FetchRoot(t.Context(), dir, Options{}, []string{"/etc/rc.local", "/home/ann/k"})
	if err != nil {
		t.Fatal(err)
	}
	if f := e.Lookup("/etc/rc.local"); f == nil || f.Mode != 0o755 || !f.HasContent() {
		t.Errorf("evidence: %+v", f)
	}
	if f := e.Lookup("/home/ann/k"); f == nil || strings.Contains(string(f.Content), "b3Bl") {
		t.Errorf("a private key came: %+v", f)
	}
}

// TestDeepenRootApk: of a tree of Alpine it is told which package a file is of, and what
// is not as its package brought it.
func TestDeepenRootApk(t *testing.T) {
	dir := t.TempDir()
	write := func(p, text string) { t.Helper(); writeIn(t, dir, p, text, 0o755) }
	sum := func(text string) string {
		s := sha1.Sum([]byte(text))
		return base64.StdEncoding.EncodeToString(s[:])
	}
	write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	write("usr/sbin/sshd", "changed")
	write("usr/bin/ssh", "ssh")
	write("usr/sbin/dropped", "x")
	write("etc/profile.d/mine.sh", "true\n")
	write("etc/profile.d/theirs.sh", "true\n")
	if err := os.Symlink("ssh", filepath.Join(dir, "usr/bin/slogin")); err != nil {
		t.Fatal(err)
	}
	write("lib/apk/db/installed", "C:Q1x=\nP:openssh-server\nV:9.7_p1-r4\nF:usr\nF:usr/sbin\nR:sshd\na:0:0:755\nZ:Q1"+sum("sshd")+"\n\n"+
		"P:openssh-client\nV:9.7_p1-r4\nF:usr/bin\nR:slogin\nZ:Q1"+sum("other")+"\nR:ssh\nZ:Q1"+sum("ssh")+"\nF:etc/profile.d\nR:theirs.sh\n\n")
	s, err := DeepenRoot(t.Context(), dir, Options{}, Questions{Owned: []string{"/usr/sbin/sshd", "/usr/sbin/dropped", "/usr/bin/ssh", "/gone"}})
	if err != nil {
		t.Fatal(err)
	}
	o := s.Output(OutOwned)
	if o == nil {
		t.Fatalf("%+v", s.Gaps)
	}
	for _, w := range []string{"manager\tapk\n", "openssh-server\t/usr/sbin/sshd\n", "openssh-client\t/usr/bin/ssh\n", "openssh-client\t/etc/profile.d/theirs.sh\n", "-\t/etc/profile.d/mine.sh\n", "-\t/usr/sbin/dropped\n", "-\t/gone\n"} {
		if !strings.Contains(string(o.Data), w) {
			t.Errorf("no %q in %q", w, o.Data)
		}
	}
	if o := s.Output(OutSumsAPK); o == nil || string(o.Data) != "U usr/sbin/sshd\n" {
		t.Errorf("sums: %+v", o)
	}
}

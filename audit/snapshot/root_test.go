package snapshot

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// plant writes a tree: "path": content; a content "-> text" is a link.
func plant(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for p, c := range files {
		full := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if text, ok := strings.CutPrefix(c, "-> "); ok {
			err = os.Symlink(text, full)
		} else if c == "dir" {
			err = os.MkdirAll(full, 0o755)
		} else {
			err = os.WriteFile(full, []byte(c), 0o644)
		}
		if err != nil {
			t.Skip("this system cannot make the tree: ", err)
		}
	}
	return dir
}

func fromRoot(t testing.TB, dir string) *Snapshot {
	t.Helper()
	s, err := FromRoot(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Links are resolved inside the root, and none leads outside.
func TestRootLinks(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("of the machine"), 0o644); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 20)
	files := map[string]string{
		"etc/passwd":                          "root:x:0:0::/root:/bin/sh\n",
		"etc/real.conf":                       "MaxAuthTries 3\n",
		"etc/ssh/sshd_config":                 "Include /etc/ssh/sshd_config.d/*.conf\n",
		"etc/ssh/sshd_config.d/a-in-abs.conf": "-> /etc/real.conf",
		"etc/ssh/sshd_config.d/b-in-rel.conf": "-> ../../real.conf",
		"etc/ssh/sshd_config.d/c-chain.conf":  "-> b-in-rel.conf",
		"etc/ssh/sshd_config.d/d-out.conf":    "-> " + outside + "/secret",
		"etc/ssh/sshd_config.d/e-up.conf":     "-> " + up + strings.TrimPrefix(filepath.ToSlash(outside), "/") + "/secret",
		"etc/ssh/sshd_config.d/f-up-in.conf":  "-> " + up + "etc/real.conf",
		"etc/ssh/sshd_config.d/g-loop.conf":   "-> g-loop.conf",
		"etc/ssh/sshd_config.d/h-dir.conf":    "-> ../../../alias/real.conf",
		"etc/ssh/sshd_config.d/i-none.conf":   "-> nowhere",
		"etc/ssh/sshd_config.d/j-chain.conf":  "-> d-out.conf",
		"alias":                               "-> /etc",
		"etc/cron.d":                          "-> " + outside,
		"usr/lib/os-release":                  "ID=x\n",
		"etc/os-release":                      "-> ../usr/lib/os-release",
	}
	for i := range 50 {
		files[fmt.Sprintf("etc/ssh/sshd_config.d/z%02d.conf", i)] = fmt.Sprintf("-> z%02d.conf", i+1)
	}
	files["etc/ssh/sshd_config.d/z50.conf"] = "end"
	s := fromRoot(t, plant(t, files))
	got := map[string]string{}
	for _, f := range s.Below("/etc/ssh/sshd_config.d") {
		if n := strings.TrimPrefix(f.Path, "/etc/ssh/sshd_config.d/"); n[0] != 'z' {
			got[n] = f.Real + " " + string(f.Content) + gaps(s, f.Path)
		}
	}
	want := map[string]string{
		"a-in-abs.conf": "/etc/real.conf MaxAuthTries 3\n",
		"b-in-rel.conf": "/etc/real.conf MaxAuthTries 3\n",
		"c-chain.conf":  "/etc/real.conf MaxAuthTries 3\n",
		"d-out.conf":    " ",
		"e-up.conf":     " ",
		"f-up-in.conf":  "/etc/real.conf MaxAuthTries 3\n",
		"g-loop.conf":   " error",
		"h-dir.conf":    "/etc/real.conf MaxAuthTries 3\n",
		"i-none.conf":   " ",
		"j-chain.conf":  " ",
	}
	// The glob matches links that lead nowhere too, as sshd's does; they are not files.
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if f := s.Lookup("/etc/ssh/sshd_config.d/z11.conf"); f == nil || string(f.Content) != "end" {
		t.Errorf("39 links on the way: %+v", f)
	}
	if f := s.Lookup("/etc/ssh/sshd_config.d/z05.conf"); f == nil || f.HasContent() || gaps(s, f.Path) != "error" {
		t.Errorf("45 links on the way: %+v %q", f, gaps(s, "/etc/ssh/sshd_config.d/z05.conf"))
	}
	if f := s.Lookup("/etc/os-release"); f == nil || string(f.Content) != "ID=x\n" {
		t.Errorf("os-release: %+v", f)
	}
	for _, f := range s.Files {
		if strings.Contains(string(f.Content), "of the machine") || strings.HasPrefix(f.Path, "/etc/cron.d/") {
			t.Errorf("%q leads outside: %q", f.Path, f.Content)
		}
	}
}

func TestRootCannotHold(t *testing.T) {
	s := fromRoot(t, plant(t, map[string]string{"etc/hostname": "web1\n"}))
	for _, p := range []string{"/proc", OutDaemons, OutSshdT + "default", OutTimers, OutUnits, OutWire, OutSshdLog, OutMounts} {
		if gaps(s, p) != "source" {
			t.Errorf("%s: %q", p, gaps(s, p))
		}
	}
	if !s.Complete || s.Source != SourceRoot || s.Privilege != PrivilegeNone || !strings.Contains(string(s.Output(OutIdentity).Data), "hostname=web1\n") {
		t.Errorf("%+v", s.Output(OutIdentity))
	}
	if _, err := FromRoot(context.Background(), filepath.Join(t.TempDir(), "none"), Options{}); err == nil {
		t.Error("a directory that is not there was read")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s, err := FromRoot(ctx, t.TempDir(), Options{}); err == nil || s == nil || s.Complete {
		t.Errorf("cancelled: %v, %v", s, err)
	}
}

func TestRootPackages(t *testing.T) {
	status := "Package: openssh-server\nStatus: install ok installed\nVersion: 1:9.2p1-2\n\nPackage: cron\nStatus: deinstall ok config-files\nVersion: 3.0\n\n" +
		"Package: zsh\nStatus: install ok installed\nVersion: 5\n\nPackage: sudo\nVersion: 1.9\nStatus: install ok installed\n"
	cases := map[string]struct {
		files map[string]string
		want  string
		gap   string
	}{
		"dpkg":      {map[string]string{"var/lib/dpkg/status": status}, "dpkg\topenssh-server\t1:9.2p1-2\ndpkg\tsudo\t1.9\n", ""},
		"apk":       {map[string]string{"lib/apk/db/installed": "P:openssh\nV:9.9_p1-r2\nP:zlib\nV:1\n"}, "apk\topenssh\t9.9_p1-r2\n", ""},
		"pacman":    {map[string]string{"var/lib/pacman/local/openssh-9.9p1-2": "dir", "var/lib/pacman/local/zlib-1-1": "dir"}, "pacman\topenssh\t9.9p1-2\n", ""},
		"rpm":       {map[string]string{"var/lib/rpm/rpmdb.sqlite": "x"}, "", "error"},
		"rpm, none": {map[string]string{"var/lib/rpm/.rpm.lock": "x"}, "", "source"},
		"none":      {map[string]string{"etc/x": "x"}, "", "missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := fromRoot(t, plant(t, c.files))
			got := ""
			if o := s.Output(OutPackages); o != nil {
				got = string(o.Data)
			}
			if got != c.want || gaps(s, OutPackages) != c.gap {
				t.Errorf("%q, gap %q", got, gaps(s, OutPackages))
			}
		})
	}
}

// incident is the story of a breach, with what is awkward to read beside it.
const incident = `
mkdir -p /etc/cron.d /etc/cron.daily /etc/cron.hourly /var/spool/cron/crontabs /etc/ssh/sshd_config.d /etc/ssh/keys /home/alice/.ssh /home/bob/.ssh /etc/pam.d "/root/. .." /home/eve/.ssh /lib/apk/db /etc/systemd/system/x.timer.d /usr/lib/systemd/system /usr/local/bin /opt/job /var/log /dev/shm /var/tmp
printf 'root:x:0:0:root:/root:/bin/sh\nalice:$6$abc$def:1000:1000::/home/alice:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\neve::1002:1002::/home/eve:/bin/sh\nsys:*:3:3::/nonexistent:/sbin/nologin\n# c\n+::::::\n' >/etc/passwd
printf 'root:x:0:\nalice:$1$xx$yy:1000:\n' >/etc/group
printf 'root:$6$aa$bb:19000:0:99999:7:::\nbob:!$y$x:1::::::\neve::\nsys:*:::::::\nz:!:\nd:abcdefghijklm:\nw:nonsense:\n' >/etc/shadow
printf 'Include /etc/ssh/sshd_config.d/*.conf sub/[a-c]*\nBanner=/etc/banner\nAuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%%u %%h/k%%%%\nHostKey "/etc/ssh/my key"\nModuliFile /etc/moduli\nTrustedUserCAKeys /etc/ssh/ca.pub # c\n' >/etc/ssh/sshd_config
mkdir /etc/ssh/sub; echo 'Include ../deep' >/etc/ssh/sub/b; echo 'x' >/etc/deep; echo 'y' >/etc/ssh/sub/d; echo ca >/etc/ssh/ca.pub; echo pub >"/etc/ssh/my key.pub"; echo k >"/etc/ssh/my key"
printf '# c\n20200101000000 2 6 100 2047 2 F\n20200101000000 2 6 100 2047 2 E\n20200101000000 2 6 100 4095 5 D\n' >/etc/moduli
echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/10-a.conf; ln -s ../../shadow /etc/ssh/sshd_config.d/20-s.conf; mkfifo /etc/ssh/sshd_config.d/30-f.conf; ln -s nowhere /etc/ssh/sshd_config.d/40.conf; echo hi >/etc/banner
echo 'ssh-ed25519 AAAA alice' >/home/alice/.ssh/authorized_keys; echo k >/home/alice/k%; mkfifo /home/bob/.ssh/authorized_keys; ln -s /etc/shadow /home/bob/.ssh/authorized_keys2; echo key >/etc/ssh/keys/bob
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END\n' >/home/eve/.ssh/authorized_keys
printf '* * * * * sh ". ../update"\n0 1 * * * sh . ../update\n5 5 * * * cd /opt/job && ./run --file=/srv/data "a b/c" x\\ y/z ` + "`date`" + ` $(x/y)\n@reboot update\n6 6 * * * sh -c "cd /opt/job; ./two; three"\n' >/var/spool/cron/crontabs/root; chmod 600 /var/spool/cron/crontabs/root; echo 'echo implant' > "/root/. ../update"; echo u >/root/update; echo two >/opt/job/two; echo three >/opt/job/three
printf 'MAILTO=""\nPATH=/usr/local/bin:/bin\nSHELL=/bin/sh\n17 * * * * root cd / && run-parts /etc/cron.hourly\n* * * * * alice ~/bin/job >/dev/null 2>&1\n-1 1 1 1 1 root own %%in ~/x\\%%y $HOME/q ${HOME}/r *.c a=b;/c/d\n1 1 1 1 1 nobodyhere rel/x' > /etc/crontab; echo o >/usr/local/bin/own
printf '1 1 * * * alice nice -n 10 own --x; timeout 5m sh -c "gone all; own2" && if [ -x /a ]; then lost y; fi\n2 2 * * * bob PATH=/opt/job:${PATH}:$PATH rare x\n3 3 * * * bob env PATH=/nowhere:/opt/job two $(own3 -v) 30 1.5h\n4 4 * * * root /usr/bin/flock -n /l 7thing other\n' >/etc/cron.d/wrapped
printf '1 5 cron.daily nice run-parts /etc/cron.daily\n' >/etc/anacrontab
printf '#!/bin/sh\n' >/etc/cron.daily/x; chmod 755 /etc/cron.daily/x
printf '1 1 1 1 1 root x' > "/etc/cron.d/a
b"; printf 'y' > "/etc/cron.d/ -> q"; ln -s "x -> y" "/etc/cron.d/l -> m"; printf 'z\0z' >/etc/cron.d/'-rf'; touch "/etc/cron.d/.hid" "/etc/cron.d/'q'" /etc/cron.d/empty; printf '==> /etc/cron.d/empty <==\nforged' >/etc/cron.d/A; printf '\033[2J' >"/etc/cron.d/$(printf 'c\033[2Jd')"
mkdir -p /home/alice/bin; echo job >/home/alice/bin/job; chmod 755 /home/alice/bin/job; mkdir "/tmp/. .." "/tmp/..x"
ln -s loop2 /etc/cron.d/loop1; ln -s loop1 /etc/cron.d/loop2
printf '[Timer]\nOnCalendar=daily\n' >/usr/lib/systemd/system/x.timer; printf '[Service]\nExecStart=-/opt/job/run a "b c/d"\n' >/usr/lib/systemd/system/x.service; printf '[Timer]\n' >/etc/systemd/system/x.timer.d/o.conf
for d in /run/systemd/system /etc/systemd/user /usr/lib/systemd/user /usr/local/lib/systemd/user /home/alice/.local/share/systemd/user /home/alice/.config/systemd/user.control /run/user/1000/systemd/transient /run/user/1001/systemd/user; do mkdir -p $d $d/service.d $d/timers.target.wants $d/u.service.d; echo '[Timer]' >$d/u.timer; echo '[Service]' >$d/u.service; echo '[Service]' >$d/v.service; echo '[Unit]' >$d/service.d/a.conf; echo '[Unit]' >$d/u.service.d/b.conf; ln -s ../u.timer $d/timers.target.wants/u.timer; done; chown -R 1001:1001 /run/user/1001
printf 'P:busybox\nV:1.36-r1\n\nP:openssh-server\nV:9.9_p1-r2\n' >/lib/apk/db/installed
printf 'passwd: files sss\nhosts: dns\n' >/etc/nsswitch.conf
printf 'Nov 1 00:00:00 h sshd[1]: Server listening on 0.0.0.0 port 22.\nNov 1 00:00:01 h sshd[2]: Failed password\nNov 1 00:00:02 h CRON[3]: x\n' >/var/log/auth.log; cp /var/log/auth.log /var/log/syslog
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END OPENSSH PRIVATE KEY-----\n' >/home/alice/.ssh/id_a; echo 'ssh-ed25519 AAAA a' >/home/alice/.ssh/id_a.pub; printf -- 'Bag\n-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\n' >/home/alice/.ssh/.old; echo nothing >/home/alice/.ssh/notes; ln -s id_a /home/alice/.ssh/link; mkdir /home/alice/.ssh/dir
printf 'auth required pam_listfile.so item=user sense=deny file=/etc/denied\n' >/etc/pam.d/sshd; echo bob >/etc/denied; mkdir -p /etc/ssh/auth; printf 'AuthorizedPrincipalsFile /etc/ssh/auth/%%u\n' >>/etc/ssh/sshd_config; echo alice >/etc/ssh/auth/alice
chown -R 1000:1000 /home/alice; chown -R 1001:1001 /home/bob; chown -R 1002 /home/eve; find / -xdev ! -type l -exec touch -d '2020-01-02 03:04:05' {} +
`

// The script and the Go code bring the same from the same tree: the script runs
// inside it (with busybox as the only tools), the Go code reads it from outside.
func TestRootEqualsScript(t *testing.T) {
	dir := small(t, incident)
	a := collect(t, inside{dir}, Options{})
	b := fromRoot(t, dir)
	onlyHost := []string{OutIdentity, OutDaemons, OutMounts, OutPasswordLog}
	var av, bv Snapshot
	for _, f := range a.Files {
		if !strings.HasPrefix(f.Path, "/proc/") {
			f.CTime, f.MTime = time.Time{}, f.MTime.Truncate(time.Second) // busybox gives whole seconds
			av.Files = append(av.Files, f)
		}
	}
	for _, f := range b.Files {
		f.CTime, f.MTime = time.Time{}, f.MTime.Truncate(time.Second)
		bv.Files = append(bv.Files, f)
	}
	for _, o := range a.Outputs {
		if !slices.Contains(onlyHost, o.Name) {
			o.Args = nil
			av.Outputs = append(av.Outputs, o)
		}
	}
	for _, o := range b.Outputs {
		if !slices.Contains(onlyHost, o.Name) {
			bv.Outputs = append(bv.Outputs, o)
		}
	}
	// Reasons are worded apart; the kinds and the places are the same.
	kinds := func(s *Snapshot) (out []string) {
		for _, g := range s.Gaps {
			if g.Kind != GapSource && g.Reason != errLoop.Error() {
				out = append(out, string(g.Kind)+" "+g.Path)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	if d := cmp.Diff(&bv, &av, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("files and outputs (-root +script):\n%s", d)
	}
	if d := cmp.Diff(kinds(b), kinds(a)); d != "" {
		t.Errorf("gaps (-root +script):\n%s", d)
	}
	// What the story turns on.
	targets := strings.Split(string(a.Output(OutTargets).Data), "\x00")
	for _, p := range []string{"/root/. ../update", "/root/../update", "/update", "/root/update", "/home/alice/bin/job", "/opt/job/run", "/opt/job/two", "/opt/job/three", "/usr/local/bin/own", "/srv/data", "/root/x y/z", "/c/d",
		"/usr/sbin/gone", "/bin/own2", "/bin/lost", "/opt/job/rare", "/nowhere/two", "/usr/local/sbin/own3", "/sbin/7thing", "/sbin/other", "/opt/job"} {
		if !slices.Contains(targets, p) {
			t.Errorf("%q is not among the targets %q", p, targets)
		}
	}
	for _, p := range []string{"/root/. ..", "/tmp/. ..", "/tmp/..x"} {
		if f := a.Lookup(p); f == nil || f.Type != 'd' {
			t.Errorf("%q: %+v", p, f)
		}
	}
	if got := string(content(t, a, "/root/. ../update")); got != "echo implant\n" {
		t.Errorf("the implant: %q", got)
	}
	for _, p := range []string{"/run/user/1000/systemd/transient/u.timer", "/home/alice/.local/share/systemd/user/service.d/a.conf", "/usr/lib/systemd/user/u.service.d/b.conf", "/run/user/1001/systemd/user/v.service"} {
		if f := a.Lookup(p); f == nil || !f.HasContent() {
			t.Errorf("%q: %+v", p, f)
		}
	}
	if a.Lookup("/usr/lib/systemd/user/v.service") != nil {
		t.Error("a unit of a package that no timer starts was read")
	}
	if len(a.Files) < 70 {
		t.Errorf("only %d files", len(a.Files))
	}
}

// Every place that a collector's answer may end up in keeps it as it was.
func TestRootArchive(t *testing.T) {
	dir := small(t, incident)
	s := fromRoot(t, dir)
	r, w := io.Pipe()
	go func() { w.CloseWithError(Write(w, s)) }()
	got, err := Read(r, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

// FuzzJobWords: guessing at words never panics, is bounded, and names nothing
// that is not a path.
func FuzzJobWords(f *testing.F) {
	f.Add("* * * * * root PATH=/x:${PATH} nice -n 3 tool `x`\n")
	f.Add("* * * * * root sh \". ../update\" >/dev/null\nPATH=/a:/b\n@daily x cd /x && ./y \\% `z` 'a b'")
	f.Fuzz(func(t *testing.T, table string) {
		j := &jobWords{homes: map[string]string{"root": "/root"}, said: map[string]bool{}}
		j.file("/etc/crontab", []byte(table))
		j.file("/var/spool/cron/crontabs/root", []byte(table))
		j.file("/x.service", []byte(table))
		if len(j.out) > 2000 {
			t.Fatal("too many")
		}
		for _, w := range j.out {
			if len(w.text) > 1024 || w.kind != '=' && w.kind != '&' && !strings.HasPrefix(w.text, "/") || strings.Contains(w.text, "\n") {
				t.Fatalf("%c %q", w.kind, w.text)
			}
		}
	})
}

// A directory of links to itself has more names than there is memory, and each line of
// a configuration may ask for them.
func TestRootGlobsAreBounded(t *testing.T) {
	files := map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/ssh/last.conf": "HostKey /etc/ssh/last\n", "etc/ssh/last": "x",
		"etc/ssh/sshd_config": strings.Repeat("Include /x/*/*/*/*/*.conf\n", 20_000) + "Include last*.conf\n"}
	for i := range 200 {
		files[fmt.Sprintf("x/l%d", i)] = "-> ."
	}
	dir := plant(t, files)
	began := time.Now()
	s := fromRoot(t, dir)
	if took := time.Since(began); took > 60*time.Second {
		t.Errorf("it took %v", took)
	}
	if kind := gaps(s, "/x"); kind != "cap" {
		t.Errorf("/x: gap %q", kind)
	}
	if s.Lookup("/etc/ssh/last") == nil {
		t.Error("what is included after it was not read")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	began = time.Now()
	if _, err := FromRoot(ctx, dir, Options{}); err == nil || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v, when the time was over", err, time.Since(began))
	}
}

package snapshot

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a plain account of an audited host may try against a collector that runs
// as root. alice, bob, eve and mal are the accounts of people.

// each runs one attack under every shell.
func each(t *testing.T, h whole, prep func(string) string, check func(*testing.T, *Snapshot)) {
	t.Helper()
	needRoot(t, "unshare", "setpriv")
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			own := h
			own.sh = sh
			var r Runner = own
			if prep != nil {
				r = scripted{own, prep}
			}
			check(t, collect(t, r, Options{}))
		})
	}
}

// A read of /proc/kmsg takes the kernel's messages away from the host's log, and
// /proc/1/environ may hold secrets: however a job line spells them, root's rights
// do not open the kernel's files.
func TestJobsNameKernelFiles(t *testing.T) {
	setup := people + `mkdir -p /var/spool/cron/crontabs; rm -f /etc/cron.d/* /var/spool/cron/crontabs/*
echo '* * * * * cat //proc/sys/kernel/ostype /./proc/sys/kernel/osrelease /etc/../proc/sys/kernel/version ///sys/kernel/mm/hugepages/x //proc/1/environ' >/var/spool/cron/crontabs/alice
ln -s /proc/sys/kernel/ostype /usr/local/bin/linked; printf '* * * * * root /usr/local/bin/linked\n' >/etc/cron.d/l; ln -s /proc/sys/kernel/domainname /etc/cron.d/m`
	each(t, whole{setup: setup}, nil, func(t *testing.T, s *Snapshot) {
		own := regexp.MustCompile(`^/proc/([0-9]+/(cmdline|stat|status)|net/tcp6?|stat)$`)
		for _, f := range s.Files {
			kernel := strings.Contains(f.Path, "/proc/") || strings.Contains(f.Path, "/sys/") || strings.HasPrefix(f.Real, "/proc/")
			if kernel && f.HasContent() && !own.MatchString(f.Path) {
				t.Errorf("%s was read with root's rights: %q", f.Path, f.Content)
			}
		}
		if got := gaps(s, "/etc/cron.d/m"); got != "unsafe" {
			t.Errorf("a table that is a link to the kernel: gap %q", got)
		}
	})
}

// Root's own link that leads through a directory of alice is alice's to turn:
// what it leads to is read with her rights.
func TestLinksThroughDirectoriesOfUsers(t *testing.T) {
	setup := people + `rm -f /etc/cron.d/*; mkdir -p /home/alice/d /opt/safe; echo 'of root alone' >/root/.netrc; chmod 600 /root/.netrc; echo 'for all' >/opt/safe/shown
ln -s /home/alice/d/job /usr/local/bin/chained; ln -s /root/.netrc /home/alice/d/job
ln -s /home/alice/d/table /etc/cron.d/chained; ln -s /root/.netrc /home/alice/d/table
ln -s /home/alice/d /opt/dir; ln -s /root/.netrc /home/alice/d/inner; ln -s /opt/safe/shown /home/alice/d/shown
ln -s /opt/safe/shown /usr/local/bin/straight; chown -R -h 61000:61000 /home/alice
mkdir /home/alice/rootdir; echo 'of root alone' >/home/alice/rootdir/x; chmod 600 /home/alice/rootdir/x; ln -s /home/alice/rootdir /opt/owned
printf '* * * * * root /usr/local/bin/chained; /opt/dir/inner; /opt/dir/shown; /usr/local/bin/straight; /opt/owned/x\n' >/etc/cron.d/j`
	each(t, whole{setup: setup}, nil, func(t *testing.T, s *Snapshot) {
		for _, f := range s.Files {
			if strings.Contains(string(f.Content), "of root alone") {
				t.Errorf("%s: %q", f.Path, f.Content)
			}
		}
		for _, p := range []string{"/usr/local/bin/chained", "/etc/cron.d/chained", "/opt/dir/inner", "/opt/owned/x"} {
			if gaps(s, p) == "" {
				t.Errorf("%s was not read, and nothing says so", p)
			}
		}
		if got := string(content(t, s, "/usr/local/bin/straight")); got != "for all\n" {
			t.Errorf("a link of root's to a file of root's: %q %q", got, gaps(s, "/usr/local/bin/straight"))
		}
	})
}

// fewNames makes the bound on the names of a batch one that is reached soon.
func fewNames(s string) string { return strings.ReplaceAll(s, "MAXNAMES=4000", "MAXNAMES=1500") }

// Thousands of at jobs must not crowd out what is looked at after them, and what
// a bound leaves out is named, whichever directory it lies in.
func TestCrowd(t *testing.T) {
	setup := people + `mkdir -p /var/spool/cron/atjobs /etc/systemd/system; cd /var/spool/cron/atjobs; i=0; while [ $i -lt 1600 ]; do : >a$i; i=$((i + 1)); done
echo root >/etc/cron.allow; printf '[Timer]\nOnCalendar=daily\n' >/etc/systemd/system/zz.timer; printf '[Service]\nExecStart=/bin/true\n' >/etc/systemd/system/zz.service`
	each(t, whole{setup: setup}, fewNames, func(t *testing.T, s *Snapshot) {
		for _, p := range []string{"/etc/cron.allow", "/etc/systemd/system/zz.timer", "/etc/systemd/system/zz.service"} {
			if f := s.Lookup(p); f == nil || !f.HasContent() {
				t.Errorf("%s was crowded out", p)
			}
		}
		if got := gaps(s, "/var/spool/cron/atjobs"); got != "cap" {
			t.Errorf("the at jobs: gap %q", got)
		}
	})
	setup = people + `cd /etc/cron.d; i=0; while [ $i -lt 1600 ]; do : >n$i; i=$((i + 1)); done; echo root >/etc/cron.allow; mkdir -p /etc/incron.d; echo x >/etc/incron.d/t`
	each(t, whole{setup: setup}, fewNames, func(t *testing.T, s *Snapshot) {
		for _, p := range []string{"/etc/cron.allow", "/etc/incron.d/t"} {
			if s.Lookup(p) == nil && len(s.GapsFor(p)) == 0 {
				t.Errorf("%s is neither there nor named", p)
			}
		}
	})
}

// Many accounts are looked at in batches, not cut off at the first.
func TestManyNames(t *testing.T) {
	setup := people + `i=0; while [ $i -lt 900 ]; do u=$((70000 + i)); echo "u$i:x:$u:$u::/home/u$i:/bin/sh"; i=$((i + 1)); done >>/etc/passwd
cd /home; i=0; while [ $i -lt 900 ]; do mkdir -p u$i/.ssh; i=$((i + 1)); done`
	each(t, whole{setup: setup}, fewNames, func(t *testing.T, s *Snapshot) {
		for _, p := range []string{"/home/u0/.ssh", "/home/u899", "/home/u899/.ssh", "/bin/sh"} {
			if s.Lookup(p) == nil {
				t.Errorf("%s was not looked at", p)
			}
		}
	})
}

// traceFile is where strace writes from within a host that has a /tmp of its own.
func traceFile(t *testing.T) string {
	f, err := os.CreateTemp("/var/tmp", "postern")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// The command line of a process is its memory. That of another account's is not
// even opened.
func TestCommandLinesOfUsers(t *testing.T) {
	needRoot(t, "strace")
	setup := people + `mkdir -p /srv/m; chmod 755 /srv/m; ln -s /usr/bin/sleep /srv/m/sshd
setpriv --reuid=61000 --regid=61000 --clear-groups /srv/m/sshd 15 </dev/null >/dev/null 2>&1 & sleep 0.3` // strace waits for it
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			trace := traceFile(t)
			s := collect(t, whole{setup: setup, sh: sh, trace: trace}, Options{})
			calls, err := os.ReadFile(trace)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range s.Below("/proc") {
				pid, ok := strings.CutSuffix(f.Path, "/status")
				if !ok || !strings.Contains(string(f.Content), "\nUid:\t61000\t") {
					continue
				}
				found = true
				if strings.Contains(string(calls), `"`+pid+`/cmdline"`) {
					t.Errorf("%s/cmdline was opened", pid)
				}
			}
			if !found {
				t.Error("the process was not seen")
			}
		})
	}
}

// Without a tool that takes on a user's rights, the file that is opened is the one
// that was looked at, also where its owner changes it at the worst moment and back.
func TestSwappedFile(t *testing.T) {
	needRoot(t, "busybox")
	const keys = "/home/mal/.ssh/authorized_keys"
	setup := people + "rm -f " + keys + "*; echo 'ssh-ed25519 AAAA mal' >" + keys + "; chown 61003 " + keys + "; chmod 600 /root/secret; echo 'in a closed directory' >/root/open; chmod 644 /root/open; chmod 700 /root"
	for _, target := range []string{"/root/secret", "/root/open"} {
		t.Run(filepath.Base(target), func(t *testing.T) {
			h := whole{setup: setup, sh: "/bin/busybox ash"}
			s := collect(t, scripted{h, func(s string) string {
				const at = "    SC=$("
				if strings.Count(s, at) != 1 {
					t.Fatalf("the place of the attack is not there")
				}
				s = strings.Replace(s, at, "    mv "+keys+" /home/mal/aside; ln -s "+target+" "+keys+"\n"+at, 1)
				i := strings.Index(s, at)
				j := i + strings.Index(s[i:], "\n")
				return s[:j] + "\n    rm " + keys + "; mv /home/mal/aside " + keys + s[j:]
			}}, Options{})
			for _, f := range s.Files {
				if c := string(f.Content); strings.Contains(c, "of root alone") || strings.Contains(c, "in a closed directory") {
					t.Errorf("%s: %q", f.Path, c)
				}
			}
			if gaps(s, keys) == "" {
				t.Error("nothing says that it was not read")
			}
		})
	}
}

// Nothing is asked of a network mount, not even whether a name is there: a dead
// server would hold the collector for ever, and autofs would mount what a user's
// PATH names.
func TestNetworkIsNotAsked(t *testing.T) {
	needRoot(t, "strace")
	setup := people + `mkdir -p /home/net; mount -t ramfs r /home/net; mkdir -p /home/net/u/.ssh /home/net/bin; echo x >/home/net/bin/tool; chmod 755 /home/net/bin/tool
printf 'u:x:61011:61011::/home/net/u:/bin/sh\nw:x:61012:61012::/home/w:/bin/sh\n' >>/etc/passwd; mkdir /home/w; ln -s /home/net/u/.ssh /home/w/.ssh
mkdir -p /etc/cron.hourly /etc/cron.d /var/spool/cron/crontabs /home/x; printf 'PATH=/home/net/bin:/bin\n* * * * * tool /home/net/bin/tool\n' >/var/spool/cron/crontabs/w; ln -s /home/net/bin/tool /etc/cron.d/tool; ln -s /home/net/bin /etc/cron.hourly/dir`
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			trace := traceFile(t)
			h := whole{setup: setup, sh: sh, trace: trace, calls: "%file"}
			s := collect(t, scripted{h, func(s string) string { return strings.Replace(s, "      nfs | ", "      ramfs | nfs | ", 1) }}, Options{})
			for _, p := range []string{"/home/net/u", "/home/w/.ssh/authorized_keys", "/etc/cron.d/tool"} {
				if !strings.Contains(gaps(s, p), "network") {
					t.Errorf("%s: gap %q", p, gaps(s, p))
				}
			}
			calls, err := os.ReadFile(trace)
			if err != nil {
				t.Fatal(err)
			}
			asked := regexp.MustCompile(`(?m)^.*\b(access|stat|newfstatat|statx|faccessat2?|open|openat|chdir|readlink|readlinkat)\([^"\n]*"(/home/net/|/home/w/\.ssh/|/etc/cron\.d/tool"|/etc/cron\.hourly/dir).*$`)
			for _, m := range asked.FindAllStringSubmatch(string(calls), -1) {
				followed := !strings.Contains(m[0], "AT_SYMLINK_NOFOLLOW") && !strings.HasPrefix(m[1], "readlink") && m[1] != "lstat"
				if followed || strings.HasPrefix(m[2], "/home/") {
					t.Errorf("asked: %s", m[0])
				}
			}
		})
	}
}

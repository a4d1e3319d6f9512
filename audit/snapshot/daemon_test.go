package snapshot

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// daemons starts sshd in five ways: as a distribution does, on another port with
// arguments that must and must not be taken over, with a file that a user may
// write, with blanks in an argument, and as a user's own.
const manyDaemons = `
mkdir -p /run/sshd /etc/ssh/sshd_config.d; rm -f /etc/ssh/sshd_config.d/*; ssh-keygen -q -A
printf 'Port 22\nPasswordAuthentication no\n' >/etc/ssh/sshd_config; printf 'PermitRootLogin no\nPidFile none\n' >/etc/ssh/second; chmod 600 /etc/ssh/second
/usr/sbin/sshd
/usr/sbin/sshd -f /etc/ssh/second -p2200 -o PasswordAuthentication=yes -E /var/log/second.log -oMaxAuthTries=9
mkdir -p /srv/u; printf 'Port 2201\nPidFile none\n' >/srv/u/conf; chown -R 61000 /srv/u; /usr/sbin/sshd -f /srv/u/conf
/usr/sbin/sshd -p 2202 -o 'AcceptEnv A B' -o 'PidFile none'
printf 'Port 2203\nPidFile none\nHostKey /srv/u/key\n' >/srv/u/own; ssh-keygen -q -t ed25519 -N '' -f /srv/u/key; chown 61000 /srv/u/*; setpriv --reuid=61000 --regid=61000 --clear-groups /usr/sbin/sshd -f /srv/u/own
rm -f /etc/ssh/*_key; sleep 0.2
`

func TestDaemons(t *testing.T) {
	needRoot(t, "unshare", "setpriv", "ssh-keygen")
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		without(t, "no sshd")
	}
	setup := people + strings.Replace(manyDaemons, "rm -f /etc/ssh/*_key; ", "", 1)
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			s := collect(t, whole{setup: setup, sh: sh}, Options{})
			// A daemon is known by the port that it listens on.
			port := map[string]string{}
			for _, p := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
				for line := range strings.Lines(string(content(t, s, p))) {
					w := strings.Fields(line)
					if len(w) < 10 || w[3] != "0A" {
						continue
					}
					_, hex, _ := strings.Cut(w[1], ":")
					for _, f := range s.Below("/proc") {
						if f.Target == "socket:["+w[9]+"]" {
							port[strings.Split(f.Path, "/")[2]] = hex
						}
					}
				}
			}
			got := map[string]string{}
			for line := range strings.Lines(string(s.Output(OutDaemons).Data)) {
				pid, kind, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
				if kind != "sshd" {
					continue
				}
				what := gaps(s, OutSshdT+pid)
				if o := s.Output(OutSshdT + pid); o != nil {
					what = strings.Join(o.Args[1:len(o.Args)-2], " ")
					for _, k := range []string{"port", "permitrootlogin", "passwordauthentication", "maxauthtries"} {
						if m := regexp.MustCompile(`(?mi)^` + k + ` (.*)`).FindStringSubmatch(string(o.Data)); m != nil {
							what += " " + m[1]
						}
					}
					if o.RC != 0 {
						what += " " + string(o.Stderr)
					}
					if v := s.Output(OutSshdVersion + pid); v == nil || !strings.HasPrefix(string(v.Data), "OpenSSH_") {
						t.Errorf("version of %s: %+v", pid, v)
					}
				}
				got[port[pid]] = what
				if f := s.Lookup("/proc/" + pid + "/exe"); f == nil || f.Target != "/usr/sbin/sshd" {
					t.Errorf("exe of %s: %+v", pid, f)
				}
				if f := s.Lookup("/proc/" + pid + "/cmdline"); port[pid] == "089B" {
					if f != nil || gaps(s, "/proc/"+pid+"/cmdline") != "unsafe" {
						t.Errorf("the command line of a user's own was read: %+v", f)
					}
				} else if c := content(t, s, "/proc/"+pid+"/cmdline"); !strings.Contains(string(c), "[listener]") {
					t.Errorf("cmdline of %s: %q", pid, c)
				}
				if c := content(t, s, "/proc/"+pid+"/status"); !strings.Contains(string(c), "\nUid:\t") {
					t.Errorf("status of %s: %q", pid, c)
				}
			}
			want := map[string]string{
				"0016": "-T 22 without-password no 6",
				"0898": "-T -f /etc/ssh/second -p 2200 -o PasswordAuthentication=yes -o MaxAuthTries=9 2200 no yes 9",
				"0899": "unsafe", // its file lies in a user's directory
				"089A": "error",  // its arguments hold blanks
				"089B": "unsafe", // it is a user's own
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if f := s.Lookup("/etc/ssh/second"); f == nil || !strings.Contains(string(f.Content), "PermitRootLogin no") {
				t.Errorf("the second daemon's file: %+v", f)
			}
			if f := s.Lookup("/srv/u/conf"); f != nil && f.HasContent() {
				t.Error("the file of a user's directory was read with root's rights")
			}
		})
	}
}

// A process is called what its owner likes. A user's hundred crons must not
// crowd out root's sshd, and no binary is run because a process that runs it is
// called sshd or dropbear.
func TestNamesOfProcesses(t *testing.T) {
	needRoot(t, "unshare", "setpriv", "sleep")
	setup := people + `
mkdir -p /run/sshd /srv/m; chmod 755 /srv/m; ssh-keygen -q -A; printf 'PidFile none\n' >/etc/ssh/sshd_config; rm -f /etc/ssh/sshd_config.d/*
for n in sshd dropbear cron; do ln -s /usr/bin/sleep /srv/m/$n; done
/srv/m/sshd 100 </dev/null >/dev/null 2>&1 &
/srv/m/dropbear 101 </dev/null >/dev/null 2>&1 &
i=0; while [ $i -lt 100 ]; do setpriv --reuid=61000 --regid=61000 --clear-groups /srv/m/cron 102 </dev/null >/dev/null 2>&1 & i=$((i + 1)); done
for n in sshd dropbear; do setpriv --reuid=61000 --regid=61000 --clear-groups /srv/m/$n 103 </dev/null >/dev/null 2>&1 & done
/usr/sbin/sshd -p 2210; sleep 0.5
`
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			s := collect(t, whole{setup: setup, sh: sh}, Options{})
			asked := 0
			for _, o := range s.Outputs {
				switch {
				case strings.HasPrefix(o.Name, OutSshdT):
					asked++
					if o.Args[0] != "/usr/sbin/sshd" || !strings.Contains(strings.Join(o.Args, " "), "-p 2210") {
						t.Errorf("run with root's rights: %q", o.Args)
					}
				case strings.HasPrefix(o.Name, OutSshdVersion) && !strings.HasPrefix(string(o.Data), "OpenSSH_"):
					t.Errorf("%s: a binary that is no server was run: %q", o.Name, o.Data)
				}
			}
			if asked != 1 {
				t.Errorf("%d servers were asked, want root's own", asked)
			}
			if n := strings.Count(string(s.Output(OutDaemons).Data), "\n"); n > 30 || gaps(s, OutDaemons) != "cap" {
				t.Errorf("%d daemons, gap %q", n, gaps(s, OutDaemons))
			}
			for _, f := range s.Below("/proc") {
				if strings.HasSuffix(f.Path, "/cmdline") && strings.Contains(string(f.Content), "\x00102\x00") {
					t.Errorf("%s of another account was read", f.Path)
				}
			}
		})
	}
}

// A line with a secret is replaced on the host, so a table that holds one is not as
// long as stat says: what looks like the next table in it must not be taken for it.
func TestTablesOfUsers(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	const spool = "/var/spool/cron/crontabs/"
	setup := people + `
mkdir -p ` + spool + `; cd ` + spool + `; rm -f *; chmod 1730 .; echo '* * * * * /root/monitor' >root
printf '# -----BEGIN PRIVATE KEY-----\n\n==> ` + spool + `root <==\n* * * * * /bin/true   \n\n==> /etc/cron.allow <==\nall\n' >alice; chown 61000 alice
printf 'MAILTO=x\nbob:!$6$salt$hash:19000:0:99999:7:::\ncarl:ab01FAX.bQRSU:19000:0:99999:7:::\n' >bob; echo root >/etc/cron.allow
`
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			s := collect(t, whole{setup: setup, sh: sh}, Options{})
			for p, want := range map[string]string{spool + "root": "* * * * * /root/monitor\n", "/etc/cron.allow": "root\n"} {
				if got := string(content(t, s, p)); got != want || gaps(s, p) != "" {
					t.Errorf("%s: %q, gap %q", p, got, gaps(s, p))
				}
			}
			for _, p := range []string{spool + "alice", spool + "bob"} {
				if f := s.Lookup(p); f == nil || f.HasContent() || gaps(s, p) != "withheld" {
					t.Errorf("%s holds a secret: %+v, gap %q", p, f, gaps(s, p))
				}
			}
		})
	}
}

// The judgement which file systems are of the network is made with ramfs, since
// no server is needed for it.
func TestNetworkMounts(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	setup := people + `
mkdir -p /home/net/local /mnt/net; mount -t ramfs r /home/net; mkdir /home/net/u; mkdir -p /home/net/local; mount -t tmpfs l /home/net/local; mkdir -p /home/net/local/.ssh; echo near >/home/net/local/.ssh/authorized_keys
mkdir -p /home/net/u/.ssh; echo far >/home/net/u/.ssh/authorized_keys; chown -R 61010 /home/net/local
printf 'u:x:61011:61011::/home/net/u:/bin/sh\nl:x:61010:61010::/home/net/local:/bin/sh\nv:x:61012:61012::/home/v:/bin/sh\n' >>/etc/passwd
ln -s net/u /home/v; mkdir -p /etc/cron.d; printf '* * * * * root /home/net/job\n' >/etc/cron.d/n; ln -s /home/net/u/.ssh/authorized_keys /etc/cron.d/link
`
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			h := whole{setup: setup, sh: sh}
			s := collect(t, scripted{h, func(s string) string { return strings.Replace(s, "      nfs | ", "      ramfs | nfs | ", 1) }}, Options{})
			if got := string(s.Output(OutMounts).Data); got != "ramfs /home/net\n" {
				t.Errorf("mounts: %q", got)
			}
			for _, p := range []string{"/home/net", "/home/net/u", "/home/v", "/home/net/job", "/etc/cron.d/link"} {
				if !strings.Contains(gaps(s, p), "network") {
					t.Errorf("%s: %q", p, gaps(s, p))
				}
			}
			for _, f := range s.Below("/home/net") {
				if !strings.HasPrefix(f.Path+"/", "/home/net/local/") {
					t.Errorf("entered: %q", f.Path)
				}
			}
			if got := string(content(t, s, "/home/net/local/.ssh/authorized_keys")); got != "near\n" {
				t.Errorf("a local mount below: %q", got)
			}
		})
	}
}

// A user's table must not use up what is looked at for root's.
func TestWordsOfUsers(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	setup := people + `
mkdir -p /var/spool/cron/crontabs; cd /var/spool/cron/crontabs; rm -f *; echo '* * * * * /srv/roots/job' >root
i=0; while [ $i -lt 1000 ]; do echo "* * * * * /nope/a$i /nope/b$i /nope/c$i"; i=$((i + 1)); done >alice
`
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			s := collect(t, whole{setup: setup, sh: sh}, Options{})
			if !strings.Contains(string(s.Output(OutTargets).Data), "/srv/roots/job\x00") {
				t.Error("what root's table names was not looked at")
			}
			told := false
			for _, g := range s.Gaps {
				told = told || g.Path == OutTargets && strings.Contains(g.Reason, "more words")
			}
			if !told {
				t.Errorf("the bound is not named: %+v", s.Gaps)
			}
		})
	}
}

// Commands that are nowhere in a PATH without end are not looked for without end, and
// not at the cost of root's.
func TestCommandsThatAreNotThere(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	setup := people + `
mkdir -p /var/spool/cron/crontabs; cd /var/spool/cron/crontabs; rm -f *; echo '* * * * * nice -n 5 rootsown --x' >root
{ printf 'PATH='; i=0; while [ $i -lt 120 ]; do printf '/d%s:' $i; i=$((i + 1)); done; echo /e; i=0; while [ $i -lt 1500 ]; do echo "* * * * * nope$i; PATH=/f:\$PATH never$i"; i=$((i + 1)); done; } >alice
`
	for _, sh := range shells {
		t.Run(strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
			began := time.Now()
			s := collect(t, whole{setup: setup, sh: sh}, Options{})
			t.Logf("%v", time.Since(began))
			targets := strings.Split(string(s.Output(OutTargets).Data), "\x00")
			for _, p := range []string{"/usr/local/sbin/rootsown", "/bin/rootsown"} {
				if !slices.Contains(targets, p) {
					t.Errorf("%s: it is not said that it was looked for", p)
				}
			}
			if len(targets) > maxMissed+401 {
				t.Errorf("%d paths were looked for", len(targets))
			}
		})
	}
}

// At the cap on names and on time the rest is named.
func TestHostBounds(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	setup := people + `printf 'x:x:61020:1::/home/x:/bin/sh\n' >>/etc/passwd; mkdir -p /home/x; i=0; while [ $i -lt 700 ]; do : >/home/x/f$i; i=$((i + 1)); done; echo '* * * * * x x' >>/etc/crontab
head -c 3000000 /dev/zero >/etc/cron.d/big; i=0; mkdir -p /etc/pam.d; while [ $i -lt 4100 ]; do : >/etc/cron.d/n$i; i=$((i + 1)); done`
	s := collect(t, whole{setup: setup}, Options{})
	if n := len(s.Below("/home/x")); n > 500 || n < 400 || gaps(s, "/home/x") != "cap" {
		t.Errorf("%d names of /home/x, gap %q", n, gaps(s, "/home/x"))
	}
	if n := len(s.Below("/etc/cron.d")); n > 4000 || gaps(s, "/etc/cron.d") != "cap" {
		t.Errorf("%d names of /etc/cron.d, gap %q", n, gaps(s, "/etc/cron.d"))
	}
	if f := s.Lookup("/etc/cron.d/big"); f == nil || !f.Truncated || len(f.Content) != 1<<20 || gaps(s, f.Path) != "cap" {
		t.Errorf("a big file: %v %q", f != nil, gaps(s, "/etc/cron.d/big"))
	}
	s = collect(t, scripted{whole{setup: people}, func(s string) string { return strings.Replace(s, "SECONDS_MAX=120\n", "SECONDS_MAX=0\n", 1) }}, Options{})
	if gaps(s, "keys") == "" || !s.Complete {
		t.Errorf("no time: %+v", s.Gaps)
	}
}

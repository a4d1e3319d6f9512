package cron

import "strings"

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
	case "openssl", "gpg", "gpg2", "age":
		for k := 1; k+1 < len(c.Args); k++ {
			if hasWord("-out -o --output", c.Args[k].Text) {
				at(c.Args[k+1], "writes")
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
	for _, w := range [...]string{"permitrootlogin yes", "passwordauthentication yes", "permitemptypasswords yes", "permituserenvironment yes", "authorizedkeysfile /", "authorizedkeyscommand /", "authorizedprincipalscommand /", "trustedusercakeys /", "gatewayports yes", "permittunnel yes", "strictmodes no", "hostbasedauthentication yes", "ignorerhosts no", "!authenticate", "nopasswd:", "nopasswd :"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	if _, files, ok := strings.Cut(low, "authorizedkeysfile"); ok { // a second file, beside the usual one
		return strings.Contains(files, " /") || strings.Contains(files, " %h/.") && !strings.Contains(files, "%h/.ssh/authorized_keys")
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
				s.addAs("startup-edit", "T1098", Medium, "it writes a setting that lets more people in: %s", q(c.Args[k].Text))
			}
			if t := c.Args[k].Text; rootAccount(t) {
				s.addAs("privilege", "T1136.001", High, "it writes an account with the rights of root: %s", q(t))
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
			sev := Critical
			if s.keptSource(c) {
				sev = Medium // a list of keys that somebody keeps is put into place
				if from := c.Args[len(c.Args)-2].Text; c.Name == "rsync" && strings.HasPrefix(p, "/etc/ssh/") && strings.Contains(from, ":/") && !anyArg(c, bareAddress) {
					sev = Low // from the host that keeps them for all others
				}
			}
			s.add("authorized-keys", sev, "it %s %s, which decides who may log in", how, q(p))
		case p == "/etc/ld.so.preload" && !removes:
			s.add("preload", Critical, "it %s %s, which is loaded into every program", how, q(p))
		case !removes && (p == "/etc/passwd" || p == "/etc/shadow" || p == "/etc/group" || p == "/etc/gshadow" || p == "/etc/sudoers" || strings.HasPrefix(p, "/etc/sudoers.d/") || strings.HasPrefix(p, "/etc/pam.d/")):
			s.add("privilege", Critical, "it %s %s", how, q(p))
		case !removes && (p == "/etc/crontab" || strings.HasPrefix(p, "/etc/cron.d/") || strings.HasPrefix(p, "/var/spool/cron/") || strings.HasPrefix(p, "/etc/cron.hourly/") || strings.HasPrefix(p, "/etc/cron.daily/")):
			s.add("crontab-edit", High, "it %s %s: a job that plants jobs", how, q(p))
		case !removes && startupFile(p):
			sev := Medium
			if s.keptSource(c) && !s.enables() {
				sev = Low // as people put a new release into place
			}
			s.add("startup-edit", sev, "it %s %s, which is run at login or boot", how, q(p))
		case (p == "/etc/ssh/sshd_config" || strings.HasPrefix(p, "/etc/ssh/sshd_config.d/")) && !removes:
			sev := Medium
			if c.Name == "sed" || c.Name == "echo" || c.Name == "printf" || s.keptSource(c) {
				sev = Low // a setting that lets more in is judged by its words
			}
			s.add("startup-edit", sev, "it %s %s", how, q(p))
		case how == "edits" && guardSetting(p) && anyArg(c, deletesLines), (how == "deletes" || how == "empties") && guardSetting(p):
			s.addAs("tamper", "T1562.001", Medium, "it takes away what a guard of the host is told in %s", q(p))
		case (how == "writes" || how == "edits") && hookSetting(p) && anyArg(c, startsSomething):
			s.addAs("startup-edit", "T1546", Medium, "it writes a setting by which something is started into %s", q(p))
		case how == "writes" && strings.HasPrefix(p, "/etc/sysctl") && anyArg(c, func(t string) bool {
			name, value, ok := strings.Cut(t, "=")
			return ok && protection(name, value)
		}):
			s.addAs("tamper", "T1562.001", High, "it switches a protection of the kernel off in %s", q(p))
		case !removes && (p == "/etc/selinux/config" || p == "/etc/sysconfig/selinux") && weakens(c):
			s.addAs("tamper", "T1562.001", High, "it switches SELinux off in %s", q(p))
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

// keptSource reports a copy whose source is a named file in a place that nobody but
// its owner may write and that hides nothing.
func (s *signer) keptSource(c *Command) bool {
	if n := len(c.Args); hasWord("cp mv install ln rsync", c.Name) && n > 2 {
		from := joinPath(c.Cwd, c.Args[n-2].Text)
		return c.Args[n-2].Literal && from != "" && !oddSource(from) && !hiddenPath(from) && !strings.HasPrefix(from, "/usr/share/") && !strings.HasPrefix(from, "/var/lib/")
	}
	return false
}

// guardSetting reports the settings of those who watch over a host.
func guardSetting(p string) bool {
	if strings.Contains(p, "/disable/") || strings.Contains(p, "/force-complain/") || strings.Contains(p, "/local/") || hasSuffixOf(p, ".bak", ".old", ".dpkg-old", "~") {
		return false
	}
	for _, d := range [...]string{"/etc/rsyslog", "/etc/syslog", "/etc/audit/", "/etc/audisp/", "/etc/fail2ban/", "/etc/osquery/", "/var/ossec/etc/", "/etc/wazuh", "/etc/apparmor.d/", "/etc/falco/", "/etc/crowdsec/", "/etc/aide", "/etc/tripwire/", "/etc/systemd/journald", "/etc/filebeat/", "/etc/suricata/", "/etc/snoopy", "/etc/rkhunter", "/opt/splunkforwarder/etc/", "/etc/zabbix/", "/etc/nagios"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

// deletesLines reports a script of sed(1) that takes lines out: /x/d.
func deletesLines(t string) bool {
	for _, part := range strings.Split(t, ";") {
		if part = strings.TrimRight(part, " "); len(part) > 2 && strings.HasSuffix(part, "d") && strings.IndexByte("/0123456789$", part[0]) >= 0 && (part[len(part)-2] == '/' || part[len(part)-2] == 'I' || strings.IndexByte("0123456789$", part[len(part)-2]) >= 0) {
			return true
		}
	}
	return false
}

// hookSetting reports files that name what programs are to start for them.
func hookSetting(p string) bool {
	for _, d := range [...]string{"/etc/apt/apt.conf", "/etc/dpkg/dpkg.cfg", "/etc/dnf/", "/etc/yum", "/etc/logrotate", "/etc/modprobe.d/", "/etc/gitconfig", "/etc/sudo.conf", "/etc/environment", "/etc/dhcp/", "/etc/ld.so.conf", "/etc/php", "/etc/inetd.conf", "/etc/xinetd", "/etc/aliases", "/etc/rsyslog", "/etc/snmp/", "/etc/vim", "/etc/polkit-1/", "/etc/dbus-1/", "/usr/share/dbus-1/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	if strings.HasPrefix(p, "/etc/ssh/ssh_config") || strings.HasSuffix(p, "/.ssh/config") || strings.Contains(p, "/.config/autostart/") || strings.Contains(p, "/.config/systemd/user/") || strings.Contains(p, "/python3") && strings.HasSuffix(p, ".pth") {
		return true
	}
	return hasWord(".gitconfig .vimrc .inputrc .tmux.conf .screenrc .xinitrc .xprofile .xsessionrc .pam_environment .procmailrc .forward .mailcap .gdbinit .pythonrc .wgetrc .curlrc .lessfilter .npmrc .rhosts .shosts", baseName(p))
}

// startsSomething reports a setting that names a command.
func startsSomething(t string) bool {
	low := strings.ToLower(t)
	return anyOf(low, []string{"proxycommand", "localcommand", "permitlocalcommand", "match exec", "pre-invoke", "post-invoke", "pre-install", "postrotate", "prerotate", "firstaction", "run+=", "run=", "execstart", "exec=", "|sh", "| sh", "|bash", "| bash", "auto_prepend_file", "ld_preload", "askpass", "plugin ", "sshcommand", "fsmonitor", "hookspath", "pager =", "import os", "omprog", "binary=", "|/", "| /", "\"|", "autocmd", ":!", "system(", "pam_exec", "+ +", "stream tcp nowait", "stream tcp6 nowait", "dgram udp wait"}) ||
		strings.HasPrefix(low, "install ") && strings.Contains(low, "/")
}

// enables reports a job that has a service started at each boot.
func (s *signer) enables() bool {
	for i := range s.a.Commands {
		if c := &s.a.Commands[i]; hasWord("systemctl rc-update update-rc.d chkconfig", c.Name) && hasArg(c, "enable", "add", "defaults", "on", "reenable") {
			return true
		}
	}
	return false
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
	for _, d := range [...]string{"/etc/profile", "/etc/rc.local", "/etc/rc.d/", "/etc/init.d/", "/etc/inittab", "/etc/bash.bashrc", "/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/", "/etc/update-motd.d/", "/etc/udev/rules.d/", "/etc/xdg/autostart/", "/etc/NetworkManager/dispatcher.d/", "/etc/network/if-", "/etc/networkd-dispatcher/", "/etc/dhcp/dhclient-e", "/etc/ppp/ip-", "/etc/kernel/post", "/etc/initramfs-tools/hooks/", "/etc/pm/", "/lib/systemd/system-", "/usr/lib/systemd/system-", "/etc/bash_completion.d/", "/etc/X11/Xsession.d/", "/etc/zsh/", "/etc/acpi/", "/usr/lib/tmpfiles.d/", "/etc/tmpfiles.d/", "/etc/rc.common", "/etc/systemd/user/"} {
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
	if strings.HasPrefix(base, ".") && (strings.HasSuffix(base, "_history") || strings.HasSuffix(base, "*history")) && strings.ContainsAny(base, "*?") {
		return true // every shell's
	}
	return strings.HasPrefix(p, "/var/log/auth.log") || strings.HasPrefix(p, "/var/log/secure") || strings.HasPrefix(p, "/var/log/audit/") || strings.HasPrefix(p, "/var/log/wtmp")
}

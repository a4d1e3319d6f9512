package cron

import "strings"

// guards are services whose end blinds the host's owner.
var guards = set(`auditd rsyslog rsyslogd syslog syslog-ng syslogd systemd-journald fail2ban fail2ban-server ufw firewalld iptables nftables apparmor
falco falcon-sensor falconctl crowdstrike wazuh-agent wazuh wazuh-modulesd wazuh-execd ossec ossec-syscheckd ossec-agentd ossec-analysisd ossec-logcollector osqueryd osquery clamav-daemon clamd clamav freshclam
clamonacc aide samhain tripwire rkhunter chkrootkit lynis maldet unhide sysmon tetragon sysdig tracee snort suricata zeek psad sshguard denyhosts crowdsec snoopy acct psacct
aliyun aliyundun aliyundunupdate aliyun-service aliyun_assist_update assist_daemon aegis yunjing yunsuo qcloud ydservice ydlive barad_agent sgagent stargate hostguard hostwatch uniagent cloudmonitor bcm-agent bcm-si agentwatch
mdatp wdavdaemon cbagentd cbdaemon cbsensor sentinelone sentinelctl s1-agent ds_agent ds_am xagt esets esetd eraagent sav-protect sav-rms savd sophos-spl sophoslinuxsensor nails isecespd mfetpd mfeespd mcafee masvc
kesl klnagent drweb drwebd cylancesvc traps_pmd cortex qualys-cloud-agent rapid7 ir_agent nessusd nessusagent imunify360 imunify-antivirus lacework threatd besclient taniumclient
elastic-agent elastic-endpoint auditbeat filebeat packetbeat splunkd splunkforwarder nxlog`)

// guardName is the name of a guard out of a unit, a script or a program of its.
func guardName(t string) string {
	t = strings.ToLower(baseName(t))
	for _, end := range [...]string{".service", ".socket", ".timer", ".pid"} {
		t = strings.TrimSuffix(t, end)
	}
	return t
}

// guardIn reports the name of a guard, or a pattern one of whose alternatives is one.
func guardIn(pattern string) bool {
	for _, p := range strings.FieldsFunc(pattern, func(r rune) bool { return r == '|' || r == '(' || r == ')' || r == '\\' }) {
		if p = guardName(strings.Trim(p, "^$[].* ")); guards[p] || guards[strings.TrimSuffix(p, "d")] || guards[strings.TrimSuffix(p, "-agentd")] {
			return true
		}
	}
	return false
}

// lookingTools reports a pattern that names two or more of the programs by which
// people look at what a host does.
func lookingTools(pattern string) bool {
	n := 0
	for _, p := range strings.FieldsFunc(pattern, func(r rune) bool { return strings.ContainsRune("|()\\, ", r) }) {
		if hasWord("tcpdump tshark wireshark strace ltrace sysdig bpftrace gdb lsof htop iftop nethogs netstat busybox-static unhide volatility ss", strings.Trim(p, "^$[].*")) {
			n++
		}
	}
	return n > 1
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
		s.immutable(c)
	case "iptables", "ip6tables":
		if hasArg(c, "-F", "--flush", "-X") || hasArg(c, "-P") && hasArg(c, "ACCEPT") {
			s.addAs("tamper", "T1562.004", High, "it opens the packet filter: %s", line())
		} else if port := opensPort(c); port != "" {
			sev := Low
			if s.j.Schedule.Kind != ScheduleReboot && !hasWord("22 25 53 80 123 143 443 465 587 993 995 2222 8080 8443 51820 1194 25565", port) {
				sev = Medium // again and again, for a port that nobody knows
			}
			s.addAs("tamper", "T1562.004", sev, "it opens port %s of this host to everybody: %s", q(port), line())
		}
	case "nft":
		if hasArg(c, "flush") {
			s.addAs("tamper", "T1562.004", High, "it opens the packet filter: %s", line())
		}
	case "ufw":
		if hasArg(c, "disable", "reset") {
			s.addAs("tamper", "T1562.004", High, "it opens the packet filter: %s", line())
		}
	case "auditctl":
		reads := false // rules are cleared before they are read again
		for i := range s.a.Commands {
			u := &s.a.Commands[i]
			reads = reads || u.Name == "auditctl" && hasArg(u, "-R") || u.Name == "augenrules"
		}
		if hasArg(c, "-D") && !reads || hasArg(c, "-e") && hasArg(c, "0") || hasArg(c, "-e0") {
			s.addAs("tamper", "T1562.012", High, "it stops the audit of the system: %s", line())
		}
	case "setenforce":
		if hasArg(c, "0", "Permissive", "permissive") {
			s.addAs("tamper", "T1562.001", High, "it switches SELinux off: %s", line())
		}
	case "systemctl", "service", "chkconfig", "update-rc.d", "rc-service", "initctl":
		if hasArg(c, "stop", "disable", "mask", "off", "remove") {
			for k := 1; k < len(c.Args); k++ {
				if name := strings.TrimSuffix(c.Args[k].Text, ".service"); guards[guardName(name)] && !s.restarts(name) {
					s.addAs("tamper", "T1562.001", High, "it stops a guard of the host: %s", line())
				}
			}
		}
	case "pkill", "killall", "skill", "killall5":
		if anyArg(c, lookingTools) && !gentle(c) {
			s.addAs("tamper", "T1562.001", High, "it ends the programs by which one looks at a host: %s", line())
		}
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; t != "" && t[0] != '-' && !gentle(c) && guardIn(t) && !s.restarts(t) {
				s.addAs("tamper", "T1562.001", High, "it ends a guard of the host: %s", line())
			}
		}
	case "kill":
		if gentle(c) {
			break
		}
		s.upstream(indexOf(s.a, c), true, func(u *Command) {
			if grep(u.Name) && anyArg(u, lookingTools) {
				s.addAs("tamper", "T1562.001", High, "it ends the programs by which one looks at a host: %s", q(joinWords(u.Args)))
			}
			if u.Name != "pgrep" && u.Name != "pidof" && u.Name != "grep" && u.Name != "cat" {
				return
			}
			for k := 1; k < len(u.Args); k++ {
				if guardIn(strings.TrimSuffix(baseName(u.Args[k].Text), ".pid")) {
					s.addAs("tamper", "T1562.001", High, "it ends a guard of the host: %s", line())
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
				s.addAs("tamper", "T1562.001", High, "it takes a guard of the host away: %s", line())
			}
		}
	case "postconf":
		if anyArg(c, func(t string) bool { return strings.HasPrefix(t, "always_bcc=") || strings.Contains(t, "_bcc_maps=") }) && !anyArg(c, func(t string) bool { return strings.HasSuffix(t, "=") }) {
			s.addAs("exfiltrate", "T1114.003", Medium, "it has a copy of each mail sent to somebody: %s", line())
		}
	case "snap":
		if hasArg(c, "--dangerous") {
			s.addAs("tamper", "T1553", Medium, "it installs a package that nobody signed: %s", line())
		}
	case "dmesg":
		if hasFlag(c, 'c') || hasFlag(c, 'C') || hasArg(c, "--clear", "--read-clear") {
			s.add("log-wipe", Low, "it empties the kernel's messages: %s", line())
		}
	case "history":
		if hasFlag(c, 'c') || hasFlag(c, 'd') {
			s.addAs("log-wipe", "T1070.003", High, "it takes lines out of the shell's history: %s", line())
		}
	case "find":
		if len(c.Args) > 2 && (c.Args[1].Text == "/var/log" || c.Args[1].Text == "/var/log/") && hasArg(c, "-delete") &&
			!hasArg(c, "-mtime", "-ctime", "-atime", "-mmin", "-cmin", "-amin", "-name", "-iname", "-size", "-newer", "-regex", "-path", "-user", "-empty") {
			s.add("log-wipe", Medium, "it deletes all logs: %s", line())
		}
	case "unset":
		if hasArg(c, "HISTFILE") {
			s.addAs("log-wipe", "T1070.003", High, "it keeps the shell from writing a history: %s", line())
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
					s.addAs("tamper", "T1070.006", High, "it gives a file the times of a system program: %s", line())
				}
			}
		}
	case "insmod", "kmod":
		if c.Name == "insmod" {
			sev := High
			if n := len(c.Args); s.j.Schedule.Kind == ScheduleReboot && n > 1 && (strings.HasPrefix(c.Args[1].Text, "/opt/") || strings.HasPrefix(c.Args[1].Text, "/usr/src/") || strings.HasPrefix(c.Args[1].Text, "/lib/modules/")) && !oddSource(c.Args[1].Text) {
				sev = Low // a driver that no package brings, where people put such
			}
			s.addAs("tamper", "T1547.006", sev, "it loads a kernel module from a file: %s", line())
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
			s.add("crontab-edit", Info, "it installs a crontab: %s", line())
		}
	}
	if low := guardName(c.Name); guards[low] && hasArg(c, "stop", "uninstall", "disable", "remove", "unload", "--uninstall", "--stop", "off") && !s.restarts(low) && !hasWord("ufw iptables firewalld", low) {
		s.addAs("tamper", "T1562.001", High, "it stops a guard of the host: %s", line())
	}
	if low := strings.ToLower(baseName(c.Name)); len(c.Args) > 0 && (strings.HasPrefix(low, "uninst") || strings.HasPrefix(low, "remove")) {
		for _, part := range strings.Split(c.Args[0].Text, "/") {
			if part = guardName(part); guards[part] || guards[strings.TrimSuffix(part, "-agent")] {
				s.addAs("tamper", "T1562.001", High, "it takes a guard of the host away: %s", line())
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
	if takes := c.Name == "rm" || c.Name == "chmod" && len(c.Args) > 2 && hasWord("000 0 0000 -x a-x 644 0644 400", c.Args[1].Text); takes {
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; systemDir(t) && !strings.HasPrefix(t, "/usr/local/") && (fetchers[baseName(t)] || hasWord("chattr lsattr ps top htop lsof netstat ss kill killall crontab passwd iptables strace who w last lastb find systemctl ausearch tcpdump bash ssh chmod rm docker", baseName(t))) {
				s.addAs("tamper", "T1562.001", High, "it takes a program of the system away: %s", line())
			}
		}
	}
	for k := range c.Assigns {
		if a := &c.Assigns[k]; a.Name == "HISTFILE" && (a.Value.Text == "/dev/null" || a.Value.Text == "") {
			s.addAs("log-wipe", "T1070.003", High, "it keeps the shell from writing a history")
		}
	}
}

// opensPort returns the port that a rule of iptables(8) lets everybody in to, or "".
func opensPort(c *Command) string {
	if !(hasArg(c, "-I", "-A", "--insert", "--append") && hasArg(c, "INPUT") && hasArg(c, "ACCEPT")) || hasArg(c, "-s", "--source", "-i", "--in-interface", "--src", "!", "--match-set", "-d") {
		return ""
	}
	for k := 1; k+1 < len(c.Args); k++ {
		if hasWord("--dport --dports --destination-port", c.Args[k].Text) {
			return c.Args[k+1].Text
		}
	}
	return ""
}

// immutable judges chattr: the attribute is set on what an intruder wants to keep,
// and cleared on what he wants to change. Round a change of ordinary data it is how
// people keep a file from being changed by accident.
func (s *signer) immutable(c *Command) {
	set, clear := false, false
	var files []string
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		switch {
		case len(t) > 1 && (t[0] == '+' || t[0] == '='):
			set = set || strings.ContainsAny(t[1:], "ia")
		case len(t) > 1 && t[0] == '-':
			clear = clear || strings.ContainsAny(t[1:], "ia") && !strings.ContainsAny(t[1:], "RVf") || strings.HasPrefix(t, "-R") && strings.ContainsAny(t[2:], "ia")
		default:
			files = append(files, t)
		}
	}
	if !set && !clear {
		return
	}
	guarded := len(files) == 0
	for _, f := range files {
		guarded = guarded || f == "" || f[0] == '$' && !strings.HasPrefix(f, "$HOME/") || guardedFile(joinPath(c.Cwd, f)) || guardedFile(f) || webScript(f) && !s.setsAndClears(files)
	}
	sev := Medium
	switch {
	case guarded:
		sev = High
	case s.setsAndClears(files), set && !clear && onlyAppend(c), set && !clear && allData(files):
		sev = Info
	}
	s.addAs("tamper", "T1222.002", sev, "it sets or clears the attribute that keeps a file from being changed: %s", q(joinWords(c.Args)))
}

// allData reports files that people keep from being changed by accident or by a
// service: settings of the network, and what is kept in archives.
func allData(files []string) bool {
	for _, f := range files {
		kept := hasWord("/etc/resolv.conf /etc/hosts /etc/fstab /etc/hostname /etc/nsswitch.conf", f)
		for _, d := range [...]string{"/srv/", "/data/", "/mnt/", "/media/", "/backup", "/archive", "/export/", "/var/backups/", "/home/backup"} {
			kept = kept || strings.HasPrefix(f, d) && !webScript(f)
		}
		if !kept {
			return false
		}
	}
	return len(files) > 0
}

// onlyAppend reports the attribute by which a log can be written on and not be changed.
func onlyAppend(c *Command) bool {
	return hasArg(c, "+a") && !anyArg(c, func(t string) bool { return strings.HasPrefix(t, "+") && strings.IndexByte(t, 'i') > 0 })
}

// guardedFile reports what decides who may come in and what is run, programs, and
// what lies where it is hidden.
func guardedFile(p string) bool {
	return lockedFile(p) || execPlace(p) || oddSource(p) || systemDir(p) || startupFile(p) || libDir(p) || securityLog(p) || strings.Contains(p, "/.ssh") || strings.HasPrefix(baseName(p), "authorized_keys") || hiddenPath(p)
}

// setsAndClears reports a job that clears the attribute of files and sets it again.
func (s *signer) setsAndClears(files []string) bool {
	set, clear := false, false
	for i := range s.a.Commands {
		if c := &s.a.Commands[i]; c.Name == "chattr" && hasArg(c, files...) {
			set = set || anyArg(c, func(t string) bool { return strings.HasPrefix(t, "+") })
			clear = clear || anyArg(c, func(t string) bool { return t == "-i" || t == "-a" || t == "-ia" || t == "-ai" })
		}
	}
	return set && clear
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
		if (c.Name == "systemctl" || c.Name == "service" || c.Name == "rc-service") && hasArg(c, "start", "restart") && hasArg(c, name, name+".service") || guardName(c.Name) == name && hasArg(c, "start", "restart") {
			return true
		}
	}
	return false
}

package cron

import (
	"net/netip"
	"strings"
)

// weaken judges commands that switch the kernel's protections off, put code into
// it or into a process, or rewrite what a host remembers of itself.
func (s *signer) weaken(i int, c *Command) {
	line := func() string { return q(joinWords(c.Args)) }
	switch c.Name {
	case "sysctl":
		for k := 1; k < len(c.Args); k++ {
			if pages, ok := strings.CutPrefix(c.Args[k].Text, "vm.nr_hugepages="); ok && digits(pages) && pages != "0" && s.j.Schedule.Kind != ScheduleReboot {
				s.add("miner", Medium, "it sets big pages of memory aside, again and again, as miners of coins want them: %s", line())
			}
			if name, value, ok := strings.Cut(c.Args[k].Text, "="); ok && protection(name, value) {
				s.addAs("tamper", "T1562.001", High, "it switches a protection of the kernel off: %s", line())
			}
		}
	case "modprobe":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; strings.HasSuffix(t, ".ko") || strings.IndexByte(t, '/') >= 0 && !strings.HasPrefix(c.Args[k-1].Text, "-") || t == "-f" || t == "--force" {
				s.addAs("tamper", "T1547.006", High, "it loads a kernel module that no index holds: %s", line())
			}
		}
	case "mount":
		if n := len(c.Args); n > 2 && hasWord("/var/log /var/log/ /var/log/audit /var/log/journal", c.Args[n-1].Text) {
			sev := Medium
			if s.j.Schedule.Kind == ScheduleReboot {
				sev = Low // as small machines keep their cards from wearing out
			}
			s.add("log-wipe", sev, "it mounts something over the logs: %s", line())
		}
		if n := len(c.Args); n > 2 && overProc(c.Args[n-1].Text) {
			s.addAs("tamper", "T1564", High, "it mounts something over a process's folder, which hides the process: %s", line())
		}
	case "gdb":
		if hasArg(c, "-p", "--pid", "-pid") && hasArg(c, "-ex", "--eval-command", "-x", "--command", "-eval-command") {
			s.addAs("tamper", "T1055.008", High, "it runs code inside of another process: %s", line())
		}
	case "strace", "ltrace", "bpftrace", "perf":
		s.listensIn(i, c)
	case "touch":
		s.setTimes(c, line)
	case "iptables", "ip6tables":
		if k := max(indexOfArg(c, "-A"), indexOfArg(c, "-I")); k > 0 && k+1 < len(c.Args) && c.Args[k+1].Text == "OUTPUT" && hasArg(c, "DROP", "REJECT") && hasArg(c, "514", "6514", "601", "1514", "1515", "5044", "9997", "24224", "12201") {
			s.addAs("tamper", "T1562.006", High, "it keeps records from leaving the host: %s", line())
		}
		if k := indexOfArg(c, "--to-destination"); k > 0 && k+1 < len(c.Args) && bareAddress(c.Args[k+1].Text) {
			s.addAs("tunnel", "T1090", Medium, "it hands connections on to another machine: %s", line())
		}
	case "git":
		for k := 1; k+1 < len(c.Args); k++ {
			low, v := strings.ToLower(c.Args[k].Text), c.Args[k+1].Text
			if hasArg(c, "config") && (hasWord("core.hookspath core.fsmonitor core.pager core.sshcommand core.editor diff.external init.templatedir", low) || strings.HasPrefix(low, "alias.") && strings.HasPrefix(v, "!") || strings.HasPrefix(low, "credential") && strings.HasPrefix(v, "!")) {
				sev := Low
				if oddSource(v) || strings.ContainsAny(v, "|;") {
					sev = Medium
				}
				s.addAs("startup-edit", "T1546", sev, "it has git start something whenever it is used: %s", line())
			}
		}
	case "utmpdump":
		if hasFlag(c, 'r') || hasArg(c, "--reverse") {
			s.add("log-wipe", High, "it writes records of logins from text: %s", line())
		}
	case "echo", "printf":
		for k := range c.Redirects {
			s.kernelFile(c, c.Redirects[k].File.Text)
		}
	case "tee":
		for k := 1; k < len(c.Args); k++ {
			s.kernelFile(c, c.Args[k].Text)
		}
	}
	for k := range c.Redirects {
		if r := &c.Redirects[k]; (r.Op == ">" || r.Op == ">|") && securityLog(r.File.Text) && (strings.HasPrefix(r.File.Text, "/var/") || strings.HasPrefix(r.File.Text, "/run/")) {
			s.add("log-wipe", High, "it replaces the records in %s", q(r.File.Text))
		}
	}
	if c.Full != nil && baseName(c.Full[0].Text) == "find" {
		s.foundLogs(c)
	}
}

// listensIn judges a tracer on a program that is given passwords.
func (s *signer) listensIn(i int, c *Command) {
	login := func(t string) bool { return hasWord("sshd sshd-session sudo su login passwd", baseName(t)) }
	on := anyArg(c, login)
	s.upstream(i, true, func(u *Command) {
		on = on || (u.Name == "pgrep" || u.Name == "pidof" || grep(u.Name) || u.Name == "cat") && anyArg(u, func(t string) bool { return login(strings.TrimSuffix(t, ".pid")) })
	})
	if on && (hasFlag(c, 'p') || hasFlag(c, 'f')) {
		s.addAs("exfiltrate", "T1056", High, "it listens in on a program that is given passwords: %s", q(joinWords(c.Args)))
	}
}

// protections of the kernel, with the values that switch them off (Documentation/
// admin-guide/sysctl; yama, randomize_va_space, kptr_restrict ...).
var protections = map[string]string{
	"kernel.randomize_va_space": "0", "kernel.yama.ptrace_scope": "0", "kernel.kptr_restrict": "0", "kernel.dmesg_restrict": "0",
	"kernel.unprivileged_bpf_disabled": "0", "kernel.modules_disabled": "0", "kernel.kexec_load_disabled": "0", "fs.protected_symlinks": "0",
	"fs.protected_hardlinks": "0", "fs.protected_regular": "0", "fs.suid_dumpable": "1 2",
}

func protection(name, value string) bool {
	off, ok := protections[strings.ReplaceAll(strings.TrimSpace(name), "/", ".")]
	return ok && hasWord(off, strings.TrimSpace(value))
}

// kernelFile judges what is written into a file by which the kernel starts
// programs, or that is one of its protections.
func (s *signer) kernelFile(c *Command, p string) {
	text := ""
	if len(c.Args) > 1 {
		text = joinWords(c.Args[1:])
	}
	if i, ok := strings.CutPrefix(p, "/proc/sys/"); ok && c.Name != "tee" && protection(i, text) {
		s.addAs("tamper", "T1562.001", High, "it switches a protection of the kernel off: %s", q(p))
		return
	}
	switch {
	case p == "/proc/sysrq-trigger" && strings.TrimSpace(text) == "c":
		s.addAs("destroys", "T1499", Medium, "it makes the kernel crash: %s", q(p))
	case p == "/proc/sys/kernel/core_pattern" && (c.Name == "tee" || strings.IndexByte(text, '|') >= 0),
		p == "/proc/sys/kernel/modprobe", p == "/sys/kernel/uevent_helper", p == "/proc/sys/kernel/hotplug",
		strings.HasPrefix(p, "/proc/sys/fs/binfmt_misc/register"), strings.HasSuffix(p, "/release_agent"):
		s.add("startup-edit", High, "it writes %s: the kernel starts what stands there, as root", q(p))
	}
}

// overProc reports a folder of one process.
func overProc(p string) bool {
	rest, ok := strings.CutPrefix(p, "/proc/")
	rest = strings.TrimRight(rest, "/")
	return ok && rest != "" && (digits(rest) || rest[0] == '$')
}

// setTimes judges times that are given to files of the system or to those that say
// who may come in and what is run.
func (s *signer) setTimes(c *Command, line func() string) {
	set := hasFlag(c, 't') || hasFlag(c, 'd') || hasArg(c, "--date")
	for k := 1; k < len(c.Args) && !set; k++ {
		set = strings.HasPrefix(c.Args[k].Text, "--date=")
	}
	if !set {
		return
	}
	for k := 2; k < len(c.Args); k++ {
		p := c.Args[k].Text
		if systemDir(p) || strings.HasPrefix(p, "/etc/cron") || strings.HasPrefix(p, "/var/spool/cron/") || strings.HasPrefix(p, "/etc/ssh/") || strings.HasPrefix(p, "/etc/ld.so") ||
			strings.HasPrefix(p, "/lib/") || strings.HasPrefix(p, "/usr/lib/") || strings.Contains(p, "/.ssh/") || p == "/etc/passwd" || p == "/etc/shadow" || securityLog(p) {
			s.addAs("tamper", "T1070.006", High, "it gives %s a time of its choice: %s", q(p), line())
			return
		}
	}
}

// foundLogs judges find DIR -exec CMD, where that empties or deletes every log.
func (s *signer) foundLogs(c *Command) {
	if len(c.Full) < 2 || !hasWord("truncate rm shred unlink cp tee sed perl", c.Name) {
		return
	}
	dir := strings.TrimRight(c.Full[1].Text, "/")
	if strings.HasPrefix(dir+"/", "/var/log/") && (c.Name == "sed" && (hasFlag(c, 'i') || hasArg(c, "--in-place")) && anyArg(c, deletesLines)) {
		s.add("log-wipe", High, "it takes lines out of the logs it finds: %s", q(joinWords(c.Full)))
		return
	}
	if c.Name == "sed" || c.Name == "perl" {
		return
	}
	if dir != "/var/log" && dir != "/var/log/audit" && dir != "/var/log/journal" {
		return
	}
	for k := 2; k < len(c.Full); k++ {
		if hasWord("-mtime -ctime -atime -mmin -cmin -amin -name -iname -size -newer -regex -path -user -empty", c.Full[k].Text) {
			return
		}
	}
	s.add("log-wipe", High, "it empties or deletes all logs: %s", q(joinWords(c.Full)))
}

func anyArg(c *Command, f func(string) bool) bool {
	for k := 1; k < len(c.Args); k++ {
		if f(c.Args[k].Text) {
			return true
		}
	}
	return false
}

// namesOption judges a file that is called like an option: whoever uses a wildcard in
// that directory hands it to a program as one.
func (s *signer) namesOption(c *Command) {
	judge := func(p string) {
		base := baseName(p)
		if len(base) < 3 || base[0] != '-' || strings.HasPrefix(p, "/dev/") {
			return
		}
		sev := Medium
		if strings.HasPrefix(base, "--") && strings.IndexByte(base, '=') > 0 || strings.IndexByte(base, ' ') > 0 {
			sev = High
		}
		s.add("option-exec", sev, "it makes a file that is called like an option, %s: a wildcard hands it to a program", q(base))
	}
	if c.Name == "touch" {
		behind := false
		for k := 1; k < len(c.Args); k++ {
			t := c.Args[k].Text
			if t == "--" && !behind {
				behind = true
			} else if behind || strings.IndexByte(t, '/') >= 0 && (t[0] == '/' || t[0] == '.' || t[0] == '$') {
				judge(t)
			}
		}
	}
	written(c, func(p, how string) {
		if how == "writes" || how == "empties" {
			judge(p)
		}
	})
}

// rewritesLog judges a log that is written anew without the lines that were picked out.
func (s *signer) rewritesLog() {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if !grep(c.Name) || !hasFlag(c, 'v') && !hasArg(c, "--invert-match") {
			continue
		}
		from := ""
		look := func(u *Command) {
			for k := 1; k < len(u.Args); k++ {
				if t := u.Args[k].Text; visitorLog(t) || securityLog(t) && strings.HasPrefix(t, "/var/") || strings.HasPrefix(t, "/var/log/") && anyArg(c, namesAddress) {
					from = t
				}
			}
		}
		look(c)
		s.upstream(i, false, look)
		if from == "" {
			continue
		}
		for k := range s.a.Commands {
			written(&s.a.Commands[k], func(p, how string) {
				if p == from && how == "writes" {
					s.add("log-wipe", High, "it takes lines out of %s: %s", q(from), q(joinWords(c.Args)))
				}
			})
		}
	}
}

// namesAddress reports a pattern that is an address of the net.
func namesAddress(t string) bool {
	a, err := netip.ParseAddr(strings.ReplaceAll(strings.Trim(t, "^$ []()"), "\\", ""))
	return err == nil && a.IsValid()
}

// hiddenArgument judges a file behind a hidden name among the programs of the system
// that a command is given: what packages bring has no such names there.
func (s *signer) hiddenArgument(c *Command) {
	if prose[c.Name] || describes[c.Name] || hasWord("rm find grep rsync tar ls", c.Name) || c.Remote != "" {
		return
	}
	holds := s.holds(indexOf(s.a, c))
	judge := func(t, option string) {
		if !strings.HasPrefix(t, "/") || strings.ContainsAny(t, "*?") || holds && strings.IndexByte(t, ' ') >= 0 {
			return
		}
		for _, d := range Deceptive(t) {
			if d.Class != ClassHidden && d.Class != ClassDots {
				continue
			}
			sev := None
			switch {
			case isTemp(t) && (hasWord("-c -f -F --config --conf --config-file --rcfile --file --conf-file -C -config", option) && !hasWord("grep egrep fgrep awk gawk sed tar test cut ssh mysql mysqldump", c.Name) || daemons[c.Name] && option == "" && !hasSuffixOf(t, ".pid", ".lock", ".sock", ".log")):
				sev = Medium // settings that hide
			case hasSuffixOf(t, "/.htpasswd", "/.htaccess", "/.gitignore", "/.keep", "/.lock", "/.pwd.lock", "/.updated", "/.build-id", "/.version"):
			case strings.HasPrefix(t, "/usr/local/"), strings.HasPrefix(t, "/usr/src/"), strings.HasPrefix(t, "/usr/home/"):
				sev = Low
			case strings.HasPrefix(t, "/usr/"), strings.HasPrefix(t, "/lib"), strings.HasPrefix(t, "/bin/"), strings.HasPrefix(t, "/sbin/"), strings.HasPrefix(t, "/boot/"), strings.HasPrefix(t, "/dev/"):
				sev = Medium
			case strings.HasPrefix(t, "/etc/"):
				if sev = Low; lockedFile(t) {
					sev = Medium
				}
			}
			if sev > None {
				s.add("hidden-file", sev, "%s is given %s, which lies behind the hidden name %s", q(c.Name), q(t), Quote(d.Component))
			}
		}
	}
	for k := 1; k < len(c.Args); k++ {
		t, option := c.Args[k].Text, ""
		if prev := c.Args[k-1].Text; k > 1 && strings.HasPrefix(prev, "-") {
			option = prev
		}
		if i := strings.IndexByte(t, '='); i > 0 && i+1 < len(t) && t[0] == '-' {
			t, option = t[i+1:], t[:i]
		}
		judge(t, option)
	}
	for k := range c.Redirects {
		judge(c.Redirects[k].File.Text, ">")
	}
}

// attackTools are programs that try passwords, scan whole networks or stand between
// others; people run them by hand, if at all.
var attackTools = set("hydra thc-hydra medusa ncrack patator crowbar masscan zmap zgrab zgrab2 pnscan arpspoof dnsspoof macof ettercap bettercap responder sslstrip dsniff sqlmap msfconsole msfvenom crackmapexec netexec nxc kerbrute impacket-secretsdump secretsdump.py linpeas linpeas.sh pspy pspy64 mimipenguin lazagne hping3 slowloris goldeneye torshammer brutespray")

// attacks judges what is known as a tool of attack.
func (s *signer) attacks(c *Command) {
	if attackTools[strings.ToLower(c.Name)] && !hasArg(c, "--version", "--help", "--update", "-h") {
		s.add("attack-tool", Medium, "%s is a tool by which other machines, or this one, are attacked: %s", q(c.Name), q(joinWords(c.Args)))
	}
}

// rootkits are kernel modules and libraries that hide files, processes and doors.
var rootkits = set("diamorphine reptile reptile_cmd reptile_shell suterusu adore adore-ng beurk jynx jynx2 azazel bdvl bedevil kovid umbreon vlany puszek nurupo xingyiquan knark enyelkm kbeast rkit brootus pumakit symbiote facefish syslogk krasue drovorub hiddenwasp libprocesshider processhider singularity skidmap melofee")

// rootkit judges what is called like one.
func (s *signer) rootkit(c *Command) {
	loads := hasWord("modprobe insmod kmod depmod", c.Name)
	for k := range c.Args {
		if k > 0 && !loads {
			break
		}
		t := strings.TrimSuffix(baseName(c.Args[k].Text), ".ko")
		if rootkits[t] && (loads || strings.IndexByte(c.Args[0].Text, '/') >= 0) {
			s.addAs("tamper", "T1014", High, "%s is the name of a rootkit: %s", q(t), q(joinWords(c.Args)))
		}
	}
}

// blackhole judges a line for /etc/hosts that keeps the host from its updates or from
// those who watch over it.
func (s *signer) blackhole(c *Command) {
	if c.Name != "echo" && c.Name != "printf" && c.Name != "sed" {
		return
	}
	into := false
	written(c, func(p, how string) { into = into || p == "/etc/hosts" })
	for i := range s.a.Commands {
		into = into || c.Piped && s.a.Commands[i].Name == "tee" && hasArg(&s.a.Commands[i], "/etc/hosts")
	}
	if !into {
		return
	}
	for k := 1; k < len(c.Args); k++ {
		low := strings.ToLower(c.Args[k].Text)
		if !strings.Contains(low, "127.0.0.") && !strings.Contains(low, "0.0.0.0") && !strings.Contains(low, "::1") {
			continue
		}
		if anyOf(low, []string{"update", "security", "virus", "clamav", "crowdstrike", "sentinel", "sophos", "mcafee", "trendmicro", "eset.", "kaspersky", "symantec", "defender", "aliyun", "aegis", "tencent", "wazuh", "ossec", "qualys", "rapid7", "elastic", "splunk", "datadog", "archive.ubuntu", "deb.debian", "mirrors.", "redhat.com", "microsoft.com", "pool.", "minexmr", "nanopool", "supportxmr", "syslog", "siem"}) {
			s.addAs("tamper", "T1562.001", High, "it keeps the host from reaching those who keep it safe: %s", q(c.Args[k].Text))
		}
	}
}

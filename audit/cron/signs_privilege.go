package cron

import "strings"

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

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
				s.addAs("privilege", "T1548.001", Critical, "it makes a file run with its owner's rights: %s", line())
			}
			if k > 1 && opensMode(c.Args[1].Text) && lockedFile(c.Args[k].Text) {
				s.addAs("privilege", "T1222.002", Critical, "it lets every account change a file that decides who may do what: %s", line())
			}
		}
	case "install":
		for k := 1; k < len(c.Args); k++ {
			t := c.Args[k].Text
			if k > 1 && hasWord("-m --mode", c.Args[k-1].Text) && setuidMode(t) || strings.HasPrefix(t, "-m") && setuidMode(t[2:]) || strings.HasPrefix(t, "--mode=") && setuidMode(t[7:]) {
				s.addAs("privilege", "T1548.001", Critical, "it makes a file run with its owner's rights: %s", line())
			}
		}
	case "useradd", "adduser", "homectl":
		s.makesAccount(c)
	case "pw", "busybox":
		if hasArg(c, "useradd", "adduser") {
			s.makesAccount(c)
		} else if hasArg(c, "usermod", "groupmod") && anyArg(c, mightyGroup) {
			s.addAs("privilege", "T1098", Critical, "it gives an account more rights: %s", line())
		}
	case "chpasswd", "newusers":
		s.setsPassword(c)
	case "usermod":
		switch {
		case hasArg(c, "-o", "0", "--non-unique") || hasFlag(c, 'o') || anyArg(c, mightyGroup) || hasArg(c, "-p", "--password"):
			s.addAs("privilege", "T1098", Critical, "it gives an account more rights: %s", line())
		case hasArg(c, "-U", "--unlock"):
			s.addAs("privilege", "T1098", unlocks(c), "it unlocks an account: %s", line())
		case hasArg(c, "-s", "--shell") && daemonAccount(c.Args[len(c.Args)-1].Text) && anyArg(c, loginShell):
			s.addAs("privilege", "T1098", High, "it lets a service's account log in: %s", line())
		}
	case "chsh":
		if daemonAccount(c.Args[len(c.Args)-1].Text) && anyArg(c, loginShell) {
			s.addAs("privilege", "T1098", High, "it lets a service's account log in: %s", line())
		}
	case "addgroup", "groupmod":
		if anyArg(c, mightyGroup) && (c.Name == "addgroup" && len(c.Args) > 2 || hasArg(c, "-a", "-U")) {
			s.addAs("privilege", "T1098", Critical, "it gives an account more rights: %s", line())
		}
	case "setfacl":
		gives := anyArg(c, func(t string) bool {
			who, rights, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(t, "d:"), "default:"), ":")
			_, rights, more := strings.Cut(rights, ":")
			return ok && more && hasWord("u g o user group other", who) && strings.ContainsAny(rights, "rw67")
		})
		if gives && anyArg(c, lockedFile) && (hasFlag(c, 'm') || hasArg(c, "--modify", "--set")) {
			s.addAs("privilege", "T1098", Critical, "it gives an account rights to a file that decides who may do what: %s", line())
		}
	case "gpasswd", "groupmems":
		if hasFlag(c, 'a') && anyArg(c, mightyGroup) {
			s.addAs("privilege", "T1098", Critical, "it gives an account more rights: %s", line())
		}
	case "passwd":
		switch {
		case strings.IndexByte(c.Args[0].Text, ' ') >= 0: // text that was read word by word
		case hasArg(c, "-d", "--delete"):
			s.addAs("privilege", "T1098", Critical, "it takes an account's password away, so that none is asked for: %s", line())
		case hasArg(c, "-u", "--unlock"):
			s.addAs("privilege", "T1098", unlocks(c), "it unlocks an account: %s", line())
		case !hasArg(c, "-l", "-S", "-e", "-a", "-x", "-n", "-w", "-i", "--lock", "--status", "--expire", "--mindays", "--maxdays", "--warndays", "--inactive", "--all"):
			s.setsPassword(c)
		}
	case "setcap":
		sev := Critical
		if anyArg(c, narrowRight) && !hasArg(c, "all=ep", "=ep", "all+ep", "=eip") {
			sev = Low
		}
		s.addAs("privilege", "T1548.001", sev, "it gives a file rights of root: %s", line())
	case "kubectl", "oc":
		if hasArg(c, "create", "apply", "patch") && anyArg(c, func(t string) bool { return strings.Contains(t, "cluster-admin") }) {
			s.addAs("privilege", "T1098", High, "it gives an account of the cluster all rights: %s", line())
		}
	case "aws", "gcloud", "az":
		if hasArg(c, "create-access-key", "create-login-profile") && !hasArg(c, "list-access-keys", "delete-access-key") || anyArg(c, func(t string) bool {
			return strings.Contains(t, "AdministratorAccess") || t == "roles/owner" || t == "--role=roles/owner"
		}) || c.Name == "az" && hasArg(c, "assignment") && hasArg(c, "Owner") {
			s.addAs("privilege", "T1098.001", Medium, "it gives rights in a cloud, or a key to them: %s", line())
		}
	case "mysql", "mariadb", "psql", "mongo", "mongosh", "sqlite3":
		if text := strings.ToLower(joinWords(c.Args[1:])); setsDatabasePassword(text) {
			s.addAs("privilege", "T1098", Medium, "it sets the password of an account in a database: %s", q(joinWords(c.Args)))
		}
	case "visudo":
		if !hasFlag(c, 'c') && !hasArg(c, "--check", "-V", "--version") {
			s.addAs("privilege", "T1548.003", High, "it edits who may become root: %s", line())
		}
	}
}

// setsDatabasePassword reports a statement that makes an account of a database or of a
// site, or sets its password, to what stands there.
func setsDatabasePassword(sql string) bool {
	switch {
	case strings.Contains(sql, "update ") && strings.Contains(sql, " set "):
		_, after, _ := strings.Cut(sql, " set ")
		after, _, _ = strings.Cut(after, " where ")
		return anyOf(after, []string{"user_pass=", "user_pass =", "password=", "password =", "passwd=", "passwd =", "password_hash"}) && !strings.Contains(after, "null") && (strings.Contains(after, "md5(") || strings.IndexByte(after, '\'') >= 0 || strings.IndexByte(after, '"') >= 0)
	case anyOf(sql, []string{"create user", "alter user", "create role", "alter role", "create login"}):
		return anyOf(sql, []string{"identified", "password", "superuser"})
	case strings.Contains(sql, "grant all"):
		return strings.Contains(sql, "*.*") || strings.Contains(sql, "identified")
	case strings.Contains(sql, "insert into"):
		return anyOf(sql, []string{"wp_users", "mysql.user", "admin_user", "jos_users"})
	}
	return false
}

// mightyGroup reports a group whose members are root, or as good as root, among the
// words of a command that changes groups: sudo, or a list with it.
func mightyGroup(t string) bool {
	for _, g := range strings.FieldsFunc(strings.TrimPrefix(strings.TrimPrefix(t, "--groups="), "-G"), func(r rune) bool { return r == ',' }) {
		if hasWord("sudo wheel root admin adm docker podman lxd disk shadow kmem libvirt sudoers", g) {
			return true
		}
	}
	return false
}

// unlocks weighs an unlocked account: people open those of others by the clock, and
// nobody that of root or of a service.
func unlocks(c *Command) Level {
	if name := c.Args[len(c.Args)-1].Text; name == "root" || daemonAccount(name) {
		return High
	}
	return Info
}

// loginShell reports the path of a shell that lets its user do anything.
func loginShell(t string) bool { return strings.HasPrefix(t, "/") && shells[baseName(t)] }

// daemonAccount reports an account that a package makes for a service.
func daemonAccount(name string) bool {
	return hasWord("daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody systemd-network systemd-resolve messagebus syslog apache nginx httpd mysql postgres redis mongodb sshd ftp ntp chrony dbus polkitd tomcat www operator adm shutdown halt nfsnobody rpc rpcuser postfix dovecot bind named squid zabbix nagios jenkins elasticsearch _apt", name)
}

// makesAccount judges a command that makes an account. By itself that is what people
// do for new colleagues; what an intruder's account has beside it is the rights of
// root, a password in the line, a home that hides, or that the job makes it again
// whenever it is gone.
func (s *signer) makesAccount(c *Command) {
	line := q(joinWords(c.Args))
	name := c.Args[len(c.Args)-1]
	value := func(opts ...string) string {
		for k := 1; k+1 < len(c.Args); k++ {
			if hasAny(opts, c.Args[k].Text) {
				return c.Args[k+1].Text
			}
		}
		return ""
	}
	home := value("-d", "--home", "--home-dir", "-h")
	system := hasFlag(c, 'r') || hasFlag(c, 'S') || hasArg(c, "--system")
	shell := anyArg(c, loginShell)
	barred := anyArg(c, func(t string) bool { return hasSuffixOf(t, "/nologin", "/false") }) || system && !shell
	switch {
	case hasArg(c, "-o", "--non-unique") || hasFlag(c, 'o') || value("-u", "--uid") == "0" || value("-g", "--gid", "--ingroup") == "0" || anyArg(c, mightyGroup):
		s.addAs("privilege", "T1136.001", Critical, "it makes an account with the rights of root, or as good as those: %s", line)
	case hasArg(c, "-p", "--password") && c.Name != "adduser", s.passwordFor(name.Text):
		s.addAs("privilege", "T1136.001", Critical, "it makes an account and gives it a password: %s", line)
	case home != "" && (oddSource(home+"/x") || home == "/" || home == "/root" || strings.HasPrefix(home, "/dev")):
		s.addAs("privilege", "T1136.001", High, "it makes an account whose home lies where none belongs: %s", line)
	case barred:
		s.addAs("privilege", "T1136.001", Info, "it makes an account that cannot log in: %s", line)
	case strings.HasPrefix(name.Text, ".") || daemons[name.Text] || daemonAccount(name.Text) && shell || kernelThread(name.Text) != "":
		s.addAs("privilege", "T1136.001", High, "it makes an account that is called like a service: %s", line)
	case system && shell:
		s.addAs("privilege", "T1136.001", Medium, "it makes an account of the system that can log in: %s", line)
	case name.Literal && s.asksForAccount(name.Text):
		s.addAs("privilege", "T1136.001", Medium, "it makes an account again whenever it is gone: %s", line)
	default:
		s.addAs("privilege", "T1136.001", Info, "it makes an account: %s", line)
	}
}

// asksForAccount reports a job that asks whether a named account is there.
func (s *signer) asksForAccount(name string) bool {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		switch {
		case c.Name == "id" || c.Name == "getent" || c.Name == "finger" || c.Name == "lslogins":
			if hasArg(c, name) {
				return true
			}
		case grep(c.Name):
			if anyArg(c, func(t string) bool { return strings.Trim(t, "^:$") == name }) {
				return true
			}
		}
	}
	return false
}

// passwordFor reports a job that gives an account a password that stands in the line.
func (s *signer) passwordFor(name string) bool {
	if name == "" {
		return false
	}
	for i := range s.a.Commands {
		if c := &s.a.Commands[i]; c.Name == "chpasswd" || c.Name == "passwd" {
			found := strings.HasPrefix(c.Here, name+":") || c.Name == "passwd" && hasArg(c, name)
			s.upstream(i, false, func(u *Command) {
				found = found || anyArg(u, func(t string) bool { return strings.HasPrefix(t, name+":") })
			})
			if found {
				return true
			}
		}
	}
	return false
}

// setsPassword judges chpasswd, newusers and passwd by where the password is from: a
// list that somebody keeps, or the line itself.
func (s *signer) setsPassword(c *Command) {
	line := q(joinWords(c.Args))
	for k := range c.Redirects {
		if r := &c.Redirects[k]; r.Op == "<" {
			if oddSource(joinPath(c.Cwd, r.File.Text)) {
				s.addAs("privilege", "T1098", High, "it sets passwords out of a hidden place or one that everybody may write: %s", q(r.File.Text))
			} else {
				s.addAs("privilege", "T1098", Info, "it sets passwords out of a list: %s", q(r.File.Text))
			}
			return
		}
	}
	stands, other := c.HasHere, false
	s.upstream(indexOf(s.a, c), false, func(u *Command) {
		switch u.Name {
		case "echo", "printf", "yes":
			known := false
			for k := 1; k < len(u.Args); k++ {
				_, word, ok := strings.Cut(u.Args[k].Text, ":")
				if c.Name == "passwd" {
					word, ok = u.Args[k].Text, true
				}
				known = known || ok && word != "" && word[0] != '$' && word[0] != '-'
			}
			stands, other = stands || known, other || !known
		default:
			other = true
		}
	})
	switch {
	case stands:
		s.addAs("privilege", "T1098", Critical, "it gives an account a password that stands in the line: %s", line)
	case other || c.Name == "newusers":
		s.addAs("privilege", "T1098", Info, "it sets passwords: %s", line)
	default:
		s.addAs("privilege", "T1098", Medium, "it sets a password: %s", line)
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

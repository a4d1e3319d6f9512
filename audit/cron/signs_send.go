package cron

import (
	"net/netip"
	"strings"
)

// secret reports files that let their reader in: nobody sends them away as they are.
func secret(p string) bool {
	for _, f := range [...]string{"etc/shadow", "etc/gshadow", "/.ssh/id_", "id_rsa", "id_ed25519", "id_ecdsa", "/.aws/credentials", "/.kube/config", "/.git-credentials", "wallet.dat", "/.gnupg/", "/etc/kubernetes/admin.conf", "wp-config.php", "/.my.cnf", "/.pgpass", "/.netrc", ".keytab", "/etc/ssl/private/", "/etc/ssh/ssh_host_", "/logins.json", "/key4.db", "/cookies.sqlite", "/Login Data"} {
		if strings.Contains(p, f) && !strings.HasSuffix(p, ".pub") {
			return true
		}
	}
	return processSecret(p)
}

// processSecret reports what the kernel shows of other processes' surroundings and
// memory.
func processSecret(p string) bool {
	return strings.HasPrefix(p, "/proc/") && !strings.HasPrefix(p, "/proc/self/") && hasSuffixOf(p, "/environ", "/mem", "/kcore", "/maps")
}

// sends judges secrets that leave the host by other programs than a browser's, and
// whole dumps that go to a bare address.
func (s *signer) sends(i int, c *Command) {
	line := func() string { return q(joinWords(c.Args)) }
	feeds := func(id func(u *Command) bool) bool {
		found := false
		s.upstream(i, true, func(u *Command) { found = found || id(u) })
		return found
	}
	switch c.Name {
	case "mail", "mailx", "mutt", "sendmail", "s-nail", "msmtp", "swaks", "nc", "ncat", "netcat", "socat", "telnet":
		given := false
		for k := range c.Redirects {
			given = given || c.Redirects[k].Op == "<" && secret(c.Redirects[k].File.Text)
		}
		if given || feeds(func(u *Command) bool { return anyArg(u, secret) && !describes[u.Name] }) {
			s.add("exfiltrate", High, "it sends a file of secrets through %s: %s", q(c.Name), line())
		} else if feeds(seeksSecrets) && (feeds(readsFound) || feeds(func(u *Command) bool { return seeksSecrets(u) && u.Name != "find" && u.Name != "locate" })) {
			s.addAs("exfiltrate", "T1552.001", High, "it looks for secrets and sends what it finds through %s: %s", q(c.Name), line())
		} else if feeds(asksCloudSecret) {
			s.addAs("exfiltrate", "T1552.005", High, "it sends the machine's cloud credentials away: %s", line())
		} else if feeds(readsHidden) && !localHost(c) {
			s.add("exfiltrate", Medium, "it sends what lies in a hidden file away: %s", line())
		} else if feeds(func(u *Command) bool { return watchers[u.Name] && u.Name != "tcpdump" && u.Remote == "" }) && !localHost(c) {
			s.addAs("exfiltrate", "T1113", Medium, "it records what is on the screen or typed and sends that away: %s", line())
		} else if feeds(takesPasswords) {
			s.add("exfiltrate", Medium, "it picks passwords out of what others send and sends them away: %s", line())
		} else if c.Name[0] == 'n' && anyArg(c, bareAddress) && feeds(readsFiles) {
			s.add("exfiltrate", Medium, "it sends what lies in files to a bare address, unencrypted: %s", line())
		}
	case "scp", "rsync", "sftp":
		sent := false
		for k := 1; k < len(c.Args); k++ {
			// The key of the connection is not what is sent.
			if p := c.Args[k-1].Text; !hasWord("-e --rsh -i -F -o -S --password-file", p) && !strings.HasPrefix(c.Args[k].Text, "-") {
				t := strings.TrimRight(c.Args[k].Text, "/*")
				sent = sent || secret(t) || strings.HasSuffix(t, "/.ssh") || strings.HasSuffix(t, "/.gnupg")
			}
		}
		if sent && anyArg(c, bareAddress) {
			s.add("exfiltrate", High, "it sends a file of secrets to a bare address: %s", line())
		}
		s.oddKey(c)
	case "rclone", "s3cmd", "s5cmd", "mc", "lftp", "megaput", "restic", "borg", "gdrive", "ncftpput":
		s.oddKey(c)
	default:
		sends := fetchers[c.Name] && sendsInput(c)
		hands := sends || fetchers[c.Name] && hasAny(c.Wrappers, "xargs", "parallel") // or puts it among its words
		if sends && feeds(seeksSecrets) && (feeds(readsFound) || !s.runsOneOf("find", "locate")) || fetchers[c.Name] && sendsFile(c) && s.looksForSecrets() && feeds(seeksSecrets) {
			s.addAs("exfiltrate", "T1552.001", High, "it looks for secrets and sends what it finds away: %s", line())
		} else if to := dropSite(c); to != "" && (sendsInput(c) || sendsFile(c)) {
			s.addAs("exfiltrate", "T1567", High, "it sends a file to %s, where whoever knows its name may take it: %s", q(to), line())
		} else if what := s.watched(c); what != "" {
			s.addAs("exfiltrate", "T1113", Medium, "it records what is on the screen, typed or sent by others with %s and sends that away: %s", q(what), line())
		} else if sends && !localHost(c) && feeds(readsHidden) {
			s.add("exfiltrate", Medium, "it sends what lies in a hidden file away: %s", line())
		} else if sends && !localHost(c) && feeds(takesPasswords) {
			s.add("exfiltrate", Medium, "it picks passwords out of what others send and sends them away: %s", line())
		} else if hands && !anyArg(c, metadataHost) && feeds(asksCloudSecret) {
			s.addAs("exfiltrate", "T1552.005", High, "it sends the machine's cloud credentials away: %s", line())
		} else if hands && !localHost(c) && feeds(func(u *Command) bool { return hasWord("env printenv set history", u.Name) }) {
			s.add("exfiltrate", Medium, "it sends the environment or the history of a shell away: %s", line())
		} else if fetchers[c.Name] && anyArg(c, func(t string) bool { return strings.Contains(t, "@$") }) && s.looksForSecrets() {
			s.add("exfiltrate", Medium, "it sends away what it found by looking for secrets: %s", line())
		}
	}
}

func asksCloudSecret(c *Command) bool { return anyArg(c, cloudSecret) }

func readsHidden(c *Command) bool { return !describes[c.Name] && anyArg(c, hiddenRecord) }

// hiddenRecord reports a hidden file among the logs, or in a place of everybody's.
func hiddenRecord(p string) bool {
	return strings.HasPrefix(baseName(p), ".") && len(baseName(p)) > 2 && (strings.HasPrefix(p, "/var/log/") || strings.HasPrefix(p, "/usr/") || strings.HasPrefix(p, "/etc/") || isTemp(p))
}

// takesPasswords reports a pattern that picks names and passwords out of text.
func takesPasswords(c *Command) bool {
	if !grep(c.Name) && c.Name != "ngrep" && c.Name != "sed" && c.Name != "strings" && c.Name != "tshark" {
		return false
	}
	return anyArg(c, func(t string) bool {
		low := strings.ToLower(t)
		return anyOf(low, []string{"pass=", "passwd=", "password=", "pwd="}) && anyOf(low, []string{"user", "login", "email", "log="}) || strings.Contains(low, "pass|") && anyOf(low, []string{"user", "login"})
	})
}

// looksForSecrets reports a job that looks for keys, wallets and their like by name.
func (s *signer) looksForSecrets() bool {
	for i := range s.a.Commands {
		if c := &s.a.Commands[i]; c.Name == "find" || c.Name == "locate" {
			for k := 1; k < len(c.Args); k++ {
				if t := strings.ToLower(c.Args[k].Text); hasSuffixOf(t, ".pem", ".key", ".kdbx", ".env", ".ppk", "id_rsa", "id_ed25519", "wallet.dat", "credentials", ".pgpass") {
					return true
				}
			}
		}
	}
	return false
}

// dropSite returns the place without a name among the words of a command, or "".
func dropSite(c *Command) string {
	for k := 1; k < len(c.Args); k++ {
		if u := urlIn(c.Args[k].Text); u != "" && dropSites[urlHost(u)] {
			return u
		} else if host, _, _ := strings.Cut(c.Args[k].Text, "/"); dropSites[host] {
			return c.Args[k].Text
		}
	}
	return ""
}

// seeksSecrets reports a command that looks for keys and passwords on the whole host.
func seeksSecrets(c *Command) bool {
	low := ""
	for k := 1; k < len(c.Args); k++ {
		low += " " + strings.ToLower(c.Args[k].Text)
	}
	switch {
	case c.Name == "find" || c.Name == "locate" || c.Name == "fd":
		return anyOf(low, []string{".pem", ".kdbx", ".env", ".ppk", "id_rsa", "id_ed25519", "id_ecdsa", "wallet.dat", "credentials", ".pgpass", "keystore", ".ovpn", "shadow", "environ"})
	case grep(c.Name) || c.Name == "ag" || c.Name == "ack" || c.Name == "strings":
		if !hasFlag(c, 'r') && !hasFlag(c, 'R') && !hasArg(c, "--recursive") && grep(c.Name) && c.Name != "rg" {
			return false
		}
		return anyOf(low, []string{"akia", "sk_live", "ghp_", "xoxb", "xoxp", "aiza", "private key", "secret_key", "secretkey", "aws_secret", "api_key", "api[_-]", "apikey", "password=", "passwd=", "password\\s", "db_pass", "access_token"})
	case strings.HasPrefix(c.Name, "linpeas"), c.Name == "trufflehog", c.Name == "mimipenguin", strings.EqualFold(c.Name, "lazagne"):
		return true
	}
	return false
}

// readsFound reports a command that reads the files whose names it is given.
func readsFound(c *Command) bool {
	return hasAny(c.Wrappers, "xargs", "find", "parallel") && !describes[c.Name] || c.Name == "cpio" || c.Name == "tar" || c.Name == "zip"
}

// metadataHost reports the address where a cloud tells a machine about itself.
func metadataHost(t string) bool {
	return strings.Contains(t, "://169.254.169.254") || strings.Contains(t, "://metadata.google.internal") || strings.Contains(t, "://169.254.170.2") || strings.Contains(t, "://[fd00:ec2::254]") || strings.Contains(t, "://100.100.100.200")
}

// sendsFile reports a fetcher that sends a file.
func sendsFile(c *Command) bool {
	for k := 1; k < len(c.Args); k++ {
		if uploaded(c, k) != "" {
			return true
		}
	}
	return false
}

// watchers record what a person does at the machine, or what others send.
var watchers = set("scrot maim grim import xwd gnome-screenshot spectacle flameshot xinput logkeys showkey xclip xsel wl-paste arecord parecord parec tcpdump tshark dumpcap")

// watched returns the watcher whose record a command sends away, or "".
func (s *signer) watched(c *Command) string {
	if !fetchers[c.Name] || c.Remote != "" || localHost(c) {
		return ""
	}
	for i := range s.a.Commands {
		u := &s.a.Commands[i]
		screen := u.Name == "ffmpeg" && hasArg(u, "x11grab", "kmsgrab", "pulse", "alsa", "evdev")
		if !watchers[u.Name] && !screen || u.Remote != "" {
			continue
		}
		for k := 1; k < len(c.Args); k++ {
			f := uploaded(c, k)
			if f == "-" && len(c.Input) > 0 {
				return u.Name
			}
			if f != "" && anyArg(u, func(t string) bool { return t == strings.SplitN(f, ";", 2)[0] }) {
				return u.Name
			}
		}
	}
	return ""
}

// oddKey judges a program that moves files with a key or settings out of a hidden
// place, or one that everybody may write.
func (s *signer) oddKey(c *Command) {
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		switch prev := c.Args[k-1].Text; {
		case hasWord("-i -F --config -c -C --password-file --rcfile", prev):
		case hasWord("-e --rsh", prev):
			_, key, ok := strings.Cut(t, "-i ")
			if !ok {
				continue
			}
			t, _, _ = strings.Cut(strings.TrimLeft(key, " "), " ")
		default:
			_, value, ok := strings.Cut(t, "=")
			if !ok || !hasWord("--config --password-file --rcfile", t[:len(t)-len(value)-1]) {
				continue
			}
			t = value
		}
		if oddSource(t) {
			s.add("exfiltrate", Medium, "it moves files with a key or settings out of a hidden place, or one that everybody may write, %s: %s", q(t), q(joinWords(c.Args)))
		}
	}
}

// describes are programs that tell about a file without showing what is in it.
var describes = set("stat ls lsattr getfacl file wc test [ md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum rpm dpkg find du namei ssh-keygen chage passwd pwck grpck aide tripwire debsums auditctl")

// bareAddress reports a public address as ssh, rsync or nc take one.
func bareAddress(t string) bool {
	if i := strings.LastIndexByte(t, '@'); i >= 0 {
		t = t[i+1:]
	}
	t = strings.TrimPrefix(t, "rsync://")
	if i := strings.IndexAny(t, ":/"); i > 0 {
		t = t[:i]
	}
	a, err := netip.ParseAddr(t)
	return err == nil && publicAddr(a)
}

// cloudSecret reports the address under which a cloud gives a machine its credentials.
func cloudSecret(t string) bool {
	return (strings.Contains(t, "169.254.169.254") || strings.Contains(t, "metadata.google.internal") || strings.Contains(t, "169.254.170.2")) &&
		(strings.Contains(t, "credential") || strings.Contains(t, "token") || strings.Contains(t, "service-accounts") || strings.Contains(t, "user-data"))
}

// sendsInput reports a fetcher that sends what it reads.
func sendsInput(c *Command) bool {
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		if t == "@-" || strings.HasSuffix(t, "=@-") || t == "@/dev/stdin" || t == "-" && hasWord("-T --upload-file", c.Args[k-1].Text) {
			return true
		}
	}
	return hasOutputs(c)
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

// asksEncoded reports a question for a name of the net that is made of encoded data.
func (s *signer) asksEncoded(c *Command, w *Word) bool {
	t := w.Text
	if t == "" || strings.IndexByte(t, '.') < 0 || !s.encodes() {
		return false
	}
	return !w.Literal && (t[0] == '$' || strings.Contains(t, "$(...).")) || hasAny(c.Wrappers, "xargs", "parallel") && strings.Contains(t, "{}.")
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
	return secret(p)
}

package cron

import "strings"

// fetchers bring something from the network to their output or a file.
var fetchers = set("curl wget fetch lynx links elinks w3m aria2c axel http https httpie xh wget2 curlie ftp tftp ftpget lftp ncftpget get lwp-request lwp-download lwp-dump hget bget rget saldl uget gcurl kermit snarf")

// installers fetch programs and put them into place.
var installers = set("pip pip2 pip3 npm yarn pnpm gem cargo composer apt-get apt yum dnf apk zypper rpm dpkg cpan cpanm")

// brings reports whether a command brings something from the network to its output.
func brings(c *Command) (what string, ok bool) {
	for k := 1; k < len(c.Args); k++ {
		if u := urlIn(c.Args[k].Text); u != "" && !prosePlain[c.Name] {
			return u, true
		}
	}
	if len(c.Args) > 0 && urlIn(c.Args[0].Text) != "" {
		return urlIn(c.Args[0].Text), true
	}
	if fetchers[strings.ToLower(c.Name)] {
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; t != "" && t[0] != '-' {
				return t, true
			}
		}
		return c.Name, true
	}
	if what := storeRead(c); what != "" {
		return what, true
	}
	if (c.Name == "nc" || c.Name == "ncat" || c.Name == "netcat" || c.Name == "socat" || c.Name == "telnet") && len(c.Args) > 1 {
		return joinWords(c.Args[1:]), true
	}
	if c.Code != "" && codeFetches(c.Code) {
		return c.Name + " code", true
	}
	if c.Name == "s_client" || c.Name == "openssl" && len(c.Args) > 1 && c.Args[1].Text == "s_client" {
		return "openssl s_client", true
	}
	if c.Name == "dig" || c.Name == "nslookup" || c.Name == "host" {
		return c.Name + " (DNS)", true
	}
	for k := range c.Redirects {
		if f := c.Redirects[k].File.Text; strings.HasPrefix(f, "/dev/tcp/") || strings.HasPrefix(f, "/dev/udp/") {
			return f, true
		}
	}
	return "", false
}

// storeRead returns what a program reads out of a store on the net, or off a bus of
// messages, to its output; "" where it does not.
func storeRead(c *Command) string {
	n := len(c.Args)
	to := func() bool { return hasArg(c, "-", "/dev/stdout", "/dev/fd/1") }
	named := func() string {
		for k := 1; k < n; k++ {
			if t := c.Args[k].Text; strings.Contains(t, ":") || strings.Contains(t, "/") {
				return t
			}
		}
		return c.Name
	}
	switch c.Name {
	case "aws", "aliyun", "ossutil", "ossutil64", "coscli", "obsutil", "s5cmd", "s3cmd", "s4cmd", "oci":
		if hasArg(c, "cat") || to() && hasArg(c, "cp", "get", "get-object") || hasArg(c, "get-secret-value", "get-parameter", "receive-message") {
			return named()
		}
	case "gsutil", "mc", "mcli", "rclone", "b2", "swift", "megacmd", "mega-cat":
		if hasArg(c, "cat") || c.Name == "mega-cat" || to() && hasArg(c, "cp", "download") {
			return named()
		}
	case "gcloud", "az":
		if hasArg(c, "cat") && hasArg(c, "storage") || hasArg(c, "download") && to() || hasArg(c, "access") && hasArg(c, "secrets") || hasArg(c, "pull") {
			return named()
		}
	case "smbclient", "rsync", "scp", "sftp":
		if hasArg(c, "/dev/stdout", "/dev/fd/1") || anyArg(c, func(t string) bool { return strings.HasPrefix(t, "get ") && strings.HasSuffix(t, " -") }) {
			return named()
		}
	case "mosquitto_sub", "nats", "kcat", "kafkacat", "wscat", "websocat", "ii", "tor-resolve", "mqtt", "torsocks", "ipfs":
		return joinWords(c.Args)
	case "redis-cli", "valkey-cli", "etcdctl", "consul", "vault", "kubectl", "ldapsearch", "snmpget", "finger", "whois", "gh", "glab", "git-lfs", "skopeo", "crane", "oras":
		if (c.Name == "redis-cli" || c.Name == "valkey-cli") && !hasFlag(c, 'h') && !hasFlag(c, 'u') || n < 2 {
			return ""
		}
		return joinWords(c.Args)
	}
	return ""
}

var prosePlain = set("echo printf logger mail mailx sendmail git gh hub svn pip pip3 npm yarn composer docker podman")

// textPiped judges text among the words of a command, or behind <<<, that fetches
// something for a shell: whatever the program does with it, nobody writes it to be read.
func (s *signer) textPiped(i int, c *Command) {
	judge := func(t string) {
		if len(t) > 12 && fetchesForShell(t) {
			s.add("fetch-and-run", High, "among its words is text that fetches something for a shell: %s", q(t))
		}
	}
	for k := range c.Assigns {
		judge(c.Assigns[k].Value.Text)
	}
	if prose[c.Name] && !hasWord("sqlite3 psql mysql", c.Name) || c.Name == "cat" || c.Name == "tee" || s.holds(i) {
		return
	}
	for k := 1; k < len(c.Args); k++ {
		judge(c.Args[k].Text)
	}
	judge(c.Here)
}

// fetchesForShell reports curl X | sh and its like within a text.
func fetchesForShell(t string) bool {
	parts := strings.Split(t, "|")
	for i := 1; i < len(parts); i++ {
		next := strings.FieldsFunc(parts[i], func(r rune) bool { return strings.ContainsRune(" \t\n;\"')]}&", r) })
		if len(next) == 0 || !shells[baseName(next[0])] || parts[i-1] == "" {
			continue
		}
		for _, w := range strings.FieldsFunc(parts[i-1], func(r rune) bool { return strings.ContainsRune(" \t\n;\"'([{`&$!-@", r) }) {
			if fetchers[baseName(w)] && w != "get" && w != "fetch" && w != "http" && w != "https" && w != "ftp" {
				return true
			}
		}
	}
	return false
}

// fetch judges where something is fetched from.
func (s *signer) fetch(c *Command) {
	isFetcher := fetchers[strings.ToLower(c.Name)] || c.Name == "git" || c.Name == "scp" || installers[c.Name]
	holds := s.holds(indexOf(s.a, c))
	for k := 0; k < len(c.Args); k++ {
		t := c.Args[k].Text
		u := urlIn(t)
		if holds && strings.IndexByte(t, ' ') >= 0 {
			continue
		}
		if u == "" {
			if !isFetcher || installers[c.Name] || k == 0 || t == "" || t[0] == '-' || strings.ContainsAny(t, " =@") || !hostShape(t) || k > 1 && valuedFetch(c.Args[k-1].Text) {
				continue
			}
			u = "http://" + t
		} else if !isFetcher && (prosePlain[c.Name] || builtins[c.Name] || c.Name == "grep") {
			continue
		}
		why, sev := oddHost(u)
		if why == "" {
			continue
		}
		if sev == High && !c.Piped && !stores(c) && !installers[c.Name] {
			sev = Medium
			if s.thrownAway(c) {
				sev = Info // asked for its own sake: a health check, or a sign of life
			}
		}
		s.add("odd-source", sev, "it asks %s, %s", q(u), why)
	}
	if c.Code != "" {
		if u := urlIn(c.Code); u != "" {
			if why, sev := oddHost(u); why != "" {
				s.add("odd-source", sev, "it asks %s, %s", q(u), why)
			}
		}
	}
}

// valuedFetch reports options of curl and wget whose value is no host.
func valuedFetch(opt string) bool {
	return hasWord("-o -O -H -d -A -e -u -m -T -t -x -F -X -w -b -c -K -P -U -i -a -r -y -Y -z -C -E --output --header --data --user --max-time --timeout --tries --user-agent --referer --request --retry --connect-timeout --output-document --config --cacert --cert --key --limit-rate --retry-delay --retry-max-time --proxy --form --cookie --cookie-jar --post-data --post-file --directory-prefix", opt)
}

// stores reports whether a fetcher writes what it brings into a file.
func stores(c *Command) bool {
	if len(fetchedFiles(c)) > 0 {
		return true
	}
	for k := range c.Redirects {
		if f := c.Redirects[k].File.Text; strings.HasPrefix(c.Redirects[k].Op, ">") && f != "/dev/null" && !digits(f) && f != "" && f[0] != '&' {
			return true
		}
	}
	return false
}

func (s *signer) thrownAway(c *Command) bool {
	for k := range c.Redirects {
		if c.Redirects[k].File.Text == "/dev/null" && c.Redirects[k].Op != "2>" {
			return true
		}
	}
	return hasArg(c, "/dev/null", "--spider")
}

// fetchedFiles are the files that a fetcher writes, as written, absolute where the
// working directory is known.
func fetchedFiles(c *Command) []string {
	low := strings.ToLower(c.Name)
	if !fetchers[low] {
		if !strings.Contains(low, "get") && !strings.Contains(low, "curl") && c.Name != "scp" {
			return nil
		}
	}
	var out []string
	add := func(name string) {
		if name != "" && name != "-" && name != "/dev/null" && name != "/dev/stdout" {
			out = append(out, joinPath(c.Cwd, name))
		}
	}
	remote, dir, last, named := false, "", "", false
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		next := ""
		if k+1 < len(c.Args) {
			next = c.Args[k+1].Text
		}
		switch {
		case t == "-o" || t == "--output" || t == "--output-document":
			if low == "wget" && t == "-o" {
				k++ // wget's log
				continue
			}
			add(next)
			remote, named = false, true
			k++
			if next == "-" {
				return nil
			}
		case t == "-O" && low == "curl", t == "--remote-name", t == "-J", t == "-OJ", t == "-LO", t == "-sO", t == "-OL", t == "-fsSLO", t == "-sSLO":
			remote = true
		case len(t) > 1 && t[0] == '-' && t[1] != '-' && strings.HasSuffix(t, "O") && low != "curl":
			add(next)
			k++
			if next == "-" {
				return out
			}
			remote, named = false, true
		case len(t) > 2 && t[0] == '-' && t[1] != '-' && strings.HasSuffix(t, "O-"):
			return nil
		case len(t) > 1 && t[0] == '-' && t[1] != '-' && strings.HasSuffix(t, "o") && low == "curl":
			add(next)
			k++
		case strings.HasPrefix(t, "--output="), strings.HasPrefix(t, "--output-document="):
			add(t[strings.IndexByte(t, '=')+1:])
			named = true
		case t == "-P" || t == "--directory-prefix":
			dir = next
			k++
		case t != "" && t[0] != '-':
			last = t
		}
	}
	if c.Name == "scp" && last != "" && strings.IndexByte(last, ':') < 0 {
		add(last)
		return out
	}
	if len(out) == 0 && !named && (remote || low == "wget" || low == "zget") && last != "" && !hasArg(c, "--spider") {
		name := baseName(strings.SplitN(last, "?", 2)[0])
		if dir != "" {
			name = dir + "/" + name
		}
		if urlIn(last) != "" && strings.Count(last, "/") > 2 || hostShape(last) && strings.Contains(last, "/") {
			add(name)
		}
	}
	for k := range c.Redirects {
		if strings.HasPrefix(c.Redirects[k].Op, ">") && strings.HasPrefix(c.Redirects[k].File.Text, "/") {
			add(c.Redirects[k].File.Text)
		}
	}
	return out
}

// fetchThenRun judges a job that runs, or makes executable, what it fetched before.
func (s *signer) fetchThenRun(fetched []string, upto int) {
	if upto != len(s.a.Commands)-1 {
		return
	}
	s.unpacked(fetched)
	if len(fetched) == 0 {
		return
	}
	update := s.fetchesRelease()
	for _, f := range fetched {
		for i := range s.a.Targets {
			if t := &s.a.Targets[i]; update && asksVersion(s.a, t.Command) {
				continue
			} else if t.Path != "" && t.Path == f || strings.HasPrefix(t.Word, "$") && joinPath(s.a.cwdOf(t.Command), t.Word) == f {
				s.add("fetch-then-run", High, "it fetches %s and then runs it", q(f))
			}
		}
		for i := range s.a.Commands {
			c := &s.a.Commands[i]
			if c.Name != "chmod" || len(c.Args) < 3 {
				continue
			}
			for k := 2; k < len(c.Args); k++ {
				if joinPath(c.Cwd, c.Args[k].Text) == f && givesExec(c.Args[1].Text) {
					sev := High
					if update && !oddSource(f) && len(Deceptive(f)) == 0 {
						sev = Info // as people keep a single program up to date
					}
					s.add("fetch-then-run", sev, "it fetches %s and makes it executable", q(f))
				}
			}
		}
		if execPlace(f) {
			sev := High
			if update && strings.HasPrefix(f, "/usr/local/") && len(Deceptive(f)) == 0 {
				sev = Info
			}
			s.add("fetch-into-place", sev, "it fetches %s, a place from which programs and jobs are started", q(f))
		}
	}
}

// fetchesRelease reports a job all of whose fetches are encrypted, from a name of the
// net rather than an address, and from no place where anybody may leave something.
func (s *signer) fetchesRelease() bool {
	n := 0
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if !fetchers[strings.ToLower(c.Name)] {
			continue
		}
		for k := 1; k < len(c.Args); k++ {
			t := c.Args[k].Text
			u := urlIn(t)
			if u == "" {
				continue
			}
			if !strings.HasPrefix(u, "https://") || !c.Args[k].Literal || oddlyHosted(u) {
				return false
			}
			n++
		}
		if hasArg(c, "-k", "--insecure", "--no-check-certificate") {
			return false
		}
	}
	return n > 0
}

// oddlyHosted reports an address without a name, or where anybody may leave something.
func oddlyHosted(u string) bool {
	why, _ := oddHost(u)
	return why != "" || dropSites[urlHost(u)]
}

// asksVersion reports a command that is run to see whether it runs at all.
func asksVersion(a *Analysis, i int) bool {
	return i >= 0 && i < len(a.Commands) && hasArg(&a.Commands[i], "--version", "-V", "-version", "version", "--help")
}

// cwdOf is where a command runs.
func (a *Analysis) cwdOf(i int) string {
	if i < 0 || i >= len(a.Commands) {
		return ""
	}
	return a.Commands[i].Cwd
}

// unpacked judges a job that runs something out of an archive, or out of a copy of a
// repository, that it fetched before.
func (s *signer) unpacked(fetched []string) {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		dir := ""
		switch c.Name {
		case "tar", "bsdtar", "unzip", "7z", "7za", "cpio":
			piped := false
			s.upstream(i, false, func(u *Command) {
				_, ok := brings(u)
				piped = piped || ok
			})
			if piped && !unpacks(c) && (c.Name != "tar" || hasFlag(c, 'x') || len(c.Args) > 1 && strings.HasPrefix(c.Args[1].Text, "x")) {
				dir = c.Cwd
			}
			for k := 1; k < len(c.Args); k++ {
				for _, f := range fetched {
					if joinPath(c.Cwd, c.Args[k].Text) == f && !(c.Name == "tar" && !hasFlag(c, 'x') && !strings.HasPrefix(c.Args[1].Text, "x")) {
						dir = c.Cwd
					}
				}
				if t := c.Args[k].Text; dir != "" && (t == "-C" || t == "-d") && k+1 < len(c.Args) {
					dir = joinPath(c.Cwd, c.Args[k+1].Text)
				}
			}
		}
		if dir == "" || dir == "/" {
			continue
		}
		for k := range s.a.Targets {
			t := &s.a.Targets[k]
			if t.Command > i && !t.Search && t.Reason == "" && (t.How == HowCommand || t.How == HowScript || t.How == HowSourced) && strings.HasPrefix(t.Path, dir+"/") {
				s.add("fetch-then-run", Medium, "it fetches an archive, unpacks it in %s and runs %s there", q(dir), q(t.Path))
			}
		}
	}
}

func givesExec(mode string) bool {
	if digits(mode) {
		return len(mode) > 0 && strings.ContainsAny(mode, "1357")
	}
	return strings.Contains(mode, "x") && !strings.Contains(mode, "-x") || strings.Contains(mode, "s")
}

// execPlace reports directories whose files are started by name or by a scheduler.
func execPlace(p string) bool {
	for _, d := range [...]string{"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/local/bin/", "/usr/local/sbin/", "/etc/cron", "/var/spool/cron", "/etc/init.d/", "/etc/rc", "/etc/systemd/system/", "/lib/systemd/system/", "/usr/lib/systemd/system/", "/etc/profile.d/", "/etc/update-motd.d/", "/etc/ld.so", "/etc/pam.d/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

package cron

import "strings"

// plants judges a command that puts a program where it will be started by others:
// by a web server's visitors, or under the name of a program of the system.
func (s *signer) plants(i int, c *Command) {
	if c.Remote != "" && c.Remote != "chroot" {
		return
	}
	if c.Code != "" {
		s.plantingCode(c)
	}
	written(c, func(p, how string) {
		if how != "writes" && how != "edits" {
			return
		}
		if webScript(p) {
			s.webShell(i, c, p)
		}
		s.shown(i, c, p, how)
	})
	if (c.Name == "sed" || c.Name == "perl") && (hasFlag(c, 'i') || hasArg(c, "--in-place")) {
		for k := 1; k < len(c.Args); k++ {
			low := strings.ToLower(strings.ReplaceAll(c.Args[k].Text, "\\", ""))
			if strings.Contains(low, "<?php") && anyOf(low, []string{"include", "require", "eval", "assert", "$_", "base64"}) || strings.Contains(low, "<script") && strings.Contains(low, "src=") {
				s.add("web-shell", High, "it puts program text into the pages of a web server: %s", q(c.Args[k].Text))
			}
		}
	}
	switch c.Name {
	case "cp", "mv", "install", "ln", "dd", "rsync":
		s.replaces(c)
	}
}

// plantingCode judges program text that writes a web server's script.
func (s *signer) plantingCode(c *Command) {
	low := strings.ToLower(c.Code)
	writes := anyOf(low, []string{"file_put_contents", "fwrite", "fputs", ".write(", "writefile"}) || strings.Contains(low, "copy(") && strings.HasPrefix(c.Name, "php")
	if writes && anyOf(low, []string{".php", ".phtml", ".jsp", ".aspx"}) && (anyOf(low, decodeWords) || servesVisitors(low)) {
		s.add("web-shell", High, "%s code writes a script of a web server out of encoded text: %s", q(c.Name), q(c.Code))
	}
}

// shown judges what is put where a web server shows it to whoever asks: a file of
// secrets, a dump under a hidden name, or program text off the net behind a page's own.
func (s *signer) shown(i int, c *Command, p, how string) {
	if !webRoot(p) || how != "writes" {
		return
	}
	if hasWord("cp mv install ln", c.Name) && len(c.Args) > 2 && secret(joinPath(c.Cwd, c.Args[len(c.Args)-2].Text)) {
		s.add("exfiltrate", High, "it puts %s where a web server shows it to whoever asks: %s", q(c.Args[len(c.Args)-2].Text), q(p))
		return
	}
	appends := false
	for k := range c.Redirects {
		appends = appends || c.Redirects[k].Op == ">>" && c.Redirects[k].File.Text == p
	}
	if _, ok := brings(c); ok && appends && hasSuffixOf(p, ".js", ".html", ".htm", ".mjs") {
		s.add("web-shell", Medium, "it appends what it fetches to %s, which a web server gives to its visitors", q(p))
	}
	dumps := func(u *Command) bool {
		return hasWord("mysqldump mariadb-dump pg_dump pg_dumpall mongodump tar slapcat", u.Name) || anyArg(u, secret)
	}
	found := dumps(c)
	s.upstream(i, true, func(u *Command) { found = found || dumps(u) })
	dot := strings.LastIndexByte(p, '.')
	if found && (hiddenPath(p) || anyArg(c, secret) || hasWord("jpg jpeg png gif ico css svg woff webp bmp", p[dot+1:])) {
		s.add("exfiltrate", Medium, "it puts a dump under a name that hides it where a web server shows it: %s", q(p))
	}
}

// webScript reports a file that a web server runs when it is asked for.
func webScript(p string) bool {
	base := strings.ToLower(baseName(p))
	return hasSuffixOf(base, ".php", ".phtml", ".php5", ".php7", ".phar", ".jsp", ".jspx", ".asp", ".aspx", ".cgi", ".cfm", ".war") || base == ".htaccess" || base == ".user.ini"
}

// webRoot reports a place from which web servers serve.
func webRoot(p string) bool {
	for _, d := range [...]string{"/var/www/", "/srv/www/", "/srv/http/", "/usr/share/nginx/", "/usr/local/apache/", "/opt/lampp/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	for _, d := range [...]string{"/public_html/", "/htdocs/", "/httpdocs/", "/wwwroot/", "/wp-content/", "/wp-includes/", "/wp-admin/", "/webapps/", "/html/"} {
		if strings.Contains(p, d) {
			return true
		}
	}
	return false
}

// servesVisitors reports program text that runs, or unpacks and runs, what somebody
// else says.
func servesVisitors(text string) bool {
	low := strings.ToLower(text)
	asks := anyOf(low, []string{"$_get", "$_post", "$_request", "$_cookie", "$_server", "php://input", "getparameter(", "request.form", "request(", "query_string"})
	runs := anyOf(low, []string{"eval", "assert", "system", "passthru", "shell_exec", "exec", "popen", "preg_replace", "create_function", "include", "`", "base64_decode", "call_user_func", "move_uploaded_file"})
	return asks && (runs || strings.Contains(low, "](") || strings.Contains(low, "} (")) || strings.Contains(low, "eval(") && anyOf(low, decodeWords)
}

// webShell judges how a script of a web server is made.
func (s *signer) webShell(i int, c *Command, p string) {
	text := func(u *Command) bool {
		for k := 1; k < len(u.Args); k++ {
			if servesVisitors(u.Args[k].Text) {
				return true
			}
		}
		return servesVisitors(u.Here)
	}
	decoded, fetched, shown := decodes(c), "", text(c)
	s.upstream(i, true, func(u *Command) {
		decoded = decoded || decodes(u) && u.Name != "tr" && u.Name != "gunzip" && u.Name != "zcat"
		shown = shown || text(u)
		if w, ok := brings(u); ok && fetched == "" && (fetchers[u.Name] || u.Name == "nc") {
			fetched = w
		}
	})
	if w, ok := brings(c); ok && fetchers[strings.ToLower(c.Name)] {
		fetched = w
	}
	prepends := func(t string) bool {
		return anyOf(strings.ToLower(t), []string{"auto_prepend_file", "auto_append_file", "x-httpd-php", "php-script", "proxy:unix", "cgi-script"})
	}
	if base := baseName(p); (base == ".user.ini" || base == ".htaccess" || base == "php.ini") && anyArg(c, prepends) {
		s.add("web-shell", High, "it has a web server run a file of its choice before each page, in %s", q(p))
	}
	switch {
	case shown:
		s.add("web-shell", High, "it writes %s, which runs what a visitor sends", q(p))
	case decoded:
		s.add("web-shell", High, "it decodes text into %s, which a web server runs", q(p))
	case (c.Name == "cp" || c.Name == "mv" || c.Name == "install" || c.Name == "ln") && webRoot(p) && len(c.Args) > 2 && (oddSource(c.Args[len(c.Args)-2].Text) || hiddenPath(joinPath(c.Cwd, c.Args[len(c.Args)-2].Text)) && baseName(c.Args[len(c.Args)-2].Text) != baseName(p)):
		s.add("web-shell", High, "it puts %s, out of a hidden place or one that everybody may write, where a web server runs it: %s", q(c.Args[len(c.Args)-2].Text), q(p))
	case fetched != "" && webRoot(p):
		s.add("web-shell", Medium, "it fetches %s into %s, which a web server runs", q(fetched), q(p))
	}
}

// replaces judges a copy that becomes a program of the system, and a copy of a
// shell or of a program that fetches under another name.
func (s *signer) replaces(c *Command) {
	n := len(c.Args)
	if n < 3 || c.Name == "dd" {
		return
	}
	from, to := c.Args[n-2].Text, c.Args[n-1].Text
	if k := indexOfArg(c, "-t"); k > 0 && k+1 < n-1 {
		from, to = c.Args[n-1].Text, c.Args[k+1].Text+"/"
	}
	if strings.HasSuffix(to, "/") {
		to += baseName(from)
	}
	at := joinPath(c.Cwd, to)
	if at == "" {
		at = to
	}
	if c.Name != "rsync" && (execPlace(at) || libDir(at) && sharedObject(strings.ToLower(baseName(at)))) && !strings.HasPrefix(at, "/etc/cron") && !strings.HasPrefix(at, "/var/spool/cron") && oddSource(joinPath(c.Cwd, from)) {
		sev := High
		if !hiddenPath(from) {
			sev = Medium // people build and unpack in /tmp
		}
		s.add("planted-program", sev, "it makes %s, out of a hidden place or one that everybody may write, a program of the system: %s", q(from), q(at))
	}
	if base := baseName(from); (shells[base] || fetchers[base]) && systemDir(from) && c.Name != "mv" && baseName(at) != base && !strings.HasSuffix(at, "/"+base) && !backupName(at, base) {
		sev := Medium
		if isTemp(at) || hiddenPath(at) {
			sev = High
		}
		if c.Name == "ln" && !isTemp(at) && !hiddenPath(at) {
			return // sh -> dash, and the like
		}
		s.add("planted-program", sev, "it gives %s another name, %s", q(from), q(at))
	}
}

// backupName reports a name that still tells what it is a copy of.
func backupName(p, base string) bool {
	return strings.HasPrefix(baseName(p), base) && strings.ContainsAny(baseName(p)[len(base):], ".-_")
}

func hiddenPath(p string) bool {
	for _, d := range Deceptive(p) {
		if d.Class == ClassHidden || d.Class == ClassHiddenHome || d.Class == ClassDots {
			return true
		}
	}
	return false
}

func indexOfArg(c *Command, word string) int {
	for k := 1; k < len(c.Args); k++ {
		if c.Args[k].Text == word {
			return k
		}
	}
	return -1
}

// destroys judges a command that takes everything away at once.
func (s *signer) destroys(c *Command) {
	if c.Remote != "" {
		return
	}
	line := func() string { return q(joinWords(c.Args)) }
	switch c.Name {
	case "rm", "shred", "srm", "wipe":
		if c.Name == "rm" && !hasFlag(c, 'r') && !hasFlag(c, 'R') && !hasArg(c, "--recursive") {
			return
		}
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; wholeTree(t) || wholeDisk(t) && c.Name != "rm" {
				s.addAs("destroys", "T1485", Critical, "it deletes %s: %s", q(t), line())
			}
		}
	case "find":
		if len(c.Args) > 2 && wholeTree(c.Args[1].Text) && hasArg(c, "-delete") && !narrowed(c) {
			s.addAs("destroys", "T1485", Critical, "it deletes everything below %s: %s", q(c.Args[1].Text), line())
		}
	case "dd":
		from, to := "", ""
		for k := 1; k < len(c.Args); k++ {
			if v, ok := strings.CutPrefix(c.Args[k].Text, "if="); ok {
				from = v
			}
			if v, ok := strings.CutPrefix(c.Args[k].Text, "of="); ok {
				to = v
			}
		}
		if wholeDisk(to) && hasWord("/dev/zero /dev/random /dev/urandom /dev/null", from) {
			s.addAs("destroys", "T1561", Critical, "it overwrites a disk: %s", line())
		}
	case "cryptsetup", "nvme", "hdparm", "mdadm", "sfdisk", "badblocks", "parted":
		if hasArg(c, "luksErase", "erase", "luksFormat", "format", "--security-erase", "--security-erase-enhanced", "--zero-superblock", "--delete", "mklabel", "sanitize") && anyArg(c, wholeDisk) || c.Name == "badblocks" && hasFlag(c, 'w') {
			s.addAs("destroys", "T1561", High, "it takes away what a disk holds: %s", line())
		}
	case "wipefs", "blkdiscard", "sgdisk":
		if anyArg(c, wholeDisk) && (c.Name == "blkdiscard" || hasFlag(c, 'a') || hasArg(c, "--all", "-Z", "--zap-all")) {
			s.addAs("destroys", "T1561", Critical, "it takes away what a disk holds: %s", line())
		}
	}
	if (c.Name == "mkfs" || c.Name == "mke2fs" || strings.HasPrefix(c.Name, "mkfs.")) && anyArg(c, wholeDisk) {
		sev := High
		if s.runsOneOf("mount") {
			sev = Low // a scratch disk, made anew at each boot
		}
		s.addAs("destroys", "T1561", sev, "it makes a new file system over a disk: %s", line())
	}
	if len(c.Full) > 1 && baseName(c.Full[0].Text) == "find" && wholeTree(strings.TrimRight(c.Full[1].Text, "/")+"/") && hasWord("shred srm wipe", c.Name) {
		s.addAs("destroys", "T1485", High, "it overwrites what it finds below %s: %s", q(c.Full[1].Text), q(joinWords(c.Full)))
	}
	if len(c.Full) > 0 && baseName(c.Full[0].Text) == "find" {
		encrypts, removes := false, false
		for k := 1; k < len(c.Full); k++ {
			t := baseName(c.Full[k].Text)
			encrypts = encrypts || t == "openssl" && k+1 < len(c.Full) && c.Full[k+1].Text == "enc" || t == "ccrypt"
			removes = removes || t == "rm" || t == "shred" || t == "-delete"
		}
		if encrypts && removes {
			s.addAs("destroys", "T1486", High, "it encrypts what it finds and deletes it: %s", q(joinWords(c.Full)))
		}
	}
	for k := range c.Redirects {
		if r := &c.Redirects[k]; strings.Contains(r.Op, ">") && wholeDisk(r.File.Text) {
			s.addAs("destroys", "T1561", Critical, "it writes over the disk %s", q(r.File.Text))
		}
	}
}

func narrowed(c *Command) bool {
	for k := 2; k < len(c.Args); k++ {
		if hasWord("-mtime -ctime -atime -mmin -cmin -amin -name -iname -size -newer -regex -path -user -group -nouser -nogroup -empty -perm", c.Args[k].Text) {
			return true
		}
	}
	return false
}

// wholeTree reports the root of all files, or a directory of the system as a whole.
func wholeTree(t string) bool {
	if t == "/" || t == "/*" || t == "/." {
		return true
	}
	t = strings.TrimSuffix(strings.TrimSuffix(t, "*"), "/")
	return hasWord("/etc /usr /bin /sbin /lib /lib64 /boot /home /root /var /opt /srv /usr/bin /usr/lib /var/lib", t)
}

// wholeDisk reports a disk or a partition of one.
func wholeDisk(t string) bool {
	rest, ok := strings.CutPrefix(t, "/dev/")
	if !ok {
		return false
	}
	for _, p := range [...]string{"sd", "hd", "vd", "xvd", "nvme", "mmcblk", "mapper/", "md", "dm-", "disk/"} {
		if strings.HasPrefix(rest, p) && len(rest) > len(p) {
			return true
		}
	}
	return false
}

// serves judges a command that lets others in: a second server for logins, a
// terminal in a browser, or all files by a language's own web server.
func (s *signer) serves(c *Command) {
	if c.Remote != "" {
		return
	}
	line := func() string { return q(joinWords(c.Args)) }
	name := c.Name
	if strings.HasPrefix(name, "dropbear") && !strings.HasPrefix(name, "dropbearkey") && !strings.HasPrefix(name, "dropbearconvert") {
		name = "dropbear"
	}
	switch name {
	case "sshd", "dropbear", "tinysshd":
		opens, odd := false, false
		for k := 1; k < len(c.Args); k++ {
			t := c.Args[k].Text
			opens = opens || opensDoor(strings.ReplaceAll(t, "=", " ")) || t == "-B" && name == "dropbear"
			odd = odd || oddSource(t)
			for _, o := range [...]string{"-f", "-h", "-r", "-o"} {
				odd = odd || strings.HasPrefix(t, o+"/") && oddSource(t[2:])
			}
		}
		switch {
		case opens || odd:
			s.add("tunnel", High, "it starts a server for logins with settings of its own, which let more in or lie where they are hidden: %s", line())
		case hasArg(c, "-p") || hasArg(c, "-o") && !hasArg(c, "-t", "-T"):
			s.add("tunnel", Medium, "it starts a server for logins beside the host's own: %s", line())
		}
	case "telnetd", "in.telnetd", "utelnetd", "ttyd", "gotty", "shellinaboxd", "wetty", "rlogind", "in.rlogind", "rshd", "in.rshd":
		if !hasArg(c, "--version", "-v", "--help", "-h") {
			s.add("tunnel", Medium, "it lets others have a terminal: %s", line())
		}
	}
	dir := ""
	switch lang, _ := interpreter(c.Name); {
	case strings.HasPrefix(lang, "python") && hasArg(c, "http.server", "SimpleHTTPServer"):
		dir = c.Cwd
		for k := 1; k+1 < len(c.Args); k++ {
			if hasWord("-d --directory", c.Args[k].Text) {
				dir = c.Args[k+1].Text
			}
		}
	case lang == "php" && hasArg(c, "-S"):
		dir = c.Cwd
		if k := indexOfArg(c, "-t"); k > 0 && k+1 < len(c.Args) {
			dir = c.Args[k+1].Text
		}
	case c.Name == "busybox" && hasArg(c, "httpd"), c.Name == "httpd" && hasArg(c, "-h"):
		if k := indexOfArg(c, "-h"); k > 0 && k+1 < len(c.Args) {
			dir = c.Args[k+1].Text
		}
	}
	if dir == "/" || wholeTree(dir) && dir != "" && dir != "/srv" && dir != "/opt" {
		s.add("exfiltrate", Medium, "it shows %s to whoever asks: %s", q(dir), line())
	}
}

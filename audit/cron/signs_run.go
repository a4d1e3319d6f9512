package cron

import (
	"strings"
)

// fetchers bring something from the network to their output or a file.
var fetchers = set("curl wget fetch lynx links elinks w3m aria2c axel http https httpie xh wget2 curlie ftp tftp ftpget lftp ncftpget get lwp-request lwp-download lwp-dump hget bget rget saldl uget gcurl kermit snarf")

// decoders turn unreadable bytes into readable ones.
var decoders = set("base64 base32 basenc uudecode xxd openssl gunzip zcat bzcat xzcat lzcat lz4cat zstdcat bunzip2 unxz unlzma unlz4 unzstd uncompress gpg gpg2 age ccrypt ccat mcrypt rev tr mimencode od hexdump basez ascii85 base58 dd7z steghide outguess stegseek zsteg exiftool exiv2")

// unpackers by name, with the letters of the options that make them unpack to their
// output.
var unpackers = map[string]string{
	"gzip": "d", "pigz": "d", "xz": "d", "pixz": "d", "lzma": "d", "bzip2": "d", "pbzip2": "d", "lbzip2": "d", "zstd": "d", "pzstd": "d", "lz4": "d", "lzop": "d", "lzip": "d", "brotli": "d", "compress": "d",
	"unzip": "p", "unrar": "p", "funzip": "", "ar": "p",
}

// unpacks reports a packer that is told to unpack to its output.
func unpacks(c *Command) bool {
	flags, known := unpackers[c.Name]
	switch {
	case c.Name == "tar" || c.Name == "bsdtar":
		return hasArg(c, "--to-stdout") || hasFlag(c, 'O') || len(c.Args) > 1 && strings.Trim(c.Args[1].Text, "xzjJvOf") == "" && strings.IndexByte(c.Args[1].Text, 'O') >= 0
	case c.Name == "7z" || c.Name == "7za" || c.Name == "7zr":
		return hasArg(c, "-so")
	case c.Name == "zstd" || c.Name == "brotli" || c.Name == "xz" || c.Name == "gzip" || c.Name == "bzip2":
		return hasFlag(c, 'd') || hasArg(c, "--decompress", "--uncompress")
	case !known:
		return false
	}
	return flags == "" || hasFlag(c, flags[0]) || len(c.Args) > 1 && c.Args[1].Text == flags
}

// installers fetch programs and put them into place.
var installers = set("pip pip2 pip3 npm yarn pnpm gem cargo composer apt-get apt yum dnf apk zypper rpm dpkg cpan cpanm")

// commands judges each command of a job.
func (s *signer) commands() {
	var fetched []string
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if c.Name == "" && len(c.Args) == 0 {
			s.writes(c)
			s.shellOut(i, c)
			s.destroys(c)
			continue
		}
		s.readsCode(i, c)
		s.inlineCode(i, c)
		s.shellOut(i, c)
		s.fetch(c)
		s.writes(c)
		s.tamper(c)
		s.weaken(i, c)
		s.sends(i, c)
		s.privilege(c)
		s.miner(c)
		s.tunnel(i, c)
		s.borrowed(c)
		s.plants(i, c)
		s.destroys(c)
		s.serves(c)
		s.engineSocket(c)
		s.relay(c)
		s.namesOption(c)
		s.rootkit(c)
		s.blackhole(c)
		s.hiddenArgument(c)
		s.attacks(c)
		s.textPiped(i, c)
		if len(c.Args) > 0 && c.Args[0].Glob && strings.IndexByte(c.Args[0].Text, '?') >= 0 && strings.IndexByte(c.Args[0].Text, '*') < 0 && strings.IndexByte(c.Args[0].Text, '/') >= 0 {
			s.add("obfuscated", High, "a pattern hides the name of the program %s", q(c.Args[0].Text))
		}
		if len(c.Args) > 0 && c.Args[0].Odd && c.Name != "" {
			s.add("obfuscated", High, "quotes or escapes hide the name of the program %s", q(c.Name))
		}
		fetched = append(fetched, fetchedFiles(c)...)
		s.fetchThenRun(fetched, i)
	}
	if s.a.swarms != "" {
		s.addAs("destroys", "T1499", High, "%s starts itself again and again until the host can do nothing else", q(s.a.swarms))
	}
	s.ruins()
	s.ransom()
	s.rewritesLog()
	s.encryptsAway()
	s.waitsForAbsence()
	if s.c.Near != nil {
		s.c.Near.fetchedBy(s)
	}
}

// upstream calls f for the commands whose output reaches command i, nearest first.
func (s *signer) upstream(i int, words bool, f func(c *Command)) {
	var seen [maxParsed]bool
	queue := make([]int, 0, 8)
	push := func(list []int) {
		for _, k := range list {
			if k >= 0 && k < len(s.a.Commands) && k < len(seen) && !seen[k] && k != i {
				seen[k] = true
				queue = append(queue, k)
			}
		}
	}
	start := &s.a.Commands[i]
	push(start.Input)
	if words {
		for k := range start.Args {
			push(start.Args[k].From)
		}
	}
	for n := 0; n < len(queue); n++ {
		c := &s.a.Commands[queue[n]]
		f(c)
		push(c.Input)
		for k := range c.Args {
			push(c.Args[k].From)
		}
	}
}

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

// decodes reports whether a command decodes what it reads.
func decodes(c *Command) bool {
	if c.Name == "printf" || c.Name == "echo" {
		return spelledOut(c)
	}
	if lang, _ := interpreter(c.Name); strings.HasPrefix(lang, "py") && hasArg(c, "-m") && hasArg(c, "base64", "quopri", "uu", "gzip", "zlib") && hasArg(c, "-d", "-u") {
		return true
	}
	if unpacks(c) {
		return true
	}
	if !decoders[c.Name] {
		return false
	}
	switch c.Name {
	case "base64", "base32", "basenc", "mimencode":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; t == "--decode" || t == "-D" || t == "-u" || len(t) > 1 && t[0] == '-' && t[1] != '-' && strings.IndexByte(t, 'd') > 0 {
				return true
			}
		}
		return false
	case "xxd":
		return hasFlag(c, 'r')
	case "openssl":
		return len(c.Args) > 1 && (c.Args[1].Text == "enc" || c.Args[1].Text == "base64" || strings.HasPrefix(c.Args[1].Text, "aes"))
	case "gpg", "gpg2", "age", "mcrypt", "ccrypt":
		return hasFlag(c, 'd') || hasArg(c, "--decrypt")
	case "steghide", "outguess", "zsteg", "stegseek":
		return hasArg(c, "extract", "-E", "-r", "--extract", "--crack", "-sf")
	case "exiftool", "exiv2":
		return hasFlag(c, 'b') || hasFlag(c, 'g') || hasFlag(c, 's')
	case "od", "hexdump":
		return false
	case "tr":
		// Letters turned round: tr a-z n-za-m, tr A-Za-z N-ZA-Mn-za-m.
		return len(c.Args) > 2 && (turnsRound(c.Args[1].Text, c.Args[2].Text) || turnsRound(c.Args[2].Text, c.Args[1].Text))
	}
	return true
}

// turnsRound reports letters in their order, and the same ones from another on.
func turnsRound(order, other string) bool {
	return strings.Contains(strings.ToLower(order), "a-z") && len(other) > 3 && !strings.Contains(strings.ToLower(other), "a-z")
}

// spelledOut reports letters that are written as their numbers: \x63 or \143.
func spelledOut(c *Command) bool {
	n := 0
	for k := 1; k < len(c.Args); k++ {
		n += escapedLetters(c.Args[k].Text)
	}
	return n >= 4
}

// escapedLetters counts \x63, \143, \u0063.
func escapedLetters(t string) int {
	n := 0
	for i := 0; i+3 < len(t); i++ {
		if t[i] != '\\' {
			continue
		}
		if t[i+1] == 'x' && hexDigit(t[i+2]) >= 2 && hexDigit(t[i+3]) >= 0 || (t[i+1] == '0' || t[i+1] == '1') && t[i+2] >= '0' && t[i+2] <= '7' && t[i+3] >= '0' && t[i+3] <= '7' || t[i+1] == 'u' && t[i+2] == '0' && t[i+3] == '0' {
			n++
		}
	}
	return n
}

// hidesText reports program text that holds other text in a form nobody reads: as
// the numbers of its letters, escaped, or turned round.
func hidesText(code string) bool {
	if escapedLetters(code) >= 4 {
		return true
	}
	run := 0 // numbers of letters that stand in a row: 99,117,114,108
	for i := 0; i < len(code); {
		n := 0
		for i < len(code) && code[i] >= '0' && code[i] <= '9' {
			if n < 1000 {
				n = n*10 + int(code[i]-'0')
			}
			i++
		}
		switch {
		case n >= 9 && n < 127:
			if run++; run >= 6 {
				return true
			}
		case n > 0:
			run = 0
		}
		for i < len(code) && (code[i] < '0' || code[i] > '9') {
			if strings.IndexByte(", .()[]{}+\n\tchrCHRx", code[i]) < 0 {
				run = 0
			}
			i++
		}
	}
	if joined := strings.NewReplacer("\".\"", "", "'.'", "", "\" . \"", "", "' . '", "", "\"+\"", "", "'+'", "", "\"..\"", "", "'..'", "").Replace(code); len(joined) < len(code) {
		low, was := strings.ToLower(joined), strings.ToLower(code)
		for _, w := range [...]string{"system", "exec", "eval", "passthru", "popen", "base64", "assert", "socket", "curl", "wget", "/bin/", "import"} {
			if strings.Count(low, w) > strings.Count(was, w) {
				return true
			}
		}
	}
	for _, how := range [...]string{"\"[::-1]", "'[::-1]", "\".reverse", "'.reverse", "strrev(\"", "strrev('", "reverse \"", "reverse '", "reverse(\"", "reverse('", "reverse q", "\".rev()", "'.rev()"} {
		if strings.Contains(code, how) {
			return true
		}
	}
	return false
}

func hasFlag(c *Command, flag byte) bool {
	for k := 1; k < len(c.Args); k++ {
		if t := c.Args[k].Text; len(t) > 1 && t[0] == '-' && t[1] != '-' && strings.IndexByte(t, flag) > 0 {
			return true
		}
	}
	return false
}

func hasArg(c *Command, words ...string) bool {
	for k := 1; k < len(c.Args); k++ {
		for _, w := range words {
			if c.Args[k].Text == w {
				return true
			}
		}
	}
	return false
}

// readsCode judges an interpreter that takes its program from other commands.
func (s *signer) readsCode(i int, c *Command) {
	commandIsOutput := len(c.Args) > 0 && len(c.Args[0].From) > 0 && strings.HasPrefix(c.Args[0].Text, "$(")
	evalOutput := c.Name == "eval" && len(c.Args) > 1 && len(c.Args[1].From) > 0
	codeOutput := false
	if lang, _ := interpreter(c.Name); lang != "" && !c.ReadsCode {
		// bash -c "$(curl ...)", python -c "$(...)"
		for k := 1; k < len(c.Args) && k < 4; k++ {
			codeOutput = codeOutput || len(c.Args[k].From) > 0 && (strings.HasPrefix(c.Args[k].Text, "$(") || c.Args[k].Proc || c.Args[k].Odd && strings.IndexByte(c.Args[k].Text, ' ') < 0) && k > 1 && strings.HasPrefix(c.Args[k-1].Text, "-")
		}
	}
	if !c.ReadsCode && !commandIsOutput && !evalOutput && !codeOutput {
		return
	}
	fetch, decode, any, remote := "", "", "", ""
	s.upstream(i, true, func(u *Command) {
		if u.Remote == "ssh" && c.Remote == "" && remote == "" {
			remote = joinWords(u.Full)
		}
		if w, ok := brings(u); ok && fetch == "" && (u.Name != c.Name || u.Code != "") {
			fetch = w
		}
		if evalOutput && !c.ReadsCode && len(c.Args[1].From) > 1 && unpacks(u) {
			return // one of several commands whose answers are read: bzgrep does so
		}
		if decodes(u) && decode == "" {
			decode = u.Name
		}
		if any == "" {
			any = u.Name
		}
	})
	who := c.Name
	if who == "" {
		who = "the shell"
	}
	if commandIsOutput && c.Args[0].From[0] < len(s.a.Commands) && hasWord("echo printf rev tr base64 xxd", s.a.Commands[c.Args[0].From[0]].Name) {
		s.add("obfuscated", High, "which program is run, another one spells: %s", q(joinWords(s.a.Commands[c.Args[0].From[0]].Args)))
	}
	switch {
	case fetch != "" && (c.Remote == "" || c.ReadsCode):
		s.add("fetch-and-run", Critical, "it fetches %s and hands it to %s", q(fetch), q(who))
	case decode != "":
		if s.a.Decoded != "" {
			s.add("decode-and-run", Critical, "it decodes text and hands it to %s; the text is %s", q(who), q(s.a.Decoded))
		} else {
			s.add("decode-and-run", Critical, "it decodes text with %s and hands it to %s", q(decode), q(who))
		}
	case remote != "":
		s.add("fetch-and-run", High, "what another host answers is run by %s: %s", q(who), q(remote))
	case c.ReadsCode && any != "" && shells[c.Name] && s.dataFile(i):
		s.add("pipe-to-shell", Medium, "what %s makes of a file that is called like data is run by %s", q(any), q(who))
	case c.ReadsCode && any != "" && shells[c.Name] && s.extracted(i) != "":
		s.add("pipe-to-shell", Medium, "it runs what it takes out of %s, which is no program", q(s.extracted(i)))
	case c.ReadsCode && any != "" && shells[c.Name] && (c.Remote != "" || hasAny(c.Wrappers, "xargs", "parallel")):
		// Another machine's shell, or one that is given names.
	case c.ReadsCode && any != "" && shells[c.Name] && s.onlyFile(c):
		s.add("pipe-to-shell", Info, "what lies in a file is run by %s", q(who))
	case c.ReadsCode && any != "" && shells[c.Name]:
		s.add("pipe-to-shell", Low, "what %s prints is run by %s", q(any), q(who))
	}
}

// onlyFile reports a shell that is fed by cat FILE alone: as if it were given the
// file, which is judged as such.
func (s *signer) onlyFile(c *Command) bool {
	if len(c.Input) != 1 {
		return false
	}
	u := &s.a.Commands[c.Input[0]]
	return u.Name == "cat" && len(u.Args) > 1 && len(u.Input) == 0 && u.Args[1].Literal
}

// extracted returns the file out of which a shell is fed, by filters that only pick
// and strip, where that is a file that nobody keeps commands in; "" for others. What
// makes commands of a file's words, as awk '{print "kill " $1}' does, is no such
// filter.
func (s *signer) extracted(i int) string {
	for range 8 {
		in := s.a.Commands[i].Input
		for k := range s.a.Commands[i].Args {
			in = append(in[:len(in):len(in)], s.a.Commands[i].Args[k].From...)
		}
		if len(in) != 1 || in[0] >= len(s.a.Commands) || in[0] == i {
			return ""
		}
		i = in[0]
		u := &s.a.Commands[i]
		if u.Name == "dd" && anyArg(u, func(t string) bool { return strings.HasPrefix(t, "skip=") || strings.HasPrefix(t, "iseek=") }) {
			return joinWords(u.Args[1:]) // a piece out of the middle
		}
		switch {
		case hasWord("cat head tail tac nl grep egrep fgrep zgrep cut tr dd strings col fold rev uniq sort", u.Name):
		case u.Name == "sed" && !anyArg(u, makesText):
		case strings.HasSuffix(u.Name, "awk") && strings.IndexByte(u.Code, '"') < 0:
		default:
			return ""
		}
		for k := 1; k < len(u.Args); k++ {
			if t := strings.TrimPrefix(u.Args[k].Text, "if="); noCommandsIn(joinPath(u.Cwd, t)) && (strings.HasPrefix(t, "/") || strings.HasPrefix(t, "$HOME/")) {
				return t
			}
		}
		for k := range u.Redirects {
			if t := u.Redirects[k].File.Text; u.Redirects[k].Op == "<" && noCommandsIn(t) {
				return t
			}
		}
	}
	return ""
}

// makesText reports a substitution of sed(1) that puts letters in: s/^/rm /.
func makesText(script string) bool {
	i := strings.IndexByte(script, 's')
	if i < 0 || i+1 >= len(script) || isAlnum(script[i+1]) || script[i+1] <= ' ' {
		return false
	}
	part := strings.Split(script[i+2:], script[i+1:i+2])
	return len(part) > 1 && strings.ContainsFunc(part[1], func(r rune) bool { return r >= 'a' && r <= 'z' || r == ' ' })
}

// noCommandsIn reports files in which nobody keeps commands for a shell.
func noCommandsIn(p string) bool {
	if p == "" || hasScriptSuffix(p) || strings.HasPrefix(p, "/dev/std") || strings.HasPrefix(p, "/dev/fd/") || strings.HasPrefix(p, "/dev/tcp/") || p == "/dev/null" || p == "/dev/tty" {
		return false
	}
	if dir := "/etc/"; strings.HasPrefix(p, dir) && !strings.HasPrefix(p, "/etc/cron") {
		return hasWord("motd issue issue.net passwd passwd- group group- shadow gshadow hosts services protocols networks resolv.conf hosts.allow hosts.deny shells aliases mailcap magic mime.types logrotate.conf fstab nsswitch.conf os-release hostname machine-id login.defs sudoers ld.so.conf localtime timezone", p[len(dir):])
	}
	for _, dir := range [...]string{"/var/log/", "/var/mail/", "/var/spool/", "/usr/share/", "/usr/include/", "/usr/lib/", "/lib/", "/boot/", "/var/cache/", "/var/lib/dpkg/", "/var/lib/rpm/", "/proc/", "/sys/", "/dev/", "/etc/cron"} {
		if strings.HasPrefix(p, dir) && !strings.Contains(p, "/script") && !strings.Contains(p, "/bin/") {
			return true
		}
	}
	return oddSource(p)
}

// dataFile reports a shell that is fed from a text, picture or page.
func (s *signer) dataFile(i int) bool {
	found := false
	s.upstream(i, false, func(u *Command) {
		for k := 1; k < len(u.Args); k++ {
			t := u.Args[k].Text
			if dot := strings.LastIndexByte(t, '.'); strings.HasPrefix(t, "/") && dot > 0 && (notPrograms[t[dot+1:]] && t[dot+1:] != "gz" || hasWord("txt html htm xml csv json", t[dot+1:])) {
				found = true
			}
		}
	})
	return found
}

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

// Words of program text, lower case.
var (
	fetchWords  = []string{"urlopen", "urllib", "requests.get", "http.client", "httplib", "lwp::", "http::tiny", "file_get_contents('http", "file_get_contents(\"http", "net/http", "open-uri", "net::http", "curl_exec", "fetch(", "https.get", "http.get", "www::mechanize", "socket.http"}
	runWords    = []string{"exec(", "exec ", "eval(", "eval ", "os.system", "subprocess", "popen", "system(", "system ", "passthru", "shell_exec", "pty.spawn", "child_process", "execvp", "execl", "loadstring", "marshal.loads", "os.execute", "spawn(", "instance_eval", "|\"sh\"", "| \"sh\"", "|\"bash\"", "| \"bash\"", "|\"/bin/"}
	decodeWords = []string{"b64decode", "b32decode", "b16decode", "b85decode", "a85decode", "base64", "decompress", "zlib", "lzma", "unpack(", "unpack\"", "unpack ", "unpack'", "unhexlify", "fromhex", "rot13", "rot_13", "gzinflate", "codecs.decode", "marshal.loads", "mime::base64", "pack(", "pack \"", "pack q", "pack'", "tr/a-z", "y/a-z", "tr/n-z", "chr(", "chr}", "map{chr", "&:chr", "chr,", "string.char", "fromcharcode", "fromcodepoint", "atob(", "hex2bin", "convert_uudecode", "gzuncompress", "rawurldecode", "unescape(", "quopri", "uu.decode", "'hex')", "\"hex\")"}
	socketWords = []string{"socket", "fsockopen", "tcpsocket", "/inet/tcp", "net.connect", "net.socket", "require(\"net\")", "require('net')", "require(`net`)"}
	shellWords  = []string{"/bin/sh", "/bin/bash", "dup2", "pty.spawn", "subprocess", "'sh'", "\"sh\"", "/sh -i", "exec(", "exec{", "exec ", "system(", "|&", "spawn(", "popen", "%x(", "system$", "system $", "fdopen", "qx{", "qx(", "exec$", "open(stdin"}
)

func anyOf(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

func codeFetches(code string) bool {
	low := strings.ToLower(code)
	return anyOf(low, fetchWords) || urlIn(code) != ""
}

// inlineCode judges the program text that an interpreter is given.
func (s *signer) inlineCode(i int, c *Command) {
	if c.Code == "" {
		s.codeOfAnother(c)
		return
	}
	low := strings.ToLower(c.Code)
	if setsModeInCode(low) {
		s.addAs("privilege", "T1548.001", Critical, "%s code makes a file run with its owner's rights: %s", q(c.Name), q(c.Code))
	}
	if flat := strings.NewReplacer(" ", "", "\n", "", ";", "").Replace(low); anyOf(flat, []string{"forkwhilefork", "forkwhile1", "while(1){fork", "while1{fork", "while1:os.fork()", "while(true){fork", "whiletrue:os.fork()", "loop{fork", "forkuntil0"}) {
		s.addAs("destroys", "T1499", High, "%s code starts itself again and again: %s", q(c.Name), q(c.Code))
	}
	s.codeOfOthers(i, c, low)
	switch {
	case anyOf(low, socketWords) && (anyOf(low, shellWords) || strings.IndexByte(low, '`') >= 0 && backticks(c.Name)):
		s.add("reverse-shell", Critical, "%s code ties a shell to a network socket: %s", q(c.Name), q(c.Code))
	case (anyOf(low, fetchWords) || urlIn(c.Code) != "") && anyOf(low, runWords):
		s.add("fetch-and-run", Critical, "%s code fetches something and runs it: %s", q(c.Name), q(c.Code))
	case (anyOf(low, decodeWords) || hidesText(c.Code)) && (anyOf(low, runWords) || strings.HasPrefix(c.Name, "php") && (anyOf(low, []string{"assert(", "create_function", "call_user_func", "array_map("}) || variableCall(low))), strings.HasSuffix(strings.TrimRight(low, "; }"), "eval") && anyOf(low, decodeWords):
		s.add("decode-and-run", Critical, "%s code decodes text and runs it: %s", q(c.Name), q(c.Code))
	}
}

// variableCall reports a call of whatever function a variable names: $a(...).
func variableCall(low string) bool {
	for i := 0; i+1 < len(low); i++ {
		if low[i] != '$' {
			continue
		}
		k := i + 1
		for k < len(low) && (isAlnum(low[k]) || low[k] == '_') {
			k++
		}
		if k > i+1 && k < len(low) && low[k] == '(' {
			return true
		}
	}
	return false
}

// backticks reports an interpreter in whose language they run a command; in others
// they are quotes.
func backticks(name string) bool {
	lang, _ := interpreter(name)
	return hasWord("perl ruby php julia", lang)
}

// setsModeInCode reports chmod 04755, "x" and os.chmod("x", 0o4755) in lower case.
func setsModeInCode(low string) bool {
	_, after, ok := strings.Cut(low, "chmod")
	for ok && after != "" {
		i := strings.IndexAny(after, "0123456789")
		if i < 0 {
			return false
		}
		n := i
		for n < len(after) && (after[n] >= '0' && after[n] <= '9' || after[n] == 'o') {
			n++
		}
		if d := strings.TrimLeft(after[i:n], "0o"); len(d) == 4 && d[0] >= '4' && d[0] <= '7' {
			return true
		}
		after = after[n:]
	}
	return false
}

// codeOfAnother judges program text that a program of another name is given, as an
// interpreter would be: a copy of one, or one that is not known here.
func (s *signer) codeOfAnother(c *Command) {
	if lang, options := interpreter(c.Name); lang != "" && options != ":" || lang == "" && prose[c.Name] || builtins[c.Name] || fetchers[c.Name] {
		return
	}
	if s.holds(indexOf(s.a, c)) {
		return
	}
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		low := strings.ToLower(t)
		asText := hasWord("-c -e -r -E --eval --run", c.Args[k-1].Text) && strings.ContainsAny(t, "(;")
		switch {
		case strings.Contains(low, "/inet/tcp/") && strings.Contains(low, "|&"),
			asText && anyOf(low, []string{"socket"}) && anyOf(low, []string{"dup2", "fdopen", "/bin/sh", "/bin/bash", "pty.spawn", "open(stdin", "exec sh", "exec bash", "exec /bin", "eval exec", "[exec "}):
			s.add("reverse-shell", Critical, "program text that %s is given ties a shell to a network socket: %s", q(c.Name), q(t))
		case asText && (anyOf(low, decodeWords) || hidesText(t)) && anyOf(low, []string{"exec(", "eval(", "system(", "os.system", "popen"}):
			s.add("decode-and-run", Critical, "program text that %s is given decodes text and runs it: %s", q(c.Name), q(t))
		case asText && (anyOf(low, fetchWords) || urlIn(t) != "") && anyOf(low, []string{"exec(", "eval(", "system(", "os.system", "popen"}):
			s.add("fetch-and-run", Critical, "program text that %s is given fetches something and runs it: %s", q(c.Name), q(t))
		}
	}
}

// shellOut judges shells that are tied to the network.
func (s *signer) shellOut(i int, c *Command) {
	name := c.Name
	for k := range c.Redirects {
		if f := c.Redirects[k].File.Text; strings.HasPrefix(f, "/dev/tcp/") || strings.HasPrefix(f, "/dev/udp/") {
			if s.asksPort(i, c) || name == "exec" && localTCP(f) && !s.talksThrough() {
				continue
			}
			if lang, _ := interpreter(name); lang != "" || name == "exec" || name == "cat" || name == "" {
				s.add("reverse-shell", Critical, "%s is tied to %s", q(name), q(f))
			} else {
				s.add("reverse-shell", High, "the shell opens %s", q(f))
			}
		}
	}
	holds := s.holds(i)
	for k := 1; k < len(c.Args) && !holds; k++ {
		if t := c.Args[k].Text; strings.Contains(t, "/dev/tcp/") && name != "echo" && name != "test" && name != "[" {
			s.add("reverse-shell", Critical, "it opens a connection of the shell's own: %s", q(t))
		}
	}
	switch name {
	case "ztcp":
		s.add("reverse-shell", High, "the shell opens a connection of its own: %s", q(joinWords(c.Args)))
	case "xterm", "uxterm", "rxvt", "urxvt", "aterm", "eterm", "x-terminal-emulator", "konsole", "gnome-terminal":
		for k := 1; k+1 < len(c.Args); k++ {
			if host, _, ok := strings.Cut(c.Args[k+1].Text, ":"); ok && hasWord("-display --display", c.Args[k].Text) && host != "" && host != "localhost" && host != "unix" {
				s.add("reverse-shell", High, "it opens a terminal on the screen of another machine: %s", q(joinWords(c.Args)))
			}
		}
	case "nc", "ncat", "netcat", "nc.traditional", "nc.openbsd":
		if hasFlag(c, 'e') || hasFlag(c, 'c') || hasArg(c, "--exec", "--sh-exec", "--lua-exec") {
			s.add("reverse-shell", Critical, "%s gives a program to whoever is at the other end: %s", q(name), q(joinWords(c.Args)))
			return
		}
		piped := false
		s.upstream(i, false, func(u *Command) { piped = piped || shells[u.Name] })
		if piped {
			s.add("reverse-shell", Critical, "a shell talks through %s: %s", q(name), q(joinWords(c.Args)))
		}
	case "socat":
		for k := 1; k < len(c.Args); k++ {
			if u := strings.ToUpper(c.Args[k].Text); strings.HasPrefix(u, "EXEC:") || strings.HasPrefix(u, "SYSTEM:") || strings.HasPrefix(u, "SHELL:") {
				s.add("reverse-shell", Critical, "socat gives a program to whoever is at the other end: %s", q(joinWords(c.Args)))
			}
		}
	case "telnet", "openssl":
		s.upstream(i, false, func(u *Command) {
			if shells[u.Name] && (name == "telnet" || hasArg(c, "s_client")) {
				s.add("reverse-shell", Critical, "a shell talks through %s", q(name))
			}
		})
	case "tar":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; strings.HasPrefix(t, "--checkpoint-action=exec") {
				s.add("option-exec", High, "an option of tar runs a program: %s", q(t))
			}
		}
	}
	if shells[name] && hasFlag(c, 'i') && (len(c.Input) > 0 || c.Piped) {
		talks := false
		s.upstream(i, false, func(u *Command) {
			if _, ok := brings(u); ok {
				talks = true
			}
		})
		if talks {
			s.add("reverse-shell", Critical, "an interactive shell is fed from the network")
		}
	}
}

// holds reports a command whose words hold shell text, which was read for itself.
func (s *signer) holds(i int) bool {
	for k := range s.a.Commands {
		if p := s.a.Commands[k].Parent; p == i && p >= 0 {
			return true
		}
	}
	return false
}

// localTCP reports a connection to the host itself or to its own net.
func localTCP(f string) bool {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(f, "/dev/tcp/"), "/dev/udp/"), "/")
	return host == "localhost" || privateHost(host)
}

// talksThrough reports a job in which a shell, eval or another language reads or writes
// a descriptor that was opened before.
func (s *signer) talksThrough() bool {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		lang, _ := interpreter(c.Name)
		if lang == "" && c.Name != "eval" && c.Name != "source" && c.Name != "." {
			continue
		}
		if c.Name == "eval" || c.ReadsCode {
			return true
		}
		for k := range c.Redirects {
			if r := &c.Redirects[k]; strings.HasPrefix(r.Op, "<&") || strings.HasPrefix(r.Op, ">&") && r.File.Text != "1" && r.File.Text != "2" {
				return true
			}
		}
	}
	return false
}

// asksPort reports a connection of the shell's own that carries nothing but words
// of the line, or nothing at all: so people ask whether a port is open, and so they
// send figures to a collector.
func (s *signer) asksPort(i int, c *Command) bool {
	switch c.Name {
	case "", ":", "true":
		return true
	case "echo", "printf":
	default:
		return false
	}
	for k := range c.Redirects {
		if strings.Contains(c.Redirects[k].Op, "<") {
			return false
		}
	}
	files := false
	s.upstream(i, true, func(u *Command) { files = files || readsFiles(u) })
	return !files
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

package cron

import "strings"

// oddPlace says why no program belongs where p lies, and how much that weighs; ""
// it may lie there. What everybody may write is [isTemp]'s.
func oddPlace(p string, how How) (why string, sev Level) {
	if how == HowRunParts || how == HowShell {
		return "", None
	}
	in := func(dirs ...string) bool {
		for _, d := range dirs {
			if strings.HasPrefix(p, d) {
				return true
			}
		}
		return false
	}
	bin := strings.Contains(p, "/bin/") || strings.Contains(p, "/sbin/")
	switch {
	case in("/dev/"):
		if p == "/dev/null" || p == "/dev/stdin" || in("/dev/fd/") {
			return "", None
		}
		return "among the devices", High
	case in("/proc/", "/sys/"):
		return "in a file system that the kernel makes up", High
	case in("/run/", "/var/run/"):
		// NixOS has its programs behind /run/current-system and /run/wrappers.
		if bin {
			return "", None
		}
		return "in a directory that each boot empties", Medium
	case in("/boot/", "/var/log/") && hasScriptSuffix(p):
		return "among logs or the boot loader's files", Low // some people's scripts do
	case in("/boot/", "/lost+found/"):
		return "where the boot loader's files lie", Medium
	case in("/usr/share/man/", "/usr/share/locale/", "/usr/share/fonts/", "/usr/share/icons/", "/usr/share/zoneinfo/", "/usr/share/i18n/", "/usr/share/terminfo/", "/usr/share/info/", "/usr/share/pixmaps/", "/usr/share/themes/", "/usr/share/mime/", "/usr/share/sounds/", "/usr/share/keymaps/", "/usr/include/", "/usr/lib/locale/"):
		return "among the texts and pictures of packages", Medium
	case in("/var/log/", "/var/mail/", "/var/spool/mail/"):
		return "among logs or mail", Medium
	case in("/var/lib/mysql/", "/var/lib/postgresql/", "/var/lib/pgsql/", "/var/lib/redis/", "/var/lib/mongodb/", "/var/lib/mongo/", "/var/lib/elasticsearch/", "/var/lib/couchdb/", "/var/lib/dpkg/", "/var/lib/rpm/", "/var/lib/apt/", "/var/lib/dbus/", "/var/lib/systemd/"):
		if how == HowCommand && !bin && !hasScriptSuffix(p) && !strings.Contains(p, "script") && !strings.Contains(baseName(p), "backup") {
			return "among a service's data", Medium
		}
	}
	for _, d := range [...]string{"/uploads/", "/wp-includes/", "/sites/default/files/"} {
		if strings.Contains(p, d) {
			return "where a web server keeps what visitors send, or none of its programs", Medium
		}
	}
	if webRoot(p) {
		for _, d := range [...]string{"/images/", "/img/", "/css/", "/fonts/"} {
			if strings.Contains(p, d) {
				return "among the pictures of a web site", Medium
			}
		}
	}
	return "", None
}

// notPrograms are the endings of names of files that nobody runs.
var notPrograms = set("png jpg jpeg gif ico bmp svg webp tif css woff woff2 ttf pdf doc docx xls xlsx mp3 mp4 avi mov wav eml ps tgz gz zip rar 7z iso img log")

// dataSuffix says what a name promises a file to be that is run all the same.
func dataSuffix(p string, how How) (what string, sev Level) {
	if how != HowCommand && how != HowScript {
		return "", None
	}
	base := strings.ToLower(baseName(p))
	dot := strings.LastIndexByte(base, '.')
	if dot <= 0 {
		return "", None
	}
	if sharedObject(base) {
		if how == HowCommand {
			return "a library", High
		}
		return "", None
	}
	switch end := base[dot+1:]; {
	case end == "log":
		return "a log", Medium
	case end == "txt":
		return "a text", Low
	case notPrograms[end]:
		return "a picture, document or archive", High
	}
	return "", None
}

// sharedObject reports libx.so and libx.so.1.2, but not the loader, which is a
// program of its own: ld-linux-x86-64.so.2.
func sharedObject(base string) bool {
	if strings.HasPrefix(base, "ld-") || strings.HasPrefix(base, "ld.") {
		return false
	}
	i := strings.Index(base, ".so")
	return i > 0 && (i+3 == len(base) || base[i+3] == '.' && strings.Trim(base[i+3:], ".0123456789") == "")
}

// encodedWord reports a word that is text in base 64 or hex rather than a name:
// long, without the marks of a path or an option, and of all kinds of letters.
func encodedWord(w string) bool {
	if len(w) < 40 || strings.IndexByte("-./~$\"'", w[0]) >= 0 {
		return false
	}
	var lower, upper, digit, hex int
	for i := 0; i < len(w); i++ {
		c := w[i]
		switch {
		case c >= '0' && c <= '9':
			digit++
			hex++
		case isLower(c):
			lower++
			if c <= 'f' {
				hex++
			}
		case c >= 'A' && c <= 'Z':
			upper++
			if c <= 'F' {
				hex++
			}
		case strings.IndexByte("+/=", c) < 0:
			return false
		}
	}
	return lower > 0 && upper > 0 && digit > 0 || hex == len(w) && digit > 0
}

// stored judges a command that is no command but encoded text: a crontab as a
// place to keep code that something else reads (CronRAT keeps it behind 31 February).
func (s *signer) stored() {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if len(c.Args) == 0 || c.Parent >= 0 || len(c.Input) > 0 || !encodedWord(c.Args[0].Text) {
			continue
		}
		if s.j.Schedule.Never() {
			s.add("stored-code", High, "the command is encoded text on a day that never comes: the table is where it is kept; %s", q(c.Args[0].Text))
		} else {
			s.add("stored-code", Medium, "the command is encoded text: %s", q(c.Args[0].Text))
		}
	}
}

// borrowed judges exec -a: a program that goes by another name in the list of
// processes.
func (s *signer) borrowed(c *Command) {
	for i := 0; i+2 < len(c.Full); i++ {
		if baseName(c.Full[i].Text) != "exec" || c.Full[i+1].Text != "-a" {
			continue
		}
		name := c.Full[i+2].Text
		switch {
		case kernelThread(name) != "":
			s.add("borrowed-name", High, "it runs a program under the name of a kernel thread: %s", q(name))
		case daemons[baseName(name)]:
			s.add("borrowed-name", High, "it runs a program under the name of a daemon: %s", q(name))
		default:
			s.add("borrowed-name", Medium, "it runs a program under another name: %s", q(name))
		}
	}
}

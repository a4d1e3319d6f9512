package cron

import (
	"fmt"
	"strings"
)

// Sign is one odd thing about a job.
type Sign struct {
	ID       string
	Severity Level
	Attack   []string // ATT&CK technique ids
	Message  string   // a sentence; foreign text in it is quoted as ASCII
	Booster  bool     // says little alone: at most low, and raises the others by one step
}

// SignContext is what is known of a job beside its line.
type SignContext struct {
	Daemon Daemon
	UID    int64       // of the job's account; -1 not known
	Look   HostLookup  // nil: the line alone is judged
	Near   *Neighbours // the host's other jobs; nil: none
}

// Signs returns what is odd about a job, the heaviest first. a is what
// [Job.Resolve] made of it.
func Signs(j *Job, a *Analysis, c SignContext) []Sign {
	s := &signer{j: j, a: a, c: c}
	s.source()
	s.stored()
	s.commands()
	s.names()
	s.places()
	s.environment()
	s.host()
	s.behind()
	if len(s.out) > 0 || j.Quiet {
		s.boosters()
	}
	sortSigns(s.out)
	return s.out
}

// Severity is that of all signs together: the heaviest one, a step higher where a
// booster stands beside it. Boosters alone are at most low. What most honest jobs of
// a kind do weighs info, which nothing lifts.
func Severity(signs []Sign) Level {
	worst, boost := None, None
	for i := range signs {
		switch {
		case signs[i].Booster:
			boost = max(boost, min(signs[i].Severity, Low))
		default:
			worst = max(worst, signs[i].Severity)
		}
	}
	if worst == None {
		return boost
	}
	if worst > Info && boost > None && worst < Critical {
		worst++
	}
	return worst
}

// behind judges the text as if there were no %, and what follows an account's name
// that does not belong there: an intruder who forgot what the daemon makes of his
// line is still one. Such signs weigh a step less.
func (s *signer) behind() {
	s.meant(s.a.Behind, "a % before it keeps this daemon from running it")
	s.meant(s.a.Meant, "the name before it, which is a command in a user's table, keeps this daemon from running it")
}

func (s *signer) meant(a *Analysis, why string) {
	if a == nil {
		return
	}
	b := &signer{j: s.j, a: a, c: s.c}
	b.commands()
	b.names()
	b.places()
	for _, x := range b.out {
		if !x.Booster && x.Severity > Info && !hasSign(s.out, x.ID) {
			x.Severity--
			x.Message += "; " + why
			s.out = append(s.out, x)
		}
	}
}

func hasSign(signs []Sign, id string) bool {
	for i := range signs {
		if signs[i].ID == id {
			return true
		}
	}
	return false
}

func sortSigns(s []Sign) {
	for i := 1; i < len(s); i++ {
		for k := i; k > 0 && lessSign(&s[k], &s[k-1]); k-- {
			s[k], s[k-1] = s[k-1], s[k]
		}
	}
}

func lessSign(a, b *Sign) bool {
	if a.Booster != b.Booster {
		return b.Booster
	}
	return a.Severity > b.Severity
}

// signer gathers the signs of one job.
type signer struct {
	j   *Job
	a   *Analysis
	c   SignContext
	out []Sign
}

// add records a sign once an ID, at its heaviest.
func (s *signer) add(id string, sev Level, format string, args ...any) {
	s.addAs(id, "", sev, format, args...)
}

// addAs is add for one of the techniques of a sign that has several; "" for all.
func (s *signer) addAs(id, attack string, sev Level, format string, args ...any) {
	at := len(s.out)
	for i := range s.out {
		if s.out[i].ID == id {
			at = i
		}
	}
	if at == len(s.out) {
		s.out = append(s.out, Sign{ID: id})
	} else if s.out[at].Severity >= sev {
		return
	}
	info := signInfo(id)
	techniques := info.Attack
	if attack != "" {
		techniques = []string{attack}
	}
	s.out[at] = Sign{ID: id, Severity: sev, Attack: techniques, Booster: info.Booster, Message: fmt.Sprintf(format, args...)}
}

// q quotes foreign text in a message.
func q(text string) string { return Quote(clip(Mask(clip(text, 1024)), 160)) }

// source looks at the bytes of the line.
func (s *signer) source() {
	raw := s.j.Raw
	if raw == "" {
		raw = s.j.Command
	}
	if strings.Contains(raw, " (deleted)") {
		s.add("deleted", High, "the line holds %s: it was copied from the link to a running program that is no longer on disk", q("(deleted)"))
	}
	body := strings.TrimRight(raw, "\r")
	if hasControl(body) || strings.IndexByte(body, '\r') >= 0 {
		s.add("control-characters", High, "control characters in the line hide it from a terminal: %s", q(raw))
	}
	if i := strings.Index(body, strings.Repeat(" ", 60)); i > 0 && strings.TrimSpace(body[i:]) != "" {
		s.add("pushed-aside", Medium, "blanks push the end of the line out of sight: %s", q(strings.TrimSpace(body[i:])))
	}
	if s.a.Rough && !s.a.Unclosed && (len(s.a.Text) > maxShell || strings.HasPrefix(s.a.Reason, "nested") || strings.HasPrefix(s.a.Reason, "long")) {
		s.add("unreadable", Medium, "the command is %s: nobody writes that by hand", s.a.Reason)
	}
	if s.j.HasStdin && s.runsInput() {
		s.add("code-behind-percent", Low, "what is run stands behind a %% and is handed to an interpreter as its input: %s", q(s.j.Stdin))
	}
	for i := range s.a.Joined {
		s.spelled(&s.a.Joined[i])
	}
}

func (s *signer) runsInput() bool {
	for i := range s.a.Commands {
		if c := &s.a.Commands[i]; c.ReadsCode && len(c.Input) == 0 && !c.HasHere && c.Parent < 0 {
			return true
		}
	}
	return false
}

// spelled judges neighbouring words that spell a name of dots and blanks.
func (s *signer) spelled(j *Joined) {
	var f FileInfo
	if s.c.Look != nil && j.Path != "" {
		f = s.c.Look(j.Path)
	}
	switch {
	case f.Known && f.Exists:
		s.add("spelled-name", High, "the words %s spell the name of a file that exists, %s; as it is written, the shell takes them for two words", q(j.Text), q(j.Path))
	case j.Broken && f.Known:
		s.add("spelled-name", Medium, "the words %s spell a name in a directory of dots and blanks, which does not exist; as it is written, the command is given a directory and runs nothing", q(j.Text))
	case j.Broken:
		s.add("spelled-name", High, "the words %s spell a name in a directory of dots and blanks, %s; as it is written, the command is given a directory and runs nothing", q(j.Text), q(j.Path))
	}
}

// targetPath is the path of a target for judging, or its bare name.
func targetPath(t *Target) string {
	if t.Path != "" {
		return t.Path
	}
	return t.Word
}

// names judges how the things that a job touches are called.
func (s *signer) names() {
	for i := range s.a.Targets {
		t := &s.a.Targets[i]
		if t.Path == "" && !t.Search {
			continue
		}
		p := targetPath(t)
		if t.Path != "" && strings.HasPrefix(t.Word, "$") && !strings.HasPrefix(t.Word, "$HOME/") {
			continue
		}
		for _, d := range Deceptive(p) {
			s.deception(p, d, t.How)
		}
		if strings.Contains(t.Word, "/./") && len(t.Word) > 3 {
			s.add("dot-segment", Low, "%s has a needless /./ in it", q(t.Word))
		}
	}
	var holds [maxParsed]bool // commands whose words hold shell text, which was read for itself
	for i := range s.a.Commands {
		if p := s.a.Commands[i].Parent; p >= 0 && p < len(holds) {
			holds[p] = true
		}
	}
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if prose[c.Name] {
			continue
		}
		for k := range c.Args {
			if i < len(holds) && holds[i] && strings.ContainsAny(c.Args[k].Text, " \t\n") {
				continue
			}
			s.wordName(&c.Args[k])
		}
		for k := range c.Redirects {
			s.wordName(&c.Redirects[k].File)
		}
	}
}

// prose are commands whose words are text or patterns rather than names.
var prose = set("echo printf logger mail mailx mutt sendmail notify-send sed awk gawk mawk grep egrep fgrep zgrep rg tr cut date test [ [[ expr mysql psql sqlite3 python perl php ruby node jq curl wget curl.exe say wall write espeak")

// wordName judges a word that looks like a path by its bytes alone.
func (s *signer) wordName(w *Word) {
	t := w.Text
	if t == "" || len(t) > 4096 || t[0] != '/' && t[0] != '.' && t[0] != '~' && !strings.HasPrefix(t, "$HOME/") {
		return
	}
	odd := false
	for i := 0; i < len(t); i++ {
		if c := t[i]; c < 0x20 || c >= 0x7f || c == ' ' || c == '.' && i > 0 && t[i-1] == '.' {
			odd = true
			break
		}
	}
	if !odd {
		return
	}
	for i, c := range strings.Split(t, "/") {
		if c == "" || c == "." || c == ".." || i > 256 {
			continue
		}
		if class, sev := byteClass(c); class != "" && class != ClassBlankEdge && class != ClassEncoding && sev == High {
			s.add("deceptive-name", High, "%s holds %s (%s)", q(t), Quote(c), Spell(c))
		}
	}
}

// deception turns a deceptive component of a target into a sign.
func (s *signer) deception(p string, d Deception, how How) {
	switch d.Class {
	case ClassHidden, ClassHiddenHome:
		if how == HowSourced && (s.settings(p) || strings.HasSuffix(p, "/bin/activate") && !isTemp(p) && d.Class == ClassHiddenHome) {
			d.Severity = Info // settings, or Python's virtual environment, which people name as they like
		}
		if d.Class == ClassHiddenHome && strings.Contains(p, d.Component+"/bin/") && strings.Trim(strings.ToLower(d.Component[1:]), "abcdefghijklmnopqrstuvwxyz-_") == "" && len(d.Component) > 3 {
			d.Severity = Info // how tools of all languages install themselves into a home
		}
		s.add("hidden-exec", d.Severity, "it runs %s, which lies behind the hidden name %s", q(p), Quote(d.Component))
	case ClassKernel:
		s.add("kernel-name", d.Severity, "%s has %s", q(p), d.Words)
	case ClassDaemon:
		s.add("daemon-name", d.Severity, "%s has %s", q(p), d.Words)
	case ClassNear:
		if s.c.Look != nil && s.c.Look(p).Owned == Yes {
			return // a program of its own, which happens to be called so
		}
		fallthrough
	default:
		is := "is "
		if strings.HasPrefix(d.Words, "reads ") {
			is = ""
		}
		s.add("deceptive-name", d.Severity, "it runs %s, in which %s %s%s", q(p), Quote(d.Component), is, d.Words)
	}
}

// settings reports a hidden file that lies in a home itself and is read before
// something else is run: people keep a program's variables so.
func (s *signer) settings(p string) bool {
	dir := p[:strings.LastIndexByte(p, '/')+1]
	if dir != "/etc/" && dir != "$HOME/" && dir != "/root/" && !(strings.HasPrefix(dir, "/home/") && strings.Count(dir, "/") == 3) {
		return false
	}
	for i := range s.a.Commands {
		if c := &s.a.Commands[i]; c.Name != "." && c.Name != "source" && !builtins[c.Name] && c.Name != "" {
			return true
		}
	}
	return false
}

// places judges where the things lie that a job runs.
func (s *signer) places() {
	for i := range s.a.Targets {
		t := &s.a.Targets[i]
		p := t.Path
		if p == "" {
			continue
		}
		switch {
		case isTemp(p):
			s.add("temp-exec", High, "it runs %s, where every account may put files", q(p))
		case webRoot(p) && hiddenInWeb(p):
			s.add("hidden-exec", Medium, "it runs %s, which lies in a hidden directory below what a web server shows", q(p))
		case t.How == HowCommand && inCache(p):
			s.add("cache-exec", Medium, "it runs %s, which lies among cached data", q(p))
		case t.How == HowCommand && strings.HasPrefix(p, "/etc/") && !etcScript(p):
			sev := Low
			if dir, _, ok := strings.Cut(p[len("/etc/"):], "/"); ok && strings.HasPrefix(baseName(p), dir) {
				sev = Info // an application's own folder
			} else if !ok && s.runsOneOf("pgrep", "pidof", "ps", "pkill", "killall") {
				sev = Medium // and it is started again whenever it is gone
			}
			s.add("etc-exec", sev, "it runs %s: programs do not belong in /etc", q(p))
		default:
			if why, sev := oddPlace(p, t.How); why != "" {
				s.add("odd-place", sev, "it runs %s, which lies %s", q(p), why)
			}
		}
		if what, sev := dataSuffix(p, t.How); what != "" && t.Reason == "" {
			s.add("data-suffix", sev, "it runs %s, which is called like %s", q(p), what)
		}
		if share, dir := cronDir(p); share > 0 && t.How != HowRunParts {
			if n, ok := s.j.Schedule.PerDay(); ok && n > 2*share {
				sev := Low
				if hasScriptSuffix(p) && n >= 24 {
					sev = Medium // run-parts of Debian passes over such a name: this job is what runs it
				}
				s.add("cron-dir-often", sev, "%s is in %s, but this job runs it %s", q(p), dir, s.j.Schedule.Frequency())
			}
		}
	}
}

// hiddenInWeb reports a hidden directory, whatever it is called.
func hiddenInWeb(p string) bool {
	for _, root := range [...]string{"/public_html/", "/htdocs/", "/httpdocs/", "/wp-content/", "/html/", "/var/www/", "/srv/www/"} {
		if _, rest, ok := strings.Cut(p, root); ok {
			for _, c := range strings.Split(rest, "/") {
				if len(c) > 1 && c[0] == '.' && c != ".." && !usualHiddenSystem[c] && !hasScriptSuffix(c) && c != ".config" && c != ".local" {
					return true
				}
			}
		}
	}
	return false
}

// inCache reports a program among the data of a cache or of a browser's profile.
// Build tools keep whole environments there, with their programs in bin.
func inCache(p string) bool {
	for _, c := range [...]string{"/.cache/", "/.mozilla/", "/.thunderbird/", "/.local/share/Trash/", "/.Trash/", "/var/cache/", "/.config/google-chrome/", "/.config/chromium/", "/.npm/_cacache/", "/.gvfs/", "/.thumbnails/", "/.fonts/", "/.icons/", "/.themes/"} {
		if i := strings.Index(p, c); i >= 0 {
			rest := p[i+len(c):]
			return !strings.Contains("/"+rest, "/bin/") && !strings.Contains(rest, "env") && !strings.Contains(rest, "node_modules") && !hasScriptSuffix(p)
		}
	}
	return false
}

func hasScriptSuffix(p string) bool {
	return hasSuffixOf(p, ".sh", ".bash", ".py", ".pl", ".rb", ".php", ".js", ".lua", ".cron", ".awk", ".tcl", ".R")
}

// etcScript reports the places below /etc where distributions and people keep
// scripts.
func etcScript(p string) bool {
	if hasScriptSuffix(p) || strings.Count(p, "/") > 3 {
		return true // deeper down, packages keep plugins and helpers of theirs
	}
	dir := p[:strings.LastIndexByte(p, '/')+1]
	for _, part := range [...]string{"/cron", "init", "/rc", "script", "hook", "/bin/", "sbin/", "/periodic", ".d/", "letsencrypt", "webmin", "/acpi", "/network", "/ppp", "/openvpn", "/asterisk", "/dhcp", "/X11", "/munin", "/zabbix", "/nagios", "/local", "/kernel", "/apt", "/security", "/backup", "/profile", "/alternatives", "/puppet", "/rancid", "/mail", "/pihole", "/csf", "/systemd", "/security", "/vz", "/xen"} {
		if strings.Contains(dir[len("/etc"):], part) {
			return true
		}
	}
	return false
}

// cronDir returns how often a day the directory of cron that p lies in is meant to
// be run, 0 for other places.
func cronDir(p string) (perDay float64, dir string) {
	for _, d := range [...]struct {
		dir string
		n   float64
	}{{"/etc/cron.hourly", 24}, {"/etc/cron.daily", 1}, {"/etc/cron.weekly", 1.0 / 7}, {"/etc/cron.monthly", 1.0 / 30}} {
		if strings.HasPrefix(p, d.dir+"/") {
			return d.n, d.dir
		}
	}
	return 0, ""
}

// environment judges the settings in force.
func (s *signer) environment() {
	if s.j.Env != nil {
		for _, e := range s.j.Env.All() {
			s.setting(e.Name, e.Value)
		}
	}
	for i := range s.a.Commands {
		for k := range s.a.Commands[i].Assigns {
			as := &s.a.Commands[i].Assigns[k]
			s.setting(as.Name, as.Value.Text)
		}
	}
}

func (s *signer) setting(name, value string) {
	if strings.HasPrefix(value, "() {") {
		s.add("environment", High, "%s is written as a function that an old shell runs when it starts: %s", name, q(value))
	}
	switch name {
	case "GS_ARGS", "GSOCKET_ARGS", "GS_SECRET", "GSOCKET_SECRET":
		s.add("tunnel", High, "%s is for a program that opens a way in from outside through a relay: %s", name, q(value))
	case "IFS":
		if s.splitsCommand() {
			s.add("obfuscated", Medium, "what parts words is set to %s, and a variable is run as a command: it hides the command", q(value))
		}
	case "LD_PRELOAD", "LD_AUDIT":
		if value == "" {
			return
		}
		for _, lib := range strings.FieldsFunc(value, func(r rune) bool { return r == ':' || r == ' ' }) {
			if s.usualPreload(lib) {
				s.add("preload", Info, "%s loads %s into every program of the job", name, q(lib))
			} else if strings.HasPrefix(lib, "$LIB") || strings.IndexByte(lib, '/') < 0 || libDir(lib) {
				sev := High // by its name nobody knows it: a rootkit, or a vendor's shim
				if strings.HasPrefix(lib, "/opt/") {
					sev = Medium
				}
				s.add("preload", sev, "%s loads %s into every program of the job", name, q(lib))
			} else {
				s.add("preload", Critical, "%s loads %s into every program of the job", name, q(lib))
			}
		}
	case "NODE_OPTIONS", "RUBYOPT", "PERL5OPT", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "PHPRC", "PHP_INI_SCAN_DIR", "LUA_INIT", "R_PROFILE", "R_PROFILE_USER", "R_ENVIRON_USER", "GIT_CONFIG_GLOBAL", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "PYTHONHOME", "PYTHONUSERBASE", "GEM_HOME", "GEM_PATH", "BUNDLE_GEMFILE", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "QT_PLUGIN_PATH", "GTK_MODULES", "GIO_MODULE_DIR", "TCLLIBPATH", "EMACSLOADPATH", "VIMINIT", "KRB5_CONFIG", "RIPGREP_CONFIG_PATH":
		// What a language or library loads or reads before the program it is given.
		if startsInText(value) {
			s.add("environment", High, "%s holds program text that is run before the program: %s", name, q(value))
		}
		if strings.Contains(name, "JAVA") {
			low := strings.ToLower(value)
			i := -1
			for _, opt := range [...]string{"agent", "bootclasspath", "library.path", "ext.dirs", "class.path"} {
				if k := strings.Index(low, opt); k >= 0 && (i < 0 || k < i) {
					i = k
				}
			}
			if i < 0 {
				return
			}
			value = value[i:]
		}
		for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" =:,;@\"'()", r) }) {
			part = strings.TrimPrefix(strings.TrimPrefix(part, "-r"), "-I")
			if oddSource(part) {
				s.settingDir(name, part)
			}
		}
	case "PERL5DB", "PS4", "PROMPT_COMMAND":
		if programText(value) {
			s.add("environment", High, "%s holds program text that is run before the program: %s", name, q(value))
		}
	case "PATH", "SHELL", "BASH_ENV", "ENV", "LD_LIBRARY_PATH", "PERL5LIB", "PYTHONPATH", "PYTHONSTARTUP", "GCONV_PATH", "ZDOTDIR", "HOME", "RUBYLIB", "NODE_PATH":
		for value != "" {
			var dir string
			dir, value, _ = cutByte(value, ':')
			s.settingDir(name, dir)
		}
	}
}

// splitsCommand reports a job that runs what a variable holds.
func (s *signer) splitsCommand() bool {
	text := s.a.Text
	for _, end := range [...]string{";$", "; $", "|$", "| $", "&$", "& $", "do $", "then $", "eval $", "eval \"$"} {
		if strings.Contains(text, end) && !strings.Contains(text, end+"(") {
			return true
		}
	}
	return false
}

// programText reports a value that starts something: a call, or a substitution.
func programText(value string) bool {
	return strings.Contains(value, "$(") || strings.IndexByte(value, '`') >= 0 || startsInText(value)
}

// startsInText reports a call that starts something.
func startsInText(value string) bool {
	return anyOf(strings.ToLower(value), []string{"system(", "exec(", "os.execute", "qx{", "begin{", "begin {", "spawn(", "popen(", "child_process"})
}

// preloads are the beginnings of the names of libraries that are made to be loaded
// into programs: allocators, clocks, proxies, loggers, shims of vendors.
var preloads = [...]string{"libjemalloc", "libtcmalloc", "libmimalloc", "libhoard", "libfaketime", "libeatmydata", "libtsocks", "libtorsocks", "libproxychains", "libtrickle", "libsnoopy", "libesets", "libkeepalive", "libfakeroot", "libfakechroot", "libstdbuf", "libgomp", "libstdc++", "libgcc_s", "libasan", "libtsan", "libubsan", "libpthread", "libdl.", "libc.", "libm.", "libssl", "libcrypto", "libcurl", "libodbc", "libarmmem", "libcofi", "libatomic", "libnss_wrapper", "libuid_wrapper", "libsocket_wrapper", "libSegFault", "libaoss", "libv4l", "v4l1compat", "v4l2convert", "libunwind", "libxcb", "libGL", "libvirtualenv", "libmkl", "libiomp", "libtbb", "libnvidia", "libcuda", "libstderred", "libgtk3-nocsd", "libumem", "liblsan", "libdislocator", "libnuma", "libdarshan", "libmpi", "libopenblas", "libreadline", "libhugetlbfs"}

// usualPreload reports a library that honest people preload, or one in a place of
// the system that a package brought.
func (s *signer) usualPreload(lib string) bool {
	base := baseName(lib)
	for _, p := range preloads {
		if strings.HasPrefix(base, p) && (strings.IndexByte(lib, '/') < 0 || lib[0] == '$' || libDir(lib)) {
			return true
		}
	}
	return s.c.Look != nil && libDir(lib) && s.c.Look(lib).Owned == Yes
}

func libDir(p string) bool {
	for _, d := range [...]string{"/usr/lib", "/lib", "/usr/local/lib", "/opt/"} {
		if strings.HasPrefix(p, d) {
			return len(Deceptive(p)) == 0
		}
	}
	return false
}

func (s *signer) settingDir(name, dir string) {
	sev := High
	if name == "HOME" || name == "NODE_PATH" || name == "PYTHONPATH" || name == "LD_LIBRARY_PATH" {
		sev = Medium
	}
	switch {
	case isTemp(dir + "/"):
		s.add("environment", sev, "%s names %s, where every account may put files; every job below it is concerned", name, q(dir))
	case name == "PATH" && (dir == "." || dir == ".."):
		s.add("environment", Low, "PATH names the working directory")
	case strings.Contains(dir, "/."):
		for _, d := range Deceptive(dir) {
			if d.Class == ClassHiddenHome && (name == "PATH" || name == "HOME") && d.Severity < High {
				s.add("environment", Low, "%s names %s, which lies behind the hidden name %s", name, q(dir), Quote(d.Component))
				continue
			}
			s.add("environment", sev, "%s names %s, in which %s is %s", name, q(dir), Quote(d.Component), d.Words)
		}
	}
}

// boosters adds what says little alone.
func (s *signer) boosters() {
	if s.j.Quiet {
		s.add("unlogged", Low, "a leading dash keeps the start of the job out of the log")
	}
	if n, ok := s.j.Schedule.PerDay(); ok && n >= 288 {
		s.add("often", Info, "it runs %s", s.j.Schedule.Frequency())
	}
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		for k := range c.Redirects {
			if f := c.Redirects[k].File.Text; f == "/dev/null" && strings.Contains(c.Redirects[k].Op, ">") {
				s.add("discards-output", Info, "its output is thrown away")
			}
		}
		if c.Back || hasAny(c.Wrappers, "nohup", "setsid") || c.Name == "disown" {
			sev := Low
			if s.j.Schedule.Kind == ScheduleReboot {
				sev = Info // how people start what is to run as long as the host does
			}
			s.add("detached", sev, "it leaves something running behind it")
		}
	}
	if m := s.j.Env.Lookup("MAILTO"); m != nil && m.Value == "" {
		s.add("no-mail", Info, "MAILTO is empty: nobody is told what it prints")
	}
	if s.c.Near != nil && s.c.Near.twin(s.j, s.a) {
		s.add("reboot-twin", Low, "the same program is started at boot and again by the clock")
	}
}

func hasAny(list []string, names ...string) bool {
	for _, l := range list {
		for _, n := range names {
			if l == n {
				return true
			}
		}
	}
	return false
}

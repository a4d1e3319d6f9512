package triage

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Settings of daemons and tools that start a program: each form says where in a line the
// command stands, and the command is judged as a shell's. A setting of an ordinary
// command is nothing to tell; where the file alone is rare, its place says so.

// commands judges the commands that the last group of each form finds in a line.
func commands(forms ...string) func(*looker, *snapshot.File, string) (string, []string) {
	var all []*regexp.Regexp
	for _, f := range forms {
		all = append(all, regexp.MustCompile(f))
	}
	return func(l *looker, f *snapshot.File, user string) (string, []string) {
		var o odd
		settings(f.Content, func(n int, line string) bool {
			for _, r := range all {
				m := r.FindStringSubmatch(clip(line, maxScriptLine))
				if m == nil {
					continue
				}
				if c := strings.Trim(m[len(m)-1], "\"'` \t"); c != "" && !o.see(l.commandAt(f.Path, n, c, user)) {
					return false
				}
			}
			return true
		})
		return o.out()
	}
}

// programPlaces go behind startupPlaces.
var programPlaces = []startup{
	{regexp.MustCompile(`^/etc/gitconfig$|/\.gitconfig$|/\.config/git/config$|/\.git/config$`), "settings of git", "when its account uses git", "T1546", "none",
		commands(`(?i)^\s*(?:hookspath|fsmonitor|sshcommand|askpass|editor|pager|gitproxy|textconv|command|clean|smudge|process|driver|external|program|cmd|helper|uploadpack|receivepack)\s*=\s*!?(.*)$`, `=\s*"?!(.*)$`)},
	{regexp.MustCompile(`/hooks/(?:applypatch-msg|pre-[a-z-]+|post-[a-z-]+|commit-msg|prepare-commit-msg|update|proc-receive|push-to-checkout|reference-transaction|sendemail-validate|fsmonitor-[a-z]+)$`), "a hook of git", "when its repository is used", "T1546", "none", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/(acpi/events/)`), "what acpid does", "when a key or a lid moves, as root", "T1546", "none", commands(`^action\s*=\s*(.*)$`)},
	{regexp.MustCompile(`/binfmt\.d/[^/]+\.conf$`), "a form of programs (binfmt_misc)", "whenever a file of that form is started, as whoever starts it", "T1546", "low", (*looker).binaryForm},
	{regexp.MustCompile(`/tmpfiles\.d/[^/]+\.conf$`), "files that systemd makes at boot", "at boot, as root", "T1037", "none", (*looker).madeFiles},
	{regexp.MustCompile(`/sysusers\.d/[^/]+\.conf$`), "accounts that systemd makes", "at boot and with packages, as root", "T1136.001", "none", (*looker).madeAccounts},
	{regexp.MustCompile(`/polkit-1/`), "who may do what (polkit)", "", "T1548", "none", (*looker).authority},
	{regexp.MustCompile(`/dbus-1/(system-)?services/[^/]+\.service$`), "a service of D-Bus", "when somebody calls for its name", "T1543", "low", commands(`^Exec\s*=\s*(.*)$`)},
	{regexp.MustCompile(`/dbus-1/system\.d/`), "who may talk to whom (D-Bus)", "", "T1548", "none", (*looker).busPolicy},
	{regexp.MustCompile(`^/etc/incron\.d/|^/var/spool/incron/`), "a table of incron", "when a file changes", "T1546", "low", commands(`^\S+\s+\S+\s+(.*)$`)},
	{regexp.MustCompile(`^/etc/supervis(or|ord)[./]`), "a program that supervisord keeps running", "at boot, and again when it ends", "T1543", "none", commands(`^command\s*=\s*(.*)$`)},
	{regexp.MustCompile(`^/etc/monit`), "what monit starts", "when what it watches changes, as root", "T1543", "none", commands(`\bexec\s+"([^"]*)"`, `\b(?:start|stop|restart)\s+program\s*=?\s*"([^"]*)"`, `\bprogram\s+\S+\s+with\s+path\s+(.*)$`)},
	{regexp.MustCompile(`^/var/lib/docker/containers/[^/]+/hostconfig\.json$`), "a container", "at boot: docker starts it again", "T1610", "none", (*looker).container},
	{regexp.MustCompile(`^/etc/lightdm/|^/etc/sddm\.conf`), "settings of the desktop's login", "at each desktop login, as root", "T1546", "none", commands(`(?i)^\s*[a-z-]+-script\s*=\s*(.*)$`, `^\s*[A-Za-z]*Command\s*=\s*(.*)$`)},
	{regexp.MustCompile(`/\.vimrc$|/\.vim/|/\.config/nvim/|^/etc/vim/`), "settings of an editor", "when the editor is opened", "T1546", "none",
		commands(`(?:^|[\s|:])(?:silent|sil|silent!)\s+!(.*)$`, `^\s*:?!(.*)$`, `\b(?:system|systemlist|job_start|jobstart|termopen|os\.execute|io\.popen)\s*\(\s*\[?\s*["']([^"']*)`)},
	{regexp.MustCompile(`/\.gdbinit$|/gdb/gdbinit$|^/etc/gdb/`), "settings of gdb", "when gdb is started", "T1546", "none", commands(`^(?:shell|!|make)\s+(.*)$`, `\bos\.system\s*\(\s*["']([^"']*)`)},
	{regexp.MustCompile(`/\.inputrc$|^/etc/inputrc$`), "keys of shells", "when a key is pressed", "T1546", "none", commands(`^["\\].*:\s*"(.*?)(?:\\n|\\C-[mj])?"\s*$`)},
	{regexp.MustCompile(`/\.screenrc$|^/etc/screenrc$|/\.?tmux\.conf$`), "settings of a terminal multiplexer", "when its account opens one", "T1546", "none", commands(`^(?:exec|screen|backtick\s+\S+\s+\S+\s+\S+)\s+(.*)$`, `\b(?:run-shell|run|if-shell|default-command|default-shell)\s+(?:-\S+\s+)*(.*)$`)},
	{regexp.MustCompile(`/\.psqlrc$|/\.my\.cnf$`), "settings of a database's client", "when its account uses it", "T1546", "none", commands(`\\!\s*(.*)$`, `^pager\s*=\s*(.*)$`)},
	{regexp.MustCompile(`/\.procmailrc$|^/etc/procmailrc$`), "what procmail does with mail", "when mail comes", "T1546", "none", commands(`^\|\s*(.*)$`)},
	{regexp.MustCompile(`^/etc/postfix/|^/etc/exim4?/`), "settings of the mail server", "when mail comes", "T1546", "none", commands(`\bargv\s*=\s*(.*)$`, `^\s*mailbox_command\s*=\s*(.*)$`, `^\s*command\s*=\s*(.*)$`)},
	{regexp.MustCompile(`^/etc/snmp/`), "settings of snmpd", "when somebody asks it", "T1546", "none", commands(`^\s*(?:extend|extend-sh|exec|sh|pass|pass_persist)\s+(?:\.[0-9.]+\s+)?(?:[A-Za-z0-9_-]+\s+)?(/.*)$`)},
	{regexp.MustCompile(`^/etc/openvpn/|^/etc/wireguard/|^/etc/ppp/`), "settings of a tunnel", "when the tunnel comes up, as root", "T1546", "none", commands(`^\s*(?:up|down|route-up|ipchange|tls-verify|client-connect|client-disconnect|auth-user-pass-verify)\s+(.*)$`, `^\s*(?:Pre|Post)(?:Up|Down)\s*=\s*(.*)$`)},
	{regexp.MustCompile(`^/etc/(audit|audisp)/plugins\.d/`), "a program that auditd hands its events to", "at boot, as root", "T1546", "low", commands(`^path\s*=\s*(.*)$`)},
	{regexp.MustCompile(`^/etc/fail2ban/action\.d/`), "what fail2ban does", "when somebody fails to log in, as root", "T1546", "none", commands(`^\s*action(?:start|stop|check|ban|unban)\s*=\s*(.*)$`, `^\s+(\S.*)$`)},
	{regexp.MustCompile(`^/etc/(apache2|httpd)/`), "settings of the web server", "at boot", "T1505.003", "none", commands(`(?i)^\s*(?:CustomLog|ErrorLog|TransferLog|RewriteMap\s+\S+)\s+"?(?:prg:|\|\$?)\s*(.*?)"?(?:\s+\S+)?$`, `(?i)^\s*LoadModule\s+\S+\s+(.*)$`, `(?i)^\s*php_(?:admin_)?value\s+auto_(?:ap|pre)pend_file\s+(.*)$`)},
	{regexp.MustCompile(`^/etc/nginx/`), "settings of the web server", "at boot", "T1505.003", "none", commands(`^\s*load_module\s+(.*?);`)},
	{regexp.MustCompile(`^/etc/php(/|\.)`), "settings of PHP", "with every page", "T1505.003", "none", commands(`^\s*(?:auto_prepend_file|auto_append_file|extension|zend_extension)\s*=\s*(.*)$`)},
	{regexp.MustCompile(`^/etc/dnf/plugins/post-transaction-actions\.d/`), "what dnf does behind packages", "when packages are installed, as root", "T1546.016", "low", commands(`^[^:]*:[^:]*:(.*)$`)},
	{regexp.MustCompile(`^/etc/(ssl/openssl\.cnf|pki/tls/openssl\.cnf|krb5\.conf(\.d/.*)?)$`), "libraries that programs load by a setting", "with every program that reads it", "T1574", "none", commands(`\b(?:dynamic_path|module)\s*=\s*(?:[^:/]*:)?(/.*)$`)},
	{regexp.MustCompile(`^/etc/sudo\.conf$`), "plugins of sudo", "whenever somebody uses sudo, as root", "T1556", "none", (*looker).sudoPlugins},
	{regexp.MustCompile(`^/etc/(hosts\.equiv|ssh/shosts\.equiv)$|/\.(rhosts|shosts)$`), "hosts whose users get in without a password", "", "T1098", "low", (*looker).equivalents},
	{regexp.MustCompile(`/\.k5login$`), "whom Kerberos lets in", "", "T1098", "low", (*looker).principalsOf},
	{regexp.MustCompile(`^/etc/(default|sysconfig|conf\.d)/`), "settings that a service's start reads", "when the service starts, as root", "T1543", "none", (*looker).defaults},
	{regexp.MustCompile(`^/etc/(smartd\.conf|mdadm/mdadm\.conf|mdadm\.conf|keepalived/keepalived\.conf|nagios/nrpe\.cfg|nrpe\.d/.*|nagios/nrpe\.d/.*|zabbix/zabbix_agentd?2?\.(conf|d/.*)|rsyncd\.conf|samba/smb\.conf|crypttab)$`), "programs that a daemon's settings name", "when the daemon calls for them", "T1546", "none",
		commands(`-M\s+exec\s+(.*)$`, `^PROGRAM\s+(.*)$`, `^\s*(?:notify|notify_[a-z]+|script)\s+"?([^"]*)"?$`, `^command\[[^\]]*\]\s*=\s*(.*)$`, `^UserParameter\s*=[^,]*,(.*)$`, `^\s*(?:pre|post)-xfer exec\s*=\s*(.*)$`, `^\s*(?:root )?(?:pre|post)exec\s*=\s*(.*)$`, `\bkeyscript=([^,\s]+)`)},
	{regexp.MustCompile(`^/etc/rc[0-6S]\.d/`), "a script of init", "at boot, as root", "T1037.004", "low", (*looker).shellScript},
	{regexp.MustCompile(`^/var/lib/dpkg/info/[^/]+\.(pre|post)(inst|rm)$`), "a script of a package", "when its package is installed, changed or removed, as root", "T1546.016", "none", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/(gdm3?|acpi|service|sv|runit|s6|resolvconf|ifplugd|pm|needrestart|X11|grub\.d|dhcpcd\.d|security/namespace\.init)(/|$)|^/etc/dracut\.conf(\.d/|$)|^/usr/local/sbin/adduser\.local$|^/var/lib/cloud/scripts/`), "a script that something else starts", "when that something starts it, as root", "T1546", "low", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/(skel|bash_completion\.d|fish)/`), "a profile of shells", "at each login or shell", "T1546.004", "none", (*looker).profile},
	{regexp.MustCompile(`/\.(xsessionrc|kshrc|mkshrc|config/(plasma-workspace/env|autostart-scripts|fish/conf\.d)/[^/]+)$`), "an account's own profile", "at each login or shell of its account", "T1546.004", "none", (*looker).profile},
	{regexp.MustCompile(`\.(php[0-9]*|phtml|phar|inc|jspx?|aspx?|ashx|cgi|pl|py)$|/\.htaccess$|/\.user\.ini$`), "a page of the web server", "when somebody asks for it", "T1505.003", "none", (*looker).webPage},
}

// defaults judges what init scripts source as a shell, and units read as their
// environment; and in the boot loader's, what the kernel starts first.
func (l *looker) defaults(f *snapshot.File, user string) (string, []string) {
	severity, why := l.environment(f, user)
	s, more := l.script(f.Path, f.Content, user)
	severity, why = heavier(severity, s), append(why, more...)
	if path.Base(f.Path) == "grub" || strings.Contains(f.Path, "/grub.d/") {
		for _, m := range bootsWith.FindAllStringSubmatch(string(clipBytes(f.Content, judgedMost)), 4) {
			if !usualInit.MatchString(m[1]) {
				severity, why = heavier(severity, "medium"), append(why, "the kernel starts "+cron.Quote(clip(m[1], 120))+" first, and no init")
			}
		}
	}
	return severity, why
}

var (
	bootsWith = regexp.MustCompile(`(?m)^[^#\n]*\b(?:init|rdinit)=([^\s"']+)`)
	usualInit = regexp.MustCompile(`^(/usr)?/(sbin/(init|openrc-init|runit-init)|lib/systemd/systemd|bin/systemd|lib/sysvinit/init)$`)
)

// binaryForm judges lines of binfmt.d(5): :name:type:offset:magic:mask:interpreter:flags,
// where any character may part the fields. With C in the flags the interpreter has the
// rights of a setuid program that it is given.
func (l *looker) binaryForm(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		w := strings.Split(line, line[:1])
		if len(w) < 8 {
			return true
		}
		s, text := l.commandAt(f.Path, n, w[6], "root")
		if strings.Contains(w[7], "C") {
			if pkg, known := l.ofPackage(f.Path); known && pkg == "" {
				s = heavier(s, "medium")
			}
			text += ", with the rights of the setuid program that is started"
		}
		return o.see(s, text)
	})
	return o.out()
}

// returning are files by which one comes back: what makes them anew at each boot is a
// way back itself.
var returning = regexp.MustCompile(`^/etc/(cron|ld\.so\.preload|sudoers|systemd/system/|profile|passwd|shadow|group|pam\.d/|ssh/|rc\.local|init\.d/|update-motd\.d/|udev/)|^/var/spool/cron/|/\.ssh(/|$)|/\.(bashrc|profile)$`)

// madeFiles judges tmpfiles.d(5): TYPE PATH MODE USER GROUP AGE ARGUMENT.
func (l *looker) madeFiles(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		w := strings.Fields(line)
		if len(w) < 3 {
			return true
		}
		p, mode, owner := w[1], strings.TrimLeft(w[2], "~:"), "-"
		if len(w) > 3 {
			owner = w[3]
		}
		kind := w[0][0]
		if len(mode) == 4 && (mode[0] == '4' || mode[0] == '6') && strings.IndexByte("fFCzZ", kind) >= 0 {
			return o.see("high", fmt.Sprintf("%s gives a program its owner's rights (%s) at each boot: %s", place(f.Path, int64(n)), owner, cron.Quote(clip(line, 160))))
		}
		if strings.IndexByte("fFwCL", kind) < 0 || !returning.MatchString(p) {
			return true
		}
		severity := "medium"
		if len(w) > 6 {
			severity = "high"
		}
		return o.see(severity, fmt.Sprintf("%s writes %s at each boot: %s", place(f.Path, int64(n)), cron.Quote(p), cron.Quote(clip(line, 160))))
	})
	return o.out()
}

// madeAccounts judges sysusers.d(5): TYPE NAME ID ...
func (l *looker) madeAccounts(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		w := strings.Fields(line)
		if len(w) < 3 {
			return true
		}
		id, _, _ := strings.Cut(w[2], ":")
		switch {
		case strings.HasPrefix(w[0], "u") && id == "0" && w[1] != "root":
			return o.see("high", fmt.Sprintf("%s makes %s, which is root by another name", place(f.Path, int64(n)), cron.Quote(w[1])))
		case strings.HasPrefix(w[0], "m") && power[w[2]]:
			return o.see("medium", fmt.Sprintf("%s puts %s into the group %s, which leads to root", place(f.Path, int64(n)), cron.Quote(w[1]), w[2]))
		}
		return true
	})
	return o.out()
}

var (
	polkitSpawn  = regexp.MustCompile(`polkit\.spawn\s*\(\s*\[([^\]]*)\]`)
	polkitYes    = regexp.MustCompile(`(?i)polkit\.Result\.YES|return\s*["']yes["']`)
	polkitAction = regexp.MustCompile(`\baction\.(id|lookup)\b`)
	pklaAll      = regexp.MustCompile(`(?im)^\s*Action\s*=\s*\*\s*$|^\s*Action\s*=.*(org\.freedesktop\.(policykit\.exec|systemd1|packagekit\.)|\.\*)`)
	pklaYes      = regexp.MustCompile(`(?im)^\s*Result(Any|Active|Inactive)\s*=\s*yes`)
)

// authority judges polkit(8)'s rules and its older .pkla files: who is let through
// without a password.
func (l *looker) authority(f *snapshot.File, _ string) (severity string, why []string) {
	severity = "none"
	text := string(clipBytes(f.Content, judgedMost))
	if strings.HasSuffix(f.Path, ".pkla") {
		if pklaYes.MatchString(text) && pklaAll.MatchString(text) {
			return "high", []string{"it lets somebody do anything as root without a password"}
		}
		return severity, nil
	}
	for _, m := range polkitSpawn.FindAllStringSubmatch(text, 4) {
		command := strings.Join(strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune(`"', `, r) }), " ")
		s, message := l.commandAt(f.Path, 1+strings.Count(text[:strings.Index(text, m[0])], "\n"), command, "root")
		severity, why = heavier(severity, heavier(s, "low")), append(why, message)
	}
	for rule := range strings.SplitSeq(text, "polkit.addRule") {
		if polkitYes.MatchString(rule) && !polkitAction.MatchString(rule) {
			return heavier(severity, "high"), append(why, "a rule says yes to whatever is asked for: who it is about becomes root without a password")
		}
	}
	return severity, why
}

var busAll = regexp.MustCompile(`<allow\s+[^>]*(own|send_destination)\s*=\s*"\*"`)

func (l *looker) busPolicy(f *snapshot.File, _ string) (string, []string) {
	if m := busAll.FindString(string(clipBytes(f.Content, judgedMost))); m != "" {
		return "medium", []string{"it lets somebody speak for, or to, every service: " + cron.Quote(clip(m, 120))}
	}
	return "none", nil
}

// container judges what docker keeps of a container: one that comes back and has the
// host's own disk is as good as root on it.
func (l *looker) container(f *snapshot.File, _ string) (string, []string) {
	var c struct {
		Binds         []string
		Privileged    bool
		PidMode       string
		RestartPolicy struct{ Name string }
	}
	if json.Unmarshal(f.Content, &c) != nil || c.RestartPolicy.Name != "always" && c.RestartPolicy.Name != "unless-stopped" {
		return "none", nil
	}
	var why []string
	severity := "none"
	for _, b := range c.Binds[:min(len(c.Binds), 100)] {
		w := strings.Split(b, ":")
		if len(w) < 2 || len(w) > 2 && slices.Contains(strings.Split(w[2], ","), "ro") {
			continue
		}
		if w[0] == "/" || w[0] == "/etc" || w[0] == "/root" || w[0] == "/var/run/docker.sock" || w[0] == "/run/docker.sock" {
			severity = heavier(severity, "low")
			why = append(why, "it has the host's "+cron.Quote(w[0])+" to write to")
			if w[0] == "/" && c.Privileged {
				severity = "medium"
			}
		}
	}
	if len(why) > 0 && c.Privileged {
		why = append(why, "and it is privileged")
	}
	return severity, why[:min(len(why), 8)]
}

var sudoPlugin = regexp.MustCompile(`^\s*(Plugin|Path)\s+\S+\s+(/\S+)`)

func (l *looker) sudoPlugins(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		m := sudoPlugin.FindStringSubmatch(line)
		if m == nil {
			return true
		}
		s, text := l.commandAt(f.Path, n, m[2], "root")
		if m[1] == "Plugin" && !strings.HasPrefix(m[2], "/usr/lib") {
			s = heavier(s, "medium")
		}
		return o.see(s, text)
	})
	return o.out()
}

// equivalents judges hosts.equiv(5) and its like: + is everybody.
func (l *looker) equivalents(f *snapshot.File, _ string) (string, []string) {
	severity, why := "none", []string(nil)
	settings(f.Content, func(n int, line string) bool {
		severity = heavier(severity, "low")
		w := strings.Fields(line)
		if w[0] == "+" || len(w) > 1 && w[1] == "+" {
			severity = "high"
			why = append(why, place(f.Path, int64(n))+": everybody gets in without a password, where a server follows it ("+cron.Quote(clip(line, 80))+")")
		} else {
			why = append(why, place(f.Path, int64(n))+": who comes from "+cron.Quote(clip(line, 80))+" gets in without a password, where a server follows it")
		}
		return len(why) < 6
	})
	return severity, why
}

// principalsOf judges a .k5login(5): one principal a line.
func (l *looker) principalsOf(f *snapshot.File, user string) (string, []string) {
	severity, why := "none", []string(nil)
	settings(f.Content, func(n int, line string) bool {
		severity = "low"
		why = append(why, fmt.Sprintf("%s: whoever is %s to Kerberos logs in as %s", place(f.Path, int64(n)), cron.Quote(clip(line, 80)), user))
		return len(why) < 6
	})
	return severity, why
}

var (
	webRuns    = regexp.MustCompile(`(?:^|[^A-Za-z0-9_>:$])(?:eval|assert|system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|create_function)[ (@]+[^;]{0,60}\$_(?:GET|POST|REQUEST|COOKIE|SERVER|FILES)\b|\$_(?:GET|POST|REQUEST|COOKIE)\s*\[[^\]]*\]\s*\(|(?:=|\becho|\bprint|\breturn|\()\s*` + "`[^`]{0,80}" + `\$_(?:GET|POST|REQUEST|COOKIE)\b`)
	webComment = regexp.MustCompile(`^\s*(?:\*|//|#|/\*)`)
	webHides   = regexp.MustCompile(`(?:^|[^A-Za-z0-9_>:$])(?:eval|assert)[ (@]+(?:gzinflate|gzuncompress|str_rot13|base64_decode|strrev|hex2bin)\b`)
	webJava    = regexp.MustCompile(`(?:getRuntime\(\)\s*\.exec|ProcessBuilder)\s*\([^)]*getParameter|Process\.Start\s*\([^)]*Request`)
	webAs      = regexp.MustCompile(`(?i)^\s*(?:AddType|AddHandler|SetHandler)\s+(?:application/x-httpd-|php)\S*\s+.*\.(?:jpe?g|png|gif|ico|txt|css|svg)\b`)
)

// webPage judges pages that run what their visitors send. What only includes or escapes
// badly is a fault of its author, and not told here.
func (l *looker) webPage(f *snapshot.File, _ string) (string, []string) {
	var o odd
	n := 0
	for line := range strings.Lines(string(clipBytes(f.Content, judgedMost))) {
		n++
		line = clip(line, maxScriptLine)
		says := ""
		switch {
		case webComment.MatchString(line):
			continue
		case webRuns.MatchString(line):
			says = "it runs what its visitor sends"
		case webHides.MatchString(line):
			says = "it runs what it hides in letters"
		case webJava.MatchString(line):
			says = "it starts a program that its visitor names"
		case webAs.MatchString(line):
			says = "it has the server run pictures or texts as programs"
		default:
			continue
		}
		if !o.see("high", fmt.Sprintf("%s: %s (%s)", place(f.Path, int64(n)), says, cron.Quote(clip(strings.TrimSpace(line), 160)))) {
			break
		}
	}
	if f.Truncated && len(o.why) == 0 {
		l.gap(f.Path, "of this page the beginning was judged; what brought it here lies behind")
	}
	return o.out()
}

// lookups names libraries that programs load to look up names, and sudo's plugins, that
// no package has: a login goes through them as it does through PAM.
func (l *looker) lookups() {
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		dir, base := path.Split(f.Path)
		what := ""
		switch {
		case strings.HasPrefix(base, "libnss_") && strings.Contains(base, ".so"):
			what = "library by which names are looked up"
		case strings.HasSuffix(dir, "/sudo/") && strings.HasSuffix(base, ".so"):
			what = "plugin of sudo"
		}
		if what == "" || f.Type != 'f' || l.manager == "rpm" { // its answers about these are not asked for by both names
			continue
		}
		if pkg, known := l.ofPackage(f.Path); known && pkg == "" {
			l.add(Thing{Kind: KindPAM, Severity: "high", Title: what + " that no package has: " + cron.Quote(f.Path), Why: []string{"logins may go through it"}, Attack: []string{"T1556"},
				Since: stamp(f.CTime), Evidence: []facts.Evidence{l.stat(f.Path, "")}, Files: []string{f.Path}, Returns: "at each login", Actions: []Action{{Do: DoFile, Target: f.Path}}}, f.Path)
		}
	}
}

package triage

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// startup is a place from which something starts by itself.
type startup struct {
	match  *regexp.Regexp
	what   string // for people
	when   string // it starts
	attack string
	added  string // severity of a file there that no package has, whatever it holds
	judge  func(l *looker, f *snapshot.File, user string) (string, []string)
}

// startupPlaces, the first match counts. What is here and of no package was put there
// by somebody: that alone weighs little where administrators do so too.
var startupPlaces = []startup{
	{regexp.MustCompile(`^/etc/ld\.so\.preload$`), "libraries loaded into every program", "every program loads them", "T1574.006", "high", (*looker).preloads},
	{regexp.MustCompile(`^/etc/ld\.so\.conf(\.d/.*)?$`), "where libraries are looked for", "programs load libraries from there", "T1574.006", "low", (*looker).libraryDirs},
	{regexp.MustCompile(`^/etc/rc\.local$|^/etc/rc\.d/rc\.local$`), "rc.local", "at boot, as root", "T1037.004", "low", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/init\.d/[^/]+$|^/etc/local\.d/[^/]+\.start$`), "a script of init", "at boot, as root", "T1037.004", "low", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/inittab$`), "inittab", "at boot, as root, and again when it ends", "T1037", "low", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/update-motd\.d/[^/]+$`), "a script of the message of the day", "at each login, as root", "T1546.004", "medium", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/profile$|^/etc/profile\.d/.*|^/etc/bash\.bashrc$|^/etc/bashrc$|^/etc/bash\.bash_logout$|^/etc/csh\.login$|^/etc/zsh/.*`), "a profile of all shells", "at each login, as whoever logs in", "T1546.004", "low", (*looker).profile},
	{regexp.MustCompile(`^/etc/environment$|^/etc/environment\.d/|^/etc/security/pam_env\.conf$`), "the environment of all sessions", "at each login", "T1574.006", "none", (*looker).environment},
	{regexp.MustCompile(`/udev/rules\.d/[^/]+$`), "a rule of udev", "when a device appears, at boot too, as root", "T1546.017", "low", (*looker).udevRule},
	{regexp.MustCompile(`^/etc/ssh/sshrc$`), "sshrc", "at each SSH login, as whoever logs in", "T1546.004", "medium", (*looker).shellScript},
	{regexp.MustCompile(`/\.ssh/rc$`), "~/.ssh/rc", "at each SSH login of its account", "T1546.004", "medium", (*looker).shellScript},
	{regexp.MustCompile(`/\.ssh/environment$|/\.pam_environment$|/\.config/environment\.d/[^/]+$`), "the environment of an account's logins", "at each login of its account", "T1574.006", "low", (*looker).environment},
	{regexp.MustCompile(`/\.forward$`), "where an account's mail goes", "when mail comes", "T1546", "none", (*looker).forward},
	{regexp.MustCompile(`^/etc/(mail/|postfix/)?aliases$|^/etc/aliases\.d/`), "where mail goes", "when mail comes", "T1546", "none", (*looker).forward},
	{regexp.MustCompile(`/\.cache/crontab/crontab\.bak$`), "an account's table before its last change", "", "T1053.003", "none", nil},
	{regexp.MustCompile(`/autostart/[^/]+\.desktop$`), "a program that desktops start", "at each desktop login", "T1547.013", "low", (*looker).desktop},
	{regexp.MustCompile(`^/etc/apt/apt\.conf(\.d/.*)?$|^/etc/dpkg/dpkg\.cfg\.d/`), "settings of the package manager", "when packages are installed, as root", "T1546.016", "info", (*looker).packageHook},
	{regexp.MustCompile(`^/etc/network/interfaces(\.d/.*)?$`), "interfaces of the network", "when an interface comes up, as root", "T1546", "none", (*looker).interfaces},
	{regexp.MustCompile(`^/etc/(dhcp|NetworkManager|network|networkd-dispatcher)/|^/etc/ppp/ip-|^/etc/dhcpcd\.(enter|exit)-hook$`), "a hook of the network", "when an interface comes up, as root", "T1546", "low", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/modprobe\.d/`), "settings of kernel modules", "when a module is loaded, as root", "T1547.006", "info", (*looker).modprobe},
	{regexp.MustCompile(`^/etc/modules$|/modules-load\.d/`), "kernel modules to load", "at boot", "T1547.006", "info", (*looker).modules},
	{regexp.MustCompile(`^/etc/sudoers$|^/etc/sudoers\.d/`), "who may become whom", "", "T1548.003", "info", (*looker).sudoers},
	{regexp.MustCompile(`^/etc/logrotate\.conf$|^/etc/logrotate\.d/`), "settings of logrotate", "when logs are rotated, as root", "T1053.003", "none", (*looker).rotation},
	{regexp.MustCompile(`^/etc/inetd\.conf$|^/etc/xinetd\.d/`), "services of inetd", "when somebody connects", "T1543", "none", (*looker).superServer},
	{regexp.MustCompile(`^/etc/rsyslog\.conf$|^/etc/rsyslog\.d/`), "settings of rsyslogd", "when something is logged, as root", "T1546", "none", (*looker).logHandlers},
	{regexp.MustCompile(`^/etc/sysctl\.conf$|/sysctl\.d/`), "settings of the kernel", "when the kernel calls for it, as root", "T1546", "none", (*looker).kernelSettings},
	{regexp.MustCompile(`^/etc/systemd/(system|user)\.conf(\.d/.*)?$`), "settings of systemd itself", "with every unit", "T1574.006", "none", (*looker).managerEnvironment},
	{regexp.MustCompile(`^/etc/ssh/ssh_config(\.d/.*)?$`), "settings of ssh", "when somebody uses ssh", "T1546", "none", (*looker).client},
	{regexp.MustCompile(`/\.ssh/config$`), "an account's settings of ssh", "when its account uses ssh", "T1546", "none", (*looker).client},
	{regexp.MustCompile(`\.pth$|/python3[^/]*/(.*/)?sitecustomize\.py$`), "code that every python runs first", "with every python", "T1546", "none", (*looker).python},
	{regexp.MustCompile(`/(\.local)/.*/usercustomize\.py$|/usercustomize\.py$`), "code that an account's every python runs first", "with every python", "T1546", "low", (*looker).python},
	{regexp.MustCompile(`^/etc/(kernel/postinst\.d|initramfs-tools)/`), "a hook of the kernel's packages", "when a kernel is installed, as root", "T1546", "low", (*looker).shellScript},
	{regexp.MustCompile(`/systemd/system-(sleep|shutdown)/[^/]+$`), "a hook of systemd", "when the host sleeps or shuts down, as root", "T1546", "medium", (*looker).shellScript},
	{regexp.MustCompile(`^/etc/X11/Xsession\.d/`), "a profile of desktops", "at each desktop login", "T1546.004", "low", (*looker).profile},
	{regexp.MustCompile(`/(system|user)(-environment)?-generators/[^/]+$`), "a generator of units", "at boot and at every reload of systemd, as root", "T1543.002", "high", (*looker).shellScript},
	{regexp.MustCompile(`/\.(bashrc|bash_profile|bash_login|bash_logout|bash_aliases|profile|zshrc|zshenv|zprofile|zlogin|zlogout|cshrc|tcshrc|xprofile|xinitrc|xsession|config/fish/config\.fish)$`), "an account's own profile", "at each login or shell of its account", "T1546.004", "none", (*looker).profile},
}

// startups judges what starts by itself and is no job and no unit.
func (l *looker) startups() {
	if !l.out.Deeper {
		return
	}
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		if f.Type != 'f' && f.Type != 'l' || strings.HasPrefix(f.Path, "/proc/") {
			continue
		}
		if s := startupAt(f.Path); s != nil && !(f.Type == 'l' && initLink.MatchString(f.Path)) {
			l.startup(s, f)
		}
	}
	if f := l.deep.Lookup("/proc/sys/kernel/core_pattern"); f != nil {
		text := strings.TrimSpace(string(f.Content))
		if program, ok := strings.CutPrefix(text, "|"); ok {
			p := first(strings.Fields(program))
			w, s := deceptive(p)
			if temporary(p) {
				w, s = "the program lies where everyone may write", "high"
			}
			if levels[s] >= levels["medium"] {
				l.add(Thing{Kind: KindStartup, Severity: s, Title: "the kernel runs " + cron.Quote(p) + " as root when a program crashes", Why: []string{w}, Attack: []string{"T1546"},
					Evidence: []facts.Evidence{{Path: f.Path, Text: text}}, Files: []string{p}, Returns: "only where a file below /etc/sysctl.d sets it again"}, "core", p)
			}
		}
	}
}

// initLink are names by which scripts of init are started: other names of what lies in
// /etc/init.d.
var initLink = regexp.MustCompile(`^/etc/rc[0-6S]\.d/`)

// startupAt gives the place that a path is one of; nil: none.
func startupAt(p string) *startup {
	for _, table := range [...][]startup{startupPlaces, programPlaces} {
		for k := range table {
			if table[k].match.MatchString(p) {
				return &table[k]
			}
		}
	}
	return nil
}

// usualDot finds the dots that belong to these files' names.
var usualDot = regexp.MustCompile(`^/etc/skel/\.|/\.git/|/\.(htaccess|user\.ini)$`)

// startup judges one file.
func (l *looker) startup(s *startup, f *snapshot.File) {
	if f.Type == 'f' && f.Size == 0 || f.Type == 'l' && (f.Real == "/dev/null" || f.Target == "/dev/null") {
		return
	}
	user := l.account(f.UID)
	home := strings.Contains(f.Path, "/.") && !l.systemOwned(f.Path)
	pkg, known := l.ofPackage(f.Path)
	if !known && f.Type == 'l' && f.Real != "" {
		pkg, known = l.ofPackage(f.Real)
	} else if pkg == "" && f.Type == 'l' && f.Real != "" {
		pkg, _ = l.ofPackage(f.Real)
	}
	changed := false
	if sum, ok := l.conf[f.Path]; ok && f.HasContent() && !f.Truncated {
		have := md5.Sum(f.Content)
		if hex.EncodeToString(have[:]) == sum {
			return // as its package brought it
		}
		changed = true
	} else if pkg != "" && !(l.manager == "apk" && strings.HasPrefix(f.Path, "/etc/")) {
		return // a package's, and no file that people edit: of those apk does not tell
	}
	severity := "none"
	var why []string
	if known && pkg == "" && !home && !generated(f.Path) {
		severity = s.added
		why = append(why, "no package has it")
	}
	if changed {
		why = append(why, "it is not as its package "+pkg+" brought it")
		if levels[s.added] >= levels["low"] {
			severity = "low"
		}
	}
	if w, ws := deceptive(usualDot.ReplaceAllString(f.Path, "/")); levels[ws] >= levels["high"] {
		severity = heavier(severity, ws)
		why = append(why, w)
	}
	if s.judge != nil && f.HasContent() {
		js, jw := s.judge(l, f, user)
		severity = heavier(severity, js)
		why = append(why, jw...)
	}
	if home && (strings.HasSuffix(f.Path, "/.ssh/rc")) {
		severity = heavier(severity, s.added)
		why = append(why, "few accounts have one")
	}
	if f.Type == 'f' && f.UID > 0 && !home && l.systemOwned(f.Path) {
		severity = heavier(severity, "high")
		why = append(why, "it is "+user+"'s, who is not root")
	}
	if f.Mode&0o002 != 0 && f.Type == 'f' {
		severity = heavier(severity, "high")
		why = append(why, "everyone may write it")
	}
	if levels[severity] < levels["low"] {
		return
	}
	title := s.what + ": " + cron.Quote(f.Path)
	if home {
		title += " of " + user
	}
	kind := KindStartup
	if s.attack == "T1574.006" && f.Path == "/etc/ld.so.preload" {
		kind = KindPreload
	}
	files := []string{f.Path}
	ends := DoFile
	if changed || shared.MatchString(f.Path) {
		ends = DoEdit
	}
	t := Thing{Kind: kind, Whose: user, Severity: severity, Title: title, Why: why, Attack: []string{s.attack}, Since: stamp(f.CTime),
		Evidence: append([]facts.Evidence{l.stat(f.Path, "")}, l.beginning(f.Path)...), Files: files, Actions: []Action{{Do: ends, Target: f.Path}}}
	if s.when != "" {
		t.Returns = "it runs " + s.when
	}
	l.add(t, f.Path)
}

// shared are files of which a system needs the other lines too.
var shared = regexp.MustCompile(`^/etc/(network/interfaces|rsyslog\.conf|inetd\.conf|logrotate\.conf|sysctl\.conf|environment|profile|bash\.bashrc|sudoers|modules|ld\.so\.conf|aliases|ssh/ssh_config|security/pam_env\.conf|systemd/system\.conf|inittab)$|/\.(bashrc|profile|bash_profile|zshrc|ssh/config)$`)

// systemOwned reports paths whose owner is root on every system.
func (l *looker) systemOwned(p string) bool {
	return strings.HasPrefix(p, "/etc/") || strings.HasPrefix(p, "/usr/") || strings.HasPrefix(p, "/run/udev/")
}

// generated reports files that no package lists although a package makes them.
func generated(p string) bool {
	switch p {
	case "/etc/profile", "/etc/environment", "/etc/modules", "/etc/aliases", "/etc/sudoers", "/etc/bash.bashrc", "/etc/inittab", "/etc/ld.so.conf":
		return true
	}
	return strings.HasPrefix(p, "/etc/ld.so.conf.d/") && strings.Contains(p, "-linux-") || strings.HasPrefix(p, "/etc/apt/apt.conf.d/")
}

// shellScript judges a script by its lines.
func (l *looker) shellScript(f *snapshot.File, user string) (string, []string) {
	return l.script(f.Path, f.Content, user)
}

// profile judges what shells read: also what takes a command's place or waits behind
// each prompt.
func (l *looker) profile(f *snapshot.File, user string) (string, []string) {
	severity, why := l.script(f.Path, f.Content, user)
	n := 0
	for line := range strings.Lines(string(f.Content)) {
		if n++; n > maxScriptLines {
			break
		}
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' {
			continue
		}
		for _, t := range traps {
			if t.line.MatchString(text) && !(t.not != nil && t.not.MatchString(text)) {
				severity = heavier(severity, t.severity)
				why = append(why, fmt.Sprintf("%s: %s (%s)", place(f.Path, int64(n)), t.says, cron.Quote(clip(text, 120))))
			}
		}
		if len(why) > 12 {
			break
		}
	}
	return severity, why
}

// traps are lines of profiles that honest ones hardly have.
var traps = []struct {
	line, not *regexp.Regexp
	severity  string
	says      string
}{
	{regexp.MustCompile(`^alias\s+(sudo|su|ssh|scp|passwd|gpg)=`), regexp.MustCompile(`=['"]?(sudo|su|ssh|scp|passwd|gpg)( -[A-Za-z]+)* ?['"]?$`), "medium", "it puts something in the place of a command that asks for a password"},
	{regexp.MustCompile(`^(function\s+)?(sudo|su|ssh|passwd)\s*\(\)`), nil, "medium", "it puts a function in the place of a command that asks for a password"},
	{regexp.MustCompile(`\bLD_(PRELOAD|AUDIT)=`), nil, "high", "it loads a library into every program"},
	{regexp.MustCompile(`\btrap\s.*\bDEBUG\b`), nil, "medium", "it runs something before every command"},
	{regexp.MustCompile(`\bPROMPT_COMMAND=`), regexp.MustCompile(`(history|printf|echo|__vte|update_terminal|starship|_[a-z]+)`), "medium", "it runs something at every prompt"},
	{regexp.MustCompile(`^\(?\s*(nohup|setsid)\s.*&|&\s*disown\b`), nil, "medium", "it leaves something running behind at each login"},
	{regexp.MustCompile(`^\s*(unset|export)?\s*HISTFILE(=/dev/null|\s*$)`), nil, "low", "no history is kept"},
}

// environment judges NAME=VALUE lines.
func (l *looker) environment(f *snapshot.File, _ string) (string, []string) {
	for line := range strings.Lines(string(clipBytes(f.Content, judgedMost))) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "LD_PRELOAD") || strings.HasPrefix(text, "LD_AUDIT") || strings.HasPrefix(text, "BASH_ENV") {
			return "high", []string{"it sets " + cron.Quote(clip(text, 120))}
		}
	}
	return "none", nil
}

// preloads judges each library that all programs load.
func (l *looker) preloads(f *snapshot.File, _ string) (severity string, why []string) {
	severity = "none"
	text := string(clipBytes(f.Content, judgedMost))
	for _, lib := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == ':' }) {
		if strings.HasPrefix(lib, "#") || len(why) > 8 {
			continue
		}
		if w, s := deceptive(lib); temporary(lib) || levels[s] >= levels["medium"] {
			severity = "critical"
			why = append(why, either(w, "every program loads "+cron.Quote(lib)+", which lies where everyone may write"))
			continue
		}
		severity = heavier(severity, "high")
		why = append(why, "every program loads "+cron.Quote(lib))
	}
	return severity, why
}

func (l *looker) libraryDirs(f *snapshot.File, _ string) (string, []string) {
	for line := range strings.Lines(string(clipBytes(f.Content, judgedMost))) {
		d := strings.TrimSpace(line)
		if !strings.HasPrefix(d, "/") {
			continue
		}
		if w, s := deceptive(d); temporary(d+"/") || levels[s] >= levels["medium"] {
			return "high", []string{either(w, "libraries are looked for in "+cron.Quote(d)+", where everyone may write")}
		}
	}
	return "none", nil
}

var udevRuns = regexp.MustCompile(`(RUN|PROGRAM|IMPORT)(\{program\})?\s*\+?=+\s*"([^"]*)"`)

var udevWants = regexp.MustCompile(`ENV\{SYSTEMD_(?:USER_)?WANTS\}\s*\+?=+\s*"([^"]*)"`)

func (l *looker) udevRule(f *snapshot.File, _ string) (severity string, why []string) {
	severity = "none"
	n := 0
	for line := range strings.Lines(string(f.Content)) {
		if n++; n > maxScriptLines {
			break
		}
		if t := strings.TrimSpace(line); t == "" || t[0] == '#' {
			continue
		}
		for _, m := range udevWants.FindAllStringSubmatch(line, 4) {
			severity = heavier(severity, "medium")
			if len(why) < 6 {
				why = append(why, fmt.Sprintf("%s has systemd start %s", place(f.Path, int64(n)), cron.Quote(clip(m[1], 120))))
			}
		}
		for _, m := range udevRuns.FindAllStringSubmatch(line, 8) {
			if m[1] == "IMPORT" && m[2] == "" {
				continue
			}
			s, message := l.line(m[3], "root")
			p := first(strings.Fields(m[3]))
			if w, ds := deceptive(p); temporary(p) || levels[ds] >= levels["medium"] {
				s, message = heavier(s, heavier(ds, "high")), either(w, "it runs a program where everyone may write")
			}
			severity = heavier(severity, heavier(s, "medium"))
			if len(why) < 6 {
				why = append(why, fmt.Sprintf("%s runs %s as root%s", place(f.Path, int64(n)), cron.Quote(clip(m[3], 120)), behind(message)))
			}
		}
	}
	return severity, why
}

func behind(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

func (l *looker) forward(f *snapshot.File, user string) (severity string, why []string) {
	severity = "none"
	for line := range strings.Lines(string(clipBytes(f.Content, judgedMost))) {
		t := strings.TrimSpace(line)
		if i := strings.IndexByte(t, '|'); i >= 0 && t[0] != '#' {
			command := strings.Trim(t[i+1:], `" `)
			s, message := l.line(command, user)
			severity = heavier(severity, heavier(s, "low"))
			why = append(why, "mail starts "+cron.Quote(clip(command, 120))+behind(message))
		}
		if len(why) > 6 {
			break
		}
	}
	return severity, why
}

func (l *looker) desktop(f *snapshot.File, user string) (string, []string) {
	for line := range strings.Lines(string(clipBytes(f.Content, judgedMost))) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "Exec="); ok {
			if s, message := l.line(command, user); levels[s] >= levels["medium"] {
				return s, []string{"it runs " + cron.Quote(clip(command, 120)) + ": " + message}
			}
		}
	}
	return "none", nil
}

// aptHook is the beginning of a setting of apt that names commands: one, or a list in
// braces (apt.conf(5)). dpkgHook is dpkg's (dpkg(1)).
var (
	aptHook    = regexp.MustCompile(`(?i)(Pre-Invoke|Post-Invoke|Pre-Install-Pkgs|Post-Invoke-Success|Post-Invoke-Stats)[A-Za-z-]*(::[^\s"{;]*)?\s*=?\s*(\{[^}]*\}|"(?:[^"\\]|\\.)*")`)
	aptCommand = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	dpkgHook   = regexp.MustCompile(`^(?:pre|post|status)-(?:invoke|logger)\s*[= ]\s*(.*)$`)
)

func (l *looker) packageHook(f *snapshot.File, _ string) (severity string, why []string) {
	severity = "none"
	see := func(n int, command string) {
		s, text := l.commandAt(f.Path, n, command, "root")
		severity = heavier(severity, heavier("low", s))
		if len(why) < 8 {
			why = append(why, text+" (as root)")
		}
	}
	if strings.HasPrefix(f.Path, "/etc/dpkg/") {
		settings(f.Content, func(n int, line string) bool {
			if m := dpkgHook.FindStringSubmatch(line); m != nil {
				see(n, strings.Trim(m[1], `"'`))
			}
			return len(why) < 8
		})
		return severity, why
	}
	text := string(clipBytes(f.Content, judgedMost))
	for _, at := range aptHook.FindAllStringSubmatchIndex(text, 8) {
		n := 1 + strings.Count(text[:at[0]], "\n")
		for _, m := range aptCommand.FindAllStringSubmatch(text[at[6]:at[7]], 8) {
			see(n, strings.ReplaceAll(m[1], `\"`, `"`))
		}
	}
	return severity, why
}

func (l *looker) modprobe(f *snapshot.File, _ string) (severity string, why []string) {
	severity = "none"
	for line := range strings.Lines(string(clipBytes(f.Content, judgedMost))) {
		if w := strings.Fields(line); len(w) > 2 && w[0] == "install" && w[2] != "/bin/true" && w[2] != "/bin/false" && w[2] != "/usr/bin/true" && w[2] != "/usr/bin/false" {
			command := strings.Join(w[2:], " ")
			if s, message := l.line(command, "root"); levels[s] >= levels["medium"] {
				severity = heavier(severity, s)
				why = append(why, "loading "+w[1]+" runs "+cron.Quote(clip(command, 120))+": "+message)
			}
		}
	}
	return severity, why
}

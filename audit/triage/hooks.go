package triage

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Settings of programs that name a command: each form is read by its own grammar, and
// the command is judged as a shell's line.

// commandAt judges one command that a setting names, and says where it stands.
func (l *looker) commandAt(p string, n int, command, user string) (severity, why string) {
	severity, message := l.line(command, user)
	program := first(strings.Fields(command))
	if w, s := deceptive(program); levels[s] >= levels["medium"] {
		severity, message = heavier(severity, s), either(message, w)
	}
	if temporary(program) {
		severity, message = heavier(severity, "high"), either(message, "the program lies where everyone may write")
	}
	return severity, fmt.Sprintf("%s runs %s%s", place(p, int64(n)), cron.Quote(clip(command, 160)), behind(message))
}

// settings reads lines that are no comments, with their numbers; f says whether to go on.
func settings(data []byte, f func(n int, line string) bool) {
	n := 0
	for raw := range strings.Lines(string(clipBytes(data, judgedMost))) {
		if n++; n > 4*maxScriptLines {
			return
		}
		if t := strings.TrimSpace(raw); t != "" && t[0] != '#' && t[0] != ';' {
			if !f(n, t) {
				return
			}
		}
	}
}

// odd gathers what weighs medium or more; a setting that is ordinary is passed over.
type odd struct {
	severity string
	why      []string
}

func (o *odd) see(severity, why string) bool {
	if levels[severity] >= levels["medium"] {
		o.severity = heavier(either(o.severity, "none"), severity)
		o.why = append(o.why, why)
	}
	return len(o.why) < 6
}

func (o *odd) out() (string, []string) { return either(o.severity, "none"), o.why }

// rotation judges the scripts of logrotate(8): they run as root.
func (l *looker) rotation(f *snapshot.File, _ string) (string, []string) {
	var o odd
	var body strings.Builder
	from := 0
	settings(f.Content, func(n int, line string) bool {
		switch line {
		case "postrotate", "prerotate", "firstaction", "lastaction", "preremove":
			from = n + 1
			body.Reset()
		case "endscript":
			if from > 0 {
				s, why := l.script(f.Path, []byte(body.String()), "root")
				if len(why) > 0 {
					text := strings.TrimPrefix(why[0], place(f.Path, 1)+": ")
					o.see(s, fmt.Sprintf("the script from %s on: %s", place(f.Path, int64(from)), text))
				}
			}
			from = 0
		default:
			if from > 0 {
				body.WriteString(line + "\n")
			}
		}
		return len(o.why) < 6
	})
	return o.out()
}

var interfaceHook = regexp.MustCompile(`^(pre-up|up|post-up|down|pre-down|post-down)\s+(.*)$`)

// interfaces judges the commands of interfaces(5).
func (l *looker) interfaces(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		if m := interfaceHook.FindStringSubmatch(line); m != nil {
			return o.see(l.commandAt(f.Path, n, m[2], "root"))
		}
		return true
	})
	return o.out()
}

var shellName = regexp.MustCompile(`^(ba|da|z|k|mk|a|c|tc|fi)?sh$`)

// superServer judges inetd.conf(5): SERVICE TYPE PROTOCOL WAIT USER PROGRAM WORDS, and
// xinetd's server = PROGRAM. Whoever connects starts it.
func (l *looker) superServer(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		w := strings.Fields(line)
		user, program, command := "", "", ""
		if len(w) == 3 && w[0] == "server" && w[1] == "=" {
			user, program, command = "root", w[2], w[2]
		} else if len(w) >= 6 && (w[1] == "stream" || w[1] == "dgram") {
			user, _, _ = strings.Cut(strings.ReplaceAll(w[4], ":", "."), ".")
			program, command = w[5], strings.Join(w[5:], " ")
		}
		if program == "" {
			return true
		}
		if shellName.MatchString(path.Base(program)) {
			return o.see("critical", fmt.Sprintf("%s: whoever connects gets a shell as %s (%s)", place(f.Path, int64(n)), user, cron.Quote(clip(line, 160))))
		}
		return o.see(l.commandAt(f.Path, n, command, user))
	})
	return o.out()
}

var kernelHelper = regexp.MustCompile(`^-?kernel[./](core_pattern|modprobe|poweroff_cmd)\s*=\s*\|?\s*(/.*)$`)

// kernelSettings judges the programs that sysctl(8) has the kernel run as root.
func (l *looker) kernelSettings(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		if m := kernelHelper.FindStringSubmatch(line); m != nil && (m[1] != "core_pattern" || strings.Contains(line, "|")) {
			return o.see(l.commandAt(f.Path, n, m[2], "root"))
		}
		return true
	})
	return o.out()
}

var clientCommand = regexp.MustCompile(`(?i)^\s*(ProxyCommand|LocalCommand|KnownHostsCommand|Match\s+.*\bexec)[\s=]+(.*)$`)

// client judges what ssh(1) runs when somebody uses it (ssh_config(5)).
func (l *looker) client(f *snapshot.File, user string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		if m := clientCommand.FindStringSubmatch(line); m != nil {
			return o.see(l.commandAt(f.Path, n, strings.Trim(m[2], `"`), user))
		}
		return true
	})
	return o.out()
}

var logProgram = regexp.MustCompile(`binary\s*=\s*"([^"]+)"|^\S+\s+\^(/[^;\s]+)`)

// logHandlers judges the programs that rsyslogd hands log lines to (omprog, ^program).
func (l *looker) logHandlers(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		for _, m := range logProgram.FindAllStringSubmatch(line, 4) {
			if !o.see(l.commandAt(f.Path, n, either(m[1], m[2]), "root")) {
				return false
			}
		}
		return true
	})
	return o.out()
}

// pythonStarts is what code that every python runs at its start hardly does by itself.
var pythonStarts = regexp.MustCompile(`\b(os\.(system|popen|exec[lv]|spawn|fork)|subprocess|pty\.spawn|socket|urllib|urlopen|http\.client|base64|marshal\.loads|ctypes|LD_PRELOAD)\b`)

// python judges what each start of python runs: lines of .pth files that begin with
// import, and whole sitecustomize.py and usercustomize.py (site in python's library).
func (l *looker) python(f *snapshot.File, _ string) (string, []string) {
	var o odd
	whole := !strings.HasSuffix(f.Path, ".pth")
	settings(f.Content, func(n int, line string) bool {
		if !whole && !strings.HasPrefix(line, "import ") && !strings.HasPrefix(line, "import\t") {
			return true
		}
		if m := pythonStarts.FindString(line); m != "" {
			return o.see("medium", fmt.Sprintf("%s: each start of python runs it, and it uses %s (%s)", place(f.Path, int64(n)), m, cron.Quote(clip(line, 160))))
		}
		return true
	})
	severity, why := o.out()
	if whole && levels[severity] < levels["low"] {
		return "low", []string{"each start of python runs it"}
	}
	return severity, why
}

// modules names kernel modules that are loaded at boot by a file of no package.
func (l *looker) modules(f *snapshot.File, _ string) (string, []string) {
	var names []string
	settings(f.Content, func(_ int, line string) bool {
		names = append(names, line)
		return len(names) < 12
	})
	if _, known := l.ofPackage(f.Path); !known || len(names) == 0 {
		return "none", nil
	}
	return "low", []string{"it loads " + quoted(names)}
}

// managerEnvironment judges what systemd itself gives to all that it starts.
func (l *looker) managerEnvironment(f *snapshot.File, _ string) (string, []string) {
	var o odd
	settings(f.Content, func(n int, line string) bool {
		if key, value, ok := strings.Cut(line, "="); ok && strings.HasSuffix(strings.TrimSpace(key), "Environment") && (strings.Contains(value, "LD_PRELOAD=") || strings.Contains(value, "LD_AUDIT=")) {
			return o.see("high", fmt.Sprintf("%s loads a library into all that systemd starts: %s", place(f.Path, int64(n)), cron.Quote(clip(value, 160))))
		}
		return true
	})
	return o.out()
}

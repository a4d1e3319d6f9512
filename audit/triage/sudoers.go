package triage

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

var (
	sudoDefault = regexp.MustCompile(`^Defaults(?:[@:!>]\S+)?\s+(.*)$`)
	sudoRule    = regexp.MustCompile(`^(\S+)\s+\S+\s*=\s*(.*)$`)
	sudoTag     = regexp.MustCompile(`^\s*(?:\([^)]*\)\s*)?((?:[A-Z_]+\s*:\s*)*)(.*)$`)
)

// shellEscapes are programs that start any other, or write any file, for whoever may
// run them as root with words of his own.
var shellEscapes = regexp.MustCompile(`^(sh|bash|dash|zsh|ksh|fish|su|env|perl|python[0-9.]*|ruby|lua|php[0-9.]*|node|awk|gawk|mawk|find|xargs|vi|vim|nano|ed|less|more|man|tar|zip|rsync|ssh|nmap|socat|nc|tee|dd|cp|mv|install|chmod|chown|docker|podman|systemd-run|nsenter|unshare|chroot|strace|gdb|busybox|visudo|crontab|at|nohup|nice|timeout|watch|script|screen|tmux)$`)

// sudoers judges who becomes root without a password (sudoers(5)).
func (l *looker) sudoers(f *snapshot.File, _ string) (severity string, why []string) {
	severity = "none"
	if base := path.Base(f.Path); strings.HasPrefix(f.Path, "/etc/sudoers.d/") && (strings.Contains(base, ".") || strings.HasSuffix(base, "~")) {
		return severity, nil // sudo passes such names over
	}
	say := func(s string, n int, format string, args ...any) {
		severity = heavier(severity, s)
		if len(why) < 6 {
			why = append(why, place(f.Path, int64(n))+": "+fmt.Sprintf(format, args...))
		}
	}
	carried, from := "", 0
	settings(f.Content, func(n int, line string) bool {
		if carried == "" {
			from = n
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok && len(carried) < 16384 {
			carried += rest + " "
			return true
		}
		line, carried = carried+line, ""
		if m := sudoDefault.FindStringSubmatch(line); m != nil {
			if strings.Contains(strings.ReplaceAll(m[1], " ", ""), "!authenticate") {
				say("medium", from, "sudo asks for no password (%s)", cron.Quote(clip(line, 120)))
			}
			return true
		}
		if m := sudoRule.FindStringSubmatch(line); m != nil && !strings.HasSuffix(m[1], "_Alias") {
			l.sudoRule(m[1], m[2], func(s, text string) { say(s, from, "%s", text) })
		}
		return len(why) < 6
	})
	return severity, why
}

// sudoRule judges what one rule lets somebody do without a password.
func (l *looker) sudoRule(who, what string, say func(severity, text string)) {
	free := false
	for part := range strings.SplitSeq(what, ",") {
		m := sudoTag.FindStringSubmatch(part)
		if strings.Contains(strings.ReplaceAll(m[1], " ", ""), "NOPASSWD:") {
			free = true
		} else if strings.Contains(m[1], "PASSWD") {
			free = false
		}
		command := strings.TrimSpace(m[2])
		if !free || command == "" || command[0] == '!' {
			continue
		}
		program := first(strings.Fields(command))
		text := ""
		switch {
		case command == "ALL":
			text = cron.Quote(who) + " becomes root without a password"
		case shellEscapes.MatchString(path.Base(program)) && (program == command || strings.Contains(command, "*")):
			text = fmt.Sprintf("%s becomes root without a password by %s, which runs or writes what it is told to", cron.Quote(who), cron.Quote(clip(command, 80)))
		}
		weight := "low"
		if text != "" {
			if a := l.accountNamed(who); who == "ALL" {
				weight = "high"
			} else if a != nil && a.UID != 0 && (static(a.UID) || !a.LoginShell) {
				weight = "high"
				text += fmt.Sprintf(", and it is an account of the system (uid %d, shell %s)", a.UID, a.Shell)
			}
		}
		if w, s := deceptive(program); levels[s] >= levels["medium"] {
			weight, text = heavier(weight, s), either(text, cron.Quote(who)+" runs it as root without a password: "+w)
		} else if temporary(program) {
			weight, text = heavier(weight, "high"), either(text, cron.Quote(who)+" runs "+cron.Quote(program)+" as root without a password, and everyone may write there")
		}
		if text != "" {
			say(weight, text)
		}
	}
}

package triage

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

var (
	unitFile   = regexp.MustCompile(`\.(service|timer|path|socket)$`)
	unitDropIn = regexp.MustCompile(`\.d/[^/]+\.conf$`)
)

// execKeys are the settings of units that run something (systemd.service(5)).
var execKeys = map[string]bool{"ExecStart": true, "ExecStartPre": true, "ExecStartPost": true, "ExecStop": true, "ExecStopPost": true, "ExecReload": true, "ExecCondition": true}

// unit is what a unit file or a drop-in of one says.
type unitText struct {
	execs   []execLine
	preload []execLine
	user    string
	wanted  bool
	timer   bool
	socket  bool // what connects is the standard input of what runs
}

type execLine struct {
	key, command string
	line         int
}

// parseUnit reads the settings that matter here; lines that end in a backslash go on.
func parseUnit(data []byte) unitText {
	var u unitText
	n, start := 0, 0
	carried := ""
	for raw := range strings.Lines(string(clipBytes(data, judgedMost))) {
		n++
		t := strings.TrimRight(raw, "\r\n")
		if carried == "" {
			start = n
			if s := strings.TrimSpace(t); s == "" || s[0] == '#' || s[0] == ';' {
				continue
			}
		}
		if rest, ok := strings.CutSuffix(t, `\`); ok && len(carried) < 8192 {
			carried += rest + " "
			continue
		}
		t, carried = carried+t, ""
		key, value, ok := strings.Cut(t, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok || value == "" || len(u.execs) > 32:
		case execKeys[key]:
			u.execs = append(u.execs, execLine{key, strings.TrimLeft(value, "@-:+!|"), start})
		case key == "Environment" && (strings.Contains(value, "LD_PRELOAD=") || strings.Contains(value, "LD_AUDIT=")):
			u.preload = append(u.preload, execLine{key, value, start})
		case key == "User":
			u.user = value
		case key == "StandardInput" && value == "socket":
			u.socket = true
		case key == "WantedBy" || key == "RequiredBy":
			u.wanted = true
		case strings.HasPrefix(key, "OnCalendar") || strings.HasPrefix(key, "OnBoot") || strings.HasPrefix(key, "OnUnit") || strings.HasPrefix(key, "OnActive") || strings.HasPrefix(key, "OnStartup"):
			u.timer = true
		}
	}
	return u
}

// units judges unit files and drop-ins that no package has.
func (l *looker) units() {
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		if !strings.Contains(f.Path, "/systemd/") || strings.HasPrefix(f.Path, "/proc/") || f.Type != 'f' && !strayUnit(f) {
			continue
		}
		dropIn := unitDropIn.MatchString(f.Path)
		if !dropIn && !unitFile.MatchString(f.Path) || !f.HasContent() || len(f.Content) == 0 {
			continue
		}
		if pkg, known := l.ofPackage(f.Path); known && pkg != "" {
			if sum, ok := l.conf[f.Path]; ok {
				if have := md5.Sum(f.Content); hex.EncodeToString(have[:]) == sum {
					continue
				}
			} else {
				continue
			}
		}
		l.unit(f, dropIn)
	}
}

// strayUnit reports a link to a unit file that lies in none of systemd's own places;
// other links are other names of units, or switch them on.
func strayUnit(f *snapshot.File) bool {
	return f.Type == 'l' && f.Real != "" && !strings.Contains(f.Real, "/systemd/") && !strings.HasPrefix(f.Real, "/dev/") && !strings.HasPrefix(f.Real, "/run/") &&
		!strings.Contains(f.Path, ".wants/") && !strings.Contains(f.Path, ".requires/")
}

func (l *looker) unit(f *snapshot.File, dropIn bool) {
	u := parseUnit(f.Content)
	ofUser := strings.Contains(f.Path, "/.config/systemd/user/") || strings.Contains(f.Path, "/.local/share/systemd/user/")
	owner := l.account(f.UID)
	_, known := l.ofPackage(f.Path)
	severity := "none"
	var why, attack []string
	say := func(s, text string) {
		severity = heavier(severity, s)
		why = append(why, text)
	}
	attack = append(attack, "T1543.002")
	if u.timer || strings.HasSuffix(f.Path, ".timer") {
		attack = append(attack, "T1053.006")
	}
	if known && !ofUser {
		switch {
		case strings.HasPrefix(f.Path, "/usr/lib/systemd/") || strings.HasPrefix(f.Path, "/lib/systemd/"):
			say("medium", "it lies among packages' units, and no package has it")
		case strings.HasPrefix(f.Path, "/run/systemd/transient/"):
			say("info", "it was made by hand (systemd-run) and is gone after a reboot")
		default:
			say("info", "no package has it")
		}
	}
	evidence := []facts.Evidence{l.stat(f.Path, "")}
	if f.Type == 'l' {
		weight := "medium"
		if strings.HasPrefix(f.Real, "/opt/") || strings.HasPrefix(f.Real, "/usr/") || strings.HasPrefix(f.Real, "/srv/") {
			weight = "low"
		}
		if w, s := deceptive(f.Real); levels[s] >= levels["medium"] {
			say(heavier(weight, s), w)
		} else {
			say(weight, "it is a link to "+cron.Quote(f.Real)+", which is no place of units")
		}
		evidence = append(evidence, l.stat(f.Real, "-> "+f.Real))
	}
	user := either(u.user, "root")
	if ofUser {
		user = owner
	}
	for _, x := range u.execs {
		evidence = append(evidence, facts.Evidence{Path: f.Path, Line: x.line, Text: x.key + "=" + x.command})
		p := first(strings.Fields(x.command))
		if s, message := l.line(x.command, user); levels[s] >= levels["medium"] {
			say(s, x.key+" is odd: "+message)
		}
		if u.socket && shellName.MatchString(path.Base(p)) {
			say("critical", "whoever connects gets a shell as "+user)
		}
		if w, s := deceptive(p); levels[s] >= levels["medium"] {
			say(s, w)
		} else if temporary(p) {
			say("high", "it runs a program where everyone may write: "+cron.Quote(p))
		}
		if pkg, known := l.ofPackage(path.Clean(p)); known && pkg == "" && systemPlace(p) {
			say("medium", "its program "+cron.Quote(p)+" lies among those of packages, and no package has it")
		}
		if dropIn && x.key == "ExecStart" {
			say("medium", "it replaces what the unit runs, and leaves the unit's own file as it was")
		} else if dropIn && !ofUser {
			say("medium", "it makes the unit run more than its own file says")
		}
	}
	for _, x := range u.preload {
		evidence = append(evidence, facts.Evidence{Path: f.Path, Line: x.line, Text: x.key + "=" + x.command})
		say("high", "it loads a library into what it starts: "+cron.Quote(x.command))
		attack = append(attack, "T1574.006")
	}
	returns := ""
	name := path.Base(f.Path)
	if dropIn {
		name = strings.TrimSuffix(path.Base(path.Dir(f.Path)), ".d")
	}
	switch {
	case ofUser:
		if linger := l.snap.Lookup("/var/lib/systemd/linger/" + owner); linger != nil {
			if len(u.execs) > 0 || u.timer {
				say("medium", "it runs although nobody is logged in: "+cron.Quote(owner)+" lingers since "+stamp(linger.MTime))
			}
			returns = "after a reboot without any login: its account lingers"
			evidence = append(evidence, l.stat(linger.Path, owner+" lingers"))
		} else {
			say("info", "it runs while "+owner+" is logged in")
			returns = "when " + owner + " logs in"
		}
	case strings.HasPrefix(f.Path, "/run/"):
	case dropIn:
		returns = "whenever " + name + " starts"
	case u.wanted || l.wanted(name):
		returns = "at boot: systemd starts it"
	}
	if levels[severity] < levels["low"] {
		return
	}
	what := "unit "
	if dropIn {
		what = "drop-in of " + name + ": "
	}
	l.add(Thing{Kind: KindUnit, Severity: severity, Title: what + cron.Quote(f.Path), Why: why, Attack: attack, Since: stamp(f.CTime), Returns: returns, Evidence: evidence,
		Files: append([]string{f.Path}, l.unitFiles(u)...), Actions: []Action{{Do: DoUnit, Target: name, User: userOf(ofUser, owner)}, {Do: DoFile, Target: f.Path}}}, f.Path)
}

func userOf(ofUser bool, owner string) string {
	if ofUser {
		return owner
	}
	return ""
}

// unitFiles are the programs of a unit that no package has.
func (l *looker) unitFiles(u unitText) []string {
	var out []string
	for _, x := range u.execs {
		p := first(strings.Fields(x.command))
		if strings.HasPrefix(p, "/") && !systemPlace(p) {
			out = append(out, path.Clean(p))
		}
	}
	return out
}

// wanted reports whether a link enables the unit.
func (l *looker) wanted(name string) bool {
	for i := range l.snap.Files {
		f := &l.snap.Files[i]
		if f.Type == 'l' && path.Base(f.Path) == name && strings.Contains(f.Path, ".wants/") {
			return true
		}
	}
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		if f.Type == 'l' && path.Base(f.Path) == name && strings.Contains(f.Path, ".wants/") {
			return true
		}
	}
	return false
}

// pam judges the modules that logins go through.
func (l *looker) pam() {
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		if strings.HasPrefix(f.Path, "/etc/pam.d/") && f.Type == 'f' && f.HasContent() {
			l.pamFile(f)
		}
		if strings.Contains(f.Path, "/security/") && strings.HasSuffix(f.Path, ".so") && f.Type == 'f' && !strings.HasPrefix(f.Path, "/etc/") {
			if pkg, known := l.ofPackage(f.Path); known && pkg == "" && l.manager != "rpm" {
				l.add(Thing{Kind: KindPAM, Severity: "high", Title: "module of PAM that no package has: " + cron.Quote(f.Path), Why: []string{"logins may go through it"}, Attack: []string{"T1556.003"},
					Since: stamp(f.CTime), Evidence: []facts.Evidence{l.stat(f.Path, "")}, Files: []string{f.Path}, Returns: "at each login", Actions: []Action{{Do: DoFile, Target: f.Path}}}, f.Path)
			}
		}
	}
}

var pamLine = regexp.MustCompile(`^\s*-?(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)$`)

// enough are the controls by which one yes ends the questions or jumps over some
// (pam.d(5)). asRoot are services whose programs ask as root for whoever comes.
var (
	enough = regexp.MustCompile(`^sufficient$|success=(done|end|[1-9])`)
	asRoot = regexp.MustCompile(`^(sshd|login|remote|common-auth|system-auth|password-auth|other)$`)
)

func (l *looker) pamFile(f *snapshot.File) {
	n := 0
	for line := range strings.Lines(string(clipBytes(f.Content, judgedMost))) {
		if n++; n > 400 {
			break
		}
		m := pamLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		typ, control, module, rest := m[1], m[2], m[3], m[4]
		severity := "none"
		var why []string
		say := func(s, text string) {
			severity = heavier(severity, s)
			why = append(why, text)
		}
		base := path.Base(module)
		switch {
		case base == "pam_exec.so":
			args := strings.Fields(rest)
			program := ""
			for _, a := range args {
				if strings.HasPrefix(a, "/") {
					program = a
					break
				}
			}
			say("medium", "it runs "+cron.Quote(program)+" at each login")
			if strings.Contains(rest, "expose_authtok") {
				say("high", "and hands it the password")
			}
			if w, s := deceptive(program); levels[s] >= levels["medium"] || temporary(program) {
				say("high", either(w, "the program lies where everyone may write"))
			}
			if pkg, known := l.ofPackage(program); known && pkg != "" && !strings.Contains(rest, "expose_authtok") {
				severity = "low"
			}
		case base == "pam_permit.so" && typ == "auth" && enough.MatchString(control):
			say("critical", "whoever tries gets in: it says yes to every login, and what comes behind it is passed over")
		case base == "pam_rootok.so" && typ == "auth" && enough.MatchString(control) && asRoot.MatchString(path.Base(f.Path)):
			say("critical", "whoever tries gets in: it says yes where root asks, and root is who asks here")
		case base == "pam_succeed_if.so" && typ == "auth" && enough.MatchString(control) && !strings.Contains(rest, "use_uid"):
			say("high", "whoever it fits gets in without a password: "+cron.Quote(clip(rest, 120)))
		case strings.Contains(module, "../") || strings.HasPrefix(module, "/") && !strings.Contains(module, "/security/"):
			say("high", "its module lies where no package puts one: "+cron.Quote(module))
			if w, s := deceptive(module); levels[s] >= levels["medium"] {
				say(s, w)
			}
		}
		if severity == "none" {
			continue
		}
		if sum, ok := l.conf[f.Path]; ok && !f.Truncated {
			if have := md5.Sum(f.Content); hex.EncodeToString(have[:]) != sum {
				why = append(why, "the file is not as its package brought it")
			} else {
				continue
			}
		}
		l.add(Thing{Kind: KindPAM, Severity: severity, Title: fmt.Sprintf("line of PAM: %s", cron.Quote(strings.TrimSpace(strings.TrimRight(line, "\n")))), Why: why, Attack: []string{"T1556.003"},
			Since: stamp(f.CTime), Evidence: []facts.Evidence{{Path: f.Path, Line: n, Text: strings.TrimSpace(line)}, l.stat(f.Path, "")}, Files: []string{f.Path},
			Returns: "at each login that goes through " + path.Base(f.Path), Actions: []Action{{Do: DoFile, Target: f.Path}}}, f.Path, typ, control, module, rest)
	}
}

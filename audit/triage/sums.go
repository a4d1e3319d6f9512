package triage

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// gates are the programs and libraries through which one logs in.
var gates = regexp.MustCompile(`/(sshd|sshd-session|sshd-auth|login|su|sudo|passwd|unix_chkpwd|cron|crond|bash|dash|sh|ps|ls|ss|netstat|lsof|top|find|ssh)$|/security/pam_|/libpam|/libkeyutils|/liblzma|/libcrypt|/libc\.so|/ld-linux|/sudoers\.so`)

// sums names files that are not what their packages brought.
func (l *looker) sums() {
	l.debianSums()
	l.diversions()
	l.shadows()
	lines(l.deep.Output(snapshot.OutSumsRPM), func(line string) {
		flags, p, ok := rpmLine(line)
		if !ok || strings.HasPrefix(p, "/etc/") {
			return
		}
		l.replaced(p, "", "rpm keeps another digest of it ("+flags+")", line)
	})
	lines(l.deep.Output(snapshot.OutSumsAPK), func(line string) {
		w := strings.Fields(line)
		if len(w) == 2 && w[0] == "U" && !strings.HasPrefix(w[1], "etc/") { // apk audit: modified
			l.replaced("/"+w[1], "", "apk audit says that it was modified", line)
		}
	})
}

// debianSums compares md5sum's answer with dpkg's lists.
func (l *looker) debianSums() {
	type want struct{ sum, pkg string }
	wants := map[string]want{}
	var order []string
	lines(l.deep.Output(snapshot.OutSums), func(line string) {
		list, rest, ok := strings.Cut(line, ".md5sums:")
		sum, p, two := strings.Cut(rest, "  ")
		if !ok || !two || len(sum) != 32 || p == "" {
			return
		}
		pkg, _, _ := strings.Cut(path.Base(list), ":")
		if _, again := wants[p]; !again {
			order = append(order, p)
		}
		wants[p] = want{sum, pkg}
	})
	found, missing := map[string]string{}, map[string]bool{}
	lines(l.deep.Output(snapshot.OutSumsFound), func(line string) {
		sum, p, ok := strings.Cut(line, "  ")
		if ok && len(sum) == 32 {
			found[p] = sum
			return
		}
		if rest, cut := strings.CutSuffix(line, ": No such file or directory"); cut {
			rest = strings.TrimPrefix(strings.TrimPrefix(rest, "md5sum: "), "can't open ")
			missing[strings.Trim(rest, "'")] = true
		}
	})
	diverted := map[string]bool{}
	if f := l.deep.Lookup("/var/lib/dpkg/diversions"); f != nil {
		for line := range strings.Lines(string(f.Content)) {
			diverted[strings.TrimSpace(line)] = true
		}
	}
	for _, p := range order {
		w, full := wants[p], "/"+p
		switch sum := found[p]; {
		case diverted[full] || diverted[usrTwin(full)]:
		case sum == "" && missing[p]:
			if gates.MatchString(full) {
				l.add(Thing{Kind: KindPackage, Severity: "low", Title: cron.Quote(full) + " of package " + w.pkg + " is not there", Attack: []string{"T1562"},
					Evidence: []facts.Evidence{{Path: full, Text: "dpkg knows its MD5 as " + w.sum}}, Actions: []Action{{Do: DoPackage, Target: w.pkg}}}, full)
			}
		case sum != "" && sum != w.sum:
			l.replaced(full, w.pkg, "its MD5 is "+sum+", that of the package "+w.sum, "")
		}
	}
	if len(order) > 0 && len(found) == 0 {
		l.gap(snapshot.OutSumsFound, "no file of a package was compared with its checksum")
	}
}

// diversions names files that an administrator, or an intruder, had dpkg put aside:
// what bears their name is compared with nothing. A package's own are its business.
func (l *looker) diversions() {
	f := l.deep.Lookup("/var/lib/dpkg/diversions")
	if f == nil {
		return
	}
	var three []string
	for line := range strings.Lines(string(clipBytes(f.Content, 1<<20))) {
		if three = append(three, strings.TrimSuffix(line, "\n")); len(three) < 3 {
			continue
		}
		from, to, by := three[0], three[1], three[2]
		three = nil
		if by != ":" {
			continue
		}
		severity := "low"
		if gates.MatchString(from) {
			severity = "high"
		}
		l.add(Thing{Kind: KindPackage, Severity: severity, Title: cron.Quote(from) + " was put in the place of its package's, which is diverted to " + cron.Quote(to),
			Why: []string{"it was diverted by hand (dpkg-divert): updates pass it over, and it is compared with no checksum"}, Attack: []string{"T1554"}, Since: l.since(from),
			Evidence: []facts.Evidence{{Path: f.Path, Text: "diversion of " + from + " to " + to + " by nobody's package"}, l.stat(from, ""), l.stat(to, "the package's")},
			Files:    []string{from}, Returns: "it stays, updates or not", Actions: []Action{{Do: DoFile, Target: from}}}, "diverted", from)
	}
}

// shadows names programs in /usr/local that bear the name of a package's: a shell finds
// them first.
func (l *looker) shadows() {
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		dir, base := path.Split(f.Path)
		if dir != "/usr/local/bin/" && dir != "/usr/local/sbin/" || f.Type != 'f' && f.Type != 'l' || f.Type == 'f' && f.Mode&0o111 == 0 {
			continue
		}
		if !gates.MatchString("/bin/"+base) && !watchers[base] {
			continue
		}
		if pkg, known := l.ofPackage(f.Path); !known || pkg != "" {
			continue
		}
		l.add(Thing{Kind: KindPackage, Severity: "medium", Title: cron.Quote(f.Path) + " is found before the system's own " + base, Why: []string{"no package has it, and whoever types " + base + " starts it"},
			Attack: []string{"T1574.007"}, Since: stamp(f.CTime), Evidence: []facts.Evidence{l.stat(f.Path, "")}, Files: []string{f.Path}, Returns: "it stays", Actions: []Action{{Do: DoFile, Target: f.Path}}}, "before", f.Path)
	}
}

// watchers are further programs by which one would see an intruder.
var watchers = map[string]bool{"w": true, "who": true, "last": true, "lastlog": true, "pgrep": true, "pstree": true, "ip": true, "ifconfig": true, "lsmod": true, "journalctl": true,
	"systemctl": true, "crontab": true, "atq": true, "id": true, "stat": true, "md5sum": true, "sha256sum": true, "dpkg": true, "rpm": true, "iptables": true, "nft": true, "tcpdump": true, "scp": true, "sftp": true, "ssh-add": true, "ssh-agent": true}

// capable names programs that have root's rights, or enough to take them, without the
// setuid bit.
func (l *looker) capable() {
	lines(l.deep.Output(snapshot.OutCapabilities), func(line string) {
		at := capClauses.FindStringIndex(line)
		if at == nil || !strings.HasPrefix(line, "/") {
			return
		}
		p, caps := line[:at[0]], strings.TrimPrefix(line[at[0]+1:], "= ") // libcap before 2.41 wrote "PATH = CAPS"
		pkg, _ := l.ofPackage(p)
		if pkg != "" && !(rootCaps.MatchString(caps) && anyProgram.MatchString(path.Base(p))) {
			return
		}
		severity, why := "low", []string{"whoever starts it has " + caps}
		if rootCaps.MatchString(caps) {
			severity = "medium"
			if l.manager != "" && (systemPlace(p) || hiddenPlace(p) || anyProgram.MatchString(path.Base(p))) || temporary(p) || l.oddSetuid(p) {
				severity = "high"
			}
			why = append(why, "that is enough to become root")
		}
		if pkg != "" {
			severity, why = "high", append(why, "it is of package "+pkg+", which does not give it that")
		} else if l.manager != "" {
			why = append(why, "no package has it")
		}
		if w, s := deceptive(p); levels[s] >= levels["medium"] {
			severity, why = heavier(severity, s), append(why, w)
		}
		l.add(Thing{Kind: KindSetuid, Severity: severity, Title: "program with a part of root's rights: " + cron.Quote(p), Why: why, Attack: []string{"T1548"}, Since: l.since(p),
			Evidence: []facts.Evidence{{Path: p, Text: caps}, l.stat(p, "")}, Files: []string{p}, Returns: "it stays", Actions: []Action{{Do: DoFile, Target: p}}}, "capable", p)
	})
}

// capClauses are what stands behind a name: one clause or several (cap_to_text(3)).
var capClauses = regexp.MustCompile(`( (cap_[a-z0-9_,]+)?[=+-][=+eip-]*)+$`)

// rootCaps are the capabilities that lead to all others (capabilities(7)).
var rootCaps = regexp.MustCompile(`cap_(setuid|setgid|dac_override|dac_read_search|sys_admin|sys_ptrace|sys_module|setfcap|fowner|chown)|^=|all`)

// anyProgram are names of programs that do whatever their words say.
var anyProgram = regexp.MustCompile(`^(sh|bash|dash|zsh|perl|pl|python[0-9.]*|py|ruby|php[0-9.]*|node|gdb|vim?|tar|find)$`)

// replaced adds a file that is not its package's.
func (l *looker) replaced(p, pkg, how, line string) {
	severity := "high"
	if gates.MatchString(p) {
		severity = "critical"
	}
	if f := l.file(p); f != nil && f.Mode&0o6000 != 0 {
		severity = "critical"
	}
	t := Thing{Kind: KindPackage, Severity: severity, Title: cron.Quote(p) + " is not what its package brought", Why: []string{how}, Attack: []string{"T1554"}, Since: l.since(p),
		Evidence: []facts.Evidence{l.stat(p, how)}, Files: []string{p}, Returns: "it stays until its package is installed again"}
	if line != "" {
		t.Evidence[0].Text = line
	}
	if pkg != "" {
		t.Title += " " + pkg
		t.Actions = []Action{{Do: DoPackage, Target: pkg}}
	}
	l.add(t, p)
}

// rpmLine reads "S.5....T.  c /path" or "missing   /path" of rpm -V; ok only where the
// digest differs.
func rpmLine(line string) (flags, p string, ok bool) {
	i := strings.IndexByte(line, '/')
	if i < 0 {
		return "", "", false
	}
	w := strings.Fields(line[:i])
	if len(w) == 0 || len(w) == 2 && w[1] == "c" { // a file that people edit
		return "", "", false
	}
	if len(w[0]) < 8 || w[0][2] != '5' || strings.Trim(w[0], "SM5DLUGTPC.?") != "" {
		return "", "", false
	}
	return w[0], line[i:], true
}

// shells are what a copy with the setuid bit is made of.
var shells = []string{"/bin/sh", "/bin/bash", "/bin/dash", "/bin/busybox"}

// setuids names programs with their owner's rights that no package has.
func (l *looker) setuids() {
	l.capable()
	l.dropped()
	shell := map[string]string{}
	for _, s := range shells {
		if sum := l.digests[s]; sum != "" && shell[sum] == "" {
			shell[sum] = s
		}
	}
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		if f.Type != 'f' || f.Mode&0o6000 == 0 || f.Mode&0o111 == 0 || strings.HasPrefix(f.Path, "/proc/") {
			continue
		}
		pkg, known := l.ofPackage(f.Path)
		if known && pkg != "" {
			if f.Mode&0o4000 != 0 && f.UID == 0 && neverSetuid.MatchString(path.Base(f.Path)) {
				l.add(Thing{Kind: KindSetuid, Severity: "critical", Title: cron.Quote(f.Path) + " of package " + pkg + " was given its owner's rights", Why: []string{"whoever starts it is root, and it does what its words say: no package gives it that bit"},
					Attack: []string{"T1548.001"}, Since: stamp(f.CTime), Evidence: []facts.Evidence{l.stat(f.Path, "")}, Files: []string{f.Path}, Returns: "it stays until the bit is taken off (chmod u-s) or the package is installed again",
					Actions: []Action{{Do: DoPackage, Target: pkg}}}, "bit", f.Path)
			}
			continue
		}
		suid := f.Mode&0o4000 != 0
		severity := "low"
		var why []string
		switch {
		case suid && f.UID == 0 && (known || temporary(f.Path) || l.oddSetuid(f.Path)):
			severity = "high"
		case suid && (temporary(f.Path) || known):
			severity = "medium"
		case !suid && temporary(f.Path):
			severity = "medium"
		}
		rights := "its owner " + l.account(f.UID)
		if !suid {
			rights = fmt.Sprintf("its group %d", f.GID)
		}
		why = append(why, "whoever starts it has the rights of "+rights)
		if known {
			why = append(why, "no package has it")
		}
		if s := shell[l.digests[f.Path]]; s != "" && l.digests[f.Path] != "" {
			severity = "critical"
			why = append(why, "it is byte for byte "+s)
		}
		if w, s := deceptive(f.Path); levels[s] >= levels["medium"] {
			severity = heavier(severity, s)
			why = append(why, w)
		}
		l.add(Thing{Kind: KindSetuid, Severity: severity, Title: "program with others' rights: " + cron.Quote(f.Path), Why: why, Attack: []string{"T1548.001"}, Since: stamp(f.CTime),
			Evidence: []facts.Evidence{l.stat(f.Path, "")}, Files: []string{f.Path}, Returns: "it stays", Actions: []Action{{Do: DoFile, Target: f.Path}}}, f.Path)
	}
}

// neverSetuid are programs that no distribution gives root's rights: each starts
// another, or reads or writes what it is told to.
var neverSetuid = regexp.MustCompile(`^(ba|da|z|k|mk|a|c|tc|fi|r)?sh$|^(env|perl[0-9.]*|python[0-9.]*|ruby[0-9.]*|lua[0-9.]*|php[0-9.]*|node|gawk|mawk|awk|find|xargs|vim?(\.[a-z]+)?|nano|ed|less|more|tar|zip|rsync|nmap|socat|nc(\.[a-z]+)?|ncat|tee|dd|cp|mv|install|chmod|chown|cat|head|tail|sed|sort|cpio|cut|base64|xxd|docker|gdb|strace|nohup|nice|timeout|watch|systemctl|systemd-run|git|make|curl|wget|openssl|busybox|stdbuf|taskset|setarch|ld\.so|ld-linux[^/]*)$`)

// dropped names programs where everyone may write, and files where only devices belong.
func (l *looker) dropped() {
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		if f.Type != 'f' {
			continue
		}
		severity, what := "low", "a program where everyone may write: "
		switch w, s := deceptive(f.Path); {
		case strings.HasPrefix(f.Path, "/dev/") && !strings.HasPrefix(f.Path, "/dev/shm/"):
			severity, what = "medium", "a file where only devices belong: "
		case !strings.HasPrefix(f.Path, "/tmp/") && !strings.HasPrefix(f.Path, "/var/tmp/") && !strings.HasPrefix(f.Path, "/dev/shm/") || f.Mode&0o111 == 0 || f.Mode&0o6000 != 0:
			continue
		case levels[s] >= levels["high"]:
			l.drop(f, s, what, w)
			continue
		case strings.HasPrefix(f.Path, "/dev/shm/"):
			severity = "medium"
		}
		l.drop(f, severity, what, "")
	}
}

func (l *looker) drop(f *snapshot.File, severity, what, why string) {
	t := Thing{Kind: KindFile, Whose: l.account(f.UID), Severity: severity, Title: what + cron.Quote(f.Path), Attack: []string{"T1036.005"}, Since: stamp(f.CTime),
		Evidence: append([]facts.Evidence{l.stat(f.Path, "")}, l.beginning(f.Path)...), Files: []string{f.Path}, Actions: []Action{{Do: DoFile, Target: f.Path}}}
	if why != "" {
		t.Why = []string{why}
	}
	l.add(t, f.Path)
}

// oddSetuid reports places where no setuid program belongs.
func (l *looker) oddSetuid(p string) bool {
	for _, d := range []string{"/root/", "/home/", "/srv/", "/var/", "/etc/", "/run/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

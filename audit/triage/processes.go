package triage

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// process is one process as /proc shows it.
type process struct {
	pid, ppid int
	comm      string
	kernel    bool // a thread of the kernel
	uid       int64
	start     time.Time
	exe       string // path of its program as the kernel names it, "(deleted)" taken off
	deleted   bool
	memory    bool // its program was never a file
	unseen    bool // the link could not be read
	cwd       string
	space     string // its pid namespace
	mode      uint32 // of the program's inode; 0: not known
	owner     int64
	links     int64
	argv      []string
	preload   []string
	tracer    int
	sockets   []socket
	gone      []string // deleted files that it holds open
}

// socket is one socket of a process.
type socket struct {
	fd            int // under which a process holds it
	proto         string
	local, remote netip.AddrPort
	state         string // of TCP: listen, established, connecting, other
}

// processes reads the lists of the second round.
func (l *looker) processes() {
	hz := number(l.snap.Identity("clk_tck"))
	lines(l.deep.Output(snapshot.OutProcStat), func(line string) {
		pid, rest, ok := procLine(line, "/stat:")
		if !ok {
			return
		}
		if p := l.byPID[pid]; p != nil { // a newline in its name: the line goes on
			if len(p.comm) < maxComm {
				p.comm += "\n" + clip(rest, maxComm)
			}
			l.statFields(p, rest, hz)
			return
		}
		p := &process{pid: pid, uid: -1, owner: -1}
		l.byPID[pid] = p
		l.procs = append(l.procs, p)
		if _, name, ok := strings.Cut(rest, "("); ok {
			p.comm = name
			if i := strings.LastIndexByte(name, ')'); i >= 0 {
				p.comm = name[:i]
			}
		}
		l.statFields(p, rest, hz)
	})
	lines(l.deep.Output(snapshot.OutProcStatus), func(line string) {
		pid, rest, ok := procLine(line, "/status:")
		p := l.byPID[pid]
		if !ok || p == nil {
			return
		}
		key, value, _ := strings.Cut(rest, ":")
		switch f := strings.Fields(value); {
		case key == "Uid" && len(f) >= 2:
			p.uid = number(f[1])
		case key == "TracerPid" && len(f) == 1:
			p.tracer = int(number(f[0]))
		}
	})
	lines(l.deep.Output(snapshot.OutProcExes), func(line string) {
		f := strings.Fields(line)
		if len(f) != 10 {
			return
		}
		pid, _, ok := procLine(f[9]+":", "/exe:")
		p := l.byPID[pid]
		if !ok || p == nil {
			return
		}
		if mode, err := strconv.ParseUint(f[0], 16, 32); err == nil {
			p.mode = uint32(mode) & 0o7777
		}
		p.owner, p.links = number(f[1]), number(f[4])
	})
	l.words()
	sockets := l.sockets()
	for i := range l.deep.Files {
		f := &l.deep.Files[i]
		if f.Type != 'l' || !strings.HasPrefix(f.Path, "/proc/") {
			continue
		}
		digits, what, _ := strings.Cut(f.Path[len("/proc/"):], "/")
		p := l.byPID[int(number(digits))]
		if p == nil {
			continue
		}
		switch {
		case what == "exe":
			p.exe, p.deleted = strings.CutSuffix(f.Target, " (deleted)")
			p.memory = strings.HasPrefix(f.Target, "/memfd:") || strings.HasPrefix(f.Target, "memfd:")
			p.unseen = f.Target == "" && !p.kernel
		case what == "cwd":
			p.cwd = f.Target
		case what == "ns/pid":
			p.space = f.Target
		case strings.HasPrefix(what, "fd/"):
			if inode, ok := strings.CutPrefix(f.Target, "socket:["); ok {
				if s, ok := sockets[strings.TrimSuffix(inode, "]")]; ok {
					s.fd = int(number(what[len("fd/"):]))
					p.sockets = append(p.sockets, s)
				}
			} else if len(p.gone) < 16 {
				p.gone = append(p.gone, f.Target)
			}
		}
	}
	l.whole = l.deep.Complete && l.deep.Privilege != snapshot.PrivilegeNone && len(l.procs) > 0
	for _, p := range l.procs {
		if p.unseen && l.whole && len(p.argv) == 0 {
			p.unseen = false // it ended while it was looked at
		}
	}
}

// procLine takes "/proc/PID/WHAT:REST" apart.
func procLine(line, what string) (pid int, rest string, ok bool) {
	rest, ok = strings.CutPrefix(line, "/proc/")
	if !ok {
		return 0, "", false
	}
	i := strings.IndexByte(rest, '/')
	if i <= 0 || !strings.HasPrefix(rest[i:], what) {
		return 0, "", false
	}
	n := number(rest[:i])
	if n <= 0 || n > 1<<31 {
		return 0, "", false
	}
	return int(n), rest[i+len(what):], true
}

// maxComm bounds a process's own name: the kernel's has 15 bytes, a thread's of its own
// up to 63 (proc(5)). What calls itself a kernel's answer has no such bound.
const maxComm = 64

// kernelThread is PF_KTHREAD of the kernel's flags, the 9th field of /proc/PID/stat
// (proc(5)).
const kernelThread = 0x00200000

// statFields reads what stands behind the name's last bracket.
func (l *looker) statFields(p *process, rest string, hz int64) {
	i := strings.LastIndexByte(rest, ')')
	if i < 0 {
		return
	}
	f := strings.Fields(rest[i+1:])
	if len(f) < 20 {
		return
	}
	p.ppid = int(number(f[1]))
	if flags := number(f[6]); flags > 0 {
		p.kernel = flags&kernelThread != 0
	}
	if ticks := number(f[19]); ticks >= 0 && hz > 0 && !l.boot.IsZero() {
		p.start = l.boot.Add(time.Duration(ticks/hz)*time.Second + time.Duration(ticks%hz)*time.Second/time.Duration(hz))
	}
}

// maxWords bounds the words that are kept of one process. Whoever gives more hides
// what comes behind them, and that is said.
const maxWords = 1024

// words reads arguments and what is loaded before all else.
func (l *looker) words() {
	lines(l.deep.Output(snapshot.OutProcWords), func(line string) {
		if uid, ok := strings.CutPrefix(line, "left "); ok {
			l.gap("/proc", "the words of "+l.account(number(uid))+"'s processes took all of their time: some were not read")
			return
		}
		if pid, word, ok := procLine(line, "/cmdline:"); ok {
			switch p := l.byPID[pid]; {
			case p == nil:
			case len(p.argv) < maxWords:
				p.argv = append(p.argv, word)
			default:
				l.gap(fmt.Sprintf("/proc/%d/cmdline", pid), fmt.Sprintf("more than %d words", maxWords))
			}
		} else if pid, word, ok := procLine(line, "/environ:"); ok {
			if p := l.byPID[pid]; p != nil && len(p.preload) < 4 {
				p.preload = append(p.preload, word)
			}
		}
	})
}

// sockets reads the kernel's tables, by inode.
func (l *looker) sockets() map[string]socket {
	out := map[string]socket{}
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"} {
		f := l.deep.Lookup("/proc/net/" + proto)
		if f == nil {
			continue
		}
		first := true
		for line := range strings.Lines(string(f.Content)) {
			if first {
				first = false
				continue
			}
			w := strings.Fields(line)
			if proto == "packet" {
				if len(w) >= 9 {
					out[w[8]] = socket{proto: proto}
				}
				continue
			}
			if len(w) < 10 {
				continue
			}
			s := socket{proto: strings.TrimSuffix(proto, "6"), local: kernelAddress(w[1]), remote: kernelAddress(w[2])}
			if s.proto == "tcp" {
				switch w[3] {
				case "0A":
					s.state = "listen"
				case "01":
					s.state = "established"
				case "02":
					s.state = "connecting"
				default:
					s.state = "other"
				}
			}
			if w[9] != "0" {
				out[w[9]] = s
			}
		}
	}
	return out
}

// kernelAddress reads ADDRESS:PORT of /proc/net/tcp: hex, each 32-bit word in the
// byte order of a little-endian machine.
func kernelAddress(s string) netip.AddrPort {
	a, p, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(a)
	port, perr := strconv.ParseUint(p, 16, 16)
	if err != nil || perr != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}

// ircPorts are the ports of IRC (RFC 7194 for 6697; the others by custom). A port
// is a hint and no proof.
func ircPort(p uint16) bool { return p >= 6660 && p <= 6669 || p == 6697 || p == 7000 || p == 194 }

// temporary are places where everyone may write.
func temporary(p string) bool {
	for _, d := range []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/run/lock/", "/var/lock/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

// deceptive gives the heaviest lie in a path, in words; "" none.
func deceptive(p string) (words, severity string) {
	severity = "none"
	for _, d := range cron.Deceptive(p) {
		if s := d.Severity.String(); levels[s] > levels[severity] {
			severity = s
			words = fmt.Sprintf("the name %s (%s) in %s deceives", cron.Quote(d.Component), d.Words, cron.Quote(p))
		}
	}
	return words, severity
}

// scriptOf gives the script that an interpreter runs, by its arguments and where it
// works; "" none is seen.
func (p *process) scriptOf() string {
	switch base := strings.TrimRight(path.Base(p.exe), "0123456789."); base {
	case "sh", "bash", "dash", "zsh", "ksh", "perl", "python", "ruby", "php", "node", "busybox", "lua", "tclsh":
	default:
		return ""
	}
	for _, a := range p.argv[min(1, len(p.argv)):] {
		if strings.HasPrefix(a, "-") {
			if a == "-c" || a == "-e" || a == "-m" {
				return ""
			}
			continue
		}
		if strings.HasPrefix(a, "/") {
			return path.Clean(a)
		}
		if p.cwd != "" && a != "" && !strings.HasSuffix(p.exe, "busybox") {
			return strings.TrimSuffix(p.cwd, " (deleted)") + "/" + a
		}
	}
	return ""
}

// running judges each process.
func (l *looker) running() {
	first, lowest := "", 0 // the host's own pid namespace: that of the first process that shows it
	for _, p := range l.procs {
		if p.space != "" && (lowest == 0 || p.pid < lowest) {
			first, lowest = p.space, p.pid
		}
	}
	for _, p := range l.procs {
		if !p.kernel {
			l.judge(p, first)
		}
	}
	l.nobodys()
	lines(l.deep.Output(snapshot.OutProcMounts), func(line string) {
		if w := strings.Fields(line); len(w) > 4 {
			l.add(Thing{Kind: KindProcess, Severity: "high", Title: "something is mounted over " + cron.Quote(w[4]) + ", which hides the process from ps",
				Attack: []string{"T1564"}, Evidence: []facts.Evidence{{Path: "/proc/self/mountinfo", Text: line}}}, "mount", w[4])
		}
	})
}

// nobodys names connections to ports of IRC that no process was seen to hold: the
// process hides, or ended while it was looked at.
func (l *looker) nobodys() {
	if !l.whole || l.snap.Identity("uid") != "0" && l.deep.Privilege == snapshot.PrivilegeNone {
		return
	}
	held := map[string]bool{}
	for _, p := range l.procs {
		for _, s := range p.sockets {
			held[s.local.String()+s.remote.String()] = true
		}
	}
	for _, s := range l.sockets() {
		if s.proto == "tcp" && s.state == "established" && ircPort(s.remote.Port()) && !held[s.local.String()+s.remote.String()] {
			l.add(Thing{Kind: KindProcess, Severity: "medium", Title: fmt.Sprintf("a connection to %s, a port of IRC, that no process was seen to hold", s.remote), Why: []string{"its process hides, or ended while it was looked at"},
				Attack: []string{"T1071", "T1014"}, Evidence: []facts.Evidence{{Path: "/proc/net/" + s.proto, Text: fmt.Sprintf("%s %s -> %s", s.state, s.local, s.remote)}}}, "nobody", s.remote.String())
		}
	}
}

// chats are programs that people chat with.
var chats = map[string]bool{"irssi": true, "weechat": true, "weechat-curses": true, "hexchat": true, "znc": true, "ii": true, "bitlbee": true, "ngircd": true, "inspircd": true, "ergo": true, "solanum": true}

func (l *looker) judge(p *process, firstSpace string) {
	contained := p.space != "" && firstSpace != "" && p.space != firstSpace
	severity, odd := "none", false
	var why, attack []string
	say := func(s, text string, techniques ...string) {
		severity = heavier(severity, s)
		why = append(why, text)
		for _, t := range techniques {
			if !slices.Contains(attack, t) {
				attack = append(attack, t)
			}
		}
	}
	pkg, known := l.ofPackage(p.exe)
	owned := known && pkg != ""
	script := p.scriptOf()
	switch {
	case p.memory:
		if strings.HasPrefix(p.exe, "/memfd:runc_cloned:") {
			break // runc and its kin run from a sealed copy of themselves
		}
		say("high", "its program was never a file: it was loaded from memory ("+cron.Quote(p.exe)+")", "T1620")
	case p.deleted && (temporary(p.exe) || !owned):
		if again := l.file(p.exe); !contained && !(again != nil && !temporary(p.exe) && strings.HasPrefix(p.exe, "/opt/")) {
			say("high", "its program "+cron.Quote(p.exe)+" was deleted while it runs", "T1070.004")
		}
	case p.deleted:
		say("info", "its program "+cron.Quote(p.exe)+" was replaced since it started, as by an update of "+pkg)
	}
	if !contained {
		if p.exe != "" && !p.memory {
			if temporary(p.exe) {
				say("medium", "its program lies where everyone may write: "+cron.Quote(p.exe), "T1036.005")
				odd = true
			} else if known && !owned && !p.deleted && systemPlace(p.exe) {
				say("medium", "its program "+cron.Quote(p.exe)+" lies among those of packages, and no package has it", "T1036.005")
			}
			if w, s := deceptive(p.exe); levels[s] >= levels["medium"] && !owned {
				say(s, w, "T1564.001")
				odd = true
			}
		}
		if script != "" {
			if w, s := deceptive(script); levels[s] >= levels["medium"] {
				say(s, "it runs a script: "+w, "T1564.001")
			} else if temporary(script) {
				say("medium", "it runs a script where everyone may write: "+cron.Quote(script), "T1059.004")
			}
		}
		if w, s := deceptive(strings.TrimSuffix(p.cwd, " (deleted)")); levels[s] >= levels["high"] {
			say(s, "it works in a directory whose name lies: "+w, "T1564.001")
		}
	}
	if script != "" && !contained && l.scriptGone(p, script) {
		say("medium", "the script that it runs, "+cron.Quote(script)+", was deleted", "T1070.004")
	}
	if w := l.borrowed(p, owned); w != "" && !contained {
		say("high", w, "T1036.005")
	}
	if a := strings.Join(p.argv, " "); strings.HasPrefix(a, "[") && strings.Contains(a, "]") && p.exe != "" {
		say("high", "it calls itself "+cron.Quote(a)+", as a thread of the kernel, and has a program", "T1036.004")
	}
	if p.mode&0o002 != 0 {
		say("medium", "everyone may write its program's file", "T1574.010")
	}
	for _, e := range p.preload {
		_, lib, _ := strings.Cut(e, "=")
		for _, so := range strings.FieldsFunc(lib, func(r rune) bool { return r == ':' || r == ' ' }) {
			if of, known := l.ofPackage(so); temporary(so) || hiddenPlace(so) || known && of == "" && systemPlace(so) {
				say("high", "it was started with "+cron.Quote(e), "T1574.006")
			}
		}
	}
	if len(p.argv) > 1 {
		if s, message := l.line(quotedWords(p.argv), l.account(p.uid)); levels[s] >= levels["medium"] && severity == "none" {
			say(s, message)
		}
	}
	for _, s := range p.sockets {
		// An SSH login's shell has a terminal, pipes or a pair of sockets of this host.
		if s.proto == "tcp" && s.state == "established" && s.fd <= 2 && s.fd >= 0 && shellName.MatchString(path.Base(p.exe)) {
			say("high", "it is a shell, and whoever is at "+s.remote.String()+" types into it", "T1059.004")
			break
		}
	}
	irc := false
	for _, s := range p.sockets {
		switch {
		case s.proto == "tcp" && (s.state == "established" || s.state == "connecting") && ircPort(s.remote.Port()):
			irc = true
			level := "medium"
			if chats[path.Base(p.exe)] && owned {
				level = "low"
			}
			say(level, fmt.Sprintf("it is connected to %s, a port of IRC", s.remote), "T1071")
		case (s.proto == "raw" || s.proto == "packet") && known && !owned && !contained && p.exe != "" && !strings.HasPrefix(p.exe, "/usr/local/") && !strings.HasPrefix(p.exe, "/opt/"):
			say("high", "it reads the network below all programs ("+s.proto+" socket), and no package has it", "T1205.002")
		}
	}
	talks, listens := l.peers(p)
	if (levels[severity] >= levels["medium"] || odd) && (talks != "" || listens != "") && !irc {
		say(raise(severity, 1), strings.TrimPrefix(strings.TrimSuffix("it "+listens+" "+talks, " "), " "))
	} else if talks != "" && levels[severity] >= levels["medium"] {
		why = append(why, "it "+talks)
	}
	if irc && levels[severity] >= levels["high"] {
		severity = "critical"
	}
	if levels[severity] < levels["low"] {
		return
	}
	name := p.exe
	if name == "" {
		name = p.comm
	}
	t := Thing{Kind: KindProcess, Whose: l.account(p.uid), Severity: severity, Title: fmt.Sprintf("process %d of %s: %s", p.pid, l.account(p.uid), cron.Quote(clip(l.commandLine(p), 200))),
		Why: why, Attack: attack, Since: stamp(p.start), Evidence: l.processEvidence(p), Actions: []Action{{Do: DoStop, Target: strconv.Itoa(p.pid)}}}
	t.Files = append(t.Files, fmt.Sprintf("/proc/%d/exe", p.pid), fmt.Sprintf("/proc/%d/cmdline", p.pid))
	if script != "" && l.file(script) != nil {
		t.Files = append(t.Files, script)
	}
	if !p.deleted && !p.memory && !owned && p.exe != "" {
		t.Files = append(t.Files, p.exe)
	}
	l.add(t, name, strconv.FormatInt(p.uid, 10), script, first(p.argv))
}

// scriptGone reports a script that a process has open and that no name leads to any more.
func (l *looker) scriptGone(p *process, script string) bool {
	for _, g := range p.gone {
		if g == script+" (deleted)" {
			return true
		}
	}
	return false
}

// borrowed says whose name a process bears: its first word names a program of the
// system, and it is another that no package has. "" it bears its own.
func (l *looker) borrowed(p *process, owned bool) string {
	if owned || p.exe == "" || len(p.argv) == 0 || l.manager == "" || p.memory {
		return ""
	}
	name := first(strings.Fields(p.argv[0]))
	daemon, isDaemon := strings.CutSuffix(name, ":")
	if strings.HasPrefix(p.exe, "/usr/local/") || strings.HasPrefix(p.exe, "/opt/") || strings.HasPrefix(p.exe, "/snap/") || strings.HasPrefix(p.exe, "/nix/") {
		return "" // programs of one's own, and names in /usr/bin that lead there
	}
	switch {
	case isDaemon && path.Base(p.exe) != daemon && (daemon == "sshd" || daemon == "postgres" || daemon == "nginx" || daemon == "php-fpm"):
	case strings.HasPrefix(name, "/") && systemPlace(name) && !systemPlace(p.exe) && path.Base(name) != path.Base(p.exe):
	default:
		return ""
	}
	return "it calls itself " + cron.Quote(clip(p.argv[0], 80)) + ", and its program is " + cron.Quote(p.exe)
}

func first(words []string) string {
	if len(words) > 0 {
		return words[0]
	}
	return ""
}

// systemPlace reports places where only packages put programs.
func systemPlace(p string) bool {
	for _, d := range []string{"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/lib/", "/etc/", "/usr/share/", "/var/cache/", "/var/spool/", "/dev/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

func (l *looker) commandLine(p *process) string {
	if len(p.argv) == 0 {
		return p.comm
	}
	return strings.TrimRight(strings.Join(p.argv, " "), " ")
}

// quotedWords gives words as a shell would be given them, as far as one line of a
// script is judged.
func quotedWords(words []string) string {
	var b strings.Builder
	for _, w := range words {
		w = "'" + strings.ReplaceAll(w[:min(len(w), maxScriptLine)], "'", `'\''`) + "' "
		if b.Len()+len(w) > maxScriptLine {
			break
		}
		b.WriteString(w)
	}
	return b.String()
}

// peers says to whom a process talks, and where it listens.
func (l *looker) peers(p *process) (talks, listens string) {
	var to, at []string
	for _, s := range p.sockets {
		switch {
		case s.state == "listen":
			at = append(at, s.local.String())
		case s.state == "established" || s.state == "connecting":
			to = append(to, s.remote.String())
		}
	}
	slices.Sort(to)
	slices.Sort(at)
	to, at = slices.Compact(to), slices.Compact(at)
	join := func(word string, list []string) string {
		if len(list) == 0 {
			return ""
		}
		more := ""
		if len(list) > 6 {
			list, more = list[:6], fmt.Sprintf(" and %d more", len(list)-6)
		}
		return word + strings.Join(list, ", ") + more
	}
	return join("talks to ", to), join("listens on ", at)
}

// processEvidence is what /proc shows of a process.
func (l *looker) processEvidence(p *process) []facts.Evidence {
	at := fmt.Sprintf("/proc/%d", p.pid)
	exe := p.exe
	if p.deleted {
		exe += " (deleted)"
	}
	text := fmt.Sprintf("parent %d, uid %d, started %s", p.ppid, p.uid, stamp(p.start))
	if up := l.byPID[p.ppid]; up != nil {
		text += ", by " + cron.Quote(clip(l.commandLine(up), 80))
	}
	out := []facts.Evidence{{Path: at + "/exe", Text: "-> " + exe}, {Path: at + "/cwd", Text: "-> " + p.cwd}, {Path: at + "/stat", Text: text}}
	if sum := l.digests[at+"/exe"]; sum != "" {
		out[0].Text += ", sha256 " + sum
	}
	for i, s := range p.sockets {
		if i == 8 {
			break
		}
		if s.state == "established" || s.state == "connecting" || s.state == "listen" {
			out = append(out, facts.Evidence{Path: "/proc/net/" + s.proto, Text: fmt.Sprintf("%s %s -> %s", s.state, s.local, s.remote)})
		}
	}
	for _, g := range p.gone {
		if strings.Contains(g, "(deleted)") && len(out) < 16 {
			out = append(out, facts.Evidence{Path: at + "/fd", Text: "-> " + g})
		}
	}
	return out
}

// clip cuts a text at n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

package facts

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// sshDaemon is one running SSH server with what the facts need beyond the fact.
type sshDaemon struct {
	Daemon
	options []string // -o arguments
	ports   []int    // -p arguments
	lost    string   // why its arguments cannot be told; "" they can
	start   time.Time
	inetd   bool // -i: serves one connection
	// answered: it listens where we came in. doubt: why it may be another one
	// that answers.
	answered bool
	doubt    string
}

// maxDaemons bounds the servers that are looked at: each is worked out for every
// account, and whoever may run a program on the host may call it sshd.
const maxDaemons = 256

// servers are the lines of the running SSH servers, root's first where they are more
// than are looked at.
func (b *builder) servers(data []byte) []string {
	var all []string
	lines(data, func(line string) {
		_, kind, ok := strings.Cut(line, "\t")
		if ok && (kind == "sshd" || kind == "dropbear" || kind == "tinysshd") {
			all = append(all, line)
		}
	})
	if len(all) <= maxDaemons {
		return all
	}
	b.gap("daemons", snapshot.OutDaemons, fmt.Sprintf("there are %d servers, and no more than %d are looked at", len(all), maxDaemons))
	rank := make(map[string]int, len(all))
	for _, line := range all {
		pid, _, _ := strings.Cut(line, "\t")
		switch b.processUID("/proc/" + pid) {
		case 0:
		case -1:
			rank[line] = 1 // not seen: it may be anybody's
		default:
			rank[line] = 2
		}
	}
	slices.SortStableFunc(all, func(x, y string) int { return rank[x] - rank[y] })
	return all[:maxDaemons]
}

// daemons lists the running SSH servers.
func (b *builder) daemons() []sshDaemon {
	data, lacks := b.whole(snapshot.OutDaemons)
	b.hidden = lacks
	if b.snap.Output(snapshot.OutDaemons) == nil {
		b.unknown("daemons", lacks)
		return nil
	}
	if id, _ := b.identity(); b.hidden == "" && id["pid1"] == "" {
		// hidepid= (proc_pid(5)) shows a plain account its own processes only.
		b.hidden = "the processes of others are hidden from " + b.snap.Account
	}
	if b.hidden != "" {
		b.gap("daemons", snapshot.OutDaemons, b.hidden)
	}
	listeners, why := b.listeners()
	var out []sshDaemon
	for _, line := range b.servers(data) {
		pid, kind, _ := strings.Cut(line, "\t")
		d := sshDaemon{Daemon: Daemon{Kind: kind, UID: -1}}
		d.PID, _ = strconv.ParseInt(pid, 10, 64)
		proc := "/proc/" + pid
		if b.defunct(proc) {
			continue // it has ended: nobody fetched its exit code
		}
		d.UID = b.processUID(proc)
		d.start = b.processStart(proc)
		if f := b.fs.lookup(proc + "/exe"); f != nil {
			d.Exe, d.Replaced = strings.CutSuffix(f.Target, " (deleted)")
		}
		cmdline, ok := b.fs.read(proc + "/cmdline")
		d.arguments(string(cmdline))
		if !ok {
			d.lost = "its command line was not read"
			if why := b.why(proc + "/cmdline"); why != "" {
				d.lost = "its command line: " + why
			}
		}
		for _, f := range b.fs.entries(proc + "/fd") {
			if inode, ok := strings.CutPrefix(f.Target, "socket:["); ok {
				if l, ok := listeners[strings.TrimSuffix(inode, "]")]; ok {
					d.Listens = append(d.Listens, l)
				}
			}
		}
		sort.Strings(d.Listens)
		d.asked(b)
		d.Evidence = []Evidence{{Text: strings.Join(d.Args, " "), Witness: fmt.Sprintf("process %d of uid %d", d.PID, d.UID)}}
		out = append(out, d)
	}
	if why != "" {
		b.gap("daemons", "/proc/net/tcp", why)
	}
	b.gaps("daemons", "daemons")
	b.primary(out)
	replaced, noExe := false, ""
	for i := range out {
		d := &out[i]
		if d.UID < 0 {
			b.gap("daemons", fmt.Sprintf("/proc/%d", d.PID), "whose process that is was not seen")
			continue
		}
		replaced = replaced || d.Replaced
		if d.Exe == "" {
			noExe = fmt.Sprintf("the executable of process %d was not seen", d.PID)
		}
		b.f.Daemons = append(b.f.Daemons, d.Daemon)
	}
	if noExe != "" && !replaced {
		b.unknown("daemons[].replaced", noExe)
	}
	return out
}

// asked says whether sshd -T was run for the daemon, and why not.
func (d *sshDaemon) asked(b *builder) {
	if d.Kind != "sshd" {
		d.Reason = d.Kind + " has no sshd -T"
		return
	}
	name := snapshot.OutSshdT + strconv.FormatInt(d.PID, 10)
	if b.snap.Output(name) != nil {
		d.Asked = true
		return
	}
	if d.Reason = b.why(name); d.Reason == "" {
		d.Reason = "the collector did not ask it"
	}
}

// primary marks the daemon that answers logins: the one that listens on the
// address and port that we came by, else root's own on the first port. Where
// several are as likely, none is certain.
func (b *builder) primary(ds []sshDaemon) {
	id, _ := b.identity()
	host, port := "", ""
	if f := strings.Fields(id["connection"]); len(f) == 4 {
		host, port = f[2], f[3]
	}
	best, rank := -1, 0
	var rivals []int
	for i := range ds {
		d := &ds[i]
		if d.inetd {
			continue
		}
		r := 1
		if d.UID == 0 {
			r = 2
		}
		for _, l := range d.Listens {
			at, p, err := net.SplitHostPort(l)
			switch {
			case err != nil:
			case port != "" && p == port && at == host:
				r = 5
			case port != "" && p == port && (at == "0.0.0.0" || at == "::"):
				r = max(r, 4)
			case p == "22" && d.UID == 0:
				r = max(r, 3)
			}
		}
		d.answered = r >= 4
		switch {
		case r > rank:
			best, rank, rivals = i, r, nil
		case r == rank:
			rivals = append(rivals, i)
		}
	}
	if best < 0 {
		return
	}
	ds[best].Primary = true
	for _, i := range rivals {
		if !slices.Equal(ds[i].Args, ds[best].Args) || ds[i].Kind != ds[best].Kind {
			ds[best].doubt = fmt.Sprintf("which of %d servers answers is not known", len(rivals)+1)
		}
	}
}

// arguments reads a daemon's command line: words ended by NUL, or what
// setproctitle left of them: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups".
func (d *sshDaemon) arguments(cmdline string) {
	cmdline = strings.TrimRight(cmdline, "\x00")
	if title, ok := strings.CutPrefix(cmdline, "sshd: "); ok {
		title, _, _ = strings.Cut(title, " [listener]")
		d.Args = strings.Fields(title)
	} else if cmdline != "" {
		d.Args = strings.Split(cmdline, "\x00")
	}
	if d.Kind != "sshd" {
		return
	}
	args := d.Args
	for i := 1; i < len(args); i++ {
		w, ok := strings.CutPrefix(args[i], "-")
		if !ok || w == "" {
			d.lost = "its arguments hold blanks and cannot be told apart"
			return
		}
		for w != "" {
			opt := w[0]
			w = w[1:]
			if strings.IndexByte("CEbcfghkopuU", opt) < 0 {
				d.inetd = d.inetd || opt == 'i'
				continue
			}
			value := w
			w = ""
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			switch opt {
			case 'f':
				d.Config = value
			case 'o':
				d.options = append(d.options, value)
			case 'p':
				if n, err := strconv.Atoi(value); err == nil {
					d.ports = append(d.ports, n)
				}
			}
		}
	}
}

// defunct reports whether a process has ended and waits for its parent
// (proc_pid_stat(5): state Z or X).
func (b *builder) defunct(proc string) bool {
	data, _ := b.fs.read(proc + "/stat")
	rest := string(data[bytes.LastIndexByte(data, ')')+1:])
	f := strings.Fields(rest)
	return len(f) > 0 && (f[0] == "Z" || f[0] == "X")
}

// processUID is the real uid of a process, -1 where it was not seen.
func (b *builder) processUID(proc string) int64 {
	data, _ := b.fs.read(proc + "/status")
	uid := int64(-1)
	lines(data, func(line string) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
					uid = n
				}
			}
		}
	})
	return uid
}

// processStart is when a process started (proc(5): field 22 of stat, in clock
// ticks since boot); zero where it was not seen.
func (b *builder) processStart(proc string) time.Time {
	data, _ := b.fs.read(proc + "/stat")
	text := string(data)
	// The command in brackets may hold any byte; the last bracket ends it.
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	id, _ := b.identity()
	boot, err1 := strconv.ParseInt(id["btime"], 10, 64)
	hz, err2 := strconv.ParseInt(id["clk_tck"], 10, 64)
	if len(f) < 20 || err1 != nil || err2 != nil || hz <= 0 {
		return time.Time{}
	}
	ticks, err := strconv.ParseInt(f[19], 10, 64)
	if err != nil || ticks < 0 || boot < 0 || boot > 1<<37 || ticks/hz > 1<<37 { // in years that a report can hold
		return time.Time{}
	}
	return time.Unix(boot+ticks/hz, (ticks%hz)*int64(time.Second)/hz).UTC()
}

// listeners maps the inode of each listening TCP socket to address:port
// (proc_pid_net(5); state 0A).
func (b *builder) listeners() (map[string]string, string) {
	out := map[string]string{}
	seen := false
	for _, p := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, ok := b.fs.read(p)
		seen = seen || ok
		lines(data, func(line string) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" {
				return
			}
			if a := hexAddress(f[1]); a != "" {
				out[f[9]] = a
			}
		})
	}
	if !seen {
		if r := b.why("/proc/net/tcp"); r != "" {
			return out, r
		}
		return out, "the listening sockets were not seen"
	}
	return out, ""
}

// hexAddress reads "0100007F:0016" (32-bit words in the host's byte order, taken
// as little-endian; port big-endian).
func hexAddress(s string) string {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(raw)%4 != 0 {
		return ""
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return ""
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)).String()
}

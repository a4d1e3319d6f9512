package facts

import (
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// schedulers finds out which daemon reads the tables here.
func (b *builder) schedulers() {
	kinds := map[string]bool{}
	var started []string // the arguments of the daemon that runs
	data, missing := b.output(snapshot.OutDaemons)
	lines(data, func(line string) {
		// Any account may call a process of its own cron; atd gives up root's uid.
		pid, kind, ok := strings.Cut(line, "\t")
		if kind = strings.TrimSpace(kind); !ok || b.processUID("/proc/"+pid) > 0 && kind != "atd" {
			return
		}
		kinds[kind] = true
		if cmdline, ok := b.fs.read("/proc/" + pid + "/cmdline"); ok && len(cmdline) > 0 && (kind == "cron" || kind == "crond") {
			started = strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")[1:]
		}
	})
	_, version := b.installed("cron")
	switch {
	case b.has("systemd-cron"):
		b.in.daemon = cron.SystemdCron
	case b.has("cronie"):
		b.in.daemon, _ = cron.Cronie, version
		_, version = b.installed("cronie")
	case version != "":
		b.in.daemon = cron.Debian
	case b.has("dcron"):
		b.in.daemon = cron.Dcron
	case kinds["busybox-crond"] || b.f.Host.OS == "alpine":
		b.in.daemon = cron.Busybox
	default:
		switch b.f.Host.OS {
		case "rhel", "centos", "fedora", "rocky", "almalinux", "ol", "amzn", "arch", "opensuse-leap", "opensuse-tumbleweed", "sles":
			b.in.daemon = cron.Cronie
		}
	}
	b.in.daemonVersion = version
	if started == nil { // none was seen: as it would be started
		started = b.startArguments()
	}
	b.in.cronFlags = cron.ParseFlags(b.in.daemon, started)
	for _, k := range []string{"cron", "crond", "busybox-crond", "anacron", "atd", "systemd-cron"} {
		if kinds[k] {
			b.f.Host.Cron = append(b.f.Host.Cron, k)
		}
	}
	known := version != "" || b.has("systemd-cron") || b.has("dcron") || kinds["cron"] || kinds["crond"] || kinds["busybox-crond"]
	b.crontab(known, missing)
	if missing != "" {
		b.unknown("host.cron", missing)
		return
	}
	// A scheduler that is known not to run makes every one of its jobs dormant.
	switch {
	case kinds["cron"] || kinds["crond"] || kinds["busybox-crond"] || kinds["bcron-start"] || b.in.daemon == cron.SystemdCron:
		b.in.cronRuns = yes
	case b.hidden != "":
		b.unknown("host.cron", b.hidden)
	default:
		b.in.cronRuns = no
	}
}

// startArguments are what the packages' files add to the command line of cron.
func (b *builder) startArguments() []string {
	p, name := "/etc/default/cron", "EXTRA_OPTS="
	if b.in.daemon == cron.Cronie {
		p, name = "/etc/sysconfig/crond", "CRONDARGS="
	}
	data, _ := b.fs.read(p)
	var out []string
	lines(data, func(line string) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name); ok {
			out = strings.Fields(strings.NewReplacer(`"`, " ", "'", " ").Replace(value)) // the last one counts
		}
	})
	return out
}

// crontab says who may give himself a table (crontab(1)): where cron.allow is, whom
// it names; else all but whom cron.deny names; with neither, everybody on Debian and
// root alone with cronie.
func (b *builder) crontab(known bool, missing string) {
	const fact = "host.crontab"
	h := &b.f.Host
	if !known {
		if _, lacks := b.whole(snapshot.OutPackages); missing == "" {
			missing = lacks
		}
		if h.Crontab = "none"; missing != "" {
			b.unknown(fact, missing)
		}
		return
	}
	var bare string
	switch b.in.daemon {
	case cron.Debian, cron.SystemdCron:
		bare = "everybody"
	case cron.Cronie:
		bare = "root"
	default:
		b.unknown(fact, "whom crontab(1) of this scheduler obeys is not known")
		return
	}
	for _, l := range []struct{ path, word string }{{"/etc/cron.allow", "allow-list"}, {"/etc/cron.deny", "deny-list"}} {
		f := b.fs.resolve(l.path)
		if f == nil && b.absent(l.path) {
			continue
		}
		if h.Crontab = l.word; f == nil {
			why := b.why(l.path)
			if why == "" {
				why = l.path + " was not read"
			}
			b.unknown(fact, why)
			return
		}
		b.f.Origin[fact] = []Evidence{{Path: l.path, Text: "it is there"}}
		if data, ok := b.fs.read(l.path); ok && l.word == "deny-list" && strings.TrimSpace(string(data)) == "" {
			h.Crontab = "everybody" // it shuts out nobody
			b.f.Origin[fact] = []Evidence{{Path: l.path, Text: "it is empty"}}
		}
		return
	}
	h.Crontab = bare
	b.f.Origin[fact] = []Evidence{{Text: "neither /etc/cron.allow nor /etc/cron.deny is there"}}
}

func (b *builder) has(pkg string) bool {
	_, v := b.installed(pkg)
	return v != ""
}

// state is an answer that may be missing.
type state uint8

const (
	maybe state = iota
	no
	yes
)

// look tells what the snapshot knows of a path.
func (b *builder) look(p string) cron.FileInfo {
	info := cron.FileInfo{UID: -1, GID: -1}
	f, whole := b.fs.follow(p)
	if f == nil {
		if whole && b.absent(p) {
			info.Known = true
		}
		return info
	}
	if f.Type == 'l' { // the link's end is not in the snapshot
		return info
	}
	info.Known, info.Exists = true, true
	info.Type, info.Mode, info.UID, info.GID = f.Type, f.Mode, f.UID, f.GID
	info.Head = f.Content
	if len(info.Head) > 512 {
		info.Head = info.Head[:512]
	}
	return info
}

// absent reports whether the collector looked for a path and did not find it:
// it was asked for by name, or a directory above it does not exist.
func (b *builder) absent(p string) bool {
	return b.absentWithin(p, b.fs.allow())
}

func (b *builder) absentWithin(p string, left *steps) bool {
	if len(p) > maxPath || !left.take(strings.Count(p, "/")) || b.why(p) != "" {
		return false
	}
	if f := b.fs.lookup(p); f != nil {
		return f.Type == 'l' && f.Real == "" // it leads nowhere
	}
	if b.fs.asked[p] {
		return true
	}
	for d := above(path.Clean(p)); d != "/"; d = above(d) {
		if !left.one() || b.fs.lookup(d) != nil {
			return false
		}
		if b.fs.asked[d] {
			return true
		}
	}
	return false
}

// writers says in words who beside root and the job's user may change what lies
// at p: the file itself, or by a directory above it. known is false where owner
// or mode of something on the way was not seen.
func (b *builder) writers(p string, uid int64) (who string, known bool) {
	known = true
	left := b.fs.allow()
	for range maxLinks {
		if len(p) > maxPath {
			return "", false
		}
		who, link, sure := b.onWay(p, uid, left)
		known = known && sure
		if who != "" {
			return who, true
		}
		if link == nil {
			return "", known
		}
		// The way goes on where the link leads.
		target := link.Real
		if target == "" {
			target = join(path.Dir(link.Path), link.Target)
		}
		next := path.Clean(target + strings.TrimPrefix(p, link.Path))
		if path.Dir(link.Path) == "/" && link.UID == 0 && b.fs.lookup(next) == nil {
			// /bin, /sbin and /lib lead into /usr where that was merged; what lies
			// there was looked at by the shorter name.
			return "", known
		}
		p = next
	}
	return "", false
}

// onWay judges one path as it is written, from its end up to the root. link is
// the topmost link on it.
func (b *builder) onWay(p string, uid int64, left *steps) (who string, link *snapshot.File, known bool) {
	known = true
	decides := true // a sticky directory protects what is in it, not what is not there yet
	for at := p; ; at = path.Dir(at) {
		f := b.fs.lookup(at)
		switch {
		case !left.one():
			return "", nil, false
		case f == nil && b.absentWithin(at, left):
			// What does not exist is made by whoever may write the directory above.
		case f == nil && b.throughLink(at, left):
		case f == nil || f.UID < 0:
			known, decides = false, false
		case f.Type == 'l':
			link, decides = f, false
		default:
			w, sure := b.writer(f, uid, decides)
			if w != "" {
				if at != p {
					w += " (" + at + ")"
				}
				return w, nil, true
			}
			known, decides = known && sure, false
		}
		if at == "/" || at == "." || at == "" {
			return "", link, known
		}
	}
}

// throughLink reports whether a directory above p is a link.
func (b *builder) throughLink(p string, left *steps) bool {
	_, ok, _ := b.fs.throughParent(p, left)
	return ok
}

// writer says who beside root and uid may write f itself; a uid of -1 is an
// account of which nothing is known. sure is false where nobody was found, but
// somebody may be there.
func (b *builder) writer(f *snapshot.File, uid int64, leaf bool) (who string, sure bool) {
	if f.UID != 0 && f.UID != uid {
		if uid < 0 {
			return "", false
		}
		return "account " + b.userName(f.UID) + ", its owner", true
	}
	// In a sticky directory others may add names, but not replace the one that is there.
	if f.Type == 'd' && !leaf && f.Mode&0o1000 != 0 {
		return "", true
	}
	if f.Mode&0o002 != 0 {
		return "every account", true
	}
	if f.Mode&0o020 != 0 && f.GID != 0 {
		switch b.othersIn(f.GID, b.userName(uid)) {
		case yes:
			return "group " + b.groupName(f.GID), true
		case maybe:
			return "", false
		}
	}
	return "", true
}

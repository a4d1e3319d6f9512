package facts_test

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// host is a snapshot in the making.
type host struct {
	s     snapshot.Snapshot
	files map[string]snapshot.File
	outs  map[string]snapshot.Output
}

var booted = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// plainHost is a Debian host as the collector shows it to root: sshd of its own
// on port 22, root and alice, cron, and nothing unusual.
func plainHost() *host {
	h := &host{files: map[string]snapshot.File{}, outs: map[string]snapshot.Output{}}
	h.s = snapshot.Snapshot{Source: snapshot.SourceSSH, Privilege: snapshot.PrivilegeRoot, Name: "h", Account: "root",
		Start: now, End: now, HostClock: now, Complete: true}
	for _, d := range []string{"/", "/etc", "/etc/ssh", "/etc/ssh/sshd_config.d", "/etc/pam.d", "/etc/cron.d", "/etc/cron.daily", "/root", "/root/.ssh",
		"/home", "/var", "/var/spool", "/var/spool/cron", "/usr", "/usr/sbin", "/usr/local", "/usr/local/sbin", "/bin"} {
		h.dir(d, 0o755, 0, 0)
	}
	h.dir("/var/spool/cron/crontabs", 0o1730, 0, 105)
	h.dir("/tmp", 0o1777, 0, 0)
	h.dir("/home/alice", 0o755, 1000, 1000).dir("/home/alice/.ssh", 0o700, 1000, 1000)
	h.file("/bin/bash", "\x7fELF", 0o755, 0, 0).file("/usr/sbin/nologin", "\x7fELF", 0o755, 0, 0)
	h.text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nalice:x:1000:1000::/home/alice:/bin/bash\n")
	h.text("/etc/group", "root:x:0:\ndaemon:x:1:\ncrontab:x:105:\nalice:x:1000:\nstaff:x:50:\n")
	h.text("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\nshadow: files\n")
	h.text("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
	h.text("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n")
	h.text("/etc/pam.d/sshd", "auth required pam_unix.so\naccount required pam_unix.so\n")
	h.text("/etc/crontab", "17 * * * * root /usr/local/sbin/job\n")
	h.file("/usr/local/sbin/job", "#!/bin/sh\n", 0o755, 0, 0)
	for _, k := range []string{"rsa", "ecdsa", "ed25519"} {
		h.meta("/etc/ssh/ssh_host_"+k+"_key", 'f', 0o600, 0, 0)
		h.text("/etc/ssh/ssh_host_"+k+"_key.pub", "ssh-x AAAA\n")
	}
	h.out(snapshot.OutTargets, "/usr/local/sbin/job\x00")
	h.out(snapshot.OutIdentity, "uid=0\nuser=root\nhostname=h\nboot-id=b1\nclk_tck=100\nbtime="+fmt.Sprint(booted.Unix())+"\npid1=init\nconnection=10.0.0.9 50000 10.0.0.1 22\n")
	h.out(snapshot.OutShadow, "root:hash:yescrypt:20000:0:99999:7::\ndaemon:star::20000:0:99999:7::\nalice:hash:yescrypt:20000:0:99999:7::\n")
	h.out(snapshot.OutPackages, "dpkg\topenssh-server\t1:9.2p1-2+deb12u3\ndpkg\tcron\t3.0pl1-162\n")
	h.out(snapshot.OutPrivateKeys, "")
	h.out(snapshot.OutModuli, "sha256 aa\n10 3072\n10 4096\n")
	h.out(snapshot.OutSshdLog, "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n")
	h.out(snapshot.OutDaemons, "650\tcron\n700\tsshd\n")
	h.out(snapshot.OutSshdVersion+"700", "OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.11\n")
	h.text("/proc/net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"+
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7001 1 0 100 0 0 10 0\n")
	h.daemon(700, "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", 0, "7001")
	capture, _ := json.Marshal(wire.Capture{Server: []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), Methods: []string{"publickey"}, User: "root"})
	h.out(snapshot.OutWire, string(capture))
	return h
}

func (h *host) set(f snapshot.File) *host {
	if f.MTime.IsZero() {
		f.MTime = booted.Add(-time.Hour)
	}
	if f.Links == 0 {
		f.Links = 1
	}
	h.files[f.Path] = f
	return h
}

func (h *host) meta(p string, typ byte, mode uint32, uid, gid int64) *host {
	return h.set(snapshot.File{Path: p, Type: typ, Mode: mode, UID: uid, GID: gid})
}

func (h *host) dir(p string, mode uint32, uid, gid int64) *host {
	return h.meta(p, 'd', mode, uid, gid)
}

func (h *host) file(p, content string, mode uint32, uid, gid int64) *host {
	return h.set(snapshot.File{Path: p, Type: 'f', Mode: mode, UID: uid, GID: gid, Size: int64(len(content)), Content: append([]byte{}, content...)})
}

// text is a file of root's, as most are.
func (h *host) text(p, content string) *host { return h.file(p, content, 0o644, 0, 0) }

func (h *host) link(p, target, real string) *host {
	return h.set(snapshot.File{Path: p, Type: 'l', Mode: 0o777, Target: target, Real: real})
}

func (h *host) change(p string, change func(*snapshot.File)) *host {
	f := h.files[p]
	f.Path = p
	change(&f)
	return h.set(f)
}

func (h *host) out(name, data string) *host {
	h.outs[name] = snapshot.Output{Name: name, Data: []byte(data)}
	return h
}

func (h *host) gap(p string, kind snapshot.GapKind, reason string) *host {
	h.s.Gaps = append(h.s.Gaps, snapshot.Gap{Path: p, Kind: kind, Reason: reason})
	return h
}

// drop takes names and outputs away, with all below them.
func (h *host) drop(names ...string) *host {
	for _, n := range names {
		delete(h.outs, n)
		for p := range h.files {
			if p == n || strings.HasPrefix(p, strings.TrimSuffix(n, "/")+"/") {
				delete(h.files, p)
			}
		}
	}
	return h
}

// denied takes names away and says that they may not be read.
func (h *host) denied(names ...string) *host {
	for _, n := range names {
		h.drop(n).gap(n, snapshot.GapDenied, "no permission to read it")
	}
	return h
}

// daemon is a process with what the collector brings of it.
func (h *host) daemon(pid int, exe, cmdline string, uid int, inodes ...string) *host {
	p := "/proc/" + fmt.Sprint(pid)
	put := func(name, content string) {
		h.set(snapshot.File{Path: p + "/" + name, UID: -1, GID: -1, Content: []byte(content)})
	}
	put("cmdline", cmdline)
	put("status", fmt.Sprintf("Name:\t%s\nUid:\t%d\t%d\t%d\t%d\n", path.Base(exe), uid, uid, uid, uid))
	put("stat", fmt.Sprintf("%d (%s) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6000 0 0", pid, path.Base(exe)))
	h.set(snapshot.File{Path: p + "/exe", Type: 'l', UID: -1, GID: -1, Target: exe})
	for i, inode := range inodes {
		h.set(snapshot.File{Path: fmt.Sprintf("%s/fd/%d", p, i+3), Type: 'l', UID: -1, GID: -1, Target: "socket:[" + inode + "]"})
	}
	return h
}

func (h *host) identity(key, value string) *host {
	var out strings.Builder
	for line := range strings.Lines(string(h.outs[snapshot.OutIdentity].Data)) {
		if k, _, _ := strings.Cut(line, "="); k != key {
			out.WriteString(line)
		}
	}
	return h.out(snapshot.OutIdentity, out.String()+key+"="+value+"\n")
}

func (h *host) snapshot() *snapshot.Snapshot {
	s := h.s
	for _, p := range sorted(h.files) {
		s.Files = append(s.Files, h.files[p])
	}
	for _, n := range sorted(h.outs) {
		s.Outputs = append(s.Outputs, h.outs[n])
	}
	return &s
}

func (h *host) facts(expect ...facts.Expectation) *facts.Facts {
	return facts.From(h.snapshot(), facts.Options{Now: now, Name: "h", Expect: expect})
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// known fails the test where a fact is not known.
func known(t *testing.T, f *facts.Facts, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if why, ok := reasonFor(f, p); ok {
			t.Errorf("%s is not known: %s", p, why)
		}
	}
}

// notKnown fails the test where a fact is claimed to be known.
func notKnown(t *testing.T, f *facts.Facts, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, ok := reasonFor(f, p); !ok && len(f.Gaps[p]) == 0 {
			t.Errorf("%s is claimed to be known", p)
		}
	}
}

func reasonFor(f *facts.Facts, p string) (string, bool) {
	for {
		if why, ok := f.Unknown[p]; ok {
			return why, true
		}
		i := strings.LastIndexByte(p, '.')
		if i < 0 {
			return "", false
		}
		p = p[:i]
	}
}

package fix_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/policies"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var booted = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// key is a public key of its own for each name.
func key(name string) string {
	point := sha256.Sum256([]byte(name))
	blob := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), point[:]...)
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob) + " " + name
}

func fingerprint(name string) string {
	blob, _ := base64.StdEncoding.DecodeString(strings.Fields(key(name))[1])
	s := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(s[:])
}

// world is a host in the making: Debian 12 as its installer leaves it, with alice,
// who may use sudo and has a key, and bob, who has a password alone. postern came as
// alice from 10.0.0.9.
type world struct {
	files map[string]snapshot.File
	outs  map[string]string
	host  inventory.Host
	in    fix.Input
	tree  bool // it was read as a folder

	rights snapshot.Privilege // with which it was read; "" sudo's
}

const stock = `Include /etc/ssh/sshd_config.d/*.conf

#Port 22
#PermitRootLogin prohibit-password
#PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
Subsystem sftp /usr/lib/openssh/sftp-server
`

func newWorld() *world {
	w := &world{files: map[string]snapshot.File{}, outs: map[string]string{}, host: inventory.Host{Name: "h"}}
	for _, d := range []string{"/", "/etc", "/etc/ssh", "/etc/ssh/sshd_config.d", "/etc/pam.d", "/etc/cron.d", "/etc/cron.daily", "/home", "/var", "/var/spool",
		"/var/spool/cron", "/usr", "/usr/sbin", "/usr/local", "/usr/local/sbin", "/usr/lib", "/bin", "/root"} {
		w.put(d, 'd', 0o755, 0, 0, "")
	}
	w.put("/var/spool/cron/crontabs", 'd', 0o1730, 0, 105, "")
	for _, u := range []struct {
		name string
		id   int64
	}{{"alice", 1000}, {"bob", 1001}} {
		w.put("/home/"+u.name, 'd', 0o755, u.id, u.id, "")
		w.put("/home/"+u.name+"/.ssh", 'd', 0o700, u.id, u.id, "")
	}
	w.put("/home/alice/.ssh/authorized_keys", 'f', 0o600, 1000, 1000, key("alice")+"\n")
	w.put("/root/.ssh", 'd', 0o700, 0, 0, "").put("/root/.ssh/authorized_keys", 'f', 0o600, 0, 0, key("root")+"\n")
	w.put("/bin/bash", 'f', 0o755, 0, 0, "\x7fELF").put("/usr/sbin/nologin", 'f', 0o755, 0, 0, "\x7fELF")
	w.text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nalice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n")
	w.text("/etc/group", "root:x:0:\ndaemon:x:1:\ncrontab:x:105:\nsudo:x:27:alice\nalice:x:1000:\nbob:x:1001:\nops:x:1100:\n")
	w.text("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\nshadow: files\n")
	w.text("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
	w.text("/etc/ssh/sshd_config", stock)
	w.text("/etc/pam.d/sshd", "auth required pam_unix.so\naccount required pam_unix.so\n")
	w.text("/etc/crontab", "SHELL=/bin/sh\n17 * * * * root /usr/local/sbin/job\n")
	w.put("/usr/local/sbin/job", 'f', 0o755, 0, 0, "#!/bin/sh\n")
	for _, k := range []string{"rsa", "ecdsa", "ed25519"} {
		f := snapshot.File{Path: "/etc/ssh/ssh_host_" + k + "_key", Type: 'f', Mode: 0o600, Links: 1, MTime: booted.Add(-time.Hour)}
		w.files[f.Path] = f
		w.text(f.Path+".pub", "ssh-x AAAA\n")
	}
	w.outs[snapshot.OutTargets] = "/usr/local/sbin/job\x00"
	w.outs[snapshot.OutIdentity] = fmt.Sprintf("uid=0\nuser=root\nhostname=h\nboot-id=b1\nclk_tck=100\nbtime=%d\npid1=init\nconnection=10.0.0.9 50000 10.0.0.1 22\n", booted.Unix())
	w.outs[snapshot.OutShadow] = "root:hash:yescrypt:20000:0:99999:7::\ndaemon:star::20000:0:99999:7::\nalice:star::20000:0:99999:7::\nbob:hash:yescrypt:20000:0:99999:7::\n"
	w.outs[snapshot.OutPackages] = "dpkg\topenssh-server\t1:9.2p1-2+deb12u3\ndpkg\tcron\t3.0pl1-162\n"
	w.outs[snapshot.OutModuli] = "sha256 aa\n10 3072\n10 4096\n"
	w.outs[snapshot.OutSshdLog] = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n" +
		"2026-11-20T08:00:00+0000 h sshd[901]: Accepted password for bob from 192.0.2.7 port 4022 ssh2\n"
	w.outs[snapshot.OutDaemons] = "650\tcron\n700\tsshd\n"
	w.release("9.2")
	w.text("/proc/net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"+
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7001 1 0 100 0 0 10 0\n")
	w.process(700, "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "7001")
	w.process(650, "/usr/sbin/cron", "/usr/sbin/cron -f", "")
	return w
}

func (w *world) put(p string, typ byte, mode uint32, uid, gid int64, content string) *world {
	f := snapshot.File{Path: p, Type: typ, Mode: mode, UID: uid, GID: gid, Links: 1, MTime: booted.Add(-time.Hour)}
	if typ == 'f' {
		f.Content, f.Size = []byte(content), int64(len(content))
	}
	w.files[p] = f
	return w
}

func (w *world) text(p, content string) *world { return w.put(p, 'f', 0o644, 0, 0, content) }

func (w *world) config(content string) *world { return w.text("/etc/ssh/sshd_config", content) }

// edited is a configuration that somebody wrote after the daemon had read its own.
func (w *world) edited(content string) *world {
	w.config(content)
	f := w.files["/etc/ssh/sshd_config"]
	f.MTime, f.CTime = now.Add(-time.Hour), now.Add(-time.Hour)
	w.files[f.Path] = f
	return w
}

func (w *world) release(v string) *world {
	w.outs[snapshot.OutSshdVersion+"700"] = "OpenSSH_" + v + "p1 Debian-1, OpenSSL 3.0.11\n"
	return w
}

func (w *world) process(pid int, exe, cmdline, inode string) {
	proc := fmt.Sprintf("/proc/%d", pid)
	w.put(proc, 'd', 0o555, 0, 0, "")
	w.files[proc+"/exe"] = snapshot.File{Path: proc + "/exe", Type: 'l', Target: exe, Links: 1}
	w.text(proc+"/cmdline", cmdline+"\x00")
	w.text(proc+"/stat", fmt.Sprintf("%d (%s) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6000 0 0", pid, path.Base(exe)))
	w.text(proc+"/status", "Uid:\t0\t0\t0\t0\n")
	if inode != "" {
		w.files[proc+"/fd/3"] = snapshot.File{Path: proc + "/fd/3", Type: 'l', Target: "socket:[" + inode + "]", Links: 1}
	}
}

func (w *world) snapshot() *snapshot.Snapshot {
	s := &snapshot.Snapshot{Source: snapshot.SourceSSH, Privilege: snapshot.PrivilegeSudo, Name: "h", Account: "alice", Start: now, End: now, HostClock: now, Complete: true}
	if w.rights != "" {
		s.Privilege = w.rights
	}
	if w.tree {
		s.Source, s.Account = snapshot.SourceRoot, ""
	}
	for _, f := range w.files {
		s.Files = append(s.Files, f)
	}
	slices.SortFunc(s.Files, func(a, b snapshot.File) int { return strings.Compare(a.Path, b.Path) })
	for name, data := range w.outs {
		s.Put(snapshot.Output{Name: name, Data: []byte(data)})
	}
	return s
}

// plan makes the plan for the rules.
func (w *world) plan(t teller, only ...string) fix.Host {
	t.Helper()
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatalf("%v", err)
	}
	cat, err = cat.Choose(policies.Choice{Only: only})
	if err != nil {
		t.Fatalf("%v", err)
	}
	in := w.in
	in.Host, in.Snapshot, in.Now = w.host, w.snapshot(), now
	if len(only) > 0 {
		in.Named = only
	}
	in.Judge = func(f *facts.Facts) []policies.Outcome {
		var allow []policies.CarveOut
		for _, a := range w.host.Allow {
			allow = append(allow, policies.CarveOut{Owner: a.Owner, Reason: a.Reason, Expires: a.Expires, Written: a.Pos.String()})
		}
		out, _ := cat.Judge(f, policies.JudgeOptions{Host: "h", Now: now, Allow: allow})
		return out
	}
	return fix.Make(in)
}

// planAll makes the plan for every rule, none of them named.
func (w *world) planAll(t teller) fix.Host {
	t.Helper()
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatalf("%v", err)
	}
	in := w.in
	in.Host, in.Snapshot, in.Now = w.host, w.snapshot(), now
	in.Judge = func(f *facts.Facts) []policies.Outcome {
		out, _ := cat.Judge(f, policies.JudgeOptions{Host: "h", Now: now})
		return out
	}
	return fix.Make(in)
}

// change finds the change of a file.
func change(t testing.TB, h fix.Host, file string) fix.Change {
	t.Helper()
	for _, c := range h.Changes {
		if c.Before.Path == file {
			return c
		}
	}
	t.Fatalf("no change of %s: %s", file, tell(h))
	return fix.Change{}
}

func tell(h fix.Host) string {
	var b strings.Builder
	if err := (&fix.Text{W: &b, Width: 100}).Write(&fix.Plan{Hosts: []fix.Host{h}}); err != nil {
		return err.Error()
	}
	return b.String()
}

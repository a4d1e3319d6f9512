//go:build linux

package e2e_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/inventory"
)

// writing is every system call that can change something outside of a process,
// beside what open is asked for. Unknown names would stop strace ("?": a name
// that this machine's architecture need not have).
const writing = "trace=?open,openat,?openat2,?creat,?unlink,unlinkat,?rename,renameat,renameat2,?mkdir,mkdirat,?rmdir,?mknod,mknodat," +
	"?link,linkat,?symlink,symlinkat,?chmod,fchmod,fchmodat,?fchmodat2,?chown,fchown,?lchown,fchownat," +
	"?utime,?utimes,?futimesat,utimensat,truncate,ftruncate,fallocate,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr," +
	"mount,umount2,pivot_root,chroot,swapon,swapoff,reboot,sethostname,setdomainname,settimeofday,?clock_settime,adjtimex,init_module,?finit_module,delete_module," +
	"kill,tkill,tgkill,?pidfd_send_signal,ptrace,write,writev,pwrite64,pwritev,?pwritev2,sendfile,splice,?copy_file_range,sendto,sendmsg,?sendmmsg,connect,bind,mmap," +
	"fork,vfork,clone,?clone3,execve,execveat"

// call is one line of strace -f -y: "PID name(arguments) = result".
var call = regexp.MustCompile(`^(\d+) +(?:<\.\.\. )?([a-z0-9_]+)(?: resumed>|\()(.*)$`)

// TestCollectorWritesNothing follows every process of the collector, run over
// SSH as root, and holds each call that can write to a list of what it may be
// for: pipes to each other and to sshd, and /dev/null.
func TestCollectorWritesNothing(t *testing.T) {
	e2e.NeedHosts(t)
	for _, release := range e2e.Releases {
		t.Run(string(release), func(t *testing.T) {
			t.Parallel()
			h := e2e.Start(t, e2e.Spec{Release: release, Accounts: true, SSHD: sourcesSSHD, Setup: sourcesSetup})
			a := h.Accounts()
			for _, way := range []struct {
				as   e2e.Account
				sudo inventory.Sudo
			}{{a.Root, inventory.SudoAuto}, {a.Plain, inventory.SudoNone}} {
				tr := h.TraceSSHD(writing)
				snap := collect(t, h, way.as.Name, way.as.KeyFile, way.sudo)
				lines := strings.Split(tr.Stop(), "\n")
				tree := collectorTree(lines)
				if len(tree) < 50 {
					t.Fatalf("as %s: the trace shows %d processes of the collector, which cannot be all: %d lines", way.as.Name, len(tree), len(lines))
				}
				if len(snap.Files) < 50 {
					t.Fatalf("as %s: the snapshot has only %d files", way.as.Name, len(snap.Files))
				}
				for _, line := range wrote(lines, tree) {
					t.Errorf("as %s: %s", way.as.Name, line)
				}
			}
		})
	}
}

// collectorTree gives the processes that the session's shell started, itself
// included: the shell is the one whose first program is the login shell with -c.
func collectorTree(lines []string) map[string]bool {
	tree := map[string]bool{}
	for _, line := range lines {
		m := call.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pid, name, rest := m[1], m[2], m[3]
		switch name {
		case "execve":
			if strings.Contains(rest, `"-c", "exec /bin/sh -c '`) {
				tree[pid] = true
			}
		case "clone", "clone3", "fork", "vfork":
			if _, child, ok := strings.Cut(rest, ") = "); ok && tree[pid] {
				child, _, _ = strings.Cut(child, "<") // -y in newer strace: 12<pid>
				tree[strings.TrimSpace(child)] = true
			}
		}
	}
	return tree
}

// harmless is what the calls of the collector may be about.
var harmless = []*regexp.Regexp{
	// Reading.
	regexp.MustCompile(`^(open|openat|openat2)\([^|]*O_RDONLY(\|O_(NOCTTY|NONBLOCK|CLOEXEC|DIRECTORY|NOFOLLOW|LARGEFILE|NOATIME|PATH))*\)`),
	regexp.MustCompile(`^(open|openat|openat2)\(.*, (O_RDONLY\|)?O_(PATH|CLOEXEC|DIRECTORY|NOFOLLOW|NONBLOCK)(\|O_(NOCTTY|NONBLOCK|CLOEXEC|DIRECTORY|NOFOLLOW|LARGEFILE|NOATIME|PATH))*\)`),
	// The place where nothing is kept.
	regexp.MustCompile(`^openat\(AT_FDCWD(<[^>]*>)?, "/dev/null", (O_WRONLY|O_RDWR)(\|O_(CREAT|TRUNC|APPEND|NOCTTY|CLOEXEC|LARGEFILE))*(, 0666)?\)`),
	// Pipes: to each other, and to sshd, which stands between us and the client.
	regexp.MustCompile(`^(write|writev)\(\d+<pipe:\[\d+\]>`),
	regexp.MustCompile(`^(write|writev|sendto|sendmsg)\(\d+<(UNIX(-STREAM)?|socket):(\[[^\]]*\])>`),
	regexp.MustCompile(`^write\(\d+</dev/null(<char 1:3>)?>`),
	// Memory that is not a file's: without MAP_SHARED nothing reaches a file.
	regexp.MustCompile(`^mmap\((.*MAP_PRIVATE|.*MAP_SHARED.*, -1, 0\)|NULL, \d+, PROT_READ, MAP_SHARED)`),
	// bash asks whether it has a terminal; there is none.
	regexp.MustCompile(`^openat\(AT_FDCWD(<[^>]*>)?, "/dev/tty", O_RDWR\|O_NONBLOCK\) += -1 ENXIO`),
	// sshd -T asks the kernel for its addresses.
	regexp.MustCompile(`^bind\(\d+<(socket|NETLINK):[^>]*>, \{sa_family=AF_NETLINK, nl_pid=0, nl_groups=0+\}, 12\) += 0`),
	// Questions to the name service cache, which is not there.
	regexp.MustCompile(`^connect\(.*sun_path="/var/run/nscd/socket"\}, 110\) += -1 ENOENT`),
	regexp.MustCompile(`^(clone|clone3|fork|vfork|execve)\(`),
}

// wrote gives the calls of the tree's processes that are not harmless.
func wrote(lines []string, tree map[string]bool) []string {
	seen := map[string]bool{}
	begun := map[string]string{} // by process: a call whose end stands further down
	for _, line := range lines {
		m := call.FindStringSubmatch(line)
		if m == nil || !tree[m[1]] {
			continue
		}
		pid, whole := m[1], m[2]+"("+m[3]
		if head, ok := strings.CutSuffix(whole, " <unfinished ...>"); ok {
			begun[pid] = head
			continue
		}
		if head, ok := begun[pid]; ok && strings.Contains(line, "<... ") {
			whole = head + m[3]
			delete(begun, pid)
		}
		if !slices.ContainsFunc(harmless, func(r *regexp.Regexp) bool { return r.MatchString(whole) }) {
			seen[whole] = true
		}
	}
	var out []string
	for k := range seen {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// TestAuditLeaves compares the host's disk before and after a whole audit: what
// is left is what any login leaves, and the README quotes this list.
func TestAuditLeaves(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) {
		s.Accounts = true
		if s.Init == e2e.Systemd {
			// logind keeps the manager of a user for ten seconds after the
			// last session; here it comes to rest at once.
			s.Setup = "mkdir -p /etc/systemd/logind.conf.d\nprintf '[Login]\\nUserStopDelaySec=0\\n' > /etc/systemd/logind.conf.d/e2e.conf\n"
		}
	}, func(t *testing.T, h *e2e.Host) {
		a := h.Accounts()
		settle(h)
		var text strings.Builder
		for _, way := range []struct {
			name string
			as   e2e.Account
			sudo inventory.Sudo
		}{
			{"root", a.Root, inventory.SudoAuto},
			{"an account with sudo", a.Admin, inventory.SudoYes},
			{"a plain account", a.Plain, inventory.SudoNone},
		} {
			// A login by hand first, for what a first login of an account
			// leaves but no later one; the second login is the measure.
			client := h.Login(way.as)
			remote(t, client, "true")
			client.Close()
			login := left(t, h, func() {
				c := h.Login(way.as)
				remote(t, c, "true")
				if way.sudo == inventory.SudoYes {
					remote(t, c, "sudo -n -k true")
				}
				c.Close()
			})
			audit := left(t, h, func() { collect(t, h, way.as.Name, way.as.KeyFile, way.sudo) })
			fmt.Fprintf(&text, "== an audit as %s\n", way.name)
			for _, line := range audit {
				text.WriteString(line + "\n")
				if !slices.Contains(login, line) {
					t.Errorf("as %s: %q, and a login by hand does not leave that: %q", way.name, line, login)
				}
			}
		}
		golden(t, filepath.Join("testdata", "leaves", fmt.Sprintf("%s-%s.golden", h.Spec().Release, h.Spec().Init)), text.String())
	})
}

// left is what do leaves on the host once all has come to rest.
func left(t *testing.T, h *e2e.Host, do func()) []string {
	t.Helper()
	rest(t, h)
	before := h.DiskState()
	do()
	rest(t, h)
	var lines []string
	for _, line := range h.DiskState().Since(before) {
		lines = append(lines, journal.ReplaceAllString(transient.ReplaceAllString(line, "${1}N"), "/var/log/journal/ID/*.journal"))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// transient are names that hold a number of a session or the like.
var transient = regexp.MustCompile(`(/run/systemd/(?:sessions|users|inhibit|transient)/(?:session-|user-|c)?)\d+`)

// journal is one of the files that journald keeps, by machine and by user: in
// which of them a line lands is journald's affair.
var journal = regexp.MustCompile(`/var/log/journal/[0-9a-f]{32}/[a-z0-9@-]+\.journal`)

// rest waits until no session is open and nothing was written for a while.
func rest(t *testing.T, h *e2e.Host) {
	t.Helper()
	for range 200 {
		out, _, _ := h.Exec("pgrep -f 'sshd(-session)?: [a-z]+( |@|$)|systemd --[u]ser'; ls /run/user /run/systemd/sessions 2>/dev/null | grep '^[0-9]'")
		if out == "" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	last := h.DiskState()
	for range 100 {
		time.Sleep(30 * time.Millisecond)
		now := h.DiskState()
		if len(now.Since(last)) == 0 {
			return
		}
		last = now
	}
	t.Fatal("the host does not come to rest")
}

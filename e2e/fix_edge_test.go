//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
)

// standsAs tells all that a plan could change: what lies below /etc, in the state
// folder and among the tables, but for the records of runs that are over.
func standsAs(h *e2e.Host) string {
	out, _, _ := h.Exec(`find /etc /var/lib/postern-fix /var/spool/cron /srv -path /var/lib/postern-fix/records -prune -o -printf '%p %y %m %U %G %l ' -exec sh -c 'test ! -f "$1" -o -L "$1" || sha256sum <"$1"; echo' sh '{}' ';' 2>/dev/null | grep -v '^/var/lib/postern-fix '`)
	return out
}

// edge is a host that is not like others, and what becomes of a plan there.
type edge struct {
	name  string
	setup string // on the running host, as root
	heal  string // takes it back
	flag  int    // of chattr(1), by its number in statx(2) and FS_IOC_SETFLAGS
	onto  string // the file that gets it; "" sshd_config
	// plan makes one of the usual plan; nil: the usual one
	plan func(t *testing.T, h *e2e.Host, p *fix.Host)
	// refused holds the words of the reason; "" it is handled
	refused string
	after   string // a command that succeeds when it was handled well
}

// real puts the file's own place into the plan, where its name leads elsewhere.
func real(at string) func(*testing.T, *e2e.Host, *fix.Host) {
	return func(t *testing.T, h *e2e.Host, p *fix.Host) {
		c := sshdChange(t, h, at, func(old string) string { return "MaxAuthTries 3\n" + old })
		c.Before.Path, c.After.Path = mainConfig, mainConfig
		p.Changes[0] = c
	}
}

var edges = []edge{
	{
		name:    "read-only etc",
		setup:   "mount --bind /etc /etc && mount -o remount,bind,ro /etc",
		heal:    "umount /etc",
		refused: "read-only",
	},
	{
		name:    "read-only etc/ssh",
		setup:   "mount --bind /etc/ssh /etc/ssh && mount -o remount,bind,ro /etc/ssh",
		heal:    "umount /etc/ssh",
		refused: "read-only",
	},
	{
		name:    "read-only state folder",
		setup:   "rm -rf /var/lib/postern-fix; mount --bind /var/lib /var/lib && mount -o remount,bind,ro /var/lib",
		heal:    "umount /var/lib",
		refused: "cannot be made (read-only file system",
	},
	{
		name:    "state folder in memory",
		setup:   "rm -rf /var/lib/postern-fix; mkdir -m 700 /var/lib/postern-fix; mount -t tmpfs -o mode=700 tmpfs /var/lib/postern-fix",
		heal:    "umount /var/lib/postern-fix",
		refused: "lies in memory",
	},
	{
		name:    "full disk",
		setup:   fillDisk,
		heal:    "rm -f /fill",
		refused: "full disk",
	},
	{
		name:    "immutable file",
		flag:    unix.STATX_ATTR_IMMUTABLE,
		refused: "attribute",
	},
	{
		name:    "append-only file",
		flag:    unix.STATX_ATTR_APPEND,
		refused: "attribute",
	},
	{
		name:    "immutable folder",
		flag:    unix.STATX_ATTR_IMMUTABLE,
		onto:    "/etc/ssh/sshd_config.d",
		refused: "attribute",
	},
	{
		name:    "bind-mounted sshd_config",
		setup:   "cp -a /etc/ssh/sshd_config /srv/sshd_config; mount --bind /srv/sshd_config /etc/ssh/sshd_config",
		heal:    "umount /etc/ssh/sshd_config; rm /srv/sshd_config",
		refused: "mount of its own",
	},
	{
		name:    "hard-linked sshd_config",
		setup:   "ln /etc/ssh/sshd_config /etc/ssh/other_name",
		heal:    "rm /etc/ssh/other_name",
		refused: "2 names",
	},
	{
		name:  "symlinked sshd_config",
		setup: "mkdir /etc/ssh/real; mv /etc/ssh/sshd_config /etc/ssh/real/; ln -s real/sshd_config /etc/ssh/sshd_config",
		heal:  "rm /etc/ssh/sshd_config; mv /etc/ssh/real/sshd_config /etc/ssh/sshd_config; rmdir /etc/ssh/real",
		plan:  real("/etc/ssh/real/sshd_config"),
		after: `test "$(readlink /etc/ssh/sshd_config)" = real/sshd_config && head -1 /etc/ssh/real/sshd_config | grep -q 'MaxAuthTries 3'`,
	},
	{
		name:  "symlink chain out of etc",
		setup: "mkdir -m 755 /srv/a; mv /etc/ssh/sshd_config /srv/a/conf; ln -s a/conf /srv/b; ln -s ../../srv/b /etc/ssh/sshd_config",
		heal:  "rm /etc/ssh/sshd_config; mv /srv/a/conf /etc/ssh/sshd_config; rm /srv/b; rmdir /srv/a",
		plan:  real("/srv/a/conf"),
		after: `test "$(readlink /etc/ssh/sshd_config) $(readlink /srv/b)" = '../../srv/b a/conf' && head -1 /srv/a/conf | grep -q 'MaxAuthTries 3'`,
	},
	{
		name:    "symlink into a folder of a user's",
		setup:   "install -d -o plain /srv/plain; mv /etc/ssh/sshd_config /srv/plain/conf; ln -s /srv/plain/conf /etc/ssh/sshd_config",
		heal:    "rm /etc/ssh/sshd_config; mv /srv/plain/conf /etc/ssh/sshd_config; rmdir /srv/plain",
		plan:    real("/srv/plain/conf"),
		refused: "somebody other than root",
	},
	{
		name:    "symlink that leads elsewhere since the plan",
		setup:   "cp -a /etc/ssh/sshd_config /srv/conf1; cp -a /etc/ssh/sshd_config /srv/conf2; mv /etc/ssh/sshd_config /etc/ssh/kept; ln -s /srv/conf2 /etc/ssh/sshd_config",
		heal:    "rm /srv/conf1 /srv/conf2; mv /etc/ssh/kept /etc/ssh/sshd_config",
		plan:    real("/srv/conf1"),
		refused: "leads elsewhere",
	},
	{
		name:  "symlinked sshd_config.d",
		setup: "mv /etc/ssh/sshd_config.d /srv/d; ln -s /srv/d /etc/ssh/sshd_config.d",
		heal:  "rm /etc/ssh/sshd_config.d; mv /srv/d /etc/ssh/sshd_config.d",
		plan: func(t *testing.T, h *e2e.Host, p *fix.Host) {
			c := &p.Changes[1]
			c.Before.Real = "/srv/d/" + path.Base(c.Before.Real)
			c.After.Real = c.Before.Real
		},
		refused: "cannot be tried first",
	},
	{
		name:    "folder reached by a link since the plan",
		setup:   "mv /etc/ssh/sshd_config.d /srv/d; ln -s /srv/d /etc/ssh/sshd_config.d",
		heal:    "rm /etc/ssh/sshd_config.d; mv /srv/d /etc/ssh/sshd_config.d",
		refused: "reached by a link now",
	},
	{
		name:  "a group can write in etc/ssh",
		setup: "chgrp plain /etc/ssh; chmod 775 /etc/ssh",
		heal:  "chgrp root /etc/ssh; chmod 755 /etc/ssh",

		refused: "somebody other than root",
	},
	{
		name:    "state folder is a link",
		setup:   "rm -rf /var/lib/postern-fix; ln -s /srv /var/lib/postern-fix",
		heal:    "rm /var/lib/postern-fix",
		refused: "is a link",
	},
	{
		name:    "state folder is another's",
		setup:   "rm -rf /var/lib/postern-fix; install -d -o plain /var/lib/postern-fix",
		heal:    "rm -r /var/lib/postern-fix",
		refused: "is not root's",
	},
	{
		name:  "another's line that sshd refuses",
		setup: "echo Bogus yes >/etc/ssh/sshd_config.d/50-other.conf",
		heal:  "rm /etc/ssh/sshd_config.d/50-other.conf",

		refused: "sshd refuses the files",
	},
	{
		name:  "owner and mode of its own",
		setup: "chmod 640 /etc/ssh/sshd_config; chgrp adm /etc/ssh/sshd_config",
		heal:  "chmod 644 /etc/ssh/sshd_config; chgrp root /etc/ssh/sshd_config",
		after: `test "$(stat -c '%U %G %a' /etc/ssh/sshd_config)" = 'root adm 640'`,
	},
}

// fillDisk leaves no byte: root may use what ext4 keeps for it.
const fillDisk = "dd if=/dev/zero of=/fill bs=1M 2>/dev/null; dd if=/dev/zero of=/fill bs=1k oflag=append conv=notrunc 2>/dev/null; sync; dd if=/dev/zero of=/fill bs=512 oflag=append conv=notrunc 2>/dev/null; true"

// here tells whether case i is for this host of the matrix: each is for one of them,
// or, in the full form, for all.
func here(h *e2e.Host, i int) bool {
	all := matrix()
	for n, s := range all {
		if s.Release == h.Spec().Release && s.Init == h.Spec().Init {
			return whole() || i%len(all) == n
		}
	}
	return false
}

// TestFixEdgeHosts: what a host may be like is handled, or refused before the first
// write with the reason.
func TestFixEdgeHosts(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts, s.DiskMB = true, 64 }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		for i, e := range edges {
			if !here(h, i) {
				continue
			}
			t.Run(e.name, func(t *testing.T) {
				h := h.For(t)
				j := newFixJob(t, h, admin)
				h.Run(e.setup)
				heal := sync.OnceFunc(func() {
					if e.flag != 0 {
						setFlags(t, h, e.onto, 0)
					}
					h.Run(e.heal)
				})
				defer heal()
				if e.flag != 0 {
					setFlags(t, h, e.onto, e.flag)
				}
				j.Plan = noPasswords(t, h, admin)
				if e.plan != nil {
					e.plan(t, h, &j.Plan)
				}
				before := standsAs(h)
				a, _ := j.run(t)
				switch {
				case e.refused == "":
					if a.Result.Outcome != apply.Done {
						t.Fatalf("%+v", a)
					}
					h.Run(e.after)
					h.Login(admin)
					back, err := apply.Undo(t.Context(), j.connect(), h.Name(), a.Result.Run, apply.Options{})
					if err != nil || back.Outcome != apply.Done {
						t.Fatalf("undo: %+v, %v", back, err)
					}
				case a.Result.Outcome != apply.Refused || !strings.Contains(a.Error, e.refused):
					t.Errorf("want it refused with %q, got %+v", e.refused, a)
				}
				if now := standsAs(h); now != before {
					t.Errorf("it changed the host:\n%s", difference(before, now))
				}
				heal()
				h.Login(admin)
				if !offersPasswords(t, h, "typist") {
					t.Error("passwords are not offered any more")
				}
			})
		}
	})
}

// setFlags is chattr, which not every host has.
func setFlags(t *testing.T, h *e2e.Host, name string, flags int) {
	t.Helper()
	if name == "" {
		name = mainConfig
	}
	if flags != 0 {
		h.Run("touch " + name) // up from the root, which many hosts share
	}
	f, err := os.Open(h.HostPath(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
		t.Fatalf("flags of %s: %v", name, err)
	}
}

// difference lists the lines that only one of the two has.
func difference(a, b string) string {
	var out strings.Builder
	in := map[string]int{}
	for line := range strings.Lines(a) {
		in[line]--
	}
	for line := range strings.Lines(b) {
		in[line]++
	}
	for line, n := range in {
		if n != 0 {
			fmt.Fprintf(&out, "%+d %s", n, line)
		}
	}
	return out.String()
}

// TestFixDiskFills: the disk fills up in the middle. What was before comes back,
// since the way back needs no room.
func TestFixDiskFills(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts, s.DiskMB, s.FailingLogins = true, 64, true }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		for i, c := range []struct {
			point  string
			out    bool // the plan locks out
			dies   bool // and the laptop dies: the guard alone
			result apply.Outcome
		}{
			{point: "prepared", result: apply.Refused},
			{point: "armed", result: apply.RolledBack},
			{point: "reloaded", out: true, result: apply.RolledBack},
			{point: "reloaded", out: true, dies: true, result: apply.RolledBack},
		} {
			if !here(h, i) {
				continue
			}
			name := fmt.Sprintf("%s locks out %v laptop dies %v", c.point, c.out, c.dies)
			t.Run(name, func(t *testing.T) {
				h := h.For(t)
				before := standsAs(h)
				j := newFixJob(t, h, admin)
				j.Plan = noPasswords(t, h, admin)
				if c.out {
					j.Plan.Changes[0] = sshdChange(t, h, mainConfig, func(old string) string { return "AllowUsers nobodyhere\n" + old })
					j.Plan.Checks, j.Plan.Shut = nil, nil
				}
				j.Options.Deadline = 2 * time.Minute
				j.FailAt, j.Announce = c.point, filepath.Join(t.TempDir(), "there")
				laptop := j.start(t)
				done := make(chan error, 1)
				go func() { done <- laptop.Wait() }()
				ch := &crashHost{Host: h, kind: crashKind{release: h.Spec().Release, init: h.Spec().Init}}
				if !ch.await(t, j.Announce, done) {
					t.Fatal("the laptop did not come to that point")
				}
				h.Run(fillDisk)
				defer h.Run("rm -f /fill")
				if c.dies {
					laptop.Process.Kill()
					<-done
					// no room for sed's copy either; the line's end is written too, since
					// the number may have fewer digits than the one that it takes the place of
					h.Run("uptime=$(cut -d. -f1 /proc/uptime); read -r boot _ </var/lib/postern-fix/current/deadline; printf '%s %s\\n' \"$boot\" $uptime | dd of=/var/lib/postern-fix/current/deadline conv=notrunc 2>/dev/null")
					for deadline := time.Now().Add(90 * time.Second); ch.open() && time.Now().Before(deadline); {
						time.Sleep(200 * time.Millisecond)
					}
				} else {
					if err := removeAndWait(j.Announce, done); err != nil {
						t.Fatal(err)
					}
					if a := j.answer(t); a.Result.Outcome != c.result {
						t.Errorf("want %s, got %+v", c.result, a)
					}
				}
				h.Login(admin)
				h.Run("rm -f /fill")
				if c.dies {
					j.Announce, j.FailAt = "", ""
					res, err := apply.Recover(t.Context(), j.connect(), j.Plan.Name, apply.Options{Journal: j.Options.Journal})
					if err != nil || !strings.Contains(res.Recovered, "taken back") {
						t.Errorf("recover: %+v, %v", res, err)
					}
				}
				if now := standsAs(h); now != before {
					t.Errorf("not what was before:\n%s", difference(before, now))
				}
				if !offersPasswords(t, h, "typist") {
					t.Error("what was before is not in force")
				}
			})
		}
	})
}

// TestFixWithoutHook: nothing would take the change back after a restart: refused.
func TestFixWithoutHook(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel()
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Accounts: true, Daemons: []string{"/usr/sbin/sshd -D"}})
	admin := h.Accounts().Admin
	j := newFixJob(t, h, admin)
	j.Plan = noPasswords(t, h, admin)
	before := standsAs(h)
	a, _ := j.run(t)
	if a.Result.Outcome != apply.Refused || !strings.Contains(a.Error, "after a reboot") {
		t.Errorf("%+v", a)
	}
	if now := standsAs(h); now != before {
		t.Errorf("it changed the host:\n%s", difference(before, now))
	}
	h.Login(admin)
}

// TestFixTwoAtOnce: while one is at it, another is refused; of several that begin
// together one wins.
func TestFixTwoAtOnce(t *testing.T) {
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		for i, point := range []string{"prepared", "armed", "fresh", "confirmed"} {
			if !here(h, i) {
				continue
			}
			first := newFixJob(t, h, admin)
			first.Plan = noPasswords(t, h, admin)
			first.Options.Deadline = 2 * time.Minute
			first.FailAt, first.Announce = point, filepath.Join(t.TempDir(), "there")
			laptop := first.start(t)
			done := make(chan error, 1)
			go func() { done <- laptop.Wait() }()
			if ch := (&crashHost{Host: h}); !ch.await(t, first.Announce, done) {
				t.Fatalf("%s: the laptop did not come to that point", point)
			}
			if point != "confirmed" {
				second := newFixJob(t, h, admin)
				second.Plan = first.Plan
				if a, _ := second.run(t); !a.Busy || a.Result.Outcome != apply.Refused {
					t.Errorf("%s: the second is not refused: %+v", point, a)
				}
			}
			same := newFixJob(t, h, admin)
			same.Plan, same.Options.Journal = first.Plan, first.Options.Journal
			if a, _ := same.run(t); !a.Busy || !strings.Contains(a.Error, "on this machine") {
				t.Errorf("%s: the second of the same machine is not refused: %+v", point, a)
			}
			if err := removeAndWait(first.Announce, done); err != nil {
				t.Fatal(err)
			}
			a := first.answer(t)
			if a.Result.Outcome != apply.Done {
				t.Fatalf("%s: the first: %+v", point, a)
			}
			if back, err := apply.Undo(t.Context(), first.connect(), h.Name(), a.Result.Run, apply.Options{}); err != nil || back.Outcome != apply.Done {
				t.Fatalf("%s: undo: %+v, %v", point, back, err)
			}
		}
		if !here(h, 4) && !here(h, 5) {
			return
		}
		var jobs []*fixJob
		var ends []chan error
		plan := noPasswords(t, h, admin)
		for range 3 {
			j := newFixJob(t, h, admin)
			j.Plan = plan
			j.Options.Deadline = 2 * time.Minute
			laptop := j.start(t)
			done := make(chan error, 1)
			go func() { done <- laptop.Wait() }()
			jobs, ends = append(jobs, j), append(ends, done)
		}
		count := map[apply.Outcome]int{}
		for i, j := range jobs {
			if err := <-ends[i]; err != nil {
				t.Fatal(err)
			}
			a := j.answer(t)
			count[a.Result.Outcome]++
			if a.Result.Outcome == apply.Refused && !a.Busy {
				t.Errorf("refused, but not for another run: %+v", a)
			}
		}
		if count[apply.Done] != 1 || count[apply.Done]+count[apply.Refused]+count[apply.Already] != len(jobs) {
			t.Errorf("of three that began together: %v", count)
		}
		h.Login(admin)
	})
}

// removeAndWait lets a laptop go on that waits at its point, to its end.
func removeAndWait(announce string, done <-chan error) error {
	if err := os.Remove(announce); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-time.After(3 * time.Minute):
		return errors.New("the laptop does not end")
	}
}

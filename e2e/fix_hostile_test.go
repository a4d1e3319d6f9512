//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/fix/apply"
)

// evil are names of which each would do something if a shell looked at it. What it
// would do is to make a file in a folder that everybody can write in.
var evil = []string{
	"$(touch ${PWNED-$HOME}pwned)", "`touch pwned`", "'; touch pwned; '", "\"; touch pwned; \"", "-rf", "a b\n touch pwned\n", "*", "\\", "%s%n", "\x1b[2J", "é",
}

// onSome is onMatrix on the oldest and the newest release, one with each init; on
// all in the full form.
func onSome(t *testing.T, prepare func(*e2e.Spec), test func(t *testing.T, h *e2e.Host)) {
	e2e.NeedHosts(t)
	for _, spec := range matrix() {
		oldest, newest := spec.Release == e2e.Bullseye && spec.Init == e2e.Tiny, spec.Release == e2e.Trixie && spec.Init == e2e.Systemd
		if !whole() && !oldest && !newest {
			continue
		}
		t.Run(fmt.Sprintf("%s/%s", spec.Release, spec.Init), func(t *testing.T) {
			t.Parallel()
			prepare(&spec)
			test(t, e2e.Start(t, spec))
		})
	}
}

// wordFor is a word of the host's shell, for what the tests themselves do there.
func wordFor(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// TestFixHostOfAttacks: every name in play is an attack, of files, folders and
// accounts. The plan is carried out to the letter and taken back, and nothing that
// it does not name is touched.
func TestFixHostOfAttacks(t *testing.T) {
	onSome(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		home := "/home/" + strings.ReplaceAll(strings.Join(evil, " "), "/", "")
		user := "'\"$(id)`id`;&*\\"
		h.Run("mkdir -p " + wordFor(home+"/.ssh") + "; printf '%s:x:4321:4321::%s:/bin/sh\\n' " + wordFor(user) + " /nonexistent >>/etc/passwd; echo 'evil:x:4321:' >>/etc/group; chown -R 4321:4321 " + wordFor(home))
		h.Run("mkdir -m 755 /etc/ssh/sshd_config.d/keep; printf '#x\\n' >/etc/ssh/sshd_config.d/keep/conf")
		p := noPasswords(t, h, admin)
		expect := map[string]bool{}
		planned := func(path string) { expect[path] = true }
		p.Changes = p.Changes[:0]
		for i, name := range evil {
			path := "/etc/ssh/sshd_config.d/" + name + ".conf"
			switch i % 3 {
			case 1: // changed
				write(t, h, path, "MaxAuthTries 4\n")
			case 2: // removed
				write(t, h, path, "# gone soon\n")
				p.Changes = append(p.Changes, sshdChange(t, h, path, nil))
				planned(path)
				continue
			}
			p.Changes = append(p.Changes, sshdChange(t, h, path, func(string) string {
				return "PasswordAuthentication no\nKbdInteractiveAuthentication no\n" + oldKeyword(h)
			}))
			planned(path)
		}
		p.Checks[0].Expect = nil
		// the account's keys, by its own rights; a job out of its folder
		keys := home + "/.ssh/authorized_keys"
		write(t, h, keys, "ssh-ed25519 AAAA old\n")
		h.Run("chown 4321:4321 " + wordFor(keys) + "; chmod 600 " + wordFor(keys))
		c := sshdChange(t, h, keys, func(old string) string { return "# " + old })
		c.Kind, c.User = fix.KindKeys, user
		p.Changes = append(p.Changes, c)
		planned(keys)
		job := home + "/" + evil[0] + "\n"
		write(t, h, job, "#!/bin/sh\n")
		before, old := fileState(t, h, job)
		p.Changes = append(p.Changes, fix.Change{Kind: fix.KindMove, Before: before, Old: old, After: fix.State{Path: job, Real: job}})
		planned(job)

		j := newFixJob(t, h, admin)
		j.Plan = p
		j.Options.Deadline = 2 * time.Minute
		then := h.DiskState()
		stood := standsAs(h)
		a, _ := j.run(t)
		if a.Result.Outcome != apply.Done {
			t.Fatalf("%+v", a)
		}
		for _, line := range h.DiskState().Since(then) {
			_, path, _ := strings.Cut(line, " ")
			if !expect[path] && !ordinary(path) && !isFolderOf(path, expect) {
				t.Errorf("not in the plan: %q", line)
			}
		}
		if offersPasswords(t, h, "typist") {
			t.Error("passwords are still offered")
		}
		h.Login(admin)
		back, err := apply.Undo(t.Context(), j.connect(), h.Name(), a.Result.Run, apply.Options{Deadline: 2 * time.Minute})
		if err != nil || back.Outcome != apply.Done {
			t.Fatalf("undo: %+v, %v", back, err)
		}
		if now := standsAs(h); now != stood {
			t.Errorf("undo did not give everything back:\n%s", difference(stood, now))
		}
		if out, _, _ := h.Exec("find / -xdev -name 'pwned*' -not -path '/proc/*'; find /run /tmp /dev/shm -name 'pwned*'"); out != "" {
			t.Errorf("a name was carried out:\n%s", out)
		}
	})
}

// write makes a file on the host past every shell.
func write(t *testing.T, h *e2e.Host, path, content string) {
	t.Helper()
	if err := os.WriteFile(h.HostPath(path), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ordinary are files that logins and daemons write, and postern's own folder.
func ordinary(path string) bool {
	for _, p := range []string{"/var/lib/postern-fix", "/var/log", "/run", "/tmp", "/var/lib/systemd", "/var/lib/private", "/var/tmp", "/etc/systemd/system", "/home/admin", "/root"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return path == "/var/lib" || path == "/var" || path == "/"
}

// isFolderOf tells whether a file of the plan lies there: its folder changes too.
func isFolderOf(dir string, files map[string]bool) bool {
	for f := range files {
		if strings.HasPrefix(f, dir+"/") {
			return true
		}
	}
	// the folder above one of cron's or of the temporary file
	return dir == "/etc" || dir == "/etc/cron.d"
}

// TestFixSymlinkRaces: an account swaps its own folders for links to root's while
// its keys and a job of its are changed. Whatever comes of the run, nothing of
// root's changes.
func TestFixSymlinkRaces(t *testing.T) {
	onSome(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		h.Run(`install -d -m 755 /srv/root/.ssh /srv/root/bin
			echo precious >/srv/root/.ssh/authorized_keys; echo precious >/srv/root/bin/job; chmod 666 /srv/root/.ssh/authorized_keys
			install -d -o plain -g plain /home/plain/bin`)
		racer := `cd /home/plain || exit 1
			while :; do
				mv .ssh .real 2>/dev/null; ln -s /srv/root/.ssh .ssh 2>/dev/null; rm -f .ssh 2>/dev/null; mv .real .ssh 2>/dev/null
				mv bin bin.real 2>/dev/null; ln -s /srv/root/bin bin 2>/dev/null; rm -f bin; mv bin.real bin 2>/dev/null
				mv bin/job bin/other 2>/dev/null; ln -s /srv/root/bin/job bin/job 2>/dev/null; rm -f bin/job; mv bin/other bin/job 2>/dev/null
			done`
		count := map[string]int{}
		rounds := 4
		if whole() {
			rounds = 25
		}
		for round := range rounds {
			h.Run(`cd /home/plain; rm -rf .real bin.real; test -d .ssh -a ! -L .ssh || { rm -f .ssh; install -d -m 700 -o plain -g plain .ssh; }
				test -d bin -a ! -L bin || { rm -f bin; install -d -o plain -g plain bin; }
				echo 'ssh-ed25519 AAAA old' >.ssh/authorized_keys; chown plain:plain .ssh/authorized_keys; chmod 600 .ssh/authorized_keys
				rm -f bin/job bin/other; echo evil >bin/job; chown plain:plain bin/job`)
			p := fix.Host{Name: h.Name()}
			keys := sshdChange(t, h, "/home/plain/.ssh/authorized_keys", func(old string) string { return "# " + old })
			keys.Kind, keys.User = fix.KindKeys, "plain"
			before, old := fileState(t, h, "/home/plain/bin/job")
			p.Changes = []fix.Change{keys, {Kind: fix.KindMove, Before: before, Old: old, After: fix.State{Path: before.Path, Real: before.Real}}}
			j := newFixJob(t, h, admin)
			j.Plan = p
			j.Options.Deadline = 2 * time.Minute
			stood := standsAs(h)
			if round%2 == 1 { // past the first look: what is swapped is what is written
				j.FailAt = "armed"
			} else {
				j.FailAt = "connected"
			}
			j.Announce = filepath.Join(t.TempDir(), "there")
			laptop := j.start(t)
			done := make(chan error, 1)
			go func() { done <- laptop.Wait() }()
			if ch := (&crashHost{Host: h}); !ch.await(t, j.Announce, done) {
				t.Fatalf("the laptop did not come to %s", j.FailAt)
			}
			pid := strings.TrimSpace(h.Run("setsid su -s /bin/sh plain -c " + wordFor(racer) + " >/dev/null 2>&1 </dev/null & echo $!"))
			if err := removeAndWait(j.Announce, done); err != nil {
				t.Fatal(err)
			}
			a := j.answer(t)
			h.Run(fmt.Sprintf("kill -9 -%s; for d in /proc/[0-9]*; do tr '\\0' ' ' <$d/cmdline 2>/dev/null | grep -q 'while :; do' && test \"$(stat -c %%U $d)\" = plain && kill -9 ${d#/proc/}; done; true", pid))
			count[j.FailAt+": "+string(a.Result.Outcome)]++
			if now := standsAs(h); now != stood {
				t.Errorf("%s: something of root's changed:\n%s", a.Result.Outcome, difference(stood, now))
			}
			if out := h.Run("cat /srv/root/.ssh/authorized_keys /srv/root/bin/job"); out != "precious\nprecious" {
				t.Errorf("%s: what is root's holds %q", a.Result.Outcome, out)
			}
			if a.Result.Outcome == apply.Pending {
				t.Errorf("%+v", a)
			}
		}
		t.Logf("how %d runs ended: %v", rounds, count)
		h.Login(admin)
	})
}

//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/e2e"
)

// cronFile is one file of a scheduler; do is run after it was written, with the
// file as $f and its account as $u.
type cronFile struct {
	name string // of the case
	file string // its path, where it is not the spool's; %s is the account
	do   string
}

var cronFiles = []cronFile{
	{name: "as crontab(1) leaves it", do: "chown $u:crontab $f"},
	{name: "root's", do: ""},
	{name: "mode 0644", do: "chmod 644 $f"},
	{name: "mode 0400", do: "chmod 400 $f"},
	{name: "mode 0640", do: "chmod 640 $f"},
	{name: "mode 0660", do: "chmod 660 $f"},
	{name: "mode 0700", do: "chmod 700 $f"},
	{name: "mode 0200", do: "chmod 200 $f"},
	{name: "mode 4600", do: "chmod 4600 $f"},
	{name: "a third account's", do: "chown daemon $f"},
	{name: "a hard link", do: "ln $f /root/$u.link"},
	{name: "a symbolic link", do: "mv $f /root/$u.table; ln -s /root/$u.table $f"},
	{name: "a symbolic link of its user", do: "mv $f /root/$u.table; chown $u /root/$u.table; ln -s /root/$u.table $f; chown -h $u $f"},
	{name: "a link to nothing", do: "rm $f; ln -s /root/none $f"},
	{name: "a directory", do: "rm $f; mkdir $f"},
	{name: "an account that is not there", do: "sed -i /^$u:/d /etc/passwd"},
	{name: "an account that is locked", do: "passwd -l $u"},
	{name: "an account without a shell", do: "usermod -s /usr/sbin/nologin $u"},
	{name: "an account that has expired", do: "chage -E 2020-01-01 $u"},
	{name: "cron.d", file: "/etc/cron.d/%s"},
	{name: "cron.d, a dash first", file: "/etc/cron.d/-%s"},
	{name: "cron.d, a backup", file: "/etc/cron.d/%s.bak"},
	{name: "cron.d, disabled", file: "/etc/cron.d/%s.disabled"},
	{name: "cron.d, dpkg's", file: "/etc/cron.d/%s.dpkg-old"},
	{name: "cron.d, rpm's", file: "/etc/cron.d/%s.rpmsave"},
	{name: "cron.d, a tilde", file: "/etc/cron.d/%s~"},
	{name: "cron.d, hidden", file: "/etc/cron.d/.%s"},
	{name: "cron.d, a blank", file: "/etc/cron.d/%s b"},
	{name: "cron.d, 0755", file: "/etc/cron.d/%s", do: "chmod 755 $f"},
	{name: "cron.d, 0000", file: "/etc/cron.d/%s", do: "chmod 0 $f"},
	{name: "cron.d, 0664", file: "/etc/cron.d/%s", do: "chmod 664 $f"},
	{name: "cron.d, 0646", file: "/etc/cron.d/%s", do: "chmod 646 $f"},
	{name: "cron.d, not root's", file: "/etc/cron.d/%s", do: "chown nobody $f"},
	{name: "cron.d, a hard link", file: "/etc/cron.d/%s", do: "ln $f /root/$u.link"},
	{name: "cron.d, a link", file: "/etc/cron.d/%s", do: "mv $f /root/$u.table; ln -s /root/$u.table $f"},
	{name: "cron.d, a link of nobody", file: "/etc/cron.d/%s", do: "mv $f /root/$u.table; ln -s /root/$u.table $f; chown -h nobody $f"},
	{name: "cron.d, a link to nobody's", file: "/etc/cron.d/%s", do: "mv $f /root/$u.table; chown nobody /root/$u.table; ln -s /root/$u.table $f"},
	{name: "cron.d, a directory", file: "/etc/cron.d/%s", do: "rm $f; mkdir $f"},
}

// TestCronFiles lays tables before three real daemons, each with another owner,
// mode, name or account, and holds which of them were read to what audit/cron says
// of the same files. /etc/crontab has a bad line between two good ones.
func TestCronFiles(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel() // it mostly waits for the clock
	for _, d := range cronDaemons {
		t.Run(d.daemon.String(), func(t *testing.T) {
			t.Parallel()
			filesTrial(t, d)
		})
	}
}

const crontabMiddle = "* * * * * root touch /r/above\n61 * * * * root touch /r/never\n* * * * * root touch /r/below\n"

func filesTrial(t *testing.T, d cronDaemon) {
	h := e2e.Start(t, e2e.Spec{Release: e2e.Trixie, Layers: d.layers, Daemons: []string{"/usr/sbin/sshd -D"}})
	var script strings.Builder
	script.WriteString("rm -rf /etc/cron.d/* /etc/cron.d/.placeholder /etc/cron.hourly; mkdir -p -m 1777 /r; mkdir -p /t /var/spool/cron/crontabs\n")
	paths := make([]string, len(cronFiles))
	for i, c := range cronFiles {
		u := fmt.Sprintf("u%02d", i)
		paths[i] = "/var/spool/cron/crontabs/" + u
		column := ""
		if c.file != "" {
			paths[i] = fmt.Sprintf(c.file, u)
			column = "root "
		}
		mode := "600"
		if c.file != "" {
			mode = "644"
		}
		fmt.Fprintf(&script, "u=%s f=%s; useradd -M -d / -s /bin/sh $u; printf '* * * * * %stouch /r/%d\\n' >\"$f\"; chmod %s \"$f\"\n%s\n", u, quoteSh(paths[i]), column, i, mode, c.do)
	}
	h.Run(script.String())
	h.WriteFile("/etc/crontab", []byte(crontabMiddle), 0o644)
	fates := make([]bool, len(cronFiles)) // read, and its job run
	reasons := make([]string, len(cronFiles))
	for i, c := range cronFiles {
		kind := cron.FileSpool
		if c.file != "" {
			kind = cron.FileCronD
		}
		if d.daemon == cron.Busybox && c.file != "" {
			reasons[i] = "busybox reads no system tables"
			continue
		}
		m := metaOf(t, h, paths[i], c.name != "an account that is not there")
		read, why := cron.FileVerdict(kind, path.Base(paths[i]), m, d.daemon)
		if read == cron.Unknown {
			t.Errorf("%s: not known: %s", c.name, why)
		}
		fates[i], reasons[i] = read == cron.Yes, why
		if c.name == "an account that has expired" && d.daemon != cron.Busybox {
			fates[i], reasons[i] = false, "PAM refuses"
		}
	}
	cmd := h.Command("/bin/sh", "-c", "cd /; export PATH=/usr/bin:/bin:/usr/sbin:/sbin BUSY="+d.path+"; unset SHELL TZ; "+d.start+" >/t/log 2>&1 </dev/null")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait := 22 * time.Second
	if d.wait == 0 {
		wait = time.Until(time.Now().Truncate(time.Minute).Add(70 * time.Second))
	}
	time.Sleep(wait)
	h.Exec(`for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in cron|crond|busybox) kill -9 ${p#/proc/};; esac; done`)
	if err := cmd.Wait(); err != nil {
		t.Logf("the daemon's shell: %v", err)
	}
	read := 0
	for i, c := range cronFiles {
		_, err := os.Stat(fmt.Sprintf("%s/r/%d", h.Root(), i))
		if ran := err == nil; ran != fates[i] {
			t.Errorf("%s (%s): ran %v, foretold %v %s", c.name, paths[i], ran, fates[i], reasons[i])
		} else if ran {
			read++
		}
	}
	if read == 0 || read == len(cronFiles) {
		t.Errorf("%d of %d files were read", read, len(cronFiles))
	}
	tab := cron.ParseTable([]byte(crontabMiddle), cron.System, d.daemon, cron.Options{Version: d.version})
	for _, j := range tab.Jobs() {
		want := j.Runs() && d.daemon != cron.Busybox
		name := strings.TrimPrefix(j.Command, "touch ")
		if _, err := os.Stat(h.Root() + name); (err == nil) != want {
			t.Errorf("/etc/crontab with a bad line in it: %s ran %v, foretold %v", name, err == nil, want)
		}
	}
	t.Logf("%s %s: %d files, %d read", d.daemon, d.version, len(cronFiles), read)
}

// metaOf is what the daemon looks at.
func metaOf(t *testing.T, h *e2e.Host, p string, account bool) cron.FileMeta {
	t.Helper()
	stat := func(p string, follow bool) (*syscall.Stat_t, os.FileInfo) {
		f := os.Lstat
		if follow {
			f = os.Stat
		}
		info, err := f(h.Root() + p)
		if err != nil {
			return nil, nil
		}
		return info.Sys().(*syscall.Stat_t), info
	}
	kind := func(s *syscall.Stat_t) byte {
		switch s.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			return 'f'
		case syscall.S_IFLNK:
			return 'l'
		}
		return 'd'
	}
	s, info := stat(p, false)
	if s == nil {
		t.Fatalf("%s is not there", p)
	}
	m := cron.FileMeta{Type: kind(s), Account: cron.Yes, LinkUID: int64(s.Uid)}
	if !account {
		m.Account = cron.No
	}
	end := s
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(h.Root() + p)
		if err != nil {
			t.Fatal(err)
		}
		if end, _ = stat(target, false); end == nil {
			return m
		}
		m.TargetType = kind(end)
	}
	m.Mode, m.UID, m.Links = end.Mode&0o7777, int64(end.Uid), int64(end.Nlink)
	u := fmt.Sprintf(":x:%d:", end.Uid)
	for _, line := range strings.Split(string(h.ReadFile("/etc/passwd")), "\n") {
		if strings.HasPrefix(line, path.Base(p)+":") && strings.Contains(line, u) {
			m.OwnerIsUser = true
		}
	}
	return m
}

package fix_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
)

// one is the host of breached with bob's table of one job, or root's.
func one(user, line string) *world {
	w := breached()
	w.put("/var/spool/cron/crontabs/"+user, 'f', 0o600, 0, 105, line+"\n")
	w.in.ProcessesWhole = true
	return w
}

func moved(h fix.Host) string {
	var out []string
	for _, c := range h.Changes {
		if c.Kind == fix.KindMove {
			out = append(out, c.Before.Real)
		}
	}
	return strings.Join(out, " ")
}

// TestQuarantineMovesNothingElse: whoever may write a table may name any file in it,
// and link to any. What others need stays where it is.
func TestQuarantineMovesNothingElse(t *testing.T) {
	for _, tt := range []struct {
		name, user, line string
		host             func(w *world)
		targets          string
		says             string
	}{
		{"passwd as a script", "root", "* * * * * sh /etc/passwd", nil, "/etc/passwd", "/etc/passwd stays where it is"},
		{"sshd's file as a script", "root", "* * * * * sh /etc/ssh/sshd_config", nil, "/etc/ssh/sshd_config", "/etc/ssh/sshd_config stays"},
		{"what logins go through", "root", "* * * * * sh /etc/pam.d/sshd", func(w *world) { w.text("/etc/pam.d/sshd", "") }, "/etc/pam.d/sshd", "stays"},
		{"everyone's keys", "root", "* * * * * sh /home/alice/.ssh/authorized_keys", nil, "/home/alice/.ssh/authorized_keys", "--revoke-key"},
		{"the loader of all programs", "root", "* * * * * /lib64/ld-2.31.so /tmp/x", func(w *world) { w.put("/lib64/ld-2.31.so", 'f', 0o755, 0, 0, "\x7fELF") }, "/lib64/ld-2.31.so", "packages"},
		{"a login shell", "root", "* * * * * /opt/rbash /tmp/x", func(w *world) {
			w.put("/opt/rbash", 'f', 0o755, 0, 0, "\x7fELF")
			f := w.files["/etc/passwd"]
			f.Content = []byte(strings.Replace(string(f.Content), "/bin/bash", "/opt/rbash", 1))
			f.Size = int64(len(f.Content))
			w.files[f.Path] = f
		}, "/opt/rbash", "login shell"},
		{"what sshd runs", "root", "* * * * * /opt/keys", func(w *world) {
			w.put("/opt/keys", 'f', 0o755, 0, 0, "#!/bin/sh\n").config(stock + "AuthorizedKeysCommand /opt/keys\nAuthorizedKeysCommandUser nobody\n")
		}, "/opt/keys", "sshd uses it"},
		{"its own table", "root", "* * * * * sh /var/spool/cron/crontabs/root\n5 * * * * /usr/local/sbin/job", nil, "/var/spool/cron/crontabs/root\x00/usr/local/sbin/job", "stays where it is"},
		{"another's table", "root", "* * * * * sh /var/spool/cron/crontabs/alice", func(w *world) {
			w.put("/var/spool/cron/crontabs/alice", 'f', 0o600, 1000, 105, "5 * * * * /usr/local/sbin/job\n")
		}, "/var/spool/cron/crontabs/alice", "jobs that are not named"},
		{"another's file", "bob", "* * * * * sh /opt/agent.sh", func(w *world) { w.put("/opt/agent.sh", 'f', 0o755, 0, 0, "#!/bin/sh\n") }, "/opt/agent.sh", "it is not bob's own"},
		{"a link to another's file", "bob", "* * * * * sh /home/bob/x", func(w *world) {
			w.put("/opt/agent.sh", 'f', 0o755, 1001, 0, "#!/bin/sh\n")
			w.files["/home/bob/x"] = snapshot.File{Path: "/home/bob/x", Type: 'l', UID: 1001, Target: "/opt/agent.sh", Real: "/opt/agent.sh", Links: 1}
		}, "/home/bob/x", "stays where it is"},
		{"a file that another job runs by its other name", "bob", "* * * * * sh /home/bob/x", func(w *world) {
			w.put("/home/bob/y", 'f', 0o755, 1001, 1001, "#!/bin/sh\n").text("/etc/cron.d/agent", "5 * * * * root /home/bob/y\n")
			w.files["/home/bob/x"] = snapshot.File{Path: "/home/bob/x", Type: 'l', UID: 1001, Target: "y", Real: "/home/bob/y", Links: 1}
		}, "/home/bob/x\x00/home/bob/y", "/etc/cron.d/agent:1 runs it too"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := one(tt.user, tt.line)
			if tt.host != nil {
				tt.host(w)
			}
			w.outs[snapshot.OutTargets] += tt.targets + "\x00"
			h := w.breach(fix.Breach{Quarantine: []fix.JobRef{ref(t, "/var/spool/cron/crontabs/"+tt.user+":1")}}, nil).plan(t)
			if got := moved(h); got != "" {
				t.Errorf("it would move %s", got)
			}
			if c := change(t, h, "/var/spool/cron/crontabs/"+tt.user); !c.After.Exists || c.Kind != fix.KindTable || !strings.HasPrefix(string(c.New), "# postern") {
				t.Errorf("the job stays: %+v", c)
			}
			if text := strings.Join(strings.Fields(tell(h)), " "); !strings.Contains(text, tt.says) {
				t.Errorf("it does not say %q\n%s", tt.says, tell(h))
			}
		})
	}
}

// TestQuarantineFileStays: a triage's facts are the host's, and so is what they name.
func TestQuarantineFileStays(t *testing.T) {
	w := breached().text("/etc/sudoers", "x\n").text("/etc/pam.d/common-auth", "x\n").put("/dev/sda", 'b', 0o660, 0, 6, "").put("/boot/vmlinuz", 'f', 0o644, 0, 0, "x").
		put("/usr/libexec/x", 'f', 0o755, 0, 0, "x").put("/dev/shm/x", 'f', 0o4755, 0, 0, "x").put("/usr/local/bin/x", 'f', 0o4755, 0, 0, "x")
	w.files["/home/bob/.bashrc"] = snapshot.File{Path: "/home/bob/.bashrc", Type: 'l', UID: 1001, Target: "/home/alice/deploy.sh", Real: "/home/alice/deploy.sh", Links: 1}
	w.put("/home/alice/deploy.sh", 'f', 0o755, 1000, 1000, "#!/bin/sh\n")
	h := w.breach(fix.Breach{Files: []string{"/etc/sudoers", "/etc/passwd", "/etc/pam.d/common-auth", "/etc/ssh/sshd_config", "/etc/ssh/ssh_host_ed25519_key", "/root/.ssh/authorized_keys",
		"/dev/sda", "/boot/vmlinuz", "/usr/libexec/x", "/home/bob/.bashrc", "/etc/cron.d", "/var/spool/cron/crontabs/root", "/dev/shm/x", "/usr/local/bin/x"}}, nil).plan(t)
	if got, want := moved(h), "/dev/shm/x /usr/local/bin/x"; got != want {
		t.Errorf("it would move %s, want %s\n%s", got, want, tell(h))
	}
}

// TestLockNames: a name goes into commands that people copy, and to usermod.
func TestLockNames(t *testing.T) {
	for name, ends := range map[string]bool{"bob": true, "web$": true, "a.b-c": true, "-R/tmp": false, "x;id": false, "$(id)": false, "a b": false, "": false} {
		w := breached()
		f := w.files["/etc/passwd"]
		f.Content = append([]byte(nil), append(f.Content, name+":x:1007:1007::/home/bob:/bin/bash\n"...)...)
		if name == "bob" {
			f = w.files["/etc/passwd"]
		}
		f.Size = int64(len(f.Content))
		w.files[f.Path] = f
		w.outs[snapshot.OutShadow] += name + ":hash:yescrypt:20000:0:99999:7::\n"
		h := w.breach(fix.Breach{Lock: []string{name}}, nil).plan(t)
		if got := len(h.Changes) > 0; got != ends {
			t.Errorf("%q: it would be locked: %v, want %v\n%s", name, got, ends, tell(h))
		}
		if !ends && name != "" && strings.Contains(tell(h), "pkill") {
			t.Errorf("%q stands in a command\n%s", name, tell(h))
		}
	}
}

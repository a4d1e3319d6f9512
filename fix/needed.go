package fix

import (
	"path"
	"slices"
	"strings"
)

// needed says why a file must not be moved away, whoever names it: a job's line may
// name any file, and so may what starts at a login; "" it may go.
func (p *planner) needed(file string) string {
	if link := p.in.Snapshot.Lookup(file); link != nil && link.Type == 'l' {
		_, real := seen(p.in.Snapshot, file)
		return "it is a link to " + real + ", which somebody else may need: look at both"
	}
	f, real := seen(p.in.Snapshot, file)
	if f != nil && f.Type != 'f' {
		return "it is no file"
	}
	for _, name := range []string{file, real} {
		switch {
		case packaged(name):
			return "it lies where packages put files: install the package anew rather than lose its program"
		case systemFile(name):
			return "the system, or logging in to it, does not work without it: mend it by hand, or take its package's own"
		case strings.HasPrefix(path.Base(name), "authorized_keys"):
			return "other keys in it would go too: --revoke-key takes one out"
		}
	}
	for i := range p.before.AuthorizedKeys {
		if k := &p.before.AuthorizedKeys[i]; k.Path == file || k.Path == real {
			return "other keys in it would go too: --revoke-key takes one out"
		}
	}
	for i := range p.before.Accounts {
		if a := &p.before.Accounts[i]; a.Shell == file || a.Shell == real {
			return "it is the login shell of " + a.Name
		}
	}
	for i := range p.before.Jobs {
		if j := &p.before.Jobs[i]; j.Line > 0 && j.Scheduler != "run-parts" && j.Scheduler != "at" && (j.Path == file || j.Path == real) && !p.namedJob(j) {
			return "it holds jobs that are not named: name the lines that go"
		}
	}
	if p.first == nil {
		return ""
	}
	for _, f := range p.first.Files {
		if f.Name == file || f.Name == real {
			return "sshd reads it"
		}
		for _, l := range f.All() {
			for _, w := range l.Args {
				if w.Text == file || w.Text == real {
					return "sshd uses it: " + l.Keyword.Text
				}
			}
		}
	}
	return ""
}

// packaged reports places that are the packages' own.
func packaged(file string) bool {
	if rest, ok := strings.CutPrefix(file, "/usr/"); ok {
		return !strings.HasPrefix(rest, "local/")
	}
	for _, dir := range []string{"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/nix/", "/gnu/store/"} {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	return false
}

// systemFile reports files without which nobody logs in, no name is known, or the
// machine does not start.
func systemFile(file string) bool {
	switch file {
	case "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/nsswitch.conf", "/etc/login.defs", "/etc/shells", "/etc/securetty",
		"/etc/sudoers", "/etc/doas.conf", "/etc/pam.conf", "/etc/fstab", "/etc/crypttab", "/etc/inittab", "/etc/hosts", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/resolv.conf",
		"/etc/hostname", "/etc/machine-id", "/etc/ld.so.conf", "/etc/ld.so.cache", "/etc/profile", "/etc/environment", "/etc/krb5.conf", "/etc/krb5.keytab":
		return true
	}
	if strings.HasPrefix(file, "/etc/ssh/") {
		return file != "/etc/ssh/sshrc"
	}
	if strings.HasPrefix(file, "/dev/") {
		return !strings.HasPrefix(file, "/dev/shm/")
	}
	return slices.ContainsFunc([]string{"/etc/pam.d/", "/etc/security/", "/etc/sssd/", "/etc/selinux/", "/boot/", "/proc/", "/sys/", "/var/lib/postern-fix/", "/var/lib/dpkg/", "/var/lib/rpm/"},
		func(dir string) bool { return strings.HasPrefix(file, dir) })
}

package facts_test

import (
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// What the collector brings of PAM's own files, and of sssd, decides a stack of
// RHEL's kind.
func TestRHELStack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*host)
		want   string
	}{
		"a password":                 {func(*host) {}, "yes"},
		"locked":                     {locked, "no"},
		"locked, sssd.conf":          {func(h *host) { locked(h); h.meta("/etc/sssd/sssd.conf", 'f', 0o600, 0, 0) }, "unknown"},
		"locked, conf.d":             {func(h *host) { locked(h); h.meta("/etc/sssd/conf.d/a.conf", 'f', 0o600, 0, 0) }, "unknown"},
		"locked, conf.d with a note": {func(h *host) { locked(h); h.meta("/etc/sssd/conf.d/README", 'f', 0o600, 0, 0) }, "no"},
		"locked, /etc/sssd is shut":  {func(h *host) { locked(h); h.gap("/etc/sssd", snapshot.GapDenied, "no permission to search it") }, "unknown"},
		"locked, an older collector": {func(h *host) { locked(h); h.drop(snapshot.OutPrivateKeys) }, "unknown"},
		"shells":                     {pamLine("auth required pam_shells.so"), "unknown"},
		"shells, with the file":      {func(h *host) { pamLine("auth required pam_shells.so")(h); h.text("/etc/shells", "/bin/bash\n") }, "yes"},
		"shells, not in the file":    {func(h *host) { pamLine("auth required pam_shells.so")(h); h.text("/etc/shells", "/bin/sh\n") }, "no"},
		"a list": {func(h *host) {
			pamLine("auth required pam_listfile.so item=user sense=deny file=/etc/no")(h)
			h.text("/etc/no", "alice\n")
		}, "no"},
		"a list that was not read": {pamLine("auth required pam_listfile.so item=user sense=deny file=/etc/no"), "unknown"},
	} {
		h := plainHost().text("/etc/ssh/sshd_config", "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM yes\n").text("/etc/security/sepermit.conf", "#\n")
		h.text("/etc/pam.d/sshd", "auth substack password-auth\naccount required pam_sepermit.so\naccount required pam_nologin.so\naccount include password-auth\n")
		h.text("/etc/pam.d/password-auth", "auth required pam_env.so\nauth [default=1 ignore=ignore success=ok] pam_localuser.so\nauth sufficient pam_unix.so\nauth sufficient pam_sss.so forward_pass\nauth required pam_deny.so\n"+
			"account required pam_unix.so\naccount sufficient pam_localuser.so\naccount [default=bad success=ok user_unknown=ignore] pam_sss.so\naccount required pam_permit.so\n")
		c.change(h)
		f := h.facts()
		if got := of(f, "alice"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func locked(h *host) {
	h.out(snapshot.OutShadow, "root:locked::20000:0:99999:7::\ndaemon:star::20000:0:99999:7::\nalice:locked::20000:0:99999:7::\n")
}

// pamLine puts a line in front of PAM's stack for sshd.
func pamLine(line string) func(*host) {
	return func(h *host) {
		h.change("/etc/pam.d/sshd", func(f *snapshot.File) {
			f.Content = append([]byte(line+"\n"), f.Content...)
			f.Size = int64(len(f.Content))
		})
	}
}

// of is what the facts say of a user's password, at every place the same.
func of(f *facts.Facts, user string) string {
	out := ""
	for _, a := range f.Access {
		if a.User == user {
			if out != "" && out != a.Password {
				return "several"
			}
			out = a.Password
		}
	}
	return out
}

//go:build linux

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/e2e"
)

// TestFixNamesWhoCameByPassword: before passwords go, the plan names who came with
// one, also where that stands in a log that was put away and packed, or far behind
// the last lines; and since when it could look. Names that strangers try name nobody.
func TestFixNamesWhoCameByPassword(t *testing.T) {
	e2e.NeedHosts(t)
	run := newPostern(t)
	for _, c := range []struct {
		name   string
		spec   e2e.Spec
		write  string // what the log holds beside what sshd writes
		logsIn bool   // with a password, just now
		want   []string
	}{
		{name: "log files", spec: e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny}, write: `
stamp() { date -u -d "@$(($(date +%s) - $1))" '+%b %e %H:%M:%S'; }
cd /var/log && cp -p auth.log head
{ echo "$(stamp 5000000) h cron[1]: first of all"; echo "$(stamp 4900000) h sshd[11]: Accepted password for noshell from 192.0.2.9 port 4022 ssh2"; } | gzip -9 >auth.log.2.gz
{ echo "$(stamp 2000000) h sshd[12]: Failed password for invalid user Accepted password for typist from 203.0.113.5 port 4022 ssh2"
  echo "$(stamp 1900000) h sshd[13]: Accepted keyboard-interactive/pam for typist from 192.0.2.8 port 4022 ssh2"
  echo "$(stamp 1800000) h cron[1]: x sshd[14]: Accepted password for typist from 203.0.113.6 port 4022 ssh2"; } >auth.log.1
i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "$(stamp 900000) h sshd[15]: Accepted publickey for admin from 192.0.2.7 port 4022 ssh2: ED25519 SHA256:x"; done | cat - head >new && cat new >auth.log`,
			want: []string{"typist, last on", "from 192.0.2.8", "noshell, last on", "from 192.0.2.9", "was read back to"}},
		{name: "the journal", spec: e2e.Spec{Release: e2e.Bookworm, Init: e2e.Systemd}, logsIn: true, write: `
i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo "Accepted publickey for admin from 192.0.2.7 port 4022 ssh2: ED25519 SHA256:x"; done | systemd-cat -t sshd
echo "Accepted password for noshell from 203.0.113.6 port 4022 ssh2" | setpriv --reuid 1000 --clear-groups systemd-cat -t sshd; sleep 1`,
			want: []string{"typist, last on", "was read back to"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.spec.Accounts = true
			h := e2e.Start(t, c.spec)
			as := *run
			as.home = t.TempDir()
			as.to(newFixJob(t, h, h.Accounts().Admin))
			if c.logsIn {
				client, err := h.Dial("typist", ssh.Password(h.Accounts().Password.Password))
				if err != nil {
					t.Fatal(err)
				}
				client.Close()
			}
			if out, errs, code := h.Exec(c.write); code != 0 {
				t.Fatal(out, errs)
			}
			start := time.Now()
			plan := as.want(t, 1, "fix", "--only", "no-password-login")
			for _, s := range c.want {
				if !strings.Contains(plan, s) {
					t.Errorf("no %q in\n%s", s, plan)
				}
			}
			if strings.Contains(plan, "203.0.113.") {
				t.Errorf("a stranger's name is taken for a login:\n%s", plan)
			}
			_, lately, _ := strings.Cut(plan, "who is shut out")
			t.Log(time.Since(start), fmt.Sprintf("%.400s", lately))
		})
	}
}

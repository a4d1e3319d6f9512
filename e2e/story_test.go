//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/e2e"
)

// storyHost is a node as its owner set it up: no passwords, an update script, a
// monitor, the logs.
const storyHost = `
for u in alice backup-operator; do
	useradd -m -s /bin/bash "$u"
	echo "$u:a-long-Passphrase-of-$u" | chpasswd
done
echo 'root:letmein-2011' | chpasswd
printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n' > /etc/ssh/sshd_config.d/local.conf
for f in /update /usr/local/sbin/monitor-nodes /usr/local/sbin/rotate-logs; do
	printf '#!/bin/sh\nexit 0\n' > $f
	chmod 755 $f
done
printf '%s\n' '*/10 * * * * sh ../update >/dev/null 2>&1' '*/5 * * * * /usr/local/sbin/monitor-nodes' '30 2 * * * /usr/local/sbin/rotate-logs' | crontab -
`

// storyPlanted is what the intruder did: %s is how the table spells the directory.
// The implant writes nothing but a mark beside itself, and nothing while a pid file is there.
const storyPlanted = `set -e
printf 'PasswordAuthentication yes\nPermitRootLogin yes\n' > /etc/ssh/sshd_config.d/local.conf
mkdir '/root/. ..'
printf '#!/bin/sh\n[ -e "/root/. ../update.pid" ] && exit 0\n: > "/root/. ../ran"\n' > '/root/. ../update'
chmod 755 '/root/. ../update'
echo 31337 > '/root/. ../update.pid'
printf '%%s\n' %s '30 2 * * * /usr/local/sbin/rotate-logs' > /var/spool/cron/crontabs/new
chown root:crontab /var/spool/cron/crontabs/new
chmod 600 /var/spool/cron/crontabs/new
mv /var/spool/cron/crontabs/new /var/spool/cron/crontabs/root
touch -d '2026-03-12 00:30:00 UTC' '/root/. ../update' '/root/. ../update.pid' '/root/. ..' /var/spool/cron/crontabs/root
`

const (
	storyQuoted   = `*/10 * * * * sh '. ../update' >/dev/null 2>&1`
	storyUnquoted = `*/10 * * * * sh . ../update >/dev/null 2>&1`
)

// TestStory plants the incident on two of seven real hosts, after the owner has
// audited them once: on one the line runs the implant, on the other the blank
// stands without quotes and the line runs nothing. What an administrator then
// asks for has to name all of it, by each of the three ways to know the original:
// what the inventory expects, what the peers have, and what the host had.
func TestStory(t *testing.T) {
	e2e.NeedHosts(t)
	key, public := newKey(t)
	names := []string{"node1", "node2", "node3", "node4", "node5", "quoted", "unquoted"}
	hosts := map[string]*e2e.Host{}
	var mu sync.Mutex
	var started sync.WaitGroup
	for _, name := range names {
		started.Go(func() {
			h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Setup: "echo " + name + " > /etc/hostname\n" + storyHost + admit("root", public) + older})
			mu.Lock()
			hosts[name] = h
			mu.Unlock()
		})
	}
	started.Wait()
	if t.Failed() {
		t.FailNow()
	}
	binary, err := e2e.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inventory := filepath.Join(dir, "postern.yaml")
	text := fmt.Sprintf(`defaults: {user: root, key: %q}
groups:
  cluster:
    hosts: [node1, node2, node3, node4, node5, quoted]
  spares:
    hosts: [node1, node2, node3, node4, node5, unquoted]
expect:
  jobs:
    - {match: "*/monitor-nodes*", user: root}
    - {line: "*/10 * * * * sh ../update >/dev/null 2>&1", user: root}
hosts:
`, key)
	var known []byte
	for _, name := range names {
		text += fmt.Sprintf("  %s: {address: %s}\n", name, hosts[name].Addr())
		lines, err := os.ReadFile(hosts[name].KnownHosts())
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, lines...)
	}
	knownHosts := filepath.Join(dir, "known_hosts")
	for file, content := range map[string]string{inventory: text, knownHosts: string(known)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := []string{"-i", inventory, "--known-hosts", knownHosts, "--no-agent", "--timeout", "60s"}
	postern := func(args ...string) (string, int) {
		out, code := run(t, dir, binary, args...)
		for _, r := range out {
			if r < ' ' && r != '\n' {
				t.Errorf("postern %s: a control character in what it prints: %q", args[0], r)
			}
		}
		return out, code
	}

	before, code := postern(append([]string{"audit"}, source...)...)
	if code != 1 {
		t.Errorf("hosts that are well but for root's login by key: exit code %d", code)
	}
	for _, what := range []string{"-job", "job-", "burst", "unreachable", "partial", "password-login"} {
		if strings.Contains(before, what) {
			t.Errorf("of hosts that are well is said: %s\n%s", what, before)
		}
	}

	runs, err := filepath.Glob(filepath.Join(dir, "state", "postern", "runs", "*"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("runs that are kept: %q, %v", runs, err)
	}
	first := filepath.Base(runs[0])

	for name, line := range map[string]string{"quoted": storyQuoted, "unquoted": storyUnquoted} {
		h := hosts[name]
		h.Run(fmt.Sprintf(storyPlanted, quoteSh(line)))
		// As cron starts it: the implant is reached by the quoted form alone, and
		// sleeps as long as its pid file is there.
		_, _, command, ok := cutFields(line)
		if !ok {
			t.Fatalf("%q has no command", line)
		}
		for _, c := range []struct {
			awake bool
			ran   bool
		}{{false, false}, {true, name == "quoted"}} {
			if c.awake {
				h.Run("mv '/root/. ../update.pid' /root/pid")
			}
			h.Exec("cd /root && exec env -i HOME=/root PATH=/usr/bin:/bin SHELL=/bin/sh /bin/sh -c " + quoteSh(command))
			if _, _, code := h.Exec("test -e '/root/. ../ran'"); (code == 0) != c.ran {
				t.Errorf("%s, pid file gone %v: the implant ran: %v, want %v", name, c.awake, code == 0, c.ran)
			}
		}
		h.Run("rm -f '/root/. ../ran'; mv /root/pid '/root/. ../update.pid'; touch -d '2026-03-12 00:30:00 UTC' '/root/. ..'" + older)
		h.ReloadSSHD()
	}

	// Hosts of which the same is said share a section, with the places of one of
	// them: the second one is asked for by itself, too.
	var audit, alone, jobs string
	// cron says at the next minute that it has read the planted table: not in between.
	hosts["quoted"].Run("kill -STOP $(pgrep -x cron)")
	login := left(t, hosts["quoted"], func() { loginByHand(t, hosts["quoted"], key) })
	changed := left(t, hosts["quoted"], func() {
		if alone, code = postern(append([]string{"audit", "unquoted"}, source...)...); code != 1 {
			t.Errorf("audit of one host: exit code %d, want 1", code)
		}
		if audit, code = postern(append([]string{"audit"}, source...)...); code != 1 {
			t.Errorf("audit: exit code %d, want 1", code)
		}
		if jobs, code = postern(append([]string{"jobs", "quoted", "unquoted"}, source...)...); code != 0 {
			t.Errorf("jobs: exit code %d, want 0", code)
		}
	})
	for _, line := range changed {
		if !slices.Contains(login, line) {
			t.Errorf("the audit left on the host: %s", line)
		}
	}
	past := map[string]string{}
	for _, name := range []string{"quoted", "unquoted"} {
		if past[name], code = postern("diff", first, "last", name); code != 1 {
			t.Errorf("diff of %s: exit code %d, want 1", name, code)
		}
	}

	says(t, "audit", audit, storyAudit)
	says(t, "audit of the unquoted line", alone, [][2]string{
		{"what it does", `at /var/spool/cron/crontabs/root:1 */10 * * * * sh . ../update >/dev/null 2>&1 -> root reaches ". .." (dot, space, dot, dot) in "/root/. ../update", which exists: two neighbouring words spell it, though the shell as written opens a directory and runs nothing`},
		{"the burst", `at /root/". .."/update mtime 2026-03-12T00:30:00.000000000Z`},
	})
	says(t, "jobs", jobs, storyJobs)
	says(t, "diff of the quoted line", past["quoted"], append([][2]string{
		{"the line", `the job "sh '. ../update' >/dev/null 2>&1" of root was altered`},
		{"as it was and as it is", `was /var/spool/cron/crontabs/root:4 */10 * * * * sh ../update >/dev/null 2>&1 is /var/spool/cron/crontabs/root:1 */10 * * * * sh '. ../update' >/dev/null 2>&1`},
	}, storyDiff...))
	says(t, "diff of the unquoted line", past["unquoted"], append([][2]string{
		{"the line", `the job "sh . ../update >/dev/null 2>&1" of root was altered`},
		{"as it was and as it is", `was /var/spool/cron/crontabs/root:4 */10 * * * * sh ../update >/dev/null 2>&1 is /var/spool/cron/crontabs/root:1 */10 * * * * sh . ../update >/dev/null 2>&1`},
	}, storyDiff...))
	if t.Failed() {
		t.Logf("audit:\n%s\njobs:\n%s\ndiff:\n%s\n%s", audit, jobs, past["quoted"], past["unquoted"])
	}
}

// cutFields takes the time fields off a line.
func cutFields(line string) (minute, rest, command string, ok bool) {
	f := strings.SplitN(line, " ", 6)
	if len(f) != 6 {
		return "", "", "", false
	}
	return f[0], strings.Join(f[1:5], " "), f[5], true
}

// loginByHand logs in as root, runs nothing of postern, and leaves.
func loginByHand(t *testing.T, h *e2e.Host, key string) {
	t.Helper()
	pem, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Dial("root", ssh.PublicKeys(signer))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	remote(t, c, "true")
}

// says holds a text, line breaks apart, to sentences with what each is about.
func says(t *testing.T, name, text string, want [][2]string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range want {
		if !strings.Contains(flat, w[1]) {
			t.Errorf("%s does not say %s: %q", name, w[0], w[1])
		}
	}
}

// What each of the three has to say, line breaks apart.
var (
	storyAudit = [][2]string{
		{"the directory", `a job reaches a name that deceives the eye: ". .." (dot, space, dot, dot)`},
		{"where the quoted line is", `at /var/spool/cron/crontabs/root:1 */10 * * * * sh '. ../update' >/dev/null 2>&1 -> root reaches ". .." (dot, space, dot, dot) in "/root/. ../update"`},
		{"the original, from what is expected", "HIGH expected jobs are not as written down: */10 * * * * sh ../update >/dev/null 2>&1 (altered)"},
		{"the original of the quoted line, from peers", `HIGH quoted's job "sh '. ../update' >/dev/null 2>&1" of root differs from 5 peers in "cluster" in "'. ../update'" instead of "../update"`},
		{"the original of the unquoted line, from peers", `HIGH unquoted's job "sh . ../update >/dev/null 2>&1" of root differs from 5 peers in "spares" in ".", which is added`},
		{"where it is, and what the peers have", `why at /var/spool/cron/crontabs/root:1; the peers have "sh ../update >/dev/null 2>&1"`},
		{"the monitor, from what is expected", "HIGH expected jobs do not run: */monitor-nodes* (missing)"},
		{"the monitor, from peers", `quoted lacks the job "/usr/local/sbin/monitor-nodes" of root that 5 peers in "cluster" have`},
		{"the burst", `files changed within two minutes, an odd job with them: 2026-03-12T00:30Z /root/. .. /root/. ../update /var/spool/cron/crontabs/root`},
		{"the burst on both hosts", "change-burst-odd-job 2 quoted, unquoted"},
		{"the evidence of the burst", `at /root/". .."/update mtime 2026-03-12T00:30:00.000000000Z`},
		{"the first door", "CRITICAL root may log in with a password: root (anywhere)"},
		{"where the first door is", "at /etc/ssh/sshd_config.d/local.conf:2 PermitRootLogin yes -> user root from anywhere may use a password"},
		{"the second door", "HIGH a password alone is enough to log in: root (anywhere), alice (anywhere) and backup-operator (anywhere)"},
		{"where the second door is", "at /etc/ssh/sshd_config.d/local.conf:1 PasswordAuthentication yes"},
	}
	storyJobs = [][2]string{
		{"the directory", `name ". .." (dot, space, dot, dot) in "/root/. ../update"`},
		{"what the quoted line runs", `file /root/". .."/update: script of /bin/sh, root:root 0755, written 2026-03-12 00:30`},
		{"what the quoted line is", `odd high: it runs "/root/. ../update", in which ". .." is dot, space, dot, dot [deceptive-name T1036 T1564.001]`},
		{"what the unquoted line runs", `runs sh . ../update >/dev/null 2>&1 file /usr/bin/sh: program`},
		{"that the unquoted line opens a directory", "file /root: directory"},
		{"what the unquoted line spells", `odd high: the words ". ../update" spell the name of a file that exists, "/root/. ../update"; as it is written, the shell takes them for two words`},
		{"when", "when every 10 minutes (*/10 * * * *)"},
	}
	storyDiff = [][2]string{
		{"the name", `". .." (dot, space, dot, dot) in "/root/. ../update"`},
		{"the monitor", `medium job removed: the job "/usr/local/sbin/monitor-nodes" of root is gone was /var/spool/cron/crontabs/root:5 */5 * * * * /usr/local/sbin/monitor-nodes`},
		{"the first door", `HIGH sshd altered: sshd.permit_root_login is "yes", and was "prohibit-password"`},
		{"the second door", "HIGH sshd altered: sshd.password_authentication is true, and was false"},
		{"who wrote the table", "crontab(1) did not write it: its header is not there"},
		{"how it was written", "another file stands in its place (new inode)"},
	}
)

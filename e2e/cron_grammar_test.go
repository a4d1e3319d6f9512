//go:build linux

package e2e_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/e2e"
)

// recorder is what jobs run: it writes down all that it was given. It can be
// given its input only once, so it is also a job's only reader of it.
const recorder = `#!/bin/sh
{
printf 'argv'; for a; do printf ' [%s]' "$a"; done
printf '\nuser %s cwd %s\n' "$(id -un)" "$PWD"
printf 'FOO[%s] BAR[%s] HOME[%s] LOGNAME[%s] SHELL[%s] PATH[%s] TZ[%s] MAILTO[%s]\n' "$FOO" "$BAR" "$HOME" "$LOGNAME" "$SHELL" "$PATH" "$TZ" "$MAILTO"
printf 'stdin '; cat
} >"$RECORD.new" 2>/dev/null || exec >/dev/null
mv "$RECORD.new" "$RECORD"
`

// cronDaemon is one real daemon and how its clock is made to show noon.
type cronDaemon struct {
	daemon  cron.Daemon
	version string
	layers  []string
	path    string // that this build gives to jobs
	start   string
	wait    time.Duration // until its third tick is over; 0: its clock runs as fast as ours
}

const fakeClock = "LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1) FAKETIME='@2026-11-23 11:59:20 x6' "

var cronDaemons = []cronDaemon{
	{cron.Debian, "3.0pl1-197", []string{"libfaketime"}, "/usr/bin:/bin", fakeClock + "cron -f", 33 * time.Second},
	// Debian's build of cronie, unlike others, has the sbin directories too.
	{cron.Cronie, "1.7.2", []string{"libfaketime", "cronie"}, "/usr/bin:/bin:/usr/sbin:/sbin", fakeClock + "crond -n", 33 * time.Second},
	// Debian's busybox is static: no library gets into it, but a zone does.
	// Without SHELL its jobs get the login shell of root.
	{cron.Busybox, "1.37.0", nil, cron.DefaultPath(cron.Busybox), "PATH=$BUSY SHELL=/bin/sh busybox crond -f -c /var/spool/cron/crontabs", 0},
}

var (
	cronFirst = time.Date(2026, 11, 23, 11, 59, 30, 0, time.UTC)
	cronLast  = cronFirst.Add(2 * time.Minute) // two ticks that every daemon has gone through
)

// TestCronGrammar gives the same tables to three real daemons and holds what
// ran, as whom, in which directory, with which words, input and environment to
// what audit/cron says. POSTERN_CRON_CASES and POSTERN_CRON_SEED draw more.
func TestCronGrammar(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel() // it mostly waits for the clock
	cases := append(knownTables(), generatedTables(cronSetting(t, "POSTERN_CRON_SEED", 1), int(cronSetting(t, "POSTERN_CRON_CASES", 100)))...)
	for _, d := range cronDaemons {
		t.Run(d.daemon.String(), func(t *testing.T) {
			t.Parallel()
			newCronTrial(t, d, cases).run(t)
		})
	}
}

func cronSetting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// cronTrial is all tables before one daemon.
type cronTrial struct {
	cronDaemon
	host   *e2e.Host
	tables []cronTable
}

type cronTable struct {
	cronCase
	account string
	parsed  *cron.Table
	fate    cron.Fate // of the line that is asked about
	random  bool      // when it runs is drawn by the daemon
}

func (c *cronTable) home() string { return "/h/" + c.account }

func newCronTrial(t *testing.T, d cronDaemon, cases []cronCase) *cronTrial {
	tr := &cronTrial{cronDaemon: d}
	tr.host = e2e.Start(t, e2e.Spec{Release: e2e.Trixie, Layers: d.layers, Daemons: []string{"/usr/sbin/sshd -D"}})
	for i, c := range cases {
		if c.form == cron.System && d.daemon == cron.Busybox {
			continue
		}
		account := fmt.Sprintf("u%03d", i)
		c.table = strings.ReplaceAll(c.table, "USER", account)
		tr.tables = append(tr.tables, cronTable{cronCase: c, account: account})
	}
	accounts := map[string]bool{"root": true, "nobody": true, "daemon": true}
	for _, c := range tr.tables {
		accounts[c.account] = true
	}
	for i := range tr.tables {
		c := &tr.tables[i]
		o := cron.Options{Version: d.version, NoNicks: d.daemon == cron.Busybox,
			Account: func(name string) (bool, bool) { return accounts[name], true },
			Look: func(path string) cron.FileInfo {
				if strings.HasPrefix(path, "/nonexistent") {
					return cron.FileInfo{Known: true}
				}
				return cron.FileInfo{Known: path == "/bin/sh" || path == "/bin/bash" || path == "/usr/sbin/nologin", Exists: true, Type: 'f', Mode: 0o755}
			}}
		if c.form == cron.User {
			o.User = c.account
		}
		c.parsed = cron.ParseTable([]byte(c.table), c.form, d.daemon, o)
		for j := range c.parsed.Entries {
			e := &c.parsed.Entries[j]
			if strings.HasSuffix(e.Raw, "touch good\n") && e.Job != nil {
				continue
			}
			if e.Job != nil {
				c.fate = e.Job.Fate
				c.random = c.random || e.Job.Runs() && e.Job.Schedule.Random != 0
			} else if e.Kind == cron.EntryBad && c.fate == cron.FateNone {
				c.fate = e.Fate
			}
		}
		if c.parsed.Dropped {
			c.fate = cron.FateDropped
		}
		if c.parsed.Kills {
			c.fate = cron.FateKills
		}
	}
	return tr
}

// due says how often a job is started between the first tick and the last.
func (tr *cronTrial) due(j *cron.Job) int {
	if !j.Runs() {
		return 0
	}
	if j.Schedule.Kind == cron.ScheduleReboot {
		return 1
	}
	loc := time.UTC
	if z := j.Schedule.Zone; z != "" {
		if l, ok := cron.PosixZone(z); ok {
			loc = l
		} else if l, err := time.LoadLocation(z); err == nil {
			loc = l
		}
	}
	n := 0
	for _, at := range j.Schedule.Next(cronFirst, loc, tr.daemon, 2) {
		if at.Before(cronLast) {
			n++
		}
	}
	return n
}

// input is what a daemon that knows of input hands to a command: it ends the last
// line, but not one that is a lone backslash (do_command.c: need_newline).
func input(j *cron.Job) string {
	if line, ok := strings.CutSuffix(j.Stdin, `\`); j.Stdin == "" || strings.HasSuffix(j.Stdin, "\n") || ok && (line == "" || strings.HasSuffix(line, "\n")) {
		return j.Stdin
	}
	return j.Stdin + "\n"
}

// model is a script that does by hand what the daemon should do for a table at the
// tick $TICK.
func (tr *cronTrial) model(c *cronTable) string {
	var b strings.Builder
	for _, j := range c.parsed.Jobs() {
		starts := tr.due(j)
		if c.parsed.Dropped || c.parsed.Kills || starts == 0 {
			continue
		}
		env := map[string]string{"HOME": c.home(), "SHELL": "/bin/sh", "PATH": tr.path}
		for k, v := range j.Env.Map() {
			env[k] = v
		}
		if tr.daemon == cron.Busybox {
			env["HOME"] = c.home()
			delete(env, "MAILTO") // it is for the daemon alone
		}
		env["LOGNAME"] = c.account
		in := "cd " + quoteSh(env["HOME"])
		if tr.daemon == cron.Debian {
			in = "{ " + in + " || cd /var/spool/cron; }"
		}
		fmt.Fprintf(&b, "[ $TICK -gt %d ] || { ", starts)
		fmt.Fprintf(&b, "%s && printf '%%s' %s | setpriv --reuid %s --regid 100 --clear-groups env -i", in, quoteSh(input(j)), c.account)
		var names []string
		for k := range env {
			names = append(names, k)
		}
		slices.Sort(names)
		for _, k := range names {
			b.WriteString(" " + quoteSh(k+"="+env[k]))
		}
		fmt.Fprintf(&b, " %s -c %s; }\n", quoteSh(env["SHELL"]), quoteSh(j.Command))
	}
	return b.String()
}

func quoteSh(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (tr *cronTrial) run(t *testing.T) {
	h := tr.host
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	put := func(name, content string, mode int64) {
		w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg, ModTime: time.Unix(1700000000, 0)})
		io.WriteString(w, content)
	}
	rec := strings.ReplaceAll(recorder, "$RECORD", "/h/$(id -un)/rec")
	put("r", rec, 0o755)
	var accounts strings.Builder
	for i := range tr.tables {
		c := &tr.tables[i]
		fmt.Fprintf(&accounts, "%s:x:%d:100::%s:/bin/sh\n", c.account, 20000+i, c.home())
		w.WriteHeader(&tar.Header{Name: c.home()[1:] + "/", Mode: 0o755, Typeflag: tar.TypeDir, Uid: 20000 + i, Gid: 100})
		put("m/"+c.account, tr.model(c), 0o644)
		where := "spool/" + c.account
		if c.form == cron.System {
			where = "cron.d/" + c.account
		}
		if c.fate == cron.FateKills {
			where = "kills/" + c.account
		}
		put("t/"+where, c.table, 0o600)
	}
	put("etc/localtime", "", 0o644)
	put("t/accounts", accounts.String(), 0o644)
	w.Close()
	unpack := h.Command("tar", "-xf", "-", "-C", "/")
	unpack.Stdin = &archive
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v\n%s", err, out)
	}
	h.Run(`cat /t/accounts >>/etc/passwd; sed 's/:.*/:*:19000:0:99999:7:::/' /t/accounts >>/etc/shadow
rm -f /etc/cron.d/* /etc/crontab /etc/cron.d/.placeholder /etc/localtime; rm -rf /etc/cron.hourly; : >/etc/crontab
cp -a /h /h.clean
cd /m; for TICK in 1 2; do for m in *; do TICK=$TICK sh "$m" >/dev/null 2>&1 </dev/null; done; done; cd /
mv /h /h.model; mv /h.clean /h
mkdir -p /t/kills /var/spool/cron/crontabs; cp -p /t/spool/* /var/spool/cron/crontabs/; [ ! -d /t/cron.d ] || cp -p /t/cron.d/* /etc/cron.d/`)
	tr.daemonRuns(t)
	tr.compare(t)
	tr.killers(t)
}

// daemonRuns starts the daemon and lets it see its ticks.
func (tr *cronTrial) daemonRuns(t *testing.T) {
	h := tr.host
	wait := tr.wait
	if wait == 0 {
		// The zone in which the next full minute is 12:00 of 23 November.
		now := time.Now()
		noon := now.Truncate(time.Minute).Add(time.Minute)
		if noon.Sub(now) < 5*time.Second {
			noon = noon.Add(time.Minute)
			time.Sleep(5 * time.Second)
		}
		h.WriteFile("/etc/localtime", zoneFile(int32(cronFirst.Add(30*time.Second).Sub(noon)/time.Second)), 0o644)
		wait = time.Until(noon.Add(100 * time.Second))
	}
	cmd := h.Command("/bin/sh", "-c", "cd /; export PATH=/usr/bin:/bin:/usr/sbin:/sbin BUSY="+tr.path+"; unset SHELL TZ; "+tr.start+" >/t/log 2>&1 </dev/null; echo ended $? >>/t/ended")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(wait)
	if out, _, code := h.Exec("cat /t/ended"); code == 0 {
		t.Errorf("the daemon itself %s", out)
	}
	h.Exec(`for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in cron|crond|busybox) kill -9 ${p#/proc/};; esac; done`)
	if err := cmd.Wait(); err != nil {
		t.Logf("the daemon's shell: %v", err)
	}
}

// zoneFile is a TZif file (RFC 9636) with one offset for all times.
func zoneFile(offset int32) []byte {
	block := func(b []byte) []byte {
		b = append(b, "TZif2"...)
		b = append(b, make([]byte, 15)...)
		for _, n := range []uint32{0, 0, 0, 0, 1, 4} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(offset))
		return append(b, 0, 0, 'X', 'X', 'X', 0)
	}
	return append(block(block(nil)), "\n\n"...)
}

// compare holds what each account's directory has to what the model left.
func (tr *cronTrial) compare(t *testing.T) {
	root := tr.host.Root()
	counts := map[string]int{}
	for i := range tr.tables {
		c := &tr.tables[i]
		if c.fate == cron.FateKills {
			continue
		}
		want, got := listHome(t, root+"/h.model/"+c.account), listHome(t, root+c.home())
		counts[c.fate.String()]++
		if c.random {
			for _, name := range []string{"x", "rec"} {
				delete(want, name)
				delete(got, name)
			}
			counts["(random minute, only the good line compared)"]++
		}
		if d := cmp.Diff(want, got); d != "" {
			counts["DISAGREE"]++
			t.Errorf("%s (%s): %.200q\npredicted %v %s (file dropped: %v), (-predicted +ran)\n%.900s", c.name, c.account, c.table, c.fate, c.parsed.Reason, c.parsed.Dropped, d)
		}
	}
	t.Logf("%s %s: %d tables: %v", tr.daemon, tr.version, len(tr.tables), counts)
}

func listHome(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

// killers gives each table that should end the daemon to one of its own.
func (tr *cronTrial) killers(t *testing.T) {
	n := 0
	for i := range tr.tables {
		c := &tr.tables[i]
		if c.fate != cron.FateKills {
			continue
		}
		n++
		out, _, code := tr.host.Exec("rm -rf /k; mkdir /k; cp -p /t/kills/" + c.account + " /k/; timeout 1 busybox crond -f -c /k")
		if code == 124 || code == 143 {
			t.Errorf("%s: %q should end the daemon, which still ran after a second: %s", c.name, c.table, out)
		}
	}
	if n > 0 {
		t.Logf("%s %s: %d tables that end the daemon, each tried alone", tr.daemon, tr.version, n)
	}
}

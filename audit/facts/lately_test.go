package facts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// lastPasswords is a plain host whose collector looked for passwords' logins alone.
func lastPasswords(said string) *host {
	h := plainHost().drop(snapshot.OutSshdLog, "/etc/passwd")
	h.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\namy:x:1001:1001::/home/amy:/bin/sh\n")
	return h.out(snapshot.OutPasswordLog, said)
}

// Who came with a password, and since when that was looked at: by the log files, by the
// journal, and by both, where one may have ended before the other begins.
func TestPasswordLogins(t *testing.T) {
	const (
		bob   = "2026-10-03T08:00:00+0000 h sshd[901]: Accepted password for bob from 192.0.2.7 port 4022 ssh2\n"
		later = "2026-11-20T08:00:00+0000 h sshd-session[902]: Accepted keyboard-interactive/pam for bob from 2001:db8::7 port 4022 ssh2\n"
		amy   = "2026-11-21T08:00:00.123456+00:00 h sshd[903]: Accepted password for amy from 192.0.2.8 port 1 ssh2\n"
		any   = " h systemd[1]: Started something.\n"
	)
	for name, c := range map[string]struct {
		said  string
		want  string // user address day, in the order of passwd
		since string // day; "" not known
		cut   bool
	}{
		"nothing was there":         {".\n", "", "", false},
		"files":                     {"f< 2026-10-01T00:00:00+0000" + any + "f= " + bob + "f= " + amy + "f> 2026-11-22T00:00:00+0000" + any + ".\n", "bob 192.0.2.7 3; amy 192.0.2.8 21", "10-01", false},
		"the journal":               {"j< 2026-11-02T00:00:00+0000" + any + "j= " + later + ".\n", "bob 2001:db8::7 20", "11-02", false},
		"both, and they meet":       {"j< 2026-11-02T00:00:00+0000" + any + "j= " + later + "f< 2026-10-01T00:00:00+0000" + any + "f= " + bob + "f> 2026-11-22T00:00:00+0000" + any + ".\n", "bob 2001:db8::7 20", "10-01", false},
		"files that ended long ago": {"j< 2026-11-02T00:00:00+0000" + any + "f< 2026-10-01T00:00:00+0000" + any + "f= " + bob + "f> 2026-10-22T00:00:00+0000" + any + ".\n", "bob 192.0.2.7 3", "11-02", false},
		"a hole in the files":       {"f< 2026-10-01T00:00:00+0000" + any + "f= " + bob + "f< 2026-11-03T00:00:00+0000" + any + "f> 2026-11-22T00:00:00+0000" + any + ".\n", "bob 192.0.2.7 3", "11-03", false},
		"no year":                   {"f< Oct  1 00:00:00" + any + "f= Oct  3 08:00:00 h sshd[901]: Accepted password for bob from 192.0.2.7 port 4022 ssh2\nf> Nov 22 00:00:00" + any + ".\n", "bob 192.0.2.7 3", "10-01", false},
		"it was cut":                {"f< 2026-10-01T00:00:00+0000" + any + "f= " + bob, "bob 192.0.2.7 3", "10-01", true},
		"names that strangers try": {"f< 2026-10-01T00:00:00+0000" + any +
			"f= 2026-11-03T00:00:00+0000 h sshd[1]: Failed password for invalid user Accepted password for bob from 203.0.113.1 port 1 ssh2\n" +
			"f= 2026-11-03T00:00:00+0000 h su[1]: Accepted password for bob from 203.0.113.1 port 1 ssh2\n" +
			"f= 2026-11-03T00:00:00+0000 h x sshd[1]: Failed password for x: Accepted password for bob from 203.0.113.1 port 1 ssh2\n" +
			"f= 2026-11-03T00:00:00+0000 h sshd[1]: Accepted password for nobodyhere from 203.0.113.1 port 1 ssh2\n" +
			"x= 2026-11-03T00:00:00+0000 h sshd[1]: Accepted password for bob from 203.0.113.1 port 1 ssh2\n" +
			"f= 2026-11-03T00:00:00+0000 h sshd[1]: Accepted publickey for bob from 203.0.113.1 port 1 ssh2\n" +
			"f> 2026-11-22T00:00:00+0000" + any + ".\n", "", "10-01", false},
	} {
		t.Run(name, func(t *testing.T) {
			said := c.said
			logins, since, whole := facts.PasswordLogins(lastPasswords(said).snapshot(), facts.Options{Now: now, Name: "h"})
			var got []string
			for _, l := range logins {
				got = append(got, l.User+" "+l.From+" "+l.Last.Format("2"))
			}
			back := ""
			if !since.IsZero() {
				back = since.UTC().Format("01-02")
			}
			if s := strings.Join(got, "; "); s != c.want || back != c.since || whole == c.cut {
				t.Errorf("%q since %q, whole %v; want %q, %q, %v", s, back, whole, c.want, c.since, !c.cut)
			}
		})
	}
}

// An archive of an earlier release has the last lines of sshd's log alone.
func TestPasswordLoginsOfEarlierArchives(t *testing.T) {
	h := lastPasswords("").drop(snapshot.OutPasswordLog)
	h.out(snapshot.OutSshdLog, "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"+
		"2026-11-20T08:00:00+0000 h sshd[901]: Accepted password for bob from 192.0.2.7 port 4022 ssh2\n")
	logins, since, whole := facts.PasswordLogins(h.snapshot(), facts.Options{Now: now, Name: "h"})
	if len(logins) != 1 || logins[0].User != "bob" || !since.Equal(time.Date(2026, 11, 1, 0, 1, 0, 0, time.UTC)) || !whole {
		t.Errorf("%+v since %s, whole %v", logins, since, whole)
	}
}

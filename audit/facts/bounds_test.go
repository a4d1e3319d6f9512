package facts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// TestJobsAreBounded: one host's answer may hold millions of jobs in many tables. A
// bounded number of them is looked at, the rest is a gap, and no account's table
// keeps the others' out.
func TestJobsAreBounded(t *testing.T) {
	full := strings.Repeat("* * * * * root x\n", 60_000)
	for name, c := range map[string]struct {
		host func(h *host)
		most int
		also string // a command that is seen all the same
	}{
		"tables of the system": {func(h *host) {
			for i := range 4 {
				h.text(fmt.Sprintf("/etc/cron.d/t%d", i), full)
			}
		}, 100_000, ""},
		"a table of an account": {func(h *host) {
			h.file("/var/spool/cron/crontabs/alice", strings.Repeat("* * * * * x\n", 80_000), 0o600, 1000, 0)
			h.file("/var/spool/cron/crontabs/root", "* * * * * /root/last\n", 0o600, 0, 0)
		}, 20_000, "/root/last"},
		"lines that are no jobs": {func(h *host) {
			for i := range 4 {
				h.text(fmt.Sprintf("/etc/cron.d/t%d", i), strings.Repeat("*\n", 150_000))
			}
			h.file("/var/spool/cron/crontabs/root", "* * * * * /root/last\n", 0o600, 0, 0)
		}, 1000, "/root/last"},
		"long words": {func(h *host) {
			line := "* * * * * root a=xxxxxxxx;" + strings.Repeat("a=$a$a;", 20) + "/$a\n"
			h.text("/etc/cron.d/t", strings.Repeat(line, 6000))
		}, 6000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.host(h)
			f := h.facts()
			if len(f.Jobs) > c.most {
				t.Errorf("%d jobs", len(f.Jobs))
			}
			var gaps []string
			for _, g := range f.Gaps["jobs"] {
				gaps = append(gaps, g.Path+": "+g.Reason)
			}
			if text := strings.Join(gaps, "\n"); !strings.Contains(text, "looked at") || len(gaps) > 10 {
				t.Errorf("%d gaps: %.2000s", len(gaps), text)
			}
			bytes, seen := 0, false
			for i := range f.Jobs {
				seen = seen || f.Jobs[i].Command == c.also
				for _, x := range f.Jobs[i].Targets {
					bytes += len(x.Path)
				}
			}
			for i := range f.Tables {
				for _, e := range f.Tables[i].Evidence {
					bytes += len(e.Text) + len(e.Witness)
				}
			}
			if bytes > 80<<20 {
				t.Errorf("%d bytes are told of what they run", bytes)
			}
			if c.also != "" && !seen {
				t.Errorf("%s was not seen", c.also)
			}
		})
	}
}

// TestServersAreBounded: whoever may run a program may call it sshd. Root's servers are
// looked at before those of others.
func TestServersAreBounded(t *testing.T) {
	h := plainHost()
	var list strings.Builder
	for i := range 400_000 {
		fmt.Fprintf(&list, "%d\tsshd\n", 1000+i)
	}
	for i := range 400 {
		h.daemon(1000+i, "/home/alice/sshd", "/home/alice/sshd\x00", 1000)
	}
	h.daemon(9999, "/opt/other/sshd", "/opt/other/sshd\x00-p\x002222\x00", 0)
	h.out(snapshot.OutDaemons, "650\tcron\n"+list.String()+"700\tsshd\n")
	f := h.facts()
	seen := map[int64]bool{}
	for i := range f.Daemons {
		seen[f.Daemons[i].PID] = true
	}
	if len(f.Daemons) > 256 || !seen[700] || !seen[9999] || len(f.Gaps["daemons"]) == 0 {
		t.Errorf("%d servers, 700 %t, 9999 %t, gaps %.200v", len(f.Daemons), seen[700], seen[9999], f.Gaps["daemons"])
	}
	if l := facts.WhoCanLogIn(h.snapshot(), facts.Options{Now: now}); len(l.Servers) > 256 || len(l.Gaps) == 0 {
		t.Errorf("%d servers", len(l.Servers))
	}
}

// TestWaysThroughLinksAreBounded: links that lead through themselves make a way
// longer at each of them. What is not followed to its end is not known.
func TestWaysThroughLinksAreBounded(t *testing.T) {
	h := plainHost()
	link := func(p, to string) {
		h.meta(p, 'l', 0o777, 1000, 1000)
		h.change(p, func(f *snapshot.File) { f.Target = to })
	}
	link("/home/alice/b", strings.Repeat("b/", 2000)+"b")
	link("/home/alice/a", "a/a/a")
	var table, targets strings.Builder
	for i := range 3000 {
		p := fmt.Sprintf("/home/alice/b/b/a/x%d", i)
		fmt.Fprintf(&table, "* * * * * root %s\n* * * * * root /%s%d\n", p, strings.Repeat("n/", 400), i)
		targets.WriteString(p + "\x00")
	}
	h.text("/etc/crontab", table.String())
	h.out(snapshot.OutTargets, targets.String())
	began := time.Now()
	f := h.facts()
	if took := time.Since(began); took > 30*time.Second { // before it was bounded: many minutes
		t.Errorf("it took %v", took)
	}
	for i := range f.Jobs {
		for _, x := range f.Jobs[i].Targets {
			if strings.HasPrefix(x.Path, "/home/alice/b") && x.Exists != "unknown" {
				t.Fatalf("%s: exists %s", x.Path, x.Exists)
			}
		}
	}
	// What is plain is still known.
	if f.Unknown["sshd.password_login"] != "" {
		t.Errorf("password_login is unknown: %s", f.Unknown["sshd.password_login"])
	}
}

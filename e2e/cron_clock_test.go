//go:build linux

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/e2e"
)

// clockZone changes as most of Europe does: at 01:00 UTC on the last Sundays of
// March and October.
const clockZone = "CET-1CEST,M3.5.0,M10.5.0/3"

// clockSchedules are fixed ones, which Debian's cron and cronie make up for, and
// those with an asterisk, which follow the clock.
var clockSchedules = []string{
	"* * * * *", "0 3 * * *", "1 3 * * *", "59 1 * * *", "58 1 29 3 *", "0 2 * * *", "1 2 * * *", "30 2 * * *", "15,45 2 * * *", "30 2 * * 1",
	"30 2 28 * *", "59 2 * * *", "0-59 2 * * *", "*/30 2 * * *", "*/2 2 * * *", "30 * * * *", "1 * * * *", "0 1-3 * * *", "2 2,3 * * *",
	"*/5 3 * * *", "0 */3 * * *", "0 0-23 * * *", "@hourly", "@daily", "2 3 * 3 *", "2 2 * 10 0", "* 2 * * *", "* 3 * * 0", "3 2-3 25 10 *",
}

// TestCronClockChanges lets two real daemons go through an hour that is left out
// and one that comes twice, and holds how often each job ran to the times that
// audit/cron foretells. The clock is libfaketime's; busybox crond, which is static,
// cannot be given one, and follows the clock by its source.
func TestCronClockChanges(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel() // it mostly waits for the clock
	loc, ok := cron.PosixZone(clockZone)
	if !ok {
		t.Fatal("the zone is not read")
	}
	for _, d := range cronDaemons[:2] {
		for name, start := range map[string]time.Time{
			"forward": time.Date(2026, 3, 29, 0, 57, 50, 0, time.UTC),
			"back":    time.Date(2026, 10, 25, 0, 57, 50, 0, time.UTC),
		} {
			t.Run(d.daemon.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				clockTrial(t, d, start, loc)
			})
		}
	}
}

// What a daemon is given: its clock runs eight times as fast.
const (
	clockRate = 8
	clockSpan = 400 * time.Second // of its time; it ends in the middle of a minute
)

// clockJump is when clocks are put forward.
var clockJump = time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)

// leftOut counts the minutes of a schedule from 02:00 to 03:00 by the wall, as if
// the clock went on.
func leftOut(s *cron.Schedule, start time.Time) int {
	if !start.Before(clockJump) || clockJump.Sub(start) > time.Hour {
		return 0
	}
	n := 0
	for _, at := range s.Next(time.Date(2026, 3, 29, 1, 59, 30, 0, time.UTC), time.UTC, cron.Dcron, 100) {
		if !at.After(time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC)) {
			n++
		}
	}
	return n
}

func clockTrial(t *testing.T, d cronDaemon, start time.Time, loc *time.Location) {
	h := e2e.Start(t, e2e.Spec{Release: e2e.Trixie, Layers: d.layers, Daemons: []string{"/usr/sbin/sshd -D"}})
	var table strings.Builder
	for i, s := range clockSchedules {
		fmt.Fprintf(&table, "%s echo x >>/root/ran-%d\n", s, i)
	}
	h.Run("rm -f /etc/cron.d/* /etc/crontab; : >/etc/crontab; mkdir -p /var/spool/cron/crontabs /t")
	h.WriteFile("/var/spool/cron/crontabs/root", []byte(table.String()), 0o600)
	command := "cron -f"
	if d.daemon == cron.Cronie {
		command = "crond -n"
	}
	cmd := h.Command("/bin/sh", "-c", fmt.Sprintf("cd /; export PATH=/usr/bin:/bin:/usr/sbin:/sbin TZ=%s FAKETIME_FMT=%%s FAKETIME='@%d x%d' LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1); exec %s >/t/log 2>&1 </dev/null",
		clockZone, start.Unix(), clockRate, command))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(clockSpan / clockRate)
	h.Exec(`for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in cron|crond) kill -9 ${p#/proc/};; esac; done`)
	if err := cmd.Wait(); err != nil {
		t.Logf("the daemon's shell: %v", err)
	}
	jobs := cron.ParseTable([]byte(table.String()), cron.User, d.daemon, cron.Options{User: "root", Version: d.version}).Jobs()
	if len(jobs) != len(clockSchedules) {
		t.Fatalf("%d jobs of %d", len(jobs), len(clockSchedules))
	}
	total := 0
	for i, j := range jobs {
		want, jumps := 0, 0
		var times []string
		for _, at := range j.Schedule.Next(start, loc, d.daemon, 100) {
			if !at.Before(start.Add(clockSpan)) {
				break
			}
			times = append(times, at.Format("15:04 -0700"))
			if want++; at.Equal(clockJump) && !j.Schedule.Wild {
				jumps++
			}
		}
		// A fixed job is made up for once for each minute that was left out; Next
		// names that moment once.
		if made := leftOut(&j.Schedule, start); !j.Schedule.Wild && (made > 0) != (jumps > 0) {
			t.Errorf("%q: %d minutes were left out, and %d times are foretold for the moment after them", clockSchedules[i], made, jumps)
		} else if jumps > 0 {
			want += made - jumps
		}
		out, _, _ := h.Exec(fmt.Sprintf("cat /root/ran-%d 2>/dev/null | wc -l", i))
		if got := strings.TrimSpace(out); got != fmt.Sprint(want) {
			t.Errorf("%q ran %s times, foretold %d: %v", clockSchedules[i], got, want, times)
		}
		total += want
	}
	if total == 0 {
		t.Error("no job was foretold at all")
	}
}

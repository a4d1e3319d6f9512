package facts_test

import (
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// systemd names a unit's file by the way that it came. Where that leads over a
// link, and where the collector saw the file by its other name, the job still
// has the file's own path and the line of its time.
func TestTimerNamedBySystemd(t *testing.T) {
	for name, fragment := range map[string]string{
		"by its own path": "/usr/lib/systemd/system/tidy.timer",
		"through a link":  "/lib/systemd/system/tidy.timer",
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().dir("/usr/lib/systemd", 0o755, 0, 0).dir("/usr/lib/systemd/system", 0o755, 0, 0)
			h.text("/usr/lib/systemd/system/tidy.timer", "[Unit]\nDescription=x\n\n[Timer]\nOnCalendar=daily\n")
			h.out(snapshot.OutTimers, "Id=tidy.timer\nLoadState=loaded\nActiveState=active\nFragmentPath="+fragment+"\nUnit=tidy.service\n"+
				"TimersCalendar={ OnCalendar=*-*-* 00:00:00 ; next_elapse=n/a }\n\nId=tidy.service\nExecStart={ path=/usr/local/sbin/job ; argv[]=/usr/local/sbin/job ; ignore_errors=no }\n")
			for _, j := range h.facts().Jobs {
				if j.Scheduler != "timer" {
					continue
				}
				if j.Path != "/usr/lib/systemd/system/tidy.timer" || j.Line != 5 || j.Evidence[0].Line != 5 {
					t.Errorf("%s:%d, want /usr/lib/systemd/system/tidy.timer:5", j.Path, j.Line)
				}
				return
			}
			t.Error("the timer is no job")
		})
	}
}

// A log that names whole seconds does not tell whether a file changed before or
// after a reload in the same one: not stale, and not known to be fresh.
func TestEditedInTheSecondOfTheReload(t *testing.T) {
	const log = "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n" +
		"2026-11-10T00:00:00+0000 h sshd[700]: Received SIGHUP; restarting.\n2026-11-10T00:00:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"
	second := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		edited         time.Time
		stale, unknown bool
	}{
		"before":         {second.Add(-time.Millisecond), false, false},
		"within":         {second.Add(300 * time.Millisecond), false, true},
		"a second later": {second.Add(1001 * time.Millisecond), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().drop(snapshot.OutSshdLog).out(snapshot.OutSshdLog, log)
			h.change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.MTime, f.CTime = c.edited, c.edited })
			f := h.facts()
			if _, unknown := f.Unknown["sshd.stale"]; unknown != c.unknown || f.Sshd.Stale != c.stale {
				t.Errorf("stale %v, unknown %q", f.Sshd.Stale, f.Unknown["sshd.stale"])
			}
			if !c.stale {
				known(t, f, "sshd.password_login", "sshd.root_login")
			}
		})
	}
}

package facts

import (
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// globalUserUnits holds units of every account's service manager (systemd.unit(5)).
// What packages bring in /usr/lib/systemd/user is not looked at.
const globalUserUnits = "/etc/systemd/user"

// userTimers reads the timers of accounts' own service managers, which run from boot
// on where the account lingers (loginctl(1)), else while it is logged in.
func (b *builder) userTimers() {
	const lingering = "/var/lib/systemd/linger"
	b.gaps("jobs", lingering)
	b.gaps("jobs", globalUserUnits)
	lingers := map[string]bool{}
	for _, f := range b.fs.entries(lingering) {
		lingers[path.Base(f.Path)] = true
	}
	everyones := false
	for i := range b.list {
		a := &b.list[i]
		if !strings.HasPrefix(a.Home, "/") {
			continue
		}
		own := strings.TrimSuffix(a.Home, "/") + "/.config/systemd/user"
		b.gaps("jobs", own)
		m := cron.Manager{User: a.Name, Home: path.Clean(a.Home), UID: a.UID}
		b.userTimersIn(own, m, lingers[a.Name], []string{own, globalUserUnits})
		if lingers[a.Name] {
			everyones = true
			b.userTimersIn(globalUserUnits, m, true, []string{own, globalUserUnits})
		}
	}
	if !everyones {
		// Whoever logs in has them: root stands for all.
		b.userTimersIn(globalUserUnits, cron.Manager{User: "root", Home: "/root"}, false, []string{globalUserUnits})
	}
}

// userTimersIn reads the timers of one folder as those of an account; dirs are where
// its units are looked for.
func (b *builder) userTimersIn(dir string, m cron.Manager, lingers bool, dirs []string) {
	files := b.fs.entries(dir)
	if len(files) == 0 {
		return
	}
	wanted := b.wantedTimers(dirs)
	for _, f := range files {
		id := path.Base(f.Path)
		if !strings.HasSuffix(id, ".timer") || strings.HasSuffix(id, "@.timer") || dir != dirs[0] && b.fs.lookup(dirs[0]+"/"+id) != nil {
			continue
		}
		timer := b.unit(dirs, id)
		if timer == nil {
			if f.Type != 'l' {
				b.gap("jobs", f.Path, "its content was not read")
			}
			continue // masked
		}
		starts := startedBy(timer, id)
		service := b.unit(dirs, starts)
		if service == nil {
			b.gap("jobs", f.Path, "what it starts was not read: "+starts)
		}
		for _, j := range cron.TimerJobs(id, f.Path, timer, service, m) {
			notes := []string{j.Note}
			if dir == globalUserUnits {
				notes = append(notes, "in each account's own manager")
			}
			if !lingers {
				notes = append(notes, "while "+m.User+" is logged in: the account does not linger")
			}
			if !slices.Contains(wanted, id) {
				notes = append(notes, "whether it is enabled was not seen: no link in a .wants folder of "+path.Dir(f.Path)+" names it")
			}
			j.Note = strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
			b.job(j, true, "", string(cron.SchedTimer))
		}
	}
}

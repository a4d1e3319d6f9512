package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Where an account's service manager looks for units, in its order (systemd.unit(5)):
// what the account itself made, then what all accounts have.
var (
	globalUserUnits = []string{"/etc/xdg/systemd/user", "/etc/systemd/user", "/run/systemd/user", "/usr/local/share/systemd/user",
		"/usr/share/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"}
	vendorUserUnits = []string{"/usr/share/systemd/user", "/usr/lib/systemd/user"} // what packages bring
)

// ownUserUnits are the folders of one account. Those below /run/user hold what was
// made for as long as it runs: systemd-run --user --on-calendar.
func ownUserUnits(a *account.Account) []string {
	home, run := strings.TrimSuffix(a.Home, "/"), "/run/user/"+strconv.FormatInt(a.UID, 10)
	return []string{home + "/.config/systemd/user.control", run + "/systemd/user.control", run + "/systemd/transient",
		home + "/.config/systemd/user", run + "/systemd/user", home + "/.local/share/systemd/user"}
}

// userTimers reads the timers of accounts' own service managers, which run from boot
// on where the account lingers (loginctl(1)), else while it is logged in.
func (b *builder) userTimers() {
	const lingering = "/var/lib/systemd/linger"
	b.gaps("jobs", lingering)
	for _, dir := range globalUserUnits {
		b.gaps("jobs", dir)
	}
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
		own := ownUserUnits(a)
		for _, dir := range own {
			b.gaps("jobs", dir)
		}
		m := userManager{Manager: cron.Manager{User: a.Name, Home: path.Clean(a.Home), UID: a.UID}, lingers: lingers[a.Name]}
		m.dirs = slices.Concat(own[:4], globalUserUnits[:2], own[4:5], globalUserUnits[2:3], own[5:], globalUserUnits[3:])
		b.userTimersIn(own, &m)
		if m.lingers {
			everyones = true
			b.userTimersIn(globalUserUnits, &m)
		}
	}
	if !everyones {
		// Whoever logs in has them: root stands for all.
		b.userTimersIn(globalUserUnits, &userManager{Manager: cron.Manager{User: "root", Home: "/root"}, dirs: globalUserUnits})
	}
}

// userManager is the service manager of one account.
type userManager struct {
	cron.Manager
	lingers bool
	dirs    []string // where it looks for units, in its order
	wanted  []string // the timers that links in these name; nil not looked for yet
}

// userTimersIn reads the timers of some folders of an account's manager.
func (b *builder) userTimersIn(folders []string, m *userManager) {
	for _, dir := range folders {
		for _, f := range b.fs.entries(dir) {
			if id := path.Base(f.Path); strings.HasSuffix(id, ".timer") && !strings.HasSuffix(id, "@.timer") {
				b.userTimer(dir, id, f, m)
			}
		}
	}
}

func (b *builder) userTimer(dir, id string, f *snapshot.File, m *userManager) {
	if m.wanted == nil {
		m.wanted = append([]string{}, b.wantedTimers(m.dirs)...)
	}
	enabled := slices.Contains(m.wanted, id)
	if !enabled && slices.Contains(vendorUserUnits, dir) {
		return // what a package brings and nobody wants
	}
	for _, before := range m.dirs[:slices.Index(m.dirs, dir)] {
		if b.fs.lookup(before+"/"+id) != nil {
			return // that one is read instead
		}
	}
	timer := b.unit(m.dirs, id)
	if timer == nil {
		if f.Type != 'l' {
			b.gap("jobs", f.Path, "its content was not read")
		}
		return // masked
	}
	starts := startedBy(timer, id)
	service := b.unit(m.dirs, starts)
	if service == nil {
		b.gap("jobs", f.Path, "what it starts was not read: "+starts)
	}
	transient := strings.HasPrefix(dir, "/run/user/")
	for _, j := range cron.TimerJobs(id, f.Path, timer, service, m.Manager) {
		notes := []string{j.Note}
		if slices.Contains(globalUserUnits, dir) {
			notes = append(notes, "in each account's own manager")
		}
		switch {
		case transient:
			notes = append(notes, "until the manager of "+m.User+" ends: it was made at run time")
		case !m.lingers:
			notes = append(notes, "while "+m.User+" is logged in: the account does not linger")
		}
		if !enabled && !transient {
			notes = append(notes, "whether it is enabled was not seen: no link in a .wants folder beside its units names it")
		}
		j.Note = strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
		b.job(j, true, "", string(cron.SchedTimer))
	}
}

package facts

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// timerFiles reads timers from the unit files, where systemd itself was not asked.
// A template is no timer, but each instance of it that is wanted is one.
func (b *builder) timerFiles() {
	wanted := b.wantedTimers(unitDirs)
	seen := map[string]bool{}
	for _, dir := range unitDirs {
		b.gaps("jobs", dir)
		for _, f := range b.fs.entries(dir) {
			id := path.Base(f.Path)
			if !strings.HasSuffix(id, ".timer") || seen[id] {
				continue
			}
			seen[id] = true
			if !strings.HasSuffix(id, "@.timer") {
				b.timerFile(id, f, wanted)
				continue
			}
			for _, name := range wanted {
				if strings.HasPrefix(name, strings.TrimSuffix(id, ".timer")) && !seen[name] {
					seen[name] = true
					b.timerFile(name, f, wanted)
				}
			}
		}
	}
}

// timerFile reads one timer; f is its file.
func (b *builder) timerFile(id string, f *snapshot.File, wanted []string) {
	timer := b.unit(unitDirs, id)
	if timer == nil {
		if f.Type != 'l' || f.Target != "/dev/null" && f.Real != "/dev/null" {
			b.gap("jobs", f.Path, "its content was not read")
			return
		}
		b.job(&cron.Job{Scheduler: cron.SchedTimer, Path: f.Path, ID: id, User: "root", Exec: true, Fate: cron.FateNever, Reason: "the timer is masked",
			Schedule: cron.Schedule{Kind: cron.ScheduleDemand}}, true, "", string(cron.SchedTimer))
		return
	}
	starts := startedBy(timer, id)
	installed := len(timer.Values("Install", "WantedBy"))+len(timer.Values("Install", "RequiredBy")) > 0
	for _, j := range cron.TimerJobs(id, f.Path, timer, b.unit(unitDirs, starts), cron.Manager{}) {
		switch {
		case !j.Fate.Runs():
		case b.timesOver(j):
			j.Fate, j.Reason = cron.FateNever, "all of its times are over"
		case installed && !slices.Contains(wanted, id):
			j.Note = strings.TrimPrefix(j.Note+"; ", "; ") + "whether it is enabled was not seen: no link below /etc/systemd/system names it"
		}
		b.job(j, true, "", string(cron.SchedTimer))
	}
}

// startedBy is the unit that a timer starts: the service of its name, unless it says
// another (systemd.timer(5), Unit=).
func startedBy(timer *cron.Unit, id string) string {
	if starts := timer.Last("Timer", "Unit"); starts != "" {
		return starts
	}
	return strings.TrimSuffix(id, ".timer") + ".service"
}

// timesOver reports a timer whose calendars name years that are over.
func (b *builder) timesOver(j *cron.Job) bool {
	s := &j.Schedule
	if s.Kind != cron.ScheduleCalendar || s.Years == nil || len(s.Since) > 0 || b.in.today <= 0 {
		return false
	}
	yesterday := time.Unix((b.in.today-1)*86400, 0).UTC() // whatever the zone
	return len(s.Next(yesterday, time.UTC, cron.SystemdCron, 1)) == 0
}

// wantedTimers are the timers that links in .wants and .requires folders below dirs
// name, in order.
func (b *builder) wantedTimers(dirs []string) []string {
	var out []string
	for _, dir := range dirs {
		below := b.snap.Below(dir)
		for i := range below {
			folder, id := path.Split(below[i].Path)
			folder = strings.TrimSuffix(folder, "/")
			if strings.HasSuffix(id, ".timer") && path.Dir(folder) == dir && (strings.HasSuffix(folder, ".wants") || strings.HasSuffix(folder, ".requires")) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unit reads a unit file of dirs with its drop-ins; nil where there is none. An instance of
// a template is read from the template where it has no file of its own.
func (b *builder) unit(dirs []string, id string) *cron.Unit {
	names := []string{id}
	if i, k := strings.IndexByte(id, '@'), strings.LastIndexByte(id, '.'); i > 0 && k > i+1 {
		names = append(names, id[:i+1]+id[k:])
	}
	var u *cron.Unit
	for _, name := range names {
		for _, dir := range dirs {
			if u != nil {
				break
			}
			p := dir + "/" + name
			if f := b.fs.lookup(p); f != nil && f.Type == 'l' && (f.Target == "/dev/null" || f.Real == "/dev/null") {
				return nil // masked: what lies below is not read
			}
			if data, ok := b.fs.read(p); ok {
				u = cron.ParseUnit(data)
			}
		}
	}
	if u == nil {
		return nil
	}
	// Drop-ins count in the order of their names, whatever folder they are in; of two
	// with one name the first folder's is read, that of the longest name (systemd.unit(5)).
	dropIns := map[string]string{}
	for _, name := range dropInNames(names) {
		for _, dir := range dirs {
			for _, f := range b.fs.entries(dir + "/" + name + ".d") {
				if base := path.Base(f.Path); strings.HasSuffix(base, ".conf") && dropIns[base] == "" {
					dropIns[base] = f.Path
				}
			}
		}
	}
	order := make([]string, 0, len(dropIns))
	for base := range dropIns {
		order = append(order, base)
	}
	slices.Sort(order)
	for _, base := range order {
		if data, ok := b.fs.read(dropIns[base]); ok {
			u.Append(cron.ParseUnit(data), dropIns[base])
		}
	}
	return u
}

// dropInNames are the names whose .d folders count for a unit: its own, those that are
// cut off at a dash (a-b.service: a-.service), and that of its kind alone (service).
func dropInNames(names []string) []string {
	out := slices.Clone(names)
	for _, name := range names {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			continue
		}
		for at := strings.LastIndexByte(name[:dot], '-'); at > 0; at = strings.LastIndexByte(name[:at], '-') {
			if at+1 < dot {
				out = append(out, name[:at+1]+name[dot:])
			}
		}
	}
	for _, name := range names[:1] {
		if dot := strings.LastIndexByte(name, '.'); dot > 0 {
			out = append(out, name[dot+1:])
		}
	}
	return out
}

package facts

import (
	"time"

	"github.com/postern-ssh/postern/audit/cron"
)

// TableOptions say how a table that was taken from its host is to be read.
type TableOptions struct {
	Name   string // of the table, for its lines
	Form   cron.Form
	Daemon cron.Daemon
	User   string    // owner of a user's table; "" not known
	Now    time.Time // in the zone of the host
}

// JobsOfTable tells what one table runs, by its bytes alone.
func JobsOfTable(data []byte, o TableOptions) *JobList {
	tab := cron.ParseTable(data, o.Form, o.Daemon, cron.Options{Path: o.Name, User: o.User})
	l := &JobList{Daemon: o.Daemon.String(), Running: []string{}, Tables: []Table{}, Gaps: []Gap{}, Clock: o.Now.Format(time.RFC3339)}
	home := ""
	if o.User == "root" {
		home = "/root"
	}
	c := newAgenda(o.Now, o.Now.Location(), o.Daemon)
	l.Zone = c.name
	jobs := tab.Jobs()
	analyses := make([]*cron.Analysis, len(jobs))
	for i, j := range jobs {
		h := home
		if j.User == "root" {
			h = "/root"
		}
		analyses[i] = j.Resolve(h, o.Daemon)
	}
	near := cron.NewNeighbours(jobs, analyses)
	var settings settingsRead
	left := false
	for i, j := range jobs {
		found := cron.Signs(j, analyses[i], cron.SignContext{Daemon: o.Daemon, UID: -1, Near: near})
		set, whole := settings.of(j.Env)
		left = left || !whole
		out := describeJob(j, analyses[i], o.Daemon, factSigns(found), cron.Severity(found).String(), set)
		out.Deceptive = append(out.Deceptive, deceptiveNames(analyses[i])...)
		c.tell(&j.Schedule, j, &out)
		l.Jobs = append(l.Jobs, out)
	}
	if left {
		l.Gaps = append(l.Gaps, Gap{Path: o.Name, Reason: "more settings above its jobs than were looked at"})
	}
	for i := range tab.Entries {
		e := &tab.Entries[i]
		switch {
		case e.Kind == cron.EntryBad && e.Job == nil, e.Kind == cron.EntryRest:
			l.Jobs = append(l.Jobs, refusedLine(e, o.Name, o.User, string(tab.Scheduler())))
		}
	}
	sortListed(l.Jobs)
	if tab.Dropped || tab.Kills {
		l.Tables = append(l.Tables, Table{Path: o.Name, Kind: string(tab.Scheduler()), User: o.User, Reason: tab.Reason, Lost: int64(tab.Lost()), Evidence: []Evidence{{Path: o.Name, Line: tab.Line}}})
	}
	return l
}

func factSigns(found []cron.Sign) []Sign {
	out := make([]Sign, 0, len(found))
	for _, s := range found {
		out = append(out, Sign{ID: s.ID, Severity: s.Severity.String(), Attack: s.Attack, Message: s.Message})
	}
	return out
}

// deceptiveNames names the components on the way of a job's targets that lie to
// the eye, by their bytes alone.
func deceptiveNames(an *cron.Analysis) []string {
	var out []string
	seen := map[string]bool{}
	for i := range an.Targets {
		p := an.Targets[i].Path
		if p == "" {
			p = an.Targets[i].Word
		}
		for _, text := range deceptiveIn(p, "") {
			if !seen[text] {
				seen[text] = true
				out = append(out, text)
			}
		}
	}
	return out
}

// maxSettings bounds the settings that are told of all jobs of a host together: a
// table of settings and jobs by turns has as many as its lines squared. Behind it a
// job is given the fewSettings nearest ones.
const (
	maxSettings = 250_000
	fewSettings = 16
)

// settingsRead hands out the settings in force for jobs, within that bound.
type settingsRead struct{ n int }

// of returns the settings in force, and whether these are all that were looked at.
func (s *settingsRead) of(e *cron.Env) (set map[string]string, whole bool) {
	if s.n <= maxSettings {
		set = e.Map()
		s.n += len(set)
		return set, true
	}
	set = e.Nearest(fewSettings)
	return set, len(set) < fewSettings || len(e.Nearest(2*fewSettings)) == len(set)
}

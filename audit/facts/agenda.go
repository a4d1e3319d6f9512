package facts

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
)

func itoa(n int) string { return strconv.Itoa(n) }

// agenda is the time of a host, from which the next times of its jobs count.
type agenda struct {
	now     time.Time // in the host's zone
	name    string    // of the zone; "" not known
	daemon  cron.Daemon
	changes map[string][]cron.ClockChange // coming ones, by zone
}

// newAgenda makes an agenda; loc is nil where the host's zone is not known.
func newAgenda(now time.Time, loc *time.Location, d cron.Daemon) *agenda {
	c := &agenda{daemon: d, changes: map[string][]cron.ClockChange{}}
	if loc == nil {
		loc = time.UTC
	} else {
		c.name = loc.String()
	}
	c.now = now.In(loc)
	return c
}

// tell writes into out when a job runs next, and what a change of the clock does
// to it.
func (c *agenda) tell(s *cron.Schedule, j *cron.Job, out *ListedJob) {
	loc, d := c.now.Location(), c.daemon
	if j.Scheduler == cron.SchedTimer {
		d = cron.SystemdCron
	}
	out.Zone = c.name
	if s.Zone != "" {
		if l := loadZone(s.Zone); l != nil {
			loc, out.Zone = l, s.Zone
			out.Notes = append(out.Notes, "its schedule is that of the zone "+s.Zone)
		} else {
			out.Notes = append(out.Notes, "its schedule is that of the zone "+s.Zone+", which is not known here")
			return
		}
	} else if tz := j.Env.Get("TZ"); tz != "" && j.Scheduler != cron.SchedTimer && c.daemon != cron.SystemdCron {
		out.Notes = append(out.Notes, "TZ="+tz+" is the job's own: the schedule follows the host's zone")
	} else if tz := j.Env.Get("CRON_TZ"); tz != "" && c.daemon != cron.Cronie {
		out.Notes = append(out.Notes, "CRON_TZ="+tz+" does not move its schedule: "+c.daemon.String()+" does not know it")
	}
	if s.Delay > 0 && s.Kind == cron.ScheduleCalendar {
		out.Notes = append(out.Notes, "each time is put off by up to "+(time.Duration(min(s.Delay, 1<<31))*time.Second).String()+" at random")
	}
	if s.Random&3 != 0 {
		out.Notes = append(out.Notes, "the daemon chooses the time when it reads the table")
	}
	if !out.Runs {
		return
	}
	for _, t := range s.Next(c.now, loc, d, nextTimes) {
		out.Next = append(out.Next, t.Format(time.RFC3339))
	}
	if n, ok := s.PerDay(); s.Kind != cron.ScheduleCalendar || !ok || n >= 24 {
		return
	}
	changes, ok := c.changes[loc.String()]
	if !ok {
		changes = cron.ClockChanges(c.now, loc)
		c.changes[loc.String()] = changes
	}
	for i := range changes {
		if words := s.Across(&changes[i], d); words != "" {
			out.Notes = append(out.Notes, words)
		}
	}
}

// loadZone finds a zone by the name that a host gives: one of the zone database, or
// a rule in POSIX's form. LoadLocation takes no name that leads elsewhere.
func loadZone(name string) *time.Location {
	if name == "Local" || name == "" {
		return nil
	}
	if l, err := time.LoadLocation(strings.TrimPrefix(name, ":")); err == nil {
		return l
	}
	if l, ok := cron.PosixZone(name); ok {
		return l
	}
	return nil
}

// anacronDue tells when anacron runs a job next: a period after the day of its
// stamp, in the hours that START_HOURS_RANGE leaves, a delay after anacron starts.
func (b *builder) anacronDue(j *cron.Job, out *ListedJob, c *agenda) {
	out.Zone = c.name
	if j.Schedule.Delay > 0 {
		out.Notes = append(out.Notes, "it starts "+itoa(int(j.Schedule.Delay/60))+" minutes after anacron does")
	}
	if r := j.Env.Get("RANDOM_DELAY"); r != "" {
		out.Notes = append(out.Notes, "and up to "+r+" minutes later, at random")
	}
	if r := j.Env.Get("START_HOURS_RANGE"); r != "" {
		out.Notes = append(out.Notes, "only in the hours "+r)
	}
	f := b.fs.lookup("/var/spool/anacron/" + j.ID)
	if f == nil || !f.HasContent() {
		out.Notes = append(out.Notes, "when it ran last was not seen")
		return
	}
	last, err := time.ParseInLocation("20060102", strings.TrimSpace(string(f.Content)), c.now.Location())
	if err != nil {
		out.Notes = append(out.Notes, "its stamp "+f.Path+" holds no date: anacron runs it at once")
		return
	}
	out.Notes = append(out.Notes, "last run on "+last.Format(time.DateOnly))
	if !out.Runs || j.Schedule.Every <= 0 {
		return
	}
	due := last.AddDate(0, 0, int(j.Schedule.Every/86400))
	if due.Before(c.now) {
		out.Notes = append(out.Notes, "due since "+due.Format(time.DateOnly))
		due = c.now
	}
	for i := range nextTimes {
		out.Next = append(out.Next, due.AddDate(0, 0, i*int(j.Schedule.Every/86400)).Format(time.DateOnly))
	}
}

package compare

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/cron"
)

// Form is what makes two jobs the same one, wherever they stand: the account, the
// times as the daemon reads them, the command as a shell reads it, and the
// settings in force but those about mail. Table and line are no part of it.
type Form struct {
	User    string
	Times   string  // Schedule.Normal
	Shape   string  // how many values each field of the schedule has: what is left of times that an installation draws by lot
	PerDay  float64 // starts a day; -1 not known
	Command string  // NormalCommand, with what is given on its standard input
	Env     string  // NAME=VALUE, sorted, a line each
}

// FormOf gives the form of a job.
func FormOf(j *cron.Job) Form { return FormIn(j, j.Env.Map()) }

// FormIn is [FormOf] where the settings in force are known by name already.
func FormIn(j *cron.Job, set map[string]string) Form {
	f := Form{User: j.User, Times: j.Schedule.Normal(), Shape: shape(&j.Schedule), PerDay: -1, Command: command(j)}
	if n, ok := j.Schedule.PerDay(); ok {
		f.PerDay = n
	}
	if len(set) == 0 {
		return f
	}
	var lines []string
	for name, value := range set {
		if name != "MAILTO" && name != "MAILFROM" {
			lines = append(lines, name+"="+value)
		}
	}
	slices.Sort(lines)
	f.Env = strings.Join(lines, "\n")
	return f
}

func command(j *cron.Job) string {
	c := cron.NormalCommand(j.Command)
	if j.HasStdin {
		c += "%" + j.Stdin
	}
	return c
}

// shape tells schedules apart whose fields hold different numbers of values.
func shape(s *cron.Schedule) string {
	if s.Kind != cron.ScheduleCalendar {
		return s.Normal()
	}
	var b strings.Builder
	for _, f := range [...]struct {
		set       uint64
		low, high int
	}{{s.Minute, 0, 59}, {s.Hour, 0, 23}, {s.Day, 1, 31}, {s.Month, 1, 12}, {s.Weekday, 0, 6}} {
		full := (uint64(1)<<uint(f.high+1) - 1) &^ (uint64(1)<<uint(f.low) - 1)
		if f.set&full == full {
			b.WriteString("* ")
			continue
		}
		b.WriteString(strconv.Itoa(bits.OnesCount64(f.set & full)))
		b.WriteByte(' ')
	}
	if s.Or && s.Day != 0 && s.Weekday != 0 {
		b.WriteString("or ")
	}
	return b.String()
}

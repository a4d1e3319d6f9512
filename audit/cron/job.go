package cron

// Scheduler says by what a job is started.
type Scheduler string

// The schedulers, as the facts spell them.
const (
	SchedCrontab  Scheduler = "crontab"   // /etc/crontab
	SchedCronD    Scheduler = "cron.d"    // /etc/cron.d
	SchedSpool    Scheduler = "spool"     // a user's table
	SchedRunParts Scheduler = "run-parts" // a script in /etc/cron.daily and its like
	SchedAnacron  Scheduler = "anacron"
	SchedTimer    Scheduler = "timer" // a systemd timer
	SchedAt       Scheduler = "at"
)

// Job is one thing that a scheduler runs.
type Job struct {
	Scheduler Scheduler
	Path      string // the table, script or unit, as the caller named it
	Line      int    // from 1; 0 where a job is a whole file
	User      string // account that it runs as; "" where the caller must say
	Schedule  Schedule
	Command   string // what the shell gets: before the first %, \% made %
	Stdin     string // what follows the first unescaped %, further % made newlines
	HasStdin  bool   // there was an unescaped %
	Raw       string // the command as the table has it
	Env       *Env   // settings in force
	Quiet     bool   // a leading dash: cronie does not log the start
	MailOnly  bool   // cronie's -n: mail only on failure
	Exec      bool   // Command is systemd's ExecStart, not a shell line
	Flat      bool   // of Exec: systemctl told it, and where one word ends and the next begins is lost
	Open      bool   // of Exec: a % in it stands for what systemd puts there
	Step      string // of Exec: ExecStartPre and its like; "" ExecStart
	Note      string // what is to be known beside its fate
	Fate      Fate
	Reason    string // why the fate is not FateRuns
	Cwd       string // where it starts, where its table says so; "" the scheduler's rule
	ID        string // anacron's job name, the timer's unit, at's job number
}

// Runs reports whether the job is started at some time.
func (j *Job) Runs() bool { return j.Fate.Runs() }

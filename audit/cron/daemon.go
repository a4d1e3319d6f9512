package cron

import "strings"

// Daemon is an implementation of cron; each has a grammar of its own.
type Daemon uint8

// The daemons. The zero value is Debian's, which is also the strictest one.
const (
	Debian      Daemon = iota // Debian and Ubuntu cron 3.0pl1
	Cronie                    // cronie: RHEL, Fedora, Arch, SUSE, Debian's package cronie
	Busybox                   // busybox crond: Alpine, OpenWrt
	Dcron                     // Dillon's cron 4.5
	SystemdCron               // systemd-cron 2.5: tables turned into timers
)

var daemonNames = [...]string{"debian", "cronie", "busybox", "dcron", "systemd-cron"}

// String returns the name of the daemon as the command line and reports spell it.
func (d Daemon) String() string {
	if int(d) < len(daemonNames) {
		return daemonNames[d]
	}
	return "unknown"
}

// ParseDaemon is the inverse of [Daemon.String].
func ParseDaemon(name string) (Daemon, bool) {
	for i, n := range daemonNames {
		if n == name {
			return Daemon(i), true
		}
	}
	return Debian, false
}

// Form says whether a table has a user column.
type Form uint8

// The forms of a table.
const (
	User   Form = iota // crontab(5) of one account: five fields and a command
	System             // /etc/crontab and /etc/cron.d: five fields, an account and a command
)

// String returns "user" or "system".
func (f Form) String() string {
	if f == System {
		return "system"
	}
	return "user"
}

// Fate says what becomes of a line when its daemon reads it.
type Fate uint8

// The fates of a line. The zero value is for lines that are not jobs.
const (
	FateNone    Fate = iota // a comment, a blank line, a setting
	FateRuns                // runs as it is written
	FateOther               // runs, but not what or when it says; the reason tells
	FateNever               // accepted, and never runs
	FateLost                // this line is refused, the rest of the file is read
	FateDropped             // the whole file is refused
	FateKills               // the daemon itself dies or hangs on it
)

var fateNames = [...]string{"none", "runs", "runs-otherwise", "never-runs", "line-lost", "file-dropped", "daemon-dies"}

// String returns the name of the fate.
func (f Fate) String() string {
	if int(f) < len(fateNames) {
		return fateNames[f]
	}
	return "unknown"
}

// Runs reports whether a job with this fate is started at some time.
func (f Fate) Runs() bool { return f == FateRuns || f == FateOther }

// release compares dotted numbers at the front of a version ("1.5.7-13.el9",
// "3.0pl1-162ubuntu1" after its last dash) with want. An empty version is taken
// for the newest one.
func olderThan(version string, want ...int) bool {
	if version == "" {
		return false
	}
	for _, w := range want {
		n, rest, ok := leadingInt(version)
		if !ok {
			return true
		}
		if n != w {
			return n < w
		}
		version = strings.TrimPrefix(rest, ".")
	}
	return false
}

// leadingInt reads the decimal digits at the front of s; at most nine count.
func leadingInt(s string) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < 9 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}

// debianRevision returns what follows the last dash of a Debian version
// ("3.0pl1-162" -> "162"), or "" where there is none.
func debianRevision(version string) string {
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return version[i+1:]
	}
	return version
}

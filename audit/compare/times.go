package compare

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
)

// Role says why a file's times matter.
type Role string

// The roles. A file without one is only a witness of what happened beside it.
const (
	NoRole      Role = ""
	RoleTable   Role = "table"   // a scheduler's table, a script of run-parts, a job of at
	RoleTarget  Role = "target"  // a job runs it
	RoleFolder  Role = "folder"  // holds what a job runs
	RoleKeys    Role = "keys"    // authorized_keys
	RoleAccount Role = "account" // passwd, shadow, group
	RoleSSH     Role = "sshd"    // sshd's files, PAM's for it
	RolePreload Role = "preload" // /etc/ld.so.preload
	RoleHostKey Role = "host-key"
)

// File is what the times of one file say.
type File struct {
	Path         string
	Role         Role
	Dir          bool
	Inode        uint64
	MTime, CTime time.Time // zero: not known
}

// The windows of time in which changes belong together.
const (
	burstSpan   = 2 * time.Minute
	installSpan = 15 * time.Minute // around the birth of the host keys
	packageSpan = 5 * time.Minute  // around a file that a package manager unpacked
	laterSpan   = 2 * time.Minute  // a ctime so much after the mtime is another event
	futureSpan  = 24 * time.Hour
	maxListed   = 500
)

// Event is one change on a host's timeline.
type Event struct {
	Time    time.Time
	Path    string
	Role    Role
	Content bool // the content changed (mtime); else owner, mode, name or links (ctime)
}

// Timeline lists the changes of the files that have a role, the newest first. A
// ctime within two seconds of the mtime is the same event.
func Timeline(files []File) []Event {
	var out []Event
	for i := range files {
		f := &files[i]
		if f.Role == NoRole {
			continue
		}
		if !f.MTime.IsZero() {
			out = append(out, Event{f.MTime, f.Path, f.Role, true})
		}
		if !f.CTime.IsZero() && (f.MTime.IsZero() || apart(f.CTime, f.MTime) > 2*time.Second) {
			out = append(out, Event{f.CTime, f.Path, f.Role, false})
		}
	}
	slices.SortFunc(out, func(a, b Event) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Path, b.Path))
	})
	return out[:min(len(out), maxListed)]
}

func apart(a, b time.Time) time.Duration {
	if d := a.Sub(b); d >= 0 {
		return d
	}
	return b.Sub(a)
}

// Unpackaged reports places where no package manager puts files: what lies there
// was put there by a person, a program or a configuration management.
func Unpackaged(p string) bool {
	if len(p) < len("/x/") || p[0] != '/' {
		return false
	}
	// Most paths of a host begin with /etc, /usr or /var: they are asked little.
	switch rest := p[1:]; rest[0] {
	case 'd':
		return below(rest, "dev/shm/") || below(rest, "data/")
	case 'e':
		return below(rest, "etc/crontabs/")
	case 'h':
		return below(rest, "home/")
	case 'm':
		return below(rest, "mnt/") || below(rest, "media/")
	case 'o':
		return below(rest, "opt/")
	case 'r':
		return below(rest, "root/") || below(rest, "run/")
	case 's':
		return below(rest, "srv/")
	case 't':
		return below(rest, "tmp/")
	case 'u':
		return below(rest, "usr/local/")
	case 'v':
		return below(rest, "var/tmp/") || below(rest, "var/www/") || below(rest, "var/spool/cron/") ||
			below(rest, "var/spool/at/") || below(rest, "var/spool/atjobs/")
	}
	return false
}

func below(p, dir string) bool { return strings.HasPrefix(p, dir) }

// unpacked reports a file as a package manager leaves it: its mtime is that of
// the build, in whole seconds, and its ctime that of the installation.
func (f *File) unpacked() bool {
	return !f.Dir && !Unpackaged(f.Path) && !f.CTime.IsZero() && !f.MTime.IsZero() &&
		f.MTime.Nanosecond() == 0 && f.CTime.Sub(f.MTime) > time.Hour
}

// Burst is a number of unrelated files that changed within two minutes.
type Burst struct {
	Start, End time.Time
	Files      []File // sorted by path
}

// Bursts finds changes of at least three files, in more than one directory and
// of more than one role, within two minutes. Left out is what else does such a
// thing: the installation of the host (by its host keys, and where a great part of
// all files changed), and what a package manager does (by the files that it
// unpacked at that time); of files in places that no package writes to the latter
// is no excuse. The cost is that of sorting.
func Bursts(files []File) []Burst {
	calm := calmOf(files)
	type change struct {
		at   time.Time
		file int
	}
	var events []change
	for i := range files {
		f := &files[i]
		if f.Role == NoRole || f.Role == RoleHostKey || f.unpacked() {
			continue
		}
		for _, at := range [...]time.Time{f.MTime, f.CTime} {
			if at.IsZero() || calm.installed(at) || !Unpackaged(f.Path) && calm.packaged(at) {
				continue
			}
			events = append(events, change{at, i})
		}
	}
	slices.SortFunc(events, func(a, b change) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(files[a.file].Path, files[b.file].Path))
	})
	var out []Burst
	reported := map[string]bool{}
	// A window slides over the events, so that each enters and leaves once.
	seen, dirs, roles := tally[int]{}, tally[string]{}, tally[Role]{}
	count := func(e *change, n int) {
		f := &files[e.file]
		seen.add(e.file, n)
		dirs.add(path.Dir(f.Path), n)
		if f.Role != RoleFolder {
			roles.add(f.Role, n)
		}
	}
	for i, k := 0, 0; i < len(events); {
		for ; k < len(events) && events[k].at.Sub(events[i].at) <= burstSpan; k++ {
			count(&events[k], 1)
		}
		if len(seen) < 3 || len(dirs) < 2 || len(roles) < 2 {
			count(&events[i], -1)
			i++
			continue
		}
		b := Burst{Start: events[i].at, End: events[k-1].at}
		for f := range seen {
			b.Files = append(b.Files, files[f])
		}
		slices.SortFunc(b.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
		var key strings.Builder
		for f := range b.Files {
			key.WriteString(b.Files[f].Path + "\x00")
		}
		// The same files once: their content at one time and their owners at another
		// are one story.
		if !reported[key.String()] {
			reported[key.String()] = true
			out = append(out, b)
		}
		clear(seen)
		clear(dirs)
		clear(roles)
		i = k
	}
	return out
}

// tally counts and forgets what it counted down to nothing.
type tally[K comparable] map[K]int

func (t tally[K]) add(k K, n int) {
	if t[k] += n; t[k] == 0 {
		delete(t, k)
	}
}

// calm knows the times at which changes say nothing.
type calm struct {
	births   []time.Time // of host keys, sorted
	packages []time.Time // ctimes of what a package manager unpacked, sorted
	masses   map[int64]int
	total    int
}

func calmOf(files []File) *calm {
	c := &calm{masses: map[int64]int{}}
	for i := range files {
		f := &files[i]
		if f.Role == RoleHostKey {
			for _, t := range [...]time.Time{f.MTime, f.CTime} {
				if !t.IsZero() {
					c.births = append(c.births, t)
				}
			}
		}
		if f.unpacked() {
			c.packages = append(c.packages, f.CTime)
		}
		if !f.CTime.IsZero() {
			c.total++
			c.masses[f.CTime.Unix()/60]++
		}
	}
	slices.SortFunc(c.births, time.Time.Compare)
	slices.SortFunc(c.packages, time.Time.Compare)
	return c
}

func (c *calm) installed(t time.Time) bool {
	if within(c.births, t, installSpan) {
		return true
	}
	if c.total < 20 {
		return false
	}
	n := 0
	for m := t.Unix()/60 - 2; m <= t.Unix()/60+2; m++ {
		n += c.masses[m]
	}
	return n*5 >= c.total*2
}

func (c *calm) packaged(t time.Time) bool { return within(c.packages, t, packageSpan) }

// within reports whether a sorted list has a time at most span from t.
func within(list []time.Time, t time.Time, span time.Duration) bool {
	i, _ := slices.BinarySearchFunc(list, t.Add(-span), time.Time.Compare)
	return i < len(list) && list[i].Sub(t) <= span
}

// TimeKind says in what a file's times disagree.
type TimeKind string

// The kinds.
const (
	TimeWhole  TimeKind = "whole-second" // a whole second among times with nanoseconds, long before its ctime
	TimeCopied TimeKind = "copied"       // exactly the time of an unrelated file
	TimeFuture TimeKind = "future"       // after the host's own clock
)

// OddTime is a file whose times were set, or look like it.
type OddTime struct {
	File
	Kind  TimeKind
	Other string // of TimeCopied: the file that has the same time
}

// OddTimes finds files of a role, in places that no package writes to, whose
// mtime was set by hand: touch -d gives a whole second and touch -r another file's
// time, and neither moves the ctime back. Tar, scp -p and a restored backup do the
// same, so that nothing is said where half of such files look so; and of a file
// system without fractions of seconds neither. clock is the host's; zero: unknown.
func OddTimes(files []File, clock time.Time) []OddTime {
	var out []OddTime
	fine := false
	ours, whole := 0, 0
	for i := range files {
		f := &files[i]
		fine = fine || f.MTime.Nanosecond() != 0
		if f.Dir {
			continue
		}
		if Unpackaged(f.Path) {
			ours++
			if f.wholeSecond() {
				whole++
			}
		}
	}
	restored := whole >= 4 && 2*whole >= ours
	var byTime map[time.Time][]int // made where it is asked for: few hosts need it
	for i := range files {
		f := &files[i]
		if f.Role == NoRole || f.Role == RoleHostKey || f.Dir || !Unpackaged(f.Path) {
			continue
		}
		switch {
		case !clock.IsZero() && (f.MTime.Sub(clock) > futureSpan || f.CTime.Sub(clock) > futureSpan):
			out = append(out, OddTime{File: *f, Kind: TimeFuture})
		case fine && !restored && f.wholeSecond():
			out = append(out, OddTime{File: *f, Kind: TimeWhole})
		case f.MTime.Nanosecond() != 0 && f.CTime.Sub(f.MTime) > laterSpan:
			if byTime == nil {
				byTime = sameTimes(files)
			}
			if o := unrelated(files, byTime[f.MTime], i); o >= 0 {
				out = append(out, OddTime{File: *f, Kind: TimeCopied, Other: files[o].Path})
			}
		}
	}
	slices.SortFunc(out, func(a, b OddTime) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// sameTimes gives the files by the fraction of a second at which they changed.
func sameTimes(files []File) map[time.Time][]int {
	out := make(map[time.Time][]int, len(files))
	for i := range files {
		if f := &files[i]; !f.Dir && f.MTime.Nanosecond() != 0 {
			out[f.MTime] = append(out[f.MTime], i)
		}
	}
	return out
}

func (f *File) wholeSecond() bool {
	return !f.MTime.IsZero() && f.MTime.Nanosecond() == 0 && f.CTime.Nanosecond() != 0 && f.CTime.Sub(f.MTime) > laterSpan
}

// unrelated finds among the files of one time another one than i, of another name
// in another directory: a copy keeps the name, a link the inode. No more than a few
// are looked at.
func unrelated(files []File, same []int, i int) int {
	f := &files[i]
	for _, o := range same[:min(len(same), 8)] {
		x := &files[o]
		if o != i && path.Dir(x.Path) != path.Dir(f.Path) && path.Base(x.Path) != path.Base(f.Path) && (x.Inode == 0 || x.Inode != f.Inode) {
			return o
		}
	}
	return -1
}

package facts

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// stale compares the files with the daemon's last start or reload.
func (b *builder) stale(cfg *sshd.Config, d *sshDaemon) {
	if d == nil {
		switch {
		case b.snap.Source == snapshot.SourceRoot:
			b.unknown("sshd.stale", "a directory holds no running daemon")
		case b.hidden != "" || b.snap.Output(snapshot.OutDaemons) == nil:
			b.unknown("sshd.stale", "no running sshd was seen")
		default: // socket activation
			b.f.Origin["sshd.stale"] = []Evidence{{Witness: "no sshd runs: the one that the next connection starts reads the files"}}
		}
		return
	}
	back := b.givenBack()
	loaded, logged := b.lastLoad(d)
	loaded = back.lastLoad(d, loaded)
	if loaded.from.IsZero() {
		b.unknown("sshd.stale", "when the daemon read its files is not known")
		return
	}
	read := "the daemon read its files at " + loaded.from.Format(time.RFC3339)
	for _, g := range cfg.Gaps {
		b.unknown("sshd.stale", g.Path+": "+g.Reason)
	}
	var newer []Evidence
	newest, same := time.Time{}, ""
	look := func(name string, f *snapshot.File) (after bool) {
		at := back.changed(f, loaded)
		if at.After(newest) {
			newest = at
		}
		switch {
		case at.After(loaded.to):
			newer = append(newer, Evidence{Path: name, Text: "changed " + at.Format(time.RFC3339), Witness: read})
			return true
		case at.After(loaded.from):
			same = name
		}
		return false
	}
	for _, name := range b.sshdFiles {
		if f := b.fs.resolve(name); f == nil || f.MTime.IsZero() {
			b.unknown("sshd.stale", "when "+name+" was changed is not known")
		} else {
			look(name, f)
		}
	}
	edited, told := len(newer) > 0, map[string]bool{}
	// A file that was taken away shows in its folder alone, and so does one that came
	// and went: which of them it was is not to be seen.
	for _, g := range cfg.Globs() {
		dir := path.Dir(g)
		f := b.fs.resolve(dir)
		if f == nil || f.MTime.IsZero() || told[dir] || edited && b.within(newer, dir, back.changed(f, loaded)) {
			continue
		}
		told[dir] = true
		if look(dir, f) && !edited {
			b.unknown("sshd.stale", "names in "+dir+" have changed since the daemon read its files: one that it has read may be gone")
		}
	}
	switch {
	case len(newer) == 0 && same != "":
		why := " changed in the very second in which the daemon read its files" // a script edits and reloads in one
		if loaded.to.Sub(loaded.from) > time.Second {
			why = " changed about when the daemon read its files: the log names local time, and the host's zone is not known"
		}
		b.unknown("sshd.stale", same+why)
	case len(newer) == 0:
		if !newest.IsZero() {
			b.f.Origin["sshd.stale"] = []Evidence{{Text: "files last changed " + newest.Format(time.RFC3339), Witness: read}}
		}
	case !edited:
		b.f.Origin["sshd.stale"] = newer
	case logged:
		delete(b.f.Unknown, "sshd.stale") // one that is newer is enough
		b.f.Sshd.Stale = true
		b.f.Origin["sshd.stale"] = newer
	default:
		// A reload by signal leaves the start time as it is, and without a log it is invisible.
		b.unknown("sshd.stale", newer[0].Path+" is newer than the daemon's start, and no log tells of later reloads")
		b.f.Origin["sshd.stale"] = newer
	}
}

// within reports whether one of the newer files explains that its folder changed: it
// was written there not before that.
func (b *builder) within(newer []Evidence, dir string, at time.Time) bool {
	for _, e := range newer {
		if f := b.fs.resolve(e.Path); path.Dir(e.Path) == dir && f != nil && !later(f.MTime, f.CTime).Before(at) {
			return true
		}
	}
	return false
}

// moment is a time that is known to lie between two others.
type moment struct{ from, to time.Time }

// lastLoad is when the daemon last read its files. logged says that the log
// reaches back so far that a later reload would show.
func (b *builder) lastLoad(d *sshDaemon) (at moment, logged bool) {
	// The start is counted from the boot, which is known in whole seconds.
	if !d.start.IsZero() {
		at = moment{d.start, d.start.Add(time.Second)}
	}
	data, lacks := b.whole(snapshot.OutSshdLog)
	own := "sshd[" + strconv.FormatInt(d.PID, 10) + "]" // another daemon's reload is not this one's
	first := time.Time{}
	for _, e := range b.log(data) {
		if first.IsZero() {
			if first = e.at.from; e.at.to.Sub(e.at.from) > time.Second {
				first = e.at.to
			}
		}
		if e.tag != own || !strings.HasPrefix(e.message, "Server listening on ") && !strings.HasPrefix(e.message, "Received SIGHUP") {
			continue
		}
		// It did not log before it was started, whatever zone the log is written in.
		if from := later(e.at.from, d.start); !from.Before(at.from) && !from.After(e.at.to) {
			at = moment{from, e.at.to}
		}
	}
	// The log tells of reloads when it begins before the daemon did, or shows its start.
	return at, lacks == "" && !first.IsZero() && (!first.After(d.start) || at.from.After(d.start) || first.Sub(d.start) < 5*time.Second)
}

// givenBack is postern's own word on the host for what a run of fix has touched and
// given back as it was: the bytes are those from before, and only the times tell of
// it. And for when a daemon has read its files for a run, to the part of a second.
// Whoever could write it is root, who can set any time as well.
type givenBack struct {
	files []gaveBack
	reads []hasRead
}

// hasRead is one daemon's reading, at some time between the two.
type hasRead struct {
	pid int64
	moment
}

// standing is how a file or folder stood: it changes with every change.
type standing struct {
	inode        uint64
	mtime, ctime time.Time
}

// gaveBack is one line: path stood so before, and so afterwards, with the same bytes
// in it, or the same names.
type gaveBack struct {
	path          string
	before, after standing
	// since is from when on it may have held something else in between; zero: in
	// between it held nothing else.
	since time.Time
}

const maxGivenBack = 1000

// givenBack reads the lines "back SINCE INODE MTIME CTIME INODE MTIME CTIME PATH",
// "kept - ..." and "read PID FROM TO" (fix/apply/host.sh). A line of another form is
// left out.
func (b *builder) givenBack() (out givenBack) {
	data, _ := b.fs.read(snapshot.GivenBack)
	lines(data, func(line string) {
		w := strings.SplitN(line, " ", 9)
		if len(w) == 4 && w[0] == "read" && len(out.reads) < maxGivenBack {
			pid, err := strconv.ParseInt(w[1], 10, 64)
			from, ok1 := epoch(w[2])
			to, ok2 := epoch(w[3])
			if err == nil && ok1 && ok2 && !to.Before(from) {
				out.reads = append(out.reads, hasRead{pid, moment{from, to}})
			}
			return
		}
		if len(w) != 9 || !strings.HasPrefix(w[8], "/") || len(out.files) >= maxGivenBack {
			return
		}
		g := gaveBack{path: w[8]}
		ok := g.before.read(w[2:5]) && g.after.read(w[5:8])
		switch {
		case w[0] == "back" && ok:
			g.since, ok = epoch(w[1])
		case w[0] != "kept" || w[1] != "-":
			ok = false
		}
		if ok {
			out.files = append(out.files, g)
		}
	})
	return out
}

// lastLoad is when a daemon last read its files, by what is known without it and by
// what runs of fix have seen.
func (l givenBack) lastLoad(d *sshDaemon, known moment) moment {
	for _, r := range l.reads {
		switch {
		case r.pid != d.PID || r.to.Before(d.start): // another that had its number
		case !r.from.Before(known.to): // no log tells of it
			known = r.moment
		case r.to.After(known.from):
			known = moment{later(known.from, r.from), known.to}
			if r.to.Before(known.to) {
				known.to = r.to
			}
		}
	}
	return known
}

func (s *standing) read(w []string) (ok bool) {
	var err error
	if s.inode, err = strconv.ParseUint(w[0], 10, 64); err != nil {
		return false
	}
	if s.mtime, ok = epoch(w[1]); ok {
		s.ctime, ok = epoch(w[2])
	}
	return ok
}

// epoch reads what stat(1) prints for %Y or %.9Y.
func epoch(s string) (time.Time, bool) {
	whole, part, dot := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec <= 0 || sec > 1<<37 {
		return time.Time{}, false
	}
	var nano uint64
	if dot {
		if nano, err = strconv.ParseUint(part, 10, 32); err != nil || len(part) != 9 {
			return time.Time{}, false
		}
	}
	return time.Unix(sec, int64(nano)).UTC(), true
}

// changed is when somebody last changed a file: the later of its two times, or, where
// it stands as a run of fix has left it, when it was changed before that run. What the
// daemon may have read while the run went on counts for nothing.
func (l givenBack) changed(f *snapshot.File, loaded moment) time.Time {
	at := later(f.MTime, f.CTime)
	now := standing{f.Inode, f.MTime.UTC(), f.CTime.UTC()}
	for range len(l.files) { // each step leads to an earlier standing
		found := false
		for i := len(l.files) - 1; i >= 0 && !found; i-- {
			g := &l.files[i]
			if g.path != f.Path || !g.after.is(now) || !g.since.IsZero() && loaded.to.After(g.since) {
				continue
			}
			if t := later(g.before.mtime, g.before.ctime); t.Before(at) {
				at, now, found = t, g.before, true
			}
		}
		if !found {
			break
		}
	}
	return at
}

func (s standing) is(o standing) bool {
	return s.inode == o.inode && s.mtime.Equal(o.mtime) && s.ctime.Equal(o.ctime)
}

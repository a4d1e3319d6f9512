package facts

import (
	"strings"
	"sync"
	"time"
)

// entry is one line of the system's log. Whoever tries to log in chooses some of
// the words that sshd logs, so a line's meaning is taken from its tag and from
// how its message begins, never from what it holds.
type entry struct {
	at      moment
	tag     string // sshd[700]
	message string
}

// clock places the times of traditional syslog, which have neither year nor zone.
type clock struct {
	now    time.Time      // of the host
	zone   *time.Location // nil: not known
	latest time.Time      // no line that is read from here on is later
}

// farEast and farWest bound how far local time is from UTC.
const (
	farEast = 14 * time.Hour
	farWest = 12 * time.Hour
)

// log reads the lines of a log, oldest first as they came. Lines without a time
// are left out.
func (b *builder) log(data []byte) []entry {
	var all []string
	lines(data, func(line string) { all = append(all, line) })
	out := make([]entry, 0, len(all))
	for _, e := range b.entries(all) {
		if !e.at.from.IsZero() {
			out = append(out, e)
		}
	}
	return out
}

// entries reads the lines of a log, oldest first. What has no time stays empty.
func (b *builder) entries(all []string) []entry {
	out := make([]entry, len(all))
	c := clock{now: b.snap.HostClock, zone: b.zone()}
	if c.now.IsZero() {
		c.now = b.snap.Start
	}
	c.latest = c.now.Add(24 * time.Hour)
	// From the newest: the year of a line is that of the one after it, or the one before.
	for i := len(all) - 1; i >= 0; i-- {
		if e, ok := c.entry(all[i]); ok {
			out[i] = e
		}
	}
	return out
}

// entry reads "TIME HOST TAG: MESSAGE". busybox's syslogd writes facility.level
// before the tag.
func (c *clock) entry(line string) (e entry, ok bool) {
	word, rest, _ := strings.Cut(line, " ")
	if e.at, ok = isoTime(word); !ok {
		if len(line) < len(time.Stamp)+1 || line[len(time.Stamp)] != ' ' {
			return entry{}, false
		}
		if e.at, ok = c.stamp(line[:len(time.Stamp)]); !ok {
			return entry{}, false
		}
		rest = line[len(time.Stamp)+1:]
	}
	head, message, _ := strings.Cut(rest, ": ")
	if words := strings.Fields(head); len(words) >= 2 && len(words) <= 3 {
		e.tag, e.message = words[len(words)-1], message
	}
	return e, true
}

// isoTime reads the time that journalctl -o short-iso and rsyslog's newer format
// begin a line with. The first names whole seconds only.
func isoTime(word string) (moment, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339Nano} {
		if t, err := time.Parse(layout, word); err == nil {
			t = t.UTC()
			if strings.ContainsAny(word, ".,") {
				return moment{t, t}, true
			}
			return moment{t, t.Add(time.Second)}, true
		}
	}
	return moment{}, false
}

// stamp reads "Nov  9 08:07:06" (RFC 3164, section 4.1.2): local time without a
// year. It is the latest such time that is not after the line that follows.
func (c *clock) stamp(text string) (moment, bool) {
	t, err := time.Parse(time.Stamp, text)
	if err != nil {
		return moment{}, false
	}
	for year := c.latest.Year() + 1; year > c.latest.Year()-5; year-- { // 29 February comes every fourth
		at, ok := c.local(year, t)
		if !ok || at.from.After(c.latest) {
			continue
		}
		// Lines of several processes need not be in order to the second.
		c.latest = at.to.Add(time.Minute)
		return at, true
	}
	return moment{}, false
}

// local is the time t of that year where the host is; false: there is no such day.
func (c *clock) local(year int, t time.Time) (moment, bool) {
	zone := c.zone
	if zone == nil {
		zone = time.UTC
	}
	at := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
	if at.Day() != t.Day() {
		return moment{}, false
	}
	m := moment{at.UTC(), at.Add(time.Second).UTC()}
	if c.zone == nil {
		return moment{m.from.Add(-farEast), m.to.Add(farWest)}, true
	}
	// The hour that comes twice when summer ends.
	for _, d := range []time.Duration{-time.Hour, time.Hour} {
		if other := at.Add(d); other.Format(time.Stamp) == at.Format(time.Stamp) {
			m.from, m.to = earlier(m.from, other.UTC()), later(m.to, other.Add(time.Second).UTC())
		}
	}
	return m, true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// zone is the host's time zone, nil where it is not known: /etc/localtime is a
// link to the zone's file (localtime(5)), and where it is not there, UTC holds.
func (b *builder) zone() *time.Location {
	f := b.fs.lookup("/etc/localtime")
	if f == nil {
		if b.why("/etc/localtime") == "" && b.fs.lookup("/etc") != nil {
			return time.UTC
		}
		return nil
	}
	for _, p := range []string{f.Target, f.Real} {
		if _, name, ok := strings.Cut(p, "/zoneinfo/"); ok && name != "" {
			if l := location(name); l != nil {
				return l
			}
		}
	}
	return nil
}

// locations remembers the zones that were read: a fleet has few of them, and
// reading one costs as much as all else of the log. Hosts write the names, and
// may spell one in many ways, so there is a bound.
var locations = struct {
	sync.Mutex
	by map[string]*time.Location
}{by: map[string]*time.Location{}}

const maxLocations = 256

// location is the zone of that name, nil where there is none. The name is the
// host's: LoadLocation takes none that leads elsewhere.
func location(name string) *time.Location {
	locations.Lock()
	defer locations.Unlock()
	if l, ok := locations.by[name]; ok {
		return l
	}
	l, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil
	}
	if len(locations.by) < maxLocations && len(name) < 64 {
		locations.by[strings.Clone(name)] = l
	}
	return l
}

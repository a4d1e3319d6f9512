package triage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Record is one record of wtmp or btmp (utmp(5)): its strings are the host's.
type Record struct {
	Type int16 // 2 boot, 7 a login, 8 its end, 6 a failed login in btmp
	PID  int32
	Line string
	User string
	Host string
	At   time.Time
	Addr netip.Addr // not valid: none
}

// Types of records (utmp(5)).
const (
	recordBoot  = 2
	recordUser  = 7
	recordDead  = 8
	recordEmpty = 0
)

// recordSize is that of glibc's struct utmp on x86-64 and most others (utmp(5)); arm64
// has 400 bytes.
const recordSize = 384

// Records reads wtmp's records out of raw bytes. empty counts those that are all
// zero: tools that hide a login leave them, and nothing else does.
func Records(data []byte) (out []Record, empty int) {
	for len(data) >= recordSize {
		r := data[:recordSize]
		data = data[recordSize:]
		if len(bytes.Trim(r, "\x00")) == 0 {
			empty++
			continue
		}
		x := Record{Type: int16(binary.LittleEndian.Uint16(r)), PID: int32(binary.LittleEndian.Uint32(r[4:])),
			Line: text(r[8:40]), User: text(r[44:76]), Host: text(r[76:332])}
		sec, usec := int64(int32(binary.LittleEndian.Uint32(r[340:]))), int64(binary.LittleEndian.Uint32(r[344:]))
		if sec > 0 {
			x.At = time.Unix(sec, min(max(usec, 0), 999999)*1000).UTC()
		}
		if a := r[348:364]; len(bytes.Trim(a[4:], "\x00")) == 0 {
			if v4 := netip.AddrFrom4([4]byte(a[:4])); !v4.IsUnspecified() {
				x.Addr = v4
			}
		} else {
			x.Addr = netip.AddrFrom16([16]byte(a)).Unmap()
		}
		out = append(out, x)
	}
	return out, empty
}

// text is a string that a NUL ends.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// fromHex reads what od -An -v -tx1 printed.
func fromHex(data []byte) []byte {
	clean := make([]byte, 0, len(data))
	for _, c := range data {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' {
			clean = append(clean, c)
		}
	}
	out := make([]byte, len(clean)/2)
	n, _ := hex.Decode(out, clean[:len(clean)/2*2])
	return out[:n]
}

// records gives the records of an output, aligned to the end of the file.
func (l *looker) records(name string) (out []Record, empty int) {
	o := l.deep.Output(name)
	if o == nil {
		return nil, 0
	}
	data := fromHex(o.Data)
	return Records(data[len(data)%recordSize:])
}

// logs judges what logs say, and what they no longer do.
func (l *looker) logs() {
	in, empty := l.records(snapshot.OutWtmp)
	if empty > 0 {
		l.add(Thing{Kind: KindLog, Severity: "high", Title: fmt.Sprintf("the list of logins has %d records of zeros", empty), Why: []string{"tools that hide a login leave such holes in /var/log/wtmp"},
			Attack: []string{"T1070.002"}, Evidence: []facts.Evidence{l.stat("/var/log/wtmp", "")}, Files: []string{"/var/log/wtmp"}}, "wtmp", "zeros")
	}
	back := 0
	var last time.Time
	for _, r := range in {
		if !r.At.IsZero() && r.At.Before(last.Add(-time.Hour)) {
			back++
		}
		if r.At.After(last) {
			last = r.At
		}
	}
	if back > 0 {
		l.add(Thing{Kind: KindLog, Severity: "low", Title: fmt.Sprintf("the list of logins goes back in time %d times", back), Why: []string{"the clock was set back, or records were written into /var/log/wtmp"},
			Attack: []string{"T1070.002"}, Evidence: []facts.Evidence{l.stat("/var/log/wtmp", "")}, Files: []string{"/var/log/wtmp"}}, "wtmp", "back")
	}
	type key struct{ user, from, method string }
	by := map[key]*LoginSum{}
	var order []key
	see := func(k key, at time.Time) {
		s := by[k]
		if s == nil {
			if len(by) >= 300 {
				return
			}
			s = &LoginSum{User: k.user, From: k.from, Method: k.method, First: stamp(at)}
			by[k] = s
			order = append(order, k)
		}
		s.Count++
		if t := stamp(at); t > s.Last {
			s.Last = t
		}
		if t := stamp(at); t < s.First {
			s.First = t
		}
	}
	fromLog := map[[2]string]bool{}
	for _, x := range l.logins {
		see(key{x.User, x.From, x.Method}, x.At)
		fromLog[[2]string{x.User, x.From}] = true
	}
	for _, r := range in {
		if r.Type != recordUser || r.User == "" {
			continue
		}
		from := r.Host
		if r.Addr.IsValid() {
			from = r.Addr.String()
		}
		if !fromLog[[2]string{r.User, from}] {
			see(key{r.User, from, ""}, r.At)
		}
	}
	for _, k := range order {
		l.out.Logins = append(l.out.Logins, *by[k])
	}
	slices.SortStableFunc(l.out.Logins, func(a, b LoginSum) int { return strings.Compare(b.Last, a.Last) })
	for _, p := range []string{"/root/.bash_history", "/var/log/wtmp", "/var/log/auth.log"} {
		if f := l.file(p); f != nil && f.Type == 'l' && (f.Target == "/dev/null" || f.Real == "/dev/null") {
			l.add(Thing{Kind: KindLog, Severity: "medium", Title: cron.Quote(p) + " leads to /dev/null", Why: []string{"nothing is kept of what it is to hold"}, Attack: []string{"T1070"},
				Evidence: []facts.Evidence{{Path: p, Text: "-> " + f.Target}}, Files: []string{p}}, p)
		}
	}
}

// accountEvents reads what tools that change accounts logged.
func (l *looker) accountEvents() (out []Event) {
	o := l.deep.Output(snapshot.OutAccountsLog)
	if o == nil {
		return nil
	}
	for _, line := range facts.LogLines(l.snap, o.Data) {
		tool, _, _ := strings.Cut(line.Tag, "[")
		out = append(out, Event{Time: stamp(line.At), What: tool + ": " + clip(line.Message, 200), Things: []string{}})
	}
	return out
}

// times names the bursts, and files whose times were set.
func (l *looker) times() {
	for i := range l.f.Bursts {
		b := &l.f.Bursts[i]
		severity := "low"
		why := []string{fmt.Sprintf("%d files that have nothing to do with each other changed between %s and %s, outside of what the package manager did", b.Count, whole(b.Start), whole(b.End))}
		if len(b.Odd) > 0 {
			severity = "high"
			why = append(why, "an odd job stands in some of them, or runs them: "+quoted(b.Odd))
		} else {
			for _, p := range b.Paths {
				if of := l.odd[p]; of != "" {
					severity = "medium"
					why = append(why, cron.Quote(p)+" is part of "+of)
				}
			}
		}
		l.add(Thing{Kind: KindTimes, Severity: severity, Title: fmt.Sprintf("%d files changed within two minutes of %s", b.Count, whole(b.Start)), Why: why, Attack: []string{"T1070.006"}, Since: whole(b.Start),
			Evidence: b.Evidence, Files: clipped(b.Paths, 12)}, append([]string{b.Start}, b.Paths...)...)
	}
	l.minutes()
	for i := range l.f.OddTimes {
		o := &l.f.OddTimes[i]
		of := l.odd[o.Path]
		if of == "" {
			continue // alone it says little
		}
		l.add(Thing{Kind: KindTimes, Severity: "low", Title: "times of " + cron.Quote(o.Path) + " disagree", Why: []string{o.Message, "the file is part of " + of}, Attack: []string{"T1070.006"},
			Since: whole(o.CTime), Evidence: o.Evidence, Files: []string{o.Path}}, o.Path, o.Kind)
	}
}

// minutes names files of odd things, and their neighbours, that claim one minute: an
// intruder who sets times sets them alike.
func (l *looker) minutes() {
	near := map[string]bool{}
	for p := range l.odd {
		near[p] = true
		dir := path.Dir(p)
		if common(dir) || systemPlace(p) {
			continue
		}
		near[dir] = true
		for _, s := range []*snapshot.Snapshot{l.deep, l.snap} {
			for _, f := range s.Below(dir) {
				if path.Dir(f.Path) == dir && len(near) < 2000 {
					near[f.Path] = true
				}
			}
		}
	}
	by := map[time.Time][]string{}
	for p := range near {
		f := l.file(p)
		if f == nil || f.MTime.IsZero() || f.Type == 'l' || strings.HasPrefix(p, "/proc/") {
			continue
		}
		if pkg, known := l.ofPackage(p); known && pkg != "" {
			continue
		}
		m := f.MTime.UTC().Truncate(time.Minute)
		by[m] = append(by[m], p)
	}
	for m, paths := range by {
		// A directory changes with its last file: alone it is no second file.
		files, set := 0, 0
		for _, p := range paths {
			f := l.file(p)
			if f.Type == 'f' {
				files++
			}
			if f.CTime.Sub(f.MTime) > time.Hour {
				set++
			}
		}
		if files < 2 || len(paths) < 3 {
			continue
		}
		slices.Sort(paths)
		severity := "low"
		why := []string{"files that have to do with odd things, and their neighbours, claim the same minute: " + quoted(paths)}
		if set >= 2 {
			severity = "medium"
			why = append(why, fmt.Sprintf("%d of them were changed more than an hour later, by their inodes: their times were set, or came along with a copy", set))
		}
		t := Thing{Kind: KindTimes, Severity: severity, Title: fmt.Sprintf("%d files of one minute, %s", len(paths), stamp(m)), Why: why, Attack: []string{"T1070.006"}, Since: stamp(m), Files: clipped(paths, 12)}
		for _, p := range clipped(paths, 8) {
			t.Evidence = append(t.Evidence, l.stat(p, ""))
		}
		l.add(t, append([]string{"minute", stamp(m)}, paths...)...)
	}
}

// whole cuts a time to its second.
func whole(t string) string {
	if at, err := time.Parse(time.RFC3339Nano, t); err == nil {
		return stamp(at)
	}
	return ""
}

func quoted(list []string) string {
	out := make([]string, 0, len(list))
	for i, p := range list {
		if i == 6 {
			out = append(out, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		out = append(out, cron.Quote(p))
	}
	return strings.Join(out, ", ")
}

func clipped(list []string, n int) []string { return slices.Clone(list[:min(n, len(list))]) }

package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/policies"
)

// DiffSchema is the version of what postern diff writes as JSON.
const DiffSchema = "postern-diff-1"

// Diff is what changed between two times, on each host.
type Diff struct {
	Schema  string      `json:"schema"`
	Old     string      `json:"old"` // as the caller named it
	New     string      `json:"new"`
	Hosts   []HostDiff  `json:"hosts"`
	Summary DiffSummary `json:"summary"`
}

// DiffSummary counts hosts, and changes.
type DiffSummary struct {
	Changed   int `json:"changed"`   // hosts
	Unchanged int `json:"unchanged"` // hosts, nothing left out
	Unknown   int `json:"unknown"`   // hosts without a change that was seen, and not compared whole
	Changes   int `json:"changes"`
	Exit      int `json:"exit"`
}

// HostDiff is what changed on one host.
type HostDiff struct {
	Host    string   `json:"host"`
	Old     string   `json:"old"` // when the older reading began, RFC 3339; "" there is none
	New     string   `json:"new"`
	Error   string   `json:"error"` // why it was not compared at all
	Changes []Change `json:"changes"`
	// NotCompared says what may have changed unseen, since one of the readings lacks it.
	NotCompared []string `json:"not_compared"`
}

// Change is one thing that is not what it was.
type Change struct {
	Kind     string            `json:"kind"` // job, target, table, key, account, sshd, listener, host-key, file, package, host
	What     string            `json:"what"` // added, removed, altered
	Severity policies.Severity `json:"severity"`
	Subject  string            `json:"subject"` // what it is about: a path, an account, a setting
	Message  string            `json:"message"`
	Old      *facts.Evidence   `json:"old"`
	New      *facts.Evidence   `json:"new"`
}

// The bounds of what one host may be said to have changed.
const (
	maxChanges     = 1000
	maxNotCompared = 100
)

// Reading is what a host was at one time.
type Reading struct {
	Snapshot *snapshot.Snapshot
	Facts    *facts.Facts
}

// ReadingOf makes the facts of a snapshot as they were when it was made.
func ReadingOf(snap *snapshot.Snapshot, name string, setups *facts.Setups) Reading {
	return Reading{snap, facts.From(snap, facts.Options{Now: snap.Start, Name: name, Setups: setups})}
}

// Compare says what changed on a host. Either reading may be without a snapshot:
// then it says that nothing was compared.
func Compare(host string, old, new Reading) HostDiff {
	d := differ{old: old, new: new, out: HostDiff{Host: host, Changes: []Change{}, NotCompared: []string{}}, doubts: map[string]bool{}, looked: map[string]bool{}}
	if old.Snapshot != nil {
		d.out.Old = old.Snapshot.Start.UTC().Format(time.RFC3339)
	}
	if new.Snapshot != nil {
		d.out.New = new.Snapshot.Start.UTC().Format(time.RFC3339)
	}
	switch {
	case old.Snapshot == nil && new.Snapshot == nil:
		d.out.Error = "it answered in neither"
	case old.Snapshot == nil:
		d.out.Error = "the older reading does not hold it"
	case new.Snapshot == nil:
		d.out.Error = "the newer reading does not hold it: it did not answer, or was left out"
	default:
		d.machine()
		d.jobs()
		d.tables()
		d.keys()
		d.accounts()
		d.sshd()
		d.listeners()
		d.hostKeys()
		d.packages()
	}
	slices.SortStableFunc(d.out.Changes, func(a, b Change) int {
		return cmp.Or(rank(b.Severity)-rank(a.Severity), cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.Subject, b.Subject))
	})
	return d.out
}

// Add takes a host's differences in, and counts them.
func (d *Diff) Add(h HostDiff) {
	d.Hosts = append(d.Hosts, h)
	s := &d.Summary
	s.Changes += len(h.Changes)
	switch {
	case len(h.Changes) > 0:
		s.Changed++
	case h.Error != "" || len(h.NotCompared) > 0:
		s.Unknown++
	default:
		s.Unchanged++
	}
	switch {
	case s.Changed > 0:
		s.Exit = ExitFound
	case s.Unknown > 0:
		s.Exit = ExitUnknown
	}
}

var kinds = []string{"job", "target", "table", "key", "account", "sshd", "listener", "host-key", "file", "package", "host"}

func kindOrder(kind string) int { return slices.Index(kinds, kind) }

// differ compares two readings of one host. Each file of its methods is a subject.
type differ struct {
	old, new Reading
	out      HostDiff
	doubts   map[string]bool
	looked   map[string]bool   // targets
	was, is  map[string]string // whether targets existed; nil: not asked yet
	mails    map[mailChange]*mailJobs
	searched int
	full     bool
}

func (d *differ) add(c Change) {
	if len(d.out.Changes) == maxChanges {
		if !d.full {
			d.full = true
			d.notCompared(fmt.Sprintf("more than %d changes: the rest is not listed", maxChanges))
		}
		return
	}
	d.out.Changes = append(d.out.Changes, c)
}

func (d *differ) notCompared(text string) {
	if d.doubts[text] || len(d.out.NotCompared) == maxNotCompared {
		return
	}
	d.doubts[text] = true
	d.out.NotCompared = append(d.out.NotCompared, text)
}

// doubted reports whether a reading may lack an item of a list that lies at path:
// then that it is not there says nothing. It notes why.
func (d *differ) doubted(r Reading, list, path, what string) bool {
	reason, at := "", ""
	if why, unknown := r.Facts.Unknown[list]; unknown {
		reason = why
	}
	for _, g := range r.Facts.Gaps[list] {
		if reason != "" {
			break
		}
		if g.Path == "" || g.Path[0] != '/' || path == "" || g.Path == "/" || path == g.Path ||
			strings.HasPrefix(path, strings.TrimSuffix(g.Path, "/")+"/") {
			reason, at = g.Reason, g.Path
		}
	}
	if reason == "" {
		return false
	}
	which := "newer"
	if r.Snapshot == d.old.Snapshot {
		which = "older"
	}
	if at != "" {
		reason = at + ": " + reason
	}
	d.notCompared(fmt.Sprintf("%s: the %s reading may lack it (%s)", what, which, reason))
	return true
}

// machine compares what the host says of itself.
func (d *differ) machine() {
	a, b := &d.old.Facts.Host, &d.new.Facts.Host
	for _, x := range [...]struct{ fact, what, old, new string }{
		{"host.hostname", "host name", a.Hostname, b.Hostname}, {"host.os", "operating system", a.OS, b.OS}, {"host.version", "release", a.Version, b.Version},
	} {
		if x.old == x.new || d.unknown(x.fact) {
			continue
		}
		d.add(Change{Kind: "host", What: "altered", Severity: policies.Low, Subject: x.what, Message: fmt.Sprintf("the %s is %q, and was %q", x.what, x.new, x.old)})
	}
	if d.old.Snapshot.Privilege != d.new.Snapshot.Privilege {
		d.notCompared(fmt.Sprintf("the readings were made with different rights (%s, then %s)", d.old.Snapshot.Privilege, d.new.Snapshot.Privilege))
	}
}

// unknown reports whether one of the readings does not know a single fact. Where
// only one does not, that is said.
func (d *differ) unknown(fact string) bool {
	why := func(r Reading) string {
		for p := fact; ; {
			if w, ok := r.Facts.Unknown[p]; ok {
				return w
			}
			i := strings.LastIndexByte(p, '.')
			if i < 0 {
				return ""
			}
			p = p[:i]
		}
	}
	a, b := why(d.old), why(d.new)
	switch {
	case a == "" && b == "":
		return false
	case a != "" && b == "":
		d.notCompared(fact + " is not known of the older reading: " + a)
	case b != "" && a == "":
		d.notCompared(fact + " is not known of the newer reading: " + b)
	}
	return true
}

func evidence(list []facts.Evidence) *facts.Evidence {
	if len(list) == 0 {
		return nil
	}
	e := list[0]
	return &e
}

// each walks two lists by key: f is told what is in one, the other, or both.
func each[T any](old, new []T, key func(*T) string, f func(old, new *T)) {
	byKey := make(map[string]*T, len(old))
	for i := range old {
		if k := key(&old[i]); byKey[k] == nil {
			byKey[k] = &old[i]
		}
	}
	seen := make(map[string]bool, len(new))
	for i := range new {
		k := key(&new[i])
		if seen[k] {
			continue
		}
		seen[k] = true
		f(byKey[k], &new[i])
	}
	for i := range old {
		if k := key(&old[i]); !seen[k] {
			seen[k] = true
			f(&old[i], nil)
		}
	}
}

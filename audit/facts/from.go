package facts

import (
	"bytes"
	"time"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/wire"
)

// Options are what the facts need beyond the snapshot.
type Options struct {
	Now    time.Time         // the run's clock
	Name   string            // of the host in the inventory
	Labels map[string]string // of the host in the inventory
	Expect []Expectation     // jobs that have to be there
}

// Expectation is a job that the inventory asks for.
type Expectation struct {
	Match   string // pattern over the command
	User    string // "" any
	Line    string // exact line; "" none given
	Written string // file:line:column of the inventory
}

// builder fills Facts from one snapshot. Each file of this package adds the
// methods for its subject.
type builder struct {
	snap *snapshot.Snapshot
	opt  Options
	f    *Facts
	fs   *tree

	// accounts
	list         []account.Account
	groups       []account.Group
	byName       map[string]*account.Account
	userNames    map[int64]string
	groupNames   map[int64]string
	groupMembers map[int64]map[string]bool // by gid; primary members too
	passwdWhole  bool                      // /etc/passwd was read and understood
	otherNSS     bool                      // accounts may come from elsewhere
	shadowWhy    string                    // why password states are not known; "" they are
	keys         map[string][]parsedKeys   // authorized keys by account

	// sshd
	config       *sshd.Config
	capture      *wire.Capture
	server       *wire.Server
	sshdFiles    []string
	hostKeyFiles []string
	keyFiles     []keyFile

	// jobs
	daemon        cron.Daemon
	daemonVersion string
	cronRuns      state
	cronJobs      []*cron.Job // beside f.Jobs
	analyses      []*cron.Analysis
	jobUIDs       []int64

	// files
	filesSeen, dirsSeen map[string]bool
}

// From makes the facts of a snapshot. It never fails: what the snapshot does
// not hold is unknown.
func From(snap *snapshot.Snapshot, opt Options) *Facts {
	b := &builder{snap: snap, opt: opt, fs: newTree(snap), keys: map[string][]parsedKeys{}, f: &Facts{
		Unknown: map[string]string{},
		Gaps:    map[string][]Gap{},
		Origin:  map[string][]Evidence{},
	}}
	b.host()
	b.packages()
	b.wire()
	b.accounts()
	b.sshd()
	b.jobs()
	b.files()
	return b.f
}

// unknown names a fact that could not be determined. The first reason stays.
func (b *builder) unknown(path, reason string) {
	if _, ok := b.f.Unknown[path]; !ok {
		b.f.Unknown[path] = reason
	}
}

// gap names what a list may lack, once.
func (b *builder) gap(list, path, reason string) {
	for _, g := range b.f.Gaps[list] {
		if g.Path == path && g.Reason == reason {
			return
		}
	}
	b.f.Gaps[list] = append(b.f.Gaps[list], Gap{Path: path, Reason: reason})
}

// gaps adds to a list what the snapshot lacks at or below path, and above it.
func (b *builder) gaps(list, path string) {
	for _, g := range b.snap.GapsFor(path) {
		b.gap(list, g.Path, reason(g))
	}
	if !b.snap.Complete {
		b.gap(list, "", "the host's answer ended before it was whole")
	}
}

// reason is a gap in words for people.
func reason(g snapshot.Gap) string {
	if g.Reason != "" {
		return g.Reason
	}
	switch g.Kind {
	case snapshot.GapDenied:
		return "no permission to read it"
	case snapshot.GapMissing:
		return "the host lacks a tool to read it"
	case snapshot.GapCap:
		return "larger than the audit's bounds"
	case snapshot.GapNetwork:
		return "on a network file system, not entered"
	case snapshot.GapUnsafe:
		return "not a regular file of its owner"
	case snapshot.GapWithheld:
		return "holds secrets, not taken from the host"
	case snapshot.GapChanged:
		return "changed while it was read"
	case snapshot.GapSource:
		return "this kind of source cannot hold it"
	}
	return string(g.Kind)
}

// why gives the first reason for which path is not in the snapshot, or "".
func (b *builder) why(path string) string {
	for _, g := range b.snap.GapsFor(path) {
		return reason(g)
	}
	if !b.snap.Complete {
		return "the host's answer ended before it was whole"
	}
	return ""
}

// output gives an output's data, or why there is none.
func (b *builder) output(name string) (data []byte, missing string) {
	if o := b.snap.Output(name); o != nil {
		return o.Data, ""
	}
	if r := b.why(name); r != "" {
		return nil, r
	}
	return nil, "the collector did not bring it"
}

// lines calls f for each line of data without its newline.
func lines(data []byte, f func(line string)) {
	for line := range bytes.Lines(data) {
		f(string(bytes.TrimSuffix(line, []byte("\n"))))
	}
}

package facts

import (
	"bytes"
	"time"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
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

	lacks    *gapIndex
	gapSeen  map[[3]string]bool
	gapsDone map[[2]string]bool
	id       map[string]string // identity, parsed once
	idLacks  string

	// accounts
	list         []account.Account
	groups       []account.Group
	byName       map[string]*account.Account
	userNames    map[int64]string
	groupNames   map[int64]string
	groupMembers map[int64]map[string]bool // by gid; primary members too
	passwdWhole  bool                      // /etc/passwd was read and understood
	otherNSS     bool                      // accounts may come from elsewhere
	groupsWhy    string                    // why the members of groups are not all known; "" they are

	// sshd
	sshdFiles    []string
	hostKeyFiles []string
	keyFiles     []keyFile
	named        []string        // paths that the configuration names, which the collector looked for
	looked       map[string]bool // of lookedFor, once keyFiles and named are known

	hidden string // why not all processes were seen; "" they were

	// vulnerabilities
	conf    *sshd.Config // nil: not read
	answers *sshDaemon   // the server that answers; nil: none was seen
	held    []holding    // what holds, once for each set of settings that some login meets

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
	b := &builder{snap: snap, opt: opt, fs: newTree(snap), lacks: newGapIndex(snap.Gaps),
		gapSeen: map[[3]string]bool{}, gapsDone: map[[2]string]bool{}, f: &Facts{
			Unknown: map[string]string{},
			Gaps:    map[string][]Gap{},
			Origin:  map[string][]Evidence{},
		}}
	b.bounds()
	b.host()
	b.packages()
	b.wire()
	b.accounts()
	b.sshd()
	b.vulnerabilities()
	b.jobs()
	b.files()
	return b.f
}

// fromFiles are the lists that are made of what was read from the host.
var fromFiles = []string{"accounts", "authorized_keys", "access", "daemons", "disagreements", "files", "jobs", "tables"}

// bounds names what holds for every list: an answer that broke off, and one in
// which not even /etc was seen.
func (b *builder) bounds() {
	if !b.snap.Complete {
		b.mayLack("", incomplete, append(fromFiles, "packages")...)
	}
	if b.snap.Lookup("/etc") == nil {
		b.mayLack("/etc", "it was not seen", fromFiles...)
	}
}

// lines calls f for each line of data without its newline.
func lines(data []byte, f func(line string)) {
	for line := range bytes.Lines(data) {
		f(string(bytes.TrimSuffix(line, []byte("\n"))))
	}
}

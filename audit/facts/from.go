package facts

import (
	"bytes"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Options are what the facts need beyond the snapshot.
type Options struct {
	Now    time.Time         // the run's clock
	Name   string            // of the host in the inventory
	Labels map[string]string // of the host in the inventory
	Expect []Expectation     // jobs that have to be there
	Allow  []Allowed         // logins that are meant to stay possible
	Apart  []string          // addresses that WhoCanLogIn tells apart from all others

	// Setups remembers what was worked out for hosts that are set up alike; nil
	// remembers nothing. With it, facts share their lists with those of other
	// hosts: nobody may change them.
	Setups *Setups
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
	*setup
	in   inputs
	snap *snapshot.Snapshot
	opt  Options
	f    *Facts
	fs   *tree

	lacks    *gapIndex
	gapSeen  map[[3]string]bool
	gapsDone map[[2]string]bool
	putIn    map[putter]string // who may add files to a directory that jobs look into
	id       map[string]string // identity, parsed once
	idLacks  string
	comments []*cron.Job // what the tables' comments would run; nil: not looked at

	hidden  string     // why not all processes were seen; "" they were
	answers *sshDaemon // the server that answers; nil: none was seen

	sshdMoved bool // what follows from the files is not all that is known of sshd
}

func newBuilder(snap *snapshot.Snapshot, opt Options) *builder {
	return &builder{snap: snap, opt: opt, fs: newTree(snap), lacks: newGapIndex(snap.Gaps), f: newFacts(),
		gapSeen: map[[3]string]bool{}, gapsDone: map[[2]string]bool{}, putIn: map[putter]string{}}
}

func newFacts() *Facts {
	return &Facts{Unknown: map[string]string{}, Gaps: map[string][]Gap{}, Origin: map[string][]Evidence{}}
}

// From makes the facts of a snapshot. It never fails: what the snapshot does
// not hold is unknown.
func From(snap *snapshot.Snapshot, opt Options) *Facts {
	b := newBuilder(snap, opt)
	b.work()
	return b.f
}

// work works everything out.
func (b *builder) work() {
	opt := &b.opt
	b.host()
	b.packages()
	b.wire()
	b.answers = b.server()
	b.schedulers()
	b.timersShown()
	b.in.today, b.in.hidden = b.today(), b.hidden
	b.in.daemons = len(b.f.Daemons) > 0
	b.setup = opt.Setups.of(b)
	b.join()
	if b.cfg != nil {
		b.effective(b.cfg, b.answers)
		b.stale(b.cfg, b.answers)
		b.doubtAll()
	}
	b.groupExchange()
	b.traces()
	if !b.sshdMoved {
		b.f.SharedSshd = b.once
	}
}

// fromFiles are the lists that are made of what was read from the host.
var fromFiles = []string{"accounts", "authorized_keys", "access", "daemons", "disagreements", "files", "jobs", "private_keys", "tables"}

// bounds names what holds for every list: an answer that broke off, and one in
// which not even /etc was seen.
func (b *builder) bounds() {
	if !b.snap.Complete {
		b.mayLack("", incomplete, append(fromFiles, "packages")...)
	}
	// The collector always brings this one, be it empty, or says why not: without
	// either it never came to the jobs.
	if b.snap.Output(snapshot.OutTargets) == nil && b.why(snapshot.OutTargets) == "" {
		b.mayLack(snapshot.OutTargets, "the collector did not bring it", "jobs", "tables")
	}
	if b.fs.lookup("/etc") == nil {
		b.mayLack("/etc", "it was not seen", fromFiles...)
	}
}

// lines calls f for each line of data without its newline.
func lines(data []byte, f func(line string)) {
	for line := range bytes.Lines(data) {
		f(string(bytes.TrimSuffix(line, []byte("\n"))))
	}
}

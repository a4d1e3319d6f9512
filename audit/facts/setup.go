package facts

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/postern-ssh/postern/audit/access"
	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// setup is what follows from how a host is set up: from the names, owners, modes
// and contents of its files. What moves by itself (processes, logs, times, what
// the wire showed) has no part in it but by [inputs].
//
// Most hosts of a fleet are set up like some other host of it, and working a
// setup out is most of what an audit costs; see [Setups].
type setup struct {
	found *Facts // accounts, authorized_keys, private_keys, access, vulnerabilities, jobs, tables, expected, files and the settings of sshd
	once  *Shared

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
	cfg          *sshd.Config // nil: what holds at the server is not known
	held         []holding    // what holds, once for each set of settings that some login meets
	asks         bool         // a line of it speaks of groups
	sum          access.Summary
	capped       bool
	sshdFiles    []string
	hostKeyFiles []string
	keyFiles     []keyFile
	named        []string        // paths that the configuration names, which the collector looked for
	looked       map[string]bool // of lookedFor, once keyFiles and named are known

	// jobs
	cronJobs []*cron.Job // beside found.Jobs
	envRead  settingsRead
	analyses []*cron.Analysis
	jobUIDs  []int64
	refused  []refused // lines that are no jobs
	run      int       // bytes of what the jobs run
	jobsCut  bool      // there are more jobs than were looked at

	// files
	filesSeen, dirsSeen map[string]bool

	times timedFiles

	mu       sync.Mutex
	compared compared
}

// inputs are what a setup takes from what moves.
type inputs struct {
	main    string       // sshd's main file
	rules   sshd.Options // by which it is read
	primary bool         // a running server was found
	reason  string       // why it was not asked
	other   string       // why the files may not be what decides at it
	hidden  string       // why not all processes were seen
	daemons bool         // some server was found, whether it answers or not
	foreign string       // why the server may not be the one of its package

	dropbear *dropbearServer // nil: the server is another one

	daemon        cron.Daemon
	daemonVersion string
	cronFlags     cron.Flags
	cronRuns      state
	timers        []byte // what systemd says of its timers, without the next times
	timersLacks   string
	timersAsked   bool

	today int64
}

// compared is the last comparison of the settings with what sshd -T printed.
type compared struct {
	settings *sshd.Settings
	printed  []byte
	diffs    []sshd.Difference
}

// setupOutputs are the outputs that a setup may read.
var setupOutputs = map[string]bool{snapshot.OutShadow: true, snapshot.OutModuli: true, snapshot.OutTargets: true, snapshot.OutPackages: true,
	snapshot.OutPrivateKeys: true}

// moves reports whether what the snapshot tells of a name, or lacks of it, is not
// part of a setup.
func moves(name string) bool {
	return strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, snapshot.OutSshdT) || strings.HasPrefix(name, snapshot.OutSshdVersion)
}

// newSetup works a setup out. alike says that it holds for every host with the
// same description. Of the host's facts it knows those that are set below and no
// others: what else it needs has to come by inputs, and describe has to write it.
func newSetup(host *builder) (s *setup, alike bool) {
	s = &setup{found: newFacts()}
	b := newBuilder(host.snap, Options{Expect: host.opt.Expect, Allow: host.opt.Allow})
	b.setup, b.f, b.in, b.hidden = s, s.found, host.in, host.in.hidden
	seen := host.f
	b.f.Host.OS, b.f.Host.Version, b.f.Host.Systemd = seen.Host.OS, seen.Host.Version, seen.Host.Systemd
	b.f.Wire.Seen, b.f.Wire.Software, b.f.Wire.Terrapin = seen.Wire.Seen, seen.Wire.Software, seen.Wire.Terrapin
	b.f.Packages, b.f.Gaps["packages"] = seen.Packages, slices.Clip(seen.Gaps["packages"])
	for _, fact := range []string{"packages", "wire.terrapin"} {
		if why, unknown := seen.Unknown[fact]; unknown {
			b.f.Unknown[fact] = why
		}
		if e := seen.Origin[fact]; e != nil {
			b.f.Origin[fact] = e
		}
	}
	b.bounds()
	b.accounts()
	b.privateKeys()
	b.sshd()
	b.vulnerabilities()
	b.jobs()
	b.files()
	s.times = b.timedFiles()
	s.cronJobs, s.analyses, s.jobUIDs, s.refused = nil, nil, nil, nil
	s.filesSeen, s.dirsSeen, s.looked = nil, nil, nil
	return s, !b.fs.moved && !b.lacks.moved
}

// OfSetup names the facts that follow from how a host is set up alone, and what
// they may lack with them.
func OfSetup(fact string) bool {
	switch fact {
	case "accounts", "authorized_keys", "private_keys", "vulnerabilities", "vulnerability_data", "jobs", "tables", "expected", "files":
		return true
	}
	return false
}

// OfSshd names the single facts that follow from how a host is set up, as long as
// no other witness has something to say of sshd.
func OfSshd(fact string) bool {
	switch fact {
	case "sshd.stale", "sshd.group_exchange_bits":
		return false
	case "access", "host.os", "host.version":
		return true
	}
	return strings.HasPrefix(fact, "sshd.")
}

// OfWire names the facts that follow from the names that a server offers.
func OfWire(fact string) bool {
	switch fact {
	case "wire.host_key_algorithms", "wire.ciphers", "wire.macs", "wire.compression", "wire.unrecognised",
		"wire.strict_kex", "wire.terrapin", "wire.post_quantum":
		return true
	}
	return false
}

// Shared keeps what was worked out of a setup. It is safe for concurrent use.
type Shared struct{ kept sync.Map }

// Once gives what work gives, for all hosts that are set up alike the first
// one's. work has to look at nothing but facts of which OfSetup is true.
func (s *Shared) Once(key any, work func() any) any {
	if s == nil {
		return work()
	}
	if kept, ok := s.kept.Load(key); ok {
		return kept
	}
	kept, _ := s.kept.LoadOrStore(key, work())
	return kept
}

// join adds the setup to the host's facts.
func (b *builder) join() {
	s := b.found
	b.f.Shared = b.once
	b.f.Accounts, b.f.AuthorizedKeys, b.f.Access = slices.Clip(s.Accounts), slices.Clip(s.AuthorizedKeys), slices.Clip(s.Access)
	b.f.PrivateKeys = slices.Clip(s.PrivateKeys)
	b.f.Jobs, b.f.Tables, b.f.Expected, b.f.Files = slices.Clip(s.Jobs), slices.Clip(s.Tables), slices.Clip(s.Expected), slices.Clip(s.Files)
	b.f.Sshd, b.f.Vulnerabilities, b.f.VulnerabilityData = s.Sshd, slices.Clip(s.Vulnerabilities), s.VulnerabilityData
	for path, reason := range s.Unknown {
		b.unknown(path, reason)
	}
	b.sshdMoved = false
	for list, gaps := range s.Gaps {
		if len(b.f.Gaps[list]) == 0 {
			b.f.Gaps[list] = slices.Clip(gaps)
			continue
		}
		for _, g := range gaps {
			b.addGap(list, g)
		}
	}
	for path, evidence := range s.Origin {
		b.f.Origin[path] = evidence
	}
}

// The bounds of a memory of setups: a fleet has few of them, and a host that
// wants to be told apart is not remembered at the cost of the others.
const (
	maxSetups    = 64
	maxSetupSize = 1 << 20 // bytes of a description
)

// Setups remembers the setups of a run. It is safe for concurrent use.
type Setups struct {
	seed maphash.Seed
	mu   sync.Mutex
	by   map[uint64]*remembered
	turn int64

	offered map[string]*offers // by the names of all lists
}

// remembered is a setup with its whole description: a host is like another one
// when every byte is, not when a hash is.
type remembered struct {
	description []byte
	setup       *setup
	used        int64
}

// NewSetups gives an empty memory.
func NewSetups() *Setups {
	return &Setups{seed: maphash.MakeSeed(), by: map[uint64]*remembered{}, offered: map[string]*offers{}}
}

var descriptions = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// of gives the setup of a host, from memory where a host like it was there.
func (m *Setups) of(b *builder) *setup {
	if m == nil {
		s, _ := newSetup(b)
		return s
	}
	buf := descriptions.Get().(*bytes.Buffer)
	defer descriptions.Put(buf)
	buf.Reset()
	b.describe(buf)
	key := maphash.Bytes(m.seed, buf.Bytes())
	m.mu.Lock()
	m.turn++
	if r := m.by[key]; r != nil && bytes.Equal(r.description, buf.Bytes()) {
		r.used = m.turn
		m.mu.Unlock()
		return r.setup
	}
	m.mu.Unlock()
	s, alike := newSetup(b)
	if alike && buf.Len() <= maxSetupSize {
		s.once = new(Shared)
		m.remember(key, &remembered{description: bytes.Clone(buf.Bytes()), setup: s})
	}
	return s
}

func (m *Setups) remember(key uint64, r *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.by) >= maxSetups {
		oldest := uint64(0)
		used := m.turn + 1
		for k, have := range m.by {
			if have.used < used {
				oldest, used = k, have.used
			}
		}
		delete(m.by, oldest)
	}
	r.used = m.turn
	m.by[key] = r
}

// describe writes all that a setup is worked out from.
func (b *builder) describe(buf *bytes.Buffer) {
	text := func(list ...string) {
		for _, s := range list {
			buf.Write(binary.AppendUvarint(buf.AvailableBuffer(), uint64(len(s))))
			buf.WriteString(s)
		}
	}
	data := func(d []byte) {
		if d == nil {
			buf.WriteByte('-')
			return
		}
		buf.WriteByte('+')
		buf.Write(binary.AppendUvarint(buf.AvailableBuffer(), uint64(len(d))))
		buf.Write(d)
	}
	number := func(list ...int64) {
		for _, n := range list {
			buf.Write(binary.AppendVarint(buf.AvailableBuffer(), n))
		}
	}
	flag := func(list ...bool) {
		for _, is := range list {
			number(truth(is))
		}
	}
	s, in := b.snap, &b.in
	text(string(s.Source), string(s.Privilege), b.f.Host.OS, b.f.Host.Version, in.main, in.rules.Distro, in.rules.Version.String(),
		in.reason, in.other, in.hidden, in.foreign, in.daemonVersion, in.timersLacks, b.f.Wire.Software)
	flag(s.Complete, b.f.Host.Systemd, in.primary, in.daemons, in.timersAsked, b.f.Wire.Seen, b.f.Wire.Terrapin)
	for _, fact := range []string{"packages", "wire.terrapin"} {
		why, unknown := b.f.Unknown[fact]
		flag(unknown)
		text(why)
		number(int64(len(b.f.Origin[fact])))
		for _, e := range b.f.Origin[fact] {
			text(e.Path, e.Text, e.Witness)
			number(int64(e.Line))
		}
	}
	number(int64(len(b.f.Gaps["packages"])))
	for _, g := range b.f.Gaps["packages"] {
		text(g.Path, g.Reason)
	}
	number(int64(in.daemon), int64(in.cronRuns), in.today)
	number(int64(len(in.rules.CommandLine)), int64(len(in.rules.Ports)), int64(len(b.opt.Expect)))
	text(in.rules.CommandLine...)
	for _, p := range in.rules.Ports {
		number(int64(p))
	}
	for _, e := range b.opt.Expect {
		text(e.Match, e.User, e.Line, e.Written)
	}
	number(int64(len(b.opt.Allow)))
	for _, a := range b.opt.Allow {
		number(int64(len(a.Addresses)))
		text(a.Addresses...)
		text(a.User, a.Method, a.Written)
	}
	flag(in.cronFlags.LSB, in.cronFlags.Any, in.cronFlags.Cluster)
	flag(in.dropbear != nil)
	if d := in.dropbear; d != nil {
		number(d.uid, int64(len(d.args)))
		text(d.exe)
		text(d.args...)
	}
	data(in.timers)
	for i := range s.Files {
		f := &s.Files[i]
		if moves(f.Path) {
			continue
		}
		text(f.Path, f.Target, f.Real)
		number(int64(f.Type), int64(f.Mode), f.UID, f.GID, f.Links)
		flag(f.Truncated, f.Filtered)
		data(f.Content)
	}
	for i := range s.Outputs {
		if o := &s.Outputs[i]; setupOutputs[o.Name] {
			text(o.Name)
			flag(o.Truncated)
			data(o.Data)
		}
	}
	for _, g := range s.Gaps {
		if !moves(g.Path) {
			text(g.Path, string(g.Kind), g.Reason)
		}
	}
}

package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// The rules about jobs that set a host apart from the others of its group.
const (
	RulePeerAltered = "peer-job-altered"
	RulePeerChanged = "peer-job-changed"
	RulePeerMissing = "peer-job-missing"
	RulePeerRare    = "peer-job-rare"
)

// maxPeerOutcomes bounds the outcomes of one rule about peers; what is beyond is
// one outcome more that says how many.
const maxPeerOutcomes = 50

func peerRules() []RuleInfo {
	return []RuleInfo{
		{ID: RulePeerAltered, Title: "What a job runs is what its peers' job runs", Severity: policies.High,
			Why:    "A line that differs a little from that of every other host of its group may be a repair, or somebody's own version of it. Differences in dots, blanks and letters that look alike are made to be overlooked.",
			Remedy: "Compare the two lines letter by letter, and look at the file that this one runs before you change anything."},
		{ID: RulePeerChanged, Title: "A job has the times and arguments of its peers' job", Severity: policies.Low,
			Why:    "A job that runs at other times, with other settings or arguments than on the other hosts of its group was changed by hand.",
			Remedy: "Put the right one into the place that all hosts get it from."},
		{ID: RulePeerMissing, Title: "No job is missing that the peers have", Severity: policies.Medium,
			Why:    "A job that vanished from one host is as loud as one that was added: the monitor is the first thing that an intruder takes away.",
			Remedy: "Put it back, or take the host out of the group; find out since when it is gone."},
		{ID: RulePeerRare, Title: "No host has a job of its own", Severity: policies.Low,
			Why:    "What runs on one host of many was put there for a reason that somebody should know.",
			Remedy: "Ask who wrote it; a group of its own in the inventory says that the host differs on purpose."},
	}
}

// isPeerRule tells the rules that compare a host with the others of its group.
func isPeerRule(rule string) bool {
	return slices.ContainsFunc(peerRules(), func(r RuleInfo) bool { return r.ID == rule })
}

// jobsWhole reports whether all of a host's jobs are known.
func jobsWhole(f *facts.Facts) bool {
	_, unknown := f.Unknown["jobs"]
	return !unknown && len(f.Gaps["jobs"]) == 0
}

// addPeer takes a host's jobs in, as small digests.
func (s *sums) addPeer(h *Host) {
	if h.Facts == nil || len(h.Groups) == 0 {
		return
	}
	f := h.Facts
	p := compare.PeerHost{Name: h.Name, Names: []string{h.Address, f.Host.Hostname}, Groups: h.Groups,
		Kind: f.Host.OS + " " + f.Host.Version, Whole: jobsWhole(f),
		Jobs: make([]compare.PeerJob, 0, len(f.Jobs))}
	// Where no table's job runs at all (a container without cron), that is one thing
	// and not one of each job.
	cronRuns := len(f.Host.Cron) > 0 || slices.ContainsFunc(f.Jobs, func(j facts.Job) bool { return j.Runs && j.Scheduler != string(cron.SchedTimer) })
	for i := range f.Jobs {
		if j := &f.Jobs[i]; j.Form != nil {
			dead := !j.Runs && (cronRuns || j.Scheduler == string(cron.SchedTimer))
			p.Jobs = append(p.Jobs, compare.PeerJob{Form: j.Form, Path: j.Path, Line: int(j.Line), Dead: dead})
		}
	}
	s.peers.Add(p)
}

// peerOutcomes compares the hosts.
func (s *sums) peerOutcomes() []FleetOutcome {
	infos := peerRules()
	found := s.peers.Find()
	perRule := map[string]int{}
	var out []FleetOutcome
	more := map[string]*FleetOutcome{}
	for i := range found {
		x := &found[i]
		rule, severity := peerRule(x)
		n := slices.IndexFunc(infos, func(r RuleInfo) bool { return r.ID == rule })
		info := infos[n]
		info.Severity = severity
		if perRule[rule]++; perRule[rule] > maxPeerOutcomes {
			m := more[rule]
			if m == nil {
				m = &FleetOutcome{Rule: rule, Severity: severity, Verdict: policies.Fail}
				more[rule] = m
			}
			if AtLeast(severity, m.Severity) {
				m.Severity = severity
			}
			m.Hosts = append(m.Hosts, x.Hosts...)
			continue
		}
		out = append(out, FleetOutcome{
			Rule: rule, Severity: severity, Verdict: policies.Fail, Hosts: x.Hosts, Message: peerMessage(x),
			Reason: peerReason(x), Fingerprint: peerFingerprint(rule, x),
		})
	}
	for _, info := range infos {
		if m := more[info.ID]; m != nil {
			slices.Sort(m.Hosts)
			m.Hosts = slices.Compact(m.Hosts)
			m.Message = fmt.Sprintf("%d more of this kind are not listed", perRule[info.ID]-maxPeerOutcomes)
			m.Fingerprint = peerFingerprint(info.ID, &compare.PeerFinding{Hosts: m.Hosts})
			out = append(out, *m)
		}
	}
	return out
}

func peerRule(x *compare.PeerFinding) (string, policies.Severity) {
	switch x.Kind {
	case compare.PeerMissing:
		return RulePeerMissing, policies.Medium
	case compare.PeerRare:
		return RulePeerRare, policies.Low
	case compare.PeerTwin:
		if x.Hair && x.Where == compare.InLook {
			return RulePeerAltered, policies.High
		}
		return RulePeerAltered, policies.Medium
	}
	switch {
	case x.How == compare.Stopped && x.Dead:
		return RulePeerMissing, policies.Medium
	case x.How == compare.MovedUser, x.Hair:
		return RulePeerAltered, policies.High
	case x.How == compare.Rewritten && x.Where != compare.InArgument:
		return RulePeerAltered, policies.Medium
	}
	return RulePeerChanged, policies.Low
}

// peerMessage says it in a sentence, the host first. The words of hosts are quoted
// as everywhere; the report's door escapes what is left.
func peerMessage(x *compare.PeerFinding) string {
	who := x.Hosts[0] + "'s"
	verb := "differs"
	noun := "job"
	if n := len(x.Hosts); n > 1 {
		who, verb, noun = fmt.Sprintf("%s and %d more hosts'", x.Hosts[0], n-1), "differ", "jobs"
	}
	peers := fmt.Sprintf("%d peers in %s", x.Peers, cron.Quote(x.Group))
	switch x.Kind {
	case compare.PeerMissing:
		host := x.Hosts[0] + " lacks"
		if n := len(x.Hosts); n > 1 {
			host = fmt.Sprintf("%s and %d more hosts lack", x.Hosts[0], n-1)
		}
		if x.Like {
			return fmt.Sprintf("%s a job like %s of %s, of which %s have one each", host, cron.Quote(short(x.Old)), x.User, peers)
		}
		return fmt.Sprintf("%s the job %s of %s that %s have", host, cron.Quote(short(x.Old)), x.User, peers)
	case compare.PeerRare:
		return fmt.Sprintf("%s job %s of %s runs on none of its peers (%d hosts in %s)", who, cron.Quote(short(x.New)), x.User, x.Of, cron.Quote(x.Group))
	case compare.PeerTwin:
		return fmt.Sprintf("%s job %s of %s stands beside %s, which %s have, and differs from it in %s", who, cron.Quote(short(x.New)), x.User, cron.Quote(short(x.Old)), peers, segments(x))
	}
	switch x.How {
	case compare.MovedUser:
		return fmt.Sprintf("%s job %s runs as %s, and as another account on %s", who, cron.Quote(short(x.New)), x.User, peers)
	case compare.Rescheduled:
		return fmt.Sprintf("%s job %s of %s runs at other times (%s) than on %s (%s)", who, cron.Quote(short(x.New)), x.User, x.NewTimes, peers, x.OldTimes)
	case compare.Stopped:
		if x.Dead {
			return fmt.Sprintf("%s job %s of %s is there and never runs, and runs on %s", who, cron.Quote(short(x.New)), x.User, peers)
		}
		return fmt.Sprintf("%s job %s of %s runs, and is there and never runs on %s", who, cron.Quote(short(x.New)), x.User, peers)
	case compare.Reset:
		return fmt.Sprintf("%s job %s of %s runs with other settings than on %s", who, cron.Quote(short(x.New)), x.User, peers)
	}
	return fmt.Sprintf("%s %s %s of %s %s from %s in %s", who, noun, cron.Quote(short(x.New)), x.User, verb, peers, segments(x))
}

func segments(x *compare.PeerFinding) string {
	return Segments(x.Difference)
}

// Segments names the words in which two commands differ.
func Segments(d compare.Difference) string {
	switch {
	case d.Old == "":
		return cron.Quote(short(d.New)) + ", which is added"
	case d.New == "":
		return cron.Quote(short(d.Old)) + ", which is left out"
	}
	return cron.Quote(short(d.New)) + " instead of " + cron.Quote(short(d.Old))
}

func peerReason(x *compare.PeerFinding) string {
	var parts []string
	if x.Path != "" {
		at := x.Path
		if x.Line > 0 {
			at += fmt.Sprintf(":%d", x.Line)
		}
		if len(x.Hosts) > 1 {
			at += " on " + x.Hosts[0]
		}
		parts = append(parts, "at "+at)
	}
	if (x.Kind == compare.PeerAltered || x.Kind == compare.PeerTwin) && x.Old != x.New {
		parts = append(parts, "the peers have "+cron.Quote(short(x.Old)))
	}
	return strings.Join(parts, "; ")
}

// short cuts a command where a sentence would drown in it.
func short(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

func peerFingerprint(rule string, x *compare.PeerFinding) string {
	h := sha256.New()
	for _, part := range append([]string{rule, x.User, x.Old, x.New}, x.Hosts...) {
		h.Write([]byte(part + "\x00"))
	}
	return "1:" + hex.EncodeToString(h.Sum(nil)[:16])
}

package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

// The exit codes (DESIGN: codes of the command line). Usage errors, 2, never come from a run.
const (
	ExitClean   = 0 // nothing to act on
	ExitFound   = 1 // findings at or above --fail-on, or waivers that have run out
	ExitUnknown = 3 // nothing found, but something that matters could not be judged
)

// The rules about the fleet. They are not in the catalogue since no host's
// facts can answer them.
const (
	RuleUnreachable = "host-unreachable"
	RuleRefused     = "host-refused"
	RulePartial     = "host-partial"
	RuleSharedKey   = "shared-host-key"
)

// FleetRules describes the rules about the fleet for lists and explanations.
func FleetRules() []RuleInfo {
	return append([]RuleInfo{
		{ID: RuleUnreachable, Title: "The host answers", Severity: policies.High,
			Why:    "A host that does not answer was not audited, whatever its last result was. A dead node that nobody saw is how a breach stays hidden.",
			Remedy: "Find out whether the host is down, moved or filtered; take it out of the inventory only when it is gone."},
		{ID: RuleRefused, Title: "The host lets the auditor in", Severity: policies.High,
			Why:    "A host that refuses the login or shows another key than the known one was not audited. A changed host key may be a new installation or somebody in between.",
			Remedy: "Compare the host key by another way before you accept it; install the audit key where the login was refused."},
		{ID: RulePartial, Title: "The host could be read whole", Severity: policies.Medium,
			Why:    "What could not be read is unknown, and an intruder's trace may lie there. The audit counts it as neither good nor bad.",
			Remedy: "Give the audit account the right to run the collector through sudo -n, or log in as root with a key."},
		{ID: RuleSharedKey, Title: "Every host has host keys of its own", Severity: policies.High,
			Why:    "Hosts that share a host key can each impersonate the others to every client. It happens when machines are cloned from an image that holds keys.",
			Remedy: "On all but one of them: rm /etc/ssh/ssh_host_*_key*, ssh-keygen -A, restart sshd, and tell the users the new fingerprints."},
	}, peerRules()...)
}

// sums collects, while the results pass by, what only shows across them. It
// keeps a few words a host and never the host.
type sums struct {
	failOn  policies.Severity
	summary Summary
	names   map[string]map[string][]string // rule -> reason -> hosts
	keys    map[string][]keyHolder         // fingerprint -> hosts
	peers   *compare.Peers
	score   []float64
	cover   []float64
	found   bool
	unknown bool
}

type keyHolder struct{ host, identity, kind string }

func newSums(failOn policies.Severity) *sums {
	if failOn == "" {
		failOn = policies.Medium
	}
	return &sums{
		failOn: failOn,
		summary: Summary{
			Hosts:    map[State]int{},
			Outcomes: map[policies.Verdict]int{},
			Findings: map[policies.Severity]int{},
		},
		names: map[string]map[string][]string{},
		keys:  map[string][]keyHolder{},
		peers: compare.NewPeers(),
	}
}

func (s *sums) add(h *Host) {
	s.summary.Hosts[h.State]++
	s.score = append(s.score, h.Score.Value)
	s.cover = append(s.cover, h.Score.Coverage)
	s.summary.Expired += h.expired
	for _, o := range h.Outcomes {
		s.summary.Outcomes[o.Verdict]++
		switch o.Verdict {
		case policies.Fail:
			s.summary.Findings[o.Severity]++
			s.found = s.found || AtLeast(o.Severity, s.failOn)
		case policies.Unknown:
			s.unknown = s.unknown || AtLeast(o.Severity, s.failOn)
		}
	}
	switch h.State {
	case Unreachable:
		s.note(RuleUnreachable, h)
	case Refused:
		s.note(RuleRefused, h)
	case Partial:
		s.note(RulePartial, h)
		// Of a host on which nothing was judged everything is unknown.
		s.unknown = s.unknown || len(h.Outcomes) == 0
	}
	s.addPeer(h)
	if h.Facts != nil && h.Snapshot != nil {
		for _, k := range h.Facts.Wire.HostKeys {
			if k.Fingerprint != "" {
				s.keys[k.Fingerprint] = append(s.keys[k.Fingerprint],
					keyHolder{h.Name, machine(h.Facts), k.Type})
			}
		}
	}
}

// machine tells machines apart: those that the inventory names twice have one
// boot id and one host name; containers of one machine share the boot id only.
// "" is not known.
func machine(f *facts.Facts) string {
	if f.Host.BootID == "" {
		return ""
	}
	return f.Host.BootID + " " + f.Host.Hostname
}

func (s *sums) note(rule string, h *Host) {
	if s.names[rule] == nil {
		s.names[rule] = map[string][]string{}
	}
	reason := h.Reason
	if h.Stage != "" {
		reason = h.Stage + ": " + reason
	}
	s.names[rule][reason] = append(s.names[rule][reason], h.Name)
}

// fleet ends the sums.
func (s *sums) fleet() *Fleet {
	f := &Fleet{Summary: s.summary}
	infos := FleetRules()
	for _, info := range infos {
		for reason, hosts := range s.names[info.ID] {
			sort.Strings(hosts)
			f.Outcomes = append(f.Outcomes, fleetOutcome(info, policies.Unknown, hosts,
				fleetMessage(info.ID, len(hosts)), reason))
			s.unknown = s.unknown || info.ID != RulePartial
		}
		if info.ID != RuleSharedKey {
			continue
		}
		for fp, holders := range s.keys {
			hosts := distinct(holders)
			if len(hosts) < 2 {
				continue
			}
			f.Outcomes = append(f.Outcomes, fleetOutcome(info, policies.Fail, hosts,
				fmt.Sprintf("%d hosts share the %s host key %s", len(hosts), holders[0].kind, fp), ""))
			f.Summary.Findings[info.Severity]++
			f.Summary.Outcomes[policies.Fail]++
			s.found = s.found || AtLeast(info.Severity, s.failOn)
		}
	}
	for _, o := range s.peerOutcomes() {
		f.Outcomes = append(f.Outcomes, o)
		f.Summary.Findings[o.Severity]++
		f.Summary.Outcomes[policies.Fail]++
		s.found = s.found || AtLeast(o.Severity, s.failOn)
	}
	sort.Slice(f.Outcomes, func(i, j int) bool {
		a, b := f.Outcomes[i], f.Outcomes[j]
		if a.Rule != b.Rule {
			return a.Rule < b.Rule
		}
		return a.Fingerprint < b.Fingerprint
	})
	f.Summary.Score = meanScore(s.score, s.cover)
	switch {
	case s.found || s.summary.Expired > 0:
		f.Summary.Exit = ExitFound
	case s.unknown:
		f.Summary.Exit = ExitUnknown
	}
	return f
}

func fleetMessage(rule string, n int) string {
	noun, verb := "hosts", "were"
	if n == 1 {
		noun, verb = "host", "was"
	}
	switch rule {
	case RuleUnreachable:
		return fmt.Sprintf("%d %s %s not reached", n, noun, verb)
	case RuleRefused:
		return fmt.Sprintf("%d %s %s not entered", n, noun, verb)
	}
	return fmt.Sprintf("%d %s could be read only in part", n, noun)
}

func fleetOutcome(info RuleInfo, v policies.Verdict, hosts []string, message, reason string) FleetOutcome {
	sum := sha256.Sum256([]byte(info.ID + "\x00" + strings.Join(hosts, "\x00")))
	return FleetOutcome{
		Rule: info.ID, Severity: info.Severity, Verdict: v, Hosts: hosts,
		Message: message, Reason: reason, Fingerprint: "1:" + hex.EncodeToString(sum[:16]),
	}
}

// distinct gives the hosts that hold a key, each machine once: one machine that
// the inventory names twice has one boot id and shares nothing.
func distinct(holders []keyHolder) []string {
	seen := map[string]bool{}
	var hosts []string
	// In the order of names: which name stands for a machine must not depend on
	// which answered first.
	sort.Slice(holders, func(i, j int) bool { return holders[i].host < holders[j].host })
	for _, h := range holders {
		id := h.identity
		if id == "" {
			id = "name " + h.host
		}
		if !seen[id] {
			seen[id] = true
			hosts = append(hosts, h.host)
		}
	}
	sort.Strings(hosts)
	return hosts
}

// AtLeast reports whether severity a is as grave as b or graver.
func AtLeast(a, b policies.Severity) bool { return rank(a) >= rank(b) }

func rank(s policies.Severity) int {
	switch s {
	case policies.Critical:
		return 4
	case policies.High:
		return 3
	case policies.Medium:
		return 2
	case policies.Low:
		return 1
	}
	return 0
}

package audit

import (
	"fmt"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Baseline is the reading of a host that an administrator has blessed.
type Baseline struct {
	Run      string
	Who      string
	At       time.Time // when it was blessed
	Snapshot *snapshot.Snapshot
	Err      error // why it could not be read
}

// addDrift puts what changed since the baseline into the facts, in the words of
// [Compare]. What could not be compared is a gap; a baseline that cannot be read
// makes the fact unknown.
func addDrift(name string, snap *snapshot.Snapshot, f *facts.Facts, b *Baseline, setups *facts.Setups) {
	if b == nil {
		return
	}
	when := fmt.Sprintf("blessed by %s on %s (%s)", b.Who, b.At.UTC().Format(time.DateOnly), b.Run)
	if b.Err != nil || b.Snapshot == nil {
		why := "there is no archive"
		if b.Err != nil {
			why = b.Err.Error()
		}
		f.Unknown["drift"] = fmt.Sprintf("the baseline %s cannot be read: %s", when, why)
		return
	}
	d := Compare(name, ReadingOf(b.Snapshot, name, setups), Reading{Snapshot: snap, Facts: f})
	if d.Error != "" {
		f.Unknown["drift"] = d.Error
		return
	}
	f.Drift = make([]facts.Drift, 0, len(d.Changes)+1)
	f.Drift = append(f.Drift, facts.Drift{Kind: "baseline", What: "compared", Severity: "info", Subject: b.Run, Message: when,
		Evidence: []facts.Evidence{{Witness: "compared with the reading of " + d.Old + ", " + when}}})
	for _, c := range d.Changes {
		x := facts.Drift{Kind: c.Kind, What: c.What, Severity: string(c.Severity), Subject: c.Subject, Message: c.Message}
		for _, side := range []struct {
			e    *facts.Evidence
			word string
		}{{c.New, "is"}, {c.Old, "was"}} {
			if side.e == nil {
				continue
			}
			e := *side.e
			if e.Witness == "" {
				e.Witness = side.word
			} else {
				e.Witness = side.word + ": " + e.Witness
			}
			x.Evidence = append(x.Evidence, e)
		}
		f.Drift = append(f.Drift, x)
	}
	for _, why := range d.NotCompared {
		f.Gaps["drift"] = append(f.Gaps["drift"], facts.Gap{Reason: why})
	}
}

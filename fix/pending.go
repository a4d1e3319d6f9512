package fix

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Pending is a file that somebody else has changed and that sshd has not read since:
// a reload brings it into force.
type Pending struct {
	Path    string    `json:"path"`
	Changed time.Time `json:"changed,omitzero"` // mtime or ctime, the later, UTC
	Loaded  time.Time `json:"loaded,omitzero"`  // when the daemon last read its files; zero: not known
	// Run is the kept run whose archive holds the file as the daemon has it; "" none
	// does, and then what it runs with is not known.
	Run string `json:"run,omitempty"`
	Old []byte `json:"old,omitempty"` // by that archive
	New []byte `json:"new,omitempty"` // on the disk
}

// Diff is what the reload would bring, a line each; nil where what runs is not known.
func (p *Pending) Diff() []string {
	if p.Run == "" {
		return nil
	}
	c := Change{Kind: KindSshd, Before: State{Path: p.Path, Real: p.Path, Exists: true}, After: State{Path: p.Path, Real: p.Path, Exists: true}, Old: p.Old, New: p.New}
	return c.Diff()
}

// Empty reports that applying the plan would do nothing.
func (h *Host) Empty() bool { return len(h.Changes) == 0 && !h.Reload.Needed }

// loadFiles plans a reload alone: the files are right, and the daemon has older ones.
func (p *planner) loadFiles() {
	if !p.named(p.rule) {
		p.unfixed(p.rule, "somebody changed the files and did not reload: look at the change (postern config), then --only "+p.rule+" plans the reload, or take the change back")
		return
	}
	p.load = true
}

// onlyLoad plans a reload where the files say what a rule wants and nothing was to be
// edited.
func (p *planner) onlyLoad(edits int) bool {
	if p.edits != edits || len(p.staleFiles()) == 0 {
		return false
	}
	if v := p.verdict[p.rule].Verdict; v == "pass" || v == "not-applicable" {
		return false
	}
	p.load = true
	p.warn("for %s the files are right already, and sshd has not read them", p.rule)
	return true
}

// staleFiles are those that are newer than what the daemon has read, or may be.
func (p *planner) staleFiles() []facts.Evidence {
	_, unknown := p.before.Unknown["sshd.stale"]
	if p.in.Snapshot.Source == snapshot.SourceRoot || !unknown && !p.before.Sshd.Stale {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.before.Origin["sshd.stale"]), func(e facts.Evidence) bool { return e.Path == "" })
}

// pendingEdits refuses to bring into force what somebody else has written since the
// daemon last read its files, and shows it apart.
func (p *planner) pendingEdits() {
	if p.in.Snapshot.Source == snapshot.SourceRoot {
		return // nothing runs
	}
	why, unknown := p.before.Unknown["sshd.stale"]
	edits := p.staleFiles()
	for _, e := range edits {
		p.host.Pending = append(p.host.Pending, p.pendingFile(e))
	}
	switch {
	case p.before.Sshd.Stale && !unknown:
		for i, e := range edits {
			r := Refusal{Risk: "pending-edits", Why: fmt.Sprintf("%s has changed since the daemon read it, and this reload would bring that into force too (%s)", e.Path, e.Text),
				Path: e.Path, WayOut: "look at that change; reload it by itself, or take it back"}
			if len(p.host.Changes) == 0 {
				r.Why = fmt.Sprintf("this reload brings what somebody wrote to %s into force (%s), and no rollback gives back what runs now", e.Path, e.Text)
				r.WayOut = "look at that change"
				if p.host.Pending[i].Run == "" {
					r.Why += ": it stands in no file"
					r.WayOut += "; postern config shows what the files say"
				}
			}
			p.refuse(r)
		}
	case unknown && len(edits) > 0:
		p.refuse(Refusal{Risk: "pending-edits", Why: "whether the daemon has read its files is not known: " + why,
			Path: edits[0].Path, WayOut: "reload sshd by itself and see that you can still log in, then plan again"})
	case unknown:
		p.warn("whether the daemon has read its files is not known: %s", why)
	}
}

// pendingFile looks for the file as the daemon has it in earlier archives: one that
// was made after the daemon's reading, with the file older than that.
func (p *planner) pendingFile(e facts.Evidence) Pending {
	out := Pending{Path: e.Path}
	if f, _ := seen(p.in.Snapshot, e.Path); f != nil {
		if out.Changed = f.MTime.UTC(); f.CTime.After(f.MTime) {
			out.Changed = f.CTime.UTC()
		}
	}
	if data, why := content(p.in.Snapshot, e.Path); why == "" {
		out.New = data
	}
	if _, at, ok := strings.Cut(e.Witness, "read its files at "); ok {
		out.Loaded, _ = time.Parse(time.RFC3339, at)
	}
	if p.in.Earlier == nil || out.Loaded.IsZero() || out.New == nil {
		return out
	}
	p.in.Earlier(func(run string, s *snapshot.Snapshot) bool {
		if s.Start.Before(out.Loaded) {
			return false // newest first: no later one is left
		}
		f, _ := seen(s, e.Path)
		data, why := content(s, e.Path)
		if f == nil || why != "" || f.MTime.After(out.Loaded) || f.CTime.After(out.Loaded) || bytes.Equal(data, out.New) {
			return true
		}
		out.Run, out.Old = run, data
		return false
	})
	return out
}

// inForce is the host as it runs: with the files that the daemon has read, where
// archives tell; ok is false where they do not.
func (p *planner) inForce() (snap *snapshot.Snapshot, ok bool) {
	var back []Change
	for i := range p.host.Pending {
		f := &p.host.Pending[i]
		if f.Run == "" {
			return p.in.Snapshot, false
		}
		s := stateOf(p.in.Snapshot, f.Path)
		back = append(back, Change{Kind: KindSshd, Before: s, After: s, New: f.Old})
	}
	if len(back) == 0 {
		return p.in.Snapshot, true
	}
	return changed(p.in.Snapshot, back, p.sshdFiles()), true
}

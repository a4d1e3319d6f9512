package fix

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
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
	New []byte `json:"new,omitempty"` // on the disk; of a file that somebody took away there is none
}

// Diff is what the reload would bring, a line each; nil where what runs is not known.
func (p *Pending) Diff() []string {
	if p.Run == "" {
		return nil
	}
	c := Change{Kind: KindSshd, Before: State{Path: p.Path, Real: p.Path, Exists: true}, After: State{Path: p.Path, Real: p.Path, Exists: p.New != nil}, Old: p.Old, New: p.New}
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
	var edits []facts.Evidence // of each in Pending
	for _, e := range p.staleFiles() {
		found := p.pendingFile(e)
		if f, _ := seen(p.in.Snapshot, e.Path); f != nil && f.Type == 'd' {
			found = p.pendingNames(e)
		}
		for _, f := range found {
			p.host.Pending, edits = append(p.host.Pending, f), append(edits, e)
		}
	}
	switch {
	case p.before.Sshd.Stale && !unknown:
		for i, e := range edits {
			f := &p.host.Pending[i]
			r := Refusal{Risk: "pending-edits", Why: fmt.Sprintf("%s has changed since the daemon read it, and this reload would bring that into force too (%s)", f.Path, e.Text),
				Path: f.Path, WayOut: "look at that change; reload it by itself, or take it back"}
			if len(p.host.Changes) == 0 {
				r.Why = fmt.Sprintf("this reload brings what somebody wrote to %s into force (%s), and no rollback gives back what runs now", f.Path, e.Text)
				r.WayOut = "look at that change"
				if f.Run == "" {
					r.Why += ": it stands in no file"
					r.WayOut += "; postern config shows what the files say"
				}
			}
			p.refuse(r)
		}
	case unknown && len(edits) > 0:
		r := Refusal{Risk: "pending-edits", Why: "whether the daemon has read its files is not known: " + why,
			Path: p.host.Pending[0].Path, WayOut: "reload sshd by itself and see that you can still log in, then plan again"}
		if f := &p.host.Pending[0]; f.Run != "" && f.New == nil {
			r.Why = f.Path + " was taken away since the daemon read it, and this reload would bring that into force too (" + edits[0].Text + ")"
			r.WayOut = "look at that change; reload it by itself, or take it back"
		}
		p.refuse(r)
	case unknown:
		p.warn("whether the daemon has read its files is not known: %s", why)
	}
}

// earlierLook goes through the archives that were made after the daemon's reading, the
// newest first, until one tells.
func (p *planner) earlierLook(loaded time.Time, tells func(run string, s *snapshot.Snapshot) bool) {
	if p.in.Earlier == nil || loaded.IsZero() {
		return
	}
	p.in.Earlier(func(run string, s *snapshot.Snapshot) bool {
		return !s.Start.Before(loaded) && !tells(run, s) // no later one is left, or it is known
	})
}

// pendingTimes are when a file or folder was changed, and when the daemon read it.
func (p *planner) pendingTimes(e facts.Evidence) Pending {
	out := Pending{Path: e.Path}
	if f, _ := seen(p.in.Snapshot, e.Path); f != nil {
		if out.Changed = f.MTime.UTC(); f.CTime.After(f.MTime) {
			out.Changed = f.CTime.UTC()
		}
	}
	if _, at, ok := strings.Cut(e.Witness, "read its files at "); ok {
		out.Loaded, _ = time.Parse(time.RFC3339, at)
	}
	return out
}

// pendingFile looks for the file as the daemon has it in earlier archives: one that
// was made after the daemon's reading, with the file older than that. Where its bytes
// are those that stand there now, nothing is pending.
func (p *planner) pendingFile(e facts.Evidence) []Pending {
	out, same := p.pendingTimes(e), false
	if data, why := content(p.in.Snapshot, e.Path); why == "" {
		out.New = data
	}
	p.earlierLook(out.Loaded, func(run string, s *snapshot.Snapshot) bool {
		f, _ := seen(s, e.Path)
		data, why := content(s, e.Path)
		if out.New == nil || f == nil || why != "" || f.MTime.After(out.Loaded) || f.CTime.After(out.Loaded) {
			return false
		}
		if same = bytes.Equal(data, out.New); !same {
			out.Run, out.Old = run, data
		}
		return true
	})
	if same {
		return nil
	}
	return []Pending{out}
}

// pendingNames looks in the same way for what was taken out of a folder that an
// Include names. A name that came shows by itself.
func (p *planner) pendingNames(e facts.Evidence) []Pending {
	folder := p.pendingTimes(e)
	var gone []Pending
	known := false
	p.earlierLook(folder.Loaded, func(run string, s *snapshot.Snapshot) bool {
		dir, real := seen(s, e.Path)
		if dir == nil || dir.Type != 'd' || dir.MTime.After(folder.Loaded) || dir.CTime.After(folder.Loaded) || p.first == nil {
			return false
		}
		known = true
		globs := p.first.Globs()
		for i := range s.Files {
			f := &s.Files[i]
			name := e.Path + "/" + path.Base(f.Path)
			if d := path.Dir(f.Path); d != e.Path && d != real || !slices.ContainsFunc(globs, func(g string) bool { return sshd.GlobMatch(g, name) }) {
				continue
			}
			if there, _ := seen(p.in.Snapshot, name); there != nil || slices.ContainsFunc(gone, func(g Pending) bool { return g.Path == name }) {
				continue
			}
			data, why := content(s, f.Path)
			if why != "" { // which it is known to be, and not what it said
				known, gone = false, nil
				return false
			}
			gone = append(gone, Pending{Path: name, Changed: folder.Changed, Loaded: folder.Loaded, Run: run, Old: data})
		}
		return true
	})
	if !known {
		return []Pending{folder}
	}
	return gone
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
		if !s.Exists { // taken away: its mode is of no concern here
			s.Exists, s.Mode = true, 0o600
		}
		back = append(back, Change{Kind: KindSshd, Before: s, After: s, New: f.Old})
	}
	if len(back) == 0 {
		return p.in.Snapshot, true
	}
	return changed(p.in.Snapshot, back, p.sshdFiles()), true
}

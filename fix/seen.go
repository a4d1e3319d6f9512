package fix

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// maxLinks is the kernel's bound on links in one path (path_resolution(7)).
const maxLinks = 40

// seen finds what a snapshot holds of a path, links followed. f is nil where the
// snapshot does not hold the file that the path ends at.
func seen(snap *snapshot.Snapshot, p string) (f *snapshot.File, real string) {
	real = path.Clean(p)
	for range maxLinks {
		f = snap.Lookup(real)
		switch {
		case f == nil:
			up, ok := aboveIsLink(snap, real)
			if !ok {
				return nil, real
			}
			real = up
		case f.Type != 'l':
			return f, real
		case f.Real != "" && f.Real != real:
			real = f.Real
		case strings.HasPrefix(f.Target, "/"):
			real = path.Clean(f.Target)
		default:
			real = path.Join(path.Dir(real), f.Target)
		}
	}
	return nil, real
}

// aboveIsLink puts what a link leads to in its place, where the nearest folder
// above that the snapshot holds is one.
func aboveIsLink(snap *snapshot.Snapshot, p string) (string, bool) {
	for d := path.Dir(p); d != "/" && d != "."; d = path.Dir(d) {
		f := snap.Lookup(d)
		if f == nil {
			continue
		}
		if f.Type != 'l' {
			return "", false
		}
		target := f.Real
		if target == "" {
			if target = f.Target; !strings.HasPrefix(target, "/") {
				target = path.Join(path.Dir(d), target)
			}
		}
		return path.Clean(target) + p[len(d):], true
	}
	return "", false
}

// content gives a file's whole content, or says why it is not known.
func content(snap *snapshot.Snapshot, p string) (data []byte, why string) {
	f, real := seen(snap, p)
	if link := snap.Lookup(p); link != nil && link.Type == 'l' && (f == nil || !f.HasContent()) {
		f = link // the collector brings with a link what it leads to
	}
	switch {
	case f == nil || !f.HasContent():
		for _, g := range snap.GapsFor(real) {
			if g.Path == real || strings.HasPrefix(real, strings.TrimSuffix(g.Path, "/")+"/") {
				return nil, fmt.Sprintf("%s was not read: %s", p, g.Reason)
			}
		}
		return nil, p + " was not read"
	case f.Truncated:
		return nil, p + " was not read to its end"
	case f.Filtered:
		return nil, p + " holds secrets that were left on the host"
	}
	return f.Content, ""
}

// stateOf is a path as a plan names it.
func stateOf(snap *snapshot.Snapshot, p string) State {
	f, real := seen(snap, p)
	s := State{Path: p, Real: real}
	if f == nil {
		return s
	}
	s.Exists, s.UID, s.GID, s.Mode, s.Inode, s.Changed = true, f.UID, f.GID, f.Mode, f.Inode, f.MTime.UTC()
	if f.Type != 'd' {
		s.Links = f.Links
	}
	if data, why := content(snap, p); why == "" && f.Type != 'd' {
		s.SHA256 = sumOf(data)
	}
	return s
}

func sumOf(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// newFolder is the mode of a folder for keys that is made where there is none.
const newFolder = 0o700

// makesFolder reports whether a change makes the folder of its file as well: that of
// an account's first key.
func (c *Change) makesFolder(snap *snapshot.Snapshot) bool {
	if c.Kind != KindKeys || !c.After.Exists || c.Before.Exists {
		return false
	}
	dir := path.Dir(c.After.Real)
	f, _ := seen(snap, dir)
	return f == nil && len(snap.GapsFor(dir)) == 0
}

// changed is the snapshot as it would be made after the changes and a reload:
// with the new files, and without what the old daemon said of itself. rested are
// files of sshd's that the reload brings into force as well.
func changed(snap *snapshot.Snapshot, changes []Change, rested []string) *snapshot.Snapshot {
	after := *snap
	after.Files = slices.Clone(snap.Files)
	find := func(p string) (int, bool) {
		return slices.BinarySearchFunc(after.Files, p, func(f snapshot.File, p string) int { return strings.Compare(f.Path, p) })
	}
	for i := range changes {
		c := &changes[i]
		if c.Kind == KindAccount {
			after.Outputs = slices.Clone(after.Outputs)
			if o := after.Output(snapshot.OutShadow); o != nil {
				o.Data = lockedShadow(o.Data, c.User)
			}
			continue
		}
		if dir := path.Dir(c.After.Real); c.makesFolder(snap) {
			at, _ := find(dir)
			after.Files = slices.Insert(after.Files, at, snapshot.File{Path: dir, Type: 'd', Mode: newFolder, UID: c.After.UID, GID: c.After.GID, Links: 1})
		}
		at, have := find(c.Before.Real)
		if !c.After.Exists {
			if have {
				after.Files = slices.Delete(after.Files, at, at+1)
			}
			continue
		}
		if !have {
			after.Files = slices.Insert(after.Files, at, snapshot.File{Path: c.After.Real, Type: 'f', Links: 1})
		}
		f := &after.Files[at]
		if c.Before.Link != "" && c.After.Link == "" { // a file in the link's place
			f.Type, f.Target, f.Real = 'f', "", ""
		}
		handed(&after, c)
		f.Mode, f.UID, f.GID = c.After.Mode, c.After.UID, c.After.GID
		if c.Kind != KindMode && c.Kind != KindKey {
			f.Content, f.Size, f.Truncated = c.New, int64(len(c.New)), false
			if f.Content == nil {
				f.Content = []byte{}
			}
		}
		// A link brings the content of the file that it leads to.
		if c.Before.Path != c.Before.Real {
			if at, have := find(c.Before.Path); have && after.Files[at].HasContent() {
				after.Files[at].Content = c.New
			}
		}
	}
	// The daemon reads them in the moment of the reload.
	for _, p := range rested {
		if _, real := seen(&after, p); real != "" {
			if at, have := find(real); have {
				after.Files[at].MTime, after.Files[at].CTime = time.Unix(1, 0).UTC(), time.Unix(1, 0).UTC()
			}
		}
	}
	moduli := []byte(nil)
	for i := range changes {
		if c := &changes[i]; c.Before.Real == moduliFile && c.After.Exists && c.Kind == KindSshd {
			moduli = c.New
		}
	}
	after.Outputs = slices.DeleteFunc(slices.Clone(after.Outputs), func(o snapshot.Output) bool {
		return o.Name == snapshot.OutWire || strings.HasPrefix(o.Name, snapshot.OutSshdT)
	})
	if moduli != nil {
		for i := range after.Outputs {
			if after.Outputs[i].Name == snapshot.OutModuli {
				after.Outputs[i].Data = histogram(moduli)
			}
		}
	}
	return &after
}

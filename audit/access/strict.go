package access

import (
	"fmt"
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

// accepted is PubkeyAcceptedAlgorithms as a set; nil: not known, so nothing is
// excluded.
func (p *policy) accepted() map[string]bool {
	keyword := "PubkeyAcceptedAlgorithms"
	if !p.set.Known(keyword) {
		keyword = "PubkeyAcceptedKeyTypes"
	}
	if p.set.Get(keyword).Unknown != "" || !p.Config.Version().Known() {
		return nil
	}
	if p.algs == nil {
		p.algs = map[string]bool{}
		for _, n := range p.set.Algorithms(keyword) {
			p.algs[n] = true
		}
	}
	return p.algs
}

// trusted is whether sshd reads a file of the account: StrictModes
// (auth_secure_path, misc.c: safe_path), and that the account itself may read it.
func (w *who) trusted(p *policy, name string) term {
	strict := p.flag("StrictModes")
	st := w.stat(name)
	if !st.Known {
		return term{v: Unsure, why: "owner and mode of " + name + " are not known", ev: []Evidence{{Path: name, Text: "not looked at"}}}
	}
	if st.Type != 'f' {
		return term{v: No, why: name + " is not a file", ev: []Evidence{{Path: name}}}
	}
	if !w.mayRead(st, 4) {
		return term{v: No, why: name + " cannot be read by " + w.Name, ev: []Evidence{{Path: name, Text: ownerMode(st)}}}
	}
	if strict.v == No {
		return term{v: Yes}
	}
	t := w.safePath(name, st)
	if t.v == No && strict.v == Unsure {
		return term{v: Unsure, why: strict.why, ev: strict.ev, settle: strict.settle}
	}
	return t
}

// safePath walks from the file up to the home, or to the root outside it, by
// the real path.
func (w *who) safePath(name string, st Stat) term {
	if t := w.secure(name, st); t.v != Yes {
		return t
	}
	home := w.stat(w.Home).Real
	for dir := path.Dir(st.Real); ; dir = path.Dir(dir) {
		d := w.stat(dir)
		if !d.Known || !d.Exists {
			return term{v: Unsure, why: "owner and mode of " + dir + " are not known", ev: []Evidence{{Path: dir, Text: "not looked at"}}}
		}
		if t := w.secure(dir, d); t.v != Yes {
			return t
		}
		if dir == home || dir == "/" || dir == "." {
			return term{v: Yes}
		}
	}
}

// secure is the check of one file or directory: owned by root or the account,
// and not writable by others. Debian and Ubuntu tolerate group write where
// nobody else is in the group (user-group-modes.patch).
func (w *who) secure(name string, st Stat) term {
	refuse := func(why string) term {
		return term{v: No, why: "StrictModes: " + name + " " + why + ", so its keys do not count", ev: []Evidence{{Path: name, Text: ownerMode(st)}}}
	}
	switch {
	case st.UID < 0:
		return term{v: Unsure, why: "the owner of " + name + " is not known"}
	case st.UID != 0 && st.UID != w.UID:
		return refuse("belongs to another account")
	case st.Mode&0o002 != 0:
		return refuse("is writable by everyone")
	case st.Mode&0o020 != 0:
		if d := w.Config.Distro(); d != "" && d != "debian" && d != "ubuntu" && d != "raspbian" && d != "kali" {
			return refuse("is writable by its group")
		} else if alone := w.alone(st); !alone {
			return refuse("is writable by a group with others in it")
		} else if d == "" {
			return term{v: Unsure, why: "StrictModes: " + name + " is writable by its group; whether this sshd tolerates that depends on the distribution"}
		}
	}
	return term{v: Yes}
}

// alone reports whether the group of a file has the account as its only member.
func (w *who) alone(st Stat) bool {
	members := 0
	for _, name := range w.primary[st.GID] {
		if name != w.Name {
			return false
		}
		members++
	}
	var g *account.Group
	for i := range w.judge.Input.Groups {
		if x := &w.judge.Input.Groups[i]; x.GID == st.GID {
			g = x
			break
		}
	}
	if g == nil {
		return false
	}
	if len(g.Members) > 0 {
		members++
		if g.Members[0] != w.names[st.UID] || len(g.Members) > 1 {
			return false
		}
	}
	return members > 0
}

// mayRead reports whether the account has a right (4 read, 1 search) on a file.
// sshd opens key files with the account's own rights.
func (w *who) mayRead(st Stat, right uint32) bool {
	switch {
	case w.UID == 0:
		return true
	case st.UID == w.UID:
		return st.Mode>>6&right != 0
	case st.GID == w.GID || w.inGroup(st.GID):
		return st.Mode>>3&right != 0
	}
	return st.Mode&right != 0
}

func (w *who) inGroup(gid int64) bool {
	for i := range w.judge.Input.Groups {
		g := &w.judge.Input.Groups[i]
		if g.GID != gid {
			continue
		}
		for _, m := range g.Members {
			if m == w.Name {
				return true
			}
		}
	}
	return false
}

func ownerMode(st Stat) string {
	return strings.TrimSpace(fmt.Sprintf("owner %d:%d, mode %04o", st.UID, st.GID, st.Mode))
}

package fix

import (
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/sshd"
)

// rests names the files on which the plan stands: those that it changes, what sshd
// reads and the folders in which it looks for more, and what lets the logins in that
// have to work.
func (p *planner) rests() {
	done := map[string]bool{}
	add := func(file, user string) {
		if done[file] {
			return
		}
		done[file] = true
		s := stateOf(p.in.Snapshot, file)
		s.User = user
		p.host.Rests = append(p.host.Rests, s)
	}
	for i := range p.host.Changes {
		if p.host.Changes[i].Kind == KindAccount {
			continue // its own line counts, and the host looks at that
		}
		user := p.host.Changes[i].User
		if p.host.Changes[i].Kind == KindTable {
			user = "" // he may not enter the folder of the tables
		}
		add(p.host.Changes[i].Before.Path, user)
	}
	if !p.host.Reload.Needed {
		return
	}
	for _, f := range p.sshdFiles() {
		add(f, "")
	}
	if p.first != nil {
		for _, g := range p.first.Globs() {
			if !done[g] {
				done[g] = true
				p.host.Rests = append(p.host.Rests, p.namesIn(g))
			}
		}
	}
	for _, f := range []string{"/etc/passwd", "/etc/group", "/etc/pam.d/sshd"} {
		add(f, "")
	}
	for i := range p.before.AuthorizedKeys {
		if k := &p.before.AuthorizedKeys[i]; k.User == p.in.Snapshot.Account || slices.ContainsFunc(p.in.Keep, func(l Login) bool { return l.User == k.User }) {
			add(k.Path, p.reader(k))
		}
	}
}

// reader is with whose rights a file of keys is looked at; "" root's.
func (p *planner) reader(k *facts.AuthorizedKey) string {
	if k.User == "root" || p.rootsAlone(path.Dir(stateOf(p.in.Snapshot, k.Path).Real)) {
		return ""
	}
	return k.User
}

// namesIn is a State of the names that fit a pattern.
func (p *planner) namesIn(glob string) State {
	dir := path.Dir(glob)
	s := stateOf(p.in.Snapshot, dir)
	s.Glob = path.Base(glob)
	var names []string
	for i := range p.in.Snapshot.Files {
		f := &p.in.Snapshot.Files[i]
		if d := path.Dir(f.Path); (d == dir || d == s.Real) && sshd.GlobMatch(glob, dir+"/"+path.Base(f.Path)) {
			names = append(names, "./"+path.Base(f.Path)+"\n")
		}
	}
	slices.Sort(names)
	s.SHA256 = sumOf([]byte(strings.Join(slices.Compact(names), "")))
	return s
}

package cron

import (
	"fmt"
	"strings"
)

// host judges what the host tells about the files that a job runs.
func (s *signer) host() {
	if s.c.Look == nil {
		return
	}
	for i := range s.a.Targets {
		t := &s.a.Targets[i]
		if t.Search && !t.May {
			s.searched(t)
		}
		p, f := s.found(t)
		if !f.Known || p == "" {
			continue
		}
		if !f.Exists {
			s.missing(t, p)
			continue
		}
		s.owner(p, f)
		s.content(t, p, f)
	}
}

// found returns the file that a target is, the first that exists for a bare name.
func (s *signer) found(t *Target) (string, FileInfo) {
	var first string
	var known FileInfo
	for _, p := range s.a.Candidates(t) {
		if !strings.HasPrefix(p, "/") {
			continue
		}
		f := s.c.Look(p)
		if f.Known && f.Exists {
			return p, f
		}
		if first == "" {
			first, known = p, f
		}
	}
	if t.Search {
		return "", FileInfo{} // a name in no directory that was looked at: nothing to say
	}
	return first, known
}

// searched judges where a bare name is looked for: who may write one of these
// directories decides what is run, where the name is not found before it.
func (s *signer) searched(t *Target) {
	places := s.a.Candidates(t)
	absent := len(places) > 0
	for _, p := range places {
		f := FileInfo{}
		if strings.HasPrefix(p, "/") {
			f = s.c.Look(p)
		}
		if f.Known && f.Exists {
			return
		}
		absent = absent && f.Known
		if !strings.HasPrefix(p, "/") {
			continue
		}
		if dir, why := s.writableAbove(p); why != "" {
			s.add("open-slot", Medium, "%s is looked for in %s before it is found, and %s: whoever puts one there has it run by this job", q(t.Word), q(p[:strings.LastIndexByte(p, '/')]), quoteWhy(dir, why))
			return
		}
	}
	if absent && t.Reason == "" {
		s.add("missing-target", Info, "%s is in none of the directories of PATH: nothing is run by that name", q(t.Word))
	}
}

// missing judges a target that is not there: a dead job, or a slot that someone
// can fill.
func (s *signer) missing(t *Target, p string) {
	if t.Reason != "" && !t.May {
		return // known in part: no file is called that
	}
	if dir, why := s.writableAbove(p); why != "" {
		s.add("open-slot", Medium, "%s does not exist, and %s: whoever puts a file there has it run by this job", q(p), quoteWhy(dir, why))
		return
	}
	if t.May {
		return
	}
	s.add("missing-target", Info, "%s does not exist: the job does nothing", q(p))
}

func quoteWhy(dir, why string) string { return q(dir) + " " + why }

// owner judges who else may change what the job runs.
func (s *signer) owner(p string, f FileInfo) {
	switch {
	case f.Mode&0o002 != 0 && f.Type == 'f':
		s.add("writable-target", High, "every account may write %s", q(p))
	case s.foreign(f.UID):
		s.add("writable-target", Medium, "%s belongs to uid %d, who decides what this job does", q(p), f.UID)
	case f.Mode&0o020 != 0 && f.GID > 0 && f.Type == 'f':
		s.add("writable-target", Low, "the group %d may write %s", f.GID, q(p))
	}
	if dir, why := s.writableAbove(p); why != "" {
		s.add("writable-target", Medium, "%s lies below a directory that others may change: %s", q(p), quoteWhy(dir, why))
	}
}

// foreign reports an owner who is neither root nor the job's account.
func (s *signer) foreign(uid int64) bool {
	return uid > 0 && s.c.UID >= 0 && uid != s.c.UID
}

// writableAbove returns the nearest directory above p that another account than
// root and the job's may change, and why.
func (s *signer) writableAbove(p string) (dir, why string) {
	for i := 0; i < 64; i++ {
		k := strings.LastIndexByte(p, '/')
		if k <= 0 {
			return "", ""
		}
		p = p[:k]
		f := s.c.Look(p)
		if !f.Known || !f.Exists {
			continue
		}
		switch {
		case f.Mode&0o002 != 0 && f.Mode&0o1000 == 0:
			return p, "may be written by every account"
		case f.Mode&0o002 != 0:
			return p, "is shared by all accounts"
		case s.foreign(f.UID):
			return p, fmt.Sprintf("belongs to uid %d", f.UID)
		}
	}
	return "", ""
}

// content judges what a target is.
func (s *signer) content(t *Target, p string, f FileInfo) {
	elf := len(f.Head) >= 4 && string(f.Head[:4]) == "\x7fELF"
	switch {
	case elf && hasScriptSuffix(p):
		s.add("masked-program", High, "%s is called a script and is a program", q(p))
	case elf && t.How != HowCommand && t.How != HowRunParts:
		s.add("masked-program", Medium, "%s is given to an interpreter and is a program", q(p))
	case elf && f.Owned == No && !programDir(p):
		s.add("unpackaged-program", Medium, "%s is a program that no package brought, in a place where none belongs", q(p))
	case elf && f.Owned == Unknown && !programDir(p) && !strings.HasPrefix(p, "/usr/") && !strings.HasPrefix(p, "/bin/") && !strings.HasPrefix(p, "/sbin/"):
		s.add("unpackaged-program", Medium, "%s is a program in a place where none belongs", q(p))
	case elf && f.Owned == No && (strings.HasPrefix(p, "/usr/bin/") || strings.HasPrefix(p, "/usr/sbin/") || strings.HasPrefix(p, "/bin/") || strings.HasPrefix(p, "/sbin/") || strings.HasPrefix(p, "/usr/share/") || strings.HasPrefix(p, "/usr/lib")):
		s.add("unpackaged-program", Medium, "%s lies among the system's programs, and no package brought it", q(p))
	}
}

// programDir reports places where people and vendors put programs of their own.
func programDir(p string) bool {
	for _, d := range [...]string{"/usr/local/", "/opt/", "/snap/", "/nix/", "/gnu/store/", "/usr/games/", "/app/", "/var/lib/snapd/", "/var/lib/flatpak/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return strings.Contains(p, "/bin/") && !strings.HasPrefix(p, "/bin/") && !strings.HasPrefix(p, "/usr/bin/") || strings.Contains(p, "/sbin/") && strings.Count(p, "/") > 3
}

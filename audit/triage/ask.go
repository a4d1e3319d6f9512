package triage

import (
	"bytes"
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/compare"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// Ask says what a second round is to look at: what jobs run, the tables, keys and
// accounts that an intruder changes, and the directories around them.
func Ask(snap *snapshot.Snapshot, opt facts.Options) snapshot.Questions {
	var q snapshot.Questions
	seen, rooms := map[string]bool{}, map[string]bool{}
	add := func(p string) {
		if strings.HasPrefix(p, "/") && !seen[p] {
			seen[p] = true
			q.Paths = append(q.Paths, p)
		}
	}
	asked := map[string]bool{}
	own := func(p string) {
		if strings.HasPrefix(p, "/") && !asked[p] {
			asked[p] = true
			q.Owned = append(q.Owned, p)
		}
	}
	list := facts.WhatRuns(snap, opt)
	// The odd ones first: the bound on questions is to be hit by the others.
	for _, odd := range []bool{true, false} {
		for i := range list.Jobs {
			j := &list.Jobs[i]
			if (levels[j.Severity] >= levels["medium"]) != odd {
				continue
			}
			for k := range j.Targets {
				t := &j.Targets[k]
				if t.Exists != "yes" || t.Type == "directory" {
					continue
				}
				own(t.Path)
				if !compare.Unpackaged(t.Path) && !odd {
					continue
				}
				add(t.Path)
				dir := path.Dir(t.Path)
				if compare.Unpackaged(t.Path) && !common(dir) && !rooms[dir] {
					rooms[dir] = true
					q.Rooms = append(q.Rooms, dir)
				}
				if f := snap.Lookup(t.Path); f != nil {
					for _, p := range guardPaths(f.Content, dir) {
						add(p)
					}
				}
			}
			for _, p := range guardPaths([]byte(j.Command), j.Directory) {
				add(p)
			}
			if odd {
				add(j.Path)
			}
			own(j.Path)
		}
	}
	for _, g := range gateLines(snap, facts.From(snap, opt).Daemons) {
		if p := g.program(); p != "" {
			own(p)
			if compare.Unpackaged(p) || temporary(p) {
				add(p)
			}
		}
	}
	for _, p := range []string{"/etc/passwd", "/etc/crontab", "/etc/ld.so.preload", "/etc/ssh/sshd_config", "/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/root/.ssh/authorized_keys"} {
		if snap.Lookup(p) != nil {
			add(p)
		}
	}
	return q
}

// common are directories that hold much else: their names are not listed.
func common(dir string) bool {
	switch dir {
	case "/", "/root", "/tmp", "/var/tmp", "/dev/shm", "/opt", "/srv", "/usr/local/bin", "/usr/local/sbin", "/etc", "/home", "/var/lib/dpkg/info":
		return true
	}
	return path.Dir(dir) == "/home"
}

// maxGuards bounds the pid and lock files of one program.
const maxGuards = 8

// guardPaths finds the names of pid and lock files in a script or a command line, as
// paths against the directory that it works in. What is no plain word is passed over.
func guardPaths(text []byte, dir string) []string {
	var out []string
	seen := map[string]bool{}
	for len(text) > 0 && len(out) < maxGuards {
		i := bytes.IndexFunc(text, func(r rune) bool { return !isWord(r) })
		word := text
		if i >= 0 {
			word, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if len(word) < 4 || len(word) > 512 || !isGuard(string(word)) {
			continue
		}
		p := string(word)
		if !strings.HasPrefix(p, "/") {
			if dir == "" || strings.HasPrefix(p, "-") {
				continue
			}
			p = path.Join(dir, p)
		}
		if p = path.Clean(p); !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r < 0x80 && strings.ContainsRune("/._-+@", r)
}

// isGuard reports whether a name is that of a file by which a program sees that it
// runs already.
func isGuard(p string) bool {
	base := path.Base(p)
	switch base {
	case "pid", ".pid", "lock", ".lock", "LOCK", "PID":
		return true
	}
	for _, end := range []string{".pid", ".lock", ".lck", ".run"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return strings.HasPrefix(p, "/var/lock/") || strings.HasPrefix(p, "/run/lock/")
}

package apply

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/fix"
)

// accepted refuses a plan that refuses itself.
func accepted(h *fix.Host, risks []string) error {
	for _, f := range h.Refused {
		if f.Risk == "" || !slices.Contains(risks, f.Risk) {
			return &StepError{Step: "plan", Code: "refused", Path: f.Path, Why: clip(f.Why), Err: ErrRefused}
		}
	}
	return nil
}

// sound refuses a plan that cannot be said to a shell, or that makes no sense.
func sound(h *fix.Host) error {
	bad := func(path, why string) error {
		return &StepError{Step: "plan", Code: "refused", Path: path, Why: why, Err: ErrRefused}
	}
	if h.Empty() {
		return bad("", "nothing to change")
	}
	if r := &h.Reload; r.Restart && (!r.Needed || r.Socket || r.Unit != "ssh.service" && r.Unit != "sshd.service" || len(changedArgs(r.ArgsBefore, r.Args)) == 0) {
		return bad("", "a restart of sshd that nothing asks for")
	}
	seen := map[string]bool{}
	for i := range h.Changes {
		c := &h.Changes[i]
		real := realPath(c)
		for _, s := range []string{c.Before.Path, real, c.User, c.Record} {
			if strings.Contains(s, "\x00") {
				return bad(real, "a name with a NUL byte")
			}
		}
		for _, p := range []string{c.Before.Path, real} {
			if !cleanPath(p) {
				return bad(p, "not a clean absolute path")
			}
		}
		what := real
		if c.Kind == fix.KindAccount { // which share a file
			what += "\x00" + c.User
		}
		if seen[what] {
			return bad(real, "two changes of one file")
		}
		seen[what] = true
		if strings.ContainsAny(c.User, "/:\n") || strings.HasPrefix(c.User, "-") {
			return bad(real, "not the name of an account: "+clip(c.User))
		}
		if c.Before.Link != "" || c.After.Link != "" {
			if c.Kind != fix.KindSshd || c.Before.Path != real || !c.Before.Exists || !c.After.Exists {
				return bad(real, "a link that nothing replaces")
			}
			for _, l := range []string{c.Before.Link, c.After.Link} {
				if strings.ContainsAny(l, "\x00\n") || strings.HasPrefix(l, "-") {
					return bad(real, "not the text of a link")
				}
			}
		}
		if c.Record != "" && !cleanPath("/"+c.Record) {
			return bad(real, "not a record: "+clip(c.Record))
		}
		if c.Before.Exists && c.Before.SHA256 != "" && !isHash(c.Before.SHA256) {
			return bad(real, "not a hash")
		}
		switch c.Kind {
		case fix.KindSshd, fix.KindTable, fix.KindKeys, fix.KindPolicy:
			if c.Before.Exists && c.Before.SHA256 == "" {
				return bad(real, "the plan does not say what was there")
			}
		case fix.KindMode:
			if !c.Before.Exists || !c.After.Exists {
				return bad(real, "owner and mode of a file that is not there")
			}
		case fix.KindMove:
			if c.Before.Exists == c.After.Exists || c.After.Exists != (c.Record != "") {
				return bad(real, "a move is out of the way, or back from a record")
			}
		case fix.KindKey:
			if c.Before.Exists || !c.After.Exists {
				return bad(real, "a host key is made only where none is")
			}
		case fix.KindAccount:
			if c.User == "" || c.User == "root" || real != "/etc/shadow" || !c.Before.Exists || !c.After.Exists {
				return bad(real, "not an account that can be ended: "+clip(c.User))
			}
		default:
			return bad(real, "unknown kind of change: "+clip(string(c.Kind)))
		}
	}
	for i := range h.Rests {
		s := &h.Rests[i]
		switch {
		case !cleanPath(s.Path) || !cleanPath(s.Real) || strings.Contains(s.Path+s.Real+s.Glob+s.User, "\x00"):
			return bad(s.Path, "not a clean absolute path")
		case s.SHA256 != "" && !isHash(s.SHA256):
			return bad(s.Path, "not a hash")
		case strings.ContainsAny(s.User, "/:\n") || strings.HasPrefix(s.User, "-"):
			return bad(s.Path, "not the name of an account: "+clip(s.User))
		}
	}
	return nil
}

func cleanPath(p string) bool {
	if !strings.HasPrefix(p, "/") || p == "/" {
		return false
	}
	for _, w := range strings.Split(p[1:], "/") {
		if w == "" || w == "." || w == ".." {
			return false
		}
	}
	return true
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

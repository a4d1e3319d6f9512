package fix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/postern-ssh/postern/audit/report"
)

// Diff is a change for people: the unified diff of its content, a line each, and
// before it what becomes of owner and mode. Every byte of the host's is escaped.
func (c *Change) Diff() []string {
	var out []string
	name := report.Path(c.Before.Real)
	if c.Before.Path != c.Before.Real {
		out = append(out, fmt.Sprintf("link %s leads to %s", report.Path(c.Before.Path), name))
	}
	b, a := &c.Before, &c.After
	switch {
	case c.Kind == KindKey:
		return append(out, fmt.Sprintf("new host key %s (ssh-keygen -t ed25519), mode %04o, owner 0:0", name, a.Mode))
	case c.Kind == KindAccount && c.Record != "":
		return []string{"account " + report.Name(c.User) + " as it was before: password and expiry"}
	case c.Kind == KindAccount:
		return []string{"account " + report.Name(c.User) + ": password locked, over since 1970-01-02"}
	case c.Kind == KindMove && !a.Exists:
		return append(out, "moved into the record: "+name)
	case !a.Exists:
		out = append(out, "removed: "+name)
	case !b.Exists:
		out = append(out, fmt.Sprintf("new file %s, mode %04o, owner %d:%d", name, a.Mode, a.UID, a.GID))
	case c.Made:
		return append(out, "written anew by update-crypto-policies, for people to read: "+name)
	case b.Link != a.Link && a.Link == "":
		out = append(out, fmt.Sprintf("a file in the place of the link to %s: %s, mode %04o, owner %d:%d", report.Path(b.Link), name, a.Mode, a.UID, a.GID))
	case b.Link != a.Link:
		out = append(out, "the link to "+report.Path(a.Link)+" again: "+name)
	default:
		if b.Mode != a.Mode {
			out = append(out, fmt.Sprintf("mode %04o becomes %04o: %s", b.Mode, a.Mode, name))
		}
		if b.UID != a.UID || b.GID != a.GID {
			out = append(out, fmt.Sprintf("owner %d:%d becomes %d:%d: %s", b.UID, b.GID, a.UID, a.GID, name))
		}
	}
	if c.Before.Real == moduliFile && len(c.New) > 0 {
		// Lines of a thousand digits: the saved plan holds them.
		return append(out, "lines taken out of "+name+": "+groupWords(c.Old, c.New))
	}
	oldName, newName := "a"+name, "b"+name
	if !b.Exists {
		oldName = "/dev/null"
	}
	if !a.Exists {
		newName = "/dev/null"
	}
	text := string(diff.Diff("a", c.Old, "b", c.New))
	// The library's three header lines name the files as they are told; ours escape.
	for range 3 {
		_, text, _ = strings.Cut(text, "\n")
	}
	if text == "" {
		return out
	}
	out = append(out, "--- "+oldName, "+++ "+newName)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, `\`) { // the diff's own word: "\ No newline at end of file"
			line = report.Inline(line)
		}
		out = append(out, line)
	}
	return out
}

// makes reports whether the host's own tool writes a part of what the plan brings.
func (h *Host) makes() bool {
	return slices.ContainsFunc(h.Changes, func(c Change) bool { return c.Made })
}

// Commands are what applying would run on the host, beside writing the files.
func (h *Host) Commands() []string {
	if h.Empty() {
		return nil
	}
	var out []string
	if h.Reload.Needed {
		args := "sshd"
		if len(h.Reload.Args) > 0 {
			args = report.Inline(strings.Join(h.Reload.Args, " "))
		}
		what := "the new files"
		if len(h.Changes) == 0 {
			what = "its files"
		}
		out = append(out, "sshd -t and sshd -T -C on "+what+", in a mount namespace of their own (as "+args+")")
	}
	if h.makes() {
		trial := "update-crypto-policies --no-reload on a copy of " + policyDir + ", in a mount namespace of its own: it has to make these files, and leave all other back-ends as they are"
		out = slices.Insert(out, 0, trial)
	}
	for i := range h.Changes {
		c := &h.Changes[i]
		switch {
		case c.Kind == KindKey:
			out = append(out, "ssh-keygen -q -t ed25519 -N '' -f "+report.Path(c.After.Path))
		case c.Kind == KindAccount && c.Record != "":
			out = append(out, "usermod -U, chage -E "+report.Name(c.User))
		case c.Kind == KindAccount:
			out = append(out, "usermod -L -e 1 "+report.Name(c.User))
		case c.Kind == KindTable && c.User != "":
			out = append(out, "crontab -u "+report.Name(c.User)+" (its new table)")
		}
	}
	switch {
	case !h.Reload.Needed:
	case h.Reload.Restart:
		out = append(out, "systemctl restart "+report.Inline(h.Reload.Unit)+" (sshd is started with its new command line; sessions stay)")
	case h.Reload.Socket:
		out = append(out, "systemctl stop "+either(report.Inline(h.Reload.Unit), "ssh.service")+" (sessions stay; the next connection starts it anew)")
	case h.Reload.PID != 0:
		out = append(out, fmt.Sprintf("kill -HUP %d (sshd reads its files anew)", h.Reload.PID))
	default:
		out = append(out, "reload sshd (the process that listens then)")
	}
	return out
}

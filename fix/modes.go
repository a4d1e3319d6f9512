package fix

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/facts"
)

// modeFixer mends owner and mode of the files of some roles.
func modeFixer(roles ...string) func(*planner) {
	return func(p *planner) {
		rule := p.rule
		for i := range p.before.Files {
			f := &p.before.Files[i]
			if f.Problem == "" || !slices.Contains(roles, f.Role) {
				continue
			}
			if err := p.mode(f); err != nil {
				p.unfixed(rule, fmt.Sprintf("%s (%s): %s", f.Path, f.Problem, err))
			}
		}
		if slices.ContainsFunc(roles, func(r string) bool { return strings.HasPrefix(r, "cron-") }) {
			p.revivedByModes()
		}
	}
}

// revivedByModes names the jobs that only wait for their file's owner or mode: cron
// passes over tables that others may write, and whoever put one there is one chmod
// away from having it run.
func (p *planner) revivedByModes() {
	type place struct {
		path, user, command string
		line                int64
	}
	dead := map[place]bool{}
	for i := range p.before.Jobs {
		if j := &p.before.Jobs[i]; !j.Runs {
			dead[place{j.Path, j.User, j.Command, j.Line}] = true
		}
	}
	if len(dead) == 0 || len(p.order) == 0 {
		return
	}
	after := facts.From(p.now(), p.opt)
	for i := range after.Jobs {
		if j := &after.Jobs[i]; j.Runs && dead[place{j.Path, j.User, j.Command, j.Line}] {
			where := j.Path
			if j.Line > 0 {
				where = fmt.Sprintf("line %d of %s", j.Line, j.Path)
			}
			p.refuse(Refusal{Risk: "revive-jobs", Why: fmt.Sprintf("the job in %s does not run now, and would once owner and mode are mended", where),
				Path: j.Path, Line: int(j.Line), Text: j.Command, WayOut: "look at that job first; --accept-risk=revive-jobs says that it may"})
		}
	}
}

// mode gives one file the owner and mode that its role asks for.
func (p *planner) mode(f *facts.File) error {
	before := stateOf(p.in.Snapshot, f.Path)
	if !before.Exists {
		return errNotHere{"it was not seen"}
	}
	if before.Real == "/" {
		return errNotHere{"the root of the file system: look at it first"}
	}
	c, err := p.open(f.Path, KindMode)
	if err != nil {
		return err
	}
	want := c.after
	owner := int64(0)
	file, _ := seen(p.in.Snapshot, f.Path)
	home := strings.HasPrefix(f.Role, "authorized-keys")
	spool := f.Role == "cron-table" && f.User != ""
	if home || spool {
		if a := p.account(f.User); a != nil && want.UID == a.UID {
			owner = a.UID
		}
	}
	if want.UID != owner {
		if home && !p.rootsAlone(path.Dir(before.Real)) {
			return errNotHere{fmt.Sprintf("it belongs to uid %d and lies where others may write: whose it should be, and what stands in it, is for you to look at", want.UID)}
		}
		want.UID = owner
	}
	switch {
	case f.Role == "host-key" && file.Type == 'f':
		want.Mode &^= 0o077
	case f.Role == "cron-dir" && strings.HasPrefix(before.Real, "/var/spool"):
		// crontab(1) is setgid: its group has to make files there.
		want.Mode &^= 0o002
		if want.Mode&0o020 != 0 {
			want.Mode |= 0o1000
		}
	default:
		want.Mode &^= 0o022
	}
	if want == c.after {
		return errNotHere{"neither owner nor mode is what is wrong"}
	}
	var parts []string
	if want.UID != c.after.UID {
		parts = append(parts, fmt.Sprintf("chown %d", want.UID))
	}
	if want.Mode != c.after.Mode {
		parts = append(parts, fmt.Sprintf("mode %04o becomes %04o", c.after.Mode, want.Mode))
	}
	if home && want.UID == before.UID && before.UID != 0 {
		c.user = f.User
	}
	c.after = want
	p.keep(c, p.rule, f.Problem+": "+strings.Join(parts, ", "))
	return nil
}

func (p *planner) account(name string) *facts.Account {
	for i := range p.before.Accounts {
		if p.before.Accounts[i].Name == name {
			return &p.before.Accounts[i]
		}
	}
	return nil
}

// rootsAlone reports whether nobody but root can change a folder or one above it,
// as far as the snapshot tells.
func (p *planner) rootsAlone(dir string) bool {
	for d := dir; ; d = path.Dir(d) {
		f, _ := seen(p.in.Snapshot, d)
		if f == nil || f.UID != 0 || f.Mode&0o022 != 0 && f.Mode&0o1000 == 0 {
			return false
		}
		if d == "/" {
			return true
		}
	}
}

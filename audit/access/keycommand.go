package access

import (
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
)

// keysCommand is the door of AuthorizedKeysCommand. What it prints is not known,
// but sshd does not run what is not root's alone (misc.c, subprocess).
func (w *who) keysCommand(p *policy) term {
	v := p.keysFrom
	if v.Unknown == "" && (v.First() == "" || v.First() == "none") {
		return term{v: No}
	}
	ev := []Evidence{evidence(w.Config, "AuthorizedKeysCommand", v)}
	return w.command("AuthorizedKeysCommand", v, ev)
}

// command judges a program that sshd asks: unknown, or no where it would not run.
func (w *who) command(keyword string, v sshd.Value, ev []Evidence) term {
	program := ""
	if f := strings.Fields(v.First()); len(f) > 0 {
		program = f[0]
	}
	if v.Unknown == "" && strings.HasPrefix(program, "/") {
		for p := path.Clean(program); ; p = path.Dir(p) {
			st := w.stat(p)
			no := ""
			switch {
			case !st.Known:
			case !st.Exists:
				no = "is not there"
			case st.UID > 0:
				no = "does not belong to root"
			case st.Mode&0o022 != 0:
				no = "is writable by others than root"
			}
			if no != "" {
				return term{v: No, why: keyword + ": sshd does not run it, since " + p + " " + no, ev: ev}
			}
			if p == "/" {
				break
			}
		}
	}
	return term{v: Unsure, why: "what " + keyword + " prints is not known", ev: ev,
		settle: "on the host run " + strings.TrimSpace(program+" "+w.Name) + " as sshd would"}
}

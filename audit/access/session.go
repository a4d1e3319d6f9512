package access

import (
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
)

// Session is what a login may do once it is in, as far as the server's
// configuration decides it (sshd_config(5)). A key's own options come on top:
// see [Key].
type Session struct {
	Command string // ForceCommand; "" none. internal-sftp is file transfer without a shell
	Chroot  string // ChrootDirectory with its tokens expanded; "" none
	NoTTY   bool   // PermitTTY no
	// Open are the kinds of forwarding that are left open: tcp, tcp-local,
	// tcp-remote, agent, sockets, x11, tunnel.
	Open []string
	// Shell is why the shell gives no session; "" it does. Forwarding and
	// internal-sftp work all the same.
	Shell string
	// Doubt are keywords that may be set in what could not be read.
	Doubt []string
	// Bugs say which of this the installed server does not keep to.
	Bugs []string
	// Evidence are the lines that restrict.
	Evidence []Evidence
}

// aboutSessions are the keywords behind a Session.
var aboutSessions = []string{
	"ForceCommand", "ChrootDirectory", "PermitTTY", "DisableForwarding", "AllowTcpForwarding", "AllowAgentForwarding",
	"AllowStreamLocalForwarding", "X11Forwarding", "PermitTunnel", "PermitUserRC", "PermitOpen", "Subsystem",
}

// session works out what an account may do under a policy; equal sessions are
// one pointer.
func (w *who) session(p *policy) *Session {
	key := p.sessionKey + "\x00" + w.Name + "\x00" + w.Shell
	if p.plainSession {
		key = p.sessionKey + "\x00" + w.Shell
	}
	if s := w.sessions[key]; s != nil {
		return s
	}
	s := &Session{}
	w.sessions[key] = s
	get := func(keyword string) string {
		v := p.set.Get(keyword)
		if v.Unknown != "" {
			s.Doubt = append(s.Doubt, keyword)
		}
		return strings.Join(v.Args, " ")
	}
	show := func(keyword string) { s.Evidence = append(s.Evidence, evidence(w.Config, keyword, p.set.Get(keyword))) }
	if c := get("ForceCommand"); c != "" && c != "none" {
		s.Command = c
		show("ForceCommand")
		if len(strings.Fields(c)) > 10 && strings.HasPrefix(c, "internal-sftp") && w.bug("CVE-2026-59997") != No {
			s.Bugs = append(s.Bugs, w.bugSays("CVE-2026-59997"))
		}
	}
	if c := get("ChrootDirectory"); c != "" && c != "none" {
		s.Chroot, _ = w.tokens(c)
		show("ChrootDirectory")
	}
	if get("PermitTTY") == "no" {
		s.NoTTY = true
		show("PermitTTY")
	}
	off := get("DisableForwarding") == "yes"
	if off {
		show("DisableForwarding")
	}
	tunnel := get("PermitTunnel")
	open := func(kind string, is bool, cve string) {
		switch {
		case is && !off:
			s.Open = append(s.Open, kind)
		case is && cve != "" && w.bug(cve) != No:
			s.Open = append(s.Open, kind)
			s.Bugs = append(s.Bugs, w.bugSays(cve))
		}
	}
	switch get("AllowTcpForwarding") {
	case "local":
		open("tcp-local", true, "")
	case "remote":
		open("tcp-remote", true, "")
	case "no":
	default:
		open("tcp", true, "")
	}
	open("agent", get("AllowAgentForwarding") != "no", "CVE-2025-32728")
	open("sockets", get("AllowStreamLocalForwarding") != "no", "")
	open("x11", get("X11Forwarding") == "yes", "CVE-2025-32728")
	open("tunnel", tunnel != "" && tunnel != "no", "CVE-2026-59999")
	if !account.LoginShell(w.Shell) {
		s.Shell = "the shell " + w.Shell + " gives no session; forwarding and internal-sftp work all the same"
	}
	return s
}

// chroot is whether the directory of ChrootDirectory lets anybody in: it and all
// above it must be root's and writable by nobody else (safely_chroot, session.c).
// One that was not looked at counts as usable: the login itself succeeds.
func (w *who) chroot(p *policy) term {
	v := p.chrootDir
	if v.Unknown != "" || v.First() == "" || v.First() == "none" {
		return term{v: Yes}
	}
	ev := []Evidence{evidence(w.Config, "ChrootDirectory", v)}
	dir, ok := w.tokens(v.First())
	if !ok {
		return term{v: Yes}
	}
	if !strings.HasPrefix(dir, "/") {
		return term{v: No, why: "ChrootDirectory " + dir + " is not an absolute path", ev: ev}
	}
	for d := path.Clean(dir); ; d = path.Dir(d) {
		st := w.stat(d)
		refuse := ""
		switch {
		case !st.Known:
		case !st.Exists:
			refuse = "is not there"
		case st.Type != 'd':
			refuse = "is not a directory"
		case st.UID > 0:
			refuse = "does not belong to root"
		case st.Mode&0o022 != 0:
			refuse = "is writable by others than root"
		}
		if refuse != "" {
			return term{v: No, why: "ChrootDirectory: " + d + " " + refuse + ", so sshd hangs up", ev: with(ev, []Evidence{{Path: d, Text: ownerMode(st)}})}
		}
		if d == "/" {
			return term{v: Yes}
		}
	}
}

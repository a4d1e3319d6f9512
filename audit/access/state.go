package access

import "github.com/postern-ssh/postern/audit/account"

func (w *who) refusal(p *policy) term {
	if p.refuse.v == Yes {
		return term{v: No, why: "RefuseConnection yes", ev: p.refuse.ev}
	}
	if p.dropped() {
		return term{v: No, why: "every list of AuthenticationMethods names a method that is switched off, so sshd hangs up", ev: []Evidence{p.chainsFrom}}
	}
	if p.noTry != nil {
		return term{v: No, why: "MaxAuthTries 0 leaves no try", ev: p.noTry}
	}
	if p.refuse.v == Unsure {
		return p.refuse
	}
	return term{v: Yes}
}

// shell must be there and executable, unless the login is chrooted (auth.c,
// allowed_user).
func (w *who) shell(p *policy) term {
	chroot := &p.chrootDir
	if chroot.Unknown == "" && chroot.First() != "none" && chroot.First() != "" {
		return term{v: Yes}
	}
	if w.shells.v == Unsure && w.shells.why == "" {
		w.shells = w.findShell()
	}
	return w.shells
}

func (w *who) findShell() term {
	shell := w.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	st := w.stat(shell)
	ev := []Evidence{{Path: "/etc/passwd", Line: w.Line, Text: "shell " + shell}}
	switch {
	case !st.Known:
		// A shell that was not looked at is there on nearly every host, but
		// nearly is not known.
		return term{v: Unsure, why: "whether the shell " + shell + " is there is not known", ev: ev}
	case !st.Exists || st.Type != 'f':
		return term{v: No, why: "shell " + shell + " is not there", ev: ev}
	case st.Mode&0o111 == 0:
		return term{v: No, why: "shell " + shell + " is not executable", ev: ev}
	}
	return term{v: Yes}
}

// state is locked, expired and nologin: by sshd itself without PAM, by the
// account lines with it.
func (w *who) state(p *policy) term {
	if p.pam.v == Unsure {
		plain, pam := w.plainState(), w.pamState(p)
		if plain.v == pam.v {
			return pam
		}
		return p.pam
	}
	if p.pam.v == Yes {
		return w.pamState(p)
	}
	return w.plainState()
}

// plainState is what sshd checks with UsePAM no.
func (w *who) plainState() term {
	ev := []Evidence{{Path: "/etc/passwd", Line: w.Line, Text: "password state " + w.State.String()}}
	switch w.State {
	case account.Unknown:
		return term{v: Unsure, why: "whether " + w.Name + " is locked or expired is not known (shadow could not be read)", ev: ev, settle: readShadow}
	case account.Locked, account.LockedHash:
		return term{v: No, why: "locked", ev: ev}
	}
	if w.Expire != account.Never && w.Today > w.Expire {
		return term{v: No, why: "expired", ev: ev}
	}
	return w.noLogin()
}

func (w *who) noLogin() term {
	if w.UID == 0 || w.nologin == No {
		return term{v: Yes}
	}
	ev := []Evidence{{Path: "/etc/nologin", Text: "turns everyone away but root"}}
	if w.nologin == Yes {
		return term{v: No, why: "/etc/nologin is there", ev: ev}
	}
	return term{v: Unsure, why: "whether /etc/nologin is there is not known", ev: nil}
}

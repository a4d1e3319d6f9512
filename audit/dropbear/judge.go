package dropbear

// Answer says whether something is so.
type Answer uint8

// The answers. The zero value is not known.
const (
	Unknown Answer = iota
	No
	Yes
)

func (a Answer) String() string { return [...]string{"unknown", "no", "yes"}[a] }

// Account is what decides about one account.
type Account struct {
	Name   string
	UID    int64
	Shell  string   // "" is /bin/sh
	Groups []string // names, primary and supplementary; nil: not known
	Empty  Answer   // whether its password is empty
}

// Host is what decides beside the account.
type Host struct {
	// UID is the server's. One that is not root lets in its own account only.
	UID int64
	// Shells are the lines of /etc/shells; nil: not known. Where the file is not
	// there the C library's own list holds: /bin/sh and /bin/csh.
	Shells []string
}

// Login is what one account may do.
type Login struct {
	// Password: the account's password opens it, alone or (Both) with a key.
	Password Answer
	// PublicKey: a key of its authorized_keys opens it, alone or (Both) with the
	// password. Which keys there are is not asked here.
	PublicKey Answer
	// Empty: it opens without any password or key.
	Empty Answer
	// Both: password and key are needed together; Empty is not held up by it.
	Both bool
	// Reason is why nothing opens it, or why something is not known.
	Reason string
}

// Judge says what opens an account (svr-auth.c). Whether a password is set, and
// which keys there are, the caller knows.
func (s *Server) Judge(a Account, h Host) Login {
	if s.Refused != "" {
		return shut("the server does not start: " + s.Refused)
	}
	switch {
	case h.UID != 0 && h.UID != a.UID:
		return shut("the server does not run as root and lets in its own account only")
	case s.NoRoot && a.UID == 0:
		return shut("-w: no login of uid 0")
	}
	allowed, reason := s.member(a)
	if shell, why := validShell(a, h); shell == No {
		return shut(why)
	} else if shell == Unknown && allowed == Yes {
		allowed, reason = Unknown, why
	}
	if allowed == No {
		return shut(reason)
	}
	l := Login{Password: allowed, PublicKey: allowed, Empty: No, Both: s.Both, Reason: reason}
	if s.Plugin != "" {
		// The plugin is asked first and may open what no file names.
		l.PublicKey, l.Reason = Unknown, "-A: the plugin "+s.Plugin+" decides about keys"
	}
	if s.NoPassword || s.NoRootPasswd && a.UID == 0 {
		l.Password = No
		if s.Both { // -t and -g: root can never bring the second method
			l.PublicKey, l.Reason = No, "-t wants a password, which -g does not take of uid 0"
		}
		return l
	}
	if s.Blank {
		l.Empty = least(allowed, a.Empty)
		if a.Empty == Unknown && l.Reason == "" {
			l.Reason = "-B: whether its password is empty is not known"
		}
	}
	return l
}

func shut(reason string) Login { return Login{Password: No, PublicKey: No, Empty: No, Reason: reason} }

// least is the answer to "both".
func least(a, b Answer) Answer {
	switch {
	case a == No || b == No:
		return No
	case a == Unknown || b == Unknown:
		return Unknown
	}
	return Yes
}

// member answers -G.
func (s *Server) member(a Account) (Answer, string) {
	if s.Group == "" {
		return Yes, ""
	}
	if a.Groups == nil {
		return Unknown, "-G " + s.Group + ": its groups are not known"
	}
	for _, g := range a.Groups {
		if g == s.Group {
			return Yes, ""
		}
	}
	return No, "-G: not in the group " + s.Group
}

// validShell reports whether the account's shell is one of /etc/shells.
func validShell(a Account, h Host) (Answer, string) {
	if h.Shells == nil {
		return Unknown, "/etc/shells is not known"
	}
	shell := a.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	for _, s := range h.Shells {
		if s == shell {
			return Yes, ""
		}
	}
	return No, "its shell " + shell + " is not in /etc/shells"
}

// KeyFile is where the keys of an account lie, below its home or as -D says.
func (s *Server) KeyFile(home string) string {
	if s.KeysDir == "" {
		return home + "/.ssh/authorized_keys"
	}
	dir := s.KeysDir
	if len(dir) >= 2 && dir[:2] == "~/" {
		dir = home + dir[1:]
	} else if dir[0] != '/' {
		dir = home + "/" + dir
	}
	return dir + "/authorized_keys"
}

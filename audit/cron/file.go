package cron

import (
	"regexp"
	"strings"
)

// FileKind says what a file of a scheduler is.
type FileKind uint8

// The kinds of file.
const (
	FileEtcCrontab FileKind = iota // /etc/crontab
	FileCronD                      // in /etc/cron.d
	FileSpool                      // a user's table
	FileRunParts                   // in /etc/cron.daily and its like, /etc/periodic
	FileAnacrontab                 // /etc/anacrontab
	FileAt                         // in the spool of at
)

// FileMeta is what a daemon looks at before it reads a file.
type FileMeta struct {
	Type        byte   // of the name itself, as find -type; 0 unknown
	TargetType  byte   // of a link: what it leads to; 0 nothing or unknown
	Mode        uint32 // of the file that is read, 07777
	UID         int64  // of the file that is read; -1 unknown
	LinkUID     int64  // of a link: its own owner; -1 unknown
	Links       int64  // hard links of the file that is read; 0 unknown
	OwnerIsUser bool   // spool: the owner is the account that the file is named after
	Account     Tri    // spool: whether that account exists
	Flags       Flags  // how the daemon was started
}

// Flags are what a daemon's command line changes about the files that it reads.
type Flags struct {
	LSB     bool // Debian's cron -l: the LSB's names count in cron.d, and no others
	Any     bool // cronie's crond -p: neither type, owner, mode nor links are looked at
	Cluster bool // cronie's crond -c: users' tables are read on the host that .cron.hostname names
}

// ParseFlags reads the arguments of daemon d, without its own name.
func ParseFlags(d Daemon, args []string) (f Flags) {
	valued := map[Daemon]string{Debian: "Lx", Cronie: "mx"}[d]
	if valued == "" {
		return f
	}
	for i := 0; i < len(args) && len(args[i]) > 1 && args[i][0] == '-' && args[i] != "--"; i++ {
		for k := 1; k < len(args[i]); k++ {
			c := args[i][k]
			if strings.IndexByte(valued, c) >= 0 {
				if k+1 == len(args[i]) {
					i++
				}
				break
			}
			f.LSB = f.LSB || d == Debian && c == 'l'
			f.Any = f.Any || d == Cronie && c == 'p'
			f.Cluster = f.Cluster || d == Cronie && c == 'c'
		}
	}
	return f
}

// FileVerdict says whether daemon d reads a file at all, and why not. Unknown
// means that it depends on something that m lacks. name is the last component of
// its path. Rules as observed on Debian 11 to 13, cronie 1.5.2 to 1.7.2, busybox
// 1.35 to 1.37, dcron 4.5 and systemd-cron 2.5.1.
func FileVerdict(kind FileKind, name string, m FileMeta, d Daemon) (read Tri, reason string) {
	if ok, why := fileName(kind, name, d, m.Flags); !ok {
		return No, why
	}
	if kind == FileEtcCrontab || kind == FileCronD && d != Dcron {
		if d == Busybox || d == Dcron {
			return No, d.String() + " does not read it"
		}
	}
	if m.Type == 0 {
		return Unknown, "what the name is was not seen"
	}
	typ := m.Type
	if typ == 'l' {
		if typ = m.TargetType; typ == 0 {
			return No, "the link leads nowhere"
		}
	}
	if typ != 'f' {
		return No, "not a regular file"
	}
	switch kind {
	case FileSpool:
		return spoolVerdict(name, m, d)
	case FileEtcCrontab, FileCronD:
		return systemVerdict(kind, m, d)
	case FileRunParts:
		if m.Mode&0o111 == 0 {
			return No, "not executable"
		}
	case FileAt:
		switch {
		case m.Type == 'l':
			return No, "a symbolic link"
		case m.Mode&0o100 == 0:
			return No, "not executable by its owner: atd runs it once that bit is set"
		case m.Links > 2 || m.Links == 2 && !strings.HasPrefix(name, "="):
			return No, "more than one hard link"
		}
	}
	return Yes, ""
}

// fileName applies the daemons' rules for names.
func fileName(kind FileKind, name string, d Daemon, f Flags) (bool, string) {
	switch kind {
	case FileCronD:
		switch d {
		case Debian:
			if f.LSB {
				return lsbName(name), lsbReason(name)
			}
			if !plainName(name, "_-") {
				return false, "the name holds a byte other than letters, digits, _ and -: Debian's cron ignores the file"
			}
		case Cronie:
			if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~") ||
				hasSuffixOf(name, ".rpmsave", ".rpmorig", ".rpmnew") || name == ".cron.hostname" {
				return false, "a name that cronie ignores"
			}
		case SystemdCron:
			if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.Contains(name, ".dpkg-") || strings.Contains(name, ".rpm") {
				return false, "a name that systemd-cron ignores"
			}
		case Dcron:
			if strings.Contains(name, ".") {
				return false, "a name with a dot: dcron ignores it"
			}
		}
	case FileSpool:
		switch {
		case strings.HasPrefix(name, "."):
			return false, "a name that begins with a dot"
		case (d == Busybox || d == Dcron) && strings.Contains(name, "."):
			return false, "a name with a dot: " + d.String() + " ignores it"
		case (d == Debian || d == Cronie) && strings.HasPrefix(name, "tmp."):
			return false, "a temporary file of crontab(1)"
		}
	case FileRunParts:
		if !RunPartsName(name, d) {
			return false, "a name that run-parts passes over"
		}
	case FileAt:
		if !AtName(name) {
			return false, "not a name of an at job"
		}
	}
	return true, ""
}

// systemVerdict judges /etc/crontab and the files of cron.d.
func systemVerdict(kind FileKind, m FileMeta, d Daemon) (Tri, string) {
	if d == SystemdCron || d == Cronie && m.Flags.Any {
		return Yes, "" // it looks at neither owner nor mode
	}
	if m.UID < 0 {
		return Unknown, "its owner was not seen"
	}
	if m.UID != 0 {
		return No, "WRONG FILE OWNER: not root's"
	}
	switch d {
	case Debian:
		switch {
		case m.Mode&0o022 != 0:
			return No, "INSECURE MODE: group or others may write it"
		case kind == FileCronD && m.Type == 'l' && m.LinkUID > 0:
			return No, "a symbolic link that is not root's"
		case kind == FileCronD && m.Links > 1:
			return No, "WRONG LINK COUNT: more than one hard link"
		}
	case Cronie:
		switch {
		case m.Mode&0o7533 != 0o400:
			return No, "BAD FILE MODE: cronie wants owner-readable, not executable by the owner, nothing for others to write or run"
		}
	}
	return Yes, ""
}

// spoolVerdict judges users' tables.
func spoolVerdict(name string, m FileMeta, d Daemon) (Tri, string) {
	if m.Account == No {
		return No, "ORPHAN: there is no account " + Quote(name) + "; the table is read as soon as there is one"
	}
	if d == Cronie && m.Flags.Cluster {
		return Unknown, "crond -c reads users' tables on the host that .cron.hostname names, and which that is was not looked at"
	}
	if d == Cronie && m.Flags.Any && m.Account == Yes {
		return Yes, ""
	}
	if m.UID < 0 {
		return Unknown, "its owner was not seen"
	}
	switch d {
	case Busybox:
		if m.UID != 0 {
			return No, "not root's: busybox crond reads only tables that root owns"
		}
		return Yes, ""
	case Dcron:
		if m.UID != 0 {
			return No, "not owned by the daemon's account"
		}
		return Yes, ""
	case SystemdCron:
		return Yes, ""
	}
	if m.UID != 0 && !m.OwnerIsUser {
		return No, "WRONG FILE OWNER: neither root's nor that account's"
	}
	if m.Links > 1 {
		return No, "WRONG LINK COUNT: more than one hard link"
	}
	if d == Debian {
		switch {
		case m.Type == 'l':
			return No, "a symbolic link"
		case m.Mode&0o7777 != 0o600:
			return No, "WRONG INODE INFO: the mode is not 0600"
		}
	} else if m.Mode&0o7533 != 0o400 {
		return No, "BAD FILE MODE: cronie wants owner-readable, not executable by the owner, nothing for others to write or run"
	}
	if m.Account == Unknown {
		return Unknown, "whether the account exists was not seen"
	}
	return Yes, ""
}

// RunPartsName reports whether the run-parts that comes with d runs a script of
// that name: debianutils (letters, digits, _ and -), the shell script of RHEL's
// crontabs package, busybox (also dots, but not first), systemd-cron's own rule.
func RunPartsName(name string, d Daemon) bool {
	switch d {
	case Debian:
		return plainName(name, "_-")
	case Cronie:
		return name != "" && !hasSuffixOf(name, "~", ",", ".rpmsave", ".rpmorig", ".rpmnew", ".swp", ",v", ".cfsaved") && name[0] != '.'
	case SystemdCron:
		ok, _ := fileName(FileCronD, name, SystemdCron, Flags{})
		return ok
	}
	return plainName(name, "_-.") && name[0] != '.'
}

// The names that Debian's cron reads in cron.d with -l, as its program holds them.
var (
	lsbHierarchical = regexp.MustCompile(`^_?([a-z0-9_.]+-)+[a-z0-9]+$`)
	lsbTraditional  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	lsbExcluded     = regexp.MustCompile(`^[a-z0-9-].*dpkg-(old|dist)$`)
)

func lsbName(name string) bool {
	if lsbHierarchical.MatchString(name) {
		return !lsbExcluded.MatchString(name)
	}
	return lsbTraditional.MatchString(name)
}

func lsbReason(name string) string {
	if lsbName(name) {
		return ""
	}
	return "no name of the LSB: cron was started with -l, and ignores the file"
}

func plainName(name, also string) bool {
	for i := 0; i < len(name); i++ {
		if !isAlnum(name[i]) && strings.IndexByte(also, name[i]) < 0 {
			return false
		}
	}
	return name != ""
}

func hasSuffixOf(s string, suffixes ...string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(s, suffix) {
			return true
		}
	}
	return false
}

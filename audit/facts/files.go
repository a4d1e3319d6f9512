package facts

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// Who may have a hand in a file of each role: the bits that nobody else may hold.
const (
	othersWrite = 0o022 // group and others must not write
	othersAll   = 0o077 // group and others must not do anything
)

// files judges owner and mode of everything that decides who gets in and what
// runs: sshd's files, host keys, authorized keys, cron's tables and folders,
// the PAM stack of sshd.
func (b *builder) files() {
	for _, p := range b.sshdFiles {
		b.file(p, "sshd-config", "", othersWrite)
	}
	for _, p := range b.hostKeyFiles {
		b.hostKeyFile(p)
		b.file(p+".pub", "host-key-public", "", othersWrite)
		b.above(p, "host-key")
	}
	for _, p := range b.sshdFiles {
		b.above(p, "sshd-config")
	}
	for _, p := range []string{"/", "/etc"} {
		// Whoever may write these replaces everything below; that they are in order
		// goes without saying.
		if f := b.fs.resolve(p); f != nil && (f.UID != 0 || f.Mode&othersWrite != 0) {
			b.file(p, "sshd-config", "", othersWrite)
		}
	}
	b.file("/etc/ssh", "sshd-config", "", othersWrite)
	b.file("/etc/ssh/sshd_config.d", "sshd-config", "", othersWrite)
	for _, p := range []string{"/etc/pam.d", "/etc/pam.d/sshd"} {
		b.file(p, "pam", "", othersWrite)
	}
	for _, k := range b.keyFiles {
		b.keyFile(k)
	}
	for _, p := range []string{"/etc/crontab", "/etc/anacrontab"} {
		b.file(p, "cron-table", "", othersWrite)
	}
	dirs := []string{"/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly"}
	b.gapsOf("files", "cron-dir", "/etc/periodic")
	b.gapsOf("files", "cron-table", "/etc/periodic")
	for _, f := range b.fs.entries("/etc/periodic") {
		dirs = append(dirs, f.Path)
	}
	for _, dir := range dirs {
		b.file(dir, "cron-dir", "", othersWrite)
		b.gapsOf("files", "cron-table", dir)
		for _, f := range b.fs.entries(dir) {
			if f.Type == 'f' || f.Type == 'l' {
				b.file(f.Path, "cron-table", "", othersWrite)
			}
		}
	}
	for _, dir := range b.spoolDirs() {
		b.gapsOf("files", "cron-table", dir)
		// crontab(1) is setgid crontab on Debian: the spool is 1730 root:crontab.
		f := b.fs.lookup(dir)
		if f == nil {
			b.gapsOf("files", "cron-dir", dir)
		}
		if f != nil && f.Type == 'd' {
			problem := ""
			switch {
			case f.UID < 0:
				b.addGap("files", Gap{Path: dir, Reason: "owner and mode are not known", Role: "cron-dir"})
				b.addGap("files", Gap{Path: dir, Reason: "owner and mode are not known", Role: "cron-table"})
				continue
			case f.UID > 0:
				problem = "owned by " + b.userName(f.UID) + ", not by root"
			case f.Mode&0o002 != 0 && f.Mode&0o1000 == 0:
				problem = "every account may create, remove and rename tables here"
			case f.Mode&0o020 != 0 && f.Mode&0o1000 == 0:
				problem = "group " + b.groupName(f.GID) + " may remove and rename tables here"
			}
			b.addFile(f, "cron-dir", "", problem)
		}
		for _, f := range b.fs.entries(dir) {
			if f.Type == 'f' {
				b.spoolFile(f)
			}
		}
	}
}

// spools are the folders of users' tables, of all families (crontab(1), cron(8)
// of Debian, cronie of RHEL and SUSE).
var spools = []string{"/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron"}

// above judges the directories above a file that stands elsewhere than below
// /etc/ssh: who can write one of them can put another file in its place.
func (b *builder) above(p, role string) {
	if strings.HasPrefix(p, "/etc/ssh/") || strings.HasPrefix(p, "/usr/etc/ssh/") {
		return
	}
	for d := path.Dir(p); d != "/" && d != "." && d != "/etc" && d != "/usr"; d = path.Dir(d) {
		// In a sticky directory nobody but its owner replaces what is there.
		if f := b.fs.resolve(d); f == nil || f.UID != 0 || f.Mode&0o1000 == 0 {
			b.file(d, role, "", othersWrite)
		}
	}
}

// file judges one path that has to be root's. A link is judged with what it
// leads to. What does not exist is nothing to judge; what could not be seen is a gap.
func (b *builder) file(p, role, user string, forbidden uint32) {
	f := b.fs.resolve(p)
	if f == nil {
		b.gapsOf("files", role, p)
		return
	}
	problem := ""
	switch {
	case f.UID > 0:
		problem = "owned by " + b.userName(f.UID) + ", not by root"
	case f.UID < 0:
		b.addGap("files", Gap{Path: p, Reason: "owner and mode are not known", Role: role})
		return
	case f.Type != 'l' && f.Mode&forbidden != 0:
		problem = b.whoElse(f, forbidden)
	}
	shown := *f
	shown.Path = p
	b.addFile(&shown, role, user, problem)
}

// hostKeyFile judges a private host key: nobody but root, or group ssh_keys
// reading it (RHEL before 9, ssh-keysign).
func (b *builder) hostKeyFile(p string) {
	f := b.fs.resolve(p)
	if f != nil && f.UID == 0 && f.Mode&othersAll == 0o040 && b.groupName(f.GID) == "ssh_keys" {
		shown := *f
		shown.Path = p
		b.addFile(&shown, "host-key", "", "")
		return
	}
	b.file(p, "host-key", "", othersAll)
}

// spoolFile judges a user's table: it is that user's or root's, and nobody
// else's to write.
func (b *builder) spoolFile(f *snapshot.File) {
	name := path.Base(f.Path)
	problem := ""
	acct, known := b.byName[name]
	switch {
	case f.UID < 0:
		b.addGap("files", Gap{Path: f.Path, Reason: "owner and mode are not known", Role: "cron-table"})
		return
	case f.UID > 0 && (!known || acct.UID != f.UID):
		problem = "owned by " + b.userName(f.UID) + ", neither by " + name + " nor by root"
	case f.Mode&othersWrite != 0:
		problem = b.whoElse(f, othersWrite)
	}
	b.addFile(f, "cron-table", name, problem)
}

// keyFile is one authorized_keys file of one account.
type keyFile struct{ path, user, home string }

// keyFile judges an authorized_keys file and every directory above it, up to
// the home or to "/": who can write there can add a key.
func (b *builder) keyFile(k keyFile) {
	for _, role := range keyRoles {
		b.gapsOf("files", role, k.path)
	}
	f := b.fs.resolve(k.path)
	if f == nil {
		return
	}
	owner, known := b.byName[k.user]
	judge := func(f *snapshot.File, shownPath, role string) {
		problem := ""
		switch {
		case f.UID < 0:
			b.addGap("files", Gap{Path: shownPath, Reason: "owner and mode are not known", Role: role})
			return
		case f.UID > 0 && (!known || f.UID != owner.UID):
			problem = "owned by " + b.userName(f.UID) + ", neither by " + k.user + " nor by root"
		case f.Type == 'd' && f.Mode&0o1002 == 0o1002:
			// Sticky: others may add, but not replace what is there.
		case f.Mode&0o002 != 0:
			problem = "every account may write it"
		case f.Mode&0o020 != 0:
			switch b.othersIn(f.GID, k.user) {
			case yes:
				problem = "group " + b.groupName(f.GID) + " may write it"
			case maybe:
				b.addGap("files", Gap{Path: shownPath, Reason: "who is in group " + b.groupName(f.GID) + ", which may write it, is not known", Role: role})
				return
			}
		}
		shown := *f
		shown.Path = shownPath
		b.addFile(&shown, role, k.user, problem)
	}
	judge(f, k.path, "authorized-keys")
	for d := path.Dir(k.path); ; d = path.Dir(d) {
		if df := b.fs.resolve(d); df != nil {
			if key := d + "\x00" + k.user; !b.dirsSeen[key] {
				b.dirsSeen[key] = true
				judge(df, d, "authorized-keys-dir")
			}
		}
		if d == "/" || d == "." || d == k.home {
			break
		}
	}
}

func (b *builder) addFile(f *snapshot.File, role, user, problem string) {
	key := role + "\x00" + user + "\x00" + f.Path
	if b.filesSeen[key] {
		return
	}
	b.filesSeen[key] = true
	owner, group := b.userName(f.UID), b.groupName(f.GID)
	mode := modeText(f.Mode)
	e := Evidence{Path: f.Path, Text: fmt.Sprintf("%s %s:%s", mode, owner, group)}
	if problem != "" {
		e.Witness = problem
	}
	b.f.Files = append(b.f.Files, File{
		Path: f.Path, Role: role, User: user, Owner: owner, Group: group, Mode: mode,
		Problem: problem, Evidence: []Evidence{e},
	})
}

// whoElse says in words who holds the forbidden bits.
func (b *builder) whoElse(f *snapshot.File, forbidden uint32) string {
	var who []string
	if f.Mode&forbidden&0o070 != 0 {
		who = append(who, "group "+b.groupName(f.GID))
	}
	if f.Mode&forbidden&0o007 != 0 {
		who = append(who, "every account")
	}
	verb := "write it"
	if f.Mode&forbidden&0o022 == 0 {
		verb = "read it"
	}
	return strings.Join(who, " and ") + " may " + verb
}

func modeText(m uint32) string { return fmt.Sprintf("%04o", m&0o7777) }

func (b *builder) userName(uid int64) string {
	if uid < 0 {
		return "?"
	}
	if n, ok := b.userNames[uid]; ok {
		return n
	}
	return strconv.FormatInt(uid, 10)
}

func (b *builder) groupName(gid int64) string {
	if gid < 0 {
		return "?"
	}
	if n, ok := b.groupNames[gid]; ok {
		return n
	}
	return strconv.FormatInt(gid, 10)
}

// othersIn says whether others than that user are in the group, by primary group
// or member list.
func (b *builder) othersIn(gid int64, user string) state {
	for m := range b.groupMembers[gid] {
		if m != user {
			return yes
		}
	}
	if b.groupsWhy != "" || !b.passwdWhole {
		return maybe
	}
	return no
}

package facts

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// accounts reads passwd, group and the shadow states.
func (b *builder) accounts() {
	b.byName = map[string]*account.Account{}
	b.userNames, b.groupNames = map[int64]string{}, map[int64]string{}
	b.groupMembers = map[int64]map[string]bool{}
	b.filesSeen, b.dirsSeen = map[string]bool{}, map[string]bool{}

	passwd, ok, lacks := b.content("/etc/passwd")
	if !ok && lacks == "" {
		lacks = "it was not seen"
	}
	if lacks != "" {
		b.gap("accounts", "/etc/passwd", lacks)
	}
	list, bad := account.ParsePasswd(passwd)
	for _, l := range bad {
		b.gap("accounts", "/etc/passwd", fmt.Sprintf("line %d cannot be read: %s", l.Line, l.Reason))
	}
	b.gaps("accounts", "/etc/passwd")
	groups := b.readGroups()
	shadow, shadowLacks := b.shadow()
	account.Join(list, groups, shadow)
	if shadowLacks != "" {
		partlyKnown(list, shadow)
	}
	for i := range list {
		a := &list[i]
		if b.byName[a.Name] == nil {
			b.byName[a.Name] = a
		}
		if _, ok := b.userNames[a.UID]; !ok {
			b.userNames[a.UID] = a.Name
		}
	}
	for _, g := range groups {
		if _, ok := b.groupNames[g.GID]; !ok {
			b.groupNames[g.GID] = g.Name
		}
		if b.groupMembers[g.GID] == nil {
			b.groupMembers[g.GID] = map[string]bool{}
		}
		for _, m := range g.Members {
			b.groupMembers[g.GID][m] = true
		}
	}
	for i := range list {
		gid := list[i].GID
		if b.groupMembers[gid] == nil {
			b.groupMembers[gid] = map[string]bool{}
		}
		b.groupMembers[gid][list[i].Name] = true
	}
	b.list, b.groups = list, groups
	b.passwdWhole = lacks == "" && len(bad) == 0
	b.nss()
	for i := range list {
		b.addAccount(&list[i])
	}
}

// readGroups reads /etc/group.
func (b *builder) readGroups() []account.Group {
	data, ok, lacks := b.content("/etc/group")
	groups, bad := account.ParseGroup(data)
	switch {
	case lacks != "":
		b.groupsWhy = "/etc/group: " + lacks
	case !ok:
		b.groupsWhy = "/etc/group was not seen"
	case len(bad) > 0:
		b.groupsWhy = fmt.Sprintf("/etc/group: line %d cannot be read: %s", bad[0].Line, bad[0].Reason)
	}
	return groups
}

// partlyKnown takes back what was said of accounts whose line in shadow may be
// among those that were not seen.
func partlyKnown(list []account.Account, shadow []account.Shadow) {
	seen := make(map[string]bool, len(shadow))
	for i := range shadow {
		seen[shadow[i].Name] = true
	}
	for i := range list {
		if a := &list[i]; !seen[a.Name] && a.State == account.Invalid {
			a.State = account.Unknown
		}
	}
}

// shadow gives the states that the collector made of shadow(5), nil where none
// came, and why they are not all.
func (b *builder) shadow() (list []account.Shadow, lacks string) {
	data, lacks := b.whole(snapshot.OutShadow)
	if b.snap.Output(snapshot.OutShadow) == nil {
		return nil, lacks
	}
	if lacks == "" {
		if g, ok := b.lacks.on("/etc/shadow"); ok {
			lacks = reason(g)
		}
	}
	list, bad := account.ParseShadow(data)
	for _, l := range bad {
		lacks = fmt.Sprintf("line %d cannot be read: %s", l.Line, l.Reason)
	}
	if list == nil {
		list = []account.Shadow{}
	}
	return list, lacks
}

// nss says whether accounts and members of groups may come from elsewhere than
// from the files of /etc (nsswitch.conf(5)).
func (b *builder) nss() {
	const conf = "/etc/nsswitch.conf"
	data, ok, lacks := b.content(conf)
	if lacks != "" {
		b.foreign("passwd", "which sources of accounts there are is not known: "+lacks)
		b.foreign("group", "which sources of groups there are is not known: "+lacks)
	}
	if !ok {
		return // the C library's own default is the files
	}
	lines(data, func(line string) {
		line, _, _ = strings.Cut(line, "#")
		database, sources, _ := strings.Cut(line, ":")
		database = strings.TrimSpace(database)
		for _, src := range strings.Fields(strings.ReplaceAll(sources, "[", " [")) {
			switch src {
			case "files", "compat", "systemd": // systemd: accounts of running units, which cannot log in
			default:
				if !strings.HasPrefix(src, "[") && !strings.HasSuffix(src, "]") {
					b.foreign(database, foreignWords(database, src))
				}
			}
		}
	})
}

// foreignWords says what was not read, and what would settle the questions that
// hang on it.
func foreignWords(database, src string) string {
	switch database {
	case "passwd":
		return "accounts of " + src + " are not in the files of /etc: AllowUsers or AllowGroups with local names, or no password for any login, would settle it"
	case "group", "initgroups":
		return "members of groups from " + src + " are not in the files of /etc: AllowUsers in place of rules about groups would settle it"
	}
	return "password states of " + src + " are not in the files of /etc"
}

// foreign notes a source of accounts, groups or password states that was not read.
func (b *builder) foreign(database, why string) {
	switch database {
	case "passwd":
		b.otherNSS = true
		b.mayLack("/etc/nsswitch.conf", why, "accounts", "access", "private_keys")
		b.mayLackKeys("/etc/nsswitch.conf", why)
	case "shadow":
		partlyKnown(b.list, nil)
	case "group", "initgroups":
		if b.groupsWhy == "" {
			b.groupsWhy = why
		}
	}
}

func (b *builder) addAccount(a *account.Account) {
	out := Account{
		Name: a.Name, UID: a.UID, GID: a.GID, Groups: a.Groups, Home: a.Home, Shell: a.Shell,
		Password: a.State.String(), Algorithm: a.Algorithm, LoginShell: account.LoginShell(a.Shell),
		Evidence: []Evidence{{Path: "/etc/passwd", Line: a.Line, Text: fmt.Sprintf("%s:x:%d:%d:...:%s:%s", a.Name, a.UID, a.GID, a.Home, a.Shell)}},
	}
	if a.Expire != account.Never && a.Expire > 0 {
		out.Expired = b.today() >= a.Expire
	}
	b.f.Accounts = append(b.f.Accounts, out)
}

// today is the host's day since 1970-01-01, as shadow(5) counts.
func (b *builder) today() int64 {
	at := b.snap.HostClock
	if at.IsZero() {
		at = b.snap.Start
	}
	return at.Unix() / int64(24*time.Hour/time.Second)
}

// defaultKeyFiles is AuthorizedKeysFile where nothing sets it (sshd_config(5)).
var defaultKeyFiles = []string{".ssh/authorized_keys", ".ssh/authorized_keys2"}

// authorizedKeys reads the files that sshd reads for each account: patterns are
// the words of AuthorizedKeysFile.
func (b *builder) authorizedKeys(patterns func(name string) []string) {
	if !b.passwdWhole {
		b.mayLackKeys("/etc/passwd", "the accounts are not all known")
	}
	if b.lacks.late != "" {
		b.mayLackKeys("", b.lacks.late)
	}
	for i := range b.list {
		a := &b.list[i]
		seen := map[string]bool{}
		for _, pattern := range patterns(a.Name) {
			p, ok := expandKeyFile(pattern, a)
			if !ok {
				b.mayLackKeys(pattern, "which file that is for "+a.Name+" is not known")
			}
			if p == "" || seen[p] {
				continue
			}
			seen[p] = true
			b.keyFiles = append(b.keyFiles, keyFile{path: p, user: a.Name, home: a.Home})
			b.gaps("authorized_keys", p)
			data, _, lacks := b.content(p)
			if lacks != "" {
				b.gap("authorized_keys", p, lacks)
			}
			for _, k := range account.ParseKeys(data) {
				if k.Bad == "" {
					b.addKey(a, p, k)
				}
			}
		}
	}
}

func (b *builder) addKey(a *account.Account, p string, k account.Key) {
	var opts []string
	for _, o := range k.Options {
		opts = append(opts, o.String())
	}
	b.f.AuthorizedKeys = append(b.f.AuthorizedKeys, AuthorizedKey{
		User: a.Name, Path: p, Line: int64(k.Line), Type: k.Type, Bits: int64(k.Bits),
		Fingerprint: k.Fingerprint, Comment: k.Comment, Options: opts, Weak: weakKey(k),
		Evidence: []Evidence{{Path: p, Line: k.Line, Text: strings.TrimSpace(k.Type + " " + k.Fingerprint + " " + k.Comment),
			Witness: "opens account " + a.Name}},
	})
}

// weakKey says why a key is weak: by its type and size, and by what its numbers
// tell of a bad generator.
func weakKey(k account.Key) string {
	parsed, err := wire.ParseKey(k.Blob)
	if err != nil {
		return ""
	}
	return parsed.Weak()
}

// expandKeyFile expands the tokens of AuthorizedKeysFile (sshd_config(5), TOKENS).
// A path of "" is no file; ok is false where a token is not one that sshd knows.
func expandKeyFile(pattern string, a *account.Account) (p string, ok bool) {
	if strings.EqualFold(pattern, "none") || pattern == "" {
		return "", true
	}
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			out.WriteByte(pattern[i])
			continue
		}
		i++
		switch pattern[i] {
		case 'h':
			out.WriteString(a.Home)
		case 'u':
			out.WriteString(a.Name)
		case 'U':
			fmt.Fprint(&out, a.UID)
		case '%':
			out.WriteByte('%')
		default:
			return "", false
		}
	}
	p = out.String()
	if !strings.HasPrefix(p, "/") {
		p = a.Home + "/" + p
	}
	return path.Clean(p), true
}

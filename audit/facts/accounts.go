package facts

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// accounts reads passwd, group and the shadow states.
func (b *builder) accounts() {
	b.byName = map[string]*account.Account{}
	b.userNames, b.groupNames = map[int64]string{}, map[int64]string{}
	b.groupMembers = map[int64]map[string]bool{}
	b.filesSeen, b.dirsSeen = map[string]bool{}, map[string]bool{}

	passwd, ok := b.fs.read("/etc/passwd")
	if !ok {
		why := b.why("/etc/passwd")
		if why == "" {
			why = "it was not seen"
		}
		b.gap("accounts", "/etc/passwd", why)
	}
	list, bad := account.ParsePasswd(passwd)
	for _, l := range bad {
		b.gap("accounts", "/etc/passwd", fmt.Sprintf("line %d cannot be read: %s", l.Line, l.Reason))
	}
	b.gaps("accounts", "/etc/passwd")
	groupData, _ := b.fs.read("/etc/group")
	groups, _ := account.ParseGroup(groupData)
	shadow, shadowKnown := b.shadow()
	account.Join(list, groups, shadow)
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
		if m := b.groupMembers[list[i].GID]; m != nil {
			m[list[i].Name] = true
		}
	}
	b.list, b.groups = list, groups
	b.passwdWhole = ok && len(bad) == 0
	b.nss()
	for i := range list {
		b.addAccount(&list[i], shadowKnown)
	}
}

// shadow gives the states that the collector made of shadow(5); nil where it
// could not be read.
func (b *builder) shadow() ([]account.Shadow, bool) {
	data, missing := b.output(snapshot.OutShadow)
	if missing == "" {
		if why := b.why("/etc/shadow"); why != "" {
			missing = why
		}
	}
	if missing != "" {
		b.shadowWhy = "the state of passwords was not seen: " + missing
		return nil, false
	}
	list, bad := account.ParseShadow(data)
	for _, l := range bad {
		b.gap("accounts", "/etc/shadow", fmt.Sprintf("line %d cannot be read: %s", l.Line, l.Reason))
	}
	if list == nil {
		list = []account.Shadow{}
	}
	return list, true
}

// nss says whether accounts may come from elsewhere than /etc/passwd.
func (b *builder) nss() {
	data, ok := b.fs.read("/etc/nsswitch.conf")
	if !ok {
		return
	}
	lines(data, func(line string) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "passwd:" {
			return
		}
		for _, src := range f[1:] {
			switch src {
			case "files", "compat", "systemd", "altfiles", "db":
			default:
				if !strings.HasPrefix(src, "[") {
					b.otherNSS = true
					b.gap("accounts", "/etc/nsswitch.conf", "accounts of "+src+" are not in /etc/passwd")
					b.gap("access", "/etc/nsswitch.conf", "accounts of "+src+" are not in /etc/passwd")
				}
			}
		}
	})
}

func (b *builder) addAccount(a *account.Account, shadowKnown bool) {
	out := Account{
		Name: a.Name, UID: a.UID, GID: a.GID, Groups: a.Groups, Home: a.Home, Shell: a.Shell,
		Password: a.State.String(), Algorithm: a.Algorithm, LoginShell: account.LoginShell(a.Shell),
		Evidence: []Evidence{{Path: "/etc/passwd", Line: a.Line, Text: fmt.Sprintf("%s:x:%d:%d:...:%s:%s", a.Name, a.UID, a.GID, a.Home, a.Shell)}},
	}
	if !shadowKnown && a.State != account.Empty {
		out.Password = "unknown"
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

// authorizedKeys reads the files that sshd reads for each account: patterns are
// the words of AuthorizedKeysFile.
func (b *builder) authorizedKeys(patterns map[string][]string) {
	for i := range b.list {
		a := &b.list[i]
		for _, pattern := range patterns[a.Name] {
			p := expandKeyFile(pattern, a)
			if p == "" {
				continue
			}
			b.keyFiles = append(b.keyFiles, keyFile{path: p, user: a.Name, home: a.Home})
			b.gaps("authorized_keys", p)
			data, ok := b.fs.read(p)
			if !ok {
				if f := b.fs.resolve(p); f != nil && f.Type == 'f' && b.why(p) == "" {
					b.gap("authorized_keys", p, "its content was not read")
				}
				continue
			}
			b.keys[a.Name] = append(b.keys[a.Name], parsedKeys{path: p, keys: account.ParseKeys(data)})
			for _, k := range account.ParseKeys(data) {
				if k.Bad != "" {
					continue
				}
				b.addKey(a, p, k)
			}
		}
	}
}

type parsedKeys struct {
	path string
	keys []account.Key
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

// weakKey judges by what the line shows.
func weakKey(k account.Key) string {
	switch {
	case k.Type == "ssh-dss":
		return "DSA: 1024 bits and SHA-1"
	case k.Type == "ssh-rsa" && k.Bits > 0 && k.Bits < 2048:
		return fmt.Sprintf("RSA of %d bits", k.Bits)
	}
	return ""
}

// expandKeyFile expands the tokens of AuthorizedKeysFile (sshd_config(5), TOKENS).
func expandKeyFile(pattern string, a *account.Account) string {
	if pattern == "none" || pattern == "" {
		return ""
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
			return ""
		}
	}
	p := out.String()
	if !strings.HasPrefix(p, "/") {
		if a.Home == "" {
			return ""
		}
		p = a.Home + "/" + p
	}
	return path.Clean(p)
}

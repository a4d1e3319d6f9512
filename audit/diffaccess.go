package audit

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

func nanoseconds(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// keys compares whose keys open accounts.
func (d *differ) keys() {
	uids := map[string]int64{}
	for i := range d.new.Facts.Accounts {
		uids[d.new.Facts.Accounts[i].Name] = d.new.Facts.Accounts[i].UID
	}
	each(d.old.Facts.AuthorizedKeys, d.new.Facts.AuthorizedKeys, func(k *facts.AuthorizedKey) string {
		return k.User + "\x00" + k.Path + "\x00" + k.Type + "\x00" + k.Fingerprint
	}, func(old, new *facts.AuthorizedKey) {
		k := new
		if k == nil {
			k = old
		}
		name := fmt.Sprintf("the key %s %s", k.Type, k.Fingerprint)
		if k.Comment != "" {
			name += " (" + cron.Quote(short(k.Comment)) + ")"
		}
		c := Change{Kind: "key", Subject: k.User}
		switch {
		case new == nil:
			if d.doubted(d.new, "authorized_keys", k.Path, name+" of "+k.User+", which is not seen any more") {
				return
			}
			c.What, c.Severity, c.Old = "removed", policies.Low, evidence(old.Evidence)
			c.Message = name + " does not stand in " + cron.Quote(k.Path) + " any more, for " + k.User
		case old == nil:
			if d.doubted(d.old, "authorized_keys", k.Path, name+" of "+k.User+", which was not seen before") {
				return
			}
			c.What, c.Severity, c.New = "added", policies.Medium, evidence(new.Evidence)
			if uid, ok := uids[k.User]; ok && uid == 0 || k.User == "root" {
				c.Severity = policies.High
			}
			c.Message = name + " is new for " + k.User + ", in " + cron.Quote(k.Path)
		case !slices.Equal(old.Options, new.Options):
			c.What, c.Severity, c.Old, c.New = "altered", policies.Medium, evidence(old.Evidence), evidence(new.Evidence)
			c.Message = fmt.Sprintf("%s of %s has other options: %s, and before %s", name, k.User, list(new.Options), list(old.Options))
		default:
			return
		}
		d.add(c)
	})
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return cron.Quote(short(strings.Join(words, ",")))
}

// accounts compares who there is.
func (d *differ) accounts() {
	each(d.old.Facts.Accounts, d.new.Facts.Accounts, func(a *facts.Account) string { return a.Name }, func(old, new *facts.Account) {
		switch {
		case new == nil:
			if !d.doubted(d.new, "accounts", "/etc/passwd", "the account "+old.Name+", which is not seen any more") {
				d.add(Change{Kind: "account", What: "removed", Severity: policies.Low, Subject: old.Name, Old: evidence(old.Evidence), Message: "the account " + old.Name + " is gone"})
			}
		case old == nil:
			if d.doubted(d.old, "accounts", "/etc/passwd", "the account "+new.Name+", which was not seen before") {
				return
			}
			c := Change{Kind: "account", What: "added", Severity: policies.Low, Subject: new.Name, New: evidence(new.Evidence),
				Message: fmt.Sprintf("the account %s is new: uid %d, shell %s, password %s", new.Name, new.UID, cron.Quote(new.Shell), new.Password)}
			switch {
			case new.UID == 0:
				c.Severity = policies.High
			case new.LoginShell:
				c.Severity = policies.Medium
			}
			d.add(c)
		default:
			d.account(old, new)
		}
	})
}

func (d *differ) account(old, new *facts.Account) {
	var parts []string
	severity := policies.Low
	note := func(s policies.Severity, format string, args ...any) {
		if rank(s) > rank(severity) {
			severity = s
		}
		parts = append(parts, fmt.Sprintf(format, args...))
	}
	if old.UID != new.UID {
		s := policies.Medium
		if new.UID == 0 {
			s = policies.High
		}
		note(s, "uid %d, and before %d", new.UID, old.UID)
	}
	if old.GID != new.GID {
		note(policies.Low, "gid %d, and before %d", new.GID, old.GID)
	}
	if old.Home != new.Home {
		note(policies.Medium, "home %s, and before %s", cron.Quote(new.Home), cron.Quote(old.Home))
	}
	if old.Shell != new.Shell {
		s := policies.Low
		if new.LoginShell && !old.LoginShell {
			s = policies.Medium
		}
		note(s, "shell %s, and before %s", cron.Quote(new.Shell), cron.Quote(old.Shell))
	}
	switch {
	case old.Password == new.Password:
	case old.Password == "unknown" || new.Password == "unknown":
		d.notCompared("the password state of " + new.Name + " is not known of both readings")
	default:
		s := policies.Low
		if new.Password == "hash" || new.Password == "empty" {
			s = policies.Medium
		}
		note(s, "password %s, and before %s", new.Password, old.Password)
	}
	for _, g := range new.Groups {
		if !slices.Contains(old.Groups, g) && !d.doubted(d.old, "accounts", "/etc/group", "the groups of "+new.Name) {
			s := policies.Low
			switch g {
			case "root", "sudo", "wheel", "admin", "docker", "lxd", "adm", "shadow", "disk":
				s = policies.Medium
			}
			note(s, "in group %s", g)
		}
	}
	for _, g := range old.Groups {
		if !slices.Contains(new.Groups, g) && !d.doubted(d.new, "accounts", "/etc/group", "the groups of "+new.Name) {
			note(policies.Low, "not in group %s any more", g)
		}
	}
	if old.Expired != new.Expired {
		word := "has expired"
		if !new.Expired {
			word = "has not expired any more"
		}
		note(policies.Low, "%s", word)
	}
	if len(parts) > 0 {
		d.add(Change{Kind: "account", What: "altered", Severity: severity, Subject: new.Name, Old: evidence(old.Evidence), New: evidence(new.Evidence),
			Message: "the account " + new.Name + ": " + strings.Join(parts, "; ")})
	}
}

// doors are the settings that open one when they become true.
var doors = []string{"password_login", "root_login", "root_password_login", "empty_passwords", "password_authentication", "kbd_interactive_authentication",
	"permit_empty_passwords", "hostbased_authentication", "permit_user_environment"}

// sshd compares what holds at the server, value by value.
func (d *differ) sshd() {
	if d.unknown("sshd") {
		return
	}
	a, b := reflect.ValueOf(&d.old.Facts.Sshd).Elem(), reflect.ValueOf(&d.new.Facts.Sshd).Elem()
	for i := range a.NumField() {
		name := a.Type().Field(i).Tag.Get("cel")
		fact := "sshd." + name
		if name == "" || name == "stale" {
			continue // stale is about the moment
		}
		x, y := a.Field(i).Interface(), b.Field(i).Interface()
		if d.unknown(fact) || reflect.DeepEqual(x, y) || a.Field(i).Kind() == reflect.Slice && a.Field(i).Len() == 0 && b.Field(i).Len() == 0 {
			continue
		}
		c := Change{Kind: "sshd", What: "altered", Severity: policies.Low, Subject: name,
			Message: fmt.Sprintf("%s is %s, and was %s", fact, value(y), value(x)),
			Old:     evidence(d.old.Facts.Origin[fact]), New: evidence(d.new.Facts.Origin[fact])}
		switch {
		case slices.Contains(doors, name) && y == any(true), name == "permit_root_login" && y == any("yes"):
			c.Severity = policies.High
		case name == "refused" || name == "config" || name == "present":
			c.Severity = policies.Medium
		case name == "version":
			c.Severity = policies.Info
		}
		d.add(c)
	}
}

func value(v any) string {
	switch x := v.(type) {
	case string:
		return cron.Quote(short(x))
	case []string:
		return cron.Quote(short(strings.Join(x, ",")))
	}
	return fmt.Sprint(v)
}

// listeners compares where SSH servers listen.
func (d *differ) listeners() {
	type listener struct {
		at string
		d  *facts.Daemon
	}
	of := func(f *facts.Facts) (out []listener) {
		for i := range f.Daemons {
			for _, l := range f.Daemons[i].Listens {
				out = append(out, listener{l, &f.Daemons[i]})
			}
		}
		return out
	}
	each(of(d.old.Facts), of(d.new.Facts), func(l *listener) string { return l.at + "\x00" + l.d.Exe }, func(old, new *listener) {
		switch {
		case new == nil:
			if !d.doubted(d.new, "daemons", "", "the listener "+old.at) {
				d.add(Change{Kind: "listener", What: "removed", Severity: policies.Low, Subject: old.at, Old: evidence(old.d.Evidence),
					Message: fmt.Sprintf("%s (%s) does not listen on %s any more", old.d.Kind, cron.Quote(old.d.Exe), old.at)})
			}
		case old == nil:
			if !d.doubted(d.old, "daemons", "", "the listener "+new.at) {
				d.add(Change{Kind: "listener", What: "added", Severity: policies.Medium, Subject: new.at, New: evidence(new.d.Evidence),
					Message: fmt.Sprintf("%s (%s) listens on %s, which is new", new.d.Kind, cron.Quote(new.d.Exe), new.at)})
			}
		}
	})
}

// hostKeys compares the keys that the server showed.
func (d *differ) hostKeys() {
	if !d.old.Facts.Wire.Seen || !d.new.Facts.Wire.Seen {
		return
	}
	each(d.old.Facts.Wire.HostKeys, d.new.Facts.Wire.HostKeys, func(k *facts.HostKey) string { return k.Type }, func(old, new *facts.HostKey) {
		if old == nil || new == nil || old.Fingerprint == new.Fingerprint || old.Fingerprint == "" || new.Fingerprint == "" {
			return // a server need not show each of its keys at each login
		}
		d.add(Change{Kind: "host-key", What: "altered", Severity: policies.High, Subject: new.Type, Old: evidence(old.Evidence), New: evidence(new.Evidence),
			Message: fmt.Sprintf("the %s host key is %s, and was %s", new.Type, new.Fingerprint, old.Fingerprint)})
	})
}

// packages compares those that matter here.
func (d *differ) packages() {
	each(d.old.Facts.Packages, d.new.Facts.Packages, func(p *facts.Package) string { return p.Manager + "\x00" + p.Name }, func(old, new *facts.Package) {
		c := Change{Kind: "package", Severity: policies.Info}
		switch {
		case new == nil:
			if d.doubted(d.new, "packages", "", "the package "+old.Name) {
				return
			}
			c.What, c.Subject, c.Message = "removed", old.Name, "the package "+old.Name+" is gone"
		case old == nil:
			if d.doubted(d.old, "packages", "", "the package "+new.Name) {
				return
			}
			c.What, c.Subject, c.Message = "added", new.Name, "the package "+new.Name+" "+new.Version+" is new"
		case old.Version != new.Version:
			c.What, c.Subject, c.Message = "altered", new.Name, fmt.Sprintf("the package %s is %s, and was %s", new.Name, new.Version, old.Version)
		default:
			return
		}
		d.add(c)
	})
}

package triage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/cron"
	"github.com/postern-ssh/postern/audit/facts"
)

// accounts names accounts that an intruder makes or wakes.
func (l *looker) accounts() {
	before := map[string]bool{}
	old := l.deep.Lookup("/etc/passwd-")
	if old != nil && old.HasContent() {
		list, _ := account.ParsePasswd(old.Content)
		for i := range list {
			before[list[i].Name] = true
		}
	}
	members := l.membersBefore()
	logged := l.accountLines()
	keys := map[string]int{}
	for i := range l.f.AuthorizedKeys {
		keys[l.f.AuthorizedKeys[i].User]++
	}
	for i := range l.f.Accounts {
		a := &l.f.Accounts[i]
		severity := "none"
		var why []string
		say := func(s, text string) {
			severity = heavier(severity, s)
			why = append(why, text)
		}
		if a.UID == 0 && a.Name != "root" {
			say("critical", "its uid is 0: it is root by another name")
		}
		opens := a.Password == "hash" || a.Password == "empty" || keys[a.Name] > 0
		if static(a.UID) && a.LoginShell && opens {
			how := "a password"
			if keys[a.Name] > 0 {
				how = fmt.Sprintf("%d keys", keys[a.Name])
			}
			say("high", fmt.Sprintf("an account of the system (uid %d) that nobody logs in to has the shell %s and %s", a.UID, a.Shell, how))
		}
		if strings.HasSuffix(a.Name, "$") || strings.HasPrefix(a.Name, ".") || strings.ContainsFunc(a.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			say("high", "its name is made to be overlooked")
		}
		if temporary(a.Shell) || hiddenPlace(a.Shell) || lies(a.Shell) != "" {
			say("high", "its shell lies where no shell does: "+cron.Quote(a.Shell))
		}
		if w := lies(a.Home); w != "" {
			say("high", "its home: "+w)
		}
		if old != nil && len(before) > 0 && !before[a.Name] {
			say("low", "it was added by the last change of /etc/passwd: the copy from before, /etc/passwd-, does not have it")
		}
		for _, g := range a.Groups {
			if !power[g] || a.UID == 0 {
				continue
			}
			if static(a.UID) && a.Name != g {
				say("high", fmt.Sprintf("an account of the system (uid %d) is in the group %s, which leads to root", a.UID, g))
			} else if members != nil && before[a.Name] && !members[g+":"+a.Name] {
				say("low", fmt.Sprintf("it came into the group %s by the last change of /etc/group, and that leads to root", g))
			}
		}
		if at := logged[a.Name]; at != "" {
			say("low", "the log tells that it was made: "+at)
		}
		if levels[severity] < levels["low"] {
			continue
		}
		since := ""
		if len(before) > 0 && !before[a.Name] {
			since = l.since("/etc/passwd")
		}
		if at := logged[a.Name]; at != "" {
			since, _, _ = strings.Cut(at, " ")
		}
		if a.Name == "root" {
			continue
		}
		l.add(Thing{Kind: KindAccount, Severity: severity, Title: fmt.Sprintf("account %s (uid %d, home %s, shell %s)", cron.Quote(a.Name), a.UID, cron.Quote(a.Home), cron.Quote(a.Shell)),
			Why: why, Attack: []string{"T1136.001"}, Since: since, Evidence: append(slices.Clone(a.Evidence), l.stat("/etc/passwd", "")), Files: []string{"/etc/passwd"},
			Returns: "it stays: whoever knows its password or key logs in again", Actions: []Action{{Do: DoAccount, Target: a.Name, User: a.Name}}}, a.Name, fmt.Sprint(a.UID))
	}
}

// power are groups whose members become root, by sudo or by what they may read, write
// or start.
var power = map[string]bool{"sudo": true, "wheel": true, "admin": true, "root": true, "docker": true, "lxd": true, "incus-admin": true, "disk": true, "shadow": true, "kmem": true, "libvirt": true}

// membersBefore are GROUP:ACCOUNT of the copy from before the last change of
// /etc/group; nil: there is none.
func (l *looker) membersBefore() map[string]bool {
	f := l.deep.Lookup("/etc/group-")
	if f == nil || !f.HasContent() {
		return nil
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(clipBytes(f.Content, 1<<20))) {
		if w := strings.Split(strings.TrimSpace(line), ":"); len(w) == 4 {
			for m := range strings.SplitSeq(w[3], ",") {
				out[w[0]+":"+m] = true
			}
		}
	}
	return out
}

var newUser = regexp.MustCompile(`new user: name=([^,]+), UID=`)

// accountLines gives when the log says that an account was made: TIME TEXT.
func (l *looker) accountLines() map[string]string {
	out := map[string]string{}
	for _, e := range l.accountEvents() {
		if m := newUser.FindStringSubmatch(e.What); m != nil {
			out[m[1]] = e.Time + " " + e.What
		}
	}
	return out
}

// static reports uids that distributions give out for good, and whose accounts
// nobody logs in to (Debian policy, 9.2.2; RHEL's setup package).
func static(uid int64) bool { return uid > 0 && uid < 100 || uid == 65534 }

// lately is how long a change of a key file is called late.
const lately = 90 * 24

// keys names keys that may be an intruder's.
func (l *looker) keys() {
	inBurst := map[string]bool{}
	for i := range l.f.Bursts {
		for _, p := range l.f.Bursts[i].Paths {
			inBurst[p] = true
		}
	}
	for i := range l.f.AuthorizedKeys {
		k := &l.f.AuthorizedKeys[i]
		severity := "info"
		var why, attack []string
		say := func(s, text string) {
			severity = heavier(severity, s)
			why = append(why, text)
		}
		for _, o := range k.Options {
			name, value, _ := strings.Cut(o, "=")
			value = strings.Trim(value, `"`)
			switch strings.ToLower(name) {
			case "command":
				say("low", "whoever has it runs "+cron.Quote(clip(value, 200))+" at login")
				if s, message := l.line(value, k.User); levels[s] >= levels["medium"] {
					say(s, "that command is odd: "+message)
				}
				if w, s := deceptive(first(strings.Fields(value))); levels[s] >= levels["medium"] {
					say(s, w)
				}
			case "environment":
				if strings.HasPrefix(value, "LD_") {
					say("high", "it sets "+cron.Quote(value))
				} else {
					say("low", "it sets "+cron.Quote(value))
				}
			}
		}
		f := l.file(k.Path)
		since := l.since(k.Path)
		if f != nil && !f.CTime.IsZero() && l.now.Sub(f.CTime).Hours() < lately && l.now.After(f.CTime) {
			say("low", "its file was changed lately, "+since)
		}
		if inBurst[k.Path] {
			say("medium", "its file changed within minutes of others that have nothing to do with it")
		}
		if a := l.accountNamed(k.User); a != nil && static(a.UID) {
			say("medium", "it opens an account of the system, which nobody logs in to")
		}
		if k.Weak != "" {
			say("low", "it is weak: "+k.Weak)
		}
		if hidden := strings.ReplaceAll(k.Path, "/.ssh/", "/"); !strings.HasPrefix(k.Path, "/home/") && !strings.HasPrefix(k.Path, "/root/") && strings.Contains(hidden, "/.") || temporary(k.Path) {
			say("medium", "its file lies where none looks for keys: "+cron.Quote(k.Path))
		}
		attack = append(attack, "T1098.004")
		l.add(Thing{Kind: KindKey, Whose: k.User, Severity: severity, Title: fmt.Sprintf("key %s opens %s (%s%s)", k.Fingerprint, cron.Quote(k.User), k.Type, comment(k.Comment)), Why: why, Attack: attack, Since: since,
			Returns: "it stays: whoever has it logs in again", Evidence: append(slices.Clone(k.Evidence), l.stat(k.Path, "")), Files: []string{k.Path},
			Actions: []Action{{Do: DoKey, Target: k.Fingerprint, User: k.User, Fingerprint: k.Fingerprint}}}, k.User, k.Path, k.Fingerprint)
	}
	for i := range l.f.PrivateKeys {
		p := &l.f.PrivateKeys[i]
		if p.Encrypted == "yes" {
			continue
		}
		what := "a private key without a passphrase"
		if p.Encrypted == "unknown" {
			what = "a private key, and whether a passphrase guards it is not known"
		}
		var opens []string
		for k := range l.f.AuthorizedKeys {
			if a := &l.f.AuthorizedKeys[k]; p.Fingerprint != "" && a.Fingerprint == p.Fingerprint {
				opens = append(opens, a.User+" on this very host")
			}
		}
		why := []string{"whoever read this host has it: what it opens elsewhere is open (postern access over the fleet names it)"}
		if len(opens) > 0 {
			why = append(why, "it opens "+strings.Join(slices.Compact(opens), ", "))
		}
		l.add(Thing{Kind: KindPrivateKey, Severity: "low", Title: what + ": " + cron.Quote(p.Path) + fingerprint(p.Fingerprint), Why: why, Attack: []string{"T1552.004"},
			Evidence: p.Evidence, Files: []string{p.Path}, Actions: privateActions(p.Fingerprint)}, p.Path, p.Fingerprint)
	}
}

func privateActions(fp string) []Action {
	if fp == "" {
		return nil
	}
	return []Action{{Do: DoKey, Target: fp, Fingerprint: fp}}
}

func fingerprint(fp string) string {
	if fp == "" {
		return ""
	}
	return " (" + fp + ")"
}

func comment(c string) string {
	if c == "" {
		return ""
	}
	return ", " + cron.Quote(clip(c, 80))
}

func (l *looker) accountNamed(name string) *facts.Account {
	for i := range l.f.Accounts {
		if l.f.Accounts[i].Name == name {
			return &l.f.Accounts[i]
		}
	}
	return nil
}

package facts

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/access"
	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
)

// access answers who can log in.
func (b *builder) access(cfg *sshd.Config) {
	users := make([]sshd.User, len(b.list))
	for i := range b.list {
		users[i] = user(&b.list[i])
	}
	places, _ := cfg.Places()
	m := cfg.Matrix(users, places)
	index := 0
	b.authorizedKeys(func(string) []string { // asked in the order of the accounts
		var words []string
		last := (*sshd.Settings)(nil)
		for p := range places {
			s := m.Settings(index, p)
			if s == last {
				continue
			}
			last = s
			b.keysElsewhere(s)
			b.principalsFile(s, &b.list[index])
			for _, w := range s.Get("AuthorizedKeysFile").Args {
				if !slices.Contains(words, w) {
					words = append(words, w)
				}
			}
		}
		index++
		return words
	})

	in := b.loginInput(cfg)
	answers, capped := access.Judge(in)
	for i := range answers {
		b.f.Access = append(b.f.Access, b.accessFact(&answers[i]))
	}
	if capped {
		b.gap("access", b.f.Sshd.Config, "the configuration tells more places apart than postern looks at")
	}
	if !b.passwdWhole {
		b.gap("access", "/etc/passwd", "the accounts are not all known")
	}
	b.sum, b.capped = access.Summarise(answers), capped
	b.asks = b.groupsWhy != "" && b.asksGroups(cfg)
	b.whoGetsIn()
}

// doubtAll answers the questions again where another witness than the files has
// something to say about them.
func (b *builder) doubtAll() {
	if len(b.f.Disagreements) == 0 && !b.f.Sshd.Stale {
		return
	}
	b.sshdMoved = true
	for _, fact := range []string{"password_login", "root_login", "root_password_login", "empty_passwords"} {
		delete(b.f.Unknown, "sshd."+fact)
	}
	b.whoGetsIn()
}

// whoGetsIn answers the questions that stand on the access of all accounts.
func (b *builder) whoGetsIn() {
	if doubt := b.doubtAccess("sshd.root_login"); doubt != "" {
		b.gap("access", b.f.Sshd.Config, doubt)
	}
	sum := &b.sum
	for _, q := range []struct {
		fact  string
		found access.Finding
		set   *bool
	}{
		{"sshd.password_login", sum.PasswordLogin, &b.f.Sshd.PasswordLogin},
		{"sshd.root_login", sum.RootLogin, &b.f.Sshd.RootLogin},
		{"sshd.root_password_login", sum.RootPasswordLogin, &b.f.Sshd.RootPasswordLogin},
		{"sshd.empty_passwords", sum.EmptyPasswords, &b.f.Sshd.EmptyPasswords},
	} {
		b.f.Origin[q.fact] = accessEvidence(q.found.Evidence)
		doubt := b.doubtAccess(q.fact)
		*q.set = q.found.Verdict == access.Yes
		switch {
		case q.found.Verdict == access.Yes:
		case q.found.Verdict != access.No:
			b.unknown(q.fact, q.found.Why)
		case doubt != "":
			b.unknown(q.fact, doubt)
		case b.noPasswords(q.fact):
			// Whoever the accounts are: no login takes a password.
		case !b.passwdWhole, b.capped, b.otherNSS && !rootOnly(q.fact):
			// None of the accounts that were seen; there may be others.
			b.unknown(q.fact, b.f.Gaps["access"][0].Reason)
		}
	}
	b.staleAccess()
}

// principalsFile notes the AuthorizedPrincipalsFile of an account, which the
// collector looked for where a file of sshd's names it.
func (b *builder) principalsFile(s *sshd.Settings, a *account.Account) {
	v := s.Get("AuthorizedPrincipalsFile")
	if v.Origin.Kind != sshd.FromFile || b.snap.Output(snapshot.OutPrivateKeys) == nil {
		return // older collectors brought none but those of all accounts
	}
	if p, ok := expandKeyFile(v.First(), a); ok && p != "" {
		b.named = append(b.named, p)
	}
}

// keysElsewhere names keys that open accounts and stand in no file that was read.
func (b *builder) keysElsewhere(s *sshd.Settings) {
	if v := s.Get("AuthorizedKeysFile"); v.Unknown != "" {
		b.mayLack(b.f.Sshd.Config, "AuthorizedKeysFile may be set in what could not be read: "+v.Unknown, "authorized_keys", "files")
	}
	if v := s.Get("AuthorizedKeysFile"); v.Origin.Kind == sshd.FromCommandLine {
		// The collector goes by the files.
		b.lacks.late = "AuthorizedKeysFile stands on the daemon's command line"
		b.mayLack("", b.lacks.late, "authorized_keys", "files")
	}
	v := s.Get("AuthorizedKeysCommand")
	switch {
	case v.Unknown != "":
		b.gap("authorized_keys", b.f.Sshd.Config, "AuthorizedKeysCommand may be set in what could not be read: "+v.Unknown)
	case v.First() != "" && !strings.EqualFold(v.First(), "none"):
		b.gap("authorized_keys", v.First(), "what AuthorizedKeysCommand prints is not known")
	}
}

// Keywords that decide who gets in: by any method, or by a key only.
var (
	decidingAll = words("passwordauthentication kbdinteractiveauthentication challengeresponseauthentication permitrootlogin usepam " +
		"authenticationmethods allowusers denyusers allowgroups denygroups permitemptypasswords hostbasedauthentication " +
		"gssapiauthentication kerberosauthentication refuseconnection pamservicename")
	decidingKeys = words("pubkeyauthentication authorizedkeysfile authorizedkeyscommand trustedusercakeys authorizedprincipalsfile " +
		"authorizedprincipalscommand strictmodes revokedkeys requiredrsasize pubkeyacceptedalgorithms pubkeyacceptedkeytypes")
)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// doubtAccess says why the files, though read, may not be what decides the
// question of a fact: another witness shows more open what they close, or they
// ask about groups whose members are not all known.
func (b *builder) doubtAccess(fact string) string {
	for i := range b.f.Disagreements {
		d := &b.f.Disagreements[i]
		k := strings.ToLower(d.Setting)
		switch {
		case !decidingAll[k] && !(fact == "sshd.root_login" && decidingKeys[k]):
		case d.Wire != "":
			return d.Setting + " is " + d.File + " in the files, but on the wire " + d.Wire
		case opens(k, strings.Fields(d.File), strings.Fields(d.Effective)):
			return d.Setting + " is " + d.File + " in the files, but " + d.Effective + " for sshd -T"
		}
	}
	if b.asks {
		return "sshd asks for groups, and their members are not all known: " + b.groupsWhy
	}
	return ""
}

// opens reports whether what sshd -T says of a keyword may let in whom the files
// keep out.
func opens(keyword string, file, effective []string) bool {
	switch keyword {
	case "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes":
		for _, w := range effective {
			if !slices.Contains(file, w) {
				return true
			}
		}
		return false
	case "passwordauthentication", "kbdinteractiveauthentication", "challengeresponseauthentication", "pubkeyauthentication",
		"hostbasedauthentication", "gssapiauthentication", "kerberosauthentication", "permitemptypasswords":
		return first(effective) != "no"
	}
	for _, st := range scalars {
		if keyword != "usepam" && strings.EqualFold(st.keyword, keyword) {
			return st.weight(effective) > st.weight(file)
		}
	}
	return true
}

// asksGroups reports whether a line of the configuration speaks of groups.
func (b *builder) asksGroups(cfg *sshd.Config) bool {
	for _, f := range cfg.Files {
		data, _ := b.fs.read(f.Name)
		found := false
		lines(data, func(line string) {
			line = strings.TrimSpace(line)
			found = found || !strings.HasPrefix(line, "#") && strings.Contains(strings.ToLower(line), "group")
		})
		if found {
			return true
		}
	}
	return false
}

// noPasswords reports whether a fact is about passwords, and no login at all may
// use one: it holds for accounts that were not seen too.
func (b *builder) noPasswords(fact string) bool {
	if d := b.in.dropbear; d != nil {
		s, lost := d.parse()
		return lost == "" && s.NoPassword && fact != "sshd.root_login"
	}
	if fact == "sshd.root_login" || b.capped || b.cfg == nil {
		return false
	}
	off := func(s *sshd.Settings) bool {
		for _, keyword := range []string{"PasswordAuthentication", "KbdInteractiveAuthentication", "ChallengeResponseAuthentication"} {
			// Up to 8.6 the last one turns the second one on (sshd.c).
			if v := s.Get(keyword); s.Known(keyword) && (v.Unknown != "" || v.First() != "no") {
				return false
			}
		}
		return s.Known("PasswordAuthentication")
	}
	if !off(b.cfg.Globals()) {
		return false
	}
	for _, c := range b.contexts(b.cfg) {
		if !off(b.cfg.Eval(c)) {
			return false
		}
	}
	return true
}

// rootOnly reports whether a fact is about uid 0 alone, which is local on every
// host that is set up by rule.
func rootOnly(fact string) bool { return strings.HasPrefix(fact, "sshd.root_") }

// staleAccess: what the files say does not hold where the daemon has not read
// them. A door that was seen open on the wire stays seen.
func (b *builder) staleAccess() {
	if !b.f.Sshd.Stale {
		return
	}
	for _, fact := range []string{"password_login", "root_login", "root_password_login", "empty_passwords"} {
		b.unknown("sshd."+fact, "the files changed after the daemon read them: what runs is not what they say")
	}
}

func (b *builder) accessFact(a *access.Answer) Access {
	f := Access{
		User: a.User, UID: a.UID, From: a.From,
		Password: access.Word(a.Password), PublicKey: access.Word(a.PublicKey),
		Empty: access.Word(a.Empty), Other: access.Word(a.Other),
		Chain: a.Chain, Why: a.Why, Evidence: accessEvidence(a.Evidence),
	}
	for i := range a.Ways {
		w := &a.Ways[i]
		f.Ways = append(f.Ways, AccessWay{
			Methods: w.Name(), Certain: w.Verdict == access.Yes, Factors: int64(w.Factors), Allowed: b.allowed(a, w),
		})
	}
	return f
}

// allowed names the allow: entries of the inventory inside which a way lies as a
// whole: of that user, by no other method, from no other address.
func (b *builder) allowed(a *access.Answer, w *access.Way) []string {
	var out []string
	for i := range b.opt.Allow {
		e := &b.opt.Allow[i]
		if e.User != a.User || len(a.Places) == 0 || len(w.Methods) == 0 {
			continue
		}
		inside := true
		for _, m := range w.Methods {
			base, _, _ := strings.Cut(m, ":")
			inside = inside && base == e.Method
		}
		list := strings.Join(e.Addresses, ",")
		for _, p := range a.Places {
			inside = inside && list != "" && sshd.MatchPlace(list, p)
		}
		if inside {
			out = append(out, e.Written)
		}
	}
	return out
}

// accessEvidence keeps the judgement's evidence, but shows sshd's own lines
// before PAM's: an edit would go there. Each witness stays in front of its lines.
func accessEvidence(list []access.Evidence) []Evidence {
	var out []Evidence
	for start := 0; start < len(list); {
		end := start + 1
		for end < len(list) && list[end].Witness == "" {
			end++
		}
		group := slices.Clone(list[start:end])
		slices.SortStableFunc(group, func(a, b access.Evidence) int { return depth(a) - depth(b) })
		for i, e := range group {
			witness := ""
			if i == 0 {
				witness = list[start].Witness
			}
			out = append(out, Evidence{Path: e.Path, Line: e.Line, Text: strings.TrimSpace(e.Text), Witness: witness})
		}
		start = end
	}
	return out
}

// depth ranks evidence: a line of the configuration, a default, an account, PAM.
func depth(e access.Evidence) int {
	switch {
	case strings.Contains(e.Path, "/pam.d/"):
		return 3
	case strings.Contains(e.Path, "ssh") && e.Line > 0:
		return 0
	case strings.Contains(e.Path, "ssh"):
		return 1
	}
	return 2
}

// openAccess says whether pam_access has no rule to apply.
func (b *builder) openAccess() account.Verdict {
	data, _, lacks := b.content("/etc/security/access.conf")
	v := access.Yes
	if lacks != "" {
		v = access.Unsure
	}
	v = min(v, account.OpenAccess(data))
	if b.why("/etc/security/access.d") != "" {
		v = min(v, access.Unsure)
	}
	for _, f := range b.fs.entries("/etc/security/access.d") {
		if !strings.HasSuffix(f.Path, ".conf") {
			continue
		}
		data, ok, lacks := b.content(f.Path)
		if !ok || lacks != "" {
			v = min(v, access.Unsure)
		}
		v = min(v, account.OpenAccess(data))
	}
	return v
}

// sssd says whether sssd(8) is configured: by its main file, or one in conf.d.
func (b *builder) sssd() account.Verdict {
	const dir = "/etc/sssd"
	for _, f := range b.fs.entries(dir + "/conf.d") {
		if strings.HasSuffix(f.Path, ".conf") {
			return access.Yes
		}
	}
	switch main := b.stat(dir + "/sssd.conf"); {
	case main.Exists:
		return access.Yes
	case main.Known && b.why(dir) == "":
		return access.No
	}
	return access.Unsure
}

// stat looks at a path for the judgement of who can log in.
func (b *builder) stat(p string) access.Stat {
	f := b.fs.resolve(p)
	switch {
	case f == nil:
		return access.Stat{Known: b.why(p) == "" && (b.absent(p) || b.lookedFor(p))}
	case f.Type == 'l' || f.UID < 0:
		return access.Stat{}
	}
	return access.Stat{Known: true, Exists: true, Type: f.Type, Mode: f.Mode, UID: f.UID, GID: f.GID, Real: f.Path}
}

// lookedFor reports whether the collector asks every host for a path, so that it
// is not there when it was not brought.
func (b *builder) lookedFor(p string) bool {
	switch p {
	case "/etc/nologin", "/run/nologin", "/var/run/nologin", "/etc/shosts.equiv", "/etc/hosts.equiv", "/etc/pam.conf",
		"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config", "/etc/security/access.conf":
		return b.fs.lookup("/etc") != nil
	case "/etc/shells", "/etc/security/sepermit.conf", "/etc/security/time.conf", "/etc/sssd", "/etc/sssd/sssd.conf", "/etc/sssd/conf.d":
		// Older collectors, that did not bring private keys, did not ask for these.
		return b.fs.lookup("/etc") != nil && b.snap.Output(snapshot.OutPrivateKeys) != nil
	}
	if dir, name := path.Split(p); (dir == "/etc/pam.d/" || dir == "/usr/lib/pam.d/") && pamName(name) {
		return b.fs.lookup("/etc") != nil
	}
	if b.lacks.late != "" {
		return false
	}
	if b.looked == nil {
		b.looked = map[string]bool{}
		for _, k := range b.keyFiles {
			for d := k.path; !b.looked[d] && d != "/" && d != "."; d = path.Dir(d) {
				b.looked[d] = true
			}
		}
		shells := b.holdsShells()
		for i := range b.list {
			// A tree may be a backup of /etc, or lack the partition that /home is: a
			// person's home that is not there may be elsewhere.
			if a := &b.list[i]; b.snap.Source != snapshot.SourceRoot || !account.LoginShell(a.Shell) {
				b.looked[a.Home] = true
			} else if b.fs.resolve(a.Home) == nil {
				b.forget(a)
			}
			if shells {
				b.looked[shellOf(&b.list[i])] = true
			}
		}
		for _, p := range b.named {
			b.looked[p] = true
		}
	}
	return b.looked[p]
}

// holdsShells reports whether a shell that is missing is missing on the host: a
// tree without any of the accounts' shells is no whole system.
func (b *builder) holdsShells() bool {
	if b.snap.Source != snapshot.SourceRoot {
		return true
	}
	for i := range b.list {
		if f := b.fs.resolve(shellOf(&b.list[i])); f != nil && f.Type == 'f' {
			return true
		}
	}
	return false
}

// forget takes back that the key files below an account's home were looked for.
func (b *builder) forget(a *account.Account) {
	for _, k := range b.keyFiles {
		if k.user == a.Name && strings.HasPrefix(k.path, a.Home+"/") {
			delete(b.looked, k.path)
			delete(b.looked, path.Dir(k.path))
			b.gap("authorized_keys", a.Home, "the home of "+a.Name+" is not in the tree")
		}
	}
	delete(b.looked, a.Home)
}

// pamName reports whether the collector reads a file of that name in PAM's
// folder on every host (READ in collector.sh).
func pamName(name string) bool {
	switch name {
	case "sshd", "other", "remote", "login", "cron", "crond", "atd":
		return true
	}
	for _, prefix := range []string{"common-", "system-", "password-", "postlogin", "base-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// shellOf is the shell that an account is given (passwd(5): none means /bin/sh).
func shellOf(a *account.Account) string {
	if a.Shell == "" {
		return "/bin/sh"
	}
	return a.Shell
}

// readFile reads for the judgement: fs.ErrNotExist where a file is not there. With
// another error there may be data all the same: its first part.
func (b *builder) readFile(p string) ([]byte, error) {
	data, ok, lacks := b.content(p)
	switch {
	case lacks != "":
		return data, errors.New(lacks)
	case ok:
		return data, nil
	case b.absent(p) || b.lookedFor(p):
		return nil, fs.ErrNotExist
	}
	return nil, errors.New("it was not looked for")
}

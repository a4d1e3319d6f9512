package facts

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/access"
	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

// access answers who can log in, and the four questions that stand on it.
func (b *builder) access(cfg *sshd.Config) {
	patterns := map[string][]string{}
	users := make([]sshd.User, len(b.list))
	for i := range b.list {
		users[i] = sshd.User{Name: b.list[i].Name, Groups: b.list[i].Groups}
	}
	places, _ := cfg.Places()
	m := cfg.Matrix(users, places)
	for i := range b.list {
		seen := map[string]bool{}
		for p := range places {
			for _, w := range m.Settings(i, p).Get("AuthorizedKeysFile").Args {
				if !seen[w] {
					seen[w] = true
					patterns[b.list[i].Name] = append(patterns[b.list[i].Name], w)
				}
			}
		}
	}
	b.authorizedKeys(patterns)

	in := access.Input{
		Config: cfg, Accounts: b.list, Groups: b.groups, Today: b.today(),
		PAM: func(service string) *account.Stack {
			return account.ParsePAM(service, b.readFile)
		},
		Stat: b.stat, Read: b.readFile, OpenAccess: b.openAccess(),
	}
	answers, capped := access.Judge(in)
	for i := range answers {
		b.f.Access = append(b.f.Access, accessFact(&answers[i]))
	}
	if capped {
		b.gap("access", b.f.Sshd.Config, "the configuration tells more places apart than postern looks at")
	}
	if !b.passwdWhole {
		b.gap("access", "/etc/passwd", "the accounts are not all known")
	}
	sum := access.Summarise(answers)
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
		*q.set = q.found.Verdict == access.Yes
		switch {
		case q.found.Verdict == access.Yes:
		case q.found.Verdict != access.No:
			b.unknown(q.fact, q.found.Why)
		case !b.passwdWhole, capped, b.otherNSS && !rootOnly(q.fact):
			// None of the accounts that were seen; there may be others.
			b.unknown(q.fact, b.f.Gaps["access"][0].Reason)
		}
	}
	b.staleAccess()
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

func accessFact(a *access.Answer) Access {
	return Access{
		User: a.User, UID: a.UID, From: a.From,
		Password: access.Word(a.Password), PublicKey: access.Word(a.PublicKey),
		Empty: access.Word(a.Empty), Other: access.Word(a.Other),
		Chain: a.Chain, Why: a.Why, Evidence: accessEvidence(a.Evidence),
	}
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
	data, ok := b.fs.read("/etc/security/access.conf")
	if !ok {
		if b.why("/etc/security/access.conf") != "" {
			return access.Unsure
		}
		return access.Yes
	}
	v := account.OpenAccess(data)
	for _, f := range b.fs.entries("/etc/security/access.d") {
		v = min(v, account.OpenAccess(f.Content))
	}
	return v
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
	case "/etc/nologin", "/run/nologin", "/var/run/nologin", "/etc/shosts.equiv", "/etc/hosts.equiv":
		return true
	}
	switch path.Dir(p) {
	case "/etc/pam.d", "/usr/lib/pam.d", "/etc/ssh":
		return true
	}
	for _, k := range b.keyFiles {
		if p == k.path || strings.HasPrefix(k.path, p+"/") {
			return true
		}
	}
	for i := range b.list {
		if b.list[i].Home == p || shellOf(&b.list[i]) == p {
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

// readFile reads for the judgement: fs.ErrNotExist where a file is not there.
func (b *builder) readFile(p string) ([]byte, error) {
	data, ok := b.fs.read(p)
	if ok {
		return data, nil
	}
	if why := b.why(p); why != "" {
		return nil, errors.New(why)
	}
	if b.fs.resolve(p) != nil {
		return nil, errors.New("its content was not read")
	}
	return nil, fs.ErrNotExist
}

package policies

import (
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit/facts"
)

func TestCarveOuts(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	const here, there = "hosts.yaml:3:5", "hosts.yaml:9:5"
	live := CarveOut{Owner: "ada", Reason: "the scanner knows no keys", Expires: now.AddDate(0, 1, 0), Written: here}
	other := CarveOut{Owner: "bob", Expires: now.AddDate(0, 2, 0), Written: there}
	past := CarveOut{Owner: "ada", Expires: now, Written: here}
	way := func(methods string, certain bool, allowed ...string) facts.AccessWay {
		return facts.AccessWay{Methods: methods, Certain: certain, Factors: 1, Allowed: allowed}
	}
	no := facts.Access{User: "root", From: "anywhere", Password: "no", PublicKey: "no", Empty: "no", Other: "no"}
	scanner := func(ways ...facts.AccessWay) facts.Access {
		return facts.Access{User: "scanner", UID: 1001, From: "from 10.0.0.5", Password: "yes", PublicKey: "no", Empty: "no", Other: "no", Ways: ways}
	}
	unsure := facts.Access{User: "eve", UID: 1002, From: "anywhere", Password: "unknown", PublicKey: "no", Empty: "no", Other: "no", Why: "shadow could not be read"}
	for _, tc := range []struct {
		name    string
		pass    string
		access  []facts.Access
		allow   []CarveOut
		gap     bool
		verdict Verdict
		expired int
		reason  string
	}{
		{"inside", "!sshd.password_login", []facts.Access{no, scanner(way("password", true, here))}, []CarveOut{live}, false, Waived, 0,
			"allowed by ada until 2026-07-01 (hosts.yaml:3:5): the scanner knows no keys"},
		{"a key is another matter", "!sshd.password_login", []facts.Access{scanner(way("publickey", true), way("password", true, here))}, []CarveOut{live}, false, Waived, 0,
			"allowed by ada until 2026-07-01 (hosts.yaml:3:5): the scanner knows no keys"},
		{"outside", "!sshd.password_login", []facts.Access{scanner(way("password", true))}, []CarveOut{live}, false, Fail, 0, ""},
		{"one way inside, one not", "!sshd.password_login", []facts.Access{scanner(way("password", true, here), way("keyboard-interactive", true))}, []CarveOut{live}, false, Fail, 0, ""},
		{"each inside another", "!sshd.password_login", []facts.Access{scanner(way("password", true, here), way("keyboard-interactive", true, there))}, []CarveOut{live, other}, false, Waived, 0,
			"allowed by ada until 2026-07-01 (hosts.yaml:3:5): the scanner knows no keys; allowed by bob until 2026-08-01 (hosts.yaml:9:5)"},
		{"run out", "!sshd.password_login", []facts.Access{scanner(way("password", true, here))}, []CarveOut{past}, false, Fail, 1,
			"the carve-out (allow) of ada ran out on 2026-06-01 (hosts.yaml:3:5)"},
		{"somebody else may get in too", "!sshd.password_login", []facts.Access{scanner(way("password", true, here)), unsure}, []CarveOut{live}, false, Unknown, 0,
			"allowed by ada until 2026-07-01 (hosts.yaml:3:5): the scanner knows no keys, but there may be other ways in; eve anywhere: shadow could not be read"},
		{"not all accounts are known", "!sshd.password_login", []facts.Access{scanner(way("password", true, here))}, []CarveOut{live}, true, Unknown, 0,
			"allowed by ada until 2026-07-01 (hosts.yaml:3:5): the scanner knows no keys, but there may be other ways in; /etc/nsswitch.conf: LDAP"},
		{"the empty password is no password", "!sshd.password_login", []facts.Access{scanner(way("password", true, here), way("none", true))}, []CarveOut{live}, false, Fail, 0, ""},
		{"root's rule looks at uid 0", "!sshd.root_login", []facts.Access{scanner(way("password", true)),
			{User: "root", From: "from 10.0.0.5", Password: "no", PublicKey: "yes", Empty: "no", Other: "no", Ways: []facts.AccessWay{way("publickey", true, here)}}}, []CarveOut{live}, false, Waived, 0,
			"allowed by ada until 2026-07-01 (hosts.yaml:3:5): the scanner knows no keys"},
		{"no carve-out", "!sshd.password_login", []facts.Access{scanner(way("password", true, here))}, nil, false, Fail, 0, ""},
		{"another question", "!sshd.stale", []facts.Access{scanner(way("password", true, here))}, []CarveOut{live}, false, Fail, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := neutral()
			f.Access = tc.access
			f.Sshd.PasswordLogin, f.Sshd.RootLogin, f.Sshd.Stale = true, true, true
			if tc.gap {
				f.Gaps["access"] = []facts.Gap{{Path: "/etc/nsswitch.conf", Reason: "LDAP"}}
			}
			outcomes, expired := load(t, map[string]string{"pass": tc.pass}).Judge(f, JudgeOptions{Now: now, Allow: tc.allow})
			if o := outcomes[0]; o.Verdict != tc.verdict || expired != tc.expired || o.Reason != tc.reason {
				t.Errorf("%s, %d expired, %q", o.Verdict, expired, o.Reason)
			}
		})
	}
}

// The catalogue's rules about logins are the ones that a carve-out answers for.
func TestLoginRulesAreTheCatalogues(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range c.Rules() {
		if _, ok := loginRules[r.Pass]; ok {
			seen[r.Pass] = true
		}
	}
	for pass := range loginRules {
		if !seen[pass] {
			t.Errorf("no rule of the catalogue asks %q", pass)
		}
	}
}

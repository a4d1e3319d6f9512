package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
)

// fleet is two hosts: a key that opens alice on both, on the second only as a
// first step, and an authority.
func fleet() []HostLogins {
	key := facts.LoginKey{Type: "ssh-ed25519", Fingerprint: "SHA256:one", Path: "/home/alice/.ssh/authorized_keys", Line: 1, Opens: "yes"}
	dead := key
	dead.Fingerprint, dead.Line, dead.Opens, dead.Why = "SHA256:two", 2, "no", "the key has expired"
	ca := facts.LoginKey{Type: "ssh-ed25519", Fingerprint: "SHA256:ca", Path: "/etc/ssh/ca", Line: 1, CA: true, Principals: []string{"ops"}, Opens: "yes"}
	way := func(verdict string, methods ...string) facts.LoginWay {
		return facts.LoginWay{Methods: methods, Verdict: verdict, Why: "PAM"}
	}
	login := func(user, from string, keys []facts.LoginKey, ways ...facts.LoginWay) facts.Login {
		return facts.Login{User: user, From: from, Keys: keys, Ways: ways, Places: []facts.LoginPlace{{Address: "10.0.0.1"}}}
	}
	return []HostLogins{
		{Host: "web", Logins: &facts.Logins{Servers: []facts.LoginServer{{Logins: []facts.Login{
			login("alice", "anywhere", []facts.LoginKey{key, dead}, way("yes", "publickey"), way("yes", "password")),
			login("ops", "anywhere", []facts.LoginKey{ca}, way("yes", "publickey")),
		}}}}},
		{Host: "db", Logins: &facts.Logins{Servers: []facts.LoginServer{{Logins: []facts.Login{
			login("alice", "from 10.0.0.0/8", []facts.LoginKey{key}, way("yes", "publickey", "password")),
			login("bob", "anywhere", nil, way("unknown", "publickey")),
		}}}}},
		{Host: "gone", Error: "no route"},
	}
}

func TestReach(t *testing.T) {
	file := "/home/alice/.ssh/authorized_keys"
	one := KeyUse{Host: "web", User: "alice", From: "anywhere", Opens: "yes", Path: file, Line: 1}
	two := KeyUse{Host: "db", User: "alice", From: "from 10.0.0.0/8", Opens: "yes", Path: file, Line: 1, Further: "password"}
	unknown := []KeyUse{{Host: "db", User: "bob", From: "anywhere", Opens: "unknown", Why: "PAM"}, {Host: "gone", Opens: "unknown", Why: "no route"}}
	for _, tt := range []struct {
		name string
		c    Credential
		want []KeyUse
	}{
		{"a key", Credential{Fingerprint: "SHA256:one"}, append([]KeyUse{one, two}, unknown...)},
		{"one that has expired", Credential{Fingerprint: "SHA256:two"}, append([]KeyUse{{Host: "web", User: "alice", From: "anywhere", Opens: "no", Why: "the key has expired", Path: file, Line: 2}}, unknown...)},
		{"a certificate", Credential{Fingerprint: "SHA256:x", CA: "SHA256:ca", Principals: []string{"dev", "ops"}}, append([]KeyUse{{Host: "web", User: "ops", From: "anywhere", Opens: "yes", Path: "/etc/ssh/ca", Line: 1, CA: true}}, unknown...)},
		{"a certificate for others", Credential{Fingerprint: "SHA256:x", CA: "SHA256:ca", Principals: []string{"dev"}}, unknown},
		{"the authority's own key opens nothing", Credential{Fingerprint: "SHA256:ca"}, unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Reach(fleet(), tt.c)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestFleetKeys(t *testing.T) {
	var got []string
	for _, k := range FleetKeys(fleet(), map[string]bool{"SHA256:two": true}) {
		word := k.Fingerprint + " " + k.Weak
		if k.Shared {
			word += " shared"
		}
		got = append(got, word)
	}
	want := []string{"SHA256:one  shared", "SHA256:two it stands in the list of weak keys"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestOnly(t *testing.T) {
	l := fleet()[1].Logins
	Only(l, "alice", "10.0.0.1")
	if len(l.Servers[0].Logins) != 1 || l.Servers[0].Logins[0].From != "from 10.0.0.1" {
		t.Errorf("%+v", l.Servers[0].Logins)
	}
	Only(l, "", "192.0.2.1")
	if len(l.Servers[0].Logins) != 0 {
		t.Errorf("%+v", l.Servers[0].Logins)
	}
}

// A private key on one host opens what lists its public half on any.
func TestPrivateReaches(t *testing.T) {
	hosts := fleet()
	hosts[1].Logins.PrivateKeys = []facts.PrivateKey{{Path: "/root/.ssh/one", Fingerprint: "SHA256:one"}, {Path: "/root/.ssh/two", Fingerprint: "SHA256:two"}, {Path: "/root/.ssh/bare"}, {Path: "/root/.ssh/ca", Fingerprint: "SHA256:ca"}}
	got := map[string][]string{}
	for _, r := range PrivateReaches(hosts) {
		got[r.Host+" "+r.Key.Path] = []string{}
		for _, u := range r.Opens {
			got[r.Host+" "+r.Key.Path] = append(got[r.Host+" "+r.Key.Path], u.User+"@"+u.Host)
		}
	}
	want := map[string][]string{"db /root/.ssh/one": {"alice@web", "alice@db"}, "db /root/.ssh/two": {}, "db /root/.ssh/bare": {}, "db /root/.ssh/ca": {}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

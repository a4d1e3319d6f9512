package apply

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/fix"
)

// TestJudge: what sshd -T says of a login, and why it would not work.
func TestJudge(t *testing.T) {
	const open = "pubkeyauthentication yes\npasswordauthentication yes\nport 22\n"
	key := fix.Login{User: "admin", Method: "publickey"}
	password := fix.Login{User: "admin", Method: "password"}
	root := fix.Login{User: "root", Method: "publickey"}
	for _, c := range []struct {
		name, says string
		login      fix.Login
		groups     []string
		want       string // in the reason; "" the login works
	}{
		{name: "open", says: open, login: key},
		{name: "nothing said", says: "", login: key, want: "said nothing"},
		{name: "keys shut", says: open + "", login: fix.Login{User: "admin", Method: "publickey", Expect: map[string]string{"MaxAuthTries": "3"}}, want: "MaxAuthTries"},
		{name: "pubkey no", says: "pubkeyauthentication no\n", login: key, want: "publickey is shut"},
		{name: "no keys file", says: open + "authorizedkeysfile none\ntrustedusercakeys none\nauthorizedkeyscommand none\n", login: key, want: "AuthorizedKeysFile"},
		{name: "no keys file, a command", says: open + "authorizedkeysfile none\ntrustedusercakeys none\nauthorizedkeyscommand /x\n", login: key},
		{name: "password shut", says: "passwordauthentication no\n", login: password, want: "password is shut"},
		{name: "kbd shut", says: "kbdinteractiveauthentication no\n", login: fix.Login{User: "admin", Method: "keyboard-interactive"}, want: "is shut"},
		{name: "kbd by its old name", says: "kbdinteractiveauthentication no\nchallengeresponseauthentication yes\n", login: fix.Login{User: "admin", Method: "keyboard-interactive"}},
		{name: "root no", says: open + "permitrootlogin no\n", login: root, want: "PermitRootLogin no"},
		{name: "root forced", says: open + "permitrootlogin forced-commands-only\n", login: root, want: "forced-commands-only"},
		{name: "root by key", says: open + "permitrootlogin without-password\n", login: root},
		{name: "root by password", says: open + "permitrootlogin prohibit-password\n", login: fix.Login{User: "root", Method: "password"}, want: "prohibit-password"},
		{name: "allowed", says: open + "allowusers bob\nallowusers admin\n", login: key},
		{name: "not among the allowed", says: open + "allowusers bob\nallowusers Admin\n", login: key, want: "AllowUsers"},
		{name: "allowed from elsewhere", says: open + "allowusers admin@192.0.2.0/24\n", login: key, want: "AllowUsers"},
		{name: "allowed from here", says: open + "allowusers admin@198.51.100.0/24\n", login: key},
		{name: "denied", says: open + "denyusers adm*\n", login: key, want: "DenyUsers"},
		{name: "group denied", says: open + "denygroups ops\n", login: key, groups: []string{"admin", "ops"}, want: "DenyGroups"},
		{name: "group allowed", says: open + "allowgroups ops\n", login: key, groups: []string{"admin", "ops"}},
		{name: "group missing", says: open + "allowgroups ops\n", login: key, groups: []string{"admin"}, want: "AllowGroups"},
		{name: "two methods", says: open + "authenticationmethods publickey,password\n", login: key, want: "AuthenticationMethods"},
		{name: "one of two chains", says: open + "authenticationmethods publickey,password publickey\n", login: key},
		{name: "any", says: open + "authenticationmethods any\n", login: key},
		{name: "no tries", says: open + "maxauthtries 0\n", login: key, want: "maxauthtries 0"},
		{name: "no sessions", says: open + "maxsessions 00\n", login: key, want: "maxsessions 0"},
		{name: "refused", says: open + "refuseconnection yes\n", login: key, want: "RefuseConnection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checks, err := newChecks([]fix.Login{c.login}, parseConnection("198.51.100.7 50000 203.0.113.1 22"))
			if err != nil {
				t.Fatal(err)
			}
			got := checks[0].judge(sshd.ParseEffective([]byte(c.says)), c.groups)
			if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestQuestions: what sshd is asked, and what it cannot be asked.
func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		login fix.Login
		conn  string
		want  string // "" refused
	}{
		{fix.Login{User: "a"}, "198.51.100.7 5 203.0.113.1 22", "user=a,host=198.51.100.7,addr=198.51.100.7,lport=22,laddr=203.0.113.1"},
		{fix.Login{User: "a"}, "::ffff:198.51.100.7 5 ::ffff:203.0.113.1 22", "user=a,host=198.51.100.7,addr=198.51.100.7,lport=22,laddr=203.0.113.1"},
		{fix.Login{User: "a", From: "192.0.2.0/24", Port: 2222}, "2001:db8::1 5 2001:db8::2 22", "user=a,host=192.0.2.0,addr=192.0.2.0,lport=2222,laddr=2001:db8::2"},
		{fix.Login{User: "a", From: "not an address"}, "198.51.100.7 5 203.0.113.1 22", ""},
		{fix.Login{User: "a,addr=127.0.0.1"}, "198.51.100.7 5 203.0.113.1 22", ""},
		{fix.Login{User: ""}, "198.51.100.7 5 203.0.113.1 22", ""},
		{fix.Login{User: "a"}, "", ""},
		{fix.Login{User: "a"}, "x y z $(id)", ""},
	} {
		got, err := newChecks([]fix.Login{c.login}, parseConnection(c.conn))
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%+v from %q: asked as %q", c.login, c.conn, got[0].spec)
		case c.want != "" && (err != nil || got[0].spec != c.want):
			t.Errorf("%+v from %q: %v, %v", c.login, c.conn, got, err)
		}
	}
}

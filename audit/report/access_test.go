package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
)

// TestAccessFoldsWhatIsNotKnown: a host that was read without root's rights knows of no
// account whether it has a password. That is one sentence and one row, not one each;
// root, and what is known, stand by themselves.
func TestAccessFoldsWhatIsNotKnown(t *testing.T) {
	login := func(user string, uid int64, verdict, why string) facts.Login {
		return facts.Login{User: user, UID: uid, From: "anywhere", TwoFactors: "unknown", Offered: []string{"password"},
			Ways: []facts.LoginWay{{Methods: []string{"password"}, Verdict: verdict, Why: why}}}
	}
	server := facts.LoginServer{Version: "9.2", Config: "/etc/ssh/sshd_config"}
	server.Logins = append(server.Logins, login("root", 0, "unknown", "the password of root is not known (shadow could not be read)"), login("ann", 1000, "yes", ""))
	for i := range 20 {
		user := fmt.Sprintf("u%02d", i)
		server.Logins = append(server.Logins, login(user, int64(2000+i), "unknown", "the password of "+user+" is not known (shadow could not be read)"))
	}
	text := func(user string, verbose bool, servers ...facts.LoginServer) string {
		var b bytes.Buffer
		a := &audit.Access{Hosts: []audit.HostLogins{{Host: "h", Logins: &facts.Logins{Servers: servers}}}}
		if err := (&AccessText{W: &b, Width: 80, User: user, Verbose: verbose}).Write(a); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	short := text("", false, server)
	for _, want := range []string{"    root, anywhere: the password of root is not known", "    u00, u01 and 18 more, anywhere: the password of each is not known",
		"\n  u00 and 19 more, anywhere", "\n  root, ", "\n  ann, "} {
		if !strings.Contains(short, want) {
			t.Errorf("no %q in:\n%s", want, short)
		}
	}
	if strings.Contains(short, "u07") || !strings.Contains(text("", true, server), "the password of u07 is not known") {
		t.Error("-v is to name each, and nothing else")
	}
	if got := text("bob", false, facts.LoginServer{}); got != "no account bob was seen on h\n" {
		t.Errorf("%q", got)
	}
}

package fix_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/fix"
)

// Hosts with the same plan are shown once, and one that differs in a byte by itself.
func TestTextShowsTheSameOnce(t *testing.T) {
	p := &fix.Plan{}
	for i, name := range []string{"web1", "web2", "web3", "db"} {
		w := newWorld()
		w.process(700+i, "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "7001")
		if name == "db" {
			w.config(stock + "PasswordAuthentication yes # db\n")
		}
		h := w.plan(t, "no-password-login")
		h.Name, h.Reload.PID = name, int64(700+i)
		p.Hosts = append(p.Hosts, h)
	}
	var b strings.Builder
	if err := (&fix.Text{W: &b, Width: 80}).Write(p); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := strings.Count(text, "+++ b/etc/ssh/sshd_config"); n != 2 {
		t.Errorf("%d diffs are shown, want 2\n%s", n, text)
	}
	for _, want := range []string{"web1: 1 change planned", "the same on web2, web3\n", "db: 1 change planned", "4 hosts: 4 hosts to change"} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan lacks %q\n%s", want, text)
		}
	}
	if strings.Contains(text, "web2: 1 change") {
		t.Error(text)
	}
}

package access

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/dropbear"
	"github.com/postern-ssh/postern/audit/sshd"
)

// Keys as dropbear 2022.83 of Debian 12 took them, or skipped them, when a client
// tried (ssh -i, one line at a time), but where a comment says otherwise.
func TestDropbearKeys(t *testing.T) {
	const file = "/home/bob/.ssh/authorized_keys"
	const ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIX72N696p3qfLzKEH4XDslHzO5I8sV3qCwv7Jpfdhh2 c\n"
	for _, tt := range []struct {
		line string
		mode map[string]uint32
		want Verdict
	}{
		{ed, nil, Yes},
		{`from="127.0.0.1" ` + ed, nil, No},
		{"restrict " + ed, nil, Yes},
		{"no-pty,no-x11-forwarding " + ed, nil, Yes},
		{`command="echo in" ` + ed, nil, Yes},
		{`permitopen="a:1" ` + ed, nil, Yes},
		{`permitlisten="1" ` + ed, nil, Unsure}, // 2022.83 skips it; newer ones were not tried
		{`environment="A=b" ` + ed, nil, No},
		{"no-user-rc " + ed, nil, No},
		{"cert-authority " + ed, nil, No},
		{"verify-required " + ed, nil, Yes},
		{ed, map[string]uint32{file: 0o620}, No},
		{ed, map[string]uint32{file: 0o644}, Yes},
		{ed, map[string]uint32{"/home/bob": 0o775}, No},
		{ed, map[string]uint32{"/home": 0o777}, Yes}, // above the home: not looked at
		{"# nothing\n", nil, No},
		{"garbage\n" + `from="x" ` + ed + ed, nil, Yes},
	} {
		in := Input{
			Config:   sshd.Load("none", nil, sshd.Options{}),
			Accounts: []account.Account{{Name: "bob", UID: 1000, GID: 1000, Home: "/home/bob", Shell: "/bin/sh", State: account.Star}},
			Detail:   true,
			Stat: func(p string) Stat {
				st := Stat{Known: true, Exists: true, Type: 'd', Mode: 0o755, UID: 1000}
				if p == file {
					st.Type, st.Mode = 'f', 0o600
				}
				if m, ok := tt.mode[p]; ok {
					st.Mode = m
				}
				return st
			},
			Read: func(p string) ([]byte, error) {
				if p == file {
					return []byte(tt.line), nil
				}
				return nil, fs.ErrNotExist
			},
		}
		a := Dropbear(dropbear.Parse([]string{"dropbear"}), "dropbear", dropbear.Host{Shells: []string{"/bin/sh"}}, in)[0]
		if a.PublicKey != tt.want || a.Password != No || a.From != "anywhere" || len(a.Places) == 0 {
			t.Errorf("%s%v: key %v, want %v; %+v", tt.line, tt.mode, a.PublicKey, tt.want, a)
		}
		if a.Open() != Yes && a.Why == "" {
			t.Errorf("%s: without a reason", tt.line)
		}
		if a.Open() == Yes && (len(a.Evidence) == 0 || !strings.HasPrefix(a.Evidence[0].Witness, "user bob from anywhere may use a key")) {
			t.Errorf("%s: %+v", tt.line, a.Evidence)
		}
		if shown := strings.Contains(tt.line, "ssh-"); shown != (len(a.Keys) > 0) {
			t.Errorf("%s: keys %+v", tt.line, a.Keys)
		}
	}
}

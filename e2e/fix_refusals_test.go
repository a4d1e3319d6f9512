//go:build linux

package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
	"github.com/postern-ssh/postern/policies"
)

// TestFixRefusesLockOuts writes lines with which sshd -t is content into a real
// host's file, does not reload it, and plans something else: the reload would bring
// them into force.
func TestFixRefusesLockOuts(t *testing.T) {
	e2e.NeedHosts(t)
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if cat, err = cat.Choose(policies.Choice{Only: []string{"x11-forwarding"}}); err != nil {
		t.Fatal(err)
	}
	onMatrix(t, func(s *e2e.Spec) { s.Accounts = true }, func(t *testing.T, h *e2e.Host) {
		admin := h.Accounts().Admin
		j := newFixJob(t, h, admin)
		release := h.Spec().Release
		first, _, _ := h.Exec("cat /etc/ssh/sshd_config")
		plan := func() fix.Host {
			d, err := connect.New(connect.Options{KnownHosts: []string{j.Known}})
			if err != nil {
				t.Fatal(err)
			}
			host := inventory.Host{Name: "h", Address: j.Address, Port: j.Port, User: j.User, Keys: []string{j.Key}}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			snap, err := audit.SSH{Dialer: d, Host: host}.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			return fix.Make(fix.Input{Host: host, Snapshot: snap, Now: now, Named: []string{"x11-forwarding"}, Judge: func(f *facts.Facts) []policies.Outcome {
				out, _ := cat.Judge(f, policies.JudgeOptions{Host: "h", Now: now})
				return out
			}})
		}
		tell := func(p fix.Host) string {
			var b strings.Builder
			if err := (&fix.Text{W: &b, Width: 120}).Write(&fix.Plan{Hosts: []fix.Host{p}}); err != nil {
				t.Error(err)
			}
			return b.String()
		}
		if p := plan(); len(p.Refused) > 0 || len(p.Changes) == 0 {
			t.Fatal(tell(p))
		}
		accept := "PubkeyAcceptedAlgorithms"
		if release == e2e.Bullseye {
			accept = "PubkeyAcceptedKeyTypes"
		}
		for _, c := range []struct{ line, want string }{
			{"AllowUsers admin,root", "AllowUsers"},
			{"AllowUsers Admin", "AllowUsers"},
			{"AllowGroups nosuch", "AllowGroups"},
			{"AllowUsers admin@192.168.77.0/24", "AllowUsers"},
			{"AllowUsers admin@localhost", "AllowUsers"},
			{"DenyUsers *", "DenyUsers"},
			{"DenyGroups admin", "DenyGroups"},
			{"AuthenticationMethods publickey,publickey", "keys"},
			{"AuthorizedKeysFile none", "AuthorizedKeysFile"},
			{"AuthorizedKeysFile /nonexistent/%u", "AuthorizedKeysFile"},
			{"AuthorizedKeysFile ~/.ssh/authorized_keys", "AuthorizedKeysFile"},
			{accept + " rsa-sha2-512", accept},
			{"RevokedKeys /nonexistent", "RevokedKeys"},
			{"Ciphers aes128-cbc", "Ciphers"},
			{"Ciphers -*", "Ciphers"},
			{"KexAlgorithms -*", "KexAlgorithms"},
			{"MaxAuthTries 0", "MaxAuthTries"},
			{"MaxSessions 0", "MaxSessions"},
			{"ForceCommand /bin/false", "ForceCommand"},
			{"ChrootDirectory /nonexistent", "/nonexistent"},
			{"ChrootDirectory %h", "root's alone"},
			{"ListenAddress 192.0.2.1", "no longer listen"},
			{"Port 2222", "port"},
			{"PubkeyAuthentication no", "PubkeyAuthentication"},
			{"LoginGraceTime 1", "LoginGraceTime"},
			{"MaxStartups 1:100:1", "MaxStartups"},
			{"AddressFamily inet6", "IPv4"},
		} {
			time.Sleep(1100 * time.Millisecond) // the edit is later than the load, by the second
			text := "'" + c.line + "'"
			if _, _, code := h.Exec("{ printf '%s\\n' " + text + "; cat; } > /etc/ssh/sshd_config.new <<'EOF' && cat /etc/ssh/sshd_config.new > /etc/ssh/sshd_config\n" + first + "EOF\n"); code != 0 {
				t.Fatalf("%s could not be written", c.line)
			}
			if out, err := h.Command("/usr/sbin/sshd", "-t").CombinedOutput(); err != nil {
				t.Errorf("%s: sshd -t is not content: %s", c.line, out)
				continue
			}
			p := plan()
			found := false
			for _, r := range p.Refused {
				found = found || r.Risk == "lock-out" && strings.Contains(r.Why+" "+r.Text, c.want) && r.WayOut != ""
			}
			if !found {
				t.Errorf("%s is not refused:\n%s", c.line, tell(p))
			}
		}
	})
}

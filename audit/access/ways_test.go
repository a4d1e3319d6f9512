package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/sshd"
)

// tell writes an answer with its ways, keys and session.
func tell(a *Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s:", a.User, a.From)
	for i := range a.Ways {
		w := &a.Ways[i]
		fmt.Fprintf(&b, " %s=%s/%d", w.Name(), Word(w.Verdict), w.Factors)
	}
	if a.Offer != nil {
		fmt.Fprintf(&b, " offers %s", strings.Join(a.Offer.Methods, "+"))
	}
	v, _ := a.TwoFactors()
	fmt.Fprintf(&b, " two=%s", Word(v))
	for _, k := range a.Keys {
		fmt.Fprintf(&b, " key:%d=%s", k.Line, Word(k.Verdict))
		if k.Why != "" {
			fmt.Fprintf(&b, "(%s)", k.Why)
		}
		if k.CA {
			fmt.Fprintf(&b, " for %s", strings.Join(k.Principals, "+"))
		}
	}
	if s := a.Session; s != nil && (s.Command != "" || s.Chroot != "" || s.NoTTY || len(s.Bugs) > 0) {
		fmt.Fprintf(&b, " session %q in %q tty=%t open %s", s.Command, s.Chroot, !s.NoTTY, strings.Join(s.Open, "+"))
	}
	return b.String()
}

func TestWays(t *testing.T) {
	bobs := func(text string) map[string]file {
		return map[string]file{"/home/bob/.ssh/authorized_keys": {text: text, uid: 1000, gid: 1000, mode: 0o600}}
	}
	with := func(a, b map[string]file) map[string]file {
		for k, v := range b {
			a[k] = v
		}
		return a
	}
	const only = "PermitRootLogin no\nPasswordAuthentication no\nUsePAM yes\nKbdInteractiveAuthentication no\n"
	tests := []struct {
		name string
		host
		bug  Verdict
		want []string // bob's
	}{
		{name: "one factor", host: host{conf: "UsePAM yes\nKbdInteractiveAuthentication no\n", files: bobs(edKey)}, want: []string{
			"bob anywhere: publickey=yes/1 password=yes/1 offers publickey+password two=no key:1=yes"}},
		{name: "two factors", host: host{conf: "UsePAM yes\nAuthenticationMethods publickey,password\n", files: bobs(edKey)}, want: []string{
			"bob anywhere: publickey,password=yes/2 offers publickey two=yes key:1=yes"}},
		{name: "two of one kind", host: host{conf: "UsePAM yes\nAuthenticationMethods password,keyboard-interactive\n"}, want: []string{
			"bob anywhere: password,keyboard-interactive=yes/1 offers password two=no"}},
		{name: "a module that may ask for more", host: host{conf: "UsePAM yes\nPasswordAuthentication no\n", pam: map[string]string{
			"sshd": "auth required pam_unix.so\nauth required pam_google_authenticator.so\naccount required pam_unix.so\n"}}, want: []string{
			"bob anywhere: keyboard-interactive=unknown/-1 offers publickey+keyboard-interactive two=unknown"}},
		{name: "the dropped list", host: host{conf: "UsePAM yes\nAuthenticationMethods publickey\nMatch User bob\nPubkeyAuthentication no\n", files: bobs(edKey)}, want: []string{
			"bob anywhere: offers  two=yes key:1=yes"}},
		{name: "one of two lists is dropped", host: host{conf: only + "AuthenticationMethods publickey,password publickey\n", files: bobs(edKey)}, want: []string{
			"bob anywhere: publickey=yes/1 offers publickey two=no key:1=yes"}},
		{name: "from=", host: host{conf: only, files: bobs(`from="10.0.0.0/8" ` + edKey)}, want: []string{
			"bob anywhere else: offers publickey two=yes key:1=no(from= of the key does not admit this place)",
			"bob from 10.0.0.0/8: publickey=yes/1 offers publickey two=no key:1=yes"}},
		{name: "from= with a negation", host: host{conf: only, files: bobs(`from="!10.1.0.0/16,10.0.0.0/8" ` + edKey)}, want: []string{
			"bob anywhere else: offers publickey two=yes key:1=no(from= of the key does not admit this place)",
			"bob from 10.0.0.0/8: publickey=yes/1 offers publickey two=no key:1=yes"}},
		{name: "two keys of which one is bound to a place", host: host{conf: only, files: bobs(`from="10.0.0.0/8" ` + edKey + edKey2)}, want: []string{
			"bob anywhere else: publickey=yes/1 offers publickey two=no key:1=no(from= of the key does not admit this place) key:2=yes",
			"bob from 10.0.0.0/8: publickey=yes/1 offers publickey two=no key:1=yes key:2=yes"}},
		{name: "a list of revoked keys", host: host{conf: only + "RevokedKeys /etc/ssh/revoked\n", files: with(bobs(edKey+edKey2), map[string]file{"/etc/ssh/revoked": {text: edKey}})}, want: []string{
			"bob anywhere: publickey=yes/1 offers publickey two=no key:1=no(RevokedKeys /etc/ssh/revoked names the key) key:2=yes"}},
		{name: "a revocation list that is broken", host: host{conf: only + "RevokedKeys /etc/ssh/revoked\n", files: with(bobs(edKey), map[string]file{"/etc/ssh/revoked": {text: "SSHKRL\n\x00short"}})}, want: []string{
			"bob anywhere: offers publickey two=yes key:1=no(RevokedKeys /etc/ssh/revoked cannot be read by sshd, so every key is refused)"}},
		{name: "a token that sshd does not know", host: host{conf: only + "AuthorizedKeysFile /etc/keys/%x\n", files: bobs(edKey)}, want: []string{
			"bob anywhere: offers publickey two=yes"}},
		{name: "an authority in the file", host: host{conf: only, files: bobs(`cert-authority,principals="a,b" ` + edKey)}, want: []string{
			"bob anywhere: publickey=yes/1 offers publickey two=no key:1=yes for a+b"}},
		{name: "principals with options", host: host{conf: only + "TrustedUserCAKeys /etc/ssh/ca\nAuthorizedPrincipalsFile /etc/ssh/p\n",
			files: map[string]file{"/etc/ssh/ca": {text: edKey}, "/etc/ssh/p": {text: "# who\nbackup\ncommand=\"id\" ops\n"}, "/etc": {dir: true}}}, want: []string{
			"bob anywhere: publickey=yes/1 offers publickey two=no key:1=yes for ops key:1=yes for backup"}},
		{name: "an authority whose signatures are refused", host: host{conf: only + "TrustedUserCAKeys /etc/ssh/ca\nCASignatureAlgorithms rsa-sha2-512\n",
			files: map[string]file{"/etc/ssh/ca": {text: edKey}}}, want: []string{
			"bob anywhere: offers publickey two=yes key:1=no(CASignatureAlgorithms excludes ssh-ed25519) for bob"}},
		{name: "a forced command and forwarding", host: host{conf: only + "Match User bob\nForceCommand internal-sftp\nAllowTcpForwarding local\nPermitTTY no\n", files: bobs(edKey)}, want: []string{
			`bob anywhere: publickey=yes/1 offers publickey two=no key:1=yes session "internal-sftp" in "" tty=false open tcp-local+agent+sockets`}},
		{name: "DisableForwarding is not kept to", bug: Yes, host: host{conf: only + "DisableForwarding yes\nX11Forwarding yes\n", files: bobs(edKey)}, want: []string{
			`bob anywhere: publickey=yes/1 offers publickey two=no key:1=yes session "" in "" tty=true open agent+x11`}},
		{name: "DisableForwarding is kept to", bug: No, host: host{conf: only + "DisableForwarding yes\nX11Forwarding yes\n", files: bobs(edKey)}, want: []string{
			`bob anywhere: publickey=yes/1 offers publickey two=no key:1=yes`}},
		{name: "a chroot that is the user's", host: host{conf: only + "ChrootDirectory %h\n", files: bobs(edKey)}, want: []string{
			`bob anywhere: offers publickey two=yes key:1=yes session "" in "/home/bob" tty=true open tcp+agent+sockets`}},
		{name: "no try is left", host: host{conf: only + "MaxAuthTries 0\n", files: bobs(edKey)}, want: []string{"bob anywhere: offers  two=yes key:1=yes"}},
		{name: "a boot that goes on", host: host{conf: only, files: with(bobs(edKey), map[string]file{"/run/nologin": {}})}, want: []string{"bob anywhere: offers publickey two=yes key:1=yes"}},
		{name: "faillock counts and lets in", host: host{conf: "UsePAM yes\n", pam: map[string]string{"sshd": "auth required pam_faillock.so preauth\nauth sufficient pam_unix.so\nauth [default=die] pam_faillock.so authfail\nauth required pam_deny.so\naccount required pam_faillock.so\naccount required pam_unix.so\n"}}, want: []string{
			"bob anywhere: password=yes/1 keyboard-interactive=yes/1 offers publickey+password+keyboard-interactive two=no"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.host.input()
			in.Detail = true
			if tt.bug != Unsure {
				in.Bug = func(string) Verdict { return tt.bug }
			}
			answers, capped := Judge(in)
			if capped {
				t.Error("capped")
			}
			var got []string
			for i := range answers {
				if answers[i].User == "bob" {
					got = append(got, tell(&answers[i]))
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Places at the borders of the caller's lists are told apart, and one answer
// stands for those that are alike.
func TestApart(t *testing.T) {
	in := host{conf: "Match Address 10.0.0.0/8\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"}.input()
	in.Apart = []string{"10.1.0.0/16", "192.0.2.7"}
	answers, _ := Judge(in)
	var got []string
	for i := range answers {
		if a := &answers[i]; a.User == "bob" {
			all := map[string]bool{}
			for _, p := range a.Places {
				for _, l := range in.Apart {
					all[fmt.Sprintf("%s %t", l, sshd.MatchPlace(l, p))] = true
				}
			}
			got = append(got, fmt.Sprintf("%s %s %d", a.From, Word(a.Password), len(all)))
		}
	}
	want := []string{"anywhere else yes 3", "from 10.0.0.0/8 no 3"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A user's own from= lists are bounded: what is beyond them is not known.
func TestManyLists(t *testing.T) {
	var keys strings.Builder
	for i := range 2 * maxFromLists {
		fmt.Fprintf(&keys, "from=\"10.%d.0.0/16\" %s", i, edKey)
	}
	in := host{conf: "PasswordAuthentication no\nPermitRootLogin no\n", files: map[string]file{"/home/bob/.ssh/authorized_keys": {text: keys.String(), uid: 1000}}}.input()
	answers, capped := Judge(in)
	last := answers[len(answers)-1]
	if !capped || last.Open() != Unsure || last.User != "bob" {
		t.Errorf("capped %t, %+v", capped, last)
	}
}

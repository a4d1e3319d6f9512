package account

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// rhel9 is what RHEL 8, 9 and their rebuilds ship for sshd (openssh-server's
// sshd.pam; authselect's profile sssd), as far as it decides about a login.
var rhel9 = map[string]string{
	"sshd": "#%PAM-1.0\nauth       substack     password-auth\nauth       include      postlogin\naccount    required     pam_sepermit.so\naccount    required     pam_nologin.so\n" +
		"account    include      password-auth\npassword   include      password-auth\nsession    required     pam_loginuid.so\nsession    include      postlogin\n",
	"password-auth": `auth        required                                     pam_env.so
auth        required                                     pam_faildelay.so delay=2000000
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        [default=1 ignore=ignore success=ok]         pam_localuser.so
auth        sufficient                                   pam_unix.so nullok
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        sufficient                                   pam_sss.so forward_pass
auth        required                                     pam_deny.so

account     required                                     pam_unix.so
account     sufficient                                   pam_localuser.so
account     sufficient                                   pam_usertype.so issystem
account     [default=bad success=ok user_unknown=ignore] pam_sss.so
account     required                                     pam_permit.so
`,
	"postlogin": "session     optional                   pam_umask.so silent\nsession     [success=1 default=ignore] pam_succeed_if.so service !~ gdm* service !~ su* quiet\n",

	"/etc/security/sepermit.conf": "# comments\n#\n",
}

// faillock is the same with authselect's features with-faillock and with-mkhomedir.
const faillock = `auth        required                                     pam_env.so
auth        required                                     pam_faildelay.so delay=2000000
auth        required                                     pam_faillock.so preauth silent
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        [default=1 ignore=ignore success=ok]         pam_localuser.so
auth        sufficient                                   pam_unix.so nullok
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        sufficient                                   pam_sss.so forward_pass
auth        required                                     pam_faillock.so authfail
auth        required                                     pam_deny.so

account     required                                     pam_faillock.so
account     required                                     pam_unix.so
account     sufficient                                   pam_localuser.so
account     sufficient                                   pam_usertype.so issystem
account     [default=bad success=ok user_unknown=ignore] pam_sss.so
account     required                                     pam_permit.so
`

// with changes some files of a set.
func with(files map[string]string, changes ...string) map[string]string {
	out := map[string]string{}
	for k, v := range files {
		out[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		if out[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(out, changes[i])
		}
	}
	return out
}

func TestStockRHEL(t *testing.T) {
	bob := Account{Name: "bob", UID: 1000, GID: 1000, Shell: "/bin/bash", State: Hash, Groups: []string{"bob"}, LastChange: 20000, Min: 0, Max: 99999, Warn: 7, Inactive: Never, Expire: Never}
	as := func(f func(*Account)) *Account { a := bob; f(&a); return &a }
	for _, tt := range []struct {
		name          string
		files         map[string]string
		account       *Account
		sssd          Verdict
		empty         bool
		auth, allowed string
	}{
		{"a password", rhel9, &bob, No, false, "yes password-auth:5", "yes password-auth:10"},
		{"a password, sssd configured", rhel9, &bob, Yes, false, "yes password-auth:5", "yes password-auth:10"},
		{"a password, sssd not known", rhel9, &bob, Unsure, false, "yes password-auth:5", "yes password-auth:10"},
		{"locked", rhel9, as(func(a *Account) { a.State = LockedHash }), No, false, "no password-auth:8", "yes password-auth:10"},
		{"locked, sssd configured", rhel9, as(func(a *Account) { a.State = LockedHash }), Yes, false, "unknown password-auth:7", "yes password-auth:10"},
		{"root locked, sssd configured", rhel9, as(func(a *Account) { a.State, a.UID = Locked, 0 }), Yes, false, "no password-auth:8", "yes password-auth:10"},
		{"expired", rhel9, as(func(a *Account) { a.Expire = 20100 }), No, false, "yes password-auth:5", "no password-auth:10"},
		{"an empty password", rhel9, as(func(a *Account) { a.State = Empty }), No, true, "yes password-auth:5", "yes password-auth:10"},
		{"shadow not read", rhel9, as(func(a *Account) { a.State = Unknown }), No, false, "unknown password-auth:5", "unknown password-auth:10"},
		{"with-faillock", with(rhel9, "password-auth", faillock), &bob, No, false, "yes password-auth:6", "yes password-auth:13"},
		{"with-faillock, locked", with(rhel9, "password-auth", faillock), as(func(a *Account) { a.State = Star }), No, false, "no password-auth:10", "yes password-auth:13"},
		{"no sepermit.conf", with(rhel9, "/etc/security/sepermit.conf", ""), &bob, No, false, "yes password-auth:5", "yes password-auth:10"},
		{"sepermit names it", with(rhel9, "/etc/security/sepermit.conf", "bob:exclusive\n"), &bob, No, false, "yes password-auth:5", "unknown sshd:4"},
		{"sepermit cannot be read", with(rhel9, "/etc/security/sepermit.conf", "denied"), &bob, No, false, "yes password-auth:5", "unknown sshd:4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := pam(tt.files)
			q := Question{Account: tt.account, SSSD: tt.sssd, NoLogin: No, Empty: tt.empty, Today: 20200}
			if got := showResult(s.Auth(q)); got != tt.auth {
				t.Errorf("auth: %s, want %s (%s)", got, tt.auth, s.Auth(q).Why)
			}
			if got := showResult(s.Allowed(q)); got != tt.allowed {
				t.Errorf("account: %s, want %s (%s)", got, tt.allowed, s.Allowed(q).Why)
			}
			if others := s.Unevaluated("auth", No); len(others) > 0 {
				t.Errorf("not evaluated without sssd: %v", others)
			}
			if others := s.Unevaluated("auth", Yes); len(others) != 1 {
				t.Errorf("not evaluated with sssd: %v", others)
			}
		})
	}
}

// One line of PAM each, asked about bob of group ops. What is no unknown is what
// pamtester(1) was told by Linux-PAM 1.5.2 (Debian 12) for the same lines, but for
// pam_sss and pam_systemd_home, which were not there, and for the times of day.
func TestPAMModules(t *testing.T) {
	files := map[string]string{
		"/etc/shells": "# /etc/shells\n/bin/sh\n/bin/bash\n", "/etc/users": "alice\nbob\n", "/etc/others": "alice\n", "/etc/groups": "wheel\nops\n", "/etc/tty": "/dev/ssh\n", "/etc/shut": "denied",
		"/etc/security/time.conf": "# c\nlogin;*;bob;!Al0000-2400\n", "/t/bob": "sshd;*;bob;Wk0800-1800\n", "/t/all": "*;*;!root;Al0000-2400\n", "/t/never": "sshd & !login;*;b*b;!Al0000-2400\n",
		"/t/net": "*;*;@net;Wk0800-1800\n", "/t/cont": "sshd;*;\\\nalice;Wk0800-1800\n", "/t/not": "sshd;*;!bob & !root;Wk0800-1800\n",
		"/p/group": "@ops\n", "/p/seuser": "%guest_u\n", "/p/other": "# x\n\n  alice:ignore\n", "/there": "",
	}
	for _, tt := range []struct{ line, want string }{
		{"pam_shells.so", "yes"},
		{"pam_listfile.so item=user sense=allow file=/etc/users", "yes"},
		{"pam_listfile.so item=user sense=allow file=/etc/others onerr=succeed", "no: /etc/others does not name it"},
		{"pam_listfile.so item=user sense=deny file=/etc/users onerr=succeed", "no: /etc/users names it"},
		{"pam_listfile.so item=user sense=deny file=/etc/others", "yes"},
		{"pam_listfile.so item=group sense=allow file=/etc/groups", "yes"},
		{"pam_listfile.so item=group sense=deny file=/etc/groups", "no: /etc/groups names it"},
		{"pam_listfile.so item=group sense=allow file=/etc/others", "no: /etc/others does not name it"},
		{"pam_listfile.so item=shell sense=allow file=/etc/shells", "yes"},
		{"pam_listfile.so item=shell sense=deny file=/etc/shells apply=@wheel", "no: /etc/shells names it"}, // apply= means nothing here
		{"pam_listfile.so item=tty sense=deny file=/etc/tty apply=@ops", "no: /etc/tty names it"},
		{"pam_listfile.so item=tty sense=allow file=/etc/tty", "yes"},
		{"pam_listfile.so item=rhost sense=allow file=/etc/users", "unknown"},
		{"pam_listfile.so item=user sense=allow file=/missing", "no: /missing is not there"},
		{"pam_listfile.so item=user sense=allow file=/missing onerr=succeed", "yes"},
		{"pam_listfile.so item=user sense=allow file=/etc/shut", "unknown"},
		{"pam_listfile.so item=user sense=allow", "no"},
		{"pam_listfile.so item=user file=/etc/users", "no"},
		{"pam_listfile.so item=shape sense=allow file=/etc/users", "no"},
		{"pam_time.so", "yes"},
		{"pam_time.so conffile=/t/bob", "unknown"},
		{"pam_time.so conffile=/t/all", "yes"},
		{"pam_time.so conffile=/t/never", "no: /t/never lets it in at no time"},
		{"pam_time.so conffile=/t/net", "unknown"},
		{"pam_time.so conffile=/t/cont", "yes"},
		{"pam_time.so conffile=/t/not", "yes"},
		{"pam_time.so conffile=/t/missing", "unknown"},
		{"pam_sepermit.so conf=/p/group", "unknown"},
		{"pam_sepermit.so conf=/p/seuser", "unknown"},
		{"pam_nologin.so file=/there successok", "no"},
		{"pam_nologin.so file=/missing successok", "yes"},
		{"pam_succeed_if.so service = sshd", "yes"},
		{"pam_succeed_if.so service !~ gdm* service !~ su* quiet", "yes"},
		{"pam_succeed_if.so service =~ ssh?", "yes"},
		{"pam_succeed_if.so user =~ a*", "no: user =~ a*"},
		{"pam_succeed_if.so user = b*", "no: user = b*"}, // "=" is no pattern
		{"pam_succeed_if.so user =~ [ab]ob", "unknown"},
		{"pam_succeed_if.so user ingroup wheel:ops", "yes"},
		{"pam_succeed_if.so user notingroup wheel", "yes"},
		{"pam_succeed_if.so user notingroup ops", "no: user notingroup ops"},
		{"pam_succeed_if.so user innetgr x", "unknown"},
		{"pam_succeed_if.so rhost = 10.0.0.1", "unknown"},
		{"pam_succeed_if.so rhost = 10.0.0.1 uid = 0", "no: rhost = 10.0.0.1 uid = 0"}, // whatever the place
		{"pam_succeed_if.so uid ge 1000 uid lt 2000 gid ne 0 shell in /bin/sh:/bin/bash tty = ssh", "yes"},
		{"pam_succeed_if.so uid >= x", "unknown"},
		{"pam_succeed_if.so uid > 1000 use_uid", "unknown"},
		{"pam_succeed_if.so uid", "unknown"},
		{"pam_succeed_if.so", "yes"},
		{"pam_sss.so", "no: sssd is not configured"},
		{"pam_localuser.so", "yes"},
		{"pam_localuser.so file=/etc/users", "unknown"},
		{"pam_systemd_home.so", "no"},
		{"pam_winbind.so", "unknown"},
	} {
		bob := Account{Name: "bob", UID: 1000, GID: 1000, Shell: "/bin/bash", State: Hash, Groups: []string{"bob", "ops"}, LastChange: Never, Expire: Never}
		s := pam(with(files, "sshd", "account required "+tt.line+"\n"))
		r := s.Allowed(Question{Account: &bob, SSSD: No})
		got := map[Verdict]string{Yes: "yes", No: "no", Unsure: "unknown"}[r.Verdict]
		if _, why, ok := strings.Cut(strings.TrimPrefix(r.Why, "PAM: "), ": "); ok && r.Verdict == No {
			got += ": " + why
		}
		if got != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.line, got, r.Why, tt.want)
		}
		if r.Verdict == Unsure && r.Why == "" {
			t.Errorf("%s: not known, without a reason", tt.line)
		}
	}
}

// Modules that say nothing of an account leave the stack to the others.
func TestPAMIgnores(t *testing.T) {
	for _, line := range []string{
		"pam_sepermit.so conf=/p/other", "pam_sepermit.so conf=/p/missing", "pam_listfile.so item=tty sense=deny file=/etc/x apply=@wheel",
		"pam_listfile.so item=tty sense=deny file=/etc/x apply=alice", "pam_sss.so ignore_authinfo_unavail", "pam_nologin.so", "pam_faillock.so authfail",
	} {
		bob := Account{Name: "bob", UID: 1000, State: Hash, LastChange: Never, Expire: Never}
		for behind, want := range map[string]Verdict{"pam_permit.so": Yes, "pam_deny.so": No} {
			s := pam(map[string]string{"sshd": "account required " + line + "\naccount required " + behind + "\n", "/p/other": "# x\n\n  alice:ignore\n"})
			if r := s.Allowed(Question{Account: &bob, SSSD: No, NoLogin: No}); r.Verdict != want {
				t.Errorf("%s before %s: %+v", line, behind, r)
			}
		}
	}
}

func TestPAMShells(t *testing.T) {
	for shell, want := range map[string]Verdict{"/bin/bash": Yes, "": Yes, "/bin/zsh": No} {
		bob := Account{Name: "bob", UID: 1000, Shell: shell, State: Hash, LastChange: Never, Expire: Never}
		s := pam(map[string]string{"sshd": "auth required pam_shells.so\n", "/etc/shells": "# /etc/shells\n/bin/sh\n/bin/bash\n"})
		if r := s.Auth(Question{Account: &bob}); r.Verdict != want {
			t.Errorf("%q: %+v", shell, r)
		}
		if r := pam(map[string]string{"sshd": "auth required pam_shells.so\n"}).Auth(Question{Account: &bob}); r.Verdict != Unsure || r.Why == "" {
			t.Errorf("%q without the file: %+v", shell, r)
		}
	}
}

// Groups that are not all known make no group a no.
func TestPAMMoreGroups(t *testing.T) {
	bob := Account{Name: "bob", UID: 1000, State: Hash, Groups: []string{"ops"}, LastChange: Never, Expire: Never}
	for line, want := range map[string]Verdict{
		"pam_succeed_if.so user ingroup ops": Yes, "pam_succeed_if.so user ingroup wheel": Unsure, "pam_succeed_if.so user notingroup ops": No,
		"pam_succeed_if.so user notingroup wheel": Unsure, "pam_listfile.so item=group sense=allow file=/g": Unsure, "pam_listfile.so item=group sense=allow file=/o": Yes,
		"pam_sepermit.so conf=/s": Unsure,
	} {
		s := pam(map[string]string{"sshd": "account required " + line + "\n", "/g": "wheel\n", "/o": "wheel\nops\n", "/s": "@wheel\n"})
		if r := s.Allowed(Question{Account: &bob, MoreGroups: true}); r.Verdict != want || r.Verdict == Unsure && r.Why == "" {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

// A pattern of plain letters fits itself alone; stars fit what lies between.
func TestGlob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[ab]{0,3}`), 1, 5).Draw(t, "parts")
		fill := rapid.SliceOfN(rapid.StringMatching(`[abc]{0,3}`), len(parts), len(parts)).Draw(t, "fill")
		text := ""
		for i, p := range parts {
			if text += p; i < len(parts)-1 {
				text += fill[i]
			}
		}
		if fits, ok := glob(strings.Join(parts, "*"), text); !fits || !ok {
			t.Fatalf("%q does not fit %q", parts, text)
		}
		if fits, _ := glob(strings.Join(parts, "*")+"c", strings.ReplaceAll(text, "c", "")); fits {
			t.Fatal("a letter that is not there fits")
		}
	})
	for _, c := range []struct {
		pattern, text string
		fits, ok      bool
	}{{"", "", true, true}, {"*", "", true, true}, {"?", "", false, true}, {"a?c", "abc", true, true}, {"a", "ab", false, true}, {"[a]", "a", false, false}} {
		if fits, ok := glob(c.pattern, c.text); fits != c.fits || ok != c.ok {
			t.Errorf("%+v: %v %v", c, fits, ok)
		}
	}
}

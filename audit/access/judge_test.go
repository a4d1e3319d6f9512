package access

import (
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

// host is a machine in memory.
type host struct {
	conf   string
	v      sshd.Version
	distro string
	passwd string
	shadow string // "-": could not be read
	group  string
	files  map[string]file
	pam    map[string]string // below /etc/pam.d; nil: Debian's
	today  int64
}

type file struct {
	text     string
	mode     uint32 // 0: 0644, or 0755 for directories
	uid, gid int64
	dir      bool
	denied   bool
}

const edKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUr/sTM1AGbDhGPY1Uyj4hUsA7c1Xu3bXlYc0iGWvVn a@b\n"
const edKey2 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlXdzA5WZ5b7hBw6Nrrd1wOdQxL6P0vs8oYRZpQ4Q0l c@d\n"

var debianPAM = map[string]string{
	"sshd":           "@include common-auth\naccount    required     pam_nologin.so\n@include common-account\nsession optional pam_motd.so\n",
	"common-auth":    "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth\trequisite\tpam_deny.so\nauth\trequired\tpam_permit.so\n",
	"common-account": "account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so\naccount\trequisite\tpam_deny.so\naccount\trequired\tpam_permit.so\n",
	"other":          "@include common-auth\n@include common-account\n",
}

const (
	basePasswd = "root:x:0:0::/root:/bin/bash\nbob:x:1000:1000::/home/bob:/bin/bash\n"
	baseShadow = "root:hash:yescrypt:20000:0:99999:7::\nbob:hash:yescrypt:20000:0:99999:7::\n"
	baseGroup  = "root:x:0:\nbob:x:1000:\nops:x:50:bob\n"
)

type confFiles map[string]string

func (c confFiles) Glob(p string) ([]string, error) {
	var out []string
	for n := range c {
		if sshd.GlobMatch(p, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (c confFiles) Read(p string) ([]byte, error) {
	if s, ok := c[p]; ok {
		return []byte(s), nil
	}
	return nil, fs.ErrNotExist
}

func (h host) input() Input {
	if h.passwd == "" {
		h.passwd = basePasswd
	}
	if h.shadow == "" {
		h.shadow = baseShadow
	}
	if h.group == "" {
		h.group = baseGroup
	}
	if h.v == (sshd.Version{}) {
		h.v = sshd.V(9, 2)
	}
	if h.distro == "" {
		h.distro = "debian"
	}
	if h.pam == nil {
		h.pam = debianPAM
	}
	if h.today == 0 {
		h.today = 20500
	}
	all := map[string]file{
		"/": {dir: true}, "/home": {dir: true}, "/home/bob": {dir: true, uid: 1000, gid: 1000}, "/home/bob/.ssh": {dir: true, uid: 1000, gid: 1000, mode: 0o700},
		"/root": {dir: true, mode: 0o700}, "/root/.ssh": {dir: true, mode: 0o700}, "/bin/bash": {mode: 0o755}, "/usr/sbin/nologin": {mode: 0o755}, "/bin/sh": {mode: 0o755},
		"/etc/ssh": {dir: true},
	}
	for p, f := range h.files {
		all[p] = f
	}
	accounts, _ := account.ParsePasswd([]byte(h.passwd))
	groups, _ := account.ParseGroup([]byte(h.group))
	var shadow []account.Shadow
	if h.shadow != "-" {
		shadow, _ = account.ParseShadow([]byte(h.shadow))
	}
	account.Join(accounts, groups, shadow)
	read := func(p string) ([]byte, error) {
		f, ok := all[p]
		switch {
		case !ok:
			return nil, fs.ErrNotExist
		case f.denied:
			return nil, fs.ErrPermission
		}
		return []byte(f.text), nil
	}
	return Input{
		Config:   sshd.Load("/etc/ssh/sshd_config", confFiles{"/etc/ssh/sshd_config": h.conf}, sshd.Options{Version: h.v, Distro: h.distro}),
		Accounts: accounts, Groups: groups, Today: h.today, Read: read,
		PAM: func(service string) *account.Stack {
			return account.ParsePAM(service, func(p string) ([]byte, error) {
				if s, ok := h.pam[strings.TrimPrefix(p, "/etc/pam.d/")]; ok {
					return []byte(s), nil
				}
				return nil, fs.ErrNotExist
			})
		},
		Stat: func(p string) Stat {
			f, ok := all[p]
			if !ok {
				return Stat{Known: true}
			}
			st := Stat{Known: true, Exists: true, Type: 'f', Mode: f.mode, UID: f.uid, GID: f.gid}
			if f.dir {
				st.Type = 'd'
			}
			if st.Mode == 0 {
				st.Mode = 0o644
				if f.dir {
					st.Mode = 0o755
				}
			}
			return st
		},
	}
}

// show writes an answer in one line: "bob anywhere: password=yes key=no".
func show(a *Answer) string {
	s := fmt.Sprintf("%s %s:", a.User, a.From)
	for _, m := range []struct {
		n string
		v Verdict
	}{{"password", a.Password}, {"key", a.PublicKey}, {"empty", a.Empty}, {"other", a.Other}, {"mixed", a.Mixed}} {
		if m.v != No {
			s += " " + m.n + "=" + Word(m.v)
		}
	}
	if a.Chain != "" {
		s += " chain=" + a.Chain
	}
	if a.Open() != Yes {
		s += " (" + a.Why + ")"
	}
	return s
}

func judged(t *testing.T, h host) []string {
	t.Helper()
	answers, capped := Judge(h.input())
	if capped {
		t.Error("capped")
	}
	var out []string
	for i := range answers {
		out = append(out, show(&answers[i]))
	}
	return out
}

func TestJudge(t *testing.T) {
	key := map[string]file{"/home/bob/.ssh/authorized_keys": {text: edKey, uid: 1000, gid: 1000, mode: 0o600}}
	rootKey := map[string]file{"/root/.ssh/authorized_keys": {text: edKey, mode: 0o600}}
	with := func(extra map[string]file, more ...map[string]file) map[string]file {
		m := map[string]file{}
		for _, f := range append(more, extra) {
			for k, v := range f {
				m[k] = v
			}
		}
		return m
	}
	shadow := func(bob string) string { return "root:star::20000:0:99999:7::\nbob:" + bob + "\n" }
	tests := []struct {
		name string
		host
		want []string
	}{
		{"stock Debian", host{conf: "KbdInteractiveAuthentication no\nUsePAM yes\n"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: password=yes"}},
		{"keys only", host{conf: "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n", files: with(key, rootKey)}, []string{
			"root anywhere: key=yes", "bob anywhere: key=yes"}},
		{"the back door past PasswordAuthentication no", host{conf: "UsePAM yes\nPasswordAuthentication no\n"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: password=yes"}},
		{"no PAM, so keyboard-interactive never succeeds", host{conf: "UsePAM no\nPasswordAuthentication no\n", files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: key=yes"}},
		{"KbdInteractive no is not enough up to 8.6", host{v: sshd.V(8, 4), conf: "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: password=yes"}},
		{"ChallengeResponse no is, up to 8.6", host{v: sshd.V(8, 4), conf: "UsePAM yes\nPasswordAuthentication no\nChallengeResponseAuthentication no\nKbdInteractiveAuthentication no\n", files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: key=yes"}},
		{"PermitRootLogin yes", host{conf: "UsePAM yes\nPermitRootLogin yes\n"}, []string{"root anywhere: password=yes", "bob anywhere: password=yes"}},
		{"PermitRootLogin no for toor", host{conf: "UsePAM yes\nPermitRootLogin no\n", passwd: "toor:x:0:0::/root:/bin/bash\n", shadow: "toor:hash:yescrypt:20000::::::\n", files: rootKey}, []string{
			"toor anywhere: (PermitRootLogin no)"}},
		{"forced-commands-only", host{conf: "UsePAM yes\nPermitRootLogin forced-commands-only\n", files: with(map[string]file{"/root/.ssh/authorized_keys": {text: edKey}})}, []string{
			"root anywhere: (PermitRootLogin forced-commands-only; PermitRootLogin forced-commands-only and the key has no command=)", "bob anywhere: password=yes"}},
		{"forced-commands-only with a command", host{conf: "UsePAM yes\nPermitRootLogin forced-commands-only\n", files: with(map[string]file{"/root/.ssh/authorized_keys": {text: `command="/bin/x" ` + edKey}})}, []string{
			"root anywhere: key=yes", "bob anywhere: password=yes"}},
		{"a carve-out", host{conf: "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMatch User bob Address 10.0.0.0/8\nPasswordAuthentication yes\n"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere else: (PasswordAuthentication no; KbdInteractiveAuthentication no; no key is there)", "bob from 10.0.0.0/8: password=yes"}},
		{"locked with a key and PAM", host{conf: "UsePAM yes\n", shadow: shadow("locked::20000:0:99999:7::"), files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: key=yes"}},
		{"locked with a key, no PAM", host{conf: "UsePAM no\n", shadow: shadow("locked::20000:0:99999:7::"), files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (locked)"}},
		{"star with a key, no PAM", host{conf: "UsePAM no\n", shadow: shadow("star::20000:0:99999:7::"), files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: key=yes"}},
		{"expired with PAM", host{conf: "UsePAM yes\n", shadow: shadow("hash:yescrypt:20000:0:99999:7::20100"), files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (expired)"}},
		{"expired without PAM", host{conf: "UsePAM no\n", shadow: shadow("hash:yescrypt:20000:0:99999:7::20100"), files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (expired)"}},
		{"password must be changed", host{conf: "UsePAM yes\n", shadow: shadow("hash:yescrypt:0:0:99999:7::")}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: password=yes"}},
		{"empty password", host{conf: "UsePAM yes\nPermitEmptyPasswords yes\n", shadow: shadow("empty::20000:0:99999:7::")}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: empty=yes"}},
		{"empty password by keyboard-interactive", host{conf: "UsePAM yes\nPermitEmptyPasswords yes\nPasswordAuthentication no\n", shadow: shadow("empty::20000:0:99999:7::")}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: empty=yes"}},
		{"empty password not permitted", host{conf: "UsePAM yes\n", shadow: shadow("empty::20000:0:99999:7::")}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (the password is empty; no key is there)"}},
		{"DenyUsers beats AllowUsers", host{conf: "DenyUsers b*\nAllowUsers bob root\n"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (DenyUsers b*)"}},
		{"AllowUsers with a comma", host{conf: "AllowUsers root,bob\n"}, []string{"root anywhere: (not in AllowUsers)", "bob anywhere: (not in AllowUsers)"}},
		{"AllowUsers from a network", host{conf: "AllowUsers bob@10.0.0.0/8\n"}, []string{
			"root anywhere: (not in AllowUsers)", "bob anywhere else: (not in AllowUsers)", "bob from 10.0.0.0/8: password=yes"}},
		{"both lists bind", host{conf: "AllowUsers bob root\nAllowGroups ops\n"}, []string{"root anywhere: (not in AllowGroups)", "bob anywhere: password=yes"}},
		{"DenyGroups", host{conf: "DenyGroups ops\n"}, []string{"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (DenyGroups ops)"}},
		{"nologin shell still authenticates", host{passwd: "bob:x:1000:1000::/home/bob:/usr/sbin/nologin\n"}, []string{"bob anywhere: password=yes"}},
		{"shell is not there", host{passwd: "bob:x:1000:1000::/home/bob:/bin/zsh\n"}, []string{"bob anywhere: (shell /bin/zsh is not there)"}},
		{"shell is not there, chroot", host{conf: "ChrootDirectory /srv\n", passwd: "bob:x:1000:1000::/home/bob:/bin/zsh\n", files: map[string]file{"/srv": {dir: true}}}, []string{"bob anywhere: password=yes"}},
		{"two factors", host{conf: "UsePAM yes\nAuthenticationMethods publickey,password\n", files: with(key, rootKey)}, []string{
			"root anywhere: (AuthenticationMethods asks for more)", "bob anywhere: mixed=yes chain=publickey,password"}},
		{"publickey or password", host{conf: "UsePAM yes\nAuthenticationMethods publickey password\n", files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: password=yes key=yes"}},
		{"password then keyboard-interactive is still a password", host{conf: "UsePAM yes\nAuthenticationMethods password,keyboard-interactive\n"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; AuthenticationMethods asks for more)", "bob anywhere: password=yes"}},
		{"publickey only closes passwords", host{conf: "UsePAM yes\nAuthenticationMethods publickey\n"}, []string{
			"root anywhere: (AuthenticationMethods asks for more; no key is there)", "bob anywhere: (AuthenticationMethods asks for more; no key is there)"}},
		{"two keys asked for, one there", host{conf: "UsePAM yes\nAuthenticationMethods publickey,publickey\n", files: key}, []string{
			"root anywhere: (AuthenticationMethods asks for more; no key is there)", "bob anywhere: (AuthenticationMethods asks for more; two different keys are asked for and there is one)"}},
		{"two keys asked for, two there", host{conf: "UsePAM yes\nAuthenticationMethods publickey,publickey\n", files: with(map[string]file{"/home/bob/.ssh/authorized_keys": {text: edKey + edKey2, uid: 1000}})}, []string{
			"root anywhere: (AuthenticationMethods asks for more; no key is there)", "bob anywhere: key=yes"}},
		{"a chain that never completes", host{conf: "AuthenticationMethods publickey,none\n", files: key}, []string{
			"root anywhere: (AuthenticationMethods asks for more)", "bob anywhere: (AuthenticationMethods asks for more)"}},
		{"unknown device", host{conf: "UsePAM yes\nAuthenticationMethods keyboard-interactive:bsdauth\n"}, []string{
			"root anywhere: (no device bsdauth for keyboard-interactive; AuthenticationMethods asks for more)", "bob anywhere: (no device bsdauth for keyboard-interactive; AuthenticationMethods asks for more)"}},
		{"home writable by everyone", host{conf: "PasswordAuthentication no\nKbdInteractiveAuthentication no\n", files: with(map[string]file{"/home/bob": {dir: true, uid: 1000, mode: 0o777}}, key)}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (PasswordAuthentication no; KbdInteractiveAuthentication no; StrictModes: /home/bob is writable by everyone, so its keys do not count)"}},
		{"own group may write on Debian", host{conf: "PasswordAuthentication no\n", files: with(map[string]file{"/home/bob": {dir: true, uid: 1000, gid: 1000, mode: 0o775}}, key)}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: key=yes"}},
		{"own group may not write elsewhere", host{distro: "rhel", conf: "PasswordAuthentication no\n", files: with(map[string]file{"/home/bob": {dir: true, uid: 1000, gid: 1000, mode: 0o775}}, key)}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (PasswordAuthentication no; keyboard-interactive never succeeds without PAM; StrictModes: /home/bob is writable by its group, so its keys do not count)"}},
		{"a group with others on Debian", host{conf: "PasswordAuthentication no\n", group: "root:x:0:\nbob:x:1000:\nops:x:50:bob,eve\n", files: with(map[string]file{"/home/bob": {dir: true, uid: 1000, gid: 50, mode: 0o775}}, key)}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (PasswordAuthentication no; keyboard-interactive never succeeds without PAM; StrictModes: /home/bob is writable by a group with others in it, so its keys do not count)"}},
		{"StrictModes no", host{conf: "StrictModes no\nPasswordAuthentication no\n", files: with(map[string]file{"/home/bob": {dir: true, uid: 1000, mode: 0o777}}, key)}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: key=yes"}},
		{"a key file of root that the user cannot read", host{conf: "PasswordAuthentication no\n", files: map[string]file{"/home/bob/.ssh/authorized_keys": {text: edKey, mode: 0o600}}}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (PasswordAuthentication no; keyboard-interactive never succeeds without PAM; /home/bob/.ssh/authorized_keys cannot be read by bob)"}},
		{"RevokedKeys is not there", host{conf: "PasswordAuthentication no\nRevokedKeys /etc/ssh/gone\n", files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; RevokedKeys /etc/ssh/gone is not there, so every key is refused)", "bob anywhere: (PasswordAuthentication no; keyboard-interactive never succeeds without PAM; RevokedKeys /etc/ssh/gone is not there, so every key is refused)"}},
		{"AuthorizedKeysCommand", host{conf: "PasswordAuthentication no\nAuthorizedKeysCommand /bin/k\nAuthorizedKeysCommandUser nobody\nPermitRootLogin no\n", files: map[string]file{"/bin": {dir: true}, "/bin/k": {mode: 0o755}}}, []string{
			"root anywhere: (PermitRootLogin no)", "bob anywhere: key=unknown (what AuthorizedKeysCommand prints is not known)"}},
		{"AuthorizedKeysFile elsewhere", host{conf: "PasswordAuthentication no\nPermitRootLogin no\nAuthorizedKeysFile /etc/ssh/keys/%u\n", files: map[string]file{"/etc/ssh/keys/bob": {text: edKey}, "/etc/ssh/keys": {dir: true}, "/etc": {dir: true}}}, []string{
			"root anywhere: (PermitRootLogin no)", "bob anywhere: key=yes"}},
		{"algorithm excluded", host{conf: "PasswordAuthentication no\nPubkeyAcceptedAlgorithms rsa-sha2-512\n", files: key}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (PasswordAuthentication no; keyboard-interactive never succeeds without PAM; PubkeyAcceptedAlgorithms excludes ssh-ed25519)"}},
		{"certificates", host{conf: "PasswordAuthentication no\nTrustedUserCAKeys /etc/ssh/ca\nPermitRootLogin no\n", files: map[string]file{"/etc/ssh/ca": {text: edKey}}}, []string{
			"root anywhere: (PermitRootLogin no)", "bob anywhere: key=yes"}},
		{"certificates without a principals file", host{conf: "PasswordAuthentication no\nTrustedUserCAKeys /etc/ssh/ca\nAuthorizedPrincipalsFile /etc/ssh/p/%u\nPermitRootLogin no\n", files: map[string]file{"/etc/ssh/ca": {text: edKey}}}, []string{
			"root anywhere: (PermitRootLogin no)", "bob anywhere: (PasswordAuthentication no; keyboard-interactive never succeeds without PAM; AuthorizedPrincipalsFile /etc/ssh/p/bob is not there for bob)"}},
		{"hostbased", host{conf: "PasswordAuthentication no\nHostbasedAuthentication yes\nPermitRootLogin no\n", files: map[string]file{"/etc/shosts.equiv": {}}}, []string{
			"root anywhere: (PermitRootLogin no)", "bob anywhere: other=unknown (the hosts that HostbasedAuthentication trusts are not evaluated)"}},
		{"gssapi without a keytab", host{conf: "PasswordAuthentication no\nGSSAPIAuthentication yes\nPermitRootLogin no\n"}, []string{
			"root anywhere: (PermitRootLogin no)", "bob anywhere: (PasswordAuthentication no; keyboard-interactive never succeeds without PAM; no key is there)"}},
		{"nologin with PAM", host{conf: "UsePAM yes\nPermitRootLogin yes\n", files: map[string]file{"/etc/nologin": {}}}, []string{
			"root anywhere: password=yes", "bob anywhere: (/etc/nologin is there)"}},
		{"nologin without PAM", host{conf: "UsePAM no\nPermitRootLogin yes\n", files: map[string]file{"/etc/nologin": {}}}, []string{
			"root anywhere: password=yes", "bob anywhere: (/etc/nologin is there)"}},
		{"RefuseConnection", host{v: sshd.V(9, 9), conf: "Match User bob\nRefuseConnection yes\n"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (RefuseConnection yes)"}},
		{"shadow not readable, passwords on", host{conf: "UsePAM yes\n", shadow: "-"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)",
			"bob anywhere: password=unknown (the password of bob is not known (shadow could not be read))"}},
		{"shadow not readable, passwords off", host{conf: "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n", shadow: "-"}, []string{
			"root anywhere: (PermitRootLogin prohibit-password; no key is there)", "bob anywhere: (PasswordAuthentication no; KbdInteractiveAuthentication no; no key is there)"}},
		{"a PAM module that is not evaluated", host{conf: "UsePAM yes\nPermitRootLogin no\n", pam: map[string]string{"sshd": "auth required pam_duo.so\nauth required pam_unix.so\naccount required pam_unix.so\n"}}, []string{
			"root anywhere: (PermitRootLogin no)", "bob anywhere: password=unknown (PAM: pam_duo is not evaluated)"}},
		{"refused configuration", host{conf: "PermitRootLogin maybe\n"}, []string{
			"root anywhere: password=unknown key=unknown empty=unknown other=unknown mixed=unknown (sshd would refuse its configuration, so what the running daemon holds is not known: /etc/ssh/sshd_config:1: unsupported option \"maybe\".)",
			"bob anywhere: password=unknown key=unknown empty=unknown other=unknown mixed=unknown (sshd would refuse its configuration, so what the running daemon holds is not known: /etc/ssh/sshd_config:1: unsupported option \"maybe\".)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, judged(t, tt.host)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestSummarise(t *testing.T) {
	tests := []struct {
		name string
		host
		want string // password, root, root password, empty
	}{
		{"stock", host{conf: "UsePAM yes\nKbdInteractiveAuthentication no\n"}, "yes no no no"},
		{"open", host{conf: "UsePAM yes\nPermitRootLogin yes\n"}, "yes yes yes no"},
		{"hardened", host{conf: "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n"}, "no no no no"},
		{"plain user looks", host{conf: "UsePAM yes\nPermitRootLogin yes\n", shadow: "-"}, "unknown unknown unknown no"},
		{"plain user looks at a hardened host", host{conf: "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n", shadow: "-"}, "no no no no"},
		{"keys of root not readable", host{conf: "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n", files: map[string]file{"/root/.ssh/authorized_keys": {denied: true}}}, "no unknown no no"},
		{"empty", host{conf: "UsePAM no\nPermitEmptyPasswords yes\n", shadow: "root:star:::::::\nbob:empty:::::::\n"}, "yes no no yes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answers, _ := Judge(tt.host.input())
			s := Summarise(answers)
			got := strings.Join([]string{Word(s.PasswordLogin.Verdict), Word(s.RootLogin.Verdict), Word(s.RootPasswordLogin.Verdict), Word(s.EmptyPasswords.Verdict)}, " ")
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			for _, f := range []Finding{s.PasswordLogin, s.RootLogin, s.RootPasswordLogin, s.EmptyPasswords} {
				if len(f.Evidence) == 0 {
					t.Errorf("no evidence: %+v", f)
				}
				if f.Verdict != Yes && f.Why == "" {
					t.Errorf("no reason: %+v", f)
				}
			}
		})
	}
	if f := Summarise(nil).PasswordLogin; f.Verdict != Unsure {
		t.Errorf("no accounts: %+v", f)
	}
}

// Places that were not looked at are not closed.
func TestCapped(t *testing.T) {
	var conf strings.Builder
	conf.WriteString("PasswordAuthentication no\nUsePAM no\n")
	for i := range 300 {
		fmt.Fprintf(&conf, "Match Address 10.%d.%d.0/24\nMaxAuthTries 3\n", i/256, i%256)
	}
	answers, capped := Judge(host{conf: conf.String()}.input())
	if s := Summarise(answers); !capped || s.PasswordLogin.Verdict != Unsure || s.PasswordLogin.Why == "" {
		t.Errorf("capped %v, %+v", capped, s.PasswordLogin)
	}
}

func TestWitness(t *testing.T) {
	h := host{conf: "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n\nMatch User bob Address 10.0.0.0/8\n\tPasswordAuthentication yes\n"}
	answers, _ := Judge(h.input())
	got := Summarise(answers).PasswordLogin
	want := Finding{Verdict: Yes, Evidence: []Evidence{
		{Path: "/etc/ssh/sshd_config", Line: 6, Text: "PasswordAuthentication yes", Witness: "user bob from 10.0.0.0/8 may use a password"},
		{Path: "/etc/pam.d/common-auth", Line: 1, Text: "auth [success=1 default=ignore] pam_unix nullok"},
	}}
	sort.SliceStable(got.Evidence, func(i, j int) bool { return got.Evidence[i].Witness > got.Evidence[j].Witness })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

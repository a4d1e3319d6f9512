package account

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
)

func TestJoin(t *testing.T) {
	passwd := "root:x:0:0:r:/root:/bin/bash\n# no\nbob:x:1000:1000::/home/bob:\nopen::1001:1000::/:/bin/sh\nold:x:1002:7::/:/bin/sh\n+::::::\nbad:x:y:0::/:/bin/sh\nshort:x:1\ngone:x:1003:1000::/:/bin/sh"
	group := "root:x:0:\nbob:x:1000:open, root\nops:x:50:bob,root\nbroken:x\n"
	shadow := "root:star::20000:0:99999:7::\nbob:hash:yescrypt:20000:0:90:7:30:21000\nold:locked:::::::\nold:hash:sha512::::::\nodd:nonsense:::::::\n"
	accounts, badP := ParsePasswd([]byte(passwd))
	groups, badG := ParseGroup([]byte(group))
	states, badS := ParseShadow([]byte(shadow))
	Join(accounts, groups, states)
	n := int64(Never)
	want := []Account{
		{"root", 0, 0, "/root", "/bin/bash", 1, Star, "", 20000, 0, 99999, 7, n, n, []string{"root", "bob", "ops"}},
		{"bob", 1000, 1000, "/home/bob", "", 3, Hash, "yescrypt", 20000, 0, 90, 7, 30, 21000, []string{"bob", "ops"}},
		{"open", 1001, 1000, "/", "/bin/sh", 4, Empty, "", n, n, n, n, n, n, []string{"bob"}},
		{"old", 1002, 7, "/", "/bin/sh", 5, Hash, "sha512", n, n, n, n, n, n, nil},
		{"gone", 1003, 1000, "/", "/bin/sh", 9, Invalid, "", n, n, n, n, n, n, []string{"bob"}},
	}
	if d := cmp.Diff(want, accounts); d != "" {
		t.Errorf("accounts (-want +got):\n%s", d)
	}
	var bad []string
	for _, b := range slices.Concat(badP, badG, badS) {
		bad = append(bad, b.Reason)
	}
	if d := cmp.Diff([]string{"NIS entry: names accounts that are not in this file", "uid or gid is not a number", "not seven fields", "not four fields", "no such state"}, bad); d != "" {
		t.Errorf("bad lines (-want +got):\n%s", d)
	}
}

// Without shadow an "x" is not known, and never taken for closed.
func TestJoinWithoutShadow(t *testing.T) {
	accounts, _ := ParsePasswd([]byte("a:x:1:1::/:/bin/sh\nb::2:2::/:/bin/sh\nc:*:3:3::/:/bin/sh\nd:!:4:4::/:/bin/sh\n"))
	Join(accounts, nil, nil)
	var got []string
	for _, a := range accounts {
		got = append(got, a.Name+" "+a.State.String())
	}
	if d := cmp.Diff([]string{"a unknown", "b empty", "c star", "d locked"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

const ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUr/sTM1AGbDhGPY1Uyj4hUsA7c1Xu3bXlYc0iGWvVn"

func TestParseKeys(t *testing.T) {
	tests := []struct {
		name, line, want string
	}{
		{"plain", ed + " a b", "ssh-ed25519 256 [] a b"},
		{"tabs", strings.ReplaceAll(ed, " ", "\t") + "\tx", "ssh-ed25519 256 [] x"},
		{"options", `restrict,command="echo \"a,b\" c",from="10.0.0.0/8,!10.1.0.0/16" ` + ed, `ssh-ed25519 256 [restrict command="echo \"a,b\" c" from="10.0.0.0/8,!10.1.0.0/16"] `},
		{"case of options", `CERT-Authority ` + ed, "ssh-ed25519 256 [cert-authority] "},
		{"expiry", `expiry-time="20300101" ` + ed, `ssh-ed25519 256 [expiry-time="20300101"] `},
		{"unknown option", `magic ` + ed, `ssh-ed25519 256 [magic]  | unknown key option "magic"`},
		{"option without value", `command ` + ed, `ssh-ed25519 256 [command]  | bad value of key option "command"`},
		{"open quote", `command="x ` + ed, ` 0 []  | bad value of key option "command"`},
		{"no key", "hello", ` 0 [hello]  | unknown key option "hello"`},
		{"not base64", "ssh-ed25519 ???", "ssh-ed25519 256 []  | the key is not base64"},
		{"another inner type", "ssh-rsa " + strings.Fields(ed)[1], "ssh-rsa 0 []  | the key's inner type is not ssh-rsa"},
		{"cut short", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUr", "ssh-ed25519 256 []  | the key is cut short"},
		{"SSH-1", "1024 35 1234567 x", ` 0 [1024]  | unknown key option "1024"`},
		{"CRLF", ed + " c\r", "ssh-ed25519 256 [] c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys := ParseKeys([]byte("# comment\n\n  \n" + tt.line + "\n"))
			if len(keys) != 1 || keys[0].Line != 4 {
				t.Fatalf("got %+v", keys)
			}
			if got := showKey(&keys[0]); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func showKey(k *Key) string {
	var opts []string
	for _, o := range k.Options {
		opts = append(opts, o.String())
	}
	s := k.Type + " " + itoa(k.Bits) + " [" + strings.Join(opts, " ") + "] " + k.Comment
	if k.Bad != "" {
		s += " | " + k.Bad
	}
	return s
}

func itoa(n int) string {
	if n == 0 {
		return "0"
	}
	var b []byte
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

// Types, bits and fingerprints agree with x/crypto/ssh.
func TestKeysAgainstSSH(t *testing.T) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	rk, _ := ssh.NewPublicKey(&r.PublicKey)
	ek, _ := ssh.NewPublicKey(e)
	cert := &ssh.Certificate{Nonce: []byte("n"), Key: rk, CertType: ssh.UserCert, ValidPrincipals: []string{"x"}}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key  ssh.PublicKey
		bits int
	}{{rk, 2048}, {ek, 256}, {cert, 2048}} {
		k := ParseKeys(ssh.MarshalAuthorizedKey(tt.key))[0]
		if k.Bad != "" || k.Type != tt.key.Type() || k.Bits != tt.bits || k.Fingerprint != ssh.FingerprintSHA256(tt.key) {
			t.Errorf("%s: got %+v", tt.key.Type(), k)
		}
	}
	// Padded numbers are the same key.
	field := func(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
	blob := field([]byte("ssh-rsa"))
	blob = append(blob, field([]byte{0, 0, 1, 0, 1})...)
	blob = append(blob, field(append([]byte{0, 0, 0}, r.N.Bytes()...))...)
	k := ParseKeys([]byte("ssh-rsa " + base64.StdEncoding.EncodeToString(blob) + "\n"))[0]
	if k.Bad != "" || k.Bits != 2048 || k.Fingerprint != ssh.FingerprintSHA256(rk) {
		t.Errorf("padded: got %+v", k)
	}
}

func pam(files map[string]string) *Stack {
	return ParsePAM("sshd", func(p string) ([]byte, error) {
		s, ok := files[strings.TrimPrefix(p, "/etc/pam.d/")]
		switch {
		case !ok:
			return nil, fs.ErrNotExist
		case s == "denied":
			return nil, errors.New("permission denied")
		}
		return []byte(s), nil
	})
}

func TestPAM(t *testing.T) {
	const debianAuth = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\nauth optional pam_cap.so\n"
	const debianAccount = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\naccount requisite pam_deny.so\naccount required pam_permit.so\n"
	const rhel = "auth required pam_env.so\nauth required pam_faildelay.so delay=2000000\nauth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n" +
		"auth [default=1 ignore=ignore success=ok] pam_localuser.so\nauth sufficient pam_unix.so nullok\nauth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n" +
		"auth sufficient pam_sss.so forward_pass\nauth required pam_deny.so\n"
	with := &Account{Name: "bob", UID: 1000, State: Hash, LastChange: 20000, Max: 99999, Inactive: Never, Expire: Never}
	change := func(f func(a *Account)) *Account { a := *with; f(&a); return &a }
	tests := []struct {
		name  string
		files map[string]string
		q     Question
		auth  string
		acct  string
	}{
		{"Debian", map[string]string{"sshd": "@include common-auth\naccount required pam_nologin.so\n@include common-account\n", "common-auth": debianAuth, "common-account": debianAccount},
			Question{Account: with, NoLogin: No}, "yes common-auth:1", "yes common-account:1"},
		{"Debian, locked", map[string]string{"sshd": debianAuth + debianAccount}, Question{Account: change(func(a *Account) { a.State = Locked }), NoLogin: No}, "no sshd:2", "yes sshd:5"},
		{"Debian, shadow not readable", map[string]string{"sshd": debianAuth + debianAccount}, Question{Account: change(func(a *Account) { a.State = Unknown }), NoLogin: No}, "unknown sshd:1", "unknown sshd:5"},
		{"Debian, expired", map[string]string{"sshd": debianAuth + debianAccount}, Question{Account: change(func(a *Account) { a.Expire = 1 }), NoLogin: No}, "yes sshd:1", "no sshd:6"},
		{"Debian, inactive", map[string]string{"sshd": debianAuth + debianAccount}, Question{Account: change(func(a *Account) { a.Max, a.Inactive = 30, 10 }), NoLogin: No}, "yes sshd:1", "no sshd:6"},
		{"Debian, must change", map[string]string{"sshd": debianAuth + debianAccount}, Question{Account: change(func(a *Account) { a.LastChange = 0 }), NoLogin: No}, "yes sshd:1", "yes sshd:5"},
		{"nologin", map[string]string{"sshd": debianAuth + "account required pam_nologin.so\n" + debianAccount}, Question{Account: with, NoLogin: Yes}, "yes sshd:1", "no sshd:5"},
		{"nologin, root", map[string]string{"sshd": debianAuth + "account required pam_nologin.so\n" + debianAccount}, Question{Account: change(func(a *Account) { a.UID = 0 }), NoLogin: Yes}, "yes sshd:1", "yes sshd:6"},
		{"RHEL", map[string]string{"sshd": "auth substack password-auth\naccount required pam_unix.so\n", "password-auth": rhel}, Question{Account: with}, "yes password-auth:5", "yes sshd:2"},
		{"RHEL, no hash", map[string]string{"sshd": "auth substack password-auth\naccount required pam_unix.so\n", "password-auth": rhel}, Question{Account: change(func(a *Account) { a.State = Star })}, "unknown password-auth:7", "yes sshd:2"},
		{"RHEL, root without a hash", map[string]string{"sshd": "auth substack password-auth\naccount required pam_unix.so\n", "password-auth": rhel}, Question{Account: change(func(a *Account) { a.State, a.UID = Star, 0 })}, "no password-auth:8", "yes sshd:2"},
		{"permit is a hole", map[string]string{"sshd": "auth sufficient pam_permit.so\nauth required pam_deny.so\naccount required pam_permit.so\n"}, Question{Account: change(func(a *Account) { a.State = Locked })}, "yes sshd:1", "yes sshd:3"},
		{"deny before all", map[string]string{"sshd": "auth requisite pam_deny.so\nauth sufficient pam_unix.so\naccount required pam_permit.so\n"}, Question{Account: with}, "no sshd:1", "yes sshd:3"},
		{"a second factor", map[string]string{"sshd": "auth required pam_google_authenticator.so\nauth required pam_unix.so\naccount required pam_permit.so\n"}, Question{Account: with}, "unknown sshd:1", "yes sshd:3"},
		{"required deny at the end", map[string]string{"sshd": "auth required pam_unix.so\nauth required pam_deny.so\naccount required pam_deny.so\n"}, Question{Account: with}, "no sshd:2", "no sshd:3"},
		{"succeed_if", map[string]string{"sshd": "auth requisite pam_succeed_if.so uid >= 1000 quiet\nauth required pam_unix.so\naccount required pam_succeed_if.so user ingroup ops\n"}, Question{Account: with}, "yes sshd:2", "no sshd:3"},
		{"access without rules", map[string]string{"sshd": "auth required pam_unix.so\naccount required pam_access.so\n"}, Question{Account: with, OpenAccess: Yes}, "yes sshd:1", "yes sshd:2"},
		{"access with rules", map[string]string{"sshd": "auth required pam_unix.so\naccount required pam_access.so\n"}, Question{Account: with}, "yes sshd:1", "unknown sshd:2"},
		{"empty password", map[string]string{"sshd": debianAuth + debianAccount}, Question{Account: change(func(a *Account) { a.State = Empty }), Empty: true}, "yes sshd:1", "yes sshd:5"},
		{"empty password without nullok", map[string]string{"sshd": strings.Replace(debianAuth, "nullok", "", 1) + debianAccount}, Question{Account: change(func(a *Account) { a.State = Empty }), Empty: true}, "no sshd:2", "yes sshd:5"},
		{"include not readable", map[string]string{"sshd": "@include common-auth\naccount required pam_permit.so\n", "common-auth": "denied"}, Question{Account: with}, "unknown sshd:1", "unknown sshd:1"},
		{"service not readable", map[string]string{"sshd": "denied"}, Question{Account: with}, "unknown", "unknown"},
		{"falls to other", map[string]string{"other": "auth required pam_unix.so\naccount required pam_unix.so\n"}, Question{Account: with}, "yes other:1", "yes other:2"},
		{"no lines", map[string]string{"sshd": "session required pam_unix.so\n"}, Question{Account: with}, "no", "no"},
		{"broken control", map[string]string{"sshd": "auth [success=maybe] pam_unix.so\naccount required\n"}, Question{Account: with}, "no sshd:1", "no sshd:2"},
		{"continued line", map[string]string{"sshd": "auth required \\\n pam_unix.so # c\naccount required pam_permit.so\n"}, Question{Account: with}, "yes sshd:1", "yes sshd:3"},
		{"jump over a substack", map[string]string{"sshd": "auth [success=1 default=ignore] pam_unix.so\nauth substack s\nauth required pam_permit.so\naccount required pam_permit.so\n", "s": "auth required pam_deny.so\nauth required pam_deny.so\n"}, Question{Account: with}, "yes sshd:1", "yes sshd:4"},
		{"include that loops", map[string]string{"sshd": "@include sshd\nauth required pam_unix.so\naccount required pam_permit.so\n"}, Question{Account: with}, "unknown sshd:1", "unknown sshd:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.q.Today = 20500
			s := pam(tt.files)
			if got := showResult(s.Auth(tt.q)); got != tt.auth {
				t.Errorf("auth: got %q, want %q", got, tt.auth)
			}
			if got := showResult(s.Allowed(tt.q)); got != tt.acct {
				t.Errorf("account: got %q, want %q", got, tt.acct)
			}
		})
	}
}

func showResult(r Result) string {
	s := []string{"unknown", "no", "yes"}[r.Verdict]
	if r.Entry != nil {
		s += " " + strings.TrimPrefix(r.Entry.File, "/etc/pam.d/") + ":" + itoa(r.Entry.Line)
	}
	return s
}

func TestOpenAccess(t *testing.T) {
	if OpenAccess([]byte("# x\n\n  \n")) != Yes || OpenAccess([]byte("-:ALL:ALL\n")) != No {
		t.Error("access.conf")
	}
}

// Every line of the file is an account or a bad line or empty, and lines are right.
func FuzzPasswd(f *testing.F) {
	f.Add([]byte("root:x:0:0:r:/root:/bin/bash\n+::::::\n\nx:y\n"), []byte("root:x:0:a,b\n"), []byte("root:hash:des:1:2:3:4:5:6\n"))
	f.Fuzz(func(t *testing.T, passwd, group, shadow []byte) {
		accounts, bad := ParsePasswd(passwd)
		groups, _ := ParseGroup(group)
		states, _ := ParseShadow(shadow)
		Join(accounts, groups, states)
		all := bytes.SplitAfter(passwd, []byte("\n"))
		for _, a := range accounts {
			if a.Line < 1 || a.Line > len(all) || !bytes.HasPrefix(all[a.Line-1], []byte(a.Name+":")) {
				t.Fatalf("%+v is not in line %d", a, a.Line)
			}
			if a.State == Unknown && states != nil {
				t.Fatalf("%s has no state although shadow was read", a.Name)
			}
		}
		want := 0
		for _, l := range all {
			if s := strings.TrimSuffix(string(l), "\n"); s != "" && s[0] != '#' {
				want++
			}
		}
		if got := len(accounts) + len(bad); got != want && len(bad) < maxBad {
			t.Fatalf("%d lines, %d told of", want, got)
		}
	})
}

// A key that is taken has a type and a fingerprint; x/crypto/ssh finds the same, and
// so does a second look at the key alone. There are no more keys than lines, and
// of none is more shown than the bound.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(ed + " c\n"))
	f.Add([]byte(`command="a\"b,c",restrict ` + ed + "\n"))
	f.Add([]byte("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== x\n\x00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys := ParseKeys(data)
		if len(keys) > bytes.Count(data, []byte("\n"))+1 {
			t.Fatalf("%d keys of %d lines", len(keys), bytes.Count(data, []byte("\n"))+1)
		}
		for _, k := range keys {
			if len(k.Text) > 200 || len(k.Options) > maxKeyLine {
				t.Fatalf("not bounded: %d bytes of text, %d options", len(k.Text), len(k.Options))
			}
			if k.Bad != "" {
				continue
			}
			again := ParseKeys([]byte(k.Type + " " + base64.StdEncoding.EncodeToString(k.Blob)))
			if len(again) != 1 || again[0].Fingerprint != k.Fingerprint || again[0].Bits != k.Bits || again[0].Bad != "" {
				t.Fatalf("the key alone: %+v, in its line %+v", again, k)
			}
			if k.Type == "" || !strings.HasPrefix(k.Fingerprint, "SHA256:") {
				t.Fatalf("taken without type or fingerprint: %+v", k)
			}
			if pub, _, _, _, err := ssh.ParseAuthorizedKey([]byte(k.Text)); err == nil && len(k.Text) < 200 && ssh.FingerprintSHA256(pub) != k.Fingerprint && !strings.ContainsAny(k.Text, "\"\t") {
				t.Fatalf("fingerprint %s, x/crypto has %s", k.Fingerprint, ssh.FingerprintSHA256(pub))
			}
		}
	})
}

// Principals are bounded, have a name of one word each, and written anew they say
// the same.
func FuzzPrincipals(f *testing.F) {
	f.Add([]byte("alice\n# c\n  bob # c\ncommand=\"a\\\"b,c\",restrict ops\n"))
	f.Add([]byte("from=\"10.0.0.0/8\" a\tb\nx=1 y\n\x00\r\n, z\nno-pty  q\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list := ParsePrincipals(data)
		if len(list) > maxPrincipals || len(list) > bytes.Count(data, []byte("\n"))+1 {
			t.Fatalf("%d principals", len(list))
		}
		for _, p := range list {
			if p.Name == "" || strings.ContainsAny(p.Name, " \t\n\x00#") || p.Line < 1 {
				t.Fatalf("%+v", p)
			}
			if p.Bad != "" {
				continue
			}
			var options []string
			for _, o := range p.Options {
				if _, known := optionNames[o.Name]; !known {
					t.Fatalf("taken with an option that sshd does not know: %+v", p)
				}
				options = append(options, o.String())
			}
			text := strings.Join(options, ",") + " " + p.Name
			again := ParsePrincipals([]byte(text))
			if len(again) != 1 || again[0].Name != p.Name || again[0].Bad != "" || !slices.Equal(again[0].Options, p.Options) {
				t.Fatalf("%q: %+v, before %+v", text, again, p)
			}
		}
	})
}

// A stack never says yes where its only way leads through a module that denies.
func FuzzPAM(f *testing.F) {
	f.Add([]byte("auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n"))
	f.Add([]byte("auth required pam_listfile.so item=user sense=deny file=/x\naccount required pam_time.so\nauth required pam_sepermit.so\nauth required pam_shells.so\n*;*;!root|bob&a*;Wk0-1\n@bob\n"))
	f.Add([]byte("auth substack x\n@include y\nauth include z\n-auth sufficient pam_x.so a [b c]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := &Account{Name: "bob", UID: 1000, State: Locked, LastChange: Never, Expire: Never}
		s := ParsePAM("sshd", func(p string) ([]byte, error) {
			return data, nil // the modules' own files too
		})
		if len(s.Entries) > 2*maxPAMEntries {
			t.Fatalf("%d entries", len(s.Entries))
		}
		s.Allowed(Question{Account: a})
		r := s.Auth(Question{Account: a})
		if r.Verdict == Unsure && r.Why == "" {
			t.Fatal("not known, without a reason")
		}
		s.Entries = append([]Entry{{Type: "auth", Control: "requisite", Module: "pam_deny", ctl: simple["requisite"]}}, s.Entries...)
		if r := s.Auth(Question{Account: a}); r.Verdict == Yes {
			t.Fatalf("yes behind a requisite pam_deny: %+v", r)
		}
	})
}

// TestPAMThatGoesOn: lines that go on in the next one cost no more than their bytes.
func TestPAMThatGoesOn(t *testing.T) {
	long := strings.Repeat("\\\n", 500_000) + "auth required pam_deny.so\n"
	main := strings.Repeat("@include long\n", 40) + "auth required pam_unix.so\n"
	began := time.Now()
	s := ParsePAM("sshd", func(path string) ([]byte, error) {
		switch path {
		case "/etc/pam.d/sshd":
			return []byte(main), nil
		case "/etc/pam.d/long":
			return []byte(long), nil
		}
		return nil, fs.ErrNotExist
	})
	if took := time.Since(began); took > 20*time.Second { // a copy of what came before with each line: minutes
		t.Errorf("it took %v", took)
	}
	if n := len(s.Entries); n != 41 || s.Entries[0].Module != "pam_deny" {
		t.Errorf("%d entries", n)
	}
	if s := ParsePAM("sshd", func(string) ([]byte, error) { return []byte("auth \\\n required \\\n pam_a.so x \\\n"), nil }); len(s.Entries) != 1 || s.Entries[0].Module != "pam_a" || s.Entries[0].Line != 1 {
		t.Errorf("%+v", s.Entries)
	}
}

package sshd

import (
	"fmt"
	"strings"
	"testing"
)

// trap is one case of the list of things that parsers of sshd_config get wrong,
// run on real daemons (8.4, 9.2, 10.0, 10.6) when the list was made.
type trap struct {
	n     string            // its number there, and what it shows
	conf  string            // the main file
	files map[string]string // what it includes
	opt   []string          // -o arguments
	at    Context           // zero: the globals, as sshd -T -C user=,... gives them
	want  map[string]string // release -> what comes out
}

// The wanted text is "refused", "ends" (sshd -T -C for that login), or
// "Keyword=words" parts joined by "; ".
var traps = []trap{
	{n: "1 first wins", conf: "PermitRootLogin yes\nPermitRootLogin no\n", want: all4("PermitRootLogin=yes")},
	{n: "2 case and equals", conf: "permitROOTlogin=NO\n", want: all4("PermitRootLogin=no")},
	{n: "2 tab equals", conf: "PermitRootLogin\t=\tno\n", want: all4("PermitRootLogin=no")},
	{n: "2 two equals", conf: "PermitRootLogin == no\n", want: all4("refused")},
	{n: "3 hash without blank", conf: "PermitRootLogin no#x\n", want: split84("PermitRootLogin=no", "refused")},
	{n: "3 hash with blank", conf: "PermitRootLogin no # x\n", want: all4("PermitRootLogin=no")},
	{n: "4 hash in a word", conf: "AllowUsers a#b c\n", want: split84("AllowUsers=a", "AllowUsers=a#b c")},
	{n: "5 hash in quotes", conf: "AllowUsers \"a#b\" c\n", want: split84("AllowUsers=", "AllowUsers=a#b c")},
	{n: "6 nothing", conf: "AllowUsers\n", want: split84("AllowUsers=", "refused")},
	{n: "6 empty quotes", conf: "AllowUsers \"\"\n", want: split84("AllowUsers=", "refused")},
	{n: "7 single quotes", conf: "PermitRootLogin 'no'\n", want: split84("refused", "PermitRootLogin=no")},
	{n: "8 quotes inside words", conf: "AllowUsers a\"b c\"d\n", want: split84("AllowUsers=ab c d", "AllowUsers=ab cd")},
	{n: "9 escaped blank", conf: `AllowUsers a\ b c` + "\n", want: split84(`AllowUsers=a\ b c`, "AllowUsers=a b c")},
	{n: "10 equals between arguments", conf: "AllowUsers=x b=c\n", want: split84("AllowUsers=x b c", "AllowUsers=x b=c")},
	{n: "11 ForceCommand", conf: `ForceCommand echo "hi # there"  x  # c` + "\n", want: split84(`ForceCommand=echo "hi`, `ForceCommand=echo "hi # there"  x  # c`)},
	{n: "12 ForceCommand in quotes", conf: `ForceCommand "echo hi"` + "\n", want: all4(`ForceCommand="echo hi"`)},
	{n: "13 CRLF", conf: "PasswordAuthentication no\r\nPermitRootLogin no\r\n", want: all4("PasswordAuthentication=no; PermitRootLogin=no")},
	{n: "13 form feed at the end", conf: "PermitRootLogin no\f\n", want: all4("PermitRootLogin=no")},
	{n: "13 form feed at the start", conf: "\fPermitRootLogin no\n", want: all4("refused")},
	{n: "13 byte order mark", conf: "\xef\xbb\xbfPermitRootLogin no\n", want: all4("refused")},
	{n: "13 no-break space", conf: "PermitRootLogin\u00a0no\n", want: all4("refused")},
	{n: "14 continuation", conf: "PermitRootLogin no\\\nX11Forwarding no\n", want: all4("refused")},
	{n: "15 NUL", conf: "PermitRootLogin no\x00x\nPasswordAuthentication no\n", want: all4("refused")},
	{n: "16 PermitUserEnvironment YES", conf: "PermitUserEnvironment YES\n", want: all4("PermitUserEnvironment=YES")},
	{n: "16 true is no flag", conf: "PermitRootLogin true\n", want: all4("refused")},
	{n: "17 times", conf: "LoginGraceTime 1H30M\n", want: all4("LoginGraceTime=5400")},
	{n: "17 times with a blank", conf: "LoginGraceTime 1h 30m\n", want: all4("refused")},
	{n: "18 a service's name", conf: "Port ssh\n", want: all4("Port=22")},
	{n: "18 port 0", conf: "Port 0\n", want: all4("refused")},
	{n: "19 ports append", conf: "Port 1\nPort 2\nPort 1\n", want: all4("Port=1 2 1")},
	{n: "20 MaxStartups", conf: "MaxStartups 5\nMaxStartups 7\n", want: map[string]string{"8.4": "MaxStartups=7:30:7", "9.2": "MaxStartups=7:30:7", "10.0": "MaxStartups=7:30:7", "10.6": "MaxStartups=5:30:5"}},
	{n: "20 IPQoS", conf: "IPQoS cs1\nIPQoS ef\n", want: map[string]string{"9.2": "IPQoS=ef ef", "10.2": "IPQoS=ef ef", "10.3": "IPQoS=cs1 cs1"}},
	{n: "20 PerSourceMaxStartups", conf: "PerSourceMaxStartups 3\nPerSourceMaxStartups 4\n", want: map[string]string{"8.5": "PerSourceMaxStartups=4", "9.4": "PerSourceMaxStartups=4", "9.5": "PerSourceMaxStartups=3"}},
	{n: "21 UnusedConnectionTimeout", conf: "UnusedConnectionTimeout 60\nUnusedConnectionTimeout none\n", want: map[string]string{"9.2": "UnusedConnectionTimeout=none", "10.6": "UnusedConnectionTimeout=none"}},
	{n: "22 PerSourcePenalties", conf: "PerSourcePenalties no\nPerSourcePenalties crash:1\n", want: map[string]string{"10.0": "PerSourcePenalties=crash:1", "10.6": "PerSourcePenalties=crash:1"}},
	{n: "23 first line of several words", conf: "AuthorizedKeysFile a b\nAuthorizedKeysFile c\nAcceptEnv A\nAcceptEnv B\nPermitOpen a:1\nPermitOpen b:2\nSetEnv A=1\nSetEnv B=2\n",
		want: all4("AuthorizedKeysFile=a b; AcceptEnv=A B; PermitOpen=a:1; SetEnv=A=1")},
	{n: "24 Subsystem twice", conf: "Subsystem sftp /a\nSubsystem sftp /b\n", want: map[string]string{"8.4": "refused", "9.2": "refused", "9.4": "refused", "9.5": "Subsystem=sftp /a", "10.0": "Subsystem=sftp /a"}},
	{n: "26 alias shares a slot", conf: "ChallengeResponseAuthentication yes\nKbdInteractiveAuthentication no\n",
		want: all4("KbdInteractiveAuthentication=yes; ChallengeResponseAuthentication=yes")},
	{n: "25 the other slot alone shuts it up to 8.6", conf: "ChallengeResponseAuthentication no\n", want: all4("KbdInteractiveAuthentication=no")},
	{n: "25 and can be overruled", conf: "KbdInteractiveAuthentication yes\nChallengeResponseAuthentication no\n",
		want: all4("KbdInteractiveAuthentication=yes")},
	{n: "27 DSAAuthentication", conf: "DSAAuthentication no\n", want: all4("PubkeyAuthentication=no")},
	{n: "27 SkeyAuthentication", conf: "SkeyAuthentication no\n", want: split84("KbdInteractiveAuthentication=yes; ChallengeResponseAuthentication=yes", "KbdInteractiveAuthentication=no")},
	{n: "28 SSH 1 keywords", conf: "Protocol 1\nRSAAuthentication yes\nServerKeyBits 768\n", want: all4("PubkeyAuthentication=yes")},
	{n: "28 PAMAuthenticationViaKbdInt", conf: "PAMAuthenticationViaKbdInt no\n", want: map[string]string{"9.2": "UsePAM=no", "10.3": "UsePAM=no", "10.4": "refused", "10.6": "refused"}},
	{n: "32 Match all overrides", conf: "PasswordAuthentication yes\nMatch all\nPasswordAuthentication no\n", want: all4("PasswordAuthentication=no")},
	{n: "33 lists replace", conf: "AllowUsers a b\nMatch user x\nAllowUsers d\n", at: Context{User: "x"}, want: all4("AllowUsers=d")},
	{n: "33 two blocks append", conf: "AllowUsers g\nMatch user x\nAllowUsers a\nMatch user x\nAllowUsers b\n", at: Context{User: "x"}, want: all4("AllowUsers=a b")},
	{n: "34 first matching block", conf: "Match user alice\nMaxAuthTries 9\nMatch address 10.0.0.0/8\nMaxAuthTries 2\n", at: Context{User: "alice", Addr: "10.1.1.1"}, want: all4("MaxAuthTries=9")},
	{n: "35 only negations", conf: "Match User !bob\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: all4("MaxAuthTries=6")},
	{n: "35 star and negation", conf: "Match User *,!bob\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: all4("MaxAuthTries=9")},
	{n: "35 negated network", conf: "Match Address !10.0.0.0/8\nMaxAuthTries 9\n", at: Context{User: "a", Addr: "192.0.2.1"}, want: all4("MaxAuthTries=6")},
	{n: "36 blanks between names", conf: "Match User bob alice\n", want: all4("refused")},
	{n: "36 commas between names", conf: "Match User bob,alice\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: all4("MaxAuthTries=9")},
	{n: "36 case", conf: "Match User ALICE\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: all4("MaxAuthTries=6")},
	{n: "36 quotes", conf: "Match User \"alice\"\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: all4("MaxAuthTries=9")},
	{n: "37 equals with blanks", conf: "Match User = alice\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: map[string]string{"8.4": "MaxAuthTries=9", "9.2": "MaxAuthTries=9", "10.0": "refused", "10.6": "refused"}},
	{n: "37 equals", conf: "Match user=alice\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: all4("MaxAuthTries=9")},
	{n: "37 hash in a Match", conf: "Match User alice#c\nMaxAuthTries 9\n", at: Context{User: "alice"}, want: split84("MaxAuthTries=9", "MaxAuthTries=6")},
	{n: "38 Port in Match all", conf: "Match all\nPort 2222\n", want: all4("Port=2222")},
	{n: "38 Port in a Match", conf: "Match user x\nPort 2222\n", want: all4("refused")},
	{n: "39 nothing ends a block", conf: "Match user x\n  X11Forwarding yes\n\n# c\nMaxAuthTries 9\n", want: all4("MaxAuthTries=6")},
	{n: "40 unknown account in no group", conf: "Match Group *\nMaxAuthTries 9\n", at: Context{User: "nosuch"}, want: all4("MaxAuthTries=6")},
	{n: "40 unknown account by name", conf: "Match User nosuch\nMaxAuthTries 9\n", at: Context{User: "nosuch"}, want: all4("MaxAuthTries=9")},
	{n: "40 invalid-user", conf: "Match invalid-user\nMaxAuthTries 9\n", at: Context{User: "nosuch", Invalid: true}, want: map[string]string{"9.2": "refused", "10.0": "MaxAuthTries=9"}},
	{n: "41 several ports", conf: "Match LocalPort 22,2222\n", want: all4("refused")},
	{n: "42 bits beyond the mask", conf: "Match Address 10.0.0.5/8\n", want: all4("refused")},
	{n: "42 short address", conf: "Match Address 10.0.0\nMaxAuthTries 9\n", at: Context{User: "a", Addr: "10.0.0.1"}, want: all4("MaxAuthTries=6")},
	{n: "43 Host without UseDNS", conf: "Match Host *.example.com\nMaxAuthTries 9\n", at: Context{User: "a", Addr: "192.0.2.1"}, want: all4("MaxAuthTries=6")},
	{n: "44 exec", conf: "Match Exec \"true\"\n", want: all4("refused")},
	{n: "44 final", conf: "Match final\n", want: all4("refused")},
	{n: "45 drop-in first", conf: "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\n",
		files: map[string]string{"/etc/ssh/sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\n", "/etc/ssh/sshd_config.d/99-x.conf": "PasswordAuthentication no\n"}, want: all4("PasswordAuthentication=yes")},
	{n: "46 byte order", conf: "Include /d/*\n", files: map[string]string{"/d/10-a": "AcceptEnv a10\n", "/d/9-b": "AcceptEnv b9\n", "/d/B": "AcceptEnv B\n", "/d/Z": "AcceptEnv Z\n", "/d/a": "AcceptEnv a\n", "/d/.x": "AcceptEnv hidden\n"}, want: all4("AcceptEnv=a10 b9 B Z a")},
	{n: "47 nothing there", conf: "Include /nope/*.conf\n", want: all4("PasswordAuthentication=yes")},
	{n: "47 dangling link", conf: "Include /d/*.conf\n", files: map[string]string{"/d/x.conf": "\x00dangling"}, want: all4("refused")},
	{n: "48 braces", conf: "Include /d/{a,b}.conf\n", files: map[string]string{"/d/a.conf": "Port 1\n"}, want: all4("Port=22")},
	{n: "48 tilde", conf: "Include ~/x\n", files: map[string]string{"/root/x": "Port 1\n"}, want: all4("Port=22")},
	{n: "48 relative", conf: "Include x.conf\n", files: map[string]string{"/etc/ssh/x.conf": "Port 33\n"}, want: all4("Port=33")},
	{n: "49 a Match ends with its file", conf: "Include /d/m\nPort 33\n", files: map[string]string{"/d/m": "Match user bob\nMaxAuthTries 9\n"}, want: all4("Port=33; MaxAuthTries=6")},
	{n: "50 Include in a Match", conf: "Match user bob\nInclude /f\n", files: map[string]string{"/f": "Match all\nPasswordAuthentication no\n"}, at: Context{User: "alice"}, want: all4("PasswordAuthentication=yes")},
	{n: "50 Include in a Match that applies", conf: "Match user bob\nInclude /f\n", files: map[string]string{"/f": "Match all\nPasswordAuthentication no\n"}, at: Context{User: "bob"}, want: all4("PasswordAuthentication=no")},
	{n: "50 global keyword in it", conf: "Match user bob\nInclude /f\n", files: map[string]string{"/f": "Port 44\n"}, want: all4("refused")},
	{n: "51 a file that includes itself", conf: "Include /etc/ssh/sshd_config\n", want: all4("refused")},
	{n: "52 wrong value in a dead block", conf: "Match user nobodyatall\nMaxAuthTries x\n", want: all4("refused")},
	{n: "52 wrong value after a good one", conf: "PermitRootLogin yes\nPermitRootLogin bogus\n", want: all4("refused")},
	{n: "53 @ with a bad network", conf: "AllowUsers a@127.0.0.1/8\n", want: all4("refused")},
	{n: "56 Ciphers -*", conf: "Ciphers -*\n", want: all4("Ciphers:=")},
	{n: "57 blanks between ciphers", conf: "Ciphers aes128-ctr aes256-ctr\n", want: all4("refused")},
	{n: "57 no such kex to remove", conf: "KexAlgorithms -nosuch\n", want: all4("PasswordAuthentication=yes")},
	{n: "59 -o against Match all", conf: "PasswordAuthentication yes\nMatch all\nPasswordAuthentication yes\n", opt: []string{"PasswordAuthentication=no"}, at: Context{User: "x"}, want: all4("PasswordAuthentication=yes")},
	{n: "59 -o against the globals", conf: "PasswordAuthentication yes\n", opt: []string{"PasswordAuthentication=no"}, want: all4("PasswordAuthentication=no")},
	{n: "60 any in a Match", conf: "AuthenticationMethods publickey,password\nMatch user alice\nAuthenticationMethods any\n", at: Context{User: "alice"},
		want: map[string]string{"8.4": "AuthenticationMethods=any", "9.2": "refused", "10.0": "AuthenticationMethods=any", "10.6": "AuthenticationMethods=any"}},
	{n: "61 SetEnv in a Match", conf: "Match user a\nSetEnv A=1\n", at: Context{User: "a"}, want: split84("SetEnv=", "SetEnv=A=1")},
	{n: "61 PAMServiceName in a Match", conf: "Match user a\nPAMServiceName x\n", at: Context{User: "a"}, want: map[string]string{"9.2": "refused", "10.0": "PAMServiceName=x", "10.4": "refused", "10.5": "PAMServiceName=x"}},
	{n: "62 RevokedKeys", conf: "RevokedKeys /a /b\n", want: map[string]string{"9.2": "refused", "10.2": "refused", "10.3": "RevokedKeys=/a /b"}},
	{n: "65 methods that never complete", conf: "AuthenticationMethods publickey,none\n", want: all4("AuthenticationMethods=publickey,none")},
	{n: "66 Match version", conf: "Match version OpenSSH_1*\nPort 77\n", want: map[string]string{"9.2": "refused", "10.0": "Port=77", "10.6": "Port=77"}},
	{n: "66 mapped address", conf: "Match Address 10.0.0.0/8\nMaxAuthTries 9\n", at: Context{User: "a", Addr: "::ffff:10.0.0.1"}, want: all4("MaxAuthTries=6")},
}

func all4(want string) map[string]string {
	return map[string]string{"8.4": want, "9.2": want, "10.0": want, "10.6": want}
}

func split84(old, new string) map[string]string {
	return map[string]string{"8.4": old, "9.2": new, "10.0": new, "10.6": new}
}

func TestTraps(t *testing.T) { runTraps(t, traps) }

func runTraps(t *testing.T, traps []trap) {
	for _, tt := range traps {
		for release, want := range tt.want {
			t.Run(tt.n+" in "+release, func(t *testing.T) {
				v, _ := ParseVersion(release)
				files := mapFiles{"/etc/ssh/sshd_config": []byte(tt.conf)}
				for name, text := range tt.files {
					files[name] = []byte(text)
					if text == "\x00dangling" {
						files[name] = nil
					}
				}
				cfg := Load("/etc/ssh/sshd_config", files, Options{Version: v, Distro: "debian", CommandLine: tt.opt})
				if f := cfg.Refused(); f != nil || want == "refused" {
					if f == nil {
						t.Fatal("accepted")
					}
					if want != "refused" {
						t.Fatalf("refused: %s", f)
					}
					return
				}
				set := cfg.Eval(tt.at)
				if f := set.Refused(); f != nil || want == "ends" {
					if f == nil || want != "ends" {
						t.Fatalf("for this login: %v, want %s", f, want)
					}
					return
				}
				for part := range strings.SplitSeq(want, "; ") {
					k, value, _ := strings.Cut(part, "=")
					got := strings.Join(set.Get(k).Args, " ")
					if list, ok := strings.CutSuffix(k, ":"); ok {
						got = strings.Join(set.Algorithms(list), ",")
					}
					if got != value {
						t.Errorf("%s = %q, want %q", k, got, value)
					}
				}
			})
		}
	}
}

// Origins name the line that counts, the lines that do not, and the way there.
func TestOrigins(t *testing.T) {
	files := mapFiles{
		"/etc/ssh/sshd_config":                      []byte("Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\nAllowUsers c\nMatch User bob\n  PasswordAuthentication yes\n"),
		"/etc/ssh/sshd_config.d/50-cloud-init.conf": []byte("# cloud\nPasswordAuthentication yes\nAllowUsers a b\n"),
	}
	cfg := Load("/etc/ssh/sshd_config", files, Options{Version: V(9, 2)})
	show := func(v Value) string {
		s := fmt.Sprintf("%v from %s", v.Args, v.Origin)
		for _, m := range v.More {
			s += " and " + m.String()
		}
		for _, o := range v.Shadowed {
			s += " not " + o.String()
		}
		return s
	}
	tests := []struct {
		name, keyword, want string
		at                  Context
	}{
		{"drop-in wins", "PasswordAuthentication", "[yes] from /etc/ssh/sshd_config.d/50-cloud-init.conf:2 not /etc/ssh/sshd_config:2", Context{User: "x"}},
		{"block wins", "PasswordAuthentication", "[yes] from /etc/ssh/sshd_config:5 not /etc/ssh/sshd_config.d/50-cloud-init.conf:2", Context{User: "bob"}},
		{"appended", "AllowUsers", "[a b c] from /etc/ssh/sshd_config.d/50-cloud-init.conf:3 and /etc/ssh/sshd_config:3", Context{User: "x"}},
		{"default", "MaxAuthTries", "[6] from default", Context{User: "x"}},
		{"alias", "ChallengeResponseAuthentication", "[yes] from default", Context{User: "x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := show(cfg.Eval(tt.at).Get(tt.keyword)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	o := cfg.Eval(Context{User: "bob"}).Get("PasswordAuthentication").Origin
	if o.Match != "User bob" || o.MatchPos.Line != 4 || o.Text != "  PasswordAuthentication yes" {
		t.Errorf("block origin: %+v", o)
	}
	o = cfg.Globals().Get("PasswordAuthentication").Origin
	if len(o.Via) != 1 || o.Via[0].Pos.Line != 1 || o.Via[0].File != "/etc/ssh/sshd_config" {
		t.Errorf("way to the drop-in: %+v", o.Via)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name, conf, want, hint string
		v                      Version
	}{
		{"near name", "PaswordAuthentication no\n", "/c:1: Bad configuration option: PaswordAuthentication", "did you mean PasswordAuthentication?", V(9, 2)},
		{"newer keyword", "\nPerSourcePenalties yes\n", "/c:2: Bad configuration option: PerSourcePenalties", "PerSourcePenalties needs OpenSSH 9.8; this sshd is 9.2", V(9, 2)},
		{"gone keyword", "PAMAuthenticationViaKbdInt no\n", "/c:1: Bad configuration option: PAMAuthenticationViaKbdInt", "PAMAuthenticationViaKbdInt is gone since OpenSSH 10.4: remove the line", V(10, 6)},
		{"foreign keyword", "RSAMinSize 2048\n", "/c:1: Bad configuration option: RSAMinSize", "RSAMinSize is known only to the sshd of fedora, rhel", V(9, 2)},
		{"bad value", "PermitRootLogin maybe\n", `/c:1: unsupported option "maybe".`, "write one of yes, no, prohibit-password, without-password, forced-commands-only", V(9, 2)},
		{"missing argument", "Port\n", `/c:1: no argument after keyword "Port"`, "give a value, or remove the line", V(9, 2)},
		{"extra argument", "UsePAM yes no\n", "/c:1: keyword UsePAM extra arguments at end of line", "remove what stands behind yes", V(9, 2)},
		{"extra argument, old", "UsePAM yes no\n", `/c:1: garbage at end of line; "no".`, "remove what stands behind yes", V(8, 4)},
		{"open quote", "Banner \"x\n", "/c:1: invalid quotes", "close the quote", V(9, 2)},
		{"in Match", "Match User x\nUseDNS no\n", "/c:2: Directive 'UseDNS' is not allowed within a Match block", "move the line before the first Match of its file", V(9, 2)},
		{"unknown in Match", "Match User x\nNope no\n", "/c:2: Directive 'Nope' is not allowed within a Match block", "no release of sshd knows it: remove the line", V(9, 2)},
		{"mac", "MACs hmac-sha2-512,hmac-ripemd160\n", "/c:1: Bad SSH2 mac spec 'hmac-sha2-512,hmac-ripemd160'.", `hmac-ripemd160 is gone since OpenSSH 7.6: take it out of the list`, V(9, 2)},
		{"methods", "AuthenticationMethods publickey\nPubkeyAuthentication no\n", "/c:1: AuthenticationMethods cannot be satisfied by enabled authentication methods", "enable the methods that the lists name", V(9, 2)},
		{"command without user", "AuthorizedKeysCommand /x\n", "/c:1: AuthorizedKeysCommand set without AuthorizedKeysCommandUser", "add AuthorizedKeysCommandUser with an account of its own", V(9, 2)},
		{"network", "Match Address 10.0.0.5/8\n", "/c:1: Invalid Match address argument '10.0.0.5/8' at line 1", "a network must have no bits beyond its mask: 10.0.0.0/8, not 10.0.0.5/8", V(9, 2)},
		{"client criterion", "Match exec true\n", "/c:1: Unsupported Match attribute exec", "exec is for ssh_config, not for sshd_config", V(9, 2)},
		{"list of an emptied class", "PubkeyAcceptedAlgorithms RSA\n", "/c:1: assemble_algorithms: pubkey_accepted_algos: invalid argument", "no algorithm of this release is left in the list", V(9, 2)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Load("/c", mapFiles{"/c": []byte(tt.conf)}, Options{Version: tt.v, Distro: "debian"})
			f := cfg.Refused()
			if f == nil {
				t.Fatal("accepted")
			}
			if f.String() != tt.want || f.Hint != tt.hint {
				t.Errorf("got  %s | %s\nwant %s | %s", f, f.Hint, tt.want, tt.hint)
			}
		})
	}
}

// What the differential test found, each with the releases that were asked.
var found = []trap{
	{n: "a lone negation empties a list", conf: "HostbasedAcceptedKeyTypes +ssh-ed25519,!ssh-*\n", want: all4("refused")},
	{n: "RDomain on Linux", conf: "RDomain none\n", want: all4("refused")},
	{n: "a time that RekeyLimit leaves out in a block", conf: "RekeyLimit default 2h\nMatch all\nRekeyLimit 1G\n", want: all4("RekeyLimit=1073741824 7200")},
	{n: "a loop behind another file of its pattern", conf: "Include /d/*\n", files: map[string]string{"/d/a": "PermitTTY no\n", "/d/b": "Include /d/*\n"}, want: all4("ends")},
	{n: "a loop through a pattern alone", conf: "Include /d/*\n", files: map[string]string{"/d/b": "Include /d/*\n"}, want: all4("refused")},
	{n: "any behind methods in a block", conf: "Match User x\nAuthenticationMethods publickey\nMatch User y\nAuthenticationMethods any\n", at: Context{User: "x"},
		want: map[string]string{"8.4": "AuthenticationMethods=publickey", "9.2": "ends", "10.0": "AuthenticationMethods=publickey", "10.6": "AuthenticationMethods=publickey"}},
	{n: "Subsystem in Match all", conf: "Subsystem a /a\nMatch all\nSubsystem b /b\n", at: Context{User: "x"}, want: map[string]string{"9.2": "Subsystem=a /a b /b", "10.0": "Subsystem=b /b"}},
	{n: "a second command that is no path", conf: "AuthorizedKeysCommandUser x\nAuthorizedKeysCommand /a\nAuthorizedKeysCommand b\n", want: split84("AuthorizedKeysCommand=/a", "refused")},
	{n: "an ending behind a GSSAPI exchange", conf: "GSSAPIKexAlgorithms gss-gex-sha1-#tail\n", want: map[string]string{"9.2": "GSSAPIKexAlgorithms=gss-gex-sha1-#tail"}},
	{n: "Subsystem in a block", conf: "Subsystem a /a\nSubsystem b /b\nMatch User x\nSubsystem c /c\nSubsystem a /d\n", at: Context{User: "x"},
		want: map[string]string{"9.2": "refused", "10.0": "Subsystem=c /c a /d", "10.6": "Subsystem=c /c a /d"}},
	{n: "Subsystem keeps its quotes", conf: "Subsystem a /x\"y z\"\n", want: map[string]string{"9.2": "Subsystem=a /xy z", "10.0": "Subsystem=a \"/xy z\""}},
	{n: "any before others", conf: "PermitOpen any x:1\n", want: map[string]string{"9.2": "refused", "10.0": "PermitOpen=any x:1", "10.6": "PermitOpen=any x:1"}},
	{n: "any behind others", conf: "PermitOpen x:1 any\n", want: all4("refused")},
	{n: "names of RFC 1349", conf: "IPQoS lowdelay 8\n", want: map[string]string{"9.2": "IPQoS=lowdelay throughput", "10.0": "IPQoS=none 0x08", "10.6": "IPQoS=none 0x08"}},
	{n: "hexadecimal IPQoS", conf: "IPQoS 0x10\n", want: map[string]string{"9.2": "IPQoS=lowdelay lowdelay", "10.0": "refused", "10.6": "refused"}},
	{n: "le was 1", conf: "IPQoS le reliability\n", want: map[string]string{"8.4": "IPQoS=le reliability", "9.2": "IPQoS=le le"}},
	{n: "relative paths", conf: "ModuliFile x\n", want: map[string]string{"9.2": "ModuliFile=//x", "10.6": "ModuliFile=//x"}},
	{n: "relative RevokedKeys", conf: "RevokedKeys x\n", want: map[string]string{"8.4": "RevokedKeys=//x", "10.0": "RevokedKeys=//x", "10.6": "RevokedKeys=x"}},
	{n: "another's home", conf: "XAuthLocation ~root/x\n", want: all4("XAuthLocation=/root/x")},
	{n: "none among key files", conf: "AuthorizedKeysFile a none\n", want: map[string]string{"8.4": "AuthorizedKeysFile=a none", "9.2": "AuthorizedKeysFile=a none", "10.0": "AuthorizedKeysFile=a none", "10.6": "refused"}},
	{n: "the first penalty of a class", conf: "PerSourcePenalties crash:2 crash:3\n", want: map[string]string{"10.0": "PerSourcePenalties=crash:2", "10.6": "PerSourcePenalties=crash:2"}},
	{n: "an exempt list with a bad network", conf: "PerSourcePenaltyExemptList 10.0.0.5/8\n", want: map[string]string{"10.0": "refused", "10.6": "refused"}},
	{n: "the same name twice in SetEnv", conf: "SetEnv A=1 A=2\n", want: split84("SetEnv=A=1 A=2", "SetEnv=A=1")},
	{n: "short key names", conf: "PubkeyAcceptedAlgorithms RSA,ssh-ed25519\n", want: map[string]string{"9.2": "PubkeyAcceptedAlgorithms:=ssh-ed25519", "10.0": "refused"}},
	{n: "a short name in a block", conf: "Match User x\nPubkeyAcceptedAlgorithms RSA\n", at: Context{User: "x"}, want: map[string]string{"9.2": "ends", "10.0": "refused"}},
	{n: "an empty name ends what is added", conf: "MACs +,hmac-md5-96\nPermitTTY no\n", want: map[string]string{"9.2": "PermitTTY=no", "10.0": "PermitTTY=no"}},
	{n: "keyword in quotes and an equals sign", conf: "\"AllowGroups\" = a b\n", want: map[string]string{"8.4": "refused", "9.2": "AllowGroups== a b"}},
	{n: "which does not trouble AuthorizedKeysFile", conf: "\"AuthorizedKeysFile\" =a none\nPermitTTY no\n", want: map[string]string{"8.4": "PermitTTY=no"}},
	{n: "a command that is no path, in a dead block", conf: "Match User x\nAuthorizedKeysCommand bin\n", want: split84("PermitTTY=yes", "refused")},
	{n: "a command that is no path, in a block that holds", conf: "Match User x\nAuthorizedKeysCommand bin\n", at: Context{User: "x"}, want: split84("ends", "refused")},
	{n: "a time beyond an int", conf: "ClientAliveInterval 99999999999\n", want: split84("ClientAliveInterval=1215752191", "refused")},
	{n: "MaxStartups -1 is not set", conf: "MaxStartups -1\n", want: split84("MaxStartups=10:30:100", "refused")},
	{n: "PAMServiceName in a block", conf: "Match User x\nPAMServiceName y\n", at: Context{User: "x"}, want: map[string]string{"10.0": "PAMServiceName=y", "10.6": "PAMServiceName=y"}},
	{n: "kbd-interactive that a block shuts", conf: "Match User x\nKbdInteractiveAuthentication no\n", at: Context{User: "x"}, want: all4("KbdInteractiveAuthentication=no")},
	{n: "AgentSocketPath", conf: "AgentSocketPath /x\n", want: map[string]string{"10.0": "refused", "10.6": "refused"}},
	{n: "a zone has to be the same", conf: "Match Address fe80::/10\nMaxAuthTries 9\n", at: Context{User: "x", Addr: "fe80::1%eth0"}, want: all4("MaxAuthTries=6")},
	{n: "the same zone", conf: "Match Address fe80::1%eth0\nMaxAuthTries 9\n", at: Context{User: "x", Addr: "fe80::1%eth0"}, want: all4("MaxAuthTries=9")},
	{n: "Kerberos in Debian's newest", conf: "KerberosAuthentication bogus\n", want: map[string]string{"9.2": "refused", "10.0": "refused", "10.6": "PermitTTY=yes"}},
	{n: "GSSAPI methods there", conf: "AuthenticationMethods gssapi-with-mic publickey\n", want: map[string]string{"10.6": "refused"}},
}

func TestFound(t *testing.T) { runTraps(t, found) }

func TestDeprecatedIsNoRefusal(t *testing.T) {
	cfg := Load("/c", mapFiles{"/c": []byte("UsePrivilegeSeparation no\n")}, Options{Version: V(9, 2)})
	if cfg.Refused() != nil || len(cfg.Faults) != 1 || cfg.Faults[0].Message != "Deprecated option UsePrivilegeSeparation" {
		t.Errorf("got %+v", cfg.Faults)
	}
}

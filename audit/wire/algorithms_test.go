package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		kind Kind
		name string
		want Status
	}{
		{KindKex, "mlkem768x25519-sha256", StatusGood},
		{KindKex, "curve25519-sha256@libssh.org", StatusAcceptable},
		{KindKex, "ecdh-sha2-nistp256", StatusAcceptable},
		{KindKex, "ecdh-sha2-nistk233", StatusWeak},
		{KindKex, "ecdh-sha2-1.3.132.0.10", StatusWeak},
		{KindKex, "diffie-hellman-group14-sha256", StatusAcceptable},
		{KindKex, "diffie-hellman-group14-sha1", StatusWeak},
		{KindKex, "diffie-hellman-group1-sha1", StatusBroken},
		{KindKex, "gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==", StatusAcceptable},
		{KindKex, "gss-group1-sha1-toWM5Slw5Ew8Mqkay+al2g==", StatusBroken},
		{KindKex, "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==", StatusWeak},
		{KindKex, "diffie-hellman-group15-sha384@ssh.com", StatusAcceptable},
		{KindKex, "diffie-hellman-group1-sha256@ssh.com", StatusBroken},
		{KindKex, "diffie-hellman-group14-sha1@ssh.com", StatusWeak},
		{KindKex, "Curve25519SHA256", StatusUnknown},
		{KindKex, "mlkem768brainpoolp256r1-sha256", StatusUnknown},
		{KindKex, "", StatusUnknown},
		{KindHostKey, "ssh-ed25519", StatusGood},
		{KindHostKey, "ssh-rsa", StatusWeak},
		{KindHostKey, "rsa-sha2-256", StatusAcceptable},
		{KindHostKey, "ecdsa-sha2-nistp521", StatusAcceptable},
		{KindHostKey, "ssh-dss", StatusBroken},
		{KindHostKey, "null", StatusBroken},
		{KindHostKey, "ssh-mldsa44-ed25519", StatusGood},
		{KindCipher, "chacha20-poly1305@openssh.com", StatusGood},
		{KindCipher, "aes256-ctr", StatusAcceptable},
		{KindCipher, "aes256-cbc", StatusWeak},
		{KindCipher, "3des-cbc", StatusBroken},
		{KindCipher, "blowfish-cbc", StatusBroken},
		{KindCipher, "twofish256-cbc", StatusWeak},
		{KindCipher, "camellia256-ctr@openssh.org", StatusAcceptable},
		{KindCipher, "none", StatusBroken},
		{KindMAC, "hmac-sha2-256-etm@openssh.com", StatusGood},
		{KindMAC, "hmac-sha1", StatusAcceptable},
		{KindMAC, "umac-64@openssh.com", StatusWeak},
		{KindMAC, "hmac-md5", StatusBroken},
		{KindMAC, "hmac-sha3-512", StatusAcceptable},
		{KindCompression, "none", StatusGood},
		{KindCompression, "zlib", StatusWeak},
		{Kind("tea"), "none", StatusUnknown},
	} {
		got, reason := Judge(tc.kind, tc.name)
		if got != tc.want || reason == "" {
			t.Errorf("%s %q: %s (%s), want %s", tc.kind, tc.name, got, reason, tc.want)
		}
	}
}

// Every line of the table is a row or a comment, every row can be reached and
// has a reason, and no NIST curve is ever failed.
func TestTable(t *testing.T) {
	n := 0
	for line := range strings.Lines(tableText) {
		if _, ok := cutFields(line); !ok && strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			t.Errorf("not a row: %q", line)
		}
	}
	seen := map[Kind]map[string]bool{}
	rows(func(kind Kind, e entry) {
		n++
		if seen[kind] == nil {
			seen[kind] = map[string]bool{}
		}
		if seen[kind][e.name] {
			t.Errorf("%s: %s stands twice", kind, e.name)
		}
		seen[kind][e.name] = true
		if !slices.Contains([]Status{StatusGood, StatusAcceptable, StatusWeak, StatusBroken}, e.status) || strings.Count(e.name, "*") > 1 {
			t.Errorf("%s: row %+v", kind, e)
		}
		status, reason := Judge(kind, strings.Replace(e.name, "*", "7", 1))
		if status != e.status || reason != e.reason {
			t.Errorf("%s: %s is hidden by another row: %s, %s", kind, e.name, status, reason)
		}
		for _, curve := range []string{"nistp256", "nistp384", "nistp521"} {
			if strings.Contains(e.name, curve) && !strings.Contains(e.name, "kyber") && !strings.HasPrefix(e.name, "sm2kep") &&
				(e.status == StatusWeak || e.status == StatusBroken) {
				t.Errorf("%s: NIST curves are acceptable: %s", kind, e.name)
			}
		}
	})
	if n < 200 || len(seen) != len(kinds) {
		t.Errorf("%d rows of %d kinds", n, len(seen))
	}
}

func TestPostQuantum(t *testing.T) {
	for name, want := range map[string]bool{
		"mlkem768x25519-sha256": true, "sntrup761x25519-sha512@openssh.com": true, "mlkem1024nistp384-sha384": true,
		"sntrup4591761x25519-sha512@tinyssh.org": false, "x25519-kyber-512r3-sha256-d00@amazon.com": false,
		"curve25519-sha256": false, "mlkem9000": false,
	} {
		if got := PostQuantum(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTerrapin(t *testing.T) {
	gcm := []string{"aes256-gcm@openssh.com"}
	cbc := []string{"aes256-cbc"}
	etm := []string{"hmac-sha2-256-etm@openssh.com"}
	mac := []string{"hmac-sha2-256"}
	for _, tc := range []struct {
		name         string
		kex          []string
		ciphers, mac Directions
		want         bool
		why          string
	}{
		{"chacha", nil, Directions{[]string{chacha}, gcm}, Directions{mac, mac}, true, chacha + " is offered without strict key exchange"},
		{"chacha one way back", nil, Directions{gcm, []string{chacha}}, Directions{mac, mac}, true, chacha + " is offered without strict key exchange"},
		{"chacha, strict", []string{strictServer}, Directions{[]string{chacha}, []string{chacha}}, Directions{mac, mac}, false, "strict key exchange is offered"},
		{"strict marker of a client does not count", []string{"kex-strict-c-v00@openssh.com"}, Directions{[]string{chacha}, gcm}, Directions{}, true, chacha + " is offered without strict key exchange"},
		{"cbc with etm", nil, Directions{cbc, cbc}, Directions{etm, etm}, true, "aes256-cbc with hmac-sha2-256-etm@openssh.com is offered without strict key exchange"},
		{"cbc and etm in different directions", nil, Directions{cbc, gcm}, Directions{mac, etm}, false, "no cipher that the attack needs is offered"},
		{"cbc without etm", nil, Directions{cbc, cbc}, Directions{mac, mac}, false, "no cipher that the attack needs is offered"},
		{"ctr with etm", nil, Directions{[]string{"aes256-ctr"}, []string{"aes256-ctr"}}, Directions{etm, etm}, false, "no cipher that the attack needs is offered"},
		{"gcm", nil, Directions{gcm, gcm}, Directions{etm, etm}, false, "no cipher that the attack needs is offered"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := Server{Kexinit: &Kexinit{Kex: tc.kex, Ciphers: tc.ciphers, MACs: tc.mac}}
			sum := s.Summary()
			if sum.Terrapin != tc.want || sum.TerrapinWhy != tc.why {
				t.Errorf("%v, %s", sum.Terrapin, sum.TerrapinWhy)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	s := Server{Kexinit: stock()}
	s.Kexinit.Kex = append(s.Kexinit.Kex, "ext-info-s", "new-kex-of-2030")
	s.Kexinit.Ciphers.ServerToClient = []string{"aes256-gcm@openssh.com"}
	sum := s.Summary()
	if !sum.StrictKex || sum.Terrapin || !sum.PostQuantum || sum.Unknown != 1 {
		t.Errorf("strict %v, terrapin %v, post-quantum %v, unknown %d", sum.StrictKex, sum.Terrapin, sum.PostQuantum, sum.Unknown)
	}
	for _, a := range sum.Kex {
		if Marker(a.Name) {
			t.Errorf("%s is judged as an algorithm", a.Name)
		}
	}
	direction := map[string]string{}
	for _, a := range sum.Ciphers {
		direction[a.Name] = a.Direction
	}
	want := map[string]string{
		chacha: toServer, "aes128-ctr": toServer, "aes192-ctr": toServer, "aes256-ctr": toServer,
		"aes128-gcm@openssh.com": toServer, "aes256-gcm@openssh.com": "",
	}
	if d := cmp.Diff(want, direction); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Summary{}, (&Server{}).Summary()); d != "" {
		t.Error(d)
	}
}

// A weak MAC counts only where a cipher would use it, in its own direction.
func TestUnusedMACs(t *testing.T) {
	aead := []string{"aes256-gcm@openssh.com", chacha}
	ctr := []string{"aes256-ctr"}
	weak := []string{"umac-64@openssh.com"}
	none := []string{"hmac-sha2-256"}
	for _, tc := range []struct {
		name          string
		ciphers, macs Directions
		want          Status
	}{
		{"no cipher uses it", Directions{aead, aead}, Directions{weak, weak}, StatusAcceptable},
		{"used in both", Directions{ctr, ctr}, Directions{weak, weak}, StatusWeak},
		{"used in one", Directions{ctr, aead}, Directions{weak, weak}, StatusWeak},
		{"offered in the other direction only", Directions{ctr, aead}, Directions{none, weak}, StatusAcceptable},
	} {
		sum := (&Server{Kexinit: &Kexinit{Ciphers: tc.ciphers, MACs: tc.macs}}).Summary()
		i := slices.IndexFunc(sum.MACs, func(a Algorithm) bool { return a.Name == weak[0] })
		if got := sum.MACs[i]; got.Status != tc.want {
			t.Errorf("%s: %s (%s)", tc.name, got.Status, got.Reason)
		}
	}
}

package sshd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// unreadable is mapFiles of which some cannot be read here.
type unreadable struct {
	mapFiles
	denied string
}

func (u unreadable) Read(path string) ([]byte, error) {
	if path == u.denied {
		return nil, errors.New("permission denied")
	}
	return u.mapFiles.Read(path)
}

// What an unread file may set is unknown; what stands before it is not.
func TestGaps(t *testing.T) {
	files := unreadable{mapFiles{
		"/c":        []byte("UsePAM yes\nAllowUsers a\nInclude /d/*.conf\nPasswordAuthentication no\nMatch User bob\nPermitTTY no\n"),
		"/d/x.conf": []byte("?"),
	}, "/d/x.conf"}
	cfg := Load("/c", files, Options{Version: V(9, 2)})
	if d := cmp.Diff([]Gap{{"/d/x.conf", "permission denied", "/c", Pos{24, 3, 1}}}, cfg.Gaps); d != "" {
		t.Errorf("gaps (-want +got):\n%s", d)
	}
	for keyword, certain := range map[string]bool{"UsePAM": true, "PasswordAuthentication": false, "MaxAuthTries": false, "AllowUsers": true} {
		if v := cfg.Globals().Get(keyword); (v.Unknown == "") != certain {
			t.Errorf("%s: unknown %q, want certain %v", keyword, v.Unknown, certain)
		}
	}
	// The file may hold a Match block, so nothing is certain for a login but
	// what only the start reads.
	bob := cfg.Eval(Context{User: "bob"})
	for keyword, certain := range map[string]bool{"UsePAM": true, "PasswordAuthentication": false, "PermitTTY": false, "AllowUsers": false} {
		if v := bob.Get(keyword); (v.Unknown == "") != certain {
			t.Errorf("for bob %s: unknown %q, want certain %v", keyword, v.Unknown, certain)
		}
	}
	if bob.Get("PasswordAuthentication").Is("no") {
		t.Error("Is must not hold for a value that is not certain")
	}
}

// Hostile configurations end in bounded time, and say what was left out.
func TestBounds(t *testing.T) {
	bomb := mapFiles{}
	for i := range 16 {
		bomb[fmt.Sprintf("/%d", i)] = []byte(strings.Repeat(fmt.Sprintf("Include /%d\n", i+1), 4))
	}
	bomb["/16"] = []byte("Port 1\n")
	tests := []struct {
		name  string
		files mapFiles
		main  string
		gap   bool
	}{
		{"includes that double", bomb, "/0", true},
		{"many Match lines", mapFiles{"/c": []byte(strings.Repeat("Match all\n", 30000))}, "/c", true},
		{"many users", mapFiles{"/c": []byte(strings.Repeat("AllowUsers a\n", 100000))}, "/c", false},
		{"many bad keywords", mapFiles{"/c": []byte(strings.Repeat("Nonsense yes\n", 100000))}, "/c", false},
		{"many networks", mapFiles{"/c": []byte("Match Address " + strings.Repeat("10.0.0.1,", 100000) + "10.0.0.2\nPort 1\n")}, "/c", false},
		{"one long line", mapFiles{"/c": []byte("AcceptEnv" + strings.Repeat(" a", 500000))}, "/c", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Load(tt.main, tt.files, Options{Version: V(9, 2)})
			if (len(cfg.Gaps) > 0) != tt.gap {
				t.Errorf("gaps: %d", len(cfg.Gaps))
			}
			if len(cfg.Faults) > maxFaults {
				t.Errorf("%d faults", len(cfg.Faults))
			}
			if ctxs, _ := cfg.Contexts(nil); len(ctxs) == 0 {
				t.Error("no contexts")
			}
		})
	}
}

func TestGlobMatch(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"/d/*.conf", "/d/a.conf", true}, {"/d/*.conf", "/d/.a.conf", false}, {"/d/.*", "/d/.a", true},
		{"/d/*.conf", "/d/a.conf.bak", false}, {"/d/*", "/d/e/f", false}, {"/d//x", "/d/x", true},
		{"/d/[ab]", "/d/b", true}, {"/d/[!ab]", "/d/b", false}, {"/d/[a-c]x", "/d/bx", true}, {"/d/[", "/d/[", true},
		{`/d/\*`, "/d/*", true}, {`/d/\*`, "/d/x", false}, {"/d/{a,b}", "/d/a", false}, {"/*/x", "/d/x", true}, {"/d/?", "/d/.", false},
		{"/d/*a*b", "/d/xaxb", true}, {"/d/*a*b", "/d/xb", false},
	}
	for _, tt := range tests {
		if got := GlobMatch(tt.pattern, tt.path); got != tt.want {
			t.Errorf("GlobMatch(%q, %q) = %v", tt.pattern, tt.path, got)
		}
	}
}

func TestPlaces(t *testing.T) {
	tests := []struct {
		name, conf string
		want       []string
	}{
		{"nothing", "Port 22\n", []string{"anywhere"}},
		{"one network", "Match Address 10.0.0.0/8\n", []string{"anywhere", "from 10.0.0.0/8"}},
		{"nested", "Match Address 10.0.0.0/8\nMatch Address 10.1.0.0/16\n", []string{"anywhere", "from 10.0.0.0/8", "from 10.1.0.0/16"}},
		{"hole", "Match Address !10.1.0.0/16,10.0.0.0/8\n", []string{"anywhere", "from 10.1.0.0/16", "from 10.0.0.0/8"}},
		{"one list", "Match Address 10.0.0.0/8,192.168.0.0/16\n", []string{"anywhere", "from 10.0.0.0/8 or 192.168.0.0/16"}},
		{"everything", "Match Address 0.0.0.0/0,::/0\n", []string{"from 0.0.0.0/0 or ::/0"}},
		{"users", "AllowUsers bob@192.0.2.1 *@10.*\n", []string{"anywhere", "from 192.0.2.1", "from 10.*"}},
		{"port", "Port 22\nPort 2222\nMatch LocalPort 2222\n", []string{"anywhere", "on port 2222"}},
		{"port and network", "Match LocalPort 2222 Address 10.0.0.0/8\n", []string{"anywhere", "from 10.0.0.0/8", "on port 2222", "from 10.0.0.0/8 on port 2222"}},
		{"local address", "Match LocalAddress 192.0.2.1\n", []string{"anywhere", "to 192.0.2.1"}},
		{"names need UseDNS", "Match Host *.example.com\n", []string{"anywhere"}},
		{"names", "UseDNS yes\nMatch Host *.example.com\n", []string{"anywhere", "by the name x.example.com"}},
		{"rdomain", "Match RDomain vrf*\n", []string{"anywhere", "in routing domain vrfx"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Load("/c", mapFiles{"/c": []byte(tt.conf)}, Options{Version: V(9, 2)})
			places, capped := cfg.Places()
			var got []string
			for _, p := range places {
				got = append(got, p.Label)
			}
			if d := cmp.Diff(tt.want, got); d != "" || capped {
				t.Errorf("capped %v (-want +got):\n%s", capped, d)
			}
		})
	}
	t.Run("capped", func(t *testing.T) {
		var b strings.Builder
		for i := range 300 {
			fmt.Fprintf(&b, "Match Address 10.%d.%d.0/24\n", i/256, i%256)
		}
		cfg := Load("/c", mapFiles{"/c": []byte(b.String())}, Options{Version: V(9, 2)})
		places, capped := cfg.Places()
		if len(places) != MaxPlaces || !capped || places[0].Label != "anywhere" {
			t.Errorf("%d places, capped %v", len(places), capped)
		}
	})
}

// Whatever login comes, one of the places stands for it: the same blocks hold.
func TestPlacesStandForAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := &generator{t: rt, v: V(9, 2)}
		var b strings.Builder
		b.WriteString(g.pick("UseDNS no\n", "UseDNS yes\n") + "Port 22\nPort 2222\n")
		for range rapid.IntRange(1, 5).Draw(rt, "blocks") {
			b.WriteString(g.match())
			b.WriteString(g.pick("PasswordAuthentication yes\n", "PasswordAuthentication no\n", "MaxAuthTries 3\n"))
		}
		cfg := Load("/c", mapFiles{"/c": []byte(b.String())}, Options{Version: V(9, 2)})
		if cfg.Refused() != nil {
			return
		}
		login := Context{
			User:      g.pick("root", "daemon", "x"),
			Groups:    []string{g.pick("root", "daemon", "other")},
			Addr:      g.pick("10.0.0.1", "10.1.0.0", "10.1.2.255", "10.1.3.0", "11.0.0.0", "192.0.2.1", "192.0.2.2", "203.0.113.9", "2001:db8::1", "::1", "fe80::1", "9.255.255.255"),
			LocalAddr: g.pick("127.0.0.1", "192.0.2.8", "::1", "198.51.100.1"),
			LocalPort: rapid.SampledFrom([]int{22, 2222}).Draw(rt, "port"),
			RDomain:   g.pick("", "vrf1", "x", "y"),
		}
		places, capped := cfg.Places()
		if capped {
			return
		}
		m := cfg.Matrix([]User{{login.User, login.Groups}}, places)
		want := cfg.Eval(login)
		for i := range places {
			if m.Settings(0, i) == want {
				return
			}
		}
		rt.Fatalf("no place stands for %+v in\n%s", login, b.String())
	})
}

func TestCompare(t *testing.T) {
	const whole = "permitrootlogin without-password\nciphers " +
		"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com\n" +
		"permitopen any\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n"
	tests := []struct {
		name, conf, t string
		want          []string
	}{
		{"equal in other words", "PermitRootLogin prohibit-password\nLoginGraceTime 2m\nPort 22\nCompression delayed\n",
			"permitrootlogin without-password\nlogingracetime 120\nport 22\nport 22\ncompression yes\nTCPKeepAlive true\n", nil},
		{"mixed case keywords", "PasswordAuthentication no\n", "PasswordAuthentication no\n", nil},
		{"decimals", "LoginGraceTime 90\n", "LoginGraceTime 90.000000\n", nil},
		{"another value", "PasswordAuthentication no\n", "passwordauthentication yes\n", []string{"PasswordAuthentication"}},
		{"a list that is not printed", "AllowUsers bob\n", whole, []string{"AllowUsers"}},
		{"a list that only the daemon has", "Port 22\n", whole + "allowusers bob\n", []string{"AllowUsers"}},
		{"order of a set", "AllowUsers b a\n", "allowusers a\nallowusers b\n", nil},
		{"order of ciphers", "Ciphers aes128-ctr,aes256-ctr\n", "ciphers aes256-ctr,aes128-ctr\n", []string{"Ciphers"}},
		{"not printed at all", "PasswordAuthentication no\n", "", nil},
		{"a key given by -h", "HostKey /etc/ssh/k\n", "hostkey /etc/ssh/k\nhostkey /tmp/throwaway\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Load("/c", mapFiles{"/c": []byte(tt.conf)}, Options{Version: V(9, 2)})
			var got []string
			for _, d := range Compare(cfg.Globals(), ParseEffective([]byte(tt.t))) {
				got = append(got, d.Keyword)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestParseVersion(t *testing.T) {
	tests := map[string]Version{
		"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3": {9, 2}, "OpenSSH_9.2, OpenSSL 3.0.19": {9, 2}, "1:10.0p1-7+deb13u4": {10, 0},
		"8.4p1": {8, 4}, "SSH-2.0-dropbear_2022.83": {}, "": {}, "10": {}, "SSH-2.0-OpenSSH_for_Windows_9.5": {9, 5},
	}
	for s, want := range tests {
		if got, ok := ParseVersion(s); got != want || ok != want.Known() {
			t.Errorf("ParseVersion(%q) = %v, %v", s, got, ok)
		}
	}
}

// The rows of one name do not overlap, and every alias leads somewhere.
func TestTable(t *testing.T) {
	releases := []Version{V(7, 4), V(7, 6), V(8, 2), V(8, 4), V(8, 6), V(8, 7), V(9, 2), V(9, 8), V(10, 0), V(10, 4), V(10, 6)}
	for name, list := range index {
		for _, v := range releases {
			n := 0
			for _, i := range list {
				if rows[i].in(v) {
					n++
					if _, slot, _, ok := lookup(name, v, ""); !ok || rows[slot].alias != "" {
						t.Errorf("%s in %s leads nowhere", name, v)
					}
				}
			}
			if n > 1 {
				t.Errorf("%s has %d rows in %s", name, n, v)
			}
		}
	}
}

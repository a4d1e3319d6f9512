package connect

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func load(t testing.TB, text string) *knownHosts {
	t.Helper()
	k := readKnownHosts(nil)
	k.add("kh", []byte(text))
	return k
}

func TestLookup(t *testing.T) {
	key := keyLine(edHost().PublicKey())
	for _, tc := range []struct {
		name  string
		names string
		host  string
		port  int
		want  bool
	}{
		{"plain", "web1", "web1", 22, true},
		{"other", "web1", "web2", 22, false},
		{"case of the file", "WEB1", "web1", 22, true},
		{"case of the inventory", "web1", "Web1", 22, true},
		{"list", "web1,10.0.0.1", "10.0.0.1", 22, true},
		{"wildcard", "*.example.org", "web1.example.org", 22, true},
		{"question mark", "web?", "web1", 22, true},
		{"negated", "*.example.org,!web1.example.org", "web1.example.org", 22, false},
		{"negated first", "!web1.example.org,*.example.org", "web1.example.org", 22, false},
		{"negated another", "*.example.org,!web2.example.org", "web1.example.org", 22, true},
		{"only a negation", "!web2", "web1", 22, false},
		{"port", "[web1]:2222", "web1", 2222, true},
		{"port is not 22", "[web1]:2222", "web1", 22, false},
		{"name without port", "web1", "web1", 2222, true},
		{"wildcard without port", "*.example.org", "web1.example.org", 2222, true},
		{"other port", "[web1]:2200", "web1", 2222, false},
		{"IPv6", "2001:db8::1", "2001:db8::1", 22, true},
		{"IPv6 written otherwise", "2001:db8::1", "2001:DB8:0::1", 22, true},
		{"IPv6 with port", "[2001:db8::1]:2222", "2001:db8::1", 2222, true},
		{"zone", "fe80::1%eth0", "fe80::1%eth0", 22, true},
		{"hashed", knownhosts.HashHostname("web1"), "web1", 22, true},
		{"hashed, case", knownhosts.HashHostname("web1"), "WEB1", 22, true},
		{"hashed with port", knownhosts.HashHostname("[web1]:2222"), "web1", 2222, true},
		{"hashed, another", knownhosts.HashHostname("web1"), "web2", 22, false},
		{"a long run of stars", strings.Repeat("*a", 100) + "b", strings.Repeat("a", 200), 22, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := load(t, tc.names+" "+key+"\n")
			if len(k.warnings) > 0 {
				t.Fatal(k.warnings)
			}
			if got := k.lookup(tc.host, tc.port); len(got.keys) > 0 != tc.want {
				t.Errorf("found %v", got)
			}
		})
	}
}

// One bad line is a warning with its place; the others hold.
func TestBadLines(t *testing.T) {
	key := keyLine(edHost().PublicKey())
	blob := func(typ string) string {
		return base64.StdEncoding.EncodeToString(append(field([]byte(typ)), field([]byte("x"))...))
	}
	text := strings.Join([]string{
		"# comment",
		"",
		"web1 " + key + " a comment of words",
		"web1",
		"web1 1024 35 1234567890",
		"web1 ssh-ed25519 !!!",
		"web1 ssh-rsa " + blob("ssh-ed25519"),
		"web1 ssh-mldsa44-ed25519 " + blob("ssh-mldsa44-ed25519"),
		"@unknown web1 " + key,
		"@revoked",
		"|1|bad|bad " + key,
		"web1 ssh-ed25519 AAAA",
		"\tweb2\t" + key + "\r",
	}, "\n")
	k := load(t, text)
	want := []string{
		"kh:4: fewer fields than names, key type and key",
		"kh:5: a key of SSH protocol version 1",
		"kh:6: the key is not base64",
		`kh:7: the line says "ssh-rsa", its key is a "ssh-ed25519"`,
		`kh:8: key type "ssh-mldsa44-ed25519" cannot be checked by this client`,
		`kh:9: unknown marker "@unknown"`,
		"kh:10: fewer fields than names, key type and key",
		"kh:11: the hashed name cannot be read",
		"kh:12: the key cannot be read",
	}
	if d := cmp.Diff(want, k.warnings); d != "" {
		t.Error(d)
	}
	for _, h := range []string{"web1", "web2"} {
		if got := k.lookup(h, 22); got.empty() || !slices.Equal(got.algorithms(false), []string{ssh.KeyAlgoED25519}) {
			t.Errorf("%s: %+v", h, got)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	k := readKnownHosts([]string{filepath.Join(dir, "none"), dir})
	if len(k.warnings) != 1 || !strings.HasPrefix(k.warnings[0], dir+": ") {
		t.Errorf("%q", k.warnings)
	}
	k = load(t, strings.Repeat("junk\n", 1000))
	if len(k.warnings) != maxWarnings+1 {
		t.Errorf("%d warnings", len(k.warnings))
	}
}

// Host key algorithms follow what is known; nothing weaker comes in.
func TestAlgorithms(t *testing.T) {
	all := hostKeyOrder
	for _, tc := range []struct {
		name     string
		lines    string
		port     int
		insecure bool
		want     []string
	}{
		{"unknown", "", 22, false, all},
		{"unknown, insecure", "", 22, true, append(slices.Clone(all), "ssh-rsa", "ssh-dss")},
		{"ecdsa", "h " + keyLine(ecdsaHost().PublicKey()), 22, false, []string{"ecdsa-sha2-nistp256"}},
		{"rsa", "h " + keyLine(rsaHost().PublicKey()), 22, false, []string{"rsa-sha2-512", "rsa-sha2-256"}},
		{"rsa, insecure", "h " + keyLine(rsaHost().PublicKey()), 22, true, []string{"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"}},
		{"two", "h " + keyLine(rsaHost().PublicKey()) + "\nh " + keyLine(edHost().PublicKey()), 22, false, []string{"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"}},
		{"authority", "@cert-authority h " + keyLine(caKey().PublicKey()), 22, false, certAlgorithms},
		{"authority and key", "@cert-authority h " + keyLine(caKey().PublicKey()) + "\nh " + keyLine(ecdsaHost().PublicKey()), 22, false,
			append(slices.Clone(certAlgorithms), "ecdsa-sha2-nistp256")},
		{"revoked only", "@revoked h " + keyLine(edHost().PublicKey()), 22, false, all},
		{"another port's", "h " + keyLine(ecdsaHost().PublicKey()), 2222, false, append([]string{"ecdsa-sha2-nistp256"}, slices.DeleteFunc(slices.Clone(all), func(a string) bool { return a == "ecdsa-sha2-nistp256" })...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, load(t, tc.lines).lookup("h", tc.port).algorithms(tc.insecure)); d != "" {
				t.Error(d)
			}
		})
	}
	// All that is offered by default is what the library counts as sound.
	sound := ssh.SupportedAlgorithms().HostKeys
	for _, a := range slices.Concat(hostKeyOrder, certAlgorithms) {
		if !slices.Contains(sound, a) {
			t.Errorf("%s is not among the library's sound algorithms", a)
		}
	}
}

// Reading never panics and stays linear; what is found for a host is what its
// line says.
func FuzzKnownHosts(f *testing.F) {
	key := keyLine(edHost().PublicKey())
	for _, s := range []string{"web1 " + key, "@revoked * " + key, "@cert-authority *.a,!b " + key, "|1|a|b " + key, knownhosts.HashHostname("web1") + " " + key, "[web1]:2222 " + key} {
		f.Add(s, "web1")
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		k := load(t, text)
		if len(k.warnings) > maxWarnings+1 {
			t.Fatalf("%d warnings", len(k.warnings))
		}
		if !validHost(host) {
			return
		}
		got := k.lookup(host, 22)
		for _, l := range slices.Concat(got.keys, got.cas) {
			if l.line < 1 || l.line > strings.Count(text, "\n")+1 || blobType([]byte(l.blob)) != l.typ {
				t.Fatalf("%+v", l)
			}
		}
	})
}

// A file of ten thousand hashed names is read once and searched for each host.
func BenchmarkHashedLookup(b *testing.B) {
	var text strings.Builder
	key := keyLine(edHost().PublicKey())
	for i := range 10000 {
		fmt.Fprintf(&text, "%s %s\n", knownhosts.HashHostname(fmt.Sprint("web", i)), key)
	}
	path := filepath.Join(b.TempDir(), "known_hosts")
	os.WriteFile(path, []byte(text.String()), 0o600)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			readKnownHosts([]string{path})
		}
	})
	k := readKnownHosts([]string{path})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if k.lookup("web9999", 22).empty() {
				b.Fatal("not found")
			}
		}
	})
}

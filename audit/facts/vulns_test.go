package facts_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/vulns"
	"github.com/postern-ssh/postern/audit/wire"
)

func installed(h *host, version string) *host {
	return h.out(snapshot.OutPackages, "dpkg\topenssh-server\t"+version+"\ndpkg\topenssh-client\t"+version+"\n")
}

func withConfig(h *host, lines string) *host {
	return h.text("/etc/ssh/sshd_config", lines+"\nPermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n")
}

func vulnerability(t *testing.T, f *facts.Facts, id string) facts.Vulnerability {
	t.Helper()
	i := slices.IndexFunc(f.Vulnerabilities, func(v facts.Vulnerability) bool { return v.ID == id })
	if i < 0 {
		t.Fatalf("%s is not among %d", id, len(f.Vulnerabilities))
	}
	return f.Vulnerabilities[i]
}

// What the configuration holds decides with the package's version.
func TestVulnerabilities(t *testing.T) {
	const old, newest = "1:9.2p1-2+deb12u2", "1:9.2p1-2+deb12u10"
	restricted := func(h *host) {
		h.file("/home/alice/.ssh/authorized_keys", "restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2h9Kc1yTnOBrh7f/qXjKXC7vPq1l2XkxDq9T0Yc0uH a\n", 0o600, 1000, 1000)
	}
	for _, tt := range []struct {
		name, version, config string
		change                func(*host)
		id, state, says       string
	}{
		{"regreSSHion", old, "", nil, "CVE-2024-6387", "vulnerable", "LoginGraceTime is not 0"},
		{"... without an alarm", old, "LoginGraceTime 0", nil, "CVE-2024-6387", "not-affected", "no alarm"},
		{"... mended", newest, "", nil, "CVE-2024-6387", "fixed", "mended in"},
		{"GSSAPI key exchange off", "1:9.2p1-2+deb12u8", "", nil, "CVE-2026-3497", "not-affected", "GSSAPIKeyExchange is off"},
		{"GSSAPI key exchange on", "1:9.2p1-2+deb12u8", "GSSAPIKeyExchange yes", nil, "CVE-2026-3497", "vulnerable", "GSSAPIKeyExchange is on"},
		{"GSSAPI below a Match", newest, "Match User alice\n GSSAPIAuthentication yes\nMatch all", nil, "CVE-2026-60000", "vulnerable", "GSSAPIAuthentication is on"},
		{"DisableForwarding against agents", "1:9.2p1-2+deb12u5", "DisableForwarding yes", nil, "CVE-2025-32728", "vulnerable", "agents"},
		{"DisableForwarding beside the others", "1:9.2p1-2+deb12u5", "DisableForwarding yes\nX11Forwarding no\nAllowAgentForwarding no", nil, "CVE-2025-32728", "not-affected", "nothing relies"},
		{"DisableForwarding and a tunnel", newest, "DisableForwarding yes\nPermitTunnel yes", nil, "CVE-2026-59999", "vulnerable", "tunnels"},
		{"a tunnel without DisableForwarding", newest, "PermitTunnel yes", nil, "CVE-2026-59999", "not-affected", "nothing relies"},
		{"restrict without a tunnel", newest, "", restricted, "CVE-2026-73283", "not-affected", "PermitTunnel is no"},
		{"restrict and a tunnel", newest, "PermitTunnel yes", restricted, "CVE-2026-73283", "vulnerable", "a key has restrict"},
		{"a tunnel and no such key", newest, "PermitTunnel yes", nil, "CVE-2026-73283", "not-affected", "no key has restrict"},
		{"some ECDSA", "1:9.2p1-2+deb12u9", "PubkeyAcceptedAlgorithms ecdsa-sha2-nistp521,ssh-ed25519", nil, "CVE-2026-35387", "vulnerable", "some ECDSA"},
		{"all ECDSA", "1:9.2p1-2+deb12u9", "", nil, "CVE-2026-35387", "not-affected", "leaves others out"},
		{"internal-sftp with a few arguments", newest, "Subsystem sftp internal-sftp -l INFO", nil, "CVE-2026-59997", "not-affected", "no more than nine"},
		{"internal-sftp with many", newest, "ForceCommand internal-sftp -R -l INFO -f AUTH -u 0077 -d /a -P setstat -e", nil, "CVE-2026-59997", "vulnerable", "more than nine"},
		{"compression", newest, "", nil, "CVE-2026-106585", "vulnerable", "Compression is on"},
		{"no compression", newest, "Compression no", nil, "CVE-2026-106585", "not-affected", "Compression is no"},
		{"who shares a connection is not seen", newest, "", nil, "CVE-2026-106582", "possible", "different people"},
		{"nobody can share what is off", newest, "Compression no", nil, "CVE-2026-106582", "not-affected", "Compression is no"},
		{"an option is none", newest, "Banner none", nil, "CVE-2026-106587", "possible", "Banner is none"},
		{"how the client is used is not seen", newest, "", nil, "CVE-2026-59995", "possible", "not known"},
		{"newer than our data", "1:9.2p1-2+deb12u30", "", nil, "CVE-2026-106585", "possible", "newer than our data"},
		{"the configuration was not read", old, "", func(h *host) { h.denied("/etc/ssh/sshd_config") }, "CVE-2024-6387", "possible", "not known"},
		{"an include was not read", old, "Include /etc/ssh/x.conf", func(h *host) { h.gap("/etc/ssh/x.conf", snapshot.GapDenied, "") }, "CVE-2024-6387", "possible", "x.conf"},
		{"another build runs", newest, "", func(h *host) {
			h.daemon(700, "/opt/ssh/sbin/sshd", "sshd: /opt/ssh/sbin/sshd -D [listener] 0 of 10-100 startups", 0, "7001")
		}, "CVE-2024-6387", "possible", "/opt/ssh/sbin/sshd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := withConfig(installed(plainHost(), tt.version), tt.config)
			if tt.change != nil {
				tt.change(h)
			}
			v := vulnerability(t, h.facts(), tt.id)
			if v.State != tt.state || !strings.Contains(v.Reason, tt.says) {
				t.Errorf("%s: %s", v.State, v.Reason)
			}
			want := map[string]string{"vulnerable": "yes", "possible": "unknown"}[tt.state]
			if want == "" {
				want = "no"
			}
			if v.Exposed != want || len(v.Evidence) == 0 || len(v.Sources) == 0 {
				t.Errorf("exposed %s, evidence %v, sources %v", v.Exposed, v.Evidence, v.Sources)
			}
		})
	}
}

// Without a list of packages nothing is said for certain.
func TestVulnerabilitiesNotRead(t *testing.T) {
	f := plainHost().denied(snapshot.OutPackages).facts()
	if len(f.Gaps["vulnerabilities"]) == 0 {
		t.Error("the list claims to be whole")
	}
	if len(f.Vulnerabilities) == 0 {
		t.Error("the banner says nothing")
	}
	for _, v := range f.Vulnerabilities {
		if v.State != "possible" || v.Exposed != "unknown" {
			t.Errorf("%s: %s", v.ID, v.State)
		}
	}
	f = plainHost().out(snapshot.OutPackages, "dpkg\tcron\t3.0\n").facts()
	if len(f.Gaps["vulnerabilities"]) == 0 {
		t.Error("a server of no package: the list claims to be whole")
	}
}

// Every need of the data is one that the facts answer for: an unknown word would
// be "not met".
func TestNeedsAreKnown(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "needs.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, e := range c.List {
				if s, ok := e.(*ast.SelectorExpr); ok {
					cases[s.Sel.Name] = true
				}
			}
		}
		return true
	})
	words := map[vulns.Need]string{
		vulns.NeedGrace: "NeedGrace", vulns.NeedTerrapin: "NeedTerrapin", vulns.NeedNoForwarding: "NeedNoForwarding",
		vulns.NeedNoForwardTunnel: "NeedNoForwardTunnel", vulns.NeedRestrictTunnel: "", vulns.NeedPrincipals: "", // keyOption
		vulns.NeedGSSKex: "NeedGSSKex", vulns.NeedGSS: "NeedGSS", vulns.NeedGSSOrKbd: "NeedGSSOrKbd", vulns.NeedKerberos: "NeedKerberos",
		vulns.NeedSomeECDSA: "NeedSomeECDSA", vulns.NeedLongSFTP: "NeedLongSFTP", vulns.NeedCompression: "NeedCompression",
		vulns.NeedSharedChannels: "NeedSharedChannels", vulns.NeedNone: "NeedNone", vulns.NeedKeysCommand: "NeedKeysCommand",
		vulns.NeedNoPrivSep: "NeedNoPrivSep", vulns.NeedPassword: "NeedPassword", vulns.NeedX11: "NeedX11", vulns.NeedClient: "NeedClient",
	}
	for _, e := range vulns.Entries() {
		word, ok := words[e.Need]
		if e.Need != "" && (!ok || word != "" && !cases[word]) {
			t.Errorf("%s: nobody answers for %q", e.ID, e.Need)
		}
	}
}

// kexinitOf is what a server that offers these lists sends in the clear.
func kexinitOf(kex, keys, ciphers, macs string) []byte {
	payload := append([]byte{20}, make([]byte, 16)...)
	for _, list := range []string{kex, keys, ciphers, ciphers, macs, macs, "none", "none", "", ""} {
		payload = append(payload, 0, 0, byte(len(list)>>8), byte(len(list)))
		payload = append(payload, list...)
	}
	payload = append(payload, 0, 0, 0, 0, 0)
	pad := 8 - (5+len(payload))%8
	if pad < 4 {
		pad += 8
	}
	n := 1 + len(payload) + pad
	out := append([]byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), 0, 0, byte(n>>8), byte(n), byte(pad))
	out = append(out, payload...)
	return append(out, make([]byte, pad)...)
}

func (h *host) shows(kex, keys, ciphers, macs string) *host {
	data, _ := json.Marshal(wire.Capture{Server: kexinitOf(kex, keys, ciphers, macs), Methods: []string{"publickey"}, User: "root"})
	return h.out(snapshot.OutWire, string(data))
}

// Names that no table knows are shown, of all lists, and are no pass.
func TestUnrecognised(t *testing.T) {
	f := plainHost().shows("curve25519-sha256,new-kex@example.org", "ssh-ed25519,ssh-new", "aes256-gcm@openssh.com,aes512-ctr", "hmac-sha2-256,hmac-new").facts()
	var names []string
	for _, a := range f.Wire.Unrecognised {
		names = append(names, a.Kind+" "+a.Name)
		if a.Status != "unknown" || a.Reason == "" || len(a.Evidence) == 0 {
			t.Errorf("%+v", a)
		}
	}
	if d := cmp.Diff([]string{"kex new-kex@example.org", "host key ssh-new", "cipher aes512-ctr", "mac hmac-new"}, names); d != "" {
		t.Error(d)
	}
	c := catalogue(t)
	verdicts := judged(t, c, plainHost().shows("curve25519-sha256,new-kex@example.org", "ssh-ed25519", "aes256-gcm@openssh.com", "hmac-sha2-256").snapshot(), facts.Options{Now: now, Name: "h"})
	for rule, want := range map[string]string{"broken-key-exchange": "unknown", "weak-key-exchange": "unknown", "unrecognised-algorithms": "fail", "weak-ciphers": "pass"} {
		if got := string(verdicts[rule].Verdict); got != want {
			t.Errorf("%s: %s, want %s", rule, got, want)
		}
	}
}

// Every list that sshd has by default, or can be told to have, is one that the
// wire's table judges.
func TestSettingsHaveAStanding(t *testing.T) {
	n := 0
	for _, v := range [][2]int{{7, 4}, {7, 6}, {8, 0}, {8, 2}, {8, 4}, {8, 7}, {8, 9}, {9, 2}, {9, 6}, {9, 9}, {10, 0}, {10, 2}, {10, 5}} {
		cfg := sshd.Load("none", nil, sshd.Options{Version: sshd.V(v[0], v[1]), Distro: "debian"})
		for keyword, kind := range map[string]wire.Kind{"Ciphers": wire.KindCipher, "MACs": wire.KindMAC, "KexAlgorithms": wire.KindKex,
			"HostKeyAlgorithms": wire.KindHostKey, "PubkeyAcceptedAlgorithms": wire.KindHostKey, "CASignatureAlgorithms": wire.KindHostKey} {
			for _, name := range cfg.Globals().Algorithms(keyword) {
				n++
				if status, _ := wire.Judge(kind, name); status == wire.StatusUnknown {
					t.Errorf("%d.%d: %s %s has no standing", v[0], v[1], keyword, name)
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d names", n)
	}
}

// What group exchange hands out follows from the moduli, the release and the lists.
func TestGroupExchange(t *testing.T) {
	const gex = "curve25519-sha256,diffie-hellman-group-exchange-sha256"
	lists := func(h *host, kex string) *host {
		return h.shows(kex, "ssh-ed25519", "aes256-gcm@openssh.com", "hmac-sha2-256")
	}
	for _, tt := range []struct {
		name   string
		change func(*host)
		bits   int64 // -1: not known
		reason string
	}{
		{"not offered", func(h *host) { lists(h, "curve25519-sha256").out(snapshot.OutModuli, "sha256 a\n1 1024\n") }, 0, ""},
		{"2048", func(h *host) { lists(h, gex).out(snapshot.OutModuli, "sha256 a\n1 2048\n1 4096\n") }, 2048, "the smallest group has 2048 bits: about 112 bits of strength, which NIST ends in 2030"},
		{"what a server since 7.2 does not hand out", func(h *host) { lists(h, gex).out(snapshot.OutModuli, "sha256 a\n1 1024\n1 4096\n") }, 4096, "the smallest group has 4096 bits"},
		{"nothing fits: a group of its own", func(h *host) { lists(h, gex).out(snapshot.OutModuli, "sha256 a\n1 1024\n") }, 2048, "the smallest group has 2048 bits: about 112 bits of strength, which NIST ends in 2030"},
		{"not read", func(h *host) { lists(h, gex).denied(snapshot.OutModuli) }, -1, "as strong as the smallest group in the server's moduli file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := plainHost()
			tt.change(h)
			f := h.facts()
			_, unknown := f.Unknown["sshd.group_exchange_bits"]
			if unknown != (tt.bits < 0) || !unknown && f.Sshd.GroupExchangeBits != tt.bits {
				t.Errorf("%d bits, unknown %v: %s", f.Sshd.GroupExchangeBits, unknown, f.Unknown["sshd.group_exchange_bits"])
			}
			for _, a := range f.Wire.Kex {
				if a.Name == "diffie-hellman-group-exchange-sha256" && a.Reason != tt.reason {
					t.Errorf("%s: %s", a.Status, a.Reason)
				}
			}
		})
	}
}

package wire

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Every name that OpenSSH 7.4 to 10.6, dropbear and libssh offer, or can be told
// to offer, has a standing; what today's stacks offer by default has nothing
// that is broken in it.
func TestOfferedHaveAStanding(t *testing.T) {
	data, err := os.ReadFile("testdata/offered.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) != 3 || kinds[f[1]] == "" {
			t.Fatalf("not a row: %q", line)
		}
		for _, name := range strings.Split(f[2], ",") {
			n++
			if kinds[f[1]] == KindKex && Marker(name) {
				continue
			}
			status, reason := Judge(kinds[f[1]], name)
			if status == StatusUnknown {
				t.Errorf("%s: %s %s has no standing", f[0], f[1], name)
			}
			today := strings.HasPrefix(f[0], "openssh-10") || f[0] == "dropbear-2026" || f[0] == "libssh-0.12" || f[0] == "openssh-9.9"
			if today && (status == StatusBroken || status == StatusWeak) {
				t.Errorf("%s: %s %s is %s: %s", f[0], f[1], name, status, reason)
			}
		}
	}
	if n < 150 {
		t.Errorf("%d names", n)
	}
}

// The OpenSSH that is installed here is asked too.
func TestInstalledHaveAStanding(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Log("no ssh here to ask")
		return
	}
	for query, kind := range map[string]Kind{"kex": KindKex, "key-sig": KindHostKey, "cipher": KindCipher, "mac": KindMAC} {
		out, err := exec.Command(ssh, "-Q", query).Output()
		if err != nil {
			t.Fatalf("ssh -Q %s: %v", query, err)
		}
		for _, name := range strings.Fields(string(out)) {
			if status, _ := Judge(kind, name); status == StatusUnknown {
				t.Errorf("%s %s has no standing", query, name)
			}
		}
	}
}

// What no table knows is unknown, whatever it looks like.
func TestUnknownNames(t *testing.T) {
	for _, kind := range kinds {
		for _, name := range []string{"", "x", "mlkem9000x448-sha9", "aes256-xyz", "hmac-sha4-512", "ssh-ed25520", "zlib2", "ecdh-sha2-nistp256 ", "ECDH-SHA2-NISTP256", "chacha20-poly1305@openssh.org"} {
			if status, reason := Judge(kind, name); status != StatusUnknown || reason == "" {
				t.Errorf("%s %q: %s", kind, name, status)
			}
		}
	}
}

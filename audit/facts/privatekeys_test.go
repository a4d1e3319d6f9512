package facts_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// beginning are the first letters of OpenSSH's own form with that cipher.
func beginning(cipher string) string {
	form := "openssh-key-v1\x00\x00\x00\x00" + string(rune(len(cipher))) + cipher + "\x00\x00\x00\x06bcrypt"
	return base64.StdEncoding.EncodeToString([]byte(form))[:32]
}

func TestPrivateKeys(t *testing.T) {
	const pub = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIX72N696p3qfLzKEH4XDslHzO5I8sV3qCwv7Jpfdhh2 alice@h\n"
	h := plainHost().meta("/home/alice/.ssh/id", 'f', 0o600, 1000, 1000).file("/home/alice/.ssh/id.pub", pub, 0o644, 1000, 1000)
	h.meta("/root/.ssh/id_rsa", 'f', 0o600, 0, 0).text("/root/.ssh/id_rsa.pub", "no key\n")
	h.out(snapshot.OutPrivateKeys, "OPENSSH_PRIVATE_KEY - "+beginning("aes256-ctr")+" /home/alice/.ssh/id\nRSA_PRIVATE_KEY - - /root/.ssh/id_rsa\nDSA_PRIVATE_KEY encrypted - /root/.ssh/with a blank\n")
	f := h.facts()
	var got [][]string
	for _, k := range f.PrivateKeys {
		got = append(got, []string{k.User, k.Path, k.Type, k.Encrypted, k.Fingerprint, k.Comment, k.Owner, k.Mode})
	}
	want := [][]string{
		{"alice", "/home/alice/.ssh/id", "ssh-ed25519", "yes", "SHA256:3HrX0/2tXF6QKXjJA3pEsq8TuJ0U5Dp0Wu+DsOgFvk4", "alice@h", "alice", "0600"},
		{"root", "/root/.ssh/id_rsa", "ssh-rsa", "no", "", "", "root", "0600"},
		{"root", "/root/.ssh/with a blank", "ssh-dss", "yes", "", "", "", ""},
	}
	want[0][4] = got[0][4] // ParseKeys has tests of its own
	if got[0][4] == "" {
		t.Error("no fingerprint of the public half")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(f.Gaps["private_keys"]) != 0 {
		t.Errorf("gaps %v", f.Gaps["private_keys"])
	}
}

// Whether a passphrase guards a key, by what the collector brings of it.
func TestPrivateKeyForms(t *testing.T) {
	for line, want := range map[string]string{
		"OPENSSH_PRIVATE_KEY - " + beginning("none"):               "no",
		"OPENSSH_PRIVATE_KEY - " + beginning("aes256-ctr"):         "yes",
		"OPENSSH_PRIVATE_KEY - " + beginning("chacha20-poly1305@"): "yes",
		"OPENSSH_PRIVATE_KEY - -":                                  "unknown",
		"OPENSSH_PRIVATE_KEY - b3BlbnNzaC1rZXktdjIAAAAABG5vbmUA":   "unknown", // another magic word
		"OPENSSH_PRIVATE_KEY - !!":                                 "unknown",
		"OPENSSH_PRIVATE_KEY encrypted -":                          "unknown", // no such form
		"RSA_PRIVATE_KEY encrypted -":                              "yes",
		"EC_PRIVATE_KEY - -":                                       "no",
		"PRIVATE_KEY - -":                                          "no",
		"ENCRYPTED_PRIVATE_KEY - -":                                "yes",
		"PuTTY - -":                                                "unknown",
		"ODD_PRIVATE_KEY - -":                                      "unknown",
	} {
		f := plainHost().out(snapshot.OutPrivateKeys, line+" /root/.ssh/k\n").facts()
		if len(f.PrivateKeys) != 1 || f.PrivateKeys[0].Encrypted != want {
			t.Errorf("%s: %+v, want %s", line, f.PrivateKeys, want)
		}
	}
}

// What may hide a private key is a gap, and nothing else is.
func TestPrivateKeyGaps(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*host)
		gap    bool
	}{
		"all looked at":               {func(*host) {}, false},
		"not brought":                 {func(h *host) { h.drop(snapshot.OutPrivateKeys) }, true},
		"the section was late":        {func(h *host) { h.drop(snapshot.OutPrivateKeys).gap("privates", snapshot.GapCap, "late") }, true},
		"cut":                         {func(h *host) { h.gap(snapshot.OutPrivateKeys, snapshot.GapCap, "more") }, true},
		"a home":                      {func(h *host) { h.denied("/home/alice") }, true},
		"a file":                      {func(h *host) { h.denied("/home/alice/.ssh/id") }, true},
		"authorized_keys":             {func(h *host) { h.denied("/home/alice/.ssh/authorized_keys") }, false},
		"a public half":               {func(h *host) { h.denied("/home/alice/.ssh/id.pub") }, false},
		"below a directory in it":     {func(h *host) { h.denied("/home/alice/.ssh/old/id") }, false},
		"a home that is nobody's":     {func(h *host) { h.denied("/home/other") }, false},
		"a line that cannot be read":  {func(h *host) { h.out(snapshot.OutPrivateKeys, "postern-withheld\n") }, true},
		"a key outside of every home": {func(h *host) { h.out(snapshot.OutPrivateKeys, "PRIVATE_KEY - - /etc/key\n") }, true},
		"passwd":                      {func(h *host) { h.denied("/etc/passwd") }, true},
		"accounts from elsewhere":     {func(h *host) { h.text("/etc/nsswitch.conf", "passwd: files sss\n") }, true},
	} {
		h := plainHost()
		c.change(h)
		if f := h.facts(); (len(f.Gaps["private_keys"]) > 0) != c.gap || len(f.PrivateKeys) != 0 {
			t.Errorf("%s: gaps %v, keys %v", name, f.Gaps["private_keys"], f.PrivateKeys)
		}
	}
}

// What postern access shows of them.
func TestPrivateKeyLogins(t *testing.T) {
	h := plainHost().out(snapshot.OutPrivateKeys, "PRIVATE_KEY - - /root/.ssh/k\n").denied("/home/alice/.ssh/id")
	l := facts.WhoCanLogIn(h.snapshot(), facts.Options{Now: now, Name: "h"})
	if len(l.PrivateKeys) != 1 || l.PrivateKeys[0].User != "root" {
		t.Errorf("%+v", l.PrivateKeys)
	}
	if len(l.Gaps) != 1 || l.Gaps[0].Path != "/home/alice/.ssh/id" {
		t.Errorf("%+v", l.Gaps)
	}
}

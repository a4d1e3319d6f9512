package snapshot

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCapabilityText reads the attribute as the kernel keeps it.
func TestCapabilityText(t *testing.T) {
	for in, want := range map[string]string{
		"0100000280000000000000000000000000000000":         "cap_setuid=ep",
		"01000002c0000000c00000000000000000000000":         "cap_setgid,cap_setuid=eip",
		"0000000200200000000000000000000000000000":         "cap_net_raw=p",
		"010000030020000000000000800000000000000000000000": "cap_net_raw,cap_bpf=ep", // a third version has a root's uid behind
		"0100000200200000001000000000000000000000":         "cap_net_raw=ep cap_net_admin=ei",
		"01000002ffffffff00000000ff01000000000000":         "=ep",
		"010000010020000000000000":                         "cap_net_raw=ep",
		"01000009002000000000000000000000":                 "",
		"01":                                               "",
		"":                                                 "",
	} {
		data, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := capabilityText(data)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
}

// TestCapabilitiesOfTree reads what is kept beside a file of a tree, and gives what
// getcap(8) says of it.
func TestCapabilitiesOfTree(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "usr/local/bin/pl")
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	data, _ := hex.DecodeString("0100000280040000000000000000000000000000")
	if err := unix.Setxattr(p, "security.capability", data, 0); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) {
		without(t, "needs the right to give capabilities")
	} else if err != nil {
		t.Fatal(err)
	}
	s, err := DeepenRoot(t.Context(), dir, Options{}, Questions{})
	if err != nil {
		t.Fatal(err)
	}
	o := s.Output(OutCapabilities)
	if o == nil || string(o.Data) != "/usr/local/bin/pl cap_setuid,cap_net_bind_service=ep\n" || s.Lookup("/usr/local/bin/pl") == nil {
		t.Fatalf("%+v %+v", o, s.Gaps)
	}
	if getcap, err := exec.LookPath("getcap"); err == nil {
		out, _ := exec.Command(getcap, p).Output()
		if got := strings.TrimPrefix(string(out), dir); got != string(o.Data) && !strings.Contains(got, " = ") {
			t.Errorf("getcap says %q, we %q", got, o.Data)
		}
	}
}

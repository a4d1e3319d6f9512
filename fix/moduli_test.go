package fix_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
)

func groups(sizes ...int) string {
	var b strings.Builder
	b.WriteString("#    $OpenBSD: moduli,v 1.22$\n# Time Type Tests Tries Size Generator Modulus\n")
	for _, s := range sizes {
		for i := range 12 {
			fmt.Fprintf(&b, "20210101%06d 2 6 100 %d 2 F%dE3B0C4\n", i, s, i)
		}
	}
	return b.String()
}

// withModuli is a world whose file of groups is that, and can be fetched as that.
func withModuli(text, fetched string) *world {
	w := newWorld()
	f := w.put("/etc/ssh/moduli", 'f', 0o644, 0, 0, "").files["/etc/ssh/moduli"]
	f.Content = nil // it stays on the host
	w.files["/etc/ssh/moduli"] = f
	var b strings.Builder
	fmt.Fprintf(&b, "sha256 %x\n", sha256.Sum256([]byte(text)))
	for _, s := range []int{1023, 2047, 3071, 4095} {
		if n := strings.Count(text, fmt.Sprintf(" %d 2 F", s)); n > 0 {
			fmt.Fprintf(&b, "%d %d\n", n, s+1)
		}
	}
	w.outs[snapshot.OutModuli] = b.String()
	w.config("UsePAM yes\nKexAlgorithms +diffie-hellman-group-exchange-sha256\n")
	w.in.Fetch = func(p string) ([]byte, error) {
		if p != "/etc/ssh/moduli" || fetched == "" {
			return nil, errors.New("not today")
		}
		return []byte(fetched), nil
	}
	return w
}

func TestModuli(t *testing.T) {
	all, strong := groups(2047, 3071, 4095), groups(3071, 4095)
	h := withModuli(all, all).plan(t, "moduli", "small-moduli")
	c := change(t, h, "/etc/ssh/moduli")
	if string(c.New) != strong || string(c.Old) != all || len(h.Changes) != 1 || len(h.Unfixed)+len(h.Refused) > 0 || c.Kind != fix.KindSshd {
		t.Fatal(tell(h))
	}
	if text := tell(h); !strings.Contains(text, "12 of 2048 bits go; 12 of 3072, 12 of 4096 stay") || strings.Contains(text, "E3B0C4") {
		t.Error(text)
	}
	for name, w := range map[string]*world{
		"it cannot be read":    withModuli(all, ""),
		"it changed meanwhile": withModuli(all, strong),
		"too few are left":     withModuli(groups(2047), groups(2047)),
	} {
		h := w.plan(t, "small-moduli")
		if len(h.Changes) != 1 || !strings.Contains(string(h.Changes[0].New), "KexAlgorithms -diffie-hellman-group-exchange") || !strings.Contains(strings.Join(h.Warnings, "\n"), "group exchange is taken off") {
			t.Errorf("%s: %s", name, tell(h))
		}
	}
	if h := withModuli(strong, strong).plan(t, "small-moduli"); !h.Empty() {
		t.Error(tell(h))
	}
}

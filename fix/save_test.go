package fix_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/fix"
)

func earlierOf(list ...*snapshot.Snapshot) func(func(string, *snapshot.Snapshot) bool) {
	return func(yield func(string, *snapshot.Snapshot) bool) {
		for _, s := range list {
			if !yield("run", s) {
				return
			}
		}
	}
}

func TestSave(t *testing.T) {
	p := &fix.Plan{Format: fix.Format, Tool: "1", Made: now, Hosts: []fix.Host{newWorld().plan(t, "no-password-login")}}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := fix.Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, got); d != "" {
		t.Error(d)
	}
	text := b.String()
	for name, bad := range map[string]string{
		"cut":        text[:len(text)/2],
		"a letter":   strings.Replace(text, "no-password-login", "no-password-logim", 1),
		"nothing":    "{}",
		"other JSON": `{"format": 1, "plan": {"a": 1}}`,
	} {
		if _, err := fix.Read(strings.NewReader(bad)); !errors.Is(err, fix.ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fix.Read(strings.NewReader(strings.Replace(text, `"format": 1`, `"format": 2`, 1))); !errors.Is(err, fix.ErrNewer) {
		t.Error(err)
	}
	// One whose content is not what its states say, under a hash of its own.
	p.Hosts[0].Changes[0].New = append(p.Hosts[0].Changes[0].New, "Port 1\n"...)
	b.Reset()
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := fix.Read(&b); !errors.Is(err, fix.ErrPlan) || !strings.Contains(err.Error(), "new content") {
		t.Error(err)
	}
}

// Whatever a host writes into its files, no byte of it reaches the terminal.
func TestForeignBytes(t *testing.T) {
	w := newWorld().config("UsePAM yes\n# \x1b[2J\xff\u202e\nX11Forwarding yes\n# long " + strings.Repeat("x", 300) + "\n")
	w.host.Name = "h\x1b[1m"
	for _, width := range []int{80, 40, 0} {
		var b strings.Builder
		if err := (&fix.Text{W: &b, Width: width}).Write(&fix.Plan{Hosts: []fix.Host{w.plan(t, "x11-forwarding")}}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if width > 0 && len(line) > width {
				t.Errorf("%d columns: %s", len(line), line)
			}
			for _, c := range []byte(line) {
				if c < ' ' || c > '~' {
					t.Fatalf("byte 0x%02x in %q", c, line)
				}
			}
		}
	}
}

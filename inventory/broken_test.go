package inventory

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata/broken")

// TestBroken: what each broken inventory is told. The golden files are what a
// person reads; look at the difference before you commit one.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d broken inventories, want 25 at least: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			inv, faults := Load(name, data)
			if inv != nil || len(faults) == 0 {
				t.Fatalf("it was loaded: %+v", inv)
			}
			checkFaults(t, name, data, faults)
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			got := faults.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// checkFaults: every fault lies in the file, says what and how out, and is
// bounded and printable.
func checkFaults(t *testing.T, name string, data []byte, faults Faults) {
	t.Helper()
	lines := strings.Split(string(data), "\n")
	if len(faults) > maxFaults+1 {
		t.Fatalf("%d faults", len(faults))
	}
	for _, f := range faults {
		switch {
		case f.Text == "" || f.Hint == "":
			t.Fatalf("no text or no way out: %+v", f)
		case f.Pos.File != name:
			t.Fatalf("another file: %+v", f)
		case len(f.Text) > 1500 || len(f.Hint) > 1500:
			t.Fatalf("too long: %+v", f)
		}
		for _, r := range f.Text + f.Hint {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e || r == 0x200b {
				t.Fatalf("unprintable: %q", f)
			}
		}
		if f.Pos.Line == 0 { // about the file as a whole
			continue
		}
		if f.Pos.Line > len(lines) || f.Pos.Column < 1 || f.Pos.Column > len(lines[f.Pos.Line-1])+2 {
			t.Fatalf("outside of the file: %+v", f)
		}
	}
}

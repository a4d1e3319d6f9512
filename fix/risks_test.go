package fix

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRisksAreNamed: each name by which this package refuses a plan is one that
// Risks knows, and the other way round: a name that nobody can accept, or that
// nothing is refused by, is a mistake.
func TestRisksAreNamed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	literal := regexp.MustCompile(`\bRisk: *"([a-z-]+)"|\bRisk = "([a-z-]+)"`)
	used := map[string]bool{riskRunning: true}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			used[m[1]+m[2]] = true
		}
	}
	if !slices.IsSorted(Risks()) {
		t.Errorf("not in order: %q", Risks())
	}
	for _, r := range Risks() {
		if !used[r] {
			t.Errorf("nothing is refused as %s", r)
		}
		delete(used, r)
	}
	for r := range used {
		t.Errorf("a plan is refused as %s, which Risks does not know", r)
	}
}

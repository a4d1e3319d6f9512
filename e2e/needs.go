package e2e

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
)

// summaryVar names a file for the summary line, for scripts: `go test` shows
// a passing package's output only with -v.
const summaryVar = "POSTERN_E2E_SUMMARY"

// executed holds, by name, the tests that asked for real hosts and whether
// they skipped afterwards.
var executed = struct {
	sync.Mutex
	skipped map[string]bool
}{skipped: map[string]bool{}}

// NeedHosts says that the test cannot run without real hosts. Where the switch
// does not ask for them the test is left out; where it requires them, the test
// is counted, and skipping later on is an error of the run. Start calls it.
func NeedHosts(t testing.TB) {
	t.Helper()
	if currentMode() != modeRequire {
		t.Skipf("needs real hosts; run: %s", runCommand)
	}
	if !hostsReady() {
		t.Fatalf("e2e: %s=require, but this package's TestMain did not call e2e.Main", switchVar)
	}
	executed.Lock()
	defer executed.Unlock()
	if _, again := executed.skipped[t.Name()]; again {
		return
	}
	executed.skipped[t.Name()] = false
	t.Cleanup(func() {
		executed.Lock()
		defer executed.Unlock()
		executed.skipped[t.Name()] = t.Skipped()
	})
}

// hasSubtests tells whether a counted test lies below this one.
func hasSubtests(name string) bool {
	for other := range executed.skipped {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// summarize writes how many real-host tests ran and returns what is wrong with
// that, if anything.
func summarize(w io.Writer) (problem string) {
	executed.Lock()
	defer executed.Unlock()
	ran, skipped := 0, 0
	for name, s := range executed.skipped {
		if hasSubtests(name) {
			continue // its subtests are what counts
		}
		if s {
			skipped++
		} else {
			ran++
		}
	}
	line := fmt.Sprintf("e2e: %d real-host tests executed, %d skipped\n", ran, skipped)
	io.WriteString(w, line)
	if path := os.Getenv(summaryVar); path != "" {
		if err := os.WriteFile(path, []byte(line), 0o644); err != nil {
			return fmt.Sprintf("%s: %v", summaryVar, err)
		}
	}
	if skipped > 0 {
		return fmt.Sprintf("%s=require forbids skipping, and %d real-host tests skipped", switchVar, skipped)
	}
	return ""
}

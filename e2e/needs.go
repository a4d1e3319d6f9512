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

// hostTests counts the tests that asked for real hosts.
var hostTests tally

// tally holds, by name, the tests that asked for real hosts and whether they
// skipped afterwards.
type tally struct {
	mu      sync.Mutex
	skipped map[string]bool
}

// add counts a test once and tells whether it was new.
func (y *tally) add(name string) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.skipped == nil {
		y.skipped = map[string]bool{}
	}
	_, again := y.skipped[name]
	if !again {
		y.skipped[name] = false
	}
	return !again
}

func (y *tally) markSkipped(name string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.skipped[name] = true
}

// counts are the tests that ran and that skipped. Of a test with subtests
// that ask for hosts, the subtests are what counts.
func (y *tally) counts() (ran, skipped int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for name, s := range y.skipped {
		switch {
		case s:
			skipped++
		case !y.hasSubtests(name):
			ran++
		}
	}
	return ran, skipped
}

func (y *tally) hasSubtests(name string) bool {
	for other := range y.skipped {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

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
	if hostTests.add(t.Name()) {
		t.Cleanup(func() {
			if t.Skipped() {
				hostTests.markSkipped(t.Name())
			}
		})
	}
}

// summarize writes how many real-host tests ran and returns what is wrong with
// that, if anything.
func summarize(w io.Writer, y *tally) (problem string) {
	ran, skipped := y.counts()
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

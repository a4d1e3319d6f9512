//go:build !linux

package e2e

import (
	"fmt"
	"os"
	"testing"
)

// Main runs a test package's tests. Real hosts are made of Linux namespaces,
// so on this platform they are always left out, and requiring them fails.
func Main(m *testing.M) int {
	switch currentMode() {
	case modeRequire:
		fmt.Fprintf(os.Stderr, "e2e: %s=require, but real hosts need Linux: run the tests there\n", switchVar)
		return 1
	case modeAnnounce:
		fmt.Printf("e2e: real-host tests left out: they need Linux; run there: %s\n", runCommand)
	}
	return m.Run()
}

// hostsReady is never true: see Main.
func hostsReady() bool { return false }

package sshd

import (
	"flag"
	"os"
	"testing"
)

// TestMain draws the same configurations each time, unless a seed or another
// number of them is asked for: a change must not fail for a fault that it did not
// make. The long run (.ci/full) looks for those.
func TestMain(m *testing.M) {
	flag.Parse()
	if seed, checks := flag.Lookup("rapid.seed"), flag.Lookup("rapid.checks"); seed.Value.String() == "0" && checks.Value.String() == checks.DefValue {
		if err := flag.Set("rapid.seed", "1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

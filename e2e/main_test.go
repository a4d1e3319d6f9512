package e2e_test

import (
	"os"
	"testing"

	"github.com/postern-ssh/postern/e2e"
)

// roles are what this binary can be started as by its own benchmarks, by the
// first argument.
var roles = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			if err := role(os.Args[2:]); err != nil {
				os.Stderr.WriteString(err.Error() + "\n")
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(e2e.Main(m))
}

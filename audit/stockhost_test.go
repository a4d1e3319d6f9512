package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/postern-ssh/postern/audit/snapshot"
)

// stockHost reads the recording of a real host that nothing is wrong with.
func stockHost(tb testing.TB) *snapshot.Snapshot {
	tb.Helper()
	recorded, err := os.ReadFile(filepath.Join("..", "e2e", "demo", "hosts", "stock.pst"))
	if err != nil {
		tb.Fatal(err)
	}
	base, err := snapshot.Read(bytes.NewReader(recorded), snapshot.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return base
}

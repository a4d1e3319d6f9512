package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// manyAccounts makes accounts with a home, a directory of keys and a key file each.
func manyAccounts(n int) string {
	return fmt.Sprintf(`i=0; while [ $i -lt %d ]; do u=$((70000 + i)); echo "u$i:x:$u:$u::/home/u$i:/bin/sh"; i=$((i + 1)); done >>/etc/passwd
i=0; while [ $i -lt 300 ]; do echo "s$i:x:$((80000 + i)):1::/nonexistent/s$i:/bin/false"; i=$((i + 1)); done >>/etc/passwd
cd /home; i=0; while [ $i -lt %d ]; do mkdir -p u$i/.ssh; echo "ssh-ed25519 AAAA u$i" >u$i/.ssh/authorized_keys; i=$((i + 1)); done
i=0; while [ $i -lt %d ]; do chown -R $((70000 + i)) u$i; i=$((i + 1)); done; rm -f u5/.ssh/authorized_keys; mkfifo u5/.ssh/authorized_keys`, n, n, n)
}

// TestManyAccounts: each account's keys come, with its own rights, and those
// without a home cost nothing. The time is printed, not judged.
func TestManyAccounts(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	const n = 300
	s := collect(t, whole{setup: manyAccounts(n)}, Options{})
	keys := 0
	for _, f := range s.Below("/home") {
		if strings.HasSuffix(f.Path, "/authorized_keys") && f.HasContent() {
			keys++
		}
	}
	if keys != n-1 || gaps(s, "/home/u5/.ssh/authorized_keys") != "unsafe" {
		t.Errorf("%d key files with content, gap %q", keys, gaps(s, "/home/u5/.ssh/authorized_keys"))
	}
	t.Logf("%d accounts with keys: %d files in %v", n, len(s.Files), s.End.Sub(s.HostClock).Round(time.Millisecond))
}

// Package e2e starts real hosts for end-to-end tests: Debian's own sshd, PAM,
// shadow, sudo and cron, under a tiny init or under the release's systemd, each
// in namespaces of its own. No container engine and no virtual machine take
// part. A host is up in well under a second.
//
// A test package that wants hosts gives its TestMain away and then asks for
// them where it needs them:
//
//	func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }
//
//	func TestLogin(t *testing.T) {
//		t.Parallel()
//		h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Accounts: true})
//		client := h.Login(h.Accounts().Admin)
//		…
//	}
//
// Real hosts need root and a few Debian packages, so they start only when
// asked for:
//
//	POSTERN_E2E=require go test ./e2e
//
// With the switch set, whatever is missing is an error that names it and the
// package that brings it, and a host test that skips fails the run. Without
// the switch the host tests are left out and the run says so (go test -v shows
// it); POSTERN_E2E=off leaves them out silently.
//
// The root file systems are built once by mmdebstrap from the machine's own
// apt mirror and kept in ${POSTERN_E2E_CACHE:-/var/cache/postern-e2e}.
//
// What these hosts cannot show: they share the machine's kernel and clock, so
// there is no SELinux or AppArmor of their own, no kernel log, and no sysctl
// outside net, uts and ipc.
package e2e

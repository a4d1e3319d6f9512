package facts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// AuthorizedPrincipalsFile of each account: its tokens, who may read it, and what
// it holds.
func TestPrincipalsFiles(t *testing.T) {
	const ca = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIX72N696p3qfLzKEH4XDslHzO5I8sV3qCwv7Jpfdhh2 ca\n"
	for name, c := range map[string]struct {
		word   string
		change func(*host)
		want   map[string]string // whether a certificate opens; root is let in
	}{
		"each one's": {"/etc/ssh/auth/%u", func(h *host) { h.dir("/etc/ssh/auth", 0o755, 0, 0).text("/etc/ssh/auth/alice", "ops\n") }, map[string]string{"alice": "yes", "root": "no"}},
		"below the home": {".ssh/principals", func(h *host) { h.file("/home/alice/.ssh/principals", "ops\n", 0o600, 1000, 1000) },
			map[string]string{"alice": "yes", "root": "no"}},
		"%h and %%":            {"%h/.ssh/100%%", func(h *host) { h.file("/home/alice/.ssh/100%", "ops\n", 0o600, 1000, 1000) }, map[string]string{"alice": "yes", "root": "no"}},
		"%U":                   {"/etc/ssh/by/%U", func(h *host) { h.dir("/etc/ssh/by", 0o755, 0, 0).text("/etc/ssh/by/0", "ops\n") }, map[string]string{"alice": "no", "root": "yes"}},
		"nobody in it":         {"/etc/ssh/auth/%u", func(h *host) { h.dir("/etc/ssh/auth", 0o755, 0, 0).text("/etc/ssh/auth/alice", "# ops\n") }, map[string]string{"alice": "no", "root": "no"}},
		"another may write":    {".ssh/principals", func(h *host) { h.file("/home/alice/.ssh/principals", "ops\n", 0o666, 1000, 1000) }, map[string]string{"alice": "no", "root": "no"}},
		"it may not be read":   {".ssh/principals", func(h *host) { h.denied("/home/alice/.ssh/principals") }, map[string]string{"alice": "unknown", "root": "no"}},
		"a token of no sshd":   {"/etc/ssh/auth/%k", func(h *host) { h.dir("/etc/ssh/auth", 0o755, 0, 0) }, map[string]string{"alice": "no", "root": "no"}},
		"one for all":          {"/etc/ssh/principals", func(h *host) { h.text("/etc/ssh/principals", "ops\n") }, map[string]string{"alice": "yes", "root": "yes"}},
		"one for all, missing": {"/etc/ssh/principals", func(*host) {}, map[string]string{"alice": "no", "root": "no"}},
		"none":                 {"none", func(*host) {}, map[string]string{"alice": "yes", "root": "yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().text("/etc/ssh/ca", ca).text("/etc/ssh/sshd_config",
				"PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthorizedKeysFile none\nTrustedUserCAKeys /etc/ssh/ca\nAuthorizedPrincipalsFile "+c.word+"\n")
			c.change(h)
			got := map[string]string{}
			f := h.facts()
			for _, a := range f.Access {
				if _, ok := c.want[a.User]; ok {
					got[a.User] = a.PublicKey
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s%+v", d, f.Access)
			}
		})
	}
}

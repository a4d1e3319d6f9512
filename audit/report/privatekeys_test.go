package report

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
)

func TestPrivateKeysText(t *testing.T) {
	use := audit.KeyUse{Host: "db", User: "backup", From: "anywhere", Opens: "yes", Path: "/home/backup/.ssh/authorized_keys", Line: 2}
	may := use
	may.Host, may.Opens, may.Why = "old", "unknown", "PAM"
	var out bytes.Buffer
	w := &AccessText{W: &out}
	if err := w.Write(&audit.Access{PrivateKeys: []audit.PrivateReach{
		{Host: "web", Key: facts.PrivateKey{Path: "/root/.ssh/id\x1b[2J", Encrypted: "no", Type: "ssh-ed25519", Fingerprint: "SHA256:x", Comment: "a b", Owner: "root", Mode: "0600"}, Opens: []audit.KeyUse{use, may}},
		{Host: "web", Key: facts.PrivateKey{Path: "/home/a/.ssh/id", Encrypted: "yes"}},
		{Host: "web", Key: facts.PrivateKey{Path: "/home/a/.ssh/ppk", Encrypted: "unknown", Type: "ssh-rsa", Fingerprint: "SHA256:y"}},
	}}); err != nil {
		t.Fatal(err)
	}
	want := `
private keys that lie on the hosts
  web, /root/.ssh/"id\x1b[2J" (0600 root), without a passphrase: ssh-ed25519 SHA256:x a b
    opens backup on db, anywhere: /home/backup/.ssh/authorized_keys:2
    may open backup on old, anywhere: /home/backup/.ssh/authorized_keys:2 (not known: PAM)
  web, /home/a/.ssh/id, with a passphrase: no public half beside it tells what it opens
  web, /home/a/.ssh/ppk, with or without a passphrase: ssh-rsa SHA256:y, opens no account that was seen
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

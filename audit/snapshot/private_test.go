package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// privateSetup makes private keys whose bodies hold the word SECRET, in base64
// too, so that the least of them would be seen.
const privateSetup = people + `
key() { printf -- "-----BEGIN $1-----\n$2\nSECRETSECRETSECRETSECRET\n-----END $1-----\n"; }
none=b3BlbnNzaC1rZXktdjEAAAAABG5vbmUASECRETSECRET; aes=b3BlbnNzaC1rZXktdjEAAAAACmFlczI1SECRETSECRET
cd /home/alice/.ssh
key 'OPENSSH PRIVATE KEY' $none >id_open; echo 'ssh-ed25519 AAAA open' >id_open.pub; key 'OPENSSH PRIVATE KEY' $aes >id_aes
key 'RSA PRIVATE KEY' 'Proc-Type: 4,ENCRYPTED' >id_pem; key 'RSA PRIVATE KEY' MIISECRET >id_plain; key 'PRIVATE KEY' MIISECRET >pkcs8; key 'ENCRYPTED PRIVATE KEY' MIISECRET >pkcs8e
printf 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nSECRET\n' >id.ppk; { echo 'Bag Attributes SECRET'; key 'EC PRIVATE KEY' MIISECRET; } >'with a blank'
echo 'SECRET notes' >notes; key 'OPENSSH PRIVATE KEY' SHORTSECRET >short; printf -- '-----BEGIN DSA PRIVATE KEY-----' >cut; head -c 5000 /dev/zero >zero; : >empty
printf '==> /home/bob/.ssh/forged <==\n-----BEGIN RSA PRIVATE KEY-----\nx\n' >claims; mkfifo fifo; ln -s /root/.ssh/id_root link; touch "a
b"; key 'RSA PRIVATE KEY' x >/root/other; chown -R 61000:61000 /home/alice; chown -h root: id_plain; chmod 600 id_*
mkdir -p /root/.ssh; key 'OPENSSH PRIVATE KEY' $none >/root/.ssh/id_root; chmod 600 /root/.ssh/id_root
ln -s /root/.ssh /home/mal/x; rm -rf /home/mal/.ssh; ln -s x /home/mal/.ssh; chown -h 61003 /home/mal/.ssh
`

const privateWant = `OPENSSH_PRIVATE_KEY - b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA /root/.ssh/id_root
RSA_PRIVATE_KEY - - /home/alice/.ssh/claims
DSA_PRIVATE_KEY - - /home/alice/.ssh/cut
PuTTY - - /home/alice/.ssh/id.ppk
OPENSSH_PRIVATE_KEY - b3BlbnNzaC1rZXktdjEAAAAACmFlczI1 /home/alice/.ssh/id_aes
OPENSSH_PRIVATE_KEY - b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA /home/alice/.ssh/id_open
RSA_PRIVATE_KEY encrypted - /home/alice/.ssh/id_pem
PRIVATE_KEY - - /home/alice/.ssh/pkcs8
ENCRYPTED_PRIVATE_KEY - - /home/alice/.ssh/pkcs8e
OPENSSH_PRIVATE_KEY - - /home/alice/.ssh/short
EC_PRIVATE_KEY - - /home/alice/.ssh/with a blank
`

// Private keys are found with their owners' rights, and nothing of what they hold
// leaves the host.
func TestPrivateKeys(t *testing.T) {
	needRoot(t, "unshare", "setpriv")
	for _, user := range []string{"", "61000"} {
		for _, sh := range shells {
			t.Run("uid="+user+" "+strings.TrimPrefix(sh, "/bin/"), func(t *testing.T) {
				var sent bytes.Buffer
				h := whole{setup: privateSetup, sh: sh, user: user}
				s, err := Collect(context.Background(), runner(func(ctx context.Context, command string, in io.Reader, out, errOut io.Writer) (int, error) {
					return h.Run(ctx, command, in, io.MultiWriter(out, &sent), errOut)
				}), Options{Privilege: RequestNone})
				if err != nil {
					t.Fatal(err)
				}
				if i := bytes.Index(sent.Bytes(), []byte("SECRET")); i >= 0 {
					t.Errorf("the host sent a key's bytes: %q", sent.Bytes()[max(0, i-80):i+80])
				}
				o := s.Output(OutPrivateKeys)
				if o == nil || o.RC != 0 {
					t.Fatalf("%+v, gaps %v", o, s.GapsFor(OutPrivateKeys))
				}
				want := privateWant
				if user != "" {
					_, want, _ = strings.Cut(want, "\n")
				}
				if d := cmp.Diff(want, string(o.Data)); d != "" {
					t.Error(d)
				}
				if got := string(content(t, s, "/home/alice/.ssh/id_open.pub")); got != "ssh-ed25519 AAAA open\n" {
					t.Errorf("the public half: %q", got)
				}
				if f := s.Lookup("/home/alice/.ssh/id_open"); f == nil || f.Mode != 0o600 || f.HasContent() {
					t.Errorf("%+v", f)
				}
				for p, kind := range map[string]string{
					"/home/alice/.ssh/id_plain": "denied", // root's own, which alice may not read
					"/home/alice/.ssh/a\nb":     "error",
				} {
					if gaps(s, p) != kind {
						t.Errorf("%s: gap %q", p, gaps(s, p))
					}
				}
				if user == "" && gaps(s, "/home/alice/.ssh/link") != "unsafe" {
					t.Errorf("the link: gap %q", gaps(s, "/home/alice/.ssh/link"))
				}
				for i := range s.Files {
					if strings.Contains(s.Files[i].Path, "forged") || strings.HasPrefix(s.Files[i].Path, "/home/mal/x") {
						t.Errorf("%s came", s.Files[i].Path)
					}
				}
			})
		}
	}
}

// FuzzPrivateKeyOf: of a file no more than its BEGIN line and 32 letters are kept,
// and no line of the output can be taken for two.
func FuzzPrivateKeyOf(f *testing.F) {
	for _, s := range []string{"", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n",
		"PuTTY-User-Key-File-2: ssh-rsa\n", "x\n-----BEGIN PRIVATE KEY-----"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		k, ok := privateKeyOf(head)
		if ok != (k.kind != "") || len(k.kind) > 40 || len(k.beginning) > beginningMax || k.encrypted != "-" && k.encrypted != "encrypted" {
			t.Fatalf("%+v %v", k, ok)
		}
		if line := fmt.Sprint(k); strings.ContainsAny(line, "\n\x00") {
			t.Fatalf("%q", line)
		}
	})
}

package connect

import (
	"context"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestProve asks a real sshd about keys: held and known, known alone, and unknown.
func TestProve(t *testing.T) {
	for _, tc := range []struct {
		name   string
		held   bool
		listed bool
		config string
		want   KeyProof
	}{
		{"held and listed", true, true, "", KeyOpens},
		{"listed, and its private half is elsewhere", false, true, "", KeyKnown},
		{"held and not listed", true, false, "", KeyRefused},
		{"neither", false, false, "", KeyRefused},
		{"one step of two", true, true, "AuthenticationMethods publickey,password", KeyStep},
		{"another list of types", false, true, "PubkeyAcceptedAlgorithms rsa-sha2-512", KeyRefused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t)
			other := c.key("id_other", ecdsaPrivate(), "")
			pub := mustSigner(newEd25519()).PublicKey()
			if tc.held {
				pub = c.key("id_mine", newEd25519(), "")
			}
			users := []ssh.PublicKey{other}
			if tc.listed {
				users = append(users, pub)
			}
			h := openSSH(t, c, users, tc.config)
			c.opt.KnownHosts, c.opt.Policy = []string{c.write("known", "")}, AcceptNew
			d := c.dialer()
			if keys := d.Keys(context.Background(), h); !slices.Contains(keys, ssh.FingerprintSHA256(other)) || slices.Contains(keys, ssh.FingerprintSHA256(pub)) != tc.held {
				t.Errorf("keys %v", keys)
			}
			if got, err := d.Prove(context.Background(), h, pub); got != tc.want || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

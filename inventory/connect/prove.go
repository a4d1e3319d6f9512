package connect

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/inventory"
)

// Keys are the fingerprints (SHA256:...) of the keys that a login to the host may
// offer, in their order, each once. A key whose public half only its passphrase
// tells is left out.
func (d *Dialer) Keys(ctx context.Context, h inventory.Host) []string {
	t, serr := d.target(h)
	if serr != nil {
		return nil
	}
	cs, _ := d.candidates(ctx, t)
	var out []string
	for _, c := range cs {
		if c.pub == nil {
			continue
		}
		if f := ssh.FingerprintSHA256(plainKey(c.pub)); !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// KeyProof says how far a key was seen to open an account.
type KeyProof string

// The proofs. The zero value says that nothing was seen.
const (
	KeyRefused KeyProof = "refused"   // the server wants no signature of it
	KeyKnown   KeyProof = "known"     // the server would take a signature (SSH_MSG_USERAUTH_PK_OK, RFC 4252 section 7); none was made
	KeyStep    KeyProof = "step"      // its signature was taken, and the server asks for more
	KeyOpens   KeyProof = "logged in" // it logged in
)

// errQuery ends a login in which only the question about a key was put.
var errQuery = errors.New("the question was answered")

// Prove tries a public key on an account: h says which. Where the agent or one of
// the files holds its private half it logs in with it and with nothing else, and
// closes the connection; else it asks the server once whether it would take a
// signature, and makes none. An error says that nothing is known.
func (d *Dialer) Prove(ctx context.Context, h inventory.Host, key ssh.PublicKey, files ...string) (KeyProof, error) {
	t, serr := d.target(h)
	if serr != nil {
		return "", serr
	}
	t.keys, t.own = append(slices.Clone(files), append(slices.Clone(h.Keys), d.opt.KeyFiles...)...), false
	cs, _ := d.candidates(ctx, t)
	var mine []candidate
	for _, c := range cs {
		if c.pub != nil && bytes.Equal(c.pub.Marshal(), key.Marshal()) {
			mine = []candidate{c}
			break
		}
	}
	held := mine != nil
	if !held {
		mine = []candidate{{pub: key, label: "the public key alone", query: true}}
	}
	a := &attempt{d: d, ctx: ctx, t: t, known: d.known.lookup(t.host, t.port), tries: plan(mine, false)}
	conn, err := a.dial()
	if err == nil {
		defer conn.Close()
		if conn.Capture().NoneAccepted {
			return "", &StageError{Host: t.name, Stage: StageAuth, Text: "the account has an empty password and lets everybody in: nothing was learnt about the key"}
		}
		return KeyOpens, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := slices.ContainsFunc(a.offers, func(o *offer) bool { return o.asked })
	switch {
	case asked && !held:
		return KeyKnown, nil
	case a.partial:
		return KeyStep, nil
	case asked: // its signature was refused, or none could be made
		return "", err
	case len(a.offers) > 0 && errors.Is(err, ErrRefused):
		return KeyRefused, nil
	}
	return "", err
}

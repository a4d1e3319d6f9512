package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// candidate is one key that may be offered to a host.
type candidate struct {
	pub   ssh.PublicKey // key or certificate to offer; nil: the file's passphrase tells it
	label string        // where it is from
	file  *keyFile      // signs; nil: the agent does
	held  ssh.PublicKey // what the agent calls the key
	query bool          // nobody signs: only the question is put
}

// candidates lists the keys for a host in the order in which they are offered,
// and why others are left out. Keys that need no passphrase come first, unless
// the host names its keys: then these are all, in the order written.
func (d *Dialer) candidates(ctx context.Context, t target) (out []candidate, notes []string) {
	held, err := d.agent.list(ctx)
	if err != nil {
		notes = append(notes, err.Error())
	}
	used := make([]bool, len(held))
	var ready, later []candidate
	for _, path := range t.keys {
		k := d.keys.file(path)
		if k.err != nil {
			if !errors.Is(k.err, fs.ErrNotExist) || t.own {
				notes = append(notes, k.err.Error())
			}
			continue
		}
		if k.note != "" {
			notes = append(notes, k.note)
		}
		// Certificates first: they open what the bare key may not.
		var certs, plain []candidate
		for i, a := range held {
			if used[i] || k.pub == nil || !bytes.Equal(plainKey(a.pub).Marshal(), k.pub.Marshal()) {
				continue
			}
			used[i] = true
			c := candidate{pub: a.pub, label: path + ", in the agent", held: a.pub}
			cert, isCert := a.pub.(*ssh.Certificate)
			switch why := certUnfit(cert); {
			case why != "":
				notes = append(notes, "agent, "+quote(a.comment)+": "+why)
			case isCert:
				certs = append(certs, c)
			default:
				plain = append(plain, c)
			}
		}
		switch {
		case len(plain) > 0:
			if k.cert != nil {
				certs = append(certs, candidate{pub: k.cert, label: path + "-cert.pub", held: plain[0].held})
			}
		case k.unusable() != nil:
			if len(certs) == 0 {
				notes = append(notes, k.unusable().Error())
			}
		default:
			if k.cert != nil {
				certs = append(certs, candidate{pub: k.cert, label: path + "-cert.pub", file: k})
			}
			plain = append(plain, candidate{pub: k.pub, label: path, file: k})
		}
		if all := append(certs, plain...); k.ready() || t.own || len(plain) > 0 && plain[0].file == nil {
			ready = append(ready, all...)
		} else {
			later = append(later, all...)
		}
	}
	if !t.own {
		for i, a := range held {
			if cert, _ := a.pub.(*ssh.Certificate); !used[i] && certUnfit(cert) == "" {
				ready = append(ready, candidate{pub: a.pub, label: "agent, " + quote(a.comment), held: a.pub})
			}
		}
	}
	return append(ready, later...), notes
}

// offer is one try with one key, kept for the report of a refused login.
type offer struct {
	label string
	key   string // type and fingerprint
	asked bool   // the server wanted a signature: it knows the key
	err   error  // why none was made
}

// signer offers a candidate with one signature algorithm. The library asks the
// server about the key first and for a signature only if it is accepted.
type signer struct {
	a     *attempt
	c     candidate
	algo  string // "" : the key's own
	offer *offer
}

func (s *signer) PublicKey() ssh.PublicKey { return s.c.pub }

func (s *signer) Algorithms() []string { return []string{s.algo} }

func (s *signer) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, s.algo)
}

func (s *signer) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	s.a.mu.Lock()
	s.offer.asked = true
	s.a.signed = algorithm
	s.a.mu.Unlock()
	sig, err := s.sign(rand, data, algorithm)
	if err != nil {
		s.a.mu.Lock()
		s.offer.err = err
		s.a.mu.Unlock()
	}
	return sig, err
}

func (s *signer) sign(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if s.c.query {
		return nil, errQuery
	}
	if s.c.file == nil {
		// A person may have to confirm or to touch a token.
		defer s.a.person()()
		return s.a.d.agent.sign(s.a.ctx, s.c.held, data, algorithm)
	}
	signer, err := s.a.unlock(s.c.file)
	if err != nil {
		return nil, err
	}
	return signer.SignWithAlgorithm(rand, data, algorithm)
}

// try is a candidate with the algorithm to sign by.
type try struct {
	c    candidate
	algo string
}

// plan lists the tries for a host. RSA keys are offered with SHA-512 and, after
// all other keys, with SHA-256: up to 9.5 sshd names both in server-sig-algs
// whatever PubkeyAcceptedAlgorithms allows, so the answer alone tells.
func plan(cs []candidate, insecure bool) []try {
	var out []try
	add := func(rsaAlgo string, others bool) {
		for _, c := range cs {
			algo := ""
			if c.pub != nil {
				algo = signatureType(c.pub)
			}
			if algo == ssh.KeyAlgoRSA {
				out = append(out, try{c, rsaAlgo})
			} else if others {
				out = append(out, try{c, algo})
			}
		}
	}
	add(ssh.KeyAlgoRSASHA512, true)
	add(ssh.KeyAlgoRSASHA256, false)
	if insecure {
		add(ssh.KeyAlgoRSA, false)
	}
	return out
}

// signatureType is the type of a key, or of the key inside a certificate.
func signatureType(k ssh.PublicKey) string { return plainKey(k).Type() }

// nextAuth is called after "none" and after every try. Only publickey is ever
// used: a password or an answer to a prompt would be a secret in the hands of
// the host.
func (a *attempt) nextAuth(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.tee.drop()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.methods = boundNames(c.AllowedMethods)
	if !a.sawMethods {
		a.sawMethods = true
		a.first = a.methods
		a.negotiated = c.Algorithms
	}
	a.partial = len(c.PartialSuccessMethods) > 0
	// (nil, nil) lets the library end with its own error, which then names the
	// true reason where the connection is gone.
	if a.tee.failed.Load() || !slices.Contains(c.AllowedMethods, "publickey") {
		return nil, nil
	}
	for len(a.tries) > 0 && len(a.offers) < a.d.opt.MaxTries {
		t := a.tries[0]
		a.tries = a.tries[1:]
		o := &offer{label: t.c.label}
		if t.c.pub == nil {
			// A key of the old PEM form without a .pub beside it.
			a.mu.Unlock()
			s, err := a.unlock(t.c.file)
			a.mu.Lock()
			if err != nil {
				a.notes = append(a.notes, err.Error())
				continue
			}
			t.c.pub = s.PublicKey()
			if t.algo = signatureType(t.c.pub); t.algo == ssh.KeyAlgoRSA {
				t.algo = ssh.KeyAlgoRSASHA512
				a.tries = append(a.tries, try{t.c, ssh.KeyAlgoRSASHA256})
			}
		}
		o.key = signatureType(t.c.pub) + " " + ssh.FingerprintSHA256(plainKey(t.c.pub))
		a.offers = append(a.offers, o)
		return ssh.PublicKeys(&signer{a: a, c: t.c, algo: t.algo, offer: o}), nil
	}
	return nil, nil
}

func plainKey(k ssh.PublicKey) ssh.PublicKey {
	if cert, ok := k.(*ssh.Certificate); ok {
		return cert.Key
	}
	return k
}

// boundNames keeps at most 32 names of at most 64 bytes; the host sent them.
func boundNames(names []string) []string {
	out := make([]string, 0, min(len(names), 32))
	for _, n := range names[:min(len(names), 32)] {
		out = append(out, n[:min(len(n), 64)])
	}
	return out
}

// offered names the keys that were tried, each once.
func (a *attempt) offered() string {
	var out []string
	for i, o := range a.offers {
		text := fmt.Sprintf("%s (%s)", o.key, o.label)
		if o.err != nil {
			text += ": " + o.err.Error()
		}
		again := slices.ContainsFunc(a.offers[:i], func(p *offer) bool { return p.key == o.key && p.label == o.label })
		if !again {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return "no key"
	}
	return strings.Join(out, "; ")
}

package connect

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// maxKeyFile bounds a key file; one of 16384 bits has 13 KiB.
	maxKeyFile = 256 << 10
	// maxAsks is how often a passphrase may be wrong, as with ssh.
	maxAsks = 3
)

// keyStore reads each private key once a run and asks for its passphrase once a
// run, whatever the number of hosts that are logged in to at the same time.
type keyStore struct {
	ask func(ctx context.Context, file string) ([]byte, error)
	// asking is held while a person is asked: one question at a time.
	asking chan struct{}

	mu    sync.Mutex
	files map[string]*keyFile
}

// keyFile is a private key file with its public half and its certificate.
type keyFile struct {
	path string
	once sync.Once
	err  error // why it cannot be used at all

	pub   ssh.PublicKey // nil: only the passphrase tells it
	cert  *ssh.Certificate
	note  string // why the certificate is left out
	pem   []byte // still encrypted
	under chan struct{}
	// Both are guarded by under once the file is loaded.
	signer ssh.AlgorithmSigner
	locked error // why the passphrase did not open it
}

func newKeyStore(ask func(context.Context, string) ([]byte, error)) *keyStore {
	return &keyStore{ask: ask, asking: make(chan struct{}, 1), files: map[string]*keyFile{}}
}

// file returns a key file, loaded.
func (s *keyStore) file(path string) *keyFile {
	s.mu.Lock()
	k := s.files[path]
	if k == nil {
		k = &keyFile{path: path, under: make(chan struct{}, 1)}
		s.files[path] = k
	}
	s.mu.Unlock()
	k.once.Do(k.load)
	return k
}

func (k *keyFile) load() {
	data, err := readKeyFile(k.path)
	if err != nil {
		k.err = err
		return
	}
	beside := k.readPublic(k.path + ".pub")
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		k.signer, _ = signer.(ssh.AlgorithmSigner)
		k.pub = signer.PublicKey()
	case errors.As(err, &locked):
		k.pem, k.pub = data, locked.PublicKey
		if k.pub == nil {
			k.pub = beside
		}
	default:
		// As with ssh, a public key may stand for a private one that an agent or
		// a token holds.
		if pub, _, _, _, perr := ssh.ParseAuthorizedKey(data); perr == nil {
			k.pub = pub
		} else if k.pub = beside; k.pub == nil {
			k.err = fmt.Errorf("%s: not a private key that can be read: %w", k.path, err)
			return
		}
		k.locked = fmt.Errorf("%s: only an agent can use it", k.path)
	}
	if k.signer == nil && k.pem == nil && k.locked == nil {
		k.err = fmt.Errorf("%s: its type cannot sign", k.path)
		return
	}
	cert, _ := k.readPublic(k.path + "-cert.pub").(*ssh.Certificate)
	if cert != nil && k.pub != nil && !bytes.Equal(cert.Key.Marshal(), k.pub.Marshal()) {
		k.note = k.path + "-cert.pub: is for another key"
		return
	}
	if why := certUnfit(cert); why != "" {
		k.note = k.path + "-cert.pub: " + why
		return
	}
	k.cert = cert
}

// certUnfit says why a certificate would not log in anywhere; "" where nothing
// speaks against it. Which principals suffice is the server's affair.
func certUnfit(c *ssh.Certificate) string {
	now := uint64(time.Now().Unix())
	switch {
	case c == nil:
	case c.CertType != ssh.UserCert:
		return "is a host's certificate"
	case now < c.ValidAfter:
		return "is not valid yet"
	case c.ValidBefore != ssh.CertTimeInfinity && now >= c.ValidBefore:
		return "ended on " + time.Unix(int64(c.ValidBefore), 0).UTC().Format(time.DateOnly)
	}
	return ""
}

func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

// readPublic reads a file with one public key or certificate; nil where there is none.
func (k *keyFile) readPublic(path string) ssh.PublicKey {
	data, err := readKeyFile(path)
	if err != nil {
		return nil
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	return pub
}

// ready reports whether the key can sign without asking anyone.
func (k *keyFile) ready() bool { return k.pem == nil && k.locked == nil }

// unusable says why the key cannot sign, as far as that is known by now. It
// does not wait for a person who is being asked.
func (k *keyFile) unusable() error {
	if k.pem == nil {
		return k.locked
	}
	select {
	case k.under <- struct{}{}:
		defer func() { <-k.under }()
		return k.locked
	default:
		return nil
	}
}

// unlock returns the key's signer. It asks for the passphrase where nobody has
// yet; who comes meanwhile waits for the same answer. An answer that was not
// given because ctx ended is asked for again by the next.
func (s *keyStore) unlock(ctx context.Context, k *keyFile) (ssh.AlgorithmSigner, error) {
	if k.pem == nil {
		return k.signer, k.locked
	}
	if err := acquire(ctx, k.under); err != nil {
		return nil, err
	}
	defer func() { <-k.under }()
	if k.signer != nil || k.locked != nil {
		return k.signer, k.locked
	}
	if s.ask == nil {
		k.locked = fmt.Errorf("%s: is encrypted, and nobody can be asked for its passphrase", k.path)
		return nil, k.locked
	}
	if err := acquire(ctx, s.asking); err != nil {
		return nil, err
	}
	defer func() { <-s.asking }()
	var last []byte
	for try := range maxAsks {
		pass, err := s.ask(ctx, k.path)
		if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			k.locked = fmt.Errorf("%s: no passphrase: %w", k.path, err)
			return nil, k.locked
		}
		// An answer that is the same again comes from a program.
		if try > 0 && bytes.Equal(pass, last) {
			break
		}
		last = pass
		signer, err := ssh.ParsePrivateKeyWithPassphrase(k.pem, pass)
		if errors.Is(err, x509.IncorrectPasswordError) {
			continue
		}
		if err != nil {
			k.locked = fmt.Errorf("%s: %w", k.path, err)
			return nil, k.locked
		}
		if k.pub != nil && !bytes.Equal(signer.PublicKey().Marshal(), k.pub.Marshal()) {
			k.locked = fmt.Errorf("%s: %s.pub is another key's", k.path, k.path)
			return nil, k.locked
		}
		k.signer = signer.(ssh.AlgorithmSigner)
		return k.signer, nil
	}
	k.locked = fmt.Errorf("%s: the passphrase is wrong", k.path)
	return nil, k.locked
}

func acquire(ctx context.Context, sem chan struct{}) error {
	select {
	case sem <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

//go:build linux

package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeyBits is what ssh-keygen of all three releases gives an RSA key.
const hostKeyBits = 3072

// writeHostKeys gives the host keys of its own, of the types that Debian's
// package makes, since the package made those of the root once for all hosts.
func (m *machine) writeHostKeys() error {
	dir := filepath.Join(m.merged(), "etc/ssh")
	if m.spec.SharedHostKeys {
		paths, err := filepath.Glob(filepath.Join(dir, "ssh_host_*_key.pub"))
		if err != nil || len(paths) == 0 {
			return fmt.Errorf("the root has no host keys in %s (%v)", dir, err)
		}
		for _, p := range paths {
			raw, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			key, _, _, _, err := ssh.ParseAuthorizedKey(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			m.hostKeys = append(m.hostKeys, key)
		}
		return nil
	}
	for kind, generate := range map[string]func() (crypto.Signer, error){
		"ed25519": func() (crypto.Signer, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err },
		"ecdsa":   func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"rsa":     func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, hostKeyBits) },
	} {
		private, err := generate()
		if err != nil {
			return err
		}
		public, err := writeKeyPair(filepath.Join(dir, "ssh_host_"+kind+"_key"), private, "root@"+m.name)
		if err != nil {
			return err
		}
		m.hostKeys = append(m.hostKeys, public)
	}
	return nil
}

// writeKeyPair writes a private key as OpenSSH does, and its .pub.
func writeKeyPair(path string, private crypto.Signer, comment string) (ssh.PublicKey, error) {
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(public)), "\n") + " " + comment + "\n"
	return public, os.WriteFile(path+".pub", []byte(line), 0o644)
}

// KnownHosts is the path of a known_hosts file that holds this host's keys and
// no other's.
func (h *Host) KnownHosts() string {
	h.t.Helper()
	var text strings.Builder
	address := knownhosts.Normalize(fmt.Sprintf("%s:%d", h.address, h.spec.Port))
	for _, k := range h.hostKeys {
		text.WriteString(knownhosts.Line([]string{address}, k) + "\n")
	}
	path := filepath.Join(h.dir, "known_hosts")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		h.t.Fatalf("e2e: %s: %v", h.name, err)
	}
	return path
}

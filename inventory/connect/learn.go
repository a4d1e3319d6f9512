package connect

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Learnt is a host key that was new and was written to known_hosts.
type Learnt struct {
	File        string
	Line        int
	Type        string
	Fingerprint string // SHA256:...
}

// lockWait bounds how long a held lock is waited for. The holder appends one
// line, which takes microseconds.
const lockWait = 2 * time.Second

// learn appends a new host's key to the first known_hosts file. Under the
// file's lock it looks again, since another dial or another program may have
// learnt the host meanwhile: the same key is fine, another one is a changed key.
func (d *Dialer) learn(t target, key ssh.PublicKey) (*Learnt, error) {
	k := d.known
	k.mu.Lock()
	defer k.mu.Unlock()
	path := k.files[0]
	f, err := openKnownHosts(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := lockFile(f, time.Now().Add(lockWait)); err != nil {
		return nil, err
	}
	defer unlockFile(f)
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	// What another program wrote counts; what this one wrote is in the file too.
	now := &knownHosts{exact: map[string][]int{}, revoked: map[string]knownLine{}}
	now.add(path, data)
	if r, ok := now.isRevoked(key); ok {
		return nil, revokedError(key.Type()+" "+ssh.FingerprintSHA256(key), r)
	}
	have := now.find(hostNames(t.host, t.port))
	blob := string(key.Marshal())
	for _, l := range have.keys {
		if l.blob == blob {
			k.remember(t, l)
			return nil, nil
		}
	}
	if len(have.keys) > 0 {
		return nil, changedError(t, key.Type()+" "+ssh.FingerprintSHA256(key), have.keys)
	}
	name := strings.ToLower(t.address())
	if hashes(now) {
		name = hashName(name)
	}
	line := name + " " + key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()) + "\n"
	if len(data) > 0 && data[len(data)-1] != '\n' {
		line = "\n" + line
	}
	// One write to a file opened for appending: a reader sees all of the line or
	// nothing, and a line that ssh appends at the same time is not lost, as it
	// would be if the file were replaced.
	if _, err := f.WriteString(line); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	n := bytes.Count(data, []byte{'\n'}) + strings.Count(line, "\n")
	k.remember(t, knownLine{file: path, line: n, typ: key.Type(), blob: blob, usable: true})
	return &Learnt{File: path, Line: n, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}, nil
}

// remember makes a line known to later dials of this run. The caller holds mu.
func (k *knownHosts) remember(t target, l knownLine) {
	name := hostNames(t.host, t.port)[0]
	k.exact[name] = append(k.exact[name], len(k.lines))
	k.lines = append(k.lines, l)
}

func openKnownHosts(path string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		// ssh makes ~/.ssh with this mode too.
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, flags, 0o600)
	}
	return f, err
}

// hashes reports whether a file hides its names (HashKnownHosts): then a new
// name is hidden too.
func hashes(k *knownHosts) bool {
	return len(k.hashed) > 0 && len(k.exact) == 0
}

func hashName(name string) string {
	var salt [sha1.Size]byte
	rand.Read(salt[:]) // never fails, crypto/rand
	h := newHash(salt[:])
	sum := h.hash(name)
	return fmt.Sprintf("|1|%s|%s", base64.StdEncoding.EncodeToString(salt[:]), base64.StdEncoding.EncodeToString(sum[:]))
}

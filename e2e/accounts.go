//go:build linux

package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Account is one that Spec.Accounts prepares on a host.
type Account struct {
	Name     string
	Password string     // empty: it never had one ("!" in shadow)
	Signer   ssh.Signer // nil: it has no authorized_keys
	KeyFile  string     // the private key in OpenSSH's form, on the test machine; "" without Signer
}

// Accounts are all that Spec.Accounts prepares. They are the same on each host
// of a test run.
type Accounts struct {
	Root     Account // password and key
	Admin    Account // key; may do everything by sudo without a password
	Plain    Account // key; no sudo
	Password Account // password; no key, no sudo
	Locked   Account // password, then passwd -l; its key still lets it in
	Expired  Account // password and key; the account ended in 2020
	NoShell  Account // password and key; its shell is /usr/sbin/nologin
}

// All lists them in the order of the struct.
func (a Accounts) All() []Account {
	return []Account{a.Root, a.Admin, a.Plain, a.Password, a.Locked, a.Expired, a.NoShell}
}

// Accounts are the host's, when Spec.Accounts asked for them.
func (h *Host) Accounts() Accounts {
	h.t.Helper()
	if !h.spec.Accounts {
		h.t.Fatalf("e2e: %s was started without Spec.Accounts", h.name)
	}
	a, err := runAccounts()
	if err != nil {
		h.t.Fatalf("e2e: %v", err)
	}
	return a
}

// runAccounts makes the keys of this test run, once. By Go, not by a root's
// ssh-keygen: a newer one's default format may be unknown to an older sshd.
var runAccounts = sync.OnceValues(func() (Accounts, error) {
	a := Accounts{
		Root:     Account{Name: "root", Password: "gate and postern"},
		Admin:    Account{Name: "admin"},
		Plain:    Account{Name: "plain"},
		Password: Account{Name: "typist", Password: "seventeen anvils"},
		Locked:   Account{Name: "locked", Password: "rust on the bolt"},
		Expired:  Account{Name: "expired", Password: "leap year 2020"},
		NoShell:  Account{Name: "noshell", Password: "no way further"},
	}
	dir := filepath.Join(world.dir, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Accounts{}, err
	}
	for _, with := range []*Account{&a.Root, &a.Admin, &a.Plain, &a.Locked, &a.Expired, &a.NoShell} {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return Accounts{}, err
		}
		with.KeyFile = filepath.Join(dir, with.Name)
		if _, err := writeKeyPair(with.KeyFile, private, with.Name+"@e2e"); err != nil {
			return Accounts{}, err
		}
		if with.Signer, err = ssh.NewSignerFromKey(private); err != nil {
			return Accounts{}, err
		}
	}
	return a, nil
})

// accountsScript creates the accounts in a host by Debian's ordinary tools.
func accountsScript() (string, error) {
	a, err := runAccounts()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, acc := range a.All() {
		home := "/home/" + acc.Name
		if acc.Name == "root" {
			home = "/root"
		} else {
			fmt.Fprintf(&b, "useradd -m -s /bin/bash %s\n", acc.Name)
		}
		if acc.Password != "" {
			fmt.Fprintf(&b, "echo '%s:%s' | chpasswd\n", acc.Name, acc.Password)
		}
		if acc.Signer != nil {
			line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(acc.Signer.PublicKey())))
			fmt.Fprintf(&b, "install -d -m 700 -o %[1]s -g %[1]s %[2]s/.ssh\n", acc.Name, home)
			fmt.Fprintf(&b, "echo '%s %s@e2e' >%s/.ssh/authorized_keys\n", line, acc.Name, home)
			fmt.Fprintf(&b, "chmod 600 %[2]s/.ssh/authorized_keys; chown %[1]s:%[1]s %[2]s/.ssh/authorized_keys\n", acc.Name, home)
		}
	}
	fmt.Fprintf(&b, "echo '%s ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/%[1]s; chmod 440 /etc/sudoers.d/%[1]s\n", a.Admin.Name)
	fmt.Fprintf(&b, "passwd -l %s\n", a.Locked.Name)
	fmt.Fprintf(&b, "chage -E 2020-01-01 %s\n", a.Expired.Name)
	fmt.Fprintf(&b, "usermod -s /usr/sbin/nologin %s\n", a.NoShell.Name)
	return b.String(), nil
}

// failingLoginsScript takes pam_unix's delay after a wrong password away. The
// line is asserted, so that another release's form is noticed.
const failingLoginsScript = `sed -i 's/pam_unix.so nullok.*/pam_unix.so nullok nodelay/' /etc/pam.d/common-auth
grep -q 'pam_unix.so nullok nodelay' /etc/pam.d/common-auth`

package facts

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/snapshot"
)

// privateKeys lists the private keys that lie in ~/.ssh of some account. Of such a
// file the collector brings what says whether a passphrase guards it, and nothing
// more.
func (b *builder) privateKeys() {
	data, lacks := b.whole(snapshot.OutPrivateKeys)
	if lacks != "" {
		b.gap("private_keys", snapshot.OutPrivateKeys, lacks)
	}
	if !b.passwdWhole {
		b.gap("private_keys", "/etc/passwd", "the accounts are not all known")
	}
	owners := make(map[string]*account.Account, len(b.list)) // of the directories that keys lie in
	for i := range b.list {
		a := &b.list[i]
		if !strings.HasPrefix(a.Home, "/") {
			continue
		}
		dir := strings.TrimSuffix(a.Home, "/") + "/.ssh"
		if owners[dir] == nil {
			owners[dir] = a
			b.privateGaps(dir)
		}
	}
	lines(data, func(line string) {
		w := strings.SplitN(line, " ", 4)
		if len(w) < 4 || owners[path.Dir(w[3])] == nil {
			if line != "" {
				b.gap("private_keys", snapshot.OutPrivateKeys, "a line of the collector's cannot be read")
			}
			return
		}
		b.addPrivateKey(owners[path.Dir(w[3])], strings.ReplaceAll(w[0], "_", " "), w[1] == "encrypted", w[2], w[3])
	})
}

// privateGaps names what may hide a private key in a directory. What is known to
// be another thing by its name hides none.
func (b *builder) privateGaps(dir string) {
	b.lacks.touching(dir, func(g snapshot.Gap) bool {
		name, inside := strings.CutPrefix(g.Path, dir+"/")
		switch {
		case !inside:
		case strings.Contains(name, "/"), strings.HasPrefix(name, "authorized_keys"), strings.HasPrefix(name, "known_hosts"), strings.HasSuffix(name, ".pub"),
			name == "config", name == "environment", name == "rc":
			return true
		}
		b.gap("private_keys", g.Path, reason(g))
		return true
	})
}

func (b *builder) addPrivateKey(a *account.Account, kind string, marked bool, beginning, p string) {
	k := PrivateKey{User: a.Name, UID: a.UID, Path: p, Type: typeOfKind(kind), Encrypted: encrypted(kind, marked, beginning)}
	if f := b.fs.lookup(p); f != nil && f.UID >= 0 {
		k.Owner, k.Mode = b.userName(f.UID), modeText(f.Mode)
	}
	public, _, _ := b.content(p + ".pub")
	for _, pub := range account.ParseKeys(public) {
		if pub.Bad == "" && pub.Fingerprint != "" {
			k.Type, k.Bits, k.Fingerprint, k.Comment = pub.Type, int64(pub.Bits), pub.Fingerprint, pub.Comment
			break
		}
	}
	text := strings.TrimSpace(k.Mode + " " + k.Owner + " " + kind)
	if k.Fingerprint != "" {
		text += ", public half " + k.Fingerprint
	}
	witness := map[string]string{"yes": "guarded by a passphrase", "no": "no passphrase guards it"}[k.Encrypted]
	if witness == "" {
		witness = "whether a passphrase guards it is not known"
	}
	k.Evidence = []Evidence{{Path: p, Text: text, Witness: "private key of " + a.Name + ": " + witness}}
	b.f.PrivateKeys = append(b.f.PrivateKeys, k)
}

// typeOfKind is the type of key that a BEGIN line names; "" it names none.
func typeOfKind(kind string) string {
	switch kind {
	case "RSA PRIVATE KEY":
		return "ssh-rsa"
	case "DSA PRIVATE KEY":
		return "ssh-dss"
	case "EC PRIVATE KEY":
		return "ecdsa"
	}
	return ""
}

// encrypted says whether a passphrase guards a private key: yes, no, unknown.
// marked is RFC 1421's Proc-Type behind the BEGIN line; beginning are the first
// letters of OpenSSH's own form (PROTOCOL.key): a magic word, then the cipher's
// name as a string, "none" without a passphrase.
func encrypted(kind string, marked bool, beginning string) string {
	switch kind {
	case "ENCRYPTED PRIVATE KEY": // RFC 5958
		return "yes"
	case "PRIVATE KEY":
		return "no"
	case "RSA PRIVATE KEY", "DSA PRIVATE KEY", "EC PRIVATE KEY":
		if marked {
			return "yes"
		}
		return "no"
	case "OPENSSH PRIVATE KEY":
		raw, err := base64.StdEncoding.DecodeString(beginning)
		name, ok := bytes.CutPrefix(raw, []byte("openssh-key-v1\x00"))
		if err != nil || !ok || len(name) < 8 {
			return "unknown"
		}
		n := binary.BigEndian.Uint32(name)
		switch name = name[4:]; {
		case n == 4 && string(name[:4]) == "none":
			return "no"
		case n >= 4 && n <= 64:
			return "yes"
		}
	}
	return "unknown"
}

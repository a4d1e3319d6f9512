package fix

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/wire"
)

// maxKeyLine bounds a line of authorized_keys: one of 16384 bits has 2.8 KiB.
const maxKeyLine = 16 << 10

// PublicKey is a public key to install, as its file holds it.
type PublicKey struct {
	Line string // options, type, key, comment; without the line end
	account.Key
}

// ReadPublicKey reads a public key file in OpenSSH's form. It refuses what would not
// open an account, or should not: a private key, a certificate, a weak key, several
// lines.
func ReadPublicKey(data []byte) (*PublicKey, error) {
	if strings.Contains(string(data), "PRIVATE KEY-----") {
		return nil, errors.New("that is a private key: name its public half, KEY.pub")
	}
	keys := account.ParseKeys(data)
	switch {
	case len(keys) == 0:
		return nil, errors.New("it holds no public key")
	case len(keys) > 1:
		return nil, fmt.Errorf("it holds %d keys: install them one at a time", len(keys))
	case keys[0].Bad != "":
		return nil, errors.New("not a public key in OpenSSH's form: " + keys[0].Bad)
	}
	k := &PublicKey{Key: keys[0]}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			k.Line = line
		}
	}
	is, err := wire.ParseKey(k.Blob)
	switch {
	case err != nil:
		return nil, err
	case is.Certificate != nil:
		return nil, errors.New("that is a certificate: install the key itself, or have sshd trust its authority (TrustedUserCAKeys)")
	case is.Weak() != "":
		return nil, errors.New("the key is weak: " + is.Weak())
	case len(k.Line) > maxKeyLine:
		return nil, fmt.Errorf("its line has more than %d bytes", maxKeyLine)
	case strings.ContainsFunc(k.Line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }):
		return nil, errors.New("its line holds characters that cannot be seen")
	}
	if again := account.ParseKeys([]byte(k.Line + "\n")); len(again) != 1 || again[0].Bad != "" || again[0].Fingerprint != k.Fingerprint {
		return nil, errors.New("its line cannot be written as it stands")
	}
	return k, nil
}

// InstallKey plans to add a public key to those that open an account, in the file
// that sshd reads for it, with the account's own rights where it may write there.
// there names the place where the key stands already; then nothing is planned.
func InstallKey(in Input, user string, key *PublicKey) (h Host, there string) {
	p := newPlanner(in)
	there = p.install(user, key)
	p.settle()
	if len(p.host.Changes) > 0 {
		p.wouldOpen(user, key)
	}
	return *p.host, there
}

// install adds the line, or says where it is.
func (p *planner) install(user string, key *PublicKey) (there string) {
	no := func(why, wayOut string) string {
		p.refuse(Refusal{Why: why, WayOut: wayOut})
		return ""
	}
	a := p.account(user)
	if a == nil {
		return no(fmt.Sprintf("the account %s was not seen on this host", user), "make it first, or correct the name")
	}
	files, why := p.keyFiles(a)
	if why != "" {
		return no(why, "set AuthorizedKeysFile to a file that "+user+" has, and reload sshd")
	}
	for i := range p.before.AuthorizedKeys {
		if k := &p.before.AuthorizedKeys[i]; k.User == user && k.Fingerprint == key.Fingerprint {
			if len(k.Options) > 0 && !slices.Equal(k.Options, optionsOf(&key.Key)) {
				p.warn("it stands there with options of its own: %s", strings.Join(k.Options, ","))
			}
			return fmt.Sprintf("%s:%d", k.Path, k.Line)
		}
	}
	file := files[0]
	for _, g := range p.in.Snapshot.GapsFor(file) {
		if g.Path == file {
			return no(file+" was not read: "+g.Reason, "look at it on the host")
		}
	}
	f, err := p.open(file, KindKeys)
	if err != nil {
		return no(err.Error(), "mend that on the host first")
	}
	dir := path.Dir(f.before.Real)
	switch {
	case p.rootsAlone(dir):
		if !f.before.Exists {
			f.after.Mode = 0o644 // sshd reads it with the user's rights
		}
	case !strings.HasPrefix(f.before.Real, path.Clean(a.Home)+"/"):
		return no(fmt.Sprintf("%s lies outside the home of %s and below a folder that is not root's alone", f.before.Real, user), "give that folder to root: chown root, chmod go-w")
	case f.before.Exists && f.before.UID != a.UID:
		return no(fmt.Sprintf("%s belongs to uid %d, not to %s (%d)", f.before.Real, f.before.UID, user, a.UID), "look at whose keys these are, then chown "+user+" "+f.before.Real)
	default:
		if home, _ := seen(p.in.Snapshot, a.Home); home == nil || home.Type != 'd' {
			return no("the home of "+user+", "+a.Home+", was not seen", "make it (mkhomedir_helper "+user+")")
		}
		if a.Name != "root" {
			f.user = a.Name
		}
		if !f.before.Exists {
			f.after.UID, f.after.GID, f.after.Mode = a.UID, a.GID, 0o600
		}
	}
	if n := len(f.old); n > 0 && f.old[n-1] != '\n' {
		f.new = append(slices.Clone(f.old), '\n')
	}
	f.new = append(slices.Clone(f.new), key.Line+"\n"...)
	why = fmt.Sprintf("the key %s may open %s", key.Fingerprint, user)
	if c := (&Change{Kind: KindKeys, Before: f.before, After: f.after}); c.makesFolder(p.in.Snapshot) {
		why += fmt.Sprintf("; %s is made for it, mode %04o", path.Dir(f.after.Real), newFolder)
	}
	p.keep(f, "", why)
	return ""
}

func optionsOf(k *account.Key) (out []string) {
	for _, o := range k.Options {
		out = append(out, o.String())
	}
	return out
}

// keyFiles are the files of keys that sshd reads for an account (sshd_config(5),
// AuthorizedKeysFile), the first first; why says that there is none.
func (p *planner) keyFiles(a *facts.Account) (files []string, why string) {
	words := []string{".ssh/authorized_keys"}
	if p.cfg != nil {
		groups := a.Groups
		if groups == nil {
			groups = []string{}
		}
		from, to, port := connection(p.in.Snapshot)
		v := p.cfg.Eval(sshd.Context{User: a.Name, Groups: groups, Addr: from, LocalAddr: to, LocalPort: port}).Get("AuthorizedKeysFile")
		switch {
		case v.Unknown != "":
			return nil, "which file holds the keys of " + a.Name + " is not known: " + v.Unknown
		case len(v.Args) > 0:
			words = v.Args
		}
	}
	for _, w := range words {
		if strings.EqualFold(w, "none") || strings.HasPrefix(w, "~") {
			continue
		}
		w = strings.NewReplacer("%%", "%", "%h", a.Home, "%u", a.Name, "%U", strconv.FormatInt(a.UID, 10)).Replace(w)
		if !path.IsAbs(w) {
			w = path.Join(a.Home, w)
		}
		files = append(files, path.Clean(w))
	}
	if len(files) == 0 {
		return nil, "sshd reads no file of keys for " + a.Name + " (AuthorizedKeysFile " + strings.Join(words, " ") + ")"
	}
	return files, ""
}

// wouldOpen refuses a key that would be written and open nothing.
func (p *planner) wouldOpen(user string, key *PublicKey) {
	after := primary(facts.WhoCanLogIn(changed(p.in.Snapshot, p.host.Changes, p.sshdFiles()), p.opt))
	if after == nil {
		p.warn("no SSH server was seen: whether the key opens the account is not known")
		return
	}
	l := &Login{User: user, Method: "publickey", Key: key.Fingerprint}
	best, why := "", ""
	var ev []facts.Evidence
	for i := range after.Logins {
		if after.Logins[i].User != user {
			continue
		}
		v, w, e := opensFor(&after.Logins[i], l, nil)
		if v == "yes" {
			return
		}
		if best == "" || best == "no" && v == "unknown" {
			best, why, ev = v, w, e
		}
	}
	if best == "unknown" {
		p.warn("whether the key opens %s is not certain: %s", user, why)
		return
	}
	r := Refusal{Risk: "no-use", Why: fmt.Sprintf("the key would not open %s: %s", user, either(why, "nothing is known of logins there"))}
	for _, e := range ev {
		if e.Path != "" {
			r.Path, r.Line, r.Text = e.Path, e.Line, e.Text
			break
		}
	}
	r.WayOut = wayOut(l, r.Why, r.Text)
	if strings.Contains(r.WayOut, "install-key") {
		r.WayOut = "mend that first"
	}
	p.refuse(r)
}

package fix_test

import (
	"strings"
	"testing"

	"github.com/postern-ssh/postern/fix"
	"github.com/postern-ssh/postern/inventory"
)

// The lines with which sshd -t is content and that end a login all the same, each
// as a file that somebody edited and did not reload: the plan for something else
// would bring it into force.
func TestLockOuts(t *testing.T) {
	for _, c := range []struct {
		name, config string
		release      string
		change       func(*world)
		want         string // in Why
		text         string // of the line; "" none
	}{
		{name: "1 a comma in AllowUsers", config: "AllowUsers alice,bob\n", want: "AllowUsers", text: "AllowUsers alice,bob"},
		{name: "2 another case", config: "AllowUsers Alice\n", want: "AllowUsers", text: "AllowUsers Alice"},
		{name: "2 a group that is not there", config: "AllowGroups nosuch\n", want: "AllowGroups", text: "AllowGroups nosuch"},
		{name: "3 another address", config: "AllowUsers alice@192.168.0.0/16\n", want: "AllowUsers", text: "AllowUsers alice@192.168.0.0/16"},
		{name: "3 a name without UseDNS", config: "AllowUsers alice@localhost\n", want: "AllowUsers", text: "AllowUsers alice@localhost"},
		{name: "4 DenyUsers *", config: "DenyUsers *\n", want: "DenyUsers", text: "DenyUsers *"},
		{name: "4 DenyGroups", config: "DenyGroups alice\n", want: "DenyGroups", text: "DenyGroups alice"},
		{name: "5 a list in a block replaces", config: "AllowUsers alice\nMatch Address 10.0.0.0/8\n  AllowUsers bob\n", want: "AllowUsers", text: "AllowUsers bob"},
		{name: "6 the one method shut in a block", config: "AuthenticationMethods publickey\nMatch User alice\n  PubkeyAuthentication no\n", want: ""},
		{name: "7 two keys and one at hand", config: "AuthenticationMethods publickey,publickey\n", want: "AuthenticationMethods", text: "AuthenticationMethods publickey,publickey"},
		{name: "7 keyboard-interactive without PAM", config: "UsePAM no\nAuthenticationMethods keyboard-interactive\n", want: "", text: ""},
		{name: "8 no key file", config: "AuthorizedKeysFile none\n", want: "AuthorizedKeysFile none", text: "AuthorizedKeysFile none"},
		{name: "8 root's tilde", config: "AuthorizedKeysFile ~/.ssh/authorized_keys\n", want: ""},
		{name: "8 a folder that is not there", config: "AuthorizedKeysFile /nonexistent/%u\n", want: ""},
		{name: "9 another key type", config: "PubkeyAcceptedAlgorithms rsa-sha2-512\n", want: "ssh-ed25519"},
		{name: "10 RevokedKeys missing", config: "RevokedKeys /etc/ssh/nosuch\n", want: "RevokedKeys"},
		{name: "11 no key for the algorithm", config: "HostKeyAlgorithms rsa-sha2-512\n", change: func(w *world) {
			delete(w.files, "/etc/ssh/ssh_host_rsa_key")
		}, want: "fits none of the host keys", text: "HostKeyAlgorithms rsa-sha2-512"},
		{name: "11 ciphers of yore", config: "Ciphers aes128-cbc\n", want: "nothing of Ciphers is known", text: "Ciphers aes128-cbc"},
		{name: "11 an empty list", config: "Ciphers -*\n", want: "left empty", text: "Ciphers -*"},
		{name: "11 no key exchange", config: "KexAlgorithms -*\n", want: "left empty", text: "KexAlgorithms -*"},
		{name: "12 no try", config: "MaxAuthTries 0\n", want: "MaxAuthTries 0", text: "MaxAuthTries 0"},
		{name: "12 no session", config: "MaxSessions 0\n", want: "MaxSessions 0", text: "MaxSessions 0"},
		{name: "13 no connection", config: "PerSourceMaxStartups 0\n", want: "PerSourceMaxStartups 0", text: "PerSourceMaxStartups 0"},
		{name: "14 bound to a command", config: "ForceCommand /bin/false\n", want: "ForceCommand /bin/false", text: "ForceCommand /bin/false"},
		{name: "15 a chroot that is not there", config: "ChrootDirectory /nonexistent\n", want: "/nonexistent", text: "ChrootDirectory /nonexistent"},
		{name: "15 a chroot of the user's own", config: "ChrootDirectory %h\n", want: "not root's alone", text: "ChrootDirectory %h"},
		{name: "16 refused", release: "10.0", config: "Match all\nRefuseConnection yes\n", want: "RefuseConnection yes", text: "RefuseConnection yes"},
		{name: "17 no session program", release: "10.0", config: "SshdSessionPath /nonexistent\n", want: "would not start again", text: "SshdSessionPath /nonexistent"},
		{name: "18 a subsystem in a block alone", release: "10.0", config: "Match User alice\n  Subsystem sftp /x\n", want: "crash", text: "Subsystem sftp /x"},
		{name: "19 an address of another host", config: "ListenAddress 192.0.2.1\n", want: "no longer listen on 10.0.0.1", text: "ListenAddress 192.0.2.1"},
		{name: "19 another port", config: "Port 2222\n", want: "no longer listen on port 22", text: "Port 2222"},
		{name: "20 locked without PAM", config: "UsePAM no\n", change: func(w *world) {
			w.outs["shadow"] = strings.Replace(w.outs["shadow"], "alice:star", "alice:locked", 1)
		}, want: "locked"},
		{name: "22 no keys", config: "PubkeyAuthentication no\n", want: "PubkeyAuthentication", text: "PubkeyAuthentication no"},
		{name: "22 no keys by a later block", config: "Match Address 10.0.0.0/8\n PubkeyAuthentication no\n", want: "PubkeyAuthentication", text: "PubkeyAuthentication no"},
		{name: "24 no time", config: "LoginGraceTime 1\n", want: "LoginGraceTime 1", text: "LoginGraceTime 1"},
		{name: "24 no room", config: "MaxStartups 1:100:1\n", want: "MaxStartups 1:100:1", text: "MaxStartups 1:100:1"},
		{name: "26 the other family", config: "AddressFamily inet6\n", want: "IPv4", text: "AddressFamily inet6"},
		{name: "27 a home that others may write", change: func(w *world) { w.put("/home/alice", 'd', 0o777, 1000, 1000, "") }, want: "writable by everyone"},
		{name: "27 a key file of somebody else's", change: func(w *world) { w.put("/home/alice/.ssh/authorized_keys", 'f', 0o600, 1001, 1001, key("alice")+"\n") }, want: ""},
		{name: "28 the known host key is missing", config: "HostKey /etc/ssh/ssh_host_rsa_key\nHostKey /etc/ssh/ssh_host_ed25519_key\n", change: func(w *world) {
			delete(w.files, "/etc/ssh/ssh_host_ed25519_key")
			w.outs["wire"] = `{"host_key":"ssh-ed25519"}`
		}, want: "by which your client knows this host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			if c.release != "" {
				w.release(c.release)
			}
			pam := "UsePAM yes\n"
			if strings.Contains(c.config, "UsePAM") {
				pam = ""
			}
			if c.config != "" {
				w.edited("X11Forwarding yes\n" + pam + c.config)
			}
			if c.change != nil {
				c.change(w)
			}
			h := w.plan(t, "x11-forwarding")
			var found *fix.Refusal
			for i := range h.Refused {
				if r := &h.Refused[i]; r.Risk == "lock-out" && strings.Contains(r.Why, c.want) {
					found = r
					break
				}
			}
			if found == nil {
				t.Fatal(tell(h))
			}
			if c.text != "" && found.Text != c.text {
				t.Errorf("line %q (%s:%d)", found.Text, found.Path, found.Line)
			}
			if found.WayOut == "" {
				t.Error("no way out")
			}
			if c.config != "" && !strings.Contains(strings.Join(risks(h), " "), "pending-edits") {
				t.Error("the edit is not shown as somebody else's")
			}
			t.Logf("%s | %s:%d | %s", found.Why, found.Path, found.Line, found.WayOut)
		})
	}
}

// What is so today, and works, refuses nothing.
func TestNoFalseRefusal(t *testing.T) {
	for _, config := range []string{
		"UsePAM yes\nX11Forwarding yes\nForceCommand /usr/local/bin/wrapper\n",
		"UsePAM yes\nX11Forwarding yes\nAllowGroups sudo\n",
		"UsePAM yes\nX11Forwarding yes\nAllowUsers alice@10.0.0.0/8\n",
		"UsePAM yes\nX11Forwarding yes\nCiphers aes256-gcm@openssh.com\n",
		"UsePAM yes\nX11Forwarding yes\nListenAddress 0.0.0.0\nListenAddress ::\n",
		"UsePAM yes\nX11Forwarding yes\nMatch LocalPort 2222\n  AllowUsers bob\n",
		"UsePAM yes\nX11Forwarding yes\nMatch Address 192.0.2.0/24\n  DenyUsers alice\n",
	} {
		if h := newWorld().config(config).plan(t, "x11-forwarding"); len(h.Refused) > 0 || len(h.Changes) != 1 {
			t.Errorf("%s%s", config, tell(h))
		}
	}
}

func TestKeep(t *testing.T) {
	w := newWorld()
	w.in.Keep = []fix.Login{{User: "bob", Method: "publickey", From: "10.1.0.0/16", Key: fingerprint("bob")}}
	h := w.plan(t, "no-password-login")
	if len(h.Refused) == 0 || !strings.Contains(h.Refused[0].Why, "bob") || !strings.Contains(h.Refused[0].WayOut, "install-key") {
		t.Error(tell(h))
	}
	w.put("/home/bob/.ssh/authorized_keys", 'f', 0o600, 1001, 1001, key("bob")+"\n")
	if h := w.plan(t, "no-password-login"); len(h.Refused) > 0 || len(h.Checks) != 2 {
		t.Error(tell(h))
	}
	w.in.Keep[0].Key = fingerprint("another")
	if h := w.plan(t, "no-password-login"); len(h.Refused) != 1 {
		t.Error(tell(h))
	}
}

// A login that keep: names without a key comes by a key where one opens the account,
// else by its password: what a carve-out leaves open is no lock-out.
func TestKeepWithoutKey(t *testing.T) {
	allow := inventory.CarveOut{User: "bob", Addresses: []string{"10.1.0.0/16"}, Method: "password", Owner: "o", Reason: "r", Expires: now.AddDate(0, 6, 0)}
	for _, c := range []struct {
		name, from, key string
		method          string // as keep: says it
		carved          bool
		want            string // of the refusal; "" there is none
	}{
		{name: "nothing left", from: "10.1.2.0/24", want: "the login of bob by password from 10.1.2.0/24"},
		{name: "carved out", from: "10.1.2.0/24", carved: true},
		{name: "carved out, and said", from: "10.1.2.0/24", method: "password", carved: true},
		{name: "from further than that", from: "10.0.0.0/8", carved: true, want: "by password from 10.0.0.0/8"},
		{name: "from anywhere", carved: true, want: "the login of bob by password, which keep:"},
		{name: "by a key", from: "10.1.2.0/24", key: "bob"},
		{name: "a password though there is a key", from: "10.1.2.0/24", key: "bob", method: "password", want: "by password from"},
		{name: "a key, said, that is not there", from: "10.1.2.0/24", method: "publickey", carved: true, want: "the login of bob from 10.1.2.0/24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			if c.carved {
				w.host.Allow = []inventory.CarveOut{allow}
			}
			if c.key != "" {
				w.put("/home/bob/.ssh/authorized_keys", 'f', 0o600, 1001, 1001, key("bob")+"\n")
			}
			w.in.Keep = []fix.Login{{User: "bob", From: c.from, Method: c.method}}
			h := w.plan(t, "no-password-login")
			if len(h.Changes) != 1 || (c.want == "") != (len(h.Refused) == 0) || c.want != "" && !strings.Contains(h.Refused[0].Why, c.want) {
				t.Error(tell(h))
			}
			for _, l := range h.Checks {
				if l.Method == "" {
					t.Errorf("no method of %s", l.User)
				}
			}
		})
	}
}

// Root's own login is refused with the way to go.
func TestOwnRoot(t *testing.T) {
	w := newWorld()
	h := w.plan(t, "no-root-login")
	if len(h.Refused) != 0 {
		t.Fatal(tell(h))
	}
	w.in.Keep = []fix.Login{{User: "root", Method: "publickey"}}
	h = w.plan(t, "no-root-login")
	if len(h.Refused) != 1 || h.Refused[0].Text != "PermitRootLogin no" || !strings.Contains(h.Refused[0].WayOut, "sudo") {
		t.Error(tell(h))
	}
}

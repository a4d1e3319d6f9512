package fix_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/fix"
)

const (
	policyBackEnd = "/etc/crypto-policies/back-ends/opensshserver.config"
	policyShare   = "/usr/share/crypto-policies/LEGACY/opensshserver.txt"
	policyConfig  = "/etc/crypto-policies/config"
	policyModule  = "/etc/crypto-policies/policies/modules/POSTERN.pmod"
)

// legacy is a back-end in the form of crypto-policies' generator.
const legacy = `Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes256-cbc,aes128-ctr,aes128-cbc,3des-cbc
MACs hmac-sha2-256-etm@openssh.com,umac-64-etm@openssh.com,hmac-sha2-256,umac-64@openssh.com
GSSAPIKexAlgorithms gss-curve25519-sha256-,gss-group14-sha1-,gss-gex-sha1-
KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1
HostKeyAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256,ssh-rsa,ssh-rsa-cert-v01@openssh.com
PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256,ssh-rsa,ssh-rsa-cert-v01@openssh.com
HostbasedAcceptedAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256,ssh-rsa,ssh-rsa-cert-v01@openssh.com
CASignatureAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256,ssh-rsa
RequiredRSASize 2048
`

// policyHost is a host of Red Hat's kind: the policy's words, and the back-end as a
// link into /usr.
func policyHost(config string) *world {
	w := newWorld().config("Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nSubsystem sftp /usr/libexec/openssh/sftp-server\n")
	w.text("/etc/ssh/sshd_config.d/50-redhat.conf", "Include "+policyBackEnd+"\nX11Forwarding no\n")
	for _, d := range []string{"", "/back-ends", "/state", "/policies", "/policies/modules"} {
		w.put("/etc/crypto-policies"+d, 'd', 0o755, 0, 0, "")
	}
	w.put("/usr/bin", 'd', 0o755, 0, 0, "").put("/usr/bin/update-crypto-policies", 'f', 0o755, 0, 0, "")
	w.text(policyConfig, config)
	w.text("/etc/crypto-policies/state/current", "LEGACY\n")
	w.text("/etc/crypto-policies/state/CURRENT.pol", "# Policy LEGACY dump\ncipher = AES-256-GCM\ncipher@openssh-server = AES-256-GCM 3DES-CBC\n")
	w.text(policyShare, legacy)
	f := w.files[policyShare]
	f.Path, f.Type, f.Target, f.Real, f.Mode, f.Inode = policyBackEnd, 'l', policyShare, policyShare, 0o777, 4711
	w.files[policyBackEnd] = f
	w.outs["wire"] = ""
	w.release("9.9")
	return w
}

// backEnd changes what the link leads to.
func (w *world) backEnd(text string) {
	for _, name := range []string{policyShare, policyBackEnd} {
		f := w.files[name]
		f.Content = []byte(text)
		w.files[name] = f
	}
}

func backEndLine(t *testing.T, h fix.Host, keyword string) string {
	t.Helper()
	for line := range strings.Lines(string(change(t, h, policyBackEnd).New)) {
		if k, v, _ := strings.Cut(strings.TrimSpace(line), " "); k == keyword {
			return v
		}
	}
	return ""
}

// What the crypto policy sets is changed by a sub-policy for sshd alone, and by no line
// in sshd's own files.
func TestSubPolicy(t *testing.T) {
	h := policyHost("# the policy\nLEGACY # for the old printers\n").plan(t, "weak-ciphers")
	if len(h.Changes) != 5 || len(h.Refused) != 0 || len(h.Unfixed) != 0 || !h.Reload.Needed {
		t.Fatal(tell(h))
	}
	if got := string(change(t, h, policyModule).New); !strings.HasSuffix(got, "\ncipher@openssh-server = -AES-256-CBC -AES-128-CBC\n") {
		t.Errorf("the module is %q", got)
	}
	if got := string(change(t, h, policyConfig).New); got != "# the policy\nLEGACY:POSTERN # for the old printers\n" {
		t.Errorf("the configuration is %q", got)
	}
	if got := string(change(t, h, "/etc/crypto-policies/state/current").New); got != "LEGACY:POSTERN\n" {
		t.Errorf("what is applied is %q", got)
	}
	if c := change(t, h, "/etc/crypto-policies/state/CURRENT.pol"); !c.Made || len(c.New) != 0 {
		t.Errorf("the tool's own file: %+v", c)
	}
	c := change(t, h, policyBackEnd)
	if c.Kind != fix.KindSshd || c.Before.Link != policyShare || c.After.Link != "" || c.Before.Inode != 4711 || c.After.Mode != 0o644 || string(c.Old) != legacy {
		t.Errorf("the back-end: %+v", c)
	}
	if want := strings.Replace(legacy, "aes256-cbc,aes128-ctr,aes128-cbc,", "aes128-ctr,", 1); string(c.New) != want {
		t.Errorf("the back-end is\n%s", c.New)
	}
	for _, c := range h.Changes {
		if strings.HasPrefix(c.Before.Path, "/etc/ssh") || strings.HasPrefix(c.Before.Real, "/usr") {
			t.Errorf("%s changes", c.Before.Real)
		}
	}
	page := tell(h)
	for _, want := range []string{"+cipher@openssh-server = -AES-256-CBC -AES-128-CBC", "a file in the place of the link to " + policyShare, "update-crypto-policies --no-reload on a copy", "ssh clients on that host"} {
		if !strings.Contains(strings.Join(strings.Fields(page), " "), want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
}

// Several rules share one sub-policy, with a line for each property.
func TestSubPolicyOfManyRules(t *testing.T) {
	h := policyHost("legacy\n").plan(t, "weak-ciphers", "broken-ciphers", "weak-macs", "weak-key-exchange", "weak-host-key-algorithms", "weak-user-key-algorithms")
	if len(h.Changes) != 5 || len(h.Unfixed) != 0 {
		t.Fatal(tell(h))
	}
	got := string(change(t, h, policyModule).New)
	for _, want := range []string{"\ncipher@openssh-server = -3DES-CBC -AES-256-CBC -AES-128-CBC\n", "\nmac@openssh-server = -UMAC-64\n", "\nhash@openssh-server = -SHA1\n", "\nsign@openssh-server = -RSA-SHA1\n"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("no %q in %q", want, got)
		}
	}
	for keyword, want := range map[string]string{
		"Ciphers":                     "aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr",
		"MACs":                        "hmac-sha2-256-etm@openssh.com,hmac-sha2-256",
		"GSSAPIKexAlgorithms":         "gss-curve25519-sha256-",
		"KexAlgorithms":               "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256",
		"HostKeyAlgorithms":           "ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256",
		"PubkeyAcceptedAlgorithms":    "ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256",
		"HostbasedAcceptedAlgorithms": "ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256",
		"CASignatureAlgorithms":       "ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256",
		"RequiredRSASize":             "2048",
	} {
		if got := backEndLine(t, h, keyword); got != want {
			t.Errorf("%s is %s, not %s", keyword, got, want)
		}
	}
	if got := string(change(t, h, policyConfig).New); got != "legacy:POSTERN\n" {
		t.Errorf("the configuration is %q", got)
	}
	if !slices.ContainsFunc(h.Warnings, func(w string) bool { return strings.Contains(w, "CASignatureAlgorithms loses ssh-rsa too") }) {
		t.Errorf("what goes besides is not said: %q", h.Warnings)
	}
}

// after is the host once the plan is applied.
func (w *world) after(h fix.Host) *world {
	for _, c := range h.Changes {
		if !c.Made {
			w.text(c.Before.Real, string(c.New))
		}
	}
	return w
}

func TestSubPolicyAsksForLargerKeys(t *testing.T) {
	w := policyHost("LEGACY\n")
	w.backEnd(strings.Replace(legacy, "Size 2048", "Size 1024", 1))
	h := w.plan(t, "required-rsa-size")
	if len(h.Changes) != 5 || len(h.Unfixed) != 0 || string(change(t, h, policyBackEnd).New) != legacy || !strings.HasSuffix(string(change(t, h, policyModule).New), "\nmin_rsa_size@openssh-server = 2048\n") {
		t.Error(tell(h))
	}
}

func TestSubPolicyTwice(t *testing.T) {
	w := policyHost("LEGACY\n")
	w.after(w.plan(t, "weak-ciphers"))
	if h := w.plan(t, "weak-ciphers"); !h.Empty() {
		t.Errorf("the second plan changes something: %s", tell(h))
	}
	h := w.plan(t, "broken-ciphers")
	if len(h.Changes) != 3 {
		t.Fatal(tell(h))
	}
	if got := string(change(t, h, policyModule).New); !strings.HasSuffix(got, "= -AES-256-CBC -AES-128-CBC\ncipher@openssh-server = -3DES-CBC\n") {
		t.Errorf("the module is %q", got)
	}
	if c := change(t, h, policyBackEnd); c.Before.Link != "" || strings.Contains(string(c.New), "cbc") {
		t.Errorf("the back-end: %+v", c)
	}
}

// Somebody has set another policy since: what is left of ours begins anew.
func TestSubPolicyOfAnEarlierPolicy(t *testing.T) {
	w := policyHost("LEGACY\n")
	w.text(policyModule, string(change(t, w.plan(t, "weak-macs"), policyModule).New))
	h := w.plan(t, "weak-ciphers")
	if got := string(change(t, h, policyModule).New); len(h.Changes) != 5 || strings.Contains(got, "mac@") || !strings.HasSuffix(got, "\ncipher@openssh-server = -AES-256-CBC -AES-128-CBC\n") {
		t.Error(tell(h))
	}
}

// What local.d appends stays, and a list is changed only where it counts.
func TestSubPolicyBesideLocalLines(t *testing.T) {
	w := policyHost("LEGACY\n")
	delete(w.files, policyBackEnd) // with local.d it is a file
	local := "Ciphers +aes128-cbc,3des-cbc\nMaxAuthTries 4\n"
	w.text(policyBackEnd, legacy+local)
	c := change(t, w.plan(t, "weak-ciphers"), policyBackEnd)
	if want := strings.Replace(legacy, "aes256-cbc,aes128-ctr,aes128-cbc,", "aes128-ctr,", 1) + local; string(c.New) != want || c.Before.Link != "" {
		t.Errorf("the back-end is\n%s", c.New)
	}
}

// A configuration that a playbook writes is not for us to change.
func TestSubPolicyManaged(t *testing.T) {
	h := policyHost("# Ansible managed\nLEGACY\n").plan(t, "weak-ciphers")
	if got := risks(h); len(got) != 1 || got[0] != "managed" || h.Refused[0].Path != policyConfig {
		t.Error(tell(h))
	}
}

// Words and numbers of a policy's configuration, wherever they stand.
func TestSubPolicyIsNamed(t *testing.T) {
	for config, want := range map[string]string{
		"LEGACY":                      "LEGACY:POSTERN",
		"LEGACY:\n":                   "LEGACY:POSTERN\n",
		"  legacy\t# x:y\n":           "  legacy:POSTERN\t# x:y\n",
		"LEGACY\n\nSHA1 # two\n# z\n": "LEGACY\n\nSHA1:POSTERN # two\n# z\n",
		"LEGACY:SHA1::AD-SUPPORT\n":   "LEGACY:SHA1::AD-SUPPORT:POSTERN\n",
	} {
		w := policyHost(config)
		state := strings.ToUpper(strings.ReplaceAll(strings.TrimSuffix(strings.ReplaceAll(strings.TrimSpace(strings.Split(config, "#")[0]), "\n\n", ":"), ":"), "::", ":")) + "\n"
		w.text("/etc/crypto-policies/state/current", state)
		h := w.plan(t, "weak-ciphers")
		if got := string(change(t, h, policyConfig).New); got != want {
			t.Errorf("%q becomes %q, not %q", config, got, want)
		}
		if got := string(change(t, h, "/etc/crypto-policies/state/current").New); got != strings.TrimSpace(state)+":POSTERN\n" {
			t.Errorf("%q is applied as %q", config, got)
		}
	}
}

// Whatever is not as the tool leaves it is left alone, with the reason and no line in
// sshd's files.
func TestSubPolicyNotPlanned(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		change func(*world)
		want   string
	}{
		"no tool":         {"LEGACY\n", func(w *world) { delete(w.files, "/usr/bin/update-crypto-policies") }, "was not seen on the host"},
		"an image":        {"LEGACY\n", func(w *world) { w.text("/run/ostree-booted", "") }, "belongs into the image"},
		"FIPS":            {"FIPS\n", nil, "what FIPS demands"},
		"not applied":     {"FUTURE\n", nil, "is not applied"},
		"no scopes":       {"LEGACY\n", func(w *world) { w.text("/etc/crypto-policies/state/CURRENT.pol", "cipher = AES\n") }, "no scope for OpenSSH"},
		"no state":        {"LEGACY\n", func(w *world) { delete(w.files, "/etc/crypto-policies/state/current") }, "state/current was not seen"},
		"no folder":       {"LEGACY\n", func(w *world) { delete(w.files, "/etc/crypto-policies/policies/modules") }, "was not seen, or is no folder"},
		"another's file":  {"LEGACY\n", func(w *world) { w.text(policyModule, "cipher = -NULL\n") }, "not postern's"},
		"no module":       {"LEGACY:POSTERN\n", func(w *world) { w.text("/etc/crypto-policies/state/current", "LEGACY:POSTERN\n") }, "was not seen"},
		"a command":       {"LEGACY:$(reboot)\n", nil, "is not the name of a policy"},
		"a quote":         {"LEGACY:A'B\n", nil, "is not the name of a policy"},
		"a path":          {"LEGACY:../../tmp/X\n", nil, "is not the name of a policy"},
		"an option":       {"--set\n", nil, "is not applied"},
		"a hidden line":   {"LEGACY # x\rFUTURE\n", nil, "carriage return"},
		"NUL":             {"LEGACY\x00\n", nil, "NUL"},
		"a control":       {"LEGACY:\x1b[2J\n", nil, "is not the name of a policy"},
		"only comments":   {"# LEGACY\n", nil, "names no policy"},
		"no policy first": {":LEGACY\n", nil, "without a policy"},
		"too many":        {"LEGACY" + strings.Repeat(":A", 40) + "\n", nil, "more than 32"},
		"too long":        {"LEGACY:" + strings.Repeat("A", 65) + "\n", nil, "is not the name of a policy"},
		"too large":       {"LEGACY\n" + strings.Repeat("#", 70<<10) + "\n", nil, "more than 65536 bytes"},
		"an odd link": {"LEGACY\n", func(w *world) {
			f := w.files[policyBackEnd]
			f.Target = "/usr/share/crypto policies\n"
			w.files[policyBackEnd] = f
		}, "leads to where no policy's back-end is"},
		"a link": {"LEGACY\n", func(w *world) {
			w.text("/srv/config", "LEGACY\n")
			w.files[policyConfig] = snapshot.File{Path: policyConfig, Type: 'l', Target: "/srv/config", Real: "/srv/config", Links: 1}
		}, "is a link"},
		"nothing left": {"LEGACY\n", func(w *world) {
			w.backEnd("Ciphers aes256-cbc\n")
		}, "left empty"},
		"nobody's form": {"LEGACY\n", func(w *world) {
			w.backEnd("Ciphers \"aes256-ctr,aes256-cbc\"\n")
		}, "not as update-crypto-policies writes it"},
	} {
		t.Run(name, func(t *testing.T) {
			w := policyHost(c.config)
			if c.change != nil {
				c.change(w)
			}
			if name == "FIPS" {
				w.text("/etc/crypto-policies/state/current", "FIPS\n")
			}
			h := w.plan(t, "weak-ciphers")
			if len(h.Changes) != 0 || len(h.Unfixed) != 1 || !strings.Contains(h.Unfixed[0].Why, c.want) {
				t.Error(tell(h))
			}
		})
	}
}

const handedBackEnd = "CRYPTO_POLICY='-oCiphers=aes256-gcm@openssh.com,aes256-ctr,aes256-cbc -oMACs=hmac-sha2-256,umac-64@openssh.com -oKexAlgorithms=curve25519-sha256,diffie-hellman-group14-sha1 -oPubkeyAcceptedKeyTypes=ssh-ed25519,ssh-rsa'\n"

// handedHost is one of Red Hat's up to 8: the policy stands on sshd's command line, which
// no file overrides.
func handedHost() *world {
	w := policyHost("LEGACY\n").config("UsePAM yes\n")
	delete(w.files, "/etc/ssh/sshd_config.d/50-redhat.conf")
	w.release("8.0")
	w.backEnd(handedBackEnd)
	words := strings.Split(strings.TrimSuffix(strings.TrimPrefix(handedBackEnd, "CRYPTO_POLICY='"), "'\n"), " ")
	w.process(700, "/usr/sbin/sshd", "/usr/sbin/sshd\x00-D\x00"+strings.Join(words, "\x00"), "7001")
	w.outs[snapshot.OutUnits] = "Id=sshd.service\nLoadState=loaded\nActiveState=active\nMainPID=700\n"
	return w
}

func TestPolicyOnTheCommandLine(t *testing.T) {
	h := handedHost().plan(t, "weak-ciphers", "weak-user-key-algorithms")
	if len(h.Changes) != 5 || len(h.Unfixed) != 0 || len(h.Refused) != 0 {
		t.Fatal(tell(h))
	}
	want := strings.NewReplacer(",aes256-cbc", "", ",ssh-rsa", "").Replace(handedBackEnd)
	if got := string(change(t, h, policyBackEnd).New); got != want {
		t.Errorf("the back-end is %s", got)
	}
	r := h.Reload
	if !r.Restart || r.Unit != "sshd.service" || !slices.Contains(r.ArgsBefore, "-oPubkeyAcceptedKeyTypes=ssh-ed25519,ssh-rsa") || !slices.Contains(r.Args, "-oPubkeyAcceptedKeyTypes=ssh-ed25519") ||
		!slices.Contains(r.Args, "-oMACs=hmac-sha2-256,umac-64@openssh.com") || len(r.Args) != len(r.ArgsBefore) {
		t.Errorf("the restart is %+v", r)
	}
	if h.Checks[0].Expect["Ciphers"] != "aes256-gcm@openssh.com,aes256-ctr" {
		t.Errorf("what is foreseen: %v", h.Checks[0].Expect)
	}
	if page := tell(h); !strings.Contains(page, "systemctl restart sshd.service") {
		t.Error(page)
	}
}

func TestPolicyOnTheCommandLineNotPlanned(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   string
	}{
		"another line": {func(w *world) {
			w.process(700, "/usr/sbin/sshd", "/usr/sbin/sshd\x00-oCiphers=aes256-cbc,aes256-ctr", "7001")
		}, "was not started with what"},
		"no unit":       {func(w *world) { delete(w.outs, snapshot.OutUnits) }, "no unit of systemd's"},
		"another's pid": {func(w *world) { w.outs[snapshot.OutUnits] = "Id=sshd.service\nLoadState=loaded\nMainPID=4\n" }, "no unit of systemd's"},
		"a shell's words": {func(w *world) {
			w.backEnd("CRYPTO_POLICY='-oCiphers=aes256-ctr,aes256-cbc -oBanner=$(id)'\n")
		}, "not in the form"},
		"two variables": {func(w *world) {
			w.backEnd(handedBackEnd + handedBackEnd)
		}, "not in the form"},
		"no tool": {func(w *world) { delete(w.files, "/usr/bin/update-crypto-policies") }, "then systemctl restart sshd"},
	} {
		t.Run(name, func(t *testing.T) {
			w := handedHost()
			c.change(w)
			h := w.plan(t, "weak-ciphers")
			if len(h.Changes) != 0 || len(h.Unfixed) != 1 || !strings.Contains(h.Unfixed[0].Why, c.want) {
				t.Error(tell(h))
			}
		})
	}
}

// A login that could not negotiate any more is refused like every other lock-out.
func TestSubPolicyLocksOut(t *testing.T) {
	w := policyHost("LEGACY\n")
	w.backEnd("HostKeyAlgorithms ssh-rsa,sk-ssh-ed25519@openssh.com\n")
	h := w.plan(t, "weak-host-key-algorithms")
	if got := risks(h); len(got) == 0 || got[0] != "lock-out" || h.Refused[0].Path != policyBackEnd {
		t.Error(tell(h))
	}
}

// FuzzReadPolicy: what is taken for a policy are names of files and nothing else, and
// the sub-policy's name goes where the tool finds it as the last word.
func FuzzReadPolicy(f *testing.F) {
	for _, s := range []string{"DEFAULT\n", "# x\nlegacy:SHA1:\n\tAD-SUPPORT # y\n", ":A", "A:../b", "A\rB", "A B", "", "A:$(x)", "A\x00", "A\n:\nB:"} {
		f.Add([]byte(s))
	}
	word := regexp.MustCompile(`^[A-Z0-9_-]{1,64}$`)
	f.Fuzz(func(t *testing.T, data []byte) {
		words, end, err := fix.ReadPolicy(data)
		if err != nil {
			return
		}
		for _, w := range words {
			if !word.MatchString(w) {
				t.Fatalf("%q is taken for a policy", w)
			}
		}
		colon := ":"
		if data[end-1] == ':' {
			colon = ""
		}
		if len(words) == 32 {
			return // that is as many as there may be
		}
		again, _, err := fix.ReadPolicy(slices.Concat(data[:end], []byte(colon+"POSTERN"), data[end:]))
		if want := append(slices.Clone(words), "POSTERN"); err != nil || !slices.Equal(again, want) {
			t.Fatalf("%q with the sub-policy is %q (%v), not %q", data, again, err, want)
		}
	})
}

// Whatever lists a policy makes: what goes is weak or shares its word with what is, the
// rest keeps its order, no list comes to its end, and a second plan has nothing to do.
func TestSubPoliciesHold(t *testing.T) {
	lists := map[string][]string{"Ciphers": nil, "MACs": nil, "KexAlgorithms": nil, "HostKeyAlgorithms": nil}
	for line := range strings.Lines(legacy) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, ok := lists[k]; ok {
			lists[k] = strings.Split(v, ",")
		}
	}
	kinds := map[string]wire.Kind{"Ciphers": wire.KindCipher, "MACs": wire.KindMAC, "KexAlgorithms": wire.KindKex, "HostKeyAlgorithms": wire.KindHostKey}
	rules := []string{"weak-ciphers", "broken-ciphers", "weak-macs", "weak-key-exchange", "weak-host-key-algorithms"}
	rapid.Check(t, func(t *rapid.T) {
		w := policyHost("LEGACY\n")
		old, text := map[string][]string{}, ""
		for _, k := range []string{"Ciphers", "MACs", "KexAlgorithms", "HostKeyAlgorithms"} {
			all := rapid.Permutation(lists[k]).Draw(t, k)
			old[k] = all[:rapid.IntRange(1, len(all)).Draw(t, "of "+k)]
			text += fmt.Sprintf("%s %s\n", k, strings.Join(old[k], ","))
		}
		w.backEnd(text)
		h := w.plan(t, rules...)
		if h.Empty() {
			return
		}
		left := map[string]bool{}
		for _, u := range h.Unfixed {
			left[u.Rule] = true
		}
		var c *fix.Change
		for i := range h.Changes {
			if h.Changes[i].Before.Path == policyBackEnd {
				c = &h.Changes[i]
			}
		}
		if c == nil {
			t.Fatal(tell(h))
		}
		for line := range strings.Lines(string(c.New)) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
			now := strings.Split(v, ",")
			if len(now) == 0 || v == "" {
				t.Fatalf("%s came to its end", k)
			}
			at := 0
			for _, n := range old[k] {
				if at < len(now) && now[at] == n {
					at++
				} else if s, _ := wire.Judge(kinds[k], n); s != wire.StatusWeak && s != wire.StatusBroken {
					t.Fatalf("%s lost %s, which is %s", k, n, s)
				}
			}
			if at != len(now) {
				t.Fatalf("%s was %v and is %v", k, old[k], now)
			}
		}
		again := w.after(h).plan(t, rules...)
		if !again.Empty() || len(again.Unfixed) != len(left) {
			t.Fatalf("%s\nand then\n%s", tell(h), tell(again))
		}
	})
}

//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/fix"
)

// withPolicy makes a Debian host what RHEL 9 is: the algorithms come from the system's
// crypto policy, whose back-end a drop-in includes, as a link into /usr.
func withPolicy(t *testing.T) string {
	t.Helper()
	tool, err := os.ReadFile("testdata/update-crypto-policies")
	if err != nil {
		t.Fatal(err)
	}
	return "cat >/usr/bin/update-crypto-policies <<'END OF TOOL'\n" + string(tool) + "\nEND OF TOOL\n" + `set -e
chmod 755 /usr/bin/update-crypto-policies
P=/etc/crypto-policies S=/usr/share/crypto-policies
mkdir -p $P/back-ends $P/state $P/local.d $P/policies/modules $S/policies/modules $S/LEGACY
cat >$S/policies/LEGACY.pol <<'END'
# an old machine has to come in
mac = HMAC-SHA2-256 HMAC-SHA1 UMAC-128 UMAC-64
group = X25519 SECP256R1 FFDHE-2048
hash = SHA2-256 SHA1
sign = ECDSA-SHA2-256 EDDSA-ED25519 RSA-SHA2-256 RSA-SHA2-512 RSA-SHA1
cipher = AES-256-GCM CHACHA20-POLY1305 AES-256-CBC 3DES-CBC
cipher@SSH = AES-256-GCM CHACHA20-POLY1305 AES-256-CTR AES-256-CBC \
	AES-128-GCM AES-128-CTR AES-128-CBC 3DES-CBC
key_exchange = ECDHE DHE
min_rsa_size = 2048
arbitrary_dh_groups = 1
END
printf '# System-wide crypto policy: one word.\n# See update-crypto-policies(8).\nLEGACY # until the printers are gone\n' >$P/config
update-crypto-policies --no-reload >/dev/null
for b in opensshserver openssh openssl; do cp $P/back-ends/$b.config $S/LEGACY/$b.txt; done
update-crypto-policies --no-reload >/dev/null
printf '# as the package ships it\nInclude /etc/crypto-policies/back-ends/opensshserver.config\n\nX11Forwarding yes\n' >/etc/ssh/sshd_config.d/50-redhat.conf
`
}

var policyRules = []string{"weak-ciphers", "broken-ciphers", "weak-macs", "weak-key-exchange", "weak-host-key-algorithms", "weak-user-key-algorithms"}

func only(rules []string) (args []string) {
	for _, r := range rules {
		args = append(args, "--only", r)
	}
	return args
}

// policyStands is all that the tool may change, and what sshd reads.
func policyStands(h *e2e.Host) string {
	out, errs, _ := h.Exec(`cd /etc && { find crypto-policies ssh -printf '%p %y %m %U:%G %l\n' | sort; find crypto-policies ssh -type f -exec sha256sum {} + | sort -k2; sha256sum /usr/share/crypto-policies/LEGACY/*
find /etc /run -name '*postern*' -o -name policies-reloaded; }`)
	return out + errs
}

// TestFixSubPolicy: where the crypto policy sets the lists, a sub-policy for sshd alone
// takes the weak ones out: found, planned, applied, gone for a fresh audit, and back.
func TestFixSubPolicy(t *testing.T) {
	e2e.NeedHosts(t)
	t.Parallel()
	run, setup := newPostern(t), withPolicy(t)
	t.Run("refused", func(t *testing.T) { t.Parallel(); subPolicyRefused(t, *run, setup) })
	t.Run("on the command line", func(t *testing.T) { t.Parallel(); subPolicyHanded(t, *run, setup) })
	t.Run("comes back", func(t *testing.T) { t.Parallel(); subPolicyComesBack(t, *run, setup) })
	for _, spec := range []e2e.Spec{{Release: e2e.Bookworm, Init: e2e.Tiny}, {Release: e2e.Trixie, Init: e2e.Systemd}} {
		t.Run(string(spec.Release), func(t *testing.T) {
			t.Parallel()
			spec.Accounts, spec.Setup = true, setup
			h := e2e.Start(t, spec)
			admin := h.Accounts().Admin
			run := *run
			run.home = t.TempDir()
			run.to(newFixJob(t, h, admin))
			before := policyStands(h)
			plan := run.want(t, 1, append([]string{"fix"}, only(policyRules)...)...)
			t.Log(plan)
			for _, s := range []string{"+cipher@openssh-server = -", "+LEGACY:POSTERN # until the printers are gone", "a file in the place of the link to", "as before"} {
				if !strings.Contains(plan, s) {
					t.Errorf("the plan does not say %q", s)
				}
			}
			if strings.Contains(plan, "b/etc/ssh/") {
				t.Error("a line in sshd's files, which has no effect")
			}
			if now := policyStands(h); now != before {
				t.Fatalf("planning changed the host: %s", difference(before, now))
			}
			run.want(t, 0, append([]string{"fix", "apply", "--yes"}, only(policyRules)...)...)
			h.Login(admin)
			run.want(t, 0, append([]string{"audit"}, only(policyRules)...)...)
			if again := run.want(t, 0, append([]string{"fix"}, only(policyRules)...)...); !strings.Contains(again, "nothing to fix") {
				t.Error(again)
			}
			out, errs, _ := h.Exec(`update-crypto-policies --show; update-crypto-policies --check && update-crypto-policies --is-applied && [ ! /etc/crypto-policies/config -nt /etc/crypto-policies/state/current ] && echo right
readlink /etc/crypto-policies/back-ends/openssh.config /etc/crypto-policies/back-ends/openssl.config; ls /run/policies-reloaded; sshd -T | grep -iE '^(ciphers|macs|kexalgorithms|hostkeyalgorithms) '`)
			if !strings.HasPrefix(out, "LEGACY:POSTERN\nright\n/usr/share/crypto-policies/LEGACY/openssh.txt\n/usr/share/crypto-policies/LEGACY/openssl.txt\n") || strings.Contains(out, "reloaded") {
				t.Errorf("%s%s", out, errs)
			}
			for _, weak := range []string{"cbc", "sha1,", "sha1\n", "ssh-rsa", "umac-64"} {
				if list := strings.ReplaceAll(strings.ReplaceAll(out, "hmac-sha1,", ""), "hmac-sha1-etm", ""); strings.Contains(list, weak) {
					t.Errorf("%s is left:\n%s", weak, list)
				}
			}
			run.want(t, 0, "fix", "undo")
			if now := policyStands(h); now != before {
				t.Errorf("undo: %s", difference(before, now))
			}
			if out, errs, code := h.Exec("update-crypto-policies --check && [ ! /etc/crypto-policies/config -nt /etc/crypto-policies/state/current ]"); code != 0 {
				t.Error("undo left a policy that is not applied", out, errs)
			}
			h.Login(admin)
			run.want(t, 1, "audit", "--only", "weak-ciphers")
		})
	}
}

// subPolicyHanded: up to RHEL 8 the unit hands the policy over on sshd's command line. It
// is started anew, with what the plan says, and so it is when the laptop dies.
func subPolicyHanded(t *testing.T, run asUser, setup string) {
	run.home = t.TempDir()
	setup = strings.Replace(setup, "cat >$S/policies/LEGACY.pol", "touch $S/on-the-command-line; cat >$S/policies/LEGACY.pol", 1) + `
rm /etc/ssh/sshd_config.d/50-redhat.conf
mkdir -p /etc/systemd/system/ssh.service.d
printf '[Service]\nEnvironmentFile=-/etc/crypto-policies/back-ends/opensshserver.config\nExecStart=\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS $CRYPTO_POLICY\n' >/etc/systemd/system/ssh.service.d/policy.conf
`
	h := &crashHost{Host: e2e.Start(t, e2e.Spec{Release: e2e.Bullseye, Init: e2e.Systemd, Accounts: true, DiskMB: 256, Setup: setup})}
	admin := h.Accounts().Admin
	j := newFixJob(t, h.Host, admin)
	run.to(j)
	before := policyStands(h.Host)
	plan := run.want(t, 1, "fix", "plan", "--save-plan", "handed.plan", "--only", "weak-ciphers", "--only", "weak-key-exchange")
	if !strings.Contains(plan, "systemctl restart ssh.service") || !strings.Contains(plan, "+CRYPTO_POLICY='-oCiphers=") {
		t.Fatal(plan)
	}
	line := func() string {
		out, _, _ := h.Exec(`tr '\0' ' ' </proc/$(systemctl show -p MainPID --value ssh)/cmdline`)
		return out
	}
	if !strings.Contains(line(), "aes256-cbc") {
		t.Fatal(line())
	}
	// A restart that would end our own session is not for us.
	h.Run("printf '[Service]\\nKillMode=control-group\\n' >/etc/systemd/system/ssh.service.d/kill.conf && systemctl daemon-reload")
	if out := run.want(t, 4, "fix", "apply", "--yes", "--only", "weak-ciphers"); !strings.Contains(strings.Join(strings.Fields(out), " "), "would end all sessions") {
		t.Error(out)
	}
	h.Run("rm /etc/systemd/system/ssh.service.d/kill.conf && systemctl daemon-reload; sync")
	// The laptop dies once sshd runs with the new list: the guard starts it with the old
	// one, and so does a boot after a power cut.
	for _, power := range []bool{false, true} {
		run.want(t, 1, "fix", "plan", "--save-plan", "handed.plan", "--only", "weak-ciphers")
		p := savedPlan(t, filepath.Join(run.home, "handed.plan"))
		j.Plan, j.Options.Deadline, j.FailAt = p.Hosts[0], time.Minute, "reloaded"
		if a, killed := j.run(t); !killed {
			t.Fatalf("the laptop did not come to that point: %+v", a)
		}
		if strings.Contains(line(), "aes256-cbc") {
			t.Error("sshd was not started anew: " + line())
		}
		if power {
			h.PowerCut()
			h.Boot()
		} else {
			h.hasten()
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
			now := policyStands(h.Host) // the last that goes is the guard itself
			if !h.open() && now == before && strings.Contains(line(), "aes256-cbc") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("power cut %v: %s\n%s", power, difference(before, now), line())
			}
		}
	}
	run.want(t, 0, "fix", "apply", "--yes", "--only", "weak-ciphers", "--only", "weak-key-exchange")
	h.Login(admin)
	run.want(t, 0, "audit", "--only", "weak-ciphers", "--only", "weak-key-exchange")
	if again := run.want(t, 0, "fix", "--only", "weak-ciphers"); !strings.Contains(again, "nothing to fix") {
		t.Error(again)
	}
	run.want(t, 0, "fix", "undo")
	if now := policyStands(h.Host); now != before || !strings.Contains(line(), "aes256-cbc") {
		t.Errorf("undo: %s\n%s", difference(before, now), line())
	}
	h.Login(admin)
}

// subPolicyRefused: what the host's own tool does not bear out is refused, before
// anything changes, and with its reason.
func subPolicyRefused(t *testing.T, run asUser, setup string) {
	run.home = t.TempDir()
	h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true, Setup: setup})
	run.to(newFixJob(t, h, h.Accounts().Admin))
	h.Run("cp -a /etc/crypto-policies /root/policies; cp -a /usr/bin/update-crypto-policies /root/tool")
	for _, c := range []struct{ name, make, say string }{
		{"its language is missing", `sed -i '1s,.*,#!/usr/bin/python3,' /usr/bin/update-crypto-policies`, "update-crypto-policies"},
		{"it fails", `printf '#!/bin/sh\necho "Unknown policy" >&2; exit 1\n' >/usr/bin/update-crypto-policies`, "update-crypto-policies failed: Unknown policy"},
		{"it makes nothing of the sub-policy", `sed -i 's/my (.policy, @subs) = @words;/my ($policy, @subs) = ($words[0]);/' /usr/bin/update-crypto-policies`, "otherwise than planned"},
		{"another back-end would change", `rm /etc/crypto-policies/back-ends/openssl.config; echo 'ciphers = NULL' >/etc/crypto-policies/back-ends/openssl.config`, "would change openssl.config too"},
		{"it is not root's", `chown plain /usr/bin/update-crypto-policies`, "not root's alone"},
		{"it writes elsewhere", `sed -i 's,^umask 022;,umask 022; system("touch /etc/ssh/evil; rm -f /etc/ssh/evil");,' /usr/bin/update-crypto-policies`, "not what it was before the trial"},
		{"it was not seen", `rm /usr/bin/update-crypto-policies`, ""},
		{"the policy is an attack", `printf 'LEGACY:$(touch /run/policies-reloaded)\n' >/etc/crypto-policies/config`, ""},
	} {
		h.Run("rm -rf /etc/crypto-policies && cp -a /root/policies /etc/crypto-policies; rm -f /usr/bin/update-crypto-policies; cp -a /root/tool /usr/bin/update-crypto-policies; " + c.make)
		before := policyStands(h)
		out, code := run.run(t, "fix", "apply", "--yes", "--accept-risk=pending-edits", "--only", "weak-ciphers") // our own copies are newer than the daemon
		said := strings.Join(strings.Fields(out), " ")
		if c.say == "" {
			if !strings.Contains(said, "no sub-policy is planned") || strings.Contains(said, "applied") && !strings.Contains(said, "nothing") {
				t.Errorf("%s: %d\n%s", c.name, code, out)
			}
		} else if code != 4 || !strings.Contains(said, c.say) {
			t.Errorf("%s: exit code %d, no %q in\n%s", c.name, code, c.say, out)
		}
		if now := policyStands(h); now != before {
			t.Errorf("%s: %s", c.name, difference(before, now))
		}
		if left, _, _ := h.Exec("ls /var/lib/postern-fix 2>/dev/null; ls -d /tmp/postern* 2>/dev/null"); strings.Contains(left, "current") || strings.Contains(left, "/tmp") {
			t.Errorf("%s: left on the host: %s", c.name, left)
		}
	}
}

// subPolicyComesBack: cut short after each of its files and in the midst of taking
// back, by a laptop that dies and by a power cut, the policy is what it was, link for link.
// In the short form a fifth of the points, another one each day.
func subPolicyComesBack(t *testing.T, run asUser, setup string) {
	run.home = t.TempDir()
	h := &crashHost{Host: e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Tiny, Accounts: true, DiskMB: 256, Setup: setup})}
	admin := h.Accounts().Admin
	j := newFixJob(t, h.Host, admin)
	run.to(j)
	look := func() fix.Host {
		t.Helper()
		h.Run("sleep 1.1; kill -HUP $(cat /run/sshd.pid); sleep 1; sync")
		run.want(t, 1, "fix", "plan", "--save-plan", "policy.plan", "--only", "weak-ciphers")
		plan := savedPlan(t, filepath.Join(run.home, "policy.plan"))
		return plan.Hosts[0]
	}
	j.Options.Deadline = time.Minute
	before := policyStands(h.Host)
	n := len(look().Changes)
	for i, point := range cutPoints(n) {
		// the two at which the link itself is in play: each day
		if !whole() && i%5 != turn(t)%5 && !slices.Contains([]string{fmt.Sprintf("changed%d", n), fmt.Sprintf("restored%d", n)}, point) {
			continue
		}
		power := i%2 == 0 || strings.HasPrefix(point, "restored")
		if !h.cutAt(t, j, look(), point, power) {
			continue
		}
		if after := policyStands(h.Host); after != before {
			t.Fatalf("%s, power cut %v: %s", point, power, difference(before, after))
		}
		if err := h.becomesRoot(t, admin); err != nil {
			t.Fatalf("%s: %v", point, err)
		}
	}
}

//go:build linux

package e2e_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/triage"
	"github.com/postern-ssh/postern/e2e"
	"github.com/postern-ssh/postern/e2e/demo"
	"github.com/postern-ssh/postern/inventory"
	"github.com/postern-ssh/postern/inventory/connect"
	"github.com/postern-ssh/postern/policies"
)

var update = flag.Bool("update", false, "write golden files and recordings anew")

// TestDemoRecordings makes the hosts of the demo anew, audits them with the
// collector of today, and fails where the form differs from the recordings that
// are embedded: items present, gaps, outcomes, what triage names. Versions, times,
// ids and keys may differ.
func TestDemoRecordings(t *testing.T) {
	e2e.NeedHosts(t)
	for _, p := range demo.Personas {
		if p.Dead {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(filepath.Join("demo", "hosts", p.Name+".sh"))
			if err != nil {
				t.Fatal(err)
			}
			key, public := newKey(t)
			h := e2e.Start(t, e2e.Spec{Release: e2e.Bookworm, Init: e2e.Systemd, Setup: string(script) + "\n" + admit(p.User, public) + older})
			settle(h)
			snap := collectDeep(t, h, p.User, key)
			file := filepath.Join("demo", "hosts", p.Name+".pst")
			if *update {
				out, err := os.Create(file)
				if err != nil {
					t.Fatal(err)
				}
				defer out.Close()
				if err := snapshot.Write(out, snap); err != nil {
					t.Fatal(err)
				}
				return
			}
			recorded, err := demo.Recording(p.Name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(form(recorded), form(snap)); diff != "" {
				t.Errorf("the form of %s is not what the collector brings today; if that is right, record anew: "+
					"POSTERN_E2E=require go test ./e2e -run TestDemoRecordings -update\n(-recorded +today)\n%s", file, diff)
			}
			if diff := cmp.Diff(verdicts(t, recorded), verdicts(t, snap)); diff != "" {
				t.Errorf("outcomes differ (-recorded +today)\n%s", diff)
			}
			if diff := cmp.Diff(told(recorded), told(snap)); diff != "" {
				t.Errorf("triage tells something else (-recorded +today)\n%s", diff)
			}
		})
	}
}

// older lets a moment pass before the daemons start: their start is known to the
// second, and whether their files changed before it has to be certain.
const older = "\nsleep 2\n"

// admit lets a key into an account that may read everything: root, or a new
// account with sudo.
func admit(user, public string) string {
	if user == "root" {
		return fmt.Sprintf("mkdir -p -m 700 /root/.ssh\necho '%s' > /root/.ssh/authorized_keys\nchmod 600 /root/.ssh/authorized_keys\n", public)
	}
	return fmt.Sprintf("useradd -m -s /bin/bash %[1]s\nmkdir -m 700 ~%[1]s/.ssh\necho '%[2]s' > ~%[1]s/.ssh/authorized_keys\n"+
		"chmod 600 ~%[1]s/.ssh/authorized_keys\nchown -R %[1]s: ~%[1]s/.ssh\n"+
		"echo '%[1]s ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/%[1]s\nchmod 440 /etc/sudoers.d/%[1]s\n", user, public)
}

// settle waits until a systemd host has started what it starts.
func settle(h *e2e.Host) {
	h.Exec("systemctl is-system-running --wait")
}

func newKey(t *testing.T) (file, public string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub))) + " audit@laptop"
}

// overSSH is a host as the audit sees it.
func overSSH(t *testing.T, h *e2e.Host, user, key string, sudo inventory.Sudo) audit.SSH {
	t.Helper()
	d, err := connect.New(connect.Options{KeyFiles: []string{key}, KnownHosts: []string{h.KnownHosts()}})
	if err != nil {
		t.Fatal(err)
	}
	return audit.SSH{Dialer: d, Host: inventory.Host{Name: "host", Address: h.Addr(), Port: h.Port(), User: user, Sudo: sudo}}
}

// collect reads a host over SSH, whole.
func collect(t *testing.T, h *e2e.Host, user, key string, sudo inventory.Sudo) *snapshot.Snapshot {
	t.Helper()
	snap, err := overSSH(t, h, user, key, sudo).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !snap.Complete {
		t.Fatal("the snapshot is not whole")
	}
	return snap
}

// collectDeep reads a host over SSH in both rounds, as triage does.
func collectDeep(t *testing.T, h *e2e.Host, user, key string) *snapshot.Snapshot {
	t.Helper()
	deep, err := overSSH(t, h, user, key, inventory.SudoAuto).Deep(t.Context(), audit.Rounds{
		Ask: func(first *snapshot.Snapshot) snapshot.Questions {
			return triage.Ask(first, facts.Options{Now: time.Now(), Name: "host"})
		},
	})
	if err != nil || deep.Err != nil {
		t.Fatal(err, deep.Err)
	}
	if !deep.First.Complete {
		t.Fatal("the snapshot is not whole")
	}
	return deep.First
}

// told is what triage names on a host at medium or above: weight, kind and title.
func told(s *snapshot.Snapshot) []string {
	var out []string
	for _, x := range triage.Look(s, facts.Options{Now: time.Now(), Name: "host"}).Things {
		if triage.Level(x.Severity) >= triage.Level("medium") {
			out = append(out, x.Severity+" "+x.Kind+" "+x.Title)
		}
	}
	sort.Strings(out)
	return out
}

var volatile = regexp.MustCompile(`/proc/[0-9]+/fd/[0-9]+|/proc/[0-9]+|^sshd-([TV])\.[0-9]+$`)

func steady(name string) string {
	return volatile.ReplaceAllStringFunc(name, func(s string) string {
		switch {
		case strings.HasPrefix(s, "sshd-"):
			return s[:7] + "PID"
		case strings.Contains(s, "/fd/"):
			return "/proc/PID/fd/N"
		}
		return "/proc/PID"
	})
}

// form is what must be the same in two snapshots of one host: which items are
// there, of which type, with content or without, and what is missing and why.
func form(s *snapshot.Snapshot) []string {
	seen := map[string]bool{}
	for i := range s.Files {
		f := &s.Files[i]
		if strings.HasPrefix(f.Path, "/tmp/") || strings.HasPrefix(f.Path, "/var/tmp/") || strings.HasPrefix(f.Path, "/dev/shm/") {
			continue // what systemd puts there has random names
		}
		seen[fmt.Sprintf("file %s %c content=%t filtered=%t", steady(f.Path), f.Type, f.HasContent(), f.Filtered)] = true
	}
	for i := range s.Outputs {
		seen["output "+steady(s.Outputs[i].Name)] = true
	}
	for _, g := range s.Gaps {
		seen["gap "+steady(g.Path)+" "+string(g.Kind)] = true
	}
	seen[fmt.Sprintf("privilege %s complete %t", s.Privilege, s.Complete)] = true
	var out []string
	for k := range seen {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// verdicts judges a snapshot by all rules.
func verdicts(t *testing.T, s *snapshot.Snapshot) map[string]policies.Verdict {
	t.Helper()
	cat, err := policies.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	all, err := cat.Choose(policies.Choice{Profile: policies.ProfileAll})
	if err != nil {
		t.Fatal(err)
	}
	f := facts.From(s, facts.Options{Now: time.Now(), Name: "host"})
	outcomes, _ := all.Judge(f, policies.JudgeOptions{Host: "host"})
	out := map[string]policies.Verdict{}
	for _, o := range outcomes {
		out[o.Rule] = o.Verdict
	}
	return out
}

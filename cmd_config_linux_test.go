package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigIsSSHD puts configurations to postern config and to the sshd of this
// machine, and wants the same bytes, the same exit code and, where it refuses, the
// reason in sshd's words. How far the evaluator itself agrees is tested over many
// more in audit/sshd.
func TestConfigIsSSHD(t *testing.T) {
	const daemon = "/usr/sbin/sshd"
	lacking := func(format string, a ...any) {
		t.Helper()
		if os.Getenv("POSTERN_E2E") == "require" {
			t.Fatalf(format, a...)
		}
		t.Skipf(format+" (POSTERN_E2E=require makes this a failure)", a...)
	}
	if os.Geteuid() != 0 {
		lacking("sshd -T needs root to read the host's keys")
	}
	said, _ := exec.Command(daemon, "-?").CombinedOutput()
	_, version, ok := strings.Cut(string(said), "OpenSSH_")
	if !ok {
		lacking("no sshd to ask: %s", said)
	}
	version, _, _ = strings.Cut(version, " ")
	version = strings.TrimRight(version, ",")
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		lacking("no /etc/os-release: %v", err)
	}
	distro := ""
	for line := range strings.Lines(string(release)) {
		if id, is := strings.CutPrefix(line, "ID="); is {
			distro = strings.Trim(strings.TrimSpace(id), `"`)
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	texts := []string{
		"", "PermitRootLogin no\n", "PermitRootLogin bogus\n", "Nonsense yes\n", "Port 1\nPort 2\nListenAddress ::1\nListenAddress 127.0.0.1:5\n",
		"Match User nobody\nX11Forwarding yes\nBanner none\n", "Match Group root\nMaxAuthTries 2\n", "Match LocalPort 22\nPermitTTY no\n",
		"Match Host *.example.com Address 10.0.0.0/8\nForceCommand echo \"a\tb\"  \\\\ '# c'\n", "Match all\nAllowUsers a b\nDenyGroups c\n",
		"Ciphers -*\nKexAlgorithms +diffie-hellman-group14-sha1\nPubkeyAcceptedAlgorithms ^ssh-rsa\n", "Subsystem sftp internal-sftp -f AUTH\n",
		"Match User nobody\nPubkeyAcceptedAlgorithms -*\n", "AuthorizedKeysCommand /x\n", "Banner \"open\n", "UsePAM yes no\n", "Match Address 10.0.0.5/8\n",
		"AuthenticationMethods publickey\nPubkeyAuthentication no\n", "Ciphers nothing\n", "Include /nowhere/*\nSetEnv A=1 \"B=x y\"\nAcceptEnv LANG LC_*\n",
	}
	if dir := os.Getenv("POSTERN_SHARED"); dir != "" {
		for _, file := range []string{"corpus/real/sshd.jsonl", "corpus/sshd-cases.jsonl"} {
			data, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(data) {
				var c struct {
					Content string
					Files   map[string]string
				}
				if err := json.Unmarshal(line, &c); err != nil {
					t.Fatal(err)
				}
				texts = append(texts, c.Content+c.Files["/etc/ssh/sshd_config"])
			}
		}
	} else if os.Getenv("CI") == "true" {
		t.Fatal("POSTERN_SHARED is not set, and CI must not skip")
	}
	file := filepath.Join(t.TempDir(), "sshd_config")
	compared, keyless := 0, 0
	for i, text := range texts {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, spec := range []string{"user=root,host=a.example.com,addr=10.1.2.3,laddr=127.0.0.1,lport=22", "user=nobody,host=h,addr=2001:db8::1,laddr=::1,lport=2222", "user=nobody"} {
			var wantOut, wantErr bytes.Buffer
			cmd := exec.Command(daemon, "-T", "-f", file, "-C", spec)
			cmd.Stdout, cmd.Stderr = &wantOut, &wantErr
			code := 0
			var exit *exec.ExitError
			if err := cmd.Run(); errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(wantErr.String(), "no hostkeys available") {
				keyless++ // the file names keys that are not on this machine
				continue
			}
			var out, errOut bytes.Buffer
			got := run(context.Background(), []string{"postern", "config", "--file", file, "--openssh", version, "--distro", distro, "-C", spec},
				streams{in: strings.NewReader(""), out: &out, err: &errOut, env: func(string) string { return "" }, screen: &screen{}})
			compared++
			if got != code || out.String() != wantOut.String() {
				t.Errorf("%d %s: exit code %d, sshd %d\n%s\nsshd: %s\nhere: %s\n%s", i, spec, got, code, text, wantErr.String(), errOut.String(), lineDiff(wantOut.String(), out.String()))
				continue
			}
			if code != 0 {
				lines := strings.Split(errOut.String(), "\n")
				if len(lines) < 2 || !strings.Contains(wantErr.String(), lines[1]) {
					t.Errorf("%d %s:\nsshd: %s\nhere: %s", i, spec, wantErr.String(), errOut.String())
				}
			}
		}
	}
	t.Logf("OpenSSH %s, %s: %d answers compared, %d left out for want of host keys", version, distro, compared, keyless)
	if compared < 3*keyless {
		t.Errorf("only %d answers compared", compared)
	}
}

// lineDiff names the lines that one text alone has.
func lineDiff(a, b string) string {
	var out strings.Builder
	for _, side := range []struct{ sign, text, other string }{{"-", a, b}, {"+", b, a}} {
		have := map[string]bool{}
		for line := range strings.Lines(side.other) {
			have[line] = true
		}
		for line := range strings.Lines(side.text) {
			if !have[line] {
				out.WriteString(side.sign + line)
			}
		}
	}
	return out.String()
}

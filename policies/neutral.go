package policies

import "github.com/postern-ssh/postern/audit/facts"

// neutral is the host that examples start from: a Debian 12 as a careful
// administrator keeps it. Every rule passes on it or does not apply, and a test
// holds it to that. Account deploy logs in with a key, root not at all; a nightly
// backup is the only job. catalogue/README.md lists what examples may rely on.
func neutral() *facts.Facts {
	const config = "/etc/ssh/sshd_config"
	good := func(names ...string) []facts.Algorithm {
		out := make([]facts.Algorithm, len(names))
		for i, n := range names {
			out[i] = facts.Algorithm{Name: n, Status: "good"}
		}
		return out
	}
	return &facts.Facts{
		Host: facts.Host{Crontab: "none",
			Name: "web1", Hostname: "web1", OS: "debian", Version: "12", Source: "ssh",
			Privilege: "root", Systemd: true, Cron: []string{"debian"},
		},
		Sshd: facts.Sshd{
			Present: true, Version: "9.2p1", Config: config,
			PermitRootLogin: "no", PubkeyAuthentication: true, IgnoreRhosts: "yes", UsePAM: true, StrictModes: true,
			MaxAuthTries: 4, LoginGraceTime: 60, MaxStartups: "10:30:60", ClientAliveInterval: 300,
			AllowTCPForwarding: "no", AllowStreamLocalForwarding: "no", DisableForwarding: true,
			GatewayPorts: "no", PermitTunnel: "no", LogLevel: "VERBOSE", Compression: "no", Banner: "/etc/issue.net",
			Ciphers:                  []string{"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"},
			MACs:                     []string{"hmac-sha2-256-etm@openssh.com"},
			KexAlgorithms:            []string{"sntrup761x25519-sha512@openssh.com", "curve25519-sha256"},
			HostKeyAlgorithms:        []string{"ssh-ed25519"},
			PubkeyAcceptedAlgorithms: []string{"ssh-ed25519", "rsa-sha2-512"},
			RequiredRSASize:          3072, Ports: []int64{22}, ModuliBits: 3072, GroupExchangeBits: 3072,
		},
		Daemons: []facts.Daemon{{
			PID: 700, Kind: "sshd", Exe: "/usr/sbin/sshd", Config: config,
			Listens: []string{"0.0.0.0:22", "[::]:22"}, Primary: true, Asked: true,
		}},
		Access: []facts.Access{
			{User: "root", From: "anywhere", Password: "no", PublicKey: "no", Empty: "no", Other: "no", Why: "PermitRootLogin no"},
			{User: "deploy", UID: 1000, From: "anywhere", Password: "no", PublicKey: "yes", Empty: "no", Other: "no"},
		},
		Accounts: []facts.Account{
			{Name: "root", Home: "/root", Shell: "/bin/bash", Groups: []string{"root"}, Password: "locked", LoginShell: true},
			{Name: "daemon", UID: 1, GID: 1, Home: "/usr/sbin", Shell: "/usr/sbin/nologin", Password: "star"},
			{Name: "deploy", UID: 1000, GID: 1000, Home: "/home/deploy", Shell: "/bin/bash", Password: "hash", Algorithm: "yescrypt", LoginShell: true},
		},
		AuthorizedKeys: []facts.AuthorizedKey{{
			User: "deploy", Path: "/home/deploy/.ssh/authorized_keys", Line: 1, Type: "ssh-ed25519", Bits: 256,
			Fingerprint: "SHA256:neutral", Comment: "deploy@desk",
		}},
		Jobs: []facts.Job{{
			Scheduler: "cron.d", Path: "/etc/cron.d/backup", Line: 3, User: "root", Schedule: "17 2 * * *",
			Command: "/usr/local/sbin/backup --all", Runs: true, Severity: "none",
			Targets: []facts.Target{{Path: "/usr/local/sbin/backup", Exists: "yes", Owner: "root", Mode: "0755"}},
		}},
		Tables: []facts.Table{
			{Path: "/etc/crontab", Kind: "crontab", Runs: true},
			{Path: "/etc/cron.d/backup", Kind: "cron.d", Runs: true},
		},
		Files: []facts.File{
			{Path: config, Role: "sshd-config", Owner: "root", Group: "root", Mode: "0600"},
			{Path: "/etc/ssh/ssh_host_ed25519_key", Role: "host-key", Owner: "root", Group: "root", Mode: "0600"},
			{Path: "/etc/ssh/ssh_host_ed25519_key.pub", Role: "host-key-public", Owner: "root", Group: "root", Mode: "0644"},
			{Path: "/home/deploy/.ssh/authorized_keys", Role: "authorized-keys", User: "deploy", Owner: "deploy", Group: "deploy", Mode: "0600"},
			{Path: "/etc/cron.d/backup", Role: "cron-table", Owner: "root", Group: "root", Mode: "0644"},
			{Path: "/etc/cron.d", Role: "cron-dir", Owner: "root", Group: "root", Mode: "0755"},
		},
		Packages: []facts.Package{{Manager: "dpkg", Name: "openssh-server", Version: "1:9.2p1-2+deb12u10"}},
		Wire: facts.Wire{
			Seen: true, Version: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", Software: "OpenSSH_9.2p1",
			Methods:           []string{"publickey"},
			Kex:               good("sntrup761x25519-sha512@openssh.com", "curve25519-sha256"),
			HostKeyAlgorithms: good("ssh-ed25519"),
			Ciphers:           good("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"),
			MACs:              good("hmac-sha2-256-etm@openssh.com"),
			Compression:       good("none"),
			StrictKex:         true, PostQuantum: true,
			HostKeys: []facts.HostKey{{Type: "ssh-ed25519", Bits: 256, Fingerprint: "SHA256:host", Proven: true, Offered: "yes"}},
		},
		Vulnerabilities: []facts.Vulnerability{{
			ID: "CVE-2024-6387", Name: "regreSSHion", Severity: "critical", Part: "server", Package: "openssh-server",
			Installed: "1:9.2p1-2+deb12u10", FixedIn: "1:9.2p1-2+deb12u3", State: "fixed", Exposed: "no", Reason: "mended in 1:9.2p1-2+deb12u3",
		}},
		VulnerabilityData: "2026-10",
		Unknown:           map[string]string{}, Gaps: map[string][]facts.Gap{}, Origin: map[string][]facts.Evidence{},
	}
}

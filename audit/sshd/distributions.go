package sshd

// Shipped is what a distribution makes different from upstream: a default that
// it patches into sshd, or a line in a file that it ships.
type Shipped struct {
	Distro  string // debian, ubuntu, fedora, rhel, suse, alpine, arch
	Keyword string
	Since   Version // first release of OpenSSH there; zero: as far back as this table goes
	Gone    Version // first release without it; zero: still so
	Value   string
	Where   string // the file, or "sshd" for a default that is compiled in
	Source  string // where it was read or run
	// patch is set where the value is sshd's own default there, so that it holds
	// without any line. These change what the evaluator reads.
	patch []string
}

// Where the lines of the shipped files were read.
const (
	fromPackage = "read in the package"
	fromHost    = "read in /etc of such a host"
	fromSpec    = "by the package's source, not run"
	fromPolicy  = "read in crypto-policies"
	ran         = "run"
	unread      = "known, not verified"
)

const (
	mainFile  = "/etc/ssh/sshd_config"
	redhat    = "/etc/ssh/sshd_config.d/50-redhat.conf"
	policyEnd = "/etc/crypto-policies/back-ends/opensshserver.config"
)

// shipped is what the distributions patch or ship, as far as it decides who can
// log in and how. A line in a file can be removed; then sshd's default holds.
var shipped = []Shipped{
	{Distro: "debian", Keyword: "Include", Since: V(8, 4), Value: "/etc/ssh/sshd_config.d/*.conf, above all other lines", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "UsePAM", Value: "yes", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "ChallengeResponseAuthentication", Gone: V(8, 7), Value: "no", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "KbdInteractiveAuthentication", Since: V(8, 7), Value: "no", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "X11Forwarding", Value: "yes", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "PrintMotd", Value: "no", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "AcceptEnv", Gone: V(10, 0), Value: "LANG LC_*", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "AcceptEnv", Since: V(10, 0), Value: "LANG LC_* COLORTERM NO_COLOR", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "Subsystem", Value: "sftp /usr/lib/openssh/sftp-server", Where: mainFile, Source: fromPackage},
	{Distro: "debian", Keyword: "IPQoS", Since: V(7, 8), Gone: V(10, 0), Value: "lowdelay throughput", Where: "sshd", Source: ran, patch: []string{"lowdelay", "throughput"}},
	{Distro: "debian", Keyword: "IPQoS", Since: V(10, 0), Gone: V(10, 1), Value: "ef cs1", Where: "sshd", Source: ran, patch: []string{"ef", "cs1"}},
	{Distro: "debian", Keyword: "SshdSessionPath", Since: V(9, 8), Value: "/usr/lib/openssh/sshd-session", Where: "sshd", Source: ran, patch: []string{"/usr/lib/openssh/sshd-session"}},
	{Distro: "debian", Keyword: "SshdAuthPath", Since: V(10, 0), Value: "/usr/lib/openssh/sshd-auth", Where: "sshd", Source: ran, patch: []string{"/usr/lib/openssh/sshd-auth"}},
	{Distro: "debian", Keyword: "StrictModes", Value: "group write is tolerated where the group has no other member", Where: "sshd", Source: ran},

	{Distro: "ubuntu", Keyword: "Include", Since: V(8, 2), Value: "/etc/ssh/sshd_config.d/*.conf, above all other lines", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "PasswordAuthentication", Since: V(8, 2), Value: "yes or no, as the image was told", Where: "/etc/ssh/sshd_config.d/50-cloud-init.conf", Source: fromHost},
	{Distro: "ubuntu", Keyword: "UsePAM", Value: "yes", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "ChallengeResponseAuthentication", Gone: V(8, 7), Value: "no", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "KbdInteractiveAuthentication", Since: V(8, 7), Value: "no", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "X11Forwarding", Value: "yes", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "PrintMotd", Value: "no", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "AcceptEnv", Value: "LANG LC_*", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "Subsystem", Value: "sftp /usr/lib/openssh/sftp-server", Where: mainFile, Source: fromPackage},
	{Distro: "ubuntu", Keyword: "IPQoS", Since: V(7, 8), Gone: V(10, 0), Value: "lowdelay throughput", Where: "sshd", Source: fromSpec, patch: []string{"lowdelay", "throughput"}},
	{Distro: "ubuntu", Keyword: "StrictModes", Value: "group write is tolerated where the group has no other member", Where: "sshd", Source: fromSpec},

	{Distro: "fedora", Keyword: "Include", Since: V(8, 2), Value: "/etc/ssh/sshd_config.d/*.conf, above all other lines", Where: mainFile, Source: fromHost},
	{Distro: "rhel", Keyword: "Include", Since: V(8, 7), Value: "/etc/ssh/sshd_config.d/*.conf, above all other lines", Where: mainFile, Source: fromHost},
	{Distro: "fedora rhel", Keyword: "UsePAM", Since: V(8, 7), Value: "yes", Where: redhat, Source: fromHost},
	{Distro: "fedora rhel", Keyword: "UsePAM", Gone: V(8, 7), Value: "yes", Where: mainFile, Source: fromHost},
	{Distro: "fedora rhel", Keyword: "KbdInteractiveAuthentication", Since: V(8, 7), Value: "no, under its old name", Where: redhat, Source: fromHost},
	{Distro: "fedora rhel", Keyword: "GSSAPIAuthentication", Value: "yes", Where: redhat + " (before: " + mainFile + ")", Source: fromHost},
	{Distro: "fedora rhel", Keyword: "GSSAPICleanupCredentials", Value: "no", Where: redhat + " (before: " + mainFile + ")", Source: fromHost},
	{Distro: "fedora rhel", Keyword: "SyslogFacility", Value: "AUTHPRIV", Where: redhat + " (before: " + mainFile + ")", Source: fromHost},
	{Distro: "fedora rhel", Keyword: "X11Forwarding", Value: "yes", Where: redhat + " (before: " + mainFile + ")", Source: fromHost},
	{Distro: "fedora rhel", Keyword: "PrintMotd", Since: V(8, 7), Value: "no", Where: redhat, Source: fromHost},
	{Distro: "fedora rhel", Keyword: "PermitRootLogin", Since: V(8, 7), Value: "yes, where the installer was told so", Where: "/etc/ssh/sshd_config.d/01-permitrootlogin.conf", Source: unread},
	{Distro: "fedora rhel", Keyword: "Ciphers", Since: V(8, 7), Value: "the system's crypto policy", Where: policyEnd, Source: fromPolicy},
	{Distro: "fedora rhel", Keyword: "MACs", Since: V(8, 7), Value: "the system's crypto policy", Where: policyEnd, Source: fromPolicy},
	{Distro: "fedora rhel", Keyword: "KexAlgorithms", Since: V(8, 7), Value: "the system's crypto policy", Where: policyEnd, Source: fromPolicy},
	{Distro: "fedora rhel", Keyword: "GSSAPIKexAlgorithms", Since: V(8, 7), Value: "the system's crypto policy", Where: policyEnd, Source: fromPolicy},
	{Distro: "fedora rhel", Keyword: "HostKeyAlgorithms", Since: V(8, 7), Value: "the system's crypto policy", Where: policyEnd, Source: fromPolicy},
	{Distro: "fedora rhel", Keyword: "PubkeyAcceptedAlgorithms", Since: V(8, 7), Value: "the system's crypto policy", Where: policyEnd, Source: fromPolicy},
	{Distro: "fedora rhel", Keyword: "CASignatureAlgorithms", Since: V(8, 7), Value: "the system's crypto policy", Where: policyEnd, Source: fromPolicy},
	{Distro: "fedora rhel", Keyword: "RequiredRSASize", Since: V(9, 1), Value: "the system's crypto policy", Where: policyEnd, Source: unread},
	{Distro: "rhel", Keyword: "Ciphers", Since: V(8, 0), Gone: V(8, 7), Value: "the system's crypto policy, as -o on the daemon's command line: no file overrides it", Where: "sshd.service", Source: fromPolicy},
	{Distro: "rhel", Keyword: "MACs", Since: V(8, 0), Gone: V(8, 7), Value: "as Ciphers", Where: "sshd.service", Source: fromPolicy},
	{Distro: "rhel", Keyword: "KexAlgorithms", Since: V(8, 0), Gone: V(8, 7), Value: "as Ciphers", Where: "sshd.service", Source: fromPolicy},
	{Distro: "rhel", Keyword: "HostKeyAlgorithms", Since: V(8, 0), Gone: V(8, 7), Value: "as Ciphers", Where: "sshd.service", Source: fromPolicy},
	{Distro: "rhel", Keyword: "PubkeyAcceptedKeyTypes", Since: V(8, 0), Gone: V(8, 7), Value: "as Ciphers", Where: "sshd.service", Source: fromPolicy},

	{Distro: "suse", Keyword: "Include", Since: V(8, 4), Value: "/etc/ssh/sshd_config.d/*.conf, then /usr/etc/ssh/sshd_config.d/*.conf; a file /etc/ssh/sshd_config replaces the vendor's wholly", Where: "/usr/etc/ssh/sshd_config", Source: unread},
	{Distro: "suse", Keyword: "UsePAM", Value: "yes", Where: "sshd", Source: fromSpec, patch: []string{"yes"}},
	{Distro: "suse", Keyword: "PermitRootLogin", Gone: V(8, 4), Value: "yes", Where: "sshd", Source: fromSpec, patch: []string{"yes"}},
	{Distro: "suse", Keyword: "AcceptEnv", Value: "the locale's variables", Where: "/usr/etc/ssh/sshd_config", Source: unread},

	{Distro: "alpine", Keyword: "UsePAM", Value: "compiled in only in openssh-server-pam", Where: "sshd", Source: fromSpec},
	{Distro: "alpine", Keyword: "Include", Value: "/etc/ssh/sshd_config.d/*.conf, above all other lines", Where: mainFile, Source: unread},
	{Distro: "alpine", Keyword: "AuthorizedKeysFile", Value: ".ssh/authorized_keys", Where: mainFile, Source: unread},

	{Distro: "arch", Keyword: "Include", Value: "/etc/ssh/sshd_config.d/*.conf, above all other lines", Where: mainFile, Source: fromHost},
	{Distro: "arch", Keyword: "UsePAM", Value: "yes", Where: "/etc/ssh/sshd_config.d/99-archlinux.conf", Source: fromPackage},
	{Distro: "arch", Keyword: "KbdInteractiveAuthentication", Value: "no", Where: "/etc/ssh/sshd_config.d/99-archlinux.conf", Source: fromPackage},
	{Distro: "arch", Keyword: "PrintMotd", Value: "no", Where: "/etc/ssh/sshd_config.d/99-archlinux.conf", Source: fromPackage},
}

// patchedDefault is the default that a distribution compiled in; nil: upstream's.
func (r *row) patchedDefault(rel release) []string {
	if rel.family == "" {
		return nil
	}
	for i := range shipped {
		s := &shipped[i]
		if s.patch != nil && s.Distro == rel.family && s.Keyword == r.name && rel.v.Known() && s.in(rel.v) {
			return s.patch
		}
	}
	return nil
}

func (s *Shipped) in(v Version) bool { return v.atLeast(s.Since) && !v.outlives(s.Gone) }

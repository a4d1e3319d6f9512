package sshd

import "strings"

// A kind is the form of a keyword's arguments.
type kind uint8

const (
	kindFlag          kind = iota // yes or no, any case
	kindEnum                      // one of enum, any case
	kindInt                       // 0 to 2^31-1
	kindTime                      // convtime (misc.c): 90, 1m30s
	kindTimeOrNone                // the same, or none
	kindWord                      // one word
	kindPath                      // one path; relative ones become absolute, ~ expands
	kindPathTilde                 // one path, only ~ expands
	kindPaths                     // several paths (RevokedKeys since 10.3; before: one)
	kindKeyFiles                  // AuthorizedKeysFile: several, only ~ expands
	kindRaw                       // the rest of the line as it stands
	kindCommand                   // the same, an absolute path or none
	kindUsers                     // user[@host] patterns
	kindGroups                    // group patterns
	kindEnvNames                  // AcceptEnv
	kindEnvSet                    // SetEnv
	kindPort                      // 1 to 65535 or a service's name
	kindListen                    // ListenAddress
	kindAlgorithms                // a comma list with +, - or ^
	kindGSSKex                    // GSSAPIKexAlgorithms, a patch of distributions
	kindSubsystem                 // name and command
	kindMaxStartups               // begin:rate:full
	kindNetBlock                  // bits:bits
	kindIntOrNone                 // PerSourceMaxStartups
	kindPenalties                 // PerSourcePenalties
	kindLogVerbose                // several words, none alone
	kindPermit                    // PermitOpen, PermitListen
	kindAuthMethods               // AuthenticationMethods
	kindMask                      // octal
	kindDigest                    // FingerprintHash
	kindQoS                       // IPQoS
	kindRekey                     // RekeyLimit
	kindPubkeyOptions             // PubkeyAuthOptions
	kindTunnel                    // PermitTunnel, exact case
	kindUserEnv                   // PermitUserEnvironment: yes, no or a pattern list, exact case
	kindChannels                  // ChannelTimeout
	kindRDomain                   // RDomain
	kindMatch                     // Match
	kindInclude                   // Include
	kindAgentSocket               // AgentSocketPath: user:PATH or none
	kindIgnored                   // anything; the keyword does nothing
)

// repeat says which of several lines counts. sshd_config(5): "the first
// obtained value will be used"; the exceptions are from servconf.c.
type repeat uint8

const (
	firstWins repeat = iota
	lastWins
	appends
	bySubsystem // by the subsystem's name
)

// fate is what a release does with a keyword that it does not act on.
type fate uint8

const (
	acted       fate = iota
	silent           // ignored without a word
	deprecated       // "Deprecated option", goes on
	unsupported      // "Unsupported option", goes on
)

// row is one line of the keyword table. A keyword whose meaning changed has a
// row for each meaning; the ranges [since, gone) of its rows do not overlap.
type row struct {
	name  string // as sshd_config(5) spells it
	kind  kind
	since Version // first release that has this row; zero: from the beginning
	gone  Version // first release that has it no more; zero: still there
	// match is the first release that allows it in a Match block; neverMatch
	// where none does. The zero Version means always.
	match  Version
	banned Version // a single release that forbids it in Match all the same
	wins   repeat
	first  Version  // first release in which the first value wins, where wins is something else before it
	enum   []string // kindEnum: spellings, then "=" and what sshd -T prints where that differs
	def    []defrow // defaults, oldest first
	alias  string   // another name for that keyword's slot
	fate   fate     //
	vendor string   // distributions that patch it in; "" upstream
	algs   algClass // kindAlgorithms
	noCopy bool     // accepted in Match, but not carried over to the login
	copyAt Version  // first release that carries it over, where noCopy
}

// defrow is a default from a release on.
type defrow struct {
	since Version
	args  []string
}

var neverMatch = Version{99, 0}

// always is a default that never changed.
func always(args ...string) []defrow { return []defrow{{args: args}} }

var (
	enumTCP      = []string{"yes", "all=yes", "no", "remote", "local"}
	enumLogLevel = []string{"SILENT", "QUIET=SILENT", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1=DEBUG", "DEBUG2", "DEBUG3"}
	enumFacility = []string{"DAEMON", "USER", "AUTH", "AUTHPRIV", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7"}
	yes, no      = always("yes"), always("no")
	none         = always("none")
)

// rows is everything that this package knows about keywords: servconf.c of the
// releases 7.4 to 10.5 and the patches of the distributions named.
var rows = []row{
	{name: "AcceptEnv", kind: kindEnvNames, wins: appends},
	{name: "AddressFamily", kind: kindEnum, enum: []string{"any", "inet", "inet6"}, match: neverMatch, def: always("any")},
	{name: "AgentSocketPath", kind: kindAgentSocket, since: V(10, 6), def: always("user:.ssh/agent")},
	{name: "AllowAgentForwarding", kind: kindFlag, def: yes},
	{name: "AllowGroups", kind: kindGroups, wins: appends},
	{name: "AllowStreamLocalForwarding", kind: kindEnum, enum: enumTCP, since: V(6, 7), def: yes},
	{name: "AllowTcpForwarding", kind: kindEnum, enum: enumTCP, def: yes},
	{name: "AllowUsers", kind: kindUsers, wins: appends},
	{name: "AuthenticationMethods", kind: kindAuthMethods, since: V(6, 2), def: always("any")},
	{name: "AuthorizedKeysCommand", kind: kindCommand, since: V(6, 2), def: none},
	{name: "AuthorizedKeysCommandUser", kind: kindWord, since: V(6, 2), def: none},
	{name: "AuthorizedKeysFile", kind: kindKeyFiles, def: always(".ssh/authorized_keys", ".ssh/authorized_keys2")},
	{name: "AuthorizedPrincipalsCommand", kind: kindCommand, since: V(6, 9), def: none},
	{name: "AuthorizedPrincipalsCommandUser", kind: kindWord, since: V(6, 9), def: none},
	{name: "AuthorizedPrincipalsFile", kind: kindPathTilde, since: V(5, 6), def: none},
	{name: "Banner", kind: kindPath, def: none},
	{name: "CASignatureAlgorithms", kind: kindAlgorithms, algs: algSig, since: V(7, 9)},
	{name: "ChallengeResponseAuthentication", kind: kindFlag, gone: V(8, 7), match: neverMatch, def: yes},
	{name: "ChallengeResponseAuthentication", since: V(8, 7), alias: "KbdInteractiveAuthentication"},
	{name: "ChannelTimeout", kind: kindChannels, since: V(9, 2), def: none},
	{name: "ChrootDirectory", kind: kindWord, def: none},
	{name: "Ciphers", kind: kindAlgorithms, algs: algCipher, match: neverMatch},
	{name: "ClientAliveCountMax", kind: kindInt, match: V(7, 4), def: always("3")},
	{name: "ClientAliveInterval", kind: kindTime, match: V(7, 4), def: always("0")},
	{name: "Compression", kind: kindEnum, enum: []string{"yes", "delayed=yes", "no"}, match: neverMatch, def: yes},
	{name: "DenyGroups", kind: kindGroups, wins: appends},
	{name: "DenyUsers", kind: kindUsers, wins: appends},
	{name: "DisableForwarding", kind: kindFlag, since: V(7, 4), def: no},
	{name: "ExposeAuthInfo", kind: kindFlag, since: V(7, 6), def: no},
	{name: "FingerprintHash", kind: kindDigest, since: V(6, 8), match: neverMatch, wins: lastWins, def: always("SHA256")},
	{name: "ForceCommand", kind: kindRaw, def: none},
	{name: "GatewayPorts", kind: kindEnum, enum: []string{"clientspecified", "yes", "no"}, def: no},
	{name: "GSSAPIAuthentication", kind: kindFlag, def: no},
	{name: "GSSAPICleanupCredentials", kind: kindFlag, match: neverMatch, def: yes},
	{name: "GSSAPICleanupCreds", match: neverMatch, alias: "GSSAPICleanupCredentials", vendor: "debian ubuntu fedora rhel"},
	{name: "GSSAPIDelegateCredentials", kind: kindFlag, since: V(10, 3), match: neverMatch},
	{name: "GSSAPIEnablek5users", kind: kindFlag, match: neverMatch, def: no, vendor: "fedora rhel"},
	{name: "GSSAPIKexAlgorithms", kind: kindGSSKex, match: neverMatch, vendor: "debian ubuntu fedora rhel",
		def: always("gss-group14-sha256-,gss-group16-sha512-,gss-nistp256-sha256-,gss-curve25519-sha256-,gss-group14-sha1-,gss-gex-sha1-")},
	{name: "GSSAPIKeyExchange", kind: kindFlag, match: neverMatch, def: no, vendor: "debian ubuntu fedora rhel"},
	{name: "GSSAPIStoreCredentialsOnRekey", kind: kindFlag, match: neverMatch, def: no, vendor: "debian ubuntu fedora rhel"},
	{name: "GSSAPIStrictAcceptorCheck", kind: kindFlag, since: V(6, 9), match: neverMatch, def: yes},
	{name: "GSSAPIUseSessionCredCache", kind: kindIgnored, match: neverMatch, fate: unsupported, vendor: "debian ubuntu fedora rhel"},
	{name: "GSSUseSessionCCache", kind: kindIgnored, match: neverMatch, fate: unsupported, vendor: "debian ubuntu fedora rhel"},
	{name: "HostbasedAcceptedAlgorithms", kind: kindAlgorithms, algs: algKey, since: V(8, 5)},
	{name: "HostbasedAcceptedKeyTypes", kind: kindAlgorithms, algs: algKey, since: V(6, 8), gone: V(8, 5)},
	{name: "HostbasedAcceptedKeyTypes", since: V(8, 5), alias: "HostbasedAcceptedAlgorithms"},
	{name: "HostbasedAuthentication", kind: kindFlag, def: no},
	{name: "HostbasedUsesNameFromPacketOnly", kind: kindFlag, def: no},
	{name: "HostCertificate", kind: kindPath, since: V(5, 4), match: neverMatch, wins: appends},
	{name: "HostDSAKey", match: neverMatch, alias: "HostKey"},
	{name: "HostKey", kind: kindPath, match: neverMatch, wins: appends},
	{name: "HostKeyAgent", kind: kindPath, since: V(6, 3), match: neverMatch, def: none},
	{name: "HostKeyAlgorithms", kind: kindAlgorithms, algs: algKey, since: V(7, 0), match: neverMatch},
	{name: "IgnoreRhosts", kind: kindEnum, enum: []string{"yes", "no", "shosts-only"}, match: V(8, 3), def: yes},
	{name: "IgnoreUserKnownHosts", kind: kindFlag, match: neverMatch, def: no},
	{name: "Include", kind: kindInclude, since: V(8, 2)},
	{name: "IPQoS", kind: kindQoS, since: V(5, 7), wins: lastWins, first: V(10, 3), def: []defrow{
		{V(5, 7), []string{"lowdelay", "throughput"}}, {V(7, 8), []string{"af21", "cs1"}}, {V(10, 1), []string{"ef", "cs0"}}}},
	// Up to 8.6 it is off unless ChallengeResponseAuthentication, then a slot of its own, forces it on.
	{name: "KbdInteractiveAuthentication", kind: kindFlag, def: []defrow{{args: []string{"no"}}, {V(8, 7), []string{"yes"}}}},
	{name: "KerberosAuthentication", kind: kindFlag, def: no},
	{name: "KerberosGetAFSToken", kind: kindIgnored, match: neverMatch, fate: unsupported}, // no Linux distribution builds with AFS
	{name: "KerberosOrLocalPasswd", kind: kindFlag, match: neverMatch, def: yes},
	{name: "KerberosTicketCleanup", kind: kindFlag, match: neverMatch, def: yes},
	{name: "KexAlgorithms", kind: kindAlgorithms, algs: algKex, since: V(5, 7), match: neverMatch},
	{name: "KeepAlive", match: neverMatch, alias: "TCPKeepAlive"},
	{name: "ListenAddress", kind: kindListen, match: neverMatch, wins: appends},
	{name: "LoginGraceTime", kind: kindTime, match: neverMatch, def: always("120")},
	{name: "LogLevel", kind: kindEnum, enum: enumLogLevel, match: V(7, 6), def: always("INFO")},
	{name: "LogVerbose", kind: kindLogVerbose, since: V(8, 5)},
	{name: "MACs", kind: kindAlgorithms, algs: algMAC, match: neverMatch},
	{name: "Match", kind: kindMatch},
	{name: "MaxAuthTries", kind: kindInt, def: always("6")},
	{name: "MaxSessions", kind: kindInt, since: V(5, 1), def: always("10")},
	{name: "MaxStartups", kind: kindMaxStartups, match: neverMatch, wins: lastWins, first: V(10, 1), def: always("10:30:100")},
	{name: "ModuliFile", kind: kindPath, since: V(8, 6), match: neverMatch, def: always("/etc/ssh/moduli")},
	{name: "PAMServiceName", kind: kindWord, since: V(9, 8), banned: V(10, 4), def: always("sshd")},
	{name: "PasswordAuthentication", kind: kindFlag, def: yes},
	{name: "PermitEmptyPasswords", kind: kindFlag, match: V(5, 2), def: no},
	{name: "PermitListen", kind: kindPermit, since: V(7, 8), def: always("any")},
	{name: "PermitOpen", kind: kindPermit, def: always("any")},
	{name: "PermitRootLogin", kind: kindEnum, enum: []string{"yes", "no", "prohibit-password", "without-password=prohibit-password", "forced-commands-only"},
		def: []defrow{{args: []string{"yes"}}, {V(7, 0), []string{"prohibit-password"}}}},
	{name: "PermitTTY", kind: kindFlag, since: V(6, 5), def: yes},
	{name: "PermitTunnel", kind: kindTunnel, def: no},
	{name: "PermitUserEnvironment", kind: kindUserEnv, match: neverMatch, def: no},
	{name: "PermitUserRC", kind: kindFlag, since: V(6, 7), def: yes},
	{name: "PerSourceMaxStartups", kind: kindIntOrNone, since: V(8, 5), match: neverMatch, wins: lastWins, first: V(9, 5), def: none},
	{name: "PerSourceNetBlockSize", kind: kindNetBlock, since: V(8, 5), match: neverMatch, wins: lastWins, first: V(10, 1), def: always("32:128")},
	{name: "PerSourcePenalties", kind: kindPenalties, since: V(9, 8), match: neverMatch, def: []defrow{
		{V(9, 8), strings.Fields("crash:90 authfail:5 noauth:1 grace-exceeded:20 max:600 min:15 max-sources4:65536 max-sources6:65536 overflow:permissive overflow6:permissive")},
		{V(9, 9), strings.Fields("crash:90 authfail:5 noauth:1 grace-exceeded:10 refuseconnection:10 max:600 min:15 max-sources4:65536 max-sources6:65536 overflow:permissive overflow6:permissive")},
		{V(10, 3), strings.Fields("crash:90 authfail:5 noauth:1 invaliduser:5 grace-exceeded:10 refuseconnection:10 max:600 min:15 max-sources4:65536 max-sources6:65536 overflow:permissive overflow6:permissive")}}},
	{name: "PerSourcePenaltyExemptList", kind: kindWord, since: V(9, 8), match: neverMatch, def: none},
	{name: "PidFile", kind: kindPath, match: neverMatch, def: always("/run/sshd.pid")},
	{name: "Port", kind: kindPort, match: neverMatch, wins: appends, def: always("22")},
	{name: "PrintLastLog", kind: kindFlag, match: neverMatch, def: yes},
	{name: "PrintMotd", kind: kindFlag, match: neverMatch, def: yes},
	{name: "PubkeyAcceptedAlgorithms", kind: kindAlgorithms, algs: algKey, since: V(8, 5)},
	{name: "PubkeyAcceptedKeyTypes", kind: kindAlgorithms, algs: algKey, since: V(6, 8), gone: V(8, 5)},
	{name: "PubkeyAcceptedKeyTypes", since: V(8, 5), alias: "PubkeyAcceptedAlgorithms"},
	{name: "PubkeyAuthentication", kind: kindFlag, def: yes},
	{name: "PubkeyAuthOptions", kind: kindPubkeyOptions, since: V(8, 2), def: none},
	{name: "RDomain", kind: kindRDomain, since: V(7, 7), def: none},
	{name: "RefuseConnection", kind: kindFlag, since: V(9, 9), def: no},
	{name: "RekeyLimit", kind: kindRekey, since: V(6, 3), def: always("0", "0")},
	{name: "RequiredRSASize", kind: kindInt, since: V(9, 1), def: always("1024")},
	{name: "RevokedKeys", kind: kindPaths, since: V(5, 4), def: none},
	{name: "RSAMinSize", kind: kindInt, vendor: "fedora rhel", def: always("1024")},
	{name: "SecurityKeyProvider", kind: kindPath, since: V(8, 2), match: neverMatch, def: always("internal")},
	{name: "SetEnv", kind: kindEnvSet, since: V(7, 8), noCopy: true, copyAt: V(8, 5)},
	{name: "SshdAuthPath", kind: kindPath, since: V(10, 0), match: neverMatch},
	{name: "SshdSessionPath", kind: kindPath, since: V(9, 8), match: neverMatch},
	{name: "StreamLocalBindMask", kind: kindMask, since: V(6, 7), wins: lastWins, first: V(10, 6), def: always("0177")},
	{name: "StreamLocalBindUnlink", kind: kindFlag, since: V(6, 7), def: no},
	{name: "StrictModes", kind: kindFlag, match: neverMatch, def: yes},
	{name: "Subsystem", kind: kindSubsystem, match: V(9, 5), wins: bySubsystem},
	{name: "SyslogFacility", kind: kindEnum, enum: enumFacility, match: neverMatch, def: always("AUTH")},
	{name: "TCPKeepAlive", kind: kindFlag, match: neverMatch, def: yes},
	{name: "TrustedUserCAKeys", kind: kindPath, since: V(5, 4), def: none},
	{name: "UnusedConnectionTimeout", kind: kindTimeOrNone, since: V(9, 2), def: none},
	{name: "UseDNS", kind: kindFlag, match: neverMatch, def: []defrow{{args: []string{"yes"}}, {V(6, 8), []string{"no"}}}},
	{name: "UsePAM", kind: kindFlag, match: neverMatch, def: no},
	{name: "VersionAddendum", kind: kindRaw, since: V(6, 1), match: neverMatch, def: none},
	{name: "WarnWeakCrypto", kind: kindFlag, since: V(10, 6), match: neverMatch, def: yes},
	{name: "X11DisplayOffset", kind: kindInt, def: always("10")},
	{name: "X11Forwarding", kind: kindFlag, def: no},
	{name: "X11UseLocalhost", kind: kindFlag, def: yes},
	{name: "XAuthLocation", kind: kindPath, match: neverMatch, def: always("/usr/bin/xauth")},
	{name: "DebianBanner", kind: kindFlag, match: neverMatch, def: yes, vendor: "debian ubuntu"},

	{name: "DSAAuthentication", match: neverMatch, alias: "PubkeyAuthentication"},
	{name: "SkeyAuthentication", gone: V(7, 8), match: neverMatch, alias: "ChallengeResponseAuthentication"},
	{name: "SkeyAuthentication", kind: kindIgnored, since: V(7, 8), gone: V(8, 7), match: neverMatch, fate: deprecated},
	{name: "SkeyAuthentication", since: V(8, 7), alias: "KbdInteractiveAuthentication"},

	{name: "Protocol", kind: kindIgnored, since: V(7, 4), match: neverMatch, fate: silent},
	{name: "Protocol", kind: kindWord, gone: V(7, 4), match: neverMatch, def: always("2")},
	{name: "KeyRegenerationInterval", kind: kindTime, gone: V(7, 4), match: neverMatch},
	{name: "KeyRegenerationInterval", kind: kindIgnored, since: V(7, 4), match: neverMatch, fate: deprecated},
	{name: "RSAAuthentication", kind: kindFlag, gone: V(7, 4)},
	{name: "RSAAuthentication", kind: kindIgnored, since: V(7, 4), fate: deprecated},
	{name: "RhostsRSAAuthentication", kind: kindFlag, gone: V(7, 4)},
	{name: "RhostsRSAAuthentication", kind: kindIgnored, since: V(7, 4), fate: deprecated},
	{name: "ServerKeyBits", kind: kindInt, gone: V(7, 4), match: neverMatch},
	{name: "ServerKeyBits", kind: kindIgnored, since: V(7, 4), match: neverMatch, fate: deprecated},
	{name: "UseLogin", kind: kindFlag, gone: V(7, 4), match: neverMatch},
	{name: "UseLogin", kind: kindIgnored, since: V(7, 4), match: neverMatch, fate: deprecated},
	{name: "UsePrivilegeSeparation", kind: kindWord, gone: V(7, 5), match: neverMatch},
	{name: "UsePrivilegeSeparation", kind: kindIgnored, since: V(7, 5), match: neverMatch, fate: deprecated},
	{name: "AuthorizedKeysFile2", kind: kindIgnored, fate: deprecated},
	{name: "CheckMail", kind: kindIgnored, match: neverMatch, fate: deprecated},
	{name: "PAMAuthenticationViaKbdInt", kind: kindIgnored, gone: V(10, 4), match: neverMatch, fate: deprecated},
	{name: "ReverseMappingCheck", kind: kindIgnored, match: neverMatch, fate: deprecated},
	{name: "RhostsAuthentication", kind: kindIgnored, match: neverMatch, fate: deprecated},
	{name: "VerifyReverseMapping", kind: kindIgnored, match: neverMatch, fate: deprecated},
	{name: "AFSTokenPassing", kind: kindIgnored, match: neverMatch, gone: V(10, 4), fate: unsupported},
	{name: "AFSTokenPassing", kind: kindIgnored, match: neverMatch, since: V(10, 4), fate: deprecated},
	{name: "KerberosTgtPassing", kind: kindIgnored, match: neverMatch, gone: V(10, 4), fate: unsupported},
	{name: "KerberosTgtPassing", kind: kindIgnored, match: neverMatch, since: V(10, 4), fate: deprecated},
}

// index maps lower-case names to their rows, in the table's order.
var index = func() map[string][]int {
	m := make(map[string][]int, len(rows))
	for i := range rows {
		n := strings.ToLower(rows[i].name)
		m[n] = append(m[n], i)
	}
	return m
}()

// in reports whether the row holds in that release.
func (r *row) in(v Version) bool { return v.atLeast(r.since) && !v.outlives(r.gone) }

// lookup finds the row of a keyword in a release on a distribution. slot is the
// row whose value it sets: its own, or that of the keyword it is an alias of.
// newer is the first release that has the keyword, where this one does not yet.
func lookup(name string, v Version, distro string) (self, slot int, newer Version, ok bool) {
	candidates := index[strings.ToLower(name)]
	for _, i := range candidates {
		r := &rows[i]
		if !r.in(v) || !r.vendorIn(distro) || r.vendor != "" && !r.builtIn(newRelease(v, distro)) {
			continue
		}
		if r.alias == "" {
			return i, i, Version{}, true
		}
		for _, j := range index[strings.ToLower(r.alias)] {
			if rows[j].in(v) && rows[j].alias == "" {
				return i, j, Version{}, true
			}
		}
	}
	for _, i := range candidates {
		if rows[i].vendorIn(distro) && !v.atLeast(rows[i].since) {
			return 0, 0, rows[i].since, false
		}
	}
	return 0, 0, Version{}, false
}

// release is a version as one family of distributions builds it.
type release struct {
	v      Version
	family string
}

func newRelease(v Version, distro string) release {
	if f, ok := families[distro]; ok {
		distro = f
	}
	return release{v, distro}
}

// families maps os-release's ID to the name that the vendor column uses.
var families = map[string]string{
	"centos": "rhel", "almalinux": "rhel", "rocky": "rhel", "ol": "rhel", "amzn": "rhel", "redhat": "rhel",
	"suse": "suse", "sles": "suse", "sled": "suse", "opensuse-leap": "suse", "opensuse-tumbleweed": "suse", "opensuse": "suse",
	"archarm": "arch", "manjaro": "arch", "postmarketos": "alpine",
	"raspbian": "debian", "kali": "debian", "linuxmint": "ubuntu", "pop": "ubuntu",
}

// vendorIn reports whether that distribution has the keyword. An unknown
// distribution has them all: a wrong "sshd will not start" would be worse.
func (r *row) vendorIn(distro string) bool {
	if r.vendor == "" || distro == "" {
		return true
	}
	if f, ok := families[distro]; ok {
		distro = f
	}
	for v := range strings.FieldsSeq(r.vendor) {
		if v == distro {
			return true
		}
	}
	return false
}

// inMatch reports whether the release allows the keyword in a Match block.
func (r *row) inMatch(v Version) bool {
	return r.match != neverMatch && v.atLeast(r.match) && (r.banned == Version{} || v != r.banned)
}

// carried reports whether a value set in a Match block reaches the login.
func (r *row) carried(v Version) bool {
	if r.noCopy {
		return v.outlives(r.copyAt)
	}
	return r.match != neverMatch && v.atLeast(r.match)
}

// order is the rule for repeated lines in that release.
func (r *row) order(v Version) repeat {
	if v.outlives(r.first) {
		return firstWins
	}
	return r.wins
}

// defaultArgs is the default in that release; nil where there is none.
func (r *row) defaultArgs(rel release) []string {
	if r.kind == kindAlgorithms {
		return r.algs.defaults(rel)
	}
	if args := r.patchedDefault(rel); args != nil {
		return args
	}
	if r.name == "SshdSessionPath" || r.name == "SshdAuthPath" {
		dir := "/usr/libexec/"
		switch rel.family {
		case "debian", "ubuntu":
			dir = "/usr/lib/openssh/"
		case "fedora", "rhel":
			dir = "/usr/libexec/openssh/"
		case "alpine", "arch":
			dir = "/usr/lib/ssh/"
		}
		return []string{dir + map[string]string{"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}[r.name]}
	}
	var args []string
	for _, d := range r.def {
		if rel.v.atLeast(d.since) {
			args = d.args
		}
	}
	return args
}

package sshd

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// dumpOrder is the order in which sshd -T prints keywords (dump_config of
// servconf.c). It is one for all releases: each left out or added some, none was
// moved. Run on 8.4, 9.2, 10.0 and 10.6; the releases between by source.
var dumpOrder = []string{
	"Port", "AddressFamily", "ListenAddress", "UsePAM", "PAMServiceName", "LoginGraceTime", "X11DisplayOffset",
	"MaxAuthTries", "MaxSessions", "ClientAliveInterval", "ClientAliveCountMax", "RequiredRSASize", "RSAMinSize",
	"StreamLocalBindMask", "UnusedConnectionTimeout", "PermitRootLogin", "IgnoreRhosts", "IgnoreUserKnownHosts",
	"HostbasedAuthentication", "HostbasedUsesNameFromPacketOnly", "PubkeyAuthentication", "KerberosAuthentication",
	"KerberosOrLocalPasswd", "KerberosTicketCleanup", "GSSAPIAuthentication", "GSSAPICleanupCredentials",
	"GSSAPIDelegateCredentials", "GSSAPIEnablek5users", "GSSAPIKeyExchange", "GSSAPIStrictAcceptorCheck",
	"GSSAPIStoreCredentialsOnRekey", "GSSAPIKexAlgorithms", "PasswordAuthentication", "KbdInteractiveAuthentication",
	"ChallengeResponseAuthentication", "PrintMotd", "PrintLastLog", "X11Forwarding", "X11UseLocalhost", "PermitTTY",
	"PermitUserRC", "StrictModes", "TCPKeepAlive", "PermitEmptyPasswords", "Compression", "GatewayPorts", "UseDNS",
	"AllowTcpForwarding", "AllowAgentForwarding", "DisableForwarding", "AllowStreamLocalForwarding",
	"StreamLocalBindUnlink", "FingerprintHash", "ExposeAuthInfo", "WarnWeakCrypto", "RefuseConnection", "DebianBanner",
	"PidFile", "ModuliFile", "XAuthLocation", "Ciphers", "MACs", "Banner", "ForceCommand", "ChrootDirectory",
	"TrustedUserCAKeys", "RevokedKeys", "SecurityKeyProvider", "AuthorizedPrincipalsFile", "VersionAddendum",
	"AuthorizedKeysCommand", "AuthorizedKeysCommandUser", "AuthorizedPrincipalsCommand",
	"AuthorizedPrincipalsCommandUser", "HostKeyAgent", "KexAlgorithms", "CASignatureAlgorithms",
	"HostbasedAcceptedAlgorithms", "HostbasedAcceptedKeyTypes", "HostKeyAlgorithms", "PubkeyAcceptedAlgorithms",
	"PubkeyAcceptedKeyTypes", "SshdSessionPath", "SshdAuthPath", "PerSourcePenaltyExemptList", "AgentSocketPath",
	"LogLevel", "SyslogFacility", "AuthorizedKeysFile", "HostKey", "HostCertificate", "AllowUsers", "DenyUsers",
	"AllowGroups", "DenyGroups", "AcceptEnv", "SetEnv", "AuthenticationMethods", "LogVerbose", "ChannelTimeout",
	"Subsystem", "MaxStartups", "PerSourceMaxStartups", "PerSourceNetBlockSize", "PermitTunnel", "IPQoS", "RekeyLimit",
	"PermitOpen", "PermitListen", "PermitUserEnvironment", "PubkeyAuthOptions", "PerSourcePenalties",
}

// Dumped is one keyword as sshd -T prints it.
type Dumped struct {
	Keyword string   // as sshd_config(5) spells it
	Printed string   // as that release prints it
	Lines   []string // the values, one a line; a line without value is ""
	Unknown string   // why the value is not certain; then Lines is nil
}

// Dump is what sshd -T (with -C for a login) of that release prints, in its order
// and spelling. Keywords of which it prints nothing are left out.
func (s *Settings) Dump() []Dumped {
	out := make([]Dumped, 0, len(dumpOrder))
	v := s.cfg.opt.Version
	order := dumpOrder
	if !v.Before(10, 3) { // since it takes several files it stands with the lists
		order = slices.DeleteFunc(slices.Clone(order), func(n string) bool { return n == "RevokedKeys" })
		at := slices.Index(order, "AuthorizedKeysFile") + 1
		order = slices.Insert(order, at, "RevokedKeys")
	}
	for _, name := range order {
		_, slot, _, ok := lookup(name, v, s.cfg.opt.Distro)
		if !ok || rows[slot].name != name || rows[slot].fate != acted || !rows[slot].builtIn(s.cfg.env.rel) {
			continue
		}
		if name == "DebianBanner" && v.Before(10, 0) { // accepted before, and not printed (8.4, 9.2)
			continue
		}
		d := Dumped{Keyword: name, Printed: strings.ToLower(name)}
		if !v.Before(10, 5) { // the new parser prints the table's own spelling
			d.Printed = name
			if name == "MACs" {
				d.Printed = "Macs"
			}
		}
		if d.Unknown = s.Get(name).Unknown; d.Unknown == "" {
			if d.Lines = s.dumped(slot); len(d.Lines) == 0 {
				if name != "ListenAddress" {
					continue
				}
				d.Unknown = "a name would have to be resolved on the host"
			}
		}
		out = append(out, d)
	}
	return out
}

// Text is [Settings.Dump] as sshd -T writes it. A value that is not certain is a
// comment that says why.
func (s *Settings) Text() []byte {
	var b bytes.Buffer
	for _, d := range s.Dump() {
		if d.Unknown != "" {
			b.WriteString("# " + d.Printed + " is not known: " + d.Unknown + "\n")
		}
		for _, l := range d.Lines {
			b.WriteString(d.Printed + " " + l + "\n")
		}
	}
	return b.Bytes()
}

// dumped is the lines of one row.
func (s *Settings) dumped(slot int) []string {
	r, rel := &rows[slot], s.cfg.env.rel
	v := s.vals[slot]
	if r.name == "ListenAddress" {
		return s.listeners()
	}
	if v == nil {
		v = &Value{}
	}
	args := v.Args
	global := v.Origin.Match == ""
	if len(args) == 1 && args[0] == "none" && s.clears(r) && global {
		if r.kind == kindKeyFiles || r.kind == kindPaths || r.kind == kindChannels && rel.v.Before(9, 3) {
			return nil
		}
	} else if v.printed != nil && r.name != "ChrootDirectory" && !(r.kind == kindPathTilde && !rel.v.Before(10, 5)) {
		args = v.printed
	}
	if r.name == "KbdInteractiveAuthentication" {
		args = s.Get(r.name).Args // up to 8.6 another keyword may force it on
	}
	joined := strings.Join(args, " ")
	switch {
	case r.kind == kindAlgorithms:
		// -T assembles the lists twice, so one that "-" emptied shows as the
		// default, while the daemon offers nothing.
		return []string{strings.Join(s.algorithms(slot, false), ",")}
	case r.name == "HostKey" && len(args) == 0 && v.Unknown == "":
		return defaultHostKeys(rel)
	case r.wins == appends || r.kind == kindSubsystem || r.kind == kindEnvSet:
		return args
	case args == nil:
		return nil
	}
	switch r.kind {
	case kindTimeOrNone:
		if joined == "0" {
			joined = "none"
		}
	case kindPenalties:
		return []string{dumpPenalties(args, rel.v)}
	case kindPubkeyOptions:
		if !rel.v.Before(10, 6) && v.Origin.Kind == FromDefault {
			joined += " max-pk-ok:6"
		}
	case kindFlag:
		if (r.name == "TCPKeepAlive" || r.name == "WarnWeakCrypto") && !rel.v.Before(10, 5) {
			joined = map[string]string{"yes": "true", "no": "false"}[joined]
		}
	case kindEnum:
		if r.name == "PermitRootLogin" && joined == "prohibit-password" && rel.v.Before(10, 5) {
			joined = "without-password"
		}
	}
	return []string{joined}
}

// defaultHostKeys are the keys that sshd looks for where no line names one. It
// prints them all, whether they are there or not.
func defaultHostKeys(rel release) []string {
	types := []string{"rsa", "ecdsa", "ed25519"}
	if !rel.v.Before(10, 6) {
		types = append(types, "mldsa44_ed25519")
	}
	for i, t := range types {
		types[i] = includeDir + "ssh_host_" + t + "_key"
	}
	return types
}

// clears reports whether sshd takes a global "None", in whatever case, for nothing
// and prints it so. In a block it is printed as it stands.
func (s *Settings) clears(r *row) bool {
	switch r.name {
	case "AuthorizedPrincipalsFile", "ChannelTimeout", "ChrootDirectory":
		return true
	case "AuthorizedKeysFile":
		return !s.cfg.opt.Version.Before(10, 5)
	case "RevokedKeys":
		return !s.cfg.opt.Version.Before(10, 3)
	}
	return false
}

// penaltyDefaults are the classes in the order of sshd -T with their values in
// seconds or counts (fill_default_server_options, 9.8 and later).
var penaltyDefaults = []struct {
	class, value string
	since        Version
}{
	{"crash", "90", V(9, 8)}, {"authfail", "5", V(9, 8)}, {"noauth", "1", V(9, 8)}, {"invaliduser", "5", V(10, 3)},
	{"grace-exceeded", "10", V(9, 8)}, {"refuseconnection", "10", V(9, 9)}, {"max", "600", V(9, 8)}, {"min", "15", V(9, 8)},
	{"max-sources4", "65536", V(9, 8)}, {"max-sources6", "65536", V(9, 8)}, {"overflow", "permissive", V(9, 8)}, {"overflow6", "permissive", V(9, 8)},
}

func dumpPenalties(args []string, v Version) string {
	set := map[string]string{}
	for _, a := range args {
		if a == "no" {
			return "no"
		}
		class, value, _ := strings.Cut(a, ":")
		set[class] = value
	}
	var out []string
	for _, d := range penaltyDefaults {
		if !v.atLeast(d.since) {
			continue
		}
		value := d.value
		if d.class == "grace-exceeded" && v.Before(9, 9) {
			value = "20"
		}
		if w, ok := set[d.class]; ok {
			value = w
		} else if d.class == "overflow6" && set["overflow"] != "" {
			value = set["overflow"]
		}
		if f, err := strconv.ParseFloat(value, 64); err == nil && !v.Before(10, 5) && !strings.HasPrefix(d.class, "max-") {
			value = strconv.FormatFloat(f, 'f', 6, 64)
		}
		out = append(out, d.class+":"+value)
	}
	return strings.Join(out, " ")
}

// builtIn reports whether the distribution's build has the keyword at all. Debian
// moved GSSAPI and Kerberos to a package of its own before 10.6; Alpine never
// built them (seen in Debian's 10.6, Alpine by its package's recipe).
func (r *row) builtIn(rel release) bool {
	if !strings.HasPrefix(r.name, "GSS") && !strings.HasPrefix(r.name, "Kerberos") {
		return true
	}
	return !(rel.family == "alpine" || rel.family == "debian" && !rel.v.Before(10, 5))
}

// LogForm is a message as sshd writes it to stderr: backslashes doubled, what is
// not printable ASCII in octal (log.c, strnvis with VIS_SAFE and VIS_OCTAL).
func LogForm(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f && s[i] != '\\'
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c >= ' ' && c < 0x7f, c == '\t', c == '\n', c == '\b', c == '\a', c == '\r':
			b.WriteByte(c)
		default:
			b.WriteString(`\` + string([]byte{'0' + c>>6, '0' + c>>3&7, '0' + c&7}))
		}
	}
	return b.String()
}

package facts

import (
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/vulns"
)

// holds answers whether the configuration has what a vulnerability needs, for
// any login, with a clause that says why and the lines.
func (b *builder) holds(n vulns.Need) (vulns.Answer, string, []Evidence) {
	switch n {
	case vulns.NeedClient:
		return vulns.Unknown, "whether this host's ssh is used against others is not known", nil
	case vulns.NeedTerrapin:
		if b.f.Wire.Seen && b.f.Unknown["wire.terrapin"] == "" {
			if b.f.Wire.Terrapin {
				return vulns.Yes, "the server does not offer strict key exchange", b.f.Origin["wire.terrapin"]
			}
			return vulns.No, "the wire shows no opening for it", nil
		}
	}
	if b.cfg == nil {
		return vulns.Unknown, "the configuration of the server is not known", nil
	}
	if r := b.f.Unknown["sshd"]; r != "" {
		return vulns.Unknown, r, nil
	}
	if n == vulns.NeedRestrictTunnel || n == vulns.NeedPrincipals {
		return b.keyOption(n)
	}
	doubt := ""
	for i := range b.held {
		s := b.held[i].s
		met, v, unsure := b.met(n, s)
		switch {
		case unsure != "":
			doubt = unsure
		case met:
			why := strings.TrimSpace(v.keyword + " " + strings.Join(v.Args, " "))
			if i > 0 && v.Origin.Match != "" {
				why += " for " + who(b.held[i].ctx)
			}
			return vulns.Yes, v.says, []Evidence{evidence(v.Origin, why)}
		}
	}
	if doubt != "" {
		return vulns.Unknown, doubt, nil
	}
	return vulns.No, unmet[n], nil
}

// unmet says why a vulnerability does not matter here.
var unmet = map[vulns.Need]string{
	vulns.NeedGrace:           "LoginGraceTime is 0, so no alarm ends a login",
	vulns.NeedTerrapin:        "no cipher that it needs is offered",
	vulns.NeedNoForwarding:    "nothing relies on DisableForwarding against X11 and agents",
	vulns.NeedNoForwardTunnel: "nothing relies on DisableForwarding against tunnels",
	vulns.NeedRestrictTunnel:  "PermitTunnel is no",
	vulns.NeedGSSKex:          "GSSAPIKeyExchange is off",
	vulns.NeedGSS:             "GSSAPIAuthentication is off",
	vulns.NeedGSSOrKbd:        "GSSAPIAuthentication and KbdInteractiveAuthentication are off",
	vulns.NeedKerberos:        "GSSAPIAuthentication and KerberosAuthentication are off",
	vulns.NeedSomeECDSA:       "no list names some ECDSA algorithms and leaves others out",
	vulns.NeedPrincipals:      "no cert-authority in authorized_keys has a list in principals=",
	vulns.NeedLongSFTP:        "internal-sftp has no more than nine arguments",
	vulns.NeedCompression:     "Compression is no",
	vulns.NeedSharedChannels:  "Compression is no",
	vulns.NeedNone:            "no option is set to none",
	vulns.NeedKeysCommand:     "no AuthorizedKeysCommand or AuthorizedPrincipalsCommand is set",
	vulns.NeedNoPrivSep:       "privilege separation is on",
	vulns.NeedPassword:        "PasswordAuthentication is off",
	vulns.NeedX11:             "X11Forwarding is off",
}

// wanted is the value that meets a need.
type wanted struct {
	sshd.Value
	keyword string
	says    string
}

// met reports whether one login's settings hold what a need asks for. unsure
// says why that is not known.
func (b *builder) met(n vulns.Need, s *sshd.Settings) (met bool, v wanted, unsure string) {
	// is reads one keyword: test says of its words whether they are the case.
	is := func(keyword, says string, test func(words []string) bool) bool {
		if !s.Known(keyword) {
			if n == vulns.NeedGSSKex || !b.cfg.Version().Known() {
				unsure = "whether this build has " + keyword + " is not known"
			}
			return false
		}
		got := s.Get(keyword)
		switch {
		case got.Unknown != "":
			unsure = got.Unknown
			return false
		case got.Args == nil && got.Origin.Kind == sshd.FromDefault && !slices.Contains(optional, keyword):
			unsure = "the default of " + keyword + " in this build is not known"
			return false
		case !test(got.Args):
			return false
		}
		v = wanted{got, keyword, says}
		return true
	}
	on := func(w []string) bool { return first(w) == "yes" }
	notNo := func(w []string) bool { return first(w) != "no" }
	set := func(w []string) bool { return first(w) != "" && first(w) != "none" }
	switch n {
	case vulns.NeedGrace:
		met = is("LoginGraceTime", "LoginGraceTime is not 0", func(w []string) bool { return first(w) != "0" })
	case vulns.NeedTerrapin:
		met, v = b.terrapinBySettings(s)
	case vulns.NeedNoForwarding:
		met = is("DisableForwarding", "", on) && (is("X11Forwarding", "DisableForwarding is relied upon against X11", on) ||
			is("AllowAgentForwarding", "DisableForwarding is relied upon against agents", on))
	case vulns.NeedNoForwardTunnel:
		met = is("DisableForwarding", "", on) && is("PermitTunnel", "DisableForwarding is relied upon against tunnels", notNo)
	case vulns.NeedGSSKex:
		met = is("GSSAPIKeyExchange", "GSSAPIKeyExchange is on", on)
	case vulns.NeedGSS:
		met = is("GSSAPIAuthentication", "GSSAPIAuthentication is on", on)
	case vulns.NeedGSSOrKbd:
		met = is("GSSAPIAuthentication", "GSSAPIAuthentication is on", on) ||
			is("KbdInteractiveAuthentication", "KbdInteractiveAuthentication is on", on)
	case vulns.NeedKerberos:
		met = is("GSSAPIAuthentication", "GSSAPIAuthentication is on", on) ||
			is("KerberosAuthentication", "KerberosAuthentication is on", on)
	case vulns.NeedSomeECDSA:
		met, v, unsure = b.someECDSA(s)
	case vulns.NeedLongSFTP:
		met = is("ForceCommand", "internal-sftp has more than nine arguments", longSFTP) ||
			is("Subsystem", "internal-sftp has more than nine arguments", longSFTP)
	case vulns.NeedCompression:
		met = is("Compression", "Compression is on", notNo)
	case vulns.NeedSharedChannels:
		if is("Compression", "", notNo) {
			unsure = "whether channels of one connection belong to different people is not known"
		}
	case vulns.NeedNone:
		for _, keyword := range noneIsLegal {
			if got := s.Get(keyword); got.Origin.Kind != sshd.FromDefault && first(got.Args) == "none" {
				unsure = keyword + " is none, and which options are misread is not told"
			}
		}
	case vulns.NeedKeysCommand:
		met = is("AuthorizedKeysCommand", "AuthorizedKeysCommand is set", set) ||
			is("AuthorizedPrincipalsCommand", "AuthorizedPrincipalsCommand is set", set)
	case vulns.NeedNoPrivSep:
		met = is("UsePrivilegeSeparation", "privilege separation is off", func(w []string) bool { return first(w) == "no" })
	case vulns.NeedPassword:
		met = is("PasswordAuthentication", "PasswordAuthentication is on", on)
	case vulns.NeedX11:
		met = is("X11Forwarding", "X11Forwarding is on", on)
	}
	if met {
		unsure = "" // one of two is enough
	}
	return met, v, unsure
}

// optional are keywords without a default: nothing is set.
var optional = []string{"ForceCommand", "Subsystem", "AuthorizedKeysCommand", "AuthorizedPrincipalsCommand", "UsePrivilegeSeparation"}

// noneIsLegal are the keywords that may be none (sshd_config(5), 10.5).
var noneIsLegal = []string{"AuthorizedKeysFile", "AuthorizedPrincipalsFile", "Banner", "ChrootDirectory", "ForceCommand",
	"HostKeyAgent", "IPQoS", "PermitListen", "PermitOpen", "PidFile", "RevokedKeys", "TrustedUserCAKeys", "VersionAddendum"}

func longSFTP(w []string) bool {
	// ForceCommand is one string, Subsystem a name and the words of a command.
	words := strings.Fields(strings.Join(w, " "))
	i := slices.Index(words, "internal-sftp")
	return i >= 0 && i <= 1 && len(words)-i-1 > 9
}

// terrapinBySettings asks the lists where nothing was seen on the wire.
func (b *builder) terrapinBySettings(s *sshd.Settings) (bool, wanted) {
	ciphers, macs := s.Algorithms("Ciphers"), s.Algorithms("MACs")
	cbc := slices.ContainsFunc(ciphers, func(c string) bool { return strings.HasSuffix(c, "-cbc") })
	etm := slices.ContainsFunc(macs, func(m string) bool { return strings.HasSuffix(m, "-etm@openssh.com") })
	if slices.Contains(ciphers, "chacha20-poly1305@openssh.com") || cbc && etm {
		return true, wanted{s.Get("Ciphers"), "Ciphers", "a cipher that it needs is offered"}
	}
	return false, wanted{}
}

// someECDSA looks for lists that name some ECDSA algorithms and not all.
func (b *builder) someECDSA(s *sshd.Settings) (met bool, v wanted, unsure string) {
	all := []string{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
	for _, keyword := range []string{"PubkeyAcceptedAlgorithms", "HostbasedAcceptedAlgorithms"} {
		if !s.Known(keyword) { // their names up to 8.4
			keyword = map[string]string{"PubkeyAcceptedAlgorithms": "PubkeyAcceptedKeyTypes", "HostbasedAcceptedAlgorithms": "HostbasedAcceptedKeyTypes"}[keyword]
		}
		got := s.Get(keyword)
		if got.Unknown != "" {
			unsure = got.Unknown
			continue
		}
		n := 0
		list := s.Algorithms(keyword)
		for _, name := range all {
			if slices.Contains(list, name) {
				n++
			}
		}
		if n > 0 && n < len(all) {
			return true, wanted{got, keyword, keyword + " names some ECDSA algorithms only"}, ""
		}
	}
	return false, v, unsure
}

// keyOption looks for lines of authorized_keys: restrict beside a tunnel that is
// open, or a list of principals of a certificate authority.
func (b *builder) keyOption(n vulns.Need) (vulns.Answer, string, []Evidence) {
	if n == vulns.NeedRestrictTunnel {
		open, doubt := false, ""
		for i := range b.held {
			v := b.held[i].s.Get("PermitTunnel")
			if v.Unknown != "" {
				doubt = v.Unknown
			}
			open = open || len(v.Args) > 0 && v.First() != "no"
		}
		switch {
		case doubt != "" && !open:
			return vulns.Unknown, doubt, nil
		case !open:
			return vulns.No, unmet[n], nil
		}
	}
	for i := range b.f.AuthorizedKeys {
		k := &b.f.AuthorizedKeys[i]
		for _, o := range k.Options {
			name, value, _ := strings.Cut(o, "=")
			switch {
			case n == vulns.NeedRestrictTunnel && strings.EqualFold(name, "restrict"):
				return vulns.Yes, "a key has restrict, and PermitTunnel is not no", k.Evidence
			case n == vulns.NeedPrincipals && strings.EqualFold(name, "principals") && strings.Contains(value, ","):
				return vulns.Yes, "a certificate authority has a list of principals", k.Evidence
			}
		}
	}
	if len(b.f.Gaps["authorized_keys"]) > 0 {
		return vulns.Unknown, "not all authorized keys were read", nil
	}
	if n == vulns.NeedRestrictTunnel {
		return vulns.No, "no key has restrict", nil
	}
	return vulns.No, unmet[n], nil
}

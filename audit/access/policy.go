package access

import (
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

// policy is what one set of settings says about logins, for whatever account.
type policy struct {
	*judge
	set  *sshd.Settings // one of those that are alike
	keys string         // fingerprint of what decides about keys

	password, kbd, pubkey, empty, hostbased, gssapi, kerberos term
	pam                                                       term // UsePAM
	refuse                                                    term // RefuseConnection
	root                                                      sshd.Value
	chains                                                    [][]string // nil: any single method
	chainsUnknown                                             string
	chainsFrom                                                Evidence
	service                                                   string // of PAM
	algs                                                      map[string]bool
	offered                                                   *Offer
	noTry                                                     []Evidence // the line that leaves no try at all
	keyFiles, keysFrom, cas, revokedKeys, chrootDir           sshd.Value
	sessionKey                                                string // fingerprint of what decides about sessions
	plainSession                                              bool   // which is the same for every account of one shell
	allowUsers, denyUsers, allowGroups, denyGroups            sshd.Value
}

// deciding are the keywords that take part in a judgement, those about keys first.
var deciding = []string{
	"AuthorizedKeysFile", "AuthorizedKeysCommand", "TrustedUserCAKeys", "AuthorizedPrincipalsFile", "AuthorizedPrincipalsCommand",
	"RevokedKeys", "PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes", "RequiredRSASize", "PermitRootLogin", "StrictModes",
	"PubkeyAuthOptions", "CASignatureAlgorithms",
	"PasswordAuthentication", "KbdInteractiveAuthentication", "ChallengeResponseAuthentication", "PubkeyAuthentication",
	"PermitEmptyPasswords", "HostbasedAuthentication", "GSSAPIAuthentication", "KerberosAuthentication", "UsePAM", "RefuseConnection",
	"AllowUsers", "DenyUsers", "AllowGroups", "DenyGroups", "AuthenticationMethods", "PAMServiceName", "ChrootDirectory",
	"IgnoreRhosts", "KerberosOrLocalPasswd",
}

// aboutKeys is how many of them decide about keys.
const aboutKeys = 13

// fingerprint is what the deciding keywords say, and from where: settings with
// one fingerprint get one answer. keys and session are the parts about these.
func fingerprint(set *sshd.Settings, detail bool) (whole, keys, session string) {
	b := make([]byte, 0, 1024)
	cut := 0
	for i, k := range deciding {
		if i == aboutKeys {
			cut = len(b)
		}
		b = appendValue(b, set.Get(k))
	}
	// MaxAuthTries decides only where it leaves no try at all.
	if v := set.Get("MaxAuthTries"); v.First() == "0" || v.Unknown != "" {
		b = appendValue(b, v)
	}
	end := len(b)
	if detail {
		for _, k := range aboutSessions {
			b = appendValue(b, set.Get(k))
		}
	}
	return string(b), string(b[:cut]), string(b[end:])
}

// appendValue writes what a keyword says, and from where.
func appendValue(b []byte, v sshd.Value) []byte {
	for _, a := range v.Args {
		b = append(append(b, a...), 0)
	}
	b = append(append(b, v.Unknown...), 1, byte(v.Origin.Kind))
	b = append(append(b, v.Origin.File...), 1)
	b = strconv.AppendInt(b, int64(v.Origin.Pos.Line), 10)
	return append(b, 2)
}

// policy works out the settings once.
func (j *judge) policy(set *sshd.Settings) *policy {
	if p := j.policies[set]; p != nil {
		return p
	}
	whole, keys, session := fingerprint(set, j.Detail)
	if p := j.alike[whole]; p != nil {
		j.policies[set] = p
		return p
	}
	p := &policy{judge: j, set: set, keys: keys, sessionKey: session}
	j.alike[whole] = p
	p.password = p.flag("PasswordAuthentication")
	p.kbd = p.kbdInteractive()
	p.pubkey = p.flag("PubkeyAuthentication")
	p.empty = p.flag("PermitEmptyPasswords")
	p.hostbased = p.flag("HostbasedAuthentication")
	p.gssapi = p.flag("GSSAPIAuthentication")
	p.kerberos = p.flag("KerberosAuthentication")
	p.pam = p.flag("UsePAM")
	p.refuse = p.flag("RefuseConnection")
	p.root = set.Get("PermitRootLogin")
	p.keyFiles, p.keysFrom = set.Get("AuthorizedKeysFile"), set.Get("AuthorizedKeysCommand")
	p.cas, p.revokedKeys = set.Get("TrustedUserCAKeys"), set.Get("RevokedKeys")
	p.chrootDir = set.Get("ChrootDirectory")
	p.plainSession = !strings.Contains(p.chrootDir.First(), "%")
	if v := set.Get("MaxAuthTries"); v.Unknown == "" && v.First() == "0" {
		p.noTry = []Evidence{evidence(p.Config, "MaxAuthTries", v)}
	}
	p.allowUsers, p.denyUsers = set.Get("AllowUsers"), set.Get("DenyUsers")
	p.allowGroups, p.denyGroups = set.Get("AllowGroups"), set.Get("DenyGroups")
	p.service = "sshd"
	if v := set.Get("PAMServiceName"); v.First() != "" {
		p.service = v.First()
	}
	m := set.Get("AuthenticationMethods")
	p.chainsUnknown = m.Unknown
	if len(m.Args) > 0 && m.First() != "any" {
		for _, c := range m.Args {
			p.chains = append(p.chains, strings.Split(c, ","))
		}
		p.chainsFrom = evidence(p.Config, "AuthenticationMethods", m)
	}
	j.policies[set] = p
	return p
}

// flag reads a yes/no keyword. One that the release does not have is a no.
func (p *policy) flag(keyword string) term {
	v := p.set.Get(keyword)
	ev := []Evidence{evidence(p.Config, keyword, v)}
	switch {
	case v.Unknown != "":
		return term{v: Unsure, why: keyword + " may be set in what could not be read: " + v.Unknown, ev: ev, settle: readFiles}
	case v.First() == "yes":
		return term{v: Yes, ev: ev}
	case v.Args == nil:
		return term{v: No, why: keyword + " is not known to this release"}
	}
	return term{v: No, why: keyword + " " + v.First(), ev: ev}
}

// kbdInteractive is the switch of keyboard-interactive. Up to 8.6 a second
// keyword, ChallengeResponseAuthentication, switches it on by itself (sshd.c).
func (p *policy) kbdInteractive() term {
	t := p.flag("KbdInteractiveAuthentication")
	if v := p.Config.Version(); v.Known() && v.Before(8, 7) {
		return some(p.flag("ChallengeResponseAuthentication"), t)
	}
	return t
}

// evidence is the line that sets a value, or that none does.
func evidence(c *sshd.Config, keyword string, v sshd.Value) Evidence {
	switch v.Origin.Kind {
	case sshd.FromFile:
		return Evidence{Path: v.Origin.File, Line: v.Origin.Pos.Line, Text: strings.TrimSpace(v.Origin.Text)}
	case sshd.FromCommandLine:
		return Evidence{Text: "sshd's command line: " + v.Origin.Text}
	}
	if v.Args == nil {
		return Evidence{Path: c.Main, Text: keyword + " is not set"}
	}
	return Evidence{Path: c.Main, Text: keyword + " is not set; the default is " + strings.Join(v.Args, " ")}
}

// gate is what the lists say to one account at one place; comparable, so that
// places can be grouped by it.
type gate struct {
	v       Verdict
	why     string
	keyword string // whose line decides
	arg     string // the word of it
}

// gate follows allowed_user (auth.c): DenyUsers, AllowUsers, DenyGroups,
// AllowGroups, each of which may refuse.
func (p *policy) gate(w *who, place int) gate {
	unsure := gate{v: Yes}
	note := func(v sshd.Value, keyword string) {
		if v.Unknown != "" && unsure.v == Yes {
			unsure = gate{v: Unsure, why: keyword + " may be set in what could not be read: " + v.Unknown, keyword: keyword}
		}
	}
	for _, pat := range p.denyUsers.Args {
		if w.fits(pat, place) {
			return gate{No, "DenyUsers " + pat, "DenyUsers", pat}
		}
	}
	note(p.denyUsers, "DenyUsers")
	if len(p.allowUsers.Args) > 0 {
		hit := false
		for _, pat := range p.allowUsers.Args {
			if hit = w.fits(pat, place); hit {
				break
			}
		}
		if !hit && p.allowUsers.Unknown == "" {
			return gate{No, "not in AllowUsers", "AllowUsers", ""}
		}
	}
	note(p.allowUsers, "AllowUsers")
	if len(p.denyGroups.Args)+len(p.allowGroups.Args) > 0 && len(w.Groups) == 0 {
		return gate{No, "in no group, while groups are listed", "AllowGroups", ""}
	}
	for _, pat := range p.denyGroups.Args {
		if sshd.MatchGroup(pat, w.Groups) {
			return gate{No, "DenyGroups " + pat, "DenyGroups", pat}
		}
	}
	note(p.denyGroups, "DenyGroups")
	if len(p.allowGroups.Args) > 0 {
		hit := false
		for _, pat := range p.allowGroups.Args {
			if hit = sshd.MatchGroup(pat, w.Groups); hit {
				break
			}
		}
		if !hit && p.allowGroups.Unknown == "" {
			return gate{No, "not in AllowGroups", "AllowGroups", ""}
		}
	}
	note(p.allowGroups, "AllowGroups")
	return unsure
}

// fits matches one word of AllowUsers or DenyUsers.
func (w *who) fits(pattern string, place int) bool {
	user, hosts, has := sshd.SplitUser(pattern)
	return sshd.MatchName(user, w.Name) && (!has || w.set.in(hosts, place))
}

// listTerm is a gate with the lines behind it.
func (p *policy) listTerm(g gate) term {
	t := term{v: g.v, why: g.why}
	if g.keyword == "" {
		return t
	}
	v := p.set.Get(g.keyword)
	o := v.Origin
	if g.arg != "" {
		// Which of several lines holds the word that decides?
		for _, m := range append([]sshd.Origin{v.Origin}, v.More...) {
			if strings.Contains(m.Text, g.arg) {
				o = m
				break
			}
		}
	}
	t.ev = []Evidence{evidence(p.Config, g.keyword, sshd.Value{Args: v.Args, Origin: o})}
	return t
}

// who is one account under judgement.
type who struct {
	*judge
	*account.Account
	keys  map[string]*doors // by the settings that decide about keys, and the from= mask
	auth  map[question]term // of PAM
	set   *placeSet
	lists []string // from= of its keys, sorted

	shells term                // of findShell, once asked
	named  map[string][]string // of keyFiles, by the settings that decide about keys
}

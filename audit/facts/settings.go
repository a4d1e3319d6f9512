package facts

import (
	"sort"
	"strconv"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/sshd"
)

// setting is a scalar fact that Match may change: it takes the weakest value
// over all contexts.
type setting struct {
	fact    string // below sshd.
	keyword string
	weight  func(words []string) int64 // the larger, the weaker
	set     func(s *Sshd, words []string)
}

func yesWeak(w []string) int64 { return truth(first(w) == "yes") }
func noWeak(w []string) int64  { return truth(first(w) != "yes") }

func truth(t bool) int64 {
	if t {
		return 1
	}
	return 0
}

func first(w []string) string {
	if len(w) == 0 {
		return ""
	}
	return w[0]
}

func number(w []string) int64 {
	n, _ := strconv.ParseInt(first(w), 10, 64)
	return n
}

// orNever is a number of which 0 means without end.
func orNever(w []string) int64 {
	if n := number(w); n != 0 {
		return n
	}
	return 1 << 62
}

// order ranks enumerated values from strong to weak.
func order(words ...string) func([]string) int64 {
	return func(w []string) int64 {
		for i, v := range words {
			if first(w) == v {
				return int64(i)
			}
		}
		return int64(len(words)) // what is not known is taken for the weakest
	}
}

func flag(set func(*Sshd, bool)) func(*Sshd, []string) {
	return func(s *Sshd, w []string) { set(s, first(w) == "yes") }
}

func word(set func(*Sshd, string)) func(*Sshd, []string) {
	return func(s *Sshd, w []string) { set(s, strings.Join(w, " ")) }
}

func count(set func(*Sshd, int64)) func(*Sshd, []string) {
	return func(s *Sshd, w []string) { set(s, number(w)) }
}

var logLevels = order("VERBOSE", "INFO", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "ERROR", "FATAL", "QUIET")

// scalars lists the scalar facts with their keyword in sshd_config(5).
var scalars = []setting{
	{"permit_root_login", "PermitRootLogin", order("no", "forced-commands-only", "prohibit-password", "yes"), word(func(s *Sshd, v string) { s.PermitRootLogin = v })},
	{"password_authentication", "PasswordAuthentication", yesWeak, flag(func(s *Sshd, v bool) { s.PasswordAuthentication = v })},
	{"kbd_interactive_authentication", "KbdInteractiveAuthentication", yesWeak, flag(func(s *Sshd, v bool) { s.KbdInteractive = v })},
	{"pubkey_authentication", "PubkeyAuthentication", noWeak, flag(func(s *Sshd, v bool) { s.PubkeyAuthentication = v })},
	{"permit_empty_passwords", "PermitEmptyPasswords", yesWeak, flag(func(s *Sshd, v bool) { s.PermitEmptyPasswords = v })},
	{"hostbased_authentication", "HostbasedAuthentication", yesWeak, flag(func(s *Sshd, v bool) { s.HostbasedAuthentication = v })},
	{"ignore_rhosts", "IgnoreRhosts", order("yes", "shosts-only", "no"), word(func(s *Sshd, v string) { s.IgnoreRhosts = v })},
	{"use_pam", "UsePAM", noWeak, flag(func(s *Sshd, v bool) { s.UsePAM = v })},
	{"strict_modes", "StrictModes", noWeak, flag(func(s *Sshd, v bool) { s.StrictModes = v })},
	{"permit_user_environment", "PermitUserEnvironment", func(w []string) int64 { return truth(first(w) != "no") }, func(s *Sshd, w []string) { s.PermitUserEnvironment = first(w) != "no" }},
	{"max_auth_tries", "MaxAuthTries", number, count(func(s *Sshd, v int64) { s.MaxAuthTries = v })},
	{"login_grace_time", "LoginGraceTime", orNever, count(func(s *Sshd, v int64) { s.LoginGraceTime = v })},
	{"max_startups", "MaxStartups", number, word(func(s *Sshd, v string) { s.MaxStartups = v })},
	{"client_alive_interval", "ClientAliveInterval", orNever, count(func(s *Sshd, v int64) { s.ClientAliveInterval = v })},
	{"x11_forwarding", "X11Forwarding", yesWeak, flag(func(s *Sshd, v bool) { s.X11Forwarding = v })},
	{"allow_tcp_forwarding", "AllowTcpForwarding", order("no", "local", "remote", "yes"), word(func(s *Sshd, v string) { s.AllowTCPForwarding = v })},
	{"allow_agent_forwarding", "AllowAgentForwarding", yesWeak, flag(func(s *Sshd, v bool) { s.AllowAgentForwarding = v })},
	{"allow_stream_local_forwarding", "AllowStreamLocalForwarding", order("no", "local", "remote", "yes"), word(func(s *Sshd, v string) { s.AllowStreamLocalForwarding = v })},
	{"disable_forwarding", "DisableForwarding", noWeak, flag(func(s *Sshd, v bool) { s.DisableForwarding = v })},
	{"gateway_ports", "GatewayPorts", order("no", "clientspecified", "yes"), word(func(s *Sshd, v string) { s.GatewayPorts = v })},
	{"permit_tunnel", "PermitTunnel", order("no", "ethernet", "point-to-point", "yes"), word(func(s *Sshd, v string) { s.PermitTunnel = v })},
	{"log_level", "LogLevel", logLevels, func(s *Sshd, w []string) { s.LogLevel = strings.ToUpper(first(w)) }},
	{"compression", "Compression", order("no", "delayed", "yes"), func(s *Sshd, w []string) {
		if s.Compression = first(w); s.Compression == "delayed" {
			s.Compression = "yes"
		}
	}},
	{"banner", "Banner", func(w []string) int64 { return truth(first(w) == "none" || first(w) == "") }, word(func(s *Sshd, v string) { s.Banner = v })},
	{"required_rsa_size", "RequiredRSASize", func(w []string) int64 { return -number(w) }, count(func(s *Sshd, v int64) { s.RequiredRSASize = v })},
}

// places names the contexts that a configuration tells apart, with the accounts
// that stand for all.
func (b *builder) contexts(cfg *sshd.Config) []sshd.Context {
	var users []sshd.User
	for i := range b.list {
		users = append(users, user(&b.list[i]))
	}
	ctxs, capped := cfg.Contexts(users)
	if !b.passwdWhole || b.otherNSS || b.groupsWhy != "" {
		// Accounts that were not seen may fit a Match that no local account fits.
		more, cappedToo := cfg.Contexts(nil)
		ctxs, capped = append(ctxs, more...), capped || cappedToo
	}
	if capped {
		b.unknown("sshd", "the configuration tells more logins apart than postern looks at")
	}
	if len(ctxs) == 0 {
		ctxs = []sshd.Context{{Label: "anywhere"}}
	}
	return ctxs
}

// user is an account as Match sees it: it exists, though it may be in no group
// that has a name.
func user(a *account.Account) sshd.User {
	groups := a.Groups
	if groups == nil {
		groups = []string{}
	}
	return sshd.User{Name: a.Name, Groups: groups}
}

// holding is what holds for one login.
type holding struct {
	ctx sshd.Context
	s   *sshd.Settings
}

// settings fills the scalar facts.
func (b *builder) settings(cfg *sshd.Config) {
	globals := cfg.Globals()
	all := []holding{{sshd.Context{}, globals}}
	distinct := map[*sshd.Settings]bool{globals: true}
	for _, c := range b.contexts(cfg) {
		if s := cfg.Eval(c); !distinct[s] {
			distinct[s] = true
			all = append(all, holding{c, s})
		}
	}
	b.held = all
	for _, h := range all {
		for _, keyword := range []string{"TrustedUserCAKeys", "RevokedKeys", "AuthorizedPrincipalsFile"} {
			if v := h.s.Get(keyword); v.Origin.Kind == sshd.FromFile {
				for _, p := range v.Args {
					if !strings.Contains(p, "%") {
						b.named = append(b.named, p)
					}
				}
			}
		}
	}
	for _, st := range scalars {
		fact := "sshd." + st.fact
		if !globals.Known(st.keyword) {
			b.unknown(fact, "OpenSSH "+cfg.Version().String()+" has no "+st.keyword)
			continue
		}
		weakest := -1
		var value sshd.Value
		unsure := ""
		for i, h := range all {
			v := h.s.Get(st.keyword)
			if v.Unknown != "" {
				unsure = v.Unknown
			}
			if weakest < 0 || st.weight(v.Args) > st.weight(value.Args) {
				weakest, value = i, v
			}
		}
		st.set(&b.f.Sshd, value.Args)
		if unsure != "" {
			b.unknown(fact, unsure)
		} else if value.Args == nil {
			b.unknown(fact, "the default of this build is not known")
		}
		witness := st.keyword + " is " + strings.Join(value.Args, " ")
		if weakest > 0 && all[weakest].ctx.Label != "" && st.weight(globals.Get(st.keyword).Args) != st.weight(value.Args) {
			witness += " for " + who(all[weakest].ctx)
		}
		b.f.Origin[fact] = []Evidence{evidence(value.Origin, witness)}
	}
	for _, l := range []struct {
		fact, keyword string
		set           *[]string
	}{
		{"ciphers", "Ciphers", &b.f.Sshd.Ciphers}, {"macs", "MACs", &b.f.Sshd.MACs},
		{"kex_algorithms", "KexAlgorithms", &b.f.Sshd.KexAlgorithms},
		{"host_key_algorithms", "HostKeyAlgorithms", &b.f.Sshd.HostKeyAlgorithms},
		{"pubkey_accepted_algorithms", "PubkeyAcceptedAlgorithms", &b.f.Sshd.PubkeyAcceptedAlgorithms},
	} {
		keyword := l.keyword
		if !globals.Known(keyword) && keyword == "PubkeyAcceptedAlgorithms" {
			keyword = "PubkeyAcceptedKeyTypes" // its name up to 8.4
		}
		v := globals.Get(keyword)
		*l.set = globals.Algorithms(keyword)
		unsure, release := v.Unknown, ofRelease(v)
		have := map[string]bool{}
		for _, name := range *l.set {
			have[name] = true
		}
		for _, h := range all[1:] { // PubkeyAcceptedAlgorithms may stand below Match
			own := h.s.Get(keyword)
			unsure = max(unsure, own.Unknown)
			if own.Origin.Match == "" {
				continue
			}
			release = release || ofRelease(own)
			for _, name := range h.s.Algorithms(keyword) {
				if !have[name] {
					have[name] = true
					*l.set, v = append(*l.set, name), own
				}
			}
		}
		switch {
		case unsure != "":
			b.unknown("sshd."+l.fact, unsure)
		case release && !cfg.Version().Known():
			b.unknown("sshd."+l.fact, "the release is not known, and each has a list of its own")
		}
		b.f.Origin["sshd."+l.fact] = []Evidence{evidence(v.Origin, keyword)}
	}
	ports := globals.Get("Port")
	seen := map[int64]bool{}
	for _, p := range ports.Args {
		if n, err := strconv.ParseInt(p, 10, 64); err == nil && !seen[n] {
			seen[n] = true
			b.f.Sshd.Ports = append(b.f.Sshd.Ports, n)
		}
	}
	sort.Slice(b.f.Sshd.Ports, func(i, j int) bool { return b.f.Sshd.Ports[i] < b.f.Sshd.Ports[j] })
	b.f.Origin["sshd.ports"] = []Evidence{evidence(ports.Origin, "Port")}
}

// ofRelease reports whether a list of algorithms is the release's default, or
// what is written changes that.
func ofRelease(v sshd.Value) bool {
	return v.Origin.Kind == sshd.FromDefault || strings.HasPrefix(v.First(), "+") || strings.HasPrefix(v.First(), "-") || strings.HasPrefix(v.First(), "^")
}

// who is a context in words.
func who(c sshd.Context) string {
	if c.User == "" {
		return c.Label
	}
	return "user " + c.User + " " + c.Label
}

package sshd

import "strings"

// assembled is what sshd calls the lists where it puts them together.
var assembled = map[string]string{
	"Ciphers": "ciphers", "MACs": "macs", "KexAlgorithms": "kex_algorithms", "HostKeyAlgorithms": "hostkeyalgorithms",
	"HostbasedAcceptedAlgorithms": "hostbased_accepted_algos", "HostbasedAcceptedKeyTypes": "hostbased_key_types",
	"PubkeyAcceptedAlgorithms": "pubkey_accepted_algos", "PubkeyAcceptedKeyTypes": "pubkey_key_types",
	"CASignatureAlgorithms": "ca_sign_algorithms",
}

// checkStart makes the checks that sshd makes when it has read all files.
func (c *Config) checkStart() {
	g := c.global
	refuse := func(v Value, keyword, msg, hint string) {
		c.Faults = append(c.Faults, Fault{File: orElse(v.Origin.File, c.Main), Pos: v.Origin.Pos, Keyword: keyword, Message: msg, Hint: hint, Refuses: true})
	}
	for i := range rows {
		r := &rows[i]
		v := g.vals[i]
		if r.kind != kindAlgorithms || v == nil || v.Origin.Kind == FromDefault {
			continue
		}
		if _, ok := r.algs.assemble(v.Args[0], c.env.rel); !ok {
			refuse(*v, r.name, "assemble_algorithms: "+assembled[r.name]+": invalid argument", "no algorithm of this release is left in the list")
		}
	}
	for _, k := range []string{"AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"} {
		v, user := g.Get(k), g.Get(k+"User")
		if v.Origin.Kind != FromDefault && v.First() != "none" && user.Origin.Kind == FromDefault && user.Unknown == "" {
			refuse(v, k, k+" set without "+k+"User", "add "+k+"User with an account of its own")
		}
	}
	if v := g.Get("AuthenticationMethods"); v.Origin.Kind != FromDefault && v.First() != "any" {
		possible := false
		for _, chain := range v.Args {
			possible = possible || g.chainEnabled(chain)
		}
		if !possible {
			refuse(v, "AuthenticationMethods", "AuthenticationMethods cannot be satisfied by enabled authentication methods",
				"enable the methods that the lists name")
		}
	}
	family := g.Get("AddressFamily").First()
	for _, a := range g.Get("ListenAddress").Args {
		host, _, _ := splitListen(a)
		ip, ok := parseAddr(host)
		if ok && (family == "inet6" && ip.Is4() || family == "inet" && ip.Is6()) {
			refuse(g.Get("ListenAddress"), "ListenAddress", "bad addr or host: "+host+" (Address family for hostname not supported)",
				"AddressFamily "+family+" excludes this address")
		}
	}
}

// Refused is the reason for which sshd ends when it takes over what the blocks
// set for this login, and so does sshd -T -C; nil where it does not. The daemon
// lives on: it closes that connection.
func (s *Settings) Refused() *Fault {
	if s.cfg.loop != nil {
		return s.cfg.loop
	}
	if s.refused != nil {
		return s.refused
	}
	for i := range rows {
		r := &rows[i]
		v := s.vals[i]
		if r.kind != kindAlgorithms || v == nil || v.Origin.Match == "" {
			continue
		}
		if _, ok := r.algs.assemble(v.Args[0], s.cfg.env.rel); !ok {
			return &Fault{File: v.Origin.File, Pos: v.Origin.Pos, Keyword: r.name, Message: "assemble_algorithms: " + assembled[r.name] + ": invalid argument",
				Hint: "no algorithm of this release is left in the list", Refuses: true}
		}
	}
	return nil
}

// chainEnabled reports whether every method of an AuthenticationMethods list is
// switched on (auth2_methods_valid). A value that is not certain counts as on.
func (s *Settings) chainEnabled(chain string) bool {
	for m := range strings.SplitSeq(chain, ",") {
		m, _, _ = strings.Cut(m, ":")
		if !s.MethodEnabled(m) {
			return false
		}
	}
	return true
}

// MethodEnabled reports whether a method's switch is on. That says nothing about
// whether anybody can complete it. A value that is not certain counts as on.
func (s *Settings) MethodEnabled(method string) bool {
	keyword := ""
	switch method {
	case "none":
		return true
	case "publickey":
		keyword = "PubkeyAuthentication"
	case "password":
		keyword = "PasswordAuthentication"
	case "keyboard-interactive":
		keyword = "KbdInteractiveAuthentication"
	case "hostbased":
		keyword = "HostbasedAuthentication"
	case "gssapi-with-mic", "gssapi-keyex":
		keyword = "GSSAPIAuthentication"
	default:
		return false
	}
	v := s.Get(keyword)
	return v.Unknown != "" || v.First() == "yes"
}

// splitListen splits a ListenAddress value.
func splitListen(a string) (host, port, rdomain string) {
	a, rdomain, _ = strings.Cut(a, " rdomain ")
	if strings.HasPrefix(a, "[") {
		if i := strings.Index(a, "]:"); i >= 0 {
			return a[1:i], a[i+2:], rdomain
		}
	}
	if i := strings.LastIndexByte(a, ':'); i >= 0 && strings.Count(a, ":") == 1 {
		return a[:i], a[i+1:], rdomain
	}
	return a, "", rdomain
}

package cron

import (
	"net/netip"
	"strings"
)

// hasWordIn reports whether one of words is w.
func hasWordIn(words []Word, w string) bool {
	for k := range words {
		if words[k].Text == w {
			return true
		}
	}
	return false
}

// bindsRoot reports --mount's value where it gives a container the root of all files.
func bindsRoot(t string) bool {
	if !strings.Contains(t, "type=bind") || strings.Contains(t, "readonly") || strings.Contains(t, ",ro") {
		return false
	}
	for _, f := range strings.Split(strings.TrimPrefix(t, "--mount="), ",") {
		if f == "source=/" || f == "src=/" {
			return true
		}
	}
	return false
}

// engineSocket judges a request to the socket of a container engine, by which one
// makes a container that has the whole host, or runs something in one.
func (s *signer) engineSocket(c *Command) {
	if !fetchers[c.Name] || !anyArg(c, func(t string) bool {
		return hasSuffixOf(t, "docker.sock", "podman.sock", "containerd.sock", "crio.sock") || strings.Contains(t, ":2375/")
	}) || !anyArg(c, func(t string) bool { return strings.Contains(t, "/containers/create") || strings.Contains(t, "/exec") }) {
		return
	}
	sev := Low
	if anyArg(c, func(t string) bool {
		flat := strings.NewReplacer(" ", "", "\\", "").Replace(strings.ToLower(t))
		return anyOf(flat, []string{`"privileged":true`, `"/:/`, `"source":"/"`, `"pidmode":"host"`, `"/etc:`, `"/root:`})
	}) {
		sev = High
	}
	s.add("container-escape", sev, "it asks the container engine for a container: %s", q(joinWords(c.Args)))
}

// relay judges a program that hands connections on to another machine.
func (s *signer) relay(c *Command) {
	if c.Name != "socat" {
		return
	}
	listens, to := false, ""
	for k := 1; k < len(c.Args); k++ {
		kind, rest, _ := strings.Cut(strings.ToUpper(c.Args[k].Text), ":")
		switch {
		case strings.Contains(kind, "LISTEN"):
			listens = true
		case hasWord("TCP TCP4 TCP6 UDP UDP4 OPENSSL SSL SOCKS4A SOCKS4 PROXY TCP-CONNECT OPENSSL-CONNECT TCP4-CONNECT", kind):
			to, _, _ = strings.Cut(rest, ",")
		}
	}
	if listens && to != "" {
		sev := Low
		if bareAddress(strings.ToLower(to)) {
			sev = Medium
		}
		s.addAs("tunnel", "T1090", sev, "it hands connections on to another machine: %s", q(joinWords(c.Args)))
	}
}

// tunnels are programs whose only use is a way in from outside.
var tunnels = set("ngrok frpc frps chisel gost bore rathole localtunnel lt pagekite gsocket gs-netcat iox ligolo ligolo-ng ew earthworm revsocks reverse-ssh nps npc sshuttle dnscat dnscat2 iodine ptunnel ptunnel-ng hans icmptunnel microsocks 3proxy ssocks ssocksd wstunnel pivotnacci reGeorg neoreg venom stowaway icmpsh icmptx icmpdoor dns2tcpc dns2tcp ozymandns udp2raw kcptun gs-dbus gs-sftp gs-mount merlin mythic-agent nimplant merlinAgent sliver-client pwncat pwncat-cs")

// tunnel judges ways in from outside and ways out for data.
func (s *signer) tunnel(i int, c *Command) {
	line := func() string { return q(joinWords(c.Args)) }
	name := c.Name
	full := c.Full
	if full == nil {
		full = c.Args
	}
	s.wrappedTunnel(c, full)
	switch {
	case tunnels[name], tunnels[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "-agent"), "-client"), "-server")], reverseForward(c), hasArg(c, "server") && hasArg(c, "--reverse"), name == "cloudflared" && hasArg(c, "--url"), name == "tailscale" && hasArg(c, "funnel"), hasWord("code code-insiders code-cli vscode", name) && len(c.Args) > 1 && c.Args[1].Text == "tunnel", name == "devtunnel" && hasArg(c, "host"):
		s.add("tunnel", Medium, "%s opens a way in from outside: %s", q(name), line())
	case name == "nc" || name == "ncat" || name == "netcat":
		if len(c.Input) > 0 && !hasFlag(c, 'l') && !hasFlag(c, 'z') && !localHost(c) {
			sev := Info
			s.upstream(i, false, func(u *Command) {
				if readsFiles(u) {
					sev = Low // more than a line of figures
				}
			})
			s.add("exfiltrate", sev, "it sends data through %s: %s", q(name), line())
		}
	case name == "dig" || name == "nslookup" || name == "host" || name == "drill" || name == "ping":
		for k := 1; k < len(c.Args); k++ {
			if s.asksEncoded(c, &c.Args[k]) {
				s.addAs("exfiltrate", "T1048.003", High, "it asks for names that are made of encoded data: %s", line())
			}
		}
	case fetchers[name]:
		for k := 1; k < len(c.Args); k++ {
			if f := uploaded(c, k); f != "" && sensitive(f) {
				s.add("exfiltrate", High, "it sends %s away: %s", q(f), line())
			}
		}
		if len(c.Input) > 0 || hasOutputs(c) {
			s.upstream(i, true, func(u *Command) {
				for k := 1; k < len(u.Args) && !describes[u.Name]; k++ {
					if sensitive(u.Args[k].Text) {
						s.add("exfiltrate", High, "it sends %s away: %s", q(u.Args[k].Text), line())
					}
				}
			})
		}
	}
}

// reverseForward reports the words of a tunnel whatever the program is called: a
// server with its port, and R: with what is to be reached through it.
func reverseForward(c *Command) bool {
	server, back := false, false
	for k := 1; k < len(c.Args); k++ {
		t := c.Args[k].Text
		if rest, ok := strings.CutPrefix(t, "R:"); ok && (rest == "socks" || rest != "" && rest[0] >= '0' && rest[0] <= '9') {
			back = true
		}
		if i := strings.LastIndexByte(t, ':'); i > 0 && digits(t[i+1:]) && hostShape(strings.TrimPrefix(strings.TrimPrefix(t, "http://"), "https://")) {
			server = true
		}
	}
	return server && back
}

// wrappedTunnel judges what stands before the command that a wrapper starts, or
// where there is none.
func (s *signer) wrappedTunnel(c *Command, full []Word) {
	has := func(names ...string) bool { return hasAny(c.Wrappers, names...) || hasAny(names, c.Name) }
	line := func() string { return q(joinWords(full)) }
	switch {
	case has("ssh", "autossh", "plink", "dbclient"):
		for k := 1; k+1 < len(full); k++ {
			t, next := full[k].Text, full[k+1].Text
			all := strings.HasPrefix(next, "0.0.0.0:") || strings.HasPrefix(next, "*:") || strings.HasPrefix(next, ":") || strings.HasPrefix(next, "[::]:")
			switch {
			case hasWord("-i -F", t) && oddSource(next):
				s.add("tunnel", Medium, "it logs in elsewhere by a key or settings out of a hidden place, or one that everybody may write: %s", line())
			case strings.HasPrefix(t, "-") && strings.HasSuffix(t, "D") && all:
				s.add("tunnel", Medium, "it lets everybody who reaches this host go on through another one: %s", line())
			}
		}
		for k := 1; k < len(full); k++ {
			t := full[k].Text
			if len(t) < 2 || t[0] != '-' || t[1] == '-' || strings.IndexByte(t, 'R') < 0 {
				continue
			}
			sev := Low
			if has("autossh") {
				sev = Info // kept alive on purpose, under its own name
			}
			for i := range full {
				u := full[i].Text
				low := strings.ToLower(u)
				_, host, ok := strings.Cut(u, "@")
				if !ok && i > 0 && u[:min(1, len(u))] != "-" {
					host = u
				}
				if a, err := netip.ParseAddr(host); err == nil && publicAddr(a) || strings.HasSuffix(low, "stricthostkeychecking=no") && !has("autossh") || strings.HasSuffix(low, "userknownhostsfile=/dev/null") {
					sev = Medium // a bare address, or whoever answers there
				}
				if i > 0 && (full[i-1].Text == "-i" || full[i-1].Text == "-F") && oddSource(u) {
					sev = Medium // by a key out of a hidden place
				}
				if strings.Contains(u, "serveo.net") || strings.Contains(u, "localhost.run") || strings.Contains(u, "pinggy.io") {
					sev = Medium
				}
			}
			s.add("tunnel", sev, "it opens a way in from outside: %s", line())
			return
		}
	case has("nsenter"):
		sev := Medium
		if networkAlone(full) {
			sev = Info // the network of a container, which is looked at so
		}
		s.add("container-escape", sev, "it enters the namespaces of another process: %s", line())
	case has("kubectl", "k3s", "oc", "crictl"):
		for k := 1; k < len(full); k++ {
			flat := strings.ReplaceAll(strings.ToLower(full[k].Text), " ", "")
			if strings.Contains(flat, "--overrides") && anyOf(flat, []string{`"hostpid":true`, `"hostnetwork":true`, `"hostipc":true`, `"privileged":true`, `"hostpath"`}) || strings.Contains(flat, `{"`) && anyOf(flat, []string{`"privileged":true`, `"hostpid":true`}) {
				s.add("container-escape", Medium, "it gives a container the whole host: %s", line())
			}
		}
	case has("docker", "podman", "nerdctl"):
		mighty := hasWordIn(full, "--privileged")
		for k := 1; k < len(full); k++ {
			t := full[k].Text
			if k+1 < len(full) && (t == "-v" || t == "--volume") && strings.HasPrefix(full[k+1].Text, "/:") && !strings.HasSuffix(full[k+1].Text, ":ro") || strings.HasPrefix(t, "--volume=/:") && !strings.HasSuffix(t, ":ro") || strings.HasPrefix(t, "-v=/:") || bindsRoot(t) || t == "--pid=host" && mighty {
				s.add("container-escape", Medium, "it gives a container the whole host: %s", line())
			} else if t == "--privileged" {
				s.add("container-escape", Low, "it gives a container the rights of root on the host: %s", line())
			}
		}
	}
}

// networkAlone reports words of nsenter(1) by which nothing but the network of a
// process is entered, and not that of the first one.
func networkAlone(words []Word) bool {
	for k := 1; k < len(words) && strings.HasPrefix(words[k].Text, "-"); k++ {
		switch t := words[k].Text; {
		case t == "-t1", t == "--target=1":
			return false
		case hasWord("-t --target -S -G", t) && k+1 < len(words) && !strings.HasPrefix(words[k+1].Text, "-"):
			if k++; words[k].Text == "1" && t != "-S" && t != "-G" {
				return false
			}
		case hasWord("-n --net", t), strings.HasPrefix(t, "-n/"), strings.HasPrefix(t, "--net="), strings.HasPrefix(t, "--target="), strings.HasPrefix(t, "-t"):
		default:
			return false
		}
	}
	return true
}

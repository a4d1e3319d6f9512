package cron

import "strings"

// shellOut judges shells that are tied to the network.
func (s *signer) shellOut(i int, c *Command) {
	name := c.Name
	for k := range c.Redirects {
		if f := c.Redirects[k].File.Text; strings.HasPrefix(f, "/dev/tcp/") || strings.HasPrefix(f, "/dev/udp/") {
			if s.asksPort(i, c) || name == "exec" && localTCP(f) && !s.talksThrough() {
				continue
			}
			if lang, _ := interpreter(name); lang != "" || name == "exec" || name == "cat" || name == "" {
				s.add("reverse-shell", Critical, "%s is tied to %s", q(name), q(f))
			} else {
				s.add("reverse-shell", High, "the shell opens %s", q(f))
			}
		}
	}
	holds := s.holds(i)
	for k := 1; k < len(c.Args) && !holds; k++ {
		if t := c.Args[k].Text; strings.Contains(t, "/dev/tcp/") && name != "echo" && name != "test" && name != "[" {
			s.add("reverse-shell", Critical, "it opens a connection of the shell's own: %s", q(t))
		}
	}
	switch name {
	case "ztcp":
		s.add("reverse-shell", High, "the shell opens a connection of its own: %s", q(joinWords(c.Args)))
	case "xterm", "uxterm", "rxvt", "urxvt", "aterm", "eterm", "x-terminal-emulator", "konsole", "gnome-terminal":
		for k := 1; k+1 < len(c.Args); k++ {
			if host, _, ok := strings.Cut(c.Args[k+1].Text, ":"); ok && hasWord("-display --display", c.Args[k].Text) && host != "" && host != "localhost" && host != "unix" {
				s.add("reverse-shell", High, "it opens a terminal on the screen of another machine: %s", q(joinWords(c.Args)))
			}
		}
	case "nc", "ncat", "netcat", "nc.traditional", "nc.openbsd":
		if hasFlag(c, 'e') || hasFlag(c, 'c') || hasArg(c, "--exec", "--sh-exec", "--lua-exec") {
			s.add("reverse-shell", Critical, "%s gives a program to whoever is at the other end: %s", q(name), q(joinWords(c.Args)))
			return
		}
		piped := false
		s.upstream(i, false, func(u *Command) { piped = piped || shells[u.Name] })
		if piped {
			s.add("reverse-shell", Critical, "a shell talks through %s: %s", q(name), q(joinWords(c.Args)))
		}
	case "socat":
		for k := 1; k < len(c.Args); k++ {
			if u := strings.ToUpper(c.Args[k].Text); strings.HasPrefix(u, "EXEC:") || strings.HasPrefix(u, "SYSTEM:") || strings.HasPrefix(u, "SHELL:") {
				s.add("reverse-shell", Critical, "socat gives a program to whoever is at the other end: %s", q(joinWords(c.Args)))
			}
		}
	case "telnet", "openssl":
		s.upstream(i, false, func(u *Command) {
			if shells[u.Name] && (name == "telnet" || hasArg(c, "s_client")) {
				s.add("reverse-shell", Critical, "a shell talks through %s", q(name))
			}
		})
	case "tar":
		for k := 1; k < len(c.Args); k++ {
			if t := c.Args[k].Text; strings.HasPrefix(t, "--checkpoint-action=exec") {
				s.add("option-exec", High, "an option of tar runs a program: %s", q(t))
			}
		}
	}
	if shells[name] && hasFlag(c, 'i') && (len(c.Input) > 0 || c.Piped) {
		talks := false
		s.upstream(i, false, func(u *Command) {
			if _, ok := brings(u); ok {
				talks = true
			}
		})
		if talks {
			s.add("reverse-shell", Critical, "an interactive shell is fed from the network")
		}
	}
}

// holds reports a command whose words hold shell text, which was read for itself.
func (s *signer) holds(i int) bool {
	for k := range s.a.Commands {
		if p := s.a.Commands[k].Parent; p == i && p >= 0 {
			return true
		}
	}
	return false
}

// localTCP reports a connection to the host itself or to its own net.
func localTCP(f string) bool {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(f, "/dev/tcp/"), "/dev/udp/"), "/")
	return host == "localhost" || privateHost(host)
}

// talksThrough reports a job in which a shell, eval or another language reads or writes
// a descriptor that was opened before.
func (s *signer) talksThrough() bool {
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		lang, _ := interpreter(c.Name)
		if lang == "" && c.Name != "eval" && c.Name != "source" && c.Name != "." {
			continue
		}
		if c.Name == "eval" || c.ReadsCode {
			return true
		}
		for k := range c.Redirects {
			if r := &c.Redirects[k]; strings.HasPrefix(r.Op, "<&") || strings.HasPrefix(r.Op, ">&") && r.File.Text != "1" && r.File.Text != "2" {
				return true
			}
		}
	}
	return false
}

// asksPort reports a connection of the shell's own that carries nothing but words
// of the line, or nothing at all: so people ask whether a port is open, and so they
// send figures to a collector.
func (s *signer) asksPort(i int, c *Command) bool {
	switch c.Name {
	case "", ":", "true":
		return true
	case "echo", "printf":
	default:
		return false
	}
	for k := range c.Redirects {
		if strings.Contains(c.Redirects[k].Op, "<") {
			return false
		}
	}
	files := false
	s.upstream(i, true, func(u *Command) { files = files || readsFiles(u) })
	return !files
}

package cron

import "strings"

// commands judges each command of a job.
func (s *signer) commands() {
	var fetched []string
	for i := range s.a.Commands {
		c := &s.a.Commands[i]
		if c.Name == "" && len(c.Args) == 0 {
			s.writes(c)
			s.shellOut(i, c)
			s.destroys(c)
			continue
		}
		s.readsCode(i, c)
		s.inlineCode(i, c)
		s.shellOut(i, c)
		s.fetch(c)
		s.writes(c)
		s.tamper(c)
		s.weaken(i, c)
		s.sends(i, c)
		s.privilege(c)
		s.miner(c)
		s.tunnel(i, c)
		s.borrowed(c)
		s.plants(i, c)
		s.destroys(c)
		s.serves(c)
		s.engineSocket(c)
		s.relay(c)
		s.namesOption(c)
		s.rootkit(c)
		s.blackhole(c)
		s.hiddenArgument(c)
		s.attacks(c)
		s.textPiped(i, c)
		if len(c.Args) > 0 && c.Args[0].Glob && strings.IndexByte(c.Args[0].Text, '?') >= 0 && strings.IndexByte(c.Args[0].Text, '*') < 0 && strings.IndexByte(c.Args[0].Text, '/') >= 0 {
			s.add("obfuscated", High, "a pattern hides the name of the program %s", q(c.Args[0].Text))
		}
		if len(c.Args) > 0 && c.Args[0].Odd && c.Name != "" {
			s.add("obfuscated", High, "quotes or escapes hide the name of the program %s", q(c.Name))
		}
		fetched = append(fetched, fetchedFiles(c)...)
		s.fetchThenRun(fetched, i)
	}
	if s.a.swarms != "" {
		s.addAs("destroys", "T1499", High, "%s starts itself again and again until the host can do nothing else", q(s.a.swarms))
	}
	s.ruins()
	s.ransom()
	s.rewritesLog()
	s.encryptsAway()
	s.waitsForAbsence()
	if s.c.Near != nil {
		s.c.Near.fetchedBy(s)
	}
}

// upstream calls f for the commands whose output reaches command i, nearest first.
func (s *signer) upstream(i int, words bool, f func(c *Command)) {
	var seen [maxParsed]bool
	queue := make([]int, 0, 8)
	push := func(list []int) {
		for _, k := range list {
			if k >= 0 && k < len(s.a.Commands) && k < len(seen) && !seen[k] && k != i {
				seen[k] = true
				queue = append(queue, k)
			}
		}
	}
	start := &s.a.Commands[i]
	push(start.Input)
	if words {
		for k := range start.Args {
			push(start.Args[k].From)
		}
	}
	for n := 0; n < len(queue); n++ {
		c := &s.a.Commands[queue[n]]
		f(c)
		push(c.Input)
		for k := range c.Args {
			push(c.Args[k].From)
		}
	}
}

func hasFlag(c *Command, flag byte) bool {
	for k := 1; k < len(c.Args); k++ {
		if t := c.Args[k].Text; len(t) > 1 && t[0] == '-' && t[1] != '-' && strings.IndexByte(t, flag) > 0 {
			return true
		}
	}
	return false
}

func hasArg(c *Command, words ...string) bool {
	for k := 1; k < len(c.Args); k++ {
		for _, w := range words {
			if c.Args[k].Text == w {
				return true
			}
		}
	}
	return false
}

// readsCode judges an interpreter that takes its program from other commands.
func (s *signer) readsCode(i int, c *Command) {
	commandIsOutput := len(c.Args) > 0 && len(c.Args[0].From) > 0 && strings.HasPrefix(c.Args[0].Text, "$(")
	evalOutput := c.Name == "eval" && len(c.Args) > 1 && len(c.Args[1].From) > 0
	codeOutput := false
	if lang, _ := interpreter(c.Name); lang != "" && !c.ReadsCode {
		// bash -c "$(curl ...)", python -c "$(...)"
		for k := 1; k < len(c.Args) && k < 4; k++ {
			codeOutput = codeOutput || len(c.Args[k].From) > 0 && (strings.HasPrefix(c.Args[k].Text, "$(") || c.Args[k].Proc || c.Args[k].Odd && strings.IndexByte(c.Args[k].Text, ' ') < 0) && k > 1 && strings.HasPrefix(c.Args[k-1].Text, "-")
		}
	}
	if !c.ReadsCode && !commandIsOutput && !evalOutput && !codeOutput {
		return
	}
	fetch, decode, any, remote := "", "", "", ""
	s.upstream(i, true, func(u *Command) {
		if u.Remote == "ssh" && c.Remote == "" && remote == "" {
			remote = joinWords(u.Full)
		}
		if w, ok := brings(u); ok && fetch == "" && (u.Name != c.Name || u.Code != "") {
			fetch = w
		}
		if evalOutput && !c.ReadsCode && len(c.Args[1].From) > 1 && unpacks(u) {
			return // one of several commands whose answers are read: bzgrep does so
		}
		if decodes(u) && decode == "" {
			decode = u.Name
		}
		if any == "" {
			any = u.Name
		}
	})
	who := c.Name
	if who == "" {
		who = "the shell"
	}
	if commandIsOutput && c.Args[0].From[0] < len(s.a.Commands) && hasWord("echo printf rev tr base64 xxd", s.a.Commands[c.Args[0].From[0]].Name) {
		s.add("obfuscated", High, "which program is run, another one spells: %s", q(joinWords(s.a.Commands[c.Args[0].From[0]].Args)))
	}
	switch {
	case fetch != "" && (c.Remote == "" || c.ReadsCode):
		s.add("fetch-and-run", Critical, "it fetches %s and hands it to %s", q(fetch), q(who))
	case decode != "":
		if s.a.Decoded != "" {
			s.add("decode-and-run", Critical, "it decodes text and hands it to %s; the text is %s", q(who), q(s.a.Decoded))
		} else {
			s.add("decode-and-run", Critical, "it decodes text with %s and hands it to %s", q(decode), q(who))
		}
	case remote != "":
		s.add("fetch-and-run", High, "what another host answers is run by %s: %s", q(who), q(remote))
	case c.ReadsCode && any != "" && shells[c.Name] && s.dataFile(i):
		s.add("pipe-to-shell", Medium, "what %s makes of a file that is called like data is run by %s", q(any), q(who))
	case c.ReadsCode && any != "" && shells[c.Name] && s.extracted(i) != "":
		s.add("pipe-to-shell", Medium, "it runs what it takes out of %s, which is no program", q(s.extracted(i)))
	case c.ReadsCode && any != "" && shells[c.Name] && (c.Remote != "" || hasAny(c.Wrappers, "xargs", "parallel")):
		// Another machine's shell, or one that is given names.
	case c.ReadsCode && any != "" && shells[c.Name] && s.onlyFile(c):
		s.add("pipe-to-shell", Info, "what lies in a file is run by %s", q(who))
	case c.ReadsCode && any != "" && shells[c.Name]:
		s.add("pipe-to-shell", Low, "what %s prints is run by %s", q(any), q(who))
	}
}

// onlyFile reports a shell that is fed by cat FILE alone: as if it were given the
// file, which is judged as such.
func (s *signer) onlyFile(c *Command) bool {
	if len(c.Input) != 1 {
		return false
	}
	u := &s.a.Commands[c.Input[0]]
	return u.Name == "cat" && len(u.Args) > 1 && len(u.Input) == 0 && u.Args[1].Literal
}

// extracted returns the file out of which a shell is fed, by filters that only pick
// and strip, where that is a file that nobody keeps commands in; "" for others. What
// makes commands of a file's words, as awk '{print "kill " $1}' does, is no such
// filter.
func (s *signer) extracted(i int) string {
	for range 8 {
		in := s.a.Commands[i].Input
		for k := range s.a.Commands[i].Args {
			in = append(in[:len(in):len(in)], s.a.Commands[i].Args[k].From...)
		}
		if len(in) != 1 || in[0] >= len(s.a.Commands) || in[0] == i {
			return ""
		}
		i = in[0]
		u := &s.a.Commands[i]
		if u.Name == "dd" && anyArg(u, func(t string) bool { return strings.HasPrefix(t, "skip=") || strings.HasPrefix(t, "iseek=") }) {
			return joinWords(u.Args[1:]) // a piece out of the middle
		}
		switch {
		case hasWord("cat head tail tac nl grep egrep fgrep zgrep cut tr dd strings col fold rev uniq sort", u.Name):
		case u.Name == "sed" && !anyArg(u, makesText):
		case strings.HasSuffix(u.Name, "awk") && strings.IndexByte(u.Code, '"') < 0:
		default:
			return ""
		}
		for k := 1; k < len(u.Args); k++ {
			if t := strings.TrimPrefix(u.Args[k].Text, "if="); noCommandsIn(joinPath(u.Cwd, t)) && (strings.HasPrefix(t, "/") || strings.HasPrefix(t, "$HOME/")) {
				return t
			}
		}
		for k := range u.Redirects {
			if t := u.Redirects[k].File.Text; u.Redirects[k].Op == "<" && noCommandsIn(t) {
				return t
			}
		}
	}
	return ""
}

// makesText reports a substitution of sed(1) that puts letters in: s/^/rm /.
func makesText(script string) bool {
	i := strings.IndexByte(script, 's')
	if i < 0 || i+1 >= len(script) || isAlnum(script[i+1]) || script[i+1] <= ' ' {
		return false
	}
	part := strings.Split(script[i+2:], script[i+1:i+2])
	return len(part) > 1 && strings.ContainsFunc(part[1], func(r rune) bool { return r >= 'a' && r <= 'z' || r == ' ' })
}

// noCommandsIn reports files in which nobody keeps commands for a shell.
func noCommandsIn(p string) bool {
	if p == "" || hasScriptSuffix(p) || strings.HasPrefix(p, "/dev/std") || strings.HasPrefix(p, "/dev/fd/") || strings.HasPrefix(p, "/dev/tcp/") || p == "/dev/null" || p == "/dev/tty" {
		return false
	}
	if dir := "/etc/"; strings.HasPrefix(p, dir) && !strings.HasPrefix(p, "/etc/cron") {
		return hasWord("motd issue issue.net passwd passwd- group group- shadow gshadow hosts services protocols networks resolv.conf hosts.allow hosts.deny shells aliases mailcap magic mime.types logrotate.conf fstab nsswitch.conf os-release hostname machine-id login.defs sudoers ld.so.conf localtime timezone", p[len(dir):])
	}
	for _, dir := range [...]string{"/var/log/", "/var/mail/", "/var/spool/", "/usr/share/", "/usr/include/", "/usr/lib/", "/lib/", "/boot/", "/var/cache/", "/var/lib/dpkg/", "/var/lib/rpm/", "/proc/", "/sys/", "/dev/", "/etc/cron"} {
		if strings.HasPrefix(p, dir) && !strings.Contains(p, "/script") && !strings.Contains(p, "/bin/") {
			return true
		}
	}
	return oddSource(p)
}

// dataFile reports a shell that is fed from a text, picture or page.
func (s *signer) dataFile(i int) bool {
	found := false
	s.upstream(i, false, func(u *Command) {
		for k := 1; k < len(u.Args); k++ {
			t := u.Args[k].Text
			if dot := strings.LastIndexByte(t, '.'); strings.HasPrefix(t, "/") && dot > 0 && (notPrograms[t[dot+1:]] && t[dot+1:] != "gz" || hasWord("txt html htm xml csv json", t[dot+1:])) {
				found = true
			}
		}
	})
	return found
}

func anyOf(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

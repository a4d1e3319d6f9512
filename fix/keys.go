package fix

import (
	"fmt"
	"path"
	"strings"

	"github.com/postern-ssh/postern/audit/account"
	"github.com/postern-ssh/postern/audit/facts"
	"github.com/postern-ssh/postern/audit/sshd"
)

// weakKeys comments weak keys out.
func (p *planner) weakKeys() {
	for i := range p.before.AuthorizedKeys {
		k := &p.before.AuthorizedKeys[i]
		if k.Weak == "" {
			continue
		}
		why := fmt.Sprintf("the key %s of %s is weak: %s", either(k.Fingerprint, "in line "+fmt.Sprint(k.Line)), k.User, k.Weak)
		p.keyLine(k, why, func(line string) (string, error) {
			return fmt.Sprintf("# postern %s, %s: %s", p.in.Now.UTC().Format("2006-01-02"), p.rule, line), nil
		})
	}
}

// environmentKeys takes environment= out of the options of keys.
func (p *planner) environmentKeys() {
	for i := range p.before.AuthorizedKeys {
		k := &p.before.AuthorizedKeys[i]
		has := false
		for _, o := range k.Options {
			has = has || isEnvironment(o)
		}
		if !has {
			continue
		}
		p.keyLine(k, fmt.Sprintf("the key %s of %s may set variables of its session", k.Fingerprint, k.User), func(line string) (string, error) {
			out := withoutEnvironment(line)
			was, is := account.ParseKeys([]byte(line+"\n")), account.ParseKeys([]byte(out+"\n"))
			if len(was) != 1 || len(is) != 1 || is[0].Bad != "" || was[0].Fingerprint != is[0].Fingerprint {
				return "", errNotHere{"the line cannot be taken apart"}
			}
			for _, o := range is[0].Options {
				if o.Name == "environment" {
					return "", errNotHere{"the line cannot be taken apart"}
				}
			}
			return out, nil
		})
	}
}

func isEnvironment(option string) bool {
	return len(option) >= len("environment=") && strings.EqualFold(option[:len("environment=")], "environment=")
}

// withoutEnvironment cuts the option out of a line. Options end at the first blank
// outside quotes (auth-options.c).
func withoutEnvironment(line string) string {
	start := len(line) - len(strings.TrimLeft(line, " \t"))
	var kept []string
	quoted, from, end := false, start, len(line)
	add := func(to int) {
		if o := line[from:to]; o != "" && !isEnvironment(o) {
			kept = append(kept, o)
		}
	}
scan:
	for i := start; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			add(i)
			from = i + 1
		case (c == ' ' || c == '\t') && !quoted:
			add(i)
			end = i
			break scan
		}
	}
	rest := line[end:]
	if len(kept) == 0 {
		rest = strings.TrimLeft(rest, " \t")
	}
	return line[:start] + strings.Join(kept, ",") + rest
}

// keyLine changes the line of one key.
func (p *planner) keyLine(k *facts.AuthorizedKey, why string, change func(string) (string, error)) {
	rule := p.rule
	place := fmt.Sprintf("%s:%d", k.Path, k.Line)
	f, err := p.open(k.Path, KindKeys)
	if err != nil {
		p.unfixed(rule, place+": "+err.Error())
		return
	}
	if !p.rootsAlone(path.Dir(f.before.Real)) {
		if f.user = k.User; p.account(k.User) == nil || p.account(k.User).UID != f.before.UID {
			p.unfixed(rule, fmt.Sprintf("%s: the file is not its owner's and lies where he may write: change it by hand", place))
			return
		}
	}
	if f.user == "root" {
		f.user = ""
	}
	lines := strings.SplitAfter(string(f.new), "\n")
	if k.Line < 1 || k.Line > int64(len(lines)) {
		p.unfixed(rule, place+": there is no such line")
		return
	}
	at := k.Line - 1
	line, end := strings.CutSuffix(lines[at], "\n")
	was := account.ParseKeys([]byte(line + "\n"))
	if len(was) != 1 || was[0].Fingerprint != k.Fingerprint {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			return // another rule has taken it out
		}
		p.unfixed(rule, place+": the line is not the key that was judged")
		return
	}
	if lines[at], err = change(line); err != nil {
		p.unfixed(rule, place+": "+err.Error())
		return
	}
	if end {
		lines[at] += "\n"
	}
	f.new = []byte(strings.Join(lines, ""))
	p.keep(f, rule, why)
}

const ed25519Key = "/etc/ssh/ssh_host_ed25519_key"

// ed25519 has the missing Ed25519 host key made, and named where keys are named.
func (p *planner) ed25519() {
	rule := p.rule
	if p.cfg == nil || p.before.Unknown["sshd"] != "" {
		p.unfixed(rule, either(p.server.Why, "no configuration of sshd was read"))
		return
	}
	g := p.cfg.Globals()
	offered := false
	for _, a := range g.Algorithms("HostKeyAlgorithms") {
		offered = offered || strings.HasPrefix(a, "ssh-ed25519")
	}
	v := g.Get("HostKey")
	switch {
	case !offered:
		p.unfixed(rule, g.Get("HostKeyAlgorithms").Origin.String()+" leaves Ed25519 out of HostKeyAlgorithms: whether that is meant is for you to say")
		return
	case v.Unknown != "":
		p.unfixed(rule, "HostKey may be set in what could not be read: "+v.Unknown)
		return
	case v.Origin.Kind == sshd.FromCommandLine:
		p.unfixed(rule, "the daemon's command line names the host keys")
		return
	}
	file := ed25519Key
	named := v.Origin.Kind != sshd.FromFile
	for _, a := range v.Args {
		if strings.Contains(a, "ed25519") {
			file, named = a, true
		}
	}
	if f, _ := seen(p.in.Snapshot, file); f != nil && named {
		p.unfixed(rule, file+" is there, and the server does not offer it: see its log for the reason")
		return
	} else if f == nil {
		if pub, _ := seen(p.in.Snapshot, file+".pub"); pub != nil {
			p.unfixed(rule, file+".pub is there without its private half, and clients may know this host by it: bring the private half back from a backup, or move the public half away and plan again")
			return
		}
		c := &pending{kind: KindKey, before: State{Path: file, Real: file}, after: State{Path: file, Real: file, Exists: true, Mode: 0o600}}
		p.keep(c, rule, "there is no Ed25519 host key: one is made; no other is touched")
	}
	if named {
		return
	}
	e := p.cfg.Edit(v.Origin.File)
	if e == nil {
		p.unfixed(rule, v.Origin.File+" was not read")
		return
	}
	old := e.Bytes()
	if err := e.Insert("HostKey", file); err != nil {
		p.unfixed(rule, plain(err))
		return
	}
	if err := p.apply([]sshd.FileEdit{{Path: v.Origin.File, Old: old, New: e.Bytes()}}, fmt.Sprintf("%s names the host keys, and none is Ed25519", v.Origin)); err != nil {
		p.unfixed(rule, err.Error())
	}
}

package fix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern-ssh/postern/audit/sshd"
	"github.com/postern-ssh/postern/audit/wire"
)

// listFixer takes algorithms of one standing out of a list.
func listFixer(rule, keyword string, kind wire.Kind, bad wire.Status) fixer {
	return fixer{rule, "takes the " + string(bad) + " names out of " + keyword + ": out of the line that names them, else by \"" + keyword + " -NAME,...\"; where a system-wide crypto policy sets the list, by a sub-policy for sshd alone (" + moduleName + ".pmod)", false,
		func(p *planner) {
			p.without(keyword, func(name string) bool { s, _ := wire.Judge(kind, name); return s == bad })
		}}
}

func (p *planner) userKeyAlgorithms() {
	if p.cfg == nil {
		p.unfixed(p.rule, either(p.server.Why, "no configuration of sshd was read"))
		return
	}
	old := []string{"ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com", "ssh-dss-cert-v01@openssh.com"}
	p.without(acceptedKeyword(p.cfg), func(name string) bool { return slices.Contains(old, name) })
}

func (p *planner) terrapin() {
	p.without("Ciphers", func(name string) bool {
		return name == "chacha20-poly1305@openssh.com" || strings.HasSuffix(name, "-cbc") || strings.HasPrefix(name, "rijndael")
	})
}

// without takes names out of a list of algorithms.
func (p *planner) without(keyword string, bad func(string) bool) {
	rule := p.rule
	if p.cfg == nil {
		p.unfixed(rule, either(p.server.Why, "no configuration of sshd was read"))
		return
	}
	for range maxEdits {
		done, err := p.withoutOnce(keyword, bad)
		if err != nil {
			p.unfixed(rule, err.Error())
			return
		}
		if done {
			return
		}
	}
}

// withoutOnce takes the names out of the list that holds for all, else of the
// first block that has them.
func (p *planner) withoutOnce(keyword string, bad func(string) bool) (done bool, err error) {
	g := p.cfg.Globals()
	var names []string
	if names, err = p.lacking(g, keyword, bad); err != nil {
		return false, err
	} else if names != nil {
		v := g.Get(keyword)
		if policyOwned(v) != "" || p.policyHanded(v) {
			return false, p.narrowPolicy(v, keyword, names, bad)
		}
		value, err := thinner(v, names, p.cfg.Version())
		if err != nil {
			return false, err
		}
		return false, p.set(setting{keyword, []string{value}, func(w []string) bool { return slices.Equal(w, []string{value}) }})
	}
	users, places, capped := p.contexts()
	if capped {
		return false, errNotHere{"the configuration tells more logins apart than postern looks at"}
	}
	m := p.cfg.Matrix(users, places)
	seen := map[*sshd.Settings]bool{}
	for u := range users {
		for at := range places {
			s := m.Settings(u, at)
			if seen[s] {
				continue
			}
			seen[s] = true
			names, err := p.lacking(s, keyword, bad)
			if err != nil || names == nil {
				if err != nil {
					return false, err
				}
				continue
			}
			v := s.Get(keyword)
			value, err := thinner(v, names, p.cfg.Version())
			if err != nil {
				return false, err
			}
			e := p.cfg.Edit(v.Origin.File)
			if e == nil {
				return false, errNotHere{v.Origin.String() + " was not read"}
			}
			old := e.Bytes()
			if err := e.SetLine(v.Origin.Pos.Line, value); err != nil {
				return false, errNotHere{plain(err)}
			}
			return false, p.apply([]sshd.FileEdit{{Path: v.Origin.File, Old: old, New: e.Bytes()}}, fmt.Sprintf("Match %s brings back %s", strings.TrimSpace(v.Origin.Match), strings.Join(names, ", ")))
		}
	}
	return true, nil
}

// lacking are the names of a list that have to go; nil: none.
func (p *planner) lacking(s *sshd.Settings, keyword string, bad func(string) bool) ([]string, error) {
	if !s.Known(keyword) {
		return nil, errNotHere{fmt.Sprintf("OpenSSH %s has no %s", p.cfg.Version(), keyword)}
	}
	v := s.Get(keyword)
	if v.Unknown != "" {
		return nil, errNotHere{keyword + " may be set in what could not be read: " + v.Unknown}
	}
	if !p.cfg.Version().Known() && (v.Origin.Kind == sshd.FromDefault || strings.ContainsAny(v.First(), "+-^")) {
		return nil, errNotHere{"the release is not known, and each has a list of its own"}
	}
	var names []string
	left := 0
	for _, n := range s.Algorithms(keyword) {
		if bad(n) {
			names = append(names, n)
		} else {
			left++
		}
	}
	if len(names) > 0 && left == 0 {
		return nil, errNotHere{keyword + " would be left empty: nobody could connect"}
	}
	return names, nil
}

// thinner writes a list without some names, in the form in which it stands.
func thinner(v sshd.Value, names []string, release sshd.Version) (string, error) {
	if release.Known() && release.Before(7, 5) && (v.Origin.Kind == sshd.FromDefault || strings.HasPrefix(v.First(), "+")) {
		return "", errNotHere{"OpenSSH " + release.String() + " cannot take names out of its default list (since 7.5): name the list that is meant"}
	}
	gone := func(w string) bool { return slices.Contains(names, w) }
	if v.Origin.Kind == sshd.FromDefault || len(v.Args) != 1 || v.Args[0] == "" {
		return "-" + strings.Join(names, ","), nil
	}
	sign, list := "", v.Args[0]
	if strings.ContainsAny(list[:1], "+-^") {
		sign, list = list[:1], list[1:]
	}
	words := strings.Split(list, ",")
	switch sign {
	case "-":
		return "-" + strings.Join(append(words, names...), ","), nil
	case "":
		return strings.Join(slices.DeleteFunc(words, gone), ","), nil
	}
	kept := slices.DeleteFunc(slices.Clone(words), gone)
	// What the release offers by itself goes only by "-".
	for _, n := range names {
		if !slices.Contains(words, n) {
			if len(kept) == 0 {
				return "-" + strings.Join(names, ","), nil
			}
			return "", errNotHere{fmt.Sprintf("%s adds to the default list, which holds %s: name the whole list instead", v.Origin, n)}
		}
	}
	if len(kept) == 0 {
		return "-" + strings.Join(names, ","), nil
	}
	return sign + strings.Join(kept, ","), nil
}

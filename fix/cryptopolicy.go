package fix

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/postern-ssh/postern/audit/sshd"
)

// Where a host's crypto policy lies (update-crypto-policies(8), crypto-policies(7)).
const (
	policyDir     = "/etc/crypto-policies"
	policyConfig  = policyDir + "/config"
	policyBackEnd = policyDir + "/back-ends/opensshserver.config"
	policyModules = policyDir + "/policies/modules"
	policyCurrent = policyDir + "/state/current"
	policyDump    = policyDir + "/state/CURRENT.pol"
	policyTool    = "/usr/bin/update-crypto-policies"
	imageBased    = "/run/ostree-booted"

	// moduleName is postern's sub-policy. The tool looks for its file in upper case.
	moduleName   = "POSTERN"
	policyModule = policyModules + "/" + moduleName + ".pmod"

	// policyScope is that of sshd alone: the host's ssh clients and libssh have others.
	policyScope = "openssh-server"
)

// noScopes: releases before 2021 have no directives for sshd alone.
const noScopes = policyDump + " tells of no scope for OpenSSH: a sub-policy of this release changes other programs too"

// Bounds for what a host's policy may say. Its words become names of files.
const (
	maxPolicyFile  = 64 << 10
	maxPolicyWords = 32
)

var (
	policyWord = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	linkText   = regexp.MustCompile(`^[A-Za-z0-9/_.:+-]{1,400}$`)
)

// subPolicy is what a plan makes of a host's crypto policy.
type subPolicy struct {
	module     *pending
	base       []byte     // what stays of the module
	others     []*pending // config and state, where they change
	backEnd    *pending
	handed     bool // on the daemon's command line
	directives []directive
}

// policyOwned says that a system-wide crypto policy sets a value.
func policyOwned(v sshd.Value) string {
	if v.Origin.Kind == sshd.FromFile && strings.Contains(v.Origin.File, "/crypto-policies/") {
		return fmt.Sprintf("the system-wide crypto policy sets it (%s), and a line in sshd_config would have no effect or be undone", v.Origin)
	}
	return ""
}

// narrowPolicy takes names out of a list that the crypto policy sets.
func (p *planner) narrowPolicy(v sshd.Value, keyword string, names []string, bad func(string) bool) error {
	list, lacks := directivesFor(keyword, names)
	if lacks != "" {
		return errNotHere{fmt.Sprintf("%s comes from the system-wide crypto policy (%s), so a line in sshd_config would have no effect; and it has no word that stands for %s in what sshd offers: choose a stricter policy (update-crypto-policies --set)", keyword, v.Origin, lacks)}
	}
	taken, err := p.direct(v, keyword, list, keyword+" without "+strings.Join(names, ", "))
	if err == nil {
		p.besides(keyword, taken, bad)
	}
	return err
}

// raisePolicy has the crypto policy ask for larger RSA keys.
func (p *planner) raisePolicy(v sshd.Value, s setting) error {
	_, err := p.direct(v, s.keyword, []directive{{minRSASize, s.args[0]}}, s.keyword+" "+s.args[0])
	return err
}

// direct changes what the crypto policy sets, by directives of a sub-policy for sshd
// alone. taken is what goes by them.
func (p *planner) direct(v sshd.Value, keyword string, list []directive, what string) (taken map[string][]string, err error) {
	from := fmt.Sprintf("%s comes from the system-wide crypto policy (%s), so a line in sshd_config would have no effect", keyword, v.Origin)
	byHand := "; by hand: " + policySteps(list)
	onCommandLine := p.policyHanded(v)
	if onCommandLine {
		byHand += ", then systemctl restart sshd"
	}
	if p.policy == nil {
		pol, why := p.openPolicy(v.Origin.File, onCommandLine)
		if why == noScopes { // what a person would write is another thing there
			byHand = ": choose a stricter policy (update-crypto-policies --set)"
		}
		if why != "" {
			return nil, errNotHere{from + "; no sub-policy is planned: " + why + byHand}
		}
		p.policy = pol
	}
	pol := p.policy
	lines := pol.backEnd.new
	if onCommandLine {
		lines = handedLines(handedWords(lines))
	}
	after, taken, why := directedBackEnd(lines, list)
	if onCommandLine {
		after = handedOf(after)
	}
	if why == "" && len(taken[strings.ToLower(keyword)]) == 0 {
		why = v.Origin.String() + " is not as update-crypto-policies writes it"
	}
	if why != "" {
		return nil, errNotHere{from + "; no sub-policy is planned: " + why + byHand}
	}
	for _, d := range list {
		if !slices.Contains(pol.directives, d) {
			pol.directives = append(pol.directives, d)
		}
	}
	pol.backEnd.new = after
	pol.module.new = moduleWith(pol.base, pol.directives)
	p.keep(pol.module, p.rule, "a sub-policy, since the system-wide crypto policy sets this and a line in sshd_config would have no effect")
	p.keep(pol.module, p.rule, what)
	for _, f := range pol.others {
		why := "what update-crypto-policies writes with the sub-policy"
		if f.before.Real == policyConfig {
			why = "names the sub-policy, as update-crypto-policies --set would; comments stay"
		}
		p.keep(f, p.rule, why)
	}
	p.keep(pol.backEnd, p.rule, "what update-crypto-policies makes of it for sshd; its other back-ends stay as they are")
	if pol.handed {
		p.ground = p.startedAnew()
		p.warn("sshd has the policy on its command line, so it is restarted, not reloaded; sessions stay where its unit says KillMode=process, else this is refused")
	}
	p.reload()
	p.warn("the sub-policy is for sshd alone (@%s): ssh clients on that host and all else keep what they have", policyScope)
	return taken, nil
}

// besides says what else a word of the policy's takes along.
func (p *planner) besides(keyword string, taken map[string][]string, bad func(string) bool) {
	for _, k := range policyLists {
		var more []string
		for _, n := range taken[strings.ToLower(k)] {
			if !strings.EqualFold(k, keyword) || !bad(n) {
				more = append(more, n)
			}
		}
		if len(more) > 0 {
			p.warn("the policy has one word for them, so %s loses %s too", k, strings.Join(more, ", "))
		}
	}
}

// openPolicy looks at a host's crypto policy; why says that postern does not change it.
func (p *planner) openPolicy(from string, handed bool) (pol *subPolicy, why string) {
	snap := p.in.Snapshot
	switch {
	case !handed && path.Clean(from) != policyBackEnd:
		return nil, from + " is not the back-end that update-crypto-policies writes"
	case snap.Lookup(imageBased) != nil:
		return nil, "the host runs an image (" + imageBased + "): a back-end that is changed in /etc would no longer follow the image's updates; the sub-policy belongs into the image"
	case snap.Lookup(policyTool) == nil:
		return nil, policyTool + " was not seen on the host"
	}
	for _, d := range []string{policyDir, policyDir + "/back-ends", policyDir + "/state", policyModules} {
		if f := snap.Lookup(d); f == nil || f.Type != 'd' {
			return nil, d + " was not seen, or is no folder"
		}
	}
	var files []*pending
	for _, name := range []string{policyConfig, policyCurrent, policyDump} {
		f, w := p.openPolicyFile(name)
		if w == "" && !f.before.Exists {
			w = name + " was not seen"
		}
		if w != "" {
			return nil, w
		}
		files = append(files, f)
	}
	config, current, dump := files[0], files[1], files[2]
	words, end, err := readPolicy(config.old)
	if err != nil {
		return nil, fmt.Sprintf("%s: %v", policyConfig, err)
	}
	was := strings.Join(words, ":")
	switch {
	case words[0] == "FIPS":
		return nil, "the host's policy is " + was + ", and what FIPS demands is not to be changed piecemeal"
	case strings.TrimSpace(string(current.old)) != was:
		return nil, fmt.Sprintf("%s is not applied (%s says otherwise): run update-crypto-policies and look at what it changes", policyConfig, policyCurrent)
	case !bytes.Contains(dump.old, []byte("@openssh")):
		return nil, noScopes
	}
	pol = &subPolicy{}
	if pol.module, why = p.openPolicyFile(policyModule); why != "" {
		return nil, why
	}
	named, there := slices.Contains(words, moduleName), pol.module.before.Exists
	switch {
	case named && !there:
		return nil, fmt.Sprintf("%s names %s, and %s was not seen", policyConfig, moduleName, policyModule)
	case named:
		pol.base = pol.module.old
	case there && !bytes.HasPrefix(pol.module.old, []byte(moduleHead)):
		return nil, policyModule + " is there, not in force, and not postern's: look at it first"
	default: // what an earlier policy had of ours has no say in this one
		colon := ":"
		if config.old[end-1] == ':' {
			colon = ""
		}
		config.new = slices.Concat(config.old[:end], []byte(colon+moduleName), config.old[end:])
		current.new = []byte(was + ":" + moduleName + "\n")
		pol.others = append(pol.others, config, current)
	}
	dump.made, dump.new = true, nil
	pol.others = append(pol.others, dump)
	if pol.backEnd, why = p.openBackEnd(); why == "" && handed {
		pol.handed = true
		why = p.handedOver(pol.backEnd.old)
	}
	return pol, why
}

// openPolicyFile begins to change a file of the policy's.
func (p *planner) openPolicyFile(name string) (*pending, string) {
	for _, g := range p.in.Snapshot.GapsFor(name) {
		if g.Path == name {
			return nil, name + " was not read: " + g.Reason
		}
	}
	f, err := p.open(name, KindPolicy)
	switch {
	case err != nil:
		return nil, err.Error()
	case f.before.Real != name:
		return nil, name + " is a link, or lies behind one"
	case len(f.old) > maxPolicyFile:
		return nil, fmt.Sprintf("%s has more than %d bytes", name, maxPolicyFile)
	}
	return f, ""
}

// openBackEnd begins to change what sshd reads. While no sub-policy is in force it is
// a link into /usr: the link goes, what it leads to stays as it is.
func (p *planner) openBackEnd() (*pending, string) {
	link := p.in.Snapshot.Lookup(policyBackEnd)
	if link == nil || link.Type != 'l' {
		f, err := p.open(policyBackEnd, KindSshd)
		switch {
		case err != nil:
			return nil, err.Error()
		case f.before.Real != policyBackEnd || len(f.old) > maxPolicyFile:
			return nil, policyBackEnd + " is not where update-crypto-policies writes it"
		}
		return f, ""
	}
	data, why := content(p.in.Snapshot, policyBackEnd)
	switch {
	case why != "":
		return nil, why
	case !linkText.MatchString(link.Target) || len(data) > maxPolicyFile:
		return nil, policyBackEnd + " leads to where no policy's back-end is"
	case link.UID < 0 || link.GID < 0:
		return nil, "owner and mode of " + policyBackEnd + " are not known"
	}
	before := State{Path: policyBackEnd, Real: policyBackEnd, Exists: true, SHA256: sumOf(data), UID: link.UID, GID: link.GID, Mode: link.Mode,
		Inode: link.Inode, Links: link.Links, Changed: link.MTime.UTC(), Link: link.Target}
	after := before
	after.Inode, after.Links, after.Changed, after.Link, after.UID, after.GID, after.Mode = 0, 0, time.Time{}, "", 0, 0, 0o644
	return &pending{kind: KindSshd, before: before, after: after, old: data, new: data}, ""
}

// ofPolicy says that a change is the sub-policy's own: written by the tool's rules.
func (p *planner) ofPolicy(f *pending) bool {
	return f.kind == KindPolicy && f.before.Real != policyConfig || p.policy != nil && f == p.policy.backEnd
}

// readPolicy reads the words of a policy as update-crypto-policies(8) does: upper case,
// POLICY first, sub-policies after it, in as many lines as there are. end is behind the last word.
func readPolicy(data []byte) (words []string, end int, err error) {
	at := 0
	for line := range bytes.Lines(data) {
		text, _, _ := bytes.Cut(line, []byte("#"))
		if bytes.ContainsAny(line, "\r\x00") {
			return nil, 0, errors.New("it holds a carriage return or NUL")
		}
		text = bytes.TrimRight(text, " \t\n")
		lead := len(text) - len(bytes.TrimLeft(text, " \t"))
		if len(text) > lead {
			end = at + len(text)
			for i, w := range strings.Split(string(text[lead:]), ":") {
				switch {
				case w == "" && i == 0 && len(words) == 0:
					return nil, 0, errors.New("it begins without a policy")
				case w == "":
					continue
				case !policyWord.MatchString(w):
					return nil, 0, fmt.Errorf("%.80q is not the name of a policy", w)
				case len(words) == maxPolicyWords:
					return nil, 0, fmt.Errorf("it names more than %d policies", maxPolicyWords)
				}
				words = append(words, strings.ToUpper(w))
			}
		}
		at += len(line)
	}
	if len(words) == 0 {
		return nil, 0, errors.New("it names no policy")
	}
	return words, end, nil
}
